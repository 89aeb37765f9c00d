/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The module's objects as lists of attributes with valid values, of which a test changes one,
 * leaves one out, or adds one that does not belong there.
 */
#ifndef SELFTESTS_KMOD_NL_OBJECTS_H
#define SELFTESTS_KMOD_NL_OBJECTS_H

#include "nl.h"

enum object_kind { DEVICE, LINK, LINK_SESSION, SESSION, CIRCUIT, SELECTOR, OBJECTS };
enum verb { NEW, SET, DEL, GET };

enum {
	NAME = 1,		/* names the object: always there */
	NEEDED = 2,		/* by new */
	TAKEN = 4,		/* by new */
	SETTABLE = 8,
	REMOTE = 16,		/* an endpoint: made when it is put */
	PREFIX = 32,
};

struct field {
	uint16_t type;
	uint8_t flags, len;
	uint8_t data[64];
};

struct object {
	enum object_kind kind;
	uint32_t count;
	struct field fields[24];
};

static const struct {
	uint16_t root, op;
	uint8_t cmd[4];
} object_table[OBJECTS] = {
#define OBJECT(x) [x] = { MESHVPN_A_##x, MESHVPN_A_OP_##x, \
	{ MESHVPN_CMD_##x##_NEW, MESHVPN_CMD_##x##_SET, MESHVPN_CMD_##x##_DEL, MESHVPN_CMD_##x##_GET } }
	OBJECT(DEVICE), OBJECT(LINK), OBJECT(LINK_SESSION), OBJECT(SESSION), OBJECT(CIRCUIT),
	[SELECTOR] = { MESHVPN_A_SELECTOR, MESHVPN_A_OP_SELECTOR,
		       { 0, MESHVPN_CMD_SELECTOR_SET, 0, MESHVPN_CMD_SELECTOR_GET } },
#undef OBJECT
};

/* Recognized in dumps: nobody else writes 16 of these in a row. */
static const uint8_t object_key[64] = "KeyKeyKeyKeyKeyKeyKeyKeyKeyKeyKeyKeyKeyKeyKeyKeyKeyKeyKeyKeyKey";

static inline struct field *object_field(struct object *o, uint16_t type)
{
	uint32_t i;

	for (i = 0; i < o->count; i++)
		if (o->fields[i].type == type)
			return &o->fields[i];
	return NULL;
}

static inline void object_bytes(struct object *o, uint16_t type, const void *data, size_t len)
{
	struct field *f = object_field(o, type);

	if (!f) {
		f = &o->fields[o->count++];
		*f = (struct field){ .type = type, .flags = TAKEN | SETTABLE };
	}
	f->flags &= (uint8_t)~(REMOTE | PREFIX);
	f->len = (uint8_t)len;
	memcpy(f->data, data, len);
}

static inline void object_add(struct object *o, uint16_t type, uint8_t flags, uint64_t v, size_t len)
{
	uint8_t data[16] = { 0 };

	memcpy(data, &v, sizeof(v));
	object_bytes(o, type, data, len);
	o->fields[o->count - 1].flags = flags;
}

/* Another value, of the length that it has. */
static inline void object_set(struct object *o, uint16_t type, uint64_t v)
{
	struct field *f = object_field(o, type);

	memcpy(f->data, &v, f->len);
}

static inline void object_drop(struct object *o, uint16_t type)
{
	struct field *f = object_field(o, type);

	if (f)
		*f = o->fields[--o->count];
}

static inline void object_keys(struct object *o, uint16_t from, uint16_t to, size_t len)
{
	for (; from <= to; from++) {
		object_bytes(o, from, object_key, len);
		o->fields[o->count - 1].flags = NEEDED;
	}
}

static inline struct object object_device(uint32_t id, const char *name)
{
	struct object o = { .kind = DEVICE };

	object_add(&o, MESHVPN_A_DEVICE_ID, NAME, id, 4);
	object_bytes(&o, MESHVPN_A_DEVICE_NAME, name, strlen(name) + 1);
	o.fields[1].flags = NEEDED;
	object_add(&o, MESHVPN_A_DEVICE_ROLE, NEEDED, MESHVPN_ROLE_EXIT, 4);
	object_add(&o, MESHVPN_A_DEVICE_MTU, TAKEN | SETTABLE, 1280, 4);
	return o;
}

static inline struct object object_link(uint32_t id)
{
	struct object o = { .kind = LINK };

	object_add(&o, MESHVPN_A_LINK_ID, NAME, id, 4);
	object_add(&o, MESHVPN_A_LINK_UP_RATE, TAKEN | SETTABLE, 100, 8);
	object_add(&o, MESHVPN_A_LINK_UP_BURST, TAKEN | SETTABLE, 200, 8);
	return o;
}

static inline struct object object_link_session(uint32_t link, uint32_t index, uint64_t rx_id)
{
	struct object o = { .kind = LINK_SESSION };

	object_add(&o, MESHVPN_A_LINK_SESSION_LINK, NAME, link, 4);
	object_add(&o, MESHVPN_A_LINK_SESSION_INDEX, NAME, index, 4);
	object_add(&o, MESHVPN_A_LINK_SESSION_STATE, NEEDED | SETTABLE, MESHVPN_SESSION_STATE_CURRENT, 4);
	object_add(&o, MESHVPN_A_LINK_SESSION_RX_ID, NEEDED, rx_id, 8);
	object_add(&o, MESHVPN_A_LINK_SESSION_TX_ID, NEEDED | SETTABLE, 77, 8);
	object_keys(&o, MESHVPN_A_LINK_SESSION_RX_TAG, MESHVPN_A_LINK_SESSION_TX_MASK, 16);
	object_add(&o, MESHVPN_A_LINK_SESSION_REMOTE, TAKEN | SETTABLE, 0, 0);
	o.fields[o.count - 1].flags |= REMOTE;
	object_add(&o, MESHVPN_A_LINK_SESSION_REMOTE_LANES, TAKEN | SETTABLE, 2, 4);
	object_add(&o, MESHVPN_A_LINK_SESSION_LOCAL_LANE, TAKEN | SETTABLE, 0, 4);
	object_add(&o, MESHVPN_A_LINK_SESSION_LOCAL_LANES, TAKEN | SETTABLE, 1, 4);
	return o;
}

static inline struct object object_session(uint32_t id, uint32_t device, uint32_t link, uint32_t circuit)
{
	struct object o = { .kind = SESSION };

	object_add(&o, MESHVPN_A_SESSION_ID, NAME, id, 4);
	object_add(&o, MESHVPN_A_SESSION_DEVICE, NEEDED, device, 4);
	object_add(&o, MESHVPN_A_SESSION_INNER4, TAKEN, 0x0a | id << 24, 4);
	object_add(&o, MESHVPN_A_SESSION_INNER6, TAKEN, 0xfd, 16);
	o.fields[o.count - 1].data[15] = (uint8_t)id;
	object_add(&o, MESHVPN_A_SESSION_LINK, TAKEN | SETTABLE, link, 4);
	object_add(&o, MESHVPN_A_SESSION_CIRCUIT, TAKEN | SETTABLE, circuit, 4);
	return o;
}

static inline struct object object_circuit(enum meshvpn_circuit_kind kind, uint32_t link, uint32_t circuit)
{
	struct object o = { .kind = CIRCUIT };

	object_add(&o, MESHVPN_A_CIRCUIT_KIND, NEEDED, kind, 4);
	object_add(&o, MESHVPN_A_CIRCUIT_LINK, NAME, link, 4);
	object_add(&o, MESHVPN_A_CIRCUIT_CIRCUIT, NAME, circuit, 4);
	if (kind == MESHVPN_CIRCUIT_KIND_RELAY) {
		object_add(&o, MESHVPN_A_CIRCUIT_OUT_LINK, NEEDED, link + 1, 4);
		object_add(&o, MESHVPN_A_CIRCUIT_OUT_CIRCUIT, NEEDED, circuit, 4);
	}
	object_keys(&o, MESHVPN_A_CIRCUIT_KF, MESHVPN_A_CIRCUIT_KB, 32);
	if (kind != MESHVPN_CIRCUIT_KIND_RELAY) {
		object_add(&o, MESHVPN_A_CIRCUIT_RESERVE, NEEDED, 48, 4);
		object_add(&o, MESHVPN_A_CIRCUIT_SESSION, TAKEN | SETTABLE, 0, 4);
	}
	object_add(&o, MESHVPN_A_CIRCUIT_DATA_CLASS, NEEDED | SETTABLE, MESHVPN_CELL_CLASS_LARGE, 4);
	object_add(&o, MESHVPN_A_CIRCUIT_SMALL_FORWARD, TAKEN | SETTABLE, 1, 1);
	object_add(&o, MESHVPN_A_CIRCUIT_PASS, TAKEN | SETTABLE, 0, 1);
	object_add(&o, MESHVPN_A_CIRCUIT_RATE, TAKEN | SETTABLE, 1000000, 8);
	object_add(&o, MESHVPN_A_CIRCUIT_BURST, TAKEN | SETTABLE, 20000, 8);
	return o;
}

static inline struct object object_selector(uint32_t device)
{
	struct object o = { .kind = SELECTOR };

	object_add(&o, MESHVPN_A_SELECTOR_DEVICE, NAME, device, 4);
	object_add(&o, MESHVPN_A_SELECTOR_PREFIX, SETTABLE | PREFIX, 0, 0);
	return o;
}

static inline void put_remote(struct nl_msg_buf *m, uint16_t type)
{
	size_t nest = nl_nest(m, type);
	uint8_t addr[4] = { 127, 0, 0, 1 };

	nl_u16(m, MESHVPN_A_ENDPOINT_FAMILY, AF_INET);
	nl_put(m, MESHVPN_A_ENDPOINT_ADDR, addr, sizeof(addr));
	nl_u16(m, MESHVPN_A_ENDPOINT_PORT, htons(4471));
	nl_nest_end(m, nest);
}

static inline void put_prefix(struct nl_msg_buf *m, uint32_t i, uint32_t session)
{
	size_t nest = nl_nest(m, MESHVPN_A_SELECTOR_PREFIX);
	uint8_t addr[4] = { 172, (uint8_t)(i >> 8), (uint8_t)i, 0 };

	nl_u16(m, MESHVPN_A_PREFIX_FAMILY, AF_INET);
	nl_u8(m, MESHVPN_A_PREFIX_BITS, 24);
	nl_put(m, MESHVPN_A_PREFIX_ADDR, addr, sizeof(addr));
	nl_u32(m, MESHVPN_A_PREFIX_SESSION, session);
	nl_nest_end(m, nest);
}

/* The nest with what @verb takes; @odd: this attribute as well, if it is there. */
static inline void put_fields(struct nl_msg_buf *m, const struct object *o, enum verb verb, uint16_t type,
			      uint16_t odd)
{
	uint8_t take = NAME | (verb == NEW ? NEEDED | TAKEN : verb == SET ? SETTABLE : 0);
	size_t nest = nl_nest(m, type);
	uint32_t i;

	for (i = 0; i < o->count; i++) {
		const struct field *f = &o->fields[i];

		if (!(f->flags & take) && f->type != odd)
			continue;
		if (f->flags & REMOTE)
			put_remote(m, f->type);
		else if (f->flags & PREFIX)
			put_prefix(m, 1, 1);
		else
			nl_put(m, f->type, f->data, f->len);
	}
	nl_nest_end(m, nest);
}

/* A whole request. */
static inline void put_request(struct nl_msg_buf *m, uint32_t node, const struct object *o, enum verb verb)
{
	nl_begin(m, object_table[o->kind].cmd[verb], 0);
	nl_u32(m, MESHVPN_A_NODE_ID, node);
	put_fields(m, o, verb, object_table[o->kind].root, 0);
}

static inline void put_op(struct nl_msg_buf *m, const struct object *o, enum verb verb)
{
	size_t op = nl_nest(m, MESHVPN_A_OP);

	nl_u32(m, MESHVPN_A_OP_VERB, verb);
	put_fields(m, o, verb, object_table[o->kind].op, 0);
	nl_nest_end(m, op);
}

static inline int object_call(struct nl *nl, struct nl_msg_buf *m, uint32_t node, struct object o,
			      enum verb verb, struct nl_answer *a)
{
	put_request(m, node, &o, verb);
	return nl_call(nl, m, a);
}

/* A node with one socket of the module's. Return: its id, or -errno. */
static inline int64_t node_make(struct nl *nl, struct nl_msg_buf *m, bool own, uint32_t circuits)
{
	struct nl_answer a;
	const uint8_t *p;
	int64_t id = -EBADMSG;
	size_t nest, n;

	nl_begin(m, MESHVPN_CMD_NODE_NEW, 0);
	nest = nl_nest(m, MESHVPN_A_NODE);
	nl_u32(m, MESHVPN_A_NODE_LANES, 1);
	nl_u32(m, MESHVPN_A_NODE_MAX_CIRCUITS, circuits);
	nl_u32(m, MESHVPN_A_NODE_MAX_LINKS, 64);
	if (own)
		nl_flag(m, MESHVPN_A_NODE_OWN);
	nl_nest_end(m, nest);
	if (nl_call(nl, m, &a))
		id = a.err;
	else if ((p = nl_message(&a, 0, &n)))
		id = (int64_t)nl_number(p, n, MESHVPN_A_NODE_ID, 0);
	nl_answer_free(&a);
	return id;
}

#endif
