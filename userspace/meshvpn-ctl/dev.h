/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of "meshvpn-ctl dev" share: changes of the kernel module's tables, which are one
 * thing whether they come alone or as lines of a batch, and reading those tables as JSON. Nothing
 * here needs a daemon. Objects have the names, fields and ranges of datapath/datapath.h.
 */
#ifndef MESHVPN_CTL_DEV_H
#define MESHVPN_CTL_DEV_H

#include <datapath/kmod_conn.h>

#include "ctl.h"

/* ---- the module ---- */

int dev_open(const struct ctl *ctl, struct kmod_conn **conn);
/* Say what -errno means of what was asked about @what ("link 3"); returns an exit code. */
int dev_failed(const struct ctl *ctl, struct kmod_conn *conn, int ret, const char *what);
/* The node that "node N" names, or the only one there is. Exit code. */
int dev_node(const struct ctl *ctl, struct kmod_conn *conn, const json_t *args, u32 *node);
/* As kmod_call(), -EINTR of a dump tried again. NULL @m is -ENOMEM. */
int dev_dump(struct kmod_conn *conn, u8 cmd, u32 node, int (*each)(void *arg, const struct nlmsghdr *h), void *arg);

/* ---- changes ---- */

struct dev_op {
	struct datapath_op op;
	u32 fields;			/* enum kmod_field of a set */
	char what[80];			/* "link 3" */
	union {
		struct datapath_device device;
		struct datapath_link link;
		struct datapath_link_session link_session;
		struct datapath_session session;
		struct datapath_circuit circuit;
		struct datapath_selector selector;
	};
	struct datapath_prefix *prefixes;
};

/* Changes of one node, in order; one, if it is no batch. */
struct dev_batch {
	const struct ctl *ctl;
	struct kmod_conn *conn;
	u32 node, count, room;
	struct dev_op **ops;
};

/* verb->run of every change. */
int dev_change_run(const struct ctl *ctl, const struct verb *verb, json_t *args);
/* Parse one more with verb->change. Exit code. */
int dev_batch_add(struct dev_batch *b, const struct verb *verb, const json_t *args);
/* Exit code; the error names what of the batch was refused. */
int dev_batch_send(struct dev_batch *b);
/* An op that the caller fills in, of those that name an object and no more. */
struct dev_op *dev_batch_op(struct dev_batch *b);
/* As dev_batch_send(), but -ENOENT is returned, and nothing is said of it. */
int dev_batch_try(struct dev_batch *b);
/* Erases keys. */
void dev_batch_free(struct dev_batch *b);

/* ---- arguments; all say what is wrong, and return whether it was right ---- */

/* Each leaves *@value alone if there is no such argument. */
bool dev_u32(const struct ctl *ctl, const json_t *args, const char *name, u32 min, u32 max, u32 *value);
void dev_u64(const json_t *args, const char *name, u64 *value);
/* rate N [burst N]: a rate has some burst. */
bool dev_rate(const struct ctl *ctl, const json_t *args, u64 *rate, u64 *burst);
/* One word of a list. */
bool dev_enum(const struct ctl *ctl, const json_t *args, const char *name, const char *const *words, u32 *value);
/* "0x1f,77": link ids. */
bool dev_link_ids(const struct ctl *ctl, const json_t *args, const char *name, u64 *ids, u32 max, u32 *count);
/* "[fe80::1%eth0]:4470" has a scope, an interface's index. */
bool dev_endpoint(const struct ctl *ctl, const json_t *args, const char *name, struct endpoint *e, u32 *scope);
/* "10.66.0.2", "fd66::2"; family 0 after an error. */
struct endpoint dev_address(const struct ctl *ctl, const char *text);
/* The next part of a list with commas, cut out of *@list; NULL: none. */
char *dev_part(char **list);

/*
 * Keys of @len bytes each out of the files that the argument lists with commas: a line a key, in hex
 * or base64; "-" is one line of stdin. Never from the command line, which everybody can read.
 */
bool dev_keys(const struct ctl *ctl, const json_t *args, const char *name, u8 *keys, u32 len, u32 max, u32 *count);

/* Id of a device by its id or its interface's name; in a batch also one that was attached before. */
bool dev_device_id(const struct dev_batch *b, const json_t *args, u32 *id);

/* ---- tables as JSON: arrays, or NULL with *ret -errno ---- */

extern const char *const dev_roles[], *const dev_states[], *const dev_kinds[], *const dev_classes[];

json_t *dev_devices(struct kmod_conn *conn, u32 node, int *ret);
json_t *dev_selectors(struct kmod_conn *conn, u32 node, int *ret);
json_t *dev_links(struct kmod_conn *conn, u32 node, int *ret);
json_t *dev_link_sessions(struct kmod_conn *conn, u32 node, int *ret);
json_t *dev_sessions(struct kmod_conn *conn, u32 node, int *ret);
json_t *dev_circuits(struct kmod_conn *conn, u32 node, int *ret);
/* One by its name, @sub of link sessions and circuits; not for selectors, which need several answers. */
json_t *dev_one(struct kmod_conn *conn, u32 node, enum datapath_object object, u32 id, u32 sub, int *ret);
/* @node 0: all of this namespace */
json_t *dev_nodes(struct kmod_conn *conn, u32 node, int *ret);

/* verb->run of each "show" but the node's: its table, less what the arguments do not name. */
int dev_table_run(const struct ctl *ctl, const struct verb *verb, json_t *args);
/* The flush of a table: @filter is the member that says what of it, if the arguments do; NULL: all. */
struct dev_flush {
	enum datapath_object object;
	json_t *(*read)(struct kmod_conn *conn, u32 node, int *ret);
	const char *filter;
};
int dev_flush_run(const struct ctl *ctl, const struct verb *verb, json_t *args);
/* Everything of one node, or of all (0), or only the device named (NULL: all). Exit code. */
int dev_show_kernel(const struct ctl *ctl, struct kmod_conn *conn, u32 node, const char *device);
/* Number of nodes here; 0 also if there is no module. */
u32 dev_node_count(void);

/* ---- the table of verbs ---- */

#define DEV_NODE_ARG { "node", 'i', .local = true, .value = "N", .help = "the only one there is, unless given" }

extern const struct verb dev_node_verbs[], dev_link_verbs[], dev_link_session_verbs[], dev_session_verbs[],
	dev_circuit_verbs[], dev_selector_verbs[];
extern const struct arg dev_attach_args[], dev_detach_args[];
int dev_attach(struct dev_batch *b, const json_t *args, struct dev_op *o);
int dev_detach(struct dev_batch *b, const json_t *args, struct dev_op *o);
int dev_batch_run(const struct ctl *ctl, const struct verb *verb, json_t *args);
int dev_monitor_run(const struct ctl *ctl, const struct verb *verb, json_t *args);
/* What "dev node add" says about a node, for "dev monitor" too. */
bool dev_node_conf(const struct ctl *ctl, const json_t *args, struct kmod_node *node, u32 *fields);
/* Makes it. Exit code. */
int dev_node_make(const struct ctl *ctl, struct kmod_conn *conn, const struct kmod_node *node, struct kmod_node_info *info);
extern const struct arg dev_node_add_args[], dev_batch_args[];

#endif
