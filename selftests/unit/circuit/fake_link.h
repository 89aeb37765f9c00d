/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A stand-in for the link engine behind the same interface, for tests of circuits that look at
 * every message: links without cryptography of their own (but with header protection, which the
 * datapath does), control messages that are lost like cells, and a message hook.
 */
#ifndef FAKE_LINK_H
#define FAKE_LINK_H

#include <stdio.h>
#include <stdlib.h>
#include <base/list.h>
#include <link/link.h>

#define FAKE_HELLO_NS (150 * NSEC_PER_MSEC)

struct link {
	struct list list;
	struct links *links;
	u32 id;
	bool initiator, up, known;
	struct peer peer;
	struct endpoint remote;
	u64 rx, tx;			/* link ids */
	u8 keys[2][32];			/* tag and mask, from initiator, from responder */
	struct mv_header_keys open, seal;
	u64 txid;
	u32 next_circuit;
	struct timer timer;
	u32 tries;
};

struct links {
	struct links_conf conf;
	const struct links_ops *ops;
	void *arg;
	struct timers *ts;
	struct datapath *dp;
	struct list list;
	u32 ids;
};

static inline void fake_seal_random(struct links *l, void *p, size_t n)
{
	l->ops->random(l->arg, p, n);
}

int links_new(struct links **links, const struct links_conf *conf, const struct links_ops *ops, void *arg,
	      struct timers *ts, struct datapath *dp)
{
	struct links *l = calloc(1, sizeof(*l));

	l->conf = *conf;
	l->ops = ops;
	l->arg = arg;
	l->ts = ts;
	l->dp = dp;
	list_init(&l->list);
	*links = l;
	return 0;
}

static void fake_link_free(struct link *k)
{
	list_del(&k->list);
	timer_cancel(k->links->ts, &k->timer);
	free(k);
}

void links_free(struct links *l)
{
	while (!list_empty(&l->list))
		fake_link_free(list_entry(l->list.next, struct link, list));
	free(l);
}

static void fake_hello(struct link *k, u8 kind)
{
	u8 d[200] = { kind };

	memcpy(d + 1, &k->rx, 8);
	memcpy(d + 9, &k->tx, 8);
	memcpy(d + 17, k->keys, 64);
	if (kind == 0xc0 && k->links->conf.authenticate) {
		d[81] = 1;
		memcpy(d + 82, k->links->conf.id.b, 32);
	}
	k->links->ops->send(k->links->arg, 0, &k->remote, d, sizeof(d));
}

/* The datapath's part of a link. */
static void fake_install(struct link *k)
{
	struct datapath_link dl = { .id = k->id };
	struct datapath_link_session ds = {
		.link = k->id, .index = 1, .state = DATAPATH_SESSION_CURRENT, .rx_ids_count = 1,
		.rx_ids = { k->rx }, .tx_id = k->tx, .remote = k->remote, .remote_lanes = 1, .local_lanes = 1,
	};
	const u8 *rx = k->keys[k->initiator], *tx = k->keys[!k->initiator];

	memcpy(ds.rx_tag, rx, 16);
	memcpy(ds.rx_mask, rx + 16, 16);
	memcpy(ds.tx_tag, tx, 16);
	memcpy(ds.tx_mask, tx + 16, 16);
	mv_header_keys_init(&k->open, rx, rx + 16);
	mv_header_keys_init(&k->seal, tx, tx + 16);
	if (datapath_link_apply(k->links->dp, DATAPATH_NEW, &dl) ||
	    datapath_link_session_apply(k->links->dp, DATAPATH_NEW, &ds))
		abort();
	k->up = true;
}

static void fake_down(struct link *k, enum link_reason reason)
{
	struct links *l = k->links;
	struct datapath_link dl = { .id = k->id };

	l->ops->down(l->arg, k, reason);
	if (k->up)
		datapath_link_apply(l->dp, DATAPATH_DEL, &dl);
	fake_link_free(k);
}

static void fake_timer(struct timer *t)
{
	struct link *k = container_of(t, struct link, timer);

	if (k->up)
		return;
	if (k->tries++ > 40) {
		fake_down(k, REASON_TIMEOUT);
		return;
	}
	fake_hello(k, 0xc0);
	timer_arm(k->links->ts, t, k->links->ts->now + FAKE_HELLO_NS);
}

static struct link *fake_link_new(struct links *l, bool initiator)
{
	struct link *k = calloc(1, sizeof(*k));

	k->links = l;
	k->id = ++l->ids;
	k->initiator = initiator;
	fake_seal_random(l, &k->rx, 8);
	k->rx &= (1ULL << 56) - 1;
	fake_seal_random(l, &k->next_circuit, 4);
	fake_seal_random(l, &k->txid, 8);
	timer_init(&k->timer, fake_timer);
	list_add_tail(&k->list, &l->list);
	return k;
}

struct link *link_get(struct links *l, const struct peer *peer, int *error)
{
	struct link *k;

	list_for_each(k, &l->list, list)
		if (k->known && node_id_equal(&k->peer.id, &peer->id))
			return k;
	if (!peer->endpoint_count) {
		*error = -EADDRNOTAVAIL;
		return NULL;
	}
	k = fake_link_new(l, true);
	k->known = true;
	k->peer = *peer;
	k->remote = peer->endpoints[0];
	fake_seal_random(l, k->keys, sizeof(k->keys));
	timer_arm(l->ts, &k->timer, l->ts->now);
	return k;
}

static void fake_hello_received(struct links *l, const struct endpoint *from, const u8 *d)
{
	struct link *k;
	u64 theirs;

	memcpy(&theirs, d + 1, 8);
	list_for_each(k, &l->list, list)
		if (!k->initiator && k->tx == theirs) {
			fake_hello(k, 0xc1);
			return;
		}
	k = fake_link_new(l, false);
	k->tx = theirs;
	memcpy(k->keys, d + 17, 64);
	k->remote = *from;
	k->known = d[81];
	memcpy(k->peer.id.b, d + 82, 32);
	fake_install(k);
	fake_hello(k, 0xc1);
	l->ops->up(l->arg, k);
}

static struct link *fake_find_rx(struct links *l, u64 rx)
{
	struct link *k;

	list_for_each(k, &l->list, list)
		if (k->rx == rx)
			return k;
	return NULL;
}

void links_datagram(struct links *l, u32 lane, const struct endpoint *from, const u8 *d, size_t len)
{
	u8 cell[MV_CELL_MAX];
	struct mv_header h;
	struct message m;
	struct link *k;
	u64 id;

	if (d[0] == 0xc0) {
		fake_hello_received(l, from, d);
		return;
	}
	if (mv_cell_shape(d, len)) {
		k = fake_find_rx(l, mv_cell_link(d));
		if (!k || !mv_header_open(d, &k->open, len - MV_CELL_HEADER, &h))
			return;
		memcpy(cell, d, len);
		l->ops->cell(l->arg, k, &h, cell, len);
		return;
	}
	if (d[0] == 0xc1) {
		memcpy(&id, d + 9, 8);
		k = fake_find_rx(l, id);
		if (!k || k->up)
			return;
		memcpy(&k->tx, d + 1, 8);
		timer_cancel(l->ts, &k->timer);
		fake_install(k);
		l->ops->up(l->arg, k);
	} else if (d[0] == 0xc2 && len >= 32) {
		memcpy(&id, d + 1, 8);
		k = fake_find_rx(l, id);
		if (!k || !k->up)
			return;
		m = (struct message){ .type = d[9], .flags = d[10], .data = d + 21, .len = mv_get_le16(d + 19) };
		memcpy(&m.txid, d + 11, 8);
		l->ops->message(l->arg, k, &m);
	}
}

/* Every control message goes through here: test sees and may change or drop it (return false). */
static bool (*fake_message_hook)(struct link *k, u8 type, u64 txid, const u8 *data, size_t len);

int link_message(struct link *k, u8 type, u8 flags, u64 txid, const void *data, size_t len)
{
	u8 d[1300] = { 0xc2 };

	if (!k->up)
		return -ENOTCONN;
	if (fake_message_hook && !fake_message_hook(k, type, txid, data, len))
		return 0;
	memcpy(d + 1, &k->tx, 8);
	d[9] = type;
	d[10] = flags;
	memcpy(d + 11, &txid, 8);
	mv_put_le16(d + 19, len);
	memcpy(d + 21, data, len);
	k->links->ops->send(k->links->arg, 0, &k->remote, d, len + 21 < 32 ? 32 : len + 21);
	return 0;
}

u64 link_txid(struct link *k)
{
	return ++k->txid;
}

int link_cell(struct link *k, u32 circuit, u64 counter, enum mv_class class, u8 *cell)
{
	if (!k->up)
		return -ENOTCONN;
	mv_header_seal(cell, &k->seal, k->tx, circuit, counter, mv_class_body(class), 0);
	k->links->ops->send(k->links->arg, 0, &k->remote, cell, mv_class_cell(class));
	return 0;
}

u32 link_circuit_new(struct link *k, u32 lane_of)
{
	return (k->next_circuit++ % 0x7ffffe + 1) | (k->initiator ? 0 : 1 << 23);
}

bool link_circuit_theirs(const struct link *k, u32 circuit)
{
	return !!(circuit >> 23) == k->initiator;
}

void link_circuit_put(struct link *k, u32 circuit) { }
struct link *link_hold(struct link *k) { return k; }
void link_put(struct link *k) { }
bool link_is_up(const struct link *k) { return k->up; }
u32 link_id(const struct link *k) { return k->id; }
const struct peer *link_peer(const struct link *k) { return k->known ? &k->peer : NULL; }
enum mv_class link_class(const struct link *k) { return MV_LARGE; }
u64 link_rtt(const struct link *k) { return 0; }
void link_suspect(struct link *k) { }
void link_close(struct link *k, enum link_reason reason) { fake_down(k, reason); }
void link_heard(struct link *k) { }
void links_event(struct links *l, const struct datapath_event *event) { }

#endif
