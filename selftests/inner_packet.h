/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Builds inner packets for tests of the offloads, and compares what was joined and cut again with
 * what went in. Checksums are computed here the slow way, apart from the code under test.
 */
#ifndef SELFTESTS_INNER_PACKET_H
#define SELFTESTS_INNER_PACKET_H

#include <meshvpn/types.h>

#define INNER_MAX 66000

struct inner {
	u8 version, proto;	/* 4 or 6; 6 TCP, 17 UDP */
	u8 host;		/* last byte of the source address */
	u16 sport, dport;
	u32 seq, ack;
	u8 flags, tos, ttl;
	u16 window, id;
	bool df, bad;		/* bad: a wrong transport checksum */
	u8 options;		/* bytes of TCP options, a multiple of 4 */
	u32 timestamp;		/* in the options, if there is room */
	u32 len;		/* payload */
	u8 seed;		/* of its bytes */
};

static inline u16 inner_checksum(const u8 *data, u32 len, u32 sum)
{
	u32 i;

	for (i = 0; i < len; i++)
		sum += i & 1 ? data[i] : (u32)data[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (u16)~sum;
}

static inline u32 inner_pseudo(const u8 *packet, u8 proto, u32 l4_len)
{
	u32 i, sum = proto + (l4_len >> 16) + (l4_len & 0xffff);
	bool v4 = packet[0] >> 4 == 4;

	for (i = 0; i < (v4 ? 8 : 32); i += 2)
		sum += mv_get_be16(packet + (v4 ? 12 : 8) + i);
	return sum;
}

static inline u32 inner_ip(u8 *b, const struct inner *p, u32 l4_len)
{
	if (p->version == 4) {
		memset(b, 0, 20);
		b[0] = 0x45;
		b[1] = p->tos;
		mv_put_be16(b + 2, (u16)(20 + l4_len));
		mv_put_be16(b + 4, p->id);
		b[6] = p->df ? 0x40 : 0;
		b[8] = p->ttl;
		b[9] = p->proto;
		memcpy(b + 12, (u8[]){ 10, 0, 0, p->host, 10, 9, 8, 7 }, 8);
		mv_put_be16(b + 10, inner_checksum(b, 20, 0));
		return 20;
	}
	memset(b, 0, 40);
	mv_put_be32(b, 0x60000000 | (u32)p->tos << 20 | p->id);
	mv_put_be16(b + 4, (u16)l4_len);
	b[6] = p->proto;
	b[7] = p->ttl;
	b[8] = b[24] = 0xfd;
	b[23] = p->host;
	b[39] = 7;
	return 40;
}

/* Length of the packet built in @b, which has room for INNER_MAX bytes. */
static inline u32 inner_build(u8 *b, const struct inner *p)
{
	u32 l4_hdr = p->proto == 6 ? 20 + p->options : 8, l4_len = l4_hdr + p->len, i;
	u32 l4 = inner_ip(b, p, l4_len);
	u8 *h = b + l4;
	u16 sum;

	memset(h, 0, l4_hdr);
	mv_put_be16(h, p->sport);
	mv_put_be16(h + 2, p->dport);
	for (i = 0; i < p->len; i++)
		h[l4_hdr + i] = (u8)(p->seed + i * 7 + (i >> 8));
	if (p->proto == 17) {
		mv_put_be16(h + 4, (u16)l4_len);
	} else {
		mv_put_be32(h + 4, p->seq);
		mv_put_be32(h + 8, p->ack);
		h[12] = (u8)(l4_hdr << 2);
		h[13] = p->flags;
		mv_put_be16(h + 14, p->window);
		memset(h + 20, 1, p->options);
		if (p->options >= 12) {
			h[22] = 8;
			h[23] = 10;
			mv_put_be32(h + 24, p->timestamp);
		}
	}
	sum = inner_checksum(h, l4_len, inner_pseudo(b, p->proto, l4_len));
	if (!sum && p->proto == 17)
		sum = 0xffff;
	mv_put_be16(h + (p->proto == 6 ? 16 : 6), (u16)(sum + p->bad));
	return l4 + l4_len;
}

/* Ids that mean nothing and the two zeros of one's complement are made the same. */
static inline void inner_normalise(u8 *b, u32 len)
{
	u8 *sum;

	if (len < 20 || b[0] >> 4 != 4)
		return;
	if (b[6] & 0x40 && b[0] == 0x45 && !inner_checksum(b, 20, 0)) {
		memset(b + 4, 0, 2);
		memset(b + 10, 0, 2);
		mv_put_be16(b + 10, inner_checksum(b, 20, 0));
	}
	if (mv_get_be16(b + 10) == 0xffff)
		memset(b + 10, 0, 2);
	sum = b + (b[0] & 15) * 4 + 16;
	if (b[9] == 6 && sum + 2 <= b + len && mv_get_be16(sum) == 0xffff)
		memset(sum, 0, 2);
}

#endif
