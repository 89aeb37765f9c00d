/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the kernels that the module is built for, 6.1 to 7.3, and nowhere else:
 * the other files are written as for the newest.
 */
#ifndef MV_COMPAT_H
#define MV_COMPAT_H

#include <linux/version.h>
#include <linux/mm.h>
#include <linux/netdevice.h>
#include <linux/slab.h>
#include <crypto/chacha.h>
#include <net/genetlink.h>
#include <net/gro.h>
#include <net/sock.h>
#include <net/udp_tunnel.h>

/* ---- memory ---- */

/* A cache that shares its slabs with no other complains when something is left in it at the end. */
#ifndef SLAB_NO_MERGE
#define SLAB_NO_MERGE 0
#endif

#define mv_cache_create(name, type) \
	kmem_cache_create(name, sizeof(type), __alignof__(type), SLAB_ACCOUNT | SLAB_NO_MERGE, NULL)

/* ---- devices ---- */

/* A device that only NAPI contexts hang on, NULL: no memory. */
static inline struct net_device *mv_dummy_new(void)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
	struct net_device *dev = kvzalloc(sizeof(*dev), GFP_KERNEL_ACCOUNT);

	if (dev)
		init_dummy_netdev(dev);
	return dev;
#else
	return alloc_netdev_dummy(0);
#endif
}

static inline void mv_dummy_free(struct net_device *dev)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
	kvfree(dev);
#else
	free_netdev(dev);
#endif
}

static inline void mv_dev_set_lltx(struct net_device *dev)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
	dev->features |= NETIF_F_LLTX;
#else
	dev->lltx = true;
#endif
}

/* Packets and bytes by CPU: the core has them since 6.7. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
#define mv_dev_set_tstats(dev) do { } while (0)
#define mv_tstats_alloc(dev) (!((dev)->tstats = netdev_alloc_pcpu_stats(struct pcpu_sw_netstats)))
#define mv_tstats_free(dev) free_percpu((dev)->tstats)
#else
#define mv_dev_set_tstats(dev) ((dev)->pcpu_stat_type = NETDEV_PCPU_STAT_TSTATS)
#define mv_tstats_alloc(dev) 0
#define mv_tstats_free(dev) do { } while (0)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
#define MV_NEWLINK_PARAMS struct net *net, struct net_device *dev, struct nlattr **tb, \
			  struct nlattr **data, struct netlink_ext_ack *extack
#else
#define MV_NEWLINK_PARAMS struct net_device *dev, struct rtnl_newlink_params *params, \
			  struct netlink_ext_ack *extack
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
#include <net/gso.h>
#endif

/* ---- timers ---- */

static inline void mv_hrtimer_setup(struct hrtimer *timer, enum hrtimer_restart (*function)(struct hrtimer *),
				    clockid_t clock, enum hrtimer_mode mode)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
	hrtimer_init(timer, clock, mode);
	timer->function = function;
#else
	hrtimer_setup(timer, function, clock, mode);
#endif
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define mv_timer_delete_sync(timer) del_timer_sync(timer)
#else
#define mv_timer_delete_sync(timer) timer_delete_sync(timer)
#endif

/* ---- crypto ---- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
#include <crypto/algapi.h>
#else
#include <crypto/utils.h>
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 16, 0)
#define CHACHA_KEY_WORDS (CHACHA_KEY_SIZE / 4)

struct chacha_state {
	u32 x[16];
};

#define mv_chacha_init(state, key, iv) chacha_init((state)->x, key, iv)
#define mv_chacha_crypt(state, dst, src, len) chacha_crypt((state)->x, dst, src, len, 20)
#else
#define mv_chacha_init(state, key, iv) chacha_init(state, key, iv)
#define mv_chacha_crypt(state, dst, src, len) chacha_crypt(state, dst, src, len, 20)
#endif

/* ---- sockets ---- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
#define mv_sk_uid(sk) ((sk)->sk_uid)
#define mv_udp_xmit4(rt, sk, skb, src, dst, ttl, df, sport, dport) \
	udp_tunnel_xmit_skb(rt, sk, skb, src, dst, 0, ttl, df, sport, dport, false, false)
#else
#define mv_sk_uid(sk) sk_uid(sk)
#define mv_udp_xmit4(rt, sk, skb, src, dst, ttl, df, sport, dport) \
	udp_tunnel_xmit_skb(rt, sk, skb, src, dst, 0, ttl, df, sport, dport, false, false, 0)
#endif

/* They took a struct socket until 7.x. */
#define mv_sock_or_socket(function, type, sk) \
	__builtin_choose_expr(__builtin_types_compatible_p(typeof(&(function)), type), sk, (sk)->sk_socket)
#define mv_setup_udp_tunnel_sock(net_, sk_, cfg_) \
	setup_udp_tunnel_sock(net_, mv_sock_or_socket(setup_udp_tunnel_sock, \
			      void (*)(struct net *, struct sock *, struct udp_tunnel_sock_cfg *), \
			      sk_), cfg_)

/* Where in an skb in gro_receive the outer IP header is. */
static inline int mv_gro_network_offset(const struct sk_buff *skb)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
	return skb_network_offset(skb);
#else
	return NAPI_GRO_CB(skb)->network_offset;
#endif
}

/* ---- netlink ---- */

/* Attributes of a dump's request. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
#define mv_dump_attrs(cb) (genl_dumpit_info(cb)->attrs)
#else
#define mv_dump_attrs(cb) (genl_dumpit_info(cb)->info.attrs)
#endif

#ifndef NLA_POLICY_MAX_LEN
#define NLA_POLICY_MAX_LEN(max) { .type = NLA_BINARY, .len = max }
#endif

/* the pointer was not to const */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
#undef NLA_POLICY_FULL_RANGE
#define NLA_POLICY_FULL_RANGE(tp, range_) {				\
	.type = NLA_ENSURE_UINT_OR_BINARY_TYPE(tp),			\
	.validation_type = NLA_VALIDATE_RANGE_PTR,			\
	.range = (struct netlink_range_validation *)(range_),		\
}
#endif

#endif
