// SPDX-License-Identifier: GPL-2.0
/*
 * Requests that change objects: a batch, or one object, which is a batch of one. First the whole
 * message becomes ops, then mv_apply() makes them true, all or none.
 */
#include <linux/rtnetlink.h>
#include <linux/slab.h>

#include "apply.h"
#include "edge.h"
#include "link.h"
#include "netlink.h"
#include "netlink_gen.h"
#include "node.h"

/* A message on its way to mv_apply(). */
struct batch {
	struct mv_op *ops;
	const struct nlattr **from;		/* attribute of each op, to be blamed */
	u32 count, room;
	struct mv_prefix *prefixes;		/* of all selectors, in order */
	u32 prefix_count, prefix_room;
	bool rtnl;				/* an op is about a device */
	bool device_new;			/* an owner may not */
};

static const u8 root_attr[] = {
	[MV_OBJ_DEVICE] = MESHVPN_A_DEVICE, [MV_OBJ_LINK] = MESHVPN_A_LINK,
	[MV_OBJ_LINK_SESSION] = MESHVPN_A_LINK_SESSION, [MV_OBJ_SESSION] = MESHVPN_A_SESSION,
	[MV_OBJ_CIRCUIT] = MESHVPN_A_CIRCUIT, [MV_OBJ_SELECTOR] = MESHVPN_A_SELECTOR,
};

static int batch_init(struct batch *b, u32 ops, u32 prefixes)
{
	*b = (struct batch){ .room = ops, .prefix_room = prefixes };
	b->ops = kvcalloc(ops, sizeof(*b->ops), GFP_KERNEL_ACCOUNT);
	b->from = kvcalloc(ops, sizeof(*b->from), GFP_KERNEL_ACCOUNT);
	b->prefixes = kvmalloc_array(prefixes ?: 1, sizeof(*b->prefixes), GFP_KERNEL_ACCOUNT);
	return b->ops && b->from && b->prefixes ? 0 : -ENOMEM;
}

static void batch_fini(struct batch *b)
{
	kvfree(b->prefixes);
	kvfree(b->from);
	kvfree(b->ops);
}

/* The next op, zeroed; NULL: the message has more than was counted, which cannot be. */
static struct mv_op *next_op(struct batch *b, const struct nlattr *blame)
{
	if (WARN_ON_ONCE(b->count == b->room))
		return NULL;
	b->from[b->count] = blame;
	return &b->ops[b->count++];
}

/* The next selector, which may go on with the op before. */
static int add_selector(struct batch *b, const struct nlattr *nest, const struct nlattr *blame,
			struct netlink_ext_ack *extack)
{
	struct mv_prefix *to = b->prefixes + b->prefix_count;
	u32 n = mv_parse_prefixes(nest);
	struct mv_op *op;
	int err;

	if (!mv_parse_more(nest))
		op = next_op(b, blame);
	else if (b->count)
		op = &b->ops[b->count - 1];
	else
		return mv_netlink_refuse(extack, nest, -EINVAL,
					 "there is no selector to go on with");
	if (!op || WARN_ON_ONCE(n > b->prefix_room - b->prefix_count))
		return -EINVAL;
	err = mv_parse_selector(op, nest, to, extack);
	b->prefix_count += n;
	return err;
}

static int add(struct batch *b, enum mv_object object, enum mv_verb verb, const struct nlattr *nest,
	       const struct nlattr *blame, struct netlink_ext_ack *extack)
{
	struct mv_op *op;

	if (object == MV_OBJ_SELECTOR && verb == MV_SET)
		return add_selector(b, nest, blame, extack);
	b->rtnl |= object == MV_OBJ_DEVICE;
	b->device_new |= object == MV_OBJ_DEVICE && verb == MV_NEW;
	op = next_op(b, blame);
	return op ? mv_parse_op(op, object, verb, nest, extack) : -EINVAL;
}

/* Who is to blame for mv_apply()'s failure, by attribute and by number. */
static int refuse(const struct batch *b, u32 failed, int err, const char *why,
		  struct netlink_ext_ack *extack)
{
	if (failed >= b->count)
		failed = b->count - 1;
	mv_netlink_refuse(extack, b->from[failed], err, why);
	BUILD_BUG_ON(sizeof(failed) > sizeof(extack->cookie));
	memcpy(extack->cookie, &failed, sizeof(failed));
	extack->cookie_len = sizeof(failed);
	return err;
}

static int run(struct batch *b, struct sk_buff *skb, struct genl_info *info)
{
	const char *why = NULL;
	struct mv_node *node;
	u32 failed = 0;
	int err;

	if (b->rtnl)
		rtnl_lock();
	node = mv_netlink_lock(skb, info->snd_portid, info->attrs, b->device_new, info->extack);
	if (!IS_ERR(node)) {
		err = mv_apply(node, b->ops, b->count, &failed, &why);
		if (err)
			refuse(b, failed, err, why, info->extack);
		else
			mv_netlink_changed(node);
		mv_netlink_unlock(node);
	} else {
		err = PTR_ERR(node);
	}
	if (b->rtnl)
		rtnl_unlock();
	return err;
}

/* ---- batches ---- */

/* The object of an op: the one nest besides the verb. */
static int op_object(const struct nlattr *op, enum mv_verb *verb, enum mv_object *object,
		     const struct nlattr **nest, struct netlink_ext_ack *extack)
{
	struct nlattr *tb[MESHVPN_A_OP_MAX + 1];
	int err = nla_parse_nested(tb, MESHVPN_A_OP_MAX, op, NULL, extack);
	u32 i;

	if (err)
		return mv_netlink_refuse(extack, op, err, "this op is malformed");
	if (!tb[MESHVPN_A_OP_VERB]) {
		NL_SET_ERR_ATTR_MISS(extack, op, MESHVPN_A_OP_VERB);
		return mv_netlink_refuse(extack, op, -EINVAL, "this op has no verb");
	}
	*verb = nla_get_u32(tb[MESHVPN_A_OP_VERB]);
	*nest = NULL;
	for (i = MESHVPN_A_OP_DEVICE; i <= MESHVPN_A_OP_SELECTOR; i++) {
		if (!tb[i])
			continue;
		if (*nest)
			return mv_netlink_refuse(extack, tb[i], -EINVAL, "this op has two objects");
		*nest = tb[i];
		*object = i - MESHVPN_A_OP_DEVICE + MV_OBJ_DEVICE;
	}
	return *nest ? 0 : mv_netlink_refuse(extack, op, -EINVAL, "this op has no object");
}

static_assert(MESHVPN_A_OP_LINK - MESHVPN_A_OP_DEVICE == MV_OBJ_LINK &&
	      MESHVPN_A_OP_LINK_SESSION - MESHVPN_A_OP_DEVICE == MV_OBJ_LINK_SESSION &&
	      MESHVPN_A_OP_SESSION - MESHVPN_A_OP_DEVICE == MV_OBJ_SESSION &&
	      MESHVPN_A_OP_CIRCUIT - MESHVPN_A_OP_DEVICE == MV_OBJ_CIRCUIT &&
	      MESHVPN_A_OP_SELECTOR - MESHVPN_A_OP_DEVICE == MV_OBJ_SELECTOR && !MV_OBJ_DEVICE);

/* The selector of an op: the last one, as in nla_parse(). */
static const struct nlattr *op_selector(const struct nlattr *op)
{
	const struct nlattr *a, *found = NULL;
	int rem;

	nla_for_each_nested(a, op, rem)
		if (nla_type(a) == MESHVPN_A_OP_SELECTOR)
			found = a;
	return found;
}

/* How much room ops and prefixes need; both are bounded by the message and the first by a limit. */
static int count(const struct nlmsghdr *h, u32 *ops, u32 *prefixes, struct netlink_ext_ack *extack)
{
	const struct nlattr *a, *nest;
	int rem;

	*ops = *prefixes = 0;
	nlmsg_for_each_attr(a, h, GENL_HDRLEN, rem) {
		if (nla_type(a) != MESHVPN_A_OP)
			continue;
		nest = op_selector(a);
		if (nest)
			*prefixes += mv_parse_prefixes(nest);
		if (nest && mv_parse_more(nest))
			continue;
		if (++*ops > MV_BATCH_OPS)
			return mv_netlink_refuse(extack, a, -E2BIG, "too many ops for one batch");
	}
	return *ops ? 0 : -ENODATA;
}

static int parse_ops(struct batch *b, const struct nlmsghdr *h, struct netlink_ext_ack *extack)
{
	const struct nlattr *a, *nest;
	enum mv_object object;
	enum mv_verb verb;
	int rem, err;

	nlmsg_for_each_attr(a, h, GENL_HDRLEN, rem) {
		if (nla_type(a) != MESHVPN_A_OP)
			continue;
		err = op_object(a, &verb, &object, &nest, extack);
		if (!err && object == MV_OBJ_SELECTOR && verb != MV_SET && mv_parse_more(nest))
			err = mv_netlink_refuse(extack, nest, -EINVAL, "selectors can only be set");
		if (!err)
			err = add(b, object, verb, nest, a, extack);
		if (err)
			return err;
	}
	return 0;
}

int meshvpn_nl_batch_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct batch b = { 0 };
	u32 ops, prefixes;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, MESHVPN_A_OP))
		return -EINVAL;
	err = count(info->nlhdr, &ops, &prefixes, info->extack);
	if (err == -ENODATA)
		/* only parts of a selector that nobody began */
		err = mv_netlink_refuse(info->extack, info->attrs[MESHVPN_A_OP], -EINVAL,
					"there is no selector to go on with");
	if (!err)
		err = batch_init(&b, ops, prefixes);
	if (!err)
		err = parse_ops(&b, info->nlhdr, info->extack);
	if (!err)
		err = run(&b, skb, info);
	batch_fini(&b);
	mv_parse_erase(info->nlhdr);
	return err;
}

/* ---- one object ---- */

static int parse_one(struct batch *b, enum mv_object object, enum mv_verb verb,
		     const struct genl_info *info)
{
	const struct nlattr *a = info->attrs[root_attr[object]];
	int rem, err = 0;

	if (object != MV_OBJ_SELECTOR)
		return add(b, object, verb, a, a, info->extack);
	nlmsg_for_each_attr(a, info->nlhdr, GENL_HDRLEN, rem) {
		if (err || nla_type(a) != MESHVPN_A_SELECTOR)
			continue;
		if (b->count && !mv_parse_more(a))
			return mv_netlink_refuse(info->extack, a, -EINVAL,
						 "one selector at a time, or a batch");
		err = add_selector(b, a, a, info->extack);
	}
	return err;
}

static int change(struct sk_buff *skb, struct genl_info *info, enum mv_object object,
		  enum mv_verb verb)
{
	const struct nlattr *a;
	u32 prefixes = 0;
	struct batch b;
	int rem, err;

	if (GENL_REQ_ATTR_CHECK(info, root_attr[object]))
		return -EINVAL;
	nlmsg_for_each_attr(a, info->nlhdr, GENL_HDRLEN, rem)
		if (nla_type(a) == MESHVPN_A_SELECTOR)
			prefixes += mv_parse_prefixes(a);
	err = batch_init(&b, 1, prefixes);
	if (!err)
		err = parse_one(&b, object, verb, info);
	if (!err)
		err = run(&b, skb, info);
	batch_fini(&b);
	mv_parse_erase(info->nlhdr);
	return err;
}

#define CHANGE(noun, object, verb_, verb)						\
int meshvpn_nl_##noun##_##verb_##_doit(struct sk_buff *skb, struct genl_info *info)	\
{											\
	return change(skb, info, object, verb);						\
}
#define CHANGES(noun, object)		\
	CHANGE(noun, object, new, MV_NEW)	\
	CHANGE(noun, object, set, MV_SET)	\
	CHANGE(noun, object, del, MV_DEL)
CHANGES(device, MV_OBJ_DEVICE)
CHANGES(link, MV_OBJ_LINK)
CHANGES(link_session, MV_OBJ_LINK_SESSION)
CHANGES(session, MV_OBJ_SESSION)
CHANGES(circuit, MV_OBJ_CIRCUIT)
CHANGE(selector, MV_OBJ_SELECTOR, set, MV_SET)

/* ---- control messages ---- */

static int control(struct mv_node *node, const struct mv_circuit_conf *name, const struct nlattr *data,
		   struct netlink_ext_ack *extack)
{
	struct mv_circuit *c = NULL;
	struct mv_half *half;
	int err;

	rcu_read_lock();
	half = mv_half_find(&node->circuits, name->link, name->circuit);
	if (half)
		c = half->circuit;
	if (!c || !c->edge)
		err = mv_netlink_refuse(extack, NULL, -ENOENT,
					"no circuit of this name ends here");
	else
		err = mv_edge_control(node, c, nla_data(data), nla_len(data));
	rcu_read_unlock();
	if (err == -EMSGSIZE)
		mv_netlink_refuse(extack, data, err, "longer than a payload of this circuit");
	else if (err == -EAGAIN)
		mv_netlink_refuse(extack, NULL, err, "the circuit cannot send now");
	return err;
}

int meshvpn_nl_control_send_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *data = info->attrs[MESHVPN_A_DATA];
	struct mv_node *node;
	struct mv_op name;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, MESHVPN_A_CIRCUIT) || GENL_REQ_ATTR_CHECK(info, MESHVPN_A_DATA))
		return -EINVAL;
	err = mv_parse_name(&name, MV_OBJ_CIRCUIT, info->attrs[MESHVPN_A_CIRCUIT], info->extack);
	if (err)
		return err;
	node = mv_netlink_lock(skb, info->snd_portid, info->attrs, false, info->extack);
	if (IS_ERR(node))
		return PTR_ERR(node);
	err = control(node, &name.circuit, data, info->extack);
	mv_netlink_unlock(node);
	return err;
}
