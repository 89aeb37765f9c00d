// SPDX-License-Identifier: GPL-2.0
/*
 * Nodes: numbered lists by network namespace, their making and their end, which has to take
 * sockets, devices and engines apart in an order in which nobody meets what is gone already.
 */
#include <linux/nsproxy.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <net/netns/generic.h>

#include "circuit.h"
#include "compat.h"
#include "device.h"
#include "engine.h"
#include "exit.h"
#include "link.h"
#include "netlink.h"
#include "node.h"
#include "socket.h"

#define UNKNOWN_RATE 50000	/* datagrams up per second that belong to no link, of each shape */
#define UNKNOWN_BURST 8192
#define UP_RATE 2000
#define UP_BURST 4000
#define LINKS_MAX 4096
#define CIRCUITS_MAX 65536
#define QUEUE_CELLS 256
#define BUCKETS 64

struct namespace {
	struct list_head nodes;			/* by id */
};

static unsigned int namespace_id;
/* Of all namespaces' lists; never held while a node's lock is waited for, but by flush_all. */
static DEFINE_MUTEX(nodes_lock);

static struct namespace *namespace_of(struct net *net)
{
	return net_generic(net, namespace_id);
}

/* ---- making ---- */

static void conf_defaults(struct mv_node_conf *conf)
{
	conf->up_rate = conf->up_rate ?: UP_RATE;
	conf->up_burst = conf->up_burst ?: UP_BURST;
	conf->max_links = conf->max_links ?: LINKS_MAX;
	conf->max_circuits = conf->max_circuits ?: CIRCUITS_MAX;
	conf->queue_cells = conf->queue_cells ?: QUEUE_CELLS;
}

static void rate_set(struct mv_node *node)
{
	mv_bucket_set(&node->rate, node->conf.rate, max_t(u64, node->conf.burst, MV_CELL_MAX));
}

static void tables_fini(struct mv_node *node)
{
	mv_hash_fini(&node->rx_ids);
	mv_hash_fini(&node->circuits);
	mv_hash_fini(&node->inner);
	mv_hash_fini(&node->links);
	mv_hash_fini(&node->exits);
}

static int tables_init(struct mv_node *node)
{
	if (!mv_hash_init(&node->rx_ids, BUCKETS) && !mv_hash_init(&node->circuits, BUCKETS) &&
	    !mv_hash_init(&node->inner, BUCKETS) && !mv_hash_init(&node->links, BUCKETS) &&
	    !mv_hash_init(&node->exits, BUCKETS))
		return 0;
	tables_fini(node);
	return -ENOMEM;
}

/* Engines of the first @count possible CPUs. */
static void engines_fini(struct mv_node *node, int count)
{
	int cpu;

	for_each_possible_cpu(cpu)
		if (count-- > 0)
			mv_engine_fini(per_cpu_ptr(node->engines, cpu));
	/* NAPI contexts may still be looked at */
	synchronize_net();
	mv_dummy_free(node->napi_dev);
	node->napi_dev = NULL;
}

static int engines_init(struct mv_node *node)
{
	int cpu, err = 0, count = 0;

	node->engines = alloc_percpu_gfp(struct mv_engine, GFP_KERNEL_ACCOUNT);
	node->napi_dev = mv_dummy_new();
	if (!node->engines || !node->napi_dev) {
		if (node->napi_dev)
			mv_dummy_free(node->napi_dev);
		err = -ENOMEM;
		goto free;
	}
	for_each_possible_cpu(cpu) {
		err = mv_engine_init(per_cpu_ptr(node->engines, cpu), node, cpu);
		if (err)
			break;
		count++;
	}
	if (!err)
		return 0;
	engines_fini(node, count);
free:
	free_percpu(node->engines);
	return err;
}

static struct mv_node *node_alloc(struct net *net, const struct mv_node_conf *conf, u32 owner)
{
	struct mv_node *node = kzalloc(sizeof(*node), GFP_KERNEL_ACCOUNT);
	int err = -ENOMEM;

	if (!node)
		return ERR_PTR(err);
	node->net = net;
	node->owner = owner;
	node->conf = *conf;
	conf_defaults(&node->conf);
	mutex_init(&node->lock);
	kref_init(&node->ref);
	INIT_LIST_HEAD(&node->list);
	INIT_LIST_HEAD(&node->devices);
	rate_set(node);
	mv_bucket_set(&node->handshakes, UNKNOWN_RATE, UNKNOWN_BURST);
	mv_bucket_set(&node->unknown, UNKNOWN_RATE, UNKNOWN_BURST);
	if (!tables_init(node)) {
		err = engines_init(node);
		if (!err)
			return node;
		tables_fini(node);
	}
	mutex_destroy(&node->lock);
	kfree(node);
	return ERR_PTR(err);
}

static void node_free_rcu(struct rcu_head *rcu)
{
	struct mv_node *node = container_of(rcu, struct mv_node, rcu);

	free_percpu(node->engines);
	tables_fini(node);
	mutex_destroy(&node->lock);
	kfree(node);
}

static void node_release(struct kref *ref)
{
	call_rcu(&container_of(ref, struct mv_node, ref)->rcu, node_free_rcu);
}

void mv_node_put(struct mv_node *node)
{
	kref_put(&node->ref, node_release);
}

/* ---- the lists ---- */

/* Put @node where it belongs by its id; 0 takes the first free one. */
static int node_list_add(struct list_head *nodes, struct mv_node *node)
{
	struct list_head *before = nodes;
	u32 id = node->conf.id ?: 1;
	struct mv_node *other;

	list_for_each_entry(other, nodes, list) {
		if (other->id > id)
			break;
		if (other->id == id) {
			if (node->conf.id || id == U32_MAX)
				return -EEXIST;
			id++;
		}
		before = &other->list;
	}
	node->id = node->conf.id = id;
	list_add(&node->list, before);
	return 0;
}

/* Of a node that nobody has found. */
static void node_discard(struct mv_node *node)
{
	engines_fini(node, num_possible_cpus());
	mv_node_put(node);
}

struct mv_node *mv_node_new(struct net *net, const struct mv_node_conf *conf, u32 owner)
{
	struct mv_node *node = node_alloc(net, conf, owner);
	int err;

	if (IS_ERR(node))
		return node;
	mutex_lock(&nodes_lock);
	err = node_list_add(&namespace_of(net)->nodes, node);
	mutex_unlock(&nodes_lock);
	if (!err)
		return node;
	node_discard(node);
	return ERR_PTR(err);
}

struct mv_node *mv_node_next(struct net *net, u32 from)
{
	struct mv_node *node, *found = NULL;

	mutex_lock(&nodes_lock);
	list_for_each_entry(node, &namespace_of(net)->nodes, list) {
		if (node->id < from)
			continue;
		found = node;
		kref_get(&found->ref);
		break;
	}
	mutex_unlock(&nodes_lock);
	return found;
}

struct mv_node *mv_node_get(struct net *net, u32 id)
{
	struct mv_node *node = mv_node_next(net, id);

	if (node && node->id != id) {
		mv_node_put(node);
		node = NULL;
	}
	return node;
}

/* ---- changing ---- */

int mv_node_set(struct mv_node *node, const struct mv_node_conf *conf)
{
	struct mv_hash_node *n, *next;
	struct mv_node_conf to = *conf;
	u32 bucket;

	conf_defaults(&to);
	WRITE_ONCE(node->conf.rate, to.rate);
	WRITE_ONCE(node->conf.burst, to.burst);
	WRITE_ONCE(node->conf.up_rate, to.up_rate);
	WRITE_ONCE(node->conf.up_burst, to.up_burst);
	WRITE_ONCE(node->conf.hold_us, to.hold_us);
	WRITE_ONCE(node->conf.max_links, to.max_links);
	WRITE_ONCE(node->conf.max_circuits, to.max_circuits);
	WRITE_ONCE(node->conf.queue_cells, to.queue_cells);
	WRITE_ONCE(node->conf.send_bytes, to.send_bytes);
	WRITE_ONCE(node->conf.volume_limit, to.volume_limit);
	rate_set(node);
	mv_hash_for_all(&node->links, bucket, n, next)
		mv_link_rate(container_of(n, struct mv_link, by_id));
	return 0;
}

/* ---- erasing ---- */

static void exit_drop(struct mv_node *node, struct mv_exit *e)
{
	struct mv_circuit *c, *next;

	list_for_each_entry_safe(c, next, &e->circuits, exit_node)
		mv_circuit_set_exit(c, NULL);
	RCU_INIT_POINTER(e->leg, NULL);
	mv_exit_detach(node, e);
	mv_exit_free(e);
}

static void circuits_drop(struct mv_node *node, struct mv_link *link, struct list_head *dead)
{
	struct mv_circuit *c, *next;

	list_for_each_entry_safe(c, next, &link->circuits, link_node) {
		mv_circuit_detach(node, c);
		list_add_tail(&c->link_node, dead);
	}
	list_for_each_entry_safe(c, next, &link->out_circuits, out_node) {
		mv_circuit_detach(node, c);
		list_add_tail(&c->link_node, dead);
	}
}

static void link_drop(struct mv_node *node, struct mv_link *link)
{
	struct mv_link_session *s, *next;

	RCU_INIT_POINTER(link->current_session, NULL);
	list_for_each_entry_safe(s, next, &link->sessions, link_node) {
		mv_link_session_detach(node, s);
		mv_link_session_free(s);
	}
	mv_link_detach(node, link);
	mv_link_free(link);
}

void mv_node_flush(struct mv_node *node)
{
	struct mv_hash_node *n, *next;
	LIST_HEAD(dead);
	u32 bucket;

	lockdep_assert_held(&node->lock);
	mv_hash_for_all(&node->exits, bucket, n, next)
		exit_drop(node, container_of(n, struct mv_exit, by_id));
	mv_hash_for_all(&node->links, bucket, n, next) {
		circuits_drop(node, container_of(n, struct mv_link, by_id), &dead);
		cond_resched();
	}
	/* circuits point to their links, so those live until nothing works on a circuit */
	mv_circuits_bury(node, &dead);
	mv_hash_for_all(&node->links, bucket, n, next)
		link_drop(node, container_of(n, struct mv_link, by_id));
	mv_netlink_changed(node);
}

void mv_node_flush_all(void)
{
	struct mv_node *node;
	struct net *net;

	down_read(&net_rwsem);
	mutex_lock(&nodes_lock);
	for_each_net(net)
		list_for_each_entry(node, &namespace_of(net)->nodes, list) {
			mutex_lock(&node->lock);
			mv_node_flush(node);
			mutex_unlock(&node->lock);
		}
	mutex_unlock(&nodes_lock);
	up_read(&net_rwsem);
	/* keys are erased where objects are freed: the machine does not sleep before that */
	rcu_barrier();
}

/* ---- the end ---- */

static void device_drop(struct mv_node *node, struct mv_device *d)
{
	struct mv_selector *old = rcu_dereference_protected(d->selector, 1);
	struct mv_exit *e, *next;

	list_for_each_entry_safe(e, next, &d->exits, device_node)
		exit_drop(node, e);
	RCU_INIT_POINTER(d->node, NULL);
	RCU_INIT_POINTER(d->selector, NULL);
	list_del_init(&d->node_list);
	WRITE_ONCE(node->device_count, node->device_count - 1);
	mv_selector_free(old);
}

void mv_node_detach(struct mv_node *node, struct mv_device *d)
{
	ASSERT_RTNL();
	mutex_lock(&node->lock);
	if (rcu_access_pointer(d->node) == node) {
		device_drop(node, d);
		mv_netlink_changed(node);
	}
	mutex_unlock(&node->lock);
}

static void devices_drop(struct mv_node *node)
{
	struct mv_device *d, *next;

	rtnl_lock();
	mutex_lock(&node->lock);
	list_for_each_entry_safe(d, next, &node->devices, node_list)
		device_drop(node, d);
	mutex_unlock(&node->lock);
	rtnl_unlock();
}

/* Out of the list; false: somebody else did it, and deletes. */
static bool node_unlist(struct mv_node *node)
{
	bool listed;

	mutex_lock(&nodes_lock);
	listed = !list_empty(&node->list);
	list_del_init(&node->list);
	mutex_unlock(&nodes_lock);
	return listed;
}

void mv_node_del(struct mv_node *node)
{
	if (!node_unlist(node))
		return;
	mutex_lock(&node->lock);
	WRITE_ONCE(node->dead, true);
	/* keys first, the rest may take its time */
	mv_node_flush(node);
	mutex_unlock(&node->lock);
	mv_socket_release(node);
	devices_drop(node);
	/* who found the node by a socket or a device is done with its engine after that */
	synchronize_net();
	engines_fini(node, num_possible_cpus());
	mv_node_put(node);
}

void mv_node_owner_gone(struct net *net, u32 portid)
{
	struct mv_node *node;
	u32 from = 1;

	while (portid && (node = mv_node_next(net, from))) {
		from = node->id + 1;
		if (node->owner == portid)
			mv_node_del(node);
		mv_node_put(node);
		if (!from)
			break;
	}
}

static int __net_init namespace_init(struct net *net)
{
	INIT_LIST_HEAD(&namespace_of(net)->nodes);
	return 0;
}

static void __net_exit namespace_exit(struct net *net)
{
	struct mv_node *node;

	while ((node = mv_node_next(net, 0))) {
		mv_node_del(node);
		mv_node_put(node);
	}
}

/* Before the devices of the namespace go, and with them the routes that links have cached. */
static struct pernet_operations namespace_ops = {
	.init = namespace_init,
	.pre_exit = namespace_exit,
	.id = &namespace_id,
	.size = sizeof(struct namespace),
};

int mv_node_init(void)
{
	return register_pernet_device(&namespace_ops);
}

void mv_node_exit(void)
{
	unregister_pernet_device(&namespace_ops);
	/* twice, since the end of a socket puts its node */
	rcu_barrier();
	rcu_barrier();
}
