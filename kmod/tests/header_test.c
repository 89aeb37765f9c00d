// SPDX-License-Identifier: GPL-2.0
/* Header protection as the kernel's compiler makes it, against vectors of an independent model. */
#include <kunit/test.h>
#include <linux/hex.h>
#include <meshvpn/header.h>

#include "vectors.h"

struct hop {
	struct mv_header_keys keys;
	u64 link;
	u8 cell[MV_CELL_MAX];
};

static void read_hop(struct kunit *test, struct hop *h, const struct vector_hop *v, u32 body)
{
	u8 tag[16], mask[16], link[8] = { 0 };

	KUNIT_ASSERT_EQ(test, hex2bin(tag, v->tag, 16), 0);
	KUNIT_ASSERT_EQ(test, hex2bin(mask, v->mask, 16), 0);
	KUNIT_ASSERT_EQ(test, hex2bin(link, v->link, MV_LINK_ID_LEN), 0);
	KUNIT_ASSERT_EQ(test, hex2bin(h->cell, v->cell, MV_CELL_HEADER + body), 0);
	mv_header_keys_init(&h->keys, tag, mask);
	h->link = mv_get_le64(link);
}

static void check_hop(struct kunit *test, struct hop *h, const struct vector_hop *v, u32 body)
{
	struct mv_header header;
	u8 sealed[MV_CELL_HEADER];
	u32 i;

	KUNIT_EXPECT_TRUE(test, mv_cell_shape(h->cell, MV_CELL_HEADER + body));
	KUNIT_EXPECT_EQ(test, mv_cell_link(h->cell), h->link);
	KUNIT_ASSERT_TRUE(test, mv_header_open(h->cell, &h->keys, body, &header));
	KUNIT_EXPECT_EQ(test, header.circuit, v->circuit);
	KUNIT_EXPECT_EQ(test, header.counter, v->counter);
	memset(sealed, 0, MV_CELL_LAYER);
	memcpy(sealed + MV_CELL_LAYER, h->cell + MV_CELL_LAYER, MV_LAYER_LEN);
	mv_header_seal(sealed, &h->keys, h->link, v->circuit, v->counter, body, v->bits);
	KUNIT_EXPECT_MEMEQ(test, sealed, h->cell, MV_CELL_HEADER);
	/* every bit after the first byte, which says only that it is a cell */
	for (i = 8; i < MV_CELL_HEADER * 8; i++) {
		h->cell[i / 8] ^= 1 << i % 8;
		KUNIT_EXPECT_FALSE_MSG(test, mv_header_open(h->cell, &h->keys, body, &header), "bit %u", i);
		h->cell[i / 8] ^= 1 << i % 8;
	}
	KUNIT_EXPECT_FALSE(test, mv_header_open(h->cell, &h->keys, body + 1, &header));
}

static void vectors(struct kunit *test)
{
	struct hop *h = kunit_kzalloc(test, sizeof(*h), GFP_KERNEL);
	const struct vector_case *c;
	u32 i, k;

	KUNIT_ASSERT_NOT_NULL(test, h);
	for (i = 0; i < ARRAY_SIZE(vector_cases); i++)
		for (k = 0; k < 2 * vector_cases[i].hops; k++) {
			c = &vector_cases[i];
			read_hop(test, h, k % 2 ? &c->backward.hop[k / 2] : &c->forward.hop[k / 2], c->body);
			check_hop(test, h, k % 2 ? &c->backward.hop[k / 2] : &c->forward.hop[k / 2], c->body);
		}
}

static struct kunit_case header_cases[] = {
	KUNIT_CASE(vectors),
	{}
};

static struct kunit_suite header_suite = {
	.name = "meshvpn-header",
	.test_cases = header_cases,
};

kunit_test_suite(header_suite);
