// SPDX-License-Identifier: GPL-2.0-or-later
/* What systemd is told: readiness, a line of status, and that the loop still turns. */
#include <systemd/sd-daemon.h>

#include "daemon.h"

void notify_ready(struct daemon *d)
{
	uint64_t usec = 0;

	d->ready = true;
	if (!d->watchdog_ns && sd_watchdog_enabled(0, &usec) > 0)
		d->watchdog_ns = usec * NSEC_PER_USEC;
	sd_notify(0, "READY=1");
	notify_status(d);
}

void notify_reloading(void)
{
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)(clock_monotonic() / NSEC_PER_USEC));
}

void notify_stopping(void)
{
	sd_notify(0, "STOPPING=1\nSTATUS=stopping");
}

void notify_status(struct daemon *d)
{
	static char told[160];
	char now[160];
	const char *client = !d->conf.client_enable ? "" : !d->wanted ? "client down, " :
		d->connected ? "client connected, " : "client connecting, ";

	snprintf(now, sizeof(now), "STATUS=%s%s%u circuits, %u relays known", client,
		 d->conf.exit_enable ? "exit, " : d->conf.relay_enable ? "relay, " : "", circuits_count(d->circuits),
		 directory_count(d->dir));
	if (!strcmp(now, told))
		return;
	strcpy(told, now);
	sd_notify(0, now);
}

void notify_watchdog(struct daemon *d)
{
	if (d->watchdog_ns)
		sd_notify(0, "WATCHDOG=1");
}
