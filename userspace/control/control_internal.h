/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the server's files share: control.c accepts and dispatches, conn.c is one connection with
 * its buffers, reply.c the calls in progress, listen.c the socket.
 */
#ifndef MESHVPN_CONTROL_INTERNAL_H
#define MESHVPN_CONTROL_INTERNAL_H

#include <base/list.h>

#include "control.h"

/* Requests of one connection in one dispatch. */
#define CONN_SHARE 8

struct control {
	struct control_conf conf;
	const struct control_method *methods;
	void *arg;
	int epoll, listener;
	char path[108];			/* empty: not ours to remove */
	u64 device, inode;
	struct list conns;		/* struct conn */
	struct list dead;		/* closed, freed when nothing refers to them */
	struct list replies;		/* struct control_reply, not yet answered */
	u32 conn_count, reply_count, subscribed;
	u32 depth;			/* calls that may hold a conn */
	u64 clock;			/* counts uses, to know who is idle longest */
	struct control_stats stats;
};

struct conn {
	struct list list;
	struct control *control;
	int fd;
	bool privileged;
	bool eof;			/* it sends no more */
	bool finish;			/* close when everything is sent */
	bool dead;
	bool subscribed;
	u64 used;
	u32 events;			/* asked of epoll */
	char *in;
	size_t in_len, in_room;
	size_t scanned;			/* no NUL before this */
	char *out;
	size_t out_at, out_len, out_room;	/* waiting: from out_at to out_len */
	struct control_reply *pending;
};

struct control_reply {
	struct list list;
	struct control *control;	/* NULL: freed meanwhile */
	struct conn *conn;		/* NULL: left meanwhile */
	const struct control_method *method;
	json_t *params;
	bool more, privileged, secrets;
	void (*gone)(void *arg, struct control_reply *reply);
	void *gone_arg;
};

int control_listen(struct control *control);
void control_unlisten(struct control *control);

int conn_new(struct control *control, int fd, bool privileged);
void conn_close(struct conn *c);
/* Of what is ready. */
void conn_ready(struct conn *c, u32 events);
/* One message with its NUL. Closes the connection if it does not go well. */
void conn_send(struct conn *c, const char *text, size_t len);
void conn_send_json(struct conn *c, json_t *envelope, bool stream);
void conn_send_error(struct conn *c, enum control_code code, const char *message, const char *hint);
void conn_update(struct conn *c);
static inline size_t conn_waiting(const struct conn *c)
{
	return c->out_len - c->out_at;
}

/* Take the request @text apart and call its method. */
void request_serve(struct conn *c, const char *text, size_t len);
void reply_gone(struct control_reply *reply);
/* json_dumps() with its length; free() it. */
char *control_dump(const json_t *json, size_t *len);

json_t *control_titled(const char *method, json_t *members);

/* Brackets around what may close connections; the outermost frees them. */
void control_enter(struct control *control);
void control_leave(struct control *control);

#endif
