/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the client share: its sessions, its legs (circuits and what they are for), and
 * the rules by which one becomes the other.
 */
#ifndef MESHVPN_CIRCUIT_MANAGER_INTERNAL_H
#define MESHVPN_CIRCUIT_MANAGER_INTERNAL_H

#include "engine.h"
#include "manager.h"

#define EXITS_AVOIDED 16
#define CANDIDATES_MAX 3		/* at once, where one meets relays that do not answer */
#define EXIT_AVOID_NS (600 * NSEC_PER_SEC)
#define RECOVER_NS (25 * NSEC_PER_SEC)		/* the exit keeps a session for 30 s */

enum leg_use {
	LEG_CANDIDATE,		/* to become a new session */
	LEG_SPARE,		/* for ->session, which it may take over */
	LEG_ACTIVE,		/* carries ->session */
};

struct leg {
	struct list list;
	struct client *client;
	struct origin *origin;
	enum leg_use use;
	struct client_session *session;	/* NULL: a candidate, or its session is gone */
	bool binding;
	u64 began;			/* ns: build, or takeover */
};

struct client_session {
	struct list list;
	struct client *client;
	u32 id;				/* in the datapath */
	struct bind_grant grant;	/* with handle and secret */
	struct peer exit;
	struct node_id guard;		/* of the last leg */
	struct leg *leg;		/* NULL: none at the moment */
	struct leg *taking;		/* BIND of a takeover is on its way */
	bool closing, doubtful;		/* doubtful: the leg that takes over was silent before */
	u64 born, lost, taking_since;	/* ns; lost: 0 while it has a leg */
	u64 bytes;			/* of legs that are gone */
	u32 takeovers, attempts;
};

struct avoided {
	struct node_id id;
	u64 until;
};

struct client {
	struct client_conf conf;
	const struct client_ops *ops;
	void *arg;
	struct circuits *c;
	struct list legs, sessions;
	struct client_session *current;
	struct timer tick;
	bool running, rotate;
	u32 failures;			/* builds in a row */
	u64 retry_at;
	u64 medium_until;		/* ns: paths that carry large cells were not found */
	u64 doubted;			/* ns: neither the circuit in use nor its spare answers */
	struct avoided avoided[EXITS_AVOIDED];
	u32 avoided_at;
	struct client_stats stats;
	/* trace */
	struct origin *trace;
	struct client_trace_result trace_result;
	void (*trace_done)(void *arg, const struct client_trace_result *result);
	void *trace_arg;
};

/* manager.c */
void client_poke(struct client *cl);
void client_tell(struct client *cl, enum client_event_kind kind, const struct leg *leg,
		 const struct client_session *s, const struct origin_failure *failure, u64 took);
void client_outcome_tell(struct client *cl, const struct peer *peer, u32 hop, enum client_outcome outcome);

/* There is no session whose circuit answers. */
bool client_idle(const struct client *cl);

/* manager_path.c */
void client_exit_avoid(struct client *cl, const struct node_id *id);
/* A candidate whose relays do not answer as soon as they should. */
bool client_leg_stuck(const struct leg *leg);
/* Of a spare of @s, or without one of a candidate; false: there is none. */
bool client_path_choose(struct client *cl, struct client_session *s, struct peer path[MV_HOPS_MAX]);

/* manager_session.c */
/* The addresses and the rest of BIND for a new session. */
void client_request(struct client *cl, struct bind_request *request);
/* BOUND of a new session on @leg: installs it, as current if @current. 0 or -errno. */
int client_session_new(struct client *cl, struct leg *leg, const struct bind_grant *grant, bool current);
/* BOUND of a takeover on @leg. */
int client_session_take(struct client_session *s, struct leg *leg, const struct bind_grant *grant);
void client_session_current(struct client *cl, struct client_session *s);
void client_session_leg_lost(struct client_session *s, bool wanted);
/* Ends for good: out of the datapath, addresses off. */
void client_session_end(struct client_session *s, enum client_event_kind kind);
void client_session_retire(struct client_session *s);
void client_session_describe(const struct client_session *s, struct client_session_info *info);
u64 client_session_bytes(const struct client_session *s);

/* manager_info.c */
void client_trace_stop(struct client *cl);

#endif
