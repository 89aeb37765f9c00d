// SPDX-License-Identifier: GPL-2.0
/*
 * Relay (Documentation/protocol.rst, "Layers"): forward, verify and take a layer off under the
 * number the cell came with; backward, put one on under our own. The window is committed after the
 * tag where there is one, and before a number is taken.
 */
#include "circuit.h"
#include "engine.h"
#include "layer.h"
#include "node.h"
#include "output.h"
#include "queue.h"

/* The operator's rates, and the queue while the socket is full. */
static bool admit(struct mv_engine *e, struct mv_cell *cell, struct mv_link *link, u32 circuit)
{
	struct mv_half *half = cell->half;

	if (cell->queued)
		return true;
	if (unlikely(!mv_bucket_take(&half->rate, e->now, cell->len) ||
		     !mv_bucket_take(&e->node->rate, e->now, cell->len))) {
		mv_drop_half(e, half, MV_DROP_RATE);
		return false;
	}
	/* under pass it may have to go up unchanged, and out of a queue it could not */
	if (likely(READ_ONCE(half->circuit->pass) ||
		   (!mv_queue_must(e, mv_out_lane(link, circuit)) && !mv_queue_waits(e, half))))
		return true;
	mv_queue_add(e, cell);
	return false;
}

/* Under half->lock. */
static void count(struct mv_engine *e, struct mv_half *half, u32 len)
{
	half->cells++;
	WRITE_ONCE(half->bytes, half->bytes + len);
	WRITE_ONCE(half->last, e->now);
}

static void done(struct mv_engine *e, struct mv_cell *cell)
{
	mv_input_verified(e, cell);
	mv_stat_add(&e->stats, MV_STAT_RELAYED, 1);
	mv_input_limits(e, cell->half->circuit);
}

/* Failed tag or window. */
static enum mv_verdict refuse(struct mv_engine *e, struct mv_half *half, enum mv_drop cause)
{
	if (READ_ONCE(half->circuit->pass))
		return MV_UP;
	mv_drop_half(e, half, cause);
	return MV_DONE;
}

static enum mv_verdict forward(struct mv_engine *e, struct mv_cell *cell)
{
	struct mv_half *half = cell->half;
	struct mv_circuit *c = half->circuit;
	enum mv_verdict verdict;
	enum mv_drop cause;
	struct mv_out *out;
	bool fresh;
	u8 *slot;

	if (!mv_input_acceptable(e, cell, READ_ONCE(c->pass), &verdict))
		return verdict;
	if (!admit(e, cell, c->out_link, c->out_id))
		return MV_DONE;
	slot = mv_out_reserve(e, c->out_link, c->out_id, cell->class, &out, &cause);
	if (unlikely(!slot)) {
		mv_drop_half(e, half, cause);
		return MV_DONE;
	}
	if (unlikely(!mv_layer_peel(slot, cell->data, c->kf, cell->counter, cell->len - MV_CELL_HEADER)))
		return refuse(e, half, MV_DROP_LAYER);
	spin_lock(&half->lock);
	fresh = mv_replay_commit(&half->replay, cell->counter);
	if (likely(fresh))
		count(e, half, cell->len);
	spin_unlock(&half->lock);
	if (unlikely(!fresh))
		return refuse(e, half, MV_DROP_REPLAY);
	mv_out_commit(e, out, slot, c->out_id, cell->counter);
	done(e, cell);
	return MV_DONE;
}

/* Window and number under one lock. False: dropped. */
static bool take_number(struct mv_engine *e, struct mv_cell *cell, u64 *number)
{
	struct mv_half *half = cell->half;
	enum mv_drop cause = MV_DROP_COUNTER;
	bool ok = false;

	spin_lock(&half->lock);
	if (likely(half->next <= MV_COUNTER_MAX)) {
		cause = MV_DROP_REPLAY;
		ok = mv_replay_commit(&half->replay, cell->counter);
	}
	if (likely(ok)) {
		*number = half->next;
		WRITE_ONCE(half->next, half->next + 1);
		count(e, half, cell->len);
	}
	spin_unlock(&half->lock);
	if (unlikely(!ok))
		mv_drop_half(e, half, cause);
	return ok;
}

static enum mv_verdict backward(struct mv_engine *e, struct mv_cell *cell)
{
	struct mv_half *half = cell->half;
	struct mv_circuit *c = half->circuit;
	enum mv_verdict verdict;
	enum mv_drop cause;
	struct mv_out *out;
	u64 number;
	u8 *slot;

	if (!mv_input_acceptable(e, cell, false, &verdict))
		return verdict;
	if (unlikely(READ_ONCE(half->next) > MV_COUNTER_MAX)) {
		mv_drop_half(e, half, MV_DROP_COUNTER);
		return MV_DONE;
	}
	if (!admit(e, cell, c->link, c->id))
		return MV_DONE;
	slot = mv_out_reserve(e, c->link, c->id, cell->class, &out, &cause);
	if (unlikely(!slot)) {
		mv_drop_half(e, half, cause);
		return MV_DONE;
	}
	if (unlikely(!take_number(e, cell, &number)))
		return MV_DONE;
	mv_layer_add(slot, cell->data, c->kb, number, cell->counter, cell->len - MV_CELL_HEADER);
	mv_out_commit(e, out, slot, c->id, number);
	done(e, cell);
	return MV_DONE;
}

enum mv_verdict mv_relay_cell(struct mv_engine *e, struct mv_cell *cell)
{
	return cell->half->away ? backward(e, cell) : forward(e, cell);
}
