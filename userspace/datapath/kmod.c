// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The datapath in the kernel module meshvpn.ko, of which this is the remote control: changes go as
 * netlink messages and wait for their answer, events come back, and datagrams that the module
 * leaves in the sockets are read here and handed up.
 *
 * A batch is one message, so that it is all or nothing in the kernel too; one that has more than
 * KMOD_BATCH_OPS ops or does not fit is refused with -ENOSPC, because undoing the first part of it
 * would need keys that this side does not keep.
 */
#include "impl.h"
#include "kmod_conn.h"

#include <base/list.h>
#include <base/log.h>
#include <errno.h>
#include <linux/meshvpn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define DATAGRAMS 16			/* of one system call */
#define DATAGRAM_MAX 65535
#define LOOKS 5				/* until a dump is of one moment */
#define COUNTER_MARGIN (1ULL << 32)	/* the module's: numbers left when it raises EV_COUNTER */

struct kmod {
	struct datapath dp;
	struct kmod_conn *conn;
	u32 node, lanes, next;		/* next: lane that is read next */
	int sockets[DATAPATH_LANES_MAX];
	u64 volume_limit;
	int epoll, more;		/* more: eventfd, readable while events wait here */
	/* what a look at the module's state found after events were lost; handed up like events */
	struct datapath_event *found;
	u32 found_count, found_at, found_room;
	u8 *buffer;			/* DATAGRAMS times DATAGRAM_MAX */
};

static struct kmod *kmod_of(const struct datapath *dp)
{
	return container_of(dp, struct kmod, dp);
}

static struct nl_msg *request(struct kmod *k, u8 cmd, u16 flags, size_t room)
{
	return kmod_request(kmod_conn_family(k->conn), cmd, flags, k->node, room);
}

/* The file descriptor cannot see what waits in memory. */
static void raise_if_waiting(struct kmod *k)
{
	static const u64 one = 1;

	if ((kmod_conn_waits(k->conn) || k->found_at < k->found_count) &&
	    write(k->more, &one, sizeof(one)) < 0 && errno != EAGAIN)
		log_error("datapath", "eventfd: %s", strerror(errno));
}

/* Ranges have an error of their own in netlink. */
static int from_kernel(int err)
{
	return err == -ERANGE ? -EINVAL : err;
}

static int call(struct kmod *k, struct nl_msg *m, int (*each)(void *arg, const struct nlmsghdr *h), void *arg,
		u32 *failed)
{
	int err = from_kernel(kmod_call(k->conn, m, each, arg, failed));

	raise_if_waiting(k);
	return err;
}

/* ---- lost events ---- */

static void found(struct kmod *k, const struct datapath_event *event)
{
	if (k->found_count == k->found_room) {
		u32 room = k->found_room ? 2 * k->found_room : 64;
		struct datapath_event *bigger = realloc(k->found, room * sizeof(*bigger));

		if (!bigger) {
			log_limited(LOG_ERROR, "datapath", "no memory for lost events");
			return;
		}
		k->found = bigger;
		k->found_room = room;
	}
	k->found[k->found_count++] = *event;
}

/* To say it twice does no harm: whoever hears it looks at what he knows. */
static int look_circuit(void *arg, const struct nlmsghdr *h)
{
	struct datapath_circuit_info info;
	struct datapath_event event = { 0 };
	struct kmod *k = arg;

	if (kmod_get_circuit(h, &info))
		return 0;
	event.link = info.conf.link;
	event.circuit = info.conf.circuit;
	event.counter = info.next_counter;
	event.kind = DATAPATH_EV_PASS;
	if (!info.conf.pass && info.last_rx)
		found(k, &event);
	event.kind = DATAPATH_EV_COUNTER;
	if (info.next_counter >= MV_COUNTER_MAX - COUNTER_MARGIN ||
	    (k->volume_limit && info.rx_bytes + info.tx_bytes + info.back_bytes >= k->volume_limit))
		found(k, &event);
	return 0;
}

static int look_session(void *arg, const struct nlmsghdr *h)
{
	struct kmod_link_session_info info;
	struct datapath_event event = { .kind = DATAPATH_EV_SESSION };

	if (kmod_get_link_session(h, &info) || info.conf.state != DATAPATH_SESSION_NEXT || !info.opened)
		return 0;
	event.link = info.conf.link;
	event.index = info.conf.index;
	found(arg, &event);
	return 0;
}

/* Of a request that names nothing but the node. Who has no capability does not hear more than -EPERM. */
static bool no_node(int err)
{
	return err == -ENOENT || err == -EPERM;
}

/* A dump in which something changed may leave out what did not change. */
static int look(struct kmod *k, u8 cmd, int (*each)(void *arg, const struct nlmsghdr *h))
{
	u32 i, before = k->found_count;
	int err = -EINTR;

	for (i = 0; err == -EINTR && i < LOOKS; i++) {
		k->found_count = before;
		err = call(k, request(k, cmd, NLM_F_DUMP, 0), each, k, NULL);
	}
	return err;
}

/*
 * What was lost of addresses comes again, and control messages are repeated by who needs them. But
 * PASS, COUNTER, SESSION and GONE are told once, so they are looked up.
 */
static void look_for_lost(struct kmod *k)
{
	static const struct datapath_event gone = { .kind = DATAPATH_EV_GONE };
	int err;

	log_limited(LOG_WARN, "datapath", "events of the kernel module were lost; looking for what they said");
	err = look(k, MESHVPN_CMD_LINK_SESSION_GET, look_session);
	if (!err || err == -EINTR)
		err = look(k, MESHVPN_CMD_CIRCUIT_GET, look_circuit);
	if (no_node(err))
		found(k, &gone);
	else if (err && err != -EINTR)
		log_error("datapath", "cannot ask the kernel module what was lost: %s", strerror(-err));
}

/* ---- dispatch ---- */

static bool event_next(struct kmod *k)
{
	struct datapath_event event;
	const struct nlmsghdr *h;
	bool overrun;
	u32 lost = 0;
	int bad;

	if (k->found_at < k->found_count) {
		event = k->found[k->found_at++];
		if (k->dp.ops.event)
			k->dp.ops.event(k->dp.arg, &event);
		return true;
	}
	k->found_at = k->found_count = 0;
	h = kmod_conn_event(k->conn, &overrun);
	if (!h) {
		if (overrun)
			look_for_lost(k);
		return overrun;
	}
	bad = kmod_get_event(h, &event, &lost);
	if (bad)
		log_limited(LOG_WARN, "datapath", "a message of the kernel module that is no event");
	else if (k->dp.ops.event)
		k->dp.ops.event(k->dp.arg, &event);
	if (lost)
		look_for_lost(k);
	return true;
}

static u32 events(struct kmod *k, u32 budget)
{
	u64 count;
	u32 n = 0;

	if (read(k->more, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return 0;
	while (n < budget && event_next(k))
		n++;
	raise_if_waiting(k);
	return n;
}

/* One batch of datagrams of a lane. Return: how many. */
static u32 datagrams(struct kmod *k, u32 lane, u32 budget)
{
	struct mmsghdr m[DATAGRAMS];
	struct sockaddr_storage from[DATAGRAMS];
	struct iovec iov[DATAGRAMS];
	struct endpoint e;
	int i, n;

	for (i = 0; i < DATAGRAMS; i++) {
		iov[i] = (struct iovec){ k->buffer + (size_t)i * DATAGRAM_MAX, DATAGRAM_MAX };
		m[i].msg_hdr = (struct msghdr){
			.msg_name = &from[i], .msg_namelen = sizeof(from[i]), .msg_iov = &iov[i], .msg_iovlen = 1,
		};
	}
	n = recvmmsg(k->sockets[lane], m, budget < DATAGRAMS ? budget : DATAGRAMS, MSG_DONTWAIT, NULL);
	for (i = 0; i < n; i++) {
		if (endpoint_from_sockaddr(&e, (struct sockaddr *)&from[i], m[i].msg_hdr.msg_namelen))
			continue;
		if (k->dp.ops.datagram)
			k->dp.ops.datagram(k->dp.arg, lane, &e, iov[i].iov_base, m[i].msg_len);
	}
	return n < 0 ? 0 : (u32)n;
}

static int kmod_dispatch(struct datapath *dp, u32 budget)
{
	struct kmod *k = kmod_of(dp);
	/* neither events nor datagrams may keep the others waiting */
	u32 n = events(k, budget > 1 ? budget / 2 : budget), empty = 0, got;

	while (n < budget && empty < k->lanes) {
		got = datagrams(k, k->next, budget - n);
		k->next = (k->next + 1) % k->lanes;
		empty = got ? 0 : empty + 1;
		n += got;
	}
	return (int)n;
}

static int kmod_fd(const struct datapath *dp)
{
	return kmod_of(dp)->epoll;
}

/* ---- changes ---- */

static int batch_send(struct kmod *k, const struct datapath_op *ops, u32 count, u32 *failed)
{
	struct nl_msg *m;
	size_t room = 0;
	int put, why;
	u32 i;

	for (i = 0; i < count && i < KMOD_BATCH_OPS; i++)
		room += kmod_op_room(&ops[i]);
	m = request(k, MESHVPN_CMD_BATCH, 0, room);
	if (!m)
		return -ENOMEM;
	put = kmod_put_batch(m, ops, count, &why);
	if (put == (int)count) {
		int err = call(k, m, NULL, NULL, failed);

		if (err)
			log_trace("datapath", "a batch is refused: %s: %s", strerror(-err), kmod_conn_error(k->conn));
		/* it is larger than the socket takes */
		return err == -EMSGSIZE ? -ENOSPC : err;
	}
	kmod_request_free(m);
	*failed = (u32)put;
	return why;
}

/* What a batch meets that was done before. */
static bool done_before(const struct datapath_op *op, int err)
{
	return (op->verb == DATAPATH_NEW && err == -EEXIST) || (op->verb == DATAPATH_DEL && err == -ENOENT);
}

static int kmod_apply(struct datapath *dp, const struct datapath_op *ops, u32 count, u32 *failed)
{
	struct kmod *k = kmod_of(dp);
	u32 at = 0;
	int err = count ? batch_send(k, ops, count, &at) : 0;

	/* the answer was lost: once more, since the kernel may hold keys of which nobody would know */
	if (err == -ETIMEDOUT) {
		err = batch_send(k, ops, count, &at);
		if (err && done_before(&ops[at], err))
			err = 0;
	}
	if (err && failed)
		*failed = at;
	return err;
}

static int kmod_control(struct datapath *dp, u32 link, u32 circuit, const u8 *data, size_t len)
{
	struct kmod *k = kmod_of(dp);
	struct nl_msg *m;

	if (len > MESHVPN_CONTROL_LEN_MAX)
		return -EMSGSIZE;
	m = request(k, MESHVPN_CMD_CONTROL_SEND, 0, 0);
	if (m && kmod_put_control(m, link, circuit, data, len)) {
		kmod_request_free(m);
		m = NULL;
	}
	return call(k, m, NULL, NULL, NULL);
}

/* ---- questions ---- */

static int ask(struct kmod *k, u8 cmd, enum datapath_object object, u32 id, u32 sub,
	       int (*each)(void *arg, const struct nlmsghdr *h), void *arg)
{
	struct nl_msg *m = request(k, cmd, 0, 0);

	if (m && kmod_put_names(m, object, id, sub)) {
		kmod_request_free(m);
		m = NULL;
	}
	return call(k, m, each, arg, NULL);
}

static int take_circuit(void *arg, const struct nlmsghdr *h)
{
	return kmod_get_circuit(h, arg);
}

static int kmod_circuit_get(struct datapath *dp, u32 link, u32 circuit, struct datapath_circuit_info *info)
{
	if (!link || !circuit || circuit > MV_CIRCUIT_MAX)
		return -ENOENT;
	return ask(kmod_of(dp), MESHVPN_CMD_CIRCUIT_GET, DATAPATH_OBJ_CIRCUIT, link, circuit, take_circuit, info);
}

static int take_link(void *arg, const struct nlmsghdr *h)
{
	return kmod_get_link(h, arg);
}

static int kmod_link_get(struct datapath *dp, u32 link, struct datapath_link_info *info)
{
	if (!link)
		return -ENOENT;
	return ask(kmod_of(dp), MESHVPN_CMD_LINK_GET, DATAPATH_OBJ_LINK, link, 0, take_link, info);
}

static int take_node(void *arg, const struct nlmsghdr *h)
{
	return kmod_get_node(h, arg);
}

static void kmod_stats_get(struct datapath *dp, struct datapath_stats *stats)
{
	struct kmod *k = kmod_of(dp);
	struct kmod_node_info info = { 0 };
	int err = call(k, request(k, MESHVPN_CMD_NODE_GET, 0, 0), take_node, &info, NULL);

	if (err)
		log_limited(LOG_ERROR, "datapath", "no statistics of the kernel module: %s", strerror(-err));
	*stats = info.stats;
}

struct dump {
	int (*each)(void *arg, const struct datapath_circuit_info *info);
	void *arg;
};

static int dump_circuit(void *arg, const struct nlmsghdr *h)
{
	struct datapath_circuit_info info;
	struct dump *d = arg;

	return kmod_get_circuit(h, &info) ? 0 : d->each(d->arg, &info);
}

static int kmod_circuit_dump(struct datapath *dp, int (*each)(void *arg, const struct datapath_circuit_info *info),
			     void *arg)
{
	struct kmod *k = kmod_of(dp);
	struct dump d = { each, arg };
	int err = call(k, request(k, MESHVPN_CMD_CIRCUIT_GET, NLM_F_DUMP, 0), dump_circuit, &d, NULL);

	/* circuits came or went meanwhile, which is no error of a snapshot */
	return err == -EINTR ? 0 : err;
}

/* ---- life ---- */

static void kmod_close(struct datapath *dp)
{
	struct kmod *k = kmod_of(dp);
	int err;

	if (k->conn && k->node) {
		err = kmod_call(k->conn, request(k, MESHVPN_CMD_NODE_DEL, 0, 0), NULL, NULL, NULL);
		/* it goes with the socket all the same */
		if (err && !no_node(err))
			log_warn("datapath", "cannot delete the kernel's node: %s", strerror(-err));
	}
	kmod_conn_close(k->conn);
	if (k->epoll >= 0)
		close(k->epoll);
	if (k->more >= 0)
		close(k->more);
	free(k->found);
	free(k->buffer);
	free(k);
}

static int take_id(void *arg, const struct nlmsghdr *h)
{
	*(u32 *)arg = kmod_get_node_id(h);
	return 0;
}

/* A node of our own, or, if the helper made one for us, what the configuration wants of it. */
static int node_make(struct kmod *k, const struct datapath_conf *conf)
{
	struct kmod_node n = {
		.own = true, .rate = conf->rate, .burst = conf->burst, .up_rate = conf->up_rate,
		.up_burst = conf->up_burst, .hold_us = conf->hold_us, .max_links = conf->max_links,
		.max_circuits = conf->max_circuits, .queue_cells = conf->queue_cells,
		.volume_limit = conf->volume_limit,
	};
	bool given = conf->netlink > 0;
	struct nl_msg *m;
	u32 id = 0;
	int err;

	k->node = given ? conf->node : 0;
	if (!given) {
		n.lanes = conf->lanes;
		memcpy(n.sockets, conf->sockets, sizeof(n.sockets));
	}
	m = request(k, given ? MESHVPN_CMD_NODE_SET : MESHVPN_CMD_NODE_NEW, 0, 0);
	if (m && kmod_put_node(m, &n, KMOD_ALL)) {
		kmod_request_free(m);
		m = NULL;
	}
	err = from_kernel(kmod_call(k->conn, m, take_id, &id, NULL));
	if (!given)
		k->node = id;
	if (err)
		log_trace("datapath", "no node in the kernel: %s: %s", strerror(-err), kmod_conn_error(k->conn));
	return err ? err : k->node ? 0 : -EBADMSG;
}

static int watch_add(struct kmod *k, int fd)
{
	struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(k->epoll, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

static int watch_all(struct kmod *k)
{
	int err;
	u32 i;

	k->epoll = epoll_create1(EPOLL_CLOEXEC);
	k->more = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	k->buffer = malloc((size_t)DATAGRAMS * DATAGRAM_MAX);
	if (k->epoll < 0 || k->more < 0)
		return -errno;
	if (!k->buffer)
		return -ENOMEM;
	err = watch_add(k, kmod_conn_fd(k->conn));
	if (!err)
		err = watch_add(k, k->more);
	for (i = 0; !err && i < k->lanes; i++)
		err = watch_add(k, k->sockets[i]);
	return err;
}

static int kmod_open(struct datapath **dp, const struct datapath_conf *conf, const struct datapath_ops *ops, void *arg)
{
	struct kmod *k = calloc(1, sizeof(*k));
	int err;

	if (!k)
		return -ENOMEM;
	k->dp.ops = *ops;
	k->dp.arg = arg;
	k->epoll = k->more = -1;
	k->lanes = conf->lanes;
	k->volume_limit = conf->volume_limit;
	memcpy(k->sockets, conf->sockets, sizeof(k->sockets));
	err = kmod_conn_open(&k->conn, conf->netlink > 0 ? conf->netlink : -1);
	if (err && conf->netlink > 0)
		close(conf->netlink);
	if (!err)
		err = node_make(k, conf);
	if (!err)
		err = watch_all(k);
	if (err) {
		kmod_close(&k->dp);
		return err;
	}
	*dp = &k->dp;
	return 0;
}

const struct datapath_impl datapath_kmod = {
	.name = "kmod",
	.caps = DATAPATH_DEVICE | DATAPATH_ORIGIN | DATAPATH_TERMINUS | DATAPATH_QUEUE | DATAPATH_SOCKET,
	.open = kmod_open,
	.close = kmod_close,
	.fd = kmod_fd,
	.dispatch = kmod_dispatch,
	.apply = kmod_apply,
	.control = kmod_control,
	.circuit_get = kmod_circuit_get,
	.link_get = kmod_link_get,
	.stats_get = kmod_stats_get,
	.circuit_dump = kmod_circuit_dump,
};
