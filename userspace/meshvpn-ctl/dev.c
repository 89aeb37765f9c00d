// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dev: devices, datapath, and why what was dropped was dropped.
 */
#include "ctl.h"

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

const struct verb dev_verbs[] = {
	{ "show", "devices, datapath, traffic, drops by cause; -s: the engines' counters too", NULL, "dev.show", dev_render },
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
