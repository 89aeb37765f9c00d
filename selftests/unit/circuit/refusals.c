// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Everything that a hostile origin, neighbour or stranger may try: each is refused or ignored, and
 * each has its counter.
 */
#include "bad.h"
#include <circuit/origin_internal.h>
#include <meshvpn/frame.h>

/* A message under tf of hop @hop of a circuit that may already go further. */
static void say(struct origin *o, u32 hop, u8 type, u64 txid, const void *data, size_t len)
{
	struct message m = { .type = type, .txid = txid, .data = data, .len = len };
	u32 hops = o->hops;
	struct mv_replay window = o->window_end;

	o->hops = hop;
	origin_keys_update(o);
	origin_send(o, &m, true);
	o->hops = hops;
	origin_keys_update(o);
	o->window_end = window;
}

static size_t extend_to(u8 *data, const struct node_id *id)
{
	static const u8 handshake[WIRE_HOP1] = { 9 };
	struct wire_extend m = { .next = *id, .suite = 1, .handshake = handshake, .handshake_len = WIRE_HOP1 };
	struct writer wr = writer_of(data, 512);

	wire_extend_write(&wr, &m);
	return writer_len(&wr);
}

static void say_extend(struct origin *o, u32 hop, u64 txid, const struct node_id *id)
{
	u8 data[512];

	say(o, hop, MESSAGE_EXTEND, txid, data, extend_to(data, id));
	sim_run(w.sim, 500 * NSEC_PER_MSEC);
}

TEST(extend_targets)
{
	static const char *const bad[] = {
		"127.0.0.1:1", "[::1]:1", "169.254.1.1:1", "224.0.0.1:1", "[fe80::1]:1", "[ff02::1]:1",
		"[::ffff:127.0.0.1]:1", "[64:ff9b::7f00:1]:1", "[2002:7f00:1::]:1", "0.0.0.0:1", "10.1.1.1:0",
	};
	struct bad b = { 0 };
	u64 before;
	u32 i;

	world_init(&w, 1, 4, 0);
	start(_metadata, &b, straight, 2);
	ASSERT_TRUE(b.ready);
	say_extend(b.o, 2, 100, &w.nodes[2].peer.id);
	EXPECT_EQ(1, stats(2)->extend_self);
	say_extend(b.o, 2, 101, &w.nodes[1].peer.id);
	EXPECT_EQ(1, stats(2)->extend_predecessor);
	say_extend(b.o, 2, 101, &w.nodes[1].peer.id);
	EXPECT_EQ(1, stats(2)->extend_predecessor);
	EXPECT_EQ(1, stats(2)->extend_repeated);
	say_extend(b.o, 2, 101, &w.nodes[3].peer.id);
	EXPECT_EQ(1, stats(2)->extend_conflict);
	say(b.o, 2, MESSAGE_EXTEND, 102, "short", 5);
	sim_run(w.sim, NSEC_PER_SEC);
	EXPECT_EQ(1, stats(2)->extend_malformed);
	for (i = 0; i < 5; i++) {
		/* in two circuits: there is a limit of EXTENDs, too */
		ASSERT_EQ(0, endpoint_parse(&w.nodes[3].peer.endpoints[0], bad[i]));
		say_extend(b.o, 2, 200 + i, &w.nodes[3].peer.id);
		EXPECT_EQ(i + 1, stats(2)->extend_address);
	}
	say_extend(b.o, 2, 300, &w.nodes[3].peer.id);
	say_extend(b.o, 2, 301, &w.nodes[3].peer.id);
	EXPECT_LE(1, stats(2)->extend_limit + stats(2)->requests_full);
	before = stats(2)->extend_address;
	memset(&b, 0, sizeof(b));
	start(_metadata, &b, straight, 2);
	for (i = 5; i < sizeof(bad) / sizeof(*bad); i++) {
		struct hop *h = list_entry(w.nodes[2].circuits->hops.prev, struct hop, list);

		if (endpoint_parse(&w.nodes[3].peer.endpoints[0], bad[i]))
			memset(&w.nodes[3].peer.endpoints[0], 0, sizeof(struct endpoint));
		h->extends = 0;
		say_extend(b.o, 2, 400 + i, &w.nodes[3].peer.id);
		EXPECT_EQ(++before, stats(2)->extend_address) TH_LOG("%s", bad[i]);
	}
	EXPECT_EQ(0, stats(3)->creates);
	done(_metadata);
}

TEST(budget)
{
	struct bad b = { 0 };
	struct hop *h;

	world_init(&w, 2, 4, 0);
	start(_metadata, &b, straight, 2);
	h = list_entry(w.nodes[1].circuits->hops.next, struct hop, list);
	EXPECT_EQ(h->budget - 1, list_entry(w.nodes[2].circuits->hops.next, struct hop, list)->budget);
	EXPECT_LE(1, h->budget);
	EXPECT_GE(9, h->budget);
	h = list_entry(w.nodes[2].circuits->hops.next, struct hop, list);
	h->budget = 0;
	say_extend(b.o, 2, 5, &w.nodes[3].peer.id);
	EXPECT_EQ(1, stats(2)->extend_budget);
	EXPECT_EQ(0, stats(3)->creates);
	done(_metadata);
}

static void after_extended(struct bad *b)
{
	u8 data[512];

	/* relay 1 is installed and still under pass: nothing came under kf yet */
	say(b->o, 1, MESSAGE_EXTEND, 77, data, extend_to(data, &w.nodes[3].peer.id));
	say(b->o, 1, MESSAGE_BIND, 78, "x", 1);
}

TEST(once_a_relay_always_a_relay)
{
	struct bad b = { .at_ready = after_extended };

	world_init(&w, 3, 4, 0);
	start(_metadata, &b, straight, 2);
	EXPECT_EQ(1, stats(1)->extend_twice);
	EXPECT_EQ(1, stats(1)->bind_after_extend);
	EXPECT_EQ(1, stats(1)->extended);
	/* and after the first cell under kf its tf is gone */
	say_extend(b.o, 1, 79, &w.nodes[3].peer.id);
	EXPECT_EQ(1, stats(1)->extend_twice);
	done(_metadata);
}

static void after_bound(struct bad *b)
{
	u8 data[512];

	say(b->o, 1, MESSAGE_EXTEND, 77, data, extend_to(data, &w.nodes[3].peer.id));
	say(b->o, 1, MESSAGE_BIND, 78, b->o->request.secret, 5);
	say(b->o, 1, MESSAGE_BIND, 79, b->o->request.secret, 6);
}

TEST(once_bound_always_bound)
{
	struct bad b = { .at_bound = after_bound };

	world_init(&w, 4, 4, 0);
	start(_metadata, &b, straight, 1);
	ASSERT_EQ(0, origin_bind(b.o, &fresh));
	sim_run(w.sim, 2 * NSEC_PER_SEC);
	EXPECT_TRUE(b.live);
	EXPECT_EQ(1, stats(1)->extend_after_bind);
	EXPECT_EQ(2, stats(1)->bind_twice);
	EXPECT_EQ(1, stats(1)->bound);
	EXPECT_EQ(1, circuits_sessions(w.nodes[1].circuits));
	done(_metadata);
}

TEST(secrets)
{
	struct bad first = { 0 }, wrong = { 0 }, second = { 0 }, used = { 0 };
	struct bind_request take = { .takeover = true, .want = fresh.want, .mtu = 1420 };

	world_init(&w, 5, 4, 0);
	start(_metadata, &first, straight, 1);
	ASSERT_EQ(0, origin_bind(first.o, &fresh));
	sim_run(w.sim, NSEC_PER_SEC);
	take.session = first.grant.session;
	memcpy(take.secret, first.grant.secret, WIRE_SECRET);

	take.secret[3] ^= 1;
	start(_metadata, &wrong, straight, 1);
	ASSERT_EQ(0, origin_bind(wrong.o, &take));
	sim_run(w.sim, NSEC_PER_SEC);
	EXPECT_TRUE(wrong.dead);
	EXPECT_EQ(REFUSAL_SECRET, wrong.refused);
	EXPECT_EQ(1, stats(1)->bind_secret);
	EXPECT_EQ(ORIGIN_LIVE, origin_state(first.o));

	take.secret[3] ^= 1;
	start(_metadata, &second, straight, 1);
	ASSERT_EQ(0, origin_bind(second.o, &take));
	sim_run(w.sim, NSEC_PER_SEC);
	EXPECT_TRUE(second.live);
	EXPECT_TRUE(first.dead);		/* the old leg is cut */
	EXPECT_NE(0, memcmp(first.grant.secret, second.grant.secret, WIRE_SECRET));

	start(_metadata, &used, straight, 1);
	ASSERT_EQ(0, origin_bind(used.o, &take));
	sim_run(w.sim, NSEC_PER_SEC);
	EXPECT_EQ(REFUSAL_SECRET, used.refused);
	EXPECT_EQ(ORIGIN_LIVE, origin_state(second.o));
	EXPECT_EQ(1, circuits_sessions(w.nodes[1].circuits));

	/* it outlives its leg by 30 s */
	origin_destroy(second.o);
	sim_run(w.sim, 20 * NSEC_PER_SEC);
	EXPECT_EQ(1, circuits_sessions(w.nodes[1].circuits));
	sim_run(w.sim, 20 * NSEC_PER_SEC);
	EXPECT_EQ(0, circuits_sessions(w.nodes[1].circuits));
	EXPECT_EQ(1, stats(1)->sessions_expired);
	EXPECT_EQ(1, w.nodes[1].released);
	done(_metadata);
}

TEST(takeovers_are_counted)
{
	struct bad b[4] = { 0 };
	struct bind_request take = { .takeover = true, .want = fresh.want, .mtu = 1420 };
	u32 i;

	world_init(&w, 6, 4, 0);
	for (i = 0; i < 4; i++) {
		start(_metadata, &b[i], straight, 1);
		ASSERT_EQ(0, origin_bind(b[i].o, i ? &take : &fresh));
		sim_run(w.sim, NSEC_PER_SEC);
		EXPECT_EQ(i < 3, b[i].live);
		take.session = b[i].grant.session;
		memcpy(take.secret, b[i].grant.secret, WIRE_SECRET);
	}
	EXPECT_EQ(REFUSAL_TAKEOVERS, b[3].refused);
	EXPECT_EQ(1, stats(1)->bind_takeovers);
	EXPECT_EQ(2, stats(1)->takeovers);
	done(_metadata);
}

/* ---- neighbours ---- */

static u8 create_data[512];
static size_t create_len;
static u64 create_txid;
static struct link *create_link;

static bool note_create(struct link *k, u8 type, u64 txid, const u8 *data, size_t len)
{
	if (type == MESSAGE_CREATE && !create_len) {
		memcpy(create_data, data, len);
		create_len = len;
		create_txid = txid;
		create_link = k;
	}
	return true;
}

static void send_create(u64 txid, const u8 *data, size_t len)
{
	link_message(create_link, MESSAGE_CREATE, 0, txid, data, len);
	sim_run(w.sim, 200 * NSEC_PER_MSEC);
}

TEST(create)
{
	struct bad b = { 0 };
	u8 data[512];

	world_init(&w, 7, 2, 0);
	create_len = 0;
	fake_message_hook = note_create;
	start(_metadata, &b, straight, 1);
	ASSERT_TRUE(b.ready);
	memcpy(data, create_data, create_len);
	send_create(create_txid, data, create_len);
	EXPECT_EQ(1, stats(1)->create_repeated);
	data[20] ^= 1;
	send_create(create_txid, data, create_len);
	EXPECT_EQ(1, stats(1)->create_conflict);
	data[20] ^= 1;
	send_create(9001, data, create_len);			/* a circuit that exists */
	EXPECT_EQ(1, stats(1)->create_id);
	data[2] ^= 0x80;
	send_create(9002, data, create_len);			/* an id of the other end's */
	EXPECT_EQ(2, stats(1)->create_id);
	data[2] ^= 0x80;
	data[0] ^= 0x55;
	data[4] = 7;
	send_create(9003, data, create_len);
	EXPECT_EQ(1, stats(1)->create_suite);
	data[4] = 1;
	data[5] = 10;
	send_create(9004, data, create_len);
	EXPECT_EQ(1, stats(1)->create_budget);
	data[5] = 3;
	data[30] ^= 1;
	send_create(9005, data, create_len);
	EXPECT_EQ(1, stats(1)->create_handshake);
	send_create(9006, data, create_len - 1);
	EXPECT_EQ(1, stats(1)->create_malformed);
	EXPECT_EQ(1, circuits_count(w.nodes[1].circuits));
	EXPECT_EQ(1, stats(1)->created);
	data[30] ^= 1;
	send_create(9007, data, create_len);			/* replayed for another circuit: other keys */
	EXPECT_EQ(2, stats(1)->created);
	EXPECT_EQ(ORIGIN_READY, origin_state(b.o));
	done(_metadata);
}

static u64 replies_different, created_seen;
static u8 created_data[256];

static bool note_created(struct link *k, u8 type, u64 txid, const u8 *data, size_t len)
{
	if (type != MESSAGE_CREATED)
		return true;
	if (created_seen++ && memcmp(created_data, data, len))
		replies_different++;
	memcpy(created_data, data, len);
	return created_seen > 3;	/* the first ones are lost */
}

TEST(lost_created)
{
	struct bad b = { 0 };

	world_init(&w, 8, 2, 0);
	replies_different = created_seen = 0;
	fake_message_hook = note_created;
	start(_metadata, &b, straight, 1);
	EXPECT_TRUE(b.ready);
	EXPECT_LE(3, stats(1)->create_repeated);
	EXPECT_EQ(1, stats(1)->created);
	EXPECT_EQ(0, replies_different);
	done(_metadata);
}

TEST(spoofed_cells)
{
	struct bad b = { 0 };
	u8 cell[MV_CELL_MAX] = { 0 };
	struct link *k;

	world_init(&w, 12, 2, 0);
	start(_metadata, &b, straight, 1);
	k = b.o->end.link;
	link_cell(k, b.o->circuit, 300, MV_MEDIUM, cell);
	link_cell(k, b.o->circuit, 5000, MV_MEDIUM, cell);
	link_cell(k, b.o->circuit, 301, MV_LARGE, cell);
	sim_run(w.sim, NSEC_PER_SEC);
	EXPECT_EQ(1, stats(1)->cell_layer);
	EXPECT_EQ(1, stats(1)->cell_number);
	EXPECT_EQ(1, stats(1)->cell_class);
	/* and towards the origin */
	k = list_entry(w.nodes[1].links->list.next, struct link, list);
	link_cell(k, b.o->circuit, 300, MV_MEDIUM, cell);
	sim_run(w.sim, NSEC_PER_SEC);
	EXPECT_EQ(1, stats(0)->origin_layer);
	EXPECT_EQ(ORIGIN_READY, origin_state(b.o));
	done(_metadata);
}

static u64 copies;

/* Every datagram again: windows and transactions take each once. */
static bool double_tap(void *arg, const struct sim_datagram *d)
{
	copies++;
	sim_inject(w.sim, &d->from, &d->to, d->data, d->len);
	return true;
}

TEST(everything_twice)
{
	struct bad b = { 0 };

	world_init(&w, 13, 3, 0);
	sim_set_tap(w.sim, double_tap, NULL);
	start(_metadata, &b, straight, 3);
	ASSERT_TRUE(b.ready);
	ASSERT_EQ(0, origin_bind(b.o, &fresh));
	sim_run(w.sim, 2 * NSEC_PER_SEC);
	EXPECT_TRUE(b.live);
	EXPECT_LT(10, copies);
	EXPECT_EQ(1, stats(1)->created);
	EXPECT_EQ(1, stats(3)->created);
	EXPECT_EQ(1, stats(3)->bound);
	EXPECT_LT(0, stats(1)->cell_replay + stats(2)->cell_replay + stats(3)->cell_replay);
	done(_metadata);
}

TEST(times)
{
	struct bad b = { 0 }, c = { 0 };

	world_init(&w, 14, 3, 0);
	start(_metadata, &b, straight, 1);
	start(_metadata, &c, straight, 3);
	ASSERT_TRUE(b.ready && c.ready);
	ASSERT_EQ(0, origin_bind(b.o, &fresh));
	sim_run(w.sim, 2 * NSEC_PER_SEC);
	ASSERT_TRUE(b.live);
	/* the origin is gone: nobody tells */
	node_kill(&w.nodes[0]);
	sim_run(w.sim, 120 * NSEC_PER_SEC);
	EXPECT_EQ(2, circuits_count(w.nodes[1].circuits));
	sim_run(w.sim, 120 * NSEC_PER_SEC);
	EXPECT_EQ(0, circuits_count(w.nodes[1].circuits));
	EXPECT_EQ(0, circuits_count(w.nodes[3].circuits));
	EXPECT_LE(1, stats(1)->idle_expired);
	sim_run(w.sim, 40 * NSEC_PER_SEC);
	EXPECT_EQ(1, w.nodes[1].released);
	done(_metadata);
}

static void go_silent(struct bad *b)
{
	node_kill(&w.nodes[0]);
}

TEST(pass_ends)
{
	struct bad b = { .at_ready = go_silent };

	world_init(&w, 15, 3, 0);
	start(_metadata, &b, straight, 2);
	EXPECT_TRUE(b.ready);
	sim_run(w.sim, 25 * NSEC_PER_SEC);
	EXPECT_EQ(1, circuits_count(w.nodes[1].circuits));
	sim_run(w.sim, 10 * NSEC_PER_SEC);
	EXPECT_EQ(1, stats(1)->pass_expired);
	EXPECT_EQ(0, circuits_count(w.nodes[1].circuits));
	EXPECT_EQ(0, circuits_count(w.nodes[2].circuits));
	done(_metadata);
}

/* Two requests in one cell to the open end. */
static void say_both(struct origin *o, const struct message *m)
{
	u8 cell[MV_CELL_MAX], scratch[ONION_SCRATCH], fill[MV_RESERVE_LONG] = { 0 };
	struct onion_keys *keys = &o->secrets->onion;
	struct onion_wrap wrap = { keys, o->number++, MV_BODY_MEDIUM, cell, scratch, fill };
	u8 *payload = onion_payload(keys, cell, scratch);
	size_t at = 4, i;

	memset(payload, 0, ORIGIN_PAYLOAD);
	payload[0] = MV_SUBTYPE_CONTROL;
	for (i = 0; i < 2; i++) {
		struct message_fragments f = message_fragments_of(&m[i]);

		at += message_fragment(&f, payload + at, ORIGIN_PAYLOAD - at);
	}
	onion_wrap(&wrap, 1);
	link_cell(o->end.link, o->end.circuit, wrap.counter, MV_MEDIUM, cell);
}

/* The datapath refuses a BIND, and another stands behind it: it must not be made with keys that are gone. */
TEST(bind_after_a_failed_one)
{
	struct datapath_device device = { .id = 1 };
	struct bad b = { 0 };
	struct message m[2];
	u8 data[2][128];
	u32 i;

	world_init(&w, 17, 3, 0);
	start(_metadata, &b, straight, 1);
	ASSERT_EQ(0, datapath_device_apply(w.nodes[1].dp, DATAPATH_DEL, &device));
	for (i = 0; i < 2; i++) {
		struct bind_request request = fresh;
		struct writer wr = writer_of(data[i], sizeof(data[i]));

		request.reserve = MV_RESERVE_SHORT;
		request.want.inner4[3] += i;
		wire_bind_write(&wr, &request);
		m[i] = (struct message){ MESSAGE_BIND, 0, 100 + i, data[i], writer_len(&wr) };
	}
	say_both(b.o, m);
	sim_run(w.sim, NSEC_PER_SEC);
	EXPECT_EQ(1, stats(1)->bind_install);
	EXPECT_EQ(1, stats(1)->binds);
	EXPECT_EQ(0, circuits_sessions(w.nodes[1].circuits));
	EXPECT_EQ(0, circuits_count(w.nodes[1].circuits));
	done(_metadata);
}

/* A circuit's keys enter the datapath once. */
TEST(installed_once)
{
	struct bad b = { 0 };
	struct datapath_circuit dc = { .kind = DATAPATH_RELAY, .hops = 1, .data_class = MV_LARGE };
	struct hop *h;

	world_init(&w, 16, 3, 0);
	start(_metadata, &b, straight, 2);
	h = list_entry(w.nodes[1].circuits->hops.next, struct hop, list);
	dc.out_link = link_id(h->out.link);
	dc.out_circuit = h->out.circuit;
	EXPECT_EQ(-EEXIST, hop_install(h, &dc, NULL, 0));
	EXPECT_TRUE(sodium_is_zero(h->keys.kf, 4 * MV_KEY_LEN));
	done(_metadata);
}

TEST_HARNESS_MAIN
