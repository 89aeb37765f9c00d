// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Many small datagrams for few system calls, which cost most of the time where a kernel runs as a
 * process: sent by UDP GSO, received by UDP GRO, counted at both ends.
 */

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SUPER_MAX = 65000, SEGMENTS_MAX = 64, BATCH = 64 };

static const uint64_t SEC = 1000000000;

static const char usage_text[] =
	"usage: blast send ADDR PORT SIZE SECONDS     datagrams of SIZE bytes; prints packets and seconds\n"
	"       blast sink PORT SECONDS               counts; prints packets, bytes and seconds from the first\n"
	"                                             to the last datagram; ends SECONDS after the last\n";

__attribute__((noreturn, format(printf, 1, 2)))
static void die(const char *format, ...)
{
	va_list ap;

	fputs("blast: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SEC + (uint64_t)ts.tv_nsec;
}

static int dial(const char *addr, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM }, *list;
	int err = getaddrinfo(addr, port, &hints, &list), fd;

	if (err)
		die("%s port %s: %s", addr, port, gai_strerror(err));
	fd = socket(list->ai_family, SOCK_DGRAM, 0);
	if (fd < 0 || connect(fd, list->ai_addr, list->ai_addrlen))
		die("%s port %s: %s", addr, port, strerror(errno));
	freeaddrinfo(list);
	return fd;
}

static void blast_send(const char *addr, const char *port, int size, double seconds)
{
	static char data[SUPER_MAX];
	int fd = dial(addr, port);
	int segments = SUPER_MAX / size < SEGMENTS_MAX ? SUPER_MAX / size : SEGMENTS_MAX;
	uint64_t start = now(), end = start + (uint64_t)(seconds * (double)SEC), packets = 0;

	if (setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size)))
		die("UDP_SEGMENT: %s", strerror(errno));
	while (now() < end) {
		if (send(fd, data, (size_t)(size * segments), 0) >= 0)
			packets += (uint64_t)segments;
		else if (errno != ENOBUFS && errno != EAGAIN && errno != ECONNREFUSED)
			die("send: %s", strerror(errno));
	}
	printf("%llu %.6f\n", (unsigned long long)packets, (double)(now() - start) / (double)SEC);
}

/* Length of the datagrams that came together. */
static int segment_of(struct msghdr *m, int len)
{
	struct cmsghdr *c;
	int size = len;

	for (c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
		if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO)
			memcpy(&size, CMSG_DATA(c), sizeof(size));
	return size ? size : 1;
}

static int listen_on(const char *port)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)atoi(port)) };
	int fd = socket(AF_INET6, SOCK_DGRAM, 0), on = 1, room = 8 << 20;

	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)))
		die("port %s: %s", port, strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	if (setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)))
		die("UDP_GRO: %s", strerror(errno));
	return fd;
}

static void blast_sink(const char *port, double seconds)
{
	static char data[BATCH][65536], control[BATCH][64];
	struct mmsghdr m[BATCH];
	struct iovec v[BATCH];
	int fd = listen_on(port), i, n;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t first = 0, last = 0, packets = 0, bytes = 0;

	for (;;) {
		for (i = 0; i < BATCH; i++) {
			v[i] = (struct iovec){ data[i], sizeof(data[i]) };
			m[i].msg_hdr = (struct msghdr){
				.msg_iov = &v[i], .msg_iovlen = 1,
				.msg_control = control[i], .msg_controllen = sizeof(control[i]),
			};
		}
		if (!poll(&p, 1, first ? (int)(seconds * 1000) : -1))
			break;
		n = recvmmsg(fd, m, BATCH, MSG_DONTWAIT, NULL);
		last = now();
		for (i = 0; i < n; i++) {
			int len = (int)m[i].msg_len, size = segment_of(&m[i].msg_hdr, len);

			packets += (uint64_t)((len + size - 1) / size);
			bytes += (uint64_t)len;
		}
		if (!first)
			first = last;
	}
	printf("%llu %llu %.6f\n", (unsigned long long)packets, (unsigned long long)bytes,
	       (double)(last - first) / (double)SEC);
}

int main(int argc, char **argv)
{
	if (argc == 6 && !strcmp(argv[1], "send") && atoi(argv[4]) > 0)
		blast_send(argv[2], argv[3], atoi(argv[4]), atof(argv[5]));
	else if (argc == 4 && !strcmp(argv[1], "sink"))
		blast_sink(argv[2], atof(argv[3]));
	else {
		fputs(usage_text, stderr);
		return 2;
	}
	return 0;
}
