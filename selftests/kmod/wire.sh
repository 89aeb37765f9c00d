#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the module puts on the wire, over IPv4 and over IPv6: the header fields, that no ICMP message
# changes what is sent (anyone can forge one), an interface that is too narrow, a way that changes, and
# a route that leads into the tunnel itself.
#
#	a --- r --- b		one hop over a router; mesh0 at both ends

. "$(dirname "$0")/lib.sh"

lab_net <<-END
	host a b
	router r
	link a r
	link r b
END
declare -A at=([a4]=$(lab_address a 4) [b4]=$(lab_address b 4) [a6]=[$(lab_address a 6)] [b6]=[$(lab_address b 6)])
ip_() { ip -n "$(lab_ns "$1")" "${@:2}"; }

# node HOST INNER ROLE KIND RX TX ENDPOINT
node() {
	dev "$1" node add 1 port $CHAIN_PORT >/dev/null && chain_device "$1" mesh0 "$3" && dev "$1" batch - <<-END
		link add 1
		link-session add link 1 rx-id $5 rx-key $(key "rx-$5") tx-id $6 tx-key $(key "rx-$6") endpoint $7:$CHAIN_PORT
		circuit add $4 link 1 id 5 kf $(key forward) kb $(key backward)
		session add 1 dev mesh0 address 10.66.0.2 link 1 circuit 5
	END
	ip_ "$1" address add "$2/24" dev mesh0
}
node a 10.66.0.2 origin origin 1 2 "${at[b4]}" && node b 10.66.0.1 exit terminus 2 1 "${at[a4]}" || exit 1
to() { dev a link-session set link 1 endpoint "${at[b$1]}:$CHAIN_PORT" && dev b link-session set link 1 endpoint "${at[a$1]}:$CHAIN_PORT"; }
through() { lab_exec a ping -q -c 3 -i 0.1 -W 1 10.66.0.1; }
bulk() { lab_exec a iperf3 -c 10.66.0.1 -t 1 -J | json '.end.sum_received.bytes | . > 100000'; }
lab_exec b iperf3 -s -D >/dev/null

# fields FILTER: of ten cells in a row at b, all that ever occurs
fields() {
	lab_exec b timeout 10 tcpdump -nn -v -i r -c 10 "$1 and udp port $CHAIN_PORT and src port $CHAIN_PORT" >"$tap_tmp/seen" 2>"$tap_tmp/tcpdump" &
	local pid=$!
	wait_for 5 grep -q listening "$tap_tmp/tcpdump"
	lab_exec a ping -q -c 12 -i 0.05 10.66.0.1 >/dev/null
	wait $pid
	grep -oE 'tos 0x[0-9a-f]+|ttl [0-9]+|flags \[[^]]*\]|class 0x[0-9a-f]+|flowlabel 0x[0-9a-f]+|hlim [0-9]+|proto UDP|next-header UDP' "$tap_tmp/seen" | sort -u | paste -sd,
}
# ICMP from the router, genuine but no different from a forged one: which MTU does a's host believe?
believed() { ip_ a "-$1" route get "$(tr -d '[]' <<<"${at[b$1]}")" | grep -oE 'mtu [0-9]+'; }

for v in 4 6; do
	check "IPv$v: the neighbour's address" to $v
	check "IPv$v: it works" through
	check_same "IPv$v: TCP too" "$(bulk)" true
	if ((v == 4)); then want="flags [DF],proto UDP,tos 0x0,ttl 63" filter="src ${at[a4]}"; else want="hlim 63,next-header UDP" filter="src $(tr -d '[]' <<<"${at[a6]}")"; fi
	check_same "IPv$v: no mark of who sends in the headers" "$(fields "$filter")" "$want"

	# someone says "too big": believed by the host's other sockets, not by these
	ip_ r link set dev b mtu 1280
	if ((v == 4)); then lab_exec a ping -q -c 2 -i 0.1 -W 1 -M do -s 1400 "${at[b4]}" >/dev/null; else lab_exec a ping -q -c 2 -i 0.1 -W 1 -M do -s 1400 "$(tr -d '[]' <<<"${at[b6]}")" >/dev/null; fi
	check_same "IPv$v: the host took an ICMP message for true" "$(believed $v)" "mtu 1280"
	ip_ r link set dev b mtu 1500
	refused=$(counter a drops.send)
	check "IPv$v: cells go on" through
	check_same "IPv$v: full ones too" "$(bulk)" true
	check_same "IPv$v: none was refused" "$(counter a drops.send)" "$refused"
	ip_ a "-$v" route flush cache

	# a's own interface does not take them: nothing else is sent, and it is counted
	ip_ a link set dev r mtu 1300
	check_not "IPv$v: an interface too narrow for a cell" through
	check_between "IPv$v: is a counted loss" "$(($(counter a drops.send) - refused))" 1 100
	ip_ a link set dev r mtu 1500
	((v == 4)) || ip_ a address add "$(tr -d '[]' <<<"${at[a6]}")/64" dev r nodad 2>/dev/null
	check "IPv$v: and none any more when it is as before" wait_for 5 through
done

# another way to the same address, while packets go
ip_ a link add other type veth peer name other netns "$(lab_ns b)"
for h in a b; do ip_ $h link set other up; done
ip_ a address add 192.168.78.1/24 dev other
ip_ b address add 192.168.78.2/24 dev other
to 4
check "before the way changes" through
sent=$(ip_ a -j -s link show other | jq '.[0].stats64.tx.packets')
ip_ a route add "${at[b4]}/32" via 192.168.78.2 dev other src "${at[a4]}"
check "the way changes" through
check_between "and is taken" "$(($(ip_ a -j -s link show other | jq '.[0].stats64.tx.packets') - sent))" 3 1000
ip_ a route del "${at[b4]}/32"
check "and changes back" through

# into itself
loops=$(counter a drops.send)
ip_ a route add "${at[b4]}/32" dev mesh0
check_not "a way through the tunnel itself is none" through
check_between "and counted" "$(($(counter a drops.send) - loops))" 1 100
ip_ a route del "${at[b4]}/32"
check "without it all is well" through
