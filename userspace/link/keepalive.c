// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Is the peer still there, how far is it, what does the path carry? Pings keep a NAT's mapping and
 * find a dead or restarted peer; anything received counts as an answer, also what only the
 * datapath saw. One timer a link does all that is periodic.
 */
#include "link_internal.h"

#define TICK_BUSY_NS (500 * NSEC_PER_MSEC)	/* while something is sent */
#define TICK_IDLE_NS (2 * NSEC_PER_SEC)
#define PROBE_MIN_NS (140 * NSEC_PER_MSEC)	/* 1 + 2 + 4 of them: about a second */
#define PROBE_MAX_NS NSEC_PER_SEC
#define PROBE_ROUNDS 3
#define PROBE_ROUNDS_NEW 5			/* until the peer was heard once */
#define CLASS_PROBES 4
#define CLASS_PROBES_UNSURE 8			/* so many lost ones are no accident */

/* ---- RTT (RFC 6298) ---- */

void link_measured(struct link *l, u64 rtt)
{
	u64 delta = l->srtt > rtt ? l->srtt - rtt : rtt - l->srtt;

	if (!rtt)
		rtt = 1;
	if (!l->srtt) {
		l->srtt = rtt;
		l->rttvar = rtt / 2;
		return;
	}
	l->rttvar = (3 * l->rttvar + delta) / 4;
	l->srtt = (7 * l->srtt + rtt) / 8;
}

u64 link_pto(const struct link *l)
{
	return l->srtt ? l->srtt + 4 * l->rttvar + NSEC_PER_MSEC : 300 * NSEC_PER_MSEC;
}

/* ---- pings ---- */

void keepalive_ping(struct link *l)
{
	u64 txid = link_txid(l);
	/* a large one where the handshake showed that it passes tells the peer */
	enum mv_class class = l->class == MV_LARGE && l->initiator && l->probe_round <= 1 ? MV_LARGE : MV_MEDIUM;

	if (!l->ping_sent) {
		l->ping_txid = txid;
		l->ping_sent = now_of(l);
	}
	l->links->stats.pings++;
	control_send(l, class, MESSAGE_PING, 0, txid, NULL, 0);
}

static void probe_class(struct link *l)
{
	l->class_probes++;
	control_send(l, MV_LARGE, MESSAGE_PROBE, 0, link_txid(l), NULL, 0);
}

void keepalive_message(struct link *l, const struct message *m, enum mv_class class)
{
	switch (m->type) {
	case MESSAGE_PING:
		if (class == MV_LARGE)
			l->class = MV_LARGE;
		control_send(l, MV_MEDIUM, MESSAGE_PONG, 0, m->txid, NULL, 0);
		break;
	case MESSAGE_PONG:
		if (m->txid == l->ping_txid && l->ping_sent) {
			link_measured(l, now_of(l) - l->ping_sent);
			l->ping_sent = 0;
		}
		break;
	case MESSAGE_PROBE:
		control_send(l, class, MESSAGE_PROBE_REPLY, 0, m->txid, NULL, 0);
		break;
	case MESSAGE_PROBE_REPLY:
		if (class != MV_LARGE)
			break;
		l->class_unsure = false;
		if (l->class == MV_LARGE)
			break;
		l->class = MV_LARGE;
		/* the peer learns from a large cell that is no probe */
		control_send(l, MV_LARGE, MESSAGE_PING, 0, link_txid(l), NULL, 0);
		break;
	}
}

/* ---- liveness ---- */

static bool datapath_counts(struct link *l, struct datapath_link_info *info)
{
	return l->in_datapath && !datapath_link_get(l->links->dp, l->id, info);
}

void link_refresh(struct link *l)
{
	struct datapath_link_info info;

	if (!datapath_counts(l, &info))
		return;
	l->dp_last_rx = info.last_rx;
	l->dp_rx = info.rx_cells;
	l->dp_tx = info.tx_cells;
}

static u64 heard(const struct link *l)
{
	return l->last_rx > l->dp_last_rx ? l->last_rx : l->dp_last_rx;
}

static u64 probe_base(const struct link *l)
{
	u64 ns = link_pto(l);

	return ns < PROBE_MIN_NS ? PROBE_MIN_NS : ns > PROBE_MAX_NS ? PROBE_MAX_NS : ns;
}

/* The next round of a suspicion: one ping, then two each, in case one is lost. */
static void probe(struct link *l)
{
	u32 i;

	if (l->probe_round++)
		l->ping_sent = 0;	/* RTT of what was repeated is not known */
	for (i = 0; i < (l->probe_round > 1 ? 2 : 1); i++)
		keepalive_ping(l);
	l->probe_at = now_of(l) + (probe_base(l) << (l->probe_round - 1));
	timer_arm(l->links->ts, &l->timer, l->probe_at);
}

void link_suspect(struct link *l)
{
	if (l->state != LINK_UP || l->probe_round)
		return;
	l->probe_since = now_of(l);
	l->ping_sent = 0;
	probe(l);
}

/* A suspicion is on: true if the link is gone. */
static bool probing(struct link *l)
{
	u32 rounds = l->last_rx ? PROBE_ROUNDS : PROBE_ROUNDS_NEW;

	if (heard(l) > l->probe_since) {
		l->probe_round = 0;
		return false;
	}
	if (now_of(l) < l->probe_at)
		return false;
	if (l->probe_round < rounds) {
		probe(l);
		return false;
	}
	l->links->stats.timeouts++;
	link_close(l, REASON_TIMEOUT);
	return true;
}

/* ---- the tick ---- */

static void expire_sessions(struct link *l)
{
	u64 now = now_of(l);

	if (l->previous && now >= l->previous->until)
		session_free(&l->previous);
	if (l->next && now >= l->next->until)
		session_free(&l->next);
}

static bool rekey_due(const struct link *l)
{
	const struct session *s = l->current;

	return now_of(l) - s->born >= l->links->conf.rekey_ns || l->dp_tx - s->tx_cells0 >= SESSION_CELLS ||
	       s->tx_used + 2 > s->tx_count || circuit_ids_low(l);
}

static bool idle(struct link *l, u32 circuits)
{
	u64 now = now_of(l), quiet;

	if (l->refs || circuits || l->circuits.live) {
		l->idle_since = now;
		return false;
	}
	quiet = now - l->idle_since;
	return quiet >= l->links->conf.idle_ns;
}

/* Sent into silence for a whole tick, or nothing heard for long on a link that is in use. */
static bool suspicious(const struct link *l, bool sending, u32 circuits)
{
	u64 now = now_of(l), quiet = now - heard(l), keepalive = l->links->conf.keepalive_ns;

	if (sending && quiet > TICK_BUSY_NS && heard(l) < l->tick_at)
		return true;
	if (l->initiator)
		return quiet >= keepalive;
	return quiet >= 3 * keepalive && (circuits || l->refs);
}

void keepalive_repath(struct link *l)
{
	l->class_probes = 0;
	l->class_at = now_of(l) + 2 * link_pto(l);
	l->class_unsure = true;
}

/* True if the path carries less than before: circuits were promised more, so the link ends. */
static bool probe_path(struct link *l)
{
	bool wanted = l->class == MV_LARGE ? l->class_unsure : l->initiator;

	if (!wanted || now_of(l) < l->class_at)
		return false;
	if (l->class_probes < (l->class_unsure ? CLASS_PROBES_UNSURE : CLASS_PROBES)) {
		l->class_at = now_of(l) + 2 * link_pto(l);
		probe_class(l);
		return false;
	}
	if (l->class != MV_LARGE || l->probe_round)
		return false;
	link_close(l, REASON_MTU);
	return true;
}

static bool probes_class(const struct link *l)
{
	return l->class_unsure || (l->initiator && l->class != MV_LARGE && l->class_probes < CLASS_PROBES);
}

static void tick(struct link *l)
{
	struct datapath_link_info info = { 0 };
	u64 tx = l->dp_tx, now = now_of(l);
	bool sending;

	expire_sessions(l);
	link_refresh(l);
	if (!datapath_counts(l, &info))
		info.circuits = 0;
	if (l->probe_round && probing(l))
		return;
	if (idle(l, info.circuits)) {
		link_close(l, REASON_EXPIRED);
		return;
	}
	if (rekey_due(l))
		rekey_start(l);
	if (probe_path(l))
		return;
	sending = l->dp_tx != tx || l->last_tx > heard(l);
	if (!l->probe_round && suspicious(l, sending, info.circuits))
		link_suspect(l);
	l->tick_at = now;
	if (!l->probe_round)
		timer_arm(l->links->ts, &l->timer,
			  now + (sending || probes_class(l) ? TICK_BUSY_NS : TICK_IDLE_NS));
	else
		timer_arm(l->links->ts, &l->timer,
			  l->probe_at < now + TICK_BUSY_NS ? l->probe_at : now + TICK_BUSY_NS);
}

static void fire(struct timer *t)
{
	struct link *l = container_of(t, struct link, timer);

	link_enter(l);
	tick(l);
	link_leave(l);
}

void keepalive_start(struct link *l)
{
	u64 now = now_of(l);

	timer_init(&l->timer, fire);
	l->tick_at = l->idle_since = now;
	l->class_at = now + 2 * link_pto(l);
	timer_arm(l->links->ts, &l->timer, now + TICK_BUSY_NS);
}

void keepalive_stop(struct link *l)
{
	timer_cancel(l->links->ts, &l->timer);
}
