# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# bash completion of meshvpn-ctl; the words come from the program itself, so they are never older
# than it. Goes to /usr/share/bash-completion/completions/meshvpn-ctl.

_meshvpn_ctl() {
	COMPREPLY=()
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} i words=() socket=()
	case $prev in
	--socket | file | dir | rx-key | tx-key | kf | kb) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	-c | -color) mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$cur"); return ;;
	--wait) mapfile -t COMPREPLY < <(compgen -W 'connected connecting disconnected relay' -- "$cur"); return ;;
	--timeout | hops | bits | limit | id | index | port | lanes | rate | burst) return ;;
	esac
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--socket) socket=(--socket "${COMP_WORDS[++i]}") ;;
		--timeout) i=$((i + 1)) ;;
		-*) ;;
		*) words+=("${COMP_WORDS[i]}") ;;
		esac
	done
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W '-json -pretty -stats -brief -color --show-secrets --socket --timeout
			-version' -- "$cur")
	fi
	mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W \
		"$("${COMP_WORDS[0]}" "${socket[@]}" __words "${words[@]}" 2>/dev/null)" -- "$cur")
	case "${words[*]}" in
	'config check'* | 'descriptor import'* | 'key gen'* | 'dev batch'*)
		mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$cur") ;;
	esac
}
complete -F _meshvpn_ctl meshvpn-ctl
