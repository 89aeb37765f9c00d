// SPDX-License-Identifier: GPL-2.0
/*
 * Terminus, forward: cells whose payload is ours. The cell received is not written to, so that
 * under pass one that fails goes up unchanged.
 */
#include "circuit.h"
#include "edge.h"
#include "engine.h"
#include "layer.h"
#include "node.h"

static bool commit(struct mv_engine *e, struct mv_half *half, const struct mv_cell *cell)
{
	bool ok;

	spin_lock(&half->lock);
	ok = mv_replay_commit(&half->replay, cell->counter);
	if (likely(ok)) {
		half->cells++;
		half->bytes += cell->len;
		half->last = e->now;
	}
	spin_unlock(&half->lock);
	return ok;
}

enum mv_verdict mv_terminus_cell(struct mv_engine *e, struct mv_cell *cell)
{
	struct mv_circuit *c = cell->half->circuit;
	u32 body = cell->len - MV_CELL_HEADER;
	struct mv_half *half = cell->half;
	bool pass = READ_ONCE(c->pass), ok;
	enum mv_verdict verdict;

	if (!mv_input_acceptable(e, cell, pass, &verdict))
		return verdict;
	if (unlikely(!mv_bucket_take(&half->rate, e->now, cell->len) ||
		     !mv_bucket_take(&e->node->rate, e->now, cell->len))) {
		mv_drop_half(e, half, MV_DROP_RATE);
		return MV_DONE;
	}
	ok = mv_layer_open(e->scratch, cell->data, c->kf, cell->counter, body);
	if (unlikely(!ok) || unlikely(!commit(e, half, cell))) {
		if (pass)
			return MV_UP;
		mv_drop_half(e, half, ok ? MV_DROP_REPLAY : MV_DROP_LAYER);
		return MV_DONE;
	}
	mv_input_verified(e, cell);
	mv_edge_payload(e, c, cell->counter, e->scratch, body - c->reserve);
	mv_input_limits(e, c);
	return MV_DONE;
}
