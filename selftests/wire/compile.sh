#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# include/meshvpn compiled as the kernel, BPF and userspace of several machines compile it, and the
# same self-test run on all of them, big-endian and 32-bit under qemu.

set -u
cd "$(dirname "$0")/../.." || exit 2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
n=0 bad=0

# check WHAT CMD...: one TAP line; its output only if it fails
check() {
	local what=$1
	shift
	n=$((n + 1))
	if "$@" >"$dir/log" 2>&1; then
		echo "ok $n $what"
	else
		echo "not ok $n $what"
		sed 's/^/# /' "$dir/log"
		bad=1
	fi
}

warn=(-Wall -Wextra -Werror -Wmissing-prototypes -Wpointer-arith)
src=(-Iinclude -Iselftests/wire)
# what the kernel lets a compiler call by itself
kernel_may='memcpy|memset|memmove|memcmp|__stack_chk_fail'

kernel_style() { # CC... : compile and look for calls to anything else
	"$@" -std=gnu11 -O2 -ffreestanding -nostdinc -fno-builtin -fno-pic -fno-stack-protector \
		-DMV_FREESTANDING "${warn[@]}" "${src[@]}" -c -o "$dir/kernel.o" \
		selftests/wire/headers.c || return
	! nm -u "$dir/kernel.o" | grep -vE "^ *U ($kernel_may)\$"
}

bpf() {
	clang -target bpf -O2 -g -mcpu="$1" "${warn[@]}" "${src[@]}" -c -o "$dir/bpf.o" \
		selftests/wire/headers.c || return
	! llvm-nm -u "$dir/bpf.o" | grep . || return
	local f
	for f in $(grep -oE '^[a-z].* \**(use_[a-z_]+)\(.*\)$' selftests/wire/headers.c |
		   grep -oE 'use_[a-z_]+' | sort -u); do
		llvm-nm --defined-only "$dir/bpf.o" | grep -q " T $f\$" || { echo "$f is missing"; return 1; }
	done
}

self() { # MACHINE CC...
	local machine=$1
	shift
	"$@" -std=gnu11 -O2 "${warn[@]}" "${src[@]}" -o "$dir/$machine" selftests/wire/portable.c
}

# alone NAME: each header compiles without another before it
alone() {
	echo "#include <meshvpn/$1>" >"$dir/alone.c"
	gcc -std=gnu11 -O2 "${warn[@]}" -Wno-unused-function "${src[@]}" -c -o "$dir/alone.o" "$dir/alone.c"
}

echo "TAP version 13"
for h in include/meshvpn/*.h; do
	check "${h##*/} needs no other header" alone "${h##*/}"
done
check "as kernel code, gcc" kernel_style gcc
check "as kernel code, gcc, 32 bits" kernel_style gcc -m32
check "as kernel code, clang" kernel_style clang
check "as BPF" bpf v2
check "as BPF, instruction set v3" bpf v3
check "userspace x86-64, gcc" self x86-64 gcc
check "userspace x86-64 gives the expected results" "$dir/x86-64"
check "userspace x86-64, clang" self x86-64-clang clang -fsanitize=undefined -fno-sanitize-recover
check "userspace x86-64 under UBSan gives the expected results" "$dir/x86-64-clang"
for machine in i386 s390x armhf; do
	check "userspace $machine" self $machine tools/cross $machine cc
	check "userspace $machine gives the expected results" tools/cross $machine run "$dir/$machine"
done
echo "1..$n"
exit $bad
