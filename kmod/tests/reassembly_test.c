// SPDX-License-Identifier: GPL-2.0
/*
 * Packets through the packer and the reorder window, in order, shuffled, with losses, and with
 * payloads that nobody honest makes. Every packet says in itself which one it is.
 */
#include <kunit/test.h>
#include <linux/random.h>
#include <linux/prandom.h>

#include "reassembly.h"

#define MTU 1420
#define PAYLOAD 1280
#define CELLS 400
#define PACKETS 2000

struct stream {
	struct mv_reassembly_sink sink;
	struct mv_reassembly r;
	struct kunit *test;
	struct rnd_state random;
	u8 cells[CELLS][PAYLOAD];
	u32 cell_count, packet_count;
	u16 first[PACKETS], last[PACKETS];	/* cells that a packet lies in */
	u16 lens[PACKETS];
	u8 got[PACKETS];
	u32 delivered, order_broken, next;
	u8 packet[MTU];
};

static u32 pick(struct stream *s, u32 n)
{
	return prandom_u32_state(&s->random) % n;
}

static void make(u8 *p, u32 index, u32 len)
{
	u32 i;

	memset(p, 0, 20);
	p[0] = 0x45;
	mv_put_be16(p + 2, len);
	mv_put_be32(p + 12, index);
	for (i = 20; i < len; i++)
		p[i] = index * 31 + i * 7;
}

static void take(struct stream *s, const u8 *p, u32 len)
{
	u32 index = mv_get_be32(p + 12);

	KUNIT_ASSERT_LT(s->test, index, s->packet_count);
	KUNIT_EXPECT_EQ(s->test, len, s->lens[index]);
	make(s->packet, index, s->lens[index]);
	KUNIT_EXPECT_MEMEQ(s->test, s->packet, p, len);
	s->got[index]++;
	s->delivered++;
	s->order_broken += index < s->next;
	s->next = index + 1;
}

static void whole(const struct mv_reassembly_sink *sink, const u8 *packet, u32 len)
{
	take(container_of(sink, struct stream, sink), packet, len);
}

static void joined(const struct mv_reassembly_sink *sink, struct sk_buff *skb)
{
	take(container_of(sink, struct stream, sink), skb->data, skb->len);
	kfree_skb(skb);
}

static int stream_init(struct kunit *test)
{
	struct stream *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, s);
	s->test = test;
	s->sink = (struct mv_reassembly_sink){ whole, joined, NULL, 1000, MTU };
	prandom_seed_state(&s->random, 7);
	test->priv = s;
	return 0;
}

/* Lengths of many kinds; at every end of a cell headers get cut sooner or later. */
static u32 length(struct stream *s)
{
	switch (pick(s, 4)) {
	case 0:
		return 20 + pick(s, 40);
	case 1:
		return MTU;
	default:
		return 20 + pick(s, MTU - 19);
	}
}

/* Fill @cells payloads with packets; now and then one is left with room. */
static void pack(struct stream *s, u32 cells)
{
	struct mv_frame_packer p = {};
	u32 done = 0, index = 0;

	s->packet_count = 0;
	for (s->cell_count = 0; s->cell_count < cells; s->cell_count++) {
		mv_frame_begin(&p, s->cells[s->cell_count], PAYLOAD);
		while (mv_frame_room(&p)) {
			if (!mv_frame_rest(&p)) {
				if (s->cell_count + 3 > cells || !pick(s, 50))
					break;
				index = s->packet_count++;
				s->lens[index] = length(s);
				s->first[index] = s->cell_count;
				mv_frame_start(&p, s->lens[index]);
				done = 0;
			}
			make(s->packet, index, s->lens[index]);
			done += mv_frame_put(&p, s->packet + done, s->lens[index] - done);
			s->last[index] = s->cell_count;
		}
		mv_frame_end(&p);
	}
	memset(s->got, 0, sizeof(s->got));
	s->delivered = s->order_broken = s->next = 0;
}

static enum mv_frame_type input(struct stream *s, u32 cell)
{
	return mv_reassembly_input(&s->r, 4096 + cell, s->cells[cell], PAYLOAD, &s->sink);
}

static void finish(struct kunit *test, struct stream *s)
{
	mv_reassembly_fini(&s->r);
	KUNIT_EXPECT_EQ(test, s->r.held, 0);
	KUNIT_EXPECT_EQ(test, s->r.waiting, 0);
}

static void in_order(struct kunit *test)
{
	struct stream *s = test->priv;
	u32 i;

	pack(s, CELLS);
	for (i = 0; i < CELLS; i++) {
		KUNIT_EXPECT_EQ(test, input(s, i), MV_FRAME_STREAM);
		KUNIT_ASSERT_LE(test, s->r.held, 1);
		KUNIT_ASSERT_EQ(test, s->r.waiting, 0);
	}
	KUNIT_EXPECT_EQ(test, s->delivered, s->packet_count);
	KUNIT_EXPECT_EQ(test, s->order_broken, 0);
	KUNIT_EXPECT_EQ(test, s->r.held, 0);
	/* again: seen, or too old for anything but whole packets */
	KUNIT_EXPECT_EQ(test, input(s, CELLS - 1), MV_FRAME_UNKNOWN);
	finish(test, s);
}

/* In groups, within which the order is any. */
static void shuffled(struct kunit *test)
{
	struct stream *s = test->priv;
	u32 round, i, k, other, group = 8, order[8];

	for (round = 0; round < 20; round++) {
		pack(s, CELLS);
		for (i = 0; i < CELLS; i += group) {
			for (k = 0; k < group; k++)
				order[k] = i + k;
			for (k = group - 1; k; k--) {
				other = pick(s, k + 1);
				swap(order[k], order[other]);
			}
			for (k = 0; k < group; k++)
				input(s, order[k]);
			KUNIT_ASSERT_LE(test, s->r.held, 1);
			KUNIT_ASSERT_EQ(test, s->r.waiting, 0);
		}
		KUNIT_EXPECT_EQ(test, s->delivered, s->packet_count);
		for (i = 0; i < s->packet_count; i++)
			KUNIT_ASSERT_EQ(test, s->got[i], 1);
		finish(test, s);
	}
}

/* A loss costs the packets that had bytes in the lost cell, and no others. */
static void losses(struct kunit *test)
{
	struct stream *s = test->priv;
	u8 lost[CELLS];
	u32 round, i, k;

	for (round = 0; round < 20; round++) {
		pack(s, CELLS);
		for (i = 0; i < CELLS; i++) {
			lost[i] = !pick(s, 10);
			if (lost[i])
				continue;
			input(s, i);
			s->sink.now += NSEC_PER_MSEC;
			mv_reassembly_expire(&s->r, s->sink.now);
			KUNIT_ASSERT_LE(test, s->r.held, 25);
		}
		for (i = 0; i < s->packet_count; i++) {
			bool whole_way = true;

			for (k = s->first[i]; k <= s->last[i]; k++)
				whole_way = whole_way && !lost[k];
			KUNIT_ASSERT_EQ(test, s->got[i], whole_way);
		}
		finish(test, s);
	}
}

/* What waits in vain is dropped when its time is over, or when there is too much of it. */
static void bounds(struct kunit *test)
{
	struct stream *s = test->priv;
	u32 i;

	pack(s, CELLS);
	for (i = 0; i < CELLS; i += 2) {
		input(s, i);
		KUNIT_ASSERT_LE(test, s->r.held, MV_REASSEMBLY_HELD);
	}
	KUNIT_EXPECT_GT(test, s->r.counters.limited + s->r.counters.lost, 0);
	KUNIT_EXPECT_GT(test, s->r.waiting, 0);
	s->sink.now += MV_REASSEMBLY_TIME - 1;
	KUNIT_EXPECT_TRUE(test, mv_reassembly_expire(&s->r, s->sink.now));
	KUNIT_EXPECT_FALSE(test, mv_reassembly_expire(&s->r, s->sink.now + 1));
	KUNIT_EXPECT_EQ(test, s->r.waiting, 0);
	finish(test, s);
}

/* Control cells lie between those of the stream and carry none of it. */
static void control(struct kunit *test)
{
	struct stream *s = test->priv;
	u8 message[PAYLOAD];
	u64 counter = 1;
	u32 i;

	mv_frame_control(message, PAYLOAD, (const u8 *)"hello", 5);
	pack(s, CELLS);
	for (i = 0; i < CELLS; i++) {
		if (i % 3 == 1)
			KUNIT_EXPECT_EQ(test, mv_reassembly_input(&s->r, counter++, message, PAYLOAD,
								  &s->sink), MV_FRAME_CONTROL);
		mv_reassembly_input(&s->r, counter++, s->cells[i], PAYLOAD, &s->sink);
	}
	KUNIT_EXPECT_EQ(test, s->delivered, s->packet_count);
	finish(test, s);
}

static void nothing_whole(const struct mv_reassembly_sink *sink, const u8 *packet, u32 len)
{
	struct stream *s = container_of(sink, struct stream, sink);

	KUNIT_EXPECT_GE(s->test, len, 20);
	KUNIT_EXPECT_LE(s->test, len, MTU);
}

static void nothing_joined(const struct mv_reassembly_sink *sink, struct sk_buff *skb)
{
	nothing_whole(sink, skb->data, skb->len);
	kfree_skb(skb);
}

/* Anything goes in, in any order, and nothing breaks; KASAN looks on. */
static void hostile(struct kunit *test)
{
	struct stream *s = test->priv;
	u8 *payload = s->cells[0];
	u64 counter = 4096;
	u32 i, at;

	s->sink.whole = nothing_whole;
	s->sink.joined = nothing_joined;
	for (i = 0; i < 50000; i++) {
		prandom_bytes_state(&s->random, payload, 200);
		payload[0] = pick(s, 20) ? MV_SUBTYPE_STREAM : payload[0];
		payload[1] = 0;
		mv_put_be16(payload + 2, pick(s, 30) ? pick(s, PAYLOAD - 3) : pick(s, 65536));
		for (at = 4 + mv_get_be16(payload + 2); at < PAYLOAD - 6 && pick(s, 4); at += 20 + pick(s, 400)) {
			payload[at] = pick(s, 2) ? 0x45 : 0x60;
			mv_put_be16(payload + at + 2, pick(s, 1600));
			mv_put_be16(payload + at + 4, pick(s, 1600));
		}
		counter += pick(s, 300) ? pick(s, 4) : pick(s, 600);
		s->sink.mtu = pick(s, 20) ? MTU : 1280 + pick(s, 500);
		s->sink.now += pick(s, 1000000);
		mv_reassembly_input(&s->r, counter - pick(s, 12), payload, PAYLOAD - pick(s, 2) * 1000, &s->sink);
		s->sink.mtu = MTU;
		if (!pick(s, 10))
			mv_reassembly_expire(&s->r, s->sink.now);
		KUNIT_ASSERT_LE(test, s->r.held, MV_REASSEMBLY_HELD);
	}
	finish(test, s);
}

static struct kunit_case reassembly_cases[] = {
	KUNIT_CASE(in_order),
	KUNIT_CASE(shuffled),
	KUNIT_CASE(losses),
	KUNIT_CASE(bounds),
	KUNIT_CASE(control),
	KUNIT_CASE(hostile),
	{}
};

static struct kunit_suite reassembly_suite = {
	.name = "meshvpn-reassembly",
	.init = stream_init,
	.test_cases = reassembly_cases,
};

kunit_test_suite(reassembly_suite);
