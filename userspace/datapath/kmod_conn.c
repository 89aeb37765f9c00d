// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The generic netlink socket to the kernel module: see kmod_conn.h. libnl builds and reads
 * messages; sending and receiving are done here, because its loop would run an event's callback
 * in the middle of a request, and knows no timeout.
 */
#include "kmod_conn.h"

#include <base/list.h>
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/meshvpn.h>
#include <netlink/attr.h>
#include <poll.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BUFFER (64 << 10)		/* more than the kernel puts into one answer */
#define RECEIVE_BUFFER (4 << 20)	/* events that may wait while we are busy */
#define SEND_BUFFER (512 << 10)		/* a batch is one message */
#define EVENTS_MAX 65536

struct waiting {
	struct list list;
	struct nlmsghdr h;		/* and what follows it */
};

struct kmod_conn {
	int fd, family;
	u32 seq;
	bool overrun;
	struct list events;		/* struct waiting, the oldest first */
	u32 event_count;
	struct waiting *given;		/* what kmod_conn_event() returned last */
	char error[256];
	u8 *buffer;			/* BUFFER */
	u32 at, end;			/* messages of the buffer that are not looked at yet */
};

static u64 now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000 + (u64)ts.tv_nsec / 1000000;
}

/* ---- receiving ---- */

/* Fill the buffer, if its messages are used up. Return: 1, 0: nothing there, -errno. */
static int receive(struct kmod_conn *c)
{
	struct sockaddr_nl from;
	socklen_t len = sizeof(from);
	ssize_t n;

	if (c->at < c->end)
		return 1;
	for (;;) {
		n = recvfrom(c->fd, c->buffer, BUFFER, MSG_DONTWAIT, (struct sockaddr *)&from, &len);
		if (n < 0 && errno == ENOBUFS)
			c->overrun = true;
		else if (n < 0 && errno != EINTR)
			return errno == EAGAIN ? 0 : -errno;
		else if (n > 0 && !from.nl_pid)
			break;		/* nobody but the kernel is believed */
	}
	c->at = 0;
	c->end = (u32)n;
	return 1;
}

/* The next message of the buffer. NULL: none. */
static struct nlmsghdr *next(struct kmod_conn *c)
{
	struct nlmsghdr *h = (struct nlmsghdr *)(c->buffer + c->at);
	int left = (int)(c->end - c->at);

	if (!nlmsg_ok(h, left)) {
		c->at = c->end = 0;
		return NULL;
	}
	c->at += NLMSG_ALIGN(h->nlmsg_len);
	if (c->at > c->end)
		c->at = c->end;
	return h;
}

static bool is_event(const struct kmod_conn *c, const struct nlmsghdr *h)
{
	return !h->nlmsg_seq && h->nlmsg_type == c->family && c->family &&
	       h->nlmsg_len >= NLMSG_HDRLEN + GENL_HDRLEN;
}

static void keep(struct kmod_conn *c, const struct nlmsghdr *h)
{
	struct waiting *w = c->event_count < EVENTS_MAX ?
		malloc(sizeof(*w) - sizeof(w->h) + h->nlmsg_len) : NULL;

	if (!w) {
		c->overrun = true;
		return;
	}
	memcpy(&w->h, h, h->nlmsg_len);
	list_add_tail(&w->list, &c->events);
	c->event_count++;
}

/* Events out of the socket, so that there is room for an answer; an old answer is of no use. */
static void drain(struct kmod_conn *c)
{
	struct nlmsghdr *h;

	while (receive(c) == 1)
		while ((h = next(c)))
			if (is_event(c, h))
				keep(c, h);
}

/* ---- answers ---- */

struct answer {
	int (*each)(void *arg, const struct nlmsghdr *h);
	void *arg;
	bool dump, done, interrupted;
	int result, stopped;
	u32 offset;			/* in the request, of what is to blame; 0: the kernel does not say */
};

/* Of a batch: which op lies at this offset of the request. What goes on with an op has no number. */
static u32 op_at(const struct nlmsghdr *h, u32 offset)
{
	struct nlattr *a, *tb[MESHVPN_A_OP_MAX + 1], *selector[MESHVPN_A_SELECTOR_MAX + 1];
	u32 op = 0, seen = 0;
	int left;

	nlmsg_for_each_attr(a, (struct nlmsghdr *)h, GENL_HDRLEN, left) {
		if ((u8 *)a - (u8 *)h > offset)
			break;
		if (nla_type(a) != MESHVPN_A_OP || nla_parse_nested(tb, MESHVPN_A_OP_MAX, a, NULL))
			continue;
		if (tb[MESHVPN_A_OP_SELECTOR] &&
		    !nla_parse_nested(selector, MESHVPN_A_SELECTOR_MAX, tb[MESHVPN_A_OP_SELECTOR], NULL) &&
		    selector[MESHVPN_A_SELECTOR_MORE])
			continue;
		op = seen++;
	}
	return op;
}

/* The kernel's words follow @skip bytes of an error, or of the end of a dump. */
static void take_words(struct kmod_conn *c, const struct nlmsghdr *h, u32 skip, struct answer *a)
{
	struct nlattr *tb[NLMSGERR_ATTR_MAX + 1];

	if (!(h->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (skip > h->nlmsg_len - NLMSG_HDRLEN ||
	    nla_parse(tb, NLMSGERR_ATTR_MAX, (struct nlattr *)((u8 *)nlmsg_data(h) + NLMSG_ALIGN(skip)),
		      (int)(h->nlmsg_len - NLMSG_HDRLEN - skip), NULL))
		return;
	if (tb[NLMSGERR_ATTR_OFFS] && nla_len(tb[NLMSGERR_ATTR_OFFS]) == sizeof(u32))
		a->offset = nla_get_u32(tb[NLMSGERR_ATTR_OFFS]);
	else if (tb[NLMSGERR_ATTR_MISS_NEST] && nla_len(tb[NLMSGERR_ATTR_MISS_NEST]) == sizeof(u32))
		a->offset = nla_get_u32(tb[NLMSGERR_ATTR_MISS_NEST]);
	if (tb[NLMSGERR_ATTR_MSG])
		snprintf(c->error, sizeof(c->error), "%.*s", nla_len(tb[NLMSGERR_ATTR_MSG]),
			 (char *)nla_data(tb[NLMSGERR_ATTR_MSG]));
}

static void take_end(struct kmod_conn *c, const struct nlmsghdr *h, struct answer *a)
{
	const struct nlmsgerr *e = nlmsg_data(h);
	u32 skip = sizeof(*e);

	a->done = true;
	if (h->nlmsg_type == NLMSG_DONE) {
		/* the error of a dump, where there is one */
		if (h->nlmsg_len >= NLMSG_HDRLEN + sizeof(int))
			a->result = *(const int *)nlmsg_data(h);
		if (a->result)
			take_words(c, h, sizeof(int), a);
		return;
	}
	if (h->nlmsg_len < NLMSG_HDRLEN + sizeof(*e)) {
		a->result = -EBADMSG;
		return;
	}
	a->result = e->error;
	if (!(h->nlmsg_flags & NLM_F_CAPPED))
		skip += e->msg.nlmsg_len - sizeof(e->msg);
	if (e->error)
		take_words(c, h, skip, a);
}

static void take(struct kmod_conn *c, const struct nlmsghdr *h, struct answer *a)
{
	if (is_event(c, h)) {
		keep(c, h);
		return;
	}
	if (h->nlmsg_seq != c->seq || a->done)
		return;
	if (h->nlmsg_type == NLMSG_ERROR || h->nlmsg_type == NLMSG_DONE) {
		take_end(c, h, a);
		return;
	}
	if (h->nlmsg_flags & NLM_F_DUMP_INTR)
		a->interrupted = true;
	if (h->nlmsg_len < NLMSG_HDRLEN + GENL_HDRLEN)
		return;
	if (a->each && !a->stopped)
		a->stopped = a->each(a->arg, h);
}

static int wait_answer(struct kmod_conn *c, struct answer *a)
{
	u64 end = now_ms() + KMOD_PATIENCE_MS, now;
	struct nlmsghdr *h;
	int ret;

	while (!a->done) {
		struct pollfd p = { .fd = c->fd, .events = POLLIN };

		ret = receive(c);
		if (ret < 0)
			return ret;
		while (ret && (h = next(c)))
			take(c, h, a);
		now = now_ms();
		if (ret || a->done)
			continue;
		/* but for dumps all is answered within sendto(): what is not there now was lost among events */
		if (now >= end || (c->overrun && !a->dump))
			return -ETIMEDOUT;
		if (poll(&p, 1, (int)(end - now)) < 0 && errno != EINTR)
			return -errno;
	}
	if (a->result || a->stopped)
		return a->result ? a->result : a->stopped;
	return a->interrupted ? -EINTR : 0;
}

static bool is_dump(const struct nlmsghdr *h)
{
	return (h->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
}

static int transmit(struct kmod_conn *c, struct nl_msg *m)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct nlmsghdr *h = nlmsg_hdr(m);
	ssize_t n;

	c->seq = c->seq + 1 ? c->seq + 1 : 1;
	h->nlmsg_seq = c->seq;
	h->nlmsg_pid = 0;
	/* a dump ends by itself */
	h->nlmsg_flags |= NLM_F_REQUEST | (is_dump(h) ? 0 : NLM_F_ACK);
	do {
		n = sendto(c->fd, h, h->nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel));
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int kmod_call(struct kmod_conn *c, struct nl_msg *m, int (*each)(void *arg, const struct nlmsghdr *h),
	      void *arg, u32 *failed)
{
	struct answer a = { .each = each, .arg = arg };
	int ret;

	c->error[0] = 0;
	if (!m)
		return -ENOMEM;
	a.dump = is_dump(nlmsg_hdr(m));
	drain(c);
	ret = transmit(c, m);
	if (!ret)
		ret = wait_answer(c, &a);
	if (ret && failed && a.offset)
		*failed = op_at(nlmsg_hdr(m), a.offset);
	kmod_request_free(m);
	return ret;
}

/* ---- events ---- */

bool kmod_conn_waits(const struct kmod_conn *c)
{
	return !list_empty(&c->events) || c->overrun || c->at < c->end;
}

const struct nlmsghdr *kmod_conn_event(struct kmod_conn *c, bool *overrun)
{
	struct nlmsghdr *h;

	free(c->given);
	c->given = NULL;
	*overrun = false;
	/* never out of the buffer: what the event makes its hearer ask is answered there */
	while (list_empty(&c->events) && receive(c) == 1)
		while ((h = next(c)))
			if (is_event(c, h))
				keep(c, h);
	if (!list_empty(&c->events)) {
		c->given = list_entry(c->events.next, struct waiting, list);
		list_del(&c->given->list);
		c->event_count--;
		return &c->given->h;
	}
	*overrun = c->overrun;
	c->overrun = false;
	return NULL;
}

/* ---- opening ---- */

static int family_of(void *arg, const struct nlmsghdr *h)
{
	struct kmod_conn *c = arg;
	struct nlattr *tb[CTRL_ATTR_MAX + 1];

	if (nlmsg_parse((struct nlmsghdr *)h, GENL_HDRLEN, tb, CTRL_ATTR_MAX, NULL) || !tb[CTRL_ATTR_FAMILY_ID] ||
	    !tb[CTRL_ATTR_VERSION])
		return -EBADMSG;
	if (nla_get_u32(tb[CTRL_ATTR_VERSION]) != MESHVPN_FAMILY_VERSION)
		return -EPROTONOSUPPORT;
	c->family = nla_get_u16(tb[CTRL_ATTR_FAMILY_ID]);
	return 0;
}

static int find_family(struct kmod_conn *c)
{
	struct genlmsghdr g = { .cmd = CTRL_CMD_GETFAMILY, .version = 1 };
	struct nl_msg *m = nlmsg_alloc_simple(GENL_ID_CTRL, NLM_F_REQUEST);

	if (m && (nlmsg_append(m, &g, sizeof(g), NLMSG_ALIGNTO) ||
		  nla_put_string(m, CTRL_ATTR_FAMILY_NAME, MESHVPN_FAMILY_NAME))) {
		nlmsg_free(m);
		m = NULL;
	}
	return kmod_call(c, m, family_of, c, NULL);
}

static int socket_make(void)
{
	struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&any, sizeof(any))) {
		int ret = -errno;

		close(fd);
		return ret;
	}
	return fd;
}

/* What the kernel does not grant is less room, or fewer words. */
static void socket_options(int fd)
{
	int receive_room = RECEIVE_BUFFER, send_room = SEND_BUFFER, one = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive_room, sizeof(int)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_room, sizeof(int));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &send_room, sizeof(int)))
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_room, sizeof(int));
	setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
}

static void release(struct kmod_conn *c)
{
	struct waiting *w;

	while (!list_empty(&c->events)) {
		w = list_entry(c->events.next, struct waiting, list);
		list_del(&w->list);
		free(w);
	}
	free(c->given);
	free(c->buffer);
	free(c);
}

int kmod_conn_open(struct kmod_conn **conn, int fd)
{
	struct kmod_conn *c = calloc(1, sizeof(*c));
	int ret;

	if (!c)
		return -ENOMEM;
	list_init(&c->events);
	c->buffer = malloc(BUFFER);
	c->fd = ret = fd >= 0 ? fd : socket_make();
	if (!c->buffer)
		ret = -ENOMEM;
	if (ret >= 0) {
		/* one that was given has its room already */
		if (fd < 0)
			socket_options(c->fd);
		/* numbers that whoever had the socket before us did not use */
		c->seq = randombytes_random() | 1U << 30;
		ret = find_family(c);
	}
	if (ret) {
		if (c->fd >= 0 && fd < 0)
			close(c->fd);
		release(c);
		return ret;
	}
	*conn = c;
	return 0;
}

void kmod_conn_close(struct kmod_conn *c)
{
	if (!c)
		return;
	close(c->fd);
	release(c);
}

int kmod_conn_fd(const struct kmod_conn *c)
{
	return c->fd;
}

int kmod_conn_family(const struct kmod_conn *c)
{
	return c->family;
}

const char *kmod_conn_error(const struct kmod_conn *c)
{
	return c->error;
}

int kmod_probe(void)
{
	struct kmod_conn *c;
	int ret = kmod_conn_open(&c, -1);

	if (!ret)
		kmod_conn_close(c);
	return ret;
}
