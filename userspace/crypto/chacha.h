/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Single ChaCha20 blocks of any mix of keys, numbers and positions, several side by side in SIMD
 * lanes: the origin's fillers need few bytes of many keystreams, which the bulk AEAD, made for
 * whole cells, does not give.
 */
#ifndef MESHVPN_CRYPTO_CHACHA_H
#define MESHVPN_CRYPTO_CHACHA_H

#include <meshvpn/types.h>

#define CHACHA_LANES 16
#define CHACHA_BLOCK_LEN 64

/* One block of RFC 8439, 2.3; the nonce is 4 zero bytes and @nonce, little-endian. */
struct chacha_position {
	const u8 *key;
	u64 nonce;
	u32 counter;	/* 0: the block of the Poly1305 key; from 1: the AEAD's body keystream */
};

/**
 * chacha_blocks - compute @n blocks
 * @n: at most CHACHA_LANES
 * @out: CHACHA_LANES blocks, aligned to 64; the first @n are written, the others undefined
 */
void chacha_blocks(const struct chacha_position *at, unsigned int n,
		   u8 out[CHACHA_LANES][CHACHA_BLOCK_LEN]);

#endif
