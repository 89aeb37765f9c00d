/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network of nodes for tests of circuits: simulated datagrams, the fake datapath, links, and on
 * every node a circuit engine. It watches for what must never happen: a (key, number) that seals
 * two different things, and plaintext on a wire.
 */
#ifndef CIRCUIT_WORLD_H
#define CIRCUIT_WORLD_H

#include <stdio.h>
#include <sodium.h>
#include <kselftest_harness.h>
#include <circuit/manager.h>
#include <circuit/session.h>
#include <crypto/aead_internal.h>
#include <sim/sim.h>

#ifndef REAL_LINK
#include "fake_link.h"
#endif

#define MARKER "THE-PLAINTEXT-MARKER-of-the-test"

/* ---- no (key, number) seals two things: aead.h of the test, in place of crypto's ---- */

struct sealed {
	u8 key[8], what[16];
	u64 nonce;
};

#define SEALED_MAX (1 << 20)
static struct sealed *sealed;
static u32 sealed_count;
static u64 seal_conflicts;

const struct aead_impl aead_impls[] = { { NULL } };
int aead_select(const char *name) { return 0; }
const struct aead_impl *aead_selected(void) { return aead_impls; }

bool aead_tag_ok(const struct aead_job *job, const u8 tag[AEAD_TAG_LEN])
{
	return !sodium_memcmp(job->tag, tag, job->tag_len == 12 ? 12 : AEAD_TAG_LEN);
}

static void seal_check(const struct aead_job *j)
{
	u8 id[16], what[16];
	u64 at;

	if (!sealed)
		sealed = calloc(SEALED_MAX, sizeof(*sealed));
	crypto_generichash(what, 16, j->src, j->len, NULL, 0);
	crypto_generichash(id, 16, j->key, 32, NULL, 0);
	memcpy(&at, id, 8);
	at ^= j->nonce * 0x9e3779b97f4a7c15ULL;
	for (at %= SEALED_MAX; sealed[at].nonce || sealed[at].key[0]; at = (at + 1) % SEALED_MAX) {
		if (sealed[at].nonce != j->nonce + 1 || memcmp(sealed[at].key, id, 8))
			continue;
		if (memcmp(sealed[at].what, what, 16))
			seal_conflicts++;
		return;
	}
	if (sealed_count++ > SEALED_MAX / 2)
		return;
	memcpy(sealed[at].key, id, 8);
	memcpy(sealed[at].what, what, 16);
	sealed[at].nonce = j->nonce + 1;
}

static void seal_reset(void)
{
	if (sealed && sealed_count)
		memset(sealed, 0, SEALED_MAX * sizeof(*sealed));
	sealed_count = 0;
	seal_conflicts = 0;
}

void aead_run(struct aead_job *jobs, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (jobs[i].kind == AEAD_SEAL)
			seal_check(&jobs[i]);
	aead_sodium_run(jobs, n);
}

void aead_keystream(const u8 key[AEAD_KEY_LEN], u64 nonce, u32 from, u8 *out, u32 len)
{
	u8 buf[512] = { 0 }, iv[12] = { 0 };
	u32 skip = from % 64;

	mv_put_le64(iv + 4, nonce);
	crypto_stream_chacha20_ietf_xor_ic(buf, buf, skip + len, iv, 1 + from / 64, key);
	memcpy(out, buf + skip, len);
}

/* ---- nodes ---- */

#define NODES_MAX 16

struct node {
	struct world *w;
	struct sim_node *sim;
	struct datapath *dp;
	struct links *links;
	struct circuits *circuits;
	struct peer peer;
	struct noise_keypair onion;
	bool dead, avoid;
	u64 packets;			/* inner, delivered here */
	u64 last_packet;
	u8 inner_last;			/* exit: addresses granted */
	u32 released;
};

struct world {
	struct sim *sim;
	struct node nodes[NODES_MAX];	/* 0 is the origin */
	u32 count;
	u64 leaks;
	bool unknown_first;		/* relays know only what comes as a descriptor */
};

static void world_random(void *arg, void *buf, size_t len)
{
	sim_random(((struct node *)arg)->w->sim, buf, len);
}

static u64 world_wall(void *arg)
{
	return sim_now(((struct node *)arg)->w->sim) + 1700000000 * NSEC_PER_SEC;
}

static u64 world_now(void *arg)
{
	return sim_now(((struct node *)arg)->w->sim);
}

static void world_send(void *arg, u32 lane, const struct endpoint *to, const void *data, size_t len)
{
	sim_send(((struct node *)arg)->sim, lane, to, data, len);
}

static void dp_send(void *arg, u32 lane, const struct endpoint *to, const u8 *data, size_t len)
{
	sim_send(((struct node *)arg)->sim, lane, to, data, len);
}

static void dp_datagram(void *arg, u32 lane, const struct endpoint *from, const u8 *data, size_t len)
{
	links_datagram(((struct node *)arg)->links, lane, from, data, len);
}

static void dp_event(void *arg, const struct datapath_event *e)
{
	struct node *n = arg;

	links_event(n->links, e);
	circuits_event(n->circuits, e);
}

/* Exits send every packet back to where it came from; the origin counts. */
static void dp_packet(void *arg, u32 device, const u8 *data, size_t len)
{
	struct node *n = arg;
	u8 p[2048];

	n->packets++;
	n->last_packet = sim_now(n->w->sim);
	if (n == &n->w->nodes[0] || len > sizeof(p))
		return;
	memcpy(p, data, len);
	memcpy(p + 12, data + 16, 4);
	memcpy(p + 16, data + 12, 4);
	datapath_fake_packet(n->dp, device, p, len);
}

static const struct datapath_ops dp_ops = {
	.datagram = dp_datagram, .event = dp_event, .send = dp_send, .packet = dp_packet, .now = world_now,
};

static bool l_identify(void *arg, const struct node_id *id, const u8 static_key[32], const void *hello,
		       size_t len, struct peer *peer)
{
	struct node *n = arg;
	u32 i;

	for (i = 0; i < n->w->count; i++)
		if (node_id_equal(&n->w->nodes[i].peer.id, id)) {
			*peer = n->w->nodes[i].peer;
			return !memcmp(peer->onion_key, static_key, 32);
		}
	return false;
}

static void l_up(void *arg, struct link *link)
{
	circuits_link_up(((struct node *)arg)->circuits, link);
}

static void l_down(void *arg, struct link *link, enum link_reason reason)
{
	circuits_link_down(((struct node *)arg)->circuits, link, reason);
}

static void l_message(void *arg, struct link *link, const struct message *m)
{
	circuits_message(((struct node *)arg)->circuits, link, m);
}

static void l_cell(void *arg, struct link *link, const struct mv_header *h, u8 *cell, size_t len)
{
	circuits_cell(((struct node *)arg)->circuits, link, h, cell, len);
}

static const struct links_ops link_ops = {
	.wall = world_wall, .random = world_random, .send = world_send, .identify = l_identify,
	.up = l_up, .down = l_down, .message = l_message, .cell = l_cell,
};

static int c_resolve(void *arg, const struct node_id *id, const void *descriptor, size_t len, struct peer *peer)
{
	struct node *n = arg;
	u32 i;

	if (n->w->unknown_first && !len)
		return -ENOENT;
	if (len && (len != 1000 || memcmp(descriptor, id->b, 32)))
		return -EBADMSG;
	for (i = 0; i < n->w->count; i++)
		if (node_id_equal(&n->w->nodes[i].peer.id, id)) {
			*peer = n->w->nodes[i].peer;
			return 0;
		}
	return -ENOENT;
}

static enum wire_refusal c_bind(void *arg, const struct bind_request *q, struct bind_grant *g, u64 *rate, u64 *burst)
{
	struct node *n = arg;

	if (!q->want.has4)
		return REFUSAL_ADDRESS;
	g->addresses = q->want;
	g->mtu = 1420;
	n->inner_last++;
	return REFUSAL_NONE;
}

static void c_release(void *arg, const struct bind_grant *g)
{
	((struct node *)arg)->released++;
}

static const struct circuits_ops circuit_ops = {
	.random = world_random, .resolve = c_resolve, .bind = c_bind, .release = c_release,
};

static void node_receive(void *arg, u32 lane, const struct endpoint *from, const u8 *data, size_t len)
{
	datapath_fake_receive(((struct node *)arg)->dp, lane, from, data, len);
}

static void node_settle(void *arg)
{
	struct node *n = arg;

	if (n->dead)
		return;
	datapath_fake_tick(n->dp);
	while (datapath_dispatch(n->dp, 64))
		;
}

static void keypair_random(struct node *n, struct noise_keypair *k)
{
	world_random(n, k->secret, 32);
	crypto_scalarmult_base(k->public, k->secret);
}

static bool world_tap(void *arg, const struct sim_datagram *d)
{
	struct world *w = arg;

	if (memmem(d->data, d->len, MARKER, strlen(MARKER)))
		w->leaks++;
	return true;
}

static void node_start(struct node *n, bool relay, const struct circuits_conf *more)
{
	struct world *w = n->w;
	struct datapath_conf dc = { .lanes = 1 };
	struct links_conf lc = { .responder = relay, .authenticate = relay, .lanes = 1, .private_network = true };
	struct circuits_conf cc = more ? *more : (struct circuits_conf){ 0 };
	struct datapath_device dev = { .id = 1, .role = relay ? DATAPATH_ROLE_EXIT : DATAPATH_ROLE_ORIGIN, .mtu = 1420 };

	lc.id = cc.id = n->peer.id;
	lc.onion = cc.onion = n->onion;
	cc.relay = cc.exit = relay;
	cc.private_network = true;
	cc.exit_device = 1;
	if (datapath_open(&n->dp, "fake", &dc, &dp_ops, n) || datapath_device_apply(n->dp, DATAPATH_NEW, &dev) ||
	    links_new(&n->links, &lc, &link_ops, n, sim_timers(w->sim), n->dp) ||
	    circuits_new(&n->circuits, &cc, &circuit_ops, n, sim_timers(w->sim), n->links, n->dp))
		abort();
}

static void node_stop(struct node *n)
{
	circuits_free(n->circuits);
	n->circuits = NULL;
	links_free(n->links);
	datapath_close(n->dp);
}

/* It ends without a word to anybody, and comes back knowing nothing. */
static void node_restart(struct node *n)
{
	sim_node_set_down(n->sim, true);
	node_stop(n);
	sim_node_set_down(n->sim, false);
	node_start(n, true, NULL);
}

static struct node *world_add(struct world *w, bool relay, struct circuits_conf *more)
{
	struct node *n = &w->nodes[w->count];
	char address[64];

	n->w = w;
	snprintf(address, sizeof(address), "10.1.%u.1:4470", w->count++);
	n->sim = sim_node_new(w->sim, address, 1, node_receive, node_settle, n);
	keypair_random(n, &n->onion);
	world_random(n, n->peer.id.b, 32);
	memcpy(n->peer.onion_key, n->onion.public, 32);
	n->peer.flags = PEER_RELAY | PEER_EXIT;
	n->peer.suites = 2;
	n->peer.endpoint_count = 1;
	n->peer.endpoints[0] = *sim_node_address(n->sim);
	node_start(n, relay, more);
	return n;
}

static void world_init(struct world *w, u64 seed, u32 relays, u32 loss)
{
	struct sim_path path = {
		.delay = 10 * NSEC_PER_MSEC, .jitter = 10 * NSEC_PER_MSEC, .loss = loss,
		.duplicate = loss ? 50 : 0, .reorder = loss ? 100 : 0,
	};
	u32 i;

	if (sodium_init() < 0)
		abort();
	seal_reset();
	memset(w, 0, sizeof(*w));
	w->sim = sim_new(seed, &path);
	sim_set_tap(w->sim, world_tap, w);
	world_add(w, false, NULL);
	for (i = 0; i < relays; i++)
		world_add(w, true, NULL);
}

static void world_free(struct world *w)
{
	u32 i;

	for (i = 0; i < w->count; i++)
		node_stop(&w->nodes[i]);
	sim_free(w->sim);
}

static void node_kill(struct node *n)
{
	n->dead = true;
	sim_node_set_down(n->sim, true);
}

/* One UDP packet with the marker from @inner4 into the origin's mesh0. */
static void world_packet(struct world *w, const u8 inner4[4])
{
	u8 p[200] = { 0x45, 0, 0, 200, 0, 0, 0, 0, 64, 17 };

	memcpy(p + 12, inner4, 4);
	memcpy(p + 16, "\xcb\x00\x71\x09", 4);
	memcpy(p + 40, MARKER, strlen(MARKER));
	datapath_fake_packet(w->nodes[0].dp, 1, p, sizeof(p));
	node_settle(&w->nodes[0]);
}

#endif
