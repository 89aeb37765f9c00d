# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# Boots a User-Mode Linux for tools/vm: the kernel is a program. The command's output and errors are
# two of its consoles; what the kernel itself says is a third, into a file.

uml_prepare() {
	conf out /dev/tty0 err /dev/tty1
	install -m 755 "$vm_d/root-uml" "$state/root"
}

# memory is a file without a name: in memory where there is enough of it
uml_memory() {
	local want have
	want=$(numfmt --from=iec "$mem" 2>/dev/null) || die "--mem=$mem: not a size like 512M or 1G"
	have=$(df --output=avail -B1 /dev/shm 2>/dev/null | tail -n 1)
	if ((${have:-0} >= want)); then echo /dev/shm; else echo "${TMPDIR:-/tmp}"; fi
}

uml_boot() {
	local memory console0=null,fd:4
	memory=$(uml_memory) || exit 71
	[[ ! $terminal ]] || console0=fd:3,fd:4
	exec 3<&0 4>&1 5>&2 </dev/null >>"$state/console" 2>&1
	# shellcheck disable=SC2086
	TMPDIR=$memory limited "$image" "mem=$mem" seccomp=on "ncpus=$cpus" \
		root=/dev/root rootfstype=hostfs rootflags=/ ro init="$state/root" \
		"state=$state" "share=$share" "cwd=$PWD" \
		"con0=$console0" con1=null,fd:5 con2=null,fd:1 con=null console=tty2 \
		umid=vm uml_dir="$state/uml/" $common loglevel=8
}
