// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Terminus, forward: cells whose payload is ours. Decrypted in place; under pass beside it, since
 * a cell that fails then goes up unchanged.
 */
#include "core.h"

bool terminus_prepare(struct core *core, struct core_cell *cell)
{
	struct dp_circuit *c = cell->circuit;
	struct dp_half *half = &c->forward;
	struct aead_job *job;

	if (!core_acceptable(core, cell, half, c->pass))
		return false;
	if (!bucket_take(&half->rate, core->now, cell->len) ||
	    !bucket_take_shared(&core->table->rate, core->now, cell->len)) {
		core_drop_half(core, half, DROP_RATE);
		return false;
	}
	cell->job = core->job_count;
	job = &core->jobs[core->job_count++];
	onion_open(job, circuit_kf(c), cell->header.counter, cell->data, cell->len - MV_CELL_HEADER);
	if (c->pass)
		job->dst = core_scratch(core, (u32)(cell - core->cells));
	cell->payload = job->dst;
	return true;
}

void terminus_finish(struct core *core, struct core_cell *cell)
{
	struct dp_circuit *c = cell->circuit;
	struct dp_half *half = &c->forward;
	u32 body = cell->len - MV_CELL_HEADER;
	bool ok = core->jobs[cell->job].ok;

	if (!ok || !mv_replay_commit(&half->replay, cell->header.counter)) {
		if (c->pass && cell->payload != cell->data + MV_CELL_BODY)
			core_up_pass(core, cell);
		else
			core_drop_half(core, half, ok ? DROP_REPLAY : DROP_LAYER);
		return;
	}
	core_verified(core, cell);
	count_add(half->cells, 1);
	count_add(half->bytes, cell->len);
	__atomic_store_n(&half->last, core->now, __ATOMIC_RELAXED);
	edge_payload(core, c, cell->header.counter, cell->payload, body - c->reserve);
	core_limits(core, c);
}
