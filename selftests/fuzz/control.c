// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Plaintexts of link control cells: the fuzzer is an authenticated peer that says anything, in
 * cells of any class, to both ends of a link, with time passing between them.
 *
 * Input: for each cell u8 (bits 0-1 class, bit 2 towards the client, bit 3 a building cell, bits
 * 4-7 how much time), u16 length, bytes.
 */
#include "links.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void cell(struct end *from, enum mv_class class, bool building, const u8 *data, size_t len)
{
	struct session *s = from->link ? from->link->current : NULL;
	u8 c[MV_CELL_MAX] = { 0 }, nonce[12] = { 0 };
	u32 body = mv_class_body(class);

	if (!s)
		return;
	memcpy(c + MV_CELL_BODY, data, len < body ? len : body);
	if (!building) {
		mv_put_le64(nonce + 4, s->tx_counter);
		crypto_aead_chacha20poly1305_ietf_encrypt_detached(c + MV_CELL_BODY, c + MV_CELL_LAYER, NULL,
								   c + MV_CELL_BODY, body, NULL, 0, NULL, nonce,
								   s->tx_keys.control);
	}
	mv_header_seal(c, &s->tx_header, s->tx_id, building ? 9 : MV_CIRCUIT_CONTROL, s->tx_counter++, body, 0);
	end_arrive(from->other, c, MV_CELL_HEADER + body);
}

static void exchange(struct end *a, struct end *b)
{
	u32 i;

	for (i = 0; i < 4; i++) {
		end_flush(a);
		end_flush(b);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct end client, relay;
	struct cursor c = cursor_of(data, size);

	if (sodium_init() < 0)
		return 0;
	fuzz_state = 2;
	end_init(&client, "198.51.100.1:1", size && *data & 0x40, &relay);
	end_init(&relay, "192.0.2.1:2", true, &client);
	end_open(&client);
	exchange(&client, &relay);
	if (!client.link || !relay.link)
		abort();
	while (cursor_left(&c) > 3) {
		u8 how = cursor_u8(&c);
		size_t len = cursor_le16(&c);

		if (len > cursor_left(&c))
			len = cursor_left(&c);
		cell(how & 4 ? &relay : &client, (how & 3) % MV_CLASSES, how & 8, cursor_take(&c, len), len);
		exchange(&relay, &client);
		timers_run(&client.timers, client.timers.now + (u64)(how >> 4) * (how >> 4) * 100 * NSEC_PER_MSEC);
		timers_run(&relay.timers, client.timers.now);
	}
	end_fini(&client);
	end_fini(&relay);
	return 0;
}
