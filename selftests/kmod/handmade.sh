#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Does what Documentation/kmod.md says, word for word: three hops made with nothing but ip and
# meshvpn-ctl dev. Then sends traffic through them and looks at the counters. The commands are taken out
# of the text, so that the two cannot part.

KMOD_TOP=$(cd "$(dirname "$0")/../.." && pwd)
[[ ${MESHVPN_IN_VM-} ]] ||
	exec "$KMOD_TOP/tools/vm" -q --kernel="${KERNEL:-uml-kasan}" -- "$(realpath "$0")" "$@"
. "$KMOD_TOP/selftests/net/lib.sh"
set +u

PATH=$KMOD_TOP/build:$PATH
cd "$tap_tmp" || exit 1

# the text's blocks of commands, a file each: NUMBER.TITLE-OF-THE-SECTION
awk '
	/^#+ / { title = $0; gsub(/^#+ +/, "", title); gsub(/ /, "-", title) }
	/^```/ { if (on) close(file); on = !on && $0 == "```sh"; if (on) file = sprintf("%02d.%s", ++n, title); next }
	on { print > file }
' "$KMOD_TOP/Documentation/kmod.md"

# in this shell, like somebody who reads on; a command that fails ends nothing but the test
run_block() {
	wrong=
	set -E
	trap 'wrong="$wrong$BASH_COMMAND; "' ERR
	# shellcheck disable=SC1090
	. "$1" >out 2>&1
	trap - ERR
	set +E
	[[ ! $wrong ]] || sed 's/^/# /' out
}
blocks=([0-9][0-9].*)
check "there are commands in the text" test "${#blocks[@]}" -ge 7
for block in "${blocks[@]}"; do
	run_block "$block"
	check_same "${block#*.}" "$wrong" ""
done
show() { ip netns exec "$1" meshvpn-ctl -j dev node show | json "$2 | tostring"; }
inside() { ip netns exec "$@"; }

check "ping" inside client ping -q -c 20 -i 0.05 -W 2 10.0.4.2
check "ping, IPv6" inside client ping -q -c 5 -i 0.05 -W 2 fd66::1
head -c 2M /dev/urandom >file
inside server busybox httpd -p 8080 -h "$tap_tmp"
check "a web server is reached" wait_for 5 inside client curl -sS -o /dev/null -r 0-99 --max-time 5 http://10.0.4.2:8080/file
inside client curl -sS --max-time 60 http://10.0.4.2:8080/file >got
check "its file comes unchanged" cmp file got
inside server iperf3 -s -D >/dev/null
rate() { inside client timeout 30 iperf3 -c 10.0.4.2 -J -t 3 "$@" | jq -r '.end.sum_received.bits_per_second / 1e6 | floor'; }
check "TCP up" wait_for 5 inside client timeout 10 iperf3 -c 10.0.4.2 -t 1
up=$(rate) down=$(rate -R)
note "TCP: up $up Mbit/s, down $down Mbit/s"
check_between "TCP up moves" "$up" 1 100000
check_between "TCP down moves" "$down" 1 100000

for host in guard middle; do
	check_between "$host relayed it" "$(show $host '.nodes[0].traffic.relayed')" 1000 100000000
	check_between "and counts it with its circuit" "$(show $host '.nodes[0].circuits[0] | .rx_cells + .back_cells')" 1000 100000000
done
for host in client guard middle exit; do
	check_same "$host dropped nothing that it should not" \
		"$(show $host '.nodes[0].drops | [.header, .class, .replay, .layer, ."layer-backward", .counter, .source, .destination] | add')" 0
	check "$host shows no key" eval '! inside $host meshvpn-ctl -j dev node show | grep -qFf <(cat ./*.key)'
done
inside middle meshvpn-ctl dev circuit del link 1 id 102
check_not "without a circuit in the middle nothing comes through" inside client ping -q -c 2 -i 0.2 -W 1 10.0.4.2
check_between "the cells there were not the node's" "$(show middle '.nodes[0] | .traffic.up + .drops.up')" 1 1000
for host in client guard middle exit; do
	ip netns del "$host"
done
