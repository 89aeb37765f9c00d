// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * onion.json: a cell's whole way in both directions, byte for byte at every hop, with every AEAD
 * implementation that this CPU can run; what has to be dropped and where; the derivation of keys;
 * replay windows.
 */
#include "vectors.h"

#include <string.h>
#include <sodium.h>

#include <crypto/kdf.h>
#include <datapath/onion.h>
#include <meshvpn/header.h>
#include <meshvpn/replay.h>

/* One direction of a case; hop 0 is the guard. */
struct way {
	u8 key[MV_HOPS_MAX][32];
	u64 link[MV_HOPS_MAX];
	struct mv_header_keys header[MV_HOPS_MAX];
	u32 circuit[MV_HOPS_MAX];
	u8 bits[MV_HOPS_MAX];
	u64 counter[MV_HOPS_MAX];
	u64 highest[MV_HOPS_MAX];
	u8 payload[MV_BODY_MAX];
	u8 fill[MV_RESERVE_LONG];
	u8 cell[MV_HOPS_MAX][MV_CELL_MAX];
};

struct onion_case {
	u32 hops, body, reserve, len;
	struct way forward, backward;
	struct onion_keys keys;
};

/* ---- reading ---- */

static void read_hop(struct vectors *v, const json_t *o, struct way *w, u32 i, u32 len)
{
	const char *names[] = { "keys", "link_ids", "tag_keys", "mask_keys", "datagrams" };
	u8 id[8] = { 0 }, tag[16], mask[16];
	void *to[] = { w->key[i], id, tag, mask, w->cell[i] };
	const u32 lens[] = { 32, 7, 16, 16, len };
	u32 f;

	for (f = 0; f < 5; f++)
		vectors_bytes(v, names[f], json_array_get(json_object_get(o, names[f]), i), to[f], lens[f]);
	w->link[i] = mv_get_le64(id);
	mv_header_keys_init(&w->header[i], tag, mask);
	w->circuit[i] = vectors_int(v, "circuit_ids", json_array_get(json_object_get(o, "circuit_ids"), i),
				    MV_CIRCUIT_MAX);
	w->bits[i] = vectors_int(v, "first_bits", json_array_get(json_object_get(o, "first_bits"), i), 63);
}

/* -1: nothing seen, which the code takes for 0. */
static u64 read_highest(struct vectors *v, const json_t *value)
{
	if (json_is_integer(value) && json_integer_value(value) == -1)
		return 0;
	return vectors_int(v, "highest_seen", value, MV_COUNTER_MAX);
}

static bool read_way(struct vectors *v, const json_t *c, const char *name, const struct onion_case *oc,
		     struct way *w)
{
	static const char *const arrays[] = { "keys", "link_ids", "tag_keys", "mask_keys", "circuit_ids",
					      "first_bits", "datagrams" };
	const json_t *o = json_object_get(c, name);
	bool forward = !strcmp(name, "forward");
	u32 i;

	if (!vectors_fields(v, name, o, forward ?
			    "counter keys link_ids tag_keys mask_keys circuit_ids first_bits payload fill datagrams" :
			    "counters highest_seen keys link_ids tag_keys mask_keys circuit_ids first_bits payload datagrams"))
		return false;
	for (i = 0; i < 7; i++)
		if (!vectors_array(v, o, arrays[i], oc->hops))
			return false;
	if (!forward && (!vectors_array(v, o, "counters", oc->hops) ||
			 !vectors_array(v, o, "highest_seen", oc->hops)))
		return false;
	for (i = 0; i < oc->hops; i++) {
		read_hop(v, o, w, i, MV_CELL_HEADER + oc->body);
		if (forward) {
			w->counter[i] = vectors_int(v, "counter", json_object_get(o, "counter"), MV_COUNTER_MAX);
			continue;
		}
		w->counter[i] = vectors_int(v, "counters",
					    json_array_get(json_object_get(o, "counters"), i), MV_COUNTER_MAX);
		w->highest[i] = read_highest(v, json_array_get(json_object_get(o, "highest_seen"), i));
	}
	vectors_bytes(v, "payload", json_object_get(o, "payload"), w->payload, oc->len);
	if (forward)
		vectors_bytes(v, "fill", json_object_get(o, "fill"), w->fill, onion_fill_len(&oc->keys));
	return v->ok;
}

static bool read_case(struct vectors *v, const json_t *c, struct onion_case *oc)
{
	static const char *const classes[] = { "small", "medium", "large" };
	bool building;
	u32 class;

	memset(oc, 0, sizeof(*oc));
	if (!vectors_fields(v, "case", c,
			    "class body_length hops building reserve payload_length forward backward dropped"))
		return false;
	for (class = 0; class < MV_CLASSES; class++)
		if (!strcmp(vectors_text(v, c, "class"), classes[class]))
			break;
	building = vectors_bool(v, c, "building");
	oc->hops = oc->keys.hops = vectors_int(v, "hops", json_object_get(c, "hops"), MV_HOPS_MAX);
	oc->body = vectors_int(v, "body_length", json_object_get(c, "body_length"), MV_BODY_MAX);
	oc->reserve = oc->keys.reserve = vectors_int(v, "reserve", json_object_get(c, "reserve"),
						     MV_RESERVE_LONG);
	oc->len = vectors_int(v, "payload_length", json_object_get(c, "payload_length"), MV_BODY_MAX);
	if (class == MV_CLASSES || !oc->hops)
		vectors_fail(v, "class, hops", "unknown class or no hop");
	else if (oc->body != mv_class_body(class) || (building && class != MV_MEDIUM))
		vectors_fail(v, "body_length", "not that of the class");
	else if (oc->reserve != (building ? MV_RESERVE_LONG : mv_reserve(oc->hops)))
		vectors_fail(v, "reserve", "not the one for %u hops", oc->hops);
	else if (oc->len != onion_payload_len(&oc->keys, oc->body))
		vectors_fail(v, "payload_length", "not body less reserve");
	if (!v->ok || !read_way(v, c, "forward", oc, &oc->forward) ||
	    !read_way(v, c, "backward", oc, &oc->backward))
		return false;
	memcpy(oc->keys.kf, oc->forward.key, sizeof(oc->keys.kf));
	memcpy(oc->keys.kb, oc->backward.key, sizeof(oc->keys.kb));
	return true;
}

/* ---- the datapath's steps ---- */

static void seal_header(const struct onion_case *oc, const struct way *w, u32 i, u8 *cell)
{
	mv_header_seal(cell, &w->header[i], w->link[i], w->circuit[i], w->counter[i], oc->body, w->bits[i]);
}

/* Does datagram i open as what it should be? */
static bool open_header(struct vectors *v, const struct onion_case *oc, const struct way *w, u32 i,
			const u8 *cell)
{
	struct mv_header h;

	if (!mv_cell_shape(cell, MV_CELL_HEADER + oc->body))
		vectors_fail(v, "datagrams", "%u has not the shape of a cell", i);
	else if (mv_cell_link(cell) != w->link[i])
		vectors_fail(v, "link_ids", "%u: the datagram has another", i);
	else if (!mv_header_open(cell, &w->header[i], oc->body, &h))
		vectors_fail(v, "datagrams", "%u: header tag", i);
	else if (h.circuit != w->circuit[i] || h.counter != w->counter[i])
		vectors_fail(v, "circuit_ids, counter", "%u: the datagram has others", i);
	return v->ok;
}

/* Relay or terminus @hop takes @in; false if the layer does not verify. */
static bool step_forward(const struct onion_case *oc, u32 hop, u8 *in, u8 *out)
{
	const struct way *w = &oc->forward;
	struct aead_job job;

	if (hop + 1 == oc->hops)
		onion_open(&job, w->key[hop], w->counter[hop], in, oc->body);
	else
		onion_peel(&job, w->key[hop], w->counter[hop], in, out, oc->body);
	aead_run(&job, 1);
	if (job.ok && hop + 1 < oc->hops)
		seal_header(oc, w, hop + 1, out);
	return job.ok;
}

/* Relay @hop sends on what hop + 1 sent. */
static void step_backward(const struct onion_case *oc, u32 hop, u8 *in, u8 *out)
{
	const struct way *w = &oc->backward;
	struct aead_job job;

	onion_add(&job, w->key[hop], w->counter[hop], in, w->counter[hop + 1], out, oc->body);
	aead_run(&job, 1);
	seal_header(oc, w, hop, out);
}

static bool origin_opens(const struct onion_case *oc, u8 *cell, struct onion_unwrap *u, u8 *scratch,
			 u64 *highest)
{
	*u = (struct onion_unwrap) {
		.keys = &oc->keys, .highest = highest, .cell = cell, .body = oc->body,
		.scratch = scratch, .counters = { oc->backward.counter[0] },
	};
	memcpy(highest, oc->backward.highest, sizeof(oc->backward.highest));
	onion_unwrap(u, 1);
	return u->ok;
}

/* ---- checks ---- */

static void check_forward(struct vectors *v, const struct onion_case *oc)
{
	const struct way *w = &oc->forward;
	u8 scratch[ONION_SCRATCH], in[MV_CELL_MAX + 1], out[MV_CELL_MAX + 1];
	struct onion_wrap wrap = {
		.keys = &oc->keys, .counter = w->counter[0], .body = oc->body, .cell = out,
		.scratch = scratch, .fill = w->fill,
	};
	u32 hop, len = MV_CELL_HEADER + oc->body;

	memset(out, 0x5a, sizeof(out));
	memcpy(onion_payload(&oc->keys, out, scratch), w->payload, oc->len);
	onion_wrap(&wrap, 1);
	seal_header(oc, w, 0, out);
	vectors_same(v, "forward.datagrams[0] (the origin's output)", out, w->cell[0], len);
	for (hop = 0; hop < oc->hops && v->ok; hop++) {
		memcpy(in, w->cell[hop], len);
		if (!open_header(v, oc, w, hop, in))
			break;
		if (!step_forward(oc, hop, in, out))
			vectors_fail(v, "forward.datagrams", "hop %u does not verify", hop);
		else if (hop + 1 < oc->hops)
			vectors_same(v, "forward.datagrams (a relay's output)", out, w->cell[hop + 1], len);
		else
			vectors_same(v, "forward.payload (at the terminus)", in + MV_CELL_BODY, w->payload,
				     oc->len);
	}
	if (out[len] != 0x5a)
		vectors_fail(v, "forward", "written beyond the cell");
}

static void check_backward(struct vectors *v, const struct onion_case *oc)
{
	const struct way *w = &oc->backward;
	u8 in[MV_CELL_MAX], out[MV_CELL_MAX], scratch[ONION_SCRATCH];
	u32 last = oc->hops - 1, hop, len = MV_CELL_HEADER + oc->body;
	u64 highest[MV_HOPS_MAX];
	struct onion_unwrap u;
	struct aead_job job;

	memcpy(out + MV_CELL_BODY, w->payload, oc->len);
	onion_seal(&job, w->key[last], w->counter[last], out, oc->body, oc->reserve);
	aead_run(&job, 1);
	seal_header(oc, w, last, out);
	vectors_same(v, "backward.datagrams (the terminus's output)", out, w->cell[last], len);
	for (hop = last; hop-- && v->ok;) {
		memcpy(in, w->cell[hop + 1], len);
		if (!open_header(v, oc, w, hop + 1, in))
			return;
		step_backward(oc, hop, in, out);
		vectors_same(v, "backward.datagrams (a relay's output)", out, w->cell[hop], len);
	}
	memcpy(in, w->cell[0], len);
	if (!v->ok || !open_header(v, oc, w, 0, in))
		return;
	if (!origin_opens(oc, in, &u, scratch, highest)) {
		vectors_fail(v, "backward.datagrams[0]", "the origin cannot open it");
		return;
	}
	vectors_same(v, "backward.payload (at the origin)", u.payload, w->payload, oc->len);
	for (hop = 0; hop < oc->hops; hop++)
		if (u.counters[hop] != w->counter[hop] ||
		    highest[hop] != (w->highest[hop] > w->counter[hop] ? w->highest[hop] : w->counter[hop]))
			vectors_fail(v, "backward.counters", "hop %u is completed to %llu", hop,
				     (unsigned long long)u.counters[hop]);
}

/* A datagram that passed the header check at @hop: do the layers stop it at @at? */
static void check_layer(struct vectors *v, const struct onion_case *oc, bool forward, u32 hop, u8 *cell,
			const char *at)
{
	u8 out[MV_CELL_MAX], scratch[ONION_SCRATCH];
	u64 highest[MV_HOPS_MAX];
	struct onion_unwrap u;

	if (forward) {
		if (strcmp(at, "hop"))
			vectors_fail(v, "dropped.at", "forward, every hop verifies");
		if (step_forward(oc, hop, cell, out))
			vectors_fail(v, "dropped", "the layer verifies at hop %u", hop);
		return;
	}
	if (strcmp(at, "origin"))
		vectors_fail(v, "dropped.at", "backward, only the origin verifies");
	for (; hop; hop--) {
		step_backward(oc, hop - 1, cell, out);
		memcpy(cell, out, sizeof(out));
	}
	if (origin_opens(oc, cell, &u, scratch, highest))
		vectors_fail(v, "dropped", "the origin opens it");
	if (memcmp(highest, oc->backward.highest, sizeof(highest)))
		vectors_fail(v, "dropped", "moves the highest numbers seen");
}

static void check_dropped(struct vectors *v, const struct onion_case *oc, const json_t *d)
{
	u8 cell[MV_CELL_MAX + 64] = { 0 };
	const char *by, *at, *direction;
	const struct way *w;
	struct mv_header h;
	u32 hop;
	int len;

	if (!vectors_fields(v, "dropped", d, "direction hop datagram dropped_by at"))
		return;
	direction = vectors_text(v, d, "direction");
	by = vectors_text(v, d, "dropped_by");
	at = vectors_text(v, d, "at");
	hop = vectors_int(v, "dropped.hop", json_object_get(d, "hop"), oc->hops - 1);
	len = vectors_hex(v, "dropped.datagram", json_object_get(d, "datagram"), cell, sizeof(cell));
	if (strcmp(direction, "forward") && strcmp(direction, "backward"))
		vectors_fail(v, "dropped.direction", "%s", direction);
	if (strcmp(at, "hop") && strcmp(at, "origin"))
		vectors_fail(v, "dropped.at", "%s", at);
	if (!v->ok)
		return;
	w = direction[0] == 'f' ? &oc->forward : &oc->backward;
	if (!mv_cell_shape(cell, len)) {
		if (strcmp(by, "not a cell"))
			vectors_fail(v, "dropped", "is not a cell, should be dropped by %s", by);
	} else if (!mv_header_open(cell, &w->header[hop], len - MV_CELL_HEADER, &h)) {
		if (strcmp(by, "header"))
			vectors_fail(v, "dropped", "fails the header, should be dropped by %s", by);
	} else if (strcmp(by, "layer") || (u32)len != MV_CELL_HEADER + oc->body) {
		vectors_fail(v, "dropped", "passes the header, should be dropped by %s", by);
	} else if (h.circuit != w->circuit[hop] || h.counter != w->counter[hop]) {
		vectors_fail(v, "dropped", "is of another circuit or number");
	} else {
		check_layer(v, oc, w == &oc->forward, hop, cell, at);
	}
}

static void check_case(struct vectors *v, const json_t *c)
{
	const json_t *dropped = vectors_array(v, c, "dropped", 0);
	const struct aead_impl *impl;
	struct onion_case *oc = malloc(sizeof(*oc));
	size_t i;

	if (oc && read_case(v, c, oc)) {
		for (impl = aead_impls; impl->name && v->ok; impl++) {
			if (!impl->usable() || aead_select(impl->name))
				continue;
			v->aead = impl->name;
			check_forward(v, oc);
			check_backward(v, oc);
			for (i = 0; i < json_array_size(dropped); i++)
				check_dropped(v, oc, json_array_get(dropped, i));
			v->aead = NULL;
		}
		aead_select(NULL);
	}
	free(oc);
}

static void check_derivation(struct vectors *v, const json_t *k)
{
	const json_t *d = json_object_get(k, "derived");
	u8 hash[32], split[64], want[32];
	struct hop_keys hop;
	struct link_keys link;
	const struct {
		const char *label;
		const u8 *key;
		u32 len;
	} keys[] = {
		{ "hop tf", hop.tf, 32 }, { "hop tb", hop.tb, 32 }, { "hop kf", hop.kf, 32 },
		{ "hop kb", hop.kb, 32 }, { "hop df", hop.df, 32 }, { "hop db", hop.db, 32 },
		{ "link tag i", link.i.tag, 16 }, { "link mask i", link.i.mask, 16 },
		{ "link control i", link.i.control, 32 },
		{ "link tag r", link.r.tag, 16 }, { "link mask r", link.r.mask, 16 },
		{ "link control r", link.r.control, 32 },
	};
	u32 i;

	if (!vectors_fields(v, "key_derivation", k, "handshake_hash split derived") ||
	    !vectors_bytes(v, "handshake_hash", json_object_get(k, "handshake_hash"), hash, 32) ||
	    !vectors_bytes(v, "split", json_object_get(k, "split"), split, 64))
		return;
	kdf_hop_keys(hash, split, &hop);
	kdf_link_keys(hash, split, &link);
	if (json_object_size(d) != 12)
		vectors_fail(v, "derived", "%zu labels instead of 12", json_object_size(d));
	for (i = 0; i < 12; i++)
		if (vectors_bytes(v, keys[i].label, json_object_get(d, keys[i].label), want, keys[i].len))
			vectors_same(v, keys[i].label, keys[i].key, want, keys[i].len);
}

static void check_replay(struct vectors *v, const json_t *sequence)
{
	struct mv_replay window;
	size_t i;

	mv_replay_init(&window);
	if (!json_array_size(sequence))
		vectors_fail(v, "replay_windows", "no sequence");
	for (i = 0; i < json_array_size(sequence); i++) {
		const json_t *step = json_array_get(sequence, i), *want = json_array_get(step, 1);
		u64 n = vectors_int(v, "replay_windows", json_array_get(step, 0), MV_COUNTER_MAX);

		if (json_array_size(step) != 2 || !json_is_boolean(want)) {
			vectors_fail(v, "replay_windows", "step %zu is no [counter, accepted]", i);
			return;
		}
		if (mv_replay_check(&window, n) != json_is_true(want) ||
		    mv_replay_commit(&window, n) != json_is_true(want)) {
			vectors_fail(v, "replay_windows", "step %zu, counter %llu", i, (unsigned long long)n);
			return;
		}
	}
}

void vectors_onion(struct vectors *v, const json_t *root)
{
	const json_t *cases, *keys, *windows;
	size_t i;

	vectors_fields(v, "onion file", root, "comment? cases key_derivation replay_windows");
	cases = vectors_array(v, root, "cases", 0);
	keys = vectors_array(v, root, "key_derivation", 0);
	windows = vectors_array(v, root, "replay_windows", 0);
	if (!v->ok)
		vectors_end(v);
	for (i = 0; i < json_array_size(cases); i++) {
		const json_t *c = json_array_get(cases, i);

		vectors_begin(v, "onion case %zu: %s, %lld hops%s", i,
			      json_string_value(json_object_get(c, "class")) ?: "?",
			      (long long)json_integer_value(json_object_get(c, "hops")),
			      json_is_true(json_object_get(c, "building")) ? ", building" : "");
		check_case(v, c);
		vectors_end(v);
	}
	for (i = 0; i < json_array_size(keys); i++) {
		vectors_begin(v, "key derivation %zu", i);
		check_derivation(v, json_array_get(keys, i));
		vectors_end(v);
	}
	for (i = 0; i < json_array_size(windows); i++) {
		vectors_begin(v, "replay window %zu", i);
		check_replay(v, json_array_get(windows, i));
		vectors_end(v);
	}
}
