// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * BIND: an open end becomes the terminus of an exit session; and the few control messages that
 * come under df afterwards.
 */
#include "hop.h"
#include "session.h"

#include <sodium.h>

static u64 *refusal_counter(struct circuits *c, enum wire_refusal why)
{
	switch (why) {
	case REFUSAL_SECRET:
		return &c->stats.bind_secret;
	case REFUSAL_TAKEOVERS:
		return &c->stats.bind_takeovers;
	case REFUSAL_LIMIT:
		return &c->stats.bind_limit;
	default:
		return &c->stats.bind_policy;
	}
}

static int install(struct hop *h, u16 reserve)
{
	struct session *s = h->session;
	struct datapath_session ds;
	struct datapath_op op = { DATAPATH_NEW, DATAPATH_OBJ_SESSION, .session = &ds };
	struct datapath_circuit dc = {
		.kind = DATAPATH_TERMINUS_CIRCUIT, .reserve = reserve, .session = s->id,
		.rate = s->rate, .burst = s->burst,
	};
	bool new_session = !s->installed;
	int err;

	session_datapath(s, &ds);
	memcpy(dc.kf[0], h->keys.df, MV_KEY_LEN);
	memcpy(dc.kb[0], h->keys.db, MV_KEY_LEN);
	err = hop_install(h, &dc, &op, new_session);
	if (!err)
		s->installed = true;
	return err;
}

static void bound(struct hop *h, const struct message *m, const struct bind_request *request,
		  struct bind_grant *grant)
{
	u8 data[WIRE_POLICY_MAX + 128];
	struct writer w = writer_of(data, sizeof(data));

	if (install(h, request->reserve)) {
		h->c->stats.bind_install++;
		h->doomed = true;	/* its keys are gone */
		return;
	}
	h->mode = HOP_TERMINUS;
	h->c->stats.bound++;
	wire_bound_write(&w, grant);
	hop_answer(h, m, MESSAGE_BOUND, data, writer_len(&w));
	sodium_memzero(data, sizeof(data));
}

static void bind_request(struct hop *h, const struct message *m)
{
	struct circuits *c = h->c;
	struct bind_request request;
	struct bind_grant grant;
	enum wire_refusal why;

	if (wire_bind_parse(&request, m->data, m->len)) {
		hop_refuse(h, m, REFUSAL_PROTOCOL, &c->stats.bind_malformed);
		return;
	}
	if (request.reserve != MV_RESERVE_SHORT && request.reserve != MV_RESERVE_LONG) {
		hop_refuse(h, m, REFUSAL_PROTOCOL, &c->stats.bind_reserve);
		return;
	}
	why = session_bind(c, h, &request, &grant);
	if (why)
		hop_refuse(h, m, why, refusal_counter(c, why));
	else
		bound(h, m, &request, &grant);
	sodium_memzero(&request, sizeof(request));
	sodium_memzero(&grant, sizeof(grant));
}

void hop_bind(struct hop *h, const struct message *m)
{
	struct circuits *c = h->c;

	if (!hop_request_new(h, m, &c->stats.bind_repeated, &c->stats.bind_conflict))
		return;
	c->stats.binds++;
	if (h->mode == HOP_TERMINUS) {
		c->stats.bind_twice++;
		replies_forget(&h->replies, m->txid);
	} else if (h->mode == HOP_RELAY || h->extend.busy) {
		c->stats.bind_after_extend++;
		replies_forget(&h->replies, m->txid);
	} else if (!c->conf.exit || !c->ops->bind || c->draining) {
		hop_refuse(h, m, REFUSAL_POLICY, &c->stats.bind_not_exit);
	} else {
		bind_request(h, m);
	}
}

/* ---- under df ---- */

static void pong(struct hop *h, u64 txid)
{
	struct message m = { .type = MESSAGE_CIRCUIT_PONG, .txid = txid };
	struct message_fragments f = message_fragments_of(&m);
	u8 data[32];

	datapath_control(h->c->dp, link_id(h->in.link), h->in.circuit, data,
			 message_fragment(&f, data, sizeof(data)));
}

/* True: the origin closed the session. */
static bool control_message(struct hop *h, const struct message *m)
{
	if (m->type == MESSAGE_CLOSE)
		return true;
	if (m->type == MESSAGE_CIRCUIT_PING) {
		h->c->stats.pings++;
		pong(h, m->txid);
	} else {
		h->c->stats.message_unknown++;
	}
	return false;
}

void hop_control(struct hop *h, const u8 *data, size_t len)
{
	struct cursor at = cursor_of(data, len);
	struct session *s = h->session;
	bool closed = false;
	struct message m;
	int got;

	h->last = now(h->c);
	while (!closed && (got = message_join(&h->joiner, &at, now(h->c), &m)) > 0)
		closed = control_message(h, &m);
	if (!closed) {
		h->c->stats.message_bad += got < 0;
		return;
	}
	/* only the leg may close: an older one that still drains may not */
	if (s && s->leg == h)
		session_close(s);
	else
		hop_end(h, REASON_REQUESTED);
}
