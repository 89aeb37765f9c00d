# SPDX-License-Identifier: GPL-2.0-or-later
#
# fish completion of meshvpn-ctl; the words come from the program itself. Goes to
# /usr/share/fish/vendor_completions.d/meshvpn-ctl.fish.

function __meshvpn_ctl_words
	set -l plain
	set -l skip 0
	for word in (commandline -opc)[2..-1]
		if test $skip = 1
			set skip 0
		else if contains -- $word --socket --timeout
			set skip 1
		else if not string match -q -- '-*' $word
			set -a plain $word
		end
	end
	meshvpn-ctl __words $plain 2>/dev/null
end

complete -c meshvpn-ctl -f -a '(__meshvpn_ctl_words)'
complete -c meshvpn-ctl -o j -o json -d 'JSON'
complete -c meshvpn-ctl -o p -o pretty -d 'JSON, indented'
complete -c meshvpn-ctl -o s -o stats -d 'more numbers'
complete -c meshvpn-ctl -o br -o brief -d 'one line an item'
complete -c meshvpn-ctl -o c -o color -x -a 'auto always never' -d 'colours'
complete -c meshvpn-ctl -l show-secrets -d "peers' addresses and keys too"
complete -c meshvpn-ctl -l socket -r -F -d 'socket of the daemon'
complete -c meshvpn-ctl -l timeout -x -d 'seconds'
complete -c meshvpn-ctl -l wait -x -a 'connected connecting disconnected relay'
complete -c meshvpn-ctl -n '__fish_seen_subcommand_from import check gen file dir batch rx-key tx-key kf kb' -F
