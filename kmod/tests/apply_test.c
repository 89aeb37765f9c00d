// SPDX-License-Identifier: GPL-2.0
/*
 * Batches: whatever a batch did before the op that fails is taken back to the letter, wherever that
 * op stands; errors are those of the user datapath; many circuits go quickly.
 */
#include <kunit/test.h>
#include <linux/rtnetlink.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include <uapi/linux/meshvpn.h>

#include "apply.h"
#include "circuit.h"
#include "device.h"
#include "exit.h"
#include "link.h"
#include "node.h"

#define NODE_ID 4000000000U	/* of nobody's, in the namespace where we run */
#define MANY 20000
#define BATCH 1000

struct fixture {
	struct mv_node *node;
	struct mv_device device;	/* attached by hand: a real one is netlink's tests' */
	struct mv_op ops[BATCH + 1];
};

/* ---- a node ---- */

static int fixture_init(struct kunit *test)
{
	struct mv_node_conf conf = { .id = NODE_ID, .max_circuits = MANY + 100 };
	struct fixture *f = kvzalloc(sizeof(*f), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, f);
	test->priv = f;
	f->node = mv_node_new(&init_net, &conf, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(f->node));
	kref_get(&f->node->ref);
	f->node->lanes = 2;
	INIT_LIST_HEAD(&f->device.exits);
	f->device.id = 1;
	f->device.role = MV_ROLE_ORIGIN;
	mutex_lock(&f->node->lock);
	list_add(&f->device.node_list, &f->node->devices);
	f->node->device_count++;
	rcu_assign_pointer(f->device.node, f->node);
	mutex_unlock(&f->node->lock);
	return 0;
}

static void fixture_exit(struct kunit *test)
{
	struct fixture *f = test->priv;

	if (!f)
		return;
	if (!IS_ERR_OR_NULL(f->node)) {
		mv_node_del(f->node);
		mv_node_put(f->node);
	}
	/* exit sessions that point to the device are gone after that */
	rcu_barrier();
	kvfree(f);
}

static int apply(struct fixture *f, const struct mv_op *ops, u32 count, u32 *failed)
{
	const char *why = NULL;
	int err;

	rtnl_lock();
	mutex_lock(&f->node->lock);
	err = mv_apply(f->node, ops, count, failed, &why);
	mutex_unlock(&f->node->lock);
	rtnl_unlock();
	return err && !why ? -EPROTO : err;
}

static int apply_one(struct fixture *f, const struct mv_op *op)
{
	u32 failed;

	return apply(f, op, 1, &failed);
}

/* ---- ops ---- */

__diag_push();
__diag_ignore_all("-Woverride-init", "the macros give what most ops have");

static const u8 keys[MV_HOPS_MAX * MV_KEY_LEN] = { 1, 2, 3 };

static const struct mv_prefix prefixes[] = {
	{ .family = AF_INET, .bits = 0, .session = 7 },
	{ .family = AF_INET, .bits = 24, .session = 8, .addr.s6_addr = { 10, 1, 2 } },
	{ .family = AF_INET, .bits = 8, .session = 9, .addr.s6_addr = { 10 } },
};

#define OP(verb_, object_, field, ...) \
	{ .verb = verb_, .object = object_, .present = ~0U, .field = { __VA_ARGS__ } }
#define LINK(verb, ...) OP(verb, MV_OBJ_LINK, link, __VA_ARGS__)
#define LINK_SESSION(verb, link_, index_, ...) \
	OP(verb, MV_OBJ_LINK_SESSION, link_session, .link = link_, .index = index_, .rx_tag = keys, \
	   .rx_mask = keys, .tx_tag = keys, .tx_mask = keys, .remote_lanes = 1, .local_lanes = 1, \
	   __VA_ARGS__)
#define SESSION(verb, id_, ...) \
	OP(verb, MV_OBJ_SESSION, session, .id = id_, .device = 1, __VA_ARGS__)
#define CIRCUIT(verb, link_, circuit_, ...) \
	OP(verb, MV_OBJ_CIRCUIT, circuit, .link = link_, .circuit = circuit_, .kf = keys, .kb = keys, \
	   .hops = 1, .data_class = MV_LARGE, __VA_ARGS__)
#define RELAY(link, circuit, out_link_, out_circuit_) \
	CIRCUIT(MV_NEW, link, circuit, .out_link = out_link_, .out_circuit = out_circuit_, .pass = true)
#define REMOTE(a, b) .remote = { .family = AF_INET, .port = htons(b), .addr.s6_addr = { 192, 0, 2, a } }
#define SELECTOR(verb, id) OP(verb, MV_OBJ_SELECTOR, selector, .device = id, \
			      .count = ARRAY_SIZE(prefixes), .prefixes = prefixes)

/* Everything that there is to do, in an order in which all of it can be done. */
static const struct mv_op all[] = {
	LINK(MV_NEW, .id = 1),
	LINK(MV_NEW, .id = 2, .up_rate = 10, .up_burst = 20),
	LINK_SESSION(MV_NEW, 1, 1, .state = MV_SESSION_CURRENT, .rx_ids_count = 2, .rx_ids = { 11, 12 },
		     .tx_id = 5, REMOTE(1, 1000)),
	LINK_SESSION(MV_NEW, 1, 2, .state = MV_SESSION_NEXT, .rx_ids_count = 1, .rx_ids = { 13 }),
	LINK_SESSION(MV_NEW, 2, 1, .state = MV_SESSION_CURRENT, .rx_ids_count = 1, .rx_ids = { 21 },
		     REMOTE(2, 2000)),
	RELAY(1, 100, 2, 200),
	SESSION(MV_NEW, 7, .has4 = true, .inner4.s_addr = 0x01020304, .has6 = true),
	CIRCUIT(MV_NEW, 1, 101, .kind = MV_ORIGIN, .hops = 3, .reserve = MV_RESERVE_SHORT, .session = 7),
	SESSION(MV_SET, 7, .link = 1, .circuit = 101),
	SELECTOR(MV_SET, 1),
	SESSION(MV_NEW, 8, .has4 = true, .inner4.s_addr = 0x01020305),
	CIRCUIT(MV_SET, 1, 101, .session = 8),
	SESSION(MV_SET, 8, .link = 1, .circuit = 101),
	LINK_SESSION(MV_SET, 1, 2, .state = MV_SESSION_CURRENT, .tx_id = 6, REMOTE(3, 3000)),
	CIRCUIT(MV_SET, 1, 100, .data_class = MV_MEDIUM, .small_forward = true, .rate = 1000, .burst = 9000),
	LINK(MV_SET, .id = 1, .up_rate = 99, .up_burst = 98),
	CIRCUIT(MV_DEL, 1, 100),
	RELAY(1, 100, 2, 200),
	SESSION(MV_DEL, 7),
	LINK_SESSION(MV_DEL, 1, 2),
	LINK(MV_DEL, .id = 2),
	SELECTOR(MV_SET, 1),
	OP(MV_DEL, MV_OBJ_DEVICE, device, .id = 1),
	LINK(MV_DEL, .id = 1),
};

static const struct mv_op bad = LINK(MV_NEW, .id = 0);

/* ---- all that a node holds, as one number ---- */

static u64 list_len(const struct list_head *list)
{
	const struct list_head *at;
	u64 n = 0;

	list_for_each(at, list)
		n++;
	return n;
}

struct digest {
	u64 sum;
	siphash_key_t key;
};

/* Order means nothing in the tables. */
#define MIX(d, ...) do {							\
	const u64 mixed[] = { __VA_ARGS__ };					\
	(d)->sum += siphash(mixed, sizeof(mixed), &(d)->key);			\
} while (0)
#define PTR(p) ((u64)(uintptr_t)rcu_dereference_raw(p))

static void mix_circuit(struct digest *d, struct mv_half *half)
{
	struct mv_circuit *c = half->circuit;

	MIX(d, 1, (uintptr_t)half, (uintptr_t)c, half->key, half->away, c->kind, c->data_class,
	    c->small_forward, c->pass, c->dead, c->rate, c->burst, c->forward.rate.cost,
	    c->backward.rate.depth, PTR(c->exit), c->exit_id, list_empty(&c->exit_node));
}

static void mix_link(struct digest *d, struct mv_link *link)
{
	struct mv_link_session *s;

	MIX(d, 2, (uintptr_t)link, link->conf.up_rate, link->conf.up_burst, link->up.cost, link->up.depth,
	    PTR(link->current_session), link->session_count, link->circuit_count,
	    list_len(&link->circuits), list_len(&link->out_circuits));
	list_for_each_entry(s, &link->sessions, link_node)
		MIX(d, 3, (uintptr_t)s, s->index, s->state, s->tx_id, s->remote_lanes, PTR(s->path));
}

static void mix_exit(struct digest *d, struct mv_exit *e)
{
	MIX(d, 4, (uintptr_t)e, e->id, PTR(e->leg), list_len(&e->circuits),
	    list_empty(&e->device_node));
}

static u64 digest(struct fixture *f)
{
	struct digest d = { .key = { { 1, 2 } } };
	struct mv_hash_node *n, *next;
	u32 bucket;

	mv_hash_for_all(&f->node->circuits, bucket, n, next)
		mix_circuit(&d, container_of(n, struct mv_half, node));
	mv_hash_for_all(&f->node->links, bucket, n, next)
		mix_link(&d, container_of(n, struct mv_link, by_id));
	mv_hash_for_all(&f->node->exits, bucket, n, next)
		mix_exit(&d, container_of(n, struct mv_exit, by_id));
	mv_hash_for_all(&f->node->rx_ids, bucket, n, next)
		MIX(&d, 5, (uintptr_t)n, container_of(n, struct mv_rx_id, node)->id);
	mv_hash_for_all(&f->node->inner, bucket, n, next)
		MIX(&d, 6, (uintptr_t)n);
	MIX(&d, 7, f->node->link_count, f->node->session_count, f->node->exit_count,
	    f->node->circuit_count, f->node->device_count, PTR(f->device.node), PTR(f->device.selector),
	    list_len(&f->device.exits), list_len(&f->node->devices));
	return d.sum;
}

/* ---- tests ---- */

static void undone_everywhere(struct kunit *test)
{
	struct fixture *f = test->priv;
	u32 done, count, failed;
	u64 before;

	for (done = 0; done < ARRAY_SIZE(all); done++) {
		before = digest(f);
		for (count = 0; count <= ARRAY_SIZE(all) - done; count++) {
			memcpy(f->ops, &all[done], count * sizeof(all[0]));
			f->ops[count] = bad;
			KUNIT_EXPECT_EQ(test, apply(f, f->ops, count + 1, &failed), -EINVAL);
			KUNIT_EXPECT_EQ(test, failed, count);
			KUNIT_ASSERT_EQ_MSG(test, digest(f), before, "%u ops after %u", count, done);
		}
		KUNIT_ASSERT_EQ_MSG(test, apply_one(f, &all[done]), 0, "op %u", done);
		if (done != 21)		/* the selector again, at another address perhaps the same */
			KUNIT_EXPECT_NE_MSG(test, digest(f), before, "op %u changed nothing", done);
	}
	KUNIT_EXPECT_EQ(test, f->node->links.count + f->node->circuits.count + f->node->exits.count +
			f->node->inner.count + f->node->rx_ids.count, 0);
}

static void one_batch(struct kunit *test)
{
	struct fixture *f = test->priv;
	u32 failed;

	KUNIT_ASSERT_EQ(test, apply(f, all, ARRAY_SIZE(all), &failed), 0);
	KUNIT_EXPECT_EQ(test, f->node->link_count + f->node->circuit_count + f->node->exit_count +
			f->node->session_count + f->node->device_count, 0);
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(f->device.node));
}

/* Ops that fail after the first 17 of @all, with what they say. */
static const struct {
	int err;
	struct mv_op op;
} wrong[] = {
	{ -EEXIST, LINK(MV_NEW, .id = 1) },
	{ -ENOENT, LINK(MV_SET, .id = 3) },
	{ -ENOENT, LINK(MV_DEL, .id = 3) },
	{ -EEXIST, LINK_SESSION(MV_NEW, 1, 1, .rx_ids_count = 1, .rx_ids = { 50 }) },
	{ -EEXIST, LINK_SESSION(MV_NEW, 1, 3, .rx_ids_count = 1, .rx_ids = { 21 }) },
	{ -EINVAL, LINK_SESSION(MV_NEW, 1, 3, .rx_ids_count = 2, .rx_ids = { 50, 50 }) },
	{ -EINVAL, LINK_SESSION(MV_NEW, 1, 3, .rx_ids_count = 0) },
	{ -EINVAL, LINK_SESSION(MV_NEW, 1, 3, .rx_ids_count = 1, .rx_ids = { 1ULL << 56 }) },
	{ -EINVAL, LINK_SESSION(MV_NEW, 1, 3, .rx_ids_count = 1, .rx_ids = { 50 }, .local_lane = 2) },
	{ -EINVAL, LINK_SESSION(MV_SET, 1, 2, .local_lane = 2) },
	{ -EINVAL, LINK_SESSION(MV_SET, 1, 2, .tx_id = 1ULL << 56) },
	{ -ENOENT, LINK_SESSION(MV_NEW, 3, 3, .rx_ids_count = 1, .rx_ids = { 50 }) },
	{ -ENOENT, LINK_SESSION(MV_SET, 1, 3) },
	{ -ENOENT, LINK_SESSION(MV_DEL, 1, 3) },
	{ -EEXIST, RELAY(1, 101, 2, 201) },
	{ -EEXIST, RELAY(1, 102, 1, 101) },
	{ -EINVAL, RELAY(1, 102, 1, 102) },
	{ -EINVAL, RELAY(1, 102, 2, 0) },
	{ -EINVAL, RELAY(1, MV_CIRCUIT_MAX + 1, 2, 202) },
	{ -ENOENT, RELAY(1, 102, 3, 202) },
	{ -EINVAL, CIRCUIT(MV_NEW, 1, 102, .kind = MV_ORIGIN, .hops = 4, .reserve = 32) },
	{ -EINVAL, CIRCUIT(MV_NEW, 1, 102, .kind = MV_ORIGIN, .hops = 11, .reserve = MV_RESERVE_LONG) },
	{ -EINVAL, CIRCUIT(MV_NEW, 1, 102, .kind = MV_ORIGIN, .hops = 5, .reserve = MV_RESERVE_SHORT) },
	{ -ENOENT, CIRCUIT(MV_NEW, 1, 102, .kind = MV_ORIGIN, .reserve = MV_RESERVE_SHORT, .session = 77) },
	{ -EINVAL, CIRCUIT(MV_NEW, 1, 102, .kind = MV_TERMINUS, .reserve = MV_RESERVE_SHORT, .session = 7) },
	{ -EINVAL, CIRCUIT(MV_NEW, 1, 102, .kind = 3) },
	{ -EINVAL, CIRCUIT(MV_SET, 1, 101, .data_class = MV_SMALL) },
	{ -EINVAL, CIRCUIT(MV_SET, 1, 101, .pass = true) },
	{ -ENOENT, CIRCUIT(MV_SET, 1, 101, .session = 77) },
	{ -ENOENT, CIRCUIT(MV_DEL, 1, 100) },
	{ -ENOENT, CIRCUIT(MV_DEL, 2, 200) },
	{ -EEXIST, SESSION(MV_NEW, 7) },
	{ -EEXIST, SESSION(MV_NEW, 9, .has4 = true, .inner4.s_addr = 0x01020305) },
	{ -EINVAL, SESSION(MV_NEW, 0) },
	{ -EINVAL, SESSION(MV_SET, 7, .link = 1, .circuit = 101) },
	{ -ENOENT, SESSION(MV_SET, 7, .link = 1, .circuit = 177) },
	{ -ENOENT, SESSION(MV_DEL, 9) },
	{ -ENOENT, SELECTOR(MV_SET, 2) },
	{ -EINVAL, SELECTOR(MV_DEL, 1) },
	{ -EINVAL, OP(MV_NEW, MV_OBJ_DEVICE, device, .id = 0) },
	{ -EEXIST, OP(MV_NEW, MV_OBJ_DEVICE, device, .id = 1) },
	{ -ENOENT, OP(MV_NEW, MV_OBJ_DEVICE, device, .id = 2, .name = "lo") },
	{ -ENOENT, OP(MV_DEL, MV_OBJ_DEVICE, device, .id = 2) },
	{ -EINVAL, OP(MV_DEL + 1, MV_OBJ_LINK, link, .id = 1) },
	{ -EINVAL, OP(MV_NEW, MV_OBJ_SELECTOR + 1, link, .id = 1) },
};

static void errors(struct kunit *test)
{
	struct fixture *f = test->priv;
	u32 i, failed;
	u64 before;

	KUNIT_ASSERT_EQ(test, apply(f, all, 17, &failed), 0);
	before = digest(f);
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		KUNIT_EXPECT_EQ_MSG(test, apply_one(f, &wrong[i].op), wrong[i].err, "wrong op %u", i);
		KUNIT_ASSERT_EQ_MSG(test, digest(f), before, "wrong op %u", i);
	}
}

static void set_changes_what_is_named(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct mv_op op = LINK_SESSION(MV_SET, 1, 1, .state = MV_SESSION_PREVIOUS, .tx_id = 9, .remote_lanes = 4);
	struct mv_link_session *s;
	u32 failed;

	KUNIT_ASSERT_EQ(test, apply(f, all, 5, &failed), 0);
	s = mv_link_session_find(mv_link_find(f->node, 1), 1);
	op.present = BIT(MESHVPN_A_LINK_SESSION_TX_ID);
	KUNIT_EXPECT_EQ(test, apply_one(f, &op), 0);
	KUNIT_EXPECT_EQ(test, s->tx_id, 9);
	KUNIT_EXPECT_EQ(test, s->state, MV_SESSION_CURRENT);
	KUNIT_EXPECT_EQ(test, s->remote_lanes, 1);
	op.present = BIT(MESHVPN_A_LINK_SESSION_REMOTE_LANES);
	KUNIT_EXPECT_EQ(test, apply_one(f, &op), 0);
	KUNIT_EXPECT_EQ(test, s->remote_lanes, 4);
	KUNIT_EXPECT_EQ(test, rcu_dereference_raw(s->path)->remote_lanes, 4);
	KUNIT_EXPECT_EQ(test, ntohs(rcu_dereference_raw(s->path)->remote.port), 1000);
	op.present = BIT(MESHVPN_A_LINK_SESSION_STATE);
	KUNIT_EXPECT_EQ(test, apply_one(f, &op), 0);
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(s->link->current_session));
}

static void current_displaces(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct mv_link *link;
	u32 failed;

	KUNIT_ASSERT_EQ(test, apply(f, all, 14, &failed), 0);
	link = mv_link_find(f->node, 1);
	KUNIT_EXPECT_PTR_EQ(test, rcu_dereference_raw(link->current_session), mv_link_session_find(link, 2));
	KUNIT_EXPECT_EQ(test, mv_link_session_find(link, 1)->state, MV_SESSION_PREVIOUS);
	KUNIT_EXPECT_EQ(test, mv_link_session_find(link, 2)->state, MV_SESSION_CURRENT);
}

static void prefixes_longest_first(struct kunit *test)
{
	static const u8 near[] = { 10, 1, 2, 3 }, far[] = { 10, 9, 9, 9 }, out[] = { 11, 0, 0, 1 };
	static const u8 six[16] = { 10, 1, 2 };
	struct fixture *f = test->priv;
	const struct mv_selector *s;

	KUNIT_ASSERT_EQ(test, apply_one(f, &all[9]), 0);
	s = rcu_dereference_raw(f->device.selector);
	KUNIT_EXPECT_EQ(test, mv_selector_find(s, 4, near), 8);
	KUNIT_EXPECT_EQ(test, mv_selector_find(s, 4, far), 9);
	KUNIT_EXPECT_EQ(test, mv_selector_find(s, 4, out), 7);
	KUNIT_EXPECT_EQ(test, mv_selector_find(s, 6, six), 0);
}

/* Circuits of one batch: @first and those after it, made or deleted. */
static int apply_many(struct fixture *f, enum mv_verb verb, u32 first)
{
	u32 i, failed;

	for (i = 0; i < BATCH; i++) {
		f->ops[i] = (struct mv_op)RELAY(1, first + i, 2, first + i);
		f->ops[i].verb = verb;
	}
	return apply(f, f->ops, BATCH, &failed);
}

static void many_go_quickly(struct kunit *test)
{
	struct fixture *f = test->priv;
	u64 start, made, deleted, flushed;
	u32 i, failed;

	KUNIT_ASSERT_EQ(test, apply(f, all, 2, &failed), 0);
	start = ktime_get_ns();
	for (i = 1; i < MANY; i += BATCH)
		KUNIT_ASSERT_EQ(test, apply_many(f, MV_NEW, i), 0);
	made = ktime_get_ns();
	KUNIT_EXPECT_EQ(test, f->node->circuits.count, 2 * MANY);
	for (i = 1; i < MANY / 2; i += BATCH)
		KUNIT_ASSERT_EQ(test, apply_many(f, MV_DEL, i), 0);
	deleted = ktime_get_ns();
	mutex_lock(&f->node->lock);
	mv_node_flush(f->node);
	mutex_unlock(&f->node->lock);
	flushed = ktime_get_ns();
	KUNIT_EXPECT_EQ(test, f->node->circuits.count + f->node->links.count, 0);
	kunit_info(test, "a circuit: made in %llu ns, deleted in %llu ns, flushed in %llu ns",
		   (made - start) / MANY, (deleted - made) / (MANY / 2), (flushed - deleted) / (MANY / 2));
	/* 100,000 take well under a few seconds, on the slowest of kernels */
	KUNIT_EXPECT_LT(test, flushed - start, 5 * NSEC_PER_SEC);
}

/* Before the machine sleeps. The node, its sockets and devices stay. */
static void all_is_erased(struct kunit *test)
{
	struct fixture *f = test->priv;
	u32 failed;

	KUNIT_ASSERT_EQ(test, apply(f, all, 17, &failed), 0);
	mv_node_flush_all();
	KUNIT_EXPECT_EQ(test, f->node->link_count + f->node->circuit_count + f->node->exit_count +
			f->node->session_count, 0);
	KUNIT_EXPECT_EQ(test, f->node->device_count, 1);
	KUNIT_EXPECT_TRUE(test, list_empty(&f->device.exits));
	KUNIT_EXPECT_EQ(test, apply(f, all, 17, &failed), 0);
}

static void limits(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct mv_node_conf conf = f->node->conf;
	static const struct mv_op relay = RELAY(1, 1, 2, 1), link = LINK(MV_NEW, .id = 3);
	struct mv_op session = LINK_SESSION(MV_NEW, 1, 0, .rx_ids_count = 1);
	u32 i, failed;

	KUNIT_ASSERT_EQ(test, apply(f, all, 2, &failed), 0);
	conf.max_links = 2;
	conf.max_circuits = 1;
	mutex_lock(&f->node->lock);
	mv_node_set(f->node, &conf);
	mutex_unlock(&f->node->lock);
	KUNIT_EXPECT_EQ(test, apply_one(f, &link), -ENOSPC);
	KUNIT_EXPECT_EQ(test, apply_one(f, &relay), 0);
	f->ops[0] = (struct mv_op)RELAY(1, 2, 2, 2);
	KUNIT_EXPECT_EQ(test, apply_one(f, f->ops), -ENOSPC);
	for (i = 0; i <= MV_LINK_SESSIONS; i++) {
		session.link_session.index = i;
		session.link_session.rx_ids[0] = 100 + i;
		KUNIT_EXPECT_EQ(test, apply_one(f, &session), i < MV_LINK_SESSIONS ? 0 : -ENOSPC);
	}
	/* what is over after a node was deleted is over */
	mv_node_del(f->node);
	KUNIT_EXPECT_EQ(test, apply_one(f, &link), -ENOENT);
}

static struct kunit_case apply_cases[] = {
	KUNIT_CASE(undone_everywhere),
	KUNIT_CASE(one_batch),
	KUNIT_CASE(errors),
	KUNIT_CASE(set_changes_what_is_named),
	KUNIT_CASE(current_displaces),
	KUNIT_CASE(prefixes_longest_first),
	KUNIT_CASE(many_go_quickly),
	KUNIT_CASE(all_is_erased),
	KUNIT_CASE(limits),
	{}
};

static struct kunit_suite apply_suite = {
	.name = "meshvpn-apply",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = apply_cases,
};

kunit_test_suite(apply_suite);
