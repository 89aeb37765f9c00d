/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The methods of the control socket, whose shapes Documentation/control.rst defines. */
#ifndef MESHVPN_MESHVPND_METHODS_H
#define MESHVPN_MESHVPND_METHODS_H

#include <control/control.h>
#include <control/show.h>

#include "daemon.h"

/* Opens the socket (while root) and serves it from the loop. 0 or -errno. */
int methods_open(struct daemon *d);
int methods_serve(struct daemon *d);
void methods_close(struct daemon *d);

/* For the event stream. */
void methods_link_event(struct daemon *d, const struct link *link, bool up, enum link_reason reason);
void methods_descriptor_event(void *arg, const struct descriptor *o, bool added);
void methods_client_event(struct daemon *d, const struct client_event *event);
void methods_state_event(struct daemon *d);
/* "connected", "connecting", "disconnected" or "relay" */
const char *methods_state(const struct daemon *d);

void methods_state_settle(struct timer *t);
const char *methods_reason(enum link_reason reason);

const char *methods_datapath_why(const struct daemon *d);

struct control_times methods_times(const struct daemon *d);

/* methods_*.c */
void method_status(void *arg, json_t *params, struct control_reply *reply);
void method_up(void *arg, json_t *params, struct control_reply *reply);
void method_down(void *arg, json_t *params, struct control_reply *reply);
void method_circuit_show(void *arg, json_t *params, struct control_reply *reply);
void method_circuit_new(void *arg, json_t *params, struct control_reply *reply);
void method_circuit_close(void *arg, json_t *params, struct control_reply *reply);
void method_circuit_trace(void *arg, json_t *params, struct control_reply *reply);
void method_relay_show(void *arg, json_t *params, struct control_reply *reply);
void method_descriptor_show(void *arg, json_t *params, struct control_reply *reply);
void method_descriptor_export(void *arg, json_t *params, struct control_reply *reply);
void method_descriptor_import(void *arg, json_t *params, struct control_reply *reply);
void method_key_show(void *arg, json_t *params, struct control_reply *reply);
void method_config_show(void *arg, json_t *params, struct control_reply *reply);
void method_config_reload(void *arg, json_t *params, struct control_reply *reply);
void method_dev_show(void *arg, json_t *params, struct control_reply *reply);
void method_stats(void *arg, json_t *params, struct control_reply *reply);

#endif
