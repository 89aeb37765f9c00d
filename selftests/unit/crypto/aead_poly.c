// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The Poly1305 kernels by themselves, where r, s and the message can be chosen: RFC 8439 A.3,
 * extremes that make every carry overflow, and Wycheproof. A kernel computes Poly1305 of a padded
 * message and a last block; any message of whole blocks can be put that way, and any AEAD with
 * associated data too, so all of Wycheproof's 96-bit nonces apply here.
 *
 * The AEAD interface has no associated data and nonces of 64 bits. No Wycheproof test has both
 * empty associated data and 4 zero bytes before its nonce, so none goes through aead_run() whole;
 * those with the zero bytes check ChaCha20 of every implementation. The rest of that path is
 * compared with libsodium in aead.c.
 */
#include "kselftest_harness.h"

#include "crypto/aead_internal.h"

#include <stdlib.h>
#include <jansson.h>
#include <sodium.h>

#define MAX_TEXT 2048

typedef void (*poly_fn)(struct poly_job *jobs, unsigned int n, void *work);

static u8 work[AEAD_WORK_LEN] __attribute__((aligned(64)));

/* The kernels that this CPU has; ends with NULL. */
static const poly_fn *kernels(void)
{
	static poly_fn fns[3];
	int n = 0;

	if (sodium_init() < 0)
		abort();
#ifdef __x86_64__
	if (aead_ifma_usable())
		fns[n++] = aead_poly1305_ifma;
	else
		fprintf(stderr, "# no IFMA on this CPU, not tested\n");
	if (aead_avx2_usable())
		fns[n++] = aead_poly1305_avx2;
	else
		fprintf(stderr, "# no AVX2 on this CPU, not tested\n");
#endif
	fns[n] = NULL;
	return fns;
}

static void hex(u8 *out, size_t max, size_t *len, const char *text)
{
	if (sodium_hex2bin(out, max, text, strlen(text), " ", len, NULL))
		abort();
}

/* Poly1305 of a message of whole blocks. */
static void poly_whole(poly_fn fn, u8 tag[16], const u8 *msg, size_t len, const u8 key[32])
{
	struct poly_job job = { .key = key, .msg = msg, .len = len - 16 };

	memcpy(job.last, msg + len - 16, 16);
	fn(&job, 1, work);
	memcpy(tag, job.tag, 16);
}

/* RFC 8439, A.3: 1, 2, 7 to 11; the others are not whole blocks. {r s, message, tag} */
static const char *const rfc[][3] = {
	{ "0000000000000000000000000000000000000000000000000000000000000000",
	  "00000000000000000000000000000000", "00000000000000000000000000000000" },
	{ "0200000000000000000000000000000000000000000000000000000000000000",
	  "ffffffffffffffffffffffffffffffff", "03000000000000000000000000000000" },
	{ "02000000000000000000000000000000ffffffffffffffffffffffffffffffff",
	  "02000000000000000000000000000000", "03000000000000000000000000000000" },
	{ "0100000000000000000000000000000000000000000000000000000000000000",
	  "fffffffffffffffffffffffffffffffff0ffffffffffffffffffffffffffffff"
	  "11000000000000000000000000000000", "05000000000000000000000000000000" },
	{ "0100000000000000000000000000000000000000000000000000000000000000",
	  "fffffffffffffffffffffffffffffffffbfefefefefefefefefefefefefefefe"
	  "01010101010101010101010101010101", "00000000000000000000000000000000" },
	{ "0200000000000000000000000000000000000000000000000000000000000000",
	  "fdffffffffffffffffffffffffffffff", "faffffffffffffffffffffffffffffff" },
	{ "0100000000000000040000000000000000000000000000000000000000000000",
	  "e33594d7505e43b900000000000000003394d7505e4379cd0100000000000000"
	  "0000000000000000000000000000000001000000000000000000000000000000",
	  "14000000000000005500000000000000" },
	{ "0100000000000000040000000000000000000000000000000000000000000000",
	  "e33594d7505e43b900000000000000003394d7505e4379cd0100000000000000"
	  "00000000000000000000000000000000", "13000000000000000000000000000000" },
};

TEST(rfc8439_a3)
{
	const poly_fn *fn;
	u8 key[32], msg[64], want[16], got[16];
	size_t i, len;

	for (fn = kernels(); *fn; fn++)
		for (i = 0; i < sizeof(rfc) / sizeof(rfc[0]); i++) {
			hex(key, sizeof(key), NULL, rfc[i][0]);
			hex(msg, sizeof(msg), &len, rfc[i][1]);
			hex(want, sizeof(want), NULL, rfc[i][2]);
			poly_whole(*fn, got, msg, len, key);
			ASSERT_EQ(0, memcmp(got, want, 16)) TH_LOG("vector %zu", i);
		}
}

/* Bytes that make limbs full, empty or about to overflow. */
static void extreme(u8 *p, size_t len)
{
	static const u8 bytes[] = { 0xff, 0x00, 0xff, 0xfb, 0x01, 0xfe };
	size_t i, at;

	switch (randombytes_uniform(4)) {
	case 0:
		randombytes_buf(p, len);
		return;
	case 1:
		memset(p, bytes[randombytes_uniform(sizeof(bytes))], len);
		return;
	case 2:	/* random words of extremes */
		for (i = 0; i < len; i++)
			p[i] = i % 4 ? p[i - 1] : bytes[randombytes_uniform(sizeof(bytes))];
		return;
	default:	/* all ones or zeros but for a bit */
		memset(p, randombytes_uniform(2) ? 0xff : 0, len);
		at = len ? randombytes_uniform(len) : 0;
		if (len)
			p[at] ^= 1 << randombytes_uniform(8);
	}
}

static void oracle(u8 tag[16], const struct poly_job *job)
{
	u8 text[MAX_TEXT + 32] = { 0 };
	size_t padded = (job->len + 15) & ~15ul;

	memcpy(text, job->msg, job->len);
	memcpy(text + padded, job->last, 16);
	crypto_onetimeauth_poly1305(tag, text, padded + 16, job->key);
}

TEST(extremes)
{
	static u8 keys[AEAD_MAX_LANES][32], text[AEAD_MAX_LANES][MAX_TEXT];
	struct poly_job jobs[AEAD_MAX_LANES];
	const poly_fn *fn;
	u8 want[16];
	int round;
	u32 i;

	for (fn = kernels(); *fn; fn++)
		for (round = 0; round < 6000; round++) {
			u32 n = 1 + randombytes_uniform(AEAD_MAX_LANES);
			u32 max = randombytes_uniform(2) ? 300 : MAX_TEXT;

			for (i = 0; i < n; i++) {
				jobs[i] = (struct poly_job){ .key = keys[i], .msg = text[i],
							     .len = randombytes_uniform(max + 1) };
				extreme(keys[i], 16);
				extreme(keys[i] + 16, 16);
				extreme(text[i], jobs[i].len);
				extreme(jobs[i].last, 16);
			}
			(*fn)(jobs, n, work);
			for (i = 0; i < n; i++) {
				oracle(want, &jobs[i]);
				ASSERT_EQ(0, memcmp(jobs[i].tag, want, 16))
					TH_LOG("job %u of %u, %u bytes", i, n, jobs[i].len);
			}
		}
}

/* The largest accumulator: r of all ones, clamped, and blocks of all ones, at any length. */
TEST(all_ones)
{
	static u8 key[32], text[MAX_TEXT];
	const poly_fn *fn;
	u8 want[16];
	u32 len;

	memset(key, 0xff, sizeof(key));
	memset(text, 0xff, sizeof(text));
	for (fn = kernels(); *fn; fn++)
		for (len = 0; len <= MAX_TEXT; len++) {
			struct poly_job job = { .key = key, .msg = text, .len = len };

			memset(job.last, 0xff, 16);
			(*fn)(&job, 1, work);
			oracle(want, &job);
			ASSERT_EQ(0, memcmp(job.tag, want, 16)) TH_LOG("%u bytes", len);
		}
}

struct vector {
	u8 key[32], iv[32], aad[1024], msg[1024], ct[1024], tag[32];
	size_t iv_len, aad_len, msg_len, ct_len, tag_len;
	bool valid;
};

static void field(json_t *test, const char *name, u8 *out, size_t max, size_t *len)
{
	hex(out, max, len, json_string_value(json_object_get(test, name)));
}

static void parse(struct vector *v, json_t *test)
{
	field(test, "key", v->key, sizeof(v->key), NULL);
	field(test, "iv", v->iv, sizeof(v->iv), &v->iv_len);
	field(test, "aad", v->aad, sizeof(v->aad), &v->aad_len);
	field(test, "msg", v->msg, sizeof(v->msg), &v->msg_len);
	field(test, "ct", v->ct, sizeof(v->ct), &v->ct_len);
	field(test, "tag", v->tag, sizeof(v->tag), &v->tag_len);
	v->valid = !strcmp(json_string_value(json_object_get(test, "result")), "valid");
}

/* Does the tag match, as this kernel computes it? */
static bool tag_matches(poly_fn fn, const struct vector *v)
{
	u8 text[2048] = { 0 }, key[32];
	struct poly_job job = { .key = key, .msg = text };
	u32 aad = (v->aad_len + 15) & ~15u;

	crypto_stream_chacha20_ietf(key, sizeof(key), v->iv, v->key);
	memcpy(text, v->aad, v->aad_len);
	memcpy(text + aad, v->ct, v->ct_len);
	job.len = aad + v->ct_len;
	mv_put_le64(job.last, v->aad_len);
	mv_put_le64(job.last + 8, v->ct_len);
	fn(&job, 1, work);
	return v->tag_len == 16 && !memcmp(job.tag, v->tag, 16);
}

/* Does every implementation decrypt it? */
static bool body_matches(const struct vector *v)
{
	const struct aead_impl *impl;
	u8 out[1024];

	for (impl = aead_impls; impl->name; impl++) {
		struct aead_job job = { .kind = AEAD_XOR, .len = v->ct_len, .key = v->key,
					.nonce = mv_get_le64(v->iv + 4), .src = v->ct,
					.dst = out };

		if (!impl->usable())
			continue;
		impl->run(&job, 1);
		if (memcmp(out, v->msg, v->msg_len))
			return false;
	}
	return true;
}

static json_t *load(void)
{
	const char *dir = getenv("MESHVPN_VECTORS");
	char path[512];

	snprintf(path, sizeof(path), "%s/wycheproof-chacha20-poly1305.json",
		 dir ? dir : "selftests/wire/vectors.d");
	return json_load_file(path, 0, NULL);
}

TEST(wycheproof)
{
	json_t *root = load(), *group, *test;
	unsigned int tags = 0, valid = 0, bodies = 0, other = 0;
	size_t i, j;

	ASSERT_NE(NULL, root) TH_LOG("no vectors: run from the top, or set MESHVPN_VECTORS");
	json_array_foreach(json_object_get(root, "testGroups"), i, group)
		json_array_foreach(json_object_get(group, "tests"), j, test) {
			struct vector v;
			const poly_fn *fn;

			parse(&v, test);
			if (v.iv_len != 12) {
				other++;	/* no such nonce in this interface */
				continue;
			}
			for (fn = kernels(); *fn; fn++)
				ASSERT_EQ(v.valid, tag_matches(*fn, &v))
					TH_LOG("test %zu of group %zu", j, i);
			tags++;
			valid += v.valid;
			if (v.valid && sodium_is_zero(v.iv, 4)) {
				ASSERT_TRUE(body_matches(&v));
				bodies++;
			}
		}
	json_decref(root);
	fprintf(stderr, "# tags of %u tests (%u valid), ChaCha20 of %u; nonces of other lengths: %u\n",
		tags, valid, bodies, other);
	ASSERT_EQ(316, tags);
	ASSERT_EQ(9, other);
	ASSERT_LE(1, bodies);
}

TEST_HARNESS_MAIN
