// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ChaCha20 with the word w of all blocks in one vector, so that rounds need no shuffles. Written
 * once with vector extensions and compiled for each instruction set; only additions, rotations and
 * exclusive ors touch secrets.
 */
#include "chacha.h"

#include <sodium.h>

typedef u32 lanes __attribute__((vector_size(4 * CHACHA_LANES)));

#define ROT(v, n) ((v) << (n) | (v) >> (32 - (n)))

#define QUARTER(a, b, c, d) do {		\
	a += b; d ^= a; d = ROT(d, 16);		\
	c += d; b ^= c; b = ROT(b, 12);		\
	a += b; d ^= a; d = ROT(d, 8);		\
	c += d; b ^= c; b = ROT(b, 7);		\
} while (0)

struct state {
	u32 word[16][CHACHA_LANES] __attribute__((aligned(64)));
};

static void load(struct state *s, const struct chacha_position *at, unsigned int n)
{
	static const u32 constants[4] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };
	unsigned int i, w;

	for (i = 0; i < CHACHA_LANES; i++) {
		const struct chacha_position *p = &at[i < n ? i : 0];

		for (w = 0; w < 4; w++)
			s->word[w][i] = constants[w];
		for (w = 0; w < 8; w++)
			s->word[4 + w][i] = mv_get_le32(p->key + 4 * w);
		s->word[12][i] = p->counter;
		s->word[13][i] = 0;
		s->word[14][i] = (u32)p->nonce;
		s->word[15][i] = (u32)(p->nonce >> 32);
	}
}

/* Ten double rounds and the initial state added, in place. */
static __always_inline void core(struct state *s)
{
	lanes *v = (lanes *)s->word;
	lanes a0 = v[0], a1 = v[1], a2 = v[2], a3 = v[3], b0 = v[4], b1 = v[5], b2 = v[6], b3 = v[7];
	lanes c0 = v[8], c1 = v[9], c2 = v[10], c3 = v[11], d0 = v[12], d1 = v[13], d2 = v[14], d3 = v[15];
	int i;

	for (i = 0; i < 10; i++) {
		QUARTER(a0, b0, c0, d0);
		QUARTER(a1, b1, c1, d1);
		QUARTER(a2, b2, c2, d2);
		QUARTER(a3, b3, c3, d3);
		QUARTER(a0, b1, c2, d3);
		QUARTER(a1, b2, c3, d0);
		QUARTER(a2, b3, c0, d1);
		QUARTER(a3, b0, c1, d2);
	}
	v[0] += a0, v[1] += a1, v[2] += a2, v[3] += a3;
	v[4] += b0, v[5] += b1, v[6] += b2, v[7] += b3;
	v[8] += c0, v[9] += c1, v[10] += c2, v[11] += c3;
	v[12] += d0, v[13] += d1, v[14] += d2, v[15] += d3;
}

static void core_generic(struct state *s)
{
	core(s);
}

#ifdef __x86_64__
__attribute__((target("avx2"))) static void core_avx2(struct state *s)
{
	core(s);
}

__attribute__((target("avx512f"))) static void core_avx512(struct state *s)
{
	core(s);
}

static void run(struct state *s)
{
	if (__builtin_cpu_supports("avx512f"))
		core_avx512(s);
	else if (__builtin_cpu_supports("avx2"))
		core_avx2(s);
	else
		core_generic(s);
}
#else
static void run(struct state *s)
{
	core_generic(s);
}
#endif

void chacha_blocks(const struct chacha_position *at, unsigned int n,
		   u8 out[CHACHA_LANES][CHACHA_BLOCK_LEN])
{
	struct state s;
	unsigned int i, w;

	load(&s, at, n);
	run(&s);
	for (i = 0; i < n; i++)
		for (w = 0; w < 16; w++)
			mv_put_le32(out[i] + 4 * w, s.word[w][i]);
	sodium_memzero(&s, sizeof(s));
}
