// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dev: keys out of files and stdin, a line each. They are read without buffers that would keep a
 * copy, and are erased where they are not needed any more.
 */
#include "dev.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE 256

/* One line without its newline. Return: its length, -ENODATA: there is none any more, -EMSGSIZE, -errno. */
static int line_read(int fd, char line[LINE])
{
	int len = 0;
	ssize_t n;

	for (;;) {
		n = read(fd, line + len, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n && !len)
			return -ENODATA;
		if (!n || line[len] == '\n')
			break;
		if (++len == LINE)
			return -EMSGSIZE;
	}
	line[len] = 0;
	return len;
}

/* A line of nothing, or a comment? Cuts white space off its end. */
static bool line_is_empty(char *line)
{
	size_t len = strlen(line);

	while (len && strchr(" \t\r", line[len - 1]))
		line[--len] = 0;
	return !len || *line == '#';
}

static bool key_decode(const char *line, u8 *key, u32 len)
{
	size_t got;

	if (strlen(line) == 2 * len)
		return !sodium_hex2bin(key, len, line, 2 * len, NULL, &got, NULL) && got == len;
	return !sodium_base642bin(key, len, line, strlen(line), NULL, &got, NULL, sodium_base64_VARIANT_ORIGINAL) && got == len;
}

struct keys {
	const struct ctl *ctl;
	const char *name;
	u8 *at;
	u32 len, max, count;
};

static bool key_failed(const struct keys *k, const char *file, const char *cause, const char *hint)
{
	ctl_fail(k->ctl, CTL_ERROR, "invalid", hint, "%s %s: %s", k->name, file, cause);
	return false;
}

static bool key_take(struct keys *k, const char *file, const char *line)
{
	char hint[120];

	snprintf(hint, sizeof(hint), "a line of %u hexadecimal digits, or their base64: head -c %u /dev/urandom | base64",
		 2 * k->len, k->len);
	if (k->count == k->max) {
		snprintf(hint, sizeof(hint), "at most %u", k->max);
		return key_failed(k, file, "too many keys", hint);
	}
	if (!key_decode(line, k->at + k->count * k->len, k->len))
		return key_failed(k, file, "not a key", hint);
	k->count++;
	return true;
}

/* All keys of a file, or of stdin the next. */
static bool keys_read(struct keys *k, int fd, const char *file, bool one)
{
	u32 before = k->count;
	bool good = true;
	char line[LINE];
	int ret = 0;

	while (good && !(one && k->count > before)) {
		ret = line_read(fd, line);
		if (ret < 0)
			break;
		if (!line_is_empty(line))
			good = key_take(k, file, line);
	}
	sodium_memzero(line, sizeof(line));
	if (!good)
		return false;
	if (ret < 0 && ret != -ENODATA)
		return key_failed(k, file, ret == -EMSGSIZE ? "a line is too long" : strerror(-ret), NULL);
	return k->count > before || key_failed(k, file, "no key in it", NULL);
}

static bool file_read(struct keys *k, const char *file)
{
	bool good, one = !strcmp(file, "-");
	struct stat st;
	int fd = one ? 0 : open(file, O_RDONLY | O_CLOEXEC);

	/* its lines are in a buffer already, with the key or without */
	if (one && k->ctl->stdin_taken)
		return key_failed(k, file, "stdin is the batch", "give a file with the key");
	if (fd < 0)
		return key_failed(k, file, strerror(errno), "give a file with the key, or - for a line of stdin");
	if (!one && !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_mode & 077)
		fprintf(stderr, "meshvpn-ctl: %s: others may read this key; next: chmod 600 %s\n", file, file);
	good = keys_read(k, fd, file, one);
	if (!one)
		close(fd);
	return good;
}

bool dev_keys(const struct ctl *ctl, const json_t *args, const char *name, u8 *keys, u32 len, u32 max, u32 *count)
{
	struct keys k = { .ctl = ctl, .name = name, .at = keys, .len = len, .max = max };
	char *copy, *list, *part;
	bool good = true;

	list = copy = strdup(js_text(args, name));
	while (good && (part = dev_part(&list)))
		good = file_read(&k, part);
	free(copy);
	*count = k.count;
	return good;
}
