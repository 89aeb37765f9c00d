// SPDX-License-Identifier: GPL-2.0-or-later
/* The simulated network: see sim.h. */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>

#include <base/list.h>

struct sim {
	struct timers timers;
	struct sim_path path;
	struct sim_stats stats;
	struct list nodes, flights;
	u64 rng;
	bool (*tap)(void *arg, const struct sim_datagram *d);
	void *tap_arg;
};

struct sim_node {
	struct list list;
	struct sim *sim;
	struct endpoint address, old;
	u32 lanes;
	bool down;
	u64 last_arrival;		/* jitter keeps the order of what is sent to one node */
	void (*receive)(void *arg, u32 lane, const struct endpoint *from, const u8 *data, size_t len);
	void (*settle)(void *arg);
	void *arg;
};

/* A datagram on its way. */
struct flight {
	struct list list;
	struct timer timer;
	struct sim *sim;
	struct endpoint from, to;
	size_t len;
	u8 data[];
};

static void *must(void *p)
{
	if (!p)
		abort();
	return p;
}

struct sim *sim_new(u64 seed, const struct sim_path *path)
{
	struct sim *sim = must(calloc(1, sizeof(*sim)));

	/* away from 0, which engines may take for "never" */
	timers_init(&sim->timers, 1000 * NSEC_PER_SEC);
	list_init(&sim->nodes);
	list_init(&sim->flights);
	sim->path = *path;
	sim->rng = seed * 0x9e3779b97f4a7c15ULL + 1;
	return sim;
}

static void flight_free(struct flight *f)
{
	timer_cancel(&f->sim->timers, &f->timer);
	list_del(&f->list);
	free(f);
}

void sim_free(struct sim *sim)
{
	struct sim_node *n, *tmp;
	struct flight *f, *next;

	list_for_each_safe(f, next, &sim->flights, list)
		flight_free(f);
	list_for_each_safe(n, tmp, &sim->nodes, list)
		sim_node_free(n);
	timers_fini(&sim->timers);
	free(sim);
}

struct timers *sim_timers(struct sim *sim)
{
	return &sim->timers;
}

u64 sim_now(const struct sim *sim)
{
	return sim->timers.now;
}

void sim_set_path(struct sim *sim, const struct sim_path *path)
{
	sim->path = *path;
}

void sim_set_tap(struct sim *sim, bool (*tap)(void *arg, const struct sim_datagram *d), void *arg)
{
	sim->tap = tap;
	sim->tap_arg = arg;
}

const struct sim_stats *sim_stats(const struct sim *sim)
{
	return &sim->stats;
}

/* splitmix64 (Steele, Lea, Flood 2014) */
static u64 next(struct sim *sim)
{
	u64 z = sim->rng += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

void sim_random(struct sim *sim, void *buf, size_t len)
{
	u8 *at = buf;

	while (len--)
		*at++ = (u8)next(sim);
}

u32 sim_below(struct sim *sim, u32 below)
{
	return (u32)(next(sim) % below);
}

static bool chance(struct sim *sim, u32 permille)
{
	return permille && sim_below(sim, 1000) < permille;
}

static struct endpoint address_of(const char *text)
{
	struct endpoint e;

	if (endpoint_parse(&e, text)) {
		fprintf(stderr, "sim: \"%s\" is no address\n", text);
		abort();
	}
	return e;
}

struct sim_node *sim_node_new(struct sim *sim, const char *address, u32 lanes,
			      void (*receive)(void *arg, u32 lane, const struct endpoint *from,
					      const u8 *data, size_t len),
			      void (*settle)(void *arg), void *arg)
{
	struct sim_node *n = must(calloc(1, sizeof(*n)));

	n->sim = sim;
	n->address = address_of(address);
	n->lanes = lanes;
	n->receive = receive;
	n->settle = settle;
	n->arg = arg;
	list_add_tail(&n->list, &sim->nodes);
	return n;
}

void sim_node_free(struct sim_node *node)
{
	list_del(&node->list);
	free(node);
}

const struct endpoint *sim_node_address(const struct sim_node *node)
{
	return &node->address;
}

void sim_node_move(struct sim_node *node, const char *address, bool keep)
{
	node->old = keep ? node->address : (struct endpoint){ 0 };
	node->address = address_of(address);
}

void sim_node_set_down(struct sim_node *node, bool down)
{
	node->down = down;
}

static bool owns(const struct sim_node *n, const struct endpoint *address, const struct endpoint *to, u32 *lane)
{
	*lane = (u32)(to->port - address->port);
	return address->family && endpoint_same_host(address, to) && *lane < n->lanes;
}

static void settle(struct sim *sim)
{
	struct sim_node *n, *tmp;

	list_for_each_safe(n, tmp, &sim->nodes, list)
		if (n->settle)
			n->settle(n->arg);
}

static void arrive(struct timer *t)
{
	struct flight *f = container_of(t, struct flight, timer);
	struct sim *sim = f->sim;
	struct sim_node *n, *to = NULL;
	u32 lane = 0, l;

	list_for_each(n, &sim->nodes, list)
		if (!to && !n->down && (owns(n, &n->address, &f->to, &l) || owns(n, &n->old, &f->to, &l))) {
			to = n;
			lane = l;
		}
	list_del(&f->list);
	if (to) {
		sim->stats.delivered++;
		to->receive(to->arg, lane, &f->from, f->data, f->len);
	} else {
		sim->stats.nowhere++;
	}
	free(f);
}

static void fly(struct sim *sim, const struct endpoint *from, const struct endpoint *to, const void *data,
		size_t len, u64 at)
{
	struct flight *f = must(malloc(sizeof(*f) + len));

	f->sim = sim;
	f->from = *from;
	f->to = *to;
	f->len = len;
	if (len)
		memcpy(f->data, data, len);
	list_add_tail(&f->list, &sim->flights);
	timer_init(&f->timer, arrive);
	if (timer_arm(&sim->timers, &f->timer, at))
		abort();
}

static u64 arrival(struct sim *sim, struct sim_node *node)
{
	const struct sim_path *p = &sim->path;
	u64 at = sim->timers.now + p->delay + (p->jitter ? next(sim) % p->jitter : 0);

	if (chance(sim, p->reorder)) {
		sim->stats.reordered++;
		return at + (p->reorder_ns ? p->reorder_ns : p->delay + NSEC_PER_MSEC);
	}
	/* the heap of timers does not keep the order of equal times */
	if (at <= node->last_arrival)
		at = node->last_arrival + 1;
	node->last_arrival = at;
	return at;
}

void sim_send(struct sim_node *node, u32 lane, const struct endpoint *to, const void *data, size_t len)
{
	struct sim *sim = node->sim;
	struct sim_datagram d = { sim->timers.now, node->address, *to, data, len, node };
	u32 copies = 1;

	d.from.port = (u16)(d.from.port + lane);
	sim->stats.sent++;
	if (node->down || (sim->tap && !sim->tap(sim->tap_arg, &d)) || chance(sim, sim->path.loss)) {
		sim->stats.lost++;
		return;
	}
	if (sim->path.mtu && len > sim->path.mtu) {
		sim->stats.too_long++;
		return;
	}
	if (chance(sim, sim->path.duplicate)) {
		sim->stats.duplicated++;
		copies = 2;
	}
	while (copies--)
		fly(sim, &d.from, to, data, len, arrival(sim, node));
}

void sim_inject(struct sim *sim, const struct endpoint *from, const struct endpoint *to, const void *data,
		size_t len)
{
	fly(sim, from, to, data, len, sim->timers.now + 1);
}

static bool step(struct sim *sim, u64 end)
{
	u64 at;

	settle(sim);
	at = timers_next(&sim->timers);
	if (at > end) {
		sim->timers.now = end;
		return false;
	}
	timers_run(&sim->timers, at > sim->timers.now ? at : sim->timers.now);
	return true;
}

void sim_run(struct sim *sim, u64 ns)
{
	u64 end = sim->timers.now + ns;

	while (step(sim, end))
		;
	settle(sim);
}

bool sim_until(struct sim *sim, u64 ns, bool (*done)(void *arg), void *arg)
{
	u64 end = sim->timers.now + ns;

	while (!done(arg))
		if (!step(sim, end)) {
			settle(sim);
			return done(arg);
		}
	return true;
}
