// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Small traffic that the scenarios need and no packaged program gives in one line: an echo server,
 * datagrams that are counted when they come back, a stream's longest pause, many flows at once,
 * and packets with a source of one's choice handed to a device. Output is JSON.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { DATAGRAM_MAX = 65536, CLIENTS_MAX = 1024 };

static const uint64_t MSEC = 1000000, SEC = 1000000000;

static const char usage_text[] =
	"usage: probe echo PORT                          UDP and TCP, both families, until killed\n"
	"       probe udp DEVICE|- ADDR PORT [COUNT [SIZE [MS]]]   what comes back of COUNT datagrams\n"
	"       probe flows DEVICE|- ADDR PORT COUNT [RATE]  a datagram of each of COUNT sockets\n"
	"       probe connect DEVICE|- ADDR PORT COUNT   COUNT TCP connections, held for a second\n"
	"       probe try DEVICE|- ADDR PORT [SECONDS]   one TCP connection: how it went\n"
	"       probe stall FILE                         stdin to FILE; its longest pause to stdout\n"
	"       probe raw DEVICE SOURCE ADDR PORT COUNT  UDP packets with that source, into the device\n";

__attribute__((noreturn, format(printf, 1, 2)))
static void die(const char *format, ...)
{
	va_list ap;

	fputs("probe: ", stderr);
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
	return ts.tv_sec * SEC + ts.tv_nsec;
}

struct address {
	struct sockaddr_storage sa;
	socklen_t len;
};

static struct address address(const char *host, const char *port)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_DGRAM }, *ai;
	struct address a = {};

	if (getaddrinfo(host, port, &hints, &ai))
		die("'%s' port '%s': no address", host, port);
	memcpy(&a.sa, ai->ai_addr, ai->ai_addrlen);
	a.len = ai->ai_addrlen;
	freeaddrinfo(ai);
	return a;
}

static int socket_on(const struct address *to, int type, const char *device)
{
	int fd = socket(to->sa.ss_family, type | SOCK_CLOEXEC, 0), size = 8 << 20;

	if (fd < 0)
		die("socket: %s", strerror(errno));
	if (strcmp(device, "-") && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, strlen(device)))
		die("cannot bind to %s: %s", device, strerror(errno));
	if (type == SOCK_DGRAM)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	return fd;
}

static void files_raise(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* ---- echo ---- */

static int echo_bind(int type, uint16_t port)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(AF_INET6, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), zero = 0, one = 1, size = 8 << 20;

	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (fd < 0 || bind(fd, (void *)&any, sizeof(any)) || (type == SOCK_STREAM && listen(fd, 4096)))
		die("cannot listen on port %u: %s", port, strerror(errno));
	return fd;
}

static void echo_datagrams(int fd)
{
	static char data[DATAGRAM_MAX];
	struct address from = { .len = sizeof(from.sa) };
	ssize_t n;

	while ((n = recvfrom(fd, data, sizeof(data), 0, (void *)&from.sa, &from.len)) >= 0) {
		sendto(fd, data, n, 0, (void *)&from.sa, from.len);
		from.len = sizeof(from.sa);
	}
}

__attribute__((noreturn)) static void echo(char **argv)
{
	static struct pollfd fds[CLIENTS_MAX + 2];
	static char data[DATAGRAM_MAX];
	int count = 2;

	files_raise();
	fds[0] = (struct pollfd){ echo_bind(SOCK_DGRAM, atoi(argv[0])), POLLIN, 0 };
	fds[1] = (struct pollfd){ echo_bind(SOCK_STREAM, atoi(argv[0])), POLLIN, 0 };
	for (;;) {
		poll(fds, count, -1);
		echo_datagrams(fds[0].fd);
		for (int i = 2; i < count; i++) {
			ssize_t n = fds[i].revents ? read(fds[i].fd, data, sizeof(data)) : 1;

			if (fds[i].revents && n > 0)
				(void)!write(fds[i].fd, data, n);
			if (n <= 0) {
				close(fds[i].fd);
				fds[i--] = fds[--count];
			}
		}
		while (count < CLIENTS_MAX + 2) {
			int fd = accept4(fds[1].fd, NULL, NULL, SOCK_CLOEXEC);

			if (fd < 0)
				break;
			fds[count++] = (struct pollfd){ fd, POLLIN, 0 };
		}
	}
}

/* ---- datagrams and back ---- */

struct tally {
	uint64_t sent, received, refused, again, damaged, rtt_sum, rtt_max, gap_max, last;
};

static void tally_print(const struct tally *t)
{
	printf("{\"sent\":%llu,\"received\":%llu,\"refused\":%llu,\"again\":%llu,\"damaged\":%llu,"
	       "\"rtt_ms\":%.2f,\"rtt_max_ms\":%.2f,\"gap_max_ms\":%.1f}\n",
	       (unsigned long long)t->sent, (unsigned long long)t->received, (unsigned long long)t->refused,
	       (unsigned long long)t->again, (unsigned long long)t->damaged,
	       t->received ? t->rtt_sum / 1e6 / t->received : 0, t->rtt_max / 1e6, t->gap_max / 1e6);
}

static void udp_receive(int fd, struct tally *t, uint8_t *seen, uint32_t count, ssize_t size)
{
	static char data[DATAGRAM_MAX];
	ssize_t n;

	for (;;) {
		uint64_t head[2], present;

		n = recv(fd, data, sizeof(data), MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN)
			t->refused++;
		if (n < 0)
			return;
		present = now();
		memcpy(head, data, sizeof(head));
		if (n != size || head[0] >= count) {
			t->damaged++;
			continue;
		}
		t->again += seen[head[0]];
		t->received += !seen[head[0]];
		seen[head[0]] = 1;
		t->rtt_sum += present - head[1];
		if (present - head[1] > t->rtt_max)
			t->rtt_max = present - head[1];
		if (t->last && present - t->last > t->gap_max)
			t->gap_max = present - t->last;
		t->last = present;
	}
}

static int udp(int argc, char **argv)
{
	struct address to = address(argv[1], argv[2]);
	uint32_t count = argc > 3 ? atoi(argv[3]) : 1, i;
	ssize_t size = argc > 4 ? atoi(argv[4]) : 64;
	uint64_t step = (argc > 5 ? strtod(argv[5], NULL) : 10) * MSEC, due = now(), end = 0;
	int fd = socket_on(&to, SOCK_DGRAM, argv[0]), dont = IP_PMTUDISC_PROBE;
	uint8_t *seen = calloc(count, 1);
	char data[DATAGRAM_MAX] = "";
	struct tally t = {};

	if (size < 16 || size > 65000)
		die("a size from 16 to 65000");
	setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &dont, sizeof(dont));
	if (connect(fd, (void *)&to.sa, to.len))
		die("cannot reach %s: %s", argv[1], strerror(errno));
	for (i = 0; i < count || (t.received < count && now() < end);) {
		struct pollfd pfd = { fd, POLLIN, 0 };
		uint64_t head[2] = { i, now() };

		if (i < count && head[1] >= due) {
			/* what was late is not made up for by a burst, which queues would drop */
			due = head[1] + step;
			memcpy(data, head, sizeof(head));
			t.refused += send(fd, data, size, 0) < 0;
			t.sent++;
			i++;
			end = head[1] + SEC / 2;
		}
		udp_receive(fd, &t, seen, count, size);
		if (i == count || now() < due)
			poll(&pfd, 1, 1);
	}
	tally_print(&t);
	return !t.received;
}

/* ---- flows ---- */

static int flows(int argc, char **argv)
{
	struct address to = address(argv[1], argv[2]);
	int count = atoi(argv[3]), rate = argc > 4 ? atoi(argv[4]) : 100000, answered = 0, refused = 0;
	struct pollfd *fds = calloc(count, sizeof(*fds));
	uint64_t begun = now(), end;

	files_raise();
	for (int i = 0; i < count; i++) {
		fds[i] = (struct pollfd){ socket_on(&to, SOCK_DGRAM, argv[0]), POLLIN, 0 };
		while (now() < begun + (uint64_t)i * SEC / rate)
			usleep(100);
		if (connect(fds[i].fd, (void *)&to.sa, to.len) || send(fds[i].fd, "flow", 4, 0) < 0)
			refused++;
	}
	for (end = now() + SEC; now() < end && answered + refused < count;) {
		poll(fds, count, 50);
		for (int i = 0; i < count; i++) {
			char data[16];

			if (!fds[i].revents)
				continue;
			if (recv(fds[i].fd, data, sizeof(data), MSG_DONTWAIT) > 0)
				answered++;
			else
				refused++;
			fds[i].fd = ~fds[i].fd;
		}
	}
	printf("{\"sent\":%d,\"answered\":%d,\"refused\":%d}\n", count, answered, refused);
	return 0;
}

static int connections(int argc, char **argv)
{
	struct address to = address(argv[1], argv[2]);
	int count = atoi(argv[3]), open = 0, refused = 0;
	struct pollfd *fds = calloc(count, sizeof(*fds));
	uint64_t end;

	files_raise();
	for (int i = 0; i < count; i++) {
		fds[i] = (struct pollfd){ socket_on(&to, SOCK_STREAM | SOCK_NONBLOCK, argv[0]), POLLOUT, 0 };
		if (connect(fds[i].fd, (void *)&to.sa, to.len) && errno != EINPROGRESS)
			refused++, fds[i].fd = ~fds[i].fd;
	}
	for (end = now() + SEC; now() < end && open + refused < count;) {
		poll(fds, count, 50);
		for (int i = 0; i < count; i++) {
			if (!fds[i].revents)
				continue;
			*(fds[i].revents & (POLLERR | POLLHUP) ? &refused : &open) += 1;
			fds[i].fd = ~fds[i].fd;
		}
	}
	usleep(1000000);
	printf("{\"sent\":%d,\"answered\":%d,\"refused\":%d}\n", count, open, refused);
	return 0;
}

/* "open", "refused" and so on, and how long it took */
static int try(int argc, char **argv)
{
	struct address to = address(argv[1], argv[2]);
	int fd = socket_on(&to, SOCK_STREAM | SOCK_NONBLOCK, argv[0]), error = 0;
	struct pollfd pfd = { fd, POLLOUT, 0 };
	uint64_t begun = now();
	socklen_t len = sizeof(error);
	const char *how;

	if (connect(fd, (void *)&to.sa, to.len) && errno != EINPROGRESS)
		error = errno;
	else if (poll(&pfd, 1, (argc > 3 ? atof(argv[3]) : 3) * 1000) <= 0)
		error = ETIMEDOUT;
	else
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	how = !error ? "open" : error == ECONNREFUSED ? "refused" : error == ETIMEDOUT ? "silence" :
	      error == EHOSTUNREACH || error == EACCES ? "prohibited" : error == ENETUNREACH ? "unreachable" :
	      strerror(error);
	printf("{\"result\":\"%s\",\"errno\":%d,\"ms\":%.1f}\n", how, error, (now() - begun) / 1e6);
	return error != 0;
}

/* ---- a stream's pauses ---- */

static int stall(char **argv)
{
	static char data[1 << 16];
	int out = open(argv[0], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	uint64_t begun = now(), last = 0, longest = 0, at = 0, bytes = 0;
	ssize_t n;

	if (out < 0)
		die("cannot write %s: %s", argv[0], strerror(errno));
	while ((n = read(0, data, sizeof(data))) > 0) {
		uint64_t t = now();

		if (last && t - last > longest) {
			longest = t - last;
			at = bytes;
		}
		last = t;
		bytes += n;
		if (write(out, data, n) != n)
			die("cannot write %s: %s", argv[0], strerror(errno));
	}
	printf("{\"bytes\":%llu,\"seconds\":%.3f,\"longest_ms\":%.1f,\"at_byte\":%llu}\n", (unsigned long long)bytes,
	       (now() - begun) / 1e9, longest / 1e6, (unsigned long long)at);
	return 0;
}

/* ---- raw packets ---- */

static uint16_t checksum(const void *data, size_t len, uint32_t s)
{
	const uint8_t *p = data;

	for (; len > 1; p += 2, len -= 2)
		s += p[0] << 8 | p[1];
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return htons(~s & 0xffff);
}

/* an UDP packet of 32 bytes of data; returns its length */
static size_t packet(uint8_t *out, const struct address *from, const struct address *to)
{
	const uint16_t udp_len = 8 + 32;
	size_t head = to->sa.ss_family == AF_INET ? 20 : 40, width = head == 20 ? 4 : 16;
	const uint8_t *src = (const uint8_t *)&from->sa + (width == 4 ? 4 : 8);
	const uint8_t *dst = (const uint8_t *)&to->sa + (width == 4 ? 4 : 8);
	uint8_t *udp = out + head;
	uint32_t pseudo = IPPROTO_UDP + udp_len;
	uint16_t check;

	memset(out, 0, head + udp_len);
	if (width == 4) {
		struct iphdr ip = { .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP, .tot_len = htons(20 + udp_len) };

		memcpy(&ip.saddr, src, 4);
		memcpy(&ip.daddr, dst, 4);
		ip.check = checksum(&ip, sizeof(ip), 0);
		memcpy(out, &ip, sizeof(ip));
	} else {
		struct ip6_hdr ip = { .ip6_plen = htons(udp_len), .ip6_nxt = IPPROTO_UDP, .ip6_hlim = 64 };

		ip.ip6_vfc = 6 << 4;
		memcpy(&ip.ip6_src, src, 16);
		memcpy(&ip.ip6_dst, dst, 16);
		memcpy(out, &ip, sizeof(ip));
	}
	memcpy(udp, "\x13\x88", 2);
	memcpy(udp + 2, (const uint8_t *)&to->sa + 2, 2);
	udp[5] = udp_len;
	for (size_t i = 0; i < width; i += 2)
		pseudo += (src[i] << 8 | src[i + 1]) + (dst[i] << 8 | dst[i + 1]);
	check = checksum(udp, udp_len, pseudo);
	memcpy(udp + 6, &check, 2);
	return head + udp_len;
}

static int raw(char **argv)
{
	struct address from = address(argv[1], "0"), to = address(argv[2], argv[3]);
	struct sockaddr_ll ll = {
		.sll_family = AF_PACKET, .sll_ifindex = if_nametoindex(argv[0]),
		.sll_protocol = htons(to.sa.ss_family == AF_INET ? ETH_P_IP : ETH_P_IPV6),
	};
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0), count = atoi(argv[4]), sent = 0;
	uint8_t out[128];
	size_t len = packet(out, &from, &to);

	if (fd < 0 || !ll.sll_ifindex)
		die("cannot send into %s", argv[0]);
	for (int i = 0; i < count; i++) {
		sent += sendto(fd, out, len, 0, (void *)&ll, sizeof(ll)) == (ssize_t)len;
		usleep(500);
	}
	printf("{\"sent\":%d}\n", sent);
	return sent != count;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	setvbuf(stdout, NULL, _IOLBF, 0);
	argc -= 2;
	argv += 2;
	if (!strcmp(what, "echo") && argc == 1)
		echo(argv);
	if (!strcmp(what, "udp") && argc >= 3)
		return udp(argc, argv);
	if (!strcmp(what, "flows") && argc >= 4)
		return flows(argc, argv);
	if (!strcmp(what, "connect") && argc >= 4)
		return connections(argc, argv);
	if (!strcmp(what, "try") && argc >= 3)
		return try(argc, argv);
	if (!strcmp(what, "stall") && argc == 1)
		return stall(argv);
	if (!strcmp(what, "raw") && argc == 5)
		return raw(argv);
	fputs(usage_text, stderr);
	return 2;
}
