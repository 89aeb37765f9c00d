// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The origin's side of a cell's layers. A cell in work lies in its scratch so that every layer is
 * done in place: body i starts at 16 * i with S i right before it, so that S i+1 and body i+1 as
 * they lie are the plaintext of layer i. The last layer, nearest to the guard, goes straight into
 * the cell; backward, the first one comes straight out of it.
 */
#include "onion.h"

#include <sodium.h>

/* Layers count from 1 as in the protocol, arrays from 0. */
static u8 *wrap_body(const struct onion_wrap *w, u32 layer)
{
	return layer > 1 ? w->scratch + MV_LAYER_LEN * layer : w->cell + MV_CELL_BODY;
}

static void xor_bytes(u8 *dst, const u8 *src, u32 len)
{
	u32 i;

	for (i = 0; i < len; i++)
		dst[i] ^= src[i];
}

/*
 * What every relay adds at the tail, computed ahead as in Sphinx (Danezis, Goldberg 2009): write
 * tail n XOR KS n to the end of body n, so that sealing body n leaves tail n there.
 */
static void wrap_filler(const struct onion_wrap *w, const u8 z[][AEAD_Z_LEN])
{
	u8 ks[MV_LAYER_LEN * MV_HOPS_MAX];
	u32 n = w->keys->hops, i, len;
	u8 *tail = wrap_body(w, n) + w->body - MV_LAYER_LEN * (n - 1);

	for (i = 1; i <= n; i++) {
		len = MV_LAYER_LEN * (i - 1);
		if (len) {
			aead_keystream(w->keys->kf[i - 1], w->counter, w->body - len, ks, len);
			xor_bytes(tail, ks, len);
		}
		if (i < n)
			memcpy(tail + len, z[i - 1], AEAD_Z_LEN);
	}
	sodium_memzero(ks, sizeof(ks));
}

static void wrap_fillers(const struct onion_wrap *cells, unsigned int n)
{
	static __thread u8 z[ONION_BATCH][MV_HOPS_MAX][AEAD_Z_LEN];
	struct aead_job jobs[ONION_BATCH];
	unsigned int i, count, hop;

	for (hop = 0; hop < MV_HOPS_MAX - 1; hop++) {
		for (count = i = 0; i < n; i++)
			if (hop + 1 < cells[i].keys->hops)
				jobs[count++] = (struct aead_job) {
					.kind = AEAD_XOR, .key = cells[i].keys->kf[hop],
					.nonce = cells[i].counter, .src = z[i][hop],
					.dst = z[i][hop], .z = z[i][hop],
				};
		if (!count)
			break;
		aead_run(jobs, count);
	}
	for (i = 0; i < n; i++)
		wrap_filler(&cells[i], z[i]);
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
static void unwrap_reserve(const struct onion_unwrap *u)
{
	u32 n = u->keys->hops, from = u->body - u->keys->reserve;

	aead_keystream(u->keys->kb[n - 1], u->counters[n - 1], from, unwrap_body(u, n) + from,
		       u->keys->reserve);
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
	unsigned int i, count;
	u32 layer;

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
				unwrap_reserve(&cells[i]);
			unwrap_layer(&jobs[count], &cells[i], layer);
			of[count++] = &cells[i];
		}
		if (!count)
			break;
		aead_run(jobs, count);
		for (i = 0; i < count; i++)
			of[i]->ok = jobs[i].ok;
	}
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
