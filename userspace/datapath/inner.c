// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which circuit an inner packet takes, and which packets may pass (Documentation/protocol.rst,
 * "Inner addresses select circuits"). No exit ever sees a source that it did not grant, and no
 * circuit brings the client a packet for another session.
 */
#include "core.h"

#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/icmp6.h>

#define ERROR_V4_PAYLOAD 28		/* header without options and 8 bytes (RFC 792) */
#define ERROR_V6_MAX 1280		/* RFC 4443, 2.4 (c) */
#define ERROR_V6_PAYLOAD 512

/* The first @len bytes of a packet in two parts. */
static void head(u8 *to, u32 len, const struct offload_segment *s)
{
	u32 n = s->hdr_len < len ? s->hdr_len : len;

	memcpy(to, s->hdr, n);
	if (n < len)
		memcpy(to + n, s->payload, len - n);
}

bool inner_parse(struct inner_packet *p, const struct offload_segment *s)
{
	u8 h[MV_IPV6_HEADER];
	u32 len = s->hdr_len + s->payload_len;

	if (len < MV_IPV4_MIN)
		return false;
	p->len = len;
	if (len < sizeof(h)) {
		head(h, len, s);
		if (h[0] >> 4 != 4)
			return false;
	} else {
		head(h, sizeof(h), s);
	}
	if (mv_frame_packet_len(h, MV_FRAME_PEEK, 65535) != (int)len)
		return false;
	p->family = h[0] >> 4;
	if (p->family == 4) {
		memcpy(p->src, h + 12, 4);
		memcpy(p->dst, h + 16, 4);
	} else {
		memcpy(p->src, h + 8, 16);
		memcpy(p->dst, h + 24, 16);
	}
	return true;
}

static bool holds(const struct dp_exit *e, u32 family, const u8 *addr)
{
	return family == 4 ? e->has4 && !memcmp(e->inner4, addr, 4) :
			     e->has6 && !memcmp(e->inner6, addr, 16);
}

/* ---- errors to our own device ---- */

static u32 sum16(const u8 *p, u32 len, u32 sum)
{
	u32 i;

	for (i = 0; i + 1 < len; i += 2)
		sum += mv_get_be16(p + i);
	if (len & 1)
		sum += (u32)p[len - 1] << 8;
	return sum;
}

static u16 fold(u32 sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (u16)~sum;
}

/* No error about an error, a group or a fragment other than the first (RFC 1122, RFC 4443). */
static bool may_complain(const u8 *packet, u32 len, const struct inner_packet *p)
{
	u32 ihl;

	if (p->family == 6)
		return p->dst[0] != 0xff && p->src[0] != 0xff &&
		       !(packet[6] == IPPROTO_ICMPV6 && (len <= 40 || packet[40] < 128));
	ihl = (packet[0] & 15) * 4;
	if ((mv_get_be16(packet + 6) & 0x1fff) || (p->dst[0] & 0xf0) == 0xe0 || !p->src[0] ||
	    p->src[0] >= 0xe0)
		return false;
	return packet[9] != IPPROTO_ICMP ||
	       (len > ihl && (packet[ihl] == ICMP_ECHO || packet[ihl] == ICMP_ECHOREPLY));
}

static void complain4(struct core *core, struct dp_device *d, const struct inner_packet *p,
		      const u8 *packet, u32 have, u8 code, u32 mtu)
{
	u32 quote = have < ERROR_V4_PAYLOAD ? have : ERROR_V4_PAYLOAD, len = 28 + quote;
	u8 e[28 + ERROR_V4_PAYLOAD] = { 0x45, 0xc0 };

	mv_put_be16(e + 2, (u16)len);
	e[8] = 64;
	e[9] = IPPROTO_ICMP;
	/* from where it should have gone: the route back is there, whatever the device's filters */
	memcpy(e + 12, p->dst, 4);
	memcpy(e + 16, p->src, 4);
	mv_put_be16(e + 10, fold(sum16(e, 20, 0)));
	e[20] = ICMP_DEST_UNREACH;
	e[21] = code;
	mv_put_be16(e + 26, (u16)mtu);
	memcpy(e + 28, packet, quote);
	mv_put_be16(e + 22, fold(sum16(e + 20, len - 20, 0)));
	core->ops->deliver(core->arg, d, e, len, false);
}

static void complain6(struct core *core, struct dp_device *d, const struct inner_packet *p,
		      const u8 *packet, u32 have, u8 type, u8 code, u32 mtu)
{
	u32 quote = have < ERROR_V6_PAYLOAD ? have : ERROR_V6_PAYLOAD, len = 48 + quote, sum;
	u8 e[48 + ERROR_V6_PAYLOAD] = { 0x60 };

	mv_put_be16(e + 4, (u16)(len - 40));
	e[6] = IPPROTO_ICMPV6;
	e[7] = 64;
	memcpy(e + 8, p->dst, 16);
	memcpy(e + 24, p->src, 16);
	e[40] = type;
	e[41] = code;
	mv_put_be32(e + 44, mtu);
	memcpy(e + 48, packet, quote);
	sum = sum16(e + 8, 32, len - 40 + IPPROTO_ICMPV6);
	mv_put_be16(e + 42, fold(sum16(e + 40, len - 40, sum)));
	core->ops->deliver(core->arg, d, e, len, false);
}

/* Unreachable, or too big where @mtu is not 0. */
static void complain(struct core *core, struct dp_device *d, const struct inner_packet *p,
		     const struct offload_segment *s, u32 mtu)
{
	u8 quote[ERROR_V6_PAYLOAD];
	u32 have = p->len < sizeof(quote) ? p->len : sizeof(quote);

	head(quote, have, s);
	if (!may_complain(quote, have, p) || !bucket_take(&core->errors, core->now, 1))
		return;
	if (p->family == 4)
		complain4(core, d, p, quote, have, mtu ? ICMP_FRAG_NEEDED : ICMP_HOST_UNREACH, mtu);
	else if (mtu)
		complain6(core, d, p, quote, have, ICMP6_PACKET_TOO_BIG, 0, mtu);
	else
		complain6(core, d, p, quote, have, ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_NOROUTE, 0);
}

/* ---- device to circuit ---- */

static bool prefix_holds(const struct datapath_prefix *f, const u8 *addr)
{
	u32 bytes = f->bits / 8, rest = f->bits % 8;

	if (memcmp(f->addr, addr, bytes))
		return false;
	return !rest || !((f->addr[bytes] ^ addr[bytes]) >> (8 - rest));
}

/* Prefixes are sorted, longest first. */
static struct dp_exit *by_prefix(struct core *core, const struct dp_device *d, const struct inner_packet *p)
{
	u32 i, family = p->family == 4 ? AF_INET : AF_INET6;

	for (i = 0; i < d->prefix_count; i++)
		if (d->prefixes[i].family == family && prefix_holds(&d->prefixes[i], p->dst))
			return table_exit(core->table, d->prefixes[i].session);
	return NULL;
}

struct dp_circuit *inner_route(struct core *core, struct dp_device *device,
			       const struct offload_segment *s)
{
	struct table *t = core->table;
	bool origin = device->role == DATAPATH_ROLE_ORIGIN;
	struct inner_packet p;
	struct dp_exit *e;

	if (!inner_parse(&p, s)) {
		core_drop(core, DROP_FRAME);
		return NULL;
	}
	if (p.len > device->mtu) {
		core_drop(core, DROP_TOO_BIG);
		complain(core, device, &p, s, device->mtu);
		return NULL;
	}
	e = table_inner(t, device, p.family, origin ? p.src : p.dst);
	if (!e && origin)
		e = by_prefix(core, device, &p);
	if (e && origin && !holds(e, p.family, p.src)) {
		core_drop(core, DROP_SOURCE);
		return NULL;
	}
	if (e && e->leg && (origin || !e->leg->pass))
		return e->leg;
	core_drop(core, DROP_NO_CIRCUIT);
	if (origin)
		complain(core, device, &p, s, 0);
	return NULL;
}

/* ---- circuit to device ---- */

/* Sources that nothing behind an exit has. */
static bool bad_source(const struct inner_packet *p)
{
	static const u8 zero[15];

	if (p->family == 4)
		return !p->src[0] || p->src[0] == 127 || p->src[0] >= 224 ||
		       (p->src[0] == 169 && p->src[1] == 254);
	return p->src[0] == 0xff || (p->src[0] == 0xfe && (p->src[1] & 0xc0) == 0x80) ||
	       (!memcmp(p->src, zero, 15) && p->src[15] <= 1) ||
	       (!memcmp(p->src, zero, 10) && p->src[10] == 0xff && p->src[11] == 0xff);
}

bool inner_accept(struct core *core, struct dp_circuit *c, const u8 *packet, u32 len)
{
	struct offload_segment s = { .hdr_len = 0, .payload = packet, .payload_len = len };
	struct dp_exit *e = c->exit;
	enum datapath_drop cause = DROP_CAUSES;
	struct inner_packet p;

	if (!e)
		cause = DROP_NO_CIRCUIT;
	else if (!inner_parse(&p, &s))
		cause = DROP_FRAME;
	else if (c->kind == DATAPATH_TERMINUS_CIRCUIT)
		cause = holds(e, p.family, p.src) ? DROP_CAUSES : DROP_SOURCE;
	else if (!holds(e, p.family, p.dst))
		cause = DROP_DESTINATION;
	else if (bad_source(&p) || table_inner(core->table, e->device, p.family, p.src))
		cause = DROP_SOURCE;
	if (cause == DROP_CAUSES)
		return true;
	core_drop(core, cause);
	return false;
}

/* ---- entry ---- */

static void segment_input(struct core *core, struct dp_device *device, const struct offload_segment *s)
{
	struct dp_circuit *c = inner_route(core, device, s);
	u32 owner;

	if (!c)
		return;
	owner = table_owner(core->table, c->id);
	if (owner == core->worker) {
		edge_packet(core, c, s);
		return;
	}
	count_add(core->stats.passed_packets, 1);
	core->ops->pass_packet(core->arg, owner, c, s);
}

void core_tun(struct core *core, u64 now, struct dp_device *device, const u8 *data, u32 len)
{
	struct offload_segment s;
	struct offload_cut cut;

	core->now = now;
	core->congested = !core->ops->writable(core->arg);
	if (offload_cut_init(&cut, data, len)) {
		core_drop(core, DROP_FRAME);
		return;
	}
	while (offload_cut_next(&cut, &s))
		segment_input(core, device, &s);
}

void core_packet(struct core *core, u64 now, struct dp_device *device, const u8 *packet, u32 len)
{
	struct offload_segment s;

	s.hdr_len = 0;
	s.payload = packet;
	s.payload_len = len;
	core->now = now;
	core->congested = !core->ops->writable(core->arg);
	segment_input(core, device, &s);
}

void core_passed_packet(struct core *core, u64 now, u32 link, u32 circuit, const u8 *packet, u32 len)
{
	struct offload_segment s;
	struct dp_circuit *c;
	bool away;

	core->now = now;
	c = table_circuit(core->table, link, circuit, &away);
	if (!c || !c->edge || (c->kind == DATAPATH_TERMINUS_CIRCUIT && c->pass)) {
		core_drop(core, DROP_NO_CIRCUIT);
		return;
	}
	s.hdr_len = 0;
	s.payload = packet;
	s.payload_len = len;
	edge_packet(core, c, &s);
}
