// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that the vectors' runner can fail: changes single hex digits, numbers and texts at random
 * places of every checked field, one at a time, and expects the runner to fail each time. Only
 * what the vectors themselves leave open is spared: bits that X25519 ignores, tests that are
 * invalid before and after, and the exact bytes of a datagram that is to be dropped.
 *
 *	mutate RUNNER FILE.json...
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <jansson.h>
#include <sodium.h>

#define ROUNDS 5

enum change {
	HEX,		/* another hex digit */
	SCALAR,		/* the same, not in the first and last byte */
	NUMBER,		/* another integer */
	FLIP,		/* the other boolean */
	TEXT,		/* another string */
	REMOVE,		/* take the field or entry away */
	EMPTY,		/* leave nothing in the array */
	EXTRA,		/* a field that does not belong there */
};

/* @path: names, "*" for a random entry, "." between; counts from the file's only case. */
struct field {
	const char *kind;
	enum change change;
	const char *path;
};

static const struct field fields[] = {
	{ "onion", NUMBER, "cases.*.body_length" }, { "onion", NUMBER, "cases.*.hops" },
	{ "onion", NUMBER, "cases.*.reserve" }, { "onion", NUMBER, "cases.*.payload_length" },
	{ "onion", TEXT, "cases.*.class" },
	{ "onion", NUMBER, "cases.*.forward.counter" }, { "onion", HEX, "cases.*.forward.keys.*" },
	{ "onion", HEX, "cases.*.forward.link_ids.*" }, { "onion", HEX, "cases.*.forward.tag_keys.*" },
	{ "onion", HEX, "cases.*.forward.mask_keys.*" },
	{ "onion", NUMBER, "cases.*.forward.circuit_ids.*" },
	{ "onion", NUMBER, "cases.*.forward.first_bits.*" }, { "onion", HEX, "cases.*.forward.payload" },
	{ "onion", HEX, "cases.*.forward.fill" }, { "onion", HEX, "cases.*.forward.datagrams.*" },
	{ "onion", NUMBER, "cases.*.backward.counters.*" }, { "onion", HEX, "cases.*.backward.keys.*" },
	{ "onion", HEX, "cases.*.backward.link_ids.*" }, { "onion", HEX, "cases.*.backward.tag_keys.*" },
	{ "onion", HEX, "cases.*.backward.mask_keys.*" },
	{ "onion", NUMBER, "cases.*.backward.circuit_ids.*" },
	{ "onion", NUMBER, "cases.*.backward.first_bits.*" }, { "onion", HEX, "cases.*.backward.payload" },
	{ "onion", HEX, "cases.*.backward.datagrams.*" },
	{ "onion", TEXT, "cases.*.dropped.*.dropped_by" }, { "onion", TEXT, "cases.*.dropped.*.at" },
	{ "onion", TEXT, "cases.*.dropped.*.direction" },
	{ "onion", HEX, "key_derivation.*.handshake_hash" }, { "onion", HEX, "key_derivation.*.split" },
	{ "onion", HEX, "key_derivation.*.derived.*" }, { "onion", REMOVE, "key_derivation.*.derived.*" },
	{ "onion", FLIP, "replay_windows.*.*.1" },
	{ "onion", REMOVE, "cases.*.*" }, { "onion", REMOVE, "cases.*.forward.*" },
	{ "onion", REMOVE, "cases.*.backward.*" }, { "onion", REMOVE, "cases.*.backward.datagrams.*" },
	{ "onion", REMOVE, "cases.*.forward.keys.*" }, { "onion", EXTRA, "cases.*" },
	{ "onion", EXTRA, "cases.*.forward" }, { "onion", EMPTY, "cases" },
	{ "onion", EMPTY, "key_derivation" }, { "onion", EMPTY, "replay_windows" },
	{ "onion", EMPTY, "cases.*.dropped" }, { "onion", REMOVE, "*" },
	{ "framing", NUMBER, "cases.*.payload_length" }, { "framing", HEX, "cases.*.packets.*" },
	{ "framing", HEX, "cases.*.payloads.*" }, { "framing", REMOVE, "cases.*.packets.*" },
	{ "framing", REMOVE, "cases.*.payloads.*" }, { "framing", REMOVE, "cases.*.delivered_after_loss.*" },
	{ "framing", NUMBER, "cases.*.delivered_after_loss.*" }, { "framing", REMOVE, "cases.*.*" },
	{ "framing", EMPTY, "cases" }, { "framing", EXTRA, "cases.*" },
	{ "noise", TEXT, "vectors.*.protocol_name" }, { "noise", HEX, "vectors.*.init_prologue" },
	{ "noise", HEX, "vectors.*.resp_prologue" }, { "noise", SCALAR, "vectors.*.init_ephemeral" },
	{ "noise", SCALAR, "vectors.*.resp_ephemeral" }, { "noise", SCALAR, "vectors.*.init_static" },
	{ "noise", SCALAR, "vectors.*.resp_static" }, { "noise", HEX, "vectors.*.init_remote_static" },
	{ "noise", HEX, "vectors.*.init_psks.*" }, { "noise", HEX, "vectors.*.resp_psks.*" },
	{ "noise", HEX, "vectors.*.handshake_hash" }, { "noise", HEX, "vectors.*.messages.*.payload" },
	{ "noise", HEX, "vectors.*.messages.*.ciphertext" }, { "noise", EMPTY, "vectors" },
	{ "noise", EXTRA, "vectors.*" }, { "noise", REMOVE, "vectors.*.messages.*.*" },
	{ "x25519", HEX, "testGroups.*.tests.*.shared" }, { "x25519", SCALAR, "testGroups.*.tests.*.private" },
	{ "x25519", SCALAR, "testGroups.*.tests.*.public" }, { "x25519", EMPTY, "testGroups" },
	{ "x25519", REMOVE, "testGroups.*.tests.*" }, { "x25519", REMOVE, "testGroups.*.tests.*.*" },
	{ "aead", HEX, "testGroups.*.tests.*.key" }, { "aead", HEX, "testGroups.*.tests.*.iv" },
	{ "aead", HEX, "testGroups.*.tests.*.aad" }, { "aead", HEX, "testGroups.*.tests.*.msg" },
	{ "aead", HEX, "testGroups.*.tests.*.ct" }, { "aead", HEX, "testGroups.*.tests.*.tag" },
	{ "aead", TEXT, "testGroups.*.tests.*.result" }, { "aead", REMOVE, "testGroups.*.tests.*" },
	{ "aead", NUMBER, "numberOfTests" },
};

static const char *kind_of(const json_t *root)
{
	const char *algorithm = json_string_value(json_object_get(root, "algorithm"));

	if (algorithm)
		return strcmp(algorithm, "XDH") ? "aead" : "x25519";
	return json_object_get(root, "vectors") ? "noise" :
	       json_object_get(root, "key_derivation") ? "onion" : "framing";
}

/* The child of @node that one element of a path names. */
static json_t *child(json_t *node, const char *name, char *key, size_t room)
{
	size_t n = json_is_array(node) ? json_array_size(node) : json_object_size(node);
	size_t i = n && !strcmp(name, "*") ? randombytes_uniform(n) : strtoul(name, NULL, 10);
	void *it;

	if (json_is_array(node)) {
		snprintf(key, room, "%zu", i);
		return json_array_get(node, i);
	}
	snprintf(key, room, "%s", name);
	if (!strcmp(name, "*"))
		for (it = json_object_iter(node); it; it = json_object_iter_next(node, it))
			if (!i--)
				snprintf(key, room, "%s", json_object_iter_key(it));
	return json_object_get(node, key);
}

static void put(json_t *parent, const char *key, json_t *value)
{
	if (json_is_array(parent))
		json_array_set_new(parent, strtoul(key, NULL, 10), value);
	else
		json_object_set_new(parent, key, value);
}

static bool change_hex(json_t *parent, const char *key, const char *old, bool scalar)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = strlen(old), skip = scalar ? 2 : 0;
	char *s;
	char to;

	if (n <= 2 * skip)
		return false;
	s = strdup(old);
	skip += randombytes_uniform(n - 2 * skip);
	do
		to = digits[randombytes_uniform(16)];
	while (to == s[skip]);
	s[skip] = to;
	put(parent, key, json_string(s));
	free(s);
	return true;
}

/* Texts that mean something else where they stand. */
static bool change_text(json_t *parent, const char *key, const char *old)
{
	static const char *const texts[] = {
		"forward", "backward", "header", "layer", "not a cell", "hop", "origin", "small", "medium",
		"large", "valid", "invalid", "Noise_NK_25519_ChaChaPoly_SHA256",
		"Noise_IK_25519_ChaChaPoly_SHA256",
	};
	const char *to = texts[randombytes_uniform(sizeof(texts) / sizeof(texts[0]))];
	const char *by = json_string_value(json_object_get(parent, "dropped_by"));

	if (!strcmp(to, old))
		return false;
	/* nobody but the layer's check depends on where and on which way */
	if (by && strcmp(by, "layer") && strcmp(key, "dropped_by") &&
	    (!strcmp(to, "hop") || !strcmp(to, "origin") || strstr(to, "ward")))
		return false;
	put(parent, key, json_string(to));
	return true;
}

/* Does the case leave this open? Then another place is taken. */
static bool spared(const char *kind, const json_t *test, const char *key)
{
	const char *result = json_string_value(json_object_get(test, "result"));

	if (!strcmp(kind, "aead"))
		return !result || strcmp(result, "valid");
	/* a refused key stays one, mostly */
	if (!strcmp(kind, "x25519") && strcmp(key, "shared"))
		return !strncmp(json_string_value(json_object_get(test, "shared")) ?: "", "00000000", 8);
	return false;
}

static bool is_optional(const char *kind, const char *key)
{
	return (!strcmp(kind, "onion") || !strcmp(kind, "framing")) && !strcmp(key, "comment");
}

static bool change(const struct field *f, const char *kind, json_t *parent, char *key)
{
	json_t *value = json_is_array(parent) ? json_array_get(parent, strtoul(key, NULL, 10)) :
			json_object_get(parent, key);

	if (!value || ((f->change == HEX || f->change == SCALAR) && spared(kind, parent, key)))
		return false;
	switch (f->change) {
	case HEX:
	case SCALAR:
		return json_is_string(value) &&
		       change_hex(parent, key, json_string_value(value), f->change == SCALAR);
	case NUMBER:
		put(parent, key, json_integer(json_integer_value(value) ^ (1 << randombytes_uniform(6))));
		return true;
	case FLIP:
		put(parent, key, json_boolean(!json_is_true(value)));
		return true;
	case TEXT:
		return change_text(parent, key, json_string_value(value));
	case REMOVE:
		if (is_optional(kind, key))
			return false;
		if (json_is_array(parent))
			json_array_remove(parent, strtoul(key, NULL, 10));
		else
			json_object_del(parent, key);
		return true;
	case EMPTY:
		put(parent, key, json_array());
		return true;
	default:
		json_object_set_new(value, "surplus", json_integer(1));
		return true;
	}
}

/* A copy of the file with one random entry of each array at the top, so that runs are short. */
static json_t *cut(const json_t *root, const char *kind)
{
	json_t *copy = json_object(), *one, *value;
	const char *key;

	if (!strcmp(kind, "aead") || !strcmp(kind, "x25519")) {
		json_decref(copy);
		return json_deep_copy(root);
	}
	json_object_foreach((json_t *)root, key, value) {
		if (!json_is_array(value)) {
			json_object_set_new(copy, key, json_deep_copy(value));
			continue;
		}
		one = json_array();
		json_array_append_new(one, json_deep_copy(json_array_get(value,
				      randombytes_uniform(json_array_size(value)))));
		json_object_set_new(copy, key, one);
	}
	return copy;
}

/* Apply @f to @root: false if this case has nothing to change there. */
static bool mutate(const struct field *f, const char *kind, json_t *root, char *where, size_t room)
{
	char path[128], key[64] = "", *name, *save;
	json_t *node = root, *parent = NULL;

	snprintf(path, sizeof(path), "%s", f->path);
	for (name = strtok_r(path, ".", &save); name; name = strtok_r(NULL, ".", &save)) {
		parent = node;
		node = child(parent, name, key, sizeof(key));
		if (!node)
			return false;
		snprintf(where + strlen(where), room - strlen(where), ".%s", key);
	}
	return change(f, kind, parent, key);
}

/* Exit status of the runner on @root. */
static int run(const char *runner, const json_t *root)
{
	char path[] = "/tmp/meshvpn-mutate-XXXXXX";
	int fd = mkstemp(path), status = -1;
	pid_t pid;

	if (fd < 0 || json_dumpfd(root, fd, 0))
		abort();
	close(fd);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (!freopen("/dev/null", "w", stdout))
			_exit(127);
		execl(runner, runner, path, NULL);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	unlink(path);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* @f at random places. The unchanged case must pass, the changed one must fail. */
static bool try_field(const char *runner, const json_t *root, const char *kind, const struct field *f)
{
	int done = 0, tries, status;

	for (tries = 0; done < ROUNDS && tries < 200 * ROUNDS; tries++) {
		char where[256] = "";
		json_t *copy = cut(root, kind);
		bool changed;

		if (!done && run(runner, copy) != 0) {
			printf("# the unchanged case fails\n");
			json_decref(copy);
			return false;
		}
		changed = mutate(f, kind, copy, where, sizeof(where));
		status = changed ? run(runner, copy) : 1;
		json_decref(copy);
		done += changed;
		if (status != 1) {
			printf("# changed at %s, and the runner exits %d\n", where, status);
			return false;
		}
	}
	if (!done)
		printf("# nothing to change\n");
	return done;
}

int main(int argc, char **argv)
{
	unsigned int n = 0, failed = 0, f;
	int i;

	if (argc < 3 || sodium_init() < 0) {
		fprintf(stderr, "usage: %s RUNNER FILE.json...\n", argv[0]);
		return 2;
	}
	printf("TAP version 13\n");
	for (i = 2; i < argc; i++) {
		json_t *root = json_load_file(argv[i], 0, NULL);
		const char *kind;

		if (!root) {
			fprintf(stderr, "%s: cannot read\n", argv[i]);
			return 2;
		}
		kind = kind_of(root);
		for (f = 0; f < sizeof(fields) / sizeof(fields[0]); f++) {
			bool ok;

			if (strcmp(fields[f].kind, kind))
				continue;
			ok = try_field(argv[1], root, kind, &fields[f]);
			failed += !ok;
			printf("%sok %u %s: change %u at %s is noticed\n", ok ? "" : "not ", ++n, kind,
			       fields[f].change, fields[f].path);
			fflush(stdout);
		}
		json_decref(root);
	}
	printf("1..%u\n", n);
	return failed != 0;
}
