/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The folder of descriptors and its table in memory: see store.h. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <base/bucket.h>
#include <base/log.h>
#include <crypto/statefile.h>
#include "store.h"

struct directory {
	struct directory_conf conf;
	char *path;
	int fd;
	struct htable table;
	struct bucket learn;
	struct directory_stats stats;
};

static u64 id_key(const struct node_id *id)
{
	/* the end: the beginning is zeros by the work */
	return mv_get_le64(id->b + NODE_ID_LEN - 8);
}

static struct directory_entry *entry_find(const struct directory *dir, const struct node_id *id)
{
	struct list *head = htable_bucket(&dir->table, id_key(id));
	struct directory_entry *e;

	list_for_each(e, head, node.list)
		if (node_id_equal(&e->d.peer.id, id))
			return e;
	return NULL;
}

static void tell(const struct directory *dir, const struct directory_entry *e, bool added)
{
	if (dir->conf.changed)
		dir->conf.changed(dir->conf.arg, &e->d, added);
}

static void entry_remove(struct directory *dir, struct directory_entry *e)
{
	tell(dir, e, false);
	htable_del(&dir->table, &e->node);
	free(e);
	dir->stats.removed++;
}

/* Room for one more: what was learned makes room for files, never the other way round. */
static bool make_room(struct directory *dir, bool file)
{
	struct directory_entry *e;
	u32 i;

	if (dir->table.count < dir->conf.max)
		return true;
	for (i = 0; file && i <= dir->table.mask; i++)
		list_for_each(e, &dir->table.buckets[i], node.list)
			if (!e->file) {
				entry_remove(dir, e);
				return true;
			}
	dir->stats.full++;
	log_limited(LOG_WARN, "directory", "%u descriptors are held, more are ignored (DescriptorMax)", dir->conf.max);
	return false;
}

/* Hold a verified descriptor; an older one of the same node gives way, a newer one stays. */
static struct directory_entry *entry_hold(struct directory *dir, const struct descriptor *d, bool file)
{
	struct directory_entry *e = entry_find(dir, &d->peer.id);

	if (e) {
		bool newer = d->published > e->d.published;

		if (newer || d->published == e->d.published)
			e->d = *d;
		e->file |= file;
		dir->stats.replaced++;
		if (newer)
			tell(dir, e, true);
		return e;
	}
	if (!make_room(dir, file))
		return NULL;
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->d = *d;
	e->file = file;
	htable_add(&dir->table, &e->node, id_key(&d->peer.id));
	tell(dir, e, true);
	return e;
}

static void count_error(struct directory *dir, int error)
{
	struct directory_stats *s = &dir->stats;

	switch (error) {
	case -EDOM: s->bad_work++; break;
	case -EKEYREJECTED: s->bad_signature++; break;
	case -ESTALE: s->expired++; break;
	case -ETIME: s->future++; break;
	case -EBADMSG:
	case -EFBIG:
	case -EPROTONOSUPPORT: s->bad_form++; break;
	default: s->unreadable++;
	}
}

static int file_read(struct directory *dir, const char *name, struct descriptor *d, u64 now)
{
	char path[PATH_MAX];
	u8 raw[DESCRIPTOR_MAX];
	ssize_t n;
	int ret;

	snprintf(path, sizeof(path), "%s/%s", dir->path, name);
	n = statefile_read(path, raw, sizeof(raw), false);
	if (n < 0)
		return (int)n;
	ret = descriptor_parse(d, raw, n, dir->conf.work_bits);
	return ret ? ret : descriptor_timely(d, now);
}

static void file_load(struct directory *dir, const char *name, u64 now)
{
	struct descriptor d;
	struct node_id id;
	int ret;

	if (name[0] == '.')
		return;
	if (node_id_parse(&id, name)) {
		dir->stats.bad_name++;
		log_limited(LOG_NOTICE, "directory", "%s/%.80s: not the name of a descriptor (64 hexadecimal digits), ignored",
			    dir->path, name);
		return;
	}
	ret = file_read(dir, name, &d, now);
	if (!ret && !node_id_equal(&id, &d.peer.id))
		ret = -EBADMSG;
	if (ret) {
		count_error(dir, ret);
		log_limited(LOG_NOTICE, "directory", "descriptor %.12s…: %s, ignored", name, descriptor_error(ret));
		return;
	}
	if (entry_hold(dir, &d, true))
		dir->stats.loaded++;
}

static void file_gone(struct directory *dir, const char *name)
{
	struct directory_entry *e;
	struct node_id id;

	if (node_id_parse(&id, name))
		return;
	e = entry_find(dir, &id);
	if (e && e->file)
		entry_remove(dir, e);
}

void directory_reload(struct directory *dir, u64 now)
{
	DIR *d = opendir(dir->path);
	struct dirent *de;

	if (!d) {
		dir->stats.unreadable++;
		log_limited(LOG_WARN, "directory", "cannot read %s: %s", dir->path, strerror(errno));
		return;
	}
	while ((de = readdir(d)))
		file_load(dir, de->d_name, now);
	closedir(d);
}

static void watch_start(struct directory *dir)
{
	dir->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (dir->fd >= 0 &&
	    inotify_add_watch(dir->fd, dir->path, IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE) >= 0)
		return;
	log_warn("directory", "cannot watch %s: %s; new descriptors are seen after a reload only", dir->path,
		 strerror(errno));
	if (dir->fd >= 0)
		close(dir->fd);
	dir->fd = -1;
}

int directory_open(struct directory **out, const struct directory_conf *conf, u64 now)
{
	struct directory *dir = calloc(1, sizeof(*dir));
	int ret = -ENOMEM;

	if (!dir)
		return ret;
	dir->conf = *conf;
	dir->conf.max = conf->max ? conf->max : 20000;
	dir->fd = -1;
	bucket_init(&dir->learn, conf->learn_rate ? conf->learn_rate : 20, conf->learn_burst ? conf->learn_burst : 100);
	dir->path = strdup(conf->path);
	if (dir->path)
		ret = htable_init(&dir->table, 4096, ((u64)randombytes_random() << 32) | randombytes_random());
	if (!ret && mkdir(conf->path, 0755) && errno != EEXIST)
		ret = -errno;
	if (!ret && access(conf->path, R_OK | X_OK))
		ret = -errno;
	if (ret) {
		directory_close(dir);
		return ret;
	}
	watch_start(dir);
	directory_reload(dir, now);
	*out = dir;
	return 0;
}

static void drop_all(struct directory *dir)
{
	struct directory_entry *e, *tmp;
	u32 i;

	for (i = 0; dir->table.buckets && i <= dir->table.mask; i++)
		list_for_each_safe(e, tmp, &dir->table.buckets[i], node.list)
			entry_remove(dir, e);
}

void directory_close(struct directory *dir)
{
	if (!dir)
		return;
	dir->conf.changed = NULL;
	drop_all(dir);
	htable_fini(&dir->table);
	if (dir->fd >= 0)
		close(dir->fd);
	free(dir->path);
	free(dir);
}

int directory_fd(const struct directory *dir)
{
	return dir->fd;
}

static void file_event(struct directory *dir, const struct inotify_event *ev, u64 now)
{
	if (ev->mask & IN_Q_OVERFLOW) {
		dir->stats.overflows++;
		directory_reload(dir, now);
	} else if (ev->len && ev->mask & (IN_CLOSE_WRITE | IN_MOVED_TO)) {
		file_load(dir, ev->name, now);
	} else if (ev->len && ev->mask & (IN_DELETE | IN_MOVED_FROM)) {
		file_gone(dir, ev->name);
	}
}

void directory_dispatch(struct directory *dir, u64 now)
{
	char buf[8192] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n = read(dir->fd, buf, sizeof(buf));
	char *at;

	for (at = buf; n > 0 && at < buf + n; at += sizeof(struct inotify_event) + ((struct inotify_event *)at)->len)
		file_event(dir, (const struct inotify_event *)at, now);
}

void directory_expire(struct directory *dir, u64 now)
{
	struct directory_entry *e, *tmp;
	u32 i;

	for (i = 0; i <= dir->table.mask; i++)
		list_for_each_safe(e, tmp, &dir->table.buckets[i], node.list)
			if (e->d.expires <= now) {
				dir->stats.expired++;
				entry_remove(dir, e);
			}
}

const struct descriptor *directory_find(const struct directory *dir, const struct node_id *id)
{
	struct directory_entry *e = entry_find(dir, id);

	return e ? &e->d : NULL;
}

static bool text_matches(const struct directory_entry *e, const char *text, size_t len)
{
	char id[NODE_ID_TEXT];

	if (!e->file && len != NODE_ID_TEXT - 1)
		return false;
	return !strcmp(e->d.nickname, text) || (len >= 4 && !strncmp(node_id_text(&e->d.peer.id, id), text, len));
}

const struct descriptor *directory_find_text(const struct directory *dir, const char *text, int *error)
{
	const struct descriptor *found = NULL;
	struct directory_entry *e;
	size_t len = strlen(text);
	u32 i;

	*error = -ENOENT;
	for (i = 0; len && i <= dir->table.mask; i++)
		list_for_each(e, &dir->table.buckets[i], node.list) {
			if (!text_matches(e, text, len))
				continue;
			if (found) {
				*error = -ENOTUNIQ;
				return NULL;
			}
			found = &e->d;
		}
	return found;
}

int directory_put(struct directory *dir, const struct descriptor *d, u64 now)
{
	char path[PATH_MAX], id[NODE_ID_TEXT];
	int ret = descriptor_timely(d, now);

	if (ret)
		return ret;
	if (!entry_hold(dir, d, true))
		return -ENOSPC;
	if (snprintf(path, sizeof(path), "%s/%s", dir->path, node_id_text(&d->peer.id, id)) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	return statefile_write(path, d->raw, d->len, 0644);
}

const struct descriptor *directory_learn(struct directory *dir, const void *data, size_t len, u64 now, u64 now_ns,
					 int *error)
{
	struct directory_entry *e;
	struct descriptor d;

	*error = -EDQUOT;
	if (!bucket_take(&dir->learn, now_ns, 1)) {
		dir->stats.learn_limited++;
		return NULL;
	}
	*error = -EBADMSG;
	if (descriptor_parse(&d, data, len, dir->conf.work_bits) || descriptor_timely(&d, now)) {
		dir->stats.learn_refused++;
		return NULL;
	}
	e = entry_hold(dir, &d, false);
	if (!e) {
		*error = -EDQUOT;
		return NULL;
	}
	dir->stats.learned++;
	return &e->d;
}

u32 directory_count(const struct directory *dir)
{
	return dir->table.count;
}

int directory_each(const struct directory *dir, int (*each)(void *arg, const struct descriptor *d), void *arg)
{
	struct directory_entry *e;
	int ret = 0;
	u32 i;

	for (i = 0; !ret && i <= dir->table.mask; i++)
		list_for_each(e, &dir->table.buckets[i], node.list) {
			ret = each(arg, &e->d);
			if (ret)
				break;
		}
	return ret;
}

const struct directory_stats *directory_stats(const struct directory *dir)
{
	return &dir->stats;
}

void directory_stats_each(const struct directory *dir, void (*each)(void *arg, const char *name, u64 value), void *arg)
{
	const struct directory_stats *s = &dir->stats;

#define EACH(name) each(arg, #name, s->name)
	EACH(loaded); EACH(replaced); EACH(removed);
	EACH(bad_name); EACH(bad_form); EACH(bad_work); EACH(bad_signature);
	EACH(expired); EACH(future); EACH(unreadable); EACH(full);
	EACH(learned); EACH(learn_limited); EACH(learn_refused); EACH(overflows);
#undef EACH
}
