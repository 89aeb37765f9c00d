#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The module is unloaded under traffic, again and again: the part of lifetime.sh that KASAN's kernel
# cannot do.

KERNEL=${KERNEL:-uml-lock} exec "$(dirname "$0")/lifetime.sh" "${1-}" "module unloaded"
