/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SipHash-2-4 (Aumasson, Bernstein: SipHash: a fast short-input PRF, 2012) over whole 64-bit
 * words, which is all that header protection needs.
 */
#ifndef MESHVPN_SIPHASH_H
#define MESHVPN_SIPHASH_H

#include "types.h"

struct mv_siphash_key {
	u64 k0, k1;
};

struct mv_siphash {
	u64 v0, v1, v2, v3;
};

/* A key is 16 bytes, read as two little-endian words. */
static __always_inline struct mv_siphash_key mv_siphash_key(const u8 bytes[16])
{
	struct mv_siphash_key key = { mv_get_le64(bytes), mv_get_le64(bytes + 8) };

	return key;
}

#define MV_SIPROL(x, b) ((x) << (b) | (x) >> (64 - (b)))

static __always_inline void mv_siphash_round(struct mv_siphash *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = MV_SIPROL(s->v1, 13) ^ s->v0;
	s->v3 = MV_SIPROL(s->v3, 16) ^ s->v2;
	s->v0 = MV_SIPROL(s->v0, 32);
	s->v2 += s->v1;
	s->v0 += s->v3;
	s->v1 = MV_SIPROL(s->v1, 17) ^ s->v2;
	s->v3 = MV_SIPROL(s->v3, 21) ^ s->v0;
	s->v2 = MV_SIPROL(s->v2, 32);
}

static __always_inline void mv_siphash_init(struct mv_siphash *s, const struct mv_siphash_key *key)
{
	s->v0 = key->k0 ^ 0x736f6d6570736575ULL;
	s->v1 = key->k1 ^ 0x646f72616e646f6dULL;
	s->v2 = key->k0 ^ 0x6c7967656e657261ULL;
	s->v3 = key->k1 ^ 0x7465646279746573ULL;
}

static __always_inline void mv_siphash_word(struct mv_siphash *s, u64 m)
{
	s->v3 ^= m;
	mv_siphash_round(s);
	mv_siphash_round(s);
	s->v0 ^= m;
}

/* words: how many 64-bit words went in before; the last block holds only the length */
static __always_inline u64 mv_siphash_final(struct mv_siphash *s, u32 words)
{
	mv_siphash_word(s, (u64)(words * 8) << 56);
	s->v2 ^= 0xff;
	mv_siphash_round(s);
	mv_siphash_round(s);
	mv_siphash_round(s);
	mv_siphash_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

#endif
