/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Generic netlink messages to the module by hand: the tests have to say what no library would let
 * them (wrong lengths, missing parts), and look at all of the answer.
 */
#ifndef SELFTESTS_KMOD_NL_H
#define SELFTESTS_KMOD_NL_H

#include <arpa/inet.h>
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/meshvpn.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define NL_ROOM (1 << 20)

struct nl {
	int fd;
	uint16_t family;
	uint32_t seq, port;
};

/* What a request was answered with. */
struct nl_answer {
	int err;				/* 0 or -errno */
	uint32_t offs, miss_type, miss_nest;	/* of the extended ack; ~0: not there */
	uint32_t cookie;			/* ~0: not there */
	char text[128];
	bool interrupted;			/* NLM_F_DUMP_INTR */
	uint32_t count;				/* messages, each a length and the attributes */
	size_t len, room;
	uint8_t *data;
};

struct nl_msg_buf {
	size_t len;
	uint8_t data[NL_ROOM];
};

/* ---- writing ---- */

static inline struct nlmsghdr *nl_hdr(struct nl_msg_buf *m)
{
	return (struct nlmsghdr *)(void *)m->data;
}

/* (not inline, for the harness's longjmp()) */
static __attribute__((noinline, unused)) void nl_begin(struct nl_msg_buf *m, uint8_t cmd, uint16_t flags)
{
	struct genlmsghdr g = { .cmd = cmd, .version = MESHVPN_FAMILY_VERSION };

	memset(m->data, 0, NLMSG_HDRLEN + GENL_HDRLEN);
	nl_hdr(m)->nlmsg_flags = NLM_F_REQUEST | flags;
	memcpy(m->data + NLMSG_HDRLEN, &g, sizeof(g));
	m->len = NLMSG_HDRLEN + GENL_HDRLEN;
}

static inline size_t nl_put(struct nl_msg_buf *m, uint16_t type, const void *data, size_t len)
{
	struct nlattr a = { .nla_len = (uint16_t)(NLA_HDRLEN + len), .nla_type = type };
	size_t at = m->len;

	if (at + NLA_HDRLEN + NLA_ALIGN(len) > sizeof(m->data))
		abort();
	memcpy(m->data + at, &a, sizeof(a));
	memset(m->data + at + NLA_HDRLEN, 0, NLA_ALIGN(len));
	if (len)
		memcpy(m->data + at + NLA_HDRLEN, data, len);
	m->len = at + NLA_HDRLEN + NLA_ALIGN(len);
	return at;
}

static inline void nl_u8(struct nl_msg_buf *m, uint16_t type, uint8_t v) { nl_put(m, type, &v, 1); }
static inline void nl_u16(struct nl_msg_buf *m, uint16_t type, uint16_t v) { nl_put(m, type, &v, 2); }
static inline void nl_u32(struct nl_msg_buf *m, uint16_t type, uint32_t v) { nl_put(m, type, &v, 4); }
static inline void nl_u64(struct nl_msg_buf *m, uint16_t type, uint64_t v) { nl_put(m, type, &v, 8); }
static inline void nl_flag(struct nl_msg_buf *m, uint16_t type) { nl_put(m, type, NULL, 0); }

static inline size_t nl_nest(struct nl_msg_buf *m, uint16_t type)
{
	return nl_put(m, type | NLA_F_NESTED, NULL, 0);
}

static inline void nl_nest_end(struct nl_msg_buf *m, size_t at)
{
	struct nlattr a;

	memcpy(&a, m->data + at, sizeof(a));
	a.nla_len = (uint16_t)(m->len - at);
	memcpy(m->data + at, &a, sizeof(a));
}

/* ---- reading ---- */

/* The attribute @type among @len bytes of attributes, its content's length in *@out. NULL: not there */
static inline const uint8_t *nl_find(const uint8_t *data, size_t len, uint16_t type, size_t *out)
{
	struct nlattr a;

	while (len >= NLA_HDRLEN) {
		memcpy(&a, data, sizeof(a));
		if (a.nla_len < NLA_HDRLEN || a.nla_len > len)
			return NULL;
		if ((a.nla_type & NLA_TYPE_MASK) == type) {
			*out = a.nla_len - NLA_HDRLEN;
			return data + NLA_HDRLEN;
		}
		if (NLA_ALIGN(a.nla_len) >= len)
			return NULL;
		data += NLA_ALIGN(a.nla_len);
		len -= NLA_ALIGN(a.nla_len);
	}
	return NULL;
}

/* The content of attribute @sub in nest @type, as a number; ~0: not there */
static inline uint64_t nl_number(const uint8_t *data, size_t len, uint16_t type, uint16_t sub)
{
	uint64_t v = 0;
	size_t n, k;
	const uint8_t *nest = nl_find(data, len, type, &n);
	const uint8_t *p = nest && sub ? nl_find(nest, n, sub, &k) : nest;

	if (!p)
		return ~0ULL;
	if (!sub)
		k = n;
	memcpy(&v, p, k < 8 ? k : 8);
	return v;
}

static inline void nl_answer_free(struct nl_answer *a)
{
	free(a->data);
	a->data = NULL;
}

static inline void nl_keep(struct nl_answer *a, const struct nlmsghdr *h)
{
	uint32_t n = h->nlmsg_len - NLMSG_HDRLEN - GENL_HDRLEN;

	while (a->len + 4 + n > a->room) {
		a->room = a->room ? a->room * 2 : 65536;
		a->data = realloc(a->data, a->room);
		if (!a->data)
			abort();
	}
	memcpy(a->data + a->len, &n, 4);
	memcpy(a->data + a->len + 4, (const uint8_t *)h + NLMSG_HDRLEN + GENL_HDRLEN, n);
	a->len += 4 + n;
	a->count++;
}

/* Message @i of an answer: its attributes. */
static inline const uint8_t *nl_message(const struct nl_answer *a, uint32_t i, size_t *len)
{
	size_t at = 0;
	uint32_t n = 0;

	for (; at < a->len; at += 4 + n) {
		memcpy(&n, a->data + at, 4);
		if (!i--) {
			*len = n;
			return a->data + at + 4;
		}
	}
	*len = 0;
	return NULL;
}

static inline void nl_read_tlvs(struct nl_answer *a, const uint8_t *data, size_t len)
{
	size_t n;
	const uint8_t *p;

	if ((p = nl_find(data, len, NLMSGERR_ATTR_MSG, &n)))
		snprintf(a->text, sizeof(a->text), "%.*s", (int)n, (const char *)p);
	if ((p = nl_find(data, len, NLMSGERR_ATTR_OFFS, &n)))
		memcpy(&a->offs, p, 4);
	if ((p = nl_find(data, len, NLMSGERR_ATTR_COOKIE, &n)) && n == 4)
		memcpy(&a->cookie, p, 4);
	if ((p = nl_find(data, len, NLMSGERR_ATTR_MISS_TYPE, &n)))
		memcpy(&a->miss_type, p, 4);
	if ((p = nl_find(data, len, NLMSGERR_ATTR_MISS_NEST, &n)))
		memcpy(&a->miss_nest, p, 4);
}

/* The end of a request: its acknowledgement, or that of a dump. */
static inline void nl_read_end(struct nl_answer *a, const struct nlmsghdr *h)
{
	const uint8_t *p = (const uint8_t *)h + NLMSG_HDRLEN;
	size_t skip = sizeof(int);

	memcpy(&a->err, p, sizeof(a->err));
	if (h->nlmsg_type == NLMSG_ERROR) {
		skip = sizeof(struct nlmsgerr);
		if (!(h->nlmsg_flags & NLM_F_CAPPED))
			skip += ((const struct nlmsgerr *)p)->msg.nlmsg_len - NLMSG_HDRLEN;
	}
	skip = NLMSG_ALIGN(skip);
	if (h->nlmsg_flags & NLM_F_ACK_TLVS && NLMSG_HDRLEN + skip < h->nlmsg_len)
		nl_read_tlvs(a, p + skip, h->nlmsg_len - NLMSG_HDRLEN - skip);
}

static inline void nl_answer_init(struct nl_answer *a)
{
	*a = (struct nl_answer){ .err = -ETIME, .offs = ~0U, .miss_type = ~0U, .miss_nest = ~0U,
				 .cookie = ~0U };
}

/* One datagram of answers, which may have the request in it; true: that was the end. */
static inline bool nl_receive(struct nl *nl, struct nl_answer *a)
{
	static uint8_t buf[NL_ROOM] __attribute__((aligned(8)));
	ssize_t n = recv(nl->fd, buf, sizeof(buf), 0);
	struct nlmsghdr *h = (struct nlmsghdr *)(void *)buf;

	if (n < 0) {
		a->err = errno == EAGAIN ? -ETIMEDOUT : -errno;
		return true;
	}
	for (; NLMSG_OK(h, (size_t)n); h = NLMSG_NEXT(h, n)) {
		if (h->nlmsg_seq != nl->seq)
			continue;	/* an event */
		if (h->nlmsg_flags & NLM_F_DUMP_INTR)
			a->interrupted = true;
		if (h->nlmsg_type == NLMSG_ERROR || h->nlmsg_type == NLMSG_DONE) {
			nl_read_end(a, h);
			return true;
		}
		nl_keep(a, h);
	}
	return false;
}

static inline int nl_send(struct nl *nl, struct nl_msg_buf *m)
{
	nl_hdr(m)->nlmsg_len = (uint32_t)m->len;
	nl_hdr(m)->nlmsg_type = nl->family;
	nl_hdr(m)->nlmsg_seq = ++nl->seq;
	nl_hdr(m)->nlmsg_pid = nl->port;
	return send(nl->fd, m->data, m->len, 0) < 0 ? -errno : 0;
}

/* Send, and collect everything up to the end; @a may be NULL. Return: 0 or -errno. */
static inline int nl_call(struct nl *nl, struct nl_msg_buf *m, struct nl_answer *a)
{
	struct nl_answer own;
	int err;

	nl_answer_init(&own);
	nl_hdr(m)->nlmsg_flags |= NLM_F_ACK;
	err = nl_send(nl, m);
	if (err)
		own.err = err;
	else
		while (!nl_receive(nl, &own))
			;
	err = own.err;
	if (a)
		*a = own;
	else
		nl_answer_free(&own);
	return err;
}

/* ---- sockets ---- */

static inline int nl_resolve(struct nl *nl, struct nl_msg_buf *m)
{
	struct nl_answer a;
	const uint8_t *p;
	size_t n;

	nl->family = GENL_ID_CTRL;
	nl_begin(m, CTRL_CMD_GETFAMILY, 0);
	nl_put(m, CTRL_ATTR_FAMILY_NAME, MESHVPN_FAMILY_NAME, sizeof(MESHVPN_FAMILY_NAME));
	if (!nl_call(nl, m, &a) && (p = nl_message(&a, 0, &n)))
		nl->family = (uint16_t)nl_number(p, n, CTRL_ATTR_FAMILY_ID, 0);
	nl_answer_free(&a);
	return nl->family == GENL_ID_CTRL ? -ENOENT : 0;
}

/* A socket of the present network namespace, a call of which takes 20 seconds at most. */
static inline int nl_open(struct nl *nl, struct nl_msg_buf *m)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK };
	struct timeval limit = { .tv_sec = 20 };
	int on = 1, room = 1 << 22;
	socklen_t len = sizeof(addr);

	*nl = (struct nl){ .fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC) };
	if (nl->fd < 0 || bind(nl->fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    getsockname(nl->fd, (struct sockaddr *)&addr, &len))
		return -errno;
	nl->port = addr.nl_pid;
	setsockopt(nl->fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	setsockopt(nl->fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	setsockopt(nl->fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	setsockopt(nl->fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	setsockopt(nl->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return nl_resolve(nl, m);
}

#endif
