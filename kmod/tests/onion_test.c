// SPDX-License-Identifier: GPL-2.0
/*
 * The way back through any number of hops, and what an exit may try with the reserve: layer_test.c
 * has the vectors, this what they leave out.
 */
#include <kunit/test.h>
#include <linux/random.h>

#include "layer.h"
#include "onion.h"

struct back {
	u8 cell[MV_CELL_MAX], next[MV_CELL_MAX], payload[MV_BODY_MAX];
	struct mv_onion_keys keys;
	u64 counters[MV_HOPS_MAX], highest[MV_HOPS_MAX], seen[MV_HOPS_MAX];
	u8 scratch[MV_ONION_SCRATCH] __aligned(64);
};

static int back_init(struct kunit *test)
{
	test->priv = kunit_kzalloc(test, sizeof(struct back) + 64, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, test->priv);
	test->priv = PTR_ALIGN(test->priv, 64);
	return 0;
}

/* Keys and numbers of @hops hops; the highest numbers seen lie somewhat before or behind. */
static void draw(struct back *b, u32 hops)
{
	u32 i;

	get_random_bytes(&b->keys, sizeof(b->keys));
	b->keys.hops = hops;
	b->keys.reserve = mv_reserve(hops);
	for (i = 0; i < hops; i++) {
		b->counters[i] = (1ULL << 33) + get_random_u64() % (1ULL << 39);
		b->highest[i] = b->counters[i] + get_random_u32() % 100000 - 50000;
	}
}

/* What comes to the origin from a terminus that seals @b->payload, all @body bytes of it. */
static void send_back(struct back *b, u32 body)
{
	u32 i = b->keys.hops - 1;

	mv_layer_seal(b->cell, b->payload, b->keys.kb[i], b->counters[i], body);
	while (i--) {
		mv_layer_add(b->next, b->cell, b->keys.kb[i], b->counters[i], b->counters[i + 1], body);
		memcpy(b->cell, b->next, sizeof(b->cell));
	}
}

static int unwrap(struct back *b, u32 body)
{
	return mv_onion_unwrap(b->scratch, b->cell, &b->keys, b->counters[0], b->highest, b->seen, body);
}

/* Of the first @len bytes of the body or of the tag one bit: of one hop the reserve is not looked at. */
static void spoil(struct back *b, u32 len)
{
	b->cell[MV_CELL_LAYER + get_random_u32() % (MV_LAYER_LEN + len)] ^= 1 << get_random_u32() % 8;
}

static void one(struct kunit *test, struct back *b, u32 hops, u32 body)
{
	u32 len = body - mv_reserve(hops);
	int at;

	draw(b, hops);
	get_random_bytes(b->payload, len);
	memset(b->payload + len, 0, body - len);
	send_back(b, body);
	at = unwrap(b, body);
	KUNIT_ASSERT_GE(test, at, 0);
	KUNIT_EXPECT_MEMEQ(test, b->scratch + at, b->payload, len);
	KUNIT_EXPECT_MEMEQ(test, b->seen, b->counters, hops * sizeof(u64));
	spoil(b, hops == 1 ? len : body);
	KUNIT_EXPECT_EQ(test, unwrap(b, body), -EBADMSG);
	/* a reserve that is not zeros: refused however many hops there are, in particular for one */
	b->payload[len + get_random_u32() % (body - len)] ^= 1;
	send_back(b, body);
	KUNIT_EXPECT_EQ(test, unwrap(b, body), -EBADMSG);
}

static void backward(struct kunit *test)
{
	u32 hops, class, round;

	for (round = 0; round < 5; round++)
		for (hops = 1; hops <= MV_HOPS_MAX; hops++)
			for (class = MV_SMALL; class < MV_CLASSES; class++)
				one(test, test->priv, hops, mv_class_body(class));
}

static void padding(struct kunit *test)
{
	u8 a[MV_RESERVE_LONG], b[MV_RESERVE_LONG];
	u32 i, same = 0;

	for (i = 0; i < 2000; i++) {
		mv_onion_fill(a, sizeof(a) - i % 48);
		mv_onion_fill(b, sizeof(b) - i % 48);
		same += !memcmp(a, b, 8);
	}
	KUNIT_EXPECT_EQ(test, same, 0);
}

static struct kunit_case onion_cases[] = {
	KUNIT_CASE(backward),
	KUNIT_CASE(padding),
	{}
};

static struct kunit_suite onion_suite = {
	.name = "meshvpn-onion",
	.init = back_init,
	.test_cases = onion_cases,
};

kunit_test_suite(onion_suite);
