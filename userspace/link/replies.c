// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The cache of replies: see replies.h. A list in order of age; where it may grow longer than is
 * searched quickly, with an index.
 */
#include "replies.h"

#include <sodium.h>

#define SEARCHED 16		/* entries that need no index */

struct entry {
	struct list list;
	struct hnode node;	/* of the index, by txid */
	u64 since;
	u8 hash[32];		/* of the request */
	bool answered;
	u8 type, flags;
	u8 *data;
	size_t len;
};

void replies_init(struct replies *r, u32 max, u64 life, u64 seed)
{
	memset(r, 0, sizeof(*r));
	list_init(&r->entries);
	r->max = max;
	r->life = life;
	r->seed = seed;
}

static void entry_free(struct replies *r, struct entry *e)
{
	list_del(&e->list);
	if (r->index.buckets)
		htable_del(&r->index, &e->node);
	r->count--;
	if (e->data)
		sodium_memzero(e->data, e->len);
	free(e->data);
	free(e);
}

void replies_fini(struct replies *r)
{
	struct entry *e, *tmp;

	list_for_each_safe(e, tmp, &r->entries, list)
		entry_free(r, e);
	htable_fini(&r->index);
}

/* Made with the first entry: most links and circuits never have one. */
static int index_make(struct replies *r)
{
	u32 size = SEARCHED;

	if (r->max <= SEARCHED || r->index.buckets)
		return 0;
	while (size < r->max / 4)
		size *= 2;
	return htable_init(&r->index, size, r->seed);
}

static void expire(struct replies *r, u64 now)
{
	struct entry *e, *tmp;

	list_for_each_safe(e, tmp, &r->entries, list) {
		if (now - e->since < r->life)
			break;
		entry_free(r, e);
	}
}

static struct entry *find(struct replies *r, u64 txid)
{
	struct hnode *n;
	struct entry *e;

	if (r->index.buckets) {
		n = htable_find(&r->index, txid);
		return n ? container_of(n, struct entry, node) : NULL;
	}
	list_for_each(e, &r->entries, list)
		if (e->node.key == txid)
			return e;
	return NULL;
}

static void request_hash(const struct message *m, u8 hash[32])
{
	u8 head[2] = { m->type, m->flags };
	crypto_generichash_state s;

	crypto_generichash_init(&s, NULL, 0, 32);
	crypto_generichash_update(&s, head, sizeof(head));
	crypto_generichash_update(&s, m->data, m->len);
	crypto_generichash_final(&s, hash, 32);
}

static enum replies_verdict repeated(struct replies *r, const struct entry *e, const u8 hash[32],
				     struct message *reply)
{
	if (memcmp(e->hash, hash, 32)) {
		r->conflicts++;
		return REPLIES_CONFLICT;
	}
	r->repeated++;
	if (!e->answered)
		return REPLIES_PENDING;
	*reply = (struct message){ e->type, e->flags, e->node.key, e->data, e->len };
	return REPLIES_KNOWN;
}

enum replies_verdict replies_begin(struct replies *r, u64 now, const struct message *request,
				   struct message *reply)
{
	struct entry *e;
	u8 hash[32];

	expire(r, now);
	request_hash(request, hash);
	e = find(r, request->txid);
	if (e)
		return repeated(r, e, hash, reply);
	e = r->count < r->max && !index_make(r) ? calloc(1, sizeof(*e)) : NULL;
	if (!e) {
		r->full++;
		return REPLIES_FULL;
	}
	e->node.key = request->txid;
	e->since = now;
	memcpy(e->hash, hash, sizeof(hash));
	list_add_tail(&e->list, &r->entries);
	if (r->index.buckets)
		htable_add(&r->index, &e->node, request->txid);
	r->count++;
	return REPLIES_NEW;
}

int replies_answer(struct replies *r, u64 txid, u8 type, u8 flags, const void *data, size_t len)
{
	struct entry *e = find(r, txid);
	u8 *copy;

	if (len > MESSAGE_MAX)
		return -EMSGSIZE;
	if (!e)
		return -ENOENT;
	copy = malloc(len ? len : 1);
	if (!copy)
		return -ENOMEM;
	if (len)
		memcpy(copy, data, len);
	free(e->data);
	e->data = copy;
	e->len = len;
	e->type = type;
	e->flags = flags;
	e->answered = true;
	return 0;
}

void replies_forget(struct replies *r, u64 txid)
{
	struct entry *e = find(r, txid);

	if (e)
		entry_free(r, e);
}
