// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * JSON of strangers: jansson reads it, after its nesting was measured here, since jansson's own
 * limit is a recursion of 2048.
 */
#include "control.h"

/* Most arrays and objects open at once; wrong JSON is jansson's to refuse. */
static u32 nesting(const char *text, size_t len)
{
	bool string = false;
	u32 depth = 0, most = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		if (string) {
			if (text[i] == '\\')
				i++;
			else if (text[i] == '"')
				string = false;
			continue;
		}
		switch (text[i]) {
		case '"':
			string = true;
			break;
		case '{':
		case '[':
			if (++depth > most)
				most = depth;
			break;
		case '}':
		case ']':
			if (depth)
				depth--;
		}
	}
	return most;
}

json_t *control_parse(const char *text, size_t len, u32 depth, const char **why)
{
	const char *cause = NULL;
	json_error_t error;
	json_t *json = NULL;

	if (nesting(text, len) > depth) {
		cause = "nested too deeply";
	} else {
		json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
		if (!json) {
			cause = json_error_code(&error) == json_error_duplicate_key ?
				"a name occurs twice" : "not JSON in UTF-8";
		} else if (!json_is_object(json)) {
			json_decref(json);
			json = NULL;
			cause = "not an object";
		}
	}
	if (why)
		*why = cause;
	return json;
}
