/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control messages, in links and inside circuits: a small header, and fragments, because a
 * handshake of a later suite fits in no one cell (Documentation/protocol.rst, "Links").
 *
 *  0 u8 type, 1 u8 flags, 2 u64 transaction id, 10 u16 total length, 12 u16 offset, 14 data
 */
#ifndef MESHVPN_LINK_MESSAGE_H
#define MESHVPN_LINK_MESSAGE_H

#include <base/cursor.h>
#include <meshvpn/types.h>

#define MESSAGE_HEADER 14
#define MESSAGE_MAX 4096		/* data of one message */
#define MESSAGE_UNFINISHED_MAX 8	/* a link */

enum message_type {
	MESSAGE_PADDING = 0,		/* and everything after it in the cell */
	/* links only */
	MESSAGE_PING = 1,
	MESSAGE_PONG = 2,
	MESSAGE_PATH_CHALLENGE = 3,
	MESSAGE_PATH_RESPONSE = 4,
	MESSAGE_LINK_IDS = 5,		/* fresh link ids for the peer to use */
	MESSAGE_PROBE = 6,		/* path class probe */
	MESSAGE_PROBE_REPLY = 7,
	/* links, for the circuit layer */
	MESSAGE_CREATE = 0x10,
	MESSAGE_CREATED = 0x11,
	MESSAGE_DESTROY = 0x12,
	MESSAGE_CREATE_FAILED = 0x13,
	/* inside circuits */
	MESSAGE_EXTEND = 0x20,
	MESSAGE_EXTENDED = 0x21,
	MESSAGE_BIND = 0x22,
	MESSAGE_BOUND = 0x23,
	MESSAGE_REFUSED = 0x24,
	MESSAGE_CIRCUIT_PING = 0x25,
	MESSAGE_CIRCUIT_PONG = 0x26,
	MESSAGE_CLOSE = 0x27,
};

/* One whole message. */
struct message {
	u8 type, flags;
	u64 txid;
	const u8 *data;
	size_t len;
};

#endif
