/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Circuits: one direction is a half, found by the link and circuit id that its cells come with.
 * A relay has two halves in the table, forward under (link, id) and backward under (out_link,
 * out_id). An origin or terminus has what it receives there, and seals what it sends under the
 * other half's lock, in its edge (edge.h).
 *
 *	kind		forward half		backward half
 *	relay		receives, kf		receives from out_link, kb
 *	origin		sends (number here)	receives; window over the guard's counters
 *	terminus	receives, df		sends (number here)
 *
 * The number sealed next lies in the half that seals: relay and terminus backward, origin forward.
 */
#ifndef MV_CIRCUIT_H
#define MV_CIRCUIT_H

#include <linux/spinlock.h>
#include <meshvpn/replay.h>

#include "bucket.h"
#include "conf.h"
#include "hash.h"

struct mv_circuit;
struct mv_edge;
struct mv_exit;
struct mv_link;
struct mv_node;
struct mv_queue_flow;

/*
 * First line: what finds it, written only when circuits change. Second: what every cell of this
 * direction writes. Then the window, of which a cell touches a line or two.
 */
struct mv_half {
	struct mv_hash_node node;		/* node->circuits; relay: both halves, else only the receiving one */
	struct mv_circuit *circuit;
	bool away;				/* cells come from the side away from the origin */
	u64 key;				/* mv_half_key() */
	spinlock_t lock;			/* what follows; taken with BH off */
	u32 drops;
	u64 next;				/* number sealed next */
	u64 cells, bytes;			/* received (relay, receiving half) or sent */
	u64 last;				/* ns: last cell accepted */
	struct mv_bucket rate;
	struct mv_replay replay;		/* of what is received */
};

/* Keys of an origin; hop 0 is the guard. */
struct mv_onion_keys {
	u32 hops, reserve;
	u8 kf[MV_HOPS_MAX][MV_KEY_LEN];
	u8 kb[MV_HOPS_MAX][MV_KEY_LEN];
};

/* A relayed cell reads the first two lines, and two of its half. */
struct mv_circuit {
	u8 kind;				/* enum mv_circuit_kind */
	u8 data_class, hops;			/* data_class by WRITE_ONCE */
	bool small_forward;			/* by WRITE_ONCE */
	bool pass;				/* by WRITE_ONCE; cleared in softirq */
	bool warned;				/* MV_EVENT_COUNTER was raised */
	bool dead;				/* unlinked: late softirqs leave it alone */
	u16 reserve;
	u32 id, out_id;
	struct mv_link *link, *out_link;	/* live as long as the circuit; out_link: relay only */
	struct mv_exit __rcu *exit;		/* origin, terminus: the exit session it may serve */
	struct mv_edge *edge;			/* origin, terminus */
	union {
		struct {
			u8 kf[MV_KEY_LEN], kb[MV_KEY_LEN];	/* relay: kf, kb; terminus: df, db */
		} ____cacheline_aligned;
		struct mv_onion_keys *onion;	/* origin */
	};
	struct mv_half forward ____cacheline_aligned;
	struct mv_bucket pass_bucket;		/* cells under pass that go up */
	struct mv_bucket control_bucket;	/* control messages that go up */
	struct mv_half backward ____cacheline_aligned;
	/* changes only */
	u64 rate, burst;
	u32 exit_id;
	struct list_head link_node, out_node, exit_node;
	struct rcu_head rcu;
};

static inline u64 mv_half_key(u32 link, u32 circuit)
{
	return (u64)link << MV_CIRCUIT_BITS | circuit;
}

/* The half whose cells come over @link with this circuit id; RCU or node->lock. */
static inline struct mv_half *mv_half_find(const struct mv_hash *circuits, u32 link, u32 circuit)
{
	u64 key = mv_half_key(link, circuit);
	u32 hash = mv_hash_key(circuits, key), side;
	struct mv_hash_node *n;

	mv_hash_for_each(circuits, hash, n, side) {
		struct mv_half *half = container_of(n, struct mv_half, node);

		if (half->key == key)
			return half;
	}
	return NULL;
}

/* The half that seals. */
static inline struct mv_half *mv_circuit_tx(struct mv_circuit *c)
{
	return c->kind == MV_ORIGIN ? &c->forward : &c->backward;
}

/* Made from a description that was checked, attached to nothing. ERR_PTR(-EINVAL, -ENOMEM) */
struct mv_circuit *mv_circuit_alloc(struct mv_node *node, const struct mv_circuit_conf *conf);
/* Of one that was never attached. May sleep. */
void mv_circuit_discard(struct mv_circuit *c);

/* Into the tables and out, under node->lock; attach: 0, -EEXIST. */
int mv_circuit_attach(struct mv_node *node, struct mv_circuit *c);
void mv_circuit_detach(struct mv_node *node, struct mv_circuit *c);
/* Change the exit session that it may serve, NULL: none. Under node->lock. */
void mv_circuit_set_exit(struct mv_circuit *c, struct mv_exit *e);
/*
 * End of circuits that are detached, listed by link_node: no new cell finds them, none waits, no
 * timer runs; they are freed after a grace period, for which nobody waits. Under node->lock.
 */
void mv_circuits_bury(struct mv_node *node, struct list_head *circuits);

int mv_circuit_init(void);			/* caches */
void mv_circuit_exit(void);

#endif
