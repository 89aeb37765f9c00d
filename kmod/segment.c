// SPDX-License-Identifier: GPL-2.0
/*
 * Super-packets in segments, to the byte as tcp_gso_segment() and __udp_gso_segment() make them,
 * but without skbs: see segment.h. What is rare is left to those.
 */
#include "segment.h"

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/checksum.h>
#include <net/ip6_checksum.h>
#include <net/ipv6.h>

#define MSS_MIN 8			/* TCP_MIN_GSO_SIZE */
#define FLAGS_AT 13
#define TYPES (SKB_GSO_TCPV4 | SKB_GSO_TCPV6 | SKB_GSO_UDP_L4)
/* what may come with those without changing anything */
#define TYPES_HINTS (SKB_GSO_DODGY | SKB_GSO_TCP_ECN)

static struct iphdr *ip4(struct mv_segment *s)
{
	return (struct iphdr *)s->header;
}

static struct ipv6hdr *ip6(struct mv_segment *s)
{
	return (struct ipv6hdr *)s->header;
}

static struct tcphdr *tcp(struct mv_segment *s)
{
	return (struct tcphdr *)(s->header + s->l4);
}

static struct udphdr *udp(struct mv_segment *s)
{
	return (struct udphdr *)(s->header + s->l4);
}

/* No super-packet: the bytes up to a partial checksum go out as header, with it completed. */
static int begin_plain(struct mv_segment *s)
{
	const struct sk_buff *skb = s->skb;
	int start = skb_checksum_start_offset(skb), field = start + skb->csum_offset, end = field + 2;
	__sum16 sum;

	s->header_len = 0;
	if (skb->ip_summed == CHECKSUM_PARTIAL) {
		if (start < 0 || end > skb->len)
			return -EINVAL;
		if (end > MV_SEGMENT_HEADER || skb_csum_is_sctp((struct sk_buff *)skb))
			return -EOPNOTSUPP;
		if (skb_copy_bits(skb, 0, s->header, end))
			return -EINVAL;
		/* the field holds the sum of the pseudo-header already */
		sum = csum_fold(skb_checksum(skb, start, skb->len - start, 0)) ?: CSUM_MANGLED_0;
		memcpy(s->header + field, &sum, sizeof(sum));
		s->header_len = end;
	}
	s->offset = s->header_len;
	s->len = skb->len - s->header_len;
	return 0;
}

/* Network header of a super-packet: which, and that the checksum starts where it ends. */
static int begin_network(struct mv_segment *s)
{
	u32 type = skb_shinfo(s->skb)->gso_type;
	__be16 fragment;
	u8 next;
	int end;

	s->version = s->header[0] >> 4;
	if (s->version == 4) {
		s->protocol = ip4(s)->protocol;
		if (ip4(s)->ihl * 4 != s->l4 || s->l4 < sizeof(struct iphdr) || type & SKB_GSO_TCPV6)
			return -EINVAL;
		return ip_is_fragment(ip4(s)) ? -EINVAL : 0;
	}
	if (s->version != 6 || s->l4 < sizeof(struct ipv6hdr) || type & SKB_GSO_TCPV4)
		return -EINVAL;
	next = ip6(s)->nexthdr;
	end = ipv6_skip_exthdr(s->skb, sizeof(struct ipv6hdr), &next, &fragment);
	s->protocol = next;
	return end == s->l4 && !fragment ? 0 : -EINVAL;
}

static int begin_transport(struct mv_segment *s)
{
	bool is_udp = skb_shinfo(s->skb)->gso_type & SKB_GSO_UDP_L4;

	if (s->protocol != (is_udp ? IPPROTO_UDP : IPPROTO_TCP))
		return -EINVAL;
	if (s->skb->csum_offset != (is_udp ? offsetof(struct udphdr, check) :
				    offsetof(struct tcphdr, check)))
		return -EINVAL;
	if (is_udp) {
		s->header_len = s->l4 + sizeof(struct udphdr);
		return 0;
	}
	if (tcp(s)->doff * 4 < sizeof(struct tcphdr))
		return -EINVAL;
	s->header_len = s->l4 + tcp(s)->doff * 4;
	s->flags = s->header[s->l4 + FLAGS_AT];
	return s->header_len > MV_SEGMENT_HEADER ? -EOPNOTSUPP : 0;
}

/*
 * What is the same in all segments is summed once: the pseudo-header without the length, and the
 * transport header without sequence number, flags, lengths and checksum.
 */
static __wsum constant_sum(struct mv_segment *s)
{
	const u8 *l4 = s->header + s->l4;
	__wsum sum = s->version == 4 ?
		csum_tcpudp_nofold(ip4(s)->saddr, ip4(s)->daddr, 0, s->protocol, 0) :
		~csum_unfold(csum_ipv6_magic(&ip6(s)->saddr, &ip6(s)->daddr, 0, s->protocol, 0));

	sum = csum_partial(l4, 4, sum);
	if (s->protocol == IPPROTO_UDP)
		return sum;
	sum = csum_partial(l4 + 8, 4, sum);	/* acknowledged */
	sum = csum_partial(l4 + 14, 2, sum);	/* window */
	return csum_partial(l4 + 18, s->header_len - s->l4 - 18, sum);
}

static int begin_super(struct mv_segment *s)
{
	const struct skb_shared_info *info = skb_shinfo(s->skb);
	bool is_udp = info->gso_type & SKB_GSO_UDP_L4;
	u32 have = min_t(u32, s->skb->len, MV_SEGMENT_HEADER);
	int err;

	if (info->gso_type & ~(TYPES | TYPES_HINTS) || hweight32(info->gso_type & TYPES) != 1)
		return -EOPNOTSUPP;
	if (s->skb->ip_summed != CHECKSUM_PARTIAL || s->skb->encapsulation)
		return -EOPNOTSUPP;
	s->l4 = skb_checksum_start_offset(s->skb);
	if (s->l4 + sizeof(struct tcphdr) > MV_SEGMENT_HEADER)
		return -EOPNOTSUPP;
	if (info->gso_size < (is_udp ? 1 : MSS_MIN) ||
	    s->l4 + (is_udp ? sizeof(struct udphdr) : sizeof(struct tcphdr)) > have ||
	    skb_copy_bits(s->skb, 0, s->header, have))
		return -EINVAL;
	err = begin_network(s);
	if (!err)
		err = begin_transport(s);
	if (err)
		return err;
	if (s->header_len >= s->skb->len)
		return -EINVAL;
	s->mss = info->gso_size;
	s->offset = s->header_len;
	s->constant = (__force u32)constant_sum(s);
	return 0;
}

int mv_segment_begin(struct mv_segment *s, const struct sk_buff *skb)
{
	s->skb = skb;
	s->index = s->len = 0;
	s->done = false;
	s->super = skb_is_gso(skb);
	return s->super ? begin_super(s) : begin_plain(s);
}

/* Lengths, and what counts up. */
static void set_network(struct mv_segment *s, u32 len)
{
	if (s->version == 6) {
		ip6(s)->payload_len = htons(len - sizeof(struct ipv6hdr));
		return;
	}
	if (s->index)
		ip4(s)->id = htons(ntohs(ip4(s)->id) + 1);
	ip4(s)->tot_len = htons(len);
	ip_send_check(ip4(s));
}

/* FIN and PSH are the last segment's, CWR is the first one's. Returns the sum of what changes. */
static __wsum set_tcp(struct mv_segment *s, bool last)
{
	u8 *flags = s->header + s->l4 + FLAGS_AT, drop = 0;
	const u8 *l4 = s->header + s->l4;

	if (!last)
		drop |= 0x01 | 0x08;
	if (s->index)
		drop |= 0x80;
	*flags = s->flags & ~drop;
	if (s->index)
		tcp(s)->seq = htonl(ntohl(tcp(s)->seq) + s->mss);
	return csum_partial(l4 + 12, 2, (__force __wsum)tcp(s)->seq);
}

static void set_transport(struct mv_segment *s, u32 l4_len, bool last)
{
	__wsum sum = csum_add((__force __wsum)s->constant, (__force __wsum)htonl(l4_len));
	__sum16 check;

	if (s->protocol == IPPROTO_TCP) {
		sum = csum_add(sum, set_tcp(s, last));
	} else {
		udp(s)->len = htons(l4_len);
		sum = csum_add(sum, (__force __wsum)htons(l4_len));
	}
	sum = csum_add(sum, skb_checksum(s->skb, s->offset, s->len, 0));
	check = csum_fold(sum);
	if (s->protocol == IPPROTO_TCP)
		tcp(s)->check = check;
	else
		udp(s)->check = check ?: CSUM_MANGLED_0;
}

bool mv_segment_next(struct mv_segment *s)
{
	u32 left;

	if (s->done)
		return false;
	if (!s->super) {
		s->done = true;
		return true;
	}
	s->offset += s->len;
	left = s->skb->len - s->offset;
	s->len = min(left, s->mss);
	s->done = s->len == left;
	set_network(s, s->header_len + s->len);
	set_transport(s, s->header_len - s->l4 + s->len, s->done);
	s->index++;
	return true;
}
