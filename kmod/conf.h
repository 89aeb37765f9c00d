/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What userspace says about objects, as plain structs between netlink.c, which reads them out of
 * attributes, and apply.c, which makes objects of them. They mirror userspace/datapath/datapath.h:
 * same names, same ranges, same meaning, so that one conformance suite drives both.
 */
#ifndef MV_CONF_H
#define MV_CONF_H

#include <linux/if.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/types.h>
#include <meshvpn/cell.h>

#define MV_LANES_MAX		16
#define MV_LINK_IDS		8	/* receive ids of one link session */
#define MV_LINK_SESSIONS	16	/* of one link */
#define MV_PREFIXES		4096	/* of one selector */
#define MV_BATCH_OPS		1024	/* of one message */

/* A UDP endpoint. @family: AF_INET, AF_INET6, or 0 for none; IPv4 in the first four bytes. */
struct mv_endpoint {
	u16 family;
	__be16 port;
	u32 scope;			/* interface of a link-local address */
	struct in6_addr addr;
};

struct mv_node_conf {
	u32 id;
	u64 rate, burst;		/* bytes per second and bytes; 0: unlimited */
	u64 up_rate, up_burst;		/* default datagrams per second up, per link */
	u32 hold_us;			/* aggregation */
	u32 max_links, max_circuits;
	u32 queue_cells;		/* of one circuit's direction */
	u32 send_bytes;			/* in a socket before cells wait, see queue.h */
	u64 volume_limit;		/* bytes after which MV_EVENT_COUNTER is raised; 0: none */
};

enum mv_role {
	MV_ROLE_ORIGIN,
	MV_ROLE_EXIT,
};

struct mv_device_conf {
	u32 id;
	char name[IFNAMSIZ];		/* of a network device of kind meshvpn in the sender's namespace */
	enum mv_role role;
	u32 mtu;			/* 0: as it is */
};

struct mv_link_conf {
	u32 id;
	u64 up_rate, up_burst;		/* 0: the node's */
};

enum mv_session_state {
	MV_SESSION_NEXT,
	MV_SESSION_CURRENT,
	MV_SESSION_PREVIOUS,
};

/* One handshake's keys of a link. `set`: state, tx_id, remote, lanes. */
struct mv_link_session_conf {
	u32 link, index;
	enum mv_session_state state;
	u32 rx_ids_count;
	u64 rx_ids[MV_LINK_IDS];
	u64 tx_id;
	const u8 *rx_tag, *rx_mask, *tx_tag, *tx_mask;	/* 16 bytes each, in the message */
	struct mv_endpoint remote;
	u32 remote_lanes, local_lane, local_lanes;
};

/* An exit session. `set`: the leg. */
struct mv_session_conf {
	u32 id, device;
	bool has4, has6;
	struct in_addr inner4;
	struct in6_addr inner6;
	u32 link, circuit;
};

enum mv_circuit_kind {
	MV_RELAY,
	MV_ORIGIN,
	MV_TERMINUS,
};

/* `set`: data_class, small_forward, pass (only to false), session, rate, burst. */
struct mv_circuit_conf {
	enum mv_circuit_kind kind;
	u32 link, circuit, out_link, out_circuit;
	u32 hops;
	const u8 *kf, *kb;		/* hops times MV_KEY_LEN, in the message */
	u32 reserve;
	u32 data_class;
	bool small_forward, pass;
	u32 session;
	u64 rate, burst;
};

struct mv_prefix {
	u16 family;
	u8 bits;
	u32 session;
	struct in6_addr addr;		/* IPv4 in the first four bytes */
};

struct mv_selector_conf {
	u32 device, count;
	const struct mv_prefix *prefixes;
};

enum mv_object {
	MV_OBJ_DEVICE,
	MV_OBJ_LINK,
	MV_OBJ_LINK_SESSION,
	MV_OBJ_SESSION,
	MV_OBJ_CIRCUIT,
	MV_OBJ_SELECTOR,		/* set only */
};

enum mv_verb {
	MV_NEW,
	MV_SET,
	MV_DEL,
};

/*
 * One op of a batch. @present: what `set` changes, BIT(attribute) of the object's nest in
 * include/uapi/linux/meshvpn.h (BIT(MESHVPN_A_CIRCUIT_RATE), …); the rest keeps its value.
 */
struct mv_op {
	enum mv_verb verb;
	enum mv_object object;
	u32 present;
	union {
		struct mv_device_conf device;
		struct mv_link_conf link;
		struct mv_link_session_conf link_session;
		struct mv_session_conf session;
		struct mv_circuit_conf circuit;
		struct mv_selector_conf selector;
	};
};

#endif
