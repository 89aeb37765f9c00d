// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Batches happen as a whole or not at all, wherever they fail, and selectors may be longer than an
 * attribute.
 */
#include "nl_rig.h"

/* Where op @at begins in the message. */
static uint32_t op_offset(uint32_t at)
{
	uint32_t pos = NLMSG_HDRLEN + GENL_HDRLEN + 8;
	struct nlattr a;

	for (; at; at--) {
		memcpy(&a, m.data + pos, sizeof(a));
		pos += NLA_ALIGN(a.nla_len);
	}
	return pos;
}

TEST_F(node, a_batch_is_undone_wherever_it_fails)
{
	struct step steps[32], bad[3] = {
		{ object_link(77), DEL }, { object_session(5, 44, 0, 0), NEW }, { object_link(78), NEW },
	};
	uint32_t n = steps_fill(steps), i, k;
	char *before, *after;
	size_t len, len2;
	struct nl_answer a;
	static const int errs[] = { -ENOENT, -ENOENT, -EINVAL };

	ASSERT_EQ(before_batch(&self->nl, self->id), 0);
	before = state(&self->nl, self->id, &len);
	ASSERT_NE(before, NULL);
	/* the third is refused before anything is tried */
	object_bytes(&bad[2].object, MESHVPN_A_LINK_UP_RATE, "four", 4);
	for (i = 0; i <= n; i++)
		for (k = 0; k < 3; k++) {
			put_batch(self->id, steps, n, i, &bad[k]);
			EXPECT_EQ(nl_call(&self->nl, &m, &a), errs[k]) {
				TH_LOG("at %u: %s", i, a.text);
			}
			EXPECT_TRUE(k == 2 || a.cookie == i);
			EXPECT_GE(a.offs, op_offset(i));
			EXPECT_LT(a.offs, i < n ? op_offset(i + 1) : m.len);
			EXPECT_NE(a.text[0], 0);
			after = state(&self->nl, self->id, &len2);
			ASSERT_NE(after, NULL);
			ASSERT_EQ(len, len2) { TH_LOG("at %u", i); }
			ASSERT_EQ(memcmp(before, after, len), 0) { TH_LOG("at %u", i); }
			free(after);
		}
	put_batch(self->id, steps, n, 0, NULL);
	EXPECT_EQ(nl_call(&self->nl, &m, &a), 0) { TH_LOG("op %u: %s", a.cookie, a.text); }
	/* the device that was let go is free */
	EXPECT_EQ(CALL(object_device(1, "mv0"), NEW), 0);
	free(before);
}

TEST_F(node, shapes_of_batches)
{
	struct object o = object_link(5);
	struct nl_answer a;
	size_t op;
	uint32_t i;

	/* none, an op without a verb, without an object, with two */
	nl_begin(&m, MESHVPN_CMD_BATCH, 0);
	nl_u32(&m, MESHVPN_A_NODE_ID, self->id);
	EXPECT_EQ(nl_call(&self->nl, &m, &a), -EINVAL);
	EXPECT_EQ(a.miss_type, MESHVPN_A_OP);
	for (i = 0; i < 3; i++) {
		nl_begin(&m, MESHVPN_CMD_BATCH, 0);
		nl_u32(&m, MESHVPN_A_NODE_ID, self->id);
		op = nl_nest(&m, MESHVPN_A_OP);
		if (i)
			nl_u32(&m, MESHVPN_A_OP_VERB, NEW);
		if (i != 1)
			put_fields(&m, &o, NEW, MESHVPN_A_OP_LINK, 0);
		if (i == 2)
			put_fields(&m, &o, DEL, MESHVPN_A_OP_SESSION, 0);
		nl_nest_end(&m, op);
		EXPECT_EQ(nl_call(&self->nl, &m, &a), -EINVAL);
		EXPECT_GE(a.offs, (uint32_t)op);
	}
	/* the most, and one more */
	for (i = 0; i < 2; i++) {
		uint32_t k;

		nl_begin(&m, MESHVPN_CMD_BATCH, 0);
		nl_u32(&m, MESHVPN_A_NODE_ID, self->id);
		for (k = 0; k < MESHVPN_BATCH_OPS_MAX / 2; k++) {
			put_op(&m, &o, NEW);
			put_op(&m, &o, DEL);
		}
		if (i)
			put_op(&m, &o, NEW);
		EXPECT_EQ(nl_call(&self->nl, &m, &a), i ? -E2BIG : 0) { TH_LOG("%s", a.text); }
	}
	EXPECT_EQ(CALL(o, GET), -ENOENT);
}

TEST_F(node, selectors_longer_than_an_attribute)
{
	struct nl_answer a;
	uint32_t i;
	int batch;

	for (batch = 0; batch < 2; batch++) {
		put_prefixes(self->id, MESHVPN_PREFIXES_MAX, batch, false);
		EXPECT_EQ(nl_call(&self->nl, &m, &a), 0) { TH_LOG("%s", a.text); }
		EXPECT_EQ(dump(&self->nl, self->id, MESHVPN_CMD_SELECTOR_GET, &a), 0);
		EXPECT_GT(a.count, 1);
		EXPECT_GT(a.len, MESHVPN_PREFIXES_MAX * 36);
		for (i = 0; i < a.count; i++) {
			size_t n;
			const uint8_t *p = nl_message(&a, i, &n);

			EXPECT_EQ(nl_number(p, n, MESHVPN_A_SELECTOR, MESHVPN_A_SELECTOR_MORE), i ? 0 : ~0ULL);
		}
		nl_answer_free(&a);
		put_prefixes(self->id, MESHVPN_PREFIXES_MAX + 1, batch, false);
		EXPECT_EQ(nl_call(&self->nl, &m, &a), -ENOSPC);
		EXPECT_EQ(type_at(a.offs), MESHVPN_A_SELECTOR_PREFIX);
		put_prefixes(self->id, 10, batch, true);
		EXPECT_EQ(nl_call(&self->nl, &m, &a), -EINVAL);
	}
	EXPECT_EQ(CALL((struct object){ .kind = SELECTOR }, SET), -EINVAL);
	/* a part that goes on with something else */
	nl_begin(&m, MESHVPN_CMD_BATCH, 0);
	nl_u32(&m, MESHVPN_A_NODE_ID, self->id);
	put_op(&m, &(struct object){ .kind = LINK, .count = 1,
		.fields = { { MESHVPN_A_LINK_ID, NAME, 4, { 5 } } } }, NEW);
	i = (uint32_t)m.len;
	put_prefixes(self->id, 10, true, true);
	EXPECT_EQ(nl_call(&self->nl, &m, NULL), -EINVAL);
}

TEST_HARNESS_MAIN
