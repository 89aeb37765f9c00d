# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the module's scenarios have in common: they run in a kernel of their own, on the lab of
# selftests/net, and most of them on a chain of nodes with circuits that no daemon made. Use:
#
#   . "$(dirname "$0")/lib.sh"
#   chain_up				# client guard middle exit server
#   chain_circuit 1			# 10.66.0.2 of the client, over all four
#   check "it works" lab_exec client ping -c 1 10.66.0.1
#
# KERNEL=NAME (tools/kernel list) chooses where to run, if that is not a guest already.

KMOD_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
[[ ${MESHVPN_IN_VM-} ]] ||
	exec "$KMOD_TOP/tools/vm" -q --kernel="${KERNEL:-uml-kasan}" --timeout="${KERNEL_TIMEOUT:-900}" -- "$(realpath "$0")" "$@"

. "$KMOD_TOP/selftests/net/lib.sh"

CTL=$LAB_BUILD/meshvpn-ctl
CHAIN_PORT=4470
chain=(client guard middle exit)

# dev HOST WORD...: meshvpn-ctl dev there
dev() { lab_exec "$1" "$CTL" dev "${@:2}"; }

# dev_json HOST FILTER WORD...
dev_json() { lab_exec "$1" "$CTL" -j dev "${@:3}" | json "$2"; }

# counter HOST PATH: of the host's node: "traffic.relayed", "drops.replay"
counter() { dev_json "$1" ".nodes[0].$2 | tostring" node show; }

umask 077
key() { [[ -e $tap_tmp/$1.key ]] || head -c 32 /dev/urandom | base64 >"$tap_tmp/$1.key"; echo "$tap_tmp/$1.key"; }

# ids of links: chain_id FROM TO is what FROM's cells to TO carry
chain_id() {
	local ids=" client/guard:11 guard/client:12 guard/middle:21 middle/guard:22 middle/exit:31 exit/middle:32 " id
	id=${ids#* "$1/$2:"}
	echo "${id%% *}"
}

# chain_address HOST PEER: HOST's, on the wire to PEER
chain_address() { ip -n "$(lab_ns "$1")" -4 -o address show dev "$2" | awk '{ sub("/.*", "", $4); print $4; exit }'; }

# chain_link A LINKA B LINKB: a link between two nodes, over their wire
chain_link() {
	local a=$1 link_a=$2 b=$3 link_b=$4
	dev "$a" batch - <<-END || return
		link add $link_a
		link-session add link $link_a rx-id $(chain_id "$b" "$a") rx-key $(key "$b-$a") tx-id $(chain_id "$a" "$b") tx-key $(key "$a-$b") endpoint $(chain_address "$b" "$a"):$CHAIN_PORT
	END
	dev "$b" batch - <<-END
		link add $link_b
		link-session add link $link_b rx-id $(chain_id "$a" "$b") rx-key $(key "$a-$b") tx-id $(chain_id "$b" "$a") tx-key $(key "$b-$a") endpoint $(chain_address "$a" "$b"):$CHAIN_PORT
	END
}

# chain_up [NODE-ARG...]: namespaces, nodes, links and devices. Link 1 leads towards the client, but
# for the client's own; link 2 towards the exit.
chain_up() {
	local h
	lab_net <<-END
		host client guard middle server
		router exit
		link client guard
		link guard middle
		link middle exit
		link exit server
		web server
	END
	for h in "${chain[@]}"; do dev "$h" node add port $CHAIN_PORT "$@" >/dev/null || exit 1; done
	chain_link client 1 guard 1 && chain_link guard 2 middle 1 && chain_link middle 2 exit 1 || exit 1
	chain_device client mesh0 origin || exit 1
	chain_device exit meshx0 exit || exit 1
	ip -n "$(lab_ns exit)" address add 10.66.255.254/16 dev meshx0
	ip -n "$(lab_ns exit)" address add fd66::fffe/64 dev meshx0
	ip -n "$(lab_ns client)" route add 10.66.0.0/16 dev mesh0
	ip -n "$(lab_ns client)" route add fd66::/64 dev mesh0
	# not past the tunnel
	ip -n "$(lab_ns client)" route replace "$(chain_address server exit)/32" dev mesh0
	ip -n "$(lab_ns server)" route replace 10.66.0.0/16 via "$(chain_address exit server)"
	exit_inner=10.66.255.254 server=$(chain_address server exit)
}

chain_device() {
	ip -n "$(lab_ns "$1")" link add "$2" type meshvpn &&
		ip -n "$(lab_ns "$1")" link set "$2" up &&
		dev "$1" attach "$2" role "$3"
}

# chain_circuit N [CIRCUIT-ARG...]: circuit N over all hops with the inner addresses
# 10.66.N/256.N%256+1 and fd66::N+1 of session N
chain_circuit() {
	local n=$1 inner="10.66.$(($1 / 256)).$(($1 % 256 + 1))" inner6
	shift
	inner6=$(printf 'fd66::%x' $((n + 1)))
	dev exit batch - <<-END &&
		circuit add terminus link 1 id $n kf $(key "exit-df-$n") kb $(key "exit-db-$n") $*
		session add $n dev meshx0 address $inner,$inner6 link 1 circuit $n
	END
		dev middle circuit add relay link 1 id "$n" out-link 2 out-id "$n" kf "$(key "middle-kf-$n")" kb "$(key "middle-kb-$n")" "$@" &&
		dev guard circuit add relay link 1 id "$n" out-link 2 out-id "$n" kf "$(key "guard-kf-$n")" kb "$(key "guard-kb-$n")" "$@" &&
		dev client batch - <<-END &&
			circuit add origin link 1 id $n kf $(key "guard-kf-$n"),$(key "middle-kf-$n"),$(key "exit-df-$n") kb $(key "guard-kb-$n"),$(key "middle-kb-$n"),$(key "exit-db-$n") $*
			session add $n dev mesh0 address $inner,$inner6 link 1 circuit $n
		END
		ip -n "$(lab_ns client)" address add "$inner/32" dev mesh0 &&
		ip -n "$(lab_ns client)" address add "$inner6/128" dev mesh0 nodad
}

# background HOST CMD...: until the lab goes
background() { lab_exec "$@" >/dev/null 2>&1 & }

# objects of the module's that live, by cache; what a test leaves behind shows here
objects() { awk '/^(mv_|meshvpn)/ { print $1, $2 }' /proc/slabinfo; }
