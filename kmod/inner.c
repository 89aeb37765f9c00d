// SPDX-License-Identifier: GPL-2.0
/*
 * Which circuit an inner packet takes, and which packets may pass (Documentation/protocol.rst,
 * "Inner addresses select circuits"). No exit ever sees a source that it did not grant, and no
 * circuit brings the client a packet for another session.
 */
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <net/checksum.h>
#include <net/ip6_checksum.h>

#include "compat.h"
#include "device.h"
#include "edge.h"
#include "exit.h"
#include "node.h"

#define QUOTE4 28			/* header without options and 8 bytes (RFC 792) */
#define QUOTE6 512			/* of the 1280 that RFC 4443, 2.4 (c) allows */

struct inner {
	const u8 *src, *dst;
	u32 len;
	u8 family;
};

static void drop(struct mv_engine *e, struct mv_device *d, enum mv_drop cause)
{
	mv_drop(e, cause);
	this_cpu_inc(d->drops[cause]);
}

/* @have bytes can be read at @h. */
static bool parse(struct inner *p, const u8 *h, u32 have, u32 len)
{
	if (have < MV_IPV4_MIN || mv_frame_packet_len(h, have, 65535) != len)
		return false;
	p->len = len;
	p->family = h[0] >> 4;
	if (p->family == 6 && have < MV_IPV6_HEADER)
		return false;
	p->src = h + (p->family == 4 ? 12 : 8);
	p->dst = h + (p->family == 4 ? 16 : 24);
	return true;
}

static bool parse_skb(struct inner *p, struct sk_buff *skb)
{
	u32 have = min_t(u32, skb->len, MV_IPV6_HEADER);

	return pskb_may_pull(skb, have) && parse(p, skb->data, have, skb->len);
}

static bool holds(const struct mv_exit *x, u8 family, const u8 *addr)
{
	const struct mv_inner *in = family == 4 ? &x->inner4 : &x->inner6;

	return in->family == family && !memcmp(in->addr, addr, family == 4 ? 4 : 16);
}

/* ---- errors to our own device ---- */

/* No error about an error, a group or a fragment other than the first (RFC 1122, RFC 4443). */
static bool may_complain(const u8 *packet, u32 have, u8 family)
{
	u32 ihl;

	if (family == 6)
		return packet[24] != 0xff && packet[8] != 0xff &&
		       !(packet[6] == IPPROTO_ICMPV6 && (have <= 40 || packet[40] < 128));
	ihl = (packet[0] & 15) * 4;
	if ((mv_get_be16(packet + 6) & 0x1fff) || (packet[16] & 0xf0) == 0xe0 || !packet[12] ||
	    packet[12] >= 0xe0)
		return false;
	return packet[9] != IPPROTO_ICMP ||
	       (have > ihl && (packet[ihl] == ICMP_ECHO || packet[ihl] == ICMP_ECHOREPLY));
}

/* From where it should have gone: the route back is there, whatever the device's filters. */
static void complain4(struct sk_buff *skb, const u8 *packet, u32 have, u32 mtu)
{
	u32 quote = min_t(u32, have, QUOTE4);
	struct iphdr *ip = skb_put_zero(skb, sizeof(*ip));
	struct icmphdr *icmp = skb_put_zero(skb, sizeof(*icmp));

	skb_put_data(skb, packet, quote);
	ip->version = 4;
	ip->ihl = 5;
	ip->tos = 0xc0;
	ip->tot_len = htons(skb->len);
	ip->ttl = 64;
	ip->protocol = IPPROTO_ICMP;
	memcpy(&ip->saddr, packet + 16, 4);
	memcpy(&ip->daddr, packet + 12, 4);
	ip_send_check(ip);
	icmp->type = ICMP_DEST_UNREACH;
	icmp->code = mtu ? ICMP_FRAG_NEEDED : ICMP_HOST_UNREACH;
	icmp->un.frag.mtu = htons(mtu);
	icmp->checksum = ip_compute_csum(icmp, sizeof(*icmp) + quote);
	skb->protocol = htons(ETH_P_IP);
}

static void complain6(struct sk_buff *skb, const u8 *packet, u32 have, u32 mtu)
{
	u32 quote = min_t(u32, have, QUOTE6), len;
	struct ipv6hdr *ip = skb_put_zero(skb, sizeof(*ip));
	struct icmp6hdr *icmp = skb_put_zero(skb, sizeof(*icmp));

	skb_put_data(skb, packet, quote);
	len = skb->len - sizeof(*ip);
	ip->version = 6;
	ip->payload_len = htons(len);
	ip->nexthdr = IPPROTO_ICMPV6;
	ip->hop_limit = 64;
	memcpy(&ip->saddr, packet + 24, 16);
	memcpy(&ip->daddr, packet + 8, 16);
	icmp->icmp6_type = mtu ? ICMPV6_PKT_TOOBIG : ICMPV6_DEST_UNREACH;
	icmp->icmp6_mtu = htonl(mtu);
	icmp->icmp6_cksum = csum_ipv6_magic(&ip->saddr, &ip->daddr, len, IPPROTO_ICMPV6,
					    csum_partial(icmp, len, 0));
	skb->protocol = htons(ETH_P_IPV6);
}

/* An error about @about: unreachable, or too big where @mtu is not 0. NULL: none is due. */
static struct sk_buff *complaint(struct mv_device *d, const struct sk_buff *about, u64 now, u32 mtu)
{
	u32 have = min_t(u32, about->len, QUOTE6);
	u8 packet[QUOTE6];
	struct sk_buff *skb;

	if (skb_copy_bits(about, 0, packet, have) || !may_complain(packet, have, packet[0] >> 4) ||
	    !mv_bucket_take(&d->errors, now, 1))
		return NULL;
	skb = netdev_alloc_skb(d->dev, QUOTE6 + 64);
	if (!skb)
		return NULL;
	if (packet[0] >> 4 == 4)
		complain4(skb, packet, have, mtu);
	else
		complain6(skb, packet, have, mtu);
	skb_reset_mac_header(skb);
	skb_reset_network_header(skb);
	skb_reset_mac_len(skb);
	dev_sw_netstats_rx_add(d->dev, skb->len);
	return skb;
}

static void complain(struct mv_engine *e, struct mv_device *d, const struct sk_buff *about, u32 mtu)
{
	struct sk_buff *skb = complaint(d, about, e->now, mtu);

	if (skb)
		__skb_queue_tail(&e->deliver, skb);
}

void mv_inner_refuse(struct mv_device *d, struct sk_buff *skb)
{
	struct sk_buff *answer;
	struct inner p;

	this_cpu_inc(d->drops[MV_DROP_NO_CIRCUIT]);
	if (!parse_skb(&p, skb))
		return;
	answer = complaint(d, skb, ktime_get_ns(), 0);
	if (answer)
		netif_rx(answer);
}

/* ---- device to circuit ---- */

static struct mv_exit *choose(const struct mv_node *node, const struct mv_device *d, const struct inner *p)
{
	bool origin = d->role == MV_ROLE_ORIGIN;
	struct mv_exit *x = mv_inner_find(node, d, p->family, origin ? p->src : p->dst);
	const struct mv_selector *s;
	u32 id;

	if (x || !origin)
		return x;
	s = rcu_dereference(d->selector);
	id = s ? mv_selector_find(s, p->family, p->dst) : 0;
	return id ? mv_exit_find_rcu(node, id) : NULL;
}

static bool too_big(const struct sk_buff *skb, u32 len, u32 mtu)
{
	return skb_is_gso(skb) ? !skb_gso_validate_network_len(skb, mtu) : len > mtu;
}

struct mv_circuit *mv_inner_route(struct mv_engine *e, struct mv_device *d, struct sk_buff *skb)
{
	bool origin = d->role == MV_ROLE_ORIGIN;
	u32 mtu = mv_device_mtu(d);
	struct mv_circuit *c = NULL;
	struct mv_exit *x;
	struct inner p;

	if (unlikely(!parse_skb(&p, skb))) {
		drop(e, d, MV_DROP_FRAME);
		return NULL;
	}
	if (unlikely(too_big(skb, p.len, mtu))) {
		drop(e, d, MV_DROP_TOO_BIG);
		complain(e, d, skb, mtu);
		return NULL;
	}
	x = choose(e->node, d, &p);
	if (unlikely(x && origin && !holds(x, p.family, p.src))) {
		drop(e, d, MV_DROP_SOURCE);
		return NULL;
	}
	if (x)
		c = rcu_dereference(x->leg);
	/* nothing goes under db before the first cell under df came */
	if (likely(c && (origin || !READ_ONCE(c->pass))))
		return c;
	drop(e, d, MV_DROP_NO_CIRCUIT);
	if (origin)
		complain(e, d, skb, 0);
	return NULL;
}

u32 mv_inner_peek(const struct mv_node *node, const struct mv_device *d, const struct sk_buff *skb)
{
	struct mv_circuit *c;
	struct mv_exit *x;
	struct inner p;

	if (!parse(&p, skb->data, skb_headlen(skb), skb->len))
		return 0;
	x = choose(node, d, &p);
	c = x ? rcu_dereference(x->leg) : NULL;
	return c ? c->id : 0;
}

/* ---- circuit to device ---- */

/* Sources that nothing behind an exit has. */
static bool bad_source(const struct inner *p)
{
	static const u8 zero[15];
	const u8 *s = p->src;

	if (p->family == 4)
		return !s[0] || s[0] == 127 || s[0] >= 224 || (s[0] == 169 && s[1] == 254);
	return s[0] == 0xff || (s[0] == 0xfe && (s[1] & 0xc0) == 0x80) ||
	       (!memcmp(s, zero, 15) && s[15] <= 1) ||
	       (!memcmp(s, zero, 10) && s[10] == 0xff && s[11] == 0xff);
}

bool mv_inner_accept(struct mv_engine *e, struct mv_circuit *c, const u8 *packet, u32 len)
{
	const struct mv_exit *x = rcu_dereference(c->exit);
	enum mv_drop cause = MV_DROPS;
	struct inner p;

	if (unlikely(!x)) {
		mv_drop(e, MV_DROP_NO_CIRCUIT);
		return false;
	}
	if (!parse(&p, packet, len, len))
		cause = MV_DROP_FRAME;
	else if (c->kind == MV_TERMINUS)
		cause = holds(x, p.family, p.src) ? MV_DROPS : MV_DROP_SOURCE;
	else if (!holds(x, p.family, p.dst))
		cause = MV_DROP_DESTINATION;
	else if (bad_source(&p) || mv_inner_find(e->node, x->device, p.family, p.src))
		cause = MV_DROP_SOURCE;
	if (likely(cause == MV_DROPS))
		return true;
	drop(e, x->device, cause);
	return false;
}
