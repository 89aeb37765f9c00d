// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The joiner of control messages: any cells in any order within its bounds of memory, and what it
 * joins, cut again and joined again, is the same.
 *
 * Input: u8 length / 4, bytes, for each cell.
 */
#include <stdlib.h>

#include <link/message.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void again(const struct message *m)
{
	struct message_fragments f = message_fragments_of(m);
	struct message_joiner j;
	struct message out;
	u32 got = 0;
	u8 cell[300];

	message_joiner_init(&j);
	while (!f.done) {
		size_t n = message_fragment(&f, cell, sizeof(cell));
		struct cursor c = cursor_of(cell, n);

		if (!n)
			abort();
		while (message_join(&j, &c, 1, &out) > 0) {
			got++;
			if (out.len != m->len || out.txid != m->txid || (m->len && memcmp(out.data, m->data, m->len)))
				abort();
		}
	}
	if (got != (m->type != MESSAGE_PADDING))
		abort();
	message_joiner_fini(&j);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct cursor c = cursor_of(data, size);
	struct message_joiner j;
	struct message m;
	u64 now = 1;

	message_joiner_init(&j);
	while (cursor_left(&c)) {
		size_t len = 4 * (size_t)cursor_u8(&c);
		struct cursor cell = cursor_part(&c, len < cursor_left(&c) ? len : cursor_left(&c));

		while (message_join(&j, &cell, now, &m) > 0) {
			if (m.len > MESSAGE_MAX)
				abort();
			again(&m);
		}
		now += MESSAGE_PART_NS / 16;
	}
	message_joiner_fini(&j);
	return 0;
}
