// SPDX-License-Identifier: GPL-2.0-or-later
/* The exit's side of the wiring: what a session is granted, and the kernel's rules through the helper. */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>

#include "daemon.h"

static void op_random(void *arg, void *buf, size_t len)
{
	randombytes_buf(buf, len);
}

static u64 op_now(void *arg)
{
	return ((struct daemon *)arg)->ts.now;
}

static void op_flush(void *arg, const u8 *addr, u8 width)
{
	struct daemon *d = arg;

	if (netd_flows_flush(d->netd, width == 4 ? AF_INET : AF_INET6, addr))
		log_limited(LOG_WARN, "exit", "cannot forget the connections of an address: %s", netd_error(d->netd));
}

static const struct exit_ops exit_ops = { .random = op_random, .now = op_now, .flush = op_flush };

int exit_rules_set(struct daemon *d)
{
	struct netd_exit rules = d->conf.exit_rules;
	int ret;

	snprintf(rules.device, sizeof(rules.device), "%s", d->conf.exit_interface);
	ret = netd_exit_set(d->netd, &rules);
	if (ret)
		log_error("exit", "cannot set up forwarding: %s", netd_error(d->netd)[0] ? netd_error(d->netd) : strerror(-ret));
	return ret;
}

int exit_open(struct daemon *d)
{
	struct exit_conf conf = d->conf.exit;
	int ret;
	u32 i;

	if (!d->conf.exit_enable)
		return 0;
	for (i = 0; i < d->conf.resolver_count; i++) {
		const struct endpoint *r = &d->conf.resolver[i];

		*(r->family == AF_INET ? &conf.has_resolver4 : &conf.has_resolver6) = true;
		memcpy(r->family == AF_INET ? conf.resolver4 : conf.resolver6, r->addr, r->family == AF_INET ? 4 : 16);
	}
	conf.policy = d->conf.policy_text;
	ret = exit_new(&d->exit, &conf, &exit_ops, d);
	if (ret)
		log_error("start", "cannot start the exit: %s", strerror(-ret));
	return ret;
}

void exit_close(struct daemon *d)
{
	exit_free(d->exit);
	d->exit = NULL;
}
