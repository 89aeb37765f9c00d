// SPDX-License-Identifier: GPL-2.0-or-later
/* status, up and down: how the node is, with what is wrong and what to do about it. Touches no network. */
#include <stdlib.h>

#include "methods.h"

static json_t *roles(const struct daemon *d)
{
	json_t *list = json_array();

	if (d->conf.client_enable)
		json_array_append_new(list, json_string("client"));
	if (d->conf.relay_enable)
		json_array_append_new(list, json_string("relay"));
	if (d->conf.exit_enable)
		json_array_append_new(list, json_string("exit"));
	return list;
}

/* ---- the client's interface ---- */

struct gathered {
	struct daemon *d;
	json_t *addresses, *resolvers, *exit;
};

static int gather_session(void *arg, const struct client_session_info *s)
{
	struct gathered *g = arg;
	const struct bind_addresses *a = &s->grant.addresses;

	if (!s->current)
		return 0;
	if (a->has4)
		json_array_append_new(g->addresses, control_json_address(AF_INET, a->inner4));
	if (a->has6)
		json_array_append_new(g->addresses, control_json_address(AF_INET6, a->inner6));
	if (s->grant.has_resolver4)
		json_array_append_new(g->resolvers, control_json_address(AF_INET, s->grant.resolver4));
	if (s->grant.has_resolver6)
		json_array_append_new(g->resolvers, control_json_address(AF_INET6, s->grant.resolver6));
	g->exit = control_json_relay(&s->exit, directory_find(g->d->dir, &s->exit));
	return 1;
}

static void add_interface(struct daemon *d, json_t *status)
{
	struct gathered g = { d, json_array(), json_array(), NULL };

	client_sessions_each(d->client, gather_session, &g);
	json_object_set_new(status, "interface", json_pack("{s:s, s:i, s:s, s:o, s:o}", "name", d->conf.interface,
		"mtu", d->conf.client.mtu, "route", d->conf.route == CONFIG_ROUTE_ALL ? "all" : "bound",
		"addresses", g.addresses, "resolvers", g.resolvers));
	json_object_set_new(status, "exit", g.exit ? g.exit : json_null());
	json_object_set_new(status, "hops", json_integer(d->conf.client.hops));
	json_object_set_new(status, "circuits", control_json_circuit_counts(d->client));
}

static int newest_rx(void *arg, const struct client_circuit_info *info)
{
	u64 *last = arg;

	if (info->current && info->last > *last)
		*last = info->last;
	return 0;
}

/* ---- the rest ---- */

static int count_exit(void *arg, const struct descriptor *o)
{
	*(u32 *)arg += !!(o->peer.flags & PEER_EXIT);
	return 0;
}

static int count_one(void *arg, struct link *link)
{
	++*(u32 *)arg;
	return 0;
}

static json_t *relay(struct daemon *d)
{
	u32 links = 0;

	if (!d->conf.relay_enable)
		return json_null();
	links_each(d->links, count_one, &links);
	return json_pack("{s:i, s:i, s:i, s:o?}", "circuits", (int)circuits_count(d->circuits),
			 "sessions", (int)circuits_sessions(d->circuits), "links", (int)links,
			 "descriptor_expires_unix", d->own.len ? control_json_u64(d->own.expires) : NULL);
}

static json_t *listening(struct daemon *d)
{
	json_t *ports = json_array(), *addresses = json_array();
	u32 i;

	for (i = 0; i < d->lanes; i++)
		json_array_append_new(ports, json_integer(d->conf.port + i));
	for (i = 0; d->own.len && i < d->own.peer.endpoint_count; i++)
		json_array_append_new(addresses, control_json_endpoint(&d->own.peer.endpoints[i]));
	return json_pack("{s:o, s:o}", "ports", ports, "addresses", addresses);
}

static json_t *transfer(struct daemon *d)
{
	struct datapath_stats st;

	datapath_stats_get(d->dp, &st);
	return json_pack("{s:o, s:o}",
			 "rx_bytes", control_json_u64(d->client ? st.rx_packet_bytes : st.rx_bytes),
			 "tx_bytes", control_json_u64(d->client ? st.tx_packet_bytes : st.tx_bytes));
}

/* ---- health ---- */

static void ill(json_t *list, const char *id, const char *severity, const char *message, const char *next)
{
	json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s?}", "id", id, "severity", severity, "message", message,
					      "next", next));
}

static void client_health(struct daemon *d, json_t *list, u32 relays, u32 exits)
{
	char next[PATH_MAX + 64];

	snprintf(next, sizeof(next), "put descriptors into %s", d->conf.descriptor_directory);
	if (!relays)
		ill(list, "no-relays", "error", "no relay is known", next);
	else if (!exits)
		ill(list, "no-exits", "error", "no exit is known", next);
	else if (d->wanted && !client_connected(d->client))
		ill(list, "no-session", "error", "there is no session with an exit",
		    "meshvpn-ctl monitor shows what is tried, meshvpn-ctl circuit show how far it came");
	if (d->wanted && !client_connected(d->client) && d->conf.route == CONFIG_ROUTE_ALL && !d->routed)
		ill(list, "leak", "warning", "never connected yet: packets still take the ordinary way", NULL);
}

static json_t *health(struct daemon *d, u32 relays, u32 exits)
{
	const struct directory_stats *ds = directory_stats(d->dir);
	json_t *list = json_array();

	if (d->client)
		client_health(d, list, relays, exits);
	if (d->conf.relay_enable && !d->own.len)
		ill(list, "no-address", "error", "this relay has no address to announce", "set [Node] Address and reload");
	else if (d->conf.relay_enable && d->own.expires < unix_now() + 3600)
		ill(list, "descriptor-expiry", "warning", "the descriptor of this relay expires soon and was not renewed",
		    "see the log for why");
	if (ds->bad_form || ds->bad_signature || ds->bad_work)
		ill(list, "directory-bad", "warning", "some files in DescriptorDirectory are no valid descriptors",
		    "see the log for which");
	return list;
}

void method_status(void *arg, json_t *params, struct control_reply *reply)
{
	struct daemon *d = arg;
	u32 relays = directory_count(d->dir), exits = 0;
	u64 last = 0, now = unix_now();
	struct control_times times = methods_times(d);
	json_t *s;

	directory_each(d->dir, count_exit, &exits);
	s = json_pack("{s:s, s:s, s:b, s:b, s:o?, s:o, s:o, s:o, s:s?, s:o, s:o, s:{s:i, s:i}, s:{s:s, s:s, s:i}, s:o, s:o}",
		"version", MESHVPN_VERSION, "state", methods_state(d), "wanted", d->wanted,
		"protected", d->routed && d->conf.route == CONFIG_ROUTE_ALL,
		"connected_unix", d->connected_since ? control_json_u64(d->connected_since) : NULL,
		"started_unix", control_json_u64(d->started), "uptime_s", control_json_u64(now - d->started),
		"id", control_json_id(&d->identity.id), "nick", d->conf.nickname[0] ? d->conf.nickname : NULL,
		"roles", roles(d), "relay", relay(d), "directory", "relays", (int)relays, "exits", (int)exits,
		"datapath", "name", datapath_name(d->dp), "why", methods_datapath_why(d), "lanes", (int)d->lanes,
		"listen", listening(d), "transfer", transfer(d));
	if (d->client)
		add_interface(d, s);
	else
		json_object_set_new(s, "interface", json_null());
	if (d->client)
		client_circuits_each(d->client, newest_rx, &last);
	json_object_set_new(s, "last_rx_unix", control_json_unix(&times, last));
	json_object_set_new(s, "health", health(d, relays, exits));
	control_reply_ok(reply, s);
}

const char *methods_datapath_why(const struct daemon *d)
{
	return d->why;
}

static bool no_client(struct daemon *d, struct control_reply *reply)
{
	if (!d->client)
		control_reply_error(reply, CONTROL_UNSUPPORTED, "set [Client] Enable = yes and restart meshvpnd",
				    "this node has no client");
	return !d->client;
}

void method_up(void *arg, json_t *params, struct control_reply *reply)
{
	struct daemon *d = arg;

	if (no_client(d, reply))
		return;
	if (!d->wanted)
		client_up(d);
	control_reply_ok(reply, json_pack("{s:s}", "state", methods_state(d)));
}

void method_down(void *arg, json_t *params, struct control_reply *reply)
{
	struct daemon *d = arg;

	if (no_client(d, reply))
		return;
	client_down(d);
	control_reply_ok(reply, json_pack("{s:s}", "state", methods_state(d)));
}
