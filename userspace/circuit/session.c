// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The life of exit sessions: granted, live, taken over, without a leg for a while, gone.
 */
#include "hop.h"
#include "session.h"

#include <sodium.h>

static void set_leg(struct session *s)
{
	struct datapath_session ds;

	if (!s->installed)
		return;
	session_datapath(s, &ds);
	datapath_session_apply(s->c->dp, DATAPATH_SET, &ds);
}

void session_datapath(const struct session *s, struct datapath_session *ds)
{
	const struct bind_addresses *a = &s->grant.addresses;

	*ds = (struct datapath_session){
		.id = s->id, .device = s->c->conf.exit_device, .has4 = a->has4, .has6 = a->has6,
	};
	memcpy(ds->inner4, a->inner4, sizeof(ds->inner4));
	memcpy(ds->inner6, a->inner6, sizeof(ds->inner6));
	if (s->leg) {
		ds->link = link_id(s->leg->in.link);
		ds->circuit = s->leg->in.circuit;
	}
}

/* ---- whose link it counts for ---- */

static void unlink_session(struct session *s)
{
	if (!s->link)
		return;
	list_del(&s->on_link);
	s->link->session_count--;
	s->link = NULL;
}

static void link_session(struct session *s, struct link_state *ls)
{
	unlink_session(s);
	s->link = ls;
	list_add_tail(&s->on_link, &ls->sessions);
	ls->session_count++;
}

void sessions_leave(struct link_state *ls)
{
	while (!list_empty(&ls->sessions))
		unlink_session(list_entry(ls->sessions.next, struct session, on_link));
}

static bool link_full(const struct circuits *c, const struct link_state *ls)
{
	return ls->session_count >= (link_peer(ls->link) ? c->conf.max_sessions_per_link :
							   c->conf.max_sessions_per_anonymous_link);
}

/* Its hops know it no longer. */
static void session_free(struct session *s)
{
	struct circuits *c = s->c;
	struct datapath_session ds = { .id = s->id };

	timer_cancel(c->ts, &s->linger);
	unlink_session(s);
	htable_del(&c->sessions, &s->node);
	c->session_count--;
	if (s->installed)
		datapath_session_apply(c->dp, DATAPATH_DEL, &ds);
	if (c->ops->release)
		c->ops->release(c->arg, &s->grant);
	sodium_memzero(s, sizeof(*s));
	free(s);
}

static void leg_end(struct hop *h, enum link_reason reason)
{
	h->session = NULL;
	hop_end(h, reason);
}

static void session_end(struct session *s, enum link_reason reason)
{
	struct hop *leg = s->leg, *next = s->next;

	s->leg = s->next = NULL;
	if (leg)
		leg_end(leg, reason);
	if (next)
		leg_end(next, reason);
	session_free(s);
}

void session_close(struct session *s)
{
	s->c->stats.sessions_closed++;
	session_end(s, REASON_REQUESTED);
}

static void lingered(struct timer *t)
{
	struct session *s = container_of(t, struct session, linger);

	s->c->stats.sessions_expired++;
	session_end(s, REASON_EXPIRED);
}

static struct session *session_find(struct circuits *c, u64 handle)
{
	struct hnode *n = htable_find(&c->sessions, handle);

	return n ? container_of(n, struct session, node) : NULL;
}

static struct session *session_new(struct circuits *c)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->c = c;
	s->rate = c->conf.exit_rate;
	s->burst = c->conf.exit_burst;
	timer_init(&s->linger, lingered);
	return s;
}

static enum wire_refusal bind_new(struct circuits *c, struct hop *hop, const struct bind_request *request,
				  struct session **session)
{
	enum wire_refusal why;
	struct session *s;

	if (c->session_count >= c->conf.max_sessions)
		return REFUSAL_LIMIT;
	if (link_full(c, hop->in.state)) {
		c->stats.bind_link_limit++;
		return REFUSAL_LIMIT;
	}
	s = session_new(c);
	if (!s)
		return REFUSAL_LIMIT;
	why = c->ops->bind(c->arg, request, &s->grant, &s->rate, &s->burst);
	if (why) {
		free(s);
		return why;
	}
	do
		s->grant.session = random_u64(c);
	while (session_find(c, s->grant.session));
	s->id = session_id_new(c);
	htable_add(&c->sessions, &s->node, s->grant.session);
	c->session_count++;
	link_session(s, hop->in.state);
	*session = s;
	return REFUSAL_NONE;
}

static enum wire_refusal bind_takeover(struct circuits *c, const struct bind_request *request,
				       struct session **session)
{
	struct session *s = session_find(c, request->session);

	/* before it lived there was nothing to take over */
	if (!s || !s->lived || sodium_memcmp(s->grant.secret, request->secret, WIRE_SECRET))
		return REFUSAL_SECRET;
	if (s->takeovers >= c->conf.max_takeovers)
		return REFUSAL_TAKEOVERS;
	*session = s;
	return REFUSAL_NONE;
}

enum wire_refusal session_bind(struct circuits *c, struct hop *hop, const struct bind_request *request,
			       struct bind_grant *grant)
{
	enum wire_refusal why;
	struct session *s;

	if (request->takeover)
		why = bind_takeover(c, request, &s);
	else
		why = bind_new(c, hop, request, &s);
	if (why)
		return why;
	if (s->next)		/* another spare tried before and was not heard of again */
		leg_end(s->next, REASON_GENERIC);
	s->next = hop;
	hop->session = s;
	random_bytes(c, s->next_secret, WIRE_SECRET);
	*grant = s->grant;
	memcpy(grant->secret, s->next_secret, WIRE_SECRET);
	return REFUSAL_NONE;
}

void session_live(struct session *s, struct hop *hop)
{
	struct hop *old = s->leg;

	if (s->next != hop)
		return;
	s->next = NULL;
	s->leg = hop;
	memcpy(s->grant.secret, s->next_secret, WIRE_SECRET);
	sodium_memzero(s->next_secret, WIRE_SECRET);
	timer_cancel(s->c->ts, &s->linger);
	link_session(s, hop->in.state);
	set_leg(s);
	if (s->lived) {
		s->takeovers++;
		s->c->stats.takeovers++;
	}
	s->lived = true;
	if (old)
		leg_end(old, REASON_REQUESTED);
}

void session_leg_lost(struct session *s, struct hop *hop)
{
	if (s->next == hop)
		s->next = NULL;
	if (s->leg == hop) {
		s->leg = NULL;
		set_leg(s);
		timer_arm(s->c->ts, &s->linger, now(s->c) + s->c->conf.linger_ns);
	}
	if (!s->lived && !s->next)
		session_free(s);	/* the origin never heard of it */
}

void sessions_free(struct circuits *c)
{
	u32 i;

	for (i = 0; i <= c->sessions.mask; i++)
		while (!list_empty(&c->sessions.buckets[i]))
			session_end(list_entry(c->sessions.buckets[i].next, struct session, node.list),
				    REASON_SHUTDOWN);
}

int sessions_each(struct circuits *c, int (*each)(void *arg, const struct session_info *info), void *arg)
{
	struct session_info info;
	struct session *s;
	u32 i;
	int ret;

	for (i = 0; i <= c->sessions.mask; i++) {
		list_for_each(s, &c->sessions.buckets[i], node.list) {
			info = (struct session_info){ .id = s->id, .takeovers = s->takeovers, .has_leg = s->leg };
			if (s->leg) {
				info.link = link_id(s->leg->in.link);
				info.circuit = s->leg->in.circuit;
			}
			ret = each(arg, &info);
			if (ret)
				return ret;
		}
	}
	return 0;
}
