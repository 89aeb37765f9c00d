// SPDX-License-Identifier: GPL-2.0-or-later
/* The bench of the conformance suite: see rig.h. */
#include "rig.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/ethernet.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "crypto/aead.h"
#include "datapath/kmod_conn.h"

#define PATIENCE_MS 2000

static u64 real_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000ULL + (u64)ts.tv_nsec;
}

static void queue_put(struct rig_queue *q, u32 lane, const u8 *data, u32 len)
{
	struct rig_bytes *b = &q->items[(q->first + q->count) % RIG_QUEUE];

	if (q->count == RIG_QUEUE)
		return;
	*b = (struct rig_bytes){ lane, len, malloc(len) };
	memcpy(b->data, data, len);
	q->count++;
}

static u32 queue_get(struct rig_queue *q, u8 *data)
{
	struct rig_bytes b = q->items[q->first];

	if (!q->count)
		return 0;
	memcpy(data, b.data, b.len);
	free(b.data);
	q->first = (q->first + 1) % RIG_QUEUE;
	q->count--;
	return b.len;
}

/* ---- upcalls ---- */

static void on_datagram(void *arg, u32 lane, const struct endpoint *from, const u8 *data, size_t len)
{
	struct rig_dp *d = arg;

	queue_put(&d->up, lane, data, (u32)len);
}

static void on_event(void *arg, const struct datapath_event *e)
{
	struct rig_dp *d = arg;
	u32 i = d->event_count++ % 64;

	d->event_kinds[e->kind]++;
	d->events[i] = *e;
	if (e->len)
		memcpy(d->event_data[i], e->data, e->len);
	d->events[i].data = d->event_data[i];
}

static void on_send(void *arg, u32 lane, const struct endpoint *to, const u8 *data, size_t len)
{
	struct rig_dp *d = arg;
	struct endpoint from = d->self;
	u32 i;

	for (i = 0; i < RIG_PEERS; i++)
		if (endpoint_equal(&d->peer[i], to))
			queue_put(&d->sent[i], lane, data, (u32)len);
	from.port = (u16)(from.port + lane);
	for (i = 0; i < d->rig->count; i++) {
		struct rig_dp *o = &d->rig->dps[i];

		if (to->port >= o->self.port && to->port < o->self.port + d->kind->lanes)
			datapath_fake_receive(o->dp, to->port - o->self.port, &from, data, len);
	}
}

static void on_packet(void *arg, u32 device, const u8 *data, size_t len)
{
	struct rig_dp *d = arg;

	queue_put(&d->packets, device, data, (u32)len);
}

static u64 on_now(void *arg)
{
	return ((struct rig_dp *)arg)->rig->now;
}

static const struct datapath_ops ops = {
	.datagram = on_datagram, .event = on_event, .send = on_send, .packet = on_packet, .now = on_now,
};

/* ---- set-up ---- */

static bool simulated(const struct rig *rig)
{
	return !strcmp(rig->kind->name, "fake");
}

static bool in_kernel(const struct rig *rig)
{
	return !strcmp(rig->kind->name, "kmod");
}

static int up(const char *name, u32 mtu)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err = 0;
	struct ifreq req = { 0 };

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", name);
	if (mtu) {
		req.ifr_mtu = (int)mtu;
		err |= ioctl(fd, SIOCSIFMTU, &req);
	}
	err |= ioctl(fd, SIOCGIFFLAGS, &req);
	req.ifr_flags = (short)(req.ifr_flags | IFF_UP);
	err |= ioctl(fd, SIOCSIFFLAGS, &req);
	close(fd);
	return err ? -errno : 0;
}

static void no_ipv6_chatter(void)
{
	int fd = open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, "1", 1) < 0)
		fprintf(stderr, "disable_ipv6: %s\n", strerror(errno));
	close(fd);
}

int rig_init(struct rig *rig, const struct rig_kind *kind)
{
	const char *only = getenv("MESHVPN_DATAPATH");

	if (only && *only && strcmp(only, kind->name))
		return -ECANCELED;
	memset(rig, 0, sizeof(*rig));
	rig->kind = kind;
	rig->now = 1000000000;
	rig->port = 20000;
	if (simulated(rig))
		return 0;
	if (in_kernel(rig) && kmod_probe())
		return kmod_probe();
	if (unshare(CLONE_NEWNET))
		return -errno;
	no_ipv6_chatter();
	return up("lo", 0);
}

static int bound(u32 port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((u16)port) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = 4 << 20;

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&in, sizeof(in))) {
		close(fd);
		return -1;
	}
	return fd;
}

static struct endpoint local(u32 port)
{
	return (struct endpoint){ .family = AF_INET, .port = (u16)port, .addr = { 127, 0, 0, 1 } };
}

struct rig_dp *rig_open(struct rig *rig, const struct datapath_conf *given)
{
	struct rig_dp *d = &rig->dps[rig->count];
	struct datapath_conf conf = given ? *given : (struct datapath_conf){ 0 };
	u32 i;

	memset(d, 0, sizeof(*d));
	d->rig = rig;
	d->kind = rig->kind;
	d->index = rig->count;
	d->device_fd = -1;
	d->self = local(rig->port);
	conf.lanes = rig->kind->lanes;
	conf.no_io_uring = rig->kind->no_io_uring;
	for (i = 0; i < conf.lanes; i++, rig->port++)
		conf.sockets[i] = d->sockets[i] = simulated(rig) ? -1 : bound(rig->port);
	for (i = 0; i < RIG_PEERS; i++, rig->port++) {
		d->peer[i] = local(rig->port);
		d->peer_fd[i] = simulated(rig) ? -1 : bound(rig->port);
	}
	if (datapath_open(&d->dp, rig->kind->name, &conf, &ops, d))
		return NULL;
	rig->count++;
	return d;
}

static void drain(struct rig_queue *q)
{
	u8 data[RIG_PACKET];

	while (queue_get(q, data))
		;
}

void rig_fini(struct rig *rig)
{
	u32 i, k;

	for (i = 0; i < rig->count; i++) {
		struct rig_dp *d = &rig->dps[i];

		datapath_close(d->dp);
		for (k = 0; k < RIG_PEERS; k++) {
			drain(&d->sent[k]);
			if (d->peer_fd[k] >= 0)
				close(d->peer_fd[k]);
		}
		for (k = 0; k < rig->kind->lanes; k++)
			if (d->sockets[k] >= 0)
				close(d->sockets[k]);
		if (d->device_fd >= 0)
			close(d->device_fd);
		drain(&d->up);
		drain(&d->packets);
	}
}

bool rig_has(const struct rig_dp *d, u32 caps)
{
	return (datapath_caps(d->dp) & caps) == caps;
}

/* ---- cells ---- */

void rig_send(struct rig_dp *d, u32 peer, u32 lane, const u8 *data, u32 len)
{
	struct sockaddr_in to = { .sin_family = AF_INET };

	if (simulated(d->rig)) {
		datapath_fake_receive(d->dp, lane, &d->peer[peer], data, len);
		return;
	}
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to.sin_port = htons((u16)(d->self.port + lane));
	if (sendto(d->peer_fd[peer], data, len, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		fprintf(stderr, "sendto: %s\n", strerror(errno));
}

u32 rig_recv_now(struct rig_dp *d, u32 peer, u8 *data)
{
	ssize_t n;

	rig_serve(d->rig);
	if (simulated(d->rig))
		return queue_get(&d->sent[peer], data);
	n = recv(d->peer_fd[peer], data, RIG_PACKET, MSG_DONTWAIT);
	return n < 0 ? 0 : (u32)n;
}

struct wait {
	struct rig_dp *d;
	u32 peer, len, what;
	u64 count;
	u8 *data;
};

static bool received(void *arg)
{
	struct wait *w = arg;

	w->len = rig_recv_now(w->d, w->peer, w->data);
	return w->len;
}

u32 rig_recv(struct rig_dp *d, u32 peer, u8 *data)
{
	struct wait w = { .d = d, .peer = peer, .data = data };

	rig_until(d->rig, received, &w);
	return w.len;
}

void rig_serve(struct rig *rig)
{
	u32 i, again = 1;

	while (again)
		for (again = i = 0; i < rig->count; i++)
			again |= (u32)datapath_dispatch(rig->dps[i].dp, 256);
}

bool rig_until(struct rig *rig, bool (*done)(void *arg), void *arg)
{
	u64 end = real_now() + PATIENCE_MS * 1000000ULL;
	u32 turns = 0, i;

	for (;;) {
		rig_serve(rig);
		if (done(arg))
			return true;
		if (simulated(rig) ? turns++ > 3 : real_now() > end)
			return false;
		if (simulated(rig)) {
			rig->now += 300000;
			for (i = 0; i < rig->count; i++)
				datapath_fake_tick(rig->dps[i].dp);
		} else {
			usleep(100);
		}
	}
}

static bool dropped(void *arg)
{
	struct wait *w = arg;
	struct datapath_stats stats;

	datapath_stats_get(w->d->dp, &stats);
	return stats.drops[w->what] >= w->count;
}

bool rig_drops(struct rig_dp *d, enum datapath_drop cause, u64 count)
{
	struct wait w = { .d = d, .what = cause, .count = count };
	struct datapath_stats stats;

	rig_until(d->rig, dropped, &w);
	datapath_stats_get(d->dp, &stats);
	return stats.drops[cause] == count;
}

static bool raised(void *arg)
{
	struct wait *w = arg;

	return w->d->event_kinds[w->what] >= w->count;
}

bool rig_events(struct rig_dp *d, enum datapath_event_kind kind, u32 count)
{
	struct wait w = { .d = d, .what = kind, .count = count };

	rig_until(d->rig, raised, &w);
	return d->event_kinds[kind] == count;
}

static bool went_up(void *arg)
{
	struct wait *w = arg;

	return w->d->up.count >= w->count;
}

bool rig_ups(struct rig_dp *d, u32 count)
{
	struct wait w = { .d = d, .count = count };

	rig_until(d->rig, went_up, &w);
	return d->up.count == count;
}

u32 rig_up(struct rig_dp *d, u8 *data)
{
	return queue_get(&d->up, data);
}

const struct datapath_event *rig_event(struct rig_dp *d, enum datapath_event_kind kind)
{
	u32 i;

	for (i = d->event_count; i-- && i + 64 >= d->event_count; )
		if (d->events[i % 64].kind == kind)
			return &d->events[i % 64];
	return NULL;
}

u64 rig_relayed(struct rig_dp *d)
{
	struct datapath_stats stats;

	datapath_stats_get(d->dp, &stats);
	return stats.relayed;
}

/* ---- devices ---- */

/* A packet socket on the device, which sees what comes out of it. */
static int listen_on(struct rig_dp *d, const char *name)
{
	struct sockaddr_ll ll = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int one = 1, size = 16 << 20;

	d->device_fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_ALL));
	if (d->device_fd < 0)
		return -errno;
	setsockopt(d->device_fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	setsockopt(d->device_fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(d->device_fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	ll.sll_ifindex = (int)if_nametoindex(name);
	snprintf(d->device_name, sizeof(d->device_name), "%s", name);
	return bind(d->device_fd, (struct sockaddr *)&ll, sizeof(ll)) ? -errno : 0;
}

int rig_tun(struct rig_dp *d, const char *name, u32 mtu, u32 queues, int *fds)
{
	struct ifreq req = { .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE };
	u32 i;

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", name);
	for (i = 0; i < queues; i++) {
		fds[i] = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
		if (fds[i] < 0 || ioctl(fds[i], TUNSETIFF, &req))
			return -errno;
		ioctl(fds[i], TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6);
	}
	if (up(name, mtu))
		return -EIO;
	return listen_on(d, name);
}

/* A device of the kernel module; one of that name that was detached goes. Up once it is attached. */
static int kernel_device(const char *name)
{
	char command[160];

	snprintf(command, sizeof(command), "ip link del %s 2>/dev/null; ip link add %s type meshvpn", name, name);
	return system(command) ? -EIO : 0;
}

/* The system may send more than the MTU that the datapath was told, and is answered. */
static int kernel_device_up(struct rig_dp *d, const char *name, u32 mtu)
{
	int err = up(name, mtu);

	return err ? err : listen_on(d, name);
}

int rig_device(struct rig_dp *d, u32 id, enum datapath_role role, u32 mtu)
{
	struct datapath_device device = { .id = id, .role = role, .mtu = mtu };
	int err;

	snprintf(device.name, sizeof(device.name), "mv%u-%u", d->index, id % 1000);
	if (in_kernel(d->rig)) {
		err = kernel_device(device.name);
		if (!err)
			err = datapath_device_apply(d->dp, DATAPATH_NEW, &device);
		return err ? err : kernel_device_up(d, device.name, mtu + 100);
	}
	if (rig_has(d, DATAPATH_DEVICE)) {
		device.queues = d->kind->lanes;
		err = rig_tun(d, device.name, mtu + 100, device.queues, device.fds);
		if (err)
			return err;
	}
	return datapath_device_apply(d->dp, DATAPATH_NEW, &device);
}

void rig_packet(struct rig_dp *d, u32 device, const u8 *data, u32 len)
{
	struct sockaddr_ll ll = { .sll_family = AF_PACKET };

	if (simulated(d->rig)) {
		datapath_fake_packet(d->dp, device, data, len);
		return;
	}
	ll.sll_protocol = htons(data[0] >> 4 == 6 ? ETH_P_IPV6 : ETH_P_IP);
	ll.sll_ifindex = (int)if_nametoindex(d->device_name);
	if (sendto(d->device_fd, data, len, 0, (struct sockaddr *)&ll, sizeof(ll)) < 0)
		fprintf(stderr, "packet: %s\n", strerror(errno));
}

int rig_super(struct rig_dp *d, const u8 *data, u32 len)
{
	struct sockaddr_ll ll = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), one = 1, err = 0;

	ll.sll_ifindex = (int)if_nametoindex(d->device_name);
	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) ||
	    sendto(fd, data, len, 0, (struct sockaddr *)&ll, sizeof(ll)) < 0)
		err = -errno;
	close(fd);
	return err;
}

static bool packet_came(void *arg)
{
	struct wait *w = arg;
	ssize_t n;

	if (simulated(w->d->rig)) {
		w->len = queue_get(&w->d->packets, w->data);
		return w->len;
	}
	n = recv(w->d->device_fd, w->data, RIG_PACKET, MSG_DONTWAIT);
	w->len = n < 0 ? 0 : (u32)n;
	return w->len;
}

u32 rig_packet_recv(struct rig_dp *d, u8 *data)
{
	struct wait w = { .d = d, .data = data };

	rig_until(d->rig, packet_came, &w);
	return w.len;
}

/* ---- links ---- */

void rig_key(u8 *to, u32 len, u32 a, u32 b)
{
	u32 i;

	for (i = 0; i < len; i++)
		to[i] = (u8)(a * 101 + b * 37 + i * 11 + (a ^ b) * 3 + 1);
}

/* @from and @to: numbers that name the ends */
static u64 id_of(u32 from, u32 to)
{
	return 0x55000000ULL + from * 1000 + to;
}

static struct datapath_link_session session(u32 self, u32 other, u32 id, const struct endpoint *remote,
					    u32 remote_lanes, u32 lanes)
{
	struct datapath_link_session s = {
		.link = id, .index = 1, .state = DATAPATH_SESSION_CURRENT, .rx_ids_count = 2,
		.rx_ids = { id_of(other, self), id_of(other, self) + 0x1000000 },
		.tx_id = id_of(self, other), .remote = *remote, .remote_lanes = remote_lanes,
		.local_lanes = lanes,
	};

	rig_key(s.rx_tag, 16, other, self);
	rig_key(s.rx_mask, 16, other, self + 500);
	rig_key(s.tx_tag, 16, self, other);
	rig_key(s.tx_mask, 16, self, other + 500);
	return s;
}

/* Neighbours that the test plays are numbered apart from datapaths. */
static u32 peer_name(const struct rig_dp *d, u32 peer)
{
	return 100 + d->index * 10 + peer;
}

struct datapath_link_session rig_session(const struct rig_dp *d, u32 id, u32 peer)
{
	return session(d->index, peer_name(d, peer), id, &d->peer[peer], 1, d->kind->lanes);
}

int rig_link(struct rig_dp *d, u32 id, u32 peer, struct rig_link *link)
{
	struct datapath_link conf = { .id = id };
	struct datapath_link_session s = rig_session(d, id, peer);
	int err = datapath_link_apply(d->dp, DATAPATH_NEW, &conf);

	mv_header_keys_init(&link->rx, s.tx_tag, s.tx_mask);
	mv_header_keys_init(&link->tx, s.rx_tag, s.rx_mask);
	link->rx_id = s.tx_id;
	link->tx_id = s.rx_ids[0];
	return err ? err : datapath_link_session_apply(d->dp, DATAPATH_NEW, &s);
}

int rig_join_session(struct rig_dp *a, u32 id, struct rig_dp *b)
{
	struct datapath_link_session s = session(a->index, b->index, id, &b->self, b->kind->lanes,
						 a->kind->lanes);

	return datapath_link_session_apply(a->dp, DATAPATH_NEW, &s);
}

static int half_join(struct rig_dp *a, u32 id, struct rig_dp *b)
{
	struct datapath_link conf = { .id = id };
	int err = datapath_link_apply(a->dp, DATAPATH_NEW, &conf);

	return err ? err : rig_join_session(a, id, b);
}

int rig_join(struct rig_dp *a, u32 a_id, struct rig_dp *b, u32 b_id)
{
	int err = half_join(a, a_id, b);

	return err ? err : half_join(b, b_id, a);
}

u32 rig_payload_cell(u8 *cell, const struct rig_link *link, u32 circuit, u64 counter, const u8 *kf,
		     enum mv_class class, const u8 *payload, u32 len)
{
	u32 body = mv_class_body(class);
	struct aead_job job = {
		.kind = AEAD_SEAL, .key = kf, .nonce = counter, .src = cell + MV_CELL_BODY,
		.dst = cell + MV_CELL_BODY, .tag = cell + MV_CELL_LAYER, .len = body,
	};

	memset(cell, 0, MV_CELL_HEADER + body);
	memcpy(cell + MV_CELL_BODY, payload, len);
	aead_run(&job, 1);
	mv_header_seal(cell, &link->tx, link->tx_id, circuit, counter, body, (u8)rand());
	return MV_CELL_HEADER + body;
}

u32 rig_cell(u8 *cell, const struct rig_link *link, u32 circuit, u64 counter, const u8 *kf,
	     enum mv_class class, u8 fill)
{
	u8 payload[MV_BODY_MAX];

	memset(payload, fill, sizeof(payload));
	return rig_payload_cell(cell, link, circuit, counter, kf, class, payload, mv_class_body(class));
}

bool rig_open_header(const u8 *cell, u32 len, const struct rig_link *link, struct mv_header *h)
{
	return mv_cell_shape(cell, len) && mv_cell_link(cell) == link->rx_id &&
	       mv_header_open(cell, &link->rx, len - MV_CELL_HEADER, h);
}
