/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What makes CREATE, EXTEND and BIND idempotent: a small, short-lived cache from a transaction id
 * to the request that it named and the reply that it got. One a link or circuit, since transaction
 * ids are unique there only (Documentation/protocol.rst, "Links and handshakes").
 */
#ifndef MESHVPN_LINK_REPLIES_H
#define MESHVPN_LINK_REPLIES_H

#include <base/list.h>

#include "message.h"

struct replies {
	struct list entries;		/* oldest first */
	struct htable index;		/* by transaction id; no memory while only few may be held */
	u32 count, max;
	u64 life;			/* ns */
	u64 seed;
	u64 repeated, conflicts, full;	/* counters */
};

enum replies_verdict {
	REPLIES_NEW,		/* not seen: now remembered as pending, answer with replies_answer() */
	REPLIES_PENDING,	/* the same request, being worked on: say nothing */
	REPLIES_KNOWN,		/* the same request: send the reply again */
	REPLIES_CONFLICT,	/* another request under a known id: refuse */
	REPLIES_FULL,		/* no room (all are younger than their life), or no memory */
};

/* @max: entries; @life: ns that an entry stays; @seed: random, since the peer chooses transaction ids */
void replies_init(struct replies *r, u32 max, u64 life, u64 seed);
void replies_fini(struct replies *r);

/**
 * replies_begin - has this request come before?
 * @reply: filled for REPLIES_KNOWN (type, flags, data, the request's txid); valid until the next call
 */
enum replies_verdict replies_begin(struct replies *r, u64 now, const struct message *request,
				   struct message *reply);

/* The reply to @txid (copied), at most MESSAGE_MAX. -ENOENT: forgotten by now, -ENOMEM, -EMSGSIZE. */
int replies_answer(struct replies *r, u64 txid, u8 type, u8 flags, const void *data, size_t len);

/* A request without a reply that may be tried again. */
void replies_forget(struct replies *r, u64 txid);

#endif
