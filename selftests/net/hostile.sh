#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Somebody on every link: flips bits, cuts, repeats, misdirects, replays handshakes and floods. Each
# cell dies where the protocol says and is counted there under its cause, nothing is delivered
# twice, and users feel little of it.
#
#	client, other --- net (the attacker) --- anna bert, emil (exit), web, mallory (nobody's)

. "$(dirname "$0")/mesh.sh"

mesh_relays="anna bert" mesh_exits="emil" mesh_clients="client" mesh_more="mallory other"
mesh_conf[all]="Node.Lanes=1"
# no spare: what is counted is of one circuit
mesh_conf[client]="Client.NoSpare=yes"
mesh_up
mesh_start
read -r guard middle exit <<<"$(mesh_path client)"
note "the path is $guard $middle $exit"
# another client of the same guard
mesh_conf[other]="Client.Hops=2
Client.NoSpare=yes
Client.ExcludeRelay=$middle"
mesh_clients="client other"
mesh_daemon other
check "another client of the same guard" wait_for 10 connected other
check_same "it has the same guard" "$(mesh_hop other 1)" "$guard"

# assault FROM TO ARG...: while 300 datagrams go to the server and back
assault() {
	local from=$1 to=$2
	shift 2
	attack_start net -f "$(address "$from")" -t "$(address "$to")" "$@" || return
	lab_exec client "$PROBE" udp mesh0 $web 7 300 600 3 >"$tap_tmp/udp"
	attack_stop net
	attacked=$(attack_said .attacked)
	unmoved "$*"
	note "$from to $to, $*: $attacked attacked; $(<"$tap_tmp/udp")"
	((attacked >= ${LEAST:-40}))
}
# the circuit lives through all of it
unmoved() { [[ $(mesh_path client) == "$guard $middle $exit" ]] || note "the circuit is gone after: $*"; }
delivered() { jq -r "$1" "$tap_tmp/udp"; }

# dies WHERE CAUSE TITLE FROM TO ARG...: all that was attacked is counted there and nowhere else
dies() {
	local where=$1 cause=$2 title=$3 h
	local -A before
	shift 3
	for h in client $guard $middle $exit; do before[$h]=$(drops $h "$cause"); done
	check "$title" assault "$@" || return
	for h in client $guard $middle $exit; do
		if [[ $h == "$where" ]]; then
			# the last may be under way still when it is counted
			check_between "$title: dies at $h as $cause" $(($(drops $h "$cause") - before[$h])) $((attacked - ${LATE:-2})) $((attacked + 3))
		else
			check_same "$title: $h sees nothing of it" $(($(drops $h "$cause") - before[$h])) 0
		fi
	done
	check_same "$title: nothing is damaged or doubled" "$(delivered '.damaged + .again')" 0
}

# in place of the true cells, every fourth; header 0-39, body 40-1367
dies $guard header "a flipped header, first link" client $guard -I -e 4 flip=8-39
dies $middle header "a flipped header, second link" $guard $middle -I -e 4 flip=8-39
dies client header "a flipped header, backward" $guard client -I -e 4 flip=8-39
dies $guard layer "a flipped body, first link" client $guard -I -e 4 flip=40-1367
dies $middle layer "a flipped body, second link" $guard $middle -I -e 4 flip=40-1367
dies $exit layer "a flipped body, last link" $middle $exit -I -e 4 flip=40-1367
dies client layer-backward "a flipped body, backward, last link" $exit $middle -I -e 4 flip=40-1367
dies client layer-backward "a flipped body, backward, first link" $guard client -I -e 4 flip=40-1367
dies $guard header "under another client's link id" client $guard -I -e 4 relink
# repeated beside the true ones
for link in "client $guard" "$guard $middle" "$middle $exit" "$exit $middle" "$middle $guard" "$guard client"; do
	# the last copies leave 3 ms after
	LATE=8 dies ${link#* } replay "repeated, ${link/ / to }" $link replay=1,3
	# (a busy machine loses some)
	check_between "repeated, ${link/ / to }: the true ones arrive" "$(delivered .received)" 270 300
done

# of another shape or name: not for the datapath, and without an answer
not_cells() { ctl "$guard" '(.counters.drops["not-cell"] + .counters.links.unknown_link + .counters.links.garbage + .counters.links.header_bad) | tostring' stats; }
for how in flip=1-7 cut grow; do
	before=$(not_cells)
	check "$how" assault client $guard -I -e 4 $how
	check_between "$how: is no cell" $(($(not_cells) - before)) "$attacked" $((attacked + 3))
	check_between "$how: the others arrive" "$(delivered .received)" 200 299
done
before=$(not_cells)
LEAST=5 check "from another address" assault client $guard -e 20 "source=$(address mallory),4470"
check_between "from another address: the true ones arrive" "$(delivered .received)" 270 300
check_same "from another address: the link goes where it went" "$(counter $guard links path_changes)" 0

check_same "the circuit is the same" "$(mesh_path client)" "$guard $middle $exit"

# handshakes
lab_kill other >/dev/null
attack_start net -k long -t "$(address $guard)" store="$tap_tmp/handshakes"
mesh_daemon other
check "the other client is back" wait_for 10 connected other
attack_stop net
check "its handshake was kept" eval '(($(attack_said .attacked) >= 1))'
links() { ctl "$guard" '.gauges.links | tostring' stats; }
rss() { awk '/VmRSS/ { print $2 }' "/proc/$(daemon_pid "$guard")/status"; }
before=$(links) number=$(ctl client '[.circuits[] | select(.current)][0].id' circuit show)
GET="bytes/16M?rate=8m"
get_start client "$GET"
get_start other "$GET"
# replayed from where it came from, and from elsewhere
attack_start net -r 200 -s 3 send="$tap_tmp/handshakes"
check "replayed handshakes: a download is what was sent" get_end client
check "replayed handshakes: another of who was replayed" get_end other
attack_stop net
check "replayed handshakes: they were sent" eval '(($(attack_said .sent) > 100))'
check_same "replayed handshakes displace no circuit" "$(ctl client '[.circuits[] | select(.current)][0].id' circuit show)" "$number"
check "replayed handshakes make no links" eval '(($(links) <= before + 1))'

# for a stranger: no more bytes come back than were sent
attack_start net -f "$(address mallory)" -r 300 -s 1.5 send="$tap_tmp/handshakes"
wait "$attack_pid"
attack_stop net
answered=$(attack_said '[.flows[] | select(.to | startswith("'"$(address mallory)"':")) | .bytes] | add // 0')
note "replays as mallory: $(attack_said .sent_bytes) bytes sent, $answered came back"
check "a replay is answered" eval '((answered > 0))'
check "with fewer bytes" eval '((answered <= $(attack_said .sent_bytes)))'
attack_start net -f "$(address mallory)" -t "$(address $guard),4470" -r 1000 -s 1 garbage=mix
wait "$attack_pid"
attack_stop net
check_same "garbage is answered with nothing" "$(attack_said '[.flows[] | select(.to | startswith("'"$(address mallory)"':")) | .bytes] | add // 0')" 0

# speed and memory under a flood
speed() { FETCH_TIMEOUT=30 through client "http://$web/bytes/100M" -o /dev/null -w '%{speed_download}'; }
quiet=$(speed)
memory=$(rss)
attack_start net -f "$(address mallory)" -t "$(address $guard),4470" -r 1000 -s 30 garbage=handshake
sleep 0.2
flooded=$(speed)
attack_stop net
note "$((quiet / 1000000)) MB/s without, $((flooded / 1000000)) MB/s with 1,000 handshakes a second ($(attack_said .sent) sent); $memory KiB before, $(rss) after"
check "a flood of handshakes leaves more than half the speed" eval '((flooded * 2 * patience > quiet))'
attack_start net -f "$(address mallory)" -t "$(address $guard),4470" -r 3000 -s 2 garbage=mix
wait "$attack_pid"
attack_stop net
check_between "and no memory, KiB" $(($(rss) - memory)) -100000 2048
for h in $guard $middle $exit client other; do check "$h ends well" lab_kill $h; done
