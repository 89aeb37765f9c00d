// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dev monitor: what a node tells its owner. Nobody else is told, so a node is made for it, which goes
 * when the command does; links and circuits come from other invocations.
 */
#include "dev.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>

static volatile sig_atomic_t interrupted;

static void interrupt(int signal)
{
	interrupted = 1;
}

static json_t *event_json(u32 node, const struct datapath_event *e, u32 lost)
{
	static const char *const names[] = { "session", "pass", "address", "counter", "control", "device", "gone" };
	char from[ENDPOINT_TEXT];
	json_t *j = json_pack("{s:s, s:I, s:s, s:I}", "schema", "meshvpn.dev.monitor/1", "time_unix", (json_int_t)time(NULL),
			      "event", names[e->kind], "node", (json_int_t)node);

	if (e->kind == DATAPATH_EV_DEVICE)
		json_object_set_new(j, "device", json_integer(e->link));
	else if (e->kind != DATAPATH_EV_GONE)
		json_object_set_new(j, "link", json_integer(e->link));
	if (e->kind == DATAPATH_EV_SESSION || e->kind == DATAPATH_EV_ADDRESS)
		json_object_set_new(j, "index", json_integer(e->index));
	if (e->circuit)
		json_object_set_new(j, "circuit", json_integer(e->circuit));
	if (e->kind == DATAPATH_EV_COUNTER || e->kind == DATAPATH_EV_CONTROL)
		json_object_set_new(j, "counter", json_integer((json_int_t)e->counter));
	if (e->from.family) {
		json_object_set_new(j, "from", json_string(endpoint_text(&e->from, from)));
		json_object_set_new(j, "lane", json_integer(e->lane));
	}
	if (e->data)
		json_object_set_new(j, "bytes", json_integer((json_int_t)e->len));
	if (lost)
		json_object_set_new(j, "lost", json_integer(lost));
	return j;
}

static void value_print(const char *name, const json_t *v)
{
	if (json_is_string(v))
		printf("  %s %s", name, json_string_value(v));
	else
		printf("  %s %" JSON_INTEGER_FORMAT, name, json_integer_value(v));
}

/* Steals @event. Return: false if nobody reads. */
static bool event_show(const struct ctl *ctl, json_t *event)
{
	const char *name;
	char clock[32];
	time_t at = (time_t)js_u64(event, "time_unix");
	struct tm tm;
	json_t *v;

	if (ctl->json) {
		ctl_print_json(ctl, event);
	} else {
		strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&at, &tm));
		printf("%s  ", clock);
		tone(ctl, TONE_NAME, "%s", js_text(event, "event"));
		json_object_foreach(event, name, v)
			if (strcmp(name, "schema") && strcmp(name, "event") && strcmp(name, "time_unix"))
				value_print(name, v);
		putchar('\n');
	}
	json_decref(event);
	return !fflush(stdout);
}

/* The socket was full: how many did not fit comes with the next event, which need not come. */
static json_t *lost_json(u32 node)
{
	return json_pack("{s:s, s:I, s:s, s:I}", "schema", "meshvpn.dev.monitor/1", "time_unix", (json_int_t)time(NULL),
			 "event", "lost", "node", (json_int_t)node);
}

/* Return: false if nobody reads, or nothing else will come. */
static bool events_show(const struct ctl *ctl, struct kmod_conn *conn, u32 node)
{
	const struct nlmsghdr *h;
	struct datapath_event e;
	bool overrun = false, good = true;
	u32 lost;

	while (good && (h = kmod_conn_event(conn, &overrun)))
		if (!kmod_get_event(h, &e, &lost))
			good = event_show(ctl, event_json(kmod_get_node_id(h), &e, lost)) && e.kind != DATAPATH_EV_GONE;
	return good && (!overrun || event_show(ctl, lost_json(node)));
}

static u64 clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000 + (u64)ts.tv_nsec / 1000000;
}

static void watch(const struct ctl *ctl, struct kmod_conn *conn, u32 node)
{
	u64 until = ctl->timeout_given ? clock_ms() + ctl->timeout_ms : UINT64_MAX, now;
	struct pollfd p = { .fd = kmod_conn_fd(conn), .events = POLLIN };
	int wait;

	while (!interrupted && events_show(ctl, conn, node)) {
		now = clock_ms();
		if (now >= until)
			return;
		wait = until == UINT64_MAX ? -1 : until - now > 60000 ? 60000 : (int)(until - now);
		if (!kmod_conn_waits(conn))
			poll(&p, 1, wait);
	}
}

int dev_monitor_run(const struct ctl *ctl, const struct verb *verb, json_t *args)
{
	struct kmod_node node = { .make = true, .own = true, .lanes = 1, .hold_us = 200 };
	struct sigaction end = { .sa_handler = interrupt };
	struct kmod_node_info info;
	struct kmod_conn *conn;
	json_t *hello;
	u32 fields;
	int ret;

	if (!dev_node_conf(ctl, args, &node, &fields))
		return CTL_USAGE;
	ret = dev_open(ctl, &conn);
	if (ret)
		return ret;
	ret = dev_node_make(ctl, conn, &node, &info);
	if (!ret) {
		sigaction(SIGINT, &end, NULL);
		sigaction(SIGTERM, &end, NULL);
		hello = json_pack("{s:s, s:I, s:s, s:I, s:I}", "schema", "meshvpn.dev.monitor/1", "time_unix",
				  (json_int_t)time(NULL), "event", "node", "node", (json_int_t)info.conf.id, "port",
				  (json_int_t)info.ports[0]);
		if (event_show(ctl, hello))
			watch(ctl, conn, info.conf.id);
	}
	kmod_conn_close(conn);
	return ret;
}
