// SPDX-License-Identifier: GPL-2.0-or-later
/* relay.show, descriptor.*, key.show: the directory and this node in it. */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>

#include "methods.h"

#define LIST_DEFAULT 1000

/* ---- links by peer ---- */

struct link_of {
	const struct node_id *id;
	struct link *link;
};

static int link_match(void *arg, struct link *link)
{
	struct link_of *l = arg;
	const struct peer *peer = link_peer(link);

	if (!peer || !node_id_equal(&peer->id, l->id))
		return 0;
	l->link = link;
	return 1;
}

static json_t *link_json(struct daemon *d, const struct node_id *id)
{
	static const char *const classes[] = { [MV_SMALL] = "small", [MV_MEDIUM] = "medium", [MV_LARGE] = "large" };
	struct link_of l = { id, NULL };

	links_each(d->links, link_match, &l);
	if (!l.link)
		return json_null();
	return json_pack("{s:b, s:o, s:s}", "up", link_is_up(l.link), "rtt_us", control_json_us(link_rtt(l.link)),
			 "class", classes[link_class(l.link)]);
}

/* ---- relay.show ---- */

struct relays {
	struct daemon *d;
	struct path_conf paths;
	const char *name;
	json_t *list;
	u64 limit, total;
	bool secrets;
};

static bool listed(const struct node_id *id, const struct node_id *list, u32 count)
{
	while (count--)
		if (node_id_equal(id, &list[count]))
			return true;
	return false;
}

static json_t *relay_json(struct relays *r, const struct descriptor *o)
{
	const struct node_id *id = &o->peer.id;
	json_t *item = control_json_relay(id, o), *endpoints = json_array();
	u32 i;

	json_object_update_new(item, json_pack("{s:o, s:b, s:b, s:b, s:o?, s:s?, s:o, s:o, s:o}",
		"flags", control_json_peer_flags(o->peer.flags),
		"guard", r->d->paths && paths_is_guard(r->d->paths, id),
		"excluded", listed(id, r->paths.exclude, r->paths.exclude_count),
		"self", node_id_equal(id, &r->d->identity.id),
		"bandwidth", o->bandwidth ? control_json_u64(o->bandwidth) : NULL, "policy", o->policy[0] ? o->policy : NULL,
		"published_unix", control_json_u64(o->published), "expires_unix", control_json_u64(o->expires),
		"link", link_json(r->d, id)));
	for (i = 0; i < o->peer.endpoint_count; i++)
		json_array_append_new(endpoints, control_json_endpoint(&o->peer.endpoints[i]));
	if (r->secrets)
		json_object_set(item, "endpoints", endpoints);
	json_decref(endpoints);
	return item;
}

static bool named(const struct relays *r, const struct descriptor *o)
{
	char id[NODE_ID_TEXT];

	return !r->name || !strcmp(o->nickname, r->name) ||
	       (*r->name && !strncmp(node_id_text(&o->peer.id, id), r->name, strlen(r->name)));
}

static int relay_each(void *arg, const struct descriptor *o)
{
	struct relays *r = arg;

	if (!named(r, o))
		return 0;
	if (r->total++ < r->limit)
		json_array_append_new(r->list, relay_json(r, o));
	return 0;
}

void method_relay_show(void *arg, json_t *params, struct control_reply *reply)
{
	struct daemon *d = arg;
	struct relays r = {
		.d = d, .name = control_param_string(params, "name"), .list = json_array(),
		.limit = control_param_u64(params, "limit", LIST_DEFAULT), .secrets = control_reply_secrets(reply),
	};

	client_path_conf(d, &r.paths);
	directory_each(d->dir, relay_each, &r);
	if (r.name && !r.total) {
		json_decref(r.list);
		control_reply_error(reply, CONTROL_NOT_FOUND, "see meshvpn-ctl relay show", "%s: no such relay", r.name);
		return;
	}
	control_reply_ok(reply, json_pack("{s:o, s:I}", "relays", r.list, "total", (json_int_t)r.total));
}

/* ---- descriptors ---- */

/* The one of that name, or the own. NULL: @reply is answered. */
static const struct descriptor *descriptor_get(struct daemon *d, json_t *params, struct control_reply *reply)
{
	const char *name = control_param_string(params, "name");
	const struct descriptor *o = d->own.len ? &d->own : NULL;
	int error = -ENOENT;

	if (name)
		o = directory_find_text(d->dir, name, &error);
	if (o)
		return o;
	if (!name)
		control_reply_error(reply, CONTROL_UNSUPPORTED, "name a relay: meshvpn-ctl descriptor show NAME",
				    "this node is no relay and has no descriptor");
	else
		control_reply_error(reply, CONTROL_NOT_FOUND, "see meshvpn-ctl relay show", "%s: %s", name,
				    error == -ENOTUNIQ ? "several relays are named so, give more of the id" : "no such relay");
	return NULL;
}

void method_descriptor_show(void *arg, json_t *params, struct control_reply *reply)
{
	const struct descriptor *o = descriptor_get(arg, params, reply);

	if (o)
		control_reply_ok(reply, json_pack("{s:o}", "descriptor",
						  control_json_descriptor(o, control_reply_secrets(reply))));
}

static json_t *who(const struct descriptor *o)
{
	return control_json_relay(&o->peer.id, o);
}

void method_descriptor_export(void *arg, json_t *params, struct control_reply *reply)
{
	const struct descriptor *o = descriptor_get(arg, params, reply);
	json_t *result;

	if (!o)
		return;
	result = who(o);
	json_object_set_new(result, "descriptor", control_json_descriptor_raw(o));
	control_reply_ok(reply, result);
}

void method_descriptor_import(void *arg, json_t *params, struct control_reply *reply)
{
	struct daemon *d = arg;
	struct descriptor o;
	json_t *result;
	bool replaced;
	int ret = control_descriptor_decode(&o, control_param_string(params, "descriptor"), d->conf.id_work_bits);

	if (!ret)
		ret = descriptor_timely(&o, unix_now());
	if (ret) {
		control_reply_error(reply, CONTROL_INVALID, NULL, "the descriptor is %s",
				    ret == -EINVAL ? "not base64" : descriptor_error(ret));
		return;
	}
	replaced = directory_find(d->dir, &o.peer.id);
	ret = directory_put(d->dir, &o, unix_now());
	if (ret) {
		control_reply_error(reply, CONTROL_FAILED, NULL, "cannot write into %s: %s", d->conf.descriptor_directory,
				    strerror(-ret));
		return;
	}
	result = who(&o);
	json_object_set_new(result, "replaced", json_boolean(replaced));
	control_reply_ok(reply, result);
}

void method_key_show(void *arg, json_t *params, struct control_reply *reply)
{
	struct daemon *d = arg;
	const struct onion_keys *keys = d->onion;
	json_t *result = json_pack("{s:o, s:i, s:o, s:o, s:b}", "id", control_json_id(&d->identity.id),
		"work_bits", (int)node_id_work(&d->identity.id), "onion_created_unix", control_json_u64(keys->created),
		"onion_rotates_unix", control_json_u64(keys->created + d->conf.onion_life_ns / NSEC_PER_SEC),
		"onion_previous", !sodium_is_zero(keys->previous.public, NOISE_KEY));

	if (control_reply_secrets(reply)) {
		json_object_set_new(result, "identity", control_json_hex(d->identity.public_key, IDENTITY_PUBLIC));
		json_object_set_new(result, "onion", control_json_hex(keys->current.public, NOISE_KEY));
	}
	control_reply_ok(reply, result);
}
