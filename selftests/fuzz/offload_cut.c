// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Cutting of whatever claims to come from TUN: stays in its bounds, ends, gives back each byte of
 * the payload once and in order, and every checksum it makes is right.
 */
#include "datapath/offload.h"

#include <stdio.h>
#include <stdlib.h>

#include "../inner_packet.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define require(holds) do {						\
	if (!(holds)) {							\
		fprintf(stderr, "line %d: not %s\n", __LINE__, #holds);	\
		abort();						\
	}								\
} while (0)

/* Segments of superpackets are whole packets with the lengths and checksums they should have. */
static void check_segment(const struct offload_cut *cut, const struct offload_segment *s)
{
	static u8 flat[OFFLOAD_HDR_MAX + 65536];
	u32 len = s->hdr_len + s->payload_len, l4_len = len - cut->l4;
	u16 sum;

	memcpy(flat, s->hdr, s->hdr_len);
	memcpy(flat + s->hdr_len, s->payload, s->payload_len);
	if (cut->family == 4) {
		require(mv_get_be16(flat + 2) == len);
		require(!inner_checksum(flat, cut->l4, 0));
	} else {
		require(mv_get_be16(flat + 4) == len - 40);
	}
	sum = inner_checksum(flat + cut->l4, l4_len, inner_pseudo(flat, cut->proto, l4_len));
	require(!sum);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	const u8 *at = NULL;
	struct offload_segment s;
	struct offload_cut cut;
	u32 total = 0, n = 0;

	if (size > 10 + 65575 || offload_cut_init(&cut, data, (u32)size))
		return 0;
	while (offload_cut_next(&cut, &s)) {
		require(s.hdr_len <= OFFLOAD_HDR_MAX && s.hdr_len + s.payload_len > 0);
		require(s.payload >= data + 10 && s.payload + s.payload_len <= data + size);
		require(!n || s.payload == at);
		require(cut.plain || s.payload_len <= cut.mss);
		at = s.payload + s.payload_len;
		total += s.payload_len;
		if (!cut.plain)
			check_segment(&cut, &s);
		require(++n <= 65536 / 8);
	}
	require(n && total + cut.hdr_len == size - 10);
	return 0;
}
