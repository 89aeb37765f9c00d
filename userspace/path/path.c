/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state behind path selection: the sampled guards with what became of them, and relays that
 * failed lately. The reasons for a small sample that is kept for long and tried in order are those
 * of Tor's guard specification: each new first hop is another chance for an observer.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "path_internal.h"

#define GUARD_LIFE (60ULL * 86400 * NSEC_PER_SEC)
#define GUARD_RETRY (5 * NSEC_PER_SEC)		/* after the first failure; doubles */
#define GUARD_RETRY_DOUBLINGS 7
#define FAILED_NS (60 * NSEC_PER_SEC)

bool id_listed(const struct node_id *id, const struct node_id *list, u32 count)
{
	while (count--)
		if (node_id_equal(id, &list[count]))
			return true;
	return false;
}

/* Uniform below @n, n > 0: the tail of the 64 bits is below 2^-32. */
u32 path_random_below(struct paths *p, u32 n)
{
	u64 r;

	p->ops->random(p->arg, &r, sizeof(r));
	return (u32)(r % n);
}

struct guard *guard_find(const struct paths *p, const struct node_id *id)
{
	u32 i;

	for (i = 0; i < p->guards_count; i++)
		if (node_id_equal(&p->guards[i].id, id))
			return (struct guard *)&p->guards[i];
	return NULL;
}

bool guard_sample(struct paths *p, const struct node_id *id)
{
	if (p->guards_count == PATH_GUARDS_MAX)
		return false;
	p->guards[p->guards_count++] = (struct guard){ .id = *id, .born = p->ops->now(p->arg) };
	p->guards_changed = true;
	p->stats.guards_sampled++;
	return true;
}

bool paths_is_guard(const struct paths *p, const struct node_id *id)
{
	return guard_find(p, id);
}

bool failed_lately(const struct paths *p, const struct node_id *id)
{
	u64 now = p->ops->now(p->arg);
	u32 i;

	for (i = 0; i < PATH_FAILED_MAX; i++)
		if (p->failed[i].until > now && node_id_equal(&p->failed[i].id, id))
			return true;
	return false;
}

static void failed_mark(struct paths *p, const struct node_id *id, u64 until)
{
	u32 i;

	for (i = 0; i < PATH_FAILED_MAX; i++)
		if (node_id_equal(&p->failed[i].id, id)) {
			p->failed[i].until = until;
			return;
		}
	if (!until)
		return;
	p->failed[p->failed_at] = (struct failed){ *id, until };
	p->failed_at = (p->failed_at + 1) % PATH_FAILED_MAX;
}

static void guard_outcome(struct paths *p, struct guard *g, bool good)
{
	u32 doublings;

	if (good) {
		g->failures = 0;
		g->retry_at = 0;
		return;
	}
	doublings = g->failures < GUARD_RETRY_DOUBLINGS ? g->failures : GUARD_RETRY_DOUBLINGS;
	g->failures++;
	g->retry_at = p->ops->now(p->arg) + (GUARD_RETRY << doublings);
	p->stats.guard_failures++;
}

void paths_outcome(struct paths *p, const struct peer *peer, u32 hop, enum client_outcome outcome)
{
	bool good = outcome == CLIENT_HOP_GOOD || outcome == CLIENT_EXIT_GOOD;
	struct guard *g = hop ? NULL : guard_find(p, &peer->id);

	/* exits that end sessions are the client's to avoid */
	if (outcome == CLIENT_EXIT_LOST)
		return;
	/* nobody gets us to leave a guard by cutting circuits; its link tells whether it is there */
	if (outcome == CLIENT_HOP_SUSPECT && !hop)
		return;
	if (g)
		guard_outcome(p, g, good);
	else
		failed_mark(p, &peer->id, good ? 0 : p->ops->now(p->arg) + FAILED_NS);
}

void paths_forgive(struct paths *p)
{
	u32 i;

	memset(p->failed, 0, sizeof(p->failed));
	for (i = 0; i < p->guards_count; i++)
		guard_outcome(p, &p->guards[i], true);
}

static int set_conf(struct paths *p, const struct path_conf *conf)
{
	if (conf->exits_count > PATH_LIST_MAX || conf->exclude_count > PATH_LIST_MAX || conf->guards > PATH_GUARDS_MAX)
		return -EINVAL;
	p->conf = *conf;
	if (conf->exits_count)
		memcpy(p->exits, conf->exits, conf->exits_count * sizeof(*conf->exits));
	if (conf->exclude_count)
		memcpy(p->exclude, conf->exclude, conf->exclude_count * sizeof(*conf->exclude));
	p->conf.exits = p->exits;
	p->conf.exclude = p->exclude;
	if (!conf->guards)
		p->conf.guards = 3;
	if (!conf->guard_life_ns)
		p->conf.guard_life_ns = GUARD_LIFE;
	if (!conf->has4 && !conf->has6)
		p->conf.has4 = p->conf.has6 = true;
	return 0;
}

int paths_reconfigure(struct paths *p, const struct path_conf *conf)
{
	return set_conf(p, conf);
}

int paths_new(struct paths **out, const struct path_conf *conf, const struct path_ops *ops, void *arg,
	      const struct directory *dir)
{
	struct paths *p = calloc(1, sizeof(*p));
	int ret;

	if (!p)
		return -ENOMEM;
	p->ops = ops;
	p->arg = arg;
	p->dir = dir;
	ret = set_conf(p, conf);
	if (ret) {
		free(p);
		return ret;
	}
	*out = p;
	return 0;
}

void paths_free(struct paths *p)
{
	free(p);
}

size_t paths_guards_save(const struct paths *p, char *text, size_t room)
{
	u64 now = p->ops->now(p->arg);
	char id[NODE_ID_TEXT];
	size_t len = 0;
	u32 i;

	if (room)
		text[0] = 0;
	for (i = 0; i < p->guards_count && len < room; i++)
		len += snprintf(text + len, room - len, "%s %" PRIu64 "\n", node_id_text(&p->guards[i].id, id),
				(uint64_t)((now - p->guards[i].born) / NSEC_PER_SEC));
	((struct paths *)p)->guards_changed = false;
	return len < room ? len : 0;
}

bool paths_guards_changed(const struct paths *p)
{
	return p->guards_changed;
}

void paths_guards_load(struct paths *p, const char *text)
{
	u64 now = p->ops->now(p->arg);
	char hex[NODE_ID_TEXT];
	unsigned long long age;
	struct node_id id;
	const char *at;

	for (at = text; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) {
		if (sscanf(at, "%64[0-9a-f] %llu", hex, &age) != 2 || node_id_parse(&id, hex) || guard_find(p, &id))
			continue;
		if (age > p->conf.guard_life_ns / NSEC_PER_SEC || !guard_sample(p, &id))
			continue;
		/* before the machine's start: the subtraction may wrap, as it does again when it is used */
		p->guards[p->guards_count - 1].born = now - age * NSEC_PER_SEC;
	}
	p->guards_changed = false;
	p->stats.guards_sampled = 0;
}

const struct path_stats *paths_stats(const struct paths *p)
{
	return &p->stats;
}
