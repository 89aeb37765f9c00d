/* SPDX-License-Identifier: GPL-2.0-or-later */
/* UDP addresses and the ranges that must not be contacted: see endpoint.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "endpoint.h"

bool endpoint_same_host(const struct endpoint *a, const struct endpoint *b)
{
	return a->family == b->family && !memcmp(a->addr, b->addr, sizeof(a->addr));
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && endpoint_same_host(a, b);
}

static void set_v4(struct endpoint *e, const u8 *addr, u16 port)
{
	memset(e, 0, sizeof(*e));
	e->family = AF_INET;
	e->port = port;
	memcpy(e->addr, addr, 4);
}

static const u8 v4_mapped[12] = { [10] = 0xff, [11] = 0xff };

int endpoint_from_sockaddr(struct endpoint *e, const struct sockaddr *sa, socklen_t len)
{
	if (sa->sa_family == AF_INET && len >= sizeof(struct sockaddr_in)) {
		const struct sockaddr_in *in = (const void *)sa;

		set_v4(e, (const u8 *)&in->sin_addr, ntohs(in->sin_port));
		return 0;
	}
	if (sa->sa_family == AF_INET6 && len >= sizeof(struct sockaddr_in6)) {
		const struct sockaddr_in6 *in6 = (const void *)sa;

		if (!memcmp(&in6->sin6_addr, v4_mapped, 12)) {
			set_v4(e, (const u8 *)&in6->sin6_addr + 12, ntohs(in6->sin6_port));
			return 0;
		}
		memset(e, 0, sizeof(*e));
		e->family = AF_INET6;
		e->port = ntohs(in6->sin6_port);
		memcpy(e->addr, &in6->sin6_addr, 16);
		return 0;
	}
	return -EAFNOSUPPORT;
}

socklen_t endpoint_to_sockaddr(const struct endpoint *e, struct sockaddr_storage *ss, bool mapped)
{
	struct sockaddr_in6 *in6 = (void *)ss;
	struct sockaddr_in *in = (void *)ss;

	memset(ss, 0, sizeof(*in6));
	if (e->family == AF_INET && !mapped) {
		in->sin_family = AF_INET;
		in->sin_port = htons(e->port);
		memcpy(&in->sin_addr, e->addr, 4);
		return sizeof(*in);
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(e->port);
	if (e->family == AF_INET) {
		memcpy(&in6->sin6_addr, v4_mapped, 12);
		memcpy((u8 *)&in6->sin6_addr + 12, e->addr, 4);
	} else {
		memcpy(&in6->sin6_addr, e->addr, 16);
	}
	return sizeof(*in6);
}

const char *endpoint_text(const struct endpoint *e, char text[ENDPOINT_TEXT])
{
	char addr[INET6_ADDRSTRLEN];

	if (!e->family || !inet_ntop(e->family, e->addr, addr, sizeof(addr)))
		return strcpy(text, "none");
	snprintf(text, ENDPOINT_TEXT, e->family == AF_INET ? "%s:%u" : "[%s]:%u", addr, e->port);
	return text;
}

static int parse_port(const char *text, u16 *port)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || n > 65535)
		return -EINVAL;
	*port = (u16)n;
	return 0;
}

int endpoint_parse(struct endpoint *e, const char *text)
{
	char host[ENDPOINT_TEXT];
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;
	bool v6 = *text == '[';

	memset(e, 0, sizeof(*e));
	if (!colon || len >= sizeof(host) || (v6 && (len < 2 || text[len - 1] != ']')))
		return -EINVAL;
	memcpy(host, text + v6, len - 2 * v6);
	host[len - 2 * v6] = 0;
	if (parse_port(colon + 1, &e->port) || inet_pton(v6 ? AF_INET6 : AF_INET, host, e->addr) != 1)
		return -EINVAL;
	e->family = v6 ? AF_INET6 : AF_INET;
	return 0;
}

static bool prefix(const u8 *addr, const u8 *net, unsigned int bits)
{
	unsigned int bytes = bits / 8, rest = bits % 8;

	return !memcmp(addr, net, bytes) &&
	       (!rest || !((addr[bytes] ^ net[bytes]) >> (8 - rest)));
}

struct endpoint endpoint_normal(const struct endpoint *e)
{
	static const u8 nat64[12] = { 0x00, 0x64, 0xff, 0x9b };
	static const u8 nat64_local[6] = { 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01 };
	static const u8 compatible[12], sixtofour[2] = { 0x20, 0x02 };
	struct endpoint n = *e;

	if (e->family != AF_INET6)
		return n;
	if (prefix(e->addr, v4_mapped, 96) || prefix(e->addr, nat64, 96) ||
	    prefix(e->addr, nat64_local, 48) ||
	    (prefix(e->addr, compatible, 96) && mv_get_be32(e->addr + 12) > 1))
		set_v4(&n, e->addr + 12, e->port);
	else if (prefix(e->addr, sixtofour, 16))
		set_v4(&n, e->addr + 2, e->port);
	return n;
}

struct range {
	u8 net[16];
	u8 bits;
	bool private;		/* allowed in a private network */
};

static const struct range ranges4[] = {
	{ { 0 }, 8 }, { { 127 }, 8 }, { { 169, 254 }, 16 }, { { 198, 18 }, 15 },
	{ { 192, 0, 0 }, 24 }, { { 192, 88, 99 }, 24 }, { { 224 }, 3 },
	{ { 10 }, 8, true }, { { 172, 16 }, 12, true }, { { 192, 168 }, 16, true },
	{ { 100, 64 }, 10, true }, { { 192, 0, 2 }, 24, true }, { { 198, 51, 100 }, 24, true },
	{ { 203, 0, 113 }, 24, true },
	{ .bits = 0 },
};

static const struct range ranges6[] = {
	{ { 0 }, 96 }, { { 0xfe, 0x80 }, 10 }, { { 0xff }, 8 }, { { 0x01 }, 8 },
	{ { 0x20, 0x01, 0, 0 }, 32 }, { { 0xfe, 0xc0 }, 10 },
	{ { 0xfc }, 7, true }, { { 0x20, 0x01, 0x0d, 0xb8 }, 32, true },
	{ .bits = 0 },
};

bool endpoint_contactable(const struct endpoint *e, bool private_network)
{
	struct endpoint n = endpoint_normal(e);
	const struct range *r = n.family == AF_INET ? ranges4 : ranges6;

	if (!n.port || (n.family != AF_INET && n.family != AF_INET6))
		return false;
	for (; r->bits; r++)
		if (prefix(n.addr, r->net, r->bits))
			return r->private && private_network;
	return true;
}

u64 endpoint_network(const struct endpoint *e)
{
	struct endpoint n = endpoint_normal(e);

	return n.family == AF_INET ? mv_get_be16(n.addr) : 1ULL << 32 | mv_get_be32(n.addr);
}
