// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Framing and reassembly: random streams of packets, control cells and padding through random
 * loss, duplication and reordering, against a model that only knows which bytes of which packet
 * went into which cell; and the single rules of the protocol's section on payloads.
 */
#include <kselftest_harness.h>

#include <stdio.h>
#include <stdlib.h>

#include <datapath/reassembly.h>

#define MAX_PACKETS 400
#define MAX_CELLS 3000
#define MTU 1500

static u64 rng_state = 0x9e3779b97f4a7c15ULL;

static u32 rnd(u32 below)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return (u32)(rng_state >> 20) % below;
}

struct packet {
	u32 len;
	u32 first, last;	/* cells */
	bool whole, delivered;
	u8 data[MTU];
};

struct stream {
	u32 payload_len;
	u32 packets, cells, open;
	struct packet packet[MAX_PACKETS];
	u8 payload[MAX_CELLS][1328];
	bool control[MAX_CELLS];
	/* the sink */
	u32 wrong, twice;
};

/* A packet with its number in it. */
static void make_packet(struct packet *p, u32 number, u32 len)
{
	u32 i;

	p->len = len;
	p->delivered = false;
	for (i = 0; i < len; i++)
		p->data[i] = (u8)rnd(256);
	if (len > MV_IPV6_HEADER && rnd(2)) {
		p->data[0] = 0x60;
		mv_put_be16(p->data + 4, (u16)(len - MV_IPV6_HEADER));
	} else {
		p->data[0] = 0x45;
		mv_put_be16(p->data + 2, (u16)len);
	}
	mv_put_be32(p->data + 16, number);
}

static u32 packet_len(u32 shape)
{
	switch (shape) {
	case 0: return 20 + rnd(100);
	case 1: return 20 + rnd(MTU - 19);
	case 2: return rnd(3) ? MTU : 40;
	default: return 20 + rnd(20) * rnd(70);
	}
}

/* Pack random packets; with @ragged some cells end early and control cells lie between. */
static void make_stream(struct stream *s, u32 payload_len, u32 shape, bool ragged)
{
	struct mv_frame_packer p = { 0 };
	u32 put = 0, next = 0, start;

	memset(s, 0, sizeof(*s));
	s->payload_len = payload_len;
	s->packets = 100 + rnd(MAX_PACKETS - 100);
	while ((next < s->packets || mv_frame_rest(&p)) && s->cells < MAX_CELLS - 1) {
		u8 *payload = s->payload[s->cells];

		if (ragged && !rnd(8)) {
			mv_frame_control(payload, payload_len, (const u8 *)"abc", 3);
			s->control[s->cells++] = true;
			continue;
		}
		mv_frame_begin(&p, payload, payload_len);
		while (mv_frame_room(&p)) {
			struct packet *k;

			if (!mv_frame_rest(&p)) {
				if (next == s->packets || (ragged && !rnd(10)))
					break;
				k = &s->packet[next];
				make_packet(k, next++, packet_len(shape));
				k->first = s->cells;
				mv_frame_start(&p, k->len);
				put = 0;
			}
			k = &s->packet[next - 1];
			/* in segments */
			start = 1 + rnd(k->len - put);
			put += mv_frame_put(&p, k->data + put, start);
			k->last = s->cells;
			k->whole = k->first == k->last;
		}
		mv_frame_end(&p);
		s->cells++;
	}
	s->open = mv_frame_rest(&p) != 0;	/* out of cells: the last is not complete */
	s->packets = next - s->open;
}

static void sink(void *arg, const u8 *data, u32 len)
{
	struct stream *s = arg;
	u32 number = len >= 20 ? mv_get_be32(data + 16) : MAX_PACKETS;

	if (number >= s->packets || s->packet[number].len != len ||
	    memcmp(s->packet[number].data, data, len)) {
		s->wrong++;
		return;
	}
	s->twice += s->packet[number].delivered;
	s->packet[number].delivered = true;
}

static struct reassembly_conf conf = {
	.buffers = 600, .per_circuit = 600, .mtu = MTU, .time_ns = REASSEMBLY_TIME_NS,
};

FIXTURE(reassembly) {
	struct reassembly_pool pool;
	struct reassembly r;
	struct stream *s;
};

FIXTURE_SETUP(reassembly)
{
	self->s = malloc(sizeof(*self->s));
	ASSERT_EQ(0, reassembly_pool_init(&self->pool, &conf));
	reassembly_init(&self->r, &self->pool);
}

FIXTURE_TEARDOWN(reassembly)
{
	reassembly_fini(&self->r);
	reassembly_pool_fini(&self->pool);
	free(self->s);
}

/* Deliver with @loss, @dup in 100 and a reordering by less than @window cells. */
static void run(struct stream *s, struct reassembly *r, u64 first, u32 loss, u32 dup, u32 window,
		bool *lost)
{
	u32 order[2 * MAX_CELLS], key[2 * MAX_CELLS], n = 0, i, j;

	for (i = 0; i < s->cells; i++) {
		lost[i] = rnd(100) < loss;
		for (j = 0; !lost[i] && j < (rnd(100) < dup ? 2 : 1); j++) {
			order[n] = i;
			key[n++] = i + rnd(window);
		}
	}
	for (i = 1; i < n; i++) {	/* stable insertion sort by key */
		u32 o = order[i], k = key[i];

		for (j = i; j && key[j - 1] > k; j--) {
			order[j] = order[j - 1];
			key[j] = key[j - 1];
		}
		order[j] = o;
		key[j] = k;
	}
	for (i = 0; i < n; i++)
		reassembly_input(r, first + order[i], s->payload[order[i]], s->payload_len, i, sink, s);
}

/* Number of packets that should have come and did not, plus those that came without cause. */
static u32 wrong(struct stream *s, const bool *lost)
{
	u32 i, c, n = 0;

	for (i = 0; i < s->packets; i++) {
		bool expect = true;

		/* also control cells between: without them nobody knows what they were */
		for (c = s->packet[i].first; c <= s->packet[i].last; c++)
			expect &= !lost[c];
		n += expect != s->packet[i].delivered;
	}
	return n + s->wrong + s->twice;
}

static const u32 lens[] = { 112, 208, 1008, 1104, 1184, 1280 };

TEST_F(reassembly, in_order)
{
	bool lost[MAX_CELLS];
	u32 i;

	for (i = 0; i < 120; i++) {
		make_stream(self->s, lens[i % 6], i % 4, i & 1);
		run(self->s, &self->r, 4096, 0, 0, 1, lost);
		ASSERT_EQ(0, wrong(self->s, lost));
		EXPECT_EQ(self->s->open, self->r.held);
		EXPECT_EQ(0, self->pool.counters.broken + self->pool.counters.lost);
		reassembly_fini(&self->r);
	}
}

TEST_F(reassembly, loss_reorder_duplicates)
{
	bool lost[MAX_CELLS];
	u32 i;

	for (i = 0; i < 600; i++) {
		make_stream(self->s, lens[i % 6], i / 6 % 4, i & 1);
		run(self->s, &self->r, rnd(2) ? 4096 : rnd(1000), i % 3 ? rnd(30) : 0, rnd(20),
		    1 + rnd(rnd(2) ? 4 : 120), lost);
		ASSERT_EQ(0, wrong(self->s, lost)) {
			TH_LOG("round %u, %u cells", i, self->s->cells);
		}
		reassembly_expire(&self->pool, ~0ULL);
		EXPECT_GE(1, self->r.held);	/* an open tail at most */
		reassembly_fini(&self->r);
		EXPECT_EQ(0, self->r.held);
	}
	EXPECT_EQ(0, self->pool.counters.limited);
	EXPECT_LT(0, self->pool.counters.lost);
}

/* Beyond the window nothing wrong comes out, and what is whole always does. */
TEST_F(reassembly, far_reordering)
{
	bool lost[MAX_CELLS];
	u32 i, k, missing;

	for (i = 0; i < 60; i++) {
		make_stream(self->s, 208, 3, i & 1);
		run(self->s, &self->r, 4096, 5, 0, 700, lost);
		for (missing = k = 0; k < self->s->packets; k++)
			missing += self->s->packet[k].whole && !lost[self->s->packet[k].first] &&
				   !self->s->packet[k].delivered;
		EXPECT_EQ(0, missing);
		EXPECT_EQ(0, self->s->wrong + self->s->twice);
		reassembly_fini(&self->r);
	}
	EXPECT_LT(0, self->pool.counters.late);
}

/* Too few buffers cost packets, never order, bytes or memory. */
TEST_F(reassembly, scarce_buffers)
{
	static struct reassembly_conf small = { 5, 4, MTU, REASSEMBLY_TIME_NS };
	struct reassembly_pool pool;
	struct reassembly r[3];
	bool lost[MAX_CELLS];
	u32 i;

	ASSERT_EQ(0, reassembly_pool_init(&pool, &small));
	for (i = 0; i < 3; i++)
		reassembly_init(&r[i], &pool);
	for (i = 0; i < 90; i++) {
		make_stream(self->s, lens[i % 6], i / 6 % 4, i & 1);
		run(self->s, &r[i % 3], 4096 + i * 10000, 20, 5, 60, lost);
		EXPECT_EQ(0, self->s->wrong + self->s->twice);
		EXPECT_GE(4, r[i % 3].held);
		EXPECT_GE(5, r[0].held + r[1].held + r[2].held);
	}
	EXPECT_LT(0, pool.counters.limited);
	for (i = 0; i < 3; i++)
		reassembly_fini(&r[i]);
	reassembly_pool_fini(&pool);
}

static void count(void *arg, const u8 *data, u32 len)
{
	(*(u32 *)arg)++;
}

/* A packet over cells 0 and 2, cell 1 control; cell 0 expires 10 ms after cell 2 came. */
TEST_F(reassembly, expiry)
{
	struct mv_frame_packer p = { 0 };
	u8 pay[3][208], packet[300] = { 0x45, 0, 300 >> 8, 300 & 0xff };
	u64 ms = 1000000;
	u32 n = 0;

	mv_frame_begin(&p, pay[0], 208);
	ASSERT_EQ(204, mv_frame_add(&p, packet, 300));
	mv_frame_end(&p);
	ASSERT_TRUE(mv_frame_control(pay[1], 208, packet, 204));
	ASSERT_FALSE(mv_frame_control(pay[1], 208, packet, 205));
	mv_frame_begin(&p, pay[2], 208);
	ASSERT_EQ(96, mv_frame_put(&p, packet + 204, 96));
	mv_frame_end(&p);

	/* open, nothing missing: no clock runs */
	EXPECT_EQ(MV_FRAME_STREAM, reassembly_input(&self->r, 5000, pay[0], 208, 0, count, &n));
	EXPECT_EQ(0, reassembly_expire(&self->pool, 1000 * ms));
	EXPECT_EQ(1, self->r.held);
	/* a gap: the clock runs */
	EXPECT_EQ(MV_FRAME_STREAM,
		  reassembly_input(&self->r, 5002, pay[2], 208, 1000 * ms, count, &n));
	EXPECT_EQ(2, self->r.held);
	EXPECT_EQ(1010 * ms, reassembly_expire(&self->pool, 1009 * ms));
	EXPECT_EQ(2, self->r.held);
	/* in time */
	EXPECT_EQ(MV_FRAME_CONTROL,
		  reassembly_input(&self->r, 5001, pay[1], 208, 1009 * ms, count, &n));
	EXPECT_EQ(1, n);
	EXPECT_EQ(0, self->r.held);
	/* the same number again is nothing */
	EXPECT_EQ(MV_FRAME_UNKNOWN,
		  reassembly_input(&self->r, 5001, pay[1], 208, 1009 * ms, count, &n));
	EXPECT_EQ(1, self->pool.counters.duplicates);

	/* too late */
	reassembly_input(&self->r, 6000, pay[0], 208, 2000 * ms, count, &n);
	reassembly_input(&self->r, 6002, pay[2], 208, 2000 * ms, count, &n);
	EXPECT_EQ(0, reassembly_expire(&self->pool, 2010 * ms));
	EXPECT_EQ(0, self->r.held);
	reassembly_input(&self->r, 6001, pay[1], 208, 2010 * ms, count, &n);
	EXPECT_EQ(1, n);
	EXPECT_EQ(2, self->pool.counters.lost);
}

/* The oldest number of the window lies where the one before the newest is kept, 256 later. */
TEST_F(reassembly, window_edge)
{
	struct mv_frame_packer p = { 0 };
	u8 pay[3][208], packet[300] = { 0x45, 0, 300 >> 8, 300 & 0xff };
	u32 n = 0;
	int back;

	for (back = 253; back < 258; back++) {
		mv_frame_begin(&p, pay[0], 208);
		mv_frame_add(&p, packet, 300);
		mv_frame_end(&p);
		mv_frame_control(pay[1], 208, packet, 3);
		mv_frame_begin(&p, pay[2], 208);
		mv_frame_put(&p, packet + 204, 96);
		mv_frame_end(&p);
		n = 0;
		reassembly_input(&self->r, 9000, pay[0], 208, 0, count, &n);
		EXPECT_EQ(MV_FRAME_CONTROL,
			  reassembly_input(&self->r, 9000 - back, pay[1], 208, 0, count, &n));
		reassembly_input(&self->r, 9001, pay[2], 208, 0, count, &n);
		EXPECT_EQ(1, n) {
			TH_LOG("control cell %d back", back);
		}
		EXPECT_EQ(0, self->r.held);
		reassembly_fini(&self->r);
	}
}

/* Every length of the first part from 1 up, so that the header is cut at every byte. */
TEST_F(reassembly, header_cut)
{
	u32 cut, v6, reverse, n;

	for (cut = 1; cut < 12; cut++)
		for (v6 = 0; v6 < 2; v6++)
			for (reverse = 0; reverse < 2; reverse++) {
				struct mv_frame_packer p = { 0 };
				u8 pay[2][208], first[208] = { 0x45 }, second[100] = { 0x45, 0, 0, 100 };

				mv_put_be16(first + 2, (u16)(204 - cut));
				if (v6) {
					second[0] = 0x60;
					second[3] = 0;
					mv_put_be16(second + 4, 60);
				}
				n = 0;
				mv_frame_begin(&p, pay[0], 208);
				ASSERT_EQ(204 - cut, mv_frame_add(&p, first, 204 - cut));
				ASSERT_EQ(cut, mv_frame_add(&p, second, 100));
				mv_frame_end(&p);
				mv_frame_begin(&p, pay[1], 208);
				ASSERT_EQ(100 - cut, mv_frame_put(&p, second + cut, 100 - cut));
				mv_frame_end(&p);
				reassembly_input(&self->r, 4096 + reverse, pay[reverse], 208, 0, count, &n);
				reassembly_input(&self->r, 4097 - reverse, pay[!reverse], 208, 0, count, &n);
				EXPECT_EQ(2, n);
				EXPECT_EQ(0, self->r.held);
				reassembly_fini(&self->r);
			}
}

/* The start of a packet, then a cell whose offset says @offset; is the packet discarded? */
static u32 continued(struct reassembly *r, u32 offset, u32 *n)
{
	u8 one[208] = { 0, 0, 0, 0, 0x45, 0, 300 >> 8, 300 & 0xff }, two[208] = { 0 };

	*n = 0;
	mv_put_be16(two + 2, (u16)offset);
	if (offset + 60 < 204) {	/* a good packet follows */
		two[4 + offset] = 0x45;
		two[4 + offset + 3] = 60;
	}
	reassembly_input(r, 4096, one, 208, 0, count, n);
	reassembly_input(r, 4097, two, 208, 0, count, n);
	reassembly_fini(r);
	return r->pool->counters.broken;
}

TEST_F(reassembly, offset_does_not_fit)
{
	u32 n;

	EXPECT_EQ(0, continued(&self->r, 96, &n));
	EXPECT_EQ(2, n);
	EXPECT_EQ(1, continued(&self->r, 95, &n));
	EXPECT_EQ(1, n);
	EXPECT_EQ(2, continued(&self->r, 97, &n));
	EXPECT_EQ(1, n);
	EXPECT_EQ(3, continued(&self->r, 0, &n));
	EXPECT_EQ(1, n);
	EXPECT_EQ(4, continued(&self->r, 204, &n));
	EXPECT_EQ(0, n);
	EXPECT_EQ(5, continued(&self->r, 205, &n));
	EXPECT_EQ(0, n);
	EXPECT_EQ(1, self->pool.counters.bad);
}

/* What ends a cell: the good packet after it is not read. */
TEST_F(reassembly, invalid_lengths)
{
	static const struct {
		u8 head[6];
		u32 packets;
	} cases[] = {
		{ { 0x45, 0, 0, 20 }, 2 },
		{ { 0x45, 0, 0, 19 }, 0 },
		{ { 0x45, 0, 0, 0 }, 0 },
		{ { 0x45, 0, (MTU + 1) >> 8, (MTU + 1) & 0xff }, 0 },
		{ { 0x60, 0, 0, 0, 0, 0 }, 0 },
		{ { 0x60, 0, 0, 0, (MTU - 39) >> 8, (MTU - 39) & 0xff }, 0 },
		{ { 0x00, 0, 0, 20 }, 0 },
		{ { 0x50, 0, 0, 20 }, 0 },
		{ { 0xf5, 0, 0, 20 }, 0 },
	};
	u32 i, n;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		u8 pay[208] = { 0 };

		n = 0;
		memcpy(pay + 4, cases[i].head, 6);
		pay[24] = 0x45;
		pay[27] = 20;
		reassembly_input(&self->r, 4096 + i, pay, 208, 0, count, &n);
		EXPECT_EQ(cases[i].packets, n) {
			TH_LOG("case %u", i);
		}
		EXPECT_EQ(0, self->r.held);
	}
	/* other subtypes carry nothing */
	for (i = 1; i < 256; i++) {
		u8 pay[208] = { (u8)i, 0, 0, 0, 0x45, 0, 0, 20 };
		enum mv_frame_type type = i == 1 ? MV_FRAME_SESSION : i == 0x80 ? MV_FRAME_CONTROL :
					  MV_FRAME_UNKNOWN;

		n = 0;
		EXPECT_EQ(type, reassembly_input(&self->r, 9000 + i, pay, 208, 0, count, &n));
		EXPECT_EQ(0, n);
	}
	/* flags are ignored */
	{
		u8 pay[208] = { 0, 0xff, 0, 0, 0x45, 0, 0, 20 };

		n = 0;
		reassembly_input(&self->r, 20000, pay, 208, 0, count, &n);
		EXPECT_EQ(1, n);
	}
	for (i = 0; i < 4; i++) {
		u8 pay[4] = { 0 };

		EXPECT_EQ(MV_FRAME_BAD, reassembly_input(&self->r, 30000 + i, pay, i, 0, count, &n));
	}
}

/* A packet given up by the sender is discarded by the receiver and costs nothing else. */
TEST_F(reassembly, cancel)
{
	struct mv_frame_packer p = { 0 };
	u8 pay[2][208], packet[300] = { 0x45, 0, 300 >> 8, 300 & 0xff }, small[40] = { 0x45, 0, 0, 40 };
	u32 n = 0;

	mv_frame_begin(&p, pay[0], 208);
	mv_frame_add(&p, small, 40);
	mv_frame_add(&p, packet, 300);
	mv_frame_end(&p);
	mv_frame_begin(&p, pay[1], 208);
	mv_frame_put(&p, packet + 164, 10);
	mv_frame_cancel(&p);
	EXPECT_EQ(204, mv_frame_room(&p));
	mv_frame_add(&p, small, 40);
	mv_frame_add(&p, small, 39);	/* given up by ending */
	p.at--;
	p.rest++;
	mv_frame_end(&p);
	reassembly_input(&self->r, 4096, pay[0], 208, 0, count, &n);
	reassembly_input(&self->r, 4097, pay[1], 208, 0, count, &n);
	EXPECT_EQ(2, n);
	EXPECT_EQ(0, self->r.held);
	EXPECT_EQ(1, self->pool.counters.broken);
}

TEST(pool_refuses_nonsense)
{
	struct reassembly_conf bad[] = {
		{ 0, 4, 1500, 1 }, { 65535, 4, 1500, 1 }, { 4, 1, 1500, 1 }, { 4, 4, 1279, 1 },
		{ 4, 4, 65536, 1 },
	};
	struct reassembly_pool pool;
	u32 i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		EXPECT_EQ(-EINVAL, reassembly_pool_init(&pool, &bad[i]));
}

TEST_HARNESS_MAIN
