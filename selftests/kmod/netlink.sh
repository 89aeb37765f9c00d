#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The module's netlink interface (netlink*.c), each program in a guest of its own: with lockdep, with
# KASAN, and on the oldest kernel that there is; where memory runs out; then changed messages by the
# hundred thousand.

cd "$(dirname "$0")/../.." || exit 1

programs=(netlink netlink_batch netlink_who netlink_dump)
kernels=(uml-lock uml-kasan)
messages=100000
[[ ! ${MESHVPN_LONG-} ]] || messages=--long
n=0 failed=0

# in_guest KERNEL SECONDS PROGRAM ARG...
in_guest() {
	local out
	n=$((n + 1))
	if out=$(tools/vm -q --kernel="$1" --timeout="$2" -- "build/selftests/kmod/$3" "${@:4}" 2>&1); then
		sed -n 's/^# \(.*\(dump of\|messages, seed\|answers:\)\)/#   \1/p' <<<"$out"
		echo "ok $n - $1: $3"
	else
		failed=1
		sed 's/^/#   /' <<<"$out"
		echo "not ok $n - $1: $3"
	fi
}

echo "TAP version 13"
echo "1..$((${#kernels[@]} * ${#programs[@]} + 3))"
for kernel in "${kernels[@]}"; do
	for program in "${programs[@]}"; do
		in_guest "$kernel" 300 "$program"
	done
done
# emulated, and so slow
in_guest 6.1 600 netlink
in_guest uml-kasan 900 netlink_memory
in_guest uml-kasan 3000 netlink_fuzz $messages
exit $failed
