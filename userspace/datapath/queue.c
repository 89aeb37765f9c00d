// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Cells that wait while the socket is full (Documentation/protocol.rst, "Queues"). Each
 * predecessor link has its turn and within it each circuit (deficit round robin, Shreedhar and
 * Varghese 1996); each circuit's queue is kept short by CoDel (RFC 8289), so that a circuit that
 * sends too much loses its own cells and delays nobody. Cells wait with the header open and
 * without a number, window untouched, so that what is dropped here costs no AEAD.
 */
#include "core.h"

#include <errno.h>
#include <stdlib.h>

#define QUANTUM (2 * MV_CELL_MAX)
#define TARGET_NS 5000000ULL
#define INTERVAL_NS 100000000ULL
#define QUEUE_TOTAL 16384		/* cells of all circuits, some 23 MB */
#define QUEUE_CHUNK 64			/* cells allocated together */

struct queue_cell {
	struct queue_cell *next;
	u64 since;
	u32 len;
	u8 class;
	bool away;
	struct mv_header header;
	struct core_from from;
	u8 data[MV_CELL_MAX];
};

struct queue_chunk {
	struct queue_chunk *next;
	struct queue_cell cells[QUEUE_CHUNK];
};

/* A predecessor link's turn. */
struct queue_link {
	struct list node;		/* in queue.links */
	struct list flows;
	u32 link;
	int deficit;
};

/* A circuit's, in one direction. */
struct queue_flow {
	struct list node;
	struct queue_link *of;
	struct dp_circuit *circuit;
	struct dp_half *half;
	struct queue_cell *first, **last;
	u32 cells;
	int deficit;
	/* CoDel */
	u64 above_at, drop_at;
	u32 drops;
	bool dropping;
};

struct queue {
	struct list links;
	struct queue_chunk *chunks;
	struct queue_cell *free;
	struct queue_cell *taken;	/* in the batch, given back after it */
	u32 cells, made, limit;
};

int queue_new(struct core *core)
{
	struct queue *q = calloc(1, sizeof(*q));

	if (!q)
		return -ENOMEM;
	list_init(&q->links);
	q->limit = core->table->conf.queue_cells ? core->table->conf.queue_cells : 256;
	core->queue = q;
	return 0;
}

void queue_free(struct core *core)
{
	struct queue *q = core->queue;
	struct queue_chunk *chunk;

	if (!q)
		return;
	while (!list_empty(&q->links)) {
		struct queue_link *l = list_entry(q->links.next, struct queue_link, node);
		struct queue_flow *f = list_entry(l->flows.next, struct queue_flow, node);

		queue_forget(core, f->half);
	}
	while ((chunk = q->chunks)) {
		q->chunks = chunk->next;
		free(chunk);
	}
	free(q);
	core->queue = NULL;
}

bool queue_waits(const struct core *core, const struct dp_half *half)
{
	return half->flow;
}

static struct queue_cell *cell_take(struct queue *q)
{
	struct queue_cell *c;
	struct queue_chunk *chunk;
	u32 i;

	if (!q->free && q->made < QUEUE_TOTAL) {
		chunk = malloc(sizeof(*chunk));
		if (!chunk)
			return NULL;
		chunk->next = q->chunks;
		q->chunks = chunk;
		q->made += QUEUE_CHUNK;
		for (i = 0; i < QUEUE_CHUNK; i++) {
			chunk->cells[i].next = q->free;
			q->free = &chunk->cells[i];
		}
	}
	c = q->free;
	if (c)
		q->free = c->next;
	return c;
}

static void cell_put(struct queue *q, struct queue_cell *c)
{
	c->next = q->free;
	q->free = c;
}

static struct queue_link *link_of(struct queue *q, u32 link)
{
	struct queue_link *l;

	list_for_each(l, &q->links, node)
		if (l->link == link)
			return l;
	l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	l->link = link;
	l->deficit = QUANTUM;
	list_init(&l->flows);
	list_add_tail(&l->node, &q->links);
	return l;
}

static struct queue_flow *flow_of(struct core *core, struct core_cell *cell, struct dp_half *half)
{
	struct dp_circuit *c = cell->circuit;
	struct queue_flow *f = half->flow;

	if (f)
		return f;
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->of = link_of(core->queue, cell->away ? c->out_link->id : c->link->id);
	if (!f->of) {
		free(f);
		return NULL;
	}
	f->circuit = c;
	f->half = half;
	f->last = &f->first;
	f->deficit = QUANTUM;
	list_add_tail(&f->node, &f->of->flows);
	half->flow = f;
	return f;
}

static void flow_free(struct queue_flow *f)
{
	struct queue_link *l = f->of;

	f->half->flow = NULL;
	list_del(&f->node);
	free(f);
	if (!list_empty(&l->flows))
		return;
	list_del(&l->node);
	free(l);
}

void queue_add(struct core *core, struct core_cell *cell, struct dp_half *half)
{
	struct queue *q = core->queue;
	struct queue_flow *f = flow_of(core, cell, half);
	struct queue_cell *c = f && f->cells < q->limit ? cell_take(q) : NULL;

	if (!c) {
		core_drop_half(core, half, DROP_QUEUE);
		if (f && !f->cells)
			flow_free(f);
		return;
	}
	c->next = NULL;
	c->since = core->now;
	c->len = cell->len;
	c->class = cell->class;
	c->away = cell->away;
	c->header = cell->header;
	c->from = core->froms[cell->from];
	memcpy(c->data, cell->data, cell->len);
	*f->last = c;
	f->last = &c->next;
	f->cells++;
	q->cells++;
}

static struct queue_cell *flow_take(struct queue *q, struct queue_flow *f)
{
	struct queue_cell *c = f->first;

	if (!c)
		return NULL;
	f->first = c->next;
	if (!f->first)
		f->last = &f->first;
	f->cells--;
	q->cells--;
	return c;
}

static u64 isqrt(u64 x)
{
	u64 r = x, y = (x + 1) / 2;

	while (y < r) {
		r = y;
		y = (r + x / r) / 2;
	}
	return r;
}

/* The time of the next drop (RFC 8289, 4.1: interval / sqrt(count)), in fixed point. */
static u64 control_law(u64 at, u32 count)
{
	return at + INTERVAL_NS * 1024 / isqrt((u64)count * 1024 * 1024);
}

/* Has the delay been above the target for a whole interval? */
static bool too_long(struct queue_flow *f, const struct queue_cell *c, u64 now)
{
	if (now - c->since < TARGET_NS || f->cells < 2) {
		f->above_at = 0;
		return false;
	}
	if (!f->above_at) {
		f->above_at = now + INTERVAL_NS;
		return false;
	}
	return now >= f->above_at;
}

static void flow_drop(struct core *core, struct queue_flow *f, struct queue_cell *c)
{
	core_drop_half(core, f->half, DROP_QUEUE);
	cell_put(core->queue, c);
}

/* RFC 8289, 5.4 */
static struct queue_cell *flow_dequeue(struct core *core, struct queue_flow *f)
{
	struct queue *q = core->queue;
	struct queue_cell *c = flow_take(q, f);
	u64 now = core->now;
	bool drop = c && too_long(f, c, now);

	if (f->dropping) {
		if (!drop)
			f->dropping = false;
		while (c && f->dropping && now >= f->drop_at) {
			flow_drop(core, f, c);
			f->drops++;
			c = flow_take(q, f);
			if (!c || !too_long(f, c, now))
				f->dropping = false;
			else
				f->drop_at = control_law(f->drop_at, f->drops);
		}
	} else if (drop) {
		flow_drop(core, f, c);
		c = flow_take(q, f);
		f->dropping = true;
		f->drops = f->drops > 2 && now - f->drop_at < 8 * INTERVAL_NS ? f->drops - 2 : 1;
		f->drop_at = control_law(now, f->drops);
	}
	return c;
}

/* The next cell in turn, or NULL if nothing waits. */
static struct queue_cell *next_cell(struct core *core, struct dp_circuit **circuit)
{
	struct queue *q = core->queue;

	while (!list_empty(&q->links)) {
		struct queue_link *l = list_entry(q->links.next, struct queue_link, node);
		struct queue_flow *f = list_entry(l->flows.next, struct queue_flow, node);
		struct queue_cell *c;

		if (l->deficit <= 0) {
			l->deficit += QUANTUM;
			list_del(&l->node);
			list_add_tail(&l->node, &q->links);
			continue;
		}
		if (f->deficit <= 0) {
			f->deficit += QUANTUM;
			list_del(&f->node);
			list_add_tail(&f->node, &l->flows);
			continue;
		}
		*circuit = f->circuit;
		c = flow_dequeue(core, f);
		if (c) {
			f->deficit -= (int)c->len;
			l->deficit -= (int)c->len;
		}
		if (!f->first)
			flow_free(f);
		if (c)
			return c;
	}
	return NULL;
}

static void batch_add(struct core *core, struct queue_cell *c, struct dp_circuit *circuit)
{
	struct core_cell *cell = &core->cells[core->cell_count++];

	*cell = (struct core_cell){
		.data = c->data, .len = c->len, .class = c->class, .away = c->away, .queued = true,
		.header = c->header, .circuit = circuit, .from = core->from_count,
	};
	core->froms[core->from_count++] = c->from;
	c->next = core->queue->taken;
	core->queue->taken = c;
}

static void batch_done(struct core *core)
{
	struct queue *q = core->queue;
	struct queue_cell *c;

	core_run(core);
	while ((c = q->taken)) {
		q->taken = c->next;
		cell_put(q, c);
	}
}

/* May a cell leave, and is there a buffer for it? What is taken out of its queue cannot go back. */
static bool can_send(struct core *core)
{
	u8 *buffer;

	if (!core->ops->writable(core->arg))
		return false;
	buffer = core->ops->buffer(core->arg);
	if (buffer)
		core->ops->buffer_put(core->arg, buffer);
	return buffer;
}

bool queue_drain(struct core *core)
{
	struct queue *q = core->queue;
	struct dp_circuit *circuit;
	struct queue_cell *c;

	while (q->cells && can_send(core)) {
		core->congested = false;
		while (core->cell_count < CORE_BATCH / 2 && (c = next_cell(core, &circuit)))
			batch_add(core, c, circuit);
		batch_done(core);
		out_flush(core, true);
	}
	return q->cells;
}

void queue_forget(struct core *core, struct dp_half *half)
{
	struct queue_flow *f = half->flow;
	struct queue_cell *c;

	if (!f)
		return;
	while ((c = flow_take(core->queue, f)))
		cell_put(core->queue, c);
	flow_free(f);
}
