# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The lab as a library: networks of namespaces out of a short text, for tools/lab, tools/demo and
# the scenarios. All state of an instance is in $LAB_DIR and in the namespaces mv-INSTANCE-HOST,
# and every process of it lives in one of those; so removing is a matter of names and needs no
# memory of what was built, whatever became of the builder.

LAB_SELF=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
: "${LAB:=lab}"				# the instance
: "${LAB_ROOT:=/run/meshvpn-lab}"
: "${LAB_BUILD:=$LAB_SELF/build}"	# whose meshvpnd runs; the helpers are always build/'s
LAB_HELPERS=$LAB_SELF/build/tools/lab.d
LAB_DIR=$LAB_ROOT/$LAB

lab_die() { printf 'lab: %s\n' "$*" >&2; return 1; }

lab_ns() { printf 'mv-%s-%s' "$LAB" "$1"; }

# lab_exec HOST CMD...: runs in the host's namespace
lab_exec() {
	local host=$1
	shift
	[[ -e /run/netns/mv-$LAB-$host ]] || { lab_die "no host '$host' in lab '$LAB'; next: tools/lab list"; return 1; }
	LAB=$LAB ip netns exec "mv-$LAB-$host" "$@"
}

lab_need() {
	((EUID == 0)) || { lab_die "network namespaces need root; next: sudo $0 ..."; return 1; }
	[[ $LAB =~ ^[a-z0-9_]{1,20}$ ]] ||
		{ lab_die "instance '$LAB': only a-z, 0-9 and _, at most 20"; return 1; }
	[[ -x $LAB_HELPERS/wire && -x $LAB_HELPERS/ready ]] || make -s -C "$LAB_SELF" lab >&2
}

# ---- taking down ----

lab_instances() {
	{
		ip netns list 2>/dev/null | sed -n 's/^mv-\([a-z0-9_]*\)-.*/\1/p'
		ls "$LAB_ROOT" 2>/dev/null
	} | sort -u
}

lab_hosts() { ip netns list 2>/dev/null | sed -n "s/^mv-$LAB-\([^ ]*\).*/\1/p" | sort; }

lab_pids() {
	local h
	for h in $(lab_hosts); do
		ip netns pids "mv-$LAB-$h" 2>/dev/null || true
	done
}

# ends all processes of the instance (they get a second to do it well), then removes it
lab_down() {
	local h pids i
	mapfile -t pids < <(lab_pids)
	# a caller that itself runs inside the namespace is spared until the end
	if ((${#pids[@]})); then
		kill -TERM "${pids[@]}" 2>/dev/null || true
		for ((i = 0; i < 40; i++)); do
			mapfile -t pids < <(lab_pids)
			((${#pids[@]})) || break
			sleep 0.05
		done
		((${#pids[@]} == 0)) || kill -KILL "${pids[@]}" 2>/dev/null || true
	fi
	for h in $(lab_hosts); do
		ip netns del "mv-$LAB-$h" 2>/dev/null || true
	done
	rm -rf "${LAB_ROOT:?}/${LAB:?}"
	rmdir "$LAB_ROOT" 2>/dev/null || true
}

# takes down the instances whose owner (a test, a demo) no longer lives
lab_reap() {
	local i owner
	for i in $(lab_instances); do
		read -r owner <"$LAB_ROOT/$i/owner" || continue
		[[ -e /proc/${owner%% *} && $(lab_birth "${owner%% *}") == "${owner##* }" ]] && continue
		(LAB=$i lab_down)
	done 2>/dev/null
}

# field 22 of stat: the same pid with another birth is another process
lab_birth() {
	local s
	s=$(<"/proc/$1/stat") && s=${s##*) } && set -- $s && echo "${20}"
}

# ---- building ----

declare -A lab_kind lab_ifcount lab_peer_via
declare -a lab_order lab_links lab_todo
lab_errors=

lab_parse_error() { printf '%s:%s: %s\n' "$1" "$2" "$3" >&2; lab_errors=1; }

# reads a topology into lab_kind (host: host|router), lab_links ("A B IFA IFB; ADDR...; KEY=VALUE...")
# and lab_todo (what follows when all links are up)
lab_parse() {
	local file=$1 line n=0 words w a b addrs shape auto=0
	lab_kind=() lab_order=() lab_links=() lab_todo=() lab_ifcount=() lab_errors=
	while IFS= read -r line || [[ $line ]]; do
		n=$((n + 1))
		read -ra words <<<"${line%%#*}"
		((${#words[@]})) || continue
		case ${words[0]} in
		host | router)
			for w in "${words[@]:1}"; do
				[[ $w =~ ^[a-z0-9_.-]{1,12}$ ]] || { lab_parse_error "$file" $n "bad name '$w' (a-z 0-9 _ . -, at most 12)"; continue; }
				[[ ! ${lab_kind[$w]-} ]] || lab_parse_error "$file" $n "'$w' is there already"
				lab_kind[$w]=${words[0]}
				lab_order+=("$w")
			done ;;
		link)
			a=${words[1]-} b=${words[2]-} addrs= shape=
			for w in "$a" "$b"; do
				[[ ${lab_kind[${w:-?}]-} ]] || lab_parse_error "$file" $n "link to unknown host '$w'"
			done
			for w in "${words[@]:3}"; do
				case $w in
				*=*) shape+=" $w" ;;
				*/*) addrs+=" $w" ;;
				*) lab_parse_error "$file" $n "'$w' is neither ADDRESS/LENGTH nor KEY=VALUE" ;;
				esac
			done
			if [[ ! $addrs ]]; then
				addrs=" 10.200.$auto.1/24 10.200.$auto.2/24 fd00:200:$auto::1/64 fd00:200:$auto::2/64"
				auto=$((auto + 1))
			fi
			# shellcheck disable=SC2086
			set -- $addrs
			(($# % 2 == 0)) || lab_parse_error "$file" $n "addresses come in pairs: A's, B's, A's, B's"
			lab_links+=("$a $b $(lab_ifname "$a" "$b") $(lab_ifname "$b" "$a");$addrs;$shape")
			lab_ifcount[$a/$b]=$((${lab_ifcount[$a/$b]-0} + 1))
			lab_ifcount[$b/$a]=$((${lab_ifcount[$b/$a]-0} + 1)) ;;
		nat | web | daemon | run)
			[[ ${lab_kind[${words[1]-?}]-} ]] || lab_parse_error "$file" $n "${words[0]} on unknown host '${words[1]-}'"
			lab_todo+=("${words[*]}") ;;
		*) lab_parse_error "$file" $n "unknown word '${words[0]}'" ;;
		esac
	done <"$file"
	[[ ! $lab_errors ]]
}

# an interface is named after whom it leads to; a second link to the same: NAME.2
lab_ifname() {
	local n=${lab_ifcount[$1/$2]-0}
	((n)) && echo "$2.$((n + 1))" || echo "$2"
}

# the network of ADDRESS/LENGTH is left to the kernel: "ip route" accepts host bits only where
# they are zero, so both ends of a link are written as the prefix with the bits cut off
lab_prefix4() {
	local IFS=./ a b c d l n
	read -r a b c d l <<<"$1"
	n=$((((a << 24 | b << 16 | c << 8 | d) >> (32 - l)) << (32 - l)))
	((l)) || n=0
	echo "$((n >> 24 & 255)).$((n >> 16 & 255)).$((n >> 8 & 255)).$((n & 255))/$l"
}

lab_prefix6() {
	local addr=${1%/*} len=${1#*/} head tail h t g out= i words=()
	head=${addr%%::*} tail=
	[[ $addr != *::* ]] || tail=${addr#*::}
	IFS=: read -ra h <<<"$head"
	IFS=: read -ra t <<<"$tail"
	words=("${h[@]}")
	for ((i = ${#h[@]} + ${#t[@]}; i < 8; i++)); do words+=(0); done
	words+=("${t[@]}")
	for ((i = 0; i < 8; i++)); do
		g=$((16#${words[i]:-0}))
		if ((len <= i * 16)); then
			g=0
		elif ((len < i * 16 + 16)); then
			g=$((g & (0xffff << (i * 16 + 16 - len)) & 0xffff))
		fi
		out+=$(printf '%x:' $g)
	done
	echo "${out%:}/$len"
}

# Static routes for any topology: breadth first from each host, where only routers pass on. The
# next hop towards a link's network is the neighbour through which its nearer end was found.
lab_routes() {
	local from=$1 queue i l a b ifa ifb addrs rest here next gw4 gw6 default=
	local -A seen=() done=() via4=() via6=()
	queue=("$from")
	seen[$from]=1
	for ((i = 0; i < ${#queue[@]}; i++)); do
		here=${queue[i]}
		[[ $here == "$from" || ${lab_kind[$here]} == router ]] || continue
		for l in "${lab_links[@]}"; do
			IFS=';' read -r rest addrs _ <<<"$l"
			read -r a b ifa ifb <<<"$rest"
			[[ $here == "$a" || $here == "$b" ]] || continue
			[[ $here == "$a" ]] && next=$b || next=$a
			# the link's own networks
			# shellcheck disable=SC2086
			set -- $addrs
			gw4= gw6=
			while (($#)); do
				local mine=$1 theirs=$2
				[[ $here == "$a" ]] || { mine=$2 theirs=$1; }
				if [[ $mine == *:* ]]; then
					[[ $gw6 ]] || gw6=${theirs%/*}
					rest=6 mine=$(lab_prefix6 "$mine")
				else
					[[ $gw4 ]] || gw4=${theirs%/*}
					rest=4 mine=$(lab_prefix4 "$mine")
				fi
				if [[ $here == "$from" ]]; then
					done[$mine]=1
				elif [[ ! ${done[$mine]-} ]]; then
					done[$mine]=1
					if [[ $rest == 4 && ${via4[$here]-} ]]; then
						echo "route add $mine via ${via4[$here]}"
					elif [[ $rest == 6 && ${via6[$here]-} ]]; then
						echo "route add $mine via ${via6[$here]}"
					fi
				fi
				shift 2
			done
			[[ ! ${seen[$next]-} ]] || continue
			seen[$next]=1
			queue+=("$next")
			if [[ $here == "$from" ]]; then
				via4[$next]=$gw4 via6[$next]=$gw6
				if [[ ${lab_kind[$from]} == host && ${lab_kind[$next]} == router && ! $default ]]; then
					default=1
					[[ ! $gw4 ]] || echo "route add default via $gw4"
					[[ ! $gw6 ]] || echo "route add ::/0 via $gw6"
				fi
			else
				via4[$next]=${via4[$here]} via6[$next]=${via6[$here]}
			fi
		done
	done
}

lab_host_add() {
	local ns forward=0
	ns=$(lab_ns "$1")
	[[ ${lab_kind[$1]} != router ]] || forward=1
	ip netns add "$ns" || return
	mkdir -p "$LAB_DIR/$1"
	# no duplicate address detection: the lab gives no address twice and cannot wait a second
	ip netns exec "$ns" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \
		net.ipv6.conf.all.accept_ra=0 net.ipv6.conf.default.accept_ra=0 \
		net.ipv6.conf.default.router_solicitations=0 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 \
		net.ipv4.ip_forward=$forward net.ipv6.conf.all.forwarding=$forward
}

# lab_link_add INDEX "A B IFA IFB;ADDRESSES;SHAPE"; commands of "ip -batch" go to LAB_DIR/.HOST.ip
lab_link_add() {
	local index=$1 a b ifa ifb addrs shape rest mtu= w words=() features
	IFS=';' read -r rest addrs shape <<<"$2"
	read -r a b ifa ifb <<<"$rest"
	for w in $shape; do
		[[ $w == mtu=* ]] && mtu=${w#mtu=} || words+=("$w")
	done
	if ((${#words[@]})); then
		"$LAB_HELPERS/wire" "$LAB_DIR/wire.$a.$ifa" "$(lab_ns "$a")" "$ifa" "$(lab_ns "$b")" "$ifb" \
			seed="$index" "${words[@]}" || return
		ln -s "wire.$a.$ifa" "$LAB_DIR/wire.$b.$ifb"
		echo "b" >"$LAB_DIR/wire.$b.$ifb.side"
	else
		ip -n "$(lab_ns "$a")" link add name "$ifa" type veth peer name "$ifb" netns "$(lab_ns "$b")" || return
		# GRO on veth needs NAPI, which this turns on; it is what makes UDP fast. Where the kernel's
		# module may be (a guest) it is to see super-packets: veth brings those to GRO only with the other one
		features=(gro on ${MESHVPN_IN_VM:+rx-udp-gro-forwarding on})
		ip netns exec "$(lab_ns "$a")" ethtool -K "$ifa" "${features[@]}" &
		ip netns exec "$(lab_ns "$b")" ethtool -K "$ifb" "${features[@]}"
		wait $!
	fi
	# shellcheck disable=SC2086
	set -- $addrs
	while (($#)); do
		echo "address add $1 dev $ifa$([[ $1 == *:* ]] && echo ' nodad')" >>"$LAB_DIR/.$a.ip"
		echo "address add $2 dev $ifb$([[ $2 == *:* ]] && echo ' nodad')" >>"$LAB_DIR/.$b.ip"
		shift 2
	done
	echo "link set dev $ifa up ${mtu:+mtu $mtu}" >>"$LAB_DIR/.$a.ip"
	echo "link set dev $ifb up ${mtu:+mtu $mtu}" >>"$LAB_DIR/.$b.ip"
	echo "$a $b $ifa $ifb ${words[*]}" >>"$LAB_DIR/links"
}

# lab_up FILE: builds FILE's network under the name $LAB, in place of what had that name. With
# LAB_OWNER (a pid) it is removed by anyone's next lab_up when that process is gone.
lab_up() {
	local h i
	lab_need || return
	[[ -r $1 ]] || { lab_die "cannot read topology '$1'"; return 1; }
	lab_parse "$1" || return
	lab_down
	lab_reap
	mkdir -p "$LAB_DIR"
	[[ ! ${LAB_OWNER-} ]] || echo "$LAB_OWNER $(lab_birth "$LAB_OWNER")" >"$LAB_DIR/owner"
	mkdir -m 1777 "$LAB_DIR/descriptors"
	cp "$1" "$LAB_DIR/topology"
	for h in "${lab_order[@]}"; do
		lab_host_add "$h" || return
		echo "link set dev lo up" >"$LAB_DIR/.$h.ip"
	done
	for i in "${!lab_links[@]}"; do
		lab_link_add "$i" "${lab_links[i]}" || { lab_die "cannot make link ${lab_links[i]}"; return 1; }
	done
	for h in "${lab_order[@]}"; do
		lab_routes "$h" >>"$LAB_DIR/.$h.ip"
		ip -n "$(lab_ns "$h")" -batch "$LAB_DIR/.$h.ip" || { lab_die "cannot configure $h"; return 1; }
	done
	for i in "${lab_todo[@]}"; do
		# shellcheck disable=SC2086
		set -- $i
		case $1 in
		nat) lab_nat "$2" "$3" ;;
		web) lab_web "$2" ;;
		daemon) lab_daemon "$2" "$3" ;;
		run) shift; lab_exec "$@" ;;
		esac || { lab_die "failed: $i"; return 1; }
	done
}

# lab_nat ROUTER PEER: what ROUTER sends to PEER gets its address, and only answers come back in
lab_nat() {
	lab_exec "$1" nft -f - <<-END
	table inet lab_nat {
		chain post { type nat hook postrouting priority srcnat; oifname "$2" masquerade; }
		chain forward {
			type filter hook forward priority filter;
			iifname "$2" ct state established,related accept
			iifname "$2" drop
		}
	}
	END
}

# ---- changing it while it runs ----

# lab_wire A B WORD...: the link's parameters (see tools/lab --help); "from A" limits it to one way
lab_wire() {
	local a=$1 b=$2 sock=$LAB_DIR/wire.$1.$2 side=
	shift 2
	[[ -e $sock ]] || { lab_die "no shaped link $a $b; next: give it delay=0 in the topology"; return 1; }
	if [[ ${1-} == oneway ]]; then
		shift
		[[ -e $sock.side ]] && side=b || side=a
	fi
	"$LAB_HELPERS/wire" -c "$sock" $side "$@"
}

# ---- services ----

# lab_daemon HOST CONFIG [ARG...]: starts meshvpnd there; returns when it has said READY=1
lab_daemon() {
	local host=$1 config=$2 d=$LAB_DIR/$1
	shift 2
	lab_spawn "$host" meshvpnd "$LAB_BUILD/meshvpnd" --config "$config" "$@"
}

# lab_datapath HOST: what $MESHVPN_DATAPATH says for it: words, of which NAME is for all hosts and
# HOST=NAME for one, as in "user anna=kmod"; nothing if it says nothing
lab_datapath() {
	local w all= one=
	for w in ${MESHVPN_DATAPATH-}; do
		case $w in
		"$1="*) one=${w#*=} ;;
		*=*) ;;
		*) all=$w ;;
		esac
	done
	echo "${one:-$all}"
}

# lab_config HOST ROLE [SECTION.KEY=VALUE...]: writes LAB_DIR/HOST/meshvpnd.conf for a client,
# relay or exit, and prints its path. A later value of a key comes in addition to an earlier one,
# except where it replaces a default of here.
lab_config() {
	local host=$1 role=$2 d=$LAB_DIR/$1 w
	local -A value=([Node.ListenPort]=4470 [Node.PrivateNetwork]=yes
		[Node.IdentityKeyFile]=$d/identity.key [Node.StateDirectory]=$d/state
		[Node.ControlSocket]=$d/control [Node.DescriptorDirectory]=$LAB_DIR/descriptors
		[Relay.Nickname]=$host [Client.Enable]=no [Relay.Enable]=no [Exit.Enable]=no)
	local order=(Node.ListenPort Node.PrivateNetwork Node.IdentityKeyFile
		Node.StateDirectory Node.ControlSocket Node.DescriptorDirectory
		Client.Enable Relay.Enable Relay.Nickname Exit.Enable)
	shift 2
	w=$(lab_datapath "$host")
	[[ ! $w ]] || value[Node.Datapath]=$w order+=(Node.Datapath)
	case $role in
	client) value[Client.Enable]=yes; set -- Client.Interface=mesh0 Client.Hops=3 Client.Route=bound "$@" ;;
	relay) value[Relay.Enable]=yes ;;
	exit) value[Relay.Enable]=yes value[Exit.Enable]=yes; set -- "Exit.Policy=accept *:*" "$@" ;;
	*) lab_die "no role '$role'"; return 1 ;;
	esac
	for w; do
		[[ ${value[${w%%=*}]-} ]] || order+=("${w%%=*}")
		case ${w%%=*} in
		*.Policy) value[${w%%=*}]+=${value[${w%%=*}]:+$'\n'}${w#*=} ;;
		*) value[${w%%=*}]=${w#*=} ;;
		esac
	done
	mkdir -p "$d"
	{
		local section key k v
		for section in Node Client Relay Exit; do
			echo "[$section]"
			for key in $(printf '%s\n' "${order[@]}" | awk '!seen[$0]++'); do
				[[ $key == "$section".* ]] || continue
				while IFS= read -r v; do
					echo "${key#*.} = $v"
				done <<<"${value[$key]}"
			done
			echo
		done
	} >"$d/meshvpnd.conf"
	echo "$d/meshvpnd.conf"
}

# lab_spawn HOST NAME PROGRAM [ARG...]: any daemon that speaks sd_notify; log, pid and the way it
# ended are in LAB_DIR/HOST/NAME.{log,pid,log.exit}
lab_spawn() {
	local host=$1 name=$2 d=$LAB_DIR/$1
	shift 2
	lab_exec "$host" "$LAB_HELPERS/ready" -t "${LAB_READY_TIMEOUT:-20}" "$d/$name.log" "$d/$name.pid" "$@" && return
	tail -n 20 "$d/$name.log" >&2
	return 1
}

lab_pid() { cat "$LAB_DIR/$1/${2:-meshvpnd}.pid" 2>/dev/null; }

# lab_kill HOST [SIGNAL [NAME]]: signals the daemon and returns when it is gone. Fails when it
# ended with an error of its own (a sanitizer's report, a leak), unless the signal was KILL.
lab_kill() {
	local host=$1 signal=${2:-TERM} name=${3:-meshvpnd} d=$LAB_DIR/$1 i
	local pid
	pid=$(lab_pid "$host" "$name") || { lab_die "$name does not run on $host"; return 1; }
	kill -"$signal" "$pid" || return
	for ((i = 0; i < 200; i++)); do
		[[ -e $d/$name.log.exit ]] && break
		sleep 0.05
	done
	[[ -e $d/$name.log.exit ]] || { lab_die "$name on $host does not end"; return 1; }
	[[ $signal == KILL ]] || grep -qx 'exit 0' "$d/$name.log.exit" ||
		{ lab_die "$name on $host: $(<"$d/$name.log.exit")"; tail -n 30 "$d/$name.log" >&2; return 1; }
}

# lab_web HOST: nginx on port 80, both families. /ip: the client's address; /: a page with it;
# /bytes/SIZE (1k 64k 1M 16M 100M): random bytes, to be compared with LAB_DIR/HOST/web/bytes/SIZE;
# /zero/SIZE (1G 10G): zeros for speed; ?rate=BYTES limits a download; PUT /upload/NAME stores.
lab_web() {
	local host=$1 d=$LAB_DIR/$1/web s
	mkdir -p "$d"/{bytes,zero,upload,tmp}
	for s in 1k 64k 1M 16M 100M; do
		head -c "${s/k/K}" /dev/urandom >"$d/bytes/$s"
	done
	for s in 1G 10G; do
		truncate -s "$s" "$d/zero/$s"
	done
	cat >"$d/nginx.conf" <<-END
	user root;
	worker_processes 1;
	pid $d/nginx.pid;
	error_log $d/error.log;
	events { worker_connections 1024; }
	http {
		access_log $d/access.log;
		client_body_temp_path $d/tmp; proxy_temp_path $d/tmp; fastcgi_temp_path $d/tmp;
		uwsgi_temp_path $d/tmp; scgi_temp_path $d/tmp;
		sendfile on; tcp_nopush on; default_type application/octet-stream;
		client_max_body_size 0;
		server {
			listen 80; listen [::]:80;
			root $d;
			location = / {
				default_type text/html;
				return 200 "<!doctype html><title>web</title><p>You are \$remote_addr.</p>\n";
			}
			location = /ip { default_type text/plain; return 200 "\$remote_addr\n"; }
			location /bytes/ { limit_rate \$arg_rate; }
			location /zero/ { limit_rate \$arg_rate; }
			location /upload/ { dav_methods PUT; client_body_temp_path $d/tmp; }
		}
	}
	END
	lab_exec "$host" nginx -p "$d" -e "$d/error.log" -c "$d/nginx.conf"
}

# lab_iperf HOST: an iperf3 server there, listening when this returns
lab_iperf() {
	local i
	lab_exec "$1" iperf3 -s -D >/dev/null || return
	for ((i = 0; i < 100; i++)); do
		lab_exec "$1" ss -Hltn 'sport = :5201' | grep -q . && return
		sleep 0.02
	done
	lab_die "iperf3 does not listen on $1"
}

# lab_ctl HOST ARG...: meshvpn-ctl of that host's daemon
lab_ctl() {
	local host=$1
	shift
	lab_exec "$host" "$LAB_BUILD/meshvpn-ctl" --socket "$LAB_DIR/$host/control" "$@"
}

# lab_address HOST [4|6]: its first global address
lab_address() {
	ip -n "$(lab_ns "$1")" -"${2:-4}" -o address show scope global | awk '{ sub("/.*", "", $4); print $4; exit }'
}
