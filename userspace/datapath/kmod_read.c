// SPDX-License-Identifier: GPL-2.0-or-later
/* What comes from the kernel module as netlink attributes: see kmod_wire.h; kmod_wire.c is the way there. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/meshvpn.h>
#include <netlink/attr.h>
#include <string.h>

#include "kmod_wire.h"

#define ATTRS 40			/* more than any of the sets has */

_Static_assert(MESHVPN_A_DROPS_NOT_CELL == DROP_NOT_CELL + 1 && MESHVPN_A_DROPS_RATE == DROP_RATE + 1 &&
	       MESHVPN_A_DROPS_DEVICE == DROP_DEVICE + 1, "drops in one order");

/* ---- parts ---- */

/* Any width of number; 0: it is not there. */
static u64 number(const struct nlattr *a)
{
	u64 v8;
	u32 v4;
	u16 v2;

	switch (a ? nla_len(a) : 0) {
	case 1:
		return *(const u8 *)nla_data(a);
	case 2:
		memcpy(&v2, nla_data(a), 2);
		return v2;
	case 4:
		memcpy(&v4, nla_data(a), 4);
		return v4;
	case 8:
		memcpy(&v8, nla_data(a), 8);
		return v8;
	}
	return 0;
}

static bool bytes(const struct nlattr *a, void *to, size_t len)
{
	if (!a || nla_len(a) != (int)len)
		return false;
	memcpy(to, nla_data(a), len);
	return true;
}

/* Parsers, with what is unknown left out: the module may be newer. */
static bool root(const struct nlmsghdr *h, struct nlattr **tb)
{
	return !nlmsg_parse((struct nlmsghdr *)h, GENL_HDRLEN, tb, ATTRS, NULL);
}

static bool nest(struct nlattr *a, struct nlattr **tb)
{
	return a && !nla_parse_nested(tb, ATTRS, a, NULL);
}

/* The two nests of an answer: what userspace said of the object, and what the kernel knows of it, if it says. */
static bool object(const struct nlmsghdr *h, int conf, struct nlattr **c, int info, struct nlattr **i)
{
	struct nlattr *tb[ATTRS + 1];

	if (!root(h, tb) || !nest(tb[conf], c))
		return false;
	if (info && !nest(tb[info], i))
		memset(i, 0, (ATTRS + 1) * sizeof(*i));
	return true;
}

/* @scope: NULL if nobody asks */
static void get_endpoint(struct nlattr *a, struct endpoint *e, u32 *scope)
{
	struct nlattr *tb[ATTRS + 1];
	u16 family;

	memset(e, 0, sizeof(*e));
	if (!nest(a, tb))
		return;
	family = (u16)number(tb[MESHVPN_A_ENDPOINT_FAMILY]);
	if ((family != AF_INET && family != AF_INET6) ||
	    !bytes(tb[MESHVPN_A_ENDPOINT_ADDR], e->addr, family == AF_INET ? 4 : 16))
		return;
	e->family = (u8)family;
	e->port = ntohs((u16)number(tb[MESHVPN_A_ENDPOINT_PORT]));
	if (scope)
		*scope = (u32)number(tb[MESHVPN_A_ENDPOINT_SCOPE]);
}

/* ---- nodes ---- */

static void get_node_conf(struct nlattr **tb, struct kmod_node *n)
{
	n->rate = number(tb[MESHVPN_A_NODE_RATE]);
	n->burst = number(tb[MESHVPN_A_NODE_BURST]);
	n->up_rate = number(tb[MESHVPN_A_NODE_UP_RATE]);
	n->up_burst = number(tb[MESHVPN_A_NODE_UP_BURST]);
	n->hold_us = (u32)number(tb[MESHVPN_A_NODE_HOLD_US]);
	n->max_links = (u32)number(tb[MESHVPN_A_NODE_MAX_LINKS]);
	n->max_circuits = (u32)number(tb[MESHVPN_A_NODE_MAX_CIRCUITS]);
	n->queue_cells = (u32)number(tb[MESHVPN_A_NODE_QUEUE_CELLS]);
	n->send_bytes = (u32)number(tb[MESHVPN_A_NODE_SEND_BYTES]);
	n->volume_limit = number(tb[MESHVPN_A_NODE_VOLUME_LIMIT]);
}

static void get_lane(struct nlattr *a, struct kmod_node_info *info)
{
	struct nlattr *tb[ATTRS + 1];
	u32 lane;

	if (!nest(a, tb))
		return;
	lane = (u32)number(tb[MESHVPN_A_LANE_INDEX]);
	if (lane >= DATAPATH_LANES_MAX)
		return;
	info->ports[lane] = ntohs((u16)number(tb[MESHVPN_A_LANE_PORT]));
	info->used[lane] = (u32)number(tb[MESHVPN_A_LANE_USED]);
	info->conf.make |= !!tb[MESHVPN_A_LANE_OWN];
	if (lane >= info->conf.lanes)
		info->conf.lanes = lane + 1;
}

static void get_stats(struct nlattr *a, struct kmod_node_info *info)
{
	struct datapath_stats *st = &info->stats;
	struct { int type; u64 *to; } map[] = {
		{ MESHVPN_A_STATS_RX_CELLS, &st->rx_cells }, { MESHVPN_A_STATS_RX_BYTES, &st->rx_bytes },
		{ MESHVPN_A_STATS_TX_CELLS, &st->tx_cells }, { MESHVPN_A_STATS_TX_BYTES, &st->tx_bytes },
		{ MESHVPN_A_STATS_RX_PACKETS, &st->rx_packets },
		{ MESHVPN_A_STATS_RX_PACKET_BYTES, &st->rx_packet_bytes },
		{ MESHVPN_A_STATS_TX_PACKETS, &st->tx_packets },
		{ MESHVPN_A_STATS_TX_PACKET_BYTES, &st->tx_packet_bytes },
		{ MESHVPN_A_STATS_UP, &st->up }, { MESHVPN_A_STATS_RELAYED, &st->relayed },
		{ MESHVPN_A_STATS_RX_SUPER, &st->rx_super }, { MESHVPN_A_STATS_TX_SUPER, &st->tx_super },
		{ MESHVPN_A_STATS_TX_SKBS, &info->tx_skbs },
		{ MESHVPN_A_STATS_EVENTS, &info->events }, { MESHVPN_A_STATS_EVENTS_LOST, &info->events_lost },
	};
	struct nlattr *tb[ATTRS + 1];
	u32 i;

	if (!nest(a, tb))
		return;
	for (i = 0; i < sizeof(map) / sizeof(*map); i++)
		*map[i].to = number(tb[map[i].type]);
}

static void get_drops(struct nlattr *a, struct datapath_stats *st)
{
	struct nlattr *tb[ATTRS + 1];
	u32 i;

	if (!nest(a, tb))
		return;
	for (i = 0; i < DROP_CAUSES; i++)
		st->drops[i] = number(tb[i + 1]);
}

static void get_node_info(struct nlattr *a, struct kmod_node_info *info)
{
	struct nlattr *tb[ATTRS + 1], *lane;
	int left;

	if (!nest(a, tb))
		return;
	info->owner = (u32)number(tb[MESHVPN_A_NODE_INFO_OWNER]);
	info->stats.devices = (u32)number(tb[MESHVPN_A_NODE_INFO_DEVICES]);
	info->stats.links = (u32)number(tb[MESHVPN_A_NODE_INFO_LINKS]);
	info->stats.link_sessions = (u32)number(tb[MESHVPN_A_NODE_INFO_LINK_SESSIONS]);
	info->stats.sessions = (u32)number(tb[MESHVPN_A_NODE_INFO_SESSIONS]);
	info->stats.circuits = (u32)number(tb[MESHVPN_A_NODE_INFO_CIRCUITS]);
	get_stats(tb[MESHVPN_A_NODE_INFO_STATS], info);
	get_drops(tb[MESHVPN_A_NODE_INFO_DROPS], &info->stats);
	nla_for_each_nested(lane, a, left)
		if (nla_type(lane) == MESHVPN_A_NODE_INFO_LANE)
			get_lane(lane, info);
}

u32 kmod_get_node_id(const struct nlmsghdr *h)
{
	struct nlattr *tb[ATTRS + 1];

	return root(h, tb) ? (u32)number(tb[MESHVPN_A_NODE_ID]) : 0;
}

int kmod_get_node(const struct nlmsghdr *h, struct kmod_node_info *info)
{
	struct nlattr *tb[ATTRS + 1], *conf[ATTRS + 1];

	memset(info, 0, sizeof(*info));
	if (!root(h, tb))
		return -EBADMSG;
	info->conf.id = (u32)number(tb[MESHVPN_A_NODE_ID]);
	if (nest(tb[MESHVPN_A_NODE], conf))
		get_node_conf(conf, &info->conf);
	get_node_info(tb[MESHVPN_A_NODE_INFO], info);
	info->conf.own = info->owner;
	return info->conf.id ? 0 : -EBADMSG;
}

/* ---- objects ---- */

int kmod_get_device(const struct nlmsghdr *h, struct datapath_device *d, u32 *ifindex)
{
	struct nlattr *tb[ATTRS + 1], *info[ATTRS + 1] = { 0 };
	struct nlattr *name;

	memset(d, 0, sizeof(*d));
	if (!object(h, MESHVPN_A_DEVICE, tb, MESHVPN_A_DEVICE_INFO, info))
		return -EBADMSG;
	d->id = (u32)number(tb[MESHVPN_A_DEVICE_ID]);
	name = tb[MESHVPN_A_DEVICE_NAME];
	if (name)
		nla_strlcpy(d->name, name, sizeof(d->name));
	d->role = (enum datapath_role)number(tb[MESHVPN_A_DEVICE_ROLE]);
	d->mtu = (u32)number(tb[MESHVPN_A_DEVICE_MTU]);
	/* an index in another namespace names nothing here */
	if (ifindex)
		*ifindex = info[MESHVPN_A_DEVICE_INFO_ELSEWHERE] ? 0 :
			   (u32)number(info[MESHVPN_A_DEVICE_INFO_IFINDEX]);
	return d->id ? 0 : -EBADMSG;
}

int kmod_get_link(const struct nlmsghdr *h, struct datapath_link_info *l)
{
	struct nlattr *tb[ATTRS + 1], *info[ATTRS + 1];

	memset(l, 0, sizeof(*l));
	if (!object(h, MESHVPN_A_LINK, tb, MESHVPN_A_LINK_INFO, info))
		return -EBADMSG;
	l->conf.id = (u32)number(tb[MESHVPN_A_LINK_ID]);
	l->conf.up_rate = number(tb[MESHVPN_A_LINK_UP_RATE]);
	l->conf.up_burst = number(tb[MESHVPN_A_LINK_UP_BURST]);
	l->rx_cells = number(info[MESHVPN_A_LINK_INFO_RX_CELLS]);
	l->rx_bytes = number(info[MESHVPN_A_LINK_INFO_RX_BYTES]);
	l->tx_cells = number(info[MESHVPN_A_LINK_INFO_TX_CELLS]);
	l->tx_bytes = number(info[MESHVPN_A_LINK_INFO_TX_BYTES]);
	l->last_rx = number(info[MESHVPN_A_LINK_INFO_LAST_RX]);
	l->circuits = (u32)number(info[MESHVPN_A_LINK_INFO_CIRCUITS]);
	return l->conf.id ? 0 : -EBADMSG;
}

int kmod_get_link_session(const struct nlmsghdr *h, struct kmod_link_session_info *s)
{
	struct nlattr *tb[ATTRS + 1], *all[ATTRS + 1], *info[ATTRS + 1], *a;
	int left;

	memset(s, 0, sizeof(*s));
	if (!root(h, all) || !nest(all[MESHVPN_A_LINK_SESSION], tb))
		return -EBADMSG;
	s->conf.link = (u32)number(tb[MESHVPN_A_LINK_SESSION_LINK]);
	s->conf.index = (u32)number(tb[MESHVPN_A_LINK_SESSION_INDEX]);
	s->conf.state = (enum datapath_session_state)number(tb[MESHVPN_A_LINK_SESSION_STATE]);
	nla_for_each_nested(a, all[MESHVPN_A_LINK_SESSION], left)
		if (nla_type(a) == MESHVPN_A_LINK_SESSION_RX_ID && s->conf.rx_ids_count < DATAPATH_LINK_IDS)
			s->conf.rx_ids[s->conf.rx_ids_count++] = number(a);
	s->conf.tx_id = number(tb[MESHVPN_A_LINK_SESSION_TX_ID]);
	get_endpoint(tb[MESHVPN_A_LINK_SESSION_REMOTE], &s->conf.remote, &s->conf.scope);
	s->conf.remote_lanes = (u32)number(tb[MESHVPN_A_LINK_SESSION_REMOTE_LANES]);
	s->conf.local_lane = (u32)number(tb[MESHVPN_A_LINK_SESSION_LOCAL_LANE]);
	s->conf.local_lanes = (u32)number(tb[MESHVPN_A_LINK_SESSION_LOCAL_LANES]);
	s->opened = nest(all[MESHVPN_A_LINK_SESSION_INFO], info) && info[MESHVPN_A_LINK_SESSION_INFO_OPENED];
	return s->conf.link ? 0 : -EBADMSG;
}

int kmod_get_session(const struct nlmsghdr *h, struct datapath_session *s)
{
	struct nlattr *tb[ATTRS + 1];

	memset(s, 0, sizeof(*s));
	if (!object(h, MESHVPN_A_SESSION, tb, 0, NULL))
		return -EBADMSG;
	s->id = (u32)number(tb[MESHVPN_A_SESSION_ID]);
	s->device = (u32)number(tb[MESHVPN_A_SESSION_DEVICE]);
	s->has4 = bytes(tb[MESHVPN_A_SESSION_INNER4], s->inner4, sizeof(s->inner4));
	s->has6 = bytes(tb[MESHVPN_A_SESSION_INNER6], s->inner6, sizeof(s->inner6));
	s->link = (u32)number(tb[MESHVPN_A_SESSION_LINK]);
	s->circuit = (u32)number(tb[MESHVPN_A_SESSION_CIRCUIT]);
	return s->id ? 0 : -EBADMSG;
}

static void get_circuit_conf(struct nlattr **tb, struct datapath_circuit *c)
{
	c->kind = (enum datapath_circuit_kind)number(tb[MESHVPN_A_CIRCUIT_KIND]);
	c->link = (u32)number(tb[MESHVPN_A_CIRCUIT_LINK]);
	c->circuit = (u32)number(tb[MESHVPN_A_CIRCUIT_CIRCUIT]);
	c->out_link = (u32)number(tb[MESHVPN_A_CIRCUIT_OUT_LINK]);
	c->out_circuit = (u32)number(tb[MESHVPN_A_CIRCUIT_OUT_CIRCUIT]);
	c->reserve = (u32)number(tb[MESHVPN_A_CIRCUIT_RESERVE]);
	c->data_class = (enum mv_class)number(tb[MESHVPN_A_CIRCUIT_DATA_CLASS]);
	c->small_forward = number(tb[MESHVPN_A_CIRCUIT_SMALL_FORWARD]);
	c->pass = number(tb[MESHVPN_A_CIRCUIT_PASS]);
	c->session = (u32)number(tb[MESHVPN_A_CIRCUIT_SESSION]);
	c->rate = number(tb[MESHVPN_A_CIRCUIT_RATE]);
	c->burst = number(tb[MESHVPN_A_CIRCUIT_BURST]);
}

int kmod_get_circuit(const struct nlmsghdr *h, struct datapath_circuit_info *c)
{
	struct nlattr *tb[ATTRS + 1], *info[ATTRS + 1];

	memset(c, 0, sizeof(*c));
	if (!object(h, MESHVPN_A_CIRCUIT, tb, MESHVPN_A_CIRCUIT_INFO, info))
		return -EBADMSG;
	get_circuit_conf(tb, &c->conf);
	c->conf.hops = (u32)number(info[MESHVPN_A_CIRCUIT_INFO_HOPS]);
	c->rx_cells = number(info[MESHVPN_A_CIRCUIT_INFO_RX_CELLS]);
	c->rx_bytes = number(info[MESHVPN_A_CIRCUIT_INFO_RX_BYTES]);
	c->tx_cells = number(info[MESHVPN_A_CIRCUIT_INFO_TX_CELLS]);
	c->tx_bytes = number(info[MESHVPN_A_CIRCUIT_INFO_TX_BYTES]);
	c->back_cells = number(info[MESHVPN_A_CIRCUIT_INFO_BACK_CELLS]);
	c->back_bytes = number(info[MESHVPN_A_CIRCUIT_INFO_BACK_BYTES]);
	c->last_rx = number(info[MESHVPN_A_CIRCUIT_INFO_LAST_RX]);
	c->next_counter = number(info[MESHVPN_A_CIRCUIT_INFO_NEXT_COUNTER]);
	c->drops = number(info[MESHVPN_A_CIRCUIT_INFO_DROPS]);
	return c->conf.link ? 0 : -EBADMSG;
}

/* ---- events ---- */

int kmod_get_event(const struct nlmsghdr *h, struct datapath_event *e, u32 *lost)
{
	/* the one place where the two numberings meet */
	static const enum datapath_event_kind kinds[] = {
		[MESHVPN_EVENT_KIND_SESSION] = DATAPATH_EV_SESSION, [MESHVPN_EVENT_KIND_PASS] = DATAPATH_EV_PASS,
		[MESHVPN_EVENT_KIND_ADDRESS] = DATAPATH_EV_ADDRESS, [MESHVPN_EVENT_KIND_COUNTER] = DATAPATH_EV_COUNTER,
		[MESHVPN_EVENT_KIND_CONTROL] = DATAPATH_EV_CONTROL, [MESHVPN_EVENT_KIND_DEVICE] = DATAPATH_EV_DEVICE,
		[MESHVPN_EVENT_KIND_GONE] = DATAPATH_EV_GONE,
	};
	struct nlattr *tb[ATTRS + 1];
	u64 kind;

	memset(e, 0, sizeof(*e));
	*lost = 0;
	if (((struct genlmsghdr *)nlmsg_data(h))->cmd != MESHVPN_CMD_EVENT ||
	    !object(h, MESHVPN_A_EVENT, tb, 0, NULL) || !tb[MESHVPN_A_EVENT_KIND])
		return -EBADMSG;
	*lost = (u32)number(tb[MESHVPN_A_EVENT_LOST]);
	kind = number(tb[MESHVPN_A_EVENT_KIND]);
	if (kind >= sizeof(kinds) / sizeof(*kinds))
		return -EBADMSG;
	e->kind = kinds[kind];
	/* datapath.h names a device where it names a link */
	e->link = (u32)number(tb[e->kind == DATAPATH_EV_DEVICE ? MESHVPN_A_EVENT_DEVICE : MESHVPN_A_EVENT_LINK]);
	e->index = (u32)number(tb[MESHVPN_A_EVENT_INDEX]);
	e->circuit = (u32)number(tb[MESHVPN_A_EVENT_CIRCUIT]);
	e->lane = (u32)number(tb[MESHVPN_A_EVENT_LANE]);
	e->counter = number(tb[MESHVPN_A_EVENT_COUNTER]);
	get_endpoint(tb[MESHVPN_A_EVENT_FROM], &e->from, NULL);
	if (tb[MESHVPN_A_EVENT_DATA]) {
		e->data = nla_data(tb[MESHVPN_A_EVENT_DATA]);
		e->len = (size_t)nla_len(tb[MESHVPN_A_EVENT_DATA]);
	}
	return 0;
}
