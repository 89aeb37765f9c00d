// SPDX-License-Identifier: GPL-2.0-or-later
/* Configuration files: whatever stands in one, it is taken or refused with at least one error. */
#include <assert.h>

#include <control/config.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct config_errors errors;
	static struct config c;
	int ret;

	if (size > 4096)
		return 0;
	ret = config_load_text(&c, (const char *)data, size, &errors);
	assert(!ret == !errors.count);
	assert(c.address_count <= CONFIG_ADDRESSES_MAX && c.exit_rules.rules <= NETD_POLICY_MAX);
	assert(c.exits.count <= CONFIG_NAMES_MAX && c.resolver_count <= 2);
	return 0;
}
