/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Turns the payloads of one circuit, as they arrive, back into packets (Documentation/protocol.rst,
 * "Payload"). Whole packets go out at once; a packet that runs over several cells goes out as soon
 * as all cells that it has bytes in are there, whatever else is missing. In order that costs one
 * copy of what is cut; out of order, fragments wait in buffers of a pool that many circuits share,
 * at most REASSEMBLY_WINDOW cells and the pool's time long.
 *
 * A pool and its circuits belong to one thread.
 */
#ifndef MESHVPN_DATAPATH_REASSEMBLY_H
#define MESHVPN_DATAPATH_REASSEMBLY_H

#include <base/list.h>
#include <meshvpn/frame.h>

#define REASSEMBLY_WINDOW	256		/* cells */
#define REASSEMBLY_TIME_NS	10000000ULL	/* 10 ms */

/* What happened, for all circuits of a pool. */
struct reassembly_counters {
	u64 packets;		/* delivered */
	u64 joined;		/* of them: from several cells */
	u64 duplicates;		/* cells whose number was seen: ignored */
	u64 late;		/* cells older than the window: only their whole packets counted */
	u64 bad;		/* cells whose offset lies outside */
	u64 unknown;		/* cells of a subtype that nobody reads */
	u64 broken;		/* packets discarded since the pieces did not fit */
	u64 lost;		/* fragments dropped because what they belong to did not come */
	u64 limited;		/* fragments dropped for want of buffers */
};

struct reassembly_conf {
	u32 buffers;		/* in the pool, 1 to 65534 */
	u32 per_circuit;	/* that one circuit may hold, at least 2 */
	u32 mtu;		/* longest inner packet, at least 1280 */
	u64 time_ns;		/* how long a fragment waits once a later cell is there */
};

struct reassembly_buffer;

struct reassembly_pool {
	struct reassembly_conf conf;
	struct reassembly_counters counters;
	struct list waiting;		/* fragments with something missing, the oldest first */
	struct list open;		/* packets that the next cell continues, the oldest first */
	struct reassembly_buffer *buffers;
	u8 *bytes;
	u32 stride;
	u16 free;			/* chain through the buffers' @next */
	u32 available;			/* length of that chain */
};

/* All memory that reassembly ever uses. Return: 0, -EINVAL, -ENOMEM. */
int reassembly_pool_init(struct reassembly_pool *pool, const struct reassembly_conf *conf);
void reassembly_pool_fini(struct reassembly_pool *pool);

/**
 * struct reassembly - one circuit's window; embed it, zeroing is not enough
 * @top: one past the highest number seen
 * @held: buffers of the pool in use
 * @seen, @empty, @full: a bit for each of the last numbers, by number modulo the window: it came;
 *	it carried no stream bytes; all its data continue a packet
 * @head: buffer with the bytes that continue a packet of a cell before, waiting for those
 * @tail: buffer with a packet that has all its bytes up to and including this cell, not complete
 */
struct reassembly {
	struct reassembly_pool *pool;
	u64 top;
	u32 held;
	u64 seen[REASSEMBLY_WINDOW / 64];
	u64 empty[REASSEMBLY_WINDOW / 64];
	u64 full[REASSEMBLY_WINDOW / 64];
	u16 head[REASSEMBLY_WINDOW];
	u16 tail[REASSEMBLY_WINDOW];
};

void reassembly_init(struct reassembly *r, struct reassembly_pool *pool);

/* Give all buffers back; the circuit is as after reassembly_init(). */
void reassembly_fini(struct reassembly *r);

/* Takes one packet, which is valid during the call only; must not come back here. */
typedef void (*reassembly_sink)(void *arg, const u8 *packet, u32 len);

/**
 * reassembly_input - take the payload of a cell that verified and was not seen before
 * @counter: its number: the circuit's forward, the terminus's backward
 * @payload: B - R bytes, not kept
 * @now_ns: any monotone clock
 *
 * Return: what the payload is. MV_FRAME_CONTROL is the caller's to hand on, unless the number was
 * seen already, which gives MV_FRAME_UNKNOWN.
 */
enum mv_frame_type reassembly_input(struct reassembly *r, u64 counter, const u8 *payload, u32 len,
				    u64 now_ns, reassembly_sink sink, void *arg);

/**
 * reassembly_expire - drop the fragments of all circuits that waited too long
 *
 * Costs nothing but what it drops. Call it every few milliseconds while something waits.
 * Return: when the next one is due, or 0 if nothing waits.
 */
u64 reassembly_expire(struct reassembly_pool *pool, u64 now_ns);

#endif
