# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Compiles an out-of-tree module, this project's by default, for one of the kernels: from a copy of
# its sources in build/kmod/, so that the objects of several kernels never meet. In the copy only
# that changes which changed in the source, so a second build is a matter of seconds, and where
# nothing changed there is none.

# module_sources DIR: what the module in DIR is compiled from
module_sources() {
	local list=(.)
	[[ $1 != "$kernel_top" ]] || list=(Kbuild kmod include)
	(cd "$1" && find "${list[@]}" -type f \
		\( -name '*.[chS]' -o -name Kbuild -o -name 'Makefile' \) ! -name '*.mod.c' -printf '%p\n' 2>/dev/null |
		sed 's|^\./||' | sort)
}

# module_copy SOURCE TREE: makes TREE's files what SOURCE's are
module_copy() {
	local f
	mkdir -p "$2"
	module_sources "$1" >"$2/.sources"
	while read -r f; do
		cmp -s "$1/$f" "$2/$f" || install -D -m 644 "$1/$f" "$2/$f"
	done <"$2/.sources"
	# what is no source any more must not be found by an #include either
	(cd "$2" && find . -type f \( -name '*.[chS]' -o -name Kbuild \) ! -name '*.mod.c' -printf '%P\n' | sort |
		comm -13 .sources - | xargs -r rm -f)
}

# module_tree NAME: where module $source is compiled for it
module_tree() {
	local what=kmod
	[[ $source == "$kernel_top" ]] || what=kmod-${source##*/}
	echo "$kernel_top/build/$what/$1${strict:+.strict}${kunit:+.kunit}"
}

# all that decides what comes out; cheap, since tools/vm asks each time
module_print() {
	readlink "$kernel_cache/$1"
	echo "$strict $sparse"
	(cd "$source" && module_sources "$source" | tr '\n' '\0' | xargs -0r stat -c '%n %.9Y %s')
}

module_make() {
	local name=$1 tree=$2 now=$3 args log=$2/.log rc=0 said
	module_copy "$source" "$tree"
	args=(-C "$(kernel_dir "$name")" "M=$tree" W=1 -j"$jobs")
	[[ $kind != uml ]] || args+=(ARCH=um)
	[[ ! $kunit ]] || args+=(MESHVPN_KUNIT=1)
	[[ ! $strict ]] || args+=(KCFLAGS=-Werror)
	# sparse looks at what is compiled anyway (1), or at everything (2)
	# (Debian 12's sparse is older than an operator that newer headers use)
	[[ ! $sparse ]] || args+=("C=$([[ $strict ]] && echo 2 || echo 1)" CF=-D__typeof_unqual__=__typeof__)
	rm -f "$tree/.print"
	kernel_run "$name" "$tree" make "${args[@]}" modules >"$log" 2>&1 || rc=$?
	# messages name the file that one edits
	sed -i "s|$tree/||g" "$log"
	if ((rc)); then
		grep -A6 -E "error:|ERROR:${strict:+|warning:}" "$log" | grep -vE '^  [A-Z]+ |^--$' | head -n 60 >&2 || tail -n 20 "$log" >&2
		die "the module in $source does not compile for $name; next: see above (all of it: $log)"
	fi
	said=$(grep -vE '^(make(\[|:)|  [A-Z]+ |Skipping BTF|warning: the compiler differs|  (The kernel was built|You are using)|$)|: error: bad constant expression$' "$log" |
		head -n 100) || said=
	# (that one is sparse about MODULE_LICENSE and the like)
	[[ ! $said ]] || printf '%s\n' "$said" >&2
	if [[ $strict && $said == *warning:* ]]; then
		die "the module in $source compiles for $name with warnings; next: see above (all of it: $log)"
	fi
	echo "$now" >"$tree/.print"
}

# module NAME: compiles, and prints where the result is
module() {
	local tree
	[[ -e $source/Kbuild || -e $source/Makefile ]] ||
		die "$source has no Kbuild: no module to compile; next: give its directory with --source"
	kernel_build "$1"
	tree=$(module_tree "$1")
	with_lock "module$(tr / - <<<"$tree")" module_get "$1" "$tree"
}

# a copy is made before anyone can compile it anew
module_get() {
	local name=$1 tree=$2 now ko
	now=$(module_print "$name")
	ko=$(compgen -G "$tree/*.ko") || ko=
	if [[ ! $ko || ! -e $tree/.print || $(<"$tree/.print") != "$now" ]]; then
		module_make "$name" "$tree" "$now"
		ko=$(compgen -G "$tree/*.ko") || die "compiling $source left no .ko file in $tree; next: see $tree/.log"
	fi
	ko=${ko%%$'\n'*}
	if [[ $to ]]; then
		cp "$ko" "$to/" || die "cannot copy $ko to $to"
		ko=$to/${ko##*/}
	fi
	echo "$ko"
}
