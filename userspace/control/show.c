// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Circuits, sessions and what happens to them, as JSON.
 */
#include "show.h"

#include <string.h>
#include <sys/socket.h>

static const char *reason_name(enum link_reason reason)
{
	static const char *const names[] = {
		[REASON_NONE] = "none", [REASON_REQUESTED] = "requested", [REASON_TIMEOUT] = "timeout",
		[REASON_PROTOCOL] = "protocol", [REASON_LIMIT] = "limit", [REASON_REFUSED] = "refused",
		[REASON_SHUTDOWN] = "shutdown", [REASON_LINK] = "link", [REASON_UNKNOWN] = "unknown",
		[REASON_MTU] = "mtu", [REASON_EXPIRED] = "expired", [REASON_GENERIC] = "generic",
	};

	return reason < REASON_COUNT ? names[reason] : "generic";
}

json_t *control_json_reason(enum link_reason reason)
{
	return json_string(reason_name(reason));
}

json_t *control_json_unix(const struct control_times *t, u64 ns)
{
	u64 ago = t->mono > ns ? (t->mono - ns) / NSEC_PER_SEC : 0;

	return ns ? control_json_u64(t->wall > ago ? t->wall - ago : 0) : json_null();
}

static json_t *age_json(const struct control_times *t, u64 born)
{
	return control_json_u64(t->mono > born ? (t->mono - born) / NSEC_PER_SEC : 0);
}

static json_t *number_or_null(u32 number)
{
	return number ? json_integer(number) : json_null();
}

static json_t *relay_of(const struct node_id *id, const struct directory *dir)
{
	return control_json_relay(id, dir ? directory_find(dir, id) : NULL);
}

json_t *control_json_path(const struct peer *path, u32 count, const struct directory *dir)
{
	json_t *list = json_array();
	u32 i;

	for (i = 0; i < count; i++)
		json_array_append_new(list, relay_of(&path[i].id, dir));
	return list;
}

/* ---- circuits ---- */

const char *control_circuit_state(const struct client_circuit_info *info)
{
	switch (info->state) {
	case ORIGIN_READY:
		return "spare";
	case ORIGIN_BOUND:
	case ORIGIN_LIVE:
		return "open";
	case ORIGIN_CLOSING:
	case ORIGIN_DEAD:
		return "closing";
	default:
		return "building";
	}
}

json_t *control_json_circuit(const struct client_circuit_info *info, const struct directory *dir,
			     const struct control_times *t)
{
	return json_pack("{s:I, s:s, s:s, s:b, s:b, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
			 "id", (json_int_t)info->number, "state", control_circuit_state(info),
			 "phase", origin_state_name(info->state), "current", info->current, "suspect", info->suspect,
			 "path", control_json_path(info->path, info->length, dir), "hops", (json_int_t)info->hops,
			 "session", number_or_null(info->session),
			 "born_unix", control_json_unix(t, info->born), "age_s", age_json(t, info->born),
			 "last_rx_unix", control_json_unix(t, info->last), "rtt_us", control_json_us(info->rtt),
			 "rx_bytes", control_json_u64(info->rx_bytes), "tx_bytes", control_json_u64(info->tx_bytes),
			 "rx_cells", control_json_u64(info->rx_cells), "tx_cells", control_json_u64(info->tx_cells));
}

static json_t *pair_json(bool has4, const u8 *addr4, bool has6, const u8 *addr6)
{
	json_t *list = json_array();

	if (has4)
		json_array_append_new(list, control_json_address(AF_INET, addr4));
	if (has6)
		json_array_append_new(list, control_json_address(AF_INET6, addr6));
	return list;
}

/* An exit's words, which nobody has checked: printable ASCII only. */
static json_t *policy_json(const struct bind_grant *grant)
{
	char text[WIRE_POLICY_MAX];
	u32 i;

	for (i = 0; i < grant->policy_len && i < sizeof(text); i++)
		text[i] = grant->policy[i] >= ' ' && grant->policy[i] < 127 ? (char)grant->policy[i] : '?';
	return i ? json_stringn(text, i) : json_null();
}

json_t *control_json_session(const struct client_session_info *info, const struct directory *dir,
			     const struct control_times *t)
{
	const struct bind_grant *g = &info->grant;
	const struct bind_addresses *a = &g->addresses;

	return json_pack("{s:I, s:b, s:o, s:o, s:o, s:i, s:o, s:o, s:o, s:o}",
			 "id", (json_int_t)info->id, "current", info->current, "exit", relay_of(&info->exit, dir),
			 "addresses", pair_json(a->has4, a->inner4, a->has6, a->inner6),
			 "resolvers", pair_json(g->has_resolver4, g->resolver4, g->has_resolver6, g->resolver6),
			 "mtu", g->mtu, "rate", g->rate ? control_json_u64(g->rate) : json_null(),
			 "policy", policy_json(g), "born_unix", control_json_unix(t, info->born),
			 "age_s", age_json(t, info->born));
}

json_t *control_json_relayed(const struct circuit_info *info, const struct control_times *t, bool secrets)
{
	json_t *json = json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "role", circuit_role_name(info->role),
				 "born_unix", control_json_unix(t, info->born), "age_s", age_json(t, info->born),
				 "last_rx_unix", control_json_unix(t, info->last),
				 "rx_bytes", control_json_u64(info->rx_bytes), "tx_bytes", control_json_u64(info->tx_bytes),
				 "rx_cells", control_json_u64(info->rx_cells), "tx_cells", control_json_u64(info->tx_cells));

	if (!json || !secrets)
		return json;
	json_object_set_new(json, "link", number_or_null(info->link));
	json_object_set_new(json, "circuit", number_or_null(info->circuit));
	json_object_set_new(json, "out_link", number_or_null(info->out_link));
	json_object_set_new(json, "out_circuit", number_or_null(info->out_circuit));
	return json;
}

static int count_circuit(void *arg, const struct client_circuit_info *info)
{
	json_t *counts = arg;
	const char *state = control_circuit_state(info);

	if (json_object_get(counts, state))
		json_object_set_new(counts, state, json_integer(json_integer_value(json_object_get(counts, state)) + 1));
	return 0;
}

json_t *control_json_circuit_counts(struct client *client)
{
	json_t *counts = json_pack("{s:i, s:i, s:i}", "open", 0, "building", 0, "spare", 0);

	if (counts && client)
		client_circuits_each(client, count_circuit, counts);
	return counts;
}

/* ---- what happened ---- */

json_t *control_json_failure(const struct origin_failure *f)
{
	if (f->reason == REASON_NONE && f->refusal == REFUSAL_NONE)
		return json_null();
	return json_pack("{s:s, s:s, s:I, s:s}", "reason", reason_name(f->reason), "refusal", wire_refusal_name(f->refusal),
			 "hop", (json_int_t)f->hop, "phase", origin_state_name(f->state));
}

json_t *control_json_trace(const struct client_trace_result *result, const struct directory *dir)
{
	json_t *path = control_json_path(result->path, result->hops, dir);
	u32 i;

	for (i = 0; i < result->hops; i++)
		json_object_set_new(json_array_get(path, i), "rtt_us", control_json_us(result->rtt[i]));
	return json_pack("{s:I, s:I, s:o, s:o}", "hops", (json_int_t)result->hops, "reached", (json_int_t)result->reached,
			 "path", path, "failure", result->reached == result->hops ? json_null() :
			 control_json_failure(&result->failure));
}

json_t *control_json_client_event(const struct client_event *event)
{
	json_t *json = json_pack("{s:s}", "event", client_event_name(event->kind));
	json_t *failure;

	if (event->circuit)
		json_object_set_new(json, "circuit", json_integer(event->circuit));
	if (event->session)
		json_object_set_new(json, "session", json_integer(event->session));
	if (event->took)
		json_object_set_new(json, "took_us", control_json_us(event->took));
	if (event->kind == CLIENT_CIRCUIT_DEAD) {
		failure = control_json_failure(&event->failure);
		if (json_is_object(failure))
			json_object_update(json, failure);
		json_decref(failure);
	}
	return json;
}
