/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A control server with methods that do what its tests need, and raw clients, in one thread: what
 * happens is the same in every run.
 */
#ifndef SELFTESTS_CONTROL_RIG_H
#define SELFTESTS_CONTROL_RIG_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <control/control.h>

/* ---- a server with methods that do what tests need ---- */

static struct control *control;
static char folder[64], path[100];
static struct control_reply *held[64];
static u32 held_count, gone_count, calls;

static void method_echo(void *arg, json_t *params, struct control_reply *reply)
{
	calls++;
	control_reply_ok(reply, json_pack("{s:O}", "echo", params));
}

static void method_fail(void *arg, json_t *params, struct control_reply *reply)
{
	control_reply_error_details(reply, CONTROL_NOT_FOUND, "look elsewhere", json_pack("[i]", 7), "thing %d: not there", 7);
}

static void on_gone(void *arg, struct control_reply *reply)
{
	gone_count++;
	/* answering from here is allowed */
	if (arg)
		control_reply_ok(reply, NULL);
}

static void method_hold(void *arg, json_t *params, struct control_reply *reply)
{
	bool answer = control_param_bool(params, "answer");

	if (!answer)
		held[held_count++] = reply;
	control_reply_on_gone(reply, on_gone, answer ? folder : NULL);
}

static void method_big(void *arg, json_t *params, struct control_reply *reply)
{
	size_t n = control_param_u64(params, "bytes", 0);
	char *text = malloc(n + 1);

	memset(text, 'x', n);
	control_reply_ok(reply, json_pack("{s:o}", "text", json_stringn(text, n)));
	free(text);
}

static void method_parts(void *arg, json_t *params, struct control_reply *reply)
{
	int i;

	for (i = 0; i < 3; i++)
		control_reply_more(reply, json_pack("{s:i}", "part", i));
	control_reply_ok(reply, json_pack("{s:b}", "secrets", control_reply_secrets(reply)));
}

static const struct control_method methods[] = {
	{ "echo", CONTROL_READ, "s:s i:i b:b secrets:b", method_echo },
	{ "need", CONTROL_READ, "id:i! other:s", method_echo },
	{ "bare", CONTROL_READ, NULL, method_echo },
	{ "fail", CONTROL_READ, NULL, method_fail },
	{ "hold", 0, "answer:b", method_hold },
	{ "big", CONTROL_READ, "bytes:i", method_big },
	{ "parts", CONTROL_READ, "secrets:b", method_parts },
	{ "root", CONTROL_PRIVILEGED, NULL, method_echo },
	{ "monitor", CONTROL_READ | CONTROL_EVENTS, NULL, NULL },
	{ 0 },
};

static int server_start(struct control_conf conf)
{
	strcpy(folder, "/tmp/control-XXXXXX");
	if (!mkdtemp(folder))
		return -errno;
	snprintf(path, sizeof(path), "%s/sock", folder);
	conf.path = path;
	held_count = gone_count = calls = 0;
	return control_new(&control, &conf, methods, NULL);
}

static void server_stop(void)
{
	control_free(control);
	control = NULL;
	rmdir(folder);
}

static void pump(int rounds)
{
	while (rounds--)
		control_dispatch(control);
}

/* ---- clients ---- */

static int client(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	strcpy(sun.sun_path, path);
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun))) {
		close(fd);
		return -errno;
	}
	if (control)
		pump(2);
	return fd;
}

static ssize_t say(int fd, const char *text)
{
	ssize_t n = send(fd, text, strlen(text) + 1, MSG_NOSIGNAL);

	pump(3);
	return n;
}

/* The next message; NULL: none, *end: the connection was closed. Static buffer. */
static const char *hear(int fd, bool *end)
{
	static char buf[1 << 20];
	size_t len = 0;
	int quiet = 0;
	ssize_t n;

	*end = false;
	while (quiet < 20 && len < sizeof(buf)) {
		n = recv(fd, buf + len, 1, MSG_DONTWAIT);
		if (n == 1) {
			if (!buf[len++])
				return buf;
			quiet = 0;
			continue;
		}
		if (!n || (errno != EAGAIN && errno != EWOULDBLOCK)) {
			*end = true;
			return NULL;
		}
		pump(1);
		quiet++;
	}
	return NULL;
}

static bool hears(int fd, const char *text)
{
	bool end;
	const char *got = hear(fd, &end);

	if (got && strstr(got, text))
		return true;
	fprintf(stderr, "# heard %s%s, wanted %s\n", got ? got : "nothing", end ? " and the end" : "", text);
	return false;
}

static bool hears_end(int fd)
{
	bool end;

	return !hear(fd, &end) && end;
}

#define ECHO "{\"method\":\"echo\"}"
#define ECHOED "{\"parameters\":{\"schema\":\"meshvpn.echo/1\",\"echo\":{}}}"

#endif
