// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How long the bulk AEAD takes for a cell, by implementation, body length and batch size, beside
 * what bounds it: libsodium's combined AEAD of the same length, and memcpy. Jobs are those of a
 * relay: out of place, with the 16 bytes that refill a peeled cell.
 *
 *	aead [RUNS] [IMPL]
 */
#include "crypto/aead.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <sodium.h>

#define MAX_BATCH 32
#define MAX_BODY 1328
#define STRIDE 1536
#define MAX_RUNS 101
#define RUN_NS 2000000

static u8 src[MAX_BATCH][STRIDE], dst[MAX_BATCH][STRIDE], keys[MAX_BATCH][AEAD_KEY_LEN];
static struct aead_job jobs[MAX_BATCH];
static const u32 lengths[] = { 256, 1152, 1328 };
static const unsigned int batches[] = { 1, 2, 4, 8, 16, 32 };
static unsigned int runs = 7;

struct work {
	const struct aead_impl *impl;
	enum aead_kind kind;
	u32 len;
	unsigned int batch;
};

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

static void setup(const struct work *w)
{
	unsigned int i;

	for (i = 0; i < w->batch; i++) {
		jobs[i] = (struct aead_job){
			.kind = w->kind, .tag_len = AEAD_TAG_LEN, .len = w->len, .nonce = i,
			.key = keys[i], .src = src[i] + 56, .dst = dst[i] + 56,
			.tag = w->kind == AEAD_SEAL ? dst[i] + 40 : src[i] + 40,
			.z = w->kind == AEAD_OPEN ? dst[i] + 56 + w->len : NULL,
		};
	}
}

static void run_aead(const struct work *w)
{
	w->impl->run(jobs, w->batch);
}

static void run_combined(const struct work *w)
{
	static const u8 nonce[12];
	unsigned int i;

	for (i = 0; i < w->batch; i++)
		crypto_aead_chacha20poly1305_ietf_encrypt_detached(dst[i] + 56, dst[i] + 40, NULL,
								   src[i] + 56, w->len, NULL, 0,
								   NULL, nonce, keys[i]);
}

static void run_memcpy(const struct work *w)
{
	unsigned int i;

	for (i = 0; i < w->batch; i++) {
		memcpy(dst[i] + 56, src[i] + 56, w->len);
		__asm__ volatile("" ::: "memory");
	}
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Median over the runs of the nanoseconds a cell. */
static double measure(void (*fn)(const struct work *), const struct work *w)
{
	double ns[MAX_RUNS], start, end;
	unsigned int i;

	for (i = 0; i <= runs; i++) {
		unsigned long cells = 0;

		start = now_ns();
		do {
			int k;

			for (k = 0; k < 32; k++)
				fn(w);
			cells += 32 * w->batch;
			end = now_ns();
		} while (end - start < RUN_NS);
		if (i)	/* the first warms up */
			ns[i - 1] = (end - start) / cells;
	}
	qsort(ns, runs, sizeof(ns[0]), compare);
	return ns[runs / 2];
}

static void bench(const struct aead_impl *impl, u32 len)
{
	unsigned int i;

	for (i = 0; i < sizeof(batches) / sizeof(batches[0]); i++) {
		struct work w = { impl, AEAD_OPEN, len, batches[i] };
		double open, seal, combined, copy;

		setup(&w);
		open = measure(run_aead, &w);
		w.kind = AEAD_SEAL;
		setup(&w);
		seal = measure(run_aead, &w);
		combined = measure(run_combined, &w);
		copy = measure(run_memcpy, &w);
		printf("%-13s %5u %5u %8.0f %8.0f %10.0f %7.0f\n", impl->name, len, w.batch, open,
		       seal, combined, copy);
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	const struct aead_impl *impl;
	unsigned int i;

	if (argc > 1)
		runs = atoi(argv[1]);
	if (runs < 1 || runs > MAX_RUNS || sodium_init() < 0) {
		fprintf(stderr, "usage: aead [RUNS] [IMPL], 1 to %d runs\n", MAX_RUNS);
		return 2;
	}
	randombytes_buf(keys, sizeof(keys));
	randombytes_buf(src, sizeof(src));
	printf("ns per cell, median of %u runs of %d ms, one thread\n", runs, RUN_NS / 1000000);
	printf("%-13s %5s %5s %8s %8s %10s %7s\n", "impl", "body", "batch", "open", "seal",
	       "libsodium", "memcpy");
	for (impl = aead_impls; impl->name; impl++) {
		if (!impl->usable() || (argc > 2 && strcmp(argv[2], impl->name)))
			continue;
		for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
			bench(impl, lengths[i]);
	}
	return 0;
}
