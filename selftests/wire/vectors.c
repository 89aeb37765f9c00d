// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs files of test vectors (vectors.d/FORMAT.md) against the code that the datapath and the
 * handshakes use: `vectors FILE.json...`, TAP on stdout. A file that cannot be read, has no case,
 * or has a field missing or too many fails.
 */
#include "vectors.h"

#include <stdarg.h>
#include <string.h>
#include <sodium.h>

#include <crypto/aead.h>

void vectors_begin(struct vectors *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(v->name, sizeof(v->name), fmt, ap);
	va_end(ap);
	v->ok = true;
}

void vectors_end(struct vectors *v)
{
	v->tests++;
	v->failed += !v->ok;
	printf("%sok %u %s: %s\n", v->ok ? "" : "not ", v->tests, v->file, v->name);
}

void vectors_fail(struct vectors *v, const char *field, const char *fmt, ...)
{
	va_list ap;

	v->ok = false;
	printf("# %s: %s: %s: ", v->file, v->name, field);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf(v->aead ? " (AEAD %s)\n" : "\n", v->aead);
}

static bool listed(const char *fields, const char *key, bool *optional)
{
	size_t n = strlen(key);
	const char *p;

	for (p = strstr(fields, key); p; p = strstr(p + 1, key)) {
		*optional = p[n] == '?';
		if ((p == fields || p[-1] == ' ') && strchr(" ?", p[n]))
			return true;
	}
	return false;
}

bool vectors_fields(struct vectors *v, const char *what, const json_t *obj, const char *fields)
{
	size_t given = 0, needed = 0;
	const char *key, *p;
	json_t *value;
	bool optional;

	if (!json_is_object(obj)) {
		vectors_fail(v, what, "no object");
		return false;
	}
	json_object_foreach((json_t *)obj, key, value) {
		if (!listed(fields, key, &optional)) {
			vectors_fail(v, key, "not a field of %s", what);
			return false;
		}
		given += !optional;
	}
	for (p = fields; *p; p += *p == ' ') {
		p += strcspn(p, " ");
		needed += p[-1] != '?';
	}
	if (given != needed) {
		vectors_fail(v, what, "%zu of %zu fields; needed: %s", given, needed, fields);
		return false;
	}
	return true;
}

const json_t *vectors_array(struct vectors *v, const json_t *obj, const char *field, size_t len)
{
	const json_t *a = json_object_get(obj, field);

	if (!json_is_array(a) || !json_array_size(a)) {
		vectors_fail(v, field, "missing, no array or empty");
		return NULL;
	}
	if (len && json_array_size(a) != len) {
		vectors_fail(v, field, "%zu entries instead of %zu", json_array_size(a), len);
		return NULL;
	}
	return a;
}

u64 vectors_int(struct vectors *v, const char *field, const json_t *value, u64 max)
{
	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    (u64)json_integer_value(value) > max) {
		vectors_fail(v, field, "missing or no integer from 0 to %llu", (unsigned long long)max);
		return 0;
	}
	return (u64)json_integer_value(value);
}

bool vectors_bool(struct vectors *v, const json_t *obj, const char *field)
{
	const json_t *value = json_object_get(obj, field);

	if (!json_is_boolean(value))
		vectors_fail(v, field, "missing or no boolean");
	return json_is_true(value);
}

const char *vectors_text(struct vectors *v, const json_t *obj, const char *field)
{
	const char *s = json_string_value(json_object_get(obj, field));

	if (!s)
		vectors_fail(v, field, "missing or no string");
	return s ? s : "";
}

int vectors_hex(struct vectors *v, const char *field, const json_t *value, u8 *out, u32 max)
{
	const char *s = json_string_value(value), *end;
	size_t len, n = s ? strlen(s) : 0;

	if (!s || n % 2 || n / 2 > max ||
	    sodium_hex2bin(out, max, s, n, NULL, &len, &end) || *end || len != n / 2) {
		vectors_fail(v, field, "missing or no hex string of up to %u bytes", max);
		return -1;
	}
	return (int)len;
}

bool vectors_bytes(struct vectors *v, const char *field, const json_t *value, u8 *out, u32 len)
{
	int n = vectors_hex(v, field, value, out, len);

	if (n >= 0 && (u32)n != len)
		vectors_fail(v, field, "%d bytes instead of %u", n, len);
	return n >= 0 && (u32)n == len;
}

bool vectors_same(struct vectors *v, const char *field, const u8 *got, const u8 *want, u32 len)
{
	u32 i;

	for (i = 0; i < len; i++)
		if (got[i] != want[i]) {
			vectors_fail(v, field, "byte %u of %u is %02x, should be %02x", i, len, got[i],
				     want[i]);
			return false;
		}
	return true;
}

static void run_file(struct vectors *v, const char *path)
{
	u32 before = v->tests;
	json_error_t error;
	json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);

	v->file = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	v->aead = NULL;
	vectors_begin(v, "the file");
	if (!root)
		vectors_fail(v, "JSON", "line %d: %s", error.line, error.text);
	else if (json_object_get(root, "algorithm"))
		vectors_wycheproof(v, root);
	else if (json_object_get(root, "vectors"))
		vectors_noise(v, root);
	else if (json_object_get(root, "key_derivation") || json_object_get(root, "replay_windows"))
		vectors_onion(v, root);
	else
		vectors_framing(v, root);
	json_decref(root);
	vectors_begin(v, "has cases");
	if (v->tests == before)
		vectors_fail(v, "file", "no case was run");
	vectors_end(v);
}

int main(int argc, char **argv)
{
	struct vectors v = { 0 };
	int i;

	if (argc < 2 || sodium_init() < 0) {
		fprintf(stderr, "usage: %s FILE.json...\n", argv[0]);
		return 2;
	}
	printf("TAP version 13\n");
	for (i = 1; i < argc; i++)
		run_file(&v, argv[i]);
	printf("1..%u\n# Totals: pass:%u fail:%u xfail:0 xpass:0 skip:0 error:0\n", v.tests,
	       v.tests - v.failed, v.failed);
	return v.failed != 0;
}
