/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an exit decides when a session is opened: which families and addresses it gets, the MTU,
 * its resolver, its rate and the summary of the policy. Forwarding and filtering itself is the
 * kernel's, programmed through the helper (sys/netd.h).
 */
#ifndef MESHVPN_EXIT_EXIT_H
#define MESHVPN_EXIT_EXIT_H

#include <circuit/circuits.h>

#include "pool.h"

struct exit_conf {
	u8 pool4[4], pool4_bits;	/* 0 bits: no IPv4 */
	u8 pool6[16], pool6_bits;	/* 0 bits: no IPv6 */
	u16 mtu;			/* of the exit's device; a session gets at most this */
	bool has_resolver4, has_resolver6;
	u8 resolver4[4], resolver6[16];
	u64 rate, burst;		/* bytes per second of a session, 0: unlimited */
	u32 max_addresses;		/* of a family, held and resting; 0: 65536 */
	u64 rest_ns;			/* 0: 10 minutes */
	const char *policy;		/* summary for the client, at most WIRE_POLICY_MAX bytes */
};

struct exit_ops {
	void (*random)(void *arg, void *buf, size_t len);
	u64 (*now)(void *arg);
	/* forget the connections of an address given back: @width 4 or 16 bytes */
	void (*flush)(void *arg, const u8 *addr, u8 width);
};

struct exit_stats {
	u64 granted, refused_family, refused_pool, refused_mtu, released;
	u32 held4, held6;
};

struct exit;

int exit_new(struct exit **exit, const struct exit_conf *conf, const struct exit_ops *ops, void *arg);
void exit_free(struct exit *exit);

/* What struct circuits_ops.bind and .release want, with the exit as its first argument. */
enum wire_refusal exit_bind(struct exit *exit, const struct bind_request *request, struct bind_grant *grant,
			    u64 *rate, u64 *burst);
void exit_release(struct exit *exit, const struct bind_grant *grant);

struct exit_stats exit_stats(const struct exit *exit);

#endif
