// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Arguments of a verb: "name value" as in ip(8), "--name value" and "--name=value" for fingers
 * used to that, and what may go without its name.
 */
#include "ctl.h"

#include <stdio.h>
#include <string.h>

static const struct arg *arg_named(const struct verb *verb, const char *word, size_t len)
{
	const struct arg *a;

	for (a = verb->args; a && a->name; a++)
		if (strlen(a->name) == len && !memcmp(a->name, word, len))
			return a;
	return NULL;
}

static const struct arg *arg_positional(const struct verb *verb, const json_t *args)
{
	const struct arg *a;

	for (a = verb->args; a && a->name; a++)
		if (a->positional && !json_object_get(args, a->name))
			return a;
	return NULL;
}

static json_t *value_of(const struct arg *a, const char *text)
{
	unsigned long long n;
	char *end;

	if (a->type == 's')
		return json_string(text);
	errno = 0;
	n = strtoull(text, &end, !strncmp(text, "0x", 2) ? 16 : 10);
	if (*text < '0' || *text > '9' || *end || errno || n > INT64_MAX)
		return NULL;
	return json_integer((json_int_t)n);
}

static int usage(const struct ctl *ctl, const struct object *object, const struct verb *verb, const char *thing,
		 const char *cause)
{
	char hint[120];

	snprintf(hint, sizeof(hint), "meshvpn-ctl %s%s%s help", object->name, verb->name ? " " : "",
		 verb->name ? verb->name : "");
	return ctl_fail(ctl, CTL_USAGE, "usage", hint, "%s: %s", thing, cause);
}

/* About an argument with what its value is, or has to be. */
static int usage_of(const struct ctl *ctl, const struct object *object, const struct verb *verb, const struct arg *a,
		    const char *value, const char *cause)
{
	char thing[200];

	snprintf(thing, sizeof(thing), "%s %.160s", a->name, value);
	return usage(ctl, object, verb, thing, cause);
}

/* @argc words; returns how many were used, 0: an error was said. */
static int arg_take(const struct ctl *ctl, const struct object *object, const struct verb *verb, int argc, char **argv,
		    json_t *args)
{
	bool dashes = argv[0][0] == '-' && argv[0][1] == '-';
	const char *word = argv[0] + (dashes ? 2 : 0), *value = dashes ? strchr(word, '=') : NULL;
	const struct arg *a = arg_named(verb, word, value ? (size_t)(value - word) : strlen(word));
	int used = 1;
	json_t *v;

	if (a && a->type == 'b') {
		json_object_set_new(args, a->name, json_true());
		return 1;
	}
	if (a) {
		if (value)
			value++;
		else if (argc > 1)
			value = argv[used++];
		else
			return usage(ctl, object, verb, argv[0], "needs a value"), 0;
	} else {
		a = dashes ? NULL : arg_positional(verb, args);
		value = argv[0];
		if (!a)
			return usage(ctl, object, verb, argv[0], "not known here"), 0;
	}
	v = value_of(a, value);
	if (!v)
		return usage_of(ctl, object, verb, a, value, a->type == 'i' ? "not a number" : "not text in UTF-8"), 0;
	if (json_object_get(args, a->name)) {
		json_decref(v);
		return usage(ctl, object, verb, a->name, "given twice"), 0;
	}
	json_object_set_new(args, a->name, v);
	return used;
}

json_t *args_parse(const struct ctl *ctl, const struct object *object, const struct verb *verb, int argc, char **argv)
{
	json_t *args = json_object();
	const struct arg *a;
	int at, used;

	for (at = 0; at < argc; at += used) {
		used = arg_take(ctl, object, verb, argc - at, argv + at, args);
		if (!used) {
			json_decref(args);
			return NULL;
		}
	}
	for (a = verb->args; a && a->name; a++) {
		if (a->required && !json_object_get(args, a->name)) {
			usage_of(ctl, object, verb, a, a->value, "is missing");
			json_decref(args);
			return NULL;
		}
	}
	return args;
}

json_t *args_params(const struct ctl *ctl, const struct verb *verb, const json_t *args)
{
	json_t *params = json_object();
	const struct arg *a;

	for (a = verb->args; a && a->name; a++)
		if (!a->local && json_object_get(args, a->name))
			json_object_set(params, a->name, json_object_get(args, a->name));
	if (verb->secrets && ctl->secrets)
		json_object_set_new(params, "secrets", json_true());
	return params;
}
