// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The server of the control socket: who may come in, who makes room when it is full, and events for
 * those who subscribed.
 */
#include "control_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ACCEPT_SHARE 16
#define GROUPS_MAX 256

/* ---- life ---- */

static bool spec_valid(const char *spec)
{
	size_t name;

	while (spec && *(spec += strspn(spec, " "))) {
		name = strcspn(spec, ": ");
		if (!name || spec[name] != ':' || !spec[name + 1] || !strchr("sib", spec[name + 1]))
			return false;
		spec += name + 2;
		spec += *spec == '!';
		if (*spec && *spec != ' ')
			return false;
	}
	return true;
}

static bool methods_valid(const struct control_method *methods)
{
	const struct control_method *m, *other;

	for (m = methods; m->name; m++) {
		if (!spec_valid(m->params) || (!m->call && !(m->flags & CONTROL_EVENTS)) || strlen(m->name) > 60)
			return false;
		for (other = methods; other < m; other++)
			if (!strcmp(other->name, m->name))
				return false;
	}
	return true;
}

static void conf_defaults(struct control_conf *conf)
{
#define OR(field, value) conf->field = conf->field ? conf->field : (value)
	OR(path, CONTROL_SOCKET);
	OR(max_clients, 32);
	OR(max_request, 65536);
	OR(max_queue, 1 << 20);
	OR(max_reply, 16 << 20);
	OR(max_pending, 64);
	OR(max_depth, 16);
#undef OR
}

static int control_open(struct control *control)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int ret;

	control->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (control->epoll < 0)
		return -errno;
	ret = control_listen(control);
	if (ret)
		return ret;
	return epoll_ctl(control->epoll, EPOLL_CTL_ADD, control->listener, &ev) ? -errno : 0;
}

int control_new(struct control **control, const struct control_conf *conf, const struct control_method *methods,
		void *arg)
{
	struct control *c;
	int ret;

	if (!methods_valid(methods))
		return -EINVAL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->conf = *conf;
	conf_defaults(&c->conf);
	c->methods = methods;
	c->arg = arg;
	c->epoll = c->listener = -1;
	list_init(&c->conns);
	list_init(&c->dead);
	list_init(&c->replies);
	ret = control_open(c);
	c->conf.path = NULL;	/* the caller's */
	if (ret) {
		control_free(c);
		return ret;
	}
	*control = c;
	return 0;
}

void control_enter(struct control *control)
{
	control->depth++;
}

void control_leave(struct control *control)
{
	struct conn *c, *tmp;

	if (--control->depth)
		return;
	list_for_each_safe(c, tmp, &control->dead, list) {
		list_del(&c->list);
		free(c->in);
		free(c->out);
		free(c);
	}
}

void control_free(struct control *control)
{
	struct control_reply *reply, *next;

	if (!control)
		return;
	control_enter(control);
	/* not a walk: whoever is told may close others */
	while (!list_empty(&control->conns))
		conn_close(list_entry(control->conns.next, struct conn, list));
	list_for_each_safe(reply, next, &control->replies, list) {
		list_del(&reply->list);
		reply->control = NULL;
	}
	control_leave(control);
	control_unlisten(control);
	if (control->epoll >= 0)
		close(control->epoll);
	free(control);
}

int control_fd(const struct control *control)
{
	return control->epoll;
}

/* ---- coming in ---- */

static bool in_group(int fd, gid_t primary, gid_t group)
{
	gid_t groups[GROUPS_MAX];
	socklen_t len = sizeof(groups);
	u32 i;

	if (primary == group)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len))
		return false;
	for (i = 0; i < len / sizeof(gid_t); i++)
		if (groups[i] == group)
			return true;
	return false;
}

static bool admitted(const struct control *control, int fd, bool *privileged)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return false;
	*privileged = !cred.uid || cred.uid == geteuid();
	return *privileged || (control->conf.has_group && in_group(fd, cred.gid, control->conf.group));
}

/* Who has done nothing for longest and waits for nothing; for root, anyone who is not. */
static struct conn *evictable(struct control *control, bool privileged)
{
	struct conn *c, *idle = NULL, *other = NULL;

	list_for_each(c, &control->conns, list) {
		if (!c->pending && !c->subscribed && (!idle || c->used < idle->used))
			idle = c;
		if (!c->privileged && (!other || c->used < other->used))
			other = c;
	}
	return idle ? idle : privileged ? other : NULL;
}

static void send_off(int fd, enum control_code code, const char *message, const char *hint)
{
	json_t *error = json_pack("{s:{s:s, s:s, s:s*}}", "error", "code", control_code_name(code), "message", message,
				  "hint", hint);
	size_t len = 0;
	char *text = error ? control_dump(error, &len) : NULL;

	if (text)
		(void)!send(fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	free(text);
	json_decref(error);
	close(fd);
}

static void receive(struct control *control, int fd)
{
	struct conn *idle;
	bool privileged;

	if (!admitted(control, fd, &privileged)) {
		control->stats.refused_user++;
		send_off(fd, CONTROL_DENIED, "the control socket is not for this user",
			 "run it as root or join the socket's group");
		return;
	}
	if (control->conn_count >= control->conf.max_clients) {
		idle = evictable(control, privileged);
		if (!idle) {
			control->stats.refused_full++;
			send_off(fd, CONTROL_BUSY, "too many connections to the control socket", "end a monitor");
			return;
		}
		control->stats.evicted++;
		conn_close(idle);
	}
	if (conn_new(control, fd, privileged))
		close(fd);
	else
		control->stats.accepted++;
}

static void accept_some(struct control *control)
{
	int fd, n;

	for (n = 0; n < ACCEPT_SHARE; n++) {
		fd = accept4(control->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0)
			return;
		receive(control, fd);
	}
}

void control_dispatch(struct control *control)
{
	struct epoll_event events[32];
	int i, n = epoll_wait(control->epoll, events, 32, 0);
	bool incoming = false;

	control_enter(control);
	for (i = 0; i < n; i++) {
		if (events[i].data.ptr)
			conn_ready(events[i].data.ptr, events[i].events);
		else
			incoming = true;
	}
	/* last, so that nobody is sent off whose place is about to be free */
	if (incoming)
		accept_some(control);
	control_leave(control);
}

/* ---- events ---- */

bool control_subscribed(const struct control *control)
{
	return control->subscribed;
}

static void publish_text(struct control *control, const char *text, size_t len)
{
	struct conn *c, *tmp;

	control_enter(control);
	list_for_each_safe(c, tmp, &control->conns, list) {
		if (!c->subscribed)
			continue;
		if (conn_waiting(c) + len > control->conf.max_queue) {
			control->stats.slow++;
			conn_close(c);
		} else {
			conn_send(c, text, len);
		}
	}
	control_leave(control);
}

void control_publish(struct control *control, json_t *event)
{
	json_t *envelope;
	size_t len = 0;
	char *text;

	if (!control->subscribed || !event) {
		json_decref(event);
		return;
	}
	control->stats.events++;
	json_object_set_new(event, "time_unix", json_integer(time(NULL)));
	envelope = json_pack("{s:o, s:b}", "parameters", control_titled("monitor", event), "continues", 1);
	text = envelope ? control_dump(envelope, &len) : NULL;
	if (text)
		publish_text(control, text, len);
	free(text);
	json_decref(envelope);
}

/* ---- numbers ---- */

u32 control_clients(const struct control *control)
{
	return control->conn_count;
}

const struct control_stats *control_stats(const struct control *control)
{
	return &control->stats;
}

void control_stats_each(const struct control *control, void (*each)(void *arg, const char *name, u64 value), void *arg)
{
#define _(name) each(arg, #name, control->stats.name);
	CONTROL_STATS(_)
#undef _
}
