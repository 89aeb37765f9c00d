// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The configuration: a table of wrong lines and what is said of each, right ones and what they
 * set, all errors of a file at once, files and drop-ins, and that the table itself is sound.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <kselftest_harness.h>
#include <control/config.h>

static struct config c;
static struct config_errors errors;

static int load(const char *text)
{
	return config_load_text(&c, text, strlen(text), &errors);
}

/* One wrong line each, the second of its section, and a part of what must be said. */
static const struct {
	const char *section, *line, *says;
} wrong[] = {
	{ "Node", "ListenPrt = 1", "did you mean ListenPort?" },
	{ "Node", "Hops = 3", "it belongs to [Client]" },
	{ "Node", "Qwertyuiop = 3", "no such key in [Node]" },
	{ "Node", "ListenPort = 0", "must be from 1 to" },
	{ "Node", "ListenPort = 70000", "must be from 1 to" },
	{ "Node", "ListenPort = 99999999999999999999999", "must be from 1 to" },
	{ "Node", "ListenPort = -1", "expected a number" },
	{ "Node", "ListenPort = 44x", "expected a number" },
	{ "Node", "ListenPort =", "has no value" },
	{ "Node", "ListenPort = 4470 # the port", "comments stand on lines of their own" },
	{ "Node", "StateDirectory = state", "absolute path" },
	{ "Node", "Nickname = al pine", "letters, digits" },
	{ "Node", "Nickname = 123456789012345678901234567890123", "at most 32" },
	{ "Node", "Address = example.org", "expected an address" },
	{ "Node", "Address = 1.2.3.4:0x50", "expected an address" },
	{ "Node", "ListenAddress = 1.2.3.4:5", "expected an address of this machine" },
	{ "Node", "Datapath = kernel", "expected one of: auto user kmod" },
	{ "Node", "LogLevel = loud", "expected one of: error warning notice info debug" },
	{ "Node", "FirewallMark = 0", "must not be 0" },
	{ "Node", "FirewallMark = 0x6d000000/0x0f000000", "within its mask" },
	{ "Node", "InnerPool4 = 198.18.0.1/15", "bits set behind" },
	{ "Node", "InnerPool4 = 198.18.0.0/30", "at most 24 bits" },
	{ "Node", "InnerPool4 = 0.0.0.0/1", "at least 8" },
	{ "Node", "InnerPool6 = 8000::/1", "at least 32" },
	{ "Node", "InnerPool6 = 198.18.0.0/15", "expected an IPv6 prefix" },
	{ "Node", "OnionKeyLife = 7", "expected a time" },
	{ "Node", "OnionKeyLife = 1s", "out of range" },
	{ "Node", "IdWorkBits = 41", "from 0 to 40" },
	{ "Client", "Enable = perhaps", "expected yes or no" },
	{ "Client", "Hops = 11", "from 1 to 10" },
	{ "Client", "Interface = eth0", "must begin with \"mesh\"" },
	{ "Client", "Interface = mesh0123456789012", "at most 15" },
	{ "Client", "Route = some", "expected one of: all bound" },
	{ "Client", "Exit = a b", "nickname or a node id" },
	{ "Client", "Destination = 10.0.0.0", "expected a prefix" },
	{ "Client", "DataClass = small", "expected one of: large medium" },
	{ "Client", "MTU = 1279", "from 1280 to 1500" },
	{ "Relay", "BandwidthRate = 800", "expected a rate" },
	{ "Relay", "BandwidthRate = fast", "expected a rate" },
	{ "Relay", "BandwidthBurst = 1 Gbit", "expected a size" },
	{ "Exit", "Policy = allow *:*", "expected accept or reject" },
	{ "Exit", "Policy = accept *", "before the ports" },
	{ "Exit", "Policy = accept 1.2.3.4/33:*", "before the ports" },
	{ "Exit", "Policy = accept 1.2.3.4/24:*", "before the ports" },
	{ "Exit", "Policy = accept *:0", "expected *, a port" },
	{ "Exit", "Policy = accept *:20-10", "expected *, a port" },
	{ "Exit", "Policy = accept *:80;443", "expected *, a port" },
	{ "Exit", "Policy = accept *:65536", "expected *, a port" },
	{ "Exit", "Resolver = dns.example", "expected an address" },
	{ "Node", "no equal sign", "Equal sign" },
};

TEST(wrong_lines_are_told)
{
	char text[256];
	u32 i;

	for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		snprintf(text, sizeof(text), "# a comment\n[%s]\n%s\n", wrong[i].section, wrong[i].line);
		ASSERT_EQ(-EINVAL, load(text)) TH_LOG("%s", wrong[i].line);
		ASSERT_EQ(1, errors.count) TH_LOG("%s: %s", wrong[i].line, errors.error[1].text);
		EXPECT_EQ(3, errors.error[0].line) TH_LOG("%s", wrong[i].line);
		EXPECT_NE(NULL, strstr(errors.error[0].text, wrong[i].says))
			TH_LOG("%s: %s", wrong[i].line, errors.error[0].text);
	}
}

TEST(all_errors_at_once_in_order)
{
	ASSERT_EQ(-EINVAL, load("[Node]\nListenPort = x\nbroken\n[Client]\nHops = 99\nAgain\n[Exits]\nMTU = 1400\n[Relay]\n"
				"Enable = yes\nEnable = no\n"));
	ASSERT_EQ(6, errors.count);
	EXPECT_EQ(2, errors.error[0].line);
	EXPECT_EQ(3, errors.error[1].line);
	EXPECT_EQ(5, errors.error[2].line);
	EXPECT_EQ(6, errors.error[3].line);
	EXPECT_EQ(8, errors.error[4].line);
	EXPECT_NE(NULL, strstr(errors.error[4].text, "did you mean [Exit]?"));
	EXPECT_EQ(11, errors.error[5].line);
	EXPECT_NE(NULL, strstr(errors.error[5].text, "given twice, first on line 10"));
}

TEST(hundreds_of_errors_do_no_harm)
{
	static char text[20000];
	u32 i;

	strcpy(text, "[Node]\n");
	for (i = 0; i < 500; i++)
		sprintf(text + strlen(text), "Nonsense%u = 1\n", i);
	ASSERT_EQ(-EINVAL, load(text));
	EXPECT_EQ(500, errors.count);
}

TEST(values_arrive)
{
	ASSERT_EQ(0, load("[Node]\nListenPort = 99\nAddress = 192.0.2.1\nAddress = [2001:db8::1]:7\nPrivateNetwork = on\n"
			  "FirewallMark = 0x10/0xff\nOnionKeyLife = 1.5h\nLogLevel = debug\nnickname = birk\n"
			  "[Client]\nHops = 4\nExit = alpine7\nExit = birk\nDestination = 10.0.0.0/8\nRotateBytes = 2GiB\n"
			  "  DataClass = medium\n[Relay]\nEnable = yes\nBandwidthRate = 800Mbit\nBandwidthBurst = 10MB\n"
			  "LinkIdle = 90s\n[Exit]\nEnable = yes\nResolver = 9.9.9.9\nResolver = 2620:fe::fe\n"));
	EXPECT_EQ(99, c.port);
	ASSERT_EQ(2, c.address_count);
	EXPECT_EQ(0, c.address[0].port);
	EXPECT_EQ(7, c.address[1].port);
	EXPECT_EQ(AF_INET6, c.address[1].family);
	EXPECT_TRUE(c.private_network);
	EXPECT_TRUE(c.links.private_network);
	EXPECT_EQ(0, c.id_work_bits);
	EXPECT_EQ(0x10, c.mark);
	EXPECT_EQ(0xff, c.mark_mask);
	EXPECT_EQ(5400 * NSEC_PER_SEC, c.onion_life_ns);
	EXPECT_EQ(4, c.log_level);
	EXPECT_STREQ("birk", c.nickname);
	EXPECT_EQ(4, c.client.hops);
	ASSERT_EQ(2, c.exits.count);
	EXPECT_STREQ("birk", c.exits.name[1]);
	ASSERT_EQ(1, c.client.prefix_count);
	EXPECT_EQ(8, c.client.prefixes[0].bits);
	EXPECT_EQ(2ULL << 30, c.client.rotate_bytes);
	EXPECT_EQ(MV_MEDIUM, c.client.origin.data_class);
	EXPECT_EQ(100000000, c.datapath.rate);
	EXPECT_EQ(10000000, c.datapath.burst);
	EXPECT_EQ(90 * NSEC_PER_SEC, c.links.idle_ns);
	EXPECT_TRUE(c.circuits.exit && c.circuits.relay && c.links.responder && c.links.authenticate);
	EXPECT_EQ(2, c.resolver_count);
	EXPECT_EQ(15, c.exit.pool4_bits);
	EXPECT_EQ(48, c.client.pool6_bits);
}

TEST(defaults_of_an_empty_file)
{
	ASSERT_EQ(0, load(""));
	EXPECT_EQ(4470, c.port);
	EXPECT_EQ(20, c.id_work_bits);
	EXPECT_EQ(3, c.client.hops);
	EXPECT_FALSE(c.client_enable || c.relay_enable || c.exit_enable || c.private_network);
	EXPECT_TRUE(c.auto_connect && c.path_network_rule && c.seccomp);
	EXPECT_EQ(250 * NSEC_PER_MSEC, c.client.retry_ns);
	EXPECT_STREQ("/var/lib/meshvpn/descriptors", c.descriptor_directory);
	ASSERT_EQ(0, load("\n\n# only a comment\n\n"));
}

TEST(what_only_the_whole_shows)
{
	EXPECT_EQ(-EINVAL, load("[Exit]\nEnable = yes\n"));
	EXPECT_NE(NULL, strstr(errors.error[0].text, "needs [Relay]"));
	EXPECT_EQ(-EINVAL, load("[Client]\nNoIPv4 = yes\nNoIPv6 = yes\n"));
	EXPECT_EQ(-EINVAL, load("Stray = 1\n"));
	EXPECT_EQ(-EINVAL, config_load_text(&c, "[Node]\n\0x", 9, &errors));
}

TEST(policy_becomes_rules)
{
	const struct netd_policy_rule *r = c.exit_rules.rule;

	ASSERT_EQ(0, load("[Exit]\nPolicy = reject 10.0.0.0/8:*\nPolicy = accept *:80,8000-8010\n"
			  "Policy = reject [2001:db8::]/32:25\nPolicy = accept 192.0.2.1:443\n"));
	ASSERT_EQ(5, c.exit_rules.rules);
	EXPECT_EQ(NETD_REJECT, r[0].verdict);
	EXPECT_EQ(AF_INET, r[0].family);
	EXPECT_EQ(8, r[0].bits);
	EXPECT_EQ(0, r[0].port_from);
	EXPECT_EQ(65535, r[0].port_to);
	EXPECT_EQ(NETD_ACCEPT, r[1].verdict);
	EXPECT_EQ(0, r[1].family);
	EXPECT_EQ(80, r[1].port_from);
	EXPECT_EQ(80, r[1].port_to);
	EXPECT_EQ(8000, r[2].port_from);
	EXPECT_EQ(8010, r[2].port_to);
	EXPECT_EQ(AF_INET6, r[3].family);
	EXPECT_EQ(32, r[3].bits);
	EXPECT_EQ(32, r[4].bits);
	EXPECT_EQ(NETD_REJECT, c.exit_rules.default_verdict);
	EXPECT_STREQ("reject 10.0.0.0/8:*; accept *:80,8000-8010; reject [2001:db8::]/32:25; accept 192.0.2.1:443",
		     c.policy_text);
}

static int write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	return !f || fputs(text, f) < 0 || fclose(f);
}

static void count_given(void *arg, const struct config_key *key, const char *value)
{
	++*(u32 *)arg;
}

TEST(files_and_dropins)
{
	char dir[] = "/tmp/meshvpn-config-XXXXXX", main_[64], sub[80], one[96], two[96];
	u32 given = 0;

	ASSERT_NE(NULL, mkdtemp(dir));
	snprintf(main_, sizeof(main_), "%s/m.conf", dir);
	snprintf(sub, sizeof(sub), "%s.d", main_);
	snprintf(one, sizeof(one), "%s/10.conf", sub);
	snprintf(two, sizeof(two), "%s/20.conf", sub);
	EXPECT_EQ(-EINVAL, config_load(&c, main_, &errors));
	EXPECT_NE(NULL, strstr(errors.error[0].text, "cannot be read"));
	ASSERT_EQ(0, write_text(main_, "[Node]\nListenPort = 1\nAddress = 192.0.2.1\n"));
	ASSERT_EQ(0, mkdir(sub, 0700));
	ASSERT_EQ(0, write_text(one, "[Node]\nListenPort = 2\nAddress = 192.0.2.2\n"));
	ASSERT_EQ(0, write_text(two, "[Node]\nListenPort = 3\n"));
	EXPECT_EQ(0, config_load(&c, main_, &errors));
	EXPECT_EQ(3, c.port);
	EXPECT_EQ(2, c.address_count);
	config_given(main_, count_given, &given);
	EXPECT_EQ(5, given);
	ASSERT_EQ(0, write_text(two, "[Node]\n\nBad = 3\n"));
	EXPECT_EQ(-EINVAL, config_load(&c, main_, &errors));
	EXPECT_STREQ(two, errors.error[0].file);
	EXPECT_EQ(3, errors.error[0].line);
	unlink(two);
	unlink(one);
	rmdir(sub);
	unlink(main_);
	EXPECT_EQ(0, rmdir(dir));
}

TEST(the_table_is_sound)
{
	const struct config_key *k, *l;
	char text[256];

	for (k = config_keys; k->name; k++) {
		ASSERT_NE(NULL, k->help);
		ASSERT_LE(k->offset + k->size, sizeof(c));
		ASSERT_TRUE(strlen(k->help) > 10) TH_LOG("%s", k->name);
		for (l = config_keys; l < k; l++)
			ASSERT_TRUE(strcmp(k->section, l->section) || strcmp(k->name, l->name)) TH_LOG("%s", k->name);
		if (!k->value)
			continue;
		/* a default that the parser refuses would be silently something else */
		snprintf(text, sizeof(text), "[%s]\n%s = %s\n", k->section, k->name, k->value);
		ASSERT_EQ(0, load(text)) TH_LOG("%s: %s", text, errors.error[0].text);
	}
}

TEST(the_manual_names_every_key)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	const struct config_key *k;

	ASSERT_NE(NULL, f);
	config_manual(f);
	fclose(f);
	for (k = config_keys; k->name; k++)
		EXPECT_NE(NULL, strstr(text, k->name));
	free(text);
}

TEST(the_examples_are_right)
{
	static const char *const examples[] = { "client", "relay", "exit" };
	char path[64];
	u32 i;

	if (access("Documentation/examples", R_OK))
		SKIP(return, "not at the top of the tree");
	for (i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "Documentation/examples/%s.conf", examples[i]);
		EXPECT_EQ(0, config_load(&c, path, &errors)) TH_LOG("%s", path);
		EXPECT_EQ(i == 0, c.client_enable);
		EXPECT_EQ(i == 2, c.exit_enable);
	}
}

/* From the top of the tree, as make does; elsewhere there is nothing to compare. */
TEST(the_manual_in_the_tree_is_this_one)
{
	static char tree[1 << 17];
	char *text = NULL;
	size_t len, n;
	FILE *f = fopen("Documentation/man/meshvpnd.conf.5", "r");

	if (!f)
		SKIP(return, "not at the top of the tree");
	n = fread(tree, 1, sizeof(tree) - 1, f);
	fclose(f);
	f = open_memstream(&text, &len);
	ASSERT_NE(NULL, f);
	config_manual(f);
	fclose(f);
	EXPECT_TRUE(n == len && !memcmp(tree, text, n)) TH_LOG("run: build/meshvpnd --config-manual >Documentation/man/meshvpnd.conf.5");
	free(text);
}

TEST_HARNESS_MAIN
