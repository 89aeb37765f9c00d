/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory for keys: small blocks out of chunks that are locked, left out of core dumps and erased
 * when a block is given back. Denser than sodium_malloc(), which takes four pages for a key.
 */
#ifndef MESHVPN_DATAPATH_SECRET_H
#define MESHVPN_DATAPATH_SECRET_H

#include <stddef.h>
#include <meshvpn/types.h>

#define SECRET_MAX 1024		/* bytes of a block */
#define SECRET_CLASSES (SECRET_MAX / 64)

struct secret_chunk;
struct secrets {
	struct secret_chunk *chunks;
	void *free[SECRET_CLASSES];
	bool plain;		/* set after init: no keys, only small blocks that lie close together */
	bool unlocked;		/* some chunk could not be locked: RLIMIT_MEMLOCK */
};

void secrets_init(struct secrets *s);
void secrets_fini(struct secrets *s);	/* erases everything */

/* Zeroed, aligned to 64, at most SECRET_MAX; NULL. */
void *secret_alloc(struct secrets *s, size_t len);
void secret_free(struct secrets *s, void *block, size_t len);

#endif
