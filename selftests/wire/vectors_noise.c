// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * noise.json: public Noise vectors (cacophony, snow) against crypto/noise.c, both sides: every
 * message written and read, the handshake hash, and transport messages under the split keys with
 * the bulk AEAD, whose nonces have Noise's form.
 */
#include "vectors.h"

#include <string.h>
#include <sodium.h>

#include <crypto/aead.h>
#include <crypto/noise.h>

#define MAX_TEXT 4096

static const struct {
	const char *name;
	enum noise_pattern pattern;
} protocols[] = {
	{ "Noise_NK_25519_ChaChaPoly_SHA256", NOISE_NK },
	{ "Noise_IK_25519_ChaChaPoly_SHA256", NOISE_IK },
	{ "Noise_IKpsk2_25519_ChaChaPoly_SHA256", NOISE_IKPSK2 },
};

struct side {
	struct noise n;
	struct noise_keypair s;
	u8 prologue[256], ephemeral[32], psk[32];
	int prologue_len;
	bool has_psk;
};

static void read_psk(struct vectors *v, const json_t *c, const char *field, struct side *side)
{
	const json_t *psks = json_object_get(c, field);

	if (!json_array_size(psks))
		return;
	side->has_psk = json_array_size(psks) == 1 &&
			vectors_bytes(v, field, json_array_get(psks, 0), side->psk, 32);
	if (!side->has_psk)
		vectors_fail(v, field, "not one key");
}

static void read_side(struct vectors *v, const json_t *c, bool initiator, bool has_static,
		      struct side *side)
{
	static const char *const names[2][4] = {
		{ "resp_prologue", "resp_ephemeral", "resp_static", "resp_psks" },
		{ "init_prologue", "init_ephemeral", "init_static", "init_psks" },
	};
	const char *const *name = names[initiator];

	memset(side, 0, sizeof(*side));
	side->prologue_len = vectors_hex(v, name[0], json_object_get(c, name[0]), side->prologue,
					 sizeof(side->prologue));
	vectors_bytes(v, name[1], json_object_get(c, name[1]), side->ephemeral, 32);
	read_psk(v, c, name[3], side);
	if (has_static)
		vectors_bytes(v, name[2], json_object_get(c, name[2]), side->s.secret, 32);
	else if (json_object_get(c, name[2]))
		vectors_fail(v, name[2], "the pattern has none");
	crypto_scalarmult_base(side->s.public, side->s.secret);
}

struct message {
	u8 payload[MAX_TEXT], cipher[MAX_TEXT];
	int payload_len, cipher_len;
};

static bool read_message(struct vectors *v, const json_t *m, struct message *out)
{
	if (!vectors_fields(v, "message", m, "payload ciphertext"))
		return false;
	out->payload_len = vectors_hex(v, "payload", json_object_get(m, "payload"), out->payload, MAX_TEXT);
	out->cipher_len = vectors_hex(v, "ciphertext", json_object_get(m, "ciphertext"), out->cipher,
				      MAX_TEXT);
	return v->ok;
}

static void check_handshake(struct vectors *v, struct side *from, struct side *to, const struct message *m)
{
	u8 out[MAX_TEXT + 128];
	int n = noise_write(&from->n, m->payload, m->payload_len, out, sizeof(out));

	if (n != m->cipher_len)
		vectors_fail(v, "ciphertext", "written with %d bytes, should be %d", n, m->cipher_len);
	else
		vectors_same(v, "ciphertext", out, m->cipher, n);
	n = noise_read(&to->n, m->cipher, m->cipher_len, out, sizeof(out));
	if (n != m->payload_len)
		vectors_fail(v, "payload", "read with %d bytes, should be %d", n, m->payload_len);
	else
		vectors_same(v, "payload", out, m->payload, n);
}

static void check_transport(struct vectors *v, const u8 *key, u64 nonce, const struct message *m)
{
	u8 out[MAX_TEXT + AEAD_TAG_LEN];
	struct aead_job job = {
		.kind = AEAD_SEAL, .key = key, .nonce = nonce, .src = m->payload, .dst = out,
		.tag = out + m->payload_len, .len = m->payload_len,
	};

	aead_run(&job, 1);
	if (m->cipher_len != m->payload_len + AEAD_TAG_LEN)
		vectors_fail(v, "ciphertext", "%d bytes for a payload of %d", m->cipher_len, m->payload_len);
	else
		vectors_same(v, "ciphertext (transport)", out, m->cipher, m->cipher_len);
}

static void check_split(struct vectors *v, const json_t *c, const struct side *i, const struct side *r,
			u8 split[64])
{
	u8 split_r[64], hash_i[32], hash_r[32], want[32];

	noise_split(&i->n, split, hash_i);
	noise_split(&r->n, split_r, hash_r);
	vectors_same(v, "split", split_r, split, 64);
	vectors_same(v, "handshake_hash (both sides)", hash_r, hash_i, 32);
	if (json_object_get(c, "handshake_hash") &&
	    vectors_bytes(v, "handshake_hash", json_object_get(c, "handshake_hash"), want, 32))
		vectors_same(v, "handshake_hash", hash_i, want, 32);
}

static void check_case(struct vectors *v, const json_t *c, enum noise_pattern pattern)
{
	const json_t *messages = vectors_array(v, c, "messages", 0);
	static struct side i, r;
	static struct message m;
	u8 rs[32], split[64];
	size_t k;

	if (!vectors_fields(v, "vector", c,
			    "protocol_name init_prologue init_psks? init_static? init_ephemeral "
			    "init_remote_static resp_prologue resp_psks? resp_static resp_ephemeral "
			    "handshake_hash? messages source?"))
		return;
	read_side(v, c, true, pattern != NOISE_NK, &i);
	read_side(v, c, false, true, &r);
	vectors_bytes(v, "init_remote_static", json_object_get(c, "init_remote_static"), rs, 32);
	if ((pattern == NOISE_IKPSK2) != i.has_psk || i.has_psk != r.has_psk)
		vectors_fail(v, "psks", "not what the pattern needs");
	if (json_array_size(messages) < 2)
		vectors_fail(v, "messages", "fewer than the handshake's two");
	if (!v->ok)
		return;
	vectors_same(v, "init_remote_static", rs, r.s.public, 32);
	noise_init(&i.n, pattern, true, i.prologue, i.prologue_len, i.ephemeral,
		   pattern == NOISE_NK ? NULL : &i.s, rs, i.has_psk ? i.psk : NULL);
	noise_init(&r.n, pattern, false, r.prologue, r.prologue_len, r.ephemeral, &r.s, NULL,
		   r.has_psk ? r.psk : NULL);
	for (k = 0; k < json_array_size(messages) && v->ok; k++) {
		bool out = k % 2 == 0;

		if (!read_message(v, json_array_get(messages, k), &m))
			return;
		if (k >= 2)
			check_transport(v, split + (out ? 0 : 32), (k - 2) / 2, &m);
		else
			check_handshake(v, out ? &i : &r, out ? &r : &i, &m);
		if (k == 1 && v->ok)
			check_split(v, c, &i, &r, split);
		if (!k && pattern != NOISE_NK && v->ok)
			vectors_same(v, "init_static (as the responder learns it)",
				     noise_remote_static(&r.n), i.s.public, 32);
	}
	noise_erase(&i.n);
	noise_erase(&r.n);
}

void vectors_noise(struct vectors *v, const json_t *root)
{
	const json_t *all;
	size_t i, p;

	vectors_fields(v, "noise file", root, "comment? vectors");
	all = vectors_array(v, root, "vectors", 0);
	if (!v->ok)
		vectors_end(v);
	for (i = 0; i < json_array_size(all); i++) {
		const json_t *c = json_array_get(all, i);
		const char *name;

		vectors_begin(v, "noise vector %zu", i);
		name = vectors_text(v, c, "protocol_name");
		for (p = 0; p < 3 && strcmp(protocols[p].name, name); p++)
			;
		if (p == 3)
			vectors_fail(v, "protocol_name", "\"%s\" is none that is used here", name);
		else
			check_case(v, c, protocols[p].pattern);
		vectors_end(v);
	}
}
