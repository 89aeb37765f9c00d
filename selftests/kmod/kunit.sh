#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The module's own tests (kmod/tests) in a kernel that checks locking and in one that checks memory.

cd "$(dirname "$0")/../.." || exit 1
n=0 failed=0
echo "TAP version 13"
echo "1..2"
for kernel in uml-lock uml-kasan; do
	n=$((n + 1))
	if out=$(tools/vm -q --kernel=$kernel --timeout=300 --kunit 2>&1); then
		grep -E '^# .*pass:' <<<"$out"
		echo "ok $n - $kernel"
	else
		failed=1
		sed 's/^/#   /' <<<"$out"
		echo "not ok $n - $kernel"
	fi
done
exit $failed
