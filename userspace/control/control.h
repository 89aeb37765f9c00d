/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control socket's server: JSON over a unix stream socket in varlink's framing, for
 * meshvpn-ctl and whoever else reads JSON. It knows sockets, framing, limits and who may ask; what
 * a method means is its table's. Documentation/control.rst describes framing and methods.
 *
 * Context: one thread. One epoll descriptor (control_fd) plugs into any loop.
 */
#ifndef MESHVPN_CONTROL_CONTROL_H
#define MESHVPN_CONTROL_CONTROL_H

#include <jansson.h>
#include <stddef.h>
#include <sys/types.h>
#include <meshvpn/types.h>

#define CONTROL_SOCKET "/run/meshvpn/control.sock"

struct control;
struct control_reply;

/* "error.code" in JSON; control_code_name() gives "not-connected" for CONTROL_NOT_CONNECTED. */
#define CONTROL_CODES(_)							\
	_(FAILED, "failed")		/* none of the others */		\
	_(PROTOCOL, "protocol")		/* not a request */			\
	_(METHOD, "method")		/* no such method */			\
	_(PARAMETER, "parameter")	/* missing, unknown or of a wrong type */ \
	_(DENIED, "denied")							\
	_(NOT_FOUND, "not-found")	/* no such circuit, relay, … */	\
	_(NOT_CONNECTED, "not-connected")					\
	_(UNSUPPORTED, "unsupported")	/* not in this role or build */		\
	_(INVALID, "invalid")		/* configuration or descriptor */	\
	_(BUSY, "busy")								\
	_(LIMIT, "limit")							\
	_(TIMEOUT, "timeout")							\
	_(INTERNAL, "internal")		/* no memory */
enum control_code {
#define _(name, text) CONTROL_##name,
	CONTROL_CODES(_)
#undef _
	CONTROL_CODE_COUNT
};
const char *control_code_name(enum control_code code);

enum control_method_flags {
	CONTROL_READ = 1 << 0,		/* changes nothing */
	CONTROL_PRIVILEGED = 1 << 1,	/* for root and the daemon's user only, not for the group */
	CONTROL_EVENTS = 1 << 2,	/* subscribes to control_publish(); wants "more"; call may be NULL */
};

struct control_method {
	const char *name;		/* "circuit.show" */
	u32 flags;			/* enum control_method_flags */
	/*
	 * Parameters that may occur, as "NAME:TYPE" with types s string, i integer >= 0, b boolean;
	 * "!" after the type: must occur. "exit:s hops:i", "id:i!". NULL: none. Checked before the call.
	 * "secrets:b" is for privileged callers only; others are denied it before the call.
	 */
	const char *params;
	/*
	 * @params: an object, borrowed, valid until the answer. Answer @reply once, now or later,
	 * with control_reply_ok() or control_reply_error().
	 */
	void (*call)(void *arg, json_t *params, struct control_reply *reply);
};

/* Limits; 0 means the default in brackets. */
struct control_conf {
	const char *path;		/* of the socket, CONTROL_SOCKET; a stale one is replaced */
	int fd;				/* > 0: listens already (systemd), path is not touched */
	bool has_group;
	gid_t group;			/* owns the socket, may connect */
	u32 max_clients;		/* 32; the one idle for longest makes room */
	u32 max_request;		/* bytes, 65536 */
	u32 max_queue;			/* bytes waiting for one client, 1 MiB; a slower stream is cut off */
	u32 max_reply;			/* bytes of one answer, 16 MiB */
	u32 max_pending;		/* calls not answered yet, of clients that left too, 64 */
	u32 max_depth;			/* of a request's JSON, 16 */
};

#define CONTROL_STATS(_)								\
	_(accepted) _(refused_user) _(refused_full) _(evicted) _(closed)		\
	_(requests) _(errors) _(denied) _(bad_json) _(bad_request) _(too_long)		\
	_(slow) _(too_large) _(busy) _(events) _(late)

struct control_stats {
#define _(name) u64 name;
	CONTROL_STATS(_)
#undef _
};

/**
 * control_new - open the socket and serve @methods
 * @methods: ends with an entry without name; borrowed, as is @arg of its calls
 *
 * Call while root, if the group is not the caller's own. Return: 0 or -errno (-EADDRINUSE: another daemon
 * answers there; -EINVAL: the table is wrong).
 */
int control_new(struct control **control, const struct control_conf *conf, const struct control_method *methods,
		void *arg);
/*
 * Closes all connections (what is queued is tried once) and removes the socket if that is possible.
 * Replies that are still held stay valid and have to be answered all the same; the answer goes nowhere.
 */
void control_free(struct control *control);

/* Poll for reading, then call control_dispatch(). */
int control_fd(const struct control *control);
/* Serve what is ready, a bounded share a client. Never blocks. */
void control_dispatch(struct control *control);

/*
 * To everyone who subscribed: @event (stolen) is an object with "event": its kind. "schema" and
 * "time_unix" are added here.
 */
void control_publish(struct control *control, json_t *event);
/* Is anyone subscribed? Spares building events for no one. */
bool control_subscribed(const struct control *control);

u32 control_clients(const struct control *control);
const struct control_stats *control_stats(const struct control *control);
void control_stats_each(const struct control *control, void (*each)(void *arg, const char *name, u64 value),
			void *arg);

/* ---- answering ---- */

/*
 * The answer, and the end of @reply. @result (stolen; NULL: empty; on an object "schema" is set
 * here). Harmless when the client is gone.
 */
void control_reply_ok(struct control_reply *reply, json_t *result);
/* A part of the answer, if control_reply_more_wanted(); control_reply_ok() has to follow. Steals @result. */
void control_reply_more(struct control_reply *reply, json_t *result);
/*
 * @hint: the next step for people, or NULL. Message: the thing and the cause, without full stop:
 * "circuit 7: no such circuit".
 */
void control_reply_error(struct control_reply *reply, enum control_code code, const char *hint, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* The same with "details" (stolen, any JSON) in the error, for programs: the errors of a configuration. */
void control_reply_error_details(struct control_reply *reply, enum control_code code, const char *hint,
				 json_t *details, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* Did the caller ask for "more", that is a stream? */
bool control_reply_more_wanted(const struct control_reply *reply);
/* Root or the daemon's user. */
bool control_reply_privileged(const struct control_reply *reply);
/* May it see "secrets" (asked for and privileged)? */
bool control_reply_secrets(const struct control_reply *reply);
/* Is the client still there? */
bool control_reply_alive(const struct control_reply *reply);
/*
 * For answers that come late: @gone is called once if the client goes before the answer (also from
 * control_free()). The reply still has to be answered, from inside @gone at the earliest.
 */
void control_reply_on_gone(struct control_reply *reply, void (*gone)(void *arg, struct control_reply *reply), void *arg);

/* ---- parameters, whose types have been checked ---- */

const char *control_param_string(const json_t *params, const char *name);	/* NULL: not given */
bool control_param_has(const json_t *params, const char *name);
u64 control_param_u64(const json_t *params, const char *name, u64 otherwise);
bool control_param_bool(const json_t *params, const char *name);		/* not given: false */

/* ---- reading JSON of strangers ---- */

/**
 * control_parse - one object, strictly: no duplicate keys, nothing after it, nesting limited
 * @depth: most nested arrays and objects
 *
 * Return: NULL and in @why (may be NULL) the cause.
 */
json_t *control_parse(const char *text, size_t len, u32 depth, const char **why);

#endif
