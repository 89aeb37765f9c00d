/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is counted per CPU, by cause (the names of userspace/datapath/datapath.h, and the order of
 * the attributes in Documentation/netlink/specs/meshvpn.yaml).
 */
#ifndef MV_STATS_H
#define MV_STATS_H

#include <linux/u64_stats_sync.h>

enum mv_drop {
	MV_DROP_NOT_CELL,	/* a cell of an unknown link, above the rate of what goes up */
	MV_DROP_HEADER,
	MV_DROP_CLASS,
	MV_DROP_REPLAY,
	MV_DROP_LAYER,
	MV_DROP_LAYER_BACKWARD,
	MV_DROP_COUNTER,
	MV_DROP_UP,
	MV_DROP_QUEUE,
	MV_DROP_RATE,
	MV_DROP_SEND,
	MV_DROP_NO_ROUTE,
	MV_DROP_FRAME,
	MV_DROP_REASSEMBLY,
	MV_DROP_SOURCE,
	MV_DROP_DESTINATION,
	MV_DROP_NO_CIRCUIT,
	MV_DROP_TOO_BIG,
	MV_DROP_DEVICE,
	MV_DROPS,
};

enum mv_stat {
	MV_STAT_RX_CELLS,
	MV_STAT_RX_BYTES,
	MV_STAT_TX_CELLS,
	MV_STAT_TX_BYTES,
	MV_STAT_RX_PACKETS,		/* inner, cells to device */
	MV_STAT_RX_PACKET_BYTES,
	MV_STAT_TX_PACKETS,		/* inner, device to cells */
	MV_STAT_TX_PACKET_BYTES,
	MV_STAT_UP,
	MV_STAT_RELAYED,
	MV_STAT_RX_SUPER,		/* super-packets: skbs with several cells */
	MV_STAT_TX_SUPER,
	MV_STAT_TX_SKBS,
	MV_STAT_EVENTS,
	MV_STAT_EVENTS_LOST,		/* the owner's socket was full */
	MV_STAT_DROP,			/* first of MV_DROPS */
	MV_STATS = MV_STAT_DROP + MV_DROPS,
};

struct mv_stats {
	u64_stats_t v[MV_STATS];
	struct u64_stats_sync sync;
};

/* In softirq or with BH off, on this CPU's own struct. */
static inline void mv_stat_add(struct mv_stats *s, enum mv_stat what, u64 n)
{
	u64_stats_update_begin(&s->sync);
	u64_stats_add(&s->v[what], n);
	u64_stats_update_end(&s->sync);
}

static inline void mv_stat_drop(struct mv_stats *s, enum mv_drop cause)
{
	mv_stat_add(s, MV_STAT_DROP + cause, 1);
}

struct mv_node;

/* Sums over all CPUs; @sum has MV_STATS entries. */
void mv_stats_sum(struct mv_node *node, u64 *sum);
extern const char *const mv_drop_names[MV_DROPS];	/* "replay", … as in userspace */

#endif
