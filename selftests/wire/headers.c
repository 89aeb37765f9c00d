// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every function of the shared headers in an object, as kernel code and as BPF: compile.sh looks
 * for these symbols and that nothing else is needed. At most five arguments, as BPF has it.
 */
#include "offsets.h"

u32 use_class(u32 len);
u32 use_cell(const u8 *cell, u32 len, u64 *link);
void use_keys(struct mv_header_keys *keys, const u8 *tag, const u8 *mask);
void use_seal(u8 *cell, const struct mv_header_keys *keys, const struct mv_header *h, u64 link, u32 body);
int use_open(const u8 *cell, const struct mv_header_keys *keys, u32 body, struct mv_header *h);
void use_replay_init(struct mv_replay *w);
int use_replay(struct mv_replay *w, u64 n);
int use_length(const u8 *p, u32 have, u32 mtu);
u32 use_begin(struct mv_frame_packer *p, u8 *payload, u32 len);
u32 use_add(struct mv_frame_packer *p, const u8 *packet, u32 len);
u32 use_put(struct mv_frame_packer *p, const u8 *packet, u32 len);
int use_end(struct mv_frame_packer *p, int cancel);
int use_control(u8 *payload, u32 len, const u8 *message, u32 message_len);
int use_iter(struct mv_frame_iter *it, const u8 *payload, u32 len, u32 mtu);
int use_next(struct mv_frame_iter *it, struct mv_frame_piece *piece);
void use_join_start(struct mv_frame_partial *p, u8 *buf, const struct mv_frame_piece *piece);
int use_join(struct mv_frame_partial *p, u8 *buf, const struct mv_frame_piece *piece, u32 mtu);

u32 use_class(u32 len)
{
	return mv_class_cell(mv_cell_class(len)) + mv_reserve(len);
}

u32 use_cell(const u8 *cell, u32 len, u64 *link)
{
	*link = mv_cell_link(cell);
	return mv_cell_shape(cell, len);
}

void use_keys(struct mv_header_keys *keys, const u8 *tag, const u8 *mask)
{
	mv_header_keys_init(keys, tag, mask);
}

void use_seal(u8 *cell, const struct mv_header_keys *keys, const struct mv_header *h, u64 link, u32 body)
{
	mv_header_seal(cell, keys, link, h->circuit, h->counter, body, (u8)h->counter);
}

int use_open(const u8 *cell, const struct mv_header_keys *keys, u32 body, struct mv_header *h)
{
	return mv_header_open(cell, keys, body, h);
}

void use_replay_init(struct mv_replay *w)
{
	mv_replay_init(w);
}

int use_replay(struct mv_replay *w, u64 n)
{
	return mv_replay_check(w, n) && mv_replay_commit(w, n);
}

int use_length(const u8 *p, u32 have, u32 mtu)
{
	return mv_frame_packet_ok(p, have, mtu) ? (int)have : mv_frame_packet_len(p, have, mtu);
}

u32 use_begin(struct mv_frame_packer *p, u8 *payload, u32 len)
{
	mv_frame_begin(p, payload, len);
	return mv_frame_room(p);
}

u32 use_add(struct mv_frame_packer *p, const u8 *packet, u32 len)
{
	return mv_frame_add(p, packet, len) + mv_frame_rest(p);
}

u32 use_put(struct mv_frame_packer *p, const u8 *packet, u32 len)
{
	return mv_frame_put(p, packet, len);
}

int use_end(struct mv_frame_packer *p, int cancel)
{
	if (cancel)
		mv_frame_cancel(p);
	mv_frame_end(p);
	return mv_frame_used(p);
}

int use_control(u8 *payload, u32 len, const u8 *message, u32 message_len)
{
	return mv_frame_control(payload, len, message, message_len);
}

int use_iter(struct mv_frame_iter *it, const u8 *payload, u32 len, u32 mtu)
{
	return mv_frame_open(it, payload, len, mtu);
}

int use_next(struct mv_frame_iter *it, struct mv_frame_piece *piece)
{
	return mv_frame_next(it, piece);
}

void use_join_start(struct mv_frame_partial *p, u8 *buf, const struct mv_frame_piece *piece)
{
	mv_frame_join_start(p, buf, piece);
}

int use_join(struct mv_frame_partial *p, u8 *buf, const struct mv_frame_piece *piece, u32 mtu)
{
	return mv_frame_join(p, buf, piece->ptr, piece->len, piece->ends, mtu);
}
