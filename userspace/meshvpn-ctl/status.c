// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * status, up and down: how the node is, and getting it to be otherwise. Waiting is done here, with
 * the daemon's events, so that the daemon need not know who waits.
 */
#include "ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAIT_MS 60000		/* unless --timeout says another */
#define WAIT_POLL_MS 1000	/* should an event be missed */

/* ---- for people ---- */

static void state_line(const struct ctl *ctl, const json_t *s)
{
	const char *state = js_text(s, "state");
	u32 open = (u32)js_u64(s, "circuits.open"), hops = (u32)js_u64(s, "hops");

	printf("state: ");
	tone(ctl, tone_of_state(state), "%s", state);
	if (open)
		printf(" (%u hop%s, %u circuit%s)", hops, hops == 1 ? "" : "s", open, open == 1 ? "" : "s");
	if (js_has(s, "interface")) {
		printf("   protected: ");
		tone(ctl, js_true(s, "protected") ? TONE_GOOD : TONE_WARN, "%s", js_true(s, "protected") ? "yes" : "no");
	}
	putchar('\n');
}

static void node_line(const json_t *s)
{
	char *roles = js_join(s, "roles", ", ");
	const char *nick = js_text(s, "nick");

	printf("node: %s%s%.10s  %s\n", nick, *nick ? " " : "", js_text(s, "id"), roles);
	free(roles);
}

static void interface_lines(const json_t *s)
{
	char *addresses = js_join(s, "interface.addresses", " "), *resolvers = js_join(s, "interface.resolvers", " ");
	char text[RELAY_TEXT];

	printf("interface: %s  mtu %u  route %s%s%s\n", js_text(s, "interface.name"), (u32)js_u64(s, "interface.mtu"),
	       js_text(s, "interface.route"), *addresses ? "  " : "", addresses);
	printf("exit: %s%s%s\n", js_has(s, "exit") ? relay_text(js(s, "exit"), text) : "none",
	       *resolvers ? "  resolver " : "", resolvers);
	printf("circuits: %u open, %u building, %u spare\n", (u32)js_u64(s, "circuits.open"),
	       (u32)js_u64(s, "circuits.building"), (u32)js_u64(s, "circuits.spare"));
	free(addresses);
	free(resolvers);
}

static void relay_line(const json_t *s)
{
	char expires[UNIT_TEXT];

	if (!js_has(s, "relay"))
		return;
	printf("relay: circuits of others %u, exit sessions %u, links %u", (u32)js_u64(s, "relay.circuits"),
	       (u32)js_u64(s, "relay.sessions"), (u32)js_u64(s, "relay.links"));
	if (js_has(s, "relay.descriptor_expires_unix"))
		printf("; descriptor expires %s", unit_ago(js_u64(s, "relay.descriptor_expires_unix"), expires));
	putchar('\n');
}

static void listen_line(const json_t *s)
{
	size_t count = js_count(s, "listen.ports");
	const json_t *ports = js(s, "listen.ports");
	char *addresses = js_join(s, "listen.addresses", " ");

	if (count)
		printf("listen: udp %u", (u32)json_integer_value(json_array_get(ports, 0)));
	if (count > 1)
		printf("-%u", (u32)json_integer_value(json_array_get(ports, count - 1)));
	if (count)
		printf("%s%s\n", *addresses ? ", announced " : "", addresses);
	free(addresses);
}

static void datapath_line(const json_t *s)
{
	u32 lanes = (u32)js_u64(s, "datapath.lanes");

	printf("datapath: %s", js_text(s, "datapath.name"));
	if (lanes)
		printf(", %u lane%s", lanes, lanes == 1 ? "" : "s");
	if (js_has(s, "datapath.why"))
		printf(" (%s)", js_text(s, "datapath.why"));
	putchar('\n');
}

static void transfer_line(const json_t *s)
{
	char rx[UNIT_TEXT], tx[UNIT_TEXT], last[UNIT_TEXT];

	printf("transfer: %s received, %s sent", unit_bytes(js_u64(s, "transfer.rx_bytes"), rx),
	       unit_bytes(js_u64(s, "transfer.tx_bytes"), tx));
	if (js_has(s, "last_rx_unix"))
		printf("; last sign of life %s", unit_ago(js_u64(s, "last_rx_unix"), last));
	putchar('\n');
}

static void health_lines(const struct ctl *ctl, const json_t *s)
{
	size_t i;
	json_t *h;

	json_array_foreach((json_t *)js(s, "health"), i, h) {
		const char *severity = js_text(h, "severity");
		bool bad = !strcmp(severity, "error"), warn = !strcmp(severity, "warning");

		printf("health: ");
		tone(ctl, bad ? TONE_BAD : warn ? TONE_WARN : TONE_NONE, "%s", bad ? "ERROR" : warn ? "WARN" : "INFO");
		printf(" %s%s%s\n", js_text(h, "message"), js_has(h, "next") ? "; next: " : "", js_text(h, "next"));
	}
	if (!js_count(s, "health"))
		printf("health: no problem known\n");
}

static void status_brief(const struct ctl *ctl, const json_t *s)
{
	char relay[RELAY_TEXT], rx[UNIT_TEXT], tx[UNIT_TEXT];

	tone(ctl, tone_of_state(js_text(s, "state")), "%s", js_text(s, "state"));
	if (js_has(s, "interface"))
		printf("  %s  %s  exit %s", js_text(s, "interface.name"), js_true(s, "protected") ? "protected" : "unprotected",
		       relay_text(js(s, "exit"), relay));
	printf("  rx %s  tx %s  health %zu\n", unit_short(js_u64(s, "transfer.rx_bytes"), rx),
	       unit_short(js_u64(s, "transfer.tx_bytes"), tx), js_count(s, "health"));
}

static void status_render(const struct ctl *ctl, const json_t *s)
{
	char up[UNIT_TEXT];

	if (ctl->brief) {
		status_brief(ctl, s);
		return;
	}
	state_line(ctl, s);
	node_line(s);
	if (js_has(s, "interface"))
		interface_lines(s);
	relay_line(s);
	listen_line(s);
	datapath_line(s);
	transfer_line(s);
	printf("directory: %u relays, %u exits\n", (u32)js_u64(s, "directory.relays"), (u32)js_u64(s, "directory.exits"));
	printf("up: %s, version %s\n", unit_time(js_u64(s, "uptime_s"), up), js_text(s, "version"));
	health_lines(ctl, s);
}

/* ---- waiting ---- */

struct wait {
	const struct ctl *ctl;
	struct control_peer *peer;
	const char *state;
	json_t *status;			/* the last one */
	u64 until;			/* ms */
	int failed;			/* exit code of a status that did not come */
};

static u64 clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000 + (u64)ts.tv_nsec / 1000000;
}

static u64 left_ms(const struct wait *w)
{
	u64 now = clock_ms();

	return w->until > now ? w->until - now : 0;
}

/* Is it as wanted, or anything will do, or is there no knowing? */
static bool wait_over(struct wait *w)
{
	json_decref(w->status);
	w->status = NULL;
	w->failed = ctl_call_on(w->ctl, w->peer, CTL_CALL_MS, "status", NULL, &w->status);
	return w->failed || !w->state || !strcmp(js_text(w->status, "state"), w->state);
}

static int wait_event(void *arg, json_t *event)
{
	return wait_over(arg);
}

/* Until something happens, or for a while. */
static bool wait_round(struct wait *w)
{
	u64 ms = left_ms(w) < WAIT_POLL_MS ? left_ms(w) : WAIT_POLL_MS;
	struct timespec pause = { .tv_nsec = 100000000 };
	struct control_peer *events;
	json_t *error = NULL;
	int ret;

	if (control_connect(&events, w->ctl->socket)) {
		nanosleep(&pause, NULL);
		return wait_over(w);
	}
	/* its first event, hello, asks for the state once more: nothing falls between the two */
	ret = control_stream(events, "monitor", NULL, ms, wait_event, w, &error);
	control_disconnect(events);
	json_decref(error);
	if (ret == 1)
		return true;
	if (ret != -ETIMEDOUT)
		nanosleep(&pause, NULL);
	return wait_over(w);
}

/* The daemon's status, once its state is @state (NULL: now). 0 and @status, or an exit code. */
static int status_when(const struct ctl *ctl, const char *state, json_t **status)
{
	struct wait w = { .ctl = ctl, .state = state, .until = clock_ms() + ctl_timeout(ctl, WAIT_MS) };
	int ret = ctl_connect(ctl, &w.peer);
	bool over;

	*status = NULL;
	if (ret)
		return ret;
	over = wait_over(&w);
	while (!over && left_ms(&w))
		over = wait_round(&w);
	control_disconnect(w.peer);
	if (!w.failed && over) {
		*status = w.status;
		return CTL_OK;
	}
	if (!w.failed)
		w.failed = ctl_fail(ctl, CTL_TIMEOUT, "timeout", "meshvpn-ctl status", "still %s, not %s",
				    js_text(w.status, "state"), state);
	json_decref(w.status);
	return w.failed;
}

static const char *const states[] = { "connected", "connecting", "disconnected", "relay", NULL };

/* An abbreviation's state; NULL: an error was said. */
static const char *state_of(const struct ctl *ctl, const char *word)
{
	u32 i;

	for (i = 0; states[i]; i++)
		if (!strcmp(states[i], word))
			return states[i];
	ctl_fail(ctl, CTL_USAGE, "usage", "connected, connecting, disconnected or relay", "%s: no such state", word);
	return NULL;
}

static int status_run(const struct ctl *ctl, const struct verb *verb, json_t *args)
{
	const char *state = NULL;
	json_t *status;
	bool connected;
	int ret;

	if (js_has(args, "wait")) {
		state = state_of(ctl, js_text(args, "wait"));
		if (!state)
			return CTL_USAGE;
	}
	ret = status_when(ctl, state, &status);
	if (ret)
		return ret;
	connected = !strcmp(js_text(status, "state"), "connected");
	ctl_show(ctl, verb, status);
	return js_has(args, "exit-code") && !connected ? CTL_NOT_CONNECTED : CTL_OK;
}

/* up --wait: with the status as its answer. */
static int updown_run(const struct ctl *ctl, const struct verb *verb, json_t *args)
{
	bool up = !strcmp(verb->method, "up");
	struct verb shown = status_verbs[0];
	json_t *status;
	int ret;

	if (!js_has(args, "wait"))
		return ctl_run(ctl, verb, args);
	ret = ctl_call(ctl, CTL_CALL_MS, verb->method, NULL, &status);
	json_decref(status);
	if (!ret)
		ret = status_when(ctl, up ? "connected" : "disconnected", &status);
	return ret ? ret : ctl_show(ctl, &shown, status);
}

static void state_render(const struct ctl *ctl, const json_t *result)
{
	printf("state: ");
	tone(ctl, tone_of_state(js_text(result, "state")), "%s\n", js_text(result, "state"));
}

static const struct arg status_args[] = {
	{ "wait", 's', .local = true, .value = "STATE",
	  .help = "until it is connected, connecting, disconnected or relay; 60 s unless --timeout",
	  .words = "connected connecting disconnected relay" },
	{ "exit-code", 'b', .local = true, .value = "", .help = "exit with 5 if it is not connected" },
	{ 0 },
};
static const struct arg updown_args[] = {
	{ "wait", 'b', .local = true, .value = "", .help = "until it is so; 60 s unless --timeout" },
	{ 0 },
};

const struct verb status_verbs[] = {
	{ NULL, "state, interface, exit, and each problem with its next step", status_args, "status", status_render, status_run },
	{ 0 },
};
const struct verb up_verbs[] = {
	{ NULL, "connect: build circuits, move routes", updown_args, "up", state_render, updown_run },
	{ 0 },
};
const struct verb down_verbs[] = {
	{ NULL, "disconnect: end circuits, put routes back", updown_args, "down", state_render, updown_run },
	{ 0 },
};
