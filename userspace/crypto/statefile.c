/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Atomic writing and careful reading of small files: see statefile.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "statefile.h"

static int write_all(int fd, const u8 *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		data += n;
		len -= n;
	}
	return 0;
}

/* "dir/.name.XXXXXX": hidden, so that readers of the folder pass it over. */
static int temporary(const char *path, char *tmp, size_t room)
{
	const char *slash = strrchr(path, '/');
	int dir = slash ? slash + 1 - path : 0;
	int n = snprintf(tmp, room, "%.*s.%s.XXXXXX", dir, path, path + dir);

	return n < 0 || (size_t)n >= room ? -ENAMETOOLONG : 0;
}

int statefile_write(const char *path, const void *data, size_t len, mode_t mode)
{
	char tmp[PATH_MAX];
	int fd, ret = temporary(path, tmp, sizeof(tmp));

	if (ret)
		return ret;
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = write_all(fd, data, len);
	if (!ret && (fchmod(fd, mode) || fsync(fd)))
		ret = -errno;
	if (close(fd) && !ret)
		ret = -errno;
	if (!ret && rename(tmp, path))
		ret = -errno;
	if (ret)
		unlink(tmp);
	return ret;
}

static ssize_t read_all(int fd, u8 *buf, size_t room)
{
	size_t len = 0;
	u8 more;

	for (;;) {
		ssize_t n = len < room ? read(fd, buf + len, room - len) : read(fd, &more, 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return (ssize_t)len;
		if (len == room)
			return -EFBIG;
		len += n;
	}
}

ssize_t statefile_read(const char *path, void *buf, size_t room, bool secret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t ret;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		ret = -errno;
	else if (!S_ISREG(st.st_mode))
		ret = -EINVAL;
	else if (secret && (st.st_mode & 077))
		ret = -EACCES;
	else
		ret = read_all(fd, buf, room);
	close(fd);
	return ret;
}
