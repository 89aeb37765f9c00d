// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * relay: what the directory knows.
 */
#include "ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "relay exit guard" */
static const char *marks(const json_t *r, char text[80])
{
	char *flags = js_join(r, "flags", " ");

	snprintf(text, 80, "%.30s%s%s%s", flags, js_true(r, "guard") ? " guard" : "", js_true(r, "excluded") ? " excluded" : "",
		 js_true(r, "self") ? " self" : "");
	free(flags);
	return text;
}

static const char *link_text(const json_t *r, char text[UNIT_TEXT])
{
	if (!js_has(r, "link"))
		return "-";
	if (!js_true(r, "link.up"))
		return "opening";
	return js_has(r, "link.rtt_us") ? unit_rtt(js(r, "link.rtt_us"), text) : "up";
}

static void relay_item(const struct ctl *ctl, const json_t *r)
{
	char text[RELAY_TEXT], flags[80], time[UNIT_TEXT], unit[UNIT_TEXT];
	char *endpoints = js_join(r, "endpoints", " ");

	tone(ctl, TONE_NAME, "%s", relay_text(r, text));
	printf(": %s\n    id %s\n", marks(r, flags), js_text(r, "id"));
	printf("    published %s", unit_ago(js_u64(r, "published_unix"), time));
	printf(", expires %s%s\n", unit_ago(js_u64(r, "expires_unix"), time), js_true(r, "learned") ? ", learned" : "");
	if (js_has(r, "bandwidth"))
		printf("    bandwidth %s/s\n", unit_bytes(js_u64(r, "bandwidth"), unit));
	if (js_has(r, "policy"))
		printf("    policy %s\n", js_text(r, "policy"));
	if (js_has(r, "link"))
		printf("    link %s  class %s\n", link_text(r, unit), js_text(r, "link.class"));
	if (*endpoints)
		printf("    endpoints %s\n", endpoints);
	free(endpoints);
}

static void relay_table(const struct ctl *ctl, const json_t *list)
{
	char text[RELAY_TEXT], flags[80], unit[UNIT_TEXT];
	struct table t;
	json_t *r;
	size_t i;

	table_begin(&t, "RELAY", "ID", "FLAGS", ">BANDWIDTH", "EXPIRES", ">LINK", NULL);
	json_array_foreach((json_t *)list, i, r) {
		table_cell(&t, TONE_NAME, "%s", relay_text(r, text));
		table_cell(&t, TONE_DIM, "%.10s", js_text(r, "id"));
		table_cell(&t, TONE_NONE, "%s", marks(r, flags));
		if (js_has(r, "bandwidth"))
			table_cell(&t, TONE_NONE, "%s/s", unit_short(js_u64(r, "bandwidth"), unit));
		else
			table_cell(&t, TONE_NONE, "-");
		table_cell(&t, TONE_NONE, "%s", unit_ago(js_u64(r, "expires_unix"), unit));
		table_cell(&t, TONE_NONE, "%s", link_text(r, unit));
	}
	table_end(ctl, &t);
}

static void relay_render(const struct ctl *ctl, const json_t *result)
{
	const json_t *list = js(result, "relays");
	size_t n = js_count(result, "relays"), total = (size_t)js_u64(result, "total"), i;
	json_t *r;

	if (ctl->brief || (n > 1 && !ctl->stats && !ctl->secrets))
		relay_table(ctl, list);
	else
		json_array_foreach((json_t *)list, i, r)
			relay_item(ctl, r);
	if (!n)
		printf("no relay is known; next: meshvpn-ctl descriptor import FILE\n");
	if (total > n)
		printf("%zu more: limit %zu\n", total - n, total);
}

static const struct arg show_args[] = {
	{ "name", 's', .positional = true, .value = "RELAY", .help = "nickname or beginning of an id" },
	{ "limit", 'i', .value = "N", .help = "at most; 1000" },
	{ 0 },
};

const struct verb relay_verbs[] = {
	{ "show", "relays and what they offer; -s: in full", show_args, "relay.show", relay_render, .secrets = true },
	{ 0 },
};
