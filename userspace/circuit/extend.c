// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * EXTEND: what a relay may be asked to contact, and the way from the request over the link and
 * CREATE to the installed relay and EXTENDED.
 */
#include "hop.h"

#include <sodium.h>

#define RTO_FIRST (150 * NSEC_PER_MSEC)	/* rtt of the link unknown */
#define RTO_MIN (40 * NSEC_PER_MSEC)
#define RTO_MAX (600 * NSEC_PER_MSEC)
#define TRIES_SUSPECT 4		/* of CREATE: then the link is asked whether it lives */

/* CREATE's circuit id is its first field: written when the link is there. */
static int create_body(struct hop *h, const struct wire_extend *m)
{
	struct wire_create create = {
		.circuit = 1, .suite = m->suite, .budget = h->budget - 1, .puzzle = m->puzzle,
		.handshake = m->handshake, .handshake_len = m->handshake_len,
	};
	size_t room = m->handshake_len + 64;
	struct writer w;

	h->extend.create = malloc(room);
	if (!h->extend.create)
		return -ENOMEM;
	w = writer_of(h->extend.create, room);
	wire_create_write(&w, &create);
	h->extend.create_len = writer_len(&w);
	return 0;
}

void hop_extend_stop(struct hop *h)
{
	struct extend *x = &h->extend;

	x->busy = false;
	timer_cancel(h->c->ts, &x->timer);
	free(x->create);
	x->create = NULL;
}

void hop_extend_fail(struct hop *h, const struct wire_failed *why)
{
	u8 data[64];
	struct writer w = writer_of(data, sizeof(data));
	u64 txid = h->extend.txid;

	hop_extend_stop(h);
	end_destroy_send(h->c, &h->out, REASON_GENERIC);
	end_detach(h->c, &h->out);
	wire_refused_write(&w, why);
	replies_answer(&h->replies, txid, MESSAGE_REFUSED, 0, data, writer_len(&w));
	hop_send(h, MESSAGE_REFUSED, txid, data, writer_len(&w));
}

static void fail(struct hop *h, enum wire_refusal why, u64 *counter)
{
	struct wire_failed m = { .reason = why };

	++*counter;
	hop_extend_fail(h, &m);
}

/* ---- CREATE to the next relay ---- */

static void create_send(struct hop *h)
{
	struct extend *x = &h->extend;
	u64 at = now(h->c) + x->rto;

	link_message(h->out.link, MESSAGE_CREATE, 0, x->create_txid, x->create, x->create_len);
	x->rto = x->rto * 7 / 5 < RTO_MAX ? x->rto * 7 / 5 : RTO_MAX;
	timer_arm(h->c->ts, &x->timer, at < x->deadline ? at : x->deadline);
	if (++x->tries == TRIES_SUSPECT)
		link_suspect(h->out.link);
}

static void timeout(struct timer *t)
{
	struct hop *h = container_of(t, struct hop, extend.timer);
	struct link *link = h->out.link;

	if (now(h->c) < h->extend.deadline) {
		if (h->out.circuit)
			create_send(h);
		else
			hop_link_up(h->c, &h->out);
		return;
	}
	fail(h, REFUSAL_TIMEOUT, &h->c->stats.extend_timeout);
	if (link_is_up(link))
		link_suspect(link);
}

/* A new link may still be finding out what its path carries. */
static void class_wait(struct hop *h)
{
	struct extend *x = &h->extend;

	if (!x->class_until)
		x->class_until = now(h->c) + CLASS_WAIT;
	if (now(h->c) >= x->class_until)
		fail(h, REFUSAL_CLASS, &h->c->stats.extend_class);
	else
		timer_arm(h->c->ts, &x->timer, now(h->c) + CLASS_PAUSE);
}

void hop_link_up(struct circuits *c, struct end *out)
{
	struct hop *h = container_of(out, struct hop, out);
	u64 rtt = link_rtt(out->link);
	u32 circuit;

	if (link_class(out->link) < h->choice.data_class) {
		class_wait(h);
		return;
	}
	circuit = link_circuit_new(out->link, h->in.circuit);
	if (!circuit || end_find(c, link_id(out->link), circuit)) {
		fail(h, REFUSAL_LIMIT, &c->stats.extend_link);
		return;
	}
	end_name(c, out, circuit, true);
	mv_put_le32(h->extend.create, circuit);
	h->extend.create_txid = link_txid(out->link);
	h->extend.rto = rtt ? rtt * 3 / 2 + RTO_MIN / 2 : RTO_FIRST;
	h->extend.tries = 0;
	create_send(h);
}

void hop_create_failed(struct circuits *c, struct end *out, const struct message *m, const struct wire_failed *failed)
{
	struct hop *h = container_of(out, struct hop, out);
	struct wire_failed passed = *failed;

	if (!h->extend.busy || m->txid != h->extend.create_txid)
		return;
	switch (failed->reason) {
	case REFUSAL_PUZZLE:
	case REFUSAL_LIMIT:
	case REFUSAL_CLASS:
	case REFUSAL_PROTOCOL:
		break;
	default:
		passed.reason = REFUSAL_LIMIT;
	}
	c->stats.extend_refused++;
	/* the refusing side keeps nothing: no DESTROY */
	end_detach(c, out);
	hop_extend_fail(h, &passed);
}

static int install(struct hop *h)
{
	struct datapath_circuit dc = {
		.kind = DATAPATH_RELAY,
		.out_link = link_id(h->out.link), .out_circuit = h->out.circuit,
		.rate = h->c->conf.rate, .burst = h->c->conf.burst,
	};

	memcpy(dc.kf[0], h->keys.kf, MV_KEY_LEN);
	memcpy(dc.kb[0], h->keys.kb, MV_KEY_LEN);
	return hop_install(h, &dc, NULL, 0);
}

void hop_created(struct circuits *c, struct end *out, const struct message *m, const struct wire_created *created)
{
	struct hop *h = container_of(out, struct hop, out);
	struct wire_extended extended = { created->handshake, created->handshake_len };
	u8 data[WIRE_HANDSHAKE_MAX + 8];
	struct writer w = writer_of(data, sizeof(data));

	if (!h->extend.busy || m->txid != h->extend.create_txid)
		return;
	if (install(h)) {
		/* its keys are gone: nothing can be done with this circuit any more */
		c->stats.extend_install++;
		hop_end(h, REASON_GENERIC);
		return;
	}
	h->mode = HOP_RELAY;
	hop_extend_stop(h);
	c->stats.extended++;
	wire_extended_write(&w, &extended);
	replies_answer(&h->replies, h->extend.txid, MESSAGE_EXTENDED, 0, data, writer_len(&w));
	hop_send(h, MESSAGE_EXTENDED, h->extend.txid, data, writer_len(&w));
}

/* ---- the request ---- */

/* Keep the addresses that may be contacted on a stranger's word. */
static bool contactable(const struct circuits *c, struct peer *peer)
{
	u32 i, n = 0;

	for (i = 0; i < peer->endpoint_count && i < PEER_ENDPOINTS_MAX; i++) {
		struct endpoint e = endpoint_normal(&peer->endpoints[i]);

		if (endpoint_contactable(&e, c->conf.private_network))
			peer->endpoints[n++] = peer->endpoints[i];
	}
	peer->endpoint_count = n;
	return n;
}

static bool resolve(struct hop *h, const struct message *m, const struct wire_extend *x, struct peer *peer)
{
	struct circuits *c = h->c;
	int err = c->ops->resolve(c->arg, &x->next, x->descriptor, x->descriptor_len, peer);

	if (!err && !node_id_equal(&peer->id, &x->next))
		err = -ENOENT;
	if (err == -ENOENT)
		hop_refuse(h, m, REFUSAL_UNKNOWN, &c->stats.extend_unknown);
	else if (err == -EDQUOT)
		hop_refuse(h, m, REFUSAL_LIMIT, &c->stats.extend_descriptor);
	else if (err)
		hop_refuse(h, m, REFUSAL_PROTOCOL, &c->stats.extend_descriptor);
	else if (!contactable(c, peer))
		hop_refuse(h, m, REFUSAL_TARGET, &c->stats.extend_address);
	else
		return true;
	return false;
}

static bool allowed(struct hop *h, const struct message *m, const struct wire_extend *x)
{
	struct circuits *c = h->c;
	const struct peer *before = link_peer(h->in.link);

	if (!c->conf.relay || c->draining)
		hop_refuse(h, m, REFUSAL_POLICY, &c->stats.extend_limit);
	else if (++h->extends > c->conf.max_extends)
		hop_refuse(h, m, REFUSAL_LIMIT, &c->stats.extend_limit);
	else if (!h->budget)
		hop_refuse(h, m, REFUSAL_BUDGET, &c->stats.extend_budget);
	else if (node_id_equal(&x->next, &c->conf.id))
		hop_refuse(h, m, REFUSAL_TARGET, &c->stats.extend_self);
	else if (before && node_id_equal(&x->next, &before->id))
		hop_refuse(h, m, REFUSAL_TARGET, &c->stats.extend_predecessor);
	else
		return true;
	return false;
}

/* A link to @peer for the end towards it. */
static enum wire_refusal reach(struct hop *h, const struct peer *peer)
{
	struct circuits *c = h->c;
	struct link *link;
	int err = 0;

	link = link_get(c->links, peer, &err);
	if (!link)
		return err == -EADDRNOTAVAIL ? REFUSAL_TARGET : err == -ENOSPC ? REFUSAL_LIMIT : REFUSAL_UNREACHABLE;
	err = end_attach(c, &h->out, END_OUT, link, 0);
	link_put(link);		/* the end holds it */
	return err ? REFUSAL_LIMIT : REFUSAL_NONE;
}

static void create_begin(struct hop *h)
{
	h->extend.class_until = 0;
	timer_arm(h->c->ts, &h->extend.timer, h->extend.deadline);
	if (link_is_up(h->out.link))
		hop_link_up(h->c, &h->out);
}

static void begin(struct hop *h, const struct message *m, const struct wire_extend *x, const struct peer *peer)
{
	struct circuits *c = h->c;
	enum wire_refusal why = create_body(h, x) ? REFUSAL_LIMIT : reach(h, peer);

	if (why) {
		hop_extend_stop(h);
		hop_refuse(h, m, why, &c->stats.extend_link);
		return;
	}
	h->extend.busy = true;
	h->extend.again = false;
	h->extend.txid = m->txid;
	h->extend.deadline = now(c) + c->conf.extend_ns;
	h->extend.timer.fire = timeout;
	create_begin(h);
}

/* A relay that restarted knows the link no longer that is up at this end; it answers over a new one. */
bool hop_extend_again(struct hop *h)
{
	const struct peer *known = link_peer(h->out.link);
	struct peer peer;

	if (h->extend.again || !h->out.circuit || !known || link_is_up(h->out.link) ||
	    now(h->c) >= h->extend.deadline)
		return false;
	peer = *known;
	if (!contactable(h->c, &peer))
		return false;
	h->extend.again = true;
	end_detach(h->c, &h->out);
	if (reach(h, &peer))
		return false;
	create_begin(h);
	return true;
}

void hop_extend(struct hop *h, const struct message *m)
{
	struct circuits *c = h->c;
	struct wire_extend x;
	struct peer peer;

	if (!hop_request_new(h, m, &c->stats.extend_repeated, &c->stats.extend_conflict))
		return;
	c->stats.extends++;
	if (h->mode == HOP_TERMINUS) {
		hop_refuse(h, m, REFUSAL_PROTOCOL, &c->stats.extend_after_bind);
	} else if (h->mode == HOP_RELAY || h->extend.busy) {
		c->stats.extend_twice++;
		replies_forget(&h->replies, m->txid);
	} else if (wire_extend_parse(&x, m->data, m->len)) {
		hop_refuse(h, m, REFUSAL_PROTOCOL, &c->stats.extend_malformed);
	} else if (allowed(h, m, &x) && resolve(h, m, &x, &peer)) {
		begin(h, m, &x, &peer);
	}
}
