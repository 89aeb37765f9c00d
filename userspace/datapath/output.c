// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Outgoing super-packets. A cell's slot is reserved before its AEAD runs, so that the AEAD writes
 * where the cell will be sent from. A cell that then fails leaves a hole, which the next ones of
 * the run close by moving down: a copy, and only where somebody sends what does not verify.
 */
#include "core.h"

static u32 hash(const struct dp_session *s, u32 remote_lane, u32 class)
{
	return ((u32)((uintptr_t)s >> 6) * 0x9e3779b1U >> 16 ^ remote_lane * 4 ^ class) &
	       (CORE_OUT_OPEN - 1);
}

static void out_send(struct core *core, struct core_out *out)
{
	struct dp_session *s = out->session;
	struct endpoint to = s->remote;

	out->session = NULL;
	if (!out->end) {
		core->ops->buffer_put(core->arg, out->buffer);
		return;
	}
	to.port = (u16)(to.port + out->remote_lane);
	core->ops->send(core->arg, out->lane, &to, out->buffer, out->end, mv_class_cell(out->class));
}

/* An unused entry, or NULL. */
static struct core_out *out_take(struct core *core)
{
	if (core->out_used == CORE_OUT_MAX)
		return NULL;
	while (core->outs[core->out_next].session)
		core->out_next = (core->out_next + 1) % CORE_OUT_MAX;
	core->out_order[core->out_used++] = (u8)core->out_next;
	return &core->outs[core->out_next];
}

static u32 source_lane(const struct core *core, const struct dp_session *s, u32 circuit)
{
	u32 count = s->local_lanes ? s->local_lanes : 1;

	if (core->worker >= s->local_lane && core->worker < s->local_lane + count)
		return core->worker;
	return s->local_lane + circuit % count;
}

static struct core_out *out_open(struct core *core, struct dp_session *s, u32 circuit, u32 class, u32 at)
{
	u8 *buffer = core->ops->buffer(core->arg);
	struct core_out *out = buffer ? out_take(core) : NULL;

	if (!out) {
		if (buffer)
			core->ops->buffer_put(core->arg, buffer);
		core->congested = true;
		return NULL;
	}
	*out = (struct core_out){
		.session = s, .remote_lane = circuit % s->remote_lanes, .class = class,
		.lane = source_lane(core, s, circuit), .buffer = buffer, .seq = ++core->out_seq,
	};
	core->out_index[at] = (u8)(out - core->outs + 1);
	return out;
}

static bool out_fits(const struct core_out *out, u32 len)
{
	return !out->full && out->cells < CORE_SEGMENTS && out->reserved + len <= CORE_SUPER_MAX;
}

/*
 * Super-packets leave in the order in which they were opened. So that the cells of a circuit keep
 * theirs although they are of two classes, none goes into one that was opened before its last's.
 */
struct core_out *out_reserve(struct core *core, struct dp_link *link, u32 circuit, u32 class,
			     struct dp_half *half, u8 **slot, enum datapath_drop *cause)
{
	struct dp_session *s = link->current;
	u32 len = mv_class_cell(class), lane, at;
	struct core_out *out;

	*cause = DROP_NO_ROUTE;
	if (!s || !s->remote.family)
		return NULL;
	*cause = DROP_SEND;
	lane = circuit % s->remote_lanes;
	at = hash(s, lane, class);
	out = core->out_index[at] ? &core->outs[core->out_index[at] - 1] : NULL;
	if (out && (out->session != s || (int)(out->seq - half->out_seq) < 0 ||
		    out->remote_lane != lane || out->class != class ||
		    out->lane != source_lane(core, s, circuit) || !out_fits(out, len))) {
		if (out->session)
			out->full = true;
		core->out_index[at] = 0;
		out = NULL;
	}
	if (!out)
		out = out_open(core, s, circuit, class, at);
	if (!out)
		return NULL;
	half->out_seq = out->seq;
	*slot = out->buffer + out->reserved;
	out->reserved += len;
	out->cells++;
	return out;
}

static void seal_headers(struct core *core)
{
	headers_seal(core->seals, core->seal_count);
	core->seal_count = 0;
}

void out_commit(struct core *core, struct core_out *out, u8 *slot, u32 circuit, u64 counter)
{
	struct dp_session *s = out->session;
	struct dp_link_counters *n = &s->link->counters[core->worker];
	u32 len = mv_class_cell(out->class);
	u8 *cell = out->buffer + out->end;

	if (cell != slot)
		memmove(cell, slot, len);
	if (core->seal_count == CORE_BATCH)
		seal_headers(core);
	core->seals[core->seal_count++] = (struct header_job){
		.cell = cell, .keys = &s->keys->tx, .body = len - MV_CELL_HEADER,
		.header = { circuit, counter }, .link_id = s->tx_id, .random = core_random_byte(core),
	};
	out->end += len;
	count_add(n->tx_cells, 1);
	count_add(n->tx_bytes, len);
	count_add(core->stats.tx_cells, 1);
	count_add(core->stats.tx_bytes, len);
}

void out_flush(struct core *core, bool all)
{
	u32 i, n = 0;

	seal_headers(core);
	for (i = 0; i < core->out_used; i++) {
		struct core_out *out = &core->outs[core->out_order[i]];

		out->cells -= (out->reserved - out->end) / mv_class_cell(out->class);
		out->reserved = out->end;
		if (all || out->full)
			out_send(core, out);
		else
			core->out_order[n++] = core->out_order[i];
	}
	core->out_used = n;
	if (all)
		memset(core->out_index, 0, sizeof(core->out_index));
}
