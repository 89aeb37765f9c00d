// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Link sessions: the keys of one handshake, their link ids, their life in the datapath, and which
 * of a link's three is current. Header keys stay here too, since the engine opens control and
 * building cells itself; the control AEAD keys are the engine's alone, so no counter has two owners.
 */
#include "link_internal.h"

#include <sodium.h>

#include <base/log.h>

/* Handshakes that both ends began within this time are taken for simultaneous. */
#define TOGETHER_NS (30 * NSEC_PER_SEC)

static u64 fresh_rx_id(struct links *ls)
{
	u64 id;

	do
		id = links_random64(ls) >> 8;
	while (!id || htable_find(&ls->by_rx, id));
	return id;
}

struct session *session_new(struct link *link, bool initiator, struct offer *own)
{
	struct session *s = calloc(1, sizeof(*s));
	struct links *ls = link->links;
	u32 i;

	if (!s)
		return NULL;
	s->link = link;
	s->initiator = initiator;
	s->index = ++link->next_index;
	s->born = ls->ts->now;
	s->rx_count = own->ids_count = DATAPATH_LINK_IDS;
	own->lanes = (u8)ls->conf.lanes;
	own->instance = link->instance;
	for (i = 0; i < s->rx_count; i++) {
		s->rx[i].session = s;
		own->ids[i] = fresh_rx_id(ls);
		htable_add(&ls->by_rx, &s->rx[i].node, own->ids[i]);
	}
	return s;
}

void session_keys(struct session *s, const struct noise *noise, const struct offer *theirs)
{
	u8 split[KDF_SPLIT_LEN], hash[KDF_HASH_LEN];
	struct link_keys keys;
	u32 i;

	noise_split(noise, split, hash);
	kdf_link_keys(hash, split, &keys);
	s->tx_keys = s->initiator ? keys.i : keys.r;
	s->rx_keys = s->initiator ? keys.r : keys.i;
	mv_header_keys_init(&s->tx_header, s->tx_keys.tag, s->tx_keys.mask);
	mv_header_keys_init(&s->rx_header, s->rx_keys.tag, s->rx_keys.mask);
	sodium_memzero(split, sizeof(split));
	sodium_memzero(&keys, sizeof(keys));
	for (i = 0; i < theirs->ids_count; i++)
		s->tx_ids[i] = theirs->ids[i];
	s->tx_count = theirs->ids_count;
	s->tx_id = session_fresh_id(s);
	s->remote_lanes = theirs->lanes;
}

u64 session_fresh_id(struct session *s)
{
	return s->tx_used < s->tx_count ? s->tx_ids[s->tx_used++] : 0;
}

struct session *session_find(struct links *ls, u64 rx_id)
{
	struct hnode *n = htable_find(&ls->by_rx, rx_id);

	return n ? container_of(n, struct session_id, node)->session : NULL;
}

static void uninstall(struct session *s)
{
	struct datapath_link_session naming = { .link = s->link->id, .index = s->index };

	if (s->installed)
		datapath_link_session_apply(s->link->links->dp, DATAPATH_DEL, &naming);
	s->installed = false;
	sodium_memzero(&naming, sizeof(naming));
}

void session_free(struct session **slot)
{
	struct session *s = *slot;
	u32 i;

	if (!s)
		return;
	*slot = NULL;
	uninstall(s);
	for (i = 0; i < s->rx_count; i++)
		htable_del(&s->link->links->by_rx, &s->rx[i].node);
	circuit_ids_release(s->link, s->index);
	sodium_memzero(s, sizeof(*s));
	free(s);
}

/* Everything but keys, for `set` too. One lane unless both ends have several (no NAT then). */
static void describe(const struct session *s, enum datapath_session_state state, struct datapath_link_session *d)
{
	const struct link *l = s->link;
	bool several = s->remote_lanes > 1 && l->links->conf.lanes > 1;

	memset(d, 0, sizeof(*d));
	d->link = l->id;
	d->index = s->index;
	d->state = state;
	d->tx_id = s->tx_id;
	d->remote = l->remote;
	d->remote_lanes = several ? s->remote_lanes : 1;
	d->local_lane = several ? 0 : l->lane;
	d->local_lanes = several ? l->links->conf.lanes : 1;
}

static int install_link(struct link *l)
{
	const struct links_conf *conf = &l->links->conf;
	/* whom nobody knows keeps the control thread less busy: a relay's link carries many circuits */
	struct datapath_link d = { .id = l->id, .up_rate = l->has_peer ? 0 : conf->anonymous_rate,
				   .up_burst = l->has_peer ? 0 : conf->anonymous_burst };
	int r = l->in_datapath ? 0 : datapath_link_apply(l->links->dp, DATAPATH_NEW, &d);

	l->in_datapath = l->in_datapath || !r;
	return r;
}

int session_install(struct session *s, enum datapath_session_state state)
{
	struct datapath_link_session d;
	int r = install_link(s->link);
	u32 i;

	if (r)
		return r;
	describe(s, state, &d);
	d.rx_ids_count = s->rx_count;
	for (i = 0; i < s->rx_count; i++)
		d.rx_ids[i] = s->rx[i].node.key;
	memcpy(d.rx_tag, s->rx_keys.tag, 16);
	memcpy(d.rx_mask, s->rx_keys.mask, 16);
	memcpy(d.tx_tag, s->tx_keys.tag, 16);
	memcpy(d.tx_mask, s->tx_keys.mask, 16);
	r = datapath_link_session_apply(s->link->links->dp, DATAPATH_NEW, &d);
	sodium_memzero(&d, sizeof(d));
	s->installed = !r;
	return r;
}

static void set_state(struct session *s, enum datapath_session_state state)
{
	struct datapath_link_session d;

	if (!s->installed)
		return;
	describe(s, state, &d);
	if (datapath_link_session_apply(s->link->links->dp, DATAPATH_SET, &d))
		log_limited(LOG_WARN, "link", "the datapath refused a change of a link session");
}

void session_update(struct session *s)
{
	set_state(s, DATAPATH_SESSION_CURRENT);
}

static void retire_current(struct link *l, struct session *s)
{
	if (l->current && l->current != s) {
		session_free(&l->previous);
		l->previous = l->current;
		l->previous->until = now_of(l) + PREVIOUS_NS;
	}
	l->current = s;
	l->circuits.skipped_count = 0;
	s->first_circuit = l->circuits.drawn;
	s->tx_cells0 = l->dp_tx;
}

void session_promote(struct session *s)
{
	struct link *l = s->link;

	if (l->next == s)
		l->next = NULL;
	s->until = 0;
	retire_current(l, s);
	if (s->installed)
		set_state(s, DATAPATH_SESSION_CURRENT);
	else
		session_install(s, DATAPATH_SESSION_CURRENT);
}

static bool together(const struct session *a, const struct session *b)
{
	return (a->born > b->born ? a->born - b->born : b->born - a->born) <= TOGETHER_NS;
}

void session_merge(struct link *l, struct session *s)
{
	bool wins = s->initiator == link_larger(l);

	if (!l->current || wins || l->current->initiator == s->initiator ||
	    !together(s, l->current)) {
		session_promote(s);
		return;
	}
	/* the current one is what both keep; the other still receives what was sent under it */
	if (l->next == s)
		l->next = NULL;
	session_free(&l->previous);
	l->previous = s;
	s->until = now_of(l) + PREVIOUS_NS;
	s->first_circuit = l->current->first_circuit;
	if (s->installed)
		set_state(s, DATAPATH_SESSION_PREVIOUS);
	else
		session_install(s, DATAPATH_SESSION_PREVIOUS);
}
