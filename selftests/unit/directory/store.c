// SPDX-License-Identifier: GPL-2.0-or-later
/* The folder of descriptors: loading, watching, bad files, limits, what messages bring along. */
#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <kselftest_harness.h>
#include <crypto/statefile.h>
#include <directory/store.h>

#define NOW 1800000000

static int make(struct descriptor *d, const char *nick, u64 published)
{
	struct identity id;
	int ret = identity_generate(&id, 0);

	*d = (struct descriptor){
		.peer = { .flags = PEER_RELAY, .suites = 2, .endpoint_count = 1 }, .published = published,
		.expires = published + 1000,
	};
	memset(d->peer.onion_key, 7, 32);
	endpoint_parse(&d->peer.endpoints[0], "192.0.2.1:4470");
	strcpy(d->nickname, nick);
	if (!ret)
		ret = descriptor_sign(d, &id);
	identity_erase(&id);
	return ret;
}

FIXTURE(folder) {
	char path[64];
	struct directory *dir;
	struct descriptor a, b;
};

FIXTURE_SETUP(folder)
{
	struct directory_conf conf = { .path = self->path, .max = 3, .learn_rate = 1, .learn_burst = 3 };

	strcpy(self->path, "/tmp/meshvpn-store-XXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->path));
	ASSERT_EQ(0, make(&self->a, "anna", NOW));
	ASSERT_EQ(0, make(&self->b, "bert", NOW));
	ASSERT_EQ(0, directory_open(&self->dir, &conf, NOW));
	ASSERT_LE(0, directory_fd(self->dir));
}

FIXTURE_TEARDOWN(folder)
{
	char cmd[128];

	directory_close(self->dir);
	snprintf(cmd, sizeof(cmd), "rm -r %s", self->path);
	ASSERT_EQ(0, system(cmd));
}

static void file_name(const char *dir, const struct descriptor *d, char path[256])
{
	char id[NODE_ID_TEXT];

	snprintf(path, 256, "%s/%s", dir, node_id_text(&d->peer.id, id));
}

static int write_file(const char *dir, const struct descriptor *name, const void *data, size_t len)
{
	char path[256];

	file_name(dir, name, path);
	return statefile_write(path, data, len, 0644);
}

static void see(struct directory *dir)
{
	struct pollfd p = { directory_fd(dir), POLLIN, 0 };

	while (poll(&p, 1, 200) > 0)
		directory_dispatch(dir, NOW);
}

TEST_F(folder, files_come_change_and_go)
{
	char path[256];

	ASSERT_EQ(0, write_file(self->path, &self->a, self->a.raw, self->a.len));
	see(self->dir);
	ASSERT_EQ(1, directory_count(self->dir));
	ASSERT_NE(NULL, directory_find(self->dir, &self->a.peer.id));
	EXPECT_STREQ("anna", directory_find(self->dir, &self->a.peer.id)->nickname);
	EXPECT_EQ(NULL, directory_find(self->dir, &self->b.peer.id));
	file_name(self->path, &self->a, path);
	ASSERT_EQ(0, unlink(path));
	see(self->dir);
	EXPECT_EQ(0, directory_count(self->dir));
}

TEST_F(folder, put_is_read_again_after_restart)
{
	struct directory_conf conf = { .path = self->path };

	ASSERT_EQ(0, directory_put(self->dir, &self->a, NOW));
	EXPECT_EQ(1, directory_count(self->dir));
	directory_close(self->dir);
	ASSERT_EQ(0, directory_open(&self->dir, &conf, NOW));
	EXPECT_NE(NULL, directory_find(self->dir, &self->a.peer.id));
	/* and not once it is too old */
	directory_expire(self->dir, NOW + 1000);
	EXPECT_EQ(0, directory_count(self->dir));
}

TEST_F(folder, bad_files_are_counted_and_harm_nothing)
{
	const struct directory_stats *s = directory_stats(self->dir);
	char path[256];
	u8 bad[DESCRIPTOR_MAX];

	snprintf(path, sizeof(path), "%s/README", self->path);
	ASSERT_EQ(0, statefile_write(path, "x", 1, 0644));
	memcpy(bad, self->a.raw, self->a.len);
	bad[self->a.len - 2] ^= 1;
	ASSERT_EQ(0, write_file(self->path, &self->a, bad, self->a.len));
	ASSERT_EQ(0, write_file(self->path, &self->b, self->b.raw, self->b.len));
	see(self->dir);
	EXPECT_EQ(1, directory_count(self->dir));
	EXPECT_EQ(1, s->bad_name);
	EXPECT_EQ(1, s->bad_signature);
	/* under another's name */
	ASSERT_EQ(0, write_file(self->path, &self->a, self->b.raw, self->b.len));
	see(self->dir);
	EXPECT_EQ(1, s->bad_form);
	EXPECT_EQ(NULL, directory_find(self->dir, &self->a.peer.id));
	memset(bad, 1, sizeof(bad));
	ASSERT_EQ(0, write_file(self->path, &self->a, bad, sizeof(bad)));
	see(self->dir);
	EXPECT_EQ(2, s->bad_form);
}

TEST_F(folder, expired_and_future)
{
	struct descriptor old, future;

	ASSERT_EQ(0, make(&old, "old", NOW - 1000));
	ASSERT_EQ(0, make(&future, "future", NOW + DESCRIPTOR_SKEW + 1));
	ASSERT_EQ(0, write_file(self->path, &old, old.raw, old.len));
	ASSERT_EQ(0, write_file(self->path, &future, future.raw, future.len));
	see(self->dir);
	EXPECT_EQ(0, directory_count(self->dir));
	EXPECT_EQ(1, directory_stats(self->dir)->expired);
	EXPECT_EQ(1, directory_stats(self->dir)->future);
	EXPECT_EQ(-ESTALE, directory_put(self->dir, &old, NOW));
}

TEST_F(folder, full_makes_room_for_files_only)
{
	struct descriptor d[4];
	int i, error;

	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, make(&d[i], "x", NOW));
	ASSERT_EQ(0, directory_put(self->dir, &d[0], NOW));
	ASSERT_NE(NULL, directory_learn(self->dir, d[1].raw, d[1].len, NOW, 0, &error));
	ASSERT_EQ(0, directory_put(self->dir, &d[2], NOW));
	/* full: a learned one is refused, a file displaces the learned one, the next file nothing */
	EXPECT_EQ(NULL, directory_learn(self->dir, d[3].raw, d[3].len, NOW, 0, &error));
	EXPECT_EQ(-EDQUOT, error);
	ASSERT_EQ(0, directory_put(self->dir, &d[3], NOW));
	EXPECT_EQ(NULL, directory_find(self->dir, &d[1].peer.id));
	EXPECT_EQ(-ENOSPC, directory_put(self->dir, &self->a, NOW));
}

TEST_F(folder, learning_has_a_budget)
{
	int error, i;

	for (i = 0; i < 3; i++)
		EXPECT_EQ(NULL, directory_learn(self->dir, "junk", 4, NOW, 0, &error));
	EXPECT_EQ(-EBADMSG, error);
	EXPECT_EQ(NULL, directory_learn(self->dir, self->a.raw, self->a.len, NOW, 0, &error));
	EXPECT_EQ(-EDQUOT, error);
	EXPECT_NE(NULL, directory_learn(self->dir, self->a.raw, self->a.len, NOW, 2000000000ULL, &error));
	EXPECT_EQ(1, directory_stats(self->dir)->learn_limited);
}

TEST_F(folder, older_does_not_replace_newer)
{
	struct descriptor newer = self->a;
	struct identity id;
	int error;

	ASSERT_EQ(0, identity_generate(&id, 0));
	newer.published = NOW + 10;
	newer.expires = NOW + 500;
	strcpy(newer.nickname, "newer");
	ASSERT_EQ(0, descriptor_sign(&newer, &id));
	ASSERT_EQ(0, descriptor_sign(&self->a, &id));
	ASSERT_EQ(0, directory_put(self->dir, &newer, NOW));
	ASSERT_NE(NULL, directory_learn(self->dir, self->a.raw, self->a.len, NOW, 0, &error));
	EXPECT_STREQ("newer", directory_find(self->dir, &id.id)->nickname);
	identity_erase(&id);
}

TEST_F(folder, find_by_name_and_prefix)
{
	char id[NODE_ID_TEXT];
	int error;

	ASSERT_EQ(0, directory_put(self->dir, &self->a, NOW));
	ASSERT_EQ(0, directory_put(self->dir, &self->b, NOW));
	EXPECT_NE(NULL, directory_find_text(self->dir, "anna", &error));
	EXPECT_EQ(NULL, directory_find_text(self->dir, "ann", &error));
	EXPECT_EQ(-ENOENT, error);
	EXPECT_EQ(NULL, directory_find_text(self->dir, "", &error));
	node_id_text(&self->b.peer.id, id);
	id[10] = 0;
	ASSERT_NE(NULL, directory_find_text(self->dir, id, &error));
	EXPECT_STREQ("bert", directory_find_text(self->dir, id, &error)->nickname);
	/* a stranger takes her name: that changes nothing, and he is found by his whole id only */
	ASSERT_EQ(0, make(&self->b, "anna", NOW));
	ASSERT_NE(NULL, directory_learn(self->dir, self->b.raw, self->b.len, NOW, 0, &error));
	ASSERT_NE(NULL, directory_find_text(self->dir, "anna", &error));
	EXPECT_TRUE(node_id_equal(&self->a.peer.id, &directory_find_text(self->dir, "anna", &error)->peer.id));
	node_id_text(&self->b.peer.id, id);
	EXPECT_NE(NULL, directory_find_text(self->dir, id, &error));
	id[10] = 0;
	EXPECT_EQ(NULL, directory_find_text(self->dir, id, &error));
	ASSERT_EQ(0, directory_put(self->dir, &self->b, NOW));
	EXPECT_EQ(NULL, directory_find_text(self->dir, "anna", &error));
	EXPECT_EQ(-ENOTUNIQ, error);
}

TEST_HARNESS_MAIN
