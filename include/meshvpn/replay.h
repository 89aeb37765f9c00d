/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Replay window: sliding bitmap of RFC 6479. One more word than the window needs, so that moving
 * on clears whole words. Each window has one writer (the owner of that circuit's direction);
 * where a second core may hold a cell of the same direction the caller locks.
 */
#ifndef MESHVPN_REPLAY_H
#define MESHVPN_REPLAY_H

#include "types.h"

#define MV_REPLAY_WORDS		33	/* u64 */
#define MV_REPLAY_WINDOW	((MV_REPLAY_WORDS - 1) * 64)	/* 2048 cells */

struct mv_replay {
	u64 next;			/* one past the highest number seen, 0: none yet */
	u64 bits[MV_REPLAY_WORDS];
};

/* An empty window accepts every number. */
static __always_inline void mv_replay_init(struct mv_replay *w)
{
	mv_memset(w, 0, sizeof(*w));
}

/* Would @n be accepted? Cheap check before the authentication; changes nothing. */
static __always_inline bool mv_replay_check(const struct mv_replay *w, u64 n)
{
	if (n >= w->next)
		return 1;
	if (w->next - n > MV_REPLAY_WINDOW)
		return 0;
	return !(w->bits[n / 64 % MV_REPLAY_WORDS] >> (n % 64) & 1);
}

/* Test and set, after authentication: false if @n was seen or is too old. */
static __always_inline bool mv_replay_commit(struct mv_replay *w, u64 n)
{
	u64 bit = 1ULL << (n % 64);
	u64 *word = &w->bits[n / 64 % MV_REPLAY_WORDS];

	if (n >= w->next) {
		u64 from = w->next ? (w->next - 1) / 64 : 0, steps = n / 64 - from;
		u32 i;

		if (steps > MV_REPLAY_WORDS)
			steps = MV_REPLAY_WORDS;
		for (i = 1; i <= MV_REPLAY_WORDS && i <= steps; i++)
			w->bits[(from + i) % MV_REPLAY_WORDS] = 0;
		w->next = n + 1;
	} else if (w->next - n > MV_REPLAY_WINDOW) {
		return 0;
	}
	if (*word & bit)
		return 0;
	*word |= bit;
	return 1;
}

#endif
