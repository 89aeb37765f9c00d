#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Round trips under load: while a download fills the path, a ping through the same circuit stays
# short, since each queue is kept short; and ten users who load a relay leave an eleventh its round
# trips. The numbers are of function, with room for a busy machine: tools/bench measures.
#
#	busy, calm, u0 ... u9 --- net --- anna bert (relays), emil (exit), web
#	anna and bert have links of 200 Mbit/s (away from them)

. "$(dirname "$0")/mesh.sh"

users="u0 u1 u2 u3 u4 u5 u6 u7 u8 u9"
mesh_clients="busy calm $users" mesh_relays="anna bert" mesh_exits="emil"
mesh_conf[client]="Client.NoSpare=yes"
mesh_conf[relay]="Node.Lanes=1"
mesh_up
# The relays' links are the narrow place, and not the processors of this machine. What waits there
# fills the socket's buffer, so that the relay's own queues decide.
for h in $mesh_relays; do
	lab_exec $h tc qdisc add dev net root tbf rate 200mbit burst 128kb limit 16mb || exit 1
done
MESH_TIMEOUT=20 mesh_start

# What else this machine does is no matter here.
for h in $mesh_clients $mesh_relays $mesh_exits; do renice -n -15 -p $(ls "/proc/$(daemon_pid "$h")/task") >/dev/null; done

# pings HOST BOUND WHAT: p99 and loss of 200 pings, ms and percent, sets p99 and lost; the best of
# up to three, for the same reason
pings() {
	local host=$1 bound=$2 n i best=99999
	for i in 1 2 3; do
		lab_exec "$host" nice -n -15 ping -I mesh0 -n -c 200 -i 0.01 -W 1 $web >"$tap_tmp/pings"
		sed -n 's/.* time=\([0-9.]*\) ms/\1/p' "$tap_tmp/pings" | sort -n >"$tap_tmp/times"
		n=$(wc -l <"$tap_tmp/times")
		p99=$(sed -n "$(((n * 99 + 99) / 100))p" "$tap_tmp/times")
		lost=$(sed -n 's/.* \([0-9.]*\)% packet loss.*/\1/p' "$tap_tmp/pings")
		note "$host, $3: median $(sed -n "$(((n + 1) / 2))p" "$tap_tmp/times") ms, p99 $p99 ms, $lost % lost"
		best=$(printf '%s\n' "$best" "$p99" | sort -n | head -n 1)
		between "$p99" 0 "$bound" && break
	done
	p99=$best
}
zero() { (exec ip netns exec "$(lab_ns "$1")" curl -s --interface mesh0 --max-time 40 -o /dev/null "http://$web/zero/10G") & loads+=($!); }
rest() { kill "${loads[@]}" 2>/dev/null; wait "${loads[@]}" 2>/dev/null; loads=(); }
loads=()
moving() { (($(ctl "$1" '.transfer.rx_bytes' status) > $2)); }

pings busy 20 "at rest"
check_between "at rest" "$p99" 0 20
zero busy
check "the download runs" wait_for 5 moving busy 20000000
pings busy 50 "with a download beside it"
check_within "the same circuit under load, p99 ms" "$p99" 50
check_between "and hardly a packet is lost, %" "$lost" 0 5
pings calm 50 "beside another's download"
check_within "another user's, p99 ms" "$p99" 50
rest

for u in $users; do zero "$u"; done
for u in $users; do check "$u's download runs" wait_for 10 moving "$u" 500000; done
pings calm 60 "beside ten downloads"
check_within "the eleventh user's, p99 ms" "$p99" 60
check_between "the eleventh user's losses, %" "$lost" 0 3
begun=${EPOCHREALTIME/./}
check "a page is there soon" through calm "http://$web/bytes/64k" --max-time $((2 * patience)) -o /dev/null
note "64 KiB in $(((${EPOCHREALTIME/./} - begun) / 1000)) ms"
rest
for u in $users; do check "$u is connected still" connected "$u"; done
