// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The circuit engine's table: finds the circuit that a message, cell or event is about and hands
 * it to the hop or origin there; answers for circuits that nobody knows.
 */
#include "engine.h"
#include "session.h"

#include <sodium.h>

u64 random_u64(struct circuits *c)
{
	u64 v;

	random_bytes(c, &v, sizeof(v));
	return v;
}

/* ---- per link ---- */

static struct link_state *link_state_find(struct circuits *c, u32 link)
{
	struct hnode *n = htable_find(&c->states, link);

	return n ? container_of(n, struct link_state, node) : NULL;
}

struct link_state *link_state_get(struct circuits *c, struct link *link)
{
	struct link_state *ls = link_state_find(c, link_id(link));

	if (ls)
		return ls;
	ls = calloc(1, sizeof(*ls));
	if (!ls)
		return NULL;
	ls->link = link;
	list_init(&ls->ends);
	list_init(&ls->sessions);
	replies_init(&ls->replies, CREATE_REPLIES, CREATE_REPLY_NS, c->replies_seed);
	bucket_init(&ls->creates, c->conf.create_rate, c->conf.create_burst);
	bucket_init(&ls->destroys, c->conf.destroy_rate, c->conf.destroy_burst);
	htable_add(&c->states, &ls->node, link_id(link));
	return ls;
}

static void link_state_free(struct circuits *c, struct link_state *ls)
{
	sessions_leave(ls);
	replies_fini(&ls->replies);
	htable_del(&c->states, &ls->node);
	free(ls);
}

/* ---- ends ---- */

struct end *end_find(struct circuits *c, u32 link, u32 circuit)
{
	struct hnode *n = htable_find(&c->ends, end_key(link, circuit));

	return n ? container_of(n, struct end, node) : NULL;
}

int end_attach(struct circuits *c, struct end *e, enum end_kind kind, struct link *link, u32 circuit)
{
	struct link_state *ls = link_state_get(c, link);

	if (!ls)
		return -ENOMEM;
	e->kind = kind;
	e->state = ls;
	e->link = link_hold(link);
	e->circuit = 0;
	e->own_id = false;
	list_add_tail(&e->on_link, &ls->ends);
	if (circuit)
		end_name(c, e, circuit, false);
	return 0;
}

void end_name(struct circuits *c, struct end *e, u32 circuit, bool own)
{
	e->circuit = circuit;
	e->own_id = own;
	htable_add(&c->ends, &e->node, end_key(link_id(e->link), circuit));
	if (e->kind == END_IN)
		e->state->theirs++;
}

void end_detach(struct circuits *c, struct end *e)
{
	if (!e->link)
		return;
	if (e->circuit) {
		htable_del(&c->ends, &e->node);
		if (e->own_id)
			link_circuit_put(e->link, e->circuit);
		if (e->kind == END_IN)
			e->state->theirs--;
	}
	list_del(&e->on_link);
	link_put(e->link);
	e->link = NULL;
	e->state = NULL;
	e->circuit = 0;
}

/* ---- DESTROY and the datapath ---- */

void destroy_send(struct circuits *c, struct link *link, u32 circuit, enum link_reason reason)
{
	struct wire_destroy m = { circuit, reason };
	u8 data[8];
	struct writer w = writer_of(data, sizeof(data));

	wire_destroy_write(&w, &m);
	if (!link_message(link, MESSAGE_DESTROY, 0, link_txid(link), data, writer_len(&w)))
		c->stats.destroy_tx++;
}

void end_destroy_send(struct circuits *c, const struct end *e, enum link_reason reason)
{
	if (e->link && e->circuit && link_is_up(e->link))
		destroy_send(c, e->link, e->circuit, reason);
}

void datapath_remove(struct circuits *c, u32 link, u32 circuit)
{
	struct datapath_circuit name = { .link = link, .circuit = circuit };

	datapath_circuit_apply(c->dp, DATAPATH_DEL, &name);
}

u32 session_id_new(struct circuits *c)
{
	if (!++c->session_id)
		c->session_id = 1;
	return c->session_id;
}

/* ---- from the link engine ---- */

void circuits_link_up(struct circuits *c, struct link *link)
{
	struct link_state *ls = link_state_find(c, link_id(link));
	struct end *e, *tmp;

	if (!ls)
		return;
	/* a hop that refuses here may take out only its own end */
	list_for_each_safe(e, tmp, &ls->ends, on_link) {
		if (e->circuit)
			continue;
		if (e->kind == END_ORIGIN)
			origin_link_up(c, e);
		else if (e->kind == END_OUT)
			hop_link_up(c, e);
	}
}

static void end_lost(struct circuits *c, struct end *e, enum link_reason reason)
{
	if (e->kind == END_ORIGIN)
		origin_end_lost(c, e, reason);
	else
		hop_end_lost(c, e, reason);
}

void circuits_link_down(struct circuits *c, struct link *link, enum link_reason reason)
{
	struct link_state *ls = c ? link_state_find(c, link_id(link)) : NULL;

	if (!ls)
		return;
	c->stats.links_lost++;
	while (!list_empty(&ls->ends))
		end_lost(c, list_entry(ls->ends.next, struct end, on_link), reason);
	link_state_free(c, ls);
}

static void destroy_received(struct circuits *c, struct link *link, const struct message *m)
{
	struct wire_destroy d;
	struct end *e;

	c->stats.destroy_rx++;
	if (wire_destroy_parse(&d, m->data, m->len)) {
		c->stats.destroy_malformed++;
		return;
	}
	e = end_find(c, link_id(link), d.circuit);
	if (!e) {
		c->stats.destroy_unknown++;
		return;
	}
	end_lost(c, e, d.reason < REASON_COUNT ? d.reason : REASON_GENERIC);
}

static void created_received(struct circuits *c, struct link *link, const struct message *m)
{
	struct wire_created created;
	struct end *e = NULL;

	if (!wire_created_parse(&created, m->data, m->len))
		e = end_find(c, link_id(link), created.circuit);
	if (e && e->kind == END_OUT)
		hop_created(c, e, m, &created);
	else if (e && e->kind == END_ORIGIN)
		origin_created(c, e, m, &created);
	else
		c->stats.message_unknown++;
}

static void create_failed_received(struct circuits *c, struct link *link, const struct message *m)
{
	struct wire_failed failed;
	struct end *e = NULL;

	if (!wire_failed_parse(&failed, m->data, m->len))
		e = end_find(c, link_id(link), failed.circuit);
	if (e && e->kind == END_OUT)
		hop_create_failed(c, e, m, &failed);
	else if (e && e->kind == END_ORIGIN)
		origin_create_failed(c, e, m, &failed);
	else
		c->stats.message_unknown++;
}

void circuits_message(struct circuits *c, struct link *link, const struct message *m)
{
	struct link_state *ls;

	switch (m->type) {
	case MESSAGE_CREATE:
		ls = link_state_get(c, link);
		if (ls)
			hops_create(c, ls, m);
		break;
	case MESSAGE_CREATED:
		created_received(c, link, m);
		break;
	case MESSAGE_CREATE_FAILED:
		create_failed_received(c, link, m);
		break;
	case MESSAGE_DESTROY:
		destroy_received(c, link, m);
		break;
	default:
		c->stats.message_unknown++;
	}
}

static void cell_unknown(struct circuits *c, struct link *link, u32 circuit)
{
	struct link_state *ls = link_state_get(c, link);

	c->stats.cell_unknown++;
	/* the link's own first: who floods takes nothing from others */
	if (ls && bucket_take(&ls->destroys, now(c), 1) && bucket_take(&c->destroys, now(c), 1))
		destroy_send(c, link, circuit, REASON_UNKNOWN);
	else
		c->stats.destroy_limited++;
}

void circuits_cell(struct circuits *c, struct link *link, const struct mv_header *header, u8 *cell, size_t len)
{
	struct end *e = end_find(c, link_id(link), header->circuit);

	if (!e)
		cell_unknown(c, link, header->circuit);
	else if (e->kind == END_IN)
		hop_cell(c, e, header, cell, len);
	else if (e->kind == END_ORIGIN)
		origin_cell(c, e, header, cell, len);
	else
		c->stats.cell_side++;	/* what a successor sends is the datapath's, or too early */
}

void circuits_event(struct circuits *c, const struct datapath_event *event)
{
	struct end *e;

	if (event->kind != DATAPATH_EV_PASS && event->kind != DATAPATH_EV_CONTROL &&
	    event->kind != DATAPATH_EV_COUNTER)
		return;
	e = end_find(c, event->link, event->circuit);
	if (!e)
		return;		/* it ended meanwhile */
	if (e->kind == END_ORIGIN)
		origin_event(c, e, event);
	else if (e->kind == END_IN)
		hop_event(c, e, event);
}

/* ---- life ---- */

#define SETTLE(field, value)			\
	do {					\
		if (!(field))			\
			(field) = (value);	\
	} while (0)

static void conf_settle(struct circuits_conf *f)
{
	SETTLE(f->max_circuits, 65536);
	SETTLE(f->max_per_link, 8192);
	SETTLE(f->max_per_anonymous_link, 256);
	SETTLE(f->max_extends, 8);
	SETTLE(f->max_sessions, 8192);
	SETTLE(f->max_sessions_per_link, 2048);
	SETTLE(f->max_sessions_per_anonymous_link, 64);
	SETTLE(f->max_takeovers, 2);
	SETTLE(f->create_rate, 100);
	SETTLE(f->create_burst, 200);
	SETTLE(f->create_total_rate, 4000);
	SETTLE(f->create_total_burst, 4000);
	SETTLE(f->puzzle_bits, 10);
	SETTLE(f->puzzle_cap, 20);
	SETTLE(f->destroy_rate, 50);
	SETTLE(f->destroy_burst, 100);
	SETTLE(f->destroy_total_rate, 1000);
	SETTLE(f->destroy_total_burst, 2000);
	SETTLE(f->extend_ns, 6 * NSEC_PER_SEC);
	SETTLE(f->pass_ns, 30 * NSEC_PER_SEC);
	SETTLE(f->idle_ns, 180 * NSEC_PER_SEC);
	SETTLE(f->linger_ns, 30 * NSEC_PER_SEC);
}

void circuits_reconfigure(struct circuits *c, const struct circuits_conf *conf)
{
	c->conf = *conf;
	conf_settle(&c->conf);
	bucket_init(&c->creates, c->conf.create_total_rate, c->conf.create_total_burst);
	bucket_init(&c->destroys, c->conf.destroy_total_rate, c->conf.destroy_total_burst);
}

static void sweep_arm(struct circuits *c)
{
	timer_arm(c->ts, &c->sweep, now(c) + c->conf.idle_ns / SWEEPS);
}

static void sweep(struct timer *t)
{
	struct circuits *c = container_of(t, struct circuits, sweep);

	hops_sweep(c);
	sweep_arm(c);
}

int circuits_new(struct circuits **circuits, const struct circuits_conf *conf, const struct circuits_ops *ops,
		 void *arg, struct timers *ts, struct links *links, struct datapath *dp)
{
	struct circuits *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->ops = ops;
	c->arg = arg;
	c->ts = ts;
	c->links = links;
	c->dp = dp;
	list_init(&c->hops);
	list_init(&c->origins);
	random_bytes(c, c->puzzle_key, sizeof(c->puzzle_key));
	crypto_shorthash((u8 *)&c->replies_seed, (const u8 *)"replies", 7, c->puzzle_key);
	if (htable_init(&c->ends, 4096, random_u64(c)) || htable_init(&c->states, 1024, random_u64(c)) ||
	    htable_init(&c->sessions, 1024, random_u64(c))) {
		htable_fini(&c->ends);
		htable_fini(&c->states);
		free(c);
		return -ENOMEM;
	}
	circuits_reconfigure(c, conf);
	timer_init(&c->sweep, sweep);
	sweep_arm(c);
	*circuits = c;
	return 0;
}

static void states_free(struct circuits *c)
{
	u32 i;

	for (i = 0; i <= c->states.mask; i++)
		while (!list_empty(&c->states.buckets[i]))
			link_state_free(c, list_entry(c->states.buckets[i].next, struct link_state, node.list));
}

void circuits_free(struct circuits *c)
{
	if (!c)
		return;
	origins_free(c);
	hops_free(c, REASON_SHUTDOWN);
	sessions_free(c);
	states_free(c);
	timer_cancel(c->ts, &c->sweep);
	htable_fini(&c->ends);
	htable_fini(&c->states);
	htable_fini(&c->sessions);
	sodium_memzero(c, sizeof(*c));
	free(c);
}

void circuits_drain(struct circuits *c)
{
	c->draining = true;
}

void circuits_destroy_all(struct circuits *c, enum link_reason reason)
{
	origins_fail(c, reason);
	hops_free(c, reason);
	sessions_free(c);
}

/* ---- for people ---- */

const char *circuit_role_name(enum circuit_role role)
{
	static const char *const names[] = { "open", "relay", "exit", "origin" };

	return role <= CIRCUIT_ORIGIN ? names[role] : "unknown";
}

int circuits_each(struct circuits *c, int (*each)(void *arg, const struct circuit_info *info), void *arg)
{
	struct circuit_info info;
	struct end *e;
	u32 i;
	int ret;

	for (i = 0; i <= c->ends.mask; i++) {
		list_for_each(e, &c->ends.buckets[i], node.list) {
			if (e->kind == END_OUT)
				continue;
			memset(&info, 0, sizeof(info));
			ret = e->kind == END_IN ? hop_describe(e, &info) : origin_describe(e, &info);
			if (!ret)
				ret = each(arg, &info);
			if (ret)
				return ret;
		}
	}
	return 0;
}

u32 circuits_count(const struct circuits *c)
{
	return c->hop_count;
}

u32 circuits_sessions(const struct circuits *c)
{
	return c->session_count;
}

const struct circuits_stats *circuits_stats(const struct circuits *c)
{
	return &c->stats;
}

void circuits_stats_each(const struct circuits *c, void (*each)(void *arg, const char *name, u64 value), void *arg)
{
#define _(name) each(arg, #name, c->stats.name);
	CIRCUITS_STATS(_)
#undef _
}
