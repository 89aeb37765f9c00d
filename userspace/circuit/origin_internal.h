/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the origin share: the circuit, its step in work and its keys.
 */
#ifndef MESHVPN_CIRCUIT_ORIGIN_INTERNAL_H
#define MESHVPN_CIRCUIT_ORIGIN_INTERNAL_H

#include <datapath/onion.h>
#include <meshvpn/replay.h>

#include "engine.h"
#include "handshake.h"
#include "origin.h"

#define ORIGIN_PAYLOAD (MV_BODY_MEDIUM - MV_RESERVE_LONG)

/* In guarded, locked memory; freed when the datapath has the keys. */
struct origin_secrets {
	struct hop_keys hop[MV_HOPS_MAX];
	struct onion_keys onion;	/* of the circuit as far as it goes */
	struct noise noise;		/* of the hop being added */
};

/* The exchange in work: repeated until it is answered or its time is over. */
struct step {
	u8 type;			/* MESSAGE_CREATE, EXTEND, BIND, CIRCUIT_PING; 0: none */
	u64 txid;
	u8 *data;
	size_t len;
	u32 tries;
	u64 first, sent, deadline, rto;
};

struct origin {
	struct list list;
	struct circuits *c;
	struct end end;
	struct origin_conf conf;
	const struct origin_ops *ops;
	void *arg;
	struct peer path[MV_HOPS_MAX];
	u32 length, hops;		/* wanted, reached */
	u32 number_id;			/* for people */
	enum origin_state state;
	struct origin_secrets *secrets;
	u8 hop1[WIRE_HOP1];		/* handshake of the hop being added */
	struct wire_puzzle puzzle;	/* being solved or to be attached */
	bool solving, described;
	struct step step;
	struct timer timer, watch;
	u64 number;			/* next under tf */
	struct mv_replay window1, window_end;
	u64 highest[MV_HOPS_MAX];
	struct message_joiner joiner;
	struct bind_request request;
	u8 token[WIRE_TOKEN_MAX];
	bool in_bound, spent;
	u64 rtt, hop_rtt[MV_HOPS_MAX];
	u64 born, last;
	u64 class_until;		/* ns: until when the link may find out its class */
	/* bound */
	u32 link, circuit;		/* names, kept after the end is detached */
	bool installed;
	u64 rx_cells, tx_cells;		/* seen in the datapath at the last look */
	u64 own, answers;		/* control cells sent and received since */
	u64 traffic;			/* ns: other cells */
	u64 looked, waiting, asked, probed, probe_txid;	/* ns, ns: since when an answer is due; first, last probe */
	u32 probes;
	bool load;
	struct origin_failure failure;
};

/* origin.c */
void origin_fail(struct origin *o, enum link_reason reason, enum wire_refusal refusal);
void step_begin(struct origin *o, u8 type, const struct writer *w, u64 limit, u64 rto);
void step_end(struct origin *o);
u64 origin_rto(const struct origin *o);
void origin_spent(struct origin *o);
void origin_answer(struct origin *o, const struct message *m);
void origin_ready(struct origin *o);

/* origin_cell.c */
/* One message under tf of the open end; @fresh: the first time, with a random skip before it. */
void origin_send(struct origin *o, const struct message *m, bool fresh);
void origin_keys_update(struct origin *o);

/* origin_live.c */
void origin_watch_start(struct origin *o);
void origin_watch(struct timer *t);
void origin_control(struct origin *o, u8 type, u64 txid);

#endif
