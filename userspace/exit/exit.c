/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening and ending exit sessions: see exit.h. */
#include <errno.h>
#include <string.h>

#include "exit.h"

#define EXIT_MTU_MIN 1280

struct exit {
	struct exit_conf conf;
	struct exit_ops ops;
	void *arg;
	struct pool pool4, pool6;
	struct exit_stats stats;
};

static int pool_of(struct exit *x, struct pool *p, u8 width, const u8 *net, u8 bits)
{
	struct pool_conf conf = {
		.width = width, .bits = bits,
		.rest_ns = x->conf.rest_ns ? x->conf.rest_ns : 600 * NSEC_PER_SEC,
		.max = x->conf.max_addresses ? x->conf.max_addresses : 65536,
		.random = x->ops.random, .arg = x->arg,
	};

	memcpy(conf.net, net, width);
	return bits ? pool_init(p, &conf) : 0;
}

int exit_new(struct exit **exit, const struct exit_conf *conf, const struct exit_ops *ops, void *arg)
{
	struct exit *x = calloc(1, sizeof(*x));
	int ret;

	if (!x)
		return -ENOMEM;
	x->conf = *conf;
	x->ops = *ops;
	x->arg = arg;
	ret = pool_of(x, &x->pool4, 4, conf->pool4, conf->pool4_bits);
	if (!ret)
		ret = pool_of(x, &x->pool6, 16, conf->pool6, conf->pool6_bits);
	if (ret) {
		exit_free(x);
		return ret;
	}
	*exit = x;
	return 0;
}

void exit_free(struct exit *x)
{
	if (!x)
		return;
	pool_fini(&x->pool4);
	pool_fini(&x->pool6);
	free(x);
}

/* A family that is wanted and not had is left out; none at all is a refusal. */
static enum wire_refusal grant_addresses(struct exit *x, const struct bind_addresses *want,
					 struct bind_addresses *got)
{
	u64 now = x->ops.now(x->arg);
	bool ask4 = want->has4 && x->conf.pool4_bits, ask6 = want->has6 && x->conf.pool6_bits;

	if (!ask4 && !ask6) {
		x->stats.refused_family++;
		return REFUSAL_ADDRESS;
	}
	got->has4 = ask4 && !pool_grant(&x->pool4, want->inner4, now, got->inner4);
	got->has6 = ask6 && !pool_grant(&x->pool6, want->inner6, now, got->inner6);
	if (got->has4 || got->has6)
		return REFUSAL_NONE;
	x->stats.refused_pool++;
	return REFUSAL_ADDRESS;
}

enum wire_refusal exit_bind(struct exit *x, const struct bind_request *request, struct bind_grant *grant,
			    u64 *rate, u64 *burst)
{
	enum wire_refusal ret;

	if (request->mtu < EXIT_MTU_MIN) {
		x->stats.refused_mtu++;
		return REFUSAL_POLICY;
	}
	ret = grant_addresses(x, &request->want, &grant->addresses);
	if (ret)
		return ret;
	grant->mtu = request->mtu < x->conf.mtu ? request->mtu : x->conf.mtu;
	grant->has_resolver4 = x->conf.has_resolver4;
	grant->has_resolver6 = x->conf.has_resolver6;
	memcpy(grant->resolver4, x->conf.resolver4, 4);
	memcpy(grant->resolver6, x->conf.resolver6, 16);
	grant->policy_len = x->conf.policy ? strnlen(x->conf.policy, WIRE_POLICY_MAX) : 0;
	if (grant->policy_len)
		memcpy(grant->policy, x->conf.policy, grant->policy_len);
	if (x->conf.rate) {
		*rate = x->conf.rate;
		*burst = x->conf.burst;
	}
	grant->rate = *rate;
	x->stats.granted++;
	return REFUSAL_NONE;
}

void exit_release(struct exit *x, const struct bind_grant *grant)
{
	u64 now = x->ops.now(x->arg);
	const struct bind_addresses *a = &grant->addresses;

	if (a->has4 && !pool_release(&x->pool4, a->inner4, now))
		x->ops.flush(x->arg, a->inner4, 4);
	if (a->has6 && !pool_release(&x->pool6, a->inner6, now))
		x->ops.flush(x->arg, a->inner6, 16);
	x->stats.released++;
}

struct exit_stats exit_stats(const struct exit *x)
{
	struct exit_stats s = x->stats;

	s.held4 = x->pool4.held;
	s.held6 = x->pool6.held;
	return s;
}
