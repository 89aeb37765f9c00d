/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon's UDP sockets: bound, marked so that its own routing leaves them alone. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netd_internal.h"

#define SOCKET_RCVBUF (8 << 20)
#define SOCKET_TRIES 16

static int socket_bind(int family, const struct endpoint *e, u32 mark)
{
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(e, &ss, family == AF_INET6);
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), off = 0, ret;
	int rcvbuf = SOCKET_RCVBUF;

	if (fd < 0)
		return -errno;
	if ((family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off))) ||
	    (mark && setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark))) ||
	    bind(fd, (struct sockaddr *)&ss, len)) {
		ret = -errno;
		close(fd);
		return ret;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &rcvbuf, sizeof(rcvbuf)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf));
	return fd;
}

/* Dual-stack where the host has IPv6, for any address and for IPv6 ones. */
static int socket_make(const struct endpoint *addr, u16 port, u32 mark)
{
	struct endpoint e = *addr;
	int fd = -EAFNOSUPPORT;

	e.port = port;
	if (addr->family != AF_INET) {
		e.family = AF_INET6;
		fd = socket_bind(AF_INET6, &e, mark);
	}
	if (addr->family == AF_INET || (!addr->family && (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL))) {
		e.family = AF_INET;
		fd = socket_bind(AF_INET, &e, mark);
	}
	return fd;
}

static u16 port_of(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct endpoint e = { 0 };

	if (!getsockname(fd, (struct sockaddr *)&ss, &len))
		endpoint_from_sockaddr(&e, (struct sockaddr *)&ss, len);
	return e.port;
}

static int lanes_bind(const struct endpoint *addr, u16 port, u32 mark, u32 lanes, int *fds)
{
	u32 i;

	for (i = 0; i < lanes; i++) {
		fds[i] = port + i > 65535 ? -EADDRINUSE : socket_make(addr, port ? port + i : 0, mark);
		if (fds[i] < 0) {
			int ret = fds[i];

			while (i--)
				close(fds[i]);
			return ret;
		}
		if (!port)
			port = port_of(fds[i]);
	}
	return 0;
}

int sockets_make(const struct endpoint *addr, u32 mark, u32 lanes, int *fds)
{
	int ret, tries;

	if (!lanes || lanes > NETD_QUEUES_MAX ||
	    (addr->family && addr->family != AF_INET && addr->family != AF_INET6))
		return complain(-EINVAL, "1 to %d lanes", NETD_QUEUES_MAX);
	for (tries = 0; tries < SOCKET_TRIES; tries++) {
		ret = lanes_bind(addr, addr->port, mark, lanes, fds);
		if (ret != -EADDRINUSE || addr->port)
			break;
	}
	if (ret)
		return complain(ret, "cannot bind UDP port %u%s: %s; set another ListenPort", addr->port,
				lanes > 1 ? " and those after it" : "", strerror(-ret));
	return 0;
}
