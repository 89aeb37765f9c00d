// SPDX-License-Identifier: GPL-2.0
/*
 * Reassembly with a bounded reorder window. The one invariant: tail[c] holds a packet joined from
 * all its bytes up to cell c, so whenever cell c + 1 is (or becomes) known, the two are merged and
 * the packet is delivered or moves on to tail[c + 1]. In order that is the tail of the newest cell
 * meeting the payload just received; out of order, it meets the copy in head[c + 1].
 */
#include "reassembly.h"

#define NONE 0		/* fragments count from 1 */

static atomic_t all_waiting;

static u32 slot(u64 counter)
{
	return counter % MV_REASSEMBLY_WINDOW;
}

static bool test(const u64 *bits, u64 counter)
{
	return bits[slot(counter) / 64] >> (slot(counter) % 64) & 1;
}

static void put(u64 *bits, u64 counter, bool value)
{
	u64 bit = 1ULL << (slot(counter) % 64);

	bits[slot(counter) / 64] = (bits[slot(counter) / 64] & ~bit) | (value ? bit : 0);
}

static bool in_window(const struct mv_reassembly *r, u64 counter)
{
	return counter < r->top && r->top - counter <= MV_REASSEMBLY_WINDOW;
}

/* Is cell @counter known, and within the window? */
static bool known(const struct mv_reassembly *r, u64 counter)
{
	return in_window(r, counter) && test(r->seen, counter);
}

static struct mv_fragment *fragment(struct mv_reassembly *r, u8 id)
{
	return &r->fragments[id - 1];
}

/* ---- memory ---- */

static void stop_waiting(struct mv_reassembly *r, struct mv_fragment *f)
{
	if (!f->waiting)
		return;
	f->waiting = false;
	r->waiting--;
	atomic_dec(&all_waiting);
}

/* The fragment that *@ref names, if any, is no more; its skb is the caller's. */
static struct sk_buff *release(struct mv_reassembly *r, u8 *ref)
{
	struct mv_fragment *f = fragment(r, *ref);
	struct sk_buff *skb = f->skb;

	stop_waiting(r, f);
	f->skb = NULL;
	r->held--;
	*ref = NONE;
	return skb;
}

static void drop(struct mv_reassembly *r, u8 *ref)
{
	if (*ref != NONE)
		kfree_skb(release(r, ref));
}

static struct sk_buff *allocate(const struct mv_reassembly_sink *sink, u32 len)
{
	return sink->napi ? napi_alloc_skb(sink->napi, len) : alloc_skb(len, GFP_ATOMIC);
}

/* Room for @len bytes of cell @counter; NONE, counted. */
static u8 take(struct mv_reassembly *r, u64 counter, u32 len, bool is_head,
	       const struct mv_reassembly_sink *sink)
{
	struct mv_fragment *f;
	u8 id = 1;

	if (r->held == MV_REASSEMBLY_HELD)
		goto limited;
	while (fragment(r, id)->skb)
		id++;
	f = fragment(r, id);
	f->skb = allocate(sink, len);
	if (!f->skb)
		goto limited;
	f->slot = slot(counter);
	f->is_head = is_head;
	r->held++;
	return id;
limited:
	r->counters.limited++;
	return NONE;
}

/* From now on the time of this fragment runs; or it is dropped, there being too many. */
static void wait_from(struct mv_reassembly *r, u8 *ref, u64 now)
{
	struct mv_fragment *f = fragment(r, *ref);

	if (atomic_inc_return(&all_waiting) > MV_REASSEMBLY_ALL) {
		atomic_dec(&all_waiting);
		r->counters.limited++;
		drop(r, ref);
		return;
	}
	f->waiting = true;
	f->since = now;
	r->waiting++;
}

void mv_reassembly_fini(struct mv_reassembly *r)
{
	u32 i;

	for (i = 0; i < MV_REASSEMBLY_WINDOW && r->held; i++) {
		drop(r, &r->head[i]);
		drop(r, &r->tail[i]);
	}
	memset(r, 0, sizeof(*r));
}

bool mv_reassembly_expire(struct mv_reassembly *r, u64 now)
{
	struct mv_fragment *f;

	if (!r->waiting)
		return false;
	for (f = r->fragments; f < r->fragments + MV_REASSEMBLY_HELD; f++) {
		if (!f->skb || !f->waiting || now - f->since < MV_REASSEMBLY_TIME)
			continue;
		r->counters.lost++;
		drop(r, f->is_head ? &r->head[f->slot] : &r->tail[f->slot]);
	}
	return r->waiting;
}

/* ---- the window ---- */

/* Move the window so that @counter is its newest cell. */
static void advance(struct mv_reassembly *r, u64 counter, u64 now)
{
	u64 steps = r->top && counter - r->top < MV_REASSEMBLY_WINDOW ? counter - r->top + 1 :
		    MV_REASSEMBLY_WINDOW;
	u8 *open = r->top ? &r->tail[slot(r->top - 1)] : NULL;
	u64 n;

	/* the packet that the next cell would have continued starts to wait for it */
	if (unlikely(open && *open != NONE && counter != r->top))
		wait_from(r, open, now);
	for (n = counter + 1 - steps; n != counter + 1; n++) {
		u32 s = slot(n);

		r->counters.lost += (r->head[s] != NONE) + (r->tail[s] != NONE);
		drop(r, &r->head[s]);
		drop(r, &r->tail[s]);
		put(r->seen, n, false);
	}
	r->top = counter + 1;
}

/* Copy the bytes that continue a packet whose earlier cells are missing. */
static void store_head(struct mv_reassembly *r, u64 counter, const struct mv_frame_piece *piece,
		       const struct mv_reassembly_sink *sink)
{
	u8 *ref = &r->head[slot(counter)];
	struct mv_fragment *f;

	/* the cell before is there and nothing can come through it: the start is lost */
	if (known(r, counter - 1) && !test(r->empty, counter - 1) && !test(r->full, counter - 1))
		return;
	*ref = take(r, counter, piece->len, true, sink);
	if (*ref == NONE)
		return;
	f = fragment(r, *ref);
	mv_copy(f->skb->data, piece->ptr, piece->len);
	f->part.have = piece->len;
	wait_from(r, ref, sink->now);
}

static void store_tail(struct mv_reassembly *r, u64 counter, const struct mv_frame_piece *piece,
		       const struct mv_reassembly_sink *sink)
{
	u8 *ref = &r->tail[slot(counter)];
	struct mv_fragment *f;

	/* where the end of the cell cuts the header, the length is not known yet */
	*ref = take(r, counter, piece->packet_len ? piece->packet_len : sink->mtu, false, sink);
	if (*ref == NONE)
		return;
	f = fragment(r, *ref);
	mv_frame_join_start(&f->part, f->skb->data, piece);
	if (unlikely(counter + 1 != r->top))
		wait_from(r, ref, sink->now);
}

/* The packet in tail[@counter - 1] goes on after cell @counter. */
static void move_tail(struct mv_reassembly *r, u64 counter)
{
	u8 *from = &r->tail[slot(counter - 1)], *to = &r->tail[slot(counter)];
	struct mv_fragment *f = fragment(r, *from);

	*to = *from;
	*from = NONE;
	f->slot = slot(counter);
	if (counter + 1 == r->top)
		stop_waiting(r, f);
}

/*
 * Join tail[@counter - 1] with what cell @counter continues: @src, or nothing if @len is 0; @ends:
 * the cell has room for other packets, so this one must end. True if the packet goes on.
 */
static bool join(struct mv_reassembly *r, u64 counter, const u8 *src, u32 len, bool ends,
		 const struct mv_reassembly_sink *sink)
{
	u8 *ref = &r->tail[slot(counter - 1)];
	struct mv_fragment *f = fragment(r, *ref);
	enum mv_frame_joined joined = MV_JOIN_BROKEN;
	struct sk_buff *skb;

	/* the device's MTU may have shrunk since; room is for what it was or the packet itself */
	if (len)
		joined = mv_frame_join(&f->part, f->skb->data, src, len, ends,
				       min_t(u32, sink->mtu, skb_tailroom(f->skb)));
	if (joined == MV_JOIN_MORE) {
		move_tail(r, counter);
		return true;
	}
	skb = release(r, ref);
	if (likely(joined == MV_JOIN_DONE)) {
		skb_put(skb, f->part.need);
		sink->joined(sink, skb);
	} else {
		kfree_skb(skb);
		r->counters.broken++;
	}
	return false;
}

/* Cell @counter - 1 may have a packet for cell @counter, which came earlier. */
static void merge(struct mv_reassembly *r, u64 counter, const struct mv_reassembly_sink *sink)
{
	if (!known(r, counter - 1))
		return;
	for (; known(r, counter) && r->tail[slot(counter - 1)] != NONE; counter++) {
		u8 *head = &r->head[slot(counter)];
		bool goes_on;

		if (test(r->empty, counter)) {
			move_tail(r, counter);
			continue;
		}
		if (*head == NONE)
			goes_on = join(r, counter, NULL, 0, true, sink);
		else
			goes_on = join(r, counter, fragment(r, *head)->skb->data,
				       fragment(r, *head)->part.have, !test(r->full, counter), sink);
		drop(r, head);
		if (!goes_on)
			break;
	}
}

/* ---- payloads ---- */

/* A cell that carries bytes of the stream. */
static void input_stream(struct mv_reassembly *r, u64 counter, struct mv_frame_iter *it,
			 const struct mv_reassembly_sink *sink)
{
	bool open = known(r, counter - 1) && r->tail[slot(counter - 1)] != NONE;
	struct mv_frame_piece piece;
	bool more = mv_frame_next(it, &piece);

	if (more && piece.kind == MV_PIECE_CONTINUES) {
		put(r->full, counter, !piece.ends);
		if (likely(open))
			join(r, counter, piece.ptr, piece.len, piece.ends, sink);
		else
			store_head(r, counter, &piece, sink);
		more = mv_frame_next(it, &piece);
	} else if (open) {
		join(r, counter, NULL, 0, true, sink);
	}
	for (; more; more = mv_frame_next(it, &piece)) {
		if (piece.kind == MV_PIECE_WHOLE)
			sink->whole(sink, piece.ptr, piece.len);
		else
			store_tail(r, counter, &piece, sink);
	}
}

/* A cell from before the window: its whole packets are as good as ever. */
static void input_late(struct mv_frame_iter *it, const struct mv_reassembly_sink *sink)
{
	struct mv_frame_piece piece;

	while (mv_frame_next(it, &piece))
		if (piece.kind == MV_PIECE_WHOLE)
			sink->whole(sink, piece.ptr, piece.len);
}

enum mv_frame_type mv_reassembly_input(struct mv_reassembly *r, u64 counter, const u8 *payload, u32 len,
				       const struct mv_reassembly_sink *sink)
{
	struct mv_frame_iter it;
	enum mv_frame_type type = mv_frame_open(&it, payload, len, sink->mtu);
	bool stream = type == MV_FRAME_STREAM || type == MV_FRAME_BAD;

	if (unlikely(known(r, counter)))
		return MV_FRAME_UNKNOWN;
	r->counters.bad += type == MV_FRAME_BAD;
	r->counters.unknown += type == MV_FRAME_UNKNOWN || type == MV_FRAME_SESSION;
	if (unlikely(counter < r->top && !in_window(r, counter))) {
		input_late(&it, sink);
		return type;
	}
	if (counter >= r->top)
		advance(r, counter, sink->now);
	put(r->seen, counter, true);
	put(r->empty, counter, !stream);
	put(r->full, counter, false);
	if (likely(stream))
		input_stream(r, counter, &it, sink);
	else
		merge(r, counter, sink);
	if (r->held)
		merge(r, counter + 1, sink);
	return type;
}
