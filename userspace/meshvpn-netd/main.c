/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * meshvpn-netd: the privileged half of meshvpnd. It keeps CAP_NET_ADMIN (and the capabilities to
 * bind low ports and to load the program that steers device queues), answers a closed list of requests from the socketpair that it was started
 * with, and puts everything back when the other end closes or a signal ends it.
 */
#include <errno.h>
#include <getopt.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "netd_internal.h"

struct result {
	u32 ifindex, count, node;
	int fds[NETD_FDS_MAX];
};

/* Descriptors that came with the request; they are closed after it. */
static int came[NETD_FDS_MAX];
static u32 came_count;

static int do_cleanup(const struct netd_request *q, struct result *r)
{
	return journals_replay();
}

static int do_sockets(const struct netd_request *q, struct result *r)
{
	int ret = sockets_make(&q->sockets.addr, q->sockets.mark, q->sockets.lanes, r->fds);

	r->count = ret ? 0 : q->sockets.lanes;
	return ret;
}

static int do_device_new(const struct netd_request *q, struct result *r)
{
	int ret;

	if (q->device.kind == NETD_KIND_KERNEL)
		return device_make_kernel(q->device.name, q->device.mtu, q->device.id, &r->ifindex);
	if (q->device.kind != NETD_KIND_TUN)
		return complain(-EINVAL, "bad kind of device");
	ret = device_make(q->device.name, q->device.mtu, q->device.queues, q->device.steering, r->fds, &r->ifindex);
	if (!ret)
		r->count = q->device.queues + (r->fds[q->device.queues] >= 0);
	return ret;
}

static bool name_ends(const char name[IFNAMSIZ])
{
	return strnlen(name, IFNAMSIZ) < IFNAMSIZ;
}

static int do_device_del(const struct netd_request *q, struct result *r)
{
	return name_ends(q->device.name) ? device_drop(q->device.name) : -EINVAL;
}

static int do_device_guard(const struct netd_request *q, struct result *r)
{
	return name_ends(q->device.name) ? guard_set(q->device.name) : -EINVAL;
}

static int do_kernel_open(const struct netd_request *q, struct result *r)
{
	int ret = kernel_open(came, came_count, &r->fds[0], &r->node);

	r->count = !ret;
	return ret;
}

static int do_address_add(const struct netd_request *q, struct result *r)
{
	return address_add(&q->address);
}

static int do_address_del(const struct netd_request *q, struct result *r)
{
	return address_del(&q->address);
}

static int do_routing_set(const struct netd_request *q, struct result *r)
{
	return routing_set(&q->routing);
}

static int do_routing_del(const struct netd_request *q, struct result *r)
{
	struct device *d = name_ends(q->routing.device) ? device_find(q->routing.device) : NULL;

	return d ? routing_del(d) : complain(-ENOENT, "no such device of ours");
}

static int do_exit_set(const struct netd_request *q, struct result *r)
{
	return exit_set(&q->exit);
}

static int do_exit_del(const struct netd_request *q, struct result *r)
{
	struct device *d = name_ends(q->exit.device) ? device_find(q->exit.device) : NULL;

	return d ? exit_del(d) : complain(-ENOENT, "no such device of ours");
}

static int do_flows_flush(const struct netd_request *q, struct result *r)
{
	return flows_flush(q->flows.family, q->flows.addr);
}

/* Who may ask, and where the request names the device. */
struct verb {
	int (*run)(const struct netd_request *q, struct result *r);
	u32 roles;
	size_t device;
};

#define VERB(run, roles, field) { run, roles, offsetof(struct netd_request, field) }
#define CLIENT SCOPE_ROLE_CLIENT
#define EXIT SCOPE_ROLE_EXIT

static const struct verb verbs[NETD_VERBS] = {
	[NETD_CLEANUP] = { do_cleanup },
	[NETD_SOCKETS] = { do_sockets },
	[NETD_DEVICE_NEW] = VERB(do_device_new, CLIENT | EXIT, device.name),
	[NETD_DEVICE_DEL] = VERB(do_device_del, CLIENT | EXIT, device.name),
	[NETD_DEVICE_GUARD] = VERB(do_device_guard, CLIENT, device.name),
	[NETD_ADDRESS_ADD] = VERB(do_address_add, CLIENT, address.device),
	[NETD_ADDRESS_DEL] = VERB(do_address_del, CLIENT, address.device),
	[NETD_ROUTING_SET] = VERB(do_routing_set, CLIENT, routing.device),
	[NETD_ROUTING_DEL] = VERB(do_routing_del, CLIENT, routing.device),
	[NETD_EXIT_SET] = VERB(do_exit_set, EXIT, exit.device),
	[NETD_EXIT_DEL] = VERB(do_exit_del, EXIT, exit.device),
	[NETD_FLOWS_FLUSH] = { do_flows_flush, EXIT },
	[NETD_KERNEL_OPEN] = { do_kernel_open },
};

static int handle(const struct netd_request *q, size_t len, struct result *r)
{
	const struct verb *v;
	int ret;

	complain(0, "%s", "");
	if (len != sizeof(*q) || q->version != NETD_VERSION || q->verb >= NETD_VERBS)
		return complain(-EPROTO, "daemon and helper are of different versions");
	v = &verbs[q->verb];
	ret = scope_check(v->roles, v->device ? (const char *)q + v->device : NULL);
	return ret ? ret : v->run(q, r);
}

/* One request; false at the daemon's end. */
static bool serve(int fd)
{
	struct netd_request q;
	struct netd_answer a = { 0 };
	struct result r = { 0 };
	u32 i;
	int n;

	came_count = 0;
	n = netd_receive(fd, &q, sizeof(q), came, &came_count);
	a.error = n > 0 ? handle(&q, n, &r) : 0;
	for (i = 0; i < came_count; i++)
		close(came[i]);
	if (n <= 0)
		return false;
	a.ifindex = r.ifindex;
	a.node = r.node;
	a.fds = a.error ? 0 : r.count;
	snprintf(a.text, sizeof(a.text), "%s", complaint());
	n = netd_send(fd, &a, sizeof(a), r.fds, a.fds);
	for (i = 0; i < r.count; i++)
		close(r.fds[i]);
	return n >= 0;
}

/* Only what the closed list needs; what we start (nft, conntrack) gets no more either. */
static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	u32 keep = 1U << CAP_NET_ADMIN | 1U << CAP_NET_BIND_SERVICE;
	u32 high = 1U << (CAP_BPF - 32);
	struct __user_cap_data_struct data[2] = { { keep, keep, 0 }, { high, high, 0 } };
	int cap;

	for (cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (!((cap < 32 ? keep >> cap : high >> (cap - 32)) & 1))
			prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_capset, &header, data))
		return -errno;
	return 0;
}

static int signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* SIGTERM alone does not end us before the daemon, which needs us for its own orderly stop. */
static void loop(int fd, int sigfd)
{
	struct pollfd p[2] = { { fd, POLLIN, 0 }, { sigfd, POLLIN, 0 } };
	struct signalfd_siginfo info;

	for (;;) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return;
		if (p[1].revents && read(sigfd, &info, sizeof(info)) < 0)
			return;
		if (p[0].revents && !serve(fd))
			return;
	}
}

static void usage(FILE *f)
{
	fprintf(f, "usage: meshvpn-netd --fd N [--client DEVICE --table N [--all]] [--exit DEVICE]\n"
		"                    [--pool4 PREFIX] [--pool6 PREFIX]\n"
		"The privileged helper of meshvpnd, which starts it. N is a connected SOCK_SEQPACKET socket.\n");
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "fd", required_argument, NULL, 'f' }, { "help", no_argument, NULL, 'h' },
		{ "client", required_argument, NULL, SCOPE_CLIENT }, { "exit", required_argument, NULL, SCOPE_EXIT },
		{ "table", required_argument, NULL, SCOPE_TABLE }, { "all", no_argument, NULL, SCOPE_ALL },
		{ "pool4", required_argument, NULL, SCOPE_POOL4 }, { "pool6", required_argument, NULL, SCOPE_POOL6 },
		{ 0 },
	};
	int fd = -1, c, sigfd;

	log_init("meshvpn-netd", LOG_INFO);
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'h') {
			usage(stdout);
			return 0;
		}
		if (c == 'f') {
			fd = atoi(optarg);
		} else if (c == '?' || scope_option(c, optarg)) {
			if (*complaint())
				log_error("start", "%s", complaint());
			usage(stderr);
			return 2;
		}
	}
	if (fd < 0) {
		usage(stderr);
		return 2;
	}
	sigfd = signals();
	if (drop_capabilities() || rtnl_open() || sigfd < 0) {
		log_error("start", "cannot start: %s (meshvpnd must be started as root)", complaint());
		return 1;
	}
	loop(fd, sigfd);
	devices_undo();
	return 0;
}
