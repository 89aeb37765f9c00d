/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the circuit engine share and nobody else sees: the table of circuit ends, the
 * state it keeps for each link, and who handles what.
 */
#ifndef MESHVPN_CIRCUIT_ENGINE_H
#define MESHVPN_CIRCUIT_ENGINE_H

#include <base/bucket.h>
#include <base/list.h>
#include <base/log.h>
#include <link/replies.h>

#include "circuits.h"

#define CREATE_REPLIES 1024		/* replies to CREATE kept, a link */
#define CREATE_REPLY_NS (6 * NSEC_PER_SEC)
#define CLASS_WAIT (4500 * NSEC_PER_MSEC)	/* for a new link to learn what its path carries */
#define CLASS_PAUSE (60 * NSEC_PER_MSEC)
#define PUZZLES_USED 8192		/* of two minutes, more or less: a place is shared by hashes */
#define SWEEPS 6			/* looks at idle circuits in one idle time */

/* Per link: made with the first message or circuit on it, gone when the link is. */
struct link_state {
	struct hnode node;		/* by link id */
	struct link *link;
	struct list ends;
	u32 theirs;			/* circuits that the peer created here */
	struct list sessions;		/* struct session that its circuits brought */
	u32 session_count;
	struct bucket creates, destroys;
	struct replies replies;
};

enum end_kind {
	END_IN,				/* a hop's side towards the origin */
	END_OUT,			/* a relay's side towards the terminus */
	END_ORIGIN,
};

/* One end of a circuit on one link; what (link, circuit id) leads to. */
struct end {
	struct hnode node;
	struct list on_link;
	enum end_kind kind;
	struct link *link;		/* held while attached, NULL: detached */
	struct link_state *state;
	u32 circuit;			/* 0: waiting for the link, not in the table */
	bool own_id;			/* from link_circuit_new() */
};

struct circuits {
	struct circuits_conf conf;
	const struct circuits_ops *ops;
	void *arg;
	struct timers *ts;
	struct links *links;
	struct datapath *dp;
	struct htable ends;		/* by link id << 24 | circuit */
	struct htable states;		/* struct link_state by link id */
	struct htable sessions;		/* struct session by handle */
	struct list hops, origins;
	u32 hop_count, origin_number, session_id, session_count;
	bool draining;
	struct bucket creates, destroys;
	u8 puzzle_key[32];
	u64 replies_seed;
	u64 puzzle_used[PUZZLES_USED];	/* handshakes that came with a solution: hashes, each at its place */
	struct timer sweep;
	struct circuits_stats stats;
};

static inline u64 now(const struct circuits *c)
{
	return c->ts->now;
}

static inline u64 end_key(u32 link, u32 circuit)
{
	return (u64)link << 24 | circuit;
}

static inline void random_bytes(struct circuits *c, void *buf, size_t len)
{
	c->ops->random(c->arg, buf, len);
}

u64 random_u64(struct circuits *c);

/* A uniform number below @n, which is small. */
static inline u32 random_below(struct circuits *c, u32 n)
{
	return (u32)(random_u64(c) % n);
}

struct link_state *link_state_get(struct circuits *c, struct link *link);
struct end *end_find(struct circuits *c, u32 link, u32 circuit);
/* Attach to a link, with or (0) without a circuit id yet. -ENOMEM */
int end_attach(struct circuits *c, struct end *e, enum end_kind kind, struct link *link, u32 circuit);
/* Give it its id. */
void end_name(struct circuits *c, struct end *e, u32 circuit, bool own);
/* Out of the table; gives id and link back. */
void end_detach(struct circuits *c, struct end *e);

/* DESTROY to the neighbour on this end. */
void end_destroy_send(struct circuits *c, const struct end *e, enum link_reason reason);
void destroy_send(struct circuits *c, struct link *link, u32 circuit, enum link_reason reason);
/* Delete a circuit of the datapath. */
void datapath_remove(struct circuits *c, u32 link, u32 circuit);
u32 session_id_new(struct circuits *c);

/* Upcalls by kind of end: hop.c and hops.c, origin.c. */
struct hop;
struct origin;
void hops_create(struct circuits *c, struct link_state *ls, const struct message *m);
/* A puzzle's solution counts once. */
bool hops_puzzle_fresh(struct circuits *c, const struct wire_create *m);
void hop_created(struct circuits *c, struct end *out, const struct message *m, const struct wire_created *created);
void hop_create_failed(struct circuits *c, struct end *out, const struct message *m, const struct wire_failed *failed);
void hop_cell(struct circuits *c, struct end *in, const struct mv_header *header, u8 *cell, size_t len);
void hop_link_up(struct circuits *c, struct end *out);
/* The end's link is gone, or its neighbour sent DESTROY; the end is detached when it returns. */
void hop_end_lost(struct circuits *c, struct end *e, enum link_reason reason);
void hop_event(struct circuits *c, struct end *in, const struct datapath_event *event);
void hops_sweep(struct circuits *c);
void hops_free(struct circuits *c, enum link_reason reason);

void origin_created(struct circuits *c, struct end *e, const struct message *m, const struct wire_created *created);
void origin_create_failed(struct circuits *c, struct end *e, const struct message *m, const struct wire_failed *failed);
void origin_cell(struct circuits *c, struct end *e, const struct mv_header *header, u8 *cell, size_t len);
void origin_link_up(struct circuits *c, struct end *e);
void origin_end_lost(struct circuits *c, struct end *e, enum link_reason reason);
void origin_event(struct circuits *c, struct end *e, const struct datapath_event *event);
void origins_fail(struct circuits *c, enum link_reason reason);
void origins_free(struct circuits *c);
int origin_describe(struct end *e, struct circuit_info *info);
int hop_describe(struct end *in, struct circuit_info *info);

#endif
