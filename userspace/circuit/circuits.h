/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The circuit engine: one object a datapath that knows every circuit of this node, as relay, exit
 * and origin, and takes what links and datapath hand up. Pure: time, randomness, directory and
 * exit policy come in through ops and struct timers (Documentation/protocol.rst, "Circuits").
 *
 * Wiring: links_ops.up, down, message and cell and datapath_ops.event of the daemon call the
 * circuits_* functions of the same name below.
 */
#ifndef MESHVPN_CIRCUIT_CIRCUITS_H
#define MESHVPN_CIRCUIT_CIRCUITS_H

#include <base/peer.h>
#include <base/timer.h>
#include <crypto/noise.h>
#include <datapath/datapath.h>
#include <link/link.h>

#include "wire.h"

struct circuits;

struct circuits_ops {
	void (*random)(void *arg, void *buf, size_t len);
	/*
	 * The relay with this id from the directory, or from the signed @descriptor that came along (NULL, 0: none).
	 * 0; -ENOENT: not known; -EBADMSG: descriptor is not valid; -EDQUOT: too many descriptors lately.
	 */
	int (*resolve)(void *arg, const struct node_id *id, const void *descriptor, size_t len,
		       struct peer *peer);
	/* Bits of the puzzle that a CREATE from @link must bring now; 0: none. NULL: by create_rate alone. */
	u8 (*puzzle_bits)(void *arg, const struct link *link);

	/* Exit only, may be NULL elsewhere. */
	/*
	 * A new session is wanted: check policy and payment, grant addresses. Fill @grant but for
	 * session and secret; @rate, @burst come preset from the configuration. 0 or a refusal.
	 */
	enum wire_refusal (*bind)(void *arg, const struct bind_request *request, struct bind_grant *grant,
				  u64 *rate, u64 *burst);
	/* The session ended: the addresses rest, their connections are flushed. */
	void (*release)(void *arg, const struct bind_grant *grant);
};

/* Limits and times; 0 means the default in brackets. */
struct circuits_conf {
	struct node_id id;			/* ours */
	struct noise_keypair onion, onion_previous;	/* previous: all zero if none */
	bool relay;				/* accept CREATE and EXTEND */
	bool exit;				/* accept BIND */
	bool private_network;
	u32 exit_device;			/* datapath device of exit sessions */
	u32 max_circuits;			/* 65536 */
	u32 max_per_link;			/* 8192 */
	u32 max_per_anonymous_link;		/* 256 */
	u32 max_extends;			/* EXTEND transactions a circuit, 8 */
	u32 max_sessions;			/* 8192 */
	u32 max_sessions_per_link;		/* of one relay's link, 2048 */
	u32 max_sessions_per_anonymous_link;	/* 64 */
	u32 max_takeovers;			/* a session, 2 */
	u32 create_rate, create_burst;		/* CREATE a second and link, 100, 200 */
	u32 create_total_rate, create_total_burst;	/* of all links; above: puzzles; 4000, 4000 */
	u8 puzzle_bits;				/* then, 10 */
	u8 puzzle_cap;				/* most that we solve as origin, 20 */
	u32 destroy_rate, destroy_burst;	/* answers to unknown circuits a second and link, 50, 100 */
	u32 destroy_total_rate, destroy_total_burst;	/* of all links, 1000, 2000 */
	u64 rate, burst;			/* bytes per second a relay circuit, 0: unlimited */
	u64 exit_rate, exit_burst;		/* a terminus circuit, 0: unlimited */
	u64 extend_ns;				/* link and CREATE to the next relay, 6 s */
	u64 pass_ns;				/* 30 s */
	u64 idle_ns;				/* circuits without a cell, 180 s */
	u64 linger_ns;				/* session without a leg, 30 s */
};

/* Every way in which something ends or is refused, and a few totals. */
#define CIRCUITS_STATS(_)									\
	_(creates) _(created) _(create_repeated) _(create_conflict) _(create_malformed)		\
	_(create_not_relay) _(create_suite) _(create_handshake) _(create_limit) _(create_link_limit) \
	_(create_rate) _(create_puzzle) _(create_id) _(create_budget)		\
	_(extends) _(extended) _(extend_repeated) _(extend_conflict) _(extend_malformed)		\
	_(extend_self) _(extend_predecessor) _(extend_address) _(extend_budget) _(extend_twice)	\
	_(extend_after_bind) _(extend_unknown) _(extend_descriptor) _(extend_limit)		\
	_(extend_link) _(extend_class) _(extend_timeout) _(extend_refused) _(extend_install)	\
	_(binds) _(bound) _(bind_repeated) _(bind_conflict) _(bind_malformed) _(bind_after_extend)	\
	_(bind_twice) _(bind_not_exit) _(bind_policy) _(bind_secret) _(bind_takeovers)		\
	_(bind_reserve) _(bind_limit) _(bind_link_limit) _(bind_install)				\
	_(takeovers) _(sessions_expired) _(sessions_closed)					\
	_(destroy_rx) _(destroy_tx) _(destroy_unknown) _(destroy_malformed) _(destroy_limited)	\
	_(cell_unknown) _(cell_class) _(cell_number) _(cell_replay) _(cell_layer) _(cell_erased)	\
	_(cell_side) _(message_bad) _(message_unknown) _(requests_full) _(numbers_used_up)			\
	_(pings) _(pass_expired) _(idle_expired) _(links_lost)					\
	_(origin_built) _(origin_failed) _(origin_replay) _(origin_layer) _(origin_handshake)	\
	_(origin_puzzle) _(origin_refused) _(origin_timeout) _(origin_late)

struct circuits_stats {
#define _(name) u64 name;
	CIRCUITS_STATS(_)
#undef _
};

/* @ts: ->now is the present in every call. 0 or -errno. */
int circuits_new(struct circuits **circuits, const struct circuits_conf *conf, const struct circuits_ops *ops,
		 void *arg, struct timers *ts, struct links *links, struct datapath *dp);
/* Sends DESTROY on every circuit, takes them out of the datapath, frees all. Free clients and exit users before. */
void circuits_free(struct circuits *c);
void circuits_reconfigure(struct circuits *c, const struct circuits_conf *conf);
/* No new CREATE, EXTEND or BIND from now on; what there is goes on. */
void circuits_drain(struct circuits *c);

/* From the link engine, see struct links_ops. Down with @c NULL is ignored: links_free() calls it after us. */
void circuits_link_up(struct circuits *c, struct link *link);
void circuits_link_down(struct circuits *c, struct link *link, enum link_reason reason);
void circuits_message(struct circuits *c, struct link *link, const struct message *m);
void circuits_cell(struct circuits *c, struct link *link, const struct mv_header *header, u8 *cell, size_t len);
/* From the datapath: PASS, COUNTER, CONTROL; others are ignored. */
void circuits_event(struct circuits *c, const struct datapath_event *event);

/* Keys are to be forgotten now (suspend, resume of a clone): end all circuits. */
void circuits_destroy_all(struct circuits *c, enum link_reason reason);

enum circuit_role {
	CIRCUIT_OPEN,		/* an open end here */
	CIRCUIT_RELAY,
	CIRCUIT_EXIT,
	CIRCUIT_ORIGIN,
};
const char *circuit_role_name(enum circuit_role role);

/* For `circuit show` and metrics; no addresses. */
struct circuit_info {
	enum circuit_role role;
	u32 link, circuit, out_link, out_circuit;
	u64 born, last;			/* ns */
	bool pass;
	u64 rx_cells, rx_bytes, tx_cells, tx_bytes;	/* of the datapath */
};
int circuits_each(struct circuits *c, int (*each)(void *arg, const struct circuit_info *info), void *arg);
u32 circuits_count(const struct circuits *c);
u32 circuits_sessions(const struct circuits *c);

const struct circuits_stats *circuits_stats(const struct circuits *c);
void circuits_stats_each(const struct circuits *c, void (*each)(void *arg, const char *name, u64 value), void *arg);

#endif
