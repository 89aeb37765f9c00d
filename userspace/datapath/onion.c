// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The origin's side of a cell's layers. A cell in work lies in its scratch so that every layer is
 * done in place: body i starts at 16 * i with S i right before it, so that S i+1 and body i+1 as
 * they lie are the plaintext of layer i. The last layer, nearest to the guard, goes straight into
 * the cell; backward, the first one comes straight out of it.
 */
#include "onion.h"

#include <sodium.h>

#include <crypto/chacha.h>

/* Layers count from 1 as in the protocol, arrays from 0. */
static u8 *wrap_body(const struct onion_wrap *w, u32 layer)
{
	return layer > 1 ? w->scratch + MV_LAYER_LEN * layer : w->cell + MV_CELL_BODY;
}

/*
 * Few bytes of many keystreams: positions are gathered until the lanes are full. What is taken
 * from a block is copied or XORed to its place in the order of gathering.
 */
struct gather {
	u8 out[CHACHA_LANES][CHACHA_BLOCK_LEN] __attribute__((aligned(64)));
	struct chacha_position at[CHACHA_LANES];
	struct {
		u8 *dst;
		u32 from, len;
		bool copy;
	} use[CHACHA_LANES];
	unsigned int n;
};

static void gather_run(struct gather *g)
{
	unsigned int i, k;

	if (!g->n)
		return;
	chacha_blocks(g->at, g->n, g->out);
	for (i = 0; i < g->n; i++) {
		const u8 *src = g->out[i] + g->use[i].from;
		u8 *dst = g->use[i].dst;

		if (g->use[i].copy)
			memcpy(dst, src, g->use[i].len);
		else
			for (k = 0; k < g->use[i].len; k++)
				dst[k] ^= src[k];
	}
	g->n = 0;
}

static void gather_end(struct gather *g)
{
	gather_run(g);
	sodium_memzero(g->out, sizeof(g->out));
}

static void gather_block(struct gather *g, const u8 *key, u64 nonce, u32 counter, u8 *dst, u32 from,
			 u32 len, bool copy)
{
	if (g->n == CHACHA_LANES)
		gather_run(g);
	g->at[g->n] = (struct chacha_position) { key, nonce, counter };
	g->use[g->n].dst = dst;
	g->use[g->n].from = from;
	g->use[g->n].len = len;
	g->use[g->n++].copy = copy;
}

/* Bytes [from, from + len) of the body keystream to @dst. */
static void gather_body(struct gather *g, const u8 *key, u64 nonce, u8 *dst, u32 from, u32 len, bool copy)
{
	u32 skip, take;

	for (; len; from += take, dst += take, len -= take) {
		skip = from % CHACHA_BLOCK_LEN;
		take = len < CHACHA_BLOCK_LEN - skip ? len : CHACHA_BLOCK_LEN - skip;
		gather_block(g, key, nonce, 1 + from / CHACHA_BLOCK_LEN, dst, skip, take, copy);
	}
}

/*
 * What every relay adds at the tail, computed ahead as in Sphinx (Danezis, Goldberg 2009): write
 * tail n XOR KS n to the end of body n, so that sealing body n leaves tail n there.
 */
static void wrap_filler(struct gather *g, const struct onion_wrap *w)
{
	u32 n = w->keys->hops, i, len;
	u8 *tail = wrap_body(w, n) + w->body - MV_LAYER_LEN * (n - 1);

	for (i = 1; i <= n; i++) {
		len = MV_LAYER_LEN * (i - 1);
		gather_body(g, w->keys->kf[i - 1], w->counter, tail, w->body - len, len, false);
		if (i < n)	/* Z: bytes 32 to 47 of block 0 */
			gather_block(g, w->keys->kf[i - 1], w->counter, 0, tail + len, 32, AEAD_Z_LEN,
				     true);
	}
}

static void wrap_fillers(const struct onion_wrap *cells, unsigned int n)
{
	struct gather g;
	unsigned int i;

	g.n = 0;
	for (i = 0; i < n; i++)
		wrap_filler(&g, &cells[i]);
	gather_end(&g);
}

static void wrap_layer(struct aead_job *job, const struct onion_wrap *w, u32 layer)
{
	u8 *dst = wrap_body(w, layer);
	bool first = layer == w->keys->hops;	/* the terminus's, the innermost */

	*job = (struct aead_job) {
		.kind = AEAD_SEAL, .key = w->keys->kf[layer - 1], .nonce = w->counter,
		.src = first ? dst : w->scratch + MV_LAYER_LEN * layer,
		.dst = dst, .tag = dst - MV_LAYER_LEN, .len = w->body,
	};
}

static void wrap_chunk(const struct onion_wrap *cells, unsigned int n)
{
	struct aead_job jobs[ONION_BATCH];
	unsigned int i, count;
	u32 layer;

	for (i = 0; i < n; i++) {
		const struct onion_keys *keys = cells[i].keys;

		memcpy(wrap_body(&cells[i], keys->hops) + onion_payload_len(keys, cells[i].body),
		       cells[i].fill, onion_fill_len(keys));
	}
	wrap_fillers(cells, n);
	for (layer = MV_HOPS_MAX; layer; layer--) {
		for (count = i = 0; i < n; i++)
			if (layer <= cells[i].keys->hops)
				wrap_layer(&jobs[count++], &cells[i], layer);
		if (count)
			aead_run(jobs, count);
	}
}

void onion_wrap(const struct onion_wrap *cells, unsigned int n)
{
	unsigned int take;

	for (; n; cells += take, n -= take) {
		take = n < ONION_BATCH ? n : ONION_BATCH;
		wrap_chunk(cells, take);
	}
}

/* Body i within the plaintext of layer 1, which lies at the start of scratch, S and all. */
static u8 *unwrap_body(const struct onion_unwrap *u, u32 layer)
{
	if (u->keys->hops == 1)
		return u->cell + MV_CELL_BODY;
	return u->scratch + MV_LAYER_LEN * (layer - 1);
}

/*
 * The reserve of the terminus's body was sealed over zeros, and the relays' layers pushed some of
 * it off the end: all of it is taken from the keystream, none as received, so that an exit cannot
 * count the hops by spoiling bytes.
 */
static void unwrap_reserve(struct gather *g, const struct onion_unwrap *u)
{
	u32 n = u->keys->hops, from = u->body - u->keys->reserve;

	gather_body(g, u->keys->kb[n - 1], u->counters[n - 1], unwrap_body(u, n) + from, from,
		    u->keys->reserve, true);
}

/* Read the 12 bytes of S and the number that layer - 1 left before this layer's body. */
static void unwrap_counter(struct onion_unwrap *u, u32 layer)
{
	u8 *body = unwrap_body(u, layer);

	u->counters[layer - 1] = onion_complete(mv_get_le32(body - 4), u->highest[layer - 1]);
}

static void unwrap_layer(struct aead_job *job, struct onion_unwrap *u, u32 layer)
{
	u32 hops = u->keys->hops;
	u8 *body = unwrap_body(u, layer);
	bool last = layer == hops;

	*job = (struct aead_job) {
		.kind = AEAD_OPEN, .key = u->keys->kb[layer - 1], .nonce = u->counters[layer - 1],
		.src = body, .dst = body, .len = u->body,
	};
	if (layer == 1) {
		job->src = u->cell + MV_CELL_BODY;
		job->tag = u->cell + MV_CELL_LAYER;
		job->tag_len = MV_LAYER_LEN;
	} else if (last) {
		job->tag = body - MV_LAYER_LEN;
		job->tag_len = 12;
	} else {
		job->kind = AEAD_XOR;
		job->len = u->body - MV_LAYER_LEN * (layer - 1);
	}
}

static void unwrap_done(struct onion_unwrap *u)
{
	u32 hop;

	if (!u->ok)
		return;
	u->payload = unwrap_body(u, u->keys->hops);
	for (hop = 0; hop < u->keys->hops; hop++)
		if (u->highest[hop] < u->counters[hop])
			u->highest[hop] = u->counters[hop];
}

static void unwrap_chunk(struct onion_unwrap *cells, unsigned int n)
{
	struct aead_job jobs[ONION_BATCH];
	struct onion_unwrap *of[ONION_BATCH];
	struct gather g;
	unsigned int i, count;
	u32 layer;

	g.n = 0;
	for (i = 0; i < n; i++) {
		cells[i].ok = true;
		cells[i].payload = NULL;
	}
	for (layer = 1; layer <= MV_HOPS_MAX; layer++) {
		for (count = i = 0; i < n; i++) {
			if (!cells[i].ok || layer > cells[i].keys->hops)
				continue;
			if (layer > 1)
				unwrap_counter(&cells[i], layer);
			if (layer == cells[i].keys->hops)
				unwrap_reserve(&g, &cells[i]);
			unwrap_layer(&jobs[count], &cells[i], layer);
			of[count++] = &cells[i];
		}
		if (!count)
			break;
		gather_run(&g);
		aead_run(jobs, count);
		for (i = 0; i < count; i++)
			of[i]->ok = jobs[i].ok;
	}
	gather_end(&g);
	for (i = 0; i < n; i++)
		unwrap_done(&cells[i]);
}

void onion_unwrap(struct onion_unwrap *cells, unsigned int n)
{
	unsigned int take;

	for (; n; cells += take, n -= take) {
		take = n < ONION_BATCH ? n : ONION_BATCH;
		unwrap_chunk(cells, take);
	}
}
