// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Joins inner packets of a flow into superpackets for TUN, by the rules of the kernel's
 * tcp_gro_receive() and udp_gro_receive(): what comes out and is cut again is what went in (but
 * for the ids of IPv4 packets that may not be fragmented, which mean nothing: RFC 6864).
 */
#include "offload.h"
#include "offload_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#define FLOWS_DEFAULT 8
#define FLOWS_MAX 256
#define SEGMENTS_MAX 64		/* of one superpacket */

/* An inner packet, read and found fit to begin or to continue a superpacket. */
struct candidate {
	const u8 *packet;
	struct offload_ip ip;
	u32 hdr_len, payload_len;
	u64 hash;
	bool stable;
};

struct flow {
	u64 hash;
	struct offload_ip ip;
	const u8 *first;		/* the first packet as it came (in buf if it was not stable) */
	u32 first_len;
	u32 hdr_len, payload_len, mss, packets;
	u16 last_id;
	bool fixed_id;
	u32 used, pieces;		/* of buf, of iov from 2 on */
	u8 hdr[OFFLOAD_HDR_MAX];
	struct iovec iov[2 + SEGMENTS_MAX];
	u8 *buf;
};

struct offload_join {
	struct offload_join_conf conf;
	u32 n;				/* flows in use: order[0 .. n), oldest first */
	struct flow **order, *flows;
	u8 *memory;
	size_t memory_len;
};

int offload_join_new(struct offload_join **result, const struct offload_join_conf *conf)
{
	struct offload_join *j = calloc(1, sizeof(*j));
	u32 i, flows = conf->flows ? conf->flows : FLOWS_DEFAULT;

	if (!j)
		return -ENOMEM;
	j->conf = *conf;
	j->conf.flows = flows < FLOWS_MAX ? flows : FLOWS_MAX;
	j->order = calloc(j->conf.flows, sizeof(*j->order));
	j->flows = calloc(j->conf.flows, sizeof(*j->flows));
	j->memory_len = (size_t)j->conf.flows * (OFFLOAD_JOIN_BUF + 1);
	j->memory = mmap(NULL, j->memory_len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!j->order || !j->flows || j->memory == MAP_FAILED) {
		offload_join_free(j);
		return -ENOMEM;
	}
	for (i = 0; i < j->conf.flows; i++) {
		j->order[i] = &j->flows[i];
		j->flows[i].buf = j->memory + (size_t)i * (OFFLOAD_JOIN_BUF + 1);
	}
	*result = j;
	return 0;
}

void offload_join_free(struct offload_join *j)
{
	if (!j)
		return;
	if (j->memory && j->memory != MAP_FAILED)
		munmap(j->memory, j->memory_len);
	free(j->order);
	free(j->flows);
	free(j);
}

/* Writing */

static void write_alone(struct offload_join *j, const u8 *packet, u32 len)
{
	static const struct offload_vnet none;
	struct iovec iov[2] = { { (void *)&none, OFFLOAD_VNET_LEN }, { (void *)packet, len } };

	j->conf.write(j->conf.arg, iov, 2, 1);
}

static void write_super(struct offload_join *j, struct flow *f)
{
	bool tcp = f->ip.proto == PROTO_TCP;
	u32 l4_len = f->hdr_len - f->ip.l4 + f->payload_len;
	u8 *l4 = f->hdr + f->ip.l4;
	struct offload_vnet v = {
		.flags = VNET_NEEDS_CSUM,
		.gso_type = !tcp ? VNET_UDP_L4 : f->ip.version == 4 ? VNET_TCPV4 : VNET_TCPV6,
		.hdr_len = (u16)f->hdr_len,
		.gso_size = (u16)f->mss,
		.csum_start = f->ip.l4,
		.csum_offset = tcp ? TCP_CSUM : UDP_CSUM,
	};

	if (tcp && l4[13] & TCP_CWR)
		v.gso_type |= VNET_ECN;
	if (!tcp)
		mv_put_be16(l4 + 4, (u16)l4_len);
	offload_set_length(&f->ip, f->hdr, f->hdr_len + f->payload_len);
	/* partial: the kernel or the card adds the rest when and if it has to */
	offload_put_sum(l4 + v.csum_offset, offload_fold(offload_sum_pseudo(&f->ip, f->hdr, l4_len)));
	f->iov[0] = (struct iovec){ &v, OFFLOAD_VNET_LEN };
	f->iov[1] = (struct iovec){ f->hdr, f->hdr_len };
	j->conf.write(j->conf.arg, f->iov, 2 + f->pieces, f->packets);
}

static void flush_at(struct offload_join *j, u32 at)
{
	struct flow *f = j->order[at];

	memmove(&j->order[at], &j->order[at + 1], (--j->n - at) * sizeof(*j->order));
	j->order[j->n] = f;
	if (f->packets > 1)
		write_super(j, f);
	else
		write_alone(j, f->first, f->first_len);
}

void offload_join_flush(struct offload_join *j)
{
	while (j->n)
		flush_at(j, 0);
}

/* What may be joined at all */

/* Flow of a TCP or UDP packet: a mix of addresses, ports, protocol and version; equal flows have
 * equal hashes, and same_flow() decides. */
static u64 flow_hash(const struct offload_ip *ip, const u8 *packet)
{
	u32 i, at = ip->version == 4 ? 12 : 8, len = ip->version == 4 ? 8 : 32;
	u64 hash = mv_get_le32(packet + ip->l4) ^ (u64)ip->proto << 32 ^ (u64)ip->version << 40;

	for (i = at; i < at + len; i += 4)
		hash = (hash ^ mv_get_le32(packet + i)) * 0x9e3779b97f4a7c15ULL;
	return hash ^ hash >> 32;
}

static bool same_flow(const struct flow *f, const struct candidate *c)
{
	u32 at = f->ip.version == 4 ? 12 : 8, len = f->ip.version == 4 ? 8 : 32;

	return f->hash == c->hash && f->ip.version == c->ip.version && f->ip.proto == c->ip.proto &&
	       f->ip.l4 == c->ip.l4 && !memcmp(f->hdr + at, c->packet + at, len) &&
	       !memcmp(f->hdr + f->ip.l4, c->packet + c->ip.l4, 4);
}

static bool checksums_good(const struct candidate *c)
{
	u32 l4_len = c->ip.len - c->ip.l4;
	const u8 *l4 = c->packet + c->ip.l4;
	u64 sum;

	if (c->ip.version == 4 && offload_fold(offload_sum(0, c->packet, c->ip.l4)) != 0xffff)
		return false;
	if (c->ip.proto == PROTO_UDP && (!mv_get_be16(l4 + 6) || mv_get_be16(l4 + 4) != l4_len))
		return false;	/* without checksum, or padded: left as it is */
	sum = offload_sum_pseudo(&c->ip, c->packet, l4_len);
	return offload_fold(offload_sum(sum, l4, l4_len)) == 0xffff;
}

/* May @c begin a superpacket? Pure acknowledgements, SYN, RST and the like never wait. */
static bool can_begin(const struct candidate *c)
{
	const u8 *tcp = c->packet + c->ip.l4;

	if (c->payload_len < OFFLOAD_MSS_MIN)
		return false;
	if (c->ip.proto == PROTO_UDP)
		return true;
	return (tcp[13] & ~TCP_CWR) == TCP_ACK || (tcp[13] & ~TCP_CWR) == (TCP_ACK | 0x40);
}

/* Does the packet end what it joins, or begins? */
static bool ends(const struct flow *f, const struct candidate *c)
{
	return c->payload_len < f->mss || f->packets == SEGMENTS_MAX ||
	       (c->ip.proto == PROTO_TCP && c->packet[c->ip.l4 + 13] & (TCP_PSH | TCP_FIN));
}

/* IPv4: TOS, TTL, DF as the first, ids counting up (or all the same under DF). IPv6: all of it. */
static bool ip_continues(const struct flow *f, const struct candidate *c)
{
	u16 id = mv_get_be16(c->packet + 4);

	if (c->ip.version == 6)
		return !memcmp(f->hdr, c->packet, 4) && f->hdr[7] == c->packet[7];
	if (f->hdr[1] != c->packet[1] || f->hdr[8] != c->packet[8] ||
	    memcmp(f->hdr + 6, c->packet + 6, 2))
		return false;
	if (f->packets == 1)
		return id == (u16)(f->last_id + 1) || (id == f->last_id && f->hdr[6] & 0x40);
	return id == (u16)(f->last_id + !f->fixed_id);
}

/* Sequence, acknowledgement, window, options and all flags but those that end: as the first. */
static bool tcp_continues(const struct flow *f, const struct candidate *c)
{
	const u8 *a = f->hdr + f->ip.l4, *b = c->packet + c->ip.l4;

	return mv_get_be32(b + 4) == mv_get_be32(a + 4) + f->payload_len &&
	       !memcmp(a + 8, b + 8, 4) && a[12] == b[12] && !(b[13] & TCP_CWR) &&
	       !((a[13] ^ b[13]) & ~(TCP_PSH | TCP_FIN | TCP_CWR)) && !memcmp(a + 14, b + 14, 2) &&
	       !memcmp(a + 18, b + 18, f->hdr_len - f->ip.l4 - 18);
}

static bool continues(const struct flow *f, const struct candidate *c)
{
	return c->hdr_len == f->hdr_len && c->payload_len && c->payload_len <= f->mss &&
	       f->hdr_len + f->payload_len + c->payload_len <= OFFLOAD_JOIN_BUF &&
	       ip_continues(f, c) && (c->ip.proto != PROTO_TCP || tcp_continues(f, c));
}

/* Joining */

static void add_piece(struct flow *f, const u8 *data, u32 len)
{
	struct iovec *last = &f->iov[1 + f->pieces];

	if (f->pieces && (const u8 *)last->iov_base + last->iov_len == data)
		last->iov_len += len;
	else
		f->iov[2 + f->pieces++] = (struct iovec){ (void *)data, len };
}

static const u8 *keep(struct flow *f, const u8 *data, u32 len, bool stable)
{
	u8 *at = f->buf + f->used;

	if (stable)
		return data;
	memcpy(at, data, len);
	f->used += len;
	return at;
}

static void begin(struct offload_join *j, const struct candidate *c)
{
	struct flow *f;

	if (j->n == j->conf.flows)
		flush_at(j, 0);
	f = j->order[j->n++];
	f->hash = c->hash;
	f->ip = c->ip;
	f->hdr_len = c->hdr_len;
	f->payload_len = f->mss = c->payload_len;
	f->packets = 1;
	f->last_id = mv_get_be16(c->packet + 4);
	f->fixed_id = false;
	f->used = f->pieces = 0;
	memcpy(f->hdr, c->packet, c->hdr_len);
	f->first = keep(f, c->packet, c->ip.len, c->stable);
	f->first_len = c->ip.len;
	add_piece(f, f->first + c->hdr_len, c->payload_len);
}

static void append(struct flow *f, const struct candidate *c)
{
	u16 id = mv_get_be16(c->packet + 4);

	if (f->packets++ == 1)
		f->fixed_id = id == f->last_id;
	f->last_id = id;
	f->payload_len += c->payload_len;
	if (c->ip.proto == PROTO_TCP)
		f->hdr[f->ip.l4 + 13] |= c->packet[c->ip.l4 + 13] & (TCP_PSH | TCP_FIN);
	add_piece(f, keep(f, c->packet + c->hdr_len, c->payload_len, c->stable), c->payload_len);
}

/*
 * 0: a candidate. 1: out of every flow here, out alone at once. -1: part of some flow that cannot
 * be told (fragments, extension headers): nothing may overtake it.
 */
static int look(const struct offload_join *j, struct candidate *c, u32 len)
{
	int hdr_len;

	if (offload_ip_parse(&c->ip, c->packet, len))
		return 1;
	if (c->ip.fragment || c->ip.extended)
		return -1;
	if (c->ip.proto != PROTO_TCP && (c->ip.proto != PROTO_UDP || !j->conf.uso))
		return 1;
	hdr_len = offload_l4_parse(&c->ip, c->packet, len);
	if (hdr_len < 0)
		return -1;
	c->hdr_len = (u32)hdr_len;
	c->payload_len = c->ip.len - (u32)hdr_len;
	c->hash = flow_hash(&c->ip, c->packet);
	return 0;
}

/* Whole, unpadded, and with good checksums: else it ends its flow's superpacket and goes alone. */
static bool sound(const struct candidate *c, u32 len)
{
	return c->ip.len == len && c->ip.len >= c->hdr_len && c->hdr_len <= OFFLOAD_HDR_MAX &&
	       c->ip.len <= OFFLOAD_JOIN_BUF && checksums_good(c);
}

void offload_join_add(struct offload_join *j, const u8 *packet, u32 len, bool stable)
{
	struct candidate c = { .packet = packet, .stable = stable };
	int kind = look(j, &c, len);
	bool good;
	u32 i;

	if (kind < 0)
		offload_join_flush(j);
	if (kind) {
		write_alone(j, packet, len);
		return;
	}
	good = sound(&c, len);
	for (i = 0; i < j->n && !same_flow(j->order[i], &c); i++)
		;
	if (i < j->n) {
		if (good && continues(j->order[i], &c)) {
			append(j->order[i], &c);
			if (ends(j->order[i], &c))
				flush_at(j, i);
			return;
		}
		flush_at(j, i);
	}
	if (good && can_begin(&c))
		begin(j, &c);
	else
		write_alone(j, packet, len);
}
