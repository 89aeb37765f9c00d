// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a daemon can do no more after it gave up its privileges. In children, as there is no way
 * back; as root only, where there is something to give up.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kselftest_harness.h>
#include <sys/sandbox.h>

/* Runs @what in a child; its exit status, or minus the signal that ended it. */
static int in_child(int (*what)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(what());
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 1000;
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int drop(void)
{
	struct sandbox_user user;

	return sandbox_user_find(&user, "nobody") || sandbox_harden() || sandbox_drop(&user, 0);
}

static int nothing_is_left(void)
{
	char line[256];
	int bad = 0;
	FILE *f;

	if (drop())
		return 1;
	f = fopen("/proc/self/status", "r");
	/* not dumpable: /proc/self is root's, and status stays readable */
	if (!f)
		return 2;
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, "Cap", 3) && strspn(strchr(line, '\t') + 1, "0") != 16)
			bad = 3;
	fclose(f);
	if (!getuid() || !geteuid() || !setuid(0) || !setgid(0) || !setgroups(0, NULL))
		return 4;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || prctl(PR_GET_DUMPABLE) ? 5 : bad;
}

static int files_are_closed(void)
{
	if (drop())
		return 1;
	return open("/etc/shadow", O_RDONLY) >= 0 ? 2 : 0;
}

static int ordinary_work(void)
{
	int pair[2], fd;
	char c = 'x';

	if (drop() || sandbox_seccomp())
		return 1;
	fd = open("/dev/null", O_WRONLY);
	if (fd < 0 || write(fd, &c, 1) != 1 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return 2;
	return !malloc(1 << 22);
}

static int runs_a_program(void)
{
	static char *const argv[] = { "true", NULL };

	if (drop() || sandbox_seccomp())
		return 1;
	execv("/bin/true", argv);
	return 2;
}

static int odd_call(void)
{
	if (drop() || sandbox_seccomp())
		return 1;
	/* not on the list, and not deadly: an error */
	return !sethostname("x", 1) || errno != EPERM;
}

#if defined(__SANITIZE_ADDRESS__)
#define SECCOMP 0
#else
#define SECCOMP 1
#endif

TEST(root_is_gone)
{
	if (geteuid())
		SKIP(return, "needs root");
	EXPECT_EQ(0, in_child(nothing_is_left));
	EXPECT_EQ(0, in_child(files_are_closed));
}

TEST(filter)
{
	if (geteuid() || !SECCOMP)
		SKIP(return, "needs root and no sanitizer");
	EXPECT_EQ(0, in_child(ordinary_work));
	EXPECT_EQ(-SIGSYS, in_child(runs_a_program));
	EXPECT_EQ(0, in_child(odd_call));
}

TEST(users_and_groups)
{
	struct sandbox_user user;
	gid_t gid;

	EXPECT_EQ(-ENOENT, sandbox_user_find(&user, "no-such-user"));
	ASSERT_EQ(0, sandbox_user_find(&user, ""));
	EXPECT_NE(0, user.uid);
	EXPECT_EQ(0, sandbox_group_find(&gid, "root"));
	EXPECT_EQ(0, gid);
	EXPECT_EQ(-ENOENT, sandbox_group_find(&gid, "no-such-group"));
}

TEST(directory_and_what_is_in_it_change_hands)
{
	char dir[] = "/tmp/meshvpn-sandbox-XXXXXX", file[64], link_[64];
	struct sandbox_user user;
	struct stat st;

	if (geteuid())
		SKIP(return, "needs root");
	ASSERT_EQ(0, sandbox_user_find(&user, "nobody"));
	ASSERT_NE(NULL, mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/f", dir);
	snprintf(link_, sizeof(link_), "%s/l", dir);
	close(open(file, O_CREAT | O_WRONLY, 0600));
	ASSERT_EQ(0, symlink("/etc/hostname", link_));
	ASSERT_EQ(0, sandbox_directory(dir, &user, 0700));
	ASSERT_EQ(0, stat(file, &st));
	EXPECT_EQ(user.uid, st.st_uid);
	ASSERT_EQ(0, stat(dir, &st));
	EXPECT_EQ(user.uid, st.st_uid);
	EXPECT_EQ(0700, st.st_mode & 0777);
	/* where a link leads is none of our business */
	ASSERT_EQ(0, stat("/etc/hostname", &st));
	EXPECT_EQ(0, st.st_uid);
	unlink(link_);
	/* a second name may be anybody's file */
	ASSERT_EQ(0, chown(file, 0, 0));
	ASSERT_EQ(0, link(file, link_));
	ASSERT_EQ(0, sandbox_directory(dir, &user, 0700));
	ASSERT_EQ(0, stat(file, &st));
	EXPECT_EQ(0, st.st_uid);
	unlink(link_);
	unlink(file);
	rmdir(dir);
}

TEST_HARNESS_MAIN
