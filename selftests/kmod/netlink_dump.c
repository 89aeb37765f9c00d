// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Dumps are whole, take time by the number of objects, and say when they were interrupted; and many
 * processes at once change and dump one node.
 */
#include "nl_rig.h"

static int make_circuits(struct nl *nl, uint32_t node, uint32_t from, uint32_t to)
{
	struct object o = relay(1);
	int err = 0;

	while (from < to && !err) {
		uint32_t end = from + 512 < to ? from + 512 : to;

		nl_begin(&m, MESHVPN_CMD_BATCH, 0);
		nl_u32(&m, MESHVPN_A_NODE_ID, node);
		for (; from < end; from++) {
			object_set(&o, MESHVPN_A_CIRCUIT_CIRCUIT, from);
			object_set(&o, MESHVPN_A_CIRCUIT_OUT_CIRCUIT, from);
			put_op(&m, &o, NEW);
		}
		err = nl_call(nl, &m, NULL);
	}
	return err;
}

/* Circuits in a dump, or 0 if one is there twice. In pieces, since memory costs time in a guest. */
static uint32_t dump_count(struct nl *nl, uint32_t node, uint32_t max)
{
	uint8_t *seen = calloc(max + 1, 1);
	uint32_t i, n, count = 0;
	struct nl_answer a;
	bool end = false;

	nl_answer_init(&a);
	nl_begin(&m, MESHVPN_CMD_CIRCUIT_GET, NLM_F_DUMP);
	nl_u32(&m, MESHVPN_A_NODE_ID, node);
	if (nl_send(nl, &m))
		end = true;
	while (!end) {
		size_t at = 0;

		a.len = a.count = 0;
		end = nl_receive(nl, &a);
		for (i = 0; i < a.count; i++, at += 4 + n) {
			uint64_t id;

			memcpy(&n, a.data + at, 4);
			id = nl_number(a.data + at + 4, n, MESHVPN_A_CIRCUIT, MESHVPN_A_CIRCUIT_CIRCUIT);
			if (id > max || seen[id]++)
				a.interrupted = true;
			count++;
		}
	}
	nl_answer_free(&a);
	free(seen);
	return a.err || a.interrupted ? 0 : count;
}

/* The fastest of five dumps, in seconds; 0: one was not whole. */
static double dump_time(struct nl *nl, uint32_t node, uint32_t circuits)
{
	double best = 1e9, start, took;
	int i;

	for (i = 0; i < 5; i++) {
		start = seconds();
		if (dump_count(nl, node, circuits) != circuits)
			return 0;
		took = seconds() - start;
		best = took < best ? took : best;
	}
	return best;
}

TEST_F_TIMEOUT(node, dumps_are_whole_and_linear, 200)
{
	const uint32_t few = 2000, many = 40000;
	int64_t id = node_make(&self->nl, &m, false, 65536);
	double few_time, many_time;

	ASSERT_GT(id, 0);
	ASSERT_EQ(object_call(&self->nl, &m, (uint32_t)id, object_link(1), NEW, NULL), 0);
	ASSERT_EQ(object_call(&self->nl, &m, (uint32_t)id, object_link(2), NEW, NULL), 0);
	ASSERT_EQ(make_circuits(&self->nl, (uint32_t)id, 1, few + 1), 0);
	few_time = dump_time(&self->nl, (uint32_t)id, few);
	EXPECT_GT(few_time, 0);
	ASSERT_EQ(make_circuits(&self->nl, (uint32_t)id, few + 1, many + 1), 0);
	many_time = dump_time(&self->nl, (uint32_t)id, many);
	EXPECT_GT(many_time, 0);
	TH_LOG("dump of %u: %.1f ms, of %u: %.1f ms", few, few_time * 1e3, many, many_time * 1e3);
	/* 20 times as many; quadratic would be 400, and a busy machine is worth some */
	EXPECT_LT(many_time, 160 * few_time);
}

TEST_F(node, dumps_say_that_they_were_interrupted)
{
	struct nl_answer a;
	struct nl other;

	ASSERT_EQ(nl_open(&other, &m), 0);
	ASSERT_EQ(make_circuits(&self->nl, self->id, 1, 900), 0);
	nl_answer_init(&a);
	nl_begin(&m, MESHVPN_CMD_CIRCUIT_GET, NLM_F_DUMP);
	nl_u32(&m, MESHVPN_A_NODE_ID, self->id);
	ASSERT_EQ(nl_send(&self->nl, &m), 0);
	ASSERT_FALSE(nl_receive(&self->nl, &a));
	EXPECT_FALSE(a.interrupted);
	EXPECT_EQ(object_call(&other, &m, self->id, relay(500), DEL, NULL), 0);
	while (!nl_receive(&self->nl, &a))
		;
	EXPECT_EQ(a.err, 0);
	EXPECT_TRUE(a.interrupted);
	EXPECT_GE(a.count, 898);
	nl_answer_free(&a);
	/* a node that goes ends its dump */
	nl_answer_init(&a);
	nl_begin(&m, MESHVPN_CMD_CIRCUIT_GET, NLM_F_DUMP);
	nl_u32(&m, MESHVPN_A_NODE_ID, self->id);
	ASSERT_EQ(nl_send(&self->nl, &m), 0);
	ASSERT_FALSE(nl_receive(&self->nl, &a));
	EXPECT_EQ(node_call(&other, MESHVPN_CMD_NODE_DEL, 0, self->id, NULL), 0);
	while (!nl_receive(&self->nl, &a))
		;
	EXPECT_EQ(a.err, -ENOENT);
	nl_answer_free(&a);
}

/* ---- many at once ---- */

/* One of several processes that change one node; the module must keep its head. */
static int worker(uint32_t node, uint32_t which)
{
	struct nl nl;
	uint32_t i;

	if (nl_open(&nl, &m))
		return 1;
	for (i = 0; i < 300; i++) {
		uint32_t k = 1 + (i * 7 + which * 3) % 40;

		object_call(&nl, &m, node, i % 3 ? relay(k) : terminus(k), i & 1 ? DEL : NEW, NULL);
		if (which == 1 && i % 10 == 0)
			object_call(&nl, &m, node, object_link(2), i % 20 ? DEL : NEW, NULL);
		if (which == 2 && i % 10 == 0)
			dump(&nl, node, MESHVPN_CMD_CIRCUIT_GET, NULL);
		if (which == 3 && i % 10 == 0)
			object_call(&nl, &m, node, object_device(2, "mv1"), i % 20 ? DEL : NEW, NULL);
		if (which == 4 && i % 50 == 0) {
			int64_t id = node_make(&nl, &m, true, 0);

			node_call(&nl, MESHVPN_CMD_NODE_DEL, 0, (uint32_t)id, NULL);
		}
	}
	return 0;
}

TEST_F_TIMEOUT(node, many_at_once, 200)
{
	int status, wrong = 0;
	uint32_t i;

	for (i = 0; i < 5; i++)
		if (!fork())
			_exit(worker(self->id, i));
	for (i = 0; i < 5; i++) {
		wait(&status);
		wrong |= status;
	}
	EXPECT_EQ(wrong, 0);
	EXPECT_EQ(CALL(object_link(1), GET), 0);
}

TEST_HARNESS_MAIN
