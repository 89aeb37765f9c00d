/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sockets and TUN queues of one worker of the user datapath, behind one face with two engines:
 * io_uring (multishot receive into provided buffers, UDP_GRO, sends with UDP_SEGMENT) and epoll
 * where io_uring is refused. Everything is in batches: one call back per super-packet.
 *
 * Context: one io belongs to one worker thread; only io_wake() may be called from others.
 */
#ifndef MESHVPN_DATAPATH_IO_H
#define MESHVPN_DATAPATH_IO_H

#include <base/endpoint.h>
#include <meshvpn/types.h>

struct io;

#define IO_SUPER_MAX 65535	/* bytes of one received or sent super-packet */
#define IO_SEGMENTS_MAX 64	/* UDP_MAX_SEGMENTS of older kernels */
#define IO_TUN_MAX (65535 + 14)	/* a TUN superpacket and its virtio-net header */

struct io_ops {
	/*
	 * A UDP super-packet: @len bytes in segments of @segment bytes (the last may be shorter).
	 * The bytes are the callee's to write to during the call. @ecn and order as received.
	 */
	void (*udp)(void *arg, const struct endpoint *from, u8 *data, u32 len, u32 segment);
	/* A packet from TUN: struct virtio_net_hdr (10 bytes), then the (super)packet. Writable during the call. */
	void (*tun)(void *arg, u8 *data, u32 len);
	/* After a batch of the above, before sleeping: flush what was gathered. */
	void (*batch)(void *arg);
	/* io_wake() was called */
	void (*wake)(void *arg);
	/* The deadline of io_deadline() has come */
	void (*timeout)(void *arg);
	/* A device failed for good (TUN gone) */
	void (*failed)(void *arg, int error);
};

struct io_conf {
	int socket;		/* bound UDP socket (IPv6 dual-stack or either family) */
	int tun;		/* or -1; io_tun_set() may give one later */
	bool no_io_uring;
	u32 inflight;		/* bytes of sends in flight from which io_writable() is false; 0: 256 KiB */
};

/* -ENOMEM, -errno of set-up. Sets UDP_GRO and buffer sizes on the socket. */
int io_new(struct io **io, const struct io_conf *conf, const struct io_ops *ops, void *arg);
void io_free(struct io *io);
const char *io_engine(const struct io *io);	/* "io_uring" or "epoll" */

/* Give or take (-1) the TUN queue. */
int io_tun_set(struct io *io, int fd);

/* Run until io_stop(); the worker's main loop. */
void io_run(struct io *io);
void io_stop(struct io *io);		/* from a callback */
void io_wake(struct io *io);		/* from any thread: makes ops->wake run soon */

/* Absolute monotonic ns at which ops->timeout is wanted; UINT64_MAX: none. */
void io_deadline(struct io *io, u64 at);

/*
 * A send buffer of IO_SUPER_MAX bytes, or NULL while all are in flight; fill and send it. The
 * buffer returns to the pool by itself when the kernel is done.
 */
u8 *io_buffer(struct io *io);
void io_buffer_put(struct io *io, u8 *buffer);	/* not sent after all */

/*
 * Send @len bytes as datagrams of @segment bytes (the last may be shorter), at most
 * IO_SEGMENTS_MAX. @buffer came from io_buffer(), @data lies in it. Never blocks; falls back to
 * single sends where the path refuses UDP_SEGMENT (EIO) or a segment is too big. Errors are
 * counted.
 */
void io_send(struct io *io, const struct endpoint *to, u8 *buffer, u8 *data, u32 len, u32 segment);

/*
 * The same at once through a socket that another io serves, from a buffer that stays the caller's.
 * Return: bytes that are done with; fewer than @len where that socket is full.
 */
u32 io_send_other(struct io *io, int socket, const struct endpoint *to, const u8 *data, u32 len,
		  u32 segment);

/* May more be sent without building a queue in the socket? When it turns true again after
 * false, ops->batch runs. */
bool io_writable(const struct io *io);

/* Stop or resume reading TUN (back-pressure). */
void io_tun_pause(struct io *io, bool pause);

/* Write a packet to TUN: virtio_net_hdr (10 bytes) and packet in @iov. 0 or -errno (counted). */
struct iovec;
int io_tun_write(struct io *io, const struct iovec *iov, u32 count);

struct io_stats {
	u64 rx_super, rx_segments, tx_super, tx_segments, tun_reads, tun_writes;
	u64 send_errors, send_again, no_buffer, no_gso, tun_errors, wakes;
};
const struct io_stats *io_stats(const struct io *io);

#endif
