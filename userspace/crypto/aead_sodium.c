// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The bulk AEAD with libsodium, one job after the other: what every CPU can run, and the oracle
 * for the SIMD implementations. It is composed from ChaCha20 and Poly1305, because the combined
 * functions give neither the rest of block 0 nor tags of 12 bytes.
 */
#include "crypto/aead_internal.h"

#include <sodium.h>

bool aead_sodium_usable(void)
{
	return sodium_init() >= 0;
}

static void make_nonce(u8 nonce[12], u64 counter)
{
	memset(nonce, 0, 4);
	mv_put_le64(nonce + 4, counter);
}

/* RFC 8439, 2.8: the ciphertext, padded to 16 bytes, and both lengths. */
static void make_tag(u8 tag[AEAD_TAG_LEN], const u8 *text, u32 len, const u8 key[32])
{
	static const u8 zero[16];
	crypto_onetimeauth_poly1305_state st;
	u8 lens[16] = { 0 };

	mv_put_le64(lens + 8, len);
	crypto_onetimeauth_poly1305_init(&st, key);
	crypto_onetimeauth_poly1305_update(&st, text, len);
	crypto_onetimeauth_poly1305_update(&st, zero, -len & 15);
	crypto_onetimeauth_poly1305_update(&st, lens, sizeof(lens));
	crypto_onetimeauth_poly1305_final(&st, tag);
	sodium_memzero(&st, sizeof(st));
}

static void run_one(struct aead_job *job, u8 block0[CHACHA_BLOCK])
{
	u8 nonce[12], tag[AEAD_TAG_LEN];

	make_nonce(nonce, job->nonce);
	job->ok = true;
	if (job->kind != AEAD_XOR || job->z)
		crypto_stream_chacha20_ietf(block0, CHACHA_BLOCK, nonce, job->key);
	if (job->kind == AEAD_OPEN) {
		make_tag(tag, job->src, job->len, block0);
		job->ok = aead_tag_ok(job, tag);
	}
	crypto_stream_chacha20_ietf_xor_ic(job->dst, job->src, job->len, nonce, 1, job->key);
	if (job->kind == AEAD_SEAL)
		make_tag(job->tag, job->dst, job->len, block0);
	if (job->z)
		memcpy(job->z, block0 + 32, AEAD_Z_LEN);
}

void aead_sodium_run(struct aead_job *jobs, unsigned int n)
{
	u8 block0[CHACHA_BLOCK];
	unsigned int i;

	for (i = 0; i < n; i++)
		run_one(&jobs[i], block0);
	sodium_memzero(block0, sizeof(block0));
}
