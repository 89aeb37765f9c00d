// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Ids, addresses and counters as JSON: one spelling for daemon and meshvpn-ctl.
 */
#include "json.h"

#include <arpa/inet.h>
#include <string.h>

json_t *control_json_u64(u64 value)
{
	return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

json_t *control_json_us(u64 ns)
{
	return ns ? control_json_u64((ns + 500) / 1000) : json_null();
}

json_t *control_json_hex(const void *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const u8 *at = data;
	char text[2 * 64];
	size_t i;

	if (len > 64)
		return NULL;
	for (i = 0; i < len; i++) {
		text[2 * i] = digits[at[i] >> 4];
		text[2 * i + 1] = digits[at[i] & 15];
	}
	return json_stringn(text, 2 * len);
}

json_t *control_json_id(const struct node_id *id)
{
	return control_json_hex(id->b, NODE_ID_LEN);
}

json_t *control_json_endpoint(const struct endpoint *e)
{
	char text[ENDPOINT_TEXT];

	return json_string(endpoint_text(e, text));
}

json_t *control_json_address(int family, const u8 *addr)
{
	char text[INET6_ADDRSTRLEN];

	return json_string(inet_ntop(family, addr, text, sizeof(text)) ? text : "");
}

json_t *control_json_peer_flags(u32 flags)
{
	json_t *list = json_array();

	if (flags & PEER_RELAY)
		json_array_append_new(list, json_string("relay"));
	if (flags & PEER_EXIT)
		json_array_append_new(list, json_string("exit"));
	return list;
}

void control_json_counter(void *object, const char *name, u64 value)
{
	json_object_set_new(object, name, control_json_u64(value));
}
