// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Bounded memory of strangers: token buckets of source addresses, back-off of handshakes that
 * nobody answered, last timestamps of relays. Tables of fixed size, addressed by a keyed hash; two
 * that fall on one place share it or push each other out, which loses precision and no safety.
 */
#include "link_internal.h"

#include <sodium.h>

u64 limits_hash(const struct links *ls, const void *what, size_t len)
{
	u8 out[8];

	crypto_shorthash(out, what, len, ls->limits.seed);
	/* 0 marks a free place */
	return mv_get_le64(out) | 1ULL << 63;
}

u64 limits_host(const struct links *ls, const struct endpoint *from)
{
	struct endpoint n = endpoint_normal(from);
	u8 what[10] = { n.family };

	memcpy(what + 2, n.addr, n.family == AF_INET ? 4 : 8);
	return limits_hash(ls, what, sizeof(what));
}

u64 *limits_spent(struct links *ls, const u8 cookie[COOKIE_LEN], u64 *key)
{
	*key = limits_hash(ls, cookie, COOKIE_LEN);
	return &ls->limits.spent[*key % SPENT];
}

bool limits_source(struct links *ls, const struct endpoint *from, bool proved)
{
	u64 now = ls->ts->now, key = limits_host(ls, from);
	struct source *s;

	/* a flood of forged sources fills its own table only */
	s = &ls->limits.sources[proved][key % SOURCES];
	if (s->key != key && s->bucket.next <= now) {
		s->key = key;
		bucket_init(&s->bucket, ls->conf.source_rate, ls->conf.source_burst);
	}
	return bucket_take(&s->bucket, now, 1);
}

static struct backoff *backoff_of(struct links *ls, const void *what, size_t len, u64 *key)
{
	*key = limits_hash(ls, what, len);
	return &ls->limits.backoffs[*key % BACKOFFS];
}

bool limits_may_try(struct links *ls, const void *what, size_t len)
{
	u64 key;
	const struct backoff *b = backoff_of(ls, what, len, &key);

	return b->key != key || ls->ts->now >= b->until;
}

void limits_failed(struct links *ls, const void *what, size_t len)
{
	u64 key, now = ls->ts->now;
	struct backoff *b = backoff_of(ls, what, len, &key);

	if (b->key != key || now - b->last > 3600 * NSEC_PER_SEC)
		*b = (struct backoff){ .key = key };
	b->last = now;
	b->until = now + (NSEC_PER_SEC << (b->failures < 8 ? b->failures : 8));
	b->failures += b->failures < 255;
}

void limits_worked(struct links *ls, const void *what, size_t len)
{
	u64 key;
	struct backoff *b = backoff_of(ls, what, len, &key);

	if (b->key == key)
		*b = (struct backoff){ 0 };
}

void limits_address(const struct links *ls, const struct endpoint *e, u8 name[20])
{
	struct endpoint n = endpoint_normal(e);

	memset(name, 0, 20);
	name[0] = n.family;
	memcpy(name + 1, n.addr, 16);
	if (ls->conf.private_network)
		mv_put_le16(name + 17, n.port);
}

static u64 proof(const struct links *ls, const struct node_id *id, const u8 name[20])
{
	u8 what[NODE_ID_LEN + 20];

	memcpy(what, id->b, NODE_ID_LEN);
	memcpy(what + NODE_ID_LEN, name, 20);
	return limits_hash(ls, what, sizeof(what));
}

bool limits_proven(const struct links *ls, const struct node_id *id, const u8 name[20])
{
	u64 key = proof(ls, id, name);

	return ls->limits.proven[key % PROVEN] == key;
}

void limits_prove(struct links *ls, const struct node_id *id, const u8 name[20])
{
	u64 key = proof(ls, id, name);

	ls->limits.proven[key % PROVEN] = key;
}

bool limits_stamp(struct links *ls, const struct node_id *id, u64 stamp)
{
	u64 key = limits_hash(ls, id->b, sizeof(id->b));
	struct stamp *s = &ls->limits.stamps[key % STAMPS];

	if (s->key == key && stamp <= s->stamp)
		return false;
	s->key = key;
	s->stamp = stamp;
	return true;
}
