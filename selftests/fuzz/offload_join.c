// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Joining of whatever comes from a peer: what is written, cut again, is what came in: each packet
 * once, unchanged, and in its order within a flow. Input: records that describe packets to build
 * (their checksums are right, so that they can be joined), or the bytes of a packet.
 */
#include "datapath/offload.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cursor.h"
#include "../inner_packet.h"

#define MAX_PACKETS 200
#define ROOM 600

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static struct {
	u32 len, flow;
	bool out;
	u8 data[ROOM], stable[ROOM];
} packets[MAX_PACKETS];
static u32 n_packets;

#define require(holds) do {						\
	if (!(holds)) {							\
		fprintf(stderr, "line %d: not %s\n", __LINE__, #holds);	\
		abort();						\
	}								\
} while (0)

/* The oldest packet like this that is not out yet; nothing of its flow may have overtaken it. */
static void came_out(u8 *data, u32 len)
{
	u32 i, k;

	inner_normalise(data, len);
	for (i = 0; i < n_packets; i++)
		if (!packets[i].out && packets[i].len == len && !memcmp(packets[i].data, data, len))
			break;
	require(i < n_packets);
	for (k = 0; k < i; k++)
		require(packets[k].out || packets[k].flow != packets[i].flow);
	packets[i].out = true;
}

static void written(void *arg, const struct iovec *iov, u32 count, u32 n)
{
	static u8 flat[10 + 65536 + ROOM], one[65536 + ROOM];
	struct offload_segment s;
	struct offload_cut cut;
	u32 i, len = 0, got = 0;

	require(count >= 2 && iov[0].iov_len == 10);
	for (i = 0; i < count; len += iov[i++].iov_len) {
		require(len + iov[i].iov_len <= sizeof(flat));
		memcpy(flat + len, iov[i].iov_base, iov[i].iov_len);
	}
	if (n == 1) {
		came_out(flat + 10, len - 10);
		return;
	}
	require(!offload_cut_init(&cut, flat, len));
	for (; offload_cut_next(&cut, &s); got++) {
		memcpy(one, s.hdr, s.hdr_len);
		memcpy(one + s.hdr_len, s.payload, s.payload_len);
		came_out(one, s.hdr_len + s.payload_len);
	}
	require(got == n);
}

/* Twelve bytes say how a packet differs from what its flow would send next. */
static u32 build(u8 *to, struct cursor *c, struct inner *flows, u32 *flow)
{
	u8 what = cursor_u8(c), size = cursor_u8(c), tweak = cursor_u8(c);
	struct inner *f = &flows[what & 3], p;

	*flow = what & 3;
	f->len = what & 4 ? size * 2u : f->len;
	p = *f;
	switch (tweak & 15) {
	case 1: p.flags ^= cursor_u8(c); break;
	case 2: p.window = cursor_le16(c); break;
	case 3: p.ack = cursor_le32(c); break;
	case 4: p.seq += cursor_u8(c); break;
	case 5: p.id += cursor_u8(c); break;
	case 6: p.timestamp = cursor_u8(c); break;
	case 7: p.options = cursor_u8(c) & 0x1c; break;
	case 8: p.ttl ^= 1; break;
	case 9: p.tos = cursor_u8(c); break;
	case 10: p.bad = true; break;
	case 11: p.df ^= true; break;
	case 12: f->df ^= true; break;
	case 13: p.len = 0; break;
	}
	f->seq += p.len;
	f->id += tweak & 16 ? 0 : f->version == 4;
	return inner_build(to, &p);
}

static u32 next_packet(u8 *to, struct cursor *c, struct inner *flows, u32 *flow)
{
	u32 len;

	if (*c->at != 0xff)
		return build(to, c, flows, flow);
	cursor_u8(c);
	len = cursor_le16(c) % ROOM;
	if (len > cursor_left(c))
		len = (u32)cursor_left(c);
	cursor_read(c, to, len);
	*flow = 1000 + n_packets;	/* none: its order is not looked at */
	return len;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct offload_join_conf conf = { .flows = 3, .uso = true, .write = written };
	struct inner flows[4] = {
		{ .version = 4, .proto = 6, .flags = 16, .ttl = 64, .options = 12, .len = 200 },
		{ .version = 6, .proto = 6, .flags = 16, .ttl = 64, .options = 12, .len = 200 },
		{ .version = 4, .proto = 17, .ttl = 64, .len = 100 },
		{ .version = 6, .proto = 17, .ttl = 64, .len = 100 },
	};
	struct cursor c = cursor_of(data, size);
	struct offload_join *j;
	u32 i;

	if (!size || offload_join_new(&j, &conf))
		return 0;
	for (n_packets = 0; cursor_left(&c) && n_packets < MAX_PACKETS && !c.bad;) {
		static u8 packet[INNER_MAX];
		u8 *copy = packets[n_packets].stable;
		u32 flow, len = next_packet(packet, &c, flows, &flow);
		bool stable = n_packets & 1;

		memcpy(packets[n_packets].data, packet, len);
		memcpy(copy, packet, len);
		inner_normalise(packets[n_packets].data, len);
		packets[n_packets].len = len;
		packets[n_packets].flow = flow;
		packets[n_packets++].out = false;
		offload_join_add(j, stable ? copy : packet, len, stable);
		memset(packet, 0xee, len);	/* it was not stable */
	}
	offload_join_flush(j);
	for (i = 0; i < n_packets; i++)
		require(packets[i].out);
	offload_join_free(j);
	return 0;
}
