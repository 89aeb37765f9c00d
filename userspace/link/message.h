/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control messages, in links and inside circuits: a small header, and fragments, because a
 * handshake of a later suite fits in no one cell (Documentation/protocol.rst, "Links").
 *
 *  0 u8 type, 1 u8 flags, 2 u64 transaction id, 10 u16 total length, 12 u16 offset, 14 data
 *
 * The data of a fragment reach to the end of the message or of the cell, whichever comes first.
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
	MESSAGE_REKEY = 8,		/* suite and Noise message 1 of the next session */
	MESSAGE_REKEYED = 9,		/* Noise message 2 */
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

/* ---- writing ---- */

/* The fragments of one message, one after the other; @m and its data stay until the last. */
struct message_fragments {
	struct message m;
	size_t at;		/* data written so far */
	bool done;
};

static inline struct message_fragments message_fragments_of(const struct message *m)
{
	return (struct message_fragments){ .m = *m, .done = m->len > MESSAGE_MAX };
}

/**
 * message_fragment - the next fragment
 * @out: a cell's body, or the rest of one: several messages may follow each other in a cell
 * @room: what is left there; what the last fragment leaves is to be filled with zeros (PADDING)
 *
 * Return: bytes written; 0 if there is none left, or if not even a header and a byte fit (then
 * !f->done: start a new cell).
 */
size_t message_fragment(struct message_fragments *f, u8 *out, size_t room);

/* ---- reading ---- */

struct message_part;

/*
 * Joins fragments, one joiner a link or circuit. A message that came whole costs no memory, an
 * unfinished one its length and an eighth, at most MESSAGE_UNFINISHED_MAX of them: the oldest goes
 * when there are more, and each after MESSAGE_PART_NS. Feed authenticated bytes only.
 */
struct message_joiner {
	struct message_part *parts[MESSAGE_UNFINISHED_MAX], *finished;
	u64 dropped;		/* unfinished messages given up, fragments that contradict */
};

#define MESSAGE_PART_NS 5000000000ULL

void message_joiner_init(struct message_joiner *j);
/* Frees and erases what waits. */
void message_joiner_fini(struct message_joiner *j);

/**
 * message_join - the next whole message of a cell
 * @c: the cell's plaintext from the first message on; moved on
 * @now: ns
 * @m: result; its data stay until the next call with @j, or @j's end
 *
 * Call until it returns 0 (end of the cell). Return: 1 (a message), 0, or -EBADMSG (malformed:
 * ignore the rest of the cell).
 */
int message_join(struct message_joiner *j, struct cursor *c, u64 now, struct message *m);

#endif
