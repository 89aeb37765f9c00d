// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * circuit: the paths in use and in the making, new ones, and how far away each hop is.
 */
#include "ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRACE_MS 120000

/* ---- show ---- */

static void circuit_numbers(const json_t *c)
{
	char rx[UNIT_TEXT], tx[UNIT_TEXT], last[UNIT_TEXT];

	printf("    phase %s  hops %u  last sign of life %s\n", js_text(c, "phase"), (u32)js_u64(c, "hops"),
	       js_has(c, "last_rx_unix") ? unit_ago(js_u64(c, "last_rx_unix"), last) : "never");
	printf("    cells received %s, sent %s\n", unit_count(js_u64(c, "rx_cells"), rx), unit_count(js_u64(c, "tx_cells"), tx));
}

static void circuit_item(const struct ctl *ctl, const json_t *c)
{
	char rx[UNIT_TEXT], tx[UNIT_TEXT], age[UNIT_TEXT], rtt[UNIT_TEXT];
	char *path = path_text(js(c, "path"));

	tone(ctl, TONE_NAME, "%u", (u32)js_u64(c, "id"));
	printf(": ");
	tone(ctl, tone_of_state(js_text(c, "state")), "%s", js_text(c, "state"));
	printf("%s", js_true(c, "current") ? " current" : "");
	if (js_true(c, "suspect"))
		tone(ctl, TONE_WARN, " does not answer");
	printf("  %s\n", path);
	printf("    age %s  rtt %s", unit_age(js_u64(c, "age_s"), age), unit_rtt(js(c, "rtt_us"), rtt));
	if (js_has(c, "session"))
		printf("  session %u", (u32)js_u64(c, "session"));
	printf("  received %s, sent %s\n", unit_bytes(js_u64(c, "rx_bytes"), rx), unit_bytes(js_u64(c, "tx_bytes"), tx));
	if (ctl->stats)
		circuit_numbers(c);
	free(path);
}

static void session_item(const struct ctl *ctl, const json_t *s)
{
	char *addresses = js_join(s, "addresses", " ");
	char relay[RELAY_TEXT], age[UNIT_TEXT];

	printf("session ");
	tone(ctl, TONE_NAME, "%u", (u32)js_u64(s, "id"));
	printf(":%s exit %s  %s  age %s\n", js_true(s, "current") ? " current" : "", relay_text(js(s, "exit"), relay), addresses,
	       unit_age(js_u64(s, "age_s"), age));
	if (ctl->stats && js_has(s, "policy"))
		printf("    mtu %u  policy %s\n", (u32)js_u64(s, "mtu"), js_text(s, "policy"));
	free(addresses);
}

static void relayed_table(const struct ctl *ctl, const json_t *list)
{
	char age[UNIT_TEXT], rx[UNIT_TEXT], tx[UNIT_TEXT];
	bool ids = js_has(json_array_get(list, 0), "link");
	struct table t;
	json_t *c;
	size_t i;

	if (ids)
		table_begin(&t, "ROLE", ">AGE", ">RX", ">TX", "IN", "OUT", NULL);
	else
		table_begin(&t, "ROLE", ">AGE", ">RX", ">TX", NULL);
	json_array_foreach((json_t *)list, i, c) {
		table_cell(&t, TONE_NONE, "%s", js_text(c, "role"));
		table_cell(&t, TONE_NONE, "%s", unit_age(js_u64(c, "age_s"), age));
		table_cell(&t, TONE_NONE, "%s", unit_short(js_u64(c, "rx_bytes"), rx));
		table_cell(&t, TONE_NONE, "%s", unit_short(js_u64(c, "tx_bytes"), tx));
		if (!ids)
			continue;
		table_cell(&t, TONE_NONE, "%u/%06x", (u32)js_u64(c, "link"), (u32)js_u64(c, "circuit"));
		if (js_has(c, "out_link"))
			table_cell(&t, TONE_NONE, "%u/%06x", (u32)js_u64(c, "out_link"), (u32)js_u64(c, "out_circuit"));
		else
			table_cell(&t, TONE_NONE, "-");
	}
	table_end(ctl, &t);
}

static void relayed_item(const struct ctl *ctl, const json_t *result)
{
	const json_t *list = js(result, "relayed");
	size_t n = js_count(result, "relayed"), total = (size_t)js_u64(result, "total.relayed");

	if (!n)
		return;
	printf("relayed for others: %zu circuit%s%s\n", total, total == 1 ? "" : "s",
	       ctl->stats ? "" : " (-s lists them)");
	if (ctl->stats)
		relayed_table(ctl, list);
	if (ctl->stats && total > n)
		printf("%zu more: limit %zu\n", total - n, total);
}

static void circuit_brief(const struct ctl *ctl, const json_t *list)
{
	char age[UNIT_TEXT], rtt[UNIT_TEXT], rx[UNIT_TEXT], tx[UNIT_TEXT];
	bool rates = js_has(json_array_get(list, 0), "rx_rate");
	struct table t;
	json_t *c;
	size_t i;

	table_begin(&t, "ID", "STATE", ">AGE", "PATH", ">RTT", rates ? ">RX/s" : ">RX", rates ? ">TX/s" : ">TX", NULL);
	json_array_foreach((json_t *)list, i, c) {
		char *path = path_text(js(c, "path"));

		table_cell(&t, TONE_NONE, "%u%s", (u32)js_u64(c, "id"), js_true(c, "current") ? "*" : "");
		table_cell(&t, tone_of_state(js_text(c, "state")), "%s", js_text(c, "state"));
		table_cell(&t, TONE_NONE, "%s", unit_age(js_u64(c, "age_s"), age));
		table_cell(&t, TONE_NONE, "%s", path);
		table_cell(&t, TONE_NONE, "%s", unit_rtt(js(c, "rtt_us"), rtt));
		table_cell(&t, TONE_NONE, "%s", unit_short(js_u64(c, rates ? "rx_rate" : "rx_bytes"), rx));
		table_cell(&t, TONE_NONE, "%s", unit_short(js_u64(c, rates ? "tx_rate" : "tx_bytes"), tx));
		free(path);
	}
	table_end(ctl, &t);
}

static void circuit_render(const struct ctl *ctl, const json_t *result)
{
	json_t *item;
	size_t i;

	if (ctl->brief) {
		circuit_brief(ctl, js(result, "circuits"));
		if (!js_count(result, "circuits"))
			relayed_table(ctl, js(result, "relayed"));
		return;
	}
	json_array_foreach((json_t *)js(result, "circuits"), i, item)
		circuit_item(ctl, item);
	json_array_foreach((json_t *)js(result, "sessions"), i, item)
		session_item(ctl, item);
	relayed_item(ctl, result);
	if (!js_count(result, "circuits") && !js_count(result, "relayed"))
		printf("no circuits\n");
}

/* ---- new, close, trace ---- */

static void new_render(const struct ctl *ctl, const json_t *result)
{
	printf("a new session over a new path is being built; running connections keep theirs\n");
}

static void close_render(const struct ctl *ctl, const json_t *result)
{
	if (js_has(result, "session"))
		printf("session %u is being closed\n", (u32)js_u64(result, "session"));
	else
		printf("circuit %u is being closed\n", (u32)js_u64(result, "id"));
}

static int close_run(const struct ctl *ctl, const struct verb *verb, json_t *args)
{
	if (js_has(args, "id") == js_has(args, "session"))
		return ctl_fail(ctl, CTL_USAGE, "usage", "meshvpn-ctl circuit show lists both",
				"circuit close: give the number of a circuit, or session and its number");
	return ctl_run(ctl, verb, args);
}

static void failure_line(const struct ctl *ctl, const json_t *result)
{
	const json_t *f = js(result, "failure");
	u32 hop = (u32)js_u64(f, "hop");
	char relay[RELAY_TEXT];

	if (!json_is_object(f))
		return;
	tone(ctl, TONE_BAD, "stopped at hop %u (%s)", hop + 1, relay_text(json_array_get(js(result, "path"), hop), relay));
	printf(": %s", js_text(f, "reason"));
	if (js_has(f, "refusal") && strcmp(js_text(f, "refusal"), "none"))
		printf(", refused: %s", js_text(f, "refusal"));
	printf(" in %s\n", js_text(f, "phase"));
}

static void trace_render(const struct ctl *ctl, const json_t *result)
{
	char relay[RELAY_TEXT], rtt[UNIT_TEXT];
	struct table t;
	json_t *hop;
	size_t i;

	table_begin(&t, ">HOP", "RELAY", "ID", ">RTT", NULL);
	json_array_foreach((json_t *)js(result, "path"), i, hop) {
		table_cell(&t, TONE_NONE, "%zu", i + 1);
		table_cell(&t, TONE_NAME, "%s", relay_text(hop, relay));
		table_cell(&t, TONE_DIM, "%.10s", js_text(hop, "id"));
		table_cell(&t, TONE_NONE, "%s", unit_rtt(js(hop, "rtt_us"), rtt));
	}
	table_end(ctl, &t);
	failure_line(ctl, result);
}

static const struct arg show_args[] = {
	{ "id", 'i', .positional = true, .value = "ID", .help = "only this circuit" },
	{ "limit", 'i', .value = "N", .help = "of each list at most; 1000" },
	{ 0 },
};
static const struct arg close_args[] = {
	{ "id", 'i', .positional = true, .value = "ID", .help = "number of a circuit" },
	{ "session", 'i', .value = "N", .help = "number of a session, with its circuit" },
	{ 0 },
};
static const struct arg trace_args[] = {
	{ "hops", 'i', .value = "N", .help = "relays, 1 to 10; as configured" },
	{ "exit", 's', .value = "RELAY", .help = "nickname or beginning of an id of the last" },
	{ 0 },
};

const struct verb circuit_verbs[] = {
	{ "show", "circuits with their paths, sessions at exits; what is relayed for others", show_args, "circuit.show",
	  circuit_render, .secrets = true },
	{ "new", "a new session over a new path, for new connections", NULL, "circuit.new", new_render },
	{ "close", "end a circuit (its session moves to another one) or a session", close_args, "circuit.close", close_render,
	  close_run },
	{ "trace", "build a path to measure the time to each hop, and close it", trace_args, "circuit.trace", trace_render,
	  .timeout_ms = TRACE_MS },
	{ 0 },
};
