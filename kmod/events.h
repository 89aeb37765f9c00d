/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the owner of a node is told, by netlink unicast. Never waits: what its socket does not take
 * is counted (MV_STAT_EVENTS_LOST) and the next event carries the count.
 */
#ifndef MV_EVENTS_H
#define MV_EVENTS_H

#include "conf.h"

struct mv_engine;
struct mv_node;

enum mv_event_kind {
	MV_EVENT_SESSION,	/* first cell under a session `next`: link, index */
	MV_EVENT_PASS,		/* first cell verified on a circuit with pass: link, circuit */
	MV_EVENT_ADDRESS,	/* a committed cell from elsewhere: link, index, from, lane */
	MV_EVENT_COUNTER,	/* numbers or volume near their end: link, circuit, counter */
	MV_EVENT_CONTROL,	/* control message: link, circuit, counter, data */
	MV_EVENT_DEVICE,	/* a device went away: device */
	MV_EVENT_GONE,		/* somebody else deletes the node */
};

struct mv_event {
	enum mv_event_kind kind;
	u32 link, index, circuit, lane, device;
	u64 counter;
	const struct mv_endpoint *from;
	const u8 *data;
	u32 len;
};

/* Softirq or task, not in hard interrupts; allocates with GFP_ATOMIC, counts with this CPU. */
void mv_event_send(struct mv_node *node, const struct mv_event *event);

#endif
