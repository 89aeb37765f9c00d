/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control thread's event loop: file descriptors by epoll, engines' timers, signals by
 * signalfd. The present (timers.now) is set before every call, so that engines see one time.
 */
#ifndef MESHVPN_SYS_LOOP_H
#define MESHVPN_SYS_LOOP_H

#include <signal.h>
#include <base/timer.h>

struct loop;

struct watch {
	int fd;
	u32 events;			/* EPOLLIN, EPOLLOUT, … */
	void (*ready)(struct watch *w, u32 events);
	bool added;
};

/* CLOCK_MONOTONIC, CLOCK_BOOTTIME and CLOCK_REALTIME in ns. */
u64 clock_monotonic(void);
u64 clock_boot(void);
u64 clock_wall(void);

/* @ts: driven by the loop, outlives it. 0 or -errno. */
int loop_new(struct loop **loop, struct timers *ts);
void loop_free(struct loop *loop);

static inline void watch_init(struct watch *w, int fd, u32 events, void (*ready)(struct watch *w, u32 events))
{
	*w = (struct watch){ fd, events, ready, false };
}

/* 0 or -errno. A watch may be deleted, and freed, from any callback. */
int loop_add(struct loop *loop, struct watch *w);
int loop_modify(struct loop *loop, struct watch *w, u32 events);
void loop_del(struct loop *loop, struct watch *w);

/* Block @signals in this thread (so do it before others start) and have them called here. */
int loop_signals(struct loop *loop, const int *signals, u32 count, void (*caught)(void *arg, int signal), void *arg);

/* Called after everything that was ready, before each wait; may be NULL. */
void loop_idle(struct loop *loop, void (*idle)(void *arg), void *arg);

/* Until loop_quit(). 0 or -errno of epoll. */
int loop_run(struct loop *loop);
void loop_quit(struct loop *loop);

#endif
