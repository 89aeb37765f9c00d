/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intrusive containers: a circular doubly linked list, and a hash table of such lists keyed by a
 * u64. Nothing here allocates but htable_init().
 */
#ifndef MESHVPN_BASE_LIST_H
#define MESHVPN_BASE_LIST_H

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <meshvpn/types.h>

#ifndef container_of
#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))
#endif

struct list {
	struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

/* Insert @item before @pos; with the head as @pos: at the end. */
static inline void list_add_before(struct list *item, struct list *pos)
{
	item->prev = pos->prev;
	item->next = pos;
	pos->prev->next = item;
	pos->prev = item;
}

static inline void list_add_tail(struct list *item, struct list *head)
{
	list_add_before(item, head);
}

static inline void list_add(struct list *item, struct list *head)
{
	list_add_before(item, head->next);
}

/* Take out; the item is an empty list afterwards, so that taking out twice does no harm. */
static inline void list_del(struct list *item)
{
	item->prev->next = item->next;
	item->next->prev = item->prev;
	list_init(item);
}

#define list_entry(ptr, type, member) container_of(ptr, type, member)

#define list_for_each(pos, head, member)						\
	for (pos = list_entry((head)->next, __typeof__(*pos), member);			\
	     &pos->member != (head);							\
	     pos = list_entry(pos->member.next, __typeof__(*pos), member))

/* Safe against taking @pos out (and only that). */
#define list_for_each_safe(pos, tmp, head, member)					\
	for (pos = list_entry((head)->next, __typeof__(*pos), member),			\
	     tmp = list_entry(pos->member.next, __typeof__(*pos), member);		\
	     &pos->member != (head);							\
	     pos = tmp, tmp = list_entry(tmp->member.next, __typeof__(*tmp), member))

/* Hash table: keys that an adversary chooses are mixed with a random seed. */
struct hnode {
	struct list list;
	u64 key;
};

struct htable {
	struct list *buckets;
	u32 mask, count;
	u64 seed;
};

static inline u64 htable_hash(const struct htable *t, u64 key)
{
	u64 x = (key ^ t->seed) * 0x9e3779b97f4a7c15ULL;

	x ^= x >> 32;
	x = (x + t->seed) * 0xd6e8feb86659fd93ULL;
	return x ^ x >> 32;
}

static inline struct list *htable_bucket(const struct htable *t, u64 key)
{
	return &t->buckets[htable_hash(t, key) & t->mask];
}

/* @size: a power of two; @seed: random. 0 or -ENOMEM. */
static inline int htable_init(struct htable *t, u32 size, u64 seed)
{
	u32 i;

	t->buckets = calloc(size, sizeof(*t->buckets));
	if (!t->buckets)
		return -ENOMEM;
	t->mask = size - 1;
	t->count = 0;
	t->seed = seed;
	for (i = 0; i < size; i++)
		list_init(&t->buckets[i]);
	return 0;
}

static inline void htable_fini(struct htable *t)
{
	free(t->buckets);
	t->buckets = NULL;
}

static inline void htable_add(struct htable *t, struct hnode *n, u64 key)
{
	n->key = key;
	list_add(&n->list, htable_bucket(t, key));
	t->count++;
}

static inline void htable_del(struct htable *t, struct hnode *n)
{
	list_del(&n->list);
	t->count--;
}

/* First node with this key, or NULL. */
static inline struct hnode *htable_find(const struct htable *t, u64 key)
{
	struct list *head = htable_bucket(t, key);
	struct hnode *n;

	list_for_each(n, head, list)
		if (n->key == key)
			return n;
	return NULL;
}

#endif
