#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Several sockets and workers: each lane carries some of the circuits, in both directions, on
# relays, exits and clients; with io_uring and with epoll, by configuration and where the kernel
# or a container forbids io_uring.
#
#	c1 c2 c3 c4 (4 lanes) --- net --- anna bert (2 lanes), emil (exit, 3 lanes, epoll), web

. "$(dirname "$0")/mesh.sh"

mesh_clients="c1 c2 c3 c4" mesh_relays="anna bert" mesh_exits="emil"
mesh_conf[client]="Node.Lanes=4"
mesh_conf[relay]="Node.Lanes=2"
mesh_conf[emil]="Node.Lanes=3
Relay.NoIoUring=yes"
mesh_conf[c2]="Relay.NoIoUring=yes"
mesh_up
mesh_start
# by its descriptors
io_of() { find "/proc/$(daemon_pid "$1")/fd" -lname 'anon_inode:\[io_uring\]' | grep -q . && echo io_uring || echo epoll; }

check_same "a client has as many lanes as it is told" "$(ctl c1 .datapath.lanes status)" 4
check_same "a relay too" "$(ctl anna .datapath.lanes status)" 2
check_same "and sockets" "$(lab_exec emil ss -Hnul | grep -c ':447[0-9] ')" 3
# a thread a lane: loop, workers; the kernel's datapath needs none
workers=3
[[ $(ctl emil .datapath.name status) == user ]] || workers=0
check_between "and threads" "$(find "/proc/$(daemon_pid emil)/task" -mindepth 1 -maxdepth 1 | wc -l)" $((workers + 1)) $((workers + 2))
check_same "epoll, because told so" "$(io_of emil)$(io_of c2)" epollepoll
io=$(io_of anna)
if [[ $io == io_uring ]]; then
	ok "io_uring, because it is there"
else
	skip "no io_uring here" "io_uring, because it is there"
fi

ports() { attack_said "[.flows[] | select((.$1 | startswith(\"$(address "$2"):\")) and .datagrams > 100) | .$1 | split(\":\")[1]] | unique | length"; }
spread() { [[ "$(ports to anna),$(ports to bert)" == 2,2 ]] && (($(ports to emil) >= 2)); }
session_is_not() { [[ $(mesh_session "$1") != "$2" ]]; }

# all at once, both ways; a circuit's lane is drawn, so with bad luck over other circuits again
for round in 1 2 3 4; do
	ups=()
	attack_start net watch
	for h in $mesh_clients; do
		get_start $h "bytes/16M"
		lab_exec $h curl -sS --fail --max-time $((30 * patience)) --interface mesh0 -T "$LAB_DIR/web/web/bytes/16M" "http://$web/upload/$h" & ups[${#ups[@]}]=$!
	done
	for h in $mesh_clients; do check "$h: a download with an upload beside it" get_end $h; done
	for p in "${ups[@]}"; do wait "$p"; done
	for h in $mesh_clients; do check "$h: the upload is what was sent" cmp "$LAB_DIR/web/web/upload/$h" "$LAB_DIR/web/web/bytes/16M"; done
	attack_stop net
	! spread || break
	note "round $round: not on all lanes"
	for h in $mesh_clients; do
		before=$(mesh_session $h)
		ctl $h . circuit new >/dev/null
		wait_for 10 session_is_not $h "$before"
	done
done
check_same "relays received on both lanes" "$(ports to anna),$(ports to bert)" 2,2
check_between "an exit received on several" "$(ports to emil)" 2 3
check_between "and sent from several" "$(ports from emil)" 1 3
check "no lane's packets were damaged" eval '(($(drops c1 layer-backward) + $(drops emil layer) + $(drops anna header) == 0))'
for h in anna bert emil c1; do note "$h: $(ctl $h '.traffic | "\(.rx_cells) cells in, \(.tx_cells) out"' dev show)"; done

# where io_uring is forbidden
sysctl=/proc/sys/kernel/io_uring_disabled
if [[ $io == io_uring && -w $sysctl ]]; then
	was=$(<$sysctl)
	lab_kill anna && lab_kill c1
	trap 'echo $was >$sysctl; tap_end' EXIT
	echo 2 >$sysctl
	check "without io_uring in the kernel: relay and client start" mesh_daemon anna c1
	echo "$was" >$sysctl
	trap tap_end EXIT
	check_same "with epoll instead" "$(io_of anna)$(io_of c1)" epollepoll
	check "and it works" wait_for 10 eval 'through c1 "http://$web/bytes/1M" | cmp - "$LAB_DIR/web/web/bytes/1M"'
else
	skip "io_uring cannot be switched off here" "without io_uring in the kernel"
fi
for h in $mesh_clients $mesh_relays $mesh_exits; do check "$h ends well" lab_kill $h; done
