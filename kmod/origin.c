// SPDX-License-Identifier: GPL-2.0
/*
 * Origin, backward: all layers off. Windows over the numbers of the first hop, which the link's
 * header carries, and of the terminus, which come to light under its tag.
 */
#include "circuit.h"
#include "edge.h"
#include "engine.h"
#include "onion.h"

/* Both windows, under one lock: a cell counts once with the guard's number and with the terminus's. */
static bool windows(struct mv_circuit *c, const u64 *seen)
{
	struct mv_half *half = &c->backward;
	u32 last = c->hops - 1;

	if (!mv_replay_check(&half->replay, seen[0]))
		return false;
	if (last && !mv_replay_commit(&c->edge->terminus, seen[last]))
		return false;
	return mv_replay_commit(&half->replay, seen[0]);
}

static bool commit(struct mv_engine *e, struct mv_circuit *c, const struct mv_cell *cell, const u64 *seen)
{
	struct mv_half *half = &c->backward;
	u64 *highest = c->edge->highest;
	u32 hop;
	bool ok;

	spin_lock(&half->lock);
	ok = windows(c, seen);
	if (likely(ok)) {
		for (hop = 0; hop < c->hops; hop++)
			if (highest[hop] < seen[hop])
				WRITE_ONCE(highest[hop], seen[hop]);
		half->cells++;
		half->bytes += cell->len;
		half->last = e->now;
	}
	spin_unlock(&half->lock);
	return ok;
}

enum mv_verdict mv_origin_cell(struct mv_engine *e, struct mv_cell *cell)
{
	struct mv_circuit *c = cell->half->circuit;
	u32 body = cell->len - MV_CELL_HEADER;
	struct mv_half *half = cell->half;
	bool pass = READ_ONCE(c->pass);
	enum mv_verdict verdict;
	u64 seen[MV_HOPS_MAX];
	int at;

	if (!mv_input_acceptable(e, cell, pass, &verdict))
		return verdict;
	if (unlikely(!mv_bucket_take(&half->rate, e->now, cell->len))) {
		mv_drop_half(e, half, MV_DROP_RATE);
		return MV_DONE;
	}
	/* highest is only a hint here: a torn or old one makes a counter wrong and the tag fail */
	at = mv_onion_unwrap(e->scratch, cell->data, c->onion, cell->counter, c->edge->highest, seen, body);
	if (unlikely(at < 0) || unlikely(!commit(e, c, cell, seen))) {
		if (pass)
			return MV_UP;
		mv_drop_half(e, half, at < 0 ? MV_DROP_LAYER_BACKWARD : MV_DROP_REPLAY);
		return MV_DONE;
	}
	mv_input_verified(e, cell);
	mv_edge_payload(e, c, seen[c->hops - 1], e->scratch + at, body - c->reserve);
	mv_input_limits(e, c);
	return MV_DONE;
}
