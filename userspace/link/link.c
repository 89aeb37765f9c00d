// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The link engine's front: its objects, their life and the way of datagrams and events into the
 * other files. See link.h for the interface and Documentation/protocol-links.rst for the wire.
 */
#include "link_internal.h"

#include <sodium.h>

#include <base/log.h>

#define REPLIES_MAX 4
#define REPLIES_NS (30 * NSEC_PER_SEC)

/* ---- small helpers ---- */

void links_random(struct links *ls, void *buf, size_t len)
{
	ls->ops->random(ls->arg, buf, len);
}

u64 links_random64(struct links *ls)
{
	u8 b[8];

	links_random(ls, b, sizeof(b));
	return mv_get_le64(b);
}

void links_send(struct links *ls, u32 lane, const struct endpoint *to, const void *data, size_t len)
{
	ls->ops->send(ls->arg, lane, to, data, len);
}

bool link_larger(const struct link *l)
{
	/* an anonymous end counts as the smaller */
	if (!l->named)
		return !l->initiator;
	return node_id_compare(&l->links->conf.id, &l->peer.id) > 0;
}

static u64 peer_key(const struct node_id *id)
{
	return mv_get_le64(id->b + 8);
}

struct link *links_by_peer(struct links *ls, const struct node_id *id, const struct link *but)
{
	struct list *head = htable_bucket(&ls->by_peer, peer_key(id));
	struct hnode *n;

	list_for_each(n, head, list) {
		struct link *l = container_of(n, struct link, by_peer);

		if (l != but && node_id_equal(&l->peer.id, id))
			return l;
	}
	return NULL;
}

struct link *links_find(struct links *ls, u32 id)
{
	struct hnode *n = htable_find(&ls->by_id, id);
	struct link *l = n ? container_of(n, struct link, by_id) : NULL;

	return l && l->state == LINK_UP ? l : NULL;
}

/* ---- life ---- */

static u32 fresh_id(struct links *ls)
{
	do
		ls->next_id++;
	while (!ls->next_id || htable_find(&ls->by_id, ls->next_id));
	return ls->next_id;
}

struct link *link_new(struct links *ls, enum link_state state)
{
	struct link *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->links = ls;
	l->state = state;
	l->id = fresh_id(ls);
	l->initiator = state == LINK_OPENING;
	l->instance = links_random64(ls);
	l->txid = links_random64(ls);
	l->class = MV_MEDIUM;
	list_init(&l->by_peer.list);
	list_init(&l->by_host.list);
	htable_add(&ls->by_id, &l->by_id, l->id);
	timer_init(&l->timer, NULL);
	path_init(l);
	rekey_init(l);
	circuit_ids_init(l);
	message_joiner_init(&l->joiner);
	replies_init(&l->replies, REPLIES_MAX, REPLIES_NS, 0);	/* few: no index */
	list_add_tail(&l->list, state == LINK_HALF ? &ls->half_list : &ls->all);
	if (state == LINK_HALF)
		ls->half_count++;
	else
		ls->count++;
	return l;
}

static void destroy(struct link *l)
{
	list_del(&l->list);
	circuit_ids_fini(l);
	message_joiner_fini(&l->joiner);
	replies_fini(&l->replies);
	sodium_memzero(l, sizeof(*l));
	free(l);
}

void link_enter(struct link *l)
{
	l->busy++;
}

bool link_leave(struct link *l)
{
	bool dead = l->state == LINK_DEAD;

	if (!--l->busy && dead)
		destroy(l);
	return !dead;
}

/* Out of the datapath with its sessions and circuits, in one. */
static void uninstall(struct link *l)
{
	struct datapath_link naming = { .id = l->id };
	struct session *s[] = { l->current, l->previous, l->next };
	u32 i;

	if (l->in_datapath)
		datapath_link_apply(l->links->dp, DATAPATH_DEL, &naming);
	l->in_datapath = false;
	for (i = 0; i < 3; i++)
		if (s[i])
			s[i]->installed = false;
}

static void stop(struct link *l)
{
	keepalive_stop(l);
	path_stop(l);
	rekey_stop(l);
	opening_free(l);
	half_free(l);
	uninstall(l);
	session_free(&l->next);
	session_free(&l->previous);
	session_free(&l->current);
}

void link_close(struct link *l, enum link_reason reason)
{
	struct links *ls = l->links;
	bool told = l->reported;

	if (l->state == LINK_DEAD)
		return;
	link_enter(l);
	if (l->state == LINK_HALF)
		ls->half_count--;
	else
		ls->count--;
	l->state = LINK_DEAD;
	stop(l);
	htable_del(&ls->by_id, &l->by_id);
	if (!list_empty(&l->by_peer.list))
		htable_del(&ls->by_peer, &l->by_peer);
	if (!list_empty(&l->by_host.list))
		htable_del(&ls->by_host, &l->by_host);
	list_del(&l->list);
	list_add_tail(&l->list, &ls->dead);
	if (told)
		ls->ops->down(ls->arg, l, reason);
	link_leave(l);
}

void link_up(struct link *l)
{
	struct links *ls = l->links;

	if (l->state == LINK_HALF) {
		half_free(l);
		list_del(&l->list);
		list_add_tail(&l->list, &ls->all);
		ls->half_count--;
		ls->count++;
		if (l->has_peer)
			htable_add(&ls->by_peer, &l->by_peer, peer_key(&l->peer.id));
		else
			htable_add(&ls->by_host, &l->by_host, limits_host(ls, &l->remote));
	} else {
		ls->stats.established++;
	}
	l->state = LINK_UP;
	l->reported = true;
	keepalive_start(l);
	ls->ops->up(ls->arg, l);
}

/* ---- opening ---- */

/* The peer opens a link to us too: both handshakes are of one link then. */
static void share_instance(struct link *l)
{
	struct link *h;

	list_for_each(h, &l->links->half_list, list)
		if (h->has_peer && node_id_equal(&h->peer.id, &l->peer.id))
			l->instance = h->instance;
}

static struct link *open_link(struct links *ls, const struct peer *peer, int *error)
{
	struct link *l;

	*error = -ENOSPC;
	if (ls->count >= ls->conf.max_links)
		return NULL;
	*error = -ENOMEM;
	l = link_new(ls, LINK_OPENING);
	if (!l)
		return NULL;
	l->named = ls->conf.authenticate;
	l->has_peer = true;
	l->peer = *peer;
	share_instance(l);
	htable_add(&ls->by_peer, &l->by_peer, peer_key(&peer->id));
	*error = opening_start(l);
	if (!*error) {
		/* from now on its caller hears what becomes of it */
		l->reported = true;
		return l;
	}
	link_close(l, REASON_LIMIT);
	return NULL;
}

struct link *link_get(struct links *ls, const struct peer *peer, int *error)
{
	struct link *l = links_by_peer(ls, &peer->id, NULL);

	*error = 0;
	if (!l)
		l = open_link(ls, peer, error);
	return l ? link_hold(l) : NULL;
}

struct link *link_hold(struct link *l)
{
	l->refs++;
	return l;
}

void link_put(struct link *l)
{
	if (l->refs)
		l->refs--;
	l->idle_since = now_of(l);
}

/* ---- what others ask ---- */

bool link_is_up(const struct link *l)
{
	return l->state == LINK_UP;
}

u32 link_id(const struct link *l)
{
	return l->id;
}

const struct peer *link_peer(const struct link *l)
{
	return l->has_peer ? &l->peer : NULL;
}

bool link_initiator(const struct link *l)
{
	return l->initiator;
}

enum mv_class link_class(const struct link *l)
{
	return l->class;
}

u64 link_rtt(const struct link *l)
{
	return l->srtt;
}

const struct endpoint *link_endpoint(const struct link *l)
{
	return &l->remote;
}

u64 link_last_rx(const struct link *l)
{
	return l->last_rx;
}

/* By their ids, since @each may close any of them. */
int links_each(struct links *ls, int (*each)(void *arg, struct link *link), void *arg)
{
	u32 *ids = calloc(ls->count + 1, sizeof(*ids)), n = 0, i;
	struct link *l;
	int r = 0;

	if (!ids)
		return -ENOMEM;
	list_for_each(l, &ls->all, list)
		ids[n++] = l->id;
	for (i = 0; i < n && !r; i++) {
		l = links_find(ls, ids[i]);
		if (l)
			r = each(arg, l);
	}
	free(ids);
	return r;
}

void links_close(struct links *ls, enum link_reason reason)
{
	struct link *l;

	while (!list_empty(&ls->half_list))
		link_close(list_entry(ls->half_list.next, struct link, list), reason);
	/* whoever hears of it may open new ones, which stand behind */
	list_for_each(l, &ls->all, list)
		l->doomed = true;
	while (!list_empty(&ls->all)) {
		l = list_entry(ls->all.next, struct link, list);
		if (!l->doomed)
			break;
		link_close(l, reason);
	}
}

/* ---- events from below ---- */

void links_datagram(struct links *ls, u32 lane, const struct endpoint *from, const u8 *data, size_t len)
{
	struct opening *o;

	if (mv_cell_shape(data, (u32)len)) {
		control_datagram(ls, lane, from, data, len);
		return;
	}
	if (!mask_shape(data, len)) {
		ls->stats.garbage++;
		return;
	}
	o = initiate_find(ls, data);
	if (o)
		initiate_reply(ls, o, from, data, len);
	else if (!respond_first(ls, lane, from, data, len)) {
		ls->stats.garbage++;
		if (ls->ops->foreign)
			ls->ops->foreign(ls->arg, lane, from, data, len);
	}
}

static struct session *session_of(struct link *l, u32 index)
{
	struct session *s[] = { l->current, l->next, l->previous };
	u32 i;

	for (i = 0; i < 3; i++)
		if (s[i] && s[i]->index == index)
			return s[i];
	return NULL;
}

void links_event(struct links *ls, const struct datapath_event *event)
{
	struct link *l = links_find(ls, event->link);
	struct session *s = l ? session_of(l, event->index) : NULL;

	if (!s)
		return;
	if (event->kind == DATAPATH_EV_SESSION && l->next == s) {
		session_merge(l, s);
		ls->stats.rekeys++;
	} else if (event->kind == DATAPATH_EV_ADDRESS) {
		path_seen(s, event->lane, &event->from, false);
	}
}

static int rebind(void *arg, struct link *l)
{
	u64 fresh = session_fresh_id(l->current);

	if (!fresh) {
		/* a link that anybody could follow to the new network is worse than a new one */
		link_close(l, REASON_EXPIRED);
		return 0;
	}
	l->current->tx_id = fresh;
	session_update(l->current);
	keepalive_repath(l);
	l->probe_round = 0;
	link_suspect(l);
	return 0;
}

void links_rebind(struct links *ls)
{
	links_each(ls, rebind, NULL);
	initiate_rebind(ls);
}

/* ---- the engine ---- */

static u32 or_default(u32 v, u32 def)
{
	return v ? v : def;
}

static void set_defaults(struct links_conf *c)
{
	c->lanes = or_default(c->lanes, 1);
	c->max_links = or_default(c->max_links, 4096);
	c->max_links_host = or_default(c->max_links_host, 64);
	c->anonymous_rate = or_default(c->anonymous_rate, 200);
	c->anonymous_burst = or_default(c->anonymous_burst, 1000);
	c->max_pending = or_default(c->max_pending, 256);
	c->max_next = or_default(c->max_next, 1024);
	c->handshakes_rate = or_default(c->handshakes_rate, 2000);
	c->handshakes_burst = or_default(c->handshakes_burst, 200);
	c->source_rate = or_default(c->source_rate, 20);
	c->source_burst = or_default(c->source_burst, 40);
	c->puzzle_bits = (u8)or_default(c->puzzle_bits, 8);
	c->puzzle_cap = (u8)or_default(c->puzzle_cap, 22);
	c->rekey_ns = c->rekey_ns ? c->rekey_ns : 7200 * NSEC_PER_SEC;
	c->keepalive_ns = c->keepalive_ns ? c->keepalive_ns : 25 * NSEC_PER_SEC;
	c->idle_ns = c->idle_ns ? c->idle_ns : 300 * NSEC_PER_SEC;
}

static int configure(struct links *ls, const struct links_conf *conf)
{
	u8 *hello = malloc(conf->hello_len ? conf->hello_len : 1);

	if (!hello || conf->hello_len > LINK_HELLO_MAX) {
		free(hello);
		return hello ? -EINVAL : -ENOMEM;
	}
	if (conf->hello_len)
		memcpy(hello, conf->hello, conf->hello_len);
	free(ls->hello);
	ls->hello = hello;
	ls->conf = *conf;
	ls->conf.hello = hello;
	set_defaults(&ls->conf);
	bucket_init(&ls->total, ls->conf.handshakes_rate, ls->conf.handshakes_burst);
	bucket_init(&ls->paid, ls->conf.handshakes_rate, ls->conf.handshakes_burst);
	bucket_init(&ls->retry, 4ULL * ls->conf.handshakes_rate, 4ULL * ls->conf.handshakes_burst);
	return 0;
}

static int tables_init(struct links *ls)
{
	struct htable *tables[] = { &ls->by_rx, &ls->by_id, &ls->by_peer, &ls->by_host, &ls->openings,
				    &ls->halves };
	u32 i, size = 64;

	while (size < ls->conf.max_links && size < 65536)
		size *= 2;
	for (i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		if (htable_init(tables[i], i ? size : 4 * size, links_random64(ls)))
			return -ENOMEM;
	return 0;
}

static void release(struct links *ls)
{
	htable_fini(&ls->by_rx);
	htable_fini(&ls->by_id);
	htable_fini(&ls->by_peer);
	htable_fini(&ls->by_host);
	htable_fini(&ls->openings);
	htable_fini(&ls->halves);
	free(ls->hello);
	sodium_memzero(ls, sizeof(*ls));
	free(ls);
}

int links_new(struct links **links, const struct links_conf *conf, const struct links_ops *ops, void *arg,
	      struct timers *ts, struct datapath *dp)
{
	struct links *ls = calloc(1, sizeof(*ls));
	int r;

	if (!ls)
		return -ENOMEM;
	ls->ops = ops;
	ls->arg = arg;
	ls->ts = ts;
	ls->dp = dp;
	list_init(&ls->all);
	list_init(&ls->half_list);
	list_init(&ls->opening_list);
	list_init(&ls->dead);
	timer_init(&ls->half_timer, half_expire);
	links_random(ls, ls->cookie_secret, sizeof(ls->cookie_secret));
	links_random(ls, ls->limits.seed, sizeof(ls->limits.seed));
	r = configure(ls, conf);
	if (!r)
		r = tables_init(ls);
	if (r) {
		release(ls);
		return r;
	}
	*links = ls;
	return 0;
}

void links_free(struct links *ls)
{
	while (!list_empty(&ls->all))
		link_close(list_entry(ls->all.next, struct link, list), REASON_SHUTDOWN);
	while (!list_empty(&ls->half_list))
		link_close(list_entry(ls->half_list.next, struct link, list), REASON_SHUTDOWN);
	timer_cancel(ls->ts, &ls->half_timer);
	release(ls);
}

void links_reconfigure(struct links *ls, const struct links_conf *conf)
{
	if (configure(ls, conf))
		log_warn("link", "new configuration refused: hello of %zu bytes; the old one stays", conf->hello_len);
}

const struct links_stats *links_stats(const struct links *ls)
{
	return &ls->stats;
}

void links_stats_each(const struct links *ls, void (*each)(void *arg, const char *name, u64 value), void *arg)
{
#define ONE(name) each(arg, #name, ls->stats.name)
	ONE(handshakes_in);
	ONE(handshakes_out);
	ONE(established);
	ONE(retries_sent);
	ONE(retries_seen);
	ONE(refused_puzzle);
	ONE(garbage);
	ONE(bad_cookie);
	ONE(bad_handshake);
	ONE(replayed);
	ONE(limited_source);
	ONE(limited_total);
	ONE(limited_next);
	ONE(limited_host);
	ONE(control_rx);
	ONE(control_tx);
	ONE(control_bad);
	ONE(control_replay);
	ONE(unknown_link);
	ONE(header_bad);
	ONE(pings);
	ONE(timeouts);
	ONE(rekeys);
	ONE(path_challenges);
	ONE(path_changes);
	ONE(fragments_dropped);
	ONE(messages_bad);
#undef ONE
}
