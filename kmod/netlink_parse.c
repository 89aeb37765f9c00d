// SPDX-License-Identifier: GPL-2.0
/*
 * Attributes into the plain structs of conf.h. The policies in netlink_gen.c have checked lengths
 * and ranges of every attribute before; here is what depends on several: which ones a verb needs
 * or does not take, how many keys, whether an address fits its family.
 */
#include <linux/in.h>
#include <linux/socket.h>
#include <net/netlink.h>

#include "apply.h"
#include "netlink.h"
#include "netlink_gen.h"

#define D(x) BIT(MESHVPN_A_DEVICE_##x)
#define L(x) BIT(MESHVPN_A_LINK_##x)
#define S(x) BIT(MESHVPN_A_LINK_SESSION_##x)
#define E(x) BIT(MESHVPN_A_SESSION_##x)
#define C(x) BIT(MESHVPN_A_CIRCUIT_##x)

static_assert(MESHVPN_A_CIRCUIT_MAX < 32 && MESHVPN_A_LINK_SESSION_MAX < 32 &&
	      MESHVPN_A_NODE_MAX < 32);
static_assert((int)MESHVPN_ROLE_EXIT == MV_ROLE_EXIT &&
	      (int)MESHVPN_SESSION_STATE_PREVIOUS == MV_SESSION_PREVIOUS &&
	      (int)MESHVPN_CIRCUIT_KIND_TERMINUS == MV_TERMINUS &&
	      (int)MESHVPN_CELL_CLASS_LARGE == MV_LARGE && (int)MESHVPN_VERB_DEL == MV_DEL);
static_assert(MESHVPN_KEY_LEN == MV_KEY_LEN && MESHVPN_HOPS_MAX == MV_HOPS_MAX &&
	      MESHVPN_KEYS_LEN_MAX == MV_KEY_LEN * MV_HOPS_MAX &&
	      MESHVPN_LANES_MAX == MV_LANES_MAX && MESHVPN_LINK_IDS_MAX == MV_LINK_IDS &&
	      MESHVPN_PREFIXES_MAX == MV_PREFIXES && MESHVPN_BATCH_OPS_MAX == MV_BATCH_OPS);

/*
 * What each object's nest may hold, as bits of attribute types: what names it (always needed), what
 * `new` needs and takes besides, what `set` takes.
 */
static const struct {
	u32 name, need, take, set;
} rules[] = {
	[MV_OBJ_DEVICE] = { D(ID), D(NAME) | D(ROLE), D(MTU), D(MTU) },
	[MV_OBJ_LINK] = { L(ID), 0, L(UP_RATE) | L(UP_BURST), L(UP_RATE) | L(UP_BURST) },
	[MV_OBJ_LINK_SESSION] = {
		S(LINK) | S(INDEX),
		S(STATE) | S(RX_ID) | S(TX_ID) | S(RX_TAG) | S(RX_MASK) | S(TX_TAG) | S(TX_MASK),
		S(REMOTE) | S(REMOTE_LANES) | S(LOCAL_LANE) | S(LOCAL_LANES),
		S(STATE) | S(TX_ID) | S(REMOTE) | S(REMOTE_LANES) | S(LOCAL_LANE) | S(LOCAL_LANES),
	},
	[MV_OBJ_SESSION] = {
		E(ID), E(DEVICE), E(INNER4) | E(INNER6) | E(LINK) | E(CIRCUIT), E(LINK) | E(CIRCUIT),
	},
	[MV_OBJ_CIRCUIT] = {
		C(LINK) | C(CIRCUIT), C(KIND) | C(KF) | C(KB) | C(DATA_CLASS),
		C(OUT_LINK) | C(OUT_CIRCUIT) | C(RESERVE) | C(SMALL_FORWARD) | C(PASS) |
		C(SESSION) | C(RATE) | C(BURST),
		C(DATA_CLASS) | C(SMALL_FORWARD) | C(PASS) | C(SESSION) | C(RATE) | C(BURST),
	},
	[MV_OBJ_SELECTOR] = {
		BIT(MESHVPN_A_SELECTOR_DEVICE), 0, 0,
		BIT(MESHVPN_A_SELECTOR_PREFIX) | BIT(MESHVPN_A_SELECTOR_MORE),
	},
};

int mv_netlink_refuse(struct netlink_ext_ack *extack, const struct nlattr *attr, int err,
		      const char *why)
{
	if (extack) {
		extack->_msg = why;
		if (attr)
			NL_SET_BAD_ATTR(extack, attr);
	}
	return err;
}

static int missing(struct netlink_ext_ack *extack, const struct nlattr *nest, u32 type)
{
	NL_SET_ERR_ATTR_MISS(extack, nest, type);
	return mv_netlink_refuse(extack, nest, -EINVAL, "an attribute is missing");
}

/* @need: bits of types that have to be there, @take: that may. */
static int check(struct nlattr **tb, u32 max, u32 need, u32 take, const struct nlattr *nest,
		 struct netlink_ext_ack *extack)
{
	u32 i;

	for (i = 1; i <= max; i++) {
		if (!tb[i] && need & BIT(i))
			return missing(extack, nest, i);
		if (tb[i] && !((need | take) & BIT(i)))
			return mv_netlink_refuse(extack, tb[i], -EINVAL,
						 "this attribute is not taken here");
	}
	return 0;
}

/* The nest's attributes, those that the verb needs and no others. */
static int parse(struct nlattr **tb, u32 max, enum mv_object object, enum mv_verb verb,
		 const struct nlattr *nest, struct netlink_ext_ack *extack)
{
	u32 need = rules[object].name, take = 0;
	int err = nla_parse_nested(tb, max, nest, NULL, extack);

	if (err)
		return mv_netlink_refuse(extack, nest, err, "this nest is malformed");
	if (verb == MV_NEW) {
		need |= rules[object].need;
		take = rules[object].take;
	} else if (verb == MV_SET) {
		take = rules[object].set;
	}
	return check(tb, max, need, take, nest, extack);
}

static u32 present(struct nlattr **tb, u32 max)
{
	u32 i, bits = 0;

	for (i = 1; i <= max; i++)
		if (tb[i])
			bits |= BIT(i);
	return bits;
}

static u32 get32(const struct nlattr *a, u32 otherwise)
{
	return a ? nla_get_u32(a) : otherwise;
}

static u64 get64(const struct nlattr *a)
{
	return a ? nla_get_u64(a) : 0;
}

static bool get_bool(const struct nlattr *a)
{
	return a && nla_get_u8(a);
}

/* An address of 4 or 16 bytes as its family wants; the rest of @to is zero. */
static int parse_addr(struct in6_addr *to, u16 family, const struct nlattr *a,
		      const struct nlattr *family_attr, struct netlink_ext_ack *extack)
{
	u32 len = family == AF_INET ? 4 : 16;

	if (family != AF_INET && family != AF_INET6)
		return mv_netlink_refuse(extack, family_attr, -EINVAL,
					 "neither AF_INET nor AF_INET6");
	if (nla_len(a) != len)
		return mv_netlink_refuse(extack, a, -EINVAL, "address of another family's length");
	memset(to, 0, sizeof(*to));
	memcpy(to, nla_data(a), len);
	return 0;
}

static int parse_endpoint(struct mv_endpoint *e, const struct nlattr *nest,
			  struct netlink_ext_ack *extack)
{
	struct nlattr *tb[MESHVPN_A_ENDPOINT_MAX + 1];
	int err;

	memset(e, 0, sizeof(*e));
	if (!nest || !nla_len(nest))
		return 0;
	err = nla_parse_nested(tb, MESHVPN_A_ENDPOINT_MAX, nest, NULL, extack);
	if (!err)
		err = check(tb, MESHVPN_A_ENDPOINT_MAX, BIT(MESHVPN_A_ENDPOINT_FAMILY) |
			    BIT(MESHVPN_A_ENDPOINT_ADDR) | BIT(MESHVPN_A_ENDPOINT_PORT),
			    BIT(MESHVPN_A_ENDPOINT_SCOPE), nest, extack);
	if (err)
		return err;
	e->family = nla_get_u16(tb[MESHVPN_A_ENDPOINT_FAMILY]);
	e->port = nla_get_be16(tb[MESHVPN_A_ENDPOINT_PORT]);
	e->scope = get32(tb[MESHVPN_A_ENDPOINT_SCOPE], 0);
	if (!e->port)
		return mv_netlink_refuse(extack, tb[MESHVPN_A_ENDPOINT_PORT], -EINVAL,
					 "port 0 cannot be sent to");
	return parse_addr(&e->addr, e->family, tb[MESHVPN_A_ENDPOINT_ADDR],
			  tb[MESHVPN_A_ENDPOINT_FAMILY], extack);
}

/* ---- objects ---- */

static int parse_device(struct mv_op *op, enum mv_verb verb, const struct nlattr *nest,
			struct netlink_ext_ack *extack)
{
	struct nlattr *tb[MESHVPN_A_DEVICE_MAX + 1];
	int err = parse(tb, MESHVPN_A_DEVICE_MAX, MV_OBJ_DEVICE, verb, nest, extack);

	if (err)
		return err;
	op->present = present(tb, MESHVPN_A_DEVICE_MAX);
	op->device.id = nla_get_u32(tb[MESHVPN_A_DEVICE_ID]);
	op->device.role = get32(tb[MESHVPN_A_DEVICE_ROLE], 0);
	op->device.mtu = get32(tb[MESHVPN_A_DEVICE_MTU], 0);
	if (tb[MESHVPN_A_DEVICE_NAME])
		nla_strscpy(op->device.name, tb[MESHVPN_A_DEVICE_NAME], sizeof(op->device.name));
	return 0;
}

static int parse_link(struct mv_op *op, enum mv_verb verb, const struct nlattr *nest,
		      struct netlink_ext_ack *extack)
{
	struct nlattr *tb[MESHVPN_A_LINK_MAX + 1];
	int err = parse(tb, MESHVPN_A_LINK_MAX, MV_OBJ_LINK, verb, nest, extack);

	if (err)
		return err;
	op->present = present(tb, MESHVPN_A_LINK_MAX);
	op->link.id = nla_get_u32(tb[MESHVPN_A_LINK_ID]);
	op->link.up_rate = get64(tb[MESHVPN_A_LINK_UP_RATE]);
	op->link.up_burst = get64(tb[MESHVPN_A_LINK_UP_BURST]);
	return 0;
}

static int parse_rx_ids(struct mv_link_session_conf *conf, const struct nlattr *nest,
			struct netlink_ext_ack *extack)
{
	const struct nlattr *a;
	int rem;

	nla_for_each_nested(a, nest, rem) {
		if (nla_type(a) != MESHVPN_A_LINK_SESSION_RX_ID)
			continue;
		if (conf->rx_ids_count == MV_LINK_IDS)
			return mv_netlink_refuse(extack, a, -EINVAL, "too many receive ids");
		conf->rx_ids[conf->rx_ids_count++] = nla_get_u64(a);
	}
	return 0;
}

static int parse_link_session(struct mv_op *op, enum mv_verb verb, const struct nlattr *nest,
			      struct netlink_ext_ack *extack)
{
	struct nlattr *tb[MESHVPN_A_LINK_SESSION_MAX + 1];
	struct mv_link_session_conf *conf = &op->link_session;
	int err = parse(tb, MESHVPN_A_LINK_SESSION_MAX, MV_OBJ_LINK_SESSION, verb, nest, extack);

	if (err)
		return err;
	op->present = present(tb, MESHVPN_A_LINK_SESSION_MAX);
	conf->link = nla_get_u32(tb[MESHVPN_A_LINK_SESSION_LINK]);
	conf->index = nla_get_u32(tb[MESHVPN_A_LINK_SESSION_INDEX]);
	conf->state = get32(tb[MESHVPN_A_LINK_SESSION_STATE], 0);
	conf->tx_id = get64(tb[MESHVPN_A_LINK_SESSION_TX_ID]);
	conf->remote_lanes = get32(tb[MESHVPN_A_LINK_SESSION_REMOTE_LANES], 1);
	conf->local_lane = get32(tb[MESHVPN_A_LINK_SESSION_LOCAL_LANE], 0);
	conf->local_lanes = get32(tb[MESHVPN_A_LINK_SESSION_LOCAL_LANES], 1);
	if (verb == MV_NEW) {
		conf->rx_tag = nla_data(tb[MESHVPN_A_LINK_SESSION_RX_TAG]);
		conf->rx_mask = nla_data(tb[MESHVPN_A_LINK_SESSION_RX_MASK]);
		conf->tx_tag = nla_data(tb[MESHVPN_A_LINK_SESSION_TX_TAG]);
		conf->tx_mask = nla_data(tb[MESHVPN_A_LINK_SESSION_TX_MASK]);
		err = parse_rx_ids(conf, nest, extack);
	}
	return err ? err : parse_endpoint(&conf->remote, tb[MESHVPN_A_LINK_SESSION_REMOTE], extack);
}

static int parse_session(struct mv_op *op, enum mv_verb verb, const struct nlattr *nest,
			 struct netlink_ext_ack *extack)
{
	struct nlattr *tb[MESHVPN_A_SESSION_MAX + 1];
	struct mv_session_conf *conf = &op->session;
	int err = parse(tb, MESHVPN_A_SESSION_MAX, MV_OBJ_SESSION, verb, nest, extack);

	if (err)
		return err;
	if (!tb[MESHVPN_A_SESSION_LINK] != !tb[MESHVPN_A_SESSION_CIRCUIT])
		return missing(extack, nest, tb[MESHVPN_A_SESSION_LINK] ?
			       MESHVPN_A_SESSION_CIRCUIT : MESHVPN_A_SESSION_LINK);
	op->present = present(tb, MESHVPN_A_SESSION_MAX);
	conf->id = nla_get_u32(tb[MESHVPN_A_SESSION_ID]);
	conf->device = get32(tb[MESHVPN_A_SESSION_DEVICE], 0);
	conf->link = get32(tb[MESHVPN_A_SESSION_LINK], 0);
	conf->circuit = get32(tb[MESHVPN_A_SESSION_CIRCUIT], 0);
	conf->has4 = tb[MESHVPN_A_SESSION_INNER4];
	conf->has6 = tb[MESHVPN_A_SESSION_INNER6];
	if (conf->has4)
		conf->inner4.s_addr = nla_get_in_addr(tb[MESHVPN_A_SESSION_INNER4]);
	if (conf->has6)
		conf->inner6 = nla_get_in6_addr(tb[MESHVPN_A_SESSION_INNER6]);
	return 0;
}

/* Keys of a new circuit: as many for both directions, one unless it is an origin's. */
static int parse_keys(struct mv_circuit_conf *conf, const struct nlattr *kf,
		      const struct nlattr *kb, struct netlink_ext_ack *extack)
{
	if (!nla_len(kf) || nla_len(kf) % MV_KEY_LEN)
		return mv_netlink_refuse(extack, kf, -EINVAL, "not a number of whole keys");
	if (nla_len(kb) != nla_len(kf))
		return mv_netlink_refuse(extack, kb, -EINVAL,
					 "not as many keys backward as forward");
	conf->hops = nla_len(kf) / MV_KEY_LEN;
	if (conf->hops != 1 && conf->kind != MV_ORIGIN)
		return mv_netlink_refuse(extack, kf, -EINVAL, "more than one key");
	conf->kf = nla_data(kf);
	conf->kb = nla_data(kb);
	return 0;
}

/* What depends on the kind of a new circuit. */
static int parse_circuit_new(struct mv_circuit_conf *conf, struct nlattr **tb,
			     const struct nlattr *nest, struct netlink_ext_ack *extack)
{
	static const u8 out[] = { MESHVPN_A_CIRCUIT_OUT_LINK, MESHVPN_A_CIRCUIT_OUT_CIRCUIT };
	static const u8 edge[] = { MESHVPN_A_CIRCUIT_RESERVE };
	bool relay = conf->kind == MV_RELAY;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(out); i++) {
		if (relay && !tb[out[i]])
			return missing(extack, nest, out[i]);
		if (!relay && tb[out[i]])
			return mv_netlink_refuse(extack, tb[out[i]], -EINVAL,
						 "only a relay's circuit has another side");
	}
	if (!relay && !tb[edge[0]])
		return missing(extack, nest, edge[0]);
	if (!relay && conf->reserve != MV_RESERVE_SHORT && conf->reserve != MV_RESERVE_LONG)
		return mv_netlink_refuse(extack, tb[edge[0]], -EINVAL, "neither 48 nor 144");
	return parse_keys(conf, tb[MESHVPN_A_CIRCUIT_KF], tb[MESHVPN_A_CIRCUIT_KB], extack);
}

static int parse_circuit(struct mv_op *op, enum mv_verb verb, const struct nlattr *nest,
			 struct netlink_ext_ack *extack)
{
	struct nlattr *tb[MESHVPN_A_CIRCUIT_MAX + 1];
	struct mv_circuit_conf *conf = &op->circuit;
	int err = parse(tb, MESHVPN_A_CIRCUIT_MAX, MV_OBJ_CIRCUIT, verb, nest, extack);

	if (err)
		return err;
	op->present = present(tb, MESHVPN_A_CIRCUIT_MAX);
	conf->kind = get32(tb[MESHVPN_A_CIRCUIT_KIND], 0);
	conf->link = nla_get_u32(tb[MESHVPN_A_CIRCUIT_LINK]);
	conf->circuit = nla_get_u32(tb[MESHVPN_A_CIRCUIT_CIRCUIT]);
	conf->out_link = get32(tb[MESHVPN_A_CIRCUIT_OUT_LINK], 0);
	conf->out_circuit = get32(tb[MESHVPN_A_CIRCUIT_OUT_CIRCUIT], 0);
	conf->reserve = get32(tb[MESHVPN_A_CIRCUIT_RESERVE], 0);
	conf->data_class = get32(tb[MESHVPN_A_CIRCUIT_DATA_CLASS], MV_MEDIUM);
	conf->small_forward = get_bool(tb[MESHVPN_A_CIRCUIT_SMALL_FORWARD]);
	conf->pass = get_bool(tb[MESHVPN_A_CIRCUIT_PASS]);
	conf->session = get32(tb[MESHVPN_A_CIRCUIT_SESSION], 0);
	conf->rate = get64(tb[MESHVPN_A_CIRCUIT_RATE]);
	conf->burst = get64(tb[MESHVPN_A_CIRCUIT_BURST]);
	return verb == MV_NEW ? parse_circuit_new(conf, tb, nest, extack) : 0;
}

int mv_parse_op(struct mv_op *op, enum mv_object object, enum mv_verb verb, const struct nlattr *nest,
		struct netlink_ext_ack *extack)
{
	memset(op, 0, sizeof(*op));
	op->verb = verb;
	op->object = object;
	switch (object) {
	case MV_OBJ_DEVICE:
		return parse_device(op, verb, nest, extack);
	case MV_OBJ_LINK:
		return parse_link(op, verb, nest, extack);
	case MV_OBJ_LINK_SESSION:
		return parse_link_session(op, verb, nest, extack);
	case MV_OBJ_SESSION:
		return parse_session(op, verb, nest, extack);
	case MV_OBJ_CIRCUIT:
		return parse_circuit(op, verb, nest, extack);
	case MV_OBJ_SELECTOR:
		break;
	}
	return mv_netlink_refuse(extack, nest, -EINVAL, "selectors can only be set");
}

/* ---- selectors ---- */

static int parse_prefix(struct mv_prefix *p, const struct nlattr *nest, struct netlink_ext_ack *extack)
{
	struct nlattr *tb[MESHVPN_A_PREFIX_MAX + 1];
	int err = nla_parse_nested(tb, MESHVPN_A_PREFIX_MAX, nest, NULL, extack);

	if (!err)
		err = check(tb, MESHVPN_A_PREFIX_MAX, BIT(MESHVPN_A_PREFIX_FAMILY) |
			    BIT(MESHVPN_A_PREFIX_BITS) | BIT(MESHVPN_A_PREFIX_ADDR) |
			    BIT(MESHVPN_A_PREFIX_SESSION), 0, nest, extack);
	if (err)
		return err;
	p->family = nla_get_u16(tb[MESHVPN_A_PREFIX_FAMILY]);
	p->bits = nla_get_u8(tb[MESHVPN_A_PREFIX_BITS]);
	p->session = nla_get_u32(tb[MESHVPN_A_PREFIX_SESSION]);
	err = parse_addr(&p->addr, p->family, tb[MESHVPN_A_PREFIX_ADDR],
			 tb[MESHVPN_A_PREFIX_FAMILY], extack);
	if (err)
		return err;
	if (p->family == AF_INET && p->bits > 32)
		return mv_netlink_refuse(extack, tb[MESHVPN_A_PREFIX_BITS], -EINVAL,
					 "longer than an address");
	return 0;
}

bool mv_parse_more(const struct nlattr *nest)
{
	return nla_find_nested(nest, MESHVPN_A_SELECTOR_MORE);
}

u32 mv_parse_prefixes(const struct nlattr *nest)
{
	const struct nlattr *a;
	u32 n = 0;
	int rem;

	nla_for_each_nested(a, nest, rem)
		n += nla_type(a) == MESHVPN_A_SELECTOR_PREFIX;
	return n;
}

int mv_parse_selector(struct mv_op *op, const struct nlattr *nest, struct mv_prefix *prefixes,
		      struct netlink_ext_ack *extack)
{
	struct nlattr *tb[MESHVPN_A_SELECTOR_MAX + 1];
	struct mv_selector_conf *conf = &op->selector;
	const struct nlattr *a;
	u32 device;
	int rem, err;

	err = parse(tb, MESHVPN_A_SELECTOR_MAX, MV_OBJ_SELECTOR, MV_SET, nest, extack);
	if (err)
		return err;
	device = nla_get_u32(tb[MESHVPN_A_SELECTOR_DEVICE]);
	if (!tb[MESHVPN_A_SELECTOR_MORE])
		*op = (struct mv_op){
			.verb = MV_SET, .object = MV_OBJ_SELECTOR,
			.selector = { .device = device, .prefixes = prefixes },
		};
	else if (op->object != MV_OBJ_SELECTOR || conf->device != device)
		return mv_netlink_refuse(extack, tb[MESHVPN_A_SELECTOR_MORE], -EINVAL,
					 "the change before is of another selector");
	nla_for_each_nested(a, nest, rem) {
		if (nla_type(a) != MESHVPN_A_SELECTOR_PREFIX)
			continue;
		if (conf->count == MV_PREFIXES)
			return mv_netlink_refuse(extack, a, -ENOSPC, "too many prefixes");
		err = parse_prefix(prefixes++, a, extack);
		if (err)
			return err;
		conf->count++;
	}
	return 0;
}

int mv_parse_name(struct mv_op *op, enum mv_object object, const struct nlattr *nest,
		  struct netlink_ext_ack *extack)
{
	struct nlattr *tb[MESHVPN_A_SELECTOR_MAX + 1];
	int err;

	if (object != MV_OBJ_SELECTOR)
		return mv_parse_op(op, object, MV_DEL, nest, extack);
	err = parse(tb, MESHVPN_A_SELECTOR_MAX, MV_OBJ_SELECTOR, MV_DEL, nest, extack);
	if (!err)
		op->selector.device = nla_get_u32(tb[MESHVPN_A_SELECTOR_DEVICE]);
	return err;
}

/* ---- nodes ---- */

#define N(x) BIT(MESHVPN_A_NODE_##x)
#define NODE_SET (N(RATE) | N(BURST) | N(UP_RATE) | N(UP_BURST) | N(HOLD_US) | N(MAX_LINKS) |	\
		  N(MAX_CIRCUITS) | N(QUEUE_CELLS) | N(SEND_BYTES) | N(VOLUME_LIMIT))

static void parse_node_conf(struct mv_node_conf *c, struct nlattr **tb)
{
	static const struct {
		u8 type, size, at;
	} fields[] = {
#define FIELD(x, member) \
	{ MESHVPN_A_NODE_##x, sizeof_field(struct mv_node_conf, member), \
	  offsetof(struct mv_node_conf, member) }
		FIELD(RATE, rate), FIELD(BURST, burst), FIELD(UP_RATE, up_rate),
		FIELD(UP_BURST, up_burst), FIELD(HOLD_US, hold_us), FIELD(MAX_LINKS, max_links),
		FIELD(MAX_CIRCUITS, max_circuits), FIELD(QUEUE_CELLS, queue_cells),
		FIELD(SEND_BYTES, send_bytes), FIELD(VOLUME_LIMIT, volume_limit),
#undef FIELD
	};
	u32 i;

	/* lengths are the policy's, and both are the fields' */
	for (i = 0; i < ARRAY_SIZE(fields); i++)
		if (tb[fields[i].type])
			nla_memcpy((u8 *)c + fields[i].at, tb[fields[i].type], fields[i].size);
}

static int parse_sockets(struct mv_node_request *req, struct nlattr **tb, const struct nlattr *nest,
			 struct netlink_ext_ack *extack)
{
	const struct nlattr *a;
	int rem;

	req->make = !tb[MESHVPN_A_NODE_SOCKET];
	if (req->make) {
		if (!tb[MESHVPN_A_NODE_LANES])
			return missing(extack, nest, MESHVPN_A_NODE_SOCKET);
		req->lanes = nla_get_u32(tb[MESHVPN_A_NODE_LANES]);
		req->mark = get32(tb[MESHVPN_A_NODE_MARK], 0);
		if (tb[MESHVPN_A_NODE_PORT])
			req->port = ntohs(nla_get_be16(tb[MESHVPN_A_NODE_PORT]));
		/* peers know lane i by its port */
		if (req->lanes > 1 && (!req->port || req->port + req->lanes - 1 > U16_MAX))
			return mv_netlink_refuse(extack, tb[MESHVPN_A_NODE_PORT] ?: nest, -EINVAL,
						 "several lanes need as many ports in a row");
		return 0;
	}
	nla_for_each_nested(a, nest, rem) {
		if (nla_type(a) != MESHVPN_A_NODE_SOCKET)
			continue;
		if (req->lanes == MV_LANES_MAX)
			return mv_netlink_refuse(extack, a, -EINVAL, "too many sockets");
		req->sockets[req->lanes++] = (int)nla_get_u32(a);
	}
	return 0;
}

int mv_parse_node(struct mv_node_conf *conf, struct mv_node_request *req, const struct nlattr *nest,
		  struct netlink_ext_ack *extack)
{
	struct nlattr *tb[MESHVPN_A_NODE_MAX + 1];
	u32 take = NODE_SET;
	int err = nla_parse_nested(tb, MESHVPN_A_NODE_MAX, nest, NULL, extack);

	if (err)
		return mv_netlink_refuse(extack, nest, err, "this nest is malformed");
	if (req)
		take |= N(OWN) | (tb[MESHVPN_A_NODE_SOCKET] ? N(SOCKET) : N(LANES) | N(PORT) | N(MARK));
	err = check(tb, MESHVPN_A_NODE_MAX, 0, take, nest, extack);
	if (err)
		return err;
	if (req) {
		memset(req, 0, sizeof(*req));
		*conf = (struct mv_node_conf){ .id = conf->id, .hold_us = 200 };
		req->own = tb[MESHVPN_A_NODE_OWN];
		err = parse_sockets(req, tb, nest, extack);
	}
	parse_node_conf(conf, tb);
	return err;
}

/* ---- keys ---- */

static void erase(const struct nlattr *nest, u32 keys)
{
	struct nlattr *a;
	int rem;

	nla_for_each_nested(a, nest, rem)
		if (nla_type(a) < 32 && keys & BIT(nla_type(a)))
			memzero_explicit(nla_data(a), nla_len(a));
}

static void erase_object(const struct nlattr *nest, bool session)
{
	erase(nest, session ? S(RX_TAG) | S(RX_MASK) | S(TX_TAG) | S(TX_MASK) : C(KF) | C(KB));
}

/* The answer to a request has a copy of it, and its memory is freed without being erased. */
void mv_parse_erase(const struct nlmsghdr *h)
{
	const struct nlattr *a, *b;
	int rem, rem2;

	nlmsg_for_each_attr(a, h, GENL_HDRLEN, rem) {
		if (nla_type(a) == MESHVPN_A_LINK_SESSION || nla_type(a) == MESHVPN_A_CIRCUIT)
			erase_object(a, nla_type(a) == MESHVPN_A_LINK_SESSION);
		if (nla_type(a) != MESHVPN_A_OP)
			continue;
		nla_for_each_nested(b, a, rem2)
			if (nla_type(b) == MESHVPN_A_OP_LINK_SESSION || nla_type(b) == MESHVPN_A_OP_CIRCUIT)
				erase_object(b, nla_type(b) == MESHVPN_A_OP_LINK_SESSION);
	}
}
