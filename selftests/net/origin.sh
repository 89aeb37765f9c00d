#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a client lets into its tunnel and out of it: nothing with an address of its own, nothing for
# a session that came through another exit, an error instead of silence when there is no circuit;
# and which packets go through it at all, with Route = bound and with Route = all.
#
#	some (bound), whole (all) --- net --- anna bert, emil fina (exits), web
#	whole --- near (a host on its own network)

. "$(dirname "$0")/mesh.sh"

mesh_clients="some whole" mesh_relays="anna bert"
mesh_conf[some]="Client.Route=bound"
mesh_conf[whole]="Client.Route=all"
mesh_up
ip -n "$(lab_ns whole)" link add near type veth peer name whole netns "$(lab_ns web)"
ip -n "$(lab_ns whole)" -batch - <<<$'address add 192.168.5.1/24 dev near\nlink set dev near up'
ip -n "$(lab_ns web)" -batch - <<<$'address add 192.168.5.2/24 dev whole\nlink set dev whole up'
mesh_start

seen_as() { host_of "$(fetch "$1" "$2/ip")"; }
is_exit() { [[ " $mesh_exits " == *" $1 "* ]]; }

# Route
check_same "bound: what is not bound goes directly" "$(seen_as some "http://$web")" some
check_same "bound: IPv6" "$(seen_as some "http://[$web6]")" some
check "bound: what is bound to the device goes through it" is_exit "$(host_of "$(through some "http://$web/ip")")"
check "bound: what is bound to an inner address too" is_exit "$(host_of "$(fetch some "http://$web/ip" --interface "$(mesh_inner4 some)")")"
check "bound: IPv6" is_exit "$(host_of "$(fetch some "http://[$web6]/ip" --interface "$(mesh_inner6 some)")")"
check "all: everything goes through it" is_exit "$(seen_as whole "http://$web")"
check "all: IPv6" is_exit "$(seen_as whole "http://[$web6]")"
check_same "all: the machine's own network stays reachable" "$(fetch whole http://192.168.5.2/ip)" 192.168.5.1
check_same "all: a download" "$(fetch whole "http://$web/bytes/16M" | sha256sum)" "$(sha256sum <"$LAB_DIR/web/web/bytes/16M")"
# nothing but cells on the client's link
lab_exec net timeout 3 tcpdump -nni whole -c 1 "not udp port 4470 and host $web" >"$tap_tmp/leak" 2>/dev/null & leak=$!
fetch whole "http://$web/bytes/64k" >/dev/null
lab_exec whole ping -c 2 -i 0.1 -W 1 $web >/dev/null
lab_exec whole "$PROBE" udp - $web 7 5 >/dev/null
wait $leak
check_same "all: and nothing beside it" "$(<"$tap_tmp/leak")" ""

# sources: a socket that was bound before the tunnel was there, packets made by hand
before=$(drops some source)
lab_exec some "$PROBE" raw mesh0 "$(address some)" $web 7 30 >/dev/null
check_same "the host's own address is never sealed" "$(($(drops some source) - before))" 30
before=$(drops some source)
lab_exec some "$PROBE" raw mesh0 "$(address some 6)" $web6 7 30 >/dev/null
check_same "nor IPv6" "$(($(drops some source) - before))" 30
lab_exec web timeout 3 tcpdump -nni net -c 1 "udp dst port 7 and not src port 4470" >"$tap_tmp/arrived" 2>/dev/null & arrived=$!
before=$(drops some source)
lab_exec some "$PROBE" raw mesh0 198.18.3.3 $web 7 30 >/dev/null
check_same "nor another inner one" "$(($(drops some source) - before))" 30
wait $arrived
check_same "none of it arrived" "$(<"$tap_tmp/arrived")" ""

# An answer through the other exit: a second session there, and that exit's host makes packets to
# the address of the first, and the first's exit from an address it should not.
old4=$(mesh_inner4 some) old=$(mesh_hop some 3) session=$(mesh_session some)
for n in 1 2 3 4 5 6 7 8; do
	lab_ctl some circuit new >/dev/null
	wait_for 5 eval '[[ $(mesh_session some) != '"$session"' ]]' || break
	session=$(mesh_session some)
	[[ $(mesh_hop some 3) == "$old" ]] || break
done
new=$(mesh_hop some 3)
check "a second session at another exit" eval '[[ $new != "$old" && $(mesh_inner4 some | tail -n 1) != "$old4" ]]'
before=$(drops some destination) none=$(drops "$new" no-circuit)
lab_exec "$new" "$PROBE" raw meshx0 $web "$old4" 9999 20 >/dev/null
check_same "the other exit has no circuit for it" "$(($(drops "$new" no-circuit) - none))" 20
check_same "so none reaches the client" "$(drops some destination)" "$before"
before=$(drops some source)
for from in 127.0.0.1 169.254.1.1 224.0.0.5 "$(mesh_inner4 some | tail -n 1)"; do
	lab_exec "$old" "$PROBE" raw meshx0 "$from" "$old4" 9999 5 >/dev/null
done
check_same "a source that no server has is not accepted" "$(($(drops some source) - before))" 20
check "the old session still takes what it should" fetch some "http://$web/ip" --interface "$old4"

# no circuit: an error at once
for h in $mesh_exits; do lab_kill $h KILL; done
wait_for 10 negate connected some
before=$(drops some no-circuit)
result=$(lab_exec some "$PROBE" try mesh0 $web 80 3)
check "without a circuit: an error and not silence" eval 'jq -e ".result != \"silence\" and .result != \"open\" and .ms < 2500" <<<"$result"'
check "it is counted" eval '(($(drops some no-circuit) > before))'
wait_for 10 negate connected whole
check_not "all: nothing leaks while there is no circuit" fetch whole "http://$web/ip" --max-time 2
check_same "bound: what is not bound goes on" "$(seen_as some "http://$web")" some
lab_ctl whole down >/dev/null
check "all: after down everything goes directly" wait_for 5 eval '[[ $(seen_as whole "http://$web") == whole ]]'
check_not "and no rule of ours is left" eval 'ip -n "$(lab_ns whole)" rule | grep -q 4470:'
# shellcheck disable=SC2086
check "the exits come back" mesh_daemon $mesh_exits
lab_ctl whole up >/dev/null
check "all: and after up through the tunnel" wait_for 20 eval 'is_exit "$(seen_as whole "http://$web")"'
