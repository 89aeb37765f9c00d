// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reading the daemon's answers: members by path, relays and paths as text, nothing that could
 * steer a terminal.
 */
#include "ctl.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const json_t *js(const json_t *json, const char *path)
{
	const char *dot;

	for (; json && *path; path = *dot ? dot + 1 : dot) {
		dot = strchrnul(path, '.');
		json = json_object_getn(json, path, (size_t)(dot - path));
	}
	return json;
}

const char *js_text(const json_t *json, const char *path)
{
	const char *text = json_string_value(js(json, path));

	return text ? text : "";
}

u64 js_u64(const json_t *json, const char *path)
{
	return (u64)json_integer_value(js(json, path));
}

bool js_true(const json_t *json, const char *path)
{
	return json_is_true(js(json, path));
}

bool js_has(const json_t *json, const char *path)
{
	const json_t *v = js(json, path);

	return v && !json_is_null(v);
}

size_t js_count(const json_t *json, const char *path)
{
	return json_array_size(js(json, path));
}

/* ---- texts that grow ---- */

static FILE *text_open(char **text, size_t *len)
{
	FILE *f = open_memstream(text, len);

	if (!f)
		abort();
	return f;
}

char *js_join(const json_t *json, const char *path, const char *between)
{
	char *text;
	size_t len, i;
	json_t *v;
	FILE *f = text_open(&text, &len);

	json_array_foreach((json_t *)js(json, path), i, v) {
		fputs(i ? between : "", f);
		if (json_is_integer(v))
			fprintf(f, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
		else
			fputs(js_text(v, ""), f);
	}
	fclose(f);
	return text;
}

const char *relay_text(const json_t *relay, char text[RELAY_TEXT])
{
	const char *cc = js_text(relay, "cc"), *nick = js_text(relay, "nick");

	if (!json_is_object(relay))
		return strcpy(text, "-");
	snprintf(text, RELAY_TEXT, "%.2s%s%.*s", cc, *cc ? " " : "", *nick ? 64 : 10, *nick ? nick : js_text(relay, "id"));
	return text;
}

char *path_text(const json_t *path)
{
	char *text;
	size_t len, i;
	json_t *v;
	FILE *f = text_open(&text, &len);

	json_array_foreach((json_t *)path, i, v) {
		const char *cc = js_text(v, "cc"), *nick = js_text(v, "nick");

		fputs(i ? " > " : "", f);
		if (*cc)
			fprintf(f, "%c%c:", tolower(cc[0]), tolower(cc[1]));
		fprintf(f, "%.*s", *nick ? 64 : 10, *nick ? nick : js_text(v, "id"));
	}
	fclose(f);
	return text;
}

/* ---- cleaning ---- */

/* C0, DEL, and C1 in UTF-8. */
static bool text_clean(char *text)
{
	bool changed = false;
	u8 *at;

	for (at = (u8 *)text; *at; at++) {
		if (*at < ' ' || *at == 127) {
			*at = '?';
			changed = true;
		} else if (*at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0) {
			at[0] = at[1] = '?';
			changed = true;
		}
	}
	return changed;
}

static void string_clean(json_t *json)
{
	char *text = strdup(json_string_value(json));

	if (text && text_clean(text))
		json_string_set(json, text);
	free(text);
}

void json_clean(json_t *json)
{
	const char *name;
	json_t *v;
	size_t i;

	if (json_is_string(json))
		string_clean(json);
	json_array_foreach(json, i, v)
		json_clean(v);
	json_object_foreach(json, name, v)
		json_clean(v);
}
