/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flat hash table from a u64 to a pointer, open addressing, for the look-ups of every cell: one
 * cache line as a rule, which can be prefetched. Deletion shifts back, so there are no tombstones.
 */
#ifndef MESHVPN_DATAPATH_FLAT_H
#define MESHVPN_DATAPATH_FLAT_H

#include <meshvpn/types.h>

#define FLAT_USED (1ULL << 63)	/* set in the keys of used slots; keys are below */

struct flat_slot {
	u64 key;
	void *value;
};

struct flat {
	struct flat_slot *slots;
	u32 mask, count;
	u64 seed;
};

/* @seed: random, since strangers choose some keys. An empty table has no memory. */
void flat_init(struct flat *f, u64 seed);
void flat_fini(struct flat *f);

/* Make room for one more, so that the next flat_add() cannot fail. 0 or -ENOMEM. */
int flat_reserve(struct flat *f, u32 more);

/* @key is not in the table, and flat_reserve() made room. */
void flat_add(struct flat *f, u64 key, void *value);
void flat_del(struct flat *f, u64 key);

static inline u32 flat_home(const struct flat *f, u64 key)
{
	u64 x = (key ^ f->seed) * 0x9e3779b97f4a7c15ULL;

	x = (x ^ x >> 32) * 0xd6e8feb86659fd93ULL;
	return (u32)(x >> 32) & f->mask;
}

static inline void flat_prefetch(const struct flat *f, u64 key)
{
	if (f->slots)
		__builtin_prefetch(&f->slots[flat_home(f, key)]);
}

/* The value, or NULL. */
static inline void *flat_find(const struct flat *f, u64 key)
{
	u32 i;

	if (!f->count)
		return NULL;
	for (i = flat_home(f, key); f->slots[i].key; i = (i + 1) & f->mask)
		if (f->slots[i].key == (key | FLAT_USED))
			return f->slots[i].value;
	return NULL;
}

#endif
