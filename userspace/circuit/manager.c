// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The client's rules. All decisions are made in one place, maintain(), which looks at what there
 * is and starts what is missing; everything that happens only records itself and calls for it. A
 * session that lost its leg is moved to a spare, and at the same time, since it may be the exit
 * that died, a session with another exit is prepared.
 */
#include "manager_internal.h"

#include <sodium.h>

#define TICK (1 * NSEC_PER_SEC)
#define TICK_BUSY (50 * NSEC_PER_MSEC)
#define DOUBT_SPARE (100 * NSEC_PER_MSEC)	/* a spare gets so long at least to answer */
#define DOUBT (200 * NSEC_PER_MSEC)		/* it holds so long after the last probe in vain */
#define HEDGE (300 * NSEC_PER_MSEC)	/* a takeover gets so long before the other exit is bound */
#define ATTEMPTS_CURRENT 6
#define ATTEMPTS_OLD 3
#define MEDIUM_NS (600 * NSEC_PER_SEC)

void client_poke(struct client *cl)
{
	timer_arm(cl->c->ts, &cl->tick, now(cl->c));
}

void client_tell(struct client *cl, enum client_event_kind kind, const struct leg *leg,
		 const struct client_session *s, const struct origin_failure *failure, u64 took)
{
	struct client_event e = { .kind = kind, .took = took };

	if (leg)
		e.circuit = origin_number(leg->origin);
	if (s)
		e.session = s->id;
	if (failure)
		e.failure = *failure;
	if (cl->ops->event)
		cl->ops->event(cl->arg, &e);
}

void client_outcome_tell(struct client *cl, const struct peer *peer, u32 hop, enum client_outcome outcome)
{
	if (cl->ops->outcome)
		cl->ops->outcome(cl->arg, peer, hop, outcome);
}

/* Several that fail at once are one failure. */
static void failed(struct client *cl)
{
	u32 shift = cl->failures < 6 ? cl->failures : 6;

	if (now(cl->c) < cl->retry_at)
		return;
	cl->failures++;
	cl->retry_at = now(cl->c) + (cl->conf.retry_ns << shift);
}

/* ---- legs ---- */

static void leg_free(struct leg *leg)
{
	list_del(&leg->list);
	free(leg);
}

static void extended(void *arg, struct origin *o, u32 hops, u64 rtt)
{
	struct leg *leg = arg;

	client_outcome_tell(leg->client, &origin_path(o)[hops - 1], hops - 1, CLIENT_HOP_GOOD);
}

static void ready(void *arg, struct origin *o)
{
	struct leg *leg = arg;
	struct client *cl = leg->client;

	cl->failures = 0;
	cl->stats.built++;
	client_tell(cl, CLIENT_CIRCUIT_READY, leg, leg->session, NULL, now(cl->c) - leg->began);
	client_poke(cl);
}

static int bound(void *arg, struct origin *o, const struct bind_grant *grant)
{
	struct leg *leg = arg;
	struct client *cl = leg->client;
	int err;

	leg->binding = false;
	if (leg->session)
		return client_session_take(leg->session, leg, grant);
	/* with nothing that works, do not wait for the first answer */
	err = client_session_new(cl, leg, grant, !cl->current || !cl->current->leg);
	if (err)
		client_exit_avoid(cl, &origin_path(o)[origin_length(o) - 1].id);
	return err;
}

static void refused(void *arg, struct origin *o, enum wire_refusal why)
{
	struct leg *leg = arg;
	struct client_session *s = leg->session;

	if (!s) {
		client_exit_avoid(leg->client, &origin_path(o)[origin_length(o) - 1].id);
		return;
	}
	/* the exit knows the session no longer: trying again is of no use */
	s->taking = NULL;
	s->takeovers = UINT32_MAX;
}

static void live(void *arg, struct origin *o)
{
	struct leg *leg = arg;
	struct client *cl = leg->client;
	struct client_session *s = leg->session;

	client_outcome_tell(cl, &origin_path(o)[origin_length(o) - 1], origin_length(o) - 1, CLIENT_EXIT_GOOD);
	client_tell(cl, CLIENT_CIRCUIT_LIVE, leg, s, NULL, now(cl->c) - leg->began);
	if (!s)
		return;
	if (s->takeovers && s->taking_since) {
		cl->stats.takeovers++;
		client_tell(cl, CLIENT_SESSION_TAKEN, leg, s, NULL, now(cl->c) - s->taking_since);
		s->taking_since = 0;
	} else {
		client_session_current(cl, s);
	}
	client_poke(cl);
}

bool client_idle(const struct client *cl)
{
	return !cl->current || !cl->current->leg || (cl->doubted && now(cl->c) - cl->doubted < DOUBT);
}

/*
 * A spare that answers now is better than waiting for a circuit that does not. If it does not either,
 * they may have lost their exit: a way to another one is built meanwhile.
 */
static bool doubt(void *arg, struct origin *o, u64 since)
{
	struct leg *leg = arg, *spare;
	bool better = false;

	list_for_each(spare, &leg->client->legs, list) {
		if (spare->use != LEG_SPARE || spare->session != leg->session || spare->binding ||
		    origin_state(spare->origin) != ORIGIN_READY)
			continue;
		if (origin_last(spare->origin) > since)
			better = true;
		else
			origin_probe(spare->origin);
	}
	if (leg->session == leg->client->current && !better &&
	    now(leg->client->c) - since >= DOUBT_SPARE + 2 * origin_rtt(o)) {
		leg->client->doubted = now(leg->client->c);
		client_poke(leg->client);
	}
	return better;
}

static void spent(void *arg, struct origin *o)
{
	struct leg *leg = arg;

	if (leg->use == LEG_SPARE && !leg->binding)
		origin_close(o, false);		/* replaced like one that was lost, but counted against nobody */
	else if (leg->session && leg->session == leg->client->current)
		leg->client->rotate = true;
	client_poke(leg->client);
}

static void spare_dead(struct leg *leg, const struct origin_failure *why)
{
	struct client_session *s = leg->session;
	struct client *cl = leg->client;

	if (s->taking == leg) {
		s->taking = NULL;
		s->attempts++;
		cl->stats.takeovers_failed++;
	} else if (why->state == ORIGIN_READY && why->reason != REASON_REQUESTED &&
		   why->reason != REASON_EXPIRED && s->takeovers < UINT32_MAX) {
		s->takeovers++;		/* an exit must not hunt for a middle of its own by cutting spares */
	} else if (s->lost) {
		s->attempts++;
	}
}

/* What the relay before says of one that it cannot reach is no refusal of that one. */
static enum client_outcome outcome_of(const struct origin_failure *why)
{
	switch (why->refusal) {
	case REFUSAL_NONE:
	case REFUSAL_TIMEOUT:
	case REFUSAL_UNREACHABLE:
		return CLIENT_HOP_FAILED;
	default:
		return CLIENT_HOP_REFUSED;
	}
}

static struct leg *candidate(struct client *cl)
{
	struct leg *leg;

	list_for_each(leg, &cl->legs, list)
		if (leg->use == LEG_CANDIDATE && origin_state(leg->origin) != ORIGIN_DEAD)
			return leg;
	return NULL;
}

/* It worked, and then not: which of them failed is not known, but none is a good choice just now. */
static void suspect(struct client *cl, const struct origin *o)
{
	u32 i;

	for (i = 0; i < origin_length(o); i++)
		client_outcome_tell(cl, &origin_path(o)[i], i, CLIENT_HOP_SUSPECT);
}

static void dead(void *arg, struct origin *o, const struct origin_failure *why)
{
	struct leg *leg = arg;
	struct client *cl = leg->client;
	struct client_session *s = leg->session;
	bool wanted = why->reason == REASON_REQUESTED;
	const struct peer *path = origin_path(o);

	client_tell(cl, CLIENT_CIRCUIT_DEAD, leg, s, why, 0);
	if (why->refusal == REFUSAL_CLASS || why->reason == REASON_MTU)
		cl->medium_until = now(cl->c) + MEDIUM_NS;
	if (!wanted && why->state < ORIGIN_READY) {
		cl->stats.build_failed++;
		client_outcome_tell(cl, &path[why->hop], why->hop, outcome_of(why));
		if (s ? !s->lost : !candidate(cl))
			failed(cl);
	}
	if (!wanted && why->reason != REASON_EXPIRED && why->state >= ORIGIN_READY && why->refusal == REFUSAL_NONE)
		suspect(cl, o);
	if (leg->use == LEG_CANDIDATE && !wanted && why->state >= ORIGIN_BIND) {
		client_exit_avoid(cl, &path[origin_length(o) - 1].id);
		failed(cl);
	}
	if (s && s->leg == leg)
		client_session_leg_lost(s, wanted && s->closing);
	else if (s)
		spare_dead(leg, why);
	leg_free(leg);
	client_poke(cl);
}

static int descriptor(void *arg, const struct node_id *id, void *buf, size_t room)
{
	struct leg *leg = arg;
	struct client *cl = leg->client;

	return cl->ops->descriptor ? cl->ops->descriptor(cl->arg, id, buf, room) : -ENOENT;
}

static const struct origin_ops leg_ops = {
	.extended = extended, .ready = ready, .bound = bound, .refused = refused, .live = live,
	.doubt = doubt, .spent = spent, .dead = dead, .descriptor = descriptor,
};

/* ---- building ---- */

static void no_path(struct client *cl, const struct client_session *s)
{
	cl->stats.no_path++;
	client_tell(cl, CLIENT_NO_PATH, NULL, s, NULL, 0);
	failed(cl);
}

/* A spare of @s, or without one a candidate. */
static struct leg *build(struct client *cl, struct client_session *s)
{
	struct origin_conf conf = cl->conf.origin;
	struct peer path[MV_HOPS_MAX];
	struct leg *leg;
	int err;

	if (now(cl->c) < cl->medium_until)
		conf.data_class = MV_MEDIUM;

	if (!client_path_choose(cl, s, path)) {
		/* while another is in work it is as if nothing had been tried */
		if (s || !candidate(cl))
			no_path(cl, s);
		return NULL;
	}
	leg = calloc(1, sizeof(*leg));
	if (!leg)
		return NULL;
	leg->client = cl;
	leg->use = s ? LEG_SPARE : LEG_CANDIDATE;
	leg->session = s;
	leg->began = now(cl->c);
	err = origin_new(cl->c, &conf, path, cl->conf.hops, &leg_ops, leg, &leg->origin);
	if (err) {
		client_outcome_tell(cl, &path[0], 0, CLIENT_HOP_FAILED);
		cl->stats.build_failed++;
		failed(cl);
		free(leg);
		return NULL;
	}
	list_add_tail(&leg->list, &cl->legs);
	client_tell(cl, CLIENT_CIRCUIT_NEW, leg, s, NULL, 0);
	return leg;
}

/* ---- what there is ---- */

static u32 spares_of(struct client *cl, const struct client_session *s, struct leg **ready)
{
	struct leg *leg;
	u32 n = 0;

	*ready = NULL;
	list_for_each(leg, &cl->legs, list) {
		if (leg->use != LEG_SPARE || leg->session != s || origin_state(leg->origin) == ORIGIN_DEAD)
			continue;
		n++;
		/* one that does not answer its pings only if there is no other */
		if (origin_state(leg->origin) == ORIGIN_READY && !leg->binding &&
		    (!*ready || origin_suspect((*ready)->origin)))
			*ready = leg;
	}
	return n;
}

/* ---- rules ---- */

static void takeover_begin(struct client_session *s, struct leg *leg)
{
	struct bind_request request = {
		.want = s->grant.addresses, .mtu = s->grant.mtu, .takeover = true, .session = s->grant.session,
	};

	memcpy(request.secret, s->grant.secret, WIRE_SECRET);
	s->taking = leg;
	s->doubtful = origin_suspect(leg->origin);
	s->takeovers++;
	if (!s->taking_since)
		s->taking_since = s->lost;
	leg->binding = true;
	leg->began = now(s->client->c);
	origin_bind(leg->origin, &request);
	sodium_memzero(&request, sizeof(request));
}

static void recover(struct client_session *s)
{
	struct client *cl = s->client;
	u32 attempts = cl->current == s ? ATTEMPTS_CURRENT : ATTEMPTS_OLD;
	struct leg *spare;
	u32 n;

	if (s->taking)
		return;
	if (s->takeovers >= cl->conf.max_takeovers || s->attempts >= attempts ||
	    now(cl->c) - s->lost > RECOVER_NS) {
		cl->stats.exits_lost++;
		client_exit_avoid(cl, &s->exit.id);
		client_outcome_tell(cl, &s->exit, cl->conf.hops - 1, CLIENT_EXIT_LOST);
		client_session_end(s, CLIENT_SESSION_LOST);
		return;
	}
	n = spares_of(cl, s, &spare);
	if (spare)
		takeover_begin(s, spare);
	else if (!n && !build(cl, s))
		s->attempts++;
}

static bool rotation_due(struct client *cl)
{
	struct client_session *s = cl->current;

	if (cl->rotate)
		return true;
	return now(cl->c) - s->born >= cl->conf.rotate_ns || client_session_bytes(s) >= cl->conf.rotate_bytes ||
	       s->takeovers >= cl->conf.max_takeovers;
}

static void sessions_maintain(struct client *cl)
{
	struct list *at, *next;
	struct client_session *s;
	u32 n = 0;

	/* newest first */
	for (at = cl->sessions.next; at != &cl->sessions; at = next) {
		next = at->next;
		s = list_entry(at, struct client_session, list);
		if (s->closing)
			continue;
		n++;
		if (!s->leg)
			recover(s);
		else if (s != cl->current && origin_state(s->leg->origin) == ORIGIN_LIVE &&
			 cl->current && cl->current->leg && s->born < cl->current->born &&
			 (n > cl->conf.max_sessions + 1 || now(cl->c) - s->born >= cl->conf.old_max_ns ||
			  now(cl->c) - origin_traffic_last(s->leg->origin) >= cl->conf.old_idle_ns))
			client_session_retire(s);
	}
}

/* What candidates there are. */
struct candidates {
	u32 count;
	bool moving, binding;		/* one's relays answer; and it is being bound */
	struct leg *ready;
};

static void candidates_count(struct client *cl, struct candidates *n)
{
	struct leg *leg;

	memset(n, 0, sizeof(*n));
	list_for_each(leg, &cl->legs, list) {
		if (leg->use != LEG_CANDIDATE || origin_state(leg->origin) == ORIGIN_DEAD)
			continue;
		n->count++;
		if (origin_state(leg->origin) == ORIGIN_READY && !leg->binding) {
			n->ready = leg;
			continue;
		}
		if (client_leg_stuck(leg))
			continue;
		n->moving = true;
		n->binding |= leg->binding;
	}
}

static void candidates_close(struct client *cl, bool binding)
{
	struct leg *leg;

	list_for_each(leg, &cl->legs, list)
		if (leg->use == LEG_CANDIDATE && (binding || !leg->binding))
			origin_close(leg->origin, false);
}

static void candidate_bind(struct client *cl, struct leg *leg)
{
	struct client_session *s = cl->current;
	struct bind_request request;
	u8 token[WIRE_TOKEN_MAX];
	int len = 0;

	client_request(cl, &request);
	if (cl->ops->token)
		len = cl->ops->token(cl->arg, &origin_path(leg->origin)[cl->conf.hops - 1].id, token, sizeof(token));
	if (len > 0) {
		request.token = token;
		request.token_len = len;
	}
	if (s && s->leg)
		cl->stats.rotations++;
	leg->binding = true;
	origin_bind(leg->origin, &request);
}

static void candidates_maintain(struct client *cl)
{
	struct client_session *s = cl->current;
	bool idle = client_idle(cl);		/* nothing works */
	struct candidates n;

	if (!idle && !rotation_due(cl)) {
		candidates_close(cl, s && s->leg && origin_state(s->leg->origin) == ORIGIN_LIVE);
		return;
	}
	candidates_count(cl, &n);
	if (n.ready) {
		if (s && s->leg && !rotation_due(cl))
			return;			/* there is doubt, no more */
		/* a takeover goes first: it keeps the flows that there are */
		if (!n.binding && !(s && !s->leg && s->taking && !s->doubtful && now(cl->c) - s->taking->began < HEDGE))
			candidate_bind(cl, n.ready);
	} else if (!n.moving && n.count < (idle ? CANDIDATES_MAX : 1) && now(cl->c) >= cl->retry_at) {
		build(cl, NULL);
	}
}

static void spares_maintain(struct client *cl)
{
	struct client_session *s = cl->current;
	struct leg *leg, *ready;

	/* spares of sessions that are not current any more */
	list_for_each(leg, &cl->legs, list)
		if (leg->use == LEG_SPARE && !leg->binding && leg->session && leg->session != s &&
		    leg->session->leg)
			origin_close(leg->origin, false);
	if (!s || !s->leg || origin_state(s->leg->origin) != ORIGIN_LIVE || cl->conf.no_spare ||
	    s->takeovers >= cl->conf.max_takeovers || now(cl->c) < cl->retry_at)
		return;
	if (spares_of(cl, s, &ready) < cl->conf.spares)
		build(cl, s);
}

static bool busy(struct client *cl)
{
	return (cl->current && !cl->current->leg) || candidate(cl);
}

static void maintain(struct timer *t)
{
	struct client *cl = container_of(t, struct client, tick);

	if (!cl->running)
		return;
	timer_arm(cl->c->ts, &cl->tick, now(cl->c) + TICK);
	sessions_maintain(cl);
	candidates_maintain(cl);
	spares_maintain(cl);
	if (busy(cl) && cl->tick.at > now(cl->c) + TICK_BUSY)
		timer_arm(cl->c->ts, &cl->tick, now(cl->c) + TICK_BUSY);
	else if (cl->retry_at > now(cl->c) && cl->tick.at > cl->retry_at)
		timer_arm(cl->c->ts, &cl->tick, cl->retry_at);
}

/* ---- life ---- */

#define SETTLE(field, value)			\
	do {					\
		if (!(field))			\
			(field) = (value);	\
	} while (0)

static void conf_settle(struct client_conf *f)
{
	static const u8 pool6[6] = { 0xfd, 0x00, 'm', 'e', 's', 'h' };

	SETTLE(f->hops, 3);
	SETTLE(f->spares, 1);
	SETTLE(f->mtu, 1420);
	if (!f->pool4_bits) {
		f->pool4[0] = 198;
		f->pool4[1] = 18;
		f->pool4_bits = 15;
	}
	if (!f->pool6_bits) {
		memcpy(f->pool6, pool6, sizeof(pool6));
		f->pool6_bits = 48;
	}
	if (!f->prefix_count) {
		f->prefix_count = 2;
		f->prefixes[0] = (struct datapath_prefix){ .family = AF_INET };
		f->prefixes[1] = (struct datapath_prefix){ .family = AF_INET6 };
	}
	SETTLE(f->rotate_ns, 3600 * NSEC_PER_SEC);
	SETTLE(f->rotate_bytes, 1ULL << 30);
	SETTLE(f->old_idle_ns, 600 * NSEC_PER_SEC);
	SETTLE(f->old_max_ns, 24 * 3600 * NSEC_PER_SEC);
	SETTLE(f->max_sessions, 8);
	SETTLE(f->max_takeovers, 2);
	SETTLE(f->retry_ns, 250 * NSEC_PER_MSEC);
}

int client_new(struct client **client, const struct client_conf *conf, const struct client_ops *ops, void *arg,
	       struct circuits *circuits)
{
	struct client *cl;

	if (conf->hops > MV_HOPS_MAX || conf->prefix_count > CLIENT_PREFIXES_MAX || conf->pool4_bits > 32 ||
	    conf->pool6_bits > 128)
		return -EINVAL;
	cl = calloc(1, sizeof(*cl));
	if (!cl)
		return -ENOMEM;
	cl->conf = *conf;
	conf_settle(&cl->conf);
	cl->ops = ops;
	cl->arg = arg;
	cl->c = circuits;
	list_init(&cl->legs);
	list_init(&cl->sessions);
	timer_init(&cl->tick, maintain);
	*client = cl;
	return 0;
}

void client_start(struct client *cl)
{
	cl->running = true;
	cl->failures = 0;
	cl->retry_at = 0;
	client_poke(cl);
}

void client_stop(struct client *cl)
{
	struct list *at, *next;
	struct leg *leg;

	cl->running = false;
	for (at = cl->sessions.next; at != &cl->sessions; at = next) {
		next = at->next;
		client_session_retire(list_entry(at, struct client_session, list));
	}
	list_for_each(leg, &cl->legs, list)
		if (leg->use != LEG_ACTIVE)
			origin_close(leg->origin, false);
	timer_cancel(cl->c->ts, &cl->tick);
}

void client_free(struct client *cl, bool close)
{
	struct leg *leg;

	if (!cl)
		return;
	cl->running = false;
	client_trace_stop(cl);
	while (!list_empty(&cl->legs)) {
		leg = list_entry(cl->legs.next, struct leg, list);
		if (leg->session && leg->session->leg == leg)
			leg->session->leg = NULL;
		if (close)
			origin_close_now(leg->origin);
		origin_destroy(leg->origin);
		leg_free(leg);
	}
	while (!list_empty(&cl->sessions))
		client_session_end(list_entry(cl->sessions.next, struct client_session, list), CLIENT_SESSION_END);
	timer_cancel(cl->c->ts, &cl->tick);
	sodium_memzero(cl, sizeof(*cl));
	free(cl);
}

void client_network_changed(struct client *cl)
{
	struct leg *leg;

	cl->failures = 0;
	cl->retry_at = 0;
	list_for_each(leg, &cl->legs, list)
		origin_probe(leg->origin);
	if (cl->running)
		client_poke(cl);
}
