/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The layers of a cell (Documentation/protocol.rst, "Layers"). Relay and terminus need one AEAD
 * job a cell: the helpers here fill it in, and the worker runs the jobs of a batch together. The
 * origin has a job for every hop: onion_wrap() and onion_unwrap() work through a batch of cells
 * layer by layer. Headers, replay windows and numbers are the caller's.
 */
#ifndef MESHVPN_DATAPATH_ONION_H
#define MESHVPN_DATAPATH_ONION_H

#include <crypto/aead.h>
#include <meshvpn/cell.h>

/* ---- relay and terminus: one job a cell ---- */

/**
 * onion_peel - relay, forward: verify and take one layer off, straight into the next cell
 * @key: kf of this hop
 * @in: the cell received
 * @out: the cell to send, of the same length, not overlapping @in; its S and body are written
 * @body: B
 *
 * The bytes in @out mean something only if job->ok is true after the run.
 */
static inline void onion_peel(struct aead_job *job, const u8 *key, u64 counter, u8 *in, u8 *out,
			      u32 body)
{
	*job = (struct aead_job) {
		.kind = AEAD_OPEN, .tag_len = MV_LAYER_LEN, .key = key, .nonce = counter,
		.src = in + MV_CELL_BODY, .tag = in + MV_CELL_LAYER,
		.dst = out + MV_CELL_LAYER, .z = out + MV_CELL_LAYER + body, .len = body,
	};
}

/**
 * onion_add - relay, backward: put one layer on
 * @key: kb of this hop
 * @counter: this hop's own number for the cell
 * @in: the cell received, whose header has been opened: bytes 36 to 39 are overwritten
 * @received: the counter it came with
 * @out: the cell to send, not overlapping @in; its S and body are written
 */
static inline void onion_add(struct aead_job *job, const u8 *key, u64 counter, u8 *in, u64 received,
			     u8 *out, u32 body)
{
	mv_put_le32(in + MV_CELL_LAYER + 12, (u32)received);
	*job = (struct aead_job) {
		.kind = AEAD_SEAL, .key = key, .nonce = counter,
		.src = in + MV_CELL_LAYER, .dst = out + MV_CELL_BODY,
		.tag = out + MV_CELL_LAYER, .len = body,
	};
}

/**
 * onion_open - terminus (or open end), forward: verify and decrypt in place
 * @key: df (tf)
 *
 * After a run with job->ok the payload is at @cell + MV_CELL_BODY, @body less the reserve long.
 */
static inline void onion_open(struct aead_job *job, const u8 *key, u64 counter, u8 *cell, u32 body)
{
	*job = (struct aead_job) {
		.kind = AEAD_OPEN, .tag_len = MV_LAYER_LEN, .key = key, .nonce = counter,
		.src = cell + MV_CELL_BODY, .dst = cell + MV_CELL_BODY,
		.tag = cell + MV_CELL_LAYER, .len = body,
	};
}

/**
 * onion_seal - terminus (or open end), backward: seal the payload at @cell + MV_CELL_BODY
 * @key: db (tb)
 * @reserve: R: the last bytes of the body, which are set to zero here
 */
static inline void onion_seal(struct aead_job *job, const u8 *key, u64 counter, u8 *cell, u32 body,
			      u32 reserve)
{
	mv_zero(cell + MV_CELL_BODY + body - reserve, reserve);
	*job = (struct aead_job) {
		.kind = AEAD_SEAL, .key = key, .nonce = counter,
		.src = cell + MV_CELL_BODY, .dst = cell + MV_CELL_BODY,
		.tag = cell + MV_CELL_LAYER, .len = body,
	};
}

/* ---- origin ---- */

/* Bytes of scratch that a cell needs; aligned to 64 is best. */
#define ONION_SCRATCH 1536
/* Cells whose layers run side by side; larger batches are cut. */
#define ONION_BATCH 64

/* An origin's keys of one circuit; hop 0 is the guard. */
struct onion_keys {
	u32 hops;			/* 1 to MV_HOPS_MAX */
	u32 reserve;			/* R, at least 16 * (hops - 1) */
	u8 kf[MV_HOPS_MAX][MV_KEY_LEN];	/* kf of the relays, df or tf of the end */
	u8 kb[MV_HOPS_MAX][MV_KEY_LEN];	/* kb of the relays, db or tb of the end */
};

/**
 * struct onion_wrap - one cell on its way out
 * @keys: of its circuit; cells of one batch may belong to several
 * @counter: its number
 * @body: B
 * @cell: the cell to send: S and body are written, nothing beyond @body
 * @scratch: ONION_SCRATCH bytes of this cell
 * @fill: onion_fill_len() random bytes
 */
struct onion_wrap {
	const struct onion_keys *keys;
	u64 counter;
	u32 body;
	u8 *cell;
	u8 *scratch;
	const u8 *fill;
};

/* Where the payload, B - R bytes, has to be written before onion_wrap(). */
static inline u8 *onion_payload(const struct onion_keys *keys, u8 *cell, u8 *scratch)
{
	return keys->hops > 1 ? scratch + MV_LAYER_LEN * keys->hops : cell + MV_CELL_BODY;
}

static inline u32 onion_payload_len(const struct onion_keys *keys, u32 body)
{
	return body - keys->reserve;
}

/* Random bytes behind the payload. */
static inline u32 onion_fill_len(const struct onion_keys *keys)
{
	return keys->reserve - MV_LAYER_LEN * (keys->hops - 1);
}

/* onion_wrap - put all layers on @n cells, whose payloads are in place */
void onion_wrap(const struct onion_wrap *cells, unsigned int n);

/**
 * struct onion_unwrap - one cell that came back
 * @keys: of its circuit
 * @highest: for every hop the highest number seen in a cell that verified (@keys->hops of them);
 *	onion_unwrap() moves them on. A zeroed array is how a circuit starts.
 * @cell: the cell, whose header has been opened; its body may be overwritten
 * @body: B
 * @scratch: ONION_SCRATCH bytes of this cell
 * @counters: in: [0], hop 1's number from the link header; out: all hops'. Replay windows are
 *	kept over the first and the last.
 * @ok: result: the terminus's tag is right
 * @payload: result, if ok: B - R bytes in @cell or @scratch
 */
struct onion_unwrap {
	const struct onion_keys *keys;
	u64 *highest;
	u8 *cell;
	u32 body;
	u8 *scratch;
	u64 counters[MV_HOPS_MAX];
	bool ok;
	u8 *payload;
};

/* onion_unwrap - take all layers off @n cells */
void onion_unwrap(struct onion_unwrap *cells, unsigned int n);

/* The 40-bit number with these low 32 bits that is next to @highest. */
static inline u64 onion_complete(u32 low, u64 highest)
{
	u64 n = (highest & ~0xffffffffULL) | low;

	if (n > highest && n - highest > 0x80000000U && n >= 1ULL << 32)
		return n - (1ULL << 32);
	if (n < highest && highest - n > 0x80000000U && n + (1ULL << 32) <= MV_COUNTER_MAX)
		return n + (1ULL << 32);
	return n;
}

#endif
