// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How many link handshakes a core does in a second: a responder alone (what a flood costs, and the
 * bound of handshakes_rate), and both ends together; and how cheaply each kind of refusal is.
 *
 *	handshake [COUNT]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <sodium.h>

#include <link/link_internal.h>

struct bench_end {
	struct links *links;
	struct datapath *dp;
	struct timers timers;
	struct links_conf conf;
	u8 sent[MASK_MAX];
	size_t sent_len;
};

static double now_s(void)
{
	struct timespec ts;

	/* of this process: what a core does, however busy the machine is */
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void bench_random(void *arg, void *buf, size_t len)
{
	randombytes_buf(buf, len);
}

static u64 bench_wall(void *arg)
{
	return ((struct bench_end *)arg)->timers.now;
}

static void bench_send(void *arg, u32 lane, const struct endpoint *to, const void *data, size_t len)
{
	struct bench_end *e = arg;

	memcpy(e->sent, data, len);
	e->sent_len = len;
}

static bool bench_identify(void *arg, const struct node_id *id, const u8 key[32], const void *hello, size_t len,
			   struct peer *peer)
{
	memset(peer, 0, sizeof(*peer));
	return true;
}

static void bench_up(void *arg, struct link *link)
{
}

static void bench_down(void *arg, struct link *link, enum link_reason reason)
{
}

static const struct links_ops ops = {
	.wall = bench_wall, .random = bench_random, .send = bench_send, .identify = bench_identify,
	.up = bench_up, .down = bench_down,
};

static void end_init(struct bench_end *e, bool relay)
{
	struct datapath_conf dc = { .lanes = 1 };
	struct datapath_ops dops = { 0 };

	timers_init(&e->timers, NSEC_PER_SEC);
	randombytes_buf(&e->conf.id, sizeof(e->conf.id));
	randombytes_buf(e->conf.onion.secret, 32);
	crypto_scalarmult_base(e->conf.onion.public, e->conf.onion.secret);
	e->conf.responder = true;
	e->conf.authenticate = relay;
	e->conf.private_network = true;
	e->conf.handshakes_rate = e->conf.handshakes_burst = e->conf.source_rate = e->conf.source_burst = 1000000000;
	e->conf.max_next = 1 << 20;
	if (datapath_open(&e->dp, "fake", &dc, &dops, e) ||
	    links_new(&e->links, &e->conf, &ops, e, &e->timers, e->dp))
		exit(1);
}

static void end_fini(struct bench_end *e)
{
	links_free(e->links);
	datapath_close(e->dp);
	timers_fini(&e->timers);
}

/* First messages of strangers, each another. */
static u8 *first_messages(struct bench_end *client, const struct bench_end *relay, u32 count, size_t *len)
{
	struct peer p = { .id = relay->conf.id, .endpoint_count = 1 };
	u8 *all = malloc((size_t)count * MASK_MAX);
	u32 i;

	memcpy(p.onion_key, relay->conf.onion.public, 32);
	for (i = 0; i < count; i++) {
		struct link *l;
		int error;

		endpoint_parse(&p.endpoints[0], "192.0.2.1:4470");
		l = link_get(client->links, &p, &error);
		if (!l)
			exit(1);
		memcpy(all + (size_t)i * MASK_MAX, client->sent, client->sent_len);
		*len = client->sent_len;
		link_close(l, REASON_NONE);
		client->timers.now++;
	}
	return all;
}

static void show(const char *what, u32 count, double seconds)
{
	printf("%-34s %9.0f /s %9.1f us\n", what, count / seconds, seconds / count * 1e6);
}

static void responder(bool relay, u32 count)
{
	struct bench_end client = { 0 }, server = { 0 };
	struct endpoint from;
	double start;
	size_t len = 0;
	u8 *all;
	u32 i;

	endpoint_parse(&from, "198.51.100.1:1");
	end_init(&client, relay);
	end_init(&server, true);
	start = now_s();
	all = first_messages(&client, &server, count, &len);
	show(relay ? "IKpsk2 initiator, message 1" : "NK initiator, message 1", count, now_s() - start);
	start = now_s();
	for (i = 0; i < count; i++)
		links_datagram(server.links, 0, &from, all + (size_t)i * MASK_MAX, len);
	show(relay ? "IKpsk2 responder" : "NK responder", count, now_s() - start);
	if (links_stats(server.links)->bad_handshake || server.links->half_count != count)
		exit(1);
	start = now_s();
	for (i = 0; i < count; i++)
		links_datagram(server.links, 0, &from, all + (size_t)i * MASK_MAX, len);
	show("  repeated message 1", count, now_s() - start);
	server.links->conf.max_next = 2;
	for (i = 0; i < count; i++)
		all[(size_t)i * MASK_MAX + 60] ^= 1;
	start = now_s();
	for (i = 0; i < count; i++)
		links_datagram(server.links, 0, &from, all + (size_t)i * MASK_MAX, len);
	show("  garbage", count, now_s() - start);
	free(all);
	end_fini(&client);
	end_fini(&server);
}

/* Message 1, message 2 and the first cell, all in one thread. */
static void both(bool relay, u32 count)
{
	struct bench_end client = { 0 }, server = { 0 };
	struct peer p = { .endpoint_count = 1 };
	struct endpoint from;
	double start;
	u32 i;

	endpoint_parse(&from, "198.51.100.1:1");
	endpoint_parse(&p.endpoints[0], "192.0.2.1:4470");
	end_init(&client, relay);
	end_init(&server, true);
	p.id = server.conf.id;
	memcpy(p.onion_key, server.conf.onion.public, 32);
	start = now_s();
	for (i = 0; i < count; i++) {
		struct link *l;
		int error;

		client.timers.now += 1000;
		l = link_get(client.links, &p, &error);
		links_datagram(server.links, 0, &from, client.sent, client.sent_len);
		links_datagram(client.links, 0, &p.endpoints[0], server.sent, server.sent_len);
		links_datagram(server.links, 0, &from, client.sent, client.sent_len);
		link_close(l, REASON_NONE);
		while (!list_empty(&server.links->all))
			link_close(list_entry(server.links->all.next, struct link, list), REASON_NONE);
	}
	show(relay ? "IKpsk2, both ends to link up" : "NK, both ends to link up", count, now_s() - start);
	if (links_stats(server.links)->established != count)
		exit(1);
	end_fini(&client);
	end_fini(&server);
}

static void puzzle(void)
{
	u8 cookie[COOKIE_LEN] = { 0 }, seed[32] = { 1 };
	u64 solution = 0;
	double start = now_s();

	cookie[4] = 255;
	cookie_solve(cookie, seed, &solution, 1000000);
	show("puzzle, one try", 1000000, now_s() - start);
}

int main(int argc, char **argv)
{
	u32 count = argc > 1 ? (u32)atoi(argv[1]) : 5000;

	if (sodium_init() < 0 || !count || count > 500000)
		return 1;
	responder(false, count);
	responder(true, count);
	both(false, count);
	both(true, count);
	puzzle();
	return 0;
}
