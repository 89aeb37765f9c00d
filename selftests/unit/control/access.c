// SPDX-License-Identifier: GPL-2.0-or-later
/* Who may ask what, with processes of other users; and the client library, against a server in a thread. */
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <kselftest_harness.h>
#include <control/client.h>

#include "rig.h"

#define NOBODY 65534

/* A client as another user, in a process of its own: what it heard, in two messages, is sent back through a pipe. */
static pid_t stranger(gid_t group, const char *ask, int out)
{
	char buf[4096];
	struct pollfd pfd;
	pid_t pid = fork();
	ssize_t n;
	int fd;

	if (pid)
		return pid;
	alarm(10);
	if (setgroups(group ? 1 : 0, &group) || setgid(NOBODY) || setuid(NOBODY))
		_exit(1);
	control = NULL;
	fd = client();
	if (fd < 0)
		_exit(2);
	send(fd, ask, strlen(ask) + 1, MSG_NOSIGNAL);
	pfd = (struct pollfd){ fd, POLLIN };
	poll(&pfd, 1, 5000);
	n = recv(fd, buf, sizeof(buf), 0);
	_exit(n > 0 && write(out, buf, n) == n ? 0 : 3);
}

static const char *stranger_hears(gid_t group, const char *ask)
{
	static char buf[4096];
	int p[2], status, i;
	pid_t pid;
	ssize_t n = 0;

	if (pipe2(p, O_NONBLOCK))
		return "";
	pid = stranger(group, ask, p[1]);
	for (i = 0; i < 5000 && waitpid(pid, &status, WNOHANG) == 0; i++) {
		pump(1);
		usleep(1000);
	}
	n = read(p[0], buf, sizeof(buf) - 1);
	buf[n > 0 ? n : 0] = 0;
	close(p[0]);
	close(p[1]);
	return buf;
}

TEST(group_may_ask_but_not_see_secrets)
{
	struct control_conf conf = { .has_group = true, .group = 4470 };
	struct stat st;

	if (geteuid())
		SKIP(return, "other users need root");
	ASSERT_EQ(0, server_start(conf));
	ASSERT_EQ(0, chmod(folder, 0755));
	ASSERT_EQ(0, lstat(path, &st));
	EXPECT_EQ(4470, st.st_gid);
	EXPECT_NE(NULL, strstr(stranger_hears(4470, ECHO), ECHOED));
	EXPECT_NE(NULL, strstr(stranger_hears(4470, "{\"method\":\"root\"}"), "\"code\":\"denied\""));
	EXPECT_NE(NULL, strstr(stranger_hears(4470, "{\"method\":\"echo\",\"parameters\":{\"secrets\":true}}"),
			       "\"code\":\"denied\""));
	EXPECT_NE(NULL, strstr(stranger_hears(4470, "{\"method\":\"echo\",\"parameters\":{\"secrets\":false}}"), "echo"));
	EXPECT_STREQ("", stranger_hears(0, ECHO));
	/* the mode is not all that keeps strangers out */
	ASSERT_EQ(0, chmod(path, 0666));
	EXPECT_NE(NULL, strstr(stranger_hears(0, ECHO), "\"code\":\"denied\""));
	EXPECT_EQ(1, control_stats(control)->refused_user);
	server_stop();
}

/* ---- the client library, against a server in a thread ---- */

static volatile bool serving;

static void *serve(void *arg)
{
	struct pollfd pfd = { control_fd(control), POLLIN };

	while (serving) {
		poll(&pfd, 1, 10);
		control_dispatch(control);
	}
	return NULL;
}

static int count_part(void *arg, json_t *answer)
{
	int *count = arg;

	return ++*count == 5 ? 99 : 0;
}

TEST(client_library)
{
	struct control_conf conf = { 0 };
	struct control_peer *peer;
	json_t *result, *error;
	pthread_t thread;
	int count = 0;

	ASSERT_EQ(0, server_start(conf));
	EXPECT_EQ(-ENOENT, control_connect(&peer, "/tmp/there/is/none"));
	serving = true;
	ASSERT_EQ(0, pthread_create(&thread, NULL, serve, NULL));
	ASSERT_EQ(0, control_connect(&peer, path));
	EXPECT_EQ(0, control_call(peer, "echo", json_pack("{s:i}", "i", 5), 5000, &result));
	EXPECT_EQ(5, json_integer_value(json_object_get(json_object_get(result, "echo"), "i")));
	json_decref(result);
	EXPECT_EQ(-EREMOTEIO, control_call(peer, "fail", NULL, 5000, &result));
	EXPECT_STREQ("not-found", json_string_value(json_object_get(result, "code")));
	json_decref(result);
	EXPECT_EQ(0, control_call(peer, "big", json_pack("{s:i}", "bytes", 3000000), 20000, &result));
	EXPECT_EQ(3000000, json_string_length(json_object_get(result, "text")));
	json_decref(result);
	EXPECT_EQ(0, control_stream(peer, "parts", NULL, 5000, count_part, &count, &error));
	EXPECT_EQ(4, count);
	EXPECT_EQ(99, control_stream(peer, "parts", NULL, 5000, count_part, &count, &error));
	control_disconnect(peer);

	ASSERT_EQ(0, control_connect(&peer, path));
	EXPECT_EQ(-ETIMEDOUT, control_call(peer, "hold", json_pack("{s:b}", "answer", 1), 50, &result));
	EXPECT_EQ(NULL, result);
	control_disconnect(peer);
	ASSERT_EQ(0, control_connect(&peer, path));
	serving = false;
	pthread_join(thread, NULL);
	server_stop();
	EXPECT_EQ(-ECONNRESET, control_call(peer, "echo", NULL, 1000, &result));
	control_disconnect(peer);
}

TEST_HARNESS_MAIN
