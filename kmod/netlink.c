// SPDX-License-Identifier: GPL-2.0
/*
 * The generic netlink family: who may ask, which node is meant, and the requests about nodes as a
 * whole. Requests run in parallel: what they change lies under the lock of their node.
 */
#include <linux/notifier.h>

#include "compat.h"
#include "events.h"
#include "link.h"
#include "netlink.h"
#include "netlink_gen.h"
#include "node.h"
#include "socket.h"

struct genl_family mv_genl_family __ro_after_init = {
	.name = MESHVPN_FAMILY_NAME,
	.version = MESHVPN_FAMILY_VERSION,
	.netnsok = true,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.ops = meshvpn_nl_ops,
	.n_ops = ARRAY_SIZE(meshvpn_nl_ops),
};

/* Unlike any that a dump has seen of another node of the same number. */
static atomic_t generations = ATOMIC_INIT(0);

void mv_netlink_changed(struct mv_node *node)
{
	int next = atomic_inc_return(&generations);

	/* 0 means none to netlink */
	node->generation = next ? next : atomic_inc_return(&generations);
}

/* ---- who may, and which node ---- */

bool mv_netlink_capable(struct sk_buff *skb)
{
	return netlink_ns_capable(skb, sock_net(skb->sk)->user_ns, CAP_NET_ADMIN);
}

/* The node that is meant, with a reference, if the sender may. */
static struct mv_node *node_get(struct sk_buff *skb, u32 portid, struct nlattr **attrs, bool capable,
				struct netlink_ext_ack *extack)
{
	struct nlattr *id = attrs[MESHVPN_A_NODE_ID];
	bool may = mv_netlink_capable(skb);
	struct mv_node *node;

	if (!id) {
		NL_SET_ERR_ATTR_MISS(extack, NULL, MESHVPN_A_NODE_ID);
		return ERR_PTR(mv_netlink_refuse(extack, NULL, -EINVAL, "which node?"));
	}
	node = mv_node_get(sock_net(skb->sk), nla_get_u32(id));
	/* one that is still being made is not touched, least of all deleted, by others */
	if (node && !smp_load_acquire(&node->made)) {
		mv_node_put(node);
		node = NULL;
	}
	if (node && !capable && node->owner && node->owner == portid)
		may = true;
	if (node && may)
		return node;
	if (node)
		mv_node_put(node);
	if (!may)
		return ERR_PTR(mv_netlink_refuse(extack, NULL, -EPERM, capable ?
			"needs CAP_NET_ADMIN" : "needs CAP_NET_ADMIN, or to own the node"));
	return ERR_PTR(mv_netlink_refuse(extack, id, -ENOENT, "there is no such node"));
}

struct mv_node *mv_netlink_lock(struct sk_buff *skb, u32 portid, struct nlattr **attrs, bool capable,
				struct netlink_ext_ack *extack)
{
	struct mv_node *node = node_get(skb, portid, attrs, capable, extack);

	if (IS_ERR(node))
		return node;
	mutex_lock(&node->lock);
	if (!node->dead)
		return node;
	mv_netlink_unlock(node);
	return ERR_PTR(mv_netlink_refuse(extack, attrs[MESHVPN_A_NODE_ID], -ENOENT,
					 "the node is going"));
}

void mv_netlink_unlock(struct mv_node *node)
{
	mutex_unlock(&node->lock);
	mv_node_put(node);
}

/* ---- nodes ---- */

static const char *socket_why(int err)
{
	switch (err) {
	case -EBADF:
	case -ENOTSOCK:
		return "no socket of the calling process";
	case -EPROTONOSUPPORT:
		return "no UDP socket";
	case -EBUSY:
		return "this socket has another user in the kernel";
	case -EXDEV:
		return "this socket is of another network namespace";
	case -EADDRINUSE:
		return "this port is taken";
	}
	return "this socket cannot be used";
}

/* The attribute of lane @lane's socket, to be blamed. */
static const struct nlattr *socket_attr(const struct nlattr *nest, u32 lane)
{
	const struct nlattr *a;
	int rem;

	nla_for_each_nested(a, nest, rem)
		if (nla_type(a) == MESHVPN_A_NODE_SOCKET && !lane--)
			return a;
	return nla_find_nested(nest, MESHVPN_A_NODE_PORT);
}

static int take_sockets(struct mv_node *node, const struct mv_node_request *req,
			const struct nlattr *nest, struct netlink_ext_ack *extack)
{
	int err;
	u32 i;

	for (i = 0; i < req->lanes; i++) {
		if (req->make)
			err = mv_socket_make(node, i, req->port ? req->port + i : 0, req->mark);
		else
			err = mv_socket_attach(node, i, req->sockets[i]);
		if (err)
			return mv_netlink_refuse(extack, socket_attr(nest, i), err, socket_why(err));
	}
	return 0;
}

static int reply_node(struct genl_info *info, struct mv_node *node)
{
	struct sk_buff *skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	void *hdr;
	int err;

	if (!skb)
		return -ENOMEM;
	hdr = genlmsg_put(skb, info->snd_portid, info->snd_seq, &mv_genl_family, 0,
			  info->genlhdr->cmd);
	mutex_lock(&node->lock);
	err = hdr ? mv_put_node(skb, node) : -EMSGSIZE;
	mutex_unlock(&node->lock);
	if (err) {
		nlmsg_free(skb);
		return err;
	}
	genlmsg_end(skb, hdr);
	return genlmsg_reply(skb, info);
}

static int make_node(struct genl_info *info, struct mv_node_conf *conf,
		     const struct mv_node_request *req)
{
	struct nlattr *nest = info->attrs[MESHVPN_A_NODE], *id = info->attrs[MESHVPN_A_NODE_ID];
	struct net *net = genl_info_net(info);
	struct mv_node *node;
	int err;

	conf->id = id ? nla_get_u32(id) : 0;
	node = mv_node_new(net, conf, req->own ? info->snd_portid : 0);
	if (IS_ERR(node))
		return mv_netlink_refuse(info->extack, id, PTR_ERR(node),
					 PTR_ERR(node) == -EEXIST ? "there is such a node already" :
					 PTR_ERR(node) == -ENOMEM ? "no memory" :
					 "a limit is out of range");
	/* the list's reference goes with the namespace or a failure below */
	kref_get(&node->ref);
	mv_netlink_changed(node);
	err = take_sockets(node, req, nest, info->extack);
	if (!err) {
		smp_store_release(&node->made, true);
		err = reply_node(info, node);
	}
	if (err)
		mv_node_del(node);
	mv_node_put(node);
	return err;
}

int meshvpn_nl_node_new_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct mv_node_request req;
	struct mv_node_conf conf;
	int err;

	if (!mv_netlink_capable(skb))
		return mv_netlink_refuse(info->extack, NULL, -EPERM, "needs CAP_NET_ADMIN");
	if (GENL_REQ_ATTR_CHECK(info, MESHVPN_A_NODE))
		return -EINVAL;
	err = mv_parse_node(&conf, &req, info->attrs[MESHVPN_A_NODE], info->extack);
	return err ? err : make_node(info, &conf, &req);
}

int meshvpn_nl_node_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *nest = info->attrs[MESHVPN_A_NODE];
	struct mv_node_conf conf;
	struct mv_node *node;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, MESHVPN_A_NODE))
		return -EINVAL;
	node = mv_netlink_lock(skb, info->snd_portid, info->attrs, false, info->extack);
	if (IS_ERR(node))
		return PTR_ERR(node);
	conf = node->conf;
	err = mv_parse_node(&conf, NULL, nest, info->extack);
	if (!err) {
		err = mv_node_set(node, &conf);
		if (err)
			mv_netlink_refuse(info->extack, nest, err, "a limit is out of range");
		else
			mv_netlink_changed(node);
	}
	mv_netlink_unlock(node);
	return err;
}

int meshvpn_nl_node_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct mv_node *node = node_get(skb, info->snd_portid, info->attrs, false, info->extack);
	static const struct mv_event gone = { .kind = MV_EVENT_GONE };

	if (IS_ERR(node))
		return PTR_ERR(node);
	/* the owner would find out by the errors of all that it asks for from now on */
	if (node->owner != info->snd_portid)
		mv_event_send(node, &gone);
	mv_node_del(node);
	mv_node_put(node);
	return 0;
}

/* ---- owners that go, and the family ---- */

static int notify(struct notifier_block *nb, unsigned long event, void *data)
{
	struct netlink_notify *n = data;

	if (event == NETLINK_URELEASE && n->protocol == NETLINK_GENERIC)
		mv_node_owner_gone(n->net, n->portid);
	return NOTIFY_DONE;
}

static struct notifier_block notifier = { .notifier_call = notify };

int mv_netlink_init(void)
{
	int err = netlink_register_notifier(&notifier);

	if (err)
		return err;
	err = genl_register_family(&mv_genl_family);
	if (err)
		netlink_unregister_notifier(&notifier);
	return err;
}

void mv_netlink_exit(void)
{
	genl_unregister_family(&mv_genl_family);
	netlink_unregister_notifier(&notifier);
}
