// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Cuts what TUN hands over (TSO and USO superpackets, partial checksums) into inner packets, as
 * the kernel's tcp_gso_segment() and __udp_gso_segment() do: see offload.h.
 */
#include "offload.h"
#include "offload_internal.h"

#include <errno.h>

#include "base/cursor.h"

static struct offload_vnet read_vnet(struct cursor *c)
{
	struct offload_vnet v = { .flags = cursor_u8(c), .gso_type = cursor_u8(c) };

	cursor_read(c, &v.hdr_len, 2);
	cursor_read(c, &v.gso_size, 2);
	cursor_read(c, &v.csum_start, 2);
	cursor_read(c, &v.csum_offset, 2);
	return v;
}

/* No superpacket: the bytes up to the checksum go out as header, with it completed. */
static int init_plain(struct offload_cut *cut, const struct offload_vnet *v)
{
	u32 end = (u32)v->csum_start + v->csum_offset + 2;

	cut->plain = true;
	cut->partial = v->flags & VNET_NEEDS_CSUM;
	if (!cut->partial)
		return 0;
	if (v->csum_start < cut->l4 || v->csum_offset & 1 || end > cut->len)
		return -EINVAL;
	if (end > OFFLOAD_HDR_MAX)
		return -EPROTONOSUPPORT;
	cut->hdr_len = end;
	cut->csum_start = v->csum_start;
	cut->csum_offset = v->csum_offset;
	return 0;
}

static int check_gso(const struct offload_ip *ip, const struct offload_vnet *v)
{
	u8 type = v->gso_type & ~VNET_ECN, proto = type == VNET_UDP_L4 ? PROTO_UDP : PROTO_TCP;

	if (type != VNET_TCPV4 && type != VNET_TCPV6 && type != VNET_UDP_L4)
		return -EPROTONOSUPPORT;
	if ((type == VNET_TCPV4 && ip->version != 4) || (type == VNET_TCPV6 && ip->version != 6))
		return -EINVAL;
	if (ip->proto != proto || ip->fragment || !(v->flags & VNET_NEEDS_CSUM) ||
	    v->csum_start != ip->l4 || v->gso_size < OFFLOAD_MSS_MIN)
		return -EINVAL;
	return v->csum_offset == (proto == PROTO_TCP ? TCP_CSUM : UDP_CSUM) ? 0 : -EINVAL;
}

/*
 * What is the same in all segments is summed once: pseudo-header without the length, and the
 * transport header without sequence number, flags, lengths and checksum.
 */
static u64 constant_sum(const struct offload_cut *cut, const struct offload_ip *ip)
{
	const u8 *l4 = cut->packet + cut->l4;
	u64 sum = offload_sum_pseudo(ip, cut->packet, 0);

	sum = offload_sum(sum, l4, 4);
	if (ip->proto == PROTO_UDP)
		return sum;
	sum = offload_sum(sum, l4 + 8, 4);	/* acknowledged */
	sum = offload_sum(sum, l4 + 14, 2);	/* window */
	return offload_sum(sum, l4 + 18, cut->hdr_len - cut->l4 - 18);
}

static int init_gso(struct offload_cut *cut, const struct offload_ip *ip,
		    const struct offload_vnet *v)
{
	int err = check_gso(ip, v), hdr_len;

	if (err)
		return err;
	hdr_len = offload_l4_parse(ip, cut->packet, cut->len);
	if (hdr_len < 0 || ip->len != cut->len)
		return -EINVAL;
	if (hdr_len > OFFLOAD_HDR_MAX)
		return -EPROTONOSUPPORT;
	cut->hdr_len = cut->offset = (u32)hdr_len;
	cut->mss = v->gso_size;
	cut->gso_type = v->gso_type;
	cut->csum_start = v->csum_start;
	cut->csum_offset = v->csum_offset;
	cut->csum_base = constant_sum(cut, ip);
	return 0;
}

int offload_cut_init(struct offload_cut *cut, const u8 *data, u32 len)
{
	struct cursor c = cursor_of(data, len);
	struct offload_vnet v = read_vnet(&c);
	struct offload_ip ip;
	int err;

	memset(cut, 0, sizeof(*cut));
	cut->packet = c.at;
	cut->len = (u32)cursor_left(&c);
	if (c.bad || !cut->len || cut->len > 65575)
		return -EINVAL;
	err = offload_ip_parse(&ip, cut->packet, cut->len);
	if (err)
		return err;
	cut->family = ip.version;
	cut->proto = ip.proto;
	cut->l4 = ip.l4 < 255 ? (u8)ip.l4 : 255;
	if (v.gso_type == VNET_NONE)
		return init_plain(cut, &v);
	if (ip.l4 > OFFLOAD_HDR_MAX)
		return -EPROTONOSUPPORT;
	return init_gso(cut, &ip, &v);
}

static bool next_plain(struct offload_cut *cut, struct offload_segment *s)
{
	u64 sum;
	u16 csum;

	if (cut->index++)
		return false;
	memcpy(s->hdr, cut->packet, cut->hdr_len);
	s->hdr_len = cut->hdr_len;
	s->payload = cut->packet + cut->hdr_len;
	s->payload_len = cut->len - cut->hdr_len;
	if (!cut->partial)
		return true;
	/* the field holds the sum of the pseudo-header already */
	sum = offload_sum(0, cut->packet + cut->csum_start, cut->len - cut->csum_start);
	csum = (u16)~offload_fold(sum);
	offload_put_sum(s->hdr + cut->csum_start + cut->csum_offset, csum ? csum : 0xffff);
	return true;
}

/* Flags: FIN and PSH are the last one's, CWR is the first one's. Returns the sum of what changed. */
static u64 set_tcp(const struct offload_cut *cut, u8 *tcp, bool first, bool last)
{
	mv_put_be32(tcp + 4, mv_get_be32(tcp + 4) + (cut->offset - cut->hdr_len));
	if (!last)
		tcp[13] &= (u8)~(TCP_FIN | TCP_PSH);
	if (!first)
		tcp[13] &= (u8)~TCP_CWR;
	return offload_sum(offload_sum(0, tcp + 4, 4), tcp + 12, 2);
}

static void next_super(struct offload_cut *cut, struct offload_segment *s)
{
	struct offload_ip ip = { .version = cut->family, .proto = cut->proto, .l4 = cut->l4 };
	u32 left = cut->len - cut->offset, l4_len;
	u8 *l4 = s->hdr + cut->l4;
	u64 sum = cut->csum_base;
	u16 csum;

	memcpy(s->hdr, cut->packet, cut->hdr_len);
	s->hdr_len = cut->hdr_len;
	s->payload = cut->packet + cut->offset;
	s->payload_len = left < cut->mss ? left : cut->mss;
	l4_len = s->hdr_len - cut->l4 + s->payload_len;
	if (cut->family == 4)
		mv_put_be16(s->hdr + 4, (u16)(mv_get_be16(s->hdr + 4) + cut->index));
	offload_set_length(&ip, s->hdr, s->hdr_len + s->payload_len);
	if (cut->proto == PROTO_TCP) {
		sum += set_tcp(cut, l4, !cut->index, s->payload_len == left);
	} else {
		mv_put_be16(l4 + 4, (u16)l4_len);
		sum += htons((u16)l4_len);
	}
	sum = offload_sum(sum + htonl(l4_len), s->payload, s->payload_len);
	csum = (u16)~offload_fold(sum);
	offload_put_sum(l4 + cut->csum_offset, csum || cut->proto == PROTO_TCP ? csum : 0xffff);
	cut->offset += s->payload_len;
	cut->index++;
}

bool offload_cut_next(struct offload_cut *cut, struct offload_segment *s)
{
	if (cut->plain)
		return next_plain(cut, s);
	if (cut->offset == cut->len && cut->index)
		return false;
	next_super(cut, s);
	return true;
}
