/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Token bucket as one word of virtual time (GCRA, ITU-T I.371), so that many CPUs share one
 * without a lock.
 */
#ifndef MV_BUCKET_H
#define MV_BUCKET_H

#include <linux/atomic.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/time64.h>
#include <linux/types.h>

struct mv_bucket {
	atomic64_t next;		/* ns: when it would be full again */
	u64 cost;			/* ns times 1024 per unit, 0: unlimited */
	u64 depth;			/* ns */
};

/* @rate: units per second, 0: unlimited; @burst: units, at most 13 days' worth count. Readers may run. */
static inline void mv_bucket_set(struct mv_bucket *b, u64 rate, u64 burst)
{
	u64 cost = rate ? div64_u64(1024ULL * NSEC_PER_SEC, rate) : 0;

	if (rate && !cost)
		cost = 1;
	if (cost)
		burst = min(burst, div64_u64(1ULL << 60, cost));
	WRITE_ONCE(b->depth, cost * burst >> 10);
	WRITE_ONCE(b->cost, cost);
}

/* Take @units if they are there. @now: ktime_get_ns() */
static inline bool mv_bucket_take(struct mv_bucket *b, u64 now, u32 units)
{
	u64 cost = READ_ONCE(b->cost), to;
	s64 next;

	if (!cost)
		return true;
	next = atomic64_read(&b->next);
	do {
		to = (next > (s64)now ? (u64)next : now) + (cost * units >> 10);
		if (to > now + READ_ONCE(b->depth))
			return false;
	} while (!atomic64_try_cmpxchg(&b->next, &next, (s64)to));
	return true;
}

#endif
