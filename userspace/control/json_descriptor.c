// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Descriptors as JSON: what is in one, and its signed bytes in base64.
 */
#include "json.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

/* A text that may be empty, which is null. */
static json_t *text_or_null(const char *text)
{
	return *text ? json_string(text) : json_null();
}

json_t *control_json_relay(const struct node_id *id, const struct descriptor *d)
{
	return json_pack("{s:o, s:o}", "nick", text_or_null(d ? d->nickname : ""), "id", control_json_id(id));
}

static json_t *suites_json(u32 suites)
{
	json_t *list = json_array();
	u32 i;

	for (i = 0; i < 32; i++)
		if (suites & 1u << i)
			json_array_append_new(list, json_integer(i));
	return list;
}

static json_t *endpoints_json(const struct peer *peer)
{
	json_t *list = json_array();
	u32 i;

	for (i = 0; i < peer->endpoint_count; i++)
		json_array_append_new(list, control_json_endpoint(&peer->endpoints[i]));
	return list;
}

json_t *control_json_descriptor(const struct descriptor *d, bool secrets)
{
	json_t *json = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:i}",
				 "nick", text_or_null(d->nickname), "id", control_json_id(&d->peer.id),
				 "flags", control_json_peer_flags(d->peer.flags), "suites", suites_json(d->peer.suites),
				 "bandwidth", d->bandwidth ? control_json_u64(d->bandwidth) : json_null(),
				 "policy", text_or_null(d->policy), "published_unix", control_json_u64(d->published),
				 "expires_unix", control_json_u64(d->expires), "bytes", (int)d->len);

	if (!json || !secrets)
		return json;
	json_object_set_new(json, "identity", control_json_hex(d->identity, sizeof(d->identity)));
	json_object_set_new(json, "onion", control_json_hex(d->peer.onion_key, 32));
	json_object_set_new(json, "onion_previous", sodium_is_zero(d->onion_previous, 32) ?
			    json_null() : control_json_hex(d->onion_previous, 32));
	json_object_set_new(json, "endpoints", endpoints_json(&d->peer));
	return json;
}

json_t *control_json_descriptor_raw(const struct descriptor *d)
{
	char text[sodium_base64_ENCODED_LEN(DESCRIPTOR_MAX, sodium_base64_VARIANT_ORIGINAL)];

	if (d->len > DESCRIPTOR_MAX)
		return NULL;
	return json_string(sodium_bin2base64(text, sizeof(text), d->raw, d->len, sodium_base64_VARIANT_ORIGINAL));
}

int control_descriptor_decode(struct descriptor *d, const char *base64, u32 work_bits)
{
	u8 raw[DESCRIPTOR_MAX];
	size_t len;

	if (sodium_base642bin(raw, sizeof(raw), base64, strlen(base64), " \r\n", &len, NULL,
			      sodium_base64_VARIANT_ORIGINAL))
		return -EINVAL;
	return descriptor_parse(d, raw, len, work_bits);
}
