// SPDX-License-Identifier: GPL-2.0-or-later
/* Cookies and puzzles on BLAKE2b: see cookie.h. */
#include "cookie.h"

#include <sodium.h>

static void mac(const u8 secret[32], const u8 *head, const void *source, size_t len, u8 out[16])
{
	crypto_generichash_state s;

	crypto_generichash_init(&s, secret, 32, 16);
	crypto_generichash_update(&s, head, 8);
	crypto_generichash_update(&s, source, len);
	crypto_generichash_final(&s, out, 16);
}

static u32 seconds(u64 now)
{
	return (u32)(now / 1000000000);
}

void cookie_make(const u8 secret[32], u64 now, u8 bits, const void *source, size_t len, u8 cookie[COOKIE_LEN])
{
	mv_put_le32(cookie, seconds(now));
	cookie[4] = bits;
	memset(cookie + 5, 0, 3);
	mac(secret, cookie, source, len, cookie + 8);
}

bool cookie_check(const u8 secret[32], u64 now, const void *source, size_t len, const u8 cookie[COOKIE_LEN])
{
	u8 want[16];

	mac(secret, cookie, source, len, want);
	return !sodium_memcmp(want, cookie + 8, 16) && seconds(now) - mv_get_le32(cookie) <= COOKIE_SECONDS;
}

static u8 zero_bits(const u8 hash[32])
{
	u64 v = (u64)mv_get_be32(hash) << 32 | mv_get_be32(hash + 4);

	return v ? (u8)__builtin_clzll(v) : 64;
}

bool cookie_solved(const u8 cookie[COOKIE_LEN], const u8 seed[32], u64 solution)
{
	static const char label[] = "meshvpn puzzle";
	u8 in[sizeof(label) - 1 + COOKIE_LEN + 32 + 8], hash[32], *at = in;

	memcpy(at, label, sizeof(label) - 1);
	at += sizeof(label) - 1;
	memcpy(at, cookie, COOKIE_LEN);
	memcpy(at + COOKIE_LEN, seed, 32);
	mv_put_le64(at + COOKIE_LEN + 32, solution);
	crypto_generichash(hash, 32, in, sizeof(in), NULL, 0);
	return zero_bits(hash) >= cookie_bits(cookie);
}

bool cookie_solve(const u8 cookie[COOKIE_LEN], const u8 seed[32], u64 *solution, u32 tries)
{
	for (; tries; tries--, ++*solution)
		if (cookie_solved(cookie, seed, *solution))
			return true;
	return false;
}
