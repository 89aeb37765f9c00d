// SPDX-License-Identifier: GPL-2.0
/*
 * The network device: packets in, and what rtnetlink and ethtool want to know of it.
 *
 * Unlike other tunnels it has a queueing discipline, for Documentation/protocol.rst, "Queues", wants
 * that the device is read only while the socket accepts, and inner flows kept apart: a transmit
 * queue that meets a full socket stops, its packets wait in the qdisc (fq_codel, where that is the
 * default) instead of in cells, and inner TCP feels it. Transmit queues belong to circuits, not to
 * flows, so that two CPUs do not wait for one circuit's lock, and a socket that is full stops those
 * circuits only that leave by it.
 */
#include <linux/ethtool.h>
#include <linux/if_arp.h>
#include <linux/inetdevice.h>
#include <net/addrconf.h>
#include <net/ip_tunnels.h>
#include <net/rtnetlink.h>
#include <net/sch_generic.h>
#include <uapi/linux/if_meshvpn.h>

#include "compat.h"
#include "device.h"
#include "edge.h"
#include "events.h"
#include "link.h"
#include "node.h"
#include "output.h"
#include "queue.h"

#define ERRORS_RATE 100			/* ICMP errors a second */
#define ERRORS_BURST 50
/*
 * How often a stopped queue looks whether its socket has room again. Sockets of lanes are shared
 * by many devices and circuits; a look now and then costs less than to tell all of them.
 */
#define WAIT_NS (100 * NSEC_PER_USEC)
#define QUEUE_LEN 1000			/* of the default qdisc; 0 would be taken for none */
#define DEPTH_MAX 4			/* of devices whose cells are routed into each other */

/*
 * Transmissions under way on this CPU, one in the other. A node's engine does not nest, but each of
 * many nodes could send into the next one's device until the stack is full, and the stack's own
 * bound is only for devices without a queue.
 */
static DEFINE_PER_CPU(u32, depth);

/* ---- packets ---- */

static void discard(struct net_device *dev, struct sk_buff *skb)
{
	dev_core_stats_tx_dropped_inc(dev);
	kfree_skb(skb);
}

/* Let the packet wait in the qdisc. False: there is none. */
static bool park(struct mv_engine *e, struct mv_device *d, struct sk_buff *skb, const struct mv_circuit *c)
{
	u32 index = skb_get_queue_mapping(skb);
	struct netdev_queue *txq = netdev_get_tx_queue(d->dev, index);
	struct mv_device_queue *q = &d->queues[index];

	/* noqueue */
	if (!rcu_access_pointer(txq->qdisc)->enqueue)
		return false;
	WRITE_ONCE(q->half, mv_half_key(c->link->id, c->id));
	if (!mv_edge_full(c))
		mv_queue_device_waits(e, mv_out_lane(c->link, c->id));
	netif_tx_stop_queue(txq);
	hrtimer_start(&q->wait, ns_to_ktime(WAIT_NS), HRTIMER_MODE_REL_SOFT);
	return true;
}

static bool still_full(struct mv_node *node, u64 key)
{
	struct mv_half *half = mv_half_find(&node->circuits, key >> MV_CIRCUIT_BITS, key & MV_CIRCUIT_MAX);
	struct mv_circuit *c = half ? half->circuit : NULL;
	struct mv_engine *e = mv_engine_begin(node);
	u32 lane;

	/* by now a relay's may have the name, which has no edge */
	if (!c || !c->edge)
		return false;
	lane = mv_out_lane(c->link, c->id);
	if (!mv_queue_device_must(e, lane))
		return mv_edge_full(c);
	/* this may not be the CPU that parked it, and it is here that it will be sent */
	mv_queue_device_waits(e, lane);
	return true;
}

static enum hrtimer_restart waited(struct hrtimer *timer)
{
	struct mv_device_queue *q = container_of(timer, struct mv_device_queue, wait);
	struct mv_device *d = netdev_priv(q->dev);
	struct mv_node *node;
	bool full;

	rcu_read_lock();
	node = rcu_dereference(d->node);
	full = node && still_full(node, READ_ONCE(q->half));
	rcu_read_unlock();
	if (full) {
		hrtimer_forward_now(timer, ns_to_ktime(WAIT_NS));
		return HRTIMER_RESTART;
	}
	netif_tx_wake_queue(netdev_get_tx_queue(q->dev, q->index));
	return HRTIMER_NORESTART;
}

/* Is there no room in the socket, even when it has what lies in this CPU's engine? */
static bool full(struct mv_engine *e, const struct mv_circuit *c)
{
	u32 lane = mv_out_lane(c->link, c->id);

	if (likely(!mv_queue_device_must(e, lane)))
		return mv_edge_full(c);
	mv_engine_end(e);
	return mv_queue_device_must(e, lane);
}

/*
 * In a softirq more packets may come at once, forwarded or acknowledging what we delivered: the poll,
 * which runs after them, sends their cells together. Who sends in a system call is alone.
 */
static bool more_to_come(void)
{
	return in_serving_softirq() || netdev_xmit_more();
}

static netdev_tx_t send(struct mv_node *node, struct mv_device *d, struct sk_buff *skb)
{
	struct mv_engine *e = mv_engine_begin(node);
	struct mv_circuit *c = mv_inner_route(e, d, skb);

	if (unlikely(!c)) {
		discard(d->dev, skb);
		mv_engine_end(e);
	} else if (unlikely(full(e, c))) {
		if (park(e, d, skb, c))
			return NETDEV_TX_BUSY;
		mv_drop_half(e, mv_circuit_tx(c), MV_DROP_QUEUE);
		discard(d->dev, skb);
	} else {
		dev_sw_netstats_tx_add(d->dev, skb_is_gso(skb) ? skb_shinfo(skb)->gso_segs : 1, skb->len);
		mv_queue_device_sends(e, mv_out_lane(c->link, c->id), skb->len);
		mv_edge_packet(e, c, skb, more_to_come());
	}
	return NETDEV_TX_OK;
}

static netdev_tx_t xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct mv_device *d = netdev_priv(dev);
	netdev_tx_t ret = NETDEV_TX_OK;
	struct mv_node *node;

	rcu_read_lock();
	node = rcu_dereference(d->node);
	if (unlikely(!node)) {
		mv_inner_refuse(d, skb);
		discard(dev, skb);
	} else if (unlikely(__this_cpu_read(depth) == DEPTH_MAX)) {
		mv_drop(mv_engine_begin(node), MV_DROP_DEVICE);
		discard(dev, skb);
	} else {
		__this_cpu_inc(depth);
		ret = send(node, d, skb);
		__this_cpu_dec(depth);
	}
	rcu_read_unlock();
	return ret;
}

static u16 select_queue(struct net_device *dev, struct sk_buff *skb, struct net_device *sb_dev)
{
	struct mv_device *d = netdev_priv(dev);
	struct mv_node *node;
	u32 circuit = 0;

	if (dev->real_num_tx_queues == 1)
		return 0;
	rcu_read_lock();
	node = rcu_dereference(d->node);
	if (likely(node))
		circuit = mv_inner_peek(node, d, skb);
	rcu_read_unlock();
	return circuit ? circuit % dev->real_num_tx_queues : netdev_pick_tx(dev, skb, sb_dev);
}

/* ---- life ---- */

static int open(struct net_device *dev)
{
	struct in_device *in4 = __in_dev_get_rtnl(dev);
	struct inet6_dev *in6 = __in6_dev_get(dev);

	/* nobody could be redirected: there is one neighbour, of whom the packet came */
	if (in4) {
		IN_DEV_CONF_SET(in4, SEND_REDIRECTS, false);
		IPV4_DEVCONF_ALL(dev_net(dev), SEND_REDIRECTS) = false;
	}
	/* a link-local address would only make packets that no exit may see */
	if (in6)
		WRITE_ONCE(in6->cnf.addr_gen_mode, IN6_ADDR_GEN_MODE_NONE);
	netif_tx_start_all_queues(dev);
	return 0;
}

static void cancel_waits(struct mv_device *d)
{
	u32 i;

	for (i = 0; d->queues && i < d->dev->num_tx_queues; i++)
		hrtimer_cancel(&d->queues[i].wait);
}

static int stop(struct net_device *dev)
{
	netif_tx_stop_all_queues(dev);
	cancel_waits(netdev_priv(dev));
	return 0;
}

static int init(struct net_device *dev)
{
	struct mv_device *d = netdev_priv(dev);
	u32 i;

	d->drops = __alloc_percpu_gfp(MV_DROPS * sizeof(u64), sizeof(u64), GFP_KERNEL_ACCOUNT);
	d->queues = kcalloc(dev->num_tx_queues, sizeof(*d->queues), GFP_KERNEL_ACCOUNT);
	if (!d->drops || !d->queues || mv_tstats_alloc(dev)) {
		free_percpu(d->drops);
		kfree(d->queues);
		d->drops = NULL;
		d->queues = NULL;
		return -ENOMEM;
	}
	for (i = 0; i < dev->num_tx_queues; i++) {
		d->queues[i].dev = dev;
		d->queues[i].index = i;
		mv_hrtimer_setup(&d->queues[i].wait, waited, CLOCK_MONOTONIC, HRTIMER_MODE_REL_SOFT);
	}
	return 0;
}

/* Packets that are on their way have left when unregistering goes on, and nothing new comes. */
static void uninit(struct net_device *dev)
{
	struct mv_device *d = netdev_priv(dev);
	struct mv_node *node = rtnl_dereference(d->node);
	struct mv_event event = { .kind = MV_EVENT_DEVICE, .device = d->id };

	if (!node)
		return;
	mv_node_detach(node, d);
	/* who deletes the node needs rtnl for that, so it is still there */
	mv_event_send(node, &event);
}

/* After a grace period and the last reference. */
static void destruct(struct net_device *dev)
{
	struct mv_device *d = netdev_priv(dev);

	/* a packet socket that goes around the qdisc may have been sending while stop() ran */
	cancel_waits(d);
	free_percpu(d->drops);
	kfree(d->queues);
	mv_tstats_free(dev);
}

static const struct net_device_ops device_ops = {
	.ndo_init = init,
	.ndo_uninit = uninit,
	.ndo_open = open,
	.ndo_stop = stop,
	.ndo_start_xmit = xmit,
	.ndo_select_queue = select_queue,
	.ndo_get_stats64 = dev_get_tstats64,
};

/* ---- ethtool ---- */

static void get_drvinfo(struct net_device *dev, struct ethtool_drvinfo *info)
{
	strscpy(info->driver, KBUILD_MODNAME, sizeof(info->driver));
}

static int get_sset_count(struct net_device *dev, int set)
{
	return set == ETH_SS_STATS ? MV_DROPS : -EOPNOTSUPP;
}

static void get_strings(struct net_device *dev, u32 set, u8 *to)
{
	u32 i;

	if (set != ETH_SS_STATS)
		return;
	for (i = 0; i < MV_DROPS; i++, to += ETH_GSTRING_LEN)
		snprintf(to, ETH_GSTRING_LEN, "drop_%s", mv_drop_names[i]);
}

static void get_stats(struct net_device *dev, struct ethtool_stats *stats, u64 *data)
{
	struct mv_device *d = netdev_priv(dev);
	u32 i;
	int cpu;

	memset(data, 0, MV_DROPS * sizeof(*data));
	for_each_possible_cpu(cpu)
		for (i = 0; i < MV_DROPS; i++)
			data[i] += READ_ONCE(per_cpu_ptr(d->drops, cpu)[i]);
}

static const struct ethtool_ops ethtool_ops = {
	.get_drvinfo = get_drvinfo,
	.get_link = ethtool_op_get_link,
	.get_sset_count = get_sset_count,
	.get_strings = get_strings,
	.get_ethtool_stats = get_stats,
};

/* ---- rtnetlink ---- */

static const struct device_type device_type = { .name = KBUILD_MODNAME };

/* Segmentation of other kinds (fixed ids, fraglists, tunnels) is rare and the stack's. */
#define FEATURES (NETIF_F_SG | NETIF_F_FRAGLIST | NETIF_F_HIGHDMA | NETIF_F_HW_CSUM | NETIF_F_RXCSUM | \
		  NETIF_F_GSO | NETIF_F_TSO | NETIF_F_TSO6 | NETIF_F_TSO_ECN | NETIF_F_GSO_UDP_L4)

static void setup(struct net_device *dev)
{
	struct mv_device *d = netdev_priv(dev);

	dev->netdev_ops = &device_ops;
	dev->ethtool_ops = &ethtool_ops;
	dev->header_ops = &ip_tunnel_header_ops;
	dev->type = ARPHRD_NONE;
	dev->flags = IFF_POINTOPOINT | IFF_NOARP;
	dev->tx_queue_len = QUEUE_LEN;
	dev->features |= FEATURES;
	dev->hw_features |= FEATURES;
	dev->mtu = MV_MTU_DEFAULT;
	dev->min_mtu = 576;
	dev->max_mtu = 65535;
	dev->needs_free_netdev = true;
	dev->priv_destructor = destruct;
	mv_dev_set_lltx(dev);
	mv_dev_set_tstats(dev);
	SET_NETDEV_DEVTYPE(dev, &device_type);
	d->dev = dev;
	INIT_LIST_HEAD(&d->node_list);
	INIT_LIST_HEAD(&d->exits);
	mv_bucket_set(&d->errors, ERRORS_RATE, ERRORS_BURST);
}

static int newlink(MV_NEWLINK_PARAMS)
{
	return register_netdevice(dev);
}

static unsigned int tx_queues(void)
{
	return min_t(unsigned int, roundup_pow_of_two(num_online_cpus()), MV_LANES_MAX);
}

static size_t get_size(const struct net_device *dev)
{
	return 3 * nla_total_size(sizeof(u32));
}

static int fill_info(struct sk_buff *skb, const struct net_device *dev)
{
	const struct mv_device *d = netdev_priv(dev);
	struct mv_node *node;
	int err = 0;

	rcu_read_lock();
	node = rcu_dereference(d->node);
	if (node && (nla_put_u32(skb, IFLA_MESHVPN_NODE, node->id) ||
		     nla_put_u32(skb, IFLA_MESHVPN_DEVICE, d->id) ||
		     nla_put_u32(skb, IFLA_MESHVPN_ROLE, d->role)))
		err = -EMSGSIZE;
	rcu_read_unlock();
	return err;
}

static struct rtnl_link_ops link_ops __read_mostly = {
	.kind = KBUILD_MODNAME,
	.priv_size = sizeof(struct mv_device),
	.setup = setup,
	.newlink = newlink,
	.get_num_tx_queues = tx_queues,
	.get_size = get_size,
	.fill_info = fill_info,
};

struct mv_device *mv_device_by_name(struct net *net, const char *name)
{
	struct net_device *dev = __dev_get_by_name(net, name);

	return dev && dev->netdev_ops == &device_ops ? netdev_priv(dev) : NULL;
}

struct mv_device *mv_device_find(const struct mv_node *node, u32 id)
{
	struct mv_device *d;

	list_for_each_entry(d, &node->devices, node_list)
		if (d->id == id)
			return d;
	return NULL;
}

int mv_device_init(void)
{
	return rtnl_link_register(&link_ops);
}

void mv_device_exit(void)
{
	rtnl_link_unregister(&link_ops);
}
