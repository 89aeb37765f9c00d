// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Lets the Nth allocation fail that the kernel makes for one request, of any program: a library to be
 * preloaded, around the calls that send to netlink. It goes through /proc/self/fail-nth, which counts the
 * allocations of this task alone, so each of them can be tried in turn.
 *
 *	FAIL_NTH=3 FAIL_SAY=FILE LD_PRELOAD=failnth.so meshvpn-ctl dev link add 1
 *
 * FILE gets "reached" if there was such an allocation, else "passed". The request that asks for the
 * family's number is left alone.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Opened before: while an allocation is to fail, it must not be one of ours. */
static int nth_fd = -1;

static int begin(int fd)
{
	const char *nth = getenv("FAIL_NTH");
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (!nth || getsockname(fd, (struct sockaddr *)&ss, &len) || ss.ss_family != AF_NETLINK)
		return 0;
	nth_fd = open("/proc/self/fail-nth", O_RDWR);
	if (nth_fd < 0 || write(nth_fd, nth, strlen(nth)) < 0)
		_exit(99);
	return 1;
}

static void say(const char *text)
{
	const char *file = getenv("FAIL_SAY");
	int fd = file ? open(file, O_WRONLY | O_CREAT | O_APPEND, 0644) : -1;

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		_exit(99);
	close(fd);
}

static void end(void)
{
	char left[16] = "";
	int saved = errno;

	/* 0: the allocation came, and failed */
	if (pread(nth_fd, left, sizeof(left) - 1, 0) <= 0 || write(nth_fd, "0", 1) < 0)
		_exit(99);
	close(nth_fd);
	say(atoi(left) ? "passed\n" : "reached\n");
	errno = saved;
}

static int is_controller(int fd, const void *data, size_t len)
{
	const struct nlmsghdr *h = data;
	socklen_t room = sizeof(int);
	int protocol = 0;

	return !getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &room) && protocol == NETLINK_GENERIC &&
	       len >= sizeof(*h) && h->nlmsg_type == NLMSG_MIN_TYPE;
}

ssize_t sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *to, socklen_t to_len)
{
	static ssize_t (*real)(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
	ssize_t ret;
	int on;

	if (!real)
		real = (ssize_t (*)(int, const void *, size_t, int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "sendto");
	on = !is_controller(fd, data, len) && begin(fd);
	ret = real(fd, data, len, flags, to, to_len);
	if (on)
		end();
	return ret;
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
	static ssize_t (*real)(int, const struct msghdr *, int);
	ssize_t ret;
	int on;

	if (!real)
		real = (ssize_t (*)(int, const struct msghdr *, int))dlsym(RTLD_NEXT, "sendmsg");
	on = !(m->msg_iovlen && is_controller(fd, m->msg_iov[0].iov_base, m->msg_iov[0].iov_len)) && begin(fd);
	ret = real(fd, m, flags);
	if (on)
		end();
	return ret;
}
