// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The hop handshake and the puzzle that a loaded relay puts before it.
 */
#include "handshake.h"

#include <errno.h>
#include <sodium.h>

#define PROLOGUE_LEN (9 + 3 + 1 + NODE_ID_LEN)
#define CHOICE_SMALL 1

/* "meshvpn 1" ‖ "hop" ‖ suite ‖ responder's id */
static void prologue(const struct node_id *responder, u8 out[PROLOGUE_LEN])
{
	memcpy(out, "meshvpn 1hop", 12);
	out[12] = WIRE_SUITE_X25519;
	memcpy(out + 13, responder->b, NODE_ID_LEN);
}

int handshake_start(struct noise *n, const struct node_id *responder, const u8 onion_key[NOISE_KEY],
		    const u8 ephemeral[32], const struct hop_choice *choice, u8 out[WIRE_HOP1])
{
	u8 text[PROLOGUE_LEN], payload[WIRE_CHOICE];

	prologue(responder, text);
	payload[0] = choice->data_class;
	payload[1] = choice->small_forward ? CHOICE_SMALL : 0;
	noise_init(n, NOISE_NK, true, text, sizeof(text), ephemeral, NULL, onion_key, NULL);
	return noise_write(n, payload, sizeof(payload), out, WIRE_HOP1) == WIRE_HOP1 ? 0 : -EINVAL;
}

static void derive(struct noise *n, struct hop_keys *keys)
{
	u8 split[KDF_SPLIT_LEN], hash[KDF_HASH_LEN];

	noise_split(n, split, hash);
	kdf_hop_keys(hash, split, keys);
	sodium_memzero(split, sizeof(split));
	noise_erase(n);
}

int handshake_finish(struct noise *n, const u8 *in, size_t len, struct hop_keys *keys)
{
	struct noise trial = *n;	/* a forged answer must not spoil the true one */
	u8 none[1];

	if (len != WIRE_HOP2 || noise_read(&trial, in, len, none, 0)) {
		noise_erase(&trial);
		return -EBADMSG;
	}
	derive(&trial, keys);
	noise_erase(n);
	return 0;
}

static int choice_read(const u8 payload[WIRE_CHOICE], struct hop_choice *choice)
{
	if (payload[0] != MV_MEDIUM && payload[0] != MV_LARGE)
		return -EINVAL;
	if (payload[1] & ~CHOICE_SMALL)
		return -EINVAL;
	choice->data_class = payload[0];
	choice->small_forward = payload[1] & CHOICE_SMALL;
	return 0;
}

static int answer(const struct node_id *self, const struct noise_keypair *pair, const u8 ephemeral[32],
		  const u8 *in, size_t len, struct hop_choice *choice, u8 out[WIRE_HOP2],
		  struct hop_keys *keys)
{
	u8 text[PROLOGUE_LEN], payload[WIRE_HOP1];
	struct noise n;
	int err = -EBADMSG;

	prologue(self, text);
	noise_init(&n, NOISE_NK, false, text, sizeof(text), ephemeral, pair, NULL, NULL);
	if (noise_read(&n, in, len, payload, sizeof(payload)) != WIRE_CHOICE)
		goto out;
	err = choice_read(payload, choice);
	if (err)
		goto out;
	err = -EBADMSG;
	if (noise_write(&n, NULL, 0, out, WIRE_HOP2) != WIRE_HOP2)
		goto out;
	derive(&n, keys);
	err = 0;
out:
	noise_erase(&n);
	return err;
}

int handshake_answer(const struct node_id *self, const struct noise_keypair *current,
		     const struct noise_keypair *previous, const u8 ephemeral[32], const u8 *in, size_t len,
		     struct hop_choice *choice, u8 out[WIRE_HOP2], struct hop_keys *keys)
{
	int err;

	if (len != WIRE_HOP1)
		return -EBADMSG;
	err = answer(self, current, ephemeral, in, len, choice, out, keys);
	if (err == -EBADMSG && !sodium_is_zero(previous->public, sizeof(previous->public)))
		err = answer(self, previous, ephemeral, in, len, choice, out, keys);
	return err;
}

static u32 leading_zeros(const u8 hash[32])
{
	u32 bits = 0, i;

	for (i = 0; i < 32 && !hash[i]; i++)
		bits += 8;
	if (i < 32)
		bits += __builtin_clz(hash[i]) - 24;
	return bits;
}

static u32 puzzle_work(const crypto_generichash_state *start, u64 solution)
{
	crypto_generichash_state s = *start;
	u8 hash[32], le[8];

	mv_put_le64(le, solution);
	crypto_generichash_update(&s, le, sizeof(le));
	crypto_generichash_final(&s, hash, sizeof(hash));
	return leading_zeros(hash);
}

static void puzzle_start(crypto_generichash_state *s, const struct wire_puzzle *p, const u8 *handshake,
			 size_t len)
{
	crypto_generichash_init(s, NULL, 0, 32);
	crypto_generichash_update(s, (const u8 *)"meshvpn puzzle", 14);
	crypto_generichash_update(s, p->challenge, sizeof(p->challenge));
	crypto_generichash_update(s, handshake, len);
}

bool puzzle_solved(const struct wire_puzzle *p, const u8 *handshake, size_t len)
{
	crypto_generichash_state s;

	puzzle_start(&s, p, handshake, len);
	return puzzle_work(&s, p->solution) >= p->bits;
}

bool puzzle_solve(struct wire_puzzle *p, const u8 *handshake, size_t len, u64 tries)
{
	crypto_generichash_state s;

	puzzle_start(&s, p, handshake, len);
	for (; tries; tries--, p->solution++)
		if (puzzle_work(&s, p->solution) >= p->bits)
			return true;
	return false;
}
