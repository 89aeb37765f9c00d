#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# New flows get a new session and path after a time and after a volume; a download that runs keeps
# its own to the end. A reload keeps circuits.
#
#	timed, counted --- net --- anna bert cleo dora, emil fina (exits), web

. "$(dirname "$0")/mesh.sh"

mesh_clients="timed counted"
mesh_conf[timed]="Client.RotateAfter=10s
Client.OldSessionIdle=5s"
mesh_conf[counted]="Client.RotateBytes=20MB"
mesh_up
mesh_start

sessions() { ctl "$1" '.sessions | length' circuit show; }
rotations() { counter "$1" client rotations; }
first_timed=$(mesh_session timed) first_counted=$(mesh_session counted) address_counted=$(mesh_inner4 counted)

# 100 MiB in about 17 s: at least one rotation by time
get_start timed "bytes/100M?rate=6m"
get_start counted "bytes/100M?rate=10m"
check "by volume: a new session" wait_for 10 eval '[[ $(mesh_session counted) != $first_counted ]]'
check "by volume: with another address" eval '[[ $(mesh_inner4 counted) != "$address_counted" ]]'
check "by volume: a new flow has the new session's exit" eval '[[ $(host_of "$(through counted "http://$web/ip")") == $(mesh_hop counted 3) ]]'
check "by volume: the old session is still there" eval '(($(sessions counted) >= 2))'
check "by volume: the download goes on" get_running counted
check "by time: a new session" wait_for 20 eval '[[ $(mesh_session timed) != $first_timed ]]'
check "by time: the download goes on" get_running timed
check "by time: the download is what was sent" get_end timed
check "by volume: the download is what was sent" get_end counted
check_within "by time: without a pause, ms" "$(get_stall timed)" 700
check_within "by volume: without a pause, ms" "$(get_stall counted)" 700
check_between "by time: as often as it should" "$(rotations timed)" 1 $((4 * patience))
check "by volume: counted" eval '(($(rotations counted) >= 1))'
check "an old session without traffic ends" wait_for 15 eval '(($(sessions timed) <= 2))'

# reload
before=$(mesh_path counted) session=$(mesh_session counted)
check "a spare circuit is ready" wait_for 10 spare_ready counted
numbers() { ctl "$1" '[.circuits[] | select(.state == "open" or .state == "spare").id] | sort | tostring' circuit show; }
before=$(numbers counted)
sed -i '/^\[Node\]/a LogLevel = debug' "$LAB_DIR/counted/meshvpnd.conf"
kill -HUP "$(daemon_pid counted)"
check "SIGHUP takes the change over" wait_for 5 eval '[[ $(ctl counted "[.keys[] | select(.name == \"LogLevel\")][0].value" config show) == debug ]]'
check_same "and keeps the circuits" "$(numbers counted)" "$before"
check_same "and the session" "$(mesh_session counted)" "$session"
relay=$(mesh_hop counted 2)
kill -HUP "$(daemon_pid "$relay")"
sleep 0.3
check_same "SIGHUP of a relay too" "$(through counted "http://$web/ip" >/dev/null; numbers counted)" "$before"
echo "Nonsense = 1" >>"$LAB_DIR/counted/meshvpnd.conf"
kill -HUP "$(daemon_pid counted)"
sleep 0.2
check "a wrong file changes nothing" eval 'through counted "http://$web/ip" && [[ $(numbers counted) == "$before" ]]'
for h in $mesh_clients $mesh_relays $mesh_exits; do
	check "$h ends well" lab_kill "$h"
done
