// SPDX-License-Identifier: GPL-2.0
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/meshvpn.yaml */
/* YNL-GEN kernel source */
/* To regenerate run: tools/netlink-generate */

#include <net/netlink.h>
#include <net/genetlink.h>

#include "netlink_gen.h"

#include <uapi/linux/meshvpn.h>
#include <compat.h>

/* Integer value ranges */
static const struct netlink_range_validation meshvpn_a_node_hold_us_range = {
	.max	= 1000000ULL,
};

static const struct netlink_range_validation meshvpn_a_device_mtu_range = {
	.min	= 576ULL,
	.max	= 65535ULL,
};

static const struct netlink_range_validation meshvpn_a_link_session_rx_id_range = {
	.max	= 72057594037927935ULL,
};

static const struct netlink_range_validation meshvpn_a_link_session_tx_id_range = {
	.max	= 72057594037927935ULL,
};

static const struct netlink_range_validation meshvpn_a_session_circuit_range = {
	.max	= 16777215ULL,
};

static const struct netlink_range_validation meshvpn_a_circuit_circuit_range = {
	.min	= 1ULL,
	.max	= 16777215ULL,
};

static const struct netlink_range_validation meshvpn_a_circuit_out_circuit_range = {
	.min	= 1ULL,
	.max	= 16777215ULL,
};

/* Common nested types */
const struct nla_policy meshvpn_circuit_nl_policy[MESHVPN_A_CIRCUIT_PAD + 1] = {
	[MESHVPN_A_CIRCUIT_KIND] = NLA_POLICY_MAX(NLA_U32, 2),
	[MESHVPN_A_CIRCUIT_LINK] = NLA_POLICY_MIN(NLA_U32, 1),
	[MESHVPN_A_CIRCUIT_CIRCUIT] = NLA_POLICY_FULL_RANGE(NLA_U32, &meshvpn_a_circuit_circuit_range),
	[MESHVPN_A_CIRCUIT_OUT_LINK] = NLA_POLICY_MIN(NLA_U32, 1),
	[MESHVPN_A_CIRCUIT_OUT_CIRCUIT] = NLA_POLICY_FULL_RANGE(NLA_U32, &meshvpn_a_circuit_out_circuit_range),
	[MESHVPN_A_CIRCUIT_KF] = NLA_POLICY_MAX_LEN(MESHVPN_KEYS_LEN_MAX),
	[MESHVPN_A_CIRCUIT_KB] = NLA_POLICY_MAX_LEN(MESHVPN_KEYS_LEN_MAX),
	[MESHVPN_A_CIRCUIT_RESERVE] = { .type = NLA_U32, },
	[MESHVPN_A_CIRCUIT_DATA_CLASS] = NLA_POLICY_RANGE(NLA_U32, 1, 2),
	[MESHVPN_A_CIRCUIT_SMALL_FORWARD] = NLA_POLICY_MAX(NLA_U8, 1),
	[MESHVPN_A_CIRCUIT_PASS] = NLA_POLICY_MAX(NLA_U8, 1),
	[MESHVPN_A_CIRCUIT_SESSION] = { .type = NLA_U32, },
	[MESHVPN_A_CIRCUIT_RATE] = { .type = NLA_U64, },
	[MESHVPN_A_CIRCUIT_BURST] = { .type = NLA_U64, },
};

const struct nla_policy meshvpn_device_nl_policy[MESHVPN_A_DEVICE_MTU + 1] = {
	[MESHVPN_A_DEVICE_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[MESHVPN_A_DEVICE_NAME] = { .type = NLA_NUL_STRING, .len = 15, },
	[MESHVPN_A_DEVICE_ROLE] = NLA_POLICY_MAX(NLA_U32, 1),
	[MESHVPN_A_DEVICE_MTU] = NLA_POLICY_FULL_RANGE(NLA_U32, &meshvpn_a_device_mtu_range),
};

const struct nla_policy meshvpn_endpoint_nl_policy[MESHVPN_A_ENDPOINT_SCOPE + 1] = {
	[MESHVPN_A_ENDPOINT_FAMILY] = { .type = NLA_U16, },
	[MESHVPN_A_ENDPOINT_ADDR] = NLA_POLICY_MAX_LEN(16),
	[MESHVPN_A_ENDPOINT_PORT] = { .type = NLA_BE16, },
	[MESHVPN_A_ENDPOINT_SCOPE] = { .type = NLA_U32, },
};

const struct nla_policy meshvpn_link_nl_policy[MESHVPN_A_LINK_PAD + 1] = {
	[MESHVPN_A_LINK_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[MESHVPN_A_LINK_UP_RATE] = { .type = NLA_U64, },
	[MESHVPN_A_LINK_UP_BURST] = { .type = NLA_U64, },
};

const struct nla_policy meshvpn_link_session_nl_policy[MESHVPN_A_LINK_SESSION_PAD + 1] = {
	[MESHVPN_A_LINK_SESSION_LINK] = NLA_POLICY_MIN(NLA_U32, 1),
	[MESHVPN_A_LINK_SESSION_INDEX] = { .type = NLA_U32, },
	[MESHVPN_A_LINK_SESSION_STATE] = NLA_POLICY_MAX(NLA_U32, 2),
	[MESHVPN_A_LINK_SESSION_RX_ID] = NLA_POLICY_FULL_RANGE(NLA_U64, &meshvpn_a_link_session_rx_id_range),
	[MESHVPN_A_LINK_SESSION_TX_ID] = NLA_POLICY_FULL_RANGE(NLA_U64, &meshvpn_a_link_session_tx_id_range),
	[MESHVPN_A_LINK_SESSION_RX_TAG] = NLA_POLICY_EXACT_LEN(MESHVPN_HEADER_KEY_LEN),
	[MESHVPN_A_LINK_SESSION_RX_MASK] = NLA_POLICY_EXACT_LEN(MESHVPN_HEADER_KEY_LEN),
	[MESHVPN_A_LINK_SESSION_TX_TAG] = NLA_POLICY_EXACT_LEN(MESHVPN_HEADER_KEY_LEN),
	[MESHVPN_A_LINK_SESSION_TX_MASK] = NLA_POLICY_EXACT_LEN(MESHVPN_HEADER_KEY_LEN),
	[MESHVPN_A_LINK_SESSION_REMOTE] = NLA_POLICY_NESTED(meshvpn_endpoint_nl_policy),
	[MESHVPN_A_LINK_SESSION_REMOTE_LANES] = NLA_POLICY_RANGE(NLA_U32, 1, 256),
	[MESHVPN_A_LINK_SESSION_LOCAL_LANE] = NLA_POLICY_MAX(NLA_U32, 15),
	[MESHVPN_A_LINK_SESSION_LOCAL_LANES] = NLA_POLICY_MAX(NLA_U32, MESHVPN_LANES_MAX),
};

const struct nla_policy meshvpn_node_nl_policy[MESHVPN_A_NODE_PAD + 1] = {
	[MESHVPN_A_NODE_RATE] = { .type = NLA_U64, },
	[MESHVPN_A_NODE_BURST] = { .type = NLA_U64, },
	[MESHVPN_A_NODE_UP_RATE] = { .type = NLA_U64, },
	[MESHVPN_A_NODE_UP_BURST] = { .type = NLA_U64, },
	[MESHVPN_A_NODE_HOLD_US] = NLA_POLICY_FULL_RANGE(NLA_U32, &meshvpn_a_node_hold_us_range),
	[MESHVPN_A_NODE_MAX_LINKS] = { .type = NLA_U32, },
	[MESHVPN_A_NODE_MAX_CIRCUITS] = { .type = NLA_U32, },
	[MESHVPN_A_NODE_QUEUE_CELLS] = { .type = NLA_U32, },
	[MESHVPN_A_NODE_SEND_BYTES] = { .type = NLA_U32, },
	[MESHVPN_A_NODE_VOLUME_LIMIT] = { .type = NLA_U64, },
	[MESHVPN_A_NODE_OWN] = { .type = NLA_FLAG, },
	[MESHVPN_A_NODE_SOCKET] = { .type = NLA_U32, },
	[MESHVPN_A_NODE_LANES] = NLA_POLICY_RANGE(NLA_U32, 1, MESHVPN_LANES_MAX),
	[MESHVPN_A_NODE_PORT] = { .type = NLA_BE16, },
	[MESHVPN_A_NODE_MARK] = { .type = NLA_U32, },
};

const struct nla_policy meshvpn_op_nl_policy[MESHVPN_A_OP_SELECTOR + 1] = {
	[MESHVPN_A_OP_VERB] = NLA_POLICY_MAX(NLA_U32, 2),
	[MESHVPN_A_OP_DEVICE] = NLA_POLICY_NESTED(meshvpn_device_nl_policy),
	[MESHVPN_A_OP_LINK] = NLA_POLICY_NESTED(meshvpn_link_nl_policy),
	[MESHVPN_A_OP_LINK_SESSION] = NLA_POLICY_NESTED(meshvpn_link_session_nl_policy),
	[MESHVPN_A_OP_SESSION] = NLA_POLICY_NESTED(meshvpn_session_nl_policy),
	[MESHVPN_A_OP_CIRCUIT] = NLA_POLICY_NESTED(meshvpn_circuit_nl_policy),
	[MESHVPN_A_OP_SELECTOR] = NLA_POLICY_NESTED(meshvpn_selector_nl_policy),
};

const struct nla_policy meshvpn_prefix_nl_policy[MESHVPN_A_PREFIX_SESSION + 1] = {
	[MESHVPN_A_PREFIX_FAMILY] = { .type = NLA_U16, },
	[MESHVPN_A_PREFIX_BITS] = NLA_POLICY_MAX(NLA_U8, 128),
	[MESHVPN_A_PREFIX_ADDR] = NLA_POLICY_MAX_LEN(16),
	[MESHVPN_A_PREFIX_SESSION] = { .type = NLA_U32, },
};

const struct nla_policy meshvpn_selector_nl_policy[MESHVPN_A_SELECTOR_MORE + 1] = {
	[MESHVPN_A_SELECTOR_DEVICE] = NLA_POLICY_MIN(NLA_U32, 1),
	[MESHVPN_A_SELECTOR_PREFIX] = NLA_POLICY_NESTED(meshvpn_prefix_nl_policy),
	[MESHVPN_A_SELECTOR_MORE] = { .type = NLA_FLAG, },
};

const struct nla_policy meshvpn_session_nl_policy[MESHVPN_A_SESSION_CIRCUIT + 1] = {
	[MESHVPN_A_SESSION_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[MESHVPN_A_SESSION_DEVICE] = { .type = NLA_U32, },
	[MESHVPN_A_SESSION_INNER4] = NLA_POLICY_EXACT_LEN(4),
	[MESHVPN_A_SESSION_INNER6] = NLA_POLICY_EXACT_LEN(16),
	[MESHVPN_A_SESSION_LINK] = { .type = NLA_U32, },
	[MESHVPN_A_SESSION_CIRCUIT] = NLA_POLICY_FULL_RANGE(NLA_U32, &meshvpn_a_session_circuit_range),
};

/* MESHVPN_CMD_NODE_NEW - do */
const struct nla_policy meshvpn_node_new_nl_policy[MESHVPN_A_NODE + 1] = {
	[MESHVPN_A_NODE_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[MESHVPN_A_NODE] = NLA_POLICY_NESTED(meshvpn_node_nl_policy),
};

/* MESHVPN_CMD_NODE_SET - do */
const struct nla_policy meshvpn_node_set_nl_policy[MESHVPN_A_NODE + 1] = {
	[MESHVPN_A_NODE_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[MESHVPN_A_NODE] = NLA_POLICY_NESTED(meshvpn_node_nl_policy),
};

/* MESHVPN_CMD_NODE_DEL - do */
const struct nla_policy meshvpn_node_del_nl_policy[MESHVPN_A_NODE_ID + 1] = {
	[MESHVPN_A_NODE_ID] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* MESHVPN_CMD_NODE_GET - do */
const struct nla_policy meshvpn_node_get_nl_policy[MESHVPN_A_NODE_ID + 1] = {
	[MESHVPN_A_NODE_ID] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* MESHVPN_CMD_DEVICE_NEW - do */
const struct nla_policy meshvpn_device_new_nl_policy[MESHVPN_A_DEVICE + 1] = {
	[MESHVPN_A_NODE_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[MESHVPN_A_DEVICE] = NLA_POLICY_NESTED(meshvpn_device_nl_policy),
};

/* MESHVPN_CMD_DEVICE_SET - do */
const struct nla_policy meshvpn_device_set_nl_policy[MESHVPN_A_DEVICE + 1] = {
	[MESHVPN_A_NODE_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[MESHVPN_A_DEVICE] = NLA_POLICY_NESTED(meshvpn_device_nl_policy),
};

/* MESHVPN_CMD_DEVICE_DEL - do */
const struct nla_policy meshvpn_device_del_nl_policy[MESHVPN_A_DEVICE + 1] = {
	[MESHVPN_A_NODE_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[MESHVPN_A_DEVICE] = NLA_POLICY_NESTED(meshvpn_device_nl_policy),
};

/* MESHVPN_CMD_DEVICE_GET - do */
const struct nla_policy meshvpn_device_get_nl_policy[MESHVPN_A_DEVICE + 1] = {
	[MESHVPN_A_NODE_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[MESHVPN_A_DEVICE] = NLA_POLICY_NESTED(meshvpn_device_nl_policy),
};

/* MESHVPN_CMD_LINK_NEW - do */
const struct nla_policy meshvpn_link_new_nl_policy[MESHVPN_A_LINK + 1] = {
	[MESHVPN_A_NODE_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[MESHVPN_A_LINK] = NLA_POLICY_NESTED(meshvpn_link_nl_policy),
};

/* MESHVPN_CMD_LINK_SET - do */
const struct nla_policy meshvpn_link_set_nl_policy[MESHVPN_A_LINK + 1] = {
	[MESHVPN_A_NODE_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[MESHVPN_A_LINK] = NLA_POLICY_NESTED(meshvpn_link_nl_policy),
};

/* MESHVPN_CMD_LINK_DEL - do */
const struct nla_policy meshvpn_link_del_nl_policy[MESHVPN_A_LINK + 1] = {
	[MESHVPN_A_NODE_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[MESHVPN_A_LINK] = NLA_POLICY_NESTED(meshvpn_link_nl_policy),
};

/* MESHVPN_CMD_LINK_GET - do */
const struct nla_policy meshvpn_link_get_nl_policy[MESHVPN_A_LINK + 1] = {
	[MESHVPN_A_NODE_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[MESHVPN_A_LINK] = NLA_POLICY_NESTED(meshvpn_link_nl_policy),
};

/* MESHVPN_CMD_LINK_SESSION_NEW - do */
const struct nla_policy meshvpn_link_session_new_nl_policy[MESHVPN_A_LINK_SESSION + 1] = {
	[MESHVPN_A_NODE_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[MESHVPN_A_LINK_SESSION] = NLA_POLICY_NESTED(meshvpn_link_session_nl_policy),
};

/* MESHVPN_CMD_LINK_SESSION_SET - do */
const struct nla_policy meshvpn_link_session_set_nl_policy[MESHVPN_A_LINK_SESSION + 1] = {
	[MESHVPN_A_NODE_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[MESHVPN_A_LINK_SESSION] = NLA_POLICY_NESTED(meshvpn_link_session_nl_policy),
};

/* MESHVPN_CMD_LINK_SESSION_DEL - do */
const struct nla_policy meshvpn_link_session_del_nl_policy[MESHVPN_A_LINK_SESSION + 1] = {
	[MESHVPN_A_NODE_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[MESHVPN_A_LINK_SESSION] = NLA_POLICY_NESTED(meshvpn_link_session_nl_policy),
};

/* MESHVPN_CMD_LINK_SESSION_GET - do */
const struct nla_policy meshvpn_link_session_get_nl_policy[MESHVPN_A_LINK_SESSION + 1] = {
	[MESHVPN_A_NODE_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[MESHVPN_A_LINK_SESSION] = NLA_POLICY_NESTED(meshvpn_link_session_nl_policy),
};

/* MESHVPN_CMD_SESSION_NEW - do */
const struct nla_policy meshvpn_session_new_nl_policy[MESHVPN_A_SESSION + 1] = {
	[MESHVPN_A_NODE_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[MESHVPN_A_SESSION] = NLA_POLICY_NESTED(meshvpn_session_nl_policy),
};

/* MESHVPN_CMD_SESSION_SET - do */
const struct nla_policy meshvpn_session_set_nl_policy[MESHVPN_A_SESSION + 1] = {
	[MESHVPN_A_NODE_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[MESHVPN_A_SESSION] = NLA_POLICY_NESTED(meshvpn_session_nl_policy),
};

/* MESHVPN_CMD_SESSION_DEL - do */
const struct nla_policy meshvpn_session_del_nl_policy[MESHVPN_A_SESSION + 1] = {
	[MESHVPN_A_NODE_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[MESHVPN_A_SESSION] = NLA_POLICY_NESTED(meshvpn_session_nl_policy),
};

/* MESHVPN_CMD_SESSION_GET - do */
const struct nla_policy meshvpn_session_get_nl_policy[MESHVPN_A_SESSION + 1] = {
	[MESHVPN_A_NODE_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[MESHVPN_A_SESSION] = NLA_POLICY_NESTED(meshvpn_session_nl_policy),
};

/* MESHVPN_CMD_CIRCUIT_NEW - do */
const struct nla_policy meshvpn_circuit_new_nl_policy[MESHVPN_A_CIRCUIT + 1] = {
	[MESHVPN_A_NODE_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[MESHVPN_A_CIRCUIT] = NLA_POLICY_NESTED(meshvpn_circuit_nl_policy),
};

/* MESHVPN_CMD_CIRCUIT_SET - do */
const struct nla_policy meshvpn_circuit_set_nl_policy[MESHVPN_A_CIRCUIT + 1] = {
	[MESHVPN_A_NODE_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[MESHVPN_A_CIRCUIT] = NLA_POLICY_NESTED(meshvpn_circuit_nl_policy),
};

/* MESHVPN_CMD_CIRCUIT_DEL - do */
const struct nla_policy meshvpn_circuit_del_nl_policy[MESHVPN_A_CIRCUIT + 1] = {
	[MESHVPN_A_NODE_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[MESHVPN_A_CIRCUIT] = NLA_POLICY_NESTED(meshvpn_circuit_nl_policy),
};

/* MESHVPN_CMD_CIRCUIT_GET - do */
const struct nla_policy meshvpn_circuit_get_nl_policy[MESHVPN_A_CIRCUIT + 1] = {
	[MESHVPN_A_NODE_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[MESHVPN_A_CIRCUIT] = NLA_POLICY_NESTED(meshvpn_circuit_nl_policy),
};

/* MESHVPN_CMD_SELECTOR_SET - do */
const struct nla_policy meshvpn_selector_set_nl_policy[MESHVPN_A_SELECTOR + 1] = {
	[MESHVPN_A_NODE_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[MESHVPN_A_SELECTOR] = NLA_POLICY_NESTED(meshvpn_selector_nl_policy),
};

/* MESHVPN_CMD_SELECTOR_GET - do */
const struct nla_policy meshvpn_selector_get_nl_policy[MESHVPN_A_SELECTOR + 1] = {
	[MESHVPN_A_NODE_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[MESHVPN_A_SELECTOR] = NLA_POLICY_NESTED(meshvpn_selector_nl_policy),
};

/* MESHVPN_CMD_BATCH - do */
const struct nla_policy meshvpn_batch_nl_policy[MESHVPN_A_OP + 1] = {
	[MESHVPN_A_NODE_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[MESHVPN_A_OP] = NLA_POLICY_NESTED(meshvpn_op_nl_policy),
};

/* MESHVPN_CMD_CONTROL_SEND - do */
const struct nla_policy meshvpn_control_send_nl_policy[MESHVPN_A_DATA + 1] = {
	[MESHVPN_A_NODE_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[MESHVPN_A_CIRCUIT] = NLA_POLICY_NESTED(meshvpn_circuit_nl_policy),
	[MESHVPN_A_DATA] = NLA_POLICY_MAX_LEN(MESHVPN_CONTROL_LEN_MAX),
};

/* Ops table for meshvpn */
const struct genl_ops meshvpn_nl_ops[28] = {
	{
		.cmd		= MESHVPN_CMD_NODE_NEW,
		.doit		= meshvpn_nl_node_new_doit,
		.policy		= meshvpn_node_new_nl_policy,
		.maxattr	= MESHVPN_A_NODE,
	},
	{
		.cmd		= MESHVPN_CMD_NODE_SET,
		.doit		= meshvpn_nl_node_set_doit,
		.policy		= meshvpn_node_set_nl_policy,
		.maxattr	= MESHVPN_A_NODE,
	},
	{
		.cmd		= MESHVPN_CMD_NODE_DEL,
		.doit		= meshvpn_nl_node_del_doit,
		.policy		= meshvpn_node_del_nl_policy,
		.maxattr	= MESHVPN_A_NODE_ID,
	},
	{
		.cmd		= MESHVPN_CMD_NODE_GET,
		.doit		= meshvpn_nl_node_get_doit,
		.dumpit		= meshvpn_nl_node_get_dumpit,
		.policy		= meshvpn_node_get_nl_policy,
		.maxattr	= MESHVPN_A_NODE_ID,
	},
	{
		.cmd		= MESHVPN_CMD_DEVICE_NEW,
		.doit		= meshvpn_nl_device_new_doit,
		.policy		= meshvpn_device_new_nl_policy,
		.maxattr	= MESHVPN_A_DEVICE,
	},
	{
		.cmd		= MESHVPN_CMD_DEVICE_SET,
		.doit		= meshvpn_nl_device_set_doit,
		.policy		= meshvpn_device_set_nl_policy,
		.maxattr	= MESHVPN_A_DEVICE,
	},
	{
		.cmd		= MESHVPN_CMD_DEVICE_DEL,
		.doit		= meshvpn_nl_device_del_doit,
		.policy		= meshvpn_device_del_nl_policy,
		.maxattr	= MESHVPN_A_DEVICE,
	},
	{
		.cmd		= MESHVPN_CMD_DEVICE_GET,
		.doit		= meshvpn_nl_device_get_doit,
		.dumpit		= meshvpn_nl_device_get_dumpit,
		.policy		= meshvpn_device_get_nl_policy,
		.maxattr	= MESHVPN_A_DEVICE,
	},
	{
		.cmd		= MESHVPN_CMD_LINK_NEW,
		.doit		= meshvpn_nl_link_new_doit,
		.policy		= meshvpn_link_new_nl_policy,
		.maxattr	= MESHVPN_A_LINK,
	},
	{
		.cmd		= MESHVPN_CMD_LINK_SET,
		.doit		= meshvpn_nl_link_set_doit,
		.policy		= meshvpn_link_set_nl_policy,
		.maxattr	= MESHVPN_A_LINK,
	},
	{
		.cmd		= MESHVPN_CMD_LINK_DEL,
		.doit		= meshvpn_nl_link_del_doit,
		.policy		= meshvpn_link_del_nl_policy,
		.maxattr	= MESHVPN_A_LINK,
	},
	{
		.cmd		= MESHVPN_CMD_LINK_GET,
		.doit		= meshvpn_nl_link_get_doit,
		.dumpit		= meshvpn_nl_link_get_dumpit,
		.policy		= meshvpn_link_get_nl_policy,
		.maxattr	= MESHVPN_A_LINK,
	},
	{
		.cmd		= MESHVPN_CMD_LINK_SESSION_NEW,
		.doit		= meshvpn_nl_link_session_new_doit,
		.policy		= meshvpn_link_session_new_nl_policy,
		.maxattr	= MESHVPN_A_LINK_SESSION,
	},
	{
		.cmd		= MESHVPN_CMD_LINK_SESSION_SET,
		.doit		= meshvpn_nl_link_session_set_doit,
		.policy		= meshvpn_link_session_set_nl_policy,
		.maxattr	= MESHVPN_A_LINK_SESSION,
	},
	{
		.cmd		= MESHVPN_CMD_LINK_SESSION_DEL,
		.doit		= meshvpn_nl_link_session_del_doit,
		.policy		= meshvpn_link_session_del_nl_policy,
		.maxattr	= MESHVPN_A_LINK_SESSION,
	},
	{
		.cmd		= MESHVPN_CMD_LINK_SESSION_GET,
		.doit		= meshvpn_nl_link_session_get_doit,
		.dumpit		= meshvpn_nl_link_session_get_dumpit,
		.policy		= meshvpn_link_session_get_nl_policy,
		.maxattr	= MESHVPN_A_LINK_SESSION,
	},
	{
		.cmd		= MESHVPN_CMD_SESSION_NEW,
		.doit		= meshvpn_nl_session_new_doit,
		.policy		= meshvpn_session_new_nl_policy,
		.maxattr	= MESHVPN_A_SESSION,
	},
	{
		.cmd		= MESHVPN_CMD_SESSION_SET,
		.doit		= meshvpn_nl_session_set_doit,
		.policy		= meshvpn_session_set_nl_policy,
		.maxattr	= MESHVPN_A_SESSION,
	},
	{
		.cmd		= MESHVPN_CMD_SESSION_DEL,
		.doit		= meshvpn_nl_session_del_doit,
		.policy		= meshvpn_session_del_nl_policy,
		.maxattr	= MESHVPN_A_SESSION,
	},
	{
		.cmd		= MESHVPN_CMD_SESSION_GET,
		.doit		= meshvpn_nl_session_get_doit,
		.dumpit		= meshvpn_nl_session_get_dumpit,
		.policy		= meshvpn_session_get_nl_policy,
		.maxattr	= MESHVPN_A_SESSION,
	},
	{
		.cmd		= MESHVPN_CMD_CIRCUIT_NEW,
		.doit		= meshvpn_nl_circuit_new_doit,
		.policy		= meshvpn_circuit_new_nl_policy,
		.maxattr	= MESHVPN_A_CIRCUIT,
	},
	{
		.cmd		= MESHVPN_CMD_CIRCUIT_SET,
		.doit		= meshvpn_nl_circuit_set_doit,
		.policy		= meshvpn_circuit_set_nl_policy,
		.maxattr	= MESHVPN_A_CIRCUIT,
	},
	{
		.cmd		= MESHVPN_CMD_CIRCUIT_DEL,
		.doit		= meshvpn_nl_circuit_del_doit,
		.policy		= meshvpn_circuit_del_nl_policy,
		.maxattr	= MESHVPN_A_CIRCUIT,
	},
	{
		.cmd		= MESHVPN_CMD_CIRCUIT_GET,
		.doit		= meshvpn_nl_circuit_get_doit,
		.dumpit		= meshvpn_nl_circuit_get_dumpit,
		.policy		= meshvpn_circuit_get_nl_policy,
		.maxattr	= MESHVPN_A_CIRCUIT,
	},
	{
		.cmd		= MESHVPN_CMD_SELECTOR_SET,
		.doit		= meshvpn_nl_selector_set_doit,
		.policy		= meshvpn_selector_set_nl_policy,
		.maxattr	= MESHVPN_A_SELECTOR,
	},
	{
		.cmd		= MESHVPN_CMD_SELECTOR_GET,
		.doit		= meshvpn_nl_selector_get_doit,
		.dumpit		= meshvpn_nl_selector_get_dumpit,
		.policy		= meshvpn_selector_get_nl_policy,
		.maxattr	= MESHVPN_A_SELECTOR,
	},
	{
		.cmd		= MESHVPN_CMD_BATCH,
		.doit		= meshvpn_nl_batch_doit,
		.policy		= meshvpn_batch_nl_policy,
		.maxattr	= MESHVPN_A_OP,
	},
	{
		.cmd		= MESHVPN_CMD_CONTROL_SEND,
		.doit		= meshvpn_nl_control_send_doit,
		.policy		= meshvpn_control_send_nl_policy,
		.maxattr	= MESHVPN_A_DATA,
	},
};
