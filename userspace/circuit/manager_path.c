// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the client asks of path selection: which relays a circuit is not to use because another one
 * uses them, or because they may be what just died. A relay that is gone costs seconds when it is
 * extended to, so that whatever is suspicious is left out as long as something else is there.
 */
#include "manager_internal.h"

#define STUCK (500 * NSEC_PER_MSEC)	/* without an answer, at least, then a candidate is not waited for */
#define AVOID_MAX (2 + MV_HOPS_MAX + CANDIDATES_MAX)
#define EXITS_MAX (EXITS_AVOIDED + 1 + CANDIDATES_MAX)

/* Relays that a path is to do without. */
struct avoid {
	struct node_id any[AVOID_MAX], exits[EXITS_MAX];
	u32 any_count, exits_count;
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

/* Its circuit died, nobody knows where: its exit is no middle now, and its guard not the first choice. */
static void avoid_lost(struct avoid *a, const struct client_session *s)
{
	a->any[a->any_count++] = s->exit.id;
	a->any[a->any_count++] = s->guard;
}

/* Candidates that wait: the relay from which an answer is due. */
static void avoid_stuck(struct avoid *a, struct client *cl)
{
	const struct peer *path;
	struct leg *leg;
	u32 at, n = 0;

	list_for_each(leg, &cl->legs, list) {
		if (leg->use != LEG_CANDIDATE || !client_leg_stuck(leg) || n++ == CANDIDATES_MAX)
			continue;
		path = origin_path(leg->origin);
		at = origin_hops(leg->origin);
		if (at + 1 >= origin_length(leg->origin)) {
			at = origin_length(leg->origin) - 1;
			a->exits[a->exits_count++] = path[at].id;
		}
		a->any[a->any_count++] = path[at].id;
	}
}

static void avoid_exits(struct avoid *a, struct client *cl)
{
	u32 i;

	for (i = 0; i < EXITS_AVOIDED; i++)
		if (cl->avoided[i].until > now(cl->c))
			a->exits[a->exits_count++] = cl->avoided[i].id;
	/* it may be the one that died */
	if (cl->current && !cl->current->leg)
		a->exits[a->exits_count++] = cl->current->exit.id;
}

bool client_path_choose(struct client *cl, struct client_session *s, struct peer path[MV_HOPS_MAX])
{
	const struct client_session *beside = s ? s : cl->current;
	struct avoid a = { .any_count = 0 };
	struct path_request request = {
		.use = s ? PATH_SPARE : PATH_SESSION, .hops = cl->conf.hops, .has_exit = s,
		.avoid = a.any, .avoid_exits = a.exits, .attempt = s ? s->attempts : cl->failures,
	};

	if (beside && !beside->leg)
		avoid_lost(&a, beside);
	else if (s)
		avoid_beside(&a, s);
	if (s) {
		request.exit = s->exit.id;
	} else {
		avoid_stuck(&a, cl);
		avoid_exits(&a, cl);
	}
	request.avoid_count = a.any_count;
	request.avoid_exits_count = a.exits_count;
	if (!cl->ops->select(cl->arg, &request, path))
		return true;
	if (cl->current && cl->current->leg)
		return false;
	/* with nothing that works, a relay that may be dead, and an exit that failed lately, are better than none */
	request.avoid_count = 0;
	if (a.any_count && !cl->ops->select(cl->arg, &request, path))
		return true;
	request.avoid_exits_count = 0;
	return a.exits_count && !cl->ops->select(cl->arg, &request, path);
}
