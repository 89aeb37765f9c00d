// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Origin, backward: all layers off. Windows over the numbers of the first hop, which the link's
 * header carries, and of the terminus, which come to light under its tag.
 */
#include "core.h"

bool origin_prepare(struct core *core, struct core_cell *cell)
{
	struct dp_circuit *c = cell->circuit;
	struct dp_half *half = &c->backward;
	struct onion_unwrap *u;

	if (!core_acceptable(core, cell, half, c->pass))
		return false;
	if (!bucket_take(&half->rate, core->now, cell->len)) {
		core_drop_half(core, half, DROP_RATE);
		return false;
	}
	cell->job = core->unwrap_count;
	u = &core->unwraps[core->unwrap_count++];
	*u = (struct onion_unwrap){
		.keys = circuit_onion(c), .highest = c->edge->highest, .cell = cell->data,
		.body = cell->len - MV_CELL_HEADER, .scratch = core_scratch(core, (u32)(cell - core->cells)),
	};
	u->counters[0] = cell->header.counter;
	if (c->pass && c->hops == 1) {
		/* one hop is opened in place, and the cell may have to go up unchanged */
		memcpy(u->scratch, cell->data, cell->len);
		u->cell = u->scratch;
	}
	return true;
}

static bool verified(struct core *core, struct core_cell *cell)
{
	struct dp_circuit *c = cell->circuit;
	struct onion_unwrap *u = &core->unwraps[cell->job];
	enum datapath_drop cause = DROP_LAYER_BACKWARD;

	if (u->ok) {
		cause = DROP_REPLAY;
		if (mv_replay_check(&c->backward.replay, u->counters[0]) &&
		    (c->hops == 1 || mv_replay_commit(&c->edge->terminus, u->counters[c->hops - 1]))) {
			mv_replay_commit(&c->backward.replay, u->counters[0]);
			return true;
		}
	}
	/* the rest of the unwrapped cell lies in scratch: with more hops the cell is as it came */
	if (c->pass && (c->hops > 1 || u->cell != cell->data))
		core_up_pass(core, cell);
	else
		core_drop_half(core, &c->backward, cause);
	return false;
}

void origin_finish(struct core *core, struct core_cell *cell)
{
	struct dp_circuit *c = cell->circuit;
	struct dp_half *half = &c->backward;
	struct onion_unwrap *u = &core->unwraps[cell->job];

	if (!verified(core, cell))
		return;
	core_verified(core, cell);
	count_add(half->cells, 1);
	count_add(half->bytes, cell->len);
	__atomic_store_n(&half->last, core->now, __ATOMIC_RELAXED);
	edge_payload(core, c, u->counters[c->hops - 1], u->payload,
		     onion_payload_len(u->keys, u->body));
	core_limits(core, c);
}
