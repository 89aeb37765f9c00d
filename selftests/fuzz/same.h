/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the targets of the circuit layer's parsers assert: what parses is written back unchanged. */
#ifndef MESHVPN_FUZZ_SAME_H
#define MESHVPN_FUZZ_SAME_H

#include <assert.h>
#include <string.h>

#include <base/cursor.h>

static inline void same(const struct writer *w, const u8 *data, size_t size)
{
	assert(!w->bad && writer_len(w) == size && !memcmp(w->start, data, size));
}

#endif
