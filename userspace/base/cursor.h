/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bounded reading and writing of wire bytes. A cursor that runs over its end turns bad and stays
 * bad, reads zeros and writes nothing: parse everything, then ask cursor_done() once. All
 * untrusted bytes in userspace are read this way.
 */
#ifndef MESHVPN_BASE_CURSOR_H
#define MESHVPN_BASE_CURSOR_H

#include <stddef.h>
#include <meshvpn/types.h>

struct cursor {
	const u8 *at, *end;
	bool bad;
};

static inline struct cursor cursor_of(const void *data, size_t len)
{
	return (struct cursor){ data, (const u8 *)data + len, false };
}

static inline size_t cursor_left(const struct cursor *c)
{
	return (size_t)(c->end - c->at);
}

/* The next @len bytes in place, or NULL (and bad) if there are fewer. */
static inline const u8 *cursor_take(struct cursor *c, size_t len)
{
	const u8 *at = c->at;

	if (c->bad || cursor_left(c) < len) {
		c->bad = true;
		return NULL;
	}
	c->at += len;
	return at;
}

static inline void cursor_read(struct cursor *c, void *to, size_t len)
{
	const u8 *at = cursor_take(c, len);

	if (at)
		memcpy(to, at, len);
	else
		memset(to, 0, len);
}

static inline u8 cursor_u8(struct cursor *c)
{
	const u8 *at = cursor_take(c, 1);

	return at ? *at : 0;
}

static inline u16 cursor_le16(struct cursor *c)
{
	const u8 *at = cursor_take(c, 2);

	return at ? mv_get_le16(at) : 0;
}

static inline u32 cursor_le32(struct cursor *c)
{
	const u8 *at = cursor_take(c, 4);

	return at ? mv_get_le32(at) : 0;
}

static inline u64 cursor_le64(struct cursor *c)
{
	const u8 *at = cursor_take(c, 8);

	return at ? mv_get_le64(at) : 0;
}

/* A part of @len bytes as a cursor of its own; empty and bad if there are fewer. */
static inline struct cursor cursor_part(struct cursor *c, size_t len)
{
	const u8 *at = cursor_take(c, len);
	struct cursor part = { at, at ? at + len : at, !at };

	return part;
}

/* Was everything there, and nothing is left? */
static inline bool cursor_done(const struct cursor *c)
{
	return !c->bad && c->at == c->end;
}

/* Writing, with the same manners. */
struct writer {
	u8 *start, *at, *end;
	bool bad;
};

static inline struct writer writer_of(void *data, size_t len)
{
	return (struct writer){ data, data, (u8 *)data + len, false };
}

static inline size_t writer_len(const struct writer *w)
{
	return (size_t)(w->at - w->start);
}

/* Room for @len bytes in place, or NULL (and bad). */
static inline u8 *writer_take(struct writer *w, size_t len)
{
	u8 *at = w->at;

	if (w->bad || (size_t)(w->end - w->at) < len) {
		w->bad = true;
		return NULL;
	}
	w->at += len;
	return at;
}

static inline void writer_put(struct writer *w, const void *from, size_t len)
{
	u8 *at = writer_take(w, len);

	if (at && len)
		memcpy(at, from, len);
}

static inline void writer_u8(struct writer *w, u8 v)
{
	writer_put(w, &v, 1);
}

static inline void writer_le16(struct writer *w, u16 v)
{
	u8 *at = writer_take(w, 2);

	if (at)
		mv_put_le16(at, v);
}

static inline void writer_le32(struct writer *w, u32 v)
{
	u8 *at = writer_take(w, 4);

	if (at)
		mv_put_le32(at, v);
}

static inline void writer_le64(struct writer *w, u64 v)
{
	u8 *at = writer_take(w, 8);

	if (at)
		mv_put_le64(at, v);
}

#endif
