// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Layers: batches of mixed circuits, classes and lengths of path from the origin through every
 * relay to the end and back, against the protocol's rules; what origin and hops refuse; the
 * completion of counters. The exact bytes are the test vectors' business (selftests/wire).
 */
#include <kselftest_harness.h>

#include <sodium.h>

#include <datapath/onion.h>

#define CELLS 150	/* more than a batch */
#define GUARD 64	/* bytes after a cell that nobody may touch */

struct hop {
	u64 forward, backward;	/* counters */
};

struct cell {
	struct onion_keys keys;
	u64 highest[MV_HOPS_MAX];
	u64 numbers[MV_HOPS_MAX];
	u32 body;
	u8 payload[MV_BODY_MAX];
	u8 fill[MV_RESERVE_LONG];
	u8 buf[2][MV_CELL_MAX + GUARD];
	u8 scratch[ONION_SCRATCH];
};

static struct cell cells[CELLS];

static void make_cell(struct cell *c, u32 hops)
{
	u32 h;

	randombytes_buf(c, sizeof(*c));
	c->keys.hops = hops;
	c->keys.reserve = mv_reserve(hops);
	if (hops <= MV_HOPS_SHORT && randombytes_uniform(3) == 0)
		c->keys.reserve = MV_RESERVE_LONG;
	c->body = mv_class_body(randombytes_uniform(MV_CLASSES));
	for (h = 0; h < MV_HOPS_MAX; h++) {
		c->numbers[h] &= MV_COUNTER_MAX;
		/* at most 2^31 away, either side, in range */
		c->highest[h] = c->numbers[h] + randombytes_uniform(1U << 31);
		if (randombytes_uniform(2) || c->highest[h] > MV_COUNTER_MAX)
			c->highest[h] = c->numbers[h] > 1U << 31 ?
					c->numbers[h] - randombytes_uniform(1U << 31) : 0;
	}
	memset(c->buf[0] + MV_CELL_HEADER + c->body, 0xa5, GUARD);
	memset(c->buf[1] + MV_CELL_HEADER + c->body, 0xa5, GUARD);
}

static u32 overrun(const struct cell *c)
{
	u32 n = 0, i, k;

	for (k = 0; k < 2; k++)
		for (i = 0; i < GUARD; i++)
			n += c->buf[k][MV_CELL_HEADER + c->body + i] != 0xa5;
	return n;
}

static void wrap_all(u32 n)
{
	struct onion_wrap w[CELLS];
	u32 i;

	for (i = 0; i < n; i++) {
		struct cell *c = &cells[i];

		w[i] = (struct onion_wrap) {
			.keys = &c->keys, .counter = c->numbers[0], .body = c->body, .cell = c->buf[0],
			.scratch = c->scratch, .fill = c->fill,
		};
		memcpy(onion_payload(&c->keys, c->buf[0], c->scratch), c->payload,
		       onion_payload_len(&c->keys, c->body));
	}
	onion_wrap(w, n);
}

/* Carry buf[0] to the end; how many hops verified it. The payload is then in *@at. */
static u32 walk_forward(struct cell *c, u8 **at)
{
	struct aead_job job;
	u32 h, k = 0;

	for (h = 0; h < c->keys.hops; h++) {
		if (h + 1 == c->keys.hops)
			onion_open(&job, c->keys.kf[h], c->numbers[0], c->buf[k], c->body);
		else
			onion_peel(&job, c->keys.kf[h], c->numbers[0], c->buf[k], c->buf[!k], c->body);
		aead_run(&job, 1);
		if (!job.ok)
			break;
		*at = c->buf[k] + MV_CELL_BODY;
		k = !k;
	}
	return h;
}

/* Seal at the end, carry to the origin: the cell is in buf[*k]. */
static void walk_backward(struct cell *c, u32 *k)
{
	u32 h = c->keys.hops - 1;
	struct aead_job job;

	*k = 0;
	memcpy(c->buf[0] + MV_CELL_BODY, c->payload, onion_payload_len(&c->keys, c->body));
	onion_seal(&job, c->keys.kb[h], c->numbers[h], c->buf[0], c->body, c->keys.reserve);
	aead_run(&job, 1);
	while (h--) {
		onion_add(&job, c->keys.kb[h], c->numbers[h], c->buf[*k], c->numbers[h + 1], c->buf[!*k],
			  c->body);
		aead_run(&job, 1);
		*k = !*k;
	}
}

static void unwrap_all(struct onion_unwrap *u, const u32 *k, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		u[i] = (struct onion_unwrap) {
			.keys = &cells[i].keys, .highest = cells[i].highest, .cell = cells[i].buf[k[i]],
			.body = cells[i].body, .scratch = cells[i].scratch,
			.counters = { cells[i].numbers[0] },
		};
	onion_unwrap(u, n);
}

TEST(forward)
{
	u32 round, i, n;
	u8 *at;

	for (round = 0; round < 8; round++) {
		n = round == 7 ? CELLS : 1 + randombytes_uniform(CELLS);
		for (i = 0; i < n; i++)
			make_cell(&cells[i], 1 + (i + round) % MV_HOPS_MAX);
		wrap_all(n);
		for (i = 0; i < n; i++) {
			struct cell *c = &cells[i];

			ASSERT_EQ(c->keys.hops, walk_forward(c, &at));
			EXPECT_EQ(0, memcmp(at, c->payload, onion_payload_len(&c->keys, c->body)));
			EXPECT_EQ(0, overrun(c));
		}
	}
}

/* A bit changed anywhere on the way into hop h is refused by hop h. */
TEST(forward_tampered)
{
	u32 hops, h, i, len;
	u8 *at;

	for (hops = 1; hops <= MV_HOPS_MAX; hops++)
		for (i = 0; i < 30; i++) {
			struct cell *c = &cells[0];
			struct aead_job job;
			u32 target = randombytes_uniform(hops), k = 0;

			make_cell(c, hops);
			wrap_all(1);
			for (h = 0; h < target; h++, k = !k) {
				onion_peel(&job, c->keys.kf[h], c->numbers[0], c->buf[k], c->buf[!k],
					   c->body);
				aead_run(&job, 1);
				ASSERT_TRUE(job.ok);
			}
			len = MV_LAYER_LEN + c->body;
			c->buf[k][MV_CELL_LAYER + randombytes_uniform(len)] ^= 1 << randombytes_uniform(8);
			onion_peel(&job, c->keys.kf[h], c->numbers[0], c->buf[k], c->buf[!k], c->body);
			aead_run(&job, 1);
			EXPECT_FALSE(job.ok);
			/* as is another number */
			make_cell(c, hops);
			wrap_all(1);
			c->numbers[0] ^= 1;
			EXPECT_EQ(0, walk_forward(c, &at));
		}
}

TEST(backward)
{
	static struct onion_unwrap u[CELLS];
	u32 k[CELLS], round, i, h, n;
	u64 before[CELLS][MV_HOPS_MAX];

	for (round = 0; round < 8; round++) {
		n = round == 7 ? CELLS : 1 + randombytes_uniform(CELLS);
		for (i = 0; i < n; i++) {
			make_cell(&cells[i], 1 + (i + round) % MV_HOPS_MAX);
			memcpy(before[i], cells[i].highest, sizeof(before[i]));
			walk_backward(&cells[i], &k[i]);
		}
		unwrap_all(u, k, n);
		for (i = 0; i < n; i++) {
			struct cell *c = &cells[i];

			ASSERT_TRUE(u[i].ok);
			EXPECT_EQ(0, memcmp(u[i].payload, c->payload,
					    onion_payload_len(&c->keys, c->body)));
			EXPECT_EQ(0, overrun(c));
			for (h = 0; h < c->keys.hops; h++) {
				u64 max = before[i][h] > c->numbers[h] ? before[i][h] : c->numbers[h];

				EXPECT_EQ(c->numbers[h], u[i].counters[h]);
				EXPECT_EQ(max, c->highest[h]);
			}
			for (; h < MV_HOPS_MAX; h++)
				EXPECT_EQ(before[i][h], c->highest[h]);
		}
	}
}

/*
 * A batch in which some cells are spoilt: those fail, move no number, and the others come through.
 * The reserve of the end's own cell is not looked at, whatever is in it.
 */
TEST(backward_tampered)
{
	static struct onion_unwrap u[CELLS];
	u32 k[CELLS], i, len, round;
	bool spoilt[CELLS], reserve[CELLS];
	u64 before[CELLS][MV_HOPS_MAX];

	for (round = 0; round < 8; round++) {
		for (i = 0; i < CELLS; i++) {
			struct cell *c = &cells[i];

			make_cell(c, 1 + randombytes_uniform(MV_HOPS_MAX));
			memcpy(before[i], c->highest, sizeof(before[i]));
			walk_backward(c, &k[i]);
			len = c->body + MV_LAYER_LEN;
			reserve[i] = c->keys.hops == 1 && randombytes_uniform(2);
			spoilt[i] = !reserve[i] && randombytes_uniform(2);
			if (c->keys.hops == 1)	/* no layer above covers the reserve */
				len -= c->keys.reserve;
			if (spoilt[i])
				c->buf[k[i]][MV_CELL_LAYER + randombytes_uniform(len)] ^= 4;
			if (reserve[i])
				c->buf[k[i]][MV_CELL_LAYER + len + randombytes_uniform(c->keys.reserve)] ^= 4;
		}
		unwrap_all(u, k, CELLS);
		for (i = 0; i < CELLS; i++) {
			EXPECT_EQ(!spoilt[i], u[i].ok);
			EXPECT_EQ(!spoilt[i], u[i].payload != NULL);
			if (spoilt[i])
				EXPECT_EQ(0, memcmp(before[i], cells[i].highest, sizeof(before[i])));
		}
	}
}

/* A terminus cannot count hops: what it writes into the reserve changes nothing at any length. */
TEST(reserve_is_ignored)
{
	u32 hops, r, h, k;

	for (hops = 1; hops <= MV_HOPS_MAX; hops++)
		for (r = 0; r < mv_reserve(hops); r++) {
			struct cell *c = &cells[0];
			struct onion_unwrap u;
			struct aead_job job;

			make_cell(c, hops);
			c->keys.reserve = mv_reserve(hops);
			memcpy(c->buf[0] + MV_CELL_BODY, c->payload, c->body - c->keys.reserve);
			h = hops - 1;
			onion_seal(&job, c->keys.kb[h], c->numbers[h], c->buf[0], c->body, c->keys.reserve);
			aead_run(&job, 1);
			c->buf[0][MV_CELL_BODY + c->body - c->keys.reserve + r] ^= 0x10;
			for (k = 0; h--; k = !k) {
				onion_add(&job, c->keys.kb[h], c->numbers[h], c->buf[k], c->numbers[h + 1],
					  c->buf[!k], c->body);
				aead_run(&job, 1);
			}
			unwrap_all(&u, &k, 1);
			EXPECT_TRUE(u.ok);
		}
}

TEST(counters_are_completed_next_to_the_highest)
{
	const u64 g = 1ULL << 32;

	EXPECT_EQ(4096, onion_complete(4096, 0));
	EXPECT_EQ(5 * g + 7, onion_complete(7, 5 * g + 3));
	EXPECT_EQ(5 * g + 7, onion_complete(7, 5 * g - 3));
	EXPECT_EQ(5 * g - 7, onion_complete((u32)-7, 5 * g + 3));
	EXPECT_EQ(5 * g - 7, onion_complete((u32)-7, 5 * g - 3));
	EXPECT_EQ(0xfffffff0, onion_complete(0xfffffff0, 0));	/* nothing below zero */
	EXPECT_EQ(MV_COUNTER_MAX, onion_complete(0xffffffff, MV_COUNTER_MAX - 5));
	EXPECT_EQ((u64)255 * g, onion_complete(0, MV_COUNTER_MAX));	/* nothing above 2^40 */
}

TEST_HARNESS_MAIN
