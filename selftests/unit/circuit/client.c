// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The client in a network whose relays die: how long traffic stalls, which session carries it, and
 * that rotation breaks nothing.
 */
#include "world.h"
#include <circuit/hop.h>
#include <circuit/manager_internal.h>

struct user {
	struct world w;
	struct client *client;
	struct client_session_info current;
	u32 ups, downs;
	u64 last_echo, longest;		/* between two packets that came back */
	u64 seen;
	u32 taken, lost, ends;
	bool exits_between;		/* exits are taken as middles, and first */
	u32 suspects;
};

static bool among(const struct node_id *ids, u32 n, const struct node_id *id)
{
	u32 i;

	for (i = 0; i < n; i++)
		if (node_id_equal(&ids[i], id))
			return true;
	return false;
}

/* In place of the middle: the exit that is not the last hop. */
static void u_exit_between(struct user *u, const struct path_request *q, struct peer *path)
{
	struct node *n = u->w.nodes;
	u32 i;

	for (i = 5; i < 7; i++)
		if (!node_id_equal(&n[i].peer.id, &path[2].id) && !among(q->avoid, q->avoid_count, &n[i].peer.id))
			path[1] = n[i].peer;
}

/* Guards 1 and 2, middles 3 and 4, exits 5 and 6: the first that is not to be avoided. */
static int u_select(void *arg, const struct path_request *q, struct peer *path)
{
	struct user *u = arg;
	struct node *n = u->w.nodes;
	u32 i, hop, avoid;

	for (hop = 0; hop < 3; hop++) {
		avoid = hop == 2 ? 0 : q->avoid_count;
		/* a guard, if there is no other */
		if (!hop && among(q->avoid, avoid, &n[1].peer.id) && among(q->avoid, avoid, &n[2].peer.id))
			avoid = 0;
		for (i = 1 + 2 * hop; i < 3 + 2 * hop; i++) {
			if (n[i].avoid || among(q->avoid, avoid, &n[i].peer.id))
				continue;
			if (hop == 2 && q->has_exit && !node_id_equal(&q->exit, &n[i].peer.id))
				continue;
			if (hop == 2 && among(q->avoid_exits, q->avoid_exits_count, &n[i].peer.id))
				continue;
			break;
		}
		if (i == 3 + 2 * hop)
			return -ENOENT;
		path[hop] = n[i].peer;
	}
	if (u->exits_between)
		u_exit_between(u, q, path);
	return 0;
}

static void u_up(void *arg, const struct client_session_info *s)
{
	struct user *u = arg;

	u->ups++;
	if (s->current)
		u->current = *s;
}

static void u_down(void *arg, const struct client_session_info *s)
{
	((struct user *)arg)->downs++;
}

static void u_outcome(void *arg, const struct peer *peer, u32 hop, enum client_outcome outcome)
{
	struct user *u = arg;
	u32 i;

	u->suspects += outcome == CLIENT_HOP_SUSPECT;
	for (i = 0; i < u->w.count && outcome == CLIENT_HOP_FAILED; i++)
		if (node_id_equal(&u->w.nodes[i].peer.id, &peer->id))
			u->w.nodes[i].avoid = u->w.nodes[i].dead;
}

static void u_event(void *arg, const struct client_event *e)
{
	struct user *u = arg;

	if (getenv("VERBOSE"))
		printf("# %llu ms: %s circuit %u session %u at hop %u, %s\n",
		       (unsigned long long)(sim_now(u->w.sim) / NSEC_PER_MSEC), client_event_name(e->kind), e->circuit,
		       e->session, e->failure.hop, wire_refusal_name(e->failure.refusal));
	u->taken += e->kind == CLIENT_SESSION_TAKEN;
	u->lost += e->kind == CLIENT_SESSION_LOST;
	u->ends += e->kind == CLIENT_SESSION_END;
}

static const struct client_ops u_ops = {
	.select = u_select, .session_up = u_up, .session_down = u_down, .outcome = u_outcome, .event = u_event,
};

static bool connected(void *arg)
{
	struct user *u = arg;

	return client_connected(u->client);
}

static void user_start(struct __test_metadata *_metadata, struct user *u, u64 seed, u32 loss, struct client_conf *conf)
{
	struct client_conf defaults = { 0 };

	conf = conf ? conf : &defaults;
	memset(u, 0, sizeof(*u));
	world_init(&u->w, seed, 6, loss);
	conf->device = 1;
	ASSERT_EQ(0, client_new(&u->client, conf, &u_ops, u, u->w.nodes[0].circuits));
	client_start(u->client);
	ASSERT_TRUE(sim_until(u->w.sim, 30 * NSEC_PER_SEC, connected, u));
	sim_run(u->w.sim, 5 * NSEC_PER_SEC);	/* and a spare */
}

static void user_end(struct __test_metadata *_metadata, struct user *u)
{
	EXPECT_EQ(0, seal_conflicts);
	EXPECT_EQ(0, u->w.leaks);
	client_free(u->client, true);
	world_free(&u->w);
}

/* A flow from @inner4: a packet every 5 ms; notes the longest silence of what comes back. */
static void flow(struct user *u, const u8 inner4[4], u64 ns)
{
	u64 end = sim_now(u->w.sim) + ns, before;

	u->last_echo = sim_now(u->w.sim);
	u->longest = 0;
	while (sim_now(u->w.sim) < end) {
		before = u->w.nodes[0].packets;
		world_packet(&u->w, inner4);
		sim_run(u->w.sim, 5 * NSEC_PER_MSEC);
		if (u->w.nodes[0].packets == before)
			continue;
		if (sim_now(u->w.sim) - u->last_echo > u->longest)
			u->longest = sim_now(u->w.sim) - u->last_echo;
		u->last_echo = sim_now(u->w.sim);
	}
	if (end - u->last_echo > u->longest)
		u->longest = end - u->last_echo;
}

struct place {
	struct user *u;
	u32 hop, node;
};

static int place_find(void *arg, const struct client_circuit_info *info)
{
	struct place *p = arg;
	u32 i;

	for (i = 0; info->current && i < p->u->w.count; i++)
		if (node_id_equal(&info->path[p->hop].id, &p->u->w.nodes[i].peer.id))
			p->node = i;
	return 0;
}

static void kill_one(struct __test_metadata *_metadata, u32 hop, u64 seed, u32 loss)
{
	static struct user u;
	struct place victim = { .u = &u, .hop = hop };
	u8 inner[4];

	user_start(_metadata, &u, seed, loss, NULL);
	memcpy(inner, u.current.grant.addresses.inner4, 4);
	flow(&u, inner, 2 * NSEC_PER_SEC);
	EXPECT_GT(400 * NSEC_PER_MSEC + (loss ? NSEC_PER_SEC : 0), u.longest);
	client_circuits_each(u.client, place_find, &victim);
	node_kill(&u.w.nodes[victim.node]);
	flow(&u, inner, 6 * NSEC_PER_SEC);
	EXPECT_GT((loss ? 2500 : 1000) * NSEC_PER_MSEC, u.longest) {
		TH_LOG("hop %u seed %llu: %llu ms", hop, (unsigned long long)seed,
		       (unsigned long long)(u.longest / NSEC_PER_MSEC));
	}
	EXPECT_EQ(1, u.taken);
	EXPECT_EQ(0, memcmp(inner, u.current.grant.addresses.inner4, 4));
	user_end(_metadata, &u);
}

TEST(guard_dies)
{
	u64 seed;

	for (seed = 1; seed < 16; seed++)
		kill_one(_metadata, 0, seed, 0);
}

TEST(middle_dies)
{
	u64 seed;

	for (seed = 1; seed < 16; seed++)
		kill_one(_metadata, 1, seed, 0);
}

TEST(middle_dies_with_loss)
{
	u64 seed;

	for (seed = 1; seed < 8; seed++)
		kill_one(_metadata, 1, seed, 20);
}

/* Where the spare is silent too, as when our own network pauses, nothing is gained by haste. */
TEST(pause_of_everything)
{
	static struct user u;
	u8 inner[4];
	u64 seed;

	for (seed = 1; seed < 10; seed++) {
		user_start(_metadata, &u, seed, 0, NULL);
		memcpy(inner, u.current.grant.addresses.inner4, 4);
		flow(&u, inner, NSEC_PER_SEC);
		sim_node_set_down(u.w.nodes[0].sim, true);
		flow(&u, inner, 650 * NSEC_PER_MSEC);
		sim_node_set_down(u.w.nodes[0].sim, false);
		flow(&u, inner, 2 * NSEC_PER_SEC);
		EXPECT_EQ(0, u.taken);
		EXPECT_GT(300 * NSEC_PER_MSEC, u.longest);
		user_end(_metadata, &u);
	}
}

/* The spare is dead as well and nobody knows: another one is built, and the flow goes on. */
TEST(spare_dies_too)
{
	static struct user u;
	u8 inner[4];

	user_start(_metadata, &u, 21, 0, NULL);
	memcpy(inner, u.current.grant.addresses.inner4, 4);
	flow(&u, inner, NSEC_PER_SEC);
	u.w.nodes[1].avoid = u.w.nodes[3].avoid = false;
	node_kill(&u.w.nodes[3]);		/* the middle, */
	node_kill(&u.w.nodes[2]);		/* and the guard of the spare */
	flow(&u, inner, 12 * NSEC_PER_SEC);
	EXPECT_GT(8 * NSEC_PER_SEC, u.longest);
	EXPECT_TRUE(client_connected(u.client));
	user_end(_metadata, &u);
}

static bool other_exit(void *arg)
{
	struct user *u = arg;

	return client_connected(u->client) && node_id_equal(&u->current.exit, &u->w.nodes[6].peer.id);
}

/* Exit 5 dies, and @too beside it: another one serves new flows within @ms. */
static void kill_exit(struct __test_metadata *_metadata, struct user *u, u32 too, u64 ms)
{
	u8 inner[4];
	u64 at;

	memcpy(inner, u->current.grant.addresses.inner4, 4);
	flow(u, inner, NSEC_PER_SEC);
	node_kill(&u->w.nodes[5]);
	if (too)
		node_kill(&u->w.nodes[too]);
	at = sim_now(u->w.sim);
	while (!other_exit(u) && sim_now(u->w.sim) - at < 10 * NSEC_PER_SEC)
		flow(u, inner, 20 * NSEC_PER_MSEC);
	EXPECT_GT(ms * NSEC_PER_MSEC, sim_now(u->w.sim) - at) {
		TH_LOG("%llu ms", (unsigned long long)((sim_now(u->w.sim) - at) / NSEC_PER_MSEC));
	}
}

TEST(exit_dies)
{
	static struct user u;
	u8 inner[4];
	u64 seed;

	for (seed = 1; seed < 10; seed++) {
		user_start(_metadata, &u, seed, 0, NULL);
		kill_exit(_metadata, &u, 0, 1700);
		EXPECT_LE(3, u.suspects);
		memcpy(inner, u.current.grant.addresses.inner4, 4);
		flow(&u, inner, 2 * NSEC_PER_SEC);
		EXPECT_GT(500 * NSEC_PER_MSEC, u.longest);
		sim_run(u.w.sim, 120 * NSEC_PER_SEC);
		EXPECT_EQ(1, u.lost);
		EXPECT_EQ(1, u.downs);
		user_end(_metadata, &u);
	}
}

/* An exit that died is not extended to on the way to the other one. */
TEST(dead_exit_is_no_middle)
{
	static struct user u;
	u64 seed;

	for (seed = 1; seed < 10; seed++) {
		user_start(_metadata, &u, seed, 0, NULL);
		u.exits_between = true;
		kill_exit(_metadata, &u, 0, 1700);
		user_end(_metadata, &u);
	}
}

/* Nor where the other one failed before. */
TEST(dead_exit_is_no_middle_of_a_failed_one)
{
	static struct user u;
	u64 seed;
	u32 i;

	for (seed = 1; seed < 4; seed++) {
		user_start(_metadata, &u, seed, 0, NULL);
		for (i = 0; i < EXITS_AVOIDED; i++)
			client_exit_avoid(u.client, &u.w.nodes[6].peer.id);
		u.exits_between = true;
		kill_exit(_metadata, &u, 0, 1700);
		user_end(_metadata, &u);
	}
}

/* A relay that does not answer is not waited for while another may: the new circuit's middle is dead. */
TEST(exit_and_middle_die)
{
	static struct user u;
	u64 seed;

	for (seed = 1; seed < 10; seed++) {
		user_start(_metadata, &u, seed, 0, NULL);
		kill_exit(_metadata, &u, 3, 2500);
		user_end(_metadata, &u);
	}
}

/* The exit ends every circuit but the sessions. */
static void exit_cuts(struct node *n)
{
	while (!list_empty(&n->circuits->hops))
		hop_end(list_entry(n->circuits->hops.next, struct hop, list), REASON_REQUESTED);
}

/* It may cut so often only: it must not get us to try middles until one is its own. */
TEST(exit_that_cuts_circuits_is_left)
{
	static struct user u;
	u32 i;

	user_start(_metadata, &u, 77, 0, NULL);
	EXPECT_TRUE(node_id_equal(&u.current.exit, &u.w.nodes[5].peer.id));
	for (i = 0; i < 3; i++) {
		exit_cuts(&u.w.nodes[5]);
		sim_run(u.w.sim, NSEC_PER_SEC);
	}
	sim_run(u.w.sim, 3 * NSEC_PER_SEC);
	EXPECT_TRUE(other_exit(&u));
	EXPECT_GE(2, circuits_stats(u.w.nodes[5].circuits)->takeovers);
	EXPECT_GE(6, circuits_stats(u.w.nodes[5].circuits)->created);
	user_end(_metadata, &u);
}

/* With no other one, an exit that failed is tried again, and not after minutes. */
TEST(the_only_exit_is_tried_again)
{
	static struct user u;
	u32 i;

	user_start(_metadata, &u, 3, 0, NULL);
	u.w.nodes[6].avoid = true;
	for (i = 0; i < 4; i++) {
		exit_cuts(&u.w.nodes[5]);
		sim_run(u.w.sim, 4 * NSEC_PER_SEC);
	}
	EXPECT_TRUE(sim_until(u.w.sim, 30 * NSEC_PER_SEC, connected, &u));
	EXPECT_TRUE(node_id_equal(&u.current.exit, &u.w.nodes[5].peer.id));
	EXPECT_LT(1, u.ups);
	user_end(_metadata, &u);
}

TEST(rotation_keeps_flows)
{
	static struct user u;
	struct client_conf conf = { .rotate_ns = 60 * NSEC_PER_SEC, .old_idle_ns = 30 * NSEC_PER_SEC };
	u8 old[4];

	user_start(_metadata, &u, 5, 0, &conf);
	memcpy(old, u.current.grant.addresses.inner4, 4);
	flow(&u, old, 70 * NSEC_PER_SEC);
	EXPECT_GT(200 * NSEC_PER_MSEC, u.longest);
	EXPECT_NE(0, memcmp(old, u.current.grant.addresses.inner4, 4));
	EXPECT_EQ(0, u.downs);
	EXPECT_LE(1, client_stats(u.client)->rotations);
	flow(&u, u.current.grant.addresses.inner4, 20 * NSEC_PER_SEC);
	EXPECT_GT(200 * NSEC_PER_MSEC, u.longest);
	EXPECT_EQ(0, u.downs);
	sim_run(u.w.sim, 40 * NSEC_PER_SEC);	/* the old one idles out, and the exit hears of it */
	EXPECT_LE(1, u.downs);
	EXPECT_LE(1, u.ends);
	EXPECT_EQ(0, u.lost);
	EXPECT_LE(1, u.w.nodes[5].released);
	user_end(_metadata, &u);
}

TEST(rotation_by_volume)
{
	static struct user u;
	struct client_conf conf = { .rotate_bytes = 200000 };

	user_start(_metadata, &u, 6, 0, &conf);
	flow(&u, u.current.grant.addresses.inner4, 3 * NSEC_PER_SEC);
	EXPECT_LE(1, client_stats(u.client)->rotations);
	EXPECT_EQ(0, u.lost);
	user_end(_metadata, &u);
}

static struct client_trace_result traced;

static void trace_done(void *arg, const struct client_trace_result *r)
{
	traced = *r;
	++*(u32 *)arg;
}

TEST(trace_and_requests)
{
	static struct user u;
	u32 done = 0, session;

	user_start(_metadata, &u, 7, 0, NULL);
	ASSERT_EQ(0, client_trace(u.client, 3, NULL, trace_done, &done));
	EXPECT_EQ(-EBUSY, client_trace(u.client, 3, NULL, trace_done, &done));
	sim_run(u.w.sim, 5 * NSEC_PER_SEC);
	EXPECT_EQ(1, done);
	EXPECT_EQ(3, traced.reached) {
		TH_LOG("failed: %s, reason %u, %s", origin_state_name(traced.failure.state), traced.failure.reason,
		       wire_refusal_name(traced.failure.refusal));
	}
	EXPECT_LT(traced.rtt[0], traced.rtt[2]);
	EXPECT_LT(20 * NSEC_PER_MSEC, traced.rtt[0]);
	session = u.current.id;
	ASSERT_EQ(0, client_rotate(u.client));
	sim_run(u.w.sim, 5 * NSEC_PER_SEC);
	EXPECT_NE(session, u.current.id);
	EXPECT_EQ(0, client_session_close(u.client, session));
	EXPECT_EQ(-ENOENT, client_circuit_close(u.client, 999));
	sim_run(u.w.sim, 5 * NSEC_PER_SEC);
	EXPECT_EQ(1, u.downs);
	client_stop(u.client);
	sim_run(u.w.sim, 5 * NSEC_PER_SEC);
	EXPECT_EQ(2, u.downs);
	EXPECT_EQ(2, u.w.nodes[5].released);
	EXPECT_EQ(0, circuits_count(u.w.nodes[3].circuits));
	EXPECT_EQ(0, circuits_count(u.w.nodes[5].circuits));
	user_end(_metadata, &u);
}

TEST_HARNESS_MAIN
