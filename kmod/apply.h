/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ordered batches of changes, all or nothing: every step that changes a table or a field leaves a
 * record; a failure walks the records back, success frees what was taken out. Readers may see a
 * batch half done, but never half an object, and after a failure all is as before.
 */
#ifndef MV_APPLY_H
#define MV_APPLY_H

#include "conf.h"

struct mv_node;
struct netlink_ext_ack;

/**
 * mv_apply - a batch
 * @failed: index of the op that failed
 * @why: a static string that says what is wrong with it, for extack; never NULL after a failure
 *
 * Under node->lock, and rtnl_lock() if there is an op on a device. When it returns 0 no softirq
 * uses what was deleted for new cells. Return: 0, -EEXIST, -ENOENT, -EINVAL, -ENOSPC, -ENOMEM.
 */
int mv_apply(struct mv_node *node, const struct mv_op *ops, u32 count, u32 *failed, const char **why);

#endif
