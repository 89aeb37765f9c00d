// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The client's sessions: proposing and judging inner addresses, programming datapath sessions and
 * the selector in one batch with the circuit, and telling the daemon which addresses mesh0 has.
 */
#include "manager_internal.h"

#include <sodium.h>

#define PROPOSALS 32

/* ---- addresses ---- */

static bool in_pool(const u8 *addr, const u8 *pool, u32 bits)
{
	u32 whole = bits / 8, rest = bits % 8;

	if (memcmp(addr, pool, whole))
		return false;
	return !rest || !((addr[whole] ^ pool[whole]) >> (8 - rest));
}

static void pool_random(struct client *cl, u8 *addr, u32 len, const u8 *pool, u32 bits)
{
	u32 i, mask;

	random_bytes(cl->c, addr, len);
	for (i = 0; i < len; i++) {
		mask = bits >= 8 * (i + 1) ? 0xff : bits <= 8 * i ? 0 : (0xff00 >> (bits - 8 * i)) & 0xff;
		addr[i] = (addr[i] & ~mask) | (pool[i] & mask);
	}
}

static bool held4(const struct client *cl, const u8 *addr)
{
	struct client_session *s;

	list_for_each(s, &cl->sessions, list)
		if (s->grant.addresses.has4 && !memcmp(s->grant.addresses.inner4, addr, 4))
			return true;
	return false;
}

static bool held6(const struct client *cl, const u8 *addr)
{
	struct client_session *s;

	list_for_each(s, &cl->sessions, list)
		if (s->grant.addresses.has6 && !memcmp(s->grant.addresses.inner6, addr, 16))
			return true;
	return false;
}

static bool usable(struct client *cl, int family, const u8 *addr)
{
	return !cl->ops->address_usable || cl->ops->address_usable(cl->arg, family, addr);
}

static bool usable4(struct client *cl, const u8 *addr)
{
	return in_pool(addr, cl->conf.pool4, cl->conf.pool4_bits) && addr[3] && addr[3] != 255 &&
	       !held4(cl, addr) && usable(cl, AF_INET, addr);
}

static bool usable6(struct client *cl, const u8 *addr)
{
	return in_pool(addr, cl->conf.pool6, cl->conf.pool6_bits) && !held6(cl, addr) &&
	       usable(cl, AF_INET6, addr);
}

void client_request(struct client *cl, struct bind_request *request)
{
	struct bind_addresses *a = &request->want;
	u32 i;

	memset(request, 0, sizeof(*request));
	request->mtu = cl->conf.mtu;
	for (i = 0; i < PROPOSALS && !cl->conf.no_ipv4 && !a->has4; i++) {
		pool_random(cl, a->inner4, 4, cl->conf.pool4, cl->conf.pool4_bits);
		a->has4 = usable4(cl, a->inner4);
	}
	for (i = 0; i < PROPOSALS && !cl->conf.no_ipv6 && !a->has6; i++) {
		pool_random(cl, a->inner6, 16, cl->conf.pool6, cl->conf.pool6_bits);
		a->has6 = usable6(cl, a->inner6);
	}
}

/* What an exit may make us put on our own device: only what we would have chosen ourselves. */
static bool grant_acceptable(struct client *cl, const struct bind_grant *g)
{
	const struct bind_addresses *a = &g->addresses;

	if ((!a->has4 && !a->has6) || g->mtu < 1280)
		return false;
	if (a->has4 && (cl->conf.no_ipv4 || !usable4(cl, a->inner4)))
		return false;
	return !a->has6 || (!cl->conf.no_ipv6 && usable6(cl, a->inner6));
}

/* ---- the datapath ---- */

static void session_object(const struct client_session *s, const struct origin *leg, struct datapath_session *ds)
{
	const struct bind_addresses *a = &s->grant.addresses;

	*ds = (struct datapath_session){
		.id = s->id, .device = s->client->conf.device, .has4 = a->has4, .has6 = a->has6,
	};
	memcpy(ds->inner4, a->inner4, sizeof(ds->inner4));
	memcpy(ds->inner6, a->inner6, sizeof(ds->inner6));
	if (leg) {
		ds->link = origin_link(leg);
		ds->circuit = origin_circuit(leg);
	}
}

/* All prefixes lead to @s, or nowhere. @prefixes: room for them. */
static void selector_object(const struct client *cl, const struct client_session *s,
			    struct datapath_prefix *prefixes, struct datapath_selector *sel)
{
	u32 i;

	*sel = (struct datapath_selector){ .device = cl->conf.device, .prefixes = prefixes };
	if (!s)
		return;
	sel->count = cl->conf.prefix_count;
	memcpy(prefixes, cl->conf.prefixes, sel->count * sizeof(*prefixes));
	for (i = 0; i < sel->count; i++)
		prefixes[i].session = s->id;
}

void client_session_describe(const struct client_session *s, struct client_session_info *info)
{
	*info = (struct client_session_info){
		.id = s->id, .current = s->client->current == s, .grant = s->grant, .exit = s->exit.id,
		.born = s->born,
	};
	info->grant.session = 0;
	memset(info->grant.secret, 0, sizeof(info->grant.secret));
}

static void tell_up(const struct client_session *s)
{
	struct client *cl = s->client;
	struct client_session_info info;

	client_session_describe(s, &info);
	if (cl->ops->session_up)
		cl->ops->session_up(cl->arg, &info);
}

/* Bookkeeping after the selector was set. */
static void made_current(struct client *cl, struct client_session *s)
{
	struct client_session *old = cl->current;

	cl->current = s;
	cl->rotate = false;
	tell_up(s);
	if (old)
		tell_up(old);
}

int client_session_new(struct client *cl, struct leg *leg, const struct bind_grant *grant, bool current)
{
	struct datapath_prefix prefixes[CLIENT_PREFIXES_MAX];
	struct datapath_session without, with;
	struct datapath_selector sel;
	struct datapath_op before = { DATAPATH_NEW, DATAPATH_OBJ_SESSION, .session = &without };
	struct datapath_op after[2] = {
		{ DATAPATH_SET, DATAPATH_OBJ_SESSION, .session = &with },
		{ DATAPATH_SET, DATAPATH_OBJ_SELECTOR, .selector = &sel },
	};
	struct client_session *s;
	int err;

	if (!grant_acceptable(cl, grant)) {
		cl->stats.addresses_refused++;
		return -EADDRNOTAVAIL;
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->client = cl;
	s->id = session_id_new(cl->c);
	s->grant = *grant;
	if (s->grant.mtu > cl->conf.mtu)
		s->grant.mtu = cl->conf.mtu;
	s->exit = origin_path(leg->origin)[origin_length(leg->origin) - 1];
	s->guard = origin_path(leg->origin)[0].id;
	s->born = now(cl->c);
	session_object(s, NULL, &without);
	session_object(s, leg->origin, &with);
	selector_object(cl, s, prefixes, &sel);
	err = origin_install(leg->origin, s->id, &before, 1, after, current ? 2 : 1);
	if (err) {
		sodium_memzero(s, sizeof(*s));
		free(s);
		return err;
	}
	list_add(&s->list, &cl->sessions);
	s->leg = leg;
	leg->session = s;
	leg->use = LEG_ACTIVE;
	cl->stats.sessions++;
	if (current)
		made_current(cl, s);
	else
		tell_up(s);
	client_tell(cl, CLIENT_SESSION_NEW, leg, s, NULL, 0);
	return 0;
}

int client_session_take(struct client_session *s, struct leg *leg, const struct bind_grant *grant)
{
	struct datapath_session ds;
	struct datapath_op after = { DATAPATH_SET, DATAPATH_OBJ_SESSION, .session = &ds };
	int err;

	/* the addresses stay: that is what a takeover is for */
	if (grant->session != s->grant.session ||
	    memcmp(&grant->addresses, &s->grant.addresses, sizeof(grant->addresses)))
		return -EPROTO;
	session_object(s, leg->origin, &ds);
	err = origin_install(leg->origin, s->id, NULL, 0, &after, 1);
	if (err)
		return err;
	memcpy(s->grant.secret, grant->secret, WIRE_SECRET);
	s->leg = leg;
	s->guard = origin_path(leg->origin)[0].id;
	s->taking = NULL;
	s->lost = 0;
	s->attempts = 0;
	leg->use = LEG_ACTIVE;
	return 0;
}

/* From now on new flows use it: one atomic step. */
void client_session_current(struct client *cl, struct client_session *s)
{
	struct datapath_prefix prefixes[CLIENT_PREFIXES_MAX];
	struct datapath_selector sel;

	if (cl->current == s)
		return;
	selector_object(cl, s, prefixes, &sel);
	if (!datapath_selector_apply(cl->c->dp, DATAPATH_SET, &sel))
		made_current(cl, s);
}

u64 client_session_bytes(const struct client_session *s)
{
	struct datapath_circuit_info d;

	if (!s->leg)
		return s->bytes;
	origin_traffic(s->leg->origin, &d);
	return s->bytes + d.rx_bytes + d.tx_bytes;
}

/* @wanted: we closed the leg ourselves. */
void client_session_leg_lost(struct client_session *s, bool wanted)
{
	struct datapath_session ds;

	s->leg = NULL;
	if (s->closing || wanted) {
		client_session_end(s, CLIENT_SESSION_END);
		return;
	}
	s->lost = now(s->client->c);
	if (s->client->current == s) {
		/* what failed before does not delay what is needed now */
		s->client->failures = 0;
		s->client->retry_at = 0;
	}
	session_object(s, NULL, &ds);
	datapath_session_apply(s->client->c->dp, DATAPATH_SET, &ds);
	client_tell(s->client, CLIENT_STALLED, NULL, s, NULL, 0);
}

void client_session_end(struct client_session *s, enum client_event_kind kind)
{
	struct client *cl = s->client;
	struct datapath_session ds = { .id = s->id };
	struct datapath_selector sel = { .device = cl->conf.device };
	struct datapath_op ops[2] = {
		{ DATAPATH_SET, DATAPATH_OBJ_SELECTOR, .selector = &sel },
		{ DATAPATH_DEL, DATAPATH_OBJ_SESSION, .session = &ds },
	};
	bool current = cl->current == s;
	struct client_session_info info;
	struct leg *leg;

	client_session_describe(s, &info);
	if (current)
		cl->current = NULL;
	list_for_each(leg, &cl->legs, list) {
		if (leg->session != s)
			continue;
		leg->session = NULL;
		origin_close(leg->origin, false);
	}
	datapath_apply(cl->c->dp, current ? ops : ops + 1, current ? 2 : 1, NULL);
	if (cl->ops->session_down)
		cl->ops->session_down(cl->arg, &info);
	client_tell(cl, kind, NULL, s, NULL, 0);
	list_del(&s->list);
	sodium_memzero(s, sizeof(*s));
	free(s);
	client_poke(cl);
}

/* Not needed any more: tell the exit, then end. */
void client_session_retire(struct client_session *s)
{
	if (s->closing)
		return;
	s->closing = true;
	if (s->leg)
		origin_close(s->leg->origin, true);
	else
		client_session_end(s, CLIENT_SESSION_END);
}
