/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The objects of datapath.h as the engine holds them, and the tables that find them. One table a
 * datapath, shared by its workers. It changes only in the control thread while every worker is
 * between two batches (worker.h), so its readers take no lock and a batch of changes is undone in
 * place. What moves with traffic is written by one worker: each direction of a circuit has one
 * owner, circuit id modulo workers; what is counted per link has a line for each worker.
 */
#ifndef MESHVPN_DATAPATH_TABLE_H
#define MESHVPN_DATAPATH_TABLE_H

#include <base/bucket.h>
#include <base/list.h>
#include <meshvpn/replay.h>

#include "datapath.h"
#include "flat.h"
#include "onion.h"
#include "reassembly.h"
#include "secret.h"

#define TABLE_LINK_SESSIONS 16		/* of one link */
#define TABLE_UNKNOWN_RATE 50000	/* datagrams up per second that belong to no link, of each shape */
#define TABLE_UNKNOWN_BURST 8192
#define TABLE_PASS_RATE 50		/* cells up per second of one circuit under pass */
#define TABLE_PASS_BURST 64
#define TABLE_PREFIXES 4096

/* Counters with one writer, read from the control thread. */
#define count_add(x, n) __atomic_store_n(&(x), (x) + (n), __ATOMIC_RELAXED)
#define count_get(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)

struct dp_device {
	struct hnode node;
	u32 id;
	char name[16];
	enum datapath_role role;
	u32 mtu, queues;
	int fds[DATAPATH_LANES_MAX];
	int steering;				/* map, or 0 */
	u32 prefix_count;
	struct datapath_prefix *prefixes;	/* longest first */
	struct list exits;
	u32 workers;
	u32 slot;				/* the user datapath's number for it */
	bool pool_ready[DATAPATH_LANES_MAX];
	struct reassembly_pool pools[DATAPATH_LANES_MAX];
};

/* Per worker, so that no line is shared. */
struct dp_link_counters {
	u64 rx_cells, rx_bytes, tx_cells, tx_bytes, last_rx;
} __attribute__((aligned(64)));

struct dp_link {
	struct hnode node;
	u32 id;
	struct datapath_link conf;
	struct bucket up;			/* shared: bucket_take_shared() */
	struct dp_session *current;
	struct list sessions;
	struct list circuits, out_circuits;	/* by dp_circuit.link_node, .out_node */
	u32 session_count, circuit_count;
	struct dp_link_counters counters[];
};

struct dp_session_keys {
	struct mv_header_keys rx, tx;
};

/* A link session. */
struct dp_session {
	struct list link_node;
	struct dp_link *link;
	struct dp_session_keys *keys;		/* secret */
	u32 index;
	enum datapath_session_state state;
	u32 rx_ids_count;
	u64 rx_ids[DATAPATH_LINK_IDS];
	u64 tx_id;
	struct endpoint remote;
	u32 remote_lanes, local_lane, local_lanes;
	u32 opened;				/* EV_SESSION was raised; atomic */
	u64 address_at;				/* EV_ADDRESS again from then; atomic */
	u64 address_hash;			/* of the last one told; atomic */
};

/* An exit session. */
struct dp_exit {
	struct hnode node, node4, node6;
	struct list device_node;
	struct list circuits;
	struct dp_device *device;
	struct dp_circuit *leg;
	u32 id;
	bool has4, has6;
	u8 inner4[4], inner6[16];
};

/* One direction of a circuit. Written by its owner only. */
struct dp_half {
	struct mv_replay replay;
	u64 cells, bytes, last;
	struct bucket rate;
	u64 next;				/* backward half: the number sealed next, also an origin's */
	struct queue_flow *flow;		/* cells that wait */
	u32 out_seq;				/* of the super-packet with its last cell */
	u32 drops;
};

struct edge;

/*
 * Packed, for there are many: what every cell needs is one line in the middle, with what is
 * seldom touched on both sides of it, so that the owners of the two halves share no line that
 * either writes.
 */
struct dp_circuit {
	/* owner of id. Origin: what it sends, and the window over the terminus's numbers */
	struct dp_half forward;
	struct list link_node, out_node;
	u32 exit_id;
	/* read by all */
	struct dp_link *link __attribute__((aligned(64))), *out_link;
	u8 *keys;				/* secret: kf, kb; origin: struct onion_keys */
	struct edge *edge;			/* origin, terminus */
	struct dp_exit *exit;
	u32 id, out_id;
	u8 kind;				/* enum datapath_circuit_kind */
	u8 data_class, hops;
	bool small_forward, pass;
	bool warned;				/* EV_COUNTER was raised */
	u16 reserve;
	struct list exit_node;
	u64 rate, burst;
	u64 pass_next;				/* bucket of cells under pass that go up */
	/* owner of out_id; at origin and terminus of id */
	struct dp_half backward;
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct dp_circuit) <= 832, "a relay's circuit with keys and table stays below 1 KiB");

#define CIRCUIT_KEYS_LEN (2 * MV_KEY_LEN)

static inline const u8 *circuit_kf(const struct dp_circuit *c)
{
	return c->keys;
}

static inline const u8 *circuit_kb(const struct dp_circuit *c)
{
	return c->keys + MV_KEY_LEN;
}

static inline const struct onion_keys *circuit_onion(const struct dp_circuit *c)
{
	return (const struct onion_keys *)c->keys;
}

struct core;

struct table {
	struct datapath_conf conf;
	u32 caps;
	u32 workers;
	struct core *cores[DATAPATH_LANES_MAX];
	struct secrets secrets, circuit_blocks;
	struct flat rx_ids;			/* link id: dp_session */
	struct flat circuits;			/* circuit_key(): dp_circuit, bit 0: its side away from the origin */
	struct htable links, devices, exits, inner4, inner6;
	struct bucket handshakes, unknown;	/* shared: what is no cell, cells of unknown links */
	struct bucket rate;			/* shared: the whole relay */
	u32 link_sessions, circuit_count;
	u32 reassembly_buffers;			/* per device and worker */
	/*
	 * A device came (@gone false) or goes: then its descriptors are the callee's. May be NULL.
	 */
	void (*device_changed)(void *arg, struct dp_device *device, bool gone);
	void *arg;
};

int table_init(struct table *t, const struct datapath_conf *conf);
void table_fini(struct table *t);

static inline u64 circuit_key(u32 link, u32 circuit)
{
	return (u64)link << MV_CIRCUIT_BITS | circuit;
}

static inline struct dp_session *table_rx(const struct table *t, u64 link_id)
{
	return flat_find(&t->rx_ids, link_id);
}

/* @away: the cell comes from the side away from the origin (backward). */
static inline struct dp_circuit *table_circuit(const struct table *t, u32 link, u32 circuit, bool *away)
{
	uintptr_t v = (uintptr_t)flat_find(&t->circuits, circuit_key(link, circuit));

	*away = v & 1;
	return (struct dp_circuit *)(v & ~(uintptr_t)1);
}

struct dp_link *table_link(const struct table *t, u32 id);
struct dp_device *table_device(const struct table *t, u32 id);
struct dp_exit *table_exit(const struct table *t, u32 id);
struct dp_session *table_session(const struct dp_link *link, u32 index);
/* Who holds an inner address at this device? @family: 4 or 6 */
struct dp_exit *table_inner(const struct table *t, const struct dp_device *device, u32 family,
			    const u8 *addr);

/* Objects in and out of the tables; apply.c keeps the order and undoes. 0 or -ENOMEM, -EEXIST. */
int table_link_attach(struct table *t, struct dp_link *link);
void table_link_detach(struct table *t, struct dp_link *link);
int table_session_attach(struct table *t, struct dp_session *s);
void table_session_detach(struct table *t, struct dp_session *s);
int table_exit_attach(struct table *t, struct dp_exit *e);
void table_exit_detach(struct table *t, struct dp_exit *e);
int table_device_attach(struct table *t, struct dp_device *d);
void table_device_detach(struct table *t, struct dp_device *d);
int table_circuit_attach(struct table *t, struct dp_circuit *c);
void table_circuit_detach(struct table *t, struct dp_circuit *c);

/* Objects from their descriptions, checked; not attached. *@err: -EINVAL, -ENOMEM, … */
struct dp_link *table_link_new(struct table *t, const struct datapath_link *conf, int *err);
void table_link_free(struct table *t, struct dp_link *link);
struct dp_session *table_session_new(struct table *t, struct dp_link *link,
				     const struct datapath_link_session *conf, int *err);
void table_session_free(struct table *t, struct dp_session *s);
struct dp_exit *table_exit_new(struct table *t, struct dp_device *device,
			       const struct datapath_session *conf, int *err);
void table_exit_free(struct dp_exit *e);
struct dp_device *table_device_new(struct table *t, const struct datapath_device *conf, int *err);
/* @close_fds: false where a failed batch gives them back to the caller */
void table_device_free(struct table *t, struct dp_device *d, bool close_fds);
struct dp_circuit *table_circuit_new(struct table *t, const struct datapath_circuit *conf, int *err);
void table_circuit_free(struct table *t, struct dp_circuit *c);

/* The owner of the cells that come with this circuit id. */
static inline u32 table_owner(const struct table *t, u32 circuit)
{
	return circuit % t->workers;
}

/* An ordered batch, all or nothing (datapath_apply()); no worker runs. */
int table_apply(struct table *t, const struct datapath_op *ops, u32 count, u32 *failed);

int table_circuit_get(struct table *t, u32 link, u32 circuit, struct datapath_circuit_info *info);
int table_link_get(struct table *t, u32 id, struct datapath_link_info *info);
void table_stats_get(struct table *t, struct datapath_stats *stats);
int table_circuit_dump(struct table *t, int (*each)(void *arg, const struct datapath_circuit_info *info),
		       void *arg);

/* bucket_take() for a bucket that several workers use. */
static inline bool bucket_take_shared(struct bucket *b, u64 now, u64 units)
{
	u64 next = __atomic_load_n(&b->next, __ATOMIC_RELAXED), to;

	if (!b->cost)
		return true;
	do {
		to = (next > now ? next : now) + b->cost * units / 1024;
		if (to > now + b->depth)
			return false;
	} while (!__atomic_compare_exchange_n(&b->next, &next, to, true, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	return true;
}

#endif
