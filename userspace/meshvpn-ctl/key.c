// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * key: who this node is. Secret keys are never shown; making them needs no daemon.
 */
#include "ctl.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <control/json.h>
#include <crypto/identity.h>

#define IDENTITY_FILE "identity.key"

static void key_render(const struct ctl *ctl, const json_t *result)
{
	char text[UNIT_TEXT];

	if (!js_has(result, "id")) {
		printf("this node has no identity\n");
		return;
	}
	printf("id: %s\nwork: %u bits\n", js_text(result, "id"), (u32)js_u64(result, "work_bits"));
	if (js_has(result, "path"))
		printf("file: %s\n", js_text(result, "path"));
	if (js_has(result, "identity"))
		printf("identity: %s\n", js_text(result, "identity"));
	if (js_has(result, "onion_created_unix"))
		printf("onion key: made %s", unit_ago(js_u64(result, "onion_created_unix"), text));
	if (js_has(result, "onion_rotates_unix"))
		printf(", rotates %s", unit_ago(js_u64(result, "onion_rotates_unix"), text));
	if (js_has(result, "onion_created_unix"))
		printf("%s\n", js_true(result, "onion_previous") ? ", the previous one is accepted" : "");
	if (js_has(result, "onion"))
		printf("onion: %s\n", js_text(result, "onion"));
}

static json_t *identity_json(const struct ctl *ctl, const char *schema, const struct identity *id, const char *path)
{
	json_t *json = json_pack("{s:s, s:o, s:i, s:s}", "schema", schema, "id", control_json_id(&id->id),
				 "work_bits", (int)node_id_work(&id->id), "path", path);

	if (json && ctl->secrets)
		json_object_set_new(json, "identity", control_json_hex(id->public_key, IDENTITY_PUBLIC));
	return json;
}

static int path_of(const struct ctl *ctl, const json_t *args, char path[PATH_MAX])
{
	const char *dir = js_text(args, "dir");

	if (snprintf(path, PATH_MAX, "%s/%s", dir, IDENTITY_FILE) >= PATH_MAX)
		return ctl_fail(ctl, CTL_USAGE, "usage", NULL, "%.40s…: the path is too long", dir);
	return CTL_OK;
}

static int key_failed(const struct ctl *ctl, const char *path, int ret)
{
	switch (ret) {
	case -ENOENT:
		return ctl_fail(ctl, CTL_ERROR, "not-found", "meshvpn-ctl key gen DIR makes one", "%s: no such file", path);
	case -EACCES:
		return ctl_fail(ctl, CTL_DENIED, "denied", "chmod 600, run it as its owner or as root",
				"%s: not readable, or readable by others", path);
	case -EBADMSG:
		return ctl_fail(ctl, CTL_ERROR, "invalid", "put its backup back", "%s: no key file, or a damaged one", path);
	case -EPROTONOSUPPORT:
		return ctl_fail(ctl, CTL_ERROR, "invalid", "use that version", "%s: written by a later version", path);
	default:
		return ctl_fail(ctl, CTL_ERROR, "failed", NULL, "%s: %s", path, strerror(-ret));
	}
}

static int show_run(const struct ctl *ctl, const struct verb *verb, json_t *args)
{
	char path[PATH_MAX];
	struct identity id;
	json_t *result;
	int ret;

	if (!js_has(args, "dir"))
		return ctl_run(ctl, verb, args);
	ret = path_of(ctl, args, path);
	if (ret)
		return ret;
	ret = identity_load(&id, path);
	if (ret)
		return key_failed(ctl, path, ret);
	result = identity_json(ctl, "meshvpn.key.show/1", &id, path);
	identity_erase(&id);
	return ctl_show(ctl, verb, result);
}

static int gen_run(const struct ctl *ctl, const struct verb *verb, json_t *args)
{
	u32 bits = js_has(args, "bits") ? (u32)js_u64(args, "bits") : IDENTITY_WORK_BITS;
	char path[PATH_MAX];
	struct identity id;
	json_t *result;
	int ret = path_of(ctl, args, path);

	if (ret)
		return ret;
	if (bits > 40)
		return ctl_fail(ctl, CTL_USAGE, "usage", "20 is what a public network wants", "bits %u: that takes years", bits);
	if (!access(path, F_OK))
		return ctl_fail(ctl, CTL_ERROR, "failed", "move it away first if you mean it",
				"%s: there is a key already, and a lost one cannot be made again", path);
	ret = identity_generate(&id, bits);
	if (ret)
		return key_failed(ctl, path, ret);
	ret = identity_save(&id, path);
	result = ret ? NULL : identity_json(ctl, "meshvpn.key.gen/1", &id, path);
	identity_erase(&id);
	return ret ? key_failed(ctl, js_text(args, "dir"), ret) : ctl_show(ctl, verb, result);
}

static const struct arg show_args[] = {
	{ "dir", 's', .positional = true, .local = true, .value = "DIR", .help = "of this state directory, without a daemon" },
	{ 0 },
};
static const struct arg gen_args[] = {
	{ "dir", 's', .positional = true, .required = true, .local = true, .value = "DIR",
	  .help = "state directory; identity.key is made in it, mode 0600" },
	{ "bits", 'i', .local = true, .value = "N", .help = "work in the node id, as the network needs; 20" },
	{ 0 },
};

const struct verb key_verbs[] = {
	{ "show", "node id and public keys", show_args, "key.show", key_render, show_run, .secrets = true },
	{ "gen", "make an identity, without a daemon", gen_args, NULL, key_render, gen_run },
	{ 0 },
};
