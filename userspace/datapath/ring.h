/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A ring of records between two threads: one writes, one reads, neither waits. From worker to
 * worker (what another one owns) and from workers to the control thread.
 */
#ifndef MESHVPN_DATAPATH_RING_H
#define MESHVPN_DATAPATH_RING_H

#include <meshvpn/types.h>

struct ring;

/* @size: bytes, a power of two; a record takes at most half. Untouched pages cost nothing. NULL */
struct ring *ring_new(u32 size);
void ring_free(struct ring *r);

/* Writer: room for a record of @len bytes, aligned to 8, or NULL. One at a time; then commit it. */
void *ring_reserve(struct ring *r, u32 len);
void ring_commit(struct ring *r);

/* Reader: the oldest record, or NULL; it stays until released. */
void *ring_peek(struct ring *r, u32 *len);
void ring_release(struct ring *r);

#endif
