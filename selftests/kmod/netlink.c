// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The module's netlink interface, request by request: what is taken is shown again, what is refused
 * names the attribute that is to blame. As root in a kernel with the module:
 * tools/vm build/selftests/kmod/netlink
 */
#include <netinet/in.h>
#include "nl_rig.h"

/* ---- what is taken and shown ---- */

TEST_F(node, shows_what_it_took)
{
	struct object o;

	EXPECT_EQ(differs(&self->nl, self->id, object_link(1)), 0);
	EXPECT_EQ(differs(&self->nl, self->id, object_device(1, "mv0")), 0);
	EXPECT_EQ(CALL(object_link_session(1, 5, 99), NEW), 0);
	EXPECT_EQ(differs(&self->nl, self->id, object_link_session(1, 5, 99)), 0);
	EXPECT_EQ(CALL(relay(7), NEW), 0);
	EXPECT_EQ(differs(&self->nl, self->id, relay(7)), 0);
	EXPECT_EQ(CALL(terminus(8), NEW), 0);
	EXPECT_EQ(differs(&self->nl, self->id, terminus(8)), 0);
	EXPECT_EQ(CALL(origin(9), NEW), 0);
	EXPECT_EQ(differs(&self->nl, self->id, origin(9)), 0);
	EXPECT_EQ(CALL(object_session(3, 1, 1, 8), NEW), 0);
	EXPECT_EQ(differs(&self->nl, self->id, object_session(3, 1, 1, 8)), 0);
	/* the leg serves the session now */
	o = terminus(8);
	object_set(&o, MESHVPN_A_CIRCUIT_SESSION, 3);
	EXPECT_EQ(differs(&self->nl, self->id, o), 0);
	EXPECT_EQ(CALL(object_selector(1), SET), 0);
	EXPECT_EQ(differs(&self->nl, self->id, object_selector(1)), 0);
}

TEST_F(node, changes_only_what_it_is_given)
{
	struct object o = relay(7), given;

	ASSERT_EQ(CALL(o, NEW), 0);
	object_set(&o, MESHVPN_A_CIRCUIT_RATE, 5);
	given = (struct object){ .kind = CIRCUIT };
	object_add(&given, MESHVPN_A_CIRCUIT_LINK, NAME, 1, 4);
	object_add(&given, MESHVPN_A_CIRCUIT_CIRCUIT, NAME, 7, 4);
	object_add(&given, MESHVPN_A_CIRCUIT_RATE, SETTABLE, 5, 8);
	EXPECT_EQ(CALL(given, SET), 0);
	EXPECT_EQ(differs(&self->nl, self->id, o), 0);

	o = object_link_session(1, 5, 99);
	ASSERT_EQ(CALL(o, NEW), 0);
	object_set(&o, MESHVPN_A_LINK_SESSION_STATE, MESHVPN_SESSION_STATE_NEXT);
	given = (struct object){ .kind = LINK_SESSION };
	object_add(&given, MESHVPN_A_LINK_SESSION_LINK, NAME, 1, 4);
	object_add(&given, MESHVPN_A_LINK_SESSION_INDEX, NAME, 5, 4);
	object_add(&given, MESHVPN_A_LINK_SESSION_STATE, SETTABLE, MESHVPN_SESSION_STATE_NEXT, 4);
	EXPECT_EQ(CALL(given, SET), 0);
	EXPECT_EQ(differs(&self->nl, self->id, o), 0);

	o = object_link(1);
	object_set(&o, MESHVPN_A_LINK_UP_RATE, 4711);
	object_set(&o, MESHVPN_A_LINK_UP_BURST, 4712);
	EXPECT_EQ(CALL(o, SET), 0);
	EXPECT_EQ(differs(&self->nl, self->id, o), 0);

	o = object_device(1, "mv0");
	object_set(&o, MESHVPN_A_DEVICE_MTU, 1000);
	EXPECT_EQ(CALL(o, SET), 0);
	EXPECT_EQ(differs(&self->nl, self->id, o), 0);
}

TEST_F(node, deletes)
{
	static const enum object_kind kinds[] = { CIRCUIT, SESSION, LINK_SESSION, LINK, DEVICE };
	struct object objects[OBJECTS] = {
		[CIRCUIT] = relay(7), [SESSION] = object_session(3, 1, 0, 0),
		[LINK_SESSION] = object_link_session(1, 5, 99), [LINK] = object_link(1),
		[DEVICE] = object_device(1, "mv0"),
	};
	size_t i;

	for (i = 0; i < 3; i++)
		ASSERT_EQ(CALL(objects[kinds[i]], NEW), 0);
	for (i = 0; i < 5; i++) {
		EXPECT_EQ(CALL(objects[kinds[i]], GET), 0);
		EXPECT_EQ(CALL(objects[kinds[i]], DEL), 0);
		EXPECT_EQ(CALL(objects[kinds[i]], GET), -ENOENT);
		EXPECT_EQ(CALL(objects[kinds[i]], DEL), -ENOENT);
	}
}

TEST_F(node, nodes)
{
	struct nl_answer a;
	int64_t other;
	size_t nest;

	EXPECT_EQ(node_number(&self->nl, self->id, MESHVPN_A_NODE, MESHVPN_A_NODE_MAX_CIRCUITS), 1000);
	EXPECT_EQ(node_number(&self->nl, self->id, MESHVPN_A_NODE, MESHVPN_A_NODE_HOLD_US), 200);
	EXPECT_EQ(node_number(&self->nl, self->id, MESHVPN_A_NODE, MESHVPN_A_NODE_UP_RATE), 2000);
	EXPECT_EQ(node_number(&self->nl, self->id, MESHVPN_A_NODE_INFO, MESHVPN_A_NODE_INFO_LINKS), 2);
	EXPECT_EQ(node_number(&self->nl, self->id, MESHVPN_A_NODE_INFO, MESHVPN_A_NODE_INFO_OWNER),
		  self->nl.port);
	EXPECT_EQ(node_counter(&self->nl, self->id, MESHVPN_A_NODE_INFO_DROPS, MESHVPN_A_DROPS_REPLAY), 0);

	nl_begin(&m, MESHVPN_CMD_NODE_SET, 0);
	nl_u32(&m, MESHVPN_A_NODE_ID, self->id);
	nest = nl_nest(&m, MESHVPN_A_NODE);
	nl_u64(&m, MESHVPN_A_NODE_RATE, 12345678);
	nl_nest_end(&m, nest);
	EXPECT_EQ(nl_call(&self->nl, &m, NULL), 0);
	EXPECT_EQ(node_number(&self->nl, self->id, MESHVPN_A_NODE, MESHVPN_A_NODE_RATE), 12345678);
	EXPECT_EQ(node_number(&self->nl, self->id, MESHVPN_A_NODE, MESHVPN_A_NODE_MAX_CIRCUITS), 1000);

	other = node_make(&self->nl, &m, false, 0);
	EXPECT_GT(other, 0);
	EXPECT_NE(other, self->id);
	EXPECT_EQ(node_number(&self->nl, (uint32_t)other, MESHVPN_A_NODE, MESHVPN_A_NODE_MAX_CIRCUITS), 65536);
	EXPECT_EQ(node_call(&self->nl, MESHVPN_CMD_NODE_GET, NLM_F_DUMP, 0, &a), 0);
	EXPECT_EQ(a.count, 2);
	nl_answer_free(&a);
	EXPECT_EQ(node_call(&self->nl, MESHVPN_CMD_NODE_DEL, 0, (uint32_t)other, NULL), 0);
	EXPECT_EQ(node_call(&self->nl, MESHVPN_CMD_NODE_GET, 0, (uint32_t)other, NULL), -ENOENT);
	EXPECT_EQ(node_call(&self->nl, MESHVPN_CMD_NODE_DEL, 0, (uint32_t)other, NULL), -ENOENT);
}

/* ---- sockets of a node ---- */

static int udp(uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	return bind(fd, (struct sockaddr *)&a, sizeof(a)) ? -1 : fd;
}

static int node_sockets(struct nl *nl, const int *fds, int count, struct nl_answer *a)
{
	size_t nest;
	int i;

	nl_begin(&m, MESHVPN_CMD_NODE_NEW, 0);
	nl_u32(&m, MESHVPN_A_NODE_ID, 40);
	nest = nl_nest(&m, MESHVPN_A_NODE);
	for (i = 0; i < count; i++)
		nl_u32(&m, MESHVPN_A_NODE_SOCKET, (uint32_t)fds[i]);
	nl_nest_end(&m, nest);
	return nl_call(nl, &m, a);
}

TEST_F(node, takes_sockets_or_undoes)
{
	int fds[3] = { udp(5001), udp(5002), socket(AF_INET, SOCK_STREAM, 0) };
	struct nl_answer a;

	/* a third that is none: neither node nor encapsulation stays */
	EXPECT_EQ(node_sockets(&self->nl, fds, 3, &a), -EPROTONOSUPPORT);
	EXPECT_EQ(a.offs, NLMSG_HDRLEN + GENL_HDRLEN + 8 + NLA_HDRLEN + 2 * 8);
	EXPECT_EQ(node_call(&self->nl, MESHVPN_CMD_NODE_GET, 0, 40, NULL), -ENOENT);
	EXPECT_EQ(node_sockets(&self->nl, fds, 2, NULL), 0);
	EXPECT_EQ(node_sockets(&self->nl, fds, 2, NULL), -EEXIST);
	EXPECT_EQ(node_call(&self->nl, MESHVPN_CMD_NODE_DEL, 0, 40, NULL), 0);
	/* and again, after the node */
	EXPECT_EQ(node_sockets(&self->nl, fds, 2, NULL), 0);
	EXPECT_EQ(node_call(&self->nl, MESHVPN_CMD_NODE_DEL, 0, 40, NULL), 0);
	fds[0] = 1000;
	EXPECT_EQ(node_sockets(&self->nl, fds, 1, &a), -EBADF);
	EXPECT_EQ(node_sockets(&self->nl, fds, 0, &a), -EINVAL);
	EXPECT_EQ(a.miss_type, MESHVPN_A_NODE_SOCKET);
}

static int node_lanes(struct nl *nl, uint32_t lanes, uint16_t port, struct nl_answer *a)
{
	size_t nest;

	nl_begin(&m, MESHVPN_CMD_NODE_NEW, 0);
	nl_u32(&m, MESHVPN_A_NODE_ID, 40);
	nest = nl_nest(&m, MESHVPN_A_NODE);
	nl_u32(&m, MESHVPN_A_NODE_LANES, lanes);
	if (port)
		nl_u16(&m, MESHVPN_A_NODE_PORT, htons(port));
	nl_nest_end(&m, nest);
	return nl_call(nl, &m, a);
}

TEST_F(node, makes_sockets_in_a_row)
{
	const uint8_t *p, *lane;
	struct nl_answer a;
	size_t n, k;
	int blocker;

	EXPECT_EQ(node_lanes(&self->nl, 4, 0, NULL), -EINVAL);
	EXPECT_EQ(node_lanes(&self->nl, 4, 65534, NULL), -EINVAL);
	EXPECT_EQ(node_lanes(&self->nl, 17, 5000, NULL), -ERANGE);
	blocker = udp(5003);
	EXPECT_EQ(node_lanes(&self->nl, 4, 5000, NULL), -EADDRINUSE);
	EXPECT_EQ(node_call(&self->nl, MESHVPN_CMD_NODE_GET, 0, 40, NULL), -ENOENT);
	close(blocker);
	ASSERT_EQ(node_lanes(&self->nl, 4, 5000, &a), 0);
	p = nl_message(&a, 0, &n);
	p = nl_find(p, n, MESHVPN_A_NODE_INFO, &n);
	lane = nl_find(p, n, MESHVPN_A_NODE_INFO_LANE, &k);
	ASSERT_NE(lane, NULL);
	p = nl_find(lane, k, MESHVPN_A_LANE_PORT, &n);
	EXPECT_EQ(p[0] << 8 | p[1], 5000);
	nl_answer_free(&a);
	EXPECT_EQ(udp(5003), -1);
	EXPECT_EQ(node_call(&self->nl, MESHVPN_CMD_NODE_DEL, 0, 40, NULL), 0);
}

/* ---- what is refused, and who is blamed ---- */

struct wrong {
	enum object_kind kind;
	enum meshvpn_circuit_kind circuit;
	uint16_t type;
	uint64_t value;
	size_t len;
	int err;
};

#define W(kind, type, value, len, err) { kind, 0, MESHVPN_A_##kind##_##type, value, len, err }
#define WC(circuit, type, value, len, err) \
	{ CIRCUIT, MESHVPN_CIRCUIT_KIND_##circuit, MESHVPN_A_CIRCUIT_##type, value, len, err }

static const struct wrong wrongs[] = {
	W(DEVICE, ID, 0, 4, ERANGE), W(DEVICE, ID, 1, 2, EINVAL), W(DEVICE, ROLE, 2, 4, ERANGE),
	W(DEVICE, MTU, 575, 4, ERANGE), W(DEVICE, MTU, 65536, 4, ERANGE),
	W(LINK, ID, 0, 4, ERANGE), W(LINK, ID, 1, 8, EINVAL), W(LINK, UP_RATE, 1, 4, EINVAL),
	W(LINK_SESSION, LINK, 0, 4, ERANGE), W(LINK_SESSION, STATE, 3, 4, ERANGE),
	W(LINK_SESSION, RX_ID, 1ULL << 56, 8, ERANGE), W(LINK_SESSION, TX_ID, 1ULL << 56, 8, ERANGE),
	W(LINK_SESSION, RX_ID, 5, 7, EINVAL),
	W(LINK_SESSION, RX_TAG, 0, 15, ERANGE), W(LINK_SESSION, RX_MASK, 0, 8, ERANGE),
	W(LINK_SESSION, TX_TAG, 0, 0, ERANGE), W(LINK_SESSION, TX_MASK, 0, 15, ERANGE),
	W(LINK_SESSION, REMOTE_LANES, 0, 4, ERANGE), W(LINK_SESSION, REMOTE_LANES, 257, 4, ERANGE),
	W(LINK_SESSION, LOCAL_LANE, 16, 4, ERANGE), W(LINK_SESSION, LOCAL_LANES, 17, 4, ERANGE),
	W(SESSION, ID, 0, 4, ERANGE), W(SESSION, INNER4, 1, 3, ERANGE), W(SESSION, INNER4, 1, 5, ERANGE),
	W(SESSION, INNER6, 1, 4, ERANGE), W(SESSION, CIRCUIT, 1 << 24, 4, ERANGE),
	WC(RELAY, KIND, 3, 4, ERANGE), WC(RELAY, LINK, 0, 4, ERANGE), WC(RELAY, CIRCUIT, 0, 4, ERANGE),
	WC(RELAY, CIRCUIT, 1 << 24, 4, ERANGE), WC(RELAY, OUT_LINK, 0, 4, ERANGE),
	WC(RELAY, OUT_CIRCUIT, 0, 4, ERANGE), WC(RELAY, OUT_CIRCUIT, 1 << 24, 4, ERANGE),
	WC(RELAY, KF, 0, 0, EINVAL), WC(RELAY, KF, 0, 31, EINVAL), WC(RELAY, KF, 0, 33, EINVAL),
	WC(RELAY, KF, 0, 64, EINVAL), WC(RELAY, KB, 0, 64, EINVAL), WC(ORIGIN, KB, 0, 64, EINVAL),
	WC(TERMINUS, KB, 0, 0, EINVAL), WC(TERMINUS, RESERVE, 0, 4, EINVAL),
	WC(ORIGIN, RESERVE, 47, 4, EINVAL), WC(RELAY, DATA_CLASS, 0, 4, ERANGE),
	WC(RELAY, DATA_CLASS, 3, 4, ERANGE), WC(RELAY, SMALL_FORWARD, 2, 1, ERANGE),
	WC(RELAY, PASS, 2, 1, ERANGE), WC(RELAY, RATE, 1, 4, EINVAL),
	WC(TERMINUS, OUT_LINK, 2, 4, EINVAL), WC(ORIGIN, OUT_CIRCUIT, 2, 4, EINVAL),
	{ SELECTOR, 0, MESHVPN_A_SELECTOR_DEVICE, 0, 4, ERANGE },
};

static struct object valid(enum object_kind kind, enum meshvpn_circuit_kind circuit)
{
	switch (kind) {
	case DEVICE:
		return object_device(2, "mv1");
	case LINK:
		return object_link(3);
	case LINK_SESSION:
		return object_link_session(1, 5, 99);
	case SESSION:
		return object_session(3, 1, 0, 0);
	case SELECTOR:
		return object_selector(1);
	default:
		return object_circuit(circuit, 1, 7);
	}
}

TEST_F(node, blames_the_wrong_attribute)
{
	char *before, *after;
	struct nl_answer a;
	size_t i, n, k;

	before = state(&self->nl, self->id, &n);
	for (i = 0; i < sizeof(wrongs) / sizeof(*wrongs); i++) {
		const struct wrong *w = &wrongs[i];
		struct object o = valid(w->kind, w->circuit);
		uint8_t data[64] = { 0 };

		memcpy(data, &w->value, sizeof(w->value));
		object_bytes(&o, w->type, data, w->len);
		EXPECT_EQ(object_call(&self->nl, &m, self->id, o, w->kind == SELECTOR ? SET : NEW, &a), -w->err) {
			TH_LOG("wrong %zu (object %d attribute %u): %s", i, w->kind, w->type, a.text);
		}
		/* where keys do not go together the second is to blame as well as the first */
		if (w->type != MESHVPN_A_CIRCUIT_KF || w->kind != CIRCUIT)
			EXPECT_EQ(type_at(a.offs), w->type) {
				TH_LOG("wrong %zu (object %d): %s", i, w->kind, a.text);
			}
		EXPECT_NE(a.text[0], 0);
		nl_answer_free(&a);
	}
	after = state(&self->nl, self->id, &k);
	ASSERT_EQ(n, k);
	EXPECT_EQ(memcmp(before, after, n), 0);
}

TEST_F(node, names_what_is_missing)
{
	enum object_kind kind;
	struct nl_answer a;
	uint32_t i, circuit;

	for (kind = DEVICE; kind < OBJECTS; kind++)
		for (circuit = 0; circuit < (kind == CIRCUIT ? 3 : 1); circuit++) {
			struct object all = valid(kind, circuit);

			for (i = 0; i < all.count; i++) {
				struct object o = all;
				uint16_t type = all.fields[i].type;

				if (!(all.fields[i].flags & (NAME | NEEDED)))
					continue;
				object_drop(&o, type);
				EXPECT_EQ(object_call(&self->nl, &m, self->id, o,
						      kind == SELECTOR ? SET : NEW, &a), -EINVAL);
				EXPECT_EQ(a.miss_type, type) {
					TH_LOG("object %d attribute %u: %s", kind, type, a.text);
				}
				EXPECT_EQ(type_at(a.miss_nest), object_table[kind].root);
				EXPECT_EQ(type_at(a.offs), object_table[kind].root);
				nl_answer_free(&a);
			}
			/* no nest, no node */
			nl_begin(&m, object_table[kind].cmd[SET], 0);
			nl_u32(&m, MESHVPN_A_NODE_ID, self->id);
			EXPECT_EQ(nl_call(&self->nl, &m, &a), -EINVAL);
			EXPECT_EQ(a.miss_type, object_table[kind].root);
			nl_begin(&m, object_table[kind].cmd[SET], 0);
			put_fields(&m, &all, SET, object_table[kind].root, 0);
			EXPECT_EQ(nl_call(&self->nl, &m, &a), -EINVAL);
			EXPECT_EQ(a.miss_type, MESHVPN_A_NODE_ID);
		}
	/* half a leg */
	{
		struct object o = object_session(3, 1, 1, 8);

		object_drop(&o, MESHVPN_A_SESSION_CIRCUIT);
		EXPECT_EQ(object_call(&self->nl, &m, self->id, o, NEW, &a), -EINVAL);
		EXPECT_EQ(a.miss_type, MESHVPN_A_SESSION_CIRCUIT);
	}
}

TEST_F(node, refuses_what_a_verb_does_not_take)
{
	enum object_kind kind;
	struct nl_answer a;
	enum verb verb;
	uint32_t i;

	for (kind = DEVICE; kind < OBJECTS; kind++) {
		struct object o = valid(kind, 0);

		for (verb = SET; verb <= GET; verb++)
			for (i = 0; i < o.count; i++) {
				uint16_t type = o.fields[i].type;

				if (!object_table[kind].cmd[verb] || o.fields[i].flags & NAME ||
				    (verb == SET && o.fields[i].flags & SETTABLE))
					continue;
				nl_begin(&m, object_table[kind].cmd[verb], 0);
				nl_u32(&m, MESHVPN_A_NODE_ID, self->id);
				put_fields(&m, &o, verb, object_table[kind].root, type);
				EXPECT_EQ(nl_call(&self->nl, &m, &a), -EINVAL);
				EXPECT_EQ(type_at(a.offs), type) {
					TH_LOG("object %d verb %d attribute %u: %s", kind, verb, type, a.text);
				}
				nl_answer_free(&a);
			}
	}
	/* attributes that nobody knows, nests that are none */
	nl_begin(&m, MESHVPN_CMD_NODE_DEL, 0);
	nl_u32(&m, MESHVPN_A_NODE_ID, self->id);
	nl_u32(&m, 99, 1);
	EXPECT_EQ(nl_call(&self->nl, &m, NULL), -EINVAL);
	nl_begin(&m, MESHVPN_CMD_LINK_DEL, 0);
	nl_u32(&m, MESHVPN_A_NODE_ID, self->id);
	nl_u32(&m, MESHVPN_A_LINK, 1);
	EXPECT_EQ(nl_call(&self->nl, &m, NULL), -EINVAL);
	/* a dump is of everything */
	nl_begin(&m, MESHVPN_CMD_LINK_GET, NLM_F_DUMP);
	nl_u32(&m, MESHVPN_A_NODE_ID, self->id);
	put_fields(&m, &(struct object){ .kind = LINK }, GET, MESHVPN_A_LINK, 0);
	EXPECT_EQ(nl_call(&self->nl, &m, NULL), -EINVAL);
}

TEST_F(node, endpoints_and_prefixes)
{
	static const struct {
		uint16_t family;
		size_t len;
		uint8_t bits;
		uint16_t port, blame, blame_prefix;
	} cases[] = {
		{ AF_INET, 16, 8, 1, MESHVPN_A_ENDPOINT_ADDR, MESHVPN_A_PREFIX_ADDR },
		{ AF_INET6, 4, 8, 1, MESHVPN_A_ENDPOINT_ADDR, MESHVPN_A_PREFIX_ADDR },
		{ AF_UNIX, 4, 8, 1, MESHVPN_A_ENDPOINT_FAMILY, MESHVPN_A_PREFIX_FAMILY },
		{ AF_INET, 4, 33, 0, MESHVPN_A_ENDPOINT_PORT, MESHVPN_A_PREFIX_BITS },
		{ AF_INET6, 16, 128, 1, 0, 0 },
		{ AF_INET, 4, 32, 1, 0, 0 },
	};
	uint8_t addr[16] = { 0xfd, 1, 2, 3 };
	struct object o = object_link_session(1, 5, 99);
	struct nl_answer a;
	size_t i, nest, in;

	ASSERT_EQ(CALL(o, NEW), 0);
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		nl_begin(&m, MESHVPN_CMD_LINK_SESSION_SET, 0);
		nl_u32(&m, MESHVPN_A_NODE_ID, self->id);
		nest = nl_nest(&m, MESHVPN_A_LINK_SESSION);
		nl_u32(&m, MESHVPN_A_LINK_SESSION_LINK, 1);
		nl_u32(&m, MESHVPN_A_LINK_SESSION_INDEX, 5);
		in = nl_nest(&m, MESHVPN_A_LINK_SESSION_REMOTE);
		nl_u16(&m, MESHVPN_A_ENDPOINT_FAMILY, cases[i].family);
		nl_put(&m, MESHVPN_A_ENDPOINT_ADDR, addr, cases[i].len);
		nl_u16(&m, MESHVPN_A_ENDPOINT_PORT, htons(cases[i].port));
		nl_nest_end(&m, in);
		nl_nest_end(&m, nest);
		EXPECT_EQ(nl_call(&self->nl, &m, &a), cases[i].blame ? -EINVAL : 0);
		EXPECT_TRUE(!cases[i].blame || type_at(a.offs) == cases[i].blame);

		nl_begin(&m, MESHVPN_CMD_SELECTOR_SET, 0);
		nl_u32(&m, MESHVPN_A_NODE_ID, self->id);
		nest = nl_nest(&m, MESHVPN_A_SELECTOR);
		nl_u32(&m, MESHVPN_A_SELECTOR_DEVICE, 1);
		in = nl_nest(&m, MESHVPN_A_SELECTOR_PREFIX);
		nl_u16(&m, MESHVPN_A_PREFIX_FAMILY, cases[i].family);
		nl_u8(&m, MESHVPN_A_PREFIX_BITS, cases[i].bits);
		nl_put(&m, MESHVPN_A_PREFIX_ADDR, addr, cases[i].len);
		nl_u32(&m, MESHVPN_A_PREFIX_SESSION, 1);
		nl_nest_end(&m, in);
		nl_nest_end(&m, nest);
		EXPECT_EQ(nl_call(&self->nl, &m, &a), cases[i].blame_prefix ? -EINVAL : 0);
		EXPECT_TRUE(!cases[i].blame_prefix || type_at(a.offs) == cases[i].blame_prefix);
	}
	/* an empty nest takes the endpoint away */
	nl_begin(&m, MESHVPN_CMD_LINK_SESSION_SET, 0);
	nl_u32(&m, MESHVPN_A_NODE_ID, self->id);
	nest = nl_nest(&m, MESHVPN_A_LINK_SESSION);
	nl_u32(&m, MESHVPN_A_LINK_SESSION_LINK, 1);
	nl_u32(&m, MESHVPN_A_LINK_SESSION_INDEX, 5);
	in = nl_nest(&m, MESHVPN_A_LINK_SESSION_REMOTE);
	nl_nest_end(&m, in);
	nl_nest_end(&m, nest);
	EXPECT_EQ(nl_call(&self->nl, &m, NULL), 0);
	EXPECT_EQ(differs(&self->nl, self->id, o), MESHVPN_A_LINK_SESSION_REMOTE);
}

/* The errors of datapath.h, object by object. */
TEST_F(node, exists_or_not_or_too_many)
{
	struct object o;
	uint32_t i;

	EXPECT_EQ(CALL(object_link(1), NEW), -EEXIST);
	EXPECT_EQ(CALL(object_device(1, "mv1"), NEW), -EEXIST);
	EXPECT_EQ(CALL(object_device(2, "mv0"), NEW), -EEXIST);
	EXPECT_EQ(CALL(object_device(2, "lo"), NEW), -ENOENT);
	EXPECT_EQ(CALL(object_device(2, "nothing"), NEW), -ENOENT);
	EXPECT_EQ(CALL(object_device(2, "mv1"), SET), -ENOENT);
	EXPECT_EQ(CALL(object_link(9), SET), -ENOENT);
	EXPECT_EQ(CALL(object_link_session(9, 1, 1), NEW), -ENOENT);
	EXPECT_EQ(CALL(object_link_session(1, 1, 1), SET), -ENOENT);
	EXPECT_EQ(CALL(object_session(1, 9, 0, 0), NEW), -ENOENT);
	EXPECT_EQ(CALL(object_session(1, 1, 1, 5), NEW), -ENOENT);
	EXPECT_EQ(CALL(object_session(1, 1, 0, 0), SET), -ENOENT);
	EXPECT_EQ(CALL(object_circuit(MESHVPN_CIRCUIT_KIND_RELAY, 9, 1), NEW), -ENOENT);
	EXPECT_EQ(CALL(object_circuit(MESHVPN_CIRCUIT_KIND_RELAY, 2, 1), NEW), -ENOENT);
	EXPECT_EQ(CALL(relay(1), SET), -ENOENT);
	EXPECT_EQ(CALL(object_selector(9), SET), -ENOENT);

	/* a circuit's other side is taken as well, but names nothing */
	EXPECT_EQ(CALL(relay(1), NEW), 0);
	EXPECT_EQ(CALL(relay(1), NEW), -EEXIST);
	EXPECT_EQ(CALL(object_circuit(MESHVPN_CIRCUIT_KIND_TERMINUS, 2, 1), NEW), -EEXIST);
	EXPECT_EQ(CALL(object_circuit(MESHVPN_CIRCUIT_KIND_TERMINUS, 2, 1), DEL), -ENOENT);
	EXPECT_EQ(CALL(object_circuit(MESHVPN_CIRCUIT_KIND_TERMINUS, 2, 1), GET), -ENOENT);
	o = relay(2);
	object_set(&o, MESHVPN_A_CIRCUIT_OUT_LINK, 1);
	EXPECT_EQ(CALL(o, NEW), -EINVAL);
	/* pass cannot be turned on */
	o = relay(1);
	object_set(&o, MESHVPN_A_CIRCUIT_PASS, 1);
	EXPECT_EQ(CALL(o, SET), -EINVAL);

	/* an id twice; lanes that are not there */
	EXPECT_EQ(CALL(object_link_session(1, 1, 50), NEW), 0);
	EXPECT_EQ(CALL(object_link_session(1, 1, 51), NEW), -EEXIST);
	EXPECT_EQ(CALL(object_link_session(1, 2, 50), NEW), -EEXIST);
	o = object_link_session(1, 2, 52);
	object_set(&o, MESHVPN_A_LINK_SESSION_LOCAL_LANES, 2);
	EXPECT_EQ(CALL(o, NEW), -EINVAL);

	/* limits */
	for (i = 2; i <= 16; i++)
		EXPECT_EQ(CALL(object_link_session(1, i, 100 + i), NEW), 0);
	EXPECT_EQ(CALL(object_link_session(1, 17, 117), NEW), -ENOSPC);
	for (i = 3; i <= 64; i++)
		EXPECT_EQ(CALL(object_link(i), NEW), 0);
	EXPECT_EQ(CALL(object_link(65), NEW), -ENOSPC);
	for (i = 2; i <= 1000; i++)
		EXPECT_EQ(CALL(relay(i), NEW), 0);
	EXPECT_EQ(CALL(relay(1001), NEW), -ENOSPC);
	EXPECT_EQ(node_number(&self->nl, self->id, MESHVPN_A_NODE_INFO, MESHVPN_A_NODE_INFO_CIRCUITS), 1000);
}

TEST_HARNESS_MAIN
