// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Wiring of the protocol engines: what the datapath hands up goes to links and circuits, what
 * links hand up to circuits, what they send to the sockets, what they ask to the directory.
 */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "daemon.h"
#include "methods.h"

#define DISPATCH_BUDGET 256

static void op_random(void *arg, void *buf, size_t len)
{
	randombytes_buf(buf, len);
}

/* ---- datapath ---- */

static void dp_datagram(void *arg, u32 lane, const struct endpoint *from, const u8 *data, size_t len)
{
	struct daemon *d = arg;

	if (d->links)
		links_datagram(d->links, lane, from, data, len);
}

/* Nothing of it can be made again by us, who has no capability any more: start afresh. */
static void node_gone(struct daemon *d)
{
	if (d->stopping)
		return;
	log_error("datapath", "somebody deleted our node of the kernel module; stopping, because nothing can be sent any more");
	d->status = 1;
	loop_quit(d->loop);
}

static void dp_event(void *arg, const struct datapath_event *event)
{
	struct daemon *d = arg;

	switch (event->kind) {
	case DATAPATH_EV_SESSION:
	case DATAPATH_EV_ADDRESS:
		if (d->links)
			links_event(d->links, event);
		break;
	case DATAPATH_EV_DEVICE:
		log_error("datapath", "a network device of ours was removed; restart meshvpnd");
		break;
	case DATAPATH_EV_GONE:
		node_gone(d);
		break;
	default:
		if (d->circuits)
			circuits_event(d->circuits, event);
	}
}

static const struct datapath_ops dp_ops = { .datagram = dp_datagram, .event = dp_event };

static void dp_ready(struct watch *w, u32 events)
{
	struct daemon *d = container_of(w, struct daemon, dp_watch);

	datapath_dispatch(d->dp, DISPATCH_BUDGET);
}

static int datapath_start(struct daemon *d)
{
	const char *name = d->kernel ? "kmod" : "user";
	struct datapath_conf conf = d->conf.datapath;
	int ret;
	u32 i;

	conf.lanes = d->lanes;
	for (i = 0; i < d->lanes; i++)
		conf.sockets[i] = d->sockets[i];
	/* links and circuits keep these limits, and may change them while the datapath runs */
	conf.max_links = conf.max_circuits = UINT32_MAX;
	if (d->kernel) {
		conf.netlink = d->kernel_fd;
		conf.node = d->kernel_node;
	}
	ret = datapath_open(&d->dp, name, &conf, &dp_ops, d);
	if (ret) {
		log_error("start", "cannot open the datapath \"%s\": %s", name, strerror(-ret));
		return ret;
	}
	watch_init(&d->dp_watch, datapath_fd(d->dp), EPOLLIN, dp_ready);
	return d->dp_watch.fd < 0 ? 0 : loop_add(d->loop, &d->dp_watch);
}

static int device_give(struct daemon *d, u32 id, const char *name, enum datapath_role role, u32 mtu, const int *fds,
		       int steering)
{
	struct datapath_device device = {
		.id = id, .role = role, .mtu = mtu, .queues = d->lanes, .steering = steering > 0 ? steering : 0,
	};
	int ret;

	snprintf(device.name, sizeof(device.name), "%s", name);
	memcpy(device.fds, fds, d->lanes * sizeof(*fds));
	ret = datapath_device_apply(d->dp, DATAPATH_NEW, &device);
	if (ret)
		log_error("start", "the datapath does not take device %s: %s", name, strerror(-ret));
	return ret;
}

static int devices_give(struct daemon *d)
{
	int ret = 0;

	/* the helper has attached those of the kernel module, for which a capability is needed */
	if (d->kernel)
		return 0;
	if (d->conf.client_enable)
		ret = device_give(d, DEVICE_CLIENT, d->conf.interface, DATAPATH_ROLE_ORIGIN, d->conf.client.mtu, d->client_fds,
				  d->client_steering);
	if (!ret && d->conf.exit_enable)
		ret = device_give(d, DEVICE_EXIT, d->conf.exit_interface, DATAPATH_ROLE_EXIT, d->conf.exit.mtu, d->exit_fds,
				  d->exit_steering);
	return ret;
}

/* ---- links ---- */

static u64 op_wall(void *arg)
{
	return clock_wall();
}

static void op_send(void *arg, u32 lane, const struct endpoint *to, const void *data, size_t len)
{
	struct daemon *d = arg;
	struct sockaddr_storage ss;
	socklen_t ss_len;

	if (lane >= d->lanes || (to->family == AF_INET6 && !d->mapped))
		return;
	ss_len = endpoint_to_sockaddr(to, &ss, d->mapped);
	/* a datagram that is lost here is one that is lost: whoever sent it repeats it */
	if (sendto(d->sockets[lane], data, len, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&ss, ss_len) < 0)
		log_limited(LOG_TRACE, "link", "sendto: %s", strerror(errno));
}

static bool onion_matches(const struct descriptor *o, const u8 static_key[32])
{
	return !sodium_memcmp(o->peer.onion_key, static_key, 32) ||
	       (!sodium_is_zero(o->onion_previous, 32) && !sodium_memcmp(o->onion_previous, static_key, 32));
}

static bool op_identify(void *arg, const struct node_id *id, const u8 static_key[32], const void *hello, size_t len,
			struct peer *peer)
{
	struct daemon *d = arg;
	const struct descriptor *o = directory_find(d->dir, id);
	int error;

	if ((!o || !onion_matches(o, static_key)) && len)
		o = directory_learn(d->dir, hello, len, unix_now(), d->ts.now, &error);
	if (!o || !node_id_equal(&o->peer.id, id) || !onion_matches(o, static_key))
		return false;
	*peer = o->peer;
	return true;
}

static void op_link_up(void *arg, struct link *link)
{
	struct daemon *d = arg;

	circuits_link_up(d->circuits, link);
	methods_link_event(d, link, true, REASON_NONE);
}

static void op_link_down(void *arg, struct link *link, enum link_reason reason)
{
	struct daemon *d = arg;

	methods_link_event(d, link, false, reason);
	circuits_link_down(d->circuits, link, reason);
}

static void op_message(void *arg, struct link *link, const struct message *m)
{
	circuits_message(((struct daemon *)arg)->circuits, link, m);
}

static void op_cell(void *arg, struct link *link, const struct mv_header *header, u8 *cell, size_t len)
{
	circuits_cell(((struct daemon *)arg)->circuits, link, header, cell, len);
}

static const struct links_ops link_ops = {
	.wall = op_wall, .random = op_random, .send = op_send, .identify = op_identify, .up = op_link_up,
	.down = op_link_down, .message = op_message, .cell = op_cell,
};

/* ---- circuits ---- */

static int op_resolve(void *arg, const struct node_id *id, const void *descriptor, size_t len, struct peer *peer)
{
	struct daemon *d = arg;
	const struct descriptor *o = directory_find(d->dir, id);
	int error;

	if (!o && descriptor && len) {
		o = directory_learn(d->dir, descriptor, len, unix_now(), d->ts.now, &error);
		if (!o)
			return error;
		if (!node_id_equal(&o->peer.id, id))
			return -EBADMSG;
	}
	if (!o)
		return -ENOENT;
	*peer = o->peer;
	return 0;
}

static enum wire_refusal op_bind(void *arg, const struct bind_request *request, struct bind_grant *grant, u64 *rate,
				 u64 *burst)
{
	struct daemon *d = arg;

	return d->exit ? exit_bind(d->exit, request, grant, rate, burst) : REFUSAL_POLICY;
}

static void op_release(void *arg, const struct bind_grant *grant)
{
	struct daemon *d = arg;

	if (d->exit)
		exit_release(d->exit, grant);
}

static const struct circuits_ops circuit_ops = {
	.random = op_random, .resolve = op_resolve, .bind = op_bind, .release = op_release,
};

static int protocol_start(struct daemon *d)
{
	struct circuits_conf circuits;
	struct links_conf links;
	int ret;

	node_links_conf(d, &links);
	node_circuits_conf(d, &circuits);
	ret = links_new(&d->links, &links, &link_ops, d, &d->ts, d->dp);
	if (!ret)
		ret = circuits_new(&d->circuits, &circuits, &circuit_ops, d, &d->ts, d->links, d->dp);
	sodium_memzero(&links, sizeof(links));
	sodium_memzero(&circuits, sizeof(circuits));
	if (ret)
		log_error("start", "cannot start the protocol engines: %s", strerror(-ret));
	return ret;
}

int engines_open(struct daemon *d)
{
	int ret = datapath_start(d);

	if (!ret)
		ret = devices_give(d);
	return ret ? ret : protocol_start(d);
}

void engines_close(struct daemon *d)
{
	if (d->circuits)
		circuits_free(d->circuits);
	d->circuits = NULL;
	if (d->links)
		links_free(d->links);
	d->links = NULL;
	loop_del(d->loop, &d->dp_watch);
	if (d->dp)
		datapath_close(d->dp);
	d->dp = NULL;
}

/* ---- erasing ---- */

void engines_erase(struct daemon *d, const char *why)
{
	log_notice("clock", "%s: all keys of links and circuits are erased", why);
	circuits_destroy_all(d->circuits, REASON_EXPIRED);
	links_close(d->links, REASON_EXPIRED);
	client_address_changed(d);
}
