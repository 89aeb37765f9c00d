// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Control messages into fragments and back: see message.h. A message's bytes are marked one by
 * one, since a repeated message may be cut at other places.
 */
#include "message.h"

#include <errno.h>
#include <stdlib.h>
#include <sodium.h>

struct message_part {
	u8 type, flags;
	u16 total, missing;
	u64 txid, since;
	u8 *have;		/* a bit a byte, after the data */
	u8 data[];
};

size_t message_fragment(struct message_fragments *f, u8 *out, size_t room)
{
	struct writer w = writer_of(out, room);
	size_t left = f->m.len - f->at, take;

	if (f->done || room < MESSAGE_HEADER + (left > 0))
		return 0;
	take = room - MESSAGE_HEADER < left ? room - MESSAGE_HEADER : left;
	writer_u8(&w, f->m.type);
	writer_u8(&w, f->m.flags);
	writer_le64(&w, f->m.txid);
	writer_le16(&w, (u16)f->m.len);
	writer_le16(&w, (u16)f->at);
	if (take)
		writer_put(&w, f->m.data + f->at, take);
	f->at += take;
	f->done = f->at == f->m.len;
	return writer_len(&w);
}

static size_t part_size(u16 total)
{
	return sizeof(struct message_part) + total + (total + 7) / 8;
}

static void part_free(struct message_part **part)
{
	if (*part) {
		sodium_memzero(*part, part_size((*part)->total));
		free(*part);
	}
	*part = NULL;
}

void message_joiner_init(struct message_joiner *j)
{
	memset(j, 0, sizeof(*j));
}

void message_joiner_fini(struct message_joiner *j)
{
	u32 i;

	part_free(&j->finished);
	for (i = 0; i < MESSAGE_UNFINISHED_MAX; i++)
		part_free(&j->parts[i]);
}

static void expire(struct message_joiner *j, u64 now)
{
	u32 i;

	for (i = 0; i < MESSAGE_UNFINISHED_MAX; i++)
		if (j->parts[i] && now - j->parts[i]->since > MESSAGE_PART_NS) {
			part_free(&j->parts[i]);
			j->dropped++;
		}
}

/* A place for one more: a free one, or the oldest's. */
static struct message_part **slot(struct message_joiner *j)
{
	struct message_part **oldest = &j->parts[0];
	u32 i;

	for (i = 0; i < MESSAGE_UNFINISHED_MAX; i++) {
		if (!j->parts[i])
			return &j->parts[i];
		if (j->parts[i]->since < (*oldest)->since)
			oldest = &j->parts[i];
	}
	part_free(oldest);
	j->dropped++;
	return oldest;
}

/* One fragment as it stands in a cell. */
struct fragment {
	u8 type, flags;
	u64 txid;
	u16 total, offset;
	const u8 *data;
	size_t len;
};

static struct message_part **find(struct message_joiner *j, const struct fragment *f)
{
	u32 i;

	for (i = 0; i < MESSAGE_UNFINISHED_MAX; i++)
		if (j->parts[i] && j->parts[i]->txid == f->txid && j->parts[i]->type == f->type)
			return &j->parts[i];
	return NULL;
}

static struct message_part **begin(struct message_joiner *j, const struct fragment *f, u64 now)
{
	struct message_part **at = slot(j), *p = calloc(1, part_size(f->total));

	*at = p;
	if (!p)
		return NULL;
	p->type = f->type;
	p->flags = f->flags;
	p->txid = f->txid;
	p->total = p->missing = f->total;
	p->since = now;
	p->have = p->data + f->total;
	return at;
}

static bool has(const struct message_part *p, size_t i)
{
	return p->have[i / 8] >> (i % 8) & 1;
}

/* Do the bytes that came before say the same? */
static bool agrees(const struct message_part *p, const struct fragment *f)
{
	size_t i;

	if (p->flags != f->flags || p->total != f->total)
		return false;
	for (i = 0; i < f->len; i++)
		if (has(p, f->offset + i) && p->data[f->offset + i] != f->data[i])
			return false;
	return true;
}

static void fill(struct message_part *p, const struct fragment *f)
{
	size_t i, at;

	for (i = 0; i < f->len; i++) {
		at = f->offset + i;
		if (has(p, at))
			continue;
		p->have[at / 8] |= 1 << (at % 8);
		p->data[at] = f->data[i];
		p->missing--;
	}
}

/* A fragment of a longer message. Return: did it complete it? */
static bool add(struct message_joiner *j, const struct fragment *f, u64 now)
{
	struct message_part **at;

	expire(j, now);
	at = find(j, f);
	if (!at)
		at = begin(j, f, now);
	if (!at || !agrees(*at, f)) {
		j->dropped++;
		return false;
	}
	fill(*at, f);
	if ((*at)->missing)
		return false;
	j->finished = *at;
	*at = NULL;
	return true;
}

static bool parse(struct cursor *c, struct fragment *f)
{
	f->flags = cursor_u8(c);
	f->txid = cursor_le64(c);
	f->total = cursor_le16(c);
	f->offset = cursor_le16(c);
	if (c->bad || f->total > MESSAGE_MAX || f->offset > f->total || (f->offset == f->total && f->total))
		return false;
	f->len = f->total - f->offset;
	if (f->len > cursor_left(c))
		f->len = cursor_left(c);
	f->data = cursor_take(c, f->len);
	/* an empty fragment of a message that is not empty says nothing */
	return f->len || !f->total;
}

int message_join(struct message_joiner *j, struct cursor *c, u64 now, struct message *m)
{
	struct fragment f;

	part_free(&j->finished);
	while (cursor_left(c)) {
		f.type = cursor_u8(c);
		if (f.type == MESSAGE_PADDING)
			return 0;
		if (!parse(c, &f))
			return -EBADMSG;
		if (f.len == f.total) {
			*m = (struct message){ f.type, f.flags, f.txid, f.data, f.len };
			return 1;
		}
		if (!add(j, &f, now))
			continue;
		*m = (struct message){ f.type, f.flags, f.txid, j->finished->data, f.total };
		return 1;
	}
	return 0;
}
