// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The epoll engine: for kernels, containers and seccomp filters that refuse io_uring. recvmmsg()
 * into few buffers, first buffer first, so that an idle worker touches one.
 */
#include "io_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#define VECTOR 8		/* super-packets a recvmmsg() */

enum source { UDP, TUN, WAKE };

struct epoll {
	int fd;
	bool no_pwait2, watching_out;
	u8 *memory;
	size_t memory_len;
	struct mmsghdr msgs[VECTOR];
	struct iovec iovs[VECTOR];
	struct sockaddr_in6 names[VECTOR];
	_Alignas(struct cmsghdr) u8 controls[VECTOR][IO_CMSG_ROOM];
};

static int control(struct epoll *e, int op, int fd, enum source source, u32 events)
{
	struct epoll_event event = { .events = events, .data.u32 = source };

	return epoll_ctl(e->fd, op, fd, &event) ? -errno : 0;
}

static int init(struct io *io)
{
	struct epoll *e = calloc(1, sizeof(*e));
	int err;
	u32 i;

	if (!e)
		return -ENOMEM;
	io->priv = e;
	e->fd = epoll_create1(EPOLL_CLOEXEC);
	if (e->fd < 0)
		return -errno;
	e->memory = io_map(VECTOR, &e->memory_len);
	if (!e->memory)
		return -ENOMEM;
	for (i = 0; i < VECTOR; i++) {
		e->iovs[i] = (struct iovec){ e->memory + (size_t)i * IO_STRIDE, IO_SUPER_MAX };
		e->msgs[i].msg_hdr.msg_iov = &e->iovs[i];
		e->msgs[i].msg_hdr.msg_iovlen = 1;
	}
	err = control(e, EPOLL_CTL_ADD, io->socket, UDP, EPOLLIN);
	return err ? err : control(e, EPOLL_CTL_ADD, io->wake_fd, WAKE, EPOLLIN);
}

static void fini(struct io *io)
{
	struct epoll *e = io->priv;

	if (e->memory)
		munmap(e->memory, e->memory_len);
	if (e->fd >= 0)
		close(e->fd);
	free(e);
	io->priv = NULL;
}

static int watch_tun(struct io *io, int old)
{
	struct epoll *e = io->priv;
	int err;

	if (old >= 0 && (old != io->tun || io->tun_paused))
		epoll_ctl(e->fd, EPOLL_CTL_DEL, old, NULL);
	if (io->tun < 0 || io->tun_paused)
		return 0;
	err = control(e, EPOLL_CTL_ADD, io->tun, TUN, EPOLLIN);
	return err == -EEXIST ? 0 : err;
}

static void set_out(struct io *io, bool on)
{
	struct epoll *e = io->priv;

	if (e->watching_out == on)
		return;
	e->watching_out = on;
	control(e, EPOLL_CTL_MOD, io->socket, UDP, on ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void watch_out(struct io *io)
{
	set_out(io, true);
}

static void prepare(struct epoll *e)
{
	u32 i;

	for (i = 0; i < VECTOR; i++) {
		struct msghdr *m = &e->msgs[i].msg_hdr;

		m->msg_name = &e->names[i];
		m->msg_namelen = sizeof(e->names[i]);
		m->msg_control = e->controls[i];
		m->msg_controllen = sizeof(e->controls[i]);
	}
}

static void receive(struct io *io)
{
	struct epoll *e = io->priv;
	int done, n, i;

	for (done = 0; done < IO_UDP_BUDGET; done += n) {
		prepare(e);
		n = recvmmsg(io->socket, e->msgs, VECTOR, MSG_DONTWAIT, NULL);
		if (n <= 0)	/* also an error that ICMP left: it is cleared now */
			return;
		for (i = 0; i < n; i++) {
			struct msghdr *m = &e->msgs[i].msg_hdr;

			if (!(m->msg_flags & MSG_TRUNC))
				io_got_udp(io, m->msg_name, m->msg_namelen, m->msg_iov->iov_base,
					   e->msgs[i].msg_len, io_gro_segment(m));
		}
		if (n < VECTOR)
			return;
	}
}

static int wait_until(struct epoll *e, struct epoll_event *events, int max, u64 until)
{
	struct timespec ts, *timeout = NULL;
	u64 left = 0, now;
	int n;

	if (until != UINT64_MAX) {
		now = io_now();
		left = until > now ? until - now : 0;
		ts.tv_sec = left / 1000000000;
		ts.tv_nsec = left % 1000000000;
		timeout = &ts;
	}
	if (!e->no_pwait2) {
		n = epoll_pwait2(e->fd, events, max, timeout, NULL);
		if (n >= 0 || errno != ENOSYS)
			return n;
		e->no_pwait2 = true;
	}
	left = (left + 999999) / 1000000;
	return epoll_wait(e->fd, events, max, !timeout ? -1 : left > 60000 ? 60000 : (int)left);
}

static int turn(struct io *io, u64 until)
{
	struct epoll_event events[4];
	struct epoll *e = io->priv;
	int i, n = wait_until(e, events, 4, until), err = n < 0 && errno != EINTR ? -errno : 0;

	for (i = 0; i < n && !io->stop; i++) {
		u32 what = events[i].events;

		switch ((enum source)events[i].data.u32) {
		case UDP:
			if (what & EPOLLOUT) {
				set_out(io, false);
				io_send_pending(io);
			}
			if (what & ~EPOLLOUT)
				receive(io);
			break;
		case TUN:
			io_tun_readable(io);
			break;
		case WAKE:
			io_woken(io);
			break;
		}
	}
	return err;
}

const struct io_engine_ops io_epoll = {
	.name = "epoll",
	.init = init,
	.fini = fini,
	.turn = turn,
	.watch_tun = watch_tun,
	.watch_out = watch_out,
};
