// SPDX-License-Identifier: GPL-2.0
/*
 * The replay window of the shared header as the kernel's compiler makes it, against a list of what
 * was seen: an error here is silent everywhere else.
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/random.h>
#include <meshvpn/replay.h>

#define NUMBERS 20000

struct model {
	DECLARE_BITMAP(seen, NUMBERS);
	u64 next;
};

static bool model_take(struct model *m, u64 n)
{
	if (n + MV_REPLAY_WINDOW < m->next || test_bit(n, m->seen))
		return false;
	set_bit(n, m->seen);
	m->next = max(m->next, n + 1);
	return true;
}

static void random_order(struct kunit *test)
{
	struct mv_replay *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);
	struct model *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	u32 i, n, taken = 0;

	KUNIT_ASSERT_NOT_NULL(test, w);
	KUNIT_ASSERT_NOT_NULL(test, m);
	for (i = 0; i < 4 * NUMBERS; i++) {
		/* forward on the whole, back by up to one and a half windows */
		n = i / 4 + get_random_u32() % (MV_REPLAY_WINDOW * 3 / 2);
		if (n >= NUMBERS)
			continue;
		KUNIT_ASSERT_EQ_MSG(test, mv_replay_check(w, n), !test_bit(n, m->seen) &&
				    n + MV_REPLAY_WINDOW >= m->next, "check of %u", n);
		KUNIT_ASSERT_EQ_MSG(test, mv_replay_commit(w, n), model_take(m, n), "commit of %u", n);
		taken += test_bit(n, m->seen);
	}
	KUNIT_EXPECT_GT(test, taken, NUMBERS / 2);
}

static void edges(struct kunit *test)
{
	struct mv_replay w;

	mv_replay_init(&w);
	KUNIT_EXPECT_TRUE(test, mv_replay_commit(&w, 0));
	KUNIT_EXPECT_FALSE(test, mv_replay_commit(&w, 0));
	KUNIT_EXPECT_TRUE(test, mv_replay_commit(&w, MV_REPLAY_WINDOW));
	KUNIT_EXPECT_FALSE(test, mv_replay_commit(&w, 0));
	KUNIT_EXPECT_TRUE(test, mv_replay_commit(&w, 1));
	/* a jump over the whole window clears every word */
	KUNIT_EXPECT_TRUE(test, mv_replay_commit(&w, 1ULL << 39));
	KUNIT_EXPECT_FALSE(test, mv_replay_commit(&w, (1ULL << 39) - MV_REPLAY_WINDOW));
	KUNIT_EXPECT_TRUE(test, mv_replay_commit(&w, (1ULL << 39) - MV_REPLAY_WINDOW + 1));
	KUNIT_EXPECT_FALSE(test, mv_replay_commit(&w, (1ULL << 39) - MV_REPLAY_WINDOW + 1));
}

static struct kunit_case replay_cases[] = {
	KUNIT_CASE(random_order),
	KUNIT_CASE(edges),
	{}
};

static struct kunit_suite replay_suite = {
	.name = "meshvpn-replay",
	.test_cases = replay_cases,
};

kunit_test_suite(replay_suite);
