/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A circuit at one of its hops: the open end in this daemon first, then a relay or terminus in the
 * datapath. Internal to the circuit engine.
 */
#ifndef MESHVPN_CIRCUIT_HOP_H
#define MESHVPN_CIRCUIT_HOP_H

#include <meshvpn/replay.h>

#include "engine.h"
#include "handshake.h"

struct session;

enum hop_mode {
	HOP_OPEN,
	HOP_RELAY,
	HOP_TERMINUS,
};

/* EXTEND in work: from the request to the answer of the next relay. */
struct extend {
	bool busy, again;		/* again: over a second link */
	u64 txid;			/* in the circuit */
	u64 create_txid;		/* on the link, never the same */
	u64 deadline, class_until, rto;
	u32 tries;
	u8 *create;			/* body of CREATE, while busy; circuit id still to be put in */
	size_t create_len;
	struct timer timer;
};

struct hop {
	struct list list;
	struct circuits *c;
	struct end in, out;
	enum hop_mode mode;
	bool pass;			/* in the datapath, nothing verified there yet */
	bool erased;			/* tf and tb are gone */
	bool doomed;			/* ends when the cell in work is done with */
	u8 budget;
	struct hop_choice choice;
	struct hop_keys keys;
	struct mv_replay window;	/* under tf */
	u64 number;			/* next under tb */
	u32 extends;
	struct extend extend;
	struct replies replies;
	struct message_joiner joiner;
	struct session *session;
	struct timer pass_timer;
	u64 born, last;			/* last: a cell verified here, or in the datapath */
};

/* Reply under tb; several cells if it is long. */
void hop_send(struct hop *h, u8 type, u64 txid, const void *data, size_t len);
/* A request that has not come before? Else it is answered as it was. */
bool hop_request_new(struct hop *h, const struct message *m, u64 *repeated, u64 *conflict);
/* Send and remember it as the answer to @request. */
void hop_answer(struct hop *h, const struct message *request, u8 type, const void *data, size_t len);
void hop_refuse(struct hop *h, const struct message *request, enum wire_refusal why, u64 *counter);

/* Put into the datapath under pass, @before first; then only tf and tb are left. 0 or -errno. */
int hop_install(struct hop *h, struct datapath_circuit *dc, const struct datapath_op *before, u32 count);

/* End it: DESTROY on both sides that are still there. @h is gone. */
void hop_end(struct hop *h, enum link_reason reason);
void hop_erase(struct hop *h);

void hop_extend(struct hop *h, const struct message *m);
/* The link to the next relay died: false if EXTEND is not tried again over a new one. */
bool hop_extend_again(struct hop *h);
void hop_extend_stop(struct hop *h);
/* EXTEND failed at the next relay or its link. */
void hop_extend_fail(struct hop *h, const struct wire_failed *why);
void hop_bind(struct hop *h, const struct message *m);
/* Control message under df. May free @h. */
void hop_control(struct hop *h, const u8 *data, size_t len);

#endif
