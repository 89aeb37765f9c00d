#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The network device for the rest of the system: ip link and ethtool, its MTU, what it answers to
# packets that it cannot carry, and what becomes of it and of the node when it is moved to another
# namespace, renamed, or deleted with or without one.

. "$(dirname "$0")/lib.sh"
export NO_COLOR=1
client() { ip -n "$(lab_ns client)" "$@"; }
link() { client -j -d link show mesh0 | jq -r ".[0]$1"; }
# pings HOST ARG...: what ping says, answers or not
pings() { lab_exec "$1" ping -n -i 0.1 "${@:2}" 2>&1; }

lab_net <<-END
	host client
END
# ---- on its own ----
check "add" client link add mesh0 type meshvpn
check_same "show says what it is" "$(link .linkinfo.info_kind)" meshvpn
check_not "another of that name is refused" client link add mesh0 type meshvpn
check "a second one" client link add mesh1 mtu 9000 type meshvpn
check_same "with an MTU of its own" "$(client -j link show mesh1 | jq -r '.[0].mtu')" 9000
check "goes" client link del mesh1
check_same "at first 1420" "$(link .mtu)" 1420
for mtu in 576 1280 65535; do check "MTU $mtu" client link set mesh0 mtu $mtu; done
for mtu in 575 65536; do check_not "not MTU $mtu" client link set mesh0 mtu $mtu; done
check_not "nor one that is made so" client link add mesh1 mtu 400 type meshvpn
client link set mesh0 mtu 1420
check_same "no link layer" "$(link .link_type)" none
check "up" client link set mesh0 up
check "ethtool knows the driver" eval 'lab_exec client ethtool -i mesh0 | grep -q "^driver: meshvpn"'
check_same "and every cause of drops" "$(lab_exec client ethtool -S mesh0 | sed -n 's/^ *drop_\{0,1\}-\{0,1\}\([a-z-]*\): .*/\1/p' | tr _ - | sort | tr '\n' ' ')" \
	"$("$CTL" help >/dev/null; printf '%s\n' not-cell header class replay layer layer-backward counter up queue rate send no-route frame reassembly source destination no-circuit too-big device | sort | tr '\n' ' ')"
client address add 10.66.0.2/16 dev mesh0
client address add fd66::2/64 dev mesh0 nodad
check "without a node a packet is answered" eval 'pings client -c 1 -W 1 10.66.9.9 | grep -qi unreachable'
check "over IPv6 too" eval 'pings client -c 1 -W 1 fd66::9 | grep -qi unreachable'
dropped() { lab_exec client ethtool -S mesh0 | awk -v n="$1" '{ gsub(/_/, "-", $1) } $1 ~ "^(drop-)?" n ":$" { print $2 }'; }
check_between "and counted" "$(dropped no-circuit)" 2 100
check "many at once" eval 'pings client -f -c 200 -W 1 10.66.9.9; :'
check "del" client link del mesh0
check_same "gone" "$(client -j link show type meshvpn | jq length)" 0
lab_down

# ---- in a chain ----
chain_up
client address add 10.66.200.1/32 dev mesh0
check "no session, no way" eval 'pings client -c 1 -W 1 -I 10.66.200.1 $exit_inner | grep -qi unreachable'
chain_circuit 1 || exit 1
check "with one, through" lab_exec client ping -q -c 3 -i 0.1 -I 10.66.0.2 $exit_inner
check "and to what is behind" lab_exec client ping -q -c 3 -i 0.1 -I 10.66.0.2 "$server"
check "IPv6" lab_exec client ping -q -c 3 -i 0.1 fd66::fffe
before=$(counter client 'drops."no-circuit"')
dev client session set 1 link 0 circuit 0
check "a session without a circuit is none" eval 'pings client -c 2 -W 1 -I 10.66.0.2 $exit_inner | grep -qi unreachable'
check_between "counted" "$(counter client 'drops."no-circuit"')" $((before + 2)) $((before + 20))
check "IPv6 as well" eval 'pings client -c 1 -W 1 fd66::fffe | grep -qi unreachable'
dev client session set 1 link 1 circuit 1
check "it comes back with the circuit" lab_exec client ping -q -c 2 -i 0.1 -I 10.66.0.2 $exit_inner
# by a route that says more than the device takes
client route add $exit_inner/32 dev mesh0 src 10.66.0.2 mtu lock 4000
client -6 route add fd66::fffe/128 dev mesh0 src fd66::2 mtu 4000
client route flush cache
check "too big is answered with the MTU" eval 'pings client -c 2 -W 1 -M do -s 3000 $exit_inner | grep -qE "mtu ?= ?1420"'
client -6 route flush cache
check "IPv6 as well" eval 'pings client -c 2 -W 1 -M do -s 3000 fd66::fffe | grep -qE "mtu ?= ?1420"'
check_between "counted" "$(counter client 'drops."too-big"')" 1 100
client route del $exit_inner/32
client -6 route del fd66::fffe/128
check "in pieces it passes" lab_exec client ping -q -c 2 -i 0.1 -M dont -s 3000 -I 10.66.0.2 $exit_inner
for mtu in 576 9000 65535; do
	client link set mesh0 mtu $mtu
	ip -n "$(lab_ns exit)" link set meshx0 mtu $mtu
	check "MTU $mtu: as large as that" lab_exec client ping -q -c 2 -i 0.1 -M do -s $((mtu - 28)) -I 10.66.0.2 $exit_inner
done
client link set mesh0 mtu 1420
ip -n "$(lab_ns exit)" link set meshx0 mtu 1420
# the smallest had been too small for IPv6
ip -n "$(lab_ns exit)" address add fd66::fffe/64 dev meshx0 nodad
received=$(client -j -s link show mesh0 | jq '.[0].stats64.rx.packets')
lab_exec client ping -q -c 20 -i 0.02 -I 10.66.0.2 $exit_inner >/dev/null
check_between "ip -s counts packets" "$(($(client -j -s link show mesh0 | jq '.[0].stats64.rx.packets') - received))" 20 30

# ---- elsewhere ----
check "renamed" eval 'client link set mesh0 down && client link set mesh0 name onion0 && client link set onion0 up'
check_same "the node knows its name" "$(dev_json client '.nodes[0].devices[0].name' node show)" onion0
ip netns add "$(lab_ns inner)"
inner() { ip -n "$(lab_ns inner)" "$@"; }
check "moved to another namespace" client link set onion0 netns "$(lab_ns inner)"
check_same "its node stays, and says so" "$(dev_json client '.nodes[0].devices[0].ifindex | tostring' node show)" null
inner link set lo up
inner link set onion0 name mesh0
inner link set mesh0 up
inner address add 10.66.0.2/16 dev mesh0
inner address add fd66::2/64 dev mesh0 nodad
check "it carries packets there, through the socket here" lab_exec inner ping -q -c 3 -i 0.1 $exit_inner
check "IPv6" lab_exec inner ping -q -c 3 -i 0.1 fd66::fffe
check "detached from here" dev client detach mesh0
check "it answers that it has no way" eval 'pings inner -c 1 -W 1 $exit_inner | grep -qi unreachable'
check "moved back" inner link set mesh0 netns "$(lab_ns client)"
check "attached again" dev client attach mesh0 role origin
dev client session add 1 dev mesh0 address 10.66.0.2 link 1 circuit 1
client link set mesh0 up
client address add 10.66.0.2/16 dev mesh0
check "it works again" lab_exec client ping -q -c 3 -i 0.1 $exit_inner
client link set mesh0 netns "$(lab_ns inner)"
ip netns del "$(lab_ns inner)"
check "a namespace takes it along" wait_for 10 eval '[[ $(dev_json client ".nodes[0].devices | length | tostring" node show) == 0 ]]'
check_same "with its session" "$(dev_json client '.nodes[0].sessions | length | tostring' node show)" 0
check_same "the circuit stays" "$(dev_json client '.nodes[0].circuits | length | tostring' node show)" 1
client link add mesh0 type meshvpn
dev client attach mesh0 role origin
dev client session add 1 dev mesh0 address 10.66.0.2 link 1 circuit 1
client link set mesh0 up
client address add 10.66.0.2/16 dev mesh0
check "a new one takes its place" lab_exec client ping -q -c 3 -i 0.1 $exit_inner
check "deleted while attached" client link del mesh0
check_same "it is not the node's any more" "$(dev_json client '.nodes[0].devices | length | tostring' node show)" 0
check "a node deleted under a device" eval 'client link add mesh0 type meshvpn && dev client attach mesh0 role origin && dev client node del'
check "leaves the device" client link show mesh0
