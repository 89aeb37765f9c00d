/* SPDX-License-Identifier: GPL-2.0 */
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/meshvpn.yaml */
/* YNL-GEN kernel header */
/* To regenerate run: tools/netlink-generate */

#ifndef _LINUX_MESHVPN_GEN_H
#define _LINUX_MESHVPN_GEN_H

#include <net/netlink.h>
#include <net/genetlink.h>

#include <uapi/linux/meshvpn.h>
#include <compat.h>

/* Common nested types */
extern const struct nla_policy meshvpn_circuit_nl_policy[MESHVPN_A_CIRCUIT_PAD + 1];
extern const struct nla_policy meshvpn_device_nl_policy[MESHVPN_A_DEVICE_MTU + 1];
extern const struct nla_policy meshvpn_endpoint_nl_policy[MESHVPN_A_ENDPOINT_SCOPE + 1];
extern const struct nla_policy meshvpn_link_nl_policy[MESHVPN_A_LINK_PAD + 1];
extern const struct nla_policy meshvpn_link_session_nl_policy[MESHVPN_A_LINK_SESSION_PAD + 1];
extern const struct nla_policy meshvpn_node_nl_policy[MESHVPN_A_NODE_PAD + 1];
extern const struct nla_policy meshvpn_op_nl_policy[MESHVPN_A_OP_SELECTOR + 1];
extern const struct nla_policy meshvpn_prefix_nl_policy[MESHVPN_A_PREFIX_SESSION + 1];
extern const struct nla_policy meshvpn_selector_nl_policy[MESHVPN_A_SELECTOR_MORE + 1];
extern const struct nla_policy meshvpn_session_nl_policy[MESHVPN_A_SESSION_CIRCUIT + 1];

extern const struct nla_policy meshvpn_node_new_nl_policy[MESHVPN_A_NODE + 1];

extern const struct nla_policy meshvpn_node_set_nl_policy[MESHVPN_A_NODE + 1];

extern const struct nla_policy meshvpn_node_del_nl_policy[MESHVPN_A_NODE_ID + 1];

extern const struct nla_policy meshvpn_node_get_nl_policy[MESHVPN_A_NODE_ID + 1];

extern const struct nla_policy meshvpn_device_new_nl_policy[MESHVPN_A_DEVICE + 1];

extern const struct nla_policy meshvpn_device_set_nl_policy[MESHVPN_A_DEVICE + 1];

extern const struct nla_policy meshvpn_device_del_nl_policy[MESHVPN_A_DEVICE + 1];

extern const struct nla_policy meshvpn_device_get_nl_policy[MESHVPN_A_DEVICE + 1];

extern const struct nla_policy meshvpn_link_new_nl_policy[MESHVPN_A_LINK + 1];

extern const struct nla_policy meshvpn_link_set_nl_policy[MESHVPN_A_LINK + 1];

extern const struct nla_policy meshvpn_link_del_nl_policy[MESHVPN_A_LINK + 1];

extern const struct nla_policy meshvpn_link_get_nl_policy[MESHVPN_A_LINK + 1];

extern const struct nla_policy meshvpn_link_session_new_nl_policy[MESHVPN_A_LINK_SESSION + 1];

extern const struct nla_policy meshvpn_link_session_set_nl_policy[MESHVPN_A_LINK_SESSION + 1];

extern const struct nla_policy meshvpn_link_session_del_nl_policy[MESHVPN_A_LINK_SESSION + 1];

extern const struct nla_policy meshvpn_link_session_get_nl_policy[MESHVPN_A_LINK_SESSION + 1];

extern const struct nla_policy meshvpn_session_new_nl_policy[MESHVPN_A_SESSION + 1];

extern const struct nla_policy meshvpn_session_set_nl_policy[MESHVPN_A_SESSION + 1];

extern const struct nla_policy meshvpn_session_del_nl_policy[MESHVPN_A_SESSION + 1];

extern const struct nla_policy meshvpn_session_get_nl_policy[MESHVPN_A_SESSION + 1];

extern const struct nla_policy meshvpn_circuit_new_nl_policy[MESHVPN_A_CIRCUIT + 1];

extern const struct nla_policy meshvpn_circuit_set_nl_policy[MESHVPN_A_CIRCUIT + 1];

extern const struct nla_policy meshvpn_circuit_del_nl_policy[MESHVPN_A_CIRCUIT + 1];

extern const struct nla_policy meshvpn_circuit_get_nl_policy[MESHVPN_A_CIRCUIT + 1];

extern const struct nla_policy meshvpn_selector_set_nl_policy[MESHVPN_A_SELECTOR + 1];

extern const struct nla_policy meshvpn_selector_get_nl_policy[MESHVPN_A_SELECTOR + 1];

extern const struct nla_policy meshvpn_batch_nl_policy[MESHVPN_A_OP + 1];

extern const struct nla_policy meshvpn_control_send_nl_policy[MESHVPN_A_DATA + 1];

/* Ops table for meshvpn */
extern const struct genl_ops meshvpn_nl_ops[28];

int meshvpn_nl_node_new_doit(struct sk_buff *skb, struct genl_info *info);
int meshvpn_nl_node_set_doit(struct sk_buff *skb, struct genl_info *info);
int meshvpn_nl_node_del_doit(struct sk_buff *skb, struct genl_info *info);
int meshvpn_nl_node_get_doit(struct sk_buff *skb, struct genl_info *info);
int meshvpn_nl_node_get_dumpit(struct sk_buff *skb,
			       struct netlink_callback *cb);
int meshvpn_nl_device_new_doit(struct sk_buff *skb, struct genl_info *info);
int meshvpn_nl_device_set_doit(struct sk_buff *skb, struct genl_info *info);
int meshvpn_nl_device_del_doit(struct sk_buff *skb, struct genl_info *info);
int meshvpn_nl_device_get_doit(struct sk_buff *skb, struct genl_info *info);
int meshvpn_nl_device_get_dumpit(struct sk_buff *skb,
				 struct netlink_callback *cb);
int meshvpn_nl_link_new_doit(struct sk_buff *skb, struct genl_info *info);
int meshvpn_nl_link_set_doit(struct sk_buff *skb, struct genl_info *info);
int meshvpn_nl_link_del_doit(struct sk_buff *skb, struct genl_info *info);
int meshvpn_nl_link_get_doit(struct sk_buff *skb, struct genl_info *info);
int meshvpn_nl_link_get_dumpit(struct sk_buff *skb,
			       struct netlink_callback *cb);
int meshvpn_nl_link_session_new_doit(struct sk_buff *skb,
				     struct genl_info *info);
int meshvpn_nl_link_session_set_doit(struct sk_buff *skb,
				     struct genl_info *info);
int meshvpn_nl_link_session_del_doit(struct sk_buff *skb,
				     struct genl_info *info);
int meshvpn_nl_link_session_get_doit(struct sk_buff *skb,
				     struct genl_info *info);
int meshvpn_nl_link_session_get_dumpit(struct sk_buff *skb,
				       struct netlink_callback *cb);
int meshvpn_nl_session_new_doit(struct sk_buff *skb, struct genl_info *info);
int meshvpn_nl_session_set_doit(struct sk_buff *skb, struct genl_info *info);
int meshvpn_nl_session_del_doit(struct sk_buff *skb, struct genl_info *info);
int meshvpn_nl_session_get_doit(struct sk_buff *skb, struct genl_info *info);
int meshvpn_nl_session_get_dumpit(struct sk_buff *skb,
				  struct netlink_callback *cb);
int meshvpn_nl_circuit_new_doit(struct sk_buff *skb, struct genl_info *info);
int meshvpn_nl_circuit_set_doit(struct sk_buff *skb, struct genl_info *info);
int meshvpn_nl_circuit_del_doit(struct sk_buff *skb, struct genl_info *info);
int meshvpn_nl_circuit_get_doit(struct sk_buff *skb, struct genl_info *info);
int meshvpn_nl_circuit_get_dumpit(struct sk_buff *skb,
				  struct netlink_callback *cb);
int meshvpn_nl_selector_set_doit(struct sk_buff *skb, struct genl_info *info);
int meshvpn_nl_selector_get_doit(struct sk_buff *skb, struct genl_info *info);
int meshvpn_nl_selector_get_dumpit(struct sk_buff *skb,
				   struct netlink_callback *cb);
int meshvpn_nl_batch_doit(struct sk_buff *skb, struct genl_info *info);
int meshvpn_nl_control_send_doit(struct sk_buff *skb, struct genl_info *info);

#endif /* _LINUX_MESHVPN_GEN_H */
