/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An exit's rules as an nftables script. What may never be reached is refused before the
 * operator's policy looks at ports, and before that stands the source check; packets for the
 * host itself go through its input hook and are refused there. Interfaces whose forwarding we
 * switched on forward nothing else than ours.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "netd_internal.h"

static const char refused4[] =
	"0.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16, 192.0.0.0/24, 192.88.99.0/24, 198.18.0.0/15, 224.0.0.0/3";
static const char private4[] =
	"10.0.0.0/8, 100.64.0.0/10, 172.16.0.0/12, 192.168.0.0/16, 192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24";
/* v4-compatible and mapped, NAT64, Teredo and 6to4 carry an IPv4 address past its own check */
static const char refused6[] =
	"::/96, ::ffff:0:0/96, 64:ff9b::/96, 64:ff9b:1::/48, 100::/64, 2001::/32, 2002::/16, fe80::/10, fec0::/10, ff00::/8";
static const char private6[] = "fc00::/7, 2001:db8::/32";

static void put_prefix(FILE *f, u8 family, const u8 *addr, u8 bits)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(family, addr, text, sizeof(text));
	fprintf(f, "%s/%u", text, bits);
}

static const char *verdict(u8 v)
{
	return v == NETD_ACCEPT ? "accept" : "reject with icmpx admin-prohibited";
}

static void put_rule(FILE *f, const struct netd_policy_rule *r)
{
	bool ports = r->port_from || r->port_to != 65535;

	fprintf(f, "\t\t");
	if (r->family) {
		fprintf(f, "%s daddr ", r->family == AF_INET ? "ip" : "ip6");
		put_prefix(f, r->family, r->addr, r->bits);
		fprintf(f, " ");
	}
	if (ports)
		fprintf(f, "meta l4proto { tcp, udp } th dport %u-%u ", r->port_from, r->port_to);
	fprintf(f, "%s\n", verdict(r->verdict));
}

static void put_limits(FILE *f, const struct netd_exit *e, int version)
{
	const char *ip = version == 4 ? "ip" : "ip6";

	if (e->flows_per_address)
		fprintf(f, "\t\tct state new add @flows%d { %s saddr ct count over %u } counter name limited reject with icmpx admin-prohibited\n",
			version, ip, e->flows_per_address);
	if (e->new_per_second)
		fprintf(f, "\t\tct state new add @fresh%d { %s saddr limit rate over %u/second burst %u packets } counter name limited drop\n",
			version, ip, e->new_per_second, e->new_per_second);
}

static void put_sets(FILE *f)
{
	int v;

	for (v = 4; v <= 6; v += 2) {
		const char *type = v == 4 ? "ipv4_addr" : "ipv6_addr";

		fprintf(f, "\tset flows%d { type %s; size 65535; flags dynamic; }\n", v, type);
		fprintf(f, "\tset fresh%d { type %s; size 65535; flags dynamic,timeout; timeout 1m; }\n", v, type);
	}
	fprintf(f, "\tcounter limited { }\n\tcounter refused { }\n\tcounter spoofed { }\n");
}

static void put_out(FILE *f, const struct netd_exit *e)
{
	u32 i;

	fprintf(f, "\tchain out {\n\t\tip saddr != ");
	put_prefix(f, AF_INET, e->pool4, e->pool4_bits);
	fprintf(f, " counter name spoofed drop\n\t\tip6 saddr != ");
	put_prefix(f, AF_INET6, e->pool6, e->pool6_bits);
	fprintf(f, " counter name spoofed drop\n");
	fprintf(f, "\t\tip daddr { %s%s%s } counter name refused reject with icmpx admin-prohibited\n",
		refused4, e->private_network ? "" : ", ", e->private_network ? "" : private4);
	fprintf(f, "\t\tip6 daddr { %s%s%s } counter name refused reject with icmpx admin-prohibited\n",
		refused6, e->private_network ? "" : ", ", e->private_network ? "" : private6);
	fprintf(f, "\t\tip daddr ");
	put_prefix(f, AF_INET, e->pool4, e->pool4_bits);
	fprintf(f, " counter name refused reject with icmpx admin-prohibited\n\t\tip6 daddr ");
	put_prefix(f, AF_INET6, e->pool6, e->pool6_bits);
	fprintf(f, " counter name refused reject with icmpx admin-prohibited\n");
	fprintf(f, "\t\tct state established,related accept\n\t\tct state invalid drop\n");
	put_limits(f, e, 4);
	put_limits(f, e, 6);
	for (i = 0; i < e->rules; i++)
		put_rule(f, &e->rule[i]);
	fprintf(f, "\t\t%s\n\t}\n", verdict(e->default_verdict));
}

static void put_hooks(FILE *f, const struct netd_exit *e, const char *switched)
{
	fprintf(f, "\tchain in {\n\t\tct state established,related accept\n\t\tdrop\n\t}\n");
	fprintf(f, "\tchain input {\n\t\ttype filter hook input priority filter; policy accept;\n"
		"\t\tiifname \"%s\" counter name refused reject with icmpx admin-prohibited\n\t}\n", e->device);
	fprintf(f, "\tchain forward {\n\t\ttype filter hook forward priority filter; policy accept;\n"
		"\t\tiifname \"%s\" jump out\n\t\toifname \"%s\" jump in\n", e->device, e->device);
	if (*switched)
		fprintf(f, "\t\tiifname != \"%s\" oifname != \"%s\" iifname { %s } drop\n",
			e->device, e->device, switched);
	fprintf(f, "\t}\n\tchain postrouting {\n\t\ttype nat hook postrouting priority srcnat; policy accept;\n"
		"\t\tiifname \"%s\" oifname != \"%s\" masquerade\n\t}\n", e->device, e->device);
}

/* @switched: quoted names of interfaces whose forwarding was off, separated by commas, or empty */
int exit_script(FILE *f, const struct netd_exit *e, const char *switched)
{
	char name[64];

	if (nft_table_name(e->device, name, sizeof(name)))
		return -EINVAL;
	fprintf(f, "add table inet %s\ndelete table inet %s\ntable inet %s {\n", name, name, name);
	put_sets(f);
	put_out(f, e);
	put_hooks(f, e, switched);
	fprintf(f, "}\n");
	return ferror(f) ? -EIO : 0;
}
