/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What this helper was started for: the devices, the pools and the table of the configuration, as
 * its arguments tell before the daemon sees a stranger's byte. A daemon that was taken over later
 * gets nothing that its roles do not need: that of a pure relay no device at all.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "netd_internal.h"

static struct netd_scope scope;

static int number(const char *text, unsigned long most, u32 *to)
{
	unsigned long v;
	char *end;

	errno = 0;
	v = strtoul(text, &end, 10);
	if (errno || end == text || *end || v > most)
		return complain(-EINVAL, "\"%s\" is no number, or too large", text);
	*to = (u32)v;
	return 0;
}

static int device(const char *text, char to[IFNAMSIZ])
{
	int ret = strlen(text) < IFNAMSIZ ? device_name_check(text) : complain(-EINVAL, "a device name is too long");

	if (!ret)
		memcpy(to, text, strlen(text) + 1);
	return ret;
}

static int pool(const char *text, int family, u32 least, u8 *addr, u8 *bits)
{
	char net[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	u32 n, width = family == AF_INET ? 32 : 128;
	int ret;

	if (!slash || (size_t)(slash - text) >= sizeof(net))
		return complain(-EINVAL, "\"%s\" is no prefix", text);
	memcpy(net, text, slash - text);
	net[slash - text] = 0;
	ret = number(slash + 1, width, &n);
	if (ret)
		return ret;
	if (n < least || inet_pton(family, net, addr) != 1 || prefix_check(addr, (u8)n, (u8)width))
		return complain(-EINVAL, "a pool is a network of at least %u bits", least);
	*bits = (u8)n;
	return 0;
}

int scope_option(int option, const char *value)
{
	switch (option) {
	case SCOPE_CLIENT: return device(value, scope.client);
	case SCOPE_EXIT: return device(value, scope.exit);
	case SCOPE_TABLE: return number(value, UINT32_MAX, &scope.table);
	case SCOPE_POOL4: return pool(value, AF_INET, NETD_POOL4_BITS_MIN, scope.pool4, &scope.pool4_bits);
	case SCOPE_POOL6: return pool(value, AF_INET6, NETD_POOL6_BITS_MIN, scope.pool6, &scope.pool6_bits);
	case SCOPE_ALL:
		scope.all = true;
		return 0;
	}
	return complain(-EINVAL, "unknown option");
}

int scope_check(u32 roles, const char *name)
{
	if (!roles)
		return 0;
	if (!name) {
		if ((roles & SCOPE_ROLE_CLIENT && scope.client[0]) || (roles & SCOPE_ROLE_EXIT && scope.exit[0]))
			return 0;
		return complain(-EPERM, "the helper was started without the role for this");
	}
	if (*name && ((roles & SCOPE_ROLE_CLIENT && !strncmp(name, scope.client, IFNAMSIZ)) ||
		      (roles & SCOPE_ROLE_EXIT && !strncmp(name, scope.exit, IFNAMSIZ))))
		return 0;
	return complain(-EPERM, "the helper was not started for that device in that role");
}

u32 scope_role(const char *name)
{
	return strncmp(name, scope.exit, IFNAMSIZ) ? SCOPE_ROLE_CLIENT : SCOPE_ROLE_EXIT;
}

static bool inside(const u8 *addr, const u8 *net, u8 bits)
{
	u8 mask = (u8)(0xff00 >> bits % 8);

	return bits && !memcmp(addr, net, bits / 8) && !(bits % 8 && (addr[bits / 8] ^ net[bits / 8]) & mask);
}

bool scope_inner(u8 family, const u8 *addr)
{
	return family == AF_INET ? inside(addr, scope.pool4, scope.pool4_bits) :
				   inside(addr, scope.pool6, scope.pool6_bits);
}

bool scope_routing(const struct netd_routing *r)
{
	return r->table == scope.table && (!r->all || scope.all);
}

bool scope_pools(const struct netd_exit *e)
{
	return e->pool4_bits && e->pool4_bits == scope.pool4_bits && e->pool6_bits && e->pool6_bits == scope.pool6_bits &&
	       !memcmp(e->pool4, scope.pool4, 4) && !memcmp(e->pool6, scope.pool6, 16);
}
