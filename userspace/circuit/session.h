/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exit sessions: the inner addresses that an exit granted, the secret that proves who may take
 * them over, and the leg, the circuit that carries them now. A session outlives its last leg for
 * a while; what grants addresses is the layer above (circuits_ops.bind).
 */
#ifndef MESHVPN_CIRCUIT_SESSION_H
#define MESHVPN_CIRCUIT_SESSION_H

#include <base/list.h>
#include "circuits.h"

struct hop;
struct link_state;

struct session {
	struct hnode node;		/* by handle */
	struct circuits *c;
	struct list on_link;
	struct link_state *link;	/* of its leg, or the last one; NULL: gone */
	u32 id;				/* in the datapath */
	bool installed;			/* there */
	struct bind_grant grant;	/* with the handle and the valid secret */
	u64 rate, burst;
	struct hop *leg;		/* live, NULL: none */
	struct hop *next;		/* bound, not yet live */
	u8 next_secret[WIRE_SECRET];	/* valid when it is */
	bool lived;			/* had a leg */
	u32 takeovers;
	struct timer linger;
};

/* For the exit's metrics: one line a session, without its addresses. */
struct session_info {
	u32 id, takeovers;
	bool has_leg;
	u32 link, circuit;
};
int sessions_each(struct circuits *c, int (*each)(void *arg, const struct session_info *info), void *arg);

/*
 * BIND of @hop: a new session or a takeover. Fills @grant with everything that BOUND says. Nothing
 * takes effect before session_live(). A refusal leaves everything as it was.
 */
enum wire_refusal session_bind(struct circuits *c, struct hop *hop, const struct bind_request *request,
			       struct bind_grant *grant);
/* Its datapath object, as it is now. */
void session_datapath(const struct session *s, struct datapath_session *ds);
/* The first cell under df of @hop verified: it is the leg now, its secret the valid one, the old leg is cut. */
void session_live(struct session *s, struct hop *hop);
/* The circuit @hop ended, and does not exist any more when this returns. May free @s. */
void session_leg_lost(struct session *s, struct hop *hop);
/* End it with its circuits. */
void session_close(struct session *s);
void sessions_free(struct circuits *c);
/* The link is gone: sessions that wait for another leg know it no longer. */
void sessions_leave(struct link_state *ls);

#endif
