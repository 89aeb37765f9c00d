// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is written for the kernel module is what is read back from it: every field of every object
 * makes the way through netlink attributes, and what does not fit is refused. The module itself is
 * tested by the conformance suite.
 */
#include <kselftest_harness.h>

#include <linux/meshvpn.h>
#include <netlink/attr.h>

#include "datapath/kmod_wire.h"

static struct nl_msg *put(const struct datapath_op *op, u32 fields, int *err)
{
	struct nl_msg *m = kmod_request(99, MESHVPN_CMD_BATCH, 0, 3, 256 << 10);

	*err = kmod_put_op(m, op, fields);
	return m;
}

#define PUT(verb_, object_, field, value, fields)							\
	put(&(struct datapath_op){ .verb = verb_, .object = object_, .field = value }, fields, &err)

static struct nlattr *part(const struct nl_msg *m, int set, int type)
{
	struct nlattr *a = nlmsg_find_attr(nlmsg_hdr((struct nl_msg *)m), 4, set);

	return a ? nla_find(nla_data(a), nla_len(a), type) : NULL;
}

TEST(links)
{
	struct datapath_link l = { .id = 7, .up_rate = 1ULL << 40, .up_burst = 3 };
	struct datapath_link_info info;
	struct nl_msg *m;
	int err;

	m = PUT(DATAPATH_NEW, DATAPATH_OBJ_LINK, link, &l, 0);
	ASSERT_EQ(0, err);
	EXPECT_EQ(3, kmod_get_node_id(nlmsg_hdr(m)));
	ASSERT_EQ(0, kmod_get_link(nlmsg_hdr(m), &info));
	EXPECT_EQ(7, info.conf.id);
	EXPECT_EQ(1ULL << 40, info.conf.up_rate);
	EXPECT_EQ(3, info.conf.up_burst);
	kmod_request_free(m);
	m = PUT(DATAPATH_DEL, DATAPATH_OBJ_LINK, link, &l, 0);
	EXPECT_EQ(NULL, part(m, MESHVPN_A_LINK, MESHVPN_A_LINK_UP_RATE));
	kmod_request_free(m);
}

TEST(link_session)
{
	struct datapath_link_session s = {
		.link = 1, .index = 0, .state = DATAPATH_SESSION_PREVIOUS, .rx_ids_count = 2, .rx_ids = { 5, 6 },
		.tx_id = (1ULL << 56) - 1, .remote = { .family = AF_INET6, .port = 4470, .addr = { 0xfd, [15] = 9 } },
		.remote_lanes = 4, .local_lane = 1, .local_lanes = 2,
	};
	struct kmod_link_session_info info;
	struct nl_msg *m;
	int err;

	m = PUT(DATAPATH_NEW, DATAPATH_OBJ_LINK_SESSION, link_session, &s, 0);
	ASSERT_EQ(0, err);
	EXPECT_EQ(16, nla_len(part(m, MESHVPN_A_LINK_SESSION, MESHVPN_A_LINK_SESSION_TX_MASK)));
	ASSERT_EQ(0, kmod_get_link_session(nlmsg_hdr(m), &info));
	EXPECT_EQ(0, memcmp(&s, &info.conf, sizeof(s)));
	kmod_request_free(m);
	/* no endpoint any more is said, not left out */
	s.remote.family = 0;
	m = PUT(DATAPATH_SET, DATAPATH_OBJ_LINK_SESSION, link_session, &s, KMOD_REMOTE);
	EXPECT_EQ(0, nla_len(part(m, MESHVPN_A_LINK_SESSION, MESHVPN_A_LINK_SESSION_REMOTE)));
	EXPECT_EQ(NULL, part(m, MESHVPN_A_LINK_SESSION, MESHVPN_A_LINK_SESSION_RX_TAG));
	EXPECT_EQ(NULL, part(m, MESHVPN_A_LINK_SESSION, MESHVPN_A_LINK_SESSION_STATE));
	kmod_request_free(m);
	s.rx_ids_count = DATAPATH_LINK_IDS + 1;
	kmod_request_free(PUT(DATAPATH_NEW, DATAPATH_OBJ_LINK_SESSION, link_session, &s, 0));
	EXPECT_EQ(-EINVAL, err);
}

TEST(session)
{
	struct datapath_session s = {
		.id = 3, .device = 2, .has6 = true, .inner6 = { 0xfd, 1 }, .link = 4, .circuit = 77,
	}, back;
	struct nl_msg *m;
	int err;

	m = PUT(DATAPATH_NEW, DATAPATH_OBJ_SESSION, session, &s, 0);
	ASSERT_EQ(0, kmod_get_session(nlmsg_hdr(m), &back));
	EXPECT_EQ(0, memcmp(&s, &back, sizeof(s)));
	kmod_request_free(m);
}

TEST(circuit)
{
	struct datapath_circuit c = {
		.kind = DATAPATH_RELAY, .link = 1, .circuit = 2, .out_link = 3, .out_circuit = MV_CIRCUIT_MAX, .hops = 1,
		.data_class = MV_LARGE, .small_forward = true, .pass = true, .rate = 5, .burst = 6,
	};
	struct datapath_circuit_info info;
	struct nl_msg *m;
	int err;

	m = PUT(DATAPATH_NEW, DATAPATH_OBJ_CIRCUIT, circuit, &c, 0);
	EXPECT_EQ(MV_KEY_LEN, nla_len(part(m, MESHVPN_A_CIRCUIT, MESHVPN_A_CIRCUIT_KF)));
	ASSERT_EQ(0, kmod_get_circuit(nlmsg_hdr(m), &info));
	info.conf.hops = 1;
	EXPECT_EQ(0, memcmp(&c, &info.conf, sizeof(c)));
	kmod_request_free(m);
	c.kind = DATAPATH_ORIGIN_CIRCUIT;
	c.hops = 10;
	m = PUT(DATAPATH_NEW, DATAPATH_OBJ_CIRCUIT, circuit, &c, 0);
	EXPECT_EQ(10 * MV_KEY_LEN, nla_len(part(m, MESHVPN_A_CIRCUIT, MESHVPN_A_CIRCUIT_KB)));
	kmod_request_free(m);
	c.hops = 11;
	kmod_request_free(PUT(DATAPATH_NEW, DATAPATH_OBJ_CIRCUIT, circuit, &c, 0));
	EXPECT_EQ(-EINVAL, err);
	c.pass = false;
	m = PUT(DATAPATH_SET, DATAPATH_OBJ_CIRCUIT, circuit, &c, KMOD_PASS | KMOD_SESSION);
	EXPECT_EQ(0, nla_get_u8(part(m, MESHVPN_A_CIRCUIT, MESHVPN_A_CIRCUIT_PASS)));
	EXPECT_EQ(0, nla_get_u32(part(m, MESHVPN_A_CIRCUIT, MESHVPN_A_CIRCUIT_SESSION)));
	EXPECT_EQ(NULL, part(m, MESHVPN_A_CIRCUIT, MESHVPN_A_CIRCUIT_KF));
	kmod_request_free(m);
}

TEST(selector_goes_on)
{
	static struct datapath_prefix prefixes[MESHVPN_PREFIXES_MAX + 1];
	struct datapath_selector s = { .device = 2, .count = MESHVPN_PREFIXES_MAX, .prefixes = prefixes };
	struct nlattr *a, *p;
	u32 i, selectors = 0, more = 0, count = 0;
	int err, left, inner;
	struct nl_msg *m;

	for (i = 0; i < s.count; i++)
		prefixes[i] = (struct datapath_prefix){ .family = i % 2 ? AF_INET : AF_INET6, .bits = 8, .session = i };
	m = PUT(DATAPATH_SET, DATAPATH_OBJ_SELECTOR, selector, &s, KMOD_ALL);
	ASSERT_EQ(0, err);
	nlmsg_for_each_attr(a, nlmsg_hdr(m), 4, left) {
		if (nla_type(a) != MESHVPN_A_SELECTOR)
			continue;
		selectors++;
		nla_for_each_nested(p, a, inner) {
			more += nla_type(p) == MESHVPN_A_SELECTOR_MORE;
			count += nla_type(p) == MESHVPN_A_SELECTOR_PREFIX;
		}
	}
	EXPECT_EQ(s.count, count);
	EXPECT_LT(1, selectors);
	EXPECT_EQ(selectors - 1, more);
	kmod_request_free(m);
	s.count++;
	kmod_request_free(PUT(DATAPATH_SET, DATAPATH_OBJ_SELECTOR, selector, &s, KMOD_ALL));
	EXPECT_EQ(-ENOSPC, err);
}

TEST(batch)
{
	static struct datapath_op ops[KMOD_BATCH_OPS + 1];
	static struct datapath_link links[KMOD_BATCH_OPS + 1];
	size_t room = 0;
	struct nl_msg *m;
	int why;
	u32 i;

	for (i = 0; i <= KMOD_BATCH_OPS; i++) {
		links[i].id = i + 1;
		ops[i] = (struct datapath_op){ .verb = DATAPATH_NEW, .object = DATAPATH_OBJ_LINK, .link = &links[i] };
		room += kmod_op_room(&ops[i]);
	}
	m = kmod_request(99, MESHVPN_CMD_BATCH, 0, 3, room);
	EXPECT_EQ(KMOD_BATCH_OPS, kmod_put_batch(m, ops, KMOD_BATCH_OPS, &why));
	EXPECT_EQ(0, why);
	EXPECT_EQ(DATAPATH_NEW, nla_get_u32(part(m, MESHVPN_A_OP, MESHVPN_A_OP_VERB)));
	EXPECT_NE(NULL, part(m, MESHVPN_A_OP, MESHVPN_A_OP_LINK));
	kmod_request_free(m);
	m = kmod_request(99, MESHVPN_CMD_BATCH, 0, 3, room);
	EXPECT_EQ(KMOD_BATCH_OPS, kmod_put_batch(m, ops, KMOD_BATCH_OPS + 1, &why));
	EXPECT_EQ(-ENOSPC, why);
	kmod_request_free(m);
	/* no room is no crash */
	m = kmod_request(99, MESHVPN_CMD_BATCH, 0, 3, 100);
	EXPECT_GT(4, kmod_put_batch(m, ops, 4, &why));
	EXPECT_EQ(-ENOSPC, why);
	kmod_request_free(m);
	ops[1].object = DATAPATH_OBJ_SELECTOR;
	m = kmod_request(99, MESHVPN_CMD_BATCH, 0, 3, room);
	EXPECT_EQ(1, kmod_put_batch(m, ops, 4, &why));
	EXPECT_EQ(-EINVAL, why);
	kmod_request_free(m);
}

/* The bytes of each op in a batch stay under what is reserved for it. */
TEST(room)
{
	static struct datapath_prefix prefixes[MESHVPN_PREFIXES_MAX];
	struct datapath_circuit c = { .kind = DATAPATH_ORIGIN_CIRCUIT, .hops = MV_HOPS_MAX, .session = 1 };
	struct datapath_link_session s = { .rx_ids_count = DATAPATH_LINK_IDS, .remote.family = AF_INET6 };
	struct datapath_selector selector = { .count = MESHVPN_PREFIXES_MAX, .prefixes = prefixes };
	struct datapath_op ops[] = {
		{ DATAPATH_NEW, DATAPATH_OBJ_CIRCUIT, .circuit = &c },
		{ DATAPATH_NEW, DATAPATH_OBJ_LINK_SESSION, .link_session = &s },
		{ DATAPATH_SET, DATAPATH_OBJ_SELECTOR, .selector = &selector },
	};
	u32 i;

	for (i = 0; i < MESHVPN_PREFIXES_MAX; i++)
		prefixes[i].family = AF_INET6;
	for (i = 0; i < 3; i++) {
		struct nl_msg *m = kmod_request(99, MESHVPN_CMD_BATCH, 0, 3, kmod_op_room(&ops[i]));
		int why;

		EXPECT_EQ(1, kmod_put_batch(m, &ops[i], 1, &why));
		kmod_request_free(m);
	}
}

TEST(node)
{
	struct kmod_node n = {
		.own = true, .lanes = 2, .sockets = { 5, 6 }, .rate = 1, .burst = 2, .up_rate = 3, .up_burst = 4, .hold_us = 5,
		.max_links = 6, .max_circuits = 7, .queue_cells = 8, .send_bytes = 9, .volume_limit = 10,
	};
	struct kmod_node_info info;
	struct nl_msg *m = kmod_request(99, MESHVPN_CMD_NODE_NEW, 0, 3, 0);

	ASSERT_EQ(0, kmod_put_node(m, &n, KMOD_ALL));
	EXPECT_NE(NULL, part(m, MESHVPN_A_NODE, MESHVPN_A_NODE_OWN));
	EXPECT_EQ(5, nla_get_u32(part(m, MESHVPN_A_NODE, MESHVPN_A_NODE_SOCKET)));
	EXPECT_EQ(NULL, part(m, MESHVPN_A_NODE, MESHVPN_A_NODE_LANES));
	ASSERT_EQ(0, kmod_get_node(nlmsg_hdr(m), &info));
	n.lanes = 0;
	n.own = false;
	n.id = 3;
	memset(n.sockets, 0, sizeof(n.sockets));
	EXPECT_EQ(0, memcmp(&n, &info.conf, sizeof(n)));
	kmod_request_free(m);
	n.lanes = DATAPATH_LANES_MAX + 1;
	m = kmod_request(99, MESHVPN_CMD_NODE_NEW, 0, 3, 0);
	EXPECT_EQ(-EINVAL, kmod_put_node(m, &n, KMOD_ALL));
	kmod_request_free(m);
}

static struct nl_msg *event_message(u32 kind)
{
	struct nl_msg *m = kmod_request(99, MESHVPN_CMD_EVENT, 0, 3, 0);
	struct nlattr *nest = nla_nest_start(m, MESHVPN_A_EVENT | NLA_F_NESTED), *from;
	u8 addr[4] = { 192, 0, 2, 1 };

	nla_put_u32(m, MESHVPN_A_EVENT_KIND, kind);
	nla_put_u32(m, MESHVPN_A_EVENT_LINK, 4);
	nla_put_u32(m, MESHVPN_A_EVENT_DEVICE, 5);
	nla_put_u64(m, MESHVPN_A_EVENT_COUNTER, 1ULL << 33);
	from = nla_nest_start(m, MESHVPN_A_EVENT_FROM | NLA_F_NESTED);
	nla_put_u16(m, MESHVPN_A_ENDPOINT_FAMILY, AF_INET);
	nla_put(m, MESHVPN_A_ENDPOINT_ADDR, 4, addr);
	nla_put_u16(m, MESHVPN_A_ENDPOINT_PORT, htons(4470));
	nla_nest_end(m, from);
	nla_put(m, MESHVPN_A_EVENT_DATA, 3, "abc");
	nla_put_u32(m, MESHVPN_A_EVENT_LOST, 2);
	nla_nest_end(m, nest);
	return m;
}

TEST(events)
{
	struct datapath_event e;
	struct nl_msg *m = event_message(MESHVPN_EVENT_KIND_ADDRESS);
	u32 lost;

	ASSERT_EQ(0, kmod_get_event(nlmsg_hdr(m), &e, &lost));
	EXPECT_EQ(DATAPATH_EV_ADDRESS, e.kind);
	EXPECT_EQ(4, e.link);
	EXPECT_EQ(1ULL << 33, e.counter);
	EXPECT_EQ(4470, e.from.port);
	EXPECT_EQ(192, e.from.addr[0]);
	EXPECT_EQ(3, e.len);
	EXPECT_EQ(0, memcmp(e.data, "abc", 3));
	EXPECT_EQ(2, lost);
	kmod_request_free(m);
	m = event_message(MESHVPN_EVENT_KIND_DEVICE);
	ASSERT_EQ(0, kmod_get_event(nlmsg_hdr(m), &e, &lost));
	EXPECT_EQ(5, e.link);
	kmod_request_free(m);
	/* of a newer module */
	m = event_message(77);
	EXPECT_EQ(-EBADMSG, kmod_get_event(nlmsg_hdr(m), &e, &lost));
	kmod_request_free(m);
}

TEST_HARNESS_MAIN
