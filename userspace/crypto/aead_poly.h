/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scalar arithmetic modulo 2^130 - 5 in limbs of 44, 44 and 42 bits, for the parts of the Poly1305
 * kernels that gain nothing from vectors. Only for x86, like those.
 */
#ifndef MESHVPN_CRYPTO_AEAD_POLY_H
#define MESHVPN_CRYPTO_AEAD_POLY_H

#include <meshvpn/types.h>

#define POLY_M44 0xfffffffffffull
#define POLY_M42 0x3ffffffffffull
/* RFC 8439, 2.5: what of r is used */
#define POLY_CLAMP_LO 0x0ffffffc0fffffffull
#define POLY_CLAMP_HI 0x0ffffffc0ffffffcull

struct poly_fe {
	u64 l[3];
};

/* The low bits of limbs 0 and 1 stay, the rest moves up; limb 2 wraps around. */
static __always_inline void poly_carry(u64 l[3])
{
	l[1] += l[0] >> 44;
	l[0] &= POLY_M44;
	l[2] += l[1] >> 44;
	l[1] &= POLY_M44;
	l[0] += (l[2] >> 42) * 5;
	l[2] &= POLY_M42;
	l[1] += l[0] >> 44;
	l[0] &= POLY_M44;
	l[2] += l[1] >> 44;
	l[1] &= POLY_M44;
}

static __always_inline struct poly_fe poly_clamped(const u8 *key)
{
	u64 lo = mv_get_le64(key) & POLY_CLAMP_LO, hi = mv_get_le64(key + 8) & POLY_CLAMP_HI;

	return (struct poly_fe){ { lo & POLY_M44, (lo >> 44 | hi << 20) & POLY_M44, hi >> 24 } };
}

static __always_inline struct poly_fe poly_mul(struct poly_fe a, struct poly_fe b)
{
	typedef unsigned __int128 u128;
	u64 s1 = b.l[1] * 20, s2 = b.l[2] * 20;
	u128 d0 = (u128)a.l[0] * b.l[0] + (u128)a.l[1] * s2 + (u128)a.l[2] * s1;
	u128 d1 = (u128)a.l[0] * b.l[1] + (u128)a.l[1] * b.l[0] + (u128)a.l[2] * s2;
	u128 d2 = (u128)a.l[0] * b.l[2] + (u128)a.l[1] * b.l[1] + (u128)a.l[2] * b.l[0];
	struct poly_fe r;

	d1 += (u64)(d0 >> 44);
	d2 += (u64)(d1 >> 44);
	r.l[0] = ((u64)d0 & POLY_M44) + (u64)(d2 >> 42) * 5;
	r.l[1] = (u64)d1 & POLY_M44;
	r.l[2] = (u64)d2 & POLY_M42;
	poly_carry(r.l);
	return r;
}

/**
 * poly_finish - the tag: h modulo 2^130 - 5, plus s
 * @l0: limbs of h, each below 2^60
 * @key: r and s
 */
static __always_inline void poly_finish(u64 l0, u64 l1, u64 l2, const u8 *key, u8 *tag)
{
	u64 l[3] = { l0, l1, l2 };
	u64 g0, g1, g2, keep, lo, hi;
	unsigned __int128 sum;
	u64 out[2];

	poly_carry(l);
	/* h - (2^130 - 5) if that is not negative */
	g0 = l[0] + 5;
	g1 = l[1] + (g0 >> 44);
	g2 = l[2] + (g1 >> 44) - (1ull << 42);
	keep = -(g2 >> 63);
	g0 = (l[0] & keep) | (g0 & POLY_M44 & ~keep);
	g1 = (l[1] & keep) | (g1 & POLY_M44 & ~keep);
	g2 = (l[2] & keep) | (g2 & ~keep);
	lo = g0 | g1 << 44;
	hi = g1 >> 20 | g2 << 24;
	sum = (unsigned __int128)lo + mv_get_le64(key + 16);
	/* this is little-endian, and two whole words are read back faster than 16 bytes */
	out[0] = (u64)sum;
	out[1] = (u64)(sum >> 64) + hi + mv_get_le64(key + 24);
	memcpy(tag, out, sizeof(out));
}

#endif
