// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dev show: the kernel's tables for people, in the manner of wg(8): each thing with what it is,
 * where it leads, when it was heard last and how much it carried.
 */
#include "dev.h"

#include <stdlib.h>
#include <string.h>

static u32 n_of(const json_t *json, const char *name)
{
	return (u32)js_u64(json, name);
}

static void line(const struct ctl *ctl, const char *name)
{
	printf("  ");
	tone(ctl, TONE_NAME, "%s", name);
	printf(": ");
}

static void head(const struct ctl *ctl, enum tone how, const char *what, const char *name)
{
	tone(ctl, how, "%s", what);
	printf(": ");
	tone(ctl, how, "%s\n", name);
}

/* "12 seconds ago" */
static void last_line(const struct ctl *ctl, const json_t *json)
{
	char text[UNIT_TEXT];
	u64 ms = js_u64(json, "last_rx_ms");

	if (!js_has(json, "last_rx_ms"))
		return;
	line(ctl, "latest cell");
	if (ms < 1000)
		printf("now\n");
	else
		printf("%s ago\n", unit_time(ms / 1000, text));
}

static void transfer_line(const struct ctl *ctl, const json_t *json)
{
	char rx[UNIT_TEXT], tx[UNIT_TEXT];

	line(ctl, "transfer");
	printf("%s received, %s sent\n", unit_bytes(js_u64(json, "rx_bytes"), rx), unit_bytes(js_u64(json, "tx_bytes"), tx));
}

/* With -s: how many cells the bytes were. */
static void cells_line(const struct ctl *ctl, const json_t *json, const char *rx, const char *tx, const char *back)
{
	char n[UNIT_TEXT], m[UNIT_TEXT];

	line(ctl, "cells");
	printf("%s %s, %s %s\n", unit_count(js_u64(json, rx), n), back ? "forward" : "received", unit_count(js_u64(json, tx), m),
	       back ? back : "sent");
}

static void rate_line(const struct ctl *ctl, const json_t *json)
{
	char text[UNIT_TEXT];

	if (!js_u64(json, "rate"))
		return;
	line(ctl, "rate");
	printf("%s/s\n", unit_bytes(js_u64(json, "rate"), text));
}

/* ---- devices ---- */

static const char *device_name(const json_t *node, u32 id, char text[12])
{
	json_t *d;
	size_t i;

	json_array_foreach((json_t *)js(node, "devices"), i, d)
		if (n_of(d, "id") == id)
			return js_text(d, "name");
	snprintf(text, 12, "%u", id);
	return text;
}

static void leg_print(const json_t *s)
{
	if (n_of(s, "circuit"))
		printf(" over circuit %u on link %u", n_of(s, "circuit"), n_of(s, "link"));
	else
		printf(" without a circuit");
}

static void session_line(const struct ctl *ctl, const json_t *s)
{
	line(ctl, "session");
	printf("%u: %s%s%s", n_of(s, "id"), js_text(s, "address"),
	       js_has(s, "address") && js_has(s, "address6") ? " " : "", js_text(s, "address6"));
	leg_print(s);
	putchar('\n');
}

#define PREFIXES_SHOWN 20

static void prefixes_line(const struct ctl *ctl, const json_t *prefixes)
{
	json_t *p;
	size_t i;

	line(ctl, "prefixes");
	json_array_foreach((json_t *)prefixes, i, p) {
		if (i == PREFIXES_SHOWN && !ctl->stats)
			break;
		printf("%s%s=%u", i ? ", " : "", js_text(p, "prefix"), n_of(p, "session"));
	}
	if (i < json_array_size(prefixes))
		printf(" and %u more", (u32)(json_array_size(prefixes) - i));
	putchar('\n');
}

static void device_item(const struct ctl *ctl, const json_t *node, const json_t *d)
{
	json_t *x;
	size_t i;

	head(ctl, TONE_GOOD, "device", js_text(d, "name"));
	line(ctl, "role");
	printf("%s, id %u, mtu %u%s\n", js_text(d, "role"), n_of(d, "id"), n_of(d, "mtu"),
	       js_has(d, "ifindex") ? "" : ", in another namespace");
	json_array_foreach((json_t *)js(node, "sessions"), i, x)
		if (n_of(x, "device") == n_of(d, "id"))
			session_line(ctl, x);
	json_array_foreach((json_t *)js(node, "selectors"), i, x)
		if (n_of(x, "device") == n_of(d, "id") && js_count(x, "prefixes"))
			prefixes_line(ctl, js(x, "prefixes"));
	putchar('\n');
}

/* ---- links ---- */

static void link_session_line(const struct ctl *ctl, const json_t *s)
{
	char *ids = js_join(s, "rx_ids", " ");

	line(ctl, "session");
	printf("%u, ", n_of(s, "index"));
	tone(ctl, !strcmp(js_text(s, "state"), "current") ? TONE_GOOD : TONE_NONE, "%s", js_text(s, "state"));
	printf(": receives %s, sends %s", ids, js_text(s, "tx_id"));
	if (n_of(s, "lanes") > 1 || n_of(s, "local_lanes") > 1)
		printf(", to %u lanes from %u", n_of(s, "lanes"), n_of(s, "local_lanes"));
	printf("%s\n", js_true(s, "opened") ? "" : ", nothing received yet");
	free(ids);
}

/* Of the current session, or of the first that has one. */
static const char *link_endpoint(const json_t *sessions, u32 link)
{
	const char *found = "none";
	json_t *s;
	size_t i;

	json_array_foreach((json_t *)sessions, i, s) {
		if (n_of(s, "link") != link || !js_has(s, "endpoint"))
			continue;
		if (!strcmp(js_text(s, "state"), "current"))
			return js_text(s, "endpoint");
		if (!strcmp(found, "none"))
			found = js_text(s, "endpoint");
	}
	return found;
}

static void link_item(const struct ctl *ctl, const json_t *node, const json_t *l)
{
	char name[12], up_rate[UNIT_TEXT];
	json_t *s;
	size_t i;

	snprintf(name, sizeof(name), "%u", n_of(l, "id"));
	head(ctl, TONE_WARN, "link", name);
	if (js_has(node, "link_sessions")) {
		line(ctl, "endpoint");
		printf("%s\n", link_endpoint(js(node, "link_sessions"), n_of(l, "id")));
	}
	last_line(ctl, l);
	transfer_line(ctl, l);
	if (ctl->stats)
		cells_line(ctl, l, "rx_cells", "tx_cells", NULL);
	if (js_u64(l, "up_rate")) {
		line(ctl, "rate of what goes up");
		printf("%s/s\n", unit_count(js_u64(l, "up_rate"), up_rate));
	}
	line(ctl, "circuits");
	printf("%u\n", n_of(l, "circuits"));
	json_array_foreach((json_t *)js(node, "link_sessions"), i, s)
		if (n_of(s, "link") == n_of(l, "id"))
			link_session_line(ctl, s);
	putchar('\n');
}

static void link_session_item(const struct ctl *ctl, const json_t *node, const json_t *s)
{
	char name[12];

	snprintf(name, sizeof(name), "%u", n_of(s, "link"));
	head(ctl, TONE_WARN, "link", name);
	line(ctl, "endpoint");
	printf("%s\n", js_has(s, "endpoint") ? js_text(s, "endpoint") : "none");
	link_session_line(ctl, s);
	putchar('\n');
}

/* ---- circuits ---- */

static void circuit_kind(const struct ctl *ctl, const json_t *c, bool relay)
{
	line(ctl, js_text(c, "kind"));
	if (relay)
		printf("to circuit %u on link %u", n_of(c, "out_id"), n_of(c, "out_link"));
	else if (!strcmp(js_text(c, "kind"), "origin"))
		printf("%u hops", n_of(c, "hops"));
	else
		printf("of its last hop");
	printf(", %s cells%s", js_text(c, "class"), js_true(c, "small_forward") ? ", small ones forward" : "");
	if (!relay && n_of(c, "session"))
		printf(", for session %u", n_of(c, "session"));
	if (js_true(c, "pass"))
		printf(", not verified yet");
	putchar('\n');
}

static void circuit_item(const struct ctl *ctl, const json_t *node, const json_t *c)
{
	bool relay = !strcmp(js_text(c, "kind"), "relay");
	char name[40], forth[UNIT_TEXT], back[UNIT_TEXT];

	snprintf(name, sizeof(name), "%u on link %u", n_of(c, "id"), n_of(c, "link"));
	head(ctl, TONE_WARN, "circuit", name);
	circuit_kind(ctl, c, relay);
	last_line(ctl, c);
	if (relay) {
		line(ctl, "transfer");
		printf("%s forward, %s backward\n", unit_bytes(js_u64(c, "rx_bytes"), forth),
		       unit_bytes(js_u64(c, "back_bytes"), back));
	} else {
		transfer_line(ctl, c);
	}
	rate_line(ctl, c);
	if (ctl->stats) {
		cells_line(ctl, c, "rx_cells", relay ? "back_cells" : "tx_cells", relay ? "backward" : NULL);
		line(ctl, "next number");
		printf("%s\n", unit_count(js_u64(c, "next_counter"), forth));
	}
	if (js_u64(c, "drops")) {
		line(ctl, "dropped");
		printf("%s cells\n", unit_count(js_u64(c, "drops"), forth));
	}
	putchar('\n');
}

static void session_item(const struct ctl *ctl, const json_t *node, const json_t *s)
{
	char text[12];

	snprintf(text, sizeof(text), "%u", n_of(s, "id"));
	head(ctl, TONE_GOOD, "session", text);
	line(ctl, "device");
	printf("%s\n", device_name(node, n_of(s, "device"), text));
	line(ctl, "address");
	printf("%s%s%s", js_text(s, "address"), js_has(s, "address") && js_has(s, "address6") ? " " : "", js_text(s, "address6"));
	leg_print(s);
	printf("\n\n");
}

static void selector_item(const struct ctl *ctl, const json_t *node, const json_t *s)
{
	char text[12];

	head(ctl, TONE_GOOD, "selector", device_name(node, n_of(s, "device"), text));
	prefixes_line(ctl, js(s, "prefixes"));
	putchar('\n');
}

/* ---- one line an item: -br ---- */

static void brief_last(const json_t *json)
{
	char text[UNIT_TEXT];

	printf("  %s\n", js_has(json, "last_rx_ms") ? unit_age(js_u64(json, "last_rx_ms") / 1000, text) : "-");
}

static void brief_device(const struct ctl *ctl, const json_t *node, const json_t *d)
{
	tone(ctl, TONE_NAME, "%s", js_text(d, "name"));
	printf("  %s  mtu %u\n", js_text(d, "role"), n_of(d, "mtu"));
}

static void brief_transfer(const json_t *json, const char *rx, const char *tx)
{
	char r[UNIT_TEXT], t[UNIT_TEXT];

	printf("  rx %s  tx %s", unit_short(js_u64(json, rx), r), unit_short(js_u64(json, tx), t));
}

static void brief_link(const struct ctl *ctl, const json_t *node, const json_t *l)
{
	tone(ctl, TONE_NAME, "link %u", n_of(l, "id"));
	if (js_has(node, "link_sessions"))
		printf("  %s", link_endpoint(js(node, "link_sessions"), n_of(l, "id")));
	brief_transfer(l, "rx_bytes", "tx_bytes");
	brief_last(l);
}

static void brief_link_session(const struct ctl *ctl, const json_t *node, const json_t *s)
{
	tone(ctl, TONE_NAME, "link %u session %u", n_of(s, "link"), n_of(s, "index"));
	printf("  %s  %s\n", js_text(s, "state"), js_has(s, "endpoint") ? js_text(s, "endpoint") : "none");
}

static void brief_circuit(const struct ctl *ctl, const json_t *node, const json_t *c)
{
	bool relay = !strcmp(js_text(c, "kind"), "relay");

	tone(ctl, TONE_NAME, "%u:%u", n_of(c, "link"), n_of(c, "id"));
	printf("  %s", js_text(c, "kind"));
	if (relay)
		printf(" %u:%u", n_of(c, "out_link"), n_of(c, "out_id"));
	brief_transfer(c, "rx_bytes", relay ? "back_bytes" : "tx_bytes");
	brief_last(c);
}

static void brief_session(const struct ctl *ctl, const json_t *node, const json_t *s)
{
	tone(ctl, TONE_NAME, "session %u", n_of(s, "id"));
	printf("  %s%s%s", js_text(s, "address"), js_has(s, "address") && js_has(s, "address6") ? " " : "", js_text(s, "address6"));
	printf("  %u:%u\n", n_of(s, "link"), n_of(s, "circuit"));
}

/* ---- tables ---- */

typedef void item_fn(const struct ctl *ctl, const json_t *node, const json_t *item);

static const struct table_kind {
	const char *object;		/* the verb's table: "dev link" */
	const char *list;
	const char *names[2];		/* arguments that name an item, and its members of the same name */
	enum datapath_object kind;
	item_fn *item, *brief;
	json_t *(*read)(struct kmod_conn *conn, u32 node, int *ret);
} kinds[] = {
	{ NULL, "devices", { "id" }, DATAPATH_OBJ_DEVICE, device_item, brief_device, dev_devices },
	{ "link", "links", { "id" }, DATAPATH_OBJ_LINK, link_item, brief_link, dev_links },
	{ "link-session", "link_sessions", { "link", "index" }, DATAPATH_OBJ_LINK_SESSION, link_session_item, brief_link_session, dev_link_sessions },
	{ "session", "sessions", { "id" }, DATAPATH_OBJ_SESSION, session_item, brief_session, dev_sessions },
	{ "circuit", "circuits", { "link", "id" }, DATAPATH_OBJ_CIRCUIT, circuit_item, brief_circuit, dev_circuits },
	{ "selector", "selectors", { "device" }, DATAPATH_OBJ_SELECTOR, selector_item, selector_item, dev_selectors },
};
#define KINDS (sizeof(kinds) / sizeof(*kinds))

static void list_print(const struct ctl *ctl, const json_t *node, const struct table_kind *kind)
{
	json_t *item;
	size_t i;

	json_array_foreach((json_t *)js(node, kind->list), i, item)
		(ctl->brief ? kind->brief : kind->item)(ctl, node, item);
}

static void table_render(const struct ctl *ctl, const json_t *r)
{
	u32 i;

	for (i = 0; i < KINDS; i++)
		if (!strcmp(js_text(r, "show"), kinds[i].list))
			list_print(ctl, r, &kinds[i]);
}

static bool item_is_named(const struct table_kind *kind, const json_t *item, const json_t *args)
{
	u32 n;

	for (n = 0; n < 2 && kind->names[n]; n++)
		if (js_has(args, kind->names[n]) && js_u64(args, kind->names[n]) != js_u64(item, kind->names[n]))
			return false;
	return true;
}

/* Without what the arguments do not name. Steals @list. */
static json_t *list_filter(const struct table_kind *kind, json_t *list, const json_t *args)
{
	json_t *left = json_array(), *item;
	size_t i;

	json_array_foreach(list, i, item)
		if (item_is_named(kind, item, args))
			json_array_append(left, item);
	json_decref(list);
	return left;
}

/* Do the arguments name one item, and not only some part of the table? */
static bool is_one(const struct table_kind *kind, const json_t *args)
{
	return js_has(args, kind->names[0]) && (!kind->names[1] || js_has(args, kind->names[1]));
}

static int one_read(const struct ctl *ctl, struct kmod_conn *conn, u32 node, const struct table_kind *kind,
		    const json_t *args, json_t **list)
{
	u32 id[2] = { 0 }, n;
	char what[80];
	size_t len;
	int ret;

	len = (size_t)snprintf(what, sizeof(what), "%s", kind->object);
	for (n = 0; n < 2 && kind->names[n]; n++) {
		if (!dev_u32(ctl, args, kind->names[n], !strcmp(kind->names[n], "index") ? 0 : 1, UINT32_MAX, &id[n]))
			return CTL_USAGE;
		len += (size_t)snprintf(what + len, sizeof(what) - len, " %s %u", kind->names[n], id[n]);
	}
	*list = dev_one(conn, node, kind->kind, id[0], id[1], &ret);
	return *list ? CTL_OK : dev_failed(ctl, conn, ret, what);
}

static int list_read(const struct ctl *ctl, struct kmod_conn *conn, u32 node, const struct table_kind *kind, json_t *args,
		     json_t **list)
{
	struct dev_batch b = { .ctl = ctl, .conn = conn, .node = node };
	char what[40];
	u32 device;
	int ret;

	if (js_has(args, "dev")) {
		if (!dev_device_id(&b, args, &device))
			return CTL_ERROR;
		json_object_set_new(args, "device", json_integer(device));
	}
	snprintf(what, sizeof(what), "node %u", node);
	*list = kind->read(conn, node, &ret);
	if (!*list)
		return dev_failed(ctl, conn, ret, what);
	*list = list_filter(kind, *list, args);
	return CTL_OK;
}

/* What a table refers to: of links their sessions, of sessions and selectors the devices. */
static void more_read(struct kmod_conn *conn, u32 node, const struct table_kind *kind, const json_t *args, json_t *result)
{
	static const struct table_kind of_link = { .names = { "link" } };
	json_t *more, *link;
	int ret;

	if (kind->kind == DATAPATH_OBJ_LINK) {
		more = dev_link_sessions(conn, node, &ret);
		if (more && js_has(args, "id")) {
			link = json_pack("{s:O}", "link", js(args, "id"));
			more = list_filter(&of_link, more, link);
			json_decref(link);
		}
		if (more)
			json_object_set_new(result, "link_sessions", more);
	} else if (kind->kind == DATAPATH_OBJ_SESSION || kind->kind == DATAPATH_OBJ_SELECTOR) {
		more = dev_devices(conn, node, &ret);
		if (more)
			json_object_set_new(result, "devices", more);
	}
}

/* The table with what it refers to, or one item of it; *result. Exit code. */
static int table_read(const struct ctl *ctl, struct kmod_conn *conn, u32 node, const struct table_kind *kind, json_t *args,
		      json_t **result)
{
	bool one = kind->kind != DATAPATH_OBJ_SELECTOR && is_one(kind, args);
	char schema[60];
	json_t *list;
	int ret = one ? one_read(ctl, conn, node, kind, args, &list) : list_read(ctl, conn, node, kind, args, &list);

	if (ret)
		return ret;
	snprintf(schema, sizeof(schema), "meshvpn.dev.%s.show/1", kind->object);
	*result = json_pack("{s:s, s:I, s:o}", "schema", schema, "node", (json_int_t)node, kind->list, list);
	more_read(conn, node, kind, args, *result);
	return CTL_OK;
}

int dev_table_run(const struct ctl *ctl, const struct verb *verb, json_t *args)
{
	struct verb shown = { .render = table_render };
	struct kmod_conn *conn;
	json_t *result = NULL;
	u32 i = 1, node;
	int ret;

	static const struct verb *const verbs[KINDS] = {
		[1] = dev_link_verbs, [2] = dev_link_session_verbs, [3] = dev_session_verbs, [4] = dev_circuit_verbs,
		[5] = dev_selector_verbs,
	};
	while (verbs[i] != verb)
		i++;
	ret = dev_open(ctl, &conn);
	if (ret)
		return ret;
	ret = dev_node(ctl, conn, args, &node);
	if (!ret)
		ret = table_read(ctl, conn, node, &kinds[i], args, &result);
	kmod_conn_close(conn);
	if (ret)
		return ret;
	if (!ctl->json)
		json_object_set_new(result, "show", json_string(kinds[i].list));
	return ctl_show(ctl, &shown, result);
}

/* ---- nodes ---- */

static void node_traffic(const struct ctl *ctl, const json_t *t)
{
	char n[UNIT_TEXT], m[UNIT_TEXT];

	line(ctl, "cells");
	printf("%s received, %s sent, %s relayed\n", unit_count(js_u64(t, "rx_cells"), n), unit_count(js_u64(t, "tx_cells"), m),
	       unit_count(js_u64(t, "relayed"), (char[UNIT_TEXT]){ 0 }));
	if (js_u64(t, "rx_packets") || js_u64(t, "tx_packets")) {
		line(ctl, "packets");
		printf("%s to devices, %s from them\n", unit_count(js_u64(t, "rx_packets"), n), unit_count(js_u64(t, "tx_packets"), m));
	}
	line(ctl, "transfer");
	printf("%s received, %s sent\n", unit_bytes(js_u64(t, "rx_bytes"), n), unit_bytes(js_u64(t, "tx_bytes"), m));
	if (js_u64(t, "up")) {
		line(ctl, "left to the sockets' reader");
		printf("%s\n", unit_count(js_u64(t, "up"), n));
	}
}

static void node_item(const struct ctl *ctl, const json_t *node)
{
	char *ports = js_join(node, "ports", " "), text[12], events[UNIT_TEXT], lost[UNIT_TEXT];
	size_t i;

	snprintf(text, sizeof(text), "%u", n_of(node, "node"));
	head(ctl, TONE_GOOD, "node", text);
	line(ctl, "port");
	printf("%s%s\n", ports, js_true(node, "own_sockets") ? "" : " (a daemon's)");
	free(ports);
	if (js_has(node, "owner")) {
		line(ctl, "owner");
		printf("netlink port %u, with which it goes\n", n_of(node, "owner"));
	}
	rate_line(ctl, js(node, "limits"));
	node_traffic(ctl, js(node, "traffic"));
	if (ctl->stats || js_u64(node, "events_lost")) {
		line(ctl, "events");
		printf("%s sent, %s lost\n", unit_count(js_u64(node, "events"), events), unit_count(js_u64(node, "events_lost"), lost));
	}
	if (ctl->stats) {
		line(ctl, "traffic");
		putchar('\n');
		counters_print(ctl, "    ", js(node, "traffic"), true);
		line(ctl, "limits");
		putchar('\n');
		counters_print(ctl, "    ", js(node, "limits"), true);
	}
	line(ctl, "dropped");
	putchar('\n');
	if (!counters_print(ctl, "    ", js(node, "drops"), ctl->stats))
		printf("    nothing\n");
	putchar('\n');
	for (i = 0; i < KINDS; i++)
		if (strcmp(kinds[i].list, "link_sessions") && strcmp(kinds[i].list, "sessions") && strcmp(kinds[i].list, "selectors"))
			list_print(ctl, node, &kinds[i]);
}

static void node_brief(const struct ctl *ctl, const json_t *node)
{
	u64 drops = 0;
	const char *name;
	json_t *v;
	u32 i;

	json_object_foreach((json_t *)js(node, "drops"), name, v)
		drops += (u64)json_integer_value(v);
	tone(ctl, TONE_NAME, "node %u", n_of(node, "node"));
	printf("  port %u", (u32)json_integer_value(json_array_get(js(node, "ports"), 0)));
	brief_transfer(js(node, "traffic"), "rx_bytes", "tx_bytes");
	printf("  drops %llu\n", (unsigned long long)drops);
	for (i = 0; i < KINDS; i++)
		if (strcmp(kinds[i].list, "link_sessions") && strcmp(kinds[i].list, "selectors"))
			list_print(ctl, node, &kinds[i]);
}

static void nodes_render(const struct ctl *ctl, const json_t *r)
{
	json_t *node;
	size_t i;

	json_array_foreach((json_t *)js(r, "nodes"), i, node)
		(ctl->brief ? node_brief : node_item)(ctl, node);
}

/* Only nodes with this device, and of their devices only this. */
static void nodes_filter(json_t *nodes, const char *device)
{
	json_t *node, *d, *devices;
	size_t i, k;

	json_array_foreach(nodes, i, node) {
		devices = json_object_get(node, "devices");
		json_array_foreach(devices, k, d)
			if (strcmp(js_text(d, "name"), device))
				json_array_remove(devices, k--);
		if (!json_array_size(devices))
			json_array_remove(nodes, i--);
	}
}

int dev_show_kernel(const struct ctl *ctl, struct kmod_conn *conn, u32 id, const char *device)
{
	struct verb shown = { .render = nodes_render };
	char what[40] = "nodes";
	json_t *nodes;
	int ret;

	if (id)
		snprintf(what, sizeof(what), "node %u", id);
	nodes = dev_nodes(conn, id, &ret);
	if (!nodes)
		return dev_failed(ctl, conn, ret, what);
	if (device)
		nodes_filter(nodes, device);
	if (device && !json_array_size(nodes)) {
		json_decref(nodes);
		return ctl_fail(ctl, CTL_ERROR, "not-found", "meshvpn-ctl dev attach DEV role ROLE", "%s: attached to no node here", device);
	}
	return ctl_show(ctl, &shown, json_pack("{s:s, s:o}", "schema", "meshvpn.dev.node.show/1", "nodes", nodes));
}
