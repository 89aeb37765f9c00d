// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Building cells at the origin: all layers on with tf innermost, all layers off with tb innermost,
 * in the daemon's own range of numbers and with windows of its own.
 */
#include "origin_internal.h"

#include <meshvpn/frame.h>
#include <sodium.h>

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

static void cell_send(struct origin *o, struct message_fragments *f)
{
	u8 cell[MV_CELL_MAX], scratch[ONION_SCRATCH], fill[MV_RESERVE_LONG];
	struct onion_keys *keys = &o->secrets->onion;
	struct onion_wrap wrap = {
		.keys = keys, .counter = o->number, .body = MV_BODY_MEDIUM,
		.cell = cell, .scratch = scratch, .fill = fill,
	};
	u8 *payload = onion_payload(keys, cell, scratch);

	memset(payload, 0, ORIGIN_PAYLOAD);
	payload[0] = MV_SUBTYPE_CONTROL;
	message_fragment(f, payload + 4, ORIGIN_PAYLOAD - 4);
	random_bytes(o->c, fill, onion_fill_len(keys));
	onion_wrap(&wrap, 1);
	o->number++;
	link_cell(o->end.link, o->end.circuit, wrap.counter, MV_MEDIUM, cell);
	sodium_memzero(scratch, sizeof(scratch));
}

void origin_send(struct origin *o, const struct message *m, bool fresh)
{
	struct message_fragments f = message_fragments_of(m);

	if (fresh)
		o->number += random_below(o->c, SKIP);
	while (!f.done) {
		if (o->number >= MV_COUNTER_FIRST) {
			o->c->stats.numbers_used_up++;
			origin_fail(o, REASON_EXPIRED, REFUSAL_NONE);
			return;
		}
		cell_send(o, &f);
	}
	if (o->number + NUMBERS_LOW >= MV_COUNTER_FIRST && o->state == ORIGIN_READY)
		origin_spent(o);
}

static void messages(struct origin *o, const u8 *payload)
{
	struct cursor at = cursor_of(payload + 4, ORIGIN_PAYLOAD - 4);
	struct message m;
	int got = -EBADMSG;

	/* what comes behind the message that ended building is not for us any more */
	if (payload[0] == MV_SUBTYPE_CONTROL)
		while (o->secrets && (got = message_join(&o->joiner, &at, now(o->c), &m)) > 0)
			origin_answer(o, &m);
	if (got < 0)
		o->c->stats.message_bad++;
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
	link_heard(e->link);
	messages(o, u.payload);
	sodium_memzero(scratch, sizeof(scratch));
}
