/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All layers of a cell at once, for the origin (Documentation/protocol.rst, "Layers"): wrap with
 * the filler of Sphinx, unwrap by decrypting heads. Context: task or softirq, no locks needed. Key
 * streams and what else is secret are erased.
 */
#ifndef MV_ONION_H
#define MV_ONION_H

#include "circuit.h"

/*
 * Bytes of work space, aligned to 64. While a cell is wrapped, layer i (from 1, the guard's) lies
 * in it as a cell at 16 * (i - 1) of which only S and body are used: so S i+1 and body i+1 as they
 * lie are the plaintext of layer i, and every layer but the last is put on in place.
 */
#define MV_ONION_SCRATCH 1536

/* Where in the scratch the payload, B - R bytes, has to lie before mv_onion_wrap(). */
static inline u32 mv_onion_payload_at(u32 hops)
{
	return MV_CELL_BODY + MV_LAYER_LEN * (hops - 1);
}

/**
 * mv_onion_wrap - put all layers on
 * @out: the cell: S and body are written
 * @scratch: MV_ONION_SCRATCH bytes with the payload in place; garbage afterwards
 */
void mv_onion_wrap(u8 *out, u8 *scratch, const struct mv_onion_keys *keys, u64 counter, u32 body);

/**
 * mv_onion_unwrap - take all layers off a backward cell
 * @in: the cell, not written to
 * @scratch: MV_ONION_SCRATCH bytes; on success the payload is at the offset returned
 * @counter: of the link, complete
 * @highest: per hop, the highest counter seen; read, not written
 * @seen: the counters of this cell, per hop, to be stored as highest when all checks passed
 *
 * Return: offset of the payload in @scratch (body - R bytes), or -EBADMSG: the guard's or the
 * terminus's tag was wrong.
 */
int mv_onion_unwrap(u8 *scratch, const u8 *in, const struct mv_onion_keys *keys, u64 counter,
		    const u64 *highest, u64 *seen, u32 body);

/* Random bytes for padding, at most MV_RESERVE_LONG. */
void mv_onion_fill(u8 *to, u32 len);
/* The machine is a copy of another, which would go on with the same ones. Any context. */
void mv_onion_forget(void);

#endif
