// SPDX-License-Identifier: GPL-2.0-or-later
/* config.*, dev.show and stats: how the node is set up, and everything that it counts. */
#include <errno.h>
#include <stdlib.h>

#include "methods.h"

/* ---- configuration ---- */

static void set_each(void *arg, const struct config_key *key, const char *value)
{
	json_array_append_new(arg, json_pack("{s:s, s:s, s:s, s:b}", "section", key->section, "name", key->name, "value", value,
					     "live", key->live));
}

void method_config_show(void *arg, json_t *params, struct control_reply *reply)
{
	struct daemon *d = arg;
	json_t *keys = json_array();

	config_given(d->config_path, set_each, keys);
	control_reply_ok(reply, json_pack("{s:s, s:o, s:o}", "path", d->config_path,
					  "loaded_unix", control_json_u64(d->config_loaded), "keys", keys));
}

struct changes {
	json_t *changed, *restart;
};

static void change(void *arg, const struct config_key *key)
{
	struct changes *c = arg;
	char name[80];

	snprintf(name, sizeof(name), "%s.%s", key->section, key->name);
	json_array_append_new(key->live ? c->changed : c->restart, json_string(name));
}

static json_t *errors_json(const struct config_errors *errors)
{
	json_t *list = json_array();
	u32 i;

	for (i = 0; i < errors->count && i < CONFIG_ERRORS_MAX; i++)
		json_array_append_new(list, json_pack("{s:s, s:i, s:s}", "file", errors->error[i].file,
						      "line", (int)errors->error[i].line, "text", errors->error[i].text));
	return list;
}

void method_config_reload(void *arg, json_t *params, struct control_reply *reply)
{
	static struct config_errors errors;
	struct daemon *d = arg;
	struct changes c = { json_array(), json_array() };

	if (!daemon_reload(d, &errors, change, &c)) {
		if (control_subscribed(d->control))
			control_publish(d->control, json_pack("{s:s, s:O}", "event", "config", "changed", c.changed));
		control_reply_ok(reply, json_pack("{s:o, s:o}", "changed", c.changed, "restart", c.restart));
		return;
	}
	json_decref(c.changed);
	json_decref(c.restart);
	control_reply_error_details(reply, CONTROL_INVALID, "correct it; meshvpn-ctl config check says what is left",
				    errors_json(&errors), "%s: %u errors, nothing was changed", d->config_path, errors.count);
}

/* ---- devices ---- */

static json_t *device(const char *name, const char *role, u32 mtu, u32 queues)
{
	return json_pack("{s:s, s:s, s:i, s:i, s:[]}", "name", name, "role", role, "mtu", (int)mtu, "queues", (int)queues,
			 "addresses");
}

static int session_addresses(void *arg, const struct client_session_info *s)
{
	const struct bind_addresses *a = &s->grant.addresses;

	if (a->has4)
		json_array_append_new(arg, control_json_address(AF_INET, a->inner4));
	if (a->has6)
		json_array_append_new(arg, control_json_address(AF_INET6, a->inner6));
	return 0;
}

static json_t *devices(struct daemon *d)
{
	json_t *list = json_array(), *one;

	if (d->client) {
		one = device(d->conf.interface, "origin", d->conf.client.mtu, d->lanes);
		client_sessions_each(d->client, session_addresses, json_object_get(one, "addresses"));
		json_array_append_new(list, one);
	}
	if (d->conf.exit_enable)
		json_array_append_new(list, device(d->conf.exit_interface, "exit", d->conf.exit.mtu, d->lanes));
	return list;
}

void method_dev_show(void *arg, json_t *params, struct control_reply *reply)
{
	struct daemon *d = arg;
	json_t *dp = control_json_datapath(d->dp);
	struct datapath_stats st;

	datapath_stats_get(d->dp, &st);
	json_object_set_new(dp, "why", json_string(methods_datapath_why(d)));
	json_object_set_new(dp, "lanes", json_integer(d->lanes));
	control_reply_ok(reply, json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o*, s:o*}", "devices", devices(d), "datapath", dp,
		"traffic", control_json_traffic(&st), "io", control_json_io(&st),
		"objects", control_json_objects(&st), "drops", control_json_drops(&st),
		"links", control_json_links_stats(d->links), "circuits", control_json_circuits_stats(d->circuits)));
}

/* ---- everything that is counted ---- */

static int count_one(void *arg, struct link *link)
{
	++*(u32 *)arg;
	return 0;
}

static json_t *paths_json(const struct daemon *d)
{
	const struct path_stats *s;

	if (!d->paths)
		return NULL;
	s = paths_stats(d->paths);
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "selected", (json_int_t)s->selected, "none", (json_int_t)s->none,
			 "guards_sampled", (json_int_t)s->guards_sampled, "guards_dropped", (json_int_t)s->guards_dropped,
			 "guard_failures", (json_int_t)s->guard_failures);
}

static json_t *exit_json(const struct daemon *d)
{
	struct exit_stats s;

	if (!d->exit)
		return NULL;
	s = exit_stats(d->exit);
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "granted", (json_int_t)s.granted,
			 "refused_family", (json_int_t)s.refused_family, "refused_pool", (json_int_t)s.refused_pool,
			 "refused_mtu", (json_int_t)s.refused_mtu, "released", (json_int_t)s.released);
}

void method_stats(void *arg, json_t *params, struct control_reply *reply)
{
	struct daemon *d = arg;
	json_t *control = json_object(), *counters, *gauges;
	struct datapath_stats st;
	u32 links = 0;

	datapath_stats_get(d->dp, &st);
	links_each(d->links, count_one, &links);
	control_stats_each(d->control, control_json_counter, control);
	counters = json_pack("{s:o, s:o, s:o, s:o*, s:o*, s:o*, s:o*, s:o*, s:o*, s:o}", "datapath", control_json_traffic(&st),
		"io", control_json_io(&st),
		"drops", control_json_drops(&st), "links", control_json_links_stats(d->links),
		"circuits", control_json_circuits_stats(d->circuits), "client", control_json_client_stats(d->client),
		"paths", paths_json(d), "directory", control_json_directory_stats(d->dir), "exit", exit_json(d),
		"control", control);
	gauges = json_pack("{s:i, s:i, s:i, s:i, s:i}", "links", (int)links, "circuits", (int)circuits_count(d->circuits),
		"sessions", (int)circuits_sessions(d->circuits), "relays", (int)directory_count(d->dir),
		"control_clients", (int)control_clients(d->control));
	control_reply_ok(reply, json_pack("{s:o, s:o, s:o}", "started_unix", control_json_u64(d->started),
					  "counters", counters, "gauges", gauges));
}
