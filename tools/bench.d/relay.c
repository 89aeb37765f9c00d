// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A relay of the user datapath between two neighbours over veth pairs: one process pinned to one
 * core relays, another on the other core sends cells with real headers and numbers, counts what
 * comes out and opens a sample. Cells per second with the relay's socket always full (closed loop,
 * so that nothing is lost), processor time a cell, and at a third of the goal's load the latency
 * that the relay adds to that of the plain forwarder. Beside it, in every round: a plain forwarder
 * (recvmsg, sendmsg) and the datapath's own I/O without crypto, which are what the machine can do.
 *
 *	relay [RUNS [FILTER]]		as root; FILTER: part of the rows' names
 */
#include "bench.h"

#include <errno.h>
#include <netinet/udp.h>
#include <signal.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <sodium.h>

#include <crypto/aead.h>
#include <datapath/datapath.h>
#include <datapath/headers.h>
#include <datapath/io.h>
#include <datapath/onion.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#define UDP_GRO 104
#endif

#define CELL (MV_CELL_HEADER + MV_BODY_LARGE)
#define BATCH 47		/* cells of a super-packet */
#define GROUP 16		/* circuits that send at a time */
#define NUMBERS (16 * BATCH)	/* of a circuit: as many cells are sealed beforehand */
#define CIRCUITS 1024
#define WINDOW (32 * BATCH)	/* cells under way in the closed loop */
#define BURST 8			/* cells that are sent together in the measurement of latency */
#define RUN_NS 400000000ULL
#define WARM_NS 50000000ULL
#define MAX_RUNS 51
#define LATENCIES (1 << 20)

enum kind { PLAIN, FORWARD, RELAY };

/* A row of the table: a relay and what is measured of it. */
struct row {
	const char *name;
	enum kind kind;
	const char *aead;
	bool epoll, backward;
	double rate;			/* cells per second at which latency is measured */
	double cells[MAX_RUNS], cpu[MAX_RUNS], p50[MAX_RUNS], p99[MAX_RUNS];
	u64 lost, bad;
	const char *missing;
};

#define SIMD (650e3 / 3)
#define SODIUM (350e3 / 3)

static struct row rows[] = {
	{ "plain", PLAIN, .rate = SIMD },
	{ "plain slow", PLAIN, .rate = SODIUM },
	{ "io io_uring", FORWARD, .rate = SIMD },
	{ "io epoll", FORWARD, .epoll = true, .rate = SIMD },
	{ "avx512 io_uring", RELAY, "avx512", .rate = SIMD },
	{ "avx512 io_uring back", RELAY, "avx512", .backward = true, .rate = SIMD },
	{ "avx512 epoll", RELAY, "avx512", .epoll = true, .rate = SIMD },
	{ "avx2 io_uring", RELAY, "avx2", .rate = SIMD },
	{ "avx2 epoll", RELAY, "avx2", .epoll = true, .rate = SIMD },
	{ "sodium io_uring", RELAY, "sodium", .rate = SODIUM },
	{ "sodium epoll", RELAY, "sodium", .epoll = true, .rate = SODIUM },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* Sides: 0 towards the origin, 1 towards the terminus. */
struct side {
	struct endpoint here, there;	/* the relay's address and the neighbour's */
	int fd;				/* the neighbour's socket */
	u8 rx_tag[16], rx_mask[16], tx_tag[16], tx_mask[16];	/* as the relay sees them */
	struct mv_header_keys rx, tx;
	u64 rx_id, tx_id;
};

static struct side sides[2];
static struct onion_keys keys;		/* of every circuit: what was sealed once serves all */
static u8 cells[NUMBERS][CELL] __attribute__((aligned(64)));
static u64 sent_at[CIRCUITS][NUMBERS];
static double latency[LATENCIES];
static int relay_socket;
static u8 room[65536];

static u32 circuit_id(u32 side, u32 index)
{
	return 1000 + index * 2 + side;
}

/* ---- the relay's process ---- */

static void relay_install(struct datapath *dp)
{
	struct datapath_circuit c = {
		.kind = DATAPATH_RELAY, .link = 1, .out_link = 2, .hops = 1, .data_class = MV_LARGE,
	};
	u32 i;

	for (i = 0; i < 2; i++) {
		struct side *s = &sides[i];
		struct datapath_link link = { .id = i + 1 };
		struct datapath_link_session session = {
			.link = i + 1, .index = 1, .state = DATAPATH_SESSION_CURRENT, .rx_ids_count = 1,
			.rx_ids = { s->rx_id }, .tx_id = s->tx_id, .remote = s->there,
			.remote_lanes = 1, .local_lanes = 1,
		};

		memcpy(session.rx_tag, s->rx_tag, 16);
		memcpy(session.rx_mask, s->rx_mask, 16);
		memcpy(session.tx_tag, s->tx_tag, 16);
		memcpy(session.tx_mask, s->tx_mask, 16);
		if (datapath_link_apply(dp, DATAPATH_NEW, &link) ||
		    datapath_link_session_apply(dp, DATAPATH_NEW, &session))
			bench_die("relay: no link");
	}
	memcpy(c.kf[0], keys.kf[0], MV_KEY_LEN);
	memcpy(c.kb[0], keys.kb[0], MV_KEY_LEN);
	for (i = 0; i < CIRCUITS; i++) {
		c.circuit = circuit_id(0, i);
		c.out_circuit = circuit_id(1, i);
		if (datapath_circuit_apply(dp, DATAPATH_NEW, &c))
			bench_die("relay: no circuit");
	}
}

static void relay_main(const struct row *row)
{
	static const struct datapath_ops ops;
	struct datapath_conf conf = {
		.lanes = 1, .sockets = { relay_socket }, .no_io_uring = row->epoll,
	};
	struct datapath *dp;

	if (aead_select(row->aead) || datapath_open(&dp, "user", &conf, &ops, NULL))
		bench_die("relay: no datapath");
	relay_install(dp);
}

static struct io *forward_io;

static void forward_udp(void *arg, const struct endpoint *from, u8 *data, u32 len, u32 segment)
{
	u8 *b = io_buffer(forward_io);

	if (!b)
		return;
	memcpy(b, data, len);
	io_send(forward_io, arg, b, b, len, segment);
}

static void *forward_run(void *arg)
{
	io_run(forward_io);
	return NULL;
}

static void forward_main(const struct row *row)
{
	static const struct io_ops ops = { .udp = forward_udp };
	struct io_conf conf = { .socket = relay_socket, .tun = -1, .no_io_uring = row->epoll };
	pthread_t thread;

	if (io_new(&forward_io, &conf, &ops, &sides[!row->backward].there) ||
	    pthread_create(&thread, NULL, forward_run, NULL))
		bench_die("relay: no I/O");
}

static void set_segment(struct msghdr *m, void *control, size_t room_len, u16 size)
{
	struct cmsghdr *c = control;

	m->msg_control = control;
	m->msg_controllen = room_len;
	c->cmsg_level = SOL_UDP;
	c->cmsg_type = UDP_SEGMENT;
	c->cmsg_len = CMSG_LEN(sizeof(size));
	memcpy(CMSG_DATA(c), &size, sizeof(size));
}

static void *plain_run(void *arg)
{
	const struct row *row = arg;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(u16))];
	struct sockaddr_storage to;
	struct iovec iov = { room, sizeof(room) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	m.msg_name = &to;
	m.msg_namelen = endpoint_to_sockaddr(&sides[!row->backward].there, &to, false);
	for (;;) {
		ssize_t n = recv(relay_socket, room, sizeof(room), 0);

		if (n <= 0)
			continue;
		iov.iov_len = (size_t)n;
		m.msg_controllen = 0;
		if (n > CELL)
			set_segment(&m, control, sizeof(control), CELL);
		sendmsg(relay_socket, &m, 0);
	}
	return NULL;
}

static void plain_main(const struct row *row)
{
	int on = 1, size = 4 << 20;
	pthread_t thread;

	setsockopt(relay_socket, SOL_UDP, UDP_GRO, &on, sizeof(on));
	setsockopt(relay_socket, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (pthread_create(&thread, NULL, plain_run, (void *)(uintptr_t)row))
		bench_die("relay: no thread");
}

struct child {
	pid_t pid;
	int ask, answer;
};

/* Answers every byte with the processor time used so far. */
static void child_serve(int ask, int answer)
{
	u64 cpu;
	char c;

	while (read(ask, &c, 1) == 1) {
		cpu = bench_clock(CLOCK_PROCESS_CPUTIME_ID);
		if (write(answer, &cpu, sizeof(cpu)) < 0)
			break;
	}
	_exit(0);
}

static u64 child_cpu(struct child *c)
{
	u64 cpu;

	if (write(c->ask, "c", 1) != 1 || read(c->answer, &cpu, sizeof(cpu)) != sizeof(cpu))
		bench_die("the relay ended");
	return cpu;
}

static void child_start(struct child *c, const struct row *row)
{
	int ask[2], answer[2];

	if (pipe(ask) || pipe(answer))
		bench_die("no pipe");
	c->pid = fork();
	if (c->pid < 0)
		bench_die("cannot fork");
	if (!c->pid) {
		close(ask[1]);
		bench_pin(0);
		if (row->kind == RELAY)
			relay_main(row);
		else if (row->kind == FORWARD)
			forward_main(row);
		else
			plain_main(row);
		child_serve(ask[0], answer[1]);
	}
	close(ask[0]);
	close(answer[1]);
	c->ask = ask[1];
	c->answer = answer[0];
	child_cpu(c);
}

static void child_stop(struct child *c)
{
	kill(c->pid, SIGKILL);
	waitpid(c->pid, NULL, 0);
	close(c->ask);
	close(c->answer);
}

/* ---- cells ---- */

static void seal_cells(bool backward)
{
	static u8 scratch[ONION_SCRATCH] __attribute__((aligned(64)));
	u8 fill[MV_RESERVE_LONG];
	u32 i;

	randombytes_buf(cells, sizeof(cells));
	if (backward)		/* a relay takes any body */
		return;
	for (i = 0; i < NUMBERS; i++) {
		struct onion_wrap w = {
			.keys = &keys, .counter = MV_COUNTER_FIRST + i, .body = MV_BODY_LARGE,
			.cell = cells[i], .scratch = scratch, .fill = fill,
		};

		randombytes_buf(scratch, sizeof(scratch));
		randombytes_buf(fill, sizeof(fill));
		onion_wrap(&w, 1);
	}
}

/*
 * The neighbour that sends and the one that receives. Every circuit uses every number once: in
 * round r of a group of circuits the cell of number n goes on circuit (n + r) % GROUP of it.
 */
struct traffic {
	const struct row *row;
	struct side *in, *out;
	u32 in_side;
	u32 at, round;			/* the next cell, and how often all of them were used */
	u64 sent, got, bad;
	bool latencies;
	u32 latency_count;
};

/* Headers of the next @n cells, which lie together. */
static u8 *next_cells(struct traffic *t, u32 n)
{
	struct header_job jobs[BATCH];
	u32 i, first;

	if (t->at + n > NUMBERS) {
		t->at = 0;
		t->round++;
	}
	first = t->at;
	for (i = 0; i < n; i++) {
		u32 k = first + i, c = (t->round / GROUP * GROUP + (k + t->round) % GROUP) % CIRCUITS;

		jobs[i] = (struct header_job){
			.cell = cells[k], .keys = &t->in->rx, .body = MV_BODY_LARGE,
			.header = { circuit_id(t->in_side, c), MV_COUNTER_FIRST + k },
			.link_id = t->in->rx_id, .random = (u8)i,
		};
	}
	headers_seal(jobs, n);
	t->at += n;
	return cells[first];
}

static void send_cells(struct traffic *t, u8 *first, u32 n)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(u16))];
	struct sockaddr_storage to;
	struct iovec iov = { first, (size_t)n * CELL };
	struct msghdr m = { .msg_name = &to, .msg_iov = &iov, .msg_iovlen = 1 };
	u32 k = (u32)((first - cells[0]) / CELL), i;
	u64 now = 0;

	m.msg_namelen = endpoint_to_sockaddr(&t->in->here, &to, false);
	if (n > 1)
		set_segment(&m, control, sizeof(control), CELL);
	if (t->latencies) {
		now = bench_now();
		for (i = k; i < k + n; i++)
			sent_at[(t->round / GROUP * GROUP + (i + t->round) % GROUP) % CIRCUITS][i] = now;
	}
	if (sendmsg(t->in->fd, &m, 0) > 0)
		t->sent += n;
}

/* What came out: its header and, for one of a super-packet, what is inside. */
static bool check_cell(struct traffic *t, u8 *cell, struct mv_header *h)
{
	bool plain = t->row->kind != RELAY;
	const struct mv_header_keys *k = plain ? &t->in->rx : &t->out->tx;
	struct aead_job job;

	if (!mv_header_open(cell, k, MV_BODY_LARGE, h))
		return false;
	if (plain)
		return true;
	if (t->row->backward)
		job = (struct aead_job){
			.kind = AEAD_OPEN, .tag_len = 16, .key = keys.kb[0], .nonce = h->counter,
			.src = cell + MV_CELL_BODY, .dst = room, .tag = cell + MV_CELL_LAYER,
			.len = MV_BODY_LARGE,
		};
	else
		onion_open(&job, keys.kf[1], h->counter, cell, MV_BODY_LARGE);
	aead_run(&job, 1);
	return job.ok;
}

static void note_latency(struct traffic *t, u8 *data, u32 n, u64 now)
{
	u32 side = t->row->kind == RELAY ? !t->in_side : t->in_side, i;
	const struct mv_header_keys *k = t->row->kind == RELAY ? &t->out->tx : &t->in->rx;
	struct mv_header h;

	for (i = 0; i < n; i++) {
		u32 c, at;

		if (!mv_header_open(data + (size_t)i * CELL, k, MV_BODY_LARGE, &h)) {
			t->bad++;
			continue;
		}
		c = (h.circuit - circuit_id(side, 0)) / 2 % CIRCUITS;
		/* backward the relay gives numbers of its own: those of the order of arrival */
		at = (u32)(h.counter - MV_COUNTER_FIRST) % NUMBERS;
		if (t->latency_count < LATENCIES && sent_at[c][at])
			latency[t->latency_count++] = (double)(now - sent_at[c][at]);
	}
}

static void take_cells(struct traffic *t)
{
	static u8 data[65536];
	struct mv_header h;
	ssize_t len;

	while ((len = recv(t->out->fd, data, sizeof(data), MSG_DONTWAIT)) > 0) {
		u64 now = bench_now();
		u32 n = (u32)len / CELL;

		t->got += n;
		if (t->latencies)
			note_latency(t, data, n, now);
		else if (len % CELL || !check_cell(t, data + (size_t)(n - 1) * CELL, &h))
			t->bad++;
	}
}

/* As much as the relay can take. Cells a second; *cpu: its ns a cell. */
static double saturate(struct traffic *t, struct child *child, double *cpu)
{
	u64 start = bench_now(), end = start + WARM_NS + RUN_NS, from = 0, got = 0, used = 0, now, heard = 0,
	    last = 0, base = 0, lost = 0;

	while ((now = bench_now()) < end) {
		take_cells(t);
		if (t->got != last || !heard) {
			last = t->got;
			heard = now;
		} else if (now - heard > 20000000 && t->sent - lost > t->got) {
			lost = t->sent - t->got;	/* not coming any more */
		}
		if (t->sent - lost - t->got + BATCH <= WINDOW)
			send_cells(t, next_cells(t, BATCH), BATCH);
		if (!from && now > start + WARM_NS) {
			used = child_cpu(child);
			from = bench_now();
			base = t->got;
		}
	}
	got = t->got - base;
	now = bench_now();
	*cpu = (double)(child_cpu(child) - used) / (double)got;
	return (double)got * 1e9 / (double)(now - from);
}

static void wait_rest(struct traffic *t)
{
	u64 end = bench_now() + 50000000;

	while (t->got < t->sent && bench_now() < end)
		take_cells(t);
}

static void steady(struct traffic *t, double rate)
{
	u64 start = bench_now(), end = start + RUN_NS, gap = (u64)(BURST * 1e9 / rate), next = start, now;
	u8 *first = next_cells(t, BURST);

	while ((now = bench_now()) < end) {
		take_cells(t);
		if (now < next)
			continue;
		send_cells(t, first, BURST);
		first = next_cells(t, BURST);
		next += gap;
		if (next + 50 * gap < now)
			next = now;	/* we were not running ourselves */
	}
	wait_rest(t);
}

/* ---- rows ---- */

/* A port of its own each time: io_uring holds the last one's for a while after its process. */
static void relay_start(struct child *child, const struct row *row)
{
	static u16 port = 4000;
	struct endpoint here;
	char text[32];

	snprintf(text, sizeof(text), "0.0.0.0:%u", ++port);
	relay_socket = bench_socket(NULL, text, &here);
	sides[0].here.port = sides[1].here.port = port;
	child_start(child, row);
}

static void relay_stop(struct child *child)
{
	child_stop(child);
	close(relay_socket);
}

static void measure(struct row *row, u32 run)
{
	struct traffic t = { .row = row, .in_side = row->backward };
	struct child child;

	t.in = &sides[row->backward];
	t.out = &sides[!row->backward];
	seal_cells(row->backward);
	relay_start(&child, row);
	row->cells[run] = saturate(&t, &child, &row->cpu[run]);
	wait_rest(&t);
	row->lost += t.sent - t.got;
	relay_stop(&child);
	relay_start(&child, row);
	memset(sent_at, 0, sizeof(sent_at));
	t.latencies = !row->backward;
	t.sent = t.got = t.at = t.round = 0;
	steady(&t, row->rate);
	row->p50[run] = bench_quantile(latency, t.latency_count, 0.5);
	row->p99[run] = bench_quantile(latency, t.latency_count, 0.99);
	row->lost += t.sent - t.got;
	row->bad += t.bad;
	relay_stop(&child);
}

static void network(void)
{
	int p = getpid(), i, on = 1, size = 16 << 20;
	char name[32], text[64];

	unshare(CLONE_NEWNET);
	bench_sh("set -e; ip link set lo up; ip netns add mvr%d0; ip netns add mvr%d1", p, p);
	for (i = 0; i < 2; i++) {
		struct side *s = &sides[i];

		bench_sh("set -e; ip link add r%d type veth peer name r netns mvr%d%d;"
			 "ip addr add 10.0.%d.1/24 dev r%d; ip link set r%d up;"
			 "ip -n mvr%d%d addr add 10.0.%d.2/24 dev r; ip -n mvr%d%d link set r up",
			 i, p, i, i, i, i, p, i, i, p, i);
		snprintf(name, sizeof(name), "mvr%d%d", p, i);
		snprintf(text, sizeof(text), "10.0.%d.2:4001", i);
		s->fd = bench_socket(name, text, &s->there);
		snprintf(text, sizeof(text), "10.0.%d.1:1", i);
		endpoint_parse(&s->here, text);
		setsockopt(s->fd, SOL_UDP, UDP_GRO, &on, sizeof(on));
		setsockopt(s->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
		setsockopt(s->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
		randombytes_buf(s->rx_tag, 4 * 16);
		mv_header_keys_init(&s->rx, s->rx_tag, s->rx_mask);
		mv_header_keys_init(&s->tx, s->tx_tag, s->tx_mask);
		s->rx_id = 0x1000 + (u64)i;
		s->tx_id = 0x2000 + (u64)i;
	}
}

static void network_end(void)
{
	bench_sh("ip netns del mvr%d0; ip netns del mvr%d1", getpid(), getpid());
}

static bool usable(const char *aead)
{
	return !aead || !aead_select(aead);
}

static void print(struct row *rows_, unsigned int runs, const char *filter)
{
	struct row *r;

	printf("\n%-21s %9s %7s %9s %9s %9s %9s %9s\n", "relay", "kcells/s", "Gbit/s", "ns cpu", "p50 us",
	       "p99 us", "+p50 us", "+p99 us");
	for (r = rows_; r < rows_ + ROWS; r++) {
		double cells_, p50, p99;
		struct row *base = r->rate == SIMD ? &rows_[0] : &rows_[1];

		if (r->missing)
			continue;
		cells_ = bench_quantile(r->cells, runs, 0.5);
		printf("%-21s %9.0f %7.2f %9.0f", r->name, cells_ / 1e3, cells_ * CELL * 8 / 1e9,
		       bench_quantile(r->cpu, runs, 0.5));
		p50 = bench_quantile(r->p50, runs, 0.5) / 1e3;
		p99 = bench_quantile(r->p99, runs, 0.5) / 1e3;
		if (r->backward)
			printf("\n");
		else
			printf(" %9.1f %9.1f %9.1f %9.1f\n", p50, p99,
			       p50 - bench_quantile(base->p50, runs, 0.5) / 1e3,
			       p99 - bench_quantile(base->p99, runs, 0.5) / 1e3);
	}
	for (r = rows_; r < rows_ + ROWS; r++)
		if (!r->missing && (r->lost || r->bad))
			printf("%s: %llu cells lost, %llu bad\n", r->name, (unsigned long long)r->lost,
			       (unsigned long long)r->bad);
}

int main(int argc, char **argv)
{
	unsigned int runs = argc > 1 ? (unsigned int)atoi(argv[1]) : 5, i;
	const char *filter = argc > 2 ? argv[2] : "";
	struct row *r;

	if (runs < 1 || runs > MAX_RUNS || geteuid() || sodium_init() < 0) {
		fprintf(stderr, "usage: relay [RUNS [FILTER]], 1 to %d, as root\n", MAX_RUNS);
		return 2;
	}
	for (r = rows; r < rows + ROWS; r++)
		r->missing = !usable(r->aead) ? "CPU" :
			     r->kind != PLAIN && !strstr(r->name, filter) ? "filter" : NULL;
	aead_select(NULL);
	randombytes_buf(&keys, sizeof(keys));
	keys.hops = 2;
	keys.reserve = MV_RESERVE_SHORT;
	network();
	bench_first();
	bench_pin(1);
	for (i = 0; i < runs; i++)
		for (r = rows; r < rows + ROWS; r++) {
			if (r->missing)
				continue;
			if (isatty(2))
				fprintf(stderr, "\rrun %u of %u: %-21s", i + 1, runs, r->name);
			measure(r, i);
		}
	if (isatty(2))
		fprintf(stderr, "\r%40s\r", "");
	network_end();
	printf("cells of %u bytes, latency at %.0f and %.0f kcells/s in bursts of %u, medians of %u runs\n",
	       CELL, SIMD / 1e3, SODIUM / 1e3, BURST, runs);
	print(rows, runs, filter);
	return 0;
}
