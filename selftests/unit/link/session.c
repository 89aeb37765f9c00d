// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Links that are up: rekey under traffic, address changes of the honest and the hostile kind,
 * restarts, simultaneous opening, dead peers, idle ones, what the path carries.
 */
#include <kselftest_harness.h>

#include "net.h"

FIXTURE(link) {
	struct net net;
	struct node *client, *a, *b;
};

FIXTURE_SETUP(link)
{
	net_init(&self->net, 7, 0);
	self->client = node_new(&self->net, "198.51.100.1:1000", false);
	self->a = node_new(&self->net, "192.0.2.1:4470", true);
	self->b = node_new(&self->net, "192.0.2.2:4470", true);
}

FIXTURE_TEARDOWN(link)
{
	net_fini(&self->net);
}

/* ---- a circuit through a: the client's cells are relayed to b, by a's datapath ---- */

#define CIRCUIT 77

static const u8 kf[32] = { 1, 2, 3 };

static int relay_circuit(struct node *from, struct node *relay, struct node *to, struct link *out)
{
	struct datapath_circuit c = { .kind = DATAPATH_RELAY, .link = link_id(relay->link), .circuit = CIRCUIT,
				      .out_link = link_id(out), .out_circuit = CIRCUIT, .hops = 1,
				      .data_class = MV_LARGE };

	memcpy(c.kf[0], kf, 32);
	memset(c.kb[0], 9, 32);
	return datapath_circuit_apply(relay->dp, DATAPATH_NEW, &c);
}

static void data_cell(struct node *from, u64 counter)
{
	u8 cell[MV_CELL_MAX] = { 0 }, nonce[12] = { 0 };

	mv_put_le64(nonce + 4, counter);
	crypto_aead_chacha20poly1305_ietf_encrypt_detached(cell + MV_CELL_BODY, cell + MV_CELL_LAYER, NULL,
							   cell + MV_CELL_BODY, MV_BODY_LARGE, NULL, 0, NULL, nonce, kf);
	if (from->link)
		link_cell(from->link, CIRCUIT, counter, MV_LARGE, cell);
}

static bool connect_all(FIXTURE_DATA(link) *self)
{
	struct link *out;

	if (!net_connect(self->a, self->b))
		return false;
	out = self->a->link;
	self->a->link = NULL;
	if (!net_connect(self->client, self->a))
		return false;
	sim_run(self->net.sim, 100 * MS);
	return !relay_circuit(self->client, self->a, self->b, out);
}

/* One cell every 5 ms for @ns; how many arrived at b. */
static u32 traffic(FIXTURE_DATA(link) *self, u64 ns, u64 *counter, u32 *sent)
{
	u32 had = self->b->cells;
	u64 end = sim_now(self->net.sim) + ns;

	while (sim_now(self->net.sim) < end) {
		data_cell(self->client, (*counter)++);
		++*sent;
		sim_run(self->net.sim, 5 * MS);
	}
	sim_run(self->net.sim, 200 * MS);
	return self->b->cells - had;
}

TEST_F(link, rekey_under_traffic)
{
	u64 counter = MV_COUNTER_FIRST, pings;
	u32 got, sent = 0, first;
	struct link *l;

	self->client->conf.rekey_ns = 3 * SEC;
	links_reconfigure(self->client->links, &self->client->conf);
	ASSERT_TRUE(connect_all(self));
	l = self->client->link;
	first = l->current->index;
	got = traffic(self, 10 * SEC, &counter, &sent);
	EXPECT_EQ(sent, got);
	EXPECT_LE(3, stats_of(self->client)->rekeys);
	EXPECT_EQ(stats_of(self->client)->rekeys, stats_of(self->a)->rekeys);
	EXPECT_EQ(l, self->client->link);
	EXPECT_LT(first + 2, l->current->index);
	EXPECT_EQ(1, self->client->ups);
	EXPECT_EQ(0, self->client->downs);
	EXPECT_EQ(0, self->a->downs);
	/* what only sends asks twice a second, what hears data never */
	pings = stats_of(self->client)->pings + stats_of(self->a)->pings;
	EXPECT_GE(50, pings);
	/* the session before is erased when its time is over */
	self->client->conf.rekey_ns = 0;
	links_reconfigure(self->client->links, &self->client->conf);
	sim_run(self->net.sim, 62 * SEC);
	EXPECT_EQ(NULL, l->previous);
	EXPECT_EQ(NULL, self->a->link->previous);
}

TEST(rekey_on_a_bad_network)
{
	u32 seed, done = 0;

	for (seed = 1; seed <= 20; seed++) {
		struct net net;
		struct node *c, *a;
		u32 i;

		net_init(&net, seed, 200);
		c = node_new(&net, "198.51.100.1:1000", seed % 2);
		a = node_new(&net, "192.0.2.1:4470", true);
		c->conf.rekey_ns = 5 * SEC;
		links_reconfigure(c->links, &c->conf);
		if (!net_connect(c, a))
			continue;
		for (i = 0; i < 200 && c->link && a->link; i++) {
			link_message(c->link, MESSAGE_CREATE, 0, i, "x", 1);
			link_message(a->link, MESSAGE_CREATED, 0, i, "y", 1);
			sim_run(net.sim, 100 * MS);
		}
		done += c->link && a->link && stats_of(c)->rekeys >= 2 && net_talk(c, a) && net_talk(a, c);
		net_fini(&net);
	}
	EXPECT_LE(18, done);
}

TEST_F(link, rekey_repeats_are_idempotent)
{
	struct message m = { .type = MESSAGE_REKEY };

	ASSERT_TRUE(net_connect(self->client, self->a));
	sim_run(self->net.sim, SEC);
	rekey_start(self->client->link);
	m.txid = self->client->link->rekey.txid;
	m.data = self->client->link->rekey.message;
	m.len = self->client->link->rekey.len;
	rekey_message(self->a->link, &m);
	rekey_message(self->a->link, &m);
	EXPECT_EQ(1, self->a->link->replies.repeated);
	EXPECT_EQ(2, self->a->link->next->index);
	sim_run(self->net.sim, SEC);
	EXPECT_EQ(1, stats_of(self->client)->rekeys);
	EXPECT_EQ(2, self->a->link->current->index);
	EXPECT_TRUE(net_talk(self->a, self->client));
}

/* ---- addresses ---- */

static u64 link_id_of(const struct seen *s)
{
	return mv_cell_shape(s->data, (u32)s->len) ? mv_cell_link(s->data) : 0;
}

static bool shared_ids(const struct net *net, const struct endpoint *old, const struct endpoint *new, bool from)
{
	u32 i, k;

	for (i = 0; i < net->logged; i++) {
		const struct seen *a = &net->log[i];

		if (!link_id_of(a) || !endpoint_equal(from ? &a->from : &a->to, old))
			continue;
		for (k = 0; k < net->logged; k++) {
			const struct seen *b = &net->log[k];

			if (link_id_of(a) == link_id_of(b) && endpoint_equal(from ? &b->from : &b->to, new))
				return true;
		}
	}
	return false;
}

TEST_F(link, client_moves)
{
	struct endpoint old = *sim_node_address(self->client->sim), new;
	u64 counter = MV_COUNTER_FIRST;
	u32 got, sent = 0, i;
	struct link *l;

	ASSERT_TRUE(connect_all(self));
	l = self->client->link;
	self->net.logging = true;
	got = traffic(self, SEC, &counter, &sent);
	EXPECT_EQ(sent, got);
	sim_node_move(self->client->sim, "203.0.113.5:2000", false);
	links_rebind(self->client->links);
	new = *sim_node_address(self->client->sim);
	sent = 0;
	got = traffic(self, SEC, &counter, &sent);
	/* forward nothing is lost: cells from a new address are accepted */
	EXPECT_EQ(sent, got);
	EXPECT_EQ(l, self->client->link);
	EXPECT_TRUE(endpoint_equal(link_endpoint(self->a->link), &new));
	EXPECT_EQ(1, stats_of(self->a)->path_changes);
	EXPECT_TRUE(net_talk(self->a, self->client));
	/* no id in common, in either direction, so that nobody can join the two networks by it */
	EXPECT_FALSE(shared_ids(&self->net, &old, &new, true));
	EXPECT_FALSE(shared_ids(&self->net, &old, &new, false));
	/* and challenges are no longer than the shortest cell */
	for (i = 0; i < 3; i++) {
		char text[64];

		snprintf(text, sizeof(text), "203.0.113.5:%u", 3000 + i);
		sim_node_move(self->client->sim, text, false);
		links_rebind(self->client->links);
		sim_run(self->net.sim, 3 * SEC);
		EXPECT_TRUE(endpoint_equal(link_endpoint(self->a->link), sim_node_address(self->client->sim)));
	}
	EXPECT_EQ(0, self->client->downs);
}

TEST_F(link, moves_without_end)
{
	u32 i;

	ASSERT_TRUE(net_connect(self->client, self->a));
	for (i = 0; i < 40; i++) {
		char text[64];

		snprintf(text, sizeof(text), "203.0.113.5:%u", 3000 + i);
		sim_node_move(self->client->sim, text, false);
		links_rebind(self->client->links);
		sim_run(self->net.sim, 5 * SEC);
		ASSERT_NE(NULL, self->client->link);
	}
	/* the ids of one session do not suffice for that */
	EXPECT_LT(3, stats_of(self->client)->rekeys);
	EXPECT_EQ(0, self->a->downs);
	EXPECT_TRUE(net_talk(self->a, self->client));
}

/* With no unused id left a new address hears nothing: the one in use is known at the old address. */
TEST_F(link, no_id_for_a_new_address)
{
	struct endpoint new;
	u32 i, seen = 0;
	u64 challenges;

	ASSERT_TRUE(net_connect(self->client, self->a));
	sim_run(self->net.sim, SEC);
	self->a->link->current->tx_used = self->a->link->current->tx_count;
	challenges = stats_of(self->a)->path_challenges;
	self->net.logging = true;
	sim_node_move(self->client->sim, "203.0.113.5:2000", false);
	new = *sim_node_address(self->client->sim);
	EXPECT_TRUE(net_talk(self->client, self->a));
	control_send(self->client->link, MV_SMALL, MESSAGE_PATH_CHALLENGE, 0, 3, "12345678", 8);
	sim_run(self->net.sim, 2 * SEC);
	for (i = 0; i < self->net.logged; i++)
		seen += endpoint_equal(&self->net.log[i].to, &new);
	EXPECT_EQ(0, seen);
	EXPECT_EQ(challenges, stats_of(self->a)->path_challenges);
	/* the client finds out, and makes a new link */
	sim_run(self->net.sim, 40 * SEC);
	EXPECT_EQ(1, self->client->downs);
	EXPECT_TRUE(net_connect(self->client, self->a));
}

/* A rekey in the midst of a challenge: both go on under ids of the new session. */
TEST_F(link, rekey_while_moving)
{
	ASSERT_TRUE(net_connect(self->client, self->a));
	sim_run(self->net.sim, SEC);
	rekey_start(self->client->link);
	sim_node_move(self->client->sim, "203.0.113.5:2000", false);
	links_rebind(self->client->links);
	sim_run(self->net.sim, 10 * SEC);
	EXPECT_EQ(0, self->client->downs);
	EXPECT_TRUE(endpoint_equal(link_endpoint(self->a->link), sim_node_address(self->client->sim)));
	EXPECT_TRUE(net_talk(self->a, self->client));
}

TEST_F(link, nat_rebinding)
{
	ASSERT_TRUE(net_connect(self->client, self->a));
	sim_run(self->net.sim, SEC);
	/* the client does not know; its next keepalive comes from elsewhere */
	sim_node_move(self->client->sim, "198.51.100.1:54321", false);
	sim_run(self->net.sim, 40 * SEC);
	EXPECT_EQ(0, self->client->downs);
	EXPECT_TRUE(endpoint_equal(link_endpoint(self->a->link), sim_node_address(self->client->sim)));
	EXPECT_TRUE(net_talk(self->a, self->client));
}

static struct endpoint spoofed;
static u32 to_spoofed, longest_to_spoofed;

/* Copies the client's cells, from another address, and is faster than the original. */
static bool off_path(struct net *net, const struct sim_datagram *d)
{
	if (d->sender == net->nodes[0].sim && mv_cell_shape(d->data, (u32)d->len))
		sim_inject(net->sim, &spoofed, &d->to, d->data, d->len);
	if (endpoint_equal(&d->to, &spoofed)) {
		to_spoofed++;
		if (d->len > longest_to_spoofed)
			longest_to_spoofed = (u32)d->len;
	}
	return true;
}

TEST_F(link, spoofed_address)
{
	struct endpoint old = *sim_node_address(self->client->sim);

	endpoint_parse(&spoofed, "203.0.113.99:9");
	ASSERT_TRUE(net_connect(self->client, self->a));
	sim_run(self->net.sim, SEC);
	to_spoofed = longest_to_spoofed = 0;
	self->net.filter = off_path;
	EXPECT_TRUE(net_talk(self->client, self->a));
	sim_run(self->net.sim, 10 * SEC);
	/* the address got some small challenges, and nothing else */
	EXPECT_LT(0, to_spoofed);
	EXPECT_GE(7, to_spoofed);
	EXPECT_EQ(296, longest_to_spoofed);
	EXPECT_TRUE(endpoint_equal(link_endpoint(self->a->link), &old));
	EXPECT_TRUE(net_talk(self->a, self->client));
	EXPECT_EQ(0, stats_of(self->a)->path_changes);
}

/* One who answers challenges too, by passing everything on in both directions. */
static bool man_aside(struct net *net, const struct sim_datagram *d)
{
	if (d->sender == net->nodes[0].sim && mv_cell_shape(d->data, (u32)d->len))
		sim_inject(net->sim, &spoofed, &d->to, d->data, d->len);
	if (endpoint_equal(&d->to, &spoofed))
		sim_inject(net->sim, &d->from, sim_node_address(net->nodes[0].sim), d->data, d->len);
	return true;
}

TEST_F(link, forwarding_attacker)
{
	struct endpoint old = *sim_node_address(self->client->sim);
	u32 i;

	endpoint_parse(&spoofed, "203.0.113.99:9");
	ASSERT_TRUE(net_connect(self->client, self->a));
	sim_run(self->net.sim, SEC);
	self->net.filter = man_aside;
	for (i = 0; i < 20; i++) {
		link_message(self->client->link, MESSAGE_CREATE, 0, i, "x", 1);
		sim_run(self->net.sim, 200 * MS);
	}
	self->net.filter = NULL;
	/* it answers as well, but so does the old address, which stays */
	EXPECT_LT(0, stats_of(self->a)->path_challenges);
	EXPECT_EQ(0, stats_of(self->a)->path_changes);
	sim_run(self->net.sim, 5 * SEC);
	EXPECT_TRUE(endpoint_equal(link_endpoint(self->a->link), &old));
	EXPECT_TRUE(net_talk(self->a, self->client));
}

/* ---- restarts and deaths ---- */

TEST_F(link, peer_restarts)
{
	u64 since;

	ASSERT_TRUE(net_connect(self->a, self->b));
	sim_run(self->net.sim, SEC);
	node_stop(self->b);
	node_start(self->b);
	since = sim_now(self->net.sim);
	/* a CREATE got no answer */
	link_suspect(self->a->link);
	while (!self->a->downs && sim_now(self->net.sim) - since < 10 * SEC)
		sim_run(self->net.sim, 10 * MS);
	EXPECT_GE(1300 * MS, sim_now(self->net.sim) - since);
	EXPECT_EQ(REASON_TIMEOUT, self->a->reason);
	EXPECT_TRUE(net_connect(self->a, self->b));
	EXPECT_TRUE(net_talk(self->a, self->b));
}

TEST_F(link, restarted_initiator_replaces_its_link)
{
	ASSERT_TRUE(net_connect(self->a, self->b));
	sim_run(self->net.sim, SEC);
	node_stop(self->a);
	node_start(self->a);
	EXPECT_NE(NULL, node_open(self->a, self->b));
	sim_run(self->net.sim, SEC);
	EXPECT_EQ(1, self->b->downs);
	EXPECT_EQ(REASON_LINK, self->b->reason);
	EXPECT_EQ(2, self->b->ups);
	EXPECT_EQ(1, self->b->links->count);
	EXPECT_TRUE(net_talk(self->a, self->b));
	EXPECT_TRUE(net_talk(self->b, self->a));
}

TEST_F(link, dead_under_load)
{
	u64 since;

	ASSERT_TRUE(net_connect(self->client, self->a));
	sim_run(self->net.sim, SEC);
	sim_node_set_down(self->a->sim, true);
	since = sim_now(self->net.sim);
	while (self->client->link && sim_now(self->net.sim) - since < 20 * SEC) {
		link_message(self->client->link, MESSAGE_CREATE, 0, 1, "x", 1);
		sim_run(self->net.sim, 20 * MS);
	}
	/* nobody told: the engine saw that it sends into silence */
	EXPECT_GE(4 * SEC, sim_now(self->net.sim) - since);
	EXPECT_EQ(REASON_TIMEOUT, self->client->reason);
}

/* Copies of what a peer sent while it lived do not make it live on. */
TEST_F(link, dead_among_replays)
{
	u8 cell[MV_CELL_MAX] = { 0 };
	const struct seen *s;
	u64 since;
	u32 i;

	ASSERT_TRUE(net_connect(self->client, self->a));
	sim_run(self->net.sim, SEC);
	self->net.logging = true;
	ASSERT_EQ(0, link_cell(self->a->link, 5, 9, MV_MEDIUM, cell));
	control_send(self->a->link, MV_MEDIUM, MESSAGE_PONG, 0, 1, NULL, 0);
	sim_run(self->net.sim, 100 * MS);
	self->net.logging = false;
	ASSERT_LE(2, self->net.logged);
	sim_node_set_down(self->a->sim, true);
	since = sim_now(self->net.sim);
	while (self->client->link && sim_now(self->net.sim) - since < 20 * SEC) {
		link_message(self->client->link, MESSAGE_CREATE, 0, 1, "x", 1);
		for (i = 0; i < self->net.logged; i++) {
			s = &self->net.log[i];
			if (endpoint_equal(&s->from, sim_node_address(self->a->sim)))
				sim_inject(self->net.sim, &s->from, &s->to, s->data, s->len);
		}
		sim_run(self->net.sim, 20 * MS);
	}
	EXPECT_LT(5, self->client->cells);
	EXPECT_GE(4 * SEC, sim_now(self->net.sim) - since);
	EXPECT_EQ(REASON_TIMEOUT, self->client->reason);
}

TEST_F(link, dead_when_idle)
{
	ASSERT_TRUE(net_connect(self->client, self->a));
	sim_node_set_down(self->a->sim, true);
	sim_run(self->net.sim, 35 * SEC);
	EXPECT_EQ(1, self->client->downs);
}

TEST_F(link, keepalive_and_idle)
{
	struct link *l;
	u64 pings;

	self->a->conf.idle_ns = 60 * SEC;
	links_reconfigure(self->a->links, &self->a->conf);
	ASSERT_TRUE(net_connect(self->client, self->a));
	l = self->client->link;
	link_hold(self->a->link);
	sim_run(self->net.sim, SEC);
	pings = stats_of(self->client)->pings;
	sim_run(self->net.sim, 100 * SEC);
	EXPECT_LE(pings + 3, stats_of(self->client)->pings);
	EXPECT_GE(pings + 5, stats_of(self->client)->pings);
	EXPECT_EQ(0, self->a->downs);
	link_put(self->a->link);
	sim_run(self->net.sim, 70 * SEC);
	EXPECT_EQ(1, self->a->downs);
	EXPECT_EQ(REASON_EXPIRED, self->a->reason);
	EXPECT_EQ(l, self->client->link);
}

/* ---- erasing ---- */

static bool lose_cells(struct net *net, const struct sim_datagram *d)
{
	return !mv_cell_shape(d->data, (u32)d->len);
}

/* No key is left of links that are up, being opened by us, or not confirmed yet. */
TEST_F(link, closed_all)
{
	struct links *ls;

	ASSERT_TRUE(net_connect(self->client, self->a));
	self->net.filter = lose_cells;
	node_open(self->b, self->a);
	sim_run(self->net.sim, 300 * MS);
	sim_node_set_down(self->b->sim, true);
	ASSERT_NE(NULL, node_open(self->client, self->b));
	ls = self->client->links;
	ASSERT_EQ(1, ls->opening_count);
	ASSERT_EQ(2, ls->count);
	ASSERT_EQ(1, self->a->links->half_count);
	links_close(ls, REASON_EXPIRED);
	EXPECT_EQ(0, ls->count);
	EXPECT_EQ(0, ls->opening_count);
	EXPECT_EQ(0, ls->by_rx.count);
	EXPECT_EQ(2, self->client->downs);
	ls = self->a->links;
	links_close(ls, REASON_EXPIRED);
	EXPECT_EQ(0, ls->count);
	EXPECT_EQ(0, ls->half_count);
	EXPECT_EQ(0, ls->by_rx.count);
	/* and all goes on */
	self->net.filter = NULL;
	EXPECT_TRUE(net_connect(self->client, self->a));
}

/* ---- both at once ---- */

TEST(simultaneous_open)
{
	u32 seed, ok = 0;

	for (seed = 1; seed <= 200; seed++) {
		u32 loss = seed % 3 * 100;
		struct net net;
		struct node *a, *b;

		net_init(&net, seed, loss);
		a = node_new(&net, "192.0.2.1:4470", true);
		b = node_new(&net, "192.0.2.2:4470", true);
		node_open(a, b);
		if (seed % 2)
			sim_run(net.sim, sim_below(net.sim, 60) * MS);
		node_open(b, a);
		sim_run(net.sim, 12 * SEC);
		if (a->link && b->link) {
			/* one link each, and the same session is current */
			EXPECT_EQ(1, a->links->count);
			EXPECT_EQ(1, b->links->count);
			EXPECT_EQ(0, memcmp(&a->link->current->tx_keys, &b->link->current->rx_keys,
					    sizeof(struct link_side_keys)));
			EXPECT_EQ(1, a->ups - a->downs);
			ok++;
			sim_run(net.sim, 70 * SEC);
			EXPECT_TRUE(!a->link || !b->link || net_talk(a, b));
			EXPECT_TRUE(!a->link || !b->link || net_talk(b, a));
		}
		net_fini(&net);
	}
	EXPECT_LE(195, ok);
}

/* ---- what the path carries ---- */

TEST_F(link, narrow_path)
{
	struct sim_path path = { .delay = 20 * MS, .mtu = 1252 };

	sim_set_path(self->net.sim, &path);
	ASSERT_TRUE(net_connect(self->client, self->a));
	sim_run(self->net.sim, 5 * SEC);
	EXPECT_EQ(MV_MEDIUM, link_class(self->client->link));
	EXPECT_EQ(MV_MEDIUM, link_class(self->a->link));
	EXPECT_TRUE(net_talk(self->client, self->a));
}

TEST_F(link, path_shrinks)
{
	struct sim_path path = { .delay = 20 * MS, .mtu = 1252 };

	ASSERT_TRUE(net_connect(self->client, self->a));
	sim_run(self->net.sim, SEC);
	EXPECT_EQ(MV_LARGE, link_class(self->client->link));
	/* a move that keeps its class does no harm */
	sim_node_move(self->client->sim, "203.0.113.5:2000", false);
	links_rebind(self->client->links);
	sim_run(self->net.sim, 10 * SEC);
	EXPECT_EQ(0, self->client->downs);
	sim_set_path(self->net.sim, &path);
	sim_node_move(self->client->sim, "203.0.113.6:2000", false);
	links_rebind(self->client->links);
	sim_run(self->net.sim, 10 * SEC);
	EXPECT_EQ(1, self->client->downs);
	EXPECT_EQ(REASON_MTU, self->client->reason);
}

static u32 large_lost;

static bool lose_first_large(struct net *net, const struct sim_datagram *d)
{
	return d->len < MV_CELL_MAX || large_lost++ > 2;
}

TEST_F(link, wide_path_found_later)
{
	large_lost = 0;
	self->net.filter = lose_first_large;
	ASSERT_TRUE(net_connect(self->client, self->a));
	EXPECT_EQ(MV_MEDIUM, link_class(self->client->link));
	sim_run(self->net.sim, 5 * SEC);
	EXPECT_EQ(MV_LARGE, link_class(self->client->link));
	EXPECT_EQ(MV_LARGE, link_class(self->a->link));
}

/* ---- messages ---- */

TEST_F(link, long_messages)
{
	static u8 data[MESSAGE_MAX + 1];

	sim_random(self->net.sim, data, sizeof(data));
	ASSERT_TRUE(net_connect(self->client, self->a));
	EXPECT_EQ(0, link_message(self->client->link, MESSAGE_CREATE, 1, 5, data, MESSAGE_MAX));
	EXPECT_EQ(-EMSGSIZE, link_message(self->client->link, MESSAGE_CREATE, 1, 5, data, MESSAGE_MAX + 1));
	sim_run(self->net.sim, 100 * MS);
	ASSERT_EQ(1, self->a->messages);
	EXPECT_EQ(MESSAGE_MAX, self->a->last_len);
	EXPECT_EQ(0, memcmp(data, self->a->last, MESSAGE_MAX));
	EXPECT_NE(link_txid(self->client->link), link_txid(self->client->link));
}

/* A cell full of questions gets one answer. */
TEST_F(link, crowded_cell)
{
	u8 cell[MV_CELL_MAX] = { 0 }, nonce[12] = { 0 };
	struct message m = { .type = MESSAGE_PING };
	struct session *s;
	u64 before, bad;
	size_t at;

	ASSERT_TRUE(net_connect(self->client, self->a));
	sim_run(self->net.sim, 2 * SEC);
	s = self->client->link->current;
	for (at = MV_CELL_BODY; at + MESSAGE_HEADER <= MV_CELL_BODY + MV_BODY_MEDIUM; at += MESSAGE_HEADER) {
		struct message_fragments f = message_fragments_of(&m);

		m.txid++;
		message_fragment(&f, cell + at, MESSAGE_HEADER);
	}
	mv_put_le64(nonce + 4, s->tx_counter);
	crypto_aead_chacha20poly1305_ietf_encrypt_detached(cell + MV_CELL_BODY, cell + MV_CELL_LAYER, NULL,
							   cell + MV_CELL_BODY, MV_BODY_MEDIUM, NULL, 0, NULL, nonce,
							   s->tx_keys.control);
	mv_header_seal(cell, &s->tx_header, s->tx_id, MV_CIRCUIT_CONTROL, s->tx_counter++, MV_BODY_MEDIUM, 0);
	before = stats_of(self->a)->control_tx;
	bad = stats_of(self->a)->messages_bad;
	sim_inject(self->net.sim, sim_node_address(self->client->sim), sim_node_address(self->a->sim), cell,
		   MV_CELL_HEADER + MV_BODY_MEDIUM);
	sim_run(self->net.sim, 50 * MS);
	EXPECT_LE(stats_of(self->a)->control_tx, before + 2);	/* and perhaps a keepalive */
	EXPECT_EQ(bad + 1, stats_of(self->a)->messages_bad);
}

TEST_F(link, control_needs_no_more_than_the_numbers)
{
	ASSERT_TRUE(net_connect(self->client, self->a));
	self->client->link->current->tx_counter = MV_COUNTER_MAX + 1;
	link_message(self->client->link, MESSAGE_CREATE, 0, 1, "x", 1);
	sim_run(self->net.sim, 100 * MS);
	EXPECT_EQ(0, self->a->messages);
}

TEST_HARNESS_MAIN
