// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The listening socket in the file system: appears at its name only when it listens and belongs to
 * the right group, replaces what a killed daemon left, never what a running one uses.
 */
#include "control_internal.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int address_of(const char *path, struct sockaddr_un *sun)
{
	*sun = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (snprintf(sun->sun_path, sizeof(sun->sun_path), "%s", path) >= (int)sizeof(sun->sun_path))
		return -ENAMETOOLONG;
	return *path ? 0 : -EINVAL;
}

/* 0: free to be taken. */
static int in_use(const struct sockaddr_un *sun)
{
	struct stat st;
	int fd, ret = 0;

	if (lstat(sun->sun_path, &st))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* EAGAIN: its backlog is full, so there is one */
	if (!connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) || errno == EAGAIN)
		ret = -EADDRINUSE;
	close(fd);
	return ret;
}

static int publish_aside(const struct control_conf *conf, int fd, const struct sockaddr_un *aside)
{
	if (conf->has_group && lchown(aside->sun_path, (uid_t)-1, conf->group))
		return -errno;
	if (chmod(aside->sun_path, 0660) || listen(fd, 32))
		return -errno;
	return 0;
}

static int bind_aside(const struct control_conf *conf, const struct sockaddr_un *aside)
{
	int ret, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	unlink(aside->sun_path);
	if (bind(fd, (const struct sockaddr *)aside, sizeof(*aside))) {
		ret = -errno;
		close(fd);
		return ret;
	}
	ret = publish_aside(conf, fd, aside);
	if (ret) {
		unlink(aside->sun_path);
		close(fd);
		return ret;
	}
	return fd;
}

int control_listen(struct control *control)
{
	struct sockaddr_un sun, aside;
	char name[sizeof(sun.sun_path) + 8];
	struct stat st;
	int fd, ret;

	if (control->conf.fd > 0) {
		control->listener = control->conf.fd;
		return 0;
	}
	ret = address_of(control->conf.path, &sun);
	if (ret)
		return ret;
	snprintf(name, sizeof(name), "%s.new", sun.sun_path);
	ret = address_of(name, &aside);
	if (!ret)
		ret = in_use(&sun);
	if (ret)
		return ret;
	fd = bind_aside(&control->conf, &aside);
	if (fd < 0)
		return fd;
	if (lstat(aside.sun_path, &st) || rename(aside.sun_path, sun.sun_path)) {
		ret = -errno;
		unlink(aside.sun_path);
		close(fd);
		return ret;
	}
	control->device = st.st_dev;
	control->inode = st.st_ino;
	snprintf(control->path, sizeof(control->path), "%s", sun.sun_path);
	control->listener = fd;
	return 0;
}

void control_unlisten(struct control *control)
{
	struct stat st;

	if (control->listener < 0)
		return;
	close(control->listener);
	if (*control->path && !lstat(control->path, &st) && st.st_dev == control->device && st.st_ino == control->inode)
		unlink(control->path);
}
