// SPDX-License-Identifier: GPL-2.0
/*
 * The growing hash table: nothing is lost by growth, an element may go out and come back, and a
 * reader that looks all the time finds at every time what is there at every time.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/slab.h>

#include "hash.h"

#define ITEMS 4000
#define FIXED 64

struct item {
	struct mv_hash_node node;
	u64 key;
};

struct table {
	struct mv_hash hash;
	struct item *items;
};

static struct item *find(const struct mv_hash *h, u64 key)
{
	u32 hash = mv_hash_key(h, key), side;
	struct mv_hash_node *n;

	mv_hash_for_each(h, hash, n, side)
		if (container_of(n, struct item, node)->key == key)
			return container_of(n, struct item, node);
	return NULL;
}

static void add(struct table *t, u32 i)
{
	mv_hash_add(&t->hash, &t->items[i].node, mv_hash_key(&t->hash, t->items[i].key));
}

static int table_init(struct kunit *test)
{
	struct table *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, t);
	KUNIT_ASSERT_EQ(test, mv_hash_init(&t->hash, 4), 0);
	t->items = kvcalloc(ITEMS, sizeof(*t->items), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t->items);
	for (i = 0; i < ITEMS; i++)
		t->items[i].key = i * 0x100000001ULL;
	test->priv = t;
	return 0;
}

static void table_exit(struct kunit *test)
{
	struct table *t = test->priv;

	if (!t)
		return;
	synchronize_rcu();
	mv_hash_fini(&t->hash);
	kvfree(t->items);
}

static u32 found(const struct table *t, u32 from, u32 to)
{
	u32 i, n = 0;

	for (i = from; i < to; i++)
		n += find(&t->hash, t->items[i].key) == &t->items[i];
	return n;
}

static void grows(struct kunit *test)
{
	struct table *t = test->priv;
	u32 i, sides = 0;

	for (i = 0; i < ITEMS; i++) {
		add(t, i);
		if (i % 500 == 499) {
			mv_hash_grow(&t->hash);
			sides |= BIT(mv_hash_side(&t->hash));
			KUNIT_EXPECT_EQ(test, found(t, 0, ITEMS), i + 1);
			synchronize_rcu();
		}
	}
	synchronize_rcu();
	mv_hash_grow(&t->hash);
	KUNIT_EXPECT_EQ(test, t->hash.count, ITEMS);
	KUNIT_EXPECT_EQ(test, mv_hash_mask(&t->hash), 4095);
	KUNIT_EXPECT_EQ(test, sides, 3);
	KUNIT_EXPECT_EQ(test, found(t, 0, ITEMS), ITEMS);
}

/* A growth right after another would take nodes out from under a reader: it is put off. */
static void waits_for_readers(struct kunit *test)
{
	struct table *t = test->priv;
	u32 i, mask;

	for (i = 0; i < 100; i++)
		add(t, i);
	mv_hash_grow(&t->hash);
	mask = mv_hash_mask(&t->hash);
	KUNIT_EXPECT_EQ(test, mask, 127);
	for (; i < 1000; i++)
		add(t, i);
	/* nobody can have waited for a reader that is still here */
	rcu_read_lock();
	t->hash.grown = get_state_synchronize_rcu();
	mv_hash_grow(&t->hash);
	rcu_read_unlock();
	KUNIT_EXPECT_EQ(test, mv_hash_mask(&t->hash), mask);
	KUNIT_EXPECT_EQ(test, found(t, 0, 1000), 1000);
	synchronize_rcu();
	mv_hash_grow(&t->hash);
	KUNIT_EXPECT_EQ(test, mv_hash_mask(&t->hash), 1023);
	KUNIT_EXPECT_EQ(test, found(t, 0, 1000), 1000);
}

static void out_and_back(struct kunit *test)
{
	struct table *t = test->priv;
	struct mv_hash_node *n, *next;
	u32 i, bucket, seen = 0;

	for (i = 0; i < 200; i++)
		add(t, i);
	for (i = 0; i < 200; i += 2)
		mv_hash_del(&t->hash, &t->items[i].node);
	KUNIT_EXPECT_EQ(test, found(t, 0, 200), 100);
	KUNIT_EXPECT_NULL(test, find(&t->hash, t->items[0].key));
	mv_hash_grow(&t->hash);
	for (i = 0; i < 200; i += 2)
		add(t, i);
	KUNIT_EXPECT_EQ(test, found(t, 0, 200), 200);
	mv_hash_for_all(&t->hash, bucket, n, next) {
		mv_hash_del(&t->hash, n);
		seen++;
	}
	KUNIT_EXPECT_EQ(test, seen, 200);
	KUNIT_EXPECT_EQ(test, t->hash.count, 0);
	KUNIT_EXPECT_EQ(test, found(t, 0, ITEMS), 0);
}

struct reader {
	struct table *t;
	u64 missed, looked;
};

static int reader_run(void *arg)
{
	struct reader *r = arg;
	u32 i;

	while (!kthread_should_stop()) {
		rcu_read_lock();
		for (i = 0; i < FIXED; i++)
			r->missed += !find(&r->t->hash, r->t->items[i].key);
		rcu_read_unlock();
		r->looked++;
		cond_resched();
	}
	return 0;
}

static void reader_misses_nothing(struct kunit *test)
{
	struct table *t = test->priv;
	struct reader r = { .t = t };
	struct task_struct *task;
	u32 i, round;

	for (i = 0; i < FIXED; i++)
		add(t, i);
	task = kthread_run(reader_run, &r, "meshvpn-reader");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	for (round = 0; round < 6; round++) {
		for (i = FIXED; i < ITEMS; i++) {
			add(t, i);
			if (i % 256 == 0) {
				mv_hash_grow(&t->hash);
				cond_resched();
			}
		}
		for (i = FIXED; i < ITEMS; i++)
			mv_hash_del(&t->hash, &t->items[i].node);
		/* nodes go in again, so nobody may still be on their old chains */
		synchronize_rcu();
	}
	kthread_stop(task);
	KUNIT_EXPECT_EQ(test, r.missed, 0);
	KUNIT_EXPECT_GT(test, r.looked, 10);
}

static struct kunit_case hash_cases[] = {
	KUNIT_CASE(grows),
	KUNIT_CASE(waits_for_readers),
	KUNIT_CASE(out_and_back),
	KUNIT_CASE(reader_misses_nothing),
	{}
};

static struct kunit_suite hash_suite = {
	.name = "meshvpn-hash",
	.init = table_init,
	.exit = table_exit,
	.test_cases = hash_cases,
};

kunit_test_suite(hash_suite);
