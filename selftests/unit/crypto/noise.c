// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Noise handshakes beyond the public vectors (selftests/wire): what must fail does, in any place
 * of any message, and buffers may be shared.
 */
#include <kselftest_harness.h>

#include <errno.h>
#include <sodium.h>

#include <crypto/noise.h>

static const u8 prologue[] = "unit test";

static struct noise_keypair pair(u8 seed)
{
	struct noise_keypair k;

	memset(k.secret, seed, sizeof(k.secret));
	crypto_scalarmult_base(k.public, k.secret);
	return k;
}

FIXTURE(handshake) {
	struct noise_keypair si, sr;
	struct noise i, r;
	u8 psk[32], ei[32], er[32], m1[256], m2[256];
	enum noise_pattern pattern;
};

FIXTURE_VARIANT(handshake) {
	enum noise_pattern pattern;
};
FIXTURE_VARIANT_ADD(handshake, nk) { .pattern = NOISE_NK };
FIXTURE_VARIANT_ADD(handshake, ikpsk2) { .pattern = NOISE_IKPSK2 };
FIXTURE_VARIANT_ADD(handshake, ik) { .pattern = NOISE_IK };

static void begin(FIXTURE_DATA(handshake) *self, const u8 *psk_i)
{
	noise_init(&self->i, self->pattern, true, prologue, sizeof(prologue), self->ei,
		   self->pattern == NOISE_NK ? NULL : &self->si, self->sr.public, psk_i);
	noise_init(&self->r, self->pattern, false, prologue, sizeof(prologue), self->er, &self->sr, NULL, self->psk);
}

FIXTURE_SETUP(handshake)
{
	self->pattern = variant->pattern;
	self->si = pair(1);
	self->sr = pair(2);
	memset(self->psk, 3, 32);
	memset(self->ei, 4, 32);
	memset(self->er, 5, 32);
	begin(self, self->psk);
}

FIXTURE_TEARDOWN(handshake)
{
	noise_erase(&self->i);
	noise_erase(&self->r);
}

TEST_F(handshake, both_agree)
{
	u8 a[64], b[64], ha[32], hb[32], out[256];
	int len = noise_write(&self->i, "first", 5, self->m1, sizeof(self->m1));

	ASSERT_EQ(len, 5 + (self->pattern == NOISE_NK ? NOISE_NK_OVERHEAD : NOISE_IK_OVERHEAD1));
	ASSERT_EQ(5, noise_read(&self->r, self->m1, len, out, sizeof(out)));
	ASSERT_EQ(0, memcmp(out, "first", 5));
	if (self->pattern != NOISE_NK)
		ASSERT_EQ(0, memcmp(noise_remote_static(&self->r), self->si.public, 32));
	len = noise_write(&self->r, "second", 6, self->m2, sizeof(self->m2));
	ASSERT_EQ(6 + NOISE_NK_OVERHEAD, len);
	/* in place */
	ASSERT_EQ(6, noise_read(&self->i, self->m2, len, self->m2, sizeof(self->m2)));
	ASSERT_EQ(0, memcmp(self->m2, "second", 6));
	noise_split(&self->i, a, ha);
	noise_split(&self->r, b, hb);
	EXPECT_EQ(0, memcmp(a, b, 64));
	EXPECT_EQ(0, memcmp(ha, hb, 32));
	/* and no third message */
	EXPECT_EQ(-EINVAL, noise_write(&self->i, "", 0, out, sizeof(out)));
}

TEST_F(handshake, every_changed_byte_fails)
{
	int len1 = noise_write(&self->i, "x", 1, self->m1, sizeof(self->m1)), len2, at;
	struct noise r = self->r, i;
	u8 out[256];

	for (at = 0; at < len1; at++) {
		/* X25519 ignores the top bit of a public key, the hash does not */
		self->m1[at] ^= 0x80;
		self->r = r;
		EXPECT_EQ(-EBADMSG, noise_read(&self->r, self->m1, len1, out, sizeof(out)));
		self->m1[at] ^= 0x80;
	}
	self->r = r;
	ASSERT_EQ(1, noise_read(&self->r, self->m1, len1, out, sizeof(out)));
	len2 = noise_write(&self->r, "y", 1, self->m2, sizeof(self->m2));
	i = self->i;
	for (at = 0; at < len2; at++) {
		self->m2[at] ^= 0x80;
		self->i = i;
		EXPECT_EQ(-EBADMSG, noise_read(&self->i, self->m2, len2, out, sizeof(out)));
		self->m2[at] ^= 0x80;
	}
	self->i = i;
	EXPECT_EQ(1, noise_read(&self->i, self->m2, len2, out, sizeof(out)));
}

TEST_F(handshake, small_order_points)
{
	u8 out[256] = { 0 };
	struct noise_keypair zero = { { 1 }, { 0 } };

	EXPECT_EQ(-EINVAL, noise_read(&self->r, out, 200, self->m1, sizeof(self->m1)));
	self->sr = zero;
	begin(self, self->psk);
	EXPECT_EQ(-EINVAL, noise_write(&self->i, "", 0, out, sizeof(out)));
	EXPECT_EQ(-EINVAL, noise_write(&self->i, "", 0, out, sizeof(out)));
}

TEST_F(handshake, lengths_and_turns)
{
	u8 out[256];
	int over = self->pattern == NOISE_NK ? NOISE_NK_OVERHEAD : NOISE_IK_OVERHEAD1;

	EXPECT_EQ(-EINVAL, noise_write(&self->r, "", 0, out, sizeof(out)));
	EXPECT_EQ(-EINVAL, noise_read(&self->i, out, 100, out, sizeof(out)));
	EXPECT_EQ(-EINVAL, noise_write(&self->i, "ab", 2, out, over + 1));
	EXPECT_EQ(-EBADMSG, noise_read(&self->r, out, over - 1, out, sizeof(out)));
	ASSERT_EQ(over + 2, noise_write(&self->i, "ab", 2, out, over + 2));
	EXPECT_EQ(-EINVAL, noise_read(&self->r, out, over + 2, self->m1, 1));
	EXPECT_EQ(2, noise_read(&self->r, out, over + 2, self->m1, 2));
}

TEST_F(handshake, psk_and_prologue_count)
{
	u8 zero[32] = { 0 }, out[256];
	int len;

	begin(self, zero);
	len = noise_write(&self->i, "", 0, self->m1, sizeof(self->m1));
	ASSERT_EQ(0, noise_read(&self->r, self->m1, len, out, sizeof(out)));
	len = noise_write(&self->r, "", 0, self->m2, sizeof(self->m2));
	EXPECT_EQ(self->pattern == NOISE_IKPSK2 ? -EBADMSG : 0,
		  noise_read(&self->i, self->m2, len, out, sizeof(out)));
	begin(self, self->psk);
	noise_init(&self->r, self->pattern, false, "other", 5, self->er, &self->sr, NULL, self->psk);
	len = noise_write(&self->i, "", 0, self->m1, sizeof(self->m1));
	EXPECT_EQ(-EBADMSG, noise_read(&self->r, self->m1, len, out, sizeof(out)));
}

TEST_HARNESS_MAIN
