/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What one needs to know of a relay to contact it: the part of its descriptor that links and
 * circuits use. Filled by the directory from a verified descriptor only.
 */
#ifndef MESHVPN_BASE_PEER_H
#define MESHVPN_BASE_PEER_H

#include "endpoint.h"
#include "node.h"

#define PEER_ENDPOINTS_MAX 4

enum peer_flags {
	PEER_RELAY = 1 << 0,		/* extends and relays */
	PEER_EXIT = 1 << 1,		/* accepts BIND */
};

struct peer {
	struct node_id id;
	u8 onion_key[32];		/* X25519, static key of link and hop handshakes */
	u32 flags;			/* enum peer_flags */
	u32 suites;			/* bit n: suite n; suite 1 is X25519 */
	u32 endpoint_count;
	struct endpoint endpoints[PEER_ENDPOINTS_MAX];	/* in the order of preference */
};

#endif
