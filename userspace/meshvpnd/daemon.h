/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon: the only place that sees all modules at once. One struct, because there is one
 * daemon in a process; its files are the parts of its work.
 */
#ifndef MESHVPN_MESHVPND_DAEMON_H
#define MESHVPN_MESHVPND_DAEMON_H

#include <base/log.h>
#include <circuit/circuits.h>
#include <circuit/manager.h>
#include <control/config.h>
#include <crypto/identity.h>
#include <datapath/datapath.h>
#include <directory/store.h>
#include <exit/exit.h>
#include <link/link.h>
#include <path/path.h>
#include <sys/loop.h>
#include <sys/netd.h>
#include <sys/sandbox.h>

#define DEVICE_CLIENT 1			/* ids of devices in the datapath */
#define DEVICE_EXIT 2
#define MESHVPN_VERSION "0.1.0"

struct control;

struct daemon {
	struct config conf;
	const char *config_path;
	struct timers ts;
	struct loop *loop;
	bool stopping, ready;
	int status;			/* exit status of the program */
	u64 started;			/* unix seconds */

	/* start.c */
	struct netd *netd;
	bool helper_gone;
	struct sandbox_user user;
	gid_t control_gid;
	u32 lanes;
	int sockets[DATAPATH_LANES_MAX];
	bool mapped;			/* sockets are dual-stack */
	struct watch netd_watch, dp_watch, dir_watch, network_watch;
	bool dir_news;			/* a descriptor came, or a newer one */
	int client_fds[NETD_QUEUES_MAX], exit_fds[NETD_QUEUES_MAX];
	int client_steering, exit_steering;	/* maps of the devices' queues, -1: none */
	bool kernel;			/* the datapath is the kernel module's */
	int kernel_fd;			/* the netlink socket that owns kernel_node, until the datapath has it */
	u32 kernel_node;
	char why[NETD_ERROR_MAX];	/* this datapath and no other */
	u32 client_ifindex, exit_ifindex;

	/* node.c */
	struct identity identity;
	struct onion_keys *onion;
	struct descriptor own;		/* signed; len 0: this node publishes none */

	/* engines.c */
	struct directory *dir;
	struct datapath *dp;
	struct links *links;
	struct circuits *circuits;
	struct exit *exit;

	/* client.c */
	struct paths *paths;
	struct client *client;
	bool wanted;			/* up, as the user sees it */
	bool routed;
	bool connected;			/* as told last */
	u64 connected_since;		/* unix seconds */
	struct timer state_settle;

	/* network.c */
	bool has4, has6;
	u64 addresses, addresses_told;	/* fingerprints: now, and when the change was taken in */
	struct timer network_settle;

	/* clocks.c */
	struct timer second;
	u64 asleep;			/* ns: boot clock - monotonic clock, when last seen */
	u64 renew_at;			/* unix seconds: next descriptor */
	u64 watchdog_ns;		/* 0: none asked for */

	struct timer quit;
	u64 config_loaded;		/* unix seconds */
	struct control *control;
};

extern struct daemon meshvpnd;

static inline u64 unix_now(void)
{
	return clock_wall() / NSEC_PER_SEC;
}

/* start.c: 0, or an exit status with everything said. */
int daemon_start(struct daemon *d);
void daemon_stop(struct daemon *d);

/* node.c */
int node_open(struct daemon *d);
void node_close(struct daemon *d);
/* Sign and write the own descriptor anew, and tell the links. */
void node_publish(struct daemon *d);
/* Rotate the onion key if it is due; renew the descriptor if it is. Called every second. */
void node_tick(struct daemon *d);
/* Configuration structs with the keys in; erase them with node_conf_erase(). */
void node_links_conf(const struct daemon *d, struct links_conf *conf);
void node_circuits_conf(const struct daemon *d, struct circuits_conf *conf);

/* engines.c */
int engines_open(struct daemon *d);
void engines_close(struct daemon *d);
/* Erase all keys of links and circuits: the machine slept, or is a copy. */
void engines_erase(struct daemon *d, const char *why);

/* client.c */
int client_open(struct daemon *d);
void client_close(struct daemon *d);
void client_up(struct daemon *d);
void client_down(struct daemon *d);
void client_path_conf(const struct daemon *d, struct path_conf *conf);
void client_tick(struct daemon *d);
void client_address_changed(struct daemon *d);

/* exit.c */
int exit_open(struct daemon *d);
void exit_close(struct daemon *d);
int exit_rules_set(struct daemon *d);

/* network.c: addresses of this machine. */
int network_open(struct daemon *d);
void network_close(struct daemon *d);
/* Own addresses that others may be told, at most @max. */
u32 network_addresses(const struct daemon *d, struct endpoint *to, u32 max);
bool network_usable(const struct daemon *d, int family, const u8 *addr);

/* clocks.c */
void clocks_start(struct daemon *d);

/*
 * reload.c: take over what is live of the changed configuration; @changed(arg, key, live) for each
 * key that differs, may be NULL. 0, or -EINVAL with @errors: everything stays.
 */
int daemon_reload(struct daemon *d, struct config_errors *errors,
		  void (*changed)(void *arg, const struct config_key *key), void *arg);

/* notify.c: sd_notify(3) */
void notify_ready(struct daemon *d);
void notify_reloading(void);
void notify_stopping(void);
void notify_status(struct daemon *d);
void notify_watchdog(struct daemon *d);

#endif
