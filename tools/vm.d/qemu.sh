# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# Boots one of Debian's kernels for tools/vm, in qemu with emulated processors: slow, but it is the
# kernel that people have. The host's files come in over virtiofs, so that nothing needs packing but
# what mounts them. The command's output goes to files there and is followed from here.

qemu_virtiofsd=/usr/lib/qemu/virtiofsd

qemu_prepare() {
	local p
	for p in qemu-system-x86_64:qemu-system-x86 "$qemu_virtiofsd:qemu-system-common" busybox:busybox-static cpio:cpio modprobe:kmod; do
		PATH=$PATH:/usr/sbin:/sbin command -v "${p%:*}" >/dev/null ||
			die "${p%:*} is not there; next: tools/deps (package ${p#*:})"
	done
	((EUID == 0)) || die "not root: sharing files with a guest of qemu takes that; next: sudo, or --kernel=uml"
	if [[ $terminal ]]; then
		conf out /dev/ttyS1 err /dev/ttyS1
	else
		conf out /run/vm/stdout err /run/vm/stderr
	fi
	: >"$state/stdout"
	: >"$state/stderr"
	devices=()
	qemu_share host / always
	qemu_share state "$state" none
	[[ ! $share ]] || qemu_share share "$share" none
	qemu_initrd || die "cannot make an initrd for $kernel; next: modprobe -d $modules"
}

# what makes the host's files the root: busybox, three drivers and what they depend on
qemu_initrd() {
	local d=$state/initrd release file name
	release=$(basename "$modules"/lib/modules/*)
	mkdir -p "$d"/{bin,dev,proc,sys,host,memory,root,modules}
	cp "$(command -v busybox)" "$d/bin/busybox"
	ln -s busybox "$d/bin/sh"
	while read -r file; do
		name=$(basename "$file")
		case $name in
		*.xz) name=${name%.xz}; xz -dc "$file" >"$d/modules/$name" ;;
		*.zst) name=${name%.zst}; zstd -dcq "$file" >"$d/modules/$name" ;;
		*) cp "$file" "$d/modules/$name" ;;
		esac
		echo "$name" >>"$d/modules/list"
	done < <(for name in virtio_pci virtiofs overlay; do
		modprobe -d "$modules" -S "$release" --show-depends "$name" 2>/dev/null || : # built in
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }')
	cp "$vm_d/root-qemu" "$d/init"
	printf 'share=%q\ncwd=%q\n' "$share" "$PWD" >"$d/conf"
	(cd "$d" && find . | cpio -o -H newc -R 0:0 --quiet) >"$state/initrd.cpio"
	rm -rf "$d"
}

# qemu_share TAG DIRECTORY CACHE: a server for it, whose device goes into devices
qemu_share() {
	local socket=$state/$1.socket
	setpriv --pdeathsig TERM "$qemu_virtiofsd" "--socket-path=$socket" -o "source=$2,cache=$3,sandbox=chroot" \
		--thread-pool-size=2 >"$state/$1.log" 2>&1 &
	helpers+=($!)
	for ((i = 0; i < 100; i++)); do
		[[ ! -S $socket ]] || break
		sleep 0.02
	done
	[[ -S $socket ]] || die "virtiofsd does not serve $2: $(tail -n 1 "$state/$1.log"); next: $qemu_virtiofsd --socket-path=/tmp/x -o source=$2"
	devices+=(-chardev "socket,id=$1,path=$socket" -device "vhost-user-fs-pci,chardev=$1,tag=$1")
}

# the command's output as it comes, until qemu has ended
qemu_follow() {
	tail -q -c +1 -s 0.1 -f --pid="$1" "$state/stdout" 2>/dev/null &
	followers+=($!)
	tail -q -c +1 -s 0.1 -f --pid="$1" "$state/stderr" >&2 2>/dev/null &
	followers+=($!)
}

qemu_boot() {
	local serial=none
	[[ ! $terminal ]] || serial=stdio
	[[ $terminal ]] || exec </dev/null
	# cx16: qemu 7.2 spoils the flags of cmpxchg16b, and newer kernels' allocator uses it
	# shellcheck disable=SC2086
	limited qemu-system-x86_64 -accel tcg,thread=multi -cpu max,-cx16 -smp "$cpus" -m "$mem" \
		-object "memory-backend-memfd,id=memory,size=$mem,share=on" -machine memory-backend=memory \
		-kernel "$image" -initrd "$state/initrd.cpio" "${devices[@]}" \
		-append "console=ttyS0 no_timer_check mitigations=off $common" \
		-display none -no-reboot -nodefaults -serial "file:$state/console" -serial "$serial" \
		2>"$state/qemu.log"
}
