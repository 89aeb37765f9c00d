/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How nodes are named: the node id, a BLAKE2b-256 hash of the identity key and a proof of work.
 */
#ifndef MESHVPN_BASE_NODE_H
#define MESHVPN_BASE_NODE_H

#include <string.h>
#include <meshvpn/types.h>

#define NODE_ID_LEN 32
#define NODE_ID_TEXT 65		/* hexadecimal and the end */

struct node_id {
	u8 b[NODE_ID_LEN];
};

static inline bool node_id_equal(const struct node_id *a, const struct node_id *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* As large integers, first byte first: <0, 0, >0. */
static inline int node_id_compare(const struct node_id *a, const struct node_id *b)
{
	return memcmp(a, b, sizeof(*a));
}

#endif
