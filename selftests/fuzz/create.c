// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * CREATE, CREATED, CREATE_FAILED and DESTROY: what parses is written back as the same bytes.
 */
#include <string.h>

#include <circuit/wire.h>

#include "same.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	u8 out[MESSAGE_MAX];
	struct writer w = writer_of(out, sizeof(out));
	struct wire_create create;
	struct wire_created created;
	struct wire_failed failed;
	struct wire_destroy destroy;

	if (!wire_create_parse(&create, data, size)) {
		wire_create_write(&w, &create);
		same(&w, data, size);
	}
	w = writer_of(out, sizeof(out));
	if (!wire_created_parse(&created, data, size)) {
		wire_created_write(&w, &created);
		same(&w, data, size);
	}
	w = writer_of(out, sizeof(out));
	if (!wire_failed_parse(&failed, data, size)) {
		wire_failed_write(&w, &failed);
		same(&w, data, size);
	}
	w = writer_of(out, sizeof(out));
	if (!wire_destroy_parse(&destroy, data, size)) {
		wire_destroy_write(&w, &destroy);
		same(&w, data, size);
	}
	return 0;
}
