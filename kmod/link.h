/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Links to neighbours and the sessions of each: header keys, the ids under which cells come and
 * go, and the path to the neighbour.
 */
#ifndef MV_LINK_H
#define MV_LINK_H

#include <linux/socket.h>
#include <net/dst_cache.h>
#include <meshvpn/header.h>

#include "bucket.h"
#include "conf.h"
#include "hash.h"

struct mv_node;
struct mv_link;
struct mv_link_session;

/* Where a session sends to; replaced as a whole, freed after a grace period. */
struct mv_path {
	struct rcu_head rcu;
	struct mv_endpoint remote;
	u64 tx_id;				/* goes with the address: who sees both must see two ids */
	u32 remote_lanes, local_lane, local_lanes;
	u32 route_mark;				/* of the socket that the cache was filled for */
	int route_oif;
	struct dst_cache cache;			/* of all lanes: routes do not depend on ports */
};

/* A link id under which cells may come. */
struct mv_rx_id {
	struct mv_hash_node node;
	u64 id;
	struct mv_link_session *session;
};

struct mv_link_session {
	/* read by every cell */
	struct mv_header_keys rx, tx;
	struct mv_path __rcu *path;		/* NULL: no endpoint */
	struct mv_link *link;
	u32 index;
	u8 state;				/* enum mv_session_state, by WRITE_ONCE */
	/* seldom written in softirq */
	atomic_t opened;			/* MV_EVENT_SESSION was raised */
	atomic64_t address_at;			/* MV_EVENT_ADDRESS again from then, ns */
	atomic64_t address_hash;		/* of the last one told */
	/* changes only */
	struct list_head link_node;
	u64 tx_id;				/* this and the next: of the path, kept where there is none */
	u32 remote_lanes, local_lane, local_lanes;
	u32 rx_ids_count;
	struct mv_rx_id rx_ids[MV_LINK_IDS];
	struct rcu_head rcu;
};

struct mv_link_counters {
	u64_stats_t rx_cells, rx_bytes, tx_cells, tx_bytes;
	u64_stats_t last_rx;			/* ns: last cell that a window took */
	struct u64_stats_sync sync;
};

struct mv_link {
	struct mv_link_session __rcu *current_session;	/* that sends, or NULL */
	struct mv_link_counters __percpu *counters;
	struct mv_node *node;
	u32 id;
	struct mv_bucket up;
	/* changes only */
	struct mv_hash_node by_id;		/* node->links */
	struct mv_link_conf conf;
	struct list_head sessions;		/* mv_link_session.link_node */
	struct list_head circuits, out_circuits;	/* mv_circuit.link_node, .out_node */
	u32 session_count, circuit_count;
	struct rcu_head rcu;
};

/* The session that a link id names; RCU. */
static inline struct mv_link_session *mv_link_rx(const struct mv_hash *rx_ids, u64 link_id)
{
	u32 hash = mv_hash_key(rx_ids, link_id), side;
	struct mv_hash_node *n;

	mv_hash_for_each(rx_ids, hash, n, side) {
		struct mv_rx_id *r = container_of(n, struct mv_rx_id, node);

		if (r->id == link_id)
			return r->session;
	}
	return NULL;
}

static inline bool mv_endpoint_ok(const struct mv_endpoint *e)
{
	return !e->family || e->family == AF_INET || e->family == AF_INET6;
}

/* Are the lanes in range: the peer's, and ours that may send? */
bool mv_lanes_ok(const struct mv_node *node, const struct mv_link_session_conf *conf);
/* Made from a description that is checked, attached to nothing. ERR_PTR(-EINVAL, -ENOMEM) */
struct mv_link *mv_link_alloc(struct mv_node *node, const struct mv_link_conf *conf);
struct mv_link_session *mv_link_session_alloc(struct mv_link *link,
					      const struct mv_link_session_conf *conf);
struct mv_path *mv_path_alloc(const struct mv_link_session_conf *conf);
/* Erased and freed after a grace period (call_rcu, kfree_sensitive). */
void mv_link_free(struct mv_link *link);
void mv_link_session_free(struct mv_link_session *s);
void mv_path_free(struct mv_path *path);	/* NULL is fine */

/* Set the bucket of what goes up by the link's rate or the node's. Under node->lock. */
void mv_link_rate(struct mv_link *link);
/* Into the tables and out, under node->lock; attach: 0, -EEXIST, -EINVAL (an id twice). */
int mv_link_attach(struct mv_node *node, struct mv_link *link);
void mv_link_detach(struct mv_node *node, struct mv_link *link);
int mv_link_session_attach(struct mv_node *node, struct mv_link_session *s);
void mv_link_session_detach(struct mv_node *node, struct mv_link_session *s);

/* Under node->lock. */
struct mv_link *mv_link_find(const struct mv_node *node, u32 id);
struct mv_link_session *mv_link_session_find(const struct mv_link *link, u32 index);

int mv_link_init(void);				/* caches */
void mv_link_exit(void);

#endif
