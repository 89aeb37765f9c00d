// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dev: the kernel's tables as JSON, which is what is shown, to programs as it is and to people
 * through dev_show.c. Keys are not among what the kernel says.
 */
#include "dev.h"

#include <arpa/inet.h>
#include <linux/genetlink.h>
#include <linux/meshvpn.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DUMP_TRIES 10

const char *const dev_roles[] = { "origin", "exit", NULL };
const char *const dev_states[] = { "next", "current", "previous", NULL };
const char *const dev_kinds[] = { "relay", "origin", "terminus", NULL };
const char *const dev_classes[] = { "small", "medium", "large", NULL };

/* "7" for what this program is too old to know */
static json_t *word(const char *const *words, u32 n)
{
	char text[12];
	u32 i;

	for (i = 0; words[i]; i++)
		if (i == n)
			return json_string(words[i]);
	snprintf(text, sizeof(text), "%u", n);
	return json_string(text);
}

static json_t *number(u64 n)
{
	return json_integer((json_int_t)n);
}

/* Milliseconds since then, null: never. */
static json_t *age(u64 ns)
{
	struct timespec now;
	u64 is;

	if (!ns)
		return json_null();
	clock_gettime(CLOCK_MONOTONIC, &now);
	is = (u64)now.tv_sec * 1000000000 + (u64)now.tv_nsec;
	return number(is > ns ? (is - ns) / 1000000 : 0);
}

static json_t *address(u8 family, const u8 *addr)
{
	char text[INET6_ADDRSTRLEN];

	return inet_ntop(family, addr, text, sizeof(text)) ? json_string(text) : json_null();
}

struct field {
	const char *name;
	u64 value;
};

static void put_numbers(json_t *to, const struct field *fields, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++)
		json_object_set_new(to, fields[i].name, number(fields[i].value));
}
#define NUMBERS(to, ...) do {								\
	const struct field fields_[] = { __VA_ARGS__ };					\
	put_numbers(to, fields_, sizeof(fields_) / sizeof(*fields_));			\
} while (0)

/* Members that an object is known by, in the order of their weight. */
static const char *const names_of[][2] = {
	[MESHVPN_CMD_NODE_GET] = { "node" }, [MESHVPN_CMD_DEVICE_GET] = { "id" }, [MESHVPN_CMD_SELECTOR_GET] = { "device" },
	[MESHVPN_CMD_LINK_GET] = { "id" }, [MESHVPN_CMD_LINK_SESSION_GET] = { "link", "index" },
	[MESHVPN_CMD_SESSION_GET] = { "id" }, [MESHVPN_CMD_CIRCUIT_GET] = { "link", "id" },
};

struct row {
	u64 key;
	json_t *json;
};

static int row_order(const void *a, const void *b)
{
	u64 x = ((const struct row *)a)->key, y = ((const struct row *)b)->key;

	return x < y ? -1 : x > y;
}

/* By name, not as the kernel's tables lie; what came twice is there once. Steals @list. */
static json_t *in_order(json_t *list, const char *const *names)
{
	size_t count = json_array_size(list), i;
	struct row *rows = calloc(count + 1, sizeof(*rows));
	json_t *sorted = json_array(), *json;

	if (!rows)
		abort();
	json_array_foreach(list, i, json) {
		rows[i].key = names[1] ? js_u64(json, names[0]) << 32 | js_u64(json, names[1]) : js_u64(json, names[0]);
		rows[i].json = json;
	}
	qsort(rows, count, sizeof(*rows), row_order);
	for (i = 0; i < count; i++)
		if (!i || rows[i].key != rows[i - 1].key)
			json_array_append(sorted, rows[i].json);
	free(rows);
	json_decref(list);
	return sorted;
}

/* An array of what a dump says; changes during the dump make it start again. */
static json_t *dump(struct kmod_conn *conn, u8 cmd, u32 node, int (*each)(void *arg, const struct nlmsghdr *h), int *ret)
{
	json_t *list = json_array();
	u32 i;

	for (i = 0; i < DUMP_TRIES; i++) {
		json_array_clear(list);
		*ret = dev_dump(conn, cmd, node, each, list);
		if (*ret != -EINTR)
			break;
	}
	if (*ret == -EINTR)
		fprintf(stderr, "meshvpn-ctl: node %u changes all the time: what is shown is not of one moment\n", node);
	if (!*ret || *ret == -EINTR)
		return in_order(list, names_of[cmd]);
	json_decref(list);
	return NULL;
}

/* The object of that name alone, as an array of one. */
static json_t *one(struct kmod_conn *conn, u8 cmd, u32 node, enum datapath_object object, u32 id, u32 sub,
		   int (*each)(void *arg, const struct nlmsghdr *h), int *ret)
{
	struct nl_msg *m = kmod_request(kmod_conn_family(conn), cmd, 0, node, 0);
	json_t *list = json_array();

	*ret = m ? kmod_put_names(m, object, id, sub) : -ENOMEM;
	if (*ret)
		kmod_request_free(m);
	else
		*ret = kmod_call(conn, m, each, list, NULL);
	if (!*ret)
		return list;
	json_decref(list);
	return NULL;
}

/* ---- devices ---- */

static int device_each(void *list, const struct nlmsghdr *h)
{
	struct datapath_device d;
	json_t *json;
	u32 ifindex;
	int ret = kmod_get_device(h, &d, &ifindex);

	if (ret)
		return ret;
	json = json_pack("{s:I, s:s, s:o}", "id", (json_int_t)d.id, "name", d.name, "role", word(dev_roles, d.role));
	NUMBERS(json, { "mtu", d.mtu });
	/* null: it is in another network namespace */
	json_object_set_new(json, "ifindex", ifindex ? number(ifindex) : json_null());
	json_array_append_new(list, json);
	return 0;
}

json_t *dev_devices(struct kmod_conn *conn, u32 node, int *ret)
{
	return dump(conn, MESHVPN_CMD_DEVICE_GET, node, device_each, ret);
}

/* ---- selectors ---- */

static void prefix_add(json_t *list, struct nlattr *nest)
{
	struct nlattr *tb[MESHVPN_A_PREFIX_MAX + 1];
	char text[INET6_ADDRSTRLEN], prefix[INET6_ADDRSTRLEN + 4];
	u32 session;
	u16 family;

	if (nla_parse_nested(tb, MESHVPN_A_PREFIX_MAX, nest, NULL) || !tb[MESHVPN_A_PREFIX_FAMILY] || !tb[MESHVPN_A_PREFIX_BITS] ||
	    !tb[MESHVPN_A_PREFIX_ADDR] || !tb[MESHVPN_A_PREFIX_SESSION])
		return;
	family = nla_get_u16(tb[MESHVPN_A_PREFIX_FAMILY]);
	session = nla_get_u32(tb[MESHVPN_A_PREFIX_SESSION]);
	if (nla_len(tb[MESHVPN_A_PREFIX_ADDR]) < (family == AF_INET ? 4 : 16) ||
	    !inet_ntop(family, nla_data(tb[MESHVPN_A_PREFIX_ADDR]), text, sizeof(text)))
		return;
	snprintf(prefix, sizeof(prefix), "%s/%u", text, nla_get_u8(tb[MESHVPN_A_PREFIX_BITS]));
	json_array_append_new(list, json_pack("{s:s, s:I}", "prefix", prefix, "session", (json_int_t)session));
}

/* A long one comes in several parts, in order. */
static json_t *selector_of(json_t *list, u32 device)
{
	json_t *s;
	size_t i;

	json_array_foreach(list, i, s)
		if (js_u64(s, "device") == device)
			return json_object_get(s, "prefixes");
	s = json_pack("{s:I, s:[]}", "device", (json_int_t)device, "prefixes");
	json_array_append_new(list, s);
	return json_object_get(s, "prefixes");
}

static void selector_add(json_t *list, struct nlattr *nest)
{
	struct nlattr *tb[MESHVPN_A_SELECTOR_MAX + 1], *a;
	json_t *prefixes;
	int left;

	if (nla_parse_nested(tb, MESHVPN_A_SELECTOR_MAX, nest, NULL) || !tb[MESHVPN_A_SELECTOR_DEVICE])
		return;
	prefixes = selector_of(list, nla_get_u32(tb[MESHVPN_A_SELECTOR_DEVICE]));
	nla_for_each_nested(a, nest, left)
		if (nla_type(a) == MESHVPN_A_SELECTOR_PREFIX)
			prefix_add(prefixes, a);
}

static int selector_each(void *list, const struct nlmsghdr *h)
{
	struct nlattr *a;
	int left;

	nlmsg_for_each_attr(a, (struct nlmsghdr *)h, GENL_HDRLEN, left)
		if (nla_type(a) == MESHVPN_A_SELECTOR)
			selector_add(list, a);
	return 0;
}

json_t *dev_selectors(struct kmod_conn *conn, u32 node, int *ret)
{
	return dump(conn, MESHVPN_CMD_SELECTOR_GET, node, selector_each, ret);
}

/* ---- links ---- */

static int link_each(void *list, const struct nlmsghdr *h)
{
	struct datapath_link_info l;
	json_t *json;
	int ret = kmod_get_link(h, &l);

	if (ret)
		return ret;
	json = json_object();
	NUMBERS(json, { "id", l.conf.id }, { "up_rate", l.conf.up_rate }, { "up_burst", l.conf.up_burst },
		{ "rx_cells", l.rx_cells }, { "rx_bytes", l.rx_bytes }, { "tx_cells", l.tx_cells },
		{ "tx_bytes", l.tx_bytes }, { "circuits", l.circuits });
	json_object_set_new(json, "last_rx_ms", age(l.last_rx));
	json_array_append_new(list, json);
	return 0;
}

json_t *dev_links(struct kmod_conn *conn, u32 node, int *ret)
{
	return dump(conn, MESHVPN_CMD_LINK_GET, node, link_each, ret);
}

/* Link ids are above what JSON's numbers hold exactly in most programs. */
static json_t *link_id(u64 id)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)id);
	return json_string(text);
}

static json_t *remote(const struct datapath_link_session *s)
{
	char text[ENDPOINT_TEXT], scoped[ENDPOINT_TEXT + IF_NAMESIZE], name[IF_NAMESIZE], *end;

	if (!s->remote.family)
		return json_null();
	endpoint_text(&s->remote, text);
	end = strchr(text, ']');
	if (!s->scope || !end)
		return json_string(text);
	if (!if_indextoname(s->scope, name))
		snprintf(name, sizeof(name), "%u", s->scope);
	snprintf(scoped, sizeof(scoped), "%.*s%%%s%s", (int)(end - text), text, name, end);
	return json_string(scoped);
}

static int link_session_each(void *list, const struct nlmsghdr *h)
{
	struct kmod_link_session_info s;
	json_t *json, *ids;
	u32 i;
	int ret = kmod_get_link_session(h, &s);

	if (ret)
		return ret;
	ids = json_array();
	for (i = 0; i < s.conf.rx_ids_count; i++)
		json_array_append_new(ids, link_id(s.conf.rx_ids[i]));
	json = json_object();
	NUMBERS(json, { "link", s.conf.link }, { "index", s.conf.index });
	json_object_set_new(json, "state", word(dev_states, s.conf.state));
	json_object_set_new(json, "opened", json_boolean(s.opened));
	json_object_set_new(json, "rx_ids", ids);
	json_object_set_new(json, "tx_id", link_id(s.conf.tx_id));
	json_object_set_new(json, "endpoint", remote(&s.conf));
	NUMBERS(json, { "lanes", s.conf.remote_lanes }, { "local_lane", s.conf.local_lane }, { "local_lanes", s.conf.local_lanes });
	json_array_append_new(list, json);
	return 0;
}

json_t *dev_link_sessions(struct kmod_conn *conn, u32 node, int *ret)
{
	return dump(conn, MESHVPN_CMD_LINK_SESSION_GET, node, link_session_each, ret);
}

/* ---- sessions and circuits ---- */

static int session_each(void *list, const struct nlmsghdr *h)
{
	struct datapath_session s;
	json_t *json;
	int ret = kmod_get_session(h, &s);

	if (ret)
		return ret;
	json = json_object();
	NUMBERS(json, { "id", s.id }, { "device", s.device });
	json_object_set_new(json, "address", s.has4 ? address(AF_INET, s.inner4) : json_null());
	json_object_set_new(json, "address6", s.has6 ? address(AF_INET6, s.inner6) : json_null());
	NUMBERS(json, { "link", s.link }, { "circuit", s.circuit });
	json_array_append_new(list, json);
	return 0;
}

json_t *dev_sessions(struct kmod_conn *conn, u32 node, int *ret)
{
	return dump(conn, MESHVPN_CMD_SESSION_GET, node, session_each, ret);
}

static int circuit_each(void *list, const struct nlmsghdr *h)
{
	struct datapath_circuit_info c;
	json_t *json;
	int ret = kmod_get_circuit(h, &c);

	if (ret)
		return ret;
	json = json_pack("{s:o}", "kind", word(dev_kinds, c.conf.kind));
	NUMBERS(json, { "link", c.conf.link }, { "id", c.conf.circuit });
	if (c.conf.kind == DATAPATH_RELAY)
		NUMBERS(json, { "out_link", c.conf.out_link }, { "out_id", c.conf.out_circuit }, { "back_cells", c.back_cells },
			{ "back_bytes", c.back_bytes });
	else
		NUMBERS(json, { "hops", c.conf.hops }, { "reserve", c.conf.reserve }, { "session", c.conf.session });
	json_object_set_new(json, "class", word(dev_classes, c.conf.data_class));
	json_object_set_new(json, "small_forward", json_boolean(c.conf.small_forward));
	json_object_set_new(json, "pass", json_boolean(c.conf.pass));
	NUMBERS(json, { "rate", c.conf.rate }, { "burst", c.conf.burst }, { "rx_cells", c.rx_cells },
		{ "rx_bytes", c.rx_bytes }, { "tx_cells", c.tx_cells }, { "tx_bytes", c.tx_bytes },
		{ "next_counter", c.next_counter }, { "drops", c.drops });
	json_object_set_new(json, "last_rx_ms", age(c.last_rx));
	json_array_append_new(list, json);
	return 0;
}

json_t *dev_circuits(struct kmod_conn *conn, u32 node, int *ret)
{
	return dump(conn, MESHVPN_CMD_CIRCUIT_GET, node, circuit_each, ret);
}

json_t *dev_one(struct kmod_conn *conn, u32 node, enum datapath_object object, u32 id, u32 sub, int *ret)
{
	static const struct {
		u8 cmd;
		int (*each)(void *list, const struct nlmsghdr *h);
	} gets[] = {
		[DATAPATH_OBJ_DEVICE] = { MESHVPN_CMD_DEVICE_GET, device_each },
		[DATAPATH_OBJ_LINK] = { MESHVPN_CMD_LINK_GET, link_each },
		[DATAPATH_OBJ_LINK_SESSION] = { MESHVPN_CMD_LINK_SESSION_GET, link_session_each },
		[DATAPATH_OBJ_SESSION] = { MESHVPN_CMD_SESSION_GET, session_each },
		[DATAPATH_OBJ_CIRCUIT] = { MESHVPN_CMD_CIRCUIT_GET, circuit_each },
	};

	return one(conn, gets[object].cmd, node, object, id, sub, gets[object].each, ret);
}

/* ---- nodes ---- */

static json_t *node_traffic(const struct datapath_stats *s)
{
	json_t *json = json_object();

	NUMBERS(json, { "rx_cells", s->rx_cells }, { "rx_bytes", s->rx_bytes }, { "tx_cells", s->tx_cells },
		{ "tx_bytes", s->tx_bytes }, { "rx_packets", s->rx_packets }, { "rx_packet_bytes", s->rx_packet_bytes },
		{ "tx_packets", s->tx_packets }, { "tx_packet_bytes", s->tx_packet_bytes }, { "relayed", s->relayed },
		{ "up", s->up }, { "rx_super", s->rx_super }, { "tx_super", s->tx_super });
	return json;
}

static json_t *node_drops(const struct datapath_stats *s)
{
	json_t *json = json_object();
	u32 i;

	for (i = 0; i < DROP_CAUSES; i++)
		json_object_set_new(json, datapath_drop_name((enum datapath_drop)i), number(s->drops[i]));
	return json;
}

static int node_each(void *list, const struct nlmsghdr *h)
{
	struct kmod_node_info n;
	json_t *json, *part;
	u32 i;
	int ret = kmod_get_node(h, &n);

	if (ret)
		return ret;
	json = json_pack("{s:I, s:o, s:b}", "node", (json_int_t)n.conf.id, "owner", n.owner ? number(n.owner) : json_null(),
			 "own_sockets", n.conf.make);
	part = json_array();
	for (i = 0; i < n.conf.lanes; i++)
		json_array_append_new(part, number(n.ports[i]));
	json_object_set_new(json, "ports", part);
	part = json_array();
	for (i = 0; i < n.conf.lanes; i++)
		json_array_append_new(part, number(n.used[i]));
	json_object_set_new(json, "used", part);
	part = json_object();
	NUMBERS(part, { "rate", n.conf.rate }, { "burst", n.conf.burst }, { "up_rate", n.conf.up_rate },
		{ "up_burst", n.conf.up_burst }, { "hold_us", n.conf.hold_us }, { "max_links", n.conf.max_links },
		{ "max_circuits", n.conf.max_circuits }, { "queue_cells", n.conf.queue_cells },
		{ "send_bytes", n.conf.send_bytes }, { "volume_limit", n.conf.volume_limit });
	json_object_set_new(json, "limits", part);
	part = node_traffic(&n.stats);
	NUMBERS(part, { "tx_skbs", n.tx_skbs });
	json_object_set_new(json, "traffic", part);
	json_object_set_new(json, "drops", node_drops(&n.stats));
	NUMBERS(json, { "events", n.events }, { "events_lost", n.events_lost });
	json_array_append_new(list, json);
	return 0;
}

/* The node's tables into its object. */
static int node_fill(struct kmod_conn *conn, json_t *node)
{
	static const struct {
		const char *name;
		json_t *(*read)(struct kmod_conn *conn, u32 node, int *ret);
	} tables[] = {
		{ "devices", dev_devices }, { "selectors", dev_selectors }, { "links", dev_links },
		{ "link_sessions", dev_link_sessions }, { "sessions", dev_sessions }, { "circuits", dev_circuits },
	};
	json_t *list;
	int ret = 0;
	u32 i;

	for (i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
		list = tables[i].read(conn, (u32)js_u64(node, "node"), &ret);
		if (!list)
			return ret;
		json_object_set_new(node, tables[i].name, list);
	}
	return 0;
}

static json_t *one_node(struct kmod_conn *conn, u32 id, int *ret)
{
	json_t *list = json_array();

	*ret = kmod_call(conn, kmod_request(kmod_conn_family(conn), MESHVPN_CMD_NODE_GET, 0, id, 0), node_each, list, NULL);
	if (!*ret)
		return list;
	json_decref(list);
	return NULL;
}

json_t *dev_nodes(struct kmod_conn *conn, u32 id, int *ret)
{
	json_t *list = id ? one_node(conn, id, ret) : dump(conn, MESHVPN_CMD_NODE_GET, 0, node_each, ret), *node;
	size_t i;

	json_array_foreach(list, i, node) {
		*ret = node_fill(conn, node);
		/* one that went away while we look is none */
		if (*ret == -ENOENT && !id) {
			json_array_remove(list, i--);
			*ret = 0;
		}
		if (*ret)
			break;
	}
	if (!list || !*ret || *ret == -EINTR)
		return list;
	json_decref(list);
	return NULL;
}
