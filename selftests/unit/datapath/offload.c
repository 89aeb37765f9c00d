// SPDX-License-Identifier: GPL-2.0-or-later
/* Cutting and joining of superpackets: against a slow checksum, and against one another. */
#include "datapath/offload.h"

#include <errno.h>
#include <stdlib.h>
#include <kselftest_harness.h>

#include "inner_packet.h"

#define MAX_OUT 512

/* What the device would have got, one buffer a packet. */
struct out {
	u32 n, writes, biggest;
	u32 len[MAX_OUT];
	u8 *data[MAX_OUT];
	u8 type[MAX_OUT];
};

static u8 packet[INNER_MAX], super[INNER_MAX + 10];

static void gather(void *arg, const struct iovec *iov, u32 count, u32 packets)
{
	struct out *o = arg;
	u32 i, len = 0;

	if (o->n == MAX_OUT)
		abort();
	for (i = 0; i < count; i++)
		len += iov[i].iov_len;
	o->data[o->n] = malloc(len);
	o->len[o->n] = len;
	for (i = 0, len = 0; i < count; len += iov[i++].iov_len)
		memcpy(o->data[o->n] + len, iov[i].iov_base, iov[i].iov_len);
	o->type[o->n] = o->data[o->n][1];
	if (packets > o->biggest)
		o->biggest = packets;
	o->n++;
}

static void out_free(struct out *o)
{
	while (o->n)
		free(o->data[--o->n]);
}

static struct inner tcp(u8 version, u32 len)
{
	return (struct inner){ .version = version, .proto = 6, .sport = 1000, .dport = 443,
			       .seq = 0xffffff00, .ack = 77, .flags = 16, .ttl = 64, .window = 500,
			       .id = 9, .options = 12, .timestamp = 5, .len = len };
}

static struct inner udp(u8 version, u32 len)
{
	return (struct inner){ .version = version, .proto = 17, .sport = 53, .dport = 5353,
			       .ttl = 64, .id = 3, .len = len };
}

static struct offload_join *join_new(struct out *o, bool uso)
{
	struct offload_join_conf conf = { .uso = uso, .write = gather, .arg = o };
	struct offload_join *j = NULL;

	memset(o, 0, sizeof(*o));
	if (offload_join_new(&j, &conf))
		abort();
	return j;
}

static void add(struct offload_join *j, const struct inner *p)
{
	offload_join_add(j, packet, inner_build(packet, p), false);
}

/* A superpacket as the kernel gives it: partial checksum, and lengths of the whole. */
static u32 make_super(const struct inner *p, u16 mss, u8 type)
{
	u32 len = inner_build(super + 10, p), l4 = p->version == 4 ? 20 : 40;
	u16 offset = p->proto == 6 ? 16 : 6, start = (u16)l4, hdr = (u16)(l4 + 20 + p->options);
	u16 sum = (u16)~inner_checksum(NULL, 0, inner_pseudo(super + 10, p->proto, len - l4));

	memset(super, 0, 10);
	super[0] = 1;
	super[1] = type;
	memcpy(super + 2, &hdr, 2);
	memcpy(super + 4, &mss, 2);
	memcpy(super + 6, &start, 2);
	memcpy(super + 8, &offset, 2);
	mv_put_be16(super + 10 + l4 + offset, sum);
	return len + 10;
}

static u32 flatten(u8 *to, const struct offload_segment *s)
{
	memcpy(to, s->hdr, s->hdr_len);
	memcpy(to + s->hdr_len, s->payload, s->payload_len);
	return s->hdr_len + s->payload_len;
}

/* Does the packet at @at equal @p but for the payload, which is that from @offset on? */
static bool is_segment(const u8 *at, u32 len, struct inner p, u32 offset)
{
	static u8 whole[INNER_MAX], want[INNER_MAX];
	u32 l4 = p.version == 4 ? 20 : 40, hdr = l4 + (p.proto == 6 ? 20 + p.options : 8), n;
	struct inner all = p;

	all.len = 60000;
	inner_build(whole, &all);
	n = inner_build(want, &p);
	memcpy(want + hdr, whole + hdr + offset, p.len);
	mv_put_be16(want + l4 + (p.proto == 6 ? 16 : 6), 0);
	mv_put_be16(want + l4 + (p.proto == 6 ? 16 : 6),
		    inner_checksum(want + l4, n - l4, inner_pseudo(want, p.proto, n - l4)));
	return n == len && !memcmp(at, want, n);
}

TEST(cut_tcp)
{
	static const u16 sizes[] = { 8, 100, 1278, 1279, 9000 };
	static u8 flat[INNER_MAX];
	u32 v, s;

	for (v = 4; v <= 6; v += 2) {
		for (s = 0; s < 5; s++) {
			struct inner p = tcp((u8)v, 3000), q;
			u32 offset = 0, n = 0, len;
			struct offload_segment seg;
			struct offload_cut cut;

			p.flags = 16 | 8 | 1 | 0x80;	/* ACK PSH FIN CWR */
			len = make_super(&p, sizes[s], (v == 4 ? 1 : 4) | 0x80);
			ASSERT_EQ(0, offload_cut_init(&cut, super, len));
			while (offload_cut_next(&cut, &seg)) {
				len = flatten(flat, &seg);
				q = p;
				q.len = 3000 - offset < sizes[s] ? 3000 - offset : sizes[s];
				q.seq += offset;
				q.id = (u16)(p.id + (v == 4 ? n : 0));
				if (offset + q.len < 3000)
					q.flags &= (u8)~9;
				if (n++)
					q.flags &= 0x7f;
				ASSERT_TRUE(is_segment(flat, len, q, offset));
				offset += q.len;
			}
			ASSERT_EQ(3000, offset);
			ASSERT_EQ((3000 + sizes[s] - 1) / sizes[s], n);
		}
	}
}

TEST(cut_udp)
{
	static u8 flat[INNER_MAX];
	u32 v;

	for (v = 4; v <= 6; v += 2) {
		struct inner p = udp((u8)v, 5001), q;
		u32 offset = 0, n = 0, len = make_super(&p, 1200, 5);
		struct offload_segment seg;
		struct offload_cut cut;

		ASSERT_EQ(0, offload_cut_init(&cut, super, len));
		while (offload_cut_next(&cut, &seg)) {
			len = flatten(flat, &seg);
			q = p;
			q.len = 5001 - offset < 1200 ? 5001 - offset : 1200;
			q.id = (u16)(p.id + (v == 4 ? n : 0));
			ASSERT_TRUE(is_segment(flat, len, q, offset));
			offset += q.len;
			n++;
		}
		ASSERT_EQ(5, n);
	}
}

TEST(cut_plain_and_partial)
{
	struct inner p = tcp(4, 777);
	struct offload_segment seg;
	struct offload_cut cut;
	static u8 flat[INNER_MAX];
	u32 len = make_super(&p, 0, 0);

	ASSERT_EQ(0, offload_cut_init(&cut, super, len));
	ASSERT_TRUE(offload_cut_next(&cut, &seg));
	ASSERT_EQ(inner_build(packet, &p), flatten(flat, &seg));
	EXPECT_EQ(0, memcmp(packet, flat, len - 10));
	EXPECT_FALSE(offload_cut_next(&cut, &seg));

	super[0] = 0;	/* complete: as it is, even with a wrong checksum */
	super[50] ^= 1;
	ASSERT_EQ(0, offload_cut_init(&cut, super, len));
	ASSERT_TRUE(offload_cut_next(&cut, &seg));
	ASSERT_EQ(len - 10, flatten(flat, &seg));
	EXPECT_EQ(0, memcmp(super + 10, flat, len - 10));
}

TEST(cut_refuses)
{
	struct inner p = tcp(4, 3000);
	struct offload_cut cut;
	u32 len = make_super(&p, 1000, 1), i;
	u16 big = 60000;

	EXPECT_EQ(0, offload_cut_init(&cut, super, len));
	EXPECT_EQ(-EINVAL, offload_cut_init(&cut, super, len - 1));
	for (i = 0; i < 62; i++)
		EXPECT_NE(0, offload_cut_init(&cut, super, i));
	super[1] = 3;
	EXPECT_EQ(-EPROTONOSUPPORT, offload_cut_init(&cut, super, len));	/* UFO */
	super[1] = 4;
	EXPECT_EQ(-EINVAL, offload_cut_init(&cut, super, len));	/* TCPv6, but it is IPv4 */
	super[1] = 1;
	super[10 + 6] = 0x20;
	EXPECT_EQ(-EINVAL, offload_cut_init(&cut, super, len));	/* a fragment */
	make_super(&p, 7, 1);
	EXPECT_EQ(-EINVAL, offload_cut_init(&cut, super, len));
	make_super(&p, 0, 0);
	memcpy(super + 6, &big, 2);
	EXPECT_EQ(-EINVAL, offload_cut_init(&cut, super, len));
	super[10] = 0x55;
	EXPECT_EQ(-EPROTONOSUPPORT, offload_cut_init(&cut, super, len));
}

/* Joins @n segments, cuts the outcome and compares; returns the writes. */
static int round_trip(struct inner p, u32 n, bool count_ids, struct out *o)
{
	struct offload_join *j = join_new(o, true);
	static u8 flat[INNER_MAX];
	struct inner q = p;
	u32 i, w, at = 0;

	for (i = 0; i < n; i++) {
		add(j, &q);
		q.seq += q.len;
		q.id += count_ids && q.version == 4;
	}
	offload_join_flush(j);
	for (w = 0, q = p; w < o->n; w++) {
		struct offload_segment seg;
		struct offload_cut cut;

		if (offload_cut_init(&cut, o->data[w], o->len[w]))
			return -1;
		for (; offload_cut_next(&cut, &seg); at++) {
			u32 len = inner_build(packet, &q), got = flatten(flat, &seg);

			inner_normalise(packet, len);
			inner_normalise(flat, got);
			if (got != len || memcmp(flat, packet, len))
				return -2;
			q.seq += q.len;
			q.id += count_ids && q.version == 4;
		}
	}
	w = o->n;
	out_free(o);
	offload_join_free(j);
	return at == n ? (int)w : -3;
}

TEST(join_and_cut)
{
	struct out o;
	u32 v;

	for (v = 4; v <= 6; v += 2) {
		struct inner p = tcp((u8)v, 1000);

		EXPECT_EQ(1, round_trip(p, 40, true, &o));
		EXPECT_EQ(40, o.biggest);
		EXPECT_EQ(4, round_trip(p, 200, true, &o));	/* 64 or 65535 bytes */
		p.df = true;
		EXPECT_EQ(1, round_trip(p, 40, false, &o));
		p.df = false;
		EXPECT_EQ(v == 4 ? 3 : 1, round_trip(p, 3, false, &o));	/* ids stand still */
		EXPECT_EQ(1, round_trip(udp((u8)v, 1200), 40, true, &o));
		EXPECT_EQ(2, round_trip(udp((u8)v, 100), 128, true, &o));
		p.len = 0;
		EXPECT_EQ(5, round_trip(p, 5, true, &o));	/* acknowledgements stay */
	}
}

/* Each of these differs from the first in a way that may not be joined. */
TEST(join_keeps_apart)
{
	int i;

	for (i = 0; i < 13; i++) {
		struct inner p = tcp(4, 500), q = p;
		struct out o;
		struct offload_join *j = join_new(&o, true);

		q.seq += 500;
		q.id++;
		switch (i) {
		case 0: q.seq++; break;
		case 1: q.ack++; break;
		case 2: q.window++; break;
		case 3: q.timestamp++; break;
		case 4: q.options = 16; break;
		case 5: q.len = 501; break;
		case 6: q.bad = true; break;
		case 7: q.tos = 1; break;
		case 8: q.ttl--; break;
		case 9: q.df = true; break;
		case 10: q.flags |= 0x80; break;
		case 11: q.flags |= 4; break;
		case 12: p.bad = true; break;
		}
		add(j, &p);
		add(j, &q);
		offload_join_flush(j);
		ASSERT_EQ(2, o.n) TH_LOG("case %d", i);
		inner_build(packet, &q);
		EXPECT_EQ(0, memcmp(o.data[1] + 10, packet, o.len[1] - 10));
		inner_build(packet, &p);
		EXPECT_EQ(0, memcmp(o.data[0] + 10, packet, o.len[0] - 10));
		EXPECT_EQ(0, o.data[0][0]);	/* unchanged, for the kernel to check */
		out_free(&o);
		offload_join_free(j);
	}
}

TEST(join_ends)
{
	struct inner p = tcp(6, 500);
	struct out o;
	struct offload_join *j = join_new(&o, false);

	add(j, &p);
	p.seq += 500;
	p.len = 100;		/* smaller: the last */
	add(j, &p);
	EXPECT_EQ(1, o.n);
	p.seq += 100;
	p.len = 500;
	add(j, &p);
	p.seq += 500;
	p.flags |= 8;
	add(j, &p);		/* PSH: the last */
	EXPECT_EQ(2, o.n);
	p = udp(4, 100);
	add(j, &p);		/* not taken by this device */
	EXPECT_EQ(3, o.n);
	EXPECT_EQ(0, o.type[2]);
	out_free(&o);
	offload_join_free(j);
}

TEST(join_many_flows)
{
	struct out o;
	struct offload_join *j = join_new(&o, false);
	u32 i, f;

	for (i = 0; i < 10; i++) {
		for (f = 0; f < 8; f++) {
			struct inner p = tcp(f & 1 ? 6 : 4, 100);

			p.host = (u8)f;
			p.seq += i * 100;
			p.id += f & 1 ? 0 : i;
			add(j, &p);
		}
	}
	offload_join_flush(j);
	EXPECT_EQ(8, o.n);
	EXPECT_EQ(10, o.biggest);
	out_free(&o);
	for (f = 0; f < 20; f++) {	/* more than fit: the oldest goes */
		struct inner p = tcp(4, 100);

		p.host = (u8)f;
		add(j, &p);
	}
	EXPECT_EQ(12, o.n);
	offload_join_flush(j);
	EXPECT_EQ(20, o.n);
	out_free(&o);
	offload_join_free(j);
}

TEST(join_fragment_order)
{
	struct inner p = tcp(4, 100);
	struct out o;
	struct offload_join *j = join_new(&o, false);
	u32 len;

	add(j, &p);
	len = inner_build(packet, &p);
	packet[6] = 0x20;
	offload_join_add(j, packet, len, false);
	EXPECT_EQ(2, o.n);	/* what came before it is before it */
	EXPECT_EQ(0x20, o.data[1][16]);
	offload_join_add(j, packet, 3, false);
	EXPECT_EQ(3, o.n);
	out_free(&o);
	offload_join_free(j);
}

TEST(join_stable)
{
	struct inner p = tcp(4, 100);
	static u8 mem[8][200];
	struct out o;
	struct offload_join *j = join_new(&o, false);
	u32 i;

	for (i = 0; i < 8; i++) {
		offload_join_add(j, mem[i], inner_build(mem[i], &p), i != 3);
		p.seq += 100;
		p.id++;
	}
	offload_join_flush(j);
	ASSERT_EQ(1, o.n);
	ASSERT_EQ(10 + 52 + 800, o.len[0]);
	for (i = 0; i < 8; i++)
		EXPECT_EQ(0, memcmp(o.data[0] + 62 + i * 100, mem[i] + 52, 100));
	out_free(&o);
	offload_join_free(j);
}

TEST_HARNESS_MAIN
