// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Building of one circuit at its origin: LINK, CREATE, EXTEND for each hop, READY, BIND; one
 * exchange at a time, repeated with fresh numbers until it is answered or its time is over.
 */
#include "origin_internal.h"

#include <sodium.h>

#define RTO_FIRST (150 * NSEC_PER_MSEC)
#define TRIES_SUSPECT 4		/* of CREATE: then the link is asked whether it lives */
#define SOLVE_TRIES 4096
#define SOLVE_PAUSE (2 * NSEC_PER_MSEC)

const char *origin_state_name(enum origin_state state)
{
	static const char *const names[] = {
		"link", "create", "extend", "ready", "bind", "bound", "live", "closing", "dead",
	};

	return state <= ORIGIN_DEAD ? names[state] : "unknown";
}

/* ---- the end ---- */

static void secrets_erase(struct origin *o)
{
	if (o->secrets)
		sodium_free(o->secrets);	/* erases */
	o->secrets = NULL;
}

static void teardown(struct origin *o, enum link_reason reason)
{
	struct circuits *c = o->c;

	timer_cancel(c->ts, &o->timer);
	timer_cancel(c->ts, &o->watch);
	step_end(o);
	if (o->installed)
		datapath_remove(c, o->link, o->circuit);
	o->installed = false;
	end_destroy_send(c, &o->end, reason);
	end_detach(c, &o->end);
	secrets_erase(o);
	sodium_memzero(&o->request, sizeof(o->request));
}

static void origin_free(struct origin *o)
{
	list_del(&o->list);
	message_joiner_fini(&o->joiner);
	sodium_memzero(o, sizeof(*o));
	free(o);
}

static void report_dead(struct timer *t)
{
	struct origin *o = container_of(t, struct origin, timer);

	list_del(&o->list);
	list_init(&o->list);
	if (o->ops->dead)
		o->ops->dead(o->arg, o, &o->failure);
	origin_free(o);
}

/* Ends at once, tells the owner from the event loop: never inside a call of his. */
void origin_fail(struct origin *o, enum link_reason reason, enum wire_refusal refusal)
{
	if (o->state == ORIGIN_DEAD)
		return;
	o->failure = (struct origin_failure){
		.reason = reason, .refusal = refusal, .hop = o->hops, .state = o->state,
	};
	if (reason != REASON_REQUESTED)
		o->c->stats.origin_failed++;
	o->state = ORIGIN_DEAD;
	teardown(o, REASON_REQUESTED);
	timer_init(&o->timer, report_dead);
	timer_arm(o->c->ts, &o->timer, now(o->c));
}

void origin_destroy(struct origin *o)
{
	if (o->state != ORIGIN_DEAD)
		teardown(o, REASON_REQUESTED);
	timer_cancel(o->c->ts, &o->timer);
	origin_free(o);
}

void origin_end_lost(struct circuits *c, struct end *e, enum link_reason reason)
{
	struct origin *o = container_of(e, struct origin, end);

	if (o->installed)
		datapath_remove(c, o->link, o->circuit);
	o->installed = false;
	end_detach(c, e);
	origin_fail(o, o->state == ORIGIN_CLOSING ? REASON_REQUESTED : reason == REASON_REQUESTED ?
		       REASON_GENERIC : reason, REFUSAL_NONE);
}

void origins_fail(struct circuits *c, enum link_reason reason)
{
	struct origin *o;

	list_for_each(o, &c->origins, list)
		origin_fail(o, reason, REFUSAL_NONE);
}

void origins_free(struct circuits *c)
{
	while (!list_empty(&c->origins))
		origin_destroy(list_entry(c->origins.next, struct origin, list));
}

void origin_spent(struct origin *o)
{
	if (o->spent)
		return;
	o->spent = true;
	if (o->ops->spent)
		o->ops->spent(o->arg, o);
}

/* ---- steps ---- */

u64 origin_rto(const struct origin *o)
{
	u64 rto = o->rtt ? o->rtt * 5 / 4 + 20 * NSEC_PER_MSEC : RTO_FIRST;

	if (rto < o->conf.rto_min_ns)
		rto = o->conf.rto_min_ns;
	return rto;
}

void step_end(struct origin *o)
{
	if (o->step.data)
		sodium_memzero(o->step.data, o->step.len);
	free(o->step.data);
	memset(&o->step, 0, sizeof(o->step));
	timer_cancel(o->c->ts, &o->timer);
}

/* Once more; the more often it was in vain, the more copies. */
static void step_send(struct origin *o)
{
	struct step *s = &o->step;
	struct message m = { .type = s->type, .txid = s->txid, .data = s->data, .len = s->len };
	u32 copies = s->tries < 6 ? 1 : s->tries < 12 ? 2 : 3;
	u64 most = o->conf.rto_max_ns > o->rtt * 2 ? o->conf.rto_max_ns : o->rtt * 2;
	u64 at = now(o->c) + s->rto;

	timer_arm(o->c->ts, &o->timer, at < s->deadline ? at : s->deadline);
	s->sent = now(o->c);
	s->rto = s->rto * 6 / 5 < most ? s->rto * 6 / 5 : most;
	if (s->type == MESSAGE_CREATE)
		link_message(o->end.link, s->type, 0, s->txid, s->data, s->len);
	else
		for (; copies && o->state != ORIGIN_DEAD; copies--)
			origin_send(o, &m, !s->tries);
	if (++s->tries == TRIES_SUSPECT && s->type == MESSAGE_CREATE)
		link_suspect(o->end.link);
}

static void step_timeout(struct origin *o)
{
	struct link *link = o->end.link;
	bool guard = o->step.type == MESSAGE_CREATE && link_is_up(link);

	o->c->stats.origin_timeout++;
	origin_fail(o, REASON_TIMEOUT, REFUSAL_NONE);
	if (guard)
		link_suspect(link);	/* a guard that restarted is found that way */
}

static void solve(struct origin *o);

static void step_timer(struct timer *t)
{
	struct origin *o = container_of(t, struct origin, timer);

	if (o->solving)
		solve(o);
	else if (o->state == ORIGIN_LINK && link_is_up(o->end.link) && !o->end.circuit)
		origin_link_up(o->c, &o->end);
	else if (o->state == ORIGIN_LINK)
		origin_fail(o, REASON_TIMEOUT, REFUSAL_NONE);
	else if (now(o->c) >= o->step.deadline)
		step_timeout(o);
	else
		step_send(o);
}

void step_begin(struct origin *o, u8 type, const struct writer *w, u64 limit, u64 rto)
{
	struct step *s = &o->step;
	size_t len = w ? writer_len(w) : 0;

	step_end(o);
	s->data = malloc(len + 1);
	if (!s->data || (w && w->bad)) {
		origin_fail(o, REASON_LIMIT, REFUSAL_NONE);
		return;
	}
	if (len)
		memcpy(s->data, w->start, len);
	s->len = len;
	s->type = type;
	s->txid = type == MESSAGE_CREATE ? link_txid(o->end.link) : random_u64(o->c);
	s->first = now(o->c);
	s->deadline = s->first + limit;
	s->rto = rto;
	step_send(o);
}

/*
 * How long the exchange took. An answer after repetitions may belong to any of them (Karn): then
 * the last one, but no less than the way to the hop before took. Too short an estimate costs a
 * repetition, too long a one costs seconds where many cells are lost.
 */
static u64 step_rtt(const struct origin *o)
{
	u64 rtt = now(o->c) - o->step.sent;

	return o->step.tries > 1 && rtt < o->rtt ? o->rtt : rtt;
}

/* ---- CREATE and EXTEND ---- */

static bool handshake_begin(struct origin *o)
{
	struct hop_choice choice = { o->conf.data_class, o->conf.small_forward };
	const struct peer *peer = &o->path[o->hops];
	u8 ephemeral[32];
	int err;

	random_bytes(o->c, ephemeral, sizeof(ephemeral));
	err = handshake_start(&o->secrets->noise, &peer->id, peer->onion_key, ephemeral, &choice, o->hop1);
	sodium_memzero(ephemeral, sizeof(ephemeral));
	if (err)
		origin_fail(o, REASON_PROTOCOL, REFUSAL_NONE);
	return !err;
}

static void create_begin(struct origin *o)
{
	struct wire_create m = {
		.circuit = o->end.circuit, .suite = WIRE_SUITE_X25519, .puzzle = o->puzzle,
		.budget = o->length - 1 + random_below(o->c, WIRE_BUDGET_MAX + 2 - o->length),
		.handshake = o->hop1, .handshake_len = sizeof(o->hop1),
	};
	u64 rtt = link_rtt(o->end.link);
	u8 data[256];
	struct writer w = writer_of(data, sizeof(data));

	o->state = ORIGIN_CREATE;
	wire_create_write(&w, &m);
	step_begin(o, MESSAGE_CREATE, &w, o->conf.step_ns, rtt ? rtt * 3 / 2 + o->conf.rto_min_ns / 2 : RTO_FIRST);
}

static void extend_begin(struct origin *o)
{
	u8 descriptor[WIRE_DESCRIPTOR_MAX], data[WIRE_DESCRIPTOR_MAX + 512];
	struct wire_extend m = {
		.next = o->path[o->hops].id, .suite = WIRE_SUITE_X25519, .puzzle = o->puzzle,
		.handshake = o->hop1, .handshake_len = sizeof(o->hop1),
	};
	struct writer w = writer_of(data, sizeof(data));
	int len;

	o->state = ORIGIN_EXTEND;
	if (o->described) {
		len = o->ops->descriptor(o->arg, &m.next, descriptor, sizeof(descriptor));
		if (len <= 0 || len > WIRE_DESCRIPTOR_MAX) {
			origin_fail(o, REASON_REFUSED, REFUSAL_UNKNOWN);
			return;
		}
		m.descriptor = descriptor;
		m.descriptor_len = len;
	}
	wire_extend_write(&w, &m);
	/* the next link may have to be opened first: longer than a ping, but a repetition costs little */
	step_begin(o, MESSAGE_EXTEND, &w, o->conf.step_ns, o->rtt * 3 / 2 + 80 * NSEC_PER_MSEC);
}

/* A new link may still be finding out what its path carries. */
static void class_wait(struct origin *o)
{
	if (!o->class_until)
		o->class_until = now(o->c) + CLASS_WAIT;
	if (now(o->c) >= o->class_until)
		origin_fail(o, REASON_MTU, REFUSAL_CLASS);
	else
		timer_arm(o->c->ts, &o->timer, now(o->c) + CLASS_PAUSE);
}

void origin_link_up(struct circuits *c, struct end *e)
{
	struct origin *o = container_of(e, struct origin, end);
	u32 circuit;

	if (o->state != ORIGIN_LINK)
		return;
	timer_cancel(c->ts, &o->timer);
	if (link_class(e->link) < o->conf.data_class) {
		class_wait(o);
		return;
	}
	circuit = link_circuit_new(e->link, 0);
	if (!circuit || end_find(c, link_id(e->link), circuit)) {
		origin_fail(o, REASON_LIMIT, REFUSAL_NONE);
		return;
	}
	end_name(c, e, circuit, true);
	o->link = link_id(e->link);
	o->circuit = circuit;
	if (handshake_begin(o))
		create_begin(o);
}

static void next(struct origin *o)
{
	memset(&o->puzzle, 0, sizeof(o->puzzle));
	o->described = false;
	if (o->hops == o->length)
		origin_ready(o);
	else if (handshake_begin(o))
		extend_begin(o);
}

static void hop_added(struct origin *o, const u8 *handshake, u16 len)
{
	if (handshake_finish(&o->secrets->noise, handshake, len, &o->secrets->hop[o->hops])) {
		o->c->stats.origin_handshake++;
		origin_fail(o, REASON_PROTOCOL, REFUSAL_NONE);
		return;
	}
	o->rtt = step_rtt(o);
	o->hop_rtt[o->hops++] = o->rtt;
	step_end(o);
	origin_keys_update(o);
	if (o->ops->extended)
		o->ops->extended(o->arg, o, o->hops, o->rtt);
	if (o->conf.trace)
		step_begin(o, MESSAGE_CIRCUIT_PING, NULL, o->conf.step_ns, origin_rto(o));
	else
		next(o);
}

void origin_created(struct circuits *c, struct end *e, const struct message *m, const struct wire_created *created)
{
	struct origin *o = container_of(e, struct origin, end);

	o->last = now(c);
	if (o->step.type == MESSAGE_CREATE && o->step.txid == m->txid)
		hop_added(o, created->handshake, created->handshake_len);
}

/* ---- refusals ---- */

static void solve(struct origin *o)
{
	if (!puzzle_solve(&o->puzzle, o->hop1, sizeof(o->hop1), SOLVE_TRIES)) {
		timer_arm(o->c->ts, &o->timer, now(o->c) + SOLVE_PAUSE);
		return;
	}
	o->solving = false;
	if (o->state == ORIGIN_CREATE)
		create_begin(o);
	else
		extend_begin(o);
}

static void refused(struct origin *o, const struct wire_failed *m)
{
	bool again = o->puzzle.bits;

	o->c->stats.origin_refused++;
	step_end(o);
	if (m->reason == REFUSAL_PUZZLE && m->puzzle.bits <= o->c->conf.puzzle_cap && !again) {
		o->c->stats.origin_puzzle++;
		o->puzzle = m->puzzle;
		o->puzzle.solution = random_u64(o->c);
		o->solving = true;
		timer_arm(o->c->ts, &o->timer, now(o->c));
	} else if (m->reason == REFUSAL_UNKNOWN && o->state == ORIGIN_EXTEND && !o->described &&
		   o->ops->descriptor) {
		o->described = true;
		extend_begin(o);
	} else {
		if (o->state == ORIGIN_BIND && o->ops->refused)
			o->ops->refused(o->arg, o, m->reason);
		origin_fail(o, m->reason == REFUSAL_TIMEOUT ? REASON_TIMEOUT : REASON_REFUSED, m->reason);
	}
}

void origin_create_failed(struct circuits *c, struct end *e, const struct message *m, const struct wire_failed *failed)
{
	struct origin *o = container_of(e, struct origin, end);

	if (o->step.type == MESSAGE_CREATE && o->step.txid == m->txid)
		refused(o, failed);
}

/* ---- what the open end answers ---- */

static void bound(struct origin *o, const struct message *m)
{
	struct bind_grant grant;
	int err = wire_bound_parse(&grant, m->data, m->len);

	o->rtt = step_rtt(o);
	step_end(o);
	if (!err) {
		o->in_bound = true;
		err = o->ops->bound ? o->ops->bound(o->arg, o, &grant) : -ENOSYS;
		o->in_bound = false;
	}
	sodium_memzero(&grant, sizeof(grant));
	if (err || !o->installed)
		origin_fail(o, REASON_PROTOCOL, REFUSAL_ADDRESS);
}

static void pong(struct origin *o)
{
	if (o->step.tries == 1)
		o->rtt = now(o->c) - o->step.sent;
	step_end(o);
	if (o->state == ORIGIN_READY)
		return;
	o->hop_rtt[o->hops - 1] = o->rtt;
	next(o);
}

void origin_answer(struct origin *o, const struct message *m)
{
	struct wire_extended extended;
	struct wire_failed failed;
	u8 asked = o->step.type;

	if (!asked || asked == MESSAGE_CREATE || m->txid != o->step.txid) {
		o->c->stats.origin_late++;
		return;
	}
	if (m->type == MESSAGE_CIRCUIT_PONG && asked == MESSAGE_CIRCUIT_PING)
		pong(o);
	else if (m->type == MESSAGE_EXTENDED && asked == MESSAGE_EXTEND &&
		 !wire_extended_parse(&extended, m->data, m->len))
		hop_added(o, extended.handshake, extended.handshake_len);
	else if (m->type == MESSAGE_BOUND && asked == MESSAGE_BIND)
		bound(o, m);
	else if (m->type == MESSAGE_REFUSED && (asked == MESSAGE_EXTEND || asked == MESSAGE_BIND) &&
		 !wire_refused_parse(&failed, m->data, m->len))
		refused(o, &failed);
	else
		o->c->stats.message_unknown++;
}

/* ---- READY and BIND ---- */

void origin_ready(struct origin *o)
{
	o->c->stats.origin_built++;
	o->state = ORIGIN_READY;
	o->last = now(o->c);
	origin_watch_start(o);
	if (o->ops->ready)
		o->ops->ready(o->arg, o);
}

int origin_bind(struct origin *o, const struct bind_request *request)
{
	u8 data[WIRE_TOKEN_MAX + 128];
	struct writer w = writer_of(data, sizeof(data));
	u64 limit = o->conf.step_ns;

	if (o->state != ORIGIN_READY)
		return -EINVAL;
	o->request = *request;
	o->request.reserve = mv_reserve(o->length);
	o->state = ORIGIN_BIND;
	timer_cancel(o->c->ts, &o->watch);
	wire_bind_write(&w, &o->request);
	/* flows wait for a takeover, and another spare may do better */
	if (request->takeover && limit > o->conf.takeover_ns)
		limit = o->conf.takeover_ns;
	step_begin(o, MESSAGE_BIND, &w, limit, origin_rto(o));
	sodium_memzero(data, sizeof(data));
	return 0;
}

static void circuit_fill(const struct origin *o, u32 session, struct datapath_circuit *dc)
{
	u32 i;

	*dc = (struct datapath_circuit){
		.kind = DATAPATH_ORIGIN_CIRCUIT, .link = o->link, .circuit = o->circuit, .hops = o->length,
		.reserve = o->request.reserve, .data_class = o->conf.data_class,
		.small_forward = o->conf.small_forward, .session = session,
		.rate = o->conf.rate, .burst = o->conf.burst,
	};
	for (i = 0; i < o->length; i++) {
		const struct hop_keys *hop = &o->secrets->hop[i];
		bool last = i + 1 == o->length;

		memcpy(dc->kf[i], last ? hop->df : hop->kf, MV_KEY_LEN);
		memcpy(dc->kb[i], last ? hop->db : hop->kb, MV_KEY_LEN);
	}
}

#define BATCH 8

int origin_install(struct origin *o, u32 session, const struct datapath_op *before, u32 before_count,
		   const struct datapath_op *after, u32 after_count)
{
	struct datapath_circuit dc;
	struct datapath_op ops[2 * BATCH + 1];
	u32 i, n = 0;
	int err;

	if (!o->in_bound || !o->secrets || before_count > BATCH || after_count > BATCH)
		return -EINVAL;
	circuit_fill(o, session, &dc);
	for (i = 0; i < before_count; i++)
		ops[n++] = before[i];
	ops[n++] = (struct datapath_op){ DATAPATH_NEW, DATAPATH_OBJ_CIRCUIT, .circuit = &dc };
	for (i = 0; i < after_count; i++)
		ops[n++] = after[i];
	err = datapath_apply(o->c->dp, ops, n, NULL);
	sodium_memzero(&dc, sizeof(dc));
	secrets_erase(o);
	if (err)
		return err;
	o->installed = true;
	o->state = ORIGIN_BOUND;
	origin_watch_start(o);
	return 0;
}

/* ---- life ---- */

#define SETTLE(field, value)			\
	do {					\
		if (!(field))			\
			(field) = (value);	\
	} while (0)

static void conf_settle(struct origin_conf *f)
{
	if (f->data_class != MV_MEDIUM)
		f->data_class = MV_LARGE;
	SETTLE(f->link_ns, 5 * NSEC_PER_SEC);
	SETTLE(f->step_ns, 10 * NSEC_PER_SEC);
	SETTLE(f->takeover_ns, 4 * NSEC_PER_SEC);
	SETTLE(f->rto_min_ns, 60 * NSEC_PER_MSEC);
	SETTLE(f->rto_max_ns, 600 * NSEC_PER_MSEC);
	SETTLE(f->ping_ns, 20 * NSEC_PER_SEC);
	SETTLE(f->silence_ns, 900 * NSEC_PER_MSEC);
	SETTLE(f->silence_idle_ns, 3 * NSEC_PER_SEC);
	SETTLE(f->probe_idle_ns, 30 * NSEC_PER_SEC);
}

int origin_new(struct circuits *c, const struct origin_conf *conf, const struct peer *path, u32 hops,
	       const struct origin_ops *ops, void *arg, struct origin **origin)
{
	struct origin *o;
	struct link *link;
	int err = -ENOMEM;

	if (!hops || hops > MV_HOPS_MAX)
		return -EINVAL;
	link = link_get(c->links, &path[0], &err);
	if (!link)
		return err;
	o = calloc(1, sizeof(*o));
	if (!o)
		goto no_memory;
	o->secrets = sodium_malloc(sizeof(*o->secrets));
	if (!o->secrets || end_attach(c, &o->end, END_ORIGIN, link, 0))
		goto no_secrets;
	link_put(link);
	o->c = c;
	o->conf = *conf;
	conf_settle(&o->conf);
	o->ops = ops;
	o->arg = arg;
	memcpy(o->path, path, hops * sizeof(*path));
	o->length = hops;
	o->number_id = ++c->origin_number;
	o->number = random_below(c, 256);
	o->born = o->last = now(c);
	message_joiner_init(&o->joiner);
	timer_init(&o->timer, step_timer);
	timer_init(&o->watch, origin_watch);
	list_add_tail(&o->list, &c->origins);
	/* if it is up already, begin from the event loop: no calls back before this returns */
	timer_arm(c->ts, &o->timer, link_is_up(link) ? now(c) : now(c) + o->conf.link_ns);
	*origin = o;
	return 0;

no_secrets:
	if (o->secrets)
		sodium_free(o->secrets);
	free(o);
no_memory:
	link_put(link);
	return -ENOMEM;
}
