// SPDX-License-Identifier: GPL-2.0
/*
 * Super-packets cut by segment.c and by the stack: the same bytes, whatever the protocol, options,
 * flags, sizes, and wherever the payload lies.
 */
#include <kunit/test.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/random.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/checksum.h>
#include <net/ip6_checksum.h>

#include "compat.h"
#include "segment.h"

#define INNER 1500

struct shape {
	const char *name;
	u8 version, protocol;
	u8 extra;		/* bytes of IPv4 options or an IPv6 extension header */
	u8 options;		/* bytes of TCP options */
	u8 flags;		/* of TCP */
	u16 mss;
	u32 len;		/* of the payload */
	bool paged;
};

static void network4(struct sk_buff *skb, const struct shape *s, u32 len)
{
	struct iphdr *ip = skb_put_zero(skb, sizeof(*ip) + s->extra);

	memset(ip + 1, 1, s->extra);	/* no operation */
	ip->version = 4;
	ip->ihl = (sizeof(*ip) + s->extra) / 4;
	ip->tos = 3;
	ip->tot_len = htons(len);
	ip->id = htons(0xfffe);		/* wraps */
	ip->frag_off = htons(IP_DF);
	ip->ttl = 64;
	ip->protocol = s->protocol;
	ip->saddr = htonl(0xc6120102);
	ip->daddr = htonl(0x08080404);
	ip_send_check(ip);
}

static void network6(struct sk_buff *skb, const struct shape *s, u32 len)
{
	struct ipv6hdr *ip = skb_put_zero(skb, sizeof(*ip));
	u8 *extension;

	ip->version = 6;
	ip->payload_len = htons(len - sizeof(*ip));
	ip->hop_limit = 64;
	ip->nexthdr = s->extra ? IPPROTO_DSTOPTS : s->protocol;
	ip->saddr.s6_addr[0] = 0xfd;
	ip->daddr.s6_addr[0] = 0x20;
	ip->daddr.s6_addr[15] = 9;
	if (!s->extra)
		return;
	extension = skb_put_zero(skb, s->extra);
	extension[0] = s->protocol;
	extension[1] = s->extra / 8 - 1;
	extension[2] = 1;		/* PadN */
	extension[3] = s->extra - 4;
}

static __sum16 pseudo(const struct sk_buff *skb, const struct shape *s, u32 len)
{
	const struct ipv6hdr *ip6 = ipv6_hdr(skb);

	return s->version == 4 ? ~csum_tcpudp_magic(ip_hdr(skb)->saddr, ip_hdr(skb)->daddr, len, s->protocol, 0) :
				 ~csum_ipv6_magic(&ip6->saddr, &ip6->daddr, len, s->protocol, 0);
}

static void transport(struct sk_buff *skb, const struct shape *s)
{
	u32 header = s->protocol == IPPROTO_TCP ? sizeof(struct tcphdr) + s->options : sizeof(struct udphdr);
	struct tcphdr *tcp;
	struct udphdr *udp;

	skb_set_transport_header(skb, skb->len);
	skb->csum_start = skb_headroom(skb) + skb->len;
	skb->ip_summed = CHECKSUM_PARTIAL;
	if (s->protocol == IPPROTO_TCP) {
		tcp = skb_put_zero(skb, header);
		get_random_bytes(tcp + 1, s->options);
		tcp->source = htons(1111);
		tcp->dest = htons(2222);
		tcp->seq = htonl(0xfffff000);	/* wraps */
		tcp->ack_seq = htonl(77);
		tcp->window = htons(501);
		tcp->urg_ptr = htons(5);
		((u8 *)tcp)[13] = s->flags;
		tcp->doff = header / 4;
		tcp->check = pseudo(skb, s, header + s->len);
		skb->csum_offset = offsetof(struct tcphdr, check);
		return;
	}
	udp = skb_put_zero(skb, header);
	udp->source = htons(1111);
	udp->dest = htons(2222);
	udp->len = htons(header + s->len);
	udp->check = pseudo(skb, s, header + s->len);
	skb->csum_offset = offsetof(struct udphdr, check);
}

static void payload(struct kunit *test, struct sk_buff *skb, const struct shape *s)
{
	u32 left = s->len, n, i = 0;
	struct page *page;

	if (!s->paged) {
		get_random_bytes(skb_put(skb, s->len), s->len);
		return;
	}
	for (; left; left -= n, i++) {
		n = min_t(u32, left, 3001);	/* odd, so that segments lie across odd ends */
		page = alloc_page(GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, page);
		get_random_bytes(page_address(page), PAGE_SIZE);
		skb_add_rx_frag(skb, i, page, 17, n, PAGE_SIZE);
	}
}

static struct sk_buff *build(struct kunit *test, const struct shape *s)
{
	u32 l4 = s->protocol == IPPROTO_TCP ? sizeof(struct tcphdr) + s->options : sizeof(struct udphdr);
	u32 l3 = (s->version == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr)) + s->extra;
	struct sk_buff *skb = alloc_skb(256 + l3 + l4 + (s->paged ? 0 : s->len), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_reserve(skb, 128);
	skb_reset_mac_header(skb);
	skb_reset_network_header(skb);
	skb->protocol = s->version == 4 ? htons(ETH_P_IP) : htons(ETH_P_IPV6);
	if (s->version == 4)
		network4(skb, s, l3 + l4 + s->len);
	else
		network6(skb, s, l3 + l4 + s->len);
	transport(skb, s);
	payload(test, skb, s);
	if (!s->mss)
		return skb;
	skb_shinfo(skb)->gso_size = s->mss;
	skb_shinfo(skb)->gso_segs = DIV_ROUND_UP(s->len, s->mss);
	skb_shinfo(skb)->gso_type = s->protocol == IPPROTO_UDP ? SKB_GSO_UDP_L4 :
				    s->version == 4 ? SKB_GSO_TCPV4 : SKB_GSO_TCPV6;
	if (s->flags & 0x80)
		skb_shinfo(skb)->gso_type |= SKB_GSO_TCP_ECN;
	return skb;
}

/* The current segment in one piece. */
static u32 collect(struct kunit *test, const struct mv_segment *s, u8 *to)
{
	KUNIT_ASSERT_LE(test, s->header_len + s->len, INNER);
	memcpy(to, s->header, s->header_len);
	KUNIT_ASSERT_EQ(test, skb_copy_bits(s->skb, s->offset, to + s->header_len, s->len), 0);
	return s->header_len + s->len;
}

static void compare(struct kunit *test, const struct shape *shape)
{
	struct sk_buff *skb = build(test, shape), *segments = skb, *at, *next;
	u8 *ours = kunit_kzalloc(test, INNER, GFP_KERNEL), *theirs = kunit_kzalloc(test, INNER, GFP_KERNEL);
	struct mv_segment *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);
	struct sk_buff *copy = skb_copy(skb, GFP_KERNEL);
	u32 count = 0;

	KUNIT_ASSERT_TRUE(test, ours && theirs && s && copy);
	KUNIT_ASSERT_EQ_MSG(test, mv_segment_begin(s, skb), 0, "%s", shape->name);
	if (shape->mss) {
		segments = skb_gso_segment(copy, 0);
		KUNIT_ASSERT_FALSE_MSG(test, IS_ERR_OR_NULL(segments), "%s", shape->name);
		kfree_skb(copy);
	} else {
		KUNIT_ASSERT_EQ(test, skb_checksum_help(copy), 0);
		segments = copy;
	}
	skb_list_walk_safe(segments, at, next) {
		KUNIT_ASSERT_TRUE_MSG(test, mv_segment_next(s), "%s: %u", shape->name, count);
		KUNIT_ASSERT_EQ_MSG(test, collect(test, s, ours), at->len, "%s: %u", shape->name, count);
		KUNIT_ASSERT_EQ(test, skb_copy_bits(at, 0, theirs, at->len), 0);
		KUNIT_EXPECT_MEMEQ_MSG(test, ours, theirs, at->len, "%s: %u", shape->name, count);
		kfree_skb(at);
		count++;
	}
	KUNIT_EXPECT_FALSE(test, mv_segment_next(s));
	KUNIT_EXPECT_EQ(test, count, shape->mss ? DIV_ROUND_UP(shape->len, shape->mss) : 1);
	kfree_skb(skb);
}

static const struct shape shapes[] = {
	{ "tcp4", 4, IPPROTO_TCP, 0, 0, 0x10, 1380, 30000 },
	{ "tcp4 pages", 4, IPPROTO_TCP, 0, 12, 0x18, 1368, 45000, true },
	{ "tcp4 fin", 4, IPPROTO_TCP, 0, 12, 0x19, 1000, 5001, true },
	{ "tcp4 cwr", 4, IPPROTO_TCP, 0, 20, 0xd8, 777, 8000, true },
	{ "tcp4 options", 4, IPPROTO_TCP, 40, 40, 0x18, 536, 4000 },
	{ "tcp4 tiny", 4, IPPROTO_TCP, 0, 0, 0x18, 8, 77 },
	{ "tcp4 exact", 4, IPPROTO_TCP, 0, 12, 0x18, 1000, 10000, true },
	{ "tcp6", 6, IPPROTO_TCP, 0, 12, 0x18, 1348, 40000, true },
	{ "tcp6 extension", 6, IPPROTO_TCP, 16, 12, 0x99, 1300, 20000 },
	{ "udp4", 4, IPPROTO_UDP, 0, 0, 0, 1392, 20000, true },
	{ "udp4 odd", 4, IPPROTO_UDP, 0, 0, 0, 333, 2001 },
	{ "udp6", 6, IPPROTO_UDP, 0, 0, 0, 1372, 13721, true },
	{ "udp6 extension", 6, IPPROTO_UDP, 8, 0, 0, 1000, 3500, true },
	{ "tcp4 alone", 4, IPPROTO_TCP, 0, 12, 0x18, 0, 900, true },
	{ "udp6 alone", 6, IPPROTO_UDP, 0, 0, 0, 0, 1201 },
	{ "udp4 empty", 4, IPPROTO_UDP, 0, 0, 0, 0, 0 },
};

static void same(struct kunit *test)
{
	u32 i, round;

	for (round = 0; round < 20; round++)
		for (i = 0; i < ARRAY_SIZE(shapes); i++)
			compare(test, &shapes[i]);
}

/* What is not ours, and what makes no sense. */
static void refused(struct kunit *test)
{
	struct mv_segment *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);
	struct sk_buff *skb = build(test, &shapes[1]);

	KUNIT_ASSERT_NOT_NULL(test, s);
	skb_shinfo(skb)->gso_type |= SKB_GSO_TCP_FIXEDID;
	KUNIT_EXPECT_EQ(test, mv_segment_begin(s, skb), -EOPNOTSUPP);
	skb_shinfo(skb)->gso_type = SKB_GSO_TCPV6;
	KUNIT_EXPECT_EQ(test, mv_segment_begin(s, skb), -EINVAL);
	skb_shinfo(skb)->gso_type = SKB_GSO_UDP_L4;
	KUNIT_EXPECT_EQ(test, mv_segment_begin(s, skb), -EINVAL);
	skb_shinfo(skb)->gso_type = SKB_GSO_TCPV4;
	skb_shinfo(skb)->gso_size = 7;
	KUNIT_EXPECT_EQ(test, mv_segment_begin(s, skb), -EINVAL);
	skb_shinfo(skb)->gso_size = 1000;
	skb->csum_start += 4;
	KUNIT_EXPECT_EQ(test, mv_segment_begin(s, skb), -EINVAL);
	skb->csum_start -= 4;
	ip_hdr(skb)->frag_off = htons(IP_MF);
	KUNIT_EXPECT_EQ(test, mv_segment_begin(s, skb), -EINVAL);
	ip_hdr(skb)->frag_off = 0;
	tcp_hdr(skb)->doff = 4;
	KUNIT_EXPECT_EQ(test, mv_segment_begin(s, skb), -EINVAL);
	tcp_hdr(skb)->doff = 8;
	KUNIT_EXPECT_EQ(test, mv_segment_begin(s, skb), 0);
	kfree_skb(skb);
}

static struct kunit_case segment_cases[] = {
	KUNIT_CASE(same),
	KUNIT_CASE(refused),
	{}
};

static struct kunit_suite segment_suite = {
	.name = "meshvpn-segment",
	.test_cases = segment_cases,
};

kunit_test_suite(segment_suite);
