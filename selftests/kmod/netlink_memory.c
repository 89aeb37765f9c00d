// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Requests for which memory runs out, at each allocation in turn (fault injection of the kernel,
 * /proc/thread-self/fail-nth): a batch then leaves everything as it was, a node that cannot be made
 * leaves nothing. Skipped by kernels without fault injection: tools/vm --kernel=uml-kasan
 */
#include <fcntl.h>
#include <sys/mount.h>

#include "nl_rig.h"

static bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) > 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

static int fail_fd = -1;

/* False: this kernel cannot do it. */
static bool failing_possible(void)
{
	mount("debug", "/sys/kernel/debug", "debugfs", 0, NULL);
	fail_fd = open("/proc/thread-self/fail-nth", O_RDWR);
	/* also those that could wait for memory; nothing for the log */
	return fail_fd >= 0 && write_text("/sys/kernel/debug/failslab/ignore-gfp-wait", "N") &&
	       write_text("/sys/kernel/debug/failslab/verbose", "0") &&
	       write_text("/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "N") &&
	       write_text("/sys/kernel/debug/fail_page_alloc/verbose", "0");
}

static void fail_at(uint32_t nth)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", nth);
	if (pwrite(fail_fd, text, strlen(text), 0) < 0)
		abort();
}

/* Did it come to that? */
static bool failed_once(void)
{
	char text[16] = "";
	bool hit = pread(fail_fd, text, sizeof(text) - 1, 0) > 0 && atoi(text) == 0;

	fail_at(0);
	return hit;
}

/* The request in @m with its @nth allocation failing. *@hit: there was one. */
static int call_failing(struct nl *nl, uint32_t nth, bool *hit)
{
	struct timeval soon = { .tv_usec = 200000 }, late = { .tv_sec = 20 };
	struct nl_answer a;
	int err;

	nl_answer_init(&a);
	nl_hdr(&m)->nlmsg_flags |= NLM_F_ACK;
	fail_at(nth);
	err = nl_send(nl, &m);
	*hit = failed_once();
	/* an acknowledgement for which there was no memory never comes */
	setsockopt(nl->fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon));
	while (!err && !nl_receive(nl, &a))
		;
	setsockopt(nl->fd, SOL_SOCKET, SO_RCVTIMEO, &late, sizeof(late));
	nl_answer_free(&a);
	return err ? err : a.err;
}

static uint32_t fresh_node(struct nl *nl)
{
	int64_t id;

	close(nl->fd);
	if (nl_open(nl, &m))
		return 0;
	id = node_make(nl, &m, true, 1000);
	if (id <= 0 || object_call(nl, &m, (uint32_t)id, object_link(1), NEW, NULL) ||
	    object_call(nl, &m, (uint32_t)id, object_link(2), NEW, NULL) ||
	    object_call(nl, &m, (uint32_t)id, object_device(1, "mv0"), NEW, NULL) ||
	    before_batch(nl, (uint32_t)id))
		return 0;
	return (uint32_t)id;
}

static bool same(const char *a, size_t a_len, const char *b, size_t b_len)
{
	return a && b && a_len == b_len && !memcmp(a, b, a_len);
}

TEST_F(node, a_batch_without_memory)
{
	char *before, *after, *now;
	struct step steps[32];
	uint32_t n = steps_fill(steps), nth, undone = 0;
	size_t before_len, after_len, now_len;
	bool hit = true;

	if (!failing_possible())
		SKIP(return, "this kernel cannot let allocations fail");
	self->id = fresh_node(&self->nl);
	ASSERT_NE(self->id, 0);
	before = state(&self->nl, self->id, &before_len);
	put_batch(self->id, steps, n, 0, NULL);
	ASSERT_EQ(nl_call(&self->nl, &m, NULL), 0);
	after = state(&self->nl, self->id, &after_len);
	ASSERT_EQ(fresh_node(&self->nl), self->id);
	for (nth = 1; hit && nth < 2000; nth++) {
		int err;

		put_batch(self->id, steps, n, 0, NULL);
		err = call_failing(&self->nl, nth, &hit);
		now = state(&self->nl, self->id, &now_len);
		if (same(now, now_len, before, before_len)) {
			EXPECT_NE(err, 0) { TH_LOG("allocation %u", nth); }
			undone += err == -ENOMEM;
		} else {
			/* it held, though perhaps nobody was told */
			ASSERT_TRUE(same(now, now_len, after, after_len)) { TH_LOG("allocation %u: %d", nth, err); }
			ASSERT_EQ(fresh_node(&self->nl), self->id);
		}
		free(now);
	}
	EXPECT_FALSE(hit);
	TH_LOG("%u allocations, undone %u times", nth - 2, undone);
	EXPECT_GT(undone, 10);
	free(before);
	free(after);
}

TEST_F(node, a_node_without_memory)
{
	struct nl_answer a;
	uint32_t nth, refused = 0;
	bool hit = true;
	size_t nest;

	if (!failing_possible())
		SKIP(return, "this kernel cannot let allocations fail");
	for (nth = 1; hit && nth < 3000; nth++) {
		int err;

		nl_begin(&m, MESHVPN_CMD_NODE_NEW, 0);
		nl_u32(&m, MESHVPN_A_NODE_ID, 50);
		nest = nl_nest(&m, MESHVPN_A_NODE);
		nl_u32(&m, MESHVPN_A_NODE_LANES, 2);
		nl_u16(&m, MESHVPN_A_NODE_PORT, htons(7000));
		nl_nest_end(&m, nest);
		err = call_failing(&self->nl, nth, &hit);
		refused += err == -ENOMEM;
		nl_begin(&m, MESHVPN_CMD_NODE_GET, NLM_F_DUMP);
		ASSERT_EQ(nl_call(&self->nl, &m, &a), 0);
		/* what was refused is not there; what is there can be deleted and made again */
		if (err == -ENOMEM)
			EXPECT_EQ(a.count, 1) { TH_LOG("allocation %u", nth); }
		if (a.count == 2) {
			nl_begin(&m, MESHVPN_CMD_NODE_DEL, 0);
			nl_u32(&m, MESHVPN_A_NODE_ID, 50);
			ASSERT_EQ(nl_call(&self->nl, &m, NULL), 0);
		}
		nl_answer_free(&a);
	}
	EXPECT_FALSE(hit);
	TH_LOG("%u allocations, refused %u times", nth - 2, refused);
	EXPECT_GT(refused, 20);
}

TEST_F(node, answers_without_memory)
{
	static const uint8_t cmds[] = {
		MESHVPN_CMD_NODE_GET, MESHVPN_CMD_LINK_GET, MESHVPN_CMD_CIRCUIT_GET, MESHVPN_CMD_DEVICE_GET,
	};
	char *before, *after;
	size_t i, len, len2;
	uint32_t nth;

	if (!failing_possible())
		SKIP(return, "this kernel cannot let allocations fail");
	ASSERT_EQ(before_batch(&self->nl, self->id), 0);
	before = state(&self->nl, self->id, &len);
	for (i = 0; i < sizeof(cmds); i++) {
		bool hit = true;

		for (nth = 1; hit && nth < 200; nth++) {
			nl_begin(&m, cmds[i], NLM_F_DUMP);
			if (cmds[i] != MESHVPN_CMD_NODE_GET)
				nl_u32(&m, MESHVPN_A_NODE_ID, self->id);
			call_failing(&self->nl, nth, &hit);
			nl_begin(&m, MESHVPN_CMD_NODE_GET, 0);
			nl_u32(&m, MESHVPN_A_NODE_ID, self->id);
			call_failing(&self->nl, nth, &hit);
		}
	}
	after = state(&self->nl, self->id, &len2);
	EXPECT_TRUE(same(before, len, after, len2));
	free(before);
	free(after);
}

TEST_HARNESS_MAIN
