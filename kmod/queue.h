/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Cells that wait while the socket is over its limit (Documentation/protocol.rst, "Queues"): each
 * predecessor link has its turn and within it each circuit (deficit round robin, Shreedhar and
 * Varghese 1996), each circuit's queue kept short by CoDel (RFC 8289). Cells wait with the header
 * open, without a number, window untouched, so that what is dropped here costs no AEAD. They wait
 * as copies in buffers of a bounded pool. One queue a CPU.
 */
#ifndef MV_QUEUE_H
#define MV_QUEUE_H

#include "engine.h"

int mv_queue_new(struct mv_engine *e);
void mv_queue_free(struct mv_engine *e);
/* Does something of this direction wait already? Then what comes must wait behind it. */
bool mv_queue_waits(const struct mv_engine *e, const struct mv_half *half);
/* Copies the cell; or drops and counts. */
void mv_queue_add(struct mv_engine *e, const struct mv_cell *cell);
/*
 * The socket of a lane has room for so many bytes: share it among the CPUs on which cells wait for it,
 * and wake them, and the devices that do. Any context but hard interrupts. RCU.
 */
void mv_queue_kick(struct mv_node *node, u32 lane, u32 room);
/* Send what may go now, at most @budget cells. Return: how many went. From the poll only. */
int mv_queue_drain(struct mv_engine *e, int budget);
/* After a poll: see to it that another one comes when what waits may go. */
void mv_queue_arm(struct mv_engine *e);
/* Must what is to leave by this lane wait: is the socket over its limit, or waited for? RCU. */
bool mv_queue_must(struct mv_engine *e, u32 lane);
/*
 * The same for a device, whose packets wait in its own queue: @e is this CPU's. After _must(): false,
 * tell what it sends; true, have it told by _must() when it may. RCU.
 */
bool mv_queue_device_must(struct mv_engine *e, u32 lane);
void mv_queue_device_sends(struct mv_engine *e, u32 lane, u32 bytes);
void mv_queue_device_waits(struct mv_engine *e, u32 lane);
/*
 * The circuit is going (->dead is set and a grace period is over or will be before it is freed):
 * forget its cells on every CPU. May sleep; see queue.c for how it reaches the other CPUs.
 */
void mv_queue_forget(struct mv_node *node, struct mv_circuit *c);

#endif
