// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dev: the netlink socket to the kernel module, which node is meant, and what its refusals are for
 * people, for programs and for the exit code.
 */
#include "dev.h"

#include <linux/meshvpn.h>
#include <string.h>
#include <unistd.h>

int dev_open(const struct ctl *ctl, struct kmod_conn **conn)
{
	int ret = kmod_conn_open(conn, -1);

	switch (ret) {
	case 0:
		return CTL_OK;
	case -ENOENT:
		return ctl_fail(ctl, CTL_DOWN, "module-missing", "modprobe meshvpn", "the kernel module meshvpn is not loaded");
	case -EPROTONOSUPPORT:
		return ctl_fail(ctl, CTL_ERROR, "protocol", "load the module of the same release as meshvpn-ctl",
				"the kernel module meshvpn is of another version");
	default:
		return ctl_fail(ctl, CTL_ERROR, "failed", NULL, "netlink: %s", strerror(-ret));
	}
}

int dev_failed(const struct ctl *ctl, struct kmod_conn *conn, int ret, const char *what)
{
	static const struct {
		int error;
		enum ctl_exit exit;
		const char *code, *cause, *hint;
	} causes[] = {
		{ -ENOENT, CTL_ERROR, "not-found", "there is no such thing", "meshvpn-ctl dev node show" },
		{ -ENODEV, CTL_ERROR, "not-found", "there is no such device", "ip link add DEV type meshvpn" },
		{ -EEXIST, CTL_ERROR, "exists", "it is there already", "delete it first, or change it with set" },
		{ -EBUSY, CTL_ERROR, "busy", "in use", "meshvpn-ctl dev node show says by whom" },
		{ -EADDRINUSE, CTL_ERROR, "busy", "the port is in use", "choose another port: ss -ulpn shows who has it" },
		{ -EPERM, CTL_DENIED, "denied", "not allowed for this user", "run it with CAP_NET_ADMIN" },
		{ -EACCES, CTL_DENIED, "denied", "not allowed for this user", "run it with CAP_NET_ADMIN" },
		{ -EINVAL, CTL_ERROR, "invalid", "not valid", NULL },
		{ -ERANGE, CTL_ERROR, "invalid", "a number is out of range", NULL },
		{ -ENOSPC, CTL_ERROR, "limit", "the node's limit is reached", "raise max-links or max-circuits: dev node set" },
		{ -E2BIG, CTL_ERROR, "limit", "too many", "delete some first, or give fewer" },
		{ -EMSGSIZE, CTL_ERROR, "limit", "too much for one message", "split it" },
		{ -ENOBUFS, CTL_ERROR, "limit", "too much for one message", "split it" },
		{ -ENOMEM, CTL_ERROR, "failed", "out of memory", NULL },
		{ -ETIMEDOUT, CTL_TIMEOUT, "timeout", "the module has not answered in time", "see the kernel's log: dmesg" },
		{ -EBADMSG, CTL_ERROR, "protocol", "the module's answer is not understood",
		  "are module and meshvpn-ctl of one version?" },
		{ 0, CTL_ERROR, "failed", NULL, NULL },
	};
	const char *words = kmod_conn_error(conn);
	u32 i = 0;

	while (causes[i].error && causes[i].error != ret)
		i++;
	/* the kernel's own words know more */
	if (*words)
		return ctl_fail(ctl, causes[i].exit, causes[i].code, causes[i].hint, "%s: %s", what, words);
	return ctl_fail(ctl, causes[i].exit, causes[i].code, causes[i].hint, "%s: %s", what,
			causes[i].cause ? causes[i].cause : strerror(-ret));
}

int dev_dump(struct kmod_conn *conn, u8 cmd, u32 node, int (*each)(void *arg, const struct nlmsghdr *h), void *arg)
{
	struct nl_msg *m = kmod_request(kmod_conn_family(conn), cmd, NLM_F_DUMP, node, 0);

	return kmod_call(conn, m, each, arg, NULL);
}

/* ---- which node ---- */

struct nodes {
	u32 count, first;
};

static int node_count(void *arg, const struct nlmsghdr *h)
{
	struct nodes *n = arg;

	if (!n->count++)
		n->first = kmod_get_node_id(h);
	return 0;
}

int dev_node(const struct ctl *ctl, struct kmod_conn *conn, const json_t *args, u32 *node)
{
	struct nodes n = { 0 };
	int ret;

	*node = 0;
	if (!dev_u32(ctl, args, "node", 1, UINT32_MAX, node))
		return CTL_USAGE;
	if (*node)
		return CTL_OK;
	ret = dev_dump(conn, MESHVPN_CMD_NODE_GET, 0, node_count, &n);
	if (ret && ret != -EINTR)
		return dev_failed(ctl, conn, ret, "nodes");
	/* the module does not even say which there are */
	if (!n.count && geteuid())
		return ctl_fail(ctl, CTL_DENIED, "denied", "run it with CAP_NET_ADMIN",
				"there is no node in this network namespace that this user may see");
	if (!n.count)
		return ctl_fail(ctl, CTL_ERROR, "not-found", "meshvpn-ctl dev node add port PORT",
				"there is no node in this network namespace");
	if (n.count > 1)
		return ctl_fail(ctl, CTL_USAGE, "usage", "say which: node N", "there are %u nodes in this network namespace",
				n.count);
	*node = n.first;
	return CTL_OK;
}

u32 dev_node_count(void)
{
	struct nodes n = { 0 };
	struct kmod_conn *conn;

	if (kmod_conn_open(&conn, -1))
		return 0;
	dev_dump(conn, MESHVPN_CMD_NODE_GET, 0, node_count, &n);
	kmod_conn_close(conn);
	return n.count;
}
