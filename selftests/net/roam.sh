#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The client's address changes during a download: its NAT gives it another port without its
# knowing, and its interface gets another address. It keeps its circuits. Where it knows, no link
# id that was seen from the old address is seen from the new one (RFC 9000, section 9.5).
#
#	behind --- box (NAT) ---+
#	                        net --- anna bert cleo dora, emil fina (exits), web
#	client -----------------+

. "$(dirname "$0")/mesh.sh"

mesh_clients="client behind" mesh_via[behind]=box
mesh_up
mesh_start

numbers() { ctl "$1" '[.circuits[] | select(.state == "open").id] | sort | tostring' circuit show; }

# NAT: the mapping is forgotten and the next one has another port
rebind() {
	lab_exec box nft -f - <<-END
	flush chain inet lab_nat post
	add rule inet lab_nat post oifname "net" udp sport 4470 masquerade to :$1
	add rule inet lab_nat post oifname "net" masquerade
	END
	lab_exec box conntrack -F >/dev/null 2>&1
}
before=$(numbers behind) exit_before=$(mesh_path behind)
nat=$(ip -n "$(lab_ns box)" -4 -o address show dev net | awk '{ sub("/.*", "", $4); print $4 }')
get_start behind "bytes/16M?rate=3m"
attack_start net -f "$nat" watch
sleep 0.5
rebind 7001
sleep 1.5
rebind 7002-7002
check "NAT: the download is what was sent" get_end behind
attack_stop net
ports=$(attack_said '[.flows[] | select((.from | startswith("'"$nat"':")) and (.to | endswith(":4470"))) | .from] | unique | length')
check_between "NAT: it came from several ports" "$ports" 3 9
check_within "NAT: the pause is short, ms" "$(get_stall behind)" 2000
check_same "NAT: the circuit is the same" "$(mesh_path behind)" "$exit_before"
check_same "NAT: it has its number" "$(numbers behind)" "$before"
check "NAT: upload works after it" through behind "http://$web/upload/b" -T "$LAB_DIR/web/web/bytes/1M"
check "NAT: the guard saw its address change" eval '(($(counter "$(mesh_hop behind 1)" links path_changes) >= 1))'

# a new address of the interface
move() {
	ip -n "$(lab_ns client)" -batch - <<-END
	address add ${mesh_number[client]}.9.0.$1/24 dev net
	address del ${mesh_number[client]}.9.0.$2/24 dev net
	route replace default via ${mesh_number[client]}.9.0.1 dev net
	END
}
lab_exec client sysctl -qw net.ipv4.conf.all.promote_secondaries=1 net.ipv4.conf.net.promote_secondaries=1
# by IPv4 only, so that the address is the one that is used
before=$(numbers client) path_before=$(mesh_path client)
attack_start net watch
get_start client "bytes/16M?rate=3m"
sleep 0.5
move 3 2
sleep 1.5
move 4 3
check "address: the download is what was sent" get_end client
sleep 0.3
attack_stop net
check_within "address: the pause is short, ms" "$(get_stall client)" 2000
check_same "address: the circuit is the same" "$(mesh_path client)" "$path_before"
check_same "address: it has its number" "$(numbers client)" "$before"
check "address: an upload works after it" through client "http://$web/upload/c" -T "$LAB_DIR/web/web/bytes/1M"
# The ids that the address bore, to anybody, from MS after its first cell on: the kernel changes the
# source before the daemon can know.
ids_of() {
	attack_said '[.flows[] | select(.from | startswith("'"${mesh_number[client]}.9.0.$1"':")) | .link_ids[] | select(.last_ms >= '"${2:-0}"').id] | unique[]'
}
for n in 2 3 4; do
	check "cells came from address $n" eval '[[ $(ids_of $n) ]]'
done
check_same "no link id of the first address is seen from the second" "$(comm -12 <(ids_of 2) <(ids_of 3 30))" ""
check_same "nor of these from the third" "$(comm -12 <( (ids_of 2; ids_of 3) | sort -u) <(ids_of 4 30))" ""
