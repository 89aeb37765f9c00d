// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Handshakes of ours: message 1, repeated with back-off over the peer's addresses, RETRY with its
 * puzzle solved in slices, message 2. One unanswered handshake an address and a node id at a time,
 * so that nobody can be flooded through us.
 */
#include "link_internal.h"

#include <sodium.h>

#define TRY_NS (300 * NSEC_PER_MSEC)	/* first repeat */
#define TRY_MAX_NS (1500 * NSEC_PER_MSEC)
#define TRIES 7
#define RETRIES_MAX 3			/* cookies accepted in one handshake */
#define PUZZLE_SLICE 2048		/* hashes at a time: about a millisecond */

int initiate_noise(struct link *l, struct noise *n, struct noise_keypair *key, struct session **s, u8 *out, u16 *len)
{
	struct links *ls = l->links;
	struct offer own = { .named = l->named, .id = ls->conf.id, .hello = ls->hello,
			     .hello_len = ls->conf.hello_len };
	u8 prologue[64], ephemeral[32], payload[LINK_MESSAGE1_MAX];
	size_t prologue_len = handshake_prologue(&l->peer.id, prologue);
	int r;

	*s = session_new(l, true, &own);
	if (!*s)
		return -ENOMEM;
	own.stamp = l->named ? ls->ops->wall(ls->arg) : 0;
	*key = ls->conf.onion;
	links_random(ls, ephemeral, sizeof(ephemeral));
	noise_init(n, l->named ? NOISE_IKPSK2 : NOISE_NK, true, prologue, prologue_len, ephemeral,
		   l->named ? key : NULL, l->peer.onion_key, NULL);
	sodium_memzero(ephemeral, sizeof(ephemeral));
	r = noise_write(n, payload, offer_write(&own, payload, sizeof(payload)), out, LINK_MESSAGE1_MAX);
	if (r < 0) {
		session_free(s);
		noise_erase(n);
		return r;
	}
	*len = (u16)r;
	return 0;
}

int initiate_finish(struct link *l, const struct noise *noise, struct session *s, const u8 *in, size_t len)
{
	struct noise n = *noise;	/* a forged reply must not end the handshake */
	u8 payload[LINK_MESSAGE2_MAX];
	struct offer theirs;
	int r = noise_read(&n, in, len, payload, sizeof(payload));

	if (r >= 0 && !offer_read(&theirs, false, payload, (size_t)r))
		r = -EBADMSG;
	if (r >= 0) {
		session_keys(s, &n, &theirs);
		l->peer_instance = theirs.instance;
		s->born = now_of(l);
	}
	noise_erase(&n);
	sodium_memzero(payload, sizeof(payload));
	return r < 0 ? r : 0;
}

/* ---- whom to try ---- */

static bool address_busy(struct links *ls, const u8 name[20])
{
	struct opening *o;
	u8 other[20];
	u32 i;

	list_for_each(o, &ls->opening_list, list)
		for (i = 0; i < o->endpoints_count; i++) {
			limits_address(ls, &o->endpoints[i], other);
			if (!memcmp(name, other, sizeof(other)))
				return true;
		}
	return false;
}

static int choose_endpoints(struct opening *o)
{
	struct links *ls = o->link->links;
	const struct peer *p = &o->link->peer;
	bool contactable = false;
	u8 name[20];
	u32 i;

	for (i = 0; i < p->endpoint_count && i < PEER_ENDPOINTS_MAX; i++) {
		if (!endpoint_contactable(&p->endpoints[i], ls->conf.private_network))
			continue;
		contactable = true;
		limits_address(ls, &p->endpoints[i], name);
		/*
		 * Where this node answered before it floods nobody: else anyone with a descriptor that
		 * names its address could keep us from it.
		 */
		if (limits_proven(ls, &p->id, name) ||
		    (limits_may_try(ls, name, sizeof(name)) && !address_busy(ls, name)))
			o->endpoints[o->endpoints_count++] = p->endpoints[i];
	}
	if (!o->endpoints_count)
		return contactable ? -EHOSTUNREACH : -EADDRNOTAVAIL;
	return 0;
}

/* ---- sending ---- */

static void transmit(struct opening *o)
{
	struct link *l = o->link;
	struct links *ls = l->links;
	/* every other one as long as the largest cell: its answer shows that the path carries that */
	size_t len = o->tries % 2 ? MASK_FIRST_MIN : MV_CELL_MAX;
	struct mask_head head = { .kind = MASK_FIRST, .use = MASK_LINK, .suite = LINK_SUITE, .pattern = o->pattern,
				  .total = o->len, .len = o->len, .data = o->message, .solution = o->solution };
	u8 datagram[MV_CELL_MAX], random[MASK_RANDOM];

	memcpy(head.cookie, o->cookie, COOKIE_LEN);
	o->endpoint = o->tries % o->endpoints_count;
	links_random(ls, random, sizeof(random));
	mask_seal(&head, &o->ids, MASK_TO_RESPONDER, l->peer.onion_key, random, datagram, len);
	o->again = o->tries > 0;
	o->sent = ls->ts->now;
	links_send(ls, l->lane, &o->endpoints[o->endpoint], datagram, len);
}

static u64 try_after(const struct opening *o)
{
	u64 ns = TRY_NS << (o->tries < 4 ? o->tries : 4);

	return now_of(o->link) + (ns < TRY_MAX_NS ? ns : TRY_MAX_NS);
}

static void failed(struct opening *o)
{
	struct link *l = o->link;
	u8 name[20];
	u32 i;

	for (i = 0; i < o->endpoints_count; i++) {
		limits_address(l->links, &o->endpoints[i], name);
		limits_failed(l->links, name, sizeof(name));
	}
	limits_failed(l->links, l->peer.id.b, NODE_ID_LEN);
	l->links->stats.timeouts++;
	link_close(l, REASON_TIMEOUT);
}

static void solve(struct opening *o)
{
	u64 now = now_of(o->link);

	o->solving = !cookie_solve(o->cookie, o->message, &o->solution, PUZZLE_SLICE);
	if (o->solving) {
		/* not at once: the rest of the loop has its turn */
		timer_arm(o->link->links->ts, &o->timer, now + NSEC_PER_MSEC);
		return;
	}
	transmit(o);
	timer_arm(o->link->links->ts, &o->timer, try_after(o));
}

static void fire(struct timer *t)
{
	struct opening *o = container_of(t, struct opening, timer);

	if (o->solving) {
		solve(o);
		return;
	}
	if (++o->tries >= TRIES) {
		failed(o);
		return;
	}
	transmit(o);
	timer_arm(o->link->links->ts, &o->timer, try_after(o));
}

static int begin(struct opening *o)
{
	struct link *l = o->link;
	struct links *ls = l->links;
	int r = initiate_noise(l, &o->noise, &o->key, &o->session, o->message, &o->len);

	if (r)
		return r;
	links_random(ls, &o->ids, sizeof(o->ids));
	o->pattern = l->named;
	o->tries = o->retries = 0;
	o->solving = false;
	o->solution = 0;
	memset(o->cookie, 0, sizeof(o->cookie));
	htable_add(&ls->openings, &o->node, mv_get_le64(o->ids.initiator));
	ls->stats.handshakes_out++;
	transmit(o);
	return timer_arm(ls->ts, &o->timer, try_after(o));
}

int opening_start(struct link *l)
{
	struct links *ls = l->links;
	struct opening *o;
	int r;

	if (ls->opening_count >= ls->conf.max_pending)
		return -ENOSPC;
	if (!limits_may_try(ls, l->peer.id.b, NODE_ID_LEN))
		return -EHOSTUNREACH;
	o = calloc(1, sizeof(*o));
	if (!o)
		return -ENOMEM;
	o->link = l;
	l->opening = o;
	timer_init(&o->timer, fire);
	list_init(&o->list);
	list_init(&o->node.list);
	r = choose_endpoints(o);
	list_add_tail(&o->list, &ls->opening_list);
	ls->opening_count++;
	return r ? r : begin(o);
}

static void abandon(struct opening *o)
{
	struct links *ls = o->link->links;

	timer_cancel(ls->ts, &o->timer);
	session_free(&o->session);
	if (!list_empty(&o->node.list))
		htable_del(&ls->openings, &o->node);
	noise_erase(&o->noise);
	sodium_memzero(&o->key, sizeof(o->key));
}

void opening_free(struct link *l)
{
	struct opening *o = l->opening;

	if (!o)
		return;
	abandon(o);
	list_del(&o->list);
	l->links->opening_count--;
	l->opening = NULL;
	sodium_memzero(o, sizeof(*o));
	free(o);
}

/* New ids and a new ephemeral key: nothing seen on the old network may be seen on the new one. */
void initiate_rebind(struct links *ls)
{
	struct opening *o;

	list_for_each(o, &ls->opening_list, list) {
		abandon(o);
		if (begin(o)) {
			o->tries = TRIES;
			timer_arm(ls->ts, &o->timer, ls->ts->now);
		}
	}
}

/* ---- replies ---- */

static void retried(struct opening *o, const struct mask_head *head)
{
	struct links *ls = o->link->links;

	ls->stats.retries_seen++;
	if (cookie_bits(head->cookie) > ls->conf.puzzle_cap) {
		ls->stats.refused_puzzle++;
		return;
	}
	if (o->retries >= RETRIES_MAX || o->solving || !memcmp(o->cookie, head->cookie, COOKIE_LEN))
		return;
	o->retries++;
	o->tries = 0;
	memcpy(o->cookie, head->cookie, COOKIE_LEN);
	o->solution = links_random64(ls);
	solve(o);
}

static void worked(struct opening *o, const struct endpoint *from, size_t len)
{
	struct link *l = o->link;
	struct links *ls = l->links;
	u8 name[20];
	u32 i;

	l->remote = o->endpoints[o->endpoint];
	for (i = 0; i < o->endpoints_count; i++)
		if (endpoint_equal(from, &o->endpoints[i]))
			l->remote = *from;
	limits_address(ls, &l->remote, name);
	limits_worked(ls, name, sizeof(name));
	limits_worked(ls, l->peer.id.b, NODE_ID_LEN);
	limits_prove(ls, &l->peer.id, name);
	l->class = len >= MV_CELL_MAX ? MV_LARGE : MV_MEDIUM;
	if (!o->again)
		link_measured(l, now_of(l) - o->sent);
}

static void second(struct opening *o, const struct mask_head *head, const struct endpoint *from, size_t len)
{
	struct link *l = o->link;
	struct session *s = o->session;

	if (head->suite != LINK_SUITE || head->pattern != o->pattern || head->offset || head->len != head->total ||
	    initiate_finish(l, &o->noise, s, head->data, head->len)) {
		l->links->stats.bad_handshake++;
		return;
	}
	worked(o, from, len);
	o->session = NULL;
	opening_free(l);
	link_enter(l);
	session_promote(s);
	if (!s->installed) {
		link_close(l, REASON_LIMIT);
	} else {
		/* the first cell under it tells the responder that it counts; repeated until answered */
		link_up(l);
		link_suspect(l);
	}
	link_leave(l);
}

struct opening *initiate_find(struct links *ls, const u8 *data)
{
	struct mask_ids ids;
	struct hnode *n;
	struct opening *o;

	mask_ids_read(data, MASK_TO_INITIATOR, &ids);
	n = htable_find(&ls->openings, mv_get_le64(ids.initiator));
	o = n ? container_of(n, struct opening, node) : NULL;
	return o && !memcmp(&ids, &o->ids, sizeof(ids)) ? o : NULL;
}

void initiate_reply(struct links *ls, struct opening *o, const struct endpoint *from, const u8 *data, size_t len)
{
	struct mask_head head;
	u8 plain[MASK_MAX];

	if (!mask_open(data, len, MASK_TO_INITIATOR, o->link->peer.onion_key, plain, &head) ||
	    head.use != MASK_LINK)
		ls->stats.garbage++;
	else if (head.kind == MASK_RETRY)
		retried(o, &head);
	else if (head.kind == MASK_SECOND)
		second(o, &head, from, len);
	else
		ls->stats.garbage++;
}
