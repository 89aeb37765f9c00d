// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * framing.json: the packer's payloads byte for byte; reassembly in order, in many shuffled orders,
 * and with the named losses, in order and shuffled.
 */
#include "vectors.h"

#include <string.h>
#include <sodium.h>

#include <datapath/reassembly.h>

#define MAX_PACKETS 4096
#define MAX_PAYLOADS REASSEMBLY_WINDOW
#define MAX_LEN 2048
#define SHUFFLES 50
#define MTU 1500

struct framing {
	u32 payload_len, packets, payloads;
	u64 first;
	u32 packet_len[MAX_PACKETS];
	u8 packet[MAX_PACKETS][MAX_LEN];
	u8 payload[MAX_PAYLOADS][MAX_LEN];
	bool lost[MAX_PAYLOADS];
	bool expect[MAX_PACKETS];	/* after the losses */
	u32 delivered[MAX_PACKETS];
	u32 last, disordered, foreign;
};

static void check_packer(struct vectors *v, const struct framing *f)
{
	struct mv_frame_packer p = { 0 };
	u8 out[MAX_LEN];
	u32 i, next = 0, put = 0;

	for (i = 0; i < f->payloads; i++) {
		memset(out, 0xee, sizeof(out));
		mv_frame_begin(&p, out, f->payload_len);
		while (mv_frame_room(&p) && (mv_frame_rest(&p) || next < f->packets)) {
			if (!mv_frame_rest(&p)) {
				mv_frame_start(&p, f->packet_len[next++]);
				put = 0;
			}
			put += mv_frame_put(&p, f->packet[next - 1] + put, mv_frame_rest(&p));
		}
		mv_frame_end(&p);
		if (!vectors_same(v, "payloads (packed)", out, f->payload[i], f->payload_len))
			return;
	}
	if (next < f->packets || mv_frame_rest(&p))
		vectors_fail(v, "payloads", "the packets need more than %u", f->payloads);
	else if (f->payloads > 1 && !mv_frame_used(&p))
		vectors_fail(v, "payloads", "more than the packets need");
}

static void sink(void *arg, const u8 *data, u32 len)
{
	struct framing *f = arg;
	u32 i;

	for (i = 0; i < f->packets; i++)
		if (f->packet_len[i] == len && !memcmp(f->packet[i], data, len) && !f->delivered[i])
			break;
	if (i == f->packets) {
		f->foreign++;
		return;
	}
	f->delivered[i]++;
	f->disordered += i < f->last;
	f->last = i;
}

/* Feed the payloads in @order, leaving out the lost ones if @losses. */
static void check_order(struct vectors *v, struct framing *f, struct reassembly_pool *pool,
			const u32 *order, bool losses, bool in_order)
{
	const char *field = losses ? "delivered_after_loss" : "packets";
	struct reassembly r;
	u32 i;

	memset(f->delivered, 0, sizeof(f->delivered));
	f->last = f->disordered = f->foreign = 0;
	reassembly_init(&r, pool);
	for (i = 0; i < f->payloads; i++)
		if (!losses || !f->lost[order[i]])
			reassembly_input(&r, f->first + order[i], f->payload[order[i]], f->payload_len,
					 0, sink, f);
	reassembly_fini(&r);
	for (i = 0; i < f->packets && v->ok; i++)
		if (f->delivered[i] != (losses ? f->expect[i] : 1))
			vectors_fail(v, field, "packet %u came %u times", i, f->delivered[i]);
	if (f->foreign)
		vectors_fail(v, field, "%u packets that were not sent", f->foreign);
	if (in_order && f->disordered)
		vectors_fail(v, field, "cells in order gave packets out of order");
}

static bool read_case(struct vectors *v, const json_t *c, struct framing *f)
{
	const json_t *packets, *payloads, *lost, *after;
	size_t i;
	u64 n;

	memset(f, 0, sizeof(*f));
	if (!vectors_fields(v, "case", c,
			    "payload_length packets first_sequence payloads lost delivered_after_loss"))
		return false;
	packets = vectors_array(v, c, "packets", 0);
	payloads = vectors_array(v, c, "payloads", 0);
	lost = json_object_get(c, "lost");
	after = json_object_get(c, "delivered_after_loss");
	f->payload_len = vectors_int(v, "payload_length", json_object_get(c, "payload_length"), MAX_LEN);
	f->first = vectors_int(v, "first_sequence", json_object_get(c, "first_sequence"), 1ULL << 40);
	if (!packets || !payloads || !json_is_array(lost) || !json_is_array(after) ||
	    json_array_size(packets) > MAX_PACKETS || json_array_size(payloads) > MAX_PAYLOADS ||
	    f->payload_len <= MV_FRAME_HEADER) {
		vectors_fail(v, "case", "a field is missing, or too much of one");
		return false;
	}
	f->packets = json_array_size(packets);
	f->payloads = json_array_size(payloads);
	for (i = 0; i < f->packets; i++) {
		int len = vectors_hex(v, "packets", json_array_get(packets, i), f->packet[i], MAX_LEN);

		f->packet_len[i] = len > 0 ? len : 0;
		if (!mv_frame_packet_ok(f->packet[i], f->packet_len[i], MTU))
			vectors_fail(v, "packets", "%zu is no IP packet of its own length", i);
	}
	for (i = 0; i < f->payloads; i++)
		vectors_bytes(v, "payloads", json_array_get(payloads, i), f->payload[i], f->payload_len);
	for (i = 0; i < json_array_size(lost); i++) {
		n = vectors_int(v, "lost", json_array_get(lost, i), 1ULL << 41) - f->first;
		if (n >= f->payloads || f->lost[n])
			vectors_fail(v, "lost", "entry %zu is no payload's number, or comes twice", i);
		else
			f->lost[n] = true;
	}
	for (i = 0; i < json_array_size(after); i++) {
		n = vectors_int(v, "delivered_after_loss", json_array_get(after, i), MAX_PACKETS);
		if (n >= f->packets || f->expect[n])
			vectors_fail(v, "delivered_after_loss", "entry %zu is no packet, or comes twice", i);
		else
			f->expect[n] = true;
	}
	return v->ok;
}

static void check_case(struct vectors *v, const json_t *c, struct framing *f,
		       struct reassembly_pool *pool)
{
	u32 order[MAX_PAYLOADS], i, j, k, t;

	if (!read_case(v, c, f))
		return;
	check_packer(v, f);
	for (i = 0; i < f->payloads; i++)
		order[i] = i;
	for (k = 0; k <= SHUFFLES && v->ok; k++) {
		check_order(v, f, pool, order, false, !k);
		check_order(v, f, pool, order, true, !k);
		for (i = f->payloads - 1; i > 0; i--) {
			j = randombytes_uniform(i + 1);
			t = order[i];
			order[i] = order[j];
			order[j] = t;
		}
	}
	for (i = 0; i < f->payloads; i++)	/* backwards */
		order[i] = f->payloads - 1 - i;
	check_order(v, f, pool, order, false, false);
	check_order(v, f, pool, order, true, false);
}

void vectors_framing(struct vectors *v, const json_t *root)
{
	static const struct reassembly_conf conf = { 2 * REASSEMBLY_WINDOW, 2 * REASSEMBLY_WINDOW, MTU,
						     REASSEMBLY_TIME_NS };
	struct framing *f = malloc(sizeof(*f));
	struct reassembly_pool pool;
	const json_t *cases;
	size_t i;

	if (!f || reassembly_pool_init(&pool, &conf))
		abort();
	vectors_fields(v, "framing file", root, "comment? cases");
	cases = vectors_array(v, root, "cases", 0);
	if (!v->ok)
		vectors_end(v);
	for (i = 0; i < json_array_size(cases); i++) {
		vectors_begin(v, "framing case %zu", i);
		check_case(v, json_array_get(cases, i), f, &pool);
		vectors_end(v);
	}
	reassembly_pool_fini(&pool);
	free(f);
}
