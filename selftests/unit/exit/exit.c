// SPDX-License-Identifier: GPL-2.0-or-later
/* Address pools and the decision on BIND: proposals, rest, limits, families. */
#include <stdlib.h>

#include <kselftest_harness.h>
#include <exit/exit.h>

static u64 present, flushed, state = 1;

static void fake_random(void *arg, void *buf, size_t len)
{
	u8 *p = buf;

	while (len--) {
		state = state * 6364136223846793005ULL + 1442695040888963407ULL;
		*p++ = (u8)(state >> 56);
	}
}

static u64 fake_now(void *arg)
{
	return present;
}

static void fake_flush(void *arg, const u8 *addr, u8 width)
{
	flushed++;
}

static const struct exit_ops ops = { fake_random, fake_now, fake_flush };

static struct exit_conf conf(void)
{
	return (struct exit_conf){
		.pool4 = { 198, 18 }, .pool4_bits = 15, .pool6 = { 0xfd, 1, 2, 3 }, .pool6_bits = 48, .mtu = 1420,
	};
}

static struct bind_request want(u8 last)
{
	return (struct bind_request){
		.want = { .has4 = true, .has6 = true, .inner4 = { 198, 19, 0, last },
			  .inner6 = { 0xfd, 1, 2, 3, [15] = last } },
		.mtu = 1420,
	};
}

static enum wire_refusal bind_one(struct exit *x, const struct bind_request *q, struct bind_grant *g)
{
	u64 rate = 0, burst = 0;

	*g = (struct bind_grant){ 0 };
	return exit_bind(x, q, g, &rate, &burst);
}

TEST(proposal_is_granted_once)
{
	struct exit_conf c = conf();
	struct bind_request q = want(9);
	struct bind_grant a, b;
	struct exit *x;

	ASSERT_EQ(0, exit_new(&x, &c, &ops, NULL));
	ASSERT_EQ(REFUSAL_NONE, bind_one(x, &q, &a));
	EXPECT_EQ(0, memcmp(a.addresses.inner4, q.want.inner4, 4));
	EXPECT_EQ(0, memcmp(a.addresses.inner6, q.want.inner6, 16));
	EXPECT_EQ(1420, a.mtu);
	ASSERT_EQ(REFUSAL_NONE, bind_one(x, &q, &b));
	EXPECT_NE(0, memcmp(b.addresses.inner4, q.want.inner4, 4));
	EXPECT_EQ(198, b.addresses.inner4[0]);
	EXPECT_EQ(18, b.addresses.inner4[1] & 0xfe);
	EXPECT_EQ(2, exit_stats(x).held4);
	exit_free(x);
}

TEST(address_rests_after_release)
{
	struct exit_conf c = conf();
	struct bind_request q = want(9);
	struct bind_grant a, b;
	struct exit *x;

	present = flushed = 0;
	ASSERT_EQ(0, exit_new(&x, &c, &ops, NULL));
	ASSERT_EQ(REFUSAL_NONE, bind_one(x, &q, &a));
	exit_release(x, &a);
	EXPECT_EQ(2, flushed);
	exit_release(x, &a);		/* twice: nothing */
	EXPECT_EQ(2, flushed);
	present = 599 * NSEC_PER_SEC;
	ASSERT_EQ(REFUSAL_NONE, bind_one(x, &q, &b));
	EXPECT_NE(0, memcmp(b.addresses.inner4, q.want.inner4, 4));
	present = 601 * NSEC_PER_SEC;
	ASSERT_EQ(REFUSAL_NONE, bind_one(x, &q, &b));
	EXPECT_EQ(0, memcmp(b.addresses.inner4, q.want.inner4, 4));
	exit_free(x);
}

TEST(outside_the_pool_is_replaced)
{
	struct exit_conf c = conf();
	struct bind_request q = want(9);
	struct bind_grant g;
	struct exit *x;
	static const u8 bad[][4] = { { 10, 0, 0, 1 }, { 198, 18, 0, 0 }, { 198, 19, 255, 255 }, { 198, 20, 0, 1 } };
	size_t i;

	ASSERT_EQ(0, exit_new(&x, &c, &ops, NULL));
	for (i = 0; i < 4; i++) {
		memcpy(q.want.inner4, bad[i], 4);
		ASSERT_EQ(REFUSAL_NONE, bind_one(x, &q, &g));
		EXPECT_NE(0, memcmp(g.addresses.inner4, bad[i], 4));
		EXPECT_EQ(198, g.addresses.inner4[0]);
		EXPECT_EQ(18, g.addresses.inner4[1] & 0xfe);
	}
	exit_free(x);
}

TEST(limits_and_families)
{
	struct exit_conf c = conf();
	struct bind_request q = want(9);
	struct bind_grant g;
	struct exit *x;

	c.max_addresses = 2;
	c.pool6_bits = 0;
	ASSERT_EQ(0, exit_new(&x, &c, &ops, NULL));
	ASSERT_EQ(REFUSAL_NONE, bind_one(x, &q, &g));
	EXPECT_FALSE(g.addresses.has6);
	ASSERT_EQ(REFUSAL_NONE, bind_one(x, &q, &g));
	EXPECT_EQ(REFUSAL_ADDRESS, bind_one(x, &q, &g));
	EXPECT_EQ(1, exit_stats(x).refused_pool);
	q.want.has4 = false;
	EXPECT_EQ(REFUSAL_ADDRESS, bind_one(x, &q, &g));
	EXPECT_EQ(1, exit_stats(x).refused_family);
	q.mtu = 576;
	EXPECT_EQ(REFUSAL_POLICY, bind_one(x, &q, &g));
	exit_free(x);
	c.pool4_bits = 28;
	EXPECT_EQ(-EINVAL, exit_new(&x, &c, &ops, NULL));
}

TEST_HARNESS_MAIN
