/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The dress of handshake datagrams: the shape of a QUIC long header (RFC 8999), and behind it
 * bytes that only who knows the responder's public key can tell from random ones. Links and
 * queries share it (Documentation/protocol-links.rst, "Handshake datagrams").
 *
 *   0  u8   0xc0 | six random bits
 *   1  4    version: random, none that QUIC uses
 *   5  u8   8, 6: 8 bytes: the receiver's id for this handshake
 *  14  u8   8, 15: 8 bytes: the sender's id
 *  23  12   nonce
 *  35  16   tag
 *  51  …    masked: struct mask_head (42 bytes), data, zeros
 */
#ifndef MESHVPN_CRYPTO_MASK_H
#define MESHVPN_CRYPTO_MASK_H

#include <base/cursor.h>

#include "cookie.h"

#define MASK_ID 8
#define MASK_PLAIN 51			/* where the masked part begins */
#define MASK_HEAD 42			/* the fields in front of the data */
#define MASK_OVERHEAD (MASK_PLAIN + MASK_HEAD)
#define MASK_FIRST_MIN 1200		/* a first message is at least so long */
#define MASK_MAX 1452			/* longest datagram */
#define MASK_RANDOM 17			/* random bytes for each datagram */

enum mask_direction {
	MASK_TO_RESPONDER,
	MASK_TO_INITIATOR,
};

enum mask_kind {
	MASK_FIRST = 1,			/* Noise message 1 */
	MASK_SECOND = 2,		/* Noise message 2 */
	MASK_RETRY = 3,			/* a cookie, no data */
};

enum mask_use {
	MASK_QUERY = 1,
	MASK_LINK = 2,			/* hop handshakes travel inside cells */
};

/* Both ends' ids of one handshake, chosen by the initiator. */
struct mask_ids {
	u8 initiator[MASK_ID], responder[MASK_ID];
};

struct mask_head {
	u8 kind, use, suite, pattern;	/* pattern: 0 NK, 1 IKpsk2 */
	u16 total, offset;		/* of the Noise message that data is a fragment of */
	u64 solution;			/* FIRST: of the cookie's puzzle */
	u8 cookie[COOKIE_LEN];		/* FIRST: zeros or the cookie; RETRY: the cookie */
	const u8 *data;
	u16 len;
};

/* Has it the shape of a handshake datagram? */
bool mask_shape(const u8 *datagram, size_t len);
/* The ids in clear of a datagram with the shape. */
void mask_ids_read(const u8 *datagram, enum mask_direction direction, struct mask_ids *ids);

/**
 * mask_seal - dress a datagram
 * @key: the responder's public key (onion key, or query key)
 * @random: MASK_RANDOM fresh bytes, also for a repeat
 * @datagram: written, @len bytes, at least MASK_OVERHEAD + head->len
 */
void mask_seal(const struct mask_head *head, const struct mask_ids *ids, enum mask_direction direction,
	       const u8 key[32], const u8 *random, u8 *datagram, size_t len);

/**
 * mask_open - undress it
 * @plain: room for @len bytes; head->data points into it
 * Return: true if it was made with @key and its head is well-formed.
 */
bool mask_open(const u8 *datagram, size_t len, enum mask_direction direction, const u8 key[32], u8 *plain,
	       struct mask_head *head);

#endif
