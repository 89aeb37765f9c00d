/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Running nft and conntrack: no shell, a fixed path, input by pipe, errors caught. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "netd_internal.h"

static char complaint_text[NETD_ERROR_MAX];

int complain(int error, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(complaint_text, sizeof(complaint_text), format, ap);
	va_end(ap);
	return error;
}

const char *complaint(void)
{
	return complaint_text;
}

static void child(const char *const *argv, int in, int err)
{
	static char *const env[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL };

	if (dup2(in, 0) < 0 || dup2(err, 1) < 0 || dup2(err, 2) < 0)
		_exit(127);
	signal(SIGPIPE, SIG_DFL);
	execvpe(argv[0], (char *const *)argv, env);
	_exit(127);
}

static void feed(int fd, const char *input)
{
	size_t len = strlen(input);
	ssize_t n;

	while (len && (n = write(fd, input, len)) > 0) {
		input += n;
		len -= n;
	}
}

/* All of the child's output is read, so that it never blocks; the first part is kept. */
static void collect(int fd, char *text, size_t room)
{
	char more[512];
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, more, sizeof(more))) > 0) {
		if ((size_t)n > room - 1 - len)
			n = room - 1 - len;
		memcpy(text + len, more, n);
		len += n;
	}
	text[len] = 0;
	text[strcspn(text, "\n")] = 0;
}

int process_run(const char *const *argv, const char *input)
{
	char text[NETD_ERROR_MAX / 2];
	int in[2], err[2], status;
	pid_t pid;

	if (pipe2(in, O_CLOEXEC))
		return -errno;
	if (pipe2(err, O_CLOEXEC)) {
		close(in[0]);
		close(in[1]);
		return -errno;
	}
	pid = fork();
	if (!pid)
		child(argv, in[0], err[1]);
	close(in[0]);
	close(err[1]);
	if (pid > 0)
		feed(in[1], input ? input : "");
	close(in[1]);
	collect(err[0], text, sizeof(text));
	close(err[0]);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return complain(-EAGAIN, "cannot start %s", argv[0]);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return complain(-ENOENT, "%s is missing: install its package", argv[0]);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return complain(-EIO, "%s failed: %s", argv[0], text);
	return 0;
}
