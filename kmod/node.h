/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A node: the sockets of one daemon (or of a script) with all links and circuits behind them, and
 * the root that everything else hangs on. It lives in the network namespace that it was made in,
 * with its sockets; devices attached to it may be moved to others.
 *
 * Context. Everything that changes objects runs under node->lock (a mutex; rtnl before it where
 * devices are concerned). What moves packets runs in softirq or with BH off, under
 * rcu_read_lock(), on the engine of its CPU (struct mv_engine, engine.h), and takes only the
 * spinlock of the circuit's direction (half) or end (edge) that it works on.
 *
 * Life. mv_node_put() frees after a grace period. A node goes by NODE_DEL, when its namespace
 * goes, or, if it has an owner, when the owner's netlink socket is closed: then links and circuits
 * with their keys are erased at once, the sockets are let go.
 */
#ifndef MV_NODE_H
#define MV_NODE_H

#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>

#include "bucket.h"
#include "conf.h"
#include "hash.h"
#include "stats.h"

struct mv_device;
struct mv_engine;
struct mv_socket;

struct mv_node {
	/* read by every packet */
	struct mv_hash rx_ids;			/* struct mv_rx_id by link id */
	struct mv_hash circuits;		/* struct mv_half by mv_half_key() */
	struct mv_hash inner;			/* struct mv_inner by address and device */
	struct mv_engine __percpu *engines;
	struct mv_socket __rcu *sockets[MV_LANES_MAX];
	u32 lanes;
	bool dead;				/* going: nothing new is accepted */
	bool made;				/* has its sockets: netlink may name it */
	struct mv_node_conf conf;		/* fields by WRITE_ONCE */

	/* taken by many CPUs, but seldom */
	struct mv_bucket rate;			/* the whole relay */
	struct mv_bucket handshakes, unknown;	/* up: what is no cell, cells of unknown links */

	/* changes only */
	struct mutex lock;
	struct kref ref;
	struct rcu_head rcu;
	struct list_head list;			/* in the namespace's nodes */
	struct net *net;			/* no reference: the pernet exit deletes the node */
	u32 id;
	u32 owner;				/* netlink port that gets the events, 0: none */
	atomic_t events_lost;			/* since the last one that the owner got; any context */
	u32 generation;				/* of the objects, for dumps: mv_netlink_changed() */
	struct mv_hash links;			/* struct mv_link by id */
	struct mv_hash exits;			/* struct mv_exit by id */
	struct list_head devices;		/* struct mv_device.node_list */
	u32 link_count, session_count, exit_count, circuit_count, device_count;
	struct net_device *napi_dev;		/* dummy that the engines' NAPI contexts hang on */
};

int mv_node_init(void);				/* pernet operations, caches */
void mv_node_exit(void);

/**
 * mv_node_new - make a node
 * @conf: id 0 takes the first free one, other fields with their defaults where 0
 * @owner: netlink port of the owner, 0: none
 *
 * Return: the node, with one reference that belongs to the namespace's list; ERR_PTR(-EEXIST,
 * -EINVAL, -ENOMEM). Sockets are attached afterwards (socket.h), then it is ->made.
 */
struct mv_node *mv_node_new(struct net *net, const struct mv_node_conf *conf, u32 owner);
/* Found by id, with a reference; NULL. */
struct mv_node *mv_node_get(struct net *net, u32 id);
/* The next node with an id of at least @from, with a reference: dumps. */
struct mv_node *mv_node_next(struct net *net, u32 from);
void mv_node_put(struct mv_node *node);
/* Out of the list, objects erased, sockets released, devices detached. Idempotent. May sleep. */
void mv_node_del(struct mv_node *node);
/* The owner's socket is gone (NETLINK_URELEASE): deletes the nodes that it owned. */
void mv_node_owner_gone(struct net *net, u32 portid);
/* Erase all links, circuits, exit sessions; devices stay attached. Under node->lock. */
void mv_node_flush(struct mv_node *node);
/* Erase all of all nodes: the machine sleeps or was copied. May sleep. */
void mv_node_flush_all(void);
/* A device leaves its node, with its exit sessions. Under rtnl; takes node->lock. Never fails. */
void mv_node_detach(struct mv_node *node, struct mv_device *d);
/* New limits and rates. Under node->lock. */
int mv_node_set(struct mv_node *node, const struct mv_node_conf *conf);

#endif
