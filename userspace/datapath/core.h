/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine of one worker of the userspace datapaths: cells and inner packets in, cells and
 * inner packets out, in batches. No system call, no thread, no clock: the worker (worker.c) or the
 * fake (fake.c) around it brings time and buffers through struct core_ops. The pipeline by file:
 *
 *	input.c		link id, header, circuit; fills the batch, runs its AEAD jobs, finishes
 *	relay.c		a layer off or on, straight into the outgoing slot
 *	terminus.c	cells whose payload is ours; origin.c the same with all layers
 *	edge.c		inner packets into payloads (framing, hold, control messages)
 *	inner.c		which circuit an inner packet takes, and whether it may (protocol, 3.4)
 *	queue.c		cells that wait while the socket is full: DRR and CoDel
 *	output.c	outgoing super-packets
 */
#ifndef MESHVPN_DATAPATH_CORE_H
#define MESHVPN_DATAPATH_CORE_H

#include "headers.h"
#include "offload.h"
#include "table.h"

#define CORE_BATCH 64		/* cells whose AEAD runs together */
#define CORE_STAGE_BELOW 8	/* super-packets with fewer cells are copied, so that batches fill */
#define CORE_CELL_ROOM 1408	/* a cell, in multiples of 64 */
#define CORE_SUPER_MAX 65507	/* bytes of an outgoing super-packet */
#define CORE_SEGMENTS 64
#define CORE_OUT_OPEN 64	/* super-packets being gathered; a power of two */
#define CORE_OUT_MAX 128	/* with those that are full */
#define CORE_SLOTS 128		/* payloads being packed, or waiting to be sealed */
#define CORE_CONTROL_MAX 32	/* control messages of one circuit that wait */
#define CORE_NEVER UINT64_MAX

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

struct core_ops {
	/* A buffer of 64 KiB for outgoing cells, or NULL; given back by send or buffer_put. */
	u8 *(*buffer)(void *arg);
	void (*buffer_put)(void *arg, u8 *buffer);
	void (*send)(void *arg, u32 lane, const struct endpoint *to, u8 *buffer, u32 len, u32 segment);
	bool (*writable)(void *arg);
	/* An inner packet for the device; @stable: it stays where it is until deliver_flush. */
	void (*deliver)(void *arg, struct dp_device *device, const u8 *packet, u32 len, bool stable);
	void (*deliver_flush)(void *arg);
	/* False if there was no room. */
	bool (*datagram)(void *arg, u32 lane, const struct endpoint *from, const u8 *data, u32 len);
	void (*event)(void *arg, const struct datapath_event *event);
	/* Another worker owns these; copied. */
	void (*pass_cells)(void *arg, u32 worker, u32 lane, const struct endpoint *from, const u8 *cells,
			   u32 len, u32 segment);
	void (*pass_packet)(void *arg, u32 worker, const struct dp_circuit *c,
			    const struct offload_segment *s);
};

/* A cell in the batch. */
struct core_cell {
	u8 *data;			/* as received */
	u32 len;
	u8 class;
	bool away;			/* from the side away from the origin */
	bool moved;			/* from another address than the session's */
	bool ok;			/* a job is under way for it */
	bool queued;			/* came out of a queue: window and classes still to do */
	u32 from;			/* core.from */
	struct mv_header header;
	struct dp_session *session;	/* that it came in; NULL out of a queue */
	struct dp_circuit *circuit;
	struct core_out *out;
	u8 *slot;			/* in out */
	u64 counter;			/* of the outgoing cell */
	u32 job;			/* index of its AEAD job, or of its unwrap */
	u8 *payload;
};

struct core_from {
	struct endpoint from;
	u32 lane;
};

/* Cells that lie together and belong to another worker. */
struct core_pass {
	u32 owner, from, segment;
	u8 *data;
	u32 len;			/* 0: none */
};

/* A super-packet being gathered: cells of one class to one lane of one neighbour. */
struct core_out {
	struct dp_session *session;	/* NULL: free */
	u32 remote_lane, lane, class;
	bool full;			/* closed: goes out after the batch */
	u8 *buffer;
	u32 cells;			/* begun */
	u32 end;			/* bytes of finished cells */
	u32 reserved;			/* bytes of begun cells */
	u32 seq;			/* order in which they were opened */
};

/* A payload being packed, and the cell made of it. */
struct core_slot {
	struct dp_circuit *circuit;
	u32 class;
	u32 next_free;
	u8 *memory;			/* ONION_SCRATCH bytes */
};

struct core_control {
	struct core_control *next;
	u32 len;
	u8 data[];
};

/* What origin and terminus circuits have beyond relays. Belongs to the owner of the circuit. */
struct edge {
	struct dp_circuit *circuit;
	struct mv_frame_packer packer;
	u32 slot;			/* index + 1 of the payload being packed, 0: none */
	u64 slot_since;			/* ns: when it was begun */
	u64 last_sent;
	struct list open_node;		/* in core.open while slot */
	struct reassembly reassembly;
	bool reassembling;		/* reassembly has a pool */
	struct mv_replay terminus;	/* origin: window over the terminus's numbers */
	u64 highest[MV_HOPS_MAX];	/* origin: see struct onion_unwrap */
	struct list control_node;	/* in core.control_wait while something waits */
	struct core_control *control, **control_tail;
	u32 control_count;
	struct bucket up;		/* control messages to the daemon */
};

struct queue;

struct core {
	struct table *table;
	const struct core_ops *ops;
	void *arg;
	u32 worker;
	u64 now;
	bool congested;			/* the socket was full in this batch */

	struct core_cell cells[CORE_BATCH];
	u32 cell_count;
	struct core_from froms[CORE_BATCH + 1];
	u32 from_count;
	bool borrowed;			/* some cell lies in memory that is only lent */
	struct header_job opens[CORE_BATCH];
	struct core_pass pass;
	struct aead_job jobs[CORE_BATCH];
	u32 job_count;
	struct onion_unwrap unwraps[CORE_BATCH];
	u32 unwrap_count;
	u8 *staging;			/* CORE_BATCH rooms of CORE_CELL_ROOM */
	u8 *scratch;			/* CORE_BATCH rooms of ONION_SCRATCH, made at the first origin or pass */

	struct core_out outs[CORE_OUT_MAX];
	u8 out_index[CORE_OUT_OPEN];	/* hash: index + 1 */
	struct header_job seals[CORE_BATCH];	/* headers of finished cells, until out_flush() */
	u32 seal_count;
	u8 out_order[CORE_OUT_MAX];	/* in the order in which they were opened */
	u32 out_used, out_next;
	u32 out_seq;

	struct core_slot slots[CORE_SLOTS];
	u32 slot_free, slot_made;
	u32 ready[CORE_SLOTS];		/* slots to be sealed, in order */
	u32 ready_count;
	struct list open;		/* edge.open_node: payloads with room, the oldest first */
	struct list control_wait;	/* edge.control_node */
	u64 reassembly_at;		/* when fragments are to be looked at, 0: nothing waits */

	struct queue *queue;
	u8 random[4096];
	u32 random_at;
	u8 random_key[32];
	u64 random_nonce;
	struct bucket errors;		/* ICMP */
	struct datapath_stats stats;
};

struct core *core_new(struct table *t, u32 worker, const struct core_ops *ops, void *arg);
void core_free(struct core *core);

/**
 * core_input - a super-packet came, or a cell that another worker passed on
 * @data: @len bytes in datagrams of @segment; lent, and written to, during the call
 */
void core_input(struct core *core, u64 now, u32 lane, const struct endpoint *from, u8 *data, u32 len,
		u32 segment);

/* A packet as read from the TUN device (virtio-net header in front), lent for the call. */
void core_tun(struct core *core, u64 now, struct dp_device *device, const u8 *data, u32 len);
/* One inner packet without that header. */
void core_packet(struct core *core, u64 now, struct dp_device *device, const u8 *packet, u32 len);
/* An inner packet that another worker has found to be for a circuit of ours. */
void core_passed_packet(struct core *core, u64 now, u32 link, u32 circuit, const u8 *packet, u32 len);

/*
 * End of a batch, or time passed: run, send, hold what may be held. Return: when to call again
 * (ns), CORE_NEVER: nothing waits.
 */
u64 core_flush(struct core *core, u64 now);

/* A control message; the circuit is the caller's to own. 0, -EMSGSIZE, -EAGAIN, -ENOMEM */
int core_control(struct core *core, struct dp_circuit *c, const u8 *data, size_t len);

/* The circuit goes: nothing of it stays in this core. The table's thread, no worker runs. */
void core_forget(struct core *core, struct dp_circuit *c);

/* ---- between the files of the engine ---- */

static inline void core_drop(struct core *core, enum datapath_drop cause)
{
	count_add(core->stats.drops[cause], 1);
}

static inline void core_drop_half(struct core *core, struct dp_half *half, enum datapath_drop cause)
{
	core_drop(core, cause);
	count_add(half->drops, 1);
}

/* input.c */
void core_run(struct core *core);
void core_random(struct core *core, u8 *to, u32 len);
u8 core_random_byte(struct core *core);
u8 *core_scratch(struct core *core, u32 i);
/* A cell of a circuit with pass that is not ours goes up. */
void core_up_pass(struct core *core, struct core_cell *cell);
void core_up_link(struct core *core, struct core_cell *cell);
/* Tell the daemon once when numbers or volume are near their end. */
void core_limits(struct core *core, struct dp_circuit *c);
/* A cell was verified on @c: clears pass. */
void core_verified(struct core *core, struct core_cell *cell);
/* Class and window of @half allow the cell? If not it is dropped or, where @pass, goes up for its age. */
bool core_acceptable(struct core *core, struct core_cell *cell, struct dp_half *half, bool pass);

/* relay.c, terminus.c, origin.c: prepare a job (false: cell is dropped, queued or gone up), finish it */
bool relay_prepare(struct core *core, struct core_cell *cell);
void relay_finish(struct core *core, struct core_cell *cell);
bool terminus_prepare(struct core *core, struct core_cell *cell);
void terminus_finish(struct core *core, struct core_cell *cell);
bool origin_prepare(struct core *core, struct core_cell *cell);
void origin_finish(struct core *core, struct core_cell *cell);

/* output.c */
/* Room for a cell of @half towards @link, or NULL (*cause says why); DROP_SEND: no buffer now. */
struct core_out *out_reserve(struct core *core, struct dp_link *link, u32 circuit, u32 class,
			     struct dp_half *half, u8 **slot, enum datapath_drop *cause);
/* The cell at @slot is sealed: its header follows with those of the batch; closes holes before it. */
void out_commit(struct core *core, struct core_out *out, u8 *slot, u32 circuit, u64 counter);
/* After every run: holes at the ends vanish, full ones leave. @all: the others too. */
void out_flush(struct core *core, bool all);

/* edge.c */
int edge_new(struct dp_circuit *c);
void edge_free(struct dp_circuit *c);
void edge_packet(struct core *core, struct dp_circuit *c, const struct offload_segment *s);
void edge_payload(struct core *core, struct dp_circuit *c, u64 counter, const u8 *payload, u32 len);
void edge_seal(struct core *core);
/* Finish payloads whose time has come. Return: when the next one's comes. */
u64 edge_flush(struct core *core);

/* inner.c */
struct inner_packet {
	u32 family, len;
	u8 src[16], dst[16];
};
bool inner_parse(struct inner_packet *p, const struct offload_segment *s);
/* The circuit for a packet from the device, or NULL: counted, answered. */
struct dp_circuit *inner_route(struct core *core, struct dp_device *device,
			       const struct offload_segment *s);
/* May this packet out of @c go to its device? */
bool inner_accept(struct core *core, struct dp_circuit *c, const u8 *packet, u32 len);

/* queue.c */
int queue_new(struct core *core);
void queue_free(struct core *core);
/* Is something waiting before this cell? */
bool queue_waits(const struct core *core, const struct dp_half *half);
void queue_add(struct core *core, struct core_cell *cell, struct dp_half *half);
/* Move what may go now into the batch and run it. True: something still waits. */
bool queue_drain(struct core *core);
void queue_forget(struct core *core, struct dp_half *half);

#endif
