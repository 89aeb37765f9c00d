/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One nftables table a device, loaded and removed in one transaction by nft(8). */
#include <errno.h>
#include <string.h>

#include "netd_internal.h"

int nft_run(const char *script)
{
	const char *const argv[] = { "nft", "-f", "-", NULL };

	return process_run(argv, script);
}

/* A dash is legal in a device's name and not in a table's; nothing else may come out of a journal. */
int nft_table_name(const char *device, char *name, size_t room)
{
	int n = snprintf(name, room, "meshvpn_%s", device);

	for (; *name; name++) {
		if (*name == '-')
			*name = '_';
		else if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", *name))
			return -EINVAL;
	}
	return n < (int)room ? 0 : -ENAMETOOLONG;
}

int nft_table_delete(const char *device)
{
	char name[64], script[256];

	if (nft_table_name(device, name, sizeof(name)))
		return -EINVAL;
	/* adding first makes the deletion succeed whether it was there or not */
	snprintf(script, sizeof(script), "add table inet %s\ndelete table inet %s\n", name, name);
	return nft_run(script);
}
