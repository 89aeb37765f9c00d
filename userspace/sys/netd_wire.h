/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What passes between daemon and helper: one fixed-size packet a request, one an answer, file
 * descriptors as SCM_RIGHTS. Both ends run on one machine from one build, so these are plain
 * structs; the helper checks every field all the same.
 */
#ifndef MESHVPN_SYS_NETD_WIRE_H
#define MESHVPN_SYS_NETD_WIRE_H

#include "netd.h"

#define NETD_VERSION 3

enum netd_kind {
	NETD_KIND_TUN,			/* of the user datapath */
	NETD_KIND_KERNEL,		/* of the kernel module */
};

enum netd_verb {
	NETD_CLEANUP,
	NETD_SOCKETS,
	NETD_DEVICE_NEW,
	NETD_DEVICE_DEL,
	NETD_ADDRESS_ADD,
	NETD_ADDRESS_DEL,
	NETD_ROUTING_SET,
	NETD_ROUTING_DEL,
	NETD_EXIT_SET,
	NETD_EXIT_DEL,
	NETD_FLOWS_FLUSH,
	NETD_DEVICE_GUARD,
	NETD_KERNEL_OPEN,		/* with the sockets */
	NETD_VERBS,
};

struct netd_request {
	u32 version, verb;
	union {
		struct {
			struct endpoint addr;
			u32 mark, lanes;
		} sockets;
		struct {
			char name[IFNAMSIZ];
			u32 mtu, queues;
			u32 steering;	/* enum netd_steering */
			u32 kind;	/* enum netd_kind */
			u32 id;		/* NETD_KIND_KERNEL */
		} device;
		struct netd_address address;
		struct netd_routing routing;
		struct netd_exit exit;
		struct {
			u8 family;
			u8 addr[16];
		} flows;
	};
};

struct netd_answer {
	int error;		/* 0 or a negative errno */
	u32 ifindex, fds;
	u32 node;		/* NETD_KERNEL_OPEN */
	char text[NETD_ERROR_MAX];
};

/* One packet with up to NETD_FDS_MAX descriptors. Return: bytes, 0 at the end, or -errno. */
int netd_send(int fd, const void *data, size_t len, const int *fds, u32 count);
int netd_receive(int fd, void *data, size_t len, int *fds, u32 *count);

#endif
