// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * config: check a file with the daemon's own table, see what is in force, have it read again.
 */
#include "ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <control/config.h>

/* ---- check ---- */

static void check_render(const struct ctl *ctl, const json_t *result)
{
	printf("%s: no errors\n", js_text(result, "path"));
}

static json_t *errors_json(const struct config_errors *errors)
{
	json_t *list = json_array();
	u32 i;

	for (i = 0; i < errors->count && i < CONFIG_ERRORS_MAX; i++)
		json_array_append_new(list, json_pack("{s:s, s:i, s:s}", "file", errors->error[i].file, "line",
						      (int)errors->error[i].line, "text", errors->error[i].text));
	return list;
}

static int check_run(const struct ctl *ctl, const struct verb *verb, json_t *args)
{
	const char *path = js_has(args, "file") ? js_text(args, "file") : CONFIG_PATH;
	struct config_errors *errors = calloc(1, sizeof(*errors));
	struct config *config = calloc(1, sizeof(*config));
	json_t *error;
	int ret;

	if (!errors || !config)
		ret = ctl_fail(ctl, CTL_ERROR, "internal", NULL, "out of memory");
	else if (access(path, R_OK))
		ret = ctl_fail(ctl, errno == EACCES ? CTL_DENIED : CTL_ERROR, errno == EACCES ? "denied" : "not-found",
			       errno == EACCES ? "run it as root" : NULL, "%s: %s", path, strerror(errno));
	else if (!config_load(config, path, errors))
		ret = ctl_show(ctl, verb, json_pack("{s:s, s:s}", "schema", "meshvpn.config.check/1", "path", path));
	else {
		char message[300];

		snprintf(message, sizeof(message), "%.200s: %u error%s", path, errors->count, errors->count == 1 ? "" : "s");
		error = json_pack("{s:s, s:s, s:s, s:o}", "code", "invalid", "message", message, "hint",
				  "man 5 meshvpnd.conf", "details", errors_json(errors));
		ret = ctl_call_failed(ctl, -EREMOTEIO, error);
	}
	free(errors);
	free(config);
	return ret;
}

/* ---- show ---- */

static void show_render(const struct ctl *ctl, const json_t *result)
{
	const char *section = "";
	char ago[UNIT_TEXT];
	json_t *k;
	size_t i;

	printf("# %s, read %s\n", js_text(result, "path"), unit_ago(js_u64(result, "loaded_unix"), ago));
	json_array_foreach((json_t *)js(result, "keys"), i, k) {
		if (strcmp(section, js_text(k, "section"))) {
			section = js_text(k, "section");
			tone(ctl, TONE_NAME, "[%s]", section);
			putchar('\n');
		}
		printf("%s = %s\n", js_text(k, "name"), js_text(k, "value"));
	}
}

/* ---- reload ---- */

static void reload_render(const struct ctl *ctl, const json_t *result)
{
	char *changed = js_join(result, "changed", " "), *restart = js_join(result, "restart", " ");

	printf("%s%s\n", *changed ? "taken over: " : "read again, nothing changed that a reload takes over", changed);
	if (*restart) {
		tone(ctl, TONE_WARN, "after a restart only:");
		printf(" %s\n", restart);
	}
	free(changed);
	free(restart);
}

static const struct arg check_args[] = {
	{ "file", 's', .positional = true, .local = true, .value = "FILE", .help = CONFIG_PATH " unless given" },
	{ 0 },
};

const struct verb config_verbs[] = {
	{ "show", "what the daemon's files set", NULL, "config.show", show_render },
	{ "check", "every error of a file, without a daemon", check_args, NULL, check_render, check_run },
	{ "reload", "have the daemon read its files again", NULL, "config.reload", reload_render },
	{ 0 },
};
