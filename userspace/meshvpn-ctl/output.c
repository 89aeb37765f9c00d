// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Output for people: columns, colours, units of time and size.
 */
#include "ctl.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- units ---- */

/* Three digits that count. */
static const char *scaled(u64 n, double base, const char *const *units, const char *gap, char text[UNIT_TEXT])
{
	double v = (double)n;
	u32 i = 0;

	while (v >= base * 0.9995 && units[i + 1]) {
		v /= base;
		i++;
	}
	snprintf(text, UNIT_TEXT, "%.*f%s%s", !i || v >= 99.95 ? 0 : v >= 9.995 ? 1 : 2, v, gap, units[i]);
	return text;
}

const char *unit_bytes(u64 bytes, char text[UNIT_TEXT])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", NULL };

	return scaled(bytes, 1024, units, " ", text);
}

const char *unit_short(u64 bytes, char text[UNIT_TEXT])
{
	static const char *const units[] = { "", "K", "M", "G", "T", "P", NULL };

	return scaled(bytes, 1024, units, "", text);
}

const char *unit_count(u64 n, char text[UNIT_TEXT])
{
	char digits[UNIT_TEXT];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n), i;
	char *at = text;

	for (i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0 && len > 4)
			*at++ = ' ';
		*at++ = digits[i];
	}
	*at = 0;
	return text;
}

static const struct {
	u64 seconds;
	const char *name;
	char letter;
} spans[] = {
	{ 86400, "day", 'd' }, { 3600, "hour", 'h' }, { 60, "minute", 'm' }, { 1, "second", 's' },
};

static int span_print(char *text, size_t room, const char *before, u64 n, u32 i)
{
	return snprintf(text, room, "%s%" PRIu64 " %s%s", before, n, spans[i].name, n == 1 ? "" : "s");
}

const char *unit_time(u64 seconds, char text[UNIT_TEXT])
{
	u32 i = 0;
	u64 rest;
	int len;

	while (i < 3 && seconds < spans[i].seconds)
		i++;
	len = span_print(text, UNIT_TEXT, "", seconds / spans[i].seconds, i);
	rest = i < 3 ? seconds % spans[i].seconds / spans[i + 1].seconds : 0;
	if (rest)
		span_print(text + len, UNIT_TEXT - (size_t)len, " ", rest, i + 1);
	return text;
}

const char *unit_age(u64 seconds, char text[UNIT_TEXT])
{
	u32 i = 0;

	while (i < 3 && seconds < spans[i].seconds)
		i++;
	snprintf(text, UNIT_TEXT, "%" PRIu64 "%c", seconds / spans[i].seconds, spans[i].letter);
	return text;
}

const char *unit_rtt(const json_t *us, char text[UNIT_TEXT])
{
	double ms = (double)json_integer_value(us) / 1000;

	if (!json_is_integer(us))
		return strcpy(text, "-");
	snprintf(text, UNIT_TEXT, "%.*f ms", ms >= 99.95 ? 0 : ms >= 0.9995 ? 1 : 2, ms);
	return text;
}

const char *unit_ago(u64 unix_seconds, char text[UNIT_TEXT])
{
	u64 now = (u64)time(NULL);
	char span[UNIT_TEXT];

	if (unix_seconds > now)
		snprintf(text, UNIT_TEXT, "in %.40s", unit_time(unix_seconds - now, span));
	else if (unix_seconds == now)
		strcpy(text, "now");
	else
		snprintf(text, UNIT_TEXT, "%.40s ago", unit_time(now - unix_seconds, span));
	return text;
}

/* ---- colours ---- */

static const char *const tone_codes[] = { "", "\033[32m", "\033[33m", "\033[31m", "\033[1m", "\033[2m" };

void tone(const struct ctl *ctl, enum tone tone, const char *format, ...)
{
	bool color = ctl->color && tone;
	va_list args;

	if (color)
		fputs(tone_codes[tone], stdout);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	if (color)
		fputs("\033[0m", stdout);
}

enum tone tone_of_state(const char *state)
{
	static const struct {
		const char *state;
		enum tone tone;
	} tones[] = {
		{ "connected", TONE_GOOD }, { "open", TONE_GOOD }, { "relay", TONE_GOOD }, { "connecting", TONE_WARN },
		{ "building", TONE_WARN }, { "closing", TONE_WARN }, { "disconnected", TONE_BAD },
	};
	u32 i;

	for (i = 0; i < sizeof(tones) / sizeof(*tones); i++)
		if (!strcmp(tones[i].state, state))
			return tones[i].tone;
	return TONE_NONE;
}

/* ---- columns ---- */

void table_begin(struct table *t, ...)
{
	const char *head;
	va_list args;

	*t = (struct table){ 0 };
	va_start(args, t);
	while ((head = va_arg(args, const char *)) && t->columns < TABLE_COLUMNS)
		t->heads[t->columns++] = head;
	va_end(args);
}

void table_cell(struct table *t, enum tone tone, const char *format, ...)
{
	va_list args;

	if (t->cells == t->room) {
		t->room = t->room ? t->room * 2 : 64;
		t->text = realloc(t->text, t->room * sizeof(*t->text));
		t->tones = realloc(t->tones, t->room * sizeof(*t->tones));
		if (!t->text || !t->tones)
			abort();
	}
	va_start(args, format);
	if (vasprintf(&t->text[t->cells], format, args) < 0)
		abort();
	va_end(args);
	t->tones[t->cells++] = tone;
}

/* Characters, not bytes. */
static u32 width_of(const char *text)
{
	u32 n = 0;

	for (; *text; text++)
		n += (*text & 0xc0) != 0x80;
	return n;
}

static void cell_print(const struct ctl *ctl, enum tone how, const char *text, u32 width, bool right, bool last)
{
	u32 pad = width > width_of(text) ? width - width_of(text) : 0;

	if (right)
		printf("%*s", (int)pad, "");
	tone(ctl, how, "%s", text);
	if (!last)
		printf("%*s", (int)(right ? 2 : pad + 2), "");
	else
		putchar('\n');
}

void table_end(const struct ctl *ctl, struct table *t)
{
	u32 width[TABLE_COLUMNS], i;
	bool right[TABLE_COLUMNS];
	const char *head;

	for (i = 0; i < t->columns; i++) {
		right[i] = *t->heads[i] == '>';
		width[i] = width_of(t->heads[i]) - right[i];
	}
	for (i = 0; i < t->cells; i++)
		if (width_of(t->text[i]) > width[i % t->columns])
			width[i % t->columns] = width_of(t->text[i]);
	for (i = 0; t->cells && i < t->columns; i++) {
		head = t->heads[i] + right[i];
		cell_print(ctl, TONE_DIM, head, width[i], right[i], i + 1 == t->columns);
	}
	for (i = 0; i < t->cells; i++) {
		u32 c = i % t->columns;

		cell_print(ctl, t->tones[i], t->text[i], width[c], right[c], c + 1 == t->columns);
		free(t->text[i]);
	}
	free(t->text);
	free(t->tones);
}

u32 counters_print(const struct ctl *ctl, const char *prefix, const json_t *counters, bool zeros)
{
	u32 width = 0, n = 0;
	const char *name;
	json_t *v;

	json_object_foreach((json_t *)counters, name, v)
		if ((zeros || json_integer_value(v)) && width_of(name) > width)
			width = width_of(name);
	json_object_foreach((json_t *)counters, name, v) {
		char text[UNIT_TEXT];

		if (!zeros && !json_integer_value(v))
			continue;
		printf("%s%-*s  %s\n", prefix, (int)width, name, unit_count((u64)json_integer_value(v), text));
		n++;
	}
	return n;
}
