/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Structured log lines on stderr with sd-daemon(3) priorities, which journald and a terminal both
 * understand. No user addresses, no keys, and what strangers can trigger is rate-limited.
 */
#ifndef MESHVPN_BASE_LOG_H
#define MESHVPN_BASE_LOG_H

#include <meshvpn/types.h>

enum log_level {
	LOG_ERROR = 3,
	LOG_WARN = 4,
	LOG_NOTICE = 5,
	LOG_INFO = 6,
	LOG_TRACE = 7,
};

/* Lines above @level are dropped. */
void log_init(const char *program, enum log_level level);
void log_set_level(enum log_level level);

/* "error", "warning", "notice", "info", "debug"; -1 if it is none. */
int log_level_parse(const char *name);

/* One line. @area: "link", "circuit", … Printf format without newline. */
void log_line(enum log_level level, const char *area, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same, at most @burst lines in 10 seconds per call site; the next says how many were left out. */
struct log_limit {
	u64 since;
	u32 count, dropped;
};
bool log_allowed(struct log_limit *limit, u32 burst);

#define log_error(area, ...) log_line(LOG_ERROR, area, __VA_ARGS__)
#define log_warn(area, ...) log_line(LOG_WARN, area, __VA_ARGS__)
#define log_notice(area, ...) log_line(LOG_NOTICE, area, __VA_ARGS__)
#define log_info(area, ...) log_line(LOG_INFO, area, __VA_ARGS__)
#define log_trace(area, ...) log_line(LOG_TRACE, area, __VA_ARGS__)
#define log_limited(level, area, ...)						\
	do {									\
		static struct log_limit limit_;					\
		if (log_allowed(&limit_, 5))					\
			log_line(level, area, __VA_ARGS__);			\
	} while (0)

#endif
