// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Path selection over many random directories: what comes out always keeps the rules, and comes
 * out whenever there is one; guards stay, are spread, and are left when they fail.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <kselftest_harness.h>
#include <path/path.h>

#define NOW 1800000000
#define SEEDS 200

static u64 state, present;

static u64 next_random(void)
{
	state += 0x9e3779b97f4a7c15ULL;
	u64 x = state;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

static void fake_random(void *arg, void *buf, size_t len)
{
	u8 *p = buf;

	while (len--)
		*p++ = (u8)next_random();
}

static u64 fake_now(void *arg)
{
	return present;
}

static const struct path_ops ops = { fake_random, fake_now };

FIXTURE(net) {
	char path[64];
	struct directory *dir;
	struct paths *paths;
	struct peer hops[MV_HOPS_MAX];
	bool strangers;			/* add() adds what came with messages */
};

FIXTURE_SETUP(net)
{
	strcpy(self->path, "/tmp/meshvpn-path-XXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->path));
	state = 1;
	present = 1000 * NSEC_PER_SEC;
	self->dir = NULL;
	self->paths = NULL;
	self->strangers = false;
}

static void net_close(struct __test_metadata *_metadata, FIXTURE_DATA(net) *self)
{
	paths_free(self->paths);
	directory_close(self->dir);
	self->paths = NULL;
	self->dir = NULL;
}

FIXTURE_TEARDOWN(net)
{
	net_close(_metadata, self);
	ASSERT_EQ(0, rmdir(self->path));
}

static void net_open(struct __test_metadata *_metadata, FIXTURE_DATA(net) *self, const struct path_conf *conf)
{
	struct directory_conf dc = { .path = self->path, .learn_rate = 1000000, .learn_burst = 1000000 };
	struct path_conf none = { 0 };

	ASSERT_EQ(0, directory_open(&self->dir, &dc, NOW));
	ASSERT_EQ(0, paths_new(&self->paths, conf ? conf : &none, &ops, NULL, self->dir));
}

/* A relay at the addresses @a and @b (NULL: one only). */
static struct node_id add(struct __test_metadata *_metadata, FIXTURE_DATA(net) *self, u32 flags, const char *a,
			  const char *b)
{
	struct descriptor d = { .peer = { .flags = flags, .suites = 2, .endpoint_count = b ? 2 : 1 },
				.published = NOW, .expires = NOW + 1000 };
	const struct descriptor *held;
	struct identity id;
	int error;

	memset(d.peer.onion_key, 7, 32);
	EXPECT_EQ(0, endpoint_parse(&d.peer.endpoints[0], a));
	if (b)
		EXPECT_EQ(0, endpoint_parse(&d.peer.endpoints[1], b));
	EXPECT_EQ(0, identity_generate(&id, 0));
	EXPECT_EQ(0, descriptor_sign(&d, &id));
	held = directory_learn(self->dir, d.raw, d.len, NOW, 0, &error);
	EXPECT_NE(NULL, held);
	/* as if it came from a file, without writing thousands of them */
	if (held && !self->strangers)
		container_of(held, struct directory_entry, d)->file = true;
	identity_erase(&id);
	return d.peer.id;
}

/* Networks 1 to @n, one relay each; the last @exits are exits. */
static void add_many(struct __test_metadata *_metadata, FIXTURE_DATA(net) *self, u32 n, u32 exits, struct node_id *ids)
{
	char text[64];
	u32 i;

	for (i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "5.%u.0.1:4470", i + 1);
		ids[i] = add(_metadata, self, PEER_RELAY | (i >= n - exits ? PEER_EXIT : 0), text, NULL);
	}
}

static u8 families(const struct peer *p)
{
	u8 f = 0;
	u32 i;

	for (i = 0; i < p->endpoint_count; i++)
		f |= p->endpoints[i].family == AF_INET ? 1 : 2;
	return f;
}

static bool one_network(const struct peer *a, const struct peer *b)
{
	u32 i, j;

	for (i = 0; i < a->endpoint_count; i++)
		for (j = 0; j < b->endpoint_count; j++)
			if (endpoint_network(&a->endpoints[i]) == endpoint_network(&b->endpoints[j]))
				return true;
	return false;
}

static bool rules_kept(const struct peer *hops, u32 n, u8 client)
{
	u32 i, j;

	for (i = 0; i < n; i++) {
		for (j = 0; j < i; j++)
			if (node_id_equal(&hops[i].id, &hops[j].id) || one_network(&hops[i], &hops[j]))
				return false;
		if (i && !(families(&hops[i]) & families(&hops[i - 1])))
			return false;
	}
	return hops[n - 1].flags & PEER_EXIT && families(&hops[0]) & client;
}

/* Is there any path of three at all? By brute force over @all. */
static bool possible(const struct peer *all, u32 n, u8 client)
{
	u32 a, b, c;

	for (a = 0; a < n; a++)
		for (b = 0; b < n; b++)
			for (c = 0; c < n; c++)
				if (a != b && b != c && a != c &&
				    rules_kept((struct peer[]){ all[a], all[b], all[c] }, 3, client))
					return true;
	return false;
}

static int gather(void *arg, const struct descriptor *d)
{
	struct peer **at = arg;

	*(*at)++ = d->peer;
	return 0;
}

TEST_F(net, random_directories_keep_the_rules)
{
	struct path_request q = { .hops = 3 };
	u32 seed, i, n, found = 0, none = 0;

	for (seed = 0; seed < SEEDS; seed++) {
		struct path_conf conf = { .has4 = seed % 3 != 1, .has6 = seed % 3 != 0 };
		u8 client = conf.has4 | conf.has6 << 1;
		struct peer all[12], *at = all;
		bool can;

		state = seed * 1000 + 1;
		net_open(_metadata, self, &conf);
		n = 3 + next_random() % 8;
		for (i = 0; i < n; i++) {
			u32 kind = next_random() % 3, flags = PEER_RELAY | (next_random() % 3 ? 0 : PEER_EXIT);
			char v4[64], v6[64];

			/* few networks, so that they collide */
			snprintf(v4, sizeof(v4), "5.%u.%u.1:4470", (u32)(next_random() % 6), i);
			snprintf(v6, sizeof(v6), "[2a00:%x:%x::1]:4470", (u32)(next_random() % 6), i + 1);
			add(_metadata, self, flags, kind == 1 ? v6 : v4, kind == 2 ? v6 : NULL);
		}
		directory_each(self->dir, gather, &at);
		can = possible(all, n, client);
		for (i = 0; i < 5; i++) {
			int ret = paths_select(self->paths, &q, self->hops);

			ASSERT_EQ(can ? 0 : -ENOENT, ret) TH_LOG("seed %u", seed);
			if (!ret)
				ASSERT_TRUE(rules_kept(self->hops, 3, client)) TH_LOG("seed %u", seed);
		}
		*(can ? &found : &none) += 1;
		net_close(_metadata, self);
	}
	/* both cases did occur */
	EXPECT_LT(20, found);
	EXPECT_LT(20, none);
}

/* Whoever can send a descriptor along with a message must not thereby be chosen. */
TEST_F(net, strangers_are_no_candidates)
{
	struct path_request r = { .use = PATH_SESSION, .hops = 3 };
	struct node_id ids[64], *known = ids, *strange = ids + 4;
	u32 i, k, n;

	net_open(_metadata, self, NULL);
	self->strangers = true;
	add_many(_metadata, self, 50, 50, strange);
	EXPECT_EQ(-ENOENT, paths_select(self->paths, &r, self->hops));
	net_close(_metadata, self);
	net_open(_metadata, self, NULL);
	add_many(_metadata, self, 50, 50, strange);
	self->strangers = false;
	add_many(_metadata, self, 4, 2, known);
	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, paths_select(self->paths, &r, self->hops));
		for (k = 0; k < 3; k++)
			for (n = 0; n < 50; n++)
				EXPECT_FALSE(node_id_equal(&self->hops[k].id, &strange[n]));
	}
}

TEST_F(net, guard_stays_and_is_no_exit_if_possible)
{
	struct path_request q = { .hops = 3 };
	struct node_id ids[12], first;
	u32 i, middles = 0, exits = 0;
	struct peer last = { 0 };

	net_open(_metadata, self, NULL);
	add_many(_metadata, self, 12, 4, ids);
	for (i = 0; i < 200; i++) {
		ASSERT_EQ(0, paths_select(self->paths, &q, self->hops));
		if (!i)
			first = self->hops[0].id;
		ASSERT_TRUE(node_id_equal(&first, &self->hops[0].id));
		ASSERT_FALSE(self->hops[0].flags & PEER_EXIT);
		middles += i && !node_id_equal(&last.id, &self->hops[1].id);
		exits += i && !node_id_equal(&last.id, &self->hops[2].id);
		last = self->hops[1];
	}
	EXPECT_LT(100, middles);
	EXPECT_LT(100, exits);
	EXPECT_EQ(3, paths_stats(self->paths)->guards_sampled);
	EXPECT_TRUE(paths_is_guard(self->paths, &first));
}

TEST_F(net, failing_guard_is_left_and_comes_back)
{
	struct path_request q = { .hops = 3 };
	struct node_id ids[12], first;
	struct peer guard;

	net_open(_metadata, self, NULL);
	add_many(_metadata, self, 12, 4, ids);
	ASSERT_EQ(0, paths_select(self->paths, &q, self->hops));
	guard = self->hops[0];
	first = guard.id;
	paths_outcome(self->paths, &guard, 0, CLIENT_HOP_FAILED);
	ASSERT_EQ(0, paths_select(self->paths, &q, self->hops));
	EXPECT_FALSE(node_id_equal(&first, &self->hops[0].id));
	present += 6 * NSEC_PER_SEC;
	ASSERT_EQ(0, paths_select(self->paths, &q, self->hops));
	EXPECT_TRUE(node_id_equal(&first, &self->hops[0].id));
	/* the second time it takes longer */
	paths_outcome(self->paths, &guard, 0, CLIENT_HOP_FAILED);
	present += 6 * NSEC_PER_SEC;
	ASSERT_EQ(0, paths_select(self->paths, &q, self->hops));
	EXPECT_FALSE(node_id_equal(&first, &self->hops[0].id));
	paths_forgive(self->paths);
	ASSERT_EQ(0, paths_select(self->paths, &q, self->hops));
	EXPECT_TRUE(node_id_equal(&first, &self->hops[0].id));
}

TEST_F(net, all_guards_failing_is_no_end)
{
	struct path_request q = { .hops = 2 };
	struct node_id ids[2];
	u32 i;

	net_open(_metadata, self, NULL);
	add_many(_metadata, self, 2, 1, ids);
	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, paths_select(self->paths, &q, self->hops));
		paths_outcome(self->paths, &self->hops[0], 0, CLIENT_HOP_FAILED);
	}
}

TEST_F(net, failed_relays_are_avoided_while_others_are)
{
	struct path_request q = { .hops = 3 };
	struct node_id ids[8], failed;
	u32 i;

	net_open(_metadata, self, NULL);
	add_many(_metadata, self, 8, 2, ids);
	ASSERT_EQ(0, paths_select(self->paths, &q, self->hops));
	failed = self->hops[1].id;
	paths_outcome(self->paths, &self->hops[1], 1, CLIENT_HOP_FAILED);
	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, paths_select(self->paths, &q, self->hops));
		ASSERT_FALSE(node_id_equal(&failed, &self->hops[1].id));
	}
}

/* What a circuit that fell silent went through is left alone for a while, but for its guard. */
TEST_F(net, suspects_are_avoided)
{
	struct path_request q = { .hops = 3 };
	struct peer suspect[3];
	struct node_id ids[8];
	u32 i;

	net_open(_metadata, self, NULL);
	add_many(_metadata, self, 8, 2, ids);
	ASSERT_EQ(0, paths_select(self->paths, &q, self->hops));
	memcpy(suspect, self->hops, sizeof(suspect));
	for (i = 0; i < 3; i++)
		paths_outcome(self->paths, &suspect[i], i, CLIENT_HOP_SUSPECT);
	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, paths_select(self->paths, &q, self->hops));
		ASSERT_TRUE(node_id_equal(&suspect[0].id, &self->hops[0].id));
		ASSERT_FALSE(node_id_equal(&suspect[1].id, &self->hops[1].id));
		ASSERT_FALSE(node_id_equal(&suspect[2].id, &self->hops[1].id));
		ASSERT_FALSE(node_id_equal(&suspect[2].id, &self->hops[2].id));
	}
	EXPECT_EQ(0, paths_stats(self->paths)->guard_failures);
}

TEST_F(net, spare_takes_another_guard_and_middle)
{
	struct path_request q = { .hops = 3 }, spare;
	struct node_id ids[8], used[2];

	net_open(_metadata, self, NULL);
	add_many(_metadata, self, 8, 2, ids);
	ASSERT_EQ(0, paths_select(self->paths, &q, self->hops));
	used[0] = self->hops[0].id;
	used[1] = self->hops[1].id;
	spare = (struct path_request){
		.use = PATH_SPARE, .hops = 3, .has_exit = true, .exit = self->hops[2].id, .avoid = used, .avoid_count = 2,
	};
	ASSERT_EQ(0, paths_select(self->paths, &spare, self->hops));
	EXPECT_TRUE(node_id_equal(&spare.exit, &self->hops[2].id));
	EXPECT_FALSE(node_id_equal(&used[0], &self->hops[0].id));
	EXPECT_FALSE(node_id_equal(&used[1], &self->hops[1].id));
	EXPECT_FALSE(node_id_equal(&used[0], &self->hops[1].id));
}

TEST_F(net, spare_keeps_the_only_guard)
{
	struct path_request spare;
	struct node_id ids[3];

	net_open(_metadata, self, NULL);
	add_many(_metadata, self, 3, 1, ids);
	spare = (struct path_request){
		.use = PATH_SPARE, .hops = 3, .has_exit = true, .exit = ids[2], .avoid = ids, .avoid_count = 1,
	};
	ASSERT_EQ(0, paths_select(self->paths, &spare, self->hops));
	EXPECT_TRUE(node_id_equal(&ids[0], &self->hops[0].id));
	/* but no middle that is to be avoided */
	spare.avoid_count = 2;
	EXPECT_EQ(-ENOENT, paths_select(self->paths, &spare, self->hops));
}

TEST_F(net, exits_exclusions_and_self)
{
	struct node_id ids[8];
	struct path_request q = { .hops = 3 };
	struct path_conf conf;
	u32 i;

	net_open(_metadata, self, NULL);
	add_many(_metadata, self, 8, 3, ids);
	conf = (struct path_conf){
		.exits = &ids[6], .exits_count = 1, .exclude = &ids[1], .exclude_count = 2, .self = ids[0],
	};
	ASSERT_EQ(0, paths_reconfigure(self->paths, &conf));
	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, paths_select(self->paths, &q, self->hops));
		ASSERT_TRUE(node_id_equal(&ids[6], &self->hops[2].id));
		ASSERT_FALSE(node_id_equal(&ids[0], &self->hops[0].id) || node_id_equal(&ids[0], &self->hops[1].id));
		ASSERT_FALSE(node_id_equal(&ids[1], &self->hops[0].id) || node_id_equal(&ids[1], &self->hops[1].id));
		ASSERT_FALSE(node_id_equal(&ids[2], &self->hops[0].id) || node_id_equal(&ids[2], &self->hops[1].id));
	}
	q.avoid_exits = &ids[6];
	q.avoid_exits_count = 1;
	EXPECT_EQ(-ENOENT, paths_select(self->paths, &q, self->hops));
}

TEST_F(net, one_and_ten_hops)
{
	struct path_request q = { .hops = 1 };
	struct node_id ids[12];

	net_open(_metadata, self, NULL);
	add_many(_metadata, self, 12, 2, ids);
	ASSERT_EQ(0, paths_select(self->paths, &q, self->hops));
	EXPECT_TRUE(rules_kept(self->hops, 1, 3));
	q.hops = 10;
	ASSERT_EQ(0, paths_select(self->paths, &q, self->hops));
	EXPECT_TRUE(rules_kept(self->hops, 10, 3));
	q.hops = 11;
	EXPECT_EQ(-EINVAL, paths_select(self->paths, &q, self->hops));
	q.hops = 0;
	EXPECT_EQ(-EINVAL, paths_select(self->paths, &q, self->hops));
}

TEST_F(net, network_rule_can_be_off)
{
	struct path_conf conf = { .no_network_rule = true };
	struct path_request q = { .hops = 3 };

	net_open(_metadata, self, &conf);
	add(_metadata, self, PEER_RELAY, "5.1.0.1:1", NULL);
	add(_metadata, self, PEER_RELAY, "5.1.0.2:1", NULL);
	add(_metadata, self, PEER_RELAY | PEER_EXIT, "5.1.0.3:1", NULL);
	EXPECT_EQ(0, paths_select(self->paths, &q, self->hops));
	conf.no_network_rule = false;
	ASSERT_EQ(0, paths_reconfigure(self->paths, &conf));
	EXPECT_EQ(-ENOENT, paths_select(self->paths, &q, self->hops));
}

TEST_F(net, private_addresses_only_in_private_networks)
{
	struct path_conf conf = { .private_network = true };
	struct path_request q = { .hops = 1 };

	net_open(_metadata, self, NULL);
	add(_metadata, self, PEER_RELAY | PEER_EXIT, "10.1.0.1:1", NULL);
	EXPECT_EQ(-ENOENT, paths_select(self->paths, &q, self->hops));
	ASSERT_EQ(0, paths_reconfigure(self->paths, &conf));
	EXPECT_EQ(0, paths_select(self->paths, &q, self->hops));
}

TEST_F(net, guards_survive_a_restart)
{
	struct path_request q = { .hops = 3 };
	struct path_conf none = { 0 };
	struct node_id ids[12], first;
	char text[4096];

	net_open(_metadata, self, NULL);
	add_many(_metadata, self, 12, 4, ids);
	ASSERT_EQ(0, paths_select(self->paths, &q, self->hops));
	first = self->hops[0].id;
	EXPECT_TRUE(paths_guards_changed(self->paths));
	ASSERT_LT(0, paths_guards_save(self->paths, text, sizeof(text)));
	EXPECT_FALSE(paths_guards_changed(self->paths));
	paths_free(self->paths);
	ASSERT_EQ(0, paths_new(&self->paths, &none, &ops, NULL, self->dir));
	state = 99;
	paths_guards_load(self->paths, "junk\n\nzz 1\n");
	EXPECT_FALSE(paths_is_guard(self->paths, &first));
	paths_guards_load(self->paths, text);
	ASSERT_EQ(0, paths_select(self->paths, &q, self->hops));
	EXPECT_TRUE(node_id_equal(&first, &self->hops[0].id));
	/* too old */
	paths_free(self->paths);
	ASSERT_EQ(0, paths_new(&self->paths, &none, &ops, NULL, self->dir));
	present += 61ULL * 86400 * NSEC_PER_SEC;
	snprintf(strchr(text, ' '), 32, " %llu\n", 61ULL * 86400);
	paths_guards_load(self->paths, text);
	EXPECT_FALSE(paths_is_guard(self->paths, &first));
}

TEST_HARNESS_MAIN
