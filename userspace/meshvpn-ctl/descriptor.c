// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * descriptor: show, take and give signed descriptions of relays; also files, without a daemon. A
 * file holds the signed bytes, as in the daemon's folder, or the same in base64, as it is mailed.
 */
#include "ctl.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <control/json.h>
#include <crypto/statefile.h>
#include <directory/store.h>

#define FILE_MAX 4096
#define LINE 76

/* ---- files ---- */

/* Everything of @path ("-": stdin), at most @room - 1 bytes and a NUL. Bytes or -errno. */
static ssize_t file_get(const char *path, char *buf, size_t room)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "re") : stdin;
	size_t n;
	int error;

	if (!f)
		return -errno;
	n = fread(buf, 1, room, f);
	error = ferror(f) ? EIO : n == room ? EFBIG : 0;
	if (f != stdin)
		fclose(f);
	if (error)
		return -error;
	buf[n] = 0;
	return (ssize_t)n;
}

static u32 work_bits(const json_t *args)
{
	return js_has(args, "bits") ? (u32)js_u64(args, "bits") : IDENTITY_WORK_BITS;
}

/* A verified descriptor out of a file; 0 or an exit code. */
static int file_load(const struct ctl *ctl, const char *path, const json_t *args, struct descriptor *d)
{
	char text[FILE_MAX];
	ssize_t n = file_get(path, text, sizeof(text));
	int ret;

	if (n < 0)
		return ctl_fail(ctl, CTL_ERROR, n == -ENOENT ? "not-found" : "failed", NULL, "%s: %s", path,
				n == -EFBIG ? "too long for a descriptor" : strerror((int)-n));
	ret = descriptor_parse(d, text, (size_t)n, work_bits(args));
	if (ret == -EBADMSG || ret == -EPROTONOSUPPORT) {
		/* base64 begins with the version too, but as a letter */
		int decoded = strlen(text) == (size_t)n ? control_descriptor_decode(d, text, work_bits(args)) : -EINVAL;

		ret = decoded == -EINVAL ? ret : decoded;
	}
	if (!ret)
		return CTL_OK;
	return ctl_fail(ctl, CTL_ERROR, "invalid", ret == -EDOM ? "is it of a private network? give bits N" : NULL, "%s: %s",
			path, descriptor_error(ret));
}

/* ---- show ---- */

static void show_render(const struct ctl *ctl, const json_t *result)
{
	static const char *const names[] = { "identity", "onion", "onion_previous", NULL };
	const json_t *d = js(result, "descriptor");
	char *flags = js_join(d, "flags", " "), *suites = js_join(d, "suites", " "), *endpoints = js_join(d, "endpoints", " ");
	char unit[UNIT_TEXT];
	u32 i;

	printf("nickname: %s\nid: %s\nflags: %s\nsuites: %s\n", js_has(d, "nick") ? js_text(d, "nick") : "none",
	       js_text(d, "id"), flags, suites);
	if (js_has(d, "bandwidth"))
		printf("bandwidth: %s/s\n", unit_bytes(js_u64(d, "bandwidth"), unit));
	if (js_has(d, "policy"))
		printf("policy: %s\n", js_text(d, "policy"));
	printf("published: %s\n", unit_ago(js_u64(d, "published_unix"), unit));
	printf("expires: %s\n", unit_ago(js_u64(d, "expires_unix"), unit));
	printf("size: %u bytes\n", (u32)js_u64(d, "bytes"));
	for (i = 0; names[i]; i++)
		if (js_has(d, names[i]))
			printf("%s: %s\n", names[i], js_text(d, names[i]));
	if (*endpoints)
		printf("endpoints: %s\n", endpoints);
	free(flags);
	free(suites);
	free(endpoints);
}

static int show_run(const struct ctl *ctl, const struct verb *verb, json_t *args)
{
	struct descriptor d;
	int ret;

	if (!js_has(args, "file"))
		return ctl_run(ctl, verb, args);
	ret = file_load(ctl, js_text(args, "file"), args, &d);
	/* who has the file has what is in it */
	return ret ? ret : ctl_show(ctl, verb, json_pack("{s:s, s:o}", "schema", "meshvpn.descriptor.show/1",
							 "descriptor", control_json_descriptor(&d, true)));
}

/* ---- export ---- */

static void base64_print(const char *text)
{
	size_t len = strlen(text), at;

	for (at = 0; at < len; at += LINE)
		printf("%.*s\n", LINE, text + at);
}

static int export_file(const struct ctl *ctl, const struct verb *verb, const char *path, json_t *result)
{
	u8 raw[DESCRIPTOR_MAX];
	size_t len;
	int ret;

	if (sodium_base642bin(raw, sizeof(raw), js_text(result, "descriptor"), strlen(js_text(result, "descriptor")), NULL,
			      &len, NULL, sodium_base64_VARIANT_ORIGINAL)) {
		json_decref(result);
		return ctl_call_failed(ctl, -EBADMSG, NULL);
	}
	ret = statefile_write(path, raw, len, 0644);
	if (ret) {
		json_decref(result);
		return ctl_fail(ctl, CTL_ERROR, "failed", NULL, "%s: %s", path, strerror(-ret));
	}
	return ctl_show(ctl, verb, result);
}

static void written_render(const struct ctl *ctl, const json_t *result)
{
	char relay[RELAY_TEXT];

	printf("descriptor of %s written\n", relay_text(result, relay));
}

static void base64_render(const struct ctl *ctl, const json_t *result)
{
	base64_print(js_text(result, "descriptor"));
}

static int export_run(const struct ctl *ctl, const struct verb *verb, json_t *args)
{
	struct verb how = *verb;
	json_t *result;
	int ret;

	ret = ctl_call(ctl, ctl_timeout(ctl, 0), verb->method, args_params(ctl, verb, args), &result);
	if (ret)
		return ret;
	how.render = js_has(args, "file") ? written_render : base64_render;
	if (js_has(args, "file"))
		return export_file(ctl, &how, js_text(args, "file"), result);
	return ctl_show(ctl, &how, result);
}

/* ---- import ---- */

static void import_render(const struct ctl *ctl, const json_t *result)
{
	char relay[RELAY_TEXT];

	printf("descriptor of %s %s\n", relay_text(result, relay), js_true(result, "replaced") ? "replaced" : "added");
}

/* Into the folder of a daemon that does not run. */
static int import_offline(const struct ctl *ctl, const struct verb *verb, const char *path, const struct descriptor *d,
			  const json_t *args)
{
	struct directory_conf conf = { .path = path, .work_bits = work_bits(args) };
	u64 now = (u64)time(NULL);
	struct directory *dir;
	json_t *result;
	bool replaced;
	int ret = directory_open(&dir, &conf, now);

	if (ret)
		return ctl_fail(ctl, CTL_ERROR, "failed", NULL, "%s: %s", path, strerror(-ret));
	replaced = directory_find(dir, &d->peer.id);
	ret = directory_put(dir, d, now);
	directory_close(dir);
	if (ret)
		return ctl_fail(ctl, CTL_ERROR, "failed", NULL, "%s: cannot write the descriptor: %s", path, strerror(-ret));
	result = control_json_relay(&d->peer.id, d);
	json_object_set_new(result, "schema", json_string("meshvpn.descriptor.import/1"));
	json_object_set_new(result, "replaced", json_boolean(replaced));
	return ctl_show(ctl, verb, result);
}

static int import_run(const struct ctl *ctl, const struct verb *verb, json_t *args)
{
	const char *file = js_text(args, "file");
	struct descriptor d;
	json_t *result;
	int ret;

	/* the daemon knows how much work its network wants, so what it gets is only read here */
	if (!js_has(args, "dir") && !js_has(args, "bits"))
		json_object_set_new(args, "bits", json_integer(0));
	ret = file_load(ctl, file, args, &d);
	if (ret)
		return ret;
	ret = descriptor_timely(&d, (u64)time(NULL));
	if (ret)
		return ctl_fail(ctl, CTL_ERROR, "invalid", "ask its operator for a newer one", "%s: %s", file, descriptor_error(ret));
	if (js_has(args, "dir"))
		return import_offline(ctl, verb, js_text(args, "dir"), &d, args);
	ret = ctl_call(ctl, ctl_timeout(ctl, 0), verb->method, json_pack("{s:o}", "descriptor", control_json_descriptor_raw(&d)),
		       &result);
	return ret ? ret : ctl_show(ctl, verb, result);
}

#define BITS { "bits", 'i', .local = true, .value = "N", .help = "work that ids of the network need; 20" }

static const struct arg show_args[] = {
	{ "name", 's', .positional = true, .value = "RELAY", .help = "nickname or beginning of an id; this node's own" },
	{ "file", 's', .local = true, .value = "FILE", .help = "of a file instead, without a daemon; - is stdin" },
	BITS,
	{ 0 },
};
static const struct arg export_args[] = {
	{ "name", 's', .positional = true, .value = "RELAY", .help = "nickname or beginning of an id; this node's own" },
	{ "file", 's', .local = true, .value = "FILE", .help = "write the signed bytes there; else base64 on stdout" },
	{ 0 },
};
static const struct arg import_args[] = {
	{ "file", 's', .positional = true, .required = true, .local = true, .value = "FILE",
	  .help = "signed bytes or base64; - is stdin" },
	{ "dir", 's', .local = true, .value = "DIR", .help = "into this folder, without a daemon" },
	BITS,
	{ 0 },
};

const struct verb descriptor_verbs[] = {
	{ "show", "what is in a descriptor", show_args, "descriptor.show", show_render, show_run, .secrets = true },
	{ "export", "a descriptor for others to import", export_args, "descriptor.export", NULL, export_run },
	{ "import", "verify a descriptor and use it", import_args, "descriptor.import", import_render, import_run },
	{ 0 },
};
