# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the parts of tools/kernel share: where kernels are kept, how nobody builds one twice or
# sees a half of one, and packages of any Debian release without touching the machine's sources.

kernel_cache=${XDG_CACHE_HOME:-$HOME/.cache}/meshvpn/kernel
kernel_d=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
kernel_top=$(realpath "$kernel_d/../..")
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

die() { printf 'tools/kernel: %s\n' "$*" >&2; exit 1; }

say() { [[ ${quiet:-} ]] || printf '%s\n' "$*" >&2; }

# need PROGRAM PACKAGE
need() {
	PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null ||
		die "$1 is not there; next: tools/deps (package $2)"
}

# kernel_row NAME: sets kind, suite and package
kernel_row() {
	local name
	while read -r name kind suite package; do
		[[ $name != "$1" ]] || return 0
	done < <(grep -v '^#' "$kernel_d/kernels")
	die "there is no kernel \"$1\"; next: tools/kernel list"
}

# with_lock NAME COMMAND...: one at a time for that name, over all processes of this user
with_lock() {
	local fd file=$kernel_cache/lock/$1 rc=0
	mkdir -p "${file%/*}" || die "cannot write to $kernel_cache; next: set XDG_CACHE_HOME"
	exec {fd}>"$file"
	if ! flock -n "$fd"; then
		say "waiting for another tools/kernel that makes $1"
		flock "$fd"
	fi
	"${@:2}" {fd}>&- || rc=$?
	exec {fd}>&-
	return $rc
}

# publish NAME DIR: DIR is complete and what NAME means from now on; older ones of that name go
publish() {
	local old
	old=$(readlink "$kernel_cache/$1") || old=
	ln -sfnT "$(basename "$2")" "$kernel_cache/$1.new.$$"
	mv -fT "$kernel_cache/$1.new.$$" "$kernel_cache/$1"
	if [[ $old && $old != "$(basename "$2")" && -e $kernel_cache/$old ]]; then
		mv "$kernel_cache/$old" "$kernel_cache/$old.gone.$$"
		rm -rf "${kernel_cache:?}/$old.gone.$$"
	fi
}

# ---- packages ----

# the mirror that this machine uses for release $1, out of its own configuration
mirror() {
	if [[ ${MESHVPN_MIRROR:-} ]]; then
		echo "$MESHVPN_MIRROR"
		return
	fi
	# shellcheck disable=SC2016
	APT_CONFIG='' apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' 2>/dev/null |
		awk -v r="$1" '$2 == r { print $1; exit }'
}

# apt_suite SUITE: from here on apt in this shell knows this release (and its security updates)
# and no other; lists are as old as a day
apt_suite() {
	local base main security own d=$kernel_cache/apt/$1
	need apt-get apt
	[[ -r $keyring ]] || die "$keyring is not there; next: tools/deps (package debian-archive-keyring)"
	own=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	main=$(mirror "$own")
	[[ $main ]] ||
		die "apt's configuration names no Debian mirror for \"$own\"; next: MESHVPN_MIRROR=URL tools/kernel build ..."
	security=$(MESHVPN_MIRROR='' mirror "$own-security")
	mkdir -p "$d"/lists/partial "$d"/archives/partial
	{
		echo "deb [signed-by=$keyring] $main $1 main"
		base=${1%-backports}
		[[ $base == "$1" || $base == "$own" ]] || echo "deb [signed-by=$keyring] $main $base main"
		[[ ! $security || $1 == sid || $1 == *-backports ]] ||
			echo "deb [signed-by=$keyring] $security $1-security main"
	} >"$d/sources.list"
	cat >"$d/apt.conf" <<-END
		Dir::Etc::sourcelist "$d/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::State::lists "$d/lists";
		Dir::Cache::archives "$d/archives";
		Dir::Cache::pkgcache "";
		Dir::Cache::srcpkgcache "";
		APT::Sandbox::User "root";
		APT::Default-Release "/^$1/";
		Acquire::Languages "none";
		Acquire::Retries "3";
	END
	export APT_CONFIG=$d/apt.conf
	if [[ ! -e $d/updated || $(find "$d/updated" -mmin +1440) ]] ||
		! cmp -s "$d/sources.list" "$d/updated"; then
		apt-get -qq update >"$d/log" 2>&1 ||
			die "apt-get cannot read the lists of $1 at $main: $(grep '^E:' "$d/log" | tail -n 1); next: see $d/log"
		cp "$d/sources.list" "$d/updated"
	fi
}

# version_of PACKAGE: the one that would be downloaded
version_of() {
	apt-cache policy "$1" 2>/dev/null | awk '$1 == "Candidate:" && $2 != "(none)" { print $2 }'
}

# fetch DIR PACKAGE...: the .deb files into DIR
fetch() {
	local dir=$1
	shift
	mkdir -p "$dir"
	(cd "$dir" && apt-get -qq download "$@") >"$dir/log" 2>&1 ||
		die "cannot download $*: $(grep '^E:' "$dir/log" | tail -n 1); next: see $dir/log, and remove $(dirname "$APT_CONFIG")/updated to read the lists again"
}

# a version as part of a file name that make and shells have no opinion about
plain() { tr -c 'A-Za-z0-9.\n' - <<<"$1"; }
