/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses of a device and how packets find it: a table of its own with the default routes, and
 * rules that lead there what is bound to the device, what has one of its addresses as source and,
 * if asked, everything that does not carry the daemon's mark. The order of the rules:
 *
 *   +0  oif DEVICE -> table, from each inner address -> table
 *   +1  main table without its default routes (local networks stay reachable)   } "all" only
 *   +2  not marked -> table                                                     }
 */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "netd_internal.h"

#define RULE_PRIORITY 4470
#define METRIC_DEVICE 10
#define METRIC_UNREACHABLE 4278198272U	/* after everything else */

static const u8 families[] = { AF_INET, AF_INET6 };

static int source_rule(const struct device *d, bool add, const struct netd_address *a)
{
	struct rtnl_rule r = {
		.family = a->family, .priority = RULE_PRIORITY, .table = d->routing.table, .source = a->addr,
	};

	return rtnl_rule_change(add, &r);
}

static bool same_address(const struct netd_address *a, const struct netd_address *b)
{
	return a->family == b->family && !memcmp(a->addr, b->addr, sizeof(a->addr));
}

static struct netd_address *address_of(struct device *d, const struct netd_address *a)
{
	u32 i;

	for (i = 0; i < d->addresses; i++)
		if (same_address(&d->address[i], a))
			return &d->address[i];
	return NULL;
}

static int check_address(const struct netd_address *a, struct device **d)
{
	if ((a->family != AF_INET && a->family != AF_INET6) || a->bits != (a->family == AF_INET ? 32 : 128))
		return complain(-EINVAL, "bad address");
	/* another's would draw to us what this host sends there */
	if (!scope_inner(a->family, a->addr))
		return complain(-EPERM, "an address outside the inner pools: is InnerPool the same everywhere?");
	*d = strnlen(a->device, IFNAMSIZ) < IFNAMSIZ ? device_find(a->device) : NULL;
	return *d ? 0 : complain(-ENOENT, "no such device of ours");
}

int address_add(const struct netd_address *a)
{
	struct netd_address *known;
	struct device *d;
	int ret = check_address(a, &d);

	if (ret)
		return ret;
	known = address_of(d, a);
	if (!known && d->addresses == NETD_ADDRESSES_MAX)
		return complain(-ENOSPC, "more than %d addresses on %s", NETD_ADDRESSES_MAX, d->name);
	ret = rtnl_address(true, d->ifindex, a);
	if (ret)
		return complain(ret, "cannot add an address to %s: %s", d->name, strerror(-ret));
	if (!known) {
		d->address[d->addresses++] = *a;
		if (d->routed)
			ret = source_rule(d, true, a);
	}
	return ret;
}

int address_del(const struct netd_address *a)
{
	struct netd_address *known;
	struct device *d;
	int ret = check_address(a, &d);

	if (ret)
		return ret;
	known = address_of(d, a);
	if (!known)
		return complain(-ENOENT, "no such address on %s", d->name);
	if (d->routed)
		source_rule(d, false, known);
	ret = rtnl_address(false, d->ifindex, known);
	*known = d->address[--d->addresses];
	return ret;
}

/* With @all a family without a route is unreachable rather than leaked past us. */
static int family_routes(const struct device *d, const struct netd_routing *r, u8 family)
{
	bool has = family == AF_INET ? r->has4 : r->has6;
	struct rtnl_route route = {
		.family = family, .type = RTN_UNICAST, .table = r->table, .ifindex = d->ifindex,
		.metric = METRIC_DEVICE, .source = family == AF_INET ? r->source4 : r->source6,
	};
	struct rtnl_route none = {
		.family = family, .type = RTN_UNREACHABLE, .table = r->table, .metric = METRIC_UNREACHABLE,
	};
	int ret = 0;

	if (has)
		ret = rtnl_route_default(true, &route);
	else
		rtnl_route_default(false, &(struct rtnl_route){ .family = family, .type = RTN_UNICAST,
				   .table = r->table, .ifindex = d->ifindex, .metric = METRIC_DEVICE });
	if (!ret && r->all)
		ret = rtnl_route_default(true, &none);
	return ret == -EOPNOTSUPP && family == AF_INET6 ? 0 : ret;
}

static int family_rules(const struct device *d, const struct netd_routing *r, u8 family)
{
	struct rtnl_rule bound = {
		.family = family, .priority = RULE_PRIORITY, .table = r->table, .oif = d->name,
	};
	struct rtnl_rule local = {
		.family = family, .priority = RULE_PRIORITY + 1, .table = RT_TABLE_MAIN, .suppress = true,
	};
	struct rtnl_rule all = {
		.family = family, .priority = RULE_PRIORITY + 2, .table = r->table,
		.not_mark = true, .mark = r->mark, .mask = r->mark_mask,
	};
	int ret = rtnl_rule_change(true, &bound);

	if (ret)
		return ret;
	if (!r->all) {
		rtnl_rule_change(false, &all);
		rtnl_rule_change(false, &local);
		return 0;
	}
	ret = rtnl_rule_change(true, &local);
	return ret ? ret : rtnl_rule_change(true, &all);
}

static int check_routing(const struct netd_routing *r, struct device **d)
{
	*d = strnlen(r->device, IFNAMSIZ) < IFNAMSIZ ? device_find(r->device) : NULL;
	if (!*d)
		return complain(-ENOENT, "no such device of ours");
	if (r->table < 256)
		return complain(-EINVAL, "RouteTable must be 256 or more");
	if (!scope_routing(r))
		return complain(-EPERM, "the helper was not started for that table, or not for all packets");
	if (r->all && !(r->mark & r->mark_mask))
		return complain(-EINVAL, "routing everything needs FirewallMark");
	if ((*d)->routed && (*d)->routing.table != r->table)
		return complain(-EINVAL, "the routing table of a device cannot change");
	return 0;
}

int routing_set(const struct netd_routing *r)
{
	struct device *d;
	char table[16];
	int ret = check_routing(r, &d);
	u32 i;

	if (ret)
		return ret;
	if (!d->routed) {
		snprintf(table, sizeof(table), "%u", r->table);
		journal_note(d->journal, "table", table, "");
	}
	if (r->all && !d->routing.all) {
		snprintf(table, sizeof(table), "%u", RT_TABLE_MAIN);
		journal_note(d->journal, "table", table, "");
	}
	d->routing = *r;
	for (i = 0; !ret && i < 2; i++)
		ret = family_routes(d, r, families[i]);
	for (i = 0; !d->routed && !ret && i < d->addresses; i++)
		ret = source_rule(d, true, &d->address[i]);
	d->routed = true;
	for (i = 0; !ret && i < 2; i++)
		ret = family_rules(d, r, families[i]);
	return ret ? complain(ret, "cannot route through %s: %s", d->name, strerror(-ret)) : 0;
}

int routing_del(struct device *d)
{
	u32 i;

	if (!d->routed)
		return 0;
	rtnl_rules_flush(d->routing.table);
	/* the suppressing rule points at main; it carries our protocol number too */
	for (i = 0; i < 2; i++) {
		struct rtnl_rule local = {
			.family = families[i], .priority = RULE_PRIORITY + 1, .table = RT_TABLE_MAIN, .suppress = true,
		};
		struct rtnl_route none = {
			.family = families[i], .type = RTN_UNREACHABLE, .table = d->routing.table,
			.metric = METRIC_UNREACHABLE,
		};
		struct rtnl_route route = {
			.family = families[i], .type = RTN_UNICAST, .table = d->routing.table,
			.ifindex = d->ifindex, .metric = METRIC_DEVICE,
		};

		if (d->routing.all)
			rtnl_rule_change(false, &local);
		rtnl_route_default(false, &none);
		rtnl_route_default(false, &route);
	}
	d->routed = false;
	return 0;
}
