/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control messages inside circuits: cut into the payloads of building cells and joined again
 * (link/message.h has the header). Only who holds the circuit's keys gets here, so a few unfinished
 * messages a circuit are allowed to cost memory.
 */
#ifndef MESHVPN_CIRCUIT_ASSEMBLY_H
#define MESHVPN_CIRCUIT_ASSEMBLY_H

#include <link/message.h>
#include <stddef.h>

#define ASSEMBLY_MAX 2			/* unfinished messages */
#define ASSEMBLY_NS 10000000000ULL	/* and for how long */

struct assembly_part {
	u64 txid, at;
	u16 total, have;
	u8 type, flags;
	u8 *data;			/* NULL: free slot; total bytes and then a bit a byte */
};

struct assembly {
	struct assembly_part parts[ASSEMBLY_MAX];
};

typedef void (*assembly_each)(void *arg, const struct message *m);

/*
 * Read the messages of one payload (after the 4-byte header) and call @each for every one that is
 * now whole. False: malformed, the rest of the payload is ignored. @each must not free @a.
 */
bool assembly_feed(struct assembly *a, u64 now, const u8 *payload, size_t len, assembly_each each, void *arg);
void assembly_fini(struct assembly *a);

/* One fragment of @m from @offset into @out, zeros behind it. Return: data bytes that went in. */
size_t assembly_cut(const struct message *m, size_t offset, u8 *out, size_t room);

#endif
