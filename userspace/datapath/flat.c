// SPDX-License-Identifier: GPL-2.0-or-later
/* The changing half of flat.h: at most two thirds full, grows by doubling, never shrinks. */
#include "flat.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_SIZE 16

void flat_init(struct flat *f, u64 seed)
{
	*f = (struct flat){ .seed = seed };
}

void flat_fini(struct flat *f)
{
	free(f->slots);
	f->slots = NULL;
	f->count = 0;
}

static void put(struct flat *f, u64 used_key, void *value)
{
	u32 i = flat_home(f, used_key & ~FLAT_USED);

	while (f->slots[i].key)
		i = (i + 1) & f->mask;
	f->slots[i] = (struct flat_slot){ used_key, value };
}

int flat_reserve(struct flat *f, u32 more)
{
	struct flat old = *f;
	u32 size = f->slots ? f->mask + 1 : FIRST_SIZE, i;

	while ((u64)size * 2 / 3 < (u64)f->count + more)
		size *= 2;
	if (f->slots && size == f->mask + 1)
		return 0;
	f->slots = calloc(size, sizeof(*f->slots));
	if (!f->slots) {
		*f = old;
		return -ENOMEM;
	}
	f->mask = size - 1;
	for (i = 0; old.slots && i <= old.mask; i++)
		if (old.slots[i].key)
			put(f, old.slots[i].key, old.slots[i].value);
	free(old.slots);
	return 0;
}

void flat_add(struct flat *f, u64 key, void *value)
{
	put(f, key | FLAT_USED, value);
	f->count++;
}

void flat_del(struct flat *f, u64 key)
{
	u32 i, hole, home;

	if (!f->count)
		return;
	for (i = flat_home(f, key); f->slots[i].key != (key | FLAT_USED); i = (i + 1) & f->mask)
		if (!f->slots[i].key)
			return;
	f->count--;
	for (hole = i, i = (i + 1) & f->mask; f->slots[i].key; i = (i + 1) & f->mask) {
		home = flat_home(f, f->slots[i].key & ~FLAT_USED);
		if (((i - home) & f->mask) < ((i - hole) & f->mask))
			continue;
		f->slots[hole] = f->slots[i];
		hole = i;
	}
	f->slots[hole] = (struct flat_slot){ 0, NULL };
}
