// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Calls to the daemon, and what their failures are for people, for programs (-j) and for the exit
 * code.
 */
#include "ctl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ctl_print_json(const struct ctl *ctl, const json_t *json)
{
	json_dumpf(json, stdout, ctl->pretty ? JSON_INDENT(2) | JSON_ENSURE_ASCII : JSON_COMPACT | JSON_ENSURE_ASCII);
	putchar('\n');
}

/* Steals @error. */
static void error_say(const struct ctl *ctl, json_t *error)
{
	json_t *envelope;
	size_t i;
	json_t *d;

	if (ctl->json) {
		envelope = json_pack("{s:o}", "error", error);
		ctl_print_json(ctl, envelope);
		json_decref(envelope);
		return;
	}
	json_clean(error);
	fflush(stdout);
	fprintf(stderr, "meshvpn-ctl: %s", js_text(error, "message"));
	if (*js_text(error, "hint"))
		fprintf(stderr, "; next: %s", js_text(error, "hint"));
	fputc('\n', stderr);
	json_array_foreach(json_object_get(error, "details"), i, d) {
		if (js_u64(d, "line"))
			fprintf(stderr, "  %s:%u: %s\n", js_text(d, "file"), (u32)js_u64(d, "line"), js_text(d, "text"));
		else if (js_has(d, "text"))
			fprintf(stderr, "  %s: %s\n", js_text(d, "file"), js_text(d, "text"));
	}
	json_decref(error);
}

int ctl_fail(const struct ctl *ctl, enum ctl_exit exit, const char *code, const char *hint, const char *format, ...)
{
	char message[1024];
	va_list args;
	int len = 0;

	if (ctl->where)
		len = snprintf(message, sizeof(message) / 2, "%.500s", ctl->where);
	va_start(args, format);
	vsnprintf(message + len, sizeof(message) - (size_t)len, format, args);
	va_end(args);
	error_say(ctl, json_pack("{s:s, s:s, s:s*}", "code", code, "message", message, "hint", hint));
	return exit;
}

static enum ctl_exit exit_of(const char *code)
{
	static const struct {
		const char *code;
		enum ctl_exit exit;
	} codes[] = {
		{ "parameter", CTL_USAGE }, { "denied", CTL_DENIED }, { "not-connected", CTL_NOT_CONNECTED },
		{ "timeout", CTL_TIMEOUT },
	};
	u32 i;

	for (i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		if (!strcmp(codes[i].code, code))
			return codes[i].exit;
	return CTL_ERROR;
}

int ctl_call_failed(const struct ctl *ctl, int ret, json_t *error)
{
	enum ctl_exit exit;

	switch (ret) {
	case -EREMOTEIO:
		exit = exit_of(js_text(error, "code"));
		error_say(ctl, error);
		return exit;
	case -ETIMEDOUT:
		return ctl_fail(ctl, CTL_TIMEOUT, "timeout", "try again with --timeout SECONDS", "the daemon has not answered in time");
	case -ECONNRESET:
	case -EPIPE:
		return ctl_fail(ctl, CTL_DOWN, "daemon-down", "see its log: journalctl -u meshvpnd",
				"the daemon closed the connection");
	case -EBADMSG:
		return ctl_fail(ctl, CTL_ERROR, "protocol", "are daemon and meshvpn-ctl of one version?",
				"%s does not answer as meshvpnd does", ctl->socket);
	default:
		return ctl_fail(ctl, CTL_ERROR, "failed", NULL, "%s: %s", ctl->socket, strerror(-ret));
	}
}

int ctl_connect(const struct ctl *ctl, struct control_peer **peer)
{
	int ret = control_connect(peer, ctl->socket);

	switch (ret) {
	case 0:
		return CTL_OK;
	case -ENOENT:
	case -ECONNREFUSED:
		return ctl_fail(ctl, CTL_DOWN, "daemon-down", "systemctl start meshvpnd, or give its socket with --socket PATH",
				"%s: the daemon does not run (%s)", ctl->socket,
				ret == -ENOENT ? "no such socket" : "nobody answers");
	case -EACCES:
	case -EPERM:
		return ctl_fail(ctl, CTL_DENIED, "denied", "run it as root, or join the group of the socket",
				"%s: not allowed for this user", ctl->socket);
	case -ENAMETOOLONG:
		return ctl_fail(ctl, CTL_USAGE, "usage", "use a shorter path", "%s: longer than a socket's name may be",
				ctl->socket);
	default:
		return ctl_fail(ctl, CTL_ERROR, "failed", NULL, "%s: %s", ctl->socket, strerror(-ret));
	}
}

u64 ctl_timeout(const struct ctl *ctl, u64 otherwise)
{
	return ctl->timeout_given ? ctl->timeout_ms : otherwise ? otherwise : CTL_CALL_MS;
}

int ctl_call_on(const struct ctl *ctl, struct control_peer *peer, u64 timeout_ms, const char *method, json_t *params,
		json_t **result)
{
	int ret = control_call(peer, method, params, timeout_ms, result);

	if (!ret)
		return CTL_OK;
	ret = ctl_call_failed(ctl, ret, *result);
	*result = NULL;
	return ret;
}

int ctl_call(const struct ctl *ctl, u64 timeout_ms, const char *method, json_t *params, json_t **result)
{
	struct control_peer *peer;
	int ret = ctl_connect(ctl, &peer);

	*result = NULL;
	if (ret) {
		json_decref(params);
		return ret;
	}
	ret = ctl_call_on(ctl, peer, timeout_ms, method, params, result);
	control_disconnect(peer);
	return ret;
}

int ctl_show(const struct ctl *ctl, const struct verb *verb, json_t *result)
{
	if (ctl->json) {
		ctl_print_json(ctl, result);
	} else if (verb->render) {
		json_clean(result);
		verb->render(ctl, result);
	}
	json_decref(result);
	return CTL_OK;
}

int ctl_run(const struct ctl *ctl, const struct verb *verb, json_t *args)
{
	json_t *result;
	int ret = ctl_call(ctl, ctl_timeout(ctl, verb->timeout_ms), verb->method, args_params(ctl, verb, args), &result);

	return ret ? ret : ctl_show(ctl, verb, result);
}
