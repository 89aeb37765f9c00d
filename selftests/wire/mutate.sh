#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Show that the vectors' runner fails on files that differ in one place (mutate.c). BUILD= names the
# build to take, else it is the newest there is.

root=$(cd "$(dirname "$0")/../.." && pwd) || exit 2
if [ -z "${BUILD-}" ]; then
	BUILD=build
	[ ! "$root/build-san/selftests/wire/mutate" -nt "$root/build/selftests/wire/mutate" ] || BUILD=build-san
fi
dir=$root/$BUILD/selftests/wire
if [ ! -x "$dir/mutate" ] || [ ! -x "$dir/vectors" ]; then
	echo "$0: nothing built in $dir: run make tests first" >&2
	exit 1
fi
exec "$dir/mutate" "$dir/vectors" "$root"/selftests/wire/vectors.d/*.json
