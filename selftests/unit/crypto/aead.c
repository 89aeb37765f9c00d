// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every implementation of the bulk AEAD against libsodium's combined one: random batches of mixed
 * kinds, lengths, placements and alignments, whole memory compared, so that a byte written beside
 * the output shows; forgeries; and reads beyond the input, with unmapped pages.
 */
#include "kselftest_harness.h"

#include "crypto/aead.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sodium.h>

#define MAX_BATCH 40
#define MAX_LEN 65536
#define GUARD 96

/* One job, with the memory it works in and what that must hold afterwards. */
struct cell {
	u8 key[AEAD_KEY_LEN];
	u8 *in, *out, *want;		/* in == out: in place */
	u8 *in_before;
	size_t size;
	u8 z[AEAD_Z_LEN], tag[AEAD_TAG_LEN], want_z[AEAD_Z_LEN], want_tag[AEAD_TAG_LEN];
	bool want_ok;
};

static struct cell cells[MAX_BATCH];
static struct aead_job jobs[MAX_BATCH];

static u32 below(u32 n)
{
	return randombytes_uniform(n);
}

static void iv_of(u8 iv[12], u64 nonce)
{
	memset(iv, 0, 4);
	mv_put_le64(iv + 4, nonce);
}

/* With the combined function, which aead_sodium.c does not use. */
static void oracle_seal(const struct aead_job *job, const u8 *text, u8 *out, u8 tag[16])
{
	u8 iv[12];

	iv_of(iv, job->nonce);
	crypto_aead_chacha20poly1305_ietf_encrypt_detached(out, tag, NULL, text, job->len, NULL, 0,
							   NULL, iv, job->key);
}

static void oracle_z(const struct aead_job *job, u8 z[AEAD_Z_LEN])
{
	u8 iv[12], block[64];

	iv_of(iv, job->nonce);
	crypto_stream_chacha20_ietf(block, sizeof(block), iv, job->key);
	memcpy(z, block + 32, AEAD_Z_LEN);
}

static void flip_bit(u8 *p, size_t len)
{
	p[below(len)] ^= 1 << below(8);
}

/* Memory: guard, 16 bytes for a tag, body, 16 bytes for Z, guard; bodies at any alignment. */
static void lay_out(struct cell *c, struct aead_job *job, u32 len, bool in_place)
{
	size_t shift = below(64), shift_out = below(64);

	c->size = GUARD + 64 + 16 + len + 16 + GUARD;
	c->in = malloc(c->size);
	c->in_before = malloc(c->size);
	c->want = malloc(c->size);
	c->out = in_place ? c->in : malloc(c->size);
	randombytes_buf(c->in, c->size);
	if (in_place)
		shift_out = shift;
	else
		randombytes_buf(c->out, c->size);
	job->src = c->in + GUARD + shift + 16;
	job->dst = c->out + GUARD + shift_out + 16;
}

/* Where the tag and Z are: beside the body or elsewhere. */
static void place(struct cell *c, struct aead_job *job)
{
	job->tag = c->tag;
	if (below(2))
		job->tag = job->kind == AEAD_SEAL ? job->dst - 16 : (u8 *)job->src - 16;
	job->z = below(3) ? below(2) ? job->dst + job->len : c->z : NULL;
}

/* Fill in the ciphertext and tag that an OPEN expects, or a forgery. */
static void make_input(struct cell *c, struct aead_job *job)
{
	u8 tag[16];

	oracle_seal(job, job->src, (u8 *)job->src, tag);
	memcpy(job->tag, tag, job->tag_len);
	c->want_ok = below(4) != 0;
	if (c->want_ok)
		return;
	if (job->len && below(2))
		flip_bit((u8 *)job->src, job->len);
	else
		flip_bit(job->tag, job->tag_len);
}

/* What the oracle writes, into a copy of the memory. */
static void make_want(struct cell *c, struct aead_job *job)
{
	u8 *body = c->want + (job->dst - c->out);
	u8 tag[16], z[AEAD_Z_LEN];

	memcpy(c->want, c->out, c->size);
	memcpy(c->in_before, c->in, c->size);
	memcpy(c->want_tag, c->tag, 16);
	memcpy(c->want_z, c->z, AEAD_Z_LEN);
	oracle_seal(job, job->src, body, tag);
	if (job->kind == AEAD_SEAL)
		memcpy(job->tag == c->tag ? c->want_tag : body - 16, tag, 16);
	oracle_z(job, z);
	if (job->z)
		memcpy(job->z == c->z ? c->want_z : body + job->len, z, AEAD_Z_LEN);
}

static void make_cell(struct cell *c, struct aead_job *job, u32 len)
{
	enum aead_kind kind = below(3);

	*job = (struct aead_job){ .kind = kind, .len = len, .tag_len = below(2) ? 16 : 12 };
	randombytes_buf(c->key, sizeof(c->key));
	randombytes_buf(c->tag, sizeof(c->tag));
	randombytes_buf(&job->nonce, sizeof(job->nonce));
	job->ok = below(2);
	job->key = c->key;
	lay_out(c, job, len, below(2));
	place(c, job);
	c->want_ok = true;
	if (kind == AEAD_OPEN)
		make_input(c, job);
	make_want(c, job);
}

/* NULL, or what is wrong. */
static const char *check_cell(const struct cell *c, const struct aead_job *job)
{
	size_t body = job->dst - c->out;

	if (job->ok != c->want_ok)
		return job->ok ? "forgery accepted" : "job refused";
	if (memcmp(c->tag, c->want_tag, 16) || memcmp(c->z, c->want_z, AEAD_Z_LEN))
		return "tag or Z";
	if (c->in != c->out && memcmp(c->in, c->in_before, c->size))
		return "input changed";
	if (memcmp(c->out, c->want, body))
		return "before the body";
	if (job->ok && memcmp(c->out + body, c->want + body, job->len))
		return "body";
	body += job->len;
	if (memcmp(c->out + body, c->want + body, c->size - body))
		return "after the body";
	return NULL;
}

static void free_cell(struct cell *c)
{
	if (c->out != c->in)
		free(c->out);
	free(c->in);
	free(c->in_before);
	free(c->want);
}

/* Run a batch of these lengths. Return: NULL or what is wrong. */
static const char *run_batch(const struct aead_impl *impl, const u32 *lens, unsigned int n)
{
	const char *wrong = NULL;
	unsigned int i;

	for (i = 0; i < n; i++)
		make_cell(&cells[i], &jobs[i], lens[i]);
	impl->run(jobs, n);
	for (i = 0; i < n; i++) {
		const char *w = check_cell(&cells[i], &jobs[i]);

		if (w && !wrong) {
			wrong = w;
			fprintf(stderr, "# %s: %s: job %u of %u, kind %d, %u bytes, tag of %u, %s\n",
				impl->name, w, i, n, jobs[i].kind, jobs[i].len, jobs[i].tag_len,
				cells[i].in == cells[i].out ? "in place" : "out of place");
		}
		free_cell(&cells[i]);
	}
	return wrong;
}

#define for_each_impl(impl)							\
	for (impl = aead_impls; sodium_init() >= 0 && impl->name; impl++)	\
		if (!impl->usable())						\
			fprintf(stderr, "# %s: not on this CPU, not tested\n", impl->name); \
		else

TEST(every_length)
{
	const struct aead_impl *impl;

	for_each_impl(impl) {
		u32 len = 0, lens[MAX_BATCH];

		while (len <= 4096) {
			unsigned int i, n = 1 + below(MAX_BATCH);

			for (i = 0; i < n; i++)
				lens[i] = len++;
			ASSERT_EQ(NULL, run_batch(impl, lens, n));
		}
	}
}

TEST(every_batch_size)
{
	static const u32 bodies[] = { 256, 1152, 1328, 0, 16, 1312, 64, 4096 };
	const struct aead_impl *impl;

	for_each_impl(impl) {
		u32 lens[MAX_BATCH];
		unsigned int i, n, round;

		for (n = 0; n <= MAX_BATCH; n++)
			for (round = 0; round < 6; round++) {
				for (i = 0; i < n; i++)
					lens[i] = round < 3 ? bodies[round] :
						  round < 5 ? bodies[below(8)] : below(4097);
				ASSERT_EQ(NULL, run_batch(impl, lens, n));
			}
	}
}

TEST(longest)
{
	static const u32 lens[] = { MAX_LEN, MAX_LEN - 1, 0, MAX_LEN - 63 };
	const struct aead_impl *impl;
	int round;

	for_each_impl(impl)
		for (round = 0; round < 10; round++)
			ASSERT_EQ(NULL, run_batch(impl, lens, 4));
}

/* A batch of one sealed text in which each job is forged in another bit. */
static void open_forged(const struct aead_impl *impl, struct __test_metadata *_metadata, u32 len,
			u8 tag_len, bool in_tag)
{
	static u8 text[40][1328], tags[40][16], out[40][1328], key[AEAD_KEY_LEN];
	u32 bits = 8 * (in_tag ? tag_len : len), bit = 0, step = in_tag ? 1 : 5;
	unsigned int i;

	randombytes_buf(key, sizeof(key));
	while (bit < bits) {
		for (i = 0; i < 40; i++, bit += step) {
			jobs[i] = (struct aead_job){ .kind = AEAD_OPEN, .tag_len = tag_len,
						     .len = len, .nonce = i, .key = key,
						     .src = text[i], .dst = out[i],
						     .tag = tags[i] };
			oracle_seal(&jobs[i], out[i], text[i], tags[i]);
			if (bit < bits)
				(in_tag ? tags[i] : text[i])[bit / 8] ^= 1 << bit % 8;
			else
				memset(tags[i] + tag_len, 0x55, 16 - tag_len);
		}
		impl->run(jobs, 40);
		for (i = 0; i < 40; i++)
			EXPECT_EQ(bit - (40 - i) * step >= bits, jobs[i].ok);
	}
}

TEST(forgeries)
{
	const struct aead_impl *impl;

	for_each_impl(impl) {
		open_forged(impl, _metadata, 1328, 16, true);
		open_forged(impl, _metadata, 1328, 12, true);
		open_forged(impl, _metadata, 1328, 12, false);
		open_forged(impl, _metadata, 1328, 16, false);
		open_forged(impl, _metadata, 100, 16, false);
		open_forged(impl, _metadata, 1, 16, false);
		open_forged(impl, _metadata, 0, 16, true);
		open_forged(impl, _metadata, 0, 12, true);
	}
}

/* A tag length that was forgotten must not accept everything. */
TEST(tag_len_of_zero)
{
	const struct aead_impl *impl;
	u8 key[AEAD_KEY_LEN] = { 1 }, tag[16] = { 0 }, text[64] = { 2 };

	for_each_impl(impl) {
		struct aead_job job = { .kind = AEAD_OPEN, .len = 64, .key = key, .src = text,
					.dst = text, .tag = tag };

		impl->run(&job, 1);
		ASSERT_FALSE(job.ok);
	}
}

/* Two pages with unmapped ones around. */
static u8 *guarded_pages(void)
{
	u8 *p = mmap(NULL, 4 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p + 4096, 2 * 4096, PROT_READ | PROT_WRITE))
		abort();
	return p + 4096;
}

TEST(nothing_beyond_the_buffers)
{
	static u8 key[64], want[8192];
	u8 *in = guarded_pages(), *out = guarded_pages(), *tag = guarded_pages() + 8192 - 12;
	u8 *z = guarded_pages(), *last_key = guarded_pages() + 8192 - AEAD_KEY_LEN;
	const struct aead_impl *impl;
	u32 len;
	int end;

	randombytes_buf(key, sizeof(key));
	memcpy(last_key, key, AEAD_KEY_LEN);
	for_each_impl(impl)
		for (len = 0; len <= 1400; len++)
			for (end = 0; end <= 1; end++) {
				size_t at = end ? 8192 - len : 0;
				struct aead_job job = {
					.kind = AEAD_OPEN, .tag_len = 12, .len = len, .nonce = len,
					.key = last_key, .src = in + at, .dst = out + at,
					.tag = tag, .z = z + 8192 - AEAD_Z_LEN,
				};
				u8 full[16];

				randombytes_buf(want, len);
				oracle_seal(&job, want, in + at, full);
				memcpy(tag, full, 12);
				impl->run(&job, 1);
				ASSERT_TRUE(job.ok);
				ASSERT_EQ(0, memcmp(out + at, want, len));
			}
}

/* Layer over layer in one buffer, each tag before the last: as an originator builds a cell. */
TEST(layers_in_place)
{
	enum { LAYERS = 5, LEN = 1328 - 16 * LAYERS };
	const struct aead_impl *impl;
	u8 keys[LAYERS][AEAD_KEY_LEN], text[LEN], buf[16 * LAYERS + LEN];
	int i;

	randombytes_buf(keys, sizeof(keys));
	randombytes_buf(text, sizeof(text));
	for_each_impl(impl) {
		struct aead_job job = { .nonce = 9, .tag_len = 16 };

		memcpy(buf + 16 * LAYERS, text, LEN);
		for (i = LAYERS - 1; i >= 0; i--) {
			job.kind = AEAD_SEAL;
			job.key = keys[i];
			job.src = job.dst = buf + 16 * (i + 1);
			job.len = sizeof(buf) - 16 * (i + 1);
			job.tag = job.dst - 16;
			impl->run(&job, 1);
		}
		for (i = 0; i < LAYERS; i++) {
			job.kind = AEAD_OPEN;
			job.key = keys[i];
			job.src = job.dst = buf + 16 * (i + 1);
			job.len = sizeof(buf) - 16 * (i + 1);
			job.tag = job.dst - 16;
			impl->run(&job, 1);
			ASSERT_TRUE(job.ok);
		}
		ASSERT_EQ(0, memcmp(buf + 16 * LAYERS, text, LEN));
	}
}

/* Is any of the 16-byte pieces of @secret in what earlier calls left below on the stack? */
static __attribute__((noinline)) bool left_on_stack(const u8 *secret, size_t len)
{
	u8 stack[16384];
	size_t i;

	__asm__ volatile("" : "=m"(stack));
	for (i = 0; i < len; i += 16)
		if (memmem(stack, sizeof(stack), secret + i, 16))
			return true;
	return false;
}

static __attribute__((noinline)) void leave_on_stack(const u8 *secret, size_t len)
{
	u8 stack[8192];

	memcpy(stack + 100, secret, len);
	__asm__ volatile("" : : "m"(stack));
}

TEST(keystream_erased)
{
	static u8 key[AEAD_KEY_LEN], zero[1328], out[1328], keystream[1328 + 64];
	const struct aead_impl *impl;
	struct aead_job job = { .kind = AEAD_OPEN, .len = 1328, .key = key, .src = zero,
				.dst = out, .tag = zero };
	u8 iv[12];

#ifdef __SANITIZE_ADDRESS__
	SKIP(return, "AddressSanitizer has a stack of its own");
#endif
	ASSERT_LE(0, sodium_init());
	randombytes_buf(key, sizeof(key));
	iv_of(iv, 0);
	crypto_stream_chacha20_ietf(keystream, sizeof(keystream), iv, key);
	leave_on_stack(keystream, sizeof(keystream));
	ASSERT_TRUE(left_on_stack(keystream, sizeof(keystream)));
	for_each_impl(impl) {
		leave_on_stack(zero, sizeof(zero));
		impl->run(&job, 1);
		ASSERT_FALSE(left_on_stack(keystream, sizeof(keystream))) TH_LOG("%s", impl->name);
		ASSERT_FALSE(left_on_stack(key, sizeof(key))) TH_LOG("%s: key", impl->name);
	}
}

TEST(keystream)
{
	u8 key[AEAD_KEY_LEN], iv[12], want[2048], got[256 + 2];
	int i;

	ASSERT_LE(0, sodium_init());
	for (i = 0; i < 3000; i++) {
		u32 from = below(1700), len = below(257);
		u64 nonce;

		randombytes_buf(key, sizeof(key));
		randombytes_buf(&nonce, sizeof(nonce));
		iv_of(iv, nonce);
		memset(want, 0, sizeof(want));
		crypto_stream_chacha20_ietf_xor_ic(want, want, sizeof(want), iv, 1, key);
		memset(got, 0xa5, sizeof(got));
		aead_keystream(key, nonce, from, got + 1, len);
		ASSERT_EQ(0, memcmp(got + 1, want + from, len));
		ASSERT_EQ(0xa5, got[0]);
		ASSERT_EQ(0xa5, got[1 + len]);
	}
}

TEST(selection)
{
	const struct aead_impl *impl;

	unsetenv("MESHVPN_AEAD");
	ASSERT_EQ(-ENOENT, aead_select("rot13"));
	ASSERT_EQ(0, aead_select(NULL));
	/* the table is fastest first */
	for (impl = aead_impls; !impl->usable(); impl++)
		;
	ASSERT_EQ(impl, aead_selected());
	ASSERT_EQ(0, aead_select("sodium"));
	ASSERT_STREQ("sodium", aead_selected()->name);
	for (impl = aead_impls; impl->name; impl++)
		ASSERT_EQ(impl->usable() ? 0 : -ENOTSUP, aead_select(impl->name));
	setenv("MESHVPN_AEAD", "sodium", 1);
	ASSERT_EQ(0, aead_select(NULL));
	ASSERT_STREQ("sodium", aead_selected()->name);
	setenv("MESHVPN_AEAD", "rot13", 1);
	ASSERT_EQ(-ENOENT, aead_select(NULL));
}

TEST_HARNESS_MAIN
