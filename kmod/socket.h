/* SPDX-License-Identifier: GPL-2.0 */
/*
 * UDP sockets of a node, one a lane: the daemon's own, handed over by descriptor, or made by the
 * module for scripts. The module takes cells that it can open and whose circuit it holds; every
 * other datagram reaches the daemon's socket unchanged (and is dropped on the module's own).
 */
#ifndef MV_SOCKET_H
#define MV_SOCKET_H

#include <linux/rcupdate.h>
#include <linux/types.h>

#include "conf.h"

struct mv_node;
struct mv_link;
struct mv_path;
struct sk_buff;
struct sock;

/*
 * Belongs to the sock from the first time that it is attached until it is destroyed, since the UDP
 * layer reads gro_receive twice and takes no callback back while packets come: between nodes it
 * has none, and all datagrams pass. Holds the module for as long.
 */
struct mv_socket {
	struct sock *sk;
	struct mv_node __rcu *node;		/* a reference; NULL: let go, or its owner closed it */
	u32 lane;
	bool own;				/* made by us */
	bool waits;				/* somebody waits for room: by WRITE_ONCE */
	u32 limit;				/* follows the wire, see mv_socket_limit(); 0: not known */
	/* how it is found out, while somebody waits; two CPUs at once make it inexact */
	u32 used, drained;			/* when the waiting began; bytes that left since then */
	u64 since, ns;
	void (*write_space)(struct sock *sk);	/* what was there before */
	void (*destruct)(struct sock *sk);
	struct rcu_head rcu;
};

/*
 * Lane @lane becomes the UDP socket behind @fd of the calling process. -EBADF, -ENOTSOCK,
 * -EPROTONOSUPPORT (no UDP), -EBUSY (has an encapsulation already), -EXDEV (another namespace).
 */
int mv_socket_attach(struct mv_node *node, u32 lane, int fd);
/* A socket of our own, IPv4 and IPv6, on a port (0: any; read back by mv_socket_port()). */
int mv_socket_make(struct mv_node *node, u32 lane, u16 port, u32 mark);
u16 mv_socket_port(const struct mv_socket *s);
/* All lanes: callbacks off, our own closed. May sleep. */
void mv_socket_release(struct mv_node *node);

/* Bytes that wait in a socket for the wire. */
u32 mv_socket_used(const struct mv_socket *s);
/*
 * How many may before cells wait (queue.h): what the wire takes in 10 ms, as far as it has been seen to
 * be slower than the node's send_bytes. Everything that is under way waits behind them.
 */
u32 mv_socket_limit(const struct mv_socket *s, const struct mv_node *node);
/* Somebody waits for sockets of these lanes (bits): mv_queue_kick() when one has room. RCU. */
void mv_socket_wait(struct mv_node *node, u32 lanes);
/*
 * Send a super-packet of cells (skb->len of payload, gso_size set if there are several; headroom
 * for all headers) from @s to remote lane @lane of @path. Consumes @skb. RCU, BH off.
 */
int mv_socket_send(struct mv_socket *s, struct mv_path *path, u32 lane, struct sk_buff *skb);

#endif
