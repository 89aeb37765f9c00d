// SPDX-License-Identifier: GPL-2.0
/*
 * Both ends of a circuit: see edge.h. A payload is filled in the edge's scratch where the onion wants
 * it, and sealed from there straight into the outgoing super-packet; what comes is joined straight
 * into the skbs that are delivered. So nothing is allocated for a cell, and an inner packet is
 * copied once on each side.
 */
#include "edge.h"

#include <linux/slab.h>
#include <net/ip_tunnels.h>

#include "compat.h"
#include "device.h"
#include "events.h"
#include "exit.h"
#include "layer.h"
#include "link.h"
#include "node.h"
#include "output.h"
#include "segment.h"

#define ROUNDS 16			/* of what other CPUs add while one runs an edge, then its poll does */
#define LATER_BYTES (64 << 10)		/* that are put off; then there is enough for a super-packet */
#define BACKLOG_BYTES (512 << 10)	/* of one circuit, behind which the device's queue stops */
#define CONTROL_BACKLOG 256		/* packets in the backlog, above which there is no room for control */

static struct mv_half *tx_half(struct mv_edge *edge)
{
	return mv_circuit_tx(edge->circuit);
}

/* Where in a scratch the payload begins, and its length. */
static u8 *payload_at(const struct mv_circuit *c, u8 *scratch)
{
	return scratch + mv_onion_payload_at(c->kind == MV_ORIGIN ? c->hops : 1);
}

static u32 payload_len(const struct mv_circuit *c, u32 class)
{
	return mv_class_body(class) - c->reserve;
}

/* ---- sealing ---- */

/* The next number of the half, for a cell of @len bytes; 0: for one that cannot leave. */
static bool take_number(struct mv_half *half, u64 *counter, u32 len)
{
	bool ok;

	spin_lock(&half->lock);
	ok = half->next <= MV_COUNTER_MAX;
	if (likely(ok)) {
		*counter = half->next++;
		half->cells += len > 0;
		half->bytes += len;
	}
	spin_unlock(&half->lock);
	return ok;
}

static void put_layers(const struct mv_circuit *c, u8 *slot, u8 *scratch, u64 counter, u32 body)
{
	if (c->kind == MV_ORIGIN) {
		mv_onion_wrap(slot, scratch, c->onion, counter, body);
		return;
	}
	scratch = payload_at(c, scratch);
	memset(scratch + body - c->reserve, 0, c->reserve);
	mv_layer_seal(slot, scratch, c->kb, counter, body);
}

/*
 * Send the payload in @scratch. One that cannot leave uses its number up all the same: the other end
 * sees a gap and does not join what lies before it with what comes after.
 */
static int seal(struct mv_engine *e, struct mv_circuit *c, u8 *scratch, u32 class)
{
	struct mv_half *half = mv_circuit_tx(c);
	enum mv_drop cause;
	struct mv_out *out;
	u64 counter;
	u8 *slot;

	slot = mv_out_reserve(e, c->link, c->id, class, &out, &cause);
	if (unlikely(!take_number(half, &counter, slot ? mv_class_cell(class) : 0))) {
		slot = NULL;
		cause = MV_DROP_COUNTER;
	}
	if (unlikely(!slot)) {
		mv_drop_half(e, half, cause);
		return -EAGAIN;
	}
	put_layers(c, slot, scratch, counter, mv_class_body(class));
	mv_out_commit(e, out, slot, c->id, counter);
	mv_input_limits(e, c);
	return 0;
}

/* ---- device to cells: payloads, the runner's ---- */

static void begin_payload(struct mv_engine *e, struct mv_edge *edge)
{
	const struct mv_circuit *c = edge->circuit;

	edge->class = READ_ONCE(c->data_class);
	edge->since = e->now;
	edge->open = true;
	mv_frame_begin(&edge->packer, payload_at(c, edge->scratch), payload_len(c, edge->class));
}

/* A lone small packet may go in a small cell, where the circuit was built for that. */
static u32 final_class(struct mv_edge *edge)
{
	const struct mv_circuit *c = edge->circuit;
	struct mv_frame_packer *p = &edge->packer;
	u32 small = payload_len(c, MV_SMALL);

	if (!READ_ONCE(c->small_forward) || c->kind != MV_ORIGIN || mv_frame_rest(p) || p->at > small)
		return edge->class;
	p->len = small;
	return MV_SMALL;
}

static void finish_payload(struct mv_engine *e, struct mv_edge *edge)
{
	u32 class = final_class(edge);

	mv_frame_end(&edge->packer);
	edge->open = false;
	if (!seal(e, edge->circuit, edge->scratch, class))
		edge->last_sent = e->now;
}

/* As mv_frame_put(), out of an skb. */
static u32 put_skb(struct mv_frame_packer *p, const struct sk_buff *skb, u32 offset, u32 len)
{
	len = min3(len, p->rest, mv_frame_room(p));
	skb_copy_bits(skb, offset, p->payload + p->at, len);
	p->at += len;
	p->rest -= len;
	return len;
}

/* The next @len bytes of a segment, over as many payloads as it takes; @src NULL: from the skb. */
static void put_bytes(struct mv_engine *e, struct mv_edge *edge, const u8 *src, const struct mv_segment *s,
		      u32 len)
{
	struct mv_frame_packer *p = &edge->packer;
	u32 done = 0;

	while (done < len) {
		if (!edge->open)
			begin_payload(e, edge);
		if (src)
			done += mv_frame_put(p, src + done, len - done);
		else
			done += put_skb(p, s->skb, s->offset + done, len - done);
		if (!mv_frame_room(p))
			finish_payload(e, edge);
	}
}

static void put_segment(struct mv_engine *e, struct mv_edge *edge, const struct mv_segment *s)
{
	u32 len = s->header_len + s->len;

	if (unlikely(!mv_bucket_take(&tx_half(edge)->rate, e->now, len))) {
		mv_drop_half(e, tx_half(edge), MV_DROP_RATE);
		return;
	}
	if (!edge->open)
		begin_payload(e, edge);
	mv_frame_start(&edge->packer, len);
	put_bytes(e, edge, s->header, s, s->header_len);
	put_bytes(e, edge, NULL, s, s->len);
	mv_stat_add(&e->stats, MV_STAT_TX_PACKETS, 1);
	mv_stat_add(&e->stats, MV_STAT_TX_PACKET_BYTES, len);
}

static void set_hold(struct mv_edge *edge, u64 ns)
{
	spin_lock(&edge->lock);
	/* one that was set for an earlier payload comes early and sets itself again */
	if (!edge->stopped && !hrtimer_is_queued(&edge->hold))
		hrtimer_start(&edge->hold, ns_to_ktime(ns), HRTIMER_MODE_REL_SOFT);
	spin_unlock(&edge->lock);
}

/* The part of a payload that is left over leaves now, or soon. */
static void settle(struct mv_engine *e, struct mv_edge *edge)
{
	u64 hold = READ_ONCE(e->node->conf.hold_us) * (u64)NSEC_PER_USEC, age;

	if (!edge->open)
		return;
	/* another CPU may have begun the payload a moment after this one's clock was read */
	age = e->now > edge->since ? e->now - edge->since : 0;
	if (!hold || !edge->last_sent || edge->since - edge->last_sent >= hold || age >= hold)
		finish_payload(e, edge);
	else
		set_hold(edge, hold - age);
}

/* ---- what the runner sends ---- */

static int send_segments(struct mv_engine *e, struct mv_edge *edge, struct sk_buff *skb)
{
	struct mv_segment s;
	int err = mv_segment_begin(&s, skb);

	if (unlikely(err))
		return err;
	while (mv_segment_next(&s))
		put_segment(e, edge, &s);
	consume_skb(skb);
	return 0;
}

static void refuse(struct mv_engine *e, struct mv_edge *edge, struct sk_buff *skb)
{
	mv_drop_half(e, tx_half(edge), MV_DROP_FRAME);
	kfree_skb(skb);
}

/* What segment.c leaves to the stack. */
static void send_rare(struct mv_engine *e, struct mv_edge *edge, struct sk_buff *skb)
{
	struct sk_buff *at, *next, *segments = skb;

	if (skb_is_gso(skb)) {
		segments = skb_gso_segment(skb, 0);
		if (IS_ERR_OR_NULL(segments)) {
			refuse(e, edge, skb);
			return;
		}
		consume_skb(skb);
	}
	skb_list_walk_safe(segments, at, next) {
		skb_mark_not_on_list(at);
		if ((at->ip_summed == CHECKSUM_PARTIAL && skb_checksum_help(at)) ||
		    send_segments(e, edge, at))
			refuse(e, edge, at);
	}
}

/* Between payloads of the stream, whose current packet goes on after it. */
static void send_control(struct mv_engine *e, struct mv_edge *edge, struct sk_buff *skb)
{
	const struct mv_circuit *c = edge->circuit;
	u32 class = READ_ONCE(c->data_class);

	if (mv_frame_control(payload_at(c, e->scratch), payload_len(c, class), skb->data, skb->len) &&
	    !seal(e, edge->circuit, e->scratch, class))
		edge->last_sent = e->now;
	memzero_explicit(skb->data, skb->len);
	consume_skb(skb);
}

struct edge_cb {
	bool control;
};

static struct edge_cb *edge_cb(struct sk_buff *skb)
{
	return (struct edge_cb *)skb->cb;
}

static void send_skb(struct mv_engine *e, struct mv_edge *edge, struct sk_buff *skb)
{
	int err;

	if (edge_cb(skb)->control) {
		send_control(e, edge, skb);
		return;
	}
	err = send_segments(e, edge, skb);
	if (likely(!err))
		return;
	if (err == -EOPNOTSUPP)
		send_rare(e, edge, skb);
	else
		refuse(e, edge, skb);
}

/* ---- who runs ---- */

/* Seal all that waits. Return: packets */
static int work(struct mv_engine *e, struct mv_edge *edge)
{
	struct sk_buff_head list;
	struct sk_buff *skb;
	int n;

	__skb_queue_head_init(&list);
	spin_lock(&edge->lock);
	skb_queue_splice_init(&edge->backlog, &list);
	WRITE_ONCE(edge->backlog_bytes, 0);
	edge->due = false;
	spin_unlock(&edge->lock);
	n = skb_queue_len(&list);
	while ((skb = __skb_dequeue(&list)))
		send_skb(e, edge, skb);
	settle(e, edge);
	return n;
}

/* This CPU's poll is to run it; under lock, nobody runs it. */
static void put_off(struct mv_engine *e, struct mv_edge *edge)
{
	if (!edge->home) {
		edge->home = e;
		spin_lock(&e->edges_lock);
		list_add_tail(&edge->node, &e->edges);
		spin_unlock(&e->edges_lock);
	}
	napi_schedule(&e->napi);
}

/* What was sealed is sent. True: nobody runs it any more; @put: the poll goes on with it. */
static bool let_go(struct mv_engine *e, struct mv_edge *edge, bool put)
{
	bool more;

	spin_lock(&edge->lock);
	more = !edge->stopped && (edge->due || !skb_queue_empty(&edge->backlog));
	if (!more || put)
		edge->running = false;
	if (more && put)
		put_off(e, edge);
	spin_unlock(&edge->lock);
	return !more || put;
}

/* By whoever made it running. */
static void run(struct mv_engine *e, struct mv_edge *edge)
{
	u32 round = 0;

	do {
		work(e, edge);
		mv_engine_end(e);
	} while (!let_go(e, edge, ++round == ROUNDS));
}

/* Queue it. True: the caller is to run the edge. */
static bool enqueue(struct mv_engine *e, struct mv_edge *edge, struct sk_buff *skb, bool later)
{
	bool mine = false;

	spin_lock(&edge->lock);
	if (unlikely(edge->stopped)) {
		spin_unlock(&edge->lock);
		mv_drop_half(e, tx_half(edge), MV_DROP_NO_CIRCUIT);
		kfree_skb(skb);
		return false;
	}
	__skb_queue_tail(&edge->backlog, skb);
	WRITE_ONCE(edge->backlog_bytes, edge->backlog_bytes + skb->len);
	if (edge->running)
		;	/* who runs it takes this too */
	else if (later && edge->backlog_bytes < LATER_BYTES)
		put_off(e, edge);
	else
		mine = edge->running = true;
	spin_unlock(&edge->lock);
	return mine;
}

void mv_edge_packet(struct mv_engine *e, struct mv_circuit *c, struct sk_buff *skb, bool later)
{
	edge_cb(skb)->control = false;
	if (enqueue(e, c->edge, skb, later))
		run(e, c->edge);
}

bool mv_edge_full(const struct mv_circuit *c)
{
	return READ_ONCE(c->edge->backlog_bytes) > BACKLOG_BYTES;
}

static struct mv_edge *next_put_off(struct mv_engine *e)
{
	struct mv_edge *edge;

	spin_lock(&e->edges_lock);
	edge = list_first_entry_or_null(&e->edges, struct mv_edge, node);
	if (edge)
		list_del_init(&edge->node);
	spin_unlock(&e->edges_lock);
	return edge;
}

int mv_edge_poll(struct mv_engine *e, int budget, struct list_head *ran)
{
	struct mv_edge *edge;
	int n = 0;
	bool mine;

	while (n < budget && (edge = next_put_off(e))) {
		spin_lock(&edge->lock);
		/* somebody else may have run it meanwhile, or be at it */
		edge->home = NULL;
		mine = !edge->running && !edge->stopped;
		if (mine)
			edge->running = true;
		spin_unlock(&edge->lock);
		if (!mine)
			continue;
		list_add_tail(&edge->node, ran);
		n += work(e, edge);
	}
	return n;
}

void mv_edge_ran(struct mv_engine *e, struct list_head *ran)
{
	struct mv_edge *edge, *next;

	list_for_each_entry_safe(edge, next, ran, node) {
		list_del_init(&edge->node);
		let_go(e, edge, true);
	}
}

bool mv_edge_waits(const struct mv_engine *e)
{
	return !list_empty_careful(&e->edges);
}

static enum hrtimer_restart held(struct hrtimer *timer)
{
	struct mv_edge *edge = container_of(timer, struct mv_edge, hold);
	struct mv_engine *e;
	bool mine;

	rcu_read_lock();
	e = mv_engine_begin(edge->circuit->link->node);
	spin_lock(&edge->lock);
	edge->due = true;
	mine = !edge->running && !edge->stopped;
	if (mine)
		edge->running = true;
	spin_unlock(&edge->lock);
	if (mine)
		run(e, edge);
	rcu_read_unlock();
	return HRTIMER_NORESTART;
}

static int check_control(const struct mv_circuit *c, u32 len)
{
	if (len > payload_len(c, READ_ONCE(c->data_class)) - MV_FRAME_HEADER)
		return -EMSGSIZE;
	/* nothing goes under db before the first cell under df came */
	if (c->kind == MV_TERMINUS && READ_ONCE(c->pass))
		return -EAGAIN;
	return skb_queue_len_lockless(&c->edge->backlog) > CONTROL_BACKLOG ? -EAGAIN : 0;
}

int mv_edge_control(struct mv_node *node, struct mv_circuit *c, const u8 *data, u32 len)
{
	int err = check_control(c, len);
	struct mv_engine *e;
	struct sk_buff *skb;

	if (err)
		return err;
	skb = alloc_skb(len, GFP_ATOMIC);
	if (!skb)
		return -ENOMEM;
	skb_put_data(skb, data, len);
	edge_cb(skb)->control = true;
	local_bh_disable();
	e = mv_engine_begin(node);
	if (enqueue(e, c->edge, skb, false))
		run(e, c->edge);
	local_bh_enable();
	return 0;
}

/* ---- cells to device, under edge->rx_lock ---- */

struct sink {
	struct mv_reassembly_sink base;
	struct mv_engine *engine;
	struct mv_circuit *circuit;
	struct mv_device *device;
};

static void refused(struct sink *sink, struct sk_buff *skb)
{
	mv_drop(sink->engine, MV_DROP_DEVICE);
	this_cpu_inc(sink->device->drops[MV_DROP_DEVICE]);
	kfree_skb(skb);
}

/* A fresh skb with nothing but an accepted packet in it. */
static void deliver(struct sink *sink, struct sk_buff *skb)
{
	struct net_device *dev = sink->device->dev;
	struct mv_engine *e = sink->engine;

	if (unlikely(!netif_running(dev))) {
		refused(sink, skb);
		return;
	}
	skb->dev = dev;
	skb->protocol = skb->data[0] >> 4 == 4 ? htons(ETH_P_IP) : htons(ETH_P_IPV6);
	/* that the cell is genuine says nothing about what was put in */
	skb->ip_summed = CHECKSUM_NONE;
	skb_reset_mac_header(skb);
	skb_reset_network_header(skb);
	skb_reset_mac_len(skb);
	dev_sw_netstats_rx_add(dev, skb->len);
	mv_stat_add(&e->stats, MV_STAT_RX_PACKETS, 1);
	mv_stat_add(&e->stats, MV_STAT_RX_PACKET_BYTES, skb->len);
	__skb_queue_tail(&e->deliver, skb);
}

static void whole(const struct mv_reassembly_sink *base, const u8 *packet, u32 len)
{
	struct sink *sink = container_of(base, struct sink, base);
	struct sk_buff *skb;

	if (!mv_inner_accept(sink->engine, sink->circuit, packet, len))
		return;
	skb = napi_alloc_skb(&sink->engine->napi, len);
	if (unlikely(!skb)) {
		refused(sink, NULL);
		return;
	}
	skb_put_data(skb, packet, len);
	deliver(sink, skb);
}

static void joined(const struct mv_reassembly_sink *base, struct sk_buff *skb)
{
	struct sink *sink = container_of(base, struct sink, base);

	if (mv_inner_accept(sink->engine, sink->circuit, skb->data, skb->len))
		deliver(sink, skb);
	else
		kfree_skb(skb);
}

static void count(struct mv_engine *e, struct mv_edge *edge)
{
	struct mv_reassembly_counters *n = &edge->reassembly.counters;
	u32 frame = n->bad + n->unknown + n->broken, lost = n->lost + n->limited;

	if (likely(!frame && !lost))
		return;
	mv_stat_add(&e->stats, MV_STAT_DROP + MV_DROP_FRAME, frame);
	mv_stat_add(&e->stats, MV_STAT_DROP + MV_DROP_REASSEMBLY, lost);
	memset(n, 0, sizeof(*n));
}

static void await(struct mv_edge *edge)
{
	if (unlikely(edge->reassembly.waiting) && !timer_pending(&edge->expiry))
		mod_timer(&edge->expiry, jiffies + nsecs_to_jiffies(MV_REASSEMBLY_TIME) + 1);
}

static void expired(struct timer_list *timer)
{
	struct mv_edge *edge = container_of(timer, struct mv_edge, expiry);
	struct mv_engine *e;

	rcu_read_lock();
	e = mv_engine_begin(edge->circuit->link->node);
	spin_lock(&edge->rx_lock);
	if (!edge->stopped) {
		mv_reassembly_expire(&edge->reassembly, e->now);
		count(e, edge);
		await(edge);
	}
	spin_unlock(&edge->rx_lock);
	mv_engine_end(e);
	rcu_read_unlock();
}

static void tell_control(struct mv_engine *e, struct mv_circuit *c, u64 counter, const u8 *payload, u32 len)
{
	struct mv_event event = {
		.kind = MV_EVENT_CONTROL, .link = c->link->id, .circuit = c->id, .counter = counter,
		.data = payload + MV_FRAME_HEADER, .len = len - MV_FRAME_HEADER,
	};

	if (mv_bucket_take(&c->control_bucket, e->now, 1))
		mv_event_send(e->node, &event);
	else
		mv_drop(e, MV_DROP_UP);
}

void mv_edge_payload(struct mv_engine *e, struct mv_circuit *c, u64 counter, const u8 *payload, u32 len)
{
	struct mv_exit *exit = rcu_dereference(c->exit);
	enum mv_frame_type type = MV_FRAME_UNKNOWN;
	struct mv_edge *edge = c->edge;
	struct sink sink;

	if (likely(exit)) {
		sink = (struct sink){
			.base = { whole, joined, &e->napi, e->now,
				  max_t(u32, mv_device_mtu(exit->device), IPV6_MIN_MTU) },
			.engine = e, .circuit = c, .device = exit->device,
		};
		spin_lock(&edge->rx_lock);
		/* nor may the timer be started again that mv_edge_stop() ends: the edge is freed then */
		if (likely(!edge->stopped)) {
			type = mv_reassembly_input(&edge->reassembly, counter, payload, len, &sink.base);
			count(e, edge);
			await(edge);
		}
		spin_unlock(&edge->rx_lock);
	} else if (payload[0] == MV_SUBTYPE_CONTROL) {
		type = MV_FRAME_CONTROL;
	} else {
		mv_drop(e, MV_DROP_NO_CIRCUIT);
	}
	if (type == MV_FRAME_CONTROL)
		tell_control(e, c, counter, payload, len);
}

/* ---- life ---- */

struct mv_edge *mv_edge_new(struct mv_circuit *c)
{
	struct mv_edge *edge = kzalloc(sizeof(*edge), GFP_KERNEL_ACCOUNT);

	if (!edge)
		return NULL;
	edge->circuit = c;
	spin_lock_init(&edge->lock);
	__skb_queue_head_init(&edge->backlog);
	INIT_LIST_HEAD(&edge->node);
	spin_lock_init(&edge->rx_lock);
	mv_hrtimer_setup(&edge->hold, held, CLOCK_MONOTONIC, HRTIMER_MODE_REL_SOFT);
	timer_setup(&edge->expiry, expired, 0);
	return edge;
}

void mv_edge_stop(struct mv_circuit *c)
{
	struct mv_edge *edge = c->edge;
	struct mv_engine *home;

	if (!edge)
		return;
	spin_lock_bh(&edge->lock);
	spin_lock(&edge->rx_lock);
	edge->stopped = true;
	spin_unlock(&edge->rx_lock);
	home = edge->home;
	if (home) {
		spin_lock(&home->edges_lock);
		list_del_init(&edge->node);
		spin_unlock(&home->edges_lock);
		edge->home = NULL;
	}
	__skb_queue_purge(&edge->backlog);
	spin_unlock_bh(&edge->lock);
	hrtimer_cancel(&edge->hold);
	mv_timer_delete_sync(&edge->expiry);
}

void mv_edge_free(struct mv_edge *edge)
{
	if (!edge)
		return;
	mv_reassembly_fini(&edge->reassembly);
	kfree_sensitive(edge);
}
