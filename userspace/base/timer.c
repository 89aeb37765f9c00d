/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Binary heap of timers: see timer.h. */
#include <errno.h>
#include <stdlib.h>

#include "timer.h"

void timers_init(struct timers *ts, u64 now)
{
	*ts = (struct timers){ .now = now };
}

void timers_fini(struct timers *ts)
{
	free(ts->heap);
	ts->heap = NULL;
	ts->count = ts->room = 0;
}

static void place(struct timers *ts, struct timer *t, u32 index)
{
	ts->heap[index] = t;
	t->index = index;
}

static void sift_up(struct timers *ts, struct timer *t, u32 i)
{
	while (i > 1 && ts->heap[i / 2]->at > t->at) {
		place(ts, ts->heap[i / 2], i);
		i /= 2;
	}
	place(ts, t, i);
}

static void sift_down(struct timers *ts, struct timer *t, u32 i)
{
	while (2 * i <= ts->count) {
		u32 child = 2 * i;

		if (child < ts->count && ts->heap[child + 1]->at < ts->heap[child]->at)
			child++;
		if (ts->heap[child]->at >= t->at)
			break;
		place(ts, ts->heap[child], i);
		i = child;
	}
	place(ts, t, i);
}

static int grow(struct timers *ts)
{
	u32 room = ts->room ? ts->room * 2 : 64;
	struct timer **heap = realloc(ts->heap, (room + 1) * sizeof(*heap));

	if (!heap)
		return -ENOMEM;
	ts->heap = heap;
	ts->room = room;
	return 0;
}

int timer_arm(struct timers *ts, struct timer *t, u64 at)
{
	if (!t->index && ts->count == ts->room && grow(ts))
		return -ENOMEM;
	timer_cancel(ts, t);
	t->at = at;
	sift_up(ts, t, ++ts->count);
	return 0;
}

void timer_cancel(struct timers *ts, struct timer *t)
{
	struct timer *last;
	u32 i = t->index;

	if (!i)
		return;
	t->index = 0;
	t->at = TIMER_NEVER;
	last = ts->heap[ts->count--];
	if (last == t)
		return;
	if (i > 1 && ts->heap[i / 2]->at > last->at)
		sift_up(ts, last, i);
	else
		sift_down(ts, last, i);
}

u64 timers_next(const struct timers *ts)
{
	return ts->count ? ts->heap[1]->at : TIMER_NEVER;
}

void timers_run(struct timers *ts, u64 now)
{
	ts->now = now;
	while (ts->count && ts->heap[1]->at <= now) {
		struct timer *t = ts->heap[1];

		timer_cancel(ts, t);
		t->fire(t);
	}
}
