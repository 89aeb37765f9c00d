// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reassembly fed by a hostile peer: any payloads under any numbers in any order, over circuits
 * that share few buffers, with the clock jumping. What comes out has the form of a packet, and no
 * buffer is lost.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <datapath/reassembly.h>

#define CIRCUITS 3
#define MTU 1280

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void sink(void *arg, const u8 *packet, u32 len)
{
	u8 *copy = malloc(len);

	assert(mv_frame_packet_ok(packet, len, MTU));
	memcpy(copy, packet, len);	/* every byte can be read */
	free(copy);
	++*(u32 *)arg;
}

/* Records: circuit and jump (1 byte), number (1), time (1), payload length (1), payload. */
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct reassembly_conf conf = { 7, 5, MTU, REASSEMBLY_TIME_NS };
	struct reassembly_pool pool;
	struct reassembly r[CIRCUITS];
	u64 top = 4096, now = 0;
	u32 packets = 0, i, n = 0;

	if (reassembly_pool_init(&pool, &conf))
		abort();
	for (i = 0; i < CIRCUITS; i++)
		reassembly_init(&r[i], &pool);
	while (size >= 4) {
		u32 len = data[3], kind = data[0] >> 4;
		u64 counter = top + data[1] - 100;
		u8 *payload;

		if (kind == 15)
			top += (u64)data[1] << (data[2] & 31);
		now += (u64)data[2] * 100000;
		i = data[0] % CIRCUITS;
		if (len > size - 4)
			len = (u32)size - 4;
		payload = malloc(len ? len : 1);
		memcpy(payload, data + 4, len);
		reassembly_input(&r[i], counter, payload, len, now, sink, &packets);
		free(payload);
		if (kind == 14)
			reassembly_expire(&pool, now);
		if (kind == 13)
			reassembly_fini(&r[i]);
		top++;
		data += 4 + len;
		size -= 4 + len;
		assert(r[0].held + r[1].held + r[2].held + pool.available == conf.buffers);
		assert(r[i].held <= conf.per_circuit);
		assert(++n < 1 << 20);
	}
	reassembly_expire(&pool, ~0ULL);
	for (i = 0; i < CIRCUITS; i++) {
		assert(r[i].held <= 1);
		reassembly_fini(&r[i]);
		assert(!r[i].held);
	}
	assert(list_empty(&pool.waiting) && list_empty(&pool.open));
	assert(pool.available == conf.buffers);
	reassembly_pool_fini(&pool);
	return 0;
}
