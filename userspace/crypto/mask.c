// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Handshake datagrams: see mask.h. ChaCha20-Poly1305 rather than the bare stream, so that what was
 * not made for this key is told before a scalar multiplication is spent on it.
 */
#include "mask.h"

#include <sodium.h>

enum { AT_VERSION = 1, AT_TO = 5, AT_FROM = 14, AT_NONCE = 23, AT_TAG = 35 };

bool mask_shape(const u8 *d, size_t len)
{
	return len >= MASK_OVERHEAD && len <= MASK_MAX && (d[0] & 0xc0) == 0xc0 && d[AT_TO] == MASK_ID &&
	       d[AT_FROM] == MASK_ID;
}

void mask_ids_read(const u8 *d, enum mask_direction direction, struct mask_ids *ids)
{
	bool out = direction == MASK_TO_RESPONDER;

	memcpy(out ? ids->responder : ids->initiator, d + AT_TO + 1, MASK_ID);
	memcpy(out ? ids->initiator : ids->responder, d + AT_FROM + 1, MASK_ID);
}

static void derive(const struct mask_ids *ids, enum mask_direction direction, const u8 key[32], u8 out[32])
{
	static const char label[] = "meshvpn mask";
	u8 in[sizeof(label) + 2 * MASK_ID];

	memcpy(in, label, sizeof(label) - 1);
	in[sizeof(label) - 1] = (u8)direction;
	memcpy(in + sizeof(label), ids->initiator, MASK_ID);
	memcpy(in + sizeof(label) + MASK_ID, ids->responder, MASK_ID);
	crypto_generichash(out, 32, in, sizeof(in), key, 32);
}

/* Version negotiation, 1, 2 as a number, and version 2 of RFC 9369 */
static bool version_taken(u32 v)
{
	return v <= 2 || v == 0x6b3343cf;
}

static void outside(u8 *d, const struct mask_ids *ids, enum mask_direction direction, const u8 *random)
{
	bool out = direction == MASK_TO_RESPONDER;
	u32 version = mv_get_be32(random + 1);

	d[0] = 0xc0 | random[0];
	mv_put_be32(d + AT_VERSION, version_taken(version) ? version ^ 0x5a5a5a5a : version);
	d[AT_TO] = d[AT_FROM] = MASK_ID;
	memcpy(d + AT_TO + 1, out ? ids->responder : ids->initiator, MASK_ID);
	memcpy(d + AT_FROM + 1, out ? ids->initiator : ids->responder, MASK_ID);
	memcpy(d + AT_NONCE, random + 5, 12);
}

static void write_head(struct writer *w, const struct mask_head *h)
{
	writer_u8(w, h->kind);
	writer_u8(w, h->use);
	writer_u8(w, h->suite);
	writer_u8(w, h->pattern);
	writer_le16(w, h->total);
	writer_le16(w, h->offset);
	writer_le16(w, h->len);
	writer_le64(w, h->solution);
	writer_put(w, h->cookie, COOKIE_LEN);
	writer_put(w, h->data, h->len);
}

void mask_seal(const struct mask_head *head, const struct mask_ids *ids, enum mask_direction direction,
	       const u8 key[32], const u8 *random, u8 *d, size_t len)
{
	struct writer w = writer_of(d + MASK_PLAIN, len - MASK_PLAIN);
	u8 k[32];

	outside(d, ids, direction, random);
	write_head(&w, head);
	memset(w.at, 0, (size_t)(w.end - w.at));
	derive(ids, direction, key, k);
	crypto_aead_chacha20poly1305_ietf_encrypt_detached(d + MASK_PLAIN, d + AT_TAG, NULL, d + MASK_PLAIN,
							   len - MASK_PLAIN, d, AT_TAG, NULL, d + AT_NONCE, k);
}

static bool read_head(struct cursor *c, struct mask_head *h)
{
	h->kind = cursor_u8(c);
	h->use = cursor_u8(c);
	h->suite = cursor_u8(c);
	h->pattern = cursor_u8(c);
	h->total = cursor_le16(c);
	h->offset = cursor_le16(c);
	h->len = cursor_le16(c);
	h->solution = cursor_le64(c);
	cursor_read(c, h->cookie, COOKIE_LEN);
	h->data = cursor_take(c, h->len);
	return !c->bad && h->offset + h->len <= h->total;
}

bool mask_open(const u8 *d, size_t len, enum mask_direction direction, const u8 key[32], u8 *plain,
	       struct mask_head *head)
{
	struct mask_ids ids;
	struct cursor c;
	u8 k[32];

	if (!mask_shape(d, len))
		return false;
	mask_ids_read(d, direction, &ids);
	derive(&ids, direction, key, k);
	if (crypto_aead_chacha20poly1305_ietf_decrypt_detached(plain, NULL, d + MASK_PLAIN, len - MASK_PLAIN,
							       d + AT_TAG, d, AT_TAG, d + AT_NONCE, k))
		return false;
	c = cursor_of(plain, len - MASK_PLAIN);
	return read_head(&c, head);
}
