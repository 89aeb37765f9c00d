// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Calls to the control socket. One absolute deadline a call, however slowly the answer drips.
 */
#include "client.h"
#include "control.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MAX (64u << 20)
#define ANSWER_DEPTH 32
#define ANSWER_CHUNK 65536

struct control_peer {
	int fd;
	char *buf;
	size_t len, room;
	size_t used;		/* the message that was taken last, with its NUL */
	size_t scanned;
};

static u64 now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000 + (u64)ts.tv_nsec / 1000000;
}

static u64 deadline_of(u64 timeout_ms)
{
	return timeout_ms == CONTROL_FOREVER ? CONTROL_FOREVER : now_ms() + timeout_ms;
}

/* 0, -ETIMEDOUT, -errno */
static int wait_for(struct control_peer *p, short events, u64 deadline)
{
	struct pollfd pfd = { .fd = p->fd, .events = events };
	u64 now;
	int n;

	for (;;) {
		now = now_ms();
		if (deadline != CONTROL_FOREVER && now >= deadline)
			return -ETIMEDOUT;
		n = poll(&pfd, 1, deadline == CONTROL_FOREVER ? -1 : (int)(deadline - now > 60000 ? 60000 : deadline - now));
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

int control_connect(struct control_peer **peer, const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct control_peer *p;
	int ret;

	if (snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path) >= (int)sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (p->fd < 0 || connect(p->fd, (struct sockaddr *)&sun, sizeof(sun))) {
		ret = -errno;
		if (p->fd >= 0)
			close(p->fd);
		free(p);
		return ret;
	}
	*peer = p;
	return 0;
}

void control_disconnect(struct control_peer *p)
{
	if (!p)
		return;
	close(p->fd);
	free(p->buf);
	free(p);
}

static int request_send(struct control_peer *p, const char *method, json_t *params, bool more, u64 deadline)
{
	json_t *request = json_pack("{s:s, s:o*}", "method", method, "parameters", params);
	size_t at = 0, len;
	char *text;
	ssize_t n;
	int ret = 0;

	if (request && more)
		json_object_set_new(request, "more", json_true());
	text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	json_decref(request);
	if (!text)
		return -ENOMEM;
	len = strlen(text) + 1;
	while (at < len && !ret) {
		n = send(p->fd, text + at, len - at, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0)
			at += (size_t)n;
		else if (errno == EAGAIN)
			ret = wait_for(p, POLLOUT, deadline);
		else if (errno != EINTR)
			/* it may have said why before it closed: let reading tell */
			break;
	}
	free(text);
	return ret;
}

static int fill(struct control_peer *p, u64 deadline)
{
	ssize_t n;
	char *buf;
	int ret;

	if (p->room - p->len < ANSWER_CHUNK) {
		if (p->room > ANSWER_MAX)
			return -EBADMSG;
		buf = realloc(p->buf, p->room * 2 + ANSWER_CHUNK);
		if (!buf)
			return -ENOMEM;
		p->buf = buf;
		p->room = p->room * 2 + ANSWER_CHUNK;
	}
	n = recv(p->fd, p->buf + p->len, p->room - p->len, MSG_DONTWAIT);
	if (n > 0) {
		p->len += (size_t)n;
		return 0;
	}
	if (!n)
		return -ECONNRESET;
	if (errno != EAGAIN && errno != EINTR)
		return -errno;
	ret = wait_for(p, POLLIN, deadline);
	return ret;
}

/* One message: NUL-terminated at the front of the buffer, until the next call. */
static int message_next(struct control_peer *p, u64 deadline, size_t *len)
{
	char *end;
	int ret;

	if (p->used) {
		p->len -= p->used;
		memmove(p->buf, p->buf + p->used, p->len);
		p->used = p->scanned = 0;
	}
	for (;;) {
		end = p->len > p->scanned ? memchr(p->buf + p->scanned, 0, p->len - p->scanned) : NULL;
		if (end)
			break;
		p->scanned = p->len;
		ret = fill(p, deadline);
		if (ret)
			return ret;
	}
	*len = (size_t)(end - p->buf);
	p->used = *len + 1;
	return 0;
}

/* An answer taken apart. @continues may be NULL: then it must not. */
static int answer_next(struct control_peer *p, u64 deadline, json_t **result, bool *continues)
{
	json_t *message, *error, *params;
	size_t len;
	int ret = message_next(p, deadline, &len);

	if (ret)
		return ret;
	message = control_parse(p->buf, len, ANSWER_DEPTH, NULL);
	error = json_object_get(message, "error");
	params = json_object_get(message, "parameters");
	if (json_is_object(error)) {
		*result = json_incref(error);
		ret = -EREMOTEIO;
	} else if (json_is_object(params)) {
		*result = json_incref(params);
		*continues = json_is_true(json_object_get(message, "continues"));
	} else {
		ret = -EBADMSG;
	}
	json_decref(message);
	return ret;
}

int control_call(struct control_peer *p, const char *method, json_t *params, u64 timeout_ms, json_t **result)
{
	u64 deadline = deadline_of(timeout_ms);
	bool continues = false;
	int ret;

	*result = NULL;
	ret = request_send(p, method, params, false, deadline);
	if (!ret)
		ret = answer_next(p, deadline, result, &continues);
	if (!ret && continues) {
		json_decref(*result);
		*result = NULL;
		ret = -EBADMSG;
	}
	return ret;
}

int control_stream(struct control_peer *p, const char *method, json_t *params, u64 timeout_ms,
		   int (*each)(void *arg, json_t *answer), void *arg, json_t **error)
{
	u64 deadline = deadline_of(timeout_ms);
	json_t *answer = NULL;
	bool continues = true;
	int ret;

	*error = NULL;
	ret = request_send(p, method, params, true, deadline);
	while (!ret && continues) {
		/* answers may come faster than they are read */
		if (deadline != CONTROL_FOREVER && now_ms() >= deadline)
			return -ETIMEDOUT;
		ret = answer_next(p, deadline, &answer, &continues);
		if (ret == -EREMOTEIO) {
			*error = answer;
		} else if (!ret) {
			ret = each(arg, answer);
			json_decref(answer);
		}
	}
	return ret;
}
