// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What arrives, in the order of Documentation/protocol.rst, "Layers": length class, link id,
 * header, circuit, and then by the circuit's kind, for a batch of cells side by side, so that
 * table lines are prefetched and the AEAD has its lanes full.
 */
#include "core.h"

#include <sodium.h>
#include <stdlib.h>

#define ADDRESS_NS 1000000000ULL	/* EV_ADDRESS for one address at most this often */
#define ADDRESS_GAP_NS 100000000ULL	/* and for different ones */
#define COUNTER_MARGIN (1ULL << 32)

void core_random(struct core *core, u8 *to, u32 len)
{
	if (core->random_at + len > sizeof(core->random)) {
		u8 nonce[8];

		mv_put_le64(nonce, core->random_nonce++);
		crypto_stream_chacha20(core->random, sizeof(core->random), nonce, core->random_key);
		core->random_at = 0;
	}
	memcpy(to, core->random + core->random_at, len);
	core->random_at += len;
}

u8 core_random_byte(struct core *core)
{
	u8 b;

	core_random(core, &b, 1);
	return b;
}

/* A room of the cell with this place in the batch: jobs and unwraps count apart from each other. */
u8 *core_scratch(struct core *core, u32 i)
{
	return core->scratch + (size_t)i * ONION_SCRATCH;
}

void core_up_pass(struct core *core, struct core_cell *cell)
{
	const struct core_from *f = &core->froms[cell->from];
	struct bucket b;
	bool take;

	bucket_init(&b, TABLE_PASS_RATE, TABLE_PASS_BURST);
	b.next = cell->circuit->pass_next;
	take = bucket_take(&b, core->now, 1);
	cell->circuit->pass_next = b.next;
	if (take && core->ops->datagram(core->arg, f->lane, &f->from, cell->data, cell->len))
		count_add(core->stats.up, 1);
	else
		core_drop(core, DROP_UP);
}

void core_up_link(struct core *core, struct core_cell *cell)
{
	const struct core_from *f = &core->froms[cell->from];

	if (bucket_take_shared(&cell->session->link->up, core->now, 1) &&
	    core->ops->datagram(core->arg, f->lane, &f->from, cell->data, cell->len))
		count_add(core->stats.up, 1);
	else
		core_drop(core, DROP_UP);
}

/*
 * Not for the datapath: no cell, or a link id that nobody knows. A bucket for each, since random
 * cells cost nobody anything and must not push out handshakes.
 */
static void up_unknown(struct core *core, const struct core_from *f, const u8 *data, u32 len)
{
	bool cell = mv_cell_shape(data, len);
	struct bucket *b = cell ? &core->table->unknown : &core->table->handshakes;

	if (bucket_take_shared(b, core->now, 1) && core->ops->datagram(core->arg, f->lane, &f->from, data, len))
		count_add(core->stats.up, 1);
	else
		core_drop(core, cell ? DROP_NOT_CELL : DROP_UP);
}

void core_limits(struct core *core, struct dp_circuit *c)
{
	u64 limit = core->table->conf.volume_limit;
	struct datapath_event event = { .kind = DATAPATH_EV_COUNTER };

	if (likely(c->backward.next < MV_COUNTER_MAX - COUNTER_MARGIN &&
		   (!limit || count_get(c->forward.bytes) + count_get(c->backward.bytes) < limit)))
		return;
	if (__atomic_exchange_n(&c->warned, true, __ATOMIC_RELAXED))
		return;
	event.link = c->link->id;
	event.circuit = c->id;
	event.counter = c->backward.next;
	core->ops->event(core->arg, &event);
}

static void tell_address(struct core *core, struct core_cell *cell)
{
	const struct core_from *f = &core->froms[cell->from];
	struct dp_session *s = cell->session;
	u64 at = count_get(s->address_at), hash = f->from.port;
	struct datapath_event event = { .kind = DATAPATH_EV_ADDRESS };
	u32 i;

	for (i = 0; i < 16; i += 8)
		hash = (hash ^ mv_get_le64(f->from.addr + i)) * 0x9e3779b97f4a7c15ULL;
	if (at > core->now && (hash == count_get(s->address_hash) ||
			       at - core->now > ADDRESS_NS - ADDRESS_GAP_NS))
		return;
	__atomic_store_n(&s->address_hash, hash, __ATOMIC_RELAXED);
	__atomic_store_n(&s->address_at, core->now + ADDRESS_NS, __ATOMIC_RELAXED);
	event.link = s->link->id;
	event.index = s->index;
	event.from = f->from;
	event.lane = f->lane;
	event.circuit = cell->circuit->id;
	core->ops->event(core->arg, &event);
}

void core_verified(struct core *core, struct core_cell *cell)
{
	struct dp_circuit *c = cell->circuit;
	struct dp_link *from = cell->away && c->kind == DATAPATH_RELAY ? c->out_link : c->link;

	/* only now: a copy of an old cell would make a dead link look alive */
	__atomic_store_n(&from->counters[core->worker].last_rx, core->now, __ATOMIC_RELAXED);
	if (unlikely(cell->moved))
		tell_address(core, cell);
	/* a relay's backward cells prove nothing: only its own tag does */
	if (unlikely(c->pass) && (c->kind != DATAPATH_RELAY || !cell->away)) {
		struct datapath_event event = { .kind = DATAPATH_EV_PASS };

		c->pass = false;
		event.link = c->link->id;
		event.circuit = c->id;
		event.counter = cell->header.counter;
		core->ops->event(core->arg, &event);
	}
}

/*
 * Building cells are medium: they are numbered below 4096. Once data flow, nothing but the data
 * class goes backward, so that an exit cannot write into the sizes.
 */
static bool class_ok(const struct dp_circuit *c, const struct core_cell *cell)
{
	bool young = count_get(c->forward.replay.next) <= MV_COUNTER_FIRST;

	if (likely(cell->class == c->data_class))
		return true;
	if (!cell->away)
		return cell->class == MV_SMALL ? c->small_forward :
		       cell->class == MV_MEDIUM && (young || cell->header.counter < MV_COUNTER_FIRST);
	return cell->class == MV_MEDIUM && (c->kind == DATAPATH_RELAY ? young : c->pass);
}

bool core_acceptable(struct core *core, struct core_cell *cell, struct dp_half *half, bool pass)
{
	if (unlikely(!class_ok(cell->circuit, cell))) {
		core_drop_half(core, half, DROP_CLASS);
		return false;
	}
	if (likely(mv_replay_check(&half->replay, cell->header.counter)))
		return true;
	if (pass)
		core_up_pass(core, cell);
	else
		core_drop_half(core, half, DROP_REPLAY);
	return false;
}

static bool moved(const struct dp_session *s, const struct endpoint *from)
{
	return !endpoint_same_host(&s->remote, from) ||
	       (u32)(from->port - s->remote.port) >= s->remote_lanes;
}

static void count_link(struct core *core, struct core_cell *cell)
{
	struct dp_session *s = cell->session;
	struct dp_link_counters *n = &s->link->counters[core->worker];

	count_add(n->rx_cells, 1);
	count_add(n->rx_bytes, cell->len);
	count_add(core->stats.rx_cells, 1);
	count_add(core->stats.rx_bytes, cell->len);
	if (unlikely(s->state == DATAPATH_SESSION_NEXT) &&
	    !__atomic_exchange_n(&s->opened, 1, __ATOMIC_RELAXED)) {
		struct datapath_event event = { .kind = DATAPATH_EV_SESSION };

		event.link = s->link->id;
		event.index = s->index;
		core->ops->event(core->arg, &event);
	}
}

/* Link ids of the batch, and then all its headers side by side. */
static void open_headers(struct core *core)
{
	u32 i, n = 0;

	for (i = 0; i < core->cell_count; i++) {
		struct core_cell *cell = &core->cells[i];

		if (cell->queued)
			continue;
		cell->session = table_rx(core->table, mv_cell_link(cell->data));
		if (unlikely(!cell->session)) {
			up_unknown(core, &core->froms[cell->from], cell->data, cell->len);
			continue;
		}
		core->opens[n].cell = cell->data;
		core->opens[n].keys = &cell->session->keys->rx;
		core->opens[n++].body = cell->len - MV_CELL_HEADER;
	}
	headers_open(core->opens, n);
}

static void pass_end(struct core *core)
{
	struct core_pass *p = &core->pass;
	const struct core_from *f = &core->froms[p->from];

	if (p->len)
		core->ops->pass_cells(core->arg, p->owner, f->lane, &f->from, p->data, p->len, p->segment);
	p->len = 0;
}

/* A whole super-packet mostly has one owner: it is passed on in one piece. */
static void pass_cell(struct core *core, const struct core_cell *cell, u32 owner)
{
	struct core_pass *p = &core->pass;

	if (p->len && p->data + p->len == cell->data && p->owner == owner && p->from == cell->from &&
	    p->segment == cell->len) {
		p->len += cell->len;
		return;
	}
	pass_end(core);
	*p = (struct core_pass){
		.owner = owner, .from = cell->from, .segment = cell->len, .data = cell->data,
		.len = cell->len,
	};
}

/* Is the cell ours? False: it is done with. */
static bool take_header(struct core *core, struct core_cell *cell, const struct header_job *head)
{
	const struct core_from *f = &core->froms[cell->from];
	struct table *t = core->table;
	u32 owner;

	if (unlikely(!head->ok)) {
		core_drop(core, DROP_HEADER);
		return false;
	}
	cell->header = head->header;
	owner = table_owner(t, cell->header.circuit);
	if (unlikely(owner != core->worker && cell->header.circuit)) {
		count_add(core->stats.passed_cells, 1);
		pass_cell(core, cell, owner);
		return false;
	}
	count_link(core, cell);
	if (unlikely(cell->header.circuit == MV_CIRCUIT_CONTROL)) {
		core_up_link(core, cell);
		return false;
	}
	cell->moved = moved(cell->session, &f->from);
	flat_prefetch(&t->circuits, circuit_key(cell->session->link->id, cell->header.circuit));
	return true;
}

static bool find_circuit(struct core *core, struct core_cell *cell)
{
	cell->circuit = table_circuit(core->table, cell->session->link->id, cell->header.circuit,
				      &cell->away);
	if (unlikely(!cell->circuit)) {
		core_up_link(core, cell);
		return false;
	}
	__builtin_prefetch(&cell->circuit->link);
	__builtin_prefetch(cell->away ? &cell->circuit->backward : &cell->circuit->forward);
	return true;
}

static void prefetch_circuit(const struct core_cell *cell)
{
	const struct dp_circuit *c = cell->circuit;
	const struct dp_half *half = cell->away ? &c->backward : &c->forward;

	__builtin_prefetch(c->keys);
	__builtin_prefetch(&half->replay.bits[cell->header.counter / 64 % MV_REPLAY_WORDS], 1);
	__builtin_prefetch(&half->cells, 1);
}

static bool prepare(struct core *core, struct core_cell *cell)
{
	switch (cell->circuit->kind) {
	case DATAPATH_RELAY:
		return relay_prepare(core, cell);
	case DATAPATH_TERMINUS_CIRCUIT:
		return terminus_prepare(core, cell);
	case DATAPATH_ORIGIN_CIRCUIT:
		return origin_prepare(core, cell);
	}
	return false;
}

static void finish(struct core *core, struct core_cell *cell)
{
	switch (cell->circuit->kind) {
	case DATAPATH_RELAY:
		relay_finish(core, cell);
		break;
	case DATAPATH_TERMINUS_CIRCUIT:
		terminus_finish(core, cell);
		break;
	case DATAPATH_ORIGIN_CIRCUIT:
		origin_finish(core, cell);
		break;
	}
}

/* Open headers and find circuits of the batch; what is done with drops out of it. */
static void resolve(struct core *core)
{
	const struct header_job *head = core->opens;
	u32 i, n = 0;

	open_headers(core);
	for (i = 0; i < core->cell_count; i++) {
		struct core_cell *cell = &core->cells[i];

		cell->ok = cell->queued || (cell->session && take_header(core, cell, head++));
	}
	pass_end(core);
	for (i = 0; i < core->cell_count; i++) {
		struct core_cell *cell = &core->cells[i];

		if (cell->ok && !cell->queued)
			cell->ok = find_circuit(core, cell);
		if (!cell->ok)
			continue;
		if (n != i)
			core->cells[n] = *cell;
		n++;
	}
	core->cell_count = n;
	for (i = 0; i < n; i++)
		prefetch_circuit(&core->cells[i]);
}

void core_run(struct core *core)
{
	u32 i;

	if (!core->cell_count) {
		core->from_count = 0;
		return;
	}
	resolve(core);
	for (i = 0; i < core->cell_count; i++)
		core->cells[i].ok = prepare(core, &core->cells[i]);
	if (core->job_count)
		aead_run(core->jobs, core->job_count);
	if (core->unwrap_count)
		onion_unwrap(core->unwraps, core->unwrap_count);
	for (i = 0; i < core->cell_count; i++)
		if (core->cells[i].ok)
			finish(core, &core->cells[i]);
	core->cell_count = core->job_count = core->unwrap_count = core->from_count = 0;
	out_flush(core, false);
	core->ops->deliver_flush(core->arg);
}

static u32 add_from(struct core *core, u32 lane, const struct endpoint *from)
{
	core->froms[core->from_count] = (struct core_from){ *from, lane };
	return core->from_count++;
}

static void add_cell(struct core *core, u32 from, u8 *data, u32 len)
{
	struct core_cell *cell = &core->cells[core->cell_count++];

	cell->data = data;
	cell->len = len;
	cell->class = (u8)mv_cell_class(len);
	cell->from = from;
	cell->moved = cell->queued = false;
}

void core_input(struct core *core, u64 now, u32 lane, const struct endpoint *from, u8 *data, u32 len,
		u32 segment)
{
	bool stage = len < segment * CORE_STAGE_BELOW;
	u32 at, n, index;

	core->now = now;
	if (core->cell_count == CORE_BATCH)
		core_run(core);
	core->congested = !core->ops->writable(core->arg);
	index = add_from(core, lane, from);
	for (at = 0; at < len; at += n) {
		u8 *d = data + at, *room;

		n = len - at < segment ? len - at : segment;
		if (!mv_cell_shape(d, n)) {
			up_unknown(core, &core->froms[index], d, n);
			continue;
		}
		if (core->cell_count == CORE_BATCH) {
			core_run(core);
			index = add_from(core, lane, from);
		}
		if (stage) {
			room = core->staging + (size_t)core->cell_count * CORE_CELL_ROOM;
			memcpy(room, d, n);
			d = room;
		}
		add_cell(core, index, d, n);
	}
	if (!stage)
		core_run(core);
	else if (core->from_count > CORE_BATCH)
		core_run(core);
}
