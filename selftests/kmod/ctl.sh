#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# meshvpn-ctl dev against the module: each verb changes what it says and nothing else, batches are
# all or nothing, tables come as JSON and without keys, and errors name the thing, in the kernel's
# words, with the exit code that scripts look at.

. "$(dirname "$0")/lib.sh"
export NO_COLOR=1
lab_net <<-END
	host a b
	link a b
END
exits() { local want=$1 got; shift; "$@" >"$tap_tmp/code" 2>&1; got=$?; cat "$tap_tmp/code"; ((got == want)) || { echo "exit $got, not $want"; return 1; }; }
# says TEXT CODE CMD...: fails with that code and has the text in its error
says() {
	local text=$1 want=$2 got
	shift 2
	"$@" >"$tap_tmp/code" 2>&1
	got=$?
	cat "$tap_tmp/code"
	((got == want)) || { echo "exit $got, not $want"; return 1; }
	grep -qF -- "$text" "$tap_tmp/code" || { echo "does not say: $text"; return 1; }
}
a() { dev a "$@"; }
field() { dev_json a "$@"; }
k=$(key one) k2=$(key two)

# nodes
check_same "no node, nothing shown" "$(a node)" ""
check "3: without daemon and node, dev show has nobody to ask" exits 3 a --socket "$tap_tmp/none" show
check_same "a node is made" "$(a node add port 4470 lanes 2)" "node 1: port 4470 to 4471"
check_same "and there" "$(lab_exec a ss -Hulpn 'sport = :4470' | wc -l)" 1
check "without a daemon, dev show is the kernel's" eval 'a --socket "$tap_tmp/none" show | grep -q "^node: 1"'
check "1: a port in use" says "4471" 1 a node add port 4471
check_same "another namespace has its own" "$(dev b node add port 4470)" "node 1: port 4470"
check "set" a node set max-links 7 rate 1000000
check_same "changes what is named, and no more" "$(field '.nodes[0].limits | [.max_links, .max_circuits, .rate, .burst, .hold_us] | @csv' node show)" "7,65536,1000000,100000,200"
check "rate 0 is none" a node set rate 0
check "1: no such node" says "node 9" 1 a node del 9
check "1: nor its tables, in the kernel's words" says "node 9: there is no such node" 1 a link show node 9
check "2: node 0" says "node 0: not from 1" 2 a link show node 0
check "2: no lanes" says "lanes 0" 2 a node add port 5000 lanes 0
check "a second one, with a mark as ip writes it" a node add 5 port 5000 mark 0x10
check "2: which of two?" says "node N" 2 a link add 1
check "its number says it" a link add 1 node 5
check_same "and it is there" "$(field '.links | length | tostring' link show node 5)" 1
check "and goes with it" a node del 5

# links
check "a link" a link add 1 up-rate 10 up-burst 20
check_same "as it was said" "$(field '.links[0] | [.id, .up_rate, .up_burst, .circuits] | @csv' link show)" "1,10,20,0"
check "1: twice" says "link 1: the node has a link of this id" 1 a link add 1
check "1: another" says "link 2" 1 a link set 2 up-rate 1
check "2: nothing to change" exits 2 a link set 1
check "set" a link set 1 up-rate 30
check_same "shows" "$(field '.links[0].up_rate | tostring' link show 1)" 30
check "1: not there" says "link id 2: there is nothing of this name" 1 a link show 2
check "2: a burst without its rate" says "give both" 2 a link set 1 up-burst 5
check_same "changes nothing" "$(field '.links[0] | [.up_rate, .up_burst] | @csv' link show 1)" "30,0"
check "2: link 0" says "id 0: not from 1" 2 a link add 0
check "2: no number" says "id x: not a number" 2 a link add x
check "2: no id" says "id N: is missing" 2 a link add
check_same "list is show, delete is del" "$(a link list 1; a link add 9; a link delete 9; a link list | grep -c ^link)" "$(a link show 1; echo 1)"
for n in 2 3 4 5 6 7; do a link add $n; done
check "1: the limit" exits 1 a link add 8
check "names it, and what to do" says "max-links" 1 a link add 8
for n in 3 4 5 6 7; do a link del $n; done

# link sessions
session=(link-session add link 1 rx-key "$k" tx-key "$k2")
check "a link session" a "${session[@]}" index 4 rx-id 0x1c,0x1d tx-id 0x1a endpoint 192.0.2.1:4470 lanes 2 local-lanes 2
check_same "as it was said" \
	"$(field '.link_sessions[0] | [.index, .state, (.rx_ids | join("+")), .tx_id, .endpoint, .lanes, .local_lane, .local_lanes] | @csv' link-session show)" \
	'4,"current","0x1c+0x1d","0x1a","192.0.2.1:4470",2,0,2'
check "1: an id that another has" exits 1 a "${session[@]}" index 5 rx-id 0x1c
check "2: too large an id" exits 2 a "${session[@]}" index 5 rx-id 0x100000000000000
check "2: no address" exits 2 a "${session[@]}" index 5 rx-id 5 endpoint 192.0.2.1
check "2: a link-local address on no interface" says "without its interface" 2 a "${session[@]}" index 5 rx-id 5 endpoint "[fe80::1]:4470"
check "2: on one that is not there" says "no such interface" 2 a "${session[@]}" index 5 rx-id 5 endpoint "[fe80::1%nosuch]:4470"
check "2: another address on one" exits 2 a "${session[@]}" index 5 rx-id 5 endpoint "[2001:db8::1%b]:4470"
check "on a wire" a "${session[@]}" index 5 state next rx-id 5 endpoint "[fe80::1%b]:4470"
check_same "which it is shown with" "$(field '.link_sessions[].endpoint' link-session show link 1 index 5)" "[fe80::1%b]:4470"
a link-session del link 1 index 5
check "1: no key" says "No such file" 1 a link-session add link 1 index 5 rx-id 5 rx-key "$tap_tmp/none" tx-key "$k"
check "1: not a key" eval 'echo short >"$tap_tmp/short"; says "not a key" 1 a link-session add link 1 index 5 rx-id 5 rx-key "$tap_tmp/short" tx-key "$k"'
check "hexadecimal, from stdin" eval 'head -c 64 /dev/urandom | od -An -v -tx1 | tr -d " \n" | fold -w 64 | a link-session add link 2 rx-id 5 rx-key - tx-key - endpoint "[2001:db8::1]:4470"'
check_same "a link is shown with its own" "$(field '[.links[].id, .link_sessions[].link] | @csv' link show 2)" "2,2"
check_same "-s says how many cells" "$(a -s link show 2 | grep cells)" "  cells: 0 received, 0 sent"
check "that received nothing yet" eval 'a link show 2 | grep -q "nothing received yet"'
check_same "for programs too" "$(field '.link_sessions[0].opened | tostring' link-session show link 2 index 0)" false
check "1: none of that index" says "link-session link 2 index 7" 1 a link-session show link 2 index 7
check_same "no session of a link is an empty table" "$(field '.link_sessions | length | tostring' link-session show link 3)" 0
a link-session set link 1 index 4 local-lanes 1
check "the first lane alone" a link-session set link 1 index 4 local-lane 1
check_same "leaves their number" "$(field '.link_sessions[0] | [.local_lane, .local_lanes] | @csv' link-session show link 1 index 4)" "1,1"
check "and their number alone the first" a link-session set link 1 index 4 local-lanes 0
check_same "as it was" "$(field '.link_sessions[0] | [.local_lane, .local_lanes] | @csv' link-session show link 1 index 4)" "1,0"
check "set state and endpoint" a link-session set link 1 index 4 state previous endpoint none
check_same "changes those" "$(field '.link_sessions[0] | [.state, .endpoint, .tx_id, .lanes] | @csv' link-session show link 1)" '"previous",,"0x1a",2'
a link-session set link 1 index 4 state current
check "a file that others may read is pointed out" eval 'cp "$k" "$tap_tmp/open"; chmod 644 "$tap_tmp/open"; a link-session add link 1 index 6 state next rx-id 9 rx-key "$tap_tmp/open" tx-key "$k" 2>&1 | grep -q chmod'
check "del" a link-session del link 1 index 6

# devices, sessions, circuits
ip -n "$(lab_ns a)" link add mesh0 type meshvpn
check "attach" a attach mesh0 role origin mtu 1400
check_same "shows" "$(field '.nodes[0].devices[0] | [.id, .name, .role, .mtu] | @csv' show mesh0)" '1,"mesh0","origin",1400'
check_same "and changed the MTU" "$(ip -n "$(lab_ns a)" -j link show mesh0 | jq -r '.[0].mtu')" 1400
check "1: twice" exits 1 a attach mesh0 role origin
check "1: another kind of device" exits 1 a attach lo role exit
check "1: none" says "device nosuch" 1 a attach nosuch role exit
check "is made with ip" says "ip link add" 1 a attach nosuch role exit
check "2: an MTU that no packet has" says "mtu 100: not from 576" 2 a attach nosuch role origin mtu 100
check "1: not attached" exits 1 a show lo
check "an origin's circuit" a circuit add origin link 1 id 101 kf "$k,$k2,$(key three)" kb "$k,$k2,$(key three)"
check "a relay's" a circuit add relay link 1 id 102 out-link 2 out-id 7 kf "$k" kb "$k2" class medium pass yes rate 50000
check_same "as it was said" \
	"$(field '[.circuits[] | [.kind, .id, .class, .pass, .hops, .reserve, .out_link, .out_id, .rate, .burst, .next_counter]] | sort | .[] | @csv' circuit show | tr '\n' ' ')" \
	'"origin",101,"large",false,3,48,,,0,0,4096 "relay",102,"medium",true,,,2,7,50000,65536,4096 '
check_same "one of them" "$(field '.circuits[] | [.kind, .id] | @csv' circuit show link 1 id 102)" '"relay",102'
check_same "-s says its numbers" "$(a -s circuit show link 1 id 101 | grep -c -e cells: -e number:)" 2
check "1: not this one" says "circuit link 1 id 99" 1 a circuit show link 1 id 99
check_same "those of a link without any" "$(dev a -j circuit show link 2 | jq -c .circuits)" "[]"
check "1: the other side is taken" says "the out-link has" 1 a circuit add relay link 1 id 104 out-link 2 out-id 7 kf "$k" kb "$k2"
check "1: or its link is not there" says "out-link's id" 1 a circuit add relay link 1 id 104 out-link 9 out-id 7 kf "$k" kb "$k2"
check "2: data in small cells" says "class small" 2 a circuit set link 1 id 102 class small
check "1: different numbers of keys" says "kf: 2 keys, kb: 1" 1 a circuit add origin link 1 id 103 kf "$k,$k2" kb "$k"
check "2: a relay without a way out" exits 2 a circuit add relay link 1 id 104 kf "$k" kb "$k"
check "1: on no link" exits 1 a circuit add origin link 9 id 104 kf "$k" kb "$k"
check "1: twice" exits 1 a circuit add origin link 1 id 101 kf "$k" kb "$k"
check "1: pass cannot come back" eval 'a circuit set link 1 id 102 pass no && exits 1 a circuit set link 1 id 102 pass yes'
check "a session" a session add 3 dev mesh0 address 10.66.0.2,fd66::2 link 1 circuit 101
check_same "as it was said" "$(field '.sessions[0] | [.id, .device, .address, .address6, .link, .circuit] | @csv' session show)" '3,1,"10.66.0.2","fd66::2",1,101'
check_same "and its circuit's" "$(field '.circuits[0].session | tostring' circuit show id 101)" 3
check "2: half a circuit" exits 2 a session set 3 link 1
check "none" a session set 3 link 0 circuit 0
check_same "is shown" "$(field '.sessions[0].circuit | tostring' session show 3)" 0
check "1: an address that another has" exits 1 a session add 4 dev mesh0 address 10.66.0.2
check "1: a device's id of more than 32 bits" says "dev 4294967297" 1 a session add 4 dev 4294967297 address 10.66.0.4
check_same "no prefixes are an empty table" "$(dev a -j selector show mesh0 | jq -c .selectors)" "[]"
check "selector" a selector set mesh0 0.0.0.0/0=3,10.0.0.0/8=3,::/0=3
check_same "shows" "$(field '.selectors[0].prefixes | map(.prefix) | sort | join(" ")' selector show mesh0)" "0.0.0.0/0 10.0.0.0/8 ::/0"
check "2: not a prefix" exits 2 a selector set mesh0 10.0.0.0/33=1
check "4096 prefixes" a selector set mesh0 "$(for ((n = 0; n < 4096; n++)); do echo "10.$((n / 256)).$((n % 256)).0/24=3"; done | paste -sd,)"
check_same "are all there" "$(field '.selectors[0].prefixes | length | tostring' selector show mesh0)" 4096
check "none" a selector set mesh0 none
check_same "is none" "$(field '[.selectors[].prefixes[]] | length | tostring' selector show)" 0
a selector set mesh0 ::/0=3

# batches
before=$(field '.nodes[0] | del(.traffic, .drops) | tojson' node show)
cat >"$tap_tmp/batch" <<-END
	# the last one is wrong

	link add 30
	link-session add link 30 rx-id 0x300 rx-key $k tx-key $k2 endpoint 192.0.2.3:1
	circuit add relay link 30 id 1 out-link 1 out-id 5 kf $k kb $k2
	dev link set 1 up-rate 99
	session add 8 dev mesh0 address 10.66.0.8
	circuit del link 30 id 2
END
check "a batch with a wrong line is refused" says "batch:8: circuit 2 on link 30" 1 a batch "$tap_tmp/batch"
check_same "and has changed nothing" "$(field '.nodes[0] | del(.traffic, .drops) | tojson' node show)" "$before"
sed -i '/^circuit del/d' "$tap_tmp/batch"
check "a right one is taken" a batch "$tap_tmp/batch"
check_same "and a set in it changes what it names, a rate with its burst" "$(field '.links[] | select(.id == 1) | [.up_rate, .up_burst] | @csv' link show)" "99,0"
check "2: a line that is not understood" says "stdin:2:" 2 eval 'printf "link del 30\nlink frobnicate 1\n" | a batch -'
check_same "stops all of it" "$(field '.links[] | select(.id == 30) | .id | tostring' link show)" 30
check "1: a key from the batch's own stdin" says "stdin:1: kf -: stdin is the batch" 1 \
	eval 'printf "circuit add origin link 1 id 200 kf - kb -\n%s\n%s\n" "$(cat "$k")" "$(cat "$k")" | a batch -'
check "1024 changes at once" eval 'for ((n = 0; n < 1024; n++)); do echo "circuit add relay link 1 id $((1000 + n)) out-link 2 out-id $((1000 + n)) kf $k kb $k2"; done | a batch -'
check_same "are there" "$(field '.circuits | length | tostring' circuit show)" 1027
while :; do a link set 1 up-rate 99; done & changes=$!
check_same "each once, whatever else changes" "$(field '[.circuits[].id] | "\(length) \(unique | length)"' circuit show link 1 2>/dev/null)" "1026 1026"
kill $changes
wait $changes 2>/dev/null
check_same "in order" "$(field '[.circuits[].id] | . == sort | tostring' circuit show link 1)" true
check "1: and no more than that" exits 1 eval 'for ((n = 0; n < 1025; n++)); do echo "link set 1 up-rate $n"; done | a batch -'
check "a device that the batch itself attaches" eval 'ip -n "$(lab_ns a)" link add mesh1 type meshvpn && printf "attach mesh1 role exit\nsession add 20 dev mesh1 address 10.67.0.1\n" | a batch -'
check_same "has its session" "$(field '.sessions[] | select(.id == 20) | .device | tostring' session show)" 2

# flush
check "circuits of a link without any" a circuit flush link 2
check_same "are none" "$(field '.circuits | length | tostring' circuit show)" 1027
check "of another" a circuit flush link 1
check_same "all of them" "$(field '[.circuits[] | [.link, .id]] | tojson' circuit show)" "[[30,1]]"
check "twice" a circuit flush link 1
check "sessions of a device" a session flush mesh1
check_same "and no others" "$(field '[.sessions[].id] | sort | join(" ")' session show)" "3 8"
check "1: of none" says "mesh9" 1 a session flush mesh9
check "link sessions" a link-session flush link 30
check_same "of that link" "$(field '[.link_sessions[].link | tostring] | unique | join(" ")' link-session show)" "1 2"
check "a circuit again" a circuit add origin link 1 id 101 kf "$k" kb "$k"

# keys, JSON, people
for h in "node show" "link show" "link-session show" "session show" "circuit show" "selector show"; do
	# shellcheck disable=SC2086
	check_same "$h -j has its schema" "$(dev a -j $h | jq -r .schema)" "meshvpn.dev.${h// /.}/1"
	# shellcheck disable=SC2086
	check "$h is for people as well" eval '[[ $(a $h | wc -l) -gt 1 ]]'
	# shellcheck disable=SC2086
	check "$h -br" eval '[[ $(a -br $h) ]]'
done
check "no key is shown" eval '! (a -j node show; a -s node show; a -j --show-secrets circuit show) | grep -qF -e "$(cat "$k")" -e "$(base64 -d "$k" | od -An -v -tx1 | tr -d " \n")"'
check_same "what sockets hold" "$(field '.nodes[0].used | tojson' node show)" "[0,0]"
check "-s node show says events and traffic" eval 'a -s node show | grep -q "events: 0 sent, 0 lost" && a -s node show | grep -q tx_skbs'
check_same "completion knows kinds" "$(lab_exec a "$CTL" __words dev circuit add | head -3 | paste -sd" ")" "relay origin terminus"
check_same "and values" "$(lab_exec a "$CTL" __words dev attach mesh0 role | paste -sd" ")" "origin exit"
check "and devices" eval 'lab_exec a "$CTL" __words dev attach | grep -qx mesh0'
check "an error is JSON too" eval 'a -j link add 1 | jq -e ".error.code == \"exists\" and .error.message and .error.hint"'
check "4: not root" exits 4 lab_exec a setpriv --reuid=65534 --clear-groups "$CTL" dev link add 50
check "4: nor look" exits 4 lab_exec a setpriv --reuid=65534 --clear-groups "$CTL" dev link show

# an owner
ip netns exec "$(lab_ns a)" "$CTL" -j dev monitor port 6000 >"$tap_tmp/monitor" 2>&1 &
monitor=$!
check "monitor makes a node" wait_for 5 eval '[[ $(field ".nodes | length | tostring" node show) == 2 ]]'
check_same "with an owner" "$(field '.nodes[1].owner > 0 | tostring' node show)" true
check_same "and says so first" "$(jq -r '[.event, .node, .port] | @csv' "$tap_tmp/monitor")" '"node",2,6000'
kill $monitor
check "which goes with it" wait_for 5 eval '[[ $(field ".nodes | length | tostring" node show) == 1 ]]'
check "detach" a detach mesh1
check_same "with its session" "$(field '[.sessions[].id] | sort | join(" ")' session show)" "3 8"
check "del takes all" a node del
check_same "away" "$(a node)" ""
dev b node del
