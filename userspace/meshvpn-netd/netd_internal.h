/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The helper's files and what each offers the others: one noun a file, each remembers what it
 * changed and can undo it.
 */
#ifndef MESHVPN_NETD_INTERNAL_H
#define MESHVPN_NETD_INTERNAL_H

#include <stdio.h>
#include <base/list.h>
#include <base/log.h>
#include <sys/netd_wire.h>

/* Routing protocol number that marks our rules and routes (rtnetlink(7), above RTPROT_STATIC). */
#define NETD_PROTOCOL 109
#define NETD_ADDRESSES_MAX 64
/* rtnetlink's kind of the kernel module's devices */
#define NETD_KERNEL_KIND "meshvpn"

/* One device that this helper made, and all that hangs on it. */
struct device {
	struct list list;
	char name[IFNAMSIZ];
	u32 ifindex;
	int journal;			/* locked file with what must be put back after a crash */
	struct netd_routing routing;
	bool routed, exits, guarded;
	bool kernel;			/* of the kernel module; else a TUN, which goes with its queues */
	u32 addresses;
	struct netd_address address[NETD_ADDRESSES_MAX];
	struct list sysctls;		/* struct sysctl, last changed first */
};

/* What went wrong, for the daemon's user; returns @error. */
int complain(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *complaint(void);

/* scope.c: what the arguments allow; the options of main() */
enum scope_option {
	SCOPE_CLIENT = 256, SCOPE_EXIT, SCOPE_TABLE, SCOPE_ALL, SCOPE_POOL4, SCOPE_POOL6,
};
#define SCOPE_ROLE_CLIENT 1
#define SCOPE_ROLE_EXIT 2
int scope_option(int option, const char *value);
/* May @roles (any of them, 0: everybody) have this for the device @name, NULL: for no device? 0 or -EPERM. */
int scope_check(u32 roles, const char *name);
/* SCOPE_ROLE_EXIT if it is the exit's device, else SCOPE_ROLE_CLIENT; scope_check() has looked before. */
u32 scope_role(const char *name);
bool scope_inner(u8 family, const u8 *addr);
bool scope_routing(const struct netd_routing *r);
bool scope_pools(const struct netd_exit *e);

/* device.c */
int device_name_check(const char *name);
struct device *device_find(const char *name);
int device_make(const char *name, u32 mtu, u32 queues, enum netd_steering steering, int *fds, u32 *ifindex);
/* A device of the kernel module, which becomes device @id of our node. */
int device_make_kernel(const char *name, u32 mtu, u32 id, u32 *ifindex);
int device_drop(const char *name);
void devices_undo(void);

/* steering.c: by source or destination address; descriptor of the map, or -errno */
int steering_attach(int queue, bool source);

/*
 * kernel.c: the node of the kernel module. open: a node around @sockets, at most one, and the
 * socket that owns it; attach: a network device becomes device @id of it.
 */
int kernel_open(const int *sockets, u32 count, int *owner, u32 *node);
int kernel_attach(const char *name, u32 id, u32 role, u32 mtu);
bool kernel_opened(void);

/* rtnl.c: rtnetlink requests; 0 or -errno */
struct nl_msg;
int rtnl_open(void);
/* @queue_len: 0: as it is */
int rtnl_link_up(u32 ifindex, u32 mtu, u32 queue_len);
int rtnl_link_new(const char *name, const char *kind);
/* Deletes the device only if it is of this kind. -ENOENT: there is none. */
int rtnl_link_del(const char *name, const char *kind);
int rtnl_address(bool add, u32 ifindex, const struct netd_address *a);
int rtnl_qdisc_fq_codel(u32 ifindex);
/* The same for each queue of a device. */
int rtnl_qdiscs_fq_codel(u32 ifindex);
struct rtnl_route {
	u8 family, type;		/* RTN_UNICAST or RTN_UNREACHABLE */
	u32 table, ifindex, metric;
	const u8 *source;		/* preferred source, may be NULL */
	const u8 *dst;			/* NULL: the default route */
	u8 dst_bits;
};
int rtnl_route_default(bool add, const struct rtnl_route *r);
struct rtnl_rule {
	u8 family;
	u32 priority, table;
	const char *oif;
	const u8 *source;		/* whole address */
	bool not_mark, suppress;
	u32 mark, mask;
};
int rtnl_rule_change(bool add, const struct rtnl_rule *r);
/* Delete every rule with our protocol that points at @table, or at any if 0. */
int rtnl_rules_flush(u32 table);

/* routing.c */
int address_add(const struct netd_address *a);
int address_del(const struct netd_address *a);
int routing_set(const struct netd_routing *r);
int routing_del(struct device *d);

/* sysctl.c: change and remember; the journal makes it survive a crash */
int sysctl_set(struct device *d, const char *path, const char *value);
int sysctl_get(const char *path, char *value, size_t room);
void sysctls_undo(struct device *d);

/* journal.c */
int journal_open(const char *device);
void journal_note(int journal, const char *kind, const char *a, const char *b);
void journal_close(struct device *d);
int journals_replay(void);

/* nft.c and policy.c */
int nft_run(const char *script);
int nft_table_delete(const char *device);
int nft_table_name(const char *device, char *name, size_t room);
int exit_script(FILE *f, const struct netd_exit *e, const char *switched);

/* guard.c */
int guard_set(const char *device);
void guard_del(struct device *d);

/* exit.c */
int prefix_check(const u8 *addr, u8 bits, u8 width);	/* no bits behind it; 0 or -EINVAL */
int exit_set(const struct netd_exit *e);
int exit_del(struct device *d);
int flows_flush(u8 family, const u8 *addr);

/* socket.c */
int sockets_make(const struct endpoint *addr, u32 mark, u32 lanes, int *fds);

/* process.c: run a program without a shell, @input to its stdin, its stderr to complain() */
int process_run(const char *const *argv, const char *input);

#endif
