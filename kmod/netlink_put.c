// SPDX-License-Identifier: GPL-2.0
/*
 * Objects as attributes: what userspace may see of them, which is everything but keys. Counters
 * are read under the locks of those who write them, so that each message is true of one moment.
 */
#include <net/netlink.h>

#include "circuit.h"
#include "device.h"
#include "exit.h"
#include "link.h"
#include "netlink.h"
#include "node.h"
#include "socket.h"

static_assert(MESHVPN_A_STATS_EVENTS_LOST == MV_STAT_EVENTS_LOST + 1 &&
	      MESHVPN_A_STATS_EVENTS_LOST == (int)MV_STAT_DROP &&
	      MESHVPN_A_DROPS_DEVICE == MV_DROP_DEVICE + 1 && MESHVPN_A_DROPS_DEVICE == (int)MV_DROPS);

/*
 * Attributes are put one after the other, and the first that does not fit stops the rest; so an
 * object is one list of lines.
 */
struct put {
	struct sk_buff *skb;
	int pad;
	bool full;
};

static void p8(struct put *p, int type, u8 v)
{
	p->full = p->full || nla_put_u8(p->skb, type, v);
}

static void p16(struct put *p, int type, u16 v)
{
	p->full = p->full || nla_put_u16(p->skb, type, v);
}

static void p32(struct put *p, int type, u32 v)
{
	p->full = p->full || nla_put_u32(p->skb, type, v);
}

static void p64(struct put *p, int type, u64 v)
{
	p->full = p->full || nla_put_u64_64bit(p->skb, type, v, p->pad);
}

static void pbytes(struct put *p, int type, const void *data, int len)
{
	p->full = p->full || nla_put(p->skb, type, len, data);
}

static void pflag(struct put *p, int type, bool on)
{
	p->full = p->full || (on && nla_put_flag(p->skb, type));
}

/* @pad: the attribute that aligns u64 in this nest */
static struct nlattr *begin(struct put *p, int type, int pad)
{
	struct nlattr *nest = p->full ? NULL : nla_nest_start(p->skb, type);

	p->full = !nest;
	p->pad = pad;
	return nest;
}

static void end(struct put *p, struct nlattr *nest)
{
	if (nest && p->full)
		nla_nest_cancel(p->skb, nest);
	else if (nest)
		nla_nest_end(p->skb, nest);
}

static int result(const struct put *p)
{
	return p->full ? -EMSGSIZE : 0;
}

static void put_addr(struct put *p, int type, u16 family, const struct in6_addr *addr)
{
	pbytes(p, type, addr, family == AF_INET ? 4 : 16);
}

static void put_endpoint(struct put *p, int type, const struct mv_endpoint *e)
{
	struct nlattr *nest = begin(p, type, 0);

	p16(p, MESHVPN_A_ENDPOINT_FAMILY, e->family);
	put_addr(p, MESHVPN_A_ENDPOINT_ADDR, e->family, &e->addr);
	p->full = p->full || nla_put_be16(p->skb, MESHVPN_A_ENDPOINT_PORT, e->port);
	if (e->scope)
		p32(p, MESHVPN_A_ENDPOINT_SCOPE, e->scope);
	end(p, nest);
}

int mv_put_endpoint(struct sk_buff *skb, int attr, const struct mv_endpoint *e)
{
	struct put p = { .skb = skb };

	put_endpoint(&p, attr, e);
	return result(&p);
}

/* ---- nodes ---- */

static void put_node_conf(struct put *p, const struct mv_node *node)
{
	struct nlattr *nest = begin(p, MESHVPN_A_NODE, MESHVPN_A_NODE_PAD);
	const struct mv_node_conf *c = &node->conf;

	p64(p, MESHVPN_A_NODE_RATE, c->rate);
	p64(p, MESHVPN_A_NODE_BURST, c->burst);
	p64(p, MESHVPN_A_NODE_UP_RATE, c->up_rate);
	p64(p, MESHVPN_A_NODE_UP_BURST, c->up_burst);
	p32(p, MESHVPN_A_NODE_HOLD_US, c->hold_us);
	p32(p, MESHVPN_A_NODE_MAX_LINKS, c->max_links);
	p32(p, MESHVPN_A_NODE_MAX_CIRCUITS, c->max_circuits);
	p32(p, MESHVPN_A_NODE_QUEUE_CELLS, c->queue_cells);
	p32(p, MESHVPN_A_NODE_SEND_BYTES, c->send_bytes);
	p64(p, MESHVPN_A_NODE_VOLUME_LIMIT, c->volume_limit);
	end(p, nest);
}

static void put_lane(struct put *p, u32 lane, const struct mv_socket *s)
{
	struct nlattr *nest = begin(p, MESHVPN_A_NODE_INFO_LANE, 0);

	p32(p, MESHVPN_A_LANE_INDEX, lane);
	p->full = p->full || nla_put_be16(p->skb, MESHVPN_A_LANE_PORT, htons(mv_socket_port(s)));
	pflag(p, MESHVPN_A_LANE_OWN, s->own);
	p32(p, MESHVPN_A_LANE_USED, mv_socket_used(s));
	end(p, nest);
}

static void put_lanes(struct put *p, const struct mv_node *node)
{
	const struct mv_socket *s;
	u32 i;

	rcu_read_lock();
	for (i = 0; i < MV_LANES_MAX; i++) {
		s = rcu_dereference(node->sockets[i]);
		if (s)
			put_lane(p, i, s);
	}
	rcu_read_unlock();
}

static void put_stats(struct put *p, struct mv_node *node)
{
	struct nlattr *nest;
	u64 sum[MV_STATS];
	u32 i;

	mv_stats_sum(node, sum);
	nest = begin(p, MESHVPN_A_NODE_INFO_STATS, MESHVPN_A_STATS_PAD);
	for (i = 0; i < MV_STAT_DROP; i++)
		p64(p, MESHVPN_A_STATS_RX_CELLS + i, sum[i]);
	end(p, nest);
	nest = begin(p, MESHVPN_A_NODE_INFO_DROPS, MESHVPN_A_DROPS_PAD);
	for (i = 0; i < MV_DROPS; i++)
		p64(p, MESHVPN_A_DROPS_NOT_CELL + i, sum[MV_STAT_DROP + i]);
	end(p, nest);
}

int mv_put_node(struct sk_buff *skb, struct mv_node *node)
{
	struct put p = { .skb = skb };
	struct nlattr *nest;

	p32(&p, MESHVPN_A_NODE_ID, node->id);
	put_node_conf(&p, node);
	nest = begin(&p, MESHVPN_A_NODE_INFO, 0);
	if (node->owner)
		p32(&p, MESHVPN_A_NODE_INFO_OWNER, node->owner);
	put_lanes(&p, node);
	p32(&p, MESHVPN_A_NODE_INFO_DEVICES, node->device_count);
	p32(&p, MESHVPN_A_NODE_INFO_LINKS, node->link_count);
	p32(&p, MESHVPN_A_NODE_INFO_LINK_SESSIONS, node->session_count);
	p32(&p, MESHVPN_A_NODE_INFO_SESSIONS, node->exit_count);
	p32(&p, MESHVPN_A_NODE_INFO_CIRCUITS, node->circuit_count);
	put_stats(&p, node);
	end(&p, nest);
	return result(&p);
}

/* ---- devices and exit sessions ---- */

static const struct mv_selector *selector_of(const struct mv_node *node, const struct mv_device *d)
{
	return rcu_dereference_protected(d->selector, lockdep_is_held(&node->lock));
}

static u32 count_exits(const struct mv_device *d)
{
	const struct mv_exit *e;
	u32 n = 0;

	list_for_each_entry(e, &d->exits, device_node)
		n++;
	return n;
}

int mv_put_device(struct sk_buff *skb, const struct mv_node *node, struct mv_device *d)
{
	const struct mv_selector *selector = selector_of(node, d);
	bool elsewhere = dev_net(d->dev) != node->net;
	struct put p = { .skb = skb };
	struct nlattr *nest;

	p32(&p, MESHVPN_A_NODE_ID, node->id);
	nest = begin(&p, MESHVPN_A_DEVICE, 0);
	p32(&p, MESHVPN_A_DEVICE_ID, d->id);
	pbytes(&p, MESHVPN_A_DEVICE_NAME, d->dev->name, strlen(d->dev->name) + 1);
	p32(&p, MESHVPN_A_DEVICE_ROLE, d->role);
	p32(&p, MESHVPN_A_DEVICE_MTU, mv_device_mtu(d));
	end(&p, nest);
	nest = begin(&p, MESHVPN_A_DEVICE_INFO, 0);
	p32(&p, MESHVPN_A_DEVICE_INFO_IFINDEX, d->dev->ifindex);
	pflag(&p, MESHVPN_A_DEVICE_INFO_ELSEWHERE, elsewhere);
	p32(&p, MESHVPN_A_DEVICE_INFO_SESSIONS, count_exits(d));
	p32(&p, MESHVPN_A_DEVICE_INFO_PREFIXES, selector ? selector->count : 0);
	end(&p, nest);
	return result(&p);
}

int mv_put_session(struct sk_buff *skb, const struct mv_node *node, const struct mv_exit *e)
{
	const struct mv_circuit *leg = rcu_dereference_protected(e->leg, lockdep_is_held(&node->lock));
	struct put p = { .skb = skb };
	struct nlattr *nest;

	p32(&p, MESHVPN_A_NODE_ID, node->id);
	nest = begin(&p, MESHVPN_A_SESSION, 0);
	p32(&p, MESHVPN_A_SESSION_ID, e->id);
	p32(&p, MESHVPN_A_SESSION_DEVICE, e->device->id);
	if (e->inner4.family)
		pbytes(&p, MESHVPN_A_SESSION_INNER4, e->inner4.addr, 4);
	if (e->inner6.family)
		pbytes(&p, MESHVPN_A_SESSION_INNER6, e->inner6.addr, 16);
	p32(&p, MESHVPN_A_SESSION_LINK, leg ? leg->link->id : 0);
	p32(&p, MESHVPN_A_SESSION_CIRCUIT, leg ? leg->id : 0);
	end(&p, nest);
	return result(&p);
}

static bool put_prefix(struct sk_buff *skb, const struct mv_prefix *prefix)
{
	struct put p = { .skb = skb };
	struct nlattr *nest = begin(&p, MESHVPN_A_SELECTOR_PREFIX, 0);

	p16(&p, MESHVPN_A_PREFIX_FAMILY, prefix->family);
	p8(&p, MESHVPN_A_PREFIX_BITS, prefix->bits);
	put_addr(&p, MESHVPN_A_PREFIX_ADDR, prefix->family, &prefix->addr);
	p32(&p, MESHVPN_A_PREFIX_SESSION, prefix->session);
	end(&p, nest);
	return !p.full;
}

int mv_put_selector(struct sk_buff *skb, const struct mv_node *node, const struct mv_device *d,
		    u32 *from)
{
	const struct mv_selector *selector = selector_of(node, d);
	u32 i = *from, count = selector ? selector->count : 0;
	struct put p = { .skb = skb };
	struct nlattr *nest;

	p32(&p, MESHVPN_A_NODE_ID, node->id);
	nest = begin(&p, MESHVPN_A_SELECTOR, 0);
	p32(&p, MESHVPN_A_SELECTOR_DEVICE, d->id);
	pflag(&p, MESHVPN_A_SELECTOR_MORE, i);
	/* an attribute's length has 16 bits */
	while (!p.full && i < count && skb_tail_pointer(skb) - (u8 *)nest < U16_MAX - 128 &&
	       put_prefix(skb, &selector->prefixes[i]))
		i++;
	p.full |= i < count && i == *from;
	end(&p, nest);
	*from = i;
	return result(&p);
}

/* ---- links ---- */

struct link_sums {
	u64 rx_cells, rx_bytes, tx_cells, tx_bytes, last_rx;
};

static void sum_link(const struct mv_link *link, struct link_sums *sum)
{
	struct link_sums v;
	unsigned int start;
	int cpu;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu) {
		const struct mv_link_counters *c = per_cpu_ptr(link->counters, cpu);

		do {
			start = u64_stats_fetch_begin(&c->sync);
			v.rx_cells = u64_stats_read(&c->rx_cells);
			v.rx_bytes = u64_stats_read(&c->rx_bytes);
			v.tx_cells = u64_stats_read(&c->tx_cells);
			v.tx_bytes = u64_stats_read(&c->tx_bytes);
			v.last_rx = u64_stats_read(&c->last_rx);
		} while (u64_stats_fetch_retry(&c->sync, start));
		sum->rx_cells += v.rx_cells;
		sum->rx_bytes += v.rx_bytes;
		sum->tx_cells += v.tx_cells;
		sum->tx_bytes += v.tx_bytes;
		sum->last_rx = max(sum->last_rx, v.last_rx);
	}
}

int mv_put_link(struct sk_buff *skb, const struct mv_link *link)
{
	struct put p = { .skb = skb };
	struct link_sums sum;
	struct nlattr *nest;

	sum_link(link, &sum);
	p32(&p, MESHVPN_A_NODE_ID, link->node->id);
	nest = begin(&p, MESHVPN_A_LINK, MESHVPN_A_LINK_PAD);
	p32(&p, MESHVPN_A_LINK_ID, link->id);
	p64(&p, MESHVPN_A_LINK_UP_RATE, link->conf.up_rate);
	p64(&p, MESHVPN_A_LINK_UP_BURST, link->conf.up_burst);
	end(&p, nest);
	nest = begin(&p, MESHVPN_A_LINK_INFO, MESHVPN_A_LINK_INFO_PAD);
	p64(&p, MESHVPN_A_LINK_INFO_RX_CELLS, sum.rx_cells);
	p64(&p, MESHVPN_A_LINK_INFO_RX_BYTES, sum.rx_bytes);
	p64(&p, MESHVPN_A_LINK_INFO_TX_CELLS, sum.tx_cells);
	p64(&p, MESHVPN_A_LINK_INFO_TX_BYTES, sum.tx_bytes);
	p64(&p, MESHVPN_A_LINK_INFO_LAST_RX, sum.last_rx);
	p32(&p, MESHVPN_A_LINK_INFO_SESSIONS, link->session_count);
	p32(&p, MESHVPN_A_LINK_INFO_CIRCUITS, link->circuit_count);
	end(&p, nest);
	return result(&p);
}

int mv_put_link_session(struct sk_buff *skb, const struct mv_node *node,
			const struct mv_link_session *s)
{
	const struct mv_path *path = rcu_dereference_protected(s->path, lockdep_is_held(&node->lock));
	struct put p = { .skb = skb };
	struct nlattr *nest;
	u32 i;

	p32(&p, MESHVPN_A_NODE_ID, node->id);
	nest = begin(&p, MESHVPN_A_LINK_SESSION, MESHVPN_A_LINK_SESSION_PAD);
	p32(&p, MESHVPN_A_LINK_SESSION_LINK, s->link->id);
	p32(&p, MESHVPN_A_LINK_SESSION_INDEX, s->index);
	p32(&p, MESHVPN_A_LINK_SESSION_STATE, s->state);
	for (i = 0; i < s->rx_ids_count; i++)
		p64(&p, MESHVPN_A_LINK_SESSION_RX_ID, s->rx_ids[i].id);
	p64(&p, MESHVPN_A_LINK_SESSION_TX_ID, s->tx_id);
	if (path)
		put_endpoint(&p, MESHVPN_A_LINK_SESSION_REMOTE, &path->remote);
	p32(&p, MESHVPN_A_LINK_SESSION_REMOTE_LANES, s->remote_lanes);
	p32(&p, MESHVPN_A_LINK_SESSION_LOCAL_LANE, s->local_lane);
	p32(&p, MESHVPN_A_LINK_SESSION_LOCAL_LANES, s->local_lanes);
	end(&p, nest);
	nest = begin(&p, MESHVPN_A_LINK_SESSION_INFO, 0);
	pflag(&p, MESHVPN_A_LINK_SESSION_INFO_OPENED, atomic_read(&s->opened));
	end(&p, nest);
	return result(&p);
}

/* ---- circuits ---- */

struct half_counters {
	u64 next, cells, bytes, last;
	u32 drops;
};

static struct half_counters read_half(struct mv_half *half)
{
	struct half_counters v;

	spin_lock_bh(&half->lock);
	v = (struct half_counters){ half->next, half->cells, half->bytes, half->last, half->drops };
	spin_unlock_bh(&half->lock);
	return v;
}

static void put_circuit_conf(struct put *p, const struct mv_circuit *c)
{
	struct nlattr *nest = begin(p, MESHVPN_A_CIRCUIT, MESHVPN_A_CIRCUIT_PAD);

	p32(p, MESHVPN_A_CIRCUIT_KIND, c->kind);
	p32(p, MESHVPN_A_CIRCUIT_LINK, c->link->id);
	p32(p, MESHVPN_A_CIRCUIT_CIRCUIT, c->id);
	if (c->kind == MV_RELAY) {
		p32(p, MESHVPN_A_CIRCUIT_OUT_LINK, c->out_link->id);
		p32(p, MESHVPN_A_CIRCUIT_OUT_CIRCUIT, c->out_id);
	} else {
		p32(p, MESHVPN_A_CIRCUIT_RESERVE, c->reserve);
	}
	p32(p, MESHVPN_A_CIRCUIT_DATA_CLASS, READ_ONCE(c->data_class));
	p8(p, MESHVPN_A_CIRCUIT_SMALL_FORWARD, READ_ONCE(c->small_forward));
	p8(p, MESHVPN_A_CIRCUIT_PASS, READ_ONCE(c->pass));
	p32(p, MESHVPN_A_CIRCUIT_SESSION, c->exit_id);
	p64(p, MESHVPN_A_CIRCUIT_RATE, c->rate);
	p64(p, MESHVPN_A_CIRCUIT_BURST, c->burst);
	end(p, nest);
}

static void put_circuit_info(struct put *p, struct mv_circuit *c)
{
	struct half_counters forward = read_half(&c->forward), backward = read_half(&c->backward);
	const struct half_counters *rx = c->kind == MV_ORIGIN ? &backward : &forward;
	const struct half_counters *tx = c->kind == MV_TERMINUS ? &backward : &forward;
	struct nlattr *nest = begin(p, MESHVPN_A_CIRCUIT_INFO, MESHVPN_A_CIRCUIT_INFO_PAD);

	p32(p, MESHVPN_A_CIRCUIT_INFO_HOPS, c->hops);
	p64(p, MESHVPN_A_CIRCUIT_INFO_RX_CELLS, rx->cells);
	p64(p, MESHVPN_A_CIRCUIT_INFO_RX_BYTES, rx->bytes);
	p64(p, MESHVPN_A_CIRCUIT_INFO_TX_CELLS, tx->cells);
	p64(p, MESHVPN_A_CIRCUIT_INFO_TX_BYTES, tx->bytes);
	p64(p, MESHVPN_A_CIRCUIT_INFO_BACK_CELLS, c->kind == MV_RELAY ? backward.cells : 0);
	p64(p, MESHVPN_A_CIRCUIT_INFO_BACK_BYTES, c->kind == MV_RELAY ? backward.bytes : 0);
	p64(p, MESHVPN_A_CIRCUIT_INFO_LAST_RX, max(forward.last, backward.last));
	p64(p, MESHVPN_A_CIRCUIT_INFO_NEXT_COUNTER,
	    c->kind == MV_ORIGIN ? forward.next : backward.next);
	p64(p, MESHVPN_A_CIRCUIT_INFO_DROPS, (u64)forward.drops + backward.drops);
	end(p, nest);
}

int mv_put_circuit(struct sk_buff *skb, struct mv_circuit *c)
{
	struct put p = { .skb = skb };

	p32(&p, MESHVPN_A_NODE_ID, c->link->node->id);
	put_circuit_conf(&p, c);
	put_circuit_info(&p, c);
	return result(&p);
}
