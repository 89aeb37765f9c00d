// SPDX-License-Identifier: GPL-2.0-or-later
/* The tables: finding objects, putting them in, taking them out. See table.h. */
#include "table.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>

#define BUCKETS 1024
#define FEW_BUCKETS 64

int table_init(struct table *t, const struct datapath_conf *conf)
{
	u64 seeds[7];

	memset(t, 0, sizeof(*t));
	t->conf = *conf;
	t->workers = 1;
	if (!t->conf.max_links)
		t->conf.max_links = 4096;
	if (!t->conf.max_circuits)
		t->conf.max_circuits = 65536;
	if (!t->conf.up_rate)
		t->conf.up_rate = 2000;
	if (!t->conf.up_burst)
		t->conf.up_burst = 4000;
	bucket_init(&t->handshakes, TABLE_UNKNOWN_RATE, TABLE_UNKNOWN_BURST);
	bucket_init(&t->unknown, TABLE_UNKNOWN_RATE, TABLE_UNKNOWN_BURST);
	bucket_init(&t->rate, conf->rate, conf->burst > MV_CELL_MAX ? conf->burst : MV_CELL_MAX);
	secrets_init(&t->secrets);
	secrets_init(&t->circuit_blocks);
	t->circuit_blocks.plain = true;
	randombytes_buf(seeds, sizeof(seeds));
	flat_init(&t->rx_ids, seeds[0]);
	flat_init(&t->circuits, seeds[1]);
	if (htable_init(&t->links, BUCKETS, seeds[2]) || htable_init(&t->devices, FEW_BUCKETS, seeds[3]) ||
	    htable_init(&t->exits, BUCKETS, seeds[4]) || htable_init(&t->inner4, BUCKETS, seeds[5]) ||
	    htable_init(&t->inner6, BUCKETS, seeds[6])) {
		table_fini(t);
		return -ENOMEM;
	}
	return 0;
}

/* The first node of a table, or NULL. */
static struct hnode *any(const struct htable *h)
{
	u32 i;

	for (i = 0; h->buckets && i <= h->mask; i++)
		if (!list_empty(&h->buckets[i]))
			return list_entry(h->buckets[i].next, struct hnode, list);
	return NULL;
}

static void link_drop(struct table *t, struct dp_link *link)
{
	while (!list_empty(&link->circuits)) {
		struct dp_circuit *c = list_entry(link->circuits.next, struct dp_circuit, link_node);

		table_circuit_detach(t, c);
		table_circuit_free(t, c);
	}
	while (!list_empty(&link->out_circuits)) {
		struct dp_circuit *c = list_entry(link->out_circuits.next, struct dp_circuit, out_node);

		table_circuit_detach(t, c);
		table_circuit_free(t, c);
	}
	while (!list_empty(&link->sessions)) {
		struct dp_session *s = list_entry(link->sessions.next, struct dp_session, link_node);

		table_session_detach(t, s);
		table_session_free(t, s);
	}
	table_link_detach(t, link);
	table_link_free(t, link);
}

void table_fini(struct table *t)
{
	struct hnode *n;

	while ((n = any(&t->links)))
		link_drop(t, container_of(n, struct dp_link, node));
	while ((n = any(&t->exits))) {
		struct dp_exit *e = container_of(n, struct dp_exit, node);

		table_exit_detach(t, e);
		table_exit_free(e);
	}
	while ((n = any(&t->devices))) {
		struct dp_device *d = container_of(n, struct dp_device, node);

		table_device_detach(t, d);
		table_device_free(t, d, true);
	}
	flat_fini(&t->rx_ids);
	flat_fini(&t->circuits);
	htable_fini(&t->links);
	htable_fini(&t->devices);
	htable_fini(&t->exits);
	htable_fini(&t->inner4);
	htable_fini(&t->inner6);
	secrets_fini(&t->circuit_blocks);
	secrets_fini(&t->secrets);
}

/* ---- finding ---- */

struct dp_link *table_link(const struct table *t, u32 id)
{
	struct hnode *n = htable_find(&t->links, id);

	return n ? container_of(n, struct dp_link, node) : NULL;
}

struct dp_device *table_device(const struct table *t, u32 id)
{
	struct hnode *n = htable_find(&t->devices, id);

	return n ? container_of(n, struct dp_device, node) : NULL;
}

struct dp_exit *table_exit(const struct table *t, u32 id)
{
	struct hnode *n = htable_find(&t->exits, id);

	return n ? container_of(n, struct dp_exit, node) : NULL;
}

struct dp_session *table_session(const struct dp_link *link, u32 index)
{
	struct dp_session *s;

	list_for_each(s, &link->sessions, link_node)
		if (s->index == index)
			return s;
	return NULL;
}

static u64 key4(const struct dp_device *d, const u8 *addr)
{
	return (u64)d->id << 32 | mv_get_be32(addr);
}

/* Local parts are random or given by us; the table's seed comes on top. */
static u64 key6(const struct dp_device *d, const u8 *addr)
{
	return (mv_get_le64(addr) * 0x9e3779b97f4a7c15ULL ^ mv_get_le64(addr + 8)) + d->id;
}

struct dp_exit *table_inner(const struct table *t, const struct dp_device *device, u32 family,
			    const u8 *addr)
{
	const struct htable *h = family == 4 ? &t->inner4 : &t->inner6;
	u64 key = family == 4 ? key4(device, addr) : key6(device, addr);
	struct hnode *n;

	list_for_each(n, htable_bucket(h, key), list) {
		struct dp_exit *e;

		if (n->key != key)
			continue;
		e = family == 4 ? container_of(n, struct dp_exit, node4) :
				  container_of(n, struct dp_exit, node6);
		if (e->device == device &&
		    (family == 4 ? !memcmp(e->inner4, addr, 4) : !memcmp(e->inner6, addr, 16)))
			return e;
	}
	return NULL;
}

/* ---- in and out ---- */

int table_link_attach(struct table *t, struct dp_link *link)
{
	if (table_link(t, link->id))
		return -EEXIST;
	htable_add(&t->links, &link->node, link->id);
	return 0;
}

void table_link_detach(struct table *t, struct dp_link *link)
{
	htable_del(&t->links, &link->node);
}

int table_session_attach(struct table *t, struct dp_session *s)
{
	u32 i, k;

	if (flat_reserve(&t->rx_ids, s->rx_ids_count))
		return -ENOMEM;
	for (i = 0; i < s->rx_ids_count; i++) {
		if (table_rx(t, s->rx_ids[i]))
			return -EEXIST;
		for (k = 0; k < i; k++)
			if (s->rx_ids[k] == s->rx_ids[i])
				return -EINVAL;
	}
	for (i = 0; i < s->rx_ids_count; i++)
		flat_add(&t->rx_ids, s->rx_ids[i], s);
	list_add_tail(&s->link_node, &s->link->sessions);
	s->link->session_count++;
	t->link_sessions++;
	return 0;
}

void table_session_detach(struct table *t, struct dp_session *s)
{
	u32 i;

	for (i = 0; i < s->rx_ids_count; i++)
		flat_del(&t->rx_ids, s->rx_ids[i]);
	list_del(&s->link_node);
	s->link->session_count--;
	t->link_sessions--;
}

int table_exit_attach(struct table *t, struct dp_exit *e)
{
	if (table_exit(t, e->id) || (e->has4 && table_inner(t, e->device, 4, e->inner4)) ||
	    (e->has6 && table_inner(t, e->device, 6, e->inner6)))
		return -EEXIST;
	htable_add(&t->exits, &e->node, e->id);
	if (e->has4)
		htable_add(&t->inner4, &e->node4, key4(e->device, e->inner4));
	if (e->has6)
		htable_add(&t->inner6, &e->node6, key6(e->device, e->inner6));
	list_add_tail(&e->device_node, &e->device->exits);
	return 0;
}

void table_exit_detach(struct table *t, struct dp_exit *e)
{
	htable_del(&t->exits, &e->node);
	if (e->has4)
		htable_del(&t->inner4, &e->node4);
	if (e->has6)
		htable_del(&t->inner6, &e->node6);
	list_del(&e->device_node);
}

int table_device_attach(struct table *t, struct dp_device *d)
{
	if (table_device(t, d->id))
		return -EEXIST;
	htable_add(&t->devices, &d->node, d->id);
	return 0;
}

void table_device_detach(struct table *t, struct dp_device *d)
{
	htable_del(&t->devices, &d->node);
}

int table_circuit_attach(struct table *t, struct dp_circuit *c)
{
	uintptr_t back = c->kind == DATAPATH_ORIGIN_CIRCUIT;
	bool away;

	if (flat_reserve(&t->circuits, 2))
		return -ENOMEM;
	if (table_circuit(t, c->link->id, c->id, &away) ||
	    (c->out_link && table_circuit(t, c->out_link->id, c->out_id, &away)))
		return -EEXIST;
	flat_add(&t->circuits, circuit_key(c->link->id, c->id), (void *)((uintptr_t)c | back));
	list_add_tail(&c->link_node, &c->link->circuits);
	c->link->circuit_count++;
	if (c->out_link) {
		flat_add(&t->circuits, circuit_key(c->out_link->id, c->out_id),
			 (void *)((uintptr_t)c | 1));
		list_add_tail(&c->out_node, &c->out_link->out_circuits);
		c->out_link->circuit_count++;
	}
	if (c->exit)
		list_add_tail(&c->exit_node, &c->exit->circuits);
	t->circuit_count++;
	return 0;
}

void table_circuit_detach(struct table *t, struct dp_circuit *c)
{
	flat_del(&t->circuits, circuit_key(c->link->id, c->id));
	list_del(&c->link_node);
	c->link->circuit_count--;
	if (c->out_link) {
		flat_del(&t->circuits, circuit_key(c->out_link->id, c->out_id));
		list_del(&c->out_node);
		c->out_link->circuit_count--;
	}
	list_del(&c->exit_node);
	t->circuit_count--;
}
