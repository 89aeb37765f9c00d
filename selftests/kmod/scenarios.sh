#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Scenarios of selftests/net with the module under the daemons. With MESHVPN_LONG all of them, on the
# kernels that check all they do; else what says most: privileges there, every kind of traffic and
# mixtures of datapaths on a plain one.

cd "$(dirname "$0")/../.." || exit 1
scenarios=(uml/mixed uml/curl uml-lock/privilege)
if [[ ${MESHVPN_LONG-} ]]; then
	scenarios=()
	for kernel in uml-lock uml-kasan; do
		for f in selftests/net/*.sh; do
			case ${f##*/} in
			# the first two are libraries, the others have nothing to do with a datapath
			lib.sh | mesh.sh | lab.sh | ctl.sh) ;;
			*) f=${f##*/} scenarios+=("$kernel/${f%.sh}") ;;
			esac
		done
	done
fi
n=0 failed=0
echo "TAP version 13"
echo "1..${#scenarios[@]}"
for s in "${scenarios[@]}"; do
	n=$((n + 1))
	if out=$(tools/vm -q --kernel="${s%/*}" --mem=2G --timeout=900 -- \
		env MESHVPN_DATAPATH=kmod "selftests/net/${s#*/}.sh" 2>&1); then
		echo "ok $n - ${s%/*}: ${s#*/} ($(grep -c '^ok' <<<"$out") checks)"
	else
		failed=1
		tail -n 60 <<<"$out" | sed 's/^/#   /'
		echo "not ok $n - ${s%/*}: ${s#*/}"
	fi
done
exit $failed
