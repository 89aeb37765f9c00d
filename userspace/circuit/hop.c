// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The open end: cells under tf and tb with windows and numbers of the daemon's own, what becomes
 * of a hop when the datapath has it, and its end.
 */
#include "hop.h"
#include "session.h"

#include <datapath/onion.h>
#include <meshvpn/frame.h>
#include <sodium.h>

#define PAYLOAD (MV_BODY_MEDIUM - MV_RESERVE_LONG)
#define MESSAGES_CELL 8		/* read of one payload: each may cost an answer of a cell */

/* ---- sending under tb ---- */

static void seal_and_send(struct hop *h, u8 *cell)
{
	struct aead_job job;

	onion_seal(&job, h->keys.tb, h->number, cell, MV_BODY_MEDIUM, MV_RESERVE_LONG);
	aead_run(&job, 1);
	link_cell(h->in.link, h->in.circuit, h->number, MV_MEDIUM, cell);
	h->number++;
}

void hop_send(struct hop *h, u8 type, u64 txid, const void *data, size_t len)
{
	struct message m = { .type = type, .txid = txid, .data = data, .len = len };
	struct message_fragments f = message_fragments_of(&m);
	u8 cell[MV_CELL_MAX], *payload = cell + MV_CELL_BODY;

	while (!f.done) {
		if (h->erased || h->number >= MV_COUNTER_FIRST) {
			h->c->stats.numbers_used_up += !h->erased;
			return;
		}
		memset(payload, 0, PAYLOAD);
		payload[0] = MV_SUBTYPE_CONTROL;
		message_fragment(&f, payload + 4, PAYLOAD - 4);
		seal_and_send(h, cell);
	}
}

bool hop_request_new(struct hop *h, const struct message *m, u64 *repeated, u64 *conflict)
{
	struct message reply;

	switch (replies_begin(&h->replies, now(h->c), m, &reply)) {
	case REPLIES_NEW:
		return true;
	case REPLIES_KNOWN:
		++*repeated;
		hop_send(h, reply.type, reply.txid, reply.data, reply.len);
		return false;
	case REPLIES_PENDING:
		++*repeated;
		return false;
	case REPLIES_CONFLICT:
		++*conflict;
		return false;
	default:
		h->c->stats.requests_full++;
		return false;
	}
}

void hop_answer(struct hop *h, const struct message *request, u8 type, const void *data, size_t len)
{
	replies_answer(&h->replies, request->txid, type, 0, data, len);
	hop_send(h, type, request->txid, data, len);
}

void hop_refuse(struct hop *h, const struct message *request, enum wire_refusal why, u64 *counter)
{
	struct wire_failed m = { .reason = why };
	u8 data[32];
	struct writer w = writer_of(data, sizeof(data));

	++*counter;
	wire_refused_write(&w, &m);
	hop_answer(h, request, MESSAGE_REFUSED, data, writer_len(&w));
}

/* ---- receiving under tf ---- */

static void message(struct hop *h, const struct message *m)
{
	if (m->type == MESSAGE_CIRCUIT_PING) {
		h->c->stats.pings++;
		hop_send(h, MESSAGE_CIRCUIT_PONG, m->txid, NULL, 0);
	} else if (m->type == MESSAGE_EXTEND) {
		hop_extend(h, m);
	} else if (m->type == MESSAGE_BIND) {
		hop_bind(h, m);
	} else {
		h->c->stats.message_unknown++;
	}
}

static bool open_cell(struct hop *h, u64 counter, u8 *cell)
{
	struct circuits_stats *stats = &h->c->stats;
	struct aead_job job;

	if (!mv_replay_check(&h->window, counter)) {
		stats->cell_replay++;
		return false;
	}
	onion_open(&job, h->keys.tf, counter, cell, MV_BODY_MEDIUM);
	aead_run(&job, 1);
	if (!job.ok) {
		stats->cell_layer++;
		return false;
	}
	return mv_replay_commit(&h->window, counter);
}

static void messages(struct hop *h, const u8 *payload)
{
	struct cursor at = cursor_of(payload + 4, PAYLOAD - 4);
	struct message m;
	int got = -EBADMSG;
	u32 n = 0;

	if (payload[0] == MV_SUBTYPE_CONTROL)
		/* what comes behind a BIND that could not be installed finds no keys any more */
		while (!h->doomed && n++ < MESSAGES_CELL && (got = message_join(&h->joiner, &at, now(h->c), &m)) > 0)
			message(h, &m);
	if (got < 0)
		h->c->stats.message_bad++;
}

void hop_cell(struct circuits *c, struct end *in, const struct mv_header *header, u8 *cell, size_t len)
{
	struct hop *h = container_of(in, struct hop, in);

	if (h->erased) {
		c->stats.cell_erased++;
	} else if (mv_cell_class(len) != MV_MEDIUM) {
		c->stats.cell_class++;
	} else if (header->counter >= MV_COUNTER_FIRST) {
		c->stats.cell_number++;
	} else if (open_cell(h, header->counter, cell)) {
		h->last = now(c);
		link_heard(in->link);
		messages(h, cell + MV_CELL_BODY);
		if (h->doomed || h->number >= MV_COUNTER_FIRST)
			hop_end(h, REASON_EXPIRED);
	}
}

/* ---- in the datapath ---- */

int hop_install(struct hop *h, struct datapath_circuit *dc, const struct datapath_op *before, u32 count)
{
	struct datapath_op ops[4];
	u32 i;
	int err;

	dc->link = link_id(h->in.link);
	dc->circuit = h->in.circuit;
	dc->hops = 1;
	dc->data_class = h->choice.data_class;
	dc->small_forward = h->choice.small_forward;
	dc->pass = true;
	for (i = 0; i < count; i++)
		ops[i] = before[i];
	ops[count] = (struct datapath_op){ DATAPATH_NEW, DATAPATH_OBJ_CIRCUIT, .circuit = dc };
	err = datapath_apply(h->c->dp, ops, count + 1, NULL);
	sodium_memzero(dc->kf, sizeof(dc->kf));
	sodium_memzero(dc->kb, sizeof(dc->kb));
	/* whatever the result: these keys are not installed a second time */
	sodium_memzero(h->keys.kf, 4 * MV_KEY_LEN);
	if (err)
		return err;
	h->pass = true;
	timer_arm(h->c->ts, &h->pass_timer, now(h->c) + h->c->conf.pass_ns);
	return 0;
}

void hop_erase(struct hop *h)
{
	h->erased = true;
	sodium_memzero(&h->keys, sizeof(h->keys));
	replies_fini(&h->replies);
	message_joiner_fini(&h->joiner);	/* and ready again, for messages under df */
	message_joiner_init(&h->joiner);
}

/* The first cell under kf or df verified. */
static void passed(struct hop *h)
{
	h->pass = false;
	h->last = now(h->c);
	timer_cancel(h->c->ts, &h->pass_timer);
	hop_erase(h);
	if (h->session)
		session_live(h->session, h);
}

void hop_event(struct circuits *c, struct end *in, const struct datapath_event *event)
{
	struct hop *h = container_of(in, struct hop, in);

	if (h->mode == HOP_OPEN)
		return;
	if (h->pass && event->kind != DATAPATH_EV_COUNTER)
		passed(h);
	if (event->kind == DATAPATH_EV_COUNTER)
		return;		/* the origin's business; the datapath stops at the end by itself */
	if (event->kind == DATAPATH_EV_CONTROL && h->mode == HOP_TERMINUS)
		hop_control(h, event->data, event->len);
}

/* ---- its end ---- */

void hop_end(struct hop *h, enum link_reason reason)
{
	struct circuits *c = h->c;
	struct session *s = h->session;

	if (h->mode != HOP_OPEN && h->in.link)
		datapath_remove(c, link_id(h->in.link), h->in.circuit);
	end_destroy_send(c, &h->in, reason == REASON_REQUESTED ? reason : REASON_GENERIC);
	end_destroy_send(c, &h->out, REASON_GENERIC);
	hop_extend_stop(h);
	end_detach(c, &h->out);
	end_detach(c, &h->in);
	timer_cancel(c->ts, &h->pass_timer);
	hop_erase(h);
	list_del(&h->list);
	c->hop_count--;
	if (s)
		session_leg_lost(s, h);
	sodium_memzero(h, sizeof(*h));
	free(h);
}

/*
 * A neighbour ended the circuit or its link is gone. Before the circuit is installed, the loss of
 * the next relay only fails the EXTEND.
 */
void hop_end_lost(struct circuits *c, struct end *e, enum link_reason reason)
{
	struct wire_failed failed = { .reason = REFUSAL_UNREACHABLE };
	struct hop *h;

	if (e->kind == END_OUT) {
		h = container_of(e, struct hop, out);
		if (h->extend.busy) {
			if (hop_extend_again(h))
				return;
			c->stats.extend_link++;
			hop_extend_fail(h, &failed);
			return;
		}
	} else {
		h = container_of(e, struct hop, in);
	}
	if (e->kind == END_IN && h->mode != HOP_OPEN)
		datapath_remove(c, link_id(h->in.link), h->in.circuit);	/* while the link is known */
	end_detach(c, e);		/* no DESTROY back to where it came from */
	hop_end(h, reason == REASON_REQUESTED ? REASON_REQUESTED : REASON_GENERIC);
}

int hop_describe(struct end *in, struct circuit_info *info)
{
	struct hop *h = container_of(in, struct hop, in);
	struct datapath_circuit_info d;

	info->role = h->mode == HOP_RELAY ? CIRCUIT_RELAY : h->mode == HOP_TERMINUS ? CIRCUIT_EXIT : CIRCUIT_OPEN;
	info->link = link_id(in->link);
	info->circuit = in->circuit;
	info->born = h->born;
	info->last = h->last;
	info->pass = h->pass;
	if (h->mode == HOP_RELAY) {
		info->out_link = link_id(h->out.link);
		info->out_circuit = h->out.circuit;
	}
	if (h->mode == HOP_OPEN || datapath_circuit_get(h->c->dp, info->link, info->circuit, &d))
		return 0;
	info->rx_cells = d.rx_cells;
	info->rx_bytes = d.rx_bytes;
	info->tx_cells = d.tx_cells;
	info->tx_bytes = d.tx_bytes;
	if (d.last_rx > info->last)
		info->last = d.last_rx;
	return 0;
}
