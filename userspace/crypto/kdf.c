// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * HKDF-SHA256 over libsodium's HMAC (its own HKDF came only with 1.0.19, after Debian 12), and
 * the labels of the protocol.
 */
#include "kdf.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#define KDF_PREFIX "meshvpn 1 "
#define INFO_MAX 255

void kdf_extract(const u8 *salt, size_t salt_len, const u8 *ikm, size_t ikm_len,
		 u8 prk[KDF_PRK_LEN])
{
	crypto_auth_hmacsha256_state st;

	crypto_auth_hmacsha256_init(&st, salt_len ? salt : (const u8 *)"", salt_len);
	crypto_auth_hmacsha256_update(&st, ikm_len ? ikm : (const u8 *)"", ikm_len);
	crypto_auth_hmacsha256_final(&st, prk);
	sodium_memzero(&st, sizeof(st));
}

int kdf_expand(const u8 prk[KDF_PRK_LEN], const u8 *info, size_t info_len, u8 *out, size_t len)
{
	crypto_auth_hmacsha256_state st;
	u8 t[32], n = 0;
	size_t take;

	if (len > KDF_EXPAND_MAX || info_len > INFO_MAX) {
		memset(out, 0, len);
		return -EINVAL;
	}
	for (; len; out += take, len -= take) {
		crypto_auth_hmacsha256_init(&st, prk, KDF_PRK_LEN);
		if (n)
			crypto_auth_hmacsha256_update(&st, t, sizeof(t));
		n++;
		if (info_len)
			crypto_auth_hmacsha256_update(&st, info, info_len);
		crypto_auth_hmacsha256_update(&st, &n, 1);
		crypto_auth_hmacsha256_final(&st, t);
		take = len < sizeof(t) ? len : sizeof(t);
		memcpy(out, t, take);
	}
	sodium_memzero(t, sizeof(t));
	sodium_memzero(&st, sizeof(st));
	return 0;
}

int kdf_label(const u8 prk[KDF_PRK_LEN], const char *label, u8 *out, size_t len)
{
	u8 info[sizeof(KDF_PREFIX) - 1 + KDF_LABEL_MAX];
	size_t n = strnlen(label, KDF_LABEL_MAX + 1);

	if (n > KDF_LABEL_MAX) {
		memset(out, 0, len);
		return -EINVAL;
	}
	memcpy(info, KDF_PREFIX, sizeof(KDF_PREFIX) - 1);
	memcpy(info + sizeof(KDF_PREFIX) - 1, label, n);
	return kdf_expand(prk, info, sizeof(KDF_PREFIX) - 1 + n, out, len);
}

void kdf_hop_keys(const u8 handshake_hash[KDF_HASH_LEN], const u8 split[KDF_SPLIT_LEN],
		  struct hop_keys *keys)
{
	u8 prk[KDF_PRK_LEN];

	kdf_extract(handshake_hash, KDF_HASH_LEN, split, KDF_SPLIT_LEN, prk);
	kdf_label(prk, "hop tf", keys->tf, sizeof(keys->tf));
	kdf_label(prk, "hop tb", keys->tb, sizeof(keys->tb));
	kdf_label(prk, "hop kf", keys->kf, sizeof(keys->kf));
	kdf_label(prk, "hop kb", keys->kb, sizeof(keys->kb));
	kdf_label(prk, "hop df", keys->df, sizeof(keys->df));
	kdf_label(prk, "hop db", keys->db, sizeof(keys->db));
	sodium_memzero(prk, sizeof(prk));
}

void kdf_link_keys(const u8 handshake_hash[KDF_HASH_LEN], const u8 split[KDF_SPLIT_LEN],
		   struct link_keys *keys)
{
	u8 prk[KDF_PRK_LEN];

	kdf_extract(handshake_hash, KDF_HASH_LEN, split, KDF_SPLIT_LEN, prk);
	kdf_label(prk, "link tag i", keys->i.tag, sizeof(keys->i.tag));
	kdf_label(prk, "link mask i", keys->i.mask, sizeof(keys->i.mask));
	kdf_label(prk, "link control i", keys->i.control, sizeof(keys->i.control));
	kdf_label(prk, "link tag r", keys->r.tag, sizeof(keys->r.tag));
	kdf_label(prk, "link mask r", keys->r.mask, sizeof(keys->r.mask));
	kdf_label(prk, "link control r", keys->r.control, sizeof(keys->r.control));
	sodium_memzero(prk, sizeof(prk));
}
