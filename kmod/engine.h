/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What one CPU works with: cells that came in, super-packets being gathered, cells that wait,
 * statistics, scratch. Used in softirq or with BH off, by its own CPU only, so without locks.
 *
 * The pipeline by file:
 *	socket.c	gro_receive, encap_rcv: whose is it, into the ring
 *	input.c		NAPI poll: header, circuit, kind
 *	relay.c		a layer off or on, straight into the outgoing slot
 *	terminus.c, origin.c	cells whose payload is ours
 *	edge.c		inner packets into payloads, payloads into packets
 *	queue.c		cells that wait while the socket is full
 *	output.c	outgoing super-packets
 *
 * One rule keeps this safe against re-entry (a delivered packet that is forwarded into a meshvpn
 * device on the same CPU): nothing is sent and nothing is delivered while a cell is being worked
 * on. Finished skbs are collected in ->send and ->deliver and go out in mv_engine_end(), which
 * takes the lists first. So between a caller's mv_out_reserve() and mv_out_commit() nobody else
 * touches this engine.
 */
#ifndef MV_ENGINE_H
#define MV_ENGINE_H

#include <linux/hrtimer.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/smp.h>

#include "conf.h"
#include "stats.h"

struct mv_circuit;
struct mv_device;
struct mv_half;
struct mv_link;
struct mv_link_session;
struct mv_node;
struct mv_queue;
struct mv_socket;

#define MV_ENGINE_RING 512		/* skbs that wait for the poll, a power of two */
#define MV_ENGINE_RING_CELLS 4096	/* and the cells in them, a power of two */
#define MV_ENGINE_CELL 1408		/* room for a cell in bounce and scratch */

/* A received skb: one cell, or a super-packet of cells of one length. */
struct mv_input {
	struct sk_buff *skb;
	u32 lane;
	u32 at;					/* offset of the first cell in the skb */
	u32 len, segment;			/* bytes of all cells, of one */
	u32 removed;				/* mv_engine_removed() before their headers were opened */
};

/*
 * What the header of a cell in the ring said. The pointers are good in the poll, another RCU
 * section, if nothing was taken out of the tables meanwhile: what is taken out later is freed later.
 */
struct mv_opened {
	struct mv_link_session *session;
	struct mv_half *half;
	u64 counter;
};

struct mv_out;
struct mv_outs;

struct mv_engine {
	struct napi_struct napi;
	struct mv_node *node;
	int cpu;
	bool polling;				/* in the NAPI poll: what is delivered may go through GRO */
	bool ending;				/* in mv_engine_end(): nested ends leave their skbs to it */
	u64 now;				/* ktime_get_ns() at the start of the batch */
	u32 head, tail;				/* of the ring */
	u32 cells_head, cells_tail;		/* of the cells in it */
	struct mv_input *ring;
	struct mv_opened *opened;		/* of the cells in the ring */
	struct mv_outs *outs;			/* output.c */
	struct mv_queue *queue;			/* queue.c */
	struct sk_buff_head send;		/* finished super-packets, see struct mv_out_cb */
	struct sk_buff_head deliver;		/* inner packets, skb->dev set */
	struct list_head edges;			/* mv_edge.node: packets were put off to the poll */
	spinlock_t edges_lock;
	u8 *bounce;				/* a cell that does not lie in one piece */
	u8 *scratch;				/* MV_ONION_SCRATCH, aligned to 64 */
	call_single_data_t csd;			/* mv_engine_kick() */
	struct mv_stats stats;
};

int mv_engine_init(struct mv_engine *e, struct mv_node *node, int cpu);
void mv_engine_fini(struct mv_engine *e);

/* This CPU's; BH must be off. Sets ->now. */
struct mv_engine *mv_engine_begin(struct mv_node *node);
/* Close open super-packets, send and deliver what is finished; outside of any half's or edge's lock. */
void mv_engine_end(struct mv_engine *e);
/* Changes when a link session or circuit is taken out of the node's tables. */
u32 mv_engine_removed(const struct mv_engine *e);
/* Is there room in the ring for an skb of so many cells? */
bool mv_engine_room(const struct mv_engine *e, u32 cells);
/* Where to put what cell number @i of the skb to be pushed next has in its header. */
static inline struct mv_opened *mv_engine_opened(struct mv_engine *e, u32 i)
{
	return &e->opened[(e->cells_tail + i) % MV_ENGINE_RING_CELLS];
}

/* Put a received skb into the ring, for which there is room, and schedule the poll. */
void mv_engine_push(struct mv_engine *e, const struct mv_input *in);
/* Drop what is in the ring. */
void mv_engine_purge(struct mv_engine *e);
/* Something may have become possible (socket has room): schedule the poll on its CPU; any context. */
void mv_engine_kick(struct mv_engine *e);

/* A cell on its way through, on the stack. */
struct mv_cell {
	const u8 *data;				/* header and body in one piece */
	u32 len;
	u8 class;
	bool queued;				/* came out of a queue: limits and queue are behind it */
	u64 counter;
	struct mv_half *half;
	struct mv_link_session *session;	/* that it came in; NULL out of a queue */
	const struct sk_buff *skb;		/* for its source address; NULL out of a queue */
	u32 lane;
};

/* What became of a cell. */
enum mv_verdict {
	MV_DONE,				/* consumed, sent or counted as dropped */
	MV_UP,					/* goes to the daemon's socket, unchanged */
};

/* input.c */
int mv_input_poll(struct napi_struct *napi, int budget);
/*
 * Could this cell be taken by the poll: header opens, circuit held, not under pass? Fills @cell, and
 * counts nothing. MV_UP: no, either because nobody knows its link (->session NULL), or it is link
 * control or of a circuit that is not held (->half NULL), or under pass. *drop: it is ours but bad.
 */
enum mv_verdict mv_input_resolve(struct mv_engine *e, struct mv_cell *cell, bool *drop);
/* A header opened: count with the link, tell the owner of the first one of a next session. */
void mv_input_count(struct mv_engine *e, struct mv_cell *cell);
/* Work on a resolved cell. MV_UP: only under pass. */
enum mv_verdict mv_input_cell(struct mv_engine *e, struct mv_cell *cell);
/*
 * Class and window of the cell's half, before anything costly. False: *verdict is MV_DONE (counted),
 * or, where @pass, MV_UP for a cell that the window refuses.
 */
bool mv_input_acceptable(struct mv_engine *e, struct mv_cell *cell, bool pass,
			 enum mv_verdict *verdict);
/* A window took the cell: link counters, pass cleared, session opened, address watched. */
void mv_input_verified(struct mv_engine *e, struct mv_cell *cell);
/* Tell the owner once when numbers or volume of @c are near their end. */
void mv_input_limits(struct mv_engine *e, struct mv_circuit *c);

/* relay.c, terminus.c, origin.c */
enum mv_verdict mv_relay_cell(struct mv_engine *e, struct mv_cell *cell);
enum mv_verdict mv_terminus_cell(struct mv_engine *e, struct mv_cell *cell);
enum mv_verdict mv_origin_cell(struct mv_engine *e, struct mv_cell *cell);

static inline void mv_drop(struct mv_engine *e, enum mv_drop cause)
{
	mv_stat_drop(&e->stats, cause);
}

/* Counted with the circuit's direction too. */
void mv_drop_half(struct mv_engine *e, struct mv_half *half, enum mv_drop cause);

#endif
