/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Turns the payloads of one circuit, as they arrive, back into packets (Documentation/protocol.rst,
 * "Payload"). Whole packets go out at once; a packet that runs over several cells goes out as soon
 * as all cells that it has bytes in are there, whatever else is missing. It is joined in the skb
 * that it is delivered in, so that in order every byte is copied once; out of order, fragments wait
 * at most MV_REASSEMBLY_WINDOW cells and MV_REASSEMBLY_TIME long.
 *
 * A circuit has one packet open, which the next cell continues; what waits for something missing is
 * bounded for the circuit, and for all circuits of the machine together. So who sends half packets
 * on many circuits costs others their reordering for some milliseconds, and no packets in order.
 *
 * Context: BH off; the caller serialises all calls for one circuit.
 */
#ifndef MV_REASSEMBLY_H
#define MV_REASSEMBLY_H

#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <meshvpn/frame.h>

#define MV_REASSEMBLY_WINDOW	256			/* cells */
#define MV_REASSEMBLY_TIME	(10 * NSEC_PER_MSEC)
#define MV_REASSEMBLY_HELD	30			/* fragments of a circuit */
#define MV_REASSEMBLY_ALL	8192			/* that wait, of all circuits */

/* What happened since somebody set it to zero. */
struct mv_reassembly_counters {
	u32 bad;		/* cells whose offset lies outside */
	u32 unknown;		/* cells of a subtype that nobody reads */
	u32 broken;		/* packets discarded since the pieces did not fit */
	u32 lost;		/* fragments dropped because what they belong to did not come */
	u32 limited;		/* fragments dropped for want of memory */
};

/* Bytes of one packet: a head that continues one of a cell before, or the start of one. */
struct mv_fragment {
	struct sk_buff *skb;	/* NULL: free. Bytes lie at ->data; its length is set at the end */
	u64 since;		/* waiting: from when */
	struct mv_frame_partial part;
	bool waiting;
	u8 is_head;
	u8 slot;		/* of the cell whose head or tail this is */
};

/**
 * struct mv_reassembly - one circuit's window; zeroed it is ready
 * @top: one past the highest number seen
 * @waiting: fragments with something missing
 * @seen, @empty, @full: a bit for each of the last numbers, by number modulo the window: it came;
 *	it carried no stream bytes; all its data continue a packet
 * @head: index + 1 of the bytes that continue a packet of a cell before, waiting for those
 * @tail: index + 1 of a packet that has all its bytes up to and including this cell, not complete
 */
struct mv_reassembly {
	u64 top;
	u32 held, waiting;
	struct mv_reassembly_counters counters;
	u64 seen[MV_REASSEMBLY_WINDOW / 64];
	u64 empty[MV_REASSEMBLY_WINDOW / 64];
	u64 full[MV_REASSEMBLY_WINDOW / 64];
	u8 head[MV_REASSEMBLY_WINDOW];
	u8 tail[MV_REASSEMBLY_WINDOW];
	struct mv_fragment fragments[MV_REASSEMBLY_HELD];
};

/*
 * Takes packets. @whole: bytes that are valid during the call only. @joined: an skb with nothing
 * but its bytes, which passes over. Neither may come back here.
 */
struct mv_reassembly_sink {
	void (*whole)(const struct mv_reassembly_sink *sink, const u8 *packet, u32 len);
	void (*joined)(const struct mv_reassembly_sink *sink, struct sk_buff *skb);
	struct napi_struct *napi;	/* for napi_alloc_skb(); NULL: alloc_skb() */
	u64 now;			/* ns of any monotone clock */
	u32 mtu;			/* longest inner packet */
};

/**
 * mv_reassembly_input - take the payload of a cell that verified and was not seen before
 * @counter: its number: the circuit's forward, the terminus's backward
 * @payload: B - R bytes, not kept
 *
 * Return: what the payload is. MV_FRAME_CONTROL is the caller's to hand on, unless the number was
 * seen already, which gives MV_FRAME_UNKNOWN.
 */
enum mv_frame_type mv_reassembly_input(struct mv_reassembly *r, u64 counter, const u8 *payload, u32 len,
				       const struct mv_reassembly_sink *sink);

/* Drop the fragments that waited too long. Return: whether others still wait. */
bool mv_reassembly_expire(struct mv_reassembly *r, u64 now);

/* Give all memory back; the circuit is as zeroed. */
void mv_reassembly_fini(struct mv_reassembly *r);

#endif
