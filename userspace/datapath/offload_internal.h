/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What cutting and joining share: reading the headers of an inner packet within its bounds, and
 * Internet checksums (RFC 1071) as unfolded sums in the machine's byte order.
 */
#ifndef MESHVPN_DATAPATH_OFFLOAD_INTERNAL_H
#define MESHVPN_DATAPATH_OFFLOAD_INTERNAL_H

#include <arpa/inet.h>
#include <meshvpn/types.h>

#define OFFLOAD_MSS_MIN 8	/* of segments: TCP_MIN_GSO_SIZE */

enum { VNET_NEEDS_CSUM = 1 };
enum { VNET_NONE = 0, VNET_TCPV4 = 1, VNET_TCPV6 = 4, VNET_UDP_L4 = 5, VNET_ECN = 0x80 };
enum { PROTO_TCP = 6, PROTO_UDP = 17 };
enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_ACK = 16, TCP_URG = 32, TCP_CWR = 128 };
enum { TCP_CSUM = 16, UDP_CSUM = 6 };	/* offsets in the transport header */

/* struct virtio_net_hdr, in the machine's byte order (TUN's default) */
struct offload_vnet {
	u8 flags, gso_type;
	u16 hdr_len, gso_size, csum_start, csum_offset;
};

struct offload_ip {
	u8 version, proto;
	u16 l4;			/* where the transport header starts */
	u32 len;		/* of the packet, by its header */
	bool fragment, extended;	/* extended: IPv4 options or IPv6 extension headers */
};

/* -EINVAL: bounds, -EPROTONOSUPPORT: neither IPv4 nor IPv6. Reads no transport header. */
int offload_ip_parse(struct offload_ip *ip, const u8 *packet, u32 len);

/* TCP or UDP: length of network and transport headers, or -EINVAL if it is not all there. */
int offload_l4_parse(const struct offload_ip *ip, const u8 *packet, u32 len);

/* Sum of @len bytes on top of @sum. At most 64 KiB at a time and a few thousand times. */
u64 offload_sum(u64 sum, const void *data, u32 len);

/* Of the pseudo-header: addresses, protocol, and transport length @len. */
u64 offload_sum_pseudo(const struct offload_ip *ip, const u8 *packet, u32 len);

static inline u16 offload_fold(u64 sum)
{
	sum = (sum >> 32) + (u32)sum;
	sum = (sum >> 32) + (u32)sum;
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (u16)((sum >> 16) + (sum & 0xffff));
}

/* A sum's 16 bits have the machine's order: stored as they are. */
static inline void offload_put_sum(u8 *at, u16 sum)
{
	memcpy(at, &sum, sizeof(sum));
}

/* What the length field of IPv4 or IPv6 says, and IPv4's header checksum. */
void offload_set_length(const struct offload_ip *ip, u8 *hdr, u32 len);

#endif
