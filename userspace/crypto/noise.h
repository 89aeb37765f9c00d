/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Noise (revision 34) handshakes of two messages: NK and IKpsk2 with 25519, ChaChaPoly, SHA256.
 * Pure: ephemeral keys come from the caller, nothing is allocated.
 */
#ifndef MESHVPN_CRYPTO_NOISE_H
#define MESHVPN_CRYPTO_NOISE_H

#include <stddef.h>
#include <meshvpn/types.h>

enum noise_pattern {
	NOISE_NK,
	NOISE_IKPSK2,
	NOISE_IK,		/* test vectors only */
};

#define NOISE_KEY 32
#define NOISE_TAG 16
#define NOISE_NK_OVERHEAD (32 + 16)		/* of each message: e, tag */
#define NOISE_IK_OVERHEAD1 (32 + 48 + 16)	/* message 1: e, s and tag, tag */
#define NOISE_IK_OVERHEAD2 (32 + 16)

struct noise_keypair {
	u8 secret[NOISE_KEY], public[NOISE_KEY];
};

struct noise {
	enum noise_pattern pattern;
	bool initiator, has_key;
	u8 step;
	u64 nonce;
	u8 ck[32], h[32], k[32];
	struct noise_keypair e;
	const struct noise_keypair *s;		/* own static, NULL if none (NK initiator) */
	const u8 *psk;				/* 32 bytes, IKpsk2 only */
	u8 rs[NOISE_KEY], re[NOISE_KEY];
};

/**
 * noise_init - begin
 * @ephemeral_secret: 32 fresh random bytes
 * @s: own static pair: responder always, initiator in IK; must outlive the handshake
 * @rs: responder's static public key, initiator only
 */
void noise_init(struct noise *n, enum noise_pattern pattern, bool initiator, const void *prologue, size_t len,
		const u8 ephemeral_secret[32], const struct noise_keypair *s, const u8 *rs, const u8 *psk);

/*
 * The next message of ours: @out gets @len plus the overhead. Return: bytes written, or -EINVAL
 * (wrong turn, @out too short, a key that X25519 refuses).
 */
int noise_write(struct noise *n, const void *payload, size_t len, u8 *out, size_t room);

/* The peer's next message. @payload may be @in. Return: payload bytes, or -EINVAL, -EBADMSG. */
int noise_read(struct noise *n, const u8 *in, size_t len, u8 *payload, size_t room);

/* After message 2: k1 and k2 of Split side by side, and the handshake hash. */
void noise_split(const struct noise *n, u8 split[64], u8 hash[32]);

/* The initiator's static key, for a responder of IK after message 1. */
const u8 *noise_remote_static(const struct noise *n);

void noise_erase(struct noise *n);

#endif
