# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# Boots one of Debian's kernels for tools/vm.

qemu_prepare() { die "not yet"; }
