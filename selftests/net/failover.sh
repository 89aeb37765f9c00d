#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A relay is killed during a download: guard and middle without the connection noticing more than a
# pause, also when the answer to the takeover is lost; an exit so that new flows work soon.
#
#	client --- net --- anna bert cleo dora, emil fina (exits), web
#	     (shaped link)

. "$(dirname "$0")/mesh.sh"

mesh_shape[client]="delay=1ms"
mesh_up
mesh_start

# survives WHAT HOP MS [CMD...]: a download during which that hop is killed, and which pauses for MS at
# most; CMD runs beside. The server sends again after 0.2 to 0.3 s, then thrice and seven times that.
survives() {
	local what=$1 hop=$2 most=$3 victim before
	shift 3
	check "a spare circuit is ready" wait_for 15 spare_ready
	victim=$(mesh_hop client "$hop") before=$(mesh_session client)
	note "the path is $(mesh_path client)"
	get_start client "bytes/16M?rate=4m"
	sleep 0.5
	lab_kill "$victim" KILL
	(($# == 0)) || "$@"
	check "$what: the download is what was sent" get_end client
	note "the pause was $(get_stall client) ms; the path is $(mesh_path client)"
	check_within "$what: the pause is short, ms" "$(get_stall client)" "$most"
	check_same "$what: the session is the same" "$(mesh_session client)" "$before"
	check "$what comes back" mesh_daemon "$victim"
}

survives middle 2 2000
# a takeover too many makes it choose another exit
new_session() { local s; s=$(mesh_session client); lab_ctl client circuit new >/dev/null; wait_for 10 eval '[[ $(mesh_session client) != '"$s"' ]]'; }
check "a new session" new_session
survives guard 1 2000
check "a new session" new_session

# The answer to the BIND of the takeover is lost: from when the client has noticed, for long
# enough, nothing comes back to it.
deaf() {
	wait_for 3 sees_trouble
	lab_wire net client oneway down >/dev/null
	sleep 0.15
	lab_wire net client oneway up >/dev/null
}
lab_ctl client -j monitor >"$tap_tmp/monitor" 2>/dev/null &
monitor=$!
disown
sees_trouble() { grep -qE '"(stalled|circuit-dead)"' "$tap_tmp/monitor"; }
: >"$tap_tmp/monitor"
survives "middle, with the answer to the takeover lost," 2 3000 deaf
kill $monitor 2>/dev/null
check "a new session" new_session

# an exit dies: its connections with it, new ones work within 2 s
check "a spare circuit is ready" wait_for 15 spare_ready
victim=$(mesh_hop client 3)
lab_kill "$victim" KILL
begun=${EPOCHREALTIME/./}
anew() { through client "http://$web/ip" --max-time 0.3; }
check "another exit serves new flows" wait_for 10 anew
check_within "and soon, ms" $(((${EPOCHREALTIME/./} - begun) / 1000)) 2000
check "it is the other exit" eval '[[ $(mesh_hop client 3) != $victim ]]'
