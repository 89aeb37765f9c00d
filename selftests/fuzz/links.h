/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two link engines, a client and a relay, joined by a queue without time, for the fuzz targets of
 * links: handshakes run for real, and the fuzzer gets in behind masks and seals.
 */
#ifndef MESHVPN_FUZZ_LINKS_H
#define MESHVPN_FUZZ_LINKS_H

#include <stdlib.h>
#include <sodium.h>

#include <link/link_internal.h>

#define PIPE 64

struct end {
	struct links *links;
	struct datapath *dp;
	struct timers timers;
	struct links_conf conf;
	struct endpoint address;
	struct end *other;
	struct link *link;
	u32 count;
	size_t len[PIPE];
	u8 queue[PIPE][MASK_MAX];
};

static u64 fuzz_state;

static void fuzz_random(void *arg, void *buf, size_t len)
{
	u8 *at = buf;

	while (len--) {
		fuzz_state = fuzz_state * 6364136223846793005ULL + 1442695040888963407ULL;
		*at++ = (u8)(fuzz_state >> 56);
	}
}

static u64 fuzz_wall(void *arg)
{
	return 1700000000 * NSEC_PER_SEC;
}

static void fuzz_send(void *arg, u32 lane, const struct endpoint *to, const void *data, size_t len)
{
	struct end *e = arg;

	if (len > MASK_MAX)
		abort();
	if (e->count == PIPE)
		return;
	e->len[e->count] = len;
	memcpy(e->queue[e->count++], data, len);
}

static bool fuzz_identify(void *arg, const struct node_id *id, const u8 key[32], const void *hello, size_t len,
			  struct peer *peer)
{
	memset(peer, 0, sizeof(*peer));
	return true;
}

static void fuzz_up(void *arg, struct link *link)
{
	((struct end *)arg)->link = link;
}

static void fuzz_down(void *arg, struct link *link, enum link_reason reason)
{
	struct end *e = arg;

	if (e->link == link)
		e->link = NULL;
}

static volatile u8 fuzz_sink;

static void fuzz_message(void *arg, struct link *link, const struct message *m)
{
	size_t i;

	/* the sanitizer looks whether all of it is there */
	for (i = 0; i < m->len; i++)
		fuzz_sink ^= m->data[i];
	if (m->flags == 0xee)
		link_close(link, REASON_PROTOCOL);
}

static void fuzz_cell(void *arg, struct link *link, const struct mv_header *header, u8 *cell, size_t len)
{
	fuzz_sink ^= cell[len - 1];
}

static const struct links_ops fuzz_ops = {
	.wall = fuzz_wall, .random = fuzz_random, .send = fuzz_send, .identify = fuzz_identify, .up = fuzz_up,
	.down = fuzz_down, .message = fuzz_message, .cell = fuzz_cell,
};

static u64 fuzz_now(void *arg)
{
	return ((struct end *)arg)->timers.now;
}

static const struct datapath_ops fuzz_dp_ops = { .now = fuzz_now };

static void end_init(struct end *e, const char *address, bool relay, struct end *other)
{
	struct datapath_conf dc = { .lanes = 1, .max_links = 16, .max_circuits = 64 };

	struct datapath *dp = e->dp;

	memset(e, 0, offsetof(struct end, queue));
	/* a datapath costs more than all the rest: one for all runs, which ending links leave empty */
	e->dp = dp;
	timers_init(&e->timers, 1000 * NSEC_PER_SEC);
	endpoint_parse(&e->address, address);
	e->other = other;
	fuzz_random(NULL, &e->conf.id, sizeof(e->conf.id));
	fuzz_random(NULL, e->conf.onion.secret, 32);
	crypto_scalarmult_base(e->conf.onion.public, e->conf.onion.secret);
	e->conf.responder = true;
	e->conf.authenticate = relay;
	e->conf.private_network = true;
	e->conf.lanes = 1;
	e->conf.max_links = 16;
	if ((!e->dp && datapath_open(&e->dp, "fake", &dc, &fuzz_dp_ops, e)) ||
	    links_new(&e->links, &e->conf, &fuzz_ops, e, &e->timers, e->dp))
		abort();
}

static void end_fini(struct end *e)
{
	links_free(e->links);
	timers_fini(&e->timers);
}

static struct link *end_open(struct end *e)
{
	struct peer p = { .id = e->other->conf.id, .endpoint_count = 1, .endpoints = { e->other->address } };
	int error;

	memcpy(p.onion_key, e->other->conf.onion.public, 32);
	return link_get(e->links, &p, &error);
}

/* What @e sent arrives. */
static void end_flush(struct end *e)
{
	u32 i, n = e->count;

	e->count = 0;
	for (i = 0; i < n; i++)
		links_datagram(e->other->links, 0, &e->address, e->queue[i], e->len[i]);
}

static void end_arrive(struct end *to, const u8 *data, size_t len)
{
	links_datagram(to->links, 0, &to->other->address, data, len);
}

#endif
