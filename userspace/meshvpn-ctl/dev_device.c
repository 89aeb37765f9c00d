// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dev attach, dev detach: which network device is the inner side of a node. The device itself comes
 * and goes with ip link add DEV type meshvpn.
 */
#include "dev.h"

#include <string.h>

/* Is there a device of that id, in the kernel or in the lines before? */
static bool id_is_used(const struct dev_batch *b, const json_t *devices, u32 id)
{
	json_t *d;
	size_t i;

	for (i = 0; i < b->count; i++)
		if (b->ops[i]->op.object == DATAPATH_OBJ_DEVICE && b->ops[i]->device.id == id)
			return true;
	json_array_foreach((json_t *)devices, i, d)
		if (js_u64(d, "id") == id)
			return true;
	return false;
}

static int id_choose(struct dev_batch *b, u32 *id)
{
	int ret;
	json_t *devices = dev_devices(b->conn, b->node, &ret);

	if (!devices)
		return dev_failed(b->ctl, b->conn, ret, "devices");
	for (*id = 1; id_is_used(b, devices, *id); (*id)++)
		;
	json_decref(devices);
	return CTL_OK;
}

int dev_attach(struct dev_batch *b, const json_t *args, struct dev_op *o)
{
	struct datapath_device *d = &o->device;
	const char *name = js_text(args, "dev");
	u32 role = 0;

	o->op.verb = DATAPATH_NEW;
	o->op.object = DATAPATH_OBJ_DEVICE;
	snprintf(o->what, sizeof(o->what), "device %.20s", name);
	if (strlen(name) >= sizeof(d->name))
		return ctl_fail(b->ctl, CTL_USAGE, "usage", NULL, "%s: longer than a device's name may be", name);
	strcpy(d->name, name);
	if (!dev_enum(b->ctl, args, "role", dev_roles, &role) || !dev_u32(b->ctl, args, "id", 1, UINT32_MAX, &d->id) ||
	    !dev_u32(b->ctl, args, "mtu", 576, 65535, &d->mtu))
		return CTL_USAGE;
	d->role = role;
	return js_has(args, "id") ? CTL_OK : id_choose(b, &d->id);
}

int dev_detach(struct dev_batch *b, const json_t *args, struct dev_op *o)
{
	o->op.verb = DATAPATH_DEL;
	o->op.object = DATAPATH_OBJ_DEVICE;
	snprintf(o->what, sizeof(o->what), "device %.20s", js_text(args, "dev"));
	return dev_device_id(b, args, &o->device.id) ? CTL_OK : CTL_ERROR;
}

const struct arg dev_attach_args[] = {
	{ "dev", 's', .positional = true, .required = true, .local = true, .value = "DEV", .help = "made by ip link add DEV type meshvpn" },
	{ "role", 's', .required = true, .local = true, .value = "ROLE", .help = "origin (a client's) or exit",
	  .words = "origin exit" },
	DEV_NODE_ARG,
	{ "id", 'i', .local = true, .value = "N", .help = "that sessions name it by; the first free number" },
	{ "mtu", 'i', .local = true, .value = "BYTES", .help = "of inner packets, 576 to 65535; as it is" },
	{ 0 },
};
const struct arg dev_detach_args[] = {
	{ "dev", 's', .positional = true, .required = true, .local = true, .value = "DEV", .help = "name or id" },
	DEV_NODE_ARG,
	{ 0 },
};
