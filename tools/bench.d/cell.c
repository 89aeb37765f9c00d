// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a cell costs a core without I/O: a relay's work in both directions (header opened, replay
 * window, layer, header sealed) and the origin's wrapping and opening, against the bare AEAD over
 * the same cells in the same run. "of AEAD" is the part of the bare AEAD's speed that is reached,
 * counting one pass a hop; the median of the runs, each of which alternates with the bare AEAD.
 *
 *	cell [RUNS]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sodium.h>

#include <crypto/aead.h>
#include <datapath/headers.h>
#include <datapath/onion.h>
#include <meshvpn/replay.h>

#define CELLS 512	/* received, one after the other; about 700 KB */
#define BATCH_MAX 32
#define STRIDE (MV_CELL_HEADER + MV_BODY_LARGE)
#define MAX_RUNS 101
#define RUN_NS 15e6

static u8 rx[CELLS][STRIDE], fresh[CELLS][STRIDE], tx[BATCH_MAX][STRIDE];
static u8 scratch[BATCH_MAX][ONION_SCRATCH] __attribute__((aligned(64)));
static u8 fill[MV_RESERVE_LONG], randoms[4096];
static struct aead_job jobs[BATCH_MAX];
static struct header_job heads[BATCH_MAX];
static struct onion_keys keys;
static struct mv_header_keys in_keys, out_keys;
static struct mv_replay window;
static u64 highest[MV_HOPS_MAX], number;
static u32 body = MV_BODY_LARGE;
static unsigned int runs = 9;
static u64 refused;

typedef void (*work)(u32 first, u32 batch);

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

/* ---- the bare AEAD: the relay's jobs, and nothing else ---- */

static void bare_open(u32 first, u32 batch)
{
	u32 i;

	for (i = 0; i < batch; i++)
		onion_peel(&jobs[i], keys.kf[0], first + i, rx[first + i], tx[i], body);
	aead_run(jobs, batch);
}

static void bare_seal(u32 first, u32 batch)
{
	u32 i;

	for (i = 0; i < batch; i++)
		jobs[i] = (struct aead_job) {
			.kind = AEAD_SEAL, .key = keys.kb[0], .nonce = first + i, .len = body,
			.src = rx[first + i] + MV_CELL_LAYER, .dst = tx[i] + MV_CELL_BODY,
			.tag = tx[i] + MV_CELL_LAYER,
		};
	aead_run(jobs, batch);
}

/* ---- relay ---- */

static void open_rx(u32 first, u32 batch)
{
	u32 i;

	if (!first)
		mv_replay_init(&window);
	for (i = 0; i < batch; i++) {
		heads[i].cell = rx[first + i];
		heads[i].keys = &in_keys;
		heads[i].body = body;
		refused += !mv_cell_shape(rx[first + i], STRIDE);
	}
	headers_open(heads, batch);
	for (i = 0; i < batch; i++)
		refused += !heads[i].ok || !mv_replay_check(&window, heads[i].header.counter);
}

/* The numbers are in heads[].header.counter. */
static void seal_tx(u32 batch)
{
	u32 i;

	for (i = 0; i < batch; i++) {
		heads[i].cell = tx[i];
		heads[i].keys = &out_keys;
		heads[i].body = body;
		heads[i].link_id = 77;
		heads[i].header.circuit = 88;
		heads[i].random = randoms[heads[i].header.counter % sizeof(randoms)];
	}
	headers_seal(heads, batch);
}

static void relay_forward(u32 first, u32 batch)
{
	u32 i;

	open_rx(first, batch);
	for (i = 0; i < batch; i++)
		onion_peel(&jobs[i], keys.kf[0], heads[i].header.counter, rx[first + i], tx[i], body);
	aead_run(jobs, batch);
	for (i = 0; i < batch; i++)
		refused += !jobs[i].ok || !mv_replay_commit(&window, heads[i].header.counter);
	seal_tx(batch);
}

static void relay_backward(u32 first, u32 batch)
{
	u32 i;

	open_rx(first, batch);
	for (i = 0; i < batch; i++) {
		u64 received = heads[i].header.counter;

		refused += !mv_replay_commit(&window, received);
		heads[i].header.counter = number++;
		onion_add(&jobs[i], keys.kb[0], heads[i].header.counter, rx[first + i], received, tx[i],
			  body);
	}
	aead_run(jobs, batch);
	seal_tx(batch);
	/* for the next round: the header covers the four bytes that the counter replaced */
	for (i = 0; i < batch; i++)
		memcpy(rx[first + i] + 36, fresh[first + i] + 36, 4);
}

/* ---- origin ---- */

static void origin_wrap(u32 first, u32 batch)
{
	static struct onion_wrap w[BATCH_MAX];
	u32 i;

	for (i = 0; i < batch; i++) {
		heads[i].header.counter = number++;
		w[i] = (struct onion_wrap) {
			.keys = &keys, .counter = heads[i].header.counter, .body = body, .cell = tx[i],
			.scratch = scratch[i], .fill = fill,
		};
	}
	onion_wrap(w, batch);
	seal_tx(batch);
}

static void origin_open(u32 first, u32 batch)
{
	static struct onion_unwrap u[BATCH_MAX];
	u32 i;

	open_rx(first, batch);
	for (i = 0; i < batch; i++)
		u[i] = (struct onion_unwrap) {
			.keys = &keys, .highest = highest, .cell = rx[first + i], .body = body,
			.scratch = scratch[i], .counters = { heads[i].header.counter },
		};
	onion_unwrap(u, batch);
	for (i = 0; i < batch; i++)
		refused += !u[i].ok || !mv_replay_commit(&window, u[i].counters[0]);
	if (keys.hops == 1)	/* opened in place */
		for (i = 0; i < batch; i++)
			memcpy(rx[first + i], fresh[first + i], STRIDE);
}

/* ---- cells to work on ---- */

static void seal_rx(u32 i)
{
	mv_header_seal(rx[i], &in_keys, 55, 66, 4096 + i, body, (u8)i);
}

static void make_forward(void)
{
	u32 i;

	for (i = 0; i < CELLS; i++) {
		struct aead_job job;

		onion_seal(&job, keys.kf[0], 4096 + i, rx[i], body, 0);
		aead_run(&job, 1);
		seal_rx(i);
	}
	memcpy(fresh, rx, sizeof(rx));
}

static void make_backward(void)
{
	u32 i, h;

	for (i = 0; i < CELLS; i++) {
		u8 *cell = rx[i], *out = tx[0], *t;
		struct aead_job job;

		h = keys.hops - 1;
		onion_seal(&job, keys.kb[h], 4096 + i, cell, body, keys.reserve);
		aead_run(&job, 1);
		while (h--) {
			onion_add(&job, keys.kb[h], 4096 + i, cell, 4096 + i, out, body);
			aead_run(&job, 1);
			t = cell;
			cell = out;
			out = t;
		}
		if (cell != rx[i])
			memcpy(rx[i], cell, STRIDE);
		seal_rx(i);
	}
	memset(highest, 0, sizeof(highest));
	memcpy(fresh, rx, sizeof(rx));
}

/* ---- measuring ---- */

/* ns a cell */
static double once(work fn, u32 batch)
{
	double start = now_ns(), t;
	u64 cells = 0;
	u32 first;

	do {
		for (first = 0; first + batch <= CELLS; first += batch)
			fn(first, batch);
		cells += first;
		t = now_ns() - start;
	} while (t < RUN_NS);
	return t / cells;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(const char *name, work fn, work bare, u32 batch, u32 layers)
{
	double ns[MAX_RUNS], base[MAX_RUNS], ratio[MAX_RUNS];
	unsigned int i;

	refused = 0;
	once(fn, batch);
	for (i = 0; i < runs; i++) {
		base[i] = once(bare, batch);
		ns[i] = once(fn, batch);
		ratio[i] = 100 * base[i] * layers / ns[i];
	}
	qsort(ns, runs, sizeof(double), compare);
	qsort(base, runs, sizeof(double), compare);
	qsort(ratio, runs, sizeof(double), compare);
	printf("%s_batch%u: %.0f ns/cell\n", name, batch, ns[runs / 2]);
	printf("%s_batch%u_rate: %.2f Gbit/s\n", name, batch, STRIDE * 8 / ns[runs / 2]);
	printf("%s_batch%u_bare: %.0f ns/cell\n", name, batch, base[runs / 2]);
	printf("%s_batch%u_of_aead: %.1f %%\n", name, batch, ratio[runs / 2]);
	if (refused) {
		fprintf(stderr, "%s: %llu cells refused\n", name, (unsigned long long)refused);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	static const u32 batches[] = { 1, BATCH_MAX }, hops[] = { 1, 3, 10 };
	char name[64];
	u32 b, h;

	if (argc > 1)
		runs = strtoul(argv[1], NULL, 10);
	if (runs < 5 || runs > MAX_RUNS || sodium_init() < 0) {
		fprintf(stderr, "usage: cell [RUNS], 5 to %d\n", MAX_RUNS);
		return 2;
	}
	aead_select(NULL);
	fprintf(stderr, "AEAD: %s, cells of %d bytes, median of %u runs\n", aead_selected()->name, STRIDE,
		runs);
	randombytes_buf(&keys, sizeof(keys));
	randombytes_buf(&in_keys, sizeof(in_keys));
	randombytes_buf(&out_keys, sizeof(out_keys));
	randombytes_buf(randoms, sizeof(randoms));
	for (b = 0; b < 2; b++) {
		keys.hops = 1;
		keys.reserve = mv_reserve(1);
		make_forward();
		measure("relay_forward", relay_forward, bare_open, batches[b], 1);
		measure("relay_backward", relay_backward, bare_seal, batches[b], 1);
		for (h = 0; h < 3; h++) {
			keys.hops = hops[h];
			keys.reserve = mv_reserve(hops[h]);
			snprintf(name, sizeof(name), "origin_wrap_%uhops", hops[h]);
			measure(name, origin_wrap, bare_seal, batches[b], hops[h]);
			make_backward();
			snprintf(name, sizeof(name), "origin_open_%uhops", hops[h]);
			measure(name, origin_open, bare_open, batches[b], hops[h]);
		}
	}
	return 0;
}
