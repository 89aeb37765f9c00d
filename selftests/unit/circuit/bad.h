/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An origin that does as it likes in a world of relays: what the tests of refusals and of limits
 * share.
 */
#ifndef CIRCUIT_BAD_H
#define CIRCUIT_BAD_H

#include "world.h"
#include <circuit/hop.h>

static struct world w;

struct bad {
	struct origin *o;
	bool ready, live, dead;
	struct origin_failure failure;
	struct bind_grant grant;
	enum wire_refusal refused;
	void (*at_ready)(struct bad *b);
	void (*at_bound)(struct bad *b);
	bool taken, no_install;
};

static void b_ready(void *arg, struct origin *o)
{
	struct bad *b = arg;

	b->ready = true;
	if (b->at_ready)
		b->at_ready(b);
}

static int b_bound(void *arg, struct origin *o, const struct bind_grant *g)
{
	static u32 session;
	struct bad *b = arg;
	struct datapath_session ds = { .id = ++session, .device = 1, .has4 = true };
	struct datapath_op before = { DATAPATH_NEW, DATAPATH_OBJ_SESSION, .session = &ds };

	b->grant = *g;
	if (b->at_bound)
		b->at_bound(b);
	memcpy(ds.inner4, g->addresses.inner4, 4);
	ds.inner4[3] = session;
	return origin_install(o, session, &before, 1, NULL, 0);
}

static void b_refused(void *arg, struct origin *o, enum wire_refusal why)
{
	((struct bad *)arg)->refused = why;
}

static void b_live(void *arg, struct origin *o)
{
	((struct bad *)arg)->live = true;
}

static void b_dead(void *arg, struct origin *o, const struct origin_failure *why)
{
	struct bad *b = arg;

	b->dead = true;
	b->o = NULL;
	b->failure = *why;
}

static const struct origin_ops b_ops = {
	.ready = b_ready, .bound = b_bound, .refused = b_refused, .live = b_live, .dead = b_dead,
};

static const struct bind_request fresh = { .want = { .has4 = true, .inner4 = { 198, 18, 7, 7 } }, .mtu = 1420 };

static void start(struct __test_metadata *_metadata, struct bad *b, const u32 *path, u32 hops)
{
	struct origin_conf conf = { 0 };
	struct peer peers[MV_HOPS_MAX];
	u32 i;

	for (i = 0; i < hops; i++)
		peers[i] = w.nodes[path[i]].peer;
	ASSERT_EQ(0, origin_new(w.nodes[0].circuits, &conf, peers, hops, &b_ops, b, &b->o));
	sim_run(w.sim, 2 * NSEC_PER_SEC);
}

static const u32 straight[] = { 1, 2, 3 };

static const struct circuits_stats *stats(u32 node)
{
	return circuits_stats(w.nodes[node].circuits);
}

static void done(struct __test_metadata *_metadata)
{
	EXPECT_EQ(0, seal_conflicts);
	world_free(&w);
	fake_message_hook = NULL;
}

#endif
