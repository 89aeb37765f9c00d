// SPDX-License-Identifier: GPL-2.0
/*
 * One layer of a cell, composed from lib/crypto's ChaCha and Poly1305 instead of its AEAD: that one
 * throws away the bytes of block 0 that refill a peeled cell, and computes block 0 apart from the
 * rest. Here the first call gives block 0 and the key stream of the first 64 bytes together, which
 * takes the SIMD path (64 bytes alone are done in scalar code), and lets the head of a backward
 * cell be put together without touching the received skb.
 */
#include <crypto/poly1305.h>

#include "compat.h"
#include "layer.h"

#define BLOCK 64

/* The key stream's head: block 0, whose first half is the Poly1305 key, and block 1. */
struct stream {
	struct chacha_state chacha;
	u8 head[2 * BLOCK] __aligned(16);
};

static void stream_begin(struct stream *s, const u8 *key, u64 counter)
{
	u32 words[CHACHA_KEY_WORDS];
	u8 iv[CHACHA_IV_SIZE] = {};
	int i;

	for (i = 0; i < CHACHA_KEY_WORDS; i++)
		words[i] = mv_get_le32(key + 4 * i);
	mv_put_le64(iv + 8, counter);
	mv_chacha_init(&s->chacha, words, iv);
	memset(s->head, 0, sizeof(s->head));
	mv_chacha_crypt(&s->chacha, s->head, s->head, sizeof(s->head));
	memzero_explicit(words, sizeof(words));
}

/* The first 64 bytes by hand, the others from block 2 on. */
static void stream_xor(struct stream *s, u8 *out, const u8 *in, u32 len)
{
	crypto_xor_cpy(out, in, s->head + BLOCK, BLOCK);
	mv_chacha_crypt(&s->chacha, out + BLOCK, in + BLOCK, len - BLOCK);
}

/* RFC 8439, 2.8: no associated data, and bodies are whole blocks, so there is no padding. */
static void stream_tag(struct stream *s, u8 *tag, const u8 *body, u32 len)
{
	struct poly1305_desc_ctx poly;
	u8 lengths[16] = {};

	BUILD_BUG_ON(MV_BODY_SMALL % 16 || MV_BODY_MEDIUM % 16 || MV_BODY_LARGE % 16);
	mv_put_le64(lengths + 8, len);
	poly1305_init(&poly, s->head);
	poly1305_update(&poly, body, len);
	poly1305_update(&poly, lengths, sizeof(lengths));
	poly1305_final(&poly, tag);
}

static bool stream_verify(struct stream *s, const u8 *in, u32 body)
{
	u8 tag[MV_LAYER_LEN];

	stream_tag(s, tag, in + MV_CELL_BODY, body);
	return !crypto_memneq(tag, in + MV_CELL_LAYER, sizeof(tag));
}

bool mv_layer_peel(u8 *out, const u8 *in, const u8 key[MV_KEY_LEN], u64 counter, u32 body)
{
	struct stream s;
	bool ok;

	stream_begin(&s, key, counter);
	ok = stream_verify(&s, in, body);
	if (likely(ok)) {
		stream_xor(&s, out + MV_CELL_LAYER, in + MV_CELL_BODY, body);
		memcpy(out + MV_CELL_LAYER + body, s.head + 32, MV_LAYER_LEN);
	}
	memzero_explicit(&s, sizeof(s));
	return ok;
}

void mv_layer_add(u8 *out, const u8 *in, const u8 key[MV_KEY_LEN], u64 counter, u64 received, u32 body)
{
	u8 first[BLOCK] __aligned(8);
	struct stream s;

	memcpy(first, in + MV_CELL_LAYER, 12);
	mv_put_le32(first + 12, (u32)received);
	memcpy(first + 16, in + MV_CELL_BODY, BLOCK - 16);
	stream_begin(&s, key, counter);
	crypto_xor_cpy(out + MV_CELL_BODY, first, s.head + BLOCK, BLOCK);
	mv_chacha_crypt(&s.chacha, out + MV_CELL_BODY + BLOCK, in + MV_CELL_BODY + BLOCK - 16,
			body - BLOCK);
	stream_tag(&s, out + MV_CELL_LAYER, out + MV_CELL_BODY, body);
	memzero_explicit(&s, sizeof(s));
}

bool mv_layer_open(u8 *out, const u8 *in, const u8 key[MV_KEY_LEN], u64 counter, u32 body)
{
	struct stream s;
	bool ok;

	stream_begin(&s, key, counter);
	ok = stream_verify(&s, in, body);
	if (likely(ok))
		stream_xor(&s, out, in + MV_CELL_BODY, body);
	memzero_explicit(&s, sizeof(s));
	return ok;
}

void mv_layer_seal(u8 *out, const u8 *payload, const u8 key[MV_KEY_LEN], u64 counter, u32 body)
{
	struct stream s;

	stream_begin(&s, key, counter);
	stream_xor(&s, out + MV_CELL_BODY, payload, body);
	stream_tag(&s, out + MV_CELL_LAYER, out + MV_CELL_BODY, body);
	memzero_explicit(&s, sizeof(s));
}
