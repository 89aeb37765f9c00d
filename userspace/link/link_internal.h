/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the link engine share: its objects, and what each file offers the others.
 * Nothing outside of link/ and its tests includes this.
 */
#ifndef MESHVPN_LINK_LINK_INTERNAL_H
#define MESHVPN_LINK_LINK_INTERNAL_H

#include <base/bucket.h>
#include <crypto/kdf.h>
#include <crypto/mask.h>
#include <meshvpn/replay.h>

#include "link.h"
#include "replies.h"

#define LINK_SUITE 1
#define LINK_MESSAGE1_MAX 1024		/* Noise message 1 with the longest hello */
#define LINK_MESSAGE2_MAX 256
#define LINK_HELLO_MAX 700

#define HALF_NS (10 * NSEC_PER_SEC)	/* life of a responder's session that no cell confirmed */
#define PREVIOUS_NS (60 * NSEC_PER_SEC)	/* how long a replaced session receives */
#define SESSION_CELLS (1ULL << 32)

/* ---- limits.c: bounded tables over what strangers can name ---- */

#define SOURCES 4096
#define BACKOFFS 1024
#define STAMPS 4096
#define SPENT 4096
#define PROVEN 1024

struct source {
	u64 key;
	struct bucket bucket;
};

struct backoff {
	u64 key, until, last;
	u8 failures;
};

struct stamp {
	u64 key, stamp;
};

struct limits {
	u8 seed[16];
	struct source sources[2][SOURCES];	/* those that proved themselves have a table of their own */
	u64 spent[SPENT];			/* cookies that were paid with */
	struct backoff backoffs[BACKOFFS];
	u64 proven[PROVEN];			/* addresses at which a node answered */
	struct stamp stamps[STAMPS];
};

/* Take one from the bucket of this source; proved: its address is, by a cookie. */
bool limits_source(struct links *ls, const struct endpoint *from, bool proved);
/* The host of an address as a key: an IPv4 address or an IPv6 /64. */
u64 limits_host(const struct links *ls, const struct endpoint *from);
/* Where this cookie is noted when it has been spent, and what stands there then. */
u64 *limits_spent(struct links *ls, const u8 cookie[COOKIE_LEN], u64 *key);
/* May we try this again? And what became of it. */
bool limits_may_try(struct links *ls, const void *what, size_t len);
void limits_failed(struct links *ls, const void *what, size_t len);
void limits_worked(struct links *ls, const void *what, size_t len);
/* What "one address" is: a host, where a private network has many nodes on one, a port too. */
void limits_address(const struct links *ls, const struct endpoint *e, u8 name[20]);
/* Did this node answer at this address (a name of it) before? And that it does. */
bool limits_proven(const struct links *ls, const struct node_id *id, const u8 name[20]);
void limits_prove(struct links *ls, const struct node_id *id, const u8 name[20]);
/* Is the timestamp of this node newer than all that we saw? Remembers it. */
bool limits_stamp(struct links *ls, const struct node_id *id, u64 stamp);
u64 limits_hash(const struct links *ls, const void *what, size_t len);

/* ---- handshake.c: what Noise messages of links carry ---- */

/* One side's half of a link session. */
struct offer {
	u8 lanes;
	u32 ids_count;
	u64 ids[DATAPATH_LINK_IDS];	/* for the other side to put on cells */
	u64 instance;			/* of the sender's link object */
	u64 stamp;			/* ns since 1970, IKpsk2 message 1 only */
	bool named;			/* IKpsk2 message 1: id and hello follow */
	struct node_id id;
	const u8 *hello;
	size_t hello_len;
};

/* Bytes written, at most LINK_MESSAGE1_MAX less overhead; 0: does not fit. */
size_t offer_write(const struct offer *o, u8 *out, size_t room);
bool offer_read(struct offer *o, bool named, const u8 *in, size_t len);
size_t handshake_prologue(const struct node_id *responder, u8 out[64]);

/* ---- session.c ---- */

struct session;

struct session_id {
	struct hnode node;		/* in links->by_rx */
	struct session *session;
};

/* The keys of one handshake. */
struct session {
	struct link *link;
	u32 index;
	bool initiator;			/* we began the handshake */
	bool installed;			/* the datapath has it */
	u64 born, until;		/* ns; until: previous and next are erased then */
	u32 rx_count, tx_count, tx_used;/* tx ids before tx_used were put on cells */
	struct session_id rx[DATAPATH_LINK_IDS];
	u64 tx_ids[DATAPATH_LINK_IDS];
	u64 tx_id;
	struct link_side_keys rx_keys, tx_keys;
	struct mv_header_keys rx_header, tx_header;
	u64 tx_counter;			/* of control cells */
	struct mv_replay rx_window;
	u64 first_circuit;		/* circuit ids drawn when it became current */
	u64 tx_cells0;			/* the datapath's count then */
	u8 remote_lanes;
	u8 rx_seen;			/* which of our ids control cells bore */
};

/* Our receive ids and lanes into an offer; they are reserved for @s. */
struct session *session_new(struct link *link, bool initiator, struct offer *own);
/* The handshake is over: keys and the peer's ids. */
void session_keys(struct session *s, const struct noise *noise, const struct offer *theirs);
/* Erase, also from the datapath; *s may be a slot of the link. */
void session_free(struct session **s);
struct session *session_find(struct links *ls, u64 rx_id);
/* Into the datapath (link too, if it is not there) in its slot's state. */
int session_install(struct session *s, enum datapath_session_state state);
/* Tell the datapath the current session's endpoint and send id. */
void session_update(struct session *s);
/* It becomes current, the current one previous. */
void session_promote(struct session *s);
/* Two sessions of one link that both ends opened at once: @s joins, and who is current is agreed. */
void session_merge(struct link *link, struct session *s);
/* A send id that was on no cell yet, or 0. */
u64 session_fresh_id(struct session *s);

/* ---- link.c ---- */

enum link_state {
	LINK_OPENING,		/* our handshake is under way */
	LINK_HALF,		/* we answered one: a session that no cell confirmed yet */
	LINK_UP,
	LINK_DEAD,		/* down was told; freed when nobody is inside */
};

/* A handshake of ours under way: initiate.c */
struct opening {
	struct list list;
	struct hnode node;		/* in links->openings, by id */
	struct link *link;
	struct timer timer;
	struct mask_ids ids;
	struct noise noise;
	struct noise_keypair key;	/* copy: a rotation must not change it under way */
	struct session *session;
	u8 message[LINK_MESSAGE1_MAX];
	u16 len;
	u8 pattern;
	u32 tries, retries;
	u32 endpoints_count, endpoint;
	struct endpoint endpoints[PEER_ENDPOINTS_MAX];	/* those that may be tried */
	u64 sent;
	bool again;			/* RTT of a repeated message is not known (Karn) */
	u8 cookie[COOKIE_LEN];
	u64 solution;
	bool solving;
};

/* What a responder keeps for a repeated message 1. */
struct half {
	struct hnode node;		/* in links->halves, by hash */
	u8 hash[32];
	u16 len;
	u8 reply[LINK_MESSAGE2_MAX];
	u8 pattern;
	u64 until;
	struct link *link;
};

/* Address changes: path.c */
struct path {
	bool busy, new_ok, old_ok, deliberate;
	struct endpoint candidate;
	u32 lane;
	u64 tx_id;
	u32 session;			/* whose tx_id it is */
	u8 new_data[8], old_data[8];
	u32 rounds;
	u64 challenged, rtt;		/* ns; rtt: of the new address, 0: not known */
	u64 quiet_until;		/* no challenge before */
	struct timer timer;
};

/* In-band rekey: rekey.c */
struct rekey {
	bool busy;
	struct noise noise;
	struct noise_keypair key;
	struct session *session;
	u64 txid;
	u8 message[1 + LINK_MESSAGE1_MAX];
	size_t len;
	u32 tries;
	u64 not_before;
	struct timer timer;
};

struct circuit_use {
	struct hnode node;
	struct list quarantine;		/* put, but not to be drawn yet */
	u64 drawn;
	u32 session;			/* current when it was put */
};

#define CIRCUIT_SKIPPED 64

/* Circuit ids of ours: circuit_id.c */
struct circuit_ids {
	u8 key[16];
	u64 drawn;			/* the permutation's counter */
	struct htable used;
	struct list quarantine;
	u32 live;
	u32 skipped_count, skipped[CIRCUIT_SKIPPED];	/* drawn for another lane */
};

struct link {
	struct list list;		/* links->all or links->half_list */
	struct hnode by_id, by_peer, by_host;	/* by_host: anonymous peers that are up */
	struct links *links;
	enum link_state state;
	u32 id, refs, busy;
	bool initiator, named, in_datapath, reported, doomed;
	bool has_peer;			/* else anonymous */
	struct peer peer;
	u64 instance, peer_instance;
	struct opening *opening;
	struct half *half;
	struct session *current, *previous, *next;
	u32 next_index;
	struct endpoint remote;
	u32 lane;
	enum mv_class class;

	/* keepalive.c */
	struct timer timer;
	u64 last_rx, last_tx, tick_at, idle_since;
	u64 dp_tx, dp_rx;		/* the datapath's counts at the last tick */
	u64 dp_last_rx;
	u64 srtt, rttvar;
	u64 ping_txid, ping_sent;	/* 0: none that gives an RTT */
	u32 probe_round;		/* 0: not suspected */
	u64 probe_since, probe_at;
	u32 class_probes;
	u64 class_at;
	bool class_unsure;		/* the path changed: does it still carry large cells? */

	struct path path;
	struct rekey rekey;
	struct message_joiner joiner;
	struct replies replies;		/* to REKEY */
	struct circuit_ids circuits;
	u64 txid;
};

struct links {
	struct links_conf conf;
	const struct links_ops *ops;
	void *arg;
	struct timers *ts;
	struct datapath *dp;
	u8 *hello;
	struct list all, half_list, opening_list, dead;
	struct htable by_rx, by_id, by_peer, by_host, openings, halves;
	u32 count, half_count, opening_count, next_id;
	struct timer half_timer;
	struct bucket total, paid, retry;
	u8 extra_bits;			/* puzzles grow while even proved handshakes are too many */
	u64 extra_at;
	u8 cookie_secret[32];
	struct limits limits;
	struct links_stats stats;
};

static inline u64 now_of(const struct link *l)
{
	return l->links->ts->now;
}

struct link *link_new(struct links *ls, enum link_state state);
/* Enter an upcall or anything that may close the link; leave frees it if that happened. */
void link_enter(struct link *l);
bool link_leave(struct link *l);	/* false: it is gone */
/* Usable from now on: lists, timers, ops->up. */
void link_up(struct link *l);
struct link *links_by_peer(struct links *ls, const struct node_id *id, const struct link *but);
void links_random(struct links *ls, void *buf, size_t len);
u64 links_random64(struct links *ls);
void links_send(struct links *ls, u32 lane, const struct endpoint *to, const void *data, size_t len);
/* Is our id the larger one (it chooses circuit ids with bit 23 set, and its handshake wins)? */
bool link_larger(const struct link *l);

/* ---- initiate.c ---- */
/* Noise message 1 of a session of ours into @out; 0 or -errno. */
int initiate_noise(struct link *l, struct noise *n, struct noise_keypair *key, struct session **s, u8 *out, u16 *len);
/* Noise message 2: keys into @s. 0 or -errno, then all is as before. */
int initiate_finish(struct link *l, const struct noise *n, struct session *s, const u8 *in, size_t len);
int opening_start(struct link *l);
void opening_free(struct link *l);
void initiate_reply(struct links *ls, struct opening *o, const struct endpoint *from, const u8 *data, size_t len);
struct opening *initiate_find(struct links *ls, const u8 *data);
void initiate_rebind(struct links *ls);

/* ---- respond.c ---- */
/* false: not for a link */
bool respond_first(struct links *ls, u32 lane, const struct endpoint *from, const u8 *data, size_t len);
void half_free(struct link *l);
void half_expire(struct timer *t);
/*
 * A cell opened under a session that waited for it. *l becomes the link that the session joined, if
 * that is another one, then entered. False: it is not up.
 */
bool half_confirm(struct link **l);
/* The responder's part of a Noise exchange, of datagrams and of REKEY. Reply bytes or -errno. */
struct answer {
	struct link *link;		/* REKEY: whose; else a new one comes out */
	struct session *session;
	struct offer theirs;		/* hello is gone */
	struct peer peer;		/* IKpsk2 */
	u8 pattern, key;
	u8 reply[LINK_MESSAGE2_MAX];
	int len;
};
int respond_noise(struct links *ls, struct answer *a, const u8 *message, size_t len);

/* ---- control.c ---- */
/* One control cell to @to with @tx_id of the session (0: its own) and a single short message. */
void control_send_cell(struct session *s, enum mv_class class, u64 tx_id, u32 lane, const struct endpoint *to,
		       u8 type, u64 txid, const void *data, size_t len);
/* To where the link goes, under the current session. */
int control_send(struct link *l, enum mv_class class, u8 type, u8 flags, u64 txid, const void *data, size_t len);
void control_datagram(struct links *ls, u32 lane, const struct endpoint *from, const u8 *data, size_t len);

/* ---- keepalive.c ---- */
void keepalive_start(struct link *l);
void keepalive_stop(struct link *l);
void keepalive_ping(struct link *l);
/* The path is another one: find out what it carries. */
void keepalive_repath(struct link *l);
void keepalive_message(struct link *l, const struct message *m, enum mv_class class);
u64 link_pto(const struct link *l);
void link_measured(struct link *l, u64 rtt);
void link_refresh(struct link *l);	/* counts and times of the datapath */

/* ---- path.c ---- */
void path_init(struct link *l);
void path_stop(struct link *l);
/* Is this address where the link goes, on any lane? */
bool path_same(const struct link *l, const struct endpoint *from);
/*
 * A committed cell of session @s came from @from. @deliberate: under a link id that the peer used
 * for the first time, so that it knows of its new address; copies of its cells cannot have that.
 */
void path_seen(struct session *s, u32 lane, const struct endpoint *from, bool deliberate);
void path_message(struct link *l, const struct message *m, u32 lane, const struct endpoint *from);

/* ---- rekey.c ---- */
void rekey_init(struct link *l);
void rekey_stop(struct link *l);
void rekey_start(struct link *l);
void rekey_message(struct link *l, const struct message *m);

/* ---- circuit_id.c ---- */
void circuit_ids_init(struct link *l);
void circuit_ids_fini(struct link *l);
bool circuit_ids_low(const struct link *l);
/* A session is gone: ids put while it was current may be drawn again. */
void circuit_ids_release(struct link *l, u32 session);

#endif
