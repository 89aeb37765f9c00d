// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a client may send to the control socket: any bytes in any pieces, then leaving. Every answer
 * is one well-formed message, no call is lost, and when all have left nobody is counted.
 *
 * Input: for each piece u8: bits 0-5 length, bit 6 the second connection, bit 7 it leaves after it.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <control/control.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static struct control *control;
static struct control_reply *held;
static struct sockaddr_un address;

static void answer_held(void)
{
	struct control_reply *reply = held;

	held = NULL;
	if (reply)
		control_reply_ok(reply, NULL);
}

static void method_now(void *arg, json_t *params, struct control_reply *reply)
{
	if (control_param_u64(params, "i", 0) & 1)
		control_reply_error(reply, CONTROL_FAILED, NULL, "%s", control_param_string(params, "s") ?: "");
	else
		control_reply_ok(reply, json_pack("{s:O}", "params", params));
}

static void on_gone(void *arg, struct control_reply *reply)
{
	assert(reply == held && !control_reply_alive(reply));
	answer_held();
}

static void method_late(void *arg, json_t *params, struct control_reply *reply)
{
	answer_held();
	held = reply;
	control_reply_more(reply, NULL);
	control_reply_on_gone(reply, on_gone, NULL);
}

static const struct control_method methods[] = {
	{ "a", CONTROL_READ, "i:i s:s b:b secrets:b", method_now },
	{ "b", 0, "i:i!", method_late },
	{ "c", CONTROL_EVENTS, NULL, NULL },
	{ 0 },
};

static void start(void)
{
	struct control_conf conf = { .max_request = 256, .max_queue = 4096, .max_clients = 3 };

	address.sun_family = AF_UNIX;
	snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "meshvpn-fuzz-%d", getpid());
	conf.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (bind(conf.fd, (struct sockaddr *)&address, sizeof(address)) || listen(conf.fd, 8) ||
	    control_new(&control, &conf, methods, NULL))
		abort();
}

static void dispatch(u32 times)
{
	while (times--)
		control_dispatch(control);
}

static int enter(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		abort();
	dispatch(1);
	return fd;
}

/* Whole messages only, each of them right. */
static void check(const char *text, size_t len)
{
	const char *end;
	json_t *json;

	for (; len; len -= (size_t)(end - text) + 1, text = end + 1) {
		end = memchr(text, 0, len);
		assert(end);
		json = control_parse(text, (size_t)(end - text), 32, NULL);
		assert(json_is_object(json_object_get(json, "parameters")) || json_is_object(json_object_get(json, "error")));
		json_decref(json);
	}
}

static void hear(int fd)
{
	static char buf[1 << 20];
	size_t len = 0;
	ssize_t n;

	dispatch(3);
	while ((n = recv(fd, buf + len, sizeof(buf) - len, MSG_DONTWAIT)) > 0)
		len += (size_t)n;
	check(buf, len);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	int fd[2], i;

	if (!control)
		start();
	fd[0] = enter();
	fd[1] = enter();
	while (size) {
		int which = *data >> 6 & 1;
		bool leave = *data & 0x80;
		size_t len = *data & 63;

		data++;
		size--;
		len = len < size ? len : size;
		(void)!send(fd[which], data, len, MSG_NOSIGNAL);
		data += len;
		size -= len;
		hear(fd[which]);
		control_publish(control, json_pack("{s:s}", "event", "x"));
		if (!leave)
			continue;
		answer_held();
		close(fd[which]);
		fd[which] = enter();
	}
	answer_held();
	for (i = 0; i < 2; i++) {
		hear(fd[i]);
		close(fd[i]);
	}
	dispatch(3);
	assert(!control_clients(control) && !control_subscribed(control) && !held);
	return 0;
}
