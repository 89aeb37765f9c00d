// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Circuit ids of ours: a keyed permutation over 23 bits of a counter, so that they repeat only
 * after 2^23 and tell nothing of how many there were; bit 23 says which end chose. An id is drawn
 * again only when no session in which it was used receives any more: the counter must not run 2^23
 * past where the oldest such session began, and ids older than the session in which they ended
 * wait in quarantine for that session's end.
 */
#include "link_internal.h"

#include <meshvpn/siphash.h>

#define ID_BITS 23
#define ID_COUNT (1ULL << ID_BITS)
#define ID_SIDE (1U << ID_BITS)
#define HALF_BITS 12		/* of the network, which walks until it is below ID_COUNT */
#define HALF_MASK ((1U << HALF_BITS) - 1)
#define ROUNDS 4		/* Luby, Rackoff 1988 */

void circuit_ids_init(struct link *l)
{
	struct circuit_ids *c = &l->circuits;

	links_random(l->links, c->key, sizeof(c->key));
	list_init(&c->quarantine);
}

void circuit_ids_fini(struct link *l)
{
	struct circuit_ids *c = &l->circuits;
	struct hnode *n, *tmp;
	u32 i;

	for (i = 0; c->used.buckets && i <= c->used.mask; i++)
		list_for_each_safe(n, tmp, &c->used.buckets[i], list)
			free(container_of(n, struct circuit_use, node));
	htable_fini(&c->used);
}

static u32 feistel(const struct mv_siphash_key *key, u32 in)
{
	u32 left = in >> HALF_BITS, right = in & HALF_MASK, round;

	for (round = 0; round < ROUNDS; round++) {
		struct mv_siphash s;
		u32 f;

		mv_siphash_init(&s, key);
		mv_siphash_word(&s, (u64)round << 32 | right);
		f = (u32)mv_siphash_final(&s, 1) & HALF_MASK;
		f ^= left;
		left = right;
		right = f;
	}
	return left << HALF_BITS | right;
}

static u32 permute(const struct circuit_ids *c, u64 n)
{
	struct mv_siphash_key key = mv_siphash_key(c->key);
	u32 v = (u32)(n % ID_COUNT);

	do
		v = feistel(&key, v);
	while (v >= ID_COUNT);
	return v;
}

static const struct session *oldest(const struct link *l)
{
	return l->previous ? l->previous : l->current;
}

static struct circuit_use *find(const struct circuit_ids *c, u32 id)
{
	struct hnode *n = c->used.buckets ? htable_find(&c->used, id) : NULL;

	return n ? container_of(n, struct circuit_use, node) : NULL;
}

/* The next id that is free, 0 if there is none. */
static u32 draw(struct link *l)
{
	struct circuit_ids *c = &l->circuits;
	u32 side = link_larger(l) ? ID_SIDE : 0, id;

	while (c->drawn - oldest(l)->first_circuit < ID_COUNT) {
		id = permute(c, c->drawn++) | side;
		if (id != MV_CIRCUIT_CONTROL && !find(c, id))
			return id;
	}
	return 0;
}

static u32 lane_of_id(const struct link *l, u32 id)
{
	return id % (l->links->conf.lanes ? l->links->conf.lanes : 1);
}

static u32 take_skipped(struct link *l, u32 lane, bool any)
{
	struct circuit_ids *c = &l->circuits;
	u32 i, id;

	for (i = 0; i < c->skipped_count; i++) {
		id = c->skipped[i];
		if (any || lane_of_id(l, id) == lane) {
			c->skipped[i] = c->skipped[--c->skipped_count];
			return id;
		}
	}
	return 0;
}

/* One on the wanted lane; what is drawn on the way there serves others later. */
static u32 draw_lane(struct link *l, u32 lane, bool any)
{
	struct circuit_ids *c = &l->circuits;
	u32 id = take_skipped(l, lane, any);

	while (!id) {
		id = draw(l);
		if (!id || any || lane_of_id(l, id) == lane)
			break;
		/* full: one that nobody asked for is lost */
		if (c->skipped_count < CIRCUIT_SKIPPED)
			c->skipped[c->skipped_count++] = id;
		else
			c->skipped[c->drawn % CIRCUIT_SKIPPED] = id;
		id = 0;
	}
	return id;
}

static int remember(struct link *l, u32 id)
{
	struct circuit_ids *c = &l->circuits;
	struct circuit_use *u;

	if (!c->used.buckets && htable_init(&c->used, 256, links_random64(l->links)))
		return -ENOMEM;
	u = calloc(1, sizeof(*u));
	if (!u)
		return -ENOMEM;
	u->drawn = c->drawn;
	list_init(&u->quarantine);
	htable_add(&c->used, &u->node, id);
	c->live++;
	return 0;
}

u32 link_circuit_new(struct link *l, u32 lane_of)
{
	u32 id;

	if (l->state != LINK_UP)
		return 0;
	id = draw_lane(l, lane_of_id(l, lane_of), !lane_of || l->links->conf.lanes <= 1);
	if (id && remember(l, id))
		id = 0;
	if (circuit_ids_low(l))
		rekey_start(l);
	return id;
}

static void forget(struct circuit_ids *c, struct circuit_use *u)
{
	list_del(&u->quarantine);
	htable_del(&c->used, &u->node);
	free(u);
}

void link_circuit_put(struct link *l, u32 circuit)
{
	struct circuit_ids *c = &l->circuits;
	struct circuit_use *u = find(c, circuit);

	if (!u || u->session)
		return;
	c->live--;
	l->idle_since = now_of(l);
	if (!l->current || u->drawn > l->current->first_circuit) {
		forget(c, u);
		return;
	}
	u->session = l->current->index;
	list_add_tail(&u->quarantine, &c->quarantine);
}

void circuit_ids_release(struct link *l, u32 session)
{
	struct circuit_ids *c = &l->circuits;
	struct circuit_use *u, *tmp;

	list_for_each_safe(u, tmp, &c->quarantine, quarantine)
		if (u->session == session)
			forget(c, u);
}

bool circuit_ids_low(const struct link *l)
{
	return l->current && l->circuits.drawn - l->current->first_circuit >= ID_COUNT / 2;
}

bool link_circuit_theirs(const struct link *l, u32 circuit)
{
	return circuit && circuit <= MV_CIRCUIT_MAX && !(circuit & ID_SIDE) == link_larger(l);
}
