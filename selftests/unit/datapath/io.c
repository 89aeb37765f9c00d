// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Both engines of the worker's I/O over real sockets and a real TUN, in a network namespace of
 * its own. Needs root; skips without.
 */
#include "datapath/io.h"
#include "datapath/offload.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include <kselftest_harness.h>

static u64 now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int interface(const char *name, bool up, int mtu)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), err = 0;
	struct ifreq req = { 0 };

	strncpy(req.ifr_name, name, IFNAMSIZ - 1);
	if (mtu) {
		req.ifr_mtu = mtu;
		err |= ioctl(fd, SIOCSIFMTU, &req);
	}
	err |= ioctl(fd, SIOCGIFFLAGS, &req);
	req.ifr_flags = (short)(up ? req.ifr_flags | IFF_UP : req.ifr_flags & ~IFF_UP);
	err |= ioctl(fd, SIOCSIFFLAGS, &req);
	close(fd);
	return err;
}

static int address(const char *name, const char *addr)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), err;
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct ifreq req = { 0 };

	strncpy(req.ifr_name, name, IFNAMSIZ - 1);
	inet_pton(AF_INET, addr, &in.sin_addr);
	memcpy(&req.ifr_addr, &in, sizeof(in));
	err = ioctl(fd, SIOCSIFADDR, &req);
	inet_pton(AF_INET, "255.255.255.0", &in.sin_addr);
	memcpy(&req.ifr_netmask, &in, sizeof(in));
	err |= ioctl(fd, SIOCSIFNETMASK, &req);
	close(fd);
	return err;
}

static int udp_socket(int family, struct endpoint *at)
{
	struct sockaddr_storage ss = { .ss_family = (sa_family_t)family };
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0), off = 0;
	socklen_t len = sizeof(ss);

	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(fd, (void *)&ss, family == AF_INET6 ? sizeof(struct sockaddr_in6) :
							 sizeof(struct sockaddr_in)) ||
	    getsockname(fd, (void *)&ss, &len))
		return -1;
	at->port = ntohs(((struct sockaddr_in *)&ss)->sin_port);
	return fd;
}

/* One end: what it received, as (length, first bytes) of segments. */
struct end {
	struct io *io;
	int fd;
	struct endpoint at, last_from;
	pthread_t thread;
	bool echo;
	u32 segments, supers, odd, batches, wakes, timeouts, tuns, failed;
	u32 expect;		/* stop after so many segments */
	u32 next;		/* number expected in the next segment */
	u64 timeout_at;
	int error;
	u8 tun[IO_TUN_MAX];
	u32 tun_len;
	struct end *flood_to;
	u32 flood_left, flood_no, paused;
	bool pause_tun;			/* at the next packet, from within the call */
	struct offload_join *join;	/* with it, the TUN's packets go on to the TUN of @peer */
	struct end *peer;
};

/* Segment @no of @len bytes: number, then bytes that depend on it. */
static void fill(u8 *to, u32 len, u32 no)
{
	u32 i;

	mv_put_le32(to, no);
	for (i = 4; i < len; i++)
		to[i] = (u8)(no * 31 + i * 7);
}

static bool check(const u8 *at, u32 len, u32 no)
{
	u8 want[2048];

	fill(want, len, no);
	return !memcmp(at, want, len);
}

static void on_udp(void *arg, const struct endpoint *from, u8 *data, u32 len, u32 segment)
{
	struct end *e = arg;
	u32 at, n;

	e->last_from = *from;
	e->supers++;
	if (e->echo) {
		u8 *b = io_buffer(e->io);

		if (!b)
			return;
		memcpy(b, data, len);
		io_send(e->io, from, b, b, len, segment);
		return;
	}
	for (at = 0; at < len; at += n) {
		n = len - at < segment ? len - at : segment;
		if (n < 4 || n > 2048 || !check(data + at, n, e->next))
			e->odd++;
		e->next = mv_get_le32(data + at) + 1;
		e->segments++;
	}
	if (e->expect && e->segments >= e->expect)
		io_stop(e->io);
}

static void flood(struct end *e)
{
	u32 more = 1;		/* one more than there should be has to keep its place too */

	while (e->flood_left && (io_writable(e->io) || more--)) {
		u32 i, n = e->flood_left < 40 ? e->flood_left : 40;
		u8 *b = io_buffer(e->io);

		if (!b)
			return;
		for (i = 0; i < n; i++)
			fill(b + i * 1368, 1368, e->flood_no++);
		e->flood_left -= n;
		io_send(e->io, &e->flood_to->at, b, b, n * 1368, 1368);
		if (more && !io_writable(e->io) && ++e->paused < 5)
			usleep(2000);	/* there is space again, but not for what comes later */
	}
}

static void on_batch(void *arg)
{
	struct end *e = arg;

	e->batches++;
	if (e->join)
		offload_join_flush(e->join);
	flood(e);
	if (e->flood_no && !e->flood_left && io_writable(e->io))
		io_stop(e->io);
}

static void on_wake(void *arg)
{
	struct end *e = arg;

	if (++e->wakes == e->expect)
		io_stop(e->io);
}

static void on_timeout(void *arg)
{
	struct end *e = arg;

	e->timeouts++;
	e->timeout_at = now();
	io_stop(e->io);
}

static void joined(void *arg, const struct iovec *iov, u32 count, u32 packets)
{
	struct end *e = arg;

	e->supers += packets > 1;
	io_tun_write(e->peer->io, iov, count);
}

static void pass_on(struct end *e, u8 *data, u32 len)
{
	struct offload_segment s;
	struct offload_cut cut;
	u8 flat[2048];

	if (offload_cut_init(&cut, data, len)) {
		e->odd++;
		return;
	}
	while (offload_cut_next(&cut, &s)) {
		e->segments++;
		if (s.hdr_len + s.payload_len > sizeof(flat)) {
			e->odd++;
			continue;
		}
		memcpy(flat, s.hdr, s.hdr_len);
		memcpy(flat + s.hdr_len, s.payload, s.payload_len);
		offload_join_add(e->join, flat, s.hdr_len + s.payload_len, false);
	}
}

static void on_tun(void *arg, u8 *data, u32 len)
{
	struct end *e = arg;

	if (e->join) {
		pass_on(e, data, len);
		e->tuns++;
		return;
	}

	/* only IPv4: the kernel also says hello in IPv6 */
	if (len < 11 || data[10] >> 4 != 4)
		return;
	if (e->pause_tun)
		io_tun_pause(e->io, true);
	if (e->tuns++ == 0 || len > e->tun_len) {
		memcpy(e->tun, data, len);
		e->tun_len = len;
	}
	if (e->expect && e->tuns >= e->expect)
		io_stop(e->io);
}

static void on_failed(void *arg, int error)
{
	struct end *e = arg;

	e->failed++;
	e->error = error;
	io_stop(e->io);
}

static const struct io_ops ops = {
	.udp = on_udp, .tun = on_tun, .batch = on_batch, .wake = on_wake, .timeout = on_timeout,
	.failed = on_failed,
};

static int open_end(struct end *e, int family, bool epoll, u32 inflight, int tun)
{
	struct io_conf conf = { .tun = tun, .no_io_uring = epoll, .inflight = inflight };

	memset(e, 0, sizeof(*e));
	endpoint_parse(&e->at, "127.0.0.1:1");
	conf.socket = e->fd = udp_socket(family, &e->at);
	return io_new(&e->io, &conf, &ops, e);
}

static void close_end(struct end *e)
{
	io_free(e->io);
	close(e->fd);
}

static void *run(void *arg)
{
	struct end *e = arg;

	io_run(e->io);
	return NULL;
}

static void send_super(struct end *e, const struct endpoint *to, u32 first, u32 n, u32 size,
		       u32 last)
{
	u8 *b = io_buffer(e->io);
	u32 i;

	for (i = 0; i < n; i++)
		fill(b + i * size, i == n - 1 ? last : size, first + i);
	io_send(e->io, to, b, b, (n - 1) * size + last, size);
}

FIXTURE(engines) {
	struct end a, b;
};

FIXTURE_VARIANT(engines) {
	bool epoll;
	int family;
};
FIXTURE_VARIANT_ADD(engines, uring4) { false, AF_INET };
FIXTURE_VARIANT_ADD(engines, uring6) { false, AF_INET6 };
FIXTURE_VARIANT_ADD(engines, epoll4) { true, AF_INET };
FIXTURE_VARIANT_ADD(engines, epoll6) { true, AF_INET6 };

FIXTURE_SETUP(engines)
{
	if (unshare(CLONE_NEWNET))
		SKIP(return, "needs root");
	ASSERT_EQ(0, interface("lo", true, 0));
	ASSERT_EQ(0, open_end(&self->a, variant->family, variant->epoll, 0, -1));
	ASSERT_EQ(0, open_end(&self->b, variant->family, variant->epoll, 0, -1));
	if (strcmp(io_engine(self->a.io), variant->epoll ? "epoll" : "io_uring"))
		SKIP(return, "the kernel refuses io_uring");
}

FIXTURE_TEARDOWN(engines)
{
	close_end(&self->a);
	close_end(&self->b);
}

TEST_F(engines, echo)
{
	static const u32 sizes[] = { 1368, 1192, 296 };
	u32 s, i, sent = 0;

	self->b.echo = true;
	ASSERT_EQ(0, pthread_create(&self->b.thread, NULL, run, &self->b));
	for (s = 0; s < 3; s++) {
		u32 most = 65507 / sizes[s] < 64 ? 65507 / sizes[s] : 64;

		for (i = 0; i < 8; i++) {
			u32 n = i < 4 ? i + 1 : most - 7 + i;

			send_super(&self->a, &self->b.at, sent, n, sizes[s], n & 1 ? sizes[s] : 40);
			sent += n;
			self->a.expect = sent;
			io_run(self->a.io);
		}
	}
	EXPECT_EQ(sent, self->a.segments);
	EXPECT_EQ(0, self->a.odd);
	EXPECT_TRUE(endpoint_equal(&self->a.last_from, &self->b.at));
	EXPECT_LT(self->a.supers, sent / 4);
	EXPECT_EQ(io_stats(self->a.io)->tx_segments, sent);
	EXPECT_EQ(io_stats(self->a.io)->tx_super, io_stats(self->b.io)->rx_super);
	EXPECT_EQ(0, io_stats(self->a.io)->send_errors);
	/* end the other thread by its own means */
	self->b.expect = 1;
	io_wake(self->b.io);
	pthread_join(self->b.thread, NULL);
}

/* More segments and bytes than one call may carry. */
TEST_F(engines, splits)
{
	self->b.expect = 200;
	send_super(&self->a, &self->b.at, 0, 200, 300, 300);
	io_run(self->b.io);
	EXPECT_EQ(200, self->b.segments);
	EXPECT_EQ(0, self->b.odd);
	EXPECT_EQ(4, io_stats(self->a.io)->tx_super);
}

TEST_F(engines, gso_refused)
{
	/* segments over the MTU: UDP_SEGMENT is refused, single datagrams too; the last fits */
	ASSERT_EQ(0, interface("lo", true, 1280));
	self->b.next = 9;
	self->b.expect = 1;
	send_super(&self->a, &self->b.at, 0, 10, 1368, 40);
	io_run(self->b.io);
	EXPECT_EQ(1, self->b.segments);
	EXPECT_EQ(0, self->b.odd);
	EXPECT_EQ(1, io_stats(self->a.io)->no_gso);
	EXPECT_EQ(9, io_stats(self->a.io)->send_errors);
	EXPECT_TRUE(io_writable(self->a.io));
}

TEST_F(engines, unreachable)
{
	struct endpoint nowhere;
	u32 i;

	endpoint_parse(&nowhere, "192.0.2.1:9");
	for (i = 0; i < 300; i++)
		send_super(&self->a, &nowhere, 0, 10, 1368, 1368);
	EXPECT_EQ(3000, io_stats(self->a.io)->send_errors);
	EXPECT_EQ(0, io_stats(self->a.io)->no_buffer);
	/* a closed port answers by ICMP; the loop goes on */
	endpoint_parse(&nowhere, "127.0.0.1:1");
	send_super(&self->a, &nowhere, 0, 1, 300, 300);
	io_deadline(self->a.io, now() + 20000000);
	io_run(self->a.io);
	EXPECT_EQ(1, self->a.timeouts);
	EXPECT_LT(self->a.batches, 5);
}

static void *wake_often(void *arg)
{
	struct end *e = arg;
	u32 i;

	for (i = 0; i < 100; i++) {
		io_wake(e->io);
		usleep(i < 50 ? 0 : 200);
	}
	while (!e->error) {
		io_wake(e->io);
		usleep(1000);
	}
	return NULL;
}

TEST_F(engines, wake)
{
	pthread_t threads[2];
	u32 i;

	self->a.expect = 40;
	for (i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, wake_often, &self->a);
	io_run(self->a.io);
	EXPECT_EQ(40, self->a.wakes);
	self->a.error = 1;
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}

TEST_F(engines, deadline)
{
	u64 start = now(), at = start + 3300000;

	io_deadline(self->a.io, at);
	io_run(self->a.io);
	EXPECT_EQ(1, self->a.timeouts);
	EXPECT_GE(self->a.timeout_at, at);
	EXPECT_LT(self->a.timeout_at, at + 50000000);
	io_deadline(self->a.io, start);	/* past */
	io_run(self->a.io);
	EXPECT_EQ(2, self->a.timeouts);
}

/* All of what is sent arrives or is lost in the receiver's buffer; the sender never stalls. */
TEST_F(engines, flood)
{
	self->a.flood_to = &self->b;
	self->a.flood_left = 20000;
	io_wake(self->a.io);
	ASSERT_EQ(0, pthread_create(&self->b.thread, NULL, run, &self->b));
	self->a.expect = 2;
	io_run(self->a.io);
	EXPECT_EQ(0, self->a.flood_left);
	EXPECT_EQ(20000, io_stats(self->a.io)->tx_segments + io_stats(self->a.io)->send_errors);
	usleep(100000);
	self->b.expect = 1;
	io_wake(self->b.io);
	pthread_join(self->b.thread, NULL);
	EXPECT_GT(self->b.segments, 1000);
}

/* A device slower than the sender: it has to wait many times, and then nothing at all is lost. */
TEST_F(engines, writable)
{
	if (system("tc qdisc add dev lo root tbf rate 800mbit burst 70k limit 4m 2>/dev/null"))
		SKIP(return, "no tc or tbf");
	self->a.flood_to = &self->b;
	self->a.flood_left = 10000;
	io_wake(self->a.io);
	ASSERT_EQ(0, pthread_create(&self->b.thread, NULL, run, &self->b));
	self->a.expect = 2;
	io_run(self->a.io);
	EXPECT_EQ(0, self->a.flood_left);
	self->a.flood_no = self->a.batches = 0;
	io_deadline(self->a.io, now() + 200000000);
	io_run(self->a.io);
	EXPECT_LT(self->a.batches, 4);	/* space is not waited for any more */
	self->b.expect = 1;
	io_wake(self->b.io);
	pthread_join(self->b.thread, NULL);
	EXPECT_EQ(10000, self->b.segments);
	EXPECT_EQ(0, self->b.odd);
	EXPECT_GT(self->a.paused, 10);
	EXPECT_LE(self->a.paused, io_stats(self->a.io)->send_again);
	EXPECT_EQ(0, io_stats(self->a.io)->send_errors);
}

static int tun_new(const char *name, const char *addr)
{
	struct ifreq req = { .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	unsigned int offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;

	strncpy(req.ifr_name, name, IFNAMSIZ - 1);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &req) || ioctl(fd, TUNSETOFFLOAD, offloads) ||
	    address(name, addr) || interface(name, true, 1280))
		return -1;
	return fd;
}

/* The kernel sends UDP into the TUN, and gets an answer out of it. */
TEST_F(engines, tun)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(7) }, from;
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(4000) };
	int tun = tun_new("t0", "10.77.0.1"), fd = socket(AF_INET, SOCK_DGRAM, 0), i;
	u8 text[] = "hello", answer[10 + 28 + 6], got[64];
	struct iovec iov[2] = { { answer, 10 }, { answer + 10, sizeof(answer) - 10 } };
	socklen_t len = sizeof(from);

	ASSERT_GE(tun, 0);
	inet_pton(AF_INET, "10.77.0.9", &to.sin_addr);
	ASSERT_EQ(0, bind(fd, (void *)&any, sizeof(any)));
	ASSERT_EQ(0, io_tun_set(self->a.io, tun));
	for (i = 0; i < 5; i++)
		sendto(fd, text, 6, 0, (void *)&to, sizeof(to));
	self->a.expect = 5;
	io_run(self->a.io);
	EXPECT_EQ(5, self->a.tuns);
	ASSERT_EQ(10 + 28 + 6, self->a.tun_len);
	EXPECT_EQ(0, memcmp(self->a.tun + 38, text, 6));

	/* paused: nothing comes, and nothing spins */
	io_tun_pause(self->a.io, true);
	for (i = 0; i < 3; i++)
		sendto(fd, text, 6, 0, (void *)&to, sizeof(to));
	self->a.batches = 0;
	self->a.expect = 0;
	io_deadline(self->a.io, now() + 10000000);
	io_run(self->a.io);
	EXPECT_EQ(5, self->a.tuns);
	EXPECT_LT(self->a.batches, 4);
	self->a.pause_tun = true;
	io_tun_pause(self->a.io, false);
	io_deadline(self->a.io, now() + 10000000);
	io_run(self->a.io);
	EXPECT_EQ(6, self->a.tuns);
	self->a.pause_tun = false;
	io_tun_pause(self->a.io, false);
	self->a.expect = 8;
	io_run(self->a.io);
	EXPECT_EQ(8, self->a.tuns);

	/* back: addresses and ports turned round keep the checksums */
	memset(answer, 0, 10);
	memcpy(answer + 10, self->a.tun + 10, 34);
	memcpy(answer + 22, self->a.tun + 26, 4);
	memcpy(answer + 26, self->a.tun + 22, 4);
	memcpy(answer + 30, self->a.tun + 32, 2);
	memcpy(answer + 32, self->a.tun + 30, 2);
	mv_put_be16(answer + 36, 0);
	ASSERT_EQ(0, io_tun_write(self->a.io, iov, 2));
	ASSERT_EQ(6, recvfrom(fd, got, sizeof(got), 0, (void *)&from, &len));
	EXPECT_EQ(0, memcmp(got, text, 6));
	EXPECT_EQ(1, io_stats(self->a.io)->tun_writes);

	/* taken and given back while watched */
	ASSERT_EQ(0, io_tun_set(self->a.io, -1));
	io_deadline(self->a.io, now() + 1000000);
	io_run(self->a.io);
	ASSERT_EQ(0, io_tun_set(self->a.io, tun));
	sendto(fd, text, 6, 0, (void *)&to, sizeof(to));
	self->a.expect = 9;
	io_run(self->a.io);
	EXPECT_EQ(9, self->a.tuns);
	close(fd);
	close(tun);
}

#define STREAM (40 << 20)

static void *serve(void *arg)
{
	static u8 part[1 << 16];
	int fd = accept(*(int *)arg, NULL, NULL);
	ssize_t n, i, at = 0;

	for (; (n = read(fd, part, sizeof(part))) > 0; at += n)
		for (i = 0; i < n; i++)
			if (part[i] != (u8)((at + i) * 7 + ((at + i) >> 9)))
				goto out;
out:
	close(fd);
	return (void *)at;
}

/* Real TCP between two namespaces: cut at one TUN, joined at the other, both ways. */
TEST_F(engines, tun_tcp)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(80) };
	struct offload_join_conf conf = { .write = joined };
	int home = open("/proc/self/ns/net", O_RDONLY), fd, server, i;
	struct end *ends[2] = { &self->a, &self->b };
	u8 *part = malloc(1 << 16);
	pthread_t thread;
	ssize_t at, n, k;
	void *got;
	u64 start;

	inet_pton(AF_INET, "10.77.0.2", &to.sin_addr);
	ASSERT_EQ(0, io_tun_set(self->a.io, tun_new("t2", "10.77.0.1")));
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	ASSERT_EQ(0, io_tun_set(self->b.io, tun_new("t3", "10.77.0.2")));
	server = socket(AF_INET, SOCK_STREAM, 0);
	ASSERT_EQ(0, bind(server, (void *)&to, sizeof(to)));
	ASSERT_EQ(0, listen(server, 1));
	ASSERT_EQ(0, setns(home, CLONE_NEWNET));
	for (i = 0; i < 2; i++) {
		conf.arg = ends[i];
		ASSERT_EQ(0, offload_join_new(&ends[i]->join, &conf));
		ends[i]->peer = ends[!i];
		pthread_create(&ends[i]->thread, NULL, run, ends[i]);
	}
	pthread_create(&thread, NULL, serve, &server);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	start = now();
	ASSERT_EQ(0, connect(fd, (void *)&to, sizeof(to)));
	for (at = 0; at < STREAM; at += n) {
		for (k = 0; k < 1 << 16; k++)
			part[k] = (u8)((at + k) * 7 + ((at + k) >> 9));
		n = write(fd, part, 1 << 16);
		ASSERT_GT(n, 0);
	}
	close(fd);
	pthread_join(thread, &got);
	start = now() - start;
	EXPECT_EQ(STREAM, (ssize_t)got);
	for (i = 0; i < 2; i++) {
		ends[i]->expect = 1;
		io_wake(ends[i]->io);
		pthread_join(ends[i]->thread, NULL);
		offload_join_free(ends[i]->join);
		EXPECT_EQ(0, ends[i]->odd);
	}
	EXPECT_GT(self->a.supers, 10);
	EXPECT_LT(self->a.tuns, self->a.segments / 4);
	TH_LOG("%u packets in %u reads and %lu writes, %.1f Gbit/s", self->a.segments, self->a.tuns,
	       (unsigned long)io_stats(self->b.io)->tun_writes, STREAM * 8.0 / start);
	free(part);
	close(server);
	close(home);
}

/* The device goes away under the worker: said once, and the loop goes on. */
TEST_F(engines, tun_gone)
{
	int tun = tun_new("t1", "10.77.0.1");

	ASSERT_GE(tun, 0);
	ASSERT_EQ(0, io_tun_set(self->a.io, tun));
	io_deadline(self->a.io, now() + 1000000);
	io_run(self->a.io);
	ASSERT_EQ(0, system("ip link delete t1"));
	io_deadline(self->a.io, now() + 500000000);
	io_run(self->a.io);
	EXPECT_EQ(1, self->a.failed);
	EXPECT_LT(self->a.error, 0);
	EXPECT_EQ(-ENODEV, io_tun_write(self->a.io, NULL, 0));
	close(tun);
}

TEST_F(engines, options)
{
	int v = -1;
	socklen_t len = sizeof(v);

	ASSERT_EQ(0, getsockopt(self->a.fd, IPPROTO_IP, IP_MTU_DISCOVER, &v, &len));
	EXPECT_EQ(IP_PMTUDISC_PROBE, v);
	if (variant->family == AF_INET6) {
		ASSERT_EQ(0, getsockopt(self->a.fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &v, &len));
		EXPECT_EQ(IPV6_PMTUDISC_PROBE, v);
		ASSERT_EQ(0, getsockopt(self->a.fd, IPPROTO_IPV6, 70, &v, &len));
		EXPECT_EQ(0, v);
	}
	ASSERT_EQ(0, getsockopt(self->a.fd, SOL_SOCKET, SO_RCVBUF, &v, &len));
	EXPECT_GE(v, 4 << 20);
}

/* Refused io_uring, as by the filter of a container, is no failure. */
TEST(falls_back)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	struct end e;

	ASSERT_EQ(0, seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(io_uring_setup), 0));
	ASSERT_EQ(0, seccomp_load(filter));
	ASSERT_EQ(0, open_end(&e, AF_INET, false, 0, -1));
	EXPECT_STREQ("epoll", io_engine(e.io));
	close_end(&e);
	seccomp_release(filter);
}

TEST_HARNESS_MAIN
