// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The client's side of the wiring: paths for the circuit manager, addresses and routes of mesh0
 * through the helper, guards that are kept over restarts.
 */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>

#include <crypto/statefile.h>

#include "daemon.h"
#include "methods.h"

#define GUARDS_FILE "guards"
#define GUARDS_MAX 4096

static void op_random(void *arg, void *buf, size_t len)
{
	randombytes_buf(buf, len);
}

static u64 op_now(void *arg)
{
	return ((struct daemon *)arg)->ts.now;
}

static const struct path_ops path_ops = { .random = op_random, .now = op_now };

/* ---- names in the configuration are looked up at each choice: descriptors come and go ---- */

static u32 names_resolve(const struct daemon *d, const struct config_names *names, struct node_id *ids)
{
	const struct descriptor *o;
	u32 i, n = 0;
	int error;

	for (i = 0; i < names->count; i++) {
		/* a whole id counts even while its descriptor is not there */
		if (!node_id_parse(&ids[n], names->name[i])) {
			n++;
			continue;
		}
		o = directory_find_text(d->dir, names->name[i], &error);
		if (o)
			ids[n++] = o->peer.id;
		else
			log_limited(LOG_NOTICE, "path", "relay %s of the configuration is %s", names->name[i],
				    error == -ENOTUNIQ ? "not unique: give its id" : "not known");
	}
	return n;
}

void client_path_conf(const struct daemon *d, struct path_conf *conf)
{
	static struct node_id exits[CONFIG_NAMES_MAX], exclude[CONFIG_NAMES_MAX];

	*conf = (struct path_conf){
		.guards = d->conf.guards, .no_network_rule = !d->conf.path_network_rule, .has4 = d->has4, .has6 = d->has6,
		.private_network = d->conf.private_network, .self = d->identity.id, .exits = exits, .exclude = exclude,
	};
	conf->exits_count = names_resolve(d, &d->conf.exits, exits);
	conf->exclude_count = names_resolve(d, &d->conf.exclude, exclude);
	if (d->conf.exits.count && !conf->exits_count) {
		/* those wanted are unknown: none, rather than any */
		memset(&exits[0], 0, sizeof(exits[0]));
		conf->exits_count = 1;
	}
}

static int op_select(void *arg, const struct path_request *request, struct peer *path)
{
	struct daemon *d = arg;
	struct path_conf conf;

	client_path_conf(d, &conf);
	paths_reconfigure(d->paths, &conf);
	return paths_select(d->paths, request, path);
}

static int op_descriptor(void *arg, const struct node_id *id, void *buf, size_t room)
{
	const struct descriptor *o = directory_find(((struct daemon *)arg)->dir, id);

	if (!o || o->len > room)
		return -ENOENT;
	memcpy(buf, o->raw, o->len);
	return (int)o->len;
}

static bool op_usable(void *arg, int family, const u8 *addr)
{
	return network_usable(arg, family, addr);
}

static void op_outcome(void *arg, const struct peer *peer, u32 hop, enum client_outcome outcome)
{
	paths_outcome(((struct daemon *)arg)->paths, peer, hop, outcome);
}

/* ---- addresses and routes ---- */

static void netd_failed(struct daemon *d, const char *what, int ret)
{
	/* that it ended has been said */
	if (ret && !d->helper_gone)
		log_limited(LOG_ERROR, "client", "%s: %s", what, netd_error(d->netd)[0] ? netd_error(d->netd) : strerror(-ret));
}

static u32 session_addresses(const struct daemon *d, const struct client_session_info *s, struct netd_address *list)
{
	const struct bind_addresses *a = &s->grant.addresses;
	u32 n = 0;

	memset(list, 0, 2 * sizeof(*list));
	if (a->has4) {
		list[n].family = AF_INET;
		list[n].bits = 32;
		memcpy(list[n++].addr, a->inner4, 4);
	}
	if (a->has6) {
		list[n].family = AF_INET6;
		list[n].bits = 128;
		memcpy(list[n++].addr, a->inner6, 16);
	}
	for (u32 i = 0; i < n; i++) {
		snprintf(list[i].device, sizeof(list[i].device), "%s", d->conf.interface);
		list[i].deprecated = !s->current;
	}
	return n;
}

/* New flows take the addresses of the current session. */
static void route(struct daemon *d, const struct client_session_info *s)
{
	const struct bind_addresses *a = &s->grant.addresses;
	struct netd_routing r = {
		.table = d->conf.route_table, .mark = d->conf.mark, .mark_mask = d->conf.mark_mask,
		.all = d->conf.route == CONFIG_ROUTE_ALL, .has4 = a->has4, .has6 = a->has6,
	};

	snprintf(r.device, sizeof(r.device), "%s", d->conf.interface);
	memcpy(r.source4, a->inner4, sizeof(r.source4));
	memcpy(r.source6, a->inner6, sizeof(r.source6));
	netd_failed(d, "cannot set routes", netd_routing_set(d->netd, &r));
	d->routed = true;
}

static void op_session_up(void *arg, const struct client_session_info *s)
{
	struct daemon *d = arg;
	struct netd_address list[2];
	u32 i, n = session_addresses(d, s, list);

	for (i = 0; i < n; i++)
		netd_failed(d, "cannot set an address", netd_address_add(d->netd, &list[i]));
	if (s->current)
		route(d, s);
}

static void op_session_down(void *arg, const struct client_session_info *s)
{
	struct daemon *d = arg;
	struct netd_address list[2];
	u32 i, n = session_addresses(d, s, list);

	for (i = 0; i < n; i++)
		netd_failed(d, "cannot remove an address", netd_address_del(d->netd, &list[i]));
}

static void op_event(void *arg, const struct client_event *event)
{
	methods_client_event(arg, event);
}

static const struct client_ops client_ops = {
	.select = op_select, .descriptor = op_descriptor, .address_usable = op_usable, .session_up = op_session_up,
	.session_down = op_session_down, .outcome = op_outcome, .event = op_event,
};

/* ---- guards ---- */

static void guards_path(const struct daemon *d, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%.4000s/" GUARDS_FILE, d->conf.state_directory);
}

static void guards_load(struct daemon *d)
{
	char path[PATH_MAX], text[GUARDS_MAX + 1];
	ssize_t n;

	guards_path(d, path);
	n = statefile_read(path, text, GUARDS_MAX, true);
	if (n < 0) {
		if (n != -ENOENT)
			log_warn("path", "cannot read %s: %s; choosing new guards", path, strerror((int)-n));
		return;
	}
	text[n] = 0;
	paths_guards_load(d->paths, text);
}

static void guards_save(struct daemon *d)
{
	char path[PATH_MAX], text[GUARDS_MAX];
	int ret;

	if (!d->paths || !paths_guards_changed(d->paths))
		return;
	guards_path(d, path);
	ret = statefile_write(path, text, paths_guards_save(d->paths, text, sizeof(text)), 0600);
	if (ret)
		log_limited(LOG_WARN, "path", "cannot write %s: %s", path, strerror(-ret));
}

/* ---- life ---- */

int client_open(struct daemon *d)
{
	struct client_conf conf = d->conf.client;
	struct path_conf paths;
	int ret;

	if (!d->conf.client_enable)
		return 0;
	conf.device = DEVICE_CLIENT;
	client_path_conf(d, &paths);
	ret = paths_new(&d->paths, &paths, &path_ops, d, d->dir);
	if (!ret)
		ret = client_new(&d->client, &conf, &client_ops, d, d->circuits);
	if (ret) {
		log_error("start", "cannot start the client: %s", strerror(-ret));
		return ret;
	}
	timer_init(&d->state_settle, methods_state_settle);
	guards_load(d);
	if (d->conf.auto_connect)
		client_up(d);
	return 0;
}

void client_close(struct daemon *d)
{
	guards_save(d);
	timer_cancel(&d->ts, &d->state_settle);
	if (d->client)
		client_free(d->client, true);
	d->client = NULL;
	paths_free(d->paths);
	d->paths = NULL;
}

void client_up(struct daemon *d)
{
	d->wanted = true;
	client_start(d->client);
	methods_state_event(d);
}

void client_down(struct daemon *d)
{
	d->wanted = false;
	client_stop(d->client);
	if (d->routed)
		netd_failed(d, "cannot remove routes", netd_routing_del(d->netd, d->conf.interface));
	d->routed = false;
	methods_state_event(d);
}

void client_tick(struct daemon *d)
{
	guards_save(d);
	methods_state_settle(&d->state_settle);
	if (d->ready)
		notify_status(d);
}

void client_address_changed(struct daemon *d)
{
	if (!d->client)
		return;
	paths_forgive(d->paths);
	client_network_changed(d->client);
}
