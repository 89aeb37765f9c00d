/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The objects of datapath.h as attributes of the generic netlink family "meshvpn"
 * (include/uapi/linux/meshvpn.h, Documentation/netlink/specs/meshvpn.yaml) and back. Without a
 * socket: kmod_conn.h has that. Used by the datapath "kmod" and by meshvpn-ctl dev.
 */
#ifndef MESHVPN_DATAPATH_KMOD_WIRE_H
#define MESHVPN_DATAPATH_KMOD_WIRE_H

#include <linux/netlink.h>
#include <netlink/msg.h>

#include "datapath.h"

#define KMOD_BATCH_OPS 1024		/* of one message */

/* ---- what only the module knows ---- */

/* A node: the module's name for one datapath (kmod/node.h). 0 in a field means the module's default. */
struct kmod_node {
	u32 id;
	bool own;			/* new: goes when this netlink socket is closed, which gets its events */
	u32 lanes;			/* new: sockets handed over, or, with port, sockets that the module makes */
	int sockets[DATAPATH_LANES_MAX];	/* unused if @make */
	bool make;			/* new: the module makes its sockets */
	u16 port;			/* of lane 0 if it does */
	u32 mark;			/* of those sockets */
	u64 rate, burst, up_rate, up_burst;
	u32 hold_us, max_links, max_circuits, queue_cells, send_bytes;
	u64 volume_limit;
};

/* What `set` of an object changes; the fields not named keep their value. */
enum kmod_field {
	KMOD_UP_RATE		= 1 << 0,	/* link: up_rate and up_burst; node as well */
	KMOD_STATE		= 1 << 1,	/* link session */
	KMOD_TX_ID		= 1 << 2,
	KMOD_REMOTE		= 1 << 3,
	KMOD_REMOTE_LANES	= 1 << 4,
	KMOD_LOCAL_LANES	= 1 << 5,
	KMOD_LEG		= 1 << 6,	/* exit session: link and circuit */
	KMOD_DATA_CLASS		= 1 << 7,	/* circuit */
	KMOD_SMALL_FORWARD	= 1 << 8,
	KMOD_PASS		= 1 << 9,
	KMOD_SESSION		= 1 << 10,
	KMOD_RATE		= 1 << 11,	/* rate and burst; node as well */
	KMOD_MTU		= 1 << 12,	/* device */
	KMOD_HOLD		= 1 << 13,	/* node: hold_us */
	KMOD_LIMITS		= 1 << 14,	/* node: max_links, max_circuits, queue_cells, send_bytes */
	KMOD_VOLUME_LIMIT	= 1 << 15,	/* node */
	KMOD_LOCAL_LANE		= 1 << 16,	/* link session */
	KMOD_ALL		= -1,
};

/* ---- into a message ---- */

/*
 * A request of family @family (kmod_conn_family()) with the command @cmd of the UAPI header about
 * node @node, room for @room bytes of attributes (0: a page). NULL: no memory.
 */
struct nl_msg *kmod_request(int family, u8 cmd, u16 flags, u32 node, size_t room);
/* Erases it, for it may hold keys. NULL is fine. */
void kmod_request_free(struct nl_msg *m);

/* The command of an object and verb of its own (not in a batch). -EINVAL: there is none. */
int kmod_op_cmd(enum datapath_verb verb, enum datapath_object object);

/*
 * The attributes of one op: what names the object, and what the verb takes; @fields: of a `set`.
 * Return: 0 or -EMSGSIZE (no room), -EINVAL (a count or kind out of range), -ENOSPC (too many prefixes).
 */
int kmod_put_op(struct nl_msg *m, const struct datapath_op *op, u32 fields);
/*
 * @ops in order as the ops of a batch. Return: how many were put; if fewer than @count, *why says
 * what is wrong with the next: -EINVAL, -ENOSPC (no room, more than KMOD_BATCH_OPS, too many
 * prefixes).
 */
int kmod_put_batch(struct nl_msg *m, const struct datapath_op *ops, u32 count, int *why);
/* One op of a batch, of which a `set` changes @fields only. As kmod_put_op(). */
int kmod_put_batch_op(struct nl_msg *m, const struct datapath_op *op, u32 fields);
/* Upper bound of the bytes of one op in a batch. */
size_t kmod_op_room(const struct datapath_op *op);
/* @fields: of a `set`; KMOD_ALL for `new` */
int kmod_put_node(struct nl_msg *m, const struct kmod_node *node, u32 fields);
/* Name an object in a `get`; @sub: of link sessions (index) and circuits. */
int kmod_put_names(struct nl_msg *m, enum datapath_object object, u32 id, u32 sub);
int kmod_put_control(struct nl_msg *m, u32 link, u32 circuit, const u8 *data, size_t len);

/* ---- out of a message ---- */

/* One node as a `get` or a dump says. */
struct kmod_node_info {
	struct kmod_node conf;		/* no sockets */
	u32 owner;			/* netlink port, 0: none */
	u16 ports[DATAPATH_LANES_MAX];	/* of its lanes, host order; 0: gone */
	u32 used[DATAPATH_LANES_MAX];	/* bytes in its sockets that wait for the wire */
	struct datapath_stats stats;
	u64 tx_skbs, events, events_lost;
};

struct kmod_link_session_info {
	struct datapath_link_session conf;	/* keys zeroed */
	bool opened;				/* a cell was opened with it */
};

/* Each takes the answer's message; -EBADMSG: something is missing or of a wrong length. */
int kmod_get_node(const struct nlmsghdr *h, struct kmod_node_info *info);
int kmod_get_device(const struct nlmsghdr *h, struct datapath_device *device, u32 *ifindex);	/* 0: in another namespace */
int kmod_get_link(const struct nlmsghdr *h, struct datapath_link_info *info);
int kmod_get_link_session(const struct nlmsghdr *h, struct kmod_link_session_info *info);
int kmod_get_session(const struct nlmsghdr *h, struct datapath_session *session);
int kmod_get_circuit(const struct nlmsghdr *h, struct datapath_circuit_info *info);
/* Node that the message is about; 0: it does not say. */
u32 kmod_get_node_id(const struct nlmsghdr *h);
/*
 * An event; @event's data lies in the message. @lost: how many the module could not deliver since
 * the one before.
 */
int kmod_get_event(const struct nlmsghdr *h, struct datapath_event *event, u32 *lost);

#endif
