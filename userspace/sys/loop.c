/* SPDX-License-Identifier: GPL-2.0-or-later */
/* epoll, a timerfd and a signalfd: see loop.h. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <base/list.h>
#include "loop.h"

#define LOOP_EVENTS 32

struct loop {
	int fd;
	bool quit;
	struct timers *ts;
	struct watch timer, signals;
	u64 armed;			/* what the timerfd is set to */
	void (*caught)(void *arg, int signal);
	void *caught_arg;
	void (*idle)(void *arg);
	void *idle_arg;
	struct epoll_event ready[LOOP_EVENTS];
	int ready_count, ready_at;
};

static u64 clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

u64 clock_monotonic(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

u64 clock_boot(void)
{
	return clock_ns(CLOCK_BOOTTIME);
}

u64 clock_wall(void)
{
	return clock_ns(CLOCK_REALTIME);
}

int loop_add(struct loop *loop, struct watch *w)
{
	struct epoll_event ev = { .events = w->events, .data.ptr = w };

	if (epoll_ctl(loop->fd, EPOLL_CTL_ADD, w->fd, &ev))
		return -errno;
	w->added = true;
	return 0;
}

int loop_modify(struct loop *loop, struct watch *w, u32 events)
{
	struct epoll_event ev = { .events = events, .data.ptr = w };

	if (w->events == events)
		return 0;
	w->events = events;
	return epoll_ctl(loop->fd, EPOLL_CTL_MOD, w->fd, &ev) ? -errno : 0;
}

void loop_del(struct loop *loop, struct watch *w)
{
	int i;

	if (!w->added)
		return;
	epoll_ctl(loop->fd, EPOLL_CTL_DEL, w->fd, NULL);
	w->added = false;
	/* it may be among those that were ready and were not called yet */
	for (i = loop->ready_at; i < loop->ready_count; i++)
		if (loop->ready[i].data.ptr == w)
			loop->ready[i].data.ptr = NULL;
}

static void timer_ready(struct watch *w, u32 events)
{
	struct loop *loop = container_of(w, struct loop, timer);
	u64 count;

	loop->armed = TIMER_NEVER;
	if (read(w->fd, &count, sizeof(count)) < 0)
		return;
}

static void signals_ready(struct watch *w, u32 events)
{
	struct loop *loop = container_of(w, struct loop, signals);
	struct signalfd_siginfo info;

	while (read(w->fd, &info, sizeof(info)) == sizeof(info))
		loop->caught(loop->caught_arg, (int)info.ssi_signo);
}

int loop_signals(struct loop *loop, const int *signals, u32 count, void (*caught)(void *arg, int signal), void *arg)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	while (count--)
		sigaddset(&set, signals[count]);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	loop->caught = caught;
	loop->caught_arg = arg;
	watch_init(&loop->signals, fd, EPOLLIN, signals_ready);
	return loop_add(loop, &loop->signals);
}

void loop_idle(struct loop *loop, void (*idle)(void *arg), void *arg)
{
	loop->idle = idle;
	loop->idle_arg = arg;
}

int loop_new(struct loop **out, struct timers *ts)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	int ret;

	if (!loop)
		return -ENOMEM;
	loop->ts = ts;
	loop->armed = TIMER_NEVER;
	loop->signals.fd = -1;
	loop->fd = epoll_create1(EPOLL_CLOEXEC);
	watch_init(&loop->timer, timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), EPOLLIN, timer_ready);
	ret = loop->fd < 0 || loop->timer.fd < 0 ? -errno : loop_add(loop, &loop->timer);
	if (ret) {
		loop_free(loop);
		return ret;
	}
	ts->now = clock_monotonic();
	*out = loop;
	return 0;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	if (loop->signals.fd >= 0)
		close(loop->signals.fd);
	if (loop->timer.fd >= 0)
		close(loop->timer.fd);
	if (loop->fd >= 0)
		close(loop->fd);
	free(loop);
}

static void timer_set(struct loop *loop)
{
	u64 next = timers_next(loop->ts);
	struct itimerspec spec = { 0 };

	if (next == loop->armed)
		return;
	loop->armed = next;
	if (next != TIMER_NEVER) {
		/* zero would disarm it */
		next = next ? next : 1;
		spec.it_value.tv_sec = (time_t)(next / NSEC_PER_SEC);
		spec.it_value.tv_nsec = (long)(next % NSEC_PER_SEC);
	}
	timerfd_settime(loop->timer.fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

static void dispatch(struct loop *loop)
{
	for (loop->ready_at = 0; loop->ready_at < loop->ready_count;) {
		struct epoll_event *ev = &loop->ready[loop->ready_at++];
		struct watch *w = ev->data.ptr;

		if (w)
			w->ready(w, ev->events);
	}
	loop->ready_count = 0;
}

int loop_run(struct loop *loop)
{
	loop->quit = false;
	while (!loop->quit) {
		if (loop->idle)
			loop->idle(loop->idle_arg);
		timer_set(loop);
		loop->ready_count = epoll_wait(loop->fd, loop->ready, LOOP_EVENTS, -1);
		if (loop->ready_count < 0) {
			loop->ready_count = 0;
			if (errno != EINTR)
				return -errno;
		}
		timers_run(loop->ts, clock_monotonic());
		dispatch(loop);
	}
	return 0;
}

void loop_quit(struct loop *loop)
{
	loop->quit = true;
}
