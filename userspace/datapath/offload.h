/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel's offloads leave to us at a TUN device with IFF_VNET_HDR: superpackets (TSO,
 * USO, or packets with a partial checksum) are cut into inner packets, and inner packets of one
 * flow are coalesced into superpackets on the way out, with virtio-net headers. Pure functions
 * over memory (virtio 1.2, section 5.1.6; RFC 9293, 8200, 768).
 */
#ifndef MESHVPN_DATAPATH_OFFLOAD_H
#define MESHVPN_DATAPATH_OFFLOAD_H

#include <sys/uio.h>
#include <meshvpn/types.h>

#define OFFLOAD_VNET_LEN 10	/* struct virtio_net_hdr */
#define OFFLOAD_HDR_MAX 128	/* network and transport headers of one segment */

/* One inner packet: headers made here, payload where it lies in the superpacket. */
struct offload_segment {
	u8 hdr[OFFLOAD_HDR_MAX];
	u32 hdr_len;
	const u8 *payload;
	u32 payload_len;
};

/* Iterates over the inner packets of one packet read from TUN. */
struct offload_cut {
	const u8 *packet;
	u32 len, hdr_len, mss, offset, index;
	u8 gso_type, family, proto, l4;
	bool plain, partial;
	u16 csum_start, csum_offset;
	u64 csum_base;
};

/**
 * offload_cut_init - begin with a packet as read from TUN
 * @data: virtio-net header and packet, from the local kernel but checked all the same
 *
 * Return: 0, -EINVAL (malformed), -EPROTONOSUPPORT.
 */
int offload_cut_init(struct offload_cut *cut, const u8 *data, u32 len);

/*
 * The next inner packet, complete with lengths, ids, TCP sequence and flags, and full checksums.
 * A packet that is no superpacket comes out once (with its checksum completed if it was partial):
 * then the first bytes may lie in hdr and the rest in payload. False at the end.
 */
bool offload_cut_next(struct offload_cut *cut, struct offload_segment *segment);

/* Coalesces inner packets of one flow, one after another, into one superpacket. */
#define OFFLOAD_JOIN_BUF 65535
struct offload_join;
struct offload_join_conf {
	u32 flows;			/* how many at a time; 0: 8 */
	bool uso;			/* the device takes UDP superpackets */
	/* write one packet: iov[0] is the virtio-net header */
	void (*write)(void *arg, const struct iovec *iov, u32 count, u32 packets);
	void *arg;
};
int offload_join_new(struct offload_join **join, const struct offload_join_conf *conf);
void offload_join_free(struct offload_join *join);

/*
 * An inner packet on its way to TUN. @stable: the bytes stay where they are until
 * offload_join_flush(), so that they need not be copied. Order within a flow is kept; packets
 * that cannot be joined (flags, options, other sizes, bad checksum) flush their flow and go out
 * as they are, so that nothing is changed that the kernel would not also accept as GRO.
 */
void offload_join_add(struct offload_join *join, const u8 *packet, u32 len, bool stable);
void offload_join_flush(struct offload_join *join);

#endif
