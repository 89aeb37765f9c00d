// SPDX-License-Identifier: GPL-2.0
/*
 * Cells that wait while a socket is full: one queue a CPU, in it one round for each of our lanes,
 * so that a full socket holds up none of the others. When a socket has room again, the CPUs that have
 * cells for it and the devices that wait for it get a share of the room each; otherwise who came
 * first would fill it anew, always the same one. The lock is its CPU's own: others take it only
 * where something waits, to forget a circuit that goes. That no cell of a circuit is put in after it
 * was forgotten needs an order: the circuit is marked dead before we look whether anything waits
 * here, and the count says so before the mark is looked at.
 */
#include "queue.h"

#include <linux/hashtable.h>
#include <linux/math64.h>
#include <linux/slab.h>

#include "circuit.h"
#include "link.h"
#include "node.h"
#include "output.h"
#include "socket.h"

#define QUANTUM (2 * MV_CELL_MAX)
#define TARGET_NS (5 * NSEC_PER_MSEC)
#define INTERVAL_NS (100 * NSEC_PER_MSEC)
#define QUEUE_TOTAL 8192	/* cells of all circuits on one CPU, some 17 MB */
#define QUEUE_PART 8		/* of what is free, that one circuit's direction may have */
#define QUEUE_CELLS 256		/* of one circuit's direction, where the node does not say */
#define TURN 8			/* cells of one lane before the next one has its turn */

struct queue_cell {
	struct queue_cell *next;
	struct mv_half *half;
	u64 since, counter;
	u32 len;
	u8 class;
	u8 data[];
};

/* How much this CPU may put into a lane's socket until its next turn: bytes. By WRITE_ONCE. */
struct queue_share {
	int cells, device;
	bool parked;			/* a device waits here, too */
};

/* A predecessor link's turn on one lane. */
struct queue_link {
	struct list_head node;		/* in lane->links */
	struct hlist_node by_id;
	struct list_head flows;
	u32 link, lane, cells;
	int deficit;
};

/* A circuit's, in one direction. */
struct mv_queue_flow {
	struct list_head node;
	struct hlist_node by_half;
	struct queue_link *of;
	struct mv_half *half;
	struct queue_cell *first, **last;
	u32 cells;
	int deficit;
	/* CoDel */
	u64 above_at, drop_at;
	u32 drops;
	bool dropping;
};

struct mv_queue {
	spinlock_t lock;
	u32 cells;				/* read without the lock */
	u32 turn;				/* the lane that begins the next round */
	struct list_head lanes[MV_LANES_MAX];	/* of struct queue_link */
	struct queue_share shares[MV_LANES_MAX];
	DECLARE_HASHTABLE(flows, 8);
	DECLARE_HASHTABLE(links, 6);
};

int mv_queue_new(struct mv_engine *e)
{
	struct mv_queue *q = kvzalloc_node(sizeof(*q), GFP_KERNEL_ACCOUNT, cpu_to_node(e->cpu));
	u32 i;

	if (!q)
		return -ENOMEM;
	spin_lock_init(&q->lock);
	for (i = 0; i < MV_LANES_MAX; i++)
		INIT_LIST_HEAD(&q->lanes[i]);
	e->queue = q;
	return 0;
}

/* ---- flows; under the lock ---- */

static struct mv_queue_flow *flow_find(struct mv_queue *q, const struct mv_half *half)
{
	struct mv_queue_flow *f;

	hash_for_each_possible(q->flows, f, by_half, (unsigned long)half)
		if (f->half == half)
			return f;
	return NULL;
}

static struct queue_link *link_find(struct mv_queue *q, u32 link, u32 lane)
{
	struct queue_link *l;

	hash_for_each_possible(q->links, l, by_id, link)
		if (l->link == link && l->lane == lane)
			return l;
	l = kzalloc(sizeof(*l), GFP_ATOMIC | __GFP_NOWARN);
	if (!l)
		return NULL;
	l->link = link;
	l->lane = lane;
	l->deficit = QUANTUM;
	INIT_LIST_HEAD(&l->flows);
	list_add_tail(&l->node, &q->lanes[lane]);
	hash_add(q->links, &l->by_id, link);
	return l;
}

/* The link that cells of this direction come from, and the lane that they leave by. */
static struct queue_link *link_of(struct mv_queue *q, const struct mv_half *half)
{
	struct mv_circuit *c = half->circuit;
	u32 lane = half->away ? mv_out_lane(c->link, c->id) : mv_out_lane(c->out_link, c->out_id);

	return link_find(q, half->away ? c->out_link->id : c->link->id, lane % MV_LANES_MAX);
}

static struct mv_queue_flow *flow_of(struct mv_queue *q, struct mv_half *half)
{
	struct mv_queue_flow *f = flow_find(q, half);

	if (f)
		return f;
	f = kzalloc(sizeof(*f), GFP_ATOMIC | __GFP_NOWARN);
	if (!f)
		return NULL;
	f->of = link_of(q, half);
	if (!f->of) {
		kfree(f);
		return NULL;
	}
	f->half = half;
	f->last = &f->first;
	f->deficit = QUANTUM;
	list_add_tail(&f->node, &f->of->flows);
	hash_add(q->flows, &f->by_half, (unsigned long)half);
	return f;
}

static void flow_free(struct mv_queue_flow *f)
{
	struct queue_link *l = f->of;

	list_del(&f->node);
	hash_del(&f->by_half);
	kfree(f);
	if (!list_empty(&l->flows))
		return;
	list_del(&l->node);
	hash_del(&l->by_id);
	kfree(l);
}

static struct queue_cell *flow_take(struct mv_queue *q, struct mv_queue_flow *f)
{
	struct queue_cell *c = f->first;

	if (!c)
		return NULL;
	f->first = c->next;
	if (!f->first)
		f->last = &f->first;
	f->cells--;
	f->of->cells--;
	WRITE_ONCE(q->cells, q->cells - 1);
	return c;
}

static void flow_forget(struct mv_queue *q, struct mv_queue_flow *f)
{
	struct queue_cell *c;

	while ((c = flow_take(q, f)))
		kfree(c);
	flow_free(f);
}

void mv_queue_free(struct mv_engine *e)
{
	struct mv_queue *q = e->queue;
	struct mv_queue_flow *f;
	struct hlist_node *tmp;
	int i;

	if (!q)
		return;
	hash_for_each_safe(q->flows, i, tmp, f, by_half)
		flow_forget(q, f);
	kvfree(q);
	e->queue = NULL;
}

/* ---- in ---- */

bool mv_queue_waits(const struct mv_engine *e, const struct mv_half *half)
{
	struct mv_queue *q = e->queue;
	bool waits;

	if (likely(!READ_ONCE(q->cells)))
		return false;
	spin_lock(&q->lock);
	waits = flow_find(q, half);
	spin_unlock(&q->lock);
	return waits;
}

static struct queue_cell *cell_copy(const struct mv_cell *cell, u64 now)
{
	struct queue_cell *c = kmalloc(struct_size(c, data, cell->len), GFP_ATOMIC | __GFP_NOWARN);

	if (!c)
		return NULL;
	c->next = NULL;
	c->half = cell->half;
	c->since = now;
	c->counter = cell->counter;
	c->len = cell->len;
	c->class = cell->class;
	memcpy(c->data, cell->data, cell->len);
	return c;
}

/*
 * May the flow have one more? A link has no more than is left free and a circuit a part of that
 * (dynamic thresholds, Choudhury and Hahne 1998), so that there is always room for those who use
 * little: a link with many circuits that sends too much fills the queue for nobody else.
 */
static bool flow_room(const struct mv_queue *q, const struct mv_queue_flow *f, u32 limit)
{
	u32 left = QUEUE_TOTAL - q->cells;

	return f->of->cells < left && f->cells < min(limit ? limit : QUEUE_CELLS, left / QUEUE_PART + 1);
}

/* Under the lock. */
static bool cell_put(struct mv_engine *e, const struct mv_cell *cell)
{
	u32 limit = READ_ONCE(e->node->conf.queue_cells);
	struct mv_queue *q = e->queue;
	struct queue_cell *c = NULL;
	struct mv_queue_flow *f;

	WRITE_ONCE(q->cells, q->cells + 1);
	smp_mb();	/* mv_queue_forget() sees this, or we see its mark */
	f = READ_ONCE(cell->half->circuit->dead) || q->cells > QUEUE_TOTAL ? NULL :
	    flow_of(q, cell->half);
	if (f && flow_room(q, f, limit))
		c = cell_copy(cell, e->now);
	if (!c) {
		WRITE_ONCE(q->cells, q->cells - 1);
		if (f && !f->cells)
			flow_free(f);
		return false;
	}
	*f->last = c;
	f->last = &c->next;
	f->cells++;
	f->of->cells++;
	return true;
}

void mv_queue_add(struct mv_engine *e, const struct mv_cell *cell)
{
	bool ok;

	spin_lock(&e->queue->lock);
	ok = cell_put(e, cell);
	spin_unlock(&e->queue->lock);
	if (!ok)
		mv_drop_half(e, cell->half, MV_DROP_QUEUE);
}

/* ---- CoDel; under the lock ---- */

/* The time of the next drop (RFC 8289, 4.1: interval / sqrt(count)), in fixed point. */
static u64 control_law(u64 at, u32 count)
{
	return at + div_u64(INTERVAL_NS * 1024, int_sqrt64((u64)count << 20));
}

/* Has the delay been above the target for a whole interval? */
static bool too_long(struct mv_queue_flow *f, const struct queue_cell *c, u64 now)
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

static void flow_drop(struct mv_engine *e, struct mv_queue_flow *f, struct queue_cell *c)
{
	mv_drop_half(e, f->half, MV_DROP_QUEUE);
	kfree(c);
}

/* RFC 8289, 5.4 */
static struct queue_cell *flow_dequeue(struct mv_engine *e, struct mv_queue_flow *f)
{
	struct queue_cell *c = flow_take(e->queue, f);
	u64 now = e->now;
	bool drop = c && too_long(f, c, now);

	if (f->dropping) {
		if (!drop)
			f->dropping = false;
		while (c && f->dropping && now >= f->drop_at) {
			flow_drop(e, f, c);
			f->drops++;
			c = flow_take(e->queue, f);
			if (!c || !too_long(f, c, now))
				f->dropping = false;
			else
				f->drop_at = control_law(f->drop_at, f->drops);
		}
	} else if (drop) {
		flow_drop(e, f, c);
		c = flow_take(e->queue, f);
		f->dropping = true;
		f->drops = f->drops > 2 && now - f->drop_at < 8 * INTERVAL_NS ? f->drops - 2 : 1;
		f->drop_at = control_law(now, f->drops);
	}
	return c;
}

/* ---- out ---- */

/* The next cell in turn, or NULL if nothing waits for this lane. Under the lock. */
static struct queue_cell *next_cell(struct mv_engine *e, struct list_head *links)
{
	while (!list_empty(links)) {
		struct queue_link *l = list_first_entry(links, struct queue_link, node);
		struct mv_queue_flow *f = list_first_entry(&l->flows, struct mv_queue_flow, node);
		struct queue_cell *c;

		if (l->deficit <= 0) {
			l->deficit += QUANTUM;
			list_move_tail(&l->node, links);
			continue;
		}
		if (f->deficit <= 0) {
			f->deficit += QUANTUM;
			list_move_tail(&f->node, &l->flows);
			continue;
		}
		c = flow_dequeue(e, f);
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

/* Work on one cell. Return: its length; 0: nothing waits for this lane. */
static u32 send_cell(struct mv_engine *e, struct list_head *links)
{
	struct mv_cell cell = { .queued = true };
	struct queue_cell *c;

	spin_lock(&e->queue->lock);
	c = next_cell(e, links);
	spin_unlock(&e->queue->lock);
	if (!c)
		return 0;
	/* the half is there: we are in the RCU section in which it was found in the queue */
	cell.data = c->data;
	cell.len = c->len;
	cell.class = c->class;
	cell.counter = c->counter;
	cell.half = c->half;
	mv_input_cell(e, &cell);
	kfree(c);
	return cell.len;
}

static void spend(int *share, u32 bytes)
{
	WRITE_ONCE(*share, READ_ONCE(*share) - (int)bytes);
}

/* A socket that is no more holds nobody up: what waits for it is dropped there. */
static bool may_drain(struct mv_engine *e, u32 lane)
{
	return !rcu_access_pointer(e->node->sockets[lane]) ||
	       (READ_ONCE(e->queue->shares[lane].cells) > 0 && !mv_out_full(e, lane));
}

/* A lane's turn. Return: how many cells went. */
static int drain_lane(struct mv_engine *e, u32 lane, int budget)
{
	struct list_head *links = &e->queue->lanes[lane];
	int n = 0;
	u32 len;

	while (n < min(budget, TURN) && !list_empty(links) && may_drain(e, lane)) {
		len = send_cell(e, links);
		if (!len)
			break;
		spend(&e->queue->shares[lane].cells, len);
		n++;
	}
	return n;
}

int mv_queue_drain(struct mv_engine *e, int budget)
{
	struct mv_queue *q = e->queue;
	int n = 0, round = 1;
	u32 i;

	while (READ_ONCE(q->cells) && round && n < budget) {
		round = 0;
		for (i = 0; i < MV_LANES_MAX && n + round < budget; i++)
			round += drain_lane(e, (q->turn + i) % MV_LANES_MAX, budget - n - round);
		n += round;
	}
	q->turn++;
	return n;
}

void mv_queue_arm(struct mv_engine *e)
{
	struct mv_queue *q = e->queue;
	u32 i, lanes = 0;

	if (likely(!READ_ONCE(q->cells)))
		return;
	spin_lock(&q->lock);
	for (i = 0; i < MV_LANES_MAX; i++)
		if (!list_empty(&q->lanes[i]))
			lanes |= BIT(i);
	spin_unlock(&q->lock);
	mv_socket_wait(e->node, lanes);
}

/* ---- turns of CPUs and devices ---- */

static bool waits_for(const struct mv_queue *q, u32 lane)
{
	return READ_ONCE(q->cells) && !list_empty(&q->lanes[lane]);
}

static u32 count_waiting(struct mv_node *node, u32 lane)
{
	u32 n = 0;
	int cpu;

	for_each_online_cpu(cpu) {
		struct mv_queue *q = per_cpu_ptr(node->engines, cpu)->queue;

		n += waits_for(q, lane) + READ_ONCE(q->shares[lane].parked);
	}
	return n;
}

/* A super-packet may take more than there was; that is paid first. And nothing is saved up. */
static void grant(int *share, int bytes)
{
	WRITE_ONCE(*share, min(READ_ONCE(*share), 0) + bytes);
}

void mv_queue_kick(struct mv_node *node, u32 lane, u32 room)
{
	int cpu, share = max_t(u32, room / max(count_waiting(node, lane), 1U), MV_CELL_MAX);

	for_each_online_cpu(cpu) {
		struct mv_engine *e = per_cpu_ptr(node->engines, cpu);
		struct queue_share *s = &e->queue->shares[lane];

		if (READ_ONCE(s->parked)) {
			grant(&s->device, share);
			WRITE_ONCE(s->parked, false);
		}
		if (waits_for(e->queue, lane)) {
			grant(&s->cells, share);
			mv_engine_kick(e);
		}
	}
}

/* Does anybody wait for the socket already? Then nobody goes past them. */
static bool others_wait(const struct mv_engine *e, u32 lane)
{
	const struct mv_socket *s = rcu_dereference(e->node->sockets[lane]);

	return s && unlikely(READ_ONCE(s->waits));
}

bool mv_queue_must(struct mv_engine *e, u32 lane)
{
	return lane < MV_LANES_MAX && (mv_out_full(e, lane) || others_wait(e, lane));
}

bool mv_queue_device_must(struct mv_engine *e, u32 lane)
{
	return lane < MV_LANES_MAX &&
	       (mv_out_full(e, lane) ||
		(others_wait(e, lane) && READ_ONCE(e->queue->shares[lane].device) <= 0));
}

void mv_queue_device_sends(struct mv_engine *e, u32 lane, u32 bytes)
{
	if (lane < MV_LANES_MAX && others_wait(e, lane))
		spend(&e->queue->shares[lane].device, bytes);
}

void mv_queue_device_waits(struct mv_engine *e, u32 lane)
{
	if (lane >= MV_LANES_MAX)
		return;
	smp_store_mb(e->queue->shares[lane].parked, true);	/* before it is said that somebody waits */
	mv_socket_wait(e->node, BIT(lane));
}

/* ---- forgetting ---- */

static void forget_half(struct mv_queue *q, const struct mv_half *half)
{
	struct mv_queue_flow *f = flow_find(q, half);

	if (f)
		flow_forget(q, f);
}

void mv_queue_forget(struct mv_node *node, struct mv_circuit *c)
{
	int cpu;

	smp_mb();	/* c->dead first, see cell_put() */
	for_each_possible_cpu(cpu) {
		struct mv_queue *q = per_cpu_ptr(node->engines, cpu)->queue;

		if (likely(!q || !READ_ONCE(q->cells)))
			continue;
		spin_lock_bh(&q->lock);
		forget_half(q, &c->forward);
		forget_half(q, &c->backward);
		spin_unlock_bh(&q->lock);
	}
}
