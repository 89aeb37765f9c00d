// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dev ... flush: delete all of a table, or what the arguments name of it, as many in one message as
 * the kernel takes. Each message is all or nothing; what others delete meanwhile is looked for again.
 */
#include "dev.h"

#include <stdlib.h>

#define ROUNDS 10		/* as ip(8) */

static u32 n_of(const json_t *json, const char *name)
{
	return (u32)js_u64(json, name);
}

static void op_name(struct dev_op *o, enum datapath_object object, const json_t *item)
{
	o->op.verb = DATAPATH_DEL;
	o->op.object = object;
	switch (object) {
	case DATAPATH_OBJ_LINK:
		o->link.id = n_of(item, "id");
		snprintf(o->what, sizeof(o->what), "link %u", o->link.id);
		break;
	case DATAPATH_OBJ_LINK_SESSION:
		o->link_session.link = n_of(item, "link");
		o->link_session.index = n_of(item, "index");
		snprintf(o->what, sizeof(o->what), "link %u session %u", o->link_session.link, o->link_session.index);
		break;
	case DATAPATH_OBJ_SESSION:
		o->session.id = n_of(item, "id");
		snprintf(o->what, sizeof(o->what), "session %u", o->session.id);
		break;
	default:
		o->circuit.link = n_of(item, "link");
		o->circuit.circuit = n_of(item, "id");
		snprintf(o->what, sizeof(o->what), "circuit %u on link %u", o->circuit.circuit, o->circuit.link);
	}
}

static bool is_meant(const json_t *item, const json_t *args, const char *name)
{
	return !name || !js_has(args, name) || js_u64(args, name) == js_u64(item, name);
}

/* One message, from @list[*at] on. Exit code; -ENOENT: something of it is gone already. */
static int some_delete(struct dev_batch *b, const struct dev_flush *f, const json_t *list, size_t *at, const json_t *args)
{
	int ret;

	while (*at < json_array_size(list) && b->count < KMOD_BATCH_OPS) {
		const json_t *item = json_array_get(list, (*at)++);

		if (is_meant(item, args, f->filter))
			op_name(dev_batch_op(b), f->object, item);
	}
	ret = b->count ? dev_batch_try(b) : CTL_OK;
	dev_batch_free(b);
	b->ops = NULL;
	b->count = b->room = 0;
	return ret;
}

/* Everything that is there now. As some_delete(). */
static int round_delete(struct dev_batch *b, const struct dev_flush *f, const json_t *args)
{
	size_t at = 0;
	char what[40];
	json_t *list;
	int ret;

	snprintf(what, sizeof(what), "node %u", b->node);
	list = f->read(b->conn, b->node, &ret);
	if (!list)
		return dev_failed(b->ctl, b->conn, ret, what);
	ret = CTL_OK;
	while (!ret && at < json_array_size(list))
		ret = some_delete(b, f, list, &at, args);
	json_decref(list);
	return ret;
}

int dev_flush_run(const struct ctl *ctl, const struct verb *verb, json_t *args)
{
	struct dev_batch b = { .ctl = ctl };
	u32 device, i;
	int ret = dev_open(ctl, &b.conn);

	if (ret)
		return ret;
	ret = dev_node(ctl, b.conn, args, &b.node);
	if (!ret && js_has(args, "dev")) {
		if (dev_device_id(&b, args, &device))
			json_object_set_new(args, "device", json_integer(device));
		else
			ret = CTL_ERROR;
	}
	if (!ret)
		ret = -ENOENT;
	for (i = 0; ret == -ENOENT && i < ROUNDS; i++)
		ret = round_delete(&b, verb->flush, args);
	if (ret == -ENOENT)
		ret = ctl_fail(ctl, CTL_ERROR, "busy", "stop what changes it", "node %u: others delete there too", b.node);
	kmod_conn_close(b.conn);
	return ret;
}
