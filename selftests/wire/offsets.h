/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What must be the same on every machine and in kernel, BPF and userspace: the offsets of the
 * cell, and the layout of structures that a BPF map or a message shares. Checked by compiling.
 */
#ifndef SELFTESTS_WIRE_OFFSETS_H
#define SELFTESTS_WIRE_OFFSETS_H

#include <meshvpn/cell.h>
#include <meshvpn/frame.h>
#include <meshvpn/header.h>
#include <meshvpn/replay.h>

#define SAME(a, b) _Static_assert((a) == (b), #a " is not " #b)
#define AT(type, member, offset) SAME(__builtin_offsetof(type, member), offset)

SAME(MV_CELL_FIRST, 0);
SAME(MV_CELL_LINK, 1);
SAME(MV_CELL_TAG, 8);
SAME(MV_CELL_MASKED, 16);
SAME(MV_CELL_LAYER, 24);
SAME(MV_CELL_BODY, 40);
SAME(MV_CELL_HEADER, 40);
SAME(MV_CELL_HEADER + MV_BODY_SMALL, 296);
SAME(MV_CELL_HEADER + MV_BODY_MEDIUM, 1192);
SAME(MV_CELL_HEADER + MV_BODY_LARGE, 1368);
SAME(MV_CELL_MAX, 1368);
SAME(MV_CIRCUIT_BITS + MV_COUNTER_BITS, 64);
SAME(MV_COUNTER_MAX, 0xffffffffffULL);
SAME(MV_COUNTER_FIRST, 4096);
SAME(MV_FRAME_HEADER, 4);
SAME(MV_SUBTYPE_CONTROL, 0x80);

SAME(sizeof(u8), 1);
SAME(sizeof(u16), 2);
SAME(sizeof(u32), 4);
SAME(sizeof(u64), 8);
SAME(sizeof(struct mv_siphash_key), 16);
AT(struct mv_siphash_key, k1, 8);
SAME(sizeof(struct mv_header_keys), 32);
AT(struct mv_header_keys, mask, 16);
SAME(sizeof(struct mv_replay), 8 + 8 * MV_REPLAY_WORDS);
AT(struct mv_replay, bits, 8);
SAME(sizeof(struct mv_frame_partial), 8);
AT(struct mv_frame_partial, need, 4);

#endif
