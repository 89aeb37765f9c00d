#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# meshvpn-ctl against real daemons: every verb, JSON with its schema, exit codes, help; who may ask;
# wrong configurations; descriptors from one node to another; events.
#
#	client --- net --- anna bert, emil (exit), web; "alone" has a directory of its own

. "$(dirname "$0")/mesh.sh"

mesh_relays="anna bert" mesh_exits="emil" mesh_clients="client alone"
mesh_conf[alone]="Node.DescriptorDirectory=$LAB_DIR/alone/descriptors
Client.Hops=1"
mesh_up
# shellcheck disable=SC2086
mesh_daemon $mesh_relays $mesh_exits client alone || exit 1
background client "$LAB_BUILD/meshvpn-ctl" --socket "$LAB_DIR/client/control" -j monitor >"$tap_tmp/monitor"
check "the client connects" wait_for 10 connected client
ctl_() { lab_ctl "$@"; }
exits() { local want=$1; shift; "$@" >"$tap_tmp/code" 2>&1; local got=$?; cat "$tap_tmp/code"; ((got == want)) || { echo "exit $got, not $want"; return 1; }; }

# every verb that asks, for people and for programs
for h in client anna emil; do
	for verb in status "circuit show" "relay show" "descriptor show" "descriptor export" "key show" "config show" "dev show" stats; do
		[[ $h/$verb != client/descriptor* ]] || continue
		# shellcheck disable=SC2086
		check "$h: $verb" eval '[[ $(ctl_ $h $verb) ]]'
		# shellcheck disable=SC2086
		check_same "$h: $verb -j has its schema" "$(ctl_ $h -j $verb | jq -r .schema)" "meshvpn.${verb// /.}/1"
		# shellcheck disable=SC2086
		check_same "$h: $verb -j is one object on one line" "$(ctl_ $h -j $verb | wc -l)" 1
	done
done
check_same "status" "$(ctl client '[.state, .hops, .circuits.open, .directory.relays, .directory.exits, .interface.name] | @csv' status)" '"connected",3,1,3,1,"mesh0"'
check_same "a relay's" "$(ctl anna '[.state, (.roles | join("+"))] | @csv' status)" '"relay","relay"'
check "without secrets no address of a peer is shown" eval '! ctl_ client -j relay show | grep -qF "$(address anna)"'
check "with them they are" eval 'ctl_ client -j --show-secrets relay show | grep -qF "$(address anna)"'
check "no secret key is ever said" eval '! (ctl_ anna -j --show-secrets key show; ctl_ anna -j --show-secrets descriptor show) | grep -qiE "secret|private"'
check_same "a brief list has a line a relay" "$(ctl_ client -br relay show | grep -cE 'anna|bert|emil')" 3
check "a trace" eval 'ctl_ client -j circuit trace | jq -e ".reached == 3 and (.path | length) == 3 and .failure == null and .path[2].rtt_us > 0"'
session=$(mesh_session client)
check "circuit new" ctl_ client circuit new
check "makes a new session" wait_for 10 eval '[[ $(mesh_session client) != $session ]]'
number=$(ctl client '[.circuits[] | select(.current)][0].id' circuit show)
check "circuit close" ctl_ client circuit close "$number"
check "closes it" wait_for 5 eval '[[ $(ctl client "[.circuits[] | select(.id == $number and .state == \"open\")] | length | tostring" circuit show) == 0 ]]'
check "down" ctl_ client down
check "disconnects" wait_for 5 eval '[[ $(ctl client .state status) == disconnected ]]'
check "5: not connected" exits 5 ctl_ client circuit new
check "up" ctl_ client up
check "connects" wait_for 15 connected client
check_same "names may be abbreviated" "$(ctl_ client -j ci s | jq -r .schema)" meshvpn.circuit.show/1

# exit codes
check "1: not found" exits 1 ctl_ client circuit close 4711
check "2: usage" exits 2 ctl_ client circuit frobnicate
check "2: a wrong argument" exits 2 ctl_ client circuit close x
check "2: nothing at all" exits 2 ctl_ client
check "3: no daemon" exits 3 "$LAB_BUILD/meshvpn-ctl" --socket "$tap_tmp/none" status
check "4: a stranger" exits 4 setpriv --reuid=games --clear-groups "$LAB_BUILD/meshvpn-ctl" --socket "$LAB_DIR/client/control" status
check "errors are JSON too" eval 'ctl_ client -j circuit close 4711 2>&1 | jq -e ".error.code == \"not-found\" and .error.message"'
check "0: help" exits 0 ctl_ client help
for o in status up down circuit relay descriptor key config dev stats monitor; do
	check "$o help" exits 0 ctl_ client $o help
done
check "version" exits 0 "$LAB_BUILD/meshvpn-ctl" -V

# configurations
cat >"$tap_tmp/wrong.conf" <<-END
	[Node]
	ListenPort = 70000
	Colour = red
	[Client]
	Enable = perhaps
	Hops = 11
	[Exit]
	Policy = accept everything
END
"$LAB_BUILD/meshvpnd" --check-config --config "$tap_tmp/wrong.conf" >"$tap_tmp/errors" 2>&1
check_same "a wrong configuration is refused" $? 1
for n in 2 3 5 6 8; do check "line $n is named" grep -q "wrong.conf:$n: " "$tap_tmp/errors"; done
check_same "and no other" "$(grep -c 'wrong.conf:' "$tap_tmp/errors")" 5
check "ctl says the same" eval '[[ $(ctl_ client config check "$tap_tmp/wrong.conf" 2>&1 | grep -c "wrong.conf:[0-9]") == 5 ]]'
check_not "the daemon does not start with it" lab_exec web "$LAB_BUILD/meshvpnd" --config "$tap_tmp/wrong.conf"
check "a right one is" "$LAB_BUILD/meshvpnd" --check-config --config "$LAB_DIR/client/meshvpnd.conf"
sed -i '/^\[Node\]/a LogLevel = debug\nOnionKeyLife = 3d' "$LAB_DIR/client/meshvpnd.conf"
sed -i 's/^ListenPort = .*/ListenPort = 4480/' "$LAB_DIR/client/meshvpnd.conf"
check_same "a reload says what it took over and what needs a restart" \
	"$(ctl client '[(.changed | sort | join("+")), (.restart | join("+"))] | @csv' config reload)" '"Node.LogLevel+Node.OnionKeyLife","Node.ListenPort"'
cp "$tap_tmp/wrong.conf" "$LAB_DIR/client/meshvpnd.conf"
check "a wrong file is refused with its lines" eval 'ctl_ client -j config reload 2>&1 | jq -e ".error.code == \"invalid\" and ([.error.details[].line] | index(6))"'
check "and changes nothing" connected client

# descriptors
check_same "alone knows no relay" "$(ctl alone '.directory.relays | tostring' status)" 0
check "and says so" eval 'ctl alone "[.health[].id] | join(\" \")" status | grep -q no-relays'
ctl_ emil descriptor export >"$tap_tmp/emil.descriptor"
check "a descriptor is imported" ctl_ alone descriptor import "$tap_tmp/emil.descriptor"
check "the relay is known" wait_for 5 eval '[[ $(ctl alone ".relays[0].nick" relay show) == emil ]]'
check "and used" wait_for 15 connected alone
check_same "by one hop" "$(mesh_path alone)" emil
# JSON as well, with one character of the middle changed
ctl_ anna -j descriptor export | jq -r .descriptor | sed 's/^\(.\{100\}\)./\1_/; t; s/$/x/' | tr _ "$(ctl_ anna -j descriptor export | jq -r '.descriptor[100:101]' | tr 'A-Za-z0-9+/' 'B-ZA-Cb-za-c1-90AB')" >"$tap_tmp/bad.descriptor"
check "a damaged one is refused" exits 1 ctl_ alone descriptor import "$tap_tmp/bad.descriptor"
check_same "and not known" "$(ctl alone '.directory.relays | tostring' status)" 1

# events
events() { jq -r .event "$tap_tmp/monitor"; }
check "each event is JSON with a schema" eval '[[ $(jq -r .schema "$tap_tmp/monitor" | sort -u) == meshvpn.monitor/1 ]]'
check_same "hello comes first" "$(events | head -n 1)" hello
for e in circuit-new circuit-ready circuit-live session-new state; do
	check "$e was seen" eval "events | grep -qx $e"
done
lab_kill bert >/dev/null
check "a relay that goes is seen" wait_for 10 eval 'events | grep -qE "circuit-dead|link-down|stalled"'
check "a client that goes away does not matter" eval 'for n in 1 2 3; do timeout 0.1 "$LAB_BUILD/meshvpn-ctl" --socket "$LAB_DIR/client/control" monitor; done; [[ $(ctl client .state status) ]]'
