// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Wycheproof's X25519 and ChaCha20-Poly1305 vectors against what handshakes and directory call,
 * and the latter also against the bulk AEAD where a case has its form of nonce.
 */
#include "vectors.h"

#include <string.h>
#include <sodium.h>

#include <crypto/aead.h>

#define MAX_TEXT 4096

static bool read_result(struct vectors *v, const json_t *t, bool *valid, bool *acceptable)
{
	const char *result = vectors_text(v, t, "result");

	*valid = !strcmp(result, "valid");
	*acceptable = !strcmp(result, "acceptable");
	if (!*valid && !*acceptable && strcmp(result, "invalid"))
		vectors_fail(v, "result", "%s", result);
	return v->ok;
}

static void check_x25519(struct vectors *v, const json_t *t)
{
	u8 public[32], private[32], shared[32], got[32] = { 0 };
	bool valid, acceptable, zero;
	int refused;

	if (!vectors_fields(v, "test", t, "tcId comment flags public private shared result") ||
	    !read_result(v, t, &valid, &acceptable) ||
	    !vectors_bytes(v, "public", json_object_get(t, "public"), public, 32) ||
	    !vectors_bytes(v, "private", json_object_get(t, "private"), private, 32) ||
	    !vectors_bytes(v, "shared", json_object_get(t, "shared"), shared, 32))
		return;
	zero = sodium_is_zero(shared, 32);
	refused = crypto_scalarmult(got, private, public);
	if (zero && !refused)
		vectors_fail(v, "shared", "a shared secret of zeros is not refused");
	else if (!zero && refused && (valid || acceptable))
		vectors_fail(v, "shared", "refused");
	else if (!zero && (valid || acceptable))
		vectors_same(v, "shared", got, shared, 32);
}

struct aead_case {
	u8 key[32], iv[64], aad[MAX_TEXT], msg[MAX_TEXT], ct[MAX_TEXT + 16], tag[16];
	int iv_len, aad_len, msg_len, ct_len, tag_len;
	bool valid;
};

static void check_bulk(struct vectors *v, const struct aead_case *c)
{
	u8 out[MAX_TEXT], tag[16];
	struct aead_job job = {
		.kind = AEAD_SEAL, .key = c->key, .nonce = mv_get_le64(c->iv + 4), .src = c->msg,
		.dst = out, .tag = tag, .len = c->msg_len,
	};
	const struct aead_impl *impl;

	for (impl = aead_impls; impl->name; impl++) {
		if (!impl->usable())
			continue;
		v->aead = impl->name;
		impl->run(&job, 1);
		vectors_same(v, "ct", out, c->ct, c->ct_len);
		if (!c->aad_len)
			vectors_same(v, "tag", tag, c->tag, 16);
		v->aead = NULL;
	}
}

static void check_aead(struct vectors *v, const json_t *t)
{
	static struct aead_case c;
	u8 out[MAX_TEXT];
	bool acceptable, opened;

	memset(&c, 0, sizeof(c));
	if (!vectors_fields(v, "test", t, "tcId comment flags key iv aad msg ct tag result") ||
	    !read_result(v, t, &c.valid, &acceptable) ||
	    !vectors_bytes(v, "key", json_object_get(t, "key"), c.key, 32))
		return;
	c.iv_len = vectors_hex(v, "iv", json_object_get(t, "iv"), c.iv, sizeof(c.iv));
	c.aad_len = vectors_hex(v, "aad", json_object_get(t, "aad"), c.aad, MAX_TEXT);
	c.msg_len = vectors_hex(v, "msg", json_object_get(t, "msg"), c.msg, MAX_TEXT);
	c.ct_len = vectors_hex(v, "ct", json_object_get(t, "ct"), c.ct, MAX_TEXT);
	c.tag_len = vectors_hex(v, "tag", json_object_get(t, "tag"), c.tag, 16);
	if (!v->ok)
		return;
	if (c.iv_len != 12 || c.tag_len != 16 || c.msg_len != c.ct_len) {
		if (c.valid)
			vectors_fail(v, "iv, tag, ct", "a valid case of another form");
		return;
	}
	opened = !crypto_aead_chacha20poly1305_ietf_decrypt_detached(out, NULL, c.ct, c.ct_len, c.tag,
								     c.aad, c.aad_len, c.iv, c.key);
	if (opened != c.valid)
		vectors_fail(v, "result", "%s, but the code %s it", c.valid ? "valid" : "invalid",
			     opened ? "opens" : "refuses");
	if (!c.valid || !opened)
		return;
	vectors_same(v, "msg", out, c.msg, c.msg_len);
	if (!mv_get_le32(c.iv))
		check_bulk(v, &c);
}

void vectors_wycheproof(struct vectors *v, const json_t *root)
{
	const char *algorithm = vectors_text(v, root, "algorithm");
	bool aead = !strcmp(algorithm, "CHACHA20-POLY1305"), x = !strcmp(algorithm, "XDH");
	u64 want = vectors_int(v, "numberOfTests", json_object_get(root, "numberOfTests"), 1 << 20), n = 0;
	const json_t *groups = vectors_array(v, root, "testGroups", 0);
	size_t i, k;

	if (!aead && !x)
		vectors_fail(v, "algorithm", "%s is none that is used here", algorithm);
	if (!v->ok) {
		vectors_end(v);
		return;
	}
	for (i = 0; i < json_array_size(groups); i++) {
		const json_t *group = json_array_get(groups, i), *tests;

		vectors_begin(v, "%s group %zu", algorithm, i);
		if (x && strcmp(vectors_text(v, group, "curve"), "curve25519"))
			vectors_fail(v, "curve", "another curve");
		tests = vectors_array(v, group, "tests", 0);
		if (!v->ok)
			vectors_end(v);
		for (k = 0; k < json_array_size(tests); k++, n++) {
			const json_t *t = json_array_get(tests, k);

			vectors_begin(v, "%s tcId %lld", algorithm,
				      (long long)json_integer_value(json_object_get(t, "tcId")));
			if (x)
				check_x25519(v, t);
			else
				check_aead(v, t);
			vectors_end(v);
		}
	}
	vectors_begin(v, "%s: number of tests", algorithm);
	if (n != want)
		vectors_fail(v, "numberOfTests", "%llu tests, %llu announced", (unsigned long long)n,
			     (unsigned long long)want);
	vectors_end(v);
}
