// SPDX-License-Identifier: GPL-2.0-or-later
/* The relay's queues while the socket is full: turns of links and circuits, limits, CoDel, deletion. */
#include <stdlib.h>
#include <string.h>
#include <kselftest_harness.h>

#include "crypto/aead.h"
#include "datapath/core.h"

#define SENT_MAX 65536

FIXTURE(queue)
{
	struct table table;
	struct core *core;
	struct mv_header_keys keys;
	u64 now;
	u32 allow;			/* super-packets that the socket takes */
	bool no_buffer;
	struct mv_header sent[SENT_MAX];
	u32 count, out;
};

static u8 *get_buffer(void *arg)
{
	FIXTURE_DATA(queue) *self = arg;

	if (self->no_buffer)
		return NULL;
	self->out++;
	return malloc(65536);
}

static void put_buffer(void *arg, u8 *b)
{
	FIXTURE_DATA(queue) *self = arg;

	self->out--;
	free(b);
}

static void send_super(void *arg, u32 lane, const struct endpoint *to, u8 *b, u32 len, u32 segment)
{
	FIXTURE_DATA(queue) *self = arg;
	u32 at;

	for (at = 0; at < len; at += segment)
		if (!mv_header_open(b + at, &self->keys, segment - MV_CELL_HEADER,
				    &self->sent[self->count++ % SENT_MAX]))
			abort();
	self->allow -= self->allow > 0;
	put_buffer(arg, b);
}

static bool writable(void *arg)
{
	return ((FIXTURE_DATA(queue) *)arg)->allow;
}

static void flush(void *arg)
{
}

static bool datagram(void *arg, u32 lane, const struct endpoint *from, const u8 *data, u32 len)
{
	return true;
}

static void event(void *arg, const struct datapath_event *e)
{
}

static const struct core_ops ops = {
	.buffer = get_buffer, .buffer_put = put_buffer, .send = send_super, .writable = writable,
	.deliver_flush = flush, .datagram = datagram, .event = event,
};

static int apply(FIXTURE_DATA(queue) *self, enum datapath_verb verb, enum datapath_object object,
		 const void *o)
{
	struct datapath_op op = { .verb = verb, .object = object, .link = o };

	return table_apply(&self->table, &op, 1, NULL);
}

/* Circuit @id of link @link, to link 9. */
static struct datapath_circuit circuit(u32 link, u32 id)
{
	struct datapath_circuit c = {
		.kind = DATAPATH_RELAY, .link = link, .circuit = id, .out_link = 9,
		.out_circuit = link * 1000 + id, .hops = 1, .data_class = MV_LARGE,
	};

	return c;
}

FIXTURE_SETUP(queue)
{
	struct datapath_conf conf = { .lanes = 1, .queue_cells = 200 };
	static const u32 ids[] = { 1, 2, 9 };
	u8 zero[16] = { 0 };
	u32 i, k;

	self->now = 1000000000;
	self->allow = 0;
	self->no_buffer = false;
	self->count = self->out = 0;
	mv_header_keys_init(&self->keys, zero, zero);
	ASSERT_EQ(0, table_init(&self->table, &conf));
	self->core = core_new(&self->table, 0, &ops, self);
	ASSERT_NE(NULL, self->core);
	self->table.cores[0] = self->core;
	for (i = 0; i < 3; i++) {
		struct datapath_link link = { .id = ids[i] };
		struct datapath_link_session s = {
			.link = ids[i], .index = 1, .state = DATAPATH_SESSION_CURRENT, .rx_ids_count = 1,
			.rx_ids = { ids[i] }, .tx_id = 100, .remote_lanes = 1, .local_lanes = 1,
			.remote = { .family = AF_INET, .port = 1 },
		};

		ASSERT_EQ(0, apply(self, DATAPATH_NEW, DATAPATH_OBJ_LINK, &link));
		ASSERT_EQ(0, apply(self, DATAPATH_NEW, DATAPATH_OBJ_LINK_SESSION, &s));
	}
	for (i = 0; i < 2; i++)
		for (k = 1; k <= 4; k++) {
			struct datapath_circuit c = circuit(ids[i], k);

			ASSERT_EQ(0, apply(self, DATAPATH_NEW, DATAPATH_OBJ_CIRCUIT, &c));
		}
}

FIXTURE_TEARDOWN(queue)
{
	table_fini(&self->table);
	core_free(self->core);
	EXPECT_EQ(0, self->out);
}

static void arrive(FIXTURE_DATA(queue) *self, u32 link, u32 id, u64 from, u32 count)
{
	struct endpoint source = { .family = AF_INET, .port = 1 };
	u32 i, len = mv_class_cell(MV_LARGE);
	u8 cell[MV_CELL_MAX], key[32] = { 0 };

	for (i = 0; i < count; i++) {
		struct aead_job job = {
			.kind = AEAD_SEAL, .key = key, .nonce = from + i, .src = cell + MV_CELL_BODY,
			.dst = cell + MV_CELL_BODY, .tag = cell + MV_CELL_LAYER, .len = MV_BODY_LARGE,
		};

		memset(cell, 5, sizeof(cell));
		aead_run(&job, 1);
		mv_header_seal(cell, &self->keys, link, id, from + i, MV_BODY_LARGE, 0);
		core_input(self->core, self->now, 0, &source, cell, len, len);
	}
	core_flush(self->core, self->now);
}

static void drain(FIXTURE_DATA(queue) *self, u32 supers)
{
	self->allow = supers;
	core_flush(self->core, self->now);
	self->allow = 0;
}

static u32 sent_on(FIXTURE_DATA(queue) *self, u32 out_circuit)
{
	u32 i, n = 0;

	for (i = 0; i < self->count; i++)
		n += self->sent[i].circuit == out_circuit;
	return n;
}

static u64 drops(FIXTURE_DATA(queue) *self, enum datapath_drop cause)
{
	return self->core->stats.drops[cause];
}

TEST_F(queue, waits_and_goes)
{
	u32 i;

	arrive(self, 1, 1, 4096, 100);
	EXPECT_EQ(0, self->count);
	drain(self, 100);
	ASSERT_EQ(100, self->count);
	for (i = 0; i < 100; i++)
		EXPECT_EQ(4096 + i, self->sent[i].counter);
	/* nothing is left, and the next goes at once */
	self->allow = 1;
	arrive(self, 1, 1, 5000, 1);
	EXPECT_EQ(101, self->count);
}

TEST_F(queue, order)
{
	u32 i;

	/* what comes while some wait goes behind them */
	arrive(self, 1, 1, 4096, 10);
	self->allow = 1;
	arrive(self, 1, 1, 4106, 10);
	drain(self, 100);
	ASSERT_EQ(20, self->count);
	for (i = 0; i < 20; i++)
		EXPECT_EQ(4096 + i, self->sent[i].counter);
}

TEST_F(queue, limit)
{
	arrive(self, 1, 1, 4096, 300);
	EXPECT_EQ(100, drops(self, DROP_QUEUE));
	arrive(self, 1, 2, 4096, 50);
	EXPECT_EQ(100, drops(self, DROP_QUEUE));
	drain(self, 100);
	EXPECT_EQ(250, self->count);
}

/* One circuit with much, one with little, and a link with one circuit against one with three. */
TEST_F(queue, turns)
{
	arrive(self, 1, 1, 4096, 200);
	arrive(self, 1, 2, 4096, 200);
	arrive(self, 1, 3, 4096, 200);
	arrive(self, 2, 1, 4096, 200);
	drain(self, 4);
	ASSERT_LE(96, self->count);
	/* half to each link, and a third of that to each circuit of the one */
	EXPECT_LE(self->count / 2 - 6, sent_on(self, 2001));
	EXPECT_GE(self->count / 2 + 6, sent_on(self, 2001));
	EXPECT_LE(self->count / 6 - 6, sent_on(self, 1001));
	EXPECT_GE(self->count / 6 + 6, sent_on(self, 1001));
	EXPECT_LE(self->count / 6 - 6, sent_on(self, 1003));
}

TEST_F(queue, codel)
{
	u32 i, turn;

	/* as much out as in, behind a standing queue that is below the limit */
	arrive(self, 1, 1, 4096, 130);
	for (turn = 0; turn < 400; turn++) {
		self->now += 2000000;
		arrive(self, 1, 1, 4226 + turn * 32, 32);
		drain(self, 1);
	}
	EXPECT_LT(10, drops(self, DROP_QUEUE));
	EXPECT_GT(140, drops(self, DROP_QUEUE));
	/* a short queue is left alone however slow */
	self->now += 1000000000;
	drain(self, 1000);
	i = (u32)drops(self, DROP_QUEUE);
	for (turn = 0; turn < 50; turn++) {
		self->now += 10000000;
		arrive(self, 1, 2, 4096 + turn, 1);
		self->now += 1000000;
		drain(self, 1);
	}
	EXPECT_EQ(i, drops(self, DROP_QUEUE));
	EXPECT_EQ(50, sent_on(self, 1002));
}

TEST_F(queue, replay_and_layer_after)
{
	arrive(self, 1, 1, 4096, 5);
	arrive(self, 1, 1, 4096, 5);
	EXPECT_EQ(0, drops(self, DROP_REPLAY));
	drain(self, 10);
	EXPECT_EQ(5, self->count);
	EXPECT_EQ(5, drops(self, DROP_REPLAY));
}

TEST_F(queue, deleted)
{
	struct datapath_circuit c = circuit(1, 1);
	struct datapath_link link = { .id = 2 };

	arrive(self, 1, 1, 4096, 20);
	arrive(self, 1, 2, 4096, 20);
	arrive(self, 2, 1, 4096, 20);
	arrive(self, 9, 2002, 4096, 20);
	ASSERT_EQ(0, apply(self, DATAPATH_DEL, DATAPATH_OBJ_CIRCUIT, &c));
	ASSERT_EQ(0, apply(self, DATAPATH_DEL, DATAPATH_OBJ_LINK, &link));
	drain(self, 100);
	EXPECT_EQ(20, self->count);
	EXPECT_EQ(20, sent_on(self, 1002));
	ASSERT_EQ(0, apply(self, DATAPATH_NEW, DATAPATH_OBJ_CIRCUIT, &c));
	arrive(self, 1, 1, 4096, 20);
	drain(self, 100);
	EXPECT_EQ(40, self->count);
}

/* The socket says yes, but all buffers are out. */
TEST_F(queue, no_buffer)
{
	self->allow = 1000;
	self->no_buffer = true;
	arrive(self, 1, 1, 4096, 20);
	EXPECT_EQ(0, self->count);
	self->no_buffer = false;
	core_flush(self->core, self->now);
	EXPECT_EQ(20, self->count);
	EXPECT_EQ(0, drops(self, DROP_SEND));
}

TEST_HARNESS_MAIN
