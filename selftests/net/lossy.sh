#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Circuits are built over a network that loses, reorders and doubles datagrams everywhere: between
# any two hosts 20 % each way. And nothing that is sent through them is readable on any link.
#
#	client === net === anna bert cleo dora, emil fina (exits)      === is shaped
#	            |
#	           web

. "$(dirname "$0")/mesh.sh"

# two links between neighbours: 1 - 0.895^2 = 20 %
mesh_shape[all]="delay=2ms jitter=1ms loss=10.5% reorder=10% gap=4ms dup=5%" mesh_shape[web]=
mesh_conf[client]="Client.Spares=2"
mesh_up
begun=$SECONDS
MESH_TIMEOUT=30 mesh_start
note "connected after $((SECONDS - begun)) s"

check_between "the network is as bad as it should be" "$(loss client "$(address anna)" 400)" 28 45
check "spare circuits are built too" wait_for 20 eval '(($(ctl client .circuits.spare status) >= 2))'
built() { counter "client" client built; }
for n in 1 2 3; do
	session=$(mesh_session client)
	check "a new session, $n" eval 'lab_ctl client circuit new && wait_for 20 eval "[[ \$(mesh_session client) && \$(mesh_session client) != \$session ]]"'
done
check_between "so many were built" "$(built)" 6 40
note "failed builds: $(counter client client build_failed)"
check "they carry packets" eval '(($(lab_exec client "$PROBE" udp mesh0 $web 7 300 100 3 | jq .received) > 10))'

# what passes is readable at the web server and nowhere else
for h in $mesh_clients $mesh_relays $mesh_exits; do lab_wire "$h" net loss=0 dup=0 reorder=0 >/dev/null; done
marker=meshvpn-marker-$RANDOM$RANDOM
for i in 1 2 3 4 5 6 7 8; do echo "$marker"; done >"$tap_tmp/body"
background net tcpdump -i any -w "$tap_tmp/all.pcap" -U --immediate-mode -Z root "not host $web and not host $web6" 2>"$tap_tmp/all.log"
background net tcpdump -i web -w "$tap_tmp/web.pcap" -U --immediate-mode -Z root 2>"$tap_tmp/web.log"
check "captures run" wait_for 5 eval 'grep -q listening "$tap_tmp/all.log" && grep -q listening "$tap_tmp/web.log"'
check "an upload" through client "http://$web/upload/$marker" -T "$tap_tmp/body"
check "and a download" through client "http://$web/upload/$marker"
check "the marker is on the server's link" wait_for 5 grep -qa "$marker" "$tap_tmp/web.pcap"
check "cells were captured" eval '(($(stat -c %s "$tap_tmp/all.pcap") > 10000))'
check_same "and on no other link" "$(grep -ca "$marker" "$tap_tmp/all.pcap")" 0
# the server's name is in no cell either
check_same "nor the request's words" "$(grep -ca 'HTTP/1.1\|User-Agent' "$tap_tmp/all.pcap")" 0
