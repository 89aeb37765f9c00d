#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The hostile scenarios trust their attacker: that what it says it changed, repeated or made up has
# arrived so. Here that trust is checked, with an echo server and no daemon.
#
#	a --- r (the attacker) --- b

. "$(dirname "$0")/mesh.sh"

lab_net <<-END
	host a b
	router r
	link a r 5.1.0.2/24 5.1.0.1/24 2a00:1::2/64 2a00:1::1/64
	link b r 5.2.0.2/24 5.2.0.1/24 2a00:2::2/64 2a00:2::1/64
END
background b "$PROBE" echo 7

back() { lab_exec a "$PROBE" udp - "${to:-5.2.0.2}" 7 "${1:-200}" "${2:-100}" 1; }
check "the echo answers" wait_for 5 back 1
check "and over IPv6" eval 'to=2a00:2::2 wait_for 5 back 1'
check_same "all of them, IPv4" "$(back | jq .received)" 200
check_same "all of them, IPv6" "$(to=2a00:2::2 back | jq .received)" 200

flow=(-f 5.1.0.2 -t 5.2.0.2 -k all)
while_attacking() {
	attack_start r "${flow[@]}" "$@" || return
	back >"$tap_tmp/back"
	attack_stop r
}
what() { jq -r "$1" "$tap_tmp/back"; }
check "watching" while_attacking watch
check_same "nothing is missing when somebody watches" "$(what .received)" 200
check_same "and everything is seen" "$(attack_said .matched)" 200
check "in place, unchanged" while_attacking -I watch
check_same "in place is on the way" "$(what '[.received, .damaged, .again]|@csv')" 200,0,0
check "in place, IPv6" eval 'attack_start r -f 2a00:1::2 -t 2a00:2::2 -k all -I watch; to=2a00:2::2 back | jq -e ".received == 200"; attack_stop r'
check_same "it stood in the way there too" "$(attack_said .sent)" 200
check "losing them" while_attacking -I -e 2 cut
check_same "shorter ones are damaged" "$(what '[.received, .damaged]|@csv')" 100,100
check "longer ones" while_attacking -I -e 2 grow
check_same "longer ones are damaged" "$(what '[.received, .damaged]|@csv')" 100,100
check "again" while_attacking replay=2,5
check_between "each came twice more" "$(what .again)" $((400 - 20 * patience)) 400
check "one bit of the first 8 bytes" while_attacking -I flip=0-7
check_between "the number of each is another" "$(what '.received + .damaged + .again')" 150 200
check_between "which damages most" "$(what '.damaged + .again')" 100 200
check "from elsewhere" while_attacking -I source=5.1.0.77,99
check_same "nothing comes back to us" "$(what .received)" 0
check "keep" while_attacking store="$tap_tmp/kept"
check "send what was kept" eval 'lab_exec b timeout 2 tcpdump -nn -i r -c 50 "udp and src 5.1.0.9" 2>/dev/null >"$tap_tmp/kept.txt" & \
	lab_exec r "$ATTACKER" -f 5.1.0.9 -r 200 -s 1 send="$tap_tmp/kept" >/dev/null 2>&1; wait $!'
check_same "it arrives" "$(grep -c . "$tap_tmp/kept.txt")" 50
check "garbage" eval 'lab_exec r "$ATTACKER" -f 5.1.0.9 -t 5.2.0.2,7 -r 1000 -n 500 -s 1 garbage=mix >"$tap_tmp/attack.r.json" 2>/dev/null'
check_same "so much of it" "$(attack_said .sent)" 500
check_same "the same seed says the same" "$(for i in 1 2; do lab_exec r "$ATTACKER" -f 5.1.0.9 -t 5.2.0.2,7 -x 7 -r 9999 -n 100 -s 0.3 garbage=random 2>/dev/null |
	jq -c '[.sent, .sent_bytes]'; done | uniq | wc -l)" 1
check_same "no rule of it stays" "$(lab_exec r nft list tables)" ""

# the packets of the other helper
check_same "flows" "$(lab_exec a "$PROBE" flows - 5.2.0.2 7 50 | jq .answered)" 50
check_same "connections" "$(lab_exec a "$PROBE" connect - 5.2.0.2 7 50 | jq .answered)" 50
check_same "a closed port" "$(lab_exec a "$PROBE" try - 5.2.0.2 9 | jq -r .result)" refused
check_same "an open one" "$(lab_exec a "$PROBE" try - 5.2.0.2 7 | jq -r .result)" open
check_same "a pause is measured" "$( (echo a; sleep 0.3; echo b) | "$PROBE" stall "$tap_tmp/x" | jq '.longest_ms | . > 290 and . < 900')" true
