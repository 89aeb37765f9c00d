#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What an exit lets out: its policy in order, nothing private or its own, no source but the
# session's, so many flows of one address; what the outside sees; that users do not see each other;
# and that nothing of it stays behind.
#
#	client, other --- net --- anna bert, emil (the exit), web, inside (10.66.0.2, behind emil only)

. "$(dirname "$0")/mesh.sh"

mesh_clients="client other" mesh_relays="anna bert" mesh_exits="emil" mesh_more="inside"
mesh_conf[all]="Node.PrivateNetwork=no
Node.IdWorkBits=0"
mesh_conf[emil]="Exit.Policy=reject *:25
Exit.Policy=accept 20.9.0.0/24:7-90
Exit.Policy=accept [2a00:20::]/32:80
Exit.Policy=reject 20.9.0.0/24:*
Exit.Policy=accept *:8000-9000
Exit.FlowsPerAddress=60
Exit.NewFlowsPerSecond=40"
mesh_up
# a private network behind the exit, as many have
ip -n "$(lab_ns emil)" link add priv type veth peer name priv netns "$(lab_ns inside)"
ip -n "$(lab_ns emil)" -batch - <<-END
	address add 10.66.0.1/24 dev priv
	address add 169.254.7.1/16 dev priv
	address add fd66::1/64 dev priv nodad
	link set dev priv up
END
ip -n "$(lab_ns inside)" -batch - <<-END
	address add 10.66.0.2/24 dev priv
	address add 169.254.7.2/16 dev priv
	address add fd66::2/64 dev priv nodad
	link set dev priv up
END
snapshot() {
	lab_exec emil nft list tables
	lab_exec emil sysctl -a 2>/dev/null | grep -E 'conf\.[^.]*\.(forwarding|force_forwarding|accept_ra)' | grep -v meshx0
	ip -n "$(lab_ns emil)" rule
	ip -n "$(lab_ns emil)" route show table all | grep -v 'cache\|meshx0'
}
snapshot >"$tap_tmp/before"
for h in web inside; do
	for port in 25 79 90 91 8000 9001; do
		background $h "$PROBE" echo $port
	done
done
background inside "$PROBE" echo 7
background emil "$PROBE" echo 8000
check "the private host answers the exit's own host" wait_for 5 lab_exec emil "$PROBE" try - 10.66.0.2 8000
mesh_start

try() { lab_exec client "$PROBE" try mesh0 "$1" "$2" "${3:-2}" | jq -r .result; }
check_same "the order: a later accept does not undo a reject" "$(try $web 25)" prohibited
check_same "ports 7 to 90, the first" "$(try $web 7)" open
check_same "the last" "$(try $web 90)" open
check_same "the one after" "$(try $web 91)" prohibited
check_same "an earlier reject of a network" "$(try $web 8000)" prohibited
check_same "IPv6 has its own line" "$(try $web6 80)" open
check_same "and no other" "$(try $web6 79)" prohibited
check_same "the first of a range elsewhere" "$(try "$(address inside)" 8000)" open
check_same "beyond the range" "$(try "$(address inside)" 9001)" prohibited
check_same "the end rejects" "$(try "$(address inside)" 79)" prohibited
check_same "UDP too" "$(lab_exec client "$PROBE" flows mesh0 "$(address inside)" 79 3 | jq .answered)" 0

# port 8000 is accepted everywhere, so what follows is refused for the address
refused_before=$(lab_exec emil nft -j list counter inet meshvpn_meshx0 refused | jq '.nftables[] | select(.counter).counter.packets')
for to in 10.66.0.2 169.254.7.2 127.0.0.1 0.0.0.1 192.168.1.1 172.16.0.1 100.64.0.1 198.18.0.1 240.0.0.1 \
	fd66::2 ::1 fd00:6d65:7368::1 "::ffff:10.66.0.2" 64:ff9b::a42:2 2002:a42:2::1; do
	check_not "no way to $to" eval '[[ $(try '"$to"' 8000 0.4) == open ]]'
done
for to in 224.0.0.1 255.255.255.255 ff0e::1; do
	check_same "no datagram to $to" "$(lab_exec client "$PROBE" flows mesh0 $to 8000 2 2>/dev/null | jq .answered)" 0
done
check_same "not the exit's own address" "$(try "$(address emil)" 8000)" prohibited
check_same "not IPv6" "$(try "$(address emil 6)" 8000)" prohibited
check_not "not its inner side" eval '[[ $(try 10.66.0.1 8000 0.4) == open ]]'
refused() { lab_exec emil nft -j list counter inet meshvpn_meshx0 "${1:-refused}" | jq '.nftables[] | select(.counter).counter.packets'; }
check_between "the exit counted them" $(($(refused) - refused_before)) 8 1000

# foreign sources: what the client's kernel is made to send, the client's datapath drops; so the
# exit is asked by what it counts itself
spoofed=$(drops client source)
lab_exec client "$PROBE" raw mesh0 "$(address other)" "$(address inside)" 8000 20 >/dev/null
lab_exec client "$PROBE" raw mesh0 198.18.99.99 "$(address inside)" 8000 20 >/dev/null
lab_exec client "$PROBE" raw mesh0 "$(mesh_inner4 other)" "$(address inside)" 8000 20 >/dev/null
check_between "packets with other sources are dropped and counted" $(($(drops client source) - spoofed)) 60 60
check_same "none came out" "$(drops emil source)" 0

# limits of one address
flood() { lab_exec client "$PROBE" flows mesh0 "$(address inside)" 8000 "$1" "$2" | jq .answered; }
sleep 1.2
limited=$(refused limited)
check_between "40 new flows a second, and a burst of that" "$(flood 120 400)" 40 62
check "the rest is counted" eval '(($(refused limited) > limited + 40))'
check "another user is not affected" eval '[[ $(lab_exec other "$PROBE" try mesh0 "$(address inside)" 8000 | jq -r .result) == open ]]'
tracked() { lab_exec emil conntrack -L -s "$(mesh_inner4 client)" 2>/dev/null | grep -c .; }
for n in 1 2; do
	sleep 0.7
	flood 40 1000 >/dev/null
done
check_between "60 connections at a time" "$(tracked)" 55 66

# the outside sees the exit; users do not see each other
lab_exec web timeout 5 tcpdump -nni net -c 20 -w "$tap_tmp/web.pcap" 2>/dev/null & dump=$!
through other "http://$web/bytes/64k" >/dev/null
lab_exec other "$PROBE" udp mesh0 $web 7 20 >/dev/null
wait $dump
check_same "only the exit's address arrives" "$(tcpdump -nnr "$tap_tmp/web.pcap" 2>/dev/null | grep -oE '(198\.1[89]|2[1-5]\.9)[0-9.]*' | cut -d. -f1-4 | sort -u)" "$(address emil)"
check_not "a user cannot reach another" eval '[[ $(lab_exec client "$PROBE" try mesh0 "$(mesh_inner4 other)" 8000 0.4 | jq -r .result) == open ]]'
check_not "nor ping it" lab_exec client ping -I mesh0 -c 2 -i 0.1 -W 1 "$(mesh_inner4 other)"
check_not "nor with IPv6" lab_exec client ping -I mesh0 -c 2 -i 0.1 -W 1 "$(mesh_inner6 other)"
lab_exec other timeout 2 tcpdump -nni mesh0 -c 1 "src $(mesh_inner4 client)" >"$tap_tmp/seen" 2>/dev/null & dump=$!
lab_exec client ping -I mesh0 -c 3 -i 0.1 -W 1 "$(mesh_inner4 other)" >/dev/null
wait $dump
check_same "nothing of it arrives" "$(<"$tap_tmp/seen")" ""
check_not "nobody outside reaches a user" eval 'ip -n "$(lab_ns web)" route add 198.18.0.0/15 via 20.9.0.1; ip -n "$(lab_ns net)" route add 198.18.0.0/15 via $(address emil); lab_exec web ping -c 2 -i 0.1 -W 1 "$(mesh_inner4 other)"'

check "the exit stops" lab_kill emil
snapshot >"$tap_tmp/after"
check "and nothing of it stays" diff "$tap_tmp/before" "$tap_tmp/after"
check_not "nor its device" lab_exec emil ip link show meshx0
