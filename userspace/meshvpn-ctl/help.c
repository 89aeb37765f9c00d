// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Help and completions, both out of the table of objects and verbs.
 */
#include "ctl.h"

#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char options[] =
	"options:\n"
	"  -j, -json            JSON, as in Documentation/control.rst; errors too\n"
	"  -p, -pretty          JSON, indented\n"
	"  -s, -stats           more numbers\n"
	"  -br, -brief          one line an item\n"
	"  -c, -color [auto|always|never]\n"
	"  --show-secrets       peers' addresses and public keys too (root)\n"
	"  --socket PATH        of the daemon (MESHVPN_SOCKET; /run/meshvpn/control.sock)\n"
	"  --timeout SECONDS    for an answer\n"
	"  -V, -version\n";

static const char exits[] =
	"exit: 0 ok, 1 error, 2 usage, 3 daemon (or module) not there, 4 denied, 5 not connected, 7 timeout\n";

static void args_print(const struct verb *v)
{
	const struct arg *a;

	for (a = v->args; a && a->name; a++) {
		printf(a->required ? " " : " [");
		if (a->positional)
			printf("%s", a->value);
		else if (a->type == 'b')
			printf("--%s", a->name);
		else
			printf("%s %s", a->name, a->value);
		printf(a->required ? "" : "]");
	}
}

/* "show|add|del" */
static void verbs_text(const struct verb *v, char *text, size_t room)
{
	size_t len = 0;

	*text = 0;
	for (; v->name && len < room; v++)
		len += (size_t)snprintf(text + len, room - len, "%s%s", len ? "|" : "", v->name);
}

static void verb_print(const struct object *object, const struct verb *v)
{
	char left[60], verbs[80];
	const struct arg *a;

	printf("meshvpn-ctl %s", object->name);
	if (v->name)
		printf(v == object->verbs ? " [%s]" : " %s", v->name);
	if (v->verbs) {
		verbs_text(v->verbs, verbs, sizeof(verbs));
		printf(" %s", verbs);
	}
	args_print(v);
	printf("\n    %s\n", v->summary);
	for (a = v->args; a && a->name; a++) {
		snprintf(left, sizeof(left), "%s%s%s%s", a->type == 'b' ? "--" : "", a->name, a->type == 'b' ? "" : " ",
			 a->type == 'b' ? "" : a->value);
		printf("      %-22s %s\n", left, a->help);
	}
}

void help_object(const struct object *object, const struct verb *only)
{
	const struct verb *v;

	for (v = object->verbs; !verb_is_end(v); v++)
		if (!only || v == only)
			verb_print(object, v);
}

void help_all(FILE *f)
{
	const struct object *o;
	char verbs[160];

	fprintf(f, "usage: meshvpn-ctl [OPTIONS] OBJECT [VERB] [ARGS]      (names may be abbreviated)\n\n");
	for (o = ctl_objects; o->name; o++) {
		verbs_text(o->verbs, verbs, sizeof(verbs));
		fprintf(f, "  %-11s %-26s %s%s\n", o->name, verbs, strlen(verbs) > 26 ? "\n                                         " : "",
			o->summary);
	}
	fprintf(f, "\nmeshvpn-ctl OBJECT help, meshvpn-ctl OBJECT VERB help\n\n%s%s", options, exits);
}

/* ---- completions ---- */

static void words_of_list(const struct ctl *ctl, const char *method, const char *list, const char *name)
{
	struct control_peer *peer;
	json_t *result = NULL, *v;
	size_t i;

	if (control_connect(&peer, ctl->socket))
		return;
	if (!control_call(peer, method, NULL, 1000, &result)) {
		json_array_foreach((json_t *)js(result, list), i, v) {
			if (json_is_integer(js(v, name)))
				printf("%u\n", (u32)js_u64(v, name));
			else if (js_has(v, name))
				printf("%s\n", js_text(v, name));
		}
	}
	json_decref(result);
	control_disconnect(peer);
}

static void words_of_devices(void)
{
	struct if_nameindex *devices = if_nameindex(), *d;

	for (d = devices; d && d->if_index; d++)
		printf("%s\n", d->if_name);
	if (devices)
		if_freenameindex(devices);
}

static void words_of_value(const struct ctl *ctl, const struct arg *a)
{
	const char *at;

	for (at = a->words; at && *at; at += strspn(at, " ")) {
		printf("%.*s\n", (int)strcspn(at, " "), at);
		at += strcspn(at, " ");
	}
	if (!strcmp(a->value, "DEV"))
		words_of_devices();
	if (!strcmp(a->value, "ID"))
		words_of_list(ctl, "circuit.show", "circuits", "id");
	if (!strcmp(a->value, "RELAY") || !strcmp(a->value, "NAME"))
		words_of_list(ctl, "relay.show", "relays", "nick");
}

/* The argument whose value follows @word; NULL: none. */
static const struct arg *arg_before_value(const struct verb *v, const char *word)
{
	const struct arg *a;

	for (a = v->args; a && a->name; a++)
		if (a->type != 'b' && !strcmp(a->name, word + (strncmp(word, "--", 2) ? 0 : 2)))
			return a;
	return NULL;
}

static void words_of_args(const struct ctl *ctl, const struct verb *v)
{
	const struct arg *a;

	for (a = v->args; a && a->name; a++) {
		if (!a->positional)
			printf("%s%s\n", a->type == 'b' ? "--" : "", a->name);
		else
			words_of_value(ctl, a);
	}
}

static int complete_verb(const struct ctl *ctl, const struct object *o, int argc, char **argv)
{
	const struct verb *v;
	const struct arg *a;
	char name[OBJECT_NAME];
	struct object inner;
	bool ambiguous;

	if (!argc) {
		for (v = o->verbs; v->name; v++)
			printf("%s\n", v->name);
		printf("help\n");
	}
	v = o->verbs->name ? argc ? verb_find(o, argv[0], &ambiguous) : NULL : o->verbs;
	if (v && v->verbs) {
		inner = object_inner(o, v, name);
		return complete_verb(ctl, &inner, argc - 1, argv + 1);
	}
	a = v && argc > !!o->verbs->name ? arg_before_value(v, argv[argc - 1]) : NULL;
	if (a)
		words_of_value(ctl, a);
	else if (v)
		words_of_args(ctl, v);
	return CTL_OK;
}

int complete(const struct ctl *ctl, int argc, char **argv)
{
	const struct object *o;
	bool ambiguous;

	if (!argc) {
		for (o = ctl_objects; o->name; o++)
			printf("%s\n", o->name);
		printf("help\n");
		return CTL_OK;
	}
	o = object_find(argv[0], &ambiguous);
	return o ? complete_verb(ctl, o, argc - 1, argv + 1) : CTL_OK;
}
