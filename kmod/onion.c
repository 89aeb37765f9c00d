// SPDX-License-Identifier: GPL-2.0
/*
 * The origin's side of a cell's layers, each one pass of mv_layer_seal() in place; what is special
 * here is the filler, computed ahead, and the terminus's layer on the way back, of which the
 * relays' layers pushed the end off.
 */
#include "onion.h"

#include <crypto/poly1305.h>
#include <linux/percpu.h>
#include <linux/random.h>

#include "compat.h"
#include "layer.h"

#define BLOCK 64
#define TAIL_MAX (MV_LAYER_LEN * (MV_HOPS_MAX - 1))

/* ---- padding ---- */

/*
 * Every cell wants a few random bytes, and a call of the kernel's generator costs as much as half
 * a layer. So each CPU has a ChaCha stream with fast key erasure (Bernstein 2017), keyed anew from
 * there now and then.
 */
#define FILL_ROUNDS 1024

struct fill {
	u32 left, rounds;
	int forgotten;			/* of forgets, when it was keyed */
	u32 key[CHACHA_KEY_WORDS];
	u8 bytes[1024];
};
static DEFINE_PER_CPU(struct fill, fills);
static atomic_t forgets = ATOMIC_INIT(0);

void mv_onion_forget(void)
{
	atomic_inc(&forgets);
}

static void fill_renew(struct fill *f, int forgotten)
{
	struct chacha_state s;
	u8 iv[CHACHA_IV_SIZE] = {};

	if (!f->rounds || f->forgotten != forgotten) {
		get_random_bytes(f->key, sizeof(f->key));
		f->rounds = FILL_ROUNDS;
		f->forgotten = forgotten;
	}
	f->rounds--;
	mv_chacha_init(&s, f->key, iv);
	memset(f->bytes, 0, sizeof(f->bytes));
	mv_chacha_crypt(&s, f->bytes, f->bytes, sizeof(f->bytes));
	memcpy(f->key, f->bytes, sizeof(f->key));
	memzero_explicit(f->bytes, sizeof(f->key));
	memzero_explicit(&s, sizeof(s));
	f->left = sizeof(f->bytes) - sizeof(f->key);
}

void mv_onion_fill(u8 *to, u32 len)
{
	int forgotten = atomic_read(&forgets);
	struct fill *f;
	u8 *from;

	local_bh_disable();
	f = this_cpu_ptr(&fills);
	if (f->left < len || unlikely(f->forgotten != forgotten))
		fill_renew(f, forgotten);
	f->left -= len;
	from = f->bytes + sizeof(f->key) + f->left;
	memcpy(to, from, len);
	memset(from, 0, len);
	local_bh_enable();
}

/* ---- pieces of key streams ---- */

/* The stream of @key from block @block on. */
static void stream_at(struct chacha_state *s, const u8 *key, u64 nonce, u32 block)
{
	u32 words[CHACHA_KEY_WORDS];
	u8 iv[CHACHA_IV_SIZE] = {};
	int i;

	for (i = 0; i < CHACHA_KEY_WORDS; i++)
		words[i] = mv_get_le32(key + 4 * i);
	mv_put_le32(iv, block);
	mv_put_le64(iv + 8, nonce);
	mv_chacha_init(s, words, iv);
	memzero_explicit(words, sizeof(words));
}

/* XOR bytes [from, from + len) of the body's stream, which starts with block 1, into @dst. */
static void xor_body(u8 *dst, const u8 *key, u64 nonce, u32 from, u32 len)
{
	u8 buf[TAIL_MAX + BLOCK + MV_LAYER_LEN] = {};
	u32 skip = from % BLOCK;
	struct chacha_state s;

	stream_at(&s, key, nonce, 1 + from / BLOCK);
	mv_chacha_crypt(&s, buf, buf, skip + len);
	crypto_xor(dst, buf + skip, len);
	memzero_explicit(buf, sizeof(buf));
	memzero_explicit(&s, sizeof(s));
}

/* Z: bytes 32 to 47 of block 0, which refill a cell that this key peeled. */
static void copy_z(u8 *dst, const u8 *key, u64 nonce)
{
	u8 block[BLOCK] = {};
	struct chacha_state s;

	stream_at(&s, key, nonce, 0);
	mv_chacha_crypt(&s, block, block, sizeof(block));
	memcpy(dst, block + 32, MV_LAYER_LEN);
	memzero_explicit(block, sizeof(block));
	memzero_explicit(&s, sizeof(s));
}

/* ---- wrap ---- */

/*
 * What every relay adds at the tail, computed ahead as in Sphinx (Danezis, Goldberg 2009): write
 * tail n XOR KS n to the end of body n, so that sealing body n leaves tail n there.
 */
static void wrap_filler(u8 *tail, const struct mv_onion_keys *keys, u64 counter, u32 body)
{
	u32 hop, len = 0;

	for (hop = 0; hop < keys->hops; hop++, len += MV_LAYER_LEN) {
		if (len)
			xor_body(tail, keys->kf[hop], counter, body - len, len);
		if (hop + 1 < keys->hops)
			copy_z(tail + len, keys->kf[hop], counter);
	}
}

void mv_onion_wrap(u8 *out, u8 *scratch, const struct mv_onion_keys *keys, u64 counter, u32 body)
{
	u32 layer = keys->hops, tail = MV_LAYER_LEN * (layer - 1);
	u8 *inner = scratch + mv_onion_payload_at(layer);

	mv_onion_fill(inner + body - keys->reserve, keys->reserve - tail);
	wrap_filler(inner + body - tail, keys, counter, body);
	for (; layer > 1; layer--) {
		u8 *cell = scratch + MV_LAYER_LEN * (layer - 1);

		/* what lies there is the plaintext: S and body of the layer within, or the payload */
		mv_layer_seal(cell, cell + MV_CELL_BODY, keys->kf[layer - 1], counter, body);
	}
	mv_layer_seal(out, scratch + MV_CELL_BODY, keys->kf[0], counter, body);
}

/* ---- unwrap ---- */

/* The number whose low half a hop wrote, next to the highest seen of it. */
static u64 complete_number(u32 low, u64 highest)
{
	u64 n = (highest & ~0xffffffffULL) | low;

	if (n > highest && n - highest > 0x80000000U && n >= 1ULL << 32)
		return n - (1ULL << 32);
	if (n < highest && highest - n > 0x80000000U && n + (1ULL << 32) <= MV_COUNTER_MAX)
		return n + (1ULL << 32);
	return n;
}

/* The terminus's layer while it is taken off: block 0, block 1, and the stream at the reserve. */
struct last {
	struct chacha_state chacha;
	u8 head[2 * BLOCK] __aligned(16);
	u8 reserve[MV_RESERVE_LONG] __aligned(8);
};

/*
 * The reserve of the terminus's body was sealed over zeros: all of it is taken from the key stream,
 * none as received, so that an exit cannot count the hops by spoiling bytes.
 */
static bool last_verify(struct last *l, const u8 *src, const u8 *tag, u32 tag_len, u32 len, u32 reserve)
{
	struct poly1305_desc_ctx poly;
	u8 lengths[16] = {}, got[MV_LAYER_LEN];

	mv_put_le64(lengths + 8, len + reserve);
	poly1305_init(&poly, l->head);
	poly1305_update(&poly, src, len);
	poly1305_update(&poly, l->reserve, reserve);
	poly1305_update(&poly, lengths, sizeof(lengths));
	poly1305_final(&poly, got);
	return !crypto_memneq(got, tag, tag_len);
}

/* Body at @src, which may be @dst, of @len bytes without the reserve. */
static bool last_open(u8 *dst, const u8 *src, const u8 *tag, u32 tag_len, const u8 *key, u64 nonce,
		      u32 len, u32 reserve)
{
	struct last l;
	bool ok;

	memset(l.head, 0, sizeof(l.head));
	memset(l.reserve, 0, sizeof(l.reserve));
	stream_at(&l.chacha, key, nonce, 0);
	mv_chacha_crypt(&l.chacha, l.head, l.head, sizeof(l.head));
	xor_body(l.reserve, key, nonce, len, reserve);
	ok = last_verify(&l, src, tag, tag_len, len, reserve);
	if (likely(ok)) {
		crypto_xor_cpy(dst, src, l.head + BLOCK, BLOCK);
		mv_chacha_crypt(&l.chacha, dst + BLOCK, src + BLOCK, len - BLOCK);
	}
	memzero_explicit(&l, sizeof(l));
	return ok;
}

/* Layers 2 to hops, of which body i lies at 16 * (i - 1), 12 bytes of S and the number before it. */
static int unwrap_inner(u8 *scratch, const struct mv_onion_keys *keys, const u64 *highest, u64 *seen,
			u32 body)
{
	struct chacha_state s;
	u32 hop, at;

	for (hop = 1;; hop++) {
		at = MV_LAYER_LEN * hop;
		seen[hop] = complete_number(mv_get_le32(scratch + at - 4), highest[hop]);
		if (hop == keys->hops - 1)
			break;
		stream_at(&s, keys->kb[hop], seen[hop], 1);
		mv_chacha_crypt(&s, scratch + at, scratch + at, body - at);
	}
	memzero_explicit(&s, sizeof(s));
	if (!last_open(scratch + at, scratch + at, scratch + at - MV_LAYER_LEN, 12, keys->kb[hop],
		       seen[hop], body - keys->reserve, keys->reserve))
		return -EBADMSG;
	return at;
}

int mv_onion_unwrap(u8 *scratch, const u8 *in, const struct mv_onion_keys *keys, u64 counter,
		    const u64 *highest, u64 *seen, u32 body)
{
	seen[0] = counter;
	if (keys->hops == 1)
		return last_open(scratch, in + MV_CELL_BODY, in + MV_CELL_LAYER, MV_LAYER_LEN,
				 keys->kb[0], counter, body - keys->reserve, keys->reserve) ? 0 : -EBADMSG;
	if (!mv_layer_open(scratch, in, keys->kb[0], counter, body))
		return -EBADMSG;
	return unwrap_inner(scratch, keys, highest, seen, body);
}
