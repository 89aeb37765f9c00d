// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * meshvpn-ctl itself, run against a server with fixed answers: what it prints, what it asks, and
 * what it exits with.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <kselftest_harness.h>
#include <control/control.h>

#define ID1 "0011223344556677889900112233445566778899001122334455667788990011"
#define ID2 "aa11223344556677889900112233445566778899001122334455667788990022"

static char folder[64], path[100], ctl[PATH_MAX], output[65536];
static struct control *control;
static pthread_t thread;
static volatile bool serving;
static const char *canned;	/* what every method answers */
static char asked[1000];	/* "method {parameters}" of the last call */
static int status_calls, connect_after;
static struct control_reply *held;

static void method_canned(struct control_reply *reply, const char *method, json_t *params)
{
	char *text = json_dumps(params, JSON_COMPACT);

	snprintf(asked, sizeof(asked), "%s %s", method, text);
	free(text);
	if (!strncmp(canned, "error ", 6))
		control_reply_error(reply, (enum control_code)atoi(canned + 6), "the next step", "the thing: the cause");
	else
		control_reply_ok(reply, json_loads(canned, 0, NULL));
}

#define METHOD(id, name) \
static void method_##id(void *arg, json_t *params, struct control_reply *reply) { method_canned(reply, name, params); }
METHOD(up, "up")
METHOD(circuit_show, "circuit.show")
METHOD(circuit_new, "circuit.new")
METHOD(circuit_close, "circuit.close")
METHOD(circuit_trace, "circuit.trace")
METHOD(relay_show, "relay.show")
METHOD(descriptor_show, "descriptor.show")
METHOD(key_show, "key.show")
METHOD(config_show, "config.show")
METHOD(config_reload, "config.reload")
METHOD(dev_show, "dev.show")
METHOD(stats, "stats")

static void method_status(void *arg, json_t *params, struct control_reply *reply)
{
	status_calls++;
	if (connect_after)
		control_reply_ok(reply, json_pack("{s:s}", "state", status_calls > connect_after ? "connected" : "connecting"));
	else
		method_canned(reply, "status", params);
}

static void method_hold(void *arg, json_t *params, struct control_reply *reply)
{
	held = reply;	/* not answered before the end */
}

static const struct control_method methods[] = {
	{ "status", CONTROL_READ, NULL, method_status },
	{ "up", 0, NULL, method_up },
	{ "down", 0, NULL, method_hold },
	{ "circuit.show", CONTROL_READ, "id:i limit:i secrets:b", method_circuit_show },
	{ "circuit.new", 0, NULL, method_circuit_new },
	{ "circuit.close", 0, "id:i session:i", method_circuit_close },
	{ "circuit.trace", 0, "hops:i exit:s", method_circuit_trace },
	{ "relay.show", CONTROL_READ, "name:s limit:i secrets:b", method_relay_show },
	{ "descriptor.show", CONTROL_READ, "name:s secrets:b", method_descriptor_show },
	{ "key.show", CONTROL_READ, "secrets:b", method_key_show },
	{ "config.show", CONTROL_READ, NULL, method_config_show },
	{ "config.reload", 0, NULL, method_config_reload },
	{ "dev.show", CONTROL_READ, NULL, method_dev_show },
	{ "stats", CONTROL_READ, NULL, method_stats },
	{ "monitor", CONTROL_READ | CONTROL_EVENTS, NULL, NULL },
	{ 0 },
};

static void *serve(void *arg)
{
	struct pollfd pfd = { control_fd(control), POLLIN };

	while (serving) {
		poll(&pfd, 1, 10);
		control_dispatch(control);
		if (control_subscribed(control))
			control_publish(control, json_pack("{s:s, s:i, s:i, s:{s:s, s:s}, s:s}", "event", "circuit-live", "circuit", 7,
							   "took_us", 12345, "relay", "nick", "anna", "id", ID1,
							   "text", "a\033[31mb\302\233c"));
	}
	return NULL;
}

/* BUILD/selftests/unit/control/ctl -> BUILD/meshvpn-ctl */
static void ctl_find(void)
{
	ssize_t n = readlink("/proc/self/exe", ctl, sizeof(ctl) - 20);
	int up;

	ctl[n > 0 ? n : 0] = 0;
	for (up = 0; up < 4 && strrchr(ctl, '/'); up++)
		*strrchr(ctl, '/') = 0;
	strcat(ctl, "/meshvpn-ctl");
}

/* Runs meshvpn-ctl; @output: stdout and stderr. Returns its exit code. */
static int run(const char *args)
{
	char command[PATH_MAX + 1200];
	size_t n;
	FILE *f;
	int status;

	snprintf(command, sizeof(command), "MESHVPN_SOCKET=%s %s %s 2>&1", path, ctl, args);
	f = popen(command, "re");
	n = fread(output, 1, sizeof(output) - 1, f);
	output[n] = 0;
	status = pclose(f);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool prints(const char *args, const char *answer, const char *want)
{
	int ret;

	canned = answer;
	ret = run(args);
	if (!ret && !strcmp(output, want))
		return true;
	fprintf(stderr, "# %s: exit %d\n--- got\n%s--- wanted\n%s---\n", args, ret, output, want);
	return false;
}

FIXTURE(ctl)
{
	int unused;
};

FIXTURE_SETUP(ctl)
{
	struct control_conf conf = { .path = path };

	ctl_find();
	strcpy(folder, "/tmp/ctl-XXXXXX");
	ASSERT_NE(NULL, mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/sock", folder);
	ASSERT_EQ(0, control_new(&control, &conf, methods, NULL));
	setenv("TZ", "UTC", 1);
	canned = "{}";
	serving = true;
	ASSERT_EQ(0, pthread_create(&thread, NULL, serve, NULL));
}

FIXTURE_TEARDOWN(ctl)
{
	char command[100];

	serving = false;
	pthread_join(thread, NULL);
	control_free(control);
	if (held)
		control_reply_ok(held, NULL);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	(void)!system(command);
}

/* ---- what is printed ---- */

#define STATUS "{\"version\":\"1\",\"state\":\"connected\",\"protected\":true,\"uptime_s\":11000,\"id\":\"" ID1 "\",\"nick\":null," \
	"\"roles\":[\"client\",\"relay\"],\"interface\":{\"name\":\"mesh0\",\"mtu\":1420,\"route\":\"all\",\"addresses\":" \
	"[\"198.18.7.9\",\"fd00::9\"],\"resolvers\":[\"9.9.9.9\"]},\"exit\":{\"nick\":\"alpine7\",\"id\":\"" ID2 "\",\"cc\":\"CH\"}," \
	"\"hops\":3,\"circuits\":{\"open\":1,\"building\":0,\"spare\":2},\"relay\":null,\"directory\":{\"relays\":6,\"exits\":2}," \
	"\"datapath\":{\"name\":\"user\",\"why\":\"kernel module is not loaded\",\"lanes\":4},\"listen\":{\"ports\":[4470,4471]," \
	"\"addresses\":[]},\"transfer\":{\"rx_bytes\":1299227607,\"tx_bytes\":92694118},\"last_rx_unix\":null,\"health\":[" \
	"{\"id\":\"x\",\"severity\":\"error\",\"message\":\"no exit is known\",\"next\":\"import one\"}," \
	"{\"id\":\"y\",\"severity\":\"warning\",\"message\":\"slow\",\"next\":null}]}"

TEST_F(ctl, status)
{
	EXPECT_TRUE(prints("status", STATUS,
			   "state: connected (3 hops, 1 circuit)   protected: yes\n"
			   "node: 0011223344  client, relay\n"
			   "interface: mesh0  mtu 1420  route all  198.18.7.9 fd00::9\n"
			   "exit: CH alpine7  resolver 9.9.9.9\n"
			   "circuits: 1 open, 0 building, 2 spare\n"
			   "listen: udp 4470-4471\n"
			   "datapath: user, 4 lanes (kernel module is not loaded)\n"
			   "transfer: 1.21 GiB received, 88.4 MiB sent\n"
			   "directory: 6 relays, 2 exits\n"
			   "up: 3 hours 3 minutes, version 1\n"
			   "health: ERROR no exit is known; next: import one\n"
			   "health: WARN slow\n"));
	EXPECT_STREQ("status {}", asked);
	EXPECT_TRUE(prints("-br status", STATUS, "connected  mesh0  protected  exit CH alpine7  rx 1.21G  tx 88.4M  health 2\n"));
	EXPECT_TRUE(prints("-c always -br status", STATUS,
			   "\033[32mconnected\033[0m  mesh0  protected  exit CH alpine7  rx 1.21G  tx 88.4M  health 2\n"));
	EXPECT_TRUE(prints("-j status", "{\"state\":\"relay\",\"new\":[1]}",
			   "{\"schema\":\"meshvpn.status/1\",\"state\":\"relay\",\"new\":[1]}\n"));
	EXPECT_TRUE(prints("-p status", "{\"state\":\"relay\"}", "{\n  \"schema\": \"meshvpn.status/1\",\n  \"state\": \"relay\"\n}\n"));
}

#define CIRCUITS "{\"circuits\":[{\"id\":7,\"state\":\"open\",\"phase\":\"live\",\"current\":true,\"suspect\":false,\"path\":[" \
	"{\"nick\":\"birk\",\"id\":\"" ID1 "\",\"cc\":\"SE\"},{\"nick\":null,\"id\":\"" ID2 "\"},{\"nick\":\"alpine7\",\"id\":\"" ID2 \
	"\",\"cc\":\"CH\"}],\"hops\":3,\"session\":1,\"age_s\":180,\"last_rx_unix\":null,\"rtt_us\":81000,\"rx_bytes\":4300000," \
	"\"tx_bytes\":999,\"rx_cells\":12345,\"tx_cells\":9},{\"id\":12,\"state\":\"building\",\"phase\":\"extend\",\"path\":[" \
	"{\"nick\":\"birk\",\"id\":\"" ID1 "\"}],\"hops\":0,\"session\":null,\"age_s\":0,\"rtt_us\":null,\"rx_bytes\":0,\"tx_bytes\":0}]," \
	"\"sessions\":[{\"id\":1,\"current\":true,\"exit\":{\"nick\":\"alpine7\",\"id\":\"" ID2 "\"},\"addresses\":[\"198.18.7.9\"]," \
	"\"age_s\":90000,\"mtu\":1420,\"policy\":\"accept *:80\"}]," \
	"\"relayed\":[{\"role\":\"relay\",\"age_s\":5,\"rx_bytes\":2048,\"tx_bytes\":3}],\"total\":{\"circuits\":2,\"relayed\":4}}"

TEST_F(ctl, circuits)
{
	EXPECT_TRUE(prints("circuit show", CIRCUITS,
			   "7: open current  se:birk > aa11223344 > ch:alpine7\n"
			   "    age 3m  rtt 81.0 ms  session 1  received 4.10 MiB, sent 999 B\n"
			   "12: building  birk\n"
			   "    age 0s  rtt -  received 0 B, sent 0 B\n"
			   "session 1: current exit alpine7  198.18.7.9  age 1d\n"
			   "relayed for others: 4 circuits (-s lists them)\n"));
	canned = CIRCUITS;
	EXPECT_EQ(0, run("-br ci sh 7"));
	EXPECT_STREQ("circuit.show {\"id\":7}", asked);
	EXPECT_EQ(0, run("circuit show --limit=5 --show-secrets"));
	EXPECT_STREQ("circuit.show {\"limit\":5,\"secrets\":true}", asked);
	EXPECT_NE(NULL, strstr(output, "7: open"));
	EXPECT_TRUE(prints("ci show", "{\"circuits\":[],\"relayed\":[]}", "no circuits\n"));
	EXPECT_TRUE(prints("circuit close 7", "{\"id\":7}", "circuit 7 is being closed\n"));
	EXPECT_STREQ("circuit.close {\"id\":7}", asked);
	EXPECT_TRUE(prints("circuit close session 7", "{\"session\":7}", "session 7 is being closed\n"));
	EXPECT_STREQ("circuit.close {\"session\":7}", asked);
}

TEST_F(ctl, brief_circuits_are_aligned)
{
	canned = CIRCUITS;
	ASSERT_EQ(0, run("-br circuit show"));
	EXPECT_STREQ("ID  STATE     AGE  PATH                                   RTT     RX   TX\n"
		     "7*  open       3m  se:birk > aa11223344 > ch:alpine7  81.0 ms  4.10M  999\n"
		     "12  building   0s  birk                                     -      0    0\n", output);
	ASSERT_EQ(0, run("-s circuit show"));
	EXPECT_NE(NULL, strstr(output, "ROLE   AGE     RX  TX\nrelay   5s  2.00K   3\n"));
	EXPECT_NE(NULL, strstr(output, "    phase live  hops 3  last sign of life never\n    cells received 12 345, sent 9\n"));
	EXPECT_NE(NULL, strstr(output, "    mtu 1420  policy accept *:80\n"));
}

TEST_F(ctl, trace)
{
	EXPECT_TRUE(prints("circuit trace hops 2 exit fina",
			   "{\"hops\":2,\"reached\":1,\"path\":[{\"nick\":\"anna\",\"id\":\"" ID1 "\",\"rtt_us\":432},{\"nick\":\"fina\",\"id\":\"" ID2
			   "\",\"rtt_us\":null}],\"failure\":{\"reason\":\"refused\",\"refusal\":\"limit\",\"hop\":1,\"phase\":\"extend\"}}",
			   "HOP  RELAY  ID              RTT\n"
			   "  1  anna   0011223344  0.43 ms\n"
			   "  2  fina   aa11223344        -\n"
			   "stopped at hop 2 (fina): refused, refused: limit in extend\n"));
	EXPECT_STREQ("circuit.trace {\"hops\":2,\"exit\":\"fina\"}", asked);
}

TEST_F(ctl, relays)
{
	char answer[2000];
	long now = time(NULL);

	snprintf(answer, sizeof(answer), "{\"relays\":[{\"nick\":\"anna\",\"id\":\"" ID1 "\",\"cc\":\"CH\",\"flags\":[\"relay\",\"exit\"],"
		 "\"guard\":true,\"bandwidth\":12500000,\"policy\":\"accept *:80\",\"published_unix\":%ld,\"expires_unix\":%ld,"
		 "\"link\":{\"up\":true,\"rtt_us\":12000,\"class\":\"large\"},\"endpoints\":[\"192.0.2.1:4470\"]},"
		 "{\"nick\":null,\"id\":\"" ID2 "\",\"flags\":[\"relay\"],\"expires_unix\":%ld,\"published_unix\":%ld,\"link\":null}],"
		 "\"total\":3}", now - 2 * 86400 - 60, now + 3 * 86400 + 1800, now + 3 * 86400 + 1800, now);
	EXPECT_TRUE(prints("relay", answer,
			   "RELAY       ID          FLAGS             BANDWIDTH  EXPIRES       LINK\n"
			   "CH anna     0011223344  relay exit guard    11.9M/s  in 3 days  12.0 ms\n"
			   "aa11223344  aa11223344  relay                     -  in 3 days        -\n"
			   "1 more: limit 3\n"));
	EXPECT_TRUE(prints("-s relay show", "{\"relays\":[],\"total\":0}", "no relay is known; next: meshvpn-ctl descriptor import FILE\n"));
}

TEST_F(ctl, device_and_counters)
{
	EXPECT_TRUE(prints("dev", "{\"devices\":[{\"name\":\"mesh0\",\"role\":\"origin\",\"mtu\":1420,\"queues\":1,\"addresses\":[]}],"
			   "\"datapath\":{\"name\":\"user\",\"why\":\"x\",\"lanes\":1,\"caps\":[\"device\"],\"io\":\"epoll\"},\"objects\":"
			   "{\"devices\":1,\"links\":2,\"sessions\":3,\"circuits\":4},\"traffic\":{\"rx_cells\":10000,\"rx_bytes\":13680000},"
			   "\"drops\":{\"replay\":3,\"layer\":0}}",
			   "mesh0: origin  mtu 1420  queues 1\n"
			   "datapath user: 1 lane, epoll (x)\n"
			   "    can: device\n"
			   "    holds: devices 1, links 2, sessions 3, circuits 4\n"
			   "TRAFFIC      NUMBER     BYTES\n"
			   "received     10 000  13.0 MiB\n"
			   "sent              0       0 B\n"
			   "to device         0       0 B\n"
			   "from device       0       0 B\n"
			   "relayed           0         -\n"
			   "to daemon         0         -\n"
			   "DROPS\n"
			   "  replay  3\n"));
	EXPECT_TRUE(prints("stats", "{\"gauges\":{\"links\":2},\"counters\":{\"drops\":{\"replay\":3,\"layer\":0}}}",
			   "links 2\ndrops.replay  3\n"));
}

TEST_F(ctl, configuration)
{
	EXPECT_TRUE(prints("config reload", "{\"changed\":[\"Relay.MaxCircuits\"],\"restart\":[\"Node.ListenPort\"]}",
			   "taken over: Relay.MaxCircuits\nafter a restart only: Node.ListenPort\n"));
	canned = "{\"path\":\"/x\",\"loaded_unix\":0,\"keys\":[{\"section\":\"Node\",\"name\":\"A\",\"value\":\"1\"},"
		 "{\"section\":\"Node\",\"name\":\"B\",\"value\":\"2\"},{\"section\":\"Exit\",\"name\":\"C\",\"value\":\"3\"}]}";
	ASSERT_EQ(0, run("config"));
	EXPECT_NE(NULL, strstr(output, "\n[Node]\nA = 1\nB = 2\n[Exit]\nC = 3\n"));
}

/* Strings from strangers do not steer the terminal. */
TEST_F(ctl, monitor)
{
	ASSERT_EQ(0, run("monitor --timeout 0.3"));
	EXPECT_NE(NULL, strstr(output, "  circuit-live  circuit 7  took 12.3 ms  relay anna  text a?[31mb??c\n"));
	ASSERT_EQ(0, run("-j monitor --timeout 0.3"));
	EXPECT_EQ(&output[0], strstr(output, "{\"schema\":\"meshvpn.monitor/1\",\"event\":\"hello\"}\n"));
	EXPECT_NE(NULL, strstr(output, "\"text\":\"a\\u001B[31mb\\u009Bc\""));
}

/* ---- exit codes and errors ---- */

TEST_F(ctl, exit_codes)
{
	static const struct {
		enum control_code code;
		int exit;
	} codes[] = {
		{ CONTROL_FAILED, 1 }, { CONTROL_METHOD, 1 }, { CONTROL_PARAMETER, 2 }, { CONTROL_DENIED, 4 },
		{ CONTROL_NOT_FOUND, 1 }, { CONTROL_NOT_CONNECTED, 5 }, { CONTROL_UNSUPPORTED, 1 }, { CONTROL_BUSY, 1 },
		{ CONTROL_TIMEOUT, 7 }, { CONTROL_INTERNAL, 1 },
	};
	char answer[20];
	u32 i;

	for (i = 0; i < ARRAY_SIZE(codes); i++) {
		snprintf(answer, sizeof(answer), "error %d", codes[i].code);
		canned = answer;
		EXPECT_EQ(codes[i].exit, run("circuit new"));
		EXPECT_STREQ("meshvpn-ctl: the thing: the cause; next: the next step\n", output);
	}
	EXPECT_EQ(1, run("-j circuit new"));
	EXPECT_STREQ("{\"error\":{\"code\":\"internal\",\"message\":\"the thing: the cause\",\"hint\":\"the next step\"}}\n", output);
	EXPECT_EQ(7, run("down --timeout 0.1"));
	EXPECT_EQ(3, run("--socket /tmp/there/is/none status"));
	EXPECT_EQ(3, run("-j --socket /tmp/there/is/none status"));
	EXPECT_EQ(&output[0], strstr(output, "{\"error\":{\"code\":\"daemon-down\""));
}

TEST_F(ctl, usage)
{
	static const char *const bad[] = {
		"", "frob", "s", "circuit frob", "circuit show x", "circuit show 1 2", "circuit close", "circuit trace hops", "--frob",
		"circuit trace hops 2 hops 3", "status --timeout x", "-c=blue status", "status --wait nowhere", "key gen", "--socket",
		"circuit show -1", "circuit show 99999999999999999999",
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(2, run(bad[i])) TH_LOG("%u: %s", i, output);
	EXPECT_EQ(0, run("help"));
	EXPECT_EQ(0, run("circuit help"));
	EXPECT_NE(NULL, strstr(output, "meshvpn-ctl circuit trace [hops N] [exit RELAY]\n"));
	EXPECT_EQ(0, run("circuit trace help"));
	EXPECT_EQ(0, run("help circuit trace"));
	EXPECT_EQ(NULL, strstr(output, "circuit new"));
	EXPECT_EQ(0, run("__words circuit"));
	EXPECT_STREQ("show\nnew\nclose\ntrace\nhelp\n", output);
}

TEST_F(ctl, waiting)
{
	connect_after = 3;
	status_calls = 0;
	EXPECT_EQ(0, run("-br status --wait connected --timeout 5"));
	EXPECT_EQ(&output[0], strstr(output, "connected"));
	connect_after = INT_MAX;
	EXPECT_EQ(7, run("status --wait connected --timeout 0.3"));
	EXPECT_STREQ("meshvpn-ctl: still connecting, not connected; next: meshvpn-ctl status\n", output);
	EXPECT_EQ(5, run("status --exit-code"));
	connect_after = 0;
	canned = "{\"state\":\"connected\"}";
	EXPECT_EQ(0, run("-br up --wait"));
	EXPECT_EQ(0, run("status --exit-code"));
}

/* ---- without a daemon ---- */

TEST_F(ctl, keys_and_descriptors_in_files)
{
	char args[300], id[65];
	FILE *f;

	snprintf(args, sizeof(args), "-j key gen %s bits 3", folder);
	ASSERT_EQ(0, run(args));
	ASSERT_EQ(1, sscanf(output, "{\"schema\":\"meshvpn.key.gen/1\",\"id\":\"%64[0-9a-f]\",", id));
	EXPECT_EQ(NULL, strstr(output, "identity\":"));
	EXPECT_EQ(1, run(args));	/* never over another one */
	snprintf(args, sizeof(args), "key show %s", folder);
	EXPECT_EQ(0, run(args));
	EXPECT_NE(NULL, strstr(output, id));
	EXPECT_EQ(NULL, strstr(output, "identity:"));
	snprintf(args, sizeof(args), "--show-secrets key show %s", folder);
	EXPECT_EQ(0, run(args));
	EXPECT_NE(NULL, strstr(output, "identity:"));
	EXPECT_EQ(1, run("key show /tmp/there/is/none"));

	snprintf(args, sizeof(args), "%s/bad", folder);
	f = fopen(args, "w");
	fputs("AAAA not a descriptor\n", f);
	fclose(f);
	snprintf(args, sizeof(args), "descriptor import %s/bad", folder);
	EXPECT_EQ(1, run(args));
	EXPECT_EQ(1, run("descriptor show file /tmp/there/is/none"));
	snprintf(args, sizeof(args), "config check %s/bad", folder);
	EXPECT_EQ(1, run(args));
}

TEST_HARNESS_MAIN
