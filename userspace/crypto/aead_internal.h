/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the implementations of aead.h share among themselves, and what their tests reach into.
 * The SIMD implementations are one driver (aead_batch.c) over kernels for an instruction set:
 * ChaCha20 blocks of any mix of cells side by side in lanes, and Poly1305 of several cells.
 * Nothing outside of crypto and its tests includes this.
 */
#ifndef MESHVPN_CRYPTO_AEAD_INTERNAL_H
#define MESHVPN_CRYPTO_AEAD_INTERNAL_H

#include "crypto/aead.h"

#define CHACHA_BLOCK 64
#define AEAD_MAX_LANES 16
/* Memory for whatever a kernel spills that depends on keys; erased once an aead_run() call. */
#define AEAD_WORK_LEN 2304

/* Functions between these are compiled for @isa, whatever the compiler's flags are. */
#define AEAD_PRAGMA(x) _Pragma(#x)
#ifdef __clang__
#define SIMD_BEGIN(isa) \
	AEAD_PRAGMA(clang attribute push(__attribute__((target(isa))), apply_to = function))
#define SIMD_END AEAD_PRAGMA(clang attribute pop)
#else
#define SIMD_BEGIN(isa) AEAD_PRAGMA(GCC push_options) AEAD_PRAGMA(GCC target(isa))
#define SIMD_END AEAD_PRAGMA(GCC pop_options)
#endif

/* Consecutive blocks of one keystream, in as many lanes. */
struct chacha_run {
	const u8 *key;
	u64 nonce;
	u32 counter;
	u32 lanes;
};

/**
 * struct poly_job - one Poly1305 over a padded message and a last block
 * @key: 32 bytes, r and s
 * @msg: @len bytes, padded with zeros to 16
 * @last: the 16 bytes after that: for RFC 8439 the lengths
 * @tag: result
 */
struct poly_job {
	const u8 *key;
	const u8 *msg;
	u32 len;
	u8 last[16];
	u8 tag[16];
};

/**
 * struct aead_simd - the kernels of one instruction set
 * @lanes: blocks at a time, at most AEAD_MAX_LANES
 * @chacha: the blocks of all runs, @lanes at most in all, one after the other to ks (aligned to
 *	64; all lanes are written)
 * @xor: dst = src ^ ks; ks is aligned to 64 and may be read up to a whole block
 * @poly: up to AEAD_MAX_LANES jobs
 */
struct aead_simd {
	unsigned int lanes;
	void (*chacha)(const struct chacha_run *runs, unsigned int n, u8 *ks, void *work);
	void (*xor)(u8 *dst, const u8 *src, const u8 *ks, u32 len);
	void (*poly)(struct poly_job *jobs, unsigned int n, void *work);
};

/* Is @tag what @job expects? Constant time; a tag_len other than 12 means 16. */
bool aead_tag_ok(const struct aead_job *job, const u8 tag[AEAD_TAG_LEN]);

void aead_batch_run(const struct aead_simd *simd, struct aead_job *jobs, unsigned int n);

bool aead_sodium_usable(void);
void aead_sodium_run(struct aead_job *jobs, unsigned int n);
bool aead_avx2_usable(void);
void aead_avx2_run(struct aead_job *jobs, unsigned int n);
bool aead_avx512_usable(void);
void aead_avx512_run(struct aead_job *jobs, unsigned int n);
bool aead_avx512_noifma_usable(void);
void aead_avx512_noifma_run(struct aead_job *jobs, unsigned int n);

/* The Poly1305 kernels, as in struct aead_simd; @work has AEAD_WORK_LEN bytes, aligned to 64. */
void aead_poly1305_avx2(struct poly_job *jobs, unsigned int n, void *work);
void aead_poly1305_ifma(struct poly_job *jobs, unsigned int n, void *work);
bool aead_ifma_usable(void);

#endif
