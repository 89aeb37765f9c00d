/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A UDP address of either family in one small comparable struct, and the checks on addresses that
 * come from others: normalised first (v4-mapped, NAT64, 6to4), then held against the ranges that
 * must never be contacted on a stranger's word.
 */
#ifndef MESHVPN_BASE_ENDPOINT_H
#define MESHVPN_BASE_ENDPOINT_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <meshvpn/types.h>

struct endpoint {
	u8 family;		/* AF_INET, AF_INET6, or 0: none */
	u16 port;		/* host byte order */
	u8 addr[16];		/* network byte order; the first 4 for IPv4, the rest zero */
};

#define ENDPOINT_TEXT 64	/* room for endpoint_text() */

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);
bool endpoint_same_host(const struct endpoint *a, const struct endpoint *b);

/* To and from the socket layer. A v4-mapped IPv6 address comes back as IPv4. -EAFNOSUPPORT. */
int endpoint_from_sockaddr(struct endpoint *e, const struct sockaddr *sa, socklen_t len);
/* Length written. @mapped: IPv4 as v4-mapped IPv6, for a dual-stack socket. */
socklen_t endpoint_to_sockaddr(const struct endpoint *e, struct sockaddr_storage *ss, bool mapped);

/* "192.0.2.1:4470", "[2001:db8::1]:4470"; parse: -EINVAL. */
const char *endpoint_text(const struct endpoint *e, char text[ENDPOINT_TEXT]);
int endpoint_parse(struct endpoint *e, const char *text);

/*
 * The IPv4 address inside v4-mapped, v4-compatible, NAT64 (64:ff9b::/96, 64:ff9b:1::/48) and
 * 6to4 (2002::/16) addresses, or the endpoint as it is.
 */
struct endpoint endpoint_normal(const struct endpoint *e);

/*
 * May this node contact the address on a stranger's word? Not: unspecified, loopback,
 * link-local, multicast, broadcast, reserved, 100.64/10, private (RFC 1918, fc00::/7),
 * benchmarking 198.18/15 (the inner pool), documentation. @private_network: the network is
 * configured as private, then RFC 1918, fc00::/7, 100.64/10 and documentation ranges may. Port 0 never.
 */
bool endpoint_contactable(const struct endpoint *e, bool private_network);

/* The network that path selection calls one: /16 of IPv4, /32 of IPv6, as a comparable number. */
u64 endpoint_network(const struct endpoint *e);

#endif
