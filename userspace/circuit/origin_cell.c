// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Building cells at the origin: all layers on with tf innermost, all layers off with tb innermost,
 * in the daemon's own range of numbers and with windows of its own.
 */
#include "origin_internal.h"

#include <sodium.h>

#define SUBTYPE_CONTROL 0x80
#define SKIP 4			/* 0 to 3 numbers before a message */
#define NUMBERS_LOW 512		/* left: replace the circuit */

/* Keys of the circuit as it is now: kf, kb of the relays, tf, tb of the end. */
void origin_keys_update(struct origin *o)
{
	struct onion_keys *k = &o->secrets->onion;
	u32 i;

	k->hops = o->hops;
	k->reserve = MV_RESERVE_LONG;
	for (i = 0; i < o->hops; i++) {
		const struct hop_keys *hop = &o->secrets->hop[i];
		bool last = i + 1 == o->hops;

		memcpy(k->kf[i], last ? hop->tf : hop->kf, MV_KEY_LEN);
		memcpy(k->kb[i], last ? hop->tb : hop->kb, MV_KEY_LEN);
	}
	mv_replay_init(&o->window_end);
}

static void cell_send(struct origin *o, const struct message *m, size_t *offset)
{
	u8 cell[MV_CELL_MAX], scratch[ONION_SCRATCH], fill[MV_RESERVE_LONG];
	struct onion_keys *keys = &o->secrets->onion;
	struct onion_wrap wrap = {
		.keys = keys, .counter = o->number, .body = MV_BODY_MEDIUM,
		.cell = cell, .scratch = scratch, .fill = fill,
	};
	u8 *payload = onion_payload(keys, cell, scratch);

	memset(payload, 0, 4);
	payload[0] = SUBTYPE_CONTROL;
	*offset += assembly_cut(m, *offset, payload + 4, ORIGIN_PAYLOAD - 4);
	random_bytes(o->c, fill, onion_fill_len(keys));
	onion_wrap(&wrap, 1);
	o->number++;
	link_cell(o->end.link, o->end.circuit, wrap.counter, MV_MEDIUM, cell);
	sodium_memzero(scratch, sizeof(scratch));
}

void origin_send(struct origin *o, const struct message *m, bool fresh)
{
	size_t offset = 0;

	if (fresh)
		o->number += random_below(o->c, SKIP);
	do {
		if (o->number >= MV_COUNTER_FIRST) {
			o->c->stats.numbers_used_up++;
			origin_fail(o, REASON_EXPIRED, REFUSAL_NONE);
			return;
		}
		cell_send(o, m, &offset);
	} while (offset < m->len);
	if (o->number + NUMBERS_LOW >= MV_COUNTER_FIRST && o->state == ORIGIN_READY)
		origin_spent(o);
}

static void message(void *arg, const struct message *m)
{
	struct origin *o = arg;

	/* what comes behind the message that ended building is not for us any more */
	if (o->secrets && o->state != ORIGIN_DEAD)
		origin_answer(o, m);
}

void origin_cell(struct circuits *c, struct end *e, const struct mv_header *header, u8 *cell, size_t len)
{
	struct origin *o = container_of(e, struct origin, end);
	u8 scratch[ONION_SCRATCH];
	struct onion_unwrap u = {
		.highest = o->highest, .cell = cell, .body = MV_BODY_MEDIUM, .scratch = scratch,
		.counters = { header->counter },
	};
	u64 number;

	if (!o->secrets || !o->hops) {
		c->stats.origin_late++;
		return;
	}
	if (mv_cell_class(len) != MV_MEDIUM) {
		c->stats.cell_class++;
		return;
	}
	if (!mv_replay_check(&o->window1, header->counter)) {
		c->stats.origin_replay++;
		return;
	}
	u.keys = &o->secrets->onion;
	onion_unwrap(&u, 1);
	number = u.counters[o->hops - 1];
	if (!u.ok || number >= MV_COUNTER_FIRST) {
		c->stats.origin_layer++;
		return;
	}
	if (!mv_replay_commit(&o->window_end, number) || !mv_replay_commit(&o->window1, header->counter)) {
		c->stats.origin_replay++;
		return;
	}
	o->last = now(c);
	if (u.payload[0] != SUBTYPE_CONTROL ||
	    !assembly_feed(&o->assembly, now(c), u.payload + 4, ORIGIN_PAYLOAD - 4, message, o))
		c->stats.message_bad++;
	sodium_memzero(scratch, sizeof(scratch));
}
