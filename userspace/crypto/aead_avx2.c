// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The bulk AEAD with AVX2: ChaCha20 eight blocks at a time; Poly1305 is that of aead_poly_avx2.c.
 */
#ifdef __x86_64__

#include "crypto/aead_internal.h"

#include <immintrin.h>

bool aead_avx2_usable(void)
{
	__builtin_cpu_init();
	return __builtin_cpu_supports("avx2");
}

SIMD_BEGIN("avx2")

/* Rotations by whole bytes are one shuffle. */
static __always_inline __m256i rotate(__m256i v, int n)
{
	const __m256i by16 = _mm256_setr_epi8(2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13,
					      2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
	const __m256i by8 = _mm256_setr_epi8(3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14,
					     3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14);

	if (n == 16)
		return _mm256_shuffle_epi8(v, by16);
	if (n == 8)
		return _mm256_shuffle_epi8(v, by8);
	return _mm256_or_si256(_mm256_slli_epi32(v, n), _mm256_srli_epi32(v, 32 - n));
}

#define ROT(v, n) ((v8u)rotate((__m256i)(v), n))
#include "crypto/aead_chacha.h"

_Static_assert(sizeof(struct chacha8) <= AEAD_WORK_LEN, "work area");

static void chacha_avx2(const struct chacha_run *runs, unsigned int n, u8 *ks, void *work)
{
	chacha8(runs, n, ks, work);
}

static __always_inline void xor16(u8 *dst, const u8 *src, const u8 *ks)
{
	__m128i v = _mm_xor_si128(_mm_loadu_si128((const void *)src),
				  _mm_load_si128((const void *)ks));

	_mm_storeu_si128((void *)dst, v);
}

static __always_inline void xor32(u8 *dst, const u8 *src, const u8 *ks)
{
	__m256i v = _mm256_xor_si256(_mm256_loadu_si256((const void *)src),
				     _mm256_load_si256((const void *)ks));

	_mm256_storeu_si256((void *)dst, v);
}

static void xor_avx2(u8 *dst, const u8 *src, const u8 *ks, u32 len)
{
	u32 i = 0;

	for (; i + 32 <= len; i += 32)
		xor32(dst + i, src + i, ks + i);
	for (; i + 16 <= len; i += 16)
		xor16(dst + i, src + i, ks + i);
	for (; i < len; i++)
		dst[i] = src[i] ^ ks[i];
}

SIMD_END

void aead_avx2_run(struct aead_job *jobs, unsigned int n)
{
	static const struct aead_simd simd = { 8, chacha_avx2, xor_avx2, aead_poly1305_avx2 };

	aead_batch_run(&simd, jobs, n);
}

#endif
