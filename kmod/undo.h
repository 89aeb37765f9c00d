/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a batch has changed so far, so that it can be taken back: the record is made first, the
 * change after it cannot fail. Everything under node->lock; ops on devices under rtnl too.
 */
#ifndef MV_UNDO_H
#define MV_UNDO_H

#include <linux/list.h>
#include <linux/types.h>

#include "conf.h"

struct mv_bucket;
struct mv_circuit;
struct mv_device;
struct mv_exit;
struct mv_node;

struct mv_undo {
	struct mv_node *node;
	struct list_head chunks;
};

/* What a pointer that is replaced points to: freed where it is not wanted any more. */
enum mv_undo_pointee {
	MV_POINTS_OBJECT,			/* freed as an object, if at all */
	MV_POINTS_PATH,
	MV_POINTS_SELECTOR,
};

void mv_undo_init(struct mv_undo *u, struct mv_node *node);
/* All is as before the batch, what it made is freed. */
void mv_undo_rollback(struct mv_undo *u);
/* What it deleted is freed, after a grace period for which nobody waits. */
void mv_undo_commit(struct mv_undo *u);

/* The following return 0 or -ENOMEM, and then have changed nothing. */

/* A new object goes into the tables; it is freed on failure. Also -EEXIST, -EINVAL of the tables. */
int mv_undo_attach(struct mv_undo *u, enum mv_object object, void *o);
int mv_undo_detach(struct mv_undo *u, enum mv_object object, void *o);
/* Remember a field of 1, 2, 4 or 8 bytes that is going to be changed. */
int mv_undo_save(struct mv_undo *u, void *field, size_t len);
int mv_undo_save_bucket(struct mv_undo *u, struct mv_bucket *b);
/* Publish @to in a pointer that readers follow. On failure @to is freed. */
int mv_undo_replace(struct mv_undo *u, void __rcu **pointer, void *to, enum mv_undo_pointee what);
int mv_undo_set_exit(struct mv_undo *u, struct mv_circuit *c, struct mv_exit *e);
/* Also the device's own errors. */
int mv_undo_set_mtu(struct mv_undo *u, struct mv_device *d, u32 mtu);

#define MV_SAVE(u, field) ({							\
	BUILD_BUG_ON(!is_power_of_2(sizeof(field)) || sizeof(field) > 8);	\
	mv_undo_save(u, &(field), sizeof(field));				\
})
#define MV_REPLACE(u, pointer, to, what) \
	mv_undo_replace(u, (void __rcu **)&(pointer), to, what)

#endif
