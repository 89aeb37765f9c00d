// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The replay window against a model that remembers every number.
 */
#include <kselftest_harness.h>

#include <stdlib.h>

#include <meshvpn/replay.h>

#define RANGE 200000

static u8 seen[RANGE];

static u32 rnd(u32 below)
{
	return (u32)random() % below;
}

/* Numbers around a top that moves on by at most @jump. */
static u32 run(u32 jump, u32 spread, u64 base)
{
	struct mv_replay w;
	u64 top = 0, highest = 0;
	u32 wrong = 0, steps = 0;
	bool any = false;

	memset(seen, 0, sizeof(seen));
	mv_replay_init(&w);
	while (top < RANGE - jump - 1 && steps++ < 400000) {
		u64 n = top - (spread < top ? rnd(spread) : 0);
		bool want = !seen[n] && (!any || n > highest || highest - n < MV_REPLAY_WINDOW);

		wrong += mv_replay_check(&w, base + n) != want;
		if (rnd(10)) {	/* some never verify */
			wrong += mv_replay_commit(&w, base + n) != want;
			seen[n] = 1;
			highest = !any || n > highest ? n : highest;
			any = true;
		}
		top += rnd(3) ? 0 : rnd(jump);
	}
	return wrong;
}

TEST(against_model)
{
	static const u32 jumps[] = { 2, 5, 64, 65, 700, 2048, 2200, 5000 };
	static const u32 spreads[] = { 1, 10, 64, 1000, 2048, 2049, 2112, 4000 };
	u32 j, s;

	for (j = 0; j < 8; j++)
		for (s = 0; s < 8; s++) {
			EXPECT_EQ(0, run(jumps[j], spreads[s], 0));
			EXPECT_EQ(0, run(jumps[j], spreads[s], 4096));
			EXPECT_EQ(0, run(jumps[j], spreads[s], (1ULL << 40) - RANGE));
		}
}

TEST(edges)
{
	struct mv_replay w;

	mv_replay_init(&w);
	EXPECT_TRUE(mv_replay_check(&w, 0));
	EXPECT_TRUE(mv_replay_commit(&w, 0));
	EXPECT_FALSE(mv_replay_commit(&w, 0));
	EXPECT_TRUE(mv_replay_commit(&w, (1ULL << 40) - 1));
	EXPECT_FALSE(mv_replay_commit(&w, 0));
	EXPECT_FALSE(mv_replay_check(&w, (1ULL << 40) - 1 - MV_REPLAY_WINDOW));
	EXPECT_TRUE(mv_replay_commit(&w, (1ULL << 40) - MV_REPLAY_WINDOW));
}

TEST_HARNESS_MAIN
