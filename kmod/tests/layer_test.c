// SPDX-License-Identifier: GPL-2.0
/*
 * Layers and the origin's onion, against RFC 8439 and vectors of an independent model: which
 * function is wrong when the conformance suite fails.
 */
#include <kunit/test.h>
#include <linux/hex.h>
#include <linux/random.h>

#include "layer.h"
#include "onion.h"
#include "vectors.h"

struct cells {
	u8 in[MV_CELL_MAX], want[MV_CELL_MAX], out[MV_CELL_MAX];
	u8 payload[MV_BODY_MAX], plain[MV_BODY_MAX];
	struct mv_onion_keys keys;
	u8 scratch[MV_ONION_SCRATCH] __aligned(64);
};

static int cells_init(struct kunit *test)
{
	test->priv = kunit_kzalloc(test, sizeof(struct cells) + 64, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, test->priv);
	test->priv = PTR_ALIGN(test->priv, 64);
	return 0;
}

static void read(struct kunit *test, u8 *to, const char *hex, u32 len)
{
	KUNIT_ASSERT_EQ(test, hex2bin(to, hex, len), 0);
}

#define cell_body(cell) ((cell) + MV_CELL_LAYER)

/* Each relay, and the terminus, of one case. */
static void forward_case(struct kunit *test, const struct vector_case *c)
{
	struct cells *x = test->priv;
	u8 key[MV_KEY_LEN];
	u32 i;

	for (i = 0; i < c->hops; i++) {
		const struct vector_hop *v = &c->forward.hop[i];

		read(test, key, v->key, MV_KEY_LEN);
		read(test, x->in, v->cell, MV_CELL_HEADER + c->body);
		if (i + 1 == c->hops)
			break;
		read(test, x->want, v[1].cell, MV_CELL_HEADER + c->body);
		KUNIT_ASSERT_TRUE(test, mv_layer_peel(x->out, x->in, key, v->counter, c->body));
		KUNIT_EXPECT_MEMEQ(test, cell_body(x->out), cell_body(x->want), MV_LAYER_LEN + c->body);
		x->in[MV_CELL_HEADER + c->body - 1] ^= 1;
		KUNIT_EXPECT_FALSE(test, mv_layer_peel(x->out, x->in, key, v->counter, c->body));
	}
	read(test, x->payload, c->forward.payload, c->payload);
	KUNIT_ASSERT_TRUE(test, mv_layer_open(x->plain, x->in, key, c->forward.hop[i].counter, c->body));
	KUNIT_EXPECT_MEMEQ(test, x->plain, x->payload, c->payload);
	x->in[MV_CELL_LAYER] ^= 0x80;
	KUNIT_EXPECT_FALSE(test, mv_layer_open(x->plain, x->in, key, c->forward.hop[i].counter, c->body));
}

static void backward_case(struct kunit *test, const struct vector_case *c)
{
	struct cells *x = test->priv;
	u32 i = c->hops - 1;
	const struct vector_hop *v = c->backward.hop;
	u8 key[MV_KEY_LEN];

	memset(x->payload, 0, sizeof(x->payload));
	read(test, x->payload, c->backward.payload, c->payload);
	read(test, key, v[i].key, MV_KEY_LEN);
	read(test, x->want, v[i].cell, MV_CELL_HEADER + c->body);
	mv_layer_seal(x->out, x->payload, key, v[i].counter, c->body);
	KUNIT_EXPECT_MEMEQ(test, cell_body(x->out), cell_body(x->want), MV_LAYER_LEN + c->body);
	while (i--) {
		read(test, x->in, v[i + 1].cell, MV_CELL_HEADER + c->body);
		read(test, x->want, v[i].cell, MV_CELL_HEADER + c->body);
		read(test, key, v[i].key, MV_KEY_LEN);
		mv_layer_add(x->out, x->in, key, v[i].counter, v[i + 1].counter, c->body);
		KUNIT_EXPECT_MEMEQ(test, cell_body(x->out), cell_body(x->want), MV_LAYER_LEN + c->body);
	}
}

static void read_keys(struct kunit *test, struct mv_onion_keys *keys, const struct vector_case *c)
{
	u32 i;

	keys->hops = c->hops;
	keys->reserve = c->reserve;
	for (i = 0; i < c->hops; i++) {
		read(test, keys->kf[i], c->forward.hop[i].key, MV_KEY_LEN);
		read(test, keys->kb[i], c->backward.hop[i].key, MV_KEY_LEN);
	}
}

static void unwrap_case(struct kunit *test, const struct vector_case *c)
{
	const struct vector_hop *v = c->backward.hop;
	u64 highest[MV_HOPS_MAX] = { 0 }, seen[MV_HOPS_MAX];
	struct cells *x = test->priv;
	int at;
	u32 i;

	read_keys(test, &x->keys, c);
	for (i = 0; i < c->hops; i++)
		highest[i] = v[i].highest;
	read(test, x->in, v[0].cell, MV_CELL_HEADER + c->body);
	read(test, x->payload, c->backward.payload, c->payload);
	at = mv_onion_unwrap(x->scratch, x->in, &x->keys, v[0].counter, highest, seen, c->body);
	KUNIT_ASSERT_GE(test, at, 0);
	KUNIT_EXPECT_MEMEQ(test, x->scratch + at, x->payload, c->payload);
	for (i = 0; i < c->hops; i++)
		KUNIT_EXPECT_EQ(test, seen[i], v[i].counter);
	/* a byte under the guard's tag, and a number that is not the cell's */
	x->in[MV_CELL_HEADER + c->body / 2] ^= 1;
	KUNIT_EXPECT_EQ(test, mv_onion_unwrap(x->scratch, x->in, &x->keys, v[0].counter, highest, seen,
					      c->body), -EBADMSG);
	x->in[MV_CELL_HEADER + c->body / 2] ^= 1;
	KUNIT_EXPECT_EQ(test, mv_onion_unwrap(x->scratch, x->in, &x->keys, v[0].counter + 1, highest,
					      seen, c->body), -EBADMSG);
}

/* The fill is random, so what was wrapped is taken apart again. */
static void wrap_case(struct kunit *test, const struct vector_case *c)
{
	struct cells *x = test->priv;
	u64 counter = 0x1234567890ULL;
	u32 i;

	read_keys(test, &x->keys, c);
	read(test, x->payload, c->forward.payload, c->payload);
	memcpy(x->scratch + mv_onion_payload_at(c->hops), x->payload, c->payload);
	mv_onion_wrap(x->in, x->scratch, &x->keys, counter, c->body);
	for (i = 0; i + 1 < c->hops; i++) {
		KUNIT_ASSERT_TRUE(test, mv_layer_peel(x->out, x->in, x->keys.kf[i], counter, c->body));
		memcpy(x->in, x->out, sizeof(x->in));
	}
	KUNIT_ASSERT_TRUE(test, mv_layer_open(x->plain, x->in, x->keys.kf[i], counter, c->body));
	KUNIT_EXPECT_MEMEQ(test, x->plain, x->payload, c->payload);
}

#define EACH_CASE(name)							\
static void name(struct kunit *test)					\
{									\
	u32 i;								\
									\
	for (i = 0; i < ARRAY_SIZE(vector_cases); i++)			\
		name##_case(test, &vector_cases[i]);			\
}
EACH_CASE(forward)
EACH_CASE(backward)
EACH_CASE(unwrap)
EACH_CASE(wrap)

/* Every number of hops, every class: what the few vectors leave out. */
static void all_hops(struct kunit *test)
{
	struct cells *x = test->priv;
	u32 hops, class, body, len, i;

	for (hops = 1; hops <= MV_HOPS_MAX; hops++)
		for (class = MV_SMALL; class < MV_CLASSES; class++) {
			body = mv_class_body(class);
			len = body - mv_reserve(hops);
			get_random_bytes(&x->keys, sizeof(x->keys));
			x->keys.hops = hops;
			x->keys.reserve = mv_reserve(hops);
			get_random_bytes(x->payload, len);
			memcpy(x->scratch + mv_onion_payload_at(hops), x->payload, len);
			mv_onion_wrap(x->in, x->scratch, &x->keys, MV_COUNTER_MAX, body);
			for (i = 0; i + 1 < hops; i++) {
				KUNIT_ASSERT_TRUE(test, mv_layer_peel(x->out, x->in, x->keys.kf[i],
								      MV_COUNTER_MAX, body));
				memcpy(x->in, x->out, sizeof(x->in));
			}
			KUNIT_ASSERT_TRUE(test, mv_layer_open(x->plain, x->in, x->keys.kf[i],
							      MV_COUNTER_MAX, body));
			KUNIT_EXPECT_MEMEQ(test, x->plain, x->payload, len);
		}
}

/*
 * RFC 8439, A.1, vector 2: the key stream of block 1 for a key and nonce of zeros, which is what
 * zeros are sealed into. The tag of 256 bytes of it, without associated data, is libsodium's, for
 * the RFC has none.
 */
static const char zeros_head[] = "9f07e7be5551387a98ba977c732d080d";
static const char zeros_tag[] = "1fac7141c7497f0836e63a19f2da453a";

static void zeros(struct kunit *test)
{
	struct cells *x = test->priv;
	u8 key[MV_KEY_LEN] = { 0 }, head[16], tag[16];

	read(test, head, zeros_head, sizeof(head));
	read(test, tag, zeros_tag, sizeof(tag));
	memset(x->payload, 0, sizeof(x->payload));
	mv_layer_seal(x->out, x->payload, key, 0, MV_BODY_SMALL);
	KUNIT_EXPECT_MEMEQ(test, x->out + MV_CELL_BODY, head, sizeof(head));
	KUNIT_EXPECT_MEMEQ(test, x->out + MV_CELL_LAYER, tag, sizeof(tag));
	KUNIT_EXPECT_TRUE(test, mv_layer_open(x->plain, x->out, key, 0, MV_BODY_SMALL));
	KUNIT_EXPECT_MEMEQ(test, x->plain, x->payload, MV_BODY_SMALL);
}

static struct kunit_case layer_cases[] = {
	KUNIT_CASE(forward),
	KUNIT_CASE(backward),
	KUNIT_CASE(unwrap),
	KUNIT_CASE(wrap),
	KUNIT_CASE(all_hops),
	KUNIT_CASE(zeros),
	{}
};

static struct kunit_suite layer_suite = {
	.name = "meshvpn-layer",
	.init = cells_init,
	.test_cases = layer_cases,
};

kunit_test_suite(layer_suite);
