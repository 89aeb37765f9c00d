// SPDX-License-Identifier: GPL-2.0
/*
 * What arrives, in the order of Documentation/protocol.rst, "Layers": length class, link id,
 * header, circuit, and then by the circuit's kind. And what of it the owner is told.
 */
#include <linux/hash.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/prefetch.h>
#include <linux/udp.h>
#include <net/gro.h>

#include "circuit.h"
#include "edge.h"
#include "engine.h"
#include "events.h"
#include "link.h"
#include "node.h"
#include "queue.h"

#define ADDRESS_NS NSEC_PER_SEC			/* MV_EVENT_ADDRESS for one address at most this often */
#define ADDRESS_GAP_NS (100 * NSEC_PER_MSEC)	/* and for different ones */
#define COUNTER_MARGIN (1ULL << 32)

void mv_drop_half(struct mv_engine *e, struct mv_half *half, enum mv_drop cause)
{
	mv_drop(e, cause);
	/* two CPUs may lose one of two at once: it is no more than a number for people */
	WRITE_ONCE(half->drops, half->drops + 1);
}

enum mv_verdict mv_input_resolve(struct mv_engine *e, struct mv_cell *cell, bool *drop)
{
	struct mv_node *node = e->node;
	struct mv_link_session *s = mv_link_rx(&node->rx_ids, mv_cell_link(cell->data));
	struct mv_header header;
	struct mv_half *half;

	cell->session = s;
	cell->half = NULL;
	if (unlikely(!s))
		return MV_UP;
	if (unlikely(!mv_header_open(cell->data, &s->rx, cell->len - MV_CELL_HEADER, &header))) {
		*drop = true;
		return MV_DONE;
	}
	cell->class = mv_cell_class(cell->len);
	cell->counter = header.counter;
	if (unlikely(header.circuit == MV_CIRCUIT_CONTROL))
		return MV_UP;
	half = mv_half_find(&node->circuits, s->link->id, header.circuit);
	if (unlikely(!half || READ_ONCE(half->circuit->dead)))
		return MV_UP;
	cell->half = half;
	return unlikely(READ_ONCE(half->circuit->pass)) ? MV_UP : MV_DONE;
}

void mv_input_count(struct mv_engine *e, struct mv_cell *cell)
{
	struct mv_link_session *s = cell->session;
	struct mv_link_counters *n = this_cpu_ptr(s->link->counters);

	u64_stats_update_begin(&n->sync);
	u64_stats_inc(&n->rx_cells);
	u64_stats_add(&n->rx_bytes, cell->len);
	u64_stats_update_end(&n->sync);
	u64_stats_update_begin(&e->stats.sync);
	u64_stats_inc(&e->stats.v[MV_STAT_RX_CELLS]);
	u64_stats_add(&e->stats.v[MV_STAT_RX_BYTES], cell->len);
	u64_stats_update_end(&e->stats.sync);
	if (unlikely(READ_ONCE(s->state) == MV_SESSION_NEXT) && !atomic_xchg(&s->opened, 1)) {
		struct mv_event event = {
			.kind = MV_EVENT_SESSION, .link = s->link->id, .index = s->index,
		};

		mv_event_send(e->node, &event);
	}
}

void mv_input_limits(struct mv_engine *e, struct mv_circuit *c)
{
	u64 limit = READ_ONCE(e->node->conf.volume_limit), next = READ_ONCE(mv_circuit_tx(c)->next);
	struct mv_event event = { .kind = MV_EVENT_COUNTER, .counter = next };

	if (likely(next < MV_COUNTER_MAX - COUNTER_MARGIN &&
		   (!limit || READ_ONCE(c->forward.bytes) + READ_ONCE(c->backward.bytes) < limit)))
		return;
	/* at worst two CPUs tell it at the same time */
	if (READ_ONCE(c->warned))
		return;
	WRITE_ONCE(c->warned, true);
	event.link = c->link->id;
	event.circuit = c->id;
	mv_event_send(e->node, &event);
}

/* ---- source addresses ---- */

/* IPv4 always as such, whatever the socket. */
static bool source(const struct sk_buff *skb, struct mv_endpoint *from)
{
	const struct udphdr *udp;
	const struct ipv6hdr *ip6;
	const struct iphdr *ip;
	struct udphdr udp_buffer;
	struct ipv6hdr buffer;

	memset(from, 0, sizeof(*from));
	udp = skb_header_pointer(skb, skb_transport_offset(skb), sizeof(udp_buffer), &udp_buffer);
	ip = skb_header_pointer(skb, skb_network_offset(skb), sizeof(*ip), &buffer);
	if (!udp || !ip)
		return false;
	from->port = udp->source;
	if (ip->version == 4) {
		from->family = AF_INET;
		from->addr.s6_addr32[0] = ip->saddr;
		return true;
	}
	ip6 = skb_header_pointer(skb, skb_network_offset(skb), sizeof(*ip6), &buffer);
	if (!ip6)
		return false;
	from->family = AF_INET6;
	from->addr = ip6->saddr;
	if (ipv6_addr_type(&from->addr) & IPV6_ADDR_LINKLOCAL)
		from->scope = skb->skb_iif;
	return true;
}

static bool same_host(const struct mv_endpoint *remote, const struct mv_endpoint *from)
{
	if (remote->family == AF_INET6 && from->family == AF_INET)
		return ipv6_addr_v4mapped(&remote->addr) &&
		       remote->addr.s6_addr32[3] == from->addr.s6_addr32[0];
	if (remote->family != from->family)
		return false;
	if (from->family == AF_INET)
		return remote->addr.s6_addr32[0] == from->addr.s6_addr32[0];
	return ipv6_addr_equal(&remote->addr, &from->addr) &&
	       (!remote->scope || !from->scope || remote->scope == from->scope);
}

static bool moved(const struct mv_path *path, const struct mv_endpoint *from)
{
	return !path || !same_host(&path->remote, from) ||
	       (u32)(ntohs(from->port) - ntohs(path->remote.port)) >= path->remote_lanes;
}

static void tell_address(struct mv_engine *e, struct mv_cell *cell, const struct mv_endpoint *from)
{
	struct mv_link_session *s = cell->session;
	struct mv_event event = {
		.kind = MV_EVENT_ADDRESS, .link = s->link->id, .index = s->index, .from = from,
		.lane = cell->lane, .circuit = cell->half->circuit->id,
	};
	u64 at = atomic64_read(&s->address_at), hash = (__force u16)from->port;
	u32 i;

	for (i = 0; i < 16; i += 8)
		hash = (hash ^ mv_get_le64(from->addr.s6_addr + i)) * GOLDEN_RATIO_64;
	if (at > e->now && (hash == atomic64_read(&s->address_hash) ||
			    at - e->now > ADDRESS_NS - ADDRESS_GAP_NS))
		return;
	atomic64_set(&s->address_hash, hash);
	atomic64_set(&s->address_at, e->now + ADDRESS_NS);
	mv_event_send(e->node, &event);
}

static void watch_address(struct mv_engine *e, struct mv_cell *cell)
{
	struct mv_endpoint from;

	if (source(cell->skb, &from) && moved(rcu_dereference(cell->session->path), &from))
		tell_address(e, cell, &from);
}

/* ---- verified cells ---- */

static void end_pass(struct mv_engine *e, struct mv_cell *cell)
{
	struct mv_circuit *c = cell->half->circuit;
	struct mv_event event = {
		.kind = MV_EVENT_PASS, .link = c->link->id, .circuit = c->id, .counter = cell->counter,
	};
	bool first;

	spin_lock(&c->forward.lock);
	first = c->pass;
	WRITE_ONCE(c->pass, false);
	spin_unlock(&c->forward.lock);
	if (first)
		mv_event_send(e->node, &event);
}

void mv_input_verified(struct mv_engine *e, struct mv_cell *cell)
{
	struct mv_circuit *c = cell->half->circuit;
	struct mv_link *from = cell->half->away && c->kind == MV_RELAY ? c->out_link : c->link;
	struct mv_link_counters *n = this_cpu_ptr(from->counters);

	/* only now: a copy of an old cell would make a dead link look alive */
	u64_stats_update_begin(&n->sync);
	u64_stats_set(&n->last_rx, e->now);
	u64_stats_update_end(&n->sync);
	if (likely(cell->skb))
		watch_address(e, cell);
	/* a relay's backward cells prove nothing: only its own tag does */
	if (unlikely(READ_ONCE(c->pass)) && (c->kind != MV_RELAY || !cell->half->away))
		end_pass(e, cell);
}

/*
 * Building cells are medium: they are numbered below 4096. Once data flow, nothing but the data
 * class goes backward, so that an exit cannot write into the sizes.
 */
static bool class_ok(const struct mv_circuit *c, const struct mv_cell *cell)
{
	bool young = READ_ONCE(c->forward.replay.next) <= MV_COUNTER_FIRST;

	if (likely(cell->class == READ_ONCE(c->data_class)))
		return true;
	if (!cell->half->away)
		return cell->class == MV_SMALL ? READ_ONCE(c->small_forward) :
		       cell->class == MV_MEDIUM && (young || cell->counter < MV_COUNTER_FIRST);
	return cell->class == MV_MEDIUM && (c->kind == MV_RELAY ? young : READ_ONCE(c->pass));
}

bool mv_input_acceptable(struct mv_engine *e, struct mv_cell *cell, bool pass,
			 enum mv_verdict *verdict)
{
	*verdict = MV_DONE;
	if (unlikely(!class_ok(cell->half->circuit, cell))) {
		mv_drop_half(e, cell->half, MV_DROP_CLASS);
		return false;
	}
	/* without the lock: what it lets through is looked at again when it is committed */
	if (likely(mv_replay_check(&cell->half->replay, cell->counter)))
		return true;
	if (pass)
		*verdict = MV_UP;
	else
		mv_drop_half(e, cell->half, MV_DROP_REPLAY);
	return false;
}

enum mv_verdict mv_input_cell(struct mv_engine *e, struct mv_cell *cell)
{
	switch (cell->half->circuit->kind) {
	case MV_RELAY:
		return mv_relay_cell(e, cell);
	case MV_TERMINUS:
		return mv_terminus_cell(e, cell);
	case MV_ORIGIN:
		return mv_origin_cell(e, cell);
	}
	return MV_DONE;
}

/* ---- the poll ---- */

/* The bytes in one piece: where they lie, or copied. */
static const u8 *skb_piece(struct mv_engine *e, const struct sk_buff *skb, u32 at, u32 len)
{
	u32 i, start = skb_headlen(skb);

	if (at + len <= start)
		return skb->data + at;
	/* bytes that somebody may write to while they are verified and deciphered are copied */
	for (i = 0; i < skb_shinfo(skb)->nr_frags && !skb_has_shared_frag(skb); i++) {
		const skb_frag_t *frag = &skb_shinfo(skb)->frags[i];
		const u8 *data;

		if (at < start)
			break;
		if (at + len <= start + skb_frag_size(frag)) {
			data = skb_frag_address_safe(frag);
			if (!data)
				break;
			return data + (at - start);
		}
		start += skb_frag_size(frag);
	}
	return skb_copy_bits(skb, at, e->bounce, len) ? NULL : e->bounce;
}

/* Link or circuit are gone since the cell was put into the ring: too late for the daemon. */
static void lost(struct mv_engine *e, const struct mv_cell *cell, bool drop)
{
	if (drop)
		mv_drop(e, MV_DROP_HEADER);
	else
		mv_drop(e, cell->session ? MV_DROP_UP : MV_DROP_NOT_CELL);
}

/* @o: what its header said, NULL if that may not be true any more */
static void take_cell(struct mv_engine *e, struct mv_cell *cell, const struct mv_opened *o)
{
	bool drop = false;

	if (likely(o)) {
		cell->session = o->session;
		cell->half = o->half;
		cell->counter = o->counter;
		cell->class = mv_cell_class(cell->len);
	} else if (mv_input_resolve(e, cell, &drop) != MV_DONE || drop) {
		lost(e, cell, drop);
		return;
	}
	mv_input_count(e, cell);
	mv_input_cell(e, cell);
}

/* What the next cell will need, while this one's layer is being worked on. */
static void prefetch_half(const struct mv_half *half)
{
	prefetch(&half->circuit->link);
	prefetch(half->circuit->kf);
	prefetch(&half->replay);
	prefetchw(&half->lock);
}

/* All of the skb at the head of the ring: at most the 64 or 128 cells of a super-packet. */
static int take_input(struct mv_engine *e)
{
	struct mv_input *in = &e->ring[e->head % MV_ENGINE_RING];
	bool good = in->removed == mv_engine_removed(e);
	int n;

	for (n = 0; in->len; n++) {
		const struct mv_opened *o = &e->opened[e->cells_head++ % MV_ENGINE_RING_CELLS];
		struct mv_cell cell = {
			.len = min(in->segment, in->len), .skb = in->skb, .lane = in->lane,
		};

		if (good && e->cells_head != e->cells_tail && in->len > in->segment)
			prefetch_half(e->opened[e->cells_head % MV_ENGINE_RING_CELLS].half);
		cell.data = skb_piece(e, in->skb, in->at, cell.len);
		if (likely(cell.data))
			take_cell(e, &cell, good ? o : NULL);
		else
			mv_drop(e, MV_DROP_HEADER);
		in->at += cell.len;
		in->len -= cell.len;
	}
	napi_consume_skb(in->skb, 1);
	e->head++;
	return n;
}

int mv_input_poll(struct napi_struct *napi, int budget)
{
	struct mv_engine *e = container_of(napi, struct mv_engine, napi);
	LIST_HEAD(ran);
	int n;

	if (!budget)
		return 0;
	rcu_read_lock();
	e->now = ktime_get_ns();
	e->polling = true;
	if (unlikely(READ_ONCE(e->node->dead)))
		mv_engine_purge(e);
	n = mv_queue_drain(e, budget);
	/* half of what is left for what goes out of devices, so that neither way starves the other */
	n += mv_edge_poll(e, DIV_ROUND_UP(budget - n, 2), &ran);
	while (n < budget && e->head != e->tail)
		n += take_input(e);
	n = min(n, budget);	/* a super-packet is not split: what goes out would be, too */
	mv_engine_end(e);
	mv_edge_ran(e, &ran);
	e->polling = false;
	/* also where the poll goes on: as long as more comes than it can do, nobody else would ask for room */
	mv_queue_arm(e);
	/* nothing may stay in GRO: its devices are not ours, nobody waits for us when one goes */
	if (n == budget)
		napi_gro_flush(napi, false);
	else if (napi_complete_done(napi, n) && mv_edge_waits(e))
		napi_schedule(napi);
	rcu_read_unlock();
	return n;
}
