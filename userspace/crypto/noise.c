// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Noise handshakes (The Noise Protocol Framework, revision 34) of two messages, as in noise.h.
 * Function names are those of the specification's section 5. The token sequences are written out:
 * three patterns that share all but two tokens need no interpreter.
 */
#include "noise.h"

#include <errno.h>
#include <sodium.h>

#include "kdf.h"

enum { STEP_MESSAGE1, STEP_MESSAGE2, STEP_DONE, STEP_FAILED };

static const char *const names[] = {
	[NOISE_NK] = "Noise_NK_25519_ChaChaPoly_SHA256",
	[NOISE_IKPSK2] = "Noise_IKpsk2_25519_ChaChaPoly_SHA256",
	[NOISE_IK] = "Noise_IK_25519_ChaChaPoly_SHA256",
};

static void mix_hash(struct noise *n, const void *data, size_t len)
{
	crypto_hash_sha256_state s;

	crypto_hash_sha256_init(&s);
	crypto_hash_sha256_update(&s, n->h, sizeof(n->h));
	crypto_hash_sha256_update(&s, data, len);
	crypto_hash_sha256_final(&s, n->h);
}

/* HKDF of section 4.3 is RFC 5869 with empty info. */
static void hkdf(const u8 ck[32], const u8 *ikm, size_t len, u8 *out, size_t out_len)
{
	u8 prk[KDF_PRK_LEN];

	kdf_extract(ck, 32, ikm, len, prk);
	kdf_expand(prk, NULL, 0, out, out_len);
	sodium_memzero(prk, sizeof(prk));
}

static void set_key(struct noise *n, const u8 k[32])
{
	memcpy(n->k, k, 32);
	n->has_key = true;
	n->nonce = 0;
}

static void mix_key(struct noise *n, const u8 ikm[32])
{
	u8 out[64];

	hkdf(n->ck, ikm, 32, out, sizeof(out));
	memcpy(n->ck, out, 32);
	set_key(n, out + 32);
	sodium_memzero(out, sizeof(out));
}

static void mix_key_and_hash(struct noise *n, const u8 psk[32])
{
	u8 out[96];

	hkdf(n->ck, psk, 32, out, sizeof(out));
	memcpy(n->ck, out, 32);
	mix_hash(n, out + 32, 32);
	set_key(n, out + 64);
	sodium_memzero(out, sizeof(out));
}

static int mix_dh(struct noise *n, const u8 secret[32], const u8 public[32])
{
	u8 shared[32];

	/* refuses points of small order, whose result is zero */
	if (crypto_scalarmult(shared, secret, public))
		return -EINVAL;
	mix_key(n, shared);
	sodium_memzero(shared, sizeof(shared));
	return 0;
}

/* Section 9.2: in psk handshakes the ephemeral key goes into the chaining key too. */
static void mix_e(struct noise *n, const u8 e[32])
{
	mix_hash(n, e, 32);
	if (n->pattern == NOISE_IKPSK2)
		mix_key(n, e);
}

static void nonce_bytes(struct noise *n, u8 npub[12])
{
	memset(npub, 0, 4);
	mv_put_le64(npub + 4, n->nonce++);
}

static void encrypt_and_hash(struct noise *n, const u8 *plain, size_t len, u8 *out)
{
	u8 npub[12];

	nonce_bytes(n, npub);
	crypto_aead_chacha20poly1305_ietf_encrypt_detached(out, out + len, NULL, plain, len, n->h, 32, NULL,
							   npub, n->k);
	mix_hash(n, out, len + NOISE_TAG);
}

/* @plain may overlap @in, which is gone then; @len counts the tag. */
static int decrypt_and_hash(struct noise *n, const u8 *in, size_t len, u8 *plain)
{
	size_t body = len - NOISE_TAG;
	u8 npub[12], tag[NOISE_TAG], ad[32];

	nonce_bytes(n, npub);
	memcpy(ad, n->h, sizeof(ad));
	mix_hash(n, in, len);
	memcpy(tag, in + body, sizeof(tag));
	if (body)
		memmove(plain, in, body);
	return crypto_aead_chacha20poly1305_ietf_decrypt_detached(plain, NULL, plain, body, tag, ad, sizeof(ad),
								  npub, n->k) ? -EBADMSG : 0;
}

void noise_init(struct noise *n, enum noise_pattern pattern, bool initiator, const void *prologue, size_t len,
		const u8 ephemeral_secret[32], const struct noise_keypair *s, const u8 *rs, const u8 *psk)
{
	const char *name = names[pattern];
	size_t name_len = strlen(name);

	memset(n, 0, sizeof(*n));
	n->pattern = pattern;
	n->initiator = initiator;
	n->s = s;
	n->psk = psk;
	memcpy(n->e.secret, ephemeral_secret, 32);
	if (initiator)
		memcpy(n->rs, rs, 32);
	if (name_len <= 32)
		memcpy(n->h, name, name_len);
	else
		crypto_hash_sha256(n->h, (const u8 *)name, name_len);
	memcpy(n->ck, n->h, 32);
	mix_hash(n, prologue, len);
	mix_hash(n, initiator ? n->rs : s->public, 32);
}

static bool has_static(const struct noise *n)
{
	return n->pattern != NOISE_NK;
}

static size_t overhead1(const struct noise *n)
{
	return has_static(n) ? NOISE_IK_OVERHEAD1 : NOISE_NK_OVERHEAD;
}

/* e, es, s, ss (NK: e, es); returns where the payload goes */
static u8 *write_message1(struct noise *n, u8 *out)
{
	memcpy(out, n->e.public, 32);
	mix_e(n, out);
	out += 32;
	if (mix_dh(n, n->e.secret, n->rs))
		return NULL;
	if (!has_static(n))
		return out;
	encrypt_and_hash(n, n->s->public, 32, out);
	return mix_dh(n, n->s->secret, n->rs) ? NULL : out + 32 + NOISE_TAG;
}

static const u8 zero_psk[32];

/* e, ee, se, psk (NK: e, ee) */
static u8 *write_message2(struct noise *n, u8 *out)
{
	memcpy(out, n->e.public, 32);
	mix_e(n, out);
	if (mix_dh(n, n->e.secret, n->re))
		return NULL;
	if (has_static(n) && mix_dh(n, n->e.secret, n->rs))
		return NULL;
	if (n->pattern == NOISE_IKPSK2)
		mix_key_and_hash(n, n->psk ? n->psk : zero_psk);
	return out + 32;
}

int noise_write(struct noise *n, const void *payload, size_t len, u8 *out, size_t room)
{
	size_t total = len + (n->step == STEP_MESSAGE1 ? overhead1(n) : NOISE_NK_OVERHEAD);
	u8 *at;

	if (n->step >= STEP_DONE || n->initiator != (n->step == STEP_MESSAGE1) || total > room)
		return -EINVAL;
	crypto_scalarmult_base(n->e.public, n->e.secret);
	at = n->step == STEP_MESSAGE1 ? write_message1(n, out) : write_message2(n, out);
	if (!at) {
		n->step = STEP_FAILED;
		return -EINVAL;
	}
	encrypt_and_hash(n, payload, len, at);
	n->step++;
	return (int)total;
}

static int read_message1(struct noise *n, const u8 *in)
{
	int r;

	memcpy(n->re, in, 32);
	mix_e(n, n->re);
	r = mix_dh(n, n->s->secret, n->re);
	if (r || !has_static(n))
		return r;
	r = decrypt_and_hash(n, in + 32, 32 + NOISE_TAG, n->rs);
	return r ? r : mix_dh(n, n->s->secret, n->rs);
}

static int read_message2(struct noise *n, const u8 *in)
{
	int r;

	memcpy(n->re, in, 32);
	mix_e(n, n->re);
	r = mix_dh(n, n->e.secret, n->re);
	if (!r && has_static(n))
		r = mix_dh(n, n->s->secret, n->re);
	if (!r && n->pattern == NOISE_IKPSK2)
		mix_key_and_hash(n, n->psk ? n->psk : zero_psk);
	return r;
}

int noise_read(struct noise *n, const u8 *in, size_t len, u8 *payload, size_t room)
{
	size_t over = n->step == STEP_MESSAGE1 ? overhead1(n) : NOISE_NK_OVERHEAD;
	int r;

	if (n->step >= STEP_DONE || n->initiator != (n->step == STEP_MESSAGE2))
		return -EINVAL;
	if (len < over)
		return -EBADMSG;
	if (len - over > room)
		return -EINVAL;
	r = n->step == STEP_MESSAGE1 ? read_message1(n, in) : read_message2(n, in);
	if (!r)
		r = decrypt_and_hash(n, in + over - NOISE_TAG, len - over + NOISE_TAG, payload);
	n->step = r ? STEP_FAILED : n->step + 1;
	return r ? r : (int)(len - over);
}

void noise_split(const struct noise *n, u8 split[64], u8 hash[32])
{
	hkdf(n->ck, NULL, 0, split, 64);
	memcpy(hash, n->h, 32);
}

const u8 *noise_remote_static(const struct noise *n)
{
	return n->rs;
}

void noise_erase(struct noise *n)
{
	sodium_memzero(n, sizeof(*n));
	n->step = STEP_FAILED;
}
