// SPDX-License-Identifier: GPL-2.0
/* Circuits: made from descriptions that are checked here, in and out of the tables, freed. */
#include <linux/sched.h>
#include <linux/slab.h>

#include "circuit.h"
#include "compat.h"
#include "edge.h"
#include "exit.h"
#include "link.h"
#include "node.h"
#include "queue.h"

#define PASS_RATE 50		/* cells up per second of one circuit under pass */
#define PASS_BURST 64
#define CONTROL_RATE 100	/* control messages up per second of one circuit */
#define CONTROL_BURST 256

static struct kmem_cache *circuits;

/* A relay keeps one for each direction of each user's circuit: they are what its memory goes for. */
static_assert(IS_ENABLED(CONFIG_DEBUG_SPINLOCK) || IS_ENABLED(CONFIG_DEBUG_LOCK_ALLOC) ||
	      sizeof(struct mv_circuit) <= 1152);

static bool circuit_ok(const struct mv_circuit_conf *conf)
{
	if (!conf->circuit || conf->circuit > MV_CIRCUIT_MAX || conf->kind > MV_TERMINUS ||
	    (conf->data_class != MV_MEDIUM && conf->data_class != MV_LARGE) ||
	    !conf->kf || !conf->kb)
		return false;
	if (conf->kind == MV_RELAY)
		return conf->out_circuit && conf->out_circuit <= MV_CIRCUIT_MAX;
	if (conf->reserve != MV_RESERVE_SHORT && conf->reserve != MV_RESERVE_LONG)
		return false;
	return conf->kind != MV_ORIGIN || (conf->hops >= 1 && conf->hops <= MV_HOPS_MAX &&
					   conf->reserve >= MV_LAYER_LEN * (conf->hops - 1));
}

static int keys_init(struct mv_circuit *c, const struct mv_circuit_conf *conf)
{
	size_t len = MV_KEY_LEN;
	u8 *kf = c->kf, *kb = c->kb;

	if (c->kind == MV_ORIGIN) {
		c->onion = kzalloc(sizeof(*c->onion), GFP_KERNEL_ACCOUNT);
		if (!c->onion)
			return -ENOMEM;
		c->onion->hops = c->hops;
		c->onion->reserve = c->reserve;
		kf = c->onion->kf[0];
		kb = c->onion->kb[0];
		len *= c->hops;
	}
	memcpy(kf, conf->kf, len);
	memcpy(kb, conf->kb, len);
	return 0;
}

static void half_init(struct mv_half *half, struct mv_circuit *c, bool away)
{
	half->circuit = c;
	half->away = away;
	spin_lock_init(&half->lock);
	mv_replay_init(&half->replay);
	mv_bucket_set(&half->rate, c->rate, c->burst);
}

static void circuit_fill(struct mv_circuit *c, const struct mv_circuit_conf *conf)
{
	c->kind = conf->kind;
	c->data_class = conf->data_class;
	c->small_forward = conf->small_forward;
	c->pass = conf->pass;
	c->hops = conf->kind == MV_ORIGIN ? conf->hops : 1;
	c->reserve = conf->reserve;
	c->id = conf->circuit;
	c->out_id = conf->kind == MV_RELAY ? conf->out_circuit : 0;
	c->rate = conf->rate;
	c->burst = conf->burst;
	half_init(&c->forward, c, false);
	half_init(&c->backward, c, true);
	mv_circuit_tx(c)->next = MV_COUNTER_FIRST;
	mv_bucket_set(&c->pass_bucket, PASS_RATE, PASS_BURST);
	mv_bucket_set(&c->control_bucket, CONTROL_RATE, CONTROL_BURST);
	INIT_LIST_HEAD(&c->link_node);
	INIT_LIST_HEAD(&c->out_node);
	INIT_LIST_HEAD(&c->exit_node);
}

static void circuit_erase(struct mv_circuit *c)
{
	if (c->edge)
		mv_edge_free(c->edge);
	if (c->kind == MV_ORIGIN)
		kfree_sensitive(c->onion);
	memzero_explicit(c, sizeof(*c));
	kmem_cache_free(circuits, c);
}

struct mv_circuit *mv_circuit_alloc(struct mv_node *node, const struct mv_circuit_conf *conf)
{
	struct mv_circuit *c;

	if (!circuit_ok(conf))
		return ERR_PTR(-EINVAL);
	c = kmem_cache_zalloc(circuits, GFP_KERNEL);
	if (!c)
		return ERR_PTR(-ENOMEM);
	circuit_fill(c, conf);
	if (keys_init(c, conf))
		goto no_memory;
	if (c->kind != MV_RELAY) {
		c->edge = mv_edge_new(c);
		if (!c->edge)
			goto no_memory;
	}
	return c;

no_memory:
	circuit_erase(c);
	return ERR_PTR(-ENOMEM);
}

static void circuit_free_rcu(struct rcu_head *rcu)
{
	circuit_erase(container_of(rcu, struct mv_circuit, rcu));
}

static void circuit_free(struct mv_circuit *c)
{
	if (c->edge)
		mv_edge_stop(c);
	call_rcu(&c->rcu, circuit_free_rcu);
}

void mv_circuit_discard(struct mv_circuit *c)
{
	WRITE_ONCE(c->dead, true);
	circuit_free(c);
}

/* ---- tables ---- */

static struct mv_half *receiving(struct mv_circuit *c)
{
	return c->kind == MV_ORIGIN ? &c->backward : &c->forward;
}

static void half_add(struct mv_node *node, struct mv_half *half, struct mv_link *link, u32 id)
{
	half->key = mv_half_key(link->id, id);
	mv_hash_add(&node->circuits, &half->node, mv_hash_key(&node->circuits, half->key));
	link->circuit_count++;
}

int mv_circuit_attach(struct mv_node *node, struct mv_circuit *c)
{
	struct mv_exit *e = rcu_dereference_protected(c->exit, 1);

	if (mv_half_find(&node->circuits, c->link->id, c->id) ||
	    (c->out_link && mv_half_find(&node->circuits, c->out_link->id, c->out_id)))
		return -EEXIST;
	half_add(node, receiving(c), c->link, c->id);
	list_add_tail(&c->link_node, &c->link->circuits);
	if (c->out_link) {
		half_add(node, &c->backward, c->out_link, c->out_id);
		list_add_tail(&c->out_node, &c->out_link->out_circuits);
	}
	if (e)
		list_add_tail(&c->exit_node, &e->circuits);
	WRITE_ONCE(node->circuit_count, node->circuit_count + 1);
	return 0;
}

void mv_circuit_detach(struct mv_node *node, struct mv_circuit *c)
{
	mv_hash_del(&node->circuits, &receiving(c)->node);
	list_del_init(&c->link_node);
	c->link->circuit_count--;
	if (c->out_link) {
		mv_hash_del(&node->circuits, &c->backward.node);
		list_del_init(&c->out_node);
		c->out_link->circuit_count--;
	}
	list_del_init(&c->exit_node);
	WRITE_ONCE(node->circuit_count, node->circuit_count - 1);
}

void mv_circuit_set_exit(struct mv_circuit *c, struct mv_exit *e)
{
	list_del_init(&c->exit_node);
	c->exit_id = e ? e->id : 0;
	rcu_assign_pointer(c->exit, e);
	if (e)
		list_add_tail(&c->exit_node, &e->circuits);
}

void mv_circuits_bury(struct mv_node *node, struct list_head *list)
{
	struct mv_circuit *c, *next;

	list_for_each_entry_safe(c, next, list, link_node) {
		list_del_init(&c->link_node);
		/* a softirq that found it before queues nothing more, and the edge says so itself */
		WRITE_ONCE(c->dead, true);
		mv_queue_forget(node, c);
		circuit_free(c);
		cond_resched();
	}
}

int mv_circuit_init(void)
{
	circuits = mv_cache_create("meshvpn_circuit", struct mv_circuit);
	return circuits ? 0 : -ENOMEM;
}

/* After rcu_barrier(). */
void mv_circuit_exit(void)
{
	kmem_cache_destroy(circuits);
}
