// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Handshakes of others: who may cost us a scalar multiplication, and what an answered handshake may
 * displace, which is nothing until a cell opens under its session. Order of work: mask, cookie,
 * token bucket of the source, repeated message, load, Noise (Documentation/protocol-links.rst).
 */
#include "link_internal.h"

#include <sodium.h>

#define RETRY_PAD 32		/* up to so many bytes of zeros, under the mask */

/* One datagram in front of us. */
struct first {
	u32 lane;
	const struct endpoint *from;
	size_t len;
	struct mask_ids ids;
	struct mask_head head;
	u8 key;			/* 0: our current onion key, 1: the previous one */
	bool proved;		/* brings a cookie of ours and its solution */
	u8 hash[32];
};

static const struct noise_keypair *keypair(const struct links *ls, u8 key)
{
	return key ? &ls->conf.onion_previous : &ls->conf.onion;
}

static bool has_previous(const struct links *ls)
{
	return !sodium_is_zero(ls->conf.onion_previous.secret, NOISE_KEY);
}

/* ---- RETRY ---- */

struct cookie_source {
	u8 family;
	u8 addr[16];
	u8 port[2];
	struct mask_ids ids;
};

static void cookie_source(const struct first *f, struct cookie_source *s)
{
	memset(s, 0, sizeof(*s));
	s->family = f->from->family;
	memcpy(s->addr, f->from->addr, 16);
	mv_put_le16(s->port, f->from->port);
	s->ids = f->ids;
}

static bool check_cookie(struct links *ls, const struct first *f)
{
	struct cookie_source s;

	if (sodium_is_zero(f->head.cookie, COOKIE_LEN))
		return false;
	cookie_source(f, &s);
	if (cookie_check(ls->cookie_secret, ls->ts->now, &s, sizeof(s), f->head.cookie) &&
	    cookie_solved(f->head.cookie, f->head.data, f->head.solution))
		return true;
	ls->stats.bad_cookie++;
	return false;
}

static void send_retry(struct links *ls, const struct first *f)
{
	struct mask_head head = { .kind = MASK_RETRY, .use = MASK_LINK, .suite = LINK_SUITE };
	u8 datagram[MASK_OVERHEAD + RETRY_PAD], random[MASK_RANDOM + 1];
	struct cookie_source s;

	if (!bucket_take(&ls->retry, ls->ts->now, 1))
		return;
	cookie_source(f, &s);
	cookie_make(ls->cookie_secret, ls->ts->now, (u8)(ls->conf.puzzle_bits + ls->extra_bits), &s, sizeof(s),
		    head.cookie);
	links_random(ls, random, sizeof(random));
	ls->stats.retries_sent++;
	mask_seal(&head, &f->ids, MASK_TO_INITIATOR, keypair(ls, f->key)->public, random, datagram,
		  MASK_OVERHEAD + random[MASK_RANDOM] % RETRY_PAD);
	links_send(ls, f->lane, f->from, datagram, MASK_OVERHEAD + random[MASK_RANDOM] % RETRY_PAD);
}

/* ---- load ---- */

/* More than we can do although all proved themselves: the next puzzles are harder. */
static void harder(struct links *ls)
{
	ls->stats.limited_total++;
	if (ls->ts->now - ls->extra_at < NSEC_PER_SEC)
		return;
	ls->extra_at = ls->ts->now;
	if (ls->conf.puzzle_bits + ls->extra_bits < 24)
		ls->extra_bits++;
}

static void easier(struct links *ls)
{
	if (ls->extra_bits && ls->ts->now - ls->extra_at > 5 * NSEC_PER_SEC) {
		ls->extra_bits--;
		ls->extra_at = ls->ts->now;
	}
}

/*
 * The pool is full: the oldest goes. Who wants to talk confirms within a round trip, so what waits
 * longest is what nobody will miss; keeping it would let a few sources shut out all others.
 */
static bool make_room(struct links *ls)
{
	if (ls->half_count < ls->conf.max_next)
		return true;
	ls->stats.limited_next++;
	link_close(list_entry(ls->half_list.next, struct link, list), REASON_LIMIT);
	return true;
}

/* A cookie and its solution pay for one Noise: its maker could have many payloads for one ephemeral key. */
static bool paid(struct links *ls, const struct first *f)
{
	u64 key, *spent = limits_spent(ls, f->head.cookie, &key);

	if (*spent == key) {
		ls->stats.bad_cookie++;
		return false;
	}
	if (!bucket_take(&ls->paid, ls->ts->now, 1)) {
		harder(ls);
		return false;
	}
	*spent = key;
	return make_room(ls);
}

/* May this handshake cost us its Noise? Sends RETRY where that helps. */
static bool affordable(struct links *ls, const struct first *f)
{
	easier(ls);
	if (f->proved)
		return paid(ls, f);
	if (ls->half_count < ls->conf.max_next / 2 && bucket_take(&ls->total, ls->ts->now, 1))
		return true;
	send_retry(ls, f);
	return false;
}

/* ---- replies ---- */

static void send_reply(struct links *ls, const struct first *f, const u8 *reply, u16 len, u8 pattern)
{
	struct mask_head head = { .kind = MASK_SECOND, .use = MASK_LINK, .suite = LINK_SUITE, .pattern = pattern,
				  .total = len, .len = len, .data = reply };
	u8 datagram[MASK_MAX], random[MASK_RANDOM];

	links_random(ls, random, sizeof(random));
	/* as long as the request, which shows the initiator what the path carries both ways */
	mask_seal(&head, &f->ids, MASK_TO_INITIATOR, keypair(ls, f->key)->public, random, datagram, f->len);
	links_send(ls, f->lane, f->from, datagram, f->len);
}

static struct link *repeated(struct links *ls, const struct first *f)
{
	struct hnode *n = htable_find(&ls->halves, mv_get_le64(f->hash));
	struct half *h = n ? container_of(n, struct half, node) : NULL;

	return h && !memcmp(h->hash, f->hash, 32) ? h->link : NULL;
}

/* ---- Noise ---- */

/* IKpsk2: is it who it says, and later than anything we saw from there? */
static int identify(struct links *ls, struct answer *a, const struct noise *n)
{
	const struct offer *o = &a->theirs;

	if (node_id_equal(&o->id, &ls->conf.id) || !ls->ops->identify ||
	    !ls->ops->identify(ls->arg, &o->id, noise_remote_static(n), o->hello, o->hello_len, &a->peer))
		return -EACCES;
	a->peer.id = o->id;
	memcpy(a->peer.onion_key, noise_remote_static(n), NOISE_KEY);
	if (a->link && (!a->link->has_peer || !node_id_equal(&a->link->peer.id, &o->id)))
		return -EACCES;
	if (!limits_stamp(ls, &o->id, o->stamp)) {
		ls->stats.replayed++;
		return -EALREADY;
	}
	return 0;
}

/*
 * Whose handshake is it? An instance that we have a link with, or that opens one to us while we
 * open one to it, gets that link's instance: its session will join that link.
 */
static u64 own_instance(struct links *ls, const struct answer *a)
{
	struct link *l = a->theirs.named ? links_by_peer(ls, &a->peer.id, NULL) : NULL;

	if (l && (l->state == LINK_OPENING || l->peer_instance == a->theirs.instance))
		return l->instance;
	return links_random64(ls);
}

static int answer(struct links *ls, struct answer *a, struct noise *n)
{
	bool fresh = !a->link;
	struct offer own = { 0 };
	u8 payload[LINK_MESSAGE2_MAX];
	int r = -ENOMEM;

	if (fresh) {
		a->link = link_new(ls, LINK_HALF);
		if (!a->link)
			return -ENOMEM;
		a->link->instance = own_instance(ls, a);
		a->link->named = a->theirs.named;
	}
	a->session = session_new(a->link, false, &own);
	if (a->session)
		r = noise_write(n, payload, offer_write(&own, payload, sizeof(payload)), a->reply, sizeof(a->reply));
	if (r >= 0) {
		session_keys(a->session, n, &a->theirs);
		a->len = r;
		return 0;
	}
	session_free(&a->session);
	if (fresh)
		link_close(a->link, REASON_LIMIT);
	return r;
}

int respond_noise(struct links *ls, struct answer *a, const u8 *message, size_t len)
{
	u8 prologue[64], ephemeral[32], payload[LINK_MESSAGE1_MAX];
	bool named = a->pattern;
	struct noise n;
	int r;

	links_random(ls, ephemeral, sizeof(ephemeral));
	noise_init(&n, named ? NOISE_IKPSK2 : NOISE_NK, false, prologue, handshake_prologue(&ls->conf.id, prologue),
		   ephemeral, keypair(ls, a->key), NULL, NULL);
	sodium_memzero(ephemeral, sizeof(ephemeral));
	r = noise_read(&n, message, len, payload, sizeof(payload));
	if (r >= 0 && !offer_read(&a->theirs, named, payload, (size_t)r))
		r = -EBADMSG;
	if (r >= 0 && named)
		r = identify(ls, a, &n);
	a->theirs.hello = NULL;
	if (r < 0) {
		ls->stats.bad_handshake += r != -EALREADY;
		goto out;
	}
	r = answer(ls, a, &n);
out:
	noise_erase(&n);
	return r;
}

/* ---- half-open links ---- */

static void half_begin(struct links *ls, const struct first *f, struct answer *a)
{
	struct link *l = a->link;
	struct half *h = calloc(1, sizeof(*h));

	l->next = a->session;
	l->remote = *f->from;
	l->lane = f->lane;
	l->class = MV_MEDIUM;
	l->peer_instance = a->theirs.instance;
	if (a->theirs.named) {
		l->has_peer = true;
		l->peer = a->peer;
	}
	if (!h) {
		link_close(l, REASON_LIMIT);
		return;
	}
	h->link = l;
	h->len = (u16)a->len;
	h->pattern = a->pattern;
	memcpy(h->reply, a->reply, h->len);
	memcpy(h->hash, f->hash, sizeof(h->hash));
	h->until = ls->ts->now + HALF_NS;
	l->half = h;
	htable_add(&ls->halves, &h->node, mv_get_le64(h->hash));
	if (!timer_armed(&ls->half_timer))
		timer_arm(ls->ts, &ls->half_timer, h->until);
	send_reply(ls, f, h->reply, h->len, h->pattern);
}

void half_free(struct link *l)
{
	struct half *h = l->half;

	if (!h)
		return;
	htable_del(&l->links->halves, &h->node);
	l->half = NULL;
	sodium_memzero(h, sizeof(*h));
	free(h);
}

/* The list is in the order of age. */
void half_expire(struct timer *t)
{
	struct links *ls = container_of(t, struct links, half_timer);

	while (!list_empty(&ls->half_list)) {
		struct link *l = list_entry(ls->half_list.next, struct link, list);

		if (l->half->until > ls->ts->now) {
			timer_arm(ls->ts, t, l->half->until);
			return;
		}
		link_close(l, REASON_TIMEOUT);
	}
}

static struct session *take_session(struct link *from, struct link *to)
{
	struct session *s = from->next;

	from->next = NULL;
	s->link = to;
	s->index = ++to->next_index;
	return s;
}

/* Both ends opened: the session joins the link that is there. */
static bool join(struct link *old, struct link *l)
{
	struct session *s = take_session(l, old);

	old->peer_instance = l->peer_instance;
	if (old->state == LINK_OPENING) {
		old->remote = l->remote;
		old->lane = l->lane;
		old->initiator = false;
		old->class = MV_MEDIUM;
		opening_free(old);
	}
	link_close(l, REASON_NONE);
	session_merge(old, s);
	if (!s->installed) {
		link_close(old, REASON_LIMIT);
		return false;
	}
	if (old->state == LINK_OPENING)
		link_up(old);
	return old->state == LINK_UP;
}

/* Has this host as many links as one may have? Relays show who they are, and have one each. */
static bool host_full(const struct link *l)
{
	const struct htable *t = &l->links->by_host;
	u64 key = limits_host(l->links, &l->remote);
	struct hnode *h;
	u32 n = 0;

	if (l->has_peer)
		return false;
	list_for_each(h, htable_bucket(t, key), list)
		if (h->key == key && ++n >= l->links->conf.max_links_host)
			return true;
	return false;
}

/* Who confirmed has read what we sent there: it is where that node is, whoever else names it. */
static void prove(const struct link *l)
{
	u8 name[20];

	if (!l->has_peer)
		return;
	limits_address(l->links, &l->remote, name);
	limits_prove(l->links, &l->peer.id, name);
}

bool half_confirm(struct link **link)
{
	struct link *l = *link, *old = l->has_peer ? links_by_peer(l->links, &l->peer.id, l) : NULL;
	struct links *ls = l->links;

	ls->stats.established++;
	prove(l);
	if (old && (old->state == LINK_OPENING ||
		    (old->peer_instance == l->peer_instance && old->instance == l->instance))) {
		*link = old;
		link_enter(old);
		return join(old, l);
	}
	/* another instance: the peer has forgotten the link that we thought to have */
	if (old)
		link_close(old, REASON_LINK);
	if (ls->count >= ls->conf.max_links) {
		ls->stats.limited_total++;
		link_close(l, REASON_LIMIT);
		return false;
	}
	if (host_full(l)) {
		ls->stats.limited_host++;
		link_close(l, REASON_LIMIT);
		return false;
	}
	session_promote(l->next);
	if (!l->current->installed) {
		link_close(l, REASON_LIMIT);
		return false;
	}
	link_up(l);
	return l->state == LINK_UP;
}

/* ---- message 1 ---- */

static bool well_formed(const struct first *f)
{
	const struct mask_head *h = &f->head;

	/* suite 1 needs no fragments */
	return h->kind == MASK_FIRST && h->suite == LINK_SUITE && h->pattern <= 1 && !h->offset &&
	       h->len == h->total && h->len >= NOISE_NK_OVERHEAD && f->len >= MASK_FIRST_MIN;
}

static void first(struct links *ls, struct first *f)
{
	struct answer a = { .pattern = f->head.pattern, .key = f->key };
	struct link *l;

	ls->stats.handshakes_in++;
	f->proved = check_cookie(ls, f);
	if (!limits_source(ls, f->from, f->proved)) {
		ls->stats.limited_source++;
		if (!f->proved)
			send_retry(ls, f);
		return;
	}
	crypto_generichash(f->hash, 32, f->head.data, f->head.len, ls->cookie_secret, 32);
	l = repeated(ls, f);
	if (l) {
		send_reply(ls, f, l->half->reply, l->half->len, l->half->pattern);
		return;
	}
	if (affordable(ls, f) && !respond_noise(ls, &a, f->head.data, f->head.len))
		half_begin(ls, f, &a);
	sodium_memzero(&a, sizeof(a));
}

bool respond_first(struct links *ls, u32 lane, const struct endpoint *from, const u8 *data, size_t len)
{
	struct first f = { .lane = lane, .from = from, .len = len };
	u8 plain[MASK_MAX];

	if (!ls->conf.responder)
		return false;
	if (!mask_open(data, len, MASK_TO_RESPONDER, ls->conf.onion.public, plain, &f.head)) {
		f.key = 1;
		if (!has_previous(ls) ||
		    !mask_open(data, len, MASK_TO_RESPONDER, ls->conf.onion_previous.public, plain, &f.head))
			return false;
	}
	if (f.head.use != MASK_LINK)
		return false;
	mask_ids_read(data, MASK_TO_RESPONDER, &f.ids);
	if (well_formed(&f))
		first(ls, &f);
	else
		ls->stats.garbage++;
	return true;
}
