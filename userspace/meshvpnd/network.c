// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The machine's own addresses: which families it has, what a relay without [Node] Address
 * announces, what inner addresses would collide with, and when any of that changed.
 */
#include <errno.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/route.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "daemon.h"

/* Changes come in bursts; this is for all but the link ids, which cannot wait. */
#define SETTLE_NS (100 * NSEC_PER_MSEC)

static bool link_local(const struct endpoint *e)
{
	return e->family == AF_INET ? e->addr[0] == 169 && e->addr[1] == 254 :
				      e->addr[0] == 0xfe && (e->addr[1] & 0xc0) == 0x80;
}

/* Addresses of up interfaces, without ours, loopback and link-local. */
static bool outer_address(const struct ifaddrs *ifa, struct endpoint *e)
{
	if (!ifa->ifa_addr || !(ifa->ifa_flags & IFF_UP) || ifa->ifa_flags & IFF_LOOPBACK)
		return false;
	if (!strncmp(ifa->ifa_name, NETD_DEVICE_PREFIX, strlen(NETD_DEVICE_PREFIX)))
		return false;
	if (endpoint_from_sockaddr(e, ifa->ifa_addr, sizeof(struct sockaddr_in6)))
		return false;
	return !link_local(e);
}

u32 network_addresses(const struct daemon *d, struct endpoint *to, u32 max)
{
	struct ifaddrs *list, *ifa;
	struct endpoint e;
	u32 n = 0;

	if (getifaddrs(&list))
		return 0;
	for (ifa = list; ifa && n < max; ifa = ifa->ifa_next) {
		if (!outer_address(ifa, &e))
			continue;
		e.port = d->conf.port;
		if (endpoint_contactable(&e, d->conf.private_network))
			to[n++] = e;
	}
	freeifaddrs(list);
	return n;
}

/* Sets has4 and has6. Return: a fingerprint that does not depend on the order. */
static u64 survey(struct daemon *d)
{
	struct ifaddrs *list, *ifa;
	struct endpoint e;
	u64 sum = 0, hash;
	u32 i;

	if (getifaddrs(&list))
		return d->addresses;
	d->has4 = d->has6 = false;
	for (ifa = list; ifa; ifa = ifa->ifa_next) {
		if (!outer_address(ifa, &e))
			continue;
		*(e.family == AF_INET ? &d->has4 : &d->has6) = true;
		hash = 1469598103934665603ULL;
		for (i = 0; i < sizeof(e.addr); i++)
			hash = (hash ^ e.addr[i]) * 1099511628211ULL;
		sum += hash;
	}
	freeifaddrs(list);
	return sum;
}

static void settled(struct timer *t)
{
	struct daemon *d = container_of(t, struct daemon, network_settle);

	if (d->addresses == d->addresses_told)
		return;
	d->addresses_told = d->addresses;
	log_notice("network", "the addresses of this machine changed");
	if (d->conf.relay_enable && !d->conf.address_count)
		node_publish(d);
	client_address_changed(d);
}

static void network_ready(struct watch *w, u32 events)
{
	struct daemon *d = container_of(w, struct daemon, network_watch);
	u64 before = d->addresses;
	char buf[8192];

	/* what exactly changed does not matter; ENOBUFS says that something did, too */
	while (recv(w->fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
	d->addresses = survey(d);
	/* at once: each cell under an old id joins the two addresses for who watches */
	if (d->addresses != before)
		links_rebind(d->links);
	if (!timer_armed(&d->network_settle))
		timer_arm(&d->ts, &d->network_settle, d->ts.now + SETTLE_NS);
}

int network_open(struct daemon *d)
{
	struct sockaddr_nl nl = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR,
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	timer_init(&d->network_settle, settled);
	watch_init(&d->network_watch, fd, EPOLLIN, network_ready);
	d->addresses = d->addresses_told = survey(d);
	if (fd < 0 || bind(fd, (struct sockaddr *)&nl, sizeof(nl)))
		return -errno;
	return loop_add(d->loop, &d->network_watch);
}

void network_close(struct daemon *d)
{
	timer_cancel(&d->ts, &d->network_settle);
	loop_del(d->loop, &d->network_watch);
	if (d->network_watch.fd > 0)
		close(d->network_watch.fd);
}

/* ---- would an inner address collide? ---- */

struct wanted {
	const struct daemon *d;
	int family;
	const u8 *addr;
	bool taken;
};

static bool prefix_covers(const u8 *prefix, u32 bits, const u8 *addr)
{
	u32 whole = bits / 8, rest = bits % 8;

	if (memcmp(prefix, addr, whole))
		return false;
	return !rest || !((prefix[whole] ^ addr[whole]) >> (8 - rest));
}

static bool route_ours(const struct daemon *d, struct rtnl_route *r)
{
	struct rtnl_nexthop *hop = rtnl_route_nexthop_n(r, 0);
	u32 ifindex = hop ? (u32)rtnl_route_nh_get_ifindex(hop) : 0;

	return ifindex && (ifindex == d->client_ifindex || ifindex == d->exit_ifindex);
}

static void route_look(struct nl_object *o, void *arg)
{
	struct rtnl_route *r = (struct rtnl_route *)o;
	struct nl_addr *dst = rtnl_route_get_dst(r);
	struct wanted *w = arg;

	if (rtnl_route_get_family(r) != w->family || !dst || !nl_addr_get_prefixlen(dst) || route_ours(w->d, r))
		return;
	if (nl_addr_get_len(dst) == (w->family == AF_INET ? 4u : 16u) &&
	    prefix_covers(nl_addr_get_binary_addr(dst), nl_addr_get_prefixlen(dst), w->addr))
		w->taken = true;
}

bool network_usable(const struct daemon *d, int family, const u8 *addr)
{
	struct wanted w = { d, family, addr, false };
	struct nl_sock *sk = nl_socket_alloc();
	struct nl_cache *cache = NULL;

	if (sk && !nl_connect(sk, NETLINK_ROUTE) && !rtnl_route_alloc_cache(sk, family, 0, &cache)) {
		nl_cache_foreach(cache, route_look, &w);
		nl_cache_free(cache);
	}
	nl_socket_free(sk);
	return !w.taken;
}
