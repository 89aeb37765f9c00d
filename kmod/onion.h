/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All layers of a cell at once, for the origin (Documentation/protocol.rst, "Layers"): wrap with
 * the filler of Sphinx, unwrap by decrypting heads. Same context as layer.h.
 */
#ifndef MV_ONION_H
#define MV_ONION_H

#include "circuit.h"

#define MV_ONION_SCRATCH 1536		/* bytes of work space, aligned to 64 */

/* Where in the scratch the payload, B - R bytes, has to lie before mv_onion_wrap(). */
static inline u32 mv_onion_payload_at(u32 hops)
{
	return hops > 1 ? MV_LAYER_LEN * hops : MV_CELL_BODY;
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

#endif
