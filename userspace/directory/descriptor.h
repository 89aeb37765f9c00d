/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The signed description of a node: who it is, its onion keys, where it is reached and what it
 * offers. Parsing proves everything that can be proven from the bytes alone: form, signature and
 * the work in the node id (Documentation/protocol.rst, "Directory").
 *
 * Wire form, integers little-endian:
 *   u8 version 1; 32 identity key; u64 nonce; u64 published; u64 expires (unix seconds);
 *   u32 flags; u32 suites; 32 onion key; 32 previous onion key (zeros: none);
 *   u64 bandwidth (bytes per second, 0: not said);
 *   u8 endpoints, each: u8 family (4, 6), 4 or 16 address, u16 port;
 *   u8 length, nickname; u8 length, exit policy summary;
 *   u16 length, extensions (signed, ignored by version 1);
 *   64 Ed25519 signature of "meshvpn descriptor" ‖ all bytes before it.
 */
#ifndef MESHVPN_DIRECTORY_DESCRIPTOR_H
#define MESHVPN_DIRECTORY_DESCRIPTOR_H

#include <base/peer.h>
#include <crypto/identity.h>

#define DESCRIPTOR_MAX 700		/* fits the first message of a link handshake */
#define DESCRIPTOR_NICKNAME 32
#define DESCRIPTOR_POLICY 160
#define DESCRIPTOR_SKEW 3600		/* s: how far in the future "published" may be */
#define DESCRIPTOR_LIFE_MAX (31 * 86400)	/* s: from published to expires at most */
#define DESCRIPTOR_TEXT 2048

struct descriptor {
	struct peer peer;		/* id, onion key, flags, suites, endpoints */
	u8 identity[IDENTITY_PUBLIC];
	u64 nonce;
	u64 published, expires;		/* unix seconds */
	u8 onion_previous[32];		/* zeros: none */
	u64 bandwidth;
	char nickname[DESCRIPTOR_NICKNAME + 1];	/* letters, digits, - and _; may be empty */
	char policy[DESCRIPTOR_POLICY + 1];	/* printable ASCII */
	size_t len;			/* as signed */
	u8 raw[DESCRIPTOR_MAX];
};

/**
 * descriptor_parse - read and verify
 * @work_bits: leading zero bits that the node id needs
 *
 * Return: 0; -EBADMSG: malformed; -EPROTONOSUPPORT: of a later version; -EDOM: too little work in
 * the id; -EKEYREJECTED: the signature is wrong. Times are not looked at.
 */
int descriptor_parse(struct descriptor *d, const void *data, size_t len, u32 work_bits);

/* 0; -ESTALE: expired; -ETIME: from the future. @now: unix seconds. */
int descriptor_timely(const struct descriptor *d, u64 now);

/*
 * Sign: fills identity, nonce, peer.id, raw and len from the rest of @d. -EINVAL: what parse would
 * refuse, -EMSGSIZE.
 */
int descriptor_sign(struct descriptor *d, const struct identity *id);

bool descriptor_nickname_valid(const char *name);

/* "-EDOM" and its like in words. */
const char *descriptor_error(int error);

/* Lines "name: value" for people. @now: unix seconds. */
const char *descriptor_text(const struct descriptor *d, u64 now, char text[DESCRIPTOR_TEXT]);

#endif
