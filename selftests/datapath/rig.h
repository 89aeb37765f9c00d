/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bench on which the conformance suite drives an implementation from outside: datapath.h on one
 * side, neighbours that seal and open cells themselves on the other, over real UDP sockets in a
 * network namespace of the test's own, or over the fake's calls. Tests are the same for all;
 * they skip by datapath_caps() and by nothing else.
 */
#ifndef SELFTESTS_DATAPATH_RIG_H
#define SELFTESTS_DATAPATH_RIG_H

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "datapath/datapath.h"
#include "datapath/onion.h"
#include "meshvpn/frame.h"
#include "meshvpn/header.h"

#define RIG_PEERS 4		/* neighbours of a datapath, or ends of it */
#define RIG_QUEUE 4096
#define RIG_PACKET 65600

/* An implementation and how it is set up. */
struct rig_kind {
	const char *name;
	u32 lanes;
	bool no_io_uring;
};

struct rig_bytes {
	u32 lane, len;
	u8 *data;
};

struct rig_queue {
	struct rig_bytes items[RIG_QUEUE];
	u32 first, count;
};

struct rig_dp {
	struct datapath *dp;
	const struct rig_kind *kind;
	u32 index;
	int sockets[DATAPATH_LANES_MAX];
	struct endpoint self;			/* lane 0 */
	/* a neighbour that the test plays: number n sends as peer[n] */
	int peer_fd[RIG_PEERS];
	struct endpoint peer[RIG_PEERS];
	struct rig_queue sent[RIG_PEERS];	/* fake: what it sent to them */
	struct rig_queue up, packets;		/* datagrams to the daemon; fake: inner packets */
	struct datapath_event events[64];
	u8 event_data[64][2048];
	u32 event_count, event_kinds[16];
	int device_fd;				/* packet socket on the device, -1 */
	char device_name[16];
	struct rig *rig;
};

/* Several datapaths that see each other, in one namespace. */
struct rig {
	const struct rig_kind *kind;
	struct rig_dp dps[RIG_PEERS];
	u32 count;
	u64 now;				/* the fakes' */
	u32 port;				/* next free one */
};

/*
 * In a namespace of its own (needs root where the kind has sockets). $MESHVPN_DATAPATH names the one
 * kind to test, where that is wanted. -ENOENT: the kernel module is not loaded, -ECANCELED: another
 * kind is wanted, -errno.
 */
int rig_init(struct rig *rig, const struct rig_kind *kind);
/*
 * The same in a FIXTURE_SETUP: without the kernel module its tests are skipped (255 is how a test's
 * process says so to the harness, which does not look after a mere return).
 */
#define RIG_INIT(rig, kind)								\
	do {										\
		int rig_error_ = rig_init(rig, kind);					\
											\
		if (rig_error_ == -ENOENT)						\
			SKIP(_exit(255), "the kernel module is not loaded");	\
		if (rig_error_ == -ECANCELED)						\
			SKIP(_exit(255), "MESHVPN_DATAPATH names another");	\
		ASSERT_EQ(0, rig_error_);						\
	} while (0)
void rig_fini(struct rig *rig);
struct rig_dp *rig_open(struct rig *rig, const struct datapath_conf *conf);
bool rig_has(const struct rig_dp *d, u32 caps);

/* Neighbour @peer sends a datagram to lane @lane of @d; what came for it (0: nothing within a while). */
void rig_send(struct rig_dp *d, u32 peer, u32 lane, const u8 *data, u32 len);
u32 rig_recv(struct rig_dp *d, u32 peer, u8 *data);
/* The same without patience. */
u32 rig_recv_now(struct rig_dp *d, u32 peer, u8 *data);

/* Serve upcalls of all datapaths for a moment; rig_until() until @done, false after two seconds. */
void rig_serve(struct rig *rig);
bool rig_until(struct rig *rig, bool (*done)(void *arg), void *arg);
bool rig_drops(struct rig_dp *d, enum datapath_drop cause, u64 count);	/* waits for so many */
bool rig_events(struct rig_dp *d, enum datapath_event_kind kind, u32 count);
bool rig_ups(struct rig_dp *d, u32 count);
u32 rig_up(struct rig_dp *d, u8 *data);		/* the oldest datagram that went up, 0: none */
const struct datapath_event *rig_event(struct rig_dp *d, enum datapath_event_kind kind);	/* the last */
u64 rig_relayed(struct rig_dp *d);

/* A device for @d: a real one (TUN, or of the kernel module) where it moves packets itself. 0 or -errno */
int rig_device(struct rig_dp *d, u32 id, enum datapath_role role, u32 mtu);
int rig_tun(struct rig_dp *d, const char *name, u32 mtu, u32 queues, int *fds);
/* Packets that the system sends into the device, and that come out of it. */
void rig_packet(struct rig_dp *d, u32 device, const u8 *data, u32 len);
u32 rig_packet_recv(struct rig_dp *d, u8 *data);
/* One with a virtio-net header in front, as from a system that leaves cutting to the device. -errno */
int rig_super(struct rig_dp *d, const u8 *data, u32 len);

/* ---- a neighbour's side of a link ---- */

struct rig_link {
	struct mv_header_keys rx, tx;	/* of the neighbour */
	u64 rx_id, tx_id;
};

/* Link @id of @d to its neighbour @peer, with a current session of index 1. */
int rig_link(struct rig_dp *d, u32 id, u32 peer, struct rig_link *link);
/* Two datapaths: @a's link @a_id with @b's link @b_id. */
int rig_join(struct rig_dp *a, u32 a_id, struct rig_dp *b, u32 b_id);
/* @a's half of it again, after its session (of index 1) was deleted. */
int rig_join_session(struct rig_dp *a, u32 id, struct rig_dp *b);
/* The session that rig_link() made, to be changed and set. */
struct datapath_link_session rig_session(const struct rig_dp *d, u32 id, u32 peer);

/* Keys that differ for different arguments. */
void rig_key(u8 *to, u32 len, u32 a, u32 b);

/* A forward cell for the relay or terminus with key @kf, whose content is @fill; returns its length. */
u32 rig_cell(u8 *cell, const struct rig_link *link, u32 circuit, u64 counter, const u8 *kf,
	     enum mv_class class, u8 fill);
/* The same around a payload. */
u32 rig_payload_cell(u8 *cell, const struct rig_link *link, u32 circuit, u64 counter, const u8 *kf,
		     enum mv_class class, const u8 *payload, u32 len);
/* Open a header at the neighbour. */
bool rig_open_header(const u8 *cell, u32 len, const struct rig_link *link, struct mv_header *h);

#endif
