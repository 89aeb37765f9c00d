/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pools of inner addresses: see pool.h. */
#include <string.h>

#include "pool.h"

#define POOL_TRIES 64

struct entry {
	struct hnode node;
	struct list rest;	/* in pool.resting, or empty while held */
	u64 until;		/* ns: end of the rest */
	u8 addr[16];
};

static u64 key_of(const struct pool *p, const u8 *addr)
{
	return p->conf.width == 4 ? mv_get_be32(addr) : mv_get_le64(addr) * 31 ^ mv_get_le64(addr + 8);
}

static struct entry *find(const struct pool *p, const u8 *addr)
{
	u64 key = key_of(p, addr);
	struct list *head = htable_bucket(&p->table, key);
	struct entry *e;

	list_for_each(e, head, node.list)
		if (e->node.key == key && !memcmp(e->addr, addr, p->conf.width))
			return e;
	return NULL;
}

static bool host_bit(const struct pool *p, const u8 *addr, u32 bit)
{
	return addr[bit / 8] >> (7 - bit % 8) & 1;
}

bool pool_contains(const struct pool *p, const u8 *addr)
{
	u32 i;

	for (i = 0; i < p->conf.bits; i++)
		if (host_bit(p, addr, i) != host_bit(p, p->conf.net, i))
			return false;
	return true;
}

/* In the pool, and neither its network nor its broadcast address. */
static bool grantable(const struct pool *p, const u8 *addr)
{
	bool ones = false, zeros = false;
	u32 i;

	for (i = p->conf.bits; i < p->conf.width * 8U; i++) {
		ones |= host_bit(p, addr, i);
		zeros |= !host_bit(p, addr, i);
	}
	return pool_contains(p, addr) && ones && zeros;
}

int pool_init(struct pool *p, const struct pool_conf *conf)
{
	u64 seed;

	if (conf->bits + 8U > conf->width * 8U)
		return -EINVAL;
	*p = (struct pool){ .conf = *conf };
	conf->random(conf->arg, &seed, sizeof(seed));
	list_init(&p->resting);
	return htable_init(&p->table, 1024, seed);
}

static void forget(struct pool *p, struct entry *e)
{
	htable_del(&p->table, &e->node);
	list_del(&e->rest);
	free(e);
}

void pool_fini(struct pool *p)
{
	struct entry *e, *tmp;
	u32 i;

	for (i = 0; p->table.buckets && i <= p->table.mask; i++)
		list_for_each_safe(e, tmp, &p->table.buckets[i], node.list)
			forget(p, e);
	htable_fini(&p->table);
}

static void wake(struct pool *p, u64 now)
{
	while (!list_empty(&p->resting)) {
		struct entry *e = list_entry(p->resting.next, struct entry, rest);

		if (e->until > now)
			return;
		forget(p, e);
	}
}

static int hold(struct pool *p, const u8 *addr)
{
	struct entry *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOSPC;
	memcpy(e->addr, addr, p->conf.width);
	list_init(&e->rest);
	htable_add(&p->table, &e->node, key_of(p, addr));
	p->held++;
	return 0;
}

static void pick(struct pool *p, u8 *addr)
{
	u32 i;

	p->conf.random(p->conf.arg, addr, p->conf.width);
	for (i = 0; i < p->conf.bits; i++) {
		u8 bit = 0x80 >> i % 8;

		addr[i / 8] = (addr[i / 8] & ~bit) | (p->conf.net[i / 8] & bit);
	}
}

int pool_grant(struct pool *p, const u8 *proposal, u64 now, u8 *out)
{
	int tries;

	wake(p, now);
	if (p->table.count >= p->conf.max)
		return -ENOSPC;
	if (proposal)
		memcpy(out, proposal, p->conf.width);
	else
		pick(p, out);
	for (tries = 0; !grantable(p, out) || find(p, out); tries++) {
		if (tries == POOL_TRIES)
			return -ENOSPC;
		pick(p, out);
	}
	return hold(p, out);
}

int pool_release(struct pool *p, const u8 *addr, u64 now)
{
	struct entry *e = find(p, addr);

	if (!e || !list_empty(&e->rest))
		return -ENOENT;
	e->until = now + p->conf.rest_ns;
	list_add_tail(&e->rest, &p->resting);
	p->held--;
	return 0;
}
