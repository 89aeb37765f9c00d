// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Descriptors of strangers. What has the right form is shown and signed again by us, and has to
 * come back as it was.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include <directory/descriptor.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct identity id;
	struct descriptor d, again;
	char text[DESCRIPTOR_TEXT];
	int ret = descriptor_parse(&d, data, size, 0);

	if (!id.secret)
		assert(!identity_generate(&id, 0));
	if (ret && ret != -EKEYREJECTED)
		return 0;
	assert(d.peer.endpoint_count <= PEER_ENDPOINTS_MAX && strlen(d.nickname) <= DESCRIPTOR_NICKNAME);
	descriptor_text(&d, d.published, text);
	descriptor_timely(&d, 0);
	assert(!descriptor_sign(&d, &id));
	assert(!descriptor_parse(&again, d.raw, d.len, 0));
	assert(!memcmp(&d, &again, offsetof(struct descriptor, raw)));
	return 0;
}
