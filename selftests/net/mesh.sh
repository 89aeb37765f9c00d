# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The small internet that most scenarios run on: one router in the middle, each host in a network
# of its own (so that path selection may use any two of them), a web server, and a daemon on each
# relay, exit and client. A scenario names its hosts and begins:
#
#   . "$(dirname "$0")/mesh.sh"
#   mesh_relays="anna bert cleo" mesh_exits="emil" mesh_clients="client"
#   mesh_up				# the network
#   mesh_start				# daemons, the client connected
#
# Link shapes come from mesh_shape[HOST], configuration from mesh_conf[HOST] and mesh_conf[ROLE]
# (SECTION.KEY=VALUE, one a line). A host in mesh_via[HOST]=BOX stands behind a NAT of that name at
# 192.168.NUMBER.2. "web" has nginx on port 80 and an echo server on port 7.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

ATTACKER=$LAB_HELPERS/attacker PROBE=$LAB_HELPERS/probe
[[ -x $ATTACKER && -x $PROBE ]] || make -s -C "$LAB_SELF" lab >&2

: "${mesh_relays:=anna bert cleo dora}" "${mesh_exits:=emil fina}" "${mesh_clients:=client}" "${mesh_more:=}"
declare -A mesh_shape mesh_conf mesh_number mesh_via

# mesh_up: HOST's address is NUMBER.9.0.2 and 2a00:NUMBER::2, the router's 1 there; "web" is first
mesh_up() {
	local h n=20
	{
		echo "router net"
		for h in web $mesh_clients $mesh_relays $mesh_exits $mesh_more; do
			mesh_number[$h]=$n
			echo "host $h"
			if [[ ${mesh_via[$h]-} ]]; then
				echo "router ${mesh_via[$h]}"
				echo "link $h ${mesh_via[$h]} 192.168.$n.2/24 192.168.$n.1/24 ${mesh_shape[$h]-${mesh_shape[all]-}}"
				echo "link ${mesh_via[$h]} net $n.9.0.2/24 $n.9.0.1/24"
				echo "nat ${mesh_via[$h]} net"
				n=$((n + 1))
				continue
			fi
			echo "link $h net $n.9.0.2/24 $n.9.0.1/24 2a00:$n::2/64 2a00:$n::1/64 ${mesh_shape[$h]-${mesh_shape[all]-}}"
			n=$((n + 1))
		done
		echo "web web"
	} >"$tap_tmp/topology"
	lab_up "$tap_tmp/topology" || exit 1
	# the lab's routes to each network would, as those of a local network, go past the tunnel
	for h in $mesh_clients; do
		for n in 4 6; do
			ip -n "$(lab_ns "$h")" -$n route show proto boot | awk '/ via / && !/^default/ { print "route del " $1 }' |
				ip -n "$(lab_ns "$h")" -$n -batch -
		done
	done
	background web "$PROBE" echo 7
	web=20.9.0.2 web6=2a00:20::2
}

# background HOST CMD...: until the lab goes; background_pid is its pid
background() {
	local ns
	ns=$(lab_ns "$1")
	shift
	(exec ip netns exec "$ns" "$@") &
	background_pid=$!
	disown
}

# address HOST [4|6]
address() { [[ ${2-4} == 4 ]] && echo "${mesh_number[$1]}.9.0.2" || echo "2a00:${mesh_number[$1]}::2"; }
host_of() {
	local h
	for h in "${!mesh_number[@]}"; do
		[[ $(address "$h") != "$1" && $(address "$h" 6) != "$1" ]] || echo "$h"
	done
}

mesh_role() {
	case " $mesh_clients | $mesh_relays | $mesh_exits " in
	*"|"*"|"*" $1 "*) echo exit ;;
	*"|"*" $1 "*"|"*) echo relay ;;
	*) echo client ;;
	esac
}

# mesh_write HOST: its configuration file. Keys that may be repeated are put in front of those of
# lab_config, in the order given.
mesh_write() {
	local role words=() once=() repeated=() w file i
	role=$(mesh_role "$1")
	[[ $role == client ]] || words=("Node.Address=$(address "$1")" "Node.Address=$(address "$1" 6)")
	mapfile -t -O ${#words[@]} words < <(printf '%s\n' "${mesh_conf[all]-}" "${mesh_conf[$role]-}" "${mesh_conf[$1]-}" | grep .)
	for w in "${words[@]}"; do
		case ${w%%=*} in
		Node.Address | Exit.Policy | Exit.Resolver | Client.Exit | Client.ExcludeRelay | Client.Destination) repeated+=("$w") ;;
		*) once+=("$w") ;;
		esac
	done
	file=$(lab_config "$1" "$role" "${once[@]}") || return
	# a policy of one's own replaces that of lab_config
	[[ " ${repeated[*]} " != *" Exit.Policy="* ]] || sed -i '/^Policy = accept \*:\*$/d' "$file"
	for ((i = ${#repeated[@]} - 1; i >= 0; i--)); do
		w=${repeated[i]#*.}
		sed -i "/^\[${repeated[i]%%.*}\]/a ${w%%=*} = ${w#*=}" "$file"
	done
	echo "$file"
}

# mesh_daemon HOST...: at the same time; returns when all are ready
mesh_daemon() {
	local h pids=() p status=0
	for h; do
		lab_daemon "$h" "$(mesh_write "$h")" &
		pids+=($!)
	done
	for p in "${pids[@]}"; do wait "$p" || status=1; done
	return $status
}

# mesh_start: relays and exits, then clients, until they are connected
mesh_start() {
	local h
	# shellcheck disable=SC2086
	mesh_daemon $mesh_relays $mesh_exits || { note "a relay does not start"; exit 1; }
	# shellcheck disable=SC2086
	mesh_daemon $mesh_clients || { note "a client does not start"; exit 1; }
	for h in $mesh_clients; do
		wait_for "${MESH_TIMEOUT:-15}" connected "$h" || { note "$h does not connect"; mesh_tell; exit 1; }
	done
}

connected() { [[ $(ctl "$1" .state status) == connected ]]; }
# a spare circuit stands ready
spare_ready() { ctl "${1:-client}" '.circuits.spare > 0' status; }

# what daemons said, for a scenario that gives up
mesh_tell() {
	local f
	for f in "$LAB_DIR"/*/meshvpnd.log; do
		sed "s|^|# ${f#"$LAB_DIR"/}: |" "$f" | cut -c 1-200 | grep -v "node: " | tail -n "${1:-5}"
	done
}

# through HOST URL [CURL-ARG...]: over its mesh0
through() { local h=$1 u=$2; shift 2; fetch "$h" "$u" --interface "${MESH_DEVICE:-mesh0}" "$@"; }

# mesh_path CLIENT: nicknames (host names) of the circuit in use, guard first, in one line
mesh_path() { ctl "${1:-client}" '[.circuits[] | select(.current and .state == "open")][0].path | map(.nick) | join(" ")' circuit show; }
mesh_hop() { mesh_path "$1" | cut -d' ' -f"$2"; }
mesh_session() { ctl "${1:-client}" '[.sessions[] | select(.current)][0].id' circuit show; }
mesh_inner() { ctl "${1:-client}" '[.sessions[] | select(.current)][0].addresses[]' circuit show; }
mesh_inner4() { mesh_inner "$1" | grep -v :; }
mesh_inner6() { mesh_inner "$1" | grep :; }

# counter HOST ENGINE NAME, as in "stats"; 0 where the engine has it not
counter() { ctl "$1" "(.counters[\"$2\"][\"$3\"] // 0) | tostring" stats; }
drops() { counter "$1" drops "$2"; }
# grew HOST ENGINE NAME BEFORE [BY]
grew() { (($(counter "$1" "$2" "$3") >= $4 + ${5:-1})); }

# get_start CLIENT PATH [CURL-ARG...]: a download in the background through mesh0; its longest
# pause is measured. get_end CLIENT compares it with what was sent; get_stall: ms
get_start() {
	local host=$1 path=$2
	shift 2
	rm -f "$tap_tmp/get.$host" "$tap_tmp/get.$host.json"
	echo "${path%%\?*}" >"$tap_tmp/get.$host.path"
	{
		lab_exec "$host" curl -sS --fail --max-time "$((${FETCH_TIMEOUT:-50} * patience))" --interface mesh0 "$@" "${GET_URL:-http://$web}/$path" \
			2>"$tap_tmp/get.$host.error" | "$PROBE" stall "$tap_tmp/get.$host" >"$tap_tmp/get.$host.json"
	} &
	get_pid=$!
	eval "get_pid_$host=$!"
	wait_for 10 test -s "$tap_tmp/get.$host"
}
get_running() { local p=get_pid_$1; kill -0 "${!p}" 2>/dev/null && [[ ! -s $tap_tmp/get.$1.json ]]; }
get_end() {
	local p=get_pid_$1
	wait "${!p}"
	cat "$tap_tmp/get.$1.error" "$tap_tmp/get.$1.json"
	cmp "$tap_tmp/get.$1" "$LAB_DIR/web/web/$(<"$tap_tmp/get.$1.path")"
}
get_stall() { jq .longest_ms "$tap_tmp/get.$1.json"; }
get_speed() { jq '.bytes / .seconds | floor' "$tap_tmp/get.$1.json"; }

# attack_start HOST ARG...: tools/lab.d/attacker there; attack_stop HOST ends it; attack_said FILTER
# reads its report (of the last one that was stopped)
attack_start() {
	local host=$1
	shift
	rm -f "$tap_tmp/attack.$host.error"
	# exec: the pid has to be the attacker's
	(exec ip netns exec "$(lab_ns "$host")" "$ATTACKER" "$@" >"$tap_tmp/attack.$host.json" 2>"$tap_tmp/attack.$host.error") &
	attack_pid=$!
	wait_for 5 grep -q ready "$tap_tmp/attack.$host.error" || { cat "$tap_tmp/attack.$host.error"; return 1; }
}
attack_stop() {
	kill "$attack_pid" 2>/dev/null
	wait "$attack_pid"
	attack_last=$tap_tmp/attack.$1.json
}
attack_said() { jq -r "$1" "${attack_last:-$tap_tmp/attack.r.json}"; }

# daemon_pid HOST: of meshvpnd; helper_pid HOST: of its meshvpn-netd
daemon_pid() { lab_pid "$1"; }
helper_pid() {
	local p
	for p in $(ip netns pids "$(lab_ns "$1")"); do
		[[ $(cat "/proc/$p/comm" 2>/dev/null) != meshvpn-netd* ]] || echo "$p"
	done
}
