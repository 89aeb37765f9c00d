/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Timers of an engine, driven from outside: the daemon calls timers_run() from its event loop, a
 * simulator with its own idea of time. A binary heap; arming and cancelling are O(log n).
 */
#ifndef MESHVPN_BASE_TIMER_H
#define MESHVPN_BASE_TIMER_H

#include <meshvpn/types.h>

#define NSEC_PER_USEC 1000ULL
#define NSEC_PER_MSEC 1000000ULL
#define NSEC_PER_SEC 1000000000ULL
#define TIMER_NEVER UINT64_MAX

struct timer {
	u64 at;			/* ns, monotonic */
	u32 index;		/* place in the heap, from 1; 0: not armed */
	void (*fire)(struct timer *t);
};

struct timers {
	struct timer **heap;
	u32 count, room;
	u64 now;		/* ns; the engine's present: set before every call into an engine */
};

/* An empty set; timers_fini() frees only the heap, armed timers are forgotten. */
void timers_init(struct timers *ts, u64 now);
void timers_fini(struct timers *ts);

static inline void timer_init(struct timer *t, void (*fire)(struct timer *t))
{
	t->at = TIMER_NEVER;
	t->index = 0;
	t->fire = fire;
}

static inline bool timer_armed(const struct timer *t)
{
	return t->index;
}

/* (Re)arm for @at (ns, absolute). -ENOMEM leaves it as it was. */
int timer_arm(struct timers *ts, struct timer *t, u64 at);

/* Disarm; no harm if not armed. */
void timer_cancel(struct timers *ts, struct timer *t);

/* When the next one fires, TIMER_NEVER if none is armed. */
u64 timers_next(const struct timers *ts);

/*
 * Set the present and fire all that are due, in order; each is disarmed before its call and may
 * arm, cancel or free any timer, itself included.
 */
void timers_run(struct timers *ts, u64 now);

#endif
