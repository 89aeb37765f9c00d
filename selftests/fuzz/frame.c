// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The iterator over one payload, and the join of two: pieces lie in the payload, do not overlap,
 * come in order, and cover what the headers say; packing what came out and reading it again gives
 * the same packets.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <meshvpn/frame.h>

#define MTU 1500

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* Pack @packet alone and read it back, over payloads of @len bytes. */
static void again(const u8 *packet, u32 size, u32 len)
{
	u8 payload[256], buf[MTU];
	struct mv_frame_packer p = { 0 };
	struct mv_frame_partial part = { 0 };
	struct mv_frame_iter it;
	struct mv_frame_piece piece;
	u32 put = 0;
	enum mv_frame_joined joined = MV_JOIN_MORE;

	assert(mv_frame_packet_ok(packet, size, MTU));
	do {
		mv_frame_begin(&p, payload, len);
		if (!put)
			mv_frame_start(&p, size);
		put += mv_frame_put(&p, packet + put, size - put);
		mv_frame_end(&p);
		assert(mv_frame_open(&it, payload, len, MTU) == MV_FRAME_STREAM);
		assert(mv_frame_next(&it, &piece));
		if (piece.kind == MV_PIECE_WHOLE) {
			assert(piece.len == size && !memcmp(piece.ptr, packet, size));
			return;
		}
		if (piece.kind == MV_PIECE_STARTS)
			mv_frame_join_start(&part, buf, &piece);
		else
			joined = mv_frame_join(&part, buf, piece.ptr, piece.len, piece.ends, MTU);
	} while (put < size);
	assert(joined == MV_JOIN_DONE && part.need == size && !memcmp(buf, packet, size));
}

static void read_payload(const u8 *payload, u32 len, u8 *buf, struct mv_frame_partial *part)
{
	struct mv_frame_iter it;
	struct mv_frame_piece piece;
	enum mv_frame_type type = mv_frame_open(&it, payload, len, MTU);
	const u8 *at = payload + MV_FRAME_HEADER;
	u32 pieces = 0;

	while (mv_frame_next(&it, &piece)) {
		assert(type == MV_FRAME_STREAM && piece.len && piece.ptr == at);
		assert((size_t)(piece.ptr - payload) + piece.len <= len);
		assert(++pieces <= len / 20 + 2);
		at += piece.len;
		switch (piece.kind) {
		case MV_PIECE_CONTINUES:
			assert(pieces == 1);
			if (part->have &&
			    mv_frame_join(part, buf, piece.ptr, piece.len, piece.ends, MTU) == MV_JOIN_DONE)
				again(buf, part->need, 77);
			part->have = 0;
			break;
		case MV_PIECE_WHOLE:
			again(piece.ptr, piece.len, 5 + piece.len % 200);
			break;
		default:
			assert(at == payload + len);
			assert(!piece.packet_len || piece.packet_len > piece.len);
			mv_frame_join_start(part, buf, &piece);
		}
	}
	assert(!mv_frame_next(&it, &piece));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct mv_frame_partial part = { 0 };
	u8 buf[MTU], *one, *two;
	size_t cut;

	if (size < 2 || size > 2700)
		return 0;
	cut = mv_get_le16(data) % (size - 1);
	/* blocks of their own, so that ASan sees the ends */
	one = malloc(cut + 1);
	two = malloc(size - 2 - cut + 1);
	if (one && two) {
		memcpy(one, data + 2, cut);
		memcpy(two, data + 2 + cut, size - 2 - cut);
		one = realloc(one, cut ? cut : 1);
		read_payload(one, (u32)cut, buf, &part);
		read_payload(two, (u32)(size - 2 - cut), buf, &part);
	}
	free(one);
	free(two);
	return 0;
}
