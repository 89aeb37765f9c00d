// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Control messages: any message in fragments of any room, in any order, repeated and lost, comes
 * out as it went in; memory stays bounded; malformed fragments end the cell. And the cache of
 * replies.
 */
#include <kselftest_harness.h>

#include <errno.h>
#include <stdlib.h>

#include <link/message.h>
#include <link/replies.h>

static u64 state = 88172645463325252ULL;

static u32 rnd(u32 below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (u32)(state >> 20) % below;
}

FIXTURE(joiner) {
	struct message_joiner j;
	u8 data[MESSAGE_MAX + 1];
	u8 cells[512][1200];
	u32 cell_len[512], cells_count;
};

FIXTURE_SETUP(joiner)
{
	u32 i;

	message_joiner_init(&self->j);
	for (i = 0; i < sizeof(self->data); i++)
		self->data[i] = (u8)rnd(256);
	self->cells_count = 0;
}

FIXTURE_TEARDOWN(joiner)
{
	message_joiner_fini(&self->j);
}

static void cut(FIXTURE_DATA(joiner) *self, const struct message *m, u32 room)
{
	struct message_fragments f = message_fragments_of(m);
	size_t n;

	while ((n = message_fragment(&f, self->cells[self->cells_count], room)))
		self->cell_len[self->cells_count++] = (u32)n;
}

static int feed(FIXTURE_DATA(joiner) *self, u32 i, u64 now, struct message *m)
{
	struct cursor c = cursor_of(self->cells[i], self->cell_len[i]);

	return message_join(&self->j, &c, now, m);
}

TEST_F(joiner, any_length_and_room)
{
	u32 lens[] = { 0, 1, 13, 100, 1138, 1139, 2000, MESSAGE_MAX }, i, k;

	for (i = 0; i < 8; i++) {
		struct message m = { MESSAGE_CREATE, 3, 1000 + i, self->data, lens[i] }, out;
		u32 got = 0;

		self->cells_count = 0;
		cut(self, &m, i % 2 ? 1152 : 100);
		for (k = 0; k < self->cells_count; k++) {
			u32 at = self->cells_count - 1 - k;	/* last first */

			if (feed(self, at, 5, &out) != 1)
				continue;
			got++;
			ASSERT_EQ(lens[i], out.len);
			EXPECT_EQ(0, memcmp(out.data, self->data, out.len));
			EXPECT_EQ(MESSAGE_CREATE, out.type);
			EXPECT_EQ(3, out.flags);
			EXPECT_EQ(1000 + i, out.txid);
		}
		EXPECT_EQ(1, got);
	}
	EXPECT_EQ(0, self->j.dropped);
}

TEST_F(joiner, repeated_with_other_cuts)
{
	struct message m = { MESSAGE_CREATE, 0, 7, self->data, 3000 }, out;
	u32 first, k, got = 0;

	cut(self, &m, 700);
	first = self->cells_count;
	cut(self, &m, 512);
	for (k = 0; k < 400 && !got; k++) {
		u32 at = rnd(self->cells_count);

		if (at == 1 || at == first + 3)
			continue;	/* lost: the other cut has these bytes */
		got += feed(self, at, 5, &out) == 1;
	}
	ASSERT_EQ(1, got);
	EXPECT_EQ(0, memcmp(out.data, self->data, 3000));
}

TEST_F(joiner, too_long_is_not_sent)
{
	struct message m = { MESSAGE_CREATE, 0, 7, self->data, MESSAGE_MAX + 1 };

	cut(self, &m, 1152);
	EXPECT_EQ(0, self->cells_count);
}

TEST_F(joiner, bounded)
{
	struct message out;
	u32 i, waiting = 0;

	for (i = 0; i < 100; i++) {
		struct message m = { MESSAGE_CREATE, 0, i, self->data, 2000 };

		self->cells_count = 0;
		cut(self, &m, 1152);
		EXPECT_EQ(0, feed(self, 0, 10 + i, &out));
	}
	for (i = 0; i < MESSAGE_UNFINISHED_MAX; i++)
		waiting += !!self->j.parts[i];
	EXPECT_EQ(MESSAGE_UNFINISHED_MAX, waiting);
	EXPECT_EQ(100 - MESSAGE_UNFINISHED_MAX, self->j.dropped);
	/* the youngest can be completed, and the rest expires */
	EXPECT_EQ(1, feed(self, 1, 200, &out));
	EXPECT_EQ(0, feed(self, 0, 200 + MESSAGE_PART_NS + 1, &out));
	EXPECT_EQ(99, self->j.dropped);
}

TEST_F(joiner, contradictions_are_dropped)
{
	struct message m = { MESSAGE_CREATE, 0, 7, self->data, 2000 }, out;

	cut(self, &m, 1152);
	EXPECT_EQ(0, feed(self, 0, 1, &out));
	self->cells[0][100] ^= 1;
	EXPECT_EQ(0, feed(self, 0, 1, &out));
	EXPECT_EQ(1, self->j.dropped);
	self->cells[0][100] ^= 1;
	ASSERT_EQ(1, feed(self, 1, 1, &out));
	EXPECT_EQ(0, memcmp(out.data, self->data, 2000));
}

TEST_F(joiner, several_in_a_cell_and_padding)
{
	u8 cell[1152] = { 0 };
	struct message a = { MESSAGE_PING, 0, 1, NULL, 0 }, b = { MESSAGE_DESTROY, 0, 2, self->data, 5 }, out;
	struct message_fragments fa = message_fragments_of(&a), fb = message_fragments_of(&b);
	size_t at = message_fragment(&fa, cell, sizeof(cell));
	struct cursor c = cursor_of(cell, sizeof(cell));

	at += message_fragment(&fb, cell + at, sizeof(cell) - at);
	ASSERT_EQ(1, message_join(&self->j, &c, 1, &out));
	EXPECT_EQ(MESSAGE_PING, out.type);
	ASSERT_EQ(1, message_join(&self->j, &c, 1, &out));
	EXPECT_EQ(MESSAGE_DESTROY, out.type);
	EXPECT_EQ(5, out.len);
	EXPECT_EQ(0, message_join(&self->j, &c, 1, &out));
}

TEST_F(joiner, malformed)
{
	static const struct {
		u16 total, offset;
		size_t len;
	} bad[] = { { 10, 10, 5 }, { 10, 11, 5 }, { MESSAGE_MAX + 1, 0, 100 }, { 10, 0, 0 }, { 0, 1, 3 } };
	struct message out;
	u32 i;

	for (i = 0; i < 5; i++) {
		u8 cell[200] = { MESSAGE_PING };
		struct cursor c = cursor_of(cell, MESSAGE_HEADER + bad[i].len);

		mv_put_le32(cell + 10, bad[i].total | (u32)bad[i].offset << 16);
		EXPECT_EQ(-EBADMSG, message_join(&self->j, &c, 1, &out));
	}
	for (i = 1; i < MESSAGE_HEADER; i++) {
		u8 cell[MESSAGE_HEADER] = { MESSAGE_PING };
		struct cursor c = cursor_of(cell, i);

		EXPECT_EQ(-EBADMSG, message_join(&self->j, &c, 1, &out));
	}
	for (i = 0; i < MESSAGE_UNFINISHED_MAX; i++)
		EXPECT_EQ(NULL, self->j.parts[i]);
}

TEST(replies)
{
	struct message q = { MESSAGE_CREATE, 0, 9, (const u8 *)"abc", 3 }, other = { MESSAGE_CREATE, 0, 9, (const u8 *)"abd", 3 };
	struct message a, more = q;
	struct replies r;

	replies_init(&r, 2, 1000, 1);
	EXPECT_EQ(REPLIES_NEW, replies_begin(&r, 1, &q, &a));
	EXPECT_EQ(REPLIES_PENDING, replies_begin(&r, 2, &q, &a));
	EXPECT_EQ(REPLIES_CONFLICT, replies_begin(&r, 2, &other, &a));
	EXPECT_EQ(0, replies_answer(&r, 9, MESSAGE_CREATED, 1, "reply", 5));
	ASSERT_EQ(REPLIES_KNOWN, replies_begin(&r, 3, &q, &a));
	EXPECT_EQ(5, a.len);
	EXPECT_EQ(0, memcmp(a.data, "reply", 5));
	EXPECT_EQ(MESSAGE_CREATED, a.type);
	EXPECT_EQ(9, a.txid);
	EXPECT_EQ(REPLIES_CONFLICT, replies_begin(&r, 3, &other, &a));
	more.txid = 10;
	EXPECT_EQ(REPLIES_NEW, replies_begin(&r, 3, &more, &a));
	more.txid = 11;
	EXPECT_EQ(REPLIES_FULL, replies_begin(&r, 3, &more, &a));
	/* short-lived */
	EXPECT_EQ(REPLIES_NEW, replies_begin(&r, 1001, &more, &a));
	EXPECT_EQ(-ENOENT, replies_answer(&r, 9, MESSAGE_CREATED, 1, "reply", 5));
	replies_forget(&r, 11);
	EXPECT_EQ(REPLIES_NEW, replies_begin(&r, 1001, &more, &a));
	replies_fini(&r);
}

/* As many as a link may have: each is found, and none by a long search. */
TEST(many_replies)
{
	struct message q = { MESSAGE_CREATE, 0, 0, (const u8 *)"abc", 3 }, a;
	u32 i, n, longest = 0;
	struct replies r;
	struct list *at;

	replies_init(&r, 1024, 1000, 0x123456789abcdef);
	for (i = 0; i < 1024; i++) {
		q.txid = (u64)i << 32;
		ASSERT_EQ(REPLIES_NEW, replies_begin(&r, i / 2, &q, &a));
		if (i % 2)
			ASSERT_EQ(0, replies_answer(&r, q.txid, MESSAGE_CREATED, 0, &i, sizeof(i)));
	}
	q.txid = 1;
	EXPECT_EQ(REPLIES_FULL, replies_begin(&r, 600, &q, &a));
	for (i = 0; i < 1024; i++) {
		q.txid = (u64)i << 32;
		ASSERT_EQ(i % 2 ? REPLIES_KNOWN : REPLIES_PENDING, replies_begin(&r, 600, &q, &a));
		EXPECT_TRUE(i % 2 == 0 || (a.txid == q.txid && !memcmp(a.data, &i, sizeof(i))));
	}
	ASSERT_NE(NULL, r.index.buckets);
	for (i = 0; i <= r.index.mask; i++) {
		for (n = 0, at = r.index.buckets[i].next; at != &r.index.buckets[i]; at = at->next)
			n++;
		longest = n > longest ? n : longest;
	}
	EXPECT_GT(20, longest);
	/* half of them are too old */
	EXPECT_EQ(REPLIES_KNOWN, replies_begin(&r, 1256, &q, &a));
	EXPECT_EQ(1024 - 2 * 257, r.count);
	q.txid = 0;
	EXPECT_EQ(REPLIES_NEW, replies_begin(&r, 1256, &q, &a));
	replies_forget(&r, 0);
	EXPECT_EQ(REPLIES_NEW, replies_begin(&r, 1256, &q, &a));
	replies_fini(&r);
	EXPECT_EQ(0, r.count);
}

TEST_HARNESS_MAIN
