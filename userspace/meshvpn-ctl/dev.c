// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dev: devices, datapath, and why what was dropped was dropped; by word of the daemon, or of the
 * kernel module where no daemon runs or the kernel's view is wanted. The module's tables are changed
 * by the verbs of the other dev_*.c.
 */
#include "dev.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void device_item(const struct ctl *ctl, const json_t *d)
{
	char *addresses = js_join(d, "addresses", " ");

	tone(ctl, TONE_NAME, "%s", js_text(d, "name"));
	printf(": %s  mtu %u  queues %u%s%s\n", js_text(d, "role"), (u32)js_u64(d, "mtu"), (u32)js_u64(d, "queues"),
	       *addresses ? "  " : "", addresses);
	free(addresses);
}

static void datapath_item(const struct ctl *ctl, const json_t *r)
{
	char *caps = js_join(r, "datapath.caps", " ");
	u32 lanes = (u32)js_u64(r, "datapath.lanes");

	printf("datapath ");
	tone(ctl, TONE_NAME, "%s", js_text(r, "datapath.name"));
	printf(": %u lane%s%s%s (%s)\n", lanes, lanes == 1 ? "" : "s", js_has(r, "datapath.io") ? ", " : "",
	       js_text(r, "datapath.io"), js_text(r, "datapath.why"));
	printf("    can: %s\n", caps);
	printf("    holds: devices %u, links %u, sessions %u, circuits %u\n", (u32)js_u64(r, "objects.devices"),
	       (u32)js_u64(r, "objects.links"), (u32)js_u64(r, "objects.sessions"), (u32)js_u64(r, "objects.circuits"));
	free(caps);
}

/* The last two rows only where there are several workers. */
static void traffic_table(const struct ctl *ctl, const json_t *t, bool workers)
{
	static const char *const rows[][3] = {
		{ "received", "rx_cells", "rx_bytes" }, { "sent", "tx_cells", "tx_bytes" },
		{ "to device", "rx_packets", "rx_packet_bytes" }, { "from device", "tx_packets", "tx_packet_bytes" },
		{ "relayed", "relayed", NULL }, { "to daemon", "up", NULL },
		{ "cells between workers", "passed_cells", NULL }, { "packets between workers", "passed_packets", NULL },
	};
	char count[UNIT_TEXT], bytes[UNIT_TEXT];
	struct table table;
	u32 i;

	table_begin(&table, "TRAFFIC", ">NUMBER", ">BYTES", NULL);
	for (i = 0; i < sizeof(rows) / sizeof(*rows) - (workers ? 0 : 2); i++) {
		table_cell(&table, TONE_NONE, "%s", rows[i][0]);
		table_cell(&table, TONE_NONE, "%s", unit_count(js_u64(t, rows[i][1]), count));
		table_cell(&table, TONE_NONE, "%s", rows[i][2] ? unit_bytes(js_u64(t, rows[i][2]), bytes) : "-");
	}
	table_end(ctl, &table);
}

static void counters_part(const struct ctl *ctl, const char *title, const json_t *counters, bool zeros)
{
	if (!json_is_object(counters))
		return;
	tone(ctl, TONE_DIM, "%s", title);
	putchar('\n');
	if (!counters_print(ctl, "  ", counters, zeros))
		printf("  none\n");
}

static void dev_brief(const struct ctl *ctl, const json_t *r)
{
	char rx[UNIT_TEXT], tx[UNIT_TEXT];
	u64 drops = 0;
	const char *name;
	json_t *v;
	size_t i;

	json_object_foreach((json_t *)js(r, "drops"), name, v)
		drops += (u64)json_integer_value(v);
	json_array_foreach((json_t *)js(r, "devices"), i, v)
		device_item(ctl, v);
	printf("%s: rx %s  tx %s  drops %" JSON_INTEGER_FORMAT "\n", js_text(r, "datapath.name"),
	       unit_short(js_u64(r, "traffic.rx_bytes"), rx), unit_short(js_u64(r, "traffic.tx_bytes"), tx), (json_int_t)drops);
}

static void dev_render(const struct ctl *ctl, const json_t *r)
{
	json_t *d;
	size_t i;

	if (ctl->brief) {
		dev_brief(ctl, r);
		return;
	}
	json_array_foreach((json_t *)js(r, "devices"), i, d)
		device_item(ctl, d);
	datapath_item(ctl, r);
	traffic_table(ctl, js(r, "traffic"), js_u64(r, "datapath.lanes") > 1);
	counters_part(ctl, "DROPS", js(r, "drops"), ctl->stats);
	if (!ctl->stats)
		return;
	counters_part(ctl, "LINKS", js(r, "links"), true);
	counters_part(ctl, "CIRCUITS", js(r, "circuits"), true);
	counters_part(ctl, "IO", js(r, "io"), true);
}

/* Does the daemon answer? Says nothing. */
static bool daemon_runs(const struct ctl *ctl)
{
	struct control_peer *peer;
	int ret = control_connect(&peer, ctl->socket);

	if (!ret)
		control_disconnect(peer);
	return ret != -ENOENT && ret != -ECONNREFUSED;
}

/* The daemon, if it runs, unless a device or node is named: those are the kernel's. */
static int show_run(const struct ctl *ctl, const struct verb *verb, json_t *args)
{
	const char *device = js_has(args, "dev") ? js_text(args, "dev") : NULL;
	struct kmod_conn *conn;
	u32 node = 0;
	int ret;

	if (!dev_u32(ctl, args, "node", 1, UINT32_MAX, &node))
		return CTL_USAGE;
	/* without either, what is missing is the daemon */
	if (!device && !js_has(args, "node") && (daemon_runs(ctl) || !dev_node_count()))
		return ctl_run(ctl, verb, args);
	ret = dev_open(ctl, &conn);
	if (ret)
		return ret;
	ret = dev_show_kernel(ctl, conn, node, device);
	kmod_conn_close(conn);
	return ret;
}

static const struct arg show_args[] = {
	{ "dev", 's', .positional = true, .local = true, .value = "DEV", .help = "the kernel's view of the node with this device" },
	{ "node", 'i', .local = true, .value = "N", .help = "the kernel's view of this node" },
	{ 0 },
};

const struct verb dev_verbs[] = {
	{ "show", "devices, datapath, traffic, drops by cause; -s: the engines' counters too", show_args, "dev.show", dev_render,
	  show_run },
	{ "node", "sockets of the kernel module, and all behind them", .verbs = dev_node_verbs },
	{ "attach", "make a network device the inner side of a node", dev_attach_args, .run = dev_change_run,
	  .change = dev_attach },
	{ "detach", "with its sessions", dev_detach_args, .run = dev_change_run, .change = dev_detach },
	{ "link", "neighbours", .verbs = dev_link_verbs },
	{ "link-session", "keys, ids and addresses of links", .verbs = dev_link_session_verbs },
	{ "session", "inner addresses of a device and their circuits", .verbs = dev_session_verbs },
	{ "circuit", "circuits of relays and of both ends", .verbs = dev_circuit_verbs },
	{ "selector", "destinations that choose a session", .verbs = dev_selector_verbs },
	{ "batch", "changes from a file, all or nothing", dev_batch_args, .run = dev_batch_run },
	{ "monitor", "make a node that goes with this command, and show its events; --timeout: for so long", dev_node_add_args,
	  .run = dev_monitor_run },
	{ 0 },
};

/* ---- stats ---- */

static void stats_render(const struct ctl *ctl, const json_t *r)
{
	char name[80];
	const char *engine;
	json_t *counters;

	json_object_foreach((json_t *)js(r, "gauges"), engine, counters)
		printf("%s %" JSON_INTEGER_FORMAT "\n", engine, json_integer_value(counters));
	json_object_foreach((json_t *)js(r, "counters"), engine, counters) {
		snprintf(name, sizeof(name), "%.70s.", engine);
		counters_print(ctl, name, counters, ctl->stats);
	}
}

const struct verb stats_verbs[] = {
	{ NULL, "every counter that is not zero; -s: those too", NULL, "stats", stats_render },
	{ 0 },
};
