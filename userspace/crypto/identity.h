/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who a node is: its Ed25519 identity with the proof of work in its node id, and the X25519 onion
 * keys that it rotates every week. Secrets stand in sodium_malloc() memory and in files of mode
 * 0600 (Documentation/protocol.rst, "Primitives").
 */
#ifndef MESHVPN_CRYPTO_IDENTITY_H
#define MESHVPN_CRYPTO_IDENTITY_H

#include <base/node.h>
#include "noise.h"

#define IDENTITY_PUBLIC 32
#define IDENTITY_SECRET 64
#define IDENTITY_SIGNATURE 64
#define IDENTITY_WORK_BITS 20		/* of a public network */

/* BLAKE2b-256("meshvpn id" ‖ public key ‖ nonce, little-endian). */
void node_id_derive(struct node_id *id, const u8 public_key[IDENTITY_PUBLIC], u64 nonce);
/* Leading zero bits. */
u32 node_id_work(const struct node_id *id);
/* Hexadecimal, lower case; parse: 0 or -EINVAL, exactly 64 digits. */
const char *node_id_text(const struct node_id *id, char text[NODE_ID_TEXT]);
int node_id_parse(struct node_id *id, const char *text);

struct identity {
	u8 public_key[IDENTITY_PUBLIC];
	u64 nonce;
	struct node_id id;
	u8 *secret;			/* IDENTITY_SECRET bytes, sodium_malloc */
};

/*
 * A new identity whose id has @work_bits leading zero bits: about 2^bits hashes of 0.5 µs.
 * 0 or -ENOMEM.
 */
int identity_generate(struct identity *id, u32 work_bits);
/*
 * Key file, text: "meshvpn-identity 1", "seed HEX", "nonce HEX". Load: 0, -ENOENT, -EACCES (others
 * may read it), -EPROTONOSUPPORT (a later version's file), -EBADMSG, -ENOMEM.
 */
int identity_load(struct identity *id, const char *path);
int identity_save(const struct identity *id, const char *path);
void identity_erase(struct identity *id);

/* Ed25519 over @domain (without its end) ‖ @data. */
void identity_sign(const struct identity *id, const char *domain, const void *data, size_t len,
		   u8 signature[IDENTITY_SIGNATURE]);
bool identity_verify(const u8 public_key[IDENTITY_PUBLIC], const char *domain, const void *data, size_t len,
		     const u8 signature[IDENTITY_SIGNATURE]);

/* ---- onion keys ---- */

/* In sodium_malloc() memory as a whole. */
struct onion_keys {
	u64 created;				/* unix seconds, of current */
	struct noise_keypair current, previous;	/* previous all zero: none */
};

struct onion_keys *onion_keys_new(void);	/* zeros; NULL: no memory */
void onion_keys_free(struct onion_keys *keys);
/*
 * A fresh current key; the old one becomes previous. @now: unix seconds.
 */
void onion_keys_rotate(struct onion_keys *keys, u64 now);
/* Forget previous. */
void onion_keys_expire(struct onion_keys *keys);
/* Text file as above: "meshvpn-onion 1", "created N", "current HEX", "previous HEX". */
int onion_keys_load(struct onion_keys *keys, const char *path);
int onion_keys_save(const struct onion_keys *keys, const char *path);

#endif
