// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dev: changes of the kernel's tables, alone as a command of their own or as lines of a file that
 * are done all or not at all.
 */
#include "dev.h"

#include <linux/meshvpn.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define SLACK 256		/* of a batch's own attributes, and of each op */

static void op_free(struct dev_op *o)
{
	free(o->prefixes);
	sodium_memzero(o, sizeof(*o));
	free(o);
}

void dev_batch_free(struct dev_batch *b)
{
	u32 i;

	for (i = 0; i < b->count; i++)
		op_free(b->ops[i]);
	free(b->ops);
}

/* The union's member is what datapath_op points to, whichever it is. */
static void op_point(struct dev_op *o)
{
	switch (o->op.object) {
	case DATAPATH_OBJ_DEVICE: o->op.device = &o->device; break;
	case DATAPATH_OBJ_LINK: o->op.link = &o->link; break;
	case DATAPATH_OBJ_LINK_SESSION: o->op.link_session = &o->link_session; break;
	case DATAPATH_OBJ_SESSION: o->op.session = &o->session; break;
	case DATAPATH_OBJ_CIRCUIT: o->op.circuit = &o->circuit; break;
	case DATAPATH_OBJ_SELECTOR: o->op.selector = &o->selector; break;
	}
}

static void op_append(struct dev_batch *b, struct dev_op *o)
{
	if (b->count == b->room) {
		b->room = b->room ? 2 * b->room : 16;
		b->ops = realloc(b->ops, b->room * sizeof(*b->ops));
	}
	if (!b->ops)
		abort();
	b->ops[b->count++] = o;
}

static struct dev_op *op_new(void)
{
	struct dev_op *o = calloc(1, sizeof(*o));

	if (!o)
		abort();
	return o;
}

struct dev_op *dev_batch_op(struct dev_batch *b)
{
	struct dev_op *o = op_new();

	op_append(b, o);
	return o;
}

int dev_batch_add(struct dev_batch *b, const struct verb *verb, const json_t *args)
{
	struct dev_op *o = op_new();
	int ret = verb->change(b, args, o);

	if (!ret && o->op.verb == DATAPATH_SET && !o->fields && o->op.object != DATAPATH_OBJ_SELECTOR)
		ret = ctl_fail(b->ctl, CTL_USAGE, "usage", NULL, "%s: nothing to change", o->what);
	if (ret)
		op_free(o);
	else
		op_append(b, o);
	return ret;
}

/* ---- sending ---- */

/* What is missing for a new device is the network device, and only the node's own limits can be raised. */
static int op_failed(struct dev_batch *b, int ret, const struct dev_op *o)
{
	if (ret == -ENOENT && o->op.verb == DATAPATH_NEW && o->op.object == DATAPATH_OBJ_DEVICE)
		ret = -ENODEV;
	if (ret == -ENOSPC && o->op.object != DATAPATH_OBJ_LINK && o->op.object != DATAPATH_OBJ_CIRCUIT)
		ret = -E2BIG;
	return dev_failed(b->ctl, b->conn, ret, o->what);
}

static int send_one(struct dev_batch *b)
{
	struct dev_op *o = b->ops[0];
	struct nl_msg *m;
	int ret;

	op_point(o);
	m = kmod_request(kmod_conn_family(b->conn), (u8)kmod_op_cmd(o->op.verb, o->op.object), 0, b->node,
			 kmod_op_room(&o->op) + SLACK);
	ret = m ? kmod_put_op(m, &o->op, o->fields) : -ENOMEM;
	if (ret)
		kmod_request_free(m);
	else
		ret = kmod_call(b->conn, m, NULL, NULL, NULL);
	return ret ? op_failed(b, ret, o) : CTL_OK;
}

/* -errno, and which op is to blame; the number of them all: none. */
static int send_batch(struct dev_batch *b, u32 *failed)
{
	size_t room = SLACK;
	struct nl_msg *m;
	int ret = 0;
	u32 i;

	*failed = b->count;
	for (i = 0; i < b->count; i++) {
		op_point(b->ops[i]);
		room += kmod_op_room(&b->ops[i]->op) + SLACK;
	}
	m = kmod_request(kmod_conn_family(b->conn), MESHVPN_CMD_BATCH, 0, b->node, room);
	for (i = 0; m && !ret && i < b->count; i++) {
		ret = kmod_put_batch_op(m, &b->ops[i]->op, b->ops[i]->fields);
		if (ret)
			*failed = i;
	}
	if (!ret)
		return kmod_call(b->conn, m, NULL, NULL, failed);
	kmod_request_free(m);
	return ret;
}

static int batch_failed(struct dev_batch *b, int ret, u32 failed)
{
	return failed < b->count ? op_failed(b, ret, b->ops[failed]) : dev_failed(b->ctl, b->conn, ret, "batch");
}

int dev_batch_send(struct dev_batch *b)
{
	u32 failed;
	int ret;

	if (b->count == 1)
		return send_one(b);
	ret = send_batch(b, &failed);
	return ret ? batch_failed(b, ret, failed) : CTL_OK;
}

int dev_batch_try(struct dev_batch *b)
{
	u32 failed;
	int ret = send_batch(b, &failed);

	return ret && ret != -ENOENT ? batch_failed(b, ret, failed) : ret;
}

int dev_change_run(const struct ctl *ctl, const struct verb *verb, json_t *args)
{
	struct dev_batch b = { .ctl = ctl };
	int ret = dev_open(ctl, &b.conn);

	if (ret)
		return ret;
	ret = dev_node(ctl, b.conn, args, &b.node);
	if (!ret)
		ret = dev_batch_add(&b, verb, args);
	if (!ret)
		ret = dev_batch_send(&b);
	dev_batch_free(&b);
	kmod_conn_close(b.conn);
	return ret;
}
