#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Every allocation that a request makes fails once, one after the other: then the request is refused, and
# all is as it was, or it is done. After that, allocations of the packets' way fail at random, under
# traffic. What leaks is counted when the module goes (uml-kasan: tools/kernel.d).

. "$(dirname "$0")/lib.sh"
[[ -e /sys/kernel/debug/failslab && -e /proc/self/fail-nth ]] || skip_all "this kernel cannot let allocations fail; KERNEL=uml-kasan can"
PRELOAD=$LAB_BUILD/selftests/kmod/failnth.so
NTH_MAX=400
for f in failslab fail_page_alloc; do
	echo 0 >/sys/kernel/debug/$f/verbose
	# also where the caller could wait
	echo N >/sys/kernel/debug/$f/ignore-gfp-wait
done
echo 0 >/sys/kernel/debug/fail_page_alloc/min-order

lab_net <<-END
	host a b
	link a b
END
k=$(key one) k2=$(key two)
a() { dev a "$@"; }
ip_() { ip -n "$(lab_ns a)" "$@"; }

# what there is, without what only counts
state() {
	lab_exec a "$CTL" -j dev node show | jq -cS 'walk(if type == "object" then
		with_entries(select(.key | test("^(traffic|drops|events.*|owner|.*_(cells|bytes)|last_rx_ms|next_counter)$") | not))
		elif type == "array" then sort else . end)'
	ip_ -j link show type meshvpn | jq -c '[.[].ifname] | sort'
}

# tries NAME UNDO COMMAND...: UNDO makes it as it was after it was done ("": there is nothing to undo; "once":
# that it was done once is the end). Where the answer itself found no memory (7, or 2 of ip), nobody knows
# whether it was done.
tries() {
	local name=$1 undo=$2 n refused=0 done=0 before
	shift 2
	before=$(state)
	for ((n = 1; n < NTH_MAX; n++)); do
		: >"$tap_tmp/say"
		lab_exec a env LD_PRELOAD="$PRELOAD" FAIL_NTH=$n FAIL_SAY="$tap_tmp/say" "$@" >"$tap_tmp/tried" 2>&1
		local status=$? said
		said=$(tail -n 1 "$tap_tmp/say")
		if ((status == 0)); then
			[[ $said == passed || $undo == once ]] && break
			done=$((done + 1))
			[[ ! $undo ]] || eval "$undo" >"$tap_tmp/undo" 2>&1 || break
		elif [[ $said == reached && $status != 99 && $status -lt 128 ]]; then
			refused=$((refused + 1))
			if [[ $(state) != "$before" ]]; then
				[[ $status == 7 || $1 == ip ]] || break
				[[ $undo != once ]] || { status=0; break; }
				[[ ! $undo ]] || eval "$undo" >"$tap_tmp/undo" 2>&1 || break
			fi
		else
			break
		fi
	done
	if [[ $status == 0 && ($said == passed || $undo == once) && (n -gt 1 || $undo == once) ]]; then
		ok "$name: $((n - 1)) allocations; refused $refused times, done $done times"
	else
		not_ok "$name: at allocation $n: status $status, $said"
		sed 's/^/# | /' "$tap_tmp/tried" "$tap_tmp/undo" 2>/dev/null
		diff <(echo "$before") <(state) | cut -c 1-2000 | sed 's/^/# | /'
	fi
	rm -f "$tap_tmp/undo"
	[[ ! $undo || $undo == once ]] || eval "$undo"
}

tries "node add" "a node del 1" "$CTL" dev node add 1 port 4470 lanes 2
a node add 1 port 4470 >/dev/null
ip_ link add mesh0 type meshvpn
tries "ip link add" "ip_ link del mesh9" ip link add mesh9 type meshvpn
tries "node set" "" "$CTL" dev node set 1 max-links 100
tries "link add" "a link del 5" "$CTL" dev link add 5 node 1
a link add 1
a link add 2
tries "link set" "" "$CTL" dev link set 1 node 1 up-rate 7
session=(rx-id 1,2,3 rx-key "$k" tx-id 4 tx-key "$k2" endpoint 192.0.2.1:4470)
tries "link-session add" "a link-session del link 1 index 3" "$CTL" dev link-session add link 1 index 3 node 1 "${session[@]}"
a link-session add link 1 "${session[@]}"
tries "link-session set" "a link-session set link 1 endpoint 192.0.2.1:4470" "$CTL" dev link-session set link 1 node 1 endpoint 192.0.2.7:1 lanes 4
tries "attach" "a detach mesh0" "$CTL" dev attach mesh0 role origin id 1 node 1
a attach mesh0 role origin
ip_ link add mesh1 type meshvpn
a attach mesh1 role exit
tries "circuit add relay" "a circuit del link 1 id 5" "$CTL" dev circuit add relay link 1 id 5 out-link 2 out-id 6 kf "$k" kb "$k2" node 1
tries "circuit add origin" "a circuit del link 1 id 6" "$CTL" dev circuit add origin link 1 id 6 kf "$k,$k2,$k" kb "$k,$k,$k2" node 1
tries "circuit add terminus" "a circuit del link 1 id 7" "$CTL" dev circuit add terminus link 1 id 7 kf "$k" kb "$k2" node 1
a batch - <<-END
	circuit add relay link 1 id 5 out-link 2 out-id 6 kf $k kb $k2
	circuit add origin link 1 id 6 kf $k,$k2,$k kb $k,$k,$k2
	circuit add terminus link 1 id 7 kf $k kb $k2
	circuit add origin link 1 id 8 kf $k,$k2,$k kb $k,$k,$k2
END
tries "session add" "a session del 9" "$CTL" dev session add 9 dev 1 address 10.66.0.9,fd66::9 link 1 circuit 8 node 1
a session add 9 dev mesh0 address 10.66.0.9,fd66::9 link 1 circuit 8
tries "session set" "a session set 9 link 1 circuit 8" "$CTL" dev session set 9 link 1 circuit 6 node 1
tries "circuit set" "a circuit set link 1 id 5 rate 0" "$CTL" dev circuit set link 1 id 5 rate 100000 class medium node 1
prefixes=$(for ((n = 0; n < 2000; n++)); do echo "10.$((n / 256)).$((n % 256)).0/24=9"; done | paste -sd,)
tries "selector set" "a selector set mesh0 none" "$CTL" dev selector set 1 "$prefixes" node 1
a selector set mesh0 ::/0=9,0.0.0.0/0=9

# deletions: undone by adding it again
tries "circuit del" "a circuit add relay link 1 id 5 out-link 2 out-id 6 kf $k kb $k2 class medium" "$CTL" dev circuit del link 1 id 5 node 1

{
	echo "link add 50"
	echo "link-session add link 50 rx-id 70 rx-key $k tx-id 71 tx-key $k2 endpoint 192.0.2.9:9"
	for ((n = 0; n < 12; n++)); do echo "circuit add relay link 50 id $((n + 1)) out-link 2 out-id $((n + 100)) kf $k kb $k2"; done
	echo "circuit add origin link 50 id 90 kf $k,$k2 kb $k,$k2"
	echo "session add 60 dev 1 address 10.66.0.60 link 50 circuit 90"
	echo "session set 9 link 0 circuit 0"
	echo "circuit del link 1 id 8"
	echo "link-session set link 1 endpoint none"
	echo "selector set 1 0.0.0.0/1=60"
	echo "link set 1 up-rate 9"
} >"$tap_tmp/batch"
cat >"$tap_tmp/undo.batch" <<-END
	session del 60
	link del 50
	circuit add origin link 1 id 8 kf $k,$k2,$k kb $k,$k,$k2
	session set 9 link 1 circuit 8
	link-session set link 1 endpoint 192.0.2.1:4470
	selector set 1 ::/0=9,0.0.0.0/0=9
	link set 1 up-rate 7
END
tries "batch" "a batch $tap_tmp/undo.batch" "$CTL" dev batch "$tap_tmp/batch" node 1
a batch - <<<"$(for ((n = 0; n < 500; n++)); do echo "circuit add relay link 1 id $((n + 1000)) out-link 2 out-id $((n + 1000)) kf $k kb $k2"; done)"
tries "node show" "" "$CTL" dev node show 1
tries "circuit show" "" "$CTL" dev circuit show node 1
tries "detach" "a attach mesh1 role exit id 2" "$CTL" dev detach 2 node 1
tries "ip link set mtu" "" ip link set mesh0 mtu 1300
tries "link del, with 500 circuits" once "$CTL" dev link del 2 node 1
tries "node del" once "$CTL" dev node del 1
tries "ip link del" once ip link del mesh0
lab_down

# ---- the packets' way ----
chain_up
chain_circuit 1 || exit 1
check "a circuit of three hops" lab_exec client ping -q -c 3 -i 0.1 $exit_inner
cd /sys/kernel/debug/failslab || exit 1
echo N >task-filter; echo Y >ignore-gfp-wait; echo -1 >times; echo 1 >interval
echo 10 >probability
lab_exec client "$LAB_HELPERS/blast" send $exit_inner 9 1200 3 >/dev/null 2>&1 &
blast=$!
lab_exec client ping -q -f -w 3 $exit_inner >/dev/null 2>&1
lab_exec client ping -q -f -s 4000 -w 2 fd66::fffe >/dev/null 2>&1
wait $blast
echo 0 >probability
cd "$KMOD_TOP" || exit 1
check "after a tenth of the packets' allocations failed, it works as before" wait_for 10 lab_exec client ping -q -c 3 -i 0.1 $exit_inner
for h in "${chain[@]}"; do
	check_same "$h: no layer was wrong" "$(dev_json $h '.nodes[0].drops | [.layer, ."layer-backward", .replay, .header] | add | tostring' node show)" 0
done
lab_down
