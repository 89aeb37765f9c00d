// SPDX-License-Identifier: GPL-2.0-or-later
/* The event loop: descriptors, timers in order and on time, signals, deleting from inside a call. */
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <kselftest_harness.h>
#include <base/list.h>
#include <sys/loop.h>

struct one {
	struct watch watch;
	struct timer timer;
	struct loop *loop;
	struct timers *ts;
	struct one *other;
	u32 calls;
	u64 at;
};

FIXTURE(loops) {
	struct loop *loop;
	struct timers ts;
	struct one a, b;
	int pa[2], pb[2];
};

static void stop(struct timer *t)
{
	struct one *o = container_of(t, struct one, timer);

	o->calls++;
	o->at = clock_monotonic();
	loop_quit(o->loop);
}

FIXTURE_SETUP(loops)
{
	timers_init(&self->ts, 0);
	ASSERT_EQ(0, loop_new(&self->loop, &self->ts));
	ASSERT_EQ(0, pipe(self->pa));
	ASSERT_EQ(0, pipe(self->pb));
	self->a = (struct one){ .loop = self->loop, .ts = &self->ts, .other = &self->b };
	self->b = (struct one){ .loop = self->loop, .ts = &self->ts, .other = &self->a };
	timer_init(&self->a.timer, stop);
	timer_init(&self->b.timer, stop);
}

FIXTURE_TEARDOWN(loops)
{
	loop_free(self->loop);
	timers_fini(&self->ts);
	close(self->pa[0]);
	close(self->pa[1]);
	close(self->pb[0]);
	close(self->pb[1]);
}

TEST_F(loops, timer_is_on_time)
{
	u64 begin = clock_monotonic();

	timer_arm(&self->ts, &self->a.timer, begin + 20 * NSEC_PER_MSEC);
	ASSERT_EQ(0, loop_run(self->loop));
	EXPECT_LE(begin + 20 * NSEC_PER_MSEC, self->a.at);
	EXPECT_GT(begin + 500 * NSEC_PER_MSEC, self->a.at);
	/* and one that is due already */
	timer_arm(&self->ts, &self->a.timer, 1);
	ASSERT_EQ(0, loop_run(self->loop));
	EXPECT_EQ(2, self->a.calls);
}

static void drop_other(struct watch *w, u32 events)
{
	struct one *o = container_of(w, struct one, watch);
	char c;

	o->calls += read(w->fd, &c, 1) == 1;
	loop_del(o->loop, &o->other->watch);
	timer_arm(o->ts, &o->timer, o->ts->now);
}

TEST_F(loops, deleted_watch_is_not_called)
{
	watch_init(&self->a.watch, self->pa[0], EPOLLIN, drop_other);
	watch_init(&self->b.watch, self->pb[0], EPOLLIN, drop_other);
	ASSERT_EQ(0, loop_add(self->loop, &self->a.watch));
	ASSERT_EQ(0, loop_add(self->loop, &self->b.watch));
	/* both are ready in one round, and each takes the other out */
	ASSERT_EQ(1, write(self->pa[1], "x", 1));
	ASSERT_EQ(1, write(self->pb[1], "x", 1));
	ASSERT_EQ(0, loop_run(self->loop));
	/* one read and its timer */
	EXPECT_EQ(2, self->a.calls + self->b.calls);
	EXPECT_NE(self->a.watch.added, self->b.watch.added);
}

static void caught(void *arg, int signal)
{
	struct one *o = arg;

	o->at = (u64)signal;
	loop_quit(o->loop);
}

TEST_F(loops, signals_arrive)
{
	static const int signals[] = { SIGUSR1, SIGUSR2 };

	ASSERT_EQ(0, loop_signals(self->loop, signals, 2, caught, &self->a));
	kill(getpid(), SIGUSR2);
	ASSERT_EQ(0, loop_run(self->loop));
	EXPECT_EQ(SIGUSR2, self->a.at);
}

static void count(void *arg)
{
	++*(u32 *)arg;
}

TEST_F(loops, idle_comes_before_each_wait)
{
	u32 idle = 0;

	loop_idle(self->loop, count, &idle);
	timer_arm(&self->ts, &self->a.timer, 1);
	ASSERT_EQ(0, loop_run(self->loop));
	EXPECT_LE(1, idle);
}

TEST_HARNESS_MAIN
