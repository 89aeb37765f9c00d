// SPDX-License-Identifier: GPL-2.0-or-later
/* Identities, onion keys and their files: round trips, permissions, versions, damage. */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <kselftest_harness.h>
#include <crypto/identity.h>
#include <crypto/statefile.h>

FIXTURE(files) {
	char dir[64], path[96];
};

FIXTURE_SETUP(files)
{
	strcpy(self->dir, "/tmp/meshvpn-identity-XXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->dir));
	snprintf(self->path, sizeof(self->path), "%s/key", self->dir);
}

FIXTURE_TEARDOWN(files)
{
	unlink(self->path);
	/* fails if something, a temporary file perhaps, is left behind */
	ASSERT_EQ(0, rmdir(self->dir));
}

TEST_F(files, identity_survives_its_file)
{
	struct identity a, b;
	struct stat st;

	ASSERT_EQ(0, identity_generate(&a, 6));
	EXPECT_LE(6, node_id_work(&a.id));
	ASSERT_EQ(0, identity_save(&a, self->path));
	ASSERT_EQ(0, stat(self->path, &st));
	EXPECT_EQ(0600, st.st_mode & 0777);
	ASSERT_EQ(0, identity_load(&b, self->path));
	EXPECT_TRUE(node_id_equal(&a.id, &b.id));
	EXPECT_EQ(a.nonce, b.nonce);
	EXPECT_EQ(0, memcmp(a.secret, b.secret, IDENTITY_SECRET));
	EXPECT_EQ(0, memcmp(a.public_key, b.public_key, IDENTITY_PUBLIC));
	identity_erase(&a);
	identity_erase(&b);
	EXPECT_EQ(NULL, a.secret);
}

TEST_F(files, readable_by_others_is_refused)
{
	struct identity a, b;

	ASSERT_EQ(0, identity_generate(&a, 0));
	ASSERT_EQ(0, identity_save(&a, self->path));
	ASSERT_EQ(0, chmod(self->path, 0640));
	EXPECT_EQ(-EACCES, identity_load(&b, self->path));
	EXPECT_EQ(-ENOENT, identity_load(&b, "/nonexistent/key"));
	identity_erase(&a);
}

static int load_text(const char *path, const char *text)
{
	struct identity id;
	int ret = statefile_write(path, text, strlen(text), 0600);

	if (!ret)
		ret = identity_load(&id, path);
	if (!ret)
		identity_erase(&id);
	return ret;
}

#define SEED "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

TEST_F(files, damaged_and_later_files)
{
	EXPECT_EQ(0, load_text(self->path, "meshvpn-identity 1\nseed " SEED "\nnonce 0100000000000000\n"));
	EXPECT_EQ(-EPROTONOSUPPORT, load_text(self->path, "meshvpn-identity 2\nseed " SEED "\nnonce 0100000000000000\n"));
	EXPECT_EQ(-EBADMSG, load_text(self->path, "meshvpn-identity 1\nseed " SEED "00\nnonce 0100000000000000\n"));
	EXPECT_EQ(-EBADMSG, load_text(self->path, "meshvpn-identity 1\nseed " SEED "\n"));
	EXPECT_EQ(-EBADMSG, load_text(self->path, "meshvpn-identity 1\nseed zz\nnonce 0100000000000000\n"));
	EXPECT_EQ(-EBADMSG, load_text(self->path, "meshvpn-onion 1\n"));
	EXPECT_EQ(-EBADMSG, load_text(self->path, ""));
}

TEST_F(files, onion_keys_rotate_and_survive)
{
	struct onion_keys *a = onion_keys_new(), *b = onion_keys_new();
	struct noise_keypair first;

	ASSERT_TRUE(a && b);
	onion_keys_rotate(a, 1000);
	EXPECT_TRUE(sodium_is_zero((u8 *)&a->previous, sizeof(a->previous)));
	first = a->current;
	onion_keys_rotate(a, 2000);
	EXPECT_EQ(0, memcmp(&first, &a->previous, sizeof(first)));
	EXPECT_NE(0, memcmp(&first, &a->current, sizeof(first)));
	ASSERT_EQ(0, onion_keys_save(a, self->path));
	ASSERT_EQ(0, onion_keys_load(b, self->path));
	EXPECT_EQ(2000, b->created);
	EXPECT_EQ(0, memcmp(&a->current, &b->current, sizeof(a->current)));
	EXPECT_EQ(0, memcmp(&a->previous, &b->previous, sizeof(a->previous)));
	onion_keys_expire(b);
	EXPECT_TRUE(sodium_is_zero((u8 *)&b->previous, sizeof(b->previous)));
	onion_keys_free(a);
	onion_keys_free(b);
}

TEST(work_counts_leading_zero_bits)
{
	struct node_id id = { { 0 } };

	EXPECT_EQ(256, node_id_work(&id));
	id.b[31] = 1;
	EXPECT_EQ(255, node_id_work(&id));
	id.b[1] = 0x10;
	EXPECT_EQ(11, node_id_work(&id));
	id.b[0] = 0x80;
	EXPECT_EQ(0, node_id_work(&id));
}

TEST(id_text)
{
	char text[NODE_ID_TEXT];
	struct node_id a, b;

	randombytes_buf(&a, sizeof(a));
	ASSERT_EQ(0, node_id_parse(&b, node_id_text(&a, text)));
	EXPECT_TRUE(node_id_equal(&a, &b));
	text[63] = 0;
	EXPECT_EQ(-EINVAL, node_id_parse(&b, text));
	EXPECT_EQ(-EINVAL, node_id_parse(&b, ""));
	memset(text, 'g', 64);
	text[64] = 0;
	EXPECT_EQ(-EINVAL, node_id_parse(&b, text));
}

TEST(signature_binds_domain_and_data)
{
	struct identity id;
	u8 sig[IDENTITY_SIGNATURE];

	ASSERT_EQ(0, identity_generate(&id, 0));
	identity_sign(&id, "one", "data", 4, sig);
	EXPECT_TRUE(identity_verify(id.public_key, "one", "data", 4, sig));
	EXPECT_FALSE(identity_verify(id.public_key, "two", "data", 4, sig));
	EXPECT_FALSE(identity_verify(id.public_key, "one", "date", 4, sig));
	sig[10] ^= 1;
	EXPECT_FALSE(identity_verify(id.public_key, "one", "data", 4, sig));
	identity_erase(&id);
}

TEST_HARNESS_MAIN
