// SPDX-License-Identifier: GPL-2.0-or-later
/* The control server against clients of every kind: slow, broken, greedy, deaf, gone. */
#include <fcntl.h>
#include <sys/stat.h>

#include <kselftest_harness.h>

#include "rig.h"

FIXTURE(server)
{
	int fd;
};

FIXTURE_SETUP(server)
{
	struct control_conf conf = { .max_clients = 4, .max_pending = 3, .max_queue = 65536, .max_reply = 600000 };

	ASSERT_EQ(0, server_start(conf));
	self->fd = client();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(server)
{
	close(self->fd);
	if (control)
		server_stop();
}

/* ---- asking ---- */

TEST_F(server, answers)
{
	say(self->fd, "{\"method\":\"echo\",\"parameters\":{\"s\":\"ä\",\"i\":3,\"b\":false}}");
	EXPECT_TRUE(hears(self->fd, "{\"parameters\":{\"schema\":\"meshvpn.echo/1\",\"echo\":{\"s\":\"ä\",\"i\":3,\"b\":false}}}"));
	say(self->fd, "{\"method\":\"fail\"}");
	EXPECT_TRUE(hears(self->fd, "{\"error\":{\"code\":\"not-found\",\"message\":\"thing 7: not there\","
			  "\"hint\":\"look elsewhere\",\"details\":[7]}}"));
	say(self->fd, ECHO);
	EXPECT_TRUE(hears(self->fd, ECHOED));
}

TEST_F(server, takes_bytes_one_by_one)
{
	const char *text = ECHO;
	size_t i;

	for (i = 0; i <= strlen(text); i++) {
		ASSERT_EQ(1, send(self->fd, text + i, 1, 0));
		pump(1);
		EXPECT_EQ(i == strlen(text), calls);
	}
	EXPECT_TRUE(hears(self->fd, ECHOED));
}

TEST_F(server, answers_many_in_order)
{
	char batch[8192];
	size_t len = 0;
	int i;

	for (i = 0; i < 100; i++)
		len += 1 + snprintf(batch + len, sizeof(batch) - len, "{\"method\":\"echo\",\"parameters\":{\"i\":%d}}", i);
	ASSERT_EQ(len, send(self->fd, batch, len, 0));
	for (i = 0; i < 100; i++) {
		char want[40];

		snprintf(want, sizeof(want), "{\"i\":%d}", i);
		ASSERT_TRUE(hears(self->fd, want));
	}
}

TEST_F(server, answers_who_half_closed)
{
	say(self->fd, ECHO);
	send(self->fd, ECHO, sizeof(ECHO), 0);
	shutdown(self->fd, SHUT_WR);
	EXPECT_TRUE(hears(self->fd, ECHOED));
	EXPECT_TRUE(hears(self->fd, ECHOED));
	EXPECT_TRUE(hears_end(self->fd));
	EXPECT_EQ(0, control_clients(control));
}

TEST_F(server, late_answer_to_who_half_closed)
{
	say(self->fd, "{\"method\":\"hold\"}");
	shutdown(self->fd, SHUT_WR);
	pump(3);
	ASSERT_EQ(1, held_count);
	EXPECT_EQ(0, gone_count);
	control_reply_ok(held[0], NULL);
	EXPECT_TRUE(hears(self->fd, "meshvpn.hold/1"));
	EXPECT_TRUE(hears_end(self->fd));
	EXPECT_EQ(0, control_clients(control));
}

TEST_F(server, checks_parameters)
{
	static const char *const bad[] = {
		"{\"method\":\"echo\",\"parameters\":{\"s\":1}}", "{\"method\":\"echo\",\"parameters\":{\"i\":-1}}",
		"{\"method\":\"echo\",\"parameters\":{\"i\":1.5}}", "{\"method\":\"echo\",\"parameters\":{\"b\":1}}",
		"{\"method\":\"echo\",\"parameters\":{\"unknown\":1}}", "{\"method\":\"echo\",\"parameters\":{\"i\":null}}",
		"{\"method\":\"need\"}", "{\"method\":\"need\",\"parameters\":{\"other\":\"x\"}}",
		"{\"method\":\"bare\",\"parameters\":{\"i\":1}}", "{\"method\":\"monitor\"}",
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		say(self->fd, bad[i]);
		EXPECT_TRUE(hears(self->fd, "\"code\":\"parameter\"")) TH_LOG("%s", bad[i]);
	}
	EXPECT_EQ(0, calls);
	say(self->fd, "{\"method\":\"need\",\"parameters\":{\"id\":0}}");
	EXPECT_TRUE(hears(self->fd, "\"echo\":{\"id\":0}"));
	say(self->fd, "{\"method\":\"nothing\"}");
	EXPECT_TRUE(hears(self->fd, "\"code\":\"method\""));
	say(self->fd, "{\"method\":\"ech\"}");
	EXPECT_TRUE(hears(self->fd, "\"code\":\"method\""));
}

TEST_F(server, refuses_what_is_no_request)
{
	static const char *const bad[] = {
		"{}", "{\"method\":1}", "{\"method\":\"echo\",\"parameters\":[]}", "{\"method\":\"echo\",\"more\":1}",
		"{\"method\":\"echo\",\"else\":1}",
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		say(self->fd, bad[i]);
		EXPECT_TRUE(hears(self->fd, "\"code\":\"protocol\"")) TH_LOG("%s", bad[i]);
	}
	EXPECT_EQ(ARRAY_SIZE(bad), control_stats(control)->bad_request);
}

TEST_F(server, ends_after_bad_json)
{
	static const char *const bad[] = {
		"", "hello", "[]", "{\"method\":\"echo\"", "{\"method\":\"echo\",\"method\":\"echo\"}", "{\"method\":\"echo\"}{}",
		"{\"method\":\"\xff\"}", "{\"method\":\"\\u0000\"}", "[[[[[[[[[[[[[[[[[[[[[[",
		"{\"a\":[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]}",
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		int fd = client();

		say(fd, bad[i]);
		send(fd, ECHO, sizeof(ECHO), MSG_NOSIGNAL);
		EXPECT_TRUE(hears(fd, "\"code\":\"protocol\"")) TH_LOG("%s", bad[i]);
		EXPECT_TRUE(hears_end(fd)) TH_LOG("%s", bad[i]);
		close(fd);
	}
	EXPECT_EQ(0, calls);
	EXPECT_EQ(ARRAY_SIZE(bad), control_stats(control)->bad_json);
}

TEST(nesting_is_measured_outside_strings)
{
	static const char text[] = "{\"a\":\"[[[[\\\"[[[[{{\",\"b\":[{}]}";
	const char *why;
	json_t *json = control_parse(text, sizeof(text) - 1, 3, &why);

	EXPECT_NE(NULL, json);
	json_decref(json);
	EXPECT_EQ(NULL, control_parse("{\"b\":[{}]}", 10, 2, &why));
	EXPECT_STREQ("nested too deeply", why);
	EXPECT_EQ(NULL, control_parse("{\"b\":1,\"b\":2}", 13, 2, &why));
	EXPECT_STREQ("a name occurs twice", why);
}

/* ---- too much ---- */

TEST_F(server, giant_frame_ends)
{
	char *giant = malloc(200000);
	size_t sent = 0;
	ssize_t n;
	int i;

	memset(giant, ' ', 200000);
	for (i = 0; i < 100 && sent < 200000; i++) {
		n = send(self->fd, giant, 200000 - sent, MSG_NOSIGNAL);
		sent += n > 0 ? (size_t)n : 0;
		pump(1);
	}
	free(giant);
	EXPECT_TRUE(hears(self->fd, "too long"));
	EXPECT_TRUE(hears_end(self->fd));
	EXPECT_EQ(1, control_stats(control)->too_long);
	EXPECT_EQ(0, control_clients(control));
}

TEST_F(server, largest_frame_is_served)
{
	char *frame = malloc(65536);
	size_t at = 0;
	ssize_t n;

	memset(frame, ' ', 65535);
	memcpy(frame, ECHO, strlen(ECHO));
	frame[65535] = 0;
	while (at < 65536) {
		n = send(self->fd, frame + at, 65536 - at, MSG_NOSIGNAL);
		ASSERT_TRUE(n > 0 || errno == EAGAIN);
		at += n > 0 ? (size_t)n : 0;
		pump(2);
	}
	free(frame);
	EXPECT_TRUE(hears(self->fd, ECHOED));
}

/* Who asks and asks and does not read makes nobody wait but itself. */
TEST_F(server, flood_without_reading)
{
	const char *ask = "{\"method\":\"big\",\"parameters\":{\"bytes\":50000}}";
	int other = client(), i;
	u64 before;

	for (i = 0; i < 20000; i++)
		if (send(self->fd, ask, strlen(ask) + 1, MSG_NOSIGNAL) < 0)
			pump(1);
	pump(10);
	before = control_stats(control)->requests;
	pump(50);
	EXPECT_EQ(before, control_stats(control)->requests);
	EXPECT_GT(40, before);
	say(other, ECHO);
	EXPECT_TRUE(hears(other, ECHOED));
	/* and when it reads at last, it is served again */
	EXPECT_TRUE(hears(self->fd, "meshvpn.big/1"));
	pump(10);
	EXPECT_EQ(2, control_clients(control));
	close(other);
}

TEST_F(server, deaf_subscriber_is_cut_off)
{
	int deaf = client(), i, got = 0;
	char text[1001] = "";

	memset(text, 'x', 1000);
	say(deaf, "{\"method\":\"monitor\",\"more\":true}");
	say(self->fd, "{\"method\":\"monitor\",\"more\":true}");
	EXPECT_TRUE(hears(self->fd, "{\"parameters\":{\"schema\":\"meshvpn.monitor/1\",\"event\":\"hello\"},\"continues\":true}"));
	EXPECT_TRUE(control_subscribed(control));
	for (i = 0; i < 1000; i++) {
		control_publish(control, json_pack("{s:s, s:i, s:s}", "event", "test", "n", i, "text", text));
		got += hears(self->fd, "\"event\":\"test\"");
	}
	EXPECT_EQ(1000, got);
	EXPECT_EQ(1, control_stats(control)->slow);
	EXPECT_EQ(1, control_clients(control));
	close(deaf);
	close(self->fd);
	pump(2);
	EXPECT_FALSE(control_subscribed(control));
	control_publish(control, json_pack("{s:s}", "event", "to no one"));
	EXPECT_EQ(1000, control_stats(control)->events);
	self->fd = -1;
}

TEST_F(server, answer_too_large)
{
	say(self->fd, "{\"method\":\"big\",\"parameters\":{\"bytes\":700000}}");
	EXPECT_TRUE(hears(self->fd, "\"code\":\"limit\""));
	say(self->fd, "{\"method\":\"big\",\"parameters\":{\"bytes\":500000}}");
	EXPECT_TRUE(hears(self->fd, "xxxx"));
	EXPECT_EQ(1, control_stats(control)->too_large);
}

TEST_F(server, longest_idle_makes_room)
{
	int a = client(), b = client(), c = client(), d;

	say(self->fd, ECHO);
	EXPECT_TRUE(hears(self->fd, ECHOED));
	EXPECT_EQ(4, control_clients(control));
	d = client();
	EXPECT_EQ(4, control_clients(control));
	EXPECT_TRUE(hears_end(a));
	say(d, ECHO);
	EXPECT_TRUE(hears(d, ECHOED));
	say(self->fd, ECHO);
	EXPECT_TRUE(hears(self->fd, ECHOED));
	EXPECT_EQ(1, control_stats(control)->evicted);
	close(a);
	close(b);
	close(c);
	close(d);
}

TEST_F(server, busy_ones_stay)
{
	int a = client(), b = client(), c = client(), d;

	say(self->fd, "{\"method\":\"monitor\",\"more\":true}");
	say(a, "{\"method\":\"monitor\",\"more\":true}");
	say(b, "{\"method\":\"hold\",\"parameters\":{\"answer\":true}}");
	say(c, "{\"method\":\"hold\",\"parameters\":{\"answer\":true}}");
	d = client();
	EXPECT_TRUE(hears(d, "\"code\":\"busy\""));
	EXPECT_TRUE(hears_end(d));
	EXPECT_EQ(4, control_clients(control));
	close(a);
	close(b);
	close(c);
	close(d);
	pump(3);
	EXPECT_EQ(2, gone_count);
	EXPECT_EQ(1, control_clients(control));
}

TEST_F(server, pending_calls_are_bounded_by_replies)
{
	int i, fd;

	/* they ask, and leave: what they asked is still being worked on */
	for (i = 0; i < 3; i++) {
		fd = client();
		say(fd, "{\"method\":\"hold\"}");
		close(fd);
		pump(2);
	}
	EXPECT_EQ(3, gone_count);
	say(self->fd, "{\"method\":\"hold\"}");
	EXPECT_TRUE(hears(self->fd, "\"code\":\"busy\""));
	for (i = 0; i < 3; i++)
		control_reply_ok(held[i], json_object());
	EXPECT_EQ(3, control_stats(control)->late);
	say(self->fd, ECHO);
	EXPECT_TRUE(hears(self->fd, ECHOED));
}

/* ---- leaving ---- */

TEST_F(server, gone_before_the_answer)
{
	say(self->fd, "{\"method\":\"hold\"}");
	ASSERT_EQ(1, held_count);
	EXPECT_TRUE(control_reply_alive(held[0]));
	close(self->fd);
	self->fd = -1;
	pump(2);
	EXPECT_EQ(1, gone_count);
	EXPECT_FALSE(control_reply_alive(held[0]));
	control_reply_error(held[0], CONTROL_FAILED, NULL, "too late");
	EXPECT_EQ(0, control_clients(control));
}

TEST_F(server, replies_outlive_the_server)
{
	say(self->fd, "{\"method\":\"hold\"}");
	ASSERT_EQ(1, held_count);
	server_stop();
	EXPECT_EQ(1, gone_count);
	control_reply_more(held[0], json_object());
	control_reply_ok(held[0], json_object());
}

TEST_F(server, request_waits_for_the_answer_before)
{
	say(self->fd, "{\"method\":\"hold\"}");
	say(self->fd, ECHO);
	EXPECT_EQ(0, calls);
	control_reply_ok(held[0], NULL);
	EXPECT_TRUE(hears(self->fd, "meshvpn.hold/1"));
	EXPECT_TRUE(hears(self->fd, ECHOED));
}

TEST_F(server, parts_only_to_who_wants_more)
{
	int i;

	say(self->fd, "{\"method\":\"parts\",\"more\":true,\"parameters\":{\"secrets\":true}}");
	for (i = 0; i < 3; i++)
		EXPECT_TRUE(hears(self->fd, ",\"continues\":true}"));
	EXPECT_TRUE(hears(self->fd, "\"secrets\":true}}"));
	say(self->fd, "{\"method\":\"parts\"}");
	EXPECT_TRUE(hears(self->fd, "\"secrets\":false}}"));
}

/* ---- the socket, and who may ---- */

TEST_F(server, socket_in_the_file_system)
{
	struct control_conf conf = { .path = path };
	struct control *other = NULL;
	struct stat st;
	int fd;

	ASSERT_EQ(0, lstat(path, &st));
	EXPECT_TRUE(S_ISSOCK(st.st_mode));
	EXPECT_EQ(0660, st.st_mode & 07777);
	EXPECT_EQ(-EADDRINUSE, control_new(&other, &conf, methods, NULL));
	control_free(control);
	control = NULL;
	EXPECT_EQ(-1, lstat(path, &st));

	/* what is no socket stays */
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	EXPECT_EQ(-EEXIST, control_new(&other, &conf, methods, NULL));
	EXPECT_EQ(0, lstat(path, &st));
	unlink(path);

	/* what a killed daemon left is replaced */
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	{
		struct sockaddr_un sun = { .sun_family = AF_UNIX };

		strcpy(sun.sun_path, path);
		ASSERT_EQ(0, bind(fd, (struct sockaddr *)&sun, sizeof(sun)));
	}
	close(fd);
	EXPECT_EQ(0, control_new(&control, &conf, methods, NULL));
	fd = client();
	say(fd, ECHO);
	EXPECT_TRUE(hears(fd, ECHOED));
	close(fd);
}

TEST(table_is_checked)
{
	static const struct control_method twice[] = { { "a", 0, NULL, method_echo }, { "a", 0, NULL, method_echo }, { 0 } };
	static const struct control_method type[] = { { "a", 0, "x:q", method_echo }, { 0 } };
	static const struct control_method none[] = { { "a", 0, "x", method_echo }, { 0 } };
	static const struct control_method call[] = { { "a", 0, NULL, NULL }, { 0 } };
	struct control_conf conf = { .path = "/tmp/never" };
	struct control *c;

	EXPECT_EQ(-EINVAL, control_new(&c, &conf, twice, NULL));
	EXPECT_EQ(-EINVAL, control_new(&c, &conf, type, NULL));
	EXPECT_EQ(-EINVAL, control_new(&c, &conf, none, NULL));
	EXPECT_EQ(-EINVAL, control_new(&c, &conf, call, NULL));
}

TEST_HARNESS_MAIN
