// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Starts a daemon and returns when it is ready, without sleeping and without systemd: it is the
 * other end of sd_notify(3). A supervisor stays behind that writes what the daemon announces to
 * LOG.notify and, when it ends, how it ended to LOG.exit, so that a crash is never overlooked.
 *
 *	ready [-t SECONDS] LOG PIDFILE PROGRAM [ARG...]
 *
 * Status: 0 ready; 1 the daemon ended before; 124 it was not ready in time (and was killed).
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int notify_open(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* abstract: reachable after the daemon has changed user and root directory */
	int n = snprintf(sun.sun_path + 1, sizeof(sun.sun_path) - 1, "meshvpn-ready-%d", getpid());
	char name[64];

	if (fd < 0 || bind(fd, (struct sockaddr *)&sun, offsetof(struct sockaddr_un, sun_path) + 1 + n)) {
		fprintf(stderr, "ready: cannot make a notify socket: %s\n", strerror(errno));
		exit(1);
	}
	snprintf(name, sizeof(name), "@meshvpn-ready-%d", getpid());
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static FILE *side_file(const char *log, const char *suffix)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s.%s", log, suffix);
	return fopen(path, "we");
}

static pid_t daemon_start(const char *log, char **argv)
{
	sigset_t none;
	pid_t pid = fork();

	if (pid)
		return pid;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* what is ignored stays ignored over exec */
	signal(SIGPIPE, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	execvp(argv[0], argv);
	fprintf(stderr, "ready: cannot run %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static void exit_record(const char *log, int status)
{
	FILE *f = side_file(log, "exit");

	if (!f)
		return;
	if (WIFEXITED(status))
		fprintf(f, "exit %d\n", WEXITSTATUS(status));
	else
		fprintf(f, "signal %d\n", WTERMSIG(status));
	fclose(f);
}

/* one datagram of the daemon; true when it says READY=1 */
static bool notify_read(int fd, FILE *to)
{
	char buf[4096];
	ssize_t n = recv(fd, buf, sizeof(buf) - 1, 0);

	if (n <= 0)
		return false;
	buf[n] = '\0';
	if (to) {
		fprintf(to, "%s\n", buf);
		fflush(to);
	}
	return !strncmp(buf, "READY=1", 7) || strstr(buf, "\nREADY=1");
}

static void supervise(int notify, int tell, const char *log, const char *pidfile, char **argv)
{
	int null = open("/dev/null", O_RDONLY), out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644), status;
	FILE *notes = side_file(log, "notify"), *f;
	struct pollfd fds[2] = { { .fd = notify, .events = POLLIN }, { .events = POLLIN } };
	sigset_t chld;
	pid_t pid;
	char answer;

	setsid();
	dup2(null, 0);
	dup2(out, 1);
	dup2(out, 2);
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);		/* who ends all processes of a namespace means the daemon */
	signal(SIGPIPE, SIG_IGN);
	fds[1].fd = signalfd(-1, &chld, SFD_CLOEXEC);
	pid = daemon_start(log, argv);
	f = fopen(pidfile, "we");
	if (f) {
		fprintf(f, "%d\n", pid);
		fclose(f);
	}
	for (;;) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[0].revents && notify_read(notify, notes)) {
			answer = 'r';
			(void)!write(tell, &answer, 1);
		}
		if (fds[1].revents && waitpid(pid, &status, WNOHANG) == pid)
			break;
	}
	exit_record(log, status);
	unlink(pidfile);
	answer = 'x';
	(void)!write(tell, &answer, 1);
	_exit(0);
}

int main(int argc, char **argv)
{
	struct pollfd pfd = { .events = POLLIN };
	int seconds = 10, c, tell[2], notify;
	char answer = 0, path[4096];
	FILE *f;
	int pid;

	while ((c = getopt(argc, argv, "+t:")) == 't')
		seconds = atoi(optarg);
	if (c != -1 || argc - optind < 3) {
		fprintf(stderr, "usage: ready [-t SECONDS] LOG PIDFILE PROGRAM [ARG...]\n");
		return 2;
	}
	notify = notify_open();
	snprintf(path, sizeof(path), "%s.exit", argv[optind]);
	unlink(path);
	if (pipe2(tell, O_CLOEXEC))
		return 1;
	if (!fork()) {
		close(tell[0]);
		supervise(notify, tell[1], argv[optind], argv[optind + 1], argv + optind + 2);
	}
	close(tell[1]);
	pfd.fd = tell[0];
	if (poll(&pfd, 1, seconds * 1000) == 0) {
		f = fopen(argv[optind + 1], "re");
		if (f && fscanf(f, "%d", &pid) == 1)
			kill(pid, SIGKILL);
		fprintf(stderr, "ready: %s did not say READY=1 within %d s; log: %s\n",
			argv[optind + 2], seconds, argv[optind]);
		return 124;
	}
	if (read(tell[0], &answer, 1) == 1 && answer == 'r')
		return 0;
	fprintf(stderr, "ready: %s ended before it was ready; log: %s\n", argv[optind + 2], argv[optind]);
	return 1;
}
