// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Poly1305 with AVX-512 IFMA: eight blocks of one message side by side, in limbs of 44, 44 and 42
 * bits. The accumulator is multiplied by r^8 with every 128 bytes, and in the end each lane by its
 * own power. Messages are taken two at a time, since one alone waits for its own multiplications;
 * the powers of up to eight messages are computed together, a lane each.
 *
 * A message is lined up to its end: the first vector starts with as many empty lanes as needed,
 * which add nothing to a sum that starts as 0, and the last lane is always struct poly_job.last.
 */
#ifdef __x86_64__

#include "crypto/aead_internal.h"
#include "crypto/aead_poly.h"

#include <immintrin.h>

#define GROUP 8

bool aead_ifma_usable(void)
{
	__builtin_cpu_init();
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512ifma");
}

SIMD_BEGIN("avx2,avx512f,avx512bw,avx512vl,avx512ifma")

/* Eight numbers below 2^130, or nearly: limbs may exceed their width by a few bits. */
struct fe8 {
	__m512i l[3];
};

/* A multiplier and 20 times its upper limbs: 2^132 is 4 * 2^130 is 20 (mod 2^130 - 5). */
struct mul8 {
	__m512i r0, r1, r2, s1, s2;
};

/*
 * The powers of r of a group: row k are the powers that lane k of the vectors is multiplied with
 * in the end. Each of the three limbs is an 8x8 matrix [message][lane].
 */
struct ifma_work {
	__m512i pow[3][GROUP];
	u64 r8[3][GROUP];
};
_Static_assert(sizeof(struct ifma_work) <= AEAD_WORK_LEN, "work area");

static __always_inline __m512i times20(__m512i a)
{
	return _mm512_add_epi64(_mm512_slli_epi64(a, 4), _mm512_slli_epi64(a, 2));
}

static __always_inline struct mul8 multiplier(__m512i r0, __m512i r1, __m512i r2)
{
	return (struct mul8){ r0, r1, r2, times20(r1), times20(r2) };
}

static __always_inline __m512i muladd3(__m512i a0, __m512i b0, __m512i a1, __m512i b1,
				       __m512i a2, __m512i b2)
{
	__m512i sum = _mm512_madd52lo_epu64(_mm512_setzero_si512(), a0, b0);

	return _mm512_madd52lo_epu64(_mm512_madd52lo_epu64(sum, a1, b1), a2, b2);
}

/* The upper halves, shifted from bit 52 to bit 44. */
static __always_inline __m512i mulhigh3(__m512i a0, __m512i b0, __m512i a1, __m512i b1,
					__m512i a2, __m512i b2)
{
	__m512i sum = _mm512_madd52hi_epu64(_mm512_setzero_si512(), a0, b0);

	sum = _mm512_madd52hi_epu64(_mm512_madd52hi_epu64(sum, a1, b1), a2, b2);
	return _mm512_slli_epi64(sum, 8);
}

/*
 * h * m. Limbs of h up to 2^47 and of m up to 2^44 + 2^8 (s: 2^49) keep every sum below 2^56;
 * limbs of the result are below 2^44 but for the second, which the last carry may take 2^8 above.
 */
static __always_inline struct fe8 mul(struct fe8 h, struct mul8 m)
{
	const __m512i m44 = _mm512_set1_epi64(POLY_M44), m42 = _mm512_set1_epi64(POLY_M42);
	__m512i l0 = muladd3(h.l[0], m.r0, h.l[1], m.s2, h.l[2], m.s1);
	__m512i l1 = muladd3(h.l[0], m.r1, h.l[1], m.r0, h.l[2], m.s2);
	__m512i l2 = muladd3(h.l[0], m.r2, h.l[1], m.r1, h.l[2], m.r0);
	__m512i h0 = mulhigh3(h.l[0], m.r0, h.l[1], m.s2, h.l[2], m.s1);
	__m512i h1 = mulhigh3(h.l[0], m.r1, h.l[1], m.r0, h.l[2], m.s2);
	__m512i h2 = mulhigh3(h.l[0], m.r2, h.l[1], m.r1, h.l[2], m.r0);
	__m512i c;

	l1 = _mm512_add_epi64(_mm512_add_epi64(l1, h0), _mm512_srli_epi64(l0, 44));
	l2 = _mm512_add_epi64(_mm512_add_epi64(l2, h1), _mm512_srli_epi64(l1, 44));
	/* what is above bit 130, times 5 */
	c = _mm512_add_epi64(_mm512_slli_epi64(h2, 2), _mm512_srli_epi64(l2, 42));
	c = _mm512_add_epi64(c, _mm512_slli_epi64(c, 2));
	l0 = _mm512_add_epi64(_mm512_and_si512(l0, m44), c);
	l1 = _mm512_add_epi64(_mm512_and_si512(l1, m44), _mm512_srli_epi64(l0, 44));
	return (struct fe8){ { _mm512_and_si512(l0, m44), l1, _mm512_and_si512(l2, m42) } };
}

/* Numbers of 128 bits to limbs. */
static __always_inline struct fe8 split(__m512i lo, __m512i hi)
{
	const __m512i m44 = _mm512_set1_epi64(POLY_M44);
	/* (a | b) & c */
	__m512i mid = _mm512_ternarylogic_epi64(_mm512_srli_epi64(lo, 44),
						_mm512_slli_epi64(hi, 20), m44, 0xa8);

	return (struct fe8){ { _mm512_and_si512(lo, m44), mid, _mm512_srli_epi64(hi, 24) } };
}

static __always_inline struct fe8 add(struct fe8 a, struct fe8 b)
{
	return (struct fe8){ { _mm512_add_epi64(a.l[0], b.l[0]), _mm512_add_epi64(a.l[1], b.l[1]),
			       _mm512_add_epi64(a.l[2], b.l[2]) } };
}

/*
 * Blocks 0 to 7 of 128 bytes. They end up in lanes 0, 2, 4, 6, 1, 3, 5, 7; @set has a bit for each
 * lane with a block, which gets bit 128.
 */
static __always_inline struct fe8 blocks(__m512i a, __m512i b, __mmask8 set)
{
	struct fe8 m = split(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));

	m.l[2] = _mm512_mask_or_epi64(m.l[2], set, m.l[2], _mm512_set1_epi64(1ull << 40));
	return m;
}

/* Where one message stands. */
struct stream {
	struct fe8 h;
	struct mul8 r8;
	const struct poly_job *job;
	long offset;		/* of the next vector; the first may start before the message */
};

/* 64 bytes from @offset, with zeros where the message is not. */
static __always_inline __m512i load_edge(const struct poly_job *job, long offset)
{
	long from = offset < 0 ? -offset : 0;
	long to = (long)job->len - offset;
	__mmask64 mask = ~0ull;

	if (from >= 64 || to <= 0)
		return _mm512_setzero_si512();
	if (to < 64)
		mask = (1ull << to) - 1;
	mask &= ~0ull << from;
	return _mm512_maskz_loadu_epi8(mask, (const void *)((uintptr_t)job->msg + offset));
}

/* The block of the message that each lane holds. */
static __always_inline __m512i lane_blocks(void)
{
	return _mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7);
}

/* The vector at @offset, which the message may begin or end in. */
static __always_inline struct fe8 edge(const struct poly_job *job, long offset, bool last)
{
	u64 empty = offset < 0 ? -offset / 16 : 0;
	__mmask8 set = _mm512_cmpge_epu64_mask(lane_blocks(), _mm512_set1_epi64(empty));
	__m512i a = load_edge(job, offset);
	__m512i b = load_edge(job, offset + 64);

	if (last)
		b = _mm512_inserti32x4(b, _mm_loadu_si128((const void *)job->last), 3);
	return blocks(a, b, set);
}

static __always_inline void step(struct stream *s)
{
	const u8 *at = s->job->msg + s->offset;

	s->h = mul(add(s->h, blocks(_mm512_loadu_si512(at), _mm512_loadu_si512(at + 64), 0xff)),
		   s->r8);
	s->offset += 128;
}

/* Take the first vector, unless it is the last one. Return: how many are neither. */
static __always_inline u32 begin(struct stream *s, const struct poly_job *job,
				 const struct ifma_work *w, unsigned int i)
{
	u32 count = (job->len + 15) / 16 + 1;
	u32 vectors = (count + 7) / 8;

	s->job = job;
	s->offset = -16l * (8 * vectors - count);
	s->h = (struct fe8){ { _mm512_setzero_si512(), _mm512_setzero_si512(),
			       _mm512_setzero_si512() } };
	s->r8 = multiplier(_mm512_set1_epi64(w->r8[0][i]), _mm512_set1_epi64(w->r8[1][i]),
			   _mm512_set1_epi64(w->r8[2][i]));
	if (vectors == 1)
		return 0;
	s->h = mul(edge(job, s->offset, false), s->r8);
	s->offset += 128;
	return vectors - 2;
}

static __always_inline void end(struct stream *s, struct poly_job *job,
				const struct ifma_work *w, unsigned int i)
{
	struct fe8 h = mul(add(s->h, edge(job, s->offset, true)),
			   multiplier(w->pow[0][i], w->pow[1][i], w->pow[2][i]));

	poly_finish(_mm512_reduce_add_epi64(h.l[0]), _mm512_reduce_add_epi64(h.l[1]),
		    _mm512_reduce_add_epi64(h.l[2]), job->key, job->tag);
}

static void one(struct poly_job *job, const struct ifma_work *w, unsigned int i)
{
	struct stream s;
	u32 left;

	for (left = begin(&s, job, w, i); left; left--)
		step(&s);
	end(&s, job, w, i);
}

/* Messages @i and @i + 1 of the group, in step as long as both last. */
static void two(struct poly_job *job, const struct ifma_work *w, unsigned int i)
{
	struct stream s, t;
	u32 left = begin(&s, job, w, i);
	u32 right = begin(&t, job + 1, w, i + 1);

	for (; left && right; left--, right--) {
		step(&s);
		step(&t);
	}
	for (; left; left--)
		step(&s);
	for (; right; right--)
		step(&t);
	end(&s, job, w, i);
	end(&t, job + 1, w, i + 1);
}

/* 4x4 transpose of 128 bits: columns @to, 2, 4 and 6 further on. */
static __always_inline void put_columns(__m512i *to, __m512i a, __m512i b, __m512i c, __m512i d)
{
	__m512i ab0 = _mm512_shuffle_i64x2(a, b, 0x44), ab1 = _mm512_shuffle_i64x2(a, b, 0xee);
	__m512i cd0 = _mm512_shuffle_i64x2(c, d, 0x44), cd1 = _mm512_shuffle_i64x2(c, d, 0xee);

	to[0] = _mm512_shuffle_i64x2(ab0, cd0, 0x88);
	to[2] = _mm512_shuffle_i64x2(ab0, cd0, 0xdd);
	to[4] = _mm512_shuffle_i64x2(ab1, cd1, 0x88);
	to[6] = _mm512_shuffle_i64x2(ab1, cd1, 0xdd);
}

/* One limb of the powers, p[k] is r^(k + 1) of each message: to rows in the order of the lanes. */
static __always_inline void put_powers(__m512i *to, const struct fe8 *p, int limb)
{
#define PAIR(half, x, y) _mm512_unpack##half##_epi64(p[x - 1].l[limb], p[y - 1].l[limb])
	put_columns(to, PAIR(lo, 8, 4), PAIR(lo, 7, 3), PAIR(lo, 6, 2), PAIR(lo, 5, 1));
	put_columns(to + 1, PAIR(hi, 8, 4), PAIR(hi, 7, 3), PAIR(hi, 6, 2), PAIR(hi, 5, 1));
#undef PAIR
}

/* r of up to eight messages, clamped; the first one's in the lanes left over. */
static __always_inline struct fe8 load_r(const struct poly_job *jobs, unsigned int n)
{
#define R(i, at) ((long long)mv_get_le64(jobs[(i) < n ? (i) : 0].key + (at)))
#define R8(at) _mm512_setr_epi64(R(0, at), R(1, at), R(2, at), R(3, at), \
				 R(4, at), R(5, at), R(6, at), R(7, at))
	return split(_mm512_and_si512(R8(0), _mm512_set1_epi64(POLY_CLAMP_LO)),
		     _mm512_and_si512(R8(8), _mm512_set1_epi64(POLY_CLAMP_HI)));
#undef R8
#undef R
}

static void make_powers(struct ifma_work *w, const struct poly_job *jobs, unsigned int n)
{
	struct fe8 p[8];
	struct mul8 m;

	p[0] = load_r(jobs, n);
	p[1] = mul(p[0], multiplier(p[0].l[0], p[0].l[1], p[0].l[2]));
	m = multiplier(p[1].l[0], p[1].l[1], p[1].l[2]);
	p[2] = mul(p[0], m);
	p[3] = mul(p[1], m);
	m = multiplier(p[3].l[0], p[3].l[1], p[3].l[2]);
	p[4] = mul(p[0], m);
	p[5] = mul(p[1], m);
	p[6] = mul(p[2], m);
	p[7] = mul(p[3], m);
	put_powers(w->pow[0], p, 0);
	put_powers(w->pow[1], p, 1);
	put_powers(w->pow[2], p, 2);
	_mm512_storeu_si512(w->r8[0], p[7].l[0]);
	_mm512_storeu_si512(w->r8[1], p[7].l[1]);
	_mm512_storeu_si512(w->r8[2], p[7].l[2]);
}

void aead_poly1305_ifma(struct poly_job *jobs, unsigned int n, void *work)
{
	struct ifma_work *w = work;
	unsigned int i;

	for (; n; n -= i, jobs += i) {
		unsigned int group = n < GROUP ? n : GROUP;

		make_powers(w, jobs, group);
		for (i = 0; i + 2 <= group; i += 2)
			two(jobs + i, w, i);
		for (; i < group; i++)
			one(jobs + i, w, i);
	}
}

SIMD_END

#endif
