/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The relays that this node knows: a folder of descriptor files, each named by its node id, read
 * at start and again whenever one changes, plus what came attached to messages. A bad file is
 * logged and counted and harms nothing else.
 */
#ifndef MESHVPN_DIRECTORY_STORE_H
#define MESHVPN_DIRECTORY_STORE_H

#include <base/list.h>
#include "descriptor.h"

struct directory;

struct directory_conf {
	const char *path;		/* made (0755) if it is not there */
	u32 work_bits;
	u32 max;			/* descriptors held, 0: 20000 */
	u32 learn_rate, learn_burst;	/* attached descriptors verified a second, 0: 20, 100 */
	/* May be NULL: one came (also in place of an older one), or is about to go. */
	void (*changed)(void *arg, const struct descriptor *d, bool added);
	void *arg;
};

struct directory_stats {
	u64 loaded, replaced, removed;
	u64 bad_name, bad_form, bad_work, bad_signature, expired, future, unreadable, full;
	u64 learned, learn_limited, learn_refused;
	u64 overflows;			/* inotify lost events: all read again */
};

struct directory_entry {
	struct hnode node;
	bool file;			/* from a file; else attached to a message */
	struct descriptor d;
};

/* @now: unix seconds. 0 or -errno of the folder. */
int directory_open(struct directory **dir, const struct directory_conf *conf, u64 now);
void directory_close(struct directory *dir);

/* Readable: files changed, call directory_dispatch(). -1: cannot watch (then only directory_reload()). */
int directory_fd(const struct directory *dir);
void directory_dispatch(struct directory *dir, u64 now);
/* Read everything again. */
void directory_reload(struct directory *dir, u64 now);
/* Take out what expired; call it now and then. */
void directory_expire(struct directory *dir, u64 now);

/* NULL: not known. Valid until the next call that changes the directory. */
const struct descriptor *directory_find(const struct directory *dir, const struct node_id *id);
/*
 * By nickname or the beginning of the id, for people: NULL and -ENOENT or -ENOTUNIQ in @error. What
 * strangers sent along is found by its whole id only: they choose their names.
 */
const struct descriptor *directory_find_text(const struct directory *dir, const char *text, int *error);

/* Write a (verified, or own) descriptor's file and hold it. 0 or -errno. */
int directory_put(struct directory *dir, const struct descriptor *d, u64 now);

/*
 * A descriptor that came with a message: verified within a global budget and held in memory.
 * Return: NULL and in @error -EBADMSG, or -EDQUOT (too many lately).
 */
const struct descriptor *directory_learn(struct directory *dir, const void *data, size_t len, u64 now, u64 now_ns,
					 int *error);

/*
 * Is this entry of the directory from a file? What was only learned may be contacted because a
 * circuit asks for it, and is no candidate for paths of our own: strangers could fill those.
 */
static inline bool directory_listed(const struct descriptor *d)
{
	return container_of(d, struct directory_entry, d)->file;
}

u32 directory_count(const struct directory *dir);
int directory_each(const struct directory *dir, int (*each)(void *arg, const struct descriptor *d), void *arg);
const struct directory_stats *directory_stats(const struct directory *dir);
void directory_stats_each(const struct directory *dir, void (*each)(void *arg, const char *name, u64 value), void *arg);

#endif
