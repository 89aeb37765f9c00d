/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What path.c (the object, its state) and search.c (one choice) share. */
#ifndef MESHVPN_PATH_PATH_INTERNAL_H
#define MESHVPN_PATH_PATH_INTERNAL_H

#include "path.h"

#define PATH_FAILED_MAX 64

struct guard {
	struct node_id id;
	u64 born, retry_at;		/* ns; retry_at 0: not failing */
	u32 failures;
};

/* A relay that failed lately in another place than the guard's. */
struct failed {
	struct node_id id;
	u64 until;
};

struct paths {
	struct path_conf conf;
	struct node_id exits[PATH_LIST_MAX], exclude[PATH_LIST_MAX];
	const struct path_ops *ops;
	void *arg;
	const struct directory *dir;
	struct guard guards[PATH_GUARDS_MAX];
	u32 guards_count;
	bool guards_changed;
	struct failed failed[PATH_FAILED_MAX];
	u32 failed_at;
	struct path_stats stats;
};

struct guard *guard_find(const struct paths *p, const struct node_id *id);
/* Add to the sample; false: it is full. */
bool guard_sample(struct paths *p, const struct node_id *id);
bool failed_lately(const struct paths *p, const struct node_id *id);
u32 path_random_below(struct paths *p, u32 n);
bool id_listed(const struct node_id *id, const struct node_id *list, u32 count);

enum { FAMILY4 = 1, FAMILY6 = 2 };

/* A relay that may stand in a path at all. */
struct candidate {
	const struct descriptor *d;
	u8 families;			/* of its contactable endpoints */
};

#endif
