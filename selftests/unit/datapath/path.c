// SPDX-License-Identifier: GPL-2.0-or-later
/* A path of fakes from origin to exit, of every length: packets, control messages, pass. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <kselftest_harness.h>

#include "datapath/datapath.h"
#include "meshvpn/frame.h"

#define NODES 11
#define PACKETS 512

struct node {
	struct datapath *dp;
	struct path *path;
	u32 index;
	u32 events[8];
	u32 up;
	u8 control[2048];
	size_t control_len;
	u8 packets[PACKETS][1500];
	u32 lens[PACKETS], count;
};

struct path {
	struct node nodes[NODES];
	u32 hops;
	u64 now;
	u32 lose;		/* every n-th datagram is lost */
	u32 sent;
	bool loud;
};

static struct endpoint address(u32 node)
{
	return (struct endpoint){ .family = AF_INET, .port = 1000, .addr = { 10, 0, 0, (u8)node } };
}

static u64 now(void *arg)
{
	return ((struct node *)arg)->path->now;
}

static void send_cell(void *arg, u32 lane, const struct endpoint *to, const u8 *data, size_t len)
{
	struct node *n = arg;
	struct endpoint from = address(n->index);

	if (n->path->lose && ++n->path->sent % n->path->lose == 0)
		return;
	datapath_fake_receive(n->path->nodes[to->addr[3]].dp, 0, &from, data, len);
}

static void got_packet(void *arg, u32 device, const u8 *data, size_t len)
{
	struct node *n = arg;

	if (n->count == PACKETS)
		return;
	memcpy(n->packets[n->count], data, len);
	n->lens[n->count++] = (u32)len;
}

static void got_event(void *arg, const struct datapath_event *e)
{
	struct node *n = arg;

	n->events[e->kind]++;
	if (e->kind != DATAPATH_EV_CONTROL)
		return;
	memcpy(n->control, e->data, e->len);
	n->control_len = e->len;
}

static void got_datagram(void *arg, u32 lane, const struct endpoint *from, const u8 *data, size_t len)
{
	((struct node *)arg)->up++;
}

static const struct datapath_ops ops = {
	.datagram = got_datagram, .event = got_event, .send = send_cell, .packet = got_packet, .now = now,
};

static void settle(struct path *p)
{
	u32 i, again = 1;

	while (again)
		for (again = i = 0; i <= p->hops; i++)
			again |= (u32)datapath_dispatch(p->nodes[i].dp, 1000);
}

/* Keys that depend on who sends to whom. */
static void key(u8 *to, u32 len, u32 a, u32 b, u32 c)
{
	u32 i;

	for (i = 0; i < len; i++)
		to[i] = (u8)(a * 91 + b * 57 + c * 13 + i * 7);
}

static u64 link_id(u32 from, u32 to)
{
	return 0x1000 + from * 64 + to;
}

/* Link 1 goes to the node before, link 2 to the one after. */
static void join(struct __test_metadata *_metadata, struct path *p, u32 a, u32 b)
{
	struct datapath_link link = { .id = a < b ? 2 : 1 };
	struct datapath_link_session s = {
		.link = link.id, .index = 1, .state = DATAPATH_SESSION_CURRENT, .rx_ids_count = 1,
		.rx_ids = { link_id(b, a) }, .tx_id = link_id(a, b), .remote = address(b),
		.remote_lanes = 1, .local_lanes = 1,
	};

	key(s.rx_tag, 16, b, a, 1);
	key(s.rx_mask, 16, b, a, 2);
	key(s.tx_tag, 16, a, b, 1);
	key(s.tx_mask, 16, a, b, 2);
	ASSERT_EQ(0, datapath_link_apply(p->nodes[a].dp, DATAPATH_NEW, &link));
	ASSERT_EQ(0, datapath_link_session_apply(p->nodes[a].dp, DATAPATH_NEW, &s));
}

static void circuits(struct __test_metadata *_metadata, struct path *p, bool pass)
{
	struct datapath_circuit c = { .data_class = MV_LARGE };
	struct datapath_session s = { .id = 7, .device = 3, .has4 = true, .has6 = true };
	struct datapath_device d = { .id = 3, .mtu = 1420, .role = DATAPATH_ROLE_ORIGIN };
	u32 i;

	memcpy(s.inner4, "\xc6\x12\x01\x02", 4);
	memcpy(s.inner6, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x09", 16);
	ASSERT_EQ(0, datapath_device_apply(p->nodes[0].dp, DATAPATH_NEW, &d));
	ASSERT_EQ(0, datapath_session_apply(p->nodes[0].dp, DATAPATH_NEW, &s));
	d.role = DATAPATH_ROLE_EXIT;
	ASSERT_EQ(0, datapath_device_apply(p->nodes[p->hops].dp, DATAPATH_NEW, &d));
	ASSERT_EQ(0, datapath_session_apply(p->nodes[p->hops].dp, DATAPATH_NEW, &s));
	c.kind = DATAPATH_ORIGIN_CIRCUIT;
	c.link = 2;
	c.circuit = 100;
	c.hops = p->hops;
	c.reserve = mv_reserve(p->hops);
	c.pass = pass;
	c.session = 7;
	for (i = 0; i < p->hops; i++) {
		key(c.kf[i], 32, i + 1, 3, 0);
		key(c.kb[i], 32, i + 1, 4, 0);
	}
	ASSERT_EQ(0, datapath_circuit_apply(p->nodes[0].dp, DATAPATH_NEW, &c));
	s.link = 2;
	s.circuit = 100;
	ASSERT_EQ(0, datapath_session_apply(p->nodes[0].dp, DATAPATH_SET, &s));
	for (i = 1; i <= p->hops; i++) {
		bool last = i == p->hops;
		struct datapath_circuit r = {
			.kind = last ? DATAPATH_TERMINUS_CIRCUIT : DATAPATH_RELAY, .link = 1,
			.circuit = 99 + i, .out_link = last ? 0 : 2, .out_circuit = last ? 0 : 100 + i,
			.hops = 1, .reserve = c.reserve, .data_class = MV_LARGE, .pass = pass,
			.session = last ? 7 : 0,
		};

		memcpy(r.kf[0], c.kf[i - 1], 32);
		memcpy(r.kb[0], c.kb[i - 1], 32);
		ASSERT_EQ(0, datapath_circuit_apply(p->nodes[i].dp, DATAPATH_NEW, &r));
		ASSERT_EQ(-EEXIST, datapath_circuit_apply(p->nodes[i].dp, DATAPATH_NEW, &r));
	}
	s.link = 1;
	s.circuit = 99 + p->hops;
	ASSERT_EQ(0, datapath_session_apply(p->nodes[p->hops].dp, DATAPATH_SET, &s));
}

static struct path *path_new(struct __test_metadata *_metadata, u32 hops, bool pass)
{
	struct datapath_conf conf = { .lanes = 1 };
	struct path *p = calloc(1, sizeof(*p));
	u32 i;

	p->hops = hops;
	p->now = 1000000000;
	for (i = 0; i <= hops; i++) {
		p->nodes[i].path = p;
		p->nodes[i].index = i;
		ASSERT_EQ(0, datapath_open(&p->nodes[i].dp, "fake", &conf, &ops, &p->nodes[i]));
		if (i)
			join(_metadata, p, i, i - 1);
		if (i < hops)
			join(_metadata, p, i, i + 1);
	}
	circuits(_metadata, p, pass);
	return p;
}

static void path_free(struct path *p)
{
	u32 i;

	for (i = 0; i <= p->hops; i++)
		datapath_close(p->nodes[i].dp);
	free(p);
}

/* A packet of the client's (or to it). */
static u32 packet(u8 *to, u32 len, bool outward, u8 seed)
{
	u32 i;

	for (i = 0; i < len; i++)
		to[i] = (u8)(i * 3 + seed);
	memset(to, 0, 20);
	to[0] = 0x45;
	mv_put_be16(to + 2, (u16)len);
	to[8] = 64;
	to[9] = 17;
	memcpy(to + (outward ? 12 : 16), "\xc6\x12\x01\x02", 4);
	memcpy(to + (outward ? 16 : 12), "\x08\x08\x08\x08", 4);
	return len;
}

TEST(every_length)
{
	u32 hops, len;
	u8 buf[1500];

	for (hops = 1; hops <= 10; hops++) {
		struct path *p = path_new(_metadata, hops, false);

		for (len = 20; len <= 1420; len += 7) {
			packet(buf, len, true, 1);
			p->nodes[hops].count = p->nodes[0].count = 0;
			datapath_fake_packet(p->nodes[0].dp, 3, buf, len);
			settle(p);
			ASSERT_EQ(1, p->nodes[hops].count) TH_LOG("hops %u len %u", hops, len);
			ASSERT_EQ(len, p->nodes[hops].lens[0]);
			ASSERT_EQ(0, memcmp(buf, p->nodes[hops].packets[0], len));
			packet(buf, len, false, 2);
			datapath_fake_packet(p->nodes[hops].dp, 3, buf, len);
			settle(p);
			ASSERT_EQ(1, p->nodes[0].count);
			ASSERT_EQ(len, p->nodes[0].lens[0]);
			ASSERT_EQ(0, memcmp(buf, p->nodes[0].packets[0], len));
		}
		path_free(p);
	}
}

TEST(pass_and_control)
{
	struct path *p = path_new(_metadata, 3, true);
	u8 buf[1500], message[600];
	u32 i;

	/* nothing goes back before the first cell came forward */
	packet(buf, 100, false, 1);
	datapath_fake_packet(p->nodes[3].dp, 3, buf, 100);
	settle(p);
	EXPECT_EQ(0, p->nodes[0].count);
	EXPECT_EQ(-EAGAIN, datapath_control(p->nodes[3].dp, 1, 102, buf, 10));

	for (i = 0; i < sizeof(message); i++)
		message[i] = (u8)i;
	ASSERT_EQ(0, datapath_control(p->nodes[0].dp, 2, 100, message, sizeof(message)));
	settle(p);
	for (i = 1; i <= 3; i++)
		EXPECT_EQ(1, p->nodes[i].events[DATAPATH_EV_PASS]);
	EXPECT_EQ(0, p->nodes[0].events[DATAPATH_EV_PASS]);
	ASSERT_EQ(1, p->nodes[3].events[DATAPATH_EV_CONTROL]);
	EXPECT_EQ(0, memcmp(message, p->nodes[3].control, sizeof(message)));
	EXPECT_EQ(1328 - 48 - 4, p->nodes[3].control_len);
	ASSERT_EQ(0, datapath_control(p->nodes[3].dp, 1, 102, message, 1328 - 48 - 4 <= sizeof(message) ?
				      1328 - 48 - 4 : sizeof(message)));
	EXPECT_EQ(-EMSGSIZE, datapath_control(p->nodes[3].dp, 1, 102, buf, 1328 - 48 - 3));
	EXPECT_EQ(-ENOENT, datapath_control(p->nodes[2].dp, 1, 101, buf, 10));
	settle(p);
	EXPECT_EQ(1, p->nodes[0].events[DATAPATH_EV_PASS]);
	EXPECT_EQ(1, p->nodes[0].events[DATAPATH_EV_CONTROL]);
	for (i = 0; i <= 3; i++)
		EXPECT_EQ(0, p->nodes[i].up);
	path_free(p);
}

TEST(loss)
{
	struct path *p = path_new(_metadata, 3, false);
	struct datapath_stats stats;
	u8 buf[1500];
	u32 i;

	p->lose = 7;
	for (i = 0; i < 400; i++) {
		p->now += 1000000;
		datapath_fake_packet(p->nodes[0].dp, 3, buf, packet(buf, 20 + i * 3, true, (u8)i));
		settle(p);
	}
	EXPECT_GT(400, p->nodes[3].count);
	EXPECT_LT(200, p->nodes[3].count);
	for (i = 0; i < p->nodes[3].count; i++) {
		u32 len = p->nodes[3].lens[i];

		packet(buf, len, true, (u8)((len - 20) / 3));
		ASSERT_EQ(0, memcmp(buf, p->nodes[3].packets[i], len));
	}
	p->now += 20000000;
	for (i = 0; i <= 3; i++)
		datapath_fake_tick(p->nodes[i].dp);
	datapath_stats_get(p->nodes[3].dp, &stats);
	EXPECT_EQ(0, stats.drops[DROP_LAYER]);
	EXPECT_EQ(0, stats.drops[DROP_FRAME]);
	path_free(p);
}

TEST_HARNESS_MAIN
