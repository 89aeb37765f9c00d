/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Links: authenticated, header-protected associations between two neighbours, their handshakes
 * (Noise NK from anonymous clients, IKpsk2 between relays), rekeying, keepalive, path changes and
 * the control messages on circuit id 0. The engine is pure: time, randomness and sending come in
 * through struct links_ops and struct timers; it programs link sessions into the datapath.
 */
#ifndef MESHVPN_LINK_LINK_H
#define MESHVPN_LINK_LINK_H

#include <base/list.h>
#include <base/peer.h>
#include <base/timer.h>
#include <crypto/noise.h>
#include <datapath/datapath.h>

#include "message.h"

struct links;
struct link;

/* Why a link or circuit ended; also the reason byte of DESTROY. */
enum link_reason {
	REASON_NONE,
	REASON_REQUESTED,
	REASON_TIMEOUT,		/* no answer */
	REASON_PROTOCOL,
	REASON_LIMIT,
	REASON_REFUSED,
	REASON_SHUTDOWN,
	REASON_LINK,		/* the link to the next hop ended */
	REASON_UNKNOWN,		/* no such circuit */
	REASON_MTU,		/* the path carries the class no longer */
	REASON_EXPIRED,
	REASON_GENERIC,		/* what relays pass on */
	REASON_COUNT,
};

struct links_ops {
	u64 (*wall)(void *arg);				/* ns since 1970, for the monotone timestamp */
	void (*random)(void *arg, void *buf, size_t len);
	void (*send)(void *arg, u32 lane, const struct endpoint *to, const void *data, size_t len);

	/*
	 * Is @static_key the onion key (current or previous) of node @id? @hello: what the peer sent along (its signed
	 * descriptor, perhaps); fills @peer. Responder of IKpsk2 only.
	 */
	bool (*identify)(void *arg, const struct node_id *id, const u8 static_key[32],
			 const void *hello, size_t len, struct peer *peer);

	/* A link is usable (up), or ended; after down the pointer is gone. */
	void (*up)(void *arg, struct link *link);
	void (*down)(void *arg, struct link *link, enum link_reason reason);
	/* A whole control message of a type that is not the link's own. */
	void (*message)(void *arg, struct link *link, const struct message *m);
	/*
	 * A cell whose header opened and whose circuit is not 0: a circuit that the datapath does
	 * not hold, or one that failed under pass. @cell: the whole datagram, writable.
	 */
	void (*cell)(void *arg, struct link *link, const struct mv_header *header, u8 *cell, size_t len);
	/* May be NULL: a datagram in the shape of a handshake that is for no link: a query, perhaps. */
	void (*foreign)(void *arg, u32 lane, const struct endpoint *from, const u8 *data, size_t len);
};

struct links_conf {
	struct node_id id;			/* ours */
	struct noise_keypair onion, onion_previous;	/* previous: all zero if none */
	bool responder;				/* accept handshakes */
	bool authenticate;			/* prove who we are (relays), else anonymous */
	bool private_network;
	const void *hello;			/* sent in IKpsk2 message 1, at most 700 bytes */
	size_t hello_len;
	u32 lanes;				/* our sockets; 1 behind a NAT */
	/* limits, 0: the default in brackets */
	u32 max_links;				/* 4096 */
	u32 max_links_host;			/* anonymous ones of one host (an IPv4 address, an IPv6 /64), 64 */
	u32 anonymous_rate, anonymous_burst;	/* datagrams a second up from one anonymous link, 200, 1000 */
	u32 max_pending;			/* handshakes of ours at a time, 256 */
	u32 max_next;				/* responder sessions not yet confirmed, 1024 */
	u32 handshakes_rate, handshakes_burst;	/* per second in total before RETRY is demanded, 2000, 200 */
	u32 source_rate, source_burst;		/* per source address, 20, 40 */
	u8 puzzle_bits;				/* under load, 8 */
	u8 puzzle_cap;				/* most that we solve, 22 */
	u64 rekey_ns;				/* 2 h */
	u64 keepalive_ns;			/* 25 s; only from the initiator of a link */
	u64 idle_ns;				/* link without circuits is closed, 5 min */
};

/* @ts: the engine's timers, whose ->now is the present. 0 or -errno. */
int links_new(struct links **links, const struct links_conf *conf, const struct links_ops *ops, void *arg,
	      struct timers *ts, struct datapath *dp);
/* Ends all links silently but for a best-effort DESTROY of their circuits by the circuit layer before. */
void links_free(struct links *links);

/* A changed configuration (limits, rotated onion key, hello); links stay. */
void links_reconfigure(struct links *links, const struct links_conf *conf);

/* From the datapath: a datagram that it did not consume, and its events (SESSION, ADDRESS). */
void links_datagram(struct links *links, u32 lane, const struct endpoint *from, const u8 *data, size_t len);
void links_event(struct links *links, const struct datapath_event *event);

/**
 * link_get - find or open the link to a relay
 *
 * One link a peer and direction of trust; opening starts the handshake. The link comes with a
 * reference for the caller; ops->up or ops->down tells what became of it. Return: NULL and -errno
 * in @error: -ENOSPC (limit), -EADDRNOTAVAIL (no contactable endpoint), -EHOSTUNREACH (recent
 * failure, back-off).
 */
struct link *link_get(struct links *links, const struct peer *peer, int *error);
/* A further reference, and its end: a link without references and circuits idles out. */
struct link *link_hold(struct link *link);
void link_put(struct link *link);

bool link_is_up(const struct link *link);
u32 link_id(const struct link *link);			/* in the datapath */
const struct peer *link_peer(const struct link *link);	/* NULL: anonymous */
bool link_initiator(const struct link *link);
enum mv_class link_class(const struct link *link);	/* largest class that the path carries */
u64 link_rtt(const struct link *link);			/* ns, smoothed; 0: unknown */
const struct endpoint *link_endpoint(const struct link *link);
/*
 * A cell that links_ops.cell handed up passed its circuit's window: the peer lives. The engine
 * itself cannot tell it from a copy of an old one.
 */
void link_heard(struct link *link);
u64 link_last_rx(const struct link *link);		/* ns, control or building traffic seen by the engine */
struct link *links_find(struct links *links, u32 id);
int links_each(struct links *links, int (*each)(void *arg, struct link *link), void *arg);

/* Something on the link timed out (a CREATE): probe now, and rehandshake if there is no answer. */
void link_suspect(struct link *link);
void link_close(struct link *link, enum link_reason reason);
/* Every one that there is now, also those that are opening or wait to be confirmed: no key is left. */
void links_close(struct links *links, enum link_reason reason);

/* The network changed (a new local address): use fresh link ids, keep everything else. */
void links_rebind(struct links *links);

/*
 * A circuit id of ours on this link, by a keyed permutation, with the right bit 23; not used
 * again while a session in which it was used still receives. 0: none left.
 * @lane_of: prefer an id whose lane equals this circuit id's; 0: any
 */
u32 link_circuit_new(struct link *link, u32 lane_of);
void link_circuit_put(struct link *link, u32 circuit);
/* May the peer choose this id (bit 23)? */
bool link_circuit_theirs(const struct link *link, u32 circuit);

/*
 * A control message to the neighbour; fragments as needed. Lost cells are the caller's to repeat
 * (same transaction id, same bytes). 0, -EMSGSIZE, -ENOTCONN.
 */
int link_message(struct link *link, u8 type, u8 flags, u64 txid, const void *data, size_t len);
u64 link_txid(struct link *link);			/* unique on this link */

/*
 * Send a cell of a circuit that the datapath does not hold (yet): layer tag and body of @class
 * stand in @cell from offset 24; the header is sealed here. 0 or -ENOTCONN.
 */
int link_cell(struct link *link, u32 circuit, u64 counter, enum mv_class class, u8 *cell);

struct links_stats {
	u64 handshakes_in, handshakes_out, established, retries_sent, retries_seen, refused_puzzle;
	u64 garbage, bad_cookie, bad_handshake, replayed, limited_source, limited_total, limited_next, limited_host;
	u64 control_rx, control_tx, control_bad, control_replay, unknown_link, header_bad;
	u64 pings, timeouts, rekeys, path_challenges, path_changes, fragments_dropped, messages_bad;
};
const struct links_stats *links_stats(const struct links *links);
/* Name and value of each counter, for the control socket. */
void links_stats_each(const struct links *links, void (*each)(void *arg, const char *name, u64 value), void *arg);

#endif
