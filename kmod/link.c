// SPDX-License-Identifier: GPL-2.0
/* Links and their sessions, made from descriptions that are checked here, found, and freed. */
#include <linux/slab.h>

#include "compat.h"
#include "link.h"
#include "node.h"

static struct kmem_cache *links, *sessions;

/* ---- links ---- */

struct mv_link *mv_link_find(const struct mv_node *node, u32 id)
{
	u32 hash = mv_hash_key(&node->links, id), side;
	struct mv_hash_node *n;

	mv_hash_for_each(&node->links, hash, n, side) {
		struct mv_link *link = container_of(n, struct mv_link, by_id);

		if (link->id == id)
			return link;
	}
	return NULL;
}

void mv_link_rate(struct mv_link *link)
{
	const struct mv_node_conf *of = &link->node->conf;

	mv_bucket_set(&link->up, link->conf.up_rate ?: of->up_rate,
		      link->conf.up_burst ?: of->up_burst);
}

struct mv_link *mv_link_alloc(struct mv_node *node, const struct mv_link_conf *conf)
{
	struct mv_link *link;
	int cpu;

	if (!conf->id)
		return ERR_PTR(-EINVAL);
	link = kmem_cache_zalloc(links, GFP_KERNEL);
	if (!link)
		return ERR_PTR(-ENOMEM);
	link->counters = alloc_percpu_gfp(struct mv_link_counters, GFP_KERNEL_ACCOUNT);
	if (!link->counters) {
		kmem_cache_free(links, link);
		return ERR_PTR(-ENOMEM);
	}
	for_each_possible_cpu(cpu)
		u64_stats_init(&per_cpu_ptr(link->counters, cpu)->sync);
	link->node = node;
	link->id = conf->id;
	link->conf = *conf;
	mv_link_rate(link);
	INIT_LIST_HEAD(&link->sessions);
	INIT_LIST_HEAD(&link->circuits);
	INIT_LIST_HEAD(&link->out_circuits);
	return link;
}

static void link_free_rcu(struct rcu_head *rcu)
{
	struct mv_link *link = container_of(rcu, struct mv_link, rcu);

	free_percpu(link->counters);
	kmem_cache_free(links, link);
}

void mv_link_free(struct mv_link *link)
{
	call_rcu(&link->rcu, link_free_rcu);
}

int mv_link_attach(struct mv_node *node, struct mv_link *link)
{
	if (mv_link_find(node, link->id))
		return -EEXIST;
	mv_hash_add(&node->links, &link->by_id, mv_hash_key(&node->links, link->id));
	WRITE_ONCE(node->link_count, node->link_count + 1);
	return 0;
}

void mv_link_detach(struct mv_node *node, struct mv_link *link)
{
	mv_hash_del(&node->links, &link->by_id);
	WRITE_ONCE(node->link_count, node->link_count - 1);
}

/* ---- where to ---- */

struct mv_path *mv_path_alloc(const struct mv_link_session_conf *conf)
{
	struct mv_path *path = kzalloc(sizeof(*path), GFP_KERNEL_ACCOUNT);

	if (!path)
		return ERR_PTR(-ENOMEM);
	if (dst_cache_init(&path->cache, GFP_KERNEL_ACCOUNT)) {
		kfree(path);
		return ERR_PTR(-ENOMEM);
	}
	path->remote = conf->remote;
	path->tx_id = conf->tx_id;
	path->remote_lanes = conf->remote_lanes;
	path->local_lane = conf->local_lane;
	path->local_lanes = conf->local_lanes;
	return path;
}

static void path_free_rcu(struct rcu_head *rcu)
{
	struct mv_path *path = container_of(rcu, struct mv_path, rcu);

	dst_cache_destroy(&path->cache);
	kfree(path);
}

void mv_path_free(struct mv_path *path)
{
	if (path)
		call_rcu(&path->rcu, path_free_rcu);
}

/* ---- sessions ---- */

struct mv_link_session *mv_link_session_find(const struct mv_link *link, u32 index)
{
	struct mv_link_session *s;

	list_for_each_entry(s, &link->sessions, link_node)
		if (s->index == index)
			return s;
	return NULL;
}

bool mv_lanes_ok(const struct mv_node *node, const struct mv_link_session_conf *conf)
{
	return conf->remote_lanes >= 1 && conf->remote_lanes <= 256 &&
	       conf->local_lanes <= node->lanes && conf->local_lane < node->lanes &&
	       conf->local_lane + conf->local_lanes <= node->lanes;
}

static bool session_ok(const struct mv_node *node, const struct mv_link_session_conf *conf)
{
	u32 i;

	if (!conf->rx_ids_count || conf->rx_ids_count > MV_LINK_IDS || conf->tx_id >> 56 ||
	    conf->state > MV_SESSION_PREVIOUS || !mv_lanes_ok(node, conf) ||
	    !mv_endpoint_ok(&conf->remote))
		return false;
	for (i = 0; i < conf->rx_ids_count; i++)
		if (conf->rx_ids[i] >> 56)
			return false;
	return conf->rx_tag && conf->rx_mask && conf->tx_tag && conf->tx_mask;
}

static void session_fill(struct mv_link_session *s, const struct mv_link_session_conf *conf)
{
	u32 i;

	mv_header_keys_init(&s->rx, conf->rx_tag, conf->rx_mask);
	mv_header_keys_init(&s->tx, conf->tx_tag, conf->tx_mask);
	s->index = conf->index;
	s->state = conf->state;
	s->tx_id = conf->tx_id;
	s->remote_lanes = conf->remote_lanes;
	s->local_lane = conf->local_lane;
	s->local_lanes = conf->local_lanes;
	s->rx_ids_count = conf->rx_ids_count;
	for (i = 0; i < s->rx_ids_count; i++) {
		s->rx_ids[i].id = conf->rx_ids[i];
		s->rx_ids[i].session = s;
	}
}

struct mv_link_session *mv_link_session_alloc(struct mv_link *link,
					      const struct mv_link_session_conf *conf)
{
	struct mv_link_session *s;
	struct mv_path *path = NULL;

	if (!session_ok(link->node, conf))
		return ERR_PTR(-EINVAL);
	s = kmem_cache_zalloc(sessions, GFP_KERNEL);
	if (!s)
		return ERR_PTR(-ENOMEM);
	if (conf->remote.family) {
		path = mv_path_alloc(conf);
		if (IS_ERR(path)) {
			kmem_cache_free(sessions, s);
			return ERR_CAST(path);
		}
	}
	session_fill(s, conf);
	s->link = link;
	RCU_INIT_POINTER(s->path, path);
	return s;
}

static void session_free_rcu(struct rcu_head *rcu)
{
	struct mv_link_session *s = container_of(rcu, struct mv_link_session, rcu);

	memzero_explicit(s, sizeof(*s));
	kmem_cache_free(sessions, s);
}

void mv_link_session_free(struct mv_link_session *s)
{
	mv_path_free(rcu_dereference_protected(s->path, 1));
	call_rcu(&s->rcu, session_free_rcu);
}

int mv_link_session_attach(struct mv_node *node, struct mv_link_session *s)
{
	u32 i, k;

	for (i = 0; i < s->rx_ids_count; i++) {
		if (mv_link_rx(&node->rx_ids, s->rx_ids[i].id))
			return -EEXIST;
		for (k = 0; k < i; k++)
			if (s->rx_ids[k].id == s->rx_ids[i].id)
				return -EINVAL;
	}
	for (i = 0; i < s->rx_ids_count; i++)
		mv_hash_add(&node->rx_ids, &s->rx_ids[i].node,
			    mv_hash_key(&node->rx_ids, s->rx_ids[i].id));
	list_add_tail(&s->link_node, &s->link->sessions);
	s->link->session_count++;
	WRITE_ONCE(node->session_count, node->session_count + 1);
	return 0;
}

void mv_link_session_detach(struct mv_node *node, struct mv_link_session *s)
{
	u32 i;

	for (i = 0; i < s->rx_ids_count; i++)
		mv_hash_del(&node->rx_ids, &s->rx_ids[i].node);
	list_del_init(&s->link_node);
	s->link->session_count--;
	WRITE_ONCE(node->session_count, node->session_count - 1);
}

int mv_link_init(void)
{
	links = mv_cache_create("meshvpn_link", struct mv_link);
	sessions = mv_cache_create("meshvpn_session", struct mv_link_session);
	if (links && sessions)
		return 0;
	mv_link_exit();
	return -ENOMEM;
}

/* After rcu_barrier(). */
void mv_link_exit(void)
{
	kmem_cache_destroy(sessions);
	kmem_cache_destroy(links);
}
