// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Stands in for a daemon where its end is what matters: hands UDP sockets of its own to a node that it
 * owns, says its number, and waits to be killed. SIGUSR1 closes the UDP sockets alone.
 *
 *	owner PORT [LANES]
 */
#include <errno.h>
#include <linux/meshvpn.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <datapath/kmod_conn.h>

static struct kmod_node node = { .own = true, .lanes = 1, .hold_us = 200 };

static int fail(const char *what, int error)
{
	fprintf(stderr, "owner: %s: %s\n", what, strerror(error));
	return 1;
}

static int socket_on(u16 port)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	return fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) ? -1 : fd;
}

static int info_each(void *arg, const struct nlmsghdr *h)
{
	return kmod_get_node(h, arg);
}

static void close_all(int signal)
{
	u32 i;

	for (i = 0; i < node.lanes; i++)
		close(node.sockets[i]);
}

int main(int argc, char **argv)
{
	struct kmod_node_info info;
	struct kmod_conn *conn;
	struct nl_msg *m;
	int ret;
	u32 i;

	if (argc > 2)
		node.lanes = (u32)atoi(argv[2]);
	if (argc < 2 || !node.lanes || node.lanes > DATAPATH_LANES_MAX) {
		fprintf(stderr, "usage: owner PORT [LANES]\n");
		return 2;
	}
	for (i = 0; i < node.lanes; i++) {
		node.sockets[i] = socket_on((u16)(atoi(argv[1]) + i));
		if (node.sockets[i] < 0)
			return fail(argv[1], errno);
	}
	ret = kmod_conn_open(&conn, -1);
	if (ret)
		return fail("no module", -ret);
	m = kmod_request(kmod_conn_family(conn), MESHVPN_CMD_NODE_NEW, 0, 0, 0);
	kmod_put_node(m, &node, KMOD_ALL);
	ret = kmod_call(conn, m, info_each, &info, NULL);
	if (ret)
		return fail(kmod_conn_error(conn), -ret);
	signal(SIGUSR1, close_all);
	printf("%u\n", info.conf.id);
	fflush(stdout);
	for (;;)
		pause();
}
