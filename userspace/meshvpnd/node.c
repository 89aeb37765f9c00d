// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who this node is: its identity and onion keys with their files, and its own descriptor, which it
 * signs, writes and renews.
 */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>

#include "daemon.h"

#define ONION_FILE "onion.key"

static void onion_path(const struct daemon *d, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%.4000s/" ONION_FILE, d->conf.state_directory);
}

static const char *load_error(int ret)
{
	switch (ret) {
	case -EACCES: return "others may read it: chmod 600 it, and make a new key if somebody did";
	case -EPROTONOSUPPORT: return "written by a later version of meshvpn: update, or use another file";
	case -EBADMSG: return "damaged: restore it from a backup, or remove it to get a new one";
	default: return strerror(-ret);
	}
}

static int identity_make(struct daemon *d)
{
	const char *path = d->conf.identity_file;
	int ret;

	log_notice("node", "making an identity with %u bits of work in its id", d->conf.id_work_bits);
	ret = identity_generate(&d->identity, d->conf.id_work_bits);
	if (!ret)
		ret = identity_save(&d->identity, path);
	if (ret)
		log_error("node", "cannot write identity %s: %s", path, strerror(-ret));
	return ret;
}

static int identity_open(struct daemon *d)
{
	const char *path = d->conf.identity_file;
	int ret = identity_load(&d->identity, path);

	if (ret == -ENOENT)
		return identity_make(d);
	if (ret) {
		log_error("node", "cannot use identity %s: %s", path, load_error(ret));
		return ret;
	}
	if (node_id_work(&d->identity.id) >= d->conf.id_work_bits)
		return 0;
	log_error("node", "identity %s has %u bits of work, the network asks for %u (IdWorkBits): remove it to get a new one",
		  path, node_id_work(&d->identity.id), d->conf.id_work_bits);
	return -EDOM;
}

static int onion_save(struct daemon *d)
{
	char path[PATH_MAX];
	int ret;

	onion_path(d, path);
	ret = onion_keys_save(d->onion, path);
	if (ret)
		log_limited(LOG_ERROR, "node", "cannot write onion keys %s: %s", path, strerror(-ret));
	return ret;
}

static int onion_open(struct daemon *d)
{
	char path[PATH_MAX];
	int ret;

	d->onion = onion_keys_new();
	if (!d->onion)
		return -ENOMEM;
	onion_path(d, path);
	ret = onion_keys_load(d->onion, path);
	if (ret == -ENOENT) {
		onion_keys_rotate(d->onion, unix_now());
		return onion_save(d);
	}
	if (ret)
		log_error("node", "cannot use onion keys %s: %s", path, load_error(ret));
	return ret;
}

int node_open(struct daemon *d)
{
	int ret = identity_open(d);
	char id[NODE_ID_TEXT];

	if (!ret)
		ret = onion_open(d);
	if (!ret)
		log_info("node", "node id %s", node_id_text(&d->identity.id, id));
	return ret;
}

void node_close(struct daemon *d)
{
	identity_erase(&d->identity);
	onion_keys_free(d->onion);
	d->onion = NULL;
}

/* ---- configurations with keys ---- */

void node_links_conf(const struct daemon *d, struct links_conf *conf)
{
	*conf = d->conf.links;
	conf->id = d->identity.id;
	conf->onion = d->onion->current;
	conf->onion_previous = d->onion->previous;
	conf->lanes = d->lanes;
	conf->hello = d->own.len ? d->own.raw : NULL;
	conf->hello_len = d->own.len;
}

void node_circuits_conf(const struct daemon *d, struct circuits_conf *conf)
{
	*conf = d->conf.circuits;
	conf->id = d->identity.id;
	conf->onion = d->onion->current;
	conf->onion_previous = d->onion->previous;
	conf->exit_device = DEVICE_EXIT;
}

static void engines_reconfigure(struct daemon *d)
{
	struct circuits_conf circuits;
	struct links_conf links;

	if (!d->links)
		return;
	node_links_conf(d, &links);
	node_circuits_conf(d, &circuits);
	links_reconfigure(d->links, &links);
	circuits_reconfigure(d->circuits, &circuits);
	sodium_memzero(&links, sizeof(links));
	sodium_memzero(&circuits, sizeof(circuits));
}

/* ---- own descriptor ---- */

static void fill_endpoints(struct daemon *d, struct peer *peer)
{
	u32 i;

	for (i = 0; i < d->conf.address_count; i++)
		peer->endpoints[i] = d->conf.address[i];
	peer->endpoint_count = i;
	if (!i)
		peer->endpoint_count = network_addresses(d, peer->endpoints, PEER_ENDPOINTS_MAX);
	for (i = 0; i < peer->endpoint_count; i++)
		if (!peer->endpoints[i].port)
			peer->endpoints[i].port = d->conf.port;
}

static void fill(struct daemon *d, struct descriptor *o)
{
	u64 life = d->conf.descriptor_life_ns / NSEC_PER_SEC;

	memset(o, 0, sizeof(*o));
	o->published = unix_now();
	o->expires = o->published + life;
	o->peer.flags = PEER_RELAY | (d->conf.exit_enable ? PEER_EXIT : 0);
	o->peer.suites = 1 << WIRE_SUITE_X25519;
	memcpy(o->peer.onion_key, d->onion->current.public, 32);
	memcpy(o->onion_previous, d->onion->previous.public, 32);
	o->bandwidth = d->conf.bandwidth;
	snprintf(o->nickname, sizeof(o->nickname), "%s", d->conf.nickname);
	if (d->conf.exit_enable)
		snprintf(o->policy, sizeof(o->policy), "%s", d->conf.policy_text);
	fill_endpoints(d, &o->peer);
	d->renew_at = o->published + life / 4;
}

void node_publish(struct daemon *d)
{
	int ret;

	if (d->conf.relay_enable) {
		fill(d, &d->own);
		ret = descriptor_sign(&d->own, &d->identity);
		if (ret) {
			d->own.len = 0;
			log_limited(LOG_ERROR, "node", "this relay has no address to announce: set [Node] Address");
		} else {
			ret = directory_put(d->dir, &d->own, unix_now());
			if (ret)
				log_limited(LOG_ERROR, "node", "cannot write the descriptor into %s: %s",
					    d->conf.descriptor_directory, strerror(-ret));
		}
	}
	engines_reconfigure(d);
}

void node_tick(struct daemon *d)
{
	u64 now = unix_now(), life = d->conf.onion_life_ns / NSEC_PER_SEC;

	if (now >= d->onion->created + life) {
		log_notice("node", "rotating the onion key");
		onion_keys_rotate(d->onion, now);
		onion_save(d);
		node_publish(d);
	} else if (d->conf.relay_enable && now >= d->renew_at) {
		node_publish(d);
	}
}
