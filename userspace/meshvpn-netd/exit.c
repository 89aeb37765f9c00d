/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making this host an exit: forwarding on the interfaces that need it, and nowhere else, with
 * router advertisements still accepted, and the nftables table of policy.c. The kernel's switch
 * for IPv6 is per host before Linux 6.17 (force_forwarding), per interface from there on.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "netd_internal.h"

#define SWITCHED_MAX 16384

int prefix_check(const u8 *addr, u8 bits, u8 width)
{
	u8 i;

	if (!bits || bits > width)
		return -EINVAL;
	for (i = bits; i < width; i++)
		if (addr[i / 8] >> (7 - i % 8) & 1)
			return -EINVAL;
	return 0;
}

static int check_rule(const struct netd_policy_rule *r)
{
	if (r->verdict > NETD_REJECT || r->port_from > r->port_to)
		return -EINVAL;
	if (!r->family)
		return r->bits ? -EINVAL : 0;
	if (r->family != AF_INET && r->family != AF_INET6)
		return -EINVAL;
	return r->bits ? prefix_check(r->addr, r->bits, r->family == AF_INET ? 32 : 128) : 0;
}

static int check_exit(const struct netd_exit *e, struct device **d)
{
	u32 i;

	*d = strnlen(e->device, IFNAMSIZ) < IFNAMSIZ ? device_find(e->device) : NULL;
	if (!*d)
		return complain(-ENOENT, "no such device of ours");
	if (!scope_pools(e))
		return complain(-EPERM, "these are not the inner pools that the helper was started for");
	if (e->rules > NETD_POLICY_MAX || e->default_verdict > NETD_REJECT)
		return complain(-EINVAL, "more than %d policy rules", NETD_POLICY_MAX);
	for (i = 0; i < e->rules; i++)
		if (check_rule(&e->rule[i]))
			return complain(-EINVAL, "policy rule %u is malformed", i + 1);
	return 0;
}

static bool is_off(const char *format, const char *device)
{
	char path[128], value[32];

	snprintf(path, sizeof(path), format, device);
	return !sysctl_get(path, value, sizeof(value)) && !strcmp(value, "0");
}

static int set(struct device *d, const char *format, const char *device, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), format, device);
	return sysctl_set(d, path, value);
}

#define FORWARDING4 "/proc/sys/net/ipv4/conf/%s/forwarding"
#define FORWARDING6 "/proc/sys/net/ipv6/conf/%s/forwarding"
#define FORCE6 "/proc/sys/net/ipv6/conf/%s/force_forwarding"
#define ACCEPT_RA "/proc/sys/net/ipv6/conf/%s/accept_ra"

/* The kernel allows quotation marks in names: those would end the string in the rules. */
static int note_switched(char *switched, const char *name)
{
	size_t len = strlen(switched);

	if (strpbrk(name, "\"\\") || len + strlen(name) + 5 > SWITCHED_MAX)
		return complain(-EINVAL, "interface %s cannot be named in a rule: rename it", name);
	snprintf(switched + len, SWITCHED_MAX - len, "%s\"%s\"", len ? ", " : "", name);
	return 0;
}

/* A host that forwards no IPv6 at all: keep every interface listening to its routers. */
static int forward6_host(struct device *d, const struct if_nameindex *ifs)
{
	char path[128], value[32];
	int ret;

	if (!is_off(FORWARDING6, "all"))
		return 0;
	for (; ifs->if_index; ifs++) {
		snprintf(path, sizeof(path), ACCEPT_RA, ifs->if_name);
		if (!sysctl_get(path, value, sizeof(value)) && !strcmp(value, "1")) {
			ret = sysctl_set(d, path, "2");
			if (ret)
				return ret;
		}
	}
	return set(d, FORWARDING6, "all", "1");
}

static int forward_one(struct device *d, const char *name, bool force6, char *switched)
{
	bool off4 = is_off(FORWARDING4, name), off6 = is_off(FORWARDING6, name);
	int ret = 0;

	if ((off4 || off6) && strcmp(name, d->name))
		ret = note_switched(switched, name);
	if (!ret && off4)
		ret = set(d, FORWARDING4, name, "1");
	if (!ret && off6 && force6)
		ret = set(d, FORCE6, name, "1");
	return ret;
}

static int forwarding_on(struct device *d, char *switched)
{
	struct if_nameindex *ifs = if_nameindex(), *i;
	bool force6 = is_off(FORCE6, d->name);
	int ret = 0;

	if (!ifs)
		return -errno;
	for (i = ifs; !ret && i->if_index; i++)
		if (strcmp(i->if_name, "lo"))
			ret = forward_one(d, i->if_name, force6, switched);
	if (!ret && !force6)
		ret = forward6_host(d, ifs);
	if_freenameindex(ifs);
	return ret;
}

static int load(const struct netd_exit *e, const char *switched)
{
	char *script = NULL;
	size_t len;
	FILE *f = open_memstream(&script, &len);
	int ret;

	if (!f)
		return -ENOMEM;
	ret = exit_script(f, e, switched);
	if (fclose(f))
		ret = -ENOMEM;
	if (!ret)
		ret = nft_run(script);
	free(script);
	return ret;
}

/* Answers find their way to the inner addresses; the routes go with the device. */
static int pool_routes(const struct device *d, const struct netd_exit *e)
{
	struct rtnl_route r4 = {
		.family = AF_INET, .type = RTN_UNICAST, .table = RT_TABLE_MAIN, .ifindex = d->ifindex,
		.dst = e->pool4, .dst_bits = e->pool4_bits,
	};
	struct rtnl_route r6 = {
		.family = AF_INET6, .type = RTN_UNICAST, .table = RT_TABLE_MAIN, .ifindex = d->ifindex, .metric = 1024,
		.dst = e->pool6, .dst_bits = e->pool6_bits,
	};
	int ret = rtnl_route_default(true, &r4);

	if (!ret)
		ret = rtnl_route_default(true, &r6);
	return ret == -EOPNOTSUPP ? 0 : ret ? complain(ret, "cannot route the inner pools to %s", d->name) : 0;
}

int exit_set(const struct netd_exit *e)
{
	char switched[SWITCHED_MAX] = "";
	struct device *d;
	int ret = check_exit(e, &d);

	if (ret)
		return ret;
	if (!d->exits)
		journal_note(d->journal, "nft", d->name, "");
	else
		sysctls_undo(d);
	d->exits = true;
	/* the rules stand before anything is forwarded */
	ret = load(e, "");
	if (!ret)
		ret = forwarding_on(d, switched);
	if (!ret && *switched)
		ret = load(e, switched);
	if (!ret)
		ret = pool_routes(d, e);
	if (ret)
		exit_del(d);
	return ret;
}

int exit_del(struct device *d)
{
	if (!d->exits)
		return 0;
	sysctls_undo(d);
	d->exits = false;
	return nft_table_delete(d->name);
}

int flows_flush(u8 family, const u8 *addr)
{
	char text[INET6_ADDRSTRLEN];
	const char *argv[] = { "conntrack", "-D", "-f", family == AF_INET ? "ipv4" : "ipv6", "-s", text, NULL };
	int ret;

	if (family != AF_INET && family != AF_INET6)
		return complain(-EINVAL, "bad address");
	if (!scope_inner(family, addr))
		return complain(-EPERM, "no inner address");
	inet_ntop(family, addr, text, sizeof(text));
	ret = process_run(argv, NULL);
	/* it fails where there was nothing to delete */
	return ret == -EIO ? 0 : ret;
}
