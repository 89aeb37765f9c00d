// SPDX-License-Identifier: GPL-2.0
/*
 * Get and dump. A dump walks a table bucket by bucket and goes on where the message before was
 * full, so that it takes time by the number of objects and no memory; that something changed in
 * between is said with NLM_F_DUMP_INTR.
 */
#include <linux/rtnetlink.h>

#include "circuit.h"
#include "compat.h"
#include "device.h"
#include "exit.h"
#include "link.h"
#include "netlink.h"
#include "netlink_gen.h"
#include "node.h"

/* Where a dump goes on, in netlink_callback.ctx. */
struct position {
	u32 bucket;				/* or node's id, or number in a list */
	u32 skip;				/* objects of the bucket that are done */
	u32 part;				/* sessions of that link, prefixes of that device */
	bool end;
};

struct dump {
	struct sk_buff *skb;
	struct netlink_callback *cb;
	struct mv_node *node;
	struct position *at;
	u8 cmd;
};

static void *message(const struct dump *d)
{
	void *hdr = genlmsg_put(d->skb, NETLINK_CB(d->cb->skb).portid, d->cb->nlh->nlmsg_seq,
				&mv_genl_family, NLM_F_MULTI, d->cmd);

	if (hdr)
		genl_dump_check_consistent(d->cb, hdr);
	return hdr;
}

static int message_end(const struct dump *d, void *hdr, int err)
{
	if (err)
		genlmsg_cancel(d->skb, hdr);
	else
		genlmsg_end(d->skb, hdr);
	return err;
}

/* ---- one object's message, or what of it is due ---- */

static int show_link(struct dump *d, struct mv_link *link)
{
	void *hdr = message(d);

	return hdr ? message_end(d, hdr, mv_put_link(d->skb, link)) : -EMSGSIZE;
}

static int show_link_sessions(struct dump *d, struct mv_link *link)
{
	const struct mv_link_session *s;
	u32 i = 0;
	void *hdr;
	int err;

	list_for_each_entry(s, &link->sessions, link_node) {
		if (i++ < d->at->part)
			continue;
		hdr = message(d);
		err = hdr ? message_end(d, hdr, mv_put_link_session(d->skb, d->node, s)) : -EMSGSIZE;
		if (err)
			return err;
		d->at->part = i;
	}
	d->at->part = 0;
	return 0;
}

static int show_session(struct dump *d, const struct mv_exit *e)
{
	void *hdr = message(d);

	return hdr ? message_end(d, hdr, mv_put_session(d->skb, d->node, e)) : -EMSGSIZE;
}

/* A relay's circuit is in the table twice, and shown by its side towards the origin. */
static int show_circuit(struct dump *d, const struct mv_half *half)
{
	struct mv_circuit *c = half->circuit;
	void *hdr;

	if (c->kind == MV_RELAY && half != &c->forward)
		return 0;
	hdr = message(d);
	return hdr ? message_end(d, hdr, mv_put_circuit(d->skb, c)) : -EMSGSIZE;
}

static int show_device(struct dump *d, struct mv_device *device)
{
	void *hdr = message(d);

	return hdr ? message_end(d, hdr, mv_put_device(d->skb, d->node, device)) : -EMSGSIZE;
}

static int show_selector(struct dump *d, struct mv_device *device)
{
	const struct mv_selector *selector;
	void *hdr;
	int err;

	selector = rcu_dereference_protected(device->selector, lockdep_is_held(&d->node->lock));
	while (selector && d->at->part < selector->count) {
		hdr = message(d);
		err = hdr ? message_end(d, hdr, mv_put_selector(d->skb, d->node, device,
								&d->at->part)) : -EMSGSIZE;
		if (err)
			return err;
	}
	d->at->part = 0;
	return 0;
}

static int show_hashed(struct dump *d, struct mv_hash_node *n)
{
	switch (d->cmd) {
	case MESHVPN_CMD_LINK_GET:
		return show_link(d, container_of(n, struct mv_link, by_id));
	case MESHVPN_CMD_LINK_SESSION_GET:
		return show_link_sessions(d, container_of(n, struct mv_link, by_id));
	case MESHVPN_CMD_SESSION_GET:
		return show_session(d, container_of(n, struct mv_exit, by_id));
	default:
		return show_circuit(d, container_of(n, struct mv_half, node));
	}
}

/* ---- walks ---- */

/*
 * A table that has doubled meanwhile splits bucket i into i and one beyond: nothing is missed, and
 * what is seen twice comes with NLM_F_DUMP_INTR.
 */
static int walk_hash(struct dump *d, const struct mv_hash *h)
{
	struct position *at = d->at;
	struct mv_hash_node *n;
	u32 i, side;
	int err;

	for (; at->bucket <= mv_hash_mask(h); at->bucket++, at->skip = 0) {
		i = 0;
		for (n = mv_hash_first(h, at->bucket, &side); n; n = mv_hash_next(n, side)) {
			if (i++ < at->skip)
				continue;
			err = show_hashed(d, n);
			if (err)
				return err;
			at->skip = i;
		}
	}
	return 0;
}

static int walk_devices(struct dump *d)
{
	struct mv_device *device;
	u32 i = 0;
	int err;

	list_for_each_entry(device, &d->node->devices, node_list) {
		if (i++ < d->at->skip)
			continue;
		err = d->cmd == MESHVPN_CMD_DEVICE_GET ? show_device(d, device) :
							 show_selector(d, device);
		if (err)
			return err;
		d->at->skip = i;
	}
	return 0;
}

static int walk(struct dump *d)
{
	switch (d->cmd) {
	case MESHVPN_CMD_LINK_GET:
	case MESHVPN_CMD_LINK_SESSION_GET:
		return walk_hash(d, &d->node->links);
	case MESHVPN_CMD_SESSION_GET:
		return walk_hash(d, &d->node->exits);
	case MESHVPN_CMD_CIRCUIT_GET:
		return walk_hash(d, &d->node->circuits);
	default:
		return walk_devices(d);
	}
}

static struct position *position(struct netlink_callback *cb)
{
	BUILD_BUG_ON(sizeof(struct position) > sizeof(cb->ctx));
	return (struct position *)cb->ctx;
}

/* What a dump call returns: it is called again as long as it gave something. */
static int dumped(struct dump *d, int err)
{
	if (!err)
		d->at->end = true;
	else if (err != -EMSGSIZE || !d->skb->len)
		return err;
	return d->skb->len;
}

/* Only the node may be given. */
static int refuse_filter(struct nlattr **attrs, u32 object, struct netlink_ext_ack *extack)
{
	if (!attrs[object])
		return 0;
	return mv_netlink_refuse(extack, attrs[object], -EINVAL, "dumps are of the whole node");
}

static int dump(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd, u32 object)
{
	struct dump d = { .skb = skb, .cb = cb, .at = position(cb), .cmd = cmd };
	struct nlattr **attrs = mv_dump_attrs(cb);
	bool rtnl = cmd == MESHVPN_CMD_DEVICE_GET;
	int err;

	if (d.at->end)
		return 0;
	err = refuse_filter(attrs, object, cb->extack);
	if (err)
		return err;
	if (rtnl)
		rtnl_lock();
	d.node = mv_netlink_lock(cb->skb, NETLINK_CB(cb->skb).portid, attrs, false, cb->extack);
	if (IS_ERR(d.node)) {
		err = PTR_ERR(d.node);
	} else {
		cb->seq = d.node->generation;
		err = dumped(&d, walk(&d));
		mv_netlink_unlock(d.node);
	}
	if (rtnl)
		rtnl_unlock();
	return err;
}

/* ---- one object ---- */

static struct mv_device *find_device(struct mv_node *node, u32 id)
{
	return mv_device_find(node, id);
}

static struct mv_link_session *find_link_session(struct mv_node *node, u32 link, u32 index)
{
	struct mv_link *l = mv_link_find(node, link);

	return l ? mv_link_session_find(l, index) : NULL;
}

/* By the name of the side towards the origin or the guard. */
static struct mv_circuit *find_circuit(struct mv_node *node, u32 link, u32 circuit)
{
	struct mv_half *half = mv_half_find(&node->circuits, link, circuit);
	struct mv_circuit *c = half ? half->circuit : NULL;

	return c && c->id == circuit && c->link->id == link ? c : NULL;
}

static int put_named(struct sk_buff *skb, struct mv_node *node, const struct mv_op *name)
{
	struct mv_link_session *s;
	struct mv_circuit *c;
	struct mv_device *d;
	struct mv_link *link;
	struct mv_exit *e;
	u32 from = 0;

	switch (name->object) {
	case MV_OBJ_DEVICE:
		d = find_device(node, name->device.id);
		return d ? mv_put_device(skb, node, d) : -ENOENT;
	case MV_OBJ_LINK:
		link = mv_link_find(node, name->link.id);
		return link ? mv_put_link(skb, link) : -ENOENT;
	case MV_OBJ_LINK_SESSION:
		s = find_link_session(node, name->link_session.link, name->link_session.index);
		return s ? mv_put_link_session(skb, node, s) : -ENOENT;
	case MV_OBJ_SESSION:
		e = mv_exit_find(node, name->session.id);
		return e ? mv_put_session(skb, node, e) : -ENOENT;
	case MV_OBJ_CIRCUIT:
		c = find_circuit(node, name->circuit.link, name->circuit.circuit);
		return c ? mv_put_circuit(skb, c) : -ENOENT;
	case MV_OBJ_SELECTOR:
		d = find_device(node, name->selector.device);
		return d ? mv_put_selector(skb, node, d, &from) : -ENOENT;
	}
	return -EINVAL;
}

/* A whole message about the object @name of @node. */
static struct sk_buff *answer(struct genl_info *info, struct mv_node *node, const struct mv_op *name)
{
	struct sk_buff *skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	int err = -EMSGSIZE;
	void *hdr;

	if (!skb)
		return ERR_PTR(-ENOMEM);
	hdr = genlmsg_put(skb, info->snd_portid, info->snd_seq, &mv_genl_family, 0,
			  info->genlhdr->cmd);
	if (hdr)
		err = name ? put_named(skb, node, name) : mv_put_node(skb, node);
	if (err) {
		nlmsg_free(skb);
		return ERR_PTR(err);
	}
	genlmsg_end(skb, hdr);
	return skb;
}

static int get(struct sk_buff *skb, struct genl_info *info, enum mv_object object, u32 attr)
{
	bool rtnl = object == MV_OBJ_DEVICE;
	struct mv_op name = { .object = object };
	struct sk_buff *reply;
	struct mv_node *node;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, attr))
		return -EINVAL;
	err = mv_parse_name(&name, object, info->attrs[attr], info->extack);
	if (err)
		return err;
	if (rtnl)
		rtnl_lock();
	node = mv_netlink_lock(skb, info->snd_portid, info->attrs, false, info->extack);
	reply = ERR_CAST(node);
	if (!IS_ERR(node)) {
		reply = answer(info, node, &name);
		mv_netlink_unlock(node);
		if (reply == ERR_PTR(-ENOENT))
			mv_netlink_refuse(info->extack, info->attrs[attr], -ENOENT,
					  "there is nothing of this name");
	}
	if (rtnl)
		rtnl_unlock();
	return IS_ERR(reply) ? PTR_ERR(reply) : genlmsg_reply(reply, info);
}

#define SHOW(noun, NOUN)								\
int meshvpn_nl_##noun##_get_doit(struct sk_buff *skb, struct genl_info *info)		\
{											\
	return get(skb, info, MV_OBJ_##NOUN, MESHVPN_A_##NOUN);				\
}											\
											\
int meshvpn_nl_##noun##_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)	\
{											\
	return dump(skb, cb, MESHVPN_CMD_##NOUN##_GET, MESHVPN_A_##NOUN);		\
}
SHOW(device, DEVICE)
SHOW(link, LINK)
SHOW(link_session, LINK_SESSION)
SHOW(session, SESSION)
SHOW(circuit, CIRCUIT)
SHOW(selector, SELECTOR)

/* ---- nodes ---- */

int meshvpn_nl_node_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct mv_node *node = mv_netlink_lock(skb, info->snd_portid, info->attrs, false, info->extack);
	struct sk_buff *reply;

	if (IS_ERR(node))
		return PTR_ERR(node);
	reply = answer(info, node, NULL);
	mv_netlink_unlock(node);
	return IS_ERR(reply) ? PTR_ERR(reply) : genlmsg_reply(reply, info);
}

static int show_node(struct dump *d)
{
	int err = 0;
	void *hdr;

	mutex_lock(&d->node->lock);
	if (!d->node->dead) {
		hdr = message(d);
		err = hdr ? message_end(d, hdr, mv_put_node(d->skb, d->node)) : -EMSGSIZE;
	}
	mutex_unlock(&d->node->lock);
	return err;
}

/* Who may not see all sees those that it owns. */
int meshvpn_nl_node_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct dump d = { .skb = skb, .cb = cb, .at = position(cb), .cmd = MESHVPN_CMD_NODE_GET };
	u32 portid = NETLINK_CB(cb->skb).portid;
	bool all = mv_netlink_capable(cb->skb);
	int err = refuse_filter(mv_dump_attrs(cb), MESHVPN_A_NODE_ID, cb->extack);

	if (d.at->end || err)
		return err;
	while (!err && (d.node = mv_node_next(sock_net(cb->skb->sk), d.at->bucket))) {
		u32 id = d.node->id;

		if (all || (d.node->owner && d.node->owner == portid))
			err = show_node(&d);
		mv_node_put(d.node);
		if (!err && id == U32_MAX)
			break;
		if (!err)
			d.at->bucket = id + 1;
	}
	return dumped(&d, err);
}
