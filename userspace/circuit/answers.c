// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The cache of replies: a short list, searched in line, newest first.
 */
#include "answers.h"

#include <errno.h>
#include <sodium.h>

void answers_init(struct answers *a, u32 max)
{
	list_init(&a->list);
	a->count = 0;
	a->max = max;
}

static void drop(struct answers *a, struct answer *e)
{
	list_del(&e->list);
	a->count--;
	sodium_memzero(e->data, e->len);
	free(e);
}

void answers_fini(struct answers *a)
{
	while (!list_empty(&a->list))
		drop(a, list_entry(a->list.next, struct answer, list));
}

static void digest(u8 out[16], u8 type, const void *request, size_t len)
{
	crypto_generichash_state s;

	crypto_generichash_init(&s, NULL, 0, 16);
	crypto_generichash_update(&s, &type, 1);
	crypto_generichash_update(&s, request, len);
	crypto_generichash_final(&s, out, 16);
}

int answers_find(struct answers *a, u64 txid, u8 request_type, const void *request, size_t len,
		 struct answer **found)
{
	struct answer *e;
	u8 hash[16];

	list_for_each(e, &a->list, list) {
		if (e->txid != txid)
			continue;
		digest(hash, request_type, request, len);
		if (memcmp(hash, e->hash, sizeof(hash)))
			return -EEXIST;
		*found = e;
		return 1;
	}
	return 0;
}

static struct answer *make(u8 type, const void *reply, size_t len)
{
	struct answer *e = calloc(1, sizeof(*e) + len);

	if (!e)
		return NULL;
	e->type = type;
	e->len = len;
	if (len)
		memcpy(e->data, reply, len);
	return e;
}

struct answer *answers_add(struct answers *a, u64 now, u64 txid, u8 request_type, const void *request,
			   size_t len, u8 type, const void *reply, size_t reply_len)
{
	struct answer *e = make(type, reply, reply_len);

	if (!e)
		return NULL;
	e->txid = txid;
	e->at = now;
	digest(e->hash, request_type, request, len);
	if (a->count >= a->max)
		drop(a, list_entry(a->list.prev, struct answer, list));
	list_add(&e->list, &a->list);
	a->count++;
	return e;
}

int answers_set(struct answers *a, u64 txid, u8 type, const void *reply, size_t reply_len)
{
	struct answer *e, *n;

	list_for_each(e, &a->list, list) {
		if (e->txid != txid)
			continue;
		n = make(type, reply, reply_len);
		if (!n)
			return -ENOMEM;
		n->txid = txid;
		n->at = e->at;
		memcpy(n->hash, e->hash, sizeof(n->hash));
		list_add(&n->list, &e->list);
		a->count++;
		drop(a, e);
		return 0;
	}
	return -ENOENT;
}

void answers_expire(struct answers *a, u64 before)
{
	while (!list_empty(&a->list)) {
		struct answer *e = list_entry(a->list.prev, struct answer, list);

		if (e->at >= before)
			break;
		drop(a, e);
	}
}
