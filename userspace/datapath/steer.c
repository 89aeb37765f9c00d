/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The steering map of a multi-queue device: see steer.h. */
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "steer.h"

static void put(int map, const u8 *addr, u32 len, u32 queue)
{
	u8 key[16] = { 0 };
	union bpf_attr attr = {
		.map_fd = (u32)map, .key = (u64)(uintptr_t)key, .value = (u64)(uintptr_t)&queue,
	};

	memcpy(key + sizeof(key) - len, addr, len);
	syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr));
}

static void steer(const struct table *t, const struct dp_exit *e)
{
	const struct dp_device *d = e->device;
	u32 queue;

	if (!d->steering || d->queues < 2 || !e->leg)
		return;
	queue = table_owner(t, e->leg->id) % d->queues;
	if (e->has4)
		put(d->steering, e->inner4, 4, queue);
	if (e->has6)
		put(d->steering, e->inner6, 16, queue);
}

void steer_sessions(const struct table *t, const struct datapath_op *ops, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++) {
		const struct dp_exit *e = ops[i].object == DATAPATH_OBJ_SESSION ?
					  table_exit(t, ops[i].session->id) : NULL;

		if (e)
			steer(t, e);
	}
}
