/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The other end of the control socket: blocking calls with a deadline, and streams. For
 * meshvpn-ctl and tests.
 */
#ifndef MESHVPN_CONTROL_CLIENT_H
#define MESHVPN_CONTROL_CLIENT_H

#include <jansson.h>
#include <meshvpn/types.h>

struct control_peer;

#define CONTROL_FOREVER UINT64_MAX

/* 0, or -errno of connect(): -ENOENT, -ECONNREFUSED (no daemon), -EACCES; -ENAMETOOLONG. */
int control_connect(struct control_peer **peer, const char *path);
void control_disconnect(struct control_peer *peer);

/**
 * control_call - ask and wait for the answer
 * @params: object, stolen; NULL: none
 * @timeout_ms: for all of it, CONTROL_FOREVER
 * @result: the answer's "parameters", or with -EREMOTEIO its "error"; a reference
 *
 * Return: 0; -EREMOTEIO: the daemon refused; -ETIMEDOUT; -ECONNRESET: it closed the connection;
 * -EBADMSG: no answer as it should be; -errno. After other errors than -EREMOTEIO the connection
 * is of no use any more.
 */
int control_call(struct control_peer *peer, const char *method, json_t *params, u64 timeout_ms, json_t **result);

/**
 * control_stream - ask with "more"
 * @each: called with every answer (borrowed); non-zero ends the stream and is returned
 *
 * Return: 0 when the daemon ended the stream, what @each returned, or as control_call(), with
 * the error in @error. @timeout_ms is for the whole stream.
 */
int control_stream(struct control_peer *peer, const char *method, json_t *params, u64 timeout_ms,
		   int (*each)(void *arg, json_t *answer), void *arg, json_t **error);

#endif
