// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who may ask for what, who is told what, and what nobody is told: capabilities, owners, user
 * namespaces, events, control messages, keys.
 */
#include "nl_rig.h"

/* ---- keys ---- */

static bool has_key(const void *data, size_t len)
{
	return memmem(data, len, object_key, 12);
}

TEST_F(node, keys_never_come_out)
{
	uint8_t echo[65536];
	char *all;
	ssize_t n;
	size_t len;
	int i;

	ASSERT_EQ(before_batch(&self->nl, self->id), 0);
	ASSERT_EQ(CALL(origin(12), NEW), 0);
	all = state(&self->nl, self->id, &len);
	ASSERT_NE(all, NULL);
	EXPECT_FALSE(has_key(all, len));
	free(all);
	/* not even in the copy of the request that comes with an error: alone, in a batch, badly formed */
	for (i = 0; i < 3; i++) {
		struct object o = i == 1 ? object_link_session(1, 1, 800) : relay(10);

		if (i == 2) {
			nl_begin(&m, MESHVPN_CMD_BATCH, 0);
			nl_u32(&m, MESHVPN_A_NODE_ID, self->id);
			put_op(&m, &o, NEW);
			o = object_link_session(1, 1, 800);
			put_op(&m, &o, NEW);
		} else {
			put_request(&m, self->id, &o, NEW);
		}
		nl_hdr(&m)->nlmsg_flags |= NLM_F_ACK;
		EXPECT_TRUE(has_key(m.data, m.len));
		ASSERT_EQ(nl_send(&self->nl, &m), 0);
		n = recv(self->nl.fd, echo, sizeof(echo), 0);
		EXPECT_GT(n, (ssize_t)m.len);
		EXPECT_FALSE(has_key(echo, (size_t)n));
	}
}

/* ---- who may ---- */

/* Runs @body with the socket's owner's rights dropped to nobody's; its value is the exit status. */
#define AS_NOBODY(body) ({							\
	pid_t pid_ = fork();							\
	int status_ = 0;							\
										\
	if (!pid_) {								\
		if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))	\
			_exit(99);						\
		_exit(body);							\
	}									\
	waitpid(pid_, &status_, 0);						\
	WIFEXITED(status_) ? WEXITSTATUS(status_) : 98;				\
})

static int as_owner(struct nl *nl, uint32_t id)
{
	struct nl foreign;
	struct object o;

	/* the node's own port may */
	if (object_call(nl, &m, id, object_link(30), NEW, NULL) ||
	    object_call(nl, &m, id, object_link(30), GET, NULL) ||
	    object_call(nl, &m, id, object_device(1, ""), SET, NULL))
		return 1;
	put_prefixes(id, 5, true, false);
	if (nl_call(nl, &m, NULL))
		return 2;
	/* but neither make nodes nor take devices */
	if (node_make(nl, &m, true, 0) != -EPERM ||
	    object_call(nl, &m, id, object_device(2, "mv1"), NEW, NULL) != -EPERM)
		return 3;
	o = object_device(2, "mv1");
	nl_begin(&m, MESHVPN_CMD_BATCH, 0);
	nl_u32(&m, MESHVPN_A_NODE_ID, id);
	put_op(&m, &o, NEW);
	if (nl_call(nl, &m, NULL) != -EPERM)
		return 4;
	/* nor touch what is not its own */
	if (object_call(nl, &m, id + 1, object_link(31), NEW, NULL) != -EPERM)
		return 5;
	/* another port of the same process may nothing */
	if (nl_open(&foreign, &m) || object_call(&foreign, &m, id, object_link(32), NEW, NULL) != -EPERM ||
	    object_call(&foreign, &m, id, object_link(1), GET, NULL) != -EPERM ||
	    node_call(&foreign, MESHVPN_CMD_NODE_DEL, 0, id, NULL) != -EPERM)
		return 6;
	return 0;
}

static int foreign_dumps(struct nl *own, uint32_t id)
{
	struct nl_answer a;
	struct nl foreign;
	size_t i;

	if (nl_open(&foreign, &m))
		return 1;
	for (i = 0; i < sizeof(dumps); i++)
		if (dump(&foreign, id, dumps[i], NULL) != -EPERM || dump(own, id, dumps[i], NULL))
			return 2;
	if (node_call(&foreign, MESHVPN_CMD_NODE_GET, NLM_F_DUMP, 0, &a) || a.count)
		return 3;
	if (node_call(own, MESHVPN_CMD_NODE_GET, NLM_F_DUMP, 0, &a) || a.count != 1)
		return 4;
	return node_call(&foreign, MESHVPN_CMD_NODE_GET, 0, id, NULL) == -EPERM ? 0 : 5;
}

TEST_F(node, owners_and_others)
{
	ASSERT_EQ(node_make(&self->nl, &m, false, 0), self->id + 1);
	EXPECT_EQ(AS_NOBODY(as_owner(&self->nl, self->id)), 0);
	EXPECT_EQ(AS_NOBODY(foreign_dumps(&self->nl, self->id)), 0);
}

/* Root of a user namespace of nobody's is root over its own network namespace only. */
static int in_user_namespace(uint32_t id)
{
	struct nl nl, outside;
	int64_t own;

	if (nl_open(&outside, &m) || unshare(CLONE_NEWUSER))
		return 1;
	if (object_call(&outside, &m, id, object_link(1), GET, NULL) != -EPERM ||
	    node_make(&outside, &m, false, 0) != -EPERM)
		return 2;
	if (unshare(CLONE_NEWNET) || nl_open(&nl, &m))
		return 3;
	own = node_make(&nl, &m, true, 0);
	if (own <= 0 || object_call(&nl, &m, (uint32_t)own, object_link(1), NEW, NULL))
		return 4;
	/* nothing of the other namespace is there, and the old socket is still of that one */
	if (node_call(&nl, MESHVPN_CMD_NODE_GET, 0, id + 1, NULL) != -ENOENT)
		return 5;
	return object_call(&outside, &m, id, object_link(1), GET, NULL) == -EPERM ? 0 : 6;
}

TEST_F(node, user_namespaces)
{
	EXPECT_EQ(AS_NOBODY(in_user_namespace(self->id)), 0);
}

TEST_F(node, goes_with_its_owner)
{
	struct nl other;
	struct object o = object_device(1, "mv0");

	ASSERT_EQ(nl_open(&other, &m), 0);
	ASSERT_EQ(before_batch(&self->nl, self->id), 0);
	EXPECT_EQ(object_call(&other, &m, self->id, object_link(1), GET, NULL), 0);
	close(self->nl.fd);
	EXPECT_EQ(object_call(&other, &m, self->id, object_link(1), GET, NULL), -ENOENT);
	/* its device is free, its port too */
	ASSERT_EQ(node_make(&other, &m, false, 0), self->id);
	EXPECT_EQ(object_call(&other, &m, self->id, o, NEW, NULL), 0);
	/* a node without an owner outlives its maker */
	close(other.fd);
	ASSERT_EQ(nl_open(&self->nl, &m), 0);
	EXPECT_EQ(CALL(o, GET), 0);
}

/* ---- events ---- */

struct events {
	uint32_t got, lost;
};

/* What waits in the owner's socket. */
static void events_read(struct nl *nl, struct events *e)
{
	static uint8_t buf[65536] __attribute__((aligned(8)));
	const struct nlmsghdr *h = (void *)buf;
	const uint8_t *attrs = buf + NLMSG_HDRLEN + GENL_HDRLEN;
	ssize_t n;

	while ((n = recv(nl->fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0 || errno == ENOBUFS) {
		uint64_t lost;

		if (n <= 0 || h->nlmsg_type != nl->family || h->nlmsg_seq)
			continue;
		e->got++;
		lost = nl_number(attrs, (size_t)n - NLMSG_HDRLEN - GENL_HDRLEN, MESHVPN_A_EVENT,
				 MESHVPN_A_EVENT_LOST);
		e->lost += lost == ~0ULL ? 0 : (uint32_t)lost;
		if (nl_number(attrs, (size_t)n - NLMSG_HDRLEN - GENL_HDRLEN, MESHVPN_A_EVENT,
			      MESHVPN_A_EVENT_KIND) != MESHVPN_EVENT_KIND_DEVICE)
			e->got += 1000000;
	}
}

#define EVENT_DEVICES 60

/* "ip COMMAND evI TAIL" for devices @from up to @to, in one process. */
static void ip_all(const char *command, uint32_t from, uint32_t to, const char *tail)
{
	FILE *f = popen("ip -batch -", "w");

	for (; f && from < to; from++)
		fprintf(f, "%s ev%u %s\n", command, from, tail);
	if (!f || pclose(f))
		fprintf(stderr, "# failed: ip %s\n", command);
}

static int attach_devices(struct nl *nl, uint32_t node, uint32_t from, uint32_t to)
{
	char name[16];
	uint32_t i;
	int err = 0;

	ip_all("link add", from, to, "type meshvpn");
	for (i = from; i < to && !err; i++) {
		snprintf(name, sizeof(name), "ev%u", i);
		err = object_call(nl, &m, node, object_device(100 + i, name), NEW, NULL);
	}
	return err;
}

TEST_F_TIMEOUT(node, events_are_counted_when_lost, 200)
{
	struct events e = { 0 };
	struct nl other;
	int room = 0;

	ASSERT_EQ(nl_open(&other, &m), 0);
	ASSERT_EQ(attach_devices(&other, self->id, 0, EVENT_DEVICES + 1), 0);
	/* the smallest buffer, which a few events fill; nobody reads meanwhile */
	ASSERT_EQ(setsockopt(self->nl.fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)), 0);
	ip_all("link del", 0, EVENT_DEVICES, "");
	events_read(&self->nl, &e);
	EXPECT_GT(e.got, 0);
	EXPECT_LT(e.got, EVENT_DEVICES);
	EXPECT_EQ(e.lost, 0);
	EXPECT_EQ(node_counter(&other, self->id, MESHVPN_A_NODE_INFO_STATS, MESHVPN_A_STATS_EVENTS), e.got);
	EXPECT_EQ(node_counter(&other, self->id, MESHVPN_A_NODE_INFO_STATS, MESHVPN_A_STATS_EVENTS_LOST),
		  EVENT_DEVICES - e.got);
	/* the next one says how many */
	ip_all("link del", EVENT_DEVICES, EVENT_DEVICES + 1, "");
	events_read(&self->nl, &e);
	EXPECT_EQ(e.got + e.lost, EVENT_DEVICES + 1);
}

TEST_F(node, owner_is_told_of_its_end)
{
	static uint8_t buf[4096] __attribute__((aligned(8)));
	struct nl other;
	ssize_t n;

	ASSERT_EQ(nl_open(&other, &m), 0);
	ASSERT_EQ(node_call(&other, MESHVPN_CMD_NODE_DEL, 0, self->id, NULL), 0);
	n = recv(self->nl.fd, buf, sizeof(buf), MSG_DONTWAIT);
	ASSERT_GT(n, NLMSG_HDRLEN + GENL_HDRLEN);
	EXPECT_EQ(nl_number(buf + NLMSG_HDRLEN + GENL_HDRLEN, (size_t)n - NLMSG_HDRLEN - GENL_HDRLEN,
			    MESHVPN_A_EVENT, MESHVPN_A_EVENT_KIND), MESHVPN_EVENT_KIND_GONE);
	/* but not of what it does itself */
	ASSERT_EQ(node_make(&other, &m, true, 0), self->id);
	ASSERT_EQ(node_call(&other, MESHVPN_CMD_NODE_DEL, 0, self->id, NULL), 0);
	EXPECT_EQ(recv(other.fd, buf, sizeof(buf), MSG_DONTWAIT), -1);
}

/* ---- control messages ---- */

TEST_F(node, control_messages)
{
	uint8_t data[MESHVPN_CONTROL_LEN_MAX + 1] = { 0 };
	static const struct {
		uint32_t circuit;
		size_t len;
		int err;
	} cases[] = {
		{ 11, 100, 0 }, { 11, 1328 - 48 - 4, 0 }, { 11, 1328 - 48 - 3, -EMSGSIZE },
		{ 11, MESHVPN_CONTROL_LEN_MAX + 1, -ERANGE }, { 10, 100, -ENOENT }, { 99, 100, -ENOENT },
	};
	struct nl_answer a;
	size_t i, nest;

	ASSERT_EQ(before_batch(&self->nl, self->id), 0);
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		nl_begin(&m, MESHVPN_CMD_CONTROL_SEND, 0);
		nl_u32(&m, MESHVPN_A_NODE_ID, self->id);
		nest = nl_nest(&m, MESHVPN_A_CIRCUIT);
		nl_u32(&m, MESHVPN_A_CIRCUIT_LINK, 1);
		nl_u32(&m, MESHVPN_A_CIRCUIT_CIRCUIT, cases[i].circuit);
		nl_nest_end(&m, nest);
		nl_put(&m, MESHVPN_A_DATA, data, cases[i].len);
		EXPECT_EQ(nl_call(&self->nl, &m, &a), cases[i].err) { TH_LOG("case %zu: %s", i, a.text); }
	}
	EXPECT_EQ(node_counter(&self->nl, self->id, MESHVPN_A_NODE_INFO_STATS, MESHVPN_A_STATS_TX_CELLS), 2);
}

TEST_HARNESS_MAIN
