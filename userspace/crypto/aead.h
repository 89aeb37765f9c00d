/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bulk AEAD of cells: ChaCha20-Poly1305 (RFC 8439) without associated data over a batch of
 * independent jobs, behind one function pointer, because several cells side by side in SIMD lanes
 * are the biggest lever of the datapath. libsodium is the fallback and the oracle.
 */
#ifndef MESHVPN_CRYPTO_AEAD_H
#define MESHVPN_CRYPTO_AEAD_H

#include <stddef.h>
#include <meshvpn/types.h>

#define AEAD_KEY_LEN 32
#define AEAD_TAG_LEN 16
#define AEAD_Z_LEN 16

enum aead_kind {
	/*
	 * Verify the tag over src, decrypt src to dst. A job whose tag fails has ok = false and
	 * undefined bytes in dst (never released plaintext: implementations may write or not).
	 */
	AEAD_OPEN,
	/* Encrypt src to dst, write the tag over dst. */
	AEAD_SEAL,
	/* XOR the body keystream (block counter from 1) over src to dst, no tag. */
	AEAD_XOR,
};

/**
 * struct aead_job - one cell layer
 * @kind: what to do
 * @key: 32 bytes
 * @nonce: the counter; the nonce is 4 zero bytes and this, little-endian
 * @src: input, @len bytes
 * @dst: output, @len bytes; may equal @src, must not overlap it otherwise
 * @len: bytes, 0 to 64 KiB; whole cells are the fast case
 * @tag: OPEN: 16 bytes to compare with; SEAL: 16 bytes written. May lie right before dst or src.
 * @tag_len: OPEN only: how many bytes of the tag are compared, in constant time: 16 or 12
 * @z: if not NULL, bytes 32 to 47 of ChaCha block 0 (which RFC 8439 computes and throws away) go
 *	there, also where the tag fails; may be dst + len, so that a peeled cell keeps its length
 * @ok: result; true for SEAL and XOR
 */
struct aead_job {
	enum aead_kind kind;
	u8 tag_len;
	bool ok;
	u32 len;
	u64 nonce;
	const u8 *key;
	const u8 *src;
	u8 *dst;
	u8 *tag;
	u8 *z;
};

/* One implementation; the table ends with an entry without name. */
struct aead_impl {
	const char *name;		/* "sodium", "avx2", "avx512" */
	bool (*usable)(void);		/* does this CPU have it? */
	unsigned int width;		/* batch size from which it is at its best */
	void (*run)(struct aead_job *jobs, unsigned int n);
};

extern const struct aead_impl aead_impls[];

/**
 * aead_select - choose the implementation for this process
 * @name: one of aead_impls, or NULL for the fastest that this CPU can run (the environment
 *	variable MESHVPN_AEAD then overrides, for tests and benchmarks)
 *
 * Call once at start, before aead_run(). Return: 0, -ENOENT (no such name), -ENOTSUP (CPU).
 */
int aead_select(const char *name);

/* The selected implementation. */
const struct aead_impl *aead_selected(void);

/**
 * aead_run - run a batch of independent jobs, of any kinds, lengths and keys mixed
 *
 * Jobs of one call must not depend on each other's output. Constant time in keys, tags and data.
 * Any n; small batches (1 to 3) are served without padding the lanes where that is faster.
 * Thread-safe, allocates nothing, erases its stack of keystream.
 */
void aead_run(struct aead_job *jobs, unsigned int n);

/**
 * aead_keystream - bytes of the body keystream: ChaCha blocks from counter 1
 * @from: first byte of the body keystream
 * @len: at most 256
 */
void aead_keystream(const u8 key[AEAD_KEY_LEN], u64 nonce, u32 from, u8 *out, u32 len);

#endif
