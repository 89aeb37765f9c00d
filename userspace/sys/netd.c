/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon's side of the privileged helper: see netd.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "netd_wire.h"

#define NETD_PROGRAM "meshvpn-netd"
#define NETD_CHILD_FD 3
#define ARGUMENTS_MAX 16		/* with the NULL behind them */

struct netd {
	int fd;
	pid_t pid;			/* 0: not ours */
	char error[NETD_ERROR_MAX];
};

union control {
	struct cmsghdr align;
	char room[CMSG_SPACE(NETD_FDS_MAX * sizeof(int))];
};

int netd_send(int fd, const void *data, size_t len, const int *fds, u32 count)
{
	union control control;
	struct iovec iov = { (void *)data, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (count) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof(control));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, count * sizeof(int));
	}
	do {
		n = sendmsg(fd, &msg, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : (int)n;
}

static void take_fds(struct msghdr *msg, int *fds, u32 *count)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	u32 i, n;

	*count = 0;
	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return;
	n = (u32)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	for (i = 0; i < n && i < NETD_FDS_MAX; i++)
		memcpy(&fds[i], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
	*count = i;
}

int netd_receive(int fd, void *data, size_t len, int *fds, u32 *count)
{
	union control control;
	struct iovec iov = { data, len };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	ssize_t n;

	do {
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	take_fds(&msg, fds, count);
	return (int)n;
}

static int fail(struct netd *netd, int error, const char *what)
{
	snprintf(netd->error, sizeof(netd->error), "%s: %s", what, strerror(-error));
	return error;
}

/*
 * One request and its answer; @give, @given: descriptors that go with it; @fds: room for
 * NETD_FDS_MAX that come, or NULL if none are expected.
 */
static int call_with(struct netd *netd, struct netd_request *q, const int *give, u32 given, struct netd_answer *a,
		     int *fds)
{
	int got[NETD_FDS_MAX], n;
	u32 count = 0, i;

	q->version = NETD_VERSION;
	n = netd_send(netd->fd, q, sizeof(*q), give, given);
	if (n >= 0)
		n = netd_receive(netd->fd, a, sizeof(*a), got, &count);
	if (n >= 0 && n != sizeof(*a))
		n = -EPIPE;
	if (n >= 0 && !a->error && count != a->fds)
		n = -EPROTO;
	for (i = 0; i < count; i++) {
		if (n >= 0 && !a->error && fds)
			fds[i] = got[i];
		else
			close(got[i]);
	}
	if (n < 0)
		return fail(netd, n, "privileged helper " NETD_PROGRAM " does not answer");
	a->text[sizeof(a->text) - 1] = 0;
	memcpy(netd->error, a->text, sizeof(netd->error));
	return a->error;
}

static int call(struct netd *netd, struct netd_request *q, struct netd_answer *a, int *fds)
{
	return call_with(netd, q, NULL, 0, a, fds);
}

/* In the build folder the helper lies beside the daemon, installed in libexec beside its folder. */
static const char *find_helper(char path[PATH_MAX])
{
	static const char *const places[] = { NETD_PROGRAM, "../libexec/meshvpn/" NETD_PROGRAM };
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 64);
	char *slash;
	u32 i;

	path[n > 0 ? n : 0] = 0;
	slash = strrchr(path, '/');
	for (i = 0; slash && i < sizeof(places) / sizeof(*places); i++) {
		strcpy(slash + 1, places[i]);
		if (!access(path, X_OK))
			break;
	}
	return path;
}

int netd_attach(struct netd **netd, int fd)
{
	*netd = calloc(1, sizeof(**netd));
	if (!*netd)
		return -ENOMEM;
	(*netd)->fd = fd;
	return 0;
}

/* The command line for a scope; made before the fork. */
struct arguments {
	char table[12], pool4[INET_ADDRSTRLEN + 4], pool6[INET6_ADDRSTRLEN + 4];
	const char *argv[ARGUMENTS_MAX];
	u32 count;
};

static void argument(struct arguments *a, const char *name, const char *value)
{
	a->argv[a->count++] = name;
	if (value)
		a->argv[a->count++] = value;
}

static void pool_argument(struct arguments *a, const char *name, int family, const u8 *addr, u8 bits, char *text,
			  size_t room)
{
	if (!bits)
		return;
	inet_ntop(family, addr, text, room);
	snprintf(text + strlen(text), room - strlen(text), "/%u", bits);
	argument(a, name, text);
}

static void arguments_make(struct arguments *a, const struct netd_scope *s)
{
	argument(a, NETD_PROGRAM, NULL);
	argument(a, "--fd", "3");
	if (s->client[0]) {
		snprintf(a->table, sizeof(a->table), "%u", s->table);
		argument(a, "--client", s->client);
		argument(a, "--table", a->table);
		if (s->all)
			argument(a, "--all", NULL);
	}
	if (s->exit[0])
		argument(a, "--exit", s->exit);
	if (s->client[0] || s->exit[0]) {
		pool_argument(a, "--pool4", AF_INET, s->pool4, s->pool4_bits, a->pool4, sizeof(a->pool4));
		pool_argument(a, "--pool6", AF_INET6, s->pool6, s->pool6_bits, a->pool6, sizeof(a->pool6));
	}
}

static void run_helper(const char *path, int fd, const char *const *argv)
{
	/* a group of its own: Ctrl-C goes to the daemon, whose end is the helper's sign */
	setpgid(0, 0);
	if (dup2(fd, NETD_CHILD_FD) < 0 || (fd == NETD_CHILD_FD && fcntl(fd, F_SETFD, 0)))
		_exit(127);
	execv(path, (char *const *)argv);
	_exit(127);
}

int netd_start(struct netd **netd, const char *path, const struct netd_scope *scope)
{
	struct arguments arguments = { 0 };
	char own[PATH_MAX];
	int pair[2], ret;
	pid_t pid;

	if (!path)
		path = find_helper(own);
	if (access(path, X_OK))
		return -errno;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	arguments_make(&arguments, scope);
	pid = fork();
	if (!pid)
		run_helper(path, pair[1], arguments.argv);
	ret = pid < 0 ? -errno : netd_attach(netd, pair[0]);
	close(pair[1]);
	if (ret) {
		close(pair[0]);
		return ret;
	}
	(*netd)->pid = pid;
	return 0;
}

void netd_stop(struct netd *netd)
{
	if (!netd)
		return;
	close(netd->fd);
	if (netd->pid)
		while (waitpid(netd->pid, NULL, 0) < 0 && errno == EINTR)
			;
	free(netd);
}

int netd_fd(const struct netd *netd)
{
	return netd->fd;
}

const char *netd_error(const struct netd *netd)
{
	return netd->error;
}

static int simple(struct netd *netd, struct netd_request *q)
{
	struct netd_answer a;

	return call(netd, q, &a, NULL);
}

int netd_cleanup(struct netd *netd)
{
	return simple(netd, &(struct netd_request){ .verb = NETD_CLEANUP });
}

int netd_sockets(struct netd *netd, const struct endpoint *addr, u16 port, u32 mark, u32 lanes, int *fds)
{
	struct netd_request q = { .verb = NETD_SOCKETS };
	struct netd_answer a;
	int got[NETD_FDS_MAX], ret;

	if (addr)
		q.sockets.addr = *addr;
	q.sockets.addr.port = port;
	q.sockets.mark = mark;
	q.sockets.lanes = lanes;
	ret = call(netd, &q, &a, got);
	if (!ret)
		memcpy(fds, got, lanes * sizeof(*fds));
	return ret;
}

static void set_name(char to[IFNAMSIZ], const char *name)
{
	snprintf(to, IFNAMSIZ, "%s", name);
}

int netd_device_new(struct netd *netd, const char *name, u32 mtu, u32 queues, enum netd_steering steering,
		    int *fds, int *map, u32 *ifindex)
{
	struct netd_request q = {
		.verb = NETD_DEVICE_NEW, .device = { .mtu = mtu, .queues = queues, .steering = steering },
	};
	struct netd_answer a;
	int got[NETD_FDS_MAX], ret;

	set_name(q.device.name, name);
	ret = call(netd, &q, &a, got);
	if (ret)
		return ret;
	memcpy(fds, got, queues * sizeof(*fds));
	if (map)
		*map = a.fds > queues ? got[queues] : -1;
	else if (a.fds > queues)
		close(got[queues]);
	if (ifindex)
		*ifindex = a.ifindex;
	return 0;
}

int netd_kernel_open(struct netd *netd, const int *sockets, u32 lanes, int *fd, u32 *node)
{
	struct netd_request q = { .verb = NETD_KERNEL_OPEN };
	struct netd_answer a;
	int got[NETD_FDS_MAX], ret;

	if (!lanes || lanes > NETD_QUEUES_MAX)
		return -EINVAL;
	ret = call_with(netd, &q, sockets, lanes, &a, got);
	if (ret)
		return ret;
	if (a.fds != 1)
		return -EPROTO;
	*fd = got[0];
	*node = a.node;
	return 0;
}

int netd_kernel_device(struct netd *netd, const char *name, u32 mtu, u32 id, u32 *ifindex)
{
	struct netd_request q = {
		.verb = NETD_DEVICE_NEW, .device = { .mtu = mtu, .kind = NETD_KIND_KERNEL, .id = id },
	};
	struct netd_answer a;
	int ret;

	set_name(q.device.name, name);
	ret = call(netd, &q, &a, NULL);
	if (!ret && ifindex)
		*ifindex = a.ifindex;
	return ret;
}

int netd_device_del(struct netd *netd, const char *name)
{
	struct netd_request q = { .verb = NETD_DEVICE_DEL };

	set_name(q.device.name, name);
	return simple(netd, &q);
}

int netd_device_guard(struct netd *netd, const char *name)
{
	struct netd_request q = { .verb = NETD_DEVICE_GUARD };

	set_name(q.device.name, name);
	return simple(netd, &q);
}

int netd_address_add(struct netd *netd, const struct netd_address *address)
{
	return simple(netd, &(struct netd_request){ .verb = NETD_ADDRESS_ADD, .address = *address });
}

int netd_address_del(struct netd *netd, const struct netd_address *address)
{
	return simple(netd, &(struct netd_request){ .verb = NETD_ADDRESS_DEL, .address = *address });
}

int netd_routing_set(struct netd *netd, const struct netd_routing *routing)
{
	return simple(netd, &(struct netd_request){ .verb = NETD_ROUTING_SET, .routing = *routing });
}

int netd_routing_del(struct netd *netd, const char *device)
{
	struct netd_request q = { .verb = NETD_ROUTING_DEL };

	set_name(q.routing.device, device);
	return simple(netd, &q);
}

int netd_exit_set(struct netd *netd, const struct netd_exit *exit)
{
	return simple(netd, &(struct netd_request){ .verb = NETD_EXIT_SET, .exit = *exit });
}

int netd_exit_del(struct netd *netd, const char *device)
{
	struct netd_request q = { .verb = NETD_EXIT_DEL };

	set_name(q.exit.device, device);
	return simple(netd, &q);
}

int netd_flows_flush(struct netd *netd, u8 family, const u8 *addr)
{
	struct netd_request q = { .verb = NETD_FLOWS_FLUSH, .flows.family = family };

	memcpy(q.flows.addr, addr, family == AF_INET ? 4 : 16);
	return simple(netd, &q);
}
