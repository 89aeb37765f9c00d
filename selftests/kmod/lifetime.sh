#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Everything is taken away under traffic, again and again: the device, the daemon, its sockets, the namespace,
# the module. The kernels that this runs on tell of anything used after it went or left behind.
#
#	a --- b		one hop, device mesh0 at both ends, both sending as fast as they can
#
#   lifetime.sh [TIMES [NAME]]		50, 1000 with MESHVPN_LONG; all, or the one of this name

KERNEL_TIMEOUT=${MESHVPN_LONG:+7200}
. "$(dirname "$0")/lib.sh"
times=${1:-$([[ ${MESHVPN_LONG-} ]] && echo 1000 || echo 50)}
only=${2-}
BLAST=$LAB_HELPERS/blast OWNER=$LAB_BUILD/selftests/kmod/owner
module=$(. /run/vm/conf && echo "$vm_module")

lab_net <<-END
	host a b
	link a b
END
a=$(chain_address a b) b=$(chain_address b a)
ip_() { ip -n "$(lab_ns "$1")" "${@:2}"; }

# batch HOST INNER ROLE KIND RX TX PEER: what a node gets, in one go
batch() {
	cat >"$tap_tmp/$1.batch" <<-END
		attach mesh0 role $3 id 1
		link add 1
		link-session add link 1 rx-id $5 rx-key $(key "$1-in") tx-id $6 tx-key $(key "$1-out") endpoint $7:$CHAIN_PORT
		circuit add $4 link 1 id 5 kf $(key forward) kb $(key backward)
		session add 1 dev mesh0 address $2 link 1 circuit 5
	END
}
key a-in >/dev/null; key a-out >/dev/null
ln -s a-in.key "$tap_tmp/b-out.key"; ln -s a-out.key "$tap_tmp/b-in.key"
# the inner address is the client's, at both ends
batch a 10.66.0.2 origin origin 1 2 "$b"
batch b 10.66.0.2 exit terminus 2 1 "$a"

device() { # device HOST
	ip_ "$1" -batch - <<-END
		link add mesh0 type meshvpn
		link set mesh0 up
		$(if [[ $1 == b ]]; then echo "address add 10.66.0.1/24 dev mesh0"; else echo "address add 10.66.0.2/24 dev mesh0"; fi)
	END
}
fill() { dev "$1" batch "$tap_tmp/$1.batch" node 1; }
node() { dev "$1" node add 1 port $CHAIN_PORT >/dev/null && fill "$1"; }
# A circuit's other end, when this one begins anew: keys are for one life (the text on datapaths, "Objects")
renew() {
	dev "$1" batch - node 1 <<-END
		circuit del link 1 id 5
		$(grep ^circuit "$tap_tmp/$1.batch")
		session set 1 link 1 circuit 5
	END
}
# Traffic between the two changes may have moved one window to numbers of the other's earlier life.
afresh() { renew a && renew b && works; }
works() { wait_for 10 lab_exec "${1:-a}" ping -q -c 1 -W 1 10.66.0.1; }

# traffic HOST TO: until the file goes, whatever becomes of device and route
traffic() {
	while [[ -e $tap_tmp/traffic ]]; do
		lab_exec "$1" nice -n 19 "$BLAST" send "$2" 9 1200 1 || sleep 0.05
	done >/dev/null 2>&1
}

# again NAME FUNCTION [HOST [CMD...]]: as often as was asked for, while HOST (a) and b send; says where
# it failed, and ends there, for nothing after that would mean much. CMD is to work afterwards.
again() {
	local name=$1 function=$2 host=${3:-a} i start=$SECONDS pids=()
	[[ ! $only || $only == "$name" ]] || return 0
	shift $(($# > 2 ? 3 : 2))
	: >"$tap_tmp/traffic"
	traffic "$host" 10.66.0.1 &
	pids+=($!)
	traffic b 10.66.0.2 &
	pids+=($!)
	for ((i = 1; i <= times; i++)); do
		"$function" >"$tap_tmp/again" 2>&1 || break
	done
	rm "$tap_tmp/traffic"
	wait "${pids[@]}"
	if ((i <= times)); then
		not_ok "$name: the ${i}th time failed"
		cat "$tap_tmp/again" "$tap_tmp/owner.err" 2>/dev/null | tail -n 20 | sed 's/^/# | /'
		exit 1
	fi
	ok "$name, $times times ($((SECONDS - start)) s)"
	((!$#)) || check "and it works afterwards" "$@"
}

# mostly it is taken away as early as may be, and sometimes when packets surely are on their way
breathe() { ((i % 10)) && sleep 0.02 || arrives; }
arrives() {
	local before
	before=$(counter b traffic.rx_cells) && wait_for 10 eval '(($(counter b traffic.rx_cells) > before))'
}

device a && device b && node a && node b || exit 1
check "a circuit of one hop" works

link_del() { breathe && ip_ a link del mesh0 && device a && grep -E '^(attach|session)' "$tap_tmp/a.batch" | dev a batch -; }
again "device deleted" link_del a afresh

circuit_del() {
	breathe && dev b circuit del link 1 id 5 && dev b session del 1 && grep -E '^(circuit|session)' "$tap_tmp/b.batch" | dev b batch - && renew a
}
again "circuit deleted" circuit_del a afresh

link_gone() { breathe && dev a link del 1 && dev a session del 1 && grep -v ^attach "$tap_tmp/a.batch" | dev a batch - && renew b; }
again "link deleted" link_gone a afresh

node_del() { breathe && dev a node del && node a && renew b; }
again "node deleted" node_del a afresh

# the node is a process's, with its sockets
dev a node del
owned() {
	: >"$tap_tmp/owner"
	ip netns exec "$(lab_ns a)" "$OWNER" $CHAIN_PORT >"$tap_tmp/owner" 2>"$tap_tmp/owner.err" &
	owner=$!
	wait_for 5 test -s "$tap_tmp/owner" && fill a && renew b
}
no_node() { [[ ! $(dev a -br node) ]]; }
owner_ends() { kill -KILL $owner && { wait $owner; wait_for 10 no_node; }; }
killed() { owned && breathe && owner_ends; }
again "the daemon killed" killed a
sockets_closed() { owned && breathe && kill -USR1 $owner && dev a node show && owner_ends; }
again "the daemon's sockets closed before it" sockets_closed a

# the device is elsewhere, so that packets still come while the node's namespace goes
ip_ a link del mesh0
ip netns add "$(lab_ns outer)"
namespace_gone() {
	ip netns add "$(lab_ns gone)" && ip_ gone -batch - <<-END && ip_ b -batch - <<-END2 || return
		link add wire type veth peer name gone netns $(lab_ns b)
		link set wire up
		address add 192.168.77.1/24 dev wire
		link add mesh0 type meshvpn
	END
		link set gone up
		address add 192.168.77.2/24 dev gone
	END2
	dev gone node add 1 port $CHAIN_PORT && fill gone && renew b && ip_ gone link set mesh0 netns "$(lab_ns outer)" &&
		ip_ outer link set mesh0 up && ip_ outer address add 10.66.0.2/24 dev mesh0 &&
		dev b link-session set link 1 endpoint 192.168.77.1:$CHAIN_PORT && breathe &&
		ip netns del "$(lab_ns gone)" && wait_for 20 eval '! ip_ b link show gone' && ip_ outer link del mesh0
}
sed "s/endpoint [^ ]*/endpoint 192.168.77.2:$CHAIN_PORT/" "$tap_tmp/a.batch" >"$tap_tmp/gone.batch"
again "the node's namespace deleted" namespace_gone outer

device a && node a && dev b link-session set link 1 endpoint "$a:$CHAIN_PORT" || exit 1
unloaded() { [[ ! -d /sys/module/meshvpn ]] || rmmod meshvpn; }
module_gone() {
	breathe && dev a node del && dev b node del && wait_for 20 unloaded && insmod "$module" &&
		device a && device b && node a && node b
}
if [[ ${MESHVPN_VM_KERNEL-} == uml-kasan ]]; then
	skip "KASAN of this kernel keeps the marks of the globals of what was unloaded; unload.sh has another" "module unloaded"
else
	again "module unloaded" module_gone a works
fi
ip_ a link set mesh0 down
dev a node del
dev b node del
check "and it unloads in the end" wait_for 20 unloaded
if [[ -e /proc/slabinfo ]]; then
	check_same "with no object of its own left" "$(objects)" ""
else
	skip "no /proc/slabinfo here; a cache that is not empty when it goes is complained about" "with no object of its own left"
fi
