// SPDX-License-Identifier: GPL-2.0
/*
 * Ordered batches of changes: what each op does, with the same meaning, ranges and errors as
 * userspace/datapath/apply.c. How it is taken back is undo.c's business.
 */
#include <linux/lockdep.h>
#include <linux/rtnetlink.h>
#include <uapi/linux/meshvpn.h>

#include "apply.h"
#include "circuit.h"
#include "compat.h"
#include "device.h"
#include "exit.h"
#include "link.h"
#include "node.h"
#include "undo.h"

#define MTU_MIN 576
#define MTU_MAX 65535

struct batch {
	struct mv_node *node;
	struct mv_undo undo;
	const char *why;
};

#define held(b, pointer) rcu_dereference_protected(pointer, lockdep_is_held(&(b)->node->lock))

static int fail(struct batch *b, int err, const char *why)
{
	b->why = why;
	return err;
}

/* What making an object says, in words. */
static int fail_new(struct batch *b, int err, const char *exists, const char *invalid)
{
	return fail(b, err, err == -EEXIST ? exists : err == -ENOMEM ? "out of memory" : invalid);
}

/* ---- deleting, with what depends on it ---- */

static int circuit_del(struct batch *b, struct mv_circuit *c)
{
	struct mv_exit *e = held(b, c->exit);
	int err = 0;

	if (e && held(b, e->leg) == c)
		err = MV_REPLACE(&b->undo, e->leg, NULL, MV_POINTS_OBJECT);
	return err ?: mv_undo_detach(&b->undo, MV_OBJ_CIRCUIT, c);
}

static int link_session_del(struct batch *b, struct mv_link_session *s)
{
	int err = 0;

	if (held(b, s->link->current_session) == s)
		err = MV_REPLACE(&b->undo, s->link->current_session, NULL, MV_POINTS_OBJECT);
	return err ?: mv_undo_detach(&b->undo, MV_OBJ_LINK_SESSION, s);
}

static int link_del(struct batch *b, struct mv_link *link)
{
	struct mv_link_session *s, *next_s;
	struct mv_circuit *c, *next;
	int err = 0;

	list_for_each_entry_safe(c, next, &link->circuits, link_node)
		err = err ?: circuit_del(b, c);
	list_for_each_entry_safe(c, next, &link->out_circuits, out_node)
		err = err ?: circuit_del(b, c);
	list_for_each_entry_safe(s, next_s, &link->sessions, link_node)
		err = err ?: link_session_del(b, s);
	return err ?: mv_undo_detach(&b->undo, MV_OBJ_LINK, link);
}

/* Circuits outlive their exit session: without one they carry control messages only. */
static int exit_del(struct batch *b, struct mv_exit *e)
{
	struct mv_circuit *c, *next;
	int err = 0;

	list_for_each_entry_safe(c, next, &e->circuits, exit_node)
		err = err ?: mv_undo_set_exit(&b->undo, c, NULL);
	return err ?: mv_undo_detach(&b->undo, MV_OBJ_SESSION, e);
}

static int device_leave(struct batch *b, struct mv_device *d)
{
	struct mv_exit *e, *next;
	int err = 0;

	list_for_each_entry_safe(e, next, &d->exits, device_node)
		err = err ?: exit_del(b, e);
	if (!err)
		err = MV_REPLACE(&b->undo, d->selector, NULL, MV_POINTS_SELECTOR);
	return err ?: mv_undo_detach(&b->undo, MV_OBJ_DEVICE, d);
}

/* ---- devices ---- */

static int device_mtu(struct batch *b, struct mv_device *d, u32 mtu)
{
	int err;

	if (mtu < MTU_MIN || mtu > MTU_MAX)
		return fail(b, -EINVAL, "MTU out of range");
	if (MV_SAVE(&b->undo, d->limit))
		return -ENOMEM;
	WRITE_ONCE(d->limit, mtu);
	err = mv_undo_set_mtu(&b->undo, d, mtu);
	return err ? fail(b, err == -ENOMEM ? err : -EINVAL, "the device refuses this MTU") : 0;
}

static int device_new(struct batch *b, const struct mv_device_conf *conf)
{
	struct mv_device *d;
	int err = 0;

	if (!conf->id || conf->role > MV_ROLE_EXIT)
		return fail(b, -EINVAL, "device id or role out of range");
	if (mv_device_find(b->node, conf->id))
		return fail(b, -EEXIST, "the node has a device of this id");
	d = mv_device_by_name(b->node->net, conf->name);
	if (!d)
		return fail(b, -ENOENT, "no network device of kind meshvpn has this name");
	if (rcu_access_pointer(d->node))
		return fail(b, -EEXIST, "this network device is attached already");
	if (conf->mtu)
		err = device_mtu(b, d, conf->mtu);
	if (err)
		return err;
	err = MV_SAVE(&b->undo, d->id) ?: MV_SAVE(&b->undo, d->role) ?: MV_SAVE(&b->undo, d->limit);
	if (err)
		return err;
	WRITE_ONCE(d->limit, conf->mtu);
	d->id = conf->id;
	d->role = conf->role;
	return mv_undo_attach(&b->undo, MV_OBJ_DEVICE, d);
}

static int apply_device(struct batch *b, const struct mv_op *op)
{
	struct mv_device *d;

	ASSERT_RTNL();
	if (op->verb == MV_NEW)
		return device_new(b, &op->device);
	d = mv_device_find(b->node, op->device.id);
	if (!d)
		return fail(b, -ENOENT, "the node has no device of this id");
	if (op->verb == MV_DEL)
		return device_leave(b, d);
	if (!(op->present & BIT(MESHVPN_A_DEVICE_MTU)))
		return 0;
	if (op->device.mtu > mv_device_mtu(d))
		return fail(b, -EINVAL, "the MTU can only be lowered");
	return device_mtu(b, d, op->device.mtu);
}

/* ---- links ---- */

static int link_new(struct batch *b, const struct mv_link_conf *conf)
{
	struct mv_link *link;
	int err;

	if (mv_link_find(b->node, conf->id))
		return fail(b, -EEXIST, "the node has a link of this id");
	if (b->node->link_count >= b->node->conf.max_links)
		return fail(b, -ENOSPC, "the node's limit of links is reached");
	link = mv_link_alloc(b->node, conf);
	err = IS_ERR(link) ? PTR_ERR(link) : mv_undo_attach(&b->undo, MV_OBJ_LINK, link);
	return err ? fail_new(b, err, "the node has a link of this id", "link id 0") : 0;
}

static int link_set(struct batch *b, struct mv_link *link, const struct mv_op *op)
{
	int err = MV_SAVE(&b->undo, link->conf.up_rate) ?: MV_SAVE(&b->undo, link->conf.up_burst) ?:
		  mv_undo_save_bucket(&b->undo, &link->up);

	if (err)
		return err;
	if (op->present & BIT(MESHVPN_A_LINK_UP_RATE))
		link->conf.up_rate = op->link.up_rate;
	if (op->present & BIT(MESHVPN_A_LINK_UP_BURST))
		link->conf.up_burst = op->link.up_burst;
	mv_link_rate(link);
	return 0;
}

static int apply_link(struct batch *b, const struct mv_op *op)
{
	struct mv_link *link;

	if (op->verb == MV_NEW)
		return link_new(b, &op->link);
	link = mv_link_find(b->node, op->link.id);
	if (!link)
		return fail(b, -ENOENT, "the node has no link of this id");
	return op->verb == MV_DEL ? link_del(b, link) : link_set(b, link, op);
}

/* ---- link sessions ---- */

/* Make @s its link's current session, if it is to be; the one before becomes previous. */
static int make_current(struct batch *b, struct mv_link_session *s)
{
	struct mv_link_session *now = held(b, s->link->current_session);
	int err;

	if ((s->state == MV_SESSION_CURRENT) == (now == s))
		return 0;
	if (now && now != s) {
		err = MV_SAVE(&b->undo, now->state);
		if (err)
			return err;
		WRITE_ONCE(now->state, MV_SESSION_PREVIOUS);
	}
	return MV_REPLACE(&b->undo, s->link->current_session, now == s ? NULL : s, MV_POINTS_OBJECT);
}

static int link_session_new(struct batch *b, struct mv_link *link,
			    const struct mv_link_session_conf *conf)
{
	struct mv_link_session *s;
	int err;

	if (link->session_count >= MV_LINK_SESSIONS)
		return fail(b, -ENOSPC, "the link has as many sessions as it may have");
	s = mv_link_session_alloc(link, conf);
	err = IS_ERR(s) ? PTR_ERR(s) : mv_undo_attach(&b->undo, MV_OBJ_LINK_SESSION, s);
	if (err)
		return fail_new(b, err, "another session receives under one of these ids",
				"ids, state or lanes out of range, or an id twice");
	return make_current(b, s);
}

/* What @s is, with what @op changes. */
static void link_session_merge(const struct batch *b, const struct mv_link_session *s,
			       const struct mv_op *op, struct mv_link_session_conf *to)
{
	const struct mv_path *path = held(b, s->path);
	u32 present = op->present;

	*to = op->link_session;
	if (!(present & BIT(MESHVPN_A_LINK_SESSION_STATE)))
		to->state = s->state;
	if (!(present & BIT(MESHVPN_A_LINK_SESSION_TX_ID)))
		to->tx_id = s->tx_id;
	if (!(present & BIT(MESHVPN_A_LINK_SESSION_REMOTE)))
		to->remote = path ? path->remote : (struct mv_endpoint){ 0 };
	if (!(present & BIT(MESHVPN_A_LINK_SESSION_REMOTE_LANES)))
		to->remote_lanes = s->remote_lanes;
	if (!(present & BIT(MESHVPN_A_LINK_SESSION_LOCAL_LANE)))
		to->local_lane = s->local_lane;
	if (!(present & BIT(MESHVPN_A_LINK_SESSION_LOCAL_LANES)))
		to->local_lanes = s->local_lanes;
}

static int link_session_set_path(struct batch *b, struct mv_link_session *s,
				 const struct mv_link_session_conf *conf)
{
	struct mv_path *path = NULL;
	int err = MV_SAVE(&b->undo, s->remote_lanes) ?: MV_SAVE(&b->undo, s->local_lane) ?:
		  MV_SAVE(&b->undo, s->local_lanes);

	if (err)
		return err;
	if (conf->remote.family) {
		path = mv_path_alloc(conf);
		if (IS_ERR(path))
			return PTR_ERR(path);
	}
	s->remote_lanes = conf->remote_lanes;
	s->local_lane = conf->local_lane;
	s->local_lanes = conf->local_lanes;
	return MV_REPLACE(&b->undo, s->path, path, MV_POINTS_PATH);
}

#define PATH_FIELDS (BIT(MESHVPN_A_LINK_SESSION_TX_ID) | BIT(MESHVPN_A_LINK_SESSION_REMOTE) | \
		     BIT(MESHVPN_A_LINK_SESSION_REMOTE_LANES) | \
		     BIT(MESHVPN_A_LINK_SESSION_LOCAL_LANE) | BIT(MESHVPN_A_LINK_SESSION_LOCAL_LANES))

static int link_session_set(struct batch *b, struct mv_link_session *s, const struct mv_op *op)
{
	struct mv_link_session_conf conf;
	int err;

	link_session_merge(b, s, op, &conf);
	if (conf.tx_id >> 56 || conf.state > MV_SESSION_PREVIOUS || !mv_lanes_ok(b->node, &conf) ||
	    !mv_endpoint_ok(&conf.remote))
		return fail(b, -EINVAL, "id, state, lanes or endpoint out of range");
	err = MV_SAVE(&b->undo, s->state) ?: MV_SAVE(&b->undo, s->tx_id);
	if (!err && op->present & PATH_FIELDS)
		err = link_session_set_path(b, s, &conf);
	if (err)
		return err;
	WRITE_ONCE(s->state, conf.state);
	WRITE_ONCE(s->tx_id, conf.tx_id);
	return make_current(b, s);
}

static int apply_link_session(struct batch *b, const struct mv_op *op)
{
	struct mv_link *link = mv_link_find(b->node, op->link_session.link);
	struct mv_link_session *s;

	if (!link)
		return fail(b, -ENOENT, "the node has no link of this id");
	s = mv_link_session_find(link, op->link_session.index);
	if (op->verb == MV_NEW)
		return s ? fail(b, -EEXIST, "the link has a session of this index") :
			   link_session_new(b, link, &op->link_session);
	if (!s)
		return fail(b, -ENOENT, "the link has no session of this index");
	return op->verb == MV_DEL ? link_session_del(b, s) : link_session_set(b, s, op);
}

/* ---- exit sessions ---- */

static struct mv_circuit *circuit_find(struct batch *b, u32 link, u32 circuit)
{
	struct mv_half *half = mv_half_find(&b->node->circuits, link, circuit);
	struct mv_circuit *c = half ? half->circuit : NULL;

	/* the other side's name of a relay circuit names nothing here */
	return c && c->id == circuit && c->link->id == link ? c : NULL;
}

static enum mv_role exit_role(const struct mv_circuit *c)
{
	return c->kind == MV_ORIGIN ? MV_ROLE_ORIGIN : MV_ROLE_EXIT;
}

static int exit_set_leg(struct batch *b, struct mv_exit *e, const struct mv_session_conf *conf)
{
	struct mv_circuit *c = NULL;
	struct mv_exit *other;
	int err = 0;

	if (conf->link || conf->circuit) {
		c = circuit_find(b, conf->link, conf->circuit);
		if (!c || c->kind == MV_RELAY)
			return fail(b, -ENOENT, "no circuit of this name ends here");
		other = held(b, c->exit);
		if ((other && other != e) || exit_role(c) != e->device->role)
			return fail(b, -EINVAL, "the circuit serves another session or role");
		err = mv_undo_set_exit(&b->undo, c, e);
	}
	return err ?: MV_REPLACE(&b->undo, e->leg, c, MV_POINTS_OBJECT);
}

static int exit_new(struct batch *b, const struct mv_session_conf *conf)
{
	struct mv_device *d = mv_device_find(b->node, conf->device);
	struct mv_exit *e;
	int err;

	if (!d)
		return fail(b, -ENOENT, "the node has no device of this id");
	e = mv_exit_alloc(d, conf);
	err = IS_ERR(e) ? PTR_ERR(e) : mv_undo_attach(&b->undo, MV_OBJ_SESSION, e);
	if (err)
		return fail_new(b, err, "another session of the device has an address of these",
				"session id 0");
	return exit_set_leg(b, e, conf);
}

#define LEG_FIELDS (BIT(MESHVPN_A_SESSION_LINK) | BIT(MESHVPN_A_SESSION_CIRCUIT))

static int apply_exit(struct batch *b, const struct mv_op *op)
{
	struct mv_exit *e = mv_exit_find(b->node, op->session.id);

	if (op->verb == MV_NEW)
		return e ? fail(b, -EEXIST, "the node has an exit session of this id") :
			   exit_new(b, &op->session);
	if (!e)
		return fail(b, -ENOENT, "the node has no exit session of this id");
	if (op->verb == MV_DEL)
		return exit_del(b, e);
	return op->present & LEG_FIELDS ? exit_set_leg(b, e, &op->session) : 0;
}

/* ---- circuits ---- */

/* The exit session of a circuit, 0: none; it must suit the circuit. */
static int find_exit(struct batch *b, const struct mv_circuit *c, u32 id, struct mv_exit **e)
{
	struct mv_exit *old = held(b, c->exit);

	*e = NULL;
	if (!id || c->kind == MV_RELAY)
		return 0;
	*e = mv_exit_find(b->node, id);
	if (!*e)
		return fail(b, -ENOENT, "the node has no exit session of this id");
	/* its fragments lie with the device it began with */
	if ((*e)->device->role != exit_role(c) || (old && old->device != (*e)->device))
		return fail(b, -EINVAL, "the exit session is of another role or device");
	return 0;
}

/* The links of a new circuit. */
static int circuit_links(struct batch *b, const struct mv_circuit_conf *conf, struct mv_link **link,
			 struct mv_link **out_link)
{
	bool relay = conf->kind == MV_RELAY;

	*link = mv_link_find(b->node, conf->link);
	*out_link = relay ? mv_link_find(b->node, conf->out_link) : NULL;
	if (!*link || (relay && !*out_link))
		return fail(b, -ENOENT, *link ? "the node has no link of the out-link's id" :
						"the node has no link of this id");
	if (mv_half_find(&b->node->circuits, conf->link, conf->circuit))
		return fail(b, -EEXIST, "the link has a circuit of this id");
	if (relay && conf->link == conf->out_link && conf->circuit == conf->out_circuit)
		return fail(b, -EINVAL, "both sides of the circuit are one");
	return 0;
}

static int circuit_new(struct batch *b, const struct mv_circuit_conf *conf)
{
	struct mv_link *link, *out_link;
	struct mv_circuit *c;
	struct mv_exit *e;
	int err;

	if (conf->kind > MV_TERMINUS)
		return fail(b, -EINVAL, "unknown kind of circuit");
	err = circuit_links(b, conf, &link, &out_link);
	if (err)
		return err;
	if (b->node->circuit_count >= b->node->conf.max_circuits)
		return fail(b, -ENOSPC, "the node's limit of circuits is reached");
	c = mv_circuit_alloc(b->node, conf);
	if (IS_ERR(c))
		return fail_new(b, PTR_ERR(c), NULL, "circuit id, class, hops or reserve out of range");
	c->link = link;
	c->out_link = out_link;
	err = find_exit(b, c, conf->session, &e);
	if (err) {
		mv_circuit_discard(c);
		return err;
	}
	if (e) {
		RCU_INIT_POINTER(c->exit, e);
		c->exit_id = e->id;
	}
	err = mv_undo_attach(&b->undo, MV_OBJ_CIRCUIT, c);
	/* of its own link the id was free */
	return err ? fail_new(b, err, "the out-link has a circuit of the out-circuit's id", NULL) : 0;
}

/* The fields of a circuit that have a value of their own. */
static int circuit_set_fields(struct batch *b, struct mv_circuit *c, const struct mv_op *op)
{
	const struct mv_circuit_conf *conf = &op->circuit;
	int err = MV_SAVE(&b->undo, c->data_class) ?: MV_SAVE(&b->undo, c->small_forward);

	if (err)
		return err;
	if (op->present & BIT(MESHVPN_A_CIRCUIT_DATA_CLASS))
		WRITE_ONCE(c->data_class, conf->data_class);
	if (op->present & BIT(MESHVPN_A_CIRCUIT_SMALL_FORWARD))
		WRITE_ONCE(c->small_forward, conf->small_forward);
	/* a softirq may clear it too, which must not be undone */
	if (!(op->present & BIT(MESHVPN_A_CIRCUIT_PASS)) || !READ_ONCE(c->pass))
		return 0;
	err = conf->pass ? 0 : MV_SAVE(&b->undo, c->pass);
	if (!err && !conf->pass)
		WRITE_ONCE(c->pass, false);
	return err;
}

static int circuit_set_rate(struct batch *b, struct mv_circuit *c, const struct mv_op *op)
{
	u64 rate = op->present & BIT(MESHVPN_A_CIRCUIT_RATE) ? op->circuit.rate : c->rate;
	u64 burst = op->present & BIT(MESHVPN_A_CIRCUIT_BURST) ? op->circuit.burst : c->burst;
	int err;

	if (rate == c->rate && burst == c->burst)
		return 0;
	err = MV_SAVE(&b->undo, c->rate) ?: MV_SAVE(&b->undo, c->burst) ?:
	      mv_undo_save_bucket(&b->undo, &c->forward.rate) ?:
	      mv_undo_save_bucket(&b->undo, &c->backward.rate);
	if (err)
		return err;
	c->rate = rate;
	c->burst = burst;
	mv_bucket_set(&c->forward.rate, rate, burst);
	mv_bucket_set(&c->backward.rate, rate, burst);
	return 0;
}

static int circuit_set_exit(struct batch *b, struct mv_circuit *c, struct mv_exit *to)
{
	struct mv_exit *old = held(b, c->exit);
	int err = 0;

	if (old && old != to && held(b, old->leg) == c)
		err = MV_REPLACE(&b->undo, old->leg, NULL, MV_POINTS_OBJECT);
	return err ?: mv_undo_set_exit(&b->undo, c, to);
}

static int circuit_set(struct batch *b, struct mv_circuit *c, const struct mv_op *op)
{
	const struct mv_circuit_conf *conf = &op->circuit;
	struct mv_exit *e = held(b, c->exit);
	int err = 0;

	if (op->present & BIT(MESHVPN_A_CIRCUIT_SESSION))
		err = find_exit(b, c, conf->session, &e);
	if (err)
		return err;
	if (op->present & BIT(MESHVPN_A_CIRCUIT_DATA_CLASS) && conf->data_class != MV_MEDIUM &&
	    conf->data_class != MV_LARGE)
		return fail(b, -EINVAL, "neither class of data");
	if (op->present & BIT(MESHVPN_A_CIRCUIT_PASS) && conf->pass && !READ_ONCE(c->pass))
		return fail(b, -EINVAL, "pass can only be taken back");
	err = circuit_set_fields(b, c, op) ?: circuit_set_rate(b, c, op);
	return err ?: circuit_set_exit(b, c, e);
}

static int apply_circuit(struct batch *b, const struct mv_op *op)
{
	struct mv_circuit *c;

	if (op->verb == MV_NEW)
		return circuit_new(b, &op->circuit);
	c = circuit_find(b, op->circuit.link, op->circuit.circuit);
	if (!c)
		return fail(b, -ENOENT, "the node has no circuit of this name");
	return op->verb == MV_DEL ? circuit_del(b, c) : circuit_set(b, c, op);
}

/* ---- selectors ---- */

static int apply_selector(struct batch *b, const struct mv_op *op)
{
	struct mv_device *d = mv_device_find(b->node, op->selector.device);
	struct mv_selector *s;
	int err;

	if (op->verb != MV_SET)
		return fail(b, -EINVAL, "selectors can only be set");
	if (!d)
		return fail(b, -ENOENT, "the node has no device of this id");
	s = mv_selector_alloc(&op->selector);
	if (IS_ERR(s)) {
		err = PTR_ERR(s);
		return err == -ENOSPC ? fail(b, err, "too many prefixes") :
					fail_new(b, err, NULL, "family or length of a prefix");
	}
	return MV_REPLACE(&b->undo, d->selector, s, MV_POINTS_SELECTOR);
}

/* ---- batches ---- */

static int apply_op(struct batch *b, const struct mv_op *op)
{
	if (op->verb > MV_DEL)
		return fail(b, -EINVAL, "unknown verb");
	switch (op->object) {
	case MV_OBJ_DEVICE:
		return apply_device(b, op);
	case MV_OBJ_LINK:
		return apply_link(b, op);
	case MV_OBJ_LINK_SESSION:
		return apply_link_session(b, op);
	case MV_OBJ_SESSION:
		return apply_exit(b, op);
	case MV_OBJ_CIRCUIT:
		return apply_circuit(b, op);
	case MV_OBJ_SELECTOR:
		return apply_selector(b, op);
	}
	return fail(b, -EINVAL, "unknown object");
}

/* Chains that this batch or those before it made long. */
static void grow(struct mv_node *node)
{
	mv_hash_grow(&node->circuits);
	mv_hash_grow(&node->rx_ids);
	mv_hash_grow(&node->inner);
	mv_hash_grow(&node->links);
	mv_hash_grow(&node->exits);
}

int mv_apply(struct mv_node *node, const struct mv_op *ops, u32 count, u32 *failed, const char **why)
{
	struct batch b = { .node = node };
	int err = 0;
	u32 i;

	if (node->dead) {
		*failed = 0;
		*why = "the node is going";
		return -ENOENT;
	}
	mv_undo_init(&b.undo, node);
	for (i = 0; i < count && !err; i++)
		err = apply_op(&b, &ops[i]);
	if (err) {
		*failed = i - 1;
		*why = b.why ?: "out of memory";
		mv_undo_rollback(&b.undo);
		return err;
	}
	mv_undo_commit(&b.undo);
	grow(node);
	return 0;
}
