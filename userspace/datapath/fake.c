// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The fake: the engine of the user datapath without sockets, devices, threads and clock, for
 * simulators and tests of what lies above. Every upcall, outgoing datagrams and inner packets
 * included, comes from datapath_dispatch(), in the order in which it arose; so a simulator calls
 * receive, packet, tick or control, and then dispatch. With a hold (datapath_conf.hold_us) cells
 * that are not full leave at a later tick.
 */
#include "core.h"
#include "impl.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define UP_MAX 8192			/* what may wait for dispatch; the rest is dropped and counted */
#define REASSEMBLY_BUFFERS 64		/* a simulator has many nodes in one process */

enum up_kind { UP_DATAGRAM, UP_EVENT, UP_SEND, UP_PACKET };

struct up {
	struct up *next;
	enum up_kind kind;
	u32 lane, device;
	struct endpoint endpoint;
	struct datapath_event event;
	u32 len;
	u8 data[];
};

struct fake {
	struct datapath dp;
	struct table table;
	struct core *core;
	struct up *first, **last;
	u32 waiting;
	u8 *buffer;		/* one is enough: sends are copied; more are made while it is out */
};

static struct fake *fake_of(struct datapath *dp)
{
	return container_of(dp, struct fake, dp);
}

static u64 now(struct fake *f)
{
	struct timespec ts;

	if (f->dp.ops.now)
		return f->dp.ops.now(f->dp.arg);
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000ULL + (u64)ts.tv_nsec;
}

static struct up *up_add(struct fake *f, enum up_kind kind, const u8 *data, u32 len)
{
	struct up *u = f->waiting < UP_MAX ? malloc(sizeof(*u) + len) : NULL;

	if (!u)
		return NULL;
	memset(u, 0, sizeof(*u));
	u->kind = kind;
	u->len = len;
	if (len)
		memcpy(u->data, data, len);
	*f->last = u;
	f->last = &u->next;
	f->waiting++;
	return u;
}

/* ---- the engine's ops ---- */

static u8 *get_buffer(void *arg)
{
	struct fake *f = arg;
	u8 *b = f->buffer;

	f->buffer = NULL;
	return b ? b : malloc(65536);
}

static void put_buffer(void *arg, u8 *buffer)
{
	struct fake *f = arg;

	if (f->buffer)
		free(buffer);
	else
		f->buffer = buffer;
}

static void send_super(void *arg, u32 lane, const struct endpoint *to, u8 *buffer, u32 len, u32 segment)
{
	struct fake *f = arg;
	u32 at;

	for (at = 0; at < len; at += segment) {
		struct up *u = up_add(f, UP_SEND, buffer + at, segment);

		if (!u) {
			core_drop(f->core, DROP_SEND);
			continue;
		}
		u->lane = lane;
		u->endpoint = *to;
	}
	put_buffer(f, buffer);
}

static bool writable(void *arg)
{
	return true;
}

static void deliver(void *arg, struct dp_device *device, const u8 *packet, u32 len, bool stable)
{
	struct fake *f = arg;
	struct up *u = up_add(f, UP_PACKET, packet, len);

	if (u)
		u->device = device->id;
	else
		core_drop(f->core, DROP_DEVICE);
}

static void deliver_flush(void *arg)
{
}

static bool datagram(void *arg, u32 lane, const struct endpoint *from, const u8 *data, u32 len)
{
	struct up *u = up_add(arg, UP_DATAGRAM, data, len);

	if (!u)
		return false;
	u->lane = lane;
	u->endpoint = *from;
	return true;
}

static void event(void *arg, const struct datapath_event *ev)
{
	struct fake *f = arg;
	struct up *u = up_add(f, UP_EVENT, ev->data, (u32)ev->len);

	if (u)
		u->event = *ev;
	else
		core_drop(f->core, DROP_UP);
}

static const struct core_ops core_ops = {
	.buffer = get_buffer,
	.buffer_put = put_buffer,
	.send = send_super,
	.writable = writable,
	.deliver = deliver,
	.deliver_flush = deliver_flush,
	.datagram = datagram,
	.event = event,
};

/* ---- datapath.h ---- */

static void fake_close(struct datapath *dp)
{
	struct fake *f = fake_of(dp);
	struct up *u;

	table_fini(&f->table);
	core_free(f->core);
	while ((u = f->first)) {
		f->first = u->next;
		free(u);
	}
	free(f->buffer);
	free(f);
}

static int fake_open(struct datapath **dp, const struct datapath_conf *conf,
		     const struct datapath_ops *ops, void *arg)
{
	struct fake *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->last = &f->first;
	f->dp.ops = *ops;
	f->dp.arg = arg;
	if (table_init(&f->table, conf)) {
		free(f);
		return -ENOMEM;
	}
	f->table.caps = datapath_fake.caps;
	f->table.reassembly_buffers = REASSEMBLY_BUFFERS;
	f->core = core_new(&f->table, 0, &core_ops, f);
	if (!f->core) {
		table_fini(&f->table);
		free(f);
		return -ENOMEM;
	}
	f->table.cores[0] = f->core;
	*dp = &f->dp;
	return 0;
}

static void upcall(struct fake *f, struct up *u)
{
	const struct datapath_ops *ops = &f->dp.ops;
	void *arg = f->dp.arg;

	switch (u->kind) {
	case UP_DATAGRAM:
		if (ops->datagram)
			ops->datagram(arg, u->lane, &u->endpoint, u->data, u->len);
		break;
	case UP_EVENT:
		u->event.data = u->len ? u->data : NULL;
		if (ops->event)
			ops->event(arg, &u->event);
		break;
	case UP_SEND:
		if (ops->send)
			ops->send(arg, u->lane, &u->endpoint, u->data, u->len);
		break;
	case UP_PACKET:
		if (ops->packet)
			ops->packet(arg, u->device, u->data, u->len);
		break;
	}
}

static int fake_dispatch(struct datapath *dp, u32 budget)
{
	struct fake *f = fake_of(dp);
	u32 n = 0;

	while (n < budget && f->first) {
		struct up *u = f->first;

		f->first = u->next;
		if (!f->first)
			f->last = &f->first;
		f->waiting--;
		upcall(f, u);
		free(u);
		n++;
	}
	return (int)n;
}

static int fake_apply(struct datapath *dp, const struct datapath_op *ops, u32 count, u32 *failed)
{
	return table_apply(&fake_of(dp)->table, ops, count, failed);
}

static int fake_control(struct datapath *dp, u32 link, u32 circuit, const u8 *data, size_t len)
{
	struct fake *f = fake_of(dp);
	bool away;
	struct dp_circuit *c = table_circuit(&f->table, link, circuit, &away);
	int err;

	if (!c || !c->edge)
		return -ENOENT;
	err = core_control(f->core, c, data, len);
	core_flush(f->core, now(f));
	return err;
}

static int fake_circuit_get(struct datapath *dp, u32 link, u32 circuit, struct datapath_circuit_info *info)
{
	return table_circuit_get(&fake_of(dp)->table, link, circuit, info);
}

static int fake_link_get(struct datapath *dp, u32 link, struct datapath_link_info *info)
{
	return table_link_get(&fake_of(dp)->table, link, info);
}

static void fake_stats_get(struct datapath *dp, struct datapath_stats *stats)
{
	table_stats_get(&fake_of(dp)->table, stats);
}

static int fake_circuit_dump(struct datapath *dp,
			     int (*each)(void *arg, const struct datapath_circuit_info *info), void *arg)
{
	return table_circuit_dump(&fake_of(dp)->table, each, arg);
}

static void fake_receive(struct datapath *dp, u32 lane, const struct endpoint *from, const u8 *data,
			 size_t len)
{
	struct fake *f = fake_of(dp);
	u8 copy[65535];

	if (!len || len > sizeof(copy))
		return;
	memcpy(copy, data, len);
	core_input(f->core, now(f), lane, from, copy, (u32)len, (u32)len);
	core_flush(f->core, now(f));
}

static void fake_packet(struct datapath *dp, u32 device, const u8 *data, size_t len)
{
	struct fake *f = fake_of(dp);
	struct dp_device *d = table_device(&f->table, device);

	if (!d || len > 65535)
		return;
	core_packet(f->core, now(f), d, data, (u32)len);
	core_flush(f->core, now(f));
}

static void fake_tick(struct datapath *dp)
{
	struct fake *f = fake_of(dp);

	core_flush(f->core, now(f));
}

const struct datapath_impl datapath_fake = {
	.name = "fake",
	.caps = DATAPATH_ORIGIN | DATAPATH_TERMINUS,
	.open = fake_open,
	.close = fake_close,
	.dispatch = fake_dispatch,
	.apply = fake_apply,
	.control = fake_control,
	.circuit_get = fake_circuit_get,
	.link_get = fake_link_get,
	.stats_get = fake_stats_get,
	.circuit_dump = fake_circuit_dump,
	.receive = fake_receive,
	.packet = fake_packet,
	.tick = fake_tick,
};
