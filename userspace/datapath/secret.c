// SPDX-License-Identifier: GPL-2.0-or-later
/* Locked memory for keys: see secret.h. One free list a size, in steps of a cache line. */
#include "secret.h"

#include <sodium.h>
#include <sys/mman.h>

#define CHUNK (64 * 1024)
#define STEP 64

struct secret_chunk {
	struct secret_chunk *next;
	size_t used;
};

void secrets_init(struct secrets *s)
{
	*s = (struct secrets){ 0 };
}

void secrets_fini(struct secrets *s)
{
	struct secret_chunk *chunk;

	while ((chunk = s->chunks)) {
		s->chunks = chunk->next;
		sodium_memzero(chunk, CHUNK);
		munmap(chunk, CHUNK);
	}
}

static struct secret_chunk *chunk_new(struct secrets *s)
{
	struct secret_chunk *chunk = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (chunk == MAP_FAILED)
		return NULL;
	if (!s->plain) {
		s->unlocked |= mlock(chunk, CHUNK) != 0;
		madvise(chunk, CHUNK, MADV_DONTDUMP);
	}
	chunk->used = STEP;
	chunk->next = s->chunks;
	s->chunks = chunk;
	return chunk;
}

void *secret_alloc(struct secrets *s, size_t len)
{
	size_t class = (len + STEP - 1) / STEP;
	struct secret_chunk *chunk = s->chunks;
	void **block;

	if (!class || class > SECRET_CLASSES)
		return NULL;
	block = s->free[class - 1];
	if (block) {
		s->free[class - 1] = *block;
		*block = NULL;
		return block;
	}
	if (!chunk || CHUNK - chunk->used < class * STEP)
		chunk = chunk_new(s);
	if (!chunk)
		return NULL;
	block = (void *)((u8 *)chunk + chunk->used);
	chunk->used += class * STEP;
	return block;
}

void secret_free(struct secrets *s, void *block, size_t len)
{
	size_t class = (len + STEP - 1) / STEP;
	void **link = block;

	if (!block)
		return;
	sodium_memzero(block, class * STEP);
	*link = s->free[class - 1];
	s->free[class - 1] = link;
}
