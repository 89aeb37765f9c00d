/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What io.c and its two engines share. Sending, TUN reads and TUN writes are system calls made at
 * once by io.c (a super-packet a call amortises them; EAGAIN is known at once, order is kept and
 * the buffer is free again while still in the cache); an engine sleeps, receives and reports.
 */
#ifndef MESHVPN_DATAPATH_IO_INTERNAL_H
#define MESHVPN_DATAPATH_IO_INTERNAL_H

#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "io.h"

#define IO_STRIDE (64 * 1024 + 4096)	/* of buffers: a super-packet, its address and its cmsg */
#define IO_SEND_BUFFERS 128
#define IO_UDP_BUDGET 16		/* super-packets a turn, then it is the TUN's */
#define IO_TUN_BUDGET 16
#define IO_CMSG_ROOM 64

struct io_pending {
	struct endpoint to;
	u8 *buffer, *data;
	u32 len, segment;
	bool plain;			/* the path refused UDP_SEGMENT */
};

struct io_engine_ops {
	const char *name;
	int (*init)(struct io *io);
	void (*fini)(struct io *io);
	/* Sleep until @until (absolute ns; UINT64_MAX: for ever), then report what came.
	 * -errno: the engine does not work here. */
	int (*turn)(struct io *io, u64 until);
	/* io_run() ends; may be NULL */
	void (*pause)(struct io *io);
	/* io->tun or io->tun_paused changed; @old: the descriptor watched until now, or -1 */
	int (*watch_tun)(struct io *io, int old);
	/* Tell (io_send_pending()) when the socket takes more. */
	void (*watch_out)(struct io *io);
};
extern const struct io_engine_ops io_epoll, io_uring;

struct io {
	const struct io_engine_ops *engine;
	void *priv;			/* the engine's */
	const struct io_ops *ops;
	void *arg;
	struct io_conf conf;
	int socket, tun, wake_fd;
	bool mapped;			/* AF_INET6 socket: IPv4 as v4-mapped */
	bool stop, tun_paused;
	bool active;			/* something was reported in this turn */
	atomic_bool woken;
	u64 deadline;
	u8 *memory, *tun_buffer;
	size_t memory_len;
	u8 *free[IO_SEND_BUFFERS];	/* LIFO: an idle process touches few */
	u32 n_free;
	struct io_pending pending[IO_SEND_BUFFERS];	/* FIFO after EAGAIN */
	u32 pending_head, n_pending;
	struct io_stats stats;
};

u64 io_now(void);

/* A received message: checks and counts it, calls ops->udp. @segment 0: no GRO. */
void io_got_udp(struct io *io, const struct sockaddr *from, socklen_t from_len, u8 *data, u32 len,
		u32 segment);
/* The UDP_GRO segment size in the control messages, or 0. */
u32 io_gro_segment(struct msghdr *msg);
/* The TUN is readable: up to IO_TUN_BUDGET packets. True: there may be more. */
bool io_tun_readable(struct io *io);
/* The TUN failed for good. */
void io_tun_failed(struct io *io, int error);
void io_send_pending(struct io *io);
void io_woken(struct io *io);

/* Memory for @count buffers of IO_STRIDE, untouched; NULL. Freed by munmap of the same size. */
u8 *io_map(u32 count, size_t *len);

#endif
