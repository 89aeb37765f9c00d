// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Arbitrary datagrams through shape check and header opening, and every header that can be sealed
 * opened again; the replay window over the numbers that come out.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <meshvpn/header.h>
#include <meshvpn/replay.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void seal_again(u8 *cell, u32 len, const struct mv_header_keys *keys, u64 h)
{
	u32 circuit = (u32)(h >> 40), body = len - MV_CELL_HEADER;
	u64 counter = h & MV_COUNTER_MAX, link = h * 0x9e3779b97f4a7c15ULL >> 8;
	struct mv_header out;

	mv_header_seal(cell, keys, link, circuit, counter, body, (u8)h);
	assert(mv_cell_shape(cell, len));
	assert(mv_cell_link(cell) == link);
	assert(mv_header_open(cell, keys, body, &out));
	assert(out.circuit == circuit && out.counter == counter);
	cell[1 + h % (MV_CELL_HEADER - 1)] ^= 1 << h % 8;
	assert(!mv_header_open(cell, keys, body, &out));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct mv_header_keys keys;
	struct mv_replay window;
	struct mv_header h;
	u8 *cell;
	u32 len, i;

	if (size < 33)
		return 0;
	mv_header_keys_init(&keys, data, data + 16);
	len = (u32)size - 32;
	cell = malloc(len);
	if (!cell)
		return 0;
	memcpy(cell, data + 32, len);
	if (mv_cell_shape(cell, len)) {
		assert(mv_class_cell(mv_cell_class(len)) == len);
		mv_header_open(cell, &keys, len - MV_CELL_HEADER, &h);
		assert(h.circuit <= MV_CIRCUIT_MAX && h.counter <= MV_COUNTER_MAX);
		seal_again(cell, len, &keys, mv_get_le64(cell + MV_CELL_BODY));
	}
	mv_replay_init(&window);
	for (i = 0; i + 8 <= len; i += 8) {
		u64 n = mv_get_le64(data + 32 + i) >> (data[32 + i] & 63);
		bool fresh = mv_replay_check(&window, n);

		assert(mv_replay_commit(&window, n) == fresh);
		assert(!mv_replay_check(&window, n) && !mv_replay_commit(&window, n));
	}
	free(cell);
	return 0;
}
