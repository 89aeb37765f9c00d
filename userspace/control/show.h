/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the engines say of themselves, as the JSON of Documentation/control.rst: for the daemon's
 * handlers, so that one place decides names and units. Each returns a new reference or NULL
 * without memory.
 */
#ifndef MESHVPN_CONTROL_SHOW_H
#define MESHVPN_CONTROL_SHOW_H

#include <circuit/manager.h>
#include <directory/store.h>

#include "json.h"

struct control_times {
	u64 mono;			/* ns: what engines' times are measured in, now */
	u64 wall;			/* unix seconds, now */
};

/* Monotonic ns to unix seconds; null for 0. */
json_t *control_json_unix(const struct control_times *t, u64 ns);

/* [{"nick", "id"}], of @count relays; names from @dir (may be NULL). */
json_t *control_json_path(const struct peer *path, u32 count, const struct directory *dir);

/* An element of circuit.show's "circuits", "sessions" and "relayed". */
json_t *control_json_circuit(const struct client_circuit_info *info, const struct directory *dir,
			     const struct control_times *t);
json_t *control_json_session(const struct client_session_info *info, const struct directory *dir,
			     const struct control_times *t);
json_t *control_json_relayed(const struct circuit_info *info, const struct control_times *t, bool secrets);
/* "open", "spare", "building", "closing": what people want to know of a state. */
const char *control_circuit_state(const struct client_circuit_info *info);
/* status's "circuits": {"open", "building", "spare"}, counted by client_circuits_each(). */
json_t *control_json_circuit_counts(struct client *client);

/* circuit.trace's result. */
json_t *control_json_trace(const struct client_trace_result *result, const struct directory *dir);
/* "timeout" */
json_t *control_json_reason(enum link_reason reason);
/* {"reason", "refusal", "hop", "phase"}; null if there was no failure. */
json_t *control_json_failure(const struct origin_failure *failure);
/* For control_publish(). */
json_t *control_json_client_event(const struct client_event *event);

/* dev.show's "datapath" without "why", "traffic", "objects" and "drops". */
json_t *control_json_datapath(const struct datapath *dp);
json_t *control_json_traffic(const struct datapath_stats *stats);
json_t *control_json_io(const struct datapath_stats *stats);
json_t *control_json_objects(const struct datapath_stats *stats);
json_t *control_json_drops(const struct datapath_stats *stats);

/* Objects of counters for dev.show and stats; NULL engines give NULL ("o*" and "o?" of json_pack leave it out). */
json_t *control_json_links_stats(const struct links *links);
json_t *control_json_circuits_stats(const struct circuits *circuits);
json_t *control_json_client_stats(const struct client *client);
json_t *control_json_directory_stats(const struct directory *dir);

#endif
