// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Parsing and writing of the circuit layer's messages. Every form has one encoding: flags that
 * are not known, bytes that are left over and lengths out of range are errors, so that two nodes
 * never read one message differently.
 */
#include "wire.h"

#include <errno.h>

enum bind_flags {
	BIND_IPV4	= 1 << 0,
	BIND_IPV6	= 1 << 1,
	BIND_TAKEOVER	= 1 << 2,
	BIND_FLAGS	= BIND_IPV4 | BIND_IPV6 | BIND_TAKEOVER,
	BOUND_RESOLVER4	= 1 << 2,
	BOUND_RESOLVER6	= 1 << 3,
	BOUND_FLAGS	= BIND_IPV4 | BIND_IPV6 | BOUND_RESOLVER4 | BOUND_RESOLVER6,
};

const char *wire_refusal_name(enum wire_refusal r)
{
	static const char *const names[REFUSAL_COUNT] = {
		"none", "protocol", "unknown-node", "target", "budget", "limit", "timeout", "unreachable",
		"class", "puzzle", "policy", "address", "secret", "takeovers", "payment",
	};

	return r < REFUSAL_COUNT ? names[r] : "unknown";
}

static int result(const struct cursor *c, bool ok)
{
	return ok && cursor_done(c) ? 0 : -EBADMSG;
}

static u32 circuit_read(struct cursor *c)
{
	u32 circuit = cursor_le32(c);

	if (!circuit || circuit > MV_CIRCUIT_MAX)
		c->bad = true;
	return circuit;
}

/* A length and as many bytes; NULL and 0 if there are none. */
static const u8 *blob_read(struct cursor *c, u16 max, u16 *len)
{
	const u8 *at;

	*len = cursor_le16(c);
	if (*len > max)
		c->bad = true;
	at = cursor_take(c, *len);
	if (!at)
		*len = 0;
	return *len ? at : NULL;
}

static void blob_write(struct writer *w, const u8 *data, u16 len)
{
	writer_le16(w, len);
	writer_put(w, data, len);
}

static void puzzle_read(struct cursor *c, struct wire_puzzle *p, bool solution)
{
	memset(p, 0, sizeof(*p));
	p->bits = cursor_u8(c);
	if (p->bits > 64)
		c->bad = true;
	if (!p->bits)
		return;
	cursor_read(c, p->challenge, sizeof(p->challenge));
	if (solution)
		p->solution = cursor_le64(c);
}

static void puzzle_write(struct writer *w, const struct wire_puzzle *p, bool solution)
{
	writer_u8(w, p->bits);
	if (!p->bits)
		return;
	writer_put(w, p->challenge, sizeof(p->challenge));
	if (solution)
		writer_le64(w, p->solution);
}

int wire_create_parse(struct wire_create *m, const void *data, size_t len)
{
	struct cursor c = cursor_of(data, len);

	m->circuit = circuit_read(&c);
	m->suite = cursor_u8(&c);
	m->budget = cursor_u8(&c);
	puzzle_read(&c, &m->puzzle, true);
	m->handshake = blob_read(&c, WIRE_HANDSHAKE_MAX, &m->handshake_len);
	return result(&c, m->handshake_len);
}

void wire_create_write(struct writer *w, const struct wire_create *m)
{
	writer_le32(w, m->circuit);
	writer_u8(w, m->suite);
	writer_u8(w, m->budget);
	puzzle_write(w, &m->puzzle, true);
	blob_write(w, m->handshake, m->handshake_len);
}

int wire_created_parse(struct wire_created *m, const void *data, size_t len)
{
	struct cursor c = cursor_of(data, len);

	m->circuit = circuit_read(&c);
	m->handshake = blob_read(&c, WIRE_HANDSHAKE_MAX, &m->handshake_len);
	return result(&c, m->handshake_len);
}

void wire_created_write(struct writer *w, const struct wire_created *m)
{
	writer_le32(w, m->circuit);
	blob_write(w, m->handshake, m->handshake_len);
}

static int refusal_read(struct cursor *c, struct wire_failed *m)
{
	m->reason = cursor_u8(c);
	puzzle_read(c, &m->puzzle, false);
	return result(c, m->reason != REFUSAL_NONE &&
			 (m->reason == REFUSAL_PUZZLE) == !!m->puzzle.bits);
}

int wire_failed_parse(struct wire_failed *m, const void *data, size_t len)
{
	struct cursor c = cursor_of(data, len);

	m->circuit = circuit_read(&c);
	return refusal_read(&c, m);
}

void wire_failed_write(struct writer *w, const struct wire_failed *m)
{
	writer_le32(w, m->circuit);
	wire_refused_write(w, m);
}

int wire_refused_parse(struct wire_failed *m, const void *data, size_t len)
{
	struct cursor c = cursor_of(data, len);

	m->circuit = 0;
	return refusal_read(&c, m);
}

void wire_refused_write(struct writer *w, const struct wire_failed *m)
{
	writer_u8(w, m->reason);
	puzzle_write(w, &m->puzzle, false);
}

int wire_destroy_parse(struct wire_destroy *m, const void *data, size_t len)
{
	struct cursor c = cursor_of(data, len);

	m->circuit = circuit_read(&c);
	m->reason = cursor_u8(&c);
	return result(&c, true);
}

void wire_destroy_write(struct writer *w, const struct wire_destroy *m)
{
	writer_le32(w, m->circuit);
	writer_u8(w, m->reason);
}

int wire_extend_parse(struct wire_extend *m, const void *data, size_t len)
{
	struct cursor c = cursor_of(data, len);

	cursor_read(&c, m->next.b, sizeof(m->next.b));
	m->suite = cursor_u8(&c);
	puzzle_read(&c, &m->puzzle, true);
	m->handshake = blob_read(&c, WIRE_HANDSHAKE_MAX, &m->handshake_len);
	m->descriptor = blob_read(&c, WIRE_DESCRIPTOR_MAX, &m->descriptor_len);
	return result(&c, m->handshake_len);
}

void wire_extend_write(struct writer *w, const struct wire_extend *m)
{
	writer_put(w, m->next.b, sizeof(m->next.b));
	writer_u8(w, m->suite);
	puzzle_write(w, &m->puzzle, true);
	blob_write(w, m->handshake, m->handshake_len);
	blob_write(w, m->descriptor, m->descriptor_len);
}

int wire_extended_parse(struct wire_extended *m, const void *data, size_t len)
{
	struct cursor c = cursor_of(data, len);

	m->handshake = blob_read(&c, WIRE_HANDSHAKE_MAX, &m->handshake_len);
	return result(&c, m->handshake_len);
}

void wire_extended_write(struct writer *w, const struct wire_extended *m)
{
	blob_write(w, m->handshake, m->handshake_len);
}

static void addresses_read(struct cursor *c, u8 flags, struct bind_addresses *a)
{
	memset(a, 0, sizeof(*a));
	a->has4 = flags & BIND_IPV4;
	a->has6 = flags & BIND_IPV6;
	if (a->has4)
		cursor_read(c, a->inner4, sizeof(a->inner4));
	if (a->has6)
		cursor_read(c, a->inner6, sizeof(a->inner6));
}

static void addresses_write(struct writer *w, const struct bind_addresses *a)
{
	if (a->has4)
		writer_put(w, a->inner4, sizeof(a->inner4));
	if (a->has6)
		writer_put(w, a->inner6, sizeof(a->inner6));
}

static u8 address_flags(const struct bind_addresses *a)
{
	return (a->has4 ? BIND_IPV4 : 0) | (a->has6 ? BIND_IPV6 : 0);
}

int wire_bind_parse(struct bind_request *m, const void *data, size_t len)
{
	struct cursor c = cursor_of(data, len);
	u8 flags = cursor_u8(&c);

	memset(m, 0, sizeof(*m));
	m->mtu = cursor_le16(&c);
	m->reserve = cursor_le16(&c);
	addresses_read(&c, flags, &m->want);
	m->takeover = flags & BIND_TAKEOVER;
	if (m->takeover) {
		m->session = cursor_le64(&c);
		cursor_read(&c, m->secret, sizeof(m->secret));
	}
	m->token = blob_read(&c, WIRE_TOKEN_MAX, &m->token_len);
	return result(&c, !(flags & ~BIND_FLAGS));
}

void wire_bind_write(struct writer *w, const struct bind_request *m)
{
	writer_u8(w, address_flags(&m->want) | (m->takeover ? BIND_TAKEOVER : 0));
	writer_le16(w, m->mtu);
	writer_le16(w, m->reserve);
	addresses_write(w, &m->want);
	if (m->takeover) {
		writer_le64(w, m->session);
		writer_put(w, m->secret, sizeof(m->secret));
	}
	blob_write(w, m->token, m->token_len);
}

int wire_bound_parse(struct bind_grant *m, const void *data, size_t len)
{
	struct cursor c = cursor_of(data, len);
	u8 flags = cursor_u8(&c);
	const u8 *policy;

	memset(m, 0, sizeof(*m));
	m->mtu = cursor_le16(&c);
	m->rate = cursor_le64(&c);
	m->session = cursor_le64(&c);
	cursor_read(&c, m->secret, sizeof(m->secret));
	addresses_read(&c, flags, &m->addresses);
	m->has_resolver4 = flags & BOUND_RESOLVER4;
	m->has_resolver6 = flags & BOUND_RESOLVER6;
	if (m->has_resolver4)
		cursor_read(&c, m->resolver4, sizeof(m->resolver4));
	if (m->has_resolver6)
		cursor_read(&c, m->resolver6, sizeof(m->resolver6));
	policy = blob_read(&c, WIRE_POLICY_MAX, &m->policy_len);
	if (m->policy_len > WIRE_POLICY_MAX)
		m->policy_len = 0;
	if (policy)
		memcpy(m->policy, policy, m->policy_len);
	return result(&c, !(flags & ~BOUND_FLAGS));
}

void wire_bound_write(struct writer *w, const struct bind_grant *m)
{
	writer_u8(w, address_flags(&m->addresses) | (m->has_resolver4 ? BOUND_RESOLVER4 : 0) |
		     (m->has_resolver6 ? BOUND_RESOLVER6 : 0));
	writer_le16(w, m->mtu);
	writer_le64(w, m->rate);
	writer_le64(w, m->session);
	writer_put(w, m->secret, sizeof(m->secret));
	addresses_write(w, &m->addresses);
	if (m->has_resolver4)
		writer_put(w, m->resolver4, sizeof(m->resolver4));
	if (m->has_resolver6)
		writer_put(w, m->resolver6, sizeof(m->resolver6));
	blob_write(w, m->policy, m->policy_len);
}
