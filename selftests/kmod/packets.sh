#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Changed cells against a relay, an origin and an exit in the kernel: packet_fuzz.c says how. Over a wire that
# hands super-packets on as they are (GRO takes them whole) and over one that cuts them.
#
#   packets.sh [CELLS [SEED]]	100000, of which half over each

KERNEL_TIMEOUT=${MESHVPN_LONG:+7200}
. "$(dirname "$0")/lib.sh"
FUZZ=$LAB_BUILD/selftests/kmod/packet_fuzz
cells=${1:-$([[ ${MESHVPN_LONG-} ]] && echo 10000000 || echo 100000)} run=0

lab_net <<-END
	host neighbours node
	link neighbours node
END
address=$(chain_address node neighbours)
for whole in on off; do
	ip netns exec "$(lab_ns neighbours)" ethtool -K node tx-udp-segmentation $whole
	ip netns exec "$(lab_ns node)" ethtool -K neighbours gro $whole rx-udp-gro-forwarding $whole
	run=$((run + 1))
	lab_exec neighbours "$FUZZ" "/run/netns/$(lab_ns node)" "$address" $CHAIN_PORT "$(chain_address neighbours node)" \
		$((cells / 2)) $((${2:-$RANDOM} + run)) >"$tap_tmp/fuzz"
	status=$?
	# its lines become ours
	while read -r line; do
		case $line in
		'ok '*) ok "super-packets $whole: ${line#ok * }" ;;
		'not ok '*) not_ok "super-packets $whole: ${line#not ok * }" ;;
		1..*) ;;
		*) note "${line#\# }" ;;
		esac
	done <"$tap_tmp/fuzz"
	super=$(sed -n 's/.*super-packets in \([0-9]*\),.*/\1/p' "$tap_tmp/fuzz")
	if [[ $whole == on ]]; then
		check_between "super-packets on: they were taken whole" "${super:-0}" $((cells / 1000)) $cells
	else
		check_same "super-packets off: there were none" "$super" 0
	fi
	check "super-packets $whole: it came to its end" eval '((status <= 1)) && grep -q "^1\.\." "$tap_tmp/fuzz"'
	check "and its node went with it" wait_for 5 eval '[[ ! $(dev node node) ]]'
done
