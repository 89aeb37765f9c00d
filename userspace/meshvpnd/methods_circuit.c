// SPDX-License-Identifier: GPL-2.0-or-later
/* circuit.show, .new, .close and .trace. */
#include <errno.h>
#include <stdlib.h>

#include "methods.h"

#define LIST_DEFAULT 1000

static bool no_client(struct daemon *d, struct control_reply *reply)
{
	if (!d->client)
		control_reply_error(reply, CONTROL_UNSUPPORTED, "set [Client] Enable = yes and restart meshvpnd",
				    "this node has no client");
	return !d->client;
}

/* ---- show ---- */

struct shown {
	struct daemon *d;
	json_t *list;
	struct control_times times;
	u64 limit, total, id;		/* id: only this circuit */
	bool only, secrets;
};

static void show(struct shown *s, json_t *item)
{
	if (s->total++ < s->limit)
		json_array_append_new(s->list, item);
	else
		json_decref(item);
}

static int show_circuit(void *arg, const struct client_circuit_info *info)
{
	struct shown *s = arg;

	if (!s->only || info->number == s->id)
		show(s, control_json_circuit(info, s->d->dir, &s->times));
	return 0;
}

static int show_session(void *arg, const struct client_session_info *info)
{
	struct shown *s = arg;

	show(s, control_json_session(info, s->d->dir, &s->times));
	return 0;
}

static int show_relayed(void *arg, const struct circuit_info *info)
{
	struct shown *s = arg;

	if (info->role != CIRCUIT_ORIGIN)
		show(s, control_json_relayed(info, &s->times, s->secrets));
	return 0;
}

static struct shown part(struct daemon *d, json_t *params, struct control_reply *reply)
{
	return (struct shown){
		.d = d, .list = json_array(), .times = methods_times(d),
		.limit = control_param_u64(params, "limit", LIST_DEFAULT),
		.only = control_param_has(params, "id"), .id = control_param_u64(params, "id", 0),
		.secrets = control_reply_secrets(reply),
	};
}

void method_circuit_show(void *arg, json_t *params, struct control_reply *reply)
{
	struct daemon *d = arg;
	struct shown circuits = part(d, params, reply), sessions = part(d, params, reply), relayed = part(d, params, reply);
	json_t *result;

	if (d->client)
		client_circuits_each(d->client, show_circuit, &circuits);
	if (d->client && !circuits.only)
		client_sessions_each(d->client, show_session, &sessions);
	if (!circuits.only)
		circuits_each(d->circuits, show_relayed, &relayed);
	result = json_pack("{s:o, s:o, s:o, s:{s:I, s:I, s:I}}", "circuits", circuits.list, "sessions", sessions.list,
			   "relayed", relayed.list, "total", "circuits", (json_int_t)circuits.total,
			   "sessions", (json_int_t)sessions.total, "relayed", (json_int_t)relayed.total);
	if (!circuits.only || circuits.total) {
		control_reply_ok(reply, result);
		return;
	}
	json_decref(result);
	control_reply_error(reply, CONTROL_NOT_FOUND, "see meshvpn-ctl circuit show", "circuit %llu: no such circuit",
			    (unsigned long long)circuits.id);
}

/* ---- new and close ---- */

void method_circuit_new(void *arg, json_t *params, struct control_reply *reply)
{
	struct daemon *d = arg;
	int ret;

	if (no_client(d, reply))
		return;
	ret = client_rotate(d->client);
	if (!ret)
		control_reply_ok(reply, NULL);
	else if (ret == -EBUSY)
		control_reply_error(reply, CONTROL_BUSY, "try again in a moment", "a new session is being made already");
	else
		control_reply_error(reply, CONTROL_NOT_CONNECTED, "run: meshvpn-ctl up", "not connected");
}

static void close_one(struct control_reply *reply, const char *what, u32 number, int ret)
{
	if (ret)
		control_reply_error(reply, CONTROL_NOT_FOUND, "see meshvpn-ctl circuit show", "%s %u: no such %s", what, number,
				    what);
	else
		control_reply_ok(reply, json_pack("{s:i}", strcmp(what, "circuit") ? what : "id", (int)number));
}

void method_circuit_close(void *arg, json_t *params, struct control_reply *reply)
{
	struct daemon *d = arg;
	u32 id = (u32)control_param_u64(params, "id", 0), session = (u32)control_param_u64(params, "session", 0);

	if (no_client(d, reply))
		return;
	if (control_param_has(params, "id") == control_param_has(params, "session"))
		control_reply_error(reply, CONTROL_PARAMETER, NULL, "one of id and session is required");
	else if (control_param_has(params, "id"))
		close_one(reply, "circuit", id, client_circuit_close(d->client, id));
	else
		close_one(reply, "session", session, client_session_close(d->client, session));
}

/* ---- trace ---- */

static void traced(void *arg, const struct client_trace_result *result)
{
	control_reply_ok(arg, control_json_trace(result, meshvpnd.dir));
}

static bool find_exit(struct daemon *d, const char *name, struct node_id *exit, struct control_reply *reply)
{
	const struct descriptor *o;
	int error;

	o = directory_find_text(d->dir, name, &error);
	if (!o)
		control_reply_error(reply, CONTROL_NOT_FOUND, "see meshvpn-ctl relay show", "%s: %s", name,
				    error == -ENOTUNIQ ? "several relays are named so, give more of the id" : "no such relay");
	else if (!(o->peer.flags & PEER_EXIT))
		control_reply_error(reply, CONTROL_NOT_FOUND, "see meshvpn-ctl relay show", "%s: is no exit", name);
	else
		*exit = o->peer.id;
	return o && o->peer.flags & PEER_EXIT;
}

void method_circuit_trace(void *arg, json_t *params, struct control_reply *reply)
{
	struct daemon *d = arg;
	const char *name = control_param_string(params, "exit");
	u64 hops = control_param_u64(params, "hops", d->conf.client.hops);
	struct node_id exit;
	int ret;

	if (no_client(d, reply) || (name && !find_exit(d, name, &exit, reply)))
		return;
	if (!hops || hops > MV_HOPS_MAX) {
		control_reply_error(reply, CONTROL_PARAMETER, NULL, "hops: must be from 1 to %d", MV_HOPS_MAX);
		return;
	}
	ret = client_trace(d->client, (u32)hops, name ? &exit : NULL, traced, reply);
	if (ret == -EBUSY)
		control_reply_error(reply, CONTROL_BUSY, "try again when it is done", "a trace is running already");
	else if (ret)
		control_reply_error(reply, CONTROL_NOT_FOUND, "see meshvpn-ctl relay show",
				    "no %u relays that fit together are known", (u32)hops);
}
