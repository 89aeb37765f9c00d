// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reloading: the new file is read as a whole; only if nothing is wrong with it, the keys that can
 * change in a running daemon are taken over. Circuits stay.
 */
#include <errno.h>
#include <stdlib.h>

#include "daemon.h"
#include "methods.h"

static bool differs(const struct config *a, const struct config *b, const struct config_key *k)
{
	/* fields that count in others beside theirs */
	if (k->type == &config_endpoints)
		return a->address_count != b->address_count ||
		       memcmp(a->address, b->address, a->address_count * sizeof(a->address[0]));
	if (k->type == &config_resolver)
		return a->resolver_count != b->resolver_count ||
		       memcmp(a->resolver, b->resolver, a->resolver_count * sizeof(a->resolver[0]));
	if (k->type == &config_prefixes && a->client.prefix_count != b->client.prefix_count)
		return true;
	if (k->type == &config_policy)
		return a->exit_rules.rules != b->exit_rules.rules ||
		       memcmp(a->exit_rules.rule, b->exit_rules.rule, a->exit_rules.rules * sizeof(a->exit_rules.rule[0]));
	return memcmp((const char *)a + k->offset, (const char *)b + k->offset, k->size);
}

static void take_over(struct config *to, const struct config *from, const struct config_key *k)
{
	if (k->type == &config_policy) {
		memcpy(to->exit_rules.rule, from->exit_rules.rule, sizeof(to->exit_rules.rule));
		to->exit_rules.rules = from->exit_rules.rules;
		memcpy(to->policy_text, from->policy_text, sizeof(to->policy_text));
		return;
	}
	if (k->type == &config_endpoints)
		to->address_count = from->address_count;
	if (k->type == &config_resolver)
		to->resolver_count = from->resolver_count;
	memcpy((char *)to + k->offset, (const char *)from + k->offset, k->size);
}

static void apply(struct daemon *d)
{
	log_set_level(LOG_ERROR + d->conf.log_level);
	if (d->conf.exit_enable)
		exit_rules_set(d);
	node_publish(d);
}

/* Aliases of one field are told once. */
static bool told_before(const struct config_key *key)
{
	const struct config_key *k;

	for (k = config_keys; k < key; k++)
		if (k->offset == key->offset && k->type == key->type)
			return true;
	return false;
}

int daemon_reload(struct daemon *d, struct config_errors *errors,
		  void (*changed)(void *arg, const struct config_key *key), void *arg)
{
	struct config *fresh = calloc(1, sizeof(*fresh));
	const struct config_key *k;
	u32 i;

	if (!fresh)
		return -ENOMEM;
	notify_reloading();
	if (config_load(fresh, d->config_path, errors)) {
		for (i = 0; i < errors->count && i < CONFIG_ERRORS_MAX; i++)
			log_error("config", "%s:%u: %s", errors->error[i].file, errors->error[i].line, errors->error[i].text);
		log_error("config", "the configuration has errors and was not reloaded");
		notify_ready(d);
		free(fresh);
		return -EINVAL;
	}
	for (k = config_keys; k->name; k++) {
		if (told_before(k) || !differs(&d->conf, fresh, k))
			continue;
		if (changed)
			changed(arg, k);
		if (k->live)
			take_over(&d->conf, fresh, k);
		else
			log_notice("config", "[%s] %s changed, which needs a restart", k->section, k->name);
	}
	free(fresh);
	d->config_loaded = unix_now();
	apply(d);
	log_notice("config", "configuration reloaded");
	notify_ready(d);
	return 0;
}
