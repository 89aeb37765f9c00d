// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dev node: the module's sockets, and limits of everything behind them.
 */
#include "dev.h"

#include <linux/meshvpn.h>
#include <string.h>

bool dev_node_conf(const struct ctl *ctl, const json_t *args, struct kmod_node *n, u32 *fields)
{
	static const struct {
		const char *arg;
		u32 field;
	} groups[] = {
		{ "rate", KMOD_RATE }, { "burst", KMOD_RATE }, { "up-rate", KMOD_UP_RATE }, { "up-burst", KMOD_UP_RATE },
		{ "hold", KMOD_HOLD }, { "max-links", KMOD_LIMITS }, { "max-circuits", KMOD_LIMITS },
		{ "queue-cells", KMOD_LIMITS }, { "send-bytes", KMOD_LIMITS }, { "volume-limit", KMOD_VOLUME_LIMIT },
	};
	u32 i, port = n->port;

	if (!dev_u32(ctl, args, "id", 1, UINT32_MAX, &n->id) || !dev_u32(ctl, args, "port", 0, 65535, &port) ||
	    !dev_u32(ctl, args, "lanes", 1, DATAPATH_LANES_MAX, &n->lanes) || !dev_u32(ctl, args, "mark", 0, UINT32_MAX, &n->mark) ||
	    !dev_rate(ctl, args, &n->rate, &n->burst) || !dev_u32(ctl, args, "hold", 0, 1000000, &n->hold_us) ||
	    !dev_u32(ctl, args, "max-links", 0, UINT32_MAX, &n->max_links) ||
	    !dev_u32(ctl, args, "max-circuits", 0, UINT32_MAX, &n->max_circuits) ||
	    !dev_u32(ctl, args, "queue-cells", 0, UINT32_MAX, &n->queue_cells) ||
	    !dev_u32(ctl, args, "send-bytes", 0, UINT32_MAX, &n->send_bytes))
		return false;
	n->port = (u16)port;
	dev_u64(args, "up-rate", &n->up_rate);
	dev_u64(args, "up-burst", &n->up_burst);
	dev_u64(args, "volume-limit", &n->volume_limit);
	*fields = 0;
	for (i = 0; i < sizeof(groups) / sizeof(*groups); i++)
		if (js_has(args, groups[i].arg))
			*fields |= groups[i].field;
	return true;
}

static void node_what(u32 id, char what[40])
{
	snprintf(what, 40, id ? "node %u" : "node", id);
}

/* ---- add ---- */

static int node_info(void *arg, const struct nlmsghdr *h)
{
	return kmod_get_node(h, arg);
}

int dev_node_make(const struct ctl *ctl, struct kmod_conn *conn, const struct kmod_node *node, struct kmod_node_info *info)
{
	struct nl_msg *m = kmod_request(kmod_conn_family(conn), MESHVPN_CMD_NODE_NEW, 0, node->id, 0);
	int ret = m ? kmod_put_node(m, node, KMOD_ALL) : -ENOMEM;
	char what[40];

	memset(info, 0, sizeof(*info));
	if (ret)
		kmod_request_free(m);
	else
		ret = kmod_call(conn, m, node_info, info, NULL);
	node_what(node->id, what);
	if (ret && node->port)
		snprintf(what + strlen(what), sizeof(what) - strlen(what), " with port %u", node->port);
	return ret ? dev_failed(ctl, conn, ret, what) : CTL_OK;
}

static int add_run(const struct ctl *ctl, const struct verb *verb, json_t *args)
{
	/* hold: as the daemon's; the rest is the module's choice where it is 0 */
	struct kmod_node node = { .make = true, .lanes = 1, .hold_us = 200 };
	struct kmod_node_info info;
	struct kmod_conn *conn;
	u32 fields;
	int ret;

	if (!dev_node_conf(ctl, args, &node, &fields))
		return CTL_USAGE;
	ret = dev_open(ctl, &conn);
	if (ret)
		return ret;
	ret = dev_node_make(ctl, conn, &node, &info);
	kmod_conn_close(conn);
	if (ret)
		return ret;
	return ctl_show(ctl, verb, json_pack("{s:s, s:I, s:I, s:I}", "schema", "meshvpn.dev.node.add/1", "node",
					     (json_int_t)info.conf.id, "port", (json_int_t)info.ports[0], "lanes",
					     (json_int_t)info.conf.lanes));
}

static void add_render(const struct ctl *ctl, const json_t *r)
{
	printf("node %u: port %u", (u32)js_u64(r, "node"), (u32)js_u64(r, "port"));
	printf(js_u64(r, "lanes") > 1 ? " to %u\n" : "\n", (u32)(js_u64(r, "port") + js_u64(r, "lanes") - 1));
}

/* ---- set, del ---- */

/* Of the groups that are named by some of their fields only, the others keep their value. */
static int set_node(const struct ctl *ctl, struct kmod_conn *conn, u32 id, const json_t *args)
{
	struct nl_msg *m = kmod_request(kmod_conn_family(conn), MESHVPN_CMD_NODE_GET, 0, id, 0);
	struct kmod_node_info info = { 0 };
	int ret = kmod_call(conn, m, node_info, &info, NULL);
	char what[40];
	u32 fields;

	node_what(id, what);
	if (ret)
		return dev_failed(ctl, conn, ret, what);
	if (!dev_node_conf(ctl, args, &info.conf, &fields))
		return CTL_USAGE;
	if (!fields)
		return ctl_fail(ctl, CTL_USAGE, "usage", "meshvpn-ctl dev node set help", "%s: nothing to change", what);
	info.conf.lanes = 0;
	m = kmod_request(kmod_conn_family(conn), MESHVPN_CMD_NODE_SET, 0, id, 0);
	ret = m ? kmod_put_node(m, &info.conf, fields) : -ENOMEM;
	if (ret)
		kmod_request_free(m);
	else
		ret = kmod_call(conn, m, NULL, NULL, NULL);
	return ret ? dev_failed(ctl, conn, ret, what) : CTL_OK;
}

static int del_node(const struct ctl *ctl, struct kmod_conn *conn, u32 id, const json_t *args)
{
	int ret = kmod_call(conn, kmod_request(kmod_conn_family(conn), MESHVPN_CMD_NODE_DEL, 0, id, 0), NULL, NULL, NULL);
	char what[40];

	node_what(id, what);
	return ret ? dev_failed(ctl, conn, ret, what) : CTL_OK;
}

/* As of the other verbs, the only node need not be named. */
static int on_node(const struct ctl *ctl, json_t *args,
		   int (*work)(const struct ctl *ctl, struct kmod_conn *conn, u32 id, const json_t *args))
{
	struct kmod_conn *conn;
	u32 id;
	int ret = dev_open(ctl, &conn);

	if (ret)
		return ret;
	if (js_has(args, "id"))
		json_object_set(args, "node", json_object_get(args, "id"));
	ret = dev_node(ctl, conn, args, &id);
	if (!ret)
		ret = work(ctl, conn, id, args);
	kmod_conn_close(conn);
	return ret;
}

static int set_run(const struct ctl *ctl, const struct verb *verb, json_t *args)
{
	return on_node(ctl, args, set_node);
}

static int del_run(const struct ctl *ctl, const struct verb *verb, json_t *args)
{
	return on_node(ctl, args, del_node);
}

static int show_run(const struct ctl *ctl, const struct verb *verb, json_t *args)
{
	struct kmod_conn *conn;
	u32 id = 0;
	int ret;

	if (!dev_u32(ctl, args, "id", 1, UINT32_MAX, &id))
		return CTL_USAGE;
	ret = dev_open(ctl, &conn);
	if (ret)
		return ret;
	ret = dev_show_kernel(ctl, conn, id, NULL);
	kmod_conn_close(conn);
	return ret;
}

#define NODE_ID(help_) { "id", 'i', .positional = true, .local = true, .value = "N", .help = help_ }
#define NODE_VALUES											\
	{ "rate", 'i', .local = true, .value = "BYTES", .help = "a second, of the whole node; no limit" },	\
	{ "burst", 'i', .local = true, .value = "BYTES", .help = "at once; a tenth of a second" },		\
	{ "up-rate", 'i', .local = true, .value = "NUMBER", .help = "datagrams a second that may go up, a link; 2000" }, \
	{ "up-burst", 'i', .local = true, .value = "NUMBER", .help = "of those at once; 4000" },		\
	{ "hold", 'i', .local = true, .value = "MICROSECONDS", .help = "that a payload which is not full may wait; 200" }, \
	{ "max-links", 'i', .local = true, .value = "NUMBER", .help = "4096" },				\
	{ "max-circuits", 'i', .local = true, .value = "NUMBER", .help = "65536" },				\
	{ "queue-cells", 'i', .local = true, .value = "NUMBER", .help = "that may wait, of one circuit's direction; 256" }, \
	{ "send-bytes", 'i', .local = true, .value = "BYTES", .help = "in a socket before cells wait; 256 KiB, less where the wire is slower" }, \
	{ "volume-limit", 'i', .local = true, .value = "BYTES", .help = "of a circuit before an event says so; none" }

static const struct arg show_args[] = { NODE_ID("all, unless given"), { 0 } };
static const struct arg del_args[] = { NODE_ID("the only one there is, unless given"), { 0 } };
static const struct arg set_args[] = { NODE_ID("the only one there is, unless given"), NODE_VALUES, { 0 } };
const struct arg dev_node_add_args[] = {
	NODE_ID("the first free number, unless given"),
	{ "port", 'i', .local = true, .value = "PORT", .help = "UDP, of lane 0, lane i has the port + i; any" },
	{ "lanes", 'i', .local = true, .value = "NUMBER", .help = "of sockets; 1" },
	{ "mark", 'i', .local = true, .value = "MARK", .help = "of what the sockets send: ip rule add fwmark MARK" },
	NODE_VALUES,
	{ 0 },
};

const struct verb dev_node_verbs[] = {
	{ "show", "nodes with all that is in them, as the kernel has it; keys never", show_args, .run = show_run },
	{ "add", "sockets of the module's own, without links", dev_node_add_args, .render = add_render, .run = add_run },
	{ "set", "change limits and rates", set_args, .run = set_run },
	{ "del", "with its links and circuits; devices stay", del_args, .run = del_run },
	{ 0 },
};
