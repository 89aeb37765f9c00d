// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SipHash-2-4 of eight headers in the lanes of vectors, compiled for each instruction set. Few
 * headers go one by one, which is then faster.
 */
#include "headers.h"

#define LANES 8
#define ALONE 2		/* up to so many at a time */

typedef u64 lanes __attribute__((vector_size(8 * LANES)));

struct sip {
	lanes v0, v1, v2, v3;
};

/* The words of eight headers. */
struct words {
	u64 k0[2][LANES], k1[2][LANES];		/* of the tag, of the mask */
	u64 h[LANES], body[LANES], link[LANES], s0[LANES], s1[LANES];
	u64 tag[LANES], mask[LANES];
} __attribute__((aligned(64)));

#define V(a) (*(lanes *)(a))

static __always_inline void sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = MV_SIPROL(s->v1, 13) ^ s->v0;
	s->v3 = MV_SIPROL(s->v3, 16) ^ s->v2;
	s->v0 = MV_SIPROL(s->v0, 32);
	s->v2 += s->v1;
	s->v0 += s->v3;
	s->v1 = MV_SIPROL(s->v1, 17) ^ s->v2;
	s->v3 = MV_SIPROL(s->v3, 21) ^ s->v0;
	s->v2 = MV_SIPROL(s->v2, 32);
}

static __always_inline void sip_init(struct sip *s, struct words *w, int key)
{
	s->v0 = V(w->k0[key]) ^ 0x736f6d6570736575ULL;
	s->v1 = V(w->k1[key]) ^ 0x646f72616e646f6dULL;
	s->v2 = V(w->k0[key]) ^ 0x6c7967656e657261ULL;
	s->v3 = V(w->k1[key]) ^ 0x7465646279746573ULL;
}

static __always_inline void sip_word(struct sip *s, lanes *m)
{
	s->v3 ^= *m;
	sip_round(s);
	sip_round(s);
	s->v0 ^= *m;
}

static __always_inline void sip_final(struct sip *s, u64 words, u64 *out)
{
	lanes last = (lanes){} + (words * 8 << 56);

	sip_word(s, &last);
	s->v2 ^= 0xff;
	sip_round(s);
	sip_round(s);
	sip_round(s);
	sip_round(s);
	V(out) = s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

static __always_inline void make_tag(struct words *w, u64 *out)
{
	struct sip s;

	sip_init(&s, w, 0);
	sip_word(&s, &V(w->h));
	sip_word(&s, &V(w->body));
	sip_word(&s, &V(w->link));
	sip_word(&s, &V(w->s0));
	sip_word(&s, &V(w->s1));
	sip_final(&s, 5, out);
}

static __always_inline void make_mask(struct words *w)
{
	struct sip s;

	sip_init(&s, w, 1);
	sip_word(&s, &V(w->s0));
	sip_word(&s, &V(w->s1));
	sip_word(&s, &V(w->tag));
	sip_final(&s, 3, w->mask);
}

/* In: tag as received, h masked. Out: h in clear, tag: 0 where it is right. */
static __always_inline void open_words(struct words *w)
{
	u64 want[LANES] __attribute__((aligned(64)));

	make_mask(w);
	V(w->h) ^= V(w->mask);
	make_tag(w, want);
	V(w->tag) ^= V(want);
}

/* In: h in clear. Out: tag, h masked. */
static __always_inline void seal_words(struct words *w)
{
	make_tag(w, w->tag);
	make_mask(w);
	V(w->h) ^= V(w->mask);
}

#define VARIANTS(name, attributes)					\
	attributes static void open_##name(struct words *w)		\
	{								\
		open_words(w);						\
	}								\
	attributes static void seal_##name(struct words *w)		\
	{								\
		seal_words(w);						\
	}

VARIANTS(generic, )
#ifdef __x86_64__
VARIANTS(avx2, __attribute__((target("avx2"))))
VARIANTS(avx512, __attribute__((target("avx512f"))))

static void run(struct words *w, bool seal)
{
	if (__builtin_cpu_supports("avx512f"))
		(seal ? seal_avx512 : open_avx512)(w);
	else if (__builtin_cpu_supports("avx2"))
		(seal ? seal_avx2 : open_avx2)(w);
	else
		(seal ? seal_generic : open_generic)(w);
}
#else
static void run(struct words *w, bool seal)
{
	(seal ? seal_generic : open_generic)(w);
}
#endif

static void load(struct words *w, const struct header_job *jobs, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < LANES; i++) {
		const struct header_job *j = &jobs[i < n ? i : 0];

		w->k0[0][i] = j->keys->tag.k0;
		w->k1[0][i] = j->keys->tag.k1;
		w->k0[1][i] = j->keys->mask.k0;
		w->k1[1][i] = j->keys->mask.k1;
		w->body[i] = j->body;
		w->s0[i] = mv_get_le64(j->cell + MV_CELL_LAYER);
		w->s1[i] = mv_get_le64(j->cell + MV_CELL_LAYER + 8);
	}
}

static void open_some(struct header_job *jobs, unsigned int n)
{
	struct words w;
	unsigned int i;

	load(&w, jobs, n);
	for (i = 0; i < LANES; i++) {
		const u8 *cell = jobs[i < n ? i : 0].cell;

		w.link[i] = mv_cell_link(cell);
		w.tag[i] = mv_get_le64(cell + MV_CELL_TAG);
		w.h[i] = mv_get_le64(cell + MV_CELL_MASKED);
	}
	run(&w, false);
	for (i = 0; i < n; i++) {
		jobs[i].header.circuit = (u32)(w.h[i] >> MV_COUNTER_BITS);
		jobs[i].header.counter = w.h[i] & MV_COUNTER_MAX;
		jobs[i].ok = !w.tag[i];
	}
}

static void seal_some(struct header_job *jobs, unsigned int n)
{
	struct words w;
	unsigned int i;

	load(&w, jobs, n);
	for (i = 0; i < LANES; i++) {
		const struct header_job *j = &jobs[i < n ? i : 0];

		w.link[i] = j->link_id;
		w.h[i] = (u64)j->header.circuit << MV_COUNTER_BITS | j->header.counter;
	}
	run(&w, true);
	for (i = 0; i < n; i++) {
		u8 *cell = jobs[i].cell;

		mv_put_le64(cell, jobs[i].link_id << 8 | MV_CELL_MARK | (jobs[i].random & 0x3f));
		mv_put_le64(cell + MV_CELL_TAG, w.tag[i]);
		mv_put_le64(cell + MV_CELL_MASKED, w.h[i]);
	}
}

void headers_open(struct header_job *jobs, unsigned int n)
{
	unsigned int take;

	for (; n > ALONE; jobs += take, n -= take) {
		take = n < LANES ? n : LANES;
		open_some(jobs, take);
	}
	for (; n; jobs++, n--)
		jobs->ok = mv_header_open(jobs->cell, jobs->keys, jobs->body, &jobs->header);
}

void headers_seal(struct header_job *jobs, unsigned int n)
{
	unsigned int take;

	for (; n > ALONE; jobs += take, n -= take) {
		take = n < LANES ? n : LANES;
		seal_some(jobs, take);
	}
	for (; n; jobs++, n--)
		mv_header_seal(jobs->cell, jobs->keys, jobs->link_id, jobs->header.circuit,
			       jobs->header.counter, jobs->body, jobs->random);
}
