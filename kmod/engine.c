// SPDX-License-Identifier: GPL-2.0
/*
 * The life of an engine, its ring of received skbs, and the end of every batch, where all that was
 * gathered is sent and delivered. See engine.h for what may happen when.
 */
#include "engine.h"

#include <linux/slab.h>

#include "node.h"
#include "onion.h"
#include "output.h"
#include "queue.h"

#define ROUNDS 16	/* of what sending and delivering may bring about in turn */

static void kicked(void *arg)
{
	struct mv_engine *e = arg;

	napi_schedule(&e->napi);
}

static int engine_memory(struct mv_engine *e)
{
	int node = cpu_to_node(e->cpu);

	e->ring = kvmalloc_node(MV_ENGINE_RING * sizeof(*e->ring), GFP_KERNEL_ACCOUNT, node);
	e->opened = kvmalloc_node(MV_ENGINE_RING_CELLS * sizeof(*e->opened), GFP_KERNEL_ACCOUNT, node);
	e->bounce = kmalloc_node(MV_ENGINE_CELL, GFP_KERNEL_ACCOUNT, node);
	/* of a power of two, which kmalloc() aligns to its size */
	e->scratch = kmalloc_node(roundup_pow_of_two(MV_ONION_SCRATCH), GFP_KERNEL_ACCOUNT, node);
	return e->ring && e->opened && e->bounce && e->scratch ? 0 : -ENOMEM;
}

int mv_engine_init(struct mv_engine *e, struct mv_node *node, int cpu)
{
	int err;

	e->node = node;
	e->cpu = cpu;
	u64_stats_init(&e->stats.sync);
	__skb_queue_head_init(&e->send);
	__skb_queue_head_init(&e->deliver);
	INIT_LIST_HEAD(&e->edges);
	spin_lock_init(&e->edges_lock);
	INIT_CSD(&e->csd, kicked, e);
	/* it polls for nobody's socket: stay out of the table of NAPI ids */
	set_bit(NAPI_STATE_NO_BUSY_POLL, &e->napi.state);
	netif_napi_add(node->napi_dev, &e->napi, mv_input_poll);
	err = engine_memory(e);
	if (!err)
		err = mv_outs_new(e);
	if (!err)
		err = mv_queue_new(e);
	napi_enable(&e->napi);
	if (err)
		mv_engine_fini(e);
	return err;
}

void mv_engine_purge(struct mv_engine *e)
{
	for (; e->head != e->tail; e->head++)
		kfree_skb(e->ring[e->head % MV_ENGINE_RING].skb);
	e->cells_head = e->cells_tail;
}

static void nothing(void *arg)
{
}

/* A grace period after the last socket lost the node: nobody pushes or kicks. Another one follows. */
void mv_engine_fini(struct mv_engine *e)
{
	if (!e->node)
		return;
	/* a kick that is on its way has arrived when this one has */
	smp_call_function_single(e->cpu, nothing, NULL, 1);
	napi_disable(&e->napi);
	__netif_napi_del(&e->napi);
	if (e->ring)
		mv_engine_purge(e);
	if (e->outs)
		mv_out_purge(e);
	__skb_queue_purge(&e->deliver);
	mv_queue_free(e);
	mv_outs_free(e);
	kvfree(e->ring);
	kvfree(e->opened);
	kfree(e->bounce);
	kfree_sensitive(e->scratch);
	e->node = NULL;
}

struct mv_engine *mv_engine_begin(struct mv_node *node)
{
	struct mv_engine *e = this_cpu_ptr(node->engines);

	lockdep_assert_in_softirq();
	e->now = ktime_get_ns();
	return e;
}

/* Only the poll itself may feed its own GRO, and its end gathers what nested ends leave. */
static void deliver(struct mv_engine *e)
{
	struct sk_buff_head list;
	struct sk_buff *skb;

	__skb_queue_head_init(&list);
	skb_queue_splice_init(&e->deliver, &list);
	while ((skb = __skb_dequeue(&list))) {
		if (e->polling)
			napi_gro_receive(&e->napi, skb);
		else
			netif_rx(skb);
	}
}

void mv_engine_end(struct mv_engine *e)
{
	u32 round;

	mv_out_flush(e, true);
	if (e->ending)
		return;
	e->ending = true;
	for (round = 0; round < ROUNDS; round++) {
		if (skb_queue_empty(&e->send) && skb_queue_empty(&e->deliver))
			break;
		mv_out_send(e);
		deliver(e);
	}
	/* a loop of routes through our own devices, or it looks like one */
	if (unlikely(round == ROUNDS)) {
		mv_out_purge(e);
		mv_stat_add(&e->stats, MV_STAT_DROP + MV_DROP_DEVICE, skb_queue_len(&e->deliver));
		__skb_queue_purge(&e->deliver);
	}
	e->ending = false;
}

u32 mv_engine_removed(const struct mv_engine *e)
{
	return mv_hash_removed(&e->node->rx_ids) + mv_hash_removed(&e->node->circuits);
}

bool mv_engine_room(const struct mv_engine *e, u32 cells)
{
	return e->tail - e->head < MV_ENGINE_RING &&
	       e->cells_tail - e->cells_head + cells <= MV_ENGINE_RING_CELLS && !READ_ONCE(e->node->dead);
}

void mv_engine_push(struct mv_engine *e, const struct mv_input *in)
{
	e->ring[e->tail++ % MV_ENGINE_RING] = *in;
	e->cells_tail += DIV_ROUND_UP(in->len, in->segment);
	napi_schedule(&e->napi);
}

void mv_engine_kick(struct mv_engine *e)
{
	/* -EBUSY: another kick is on its way; -ENXIO: CPU went, its NAPI contexts moved to others */
	if (smp_call_function_single_async(e->cpu, &e->csd) != -ENXIO)
		return;
	local_bh_disable();
	napi_schedule(&e->napi);
	local_bh_enable();
}
