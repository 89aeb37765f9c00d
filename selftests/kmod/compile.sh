#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The module compiles without a warning (W=1, sparse) for the newest and the oldest kernel, and with
# MESHVPN_KERNELS=all for every kernel of tools/kernel; there it is loaded, too, and carries three hops.

cd "$(dirname "$0")/../.." || exit 1
kernels=(uml-lock 6.1) others=()
[[ ${MESHVPN_KERNELS-} != all ]] || others=(6.12 6.12-trixie 7-trixie 7-sid)
n=0 failed=0

# step NAME CMD...
step() {
	local name=$1 out
	shift
	n=$((n + 1))
	if out=$("$@" 2>&1); then
		echo "ok $n - $name"
	else
		failed=1
		sed 's/^/#   /' <<<"$out"
		echo "not ok $n - $name"
	fi
}

echo "TAP version 13"
echo "1..$((1 + ${#kernels[@]} + 2 * ${#others[@]}))"
((!${#others[@]})) || tools/deps releases >/dev/null || exit 1
for kernel in "${kernels[@]}" "${others[@]}"; do
	step "$kernel: no warning" tools/kernel -q --strict --sparse module "$kernel"
done
for kernel in "${others[@]}"; do
	step "$kernel: three hops" env KERNEL="$kernel" selftests/kmod/handmade.sh
done
step "6.1: three hops" env KERNEL=6.1 selftests/kmod/handmade.sh
exit $failed
