/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The network device: `ip link add mesh0 type meshvpn` makes it, netlink's device-new attaches it
 * to a node as origin (a client's) or exit. Unattached it drops and answers with ICMP. It may be
 * moved to another namespace; node and sockets stay where they are.
 */
#ifndef MV_DEVICE_H
#define MV_DEVICE_H

#include <linux/hrtimer.h>
#include <linux/netdevice.h>

#include "bucket.h"
#include "conf.h"

struct mv_node;
struct mv_selector;

#define MV_MTU_DEFAULT 1420

/* A queue that waits for the socket that its next packet would leave by. */
struct mv_device_queue {
	struct hrtimer wait;
	struct net_device *dev;
	u32 index;
	u64 half;			/* mv_half_key() of the circuit that met a full socket */
};

struct mv_device {
	struct net_device *dev;
	struct mv_node __rcu *node;		/* NULL: not attached */
	struct mv_selector __rcu *selector;
	u32 id;
	enum mv_role role;
	u32 limit;				/* inner MTU that netlink gave, by WRITE_ONCE; 0: the device's */
	u64 __percpu *drops;			/* MV_DROPS a CPU, for ethtool */
	struct mv_bucket errors;		/* ICMP errors a second */
	struct mv_device_queue *queues;
	/* changes only, under rtnl and node->lock */
	struct list_head node_list;		/* mv_node.devices */
	struct list_head exits;			/* mv_exit.device_node */
};

/*
 * Longest inner packet. Whoever raises the device's MTU afterwards (ip link) does not raise what the
 * other end takes, and is told so by ICMP.
 */
static inline u32 mv_device_mtu(const struct mv_device *d)
{
	u32 mtu = READ_ONCE(d->dev->mtu), limit = READ_ONCE(d->limit);

	return limit && limit < mtu ? limit : mtu;
}

int mv_device_init(void);			/* rtnl_link_ops */
void mv_device_exit(void);

/* The meshvpn device of this name in @net, or NULL. Under rtnl. */
struct mv_device *mv_device_by_name(struct net *net, const char *name);
struct mv_device *mv_device_find(const struct mv_node *node, u32 id);	/* node->lock */

#endif
