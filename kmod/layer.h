/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One layer of a cell (Documentation/protocol.rst, "Layers"): ChaCha20-Poly1305 of RFC 8439
 * without associated data, from lib/crypto, from one buffer into another so that the crypto is the
 * copy. Nonce: four zero bytes and the counter. Z are the bytes 32 to 47 of block 0.
 *
 * Context: task or softirq, no locks needed. Source and destination do not overlap unless they
 * are the same. Every function erases its key stream.
 */
#ifndef MV_LAYER_H
#define MV_LAYER_H

#include <meshvpn/cell.h>

/**
 * mv_layer_peel - relay, forward: verify and take a layer off, straight into the next cell
 * @in: the cell received, MV_CELL_HEADER + @body bytes, not written to
 * @out: the cell to send: S and body are written, bytes 24 to 40 + @body
 *
 * Return: whether the tag was right; if not, @out holds nothing of use.
 */
bool mv_layer_peel(u8 *out, const u8 *in, const u8 key[MV_KEY_LEN], u64 counter, u32 body);

/**
 * mv_layer_add - relay, backward: put a layer on
 * @counter: this hop's own number
 * @received: the counter that the cell came with
 *
 * Plaintext is S[0..12) ‖ u32 low half of @received ‖ body, cut to @body bytes; @in is not written.
 */
void mv_layer_add(u8 *out, const u8 *in, const u8 key[MV_KEY_LEN], u64 counter, u64 received, u32 body);

/* Terminus: verify and decrypt the body of cell @in to @out (@body bytes). */
bool mv_layer_open(u8 *out, const u8 *in, const u8 key[MV_KEY_LEN], u64 counter, u32 body);

/* Terminus: encrypt @body bytes at @payload (R zeros at their end) into the body and S of cell @out. */
void mv_layer_seal(u8 *out, const u8 *payload, const u8 key[MV_KEY_LEN], u64 counter, u32 body);

#endif
