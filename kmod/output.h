/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Outgoing super-packets: cells of one class to one lane of one neighbour, sealed in place in a
 * page fragment, sent as one UDP GSO skb. Super-packets leave in the order in which they were
 * opened, so that the cells of a circuit keep theirs.
 */
#ifndef MV_OUTPUT_H
#define MV_OUTPUT_H

#include "engine.h"

/* In skb->cb of what is in e->send. The path is good for as long as the caller's RCU section. */
struct mv_out_cb {
	struct mv_path *path;
	u32 lane, remote_lane, cells;
};

static inline struct mv_out_cb *mv_out_cb(struct sk_buff *skb)
{
	BUILD_BUG_ON(sizeof(struct mv_out_cb) > sizeof(skb->cb));
	return (struct mv_out_cb *)skb->cb;
}

/**
 * mv_out_reserve - room for a cell
 * @circuit: circuit id on @link, which chooses lanes
 * @cause: why there is none
 *
 * The slot, of the class's length, lies in the super-packet; give it to mv_out_commit(), or forget
 * it (a failed cell leaves nothing). RCU. Return: NULL with MV_DROP_NO_ROUTE (no current session),
 * MV_DROP_SEND (no memory, or the socket is gone).
 */
u8 *mv_out_reserve(struct mv_engine *e, struct mv_link *link, u32 circuit, u32 class,
		   struct mv_out **out, enum mv_drop *cause);
/* S and body of the slot are in place: seal the header, count. */
void mv_out_commit(struct mv_engine *e, struct mv_out *out, u8 *slot, u32 circuit, u64 counter);
/* The lane whose socket sends for @circuit on @link; MV_LANES_MAX: there is no way to it. RCU. */
u32 mv_out_lane(struct mv_link *link, u32 circuit);
/* Is the socket of a lane over its limit? RCU. */
bool mv_out_full(struct mv_engine *e, u32 lane);

/* Finished ones into e->send. @all: open ones too. */
void mv_out_flush(struct mv_engine *e, bool all);
/* Send what e->send holds; only from mv_engine_end(). */
void mv_out_send(struct mv_engine *e);
/* Drop and count it instead. */
void mv_out_purge(struct mv_engine *e);

int mv_outs_new(struct mv_engine *e);
void mv_outs_free(struct mv_engine *e);

#endif
