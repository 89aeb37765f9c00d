// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dev link, dev link-session: neighbours, and the header keys, ids and addresses that one speaks to
 * them with.
 */
#include "dev.h"

#include <sodium.h>
#include <string.h>

#define HEADER_KEY 16

/* ---- links ---- */

static int link_named(struct dev_batch *b, const json_t *args, struct dev_op *o, enum datapath_verb verb)
{
	o->op.verb = verb;
	o->op.object = DATAPATH_OBJ_LINK;
	if (!dev_u32(b->ctl, args, "id", 1, UINT32_MAX, &o->link.id))
		return CTL_USAGE;
	snprintf(o->what, sizeof(o->what), "link %u", o->link.id);
	return CTL_OK;
}

static int link_values(struct dev_batch *b, const json_t *args, struct dev_op *o, enum datapath_verb verb)
{
	int ret = link_named(b, args, o, verb);

	if (!ret && verb == DATAPATH_SET && js_has(args, "up-burst") && !js_has(args, "up-rate"))
		return ctl_fail(b->ctl, CTL_USAGE, "usage", "give both", "%s: up-burst without up-rate", o->what);
	dev_u64(args, "up-rate", &o->link.up_rate);
	dev_u64(args, "up-burst", &o->link.up_burst);
	if (js_has(args, "up-rate") || js_has(args, "up-burst"))
		o->fields = KMOD_UP_RATE;
	return ret;
}

static int link_add(struct dev_batch *b, const json_t *args, struct dev_op *o)
{
	return link_values(b, args, o, DATAPATH_NEW);
}

static int link_set(struct dev_batch *b, const json_t *args, struct dev_op *o)
{
	return link_values(b, args, o, DATAPATH_SET);
}

static int link_del(struct dev_batch *b, const json_t *args, struct dev_op *o)
{
	return link_named(b, args, o, DATAPATH_DEL);
}

#define LINK_ID(required_) { "id", 'i', .positional = true, .required = required_, .local = true, .value = "N", .help = "of the link" }

static const struct arg link_show_args[] = { LINK_ID(false), DEV_NODE_ARG, { 0 } };
static const struct arg link_del_args[] = { LINK_ID(true), DEV_NODE_ARG, { 0 } };
static const struct arg link_args[] = {
	LINK_ID(true),
	DEV_NODE_ARG,
	{ "up-rate", 'i', .local = true, .value = "RATE", .help = "datagrams a second that may go up to the daemon; the node's" },
	{ "up-burst", 'i', .local = true, .value = "NUMBER", .help = "of those at once; the node's" },
	{ 0 },
};

static const struct dev_flush link_flush = { DATAPATH_OBJ_LINK, dev_links, NULL };

static const struct arg link_flush_args[] = { DEV_NODE_ARG, { 0 } };

const struct verb dev_link_verbs[] = {
	{ "show", "neighbours, and when they were heard last", link_show_args, .run = dev_table_run },
	{ "add", "a neighbour; its keys and address come with a link-session", link_args, .run = dev_change_run,
	  .change = link_add },
	{ "set", "change rates", link_args, .run = dev_change_run, .change = link_set },
	{ "del", "with its sessions and circuits", link_del_args, .run = dev_change_run, .change = link_del },
	{ "flush", "all links, with their sessions and circuits", link_flush_args, .run = dev_flush_run, .flush = &link_flush },
	{ 0 },
};

/* ---- link sessions ---- */

static int session_named(struct dev_batch *b, const json_t *args, struct dev_op *o, enum datapath_verb verb)
{
	struct datapath_link_session *s = &o->link_session;

	o->op.verb = verb;
	o->op.object = DATAPATH_OBJ_LINK_SESSION;
	if (!dev_u32(b->ctl, args, "link", 1, UINT32_MAX, &s->link) || !dev_u32(b->ctl, args, "index", 0, UINT32_MAX, &s->index))
		return CTL_USAGE;
	snprintf(o->what, sizeof(o->what), "link %u session %u", s->link, s->index);
	return CTL_OK;
}

/* What new and set have both, with the fields that are given. */
static int session_values(struct dev_batch *b, const json_t *args, struct dev_op *o)
{
	static const struct {
		const char *arg;
		u32 field;
	} fields[] = {
		{ "state", KMOD_STATE }, { "tx-id", KMOD_TX_ID }, { "endpoint", KMOD_REMOTE }, { "lanes", KMOD_REMOTE_LANES },
		{ "local-lane", KMOD_LOCAL_LANE }, { "local-lanes", KMOD_LOCAL_LANES },
	};
	struct datapath_link_session *s = &o->link_session;
	const struct ctl *ctl = b->ctl;
	u32 i, one, state = s->state;

	if (!dev_enum(ctl, args, "state", dev_states, &state) || !dev_link_ids(ctl, args, "tx-id", &s->tx_id, 1, &one) ||
	    !dev_endpoint(ctl, args, "endpoint", &s->remote, &s->scope) || !dev_u32(ctl, args, "lanes", 1, 256, &s->remote_lanes) ||
	    !dev_u32(ctl, args, "local-lane", 0, DATAPATH_LANES_MAX - 1, &s->local_lane) ||
	    !dev_u32(ctl, args, "local-lanes", 0, DATAPATH_LANES_MAX, &s->local_lanes))
		return CTL_USAGE;
	s->state = state;
	for (i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		if (js_has(args, fields[i].arg))
			o->fields |= fields[i].field;
	return CTL_OK;
}

/* A key file of a direction: tag key, then mask key. */
static bool direction_keys(const struct ctl *ctl, const json_t *args, const char *name, u8 tag[HEADER_KEY],
			   u8 mask[HEADER_KEY])
{
	u8 key[2 * HEADER_KEY];
	u32 count;
	bool good = dev_keys(ctl, args, name, key, sizeof(key), 1, &count);

	if (good) {
		memcpy(tag, key, HEADER_KEY);
		memcpy(mask, key + HEADER_KEY, HEADER_KEY);
	}
	sodium_memzero(key, sizeof(key));
	return good;
}

static int session_add(struct dev_batch *b, const json_t *args, struct dev_op *o)
{
	struct datapath_link_session *s = &o->link_session;
	int ret;

	*s = (struct datapath_link_session){ .state = DATAPATH_SESSION_CURRENT, .remote_lanes = 1, .local_lanes = 1 };
	ret = session_named(b, args, o, DATAPATH_NEW);
	if (ret || (ret = session_values(b, args, o)))
		return ret;
	if (!dev_link_ids(b->ctl, args, "rx-id", s->rx_ids, DATAPATH_LINK_IDS, &s->rx_ids_count))
		return CTL_USAGE;
	return direction_keys(b->ctl, args, "rx-key", s->rx_tag, s->rx_mask) &&
	       direction_keys(b->ctl, args, "tx-key", s->tx_tag, s->tx_mask) ? CTL_OK : CTL_ERROR;
}

static int session_set(struct dev_batch *b, const json_t *args, struct dev_op *o)
{
	int ret;

	o->link_session.local_lanes = 1;
	ret = session_named(b, args, o, DATAPATH_SET);
	return ret ? ret : session_values(b, args, o);
}

static int session_del(struct dev_batch *b, const json_t *args, struct dev_op *o)
{
	return session_named(b, args, o, DATAPATH_DEL);
}

#define SESSION_NAMES(required_)										\
	{ "link", 'i', .required = required_, .local = true, .value = "N", .help = "the link" },		\
	{ "index", 'i', .local = true, .value = "N", .help = "of the session in its link; 0" },			\
	DEV_NODE_ARG
#define SESSION_VALUES											\
	{ "state", 's', .local = true, .value = "STATE",							\
	  .help = "next (receives), current (sends too; the default) or previous (receives)",		\
	  .words = "next current previous" },								\
	{ "tx-id", 's', .local = true, .value = "LINKID", .help = "on what is sent: one of the peer's rx-id" },	\
	{ "endpoint", 's', .local = true, .value = "ADDRESS:PORT", .help = "of the peer's lane 0, or none; lane i has port + i" }, \
	{ "lanes", 'i', .local = true, .value = "NUMBER", .help = "of the peer; 1" },				\
	{ "local-lane", 'i', .local = true, .value = "NUMBER", .help = "the first that may send; 0" },		\
	{ "local-lanes", 'i', .local = true, .value = "NUMBER", .help = "how many; 1" }

static const struct arg session_show_args[] = { SESSION_NAMES(false), { 0 } };
static const struct arg session_del_args[] = { SESSION_NAMES(true), { 0 } };
static const struct arg session_set_args[] = { SESSION_NAMES(true), SESSION_VALUES, { 0 } };
static const struct arg session_add_args[] = {
	SESSION_NAMES(true),
	{ "rx-id", 's', .required = true, .local = true, .value = "LINKID[,LINKID]", .help = "on what is received, below 2^56" },
	{ "rx-key", 's', .required = true, .local = true, .value = "FILE", .help = "32 bytes: tag key, mask key; - is stdin" },
	{ "tx-key", 's', .required = true, .local = true, .value = "FILE", .help = "the same of what is sent: the peer's rx-key" },
	SESSION_VALUES,
	{ 0 },
};

static const struct dev_flush session_flush = { DATAPATH_OBJ_LINK_SESSION, dev_link_sessions, "link" };

static const struct arg session_flush_args[] = {
	{ "link", 'i', .local = true, .value = "N", .help = "of this link; all" },
	DEV_NODE_ARG,
	{ 0 },
};

const struct verb dev_link_session_verbs[] = {
	{ "show", "one handshake's ids and address a session; keys never", session_show_args, .run = dev_table_run },
	{ "add", "header keys, link ids and the peer's address", session_add_args, .run = dev_change_run,
	  .change = session_add },
	{ "set", "change state, address, what is sent", session_set_args, .run = dev_change_run, .change = session_set },
	{ "del", "and erase its keys", session_del_args, .run = dev_change_run, .change = session_del },
	{ "flush", "all of them, or those of a link", session_flush_args, .run = dev_flush_run, .flush = &session_flush },
	{ 0 },
};
