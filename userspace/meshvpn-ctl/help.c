// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Help and completions, both out of the table of objects and verbs.
 */
#include "ctl.h"

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
	"exit: 0 ok, 1 error, 2 usage, 3 daemon down, 4 denied, 5 not connected, 7 timeout\n";

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

void help_object(const struct object *object, const struct verb *only)
{
	const struct verb *v;
	const struct arg *a;
	char left[60];

	for (v = object->verbs; !verb_is_end(v); v++) {
		if (only && v != only)
			continue;
		printf("meshvpn-ctl %s", object->name);
		if (v->name)
			printf(v == object->verbs ? " [%s]" : " %s", v->name);
		args_print(v);
		printf("\n    %s\n", v->summary);
		for (a = v->args; a && a->name; a++) {
			snprintf(left, sizeof(left), "%s%s%s%s", a->type == 'b' ? "--" : "", a->name, a->type == 'b' ? "" : " ",
				 a->type == 'b' ? "" : a->value);
			printf("      %-18s %s\n", left, a->help);
		}
	}
}

void help_all(FILE *f)
{
	const struct object *o;
	const struct verb *v;

	fprintf(f, "usage: meshvpn-ctl [OPTIONS] OBJECT [VERB] [ARGS]      (names may be abbreviated)\n\n");
	for (o = ctl_objects; o->name; o++) {
		char verbs[80] = "";

		for (v = o->verbs; v->name; v++) {
			size_t len = strlen(verbs);

			snprintf(verbs + len, sizeof(verbs) - len, "%s%s", len ? "|" : "", v->name);
		}
		fprintf(f, "  %-11s %-26s %s\n", o->name, verbs, o->summary);
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

static void words_of_args(const struct ctl *ctl, const struct verb *v)
{
	const struct arg *a;

	for (a = v->args; a && a->name; a++) {
		if (!a->positional)
			printf("%s%s\n", a->type == 'b' ? "--" : "", a->name);
		if (!strcmp(a->value, "ID"))
			words_of_list(ctl, "circuit.show", "circuits", "id");
		if (!strcmp(a->value, "RELAY") || !strcmp(a->value, "NAME"))
			words_of_list(ctl, "relay.show", "relays", "nick");
	}
}

int complete(const struct ctl *ctl, int argc, char **argv)
{
	const struct object *o;
	const struct verb *v;
	bool ambiguous;

	if (!argc) {
		for (o = ctl_objects; o->name; o++)
			printf("%s\n", o->name);
		printf("help\n");
		return CTL_OK;
	}
	o = object_find(argv[0], &ambiguous);
	if (!o)
		return CTL_OK;
	if (argc == 1) {
		for (v = o->verbs; v->name; v++)
			printf("%s\n", v->name);
		printf("help\n");
	}
	v = o->verbs->name ? argc > 1 ? verb_find(o, argv[1], &ambiguous) : NULL : o->verbs;
	if (v)
		words_of_args(ctl, v);
	return CTL_OK;
}
