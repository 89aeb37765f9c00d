/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * UDP datagrams from any source to any destination, through raw sockets: what the attacker sends.
 */
#ifndef MESHVPN_LAB_FORGE_H
#define MESHVPN_LAB_FORGE_H

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

#define PAYLOAD_MAX 2048

struct host {
	int family;		/* 0: any */
	uint8_t addr[16];
	uint16_t port;		/* 0: any */
};

struct datagram {
	struct host from, to;
	uint32_t len;
	uint8_t data[PAYLOAD_MAX];
};

static inline uint32_t forge_sum(uint32_t s, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (; len > 1; p += 2, len -= 2)
		s += p[0] << 8 | p[1];
	return len ? s + (p[0] << 8) : s;
}

static inline uint16_t forge_fold(uint32_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	s = ~s & 0xffff;
	return htons(s ? s : 0xffff);
}

static inline void forge_udp(uint8_t *out, const struct datagram *d, uint32_t pseudo)
{
	struct udphdr udp = {
		.source = htons(d->from.port), .dest = htons(d->to.port), .len = htons(sizeof(udp) + d->len),
	};

	memcpy(out, &udp, sizeof(udp));
	memcpy(out + sizeof(udp), d->data, d->len);
	udp.check = forge_fold(forge_sum(forge_sum(pseudo, &udp, sizeof(udp)), d->data, d->len));
	memcpy(out, &udp, sizeof(udp));
}

static inline ssize_t forge4(int raw, const struct datagram *d)
{
	uint8_t out[sizeof(struct iphdr) + sizeof(struct udphdr) + PAYLOAD_MAX];
	uint32_t len = sizeof(struct udphdr) + d->len;
	struct iphdr ip = {
		.version = 4, .ihl = 5, .ttl = 63, .protocol = IPPROTO_UDP, .frag_off = htons(IP_DF),
		.tot_len = htons(sizeof(ip) + len),
	};
	struct sockaddr_in to = { .sin_family = AF_INET };

	memcpy(&ip.saddr, d->from.addr, 4);
	memcpy(&ip.daddr, d->to.addr, 4);
	memcpy(&to.sin_addr, d->to.addr, 4);
	memcpy(out, &ip, sizeof(ip));
	forge_udp(out + sizeof(ip), d, forge_sum(forge_sum(IPPROTO_UDP + len, d->from.addr, 4), d->to.addr, 4));
	return sendto(raw, out, sizeof(ip) + len, 0, (void *)&to, sizeof(to));
}

static inline ssize_t forge6(int raw, const struct datagram *d)
{
	uint8_t out[sizeof(struct ip6_hdr) + sizeof(struct udphdr) + PAYLOAD_MAX];
	uint32_t len = sizeof(struct udphdr) + d->len;
	struct ip6_hdr ip = { .ip6_plen = htons(len), .ip6_nxt = IPPROTO_UDP, .ip6_hlim = 63 };
	struct sockaddr_in6 to = { .sin6_family = AF_INET6 };

	ip.ip6_vfc = 6 << 4;
	memcpy(&ip.ip6_src, d->from.addr, 16);
	memcpy(&ip.ip6_dst, d->to.addr, 16);
	memcpy(&to.sin6_addr, d->to.addr, 16);
	memcpy(out, &ip, sizeof(ip));
	forge_udp(out + sizeof(ip), d, forge_sum(forge_sum(IPPROTO_UDP + len, d->from.addr, 16), d->to.addr, 16));
	return sendto(raw, out, sizeof(ip) + len, 0, (void *)&to, sizeof(to));
}

#endif
