# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Compiles the User-Mode Linuxes: a stable kernel that boots in a fraction of a second with this
# machine's own files, which is what makes a kernel module pleasant to work on. Debian's packaged
# one is older than processors with large register files and does not start on them.

# change this when what is compiled changes in other ways than by the configuration
uml_recipe=1
# how many lines a build says, for the progress
uml_lines=1610

# uml_source: sets src to the unpacked source, which is fetched if need be
uml_source() {
	src=$kernel_cache/src/$package
	[[ ! -e $src/Makefile || $refresh ]] || { src=$(realpath "$src"); return 0; }
	with_lock src uml_unpack
	src=$(realpath "$src")
}

uml_unpack() {
	local version dir skip=() d
	[[ ! -e $src/Makefile || $refresh ]] || return 0
	apt_suite "$suite"
	version=$(version_of "$package")
	[[ $version ]] || die "$suite has no $package any more; next: tools/kernel.d/kernels names it, apt-cache search linux-source what there is"
	dir=$kernel_cache/src/linux-$(plain "$version")
	if [[ ! -e $dir ]]; then
		say "fetching $package $version (170 MB)"
		rm -rf "$dir".{deb,part}
		mkdir -p "$dir.part"
		fetch "$dir.deb" "$package"
		# other machines' code, drivers for hardware and sound are two thirds of it
		for d in drivers/{gpu,media,infiniband,scsi,staging,usb,iio,video} drivers/net/{ethernet,wireless} sound \
			arch/{alpha,arc,arm,arm64,csky,hexagon,loongarch,m68k,microblaze,mips,nios2,openrisc,parisc,powerpc,riscv,s390,sh,sparc,xtensa}; do
			skip+=(--exclude="$package/$d/*."{c,h,S,dts,dtsi})
		done
		say "unpacking it"
		dpkg-deb --fsys-tarfile "$dir.deb"/*.deb | tar -xO "./usr/src/$package.tar.xz" | xz -dc -T0 |
			tar -x -C "$dir.part" --strip-components=1 --wildcards "${skip[@]}" ||
			die "cannot unpack $package; next: df $kernel_cache"
		mv "$dir.part" "$dir"
		rm -rf "$dir.deb"
	fi
	ln -sfnT "${dir##*/}" "$src"
}

# the lines that matter of the fragments of kernel $1
uml_fragments() {
	cat "$kernel_d/uml.config"
	[[ $1 == uml ]] || cat "$kernel_d/$1.config"
}

uml_fragment() { uml_fragments "$1" | grep -h '^CONFIG_'; }

# uml_target NAME: where the kernel belongs that the source and the configuration make
uml_target() {
	local hash
	hash=$({ uml_fragment "$1"; echo "$uml_recipe"; gcc -dumpfullversion; } | sha256sum | head -c 12)
	echo "$kernel_cache/$1-${src##*/linux-}-$hash"
}

# every line of the fragment has to hold: a symbol that was renamed or lost its dependencies would
# silently take a test's ground away
uml_configure() {
	local part=$1 bad
	uml_fragment "$2" >"$part/fragment"
	make -s -C "$src" O="$part" ARCH=um KCONFIG_ALLCONFIG="$part/fragment" allnoconfig >"$part/log" 2>&1 ||
		die "cannot configure $2; next: see $part/log"
	bad=$(tac "$part/fragment" | awk -F= '!seen[$1]++' | while IFS='=' read -r k v; do
		if [[ $v == n ]]; then
			! grep -q "^$k=" "$part/.config" || echo "$k is not off"
		else
			grep -qxF "$k=$v" "$part/.config" || echo "$k=$v not taken"
		fi
	done)
	[[ ! $bad ]] || die "configuration of $2: $bad; next: change tools/kernel.d/uml*.config"
}

uml_progress() {
	awk -v name="$1" -v total="$uml_lines" -v tty="$2" -v quiet="${quiet:-}" '
		{ n++; p = int(n * 100 / total); if (p > 99) p = 99 }
		!quiet && p >= next_p {
			printf "%s%s: %d %%%s", tty ? "\r" : "", name, p, tty ? "" : "\n" > "/dev/stderr"
			next_p = p + (tty ? 1 : 20)
		}
		END { if (!quiet && tty) printf "\r\033[K" > "/dev/stderr" }'
}

uml_make() {
	local name=$1 dir=$2 part=$2.part started=$SECONDS tty=
	[[ ! -e $dir ]] || return 0
	for p in flex:flex bison:bison bc:bc gcc:gcc make:make; do need "${p%:*}" "${p#*:}"; done
	# a build that was interrupted goes on where it was
	mkdir -p "$part"
	uml_configure "$part" "$name"
	say "compiling $name out of ${src##*/} (about 6 minutes of two processors, once)"
	[[ ! -t 2 ]] || tty=1
	(set -o pipefail; make -C "$src" O="$part" ARCH=um -j"$jobs" 2>&1 | tee "$part/log" | uml_progress "$name" "$tty") || {
		grep -B2 -A10 -m3 -E 'error:|Error [0-9]' "$part/log" >&2
		die "cannot compile $name; next: see $part/log"
	}
	[[ -x $part/linux && -s $part/Module.symvers ]] || die "compiling $name left no kernel; next: see $part/log"
	uml_finish "$part" "$dir"
	say "$name: $((SECONDS - started)) s"
}

# what modules are compiled with stays, the kernel's own objects (a third of a gigabyte) go; the
# make file names its directory
uml_finish() {
	local part=$1 dir=$2
	find "$part" \( -name '*.o' -o -name '*.a' -o -name '.*.cmd' \) ! -path "$part/scripts/*" -delete
	rm -f "$part"/vmlinux.unstripped "$part"/.tmp_vmlinux*
	sed -i "s|$part|$dir|g" "$part/Makefile"
	mv "$part" "$dir"
}

uml_build() {
	local src dir
	uml_source
	dir=$(uml_target "$1")
	[[ -e $dir ]] || with_lock "$1" uml_make "$1" "$dir"
	[[ $(readlink "$kernel_cache/$1") == "${dir##*/}" ]] || publish "$1" "$dir"
}

# is NAME there as the tree describes it now?
uml_present() {
	local src=$kernel_cache/src/$package
	[[ -e $src/Makefile ]] || return 1
	src=$(realpath "$src")
	[[ -e $kernel_cache/$1 && $(readlink "$kernel_cache/$1") == "$(basename "$(uml_target "$1")")" ]]
}
