// SPDX-License-Identifier: GPL-2.0-or-later
/* What the tables are made of: the flat hash, locked memory for keys, and the rings between threads. */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <kselftest_harness.h>

#include "datapath/flat.h"
#include "datapath/ring.h"
#include "datapath/secret.h"

#define KEYS 5000

TEST(flat)
{
	static u64 keys[KEYS];
	static bool in[KEYS];
	struct flat f;
	u32 i, k, count = 0;

	flat_init(&f, 12345);
	EXPECT_EQ(NULL, flat_find(&f, 5));
	flat_del(&f, 5);
	for (i = 0; i < KEYS; i++)
		keys[i] = i < 100 ? i : (u64)random() << 24 ^ (u64)i;
	for (i = 0; i < 60000; i++) {
		k = (u32)random() % KEYS;
		if (in[k]) {
			flat_del(&f, keys[k]);
			count--;
		} else {
			ASSERT_EQ(0, flat_reserve(&f, 1));
			flat_add(&f, keys[k], &keys[k]);
			count++;
		}
		in[k] = !in[k];
		ASSERT_EQ(count, f.count);
		k = (u32)random() % KEYS;
		ASSERT_EQ(in[k] ? &keys[k] : NULL, flat_find(&f, keys[k]));
	}
	for (k = 0; k < KEYS; k++)
		ASSERT_EQ(in[k] ? &keys[k] : NULL, flat_find(&f, keys[k]));
	flat_fini(&f);
}

TEST(secret)
{
	struct secrets s;
	u8 *blocks[600];
	u32 i, k, len;

	secrets_init(&s);
	EXPECT_EQ(NULL, secret_alloc(&s, SECRET_MAX + 1));
	EXPECT_EQ(NULL, secret_alloc(&s, 0));
	for (i = 0; i < 600; i++) {
		len = 1 + i % SECRET_MAX;
		blocks[i] = secret_alloc(&s, len);
		ASSERT_NE(NULL, blocks[i]);
		EXPECT_EQ(0, (uintptr_t)blocks[i] % 64);
		for (k = 0; k < len; k++)
			ASSERT_EQ(0, blocks[i][k]);
		memset(blocks[i], (int)i, len);
	}
	for (i = 0; i < 600; i++)
		for (k = 0; k < 1 + i % SECRET_MAX; k++)
			ASSERT_EQ((u8)i, blocks[i][k]);
	/* erased when given back but for the chain, and zero when taken again */
	secret_free(&s, blocks[300], 301);
	for (k = sizeof(void *); k < 301; k++)
		ASSERT_EQ(0, blocks[300][k]);
	EXPECT_EQ(blocks[300], secret_alloc(&s, 301));
	for (k = 0; k < 301; k++)
		ASSERT_EQ(0, blocks[300][k]);
	secret_free(&s, NULL, 64);
	secrets_fini(&s);
}

#define RECORDS 100000

static void *reader(void *arg)
{
	struct ring *r = arg;
	u32 expected = 0, len, i;
	u8 *p;

	while (expected < RECORDS) {
		p = ring_peek(r, &len);
		if (!p) {
			sched_yield();
			continue;
		}
		if (len != 4 + expected % 700)
			return "length";
		if (memcmp(p, &expected, 4))
			return "number";
		for (i = 4; i < len; i++)
			if (p[i] != (u8)expected)
				return "content";
		ring_release(r);
		expected++;
	}
	return NULL;
}

TEST(ring)
{
	struct ring *r = ring_new(4096);
	pthread_t thread;
	void *wrong;
	u32 i, len;

	ASSERT_NE(NULL, r);
	EXPECT_EQ(NULL, ring_peek(r, &len));
	EXPECT_EQ(NULL, ring_reserve(r, 4096));
	EXPECT_EQ(NULL, ring_reserve(r, 2048));
	ASSERT_EQ(0, pthread_create(&thread, NULL, reader, r));
	for (i = 0; i < RECORDS; i++) {
		u8 *p;

		len = 4 + i % 700;
		while (!(p = ring_reserve(r, len)))
			sched_yield();
		memcpy(p, &i, 4);
		memset(p + 4, (int)i, len - 4);
		ring_commit(r);
	}
	pthread_join(thread, &wrong);
	EXPECT_EQ(NULL, wrong) TH_LOG("%s", (char *)wrong);
	ring_free(r);
}

/* Full is full, whatever the place in the ring. */
TEST(ring_full)
{
	struct ring *r = ring_new(1024);
	u32 len, n, round;

	for (round = 0; round < 1000; round++) {
		for (n = 0; ring_reserve(r, 100); n++)
			ring_commit(r);
		EXPECT_LE(8, n);
		EXPECT_GE(9, n);
		while (n--) {
			ASSERT_NE(NULL, ring_peek(r, &len));
			EXPECT_EQ(100, len);
			ring_release(r);
		}
		EXPECT_EQ(NULL, ring_peek(r, &len));
		ASSERT_NE(NULL, ring_reserve(r, 30));
		ring_commit(r);
		ASSERT_NE(NULL, ring_peek(r, &len));
		ring_release(r);
	}
	ring_free(r);
}

TEST_HARNESS_MAIN
