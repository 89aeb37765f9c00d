#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A relay whose way out is narrow gives each circuit its turn, whatever CPU its cells come in on: ten that
# send all they can leave an eleventh its round trips. So does a node that is a client as well.

KERNEL=${KERNEL:-uml-lock}
. "$(dirname "$0")/lib.sh"
RATE_MBIT=20 BULK=10 PINGS=400
chain_up
for ((n = 1; n <= BULK + 1; n++)); do chain_circuit $n || exit 1; done
guard() { ip netns exec "$(lab_ns guard)" "$@"; }
# the wire of the guard to the middle; what waits in it still counts as its socket's
guard tc qdisc replace dev middle root tbf rate ${RATE_MBIT}mbit burst 32k latency 500ms
quiet=10.66.0.$((BULK + 2))

# a circuit that begins at the guard
own=10.66.0.200
chain_device guard mesh0 origin || exit 1
dev exit batch - <<-END && dev middle batch - <<-END2 && dev guard batch - <<-END3 || exit 1
	circuit add terminus link 1 id 100 kf $(key own-ef) kb $(key own-eb)
	session add 100 dev meshx0 address $own link 1 circuit 100
END
	circuit add relay link 1 id 100 out-link 2 out-id 100 kf $(key own-mf) kb $(key own-mb)
END2
	circuit add origin link 2 id 100 kf $(key own-mf),$(key own-ef) kb $(key own-mb),$(key own-eb)
	session add 100 dev mesh0 address $own link 2 circuit 100
END3
ip -n "$(lab_ns guard)" address add $own/32 dev mesh0
ip -n "$(lab_ns guard)" route add $exit_inner/32 dev mesh0 src $own

# times HOST ADDRESS FILE: its round trips, milliseconds, sorted
times() { lab_exec "$1" ping -n -i 0.01 -c $PINGS -W 2 -I "$2" $exit_inner | sed -n 's/.*time=\([0-9.]*\) ms/\1/p' | sort -g >"$3"; }
# percentile FILE PERCENT
percentile() { awk -v p="$2" '{ v[NR] = $1 } END { if (NR) print v[int((NR - 1) * p / 100) + 1] }' "$1"; }

times client $quiet "$tap_tmp/idle"
check_between "all come back where nothing else goes" "$(wc -l <"$tap_tmp/idle")" $((PINGS - 2)) $PINGS
for ((n = 0; n <= BULK; n++)); do
	lab_exec exit iperf3 -s -p $((5200 + n)) -D >/dev/null
done
for ((n = 1; n <= BULK; n++)); do
	lab_exec client iperf3 -c $exit_inner -B 10.66.0.$((n + 1)) -p $((5200 + n)) -t 600 -J >"$tap_tmp/bulk.$n" 2>&1 &
done
wait_for 20 eval '(($(counter guard traffic.relayed) > 5000))'
relayed() { dev_json guard ".circuits[] | select(.id == $1) | .rx_bytes | tostring" circuit show; }
mine() { dev_json guard '.circuits[] | select(.id == 100) | .tx_bytes | tostring' circuit show; }
sent() { ip -n "$(lab_ns guard)" -j -s link show middle | jq '.[0].stats64.tx.bytes'; }

# measure NAME HOST ADDRESS: round trips beside the bulk, and what the bulk gets meanwhile
measure() {
	local before=() n got start bytes
	for ((n = 1; n <= BULK; n++)); do before[n]=$(relayed $n); done
	own_bytes=$(mine) bytes=$(sent) start=${EPOCHREALTIME/./}
	times "$2" "$3" "$tap_tmp/load"
	us=$((${EPOCHREALTIME/./} - start)) mbit=$((($(sent) - bytes) * 8 / us))
	own_bytes=$(($(mine) - own_bytes)) least='' most=0
	for ((n = 1; n <= BULK; n++)); do
		got=$(($(relayed $n) - before[n]))
		((least && least < got)) || least=$got
		((most > got)) || most=$got
	done
	note "$1: idle p50 $(percentile "$tap_tmp/idle" 50) p99 $(percentile "$tap_tmp/idle" 99) ms, beside $BULK at $mbit of $RATE_MBIT Mbit/s p50 $(percentile "$tap_tmp/load" 50) p99 $(percentile "$tap_tmp/load" 99) ms"
	check_between "$1: the narrow way is full, Mbit/s" $mbit $((RATE_MBIT * 7 / 10)) $((RATE_MBIT * 12 / 10))
	check_between "$1: nothing is lost" "$(wc -l <"$tap_tmp/load")" $((PINGS - PINGS / 100 - 1)) $PINGS
	# before it are: what is in the socket (10 ms of the wire), what is in the wire's own bucket (13 ms), and a
	# turn of two cells of each other (10 ms). With what a socket may hold where the wire is fast it would be
	# 100 ms more; where all waited in one line, the queues' ends: 10 times 256 cells, a second.
	check_between "$1: p50, ms" "$(percentile "$tap_tmp/load" 50)" 0 60
	check_between "$1: p99, ms" "$(percentile "$tap_tmp/load" 99)" 0 250
	check_between "$1: none of the others got less than a third of another, %" $((least * 100 / (most + 1))) 33 100
}
measure "an eleventh circuit" client $quiet
measure "a circuit of the relay's own" guard $own

# And where that one sends all it can as well, neither it nor the others starve.
lab_exec guard iperf3 -c $exit_inner -B $own -p 5200 -t 600 -J >"$tap_tmp/bulk.0" 2>&1 &
wait_for 10 eval '(($(mine) > 500000))'
measure "an eleventh beside both" client $quiet
check_between "the relay's own bulk has a share, kbit/s" $((own_bytes * 8000 / us)) $((RATE_MBIT * 1000 / 40)) $((RATE_MBIT * 900))
check_between "the queues were used" "$(counter guard drops.queue)" 1 100000000
for h in client middle exit; do
	check_same "$h: no layer was wrong" "$(dev_json $h '.nodes[0].drops | [.layer, ."layer-backward", .replay, .header] | add | tostring' node show)" 0
done
