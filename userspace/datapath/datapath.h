/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interface between the control plane and a datapath, and the only header of this folder that
 * other modules include. Six kinds of object (device, link, link session, exit session, circuit,
 * selector) are changed by ordered batches; events and everything that is not a cell of a held
 * circuit come up through struct datapath_ops. Documentation/datapath.rst tells the story.
 *
 * Context: one control thread calls; upcalls arrive in that same thread, from
 * datapath_dispatch(), never from inside another call (a fake may deliver inside dispatch only).
 * Keys are copied, and erased by the datapath when the object goes.
 */
#ifndef MESHVPN_DATAPATH_DATAPATH_H
#define MESHVPN_DATAPATH_DATAPATH_H

#include <stddef.h>
#include <base/endpoint.h>
#include <meshvpn/cell.h>
#include <meshvpn/header.h>

struct datapath;

/* What an implementation can do; conformance tests skip by these flags and by nothing else. */
enum datapath_caps {
	DATAPATH_DEVICE		= 1 << 0,	/* moves packets of a network device */
	DATAPATH_ORIGIN		= 1 << 1,
	DATAPATH_TERMINUS	= 1 << 2,
	DATAPATH_QUEUE		= 1 << 3,	/* queues fairly while the socket is full */
	DATAPATH_SOCKET		= 1 << 4,	/* reads and writes UDP sockets itself */
};

#define DATAPATH_LANES_MAX 16
#define DATAPATH_LINK_IDS 8	/* receive ids of one session */
#define DATAPATH_NO_ID 0	/* ids of devices, links and sessions start at 1 */

/* ---- objects ---- */

enum datapath_role {
	DATAPATH_ROLE_ORIGIN,	/* a client's mesh0 */
	DATAPATH_ROLE_EXIT,	/* the exit's device behind its terminus circuits */
};

/*
 * A network device. @fds: TUN queues made by the helper (user datapath); they pass to the datapath.
 * kmod: @name is that of a device of kind meshvpn, and @queues, @fds and @steering mean nothing.
 */
struct datapath_device {
	u32 id;
	char name[16];
	enum datapath_role role;
	u32 mtu;			/* inner, bytes */
	u32 queues;
	int fds[DATAPATH_LANES_MAX];
	/*
	 * Map of 16-byte inner addresses (IPv4 in the last four) to u32 queues that steers packets to
	 * the worker of their circuit; 0: none. It stays the caller's, open as long as the device.
	 */
	int steering;
};

/* A link to a neighbour. Deleting it deletes its sessions and all circuits on it. */
struct datapath_link {
	u32 id;
	u64 up_rate, up_burst;		/* datagrams per second that may go up from this link; 0: the default */
};

enum datapath_session_state {
	DATAPATH_SESSION_NEXT,		/* receives; the first cell that opens raises an event */
	DATAPATH_SESSION_CURRENT,	/* receives and sends; at most one a link */
	DATAPATH_SESSION_PREVIOUS,	/* receives only */
};

/*
 * One handshake's keys of a link. `new` installs everything. `set` changes state, send id,
 * endpoint, lanes and class only; making one current makes the old current one previous.
 */
struct datapath_link_session {
	u32 link;
	u32 index;			/* chosen by the daemon, unique in its link */
	enum datapath_session_state state;
	u32 rx_ids_count;
	u64 rx_ids[DATAPATH_LINK_IDS];	/* link ids that the peer may put on cells to us */
	u64 tx_id;			/* the one that we put on cells to the peer */
	u8 rx_tag[16], rx_mask[16];	/* header keys of what the peer sends */
	u8 tx_tag[16], tx_mask[16];
	struct endpoint remote;		/* lane 0 of the peer; lane i is port + i */
	u32 scope;			/* interface index of a link-local remote; only the kernel module knows it */
	u32 remote_lanes;		/* at least 1 */
	u32 local_lane;			/* first of our sockets that may send; see datapath_conf.lanes */
	u32 local_lanes;		/* 1 behind a NAT, else as many as we have */
};

/*
 * An exit session: which circuit carries these inner addresses. Zero family bytes: no address of
 * that family. `set` moves it to another circuit (a takeover) in one step.
 */
struct datapath_session {
	u32 id;
	u32 device;
	bool has4, has6;
	u8 inner4[4], inner6[16];
	u32 link, circuit;		/* the current leg, may be 0, 0 for none */
};

enum datapath_circuit_kind {
	DATAPATH_RELAY,
	DATAPATH_ORIGIN_CIRCUIT,
	DATAPATH_TERMINUS_CIRCUIT,
};

/*
 * A circuit, named by (link, circuit) of its side towards the origin (relay, terminus) or towards
 * the guard (origin). Keys are installed once: `new` on one that exists is -EEXIST, `set` changes
 * data class, small_forward, pass (only to false), session, rate and burst.
 */
struct datapath_circuit {
	enum datapath_circuit_kind kind;
	u32 link, circuit;
	u32 out_link, out_circuit;	/* relay: towards the terminus */
	u32 hops;			/* origin: number of keys; else 1 */
	u8 kf[MV_HOPS_MAX][MV_KEY_LEN];	/* relay: [0] = kf; terminus: [0] = df; origin: kf…, df */
	u8 kb[MV_HOPS_MAX][MV_KEY_LEN];	/* relay: [0] = kb; terminus: [0] = db; origin: kb…, db */
	u32 reserve;			/* R: origin and terminus */
	enum mv_class data_class;	/* MV_MEDIUM or MV_LARGE */
	bool small_forward;		/* forward small cells may occur */
	bool pass;			/* what fails window or verification goes up unchanged */
	u32 session;			/* origin, terminus: id of the exit session that it may serve */
	u64 rate, burst;		/* bytes per second and bytes, 0: unlimited (both directions each) */
};

struct datapath_prefix {
	u8 family, bits;
	u8 addr[16];
	u32 session;
};

/* Destination prefixes of a device, replaced as a whole. */
struct datapath_selector {
	u32 device;
	u32 count;
	const struct datapath_prefix *prefixes;
};

enum datapath_object {
	DATAPATH_OBJ_DEVICE,
	DATAPATH_OBJ_LINK,
	DATAPATH_OBJ_LINK_SESSION,
	DATAPATH_OBJ_SESSION,
	DATAPATH_OBJ_CIRCUIT,
	DATAPATH_OBJ_SELECTOR,		/* set only */
};

enum datapath_verb {
	DATAPATH_NEW,
	DATAPATH_SET,
	DATAPATH_DEL,			/* only the naming fields count */
};

struct datapath_op {
	enum datapath_verb verb;
	enum datapath_object object;
	union {
		const struct datapath_device *device;
		const struct datapath_link *link;
		const struct datapath_link_session *link_session;
		const struct datapath_session *session;
		const struct datapath_circuit *circuit;
		const struct datapath_selector *selector;
	};
};

/* ---- statistics ---- */

/* Why a cell or packet was dropped; datapath_drop_name() gives "replay" and so on. */
enum datapath_drop {
	DROP_NOT_CELL,		/* datapath only: shape of a cell, unknown link id, and the up queue full */
	DROP_HEADER,		/* t does not match */
	DROP_CLASS,		/* length class not allowed on this circuit */
	DROP_REPLAY,
	DROP_LAYER,		/* S does not match, forward */
	DROP_LAYER_BACKWARD,	/* a backward cell failed at the origin */
	DROP_COUNTER,		/* numbers of a key used up */
	DROP_UP,		/* token bucket or ring towards the daemon full */
	DROP_QUEUE,		/* CoDel or queue limit */
	DROP_RATE,		/* operator's token bucket */
	DROP_SEND,		/* the socket refused */
	DROP_NO_ROUTE,		/* link without current session */
	DROP_FRAME,		/* payload framing: bad packet, subtype or offset */
	DROP_REASSEMBLY,	/* a packet whose cells did not all come in time */
	DROP_SOURCE,		/* inner source not of the session (exit), or not an inner address (client) */
	DROP_DESTINATION,	/* client: destination not of the session */
	DROP_NO_CIRCUIT,	/* no session or leg for an inner packet */
	DROP_TOO_BIG,		/* inner packet above the MTU */
	DROP_DEVICE,		/* the device refused a packet */
	DROP_CAUSES,
};

struct datapath_stats {
	u64 rx_cells, rx_bytes, tx_cells, tx_bytes;	/* UDP side */
	u64 rx_packets, rx_packet_bytes;		/* inner, cells to device */
	u64 tx_packets, tx_packet_bytes;		/* inner, device to cells */
	u64 up;						/* datagrams handed to the daemon */
	u64 relayed;					/* cells peeled and sent on */
	u64 passed_cells, passed_packets;		/* handed to the worker that owns their circuit */
	/* sockets and TUN: super-packets in and out, what the kernel refused */
	u64 rx_super, tx_super, send_again, send_errors, send_no_gso, no_buffer, device_errors;
	u64 drops[DROP_CAUSES];
	u32 devices, links, link_sessions, sessions, circuits;
};

struct datapath_circuit_info {
	struct datapath_circuit conf;	/* keys zeroed */
	u64 rx_cells, rx_bytes, tx_cells, tx_bytes;	/* forward in and out for relays; own in and out else */
	u64 back_cells, back_bytes;	/* relay: backward */
	u64 last_rx;			/* ns, monotonic: last cell that was accepted, any direction; 0: none */
	u64 next_counter;		/* the next number that it seals under */
	u64 drops;
};

struct datapath_link_info {
	struct datapath_link conf;
	u64 rx_cells, rx_bytes, tx_cells, tx_bytes;
	u64 last_rx;			/* ns: last cell that a window took, so never a copy of an old one */
	u32 circuits;
};

/* ---- events ---- */

enum datapath_event_kind {
	/* the first cell under a NEXT session opened: link, index */
	DATAPATH_EV_SESSION,
	/* the first cell verified on a circuit with pass, which is cleared: link, circuit */
	DATAPATH_EV_PASS,
	/* a cell was committed that came from another address than the session's: link, index, from, lane */
	DATAPATH_EV_ADDRESS,
	/* numbers or volume of a circuit near their end: link, circuit */
	DATAPATH_EV_COUNTER,
	/* control message of a bound circuit: link, circuit, counter, data (without the 4 bytes of
	 * the payload header, with padding), at most the payload's length */
	DATAPATH_EV_CONTROL,
	/* a device went away under us: link = device id */
	DATAPATH_EV_DEVICE,
	/* kmod: somebody deleted our node in the kernel; nothing works any more */
	DATAPATH_EV_GONE,
};

struct datapath_event {
	enum datapath_event_kind kind;
	u32 link, index, circuit, lane;
	u64 counter;
	struct endpoint from;
	const u8 *data;
	size_t len;
};

struct datapath_ops {
	/* A datagram that the datapath did not consume, unchanged. @data is valid during the call. */
	void (*datagram)(void *arg, u32 lane, const struct endpoint *from, const u8 *data, size_t len);
	void (*event)(void *arg, const struct datapath_event *event);
	/* fake only: a datagram to send */
	void (*send)(void *arg, u32 lane, const struct endpoint *to, const u8 *data, size_t len);
	/* fake only, if it has no device: an inner packet for device @device */
	void (*packet)(void *arg, u32 device, const u8 *data, size_t len);
	/* fake only: the present, ns */
	u64 (*now)(void *arg);
};

struct datapath_conf {
	u32 lanes;				/* sockets = worker threads of the user datapath */
	int sockets[DATAPATH_LANES_MAX];	/* bound UDP sockets, one a lane, owned by the caller */
	bool no_io_uring;			/* use epoll */
	u64 rate, burst;			/* whole relay, bytes per second and bytes; 0: unlimited */
	u64 up_rate, up_burst;			/* default datagrams per second up, per link; 0: 2000, 4000 */
	u32 hold_us;				/* aggregation: how long a cell that is not full may wait; default 200 */
	u32 max_links, max_circuits;		/* 0: 4096, 65536 */
	u32 queue_cells;			/* per-circuit queue limit, 0: 256 */
	u64 volume_limit;			/* bytes after which DATAPATH_EV_COUNTER is raised; 0: none */
	/*
	 * kmod: a generic netlink socket that owns node @node of these sockets, made by who may; it is
	 * the datapath's from now on, also after a failure. 0 or -1: the datapath makes its node itself.
	 */
	int netlink;
	u32 node;
};

/* ---- calls ---- */

/**
 * datapath_open - create a datapath
 * @name: "kmod", "user", "fake"; "auto": kmod where the module is loaded and works, else user
 *
 * Return: 0 or -ENOENT (name, or kmod: the module is not loaded), -EPROTONOSUPPORT (kmod: it is of
 * another version), -EPERM (kmod: no node was given and CAP_NET_ADMIN is lacking), -ENOMEM, -errno
 * of socket set-up.
 */
int datapath_open(struct datapath **dp, const char *name, const struct datapath_conf *conf,
		  const struct datapath_ops *ops, void *arg);

/* Stop workers, erase keys, free; sockets stay the caller's, device fds are closed. */
void datapath_close(struct datapath *dp);

const char *datapath_name(const struct datapath *dp);
u32 datapath_caps(const struct datapath *dp);

/* File descriptor to poll for reading, then call datapath_dispatch(); -1: none (fake). */
int datapath_fd(const struct datapath *dp);

/* Deliver waiting datagrams and events through ops. At most @budget of them. Return: how many. */
int datapath_dispatch(struct datapath *dp, u32 budget);

/**
 * datapath_apply - an ordered batch, all or nothing
 * @failed: if not NULL, index of the op that failed
 *
 * When it returns 0 the owners use the new state and nothing uses what was deleted. Return: 0,
 * -EEXIST, -ENOENT, -EINVAL, -ENOSPC (limit), -EOPNOTSUPP (capability), -ENOMEM; on failure
 * everything is as before.
 */
int datapath_apply(struct datapath *dp, const struct datapath_op *ops, u32 count, u32 *failed);

/**
 * datapath_control - send a control message (subtype 0x80) on a bound circuit
 * @data: the bytes after the 4-byte payload header, at most B - R - 4 of the circuit
 *
 * Return: 0, -ENOENT, -EMSGSIZE, -EAGAIN (bounded queue full).
 */
int datapath_control(struct datapath *dp, u32 link, u32 circuit, const u8 *data, size_t len);

int datapath_circuit_get(struct datapath *dp, u32 link, u32 circuit, struct datapath_circuit_info *info);
int datapath_link_get(struct datapath *dp, u32 link, struct datapath_link_info *info);
void datapath_stats_get(struct datapath *dp, struct datapath_stats *stats);

/* Call @each for every circuit (a snapshot); stops at a non-zero return, which it returns. */
int datapath_circuit_dump(struct datapath *dp, int (*each)(void *arg, const struct datapath_circuit_info *info),
			  void *arg);

/* "replay" for DROP_REPLAY, … */
const char *datapath_drop_name(enum datapath_drop cause);

/* fake only: a datagram arrives; an inner packet leaves the device. */
void datapath_fake_receive(struct datapath *dp, u32 lane, const struct endpoint *from, const u8 *data, size_t len);
void datapath_fake_packet(struct datapath *dp, u32 device, const u8 *data, size_t len);
/* fake only: send what waits, expire what is old. Called by simulators when time moves. */
void datapath_fake_tick(struct datapath *dp);

/* ---- batches of one ---- */

#define DATAPATH_ONE(noun, object_)							\
static inline int datapath_##noun##_apply(struct datapath *dp, enum datapath_verb verb,	\
					  const struct datapath_##noun *o)		\
{											\
	struct datapath_op op = { .verb = verb, .object = object_, .noun = o };		\
											\
	return datapath_apply(dp, &op, 1, NULL);					\
}
DATAPATH_ONE(device, DATAPATH_OBJ_DEVICE)
DATAPATH_ONE(link, DATAPATH_OBJ_LINK)
DATAPATH_ONE(link_session, DATAPATH_OBJ_LINK_SESSION)
DATAPATH_ONE(session, DATAPATH_OBJ_SESSION)
DATAPATH_ONE(circuit, DATAPATH_OBJ_CIRCUIT)
DATAPATH_ONE(selector, DATAPATH_OBJ_SELECTOR)
#undef DATAPATH_ONE

#endif
