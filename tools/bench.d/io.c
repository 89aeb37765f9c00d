// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The ceiling of a relay of the user datapath: cells of 1368 bytes come in on one veth and go out
 * on another without any crypto, one pinned core, by engine, with and without UDP_SEGMENT; the
 * round trip of a lone cell; and what cutting and joining of superpackets costs a packet.
 *
 *	io [RUNS]			as root
 */
#include "datapath/io.h"
#include "datapath/offload.h"

#include <errno.h>
#include <netinet/udp.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define CELL 1368
#define BATCH 47
#define MAX_RUNS 51
#define PORT 4000
#define RUN_NS 400000000ULL

static unsigned int runs = 7;

static u64 now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static u64 thread_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (u64)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, unsigned int n)
{
	qsort(v, n, sizeof(*v), compare);
	return v[n / 2];
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void sh(const char *command)
{
	if (system(command)) {
		fprintf(stderr, "io: failed: %s\n", command);
		exit(1);
	}
}

/* Sockets in three namespaces: src -- relay -- dst. This process is the relay's. */
static int bound(const char *netns, const char *addr, struct endpoint *e)
{
	int back = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), ns = -1, fd;
	struct sockaddr_storage ss;
	socklen_t len;
	char path[64];

	if (netns) {
		snprintf(path, sizeof(path), "/run/netns/%s", netns);
		ns = open(path, O_RDONLY | O_CLOEXEC);
		if (ns < 0 || setns(ns, CLONE_NEWNET))
			perror(path);
	}
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	endpoint_parse(e, addr);
	len = endpoint_to_sockaddr(e, &ss, false);
	if (bind(fd, (void *)&ss, len)) {
		perror(addr);
		exit(1);
	}
	setns(back, CLONE_NEWNET);
	close(back);
	close(ns);
	return fd;
}

static void network(void)
{
	char command[512];
	int p = getpid();

	unshare(CLONE_NEWNET);
	snprintf(command, sizeof(command),
		 "set -e; ip link set lo up; ip netns add mvb%da; ip netns add mvb%db;"
		 "ip link add ra type veth peer name r netns mvb%da;"
		 "ip link add rb type veth peer name r netns mvb%db;"
		 "ip addr add 10.0.1.1/24 dev ra; ip addr add 10.0.2.1/24 dev rb;"
		 "ip link set ra up; ip link set rb up;"
		 "ip -n mvb%da addr add 10.0.1.2/24 dev r; ip -n mvb%db addr add 10.0.2.2/24 dev r;"
		 "ip -n mvb%da link set r up; ip -n mvb%db link set r up", p, p, p, p, p, p, p, p);
	sh(command);
}

static void network_end(void)
{
	char command[96];

	snprintf(command, sizeof(command), "ip netns del mvb%da; ip netns del mvb%db", getpid(),
		 getpid());
	sh(command);
}

struct relay {
	struct io *io;
	struct endpoint next;
	u32 segment_limit;	/* cells of one send: 1 is without GSO */
	bool echo;
	atomic_bool stop;
	u64 lost, cpu;
	const char *engine;
	int fd, rx_fd;
	bool epoll, ready;
};

static void forward(void *arg, const struct endpoint *from, u8 *data, u32 len, u32 segment)
{
	struct relay *r = arg;
	const struct endpoint *to = r->echo ? from : &r->next;
	u32 at, n;

	for (at = 0; at < len; at += n) {
		u8 *b = io_buffer(r->io);

		n = len - at < r->segment_limit * segment ? len - at : r->segment_limit * segment;
		if (!b) {
			r->lost += (len - at) / segment;
			return;
		}
		memcpy(b, data + at, n);	/* in the place of the AEAD */
		io_send(r->io, to, b, b, n, segment);
	}
}

static void woken(void *arg)
{
	struct relay *r = arg;

	if (atomic_load(&r->stop))
		io_stop(r->io);
}

static const struct io_ops relay_ops = { .udp = forward, .wake = woken };

static void *relay_run(void *arg)
{
	struct relay *r = arg;
	u64 start;

	pin(0);
	start = thread_ns();
	io_run(r->io);
	r->cpu = thread_ns() - start;
	return NULL;
}

/* Keeps the relay's socket full from the other core. */
struct source {
	struct io *io;
	struct endpoint to;
	u64 until, cells;
};

static void send_on(void *arg)
{
	struct source *s = arg;
	u32 i;

	for (i = 0; i < 8 && io_writable(s->io); i++) {
		u8 *b = io_buffer(s->io);

		io_send(s->io, &s->to, b, b, BATCH * CELL, CELL);
		s->cells += BATCH;
	}
	io_deadline(s->io, 1);
	if (now() > s->until)
		io_stop(s->io);
}

static void ignore(void *arg, const struct endpoint *from, u8 *data, u32 len, u32 segment)
{
}

static const struct io_ops source_ops = { .udp = ignore, .batch = send_on, .timeout = send_on };

static void sink_run(int fd, u64 until)
{
	static char waste[65536];

	while (now() < until && recv(fd, waste, sizeof(waste), MSG_DONTWAIT) >= 0)
		;
}

struct sample {
	double wall, cpu;	/* ns a cell relayed */
	double rtt;
};

static int start_relay(struct relay *r, pthread_t *thread, int fd, bool epoll)
{
	struct io_conf conf = { .socket = fd, .tun = -1, .no_io_uring = epoll };

	atomic_store(&r->stop, false);
	if (io_new(&r->io, &conf, &relay_ops, r))
		return -1;
	r->engine = io_engine(r->io);
	return pthread_create(thread, NULL, relay_run, r);
}

static void stop_relay(struct relay *r, pthread_t thread)
{
	atomic_store(&r->stop, true);
	io_wake(r->io);
	pthread_join(thread, NULL);
}

static void throughput(bool epoll, u32 limit, struct sample *out)
{
	struct endpoint a, b, in, other;
	int fa, fb, fr, drop = 2048, on = 1;
	struct relay r = { .segment_limit = limit };
	struct source s = { 0 };
	struct io_conf conf = { .tun = -1, .no_io_uring = true };
	char name[32];
	pthread_t thread;
	u64 start, cells;

	snprintf(name, sizeof(name), "mvb%da", getpid());
	fa = bound(name, "10.0.1.2:4001", &a);
	snprintf(name, sizeof(name), "mvb%db", getpid());
	fb = bound(name, "10.0.2.2:4002", &b);
	fr = bound(NULL, "0.0.0.0:4000", &other);
	/* the sink takes super-packets and is full: it costs the relay's core little, as a NIC would */
	setsockopt(fb, SOL_UDP, 104 /* UDP_GRO */, &on, sizeof(on));
	setsockopt(fb, SOL_SOCKET, SO_RCVBUF, &drop, sizeof(drop));
	endpoint_parse(&in, "10.0.1.1:4000");
	r.next = b;
	s.to = in;
	conf.socket = fa;
	if (start_relay(&r, &thread, fr, epoll) || io_new(&s.io, &conf, &source_ops, &s))
		exit(1);
	pin(1);
	start = now();
	s.until = start + RUN_NS;
	io_deadline(s.io, 1);
	io_run(s.io);
	cells = io_stats(r.io)->tx_segments;
	out->wall = (double)(now() - start) / (double)cells;
	stop_relay(&r, thread);
	out->cpu = (double)r.cpu / (double)io_stats(r.io)->tx_segments;
	sink_run(fb, now() + 1000000);
	io_free(s.io);
	io_free(r.io);
	close(fa);
	close(fb);
	close(fr);
}

/* A lone cell there and back, both ends asleep in between; the asker is a plain socket. */
static double round_trip(bool epoll)
{
	static u8 cell[CELL];
	double ns[2000];
	struct endpoint a, other, in;
	struct relay r = { .segment_limit = 64, .echo = true };
	struct sockaddr_storage ss;
	socklen_t len;
	char name[32];
	pthread_t thread;
	int fa, fr, i;

	snprintf(name, sizeof(name), "mvb%da", getpid());
	fa = bound(name, "10.0.1.2:4001", &a);
	fr = bound(NULL, "0.0.0.0:4000", &other);
	endpoint_parse(&in, "10.0.1.1:4000");
	len = endpoint_to_sockaddr(&in, &ss, false);
	if (start_relay(&r, &thread, fr, epoll))
		exit(1);
	pin(1);
	for (i = 0; i < 2000; i++) {
		u64 start = now();

		sendto(fa, cell, CELL, 0, (void *)&ss, len);
		if (recv(fa, cell, CELL, 0) < 0)
			break;
		ns[i] = (double)(now() - start);
	}
	stop_relay(&r, thread);
	io_free(r.io);
	close(fa);
	close(fr);
	return median(ns, 2000);
}

static void bench_relay(void)
{
	static const u32 limits[] = { BATCH, 8, 1 };
	unsigned int e, l, i;

	printf("relay without crypto, %u-byte cells, medians of %u runs\n", CELL, runs);
	printf("%-9s %5s %9s %12s %8s %7s\n", "engine", "GSO", "kcells/s", "ns/cell wall", "ns cpu",
	       "Gbit/s");
	for (e = 0; e < 2; e++) {
		for (l = 0; l < 3; l++) {
			double wall[MAX_RUNS], cpu[MAX_RUNS], w;

			for (i = 0; i < runs; i++) {
				struct sample s;

				throughput(e, limits[l], &s);
				wall[i] = s.wall;
				cpu[i] = s.cpu;
			}
			w = median(wall, runs);
			printf("%-9s %5u %9.0f %12.0f %8.0f %7.2f\n", e ? "epoll" : "io_uring",
			       limits[l], 1e6 / w, w, median(cpu, runs), CELL * 8 / w);
			fflush(stdout);
		}
	}
	for (e = 0; e < 2; e++) {
		double rtt[MAX_RUNS];

		for (i = 0; i < runs; i++)
			rtt[i] = round_trip(e);
		printf("%-9s round trip of a lone cell: %.1f us\n", e ? "epoll" : "io_uring",
		       median(rtt, runs) / 1e3);
	}
}

/* Offloads: a superpacket of 46 segments of 1278 bytes, IPv4 TCP */
static u8 superpacket[10 + 65536], segments[64][1400];
static u32 segment_len[64], joined;

static void got_super(void *arg, const struct iovec *iov, u32 count, u32 packets)
{
	joined += packets > 1;
}

static u32 cut_once(u32 len, bool copy)
{
	struct offload_segment s;
	struct offload_cut cut;
	u32 n = 0;

	if (offload_cut_init(&cut, superpacket, len))
		exit(1);
	for (; offload_cut_next(&cut, &s); n++) {
		if (!copy) {
			__asm__ volatile("" : : "r"(&s) : "memory");
			continue;
		}
		memcpy(segments[n], s.hdr, s.hdr_len);
		memcpy(segments[n] + s.hdr_len, s.payload, s.payload_len);
		segment_len[n] = s.hdr_len + s.payload_len;
	}
	return n;
}

static u32 make_super(void)
{
	u8 *v = superpacket, *ip = v + 10, *tcp = ip + 20;
	u16 mss = 1278 - 52, start = 20, offset = 16;
	u32 len = 52 + 46 * mss;

	v[0] = v[1] = 1;
	memcpy(v + 4, &mss, 2);
	memcpy(v + 6, &start, 2);
	memcpy(v + 8, &offset, 2);
	ip[0] = 0x45;
	mv_put_be16(ip + 2, (u16)len);
	ip[8] = 64;
	ip[9] = 6;
	tcp[12] = 8 << 4;
	tcp[13] = 16;
	return len + 10;
}

static void bench_offload(void)
{
	struct offload_join_conf conf = { .write = got_super };
	double cut[MAX_RUNS], copied[MAX_RUNS], join[MAX_RUNS];
	struct offload_join *j;
	u32 len = make_super(), i, k, n = 0, loops = 2000, s;
	u64 start;

	if (offload_join_new(&j, &conf))
		exit(1);
	for (i = 0; i <= runs; i++) {
		u32 at = i ? i - 1 : 0;		/* the first warms up */

		for (start = now(), k = 0; k < loops; k++)
			n = cut_once(len, false);
		cut[at] = (double)(now() - start) / (loops * n);
		for (start = now(), k = 0; k < loops; k++)
			n = cut_once(len, true);
		copied[at] = (double)(now() - start) / (loops * n);
		for (start = now(), k = 0; k < loops; k++) {
			for (s = 0; s < n; s++)
				offload_join_add(j, segments[s], segment_len[s], i & 1);
			offload_join_flush(j);
		}
		join[at] = (double)(now() - start) / (loops * n);
	}
	printf("cut %.0f ns a packet of 1278 bytes (%.0f with its copy), join %.0f ns\n",
	       median(cut, runs), median(copied, runs), median(join, runs));
	if (!joined)
		fprintf(stderr, "io: nothing was joined\n");
	offload_join_free(j);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		runs = atoi(argv[1]);
	if (runs < 1 || runs > MAX_RUNS) {
		fprintf(stderr, "usage: io [RUNS], 1 to %d, as root\n", MAX_RUNS);
		return 2;
	}
	bench_offload();
	network();
	bench_relay();
	network_end();
	return 0;
}
