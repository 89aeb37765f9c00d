// SPDX-License-Identifier: GPL-2.0-or-later
/* Records never wrap: what is left at the end is skipped by a record of no length. See ring.h. */
#include "ring.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#define HEAD 8			/* bytes before a record: its length */
#define SKIP UINT32_MAX

struct ring {
	u32 size;
	/* the writer's */
	_Alignas(64) _Atomic u64 head;
	u64 tail_seen, reserved;
	/* the reader's */
	_Alignas(64) _Atomic u64 tail;
	u64 head_seen;
	_Alignas(64) u8 data[];
};

struct ring *ring_new(u32 size)
{
	struct ring *r = aligned_alloc(64, sizeof(*r) + size);

	if (!r)
		return NULL;
	r->size = size;
	r->tail_seen = r->reserved = r->head_seen = 0;
	atomic_init(&r->head, 0);
	atomic_init(&r->tail, 0);
	return r;
}

void ring_free(struct ring *r)
{
	free(r);
}

static u32 *length_at(struct ring *r, u64 at)
{
	return (u32 *)(r->data + (at & (r->size - 1)));
}

void *ring_reserve(struct ring *r, u32 len)
{
	u64 head = atomic_load_explicit(&r->head, memory_order_relaxed);
	u32 need = (HEAD + len + 7) & ~7U, left = r->size - (u32)(head & (r->size - 1)), skip;

	if (len > r->size / 2 - HEAD)
		return NULL;
	skip = left < need ? left : 0;
	if (head + skip + need - r->tail_seen > r->size) {
		r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);
		if (head + skip + need - r->tail_seen > r->size)
			return NULL;
	}
	if (skip)
		*length_at(r, head) = SKIP;
	*length_at(r, head + skip) = len;
	r->reserved = head + skip + need;
	return (u8 *)length_at(r, head + skip) + HEAD;
}

void ring_commit(struct ring *r)
{
	atomic_store_explicit(&r->head, r->reserved, memory_order_release);
}

void *ring_peek(struct ring *r, u32 *len)
{
	u64 tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	if (tail == r->head_seen) {
		r->head_seen = atomic_load_explicit(&r->head, memory_order_acquire);
		if (tail == r->head_seen)
			return NULL;
	}
	if (*length_at(r, tail) == SKIP) {
		tail += r->size - (tail & (r->size - 1));
		atomic_store_explicit(&r->tail, tail, memory_order_release);
	}
	*len = *length_at(r, tail);
	return (u8 *)length_at(r, tail) + HEAD;
}

void ring_release(struct ring *r)
{
	u64 tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
	u32 len = *length_at(r, tail);

	atomic_store_explicit(&r->tail, tail + ((HEAD + len + 7) & ~7U), memory_order_release);
}
