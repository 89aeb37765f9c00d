// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Joining of fragments that may come twice and in any order: a bitmap of the bytes that are there.
 */
#include "assembly.h"

#include <sodium.h>
#include <stdlib.h>

static size_t part_size(u16 total)
{
	return total + (total + 7u) / 8;
}

static void part_free(struct assembly_part *p)
{
	if (p->data)
		sodium_memzero(p->data, part_size(p->total));
	free(p->data);
	memset(p, 0, sizeof(*p));
}

void assembly_fini(struct assembly *a)
{
	u32 i;

	for (i = 0; i < ASSEMBLY_MAX; i++)
		part_free(&a->parts[i]);
}

/* The slot of this message, else a free, expired or the oldest one. */
static struct assembly_part *part_get(struct assembly *a, u64 now, const struct message *m, u16 total)
{
	struct assembly_part *p, *best = &a->parts[0];
	u32 i;

	for (i = 0; i < ASSEMBLY_MAX; i++) {
		p = &a->parts[i];
		if (p->data && now - p->at > ASSEMBLY_NS)
			part_free(p);
		if (p->data && p->txid == m->txid && p->type == m->type)
			return p->total == total && p->flags == m->flags ? p : NULL;
		if (!p->data || (best->data && p->at < best->at))
			best = p;
	}
	part_free(best);
	best->data = calloc(1, part_size(total));
	if (!best->data)
		return NULL;
	best->txid = m->txid;
	best->type = m->type;
	best->flags = m->flags;
	best->total = total;
	best->at = now;
	return best;
}

static bool part_add(struct assembly_part *p, const u8 *data, u16 offset, size_t len)
{
	u8 *bits = p->data + p->total;
	size_t i;

	memcpy(p->data + offset, data, len);
	for (i = offset; i < offset + len; i++) {
		p->have += !(bits[i / 8] >> i % 8 & 1);
		bits[i / 8] |= 1 << i % 8;
	}
	return p->have == p->total;
}

/* One fragment; the rest of the payload up to the message's end belongs to it. */
static bool fragment(struct assembly *a, u64 now, struct cursor *c, u8 type, assembly_each each, void *arg)
{
	struct message m = { .type = type };
	struct assembly_part *p, whole;
	u16 total, offset;
	size_t len;
	const u8 *data;

	m.flags = cursor_u8(c);
	m.txid = cursor_le64(c);
	total = cursor_le16(c);
	offset = cursor_le16(c);
	if (c->bad || total > MESSAGE_MAX || offset > total || (offset == total && total))
		return false;
	len = total - offset;
	if (len > cursor_left(c))
		len = cursor_left(c);
	data = cursor_take(c, len);
	if (len == total) {
		m.data = data;
		m.len = len;
		each(arg, &m);
		return true;
	}
	p = len ? part_get(a, now, &m, total) : NULL;
	if (!p)
		return false;
	if (!part_add(p, data, offset, len))
		return true;
	whole = *p;
	memset(p, 0, sizeof(*p));
	m.data = whole.data;
	m.len = total;
	each(arg, &m);
	part_free(&whole);
	return true;
}

bool assembly_feed(struct assembly *a, u64 now, const u8 *payload, size_t len, assembly_each each, void *arg)
{
	struct cursor c = cursor_of(payload, len);
	u8 type;

	while (cursor_left(&c)) {
		type = cursor_u8(&c);
		if (type == MESSAGE_PADDING)
			return true;
		if (!fragment(a, now, &c, type, each, arg))
			return false;
	}
	return true;
}

size_t assembly_cut(const struct message *m, size_t offset, u8 *out, size_t room)
{
	struct writer w = writer_of(out, room);
	size_t len = m->len - offset;

	if (len > room - MESSAGE_HEADER)
		len = room - MESSAGE_HEADER;
	writer_u8(&w, m->type);
	writer_u8(&w, m->flags);
	writer_le64(&w, m->txid);
	writer_le16(&w, m->len);
	writer_le16(&w, offset);
	writer_put(&w, m->data + offset, len);
	memset(w.at, 0, (size_t)(w.end - w.at));
	return len;
}
