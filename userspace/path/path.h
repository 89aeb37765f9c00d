/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which relays a circuit goes through. This face stays when the choice among those that fit
 * becomes weighted by bandwidth; the rules of what fits are here for good: never two hops of one
 * network, neighbours that share an address family, an exit at the end, a guard that stays.
 */
#ifndef MESHVPN_PATH_PATH_H
#define MESHVPN_PATH_PATH_H

#include <circuit/manager.h>
#include <directory/store.h>

struct paths;

#define PATH_GUARDS_MAX 20
#define PATH_LIST_MAX 64

struct path_conf {
	u32 guards;			/* sampled guards in use, 0: 3 */
	bool no_network_rule;		/* labs only: several relays of one /16 or /32 */
	bool has4, has6;		/* families of this machine; neither: both */
	bool private_network;
	const struct node_id *exits;	/* only these as exits; none: any */
	u32 exits_count;
	const struct node_id *exclude;	/* never */
	u32 exclude_count;
	struct node_id self;		/* never */
	u64 guard_life_ns;		/* a guard is replaced at this age, 0: 60 days */
};

struct path_ops {
	void (*random)(void *arg, void *buf, size_t len);
	u64 (*now)(void *arg);		/* ns */
};

struct path_stats {
	u64 selected, none, guards_sampled, guards_dropped, guard_failures;
};

/* @conf's lists are copied. 0 or -ENOMEM. */
int paths_new(struct paths **paths, const struct path_conf *conf, const struct path_ops *ops, void *arg,
	      const struct directory *dir);
void paths_free(struct paths *paths);
int paths_reconfigure(struct paths *paths, const struct path_conf *conf);

/* client_ops.select and .outcome. 0 or -ENOENT. */
int paths_select(struct paths *paths, const struct path_request *request, struct peer *path);
void paths_outcome(struct paths *paths, const struct peer *peer, u32 hop, enum client_outcome outcome);

/* The network came back: what failed may be tried again. */
void paths_forgive(struct paths *paths);

/*
 * Guards as text, one "id age-in-seconds" a line, for a state file. save: bytes written. load: bad
 * lines are passed over.
 */
size_t paths_guards_save(const struct paths *paths, char *text, size_t room);
void paths_guards_load(struct paths *paths, const char *text);
/* Did the sample change since the last save? */
bool paths_guards_changed(const struct paths *paths);
bool paths_is_guard(const struct paths *paths, const struct node_id *id);

const struct path_stats *paths_stats(const struct paths *paths);

#endif
