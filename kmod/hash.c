// SPDX-License-Identifier: GPL-2.0
/* The hash table that grows without failing and without stopping its readers: see hash.h. */
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "hash.h"

static struct mv_hash_table *table_new(u32 buckets, u32 side, gfp_t gfp)
{
	struct mv_hash_table *t = kvzalloc(struct_size(t, buckets, buckets), gfp);

	if (!t)
		return NULL;
	t->mask = buckets - 1;
	t->side = side;
	return t;
}

/**
 * mv_hash_init - an empty table
 * @h: the table
 * @buckets: to begin with, a power of two
 *
 * Return: 0 or -ENOMEM.
 */
int mv_hash_init(struct mv_hash *h, u32 buckets)
{
	struct mv_hash_table *t = table_new(buckets, 0, GFP_KERNEL_ACCOUNT);

	if (!t)
		return -ENOMEM;
	h->count = 0;
	h->grown = get_completed_synchronize_rcu();
	get_random_bytes(&h->key, sizeof(h->key));
	rcu_assign_pointer(h->table, t);
	return 0;
}

void mv_hash_fini(struct mv_hash *h)
{
	kvfree(rcu_dereference_protected(h->table, 1));
	RCU_INIT_POINTER(h->table, NULL);
}

void mv_hash_add(struct mv_hash *h, struct mv_hash_node *n, u32 hash)
{
	struct mv_hash_table *t = rcu_dereference_protected(h->table, 1);

	n->hash = hash;
	hlist_add_head_rcu(&n->side[t->side], &t->buckets[hash & t->mask]);
	h->count++;
}

/* It may be added again at once, under the same hash: a reader on it then sees the chain again. */
void mv_hash_del(struct mv_hash *h, struct mv_hash_node *n)
{
	hlist_del_rcu(&n->side[mv_hash_side(h)]);
	/* who sees the new count sees the chain without the node: mv_hash_removed() */
	smp_store_release(&h->removed, h->removed + 1);
	h->count--;
}

/* Thread all nodes through the side of @to, which no reader knows yet. */
static void rethread(const struct mv_hash *h, struct mv_hash_table *to)
{
	struct mv_hash_node *n, *next;
	u32 bucket;

	mv_hash_for_all(h, bucket, n, next)
		hlist_add_head(&n->side[to->side], &to->buckets[n->hash & to->mask]);
}

void mv_hash_grow(struct mv_hash *h)
{
	struct mv_hash_table *old = rcu_dereference_protected(h->table, 1), *t;
	u32 buckets = old->mask + 1;

	/* readers of the table before this one are still on the other side: next time */
	if (h->count <= buckets || !poll_state_synchronize_rcu(h->grown))
		return;
	while (buckets < h->count && buckets < 1U << 30)
		buckets *= 2;
	t = table_new(buckets, !old->side, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!t)
		return;
	rethread(h, t);
	rcu_assign_pointer(h->table, t);
	h->grown = start_poll_synchronize_rcu();
	kvfree_rcu(old, rcu);
}
