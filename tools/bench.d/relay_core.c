// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a relayed cell costs in the engine alone: super-packets out of memory, sends into nothing;
 * no system call in between. By number of circuits, cells a super-packet, direction and class.
 *
 *	relay_core [CELLS] [IMPL]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crypto/aead.h"
#include "datapath/core.h"

#define BUFFERS 256

static u8 *buffers[BUFFERS];
static u32 buffer_count;
static u64 sent, dropped;

static u8 *get_buffer(void *arg)
{
	return buffer_count ? buffers[--buffer_count] : NULL;
}

static void put_buffer(void *arg, u8 *b)
{
	buffers[buffer_count++] = b;
}

static void send_super(void *arg, u32 lane, const struct endpoint *to, u8 *b, u32 len, u32 segment)
{
	sent += len / segment;
	put_buffer(arg, b);
}

static bool writable(void *arg)
{
	return true;
}

static void flush(void *arg)
{
}

static bool datagram(void *arg, u32 lane, const struct endpoint *from, const u8 *data, u32 len)
{
	dropped++;
	return true;
}

static void event(void *arg, const struct datapath_event *e)
{
}

static const struct core_ops ops = {
	.buffer = get_buffer, .buffer_put = put_buffer, .send = send_super, .writable = writable,
	.deliver_flush = flush, .datagram = datagram, .event = event,
};

static u64 now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000ULL + (u64)ts.tv_nsec;
}

static void apply(struct table *t, struct datapath_op op)
{
	int err = table_apply(t, &op, 1, NULL);

	if (err) {
		fprintf(stderr, "apply: %s\n", strerror(-err));
		exit(1);
	}
}

static void setup(struct table *t, u32 circuits, enum mv_class class)
{
	u32 i;

	for (i = 1; i <= 2; i++) {
		struct datapath_link link = { .id = i };
		struct datapath_link_session s = {
			.link = i, .index = 1, .state = DATAPATH_SESSION_CURRENT, .rx_ids_count = 1,
			.rx_ids = { i }, .tx_id = 100 + i, .remote_lanes = 1, .local_lanes = 1,
			.remote = { .family = AF_INET, .port = 1, .addr = { 10, 0, 0, (u8)i } },
		};

		apply(t, (struct datapath_op){ DATAPATH_NEW, DATAPATH_OBJ_LINK, .link = &link });
		apply(t, (struct datapath_op){ DATAPATH_NEW, DATAPATH_OBJ_LINK_SESSION, .link_session = &s });
	}
	for (i = 1; i <= circuits; i++) {
		struct datapath_circuit c = {
			.kind = DATAPATH_RELAY, .link = 1, .circuit = i, .out_link = 2, .out_circuit = i,
			.hops = 1, .data_class = class,
		};

		memcpy(c.kf[0], &i, sizeof(i));
		apply(t, (struct datapath_op){ DATAPATH_NEW, DATAPATH_OBJ_CIRCUIT, .circuit = &c });
	}
}

struct work {
	u32 circuits, super;
	bool back;
	enum mv_class class;
};

/* One super-packet with cells that verify. */
static void fill(u8 *data, const struct work *w, const struct mv_header_keys *keys, u64 *counters)
{
	u32 i, len = mv_class_cell(w->class), body = len - MV_CELL_HEADER;
	struct aead_job jobs[64];
	u8 key[64][32] = { 0 };
	u32 ids[64];

	for (i = 0; i < w->super; i++) {
		u8 *cell = data + (size_t)i * len;

		ids[i] = 1 + (u32)rand() % w->circuits;
		memcpy(key[i], &ids[i], 4);
		jobs[i] = (struct aead_job){
			.kind = AEAD_SEAL, .key = key[i], .nonce = ++counters[ids[i]],
			.src = cell + MV_CELL_BODY, .dst = cell + MV_CELL_BODY, .tag = cell + MV_CELL_LAYER,
			.len = body,
		};
	}
	aead_run(jobs, w->super);
	for (i = 0; i < w->super; i++)
		mv_header_seal(data + (size_t)i * len, keys, w->back ? 2 : 1, ids[i], jobs[i].nonce, body, 0);
}

static void bench(const struct work *w, u32 cells)
{
	struct datapath_conf conf = { .lanes = 1, .max_circuits = 200000 };
	struct endpoint from = { .family = AF_INET, .port = 1, .addr = { 10, 0, 0, w->back ? 2 : 1 } };
	u8 zero[16] = { 0 };
	u32 len = mv_class_cell(w->class), i, done, n = 64;
	size_t stride = (size_t)w->super * len;
	struct mv_header_keys keys;
	struct table t;
	u8 *data = malloc(stride * n);
	u64 *counters = malloc((w->circuits + 1) * sizeof(*counters)), spent = 0, start;

	for (i = 0; i <= w->circuits; i++)
		counters[i] = MV_COUNTER_FIRST;
	mv_header_keys_init(&keys, zero, zero);
	table_init(&t, &conf);
	t.cores[0] = core_new(&t, 0, &ops, NULL);
	setup(&t, w->circuits, w->class);
	memset(data, 1, stride * n);
	sent = dropped = 0;
	for (done = 0; done < cells; done += n * w->super) {
		for (i = 0; i < n; i++)
			fill(data + i * stride, w, &keys, counters);
		start = now();
		for (i = 0; i < n; i++) {
			core_input(t.cores[0], start, 0, &from, data + i * stride, (u32)stride, len);
			if (i % 8 == 7)
				core_flush(t.cores[0], start);
		}
		spent += now() - start;
	}
	printf("%-6s %-8s %8u circuits %3u a super-packet: %6.0f ns a cell%s\n",
	       w->class == MV_LARGE ? "large" : w->class == MV_MEDIUM ? "medium" : "small",
	       w->back ? "backward" : "forward", w->circuits, w->super, (double)spent / done,
	       sent == done ? "" : "  (NOT ALL WERE SENT)");
	table_fini(&t);
	core_free(t.cores[0]);
	free(data);
	free(counters);
}

int main(int argc, char **argv)
{
	static const struct work works[] = {
		{ 1, 47, false, MV_LARGE }, { 1, 47, true, MV_LARGE }, { 16, 47, false, MV_LARGE },
		{ 1000, 47, false, MV_LARGE }, { 1000, 47, true, MV_LARGE }, { 50000, 47, false, MV_LARGE },
		{ 1000, 16, false, MV_LARGE }, { 1000, 4, false, MV_LARGE }, { 1000, 1, false, MV_LARGE },
		{ 1000, 47, false, MV_MEDIUM },
	};
	u32 cells = argc > 1 ? (u32)atoi(argv[1]) : 200000, i;

	if (aead_select(argc > 2 ? argv[2] : NULL)) {
		fprintf(stderr, "%s: no such AEAD here\n", argv[2]);
		return 1;
	}
	printf("AEAD %s\n", aead_selected()->name);
	for (i = 0; i < BUFFERS; i++) {
		buffers[i] = malloc(65536);
		memset(buffers[i], 0, 65536);
	}
	buffer_count = BUFFERS;
	for (i = 0; i < sizeof(works) / sizeof(works[0]); i++)
		bench(&works[i], cells);
	while (buffer_count)
		free(buffers[--buffer_count]);
	return 0;
}
