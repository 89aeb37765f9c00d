/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The generic netlink family "meshvpn" (Documentation/netlink/specs/meshvpn.yaml, from which
 * netlink_gen.[ch] are made), by file:
 *	netlink.c	the family, who may, nodes
 *	netlink_parse.c	attributes into the structs of conf.h
 *	netlink_batch.c	changes: commands of one object, and batches
 *	netlink_put.c	objects into attributes
 *	netlink_show.c	get and dump
 *	events.c	what the owner is told
 */
#ifndef MV_NETLINK_H
#define MV_NETLINK_H

#include <net/genetlink.h>
#include <uapi/linux/meshvpn.h>

#include "conf.h"

struct mv_circuit;
struct mv_device;
struct mv_exit;
struct mv_link;
struct mv_link_session;
struct mv_node;

extern struct genl_family mv_genl_family;

int mv_netlink_init(void);
void mv_netlink_exit(void);

/* ---- netlink.c ---- */

/*
 * The node that a request or dump names, with a reference, locked unless it is dead. @capable: the
 * owner's port is not enough. ERR_PTR(-EPERM, -ENOENT, -EINVAL), told in @extack.
 */
struct mv_node *mv_netlink_lock(struct sk_buff *skb, u32 portid, struct nlattr **attrs, bool capable,
				struct netlink_ext_ack *extack);
void mv_netlink_unlock(struct mv_node *node);
/* May the sender do everything in its namespace? */
bool mv_netlink_capable(struct sk_buff *skb);
/* Something in the node has changed: dumps that are under way say so. node->lock. */
void mv_netlink_changed(struct mv_node *node);
/* A sentence about an attribute of the request; @attr may be NULL. Returns @err. */
int mv_netlink_refuse(struct netlink_ext_ack *extack, const struct nlattr *attr, int err,
		      const char *why);

/* ---- netlink_parse.c; all return 0 or -EINVAL, -ENOSPC, told in extack ---- */

/*
 * A nest with one object into @op, which is zeroed. Pointers in @op go into the message. Not for
 * selectors.
 */
int mv_parse_op(struct mv_op *op, enum mv_object object, enum mv_verb verb, const struct nlattr *nest,
		struct netlink_ext_ack *extack);
/* Only what names the object; @op as for MV_DEL. Also for MV_OBJ_SELECTOR: the device. */
int mv_parse_name(struct mv_op *op, enum mv_object object, const struct nlattr *nest,
		  struct netlink_ext_ack *extack);
/*
 * A selector, or one more part of the one in @op if it has the flag more. Its prefixes go to
 * @prefixes, where there is room for as many as mv_parse_prefixes() counts.
 */
int mv_parse_selector(struct mv_op *op, const struct nlattr *nest, struct mv_prefix *prefixes,
		      struct netlink_ext_ack *extack);
bool mv_parse_more(const struct nlattr *nest);
u32 mv_parse_prefixes(const struct nlattr *nest);

/* What node-new says besides the configuration. */
struct mv_node_request {
	bool own;
	u32 lanes;
	bool make;
	u16 port;
	u32 mark;
	int sockets[MV_LANES_MAX];
};

/* @req: NULL for node-set, else @conf is filled with the defaults first. */
int mv_parse_node(struct mv_node_conf *conf, struct mv_node_request *req, const struct nlattr *nest,
		  struct netlink_ext_ack *extack);
/* Erase the keys in a message that was worked on. */
void mv_parse_erase(const struct nlmsghdr *h);

/* ---- netlink_put.c: 0 or -EMSGSIZE; under node->lock ---- */

int mv_put_node(struct sk_buff *skb, struct mv_node *node);
int mv_put_device(struct sk_buff *skb, const struct mv_node *node, struct mv_device *d);	/* rtnl */
int mv_put_link(struct sk_buff *skb, const struct mv_link *link);
int mv_put_link_session(struct sk_buff *skb, const struct mv_node *node,
			const struct mv_link_session *s);
int mv_put_session(struct sk_buff *skb, const struct mv_node *node, const struct mv_exit *e);
int mv_put_circuit(struct sk_buff *skb, struct mv_circuit *c);
/* As many prefixes from @from as fit; *from: the next. Return: -EMSGSIZE if none fits. */
int mv_put_selector(struct sk_buff *skb, const struct mv_node *node, const struct mv_device *d,
		    u32 *from);
int mv_put_endpoint(struct sk_buff *skb, int attr, const struct mv_endpoint *e);

#endif
