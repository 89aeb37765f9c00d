// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A circuit that is built: PING under tf while it is a spare; once it is bound, PING under df
 * until it lives and whenever nothing came back lately; giving it up; CLOSE; and what people see.
 */
#include "origin_internal.h"

#define LOOK_LOAD (100 * NSEC_PER_MSEC)		/* between looks at the datapath, with traffic lately */
#define LOOK_IDLE (500 * NSEC_PER_MSEC)		/* and without */
#define LOOK_WAIT (60 * NSEC_PER_MSEC)		/* while an answer is due */
#define PAUSE_LATELY (400 * NSEC_PER_MSEC)	/* between probes that only follow traffic */
#define PATIENCE (180 * NSEC_PER_MSEC)		/* before the first probe, at least */
#define PROBES_MIN 3				/* unanswered before a circuit is given up */
#define PROBES_DOUBT 2				/* before its owner looks for something better */
#define CLOSE_TRIES 3

static u64 max64(u64 a, u64 b)
{
	return a > b ? a : b;
}

static void look_again(struct origin *o, u64 after)
{
	timer_arm(o->c->ts, &o->watch, now(o->c) + after);
}

/* ---- under tf ---- */

static void ping_open(struct origin *o)
{
	if (o->step.type)
		return;
	step_begin(o, MESSAGE_CIRCUIT_PING, NULL, max64(o->conf.silence_idle_ns, 8 * o->rtt), origin_rto(o));
}

static void watch_ready(struct origin *o)
{
	u64 pause = o->conf.ping_ns;

	/* not like clockwork: a fifth more or less */
	pause += random_u64(o->c) % (pause * 2 / 5 + 1) - pause / 5;
	look_again(o, pause);
	ping_open(o);
}

/* ---- under df ---- */

void origin_control(struct origin *o, u8 type, u64 txid)
{
	struct message m = { .type = type, .txid = txid };
	struct message_fragments f = message_fragments_of(&m);
	u8 data[32];

	if (!datapath_control(o->c->dp, o->link, o->circuit, data, message_fragment(&f, data, sizeof(data))))
		o->own++;
}

static void probe(struct origin *o)
{
	o->probe_txid = random_u64(o->c);
	o->probed = now(o->c);
	if (!o->probes++)
		o->asked = o->probed;
	if (!o->waiting)
		o->waiting = now(o->c);
	origin_control(o, MESSAGE_CIRCUIT_PING, o->probe_txid);
}

static void heard(struct origin *o, u64 at)
{
	o->waiting = 0;
	o->probes = 0;
	o->load = false;
	o->last = max64(o->last, at);
	if (o->state != ORIGIN_BOUND)
		return;
	o->state = ORIGIN_LIVE;
	if (o->ops->live)
		o->ops->live(o->arg, o);
}

/* Its owner may know of a better one, and asks that one while this one is doubted. */
static bool doubted(struct origin *o)
{
	return o->load && o->state == ORIGIN_LIVE && o->probes >= PROBES_DOUBT && o->ops->doubt &&
	       o->ops->doubt(o->arg, o, o->asked);
}

static bool lost(struct origin *o)
{
	u64 limit = o->load ? o->conf.silence_ns : o->conf.silence_idle_ns;
	u64 least = 5 * o->rtt;

	if (!o->waiting)
		return false;
	if (o->state == ORIGIN_BOUND)
		limit = o->conf.step_ns;	/* it answered BIND: the first PING may need as many tries */
	if (doubted(o)) {
		limit /= 2;
		least = 4 * o->rtt;
	}
	return o->probes >= PROBES_MIN && now(o->c) - o->waiting >= max64(limit, least);
}

/* What the datapath did since the last look. */
static bool look(struct origin *o)
{
	struct datapath_circuit_info d;
	bool lately;
	u64 sent;

	if (datapath_circuit_get(o->c->dp, o->link, o->circuit, &d))
		return false;
	sent = d.tx_cells - o->tx_cells;
	sent = sent > o->own ? sent - o->own : 0;
	if (sent || d.rx_cells - o->rx_cells > o->answers)
		o->traffic = now(o->c);
	lately = o->traffic && now(o->c) - o->traffic < o->conf.silence_idle_ns;
	if (d.rx_cells != o->rx_cells)
		heard(o, d.last_rx);
	else if (sent && !o->waiting)
		o->waiting = max64(o->looked, d.last_rx);
	else if (lately && !o->waiting && now(o->c) - o->probed >= PAUSE_LATELY)
		/* a download that stopped sends nothing that could remain unanswered: ask */
		o->waiting = d.last_rx;
	if ((sent || lately) && o->waiting)
		o->load = true;
	if (d.rx_cells != o->rx_cells || sent || lately)
		look_again(o, LOOK_LOAD);
	else
		look_again(o, LOOK_IDLE);
	o->rx_cells = d.rx_cells;
	o->tx_cells = d.tx_cells;
	o->own = o->answers = 0;
	o->looked = now(o->c);
	return true;
}

static void watch_bound(struct origin *o)
{
	u64 patience = max64(PATIENCE, o->rtt * 3 / 2), pause = max64(o->conf.rto_min_ns, o->rtt / 2);

	if (!look(o)) {
		o->installed = false;
		origin_fail(o, REASON_GENERIC, REFUSAL_NONE);	/* it vanished */
		return;
	}
	if (o->state == ORIGIN_DEAD || o->state == ORIGIN_CLOSING)
		return;		/* in heard() */
	if (lost(o)) {
		o->c->stats.origin_timeout++;
		origin_fail(o, REASON_TIMEOUT, REFUSAL_NONE);
		return;
	}
	if (o->waiting) {
		if ((o->probes || now(o->c) - o->waiting >= patience) && now(o->c) - o->probed >= pause)
			probe(o);
		look_again(o, LOOK_WAIT);
	} else if (now(o->c) - o->last >= o->conf.probe_idle_ns) {
		probe(o);
		look_again(o, LOOK_WAIT);
	}
}

static void watch_closing(struct origin *o)
{
	if (o->probes++ >= CLOSE_TRIES) {
		origin_fail(o, REASON_REQUESTED, REFUSAL_NONE);
		return;
	}
	origin_control(o, MESSAGE_CLOSE, o->probe_txid);
	look_again(o, origin_rto(o));
}

void origin_watch(struct timer *t)
{
	struct origin *o = container_of(t, struct origin, watch);

	switch (o->state) {
	case ORIGIN_READY:
		watch_ready(o);
		break;
	case ORIGIN_BOUND:
	case ORIGIN_LIVE:
		watch_bound(o);
		break;
	case ORIGIN_CLOSING:
		watch_closing(o);
		break;
	default:
		break;
	}
}

void origin_watch_start(struct origin *o)
{
	if (o->state == ORIGIN_BOUND) {
		o->traffic = now(o->c);
		/* BIND takes effect at the exit with the first cell under df: at once */
		probe(o);
		look_again(o, LOOK_WAIT);
	} else {
		look_again(o, 0);
	}
}

static void control_message(struct origin *o, const struct message *m)
{
	o->answers++;
	if (m->type == MESSAGE_CIRCUIT_PONG && o->probe_txid && m->txid == o->probe_txid)
		o->rtt = o->rtt ? (3 * o->rtt + now(o->c) - o->probed) / 4 : now(o->c) - o->probed;
	else if (m->type != MESSAGE_CIRCUIT_PONG)
		o->c->stats.message_unknown++;
}

void origin_event(struct circuits *c, struct end *e, const struct datapath_event *event)
{
	struct origin *o = container_of(e, struct origin, end);

	struct cursor at = cursor_of(event->data, event->len);
	struct message m;
	int got;

	if (!o->installed)
		return;
	if (event->kind == DATAPATH_EV_COUNTER) {
		origin_spent(o);
	} else if (event->kind == DATAPATH_EV_CONTROL) {
		while ((got = message_join(&o->joiner, &at, now(c), &m)) > 0)
			control_message(o, &m);
		c->stats.message_bad += got < 0;
		if (o->state != ORIGIN_CLOSING)
			heard(o, now(c));
	}
}

void origin_probe(struct origin *o)
{
	if (o->state == ORIGIN_READY) {
		ping_open(o);
	} else if (o->state == ORIGIN_LIVE) {
		probe(o);
		look_again(o, LOOK_WAIT);
	}
}

void origin_close(struct origin *o, bool session)
{
	if (o->state == ORIGIN_DEAD || o->state == ORIGIN_CLOSING)
		return;
	if (!session || !o->installed) {
		origin_fail(o, REASON_REQUESTED, REFUSAL_NONE);
		return;
	}
	o->state = ORIGIN_CLOSING;
	o->probes = 0;
	o->probe_txid = random_u64(o->c);
	look_again(o, 0);
}

void origin_close_now(struct origin *o)
{
	if (o->installed)
		origin_control(o, MESSAGE_CLOSE, random_u64(o->c));
}

/* ---- for people and managers ---- */

enum origin_state origin_state(const struct origin *o)
{
	return o->state;
}

u32 origin_hops(const struct origin *o)
{
	return o->hops;
}

u32 origin_length(const struct origin *o)
{
	return o->length;
}

const struct peer *origin_path(const struct origin *o)
{
	return o->path;
}

u32 origin_link(const struct origin *o)
{
	return o->link;
}

u32 origin_circuit(const struct origin *o)
{
	return o->circuit;
}

u32 origin_number(const struct origin *o)
{
	return o->number_id;
}

u64 origin_rtt(const struct origin *o)
{
	return o->rtt;
}

u64 origin_hop_rtt(const struct origin *o, u32 hop)
{
	return hop < o->hops ? o->hop_rtt[hop] : 0;
}

u64 origin_born(const struct origin *o)
{
	return o->born;
}

u64 origin_last(const struct origin *o)
{
	return o->last;
}

u64 origin_waits(const struct origin *o)
{
	if (o->state == ORIGIN_LINK)
		return now(o->c) - o->born;
	if (o->state != ORIGIN_CREATE && o->state != ORIGIN_EXTEND && o->state != ORIGIN_BIND)
		return 0;
	return o->step.type ? now(o->c) - o->step.first : 0;
}

u64 origin_traffic_last(const struct origin *o)
{
	return o->traffic;
}

bool origin_suspect(const struct origin *o)
{
	return o->probes >= 2 || (o->step.type == MESSAGE_CIRCUIT_PING && o->step.tries > 2);
}

u32 origin_numbers(const struct origin *o)
{
	return o->number < MV_COUNTER_FIRST ? MV_COUNTER_FIRST - o->number : 0;
}

void origin_traffic(const struct origin *o, struct datapath_circuit_info *info)
{
	if (!o->installed || datapath_circuit_get(o->c->dp, o->link, o->circuit, info))
		memset(info, 0, sizeof(*info));
}

int origin_describe(struct end *e, struct circuit_info *info)
{
	struct origin *o = container_of(e, struct origin, end);
	struct datapath_circuit_info d;

	origin_traffic(o, &d);
	*info = (struct circuit_info){
		.role = CIRCUIT_ORIGIN, .link = o->link, .circuit = o->circuit, .born = o->born, .last = o->last,
		.rx_cells = d.rx_cells, .rx_bytes = d.rx_bytes, .tx_cells = d.tx_cells, .tx_bytes = d.tx_bytes,
	};
	return 0;
}
