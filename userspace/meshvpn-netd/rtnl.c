/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rtnetlink requests, built with libnl's message functions; raw, because libnl's rule objects
 * know no suppress_prefixlength.
 */
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <string.h>

#include "netd_internal.h"

static struct nl_sock *sock;

int rtnl_open(void)
{
	sock = nl_socket_alloc();
	if (!sock || nl_connect(sock, NETLINK_ROUTE))
		return complain(-EIO, "cannot open rtnetlink");
	nl_socket_disable_auto_ack(sock);
	return 0;
}

static int to_errno(int nl)
{
	switch (-nl) {
	case NLE_EXIST: return -EEXIST;
	case NLE_OBJ_NOTFOUND: return -ENOENT;
	case NLE_NODEV: return -ENODEV;
	case NLE_PERM: case NLE_NOACCESS: return -EPERM;
	case NLE_INVAL: return -EINVAL;
	case NLE_OPNOTSUPP: return -EOPNOTSUPP;
	default: return nl < 0 ? -EIO : 0;
	}
}

static struct nl_msg *message(int type, int flags, const void *header, size_t len)
{
	struct nl_msg *m = nlmsg_alloc_simple(type, NLM_F_REQUEST | NLM_F_ACK | flags);

	if (m)
		nlmsg_append(m, (void *)header, len, NLMSG_ALIGNTO);
	return m;
}

static int ask(struct nl_msg *m)
{
	int ret;

	if (!m)
		return -ENOMEM;
	ret = nl_send_auto(sock, m);
	nlmsg_free(m);
	if (ret >= 0)
		ret = nl_wait_for_ack(sock);
	return to_errno(ret);
}

static size_t family_len(u8 family)
{
	return family == AF_INET ? 4 : 16;
}

int rtnl_link_up(u32 ifindex, u32 mtu, u32 queue_len)
{
	struct ifinfomsg ifi = { .ifi_index = ifindex, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	struct nl_msg *m = message(RTM_NEWLINK, 0, &ifi, sizeof(ifi));

	if (!m)
		return -ENOMEM;
	nla_put_u32(m, IFLA_MTU, mtu);
	if (queue_len)
		nla_put_u32(m, IFLA_TXQLEN, queue_len);
	return ask(m);
}

int rtnl_link_new(const char *name, const char *kind)
{
	struct ifinfomsg ifi = { 0 };
	struct nl_msg *m = message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &ifi, sizeof(ifi));
	struct nlattr *info;

	if (!m)
		return -ENOMEM;
	nla_put_string(m, IFLA_IFNAME, name);
	info = nla_nest_start(m, IFLA_LINKINFO);
	if (info) {
		nla_put_string(m, IFLA_INFO_KIND, kind);
		nla_nest_end(m, info);
	}
	return ask(m);
}

struct kind {
	const char *wanted;
	bool is;
};

static int compare_kind(struct nl_msg *msg, void *arg)
{
	struct nlattr *info = nlmsg_find_attr(nlmsg_hdr(msg), sizeof(struct ifinfomsg), IFLA_LINKINFO);
	struct nlattr *name = info ? nla_find(nla_data(info), nla_len(info), IFLA_INFO_KIND) : NULL;
	struct kind *k = arg;

	k->is = name && !nla_strcmp(name, k->wanted);
	return NL_OK;
}

static bool is_kind(u32 ifindex, const char *wanted)
{
	struct ifinfomsg ifi = { .ifi_index = (int)ifindex };
	struct kind k = { wanted, false };
	struct nl_sock *s = nl_socket_alloc();

	if (!s || nl_connect(s, NETLINK_ROUTE)) {
		nl_socket_free(s);
		return false;
	}
	nl_socket_disable_auto_ack(s);
	nl_socket_modify_cb(s, NL_CB_VALID, NL_CB_CUSTOM, compare_kind, &k);
	if (nl_send_simple(s, RTM_GETLINK, 0, &ifi, sizeof(ifi)) >= 0)
		nl_recvmsgs_default(s);
	nl_socket_free(s);
	return k.is;
}

int rtnl_link_del(const char *name, const char *kind)
{
	struct ifinfomsg ifi = { .ifi_index = (int)if_nametoindex(name) };

	if (!ifi.ifi_index || !is_kind((u32)ifi.ifi_index, kind))
		return -ENOENT;
	return ask(message(RTM_DELLINK, 0, &ifi, sizeof(ifi)));
}

int rtnl_address(bool add, u32 ifindex, const struct netd_address *a)
{
	struct ifaddrmsg ifa = {
		.ifa_family = a->family, .ifa_prefixlen = a->bits, .ifa_index = ifindex,
		.ifa_flags = a->family == AF_INET6 ? IFA_F_NODAD : 0,
	};
	struct ifa_cacheinfo cache = { .ifa_prefered = a->deprecated ? 0 : ~0U, .ifa_valid = ~0U };
	struct nl_msg *m = message(add ? RTM_NEWADDR : RTM_DELADDR, add ? NLM_F_CREATE | NLM_F_REPLACE : 0,
				   &ifa, sizeof(ifa));

	if (!m)
		return -ENOMEM;
	nla_put(m, IFA_LOCAL, family_len(a->family), a->addr);
	nla_put(m, IFA_ADDRESS, family_len(a->family), a->addr);
	if (add)
		nla_put(m, IFA_CACHEINFO, sizeof(cache), &cache);
	return ask(m);
}

static int qdisc(u32 ifindex, u32 parent, u32 handle, const char *kind)
{
	struct tcmsg tcm = { .tcm_ifindex = ifindex, .tcm_parent = parent, .tcm_handle = handle };
	struct nl_msg *m = message(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, &tcm, sizeof(tcm));

	if (!m)
		return -ENOMEM;
	nla_put_string(m, TCA_KIND, kind);
	return ask(m);
}

int rtnl_qdisc_fq_codel(u32 ifindex)
{
	return qdisc(ifindex, TC_H_ROOT, 0, "fq_codel");
}

int rtnl_qdiscs_fq_codel(u32 ifindex)
{
	u32 i;

	/* a device of one queue has no mq */
	if (qdisc(ifindex, TC_H_ROOT, TC_H_MAKE(1U << 16, 0), "mq"))
		return rtnl_qdisc_fq_codel(ifindex);
	for (i = 1; i <= NETD_QUEUES_MAX; i++)
		if (qdisc(ifindex, TC_H_MAKE(1U << 16, i), 0, "fq_codel"))
			return i > 1 ? 0 : -EOPNOTSUPP;
	return 0;
}

int rtnl_route_default(bool add, const struct rtnl_route *r)
{
	struct rtmsg rtm = {
		.rtm_family = r->family, .rtm_table = RT_TABLE_UNSPEC, .rtm_protocol = NETD_PROTOCOL,
		.rtm_scope = r->type == RTN_UNICAST && r->family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
		.rtm_type = r->type, .rtm_dst_len = r->dst ? r->dst_bits : 0,
	};
	struct nl_msg *m = message(add ? RTM_NEWROUTE : RTM_DELROUTE, add ? NLM_F_CREATE | NLM_F_REPLACE : 0,
				   &rtm, sizeof(rtm));

	if (!m)
		return -ENOMEM;
	nla_put_u32(m, RTA_TABLE, r->table);
	nla_put_u32(m, RTA_PRIORITY, r->metric);
	if (r->dst)
		nla_put(m, RTA_DST, family_len(r->family), r->dst);
	if (r->ifindex)
		nla_put_u32(m, RTA_OIF, r->ifindex);
	if (r->source)
		nla_put(m, RTA_PREFSRC, family_len(r->family), r->source);
	return ask(m);
}

int rtnl_rule_change(bool add, const struct rtnl_rule *r)
{
	struct fib_rule_hdr h = {
		.family = r->family, .action = FR_ACT_TO_TBL, .table = RT_TABLE_UNSPEC,
		.src_len = r->source ? family_len(r->family) * 8 : 0,
		.flags = r->not_mark ? FIB_RULE_INVERT : 0,
	};
	struct nl_msg *m = message(add ? RTM_NEWRULE : RTM_DELRULE, add ? NLM_F_CREATE | NLM_F_EXCL : 0,
				   &h, sizeof(h));
	int ret;

	if (!m)
		return -ENOMEM;
	nla_put_u32(m, FRA_TABLE, r->table);
	nla_put_u32(m, FRA_PRIORITY, r->priority);
	nla_put_u8(m, FRA_PROTOCOL, NETD_PROTOCOL);
	if (r->source)
		nla_put(m, FRA_SRC, family_len(r->family), r->source);
	if (r->oif)
		nla_put_string(m, FRA_OIFNAME, r->oif);
	if (r->not_mark) {
		nla_put_u32(m, FRA_FWMARK, r->mark);
		nla_put_u32(m, FRA_FWMASK, r->mask);
	}
	if (r->suppress)
		nla_put_u32(m, FRA_SUPPRESS_PREFIXLEN, 0);
	ret = ask(m);
	return add && ret == -EEXIST ? 0 : ret;
}

/* Rules found in a dump; deleted afterwards, since a dump must not see its own deletions. */
struct found {
	u32 table, count;
	struct nl_msg *del[256];
};

static int found_rule(struct nl_msg *msg, void *arg)
{
	struct nlmsghdr *nlh = nlmsg_hdr(msg);
	struct fib_rule_hdr *h = nlmsg_data(nlh);
	struct nlattr *protocol = nlmsg_find_attr(nlh, sizeof(*h), FRA_PROTOCOL);
	struct nlattr *table = nlmsg_find_attr(nlh, sizeof(*h), FRA_TABLE);
	struct found *f = arg;
	struct nl_msg *del;

	if (!protocol || nla_get_u8(protocol) != NETD_PROTOCOL || f->count == 256)
		return NL_OK;
	if (f->table && (!table || nla_get_u32(table) != f->table))
		return NL_OK;
	del = nlmsg_alloc_simple(RTM_DELRULE, NLM_F_REQUEST | NLM_F_ACK);
	if (del && !nlmsg_append(del, h, nlmsg_datalen(nlh), NLMSG_ALIGNTO))
		f->del[f->count++] = del;
	return NL_OK;
}

static int flush_family(u8 family, u32 table)
{
	struct rtmsg rtm = { .rtm_family = family };
	struct found found = { .table = table };
	struct nl_sock *s = nl_socket_alloc();
	u32 i;

	if (!s || nl_connect(s, NETLINK_ROUTE)) {
		nl_socket_free(s);
		return -EIO;
	}
	nl_socket_modify_cb(s, NL_CB_VALID, NL_CB_CUSTOM, found_rule, &found);
	if (nl_send_simple(s, RTM_GETRULE, NLM_F_DUMP, &rtm, sizeof(rtm)) >= 0)
		nl_recvmsgs_default(s);
	nl_socket_free(s);
	for (i = 0; i < found.count; i++)
		ask(found.del[i]);
	return 0;
}

int rtnl_rules_flush(u32 table)
{
	flush_family(AF_INET, table);
	return flush_family(AF_INET6, table);
}
