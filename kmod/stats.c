// SPDX-License-Identifier: GPL-2.0
/* Statistics of all CPUs added up, and the names of causes. */
#include "engine.h"
#include "node.h"
#include "stats.h"

const char *const mv_drop_names[MV_DROPS] = {
	[MV_DROP_NOT_CELL] = "not-cell", [MV_DROP_HEADER] = "header", [MV_DROP_CLASS] = "class",
	[MV_DROP_REPLAY] = "replay", [MV_DROP_LAYER] = "layer",
	[MV_DROP_LAYER_BACKWARD] = "layer-backward", [MV_DROP_COUNTER] = "counter",
	[MV_DROP_UP] = "up", [MV_DROP_QUEUE] = "queue", [MV_DROP_RATE] = "rate",
	[MV_DROP_SEND] = "send", [MV_DROP_NO_ROUTE] = "no-route", [MV_DROP_FRAME] = "frame",
	[MV_DROP_REASSEMBLY] = "reassembly", [MV_DROP_SOURCE] = "source",
	[MV_DROP_DESTINATION] = "destination", [MV_DROP_NO_CIRCUIT] = "no-circuit",
	[MV_DROP_TOO_BIG] = "too-big", [MV_DROP_DEVICE] = "device",
};

void mv_stats_sum(struct mv_node *node, u64 *sum)
{
	u64 v[MV_STATS];
	unsigned int start;
	int cpu, i;

	memset(sum, 0, sizeof(v));
	for_each_possible_cpu(cpu) {
		struct mv_stats *s = &per_cpu_ptr(node->engines, cpu)->stats;

		do {
			start = u64_stats_fetch_begin(&s->sync);
			for (i = 0; i < MV_STATS; i++)
				v[i] = u64_stats_read(&s->v[i]);
		} while (u64_stats_fetch_retry(&s->sync, start));
		for (i = 0; i < MV_STATS; i++)
			sum[i] += v[i];
	}
}
