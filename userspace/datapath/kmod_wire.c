// SPDX-License-Identifier: GPL-2.0-or-later
/* What goes to the kernel module as netlink attributes: see kmod_wire.h; kmod_read.c is the way back. */
#include "kmod_wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/meshvpn.h>
#include <netlink/attr.h>
#include <sodium.h>
#include <string.h>

#define PAGE 4096
#define SELECTOR_PART 1200		/* prefixes of one attribute, whose length is 16 bits */
#define PREFIX_ROOM 56
#define OP_ROOM 512			/* of an op without keys of hops or prefixes */

_Static_assert(KMOD_BATCH_OPS == MESHVPN_BATCH_OPS_MAX, "ops of a batch");
_Static_assert(MV_KEY_LEN == MESHVPN_KEY_LEN && MV_HOPS_MAX == MESHVPN_HOPS_MAX, "keys");
_Static_assert(DATAPATH_LANES_MAX == MESHVPN_LANES_MAX && DATAPATH_LINK_IDS == MESHVPN_LINK_IDS_MAX, "lanes, ids");

struct nl_msg *kmod_request(int family, u8 cmd, u16 flags, u32 node, size_t room)
{
	struct genlmsghdr g = { .cmd = cmd, .version = MESHVPN_FAMILY_VERSION };
	struct nl_msg *m = nlmsg_alloc_size(NLMSG_HDRLEN + GENL_HDRLEN + NLA_HDRLEN + 8 + (room ? room : PAGE));

	if (!m)
		return NULL;
	if (!nlmsg_put(m, 0, 0, family, 0, NLM_F_REQUEST | flags) || nlmsg_append(m, &g, sizeof(g), NLMSG_ALIGNTO) ||
	    (node && nla_put_u32(m, MESHVPN_A_NODE_ID, node))) {
		nlmsg_free(m);
		return NULL;
	}
	return m;
}

void kmod_request_free(struct nl_msg *m)
{
	if (!m)
		return;
	sodium_memzero(nlmsg_hdr(m), nlmsg_hdr(m)->nlmsg_len);
	nlmsg_free(m);
}

int kmod_op_cmd(enum datapath_verb verb, enum datapath_object object)
{
	static const u8 commands[][3] = {
		[DATAPATH_OBJ_DEVICE] = { MESHVPN_CMD_DEVICE_NEW, MESHVPN_CMD_DEVICE_SET, MESHVPN_CMD_DEVICE_DEL },
		[DATAPATH_OBJ_LINK] = { MESHVPN_CMD_LINK_NEW, MESHVPN_CMD_LINK_SET, MESHVPN_CMD_LINK_DEL },
		[DATAPATH_OBJ_LINK_SESSION] = { MESHVPN_CMD_LINK_SESSION_NEW, MESHVPN_CMD_LINK_SESSION_SET,
						MESHVPN_CMD_LINK_SESSION_DEL },
		[DATAPATH_OBJ_SESSION] = { MESHVPN_CMD_SESSION_NEW, MESHVPN_CMD_SESSION_SET, MESHVPN_CMD_SESSION_DEL },
		[DATAPATH_OBJ_CIRCUIT] = { MESHVPN_CMD_CIRCUIT_NEW, MESHVPN_CMD_CIRCUIT_SET, MESHVPN_CMD_CIRCUIT_DEL },
		[DATAPATH_OBJ_SELECTOR] = { 0, MESHVPN_CMD_SELECTOR_SET, 0 },
	};

	if (object > DATAPATH_OBJ_SELECTOR || verb > DATAPATH_DEL || !commands[object][verb])
		return -EINVAL;
	return commands[object][verb];
}

/* ---- parts ---- */

/*
 * Attributes are put one after the other, and the first that does not fit stops the rest; so an
 * object is one list of lines.
 */
struct put {
	struct nl_msg *m;
	bool failed;
};

static void p8(struct put *p, int type, u8 value)
{
	p->failed = p->failed || nla_put_u8(p->m, type, value);
}

static void p16(struct put *p, int type, u16 value)
{
	p->failed = p->failed || nla_put_u16(p->m, type, value);
}

static void p32(struct put *p, int type, u32 value)
{
	p->failed = p->failed || nla_put_u32(p->m, type, value);
}

static void p64(struct put *p, int type, u64 value)
{
	p->failed = p->failed || nla_put_u64(p->m, type, value);
}

static void pbytes(struct put *p, int type, const void *data, size_t len)
{
	p->failed = p->failed || nla_put(p->m, type, (int)len, data);
}

static struct nlattr *begin(struct put *p, int type)
{
	struct nlattr *nest = p->failed ? NULL : nla_nest_start(p->m, type | NLA_F_NESTED);

	p->failed = !nest;
	return nest;
}

/* libnl takes an empty nest away, but here an empty one says something. */
static void end(struct put *p, struct nlattr *nest)
{
	p->failed = p->failed || nla_nest_end_keep_empty(p->m, nest);
}

static size_t addr_len(u8 family)
{
	return family == AF_INET ? 4 : 16;
}

static void put_endpoint(struct put *p, int type, const struct endpoint *e, u32 scope)
{
	struct nlattr *nest = begin(p, type);

	if (e->family) {
		p16(p, MESHVPN_A_ENDPOINT_FAMILY, e->family);
		pbytes(p, MESHVPN_A_ENDPOINT_ADDR, e->addr, addr_len(e->family));
		p16(p, MESHVPN_A_ENDPOINT_PORT, htons(e->port));
		if (scope)
			p32(p, MESHVPN_A_ENDPOINT_SCOPE, scope);
	}
	end(p, nest);
}

/* ---- objects: @type of the nest; @set are the fields that the verb takes, 0 for a delete ---- */

static void put_device(struct put *p, int type, enum datapath_verb verb, const struct datapath_device *d, u32 set)
{
	struct nlattr *nest = begin(p, type);

	p32(p, MESHVPN_A_DEVICE_ID, d->id);
	if (verb == DATAPATH_NEW) {
		pbytes(p, MESHVPN_A_DEVICE_NAME, d->name, strnlen(d->name, sizeof(d->name) - 1) + 1);
		p32(p, MESHVPN_A_DEVICE_ROLE, d->role);
	}
	if (set & KMOD_MTU && (verb == DATAPATH_SET || d->mtu))
		p32(p, MESHVPN_A_DEVICE_MTU, d->mtu);
	end(p, nest);
}

static void put_link(struct put *p, int type, const struct datapath_link *l, u32 set)
{
	struct nlattr *nest = begin(p, type);

	p32(p, MESHVPN_A_LINK_ID, l->id);
	if (set & KMOD_UP_RATE) {
		p64(p, MESHVPN_A_LINK_UP_RATE, l->up_rate);
		p64(p, MESHVPN_A_LINK_UP_BURST, l->up_burst);
	}
	end(p, nest);
}

static void put_session_keys(struct put *p, const struct datapath_link_session *s)
{
	u32 i;

	for (i = 0; i < s->rx_ids_count; i++)
		p64(p, MESHVPN_A_LINK_SESSION_RX_ID, s->rx_ids[i]);
	pbytes(p, MESHVPN_A_LINK_SESSION_RX_TAG, s->rx_tag, sizeof(s->rx_tag));
	pbytes(p, MESHVPN_A_LINK_SESSION_RX_MASK, s->rx_mask, sizeof(s->rx_mask));
	pbytes(p, MESHVPN_A_LINK_SESSION_TX_TAG, s->tx_tag, sizeof(s->tx_tag));
	pbytes(p, MESHVPN_A_LINK_SESSION_TX_MASK, s->tx_mask, sizeof(s->tx_mask));
}

static void put_link_session(struct put *p, int type, enum datapath_verb verb, const struct datapath_link_session *s, u32 set)
{
	struct nlattr *nest = begin(p, type);

	p32(p, MESHVPN_A_LINK_SESSION_LINK, s->link);
	p32(p, MESHVPN_A_LINK_SESSION_INDEX, s->index);
	if (set & KMOD_STATE)
		p32(p, MESHVPN_A_LINK_SESSION_STATE, s->state);
	if (verb == DATAPATH_NEW)
		put_session_keys(p, s);
	if (set & KMOD_TX_ID)
		p64(p, MESHVPN_A_LINK_SESSION_TX_ID, s->tx_id);
	if (set & KMOD_REMOTE)
		put_endpoint(p, MESHVPN_A_LINK_SESSION_REMOTE, &s->remote, s->scope);
	if (set & KMOD_REMOTE_LANES)
		p32(p, MESHVPN_A_LINK_SESSION_REMOTE_LANES, s->remote_lanes);
	if (set & KMOD_LOCAL_LANE)
		p32(p, MESHVPN_A_LINK_SESSION_LOCAL_LANE, s->local_lane);
	if (set & KMOD_LOCAL_LANES)
		p32(p, MESHVPN_A_LINK_SESSION_LOCAL_LANES, s->local_lanes);
	end(p, nest);
}

static void put_session(struct put *p, int type, enum datapath_verb verb, const struct datapath_session *s, u32 set)
{
	struct nlattr *nest = begin(p, type);

	p32(p, MESHVPN_A_SESSION_ID, s->id);
	if (verb == DATAPATH_NEW) {
		p32(p, MESHVPN_A_SESSION_DEVICE, s->device);
		if (s->has4)
			pbytes(p, MESHVPN_A_SESSION_INNER4, s->inner4, sizeof(s->inner4));
		if (s->has6)
			pbytes(p, MESHVPN_A_SESSION_INNER6, s->inner6, sizeof(s->inner6));
	}
	if (set & KMOD_LEG) {
		p32(p, MESHVPN_A_SESSION_LINK, s->link);
		p32(p, MESHVPN_A_SESSION_CIRCUIT, s->circuit);
	}
	end(p, nest);
}

static void put_circuit_new(struct put *p, const struct datapath_circuit *c)
{
	u32 keys = c->kind == DATAPATH_ORIGIN_CIRCUIT ? c->hops : 1;

	p32(p, MESHVPN_A_CIRCUIT_KIND, c->kind);
	if (c->kind == DATAPATH_RELAY) {
		p32(p, MESHVPN_A_CIRCUIT_OUT_LINK, c->out_link);
		p32(p, MESHVPN_A_CIRCUIT_OUT_CIRCUIT, c->out_circuit);
	} else {
		p32(p, MESHVPN_A_CIRCUIT_RESERVE, c->reserve);
	}
	pbytes(p, MESHVPN_A_CIRCUIT_KF, c->kf, keys * MV_KEY_LEN);
	pbytes(p, MESHVPN_A_CIRCUIT_KB, c->kb, keys * MV_KEY_LEN);
}

static void put_circuit(struct put *p, int type, enum datapath_verb verb, const struct datapath_circuit *c, u32 set)
{
	struct nlattr *nest = begin(p, type);

	p32(p, MESHVPN_A_CIRCUIT_LINK, c->link);
	p32(p, MESHVPN_A_CIRCUIT_CIRCUIT, c->circuit);
	if (verb == DATAPATH_NEW)
		put_circuit_new(p, c);
	if (set & KMOD_DATA_CLASS)
		p32(p, MESHVPN_A_CIRCUIT_DATA_CLASS, c->data_class);
	if (set & KMOD_SMALL_FORWARD)
		p8(p, MESHVPN_A_CIRCUIT_SMALL_FORWARD, c->small_forward);
	if (set & KMOD_PASS)
		p8(p, MESHVPN_A_CIRCUIT_PASS, c->pass);
	if (set & KMOD_SESSION && (verb == DATAPATH_SET || c->session))
		p32(p, MESHVPN_A_CIRCUIT_SESSION, c->session);
	if (set & KMOD_RATE) {
		p64(p, MESHVPN_A_CIRCUIT_RATE, c->rate);
		p64(p, MESHVPN_A_CIRCUIT_BURST, c->burst);
	}
	end(p, nest);
}

static void put_prefix(struct put *p, const struct datapath_prefix *x)
{
	struct nlattr *nest = begin(p, MESHVPN_A_SELECTOR_PREFIX);

	p16(p, MESHVPN_A_PREFIX_FAMILY, x->family);
	p8(p, MESHVPN_A_PREFIX_BITS, x->bits);
	pbytes(p, MESHVPN_A_PREFIX_ADDR, x->addr, addr_len(x->family));
	p32(p, MESHVPN_A_PREFIX_SESSION, x->session);
	end(p, nest);
}

/* Prefixes from @at; the rest goes into attributes of their own. */
static void put_selector(struct put *p, int type, const struct datapath_selector *s, u32 at)
{
	struct nlattr *nest = begin(p, type);
	u32 i;

	p32(p, MESHVPN_A_SELECTOR_DEVICE, s->device);
	for (i = at; i < s->count && i < at + SELECTOR_PART; i++)
		put_prefix(p, &s->prefixes[i]);
	if (at)
		pbytes(p, MESHVPN_A_SELECTOR_MORE, NULL, 0);
	end(p, nest);
}

static int check_op(const struct datapath_op *op)
{
	if (kmod_op_cmd(op->verb, op->object) < 0)
		return -EINVAL;
	/* what would not fit into our own arrays */
	if (op->object == DATAPATH_OBJ_LINK_SESSION && op->verb == DATAPATH_NEW &&
	    op->link_session->rx_ids_count > DATAPATH_LINK_IDS)
		return -EINVAL;
	if (op->object == DATAPATH_OBJ_CIRCUIT && op->verb == DATAPATH_NEW &&
	    op->circuit->kind == DATAPATH_ORIGIN_CIRCUIT && (!op->circuit->hops || op->circuit->hops > MV_HOPS_MAX))
		return -EINVAL;
	if (op->object == DATAPATH_OBJ_SELECTOR && op->selector->count > MESHVPN_PREFIXES_MAX)
		return -ENOSPC;
	return 0;
}

/* All but selectors, which may need several. @batch: inside of an op, where the nests have other numbers. */
static void put_object(struct put *p, const struct datapath_op *op, u32 fields, bool batch)
{
	static const int types[][2] = {
		[DATAPATH_OBJ_DEVICE] = { MESHVPN_A_DEVICE, MESHVPN_A_OP_DEVICE },
		[DATAPATH_OBJ_LINK] = { MESHVPN_A_LINK, MESHVPN_A_OP_LINK },
		[DATAPATH_OBJ_LINK_SESSION] = { MESHVPN_A_LINK_SESSION, MESHVPN_A_OP_LINK_SESSION },
		[DATAPATH_OBJ_SESSION] = { MESHVPN_A_SESSION, MESHVPN_A_OP_SESSION },
		[DATAPATH_OBJ_CIRCUIT] = { MESHVPN_A_CIRCUIT, MESHVPN_A_OP_CIRCUIT },
		[DATAPATH_OBJ_SELECTOR] = { 0, 0 },
	};
	int type = types[op->object][batch];
	u32 set = op->verb == DATAPATH_DEL ? 0 : op->verb == DATAPATH_NEW ? (u32)KMOD_ALL : fields;

	switch (op->object) {
	case DATAPATH_OBJ_DEVICE:
		return put_device(p, type, op->verb, op->device, set);
	case DATAPATH_OBJ_LINK:
		return put_link(p, type, op->link, set);
	case DATAPATH_OBJ_LINK_SESSION:
		return put_link_session(p, type, op->verb, op->link_session, set);
	case DATAPATH_OBJ_SESSION:
		return put_session(p, type, op->verb, op->session, set);
	case DATAPATH_OBJ_CIRCUIT:
		return put_circuit(p, type, op->verb, op->circuit, set);
	default:
		return;
	}
}

int kmod_put_op(struct nl_msg *m, const struct datapath_op *op, u32 fields)
{
	struct put p = { .m = m };
	int err = check_op(op);
	u32 at = 0;

	if (err)
		return err;
	if (op->object == DATAPATH_OBJ_SELECTOR) {
		do {
			put_selector(&p, MESHVPN_A_SELECTOR, op->selector, at);
			at += SELECTOR_PART;
		} while (at < op->selector->count);
	} else {
		put_object(&p, op, fields, false);
	}
	return p.failed ? -EMSGSIZE : 0;
}

/* ---- batches ---- */

size_t kmod_op_room(const struct datapath_op *op)
{
	size_t parts;

	if (op->object == DATAPATH_OBJ_CIRCUIT && op->verb == DATAPATH_NEW)
		return OP_ROOM + 2 * sizeof(op->circuit->kf);
	if (op->object != DATAPATH_OBJ_SELECTOR)
		return OP_ROOM;
	parts = op->selector->count / SELECTOR_PART + 1;
	return parts * OP_ROOM + (size_t)op->selector->count * PREFIX_ROOM;
}

static void put_selector_ops(struct put *p, const struct datapath_selector *s)
{
	u32 at = 0;

	do {
		struct nlattr *nest = begin(p, MESHVPN_A_OP);

		p32(p, MESHVPN_A_OP_VERB, MESHVPN_VERB_SET);
		put_selector(p, MESHVPN_A_OP_SELECTOR, s, at);
		end(p, nest);
		at += SELECTOR_PART;
	} while (at < s->count);
}

static void put_batch_op(struct put *p, const struct datapath_op *op, u32 fields)
{
	struct nlattr *nest;

	if (op->object == DATAPATH_OBJ_SELECTOR) {
		put_selector_ops(p, op->selector);
		return;
	}
	nest = begin(p, MESHVPN_A_OP);
	p32(p, MESHVPN_A_OP_VERB, op->verb);
	put_object(p, op, fields, true);
	end(p, nest);
}

int kmod_put_batch_op(struct nl_msg *m, const struct datapath_op *op, u32 fields)
{
	struct put p = { .m = m };
	int err = check_op(op);

	if (!err)
		put_batch_op(&p, op, fields);
	return err ? err : p.failed ? -EMSGSIZE : 0;
}

int kmod_put_batch(struct nl_msg *m, const struct datapath_op *ops, u32 count, int *why)
{
	struct put p = { .m = m };
	u32 i;

	*why = 0;
	for (i = 0; i < count && i < KMOD_BATCH_OPS; i++) {
		*why = check_op(&ops[i]);
		if (*why)
			return (int)i;
		put_batch_op(&p, &ops[i], KMOD_ALL);
		if (p.failed)
			break;
	}
	if (i < count)
		*why = -ENOSPC;
	return (int)i;
}

/* ---- what is no object of datapath.h ---- */

static void put_node_new(struct put *p, const struct kmod_node *n)
{
	u32 i;

	if (n->own)
		pbytes(p, MESHVPN_A_NODE_OWN, NULL, 0);
	for (i = 0; !n->make && i < n->lanes; i++)
		p32(p, MESHVPN_A_NODE_SOCKET, (u32)n->sockets[i]);
	if (n->make) {
		p32(p, MESHVPN_A_NODE_LANES, n->lanes);
		p16(p, MESHVPN_A_NODE_PORT, htons(n->port));
		p32(p, MESHVPN_A_NODE_MARK, n->mark);
	}
}

static void put_node_fields(struct put *p, const struct kmod_node *n, u32 fields)
{
	if (fields & KMOD_RATE) {
		p64(p, MESHVPN_A_NODE_RATE, n->rate);
		p64(p, MESHVPN_A_NODE_BURST, n->burst);
	}
	if (fields & KMOD_UP_RATE) {
		p64(p, MESHVPN_A_NODE_UP_RATE, n->up_rate);
		p64(p, MESHVPN_A_NODE_UP_BURST, n->up_burst);
	}
	if (fields & KMOD_HOLD)
		p32(p, MESHVPN_A_NODE_HOLD_US, n->hold_us);
	if (fields & KMOD_LIMITS) {
		p32(p, MESHVPN_A_NODE_MAX_LINKS, n->max_links);
		p32(p, MESHVPN_A_NODE_MAX_CIRCUITS, n->max_circuits);
		p32(p, MESHVPN_A_NODE_QUEUE_CELLS, n->queue_cells);
		p32(p, MESHVPN_A_NODE_SEND_BYTES, n->send_bytes);
	}
	if (fields & KMOD_VOLUME_LIMIT)
		p64(p, MESHVPN_A_NODE_VOLUME_LIMIT, n->volume_limit);
}

int kmod_put_node(struct nl_msg *m, const struct kmod_node *node, u32 fields)
{
	struct put p = { .m = m };
	struct nlattr *nest;

	if (node->lanes > DATAPATH_LANES_MAX)
		return -EINVAL;
	nest = begin(&p, MESHVPN_A_NODE);
	/* lanes are given to a node that is made, never to one that is changed */
	if (node->lanes)
		put_node_new(&p, node);
	put_node_fields(&p, node, fields);
	end(&p, nest);
	return p.failed ? -EMSGSIZE : 0;
}

static void put_names(struct put *p, int type, int first, u32 id, int second, u32 sub)
{
	struct nlattr *nest = begin(p, type);

	p32(p, first, id);
	if (second)
		p32(p, second, sub);
	end(p, nest);
}

int kmod_put_names(struct nl_msg *m, enum datapath_object object, u32 id, u32 sub)
{
	static const int names[][3] = {
		[DATAPATH_OBJ_DEVICE] = { MESHVPN_A_DEVICE, MESHVPN_A_DEVICE_ID },
		[DATAPATH_OBJ_LINK] = { MESHVPN_A_LINK, MESHVPN_A_LINK_ID },
		[DATAPATH_OBJ_LINK_SESSION] = { MESHVPN_A_LINK_SESSION, MESHVPN_A_LINK_SESSION_LINK,
						MESHVPN_A_LINK_SESSION_INDEX },
		[DATAPATH_OBJ_SESSION] = { MESHVPN_A_SESSION, MESHVPN_A_SESSION_ID },
		[DATAPATH_OBJ_CIRCUIT] = { MESHVPN_A_CIRCUIT, MESHVPN_A_CIRCUIT_LINK, MESHVPN_A_CIRCUIT_CIRCUIT },
		[DATAPATH_OBJ_SELECTOR] = { MESHVPN_A_SELECTOR, MESHVPN_A_SELECTOR_DEVICE },
	};
	struct put p = { .m = m };

	if (object > DATAPATH_OBJ_SELECTOR)
		return -EINVAL;
	put_names(&p, names[object][0], names[object][1], id, names[object][2], sub);
	return p.failed ? -EMSGSIZE : 0;
}

int kmod_put_control(struct nl_msg *m, u32 link, u32 circuit, const u8 *data, size_t len)
{
	struct put p = { .m = m };

	if (len > MESHVPN_CONTROL_LEN_MAX)
		return -EMSGSIZE;
	put_names(&p, MESHVPN_A_CIRCUIT, MESHVPN_A_CIRCUIT_LINK, link, MESHVPN_A_CIRCUIT_CIRCUIT, circuit);
	pbytes(&p, MESHVPN_A_DATA, data, len);
	return p.failed ? -EMSGSIZE : 0;
}
