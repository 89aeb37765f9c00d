// SPDX-License-Identifier: GPL-2.0-or-later
/* Conformance of objects and batches: every verb, every error, undone as a whole. No cell moves. */
#include <kselftest_harness.h>

#include "rig.h"

FIXTURE(objects)
{
	struct rig rig;
	struct rig_dp *d;
	struct datapath *dp;
};

FIXTURE_VARIANT(objects)
{
	struct rig_kind kind;
};
FIXTURE_VARIANT_ADD(objects, fake) { .kind = { "fake", 1 } };
FIXTURE_VARIANT_ADD(objects, user) { .kind = { "user", 1 } };
FIXTURE_VARIANT_ADD(objects, user_lanes) { .kind = { "user", 2 } };
FIXTURE_VARIANT_ADD(objects, kmod) { .kind = { "kmod", 1 } };
FIXTURE_VARIANT_ADD(objects, kmod_lanes) { .kind = { "kmod", 2 } };

FIXTURE_SETUP(objects)
{
	struct datapath_conf conf = { .max_links = 4, .max_circuits = 5 };

	RIG_INIT(&self->rig, &variant->kind);
	self->d = rig_open(&self->rig, &conf);
	ASSERT_NE(NULL, self->d);
	self->dp = self->d->dp;
}

FIXTURE_TEARDOWN(objects)
{
	rig_fini(&self->rig);
}

static struct datapath_circuit relay(u32 link, u32 circuit, u32 out_link, u32 out_circuit)
{
	struct datapath_circuit c = {
		.kind = DATAPATH_RELAY, .link = link, .circuit = circuit, .out_link = out_link,
		.out_circuit = out_circuit, .hops = 1, .data_class = MV_MEDIUM, .rate = 1000, .burst = 2000,
	};

	rig_key(c.kf[0], 32, circuit, 1);
	rig_key(c.kb[0], 32, circuit, 2);
	return c;
}

static struct datapath_circuit end(enum datapath_circuit_kind kind, u32 link, u32 circuit, u32 hops)
{
	struct datapath_circuit c = {
		.kind = kind, .link = link, .circuit = circuit, .hops = hops, .data_class = MV_LARGE,
		.reserve = mv_reserve(hops),
	};

	return c;
}

static void links(struct __test_metadata *_metadata, FIXTURE_DATA(objects) *self)
{
	struct rig_link link;

	ASSERT_EQ(0, rig_link(self->d, 1, 0, &link));
	ASSERT_EQ(0, rig_link(self->d, 2, 1, &link));
}

TEST_F(objects, link)
{
	struct datapath_link link = { .id = 9, .up_rate = 5, .up_burst = 6 };
	struct datapath_link_info info;
	u32 i;

	EXPECT_EQ(-ENOENT, datapath_link_apply(self->dp, DATAPATH_DEL, &link));
	EXPECT_EQ(-ENOENT, datapath_link_apply(self->dp, DATAPATH_SET, &link));
	EXPECT_EQ(-ENOENT, datapath_link_get(self->dp, 9, &info));
	EXPECT_EQ(0, datapath_link_apply(self->dp, DATAPATH_NEW, &link));
	EXPECT_EQ(-EEXIST, datapath_link_apply(self->dp, DATAPATH_NEW, &link));
	ASSERT_EQ(0, datapath_link_get(self->dp, 9, &info));
	EXPECT_EQ(5, info.conf.up_rate);
	link.up_rate = 50;
	EXPECT_EQ(0, datapath_link_apply(self->dp, DATAPATH_SET, &link));
	ASSERT_EQ(0, datapath_link_get(self->dp, 9, &info));
	EXPECT_EQ(50, info.conf.up_rate);
	for (i = 10; i < 13; i++) {
		link.id = i;
		EXPECT_EQ(0, datapath_link_apply(self->dp, DATAPATH_NEW, &link));
	}
	link.id = 13;
	EXPECT_EQ(-ENOSPC, datapath_link_apply(self->dp, DATAPATH_NEW, &link));
	link.id = 10;
	EXPECT_EQ(0, datapath_link_apply(self->dp, DATAPATH_DEL, &link));
	EXPECT_EQ(-ENOENT, datapath_link_apply(self->dp, DATAPATH_DEL, &link));
	link.id = 13;
	EXPECT_EQ(0, datapath_link_apply(self->dp, DATAPATH_NEW, &link));
	link.id = 0;
	EXPECT_EQ(-EINVAL, datapath_link_apply(self->dp, DATAPATH_NEW, &link));
}

TEST_F(objects, link_session)
{
	struct datapath_link_session s = rig_session(self->d, 1, 0);
	struct datapath_link link = { .id = 1 };
	struct datapath_stats stats;

	EXPECT_EQ(-ENOENT, datapath_link_session_apply(self->dp, DATAPATH_NEW, &s));
	ASSERT_EQ(0, datapath_link_apply(self->dp, DATAPATH_NEW, &link));
	EXPECT_EQ(-ENOENT, datapath_link_session_apply(self->dp, DATAPATH_SET, &s));
	EXPECT_EQ(-ENOENT, datapath_link_session_apply(self->dp, DATAPATH_DEL, &s));
	EXPECT_EQ(0, datapath_link_session_apply(self->dp, DATAPATH_NEW, &s));
	EXPECT_EQ(-EEXIST, datapath_link_session_apply(self->dp, DATAPATH_NEW, &s));
	s.index = 2;
	/* its link ids are taken */
	EXPECT_EQ(-EEXIST, datapath_link_session_apply(self->dp, DATAPATH_NEW, &s));
	s.rx_ids[0] += 99;
	EXPECT_EQ(-EEXIST, datapath_link_session_apply(self->dp, DATAPATH_NEW, &s));
	s.rx_ids[1] += 99;
	EXPECT_EQ(0, datapath_link_session_apply(self->dp, DATAPATH_NEW, &s));
	EXPECT_EQ(0, datapath_link_session_apply(self->dp, DATAPATH_SET, &s));
	s.index = 3;
	s.rx_ids_count = 0;
	EXPECT_EQ(-EINVAL, datapath_link_session_apply(self->dp, DATAPATH_NEW, &s));
	s.rx_ids_count = 1;
	s.rx_ids[0] = 1ULL << 56;
	EXPECT_EQ(-EINVAL, datapath_link_session_apply(self->dp, DATAPATH_NEW, &s));
	s.rx_ids[0] = 77;
	s.remote_lanes = 0;
	EXPECT_EQ(-EINVAL, datapath_link_session_apply(self->dp, DATAPATH_NEW, &s));
	datapath_stats_get(self->dp, &stats);
	EXPECT_EQ(2, stats.link_sessions);
	ASSERT_EQ(0, datapath_link_apply(self->dp, DATAPATH_DEL, &link));
	datapath_stats_get(self->dp, &stats);
	EXPECT_EQ(0, stats.link_sessions);
	ASSERT_EQ(0, datapath_link_apply(self->dp, DATAPATH_NEW, &link));
	s = rig_session(self->d, 1, 0);
	EXPECT_EQ(0, datapath_link_session_apply(self->dp, DATAPATH_NEW, &s));
}

TEST_F(objects, circuit)
{
	struct datapath_circuit c = relay(1, 5, 2, 6), other;
	struct datapath_circuit_info info;

	EXPECT_EQ(-ENOENT, datapath_circuit_apply(self->dp, DATAPATH_NEW, &c));
	links(_metadata, self);
	c.out_link = 3;
	EXPECT_EQ(-ENOENT, datapath_circuit_apply(self->dp, DATAPATH_NEW, &c));
	c.out_link = 2;
	EXPECT_EQ(-ENOENT, datapath_circuit_apply(self->dp, DATAPATH_SET, &c));
	EXPECT_EQ(-ENOENT, datapath_circuit_apply(self->dp, DATAPATH_DEL, &c));
	EXPECT_EQ(0, datapath_circuit_apply(self->dp, DATAPATH_NEW, &c));
	EXPECT_EQ(-EEXIST, datapath_circuit_apply(self->dp, DATAPATH_NEW, &c));
	/* both names are taken, whichever side wants them */
	other = relay(2, 6, 1, 7);
	EXPECT_EQ(-EEXIST, datapath_circuit_apply(self->dp, DATAPATH_NEW, &other));
	other = relay(2, 7, 1, 5);
	EXPECT_EQ(-EEXIST, datapath_circuit_apply(self->dp, DATAPATH_NEW, &other));
	/* and the name of the side away from the origin is no name */
	EXPECT_EQ(-ENOENT, datapath_circuit_get(self->dp, 2, 6, &info));
	other = relay(2, 6, 0, 0);
	EXPECT_EQ(-ENOENT, datapath_circuit_apply(self->dp, DATAPATH_DEL, &other));
	ASSERT_EQ(0, datapath_circuit_get(self->dp, 1, 5, &info));
	EXPECT_EQ(2, info.conf.out_link);
	EXPECT_EQ(6, info.conf.out_circuit);
	EXPECT_EQ(1000, info.conf.rate);
	EXPECT_EQ(MV_COUNTER_FIRST, info.next_counter);
	EXPECT_EQ(0, info.last_rx);
	c.pass = true;
	EXPECT_EQ(-EINVAL, datapath_circuit_apply(self->dp, DATAPATH_SET, &c));
	c.pass = false;
	c.data_class = MV_LARGE;
	c.small_forward = true;
	c.rate = 7;
	EXPECT_EQ(0, datapath_circuit_apply(self->dp, DATAPATH_SET, &c));
	ASSERT_EQ(0, datapath_circuit_get(self->dp, 1, 5, &info));
	EXPECT_EQ(MV_LARGE, info.conf.data_class);
	EXPECT_TRUE(info.conf.small_forward);
	EXPECT_EQ(7, info.conf.rate);
	EXPECT_EQ(0, datapath_circuit_apply(self->dp, DATAPATH_DEL, &c));
	EXPECT_EQ(0, datapath_circuit_apply(self->dp, DATAPATH_NEW, &c));
}

TEST_F(objects, circuit_bad)
{
	struct datapath_circuit c;

	links(_metadata, self);
	c = relay(1, 0, 2, 6);
	EXPECT_EQ(-EINVAL, datapath_circuit_apply(self->dp, DATAPATH_NEW, &c));
	c = relay(1, 1 << 24, 2, 6);
	EXPECT_EQ(-EINVAL, datapath_circuit_apply(self->dp, DATAPATH_NEW, &c));
	c = relay(1, 5, 2, 0);
	EXPECT_EQ(-EINVAL, datapath_circuit_apply(self->dp, DATAPATH_NEW, &c));
	c = relay(1, 5, 1, 5);
	EXPECT_EQ(-EINVAL, datapath_circuit_apply(self->dp, DATAPATH_NEW, &c));
	c = relay(1, 5, 2, 6);
	c.data_class = MV_SMALL;
	EXPECT_EQ(-EINVAL, datapath_circuit_apply(self->dp, DATAPATH_NEW, &c));
	if (!rig_has(self->d, DATAPATH_ORIGIN)) {
		c = end(DATAPATH_ORIGIN_CIRCUIT, 1, 5, 3);
		EXPECT_EQ(-EOPNOTSUPP, datapath_circuit_apply(self->dp, DATAPATH_NEW, &c));
		SKIP(return, "no origin");
	}
	c = end(DATAPATH_ORIGIN_CIRCUIT, 1, 5, 0);
	EXPECT_EQ(-EINVAL, datapath_circuit_apply(self->dp, DATAPATH_NEW, &c));
	c = end(DATAPATH_ORIGIN_CIRCUIT, 1, 5, 11);
	EXPECT_EQ(-EINVAL, datapath_circuit_apply(self->dp, DATAPATH_NEW, &c));
	c = end(DATAPATH_ORIGIN_CIRCUIT, 1, 5, 5);
	c.reserve = MV_RESERVE_SHORT;
	EXPECT_EQ(-EINVAL, datapath_circuit_apply(self->dp, DATAPATH_NEW, &c));
	c = end(DATAPATH_TERMINUS_CIRCUIT, 1, 5, 1);
	c.reserve = 17;
	EXPECT_EQ(-EINVAL, datapath_circuit_apply(self->dp, DATAPATH_NEW, &c));
	c = end(DATAPATH_TERMINUS_CIRCUIT, 1, 5, 1);
	c.session = 3;
	EXPECT_EQ(-ENOENT, datapath_circuit_apply(self->dp, DATAPATH_NEW, &c));
}

struct seen {
	u32 count, circuits, zero;
};

static int look(void *arg, const struct datapath_circuit_info *info)
{
	struct seen *s = arg;
	u32 i;

	s->count++;
	s->circuits |= 1U << info->conf.circuit;
	for (i = 0; i < sizeof(info->conf.kf); i++)
		s->zero += ((const u8 *)info->conf.kf)[i] || ((const u8 *)info->conf.kb)[i];
	return s->count == 4 ? 99 : 0;
}

TEST_F(objects, dump)
{
	struct seen seen = { 0 };
	struct datapath_circuit c;
	u32 i;

	links(_metadata, self);
	for (i = 1; i <= 5; i++) {
		c = relay(1, i, 2, 10 + i);
		ASSERT_EQ(0, datapath_circuit_apply(self->dp, DATAPATH_NEW, &c));
		if (i == 3) {
			EXPECT_EQ(0, datapath_circuit_dump(self->dp, look, &seen));
			EXPECT_EQ(3, seen.count);
			EXPECT_EQ(0xe, seen.circuits);
			EXPECT_EQ(0, seen.zero);
		}
	}
	c = relay(1, 6, 2, 16);
	EXPECT_EQ(-ENOSPC, datapath_circuit_apply(self->dp, DATAPATH_NEW, &c));
	seen = (struct seen){ 0 };
	EXPECT_EQ(99, datapath_circuit_dump(self->dp, look, &seen));
	EXPECT_EQ(4, seen.count);
}

static struct datapath_session exit_session(u32 id)
{
	return (struct datapath_session){
		.id = id, .device = 4, .has4 = true, .has6 = true, .inner4 = { 198, 18, 0, (u8)id },
		.inner6 = { 0xfd, [15] = (u8)id },
	};
}

TEST_F(objects, device_and_session)
{
	struct datapath_session s = exit_session(1), t = exit_session(2);
	struct datapath_device device = { .id = 4 };
	struct datapath_circuit c = end(DATAPATH_ORIGIN_CIRCUIT, 1, 5, 3);
	struct datapath_circuit_info info;
	struct datapath_stats stats;
	struct datapath_prefix prefixes[2] = {
		{ .family = AF_INET, .bits = 0, .session = 1 }, { .family = AF_INET6, .bits = 64, .session = 1 },
	};
	struct datapath_selector selector = { .device = 4, .count = 2, .prefixes = prefixes };

	if (!rig_has(self->d, DATAPATH_ORIGIN))
		SKIP(return, "no origin");
	links(_metadata, self);
	EXPECT_EQ(-ENOENT, datapath_session_apply(self->dp, DATAPATH_NEW, &s));
	EXPECT_EQ(-ENOENT, datapath_selector_apply(self->dp, DATAPATH_SET, &selector));
	EXPECT_EQ(-ENOENT, datapath_device_apply(self->dp, DATAPATH_DEL, &device));
	ASSERT_EQ(0, rig_device(self->d, 4, DATAPATH_ROLE_ORIGIN, 1420));
	EXPECT_EQ(0, datapath_selector_apply(self->dp, DATAPATH_SET, &selector));
	prefixes[0].bits = 33;
	EXPECT_EQ(-EINVAL, datapath_selector_apply(self->dp, DATAPATH_SET, &selector));
	EXPECT_EQ(0, datapath_session_apply(self->dp, DATAPATH_NEW, &s));
	EXPECT_EQ(-EEXIST, datapath_session_apply(self->dp, DATAPATH_NEW, &s));
	/* an address has one holder */
	memcpy(t.inner4, s.inner4, 4);
	EXPECT_EQ(-EEXIST, datapath_session_apply(self->dp, DATAPATH_NEW, &t));
	t = exit_session(2);
	EXPECT_EQ(0, datapath_session_apply(self->dp, DATAPATH_NEW, &t));
	s.link = 1;
	s.circuit = 5;
	EXPECT_EQ(-ENOENT, datapath_session_apply(self->dp, DATAPATH_SET, &s));
	c.session = 1;
	EXPECT_EQ(0, datapath_circuit_apply(self->dp, DATAPATH_NEW, &c));
	EXPECT_EQ(0, datapath_session_apply(self->dp, DATAPATH_SET, &s));
	/* a circuit serves one session, and of its kind */
	t.link = 1;
	t.circuit = 5;
	EXPECT_EQ(-EINVAL, datapath_session_apply(self->dp, DATAPATH_SET, &t));
	c = end(DATAPATH_TERMINUS_CIRCUIT, 1, 6, 1);
	c.session = 1;
	EXPECT_EQ(-EINVAL, datapath_circuit_apply(self->dp, DATAPATH_NEW, &c));
	EXPECT_EQ(0, datapath_session_apply(self->dp, DATAPATH_DEL, &s));
	ASSERT_EQ(0, datapath_circuit_get(self->dp, 1, 5, &info));
	EXPECT_EQ(0, info.conf.session);
	EXPECT_EQ(0, datapath_device_apply(self->dp, DATAPATH_DEL, &device));
	datapath_stats_get(self->dp, &stats);
	EXPECT_EQ(0, stats.devices);
	EXPECT_EQ(0, stats.sessions);
	EXPECT_EQ(1, stats.circuits);
}

/* A batch that touches everything; then the same with a failure at each place. */
TEST_F(objects, undo)
{
	struct datapath_link l3 = { .id = 3 }, l1 = { .id = 1, .up_rate = 3 };
	struct datapath_link_session s3 = rig_session(self->d, 3, 2), s1 = rig_session(self->d, 1, 0);
	struct datapath_circuit kept = relay(1, 1, 2, 1), gone = relay(1, 2, 2, 2), made = relay(3, 1, 1, 9);
	struct datapath_circuit changed = kept, wrong = relay(7, 7, 7, 7);
	const struct datapath_op steps[] = {
		{ DATAPATH_NEW, DATAPATH_OBJ_LINK, .link = &l3 },
		{ DATAPATH_NEW, DATAPATH_OBJ_LINK_SESSION, .link_session = &s3 },
		{ DATAPATH_NEW, DATAPATH_OBJ_CIRCUIT, .circuit = &made },
		{ DATAPATH_SET, DATAPATH_OBJ_CIRCUIT, .circuit = &changed },
		{ DATAPATH_DEL, DATAPATH_OBJ_CIRCUIT, .circuit = &gone },
		{ DATAPATH_SET, DATAPATH_OBJ_LINK, .link = &l1 },
		{ DATAPATH_SET, DATAPATH_OBJ_LINK_SESSION, .link_session = &s1 },
		{ DATAPATH_DEL, DATAPATH_OBJ_CIRCUIT, .circuit = &made },
		{ DATAPATH_NEW, DATAPATH_OBJ_CIRCUIT, .circuit = &made },
		{ DATAPATH_DEL, DATAPATH_OBJ_LINK, .link = &l1 },
	};
	const u32 count = sizeof(steps) / sizeof(steps[0]);
	struct datapath_op ops[16];
	struct datapath_stats before, after;
	struct datapath_circuit_info info;
	struct datapath_link_info link;
	u32 i, failed;

	links(_metadata, self);
	changed.rate = 42;
	s1.remote.port = 1;
	ASSERT_EQ(0, datapath_circuit_apply(self->dp, DATAPATH_NEW, &kept));
	ASSERT_EQ(0, datapath_circuit_apply(self->dp, DATAPATH_NEW, &gone));
	datapath_stats_get(self->dp, &before);
	for (i = 0; i <= count; i++) {
		memcpy(ops, steps, i * sizeof(*ops));
		ops[i] = (struct datapath_op){ DATAPATH_NEW, DATAPATH_OBJ_CIRCUIT, .circuit = &wrong };
		failed = 99;
		ASSERT_EQ(-ENOENT, datapath_apply(self->dp, ops, i + 1, &failed));
		EXPECT_EQ(i, failed);
		datapath_stats_get(self->dp, &after);
		EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
		ASSERT_EQ(0, datapath_circuit_get(self->dp, 1, 1, &info));
		EXPECT_EQ(1000, info.conf.rate);
		EXPECT_EQ(0, datapath_circuit_get(self->dp, 1, 2, &info));
		EXPECT_EQ(-ENOENT, datapath_circuit_get(self->dp, 3, 1, &info));
		ASSERT_EQ(0, datapath_link_get(self->dp, 1, &link));
		EXPECT_EQ(0, link.conf.up_rate);
		EXPECT_EQ(2, link.circuits);
		EXPECT_EQ(-ENOENT, datapath_link_get(self->dp, 3, &link));
	}
	ASSERT_EQ(0, datapath_apply(self->dp, steps, count, NULL));
	datapath_stats_get(self->dp, &after);
	EXPECT_EQ(2, after.links);
	EXPECT_EQ(2, after.link_sessions);
	EXPECT_EQ(0, after.circuits);
}

/* The same with what hangs on a device. */
TEST_F(objects, undo_device)
{
	struct datapath_session s1 = exit_session(1), s2 = exit_session(2), moved;
	struct datapath_device device = { .id = 4 };
	struct datapath_circuit c = end(DATAPATH_TERMINUS_CIRCUIT, 1, 5, 1), bare, wrong = relay(7, 7, 7, 7);
	struct datapath_prefix prefix = { .family = AF_INET, .session = 1 };
	struct datapath_selector selector = { .device = 4, .count = 1, .prefixes = &prefix };
	struct datapath_stats before, after;
	struct datapath_circuit_info info;
	u32 i, failed;

	if (!rig_has(self->d, DATAPATH_TERMINUS))
		SKIP(return, "no terminus");
	links(_metadata, self);
	ASSERT_EQ(0, rig_device(self->d, 4, DATAPATH_ROLE_EXIT, 1420));
	ASSERT_EQ(0, datapath_session_apply(self->dp, DATAPATH_NEW, &s1));
	c.session = 1;
	ASSERT_EQ(0, datapath_circuit_apply(self->dp, DATAPATH_NEW, &c));
	moved = s1;
	moved.link = 1;
	moved.circuit = 5;
	bare = c;
	bare.session = 0;
	datapath_stats_get(self->dp, &before);
	for (i = 0; i < 7; i++) {
		struct datapath_op ops[8] = {
			{ DATAPATH_NEW, DATAPATH_OBJ_SESSION, .session = &s2 },
			{ DATAPATH_SET, DATAPATH_OBJ_SESSION, .session = &moved },
			{ DATAPATH_SET, DATAPATH_OBJ_SELECTOR, .selector = &selector },
			{ DATAPATH_SET, DATAPATH_OBJ_CIRCUIT, .circuit = &bare },
			{ DATAPATH_SET, DATAPATH_OBJ_CIRCUIT, .circuit = &c },
			{ DATAPATH_DEL, DATAPATH_OBJ_SESSION, .session = &s1 },
			{ DATAPATH_DEL, DATAPATH_OBJ_DEVICE, .device = &device },
		};

		ops[i] = (struct datapath_op){ DATAPATH_NEW, DATAPATH_OBJ_CIRCUIT, .circuit = &wrong };
		ASSERT_EQ(-ENOENT, datapath_apply(self->dp, ops, i + 1, &failed));
		EXPECT_EQ(i, failed);
		datapath_stats_get(self->dp, &after);
		EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
		ASSERT_EQ(0, datapath_circuit_get(self->dp, 1, 5, &info));
		EXPECT_EQ(1, info.conf.session);
	}
}

TEST_F(objects, names)
{
	u32 i;

	for (i = 0; i < DROP_CAUSES; i++)
		EXPECT_NE(NULL, datapath_drop_name(i));
	EXPECT_EQ(0, strcmp("replay", datapath_drop_name(DROP_REPLAY)));
	EXPECT_EQ(0, strcmp(variant->kind.name, datapath_name(self->dp)));
}

TEST_F(objects, many)
{
	struct datapath *dp;
	struct datapath_conf conf = { .lanes = 1 };
	struct datapath_ops none = { 0 };
	struct datapath_link links[2] = { { .id = 1 }, { .id = 2 } };
	struct datapath_stats stats;
	u32 i;

	ASSERT_EQ(0, datapath_open(&dp, "fake", &conf, &none, NULL));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, datapath_link_apply(dp, DATAPATH_NEW, &links[i]));
	for (i = 1; i <= 20000; i++) {
		struct datapath_circuit c = relay(1, i, 2, i);

		ASSERT_EQ(0, datapath_circuit_apply(dp, DATAPATH_NEW, &c));
	}
	for (i = 1; i <= 20000; i += 2) {
		struct datapath_circuit c = relay(1, i, 2, i);

		ASSERT_EQ(0, datapath_circuit_apply(dp, DATAPATH_DEL, &c));
	}
	for (i = 2; i <= 20000; i += 2) {
		struct datapath_circuit_info info;

		ASSERT_EQ(0, datapath_circuit_get(dp, 1, i, &info));
		ASSERT_EQ(-ENOENT, datapath_circuit_get(dp, 1, i - 1, &info));
	}
	ASSERT_EQ(0, datapath_link_apply(dp, DATAPATH_DEL, &links[1]));
	datapath_stats_get(dp, &stats);
	EXPECT_EQ(0, stats.circuits);
	datapath_close(dp);
}

TEST_HARNESS_MAIN
