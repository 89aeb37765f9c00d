/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The client: keeps a session to an exit and a spare circuit beside it, moves the session to the
 * spare when its circuit dies, goes to another exit when that fails, and rotates. Which relays, and
 * what the machine's addresses are, comes in through ops.
 */
#ifndef MESHVPN_CIRCUIT_MANAGER_H
#define MESHVPN_CIRCUIT_MANAGER_H

#include "origin.h"

struct client;

enum path_use {
	PATH_SESSION,		/* any exit that fits */
	PATH_SPARE,		/* to @exit, beside @beside */
	PATH_TRACE,
};

/* What a path has to be like. */
struct path_request {
	enum path_use use;
	u32 hops;
	bool has_exit;
	struct node_id exit;			/* the last hop must be this */
	const struct node_id *avoid_exits;	/* last hop none of these: they failed lately */
	u32 avoid_exits_count;
	/* Not as middles, and as guard only if there is no other. */
	const struct node_id *avoid;
	u32 avoid_count;
	u32 attempt;				/* 0, 1, …: failures in a row for this purpose */
};

enum client_outcome {
	CLIENT_HOP_GOOD,	/* answered */
	CLIENT_HOP_FAILED,	/* no answer, or an answer that ends the circuit */
	CLIENT_HOP_REFUSED,
	CLIENT_HOP_SUSPECT,	/* of a circuit that fell silent or was cut: it, or another of them */
	CLIENT_EXIT_GOOD,	/* a session lives */
	CLIENT_EXIT_LOST,	/* a session of it ended against our will */
};

/* Of one session. Resolver: family of each as it is granted. */
struct client_session_info {
	u32 id;				/* datapath session */
	bool current;			/* new flows use it */
	struct bind_grant grant;	/* session handle and secret zeroed */
	struct node_id exit;
	u64 born;
};

enum client_event_kind {
	CLIENT_CIRCUIT_NEW,	/* building began */
	CLIENT_CIRCUIT_READY,
	CLIENT_CIRCUIT_LIVE,
	CLIENT_CIRCUIT_DEAD,	/* failure is set */
	CLIENT_SESSION_NEW,
	CLIENT_SESSION_TAKEN,	/* moved to circuit */
	CLIENT_SESSION_LOST,
	CLIENT_SESSION_END,
	CLIENT_STALLED,		/* the current circuit does not answer */
	CLIENT_NO_PATH,		/* select() found none */
};
const char *client_event_name(enum client_event_kind kind);	/* "circuit-new" */

struct client_event {
	enum client_event_kind kind;
	u32 circuit;			/* origin_number(), 0: none */
	u32 session;			/* datapath session, 0: none */
	struct origin_failure failure;
	u64 took;			/* ns: how long a takeover or a build lasted, 0: n/a */
};

struct client_ops {
	/*
	 * Choose @request->hops relays into @path, guard first. Return: 0, or -ENOENT if there are
	 * none that fit (it is asked again after a while).
	 */
	int (*select)(void *arg, const struct path_request *request, struct peer *path);
	int (*descriptor)(void *arg, const struct node_id *id, void *buf, size_t room);
	/* Free on this machine, no local route overlaps? @addr: 4 or 16 bytes. */
	bool (*address_usable)(void *arg, int family, const u8 *addr);
	/*
	 * A session begins: put its addresses on mesh0. And it became current, or no longer is
	 * (called again with the other value of current): prefer its addresses for new flows, routes, resolver.
	 */
	void (*session_up)(void *arg, const struct client_session_info *session);
	void (*session_down)(void *arg, const struct client_session_info *session);
	/* What became of a relay in the place @hop, for guards and weights. */
	void (*outcome)(void *arg, const struct peer *peer, u32 hop, enum client_outcome outcome);
	void (*event)(void *arg, const struct client_event *event);
	/* Payment for a new session at this exit, may be NULL. Bytes, or 0. */
	int (*token)(void *arg, const struct node_id *exit, void *buf, size_t room);
};

#define CLIENT_PREFIXES_MAX 64

/* 0: the default in brackets */
struct client_conf {
	u32 device;			/* datapath device, role origin */
	u32 hops;			/* 3; 1 to 10 */
	struct origin_conf origin;
	u32 spares;			/* 1 */
	bool no_spare;			/* none: saves traffic, a lost circuit costs more */
	u16 mtu;			/* inner, 1420 */
	bool no_ipv4, no_ipv6;		/* ask for no address of that family */
	u8 pool4[4];			/* 198.18.0.0 */
	u8 pool4_bits;			/* 15 */
	u8 pool6[16];			/* fd00:6d65:7368::, bits 48 */
	u8 pool6_bits;
	u32 prefix_count;		/* 0: 0.0.0.0/0 and ::/0 */
	struct datapath_prefix prefixes[CLIENT_PREFIXES_MAX];	/* session is filled in */
	u64 rotate_ns;			/* 1 h */
	u64 rotate_bytes;		/* 1 GB */
	u64 old_idle_ns;		/* an old session without traffic ends, 10 min */
	u64 old_max_ns;			/* and at this age in any case, 24 h */
	u32 max_sessions;		/* old ones at most, 8 */
	u32 max_takeovers;		/* 2 */
	u64 retry_ns;			/* after a failed build, first; doubles to 64 times, 250 ms */
};

int client_new(struct client **client, const struct client_conf *conf, const struct client_ops *ops, void *arg,
	       struct circuits *circuits);
/* @close: tell the exits (CLOSE and DESTROY once, not waited for). session_down() is called for each. */
void client_free(struct client *client, bool close);

/* Begin, and stop: without it nothing is built. */
void client_start(struct client *client);
void client_stop(struct client *client);

/* Machine or network came back, addresses changed: probe and build at once. */
void client_network_changed(struct client *client);

/* Requests of the control layer. 0, -ENOENT, -EBUSY. */
int client_rotate(struct client *client);		/* new session and path for new flows now */
int client_circuit_close(struct client *client, u32 number);
int client_session_close(struct client *client, u32 session);

/* One line of `circuit show`. */
struct client_circuit_info {
	u32 number, link, circuit;
	enum origin_state state;
	bool spare, current, suspect;
	u32 session;			/* 0: none */
	u32 hops, length;		/* reached, wanted */
	const struct peer *path;
	u64 born, rtt, last;		/* ns */
	u64 rx_bytes, tx_bytes, rx_cells, tx_cells;
};
int client_circuits_each(struct client *client, int (*each)(void *arg, const struct client_circuit_info *info), void *arg);
int client_sessions_each(struct client *client, int (*each)(void *arg, const struct client_session_info *info), void *arg);
/* Is there a current session whose circuit lives? */
bool client_connected(const struct client *client);

/* Result of a trace: rtts to each hop, 0 where it was not reached. */
struct client_trace_result {
	u32 hops, reached;
	struct peer path[MV_HOPS_MAX];
	u64 rtt[MV_HOPS_MAX];
	struct origin_failure failure;
};
/* Builds a circuit for measuring and closes it; @done is called once. One at a time: -EBUSY. */
int client_trace(struct client *client, u32 hops, const struct node_id *exit,
		 void (*done)(void *arg, const struct client_trace_result *result), void *arg);

struct client_stats {
	u64 built, build_failed, sessions, takeovers, takeovers_failed, exits_lost, rotations, no_path;
	u64 addresses_refused;
};
const struct client_stats *client_stats(const struct client *client);

#endif
