/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Token bucket in the form of GCRA (ATM Forum, I.371): one number, the theoretical arrival time,
 * instead of a level and a stamp.
 */
#ifndef MESHVPN_BASE_BUCKET_H
#define MESHVPN_BASE_BUCKET_H

#include <meshvpn/types.h>

struct bucket {
	u64 next;		/* ns: when the bucket is full again */
	u64 cost;		/* ns per 1024 units, 0: unlimited */
	u64 depth;		/* ns */
};

/* @rate: units per second, 0: unlimited; @burst: units */
static inline void bucket_init(struct bucket *b, u64 rate, u64 burst)
{
	b->next = 0;
	b->cost = rate ? 1024 * 1000000000ULL / rate : 0;
	if (rate && !b->cost)
		b->cost = 1;
	b->depth = (u64)((unsigned __int128)b->cost * burst / 1024);
}

/* Take @units at @now (ns): false, and nothing taken, if there are not enough. */
static inline bool bucket_take(struct bucket *b, u64 now, u64 units)
{
	u64 from = b->next > now ? b->next : now;
	u64 next = from + b->cost * units / 1024;

	if (!b->cost)
		return true;
	if (next > now + b->depth)
		return false;
	b->next = next;
	return true;
}

#endif
