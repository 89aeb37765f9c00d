/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One circuit at its origin: builds it hop by hop, binds it to an exit session, hands its keys to
 * the datapath and watches that it lives. What to build and when is its owner's business
 * (manager.h, or a test).
 */
#ifndef MESHVPN_CIRCUIT_ORIGIN_H
#define MESHVPN_CIRCUIT_ORIGIN_H

#include "circuits.h"

struct origin;

enum origin_state {
	ORIGIN_LINK,		/* waiting for the link to the guard */
	ORIGIN_CREATE,
	ORIGIN_EXTEND,
	ORIGIN_READY,		/* open at its last hop, kept alive by PING under tf */
	ORIGIN_BIND,
	ORIGIN_BOUND,		/* in the datapath, nothing came back yet */
	ORIGIN_LIVE,
	ORIGIN_CLOSING,		/* CLOSE sent, waiting for DESTROY */
	ORIGIN_DEAD,
};
const char *origin_state_name(enum origin_state state);

/* What went wrong, and where: @hop counts from 0 for the guard; the relay before it may be at fault as well. */
struct origin_failure {
	enum link_reason reason;
	enum wire_refusal refusal;	/* REFUSAL_NONE: it was not refused */
	u32 hop;
	enum origin_state state;	/* in which it happened */
};

struct origin_ops {
	/* All may be NULL. In dead(), and never elsewhere, the origin has ceased to exist afterwards. */
	/* A hop more (@hops of them now); rtt of the exchange in ns. */
	void (*extended)(void *arg, struct origin *o, u32 hops, u64 rtt);
	void (*ready)(void *arg, struct origin *o);
	/* BOUND came: install the circuit with origin_install() within this call, or refuse with -errno (it then ends). */
	int (*bound)(void *arg, struct origin *o, const struct bind_grant *grant);
	/* The exit refused BIND; the circuit ends after this. */
	void (*refused)(void *arg, struct origin *o, enum wire_refusal why);
	void (*live)(void *arg, struct origin *o);	/* first answer under db */
	/*
	 * Probes under load are not answered, the first of them was sent at @since: asked again and
	 * again meanwhile. True: there is something better than to wait, which halves silence_ns.
	 */
	bool (*doubt)(void *arg, struct origin *o, u64 since);
	/* Numbers, volume or age are near their end: build another one. */
	void (*spent)(void *arg, struct origin *o);
	void (*dead)(void *arg, struct origin *o, const struct origin_failure *why);
	/* Signed descriptor of a relay, to attach to EXTEND. Bytes written, or -ENOENT. */
	int (*descriptor)(void *arg, const struct node_id *id, void *buf, size_t room);
};

/* 0: the default in brackets */
struct origin_conf {
	enum mv_class data_class;	/* MV_LARGE or MV_MEDIUM (MV_SMALL, which is 0: MV_LARGE) */
	bool small_forward;
	u64 link_ns;			/* for the link to the guard, 5 s */
	u64 step_ns;			/* for each CREATE, EXTEND, BIND, 10 s */
	u64 takeover_ns;		/* for the BIND of a takeover, 4 s */
	u64 rto_min_ns;			/* first retransmission, at least, 60 ms */
	u64 rto_max_ns;			/* 600 ms */
	u64 ping_ns;			/* PING of a spare, 20 s */
	u64 silence_ns;			/* under load, then the circuit is given up, 900 ms; half of it after doubt() */
	u64 silence_idle_ns;		/* without load, 3 s */
	u64 probe_idle_ns;		/* PING of a bound circuit without traffic, 30 s */
	u64 rate, burst;		/* bytes per second, 0: unlimited */
	bool trace;			/* PING every hop when it is reached, for rtts */
};

/**
 * origin_new - begin to build
 * @path: @hops relays, guard first
 *
 * Return: 0, or -errno of link_get(), -EINVAL (hops), -ENOMEM. Nothing is called back before it
 * has returned.
 */
int origin_new(struct circuits *c, const struct origin_conf *conf, const struct peer *path, u32 hops,
	       const struct origin_ops *ops, void *arg, struct origin **origin);

/* BIND a circuit that is ready. @request->reserve is set here. -EINVAL: wrong state. */
int origin_bind(struct origin *o, const struct bind_request *request);

/**
 * origin_install - give the circuit to the datapath, in ops->bound()
 * @session: datapath session that it may serve
 * @before, @after: further ops of the same batch, around the circuit's NEW
 *
 * The daemon's copies of all keys are erased whatever the result.
 */
int origin_install(struct origin *o, u32 session, const struct datapath_op *before, u32 before_count,
		   const struct datapath_op *after, u32 after_count);

/* End it: @session too: CLOSE under df first, if it is bound. dead() is called later, with REASON_REQUESTED. */
void origin_close(struct origin *o, bool session);
/* Say CLOSE once if it is bound, for a daemon that is about to end; then origin_destroy(). */
void origin_close_now(struct origin *o);
/* The same at once and without dead(); @o is gone. Not from within a callback of @o. */
void origin_destroy(struct origin *o);

enum origin_state origin_state(const struct origin *o);
u32 origin_hops(const struct origin *o);		/* reached */
u32 origin_length(const struct origin *o);		/* wanted */
const struct peer *origin_path(const struct origin *o);
u32 origin_link(const struct origin *o);		/* names it in the datapath */
u32 origin_circuit(const struct origin *o);
u32 origin_number(const struct origin *o);		/* of this daemon, for people */
u64 origin_rtt(const struct origin *o);			/* ns to the last hop, 0: unknown */
u64 origin_hop_rtt(const struct origin *o, u32 hop);	/* when it was reached */
u64 origin_born(const struct origin *o);
u64 origin_last(const struct origin *o);		/* ns: last proof of life */
bool origin_suspect(const struct origin *o);		/* probes are not answered */
u32 origin_numbers(const struct origin *o);		/* of the daemon's, left */
/* rx/tx of the datapath; zeros if it is not there */
void origin_traffic(const struct origin *o, struct datapath_circuit_info *info);
/* ns: when cells other than our own probes last went either way, or it was bound; 0: not bound */
u64 origin_traffic_last(const struct origin *o);
/* ns for which the step in work has had no answer, while it is built or bound; 0: nothing is awaited */
u64 origin_waits(const struct origin *o);
/* Probe now: PING at the open end or terminus. */
void origin_probe(struct origin *o);

#endif
