// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * BIND and BOUND: what parses is written back as the same bytes.
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
	struct bind_request request;
	struct bind_grant grant;

	if (!wire_bind_parse(&request, data, size)) {
		assert(request.token_len <= WIRE_TOKEN_MAX);
		wire_bind_write(&w, &request);
		same(&w, data, size);
	}
	w = writer_of(out, sizeof(out));
	if (!wire_bound_parse(&grant, data, size)) {
		assert(grant.policy_len <= WIRE_POLICY_MAX);
		wire_bound_write(&w, &grant);
		same(&w, data, size);
	}
	return 0;
}
