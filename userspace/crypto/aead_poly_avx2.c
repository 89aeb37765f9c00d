// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Poly1305 with AVX2: four blocks of one message side by side, in five limbs of 26 bits. The
 * accumulator is multiplied by r^4 with every 64 bytes, and in the end each lane by its own power.
 *
 * A message is lined up to its end: the first vector starts with as many empty lanes as needed,
 * which add nothing to a sum that starts as 0, and the last lane is always struct poly_job.last.
 */
#ifdef __x86_64__

#include "crypto/aead_internal.h"
#include "crypto/aead_poly.h"

#include <immintrin.h>

#define M26 0x3ffffffull

SIMD_BEGIN("avx2")

/* Four numbers below 2^130, or nearly: limbs may exceed 26 bits by two. */
struct fe4 {
	__m256i l[5];
};

/* A multiplier and 5 times its upper limbs: 2^130 is 5 (mod 2^130 - 5). */
struct mul4 {
	__m256i r[5], s[5];
};

struct avx2_work {
	struct mul4 r4;		/* r^4 in all lanes */
	struct mul4 pow;	/* each lane its own power */
	u8 edge[64];
};
_Static_assert(sizeof(struct avx2_work) <= AEAD_WORK_LEN, "work area");

static __always_inline __m256i mul(__m256i a, __m256i b)
{
	return _mm256_mul_epu32(a, b);
}

static __always_inline __m256i sum5(__m256i a, __m256i b, __m256i c, __m256i d, __m256i e)
{
	return _mm256_add_epi64(_mm256_add_epi64(_mm256_add_epi64(a, b), _mm256_add_epi64(c, d)),
				e);
}

/* Move what limb @from has above 26 bits up to limb @to. */
#define CARRY(from, to) do {						\
	(to) = _mm256_add_epi64(to, _mm256_srli_epi64(from, 26));	\
	(from) = _mm256_and_si256(from, m26);				\
} while (0)

/*
 * h = h * m. Limbs of h below 2^28 and of m below 2^27 (s: 2^29.4) keep every sum below 2^60.
 * Two chains of carries side by side; limbs 1 and 4 may stay a bit above 2^26.
 */
static __always_inline void multiply(struct fe4 *h, const struct mul4 *m)
{
	const __m256i m26 = _mm256_set1_epi64x(M26);
	__m256i h0 = h->l[0], h1 = h->l[1], h2 = h->l[2], h3 = h->l[3], h4 = h->l[4];
	__m256i d0 = sum5(mul(h0, m->r[0]), mul(h1, m->s[4]), mul(h2, m->s[3]), mul(h3, m->s[2]),
			  mul(h4, m->s[1]));
	__m256i d1 = sum5(mul(h0, m->r[1]), mul(h1, m->r[0]), mul(h2, m->s[4]), mul(h3, m->s[3]),
			  mul(h4, m->s[2]));
	__m256i d2 = sum5(mul(h0, m->r[2]), mul(h1, m->r[1]), mul(h2, m->r[0]), mul(h3, m->s[4]),
			  mul(h4, m->s[3]));
	__m256i d3 = sum5(mul(h0, m->r[3]), mul(h1, m->r[2]), mul(h2, m->r[1]), mul(h3, m->r[0]),
			  mul(h4, m->s[4]));
	__m256i d4 = sum5(mul(h0, m->r[4]), mul(h1, m->r[3]), mul(h2, m->r[2]), mul(h3, m->r[1]),
			  mul(h4, m->r[0]));
	__m256i c;

	CARRY(d0, d1);
	CARRY(d3, d4);
	CARRY(d1, d2);
	c = _mm256_srli_epi64(d4, 26);
	d4 = _mm256_and_si256(d4, m26);
	d0 = _mm256_add_epi64(d0, _mm256_add_epi64(c, _mm256_slli_epi64(c, 2)));
	CARRY(d2, d3);
	CARRY(d0, d1);
	CARRY(d3, d4);
	*h = (struct fe4){ { d0, d1, d2, d3, d4 } };
}

/*
 * Add blocks 0 to 3 of 64 bytes, which end up in lanes 0, 2, 1, 3; @top has 2^128 (in limb 4) for
 * each lane with a block.
 */
static __always_inline void add_blocks(struct fe4 *h, const u8 *at, __m256i top)
{
	const __m256i m26 = _mm256_set1_epi64x(M26);
	__m256i a = _mm256_loadu_si256((const void *)at);
	__m256i b = _mm256_loadu_si256((const void *)(at + 32));
	__m256i lo = _mm256_unpacklo_epi64(a, b), hi = _mm256_unpackhi_epi64(a, b);
	__m256i mid = _mm256_or_si256(_mm256_srli_epi64(lo, 52), _mm256_slli_epi64(hi, 12));

#define ADD(i, v) h->l[i] = _mm256_add_epi64(h->l[i], v)
	ADD(0, _mm256_and_si256(lo, m26));
	ADD(1, _mm256_and_si256(_mm256_srli_epi64(lo, 26), m26));
	ADD(2, _mm256_and_si256(mid, m26));
	ADD(3, _mm256_and_si256(_mm256_srli_epi64(hi, 14), m26));
	ADD(4, _mm256_or_si256(_mm256_srli_epi64(hi, 40), top));
#undef ADD
}

/* Limb i (26 bits) of a number in limbs of 44 bits. */
static __always_inline u64 limb26(struct poly_fe a, int i)
{
	const u64 lo = a.l[0] | a.l[1] << 44, hi = a.l[1] >> 20 | a.l[2] << 24;
	const u64 top = a.l[2] >> 40;

	switch (i) {
	case 0:
		return lo & M26;
	case 1:
		return lo >> 26 & M26;
	case 2:
		return (lo >> 52 | hi << 12) & M26;
	case 3:
		return hi >> 14 & M26;
	default:
		return hi >> 40 | top << 24;
	}
}

static __always_inline void set_multiplier(struct mul4 *m, int i, __m256i r)
{
	m->r[i] = r;
	m->s[i] = _mm256_add_epi64(r, _mm256_slli_epi64(r, 2));
}

static __always_inline void make_powers(struct avx2_work *w, const u8 *key)
{
	struct poly_fe r = poly_clamped(key), r2 = poly_mul(r, r);
	struct poly_fe r3 = poly_mul(r2, r), r4 = poly_mul(r2, r2);

#define SET(i) do {								\
	set_multiplier(&w->r4, i, _mm256_set1_epi64x(limb26(r4, i)));		\
	set_multiplier(&w->pow, i, _mm256_setr_epi64x(limb26(r4, i), limb26(r2, i), \
						      limb26(r3, i), limb26(r, i)));	\
} while (0)
	SET(0);
	SET(1);
	SET(2);
	SET(3);
	SET(4);
#undef SET
}

static __always_inline u64 sum_lanes(__m256i v)
{
	__m128i two = _mm_add_epi64(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));

	return (u64)_mm_cvtsi128_si64(two) + (u64)_mm_extract_epi64(two, 1);
}

static __always_inline void finish(const struct fe4 *h, struct poly_job *job)
{
	u64 l0 = sum_lanes(h->l[0]), l1 = sum_lanes(h->l[1]), l2 = sum_lanes(h->l[2]);
	u64 l3 = sum_lanes(h->l[3]), l4 = sum_lanes(h->l[4]);

	/* limb i starts at bit 26 * i: 0, 26, 44 + 8, 44 + 34, 88 + 16 */
	l0 += (l1 & 0x3ffff) << 26;
	l1 = (l1 >> 18) + (l2 << 8) + ((l3 & 0x3ff) << 34);
	poly_finish(l0, l1, (l3 >> 10) + (l4 << 16), job->key, job->tag);
}

/* The 64 bytes at @offset, with zeros where the message is not, and the last block. */
static __always_inline const u8 *make_edge(u8 *edge, const struct poly_job *job, long offset,
					   bool last)
{
	long from = offset < 0 ? -offset : 0;
	long to = (long)job->len - offset < 64 ? (long)job->len - offset : 64;

	memset(edge, 0, 64);
	if (to > from)
		memcpy(edge + from, job->msg + (offset + from), to - from);
	if (last)
		memcpy(edge + 48, job->last, 16);
	return edge;
}

/* 2^128 in limb 4 of each lane with a block; the first @empty blocks are none. */
static __always_inline __m256i top_bits(long empty)
{
	__m256i set = _mm256_cmpgt_epi64(_mm256_setr_epi64x(1, 3, 2, 4),
					 _mm256_set1_epi64x(empty));

	return _mm256_and_si256(set, _mm256_set1_epi64x(1 << 24));
}

static void one(struct poly_job *job, struct avx2_work *w)
{
	u32 count = (job->len + 15) / 16 + 1;
	u32 vectors = (count + 3) / 4;
	long empty = 4 * vectors - count, offset = -16 * empty;
	__m256i top = top_bits(empty);
	const __m256i zero = _mm256_setzero_si256();
	struct fe4 h = { { zero, zero, zero, zero, zero } };

	make_powers(w, job->key);
	if (vectors > 1) {
		add_blocks(&h, make_edge(w->edge, job, offset, false), top);
		multiply(&h, &w->r4);
		top = top_bits(0);
		offset += 64;
	}
	for (; vectors > 2; vectors--, offset += 64) {
		add_blocks(&h, job->msg + offset, top);
		multiply(&h, &w->r4);
	}
	add_blocks(&h, make_edge(w->edge, job, offset, true), top);
	multiply(&h, &w->pow);
	finish(&h, job);
}

void aead_poly1305_avx2(struct poly_job *jobs, unsigned int n, void *work)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		one(&jobs[i], work);
}

SIMD_END

#endif
