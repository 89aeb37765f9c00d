/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sysctls that an exit needs, changed one by one, remembered, and put back in reverse order. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "netd_internal.h"

struct sysctl {
	struct list list;
	char path[128], old[32];
};

int sysctl_get(const char *path, char *value, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, value, room - 1);
	close(fd);
	if (n < 0)
		return -EIO;
	value[n] = 0;
	value[strcspn(value, "\n")] = 0;
	return 0;
}

static int put(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, value, strlen(value)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

int sysctl_set(struct device *d, const char *path, const char *value)
{
	struct sysctl *s;
	char old[32];
	int ret;

	ret = sysctl_get(path, old, sizeof(old));
	if (ret)
		return complain(ret, "cannot read %s", path);
	if (!strcmp(old, value))
		return 0;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	snprintf(s->path, sizeof(s->path), "%s", path);
	memcpy(s->old, old, sizeof(s->old));
	/* noted before it is done: a value put back once too often does no harm */
	journal_note(d->journal, "sysctl", path, old);
	list_add(&s->list, &d->sysctls);
	ret = put(path, value);
	return ret ? complain(ret, "cannot write %s", path) : 0;
}

void sysctls_undo(struct device *d)
{
	while (!list_empty(&d->sysctls)) {
		struct sysctl *s = list_entry(d->sysctls.next, struct sysctl, list);

		int ret = put(s->path, s->old);

		if (ret && ret != -ENOENT)	/* gone with its device */
			log_warn("sysctl", "cannot put %s back to %s", s->path, s->old);
		list_del(&s->list);
		free(s);
	}
}
