/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Exit sessions: which circuit carries which inner addresses, and the prefixes that choose a
 * session for packets without one (Documentation/protocol.rst, "Inner addresses select circuits").
 * A takeover is one store to ->leg.
 */
#ifndef MV_EXIT_H
#define MV_EXIT_H

#include "conf.h"
#include "hash.h"

struct mv_circuit;
struct mv_device;
struct mv_node;
struct mv_exit;

/* An inner address in node->inner. */
struct mv_inner {
	struct mv_hash_node node;
	struct mv_exit *exit;
	u8 family;				/* 4, 6; 0: none */
	u8 addr[16];
};

struct mv_exit {
	struct mv_circuit __rcu *leg;		/* current circuit, or NULL */
	struct mv_device *device;		/* as long as the session lives */
	u32 id;
	struct mv_inner inner4, inner6;
	/* changes only */
	struct mv_hash_node by_id;		/* node->exits */
	struct list_head device_node;		/* mv_device.exits */
	struct list_head circuits;		/* mv_circuit.exit_node */
	struct rcu_head rcu;
};

/* Prefixes of a device, the longest first; replaced as a whole. */
struct mv_selector {
	struct rcu_head rcu;
	u32 count;
	struct mv_prefix prefixes[];
};

struct mv_exit *mv_exit_alloc(struct mv_device *device, const struct mv_session_conf *conf);
void mv_exit_free(struct mv_exit *e);		/* after a grace period */
struct mv_selector *mv_selector_alloc(const struct mv_selector_conf *conf);
void mv_selector_free(struct mv_selector *s);	/* NULL is fine */

/* Into the tables and out, under node->lock; attach: 0, -EEXIST. */
int mv_exit_attach(struct mv_node *node, struct mv_exit *e);
void mv_exit_detach(struct mv_node *node, struct mv_exit *e);

int mv_exit_init(void);				/* caches */
void mv_exit_exit(void);

/* Under node->lock. */
struct mv_exit *mv_exit_find(const struct mv_node *node, u32 id);
/* Who holds an inner address at this device? RCU. @family: 4 or 6 */
u32 mv_inner_hash(const struct mv_node *node, const struct mv_device *device, u8 family, const u8 *addr);
struct mv_exit *mv_inner_find(const struct mv_node *node, const struct mv_device *device, u8 family,
			      const u8 *addr);
/* The session of the longest prefix that holds a destination; RCU; 0: none. */
u32 mv_selector_find(const struct mv_selector *s, u8 family, const u8 *addr);
/* By id, for the datapath; RCU. */
struct mv_exit *mv_exit_find_rcu(const struct mv_node *node, u32 id);

#endif
