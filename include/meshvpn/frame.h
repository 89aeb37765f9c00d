/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Payload framing (Documentation/protocol.rst, "Payload", after RFC 9347): inner IP packets back
 * to back in the payloads of a circuit's cells, so that small packets share a cell and a large one
 * runs over several. Here are the header, the packer, an iterator over the pieces of one payload,
 * and the joining of fragments; the reorder window around them is each datapath's own.
 *
 *   0  u8   subtype
 *   1  u8   flags: sent 0, ignored
 *   2  u16  block offset, big-endian: where the first new packet starts in the data
 *   4       data: packets, then zeros
 */
#ifndef MESHVPN_FRAME_H
#define MESHVPN_FRAME_H

#include "types.h"

#define MV_FRAME_HEADER		4

#define MV_SUBTYPE_STREAM	0x00	/* packets of a session of one leg */
#define MV_SUBTYPE_SESSION	0x01	/* the same with a session sequence: several legs, reserved */
#define MV_SUBTYPE_CONTROL	0x80	/* control message for the daemon */

#define MV_IPV4_MIN		20
#define MV_IPV6_HEADER		40
#define MV_FRAME_PEEK		6	/* bytes from which any packet's length can be read */

/* Results of mv_frame_packet_len() that are no length. */
#define MV_FRAME_SHORT		0	/* more bytes are needed */
#define MV_FRAME_PADDING	(-1)	/* a zero nibble: nothing follows */
#define MV_FRAME_INVALID	(-2)	/* no packet: the rest of the cell has no meaning */

/**
 * mv_frame_packet_len - length of the inner packet that starts at @p, by its own header
 * @have: bytes that can be read at @p
 * @mtu: the longest packet accepted
 *
 * Return: the length, 20 to @mtu, or one of the three above. IPv4 lengths under 20 and IPv6
 * jumbograms (payload length 0) are invalid.
 */
static __always_inline int mv_frame_packet_len(const u8 *p, u32 have, u32 mtu)
{
	u32 len, version;

	if (!have)
		return MV_FRAME_SHORT;
	version = p[0] >> 4;
	if (!version)
		return MV_FRAME_PADDING;
	if (version == 4) {
		if (have < 4)
			return MV_FRAME_SHORT;
		len = mv_get_be16(p + 2);
		return len < MV_IPV4_MIN || len > mtu ? MV_FRAME_INVALID : (int)len;
	}
	if (version != 6)
		return MV_FRAME_INVALID;
	if (have < 6)
		return MV_FRAME_SHORT;
	len = mv_get_be16(p + 4);
	return !len || len + MV_IPV6_HEADER > mtu ? MV_FRAME_INVALID : (int)len + MV_IPV6_HEADER;
}

/* Can this packet be framed: does its own header give the length that it has? */
static __always_inline bool mv_frame_packet_ok(const u8 *packet, u32 len, u32 mtu)
{
	return len >= MV_IPV4_MIN && mv_frame_packet_len(packet, len, mtu) == (int)len;
}

static __always_inline void mv_frame_header(u8 *payload, u8 subtype, u32 offset)
{
	payload[0] = subtype;
	payload[1] = 0;
	mv_put_be16(payload + 2, (u16)offset);
}

/**
 * struct mv_frame_packer - fills the payloads of one circuit, in the order of their cells
 * @payload: the payload being filled, in the cell itself
 * @len: its length
 * @at: where the next byte goes
 * @packet: where in this payload the current packet's bytes start
 * @rest: bytes of the current packet still to come, here or in the next payloads
 *
 * Only @rest lives from one payload to the next. A zeroed packer is ready.
 *
 *	mv_frame_begin(p, payload, len);
 *	while (mv_frame_room(p) && (mv_frame_rest(p) || next packet)) {
 *		if (!mv_frame_rest(p))
 *			mv_frame_start(p, its length);
 *		taken += mv_frame_put(p, its next bytes, how many there are);
 *	}
 *	mv_frame_end(p);
 */
struct mv_frame_packer {
	u8 *payload;
	u32 len;
	u32 at;
	u32 packet;
	u32 rest;
};

/* Start a payload of @len (above MV_FRAME_HEADER, at most 65539) bytes. */
static __always_inline void mv_frame_begin(struct mv_frame_packer *p, u8 *payload, u32 len)
{
	u32 data = len - MV_FRAME_HEADER;

	p->payload = payload;
	p->len = len;
	p->at = p->packet = MV_FRAME_HEADER;
	mv_frame_header(payload, MV_SUBTYPE_STREAM, p->rest < data ? p->rest : data);
}

/* Bytes that the payload still takes. */
static __always_inline u32 mv_frame_room(const struct mv_frame_packer *p)
{
	return p->len - p->at;
}

/* Bytes of the current packet that are still to be put. */
static __always_inline u32 mv_frame_rest(const struct mv_frame_packer *p)
{
	return p->rest;
}

/* Does the payload hold any packet byte? */
static __always_inline bool mv_frame_used(const struct mv_frame_packer *p)
{
	return p->at > MV_FRAME_HEADER;
}

/* The next packet has @len bytes; only when the one before is finished and there is room. */
static __always_inline void mv_frame_start(struct mv_frame_packer *p, u32 len)
{
	p->packet = p->at;
	p->rest = len;
}

/**
 * mv_frame_put - append bytes of the current packet, which may lie in several segments
 *
 * Return: how many were taken: fewer than @len where the payload or the packet ends. What is left
 * goes into the next payload.
 */
static __always_inline u32 mv_frame_put(struct mv_frame_packer *p, const u8 *src, u32 len)
{
	if (len > p->rest)
		len = p->rest;
	if (len > mv_frame_room(p))
		len = mv_frame_room(p);
	mv_copy(p->payload + p->at, src, len);
	p->at += len;
	p->rest -= len;
	return len;
}

/* mv_frame_start() and mv_frame_put() of a packet in one piece; returns the bytes taken. */
static __always_inline u32 mv_frame_add(struct mv_frame_packer *p, const u8 *packet, u32 len)
{
	mv_frame_start(p, len);
	return mv_frame_put(p, packet, len);
}

/*
 * Give the current packet up: its bytes in this payload are taken out, and the receiver, which
 * sees the next packet earlier than the announced rest allows, discards what it has. Call it
 * between mv_frame_begin() and mv_frame_end(), or instead of the next mv_frame_begin().
 */
static __always_inline void mv_frame_cancel(struct mv_frame_packer *p)
{
	if (!p->rest)
		return;
	p->rest = 0;
	p->at = p->packet;
	if (p->payload && p->at == MV_FRAME_HEADER)
		mv_frame_header(p->payload, MV_SUBTYPE_STREAM, 0);
}

/* Finish the payload with zeros. A packet that is not complete although there is room is given up. */
static __always_inline void mv_frame_end(struct mv_frame_packer *p)
{
	if (mv_frame_room(p)) {
		mv_frame_cancel(p);
		mv_zero(p->payload + p->at, mv_frame_room(p));
	}
	p->payload = (void *)0;
}

/**
 * mv_frame_control - a payload with a control message
 * @message: at most @len - MV_FRAME_HEADER bytes
 *
 * It goes between payloads of the stream, whose current packet continues after it. False, and
 * nothing written, if the message is too long.
 */
static __always_inline bool mv_frame_control(u8 *payload, u32 len, const u8 *message, u32 message_len)
{
	if (len < MV_FRAME_HEADER || message_len > len - MV_FRAME_HEADER)
		return 0;
	mv_frame_header(payload, MV_SUBTYPE_CONTROL, 0);
	mv_copy(payload + MV_FRAME_HEADER, message, message_len);
	mv_zero(payload + MV_FRAME_HEADER + message_len, len - MV_FRAME_HEADER - message_len);
	return 1;
}

/* What a payload is; every one of them occupies its number. */
enum mv_frame_type {
	MV_FRAME_STREAM,	/* has an iterator */
	MV_FRAME_SESSION,	/* subtype 1, not used yet: carries no bytes of this stream */
	MV_FRAME_CONTROL,	/* for the daemon: carries no bytes of the stream */
	MV_FRAME_UNKNOWN,	/* another subtype: carries no bytes of the stream */
	MV_FRAME_BAD,		/* stream, but its offset lies outside: breaks a packet that continues */
};

enum mv_frame_kind {
	MV_PIECE_CONTINUES,	/* bytes of the packet that an earlier cell started; comes first */
	MV_PIECE_WHOLE,		/* a packet */
	MV_PIECE_STARTS,	/* the start of one that the next cells continue; comes last */
};

/**
 * struct mv_frame_piece - a run of bytes of one packet within a payload
 * @kind: which part
 * @ends: MV_PIECE_CONTINUES: the packet ends here; else the piece fills the payload and the packet
 *	may end with it or continue
 * @ptr: in the payload
 * @len: bytes, never 0
 * @packet_len: of the whole packet; 0 where its header is cut, and for MV_PIECE_CONTINUES
 */
struct mv_frame_piece {
	enum mv_frame_kind kind;
	bool ends;
	const u8 *ptr;
	u32 len;
	u32 packet_len;
};

/* Where in a payload of type MV_FRAME_STREAM we are. */
struct mv_frame_iter {
	const u8 *data;
	u32 len;
	u32 at;
	u32 offset;
	u32 mtu;
};

/**
 * mv_frame_open - look at a payload
 * @it: ready for mv_frame_next() on MV_FRAME_STREAM, else empty
 * @mtu: the longest inner packet accepted
 */
static __always_inline enum mv_frame_type mv_frame_open(struct mv_frame_iter *it, const u8 *payload,
							u32 len, u32 mtu)
{
	it->data = payload;
	it->len = it->at = it->offset = 0;
	it->mtu = mtu;
	if (len < MV_FRAME_HEADER)
		return MV_FRAME_BAD;
	if (payload[0] == MV_SUBTYPE_CONTROL)
		return MV_FRAME_CONTROL;
	if (payload[0] == MV_SUBTYPE_SESSION)
		return MV_FRAME_SESSION;
	if (payload[0] != MV_SUBTYPE_STREAM)
		return MV_FRAME_UNKNOWN;
	it->data = payload + MV_FRAME_HEADER;
	if (mv_get_be16(payload + 2) > len - MV_FRAME_HEADER)
		return MV_FRAME_BAD;
	it->len = len - MV_FRAME_HEADER;
	it->offset = mv_get_be16(payload + 2);
	return MV_FRAME_STREAM;
}

/**
 * mv_frame_next - the next piece
 *
 * Return: false at the end. Every piece has at least one byte and pieces do not overlap, so at
 * most len / 20 + 2 come.
 */
static __always_inline bool mv_frame_next(struct mv_frame_iter *it, struct mv_frame_piece *piece)
{
	u32 left = it->len - it->at;
	int len;

	piece->ptr = it->data + it->at;
	if (!it->at && it->offset) {
		piece->kind = MV_PIECE_CONTINUES;
		piece->len = it->offset;
		piece->packet_len = 0;
		piece->ends = it->offset < it->len;
		it->at = it->offset;
		return 1;
	}
	len = mv_frame_packet_len(piece->ptr, left, it->mtu);
	if (len < 0 || !left) {
		it->at = it->len;
		return 0;
	}
	piece->packet_len = (u32)len;
	piece->ends = len && (u32)len <= left;
	piece->kind = piece->ends ? MV_PIECE_WHOLE : MV_PIECE_STARTS;
	piece->len = piece->ends ? (u32)len : left;
	it->at += piece->len;
	return 1;
}

/**
 * struct mv_frame_partial - a packet being joined
 * @have: bytes in the buffer
 * @need: length of the packet, 0 while its header is cut
 */
struct mv_frame_partial {
	u32 have;
	u32 need;
};

enum mv_frame_joined {
	MV_JOIN_MORE,		/* goes on in the next cell */
	MV_JOIN_DONE,		/* buffer holds the packet, need bytes */
	MV_JOIN_BROKEN,		/* does not fit: discard what there is */
};

/* Put a piece MV_PIECE_STARTS into a buffer of at least the MTU of its iterator. */
static __always_inline void mv_frame_join_start(struct mv_frame_partial *p, u8 *buf,
						const struct mv_frame_piece *piece)
{
	mv_copy(buf, piece->ptr, piece->len);
	p->have = piece->len;
	p->need = piece->packet_len;
}

/**
 * mv_frame_join - append what the next cell continues
 * @buf: of at least @mtu bytes
 * @src: the piece MV_PIECE_CONTINUES of the next cell that carries stream bytes
 * @len: its length
 * @ends: as in the piece: the packet must end with it
 *
 * Where @src lies in the next cell and this returns MV_JOIN_BROKEN, only the packet is lost.
 */
static __always_inline enum mv_frame_joined mv_frame_join(struct mv_frame_partial *p, u8 *buf,
							  const u8 *src, u32 len, bool ends, u32 mtu)
{
	u32 i;
	int n;

	/* a header that the end of a cell cut is read from the joined bytes */
	for (i = 0; !p->need && i < MV_FRAME_PEEK; i++) {
		n = mv_frame_packet_len(buf, p->have, mtu);
		if (n < 0)
			return MV_JOIN_BROKEN;
		p->need = (u32)n;
		if (n)
			break;
		if (!len)
			return ends ? MV_JOIN_BROKEN : MV_JOIN_MORE;
		buf[p->have++] = *src++;
		len--;
	}
	if (!p->need) {
		n = mv_frame_packet_len(buf, p->have, mtu);
		if (n <= 0)
			return MV_JOIN_BROKEN;
		p->need = (u32)n;
	}
	if (p->need < p->have || len > p->need - p->have)
		return MV_JOIN_BROKEN;
	if (ends && len != p->need - p->have)
		return MV_JOIN_BROKEN;
	mv_copy(buf + p->have, src, len);
	p->have += len;
	return p->have == p->need ? MV_JOIN_DONE : MV_JOIN_MORE;
}

#endif
