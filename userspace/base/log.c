/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log lines for journald and terminals: see log.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

static const char *log_program = "meshvpn";
static enum log_level log_max = LOG_INFO;

static const char *const level_names[] = {
	[LOG_ERROR] = "error", [LOG_WARN] = "warning", [LOG_NOTICE] = "notice",
	[LOG_INFO] = "info", [LOG_TRACE] = "debug",
};

void log_init(const char *program, enum log_level level)
{
	log_program = program;
	log_max = level;
}

void log_set_level(enum log_level level)
{
	log_max = level;
}

int log_level_parse(const char *name)
{
	int i;

	for (i = LOG_ERROR; i <= LOG_TRACE; i++)
		if (!strcmp(name, level_names[i]))
			return i;
	return -1;
}

void log_line(enum log_level level, const char *area, const char *format, ...)
{
	char line[1024];
	va_list ap;
	int n;

	if (level > log_max)
		return;
	n = snprintf(line, sizeof(line), "<%d>%s: %s: ", level, log_program, area);
	va_start(ap, format);
	n += vsnprintf(line + n, sizeof(line) - n, format, ap);
	va_end(ap);
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	/* one write a line, so that lines of threads do not mix; a full pipe loses a line, not us */
	if (write(STDERR_FILENO, line, n) < 0)
		return;
}

bool log_allowed(struct log_limit *limit, u32 burst)
{
	struct timespec ts;
	u32 dropped;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	if ((u64)ts.tv_sec >= limit->since + 10) {
		dropped = limit->dropped;
		*limit = (struct log_limit){ .since = ts.tv_sec };
		if (dropped)
			log_line(LOG_NOTICE, "log", "%u lines like the next were left out", dropped);
	}
	if (limit->count < burst)
		return ++limit->count;
	limit->dropped++;
	return false;
}
