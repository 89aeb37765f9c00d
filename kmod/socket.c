// SPDX-License-Identifier: GPL-2.0
/*
 * What comes in: whose is it? gro_receive takes single cells and whole super-packets into the ring
 * of this CPU; what does not come that way (loopback, GRO off, segments of a super-packet that is
 * not all ours) comes one by one to encap_rcv, which also lets through what the daemon is to see.
 */
#include "socket.h"

#include <linux/file.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <net/udp.h>
#include <net/udp_tunnel.h>

#include "circuit.h"
#include "compat.h"
#include "engine.h"
#include "link.h"
#include "node.h"
#include "queue.h"

#define SEND_BYTES (256 << 10)	/* some three super-packets with what they cost in memory */
#define SEND_FLOOR (16 << 10)	/* a dozen cells, however slow the wire is */
#define SEND_NS (10 * NSEC_PER_MSEC)	/* of the wire's time, where that is less */

static struct mv_socket *socket_of(const struct sock *sk)
{
	return rcu_dereference_sk_user_data(sk);
}

/* ---- in ---- */

static void remember(struct mv_opened *to, const struct mv_cell *cell)
{
	to->session = cell->session;
	to->half = cell->half;
	to->counter = cell->counter;
}

/* Is the datagram at @at a cell that the poll may take? */
static bool takeable(struct mv_engine *e, const struct sk_buff *skb, u32 at, u32 len, struct mv_opened *to)
{
	u8 buffer[MV_CELL_HEADER];
	struct mv_cell cell = { .len = len };
	bool drop = false;

	cell.data = skb_header_pointer(skb, at, MV_CELL_HEADER, buffer);
	if (!cell.data || !mv_cell_shape(cell.data, len) ||
	    mv_input_resolve(e, &cell, &drop) != MV_DONE || drop)
		return false;
	remember(to, &cell);
	return true;
}

/* All of a super-packet, or nothing: what is left goes to the stack, which cuts it. */
static bool takeable_all(struct mv_engine *e, const struct mv_input *in, bool room)
{
	struct mv_opened forgotten;
	u32 i, at, len;

	for (i = 0, at = 0; at < in->len; i++, at += len) {
		len = min(in->segment, in->len - at);
		if (!takeable(e, in->skb, in->at + at, len, room ? mv_engine_opened(e, i) : &forgotten))
			return false;
	}
	return i;
}

/*
 * Nothing is freed here and nothing written to skb->cb: without CONFIG_XFRM_OFFLOAD the caller
 * still writes there. The checksum was verified, or is zero, or a local sender left it out.
 */
static struct sk_buff *gro_receive(struct sock *sk, struct list_head *head, struct sk_buff *skb)
{
	struct mv_socket *s = socket_of(sk);
	struct mv_node *node = s ? rcu_dereference(s->node) : NULL;
	struct mv_input in = { .skb = skb, .at = skb_gro_offset(skb), .len = skb_gro_len(skb) };
	struct mv_engine *e;
	u32 cells;
	bool room;

	in.segment = skb_is_gso(skb) ? skb_shinfo(skb)->gso_size : in.len;
	if (!node || mv_cell_class(in.segment) == MV_CLASSES)
		goto pass;
	e = this_cpu_ptr(node->engines);
	in.lane = s->lane;
	in.removed = mv_engine_removed(e);
	cells = DIV_ROUND_UP(in.len, in.segment);
	room = mv_engine_room(e, cells);
	if (!takeable_all(e, &in, room))
		goto pass;
	if (unlikely(!room)) {
		mv_stat_add(&e->stats, MV_STAT_DROP + MV_DROP_QUEUE, cells);
		dev_kfree_skb_irq(skb);		/* later */
		return ERR_PTR(-EINPROGRESS);
	}
	skb_set_network_header(skb, mv_gro_network_offset(skb));
	skb->skb_iif = skb->dev->ifindex;	/* the device may be gone before the poll */
	mv_engine_push(e, &in);
	if (cells > 1)
		mv_stat_add(&e->stats, MV_STAT_RX_SUPER, 1);
	return ERR_PTR(-EINPROGRESS);
pass:
	NAPI_GRO_CB(skb)->flush = 1;
	return NULL;
}

/* Never reached: nothing is merged. */
static int gro_complete(struct sock *sk, struct sk_buff *skb, int nhoff)
{
	return -ENOENT;
}

static int dropped(struct mv_engine *e, struct sk_buff *skb, enum mv_drop cause)
{
	mv_drop(e, cause);
	kfree_skb(skb);
	return 0;
}

/* 1: the daemon's socket gets the datagram unchanged, if the bucket allows it. */
static int let_up(struct mv_engine *e, const struct mv_socket *s, struct sk_buff *skb,
		  struct mv_bucket *bucket, enum mv_drop cause)
{
	if (s->own || !mv_bucket_take(bucket, e->now, 1))
		return dropped(e, skb, s->own ? MV_DROP_UP : cause);
	mv_stat_add(&e->stats, MV_STAT_UP, 1);
	return 1;
}

/* Under pass: work on it now, since what turns out not to be ours goes up. */
static int receive_pass(struct mv_engine *e, struct mv_socket *s, struct mv_cell *cell, struct sk_buff *skb)
{
	struct mv_circuit *c = cell->half->circuit;
	enum mv_verdict verdict;

	if (sizeof(struct udphdr) + cell->len <= skb_headlen(skb)) {
		cell->data = skb->data + sizeof(struct udphdr);
	} else {
		if (skb_copy_bits(skb, sizeof(struct udphdr), e->bounce, cell->len))
			return dropped(e, skb, MV_DROP_HEADER);
		cell->data = e->bounce;
	}
	verdict = mv_input_cell(e, cell);
	mv_engine_end(e);
	mv_queue_arm(e);	/* pass may have ended meanwhile on another CPU, and then the cell may wait */
	if (verdict == MV_UP)
		return let_up(e, s, skb, &c->pass_bucket, MV_DROP_UP);
	consume_skb(skb);
	return 0;
}

static int receive_cell(struct mv_engine *e, struct mv_socket *s, struct mv_cell *cell, struct sk_buff *skb)
{
	struct mv_input in = {
		.skb = skb, .lane = s->lane, .at = sizeof(struct udphdr), .len = cell->len,
		.segment = cell->len, .removed = mv_engine_removed(e),
	};
	bool drop = false;

	if (mv_input_resolve(e, cell, &drop) == MV_DONE) {
		if (drop || !mv_engine_room(e, 1))
			return dropped(e, skb, drop ? MV_DROP_HEADER : MV_DROP_QUEUE);
		remember(mv_engine_opened(e, 0), cell);
		mv_engine_push(e, &in);
		return 0;
	}
	if (!cell->session)
		return let_up(e, s, skb, &e->node->unknown, MV_DROP_NOT_CELL);
	mv_input_count(e, cell);
	if (!cell->half)
		return let_up(e, s, skb, &cell->session->link->up, MV_DROP_UP);
	return receive_pass(e, s, cell, skb);
}

static int encap_rcv(struct sock *sk, struct sk_buff *skb)
{
	struct mv_socket *s = socket_of(sk);
	struct mv_node *node = s ? rcu_dereference(s->node) : NULL;
	struct mv_cell cell = { .len = skb->len - sizeof(struct udphdr), .skb = skb };
	u8 buffer[MV_CELL_HEADER];
	struct mv_engine *e;

	if (!node)
		return 1;
	e = mv_engine_begin(node);
	cell.lane = s->lane;
	cell.data = skb_header_pointer(skb, sizeof(struct udphdr), MV_CELL_HEADER, buffer);
	if (!cell.data || !mv_cell_shape(cell.data, cell.len))
		return let_up(e, s, skb, &node->handshakes, MV_DROP_UP);
	return receive_cell(e, s, &cell, skb);
}

/* ---- out ---- */

u32 mv_socket_used(const struct mv_socket *s)
{
	return sk_wmem_alloc_get(s->sk);
}

/*
 * At least a cell: an skb counts with a byte while its end is told, so with less there would never be
 * room. No more than a share (queue.c) can say.
 */
static u32 most(const struct mv_node *node)
{
	u32 limit = READ_ONCE(node->conf.send_bytes);

	return limit ? clamp_t(u32, limit, MV_CELL_MAX, INT_MAX) : SEND_BYTES;
}

u32 mv_socket_limit(const struct mv_socket *s, const struct mv_node *node)
{
	u32 limit = READ_ONCE(s->limit);

	return limit ? min(limit, most(node)) : most(node);
}

/*
 * The waiting is over. A window is short where the wire is fast, so that it is soon known to be; where
 * nothing was in the socket, so that the wire took all at once, nothing can be measured but that.
 */
static void measure(struct mv_socket *s, const struct mv_node *node, u32 used)
{
	u32 limit = mv_socket_limit(s, node), max = most(node), before = READ_ONCE(s->used);
	s64 ns = ktime_get_ns() - READ_ONCE(s->since);
	u64 now;

	if (before < MV_CELL_MAX) {
		WRITE_ONCE(s->limit, limit + min(limit / 4, max - limit));
		return;
	}
	s->drained += before > used ? before - used : 0;
	s->ns += ns > 0 ? ns : 0;	/* another CPU may have begun to wait just now */
	if (s->drained < limit && s->ns < SEND_NS / 2)
		return;
	now = div64_u64((u64)s->drained * SEND_NS, s->ns + 1);
	now = clamp_t(u64, now, min_t(u32, SEND_FLOOR, max), max);
	WRITE_ONCE(s->limit, limit - limit / 4 + (u32)now / 4);
	s->drained = 0;
	s->ns = 0;
}

/* Half of the limit is to be free: few turns of many cells. */
static void share_room(struct mv_socket *s, struct mv_node *node)
{
	u32 used, limit;

	smp_mb();	/* who waits says so and then looks; who frees looks afterwards */
	used = mv_socket_used(s);
	if (likely(!READ_ONCE(s->waits)) || used > mv_socket_limit(s, node) / 2)
		return;
	smp_store_mb(s->waits, false);	/* who waits is seen by the kick, or says so again after this */
	measure(s, node, used);
	limit = mv_socket_limit(s, node);
	mv_queue_kick(node, s->lane, limit > used ? limit - used : 0);
}

void mv_socket_wait(struct mv_node *node, u32 lanes)
{
	struct mv_socket *s;
	u32 i, used;

	for (i = 0; i < MV_LANES_MAX; i++) {
		s = lanes & BIT(i) ? rcu_dereference(node->sockets[i]) : NULL;
		if (!s)
			continue;
		used = mv_socket_used(s);
		/* from when most is there: what others put in while one waits has to leave, too */
		if (!READ_ONCE(s->waits) || used > s->used) {
			s->used = used;
			s->since = ktime_get_ns();
		}
		WRITE_ONCE(s->waits, true);
		share_room(s, node);
	}
}

static void write_space(struct sock *sk)
{
	void (*before)(struct sock *sk);
	struct mv_socket *s;
	struct mv_node *node;

	rcu_read_lock();
	s = socket_of(sk);
	before = s->write_space;
	node = rcu_dereference(s->node);
	if (node)
		share_room(s, node);
	rcu_read_unlock();
	before(sk);
}

/* ---- life ---- */

static void socket_free(struct rcu_head *rcu)
{
	kfree(container_of(rcu, struct mv_socket, rcu));
	module_put(THIS_MODULE);
}

/* The sock goes, after its last skb and after a grace period. */
static void destruct(struct sock *sk)
{
	struct mv_socket *s = rcu_dereference_raw(__sk_user_data(sk));
	void (*before)(struct sock *sk) = s->destruct;

	call_rcu(&s->rcu, socket_free);
	before(sk);
}

/* Take @s from its node. False: somebody else did. */
static bool socket_leave(struct mv_socket *s, struct mv_node **node)
{
	struct mv_socket __rcu *mine = RCU_INITIALIZER(s);
	u32 lane = READ_ONCE(s->lane);		/* the next node's, once it has left this one */

	*node = unrcu_pointer(xchg(&s->node, NULL));
	if (!*node)
		return false;
	cmpxchg(&(*node)->sockets[lane], mine, NULL);
	return true;
}

static void socket_put(struct rcu_head *rcu)
{
	sock_put(container_of(rcu, struct mv_socket, rcu)->sk);
}

/* Its owner closes it. Who sends now still holds it, until a grace period is over. */
static void encap_destroy(struct sock *sk)
{
	struct mv_socket *s;
	struct mv_node *node;

	rcu_read_lock();
	s = socket_of(sk);
	if (s && socket_leave(s, &node)) {
		mv_queue_kick(node, s->lane, 0);	/* what waits for it waits in vain */
		mv_node_put(node);
		call_rcu(&s->rcu, socket_put);
	}
	rcu_read_unlock();
}

/* ERR_PTR(-ENOMEM, -ENODEV) */
static struct mv_socket *socket_new(struct sock *sk)
{
	struct udp_tunnel_sock_cfg cfg = {
		.encap_type = 1, .encap_rcv = encap_rcv, .encap_destroy = encap_destroy,
		.gro_receive = gro_receive, .gro_complete = gro_complete,
	};
	struct mv_socket *s;

	/* requests are taken until unloading has come to netlink, which is too late for a socket */
	if (!try_module_get(THIS_MODULE))
		return ERR_PTR(-ENODEV);
	s = kzalloc(sizeof(*s), GFP_KERNEL_ACCOUNT);
	if (!s) {
		module_put(THIS_MODULE);
		return ERR_PTR(-ENOMEM);
	}
	s->sk = sk;
	s->destruct = sk->sk_destruct;
	cfg.sk_user_data = s;
	mv_setup_udp_tunnel_sock(sock_net(sk), sk, &cfg);
	sk->sk_destruct = destruct;
	write_lock_bh(&sk->sk_callback_lock);
	s->write_space = sk->sk_write_space;
	WRITE_ONCE(sk->sk_write_space, write_space);
	write_unlock_bh(&sk->sk_callback_lock);
	return s;
}

/* Under lock_sock(). */
static int socket_join(struct mv_node *node, u32 lane, struct sock *sk, bool own)
{
	struct mv_socket *s = rcu_dereference_raw(__sk_user_data(sk));

	if (sock_flag(sk, SOCK_DEAD))
		return -EBADF;
	if (READ_ONCE(udp_sk(sk)->encap_rcv) != encap_rcv) {
		if (s || READ_ONCE(udp_sk(sk)->encap_type))
			return -EBUSY;
		s = socket_new(sk);
		if (IS_ERR(s))
			return PTR_ERR(s);
	} else if (rcu_access_pointer(s->node)) {
		return -EBUSY;
	}
	s->lane = lane;
	s->own = own;
	s->waits = false;
	sock_hold(sk);
	kref_get(&node->ref);
	rcu_assign_pointer(s->node, node);
	rcu_assign_pointer(node->sockets[lane], s);
	node->lanes = max(node->lanes, lane + 1);
	return 0;
}

static int socket_check(const struct mv_node *node, const struct sock *sk)
{
	if (sk->sk_protocol != IPPROTO_UDP || sk->sk_type != SOCK_DGRAM ||
	    (sk->sk_family != AF_INET && sk->sk_family != AF_INET6))
		return -EPROTONOSUPPORT;
	if (!net_eq(sock_net(sk), node->net))
		return -EXDEV;
	/* what has a port is freed by RCU, which we rely on */
	return inet_sk(sk)->inet_num && sock_flag(sk, SOCK_RCU_FREE) ? 0 : -EINVAL;
}

int mv_socket_attach(struct mv_node *node, u32 lane, int fd)
{
	struct socket *sock;
	int err;

	if (lane >= MV_LANES_MAX || rcu_access_pointer(node->sockets[lane]))
		return -EINVAL;
	sock = sockfd_lookup(fd, &err);
	if (!sock)
		return err;
	err = socket_check(node, sock->sk);
	if (!err) {
		lock_sock(sock->sk);
		err = socket_join(node, lane, sock->sk, false);
		release_sock(sock->sk);
	}
	sockfd_put(sock);
	return err;
}

static int socket_create(struct net *net, u16 port, struct socket **sock)
{
	struct udp_port_cfg cfg = {
		.family = AF_INET6, .local_udp_port = htons(port), .use_udp_checksums = 1,
		.use_udp6_tx_checksums = 1, .use_udp6_rx_checksums = 1,
	};
	int err = udp_sock_create(net, &cfg, sock);

	if (!err || err == -EADDRINUSE)
		return err;
	cfg.family = AF_INET;
	return udp_sock_create(net, &cfg, sock);
}

/* As the daemon sets up its own. @sk is locked. */
static void socket_setup(struct sock *sk, u32 mark)
{
	WRITE_ONCE(sk->sk_mark, mark);
	/* cells have one size, and who sends ICMP is not known to be who it seems */
	inet_sk(sk)->pmtudisc = IP_PMTUDISC_PROBE;
#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6)
		inet6_sk(sk)->pmtudisc = IPV6_PMTUDISC_PROBE;
#endif
}

int mv_socket_make(struct mv_node *node, u32 lane, u16 port, u32 mark)
{
	struct socket *sock;
	int err;

	if (lane >= MV_LANES_MAX || rcu_access_pointer(node->sockets[lane]))
		return -EINVAL;
	err = socket_create(node->net, port, &sock);
	if (err)
		return err;
	lock_sock(sock->sk);
	socket_setup(sock->sk, mark);
	err = socket_join(node, lane, sock->sk, true);
	release_sock(sock->sk);
	if (err)
		sock_release(sock);
	return err;
}

u16 mv_socket_port(const struct mv_socket *s)
{
	return ntohs(inet_sk(s->sk)->inet_sport);
}

void mv_socket_release(struct mv_node *node)
{
	struct mv_socket *left[MV_LANES_MAX];
	struct mv_node *same;
	u32 i, n = 0;

	rcu_read_lock();
	for (i = 0; i < MV_LANES_MAX; i++) {
		struct mv_socket *s = rcu_dereference(node->sockets[i]);

		if (s && socket_leave(s, &same))
			left[n++] = s;
	}
	rcu_read_unlock();
	if (!n)
		return;
	synchronize_net();
	for (i = 0; i < n; i++) {
		struct sock *sk = left[i]->sk;

		if (left[i]->own) {
			kernel_sock_shutdown(sk->sk_socket, SHUT_RDWR);
			sock_release(sk->sk_socket);
		}
		sock_put(sk);
		mv_node_put(node);
	}
}
