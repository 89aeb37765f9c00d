#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The conformance suite of the datapaths (selftests/datapath) with the module, in a kernel that checks
# locking and in one that checks memory.

cd "$(dirname "$0")/../.." || exit 1
programs=(cells objects stream vectors)
n=0 failed=0
echo "TAP version 13"
echo "1..$((2 * ${#programs[@]}))"
for kernel in uml-lock uml-kasan; do
	for program in "${programs[@]}"; do
		n=$((n + 1))
		if out=$(tools/vm -q --kernel=$kernel --timeout=600 -- \
			env MESHVPN_DATAPATH=kmod "build/selftests/datapath/$program" 2>&1); then
			sed -n 's/^# Totals:/#   &/p' <<<"$out"
			echo "ok $n - $kernel: $program"
		else
			failed=1
			grep -v 'names another$' <<<"$out" | tail -n 60 | sed 's/^/#   /'
			echo "not ok $n - $kernel: $program"
		fi
	done
done
exit $failed
