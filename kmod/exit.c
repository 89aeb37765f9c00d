// SPDX-License-Identifier: GPL-2.0
/* Exit sessions, the inner addresses by which they are found, and prefixes: see exit.h. */
#include <linux/slab.h>

#include "circuit.h"
#include "compat.h"
#include "device.h"
#include "exit.h"
#include "node.h"

static struct kmem_cache *exits;

static void inner_init(struct mv_inner *inner, struct mv_exit *e, u8 family, const void *addr)
{
	inner->exit = e;
	inner->family = family;
	memcpy(inner->addr, addr, family == 4 ? 4 : 16);
}

/* ERR_PTR(-EINVAL, -ENOMEM) */
struct mv_exit *mv_exit_alloc(struct mv_device *device, const struct mv_session_conf *conf)
{
	struct mv_exit *e;

	if (!conf->id)
		return ERR_PTR(-EINVAL);
	e = kmem_cache_zalloc(exits, GFP_KERNEL);
	if (!e)
		return ERR_PTR(-ENOMEM);
	e->id = conf->id;
	e->device = device;
	if (conf->has4)
		inner_init(&e->inner4, e, 4, &conf->inner4);
	if (conf->has6)
		inner_init(&e->inner6, e, 6, &conf->inner6);
	INIT_LIST_HEAD(&e->device_node);
	INIT_LIST_HEAD(&e->circuits);
	return e;
}

static void exit_free_rcu(struct rcu_head *rcu)
{
	struct mv_exit *e = container_of(rcu, struct mv_exit, rcu);

	/* whose addresses these were is nobody's business either */
	memzero_explicit(e, sizeof(*e));
	kmem_cache_free(exits, e);
}

void mv_exit_free(struct mv_exit *e)
{
	call_rcu(&e->rcu, exit_free_rcu);
}

/* ---- finding ---- */

struct mv_exit *mv_exit_find_rcu(const struct mv_node *node, u32 id)
{
	u32 hash = mv_hash_key(&node->exits, id), side;
	struct mv_hash_node *n;

	mv_hash_for_each(&node->exits, hash, n, side) {
		struct mv_exit *e = container_of(n, struct mv_exit, by_id);

		if (e->id == id)
			return e;
	}
	return NULL;
}

struct mv_exit *mv_exit_find(const struct mv_node *node, u32 id)
{
	return mv_exit_find_rcu(node, id);
}

u32 mv_inner_hash(const struct mv_node *node, const struct mv_device *device, u8 family, const u8 *addr)
{
	u64 high = 0, low;

	if (family == 4) {
		low = mv_get_le32(addr);
	} else {
		high = mv_get_le64(addr);
		low = mv_get_le64(addr + 8);
	}
	return (u32)siphash_3u64(high, low, (u64)(uintptr_t)device << 8 | family, &node->inner.key);
}

struct mv_exit *mv_inner_find(const struct mv_node *node, const struct mv_device *device, u8 family,
			      const u8 *addr)
{
	u32 hash = mv_inner_hash(node, device, family, addr), side;
	struct mv_hash_node *n;

	mv_hash_for_each(&node->inner, hash, n, side) {
		struct mv_inner *i = container_of(n, struct mv_inner, node);

		if (i->family == family && i->exit->device == device &&
		    !memcmp(i->addr, addr, family == 4 ? 4 : 16))
			return i->exit;
	}
	return NULL;
}

/* ---- tables ---- */

static bool inner_taken(const struct mv_node *node, const struct mv_exit *e, const struct mv_inner *i)
{
	return i->family && mv_inner_find(node, e->device, i->family, i->addr);
}

static void inner_add(struct mv_node *node, const struct mv_exit *e, struct mv_inner *i)
{
	if (i->family)
		mv_hash_add(&node->inner, &i->node, mv_inner_hash(node, e->device, i->family, i->addr));
}

static void inner_del(struct mv_node *node, struct mv_inner *i)
{
	if (i->family)
		mv_hash_del(&node->inner, &i->node);
}

int mv_exit_attach(struct mv_node *node, struct mv_exit *e)
{
	if (mv_exit_find(node, e->id) || inner_taken(node, e, &e->inner4) ||
	    inner_taken(node, e, &e->inner6))
		return -EEXIST;
	mv_hash_add(&node->exits, &e->by_id, mv_hash_key(&node->exits, e->id));
	inner_add(node, e, &e->inner4);
	inner_add(node, e, &e->inner6);
	list_add_tail(&e->device_node, &e->device->exits);
	WRITE_ONCE(node->exit_count, node->exit_count + 1);
	return 0;
}

void mv_exit_detach(struct mv_node *node, struct mv_exit *e)
{
	mv_hash_del(&node->exits, &e->by_id);
	inner_del(node, &e->inner4);
	inner_del(node, &e->inner6);
	list_del_init(&e->device_node);
	WRITE_ONCE(node->exit_count, node->exit_count - 1);
}

/* ---- prefixes ---- */

static bool prefix_ok(const struct mv_prefix *p)
{
	return (p->family == AF_INET && p->bits <= 32) || (p->family == AF_INET6 && p->bits <= 128);
}

/* The longest first, those of one length in the order given: a counting sort. */
static void prefixes_sort(struct mv_prefix *to, const struct mv_prefix *from, u32 count)
{
	u32 at[130] = { 0 }, i;

	for (i = 0; i < count; i++)
		at[128 - from[i].bits + 1]++;
	for (i = 1; i < ARRAY_SIZE(at); i++)
		at[i] += at[i - 1];
	for (i = 0; i < count; i++)
		to[at[128 - from[i].bits]++] = from[i];
}

/* ERR_PTR(-EINVAL, -ENOSPC, -ENOMEM) */
struct mv_selector *mv_selector_alloc(const struct mv_selector_conf *conf)
{
	struct mv_selector *s;
	u32 i;

	if (conf->count > MV_PREFIXES)
		return ERR_PTR(-ENOSPC);
	for (i = 0; i < conf->count; i++)
		if (!prefix_ok(&conf->prefixes[i]))
			return ERR_PTR(-EINVAL);
	s = kvzalloc(struct_size(s, prefixes, conf->count), GFP_KERNEL_ACCOUNT);
	if (!s)
		return ERR_PTR(-ENOMEM);
	s->count = conf->count;
	prefixes_sort(s->prefixes, conf->prefixes, conf->count);
	return s;
}

void mv_selector_free(struct mv_selector *s)
{
	if (s)
		kvfree_rcu(s, rcu);
}

static bool prefix_holds(const struct mv_prefix *p, const u8 *addr)
{
	const u8 *prefix = p->addr.s6_addr;
	u32 bytes = p->bits / 8, rest = p->bits % 8;

	if (memcmp(prefix, addr, bytes))
		return false;
	return !rest || !((prefix[bytes] ^ addr[bytes]) >> (8 - rest));
}

u32 mv_selector_find(const struct mv_selector *s, u8 family, const u8 *addr)
{
	u32 i, af = family == 4 ? AF_INET : AF_INET6;

	for (i = 0; i < s->count; i++)
		if (s->prefixes[i].family == af && prefix_holds(&s->prefixes[i], addr))
			return s->prefixes[i].session;
	return 0;
}

int mv_exit_init(void)
{
	exits = mv_cache_create("meshvpn_exit", struct mv_exit);
	return exits ? 0 : -ENOMEM;
}

/* After rcu_barrier(). */
void mv_exit_exit(void)
{
	kmem_cache_destroy(exits);
}
