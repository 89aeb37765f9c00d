#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Real curl over real daemons: through mesh0 the server sees the exit, over 1, 3 and 10 hops, with
# IPv4 and IPv6 inside and outside; UDP, ICMP, large transfers in both directions, and the MTU.
#
#	one, client, ten, six ---+                +--- anna bert cleo dora gert hugo ines jens (relays)
#	                         +---- net -------+--- emil fina (exits)
#	                              (router)    +--- web
#
# "six" has no IPv4 address, so that its link to the guard is IPv6.

. "$(dirname "$0")/mesh.sh"

mesh_relays="anna bert cleo dora gert hugo ines jens" mesh_exits="emil fina" mesh_clients="one client ten six"
mesh_conf[one]="Client.Hops=1" mesh_conf[ten]="Client.Hops=10"
mesh_up
check_same "directly the server sees the client" "$(fetch client "http://$web/ip")" "$(address client)"
check_same "directly, IPv6" "$(fetch client "http://[$web6]/ip")" "$(address client 6)"
lab_exec six ip address del "$(address six)/24" dev net
mesh_start

exit_sees() { [[ " $mesh_exits " == *" $(host_of "$(through "$1" "$2")") "* ]]; }
for h in one client ten six; do
	check "$h: the server sees an exit" exit_sees $h "http://$web/ip"
	check "$h: IPv6 inside" exit_sees $h "http://[$web6]/ip"
done
check_same "one hop is one" "$(mesh_path one | wc -w)" 1
check_same "three are three" "$(mesh_path client | wc -w)" 3
check_same "ten are ten, and each is another" "$(mesh_path ten | tr ' ' '\n' | sort -u | wc -l)" 10
check "it is the exit of the circuit" eval '[[ $(host_of "$(through client "http://$web/ip")") == $(mesh_hop client 3) ]]'
check "six's guard is reached over IPv6" eval 'attack_start net -t $(address six 6) watch; through six http://$web/bytes/64k >/dev/null; attack_stop net; attack_said ".matched > 20" | grep -q true'

down() { through "$1" "http://$2/bytes/$3" -o "$tap_tmp/down" && cmp "$tap_tmp/down" "$LAB_DIR/web/web/bytes/$3"; }
up() { through "$1" "http://$2/upload/$1" -T "$LAB_DIR/web/web/bytes/$3" && cmp "$LAB_DIR/web/web/upload/$1" "$LAB_DIR/web/web/bytes/$3"; }
FETCH_TIMEOUT=${MESHVPN_IN_VM:+80}
FETCH_TIMEOUT=${FETCH_TIMEOUT:-30}
check "a download of 100 MiB" down client $web 100M
check "an upload of 16 MiB" up client $web 16M
check "a download over one hop" down one "[$web6]" 16M
check "an upload over ten" up ten "[$web6]" 1M
check "a download over ten" down ten $web 16M
check "with an IPv6 guard" down six $web 16M

check_same "UDP" "$(lab_exec client "$PROBE" udp mesh0 $web 7 200 300 5 | jq .received)" 200
check_same "UDP, IPv6 inside" "$(lab_exec client "$PROBE" udp mesh0 $web6 7 200 300 5 | jq .received)" 200
check "ping" lab_exec client ping -I mesh0 -c 3 -i 0.1 -W 2 $web
check "ping, IPv6" lab_exec client ping -I mesh0 -c 3 -i 0.1 -W 2 $web6
check_same "ping, ten hops" "$(lab_exec ten ping -I mesh0 -n -q -c 100 -i 0.01 -W 1 $web | sed -n 's/.* \([0-9.]*\)% packet loss.*/\1/p')" 0

# MTU 1420: 28 and 48 bytes of headers in a ping
check "a packet of 1420 bytes" lab_exec client ping -I mesh0 -M do -s 1392 -c 1 -W 2 $web
check_not "one of 1421 does not leave" lab_exec client ping -I mesh0 -M do -s 1393 -c 1 -W 1 $web
check "a packet of 1420 bytes, IPv6" lab_exec client ping -I mesh0 -M do -s 1372 -c 1 -W 2 $web6
check "a larger one in fragments" lab_exec client ping -I mesh0 -M dont -s 4000 -c 1 -W 2 $web
# the first answer is in fragments of 1500, which teaches the server what fits
check "fragments, IPv6" lab_exec client ping -I mesh0 -s 4000 -c 3 -i 0.3 -W 2 $web6
# a host that thinks the device takes more is told by the datapath
lab_exec client ip link set mesh0 mtu 1500
check "too big at the client is said with the MTU" eval 'lab_exec client ping -I mesh0 -M do -s 1450 -c 1 -W 1 $web 2>&1 | grep -q "mtu *= *1420"'
check "and with that of IPv6" eval 'lab_exec client ping -I mesh0 -M do -s 1430 -c 1 -W 1 $web6 2>&1 | grep -qiE "mtu *= *1420|too big.*1420"'
# and its TCP announces a segment size that is too large for the exit's device, which says so
lab_exec client ip route flush cache
check "a server with segments too large is told by the exit" down client $web 1M
lab_exec client ip link set mesh0 mtu 1420
