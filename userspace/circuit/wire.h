/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bodies of the circuit layer's messages, in links (CREATE, CREATED, CREATE_FAILED, DESTROY)
 * and inside circuits (EXTEND, EXTENDED, REFUSED, BIND, BOUND): parsing and writing, nothing else,
 * so that it can be fuzzed and tested alone. Byte tables: Documentation/protocol-circuits.rst.
 */
#ifndef MESHVPN_CIRCUIT_WIRE_H
#define MESHVPN_CIRCUIT_WIRE_H

#include <base/cursor.h>
#include <base/node.h>
#include <crypto/kdf.h>
#include <crypto/noise.h>
#include <link/message.h>
#include <meshvpn/cell.h>

#define WIRE_HANDSHAKE_MAX 1400		/* suite 2 will need about 1270 */
#define WIRE_DESCRIPTOR_MAX 1024
#define WIRE_TOKEN_MAX 512
#define WIRE_POLICY_MAX 256
#define WIRE_SECRET 16
#define WIRE_BUDGET_MAX 9
#define WIRE_SUITE_X25519 1
#define WIRE_PUZZLE 16			/* challenge */
#define WIRE_CHOICE 2			/* payload of the hop handshake's message 1 */
#define WIRE_HOP1 (NOISE_NK_OVERHEAD + WIRE_CHOICE)
#define WIRE_HOP2 NOISE_NK_OVERHEAD

/* Why EXTEND, BIND or CREATE was refused. To the origin only; what it may tell is limited on purpose. */
enum wire_refusal {
	REFUSAL_NONE,
	REFUSAL_PROTOCOL,	/* malformed, wrong state, suite or key unknown */
	REFUSAL_UNKNOWN,	/* no such node in the directory: attach its descriptor */
	REFUSAL_TARGET,		/* self, predecessor, or no address that may be contacted */
	REFUSAL_BUDGET,		/* hop budget used up */
	REFUSAL_LIMIT,		/* a limit of this node or link */
	REFUSAL_TIMEOUT,	/* the next relay does not answer */
	REFUSAL_UNREACHABLE,	/* no address family in common, link failed lately */
	REFUSAL_CLASS,		/* link does not carry the data class */
	REFUSAL_PUZZLE,		/* solve it and come again */
	REFUSAL_POLICY,		/* no exit, or the exit does not want to */
	REFUSAL_ADDRESS,	/* no inner address to grant */
	REFUSAL_SECRET,		/* no session with this secret */
	REFUSAL_TAKEOVERS,	/* session was taken over too often */
	REFUSAL_PAYMENT,
	REFUSAL_COUNT,
};
const char *wire_refusal_name(enum wire_refusal r);	/* "puzzle" */

/* A puzzle and its solution: attached to CREATE and EXTEND when the answer before demanded it. */
struct wire_puzzle {
	u8 bits;			/* 0: none */
	u8 challenge[WIRE_PUZZLE];
	u64 solution;
};

struct wire_create {
	u32 circuit;
	u8 suite, budget;
	struct wire_puzzle puzzle;
	const u8 *handshake;
	u16 handshake_len;
};

struct wire_created {
	u32 circuit;
	const u8 *handshake;
	u16 handshake_len;
};

struct wire_failed {			/* CREATE_FAILED; and REFUSED without the circuit id */
	u32 circuit;
	u8 reason;			/* enum wire_refusal */
	struct wire_puzzle puzzle;	/* REFUSAL_PUZZLE: bits and challenge */
};

struct wire_destroy {
	u32 circuit;
	u8 reason;			/* enum link_reason */
};

struct wire_extend {
	struct node_id next;
	u8 suite;
	struct wire_puzzle puzzle;
	const u8 *handshake;
	u16 handshake_len;
	const u8 *descriptor;		/* NULL: none attached */
	u16 descriptor_len;
};

struct wire_extended {
	const u8 *handshake;
	u16 handshake_len;
};

struct bind_addresses {
	bool has4, has6;
	u8 inner4[4], inner6[16];
};

/* BIND: what the origin proposes. */
struct bind_request {
	struct bind_addresses want;	/* has4, has6: families wanted */
	u16 mtu;			/* inner */
	u16 reserve;			/* R: MV_RESERVE_SHORT or MV_RESERVE_LONG */
	bool takeover;			/* of the session with this handle and secret; else a new one */
	u64 session;
	u8 secret[WIRE_SECRET];
	const u8 *token;		/* payment */
	u16 token_len;
};

/* BOUND: what the exit grants. */
struct bind_grant {
	struct bind_addresses addresses;
	u16 mtu;
	bool has_resolver4, has_resolver6;
	u8 resolver4[4], resolver6[16];
	u64 rate;			/* bytes per second, 0: no limit said */
	u64 session;
	u8 secret[WIRE_SECRET];
	u16 policy_len;
	u8 policy[WIRE_POLICY_MAX];	/* summary, opaque here */
};

/* 0 or -EBADMSG. Pointers lead into @data. Parsers accept exactly what the writers write. */
int wire_create_parse(struct wire_create *m, const void *data, size_t len);
int wire_created_parse(struct wire_created *m, const void *data, size_t len);
int wire_failed_parse(struct wire_failed *m, const void *data, size_t len);
int wire_destroy_parse(struct wire_destroy *m, const void *data, size_t len);
int wire_extend_parse(struct wire_extend *m, const void *data, size_t len);
int wire_extended_parse(struct wire_extended *m, const void *data, size_t len);
int wire_refused_parse(struct wire_failed *m, const void *data, size_t len);
int wire_bind_parse(struct bind_request *m, const void *data, size_t len);
int wire_bound_parse(struct bind_grant *m, const void *data, size_t len);

void wire_create_write(struct writer *w, const struct wire_create *m);
void wire_created_write(struct writer *w, const struct wire_created *m);
void wire_failed_write(struct writer *w, const struct wire_failed *m);
void wire_destroy_write(struct writer *w, const struct wire_destroy *m);
void wire_extend_write(struct writer *w, const struct wire_extend *m);
void wire_extended_write(struct writer *w, const struct wire_extended *m);
void wire_refused_write(struct writer *w, const struct wire_failed *m);
void wire_bind_write(struct writer *w, const struct bind_request *m);
void wire_bound_write(struct writer *w, const struct bind_grant *m);

#endif
