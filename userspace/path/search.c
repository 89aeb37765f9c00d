/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One choice of a path: the exit first, as it has the fewest candidates, then the guard from the
 * sample, then the middles at random, with backtracking, so that a path is found where one exists.
 */
#include <errno.h>
#include <stdlib.h>

#include "path_internal.h"

#define SEARCH_STEPS 20000		/* candidates looked at before it is given up */

struct search {
	struct paths *p;
	const struct path_request *request;
	struct candidate *candidates;
	u32 count, room;
	u32 *order[MV_HOPS_MAX];	/* of candidates, a shuffle for each place */
	const struct candidate *chosen[MV_HOPS_MAX];	/* NULL: not yet */
	u32 hops, steps;
	bool strict;			/* without relays that failed lately */
};

/* ---- who may take part ---- */

static u8 families_of(const struct peer *peer, bool private_network)
{
	u8 families = 0;
	u32 i;

	for (i = 0; i < peer->endpoint_count; i++)
		if (endpoint_contactable(&peer->endpoints[i], private_network))
			families |= peer->endpoints[i].family == AF_INET ? FAMILY4 : FAMILY6;
	return families;
}

static int collect(void *arg, const struct descriptor *d)
{
	struct search *s = arg;
	const struct path_conf *conf = &s->p->conf;
	u8 families = families_of(&d->peer, conf->private_network);

	if (!directory_listed(d))
		return 0;
	if (!(d->peer.flags & PEER_RELAY) || !(d->peer.suites & 1 << WIRE_SUITE_X25519) || !families)
		return 0;
	if (node_id_equal(&d->peer.id, &conf->self) || id_listed(&d->peer.id, conf->exclude, conf->exclude_count))
		return 0;
	if (s->count == s->room)
		return 1;
	s->candidates[s->count++] = (struct candidate){ d, families };
	return 0;
}

/* ---- rules ---- */

static bool same_network(const struct peer *a, const struct peer *b)
{
	u32 i, j;

	for (i = 0; i < a->endpoint_count; i++)
		for (j = 0; j < b->endpoint_count; j++)
			if (endpoint_network(&a->endpoints[i]) == endpoint_network(&b->endpoints[j]))
				return true;
	return false;
}

static bool beside(const struct candidate *a, const struct candidate *b)
{
	return !a || !b || a->families & b->families;
}

static bool fits_exit(const struct search *s, const struct candidate *c)
{
	const struct path_conf *conf = &s->p->conf;
	const struct path_request *q = s->request;
	const struct node_id *id = &c->d->peer.id;

	if (!(c->d->peer.flags & PEER_EXIT))
		return false;
	if (q->has_exit)
		return node_id_equal(id, &q->exit);
	if (conf->exits_count && !id_listed(id, conf->exits, conf->exits_count))
		return false;
	return !id_listed(id, q->avoid_exits, q->avoid_exits_count);
}

static bool fits_client(const struct search *s, const struct candidate *c)
{
	const struct path_conf *conf = &s->p->conf;

	return c->families & ((conf->has4 ? FAMILY4 : 0) | (conf->has6 ? FAMILY6 : 0));
}

static bool fits_others(const struct search *s, const struct candidate *c, u32 place)
{
	u32 i;

	if (place && !beside(s->chosen[place - 1], c))
		return false;
	if (place + 1 < s->hops && !beside(c, s->chosen[place + 1]))
		return false;
	for (i = 0; i < s->hops; i++) {
		const struct candidate *o = s->chosen[i];

		if (!o)
			continue;
		if (o == c || (!s->p->conf.no_network_rule && same_network(&o->d->peer, &c->d->peer)))
			return false;
	}
	return true;
}

static bool fits(const struct search *s, const struct candidate *c, u32 place)
{
	const struct path_request *q = s->request;
	bool first = !place, last = place + 1 == s->hops;

	if (last && !fits_exit(s, c))
		return false;
	if (first && !fits_client(s, c))
		return false;
	if (!first && !last && id_listed(&c->d->peer.id, q->avoid, q->avoid_count))
		return false;
	if (s->strict && !first && !q->has_exit && failed_lately(s->p, &c->d->peer.id))
		return false;
	if (s->strict && !first && !last && failed_lately(s->p, &c->d->peer.id))
		return false;
	return fits_others(s, c, place);
}

/* ---- guards ---- */

/* Live and not failing: in use, in the order of the sample. */
static bool guard_usable(const struct paths *p, const struct guard *g)
{
	return !g->retry_at || g->retry_at <= p->ops->now(p->arg);
}

static const struct candidate *candidate_find(const struct search *s, const struct node_id *id)
{
	u32 i;

	for (i = 0; i < s->count; i++)
		if (node_id_equal(&s->candidates[i].d->peer.id, id))
			return &s->candidates[i];
	return NULL;
}

/* Out of the sample: too old, or the sample is full of relays that are gone. */
static void guards_prune(struct search *s)
{
	struct paths *p = s->p;
	u64 now = p->ops->now(p->arg);
	u32 i, n = 0;

	for (i = 0; i < p->guards_count; i++) {
		bool old = now - p->guards[i].born > p->conf.guard_life_ns;
		bool gone = p->guards_count == PATH_GUARDS_MAX && !candidate_find(s, &p->guards[i].id);

		if (old || gone) {
			p->stats.guards_dropped++;
			p->guards_changed = true;
		} else {
			p->guards[n++] = p->guards[i];
		}
	}
	p->guards_count = n;
}

static u32 guards_live(const struct search *s)
{
	u32 i, live = 0;

	for (i = 0; i < s->p->guards_count; i++)
		live += guard_usable(s->p, &s->p->guards[i]) && candidate_find(s, &s->p->guards[i].id);
	return live;
}

/* Fill the sample up to the number in use: relays that are no exits first, as exits are scarce. */
static void guards_fill(struct search *s)
{
	struct paths *p = s->p;
	u32 want = p->conf.guards, pass, i, *order = s->order[0];

	for (pass = 0; pass < 2; pass++)
		for (i = 0; i < s->count && guards_live(s) < want; i++) {
			const struct candidate *c = &s->candidates[order[i]];
			bool exit = c->d->peer.flags & PEER_EXIT;

			if (exit == pass && fits_client(s, c) && !guard_find(p, &c->d->peer.id))
				guard_sample(p, &c->d->peer.id);
		}
}

static bool search_rest(struct search *s, u32 place);

static bool try_guard(struct search *s, const struct candidate *c)
{
	if (!c || !fits(s, c, 0))
		return false;
	s->chosen[0] = c;
	if (search_rest(s, 1))
		return true;
	s->chosen[0] = NULL;
	return false;
}

/* @rank 0: in use; 1: to be avoided (beside another circuit's); 2: failing, the last resort. */
static u32 guard_rank(const struct search *s, const struct guard *g)
{
	if (!guard_usable(s->p, g))
		return 2;
	return id_listed(&g->id, s->request->avoid, s->request->avoid_count);
}

static bool search_sample(struct search *s, u32 rank)
{
	u32 i;

	for (i = 0; i < s->p->guards_count; i++)
		if (guard_rank(s, &s->p->guards[i]) == rank && try_guard(s, candidate_find(s, &s->p->guards[i].id)))
			return true;
	return false;
}

/* None of the sample goes with this exit: another guard, which then belongs to the sample. */
static bool search_new_guard(struct search *s)
{
	u32 i;

	for (i = 0; i < s->count && s->p->guards_count < PATH_GUARDS_MAX; i++) {
		const struct candidate *c = &s->candidates[s->order[0][i]];

		if (!guard_find(s->p, &c->d->peer.id) && try_guard(s, c))
			return guard_sample(s->p, &c->d->peer.id);
	}
	return false;
}

static bool search_guard(struct search *s)
{
	/* the only hop is the exit: guards have no meaning */
	if (s->hops == 1)
		return fits_client(s, s->chosen[0]);
	return search_sample(s, 0) || search_sample(s, 1) || search_new_guard(s) || search_sample(s, 2);
}

/* ---- the search ---- */

static bool search_rest(struct search *s, u32 place)
{
	u32 i;

	if (place + 1 >= s->hops)
		return true;
	for (i = 0; i < s->count && s->steps < SEARCH_STEPS; i++, s->steps++) {
		const struct candidate *c = &s->candidates[s->order[place][i]];

		if (!fits(s, c, place))
			continue;
		s->chosen[place] = c;
		if (search_rest(s, place + 1))
			return true;
		s->chosen[place] = NULL;
	}
	return false;
}

static bool search_exit(struct search *s)
{
	u32 i, last = s->hops - 1;

	for (i = 0; i < s->count; i++) {
		const struct candidate *c = &s->candidates[s->order[last][i]];

		if (!fits(s, c, last))
			continue;
		s->chosen[last] = c;
		if (search_guard(s))
			return true;
		s->chosen[last] = NULL;
	}
	return false;
}

static void shuffle(struct search *s, u32 *order)
{
	u32 i, j, swap;

	for (i = 0; i < s->count; i++)
		order[i] = i;
	for (i = s->count; i > 1; i--) {
		j = path_random_below(s->p, i);
		swap = order[i - 1];
		order[i - 1] = order[j];
		order[j] = swap;
	}
}

static bool search_run(struct search *s, bool strict)
{
	s->strict = strict;
	s->steps = 0;
	memset(s->chosen, 0, sizeof(s->chosen));
	return search_exit(s);
}

static int search_prepare(struct search *s)
{
	u32 i, *orders;

	s->room = directory_count(s->p->dir);
	s->candidates = calloc(s->room ? s->room : 1, sizeof(*s->candidates));
	orders = calloc((size_t)s->room * s->hops + 1, sizeof(*orders));
	s->order[0] = orders;
	if (!s->candidates || !orders)
		return -ENOMEM;
	directory_each(s->p->dir, collect, s);
	for (i = 0; i < s->hops; i++) {
		s->order[i] = orders + (size_t)i * s->room;
		shuffle(s, s->order[i]);
	}
	return 0;
}

int paths_select(struct paths *p, const struct path_request *request, struct peer *path)
{
	struct search s = { .p = p, .request = request, .hops = request->hops };
	int ret;
	u32 i;

	if (!s.hops || s.hops > MV_HOPS_MAX)
		return -EINVAL;
	ret = search_prepare(&s);
	if (!ret) {
		guards_prune(&s);
		guards_fill(&s);
		ret = search_run(&s, true) || search_run(&s, false) ? 0 : -ENOENT;
	}
	for (i = 0; !ret && i < s.hops; i++)
		path[i] = s.chosen[i]->d->peer;
	if (ret)
		p->stats.none++;
	else
		p->stats.selected++;
	free(s.order[0]);
	free(s.candidates);
	return ret;
}
