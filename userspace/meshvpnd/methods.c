// SPDX-License-Identifier: GPL-2.0-or-later
/* The control socket in the loop, the table of its methods, and the events that it publishes. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "methods.h"

static struct watch control_watch;

static const struct control_method table[] = {
	{ "status", CONTROL_READ, NULL, method_status },
	{ "up", 0, NULL, method_up },
	{ "down", 0, NULL, method_down },
	{ "circuit.show", CONTROL_READ, "id:i limit:i secrets:b", method_circuit_show },
	{ "circuit.new", 0, NULL, method_circuit_new },
	{ "circuit.close", 0, "id:i session:i", method_circuit_close },
	{ "circuit.trace", 0, "hops:i exit:s", method_circuit_trace },
	{ "relay.show", CONTROL_READ, "name:s limit:i secrets:b", method_relay_show },
	{ "descriptor.show", CONTROL_READ, "name:s secrets:b", method_descriptor_show },
	{ "descriptor.export", CONTROL_READ, "name:s", method_descriptor_export },
	{ "descriptor.import", 0, "descriptor:s!", method_descriptor_import },
	{ "key.show", CONTROL_READ, "secrets:b", method_key_show },
	{ "config.show", CONTROL_READ, NULL, method_config_show },
	{ "config.reload", 0, NULL, method_config_reload },
	{ "dev.show", CONTROL_READ, NULL, method_dev_show },
	{ "stats", CONTROL_READ, NULL, method_stats },
	{ "monitor", CONTROL_READ | CONTROL_EVENTS, NULL, NULL },
	{ 0 },
};

/*
 * The folder of the socket. It stays root's, although we then cannot remove the socket at the end
 * (the next start replaces it): the helper keeps its journal there and must be able to trust it.
 */
static void folder_make(struct daemon *d)
{
	char path[sizeof(d->conf.control_socket)];

	strcpy(path, d->conf.control_socket);
	*strrchr(path, '/') = 0;
	if (*path && mkdir(path, 0755) && errno != EEXIST)
		log_warn("control", "cannot make %s: %s", path, strerror(errno));
}

int methods_open(struct daemon *d)
{
	struct control_conf conf = {
		.path = d->conf.control_socket, .has_group = geteuid() == 0, .group = d->control_gid,
		.max_clients = d->conf.control_clients, .max_queue = d->conf.control_queue,
	};
	int ret;

	folder_make(d);
	ret = control_new(&d->control, &conf, table, d);
	if (ret)
		log_error("start", "cannot open control socket %s: %s", d->conf.control_socket,
			  ret == -EADDRINUSE ? "another meshvpnd answers there" : strerror(-ret));
	return ret;
}

static void control_ready(struct watch *w, u32 events)
{
	control_dispatch(meshvpnd.control);
}

int methods_serve(struct daemon *d)
{
	watch_init(&control_watch, control_fd(d->control), EPOLLIN, control_ready);
	return loop_add(d->loop, &control_watch);
}

void methods_close(struct daemon *d)
{
	loop_del(d->loop, &control_watch);
	if (d->control)
		control_free(d->control);
	d->control = NULL;
}

struct control_times methods_times(const struct daemon *d)
{
	return (struct control_times){ .mono = d->ts.now, .wall = unix_now() };
}

const char *methods_state(const struct daemon *d)
{
	if (!d->client)
		return "relay";
	if (client_connected(d->client))
		return "connected";
	return d->wanted ? "connecting" : "disconnected";
}

/* ---- events ---- */

void methods_link_event(struct daemon *d, const struct link *link, bool up, enum link_reason reason)
{
	const struct peer *peer = link_peer(link);
	json_t *ev;

	if (!d->control || !control_subscribed(d->control))
		return;
	ev = json_pack("{s:s, s:o?}", "event", up ? "link-up" : "link-down",
		       "relay", peer ? control_json_relay(&peer->id, directory_find(d->dir, &peer->id)) : json_null());
	if (ev && !up)
		json_object_set_new(ev, "reason", json_string(methods_reason(reason)));
	control_publish(d->control, ev);
}

void methods_descriptor_event(void *arg, const struct descriptor *o, bool added)
{
	struct daemon *d = arg;

	d->dir_news |= added;
	if (d->control && control_subscribed(d->control))
		control_publish(d->control, json_pack("{s:s, s:o, s:s}", "event", "descriptor",
						      "relay", control_json_relay(&o->peer.id, o),
						      "change", added ? "added" : "removed"));
}

void methods_state_event(struct daemon *d)
{
	if (d->control && control_subscribed(d->control))
		control_publish(d->control, json_pack("{s:s, s:s}", "event", "state", "state", methods_state(d)));
}

static void state_changed(struct daemon *d)
{
	bool connected = client_connected(d->client);

	if (connected == d->connected)
		return;
	d->connected = connected;
	d->connected_since = connected ? unix_now() : 0;
	log_info("client", "%s", connected ? "connected" : "connection lost");
	methods_state_event(d);
}

void methods_client_event(struct daemon *d, const struct client_event *event)
{
	/* without a path for a spare there is less safety, without any there is no service */
	if (event->kind == CLIENT_NO_PATH && !client_connected(d->client))
		log_limited(LOG_WARN, "client", "no path: no relays that fit are known; see meshvpn-ctl relay show");
	else
		log_trace("client", "%s, circuit %u, session %u", client_event_name(event->kind), event->circuit, event->session);
	if (d->control && control_subscribed(d->control))
		control_publish(d->control, control_json_client_event(event));
	/* the manager is still at work: what the change was is looked at when it is done */
	timer_arm(&d->ts, &d->state_settle, d->ts.now);
}

void methods_state_settle(struct timer *t)
{
	struct daemon *d = container_of(t, struct daemon, state_settle);

	if (d->client)
		state_changed(d);
}

const char *methods_reason(enum link_reason reason)
{
	static const char *const names[REASON_COUNT] = {
		[REASON_NONE] = "none", [REASON_REQUESTED] = "requested", [REASON_TIMEOUT] = "timeout",
		[REASON_PROTOCOL] = "protocol", [REASON_LIMIT] = "limit", [REASON_REFUSED] = "refused",
		[REASON_SHUTDOWN] = "shutdown", [REASON_LINK] = "link", [REASON_UNKNOWN] = "unknown", [REASON_MTU] = "mtu",
		[REASON_EXPIRED] = "expired", [REASON_GENERIC] = "generic",
	};

	return reason < REASON_COUNT && names[reason] ? names[reason] : "generic";
}
