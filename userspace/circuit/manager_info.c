// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What people ask of the client: lists, a new path, closing one, and the trace of a path.
 */
#include "manager_internal.h"

#include <sodium.h>

const char *client_event_name(enum client_event_kind kind)
{
	static const char *const names[] = {
		"circuit-new", "circuit-ready", "circuit-live", "circuit-dead", "session-new",
		"session-taken", "session-lost", "session-end", "stalled", "no-path",
	};

	return kind <= CLIENT_NO_PATH ? names[kind] : "unknown";
}

static void leg_describe(const struct client *cl, const struct leg *leg, struct client_circuit_info *info)
{
	const struct origin *o = leg->origin;
	struct datapath_circuit_info d;

	origin_traffic(o, &d);
	*info = (struct client_circuit_info){
		.number = origin_number(o), .link = origin_link(o), .circuit = origin_circuit(o),
		.state = origin_state(o), .spare = leg->use == LEG_SPARE,
		.current = leg->session && leg->session->leg == leg && leg->session == cl->current,
		.suspect = origin_suspect(o), .session = leg->session ? leg->session->id : 0,
		.hops = origin_hops(o), .length = origin_length(o), .path = origin_path(o),
		.born = origin_born(o), .rtt = origin_rtt(o), .last = origin_last(o),
		.rx_bytes = d.rx_bytes, .tx_bytes = d.tx_bytes, .rx_cells = d.rx_cells, .tx_cells = d.tx_cells,
	};
}

int client_circuits_each(struct client *cl, int (*each)(void *arg, const struct client_circuit_info *info), void *arg)
{
	struct client_circuit_info info;
	struct leg *leg;
	int ret;

	list_for_each(leg, &cl->legs, list) {
		leg_describe(cl, leg, &info);
		ret = each(arg, &info);
		if (ret)
			return ret;
	}
	return 0;
}

int client_sessions_each(struct client *cl, int (*each)(void *arg, const struct client_session_info *info), void *arg)
{
	struct client_session_info info;
	struct client_session *s;
	int ret;

	list_for_each(s, &cl->sessions, list) {
		client_session_describe(s, &info);
		ret = each(arg, &info);
		if (ret)
			return ret;
	}
	return 0;
}

bool client_connected(const struct client *cl)
{
	return cl->current && cl->current->leg && origin_state(cl->current->leg->origin) == ORIGIN_LIVE;
}

int client_rotate(struct client *cl)
{
	if (!cl->running)
		return -ENOENT;
	cl->rotate = true;
	cl->retry_at = 0;
	client_poke(cl);
	return 0;
}

int client_circuit_close(struct client *cl, u32 number)
{
	struct leg *leg;

	list_for_each(leg, &cl->legs, list) {
		if (origin_number(leg->origin) != number)
			continue;
		/* of a session this is like a loss: it goes on over its spare */
		origin_close(leg->origin, false);
		return 0;
	}
	return -ENOENT;
}

int client_session_close(struct client *cl, u32 session)
{
	struct client_session *s;

	list_for_each(s, &cl->sessions, list) {
		if (s->id != session)
			continue;
		client_session_retire(s);
		return 0;
	}
	return -ENOENT;
}

const struct client_stats *client_stats(const struct client *cl)
{
	return &cl->stats;
}

/* ---- trace ---- */

static void trace_report(struct client *cl)
{
	struct client_trace_result result = cl->trace_result;

	cl->trace = NULL;
	cl->trace_done(cl->trace_arg, &result);
}

static void trace_extended(void *arg, struct origin *o, u32 hops, u64 rtt)
{
	struct client *cl = arg;

	cl->trace_result.reached = hops;
}

static void trace_note(struct client *cl, struct origin *o)
{
	u32 i;

	for (i = 0; i < cl->trace_result.reached; i++)
		cl->trace_result.rtt[i] = origin_hop_rtt(o, i);
}

static void trace_ready(void *arg, struct origin *o)
{
	origin_close(o, false);
}

static void trace_dead(void *arg, struct origin *o, const struct origin_failure *why)
{
	struct client *cl = arg;

	cl->trace_result.failure = *why;
	trace_note(cl, o);
	trace_report(cl);
}

static int trace_descriptor(void *arg, const struct node_id *id, void *buf, size_t room)
{
	struct client *cl = arg;

	return cl->ops->descriptor ? cl->ops->descriptor(cl->arg, id, buf, room) : -ENOENT;
}

static const struct origin_ops trace_ops = {
	.extended = trace_extended, .ready = trace_ready, .dead = trace_dead, .descriptor = trace_descriptor,
};

int client_trace(struct client *cl, u32 hops, const struct node_id *exit,
		 void (*done)(void *arg, const struct client_trace_result *result), void *arg)
{
	struct client_trace_result *r = &cl->trace_result;
	struct path_request request = { .use = PATH_TRACE, .hops = hops ? hops : cl->conf.hops, .has_exit = exit };
	struct origin_conf conf = cl->conf.origin;

	if (cl->trace)
		return -EBUSY;
	if (request.hops > MV_HOPS_MAX)
		return -EINVAL;
	if (exit)
		request.exit = *exit;
	memset(r, 0, sizeof(*r));
	if (cl->ops->select(cl->arg, &request, r->path))
		return -ENOENT;
	r->hops = request.hops;
	conf.trace = true;
	cl->trace_done = done;
	cl->trace_arg = arg;
	return origin_new(cl->c, &conf, r->path, r->hops, &trace_ops, cl, &cl->trace);
}

void client_trace_stop(struct client *cl)
{
	if (cl->trace)
		origin_destroy(cl->trace);
	cl->trace = NULL;
}
