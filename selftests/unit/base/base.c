// SPDX-License-Identifier: GPL-2.0-or-later
/* The containers that everything stands on: cursors, lists, tables, timers, buckets, endpoints. */
#include <stdlib.h>

#include <kselftest_harness.h>
#include <base/bucket.h>
#include <base/cursor.h>
#include <base/endpoint.h>
#include <base/list.h>
#include <base/timer.h>

TEST(cursor_stays_bad_after_its_end)
{
	static const u8 bytes[] = { 1, 2, 3, 4, 5, 6, 7 };
	struct cursor c = cursor_of(bytes, sizeof(bytes));

	EXPECT_EQ(1, cursor_u8(&c));
	EXPECT_EQ(0x0302, cursor_le16(&c));
	EXPECT_FALSE(cursor_done(&c));
	EXPECT_EQ(0x07060504, cursor_le32(&c));
	EXPECT_TRUE(cursor_done(&c));
	EXPECT_EQ(0, cursor_u8(&c));
	EXPECT_TRUE(c.bad);
	EXPECT_FALSE(cursor_done(&c));

	c = cursor_of(bytes, 3);
	EXPECT_EQ(0, cursor_le32(&c));
	EXPECT_EQ(0, cursor_u8(&c));	/* although one is left: bad stays bad */
	c = cursor_of(bytes, 3);
	EXPECT_EQ(NULL, cursor_take(&c, SIZE_MAX));
	c = cursor_of(bytes, 3);
	EXPECT_TRUE(cursor_part(&c, 4).bad);
}

TEST(writer_writes_nothing_past_its_end)
{
	u8 buf[8];
	struct writer w = writer_of(buf, 7);

	memset(buf, 0xee, sizeof(buf));
	writer_le32(&w, 0x04030201);
	writer_le32(&w, 1);
	writer_u8(&w, 1);
	EXPECT_TRUE(w.bad);
	EXPECT_EQ(4, writer_len(&w));
	EXPECT_EQ(0xee, buf[4]);
	EXPECT_EQ(0xee, buf[7]);
}

struct item {
	struct hnode node;
	int value;
};

TEST(table_finds_what_was_added)
{
	struct htable t;
	struct item *items = calloc(1000, sizeof(*items));
	int i;

	ASSERT_EQ(0, htable_init(&t, 64, 42));
	for (i = 0; i < 1000; i++)
		htable_add(&t, &items[i].node, i * 7);
	EXPECT_EQ(1000, t.count);
	for (i = 0; i < 1000; i += 2)
		htable_del(&t, &items[i].node);
	for (i = 0; i < 1000; i++)
		EXPECT_EQ(i % 2 ? &items[i].node : NULL, htable_find(&t, i * 7));
	EXPECT_EQ(NULL, htable_find(&t, 3));
	htable_fini(&t);
	free(items);
}

static u32 fired_count;

static u64 last_seen;
static struct timers *running;

static void in_order(struct timer *t)
{
	u64 *due = (u64 *)(t + 1);

	if (*due < last_seen)
		abort();
	last_seen = *due;
	fired_count++;
}

TEST(timers_fire_in_order)
{
	struct {
		struct timer t;
		u64 due;
	} *all = calloc(1000, sizeof(*all));
	struct timers ts;
	u32 i, cancelled = 0;

	timers_init(&ts, 0);
	EXPECT_EQ(TIMER_NEVER, timers_next(&ts));
	fired_count = 0;
	for (i = 0; i < 1000; i++) {
		all[i].due = (i * 7919) % 5003;
		timer_init(&all[i].t, in_order);
		ASSERT_EQ(0, timer_arm(&ts, &all[i].t, all[i].due));
	}
	for (i = 0; i < 1000; i += 3, cancelled++)
		timer_cancel(&ts, &all[i].t);
	for (i = 1; i < 1000; i += 3) {
		all[i].due += 100;	/* re-armed while armed */
		ASSERT_EQ(0, timer_arm(&ts, &all[i].t, all[i].due));
	}
	timers_run(&ts, 2500);
	EXPECT_LE(last_seen, 2500);
	EXPECT_GT(timers_next(&ts), 2500);
	timers_run(&ts, 10000);
	EXPECT_EQ(1000 - cancelled, fired_count);
	timers_fini(&ts);
	free(all);
}

static void again(struct timer *t)
{
	if (++fired_count < 5)
		timer_arm(running, t, running->now + 10);
}

TEST(timer_may_arm_itself)
{
	struct timers ts;
	struct timer t;

	timers_init(&ts, 0);
	running = &ts;
	fired_count = 0;
	timer_init(&t, again);
	timer_arm(&ts, &t, 5);
	timers_run(&ts, 5);
	EXPECT_EQ(1, fired_count);
	timers_run(&ts, 15);
	EXPECT_EQ(2, fired_count);
	EXPECT_TRUE(timer_armed(&t));
	timers_fini(&ts);
}

TEST(bucket_gives_its_rate)
{
	struct bucket b;
	u32 got = 0;
	u64 now;

	bucket_init(&b, 1000, 100);
	for (now = 1; got < 200 && bucket_take(&b, 1, 1); )
		got++;
	EXPECT_GE(got, 99);
	EXPECT_LE(got, 101);
	for (got = 0, now = 1; now < 10 * NSEC_PER_SEC; now += NSEC_PER_MSEC / 2)
		got += bucket_take(&b, now, 1);
	EXPECT_GE(got, 9900);
	EXPECT_LE(got, 10101);
	bucket_init(&b, 0, 0);
	EXPECT_TRUE(bucket_take(&b, 0, UINT32_MAX));
}

static bool contactable(const char *text, bool private)
{
	struct endpoint e;

	return !endpoint_parse(&e, text) && endpoint_contactable(&e, private);
}

TEST(endpoints_that_must_not_be_contacted)
{
	static const char *const never[] = {
		"127.0.0.1:1", "0.0.0.0:1", "169.254.1.1:1", "224.0.0.1:1", "255.255.255.255:1", "198.18.0.1:1",
		"[::1]:1", "[::]:1", "[fe80::1]:1", "[ff02::1]:1", "[::ffff:127.0.0.1]:1", "[64:ff9b::7f00:1]:1",
		"[2002:7f00:1::]:1", "[::127.0.0.1]:1", "[64:ff9b:1::7f00:1]:1", "8.8.8.8:0", "240.0.0.1:1",
	};
	static const char *const private[] = {
		"10.0.0.1:1", "172.31.0.1:1", "192.168.1.1:1", "100.64.0.1:1", "[fd00::1]:1", "[2001:db8::1]:1",
		"[::ffff:10.0.0.1]:1", "[2002:a00:1::]:1",
	};
	static const char *const public[] = { "8.8.8.8:53", "172.32.0.1:1", "[2600::1]:1", "[64:ff9b::808:808]:1" };
	size_t i;

	for (i = 0; i < sizeof(never) / sizeof(*never); i++) {
		EXPECT_FALSE(contactable(never[i], false)) TH_LOG("entry %zu", i);
		EXPECT_FALSE(contactable(never[i], true)) TH_LOG("entry %zu", i);
	}
	for (i = 0; i < sizeof(private) / sizeof(*private); i++) {
		EXPECT_FALSE(contactable(private[i], false)) TH_LOG("entry %zu", i);
		EXPECT_TRUE(contactable(private[i], true)) TH_LOG("entry %zu", i);
	}
	for (i = 0; i < sizeof(public) / sizeof(*public); i++)
		EXPECT_TRUE(contactable(public[i], false)) TH_LOG("entry %zu", i);
}

TEST(endpoint_text_and_back)
{
	static const char *const good[] = { "192.0.2.1:4470", "[2001:db8::1]:65535" };
	static const char *const bad[] = { "192.0.2.1", "192.0.2.1:", "192.0.2.1:65536", "[::1:1", "::1:1x", ":1", "x:1", "[]:1" };
	char text[ENDPOINT_TEXT];
	struct endpoint e;
	size_t i;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, endpoint_parse(&e, good[i]));
		EXPECT_STREQ(good[i], endpoint_text(&e, text));
	}
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		EXPECT_NE(0, endpoint_parse(&e, bad[i])) TH_LOG("entry %zu", i);
}

TEST(endpoint_through_a_dual_stack_socket)
{
	struct sockaddr_storage ss;
	struct endpoint a, b;
	socklen_t len;

	ASSERT_EQ(0, endpoint_parse(&a, "192.0.2.1:4470"));
	len = endpoint_to_sockaddr(&a, &ss, true);
	EXPECT_EQ(AF_INET6, ss.ss_family);
	ASSERT_EQ(0, endpoint_from_sockaddr(&b, (struct sockaddr *)&ss, len));
	EXPECT_TRUE(endpoint_equal(&a, &b));
	EXPECT_EQ(endpoint_network(&a), endpoint_network(&b));
	EXPECT_NE(0, endpoint_from_sockaddr(&b, (struct sockaddr *)&ss, 4));
}

TEST_HARNESS_MAIN
