// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The node of the kernel module: made here, because that needs CAP_NET_ADMIN, and owned by a
 * netlink socket that the daemon gets. It is the only one of its owner, so that the daemon can
 * change it without a capability, and the kernel erases it when the daemon ends, however it ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/meshvpn.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netd_internal.h"

#define EVENT_ROOM (4 << 20)		/* of the daemon's socket; it may not ask for so much itself */
#define BATCH_ROOM (512 << 10)

static u32 our_node;			/* 0: none yet */

/* A socket with what its last answer said. */
struct talk {
	struct nl_sock *sock;
	int family, error;
	bool done;
	u32 node;
	char words[160];
};

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *e, void *arg)
{
	struct nlmsghdr *h = (struct nlmsghdr *)((u8 *)e - NLMSG_HDRLEN);
	struct nlattr *tb[NLMSGERR_ATTR_MAX + 1];
	struct talk *t = arg;
	int len = (int)(h->nlmsg_len - NLMSG_HDRLEN - sizeof(*e));

	t->error = e->error ? e->error : -EIO;
	t->done = true;
	/* NETLINK_CAP_ACK is set: the words follow at once */
	if (h->nlmsg_flags & NLM_F_ACK_TLVS && h->nlmsg_flags & NLM_F_CAPPED &&
	    !nla_parse(tb, NLMSGERR_ATTR_MAX, (struct nlattr *)(e + 1), len, NULL) && tb[NLMSGERR_ATTR_MSG])
		nla_strlcpy(t->words, tb[NLMSGERR_ATTR_MSG], sizeof(t->words));
	return NL_STOP;
}

static int on_ack(struct nl_msg *msg, void *arg)
{
	((struct talk *)arg)->done = true;
	return NL_STOP;
}

static int on_answer(struct nl_msg *msg, void *arg)
{
	struct nlmsghdr *h = nlmsg_hdr(msg);
	struct talk *t = arg;
	struct nlattr *a;

	if (h->nlmsg_type == GENL_ID_CTRL) {
		a = nlmsg_find_attr(h, GENL_HDRLEN, CTRL_ATTR_FAMILY_ID);
		t->family = a ? nla_get_u16(a) : 0;
		a = nlmsg_find_attr(h, GENL_HDRLEN, CTRL_ATTR_VERSION);
		if (!a || nla_get_u32(a) != MESHVPN_FAMILY_VERSION)
			t->error = -EPROTONOSUPPORT;
	} else {
		a = nlmsg_find_attr(h, GENL_HDRLEN, MESHVPN_A_NODE_ID);
		t->node = a ? nla_get_u32(a) : 0;
	}
	return NL_OK;
}

static void talk_end(struct talk *t)
{
	nl_socket_free(t->sock);
	t->sock = NULL;
}

static struct nl_msg *message(int family, u8 cmd, u8 version)
{
	struct genlmsghdr g = { .cmd = cmd, .version = version };
	struct nl_msg *m = nlmsg_alloc_simple(family, NLM_F_REQUEST | NLM_F_ACK);

	if (m && nlmsg_append(m, &g, sizeof(g), NLMSG_ALIGNTO)) {
		nlmsg_free(m);
		m = NULL;
	}
	return m;
}

/* Send, and take in the answer up to the acknowledgement; consumes @m. */
static int ask(struct talk *t, struct nl_msg *m)
{
	int ret;

	t->done = false;
	t->error = 0;
	t->words[0] = 0;
	if (!m)
		return -ENOMEM;
	ret = nl_send_auto(t->sock, m);
	nlmsg_free(m);
	while (ret >= 0 && !t->done)
		ret = nl_recvmsgs_default(t->sock);
	if (t->error)
		return t->error;
	return t->done ? 0 : -EIO;
}

static int talk_begin(struct talk *t)
{
	struct nl_msg *m;
	int one = 1, ret;

	memset(t, 0, sizeof(*t));
	t->sock = nl_socket_alloc();
	if (!t->sock || nl_connect(t->sock, NETLINK_GENERIC)) {
		talk_end(t);
		return complain(-EIO, "cannot open generic netlink");
	}
	setsockopt(nl_socket_get_fd(t->sock), SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	setsockopt(nl_socket_get_fd(t->sock), SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
	nl_socket_modify_cb(t->sock, NL_CB_VALID, NL_CB_CUSTOM, on_answer, t);
	nl_socket_modify_cb(t->sock, NL_CB_ACK, NL_CB_CUSTOM, on_ack, t);
	nl_socket_modify_err_cb(t->sock, NL_CB_CUSTOM, on_error, t);
	m = message(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);
	if (m)
		nla_put_string(m, CTRL_ATTR_FAMILY_NAME, MESHVPN_FAMILY_NAME);
	ret = ask(t, m);
	if (!ret)
		return 0;
	talk_end(t);
	if (ret == -ENOENT)
		return complain(ret, "the kernel module is not loaded (next: modprobe meshvpn, or insmod meshvpn.ko)");
	if (ret == -EPROTONOSUPPORT)
		return complain(ret, "the kernel module is of another version (next: rmmod meshvpn, load the one of this build)");
	return complain(ret, "cannot find the kernel module: %s", strerror(-ret));
}

/* Only bound UDP sockets become lanes; the kernel looks too, but here the reason can be said. */
static int check_socket(int fd)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss), size = sizeof(int);
	int protocol = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) || protocol != IPPROTO_UDP ||
	    getsockname(fd, (struct sockaddr *)&ss, &len) || !((struct sockaddr_in *)&ss)->sin_port)
		return complain(-EINVAL, "lanes are bound UDP sockets");
	return 0;
}

static int node_make(struct talk *t, const int *sockets, u32 count)
{
	struct nl_msg *m = message(t->family, MESHVPN_CMD_NODE_NEW, MESHVPN_FAMILY_VERSION);
	struct nlattr *nest = m ? nla_nest_start(m, MESHVPN_A_NODE | NLA_F_NESTED) : NULL;
	int ret;
	u32 i;

	if (!nest) {
		nlmsg_free(m);
		return -ENOMEM;
	}
	nla_put_flag(m, MESHVPN_A_NODE_OWN);
	for (i = 0; i < count; i++)
		nla_put_u32(m, MESHVPN_A_NODE_SOCKET, (u32)sockets[i]);
	nla_nest_end(m, nest);
	ret = ask(t, m);
	if (!ret && !t->node)
		ret = -EBADMSG;
	return ret ? complain(ret, "the kernel module makes no node: %s", t->words[0] ? t->words : strerror(-ret)) : 0;
}

bool kernel_opened(void)
{
	return our_node;
}

int kernel_open(const int *sockets, u32 count, int *owner, u32 *node)
{
	int ret = 0, events = EVENT_ROOM, batches = BATCH_ROOM, fd;
	struct talk t;
	u32 i;

	if (our_node)
		return complain(-EBUSY, "there is a node of the kernel module already");
	if (!count || count > MESHVPN_LANES_MAX)
		return complain(-EINVAL, "1 to %d lanes", MESHVPN_LANES_MAX);
	for (i = 0; i < count && !ret; i++)
		ret = check_socket(sockets[i]);
	if (!ret)
		ret = talk_begin(&t);
	if (ret)
		return ret;
	fd = nl_socket_get_fd(t.sock);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &events, sizeof(events));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &batches, sizeof(batches));
	ret = node_make(&t, sockets, count);
	if (!ret) {
		/* the daemon's copy becomes the only one */
		*owner = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		ret = *owner < 0 ? complain(-errno, "no descriptor") : 0;
	}
	if (!ret)
		our_node = *node = t.node;
	talk_end(&t);
	return ret;
}

int kernel_attach(const char *name, u32 id, u32 role, u32 mtu)
{
	struct nlattr *nest;
	struct nl_msg *m;
	struct talk t;
	int ret = talk_begin(&t);

	if (ret)
		return ret;
	m = message(t.family, MESHVPN_CMD_DEVICE_NEW, MESHVPN_FAMILY_VERSION);
	if (m)
		nla_put_u32(m, MESHVPN_A_NODE_ID, our_node);
	nest = m ? nla_nest_start(m, MESHVPN_A_DEVICE | NLA_F_NESTED) : NULL;
	if (nest) {
		nla_put_u32(m, MESHVPN_A_DEVICE_ID, id);
		nla_put_string(m, MESHVPN_A_DEVICE_NAME, name);
		nla_put_u32(m, MESHVPN_A_DEVICE_ROLE, role == SCOPE_ROLE_EXIT ? MESHVPN_ROLE_EXIT : MESHVPN_ROLE_ORIGIN);
		nla_put_u32(m, MESHVPN_A_DEVICE_MTU, mtu);
		nla_nest_end(m, nest);
	}
	ret = ask(&t, m);
	if (ret)
		complain(ret, "the kernel module does not take device %s: %s", name, t.words[0] ? t.words : strerror(-ret));
	talk_end(&t);
	return ret;
}
