// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dev batch: a file of changes, one a line in the words of the command line, all or nothing. The
 * kernel gets them as one message, so that no packet sees half of them and nothing is left behind
 * by a line that it refuses.
 */
#include "dev.h"

#include <stdlib.h>
#include <string.h>

#define WORDS 64

/* Words of a line, cut where white space is; '#' ends it. -1: too many. */
static int words_split(char *line, char **words)
{
	int n = 0;
	char *at, *save;

	at = strchr(line, '#');
	if (at)
		*at = 0;
	for (at = strtok_r(line, " \t\r\n", &save); at; at = strtok_r(NULL, " \t\r\n", &save)) {
		if (n == WORDS)
			return -1;
		words[n++] = at;
	}
	return n;
}

/* The verb of "link add ..." with what is left, NULL: an error was said. "dev" may be said too. */
static const struct verb *verb_of(const struct ctl *ctl, int *argc, char ***argv, char name[OBJECT_NAME], struct object *o)
{
	const struct verb *v;
	bool ambiguous;

	if (!strcmp(**argv, "dev") && *argc > 1) {
		(*argv)++;
		(*argc)--;
	}
	*o = (struct object){ "dev", "", dev_verbs };
	v = verb_find(o, **argv, &ambiguous);
	if (v && v->verbs && *argc > 1) {
		*o = object_inner(o, v, name);
		(*argv)++;
		(*argc)--;
		v = verb_find(o, **argv, &ambiguous);
	}
	if (v && v->change) {
		(*argv)++;
		(*argc)--;
		return v;
	}
	ctl_fail(ctl, CTL_USAGE, "usage", "link, link-session, session, circuit add, set, del; attach, detach, selector set",
		 "%s: not a change of a node's tables", **argv);
	return NULL;
}

static int line_add(struct dev_batch *b, char *text)
{
	char *list[WORDS], **words = list, name[OBJECT_NAME];
	int n = words_split(text, list), ret;
	const struct verb *verb;
	struct object o;
	json_t *args;
	u32 node;

	if (!n)
		return CTL_OK;
	if (n < 0)
		return ctl_fail(b->ctl, CTL_USAGE, "usage", NULL, "more than %u words", WORDS);
	verb = verb_of(b->ctl, &n, &words, name, &o);
	args = verb ? args_parse(b->ctl, &o, verb, n, words) : NULL;
	if (!args)
		return CTL_USAGE;
	node = b->node;
	if (!dev_u32(b->ctl, args, "node", 1, UINT32_MAX, &node))
		ret = CTL_USAGE;
	else if (node != b->node)
		ret = ctl_fail(b->ctl, CTL_USAGE, "usage", "a file for each", "node %u: the batch is of node %u", node, b->node);
	else
		ret = dev_batch_add(b, verb, args);
	json_decref(args);
	return ret;
}

/* The number of each line is kept in what the kernel's refusal will name. */
static void line_name(struct dev_batch *b, u32 before, const char *where)
{
	struct dev_op *o = b->count > before ? b->ops[before] : NULL;
	char what[sizeof(o->what)];

	if (!o)
		return;
	memcpy(what, o->what, sizeof(what));
	snprintf(o->what, sizeof(o->what), "%.40s%.39s", where, what);
}

static int lines_add(struct dev_batch *b, FILE *f, const char *file)
{
	const struct ctl *ctl = b->ctl;
	struct ctl named = *ctl;
	char where[60], *text = NULL;
	size_t room = 0;
	u32 number = 0, before;
	int ret = CTL_OK;

	b->ctl = &named;
	named.where = where;
	named.stdin_taken = f == stdin;
	while (!ret && getline(&text, &room, f) >= 0) {
		before = b->count;
		snprintf(where, sizeof(where), "%.40s:%u: ", file, ++number);
		ret = line_add(b, text);
		line_name(b, before, where);
		if (!ret && b->count > KMOD_BATCH_OPS)
			ret = ctl_fail(b->ctl, CTL_ERROR, "limit", "split it", "more than %u changes", KMOD_BATCH_OPS);
	}
	free(text);
	b->ctl = ctl;
	if (!ret && ferror(f))
		ret = ctl_fail(ctl, CTL_ERROR, "failed", NULL, "%s: %s", file, strerror(errno));
	return ret;
}

int dev_batch_run(const struct ctl *ctl, const struct verb *verb, json_t *args)
{
	const char *file = js_text(args, "file");
	FILE *f = strcmp(file, "-") ? fopen(file, "re") : stdin;
	struct dev_batch b = { .ctl = ctl };
	int ret;

	if (!f)
		return ctl_fail(ctl, CTL_ERROR, "not-found", "give a file, or - for stdin", "%s: %s", file, strerror(errno));
	ret = dev_open(ctl, &b.conn);
	if (!ret) {
		ret = dev_node(ctl, b.conn, args, &b.node);
		if (!ret)
			ret = lines_add(&b, f, f == stdin ? "stdin" : file);
		if (!ret && b.count)
			ret = dev_batch_send(&b);
		dev_batch_free(&b);
		kmod_conn_close(b.conn);
	}
	if (f != stdin)
		fclose(f);
	return ret;
}

const struct arg dev_batch_args[] = {
	{ "file", 's', .positional = true, .required = true, .local = true, .value = "FILE", .help = "a change a line, - is stdin" },
	DEV_NODE_ARG,
	{ 0 },
};
