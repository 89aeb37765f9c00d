# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the scenarios have in common, so that each is its topology and its statements and little
# else: TAP, a lab of the scenario's own that goes away however the scenario ends, and waiting for
# a condition instead of sleeping. Use:
#
#   . "$(dirname "$0")/lib.sh"
#   lab_net <<-END
#   	host a b
#   	link a b
#   END
#   check "a reaches b" lab_exec a ping -c 1 -W 1 "$(lab_address b)"
#
# The plan is written at the end. A scenario that ends early has no plan and so fails.

set -u

LAB=t$$
LAB_OWNER=$$
. "$(dirname "${BASH_SOURCE[0]}")/../../tools/lab.d/lab.sh"

tap_count=0 tap_failed=0 tap_tmp=
# bounds of time are wider by this on kernels that check all they do (tools/kernel)
patience=1
case ${MESHVPN_VM_KERNEL-} in uml-lock | uml-kasan) patience=5 ;; esac

# done from the trap too: kill -9 leaves the lab to the next one's lab_reap
tap_end() {
	local status=$?
	trap - EXIT INT TERM
	[[ ! ${KEEP-} ]] || { echo "# kept: LAB=$LAB tools/lab list"; exit $status; }
	lab_down
	rm -rf "$tap_tmp"
	# a failed check may have been the last command
	if ((status && !(status == 1 && tap_failed))); then
		echo "# ended early with status $status"
		exit $status
	fi
	((tap_count)) && echo "1..$tap_count"
	exit $((tap_failed > 0))
}

skip_all() { echo "1..0 # SKIP $*"; trap - EXIT; exit 4; }

((EUID == 0)) || skip_all "needs root for network namespaces"
tap_tmp=$(mktemp -d)
trap tap_end EXIT
trap 'exit 130' INT TERM

# lab_net: builds the network that stands on stdin
lab_net() {
	cat >"$tap_tmp/topology"
	lab_up "$tap_tmp/topology" || exit 1
}

note() { printf '# %s\n' "$*"; }
ok() { echo "ok $((++tap_count)) $*"; }
not_ok() { echo "not ok $((++tap_count)) $*"; tap_failed=$((tap_failed + 1)); }
skip() { local reason=$1; shift; echo "ok $((++tap_count)) $* # SKIP $reason"; }

# check NAME CMD...: ok when CMD succeeds; its output is shown when it does not
check() {
	local name=$1
	shift
	if "$@" >"$tap_tmp/out" 2>&1; then
		ok "$name"
	else
		not_ok "$name"
		note "failed ($?): $*"
		sed 's/^/# | /' "$tap_tmp/out" | tail -n 40
		return 1
	fi
}

# check_not NAME CMD...: ok when CMD fails
check_not() { local name=$1; shift; check "$name" negate "$@"; }
negate() { ! "$@"; }

# check_between NAME VALUE LOW HIGH: ok when LOW <= VALUE <= HIGH; they may be fractions
check_between() { check "$1 ($3 <= $2 <= $4)" between "$2" "$3" "$4"; }
between() { awk -v v="$1" -v lo="$2" -v hi="$3" 'BEGIN { exit !(v != "" && v + 0 >= lo && v + 0 <= hi) }'; }

# check_within NAME VALUE HIGH: a time that has a bound
check_within() { check_between "$1" "$2" 0 $(($3 * patience)); }

# check_same NAME GOT WANT
check_same() { check "$1" same "$2" "$3"; }
same() { [[ $1 == "$2" ]] || { printf 'got:  %s\nwant: %s\n' "$1" "$2"; return 1; }; }

# wait_for SECONDS CMD...: returns as soon as CMD succeeds, fails after SECONDS
wait_for() {
	local end=$((${EPOCHREALTIME/./} + ${1%.*} * patience * 1000000))
	shift
	until "$@" >"$tap_tmp/wait" 2>&1; do
		((${EPOCHREALTIME/./} < end)) || { echo "waited in vain for: $*"; cat "$tap_tmp/wait"; return 1; }
		sleep 0.05
	done
}

# json FILTER: like jq -r, and null, false and nothing fail
json() { jq -er "$@"; }

# ctl HOST FILTER ARG...: what meshvpn-ctl -j ARG... says on HOST, through jq
ctl() {
	local host=$1 filter=$2
	shift 2
	lab_ctl "$host" -j "$@" | json "$filter"
}

# fetch HOST URL [CURL-ARG...]: the body, within 10 s
fetch() {
	local host=$1 url=$2
	shift 2
	lab_exec "$host" curl -sS --fail --max-time "$((${FETCH_TIMEOUT:-10} * patience))" "$@" "$url"
}

# rtt HOST ADDRESS [COUNT]: milliseconds, the mean
rtt() { lab_exec "$1" ping -n -q -c "${3:-10}" -i 0.02 -W 2 "$2" | awk -F/ '/^rtt/ { print $5 }'; }

# loss HOST ADDRESS [COUNT]: percent
loss() { lab_exec "$1" ping -n -q -c "${3:-500}" -i 0.005 -W 1 "$2" | sed -n 's/.* \([0-9.]*\)% packet loss.*/\1/p'; }

# mbit HOST ADDRESS [IPERF3-ARG...]: Mbit/s as the receiver saw them
mbit() {
	local host=$1 address=$2
	shift 2
	lab_exec "$host" iperf3 -c "$address" -J -t 3 "$@" | jq -r '.end.sum_received.bits_per_second / 1e6 | floor'
}
