// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A request from its text to its answer. A reply outlives its client and even the server, so that
 * whoever answers late need not know who left meanwhile.
 */
#include "control_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *control_code_name(enum control_code code)
{
	static const char *const names[] = {
#define _(name, text) [CONTROL_##name] = text,
		CONTROL_CODES(_)
#undef _
	};

	return code < CONTROL_CODE_COUNT ? names[code] : "failed";
}

char *control_dump(const json_t *json, size_t *len)
{
	size_t need = json_dumpb(json, NULL, 0, JSON_COMPACT);
	char *text = need ? malloc(need + 1) : NULL;

	if (!text)
		return NULL;
	json_dumpb(json, text, need, JSON_COMPACT);
	text[need] = 0;
	*len = need + 1;
	return text;
}

/* "schema" first, then what is in @members (stolen, may be NULL). */
json_t *control_titled(const char *method, json_t *members)
{
	char schema[80];
	json_t *titled;

	snprintf(schema, sizeof(schema), "meshvpn.%s/1", method);
	titled = json_pack("{s:s}", "schema", schema);
	if (members)
		json_object_update(titled, members);
	json_decref(members);
	return titled;
}

/* ---- parameters ---- */

const char *control_param_string(const json_t *params, const char *name)
{
	return json_string_value(json_object_get(params, name));
}

bool control_param_has(const json_t *params, const char *name)
{
	return json_object_get(params, name);
}

u64 control_param_u64(const json_t *params, const char *name, u64 otherwise)
{
	const json_t *v = json_object_get(params, name);

	return v ? (u64)json_integer_value(v) : otherwise;
}

bool control_param_bool(const json_t *params, const char *name)
{
	return json_is_true(json_object_get(params, name));
}

static bool param_fits(char type, const json_t *v)
{
	switch (type) {
	case 's':
		return json_is_string(v);
	case 'i':
		return json_is_integer(v) && json_integer_value(v) >= 0;
	default:
		return json_is_boolean(v);
	}
}

static const char *param_type(char type)
{
	return type == 's' ? "a string" : type == 'i' ? "an integer, 0 or more" : "true or false";
}

/* The words of "NAME:TYPE[!]" one after another. */
static const char *spec_next(const char *at, const char **name, size_t *len, char *type, bool *must)
{
	size_t word;

	at += strspn(at, " ");
	word = strcspn(at, " ");
	*name = at;
	*len = strcspn(at, ": ");
	*type = *len + 1 < word ? at[*len + 1] : 0;
	*must = *len + 2 < word && at[*len + 2] == '!';
	return word ? at + word : NULL;
}

static bool spec_find(const char *spec, const char *wanted, char *found)
{
	const char *name;
	size_t len;
	bool must;

	while (spec && (spec = spec_next(spec, &name, &len, found, &must)))
		if (strlen(wanted) == len && !memcmp(wanted, name, len))
			return true;
	return false;
}

/* true: they fit the table; else @why says what does not. */
static bool params_check(const char *spec, json_t *params, char *why, size_t room)
{
	const char *name;
	size_t len;
	json_t *v;
	bool must;
	char type;

	json_object_foreach(params, name, v) {
		if (!spec_find(spec, name, &type)) {
			snprintf(why, room, "parameter %.40s: there is none of this name", name);
			return false;
		}
		if (!param_fits(type, v)) {
			snprintf(why, room, "parameter %s: has to be %s", name, param_type(type));
			return false;
		}
	}
	while (spec && (spec = spec_next(spec, &name, &len, &type, &must))) {
		if (must && !json_object_getn(params, name, len)) {
			snprintf(why, room, "parameter %.*s: is missing", (int)len, name);
			return false;
		}
	}
	return true;
}

/* ---- requests ---- */

static void refuse(struct conn *c, enum control_code code, const char *message, const char *hint)
{
	c->control->stats.errors++;
	conn_send_error(c, code, message, hint);
}

static const struct control_method *method_find(const struct control *control, const char *name)
{
	const struct control_method *m;

	for (m = control->methods; m->name; m++)
		if (!strcmp(m->name, name))
			return m;
	return NULL;
}

/* The members of a request; false if it is none. */
static bool request_read(const json_t *request, const char **method, json_t **params, bool *more)
{
	const char *name;
	json_t *v;

	*method = NULL;
	*params = NULL;
	*more = false;
	json_object_foreach((json_t *)request, name, v) {
		if (!strcmp(name, "method") && json_is_string(v))
			*method = json_string_value(v);
		else if (!strcmp(name, "parameters") && json_is_object(v))
			*params = v;
		else if (!strcmp(name, "more") && json_is_boolean(v))
			*more = json_is_true(v);
		else
			return false;
	}
	return *method;
}

static void subscribe(struct conn *c, const struct control_method *m)
{
	c->subscribed = true;
	c->control->subscribed++;
	conn_send_json(c, json_pack("{s:o, s:b}", "parameters", control_titled(m->name, json_pack("{s:s}", "event", "hello")),
				    "continues", 1), true);
}

static void method_call(struct conn *c, const struct control_method *m, json_t *params, bool more)
{
	struct control *control = c->control;
	struct control_reply *reply;

	if (control->reply_count >= control->conf.max_pending) {
		control->stats.busy++;
		refuse(c, CONTROL_BUSY, "too many calls wait for an answer", "try again in a while");
		return;
	}
	reply = calloc(1, sizeof(*reply));
	if (!reply) {
		refuse(c, CONTROL_INTERNAL, "out of memory", NULL);
		return;
	}
	reply->control = control;
	reply->conn = c;
	reply->method = m;
	reply->params = params ? json_incref(params) : json_object();
	reply->more = more;
	reply->privileged = c->privileged;
	reply->secrets = control_param_bool(params, "secrets");
	list_add_tail(&reply->list, &control->replies);
	control->reply_count++;
	c->pending = reply;
	m->call(control->arg, reply->params, reply);
}

static void request_route(struct conn *c, const json_t *request)
{
	const struct control_method *m;
	const char *name;
	char why[120];
	json_t *params;
	bool more;

	if (!request_read(request, &name, &params, &more)) {
		c->control->stats.bad_request++;
		refuse(c, CONTROL_PROTOCOL, "not a request: method, parameters and more are what it may have", NULL);
		return;
	}
	m = method_find(c->control, name);
	if (!m) {
		snprintf(why, sizeof(why), "method %.60s: there is none of this name", name);
		refuse(c, CONTROL_METHOD, why, "is the daemon older than the program that asks?");
	} else if (!params_check(m->params, params, why, sizeof(why))) {
		refuse(c, CONTROL_PARAMETER, why, NULL);
	} else if (!c->privileged && ((m->flags & CONTROL_PRIVILEGED) || control_param_bool(params, "secrets"))) {
		c->control->stats.denied++;
		snprintf(why, sizeof(why), "%s: only root and the daemon's user may%s", name,
			 m->flags & CONTROL_PRIVILEGED ? "" : " see secrets");
		refuse(c, CONTROL_DENIED, why, "run it as root");
	} else if (!(m->flags & CONTROL_EVENTS)) {
		method_call(c, m, params, more);
	} else if (!more) {
		refuse(c, CONTROL_PARAMETER, "this is a stream: ask with \"more\"", NULL);
	} else {
		subscribe(c, m);
	}
}

void request_serve(struct conn *c, const char *text, size_t len)
{
	const char *why;
	json_t *request = control_parse(text, len, c->control->conf.max_depth, &why);

	c->control->stats.requests++;
	if (!request) {
		/* framing may be lost: nothing after this can be trusted */
		c->control->stats.bad_json++;
		c->finish = true;
		refuse(c, CONTROL_PROTOCOL, why, NULL);
		return;
	}
	request_route(c, request);
	json_decref(request);
}

/* ---- answers ---- */

static void reply_free(struct control_reply *reply)
{
	if (reply->control) {
		list_del(&reply->list);
		reply->control->reply_count--;
	}
	json_decref(reply->params);
	free(reply);
}

/* The client left; who works on the answer may stop. */
void reply_gone(struct control_reply *reply)
{
	void (*gone)(void *arg, struct control_reply *reply) = reply->gone;

	reply->conn = NULL;
	reply->gone = NULL;
	if (gone)
		gone(reply->gone_arg, reply);
}

void control_reply_on_gone(struct control_reply *reply, void (*gone)(void *arg, struct control_reply *reply), void *arg)
{
	reply->gone = gone;
	reply->gone_arg = arg;
	if (!reply->conn)
		reply_gone(reply);
}

/* Steals @envelope. */
static void reply_send(struct control_reply *reply, json_t *envelope, bool last)
{
	struct control *control = reply->control;
	struct conn *c = reply->conn;

	if (!c) {
		if (control && last)
			control->stats.late++;
		json_decref(envelope);
		if (last)
			reply_free(reply);
		return;
	}
	control_enter(control);
	if (last) {
		c->pending = NULL;
		reply_free(reply);
	}
	conn_send_json(c, envelope, !last);
	conn_update(c);
	control_leave(control);
}

static json_t *reply_wrap(const struct control_reply *reply, json_t *result, bool continues)
{
	json_t *parameters = control_titled(reply->method->name, result);

	return continues ? json_pack("{s:o, s:b}", "parameters", parameters, "continues", 1) :
			   json_pack("{s:o}", "parameters", parameters);
}

void control_reply_ok(struct control_reply *reply, json_t *result)
{
	reply_send(reply, reply_wrap(reply, result, false), true);
}

void control_reply_more(struct control_reply *reply, json_t *result)
{
	if (reply->more)
		reply_send(reply, reply_wrap(reply, result, true), false);
	else
		json_decref(result);
}

static void reply_error(struct control_reply *reply, enum control_code code, const char *hint, json_t *details,
			const char *format, va_list args)
{
	char message[400];

	vsnprintf(message, sizeof(message), format, args);
	if (reply->control)
		reply->control->stats.errors++;
	reply_send(reply, json_pack("{s:{s:s, s:s, s:s*, s:o*}}", "error", "code", control_code_name(code),
				    "message", message, "hint", hint, "details", details), true);
}

void control_reply_error(struct control_reply *reply, enum control_code code, const char *hint, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	reply_error(reply, code, hint, NULL, format, args);
	va_end(args);
}

void control_reply_error_details(struct control_reply *reply, enum control_code code, const char *hint, json_t *details,
				 const char *format, ...)
{
	va_list args;

	va_start(args, format);
	reply_error(reply, code, hint, details, format, args);
	va_end(args);
}

bool control_reply_more_wanted(const struct control_reply *reply)
{
	return reply->more;
}

bool control_reply_privileged(const struct control_reply *reply)
{
	return reply->privileged;
}

bool control_reply_secrets(const struct control_reply *reply)
{
	return reply->secrets;
}

bool control_reply_alive(const struct control_reply *reply)
{
	return reply->conn;
}
