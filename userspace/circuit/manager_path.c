// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the client asks of path selection: which relays a circuit is not to use because another one
 * uses them, or because they may be what just died. A relay that is gone costs seconds when it is
 * extended to, so that whatever is suspicious is left out as long as something else is there.
 */
#include "manager_internal.h"

#define STUCK (500 * NSEC_PER_MSEC)	/* without an answer, at least, then a candidate is not waited for */
#define AVOID_MAX (2 + MV_HOPS_MAX + 2 * CANDIDATES_MAX)
#define EXITS_MAX (EXITS_AVOIDED + 1 + CANDIDATES_MAX)

/* Relays that a path is to do without. */
struct avoid {
	struct node_id any[AVOID_MAX], exits[EXITS_MAX];
	u32 any_count, exits_count, stuck;
	bool guard_stuck;
};

void client_exit_avoid(struct client *cl, const struct node_id *id)
{
	cl->avoided[cl->avoided_at++ % EXITS_AVOIDED] =
		(struct avoided){ *id, now(cl->c) + EXIT_AVOID_NS };
}

bool client_leg_stuck(const struct leg *leg)
{
	return origin_waits(leg->origin) >= STUCK + 2 * origin_rtt(leg->origin);
}

/* The relays of the circuit beside which a spare is to stand. */
static void avoid_beside(struct avoid *a, const struct client_session *s)
{
	u32 i;

	for (i = 0; i + 1 < origin_length(s->leg->origin); i++)
		a->any[a->any_count++] = origin_path(s->leg->origin)[i].id;
}

/*
 * Its circuit died, nobody knows where: its exit is no middle now, and its guard not the first choice
 * unless another one is known not to answer.
 */
static void avoid_lost(struct avoid *a, const struct client_session *s)
{
	a->any[a->any_count++] = s->exit.id;
	if (!a->guard_stuck)
		a->any[a->any_count++] = s->guard;
}

/* Candidates that wait: the relay from which an answer is due; before an exit also the one that asked it. */
static void avoid_stuck(struct avoid *a, struct client *cl)
{
	const struct peer *path;
	struct leg *leg;
	u32 at, last;

	list_for_each(leg, &cl->legs, list) {
		if (leg->use != LEG_CANDIDATE || !client_leg_stuck(leg) || a->stuck == CANDIDATES_MAX)
			continue;
		a->stuck++;
		path = origin_path(leg->origin);
		last = origin_length(leg->origin) - 1;
		at = origin_hops(leg->origin) < last ? origin_hops(leg->origin) : last;
		a->any[a->any_count++] = path[at].id;
		a->guard_stuck |= !at;
		if (at < last)
			continue;
		a->exits[a->exits_count++] = path[at].id;
		if (at > 1)
			a->any[a->any_count++] = path[at - 1].id;
	}
}

static void avoid_exits(struct avoid *a, struct client *cl)
{
	u32 i;

	for (i = 0; i < EXITS_AVOIDED; i++)
		if (cl->avoided[i].until > now(cl->c))
			a->exits[a->exits_count++] = cl->avoided[i].id;
}

static bool choose(struct client *cl, struct path_request *q, u32 any, u32 exits, struct peer path[MV_HOPS_MAX])
{
	q->avoid_count = any;
	q->avoid_exits_count = exits;
	return !cl->ops->select(cl->arg, q, path);
}

static bool choose_spare(struct client *cl, struct client_session *s, struct path_request *q, struct avoid *a,
			 struct peer path[MV_HOPS_MAX])
{
	q->use = PATH_SPARE;
	q->has_exit = true;
	q->exit = s->exit.id;
	q->attempt = s->attempts;
	if (s->leg)
		avoid_beside(a, s);
	else
		avoid_lost(a, s);
	return choose(cl, q, a->any_count, 0, path) || (!s->leg && choose(cl, q, 0, 0, path));
}

/*
 * What is avoided is given up one by one: exits that failed lately, the exit of which a candidate
 * waits, and then, unless that candidate is there to hope for, relays that may have died.
 */
static bool choose_candidate(struct client *cl, struct path_request *q, struct avoid *a, struct peer path[MV_HOPS_MAX])
{
	u32 dead, stuck;

	q->use = PATH_SESSION;
	q->attempt = cl->failures;
	if (cl->current && client_idle(cl))
		a->exits[a->exits_count++] = cl->current->exit.id;
	dead = a->exits_count;
	avoid_stuck(a, cl);
	stuck = a->exits_count;
	avoid_exits(a, cl);
	if (cl->current && client_idle(cl))
		avoid_lost(a, cl->current);
	if (choose(cl, q, a->any_count, a->exits_count, path))
		return true;
	if (a->exits_count > stuck && choose(cl, q, a->any_count, stuck, path))
		return true;
	if (stuck > dead && choose(cl, q, a->any_count, dead, path))
		return true;
	if (a->stuck)
		return false;
	return (a->any_count && choose(cl, q, 0, dead, path)) || (dead && choose(cl, q, 0, 0, path));
}

bool client_path_choose(struct client *cl, struct client_session *s, struct peer path[MV_HOPS_MAX])
{
	struct avoid a = { .any_count = 0 };
	struct path_request q = { .hops = cl->conf.hops, .avoid = a.any, .avoid_exits = a.exits };

	return s ? choose_spare(cl, s, &q, &a, path) : choose_candidate(cl, &q, &a, path);
}
