// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * CREATE: how a circuit's next hop comes to be here, with every limit that a neighbour can meet;
 * and the look, now and then, at circuits that nobody uses.
 */
#include "hop.h"
#include "session.h"

#include <sodium.h>

static void reply(struct circuits *c, struct link_state *ls, const struct message *m, u8 type,
		  const struct writer *w)
{
	replies_answer(&ls->replies, m->txid, type, 0, w->start, writer_len(w));
	link_message(ls->link, type, 0, m->txid, w->start, writer_len(w));
}

static void refuse_puzzle(struct circuits *c, struct link_state *ls, const struct message *m,
			  struct wire_failed *failed)
{
	u8 data[64];
	struct writer w = writer_of(data, sizeof(data));

	wire_failed_write(&w, failed);
	reply(c, ls, m, MESSAGE_CREATE_FAILED, &w);
}

static void refuse(struct circuits *c, struct link_state *ls, const struct message *m, u32 circuit,
		   enum wire_refusal why, u64 *counter)
{
	struct wire_failed failed = { .circuit = circuit, .reason = why };

	++*counter;
	refuse_puzzle(c, ls, m, &failed);
}

/* ---- puzzles ---- */

/* Stateless: a keyed hash of the link and the minute. */
static void challenge_make(struct circuits *c, const struct link_state *ls, u64 minute, u8 out[WIRE_PUZZLE])
{
	u8 input[16];

	mv_put_le64(input, link_id(ls->link));
	mv_put_le64(input + 8, minute);
	crypto_generichash(out, WIRE_PUZZLE, input, sizeof(input), c->puzzle_key, sizeof(c->puzzle_key));
}

static bool challenge_ours(struct circuits *c, const struct link_state *ls, const u8 challenge[WIRE_PUZZLE])
{
	u64 minute = now(c) / (60 * NSEC_PER_SEC);
	u8 expect[WIRE_PUZZLE];
	u32 i;

	for (i = 0; i < 2 && i <= minute; i++) {
		challenge_make(c, ls, minute - i, expect);
		if (!sodium_memcmp(expect, challenge, sizeof(expect)))
			return true;
	}
	return false;
}

/* A solution counts once: it is bound to the handshake, and that is remembered for a while. */
bool hops_puzzle_fresh(struct circuits *c, const struct wire_create *m)
{
	u64 mark, *place;

	crypto_shorthash((u8 *)&mark, m->handshake, m->handshake_len, c->puzzle_key);
	place = &c->puzzle_used[mark % PUZZLES_USED];
	if (*place == mark)
		return false;
	*place = mark;
	return true;
}

static u8 puzzle_wanted(struct circuits *c, const struct link_state *ls)
{
	u8 bits = c->ops->puzzle_bits ? c->ops->puzzle_bits(c->arg, ls->link) : 0;

	if (!bucket_take(&c->creates, now(c), 1) && bits < c->conf.puzzle_bits)
		bits = c->conf.puzzle_bits;
	return bits;
}

/* True: go on. */
static bool puzzle_pass(struct circuits *c, struct link_state *ls, const struct message *m,
			const struct wire_create *create)
{
	struct wire_failed failed = { .circuit = create->circuit, .reason = REFUSAL_PUZZLE };
	u8 wanted = puzzle_wanted(c, ls);

	if (!wanted)
		return true;
	if (create->puzzle.bits >= wanted && challenge_ours(c, ls, create->puzzle.challenge) &&
	    puzzle_solved(&create->puzzle, create->handshake, create->handshake_len) &&
	    hops_puzzle_fresh(c, create))
		return true;
	c->stats.create_puzzle++;
	failed.puzzle.bits = wanted;
	challenge_make(c, ls, now(c) / (60 * NSEC_PER_SEC), failed.puzzle.challenge);
	refuse_puzzle(c, ls, m, &failed);
	return false;
}

/* ---- CREATE ---- */

/* Everything that can be said without the handshake. */
static bool create_allowed(struct circuits *c, struct link_state *ls, const struct message *m,
			   const struct wire_create *create)
{
	u32 limit = link_peer(ls->link) ? c->conf.max_per_link : c->conf.max_per_anonymous_link;

	if (!(c->conf.relay || c->conf.exit) || c->draining)
		refuse(c, ls, m, create->circuit, REFUSAL_POLICY, &c->stats.create_not_relay);
	else if (create->suite != WIRE_SUITE_X25519)
		refuse(c, ls, m, create->circuit, REFUSAL_PROTOCOL, &c->stats.create_suite);
	else if (create->budget > WIRE_BUDGET_MAX)
		refuse(c, ls, m, create->circuit, REFUSAL_PROTOCOL, &c->stats.create_budget);
	else if (!link_circuit_theirs(ls->link, create->circuit) ||
		 end_find(c, link_id(ls->link), create->circuit))
		refuse(c, ls, m, create->circuit, REFUSAL_PROTOCOL, &c->stats.create_id);
	else if (c->hop_count >= c->conf.max_circuits)
		refuse(c, ls, m, create->circuit, REFUSAL_LIMIT, &c->stats.create_limit);
	else if (ls->theirs >= limit)
		refuse(c, ls, m, create->circuit, REFUSAL_LIMIT, &c->stats.create_link_limit);
	else if (!bucket_take(&ls->creates, now(c), 1))
		refuse(c, ls, m, create->circuit, REFUSAL_LIMIT, &c->stats.create_rate);
	else
		return puzzle_pass(c, ls, m, create);
	return false;
}

static void pass_expired(struct timer *t)
{
	struct hop *h = container_of(t, struct hop, pass_timer);
	struct datapath_circuit_info info;
	struct datapath_event event = { .kind = DATAPATH_EV_PASS };

	/* the event may have been lost: the state tells too */
	if (!datapath_circuit_get(h->c->dp, link_id(h->in.link), h->in.circuit, &info) && !info.conf.pass) {
		hop_event(h->c, &h->in, &event);
		return;
	}
	h->c->stats.pass_expired++;
	hop_end(h, REASON_EXPIRED);
}

static struct hop *hop_new(struct circuits *c, struct link_state *ls, const struct wire_create *create)
{
	struct hop *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	if (end_attach(c, &h->in, END_IN, ls->link, create->circuit)) {
		free(h);
		return NULL;
	}
	h->c = c;
	h->budget = create->budget;
	h->born = h->last = now(c);
	/* as long as tf and tb */
	replies_init(&h->replies, c->conf.max_extends + 2, UINT64_MAX / 2, c->replies_seed);
	message_joiner_init(&h->joiner);
	timer_init(&h->pass_timer, pass_expired);
	timer_init(&h->extend.timer, NULL);
	list_add_tail(&h->list, &c->hops);
	c->hop_count++;
	return h;
}

static void create(struct circuits *c, struct link_state *ls, const struct message *m,
		   const struct wire_create *create)
{
	u8 ephemeral[32], hop2[WIRE_HOP2], data[WIRE_HOP2 + 16];
	struct wire_created created = { create->circuit, hop2, sizeof(hop2) };
	struct writer w = writer_of(data, sizeof(data));
	struct hop_choice choice;
	struct hop_keys keys;
	struct hop *h;
	int err;

	random_bytes(c, ephemeral, sizeof(ephemeral));
	err = handshake_answer(&c->conf.id, &c->conf.onion, &c->conf.onion_previous, ephemeral,
			       create->handshake, create->handshake_len, &choice, hop2, &keys);
	sodium_memzero(ephemeral, sizeof(ephemeral));
	if (err) {
		refuse(c, ls, m, create->circuit, REFUSAL_PROTOCOL, &c->stats.create_handshake);
		return;
	}
	h = hop_new(c, ls, create);
	if (!h)
		goto out;
	h->choice = choice;
	h->keys = keys;
	wire_created_write(&w, &created);
	c->stats.created++;
	reply(c, ls, m, MESSAGE_CREATED, &w);
out:
	sodium_memzero(&keys, sizeof(keys));
}

void hops_create(struct circuits *c, struct link_state *ls, const struct message *m)
{
	struct wire_create parsed;
	struct message known;

	c->stats.creates++;
	switch (replies_begin(&ls->replies, now(c), m, &known)) {
	case REPLIES_NEW:
		if (wire_create_parse(&parsed, m->data, m->len))
			c->stats.create_malformed++;
		else if (create_allowed(c, ls, m, &parsed))
			create(c, ls, m, &parsed);
		break;
	case REPLIES_KNOWN:
		c->stats.create_repeated++;
		link_message(ls->link, known.type, 0, m->txid, known.data, known.len);
		break;
	case REPLIES_PENDING:
		c->stats.create_repeated++;
		break;
	case REPLIES_CONFLICT:
		c->stats.create_conflict++;
		break;
	default:
		c->stats.requests_full++;
	}
}

/* ---- idle circuits ---- */

static int seen(void *arg, const struct datapath_circuit_info *info)
{
	struct circuits *c = arg;
	struct end *e = end_find(c, info->conf.link, info->conf.circuit);
	struct hop *h;

	if (!e || e->kind != END_IN)
		return 0;
	h = container_of(e, struct hop, in);
	if (info->last_rx > h->last)
		h->last = info->last_rx;
	return 0;
}

void hops_sweep(struct circuits *c)
{
	struct hop *h;
	struct list *at, *next;

	datapath_circuit_dump(c->dp, seen, c);
	for (at = c->hops.next; at != &c->hops; at = next) {
		next = at->next;
		h = list_entry(at, struct hop, list);
		if (now(c) - h->last < c->conf.idle_ns)
			continue;
		c->stats.idle_expired++;
		hop_end(h, REASON_EXPIRED);
	}
}

void hops_free(struct circuits *c, enum link_reason reason)
{
	while (!list_empty(&c->hops))
		hop_end(list_entry(c->hops.next, struct hop, list), reason);
}
