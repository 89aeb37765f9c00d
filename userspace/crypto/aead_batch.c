// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The driver of the SIMD implementations of the bulk AEAD. It cuts a batch into chunks of as many
 * jobs as the ChaCha kernel has lanes and lines up their blocks: first every block 0, then the
 * bodies one after the other. Lanes are thus full whatever the lengths are, but for the last
 * pass; and a single cell fills them with its own blocks.
 */
#include "crypto/aead_internal.h"

#include <sodium.h>

/* What the kernels have on the stack: registers that the compiler spilled. */
#define KERNEL_STACK 1024

/* What the keystream of a run is for. */
struct piece {
	const u8 *src;
	u8 *dst;
	u32 len;
	u32 lane;
};

/* One pass of the ChaCha kernel. */
struct pass {
	struct chacha_run runs[AEAD_MAX_LANES];
	struct piece pieces[AEAD_MAX_LANES];
	unsigned int nruns, npieces, lanes;
};

/* Secrets of a chunk: those of the first pass, and what only more passes and jobs use. */
struct scratch {
	u8 first[AEAD_MAX_LANES * CHACHA_BLOCK] __attribute__((aligned(64)));
	u8 work[AEAD_WORK_LEN] __attribute__((aligned(64)));
	struct poly_job poly[AEAD_MAX_LANES];
	u8 ks[AEAD_MAX_LANES * CHACHA_BLOCK] __attribute__((aligned(64)));
};

struct chunk {
	const struct aead_simd *simd;
	struct scratch *s;
	struct aead_job *jobs;
	unsigned int n;
	/* block 0 of each job, or NULL */
	const u8 *block0[AEAD_MAX_LANES];
	/* the next body byte to line up */
	unsigned int job;
	u32 offset;
	/* did any pass use ks? */
	bool more;
};

static void add_run(struct pass *p, const struct aead_job *job, u32 counter, u32 lanes)
{
	p->runs[p->nruns++] = (struct chacha_run){
		.key = job->key, .nonce = job->nonce, .counter = counter, .lanes = lanes,
	};
	p->lanes += lanes;
}

/* Line up block 0 of each job that needs it. */
static void add_block0(struct chunk *c, struct pass *p)
{
	unsigned int i;

	for (i = 0; i < c->n; i++) {
		c->block0[i] = NULL;
		if (c->jobs[i].kind == AEAD_XOR && !c->jobs[i].z)
			continue;
		c->block0[i] = c->s->first + p->lanes * CHACHA_BLOCK;
		add_run(p, &c->jobs[i], 0, 1);
	}
}

/* Line up more of the bodies, until the lanes are full. */
static void add_bodies(struct chunk *c, struct pass *p)
{
	while (c->job < c->n && p->lanes < c->simd->lanes) {
		const struct aead_job *job = &c->jobs[c->job];
		u32 len = job->len - c->offset;
		u32 room = (c->simd->lanes - p->lanes) * CHACHA_BLOCK;

		if (!len) {
			c->job++;
			c->offset = 0;
			continue;
		}
		if (len > room)
			len = room;
		p->pieces[p->npieces++] = (struct piece){
			.src = job->src + c->offset, .dst = job->dst + c->offset,
			.len = len, .lane = p->lanes,
		};
		add_run(p, job, 1 + c->offset / CHACHA_BLOCK,
			(len + CHACHA_BLOCK - 1) / CHACHA_BLOCK);
		c->offset += len;
	}
}

static void make_keystream(const struct chunk *c, const struct pass *p, u8 *ks)
{
	if (p->nruns)
		c->simd->chacha(p->runs, p->nruns, ks, c->s->work);
}

static void apply_keystream(const struct chunk *c, const struct pass *p, const u8 *ks)
{
	unsigned int i;

	for (i = 0; i < p->npieces; i++)
		c->simd->xor(p->pieces[i].dst, p->pieces[i].src,
			     ks + p->pieces[i].lane * CHACHA_BLOCK, p->pieces[i].len);
}

/* Compute the tags of all jobs of @kind, in their order. */
static void make_tags(const struct chunk *c, enum aead_kind kind)
{
	struct poly_job *poly = c->s->poly;
	unsigned int i;

	for (i = 0; i < c->n; i++) {
		const struct aead_job *job = &c->jobs[i];

		if (job->kind != kind)
			continue;
		poly->key = c->block0[i];
		poly->msg = kind == AEAD_SEAL ? job->dst : job->src;
		poly->len = job->len;
		mv_put_le64(poly->last, 0);
		mv_put_le64(poly->last + 8, job->len);
		poly++;
	}
	if (poly != c->s->poly)
		c->simd->poly(c->s->poly, poly - c->s->poly, c->s->work);
}

static void check_tags(const struct chunk *c)
{
	const struct poly_job *poly = c->s->poly;
	unsigned int i;

	make_tags(c, AEAD_OPEN);
	for (i = 0; i < c->n; i++) {
		c->jobs[i].ok = true;
		if (c->jobs[i].kind == AEAD_OPEN)
			c->jobs[i].ok = aead_tag_ok(&c->jobs[i], (poly++)->tag);
	}
}

static void write_tags(const struct chunk *c)
{
	const struct poly_job *poly = c->s->poly;
	unsigned int i;

	make_tags(c, AEAD_SEAL);
	for (i = 0; i < c->n; i++) {
		if (c->jobs[i].kind == AEAD_SEAL)
			memcpy(c->jobs[i].tag, (poly++)->tag, AEAD_TAG_LEN);
		if (c->jobs[i].z)
			memcpy(c->jobs[i].z, c->block0[i] + 32, AEAD_Z_LEN);
	}
}

/* Tags to compare come before the bodies are decrypted, which may be in place. */
static void run_chunk(struct chunk *c)
{
	struct pass p;

	p.nruns = p.npieces = p.lanes = 0;
	add_block0(c, &p);
	add_bodies(c, &p);
	make_keystream(c, &p, c->s->first);
	check_tags(c);
	apply_keystream(c, &p, c->s->first);
	for (;;) {
		p.nruns = p.npieces = p.lanes = 0;
		add_bodies(c, &p);
		if (!p.nruns)
			break;
		c->more = true;
		make_keystream(c, &p, c->s->ks);
		apply_keystream(c, &p, c->s->ks);
	}
	write_tags(c);
}

static void erase(struct scratch *s, bool more)
{
	sodium_memzero(s, more ? sizeof(*s) : offsetof(struct scratch, ks));
	sodium_stackzero(KERNEL_STACK);
}

void aead_batch_run(const struct aead_simd *simd, struct aead_job *jobs, unsigned int n)
{
	struct scratch s;
	struct chunk c;
	unsigned int i;

	c.simd = simd;
	c.s = &s;
	c.more = false;
	for (i = 0; i < n; i += c.n) {
		c.jobs = jobs + i;
		c.n = n - i < simd->lanes ? n - i : simd->lanes;
		c.job = 0;
		c.offset = 0;
		run_chunk(&c);
	}
	erase(&s, c.more);
}
