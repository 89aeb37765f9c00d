/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration: one INI file, one table that says what may stand in it. The table is also the
 * manual page and --check-config, so that the three cannot differ. In this layer, because the
 * daemon and meshvpn-ctl's "config check" share it.
 */
#ifndef MESHVPN_CONTROL_CONFIG_H
#define MESHVPN_CONTROL_CONFIG_H

#include <limits.h>
#include <stdio.h>

#include <circuit/manager.h>
#include <directory/descriptor.h>
#include <exit/exit.h>
#include <path/path.h>
#include <sys/netd.h>

#define CONFIG_PATH "/etc/meshvpn/meshvpnd.conf"
#define CONFIG_NAMES_MAX 32
#define CONFIG_NAME_MAX 72		/* of a nickname or node id */
#define CONFIG_ADDRESSES_MAX PEER_ENDPOINTS_MAX
#define CONFIG_ERRORS_MAX 100

struct config_names {
	u32 count;
	char name[CONFIG_NAMES_MAX][CONFIG_NAME_MAX];
};

struct config_prefix {
	u8 addr[16], bits;
};

enum config_route { CONFIG_ROUTE_ALL, CONFIG_ROUTE_BOUND };
enum config_datapath { CONFIG_DATAPATH_AUTO, CONFIG_DATAPATH_USER, CONFIG_DATAPATH_KMOD };

struct config {
	/* Node */
	char identity_file[PATH_MAX], state_directory[PATH_MAX], descriptor_directory[PATH_MAX];
	char control_socket[108], control_group[33], user[33];
	char nickname[DESCRIPTOR_NICKNAME + 1];
	u16 port;
	struct endpoint listen;
	u32 address_count;
	struct endpoint address[CONFIG_ADDRESSES_MAX];	/* announced; port 0: the listening port */
	u32 id_work_bits;
	bool id_work_bits_given;
	u32 lanes;			/* 0: one a core, at most 4 */
	u32 datapath_name;		/* enum config_datapath */
	bool private_network;
	u32 log_level;			/* enum log_level - LOG_ERROR */
	u32 mark, mark_mask;
	struct config_prefix pool4, pool6;
	u32 directory_max, learn_rate, learn_burst;
	u64 onion_life_ns, descriptor_life_ns;
	u32 control_clients, control_queue;
	bool seccomp;

	/* Client */
	bool client_enable, auto_connect, allow_incoming;
	char interface[16];
	u32 route, route_table;
	struct config_names exits, exclude;
	u32 guards;
	bool path_network_rule;

	/* Relay, Exit */
	bool relay_enable, exit_enable;
	u64 bandwidth;			/* said in the descriptor */
	char exit_interface[16];
	u32 resolver_count;
	struct endpoint resolver[2];
	char policy_text[DESCRIPTOR_POLICY + 1];

	/* of the engines, filled as far as the file can */
	struct links_conf links;
	struct circuits_conf circuits;
	struct datapath_conf datapath;
	struct client_conf client;
	struct exit_conf exit;
	struct netd_exit exit_rules;
};

struct config_error {
	u32 line;			/* 0: none in particular */
	char file[PATH_MAX];
	char text[300];
};

struct config_errors {
	u32 count;			/* may be more than are kept */
	struct config_error error[CONFIG_ERRORS_MAX];
};

struct config_key;

/*
 * How a type is read. @why: room for 200 characters, what is wrong with @value, without the
 * value. Repeatable types are called once a value, in the file's order.
 */
typedef int config_parse_fn(struct config *c, const struct config_key *key, const char *value, char *why);

struct config_type {
	const char *name;		/* in the manual */
	config_parse_fn *parse;
	bool repeat;
};

struct config_key {
	const char *section, *name;
	const struct config_type *type;
	size_t offset, size;		/* of the field, in struct config */
	const char *value;		/* default, as it would stand in the file; NULL: none */
	u64 min, max;
	const char *const *words;	/* of an enumeration */
	bool live;			/* taken over by a reload */
	const char *help;
};

/* Ends with a key without name. */
extern const struct config_key config_keys[];

#define CONFIG_WHY 200

/* Defaults only. */
void config_defaults(struct config *c);

/**
 * config_load - read @path, and then the *.conf files of the folder "@path.d" in order
 *
 * Every error of every file is found, not just the first. Return: 0, or -EINVAL with @errors (at
 * least one).
 */
int config_load(struct config *c, const char *path, struct config_errors *errors);
/* The same of text in memory (tests, fuzzing). */
int config_load_text(struct config *c, const char *text, size_t len, struct config_errors *errors);

/* What the files set, in their order within a key. Files with errors give what of them can be read. */
void config_given(const char *path, void (*each)(void *arg, const struct config_key *key, const char *value), void *arg);

/* "FILE:LINE: TEXT", one a line. */
void config_errors_print(FILE *f, const struct config_errors *errors);

/* meshvpnd.conf(5) in roff. */
void config_manual(FILE *f);

/* One policy line, "reject 10.0.0.0/8:*"; -EINVAL and @why, -ENOSPC. Appends to @x. */
int config_policy_parse(struct netd_exit *x, const char *value, char *why);

/* The types of config_value.c, for the table. */
extern const struct config_type config_bool, config_u8, config_u16, config_u32, config_duration, config_rate,
	config_size, config_string, config_path, config_word, config_device, config_nickname, config_address,
	config_endpoints, config_pool4, config_pool6, config_mark, config_policy, config_names_type,
	config_prefixes, config_resolver, config_class, config_work_bits;

#endif
