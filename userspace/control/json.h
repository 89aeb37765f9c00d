/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pieces of JSON that daemon and meshvpn-ctl write alike (Documentation/control.rst): ids,
 * addresses, descriptors. All return a new reference, or NULL without memory, which jansson's
 * *_new setters and json_pack("o?") take as "failed" and "left out".
 */
#ifndef MESHVPN_CONTROL_JSON_H
#define MESHVPN_CONTROL_JSON_H

#include <jansson.h>
#include <base/peer.h>
#include <directory/descriptor.h>

/* Counts above 2^63 - 1 stick there: JSON integers are signed in jansson. */
json_t *control_json_u64(u64 value);
/* ns to whole microseconds; null for 0, which is "unknown". */
json_t *control_json_us(u64 ns);
json_t *control_json_hex(const void *data, size_t len);
json_t *control_json_id(const struct node_id *id);
/* "192.0.2.1:4470" */
json_t *control_json_endpoint(const struct endpoint *e);
/* @family AF_INET or AF_INET6: "198.18.0.9" */
json_t *control_json_address(int family, const u8 *addr);
/* ["relay", "exit"] of enum peer_flags */
json_t *control_json_peer_flags(u32 flags);

/* {"nick", "id"}: nick is null if there is none; @d NULL: not in the directory any more. */
json_t *control_json_relay(const struct node_id *id, const struct descriptor *d);
/* Everything that is in it; @secrets: keys and addresses too. */
json_t *control_json_descriptor(const struct descriptor *d, bool secrets);

/* base64 of the signed bytes, and back: verified with @work_bits. parse: as descriptor_parse(), -EINVAL: not base64. */
json_t *control_json_descriptor_raw(const struct descriptor *d);
int control_descriptor_decode(struct descriptor *d, const char *base64, u32 work_bits);

/* A counter into the object @arg: what the engines' *_stats_each() functions take. */
void control_json_counter(void *object, const char *name, u64 value);

#endif
