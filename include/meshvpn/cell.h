/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The cell on the wire (Documentation/protocol.rst, "Cell layer"): one UDP payload of one of
 * three lengths.
 *
 *   0  u8   0x40 | six random bits
 *   1  7    link id, chosen by the receiver
 *   8  u64  t: header tag
 *  16  u64  x: (circuit id u24 << 40 | counter u40) XOR mask
 *  24  16   S: layer tag
 *  40  B    body
 */
#ifndef MESHVPN_CELL_H
#define MESHVPN_CELL_H

#include "types.h"

#define MV_CELL_MARK		0x40	/* first two bits of a cell's first byte are 01 */
#define MV_CELL_MARK_MASK	0xc0

enum {
	MV_CELL_FIRST	= 0,
	MV_CELL_LINK	= 1,
	MV_CELL_TAG	= 8,
	MV_CELL_MASKED	= 16,
	MV_CELL_LAYER	= 24,
	MV_CELL_BODY	= 40,
	MV_CELL_HEADER	= 40,
};

#define MV_LAYER_LEN		16	/* layer tag S, and what a peel adds at the tail */
#define MV_LINK_ID_LEN		7
#define MV_KEY_LEN		32

/* Classes of body length. */
enum mv_class {
	MV_SMALL,
	MV_MEDIUM,
	MV_LARGE,
	MV_CLASSES,
};

#define MV_BODY_SMALL		256
#define MV_BODY_MEDIUM		1152
#define MV_BODY_LARGE		1328
#define MV_BODY_MAX		MV_BODY_LARGE
#define MV_CELL_MAX		(MV_CELL_HEADER + MV_BODY_MAX)

#define MV_HOPS_MAX		10
#define MV_RESERVE_SHORT	48	/* circuits of up to 4 hops */
#define MV_RESERVE_LONG		144	/* longer ones, and while building */
#define MV_HOPS_SHORT		4

#define MV_CIRCUIT_BITS		24
#define MV_CIRCUIT_MAX		0xffffffU
#define MV_CIRCUIT_CONTROL	0	/* circuit id of link control */
#define MV_COUNTER_BITS		40
#define MV_COUNTER_MAX		((1ULL << MV_COUNTER_BITS) - 1)
/* Numbers below are the daemon's (building), numbers from here on the datapath's. */
#define MV_COUNTER_FIRST	4096

/* Body length in bytes of a class. */
static __always_inline u32 mv_class_body(u32 class)
{
	return class == MV_SMALL ? MV_BODY_SMALL :
	       class == MV_MEDIUM ? MV_BODY_MEDIUM : MV_BODY_LARGE;
}

/* Length of the whole datagram of a class. */
static __always_inline u32 mv_class_cell(u32 class)
{
	return MV_CELL_HEADER + mv_class_body(class);
}

/* Class of a datagram by its length, or MV_CLASSES if no cell has that length. */
static __always_inline u32 mv_cell_class(u32 len)
{
	return len == MV_CELL_HEADER + MV_BODY_SMALL ? MV_SMALL :
	       len == MV_CELL_HEADER + MV_BODY_MEDIUM ? MV_MEDIUM :
	       len == MV_CELL_HEADER + MV_BODY_LARGE ? MV_LARGE : MV_CLASSES;
}

/* Reserve R at the end of a terminus's body of a bound circuit. */
static __always_inline u32 mv_reserve(u32 hops)
{
	return hops <= MV_HOPS_SHORT ? MV_RESERVE_SHORT : MV_RESERVE_LONG;
}

/* Does a datagram look like a cell: length and first byte? Others go to userspace. */
static __always_inline bool mv_cell_shape(const u8 *cell, u32 len)
{
	return mv_cell_class(len) != MV_CLASSES &&
	       (cell[MV_CELL_FIRST] & MV_CELL_MARK_MASK) == MV_CELL_MARK;
}

/* The link id as an integer below 2^56. */
static __always_inline u64 mv_cell_link(const u8 *cell)
{
	return mv_get_le64(cell) >> 8;
}

#endif
