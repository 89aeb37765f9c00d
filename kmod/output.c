// SPDX-License-Identifier: GPL-2.0
/*
 * Outgoing super-packets. Cells are sealed where they will be sent from: in fragments of a page
 * that the engine goes on filling. Who writes alone gets one fragment that grows in place; where
 * several super-packets are open they take turns in the page, with fragments that double.
 */
#include "output.h"

#include <linux/hash.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "link.h"
#include "node.h"
#include "socket.h"

#define OUTS 32			/* super-packets open, or closed and not yet an skb */
#define GROUPS 64		/* hash of neighbours and lanes, a power of two */
#define CELLS 64		/* of a super-packet: what GSO and GRO take */
#define BYTES 65507		/* of a super-packet: one UDP datagram over IPv4, to GSO */
#define FRAGS 12		/* 1, 2, 4 … cells make 64 in seven; more only where pages are short */
#define HEADROOM (LL_MAX_HEADER + 16 + sizeof(struct ipv6hdr) + sizeof(struct udphdr))

struct out_frag {
	struct page *page;	/* with a reference */
	u32 at, len;
	u32 room;		/* bytes that belong to it */
};

struct mv_out {
	struct mv_link_session *session;
	struct mv_path *path;	/* that the ids in the headers belong to */
	u32 class, remote_lane, lane;
	u32 seq;		/* order in which they were opened */
	u32 cells, len, frags;
	bool closed;
	u64 circuits;		/* which are in it, by a hash */
	struct out_frag frag[FRAGS];
};

/* Open super-packets by class, of one neighbour, remote lane and own lane. */
struct out_group {
	struct mv_out *open[MV_CLASSES];
};

struct mv_outs {
	struct page_frag page;
	u64 random;
	u32 random_left;
	u32 seq, first, count;			/* of @outs, a ring in order of opening */
	u32 pending[MV_LANES_MAX];		/* bytes that are not with the socket yet */
	struct out_group groups[GROUPS];
	struct mv_out outs[OUTS];
};

static u32 path_lane(const struct mv_path *path, u32 circuit)
{
	return path->local_lane + (path->local_lanes > 1 ? circuit % path->local_lanes : 0);
}

static u32 path_remote_lane(const struct mv_path *path, u32 circuit)
{
	return path->remote_lanes > 1 ? circuit % path->remote_lanes : 0;
}

static u32 group_hash(const struct mv_link_session *s, u32 remote_lane, u32 lane)
{
	return (hash_ptr(s, 32) + remote_lane * 5 + lane * 11) & (GROUPS - 1);
}

/*
 * Super-packets leave in the order in which they were opened: what is older than a closed one gets
 * no more cells, or the cells of a circuit with two classes could overtake each other.
 */
static void group_close(struct out_group *g, u32 class)
{
	u32 i, seq = g->open[class]->seq;

	for (i = 0; i < MV_CLASSES; i++) {
		if (!g->open[i] || (int)(g->open[i]->seq - seq) > 0)
			continue;
		g->open[i]->closed = true;
		g->open[i] = NULL;
	}
}

/* Is a cell of this circuit in a younger one of another class? */
static bool overtakes(const struct out_group *g, const struct mv_out *out, u64 bit)
{
	u32 i;

	for (i = 0; i < MV_CLASSES; i++)
		if (unlikely(g->open[i] && (int)(g->open[i]->seq - out->seq) > 0 &&
			     g->open[i]->circuits & bit))
			return true;
	return false;
}

static struct mv_out *out_open(struct mv_engine *e, struct out_group *g, struct mv_link_session *s,
			       struct mv_path *path, u32 class, u32 remote_lane, u32 lane)
{
	struct mv_outs *o = e->outs;
	struct mv_out *out;

	if (o->count == OUTS)
		mv_out_flush(e, true);
	out = &o->outs[(o->first + o->count++) % OUTS];
	out->session = s;
	out->path = path;
	out->class = class;
	out->remote_lane = remote_lane;
	out->lane = lane;
	out->seq = o->seq++;
	out->cells = out->len = out->frags = 0;
	out->closed = false;
	out->circuits = 0;
	g->open[class] = out;
	return out;
}

/* The open one for a cell; opened if need be. */
static struct mv_out *out_find(struct mv_engine *e, struct mv_link_session *s, struct mv_path *path,
			       u32 class, u32 remote_lane, u32 lane, u64 bit)
{
	struct out_group *g = &e->outs->groups[group_hash(s, remote_lane, lane)];
	struct mv_out *out = g->open[class];

	if (likely(out && out->path == path && out->remote_lane == remote_lane && out->lane == lane &&
		   !overtakes(g, out, bit)))
		return out;
	if (out)
		group_close(g, class);
	return out_open(e, g, s, path, class, remote_lane, lane);
}

static void out_close(struct mv_engine *e, struct mv_out *out)
{
	struct out_group *g = &e->outs->groups[group_hash(out->session, out->remote_lane, out->lane)];

	if (g->open[out->class] == out)
		group_close(g, out->class);
	out->closed = true;
}

/* ---- room ---- */

/* The last fragment ends where the page's free part begins: it may just take more. */
static bool frag_grow(struct page_frag *page, struct out_frag *f, u32 len)
{
	if (f->page != page->page || f->at + f->room != page->offset || page->offset + len > page->size)
		return false;
	f->room += len;
	page->offset += len;
	return true;
}

static struct out_frag *frag_new(struct page_frag *page, struct mv_out *out, u32 len)
{
	u32 cells = min_t(u32, out->cells ? out->cells : 1, CELLS - out->cells);
	struct out_frag *f = &out->frag[out->frags];

	if (out->frags == FRAGS || !skb_page_frag_refill(len, page, GFP_ATOMIC))
		return NULL;
	f->page = page->page;
	f->at = page->offset;
	f->len = 0;
	f->room = min(cells, (page->size - page->offset) / len) * len;
	get_page(page->page);
	page->offset += f->room;
	out->frags++;
	return f;
}

static u8 *out_room(struct mv_outs *o, struct mv_out *out, u32 len)
{
	struct out_frag *f = out->frags ? &out->frag[out->frags - 1] : NULL;

	if (!f || (f->len + len > f->room && !frag_grow(&o->page, f, len)))
		f = frag_new(&o->page, out, len);
	return f ? (u8 *)page_address(f->page) + f->at + f->len : NULL;
}

u8 *mv_out_reserve(struct mv_engine *e, struct mv_link *link, u32 circuit, u32 class,
		   struct mv_out **outp, enum mv_drop *cause)
{
	struct mv_link_session *s = rcu_dereference(link->current_session);
	struct mv_path *path = s ? rcu_dereference(s->path) : NULL;
	u32 len = mv_class_cell(class), lane, remote_lane;
	u64 bit = 1ULL << hash_32(circuit, 6);
	struct mv_out *out;
	u8 *slot;

	*cause = MV_DROP_NO_ROUTE;
	if (unlikely(!path))
		return NULL;
	*cause = MV_DROP_SEND;
	lane = path_lane(path, circuit);
	remote_lane = path_remote_lane(path, circuit);
	if (unlikely(lane >= MV_LANES_MAX || !rcu_access_pointer(e->node->sockets[lane])))
		return NULL;
	out = out_find(e, s, path, class, remote_lane, lane, bit);
	slot = out_room(e->outs, out, len);
	if (unlikely(!slot) && out->cells) {
		/* many small fragments: another one may find more */
		out_close(e, out);
		out = out_find(e, s, path, class, remote_lane, lane, bit);
		slot = out_room(e->outs, out, len);
	}
	*outp = out;
	return slot;
}

/* Six bits, which the receiver ignores. */
static u8 random_bits(struct mv_outs *o)
{
	if (!o->random_left--) {
		o->random = get_random_u64();
		o->random_left = 9;
	}
	o->random >>= 6;
	return (u8)o->random;
}

void mv_out_commit(struct mv_engine *e, struct mv_out *out, u8 *slot, u32 circuit, u64 counter)
{
	struct mv_link_session *s = out->session;
	u32 body = mv_class_body(out->class), len = MV_CELL_HEADER + body;

	mv_header_seal(slot, &s->tx, out->path->tx_id, circuit, counter, body, random_bits(e->outs));
	out->frag[out->frags - 1].len += len;
	out->circuits |= 1ULL << hash_32(circuit, 6);
	out->len += len;
	e->outs->pending[out->lane] += len;
	if (++out->cells == CELLS || out->len + len > BYTES)
		out_close(e, out);
}

/* ---- into skbs ---- */

/* The page takes back what its last fragment did not use. */
static void frag_trim(struct page_frag *page, struct out_frag *f)
{
	if (f->page != page->page || f->at + f->room != page->offset)
		return;
	page->offset -= f->room - f->len;
	f->room = f->len;
}

static void out_put(struct mv_out *out)
{
	u32 i;

	for (i = 0; i < out->frags; i++)
		put_page(out->frag[i].page);
}

static void skb_fill(struct sk_buff *skb, const struct mv_out *out)
{
	u32 i, n = 0;

	for (i = 0; i < out->frags; i++) {
		const struct out_frag *f = &out->frag[i];

		if (!f->len) {
			put_page(f->page);
			continue;
		}
		skb_fill_page_desc(skb, n++, f->page, f->at, f->len);
		skb->truesize += f->room;
	}
	skb->len = skb->data_len = out->len;
	if (out->cells == 1)
		return;
	skb_shinfo(skb)->gso_size = mv_class_cell(out->class);
	skb_shinfo(skb)->gso_segs = out->cells;
	skb_shinfo(skb)->gso_type = SKB_GSO_UDP_L4;
}

static void out_count(struct mv_engine *e, const struct mv_out *out)
{
	struct mv_link_counters *n = this_cpu_ptr(out->session->link->counters);

	u64_stats_update_begin(&n->sync);
	u64_stats_add(&n->tx_cells, out->cells);
	u64_stats_add(&n->tx_bytes, out->len);
	u64_stats_update_end(&n->sync);
	u64_stats_update_begin(&e->stats.sync);
	u64_stats_add(&e->stats.v[MV_STAT_TX_CELLS], out->cells);
	u64_stats_add(&e->stats.v[MV_STAT_TX_BYTES], out->len);
	u64_stats_inc(&e->stats.v[MV_STAT_TX_SKBS]);
	if (out->cells > 1)
		u64_stats_inc(&e->stats.v[MV_STAT_TX_SUPER]);
	u64_stats_update_end(&e->stats.sync);
}

static void out_finish(struct mv_engine *e, struct mv_out *out)
{
	struct sk_buff *skb;

	if (out->frags)
		frag_trim(&e->outs->page, &out->frag[out->frags - 1]);
	skb = out->cells ? alloc_skb(HEADROOM, GFP_ATOMIC) : NULL;
	if (unlikely(!skb)) {
		mv_stat_add(&e->stats, MV_STAT_DROP + MV_DROP_SEND, out->cells);
		e->outs->pending[out->lane] -= out->len;
		out_put(out);
		return;
	}
	skb_reserve(skb, HEADROOM);
	skb_fill(skb, out);
	*mv_out_cb(skb) = (struct mv_out_cb){
		.path = out->path, .lane = out->lane, .remote_lane = out->remote_lane,
		.cells = out->cells,
	};
	out_count(e, out);
	__skb_queue_tail(&e->send, skb);
}

void mv_out_flush(struct mv_engine *e, bool all)
{
	struct mv_outs *o = e->outs;

	while (o->count) {
		struct mv_out *out = &o->outs[o->first];

		if (!all && !out->closed)
			return;
		out_close(e, out);
		out_finish(e, out);
		o->first = (o->first + 1) % OUTS;
		o->count--;
	}
}

/* ---- to the socket ---- */

static int skb_send(struct mv_engine *e, struct sk_buff *skb, const struct mv_out_cb *cb)
{
	struct mv_socket *s = rcu_dereference(e->node->sockets[cb->lane]);

	if (likely(s))
		return mv_socket_send(s, cb->path, cb->remote_lane, skb);
	kfree_skb(skb);
	return -ENOTCONN;
}

void mv_out_send(struct mv_engine *e)
{
	struct sk_buff_head list;
	struct sk_buff *skb;

	__skb_queue_head_init(&list);
	skb_queue_splice_init(&e->send, &list);
	while ((skb = __skb_dequeue(&list))) {
		struct mv_out_cb cb = *mv_out_cb(skb);

		e->outs->pending[cb.lane] -= skb->len;
		if (unlikely(skb_send(e, skb, &cb)))
			mv_stat_add(&e->stats, MV_STAT_DROP + MV_DROP_SEND, cb.cells);
	}
}

void mv_out_purge(struct mv_engine *e)
{
	struct sk_buff *skb;

	while ((skb = __skb_dequeue(&e->send))) {
		e->outs->pending[mv_out_cb(skb)->lane] -= skb->len;
		mv_stat_add(&e->stats, MV_STAT_DROP + MV_DROP_SEND, mv_out_cb(skb)->cells);
		kfree_skb(skb);
	}
}

u32 mv_out_lane(struct mv_link *link, u32 circuit)
{
	struct mv_link_session *session = rcu_dereference(link->current_session);
	const struct mv_path *path = session ? rcu_dereference(session->path) : NULL;

	return path ? path_lane(path, circuit) % MV_LANES_MAX : MV_LANES_MAX;
}

bool mv_out_full(struct mv_engine *e, u32 lane)
{
	const struct mv_socket *s;

	if (unlikely(lane >= MV_LANES_MAX))
		return false;	/* nothing to wait for */
	s = rcu_dereference(e->node->sockets[lane]);
	return s && mv_socket_used(s) + e->outs->pending[lane] > mv_socket_limit(s, e->node);
}

/* ---- life ---- */

int mv_outs_new(struct mv_engine *e)
{
	e->outs = kvzalloc_node(sizeof(*e->outs), GFP_KERNEL_ACCOUNT, cpu_to_node(e->cpu));
	return e->outs ? 0 : -ENOMEM;
}

void mv_outs_free(struct mv_engine *e)
{
	struct mv_outs *o = e->outs;

	if (!o)
		return;
	for (; o->count; o->count--) {
		out_put(&o->outs[o->first]);
		o->first = (o->first + 1) % OUTS;
	}
	if (o->page.page)
		put_page(o->page.page);
	kvfree(o);
	e->outs = NULL;
}
