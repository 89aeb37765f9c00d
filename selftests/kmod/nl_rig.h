/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the programs about the netlink interface (netlink*.c) have in common: a network namespace
 * with a node for each test, and its state as a piece of memory.
 */
#ifndef SELFTESTS_KMOD_NL_RIG_H
#define SELFTESTS_KMOD_NL_RIG_H

#include <sched.h>
#include <sys/wait.h>
#include <time.h>
#include "kselftest_harness.h"

#include "nl_objects.h"

static struct nl_msg_buf m;

static inline void run(const char *command)
{
	if (system(command))
		fprintf(stderr, "# failed: %s\n", command);
}

static inline double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

FIXTURE(node)
{
	struct nl nl;
	uint32_t id;
};

/* A namespace of its own with a node, links 1 and 2, and an exit device. */
FIXTURE_SETUP(node)
{
	int64_t id;

	ASSERT_EQ(unshare(CLONE_NEWNET), 0);
	run("ip link set lo up && ip link add mv0 type meshvpn && ip link add mv1 type meshvpn");
	ASSERT_EQ(nl_open(&self->nl, &m), 0);
	id = node_make(&self->nl, &m, true, 1000);
	ASSERT_GT(id, 0);
	self->id = (uint32_t)id;
	ASSERT_EQ(object_call(&self->nl, &m, self->id, object_link(1), NEW, NULL), 0);
	ASSERT_EQ(object_call(&self->nl, &m, self->id, object_link(2), NEW, NULL), 0);
	ASSERT_EQ(object_call(&self->nl, &m, self->id, object_device(1, "mv0"), NEW, NULL), 0);
}

FIXTURE_TEARDOWN(node)
{
	close(self->nl.fd);
}

#define CALL(object, verb) object_call(&self->nl, &m, self->id, object, verb, NULL)

static inline struct object relay(uint32_t circuit)
{
	return object_circuit(MESHVPN_CIRCUIT_KIND_RELAY, 1, circuit);
}

static inline struct object terminus(uint32_t circuit)
{
	return object_circuit(MESHVPN_CIRCUIT_KIND_TERMINUS, 1, circuit);
}

static inline struct object origin(uint32_t circuit)
{
	struct object o = object_circuit(MESHVPN_CIRCUIT_KIND_ORIGIN, 1, circuit);

	/* two hops */
	object_bytes(&o, MESHVPN_A_CIRCUIT_KF, object_key, 64);
	object_bytes(&o, MESHVPN_A_CIRCUIT_KB, object_key, 64);
	return o;
}

/* The type of the attribute at @offs of the message that was sent. */
static inline uint16_t type_at(uint32_t offs)
{
	struct nlattr a;

	if (offs == ~0U || offs + sizeof(a) > m.len)
		return 0xffff;
	memcpy(&a, m.data + offs, sizeof(a));
	return a.nla_type & NLA_TYPE_MASK;
}

/* ---- all that a node shows ---- */

static const uint8_t dumps[] = {
	MESHVPN_CMD_DEVICE_GET, MESHVPN_CMD_LINK_GET, MESHVPN_CMD_LINK_SESSION_GET,
	MESHVPN_CMD_SESSION_GET, MESHVPN_CMD_CIRCUIT_GET, MESHVPN_CMD_SELECTOR_GET,
};

static inline int dump(struct nl *nl, uint32_t node, uint8_t cmd, struct nl_answer *a)
{
	nl_begin(&m, cmd, NLM_F_DUMP);
	nl_u32(&m, MESHVPN_A_NODE_ID, node);
	return nl_call(nl, &m, a);
}

struct line {
	const uint8_t *data;
	size_t len;
};

static inline int compare_lines(const void *a, const void *b)
{
	const struct line *x = a, *y = b;
	int d = memcmp(x->data, y->data, x->len < y->len ? x->len : y->len);

	return d ? d : (x->len > y->len) - (x->len < y->len);
}

/* Objects in a table come in no order; the state is all of them, sorted. */
static inline void state_add(FILE *f, const struct nl_answer *a)
{
	struct line *lines = calloc(a->count + 1, sizeof(*lines));
	uint32_t i, n;
	size_t at = 0;

	for (i = 0; i < a->count; i++, at += 4 + n) {
		memcpy(&n, a->data + at, 4);
		lines[i] = (struct line){ a->data + at + 4, n };
	}
	qsort(lines, a->count, sizeof(*lines), compare_lines);
	for (i = 0; i < a->count; i++) {
		fwrite(&lines[i].len, sizeof(lines[i].len), 1, f);
		fwrite(lines[i].data, lines[i].len, 1, f);
	}
	free(lines);
}

/* Everything but statistics as one piece of memory, *@len bytes; NULL: a dump failed. */
static inline char *state(struct nl *nl, uint32_t node, size_t *len)
{
	struct nl_answer a;
	char *memory = NULL;
	FILE *f = open_memstream(&memory, len);
	bool ok = true;
	size_t i;

	for (i = 0; i < sizeof(dumps); i++) {
		ok = ok && !dump(nl, node, dumps[i], &a);
		state_add(f, &a);
		nl_answer_free(&a);
	}
	fclose(f);
	if (ok)
		return memory;
	free(memory);
	return NULL;
}

/* Every attribute of @o, as `get` says. Return: the type of one that differs, 0: none */
static inline uint16_t differs(struct nl *nl, uint32_t node, struct object o)
{
	struct nl_answer a;
	const uint8_t *p, *nest, *value;
	size_t n, len, i, k;
	uint16_t wrong = 0;

	put_request(&m, node, &o, GET);
	if (nl_call(nl, &m, &a))
		wrong = 0xffff;
	p = nl_message(&a, 0, &n);
	nest = p ? nl_find(p, n, object_table[o.kind].root, &len) : NULL;
	for (i = 0; i < o.count && nest; i++) {
		const struct field *f = &o.fields[i];
		bool secret = f->len >= 16 && !memcmp(f->data, object_key, 16);

		value = nl_find(nest, len, f->type, &k);
		if (f->flags & (REMOTE | PREFIX) ? !value :
		    secret ? !!value : !value || k != f->len || memcmp(value, f->data, k))
			wrong = f->type;
	}
	nl_answer_free(&a);
	return nest ? wrong : 0xffff;
}

static inline int node_call(struct nl *nl, uint8_t cmd, uint16_t flags, uint32_t node, struct nl_answer *a)
{
	nl_begin(&m, cmd, flags);
	if (node)
		nl_u32(&m, MESHVPN_A_NODE_ID, node);
	return nl_call(nl, &m, a);
}

static inline uint64_t node_number(struct nl *nl, uint32_t node, uint16_t nest, uint16_t type)
{
	struct nl_answer a;
	uint64_t v = ~0ULL;
	const uint8_t *p;
	size_t n;

	if (!node_call(nl, MESHVPN_CMD_NODE_GET, 0, node, &a) && (p = nl_message(&a, 0, &n)))
		v = nl_number(p, n, nest, type);
	nl_answer_free(&a);
	return v;
}

/* A counter of one of the nests in node-info. */
static inline uint64_t node_counter(struct nl *nl, uint32_t node, uint16_t nest, uint16_t type)
{
	struct nl_answer a;
	uint64_t v = ~0ULL;
	const uint8_t *p;
	size_t n;

	if (!node_call(nl, MESHVPN_CMD_NODE_GET, 0, node, &a) && (p = nl_message(&a, 0, &n)) &&
	    (p = nl_find(p, n, MESHVPN_A_NODE_INFO, &n)))
		v = nl_number(p, n, nest, type);
	nl_answer_free(&a);
	return v;
}

static inline int before_batch(struct nl *nl, uint32_t node)
{
	struct object objects[] = {
		object_link_session(1, 1, 800), relay(10), terminus(11), object_session(1, 1, 1, 11),
		object_link_session(2, 1, 801),
	};
	size_t i;
	int err = 0;

	for (i = 0; i < sizeof(objects) / sizeof(*objects) && !err; i++)
		err = object_call(nl, &m, node, objects[i], NEW, NULL);
	return err;
}

/* @total prefixes for device 1 in parts of 1000, as ops of a batch or not. */
static inline void put_prefixes(uint32_t node, uint32_t total, bool batch, bool first_more)
{
	uint32_t i, k;
	size_t op = 0, nest;

	nl_begin(&m, batch ? MESHVPN_CMD_BATCH : MESHVPN_CMD_SELECTOR_SET, 0);
	nl_u32(&m, MESHVPN_A_NODE_ID, node);
	for (i = 0; i < total; i = k) {
		if (batch) {
			op = nl_nest(&m, MESHVPN_A_OP);
			nl_u32(&m, MESHVPN_A_OP_VERB, SET);
		}
		nest = nl_nest(&m, batch ? MESHVPN_A_OP_SELECTOR : MESHVPN_A_SELECTOR);
		nl_u32(&m, MESHVPN_A_SELECTOR_DEVICE, 1);
		if (i || first_more)
			nl_flag(&m, MESHVPN_A_SELECTOR_MORE);
		for (k = i; k < total && k < i + 1000; k++)
			put_prefix(&m, k, 1);
		nl_nest_end(&m, nest);
		if (batch)
			nl_nest_end(&m, op);
	}
}

/* ---- a batch ---- */

struct step {
	struct object object;
	enum verb verb;
};

/* Many kinds of change that depend on each other; they hold if the node is as after the set-up. */
static inline uint32_t steps_fill(struct step *s)
{
	uint32_t n = 0;
	struct object o;

	s[n++] = (struct step){ object_device(2, "mv1"), NEW };
	s[n++] = (struct step){ object_link(3), NEW };
	s[n++] = (struct step){ object_link_session(3, 1, 900), NEW };
	s[n++] = (struct step){ object_link_session(1, 2, 901), NEW };	/* takes over from 1/1 */
	s[n++] = (struct step){ object_session(2, 1, 0, 0), NEW };
	s[n++] = (struct step){ terminus(20), NEW };
	s[n++] = (struct step){ object_session(2, 1, 1, 20), SET };
	s[n++] = (struct step){ relay(21), NEW };
	o = relay(10);
	object_set(&o, MESHVPN_A_CIRCUIT_RATE, 1);
	s[n++] = (struct step){ o, SET };
	s[n++] = (struct step){ object_session(1, 1, 0, 0), SET };
	s[n++] = (struct step){ object_link(2), SET };
	s[n++] = (struct step){ object_selector(1), SET };
	o = object_device(1, "mv0");
	object_set(&o, MESHVPN_A_DEVICE_MTU, 999);
	s[n++] = (struct step){ o, SET };
	s[n++] = (struct step){ object_circuit(MESHVPN_CIRCUIT_KIND_RELAY, 1, 10), DEL };
	s[n++] = (struct step){ object_link_session(1, 1, 0), DEL };
	s[n++] = (struct step){ object_session(1, 0, 0, 0), DEL };
	s[n++] = (struct step){ object_link(2), DEL };
	s[n++] = (struct step){ object_device(1, ""), DEL };
	s[n++] = (struct step){ object_link(1), DEL };
	return n;
}

/* @bad goes in before step @at. */
static inline void put_batch(uint32_t node, const struct step *s, uint32_t n, uint32_t at, const struct step *bad)
{
	uint32_t i;

	nl_begin(&m, MESHVPN_CMD_BATCH, 0);
	nl_u32(&m, MESHVPN_A_NODE_ID, node);
	for (i = 0; i <= n; i++) {
		if (bad && i == at)
			put_op(&m, &bad->object, bad->verb);
		if (i < n)
			put_op(&m, &s[i].object, s[i].verb);
	}
}

#endif
