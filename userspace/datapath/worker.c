// SPDX-License-Identifier: GPL-2.0-or-later
/* The thread around an engine: its I/O, its neighbours and the control thread. See worker.h. */
#include "worker.h"

#include <base/log.h>
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define MESSAGES_MAX 512		/* from other workers a turn */
#define TURN_TRIES 200

enum message_kind {
	MESSAGE_CELLS,			/* cells that the reader owns */
	MESSAGE_PACKET,			/* an inner packet for a circuit of the reader's */
	MESSAGE_SEND,			/* a super-packet to leave from the reader's socket */
	MESSAGE_TUN,			/* a packet from a device, @link */
};

struct message {
	enum message_kind kind;
	u32 lane, link, circuit, len, segment;
	struct endpoint endpoint;
	u8 data[];
};

static u64 now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000ULL + (u64)ts.tv_nsec;
}

static void futex_wait(_Atomic u32 *at, u32 while_value)
{
	syscall(SYS_futex, at, FUTEX_WAIT_PRIVATE, while_value, NULL, NULL, 0);
}

static void futex_wake(_Atomic u32 *at)
{
	syscall(SYS_futex, at, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* ---- in and out of the table ---- */

/* The order (own flag, then the other's; on both sides) keeps both from going on. */
static void leave(struct worker *w)
{
	struct user_gate *gate = user_gate(w->user);

	w->entered = false;
	atomic_store(&w->busy, 0);
	if (atomic_load(&gate->paused))
		futex_wake(&w->busy);
}

static void enter(struct worker *w)
{
	struct user_gate *gate = user_gate(w->user);

	if (w->entered) {
		if (likely(!atomic_load_explicit(&gate->paused, memory_order_relaxed)))
			return;
		core_flush(w->core, now());
		leave(w);
	}
	for (;;) {
		atomic_store(&w->busy, 1);
		if (likely(!atomic_load(&gate->paused)))
			break;
		leave(w);
		atomic_store(&w->waiting, 1);
		futex_wait(&gate->paused, 1);
	}
	if (unlikely(atomic_load_explicit(&w->waiting, memory_order_relaxed)))
		atomic_store(&w->waiting, 0);
	w->entered = true;
}

/* Who was kept out by the change before has its turn first: a burst of changes stops no traffic. */
static void give_turn(struct worker *w)
{
	u32 i;

	for (i = 0; i < TURN_TRIES && atomic_load(&w->waiting); i++)
		sched_yield();
}

void workers_pause(struct user *user)
{
	u32 i;

	for (i = 0; i < user_table(user)->workers; i++)
		give_turn(user_worker(user, i));
	atomic_store(&user_gate(user)->paused, 1);
	for (i = 0; i < user_table(user)->workers; i++)
		while (atomic_load(&user_worker(user, i)->busy))
			futex_wait(&user_worker(user, i)->busy, 1);
}

void workers_resume(struct user *user)
{
	atomic_store(&user_gate(user)->paused, 0);
	futex_wake(&user_gate(user)->paused);
}

/* ---- to the control thread ---- */

static struct up_record *up_reserve(struct worker *w, enum up_kind kind, const u8 *data, u32 len)
{
	struct up_record *r = ring_reserve(w->up, (u32)sizeof(*r) + len);

	if (!r)
		return NULL;
	*r = (struct up_record){ .kind = kind, .len = len };
	if (len)
		memcpy(r->data, data, len);
	w->raised = true;
	return r;
}

static bool datagram(void *arg, u32 lane, const struct endpoint *from, const u8 *data, u32 len)
{
	struct worker *w = arg;
	struct up_record *r = up_reserve(w, UP_DATAGRAM, data, len);

	if (!r)
		return false;
	r->lane = lane;
	r->from = *from;
	ring_commit(w->up);
	return true;
}

static void event(void *arg, const struct datapath_event *ev)
{
	struct worker *w = arg;
	struct up_record *r = up_reserve(w, UP_EVENT, ev->data, (u32)ev->len);

	if (!r) {
		core_drop(w->core, DROP_UP);
		return;
	}
	r->event = *ev;
	ring_commit(w->up);
}

static void raise_control(struct worker *w)
{
	struct user_gate *gate = user_gate(w->user);
	static const u64 one = 1;

	w->raised = false;
	if (!atomic_exchange(&gate->raised, true) &&
	    write(gate->event_fd, &one, sizeof(one)) < 0)
		return;		/* cannot be full */
}

/* ---- to other workers ---- */

/* Room in the ring in which sender @from, who calls this, writes to @to. */
static struct message *ring_message(struct worker *to, u32 from, u32 len)
{
	struct ring *r = atomic_load_explicit(&to->in[from], memory_order_relaxed);
	struct message *m;

	if (!r) {
		r = ring_new(WORKER_RING);
		if (!r)
			return NULL;
		atomic_store_explicit(&to->in[from], r, memory_order_release);
	}
	m = ring_reserve(r, (u32)sizeof(*m) + len);
	if (m)
		m->len = len;
	return m;
}

static struct message *message_reserve(struct worker *w, u32 to, u32 len)
{
	struct message *m = ring_message(user_worker(w->user, to), w->index, len);

	if (m)
		w->wake |= 1ULL << to;
	return m;
}

bool worker_tun(struct worker *w, u32 slot, u32 device, const u8 *data, u32 len)
{
	struct message *m = ring_message(w, DATAPATH_LANES_MAX + slot, len);

	if (!m)
		return false;
	m->kind = MESSAGE_TUN;
	m->link = device;
	memcpy(m->data, data, len);
	ring_commit(atomic_load_explicit(&w->in[DATAPATH_LANES_MAX + slot], memory_order_relaxed));
	return true;
}

static void message_commit(struct worker *w, u32 to)
{
	ring_commit(atomic_load_explicit(&user_worker(w->user, to)->in[w->index], memory_order_relaxed));
}

static void pass_cells(void *arg, u32 to, u32 lane, const struct endpoint *from, const u8 *cells, u32 len,
		       u32 segment)
{
	struct worker *w = arg;
	struct message *m = message_reserve(w, to, len);

	if (!m) {
		count_add(w->core->stats.drops[DROP_QUEUE], (len + segment - 1) / segment);
		return;
	}
	m->kind = MESSAGE_CELLS;
	m->lane = lane;
	m->segment = segment;
	m->endpoint = *from;
	memcpy(m->data, cells, len);
	message_commit(w, to);
}

static void pass_packet(void *arg, u32 to, const struct dp_circuit *c, const struct offload_segment *s)
{
	struct worker *w = arg;
	struct message *m = message_reserve(w, to, s->hdr_len + s->payload_len);

	if (!m) {
		core_drop(w->core, DROP_QUEUE);
		return;
	}
	m->kind = MESSAGE_PACKET;
	m->link = c->link->id;
	m->circuit = c->id;
	memcpy(m->data, s->hdr, s->hdr_len);
	memcpy(m->data + s->hdr_len, s->payload, s->payload_len);
	message_commit(w, to);
}

/*
 * Through another worker's socket: at once, unless that is full or something waits for it, which
 * must not be overtaken; then its worker takes a copy and waits.
 */
static void send_other(struct worker *w, u32 lane, const struct endpoint *to, const u8 *data, u32 len,
		       u32 segment)
{
	struct worker *other = user_worker(w->user, lane);
	struct message *m;
	u32 done = 0;

	if (!atomic_load(&other->behind))
		done = io_send_other(w->io, user_table(w->user)->conf.sockets[lane], to, data, len, segment);
	if (done == len)
		return;
	m = message_reserve(w, lane, len - done);
	if (!m) {
		count_add(w->core->stats.drops[DROP_SEND], (len - done + segment - 1) / segment);
		return;
	}
	atomic_store(&other->behind, true);
	m->kind = MESSAGE_SEND;
	m->endpoint = *to;
	m->segment = segment;
	memcpy(m->data, data + done, len - done);
	message_commit(w, lane);
}

static void send_super(void *arg, u32 lane, const struct endpoint *to, u8 *buffer, u32 len, u32 segment)
{
	struct worker *w = arg;

	if (likely(lane == w->index)) {
		io_send(w->io, to, buffer, buffer, len, segment);
		return;
	}
	send_other(w, lane, to, buffer, len, segment);
	io_buffer_put(w->io, buffer);
}

static void take_send(struct worker *w, struct message *m)
{
	u8 *buffer = io_buffer(w->io);

	if (!buffer) {
		count_add(w->core->stats.drops[DROP_SEND], (m->len + m->segment - 1) / m->segment);
		return;
	}
	memcpy(buffer, m->data, m->len);
	io_send(w->io, &m->endpoint, buffer, buffer, m->len, m->segment);
}

static void take_tun(struct worker *w, struct message *m)
{
	struct dp_device *d = table_device(user_table(w->user), m->link);

	if (d)
		core_tun(w->core, now(), d, m->data, m->len);
}

static void take_message(struct worker *w, struct message *m)
{
	switch (m->kind) {
	case MESSAGE_CELLS:
		core_input(w->core, now(), m->lane, &m->endpoint, m->data, m->len, m->segment);
		break;
	case MESSAGE_PACKET:
		core_passed_packet(w->core, now(), m->link, m->circuit, m->data, m->len);
		break;
	case MESSAGE_SEND:
		take_send(w, m);
		break;
	case MESSAGE_TUN:
		take_tun(w, m);
		break;
	}
}

static void take_messages(struct worker *w)
{
	u32 i, n, len;

	for (i = 0; i < DATAPATH_LANES_MAX + WORKER_DEVICES; i++) {
		struct ring *r = atomic_load_explicit(&w->in[i], memory_order_acquire);
		struct message *m;

		for (n = 0; r && n < MESSAGES_MAX && (m = ring_peek(r, &len)); n++) {
			take_message(w, m);
			ring_release(r);
		}
		if (n == MESSAGES_MAX)
			w->wake |= 1ULL << w->index;
	}
}

/* ---- device ---- */

static void join_write(void *arg, const struct iovec *iov, u32 count, u32 packets)
{
	struct worker_join *j = arg;
	struct worker *w = j->worker;
	struct dp_device *d = table_device(user_table(w->user), j->device);

	if (!d || !d->queues) {
		count_add(w->core->stats.drops[DROP_DEVICE], packets);
		return;
	}
	/* any queue takes packets from anybody, if there are fewer than workers */
	if (!j->slot && w->index < d->queues ? io_tun_write(w->io, iov, count) :
				   writev(d->fds[w->index % d->queues], iov, (int)count) < 0)
		count_add(w->core->stats.drops[DROP_DEVICE], packets);
}

static void deliver(void *arg, struct dp_device *device, const u8 *packet, u32 len, bool stable)
{
	struct worker *w = arg;

	if (unlikely(!device->slot && device->id != w->device)) {
		core_drop(w->core, DROP_DEVICE);
		return;
	}
	w->joins[device->slot].device = device->id;
	w->joined |= 1U << device->slot;
	offload_join_add(w->joins[device->slot].join, packet, len, stable);
}

static void deliver_flush(void *arg)
{
	struct worker *w = arg;
	u32 i;

	for (i = 0; w->joined; i++, w->joined >>= 1)
		if (w->joined & 1)
			offload_join_flush(w->joins[i].join);
}

void worker_device_ask(struct worker *w, u32 device, int fd)
{
	atomic_store(&w->tun_want, fd);
	atomic_store(&w->device_want, device);
	atomic_fetch_add(&w->device_asked, 1);
	io_wake(w->io);
}

void worker_device_wait(struct worker *w)
{
	u32 done;

	while ((done = atomic_load(&w->device_done)) != atomic_load(&w->device_asked))
		futex_wait(&w->device_done, done);
}

static void change_device(struct worker *w)
{
	u32 asked = atomic_load(&w->device_asked), device = atomic_load(&w->device_want);
	int fd = atomic_load(&w->tun_want);

	if (asked == atomic_load(&w->device_done))
		return;
	deliver_flush(w);
	if (io_tun_set(w->io, fd))
		log_error("datapath", "worker %u cannot watch its TUN queue", w->index);
	w->device = device;
	atomic_store(&w->device_done, asked);
	futex_wake(&w->device_done);
}

static void device_failed(void *arg, int error)
{
	struct worker *w = arg;
	struct datapath_event ev = { .kind = DATAPATH_EV_DEVICE };

	enter(w);
	log_limited(LOG_ERROR, "datapath", "TUN queue %u failed: %s", w->index, strerror(-error));
	ev.link = w->device;
	event(w, &ev);
}

/* ---- what io calls ---- */

static void got_udp(void *arg, const struct endpoint *from, u8 *data, u32 len, u32 segment)
{
	struct worker *w = arg;

	enter(w);
	core_input(w->core, now(), w->index, from, data, len, segment);
}

static void got_tun(void *arg, u8 *data, u32 len)
{
	struct worker *w = arg;
	struct dp_device *d;

	enter(w);
	d = table_device(user_table(w->user), w->device);
	if (d)
		core_tun(w->core, now(), d, data, len);
}

static void woken(void *arg)
{
	struct worker *w = arg;

	if (atomic_load(&user_gate(w->user)->stop)) {
		io_stop(w->io);
		return;
	}
	enter(w);
	change_device(w);
	take_messages(w);
}

static void timeout(void *arg)
{
	enter(arg);
}

static void batch(void *arg)
{
	struct worker *w = arg;
	u64 wake;
	u32 i;

	enter(w);
	io_deadline(w->io, core_flush(w->core, now()));
	io_tun_pause(w->io, !io_writable(w->io));
	if (unlikely(atomic_load_explicit(&w->behind, memory_order_relaxed)) && io_writable(w->io) &&
	    !(w->wake >> w->index & 1))
		atomic_store(&w->behind, false);
	leave(w);
	wake = w->wake;
	w->wake = 0;
	for (i = 0; wake; i++, wake >>= 1)
		if (wake & 1)
			io_wake(user_worker(w->user, i)->io);
	if (w->raised)
		raise_control(w);
}

static u8 *get_buffer(void *arg)
{
	return io_buffer(((struct worker *)arg)->io);
}

static void put_buffer(void *arg, u8 *buffer)
{
	io_buffer_put(((struct worker *)arg)->io, buffer);
}

static bool writable(void *arg)
{
	return io_writable(((struct worker *)arg)->io);
}

static const struct io_ops io_ops = {
	.udp = got_udp, .tun = got_tun, .batch = batch, .wake = woken, .timeout = timeout,
	.failed = device_failed,
};

static const struct core_ops core_ops = {
	.buffer = get_buffer, .buffer_put = put_buffer, .send = send_super, .writable = writable,
	.deliver = deliver, .deliver_flush = deliver_flush, .datagram = datagram, .event = event,
	.pass_cells = pass_cells, .pass_packet = pass_packet,
};

/* ---- life ---- */

static void *run(void *arg)
{
	struct worker *w = arg;

	io_run(w->io);
	return NULL;
}

/* Does the kernel take UDP superpackets at a TUN (6.2)? */
static bool kernel_has_uso(void)
{
	struct utsname u;
	int major = 0, minor = 0;

	if (uname(&u) || sscanf(u.release, "%d.%d", &major, &minor) != 2)
		return false;
	return major > 6 || (major == 6 && minor >= 2);
}

static int start_thread(struct worker *w)
{
	sigset_t all, old;
	char name[16];
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err)
		return -err;
	w->started = true;
	snprintf(name, sizeof(name), "mv-worker-%u", w->index);
	pthread_setname_np(w->thread, name);
	return 0;
}

int worker_start(struct worker *w, struct user *user, u32 index)
{
	struct table *t = user_table(user);
	struct offload_join_conf join = { .uso = kernel_has_uso(), .write = join_write };
	struct io_conf conf = {
		.socket = t->conf.sockets[index], .tun = -1, .no_io_uring = t->conf.no_io_uring,
	};
	int err = 0;
	u32 i;

	w->user = user;
	w->index = index;
	atomic_store(&w->tun_want, -1);
	w->up = ring_new(WORKER_UP_RING);
	w->core = core_new(t, index, &core_ops, w);
	if (!w->up || !w->core)
		return -ENOMEM;
	t->cores[index] = w->core;
	for (i = 0; i < WORKER_DEVICES && !err; i++) {
		w->joins[i].worker = w;
		w->joins[i].slot = i;
		join.arg = &w->joins[i];
		err = offload_join_new(&w->joins[i].join, &join);
	}
	if (!err)
		err = io_new(&w->io, &conf, &io_ops, w);
	return err ? err : start_thread(w);
}

void worker_stop(struct worker *w)
{
	if (!w->started)
		return;
	io_wake(w->io);
	pthread_join(w->thread, NULL);
	w->started = false;
}

void worker_free(struct worker *w)
{
	u32 i;

	core_free(w->core);
	for (i = 0; i < WORKER_DEVICES; i++)
		if (w->joins[i].join)
			offload_join_free(w->joins[i].join);
	io_free(w->io);
	for (i = 0; i < DATAPATH_LANES_MAX + WORKER_DEVICES; i++)
		ring_free(atomic_load(&w->in[i]));
	ring_free(w->up);
}
