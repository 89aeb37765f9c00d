// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The io_uring engine: one multishot recvmsg into a ring of provided buffers, so that receiving
 * and sleeping are one system call, and one-shot polls for the TUN, the socket's space and the
 * wake-up, armed again by that same call. Needs Linux 6.1 (DEFER_TASKRUN, and with it all else).
 */
#include "io_internal.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>

#define RX_BUFFERS 16		/* super-packets taken in before any is worked on: 1 MiB of cache */
#define ENTRIES 32
#define GROUP 0
#define NAME_LEN 32		/* sockaddr_in6 rounded up, so that the cmsgs behind are aligned */

enum source { UDP, OUT, WAKE, TUN, CANCEL };	/* TUN: a generation above it, in steps of 8 */

struct uring {
	struct io_uring ring;
	struct io_uring_buf_ring *buffers;
	struct msghdr template;
	u8 *memory;
	size_t memory_len;
	u64 tun_generation;
	bool enabled, receiving, waking, want_out, polling_out, polling_tun;
};

static u8 *buffer_at(struct uring *u, u32 id)
{
	return u->memory + (size_t)id * IO_STRIDE;
}

static void give_buffer(struct uring *u, u32 id)
{
	io_uring_buf_ring_add(u->buffers, buffer_at(u, id), IO_STRIDE, (u16)id,
			      io_uring_buf_ring_mask(RX_BUFFERS), 0);
	io_uring_buf_ring_advance(u->buffers, 1);
}

static int set_buffers(struct uring *u)
{
	struct io_uring_buf_reg reg = { .ring_entries = RX_BUFFERS, .bgid = GROUP };
	int err;
	u32 i;

	u->memory = io_map(RX_BUFFERS + 1, &u->memory_len);
	if (!u->memory)
		return -ENOMEM;
	u->buffers = (void *)buffer_at(u, RX_BUFFERS);
	reg.ring_addr = (uintptr_t)u->buffers;
	err = io_uring_register_buf_ring(&u->ring, &reg, 0);
	if (err)
		return err;
	io_uring_buf_ring_init(u->buffers);
	for (i = 0; i < RX_BUFFERS; i++)
		give_buffer(u, i);
	return 0;
}

static void fini(struct io *io)
{
	struct uring *u = io->priv;

	if (u->ring.ring_fd > 0)
		io_uring_queue_exit(&u->ring);
	if (u->memory)
		munmap(u->memory, u->memory_len);
	free(u);
	io->priv = NULL;
}

static int init(struct io *io)
{
	/* started by the worker's thread, which the kernel then takes as the single issuer */
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
		.cq_entries = 4 * ENTRIES,
	};
	struct uring *u = calloc(1, sizeof(*u));
	int err;

	if (!u)
		return -ENOMEM;
	io->priv = u;
	err = io_uring_queue_init_params(ENTRIES, &u->ring, &params);
	if (err)
		u->ring.ring_fd = -1;
	else if (!(params.features & IORING_FEAT_EXT_ARG))
		err = -ENOSYS;
	else
		err = set_buffers(u);
	u->template.msg_namelen = NAME_LEN;
	u->template.msg_controllen = IO_CMSG_ROOM;
	if (err)
		fini(io);
	return err;
}

static struct io_uring_sqe *get_sqe(struct uring *u, u64 data)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);

	if (!sqe) {
		io_uring_submit(&u->ring);
		sqe = io_uring_get_sqe(&u->ring);
	}
	if (sqe)
		sqe->user_data = data;
	return sqe;
}

/* io_uring_prep_*() clear user_data or not, by version: set it afterwards. */
static bool arm_poll(struct uring *u, int fd, u32 events, u64 data)
{
	struct io_uring_sqe *sqe = get_sqe(u, data);

	if (!sqe)
		return false;
	io_uring_prep_poll_add(sqe, fd, events);
	sqe->user_data = data;
	return true;
}

static bool arm_receive(struct uring *u, int fd)
{
	struct io_uring_sqe *sqe = get_sqe(u, UDP);

	if (!sqe)
		return false;
	io_uring_prep_recvmsg_multishot(sqe, fd, &u->template, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	sqe->user_data = UDP;
	return true;
}

/* Everything one-shot that has fired is armed again; the sleeping call submits it. */
static void arm(struct io *io)
{
	struct uring *u = io->priv;

	if (!u->receiving)
		u->receiving = arm_receive(u, io->socket);
	if (!u->waking)
		u->waking = arm_poll(u, io->wake_fd, POLLIN, WAKE);
	if (u->want_out && !u->polling_out)
		u->polling_out = arm_poll(u, io->socket, POLLOUT, OUT);
	if (io->tun >= 0 && !io->tun_paused && !u->polling_tun)
		u->polling_tun = arm_poll(u, io->tun, POLLIN, u->tun_generation + TUN);
}

static int watch_tun(struct io *io, int old)
{
	struct uring *u = io->priv;
	struct io_uring_sqe *sqe;

	if (old == io->tun || !u->polling_tun)
		return 0;	/* a pause: what fires meanwhile is not read, and not armed again */
	sqe = get_sqe(u, CANCEL);
	if (sqe) {
		io_uring_prep_cancel64(sqe, u->tun_generation + TUN, 0);
		sqe->user_data = CANCEL;
	}
	u->polling_tun = false;
	u->tun_generation += 8;
	return 0;
}

static void watch_out(struct io *io)
{
	((struct uring *)io->priv)->want_out = true;
}

/* -errno: this kernel does not do what was probed. */
static int received(struct io *io, const struct io_uring_cqe *cqe)
{
	struct uring *u = io->priv;
	struct io_uring_recvmsg_out *out;
	u32 id = cqe->flags >> IORING_CQE_BUFFER_SHIFT;

	if (!(cqe->flags & IORING_CQE_F_MORE))
		u->receiving = false;
	if (!(cqe->flags & IORING_CQE_F_BUFFER))
		return cqe->res == -EINVAL || cqe->res == -EOPNOTSUPP ? cqe->res : 0;
	out = cqe->res < 0 ? NULL : io_uring_recvmsg_validate(buffer_at(u, id), cqe->res,
							      &u->template);
	if (out && !(out->flags & MSG_TRUNC) && out->namelen <= NAME_LEN && !io->stop) {
		struct msghdr m = {
			.msg_control = (u8 *)io_uring_recvmsg_name(out) + NAME_LEN,
			.msg_controllen = out->controllen,
		};

		io_got_udp(io, io_uring_recvmsg_name(out), out->namelen,
			   io_uring_recvmsg_payload(out, &u->template),
			   io_uring_recvmsg_payload_length(out, cqe->res, &u->template),
			   io_gro_segment(&m));
	}
	give_buffer(u, id);
	return 0;
}

static void tun_ready(struct io *io, const struct io_uring_cqe *cqe)
{
	struct uring *u = io->priv;

	if (cqe->user_data != u->tun_generation + TUN)
		return;		/* of a TUN that was taken away */
	u->polling_tun = false;
	io_tun_readable(io);
}

/*
 * The loop ends: requests hold the socket, and with it the port, so that they must not outlive
 * it. By the thread that runs the loop, for the kernel takes them from no other. What completes is
 * handled if the loop goes on.
 */
static void pause_all(struct io *io)
{
	struct uring *u = io->priv;
	struct io_uring_sqe *sqe = u->enabled ? get_sqe(u, CANCEL) : NULL;

	if (!sqe)
		return;
	io_uring_prep_cancel64(sqe, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
	sqe->user_data = CANCEL;
	io_uring_submit(&u->ring);
	io_uring_get_events(&u->ring);
}

/* Cancelled by pause_all(): nothing happened, and it is to be armed again. */
static void cancelled(struct uring *u, u64 data)
{
	switch ((enum source)(data & 7)) {
	case UDP:
		u->receiving = false;
		break;
	case OUT:
		u->polling_out = false;
		break;
	case WAKE:
		u->waking = false;
		break;
	case TUN:
		u->polling_tun &= data != u->tun_generation + TUN;
		break;
	case CANCEL:
		break;
	}
}

static int handle(struct io *io, const struct io_uring_cqe *cqe)
{
	struct uring *u = io->priv;

	if (cqe->res == -ECANCELED) {
		cancelled(u, cqe->user_data);
		return 0;
	}
	switch ((enum source)(cqe->user_data & 7)) {
	case UDP:
		return received(io, cqe);
	case OUT:
		u->polling_out = u->want_out = false;
		io_send_pending(io);
		return 0;
	case WAKE:
		u->waking = false;
		io_woken(io);
		return 0;
	case TUN:
		tun_ready(io, cqe);
		return 0;
	case CANCEL:
		break;
	}
	return 0;
}

static int sleep_until(struct uring *u, u64 until)
{
	struct __kernel_timespec ts, *timeout = NULL;
	struct io_uring_cqe *cqe;

	if (until != UINT64_MAX) {
		u64 now = io_now(), left = until > now ? until - now : 0;

		ts.tv_sec = left / 1000000000;
		ts.tv_nsec = left % 1000000000;
		timeout = &ts;
	}
	return io_uring_submit_and_wait_timeout(&u->ring, &cqe, 1, timeout, NULL);
}

static int turn(struct io *io, u64 until)
{
	struct uring *u = io->priv;
	struct io_uring_cqe *cqe;
	int err = 0;
	u32 n;

	if (!u->enabled) {	/* io_uring_enable_rings() is missing in liburing 2.3's library */
		err = io_uring_register(u->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
		if (err)
			return err;
		u->enabled = true;
	}
	arm(io);
	err = sleep_until(u, until);
	if (err < 0 && err != -ETIME && err != -EINTR && err != -EAGAIN && err != -EBUSY)
		return err;
	/* what comes while these are handled is for the next turn */
	for (err = 0, n = io_uring_cq_ready(&u->ring); n && !err; n--) {
		if (io_uring_peek_cqe(&u->ring, &cqe))
			break;
		err = handle(io, cqe);
		io_uring_cqe_seen(&u->ring, cqe);
	}
	return err;
}

const struct io_engine_ops io_uring = {
	.name = "io_uring",
	.init = init,
	.fini = fini,
	.turn = turn,
	.pause = pause_all,
	.watch_tun = watch_tun,
	.watch_out = watch_out,
};
