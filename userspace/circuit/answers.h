/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What makes CREATE, EXTEND and BIND idempotent: a small cache from transaction id to the reply,
 * with a hash of the request, so that a repeated one is answered again and one with the same id
 * and other bytes is refused.
 */
#ifndef MESHVPN_CIRCUIT_ANSWERS_H
#define MESHVPN_CIRCUIT_ANSWERS_H

#include <base/list.h>
#include <stddef.h>

struct answer {
	struct list list;
	u64 txid, at;			/* ns, when it was made */
	u8 hash[16];			/* of the request */
	u8 type;			/* of the reply; 0: still in work */
	size_t len;
	u8 data[];
};

struct answers {
	struct list list;		/* newest first */
	u32 count, max;
};

void answers_init(struct answers *a, u32 max);
void answers_fini(struct answers *a);		/* erases the replies */

/*
 * Is the request known? 0: no. 1: yes, @found is its answer. -EEXIST: the id is, the bytes are not.
 */
int answers_find(struct answers *a, u64 txid, u8 request_type, const void *request, size_t len,
		 struct answer **found);

/* Remember a request and its reply (@type 0: none yet). The oldest goes. NULL: no memory. */
struct answer *answers_add(struct answers *a, u64 now, u64 txid, u8 request_type, const void *request,
			   size_t len, u8 type, const void *reply, size_t reply_len);

/* Set the reply of one added without. -ENOMEM, -ENOENT. */
int answers_set(struct answers *a, u64 txid, u8 type, const void *reply, size_t reply_len);

/* Forget those older than @before (ns). */
void answers_expire(struct answers *a, u64 before);

#endif
