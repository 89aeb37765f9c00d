// SPDX-License-Identifier: GPL-2.0-or-later
/* Headers of inner packets, read within bounds, and their checksums: see offload_internal.h. */
#include "offload_internal.h"

#include <errno.h>

#include "base/cursor.h"

static int parse_v4(struct offload_ip *ip, struct cursor *c)
{
	const u8 *h = cursor_take(c, 20);
	u32 ihl;

	if (!h)
		return -EINVAL;
	ihl = (h[0] & 15) * 4;
	if (ihl < 20 || !cursor_take(c, ihl - 20))
		return -EINVAL;
	ip->proto = h[9];
	ip->l4 = (u16)ihl;
	ip->len = mv_get_be16(h + 2);
	ip->fragment = mv_get_be16(h + 6) & 0x3fff;
	ip->extended = ihl > 20;
	return ip->len < ihl ? -EINVAL : 0;
}

static bool is_extension(u8 proto)
{
	return proto == 0 || proto == 43 || proto == 44 || proto == 60;
}

/* Hop-by-hop, routing, destination and fragment headers (RFC 8200); others end the walk. */
static int parse_v6(struct offload_ip *ip, struct cursor *c)
{
	const u8 *start = c->at, *h = cursor_take(c, 40), *e;

	if (!h)
		return -EINVAL;
	ip->len = 40 + mv_get_be16(h + 4);
	ip->proto = h[6];
	while (is_extension(ip->proto) && !ip->fragment) {
		e = cursor_take(c, 8);
		if (!e)
			return -EINVAL;
		ip->fragment = ip->proto == 44;
		if (!ip->fragment && !cursor_take(c, (size_t)e[1] * 8))
			return -EINVAL;
		ip->proto = e[0];
		ip->extended = true;
	}
	ip->l4 = (u16)(c->at - start);
	return ip->len < ip->l4 ? -EINVAL : 0;
}

int offload_ip_parse(struct offload_ip *ip, const u8 *packet, u32 len)
{
	struct cursor c = cursor_of(packet, len);

	memset(ip, 0, sizeof(*ip));
	if (!len || len > 65575)
		return -EINVAL;
	ip->version = packet[0] >> 4;
	if (ip->version == 4)
		return parse_v4(ip, &c);
	return ip->version == 6 ? parse_v6(ip, &c) : -EPROTONOSUPPORT;
}

int offload_l4_parse(const struct offload_ip *ip, const u8 *packet, u32 len)
{
	struct cursor c = cursor_of(packet, len);
	const u8 *h;
	u32 doff;

	cursor_take(&c, ip->l4);
	h = cursor_take(&c, ip->proto == PROTO_TCP ? 20 : 8);
	if (!h)
		return -EINVAL;
	if (ip->proto != PROTO_TCP)
		return ip->proto == PROTO_UDP ? ip->l4 + 8 : -EINVAL;
	doff = (h[12] >> 4) * 4;
	if (doff < 20 || !cursor_take(&c, doff - 20))
		return -EINVAL;
	return ip->l4 + (int)doff;
}

/*
 * 32 bits at a time into 64-bit lanes: no carries to look after, and vectors do it. The body is
 * compiled twice.
 */
typedef u64 lanes __attribute__((vector_size(32)));

static __always_inline u64 sum_lanes(u64 sum, const u8 *p, u32 len)
{
	lanes a = { 0 }, b = { 0 }, c = { 0 }, d = { 0 };
	u64 x;

	for (; len >= 64; p += 64, len -= 64) {
		lanes v, w;

		memcpy(&v, p, 32);
		memcpy(&w, p + 32, 32);
		a += v & 0xffffffff;
		b += v >> 32;
		c += w & 0xffffffff;
		d += w >> 32;
	}
	a += b + c + d;
	sum += a[0] + a[1] + a[2] + a[3];
	for (; len >= 8; p += 8, len -= 8) {
		memcpy(&x, p, 8);
		sum += (u32)x + (x >> 32);
	}
	x = 0;
	memcpy(&x, p, len);
	return sum + (u32)x + (x >> 32);
}

#ifdef __x86_64__
static __attribute__((target("avx2"))) u64 sum_avx2(u64 sum, const u8 *p, u32 len)
{
	return sum_lanes(sum, p, len);
}
#endif

u64 offload_sum(u64 sum, const void *data, u32 len)
{
#ifdef __x86_64__
	if (len >= 128 && __builtin_cpu_supports("avx2"))
		return sum_avx2(sum, data, len);
#endif
	return sum_lanes(sum, data, len);
}

u64 offload_sum_pseudo(const struct offload_ip *ip, const u8 *packet, u32 len)
{
	u64 sum = (u64)htons(ip->proto) + htonl(len);

	return ip->version == 4 ? offload_sum(sum, packet + 12, 8) :
				  offload_sum(sum, packet + 8, 32);
}

void offload_set_length(const struct offload_ip *ip, u8 *hdr, u32 len)
{
	if (ip->version == 6) {
		mv_put_be16(hdr + 4, (u16)(len - 40));
		return;
	}
	mv_put_be16(hdr + 2, (u16)len);
	mv_put_be16(hdr + 10, 0);
	offload_put_sum(hdr + 10, (u16)~offload_fold(offload_sum(0, hdr, ip->l4)));
}
