// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Cells that the engine opens itself: link control on circuit id 0, sealed under the session's
 * control key with the header's counter as nonce and S as tag, and building cells, which go up to
 * the circuit layer (Documentation/protocol-links.rst, "Control cells").
 */
#include "link_internal.h"

#include <sodium.h>

/* What one cell may ask of us: nobody who repeats himself in one datagram makes us answer a hundred. */
#define MESSAGES_CELL 8
#define ECHOES_CELL 1		/* of those, questions that are answered with a whole cell each */

static void nonce_of(u64 counter, u8 nonce[12])
{
	memset(nonce, 0, 4);
	mv_put_le64(nonce + 4, counter);
}

/* Seal the body that stands in @cell. False: out of numbers. */
static bool seal(struct session *s, enum mv_class class, u64 tx_id, u8 *cell)
{
	u32 body = mv_class_body(class);
	u8 nonce[12], random;

	if (s->tx_counter > MV_COUNTER_MAX)
		return false;
	nonce_of(s->tx_counter, nonce);
	crypto_aead_chacha20poly1305_ietf_encrypt_detached(cell + MV_CELL_BODY, cell + MV_CELL_LAYER, NULL,
							   cell + MV_CELL_BODY, body, NULL, 0, NULL, nonce,
							   s->tx_keys.control);
	links_random(s->link->links, &random, 1);
	mv_header_seal(cell, &s->tx_header, tx_id, MV_CIRCUIT_CONTROL, s->tx_counter++, body, random);
	return true;
}

static void transmit(struct session *s, enum mv_class class, u64 tx_id, u32 lane, const struct endpoint *to, u8 *cell)
{
	struct links *ls = s->link->links;

	if (!seal(s, class, tx_id ? tx_id : s->tx_id, cell))
		return;
	ls->stats.control_tx++;
	links_send(ls, lane, to, cell, mv_class_cell(class));
}

void control_send_cell(struct session *s, enum mv_class class, u64 tx_id, u32 lane, const struct endpoint *to,
		       u8 type, u64 txid, const void *data, size_t len)
{
	struct message m = { type, 0, txid, data, len };
	struct message_fragments f = message_fragments_of(&m);
	u8 cell[MV_CELL_MAX] = { 0 };

	message_fragment(&f, cell + MV_CELL_BODY, mv_class_body(class));
	transmit(s, class, tx_id, lane, to, cell);
}

int control_send(struct link *l, enum mv_class class, u8 type, u8 flags, u64 txid, const void *data, size_t len)
{
	struct message m = { type, flags, txid, data, len };
	struct message_fragments f = message_fragments_of(&m);
	u8 cell[MV_CELL_MAX];

	if (!l->current)
		return -ENOTCONN;
	if (len > MESSAGE_MAX)
		return -EMSGSIZE;
	while (!f.done) {
		memset(cell, 0, sizeof(cell));
		message_fragment(&f, cell + MV_CELL_BODY, mv_class_body(class));
		transmit(l->current, class, 0, l->lane, &l->remote, cell);
	}
	l->last_tx = now_of(l);
	return 0;
}

int link_message(struct link *l, u8 type, u8 flags, u64 txid, const void *data, size_t len)
{
	return l->state == LINK_UP ? control_send(l, MV_MEDIUM, type, flags, txid, data, len) : -ENOTCONN;
}

u64 link_txid(struct link *l)
{
	return l->txid++;
}

int link_cell(struct link *l, u32 circuit, u64 counter, enum mv_class class, u8 *cell)
{
	struct links *ls = l->links;
	u8 random;

	if (l->state != LINK_UP)
		return -ENOTCONN;
	links_random(ls, &random, 1);
	mv_header_seal(cell, &l->current->tx_header, l->current->tx_id, circuit, counter, mv_class_body(class), random);
	links_send(ls, l->lane, &l->remote, cell, mv_class_cell(class));
	l->last_tx = now_of(l);
	return 0;
}

/* ---- receiving ---- */

/* Body to plaintext in place; the number is committed last. */
static bool open_control(struct session *s, const struct mv_header *h, u8 *cell, size_t len)
{
	struct links_stats *stats = &s->link->links->stats;
	u8 nonce[12];

	if (!mv_replay_check(&s->rx_window, h->counter)) {
		stats->control_replay++;
		return false;
	}
	nonce_of(h->counter, nonce);
	if (crypto_aead_chacha20poly1305_ietf_decrypt_detached(cell + MV_CELL_BODY, NULL, cell + MV_CELL_BODY,
							       len - MV_CELL_HEADER, cell + MV_CELL_LAYER, NULL, 0,
							       nonce, s->rx_keys.control)) {
		stats->control_bad++;
		return false;
	}
	if (!mv_replay_commit(&s->rx_window, h->counter)) {
		stats->control_replay++;
		return false;
	}
	stats->control_rx++;
	return true;
}

static void own_message(struct link *l, const struct message *m, u32 lane, const struct endpoint *from,
			enum mv_class class)
{
	switch (m->type) {
	case MESSAGE_PATH_CHALLENGE:
	case MESSAGE_PATH_RESPONSE:
		path_message(l, m, lane, from);
		break;
	case MESSAGE_REKEY:
	case MESSAGE_REKEYED:
		rekey_message(l, m);
		break;
	default:
		keepalive_message(l, m, class);
	}
}

static bool echoes(const struct message *m)
{
	return m->type == MESSAGE_PING || m->type == MESSAGE_PROBE || m->type == MESSAGE_PATH_CHALLENGE;
}

static void messages(struct link *l, u8 *body, size_t len, u32 lane, const struct endpoint *from, enum mv_class class)
{
	struct cursor c = cursor_of(body, len);
	struct links *ls = l->links;
	struct message m;
	u64 dropped = l->joiner.dropped;
	u32 n = 0, echoed = 0;
	int r;

	while ((r = message_join(&l->joiner, &c, now_of(l), &m)) > 0) {
		if (++n > MESSAGES_CELL || (echoes(&m) && ++echoed > ECHOES_CELL)) {
			ls->stats.messages_bad++;
			break;
		}
		if (m.type < MESSAGE_CREATE)
			own_message(l, &m, lane, from, class);
		else
			ls->ops->message(ls->arg, l, &m);
		if (l->state != LINK_UP)
			break;
	}
	ls->stats.messages_bad += r < 0;
	ls->stats.fragments_dropped += l->joiner.dropped - dropped;
}

/* Is it the newest of its session? Older ones say nothing about addresses (RFC 9000, 9.3). */
static bool newest(const struct session *s, const struct mv_header *h)
{
	return s->rx_window.next == h->counter + 1;
}

/* Is it the first cell of the session under one of its further ids? */
static bool first_use(struct session *s, u64 rx_id)
{
	u8 had = s->rx_seen;
	u32 i;

	for (i = 0; i < s->rx_count; i++)
		if (s->rx[i].node.key == rx_id)
			s->rx_seen |= (u8)(1 << i);
	return had && s->rx_seen != had;
}

/* The peer takes a fresh one of our ids for each new address: it needs more in time. */
static bool few_ids_left(const struct session *s, u64 rx_id)
{
	return s == s->link->current && rx_id == s->rx[s->rx_count - 2].node.key;
}

static void control_cell(struct session *s, const struct mv_header *h, u8 *cell, size_t len, u32 lane,
			 const struct endpoint *from)
{
	struct link *l = s->link;
	bool moved;

	if (!open_control(s, h, cell, len))
		return;
	link_enter(l);
	if (l->state == LINK_HALF) {
		struct link *into = l;
		bool ok = half_confirm(&into);

		if (into != l) {
			/* the session moved to the link that we have with that peer, which is entered */
			link_leave(l);
			l = into;
		}
		if (!ok)
			goto out;
	}
	if (l->next == s) {
		session_merge(l, s);
		l->links->stats.rekeys++;
	}
	l->last_rx = now_of(l);
	if (few_ids_left(s, mv_cell_link(cell)))
		rekey_start(l);
	moved = first_use(s, mv_cell_link(cell));
	if (moved || newest(s, h))
		path_seen(s, lane, from, moved);
	if (l->state == LINK_UP)
		messages(l, cell + MV_CELL_BODY, len - MV_CELL_HEADER, lane, from, mv_cell_class((u32)len));
out:
	link_leave(l);
}

static void circuit_cell(struct session *s, const struct mv_header *h, u8 *cell, size_t len)
{
	struct link *l = s->link;
	struct links *ls = l->links;

	/* a link that nobody confirmed has no circuits */
	if (l->state != LINK_UP)
		return;
	link_enter(l);
	if (l->next == s) {
		session_merge(l, s);
		ls->stats.rekeys++;
	}
	ls->ops->cell(ls->arg, l, h, cell, len);
	link_leave(l);
}

void link_heard(struct link *l)
{
	l->last_rx = now_of(l);
}

/* One that waits for message 2 has ids, but no keys yet. */
static bool session_receives(const struct session *s)
{
	const struct link *l = s->link;

	return s == l->current || s == l->next || s == l->previous;
}

void control_datagram(struct links *ls, u32 lane, const struct endpoint *from, const u8 *data, size_t len)
{
	struct session *s = session_find(ls, mv_cell_link(data));
	struct mv_header h;
	u8 cell[MV_CELL_MAX];

	if (!s || !session_receives(s)) {
		ls->stats.unknown_link++;
		return;
	}
	if (!mv_header_open(data, &s->rx_header, (u32)len - MV_CELL_HEADER, &h)) {
		ls->stats.header_bad++;
		return;
	}
	memcpy(cell, data, len);
	if (h.circuit == MV_CIRCUIT_CONTROL)
		control_cell(s, &h, cell, len, lane, from);
	else
		circuit_cell(s, &h, cell, len);
}
