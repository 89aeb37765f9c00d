// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dev: arguments that are more than text: numbers with a range, lists, addresses, link ids, and
 * which of the kernel's devices is meant.
 */
#include "dev.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

bool dev_u32(const struct ctl *ctl, const json_t *args, const char *name, u32 min, u32 max, u32 *value)
{
	u64 n = js_u64(args, name);

	if (!js_has(args, name))
		return true;
	if (n < min || n > max) {
		ctl_fail(ctl, CTL_USAGE, "usage", NULL, "%s %llu: not from %u to %u", name, (unsigned long long)n, min, max);
		return false;
	}
	*value = (u32)n;
	return true;
}

void dev_u64(const json_t *args, const char *name, u64 *value)
{
	if (js_has(args, name))
		*value = js_u64(args, name);
}

bool dev_rate(const struct ctl *ctl, const json_t *args, u64 *rate, u64 *burst)
{
	if (js_has(args, "burst") && !js_has(args, "rate")) {
		ctl_fail(ctl, CTL_USAGE, "usage", "give both", "burst: without a rate");
		return false;
	}
	if (!js_has(args, "rate"))
		return true;
	*rate = js_u64(args, "rate");
	/* a tenth of a second, and never less than a super-packet */
	*burst = js_has(args, "burst") ? js_u64(args, "burst") : *rate / 10 > 65536 ? *rate / 10 : 65536;
	return true;
}

bool dev_enum(const struct ctl *ctl, const json_t *args, const char *name, const char *const *words, u32 *value)
{
	const char *word = js_text(args, name);
	char list[80] = "";
	u32 i;

	if (!js_has(args, name))
		return true;
	for (i = 0; words[i]; i++) {
		size_t len = strlen(list);

		if (!strcmp(words[i], word)) {
			*value = i;
			return true;
		}
		snprintf(list + len, sizeof(list) - len, "%s%s", len ? ", " : "", words[i]);
	}
	ctl_fail(ctl, CTL_USAGE, "usage", list, "%s %s: there is no such", name, word);
	return false;
}

char *dev_part(char **list)
{
	char *part = *list, *comma;

	if (!part)
		return NULL;
	comma = strchr(part, ',');
	if (comma)
		*comma++ = 0;
	*list = comma;
	return part;
}

static bool link_id(const struct ctl *ctl, const char *name, const char *text, u64 *id)
{
	char *end;

	errno = 0;
	*id = strtoull(text, &end, 0);
	if (*text >= '0' && *text <= '9' && !*end && !errno && !(*id >> 8 * MV_LINK_ID_LEN))
		return true;
	ctl_fail(ctl, CTL_USAGE, "usage", "a number below 2^56, as 0x1f or 31", "%s %s: not a link id", name, text);
	return false;
}

bool dev_link_ids(const struct ctl *ctl, const json_t *args, const char *name, u64 *ids, u32 max, u32 *count)
{
	char *copy, *list, *part;
	bool good = true;
	u32 n = 0;

	if (!js_has(args, name))
		return true;
	list = copy = strdup(js_text(args, name));
	while (good && (part = dev_part(&list))) {
		if (n == max) {
			ctl_fail(ctl, CTL_USAGE, "usage", NULL, "%s: more than %u", name, max);
			good = false;
		} else {
			good = link_id(ctl, name, part, &ids[n++]);
		}
	}
	free(copy);
	*count = n;
	return good;
}

/* Cut "%eth0" out of an address. 0: it has none; UINT32_MAX: no such interface. */
static u32 scope_cut(char *text)
{
	char *percent = strchr(text, '%'), *end = percent ? strchr(percent, ']') : NULL;
	u32 scope;

	if (!end)
		return 0;
	*end = 0;
	scope = if_nametoindex(percent + 1);
	*end = ']';
	memmove(percent, end, strlen(end) + 1);
	return scope ? scope : UINT32_MAX;
}

bool dev_endpoint(const struct ctl *ctl, const json_t *args, const char *name, struct endpoint *e, u32 *scope)
{
	const char *text = js_text(args, name), *cause = "not an address with a port";
	char address[2 * ENDPOINT_TEXT];
	bool local;

	if (!js_has(args, name))
		return true;
	memset(e, 0, sizeof(*e));
	if (!strcmp(text, "none"))
		return true;
	snprintf(address, sizeof(address), "%s", text);
	*scope = scope_cut(address);
	if (!endpoint_parse(e, address) && e->port) {
		local = e->family == AF_INET6 && e->addr[0] == 0xfe && (e->addr[1] & 0xc0) == 0x80;
		if (local == !!*scope && *scope != UINT32_MAX)
			return true;
		cause = *scope == UINT32_MAX ? "there is no such interface" :
			local ? "a link-local address without its interface" : "only link-local addresses have an interface";
	}
	ctl_fail(ctl, CTL_USAGE, "usage", "192.0.2.1:4470, [2001:db8::1]:4470, [fe80::1%eth0]:4470 or none", "%s %s: %s", name,
		 text, cause);
	return false;
}

struct endpoint dev_address(const struct ctl *ctl, const char *text)
{
	struct endpoint e = { .family = strchr(text, ':') ? AF_INET6 : AF_INET };

	if (inet_pton(e.family, text, e.addr) == 1)
		return e;
	ctl_fail(ctl, CTL_USAGE, "usage", "10.66.0.2 or fd66::2", "%s: not an address", text);
	return (struct endpoint){ 0 };
}

/* ---- devices ---- */

/* The one that an earlier line of a batch attaches; 0: none does. */
static u32 device_of_batch(const struct dev_batch *b, const char *name)
{
	u32 i;

	for (i = 0; i < b->count; i++)
		if (b->ops[i]->op.object == DATAPATH_OBJ_DEVICE && b->ops[i]->op.verb == DATAPATH_NEW &&
		    !strcmp(b->ops[i]->device.name, name))
			return b->ops[i]->device.id;
	return 0;
}

bool dev_device_id(const struct dev_batch *b, const json_t *args, u32 *id)
{
	const char *word = js_text(args, "dev");
	json_t *devices, *d;
	unsigned long long n;
	char *end;
	size_t i;
	int ret;

	n = strtoull(word, &end, 10);
	if (*word >= '0' && *word <= '9' && !*end) {
		*id = n <= UINT32_MAX ? (u32)n : 0;
		if (!*id)
			ctl_fail(b->ctl, CTL_ERROR, "not-found", "a device's name, or its id from 1", "dev %s: no device's id", word);
		return *id;
	}
	*id = device_of_batch(b, word);
	if (*id)
		return true;
	devices = dev_devices(b->conn, b->node, &ret);
	if (!devices) {
		dev_failed(b->ctl, b->conn, ret, "devices");
		return false;
	}
	json_array_foreach(devices, i, d)
		if (!strcmp(js_text(d, "name"), word))
			*id = (u32)js_u64(d, "id");
	json_decref(devices);
	if (!*id)
		ctl_fail(b->ctl, CTL_ERROR, "not-found", "meshvpn-ctl dev attach DEV role ROLE", "%s: not attached to node %u",
			 word, b->node);
	return *id;
}
