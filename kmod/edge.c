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

static bool take_number(struct mv_half *half, u64 *counter, u32 class)
{
	bool ok;

	spin_lock(&half->lock);
	ok = half->next <= MV_COUNTER_MAX;
	if (likely(ok)) {
		*counter = half->next++;
		half->cells++;
		half->bytes += mv_class_cell(class);
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

/* Send the payload in @scratch. */
static int seal(struct mv_engine *e, struct mv_circuit *c, u8 *scratch, u32 class)
{
	struct mv_half *half = mv_circuit_tx(c);
	enum mv_drop cause = MV_DROP_COUNTER;
	struct mv_out *out;
	u64 counter;
	u8 *slot;

	slot = mv_out_reserve(e, c->link, c->id, class, &out, &cause);
	if (unlikely(!slot) || unlikely(!take_number(half, &counter, class))) {
		mv_drop_half(e, half, slot ? MV_DROP_COUNTER : cause);
		return -EAGAIN;
	}
	put_layers(c, slot, scratch, counter, mv_class_body(class));
	mv_out_commit(e, out, slot, c->id, counter);
	mv_input_limits(e, c);
	return 0;
}

/* ---- device to cells, under edge->lock ---- */

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

/* The part of a payload that is left over leaves now, or soon. */
static void settle(struct mv_engine *e, struct mv_edge *edge)
{
	u64 hold = READ_ONCE(e->node->conf.hold_us) * (u64)NSEC_PER_USEC, age;

	if (!edge->open)
		return;
	age = e->now - edge->since;
	if (!hold || !edge->last_sent || edge->since - edge->last_sent >= hold || age >= hold) {
		finish_payload(e, edge);
		return;
	}
	/* one that was set for an earlier payload comes early and sets itself again */
	if (!hrtimer_is_queued(&edge->hold))
		hrtimer_start(&edge->hold, ns_to_ktime(hold - age), HRTIMER_MODE_REL_SOFT);
}

static enum hrtimer_restart held(struct hrtimer *timer)
{
	struct mv_edge *edge = container_of(timer, struct mv_edge, hold);
	struct mv_engine *e;

	rcu_read_lock();
	e = mv_engine_begin(edge->circuit->link->node);
	spin_lock(&edge->lock);
	if (!edge->stopped)
		settle(e, edge);
	spin_unlock(&edge->lock);
	mv_engine_end(e);
	rcu_read_unlock();
	return HRTIMER_NORESTART;
}

/* One packet, or those of a super-packet. */
static int send_skb(struct mv_engine *e, struct mv_edge *edge, struct sk_buff *skb)
{
	struct mv_segment s;
	int err = mv_segment_begin(&s, skb);

	if (unlikely(err))
		return err;
	spin_lock(&edge->lock);
	if (unlikely(edge->stopped)) {
		err = -ENOENT;
	} else {
		while (mv_segment_next(&s))
			put_segment(e, edge, &s);
		settle(e, edge);
	}
	spin_unlock(&edge->lock);
	return err;
}

static void drop_skb(struct mv_engine *e, struct mv_edge *edge, struct sk_buff *skb, int err)
{
	mv_drop_half(e, tx_half(edge), err == -ENOENT ? MV_DROP_NO_CIRCUIT : MV_DROP_FRAME);
	kfree_skb(skb);
}

/* What segment.c leaves to the stack. */
static void send_rare(struct mv_engine *e, struct mv_edge *edge, struct sk_buff *skb)
{
	struct sk_buff *at, *next, *segments = skb;
	int err;

	if (skb_is_gso(skb)) {
		segments = skb_gso_segment(skb, 0);
		if (IS_ERR_OR_NULL(segments)) {
			drop_skb(e, edge, skb, -EINVAL);
			return;
		}
		consume_skb(skb);
	}
	skb_list_walk_safe(segments, at, next) {
		skb_mark_not_on_list(at);
		err = at->ip_summed == CHECKSUM_PARTIAL ? skb_checksum_help(at) : 0;
		err = err ?: send_skb(e, edge, at);
		if (err)
			drop_skb(e, edge, at, err);
		else
			consume_skb(at);
	}
}

void mv_edge_packet(struct mv_engine *e, struct mv_circuit *c, struct sk_buff *skb)
{
	int err = send_skb(e, c->edge, skb);

	if (likely(!err))
		consume_skb(skb);
	else if (err == -EOPNOTSUPP)
		send_rare(e, c->edge, skb);
	else
		drop_skb(e, c->edge, skb, err);
}

int mv_edge_control(struct mv_node *node, struct mv_circuit *c, const u8 *data, u32 len)
{
	struct mv_edge *edge = c->edge;
	struct mv_engine *e;
	int err = -EAGAIN;
	u32 class;

	local_bh_disable();
	class = READ_ONCE(c->data_class);
	e = mv_engine_begin(node);
	spin_lock(&edge->lock);
	/* nothing goes under db before the first cell under df came */
	if (!edge->stopped && !(c->kind == MV_TERMINUS && READ_ONCE(c->pass)))
		err = mv_frame_control(payload_at(c, e->scratch), payload_len(c, class), data, len) ?
		      seal(e, c, e->scratch, class) : -EMSGSIZE;
	if (!err)
		edge->last_sent = e->now;
	spin_unlock(&edge->lock);
	mv_engine_end(e);
	local_bh_enable();
	return err;
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
		if (likely(!edge->stopped))
			type = mv_reassembly_input(&edge->reassembly, counter, payload, len, &sink.base);
		count(e, edge);
		await(edge);
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
	struct mv_edge *edge = kzalloc(sizeof(*edge), GFP_KERNEL);

	if (!edge)
		return NULL;
	edge->circuit = c;
	spin_lock_init(&edge->lock);
	spin_lock_init(&edge->rx_lock);
	mv_hrtimer_setup(&edge->hold, held, CLOCK_MONOTONIC, HRTIMER_MODE_REL_SOFT);
	timer_setup(&edge->expiry, expired, 0);
	return edge;
}

void mv_edge_stop(struct mv_circuit *c)
{
	struct mv_edge *edge = c->edge;

	if (!edge)
		return;
	spin_lock_bh(&edge->lock);
	spin_lock(&edge->rx_lock);
	edge->stopped = true;
	spin_unlock(&edge->rx_lock);
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
