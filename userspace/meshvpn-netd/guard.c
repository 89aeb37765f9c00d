/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client's device lets in what belongs to flows that this host began, and nothing else: without
 * that an exit could reach every program here that listens on all addresses, and through a host
 * that forwards the network behind it.
 */
#include <errno.h>

#include "netd_internal.h"

int guard_set(const char *device)
{
	struct device *d = device_find(device);
	char name[64], script[1024];
	int n;

	if (!d)
		return complain(-ENOENT, "no such device of ours");
	if (d->exits || nft_table_name(d->name, name, sizeof(name)))
		return complain(-EINVAL, "%s is an exit's device", d->name);
	n = snprintf(script, sizeof(script),
		     "add table inet %s\ndelete table inet %s\ntable inet %s {\n"
		     "\tcounter unasked { }\n"
		     "\tchain guard {\n\t\tct state established,related accept\n\t\tcounter name unasked drop\n\t}\n"
		     "\tchain input {\n\t\ttype filter hook input priority filter; policy accept;\n"
		     "\t\tiifname \"%s\" jump guard\n\t}\n"
		     "\tchain forward {\n\t\ttype filter hook forward priority filter; policy accept;\n"
		     "\t\tiifname \"%s\" jump guard\n\t}\n}\n", name, name, name, d->name, d->name);
	if (n >= (int)sizeof(script))
		return -ENAMETOOLONG;
	if (!d->guarded)
		journal_note(d->journal, "nft", d->name, "");
	d->guarded = true;
	return nft_run(script);
}

void guard_del(struct device *d)
{
	if (d->guarded)
		nft_table_delete(d->name);
	d->guarded = false;
}
