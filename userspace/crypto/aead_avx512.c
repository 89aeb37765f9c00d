// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The bulk AEAD with AVX-512: ChaCha20 sixteen blocks at a time, or eight in half vectors where no
 * more are left. Poly1305 is that of aead_poly_ifma.c, or the AVX2 one for CPUs without IFMA.
 */
#ifdef __x86_64__

#include "crypto/aead_internal.h"

#include <immintrin.h>

bool aead_avx512_usable(void)
{
	return aead_avx512_noifma_usable() && aead_ifma_usable();
}

bool aead_avx512_noifma_usable(void)
{
	__builtin_cpu_init();
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512vl") && aead_avx2_usable();
}

SIMD_BEGIN("avx2,avx512f,avx512bw,avx512vl")

#define ROT(v, n) (((v) << (n)) | ((v) >> (32 - (n))))
#include "crypto/aead_chacha.h"

struct chacha16 {
	v16u key[8];
	v16u counter, nonce[2];
};

union chacha_work {
	struct chacha8 half;
	struct chacha16 full;
};
_Static_assert(sizeof(union chacha_work) <= AEAD_WORK_LEN, "work area");

static __always_inline v16u put_lanes(v16u v, __mmask16 lanes, u32 word)
{
	return (v16u)_mm512_mask_set1_epi32((__m512i)v, lanes, (int)word);
}

static __always_inline void chacha16_load(struct chacha16 *s, const struct chacha_run *runs,
					  unsigned int n)
{
	const v16u index = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
	v16u k0 = {}, k1 = {}, k2 = {}, k3 = {}, k4 = {}, k5 = {}, k6 = {}, k7 = {};
	v16u counter = {}, nonce0 = {}, nonce1 = {};
	unsigned int i, first = 0;

	for (i = 0; i < n; first += runs[i++].lanes) {
		__mmask16 lanes = ((1u << runs[i].lanes) - 1) << first;
		const u8 *key = runs[i].key;

		k0 = put_lanes(k0, lanes, mv_get_le32(key));
		k1 = put_lanes(k1, lanes, mv_get_le32(key + 4));
		k2 = put_lanes(k2, lanes, mv_get_le32(key + 8));
		k3 = put_lanes(k3, lanes, mv_get_le32(key + 12));
		k4 = put_lanes(k4, lanes, mv_get_le32(key + 16));
		k5 = put_lanes(k5, lanes, mv_get_le32(key + 20));
		k6 = put_lanes(k6, lanes, mv_get_le32(key + 24));
		k7 = put_lanes(k7, lanes, mv_get_le32(key + 28));
		counter = put_lanes(counter, lanes, runs[i].counter - first);
		nonce0 = put_lanes(nonce0, lanes, (u32)runs[i].nonce);
		nonce1 = put_lanes(nonce1, lanes, (u32)(runs[i].nonce >> 32));
	}
	*s = (struct chacha16){ { k0, k1, k2, k3, k4, k5, k6, k7 }, counter + index,
				{ nonce0, nonce1 } };
}

/* Blocks @block, 4, 8 and 12 further on, from their quarters: 4x4 transpose of 128 bits. */
static __always_inline void put_quarters(u8 *ks, u32 block, v16u a, v16u b, v16u c, v16u d)
{
	__m512i *to = (__m512i *)(ks + block * CHACHA_BLOCK);
	__m512i ab0 = _mm512_shuffle_i32x4((__m512i)a, (__m512i)b, 0x44);
	__m512i ab1 = _mm512_shuffle_i32x4((__m512i)a, (__m512i)b, 0xee);
	__m512i cd0 = _mm512_shuffle_i32x4((__m512i)c, (__m512i)d, 0x44);
	__m512i cd1 = _mm512_shuffle_i32x4((__m512i)c, (__m512i)d, 0xee);

	_mm512_store_si512(to, _mm512_shuffle_i32x4(ab0, cd0, 0x88));
	_mm512_store_si512(to + 4, _mm512_shuffle_i32x4(ab0, cd0, 0xdd));
	_mm512_store_si512(to + 8, _mm512_shuffle_i32x4(ab1, cd1, 0x88));
	_mm512_store_si512(to + 12, _mm512_shuffle_i32x4(ab1, cd1, 0xdd));
}

static void chacha16(const struct chacha_run *runs, unsigned int n, u8 *ks, struct chacha16 *s)
{
	chacha16_load(s, runs, n);
	CHACHA_CORE(v16u, s);
	TRANSPOSE_WORDS(512, x0, x1, x2, x3);
	TRANSPOSE_WORDS(512, x4, x5, x6, x7);
	TRANSPOSE_WORDS(512, x8, x9, x10, x11);
	TRANSPOSE_WORDS(512, x12, x13, x14, x15);
	put_quarters(ks, 0, x0, x4, x8, x12);
	put_quarters(ks, 1, x1, x5, x9, x13);
	put_quarters(ks, 2, x2, x6, x10, x14);
	put_quarters(ks, 3, x3, x7, x11, x15);
}

static void chacha_avx512(const struct chacha_run *runs, unsigned int n, u8 *ks, void *work)
{
	union chacha_work *w = work;
	u32 lanes = 0;
	unsigned int i;

	for (i = 0; i < n; i++)
		lanes += runs[i].lanes;
	if (lanes > 8)
		chacha16(runs, n, ks, &w->full);
	else
		chacha8(runs, n, ks, &w->half);
}

static void xor_avx512(u8 *dst, const u8 *src, const u8 *ks, u32 len)
{
	u32 i;

	for (i = 0; i + 64 <= len; i += 64)
		_mm512_storeu_si512(dst + i, _mm512_xor_si512(_mm512_loadu_si512(src + i),
							       _mm512_load_si512(ks + i)));
	if (i < len) {
		__mmask64 rest = (1ull << (len - i)) - 1;

		_mm512_mask_storeu_epi8(dst + i, rest,
					_mm512_xor_si512(_mm512_maskz_loadu_epi8(rest, src + i),
							 _mm512_load_si512(ks + i)));
	}
}

SIMD_END

void aead_avx512_run(struct aead_job *jobs, unsigned int n)
{
	static const struct aead_simd simd = { 16, chacha_avx512, xor_avx512, aead_poly1305_ifma };

	aead_batch_run(&simd, jobs, n);
}

void aead_avx512_noifma_run(struct aead_job *jobs, unsigned int n)
{
	static const struct aead_simd simd = { 16, chacha_avx512, xor_avx512, aead_poly1305_avx2 };

	aead_batch_run(&simd, jobs, n);
}

#endif
