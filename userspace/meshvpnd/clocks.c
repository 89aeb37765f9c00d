// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What happens once a second: housekeeping, and the look at two clocks that tells a machine that
 * slept (CLOCK_BOOTTIME went on, CLOCK_MONOTONIC did not). Keys do not outlive that.
 */
#include "daemon.h"

#define ASLEEP_NS (NSEC_PER_SEC)

static u64 asleep_total(void)
{
	/* in this order, so that what passes between the two calls is not taken for sleep */
	u64 boot = clock_boot(), monotonic = clock_monotonic();

	return boot > monotonic ? boot - monotonic : 0;
}

static void look_at_clocks(struct daemon *d)
{
	u64 asleep = asleep_total();

	if (asleep > d->asleep + ASLEEP_NS)
		engines_erase(d, "the machine slept");
	d->asleep = asleep;
}

static void second(struct timer *t)
{
	struct daemon *d = container_of(t, struct daemon, second);

	timer_arm(&d->ts, t, d->ts.now + NSEC_PER_SEC);
	look_at_clocks(d);
	node_tick(d);
	client_tick(d);
	directory_expire(d->dir, unix_now());
	notify_watchdog(d);
}

void clocks_start(struct daemon *d)
{
	d->asleep = asleep_total();
	timer_init(&d->second, second);
	timer_arm(&d->ts, &d->second, d->ts.now + NSEC_PER_SEC);
}
