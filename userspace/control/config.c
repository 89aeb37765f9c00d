/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading whole configuration files with libini_config against the table of config_table.c, with
 * every error found, and the manual page from the same table.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <ini_configobj.h>
#include <ini_valueobj.h>
#include <stdarg.h>
#include <stdlib.h>
#include <strings.h>

#include <crypto/statefile.h>
#include "config.h"

struct load {
	struct config *c;
	struct config_errors *errors;
	const char *file;
	void (*given)(void *arg, const struct config_key *key, const char *value);	/* may be NULL */
	void *arg;
};

static void error_add(struct load *l, u32 line, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void error_add(struct load *l, u32 line, const char *format, ...)
{
	struct config_error *e;
	va_list ap;

	if (l->errors->count++ >= CONFIG_ERRORS_MAX)
		return;
	e = &l->errors->error[l->errors->count - 1];
	e->line = line;
	snprintf(e->file, sizeof(e->file), "%s", l->file);
	va_start(ap, format);
	vsnprintf(e->text, sizeof(e->text), format, ap);
	va_end(ap);
}

/* ---- suggestions ---- */

#define DISTANCE_MAX 64

/* Levenshtein, without regard to case. */
static u32 distance(const char *a, const char *b)
{
	u32 row[DISTANCE_MAX], i, j, n = strlen(b);

	if (strlen(a) >= DISTANCE_MAX || n >= DISTANCE_MAX)
		return DISTANCE_MAX;
	for (j = 0; j <= n; j++)
		row[j] = j;
	for (i = 1; a[i - 1]; i++) {
		u32 diagonal = row[0];

		row[0] = i;
		for (j = 1; j <= n; j++) {
			u32 up = row[j];
			u32 change = diagonal + (tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]));
			u32 gap = (up < row[j - 1] ? up : row[j - 1]) + 1;

			row[j] = change < gap ? change : gap;
			diagonal = up;
		}
	}
	return row[n];
}

static bool section_known(const char *section)
{
	const struct config_key *k;

	for (k = config_keys; k->name; k++)
		if (!strcasecmp(k->section, section))
			return true;
	return false;
}

static const char *suggest_section(const char *section)
{
	const char *best = NULL;
	u32 least = 3, d;
	const struct config_key *k;

	for (k = config_keys; k->name; k++) {
		d = distance(section, k->section);
		if (d < least) {
			least = d;
			best = k->section;
		}
	}
	return best;
}

/* The most similar key of @section; or one of that very name elsewhere. */
static const struct config_key *suggest_key(const char *section, const char *name)
{
	const struct config_key *k, *best = NULL;
	u32 least = strlen(name) / 3 + 2, d;

	for (k = config_keys; k->name; k++)
		if (strcasecmp(k->section, section) && !strcasecmp(k->name, name))
			best = k;
	for (k = config_keys; k->name; k++) {
		d = strcasecmp(k->section, section) ? DISTANCE_MAX : distance(name, k->name);
		if (d < least) {
			least = d;
			best = k;
		}
	}
	return best;
}

static const struct config_key *key_find(const char *section, const char *name)
{
	const struct config_key *k;

	for (k = config_keys; k->name; k++)
		if (!strcasecmp(k->section, section) && !strcasecmp(k->name, name))
			return k;
	return NULL;
}

/* ---- one file ---- */

static void unknown_key(struct load *l, u32 line, const char *section, const char *name)
{
	const struct config_key *k = suggest_key(section, name);

	if (!k)
		error_add(l, line, "%s: no such key in [%s]; see meshvpnd.conf(5)", name, section);
	else if (strcasecmp(k->section, section))
		error_add(l, line, "%s: no such key in [%s]; it belongs to [%s]", name, section, k->section);
	else
		error_add(l, line, "%s: no such key in [%s]; did you mean %s?", name, section, k->name);
}

static void value_apply(struct load *l, const struct config_key *key, const char *value, u32 line)
{
	char why[CONFIG_WHY] = "";

	if (!key->type->parse(l->c, key, value, why)) {
		if (l->given)
			l->given(l->arg, key, value);
		return;
	}
	if (strstr(value, " #") || strstr(value, " ;"))
		error_add(l, line, "%s = %s: %s (comments stand on lines of their own)", key->name, value, why);
	else
		error_add(l, line, "%s = %s: %s", key->name, value, why);
}

static struct value_obj *value_next(struct ini_cfgobj *ini, const char *section, const char *name, bool first)
{
	struct value_obj *vo = NULL;

	if (ini_get_config_valueobj(section, name, ini, first ? INI_GET_FIRST_VALUE : INI_GET_NEXT_VALUE, &vo))
		return NULL;
	return vo;
}

/* All values of one key. */
static void key_apply(struct load *l, struct ini_cfgobj *ini, const char *section, const char *name)
{
	const struct config_key *key = section_known(section) ? key_find(section, name) : NULL;
	struct value_obj *vo;
	u32 count = 0, line, first = 0;

	for (vo = value_next(ini, section, name, true); vo; vo = value_next(ini, section, name, false)) {
		const char *value = NULL;

		line = 0;
		value_get_line(vo, &line);
		value_get_concatenated(vo, &value);
		if (!key)
			unknown_key(l, line, section, name);
		else if (!value || (!*value && !key->type->repeat))
			error_add(l, line, "%s: has no value", name);
		else if (count && !key->type->repeat)
			error_add(l, line, "%s: is given twice, first on line %u", name, first);
		else
			value_apply(l, key, value, line);
		if (!count++)
			first = line;
	}
}

static bool seen_before(char **names, int i)
{
	int j;

	for (j = 0; j < i; j++)
		if (!strcasecmp(names[j], names[i]))
			return true;
	return false;
}

static u32 first_line(struct ini_cfgobj *ini, const char *section, const char *name)
{
	struct value_obj *vo = value_next(ini, section, name, true);
	u32 line = 0;

	if (vo)
		value_get_line(vo, &line);
	return line;
}

static void unknown_section(struct load *l, struct ini_cfgobj *ini, const char *section, char **names, int count)
{
	const char *near = suggest_section(section);
	u32 line = count ? first_line(ini, section, names[0]) : 0;

	/* what stands before any section ends up in one of libini's own */
	if (!strcmp(section, INI_DEFAULT_SECTION))
		error_add(l, line, "keys must stand in a section: [Node], [Client], [Relay] or [Exit]");
	else if (near)
		error_add(l, line, "[%s]: no such section; did you mean [%s]?", section, near);
	else
		error_add(l, line, "[%s]: no such section; there are [Node], [Client], [Relay] and [Exit]", section);
}

static void section_apply(struct load *l, struct ini_cfgobj *ini, const char *section)
{
	int count = 0, error = 0, i;
	char **names = ini_get_attribute_list(ini, section, &count, &error);

	if (!names || error)
		return;
	if (!section_known(section))
		unknown_section(l, ini, section, names, count);
	else
		for (i = 0; i < count; i++)
			if (!seen_before(names, i))
				key_apply(l, ini, section, names[i]);
	ini_free_attribute_list(names);
}

/* A line that libini cannot read becomes a comment, so that the next reading finds what else there is. */
static void blank_line(char *text, u32 line)
{
	while (--line && text)
		text = strchr(text, '\n') ? strchr(text, '\n') + 1 : NULL;
	for (; text && *text && *text != '\n'; text++)
		*text = '#';
}

/* "Error (5) on line 12: Equal sign is missing."; returns how many there were. */
static u32 syntax_errors(struct load *l, struct ini_cfgobj *ini, char *text)
{
	char **errors = NULL, **e;
	u32 count = 0;

	if (ini_config_get_errors(ini, &errors) || !errors)
		return 0;
	for (e = errors; *e; e++) {
		const char *at = strstr(*e, "line ");
		unsigned int line = 0;

		if (!at || sscanf(at, "line %u", &line) != 1 || !line)
			continue;
		at = strstr(at, ": ");
		error_add(l, line, "%s", at ? at + 2 : *e);
		blank_line(text, line);
		count++;
	}
	ini_config_free_errors(errors);
	return count;
}

static void sections_apply(struct load *l, struct ini_cfgobj *ini)
{
	int count = 0, error = 0, i;
	char **sections = ini_get_section_list(ini, &count, &error);

	for (i = 0; sections && i < count; i++)
		if (!seen_before(sections, i))
			section_apply(l, ini, sections[i]);
	if (sections)
		ini_free_section_list(sections);
}

/* libini gives nothing of a text with a line that it cannot read. Returns: read it again. */
static bool text_parse(struct load *l, char *text, size_t len)
{
	struct ini_cfgfile *file = NULL;
	struct ini_cfgobj *ini = NULL;
	bool again = false;
	int ret = ini_config_file_from_mem(text, (u32)len, &file);

	if (!ret)
		ret = ini_config_create(&ini);
	if (!ret)
		ret = ini_config_parse(file, INI_STOP_ON_NONE, INI_MS_MERGE | INI_MV1S_ALLOW | INI_MV2S_ALLOW,
				       INI_PARSE_NOWRAP | INI_PARSE_NO_C_COMMENTS, ini);
	if (ini)
		again = syntax_errors(l, ini, text) > 0;
	if (ini && !again)
		sections_apply(l, ini);
	if (ret && !again)
		error_add(l, 0, "cannot be read: %s", strerror(ret));
	if (ini)
		ini_config_destroy(ini);
	if (file)
		ini_config_file_destroy(file);
	return again;
}

/* @text: writable, ended by 0. */
static void text_apply(struct load *l, char *text, size_t len)
{
	u32 rounds = 0;

	if (strlen(text) != len) {
		error_add(l, 0, "is no text: it has zero bytes");
		return;
	}
	/* libini takes an empty text for an error */
	while (len && text[len - 1] == '\n')
		text[--len] = 0;
	while (len && text_parse(l, text, len) && ++rounds < CONFIG_ERRORS_MAX)
		;
}

static void file_load(struct load *l, const char *path)
{
	char *text = malloc(STATEFILE_MAX + 1);
	ssize_t n = text ? statefile_read(path, text, STATEFILE_MAX, false) : -ENOMEM;

	l->file = path;
	if (n < 0) {
		error_add(l, 0, "cannot be read: %s", strerror((int)-n));
	} else {
		text[n] = 0;
		text_apply(l, text, n);
	}
	free(text);
}

static int conf_only(const struct dirent *de)
{
	size_t len = strlen(de->d_name);

	return de->d_name[0] != '.' && len > 5 && !strcmp(de->d_name + len - 5, ".conf");
}

static void dropins_load(struct load *l, const char *path)
{
	char dir[PATH_MAX], file[PATH_MAX + 300];
	struct dirent **list;
	int i, n;

	snprintf(dir, sizeof(dir), "%s.d", path);
	n = scandir(dir, &list, conf_only, alphasort);
	for (i = 0; i < n; i++) {
		snprintf(file, sizeof(file), "%s/%s", dir, list[i]->d_name);
		file_load(l, file);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

/* ---- the whole ---- */

void config_defaults(struct config *c)
{
	const struct config_key *k;
	char why[CONFIG_WHY];

	memset(c, 0, sizeof(*c));
	for (k = config_keys; k->name; k++)
		if (k->value)
			k->type->parse(c, k, k->value, why);
	c->exit_rules.default_verdict = NETD_REJECT;
}

#define BURST_MIN (128 << 10)

/* A rate without a burst lets nothing through: 50 ms of it, and some cells, are the default. */
static void burst_default(u64 rate, u64 *burst)
{
	if (rate && !*burst)
		*burst = rate / 20 > BURST_MIN ? rate / 20 : BURST_MIN;
}

static void bursts_default(struct config *c)
{
	burst_default(c->datapath.rate, &c->datapath.burst);
	burst_default(c->circuits.rate, &c->circuits.burst);
	burst_default(c->circuits.exit_rate, &c->circuits.exit_burst);
	burst_default(c->client.origin.rate, &c->client.origin.burst);
	burst_default(c->exit.rate, &c->exit.burst);
}

/* What only the whole shows, and fields that others are made of. */
static void finish(struct load *l)
{
	struct config *c = l->c;

	if (c->exit_enable && !c->relay_enable)
		error_add(l, 0, "[Exit] Enable = yes needs [Relay] Enable = yes");
	if (c->client_enable && c->exit_enable && !strcmp(c->interface, c->exit_interface))
		error_add(l, 0, "[Client] Interface and [Exit] Interface must differ");
	if (c->client.no_ipv4 && c->client.no_ipv6)
		error_add(l, 0, "[Client] NoIPv4 and NoIPv6 leave no address family");
	if (!c->descriptor_directory[0] &&
	    snprintf(c->descriptor_directory, sizeof(c->descriptor_directory), "%.4000s/descriptors", c->state_directory) < 0)
		error_add(l, 0, "StateDirectory is too long");
	if (!c->id_work_bits_given)
		c->id_work_bits = c->private_network ? 0 : IDENTITY_WORK_BITS;
	memcpy(c->client.pool4, c->pool4.addr, 4);
	memcpy(c->client.pool6, c->pool6.addr, 16);
	memcpy(c->exit.pool4, c->pool4.addr, 4);
	memcpy(c->exit.pool6, c->pool6.addr, 16);
	memcpy(c->exit_rules.pool4, c->pool4.addr, 4);
	memcpy(c->exit_rules.pool6, c->pool6.addr, 16);
	c->client.pool4_bits = c->exit.pool4_bits = c->exit_rules.pool4_bits = c->pool4.bits;
	c->client.pool6_bits = c->exit.pool6_bits = c->exit_rules.pool6_bits = c->pool6.bits;
	c->links.private_network = c->circuits.private_network = c->exit_rules.private_network = c->private_network;
	c->links.responder = c->links.authenticate = c->circuits.relay = c->relay_enable;
	c->circuits.exit = c->exit_enable;
	memcpy(c->exit_rules.device, c->exit_interface, sizeof(c->exit_rules.device));
	bursts_default(c);
}

static int by_line(const void *a, const void *b)
{
	const struct config_error *x = a, *y = b;
	int files = strcmp(x->file, y->file);

	return files ? files : x->line < y->line ? -1 : x->line > y->line;
}

static int done(struct load *l)
{
	struct config_errors *errors = l->errors;

	if (!errors->count)
		return 0;
	qsort(errors->error, errors->count < CONFIG_ERRORS_MAX ? errors->count : CONFIG_ERRORS_MAX,
	      sizeof(errors->error[0]), by_line);
	return -EINVAL;
}

int config_load(struct config *c, const char *path, struct config_errors *errors)
{
	struct load l = { .c = c, .errors = errors, .file = path };

	errors->count = 0;
	config_defaults(c);
	file_load(&l, path);
	dropins_load(&l, path);
	l.file = path;
	finish(&l);
	return done(&l);
}

void config_given(const char *path, void (*each)(void *arg, const struct config_key *key, const char *value), void *arg)
{
	struct config_errors *errors = calloc(1, sizeof(*errors));
	struct config *c = calloc(1, sizeof(*c));
	struct load l = { c, errors, path, each, arg };

	if (errors && c) {
		config_defaults(c);
		file_load(&l, path);
		dropins_load(&l, path);
	}
	free(errors);
	free(c);
}

int config_load_text(struct config *c, const char *text, size_t len, struct config_errors *errors)
{
	struct load l = { .c = c, .errors = errors, .file = "text" };
	char *copy = malloc(len + 1);

	errors->count = 0;
	config_defaults(c);
	if (!copy) {
		error_add(&l, 0, "out of memory");
		return done(&l);
	}
	memcpy(copy, text, len);
	copy[len] = 0;
	text_apply(&l, copy, len);
	free(copy);
	finish(&l);
	return done(&l);
}

void config_errors_print(FILE *f, const struct config_errors *errors)
{
	u32 i;

	for (i = 0; i < errors->count && i < CONFIG_ERRORS_MAX; i++) {
		const struct config_error *e = &errors->error[i];

		if (e->line)
			fprintf(f, "%s:%u: %s\n", e->file, e->line, e->text);
		else
			fprintf(f, "%s: %s\n", e->file, e->text);
	}
	if (errors->count > CONFIG_ERRORS_MAX)
		fprintf(f, "and %u more\n", errors->count - CONFIG_ERRORS_MAX);
}
