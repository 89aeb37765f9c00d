// SPDX-License-Identifier: GPL-2.0
/* The record of a batch, kept in chunks so that a long one costs no copying: see undo.h. */
#include <linux/rtnetlink.h>
#include <linux/slab.h>

#include "bucket.h"
#include "circuit.h"
#include "compat.h"
#include "device.h"
#include "exit.h"
#include "link.h"
#include "node.h"
#include "undo.h"

enum step_kind {
	STEP_ATTACHED,
	STEP_DETACHED,
	STEP_VALUE,		/* @old was at @target, @len bytes */
	STEP_POINTER,		/* @old was at @target, @new is */
	STEP_EXIT,		/* circuit @target had exit session @old */
	STEP_MTU,		/* device @target had MTU @number */
};

struct step {
	u8 kind;		/* enum step_kind */
	u8 what;		/* enum mv_object, or enum mv_undo_pointee */
	u8 len;
	void *target;
	union {
		void *old;
		u64 number;
	};
	void *new;
};

#define CHUNK_STEPS 120

struct chunk {
	struct list_head list;
	u32 count;
	struct step steps[CHUNK_STEPS];
};

void mv_undo_init(struct mv_undo *u, struct mv_node *node)
{
	lockdep_assert_held(&node->lock);
	u->node = node;
	INIT_LIST_HEAD(&u->chunks);
}

static struct step *step_add(struct mv_undo *u, enum step_kind kind, void *target)
{
	struct chunk *chunk = list_empty(&u->chunks) ? NULL :
			      list_last_entry(&u->chunks, struct chunk, list);
	struct step *s;

	if (!chunk || chunk->count == CHUNK_STEPS) {
		chunk = kmalloc(sizeof(*chunk), GFP_KERNEL_ACCOUNT);
		if (!chunk)
			return NULL;
		chunk->count = 0;
		list_add_tail(&chunk->list, &u->chunks);
	}
	s = &chunk->steps[chunk->count++];
	*s = (struct step){ .kind = kind, .target = target };
	return s;
}

/* Forget the last step. */
static void step_drop(struct mv_undo *u)
{
	list_last_entry(&u->chunks, struct chunk, list)->count--;
}

static void chunks_free(struct mv_undo *u)
{
	struct chunk *chunk, *next;

	list_for_each_entry_safe(chunk, next, &u->chunks, list)
		kfree(chunk);
	INIT_LIST_HEAD(&u->chunks);
}

/* ---- objects in and out ---- */

static int device_in(struct mv_node *node, struct mv_device *d)
{
	ASSERT_RTNL();
	list_add_tail(&d->node_list, &node->devices);
	WRITE_ONCE(node->device_count, node->device_count + 1);
	rcu_assign_pointer(d->node, node);
	return 0;
}

static void device_out(struct mv_node *node, struct mv_device *d)
{
	ASSERT_RTNL();
	RCU_INIT_POINTER(d->node, NULL);
	list_del_init(&d->node_list);
	WRITE_ONCE(node->device_count, node->device_count - 1);
}

static int attach(struct mv_node *node, enum mv_object object, void *o)
{
	switch (object) {
	case MV_OBJ_DEVICE:
		return device_in(node, o);
	case MV_OBJ_LINK:
		return mv_link_attach(node, o);
	case MV_OBJ_LINK_SESSION:
		return mv_link_session_attach(node, o);
	case MV_OBJ_SESSION:
		return mv_exit_attach(node, o);
	case MV_OBJ_CIRCUIT:
		return mv_circuit_attach(node, o);
	default:
		return -EINVAL;
	}
}

static void detach(struct mv_node *node, enum mv_object object, void *o)
{
	switch (object) {
	case MV_OBJ_DEVICE:
		return device_out(node, o);
	case MV_OBJ_LINK:
		return mv_link_detach(node, o);
	case MV_OBJ_LINK_SESSION:
		return mv_link_session_detach(node, o);
	case MV_OBJ_SESSION:
		return mv_exit_detach(node, o);
	case MV_OBJ_CIRCUIT:
		return mv_circuit_detach(node, o);
	default:
		return;
	}
}

/* Freed after a grace period; devices belong to themselves. Circuits: mv_circuits_bury(). */
static void release(enum mv_object object, void *o)
{
	switch (object) {
	case MV_OBJ_LINK:
		return mv_link_free(o);
	case MV_OBJ_LINK_SESSION:
		return mv_link_session_free(o);
	case MV_OBJ_SESSION:
		return mv_exit_free(o);
	default:
		return;
	}
}

/* Of one that could not be attached. */
static void discard(enum mv_object object, void *o)
{
	if (object == MV_OBJ_CIRCUIT)
		mv_circuit_discard(o);
	else
		release(object, o);
}

int mv_undo_attach(struct mv_undo *u, enum mv_object object, void *o)
{
	struct step *s = step_add(u, STEP_ATTACHED, o);
	int err = -ENOMEM;

	if (s) {
		s->what = object;
		err = attach(u->node, object, o);
		if (!err)
			return 0;
		step_drop(u);
	}
	discard(object, o);
	return err;
}

int mv_undo_detach(struct mv_undo *u, enum mv_object object, void *o)
{
	struct step *s = step_add(u, STEP_DETACHED, o);

	if (!s)
		return -ENOMEM;
	s->what = object;
	detach(u->node, object, o);
	return 0;
}

/* ---- fields ---- */

int mv_undo_save(struct mv_undo *u, void *field, size_t len)
{
	struct step *s = step_add(u, STEP_VALUE, field);

	if (!s)
		return -ENOMEM;
	s->len = len;
	memcpy(&s->number, field, len);
	return 0;
}

int mv_undo_save_bucket(struct mv_undo *u, struct mv_bucket *b)
{
	return MV_SAVE(u, b->cost) ?: MV_SAVE(u, b->depth);
}

static void value_restore(const struct step *s)
{
	switch (s->len) {
	case 1:
		WRITE_ONCE(*(u8 *)s->target, *(const u8 *)&s->number);
		break;
	case 2:
		WRITE_ONCE(*(u16 *)s->target, *(const u16 *)&s->number);
		break;
	case 4:
		WRITE_ONCE(*(u32 *)s->target, *(const u32 *)&s->number);
		break;
	default:
		WRITE_ONCE(*(u64 *)s->target, s->number);
	}
}

static void pointee_free(enum mv_undo_pointee what, void *pointee)
{
	if (what == MV_POINTS_PATH)
		mv_path_free(pointee);
	else if (what == MV_POINTS_SELECTOR)
		mv_selector_free(pointee);
}

int mv_undo_replace(struct mv_undo *u, void __rcu **pointer, void *to, enum mv_undo_pointee what)
{
	struct step *s = step_add(u, STEP_POINTER, (__force void *)pointer);

	if (!s) {
		pointee_free(what, to);
		return -ENOMEM;
	}
	s->what = what;
	s->old = rcu_dereference_protected(*pointer, lockdep_is_held(&u->node->lock));
	s->new = to;
	rcu_assign_pointer(*pointer, to);
	return 0;
}

int mv_undo_set_exit(struct mv_undo *u, struct mv_circuit *c, struct mv_exit *e)
{
	struct mv_exit *old = rcu_dereference_protected(c->exit, lockdep_is_held(&u->node->lock));
	struct step *s;

	if (old == e)
		return 0;
	s = step_add(u, STEP_EXIT, c);
	if (!s)
		return -ENOMEM;
	s->old = old;
	mv_circuit_set_exit(c, e);
	return 0;
}

int mv_undo_set_mtu(struct mv_undo *u, struct mv_device *d, u32 mtu)
{
	struct step *s;
	int err;

	if (d->dev->mtu == mtu)
		return 0;
	s = step_add(u, STEP_MTU, d);
	if (!s)
		return -ENOMEM;
	s->number = d->dev->mtu;
	err = dev_set_mtu(d->dev, mtu);
	if (err)
		step_drop(u);
	return err;
}

/* ---- the end ---- */

static void step_undo(struct mv_node *node, const struct step *s)
{
	struct mv_device *d = s->target;

	switch ((enum step_kind)s->kind) {
	case STEP_ATTACHED:
		return detach(node, s->what, s->target);
	case STEP_DETACHED:
		/* its place was not given to anybody since, or that is undone by now */
		WARN_ON_ONCE(attach(node, s->what, s->target));
		return;
	case STEP_VALUE:
		return value_restore(s);
	case STEP_POINTER:
		rcu_assign_pointer(*(void __rcu **)s->target, s->old);
		return;
	case STEP_EXIT:
		return mv_circuit_set_exit(s->target, s->old);
	case STEP_MTU:
		WARN_ON_ONCE(dev_set_mtu(d->dev, s->number));
		return;
	}
}

/*
 * Free the objects of all steps of @kind, circuits first, for they point to the others. The other
 * side of every pointer that was replaced goes with them.
 */
static void steps_release(struct mv_undo *u, enum step_kind kind)
{
	struct chunk *chunk;
	LIST_HEAD(dead);
	u32 i;

	list_for_each_entry(chunk, &u->chunks, list)
		for (i = 0; i < chunk->count; i++)
			if (chunk->steps[i].kind == kind && chunk->steps[i].what == MV_OBJ_CIRCUIT)
				list_add_tail(&((struct mv_circuit *)chunk->steps[i].target)->link_node,
					      &dead);
	mv_circuits_bury(u->node, &dead);
	list_for_each_entry(chunk, &u->chunks, list)
		for (i = 0; i < chunk->count; i++) {
			struct step *s = &chunk->steps[i];

			if (s->kind == kind)
				release(s->what, s->target);
			else if (s->kind == STEP_POINTER)
				pointee_free(s->what, kind == STEP_DETACHED ? s->old : s->new);
		}
	chunks_free(u);
}

void mv_undo_rollback(struct mv_undo *u)
{
	struct chunk *chunk;
	u32 i;

	list_for_each_entry_reverse(chunk, &u->chunks, list)
		for (i = chunk->count; i--; )
			step_undo(u->node, &chunk->steps[i]);
	steps_release(u, STEP_ATTACHED);
}

void mv_undo_commit(struct mv_undo *u)
{
	steps_release(u, STEP_DETACHED);
}
