// SPDX-License-Identifier: GPL-2.0-or-later
/* Making, ending and flushing a worker's engine: see core.h. */
#include "core.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>

#define ERRORS_RATE 100			/* ICMP errors per second to our own device */
#define ERRORS_BURST 50
#define CONGESTED_NS 1000000ULL		/* look again at the latest, in case nobody says that the socket is free */

struct core *core_new(struct table *t, u32 worker, const struct core_ops *ops, void *arg)
{
	struct core *core = aligned_alloc(64, (sizeof(*core) + 63) & ~63UL);

	if (!core)
		return NULL;
	memset(core, 0, sizeof(*core));
	core->table = t;
	core->ops = ops;
	core->arg = arg;
	core->worker = worker;
	core->random_at = sizeof(core->random);
	randombytes_buf(core->random_key, sizeof(core->random_key));
	list_init(&core->open);
	list_init(&core->control_wait);
	bucket_init(&core->errors, ERRORS_RATE, ERRORS_BURST);
	core->staging = aligned_alloc(64, CORE_BATCH * CORE_CELL_ROOM);
	/* pages that no origin ever touches are never there */
	core->scratch = aligned_alloc(64, CORE_BATCH * ONION_SCRATCH);
	if (!core->staging || !core->scratch || queue_new(core)) {
		core_free(core);
		return NULL;
	}
	return core;
}

void core_free(struct core *core)
{
	u32 i;

	if (!core)
		return;
	for (i = 0; i < core->out_used; i++)
		core->ops->buffer_put(core->arg, core->outs[core->out_order[i]].buffer);
	for (i = 0; i < core->slot_made; i++) {
		sodium_memzero(core->slots[i].memory, ONION_SCRATCH);
		free(core->slots[i].memory);
	}
	queue_free(core);
	if (core->scratch)
		sodium_memzero(core->scratch, CORE_BATCH * ONION_SCRATCH);
	free(core->scratch);
	free(core->staging);
	sodium_memzero(core, sizeof(*core));
	free(core);
}

/* Fragments whose time is over, of all devices. */
static void expire(struct core *core)
{
	struct table *t = core->table;
	u64 next = 0, at;
	u32 i;

	for (i = 0; i <= t->devices.mask; i++) {
		struct hnode *n;

		list_for_each(n, &t->devices.buckets[i], list) {
			struct dp_device *d = container_of(n, struct dp_device, node);
			struct reassembly_pool *pool = &d->pools[core->worker];
			u64 lost;

			if (!d->pool_ready[core->worker])
				continue;
			lost = pool->counters.lost;
			at = reassembly_expire(pool, core->now);
			count_add(core->stats.drops[DROP_REASSEMBLY], pool->counters.lost - lost);
			if (at && (!next || at < next))
				next = at;
		}
	}
	core->reassembly_at = next;
}

u64 core_flush(struct core *core, u64 now)
{
	u64 next, at = CORE_NEVER;

	core->now = now;
	core_run(core);
	core->congested = !core->ops->writable(core->arg);
	if (queue_drain(core))
		at = now + CONGESTED_NS;
	next = edge_flush(core);
	at = next < at ? next : at;
	out_flush(core, true);
	if (core->reassembly_at && core->reassembly_at <= now)
		expire(core);
	if (core->reassembly_at && core->reassembly_at < at)
		at = core->reassembly_at;
	core->ops->deliver_flush(core->arg);
	return at;
}
