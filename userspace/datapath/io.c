// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The engine-independent half of the worker's I/O: socket options, send buffers, sends with
 * UDP_SEGMENT and their fallback, TUN calls and the loop. See io.h and io_internal.h.
 */
#include "io_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* One writer, the worker; read from the control thread. */
#define io_count(x, n) __atomic_store_n(&(x), (x) + (n), __ATOMIC_RELAXED)

#include "base/log.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#define UDP_GRO 104
#endif
#ifndef IPV6_AUTOFLOWLABEL
#define IPV6_AUTOFLOWLABEL 70
#endif

#define RECEIVE_BUFFER (4 << 20)
#define INFLIGHT_DEFAULT (256 << 10)
#define UDP_PAYLOAD_MAX 65507
#define HUGE_PAGE (2 << 20)

u64 io_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* Setting up */

static int set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) ? -errno : 0;
}

/*
 * Nothing in the IP header tells relays and origins apart: fixed TTL, no DSCP, not-ECT, no flow
 * label. DF always, and the path MTU is not taken from ICMP, which anyone can forge (PROBE).
 */
static void set_ip_options(const struct io *io)
{
	int fd = io->socket;

	set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
	set_int(fd, IPPROTO_IP, IP_TTL, 64);
	set_int(fd, IPPROTO_IP, IP_TOS, 0);
	if (!io->mapped)
		return;
	set_int(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
	set_int(fd, IPPROTO_IPV6, IPV6_DONTFRAG, 1);
	set_int(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 64);
	set_int(fd, IPPROTO_IPV6, IPV6_TCLASS, 0);
	set_int(fd, IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, 0);
}

static int set_socket(struct io *io)
{
	int fd = io->socket, family = 0;
	u32 inflight = io->conf.inflight ? io->conf.inflight : INFLIGHT_DEFAULT;
	socklen_t len = sizeof(family);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len))
		return -errno;
	io->mapped = family == AF_INET6;
	set_ip_options(io);
	if (set_int(fd, SOL_UDP, UDP_GRO, 1))
		log_info("io", "the kernel has no UDP_GRO: receiving single datagrams");
	if (set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER))
		set_int(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
	/* the kernel doubles it and counts whole skbs, which are hardly bigger than their bytes here */
	return set_int(fd, SOL_SOCKET, SO_SNDBUF, inflight / 2);
}

u8 *io_map(u32 count, size_t *len)
{
	size_t want = (size_t)count * IO_STRIDE, room;
	u8 *at, *start;

	want = (want + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
	room = want + HUGE_PAGE;
	at = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		  -1, 0);
	if (at == MAP_FAILED)
		return NULL;
	start = (u8 *)(((uintptr_t)at + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1));
	if (start > at)
		munmap(at, start - at);
	if (at + room > start + want)
		munmap(start + want, at + room - (start + want));
	/* huge pages gain nothing measurable here, and would keep 2 MiB for the one buffer in use */
	madvise(start, want, MADV_NOHUGEPAGE);
	*len = want;
	return start;
}

static int set_buffers(struct io *io)
{
	u32 i;

	io->memory = io_map(IO_SEND_BUFFERS + 1, &io->memory_len);
	if (!io->memory)
		return -ENOMEM;
	io->tun_buffer = io->memory;
	for (i = IO_SEND_BUFFERS; i; i--)
		io->free[io->n_free++] = io->memory + (size_t)i * IO_STRIDE;
	return 0;
}

static int set_engine(struct io *io)
{
	int err = -ENOSYS;

	if (!io->conf.no_io_uring) {
		io->engine = &io_uring;
		err = io->engine->init(io);
		if (err)
			log_info("io", "io_uring refused (%s): using epoll", strerror(-err));
	}
	if (err) {
		io->engine = &io_epoll;
		err = io->engine->init(io);
	}
	return err;
}

int io_new(struct io **result, const struct io_conf *conf, const struct io_ops *ops, void *arg)
{
	struct io *io = calloc(1, sizeof(*io));
	int err;

	if (!io)
		return -ENOMEM;
	io->conf = *conf;
	io->socket = conf->socket;
	io->tun = -1;
	io->ops = ops;
	io->arg = arg;
	io->deadline = UINT64_MAX;
	io->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = io->wake_fd < 0 ? -errno : set_socket(io);
	if (!err)
		err = set_buffers(io);
	if (!err)
		err = set_engine(io);
	if (!err && conf->tun >= 0)
		err = io_tun_set(io, conf->tun);
	if (err) {
		io_free(io);
		return err;
	}
	*result = io;
	return 0;
}

void io_free(struct io *io)
{
	if (!io)
		return;
	if (io->priv)
		io->engine->fini(io);
	if (io->memory)
		munmap(io->memory, io->memory_len);
	if (io->wake_fd >= 0)
		close(io->wake_fd);
	free(io);
}

const char *io_engine(const struct io *io)
{
	return io->engine->name;
}

const struct io_stats *io_stats(const struct io *io)
{
	return &io->stats;
}

/* The loop */

/* The engine stopped working: go on with epoll, with the sends that wait and the TUN. */
static int fall_back(struct io *io)
{
	int err;

	if (io->engine == &io_epoll)
		return -EIO;
	log_warn("io", "io_uring failed: going on with epoll");
	io->engine->fini(io);
	io->engine = &io_epoll;
	err = io->engine->init(io);
	if (!err && io->tun >= 0)
		err = io->engine->watch_tun(io, -1);
	if (!err && io->n_pending)
		io->engine->watch_out(io);
	return err;
}

void io_run(struct io *io)
{
	io->stop = false;
	while (!io->stop) {
		io->active = false;
		if (io->engine->turn(io, io->deadline) && fall_back(io))
			return;
		if (!io->stop && io->deadline != UINT64_MAX && io_now() >= io->deadline) {
			io->deadline = UINT64_MAX;
			io->active = true;
			if (io->ops->timeout)
				io->ops->timeout(io->arg);
		}
		if (io->active && io->ops->batch)
			io->ops->batch(io->arg);
	}
	if (io->engine->pause)
		io->engine->pause(io);
}

void io_stop(struct io *io)
{
	io->stop = true;
}

void io_deadline(struct io *io, u64 at)
{
	io->deadline = at;
}

/* Many wakes before the worker looks are one. */
void io_wake(struct io *io)
{
	static const u64 one = 1;

	if (!atomic_exchange(&io->woken, true) && write(io->wake_fd, &one, sizeof(one)) < 0)
		return;		/* cannot be full: the counter is at most 1 */
}

void io_woken(struct io *io)
{
	u64 count;

	if (read(io->wake_fd, &count, sizeof(count)) < 0)
		count = 0;
	/* before the call: what is asked for during it wakes again */
	atomic_store(&io->woken, false);
	io_count(io->stats.wakes, 1);
	io->active = true;
	if (io->ops->wake)
		io->ops->wake(io->arg);
}

/* Receiving */

u32 io_gro_segment(struct msghdr *msg)
{
	struct cmsghdr *c;
	int size;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_UDP || c->cmsg_type != UDP_GRO)
			continue;
		memcpy(&size, CMSG_DATA(c), sizeof(size));
		return size > 0 ? (u32)size : 0;
	}
	return 0;
}

void io_got_udp(struct io *io, const struct sockaddr *from, socklen_t from_len, u8 *data, u32 len,
		u32 segment)
{
	struct endpoint e;

	if (!len || endpoint_from_sockaddr(&e, from, from_len))
		return;
	if (!segment || segment > len)
		segment = len;
	io_count(io->stats.rx_super, 1);
	io_count(io->stats.rx_segments, (len + segment - 1) / segment);
	io->active = true;
	io->ops->udp(io->arg, &e, data, len, segment);
}

/* Send buffers */

u8 *io_buffer(struct io *io)
{
	if (!io->n_free) {
		io_count(io->stats.no_buffer, 1);
		return NULL;
	}
	return io->free[--io->n_free];
}

void io_buffer_put(struct io *io, u8 *buffer)
{
	io->free[io->n_free++] = buffer;
}

/* Sending */

/* Bytes of the next system call: whole segments within the limits of UDP and UDP_SEGMENT. */
static u32 chunk(const struct io_pending *p)
{
	u32 most = UDP_PAYLOAD_MAX / p->segment;

	if (p->plain || !most)
		most = 1;
	if (most > IO_SEGMENTS_MAX)
		most = IO_SEGMENTS_MAX;
	most *= p->segment;
	return p->len < most ? p->len : most;
}

static ssize_t send_chunk(struct io *io, int socket, const struct io_pending *p, u32 len)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(u16))];
	} control;
	struct sockaddr_storage to;
	struct iovec iov = { p->data, len };
	struct msghdr msg = { .msg_name = &to, .msg_iov = &iov, .msg_iovlen = 1 };

	msg.msg_namelen = endpoint_to_sockaddr(&p->to, &to, io->mapped);
	if (len > p->segment) {
		u16 size = (u16)p->segment;
		struct cmsghdr *c = &control.align;

		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		c->cmsg_level = SOL_UDP;
		c->cmsg_type = UDP_SEGMENT;
		c->cmsg_len = CMSG_LEN(sizeof(size));
		memcpy(CMSG_DATA(c), &size, sizeof(size));
	}
	return sendmsg(socket, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* EIO: no checksum offload on the way. EINVAL, EMSGSIZE: a segment is over the path MTU, or the
 * kernel knows no UDP_SEGMENT. Single sends will tell, for each. */
static bool gso_refused(int error)
{
	return error == EIO || error == EINVAL || error == EMSGSIZE || error == EOPNOTSUPP;
}

/* Send as much as the socket takes. -EAGAIN: the rest has to wait. */
static int transmit(struct io *io, int socket, struct io_pending *p)
{
	while (p->len) {
		u32 len = chunk(p), segments = (len + p->segment - 1) / p->segment;

		if (send_chunk(io, socket, p, len) >= 0) {
			io_count(io->stats.tx_super, 1);
			io_count(io->stats.tx_segments, segments);
		} else if (errno == EINTR) {
			continue;
		} else if (errno == EAGAIN) {
			io_count(io->stats.send_again, 1);
			return -EAGAIN;
		} else if (segments > 1 && gso_refused(errno)) {
			io_count(io->stats.no_gso, 1);
			p->plain = true;
			continue;
		} else {
			io_count(io->stats.send_errors, segments);
		}
		p->data += len;
		p->len -= len;
	}
	return 0;
}

void io_send(struct io *io, const struct endpoint *to, u8 *buffer, u8 *data, u32 len, u32 segment)
{
	struct io_pending p = { *to, buffer, data, len, segment && segment < len ? segment : len };

	/* behind what waits already; every entry holds a buffer, so there is always room */
	if (!io->n_pending && !transmit(io, io->socket, &p)) {
		io_buffer_put(io, buffer);
		return;
	}
	io->pending[(io->pending_head + io->n_pending) % IO_SEND_BUFFERS] = p;
	if (!io->n_pending++)
		io->engine->watch_out(io);
}

u32 io_send_other(struct io *io, int socket, const struct endpoint *to, const u8 *data, u32 len,
		  u32 segment)
{
	struct io_pending p = {
		.to = *to, .data = (u8 *)(uintptr_t)data, .len = len,
		.segment = segment && segment < len ? segment : len,
	};

	transmit(io, socket, &p);
	return len - p.len;
}

void io_send_pending(struct io *io)
{
	while (io->n_pending) {
		struct io_pending *p = &io->pending[io->pending_head];

		if (transmit(io, io->socket, p)) {
			io->engine->watch_out(io);
			return;
		}
		io_buffer_put(io, p->buffer);
		io->pending_head = (io->pending_head + 1) % IO_SEND_BUFFERS;
		io->n_pending--;
	}
	io->active = true;	/* writable again */
}

bool io_writable(const struct io *io)
{
	return !io->n_pending;
}

/* TUN */

int io_tun_set(struct io *io, int fd)
{
	int old = io->tun, flags;

	if (fd >= 0) {
		flags = fcntl(fd, F_GETFL);
		if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK))
			return -errno;
	}
	io->tun = fd;
	return io->engine->watch_tun(io, old);
}

void io_tun_pause(struct io *io, bool pause)
{
	if (io->tun_paused == pause)
		return;
	io->tun_paused = pause;
	if (io->tun >= 0)
		io->engine->watch_tun(io, io->tun);
}

void io_tun_failed(struct io *io, int error)
{
	int old = io->tun;

	io_count(io->stats.tun_errors, 1);
	io->tun = -1;
	io->active = true;
	io->engine->watch_tun(io, old);
	if (io->ops->failed)
		io->ops->failed(io->arg, error);
}

bool io_tun_readable(struct io *io)
{
	u32 i;

	for (i = 0; i < IO_TUN_BUDGET; i++) {
		ssize_t n;

		if (io->tun < 0 || io->tun_paused || io->stop)
			return false;
		n = read(io->tun, io->tun_buffer, IO_STRIDE);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return false;
		if (n <= 0) {
			io_tun_failed(io, n ? -errno : -ENODEV);
			return false;
		}
		io_count(io->stats.tun_reads, 1);
		io->active = true;
		io->ops->tun(io->arg, io->tun_buffer, (u32)n);
	}
	return true;
}

int io_tun_write(struct io *io, const struct iovec *iov, u32 count)
{
	ssize_t n;

	if (io->tun < 0)
		return -ENODEV;
	do
		n = writev(io->tun, iov, (int)count);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		io_count(io->stats.tun_errors, 1);
		return -errno;
	}
	io_count(io->stats.tun_writes, 1);
	return 0;
}
