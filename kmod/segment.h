/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Cuts what the stack leaves to the device (TCP and UDP super-packets, partial checksums) into inner
 * packets whose bytes go straight into cells: headers are made one after another in place, payload
 * stays where it lies in the skb. No skb is made for a segment; that alone saves as much as a layer
 * costs.
 */
#ifndef MV_SEGMENT_H
#define MV_SEGMENT_H

#include <linux/skbuff.h>
#include <linux/types.h>

#define MV_SEGMENT_HEADER 128		/* network and transport headers of one segment */

/**
 * struct mv_segment - one inner packet after another
 * @header: bytes that come first
 * @header_len: how many
 * @offset: in the skb, of the payload behind them
 * @len: of that payload
 * Others are this file's own.
 */
struct mv_segment {
	u8 header[MV_SEGMENT_HEADER] __aligned(8);
	u32 header_len, offset, len;

	const struct sk_buff *skb;
	u32 mss, index, l4, constant;
	u8 version, protocol;
	bool super, done;
	u8 flags;			/* TCP's of the super-packet */
};

/**
 * mv_segment_begin - look at a packet with its network header at ->data
 *
 * Return: 0; -EOPNOTSUPP: of a kind or with headers that mv_segment_next() does not do, let
 * skb_gso_segment() or skb_checksum_help(); -EINVAL: makes no sense.
 */
int mv_segment_begin(struct mv_segment *s, const struct sk_buff *skb);

/*
 * The next inner packet, complete with lengths, ids, TCP sequence and flags, and full checksums.
 * False at the end.
 */
bool mv_segment_next(struct mv_segment *s);

#endif
