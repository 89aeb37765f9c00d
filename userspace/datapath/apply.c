// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Ordered batches of changes, all or nothing. Every step that changes a table or a field leaves a
 * record; a failure walks the records back, success frees what was taken out. No worker runs
 * meanwhile, so that nobody sees a half of it.
 */
#include "core.h"

#include <errno.h>
#include <stdlib.h>

enum step_kind {
	STEP_ATTACHED,
	STEP_DETACHED,
	STEP_TAKEN,		/* detached, to be put back with another field */
	STEP_PUT,
	STEP_VALUE,		/* @old has what was at @target */
	STEP_FREE,		/* @target is memory to be freed on success */
};

struct step {
	enum step_kind kind;
	enum datapath_object object;
	void *target, *old;
	size_t len;
};

struct batch {
	struct table *t;
	struct step *steps;
	u32 count, room;
};

static struct step *step_add(struct batch *b, enum step_kind kind, enum datapath_object object, void *target)
{
	struct step *steps;
	u32 room;

	if (b->count == b->room) {
		room = b->room ? b->room * 2 : 16;
		steps = realloc(b->steps, room * sizeof(*steps));
		if (!steps)
			return NULL;
		b->steps = steps;
		b->room = room;
	}
	b->steps[b->count] = (struct step){ .kind = kind, .object = object, .target = target };
	return &b->steps[b->count++];
}

/* Remember what is at @target, before it is changed. */
static int save(struct batch *b, void *target, size_t len)
{
	void *old = malloc(len);
	struct step *s = old ? step_add(b, STEP_VALUE, 0, target) : NULL;

	if (!s) {
		free(old);
		return -ENOMEM;
	}
	memcpy(old, target, len);
	s->old = old;
	s->len = len;
	return 0;
}

#define SAVE(b, field) save(b, &(field), sizeof(field))

static int attach(struct table *t, enum datapath_object object, void *o)
{
	switch (object) {
	case DATAPATH_OBJ_DEVICE:
		return table_device_attach(t, o);
	case DATAPATH_OBJ_LINK:
		return table_link_attach(t, o);
	case DATAPATH_OBJ_LINK_SESSION:
		return table_session_attach(t, o);
	case DATAPATH_OBJ_SESSION:
		return table_exit_attach(t, o);
	case DATAPATH_OBJ_CIRCUIT:
		return table_circuit_attach(t, o);
	default:
		return -EINVAL;
	}
}

static void detach(struct table *t, enum datapath_object object, void *o)
{
	switch (object) {
	case DATAPATH_OBJ_DEVICE:
		return table_device_detach(t, o);
	case DATAPATH_OBJ_LINK:
		return table_link_detach(t, o);
	case DATAPATH_OBJ_LINK_SESSION:
		return table_session_detach(t, o);
	case DATAPATH_OBJ_SESSION:
		return table_exit_detach(t, o);
	case DATAPATH_OBJ_CIRCUIT:
		return table_circuit_detach(t, o);
	default:
		return;
	}
}

static void release(struct table *t, enum datapath_object object, void *o, bool done)
{
	switch (object) {
	case DATAPATH_OBJ_DEVICE:
		return table_device_free(t, o, done);
	case DATAPATH_OBJ_LINK:
		return table_link_free(t, o);
	case DATAPATH_OBJ_LINK_SESSION:
		return table_session_free(t, o);
	case DATAPATH_OBJ_SESSION:
		return table_exit_free(o);
	case DATAPATH_OBJ_CIRCUIT:
		return table_circuit_free(t, o);
	default:
		return;
	}
}

/* A new object goes in; on failure it is freed. */
static int add(struct batch *b, enum datapath_object object, void *o)
{
	int err = -ENOMEM;

	if (step_add(b, STEP_ATTACHED, object, o)) {
		err = attach(b->t, object, o);
		if (!err)
			return 0;
		b->count--;
	}
	release(b->t, object, o, false);
	return err;
}

/* An object goes out; it is freed when the batch has succeeded. */
static int remove_object(struct batch *b, enum datapath_object object, void *o)
{
	if (!step_add(b, STEP_DETACHED, object, o))
		return -ENOMEM;
	detach(b->t, object, o);
	return 0;
}

/* ---- deleting, with what depends on it ---- */

static int circuit_del(struct batch *b, struct dp_circuit *c)
{
	if (c->exit && c->exit->leg == c) {
		if (SAVE(b, c->exit->leg))
			return -ENOMEM;
		c->exit->leg = NULL;
	}
	return remove_object(b, DATAPATH_OBJ_CIRCUIT, c);
}

static int session_del(struct batch *b, struct dp_session *s)
{
	if (s->link->current == s) {
		if (SAVE(b, s->link->current))
			return -ENOMEM;
		s->link->current = NULL;
	}
	return remove_object(b, DATAPATH_OBJ_LINK_SESSION, s);
}

static int link_del(struct batch *b, struct dp_link *link)
{
	int err = 0;

	while (!err && !list_empty(&link->circuits))
		err = circuit_del(b, list_entry(link->circuits.next, struct dp_circuit, link_node));
	while (!err && !list_empty(&link->out_circuits))
		err = circuit_del(b, list_entry(link->out_circuits.next, struct dp_circuit, out_node));
	while (!err && !list_empty(&link->sessions))
		err = session_del(b, list_entry(link->sessions.next, struct dp_session, link_node));
	return err ? err : remove_object(b, DATAPATH_OBJ_LINK, link);
}

/* Circuits outlive their exit session: without one they carry control messages only. */
static int circuit_set_exit(struct batch *b, struct dp_circuit *c, struct dp_exit *e)
{
	/* the lists' order means nothing, so nodes are taken out and put in by steps of their own */
	if (c->exit == e)
		return 0;
	if (!step_add(b, STEP_TAKEN, DATAPATH_OBJ_CIRCUIT, c))
		return -ENOMEM;
	table_circuit_detach(b->t, c);
	if (SAVE(b, c->exit) || !step_add(b, STEP_PUT, DATAPATH_OBJ_CIRCUIT, c))
		return -ENOMEM;
	c->exit = e;
	return table_circuit_attach(b->t, c);
}

static int exit_del(struct batch *b, struct dp_exit *e)
{
	int err = 0;

	while (!err && !list_empty(&e->circuits))
		err = circuit_set_exit(b, list_entry(e->circuits.next, struct dp_circuit, exit_node),
				       NULL);
	return err ? err : remove_object(b, DATAPATH_OBJ_SESSION, e);
}

static int device_del(struct batch *b, struct dp_device *d)
{
	int err = 0;

	while (!err && !list_empty(&d->exits))
		err = exit_del(b, list_entry(d->exits.next, struct dp_exit, device_node));
	return err ? err : remove_object(b, DATAPATH_OBJ_DEVICE, d);
}

/* ---- by object ---- */

static int apply_device(struct batch *b, enum datapath_verb verb, const struct datapath_device *conf)
{
	struct dp_device *d = table_device(b->t, conf->id);
	int err;

	if (verb == DATAPATH_NEW) {
		if (d)
			return -EEXIST;
		if (!(b->t->caps & (DATAPATH_ORIGIN | DATAPATH_TERMINUS)))
			return -EOPNOTSUPP;
		d = table_device_new(b->t, conf, &err);
		return d ? add(b, DATAPATH_OBJ_DEVICE, d) : err;
	}
	if (!d)
		return -ENOENT;
	if (verb == DATAPATH_DEL)
		return device_del(b, d);
	if (conf->mtu < 576 || conf->mtu > 65535)
		return -EINVAL;
	if (SAVE(b, d->mtu))
		return -ENOMEM;
	/* fragments' buffers were sized by the first MTU */
	if (conf->mtu > d->mtu)
		return -EINVAL;
	d->mtu = conf->mtu;
	return 0;
}

static int apply_link(struct batch *b, enum datapath_verb verb, const struct datapath_link *conf)
{
	struct dp_link *link = table_link(b->t, conf->id);
	struct table *t = b->t;
	int err;

	if (verb == DATAPATH_NEW) {
		if (link)
			return -EEXIST;
		link = table_link_new(t, conf, &err);
		return link ? add(b, DATAPATH_OBJ_LINK, link) : err;
	}
	if (!link)
		return -ENOENT;
	if (verb == DATAPATH_DEL)
		return link_del(b, link);
	if (SAVE(b, link->up) || SAVE(b, link->conf))
		return -ENOMEM;
	link->conf = *conf;
	bucket_init(&link->up, conf->up_rate ? conf->up_rate : t->conf.up_rate,
		    conf->up_burst ? conf->up_burst : t->conf.up_burst);
	return 0;
}

/* Make @s its link's current session, if it is to be; the one before becomes previous. */
static int make_current(struct batch *b, struct dp_session *s)
{
	struct dp_link *link = s->link;

	if (s->state == DATAPATH_SESSION_CURRENT && link->current != s) {
		if (SAVE(b, link->current))
			return -ENOMEM;
		if (link->current) {
			if (SAVE(b, link->current->state))
				return -ENOMEM;
			link->current->state = DATAPATH_SESSION_PREVIOUS;
		}
		link->current = s;
	} else if (s->state != DATAPATH_SESSION_CURRENT && link->current == s) {
		if (SAVE(b, link->current))
			return -ENOMEM;
		link->current = NULL;
	}
	return 0;
}

static int session_set(struct batch *b, struct dp_session *s, const struct datapath_link_session *conf)
{
	if (conf->tx_id >> 56 || conf->state > DATAPATH_SESSION_PREVIOUS || !conf->remote_lanes ||
	    conf->remote_lanes > 256 || conf->local_lane >= b->t->conf.lanes ||
	    conf->local_lane + conf->local_lanes > b->t->conf.lanes)
		return -EINVAL;
	if (SAVE(b, s->state) || SAVE(b, s->tx_id) || SAVE(b, s->remote) ||
	    SAVE(b, s->remote_lanes) || SAVE(b, s->local_lane) || SAVE(b, s->local_lanes))
		return -ENOMEM;
	s->state = conf->state;
	s->tx_id = conf->tx_id;
	s->remote = conf->remote;
	s->remote_lanes = conf->remote_lanes;
	s->local_lane = conf->local_lane;
	s->local_lanes = conf->local_lanes;
	return make_current(b, s);
}

static int apply_link_session(struct batch *b, enum datapath_verb verb,
			      const struct datapath_link_session *conf)
{
	struct dp_link *link = table_link(b->t, conf->link);
	struct dp_session *s = link ? table_session(link, conf->index) : NULL;
	int err;

	if (!link)
		return -ENOENT;
	if (verb != DATAPATH_NEW) {
		if (!s)
			return -ENOENT;
		return verb == DATAPATH_DEL ? session_del(b, s) : session_set(b, s, conf);
	}
	if (s)
		return -EEXIST;
	s = table_session_new(b->t, link, conf, &err);
	if (!s)
		return err;
	err = add(b, DATAPATH_OBJ_LINK_SESSION, s);
	return err ? err : make_current(b, s);
}

static enum datapath_role exit_role(const struct dp_circuit *c)
{
	return c->kind == DATAPATH_ORIGIN_CIRCUIT ? DATAPATH_ROLE_ORIGIN : DATAPATH_ROLE_EXIT;
}

static int exit_set_leg(struct batch *b, struct dp_exit *e, const struct datapath_session *conf)
{
	struct dp_circuit *c = NULL;
	bool away;

	if (conf->link || conf->circuit) {
		c = table_circuit(b->t, conf->link, conf->circuit, &away);
		if (!c || c->kind == DATAPATH_RELAY)
			return -ENOENT;
		if ((c->exit && c->exit != e) || exit_role(c) != e->device->role)
			return -EINVAL;
		if (circuit_set_exit(b, c, e))
			return -ENOMEM;
	}
	if (SAVE(b, e->leg))
		return -ENOMEM;
	e->leg = c;
	return 0;
}

static int apply_session(struct batch *b, enum datapath_verb verb, const struct datapath_session *conf)
{
	struct dp_exit *e = table_exit(b->t, conf->id);
	struct dp_device *d;
	int err;

	if (verb != DATAPATH_NEW) {
		if (!e)
			return -ENOENT;
		return verb == DATAPATH_DEL ? exit_del(b, e) : exit_set_leg(b, e, conf);
	}
	if (e)
		return -EEXIST;
	d = table_device(b->t, conf->device);
	if (!d)
		return -ENOENT;
	e = table_exit_new(b->t, d, conf, &err);
	if (!e)
		return err;
	err = add(b, DATAPATH_OBJ_SESSION, e);
	return err ? err : exit_set_leg(b, e, conf);
}

/* The exit session of a circuit, 0: none; it must suit the circuit. */
static int find_exit(struct batch *b, const struct dp_circuit *c, u32 id, struct dp_exit **e)
{
	*e = NULL;
	if (!id || c->kind == DATAPATH_RELAY)
		return 0;
	*e = table_exit(b->t, id);
	if (!*e)
		return -ENOENT;
	/* its fragments lie with the device it began with */
	if ((*e)->device->role != exit_role(c) || (c->exit && c->exit->device != (*e)->device))
		return -EINVAL;
	return 0;
}

static int circuit_new(struct batch *b, const struct datapath_circuit *conf)
{
	u32 need = conf->kind == DATAPATH_ORIGIN_CIRCUIT ? DATAPATH_ORIGIN :
		   conf->kind == DATAPATH_TERMINUS_CIRCUIT ? DATAPATH_TERMINUS : 0;
	struct dp_link *link = table_link(b->t, conf->link), *out_link = NULL;
	struct dp_circuit *c;
	bool away;
	int err;

	if (conf->kind > DATAPATH_TERMINUS_CIRCUIT)
		return -EINVAL;
	if ((b->t->caps & need) != need)
		return -EOPNOTSUPP;
	if (conf->kind == DATAPATH_RELAY)
		out_link = table_link(b->t, conf->out_link);
	if (!link || (conf->kind == DATAPATH_RELAY && !out_link))
		return -ENOENT;
	if (table_circuit(b->t, conf->link, conf->circuit, &away))
		return -EEXIST;
	if (conf->kind == DATAPATH_RELAY && conf->link == conf->out_link &&
	    conf->circuit == conf->out_circuit)
		return -EINVAL;
	c = table_circuit_new(b->t, conf, &err);
	if (!c)
		return err;
	c->link = link;
	c->out_link = out_link;
	c->out_id = out_link ? conf->out_circuit : 0;
	err = find_exit(b, c, conf->session, &c->exit);
	if (err) {
		table_circuit_free(b->t, c);
		return err;
	}
	return add(b, DATAPATH_OBJ_CIRCUIT, c);
}

static int circuit_set(struct batch *b, struct dp_circuit *c, const struct datapath_circuit *conf)
{
	struct dp_exit *e;
	int err = find_exit(b, c, conf->session, &e);

	if (err)
		return err;
	if ((conf->data_class != MV_MEDIUM && conf->data_class != MV_LARGE) || (conf->pass && !c->pass))
		return -EINVAL;
	if (c->exit && c->exit->leg == c && c->exit != e) {
		if (SAVE(b, c->exit->leg))
			return -ENOMEM;
		c->exit->leg = NULL;
	}
	if (SAVE(b, c->data_class) || SAVE(b, c->small_forward) || SAVE(b, c->pass) ||
	    SAVE(b, c->rate) || SAVE(b, c->burst) || SAVE(b, c->forward.rate) ||
	    SAVE(b, c->backward.rate))
		return -ENOMEM;
	c->data_class = (u8)conf->data_class;
	c->small_forward = conf->small_forward;
	c->pass = conf->pass;
	if (c->rate != conf->rate || c->burst != conf->burst) {
		c->rate = conf->rate;
		c->burst = conf->burst;
		bucket_init(&c->forward.rate, conf->rate, conf->burst);
		bucket_init(&c->backward.rate, conf->rate, conf->burst);
	}
	return c->kind == DATAPATH_RELAY ? 0 : circuit_set_exit(b, c, e);
}

static int apply_circuit(struct batch *b, enum datapath_verb verb, const struct datapath_circuit *conf)
{
	struct dp_circuit *c;
	bool away;

	if (verb == DATAPATH_NEW)
		return circuit_new(b, conf);
	c = table_circuit(b->t, conf->link, conf->circuit, &away);
	/* the other side's name of a relay circuit names nothing here */
	if (!c || c->id != conf->circuit || c->link->id != conf->link)
		return -ENOENT;
	return verb == DATAPATH_DEL ? circuit_del(b, c) : circuit_set(b, c, conf);
}

static int longest_first(const void *a, const void *b)
{
	const struct datapath_prefix *x = a, *y = b;

	return (int)y->bits - (int)x->bits;
}

static int apply_selector(struct batch *b, enum datapath_verb verb, const struct datapath_selector *conf)
{
	struct dp_device *d = table_device(b->t, conf->device);
	struct datapath_prefix *prefixes;
	u32 i;

	if (verb != DATAPATH_SET)
		return -EINVAL;
	if (!d)
		return -ENOENT;
	if (conf->count > TABLE_PREFIXES)
		return -ENOSPC;
	for (i = 0; i < conf->count; i++)
		if (conf->prefixes[i].bits > (conf->prefixes[i].family == AF_INET ? 32 : 128) ||
		    (conf->prefixes[i].family != AF_INET && conf->prefixes[i].family != AF_INET6))
			return -EINVAL;
	if (SAVE(b, d->prefix_count) || SAVE(b, d->prefixes))
		return -ENOMEM;
	prefixes = calloc(conf->count ? conf->count : 1, sizeof(*prefixes));
	if (!prefixes || !step_add(b, STEP_FREE, 0, d->prefixes)) {
		free(prefixes);
		return -ENOMEM;
	}
	/* on the way back the new ones are freed instead */
	b->steps[b->count - 1].old = prefixes;
	if (conf->count)
		memcpy(prefixes, conf->prefixes, conf->count * sizeof(*prefixes));
	qsort(prefixes, conf->count, sizeof(*prefixes), longest_first);
	d->prefixes = prefixes;
	d->prefix_count = conf->count;
	return 0;
}

static int apply_op(struct batch *b, const struct datapath_op *op)
{
	if (op->verb > DATAPATH_DEL)
		return -EINVAL;
	switch (op->object) {
	case DATAPATH_OBJ_DEVICE:
		return apply_device(b, op->verb, op->device);
	case DATAPATH_OBJ_LINK:
		return apply_link(b, op->verb, op->link);
	case DATAPATH_OBJ_LINK_SESSION:
		return apply_link_session(b, op->verb, op->link_session);
	case DATAPATH_OBJ_SESSION:
		return apply_session(b, op->verb, op->session);
	case DATAPATH_OBJ_CIRCUIT:
		return apply_circuit(b, op->verb, op->circuit);
	case DATAPATH_OBJ_SELECTOR:
		return apply_selector(b, op->verb, op->selector);
	}
	return -EINVAL;
}

/* ---- the end ---- */

static void undo_step(struct table *t, struct step *s)
{
	switch (s->kind) {
	case STEP_ATTACHED:
	case STEP_PUT:
		detach(t, s->object, s->target);
		break;
	case STEP_DETACHED:
	case STEP_TAKEN:
		attach(t, s->object, s->target);
		break;
	case STEP_VALUE:
		memcpy(s->target, s->old, s->len);
		free(s->old);
		break;
	case STEP_FREE:
		free(s->old);
		break;
	}
}

static void rollback(struct batch *b)
{
	u32 i;

	for (i = b->count; i--; )
		undo_step(b->t, &b->steps[i]);
	for (i = b->count; i--; )
		if (b->steps[i].kind == STEP_ATTACHED)
			release(b->t, b->steps[i].object, b->steps[i].target, false);
}

/* Circuits first, for they point to the others. */
static const enum datapath_object release_order[] = {
	DATAPATH_OBJ_CIRCUIT, DATAPATH_OBJ_LINK_SESSION, DATAPATH_OBJ_SESSION, DATAPATH_OBJ_LINK,
	DATAPATH_OBJ_DEVICE,
};

static void commit(struct batch *b)
{
	u32 i, k;

	for (i = 0; i < b->count; i++) {
		struct step *s = &b->steps[i];

		if (s->kind == STEP_VALUE)
			free(s->old);
		else if (s->kind == STEP_FREE)
			free(s->target);
		else if (s->kind == STEP_ATTACHED && s->object == DATAPATH_OBJ_DEVICE &&
			 b->t->device_changed)
			b->t->device_changed(b->t->arg, s->target, false);
	}
	for (k = 0; k < sizeof(release_order) / sizeof(release_order[0]); k++)
		for (i = 0; i < b->count; i++)
			if (b->steps[i].kind == STEP_DETACHED &&
			    b->steps[i].object == release_order[k])
				release(b->t, release_order[k], b->steps[i].target, true);
}

int table_apply(struct table *t, const struct datapath_op *ops, u32 count, u32 *failed)
{
	struct batch b = { .t = t };
	int err = 0;
	u32 i;

	for (i = 0; i < count && !err; i++)
		err = apply_op(&b, &ops[i]);
	if (err) {
		if (failed)
			*failed = i - 1;
		rollback(&b);
	} else {
		commit(&b);
	}
	free(b.steps);
	return err;
}
