// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Handshake datagrams at responder and initiator. The first byte chooses how deep the fuzzer
 * stands: raw, behind the mask, or behind Noise, where its bytes are the offer.
 */
#include "links.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void masked(struct end *to, bool responder, const struct mask_ids *ids, const u8 key[32], const u8 *data,
		   size_t size)
{
	u8 datagram[MASK_MAX], random[MASK_RANDOM];
	struct mask_head head = { .use = MASK_LINK };
	struct cursor c = cursor_of(data, size);

	head.kind = cursor_u8(&c) % 4;
	head.suite = cursor_u8(&c) % 4;
	head.pattern = cursor_u8(&c) % 4;
	head.total = cursor_le16(&c);
	head.offset = cursor_le16(&c);
	head.solution = cursor_le64(&c);
	cursor_read(&c, head.cookie, COOKIE_LEN);
	/* difficulty: no fuzzer wants to wait */
	head.cookie[4] %= 8;
	head.len = (u16)(cursor_left(&c) < 1100 ? cursor_left(&c) : 1100);
	if (head.total % 4)
		head.total = head.len, head.offset = 0;
	head.data = cursor_take(&c, head.len);
	if (c.bad)
		return;
	fuzz_random(NULL, random, sizeof(random));
	mask_seal(&head, ids, responder ? MASK_TO_RESPONDER : MASK_TO_INITIATOR, key, random, datagram, 1200);
	end_arrive(to, datagram, 1200);
}

/* A proper Noise message 1 around the fuzzer's offer. */
static void offered(struct end *client, struct end *relay, bool named, const u8 *data, size_t size)
{
	u8 prologue[64], secret[32], message[LINK_MESSAGE1_MAX], datagram[MASK_MAX], random[MASK_RANDOM];
	struct mask_head head = { .kind = MASK_FIRST, .use = MASK_LINK, .suite = 1, .pattern = named, .data = message };
	struct mask_ids ids;
	struct noise n;
	int len;

	fuzz_random(NULL, secret, 32);
	fuzz_random(NULL, random, sizeof(random));
	fuzz_random(NULL, &ids, sizeof(ids));
	noise_init(&n, named ? NOISE_IKPSK2 : NOISE_NK, true, prologue, handshake_prologue(&relay->conf.id, prologue),
		   secret, named ? &client->conf.onion : NULL, relay->conf.onion.public, NULL);
	len = noise_write(&n, data, size, message, sizeof(message));
	if (len < 0)
		return;
	head.len = head.total = (u16)len;
	mask_seal(&head, &ids, MASK_TO_RESPONDER, relay->conf.onion.public, random, datagram, 1200);
	end_arrive(relay, datagram, 1200);
}

/* A proper Noise message 2 around the fuzzer's offer, to the client's real message 1. */
static void answered(struct end *client, struct end *relay, struct opening *o, const u8 *data, size_t size)
{
	u8 prologue[64], secret[32], payload[LINK_MESSAGE1_MAX], message[LINK_MESSAGE1_MAX], datagram[MASK_MAX],
		random[MASK_RANDOM];
	struct mask_head head = { .kind = MASK_SECOND, .use = MASK_LINK, .suite = 1, .pattern = o->pattern,
				  .data = message };
	struct noise n;
	int len;

	fuzz_random(NULL, secret, 32);
	fuzz_random(NULL, random, sizeof(random));
	noise_init(&n, o->pattern ? NOISE_IKPSK2 : NOISE_NK, false, prologue,
		   handshake_prologue(&relay->conf.id, prologue), secret, &relay->conf.onion, NULL, NULL);
	if (noise_read(&n, o->message, o->len, payload, sizeof(payload)) < 0)
		abort();
	len = noise_write(&n, data, size, message, sizeof(message));
	if (len < 0)
		return;
	head.len = head.total = (u16)len;
	mask_seal(&head, &o->ids, MASK_TO_INITIATOR, relay->conf.onion.public, random, datagram, 1200);
	end_arrive(client, datagram, 1200);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct end client, relay;
	struct mask_ids ids = { { 1 }, { 2 } };
	u8 mode;

	if (size < 2 || size > 1200 || sodium_init() < 0)
		return 0;
	mode = *data++;
	size--;
	fuzz_state = 1;
	end_init(&client, "198.51.100.1:1", mode & 8, &relay);
	end_init(&relay, "192.0.2.1:2", true, &client);
	end_open(&client);
	client.count = 0;
	switch (mode % 8) {
	case 0:
		end_arrive(&relay, data, size);
		end_arrive(&client, data, size);
		break;
	case 1:
	case 2:
		masked(&relay, true, &ids, relay.conf.onion.public, data, size);
		masked(&relay, true, &ids, relay.conf.onion.public, data, size);
		break;
	case 3:
	case 4:
		masked(&client, false, &list_entry(client.links->opening_list.next, struct opening, list)->ids,
		       relay.conf.onion.public, data, size);
		timers_run(&client.timers, client.timers.now + NSEC_PER_SEC);
		break;
	case 5:
		offered(&client, &relay, false, data, size);
		break;
	case 6:
		offered(&client, &relay, true, data, size);
		break;
	case 7:
		if (!list_empty(&client.links->opening_list))
			answered(&client, &relay, list_entry(client.links->opening_list.next, struct opening, list), data,
				 size);
		break;
	}
	end_flush(&relay);
	end_flush(&client);
	timers_run(&relay.timers, relay.timers.now + 20 * NSEC_PER_SEC);
	end_fini(&client);
	end_fini(&relay);
	return 0;
}
