// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * EXTEND, EXTENDED and REFUSED: what parses is written back as the same bytes.
 */
#include <assert.h>
#include <string.h>

#include <circuit/wire.h>

#include "same.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	u8 out[MESSAGE_MAX];
	struct writer w = writer_of(out, sizeof(out));
	struct wire_extend extend;
	struct wire_extended extended;
	struct wire_failed refused;

	if (!wire_extend_parse(&extend, data, size)) {
		assert(extend.handshake_len <= WIRE_HANDSHAKE_MAX && extend.descriptor_len <= WIRE_DESCRIPTOR_MAX);
		wire_extend_write(&w, &extend);
		same(&w, data, size);
	}
	w = writer_of(out, sizeof(out));
	if (!wire_extended_parse(&extended, data, size)) {
		wire_extended_write(&w, &extended);
		same(&w, data, size);
	}
	w = writer_of(out, sizeof(out));
	if (!wire_refused_parse(&refused, data, size)) {
		wire_refused_write(&w, &refused);
		same(&w, data, size);
	}
	return 0;
}
