/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ChaCha20 on vectors, a template: the includer defines ROT(v, n), to rotate every 32-bit lane of
 * v left by the constant n, in its own instruction set, for both vector types, and includes this
 * between SIMD_BEGIN and SIMD_END. Word w of the states of all blocks is one vector (RFC 8439,
 * 2.3), so rounds need no shuffles. Nothing here loops over vectors, so that the compiler keeps
 * all of them in registers.
 */
typedef u32 v8u __attribute__((vector_size(32)));
typedef u32 v16u __attribute__((vector_size(64)));

/* Initial state but for the first row, which is constant. */
struct chacha8 {
	v8u key[8];
	v8u counter, nonce[2];
};

#define CHACHA_C0 0x61707865u
#define CHACHA_C1 0x3320646eu
#define CHACHA_C2 0x79622d32u
#define CHACHA_C3 0x6b206574u

#define STEP(a, b, d, n) do {						\
	a += b;								\
	d ^= a;								\
	d = ROT(d, n);							\
} while (0)

/*
 * A quarter of four quarter rounds. The CPU interleaves them by itself; written interleaved, they
 * need more temporaries than AVX2 has registers for, and spill.
 */
#define STEPS(a0, a1, a2, a3, b0, b1, b2, b3, d0, d1, d2, d3, n) do {	\
	STEP(a0, b0, d0, n);						\
	STEP(a1, b1, d1, n);						\
	STEP(a2, b2, d2, n);						\
	STEP(a3, b3, d3, n);						\
} while (0)

#define ROUND(a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3) do { \
	STEPS(a0, a1, a2, a3, b0, b1, b2, b3, d0, d1, d2, d3, 16);	\
	STEPS(c0, c1, c2, c3, d0, d1, d2, d3, b0, b1, b2, b3, 12);	\
	STEPS(a0, a1, a2, a3, b0, b1, b2, b3, d0, d1, d2, d3, 8);	\
	STEPS(c0, c1, c2, c3, d0, d1, d2, d3, b0, b1, b2, b3, 7);	\
} while (0)

/* A column round and a diagonal round on x0 to x15. */
#define DOUBLE_ROUND() do {						\
	ROUND(x0, x1, x2, x3, x4, x5, x6, x7, x8, x9, x10, x11, x12, x13, x14, x15); \
	ROUND(x0, x1, x2, x3, x5, x6, x7, x4, x10, x11, x8, x9, x15, x12, x13, x14); \
} while (0)

/* x0 to x15 from the initial state *s, ten double rounds, and the initial state added. */
#define CHACHA_CORE(type, s)						\
	type x0 = CHACHA_C0 - (type){}, x1 = CHACHA_C1 - (type){};	\
	type x2 = CHACHA_C2 - (type){}, x3 = CHACHA_C3 - (type){};	\
	type x4 = (s)->key[0], x5 = (s)->key[1], x6 = (s)->key[2], x7 = (s)->key[3]; \
	type x8 = (s)->key[4], x9 = (s)->key[5], x10 = (s)->key[6], x11 = (s)->key[7]; \
	type x12 = (s)->counter, x13 = (type){}, x14 = (s)->nonce[0], x15 = (s)->nonce[1]; \
									\
	for (int round = 0; round < 10; round++)			\
		DOUBLE_ROUND();						\
	x0 += CHACHA_C0; x1 += CHACHA_C1; x2 += CHACHA_C2; x3 += CHACHA_C3; \
	x4 += (s)->key[0]; x5 += (s)->key[1]; x6 += (s)->key[2]; x7 += (s)->key[3]; \
	x8 += (s)->key[4]; x9 += (s)->key[5]; x10 += (s)->key[6]; x11 += (s)->key[7]; \
	x12 += (s)->counter; x14 += (s)->nonce[0]; x15 += (s)->nonce[1]

/* Transpose 4x4 words in each 128 bits; r0 to r3 become words 0 to 3 of blocks 0 to 3. */
#define TRANSPOSE_WORDS(bits, r0, r1, r2, r3) do {			\
	__m##bits##i t0 = _mm##bits##_unpacklo_epi32((__m##bits##i)(r0), (__m##bits##i)(r1)); \
	__m##bits##i t1 = _mm##bits##_unpacklo_epi32((__m##bits##i)(r2), (__m##bits##i)(r3)); \
	__m##bits##i t2 = _mm##bits##_unpackhi_epi32((__m##bits##i)(r0), (__m##bits##i)(r1)); \
	__m##bits##i t3 = _mm##bits##_unpackhi_epi32((__m##bits##i)(r2), (__m##bits##i)(r3)); \
									\
	*(__m##bits##i *)&(r0) = _mm##bits##_unpacklo_epi64(t0, t1);	\
	*(__m##bits##i *)&(r1) = _mm##bits##_unpackhi_epi64(t0, t1);	\
	*(__m##bits##i *)&(r2) = _mm##bits##_unpacklo_epi64(t2, t3);	\
	*(__m##bits##i *)&(r3) = _mm##bits##_unpackhi_epi64(t2, t3);	\
} while (0)

static __always_inline v8u blend(v8u v, v8u in, u32 word)
{
	return (v8u)_mm256_blendv_epi8((__m256i)v, _mm256_set1_epi32((int)word), (__m256i)in);
}

/* The initial states of eight lanes. */
static __always_inline void chacha8_load(struct chacha8 *s, const struct chacha_run *runs,
					 unsigned int n)
{
	const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
	v8u k0 = {}, k1 = {}, k2 = {}, k3 = {}, k4 = {}, k5 = {}, k6 = {}, k7 = {};
	v8u counter = {}, nonce0 = {}, nonce1 = {};
	unsigned int i, first = 0;

	for (i = 0; i < n; first += runs[i++].lanes) {
		/* this and all later lanes: those that follow are overwritten */
		v8u in = (v8u)_mm256_cmpgt_epi32(index, _mm256_set1_epi32((int)first - 1));
		const u8 *key = runs[i].key;

		k0 = blend(k0, in, mv_get_le32(key));
		k1 = blend(k1, in, mv_get_le32(key + 4));
		k2 = blend(k2, in, mv_get_le32(key + 8));
		k3 = blend(k3, in, mv_get_le32(key + 12));
		k4 = blend(k4, in, mv_get_le32(key + 16));
		k5 = blend(k5, in, mv_get_le32(key + 20));
		k6 = blend(k6, in, mv_get_le32(key + 24));
		k7 = blend(k7, in, mv_get_le32(key + 28));
		counter = blend(counter, in, runs[i].counter - first);
		nonce0 = blend(nonce0, in, (u32)runs[i].nonce);
		nonce1 = blend(nonce1, in, (u32)(runs[i].nonce >> 32));
	}
	*s = (struct chacha8){ { k0, k1, k2, k3, k4, k5, k6, k7 }, counter + (v8u)index,
			       { nonce0, nonce1 } };
}

static __always_inline void put_halves(u8 *ks, u32 block, v8u a, v8u b, v8u c, v8u d)
{
	__m256i *lo = (__m256i *)(ks + block * CHACHA_BLOCK);
	__m256i *hi = (__m256i *)(ks + (block + 4) * CHACHA_BLOCK);

	_mm256_store_si256(lo, _mm256_permute2x128_si256((__m256i)a, (__m256i)b, 0x20));
	_mm256_store_si256(lo + 1, _mm256_permute2x128_si256((__m256i)c, (__m256i)d, 0x20));
	_mm256_store_si256(hi, _mm256_permute2x128_si256((__m256i)a, (__m256i)b, 0x31));
	_mm256_store_si256(hi + 1, _mm256_permute2x128_si256((__m256i)c, (__m256i)d, 0x31));
}

/* Eight blocks. */
static __always_inline void chacha8(const struct chacha_run *runs, unsigned int n, u8 *ks,
				    struct chacha8 *s)
{
	chacha8_load(s, runs, n);
	CHACHA_CORE(v8u, s);
	TRANSPOSE_WORDS(256, x0, x1, x2, x3);
	TRANSPOSE_WORDS(256, x4, x5, x6, x7);
	TRANSPOSE_WORDS(256, x8, x9, x10, x11);
	TRANSPOSE_WORDS(256, x12, x13, x14, x15);
	put_halves(ks, 0, x0, x4, x8, x12);
	put_halves(ks, 1, x1, x5, x9, x13);
	put_halves(ks, 2, x2, x6, x10, x14);
	put_halves(ks, 3, x3, x7, x11, x15);
}
