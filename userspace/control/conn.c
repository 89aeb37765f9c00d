// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One connection: requests in, one at a time, answers out. What a client does not read makes it
 * wait, not the daemon: the next request is served when the last answer has gone into the socket,
 * and whoever subscribed and does not read is cut off.
 */
#include "control_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONN_CHUNK 16384

int conn_new(struct control *control, int fd, bool privileged)
{
	struct conn *c = calloc(1, sizeof(*c));
	struct epoll_event ev = { .events = EPOLLIN | EPOLLRDHUP, .data.ptr = c };

	if (!c)
		return -ENOMEM;
	if (epoll_ctl(control->epoll, EPOLL_CTL_ADD, fd, &ev)) {
		free(c);
		return -errno;
	}
	c->control = control;
	c->fd = fd;
	c->privileged = privileged;
	c->events = ev.events;
	c->used = ++control->clock;
	list_add_tail(&c->list, &control->conns);
	control->conn_count++;
	return 0;
}

/* The memory stays until control_leave(): callers up the stack may look at ->dead. */
void conn_close(struct conn *c)
{
	struct control *control = c->control;
	struct control_reply *reply = c->pending;

	if (c->dead)
		return;
	c->dead = true;
	/* close() alone leaves it there when a child process has inherited it */
	epoll_ctl(control->epoll, EPOLL_CTL_DEL, c->fd, NULL);
	close(c->fd);
	if (c->subscribed)
		control->subscribed--;
	list_del(&c->list);
	list_add_tail(&c->list, &control->dead);
	control->conn_count--;
	control->stats.closed++;
	c->pending = NULL;
	if (reply)
		reply_gone(reply);
}

/* ---- out ---- */

static void conn_flush(struct conn *c)
{
	ssize_t n;

	while (conn_waiting(c)) {
		n = send(c->fd, c->out + c->out_at, conn_waiting(c), MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (n <= 0) {
			conn_close(c);
			return;
		}
		c->out_at += (size_t)n;
	}
	free(c->out);
	c->out = NULL;
	c->out_at = c->out_len = c->out_room = 0;
}

static bool conn_room(struct conn *c, size_t len)
{
	size_t room;
	char *out;

	if (c->out_at) {
		memmove(c->out, c->out + c->out_at, conn_waiting(c));
		c->out_len -= c->out_at;
		c->out_at = 0;
	}
	if (c->out_room - c->out_len >= len)
		return true;
	room = c->out_len + len + c->out_len / 2;
	out = realloc(c->out, room);
	if (!out)
		return false;
	c->out = out;
	c->out_room = room;
	return true;
}

void conn_send(struct conn *c, const char *text, size_t len)
{
	if (c->dead)
		return;
	if (!conn_room(c, len)) {
		conn_close(c);
		return;
	}
	memcpy(c->out + c->out_len, text, len);
	c->out_len += len;
	conn_flush(c);
	conn_update(c);
}

void conn_send_error(struct conn *c, enum control_code code, const char *message, const char *hint)
{
	conn_send_json(c, json_pack("{s:{s:s, s:s, s:s*}}", "error", "code", control_code_name(code),
				    "message", message, "hint", hint), false);
}

/* Steals @envelope. */
void conn_send_json(struct conn *c, json_t *envelope, bool stream)
{
	struct control *control = c->control;
	size_t len = 0;
	char *text = envelope ? control_dump(envelope, &len) : NULL;

	json_decref(envelope);
	if (!text) {
		conn_close(c);
	} else if (len > control->conf.max_reply) {
		free(text);
		control->stats.too_large++;
		conn_send_error(c, CONTROL_LIMIT, "the answer is too large", "ask for less, with \"limit\"");
		return;
	} else if (stream && conn_waiting(c) + len > control->conf.max_queue) {
		control->stats.slow++;
		conn_close(c);
	} else {
		conn_send(c, text, len);
	}
	free(text);
}

/* ---- in ---- */

/* The next request lies complete in the buffer: its length without NUL, or -1. */
static ssize_t conn_next(struct conn *c)
{
	char *end = c->in_len > c->scanned ? memchr(c->in + c->scanned, 0, c->in_len - c->scanned) : NULL;

	if (!end) {
		c->scanned = c->in_len;
		return -1;
	}
	c->scanned = (size_t)(end - c->in);
	return (ssize_t)c->scanned;
}

static bool conn_may_serve(const struct conn *c)
{
	return !c->dead && !c->finish && !c->pending && !c->subscribed && !conn_waiting(c);
}

static void conn_too_long(struct conn *c)
{
	c->control->stats.too_long++;
	c->finish = true;
	conn_send_error(c, CONTROL_PROTOCOL, "the request is too long", NULL);
}

static void conn_serve(struct conn *c)
{
	ssize_t len = -1;
	u32 n;

	for (n = 0; n < CONN_SHARE && conn_may_serve(c); n++) {
		char *text;

		len = conn_next(c);
		if (len < 0)
			break;
		/* a copy, so that the handler may do what it likes with the connection */
		text = strndup(c->in, (size_t)len);
		c->in_len -= (size_t)len + 1;
		memmove(c->in, c->in + len + 1, c->in_len);
		c->scanned = 0;
		if (text)
			request_serve(c, text, (size_t)len);
		else
			conn_close(c);
		free(text);
	}
	if (!c->dead && c->in_len >= c->control->conf.max_request && conn_may_serve(c) && conn_next(c) < 0)
		conn_too_long(c);
}

static bool conn_read(struct conn *c)
{
	size_t want = c->in_len + CONN_CHUNK, max = c->control->conf.max_request;
	ssize_t n;
	char *in;

	if (want > max)
		want = max;
	if (want <= c->in_len)
		return true;
	if (want > c->in_room) {
		in = realloc(c->in, want);
		if (!in)
			return false;
		c->in = in;
		c->in_room = want;
	}
	n = recv(c->fd, c->in + c->in_len, want - c->in_len, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
	if (!n)
		c->eof = true;
	c->in_len += (size_t)n;
	if (n)
		c->used = ++c->control->clock;
	return true;
}

static bool conn_over(struct conn *c)
{
	if (conn_waiting(c) || c->pending)
		return false;
	return c->finish || (c->eof && !c->subscribed && conn_next(c) < 0);
}

/* What epoll is to wait for; EPOLLOUT also to come back for a request that waits in the buffer. */
void conn_update(struct conn *c)
{
	struct epoll_event ev = { .data.ptr = c };

	if (c->dead)
		return;
	if (conn_over(c)) {
		conn_close(c);
		return;
	}
	if (!c->eof && !c->finish && c->in_len < c->control->conf.max_request)
		ev.events |= EPOLLIN;
	if (conn_waiting(c) || (conn_may_serve(c) && conn_next(c) >= 0))
		ev.events |= EPOLLOUT;
	if (ev.events == c->events)
		return;
	if (epoll_ctl(c->control->epoll, EPOLL_CTL_MOD, c->fd, &ev))
		conn_close(c);
	else
		c->events = ev.events;
}

void conn_ready(struct conn *c, u32 events)
{
	if (c->dead)
		return;
	/* HUP: both ways are shut, nothing can be answered */
	if ((events & (EPOLLHUP | EPOLLERR)) || ((events & EPOLLIN) && !conn_read(c))) {
		conn_close(c);
		return;
	}
	if (events & EPOLLOUT)
		conn_flush(c);
	conn_serve(c);
	conn_update(c);
}
