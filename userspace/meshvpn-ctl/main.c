// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * meshvpn-ctl: options, then OBJECT VERB through a table. Options may stand anywhere.
 */
#include "ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <control/control.h>
#include <sodium.h>

#ifndef MESHVPN_VERSION
#define MESHVPN_VERSION "0.1.0"
#endif

const struct object ctl_objects[] = {
	{ "status", "what works, what does not, and what to do about it", status_verbs },
	{ "up", "connect", up_verbs },
	{ "down", "disconnect, put routes back", down_verbs },
	{ "circuit", "paths in use, relayed ones, new ones", circuit_verbs },
	{ "relay", "the relays that are known", relay_verbs },
	{ "descriptor", "signed descriptions of relays", descriptor_verbs },
	{ "key", "this node's keys", key_verbs },
	{ "config", "the configuration", config_verbs },
	{ "dev", "devices, datapath, drops; nodes, links, circuits of the kernel module", dev_verbs },
	{ "stats", "every counter", stats_verbs },
	{ "monitor", "events as they happen", monitor_verbs },
	{ 0 },
};

/* ---- the table ---- */

const struct object *object_find(const char *word, bool *ambiguous)
{
	const struct object *o, *found = NULL;

	*ambiguous = false;
	for (o = ctl_objects; o->name; o++) {
		if (!strcmp(o->name, word)) {
			*ambiguous = false;
			return o;
		}
		if (!strncmp(o->name, word, strlen(word))) {
			*ambiguous = found;
			found = *ambiguous ? found : o;
		}
	}
	return *ambiguous ? NULL : found;
}

/* Words of ip(8) for the same. */
static const char *verb_word(const char *word)
{
	static const char *const words[][2] = {
		{ "list", "show" }, { "lst", "show" }, { "ls", "show" }, { "delete", "del" }, { "change", "set" },
	};
	u32 i;

	for (i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(words[i][0], word))
			return words[i][1];
	return word;
}

const struct verb *verb_find(const struct object *object, const char *word, bool *ambiguous)
{
	const struct verb *v, *found = NULL;

	*ambiguous = false;
	word = verb_word(word);
	for (v = object->verbs; v->name; v++) {
		if (!strcmp(v->name, word)) {
			*ambiguous = false;
			return v;
		}
		if (!strncmp(v->name, word, strlen(word))) {
			*ambiguous = found;
			found = *ambiguous ? found : v;
		}
	}
	return *ambiguous ? NULL : found;
}

/* ---- options ---- */

static bool color_wanted(const char *when)
{
	const char *no = getenv("NO_COLOR");

	if (strcmp(when, "auto"))
		return !strcmp(when, "always");
	return isatty(1) && !(no && *no);
}

static bool is_when(const char *word)
{
	return word && (!strcmp(word, "auto") || !strcmp(word, "always") || !strcmp(word, "never"));
}

static bool timeout_read(struct ctl *ctl, const char *text)
{
	char *end;
	double seconds = strtod(text, &end);

	if (*end || end == text || !(seconds >= 0) || seconds > 1e9)
		return false;
	ctl->timeout_ms = (u64)(seconds * 1000);
	ctl->timeout_given = true;
	return true;
}

/* The value of "--name VALUE" or "--name=VALUE" at argv[*i], moving *i; NULL: not this option. */
static const char *value_option(const char *name, int argc, char **argv, int *i, bool *missing)
{
	size_t len = strlen(name);

	if (strncmp(argv[*i], name, len) || (argv[*i][len] && argv[*i][len] != '='))
		return NULL;
	if (argv[*i][len])
		return argv[*i] + len + 1;
	if (*i + 1 < argc)
		return argv[++*i];
	*missing = true;
	return "";
}

static bool one_of(const char *word, const char *a, const char *b, const char *c)
{
	return !strcmp(word, a) || !strcmp(word, b) || !strcmp(word, c);
}

static bool flag_option(struct ctl *ctl, const char *word)
{
	if (one_of(word, "-j", "-json", "--json"))
		ctl->json = true;
	else if (one_of(word, "-p", "-pretty", "--pretty"))
		ctl->json = ctl->pretty = true;
	else if (one_of(word, "-s", "-stats", "--stats") || !strcmp(word, "-statistics"))
		ctl->stats = true;
	else if (one_of(word, "-br", "-brief", "--brief"))
		ctl->brief = true;
	else if (!strcmp(word, "--show-secrets"))
		ctl->secrets = true;
	else
		return false;
	return true;
}

/* 0: taken; 1: not an option of ours; else an exit code + 2 */
static int option_take(struct ctl *ctl, int argc, char **argv, int *i)
{
	char *word = argv[*i];
	const char *v;
	bool missing = false;

	if (flag_option(ctl, word))
		return 0;
	if (one_of(word, "-c", "-color", "--color")) {
		ctl->color = color_wanted(*i + 1 < argc && is_when(argv[*i + 1]) ? argv[++*i] : "always");
	} else if (!strncmp(word, "-c=", 3) || !strncmp(word, "-color=", 7) || !strncmp(word, "--color=", 8)) {
		v = strchr(word, '=') + 1;
		if (!is_when(v))
			return 2 + ctl_fail(ctl, CTL_USAGE, "usage", "auto, always or never", "%s: not a time for colours", v);
		ctl->color = color_wanted(v);
	} else if ((v = value_option("--socket", argc, argv, i, &missing))) {
		ctl->socket = v;
	} else if ((v = value_option("--timeout", argc, argv, i, &missing))) {
		if (!missing && !timeout_read(ctl, v))
			return 2 + ctl_fail(ctl, CTL_USAGE, "usage", "give seconds", "--timeout %s: not a time", v);
	} else {
		return 1;
	}
	return missing ? 2 + ctl_fail(ctl, CTL_USAGE, "usage", "meshvpn-ctl help", "%s: needs a value", word) : 0;
}

/* Takes our options out of @argv; the rest stays in order. */
static int options_take(struct ctl *ctl, int *argc, char **argv)
{
	int i, out = 0, ret;
	bool words_only = false;

	/* -j first, so that an error in what precedes it is JSON too */
	for (i = 0; i < *argc; i++)
		if (one_of(argv[i], "-j", "-json", "--json") || one_of(argv[i], "-p", "-pretty", "--pretty"))
			ctl->json = true;
	for (i = 0; i < *argc; i++) {
		if (!words_only && !strcmp(argv[i], "--")) {
			words_only = true;
			continue;
		}
		ret = words_only || argv[i][0] != '-' || !argv[i][1] ? 1 : option_take(ctl, *argc, argv, &i);
		if (ret >= 2)
			return ret - 2;
		if (ret)
			argv[out++] = argv[i];
	}
	*argc = out;
	return 0;
}

/* ---- dispatch ---- */

static bool is_help(const char *word)
{
	return !strcmp(word, "help") || one_of(word, "-h", "-help", "--help");
}

static int object_run(const struct ctl *ctl, const struct object *o, int argc, char **argv)
{
	const struct verb *v = o->verbs;
	char hint[64], name[OBJECT_NAME];
	struct object inner;
	bool ambiguous;
	json_t *args;
	int ret;

	snprintf(hint, sizeof(hint), "meshvpn-ctl %s help", o->name);
	if (argc && is_help(argv[0])) {
		help_object(o, NULL);
		return CTL_OK;
	}
	if (v->name && argc && argv[0][0] != '-') {
		v = verb_find(o, argv[0], &ambiguous);
		if (!v)
			return ctl_fail(ctl, CTL_USAGE, "usage", hint, "%s %s: %s", o->name, argv[0],
					ambiguous ? "stands for several verbs" : "there is no such verb");
		argc--;
		argv++;
	}
	if (v->verbs) {
		inner = object_inner(o, v, name);
		return object_run(ctl, &inner, argc, argv);
	}
	if (argc && is_help(argv[argc - 1])) {
		help_object(o, v);
		return CTL_OK;
	}
	args = args_parse(ctl, o, v, argc, argv);
	if (!args)
		return CTL_USAGE;
	ret = v->run ? v->run(ctl, v, args) : ctl_run(ctl, v, args);
	json_decref(args);
	return ret;
}

static int words_run(const struct ctl *ctl, int argc, char **argv)
{
	const struct object *o;
	bool ambiguous;

	if (!argc) {
		help_all(stderr);
		return CTL_USAGE;
	}
	if (is_help(argv[0]) && argc > 1) {
		/* "help OBJECT [VERB]" is "OBJECT [VERB] help" */
		memmove(argv, argv + 1, (size_t)(argc - 1) * sizeof(*argv));
		argv[argc - 1] = (char *)"help";
	} else if (is_help(argv[0])) {
		help_all(stdout);
		return CTL_OK;
	}
	if (one_of(argv[0], "-V", "-version", "--version")) {
		printf("meshvpn-ctl %s\n", MESHVPN_VERSION);
		return CTL_OK;
	}
	if (!strcmp(argv[0], "__words"))
		return complete(ctl, argc - 1, argv + 1);
	o = object_find(argv[0], &ambiguous);
	if (!o)
		return ctl_fail(ctl, CTL_USAGE, "usage", "meshvpn-ctl help", "%s: %s", argv[0],
				argv[0][0] == '-' ? "there is no such option" : ambiguous ? "stands for several objects" :
				"there is no such object");
	return object_run(ctl, o, argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	const char *socket = getenv("MESHVPN_SOCKET");
	struct ctl ctl = { .socket = socket && *socket ? socket : CONTROL_SOCKET, .color = color_wanted("auto") };
	int ret;

	if (sodium_init() < 0)
		return ctl_fail(&ctl, CTL_ERROR, "internal", NULL, "libsodium does not start");
	argc--;
	argv++;
	ret = options_take(&ctl, &argc, argv);
	if (!ret)
		ret = words_run(&ctl, argc, argv);
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "meshvpn-ctl: cannot write the answer: %s\n", strerror(errno));
		return ret ? ret : CTL_ERROR;
	}
	return ret;
}
