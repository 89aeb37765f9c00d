// SPDX-License-Identifier: GPL-2.0-or-later
/* What the control thread may know: counters of all workers added up, objects without their keys. */
#include "core.h"

#include <errno.h>
#include <stdlib.h>

static const char *const drop_names[DROP_CAUSES] = {
	[DROP_NOT_CELL] = "not-cell", [DROP_HEADER] = "header", [DROP_CLASS] = "class",
	[DROP_REPLAY] = "replay", [DROP_LAYER] = "layer", [DROP_LAYER_BACKWARD] = "layer-backward",
	[DROP_COUNTER] = "counter", [DROP_UP] = "up",
	[DROP_QUEUE] = "queue", [DROP_RATE] = "rate", [DROP_SEND] = "send",
	[DROP_NO_ROUTE] = "no-route", [DROP_FRAME] = "frame", [DROP_REASSEMBLY] = "reassembly",
	[DROP_SOURCE] = "source", [DROP_DESTINATION] = "destination",
	[DROP_NO_CIRCUIT] = "no-circuit", [DROP_TOO_BIG] = "too-big", [DROP_DEVICE] = "device",
};

const char *datapath_drop_name(enum datapath_drop cause)
{
	return cause < DROP_CAUSES ? drop_names[cause] : "unknown";
}

static void traffic(const struct dp_circuit *c, struct datapath_circuit_info *info)
{
	const struct dp_half *f = &c->forward, *b = &c->backward;
	u64 f_last = count_get(f->last), b_last = count_get(b->last);

	info->last_rx = f_last > b_last ? f_last : b_last;
	info->drops = count_get(f->drops) + count_get(b->drops);
	info->next_counter = count_get(c->backward.next);
	if (c->kind == DATAPATH_RELAY) {
		info->rx_cells = info->tx_cells = count_get(f->cells);
		info->rx_bytes = info->tx_bytes = count_get(f->bytes);
		info->back_cells = count_get(b->cells);
		info->back_bytes = count_get(b->bytes);
		return;
	}
	if (c->kind == DATAPATH_ORIGIN_CIRCUIT) {
		f = &c->backward;
		b = &c->forward;
	}
	info->rx_cells = count_get(f->cells);
	info->rx_bytes = count_get(f->bytes);
	info->tx_cells = count_get(b->cells);
	info->tx_bytes = count_get(b->bytes);
}

static void describe(const struct dp_circuit *c, struct datapath_circuit_info *info)
{
	*info = (struct datapath_circuit_info){
		.conf = {
			.kind = c->kind, .link = c->link->id, .circuit = c->id,
			.out_link = c->out_link ? c->out_link->id : 0, .out_circuit = c->out_id,
			.hops = c->hops, .reserve = c->reserve, .data_class = c->data_class,
			.small_forward = c->small_forward,
			.pass = __atomic_load_n(&c->pass, __ATOMIC_RELAXED),
			.session = c->exit ? c->exit->id : 0, .rate = c->rate, .burst = c->burst,
		},
	};
	traffic(c, info);
}

int table_circuit_get(struct table *t, u32 link, u32 circuit, struct datapath_circuit_info *info)
{
	bool away;
	struct dp_circuit *c = table_circuit(t, link, circuit, &away);

	if (!c || c->id != circuit || c->link->id != link)
		return -ENOENT;
	describe(c, info);
	return 0;
}

int table_link_get(struct table *t, u32 id, struct datapath_link_info *info)
{
	struct dp_link *link = table_link(t, id);
	u32 i;

	if (!link)
		return -ENOENT;
	*info = (struct datapath_link_info){ .conf = link->conf, .circuits = link->circuit_count };
	for (i = 0; i < t->workers; i++) {
		const struct dp_link_counters *n = &link->counters[i];
		u64 last = count_get(n->last_rx);

		info->rx_cells += count_get(n->rx_cells);
		info->rx_bytes += count_get(n->rx_bytes);
		info->tx_cells += count_get(n->tx_cells);
		info->tx_bytes += count_get(n->tx_bytes);
		info->last_rx = last > info->last_rx ? last : info->last_rx;
	}
	return 0;
}

void table_stats_get(struct table *t, struct datapath_stats *stats)
{
	u32 i, k;

	*stats = (struct datapath_stats){
		.devices = t->devices.count, .links = t->links.count,
		.link_sessions = t->link_sessions, .sessions = t->exits.count,
		.circuits = t->circuit_count,
	};
	for (i = 0; i < t->workers; i++) {
		const struct datapath_stats *s = &t->cores[i]->stats;

		stats->rx_cells += count_get(s->rx_cells);
		stats->rx_bytes += count_get(s->rx_bytes);
		stats->tx_cells += count_get(s->tx_cells);
		stats->tx_bytes += count_get(s->tx_bytes);
		stats->rx_packets += count_get(s->rx_packets);
		stats->rx_packet_bytes += count_get(s->rx_packet_bytes);
		stats->tx_packets += count_get(s->tx_packets);
		stats->tx_packet_bytes += count_get(s->tx_packet_bytes);
		stats->up += count_get(s->up);
		stats->relayed += count_get(s->relayed);
		stats->passed_cells += count_get(s->passed_cells);
		stats->passed_packets += count_get(s->passed_packets);
		for (k = 0; k < DROP_CAUSES; k++)
			stats->drops[k] += count_get(s->drops[k]);
	}
}

/* A snapshot first, since the callback may change what it walks over. */
int table_circuit_dump(struct table *t, int (*each)(void *arg, const struct datapath_circuit_info *info),
		       void *arg)
{
	struct datapath_circuit_info info;
	u64 *keys;
	u32 i, n = 0;
	int ret = 0;

	if (!t->circuit_count)
		return 0;
	keys = calloc(t->circuit_count, sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	for (i = 0; i <= t->circuits.mask; i++) {
		struct flat_slot *s = &t->circuits.slots[i];
		struct dp_circuit *c = (void *)((uintptr_t)s->value & ~(uintptr_t)1);

		if (c && (s->key & ~FLAT_USED) == circuit_key(c->link->id, c->id))
			keys[n++] = s->key & ~FLAT_USED;
	}
	for (i = 0; i < n && !ret; i++)
		if (!table_circuit_get(t, (u32)(keys[i] >> MV_CIRCUIT_BITS),
				       (u32)(keys[i] & MV_CIRCUIT_MAX), &info))
			ret = each(arg, &info);
	free(keys);
	return ret;
}
