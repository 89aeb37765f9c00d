// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The peer's address changed, or somebody wants us to think so (RFC 9000, 9): cells from a new
 * address are accepted, answers go to the old one until the new one answers a challenge and the old
 * one, challenged too, does not; or until the new one does, where the peer shows by a fresh link id
 * that it means it. Challenges are small cells, no longer than any trigger. What is
 * sent to the new address bears a link id that was on no cell to the old one (9.5).
 */
#include "link_internal.h"

#include <sodium.h>

#define ROUND_MIN_NS (50 * NSEC_PER_MSEC)
#define ROUND_MAX_NS (500 * NSEC_PER_MSEC)
#define ROUNDS 6		/* until a challenge is given up */
#define ROUNDS_OLD 2		/* unanswered by the old address: it is gone */
#define QUIET_NS NSEC_PER_SEC	/* between challenges */
#define QUIET_STAY_NS (2 * NSEC_PER_SEC)

bool path_same(const struct link *l, const struct endpoint *from)
{
	u32 lanes = l->current && l->current->remote_lanes > 1 && l->links->conf.lanes > 1 ?
		    l->current->remote_lanes : 1;

	return endpoint_same_host(&l->remote, from) && (u32)(from->port - l->remote.port) < lanes;
}

/*
 * The link id under which the new address is talked to; of another session after a rekey. 0: none is
 * left, and nothing is sent there, since the one in use would tell that both addresses are one peer.
 */
static u64 candidate_id(struct link *l)
{
	struct path *p = &l->path;

	if (p->session != l->current->index) {
		p->session = l->current->index;
		p->tx_id = session_fresh_id(l->current);
	}
	return p->tx_id;
}

static void challenge(struct link *l)
{
	struct path *p = &l->path;
	u64 id = candidate_id(l);

	l->links->stats.path_challenges++;
	p->challenged = now_of(l);
	if (!p->new_ok && id)
		control_send_cell(l->current, MV_SMALL, id, p->lane, &p->candidate, MESSAGE_PATH_CHALLENGE,
				  link_txid(l), p->new_data, 8);
	if (!p->old_ok)
		control_send_cell(l->current, MV_SMALL, 0, l->lane, &l->remote, MESSAGE_PATH_CHALLENGE, link_txid(l),
				  p->old_data, 8);
}

static void again(struct link *l)
{
	u64 ns = link_pto(l);

	if (l->path.rtt && 4 * l->path.rtt < ns)
		ns = 4 * l->path.rtt;
	ns = ns < ROUND_MIN_NS ? ROUND_MIN_NS : ns > ROUND_MAX_NS ? ROUND_MAX_NS : ns;
	timer_arm(l->links->ts, &l->path.timer, l->path.challenged + ns);
}

static void stop(struct link *l, u64 quiet)
{
	l->path.busy = false;
	l->path.quiet_until = now_of(l) + quiet;
	timer_cancel(l->links->ts, &l->path.timer);
}

static void change(struct link *l)
{
	struct path *p = &l->path;
	u64 fresh = candidate_id(l);

	if (!fresh) {
		stop(l, QUIET_NS);
		return;
	}
	l->remote = p->candidate;
	l->lane = p->lane;
	l->current->tx_id = fresh;
	session_update(l->current);
	l->links->stats.path_changes++;
	stop(l, QUIET_NS);
}

static void decide(struct link *l)
{
	struct path *p = &l->path;

	p->rounds++;
	if (p->new_ok && p->deliberate)
		change(l);
	else if (p->old_ok && p->rounds >= ROUNDS_OLD)
		stop(l, QUIET_STAY_NS);
	else if (p->new_ok && p->rounds >= ROUNDS_OLD)
		change(l);
	else if (p->rounds >= ROUNDS)
		stop(l, QUIET_NS);
}

static void fire(struct timer *t)
{
	struct link *l = container_of(t, struct link, path.timer);

	decide(l);
	if (!l->path.busy)
		return;
	challenge(l);
	again(l);
}

void path_init(struct link *l)
{
	timer_init(&l->path.timer, fire);
}

void path_stop(struct link *l)
{
	timer_cancel(l->links->ts, &l->path.timer);
}

/* Is there a challenge under way, or was there one just now, that answers for this one too? */
static bool known(struct path *p, u64 now, const struct endpoint *from, bool deliberate)
{
	if (p->busy && endpoint_equal(from, &p->candidate)) {
		p->deliberate |= deliberate;
		return true;
	}
	return !deliberate && (p->busy || now < p->quiet_until);
}

void path_seen(struct session *s, u32 lane, const struct endpoint *from, bool deliberate)
{
	struct link *l = s->link;
	struct path *p = &l->path;
	u64 fresh;

	if (l->state != LINK_UP || !l->current || path_same(l, from) || known(p, now_of(l), from, deliberate))
		return;
	fresh = session_fresh_id(l->current);
	if (!fresh)
		return;		/* after the next rekey */
	p->busy = true;
	p->deliberate = deliberate;
	p->new_ok = p->old_ok = false;
	p->rounds = 0;
	p->rtt = 0;
	p->candidate = *from;
	p->lane = lane;
	p->session = l->current->index;
	p->tx_id = fresh;
	links_random(l->links, p->new_data, 8);
	links_random(l->links, p->old_data, 8);
	challenge(l);
	again(l);
}

static void answer(struct link *l, const struct message *m, u32 lane, const struct endpoint *from)
{
	u64 tx_id = 0;

	if (m->len != 8)
		return;
	if (l->path.busy && endpoint_equal(from, &l->path.candidate)) {
		tx_id = candidate_id(l);
		if (!tx_id)
			return;
	} else if (!path_same(l, from)) {
		return;
	}
	control_send_cell(l->current, MV_SMALL, tx_id, lane, from, MESSAGE_PATH_RESPONSE, m->txid, m->data, 8);
}

static void answered(struct link *l, const struct message *m, const struct endpoint *from)
{
	struct path *p = &l->path;

	if (!p->busy || m->len != 8)
		return;
	if (!sodium_memcmp(m->data, p->new_data, 8) && endpoint_equal(from, &p->candidate)) {
		/* as near as the old one, probably: flows wait while it is asked */
		if (!p->new_ok && !p->rounds) {
			p->rtt = now_of(l) - p->challenged + 1;	/* 0: not known */
			again(l);
		}
		p->new_ok = true;
	} else if (!sodium_memcmp(m->data, p->old_data, 8))
		/* from wherever: only who receives at the old address knows these bytes */
		p->old_ok = true;
	if (p->new_ok && p->deliberate)
		change(l);
}

void path_message(struct link *l, const struct message *m, u32 lane, const struct endpoint *from)
{
	if (m->type == MESSAGE_PATH_CHALLENGE)
		answer(l, m, lane, from);
	else
		answered(l, m, from);
}
