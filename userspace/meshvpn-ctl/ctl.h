/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of meshvpn-ctl share: the table of objects and verbs (one file each), calls to the
 * daemon, and the pieces of output. Grammar and manners are iproute2's; exit codes and JSON are
 * promised in meshvpn-ctl(1) and Documentation/control.rst, the text for people is not.
 */
#ifndef MESHVPN_CTL_H
#define MESHVPN_CTL_H

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <meshvpn/types.h>

#include <control/client.h>

enum ctl_exit {
	CTL_OK = 0,
	CTL_ERROR = 1,
	CTL_USAGE = 2,
	CTL_DOWN = 3,
	CTL_DENIED = 4,
	CTL_NOT_CONNECTED = 5,
	CTL_TIMEOUT = 7,
};

struct ctl {
	const char *socket;
	bool timeout_given;
	u64 timeout_ms;
	bool json, pretty, stats, brief, secrets, color;
	const char *where;		/* "FILE:12: " before an error; NULL: none */
	bool stdin_taken;		/* it is read already, so keys are not */
};

/* ---- the table ---- */

struct dev_batch;
struct dev_op;
struct dev_flush;

struct arg {
	const char *name;
	char type;			/* s string, i integer >= 0, b flag without value */
	bool positional;		/* its name may be left out */
	bool required;
	bool local;			/* not a parameter of the method */
	const char *value;		/* for help: "STATE" */
	const char *help;
	const char *words;		/* what it may be, for completions; NULL: anything */
};

struct verb {
	const char *name;		/* NULL in an object that is its own verb */
	const char *summary;
	const struct arg *args;		/* ends without name; NULL: none */
	const char *method;		/* called with the arguments, unless run() does it all */
	void (*render)(const struct ctl *ctl, const json_t *result);
	int (*run)(const struct ctl *ctl, const struct verb *verb, json_t *args);
	u64 timeout_ms;			/* unless --timeout says another; 0: CTL_CALL_MS */
	bool secrets;			/* the method knows "secrets" */
	const struct verb *verbs;	/* it is an object of its own: "dev link add" */
	/* a change of the kernel's tables, alone or as a line of a batch (dev.h) */
	int (*change)(struct dev_batch *batch, const json_t *args, struct dev_op *op);
	const struct dev_flush *flush;	/* what dev_flush_run() deletes (dev.h) */
};

#define CTL_CALL_MS 10000

struct object {
	const char *name, *summary;
	const struct verb *verbs;	/* ends where verb_is_end(); the first is the default */
};

extern const struct object ctl_objects[];
extern const struct verb status_verbs[], up_verbs[], down_verbs[], circuit_verbs[], relay_verbs[], descriptor_verbs[],
	key_verbs[], config_verbs[], dev_verbs[], stats_verbs[], monitor_verbs[];

static inline bool verb_is_end(const struct verb *v)
{
	return !v->method && !v->run && !v->verbs;
}

#define OBJECT_NAME 40
/* The object that a verb with verbs of its own is; @name: room for what it is called. */
static inline struct object object_inner(const struct object *o, const struct verb *v, char name[OBJECT_NAME])
{
	snprintf(name, OBJECT_NAME, "%s %s", o->name, v->name);
	return (struct object){ name, v->summary, v->verbs };
}

/* Those that abbreviate to @word; NULL: none or, with @ambiguous set, several. */
const struct object *object_find(const char *word, bool *ambiguous);
const struct verb *verb_find(const struct object *object, const char *word, bool *ambiguous);
/* "meshvpn-ctl help [OBJECT [VERB]]". @verb NULL: all of the object. */
void help_all(FILE *f);
void help_object(const struct object *object, const struct verb *verb);
/* Words that may follow @words, for completions. */
int complete(const struct ctl *ctl, int argc, char **argv);

/* Arguments of @verb out of words: an object, or NULL when an error was said. */
json_t *args_parse(const struct ctl *ctl, const struct object *object, const struct verb *verb, int argc, char **argv);
/* A copy without the local ones, with "secrets" if wanted: what the method gets. */
json_t *args_params(const struct ctl *ctl, const struct verb *verb, const json_t *args);

/* ---- calls; all return an exit code and have said what is wrong ---- */

int ctl_connect(const struct ctl *ctl, struct control_peer **peer);
/* Connects, calls, leaves. @params stolen. */
int ctl_call(const struct ctl *ctl, u64 timeout_ms, const char *method, json_t *params, json_t **result);
int ctl_call_on(const struct ctl *ctl, struct control_peer *peer, u64 timeout_ms, const char *method, json_t *params,
		json_t **result);
/* What -errno (or, with -EREMOTEIO, @error, stolen) of a call means. */
int ctl_call_failed(const struct ctl *ctl, int ret, json_t *error);
u64 ctl_timeout(const struct ctl *ctl, u64 otherwise);
/* The verb's method, and its result as JSON or through render(). */
int ctl_run(const struct ctl *ctl, const struct verb *verb, json_t *args);
/* An answer that is there already, in the same two ways. Steals @result. */
int ctl_show(const struct ctl *ctl, const struct verb *verb, json_t *result);

/* Say an error: thing, cause and next step (@hint, may be NULL); returns @exit. */
int ctl_fail(const struct ctl *ctl, enum ctl_exit exit, const char *code, const char *hint, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* One JSON value and a newline on stdout. */
void ctl_print_json(const struct ctl *ctl, const json_t *json);

/* ---- reading answers; @path: "transfer.rx_bytes" ---- */

const json_t *js(const json_t *json, const char *path);
const char *js_text(const json_t *json, const char *path);	/* "" if there is none */
u64 js_u64(const json_t *json, const char *path);
bool js_true(const json_t *json, const char *path);
bool js_has(const json_t *json, const char *path);		/* there, and not null */
size_t js_count(const json_t *json, const char *path);		/* of an array */
/* The strings of an array with @between; "" if empty. free() it. */
char *js_join(const json_t *json, const char *path, const char *between);
/* "CH alpine7", or the beginning of its id. */
#define RELAY_TEXT 80
const char *relay_text(const json_t *relay, char text[RELAY_TEXT]);
/* "se:birk > is:geysir > ch:alpine7"; free() it. */
char *path_text(const json_t *path);
/* Control characters in strings become '?': they come from strangers and go to a terminal. */
void json_clean(json_t *json);

/* ---- units ---- */

#define UNIT_TEXT 48
const char *unit_bytes(u64 bytes, char text[UNIT_TEXT]);	/* "1.21 GiB" */
const char *unit_short(u64 bytes, char text[UNIT_TEXT]);	/* "4.1M" */
const char *unit_count(u64 n, char text[UNIT_TEXT]);		/* "1 234 567" */
const char *unit_time(u64 seconds, char text[UNIT_TEXT]);	/* "3 hours 2 minutes" */
const char *unit_age(u64 seconds, char text[UNIT_TEXT]);	/* "3h" */
const char *unit_rtt(const json_t *us, char text[UNIT_TEXT]);	/* "81.0 ms", "-" */
const char *unit_ago(u64 unix_seconds, char text[UNIT_TEXT]);	/* "12 seconds ago", "in 2 days" */

/* ---- output ---- */

enum tone { TONE_NONE, TONE_GOOD, TONE_WARN, TONE_BAD, TONE_NAME, TONE_DIM };
/* printf, coloured if that is wanted. */
void tone(const struct ctl *ctl, enum tone tone, const char *format, ...) __attribute__((format(printf, 3, 4)));
enum tone tone_of_state(const char *state);

/* Aligned columns. Heads end with NULL; one that begins with '>' is aligned to the right. */
#define TABLE_COLUMNS 12
struct table {
	u32 columns, cells, room;
	const char *heads[TABLE_COLUMNS];
	char **text;
	enum tone *tones;
};
void table_begin(struct table *t, ...) __attribute__((sentinel));
void table_cell(struct table *t, enum tone tone, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Prints, and frees. Nothing if it has no row. */
void table_end(const struct ctl *ctl, struct table *t);

/* "name   value" of every member of @counters, in order; zeros if @zeros. Returns how many. */
u32 counters_print(const struct ctl *ctl, const char *prefix, const json_t *counters, bool zeros);

#endif
