// SPDX-License-Identifier: GPL-2.0-or-later
/* How much of a relay or exit one neighbour may have, and what costs it something. */
#include "bad.h"
#include <circuit/origin_internal.h>

TEST(limits)
{
	struct circuits_conf conf;
	struct bad b[8] = { 0 };
	u32 i, ready = 0;

	world_init(&w, 9, 2, 0);
	conf = w.nodes[1].circuits->conf;
	conf.max_per_anonymous_link = 3;
	circuits_reconfigure(w.nodes[1].circuits, &conf);
	for (i = 0; i < 5; i++) {
		start(_metadata, &b[i], straight, 1);
		ready += b[i].ready;
	}
	EXPECT_EQ(3, ready);
	EXPECT_EQ(2, stats(1)->create_link_limit);
	conf.max_per_anonymous_link = 100;
	conf.max_circuits = 3;
	circuits_reconfigure(w.nodes[1].circuits, &conf);
	start(_metadata, &b[5], straight, 1);
	EXPECT_EQ(1, stats(1)->create_limit);
	EXPECT_EQ(REFUSAL_LIMIT, b[5].failure.refusal);
	conf.max_circuits = 100;
	conf.relay = conf.exit = false;
	circuits_reconfigure(w.nodes[1].circuits, &conf);
	start(_metadata, &b[6], straight, 1);
	EXPECT_EQ(1, stats(1)->create_not_relay);
	done(_metadata);
}

/* BIND for an address of its own. */
static void bind_fresh(struct __test_metadata *_metadata, struct bad *b)
{
	static u8 last;
	struct bind_request request = fresh;

	request.want.inner4[3] = ++last;
	ASSERT_EQ(0, origin_bind(b->o, &request));
	sim_run(w.sim, NSEC_PER_SEC);
}

/* Sessions that one link may hold: without a leg too, and of them all that came over it. */
TEST(sessions_of_a_link)
{
	struct circuits_conf conf;
	struct bad b[4] = { 0 };
	u32 i;

	world_init(&w, 19, 2, 0);
	conf = w.nodes[1].circuits->conf;
	conf.max_sessions_per_anonymous_link = 2;
	circuits_reconfigure(w.nodes[1].circuits, &conf);
	for (i = 0; i < 3; i++) {
		start(_metadata, &b[i], straight, 1);
		bind_fresh(_metadata, &b[i]);
		EXPECT_EQ(i < 2, b[i].live);
	}
	EXPECT_EQ(REFUSAL_LIMIT, b[2].refused);
	EXPECT_EQ(1, stats(1)->bind_link_limit);
	EXPECT_EQ(2, circuits_sessions(w.nodes[1].circuits));
	/* a leg that ends frees nothing until its session does */
	origin_destroy(b[0].o);
	sim_run(w.sim, 10 * NSEC_PER_SEC);
	start(_metadata, &b[2], straight, 1);
	bind_fresh(_metadata, &b[2]);
	EXPECT_EQ(2, stats(1)->bind_link_limit);
	sim_run(w.sim, 30 * NSEC_PER_SEC);
	EXPECT_EQ(1, circuits_sessions(w.nodes[1].circuits));
	start(_metadata, &b[3], straight, 1);
	bind_fresh(_metadata, &b[3]);
	EXPECT_TRUE(b[3].live);
	EXPECT_EQ(2, stats(1)->bind_link_limit);
	done(_metadata);
}

/* A session goes with its leg to another link, and no link that ended is remembered by one. */
TEST(sessions_that_move)
{
	struct bind_request take = { .takeover = true, .want = fresh.want, .mtu = 1420 };
	static const u32 detour[] = { 2, 1 };
	struct circuits_conf conf;
	struct bad b[3] = { 0 };
	struct link *k;

	world_init(&w, 20, 2, 0);
	conf = w.nodes[1].circuits->conf;
	conf.max_sessions_per_anonymous_link = 1;
	circuits_reconfigure(w.nodes[1].circuits, &conf);
	start(_metadata, &b[0], straight, 1);
	bind_fresh(_metadata, &b[0]);
	take.want = b[0].grant.addresses;
	take.session = b[0].grant.session;
	memcpy(take.secret, b[0].grant.secret, WIRE_SECRET);
	k = b[0].o->end.link;
	start(_metadata, &b[1], detour, 2);
	ASSERT_EQ(0, origin_bind(b[1].o, &take));
	sim_run(w.sim, NSEC_PER_SEC);
	ASSERT_TRUE(b[1].live);
	/* the client's own link has room again */
	start(_metadata, &b[2], straight, 1);
	bind_fresh(_metadata, &b[2]);
	EXPECT_TRUE(b[2].live);
	EXPECT_EQ(0, stats(1)->bind_link_limit);
	link_close(k, REASON_NONE);
	sim_run(w.sim, NSEC_PER_SEC);
	while (!list_empty(&w.nodes[1].links->list)) {
		k = list_entry(w.nodes[1].links->list.next, struct link, list);
		link_close(k, REASON_NONE);
	}
	EXPECT_EQ(2, circuits_sessions(w.nodes[1].circuits));
	sim_run(w.sim, 60 * NSEC_PER_SEC);
	EXPECT_EQ(0, circuits_sessions(w.nodes[1].circuits));
	done(_metadata);
}

TEST(puzzles)
{
	struct circuits_conf conf;
	struct bad b[4] = { 0 };
	u32 i;

	world_init(&w, 10, 3, 0);
	for (i = 1; i < 3; i++) {
		conf = w.nodes[i].circuits->conf;
		conf.create_total_rate = conf.create_total_burst = 1;
		conf.puzzle_bits = 8;
		circuits_reconfigure(w.nodes[i].circuits, &conf);
		w.nodes[i].circuits->creates.next = UINT64_MAX / 2;	/* loaded */
	}
	start(_metadata, &b[0], straight, 2);
	EXPECT_TRUE(b[0].ready);
	EXPECT_EQ(1, stats(1)->create_puzzle);
	EXPECT_EQ(1, stats(2)->create_puzzle);
	EXPECT_EQ(2, stats(0)->origin_puzzle);
	EXPECT_EQ(1, stats(1)->created);
	/* one too hard is not solved */
	conf.puzzle_bits = 40;
	circuits_reconfigure(w.nodes[1].circuits, &conf);
	w.nodes[1].circuits->creates.next = UINT64_MAX / 2;
	start(_metadata, &b[1], straight, 1);
	EXPECT_EQ(REFUSAL_PUZZLE, b[1].failure.refusal);
	done(_metadata);
}

/* A handshake that came with a solution does not come again, whatever came between. */
TEST(puzzle_once)
{
	u8 handshake[WIRE_HOP1] = { 0 };
	struct wire_create m = { .handshake = handshake, .handshake_len = WIRE_HOP1 };
	u32 i, again = 0;

	world_init(&w, 18, 2, 0);
	for (i = 0; i < 1200; i++) {
		mv_put_le32(handshake, i % 600);
		again += hops_puzzle_fresh(w.nodes[1].circuits, &m) && i >= 600;
	}
	/* but for those few whose place another took */
	EXPECT_GT(80, again);
	done(_metadata);
}

TEST(destroy_from_elsewhere)
{
	struct bad victim = { 0 }, other = { 0 };
	struct hop *h;
	struct link *k;
	u64 before;
	u32 i;

	world_init(&w, 11, 3, 0);
	start(_metadata, &victim, straight, 2);
	h = list_entry(w.nodes[1].circuits->hops.next, struct hop, list);
	/* relay 2 has a link of its own to relay 1, which names another circuit by this id */
	k = list_entry(w.nodes[2].links->list.next, struct link, list);
	destroy_send(w.nodes[2].circuits, k, h->in.circuit, REASON_REQUESTED);
	sim_run(w.sim, NSEC_PER_SEC);
	EXPECT_EQ(1, stats(1)->destroy_unknown);
	EXPECT_EQ(ORIGIN_READY, origin_state(victim.o));
	link_message(k, MESSAGE_DESTROY, 0, 5, "abc", 3);
	sim_run(w.sim, NSEC_PER_SEC);
	EXPECT_EQ(1, stats(1)->destroy_malformed);

	/* cells of unknown circuits: an answer, but not to each of many */
	for (i = 0; i < 300; i++) {
		u8 cell[MV_CELL_MAX] = { 0 };

		link_cell(k, 5000 + i, 1, MV_MEDIUM, cell);
	}
	sim_run(w.sim, 100 * NSEC_PER_MSEC);
	EXPECT_EQ(300, stats(1)->cell_unknown);
	EXPECT_LT(100, stats(1)->destroy_limited);
	/* and what one link sends keeps no other from its answer */
	before = stats(0)->destroy_rx;
	for (i = 0; i < 50; i++)
		link_cell(victim.o->end.link, 77 + i, 1, MV_MEDIUM, (u8 [MV_CELL_MAX]){ 0 });
	sim_run(w.sim, 100 * NSEC_PER_MSEC);
	EXPECT_EQ(before + 50, stats(0)->destroy_rx);

	/* the true successor's counts, and its reason goes no further */
	h = list_entry(w.nodes[2].circuits->hops.next, struct hop, list);
	hop_end(h, REASON_LIMIT);
	sim_run(w.sim, NSEC_PER_SEC);
	EXPECT_TRUE(victim.dead);
	EXPECT_EQ(REASON_GENERIC, victim.failure.reason);
	EXPECT_EQ(0, circuits_count(w.nodes[1].circuits));
	start(_metadata, &other, straight, 2);
	EXPECT_TRUE(other.ready);
	done(_metadata);
}

TEST_HARNESS_MAIN
