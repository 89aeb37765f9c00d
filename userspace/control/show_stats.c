// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Counters of datapath and engines, as JSON: every cause of a drop by its name, zeros too, so that
 * what is counted can be seen before it happens.
 */
#include "show.h"

json_t *control_json_datapath(const struct datapath *dp)
{
	static const struct {
		u32 flag;
		const char *name;
	} caps[] = {
		{ DATAPATH_DEVICE, "device" }, { DATAPATH_ORIGIN, "origin" }, { DATAPATH_TERMINUS, "terminus" },
		{ DATAPATH_QUEUE, "queue" }, { DATAPATH_SOCKET, "socket" },
	};
	json_t *list = json_array();
	u32 i;

	for (i = 0; i < sizeof(caps) / sizeof(*caps); i++)
		if (datapath_caps(dp) & caps[i].flag)
			json_array_append_new(list, json_string(caps[i].name));
	return json_pack("{s:s, s:o}", "name", datapath_name(dp), "caps", list);
}

/* A field of @s, under its own name. */
#define FIELD(json, s, name) control_json_counter(json, #name, (s)->name)

json_t *control_json_traffic(const struct datapath_stats *s)
{
	json_t *json = json_object();

	FIELD(json, s, rx_cells);
	FIELD(json, s, rx_bytes);
	FIELD(json, s, tx_cells);
	FIELD(json, s, tx_bytes);
	FIELD(json, s, rx_packets);
	FIELD(json, s, rx_packet_bytes);
	FIELD(json, s, tx_packets);
	FIELD(json, s, tx_packet_bytes);
	FIELD(json, s, passed_cells);
	FIELD(json, s, passed_packets);
	FIELD(json, s, up);
	FIELD(json, s, relayed);
	return json;
}

json_t *control_json_io(const struct datapath_stats *s)
{
	json_t *json = json_object();

	FIELD(json, s, rx_super);
	FIELD(json, s, tx_super);
	FIELD(json, s, send_again);
	FIELD(json, s, send_errors);
	FIELD(json, s, send_no_gso);
	FIELD(json, s, no_buffer);
	FIELD(json, s, device_errors);
	return json;
}

json_t *control_json_objects(const struct datapath_stats *s)
{
	json_t *json = json_object();

	FIELD(json, s, devices);
	FIELD(json, s, links);
	FIELD(json, s, link_sessions);
	FIELD(json, s, sessions);
	FIELD(json, s, circuits);
	return json;
}

json_t *control_json_drops(const struct datapath_stats *stats)
{
	json_t *json = json_object();
	u32 i;

	for (i = 0; i < DROP_CAUSES; i++)
		control_json_counter(json, datapath_drop_name(i), stats->drops[i]);
	return json;
}

json_t *control_json_client_stats(const struct client *client)
{
	const struct client_stats *s;
	json_t *json;

	if (!client)
		return NULL;
	s = client_stats(client);
	json = json_object();
	FIELD(json, s, built);
	FIELD(json, s, build_failed);
	FIELD(json, s, sessions);
	FIELD(json, s, takeovers);
	FIELD(json, s, takeovers_failed);
	FIELD(json, s, exits_lost);
	FIELD(json, s, rotations);
	FIELD(json, s, no_path);
	FIELD(json, s, addresses_refused);
	return json;
}

/* The engines that walk their counters themselves. */
#define ENGINE(noun, type, each)					\
json_t *control_json_##noun##_stats(const struct type *engine)		\
{									\
	json_t *json = engine ? json_object() : NULL;			\
									\
	if (json)							\
		each(engine, control_json_counter, json);		\
	return json;							\
}
ENGINE(links, links, links_stats_each)
ENGINE(circuits, circuits, circuits_stats_each)
ENGINE(directory, directory, directory_stats_each)
#undef ENGINE
