# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Debian's own kernels and what modules are compiled with for them: packages unpacked, never
# installed, so that any release's kernel can be had without being this machine's. The newer ones'
# build tools need the C library of their release: those are compiled in a small root of it.

# debian_build NAME: a kernel that is there stays until --refresh
debian_build() {
	[[ ! -e $kernel_cache/$1 || $refresh ]] || return 0
	with_lock "$1" debian_get "$1"
}

# of what package $1 depends on, that whose name matches; a meta package's meaning, for example
debian_meaning() {
	apt-cache depends --no-recommends --no-suggests "$1" 2>/dev/null |
		awk -v p="$2" '$1 == "Depends:" && $2 ~ p { print $2 }'
}

debian_get() {
	local name=$1 image headers version dir part release parts
	[[ ! -e $kernel_cache/$name || $refresh ]] || return 0
	need depmod kmod
	need dpkg-deb dpkg
	apt_suite "$suite"
	image=$(debian_meaning "$package" '^linux-image-')
	[[ $image ]] || die "$suite has no $package; next: apt-cache policy $package with APT_CONFIG=$APT_CONFIG"
	release=${image#linux-image-}
	version=$(version_of "$image")
	dir=$kernel_cache/$name-$(plain "$version") part=$dir.part
	if [[ ! -e $dir ]]; then
		say "fetching $image $version"
		rm -rf "$part"
		mkdir -p "$part/image"
		# newer ones come in parts
		mapfile -t parts < <(debian_meaning "$image" '^linux-(base|binary|modules)-')
		if [[ $kind == debian ]]; then
			headers=linux-headers-$release
			mapfile -t -O "${#parts[@]}" parts < <(echo "$headers"
				debian_meaning "$headers" '^linux-(headers-.*-common|kbuild-)')
		else
			debian_root "$part/root" "$release"
		fi
		fetch "$part/deb" "$image" "${parts[@]}"
		debian_unpack "$part" "$dir" "$release"
		rm -rf "$part/deb"
		echo "$release" >"$part/release"
		mv "$part" "$dir"
	fi
	publish "$name" "$dir"
}

debian_unpack() {
	local part=$1 dir=$2 release=$3 f
	for f in "$part"/deb/*.deb; do
		dpkg-deb -x "$f" "$part/image" || die "cannot unpack $f; next: df $kernel_cache"
	done
	rm -f "$part/image/lib/modules/$release"/{build,source}
	# newer packages have no /lib beside /usr/lib
	[[ -e $part/image/lib ]] || ln -s usr/lib "$part/image/lib"
	depmod -b "$part/image" "$release" || die "depmod fails on $release; next: depmod -b $part/image $release"
	# the headers find each other by absolute paths, and are not where they expect to be
	find "$part/image/usr/src" -maxdepth 2 -name Makefile -type f -size -4k -exec sed -i "s|/usr/src/|$dir/image/usr/src/|g" {} + 2>/dev/null || true
}

# debian_root DIR RELEASE: compiler, C library and kernel headers of the kernel's release
debian_root() {
	local log=$1.log base=${suite%-backports} target=
	need mmdebstrap mmdebstrap
	((EUID == 0)) || die "not root, and $suite's compiler needs a root of its own; next: sudo tools/kernel build $name"
	say "making a root of $suite with its compiler (a minute)"
	[[ $base == "$suite" ]] || target=/$suite
	mmdebstrap --variant=apt --include="binutils,make,perl,python3,sparse,linux-headers-$2$target" --skip=check/empty \
		--aptopt='Apt::Install-Recommends "false"' --aptopt='Acquire::Check-Valid-Until "false"' \
		--dpkgopt='path-exclude=/usr/share/{doc,man,locale,info}/*' \
		"$base" "$1" - <"$(dirname "$APT_CONFIG")/sources.list" >"$log" 2>&1 ||
		die "mmdebstrap cannot make a root of $suite: $(grep '^E:' "$log" | tail -n 1); next: see $log"
}

debian_release() { cat "$kernel_cache/$1/release"; }

debian_image() {
	local dir release f
	dir=$(realpath "$kernel_cache/$1")
	release=$(<"$dir/release")
	for f in "$dir/image/boot/vmlinuz-$release" "$dir/image/lib/modules/$release/vmlinuz"; do
		[[ ! -e $f ]] || { echo "$f"; return 0; }
	done
	die "no vmlinuz in $dir/image; next: tools/kernel drop $1, and again"
}

# for a kernel with a root of its own this is a path in there
debian_dir() {
	local dir
	dir=/usr/src/linux-headers-$(debian_release "$1")
	[[ $kind == chroot ]] || dir=$(realpath "$kernel_cache/$1")/image$dir
	echo "$dir"
}

# debian_inside NAME DIR COMMAND...: runs it in the kernel's root, which sees DIR where it is
debian_inside() {
	local root dir=$2
	root=$(realpath "$kernel_cache/$1/root")
	shift 2
	mkdir -p "$root$dir"
	# shellcheck disable=SC2016
	unshare --mount --propagation private bash -c '
		root=$1 dir=$2; shift 2
		mount --bind "$dir" "$root$dir" && mount -t proc proc "$root/proc" && exec chroot "$root" "$@"' \
		- "$root" "$dir" env PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
}
