#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The two datapaths speak one protocol: over three hops, each of which is the user datapath or that
# of the kernel module, and with a client of either kind: real curl in both directions, UDP and ping.
# All 16 combinations with MESHVPN_LONG, else five in which each kind meets each at every place.
#
#	cu, ck ---+            +--- gu, gk (guards)
#	          +--- net ----+--- mu, mk (middles)
#	web ------+  (router)  +--- xu, xk (exits)
#
# The last letter of a name is the datapath: user or kernel. A combination is a client that may use
# one relay for each hop.

. "$(dirname "$0")/mesh.sh"

ip link add mvprobe type meshvpn 2>/dev/null || skip_all "the kernel module is not loaded"
ip link del mvprobe

mesh_relays="gu gk mu mk" mesh_exits="xu xk" mesh_clients="ckkkk cukuk ckuku cuukk ckkuu"
[[ ! ${MESHVPN_LONG-} ]] || mesh_clients=$(echo c{u,k}{u,k}{u,k}{u,k})
other() { [[ $1 == u ]] && echo k || echo u; }
datapath() { case $1 in *u) echo user ;; *) echo kmod ;; esac }
for h in $mesh_relays $mesh_exits; do mesh_conf[$h]="Node.Datapath=$(datapath $h)"; done
for h in $mesh_clients; do
	g=${h:2:1} m=${h:3:1} x=${h:4:1}
	mesh_conf[$h]="Node.Datapath=$(datapath "${h:0:2}")
Client.NoSpare=yes
Client.Exit=x$x
Client.ExcludeRelay=x$(other "$x")
Client.ExcludeRelay=g$(other "$g")
Client.ExcludeRelay=m$(other "$m")"
done
mesh_up
# shellcheck disable=SC2086
mesh_daemon $mesh_relays $mesh_exits || { note "a relay does not start"; exit 1; }

down() { through "$1" "http://$2/bytes/$3" -o "$tap_tmp/down" && cmp "$tap_tmp/down" "$LAB_DIR/web/web/bytes/$3"; }
up() { through "$1" "http://$2/upload/$1" -T "$LAB_DIR/web/web/bytes/$3" && cmp "$LAB_DIR/web/web/upload/$1" "$LAB_DIR/web/web/bytes/$3"; }
# begin HOST PATH: which of the two relays is the guard is a matter of chance, so it is tried again
begin() {
	local try
	for try in {1..20}; do
		mesh_daemon "$1" && wait_for 15 connected "$1" || return
		[[ $(mesh_path "$1") != "$2" ]] || return 0
		end "$1"
		rm -rf "${LAB_DIR:?}/$1/state"
	done
	return 1
}
end() {
	local pid
	pid=$(daemon_pid "$1")
	kill "$pid"
	wait_for 10 negate kill -0 "$pid"
}
runs() { [[ $(ctl "$1" .datapath.name status) == "$2" ]]; }

for h in $mesh_relays $mesh_exits; do check "$h runs $(datapath $h)" runs $h "$(datapath $h)"; done
for h in $mesh_clients; do
	path="g${h:2:1} m${h:3:1} x${h:4:1}"
	title="$(datapath "${h:0:2}") client:"
	for p in $path; do title+=" $(datapath "$p")"; done
	check "$title" begin "$h" "$path" || { mesh_tell; continue; }
	check "$title: the server sees the exit" same "$(host_of "$(through "$h" "http://$web/ip")")" "x${h:4:1}"
	check "$title: a download" down "$h" $web 1M
	check "$title: an upload" up "$h" $web 1M
	check "$title: a download, IPv6 inside" down "$h" "[$web6]" 1M
	check_same "$title: UDP" "$(lab_exec "$h" "$PROBE" udp mesh0 $web 7 50 300 5 | jq .received)" 50
	check "$title: a packet of 1420 bytes" lab_exec "$h" ping -I mesh0 -M do -s 1392 -c 1 -W 2 $web
	end "$h"
done
# nothing was damaged on the way (repeated answers of building that come late die by their class)
for h in $mesh_relays $mesh_exits; do
	for cause in layer layer-backward header frame source destination; do
		check_same "$h: nothing dropped as $cause" "$(drops $h $cause)" 0
	done
done
