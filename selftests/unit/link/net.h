/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Link engines over fake datapaths in a simulated network, for the tests of this folder: nodes,
 * what their engines told, and a tap that keeps every datagram sent.
 */
#ifndef MESHVPN_TEST_LINK_NET_H
#define MESHVPN_TEST_LINK_NET_H

#include <stdio.h>
#include <stdlib.h>
#include <sodium.h>

#include <link/link_internal.h>
#include <sim/sim.h>

#define NET_NODES 16
#define NET_LOG 8192
#define MS NSEC_PER_MSEC
#define SEC NSEC_PER_SEC

struct net;

struct node {
	struct net *net;
	struct sim_node *sim;
	struct datapath *dp;
	struct links *links;
	struct links_conf conf;
	struct peer peer;		/* as others know it */
	u32 ups, downs, messages, cells, foreign;
	enum link_reason reason;
	struct link *link;		/* the last that came up */
	u8 last[MESSAGE_MAX];
	size_t last_len;
	u8 last_type;
	u64 last_txid;
};

/* A datagram seen on the wire. */
struct seen {
	u64 at;
	struct endpoint from, to;
	size_t len;
	u8 data[MV_CELL_MAX + 100];
};

struct net {
	struct sim *sim;
	struct node nodes[NET_NODES];
	u32 count;
	struct seen *log;
	u32 logged;
	bool logging;
	bool (*filter)(struct net *net, const struct sim_datagram *d);
};

/* ---- engine ops ---- */

static u64 net_wall(void *arg)
{
	struct node *n = arg;

	return 1700000000 * SEC + sim_now(n->net->sim);
}

static void net_random(void *arg, void *buf, size_t len)
{
	sim_random(((struct node *)arg)->net->sim, buf, len);
}

static void net_send(void *arg, u32 lane, const struct endpoint *to, const void *data, size_t len)
{
	sim_send(((struct node *)arg)->sim, lane, to, data, len);
}

static bool net_identify(void *arg, const struct node_id *id, const u8 key[32], const void *hello, size_t len,
			 struct peer *peer)
{
	struct net *net = ((struct node *)arg)->net;
	u32 i;

	for (i = 0; i < net->count; i++)
		if (node_id_equal(&net->nodes[i].conf.id, id) &&
		    !memcmp(net->nodes[i].conf.onion.public, key, 32) && len == 5 && !memcmp(hello, "hello", 5)) {
			*peer = net->nodes[i].peer;
			return true;
		}
	return false;
}

static void net_up(void *arg, struct link *link)
{
	struct node *n = arg;

	n->ups++;
	n->link = link;
}

static void net_down(void *arg, struct link *link, enum link_reason reason)
{
	struct node *n = arg;

	n->downs++;
	n->reason = reason;
	if (n->link == link)
		n->link = NULL;
}

static void net_message(void *arg, struct link *link, const struct message *m)
{
	struct node *n = arg;

	n->messages++;
	n->last_type = m->type;
	n->last_txid = m->txid;
	n->last_len = m->len;
	if (m->len)
		memcpy(n->last, m->data, m->len);
}

static void net_cell(void *arg, struct link *link, const struct mv_header *header, u8 *cell, size_t len)
{
	((struct node *)arg)->cells++;
}

static void net_foreign(void *arg, u32 lane, const struct endpoint *from, const u8 *data, size_t len)
{
	((struct node *)arg)->foreign++;
}

static const struct links_ops net_links_ops = {
	.wall = net_wall, .random = net_random, .send = net_send, .identify = net_identify, .up = net_up,
	.down = net_down, .message = net_message, .cell = net_cell, .foreign = net_foreign,
};

/* ---- datapath ops ---- */

static void net_datagram(void *arg, u32 lane, const struct endpoint *from, const u8 *data, size_t len)
{
	links_datagram(((struct node *)arg)->links, lane, from, data, len);
}

static void net_event(void *arg, const struct datapath_event *event)
{
	links_event(((struct node *)arg)->links, event);
}

static void net_dp_send(void *arg, u32 lane, const struct endpoint *to, const u8 *data, size_t len)
{
	net_send(arg, lane, to, data, len);
}

static u64 net_now(void *arg)
{
	return sim_now(((struct node *)arg)->net->sim);
}

static const struct datapath_ops net_dp_ops = {
	.datagram = net_datagram, .event = net_event, .send = net_dp_send, .now = net_now,
};

/* ---- nodes ---- */

static void net_receive(void *arg, u32 lane, const struct endpoint *from, const u8 *data, size_t len)
{
	struct node *n = arg;

	if (n->links)
		datapath_fake_receive(n->dp, lane, from, data, len);
}

static void net_settle(void *arg)
{
	struct node *n = arg;

	if (!n->links)
		return;
	datapath_fake_tick(n->dp);
	while (datapath_dispatch(n->dp, 64) > 0)
		;
}

static bool net_tap(void *arg, const struct sim_datagram *d)
{
	struct net *net = arg;
	struct seen *s;

	if (net->logging && !net->log)
		net->log = malloc(NET_LOG * sizeof(*net->log));
	if (net->logging && net->logged < NET_LOG && d->len <= sizeof(s->data)) {
		s = &net->log[net->logged++];
		*s = (struct seen){ d->at, d->from, d->to, d->len };
		memcpy(s->data, d->data, d->len);
	}
	return !net->filter || net->filter(net, d);
}

static void node_start(struct node *n)
{
	struct datapath_conf dc = { .lanes = n->conf.lanes ? n->conf.lanes : 1 };

	if (datapath_open(&n->dp, "fake", &dc, &net_dp_ops, n) ||
	    links_new(&n->links, &n->conf, &net_links_ops, n, sim_timers(n->net->sim), n->dp))
		abort();
}

/* Gone without a word, as in a crash. */
static void node_stop(struct node *n)
{
	links_free(n->links);
	datapath_close(n->dp);
	n->links = NULL;
	n->link = NULL;
}

static struct node *node_new(struct net *net, const char *address, bool relay)
{
	struct node *n = &net->nodes[net->count++];

	n->net = net;
	sim_random(net->sim, &n->conf.id, sizeof(n->conf.id));
	sim_random(net->sim, n->conf.onion.secret, 32);
	crypto_scalarmult_base(n->conf.onion.public, n->conf.onion.secret);
	n->conf.responder = n->conf.authenticate = relay;
	n->conf.private_network = true;
	n->conf.hello = "hello";
	n->conf.hello_len = 5;
	n->conf.lanes = 1;
	n->sim = sim_node_new(net->sim, address, 1, net_receive, net_settle, n);
	n->peer.id = n->conf.id;
	memcpy(n->peer.onion_key, n->conf.onion.public, 32);
	n->peer.endpoint_count = 1;
	n->peer.endpoints[0] = *sim_node_address(n->sim);
	node_start(n);
	return n;
}

static void net_init(struct net *net, u64 seed, u32 loss)
{
	struct sim_path path = { .delay = 20 * MS, .jitter = 5 * MS, .loss = loss };

	memset(net, 0, sizeof(*net));
	if (sodium_init() < 0)
		abort();
	if (loss)
		path.duplicate = path.reorder = 100;
	net->sim = sim_new(seed, &path);
	sim_set_tap(net->sim, net_tap, net);
}

static void net_fini(struct net *net)
{
	u32 i;

	for (i = 0; i < net->count; i++)
		if (net->nodes[i].links)
			node_stop(&net->nodes[i]);
	sim_free(net->sim);
	free(net->log);
}

static struct link *node_open(struct node *from, struct node *to)
{
	int error;

	return link_get(from->links, &to->peer, &error);
}

static bool node_is_up(void *arg)
{
	return ((struct node *)arg)->link;
}

/* Open and wait until both ends have it. */
static bool net_connect(struct node *from, struct node *to)
{
	return node_open(from, to) && sim_until(from->net->sim, 10 * SEC, node_is_up, from) &&
	       sim_until(from->net->sim, 10 * SEC, node_is_up, to);
}

static const struct links_stats *stats_of(const struct node *n)
{
	return links_stats(n->links);
}

/* Does a message get from one end to the other, with repeats as its sender would? */
static bool net_talk(struct node *from, struct node *to)
{
	u32 i, had = to->messages;

	for (i = 0; i < 12 && to->messages == had && from->link; i++) {
		link_message(from->link, MESSAGE_CREATE, 0, 7, "talk", 4);
		sim_run(from->net->sim, 100 * MS);
	}
	return to->messages > had;
}

#endif
