/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The closed list of requests that the unprivileged daemon may make of its privileged helper,
 * meshvpn-netd, over a SOCK_SEQPACKET socketpair, and the daemon's side of it. The helper checks
 * every field, remembers what it changed, and puts all of it back when the other end closes,
 * however it closes.
 *
 * Requests are answered in order; each call here waits for its answer (milliseconds; the helper
 * does only local kernel work) and returns 0 or the helper's -errno. netd_error() has the text.
 */
#ifndef MESHVPN_SYS_NETD_H
#define MESHVPN_SYS_NETD_H

#include <net/if.h>
#include <base/endpoint.h>

#define NETD_QUEUES_MAX 16
#define NETD_FDS_MAX (NETD_QUEUES_MAX + 1)	/* of one answer: queues and the steering map */
#define NETD_ERROR_MAX 256
#define NETD_POLICY_MAX 64		/* rules of an exit policy */

struct netd;

/* A device name must start with this, so that the helper never touches another's. */
#define NETD_DEVICE_PREFIX "mesh"
/* An inner pool is no larger than this, so that it is never half the internet. */
#define NETD_POOL4_BITS_MIN 8
#define NETD_POOL6_BITS_MIN 32

/*
 * What the helper is started for; it refuses everything else (-EPERM), so that who takes the daemon
 * over later cannot have more of this host than the configuration gives.
 */
struct netd_scope {
	char client[IFNAMSIZ];		/* device of the client, "": none */
	char exit[IFNAMSIZ];		/* device of the exit, "": none */
	u32 table;			/* of the client's routes */
	bool all;			/* the client may take everything unmarked */
	u8 pool4[4], pool4_bits;	/* inner addresses; 0 bits: none */
	u8 pool6[16], pool6_bits;
};

struct netd_address {
	char device[IFNAMSIZ];
	u8 family, bits;
	u8 addr[16];
	bool deprecated;		/* IPv6: preferred lifetime 0, old flows keep it */
};

/* How packets find the device; set replaces the earlier routing of that device as one step. */
struct netd_routing {
	char device[IFNAMSIZ];
	u32 table;			/* 4470; main and local are refused */
	u32 mark, mark_mask;		/* of the daemon's own sockets */
	bool all;			/* everything unmarked; else only bound to the device or to an inner source */
	bool has4, has6;		/* which families have a default route through the device */
	u8 source4[4], source6[16];	/* preferred source of new flows */
};

enum netd_verdict {
	NETD_ACCEPT,
	NETD_REJECT,
};

/* One line of an ordered exit policy: first match wins. */
struct netd_policy_rule {
	u8 verdict;			/* enum netd_verdict */
	u8 family;			/* 0: both, bits 0 */
	u8 bits;
	u8 addr[16];
	u16 port_from, port_to;		/* 0, 65535: any; TCP and UDP */
};

struct netd_exit {
	char device[IFNAMSIZ];
	u8 pool4[4], pool4_bits;	/* inner pools: masqueraded */
	u8 pool6[16], pool6_bits;
	bool private_network;		/* 10/8 and friends may be reached (a private network) */
	u32 flows_per_address;		/* conntrack entries of one inner address */
	u32 new_per_second;		/* new flows per second of one inner address */
	u32 rules;
	struct netd_policy_rule rule[NETD_POLICY_MAX];
	u8 default_verdict;
};

/**
 * netd_start - start the helper and connect
 * @path: of meshvpn-netd, NULL: beside the running program, else ../libexec/meshvpn from there
 * @scope: all that it will do beside sockets and cleaning up; all zeros for a pure relay
 *
 * Call before privileges are dropped. Return: 0 or -errno.
 */
int netd_start(struct netd **netd, const char *path, const struct netd_scope *scope);
/* Connect to a helper that runs already (a socketpair end). */
int netd_attach(struct netd **netd, int fd);
void netd_stop(struct netd *netd);		/* the helper puts everything back and ends */
int netd_fd(const struct netd *netd);		/* readable: the helper died */
const char *netd_error(const struct netd *netd);

/* Remove what an earlier, killed run left: devices, table, rules, nftables, sysctls. */
int netd_cleanup(struct netd *netd);

/*
 * Bound UDP sockets on consecutive ports from @port, @lanes of them: dual-stack where IPv6 is,
 * else IPv4; marked, large receive buffer. @addr: NULL for any.
 */
int netd_sockets(struct netd *netd, const struct endpoint *addr, u16 port, u32 mark, u32 lanes, int *fds);

/* By which inner address packets find their queue. */
enum netd_steering {
	NETD_STEER_NONE,
	NETD_STEER_SOURCE,		/* a client's device */
	NETD_STEER_DESTINATION,		/* an exit's */
};

/*
 * A multi-queue TUN with IFF_VNET_HDR, up, with @mtu; its queues' descriptors. @map: where not
 * NULL, descriptor of the steering map (16-byte inner address, IPv4 in the last four, to u32
 * queue), or -1 where the kernel has none.
 */
int netd_device_new(struct netd *netd, const char *name, u32 mtu, u32 queues, enum netd_steering steering,
		    int *fds, int *map, u32 *ifindex);
/*
 * A node of the kernel module (Documentation/datapath.rst) around @sockets, @lanes of them, which
 * stay the caller's. @fd: the netlink socket that owns it: what belongs to the node is changed
 * through it without privilege, and the node goes when it is closed. One in the helper's life.
 * -ENOENT: the module is not loaded.
 */
int netd_kernel_open(struct netd *netd, const int *sockets, u32 lanes, int *fd, u32 *node);
/* A device of that node, up, with @mtu, known to the node as device @id in the role of its name. */
int netd_kernel_device(struct netd *netd, const char *name, u32 mtu, u32 id, u32 *ifindex);

int netd_device_del(struct netd *netd, const char *name);
/* Let in through the device only what belongs to flows that this host began (nftables). */
int netd_device_guard(struct netd *netd, const char *name);

int netd_address_add(struct netd *netd, const struct netd_address *address);
int netd_address_del(struct netd *netd, const struct netd_address *address);
int netd_routing_set(struct netd *netd, const struct netd_routing *routing);
int netd_routing_del(struct netd *netd, const char *device);

/* Forwarding, masquerading, policy and limits of an exit; set replaces in one transaction. */
int netd_exit_set(struct netd *netd, const struct netd_exit *exit);
int netd_exit_del(struct netd *netd, const char *device);
/* Forget connection tracking of an inner address that was given back. */
int netd_flows_flush(struct netd *netd, u8 family, const u8 *addr);

#endif
