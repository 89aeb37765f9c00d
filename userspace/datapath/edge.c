// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Both ends of a circuit (Documentation/protocol.rst, "Payload"): inner packets are packed into
 * payloads that lie where the onion wants them, payloads are sealed in batches, and what comes out
 * of a circuit is put together again. A payload that is not full waits for more at most hold_us,
 * and only where the cell before it left less than that ago, so that a lone packet never waits.
 */
#include "core.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>

#define HELD_BUFFERS 32			/* of the pool, that one circuit's fragments may hold */
#define CONTROL_RATE 100		/* control messages up per second of one circuit */
#define CONTROL_BURST 256

/* What a cell needs besides its slot while it is sealed. */
struct sealing {
	struct core_slot *slot;
	struct dp_circuit *circuit;
	struct core_out *out;
	u8 *cell;
	u64 counter;
};

int edge_new(struct dp_circuit *c)
{
	struct edge *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->circuit = c;
	e->control_tail = &e->control;
	bucket_init(&e->up, CONTROL_RATE, CONTROL_BURST);
	list_init(&e->open_node);
	list_init(&e->control_node);
	c->edge = e;
	return 0;
}

static void control_pop(struct edge *e)
{
	struct core_control *m = e->control;

	e->control = m->next;
	if (!e->control)
		e->control_tail = &e->control;
	e->control_count--;
	sodium_memzero(m->data, m->len);
	free(m);
}

void edge_free(struct dp_circuit *c)
{
	struct edge *e = c->edge;

	if (!e)
		return;
	while (e->control)
		control_pop(e);
	if (e->reassembling)
		reassembly_fini(&e->reassembly);
	free(e);
	c->edge = NULL;
}

static struct dp_half *tx_half(struct dp_circuit *c)
{
	return c->kind == DATAPATH_ORIGIN_CIRCUIT ? &c->forward : &c->backward;
}

static bool layered(const struct dp_circuit *c)
{
	return c->kind == DATAPATH_ORIGIN_CIRCUIT && c->hops > 1;
}

/* Where in a slot the payload begins: see onion_payload(). */
static u32 payload_at(const struct dp_circuit *c)
{
	return layered(c) ? MV_LAYER_LEN * c->hops : MV_CELL_BODY;
}

/* ---- slots ---- */

static void slot_put(struct core *core, u32 i)
{
	core->slots[i].circuit = NULL;
	core->slots[i].next_free = core->slot_free;
	core->slot_free = i + 1;
}

/* Index + 1, or 0. */
static u32 slot_try(struct core *core)
{
	u32 i = core->slot_free;

	if (i) {
		core->slot_free = core->slots[i - 1].next_free;
		return i;
	}
	if (core->slot_made == CORE_SLOTS)
		return 0;
	i = core->slot_made;
	core->slots[i].memory = aligned_alloc(64, ONION_SCRATCH);
	if (!core->slots[i].memory)
		return 0;
	core->slot_made++;
	return i + 1;
}

static void finish_payload(struct core *core, struct edge *e);

static u32 slot_take(struct core *core, struct dp_circuit *c)
{
	u32 i = slot_try(core);

	if (!i) {
		edge_seal(core);
		i = slot_try(core);
	}
	if (!i && !list_empty(&core->open)) {
		finish_payload(core, list_entry(core->open.next, struct edge, open_node));
		edge_seal(core);
		i = slot_try(core);
	}
	if (i)
		core->slots[i - 1].circuit = c;
	return i;
}

/* The payload in slot @i is complete. */
static void slot_ready(struct core *core, u32 i, u32 class)
{
	core->slots[i].class = class;
	core->ready[core->ready_count++] = i;
	if (core->ready_count == CORE_BATCH)
		edge_seal(core);
}

/* ---- device to cells ---- */

static bool begin_payload(struct core *core, struct dp_circuit *c)
{
	struct edge *e = c->edge;
	u32 i = slot_take(core, c);

	if (!i)
		return false;
	e->slot = i;
	e->slot_since = core->now;
	mv_frame_begin(&e->packer, core->slots[i - 1].memory + payload_at(c),
		       mv_class_body(c->data_class) - c->reserve);
	list_add_tail(&e->open_node, &core->open);
	return true;
}

/* A lone small packet may go in a small cell, where the circuit was built for that. */
static u32 payload_class(const struct dp_circuit *c, struct mv_frame_packer *p)
{
	u32 small = MV_BODY_SMALL - c->reserve;

	if (!c->small_forward || c->kind != DATAPATH_ORIGIN_CIRCUIT || mv_frame_rest(p) || p->at > small)
		return c->data_class;
	p->len = small;
	return MV_SMALL;
}

static void finish_payload(struct core *core, struct edge *e)
{
	u32 slot = e->slot - 1, class = payload_class(e->circuit, &e->packer);

	mv_frame_end(&e->packer);
	e->slot = 0;
	list_del(&e->open_node);
	slot_ready(core, slot, class);
}

/* Append bytes of the packet that was started, over as many payloads as it takes. */
static bool put_bytes(struct core *core, struct dp_circuit *c, const u8 *src, u32 len)
{
	struct edge *e = c->edge;
	u32 n;

	while (len) {
		if (!e->slot && !begin_payload(core, c))
			return false;
		n = mv_frame_put(&e->packer, src, len);
		src += n;
		len -= n;
		if (!mv_frame_room(&e->packer))
			finish_payload(core, e);
		else if (!n)
			return false;
	}
	return true;
}

void edge_packet(struct core *core, struct dp_circuit *c, const struct offload_segment *s)
{
	struct dp_half *half = tx_half(c);
	struct edge *e = c->edge;
	u32 len = s->hdr_len + s->payload_len;

	if (!bucket_take(&half->rate, core->now, len)) {
		core_drop_half(core, half, DROP_RATE);
		return;
	}
	if (!e->slot && !begin_payload(core, c)) {
		core_drop_half(core, half, DROP_SEND);
		return;
	}
	mv_frame_start(&e->packer, len);
	if (!put_bytes(core, c, s->hdr, s->hdr_len) ||
	    !put_bytes(core, c, s->payload, s->payload_len)) {
		mv_frame_cancel(&e->packer);
		core_drop_half(core, half, DROP_SEND);
		return;
	}
	count_add(core->stats.tx_packets, 1);
	count_add(core->stats.tx_packet_bytes, len);
}

/* ---- sealing ---- */

static void seal_job(struct core *core, struct aead_job *job, const struct sealing *s)
{
	struct dp_circuit *c = s->circuit;
	bool origin = c->kind == DATAPATH_ORIGIN_CIRCUIT;
	u32 body = mv_class_body(s->slot->class);
	u8 *src = s->slot->memory + MV_CELL_BODY;

	if (origin)
		core_random(core, src + body - c->reserve, c->reserve);
	else
		mv_zero(src + body - c->reserve, c->reserve);
	*job = (struct aead_job){
		.kind = AEAD_SEAL, .nonce = s->counter, .src = src, .len = body,
		.key = origin ? circuit_onion(c)->kf[0] : circuit_kb(c),
		.dst = s->cell + MV_CELL_BODY, .tag = s->cell + MV_CELL_LAYER,
	};
}

/*
 * A number and a place to go, or the cell is dropped. Its number is used up then all the same: the
 * other end sees a gap and does not join what lies before it with what comes after.
 */
static bool seal_prepare(struct core *core, struct sealing *s, u32 slot)
{
	enum datapath_drop cause = DROP_COUNTER;
	struct dp_circuit *c;

	s->slot = &core->slots[slot];
	s->circuit = c = s->slot->circuit;
	if (!c)
		return false;	/* deleted meanwhile */
	if (c->backward.next <= MV_COUNTER_MAX) {
		s->counter = c->backward.next;
		count_add(c->backward.next, 1);
		s->out = out_reserve(core, c->link, c->id, s->slot->class, tx_half(c), &s->cell, &cause);
		if (s->out)
			return true;
	}
	core_drop_half(core, tx_half(c), cause);
	return false;
}

static void seal_done(struct core *core, const struct sealing *s)
{
	struct dp_circuit *c = s->circuit;
	struct dp_half *half = tx_half(c);

	out_commit(core, s->out, s->cell, c->id, s->counter);
	count_add(half->cells, 1);
	count_add(half->bytes, mv_class_cell(s->slot->class));
	c->edge->last_sent = core->now;
	core_limits(core, c);
}

void edge_seal(struct core *core)
{
	struct sealing cells[CORE_BATCH];
	struct aead_job jobs[CORE_BATCH];
	struct onion_wrap wraps[CORE_BATCH];
	u8 fills[CORE_BATCH][MV_RESERVE_LONG];
	u32 i, n = 0, job_count = 0, wrap_count = 0, ready = core->ready_count;

	for (i = 0; i < ready; i++) {
		struct sealing *s = &cells[n];
		const struct onion_keys *keys;

		if (!seal_prepare(core, s, core->ready[i]))
			continue;
		n++;
		if (!layered(s->circuit)) {
			seal_job(core, &jobs[job_count++], s);
			continue;
		}
		keys = circuit_onion(s->circuit);
		core_random(core, fills[wrap_count], onion_fill_len(keys));
		wraps[wrap_count] = (struct onion_wrap){
			.keys = keys, .counter = s->counter, .body = mv_class_body(s->slot->class),
			.cell = s->cell, .scratch = s->slot->memory, .fill = fills[wrap_count],
		};
		wrap_count++;
	}
	if (job_count)
		aead_run(jobs, job_count);
	if (wrap_count)
		onion_wrap(wraps, wrap_count);
	for (i = 0; i < n; i++)
		seal_done(core, &cells[i]);
	for (i = 0; i < ready; i++)
		slot_put(core, core->ready[i]);
	core->ready_count = 0;
	if (ready)
		out_flush(core, false);
}

static void send_control(struct core *core, struct edge *e)
{
	struct dp_circuit *c = e->circuit;

	while (e->control) {
		u32 i = slot_take(core, c);

		if (!i)
			return;
		mv_frame_control(core->slots[i - 1].memory + payload_at(c),
				 mv_class_body(c->data_class) - c->reserve, e->control->data,
				 e->control->len);
		control_pop(e);
		slot_ready(core, i - 1, c->data_class);
	}
	list_del(&e->control_node);
}

u64 edge_flush(struct core *core)
{
	u64 hold = core->table->conf.hold_us * 1000ULL, at = CORE_NEVER, until;
	struct edge *e, *tmp;

	if (!core->congested)
		list_for_each_safe(e, tmp, &core->control_wait, control_node)
			send_control(core, e);
	list_for_each_safe(e, tmp, &core->open, open_node) {
		until = e->slot_since + hold;
		if (hold && e->last_sent && e->slot_since - e->last_sent < hold && core->now < until) {
			at = until < at ? until : at;
			continue;
		}
		finish_payload(core, e);
	}
	edge_seal(core);
	return at;
}

int core_control(struct core *core, struct dp_circuit *c, const u8 *data, size_t len)
{
	struct edge *e = c->edge;
	struct core_control *m;

	if (len > mv_class_body(c->data_class) - c->reserve - MV_FRAME_HEADER)
		return -EMSGSIZE;
	/* nothing goes under db before the first cell under df came */
	if (e->control_count >= CORE_CONTROL_MAX ||
	    (c->kind == DATAPATH_TERMINUS_CIRCUIT && c->pass))
		return -EAGAIN;
	m = malloc(sizeof(*m) + len);
	if (!m)
		return -ENOMEM;
	m->next = NULL;
	m->len = (u32)len;
	memcpy(m->data, data, len);
	*e->control_tail = m;
	e->control_tail = &m->next;
	if (!e->control_count++)
		list_add_tail(&e->control_node, &core->control_wait);
	return 0;
}

/* ---- cells to device ---- */

struct sink {
	struct core *core;
	struct dp_circuit *circuit;
	const u8 *payload;
	u32 len;
};

static void deliver(void *arg, const u8 *packet, u32 len)
{
	struct sink *s = arg;
	struct core *core = s->core;

	if (!inner_accept(core, s->circuit, packet, len))
		return;
	count_add(core->stats.rx_packets, 1);
	count_add(core->stats.rx_packet_bytes, len);
	core->ops->deliver(core->arg, s->circuit->exit->device, packet, len,
			   packet >= s->payload && packet < s->payload + s->len);
}

/* The device's fragments pool of this worker; circuits take part from their first payload on. */
static bool reassembling(struct core *core, struct dp_circuit *c)
{
	struct edge *e = c->edge;
	struct dp_device *d;

	if (e->reassembling)
		return true;
	if (!c->exit)
		return false;
	d = c->exit->device;
	if (!d->pool_ready[core->worker]) {
		struct reassembly_conf conf = {
			.buffers = core->table->reassembly_buffers, .per_circuit = HELD_BUFFERS,
			.mtu = d->mtu < 1280 ? 1280 : d->mtu, .time_ns = REASSEMBLY_TIME_NS,
		};

		if (reassembly_pool_init(&d->pools[core->worker], &conf))
			return false;
		d->pool_ready[core->worker] = true;
	}
	reassembly_init(&e->reassembly, &d->pools[core->worker]);
	e->reassembling = true;
	return true;
}

static void tell_control(struct core *core, struct dp_circuit *c, u64 counter, const u8 *payload, u32 len)
{
	struct datapath_event event = { .kind = DATAPATH_EV_CONTROL };

	if (!bucket_take(&c->edge->up, core->now, 1)) {
		core_drop(core, DROP_UP);
		return;
	}
	event.link = c->link->id;
	event.circuit = c->id;
	event.counter = counter;
	event.data = payload + MV_FRAME_HEADER;
	event.len = len - MV_FRAME_HEADER;
	core->ops->event(core->arg, &event);
}

void edge_payload(struct core *core, struct dp_circuit *c, u64 counter, const u8 *payload, u32 len)
{
	struct sink sink = { core, c, payload, len };
	struct reassembly_counters before;
	struct reassembly_pool *pool;
	enum mv_frame_type type;

	if (!reassembling(core, c)) {
		if (payload[0] == MV_SUBTYPE_CONTROL)
			tell_control(core, c, counter, payload, len);
		else
			core_drop(core, DROP_NO_CIRCUIT);
		return;
	}
	pool = c->edge->reassembly.pool;
	before = pool->counters;
	type = reassembly_input(&c->edge->reassembly, counter, payload, len, core->now, deliver, &sink);
	if (type == MV_FRAME_CONTROL)
		tell_control(core, c, counter, payload, len);
	count_add(core->stats.drops[DROP_FRAME], pool->counters.bad + pool->counters.unknown +
		  pool->counters.broken - before.bad - before.unknown - before.broken);
	count_add(core->stats.drops[DROP_REASSEMBLY], pool->counters.lost + pool->counters.limited -
		  before.lost - before.limited);
	if (!core->reassembly_at && !list_empty(&pool->waiting))
		core->reassembly_at = core->now + REASSEMBLY_TIME_NS;
}

void core_forget(struct core *core, struct dp_circuit *c)
{
	struct edge *e = c->edge;
	u32 i;

	if (table_owner(core->table, c->id) == core->worker) {
		queue_forget(core, &c->forward);
		if (c->kind != DATAPATH_RELAY)
			queue_forget(core, &c->backward);
	}
	if (c->kind == DATAPATH_RELAY && table_owner(core->table, c->out_id) == core->worker)
		queue_forget(core, &c->backward);
	if (!e || table_owner(core->table, c->id) != core->worker)
		return;
	if (e->slot) {
		i = e->slot - 1;
		sodium_memzero(core->slots[i].memory, ONION_SCRATCH);
		list_del(&e->open_node);
		slot_put(core, i);
		e->slot = 0;
	}
	list_del(&e->control_node);
}
