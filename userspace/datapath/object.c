// SPDX-License-Identifier: GPL-2.0-or-later
/* Objects made from their descriptions in datapath.h, which are checked here, and freed. */
#include "core.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

struct dp_link *table_link_new(struct table *t, const struct datapath_link *conf, int *err)
{
	struct dp_link *link;
	size_t len = sizeof(*link) + t->workers * sizeof(struct dp_link_counters);

	*err = -EINVAL;
	if (conf->id == DATAPATH_NO_ID)
		return NULL;
	*err = -ENOSPC;
	if (t->links.count >= t->conf.max_links)
		return NULL;
	*err = -ENOMEM;
	link = aligned_alloc(64, (len + 63) & ~63UL);
	if (!link)
		return NULL;
	memset(link, 0, len);
	link->id = conf->id;
	link->conf = *conf;
	bucket_init(&link->up, conf->up_rate ? conf->up_rate : t->conf.up_rate,
		    conf->up_burst ? conf->up_burst : t->conf.up_burst);
	list_init(&link->sessions);
	list_init(&link->circuits);
	list_init(&link->out_circuits);
	return link;
}

void table_link_free(struct table *t, struct dp_link *link)
{
	free(link);
}

static bool lanes_ok(const struct table *t, const struct datapath_link_session *conf)
{
	return conf->remote_lanes >= 1 && conf->remote_lanes <= 256 &&
	       conf->local_lanes <= t->conf.lanes && conf->local_lane < t->conf.lanes &&
	       conf->local_lane + conf->local_lanes <= t->conf.lanes;
}

struct dp_session *table_session_new(struct table *t, struct dp_link *link,
				     const struct datapath_link_session *conf, int *err)
{
	struct dp_session *s;
	u32 i;

	*err = -EINVAL;
	if (!conf->rx_ids_count || conf->rx_ids_count > DATAPATH_LINK_IDS || conf->tx_id >> 56 ||
	    conf->state > DATAPATH_SESSION_PREVIOUS || !lanes_ok(t, conf))
		return NULL;
	for (i = 0; i < conf->rx_ids_count; i++)
		if (conf->rx_ids[i] >> 56)
			return NULL;
	*err = -ENOSPC;
	if (link->session_count >= TABLE_LINK_SESSIONS)
		return NULL;
	*err = -ENOMEM;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->keys = secret_alloc(&t->secrets, sizeof(*s->keys));
	if (!s->keys) {
		free(s);
		return NULL;
	}
	mv_header_keys_init(&s->keys->rx, conf->rx_tag, conf->rx_mask);
	mv_header_keys_init(&s->keys->tx, conf->tx_tag, conf->tx_mask);
	list_init(&s->link_node);
	s->link = link;
	s->index = conf->index;
	s->state = conf->state;
	s->rx_ids_count = conf->rx_ids_count;
	memcpy(s->rx_ids, conf->rx_ids, sizeof(s->rx_ids));
	s->tx_id = conf->tx_id;
	s->remote = conf->remote;
	s->remote_lanes = conf->remote_lanes;
	s->local_lane = conf->local_lane;
	s->local_lanes = conf->local_lanes;
	return s;
}

void table_session_free(struct table *t, struct dp_session *s)
{
	secret_free(&t->secrets, s->keys, sizeof(*s->keys));
	free(s);
}

struct dp_exit *table_exit_new(struct table *t, struct dp_device *device,
			       const struct datapath_session *conf, int *err)
{
	struct dp_exit *e;

	*err = -EINVAL;
	if (conf->id == DATAPATH_NO_ID)
		return NULL;
	*err = -ENOMEM;
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->id = conf->id;
	e->device = device;
	e->has4 = conf->has4;
	e->has6 = conf->has6;
	memcpy(e->inner4, conf->inner4, 4);
	memcpy(e->inner6, conf->inner6, 16);
	list_init(&e->device_node);
	list_init(&e->circuits);
	return e;
}

void table_exit_free(struct dp_exit *e)
{
	free(e);
}

struct dp_device *table_device_new(struct table *t, const struct datapath_device *conf, int *err)
{
	struct dp_device *d;
	u32 i;

	*err = -EINVAL;
	if (conf->id == DATAPATH_NO_ID || conf->queues > DATAPATH_LANES_MAX || conf->mtu < 576 ||
	    conf->mtu > 65535 || conf->role > DATAPATH_ROLE_EXIT)
		return NULL;
	*err = -ENOMEM;
	d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->id = conf->id;
	memcpy(d->name, conf->name, sizeof(d->name));
	d->role = conf->role;
	d->mtu = conf->mtu;
	d->queues = conf->queues;
	d->steering = conf->steering;
	for (i = 0; i < DATAPATH_LANES_MAX; i++)
		d->fds[i] = i < conf->queues ? conf->fds[i] : -1;
	list_init(&d->exits);
	return d;
}

/* Circuits that outlive the device give their fragments back. */
static void leave_pools(struct table *t, struct dp_device *d)
{
	u32 i;

	for (i = 0; t->circuits.slots && i <= t->circuits.mask; i++) {
		struct dp_circuit *c = (void *)((uintptr_t)t->circuits.slots[i].value & ~(uintptr_t)1);
		struct edge *e = c ? c->edge : NULL;

		if (!e || !e->reassembling || e->reassembly.pool < d->pools ||
		    e->reassembly.pool >= d->pools + DATAPATH_LANES_MAX)
			continue;
		reassembly_fini(&e->reassembly);
		e->reassembling = false;
	}
}

void table_device_free(struct table *t, struct dp_device *d, bool close_fds)
{
	u32 i;

	leave_pools(t, d);
	if (close_fds && t->device_changed)
		t->device_changed(t->arg, d, true);
	for (i = 0; i < DATAPATH_LANES_MAX; i++) {
		if (close_fds && !t->device_changed && d->fds[i] >= 0)
			close(d->fds[i]);
		if (d->pool_ready[i])
			reassembly_pool_fini(&d->pools[i]);
	}
	free(d->prefixes);
	free(d);
}

static bool circuit_ok(const struct datapath_circuit *conf)
{
	bool edge = conf->kind != DATAPATH_RELAY;

	if (!conf->circuit || conf->circuit > MV_CIRCUIT_MAX ||
	    (conf->data_class != MV_MEDIUM && conf->data_class != MV_LARGE))
		return false;
	if (conf->kind == DATAPATH_RELAY &&
	    (!conf->out_circuit || conf->out_circuit > MV_CIRCUIT_MAX))
		return false;
	if (edge && conf->reserve != MV_RESERVE_SHORT && conf->reserve != MV_RESERVE_LONG)
		return false;
	return conf->kind != DATAPATH_ORIGIN_CIRCUIT ||
	       (conf->hops >= 1 && conf->hops <= MV_HOPS_MAX &&
		conf->reserve >= MV_LAYER_LEN * (conf->hops - 1));
}

static size_t keys_len(const struct dp_circuit *c)
{
	return c->kind == DATAPATH_ORIGIN_CIRCUIT ? sizeof(struct onion_keys) : CIRCUIT_KEYS_LEN;
}

static int keys_new(struct table *t, struct dp_circuit *c, const struct datapath_circuit *conf)
{
	struct onion_keys *onion;

	c->keys = secret_alloc(&t->secrets, keys_len(c));
	if (!c->keys)
		return -ENOMEM;
	if (c->kind != DATAPATH_ORIGIN_CIRCUIT) {
		memcpy(c->keys, conf->kf[0], MV_KEY_LEN);
		memcpy(c->keys + MV_KEY_LEN, conf->kb[0], MV_KEY_LEN);
		return 0;
	}
	onion = (struct onion_keys *)c->keys;
	onion->hops = c->hops;
	onion->reserve = c->reserve;
	memcpy(onion->kf, conf->kf, sizeof(onion->kf));
	memcpy(onion->kb, conf->kb, sizeof(onion->kb));
	return 0;
}

struct dp_circuit *table_circuit_new(struct table *t, const struct datapath_circuit *conf, int *err)
{
	struct dp_circuit *c;

	*err = -EINVAL;
	if (!circuit_ok(conf))
		return NULL;
	*err = -ENOSPC;
	if (t->circuit_count >= t->conf.max_circuits)
		return NULL;
	*err = -ENOMEM;
	c = secret_alloc(&t->circuit_blocks, sizeof(*c));
	if (!c)
		return NULL;
	c->kind = (u8)conf->kind;
	c->data_class = (u8)conf->data_class;
	c->small_forward = conf->small_forward;
	c->pass = conf->pass;
	c->id = conf->circuit;
	c->hops = conf->kind == DATAPATH_ORIGIN_CIRCUIT ? (u8)conf->hops : 1;
	c->reserve = (u16)conf->reserve;
	c->rate = conf->rate;
	c->burst = conf->burst;
	c->backward.next = MV_COUNTER_FIRST;
	bucket_init(&c->forward.rate, conf->rate, conf->burst);
	bucket_init(&c->backward.rate, conf->rate, conf->burst);
	list_init(&c->link_node);
	list_init(&c->out_node);
	list_init(&c->exit_node);
	if (keys_new(t, c, conf) || (c->kind != DATAPATH_RELAY && edge_new(c))) {
		table_circuit_free(t, c);
		return NULL;
	}
	return c;
}

void table_circuit_free(struct table *t, struct dp_circuit *c)
{
	u32 i;

	for (i = 0; i < t->workers; i++)
		if (t->cores[i])
			core_forget(t->cores[i], c);
	edge_free(c);
	secret_free(&t->secrets, c->keys, keys_len(c));
	secret_free(&t->circuit_blocks, c, sizeof(*c));
}
