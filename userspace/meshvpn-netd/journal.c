/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What must be put back even if the helper itself is killed: one file a device under
 * /run/meshvpn, named by network namespace, locked while its helper lives. The next start replays
 * the unlocked ones. A line is a kind, a tab, a path or name, a tab, the old value.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "netd_internal.h"

#define JOURNAL_DIR "/run/meshvpn"

static unsigned long long netns(void)
{
	struct stat st;

	return stat("/proc/self/ns/net", &st) ? 0 : st.st_ino;
}

static void journal_path(char *path, size_t room, const char *device)
{
	snprintf(path, room, JOURNAL_DIR "/netd-%llu-%s.journal", netns(), device);
}

int journal_open(const char *device)
{
	char path[128];
	int fd;

	if (mkdir(JOURNAL_DIR, 0755) && errno != EEXIST)
		return complain(-errno, "cannot make " JOURNAL_DIR);
	journal_path(path, sizeof(path), device);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return complain(-errno, "cannot write %s", path);
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		close(fd);
		return complain(-EBUSY, "device %s belongs to another meshvpn that runs here", device);
	}
	return fd;
}

void journal_note(int journal, const char *kind, const char *a, const char *b)
{
	char line[512];
	int n = snprintf(line, sizeof(line), "%s\t%s\t%s\n", kind, a, b);

	if (n >= (int)sizeof(line) || write(journal, line, n) != n)
		log_warn("journal", "cannot note a change of %s", a);
}

void journal_close(struct device *d)
{
	char path[128];

	journal_path(path, sizeof(path), d->name);
	unlink(path);
	close(d->journal);
}

static void put_back(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return;		/* gone with its device */
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		log_warn("journal", "cannot put %s back to %s", path, value);
	if (fd >= 0)
		close(fd);
}

/* Newest change first, so that a value changed twice ends as it was. */
static void replay_lines(char *text)
{
	char *line;

	for (;;) {
		char *a, *b, *cut = strrchr(text, '\n');

		line = cut ? cut + 1 : text;
		a = strchr(line, '\t');
		b = a ? strchr(a + 1, '\t') : NULL;
		if (b) {
			*a++ = 0;
			*b++ = 0;
			if (!strcmp(line, "sysctl") && !strncmp(a, "/proc/sys/net/", 14) && !strstr(a, ".."))
				put_back(a, b);
			else if (!strcmp(line, "nft"))
				nft_table_delete(a);
			else if (!strcmp(line, "link") && !device_name_check(a))
				rtnl_link_del(a, NETD_KERNEL_KIND);
			else if (!strcmp(line, "table"))
				rtnl_rules_flush((u32)strtoul(a, NULL, 10));
		}
		if (!cut)
			return;
		*cut = 0;
	}
}

static void replay(const char *path)
{
	static char text[65536];
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return;
	/* only what a helper wrote is done with its rights */
	if (!fstat(fd, &st) && st.st_uid == geteuid() && !(st.st_mode & 022) && !flock(fd, LOCK_EX | LOCK_NB)) {
		n = read(fd, text, sizeof(text) - 1);
		text[n > 0 ? n : 0] = 0;
		log_notice("journal", "putting back what an earlier run left (%s)", path);
		replay_lines(text);
		unlink(path);
	}
	close(fd);
}

int journals_replay(void)
{
	char pattern[128];
	glob_t g;
	size_t i;

	snprintf(pattern, sizeof(pattern), JOURNAL_DIR "/netd-%llu-*.journal", netns());
	if (!glob(pattern, 0, NULL, &g)) {
		for (i = 0; i < g.gl_pathc; i++)
			replay(g.gl_pathv[i]);
		globfree(&g);
	}
	return 0;
}
