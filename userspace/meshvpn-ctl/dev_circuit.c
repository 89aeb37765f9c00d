// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dev circuit: relays' circuits, and both ends.
 */
#include "dev.h"

#include <string.h>

static int circuit_named(struct dev_batch *b, const json_t *args, struct dev_op *o, enum datapath_verb verb)
{
	struct datapath_circuit *c = &o->circuit;

	o->op.verb = verb;
	o->op.object = DATAPATH_OBJ_CIRCUIT;
	if (!dev_u32(b->ctl, args, "link", 1, UINT32_MAX, &c->link) || !dev_u32(b->ctl, args, "id", 1, MV_CIRCUIT_MAX, &c->circuit))
		return CTL_USAGE;
	snprintf(o->what, sizeof(o->what), "circuit %u on link %u", c->circuit, c->link);
	return CTL_OK;
}

static bool yes_no(const struct ctl *ctl, const json_t *args, const char *name, bool *value)
{
	static const char *const words[] = { "no", "yes", NULL };
	u32 n = *value;

	if (!dev_enum(ctl, args, name, words, &n))
		return false;
	*value = n;
	return true;
}

static int circuit_values(struct dev_batch *b, const json_t *args, struct dev_op *o)
{
	static const struct {
		const char *arg;
		u32 field;
	} fields[] = {
		{ "class", KMOD_DATA_CLASS }, { "small-forward", KMOD_SMALL_FORWARD }, { "pass", KMOD_PASS },
		{ "session", KMOD_SESSION }, { "rate", KMOD_RATE }, { "burst", KMOD_RATE },
	};
	struct datapath_circuit *c = &o->circuit;
	const struct ctl *ctl = b->ctl;
	u32 i, class = c->data_class - MV_MEDIUM;

	/* small cells carry no data */
	if (!dev_enum(ctl, args, "class", dev_classes + MV_MEDIUM, &class) || !yes_no(ctl, args, "small-forward", &c->small_forward) ||
	    !yes_no(ctl, args, "pass", &c->pass) || !dev_u32(ctl, args, "session", 0, UINT32_MAX, &c->session) ||
	    !dev_rate(ctl, args, &c->rate, &c->burst))
		return CTL_USAGE;
	c->data_class = class + MV_MEDIUM;
	for (i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		if (js_has(args, fields[i].arg))
			o->fields |= fields[i].field;
	return CTL_OK;
}

static int circuit_keys(const struct ctl *ctl, const json_t *args, struct datapath_circuit *c)
{
	u32 max = c->kind == DATAPATH_ORIGIN_CIRCUIT ? MV_HOPS_MAX : 1, back;

	if (!dev_keys(ctl, args, "kf", c->kf[0], MV_KEY_LEN, max, &c->hops) ||
	    !dev_keys(ctl, args, "kb", c->kb[0], MV_KEY_LEN, max, &back))
		return CTL_ERROR;
	if (c->hops != back)
		return ctl_fail(ctl, CTL_ERROR, "invalid", "one of each for every hop, guard first", "kf: %u keys, kb: %u", c->hops,
				back);
	return CTL_OK;
}

static int circuit_add(struct dev_batch *b, const json_t *args, struct dev_op *o)
{
	struct datapath_circuit *c = &o->circuit;
	bool relay;
	u32 kind = 0;
	int ret;

	c->data_class = MV_LARGE;
	if (!dev_enum(b->ctl, args, "kind", dev_kinds, &kind))
		return CTL_USAGE;
	c->kind = kind;
	relay = kind == DATAPATH_RELAY;
	ret = circuit_named(b, args, o, DATAPATH_NEW);
	if (ret || (ret = circuit_values(b, args, o)))
		return ret;
	if (relay != (js_has(args, "out-link") && js_has(args, "out-id")) ||
	    relay != (js_has(args, "out-link") || js_has(args, "out-id")))
		return ctl_fail(b->ctl, CTL_USAGE, "usage", "a relay has both, an end none", "%s: out-link and out-id", o->what);
	if (!dev_u32(b->ctl, args, "out-link", 1, UINT32_MAX, &c->out_link) ||
	    !dev_u32(b->ctl, args, "out-id", 1, MV_CIRCUIT_MAX, &c->out_circuit))
		return CTL_USAGE;
	ret = circuit_keys(b->ctl, args, c);
	if (!relay)
		c->reserve = mv_reserve(c->hops);
	return !ret && !relay && !dev_u32(b->ctl, args, "reserve", 0, MV_RESERVE_LONG, &c->reserve) ? CTL_USAGE : ret;
}

static int circuit_set(struct dev_batch *b, const json_t *args, struct dev_op *o)
{
	int ret = circuit_named(b, args, o, DATAPATH_SET);

	return ret ? ret : circuit_values(b, args, o);
}

static int circuit_del(struct dev_batch *b, const json_t *args, struct dev_op *o)
{
	return circuit_named(b, args, o, DATAPATH_DEL);
}

#define CIRCUIT_NAMES(required_)										\
	{ "link", 'i', .required = required_, .local = true, .value = "N",					\
	  .help = "towards the origin; of an origin, towards the guard" },					\
	{ "id", 'i', .required = required_, .local = true, .value = "N", .help = "of the circuit on that link, below 2^24" }, \
	DEV_NODE_ARG
#define CIRCUIT_VALUES											\
	{ "class", 's', .local = true, .value = "CLASS", .help = "of data cells: medium or large; large",	\
	  .words = "medium large" },									\
	{ "small-forward", 's', .local = true, .value = "yes|no", .help = "small cells may come forward; no", \
	  .words = "no yes" },										\
	{ "pass", 's', .local = true, .value = "yes|no", .help = "what does not verify goes up until something does; no", \
	  .words = "no yes" },										\
	{ "session", 'i', .local = true, .value = "N", .help = "an end: the session that it may serve" },	\
	{ "rate", 'i', .local = true, .value = "BYTES", .help = "a second, each direction; no limit" },		\
	{ "burst", 'i', .local = true, .value = "BYTES", .help = "at once; a tenth of a second" }

static const struct arg show_args[] = { CIRCUIT_NAMES(false), { 0 } };
static const struct arg del_args[] = { CIRCUIT_NAMES(true), { 0 } };
static const struct arg set_args[] = { CIRCUIT_NAMES(true), CIRCUIT_VALUES, { 0 } };
static const struct arg add_args[] = {
	{ "kind", 's', .positional = true, .required = true, .local = true, .value = "KIND", .help = "relay, origin or terminus",
	  .words = "relay origin terminus" },
	CIRCUIT_NAMES(true),
	{ "out-link", 'i', .local = true, .value = "N", .help = "relay: towards the terminus" },
	{ "out-id", 'i', .local = true, .value = "N", .help = "relay: of the circuit on that link" },
	{ "kf", 's', .required = true, .local = true, .value = "FILE[,FILE]",
	  .help = "forward keys, a line each: of all hops for an origin, guard first; - is stdin" },
	{ "kb", 's', .required = true, .local = true, .value = "FILE[,FILE]", .help = "backward keys, likewise" },
	{ "reserve", 'i', .local = true, .value = "BYTES",
	  .help = "an end: 48, or 144 on more than 4 hops, which a terminus has to be told" },
	CIRCUIT_VALUES,
	{ 0 },
};

static const struct dev_flush circuit_flush = { DATAPATH_OBJ_CIRCUIT, dev_circuits, "link" };

static const struct arg flush_args[] = {
	{ "link", 'i', .local = true, .value = "N", .help = "those named by this link; all" },
	DEV_NODE_ARG,
	{ 0 },
};

const struct verb dev_circuit_verbs[] = {
	{ "show", "what goes where, and how much", show_args, .run = dev_table_run },
	{ "add", "a circuit with its keys", add_args, .run = dev_change_run, .change = circuit_add },
	{ "set", "change class, limits, session", set_args, .run = dev_change_run, .change = circuit_set },
	{ "del", "and erase its keys", del_args, .run = dev_change_run, .change = circuit_del },
	{ "flush", "all circuits, or those of a link", flush_args, .run = dev_flush_run, .flush = &circuit_flush },
	{ 0 },
};
