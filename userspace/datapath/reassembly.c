// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reassembly with a bounded reorder window. The one invariant: tail[c] holds a packet joined from
 * all its bytes up to cell c, so whenever cell c + 1 is (or becomes) known, the two are merged and
 * the packet is delivered or moves on to tail[c + 1]. In order that is the tail of the newest cell
 * meeting the payload just received; out of order, it meets the copy in head[c + 1].
 */
#include "reassembly.h"

#define NONE 0		/* buffers count from 1 */

struct reassembly_buffer {
	struct list node;		/* in waiting or open */
	struct reassembly *owner;
	u64 counter;			/* the cell whose head or tail this is */
	u64 since;			/* waiting: from when */
	struct mv_frame_partial part;
	u16 next;			/* free chain */
	bool is_head;
};

static struct reassembly_buffer *buffer(struct reassembly_pool *pool, u16 id)
{
	return &pool->buffers[id - 1];
}

static u8 *bytes(struct reassembly_pool *pool, u16 id)
{
	return pool->bytes + (size_t)(id - 1) * pool->stride;
}

static u32 slot(u64 counter)
{
	return counter % REASSEMBLY_WINDOW;
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

static bool in_window(const struct reassembly *r, u64 counter)
{
	return counter < r->top && r->top - counter <= REASSEMBLY_WINDOW;
}

/* Is cell @counter known, and within the window? */
static bool known(const struct reassembly *r, u64 counter)
{
	return in_window(r, counter) && test(r->seen, counter);
}

int reassembly_pool_init(struct reassembly_pool *pool, const struct reassembly_conf *conf)
{
	u32 i;

	if (!conf->buffers || conf->buffers > 65534 || conf->mtu < 1280 || conf->mtu > 65535 ||
	    conf->per_circuit < 2)
		return -EINVAL;
	*pool = (struct reassembly_pool) { .conf = *conf };
	/* a head is at most a payload of the largest class, a tail at most a packet */
	pool->stride = ((conf->mtu > 1344 ? conf->mtu : 1344) + 63) & ~63U;
	pool->buffers = calloc(conf->buffers, sizeof(*pool->buffers));
	pool->bytes = malloc((size_t)conf->buffers * pool->stride);
	if (!pool->buffers || !pool->bytes) {
		reassembly_pool_fini(pool);
		return -ENOMEM;
	}
	list_init(&pool->waiting);
	list_init(&pool->open);
	for (i = 1; i <= conf->buffers; i++)
		pool->buffers[i - 1].next = i < conf->buffers ? i + 1 : NONE;
	pool->free = 1;
	pool->available = conf->buffers;
	return 0;
}

void reassembly_pool_fini(struct reassembly_pool *pool)
{
	free(pool->buffers);
	free(pool->bytes);
	pool->buffers = NULL;
	pool->bytes = NULL;
}

void reassembly_init(struct reassembly *r, struct reassembly_pool *pool)
{
	*r = (struct reassembly) { .pool = pool };
}

/* Free the buffer that *@ref names, if any. */
static void drop(struct reassembly *r, u16 *ref)
{
	struct reassembly_buffer *b;

	if (*ref == NONE)
		return;
	b = buffer(r->pool, *ref);
	list_del(&b->node);
	b->owner = NULL;
	b->next = r->pool->free;
	r->pool->free = *ref;
	r->pool->available++;
	r->held--;
	*ref = NONE;
}

void reassembly_fini(struct reassembly *r)
{
	struct reassembly_pool *pool = r->pool;
	u32 i;

	for (i = 0; i < REASSEMBLY_WINDOW && r->held; i++) {
		drop(r, &r->head[i]);
		drop(r, &r->tail[i]);
	}
	reassembly_init(r, pool);
}

static u16 *reference(struct reassembly_buffer *b)
{
	return b->is_head ? &b->owner->head[slot(b->counter)] : &b->owner->tail[slot(b->counter)];
}

/*
 * A buffer for a fragment of cell @counter, or NONE. An empty pool takes the oldest waiting
 * fragment, else the packet that has been open for longest.
 */
static u16 take(struct reassembly *r, u64 counter, bool is_head)
{
	struct reassembly_pool *pool = r->pool;
	struct reassembly_buffer *b;
	u16 id;

	if (r->held >= pool->conf.per_circuit) {
		pool->counters.limited++;
		return NONE;
	}
	if (pool->free == NONE) {
		pool->counters.limited++;
		b = container_of(list_empty(&pool->waiting) ? pool->open.next : pool->waiting.next,
				 struct reassembly_buffer, node);
		drop(b->owner, reference(b));
	}
	id = pool->free;
	b = buffer(pool, id);
	pool->free = b->next;
	pool->available--;
	b->owner = r;
	b->counter = counter;
	b->is_head = is_head;
	r->held++;
	return id;
}

/* From now on the time of this fragment runs. */
static void wait_from(struct reassembly *r, u16 id, u64 now)
{
	struct reassembly_buffer *b = buffer(r->pool, id);

	b->since = now;
	list_add_before(&b->node, &r->pool->waiting);
}

static void deliver(struct reassembly *r, const u8 *packet, u32 len, reassembly_sink sink, void *arg)
{
	r->pool->counters.packets++;
	sink(arg, packet, len);
}

/* Move the window so that @counter is its newest cell. */
static void advance(struct reassembly *r, u64 counter, u64 now)
{
	u64 steps = r->top && counter - r->top < REASSEMBLY_WINDOW ? counter - r->top + 1 :
		    REASSEMBLY_WINDOW;
	u16 open = r->top ? r->tail[slot(r->top - 1)] : NONE;
	u64 n;

	/* the packet that the next cell would have continued starts to wait for it */
	if (open != NONE && counter != r->top) {
		list_del(&buffer(r->pool, open)->node);
		wait_from(r, open, now);
	}
	for (n = counter + 1 - steps; n <= counter; n++) {
		u32 s = slot(n);

		r->pool->counters.lost += (r->head[s] != NONE) + (r->tail[s] != NONE);
		drop(r, &r->head[s]);
		drop(r, &r->tail[s]);
		put(r->seen, n, false);
	}
	r->top = counter + 1;
}

/* Copy the bytes that continue a packet whose earlier cells are missing. */
static void store_head(struct reassembly *r, u64 counter, const struct mv_frame_piece *piece,
		       u64 now)
{
	u16 id;

	/* the cell before is there and nothing can come through it: the start is lost */
	if (known(r, counter - 1) && !test(r->empty, counter - 1) && !test(r->full, counter - 1))
		return;
	if (piece->len > r->pool->stride)
		return;
	id = take(r, counter, true);
	if (id == NONE)
		return;
	mv_copy(bytes(r->pool, id), piece->ptr, piece->len);
	buffer(r->pool, id)->part.have = piece->len;
	r->head[slot(counter)] = id;
	wait_from(r, id, now);
}

static void store_tail(struct reassembly *r, u64 counter, const struct mv_frame_piece *piece,
		       u64 now)
{
	u16 id = take(r, counter, false);

	if (id == NONE)
		return;
	mv_frame_join_start(&buffer(r->pool, id)->part, bytes(r->pool, id), piece);
	r->tail[slot(counter)] = id;
	if (counter + 1 == r->top)
		list_add_before(&buffer(r->pool, id)->node, &r->pool->open);
	else
		wait_from(r, id, now);
}

/* The packet in tail[@counter - 1] goes on after cell @counter. */
static void move_tail(struct reassembly *r, u64 counter)
{
	u16 id = r->tail[slot(counter - 1)];
	struct reassembly_buffer *b = buffer(r->pool, id);

	r->tail[slot(counter - 1)] = NONE;
	r->tail[slot(counter)] = id;
	b->counter = counter;
	if (counter + 1 == r->top) {
		list_del(&b->node);
		list_add_before(&b->node, &r->pool->open);
	}
}

/*
 * Join tail[@counter - 1] with what cell @counter continues: @src, or nothing if @len is 0; @ends:
 * the cell has room for other packets, so this one must end. True if the packet goes on.
 */
static bool join(struct reassembly *r, u64 counter, const u8 *src, u32 len, bool ends,
		 reassembly_sink sink, void *arg)
{
	u16 *ref = &r->tail[slot(counter - 1)];
	struct mv_frame_partial *part = &buffer(r->pool, *ref)->part;
	enum mv_frame_joined joined = MV_JOIN_BROKEN;

	if (len)
		joined = mv_frame_join(part, bytes(r->pool, *ref), src, len, ends,
				       r->pool->conf.mtu);
	if (joined == MV_JOIN_MORE) {
		move_tail(r, counter);
		return true;
	}
	if (joined == MV_JOIN_DONE) {
		r->pool->counters.joined++;
		deliver(r, bytes(r->pool, *ref), part->need, sink, arg);
	} else {
		r->pool->counters.broken++;
	}
	drop(r, ref);
	return false;
}

/* Cell @counter - 1 may have a packet for cell @counter, which came earlier. */
static void merge(struct reassembly *r, u64 counter, reassembly_sink sink, void *arg)
{
	if (!known(r, counter - 1))
		return;
	for (; known(r, counter) && r->tail[slot(counter - 1)] != NONE; counter++) {
		u16 *head = &r->head[slot(counter)];
		bool goes_on = true;

		if (test(r->empty, counter)) {
			move_tail(r, counter);
			continue;
		}
		if (*head == NONE)
			goes_on = join(r, counter, NULL, 0, true, sink, arg);
		else
			goes_on = join(r, counter, bytes(r->pool, *head),
				       buffer(r->pool, *head)->part.have, !test(r->full, counter),
				       sink, arg);
		drop(r, head);
		if (!goes_on)
			break;
	}
}

/* A cell that carries bytes of the stream. */
static void input_stream(struct reassembly *r, u64 counter, struct mv_frame_iter *it, u64 now,
			 reassembly_sink sink, void *arg)
{
	bool open = known(r, counter - 1) && r->tail[slot(counter - 1)] != NONE;
	struct mv_frame_piece piece;
	bool more = mv_frame_next(it, &piece);

	if (more && piece.kind == MV_PIECE_CONTINUES) {
		put(r->full, counter, !piece.ends);
		if (open)
			join(r, counter, piece.ptr, piece.len, piece.ends, sink, arg);
		else
			store_head(r, counter, &piece, now);
		more = mv_frame_next(it, &piece);
	} else if (open) {
		join(r, counter, NULL, 0, true, sink, arg);
	}
	for (; more; more = mv_frame_next(it, &piece)) {
		if (piece.kind == MV_PIECE_WHOLE)
			deliver(r, piece.ptr, piece.len, sink, arg);
		else
			store_tail(r, counter, &piece, now);
	}
}

/* A cell from before the window: its whole packets are as good as ever. */
static void input_late(struct reassembly *r, struct mv_frame_iter *it, reassembly_sink sink,
		       void *arg)
{
	struct mv_frame_piece piece;

	r->pool->counters.late++;
	while (mv_frame_next(it, &piece))
		if (piece.kind == MV_PIECE_WHOLE)
			deliver(r, piece.ptr, piece.len, sink, arg);
}

enum mv_frame_type reassembly_input(struct reassembly *r, u64 counter, const u8 *payload, u32 len,
				    u64 now_ns, reassembly_sink sink, void *arg)
{
	struct mv_frame_iter it;
	enum mv_frame_type type = mv_frame_open(&it, payload, len, r->pool->conf.mtu);

	if (known(r, counter)) {
		r->pool->counters.duplicates++;
		return MV_FRAME_UNKNOWN;
	}
	r->pool->counters.bad += type == MV_FRAME_BAD;
	r->pool->counters.unknown += type == MV_FRAME_UNKNOWN || type == MV_FRAME_SESSION;
	if (counter < r->top && !in_window(r, counter)) {
		input_late(r, &it, sink, arg);
		return type;
	}
	if (counter >= r->top)
		advance(r, counter, now_ns);
	put(r->seen, counter, true);
	put(r->empty, counter, type != MV_FRAME_STREAM && type != MV_FRAME_BAD);
	put(r->full, counter, false);
	if (type == MV_FRAME_STREAM || type == MV_FRAME_BAD)
		input_stream(r, counter, &it, now_ns, sink, arg);
	else
		merge(r, counter, sink, arg);
	if (r->held)
		merge(r, counter + 1, sink, arg);
	return type;
}

u64 reassembly_expire(struct reassembly_pool *pool, u64 now_ns)
{
	struct reassembly_buffer *b;

	while (!list_empty(&pool->waiting)) {
		b = container_of(pool->waiting.next, struct reassembly_buffer, node);
		if (now_ns - b->since < pool->conf.time_ns)
			return b->since + pool->conf.time_ns;
		pool->counters.lost++;
		drop(b->owner, reference(b));
	}
	return 0;
}
