// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Circuit ids of a link: they never collide, not with the peer's, not with those in use, not over
 * rekeys; they keep a lane; and when there are none left a rekey brings more.
 */
#include <kselftest_harness.h>

#include "net.h"

#define HALF (1U << 22)

FIXTURE(link) {
	struct net net;
	struct node *a, *b;
	u8 *seen;
};

FIXTURE_SETUP(link)
{
	net_init(&self->net, 3, 0);
	self->a = node_new(&self->net, "192.0.2.1:4470", true);
	self->b = node_new(&self->net, "192.0.2.2:4470", true);
	self->seen = calloc(1, 1 << 24);
	net_connect(self->a, self->b);
	sim_run(self->net.sim, SEC);
}

FIXTURE_TEARDOWN(link)
{
	net_fini(&self->net);
	free(self->seen);
}

TEST_F(link, sides)
{
	u32 i;

	for (i = 0; i < 1000; i++) {
		u32 x = link_circuit_new(self->a->link, 0), y = link_circuit_new(self->b->link, 0);

		ASSERT_NE(0, x);
		ASSERT_NE(0, y);
		EXPECT_NE(x >> 23, y >> 23);
		EXPECT_TRUE(link_circuit_theirs(self->b->link, x));
		EXPECT_FALSE(link_circuit_theirs(self->a->link, x));
		EXPECT_EQ(0, self->seen[x]);
		EXPECT_EQ(0, self->seen[y]);
		self->seen[x] = self->seen[y] = 1;
	}
	EXPECT_FALSE(link_circuit_theirs(self->a->link, 0));
	EXPECT_FALSE(link_circuit_theirs(self->b->link, 0));
	EXPECT_FALSE(link_circuit_theirs(self->b->link, 1 << 24));
}

TEST_F(link, anonymous_end_is_the_smaller)
{
	struct node *c = node_new(&self->net, "198.51.100.1:1000", false);

	self->a->link = NULL;
	ASSERT_TRUE(net_connect(c, self->a));
	EXPECT_EQ(0, link_circuit_new(c->link, 0) >> 23);
	EXPECT_EQ(1, link_circuit_new(self->a->link, 0) >> 23);
}

TEST_F(link, lanes)
{
	u32 i;

	self->a->conf.lanes = 8;
	links_reconfigure(self->a->links, &self->a->conf);
	for (i = 0; i < 1000; i++) {
		u32 id = link_circuit_new(self->a->link, 3 + 8 * i);

		ASSERT_NE(0, id);
		EXPECT_EQ(3, id % 8);
		EXPECT_EQ(0, self->seen[id]);
		self->seen[id] = 1;
	}
}

/* Draws and puts @n; how many were drawn before. */
static u32 churn(FIXTURE_DATA(link) *self, u32 n, u8 mark)
{
	u32 i, again = 0;

	for (i = 0; i < n; i++) {
		u32 id = link_circuit_new(self->a->link, 0);

		if (!id)
			break;
		again += self->seen[id] == mark;
		self->seen[id] = mark;
		link_circuit_put(self->a->link, id);
	}
	return again;
}

TEST_F(link, none_twice_and_rekey_brings_more)
{
	struct link *l = self->a->link;
	u32 kept = link_circuit_new(l, 0), i, again = 0;
	u64 rekeys = stats_of(self->a)->rekeys;

	EXPECT_EQ(0, churn(self, HALF, 1));
	/* that asks for a rekey; what follows is still new */
	EXPECT_TRUE(l->rekey.busy);
	EXPECT_EQ(0, churn(self, 1000, 1));
	sim_run(self->net.sim, SEC);
	EXPECT_EQ(rekeys + 1, stats_of(self->a)->rekeys);
	EXPECT_EQ(0, churn(self, 1000, 1));
	/* without another rekey they end before they repeat */
	self->b->conf.responder = false;
	sim_node_set_down(self->b->sim, true);
	EXPECT_EQ(0, churn(self, 2 * HALF, 1));
	EXPECT_EQ(0, link_circuit_new(l, 0));
	sim_node_set_down(self->b->sim, false);
	sim_run(self->net.sim, 3 * SEC);
	/* the session before still receives: nothing yet; then they come again, but for what is in use */
	sim_run(self->net.sim, 70 * SEC);
	ASSERT_NE(NULL, self->a->link);
	for (i = 0; i < 1000; i++) {
		u32 id = link_circuit_new(l, 0);

		ASSERT_NE(0, id);
		EXPECT_NE(kept, id);
		again += self->seen[id];
	}
	EXPECT_EQ(1000, again);
}

TEST_F(link, quarantine)
{
	struct link *l = self->a->link;
	u32 id = link_circuit_new(l, 0);

	rekey_start(l);
	sim_run(self->net.sim, SEC);
	ASSERT_EQ(1, stats_of(self->a)->rekeys);
	/* drawn under the session before, ended under this one */
	link_circuit_put(l, id);
	link_circuit_put(l, id);
	EXPECT_EQ(1, l->circuits.used.count);
	EXPECT_EQ(0, l->circuits.live);
	rekey_start(l);
	sim_run(self->net.sim, SEC);
	EXPECT_EQ(1, l->circuits.used.count);
	sim_run(self->net.sim, 65 * SEC);
	EXPECT_EQ(0, l->circuits.used.count);
}

TEST_HARNESS_MAIN
