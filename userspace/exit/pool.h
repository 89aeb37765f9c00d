/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inner addresses of one family that an exit hands out: the client's proposal if it is free and
 * of the pool, else one at random. An address given back rests, so that late packets of its old
 * flows reach nobody else (Documentation/protocol.rst, "Inner addresses select circuits").
 */
#ifndef MESHVPN_EXIT_POOL_H
#define MESHVPN_EXIT_POOL_H

#include <base/list.h>

struct pool_conf {
	u8 width;		/* bytes of an address: 4 or 16 */
	u8 net[16], bits;	/* the pool */
	u64 rest_ns;		/* 10 minutes */
	u32 max;		/* addresses held and resting together */
	void (*random)(void *arg, void *buf, size_t len);
	void *arg;
};

struct pool {
	struct pool_conf conf;
	struct htable table;	/* by a hash of the address */
	struct list resting;	/* oldest first */
	u32 held;
};

/* 0, -ENOMEM, -EINVAL (fewer than 8 host bits). */
int pool_init(struct pool *p, const struct pool_conf *conf);
void pool_fini(struct pool *p);

/**
 * pool_grant - an address for a session
 * @proposal: the client's, NULL for any
 * @now: ns
 *
 * Return: 0, or -ENOSPC (all held or resting, or the limit).
 */
int pool_grant(struct pool *p, const u8 *proposal, u64 now, u8 *out);

/* Give back; -ENOENT if it is not held. */
int pool_release(struct pool *p, const u8 *addr, u64 now);

bool pool_contains(const struct pool *p, const u8 *addr);

#endif
