// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the two Noise messages of a link carry (Documentation/protocol-links.rst, "Offers"):
 *
 *   0 u8 format = 1, 1 u8 lanes, 2 u8 n, 3 u64 instance, 11 u64 timestamp, 19 n link ids of 7 bytes
 *
 * and in message 1 of IKpsk2 after that: node id 32, u16 length of hello, hello.
 */
#include "link_internal.h"

#define OFFER_FORMAT 1

size_t offer_write(const struct offer *o, u8 *out, size_t room)
{
	struct writer w = writer_of(out, room);
	u8 id[8];
	u32 i;

	writer_u8(&w, OFFER_FORMAT);
	writer_u8(&w, o->lanes);
	writer_u8(&w, (u8)o->ids_count);
	writer_le64(&w, o->instance);
	writer_le64(&w, o->stamp);
	for (i = 0; i < o->ids_count; i++) {
		mv_put_le64(id, o->ids[i]);
		writer_put(&w, id, MV_LINK_ID_LEN);
	}
	if (o->named) {
		writer_put(&w, o->id.b, NODE_ID_LEN);
		writer_le16(&w, (u16)o->hello_len);
		writer_put(&w, o->hello, o->hello_len);
	}
	return w.bad ? 0 : writer_len(&w);
}

static void read_ids(struct cursor *c, struct offer *o)
{
	u8 id[8] = { 0 };
	u32 i;

	for (i = 0; i < o->ids_count && i < DATAPATH_LINK_IDS; i++) {
		cursor_read(c, id, MV_LINK_ID_LEN);
		o->ids[i] = mv_get_le64(id);
	}
}

bool offer_read(struct offer *o, bool named, const u8 *in, size_t len)
{
	struct cursor c = cursor_of(in, len);
	u8 format = cursor_u8(&c);

	memset(o, 0, sizeof(*o));
	o->lanes = cursor_u8(&c);
	o->ids_count = cursor_u8(&c);
	o->instance = cursor_le64(&c);
	o->stamp = cursor_le64(&c);
	read_ids(&c, o);
	o->named = named;
	if (named) {
		cursor_read(&c, o->id.b, NODE_ID_LEN);
		o->hello_len = cursor_le16(&c);
		o->hello = cursor_take(&c, o->hello_len);
	}
	return cursor_done(&c) && format == OFFER_FORMAT && o->lanes && o->lanes <= DATAPATH_LANES_MAX &&
	       o->ids_count && o->ids_count <= DATAPATH_LINK_IDS;
}

size_t handshake_prologue(const struct node_id *responder, u8 out[64])
{
	memcpy(out, "meshvpn 1link", 13);
	out[13] = LINK_SUITE;
	memcpy(out + 14, responder->b, NODE_ID_LEN);
	return 14 + NODE_ID_LEN;
}
