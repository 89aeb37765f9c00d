/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Both ends of a circuit (Documentation/protocol.rst, "Payload"): inner packets are packed into
 * payloads, payloads are sealed into cells, and what comes out of a circuit is put together again
 * within a bounded reorder window. A payload that is not full is held for at most hold_us, and only
 * where the cell before it left less than that ago, so that a lone packet never waits.
 */
#ifndef MV_EDGE_H
#define MV_EDGE_H

#include <linux/timer.h>
#include <meshvpn/frame.h>

#include "circuit.h"
#include "engine.h"
#include "onion.h"
#include "reassembly.h"

/*
 * One a circuit. Packets wait in the backlog until somebody runs the edge: that is one CPU at a time,
 * from taking the backlog until the cells are with the socket, so that cells of a circuit do not
 * overtake each other on different CPUs, and no CPU waits for another that seals. Locks are taken
 * with BH off.
 */
struct mv_edge {
	struct mv_circuit *circuit;
	/* device to cells */
	spinlock_t lock;
	bool stopped;			/* written under both locks */
	bool running;			/* somebody owns what is marked so */
	bool due;			/* the runner is to look at the open payload again */
	u32 backlog_bytes;
	struct sk_buff_head backlog;
	struct mv_engine *home;		/* whose poll is to run it, or NULL */
	struct list_head node;		/* home->edges; the runner's once it is NULL */
	bool open;			/* runner: the packer has a payload */
	u8 class;			/* runner: of the open payload */
	struct mv_frame_packer packer;	/* runner; in scratch */
	u64 since, last_sent;		/* runner; ns: the payload is open; a cell left */
	struct hrtimer hold;		/* started under lock */
	/* cells to device */
	spinlock_t rx_lock;
	struct timer_list expiry;
	struct mv_reassembly reassembly;
	/* origin, under the backward half's lock */
	u64 highest[MV_HOPS_MAX];	/* counters by hop, of cells that verified */
	struct mv_replay terminus;	/* window over the terminus's numbers */

	u8 scratch[MV_ONION_SCRATCH] __aligned(64);	/* runner */
};

/* NULL: no memory. */
struct mv_edge *mv_edge_new(struct mv_circuit *c);
/* No timer runs after it, and nothing new is sent; the circuit is out of the tables. May sleep. */
void mv_edge_stop(struct mv_circuit *c);
void mv_edge_free(struct mv_edge *edge);	/* from the circuit's RCU callback */

/*
 * Send an inner packet, or all segments of a GSO one, on circuit @c; consumes @skb. From
 * ndo_start_xmit: BH off, RCU. Source and size were checked. @later: there may be more at once, the
 * engine's poll may send them together. Ends the engine's batch if it did not put off.
 */
void mv_edge_packet(struct mv_engine *e, struct mv_circuit *c, struct sk_buff *skb, bool later);
/* Do too many packets wait for whoever runs it? */
bool mv_edge_full(const struct mv_circuit *c);
/*
 * For the poll: seal what was put off, about @budget packets, and after mv_engine_end() tell the
 * edges in @ran that it is sent. Return: packets. RCU.
 */
int mv_edge_poll(struct mv_engine *e, int budget, struct list_head *ran);
void mv_edge_ran(struct mv_engine *e, struct list_head *ran);
/* Is there more to poll for? */
bool mv_edge_waits(const struct mv_engine *e);
/* A payload came out of a cell that is verified and new. Packets go to e->deliver. */
void mv_edge_payload(struct mv_engine *e, struct mv_circuit *c, u64 counter, const u8 *payload, u32 len);
/*
 * Send a control message (subtype 0x80). Any context that may take BH locks, RCU. It goes before
 * data that wait for the socket, since it is rare and the circuit's life may depend on it.
 * 0, -EMSGSIZE, -EAGAIN (terminus under pass, or too many wait), -ENOMEM
 */
int mv_edge_control(struct mv_node *node, struct mv_circuit *c, const u8 *data, u32 len);

/* inner.c: the circuit for a packet from the device, or NULL (counted, answered with ICMP). RCU. */
struct mv_circuit *mv_inner_route(struct mv_engine *e, struct mv_device *d, struct sk_buff *skb);
/* The same without any effect, for the choice of a queue: circuit id, or 0. RCU. */
u32 mv_inner_peek(const struct mv_node *node, const struct mv_device *d, const struct sk_buff *skb);
/* A packet into a device that is attached to nothing: an ICMP error. BH off. */
void mv_inner_refuse(struct mv_device *d, struct sk_buff *skb);
/* May this packet out of @c go to its device? Counts if not. */
bool mv_inner_accept(struct mv_engine *e, struct mv_circuit *c, const u8 *packet, u32 len);

#endif
