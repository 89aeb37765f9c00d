// SPDX-License-Identifier: GPL-2.0
/*
 * The last step of a super-packet: route, UDP and IP headers. Sent as the socket's own datagrams
 * would be (mark, bound device and address, memory accounted), but with the same few header fields
 * for everybody, and never fragmented.
 */
#include <linux/ipv6.h>
#include <net/addrconf.h>
#include <net/ip6_checksum.h>
#include <net/ip6_route.h>
#include <net/route.h>
#include <net/udp_tunnel.h>

#include "compat.h"
#include "device.h"
#include "link.h"
#include "socket.h"

#define TTL 64

/* The cache is one for all lanes: their sockets are told apart by what a route depends on. */
static void cache_check(struct mv_path *path, const struct sock *sk, int oif)
{
	u32 mark = READ_ONCE(sk->sk_mark);

	if (likely(READ_ONCE(path->route_mark) == mark && READ_ONCE(path->route_oif) == oif))
		return;
	dst_cache_reset(&path->cache);
	WRITE_ONCE(path->route_mark, mark);
	WRITE_ONCE(path->route_oif, oif);
}

/* Would the cells go into a device that makes cells of them again? */
static bool goes_to_self(const struct net_device *dev, const struct mv_socket *s)
{
	const struct mv_device *d;

	if (likely(!dev->rtnl_link_ops || strcmp(dev->rtnl_link_ops->kind, "meshvpn")))
		return false;
	d = netdev_priv(dev);
	return rcu_access_pointer(d->node) == rcu_access_pointer(s->node);
}

/* A socket that probes believes no ICMP, which anyone can forge: as the stack does it. */
static u32 route_mtu(const struct dst_entry *dst, bool probes)
{
	return probes ? READ_ONCE(dst->dev->mtu) : dst_mtu(dst);
}

/* May it leave by this route? Never in pieces. */
static int route_check(struct dst_entry *dst, const struct mv_socket *s, const struct sk_buff *skb,
		       u32 headers, bool probes)
{
	u32 cell = skb_is_gso(skb) ? skb_shinfo(skb)->gso_size : skb->len;

	if (unlikely(cell + headers > route_mtu(dst, probes)))
		return -EMSGSIZE;
	return unlikely(goes_to_self(dst->dev, s)) ? -ELOOP : 0;
}

static void skb_prepare(struct sk_buff *skb, struct sock *sk)
{
	skb->priority = READ_ONCE(sk->sk_priority);
	skb->mark = READ_ONCE(sk->sk_mark);
	memset(skb->cb, 0, sizeof(skb->cb));
	if (skb_is_gso(skb)) {
		skb->ip_summed = CHECKSUM_PARTIAL;
		skb->csum_start = skb_headroom(skb) - sizeof(struct udphdr);
		skb->csum_offset = offsetof(struct udphdr, check);
	}
	skb_set_owner_w(skb, sk);
}

/* ---- IPv4 ---- */

/* The socket's own address for IPv4, or 0; one that is bound to an IPv6 address has none. */
static bool source4(const struct sock *sk, __be32 *saddr)
{
	*saddr = inet_sk(sk)->inet_saddr;
#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6) {
		if (ipv6_only_sock(sk))
			return false;
		return ipv6_addr_v4mapped(&sk->sk_v6_rcv_saddr) || ipv6_addr_any(&sk->sk_v6_rcv_saddr);
	}
#endif
	return true;
}

static struct rtable *route4(struct mv_path *path, struct sock *sk, struct flowi4 *fl)
{
	struct rtable *rt;
	__be32 own = fl->saddr;

	cache_check(path, sk, fl->flowi4_oif);
	rt = dst_cache_get_ip4(&path->cache, &fl->saddr);
	if (likely(rt)) {
		if (own)
			fl->saddr = own;
		return rt;
	}
	rt = ip_route_output_flow(sock_net(sk), fl, sk);
	if (IS_ERR(rt))
		return rt;
	if (rt->rt_flags & (RTCF_BROADCAST | RTCF_MULTICAST)) {
		ip_rt_put(rt);
		return ERR_PTR(-EACCES);
	}
	dst_cache_set_ip4(&path->cache, &rt->dst, fl->saddr);
	return rt;
}

static int send4(struct mv_socket *s, struct mv_path *path, __be32 to, __be16 port, struct sk_buff *skb)
{
	struct sock *sk = s->sk;
	struct flowi4 fl = {
		.daddr = to, .flowi4_oif = READ_ONCE(sk->sk_bound_dev_if),
		.flowi4_mark = READ_ONCE(sk->sk_mark), .flowi4_proto = IPPROTO_UDP,
		.flowi4_flags = inet_sk_flowi_flags(sk), .flowi4_uid = mv_sk_uid(sk),
		.fl4_dport = port, .fl4_sport = inet_sk(sk)->inet_sport,
	};
	struct rtable *rt;
	int err;

	if (!source4(sk, &fl.saddr))
		return -EAFNOSUPPORT;
	rt = route4(path, sk, &fl);
	if (IS_ERR(rt))
		return PTR_ERR(rt);
	err = route_check(&rt->dst, s, skb, sizeof(struct iphdr) + sizeof(struct udphdr),
			  !ip_sk_use_pmtu(sk));
	if (unlikely(err)) {
		ip_rt_put(rt);
		return err;
	}
	skb_prepare(skb, sk);
	mv_udp_xmit4(rt, sk, skb, fl.saddr, to, TTL, htons(IP_DF), fl.fl4_sport, port);
	return 0;
}

/* ---- IPv6 ---- */

#if IS_ENABLED(CONFIG_IPV6)
static struct dst_entry *route6(struct mv_path *path, struct sock *sk, struct flowi6 *fl)
{
	struct in6_addr own = fl->saddr;
	struct dst_entry *dst;

	cache_check(path, sk, fl->flowi6_oif);
	dst = dst_cache_get_ip6(&path->cache, &fl->saddr);
	if (likely(dst)) {
		if (!ipv6_addr_any(&own))
			fl->saddr = own;
		return dst;
	}
	dst = ip6_dst_lookup_flow(sock_net(sk), sk, fl, NULL);
	if (!IS_ERR(dst))
		dst_cache_set_ip6(&path->cache, dst, &fl->saddr);
	return dst;
}

/* Not udp_tunnel6_xmit_skb(): under that, in new kernels, the stack forgets that the socket probes. */
static void xmit6(struct dst_entry *dst, struct sock *sk, struct sk_buff *skb, const struct flowi6 *fl)
{
	struct udphdr *udp = skb_push(skb, sizeof(*udp));
	struct ipv6hdr *ip;

	skb_reset_transport_header(skb);
	udp->source = fl->fl6_sport;
	udp->dest = fl->fl6_dport;
	udp->len = htons(skb->len);
	udp6_set_csum(false, skb, &fl->saddr, &fl->daddr, skb->len);
	skb_dst_set(skb, dst);
	ip = skb_push(skb, sizeof(*ip));
	skb_reset_network_header(skb);
	ip6_flow_hdr(ip, 0, 0);
	ip->nexthdr = IPPROTO_UDP;
	ip->hop_limit = TTL;
	ip->saddr = fl->saddr;
	ip->daddr = fl->daddr;
	ip6_local_out(sock_net(sk), sk, skb);
}

static int send6(struct mv_socket *s, struct mv_path *path, __be16 port, struct sk_buff *skb)
{
	struct sock *sk = s->sk;
	struct in6_addr to = path->remote.addr;
	struct flowi6 fl = {
		.daddr = to, .flowi6_oif = READ_ONCE(sk->sk_bound_dev_if),
		.flowi6_mark = READ_ONCE(sk->sk_mark), .flowi6_proto = IPPROTO_UDP,
		.flowi6_uid = mv_sk_uid(sk), .fl6_dport = port, .fl6_sport = inet_sk(sk)->inet_sport,
	};
	struct dst_entry *dst;
	int err;

	if (sk->sk_family != AF_INET6 || !ipv6_mod_enabled() || ipv6_addr_is_multicast(&to))
		return -EAFNOSUPPORT;
	if (!fl.flowi6_oif && __ipv6_addr_needs_scope_id(ipv6_addr_type(&to)))
		fl.flowi6_oif = path->remote.scope;
	fl.saddr = inet6_sk(sk)->saddr;
	if (ipv6_addr_v4mapped(&fl.saddr))
		return -EAFNOSUPPORT;
	dst = route6(path, sk, &fl);
	if (IS_ERR(dst))
		return PTR_ERR(dst);
	err = route_check(dst, s, skb, sizeof(struct ipv6hdr) + sizeof(struct udphdr),
			  inet6_sk(sk)->pmtudisc >= IPV6_PMTUDISC_PROBE);
	if (unlikely(err)) {
		dst_release(dst);
		return err;
	}
	skb_prepare(skb, sk);
	xmit6(dst, sk, skb, &fl);
	return 0;
}
#else
static int send6(struct mv_socket *s, struct mv_path *path, __be16 port, struct sk_buff *skb)
{
	return -EAFNOSUPPORT;
}
#endif

int mv_socket_send(struct mv_socket *s, struct mv_path *path, u32 lane, struct sk_buff *skb)
{
	const struct mv_endpoint *to = &path->remote;
	__be16 port = htons(ntohs(to->port) + lane);
	int err;

	if (to->family == AF_INET)
		err = send4(s, path, to->addr.s6_addr32[0], port, skb);
	else if (ipv6_addr_v4mapped(&to->addr))
		err = send4(s, path, to->addr.s6_addr32[3], port, skb);
	else
		err = send6(s, path, port, skb);
	if (unlikely(err)) {
		dst_cache_reset(&path->cache);
		kfree_skb(skb);
	}
	return err;
}
