// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The privileged helper, driven through its real socketpair in a network namespace of its own:
 * what it makes is there, what it must refuse is refused, and everything is as before when the
 * daemon's end closes, and after the helper was killed and a next one cleans up.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/bpf.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kselftest_harness.h>
#include <sys/netd.h>

static char program[PATH_MAX];

static void find_helper(void)
{
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 32);

	program[n > 0 ? n : 0] = 0;
	strcat(dirname(dirname(dirname(dirname(program)))), "/meshvpn-netd");
}

/* Does the command's output have the text? */
static bool says(const char *command, const char *text)
{
	char out[16384];
	FILE *f = popen(command, "r");
	size_t n = fread(out, 1, sizeof(out) - 1, f);

	out[n] = 0;
	pclose(f);
	return strstr(out, text);
}

static int value(const char *path)
{
	int v = -1;
	FILE *f = fopen(path, "r");

	if (f) {
		if (fscanf(f, "%d", &v) != 1)
			v = -1;
		fclose(f);
	}
	return v;
}

static const struct netd_scope all_roles = {
	.client = "mesh0", .exit = "meshx0", .table = 4470, .all = true,
	.pool4 = { 198, 18 }, .pool4_bits = 15, .pool6 = { 0xfd, 1 }, .pool6_bits = 48,
};

FIXTURE(helper) {
	struct netd *netd;
	int fds[NETD_QUEUES_MAX];
};

FIXTURE_SETUP(helper)
{
	find_helper();
	ASSERT_EQ(0, unshare(CLONE_NEWNET | CLONE_NEWNS));
	ASSERT_EQ(0, mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	ASSERT_EQ(0, mkdir("/run/meshvpn", 0755) && errno != EEXIST);
	ASSERT_EQ(0, mount("none", "/run/meshvpn", "tmpfs", 0, NULL));
	ASSERT_EQ(0, system("ip link set lo up && ip link add up0 type veth peer name up1 && ip link set up0 up"));
	ASSERT_EQ(0, netd_start(&self->netd, program, &all_roles));
	ASSERT_EQ(0, netd_cleanup(self->netd)) TH_LOG("%s", netd_error(self->netd));
}

FIXTURE_TEARDOWN(helper)
{
	netd_stop(self->netd);
}

static struct netd_address address4(const char *text)
{
	struct netd_address a = { .device = "mesh0", .family = AF_INET, .bits = 32 };

	inet_pton(AF_INET, text, a.addr);
	return a;
}

static struct netd_routing routing(bool all)
{
	struct netd_routing r = {
		.device = "mesh0", .table = 4470, .mark = 0x6d000000, .mark_mask = 0xff000000, .all = all, .has4 = true,
	};

	inet_pton(AF_INET, "198.18.0.7", r.source4);
	return r;
}

static struct netd_exit exit_conf(void)
{
	struct netd_exit e = {
		.device = "meshx0", .pool4 = { 198, 18 }, .pool4_bits = 15, .pool6 = { 0xfd, 1 }, .pool6_bits = 48,
		.flows_per_address = 100, .new_per_second = 50, .rules = 1, .default_verdict = NETD_ACCEPT,
		.rule[0] = { .verdict = NETD_REJECT, .port_from = 25, .port_to = 25 },
	};

	return e;
}

TEST_F(helper, sockets)
{
	int a[4], b[4];

	ASSERT_EQ(0, netd_sockets(self->netd, NULL, 4470, 7, 4, a));
	EXPECT_TRUE(says("ss -Hulnp", ":4473"));
	EXPECT_EQ(-EADDRINUSE, netd_sockets(self->netd, NULL, 4471, 7, 1, b));
	EXPECT_NE(NULL, strstr(netd_error(self->netd), "4471"));
	EXPECT_EQ(-EINVAL, netd_sockets(self->netd, NULL, 5000, 7, 17, b));
	EXPECT_EQ(0, netd_sockets(self->netd, NULL, 0, 0, 3, b));
}

TEST_F(helper, device)
{
	u32 ifindex;

	ASSERT_EQ(0, netd_device_new(self->netd, "mesh0", 1420, 2, NETD_STEER_NONE, self->fds, NULL, &ifindex));
	EXPECT_EQ(ifindex, if_nametoindex("mesh0"));
	EXPECT_TRUE(says("ip link show mesh0", "mtu 1420"));
	EXPECT_FALSE(says("ip -6 addr show mesh0", "fe80"));
	EXPECT_EQ(-EEXIST, netd_device_new(self->netd, "mesh0", 1420, 1, NETD_STEER_NONE, self->fds + 2, NULL, &ifindex));
	EXPECT_EQ(-EPERM, netd_device_new(self->netd, "eth0", 1420, 1, NETD_STEER_NONE, self->fds + 2, NULL, &ifindex));
	EXPECT_EQ(-EPERM, netd_device_new(self->netd, "mesh/../x", 1420, 1, NETD_STEER_NONE, self->fds + 2, NULL, &ifindex));
	EXPECT_EQ(-EINVAL, netd_device_new(self->netd, "meshx0", 100, 1, NETD_STEER_NONE, self->fds + 2, NULL, &ifindex));
	EXPECT_EQ(-EPERM, netd_device_del(self->netd, "mesh9"));
	EXPECT_EQ(-ENOENT, netd_device_del(self->netd, "meshx0"));
}

static int map_put(int map, const u8 key[16], u32 queue)
{
	union bpf_attr attr = { .map_fd = map, .key = (u64)(uintptr_t)key, .value = (u64)(uintptr_t)&queue };

	return (int)syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr));
}

/* Packets with this source that come out of a queue: each queue's in @got. */
static void count_queues(const char *command, const int *fds, u32 *got)
{
	char packet[2048];
	u32 i;

	got[0] = got[1] = 0;
	if (system(command))
		return;
	for (i = 0; i < 2; i++)
		while (read(fds[i], packet, sizeof(packet)) > 0)
			got[i]++;
}

TEST_F(helper, steering)
{
	u8 key4[16] = { [12] = 198, 18, 0, 7 }, key6[16] = { 0xfd, 1, [15] = 7 };
	struct netd_address a = address4("198.18.0.7"), a6 = { .device = "mesh0", .family = AF_INET6, .bits = 128 };
	const char *ping4 = "ping -c 4 -i 0.01 -w 1 -I 198.18.0.7 192.0.2.1 >/dev/null; true";
	const char *ping6 = "ip -6 route add default dev mesh0; ping -6 -c 4 -i 0.01 -w 1 -I fd01::7 2600::1 >/dev/null; true";
	struct netd_routing r = routing(false);
	u32 got[2];
	int map;

	memcpy(a6.addr, key6, 16);
	ASSERT_EQ(0, netd_device_new(self->netd, "mesh0", 1420, 2, NETD_STEER_SOURCE, self->fds, &map, NULL));
	ASSERT_LE(0, map);
	ASSERT_EQ(0, netd_address_add(self->netd, &a));
	ASSERT_EQ(0, netd_address_add(self->netd, &a6));
	ASSERT_EQ(0, netd_routing_set(self->netd, &r));
	count_queues("true", self->fds, got);
	count_queues(ping4, self->fds, got);
	EXPECT_LE(4, got[0]);		/* not in the map */
	EXPECT_EQ(0, got[1]);
	ASSERT_EQ(0, map_put(map, key4, 1));
	count_queues(ping4, self->fds, got);
	EXPECT_EQ(0, got[0]);
	EXPECT_LE(4, got[1]);
	ASSERT_EQ(0, map_put(map, key6, 1));
	count_queues(ping6, self->fds, got);
	EXPECT_EQ(0, got[0]);
	EXPECT_LE(4, got[1]);
	EXPECT_EQ(-EINVAL, netd_device_new(self->netd, "meshx0", 1420, 1, 7, self->fds + 2, NULL, NULL));
	close(map);
}

TEST_F(helper, routing)
{
	struct netd_address a = address4("198.18.0.7"), b = address4("198.18.0.8");
	struct netd_routing r = routing(false), all = routing(true);

	EXPECT_EQ(-ENOENT, netd_address_add(self->netd, &a));
	ASSERT_EQ(0, netd_device_new(self->netd, "mesh0", 1420, 1, NETD_STEER_NONE, self->fds, NULL, NULL));
	ASSERT_EQ(0, netd_address_add(self->netd, &a)) TH_LOG("%s", netd_error(self->netd));
	ASSERT_EQ(0, netd_routing_set(self->netd, &r)) TH_LOG("%s", netd_error(self->netd));
	ASSERT_EQ(0, netd_address_add(self->netd, &b)) TH_LOG("%s", netd_error(self->netd));
	EXPECT_TRUE(says("ip route get 192.0.2.1 from 198.18.0.8", "dev mesh0"));
	EXPECT_TRUE(says("ip route get 192.0.2.1 oif mesh0", "src 198.18.0.7"));
	EXPECT_FALSE(says("ip route get 192.0.2.1 2>&1", "mesh0"));
	ASSERT_EQ(0, netd_routing_set(self->netd, &all)) TH_LOG("%s", netd_error(self->netd));
	EXPECT_TRUE(says("ip route get 192.0.2.1", "dev mesh0"));
	EXPECT_FALSE(says("ip route get 192.0.2.1 mark 0x6d000000 2>&1", "mesh0"));
	/* no IPv6 session: unreachable, not leaked */
	EXPECT_TRUE(says("ip -6 route show table 4470", "unreachable default"));
	ASSERT_EQ(0, netd_routing_set(self->netd, &r));
	EXPECT_FALSE(says("ip route get 192.0.2.1 2>&1", "mesh0"));
	ASSERT_EQ(0, netd_routing_del(self->netd, "mesh0"));
	EXPECT_FALSE(says("ip rule; ip -6 rule", "4470"));
	r.table = 254;
	EXPECT_EQ(-EINVAL, netd_routing_set(self->netd, &r));
}

TEST_F(helper, exit_rules)
{
	struct netd_exit e = exit_conf();

	ASSERT_EQ(0, netd_device_new(self->netd, "meshx0", 1420, 1, NETD_STEER_NONE, self->fds, NULL, NULL));
	ASSERT_EQ(0, value("/proc/sys/net/ipv4/conf/up0/forwarding"));
	ASSERT_EQ(0, netd_exit_set(self->netd, &e)) TH_LOG("%s", netd_error(self->netd));
	EXPECT_EQ(1, value("/proc/sys/net/ipv4/conf/up0/forwarding"));
	EXPECT_TRUE(says("nft list tables", "meshvpn_meshx0"));
	e.rules = 2;
	e.rule[1] = (struct netd_policy_rule){ .family = AF_INET, .bits = 8, .addr = { 9 }, .port_to = 65535 };
	ASSERT_EQ(0, netd_exit_set(self->netd, &e)) TH_LOG("%s", netd_error(self->netd));
	EXPECT_TRUE(says("nft list table inet meshvpn_meshx0", "9.0.0.0/8"));
	EXPECT_EQ(1, value("/proc/sys/net/ipv4/conf/up0/forwarding"));
	e.rule[1].addr[3] = 1;
	EXPECT_EQ(-EINVAL, netd_exit_set(self->netd, &e));
	ASSERT_EQ(0, netd_exit_del(self->netd, "meshx0"));
	EXPECT_FALSE(says("nft list tables", "meshvpn"));
	EXPECT_EQ(0, value("/proc/sys/net/ipv4/conf/up0/forwarding"));
}

/* A datagram from 8.8.4.4, port 53, to 198.18.0.7, port 5000, comes out of the tunnel. */
static bool arrives(int tun, int sock)
{
	static const u8 packet[10 + 32] = {
		[10] = 0x45, [13] = 32, [18] = 64, [19] = IPPROTO_UDP, [22] = 8, 8, 4, 4, 198, 18, 0, 7,
		[30] = 0, 53, 5000 >> 8, 5000 & 255, 0, 12,
	};
	u8 copy[sizeof(packet)], got[16];
	u32 i, sum = 0;

	memcpy(copy, packet, sizeof(copy));
	for (i = 10; i < 30; i += 2)
		sum += copy[i] << 8 | copy[i + 1];
	sum = ~((sum & 0xffff) + (sum >> 16));
	copy[20] = (u8)(sum >> 8);
	copy[21] = (u8)sum;
	return write(tun, copy, sizeof(copy)) == sizeof(copy) && recv(sock, got, sizeof(got), 0) == 4;
}

/* What nobody here asked for does not come in; answers do. */
TEST_F(helper, guard)
{
	struct sockaddr_in far = { .sin_family = AF_INET, .sin_port = htons(53) };
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(5000) };
	struct netd_address a = address4("198.18.0.7");
	struct timeval wait = { .tv_usec = 200000 };
	int sock = socket(AF_INET, SOCK_DGRAM, 0);

	inet_pton(AF_INET, "8.8.4.4", &far.sin_addr);
	ASSERT_EQ(0, netd_device_new(self->netd, "mesh0", 1420, 1, NETD_STEER_NONE, self->fds, NULL, NULL));
	ASSERT_EQ(0, netd_address_add(self->netd, &a));
	ASSERT_EQ(0, system("ip route add 8.8.4.4 dev mesh0"));
	ASSERT_EQ(0, bind(sock, (struct sockaddr *)&any, sizeof(any)));
	ASSERT_EQ(0, setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)));
	EXPECT_TRUE(arrives(self->fds[0], sock));
	EXPECT_EQ(-EPERM, netd_device_guard(self->netd, "meshx0"));
	EXPECT_EQ(-EPERM, netd_device_guard(self->netd, "up0"));
	ASSERT_EQ(0, netd_device_guard(self->netd, "mesh0")) TH_LOG("%s", netd_error(self->netd));
	EXPECT_FALSE(arrives(self->fds[0], sock));
	EXPECT_TRUE(says("nft list table inet meshvpn_mesh0", "packets 1"));
	ASSERT_EQ(1, sendto(sock, "x", 1, 0, (struct sockaddr *)&far, sizeof(far)));
	EXPECT_TRUE(arrives(self->fds[0], sock));
	ASSERT_EQ(0, netd_device_del(self->netd, "mesh0"));
	EXPECT_FALSE(says("nft list tables", "meshvpn"));
	close(sock);
}

static void make_everything(struct __test_metadata *_metadata, struct netd *netd, int *fds)
{
	struct netd_address a = address4("198.18.0.7");
	struct netd_routing r = routing(true);
	struct netd_exit e = exit_conf();

	ASSERT_EQ(0, netd_device_new(netd, "mesh0", 1420, 1, NETD_STEER_NONE, fds, NULL, NULL));
	ASSERT_EQ(0, netd_address_add(netd, &a));
	ASSERT_EQ(0, netd_routing_set(netd, &r));
	ASSERT_EQ(0, netd_device_new(netd, "meshx0", 1420, 1, NETD_STEER_NONE, fds + 1, NULL, NULL));
	ASSERT_EQ(0, netd_exit_set(netd, &e)) TH_LOG("%s", netd_error(netd));
}

static void expect_nothing_left(struct __test_metadata *_metadata)
{
	EXPECT_FALSE(says("ip rule; ip -6 rule", "4470"));
	EXPECT_FALSE(says("ip rule; ip -6 rule", "suppress"));
	EXPECT_FALSE(says("nft list tables", "meshvpn"));
	EXPECT_FALSE(says("ip link", "mesh"));
	EXPECT_EQ(0, value("/proc/sys/net/ipv4/conf/up0/forwarding"));
	EXPECT_FALSE(says("ls /run/meshvpn", "journal"));
}

TEST_F(helper, daemon_gone)
{
	make_everything(_metadata, self->netd, self->fds);
	EXPECT_TRUE(says("ip rule", "4470"));
	close(self->fds[0]);
	close(self->fds[1]);
	netd_stop(self->netd);
	expect_nothing_left(_metadata);
	ASSERT_EQ(0, netd_start(&self->netd, program, &all_roles));
}

TEST_F(helper, killed)
{
	make_everything(_metadata, self->netd, self->fds);
	close(self->fds[0]);
	close(self->fds[1]);
	ASSERT_EQ(0, system("pkill -KILL -P $PPID meshvpn-netd"));
	EXPECT_NE(0, netd_cleanup(self->netd));
	netd_stop(self->netd);
	EXPECT_TRUE(says("nft list tables", "meshvpn"));
	ASSERT_EQ(0, netd_start(&self->netd, program, &all_roles));
	ASSERT_EQ(0, netd_cleanup(self->netd)) TH_LOG("%s", netd_error(self->netd));
	expect_nothing_left(_metadata);
}

/* ---- the kernel module: where it is not loaded, that it is said ---- */

static bool module_loaded(void)
{
	return !system("ip link add mvprobe type meshvpn 2>/dev/null && ip link del mvprobe");
}

TEST_F(helper, kernel_bad)
{
	int pipe_fds[2], fds[2], owner;
	int unbound = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	u32 node;

	ASSERT_EQ(0, pipe2(pipe_fds, O_CLOEXEC));
	EXPECT_EQ(-EINVAL, netd_kernel_open(self->netd, fds, 0, &owner, &node));
	EXPECT_EQ(-EINVAL, netd_kernel_open(self->netd, pipe_fds, 1, &owner, &node));
	EXPECT_EQ(-EINVAL, netd_kernel_open(self->netd, &unbound, 1, &owner, &node));
	EXPECT_NE(NULL, strstr(netd_error(self->netd), "UDP"));
	/* no node, no device */
	EXPECT_EQ(-EINVAL, netd_kernel_device(self->netd, "mesh0", 1420, 1, NULL));
	EXPECT_EQ(-EPERM, netd_kernel_device(self->netd, "mesh1", 1420, 1, NULL));
	if (module_loaded())
		SKIP(return, "the module is loaded");
	ASSERT_EQ(0, netd_sockets(self->netd, NULL, 0, 0, 2, fds));
	EXPECT_EQ(-ENOENT, netd_kernel_open(self->netd, fds, 2, &owner, &node));
	EXPECT_NE(NULL, strstr(netd_error(self->netd), "insmod")) TH_LOG("%s", netd_error(self->netd));
	EXPECT_FALSE(says("ip link", "mesh0"));
}

static void make_kernel(struct __test_metadata *_metadata, struct netd *netd, int *owner)
{
	int sockets[2];
	u32 node = 0, ifindex = 0;

	ASSERT_EQ(0, netd_sockets(netd, NULL, 0, 0, 2, sockets));
	ASSERT_EQ(0, netd_kernel_open(netd, sockets, 2, owner, &node)) TH_LOG("%s", netd_error(netd));
	EXPECT_NE(0, node);
	ASSERT_EQ(0, netd_kernel_device(netd, "mesh0", 1400, 1, &ifindex)) TH_LOG("%s", netd_error(netd));
	EXPECT_EQ(if_nametoindex("mesh0"), ifindex);
	ASSERT_EQ(0, netd_kernel_device(netd, "meshx0", 1420, 2, NULL)) TH_LOG("%s", netd_error(netd));
	close(sockets[0]);
	close(sockets[1]);
}

TEST_F(helper, kernel)
{
	struct netd_address a = address4("198.18.0.7");
	struct netd_routing r = routing(true);
	int owner, other, sockets[1];
	u32 node;

	if (!module_loaded())
		SKIP(return, "the kernel module is not loaded");
	make_kernel(_metadata, self->netd, &owner);
	EXPECT_TRUE(says("ip -d link show mesh0", "meshvpn"));
	EXPECT_TRUE(says("ip link show mesh0", "mtu 1400"));
	EXPECT_TRUE(says("ip link show mesh0", "UP"));
	EXPECT_EQ(0, netd_address_add(self->netd, &a));
	EXPECT_EQ(0, netd_routing_set(self->netd, &r));
	/* a node of a helper is one */
	ASSERT_EQ(0, netd_sockets(self->netd, NULL, 0, 0, 1, sockets));
	EXPECT_EQ(-EBUSY, netd_kernel_open(self->netd, sockets, 1, &other, &node));
	EXPECT_EQ(-EEXIST, netd_kernel_device(self->netd, "mesh0", 1400, 3, NULL));
	EXPECT_EQ(0, netd_device_del(self->netd, "meshx0"));
	EXPECT_FALSE(says("ip link", "meshx0"));
	EXPECT_TRUE(says("ip link", "mesh0"));
	close(owner);
	netd_stop(self->netd);
	expect_nothing_left(_metadata);
	ASSERT_EQ(0, netd_start(&self->netd, program, &all_roles));
}

TEST_F(helper, kernel_killed)
{
	int owner;

	if (!module_loaded())
		SKIP(return, "the kernel module is not loaded");
	make_kernel(_metadata, self->netd, &owner);
	ASSERT_EQ(0, system("pkill -KILL -P $PPID meshvpn-netd"));
	EXPECT_NE(0, netd_cleanup(self->netd));
	netd_stop(self->netd);
	EXPECT_TRUE(says("ip link", "mesh0"));
	/* another's device is no leftover of ours, whatever its name */
	ASSERT_EQ(0, system("ip link del meshx0 && ip link add meshx0 type veth peer name peer0"));
	ASSERT_EQ(0, netd_start(&self->netd, program, &all_roles));
	ASSERT_EQ(0, netd_cleanup(self->netd)) TH_LOG("%s", netd_error(self->netd));
	EXPECT_FALSE(says("ip link", "mesh0"));
	EXPECT_TRUE(says("ip link", "meshx0"));
	EXPECT_FALSE(says("ls /run/meshvpn", "journal"));
	close(owner);
}

/* What another role needs is refused, whatever a daemon that was taken over asks for. */
TEST_F(helper, scope_relay)
{
	struct netd_address a = address4("198.18.0.7");
	struct netd_routing r = routing(true);
	struct netd_exit e = exit_conf();
	int fds[4];

	netd_stop(self->netd);
	ASSERT_EQ(0, netd_start(&self->netd, program, &(struct netd_scope){ 0 }));
	ASSERT_EQ(0, netd_cleanup(self->netd));
	EXPECT_EQ(0, netd_sockets(self->netd, NULL, 0, 0, 1, fds));
	EXPECT_EQ(-EPERM, netd_device_new(self->netd, "mesh0", 1420, 1, NETD_STEER_NONE, fds, NULL, NULL));
	EXPECT_NE(NULL, strstr(netd_error(self->netd), "not started for"));
	EXPECT_EQ(-EPERM, netd_device_new(self->netd, "", 1420, 1, NETD_STEER_NONE, fds, NULL, NULL));
	EXPECT_EQ(-EPERM, netd_device_guard(self->netd, "mesh0"));
	EXPECT_EQ(-EPERM, netd_address_add(self->netd, &a));
	EXPECT_EQ(-EPERM, netd_routing_set(self->netd, &r));
	EXPECT_EQ(-EPERM, netd_exit_set(self->netd, &e));
	EXPECT_EQ(-EPERM, netd_flows_flush(self->netd, AF_INET, a.addr));
	EXPECT_FALSE(says("ip link", "mesh"));
}

TEST_F(helper, scope_devices)
{
	struct netd_scope bound = all_roles;
	struct netd_address a = address4("198.18.0.7"), out = address4("198.20.0.7"), wide = a, x = a;
	struct netd_address out6 = { .device = "mesh0", .family = AF_INET6, .bits = 128, .addr = { 0xfd, 1, [5] = 1 } };
	struct netd_routing r = routing(true);
	struct netd_exit e = exit_conf(), half = exit_conf();

	netd_stop(self->netd);
	bound.all = false;
	ASSERT_EQ(0, netd_start(&self->netd, program, &bound));
	ASSERT_EQ(0, netd_device_new(self->netd, "mesh0", 1420, 1, NETD_STEER_NONE, self->fds, NULL, NULL));
	ASSERT_EQ(0, netd_device_new(self->netd, "meshx0", 1420, 1, NETD_STEER_NONE, self->fds + 1, NULL, NULL));
	wide.bits = 1;
	EXPECT_EQ(-EINVAL, netd_address_add(self->netd, &wide));
	EXPECT_EQ(-EPERM, netd_address_add(self->netd, &out));
	EXPECT_EQ(-EPERM, netd_address_add(self->netd, &out6));
	strcpy(x.device, "meshx0");
	EXPECT_EQ(-EPERM, netd_address_add(self->netd, &x));
	EXPECT_EQ(0, netd_address_add(self->netd, &a));
	EXPECT_EQ(-EPERM, netd_routing_set(self->netd, &r));
	r.all = false;
	r.table = 4471;
	EXPECT_EQ(-EPERM, netd_routing_set(self->netd, &r));
	r.table = 4470;
	EXPECT_EQ(0, netd_routing_set(self->netd, &r));
	strcpy(r.device, "meshx0");
	EXPECT_EQ(-EPERM, netd_routing_set(self->netd, &r));
	half.pool4[0] = 0x80;
	half.pool4[1] = 0;
	half.pool4_bits = 1;
	EXPECT_EQ(-EPERM, netd_exit_set(self->netd, &half));
	strcpy(half.device, "mesh0");
	EXPECT_EQ(-EPERM, netd_exit_set(self->netd, &half));
	EXPECT_EQ(0, netd_exit_set(self->netd, &e));
	EXPECT_EQ(-EPERM, netd_flows_flush(self->netd, AF_INET, out.addr));
}

/* Arguments that would give too much are none. */
TEST_F(helper, scope_arguments)
{
	struct netd_scope wide4 = all_roles, wide6 = all_roles, foreign = all_roles;

	netd_stop(self->netd);
	wide4.pool4[0] = 0x80;
	wide4.pool4[1] = 0;
	wide4.pool4_bits = 1;
	ASSERT_EQ(0, netd_start(&self->netd, program, &wide4));
	EXPECT_NE(0, netd_cleanup(self->netd));
	netd_stop(self->netd);
	wide6.pool6[1] = 0;
	wide6.pool6_bits = 8;
	ASSERT_EQ(0, netd_start(&self->netd, program, &wide6));
	EXPECT_NE(0, netd_cleanup(self->netd));
	netd_stop(self->netd);
	strcpy(foreign.client, "eth0");
	ASSERT_EQ(0, netd_start(&self->netd, program, &foreign));
	EXPECT_NE(0, netd_cleanup(self->netd));
}

TEST_HARNESS_MAIN
