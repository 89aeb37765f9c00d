/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stateless cookies of RETRY: they prove that a source address can receive, and carry the
 * difficulty of a puzzle that slows down who wants many handshakes
 * (Documentation/protocol-links.rst, "RETRY").
 *
 *   0 u32 seconds, 4 u8 bits, 5 3 zeros, 8 16 MAC
 */
#ifndef MESHVPN_CRYPTO_COOKIE_H
#define MESHVPN_CRYPTO_COOKIE_H

#include <stddef.h>
#include <meshvpn/types.h>

#define COOKIE_LEN 24
#define COOKIE_SECONDS 30	/* life of a cookie */

/**
 * cookie_make - a cookie
 * @secret: 32 random bytes of this process
 * @now: ns
 * @bits: leading zero bits that the solution must give
 * @source: what the cookie is bound to (address, ids of the handshake)
 */
void cookie_make(const u8 secret[32], u64 now, u8 bits, const void *source, size_t len, u8 cookie[COOKIE_LEN]);

/* Did we make it, lately, for this source? */
bool cookie_check(const u8 secret[32], u64 now, const void *source, size_t len, const u8 cookie[COOKIE_LEN]);

static inline u8 cookie_bits(const u8 cookie[COOKIE_LEN])
{
	return cookie[4];
}

/* @seed: 32 bytes that name the handshake (its ephemeral key), so that one solution pays for one. */
bool cookie_solved(const u8 cookie[COOKIE_LEN], const u8 seed[32], u64 solution);

/* Search on from *@solution for at most @tries (each well under 1 µs); true when found. */
bool cookie_solve(const u8 cookie[COOKIE_LEN], const u8 seed[32], u64 *solution, u32 tries);

#endif
