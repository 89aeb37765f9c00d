// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Relay (Documentation/protocol.rst, "Layers"): forward, verify and take a layer off under the
 * number the cell came with; backward, put one on under our own. The window is committed after the
 * tag where there is one, and before a number is taken.
 */
#include "core.h"

/* Everything before window and AEAD: the operator's rates, and the queue while the socket is full. */
static bool admit(struct core *core, struct core_cell *cell, struct dp_half *half)
{
	struct table *t = core->table;

	if (cell->queued)
		return true;
	if (!bucket_take(&half->rate, core->now, cell->len) ||
	    !bucket_take_shared(&t->rate, core->now, cell->len)) {
		core_drop_half(core, half, DROP_RATE);
		return false;
	}
	if (!core->congested && !queue_waits(core, half))
		return true;
	queue_add(core, cell, half);
	return false;
}

/* A slot, or the cell waits. */
static bool reserve(struct core *core, struct core_cell *cell, struct dp_half *half,
		    struct dp_link *link, u32 circuit)
{
	enum datapath_drop cause;

	cell->out = out_reserve(core, link, circuit, cell->class, half, &cell->slot, &cause);
	if (cell->out)
		return true;
	if (cause == DROP_SEND && !cell->queued)
		queue_add(core, cell, half);
	else
		core_drop_half(core, half, cause);
	return false;
}

static bool prepare_forward(struct core *core, struct core_cell *cell)
{
	struct dp_circuit *c = cell->circuit;
	u64 counter = cell->header.counter;

	if (!core_acceptable(core, cell, &c->forward, c->pass))
		return false;
	if (!admit(core, cell, &c->forward) ||
	    !reserve(core, cell, &c->forward, c->out_link, c->out_id))
		return false;
	cell->counter = counter;
	cell->job = core->job_count++;
	onion_peel(&core->jobs[cell->job], circuit_kf(c), counter, cell->data, cell->slot,
		   cell->len - MV_CELL_HEADER);
	return true;
}

static bool prepare_backward(struct core *core, struct core_cell *cell)
{
	struct dp_circuit *c = cell->circuit;
	u64 counter = cell->header.counter;

	if (!core_acceptable(core, cell, &c->backward, false))
		return false;
	if (c->backward.next > MV_COUNTER_MAX) {
		core_drop_half(core, &c->backward, DROP_COUNTER);
		return false;
	}
	if (!admit(core, cell, &c->backward) || !reserve(core, cell, &c->backward, c->link, c->id))
		return false;
	mv_replay_commit(&c->backward.replay, counter);
	cell->counter = c->backward.next;
	count_add(c->backward.next, 1);
	cell->job = core->job_count++;
	onion_add(&core->jobs[cell->job], circuit_kb(c), cell->counter, cell->data, counter, cell->slot,
		  cell->len - MV_CELL_HEADER);
	return true;
}

bool relay_prepare(struct core *core, struct core_cell *cell)
{
	return cell->away ? prepare_backward(core, cell) : prepare_forward(core, cell);
}

/* Tag and window of a forward cell. */
static bool verified(struct core *core, struct core_cell *cell)
{
	struct dp_circuit *c = cell->circuit;
	bool ok = core->jobs[cell->job].ok;

	if (ok && mv_replay_commit(&c->forward.replay, cell->header.counter))
		return true;
	if (c->pass)
		core_up_pass(core, cell);
	else
		core_drop_half(core, &c->forward, ok ? DROP_REPLAY : DROP_LAYER);
	return false;
}

void relay_finish(struct core *core, struct core_cell *cell)
{
	struct dp_circuit *c = cell->circuit;
	struct dp_half *half = cell->away ? &c->backward : &c->forward;

	if (!cell->away && !verified(core, cell))
		return;
	core_verified(core, cell);
	count_add(half->cells, 1);
	count_add(half->bytes, cell->len);
	__atomic_store_n(&half->last, core->now, __ATOMIC_RELAXED);
	count_add(core->stats.relayed, 1);
	out_commit(core, cell->out, cell->slot, cell->away ? c->id : c->out_id, cell->counter);
	core_limits(core, c);
}
