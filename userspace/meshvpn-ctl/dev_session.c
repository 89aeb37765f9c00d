// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dev session, dev selector: which inner addresses a circuit carries, and where packets to
 * everywhere else go.
 */
#include "dev.h"

#include <stdlib.h>
#include <string.h>

/* ---- sessions ---- */

static int session_named(struct dev_batch *b, const json_t *args, struct dev_op *o, enum datapath_verb verb)
{
	o->op.verb = verb;
	o->op.object = DATAPATH_OBJ_SESSION;
	if (!dev_u32(b->ctl, args, "id", 1, UINT32_MAX, &o->session.id))
		return CTL_USAGE;
	snprintf(o->what, sizeof(o->what), "session %u", o->session.id);
	return CTL_OK;
}

static int session_leg(struct dev_batch *b, const json_t *args, struct dev_op *o)
{
	struct datapath_session *s = &o->session;

	if (js_has(args, "link") != js_has(args, "circuit"))
		return ctl_fail(b->ctl, CTL_USAGE, "usage", "give both; link 0 circuit 0 is none",
				"%s: a circuit is named by link and circuit", o->what);
	if (js_has(args, "link"))
		o->fields = KMOD_LEG;
	return dev_u32(b->ctl, args, "link", 0, UINT32_MAX, &s->link) &&
	       dev_u32(b->ctl, args, "circuit", 0, MV_CIRCUIT_MAX, &s->circuit) ? CTL_OK : CTL_USAGE;
}

static int session_address(const struct ctl *ctl, struct datapath_session *s, const char *text)
{
	struct endpoint e = dev_address(ctl, text);
	bool *has = e.family == AF_INET ? &s->has4 : &s->has6;

	if (!e.family)
		return CTL_USAGE;
	if (*has)
		return ctl_fail(ctl, CTL_USAGE, "usage", "a session has one of each family", "%s: a second address", text);
	*has = true;
	memcpy(e.family == AF_INET ? s->inner4 : s->inner6, e.addr, e.family == AF_INET ? 4 : 16);
	return CTL_OK;
}

static int session_addresses(const struct ctl *ctl, const json_t *args, struct datapath_session *s)
{
	char *copy = strdup(js_text(args, "address")), *list = copy, *part;
	int ret = CTL_OK;

	while (!ret && (part = dev_part(&list)))
		ret = session_address(ctl, s, part);
	free(copy);
	return ret;
}

static int session_add(struct dev_batch *b, const json_t *args, struct dev_op *o)
{
	int ret = session_named(b, args, o, DATAPATH_NEW);

	if (ret || (ret = session_addresses(b->ctl, args, &o->session)) || (ret = session_leg(b, args, o)))
		return ret;
	return dev_device_id(b, args, &o->session.device) ? CTL_OK : CTL_ERROR;
}

static int session_set(struct dev_batch *b, const json_t *args, struct dev_op *o)
{
	int ret = session_named(b, args, o, DATAPATH_SET);

	return ret ? ret : session_leg(b, args, o);
}

static int session_del(struct dev_batch *b, const json_t *args, struct dev_op *o)
{
	return session_named(b, args, o, DATAPATH_DEL);
}

#define SESSION_ID(required_) { "id", 'i', .positional = true, .required = required_, .local = true, .value = "N", .help = "of the session" }
#define SESSION_LEG												\
	{ "link", 'i', .local = true, .value = "N", .help = "of the circuit that carries it" },			\
	{ "circuit", 'i', .local = true, .value = "N", .help = "its id on that link" }

static const struct arg session_show_args[] = { SESSION_ID(false), DEV_NODE_ARG, { 0 } };
static const struct arg session_del_args[] = { SESSION_ID(true), DEV_NODE_ARG, { 0 } };
static const struct arg session_set_args[] = { SESSION_ID(true), SESSION_LEG, DEV_NODE_ARG, { 0 } };
static const struct arg session_add_args[] = {
	SESSION_ID(true),
	{ "dev", 's', .required = true, .local = true, .value = "DEV", .help = "an attached device: name or id" },
	{ "address", 's', .required = true, .local = true, .value = "ADDRESS[,ADDRESS]", .help = "inner addresses, one of each family" },
	SESSION_LEG,
	DEV_NODE_ARG,
	{ 0 },
};

static const struct dev_flush session_flush = { DATAPATH_OBJ_SESSION, dev_sessions, "device" };

static const struct arg session_flush_args[] = {
	{ "dev", 's', .positional = true, .local = true, .value = "DEV", .help = "of this device, by its name or id; all" },
	DEV_NODE_ARG,
	{ 0 },
};

const struct verb dev_session_verbs[] = {
	{ "show", "inner addresses and the circuits that carry them", session_show_args, .run = dev_table_run },
	{ "add", "inner addresses of a device", session_add_args, .run = dev_change_run, .change = session_add },
	{ "set", "move it to another circuit", session_set_args, .run = dev_change_run, .change = session_set },
	{ "del", "its circuits stay", session_del_args, .run = dev_change_run, .change = session_del },
	{ "flush", "all sessions, or those of a device", session_flush_args, .run = dev_flush_run, .flush = &session_flush },
	{ 0 },
};

/* ---- selectors ---- */

static bool prefix_bits(const char *text, u8 family, u8 *bits)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || n > (family == AF_INET ? 32 : 128))
		return false;
	*bits = (u8)n;
	return true;
}

/* "10.0.0.0/8=1" */
static int prefix_parse(const struct ctl *ctl, char *text, struct datapath_prefix *p)
{
	char *session = strchr(text, '='), *bits, *end = NULL;
	struct endpoint e;
	unsigned long id = 0;

	if (session) {
		*session++ = 0;
		id = strtoul(session, &end, 10);
	}
	bits = strchr(text, '/');
	if (!session || !*session || *end || !id || id > UINT32_MAX || !bits)
		return ctl_fail(ctl, CTL_USAGE, "usage", "PREFIX/BITS=SESSION: 0.0.0.0/0=1", "%s: not a prefix with its session",
				text);
	*bits++ = 0;
	e = dev_address(ctl, text);
	if (!e.family)
		return CTL_USAGE;
	p->family = e.family;
	p->session = (u32)id;
	memcpy(p->addr, e.addr, sizeof(p->addr));
	if (!prefix_bits(bits, p->family, &p->bits))
		return ctl_fail(ctl, CTL_USAGE, "usage", NULL, "%s/%s: not a length of a prefix", text, bits);
	return CTL_OK;
}

static int prefixes_parse(const struct ctl *ctl, const json_t *args, struct dev_op *o)
{
	char *copy = strdup(js_text(args, "prefixes")), *list = copy, *part;
	int ret = CTL_OK;
	u32 n = 1;

	for (part = copy; *part; part++)
		n += *part == ',';
	o->prefixes = calloc(n, sizeof(*o->prefixes));
	for (n = 0; !ret && (part = dev_part(&list)); n++)
		ret = prefix_parse(ctl, part, &o->prefixes[n]);
	free(copy);
	o->selector.prefixes = o->prefixes;
	o->selector.count = n;
	return ret;
}

static int selector_set(struct dev_batch *b, const json_t *args, struct dev_op *o)
{
	int ret = CTL_OK;

	o->op.verb = DATAPATH_SET;
	o->op.object = DATAPATH_OBJ_SELECTOR;
	snprintf(o->what, sizeof(o->what), "selector of %.20s", js_text(args, "dev"));
	if (strcmp(js_text(args, "prefixes"), "none"))
		ret = prefixes_parse(b->ctl, args, o);
	return !ret && !dev_device_id(b, args, &o->selector.device) ? CTL_ERROR : ret;
}

static const struct arg selector_show_args[] = {
	{ "dev", 's', .positional = true, .local = true, .value = "DEV", .help = "of this device, by its id or name" },
	DEV_NODE_ARG,
	{ 0 },
};
static const struct arg selector_set_args[] = {
	{ "dev", 's', .positional = true, .required = true, .local = true, .value = "DEV", .help = "an attached device: name or id" },
	{ "prefixes", 's', .positional = true, .required = true, .local = true, .value = "PREFIX=SESSION[,PREFIX=SESSION]",
	  .help = "all of them, or none; the longest that matches wins" },
	DEV_NODE_ARG,
	{ 0 },
};

const struct verb dev_selector_verbs[] = {
	{ "show", "destinations of packets that have no session by their source", selector_show_args, .run = dev_table_run },
	{ "set", "replace them", selector_set_args, .run = dev_change_run, .change = selector_set },
	{ 0 },
};
