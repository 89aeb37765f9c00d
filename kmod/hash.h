/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A hash table for RCU readers whose insertions cannot fail, so that a batch of changes can always
 * be undone. It grows by a second chain pointer in every element: the larger table is threaded
 * through the side that no reader uses, published, and the old one freed after a grace period. A
 * growth that finds no memory is put off; chains get longer, nothing breaks.
 *
 * Keys are the callers'; they give the hash (mv_hash_key()) and compare. Writers hold the node's
 * mutex, readers rcu_read_lock().
 */
#ifndef MV_HASH_H
#define MV_HASH_H

#include <linux/rculist.h>
#include <linux/siphash.h>

struct mv_hash_node {
	struct hlist_node side[2];
	u32 hash;
};

struct mv_hash_table {
	struct rcu_head rcu;
	u32 mask;
	u32 side;
	struct hlist_head buckets[];
};

struct mv_hash {
	struct mv_hash_table __rcu *table;
	u32 count;
	u32 removed;			/* how often: who remembers what he found looks whether it moved */
	unsigned long grown;		/* grace period after which the side that is not used is free */
	siphash_key_t key;		/* peers choose circuit ids: no chain may be aimed at */
};

int mv_hash_init(struct mv_hash *h, u32 buckets);
void mv_hash_fini(struct mv_hash *h);		/* after the last reader */
void mv_hash_add(struct mv_hash *h, struct mv_hash_node *n, u32 hash);
void mv_hash_del(struct mv_hash *h, struct mv_hash_node *n);
/* Double the table if it is full; may sleep. */
void mv_hash_grow(struct mv_hash *h);

static inline u32 mv_hash_key(const struct mv_hash *h, u64 key)
{
	return (u32)siphash_1u64(key, &h->key);
}

/* ->removed, for a reader who remembers it with what he finds afterwards. */
static inline u32 mv_hash_removed(const struct mv_hash *h)
{
	return smp_load_acquire(&h->removed);
}

/* Under the node's mutex. */
static inline u32 mv_hash_mask(const struct mv_hash *h)
{
	return rcu_dereference_protected(h->table, 1)->mask;
}

static inline u32 mv_hash_side(const struct mv_hash *h)
{
	return rcu_dereference_protected(h->table, 1)->side;
}

/* First node of the chain of @hash; compare ->hash and the key. Under RCU, or the node's mutex. */
static inline struct mv_hash_node *mv_hash_first(const struct mv_hash *h, u32 hash, u32 *side)
{
	const struct mv_hash_table *t = rcu_dereference_check(h->table, 1);
	struct hlist_node *n = rcu_dereference_raw(hlist_first_rcu(&t->buckets[hash & t->mask]));

	*side = t->side;
	return n ? container_of(n, struct mv_hash_node, side[t->side]) : NULL;
}

static inline struct mv_hash_node *mv_hash_next(const struct mv_hash_node *at, u32 side)
{
	struct hlist_node *n = rcu_dereference_raw(hlist_next_rcu(&at->side[side]));

	return n ? container_of(n, struct mv_hash_node, side[side]) : NULL;
}

/* Every node of a table: for writers. Nodes may be taken out on the way. */
#define mv_hash_for_all(h, bucket, n, next)					\
	for (bucket = 0; bucket <= mv_hash_mask(h); bucket++)			\
		for (n = mv_hash_first(h, bucket, &(u32){ 0 });			\
		     n && ({ next = mv_hash_next(n, mv_hash_side(h)); 1; }); n = next)

#define mv_hash_for_each(h, hash_, n, side)					\
	for (n = mv_hash_first(h, hash_, &(side)); n; n = mv_hash_next(n, side))	\
		if (n->hash == (hash_))

#endif
