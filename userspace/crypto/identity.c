/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Identity and onion keys, and their files: see identity.h. */
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "identity.h"
#include "statefile.h"

#define ID_DOMAIN "meshvpn id"
#define KEYFILE_MAX 1024

void node_id_derive(struct node_id *id, const u8 public_key[IDENTITY_PUBLIC], u64 nonce)
{
	u8 in[sizeof(ID_DOMAIN) - 1 + IDENTITY_PUBLIC + 8], *at = in + sizeof(ID_DOMAIN) - 1;

	memcpy(in, ID_DOMAIN, sizeof(ID_DOMAIN) - 1);
	memcpy(at, public_key, IDENTITY_PUBLIC);
	mv_put_le64(at + IDENTITY_PUBLIC, nonce);
	crypto_generichash(id->b, sizeof(id->b), in, sizeof(in), NULL, 0);
}

u32 node_id_work(const struct node_id *id)
{
	u32 bits = 0, i;

	for (i = 0; i < NODE_ID_LEN && !id->b[i]; i++)
		bits += 8;
	return i < NODE_ID_LEN ? bits + __builtin_clz(id->b[i]) - 24 : bits;
}

const char *node_id_text(const struct node_id *id, char text[NODE_ID_TEXT])
{
	return sodium_bin2hex(text, NODE_ID_TEXT, id->b, NODE_ID_LEN);
}

static int hex_exact(u8 *to, size_t len, const char *hex, size_t hex_len)
{
	size_t got;
	const char *end;

	if (hex_len != 2 * len || sodium_hex2bin(to, len, hex, hex_len, NULL, &got, &end) ||
	    got != len || end != hex + hex_len)
		return -EINVAL;
	return 0;
}

int node_id_parse(struct node_id *id, const char *text)
{
	return hex_exact(id->b, NODE_ID_LEN, text, strlen(text));
}

static int identity_prepare(struct identity *id)
{
	memset(id, 0, sizeof(*id));
	if (sodium_init() < 0)
		return -EIO;
	id->secret = sodium_malloc(IDENTITY_SECRET);
	return id->secret ? 0 : -ENOMEM;
}

int identity_generate(struct identity *id, u32 work_bits)
{
	int ret = identity_prepare(id);

	if (ret)
		return ret;
	crypto_sign_keypair(id->public_key, id->secret);
	randombytes_buf(&id->nonce, sizeof(id->nonce));
	for (;; id->nonce++) {
		node_id_derive(&id->id, id->public_key, id->nonce);
		if (node_id_work(&id->id) >= work_bits)
			return 0;
	}
}

void identity_erase(struct identity *id)
{
	if (id->secret)
		sodium_free(id->secret);
	memset(id, 0, sizeof(*id));
}

/* ---- text files of lines "name value" ---- */

struct keyfile {
	char *text;			/* sodium_malloc */
	size_t len;
};

static void keyfile_close(struct keyfile *f)
{
	sodium_free(f->text);
}

/* The value of @name, up to its newline; NULL if there is none. */
static const char *keyfile_get(const struct keyfile *f, const char *name, size_t *len)
{
	size_t n = strlen(name);
	const char *at;

	for (at = f->text; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL)
		if (!strncmp(at, name, n) && at[n] == ' ') {
			*len = strcspn(at + n + 1, "\r\n");
			return at + n + 1;
		}
	return NULL;
}

static int keyfile_bytes(const struct keyfile *f, const char *name, u8 *to, size_t len)
{
	size_t n = 0;
	const char *hex = keyfile_get(f, name, &n);

	return hex && !hex_exact(to, len, hex, n) ? 0 : -EBADMSG;
}

/* Opens and checks the first line, "@kind 1". */
static int keyfile_open(struct keyfile *f, const char *path, const char *kind)
{
	const char *version;
	ssize_t n;

	f->text = sodium_malloc(KEYFILE_MAX + 1);
	if (!f->text)
		return -ENOMEM;
	n = statefile_read(path, f->text, KEYFILE_MAX, true);
	if (n < 0) {
		keyfile_close(f);
		return (int)n;
	}
	f->text[n] = 0;
	version = keyfile_get(f, kind, &f->len);
	if (version && f->len == 1 && *version == '1')
		return 0;
	n = version ? -EPROTONOSUPPORT : -EBADMSG;
	keyfile_close(f);
	return (int)n;
}

static void append_hex(char *text, const char *name, const u8 *data, size_t len)
{
	size_t at = strlen(text);

	at += snprintf(text + at, KEYFILE_MAX - at, "%s ", name);
	sodium_bin2hex(text + at, KEYFILE_MAX - at, data, len);
	strcat(text, "\n");
}

/* ---- identity files ---- */

int identity_save(const struct identity *id, const char *path)
{
	char *text = sodium_malloc(KEYFILE_MAX);
	u8 nonce[8];
	int ret;

	if (!text)
		return -ENOMEM;
	strcpy(text, "meshvpn-identity 1\n");
	append_hex(text, "seed", id->secret, crypto_sign_SEEDBYTES);
	mv_put_le64(nonce, id->nonce);
	append_hex(text, "nonce", nonce, sizeof(nonce));
	ret = statefile_write(path, text, strlen(text), 0600);
	sodium_free(text);
	return ret;
}

int identity_load(struct identity *id, const char *path)
{
	u8 nonce[8], seed[crypto_sign_SEEDBYTES];
	struct keyfile f;
	int ret = identity_prepare(id);

	if (!ret)
		ret = keyfile_open(&f, path, "meshvpn-identity");
	if (ret) {
		identity_erase(id);
		return ret;
	}
	ret = keyfile_bytes(&f, "seed", seed, sizeof(seed));
	if (!ret)
		ret = keyfile_bytes(&f, "nonce", nonce, sizeof(nonce));
	keyfile_close(&f);
	if (!ret) {
		crypto_sign_seed_keypair(id->public_key, id->secret, seed);
		id->nonce = mv_get_le64(nonce);
		node_id_derive(&id->id, id->public_key, id->nonce);
	} else {
		identity_erase(id);
	}
	sodium_memzero(seed, sizeof(seed));
	return ret;
}

static void sign_state(crypto_sign_state *st, const char *domain, const void *data, size_t len)
{
	crypto_sign_init(st);
	crypto_sign_update(st, (const u8 *)domain, strlen(domain));
	crypto_sign_update(st, data, len);
}

/* Ed25519ph (RFC 8032, 5.1): the prehash lets the domain stand in front without a copy. */
void identity_sign(const struct identity *id, const char *domain, const void *data, size_t len,
		   u8 signature[IDENTITY_SIGNATURE])
{
	crypto_sign_state st;

	sign_state(&st, domain, data, len);
	crypto_sign_final_create(&st, signature, NULL, id->secret);
}

bool identity_verify(const u8 public_key[IDENTITY_PUBLIC], const char *domain, const void *data, size_t len,
		     const u8 signature[IDENTITY_SIGNATURE])
{
	crypto_sign_state st;

	sign_state(&st, domain, data, len);
	return !crypto_sign_final_verify(&st, signature, public_key);
}

/* ---- onion keys ---- */

struct onion_keys *onion_keys_new(void)
{
	struct onion_keys *keys;

	if (sodium_init() < 0)
		return NULL;
	keys = sodium_malloc(sizeof(*keys));
	if (keys)
		memset(keys, 0, sizeof(*keys));
	return keys;
}

void onion_keys_free(struct onion_keys *keys)
{
	sodium_free(keys);
}

void onion_keys_expire(struct onion_keys *keys)
{
	sodium_memzero(&keys->previous, sizeof(keys->previous));
}

void onion_keys_rotate(struct onion_keys *keys, u64 now)
{
	keys->previous = keys->current;
	randombytes_buf(keys->current.secret, NOISE_KEY);
	crypto_scalarmult_base(keys->current.public, keys->current.secret);
	keys->created = now;
}

int onion_keys_save(const struct onion_keys *keys, const char *path)
{
	char *text = sodium_malloc(KEYFILE_MAX);
	int ret;

	if (!text)
		return -ENOMEM;
	snprintf(text, KEYFILE_MAX, "meshvpn-onion 1\ncreated %" PRIu64 "\n", (uint64_t)keys->created);
	append_hex(text, "current", keys->current.secret, NOISE_KEY);
	append_hex(text, "previous", keys->previous.secret, NOISE_KEY);
	ret = statefile_write(path, text, strlen(text), 0600);
	sodium_free(text);
	return ret;
}

static void keypair_complete(struct noise_keypair *pair)
{
	if (!sodium_is_zero(pair->secret, NOISE_KEY))
		crypto_scalarmult_base(pair->public, pair->secret);
}

int onion_keys_load(struct onion_keys *keys, const char *path)
{
	struct keyfile f;
	const char *created;
	size_t len = 0;
	int ret = keyfile_open(&f, path, "meshvpn-onion");

	if (ret)
		return ret;
	created = keyfile_get(&f, "created", &len);
	if (!created || keyfile_bytes(&f, "current", keys->current.secret, NOISE_KEY) ||
	    keyfile_bytes(&f, "previous", keys->previous.secret, NOISE_KEY) ||
	    sodium_is_zero(keys->current.secret, NOISE_KEY))
		ret = -EBADMSG;
	else
		keys->created = strtoull(created, NULL, 10);
	keyfile_close(&f);
	if (ret) {
		sodium_memzero(keys, sizeof(*keys));
		return ret;
	}
	keypair_complete(&keys->current);
	keypair_complete(&keys->previous);
	return 0;
}
