// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From root to a daemon that may do next to nothing, in the one order that works: files and keys
 * and the helper while root, then no privileges, then the threads and everything that strangers'
 * bytes reach, then the filter of system calls.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon.h"
#include "methods.h"

#define LANES_DEFAULT_MAX 4

static int say(int ret, const char *what)
{
	if (ret)
		log_error("start", "cannot %s: %s", what, strerror(-ret));
	return ret;
}

/* ---- while root ---- */

static int find_user(struct daemon *d)
{
	int ret = sandbox_user_find(&d->user, d->conf.user);

	if (ret) {
		log_error("start", "there is no user %s: make it, or change [Node] User", d->conf.user);
		return ret;
	}
	d->control_gid = d->user.gid;
	if (d->conf.control_group[0])
		ret = sandbox_group_find(&d->control_gid, d->conf.control_group);
	if (ret)
		log_error("start", "there is no group %s: make it, or change [Node] ControlGroup", d->conf.control_group);
	return ret;
}

static int directories(struct daemon *d)
{
	char what[PATH_MAX + 32];
	int ret = sandbox_directory(d->conf.state_directory, &d->user, 0700);

	snprintf(what, sizeof(what), "use StateDirectory %s", d->conf.state_directory);
	if (ret)
		return say(ret, what);
	/* one that exists may be shared: it is left as it is */
	if (access(d->conf.descriptor_directory, F_OK))
		ret = sandbox_directory(d->conf.descriptor_directory, &d->user, 0755);
	snprintf(what, sizeof(what), "make DescriptorDirectory %s", d->conf.descriptor_directory);
	return say(ret, what);
}

/* What node_open() made as root belongs to the user too. */
static int directories_again(struct daemon *d)
{
	return say(sandbox_directory(d->conf.state_directory, &d->user, 0700), "own StateDirectory");
}

static u32 lanes_choose(const struct daemon *d)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (d->conf.lanes)
		return d->conf.lanes;
	/* a client may stand behind a NAT, where each port is another */
	if (!d->conf.relay_enable || cores < 1)
		return 1;
	return cores < LANES_DEFAULT_MAX ? (u32)cores : LANES_DEFAULT_MAX;
}

static void helper_died(struct watch *w, u32 events)
{
	struct daemon *d = container_of(w, struct daemon, netd_watch);

	if (d->stopping)
		return;
	log_error("netd", "the privileged helper ended; stopping, because routes can be kept right no more");
	loop_del(d->loop, w);
	d->helper_gone = true;
	d->status = 1;
	loop_quit(d->loop);
}

static int netd_failed(struct daemon *d, int ret, const char *what)
{
	if (ret)
		log_error("start", "cannot %s: %s", what, netd_error(d->netd)[0] ? netd_error(d->netd) : strerror(-ret));
	return ret;
}

/* The helper is told now what it is for, while nobody can have told us otherwise. */
static void helper_scope(const struct config *c, struct netd_scope *s)
{
	memset(s, 0, sizeof(*s));
	if (c->client_enable)
		snprintf(s->client, sizeof(s->client), "%s", c->interface);
	if (c->exit_enable)
		snprintf(s->exit, sizeof(s->exit), "%s", c->exit_interface);
	s->table = c->route_table;
	s->all = c->route == CONFIG_ROUTE_ALL;
	memcpy(s->pool4, c->pool4.addr, sizeof(s->pool4));
	memcpy(s->pool6, c->pool6.addr, sizeof(s->pool6));
	s->pool4_bits = c->pool4.bits;
	s->pool6_bits = c->pool6.bits;
}

static int helper_start(struct daemon *d)
{
	struct netd_scope scope;
	int ret;

	helper_scope(&d->conf, &scope);
	ret = netd_start(&d->netd, NULL, &scope);

	if (ret) {
		log_error("start", "cannot start the privileged helper meshvpn-netd: %s; meshvpnd must be started as root",
			  strerror(-ret));
		return ret;
	}
	return netd_failed(d, netd_cleanup(d->netd), "remove what an earlier run left");
}

static int sockets_open(struct daemon *d)
{
	socklen_t len = sizeof(int);
	int ret, domain = AF_INET;
	char what[64];

	d->lanes = lanes_choose(d);
	snprintf(what, sizeof(what), "open UDP port %u%s", d->conf.port, d->lanes > 1 ? " and the following" : "");
	ret = netd_sockets(d->netd, d->conf.listen.family ? &d->conf.listen : NULL, d->conf.port, d->conf.mark, d->lanes,
			   d->sockets);
	if (ret)
		return netd_failed(d, ret, what);
	getsockopt(d->sockets[0], SOL_SOCKET, SO_DOMAIN, &domain, &len);
	d->mapped = domain == AF_INET6;
	return 0;
}

/* Devices differ by datapath, so it is chosen before them. */
static int kernel_open(struct daemon *d)
{
	int ret;

	if (d->conf.datapath_name == CONFIG_DATAPATH_USER) {
		snprintf(d->why, sizeof(d->why), "it is configured");
		return 0;
	}
	ret = netd_kernel_open(d->netd, d->sockets, d->lanes, &d->kernel_fd, &d->kernel_node);
	d->kernel = !ret;
	if (!ret) {
		snprintf(d->why, sizeof(d->why), "%s",
			 d->conf.datapath_name == CONFIG_DATAPATH_KMOD ? "it is configured" : "the kernel module is loaded");
		return 0;
	}
	if (d->conf.datapath_name == CONFIG_DATAPATH_AUTO) {
		snprintf(d->why, sizeof(d->why), "%s", netd_error(d->netd)[0] ? netd_error(d->netd) : strerror(-ret));
		return 0;
	}
	netd_failed(d, ret, "use [Node] Datapath = kmod");
	log_notice("start", "[Node] Datapath = auto or user does without the kernel module");
	return ret;
}

static int kernel_device(struct daemon *d, const char *name, u32 mtu, u32 id, u32 *ifindex)
{
	return netd_failed(d, netd_kernel_device(d->netd, name, mtu, id, ifindex), "make the device");
}

static int device_open(struct daemon *d, const char *name, u32 mtu, enum netd_steering steering, int *fds, int *map,
		       u32 *ifindex)
{
	if (d->lanes == 1)
		steering = NETD_STEER_NONE;
	return netd_failed(d, netd_device_new(d->netd, name, mtu, d->lanes, steering, fds, map, ifindex),
			   "make the device");
}

/* Open to whoever sits at the exit is no default. */
static int device_guard(struct daemon *d)
{
	int ret = d->conf.allow_incoming ? 0 : netd_device_guard(d->netd, d->conf.interface);

	netd_failed(d, ret, "keep flows out that this machine did not begin");
	if (ret)
		log_notice("start", "[Client] AllowIncoming=yes does without");
	return ret;
}

static int client_device(struct daemon *d)
{
	int ret;

	if (d->kernel)
		ret = kernel_device(d, d->conf.interface, d->conf.client.mtu, DEVICE_CLIENT, &d->client_ifindex);
	else
		ret = device_open(d, d->conf.interface, d->conf.client.mtu, NETD_STEER_SOURCE, d->client_fds,
				  &d->client_steering, &d->client_ifindex);
	return ret ? ret : device_guard(d);
}

static int exit_device(struct daemon *d)
{
	int ret;

	if (d->kernel)
		ret = kernel_device(d, d->conf.exit_interface, d->conf.exit.mtu, DEVICE_EXIT, &d->exit_ifindex);
	else
		ret = device_open(d, d->conf.exit_interface, d->conf.exit.mtu, NETD_STEER_DESTINATION, d->exit_fds,
				  &d->exit_steering, &d->exit_ifindex);
	return ret ? ret : exit_rules_set(d);
}

static int devices_open(struct daemon *d)
{
	int ret = 0;

	if (d->conf.client_enable)
		ret = client_device(d);
	return !ret && d->conf.exit_enable ? exit_device(d) : ret;
}

static int directory_start(struct daemon *d)
{
	struct directory_conf conf = {
		.path = d->conf.descriptor_directory, .work_bits = d->conf.id_work_bits, .max = d->conf.directory_max,
		.learn_rate = d->conf.learn_rate, .learn_burst = d->conf.learn_burst,
		.changed = methods_descriptor_event, .arg = d,
	};
	char what[PATH_MAX + 40];

	snprintf(what, sizeof(what), "read DescriptorDirectory %s", d->conf.descriptor_directory);
	return say(directory_open(&d->dir, &conf, unix_now()), what);
}

static int must_be_root(void)
{
	if (!geteuid())
		return 0;
	log_error("start", "meshvpnd must be started as root; it gives that up itself");
	return -EPERM;
}

static int as_root(struct daemon *d)
{
	int ret = must_be_root();

	if (!ret)
		ret = find_user(d);
	if (!ret)
		ret = directories(d);
	if (!ret)
		ret = node_open(d);
	if (!ret)
		ret = directories_again(d);
	if (!ret)
		ret = helper_start(d);
	if (!ret)
		ret = sockets_open(d);
	if (!ret)
		ret = kernel_open(d);
	if (!ret)
		ret = devices_open(d);
	if (!ret)
		ret = methods_open(d);
	if (!ret)
		ret = say(sandbox_harden(), "lock memory and forbid core dumps");
	if (!ret)
		ret = say(sandbox_drop(&d->user, d->control_gid == d->user.gid ? 0 : d->control_gid), "drop privileges");
	return ret;
}

/* ---- without privileges ---- */

static void caught(void *arg, int signal)
{
	struct daemon *d = arg;
	static struct config_errors errors;

	if (signal == SIGHUP) {
		daemon_reload(d, &errors, NULL, NULL);
		return;
	}
	if (d->stopping) {
		loop_quit(d->loop);
		return;
	}
	log_notice("main", "stopping");
	d->stopping = true;
	notify_stopping();
	if (d->client)
		client_stop(d->client);
	circuits_drain(d->circuits);
	circuits_destroy_all(d->circuits, REASON_SHUTDOWN);
	/* a moment for what was sealed to leave; a second signal does not wait for it */
	timer_arm(&d->ts, &d->quit, d->ts.now + 50 * NSEC_PER_MSEC);
}

static void quit(struct timer *t)
{
	loop_quit(container_of(t, struct daemon, quit)->loop);
}

static void dir_ready(struct watch *w, u32 events)
{
	struct daemon *d = container_of(w, struct daemon, dir_watch);

	d->dir_news = false;
	directory_dispatch(d->dir, unix_now());
	/* a relay that came or came back may be what is missing */
	if (d->dir_news && d->client && d->wanted && !client_connected(d->client))
		client_network_changed(d->client);
}

static int watches(struct daemon *d)
{
	int ret;

	watch_init(&d->netd_watch, netd_fd(d->netd), EPOLLIN, helper_died);
	ret = loop_add(d->loop, &d->netd_watch);
	watch_init(&d->dir_watch, directory_fd(d->dir), EPOLLIN, dir_ready);
	if (!ret && d->dir_watch.fd >= 0)
		ret = loop_add(d->loop, &d->dir_watch);
	return ret;
}

static void seccomp_start(struct daemon *d)
{
	int ret;

	if (!d->conf.seccomp)
		return;
	ret = sandbox_seccomp();
	if (ret == -ENOSYS)
		log_notice("start", "built with a sanitizer: no filter of system calls");
	else if (ret)
		log_warn("start", "no filter of system calls: %s", strerror(-ret));
}

static int unprivileged(struct daemon *d)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	int ret;

	timer_init(&d->quit, quit);
	ret = say(loop_signals(d->loop, signals, 3, caught, d), "catch signals");
	if (!ret)
		ret = directory_start(d);
	if (!ret)
		ret = say(network_open(d), "watch the addresses of this machine");
	if (!ret)
		ret = say(watches(d), "watch files");
	if (ret)
		return ret;
	node_publish(d);
	ret = exit_open(d);
	if (!ret)
		ret = engines_open(d);
	if (!ret)
		ret = client_open(d);
	if (!ret)
		ret = say(methods_serve(d), "serve the control socket");
	return ret;
}

int daemon_start(struct daemon *d)
{
	int ret;

	timers_init(&d->ts, 0);
	ret = say(loop_new(&d->loop, &d->ts), "make an event loop");
	if (!ret)
		ret = as_root(d);
	if (!ret)
		ret = unprivileged(d);
	if (ret)
		return 1;
	seccomp_start(d);
	d->started = unix_now();
	d->config_loaded = d->started;
	clocks_start(d);
	log_notice("main", "%s%s%sport %u, datapath %s (%s), %u lanes, %u relays known",
		   d->conf.client_enable ? "client, " : "", d->conf.relay_enable ? "relay, " : "",
		   d->conf.exit_enable ? "exit, " : "", d->conf.port, datapath_name(d->dp), d->why, d->lanes,
		   directory_count(d->dir));
	return 0;
}

static void sockets_close(struct daemon *d)
{
	while (d->lanes)
		close(d->sockets[--d->lanes]);
}

void daemon_stop(struct daemon *d)
{
	d->stopping = true;
	if (d->loop) {
		client_close(d);
		engines_close(d);
		exit_close(d);
		methods_close(d);
		network_close(d);
		loop_del(d->loop, &d->dir_watch);
		loop_del(d->loop, &d->netd_watch);
	}
	directory_close(d->dir);
	sockets_close(d);
	node_close(d);
	netd_stop(d->netd);
	loop_free(d->loop);
	timers_fini(&d->ts);
}
