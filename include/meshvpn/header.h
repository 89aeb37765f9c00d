/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Header protection (Documentation/protocol.rst, "On the wire"): a SipHash tag over the header as
 * sent and the layer tag, and a SipHash mask over circuit id and counter, as in SIV: the tag goes
 * into the mask because the layer tag alone is no secret from the origins of other circuits.
 */
#ifndef MESHVPN_HEADER_H
#define MESHVPN_HEADER_H

#include "cell.h"
#include "siphash.h"

/* Keys of one link session and direction. */
struct mv_header_keys {
	struct mv_siphash_key tag;
	struct mv_siphash_key mask;
};

static __always_inline void mv_header_keys_init(struct mv_header_keys *keys, const u8 tag[16],
						const u8 mask[16])
{
	keys->tag = mv_siphash_key(tag);
	keys->mask = mv_siphash_key(mask);
}

/* Opened header: which circuit, and the cell's number on it. */
struct mv_header {
	u32 circuit;
	u64 counter;
};

static __always_inline u64 mv_header_tag(const struct mv_siphash_key *key, u64 h, u32 body_len,
					 u64 link_id, const u8 *layer)
{
	struct mv_siphash s;

	mv_siphash_init(&s, key);
	mv_siphash_word(&s, h);
	mv_siphash_word(&s, body_len);
	mv_siphash_word(&s, link_id);
	mv_siphash_word(&s, mv_get_le64(layer));
	mv_siphash_word(&s, mv_get_le64(layer + 8));
	return mv_siphash_final(&s, 5);
}

static __always_inline u64 mv_header_mask(const struct mv_siphash_key *key, const u8 *layer, u64 tag)
{
	struct mv_siphash s;

	mv_siphash_init(&s, key);
	mv_siphash_word(&s, mv_get_le64(layer));
	mv_siphash_word(&s, mv_get_le64(layer + 8));
	mv_siphash_word(&s, tag);
	return mv_siphash_final(&s, 3);
}

/**
 * mv_header_seal - write the first 24 bytes of a cell whose layer tag is in place
 * @cell: the cell; bytes 24 to 39 hold S
 * @keys: keys of the link session towards the receiver
 * @link_id: the receiver's, below 2^56
 * @circuit: below 2^24
 * @counter: below 2^40
 * @body_len: B
 * @random: any six fresh random bits, ignored by the receiver
 */
static __always_inline void mv_header_seal(u8 *cell, const struct mv_header_keys *keys, u64 link_id,
					   u32 circuit, u64 counter, u32 body_len, u8 random)
{
	const u8 *layer = cell + MV_CELL_LAYER;
	u64 h = (u64)circuit << MV_COUNTER_BITS | counter;
	u64 tag = mv_header_tag(&keys->tag, h, body_len, link_id, layer);

	mv_put_le64(cell, link_id << 8 | MV_CELL_MARK | (random & 0x3f));
	mv_put_le64(cell + MV_CELL_TAG, tag);
	mv_put_le64(cell + MV_CELL_MASKED, h ^ mv_header_mask(&keys->mask, layer, tag));
}

/**
 * mv_header_open - check and unmask a cell's header
 * @cell: at least MV_CELL_HEADER bytes, not written to
 * @keys: keys of the link session that the cell's link id names
 * @body_len: length of the datagram less MV_CELL_HEADER
 * @header: result, valid only on true
 *
 * The comparison takes the same time whatever differs.
 */
static __always_inline bool mv_header_open(const u8 *cell, const struct mv_header_keys *keys,
					   u32 body_len, struct mv_header *header)
{
	const u8 *layer = cell + MV_CELL_LAYER;
	u64 tag = mv_get_le64(cell + MV_CELL_TAG);
	u64 h = mv_get_le64(cell + MV_CELL_MASKED) ^ mv_header_mask(&keys->mask, layer, tag);

	header->circuit = (u32)(h >> MV_COUNTER_BITS);
	header->counter = h & MV_COUNTER_MAX;
	return !(tag ^ mv_header_tag(&keys->tag, h, body_len, mv_cell_link(cell), layer));
}

#endif
