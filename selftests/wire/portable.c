// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The shared headers computing the same on every machine: SipHash's reference vectors, a header of
 * onion.json sealed and opened, and long deterministic runs of framing and the replay window of
 * which a hash is compared. compile.sh builds this for big-endian and 32-bit machines as well.
 */
#include <stdio.h>
#include <string.h>

#include "offsets.h"

static int failed;
static unsigned int tests;

static void check(bool ok, const char *what)
{
	printf("%sok %u %s\n", ok ? "" : "not ", ++tests, what);
	failed |= !ok;
}

static u32 rnd(u32 *state, u32 below)
{
	*state = *state * 1664525u + 1013904223u;
	return (*state >> 8) % below;
}

static u64 fnv(u64 hash, const u8 *p, u32 len)
{
	while (len--)
		hash = (hash ^ *p++) * 0x100000001b3ULL;
	return hash;
}

/* Reference vectors of SipHash-2-4: key 00..0f, message 00, 01, ... of 0, 8 and 16 bytes. */
static void check_siphash(void)
{
	static const u64 want[] = {
		0x726fdb47dd0e0e31ULL, 0x93f5f5799a932462ULL, 0x3f2acc7f57c29bdbULL,
	};
	u8 bytes[16];
	u32 i, words;

	for (i = 0; i < 16; i++)
		bytes[i] = (u8)i;
	for (words = 0; words < 3; words++) {
		struct mv_siphash_key key = mv_siphash_key(bytes);
		struct mv_siphash s;

		mv_siphash_init(&s, &key);
		for (i = 0; i < words; i++)
			mv_siphash_word(&s, mv_get_le64(bytes + 8 * i));
		check(mv_siphash_final(&s, words) == want[words], "siphash reference vector");
	}
}

static void check_access(void)
{
	static const u8 in[8] = { 0x81, 2, 3, 4, 5, 6, 7, 0x88 };
	u8 out[8];

	check(mv_get_le64(in) == 0x8807060504030281ULL && mv_get_le32(in) == 0x04030281 &&
	      mv_get_le16(in) == 0x0281 && mv_get_be16(in) == 0x8102 && mv_get_be32(in) == 0x81020304 &&
	      mv_get_le32(in + 4) == 0x88070605, "reading integers");
	mv_put_le64(out, 0x8807060504030281ULL);
	check(!memcmp(out, in, 8), "writing 64 bits");
	mv_put_le32(out, 0x04030281);
	mv_put_le16(out + 4, 0x0605);
	mv_put_be16(out + 6, 0x0788);
	check(!memcmp(out, in, 8), "writing 32 and 16 bits");
	mv_put_be32(out, 0x81020304);
	check(!memcmp(out, in, 4), "writing big-endian");
}

/* From onion.json: small, three hops, the cell that hop 1 receives. */
static const u8 wire_link[8] = { 0xf2, 0x89, 0x85, 0xb0, 0xeb, 0x59, 0x5d };
static const u8 wire_tag[16] = {
	0x01, 0x54, 0x56, 0x0c, 0x77, 0x0d, 0xfc, 0x8c, 0xfa, 0x4c, 0xe2, 0xb5, 0xa1, 0x52, 0x0f, 0xec,
};
static const u8 wire_mask[16] = {
	0x25, 0x71, 0x9b, 0x27, 0x81, 0x70, 0xed, 0x76, 0x0e, 0xd1, 0x79, 0x03, 0x19, 0x75, 0xfa, 0xfa,
};
static const u8 wire_header[40] = {
	0x64, 0xf2, 0x89, 0x85, 0xb0, 0xeb, 0x59, 0x5d, 0x9c, 0xa5, 0x4d, 0xc2, 0xad, 0x19, 0xee, 0x73,
	0xb1, 0x2c, 0xb2, 0x38, 0x0c, 0x2f, 0x7e, 0xe6, 0x06, 0xb4, 0x85, 0x5c, 0x7f, 0x26, 0x77, 0x24,
	0xfb, 0x98, 0x75, 0x35, 0x57, 0x6d, 0x2a, 0x2f,
};

static void check_header(void)
{
	struct mv_header_keys keys;
	struct mv_header h = { 0 };
	u8 cell[40] = { 0 };
	u32 i, passed = 0;

	mv_header_keys_init(&keys, wire_tag, wire_mask);
	memcpy(cell + MV_CELL_LAYER, wire_header + MV_CELL_LAYER, MV_LAYER_LEN);
	mv_header_seal(cell, &keys, mv_get_le64(wire_link), 15989739, 4096, MV_BODY_SMALL, 36);
	check(!memcmp(cell, wire_header, sizeof(cell)), "header sealed as in the vectors");
	check(mv_header_open(cell, &keys, MV_BODY_SMALL, &h) && h.circuit == 15989739 && h.counter == 4096 &&
	      mv_cell_link(cell) == mv_get_le64(wire_link), "header opened");
	check(!mv_header_open(cell, &keys, MV_BODY_MEDIUM, &h), "header of another length refused");
	for (i = 8; i < 40 * 8; i++) {
		cell[i / 8] ^= 1 << i % 8;
		passed += mv_header_open(cell, &keys, MV_BODY_SMALL, &h);
		cell[i / 8] ^= 1 << i % 8;
	}
	check(!passed, "header with any bit flipped refused");
	cell[0] ^= 0x3f;
	check(mv_header_open(cell, &keys, MV_BODY_SMALL, &h), "random bits ignored");
}

static void check_replay(void)
{
	struct mv_replay w;
	u64 hash = 0xcbf29ce484222325ULL, top = 4096, n;
	u32 state = 1, i;
	bool told = 1;

	mv_replay_init(&w);
	for (i = 0; i < 200000; i++) {
		u8 ok;

		top += rnd(&state, 100) ? rnd(&state, 3) : rnd(&state, 5000);
		n = top - rnd(&state, rnd(&state, 10) ? 8 : 3000);
		ok = mv_replay_check(&w, n);
		told &= ok == mv_replay_commit(&w, n) && !mv_replay_check(&w, n);
		hash = fnv(hash, &ok, 1);
	}
	check(told, "replay check and commit agree");
	check(hash == 0xa907ee20c6d2780eULL, "replay decisions");
	if (hash != 0xa907ee20c6d2780eULL)
		printf("# %llx\n", (unsigned long long)hash);
}

#define MTU 1500
#define PAYLOAD 208

struct joiner {
	struct mv_frame_partial part;
	u8 buf[MTU];
	u64 hash;
	u32 packets, broken;
};

static void join_payload(struct joiner *j, const u8 *payload)
{
	struct mv_frame_iter it;
	struct mv_frame_piece piece;
	enum mv_frame_joined joined;

	if (mv_frame_open(&it, payload, PAYLOAD, MTU) != MV_FRAME_STREAM)
		return;
	while (mv_frame_next(&it, &piece)) {
		if (piece.kind == MV_PIECE_WHOLE) {
			j->hash = fnv(j->hash, piece.ptr, piece.len);
			j->packets++;
		} else if (piece.kind == MV_PIECE_STARTS) {
			mv_frame_join_start(&j->part, j->buf, &piece);
		} else {
			joined = mv_frame_join(&j->part, j->buf, piece.ptr, piece.len, piece.ends, MTU);
			j->broken += joined == MV_JOIN_BROKEN;
			if (joined == MV_JOIN_DONE) {
				j->hash = fnv(j->hash, j->buf, j->part.need);
				j->packets++;
			}
		}
	}
}

static void check_frames(void)
{
	static struct joiner j = { .hash = 0xcbf29ce484222325ULL };
	struct mv_frame_packer p = { 0 };
	u64 sent = j.hash, wire = j.hash;
	u8 payload[PAYLOAD], packet[MTU];
	u32 state = 7, packets = 0, len = 0, put = 0, i;

	while (packets < 2000 || mv_frame_rest(&p)) {
		if (!rnd(&state, 20)) {
			mv_frame_control(payload, PAYLOAD, packet, rnd(&state, PAYLOAD - 4));
			join_payload(&j, payload);
		}
		mv_frame_begin(&p, payload, PAYLOAD);
		while (mv_frame_room(&p) && (mv_frame_rest(&p) || packets < 2000)) {
			if (!mv_frame_rest(&p)) {
				len = 41 + rnd(&state, rnd(&state, 2) ? 60 : MTU - 41);
				for (i = 0; i < len; i++)
					packet[i] = (u8)rnd(&state, 256);
				packet[0] = rnd(&state, 2) ? 0x45 : 0x60;
				mv_put_be16(packet + (packet[0] == 0x45 ? 2 : 4),
					    (u16)(packet[0] == 0x45 ? len : len - 40));
				sent = fnv(sent, packet, len);
				packets++;
				put = 0;
				mv_frame_start(&p, len);
			}
			put += mv_frame_put(&p, packet + put, len - put);
		}
		mv_frame_end(&p);
		wire = fnv(wire, payload, PAYLOAD);
		join_payload(&j, payload);
	}
	check(j.packets == packets && !j.broken && j.hash == sent, "frames packed and joined");
	check(wire == 0x8652e55abf48be5eULL, "payload bytes");
	if (wire != 0x8652e55abf48be5eULL)
		printf("# %llx\n", (unsigned long long)wire);
}

int main(void)
{
	printf("TAP version 13\n");
	check_siphash();
	check_access();
	check_header();
	check_replay();
	check_frames();
	printf("1..%u\n", tests);
	return failed;
}
