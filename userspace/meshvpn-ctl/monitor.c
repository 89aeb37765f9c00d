// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * monitor: events until interrupted; a line each, in the order in which they happened.
 */
#include "ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void value_print(const char *name, const json_t *v)
{
	char text[RELAY_TEXT], *list;

	if (json_is_string(v))
		printf("  %s %s", name, json_string_value(v));
	else if (json_is_integer(v) && strlen(name) > 3 && !strcmp(name + strlen(name) - 3, "_us"))
		printf("  %.*s %s", (int)strlen(name) - 3, name, unit_rtt(v, text));
	else if (json_is_integer(v))
		printf("  %s %" JSON_INTEGER_FORMAT, name, json_integer_value(v));
	else if (json_is_object(v))
		printf("  %s %s", name, relay_text(v, text));
	else if (json_is_array(v) && (list = js_join(v, "", " "))) {
		printf("  %s %s", name, list);
		free(list);
	} else if (json_is_boolean(v)) {
		printf("  %s %s", name, json_is_true(v) ? "yes" : "no");
	}
}

static enum tone tone_of_event(const char *event)
{
	if (strstr(event, "dead") || strstr(event, "lost") || !strcmp(event, "no-path"))
		return TONE_BAD;
	return strstr(event, "live") || strstr(event, "taken") ? TONE_GOOD : TONE_NAME;
}

static int event_print(void *arg, json_t *event)
{
	const struct ctl *ctl = arg;
	const char *name, *kind;
	char clock[32];
	time_t at;
	struct tm tm;
	json_t *v;

	if (ctl->json) {
		ctl_print_json(ctl, event);
		return fflush(stdout) ? -EPIPE : 0;
	}
	json_clean(event);
	kind = js_text(event, "event");
	if (!strcmp(kind, "hello"))
		return 0;
	at = (time_t)js_u64(event, "time_unix");
	strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&at, &tm));
	printf("%s  ", clock);
	tone(ctl, tone_of_event(kind), "%s", kind);
	json_object_foreach(event, name, v)
		if (strcmp(name, "schema") && strcmp(name, "event") && strcmp(name, "time_unix"))
			value_print(name, v);
	putchar('\n');
	return fflush(stdout) ? -EPIPE : 0;
}

static int monitor_run(const struct ctl *ctl, const struct verb *verb, json_t *args)
{
	struct control_peer *peer;
	json_t *error = NULL;
	int ret = ctl_connect(ctl, &peer);

	if (ret)
		return ret;
	ret = control_stream(peer, verb->method, NULL, ctl->timeout_given ? ctl->timeout_ms : CONTROL_FOREVER, event_print,
			     (void *)ctl, &error);
	control_disconnect(peer);
	/* --timeout is how long to watch */
	if (!ret || (ret == -ETIMEDOUT && ctl->timeout_given))
		return CTL_OK;
	return ctl_call_failed(ctl, ret, error);
}

const struct verb monitor_verbs[] = {
	{ NULL, "events as they happen; --timeout: for so long", NULL, "monitor", NULL, monitor_run },
	{ 0 },
};
