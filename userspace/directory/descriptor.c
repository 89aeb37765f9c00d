/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading, verifying, signing and showing descriptors: see descriptor.h. */
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include <base/cursor.h>
#include "descriptor.h"

#define DOMAIN "meshvpn descriptor"
#define VERSION 1
#define FLAGS_KNOWN (PEER_RELAY | PEER_EXIT)

bool descriptor_nickname_valid(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");

	return !name[n] && n <= DESCRIPTOR_NICKNAME;
}

static bool printable(const char *s)
{
	for (; *s; s++)
		if (*s < 0x20 || *s > 0x7e)
			return false;
	return true;
}

static bool read_string(struct cursor *c, char *to, size_t max)
{
	size_t len = cursor_u8(c);

	if (len > max)
		return false;
	cursor_read(c, to, len);
	to[len] = 0;
	return strlen(to) == len;
}

static bool read_endpoint(struct cursor *c, struct endpoint *e)
{
	u8 family = cursor_u8(c);

	memset(e, 0, sizeof(*e));
	e->family = family == 4 ? AF_INET : family == 6 ? AF_INET6 : 0;
	cursor_read(c, e->addr, family == 4 ? 4 : 16);
	e->port = cursor_le16(c);
	return e->family && e->port;
}

static bool read_endpoints(struct cursor *c, struct peer *p)
{
	u32 i;

	p->endpoint_count = cursor_u8(c);
	if (p->endpoint_count > PEER_ENDPOINTS_MAX)
		return false;
	for (i = 0; i < p->endpoint_count; i++)
		if (!read_endpoint(c, &p->endpoints[i]))
			return false;
	return true;
}

/* What parse and sign both insist on. */
static bool plausible(const struct descriptor *d)
{
	if (!descriptor_nickname_valid(d->nickname) || !printable(d->policy))
		return false;
	if (d->expires <= d->published || d->expires - d->published > DESCRIPTOR_LIFE_MAX)
		return false;
	if (sodium_is_zero(d->peer.onion_key, 32))
		return false;
	/* who offers to relay must be reached */
	return !(d->peer.flags & FLAGS_KNOWN) || d->peer.endpoint_count;
}

static bool read_fields(struct cursor *c, struct descriptor *d)
{
	cursor_read(c, d->identity, sizeof(d->identity));
	d->nonce = cursor_le64(c);
	d->published = cursor_le64(c);
	d->expires = cursor_le64(c);
	d->peer.flags = cursor_le32(c);
	d->peer.suites = cursor_le32(c);
	cursor_read(c, d->peer.onion_key, sizeof(d->peer.onion_key));
	cursor_read(c, d->onion_previous, sizeof(d->onion_previous));
	d->bandwidth = cursor_le64(c);
	if (!read_endpoints(c, &d->peer) || !read_string(c, d->nickname, DESCRIPTOR_NICKNAME) ||
	    !read_string(c, d->policy, DESCRIPTOR_POLICY))
		return false;
	cursor_take(c, cursor_le16(c));
	cursor_take(c, IDENTITY_SIGNATURE);
	return cursor_done(c) && plausible(d);
}

int descriptor_parse(struct descriptor *d, const void *data, size_t len, u32 work_bits)
{
	struct cursor c = cursor_of(data, len);
	u8 version;

	memset(d, 0, sizeof(*d));
	if (len > DESCRIPTOR_MAX)
		return -EBADMSG;
	version = cursor_u8(&c);
	if (!c.bad && version != VERSION)
		return version > VERSION ? -EPROTONOSUPPORT : -EBADMSG;
	if (!read_fields(&c, d))
		return -EBADMSG;
	node_id_derive(&d->peer.id, d->identity, d->nonce);
	if (node_id_work(&d->peer.id) < work_bits)
		return -EDOM;
	memcpy(d->raw, data, len);
	d->len = len;
	len -= IDENTITY_SIGNATURE;
	return identity_verify(d->identity, DOMAIN, d->raw, len, d->raw + len) ? 0 : -EKEYREJECTED;
}

int descriptor_timely(const struct descriptor *d, u64 now)
{
	if (d->published > now + DESCRIPTOR_SKEW)
		return -ETIME;
	return d->expires <= now ? -ESTALE : 0;
}

static void write_string(struct writer *w, const char *s)
{
	size_t len = strlen(s);

	writer_u8(w, (u8)len);
	writer_put(w, s, len);
}

static void write_endpoint(struct writer *w, const struct endpoint *e)
{
	writer_u8(w, e->family == AF_INET ? 4 : 6);
	writer_put(w, e->addr, e->family == AF_INET ? 4 : 16);
	writer_le16(w, e->port);
}

int descriptor_sign(struct descriptor *d, const struct identity *id)
{
	struct writer w = writer_of(d->raw, sizeof(d->raw));
	u8 *signature;
	u32 i;

	if (!plausible(d) || d->peer.endpoint_count > PEER_ENDPOINTS_MAX)
		return -EINVAL;
	memcpy(d->identity, id->public_key, sizeof(d->identity));
	d->nonce = id->nonce;
	d->peer.id = id->id;
	writer_u8(&w, VERSION);
	writer_put(&w, d->identity, sizeof(d->identity));
	writer_le64(&w, d->nonce);
	writer_le64(&w, d->published);
	writer_le64(&w, d->expires);
	writer_le32(&w, d->peer.flags);
	writer_le32(&w, d->peer.suites);
	writer_put(&w, d->peer.onion_key, sizeof(d->peer.onion_key));
	writer_put(&w, d->onion_previous, sizeof(d->onion_previous));
	writer_le64(&w, d->bandwidth);
	writer_u8(&w, (u8)d->peer.endpoint_count);
	for (i = 0; i < d->peer.endpoint_count; i++)
		write_endpoint(&w, &d->peer.endpoints[i]);
	write_string(&w, d->nickname);
	write_string(&w, d->policy);
	writer_le16(&w, 0);
	d->len = writer_len(&w);
	signature = writer_take(&w, IDENTITY_SIGNATURE);
	if (!signature)
		return -EMSGSIZE;
	identity_sign(id, DOMAIN, d->raw, d->len, signature);
	d->len += IDENTITY_SIGNATURE;
	return 0;
}

const char *descriptor_error(int error)
{
	switch (error) {
	case 0: return "valid";
	case -EBADMSG: return "malformed";
	case -EPROTONOSUPPORT: return "of a later version; update meshvpn";
	case -EDOM: return "too little work in the node id (IdWorkBits)";
	case -EKEYREJECTED: return "the signature is wrong";
	case -ESTALE: return "expired";
	case -ETIME: return "published in the future; check the clock";
	default: return strerror(-error);
	}
}

/* ---- text ---- */

static void add(char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(char *text, const char *format, ...)
{
	size_t at = strlen(text);
	va_list ap;

	va_start(ap, format);
	vsnprintf(text + at, DESCRIPTOR_TEXT - at, format, ap);
	va_end(ap);
}

static void add_hex(char *text, const char *name, const u8 *data)
{
	char hex[65];

	add(text, "%s: %s\n", name, sodium_bin2hex(hex, sizeof(hex), data, 32));
}

static void add_time(char *text, const char *name, u64 at, u64 now)
{
	time_t t = (time_t)at;
	struct tm tm;
	char utc[32] = "?";

	if (at < (u64)1 << 40 && gmtime_r(&t, &tm))
		strftime(utc, sizeof(utc), "%Y-%m-%d %H:%M:%S UTC", &tm);
	add(text, "%s: %s (%" PRIu64 " h %s)\n", name, utc, (uint64_t)(at > now ? at - now : now - at) / 3600,
	    at > now ? "from now" : "ago");
}

const char *descriptor_text(const struct descriptor *d, u64 now, char text[DESCRIPTOR_TEXT])
{
	char buf[ENDPOINT_TEXT];
	u32 i;

	text[0] = 0;
	add_hex(text, "id", d->peer.id.b);
	add(text, "nickname: %s\n", d->nickname);
	add(text, "flags:%s%s%s\n", d->peer.flags & PEER_RELAY ? " relay" : "", d->peer.flags & PEER_EXIT ? " exit" : "",
	    d->peer.flags & FLAGS_KNOWN ? "" : " none");
	add(text, "work: %u bits\n", node_id_work(&d->peer.id));
	for (i = 0; i < d->peer.endpoint_count; i++)
		add(text, "endpoint: %s\n", endpoint_text(&d->peer.endpoints[i], buf));
	if (d->policy[0])
		add(text, "policy: %s\n", d->policy);
	if (d->bandwidth)
		add(text, "bandwidth: %" PRIu64 " bytes/s\n", (uint64_t)d->bandwidth);
	add_hex(text, "identity key", d->identity);
	add_hex(text, "onion key", d->peer.onion_key);
	if (!sodium_is_zero(d->onion_previous, 32))
		add_hex(text, "previous onion key", d->onion_previous);
	add(text, "suites: 0x%x\n", d->peer.suites);
	add_time(text, "published", d->published, now);
	add_time(text, "expires", d->expires, now);
	return text;
}
