// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table of bulk AEAD implementations and the choice among them. The choice is made once a
 * process; a thread that runs before it was made gets the fastest.
 */
#include "crypto/aead_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sodium.h>

/* Fastest first. */
const struct aead_impl aead_impls[] = {
#ifdef __x86_64__
	{ "avx512", aead_avx512_usable, 16, aead_avx512_run },
	{ "avx512-noifma", aead_avx512_noifma_usable, 16, aead_avx512_noifma_run },
	{ "avx2", aead_avx2_usable, 8, aead_avx2_run },
#endif
	{ "sodium", aead_sodium_usable, 1, aead_sodium_run },
	{ NULL },
};

static const struct aead_impl *selected;

static const struct aead_impl *find(const char *name)
{
	const struct aead_impl *impl;

	for (impl = aead_impls; impl->name; impl++)
		if (name ? !strcmp(impl->name, name) : impl->usable())
			return impl;
	return NULL;
}

int aead_select(const char *name)
{
	const struct aead_impl *impl;

	if (!name)
		name = getenv("MESHVPN_AEAD");
	impl = find(name && *name ? name : NULL);
	if (!impl)
		return -ENOENT;
	if (!impl->usable() || !aead_sodium_usable())
		return -ENOTSUP;
	__atomic_store_n(&selected, impl, __ATOMIC_RELEASE);
	return 0;
}

const struct aead_impl *aead_selected(void)
{
	const struct aead_impl *impl = __atomic_load_n(&selected, __ATOMIC_ACQUIRE);

	if (impl)
		return impl;
	impl = find(NULL);
	/* aead_keystream() needs libsodium whatever was found */
	if (!impl || !aead_sodium_usable())
		abort();
	__atomic_store_n(&selected, impl, __ATOMIC_RELEASE);
	return impl;
}

void aead_run(struct aead_job *jobs, unsigned int n)
{
	aead_selected()->run(jobs, n);
}

bool aead_tag_ok(const struct aead_job *job, const u8 tag[AEAD_TAG_LEN])
{
	u8 want[AEAD_TAG_LEN] = { 0 }, have[AEAD_TAG_LEN] = { 0 };
	size_t len = job->tag_len == 12 ? 12 : AEAD_TAG_LEN;

	memcpy(want, job->tag, len);
	memcpy(have, tag, len);
	return crypto_verify_16(want, have) == 0;
}

void aead_keystream(const u8 key[AEAD_KEY_LEN], u64 nonce, u32 from, u8 *out, u32 len)
{
	u32 skip = from % CHACHA_BLOCK;
	u8 buf[256 + CHACHA_BLOCK] = { 0 };
	u8 iv[12] = { 0 };

	if (len > 256)
		abort();
	mv_put_le64(iv + 4, nonce);
	crypto_stream_chacha20_ietf_xor_ic(buf, buf, skip + len, iv, 1 + from / CHACHA_BLOCK, key);
	memcpy(out, buf + skip, len);
	sodium_memzero(buf, sizeof(buf));
}
