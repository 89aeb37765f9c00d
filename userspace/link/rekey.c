// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * New keys for a link before the old ones end: a whole Noise handshake inside control cells of the
 * current session. So it shows on no wire, needs no cookie, belongs to this link beyond doubt (an
 * anonymous peer has nothing else to prove that with), and circuits notice nothing.
 */
#include "link_internal.h"

#include <sodium.h>

#define TRIES 8
#define TRY_MIN_NS (300 * NSEC_PER_MSEC)
#define TRY_MAX_NS (5 * NSEC_PER_SEC)
#define PAUSE_NS (30 * NSEC_PER_SEC)	/* after a failure */
#define NEXT_NS (60 * NSEC_PER_SEC)	/* our answer waits for a cell */

static void done(struct link *l)
{
	struct rekey *r = &l->rekey;

	timer_cancel(l->links->ts, &r->timer);
	session_free(&r->session);
	noise_erase(&r->noise);
	sodium_memzero(&r->key, sizeof(r->key));
	r->busy = false;
}

static void transmit(struct link *l)
{
	struct rekey *r = &l->rekey;
	u64 ns = 2 * link_pto(l);

	ns = (ns < TRY_MIN_NS ? TRY_MIN_NS : ns) << (r->tries < 6 ? r->tries : 6);
	control_send(l, MV_MEDIUM, MESSAGE_REKEY, 0, r->txid, r->message, r->len);
	timer_arm(l->links->ts, &r->timer, now_of(l) + (ns < TRY_MAX_NS ? ns : TRY_MAX_NS));
}

static void fire(struct timer *t)
{
	struct link *l = container_of(t, struct link, rekey.timer);
	struct rekey *r = &l->rekey;

	if (++r->tries < TRIES) {
		transmit(l);
		return;
	}
	done(l);
	r->not_before = now_of(l) + PAUSE_NS;
	/* keys that are far too old are worse than a new link */
	if (now_of(l) - l->current->born > 2 * l->links->conf.rekey_ns)
		link_close(l, REASON_EXPIRED);
}

void rekey_init(struct link *l)
{
	timer_init(&l->rekey.timer, fire);
}

void rekey_stop(struct link *l)
{
	done(l);
}

void rekey_start(struct link *l)
{
	struct rekey *r = &l->rekey;
	u16 len;

	/* a responder does not know an anonymous peer's key */
	if (l->state != LINK_UP || r->busy || !l->has_peer || now_of(l) < r->not_before || l->next)
		return;
	if (initiate_noise(l, &r->noise, &r->key, &r->session, r->message + 1, &len))
		return;
	r->message[0] = LINK_SUITE;
	r->len = 1 + (size_t)len;
	r->busy = true;
	r->tries = 0;
	r->txid = link_txid(l);
	transmit(l);
}

static void finish(struct link *l, const struct message *m)
{
	struct rekey *r = &l->rekey;
	struct session *s = r->session;
	u64 instance = l->peer_instance;

	if (!r->busy || m->txid != r->txid || initiate_finish(l, &r->noise, s, m->data, m->len))
		return;
	r->session = NULL;
	done(l);
	/* a rekey is of one link: the instance of its handshake says nothing new */
	l->peer_instance = instance;
	session_merge(l, s);
	if (!s->installed) {
		link_close(l, REASON_LIMIT);
		return;
	}
	l->links->stats.rekeys++;
	/* now, so that the responder moves too; repeated until it answers */
	l->probe_round = 0;
	link_suspect(l);
}

static void respond(struct link *l, const struct message *m)
{
	struct links *ls = l->links;
	struct answer a = { .link = l, .pattern = l->named };
	u64 busy = ls->stats.bad_handshake;
	int r;

	r = respond_noise(ls, &a, m->data + 1, m->len - 1);
	if (r == -EBADMSG && !sodium_is_zero(ls->conf.onion_previous.secret, NOISE_KEY)) {
		a = (struct answer){ .link = l, .pattern = l->named, .key = 1 };
		ls->stats.bad_handshake = busy;
		r = respond_noise(ls, &a, m->data + 1, m->len - 1);
	}
	if (r)
		return;
	session_free(&l->next);
	l->next = a.session;
	l->next->until = now_of(l) + NEXT_NS;
	if (session_install(l->next, DATAPATH_SESSION_NEXT)) {
		session_free(&l->next);
		return;
	}
	replies_answer(&l->replies, m->txid, MESSAGE_REKEYED, 0, a.reply, (size_t)a.len);
	control_send(l, MV_MEDIUM, MESSAGE_REKEYED, 0, m->txid, a.reply, (size_t)a.len);
}

void rekey_message(struct link *l, const struct message *m)
{
	struct message reply;

	if (m->type == MESSAGE_REKEYED) {
		finish(l, m);
		return;
	}
	if (m->len < 1 + NOISE_NK_OVERHEAD || m->data[0] != LINK_SUITE)
		return;
	switch (replies_begin(&l->replies, now_of(l), m, &reply)) {
	case REPLIES_NEW:
		respond(l, m);
		break;
	case REPLIES_KNOWN:
		control_send(l, MV_MEDIUM, reply.type, 0, reply.txid, reply.data, reply.len);
		break;
	default:
		break;
	}
}
