#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Shows that a bug in a module fails a test: loads a module of planted bugs in the kernels that are
# to find them, one bug a guest, and wants each reported, and nothing reported where there is none.

cd "$(dirname "$0")/../.." || exit 1

# kernel, bug, what the kernel is to say
plan=(
	"uml-lock   inversion       possible circular locking dependency"
	"uml-lock   sleep           sleeping function called from invalid context"
	"uml-lock   rcu             suspicious RCU usage|suspicious rcu_dereference"
	"uml-kasan  use-after-free  KASAN: slab-use-after-free"
	"uml-kasan  out-of-bounds   KASAN: slab-out-of-bounds"
	"uml-kasan  shift           UBSAN: shift-out-of-bounds"
	"uml-kasan  leftover        Objects remaining"
	"uml-kasan  unfreed         func:plant_unfreed has [0-9]+ allocated at module unload"
)
n=0 failed=0

result() {
	n=$((n + 1))
	if [[ $1 == 0 ]]; then echo "ok $n - $2"; else
		failed=1
		sed 's/^/# /' <<<"$3"
		echo "not ok $n - $2"
	fi
}

# in KERNEL BUG OPTION...: loads the module there
in_guest() {
	tools/vm -q --kernel="$1" --no-module --timeout=60 "${@:3}" -- bash -c \
		'insmod "$0" bug="$1" && rmmod planted' "$(tools/kernel -q module "$1" --source selftests/kmod/planted)" "$2" 2>&1
}

echo "TAP version 13"
echo "1..$((2 * ${#plan[@]} + 2))"
for kernel in uml-lock uml-kasan; do
	out=$(in_guest $kernel none)
	result $? "$kernel: no bug, no report" "$out"
done
for line in "${plan[@]}"; do
	read -r kernel bug said <<<"$line"
	out=$(in_guest "$kernel" "$bug" --expect-splat="$said")
	result $? "$kernel: $bug: $said" "$out"
	# and without being expected it is a failure, even though the command is content
	out=$(in_guest "$kernel" "$bug")
	[[ $? == 70 && $out == *complained* ]]
	result $? "$kernel: $bug fails a run" "$out"
done
exit $failed
