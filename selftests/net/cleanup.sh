#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# However daemon and helper end, at start or under traffic, nothing of them stays on the machine:
# no device, nft table, rule, route or sysctl. Where the helper itself was killed, the next start
# puts things back.
#
#	client --- net --- anna bert, emil (exit), web

. "$(dirname "$0")/mesh.sh"

mesh_relays="anna bert" mesh_exits="emil"
mesh_conf[client]="Client.Route=all"
RANDOM=${SEED:-$$}
note "SEED=${SEED:-$$}"
mesh_up
hosts="client emil"
# what stands on a host but for the devices' own
state() {
	ip -n "$(lab_ns "$1")" -o link | awk -F': ' '{ print $2 }'
	ip -n "$(lab_ns "$1")" rule
	ip -n "$(lab_ns "$1")" -6 rule
	ip -n "$(lab_ns "$1")" route show table all | grep -v cache
	ip -n "$(lab_ns "$1")" -6 route show table all | grep -v 'cache\|fe80'
	lab_exec "$1" nft list tables
	lab_exec "$1" sysctl -a 2>/dev/null | grep -E 'conf\.[^.]*\.(forwarding|force_forwarding|accept_ra|rp_filter|disable_ipv6)|ip_forward '
}
for h in $hosts; do state $h >"$tap_tmp/before.$h"; done
clean() { state "$1" >"$tap_tmp/now.$1" && diff "$tap_tmp/before.$1" "$tap_tmp/now.$1"; }
dirty() { ! clean "$1" >/dev/null; }
gone() { [[ ! $(helper_pid "$1") && ! -e /proc/$2 ]]; }

mesh_start
for h in $hosts; do check "$h changed its machine" dirty $h; done

# end HOST HOW: signals; both: helper and daemon at once
end() {
	local d h
	d=$(daemon_pid "$1") h=$(helper_pid "$1")
	case $2 in
	TERM) kill -TERM "$d" ;;
	daemon) kill -KILL "$d" ;;
	helper) kill -KILL "$h" ;;
	both) kill -KILL "$h" "$d" ;;
	esac
	wait_for 5 gone "$1" "$d"
}
traffic() { (lab_exec client curl -s --max-time 8 -o /dev/null "http://$web/bytes/100M?rate=5m" 2>/dev/null) & sleep "0.$((RANDOM % 8 + 1))"; }
# (a client backs off from its only exit; that it comes back is seen at the end)
again() {
	mesh_daemon "$1" || return
	[[ $1 == client ]] || { dirty "$1"; return; }
	wait_for 15 connected client && through client "http://$web/ip"
}

for how in TERM daemon helper both; do
	for h in emil client; do
		traffic
		check "$h: $how ended under traffic" end $h $how
		case $how in
		TERM | daemon) check "$h: $how: the helper put all back" wait_for 5 clean $h ;;
		*) note "$h: $how: left until the next start: $(clean $h | grep -c '^>') lines" ;;
		esac
		check "$h: $how: it starts again and works" again $h
	done
done

# at a random moment of the start
for n in 1 2 3 4 5 6; do
	h=$( ((n % 2)) && echo emil || echo client)
	end $h TERM
	how=$( ((n < 4)) && echo KILL || echo TERM)
	lab_daemon $h "$LAB_DIR/$h/meshvpnd.conf" >/dev/null 2>&1 & start=$!
	wait_for 2 eval '[[ -s $LAB_DIR/'$h'/meshvpnd.pid && -e /proc/$(daemon_pid '$h') ]]'
	usleep=$((RANDOM % 120))
	sleep "0.$(printf %03d $usleep)"
	kill -$how "$(daemon_pid $h)" 2>/dev/null
	wait $start
	check "$h: $how $usleep ms after the start: nothing stays" wait_for 5 clean $h
	check "$h: $how $usleep ms after the start: it starts again" mesh_daemon $h
done
check "it works" wait_for 20 through client "http://$web/ip" --max-time 1

# and after all that, as the user ends it
for h in $hosts anna; do check "$h: a last TERM ends it well" lab_kill $h; done
for h in $hosts; do check "$h: nothing stays" wait_for 5 clean $h; done
check_same "no journal stays" "$(for h in $hosts; do ls /run/meshvpn/netd-"$(stat -Lc %i "/run/netns/$(lab_ns $h)")"-* 2>/dev/null; done)" ""
