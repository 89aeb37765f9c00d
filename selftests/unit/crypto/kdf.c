// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * HKDF-SHA256 against RFC 5869, appendix A, and its limits. The labels are in the test vectors.
 */
#include <kselftest_harness.h>

#include <errno.h>
#include <stdlib.h>
#include <sodium.h>

#include <crypto/kdf.h>

struct rfc {
	const char *ikm, *salt, *info, *prk, *okm;
};

static const struct rfc cases[] = {
	{
		"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c",
		"f0f1f2f3f4f5f6f7f8f9",
		"077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
		"3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
	},
	{
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
		"606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
		"b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
		"06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
		"b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
	},
	{
		"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
		"19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
		"8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
	},
};

static size_t hex(const char *text, u8 *out)
{
	size_t len = 0;

	sodium_hex2bin(out, 256, text, strlen(text), NULL, &len, NULL);
	return len;
}

TEST(rfc5869)
{
	u8 ikm[256], salt[256], info[256], want[256], prk[32], okm[256];
	size_t i, ikm_len, salt_len, info_len, len;

	for (i = 0; i < 3; i++) {
		ikm_len = hex(cases[i].ikm, ikm);
		salt_len = hex(cases[i].salt, salt);
		info_len = hex(cases[i].info, info);
		kdf_extract(salt_len ? salt : NULL, salt_len, ikm, ikm_len, prk);
		ASSERT_EQ(32, hex(cases[i].prk, want));
		EXPECT_EQ(0, memcmp(prk, want, 32));
		len = hex(cases[i].okm, want);
		ASSERT_EQ(0, kdf_expand(prk, info, info_len, okm, len));
		EXPECT_EQ(0, memcmp(okm, want, len));
	}
}

TEST(limits)
{
	static u8 out[KDF_EXPAND_MAX + 1], info[256], zero[KDF_EXPAND_MAX + 1];
	u8 prk[32] = { 1 }, key[32];
	char label[KDF_LABEL_MAX + 2];

	EXPECT_EQ(0, kdf_expand(prk, info, 255, out, KDF_EXPAND_MAX));
	EXPECT_NE(0, memcmp(out, zero, sizeof(out)));
	EXPECT_EQ(-EINVAL, kdf_expand(prk, info, 0, out, KDF_EXPAND_MAX + 1));
	EXPECT_EQ(0, memcmp(out, zero, sizeof(out)));
	EXPECT_EQ(-EINVAL, kdf_expand(prk, info, 256, out, 32));
	memset(label, 'a', sizeof(label));
	label[KDF_LABEL_MAX + 1] = 0;
	EXPECT_EQ(-EINVAL, kdf_label(prk, label, key, 32));
	label[KDF_LABEL_MAX] = 0;
	EXPECT_EQ(0, kdf_label(prk, label, key, 32));
}

/* Every key differs from every other. */
TEST(keys_are_distinct)
{
	u8 hash[32] = { 1 }, split[64] = { 2 };
	struct hop_keys hop;
	struct link_keys link;
	u8 *keys[10];
	int i, j;

	kdf_hop_keys(hash, split, &hop);
	kdf_link_keys(hash, split, &link);
	for (i = 0; i < 6; i++)
		keys[i] = (u8 *)&hop + 32 * i;
	keys[6] = link.i.tag;
	keys[7] = link.i.control;
	keys[8] = link.r.tag;
	keys[9] = link.r.control;
	for (i = 0; i < 10; i++)
		for (j = 0; j < i; j++)
			EXPECT_NE(0, memcmp(keys[i], keys[j], 32));
}

TEST_HARNESS_MAIN
