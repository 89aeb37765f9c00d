/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hop handshake: Noise NK over the relay's onion key, suite 1. Its first message carries the
 * choices that hold for the whole circuit, so that no hop before the responder can change them.
 */
#ifndef MESHVPN_CIRCUIT_HANDSHAKE_H
#define MESHVPN_CIRCUIT_HANDSHAKE_H

#include "wire.h"

/* What the origin chooses for all hops of a circuit. */
struct hop_choice {
	enum mv_class data_class;	/* MV_MEDIUM or MV_LARGE */
	bool small_forward;
};

/* Origin, message 1. @ephemeral: 32 random bytes. 0 or -EINVAL (a key that X25519 refuses). */
int handshake_start(struct noise *n, const struct node_id *responder, const u8 onion_key[NOISE_KEY],
		    const u8 ephemeral[32], const struct hop_choice *choice, u8 out[WIRE_HOP1]);
/* Origin, message 2. 0 or -EBADMSG; @n is erased either way only on success. */
int handshake_finish(struct noise *n, const u8 *in, size_t len, struct hop_keys *keys);

/**
 * handshake_answer - responder, both messages
 * @current, @previous: onion keys, previous may be all zero
 *
 * Return: 0, -EBADMSG (not for us or malformed), -EINVAL (choices that do not exist).
 */
int handshake_answer(const struct node_id *self, const struct noise_keypair *current,
		     const struct noise_keypair *previous, const u8 ephemeral[32], const u8 *in, size_t len,
		     struct hop_choice *choice, u8 out[WIRE_HOP2], struct hop_keys *keys);

/* Leading zero bits of BLAKE2b-256("meshvpn puzzle" ‖ challenge ‖ handshake ‖ solution). */
bool puzzle_solved(const struct wire_puzzle *p, const u8 *handshake, size_t len);
/* Find the solution; false if @tries were not enough. Continues at @p->solution. */
bool puzzle_solve(struct wire_puzzle *p, const u8 *handshake, size_t len, u64 tries);

#endif
