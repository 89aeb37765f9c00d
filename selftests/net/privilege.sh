#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a daemon that parses strangers' bytes may still do after start: nothing. And its helper:
# little. Read from /proc, of every thread, on a client, a relay and an exit under traffic.
#
#	client --- net --- anna bert, emil (exit), web

. "$(dirname "$0")/mesh.sh"

mesh_relays="anna bert" mesh_exits="emil"
mesh_up
mesh_start
through client "http://$web/bytes/1M" >/dev/null

# of_threads PID KEY: the values in all threads, each once
of_threads() { awk -v key="$2:" '$1 == key { $1 = ""; print substr($0, 2) }' "/proc/$1/task/"*/status | tr '\t' ' ' | sort -u; }
none=0000000000000000
for h in client anna emil; do
	pid=$(daemon_pid $h) helper=$(helper_pid $h)
	check "$h: it runs, with a helper" eval '[[ $(cat /proc/'"$pid"'/comm) == meshvpnd && "$helper" =~ ^[0-9]+$ ]]'
	note "$h: $(ls "/proc/$pid/task" | wc -l) threads"
	for key in CapInh CapPrm CapEff CapBnd CapAmb; do
		check_same "$h: no $key" "$(of_threads "$pid" $key)" $none
	done
	check_same "$h: no new privileges" "$(of_threads "$pid" NoNewPrivs)" 1
	if [[ $(strings -n 8 "$LAB_BUILD/meshvpnd" 2>/dev/null | grep -c __asan_) -gt 0 ]]; then
		skip "built with a sanitizer" "$h: system calls are filtered"
	else
		check_same "$h: system calls are filtered" "$(of_threads "$pid" Seccomp)" 2
	fi
	check_not "$h: no id is root's" grep -qw 0 <(of_threads "$pid" Uid; of_threads "$pid" Gid)
	check_not "$h: nor is a group" grep -qw 0 <(of_threads "$pid" Groups)
	check_same "$h: no core file" "$(awk '/core file/ { print $5, $6 }' "/proc/$pid/limits")" "0 0"
	# what is not dumpable belongs to root in /proc
	check_same "$h: not dumpable" "$(stat -c %u "/proc/$pid/environ")" 0
	check "$h: memory is locked" eval '(($(awk "/VmLck/ { print \$2 }" /proc/'"$pid"'/status) > 0))'

	# the helper: CAP_NET_ADMIN (bit 12), perhaps a few beside it, none of the mighty
	caps=$((16#$(of_threads "$helper" CapPrm)))
	note "$h: the helper holds $(printf %x $caps)"
	check "$h: the helper may administer networks" eval '((caps >> 12 & 1))'
	check "$h: and at most two things more" eval '(($(bc <<<"obase=2; $caps" 2>/dev/null | tr -cd 1 | wc -c || echo 1) <= 3))'
	for mighty in 21:SYS_ADMIN 16:SYS_MODULE 19:SYS_PTRACE 17:SYS_RAWIO 1:DAC_OVERRIDE 7:SETUID 6:SETGID 13:NET_RAW; do
		check "$h: the helper has not ${mighty#*:}" eval "((!(caps >> ${mighty%:*} & 1)))"
	done
	check_same "$h: the helper gains none" "$(of_threads "$helper" CapBnd | sed "s/^$(printf %016x $caps)$/same/; s/^$none$/same/")" same
	check_same "$h: the helper has no new privileges" "$(of_threads "$helper" NoNewPrivs)" 1
	check_same "$h: the helper keeps no UDP socket of the daemon" "$(lab_exec $h ss -Hunap 2>/dev/null | grep -c "pid=$helper,")" 0
	check_same "$h: nor a TUN queue" "$(find "/proc/$helper/fd" -lname '/dev/net/tun' | wc -l)" 0
	check_same "$h: nor a listening socket" "$(lab_exec $h ss -Hxlp 2>/dev/null | grep -c "pid=$helper,")" 0
	note "$h: the helper's descriptors: $(find "/proc/$helper/fd" -type l -printf '%l ')"
	check_not "$h: the helper's environment has no secrets" eval "tr '\\0' '\\n' </proc/$helper/environ | grep -E 'SECRET|KEY|TOKEN|PASS'"
	check_same "$h: key files are private" "$(find "$LAB_DIR/$h/identity.key" "$LAB_DIR/$h/state" -type f -perm /077 -name '*key*' 2>/dev/null)" ""
done

# a system call that only an intruder makes: from outside that cannot be tried, but a stranger's
# ptrace and /proc/PID/mem can
as_nobody() { setpriv --reuid=nobody --clear-groups "$@"; }
check_not "the same user cannot read its memory" as_nobody head -c 1 "/proc/$(daemon_pid client)/mem"
check_not "nor its environment" as_nobody cat "/proc/$(daemon_pid client)/environ"
check_not "a stranger cannot ask it" as_nobody setpriv --reuid=games --clear-groups "$LAB_BUILD/meshvpn-ctl" --socket "$LAB_DIR/client/control" status
