/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Derives all keys of hops and links from a finished Noise handshake with HKDF-SHA256 (RFC 5869),
 * so that one place knows every label (Documentation/protocol.rst, "Links and handshakes").
 */
#ifndef MESHVPN_CRYPTO_KDF_H
#define MESHVPN_CRYPTO_KDF_H

#include <stddef.h>
#include <meshvpn/types.h>

#define KDF_PRK_LEN	32
#define KDF_HASH_LEN	32	/* Noise handshake hash */
#define KDF_SPLIT_LEN	64	/* k1 and k2 of Noise's Split() */
#define KDF_EXPAND_MAX	(255 * 32)
#define KDF_LABEL_MAX	64

/* What the handshake with one hop gives: three pairs (forward, backward), one owner each. */
struct hop_keys {
	u8 tf[32], tb[32];	/* while the hop is the open end: the daemon */
	u8 kf[32], kb[32];	/* while it is a relay: the datapath */
	u8 df[32], db[32];	/* while it is the terminus: the datapath */
};

/* Keys for what one side of a link sends. */
struct link_side_keys {
	u8 tag[16];		/* header tag */
	u8 mask[16];		/* header mask */
	u8 control[32];		/* AEAD of link control cells */
};

/* What a link handshake gives. */
struct link_keys {
	struct link_side_keys i;	/* what the initiator sends */
	struct link_side_keys r;	/* what the responder sends */
};

/**
 * kdf_extract - HKDF-Extract (RFC 5869, 2.2): PRK = HMAC-SHA256(salt, ikm)
 * @salt: any length, NULL only with length 0
 * @prk: result, secret
 */
void kdf_extract(const u8 *salt, size_t salt_len, const u8 *ikm, size_t ikm_len,
		 u8 prk[KDF_PRK_LEN]);

/**
 * kdf_expand - HKDF-Expand (RFC 5869, 2.3)
 * @info: at most 255 bytes
 * @len: at most KDF_EXPAND_MAX
 *
 * Return: 0, or -EINVAL on a length over its limit (@out is then zeroed as far as @len).
 */
int kdf_expand(const u8 prk[KDF_PRK_LEN], const u8 *info, size_t info_len, u8 *out, size_t len);

/**
 * kdf_label - one key: kdf_expand() over "meshvpn 1 " and @label
 * @label: at most KDF_LABEL_MAX characters, as "hop kf"
 *
 * Return: 0 or -EINVAL.
 */
int kdf_label(const u8 prk[KDF_PRK_LEN], const char *label, u8 *out, size_t len);

/**
 * kdf_hop_keys - the six keys of a hop
 * @handshake_hash: Noise's h at the end of the handshake
 * @split: k1 followed by k2 of Split()
 * @keys: result; the caller erases each pair when its use is over
 */
void kdf_hop_keys(const u8 handshake_hash[KDF_HASH_LEN], const u8 split[KDF_SPLIT_LEN],
		  struct hop_keys *keys);

/* kdf_link_keys - the keys of a link session, both directions; arguments as kdf_hop_keys() */
void kdf_link_keys(const u8 handshake_hash[KDF_HASH_LEN], const u8 split[KDF_SPLIT_LEN],
		   struct link_keys *keys);

#endif
