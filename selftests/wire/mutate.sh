#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Show that the vectors' runner fails on files that differ in one place (mutate.c). BUILD=build-san
# takes another build.

root=$(cd "$(dirname "$0")/../.." && pwd) || exit 2
dir=$root/${BUILD:-build}/selftests/wire
exec "$dir/mutate" "$dir/vectors" "$root"/selftests/wire/vectors.d/*.json
