// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The user datapath: a worker a lane around the shared table, and the control thread's side of
 * them. Changes are made here while the workers are out of the table; upcalls come through a ring
 * of each worker and one eventfd.
 */
#include "impl.h"
#include "reader.h"
#include "steer.h"

#include <base/log.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define REASSEMBLY_BUFFERS 2048		/* per device and worker */

/* What becomes of a device in the batch being applied is done when the workers run again. */
struct user_device {
	u32 id;				/* 0: free */
	bool came;
	u32 queues;
	int fds[DATAPATH_LANES_MAX];
	struct reader *readers[DATAPATH_LANES_MAX];
	u32 gone_count;			/* queues of the one before, to be closed */
	int gone[DATAPATH_LANES_MAX];
};

struct user {
	struct datapath dp;
	struct table table;
	struct user_gate gate;
	struct worker workers[DATAPATH_LANES_MAX];
	u32 next;			/* worker whose ring is emptied next */
	struct user_device devices[WORKER_DEVICES];
};

struct user_gate *user_gate(struct user *user)
{
	return &user->gate;
}

struct table *user_table(struct user *user)
{
	return &user->table;
}

struct worker *user_worker(struct user *user, u32 index)
{
	return &user->workers[index];
}

static struct user *user_of(const struct datapath *dp)
{
	return container_of(dp, struct user, dp);
}

/* ---- devices ---- */

static void device_came(struct user *u, struct dp_device *d)
{
	u32 slot = 0;

	while (u->devices[slot].id)	/* too_many_devices() has looked */
		slot++;
	d->slot = slot;
	u->devices[slot].id = d->id;
	u->devices[slot].came = true;
	u->devices[slot].queues = d->queues;
	memcpy(u->devices[slot].fds, d->fds, sizeof(d->fds));
}

/* Called for what came before it is called for what went, so that a slot is used once a batch. */
static void device_changed(void *arg, struct dp_device *d, bool gone)
{
	struct user *u = arg;
	struct user_device *ud;

	if (!gone) {
		device_came(u, d);
		return;
	}
	ud = &u->devices[d->slot];
	ud->id = DATAPATH_NO_ID;
	ud->gone_count = d->queues;
	memcpy(ud->gone, d->fds, sizeof(ud->gone));
}

/* The first device: workers take their queues of it, or leave those of the old one. */
static void settle_first(struct user *u, struct user_device *d)
{
	u32 i;

	for (i = 0; i < u->table.workers; i++)
		worker_device_ask(&u->workers[i], d->id, d->id && i < d->queues ? d->fds[i] : -1);
	for (i = 0; i < u->table.workers; i++)
		worker_device_wait(&u->workers[i]);
}

static void settle_other(struct user *u, struct user_device *d, u32 slot)
{
	u32 i;

	for (i = 0; i < d->gone_count; i++) {
		reader_free(d->readers[i]);
		d->readers[i] = NULL;
	}
	for (i = 0; d->came && d->id && i < d->queues; i++) {
		d->readers[i] = reader_new(&u->workers[i % u->table.workers], d->id, slot, d->fds[i]);
		if (!d->readers[i])
			log_error("datapath", "no thread for a queue of device %u", d->id);
	}
}

static void settle_devices(struct user *u)
{
	u32 slot, i;

	for (slot = 0; slot < WORKER_DEVICES; slot++) {
		struct user_device *d = &u->devices[slot];

		if (!d->came && !d->gone_count)
			continue;
		if (slot)
			settle_other(u, d, slot);
		else
			settle_first(u, d);
		for (i = 0; i < d->gone_count; i++)
			close(d->gone[i]);
		d->came = false;
		d->gone_count = 0;
	}
}

/* More devices than there are slots (one that goes in the same batch still has its), or more queues of a further one than workers? */
static int check_devices(struct user *u, const struct datapath_op *ops, u32 count, u32 *failed)
{
	u32 devices = u->table.devices.count, i;

	for (i = 0; i < count; i++) {
		const struct datapath_device *d = ops[i].device;

		if (ops[i].object != DATAPATH_OBJ_DEVICE || ops[i].verb != DATAPATH_NEW)
			continue;
		if (failed)
			*failed = i;
		if (d->queues > u->table.workers)
			return -EINVAL;
		if (devices++ == WORKER_DEVICES)
			return -ENOSPC;
	}
	return 0;
}

/* ---- datapath.h ---- */

static void user_close(struct datapath *dp)
{
	struct user *u = user_of(dp);
	u32 i, k;

	for (i = 0; i < WORKER_DEVICES; i++)
		for (k = 0; k < DATAPATH_LANES_MAX; k++)
			reader_free(u->devices[i].readers[k]);
	atomic_store(&u->gate.stop, true);
	for (i = 0; i < u->table.workers; i++)
		worker_stop(&u->workers[i]);
	table_fini(&u->table);
	for (i = 0; i < WORKER_DEVICES; i++)
		for (k = 0; k < u->devices[i].gone_count; k++)
			close(u->devices[i].gone[k]);
	for (i = 0; i < u->table.workers; i++)
		worker_free(&u->workers[i]);
	if (u->gate.event_fd >= 0)
		close(u->gate.event_fd);
	free(u);
}

static int user_open(struct datapath **dp, const struct datapath_conf *conf,
		     const struct datapath_ops *ops, void *arg)
{
	struct user *u = aligned_alloc(64, (sizeof(*u) + 63) & ~63UL);
	u32 i;
	int err;

	if (!u)
		return -ENOMEM;
	memset(u, 0, sizeof(*u));
	u->dp.ops = *ops;
	u->dp.arg = arg;
	err = table_init(&u->table, conf);
	if (err) {
		free(u);
		return err;
	}
	u->table.caps = datapath_user.caps;
	u->table.workers = conf->lanes;
	u->table.reassembly_buffers = REASSEMBLY_BUFFERS;
	u->table.device_changed = device_changed;
	u->table.arg = u;
	u->gate.event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	err = u->gate.event_fd < 0 ? -errno : 0;
	for (i = 0; i < conf->lanes && !err; i++)
		err = worker_start(&u->workers[i], u, i);
	if (err) {
		user_close(&u->dp);
		return err;
	}
	*dp = &u->dp;
	return 0;
}

static int user_fd(const struct datapath *dp)
{
	return user_of(dp)->gate.event_fd;
}

static void upcall(struct user *u, struct up_record *r)
{
	const struct datapath_ops *ops = &u->dp.ops;

	if (r->kind == UP_DATAGRAM) {
		if (ops->datagram)
			ops->datagram(u->dp.arg, r->lane, &r->from, r->data, r->len);
		return;
	}
	r->event.data = r->len ? r->data : NULL;
	if (ops->event)
		ops->event(u->dp.arg, &r->event);
}

static int user_dispatch(struct datapath *dp, u32 budget)
{
	struct user *u = user_of(dp);
	static const u64 one = 1;
	u32 n = 0, empty = 0, len;
	u64 count;

	if (read(u->gate.event_fd, &count, sizeof(count)) < 0)
		count = 0;
	atomic_store(&u->gate.raised, false);
	while (n < budget && empty < u->table.workers) {
		struct ring *ring = u->workers[u->next].up;
		struct up_record *r = ring_peek(ring, &len);

		u->next = (u->next + 1) % u->table.workers;
		empty = r ? 0 : empty + 1;
		if (!r)
			continue;
		upcall(u, r);
		ring_release(ring);
		n++;
	}
	if (n == budget && !atomic_exchange(&u->gate.raised, true) &&
	    write(u->gate.event_fd, &one, sizeof(one)) < 0)
		return (int)n;	/* cannot be full */
	return (int)n;
}

static int user_apply(struct datapath *dp, const struct datapath_op *ops, u32 count, u32 *failed)
{
	struct user *u = user_of(dp);
	int err = check_devices(u, ops, count, failed);

	if (err)
		return err;
	workers_pause(u);
	err = table_apply(&u->table, ops, count, failed);
	workers_resume(u);
	settle_devices(u);
	if (!err)
		steer_sessions(&u->table, ops, count);
	return err;
}

static int user_control(struct datapath *dp, u32 link, u32 circuit, const u8 *data, size_t len)
{
	struct user *u = user_of(dp);
	bool away;
	struct dp_circuit *c = table_circuit(&u->table, link, circuit, &away);
	struct worker *w;
	int err;

	if (!c || !c->edge)
		return -ENOENT;
	w = &u->workers[table_owner(&u->table, circuit)];
	workers_pause(u);
	err = core_control(w->core, c, data, len);
	workers_resume(u);
	if (!err)
		io_wake(w->io);
	return err;
}

static int user_circuit_get(struct datapath *dp, u32 link, u32 circuit, struct datapath_circuit_info *info)
{
	return table_circuit_get(&user_of(dp)->table, link, circuit, info);
}

static int user_link_get(struct datapath *dp, u32 link, struct datapath_link_info *info)
{
	return table_link_get(&user_of(dp)->table, link, info);
}

static void add_io(struct datapath_stats *stats, const struct io_stats *io)
{
	stats->rx_super += count_get(io->rx_super);
	stats->tx_super += count_get(io->tx_super);
	stats->send_again += count_get(io->send_again);
	stats->send_errors += count_get(io->send_errors);
	stats->send_no_gso += count_get(io->no_gso);
	stats->no_buffer += count_get(io->no_buffer);
	stats->device_errors += count_get(io->tun_errors);
}

static void user_stats_get(struct datapath *dp, struct datapath_stats *stats)
{
	struct user *u = user_of(dp);
	u32 i;

	table_stats_get(&u->table, stats);
	for (i = 0; i < u->table.workers; i++)
		add_io(stats, io_stats(u->workers[i].io));
}

static int user_circuit_dump(struct datapath *dp,
			     int (*each)(void *arg, const struct datapath_circuit_info *info), void *arg)
{
	return table_circuit_dump(&user_of(dp)->table, each, arg);
}

const struct datapath_impl datapath_user = {
	.name = "user",
	.caps = DATAPATH_DEVICE | DATAPATH_ORIGIN | DATAPATH_TERMINUS | DATAPATH_QUEUE | DATAPATH_SOCKET,
	.open = user_open,
	.close = user_close,
	.fd = user_fd,
	.dispatch = user_dispatch,
	.apply = user_apply,
	.control = user_control,
	.circuit_get = user_circuit_get,
	.link_get = user_link_get,
	.stats_get = user_stats_get,
	.circuit_dump = user_circuit_dump,
};
