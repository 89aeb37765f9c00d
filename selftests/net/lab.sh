#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The scenarios trust the lab: that a link of 20 ms has 20 ms, that 10 % loss are about 10 %, and
# that nothing stays behind, even after kill -9. Here that trust is checked.
#
#	client ===5ms=== r1 ------- r2 ===slow=== web
#	                  \        /
#	                   r3 ---- (a way round)      inside --- nat --- r1

. "$(dirname "$0")/lib.sh"

lab_net <<-END
	host client web inside
	router r1 r2 r3 nat
	link client r1 10.1.0.2/24 10.1.0.1/24 fd00:1::2/64 fd00:1::1/64 delay=5ms
	link r1 r2 10.2.0.1/30 10.2.0.2/30 fd00:2::1/64 fd00:2::2/64
	link r1 r3
	link r3 r2
	link r2 web 203.0.113.129/25 203.0.113.130/25 2001:db8::1/64 2001:db8::2/64 rate=20mbit queue=30ms
	link inside nat 192.168.7.2/24 192.168.7.1/24
	link nat r1 10.4.0.2/24 10.4.0.1/24
	nat nat r1
	web web
END
web=203.0.113.130

check "IPv4 over three hops" lab_exec client ping -c 1 -W 2 $web
check "IPv6 over three hops" lab_exec client ping -c 1 -W 2 2001:db8::2
check_same "the server sees the client" "$(fetch client http://$web/ip)" 10.1.0.2
check_same "the server sees the client, IPv6" "$(fetch client "http://[2001:db8::2]/ip")" fd00:1::2
check_same "a host behind NAT has the router's address" "$(fetch inside http://$web/ip)" 10.4.0.2
check_not "nobody gets in through the NAT" lab_exec client ping -c 1 -W 1 192.168.7.2
check "a download is what was sent" eval \
	'[[ $(fetch client http://$web/bytes/1M | sha256sum) == $(sha256sum <$LAB_DIR/web/web/bytes/1M) ]]'
head -c 1M /dev/urandom >"$tap_tmp/up"
check "an upload arrives" eval \
	'fetch client http://$web/upload/x -T "$tap_tmp/up" && cmp "$tap_tmp/up" "$LAB_DIR/web/web/upload/x"'

check_between "5 ms each way" "$(rtt client 10.1.0.1)" 10 13
lab_wire client r1 oneway delay=20ms >/dev/null
check_between "20 and 5 ms" "$(rtt client 10.1.0.1)" 25 29
lab_wire client r1 delay=1ms loss=10% >/dev/null
check_between "10 % loss each way" "$(loss client 10.1.0.1 600)" 13 26
lab_wire client r1 loss=0 dup=50% >/dev/null
lab_exec client ping -n -c 200 -i 0.005 -W 1 10.1.0.1 >"$tap_tmp/ping"
check_between "50 % duplicates" "$(grep -c DUP "$tap_tmp/ping")" 80 1000
lab_wire client r1 dup=0 reorder=20% gap=40ms >/dev/null
lab_exec client ping -n -c 200 -i 0.005 -W 1 10.1.0.1 | sed -n 's/.*icmp_seq=\([0-9]*\).*/\1/p' >"$tap_tmp/seq"
check_between "20 % reordered" "$(awk '$1 < last { n++ } { if ($1 > last) last = $1 } END { print n + 0 }' "$tap_tmp/seq")" 25 140
check_same "reordering loses nothing" "$(sort -n "$tap_tmp/seq" | uniq | wc -l)" 200
lab_wire client r1 reorder=0 maxsize=1000 >/dev/null
check "a small packet passes a narrow link" lab_exec client ping -c 1 -W 1 -s 900 10.1.0.1
check_not "a large one vanishes" lab_exec client ping -c 1 -W 1 -s 1100 10.1.0.1
lab_wire client r1 maxsize=0 down >/dev/null
check_not "nothing passes a link that is down" lab_exec client ping -c 1 -W 1 10.1.0.1
lab_wire client r1 up >/dev/null
check "it comes back" lab_exec client ping -c 1 -W 1 10.1.0.1
check_not "an unknown parameter is refused" lab_wire client r1 speed=3

lab_iperf web
check_between "20 Mbit/s" "$(mbit client $web)" 17 20
check_between "the queue of a full link is bounded" "$(lab_exec client bash -c \
	"iperf3 -c $web -t 2 >/dev/null & ping -n -q -c 50 -i 0.03 $web; wait" | awk -F/ '/^rtt/ { print $6 }')" 5 60

# the same seed has the same fate
fate() {
	lab_wire client r1 seed=7 loss=30% >/dev/null
	lab_exec client ping -n -c 60 -i 0.003 -W 1 10.1.0.1 | sed -n 's/.*icmp_seq=\([0-9]*\).*/\1/p' | sort -n | tr '\n' ' '
	lab_wire client r1 loss=0 >/dev/null
}
# no frames but ours
mac() { lab_exec "$1" cat "/sys/class/net/$2/address"; }
lab_exec client sysctl -qw net.ipv6.conf.r1.disable_ipv6=1
lab_exec r1 sysctl -qw net.ipv6.conf.client.disable_ipv6=1
lab_exec client ip neigh replace 10.1.0.1 dev r1 lladdr "$(mac r1 client)" nud permanent
lab_exec r1 ip neigh replace 10.1.0.2 dev client lladdr "$(mac client r1)" nud permanent
runs=$(fate; echo; fate; echo; fate)
check "a seed repeats itself" eval 'sort -u <<<"$runs"; (($(sort -u <<<"$runs" | wc -l) == 1))'

# daemons, by way of a stand-in that speaks sd_notify
cat >"$tap_tmp/daemon" <<-'END'
	#!/bin/bash
	trap 'exit $CODE' TERM
	[[ $CODE != early ]] || exit 3
	[[ $CODE != mute ]] || exec sleep 100
	systemd-notify --ready || exit 9
	while :; do sleep 0.05; done
END
chmod +x "$tap_tmp/daemon"
if command -v systemd-notify >/dev/null; then
	check "a daemon becomes ready" env CODE=0 bash -c ". $LAB_SELF/tools/lab.d/lab.sh; LAB=$LAB LAB_DIR=$LAB_DIR; lab_spawn web fake '$tap_tmp/daemon'"
	check "it ends well" lab_kill web TERM fake
	export CODE=1
	check "another" lab_spawn web fake "$tap_tmp/daemon"
	check_not "a bad end is told" lab_kill web TERM fake
	CODE=early
	check_not "one that ends at once is told" lab_spawn web fake "$tap_tmp/daemon"
	CODE=mute
	LAB_READY_TIMEOUT=1 check_not "one that never gets ready is told" lab_spawn web fake "$tap_tmp/daemon"
else
	skip "no systemd-notify" "daemons"
fi

# a second lab beside this one, whose owner dies by kill -9
other() { LAB=o$$ "$LAB_SELF/tools/lab" "$@"; }
printf 'host a b\nlink a b delay=1ms\n' >"$tap_tmp/other"
check "a second lab" other up "$tap_tmp/other"
check "again, in its own place" other up "$tap_tmp/other"
check "both live" eval 'other exec a ping -c 1 -W 1 10.200.0.2 && lab_exec client ping -c 1 -W 1 10.1.0.1'
other down
left() { ip netns list | grep -c "^mv-$1-"; pgrep -fc "meshvpn-lab/$1/"; ls -d "$LAB_ROOT/$1" 2>/dev/null; }
check_same "down leaves nothing" "$(left o$$)" $'0\n0'
(setsid -w bash -c "LAB=o$$; LAB_OWNER=\$\$; . $LAB_SELF/tools/lab.d/lab.sh; lab_up $tap_tmp/other; kill -9 \$\$") >/dev/null 2>&1
check_same "a killed builder leaves its lab" "$(ip netns list | grep -c "^mv-o$$-")" 2
printf 'host x\n' >"$tap_tmp/x"
LAB=x$$ "$LAB_SELF/tools/lab" up "$tap_tmp/x"
LAB=x$$ "$LAB_SELF/tools/lab" down
check_same "the next one removes it" "$(left o$$)" $'0\n0'
printf 'host a\nlink a nobody\n' >"$tap_tmp/bad"
check_not "a bad topology is refused" other up "$tap_tmp/bad"
check_same "and leaves nothing" "$(left o$$)" $'0\n0'
echo 'run a touch '"$tap_tmp/up"'; run a sleep 100' | tr ';' '\n' >>"$tap_tmp/other"
rm -f "$tap_tmp/up"
LAB=o$$ "$LAB_SELF/tools/lab" up "$tap_tmp/other" &
check "up is under way" wait_for 5 test -e "$tap_tmp/up"
kill -TERM $!
lab_pids_of() { (LAB=$1; lab_pids); }
kill $(lab_pids_of o$$)
wait $!
check_same "interrupting up leaves nothing" "$(left o$$)" $'0\n0'
