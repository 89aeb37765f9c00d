/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading single values of the configuration. Each reader says what it expected, so that the error
 * line alone is enough to mend the file.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <strings.h>

#include "config.h"

static void *field(struct config *c, const struct config_key *key)
{
	return (char *)c + key->offset;
}

static int wrong(char *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int wrong(char *why, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(why, CONFIG_WHY, format, ap);
	va_end(ap);
	return -EINVAL;
}

/* ---- numbers ---- */

struct unit {
	const char *name;
	u64 factor;
};

static const struct unit units_none[] = { { "", 1 }, { 0 } };
static const struct unit units_time[] = {
	{ "ns", 1 }, { "us", NSEC_PER_USEC }, { "ms", NSEC_PER_MSEC }, { "s", NSEC_PER_SEC },
	{ "min", 60 * NSEC_PER_SEC }, { "h", 3600 * NSEC_PER_SEC }, { "d", 86400 * NSEC_PER_SEC }, { 0 },
};
static const struct unit units_size[] = {
	{ "", 1 }, { "B", 1 }, { "kB", 1000 }, { "KB", 1000 }, { "MB", 1000000 }, { "GB", 1000000000 },
	{ "TB", 1000000000000 }, { "KiB", 1 << 10 }, { "MiB", 1 << 20 }, { "GiB", 1 << 30 }, { 0 },
};
/* of bits per second; bytes are eight of them */
static const struct unit units_rate[] = {
	{ "bit", 1 }, { "kbit", 1000 }, { "Kbit", 1000 }, { "Mbit", 1000000 }, { "Gbit", 1000000000 },
	{ "B", 8 }, { "kB", 8000 }, { "KB", 8000 }, { "MB", 8000000 }, { "GB", 8000000000 }, { 0 },
};

/* Digits, perhaps a fraction, a unit. */
static int number(const char *value, const struct unit *units, u64 *out)
{
	const char *at = value;
	u64 whole = 0, part = 0, scale = 1;

	if (!isdigit((unsigned char)*at))
		return -EINVAL;
	for (; isdigit((unsigned char)*at); at++) {
		if (whole > UINT64_MAX / 10 - 1)
			return -ERANGE;
		whole = whole * 10 + (u64)(*at - '0');
	}
	if (*at == '.')
		for (at++; isdigit((unsigned char)*at) && scale < 1000000000; at++, scale *= 10)
			part = part * 10 + (u64)(*at - '0');
	while (*at == ' ')
		at++;
	for (; units->name; units++) {
		if (strcmp(at, units->name))
			continue;
		if (whole > UINT64_MAX / 2 / units->factor)
			return -ERANGE;
		*out = whole * units->factor +
		       (u64)((unsigned __int128)part * units->factor / scale);
		return 0;
	}
	/* a plain 0 needs no unit */
	*out = 0;
	return !whole && !part && !*at ? 0 : -EINVAL;
}

static int ranged(const struct config_key *key, const char *value, const struct unit *units, const char *expected,
		  u64 *out, char *why)
{
	int ret = number(value, units, out);

	if (ret == -EINVAL)
		return wrong(why, "expected %s", expected);
	if (ret || *out < key->min || *out > key->max)
		return units == units_none ?
			wrong(why, "must be from %llu to %llu", (unsigned long long)key->min,
			      (unsigned long long)key->max) :
			wrong(why, "is out of range");
	return 0;
}

static int parse_uint(struct config *c, const struct config_key *key, const char *value, char *why)
{
	u64 v;
	int ret = ranged(key, value, units_none, "a number", &v, why);

	if (ret)
		return ret;
	if (key->size == 1)
		*(u8 *)field(c, key) = (u8)v;
	else if (key->size == 2)
		*(u16 *)field(c, key) = (u16)v;
	else if (key->size == 4)
		*(u32 *)field(c, key) = (u32)v;
	else
		*(u64 *)field(c, key) = v;
	return 0;
}

static int parse_work_bits(struct config *c, const struct config_key *key, const char *value, char *why)
{
	c->id_work_bits_given = strcasecmp(value, "auto");
	return c->id_work_bits_given ? parse_uint(c, key, value, why) : 0;
}

static int parse_duration(struct config *c, const struct config_key *key, const char *value, char *why)
{
	return ranged(key, value, units_time, "a time like 200us, 25s, 10min, 2h or 7d", field(c, key), why);
}

static int parse_size(struct config *c, const struct config_key *key, const char *value, char *why)
{
	return ranged(key, value, units_size, "a size like 64KiB, 1GB or 50TB", field(c, key), why);
}

static int parse_rate(struct config *c, const struct config_key *key, const char *value, char *why)
{
	char plain[40];
	size_t len = strlen(value);
	u64 bits;
	int ret;

	/* "/s" may be said */
	if (len > 2 && !strcmp(value + len - 2, "/s"))
		len -= 2;
	snprintf(plain, sizeof(plain), "%.*s", (int)(len < sizeof(plain) ? len : sizeof(plain) - 1), value);
	ret = ranged(key, plain, units_rate, "a rate like 800Mbit or 10MB (a second)", &bits, why);
	if (!ret)
		*(u64 *)field(c, key) = bits / 8;
	return ret;
}

/* ---- words ---- */

static int parse_bool(struct config *c, const struct config_key *key, const char *value, char *why)
{
	static const char *const yes[] = { "yes", "true", "on", "1" }, *const no[] = { "no", "false", "off", "0" };
	u32 i;

	for (i = 0; i < 4; i++)
		if (!strcasecmp(value, yes[i]) || !strcasecmp(value, no[i])) {
			*(bool *)field(c, key) = !strcasecmp(value, yes[i]);
			return 0;
		}
	return wrong(why, "expected yes or no");
}

static int parse_word(struct config *c, const struct config_key *key, const char *value, char *why)
{
	size_t len = 0;
	u32 i;

	for (i = 0; key->words[i]; i++)
		if (!strcmp(value, key->words[i])) {
			*(u32 *)field(c, key) = i;
			return 0;
		}
	wrong(why, "expected one of:");
	for (i = 0; key->words[i]; i++) {
		len = strlen(why);
		snprintf(why + len, CONFIG_WHY - len, " %s", key->words[i]);
	}
	return -EINVAL;
}

static int parse_class(struct config *c, const struct config_key *key, const char *value, char *why)
{
	bool medium = !strcmp(value, "medium");

	if (!medium && strcmp(value, "large"))
		return wrong(why, "expected one of: large medium");
	*(enum mv_class *)field(c, key) = medium ? MV_MEDIUM : MV_LARGE;
	return 0;
}

static int parse_string(struct config *c, const struct config_key *key, const char *value, char *why)
{
	if (strlen(value) >= key->size)
		return wrong(why, "is too long, at most %zu characters", key->size - 1);
	strcpy(field(c, key), value);
	return 0;
}

static int parse_path(struct config *c, const struct config_key *key, const char *value, char *why)
{
	return value[0] == '/' ? parse_string(c, key, value, why) : wrong(why, "expected an absolute path");
}

static int parse_device(struct config *c, const struct config_key *key, const char *value, char *why)
{
	size_t len = strlen(value);

	if (strncmp(value, NETD_DEVICE_PREFIX, strlen(NETD_DEVICE_PREFIX)))
		return wrong(why, "names of interfaces must begin with \"" NETD_DEVICE_PREFIX "\"");
	if (len >= IFNAMSIZ || strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != len)
		return wrong(why, "expected at most %d letters, digits, - or _", IFNAMSIZ - 1);
	return parse_string(c, key, value, why);
}

static int parse_nickname(struct config *c, const struct config_key *key, const char *value, char *why)
{
	if (!descriptor_nickname_valid(value))
		return wrong(why, "expected at most %d letters, digits, - or _", DESCRIPTOR_NICKNAME);
	return parse_string(c, key, value, why);
}

static int parse_names(struct config *c, const struct config_key *key, const char *value, char *why)
{
	struct config_names *names = field(c, key);
	struct node_id id;

	if (node_id_parse(&id, value) && (!descriptor_nickname_valid(value) || !*value))
		return wrong(why, "expected a nickname or a node id of 64 hexadecimal digits");
	if (names->count == CONFIG_NAMES_MAX)
		return wrong(why, "at most %d of these", CONFIG_NAMES_MAX);
	snprintf(names->name[names->count++], CONFIG_NAME_MAX, "%s", value);
	return 0;
}

/* ---- addresses ---- */

/* An address with or without port; port 0: none was given. */
static int address(const char *value, struct endpoint *e)
{
	memset(e, 0, sizeof(*e));
	if (inet_pton(AF_INET, value, e->addr) == 1)
		e->family = AF_INET;
	else if (inet_pton(AF_INET6, value, e->addr) == 1)
		e->family = AF_INET6;
	else
		return endpoint_parse(e, value);
	return 0;
}

static int parse_address(struct config *c, const struct config_key *key, const char *value, char *why)
{
	struct endpoint *e = field(c, key);

	if (!strcmp(value, "any")) {
		memset(e, 0, sizeof(*e));
		return 0;
	}
	return address(value, e) || e->port ? wrong(why, "expected an address of this machine, or any") : 0;
}

static int parse_endpoints(struct config *c, const struct config_key *key, const char *value, char *why)
{
	if (c->address_count == CONFIG_ADDRESSES_MAX)
		return wrong(why, "at most %d of these", CONFIG_ADDRESSES_MAX);
	if (address(value, &c->address[c->address_count]))
		return wrong(why, "expected an address, or ADDRESS:PORT, or [ADDRESS]:PORT");
	c->address_count++;
	return 0;
}

static int parse_resolver(struct config *c, const struct config_key *key, const char *value, char *why)
{
	struct endpoint e;

	if (address(value, &e) || e.port)
		return wrong(why, "expected an address");
	if (c->resolver_count == 2 || (c->resolver_count && c->resolver[0].family == e.family))
		return wrong(why, "at most one of each address family");
	c->resolver[c->resolver_count++] = e;
	return 0;
}

/* ADDRESS/BITS with the host bits zero. */
static int prefix(const char *value, int family, u8 addr[16], u8 *bits)
{
	char text[INET6_ADDRSTRLEN];
	const char *slash = strchr(value, '/');
	u32 width = family == AF_INET ? 32 : 128, i;
	u64 n;

	if (!slash || (size_t)(slash - value) >= sizeof(text) || number(slash + 1, units_none, &n) || n > width)
		return -EINVAL;
	snprintf(text, sizeof(text), "%.*s", (int)(slash - value), value);
	memset(addr, 0, 16);
	if (inet_pton(family, text, addr) != 1)
		return -EINVAL;
	for (i = (u32)n; i < width; i++)
		if (addr[i / 8] >> (7 - i % 8) & 1)
			return -EDOM;
	*bits = (u8)n;
	return 0;
}

static int parse_pool(struct config *c, const struct config_key *key, const char *value, int family, char *why)
{
	struct config_prefix *p = field(c, key);
	int ret = prefix(value, family, p->addr, &p->bits);
	u8 least = family == AF_INET ? NETD_POOL4_BITS_MIN : NETD_POOL6_BITS_MIN;
	u8 most = family == AF_INET ? 24 : 64;

	if (ret == -EDOM)
		return wrong(why, "has address bits set behind its length");
	if (ret || p->bits < least || p->bits > most)
		return wrong(why, "expected an IPv%d prefix of at least %d and at most %d bits", family == AF_INET ? 4 : 6,
			     least, most);
	return 0;
}

static int parse_pool4(struct config *c, const struct config_key *key, const char *value, char *why)
{
	return parse_pool(c, key, value, AF_INET, why);
}

static int parse_pool6(struct config *c, const struct config_key *key, const char *value, char *why)
{
	return parse_pool(c, key, value, AF_INET6, why);
}

static int parse_prefixes(struct config *c, const struct config_key *key, const char *value, char *why)
{
	struct datapath_prefix *p = &c->client.prefixes[c->client.prefix_count];
	int ret;

	if (c->client.prefix_count == CLIENT_PREFIXES_MAX)
		return wrong(why, "at most %d of these", CLIENT_PREFIXES_MAX);
	p->family = strchr(value, ':') ? AF_INET6 : AF_INET;
	ret = prefix(value, p->family, p->addr, &p->bits);
	if (ret)
		return wrong(why, ret == -EDOM ? "has address bits set behind its length" :
			     "expected a prefix like 192.0.2.0/24 or 2001:db8::/32");
	c->client.prefix_count++;
	return 0;
}

static int parse_mark(struct config *c, const struct config_key *key, const char *value, char *why)
{
	unsigned int mark, mask = UINT32_MAX;
	int end = 0;

	if (sscanf(value, "%i%n/%i%n", (int *)&mark, &end, (int *)&mask, &end) < 1 || value[end])
		return wrong(why, "expected MARK or MARK/MASK like 0x6d000000/0xff000000");
	if (!mark || mark & ~mask)
		return wrong(why, "the mark must not be 0 and must lie within its mask");
	c->mark = mark;
	c->mark_mask = mask;
	return 0;
}

static int parse_policy(struct config *c, const struct config_key *key, const char *value, char *why)
{
	int ret = config_policy_parse(&c->exit_rules, value, why);
	size_t len = strlen(c->policy_text);

	/* the summary for clients says as many rules as fit */
	if (!ret && len + strlen(value) + 6 < sizeof(c->policy_text))
		sprintf(c->policy_text + len, "%s%s", len ? "; " : "", value);
	else if (!ret && len > 3 && strcmp(c->policy_text + len - 3, "..."))
		strcpy(c->policy_text + len, "...");
	return ret;
}

/* ---- exit policy ---- */

static int policy_target(struct netd_policy_rule *r, const char *text, size_t len)
{
	char plain[INET6_ADDRSTRLEN + 8];
	struct endpoint e;

	if (len == 1 && *text == '*')
		return 0;
	/* [ADDRESS]/BITS of IPv6, so that the colon before the ports is clear */
	snprintf(plain, sizeof(plain), "%.*s", (int)(len < sizeof(plain) ? len : sizeof(plain) - 1), text);
	if (plain[0] == '[') {
		char *close = strchr(plain, ']');

		if (!close)
			return -EINVAL;
		memmove(close, close + 1, strlen(close));
		memmove(plain, plain + 1, strlen(plain));
	}
	r->family = strchr(plain, ':') ? AF_INET6 : AF_INET;
	if (strchr(plain, '/'))
		return prefix(plain, r->family, r->addr, &r->bits);
	if (address(plain, &e) || e.port)
		return -EINVAL;
	memcpy(r->addr, e.addr, sizeof(r->addr));
	r->bits = e.family == AF_INET ? 32 : 128;
	return 0;
}

static int policy_ports(struct netd_policy_rule *r, const char *text)
{
	unsigned int from, to;
	int end = 0;

	if (!strcmp(text, "*")) {
		r->port_from = 0;
		r->port_to = 65535;
		return 0;
	}
	if (sscanf(text, "%5u%n-%5u%n", &from, &end, &to, &end) == 1)
		to = from;
	if (!end || text[end] || !from || from > to || to > 65535)
		return -EINVAL;
	r->port_from = (u16)from;
	r->port_to = (u16)to;
	return 0;
}

int config_policy_parse(struct netd_exit *x, const char *value, char *why)
{
	struct netd_policy_rule r = { 0 };
	const char *target = value + strcspn(value, " "), *colon;
	char ports[64], *at, *next;

	if (!strncmp(value, "accept ", 7))
		r.verdict = NETD_ACCEPT;
	else if (!strncmp(value, "reject ", 7))
		r.verdict = NETD_REJECT;
	else
		return wrong(why, "expected accept or reject, then ADDRESS:PORTS");
	target += strspn(target, " ");
	colon = strrchr(target, ':');
	if (!colon || policy_target(&r, target, colon - target))
		return wrong(why, "expected *, ADDRESS or PREFIX ([...] around IPv6) before the ports");
	if (snprintf(ports, sizeof(ports), "%s", colon + 1) >= (int)sizeof(ports))
		return wrong(why, "too many ports, use several lines");
	for (at = ports; at; at = next) {
		next = strchr(at, ',');
		if (next)
			*next++ = 0;
		if (policy_ports(&r, at))
			return wrong(why, "expected *, a port, FROM-TO, or several with commas after the colon");
		if (x->rules == NETD_POLICY_MAX)
			return wrong(why, "more than %d rules", NETD_POLICY_MAX);
		x->rule[x->rules++] = r;
	}
	return 0;
}

/* ---- the types ---- */

const struct config_type config_bool = { "yes or no", parse_bool };
const struct config_type config_u8 = { "number", parse_uint };
const struct config_type config_u16 = { "number", parse_uint };
const struct config_type config_u32 = { "number", parse_uint };
const struct config_type config_work_bits = { "number or auto", parse_work_bits };
const struct config_type config_duration = { "time", parse_duration };
const struct config_type config_rate = { "rate", parse_rate };
const struct config_type config_size = { "size", parse_size };
const struct config_type config_string = { "text", parse_string };
const struct config_type config_path = { "path", parse_path };
const struct config_type config_word = { "word", parse_word };
const struct config_type config_class = { "large or medium", parse_class };
const struct config_type config_device = { "interface", parse_device };
const struct config_type config_nickname = { "name", parse_nickname };
const struct config_type config_address = { "address or any", parse_address };
const struct config_type config_endpoints = { "address[:port]", parse_endpoints, true };
const struct config_type config_pool4 = { "IPv4 prefix", parse_pool4 };
const struct config_type config_pool6 = { "IPv6 prefix", parse_pool6 };
const struct config_type config_mark = { "mark[/mask]", parse_mark };
const struct config_type config_policy = { "accept|reject address:ports", parse_policy, true };
const struct config_type config_names_type = { "relay", parse_names, true };
const struct config_type config_prefixes = { "prefix", parse_prefixes, true };
const struct config_type config_resolver = { "address", parse_resolver, true };
