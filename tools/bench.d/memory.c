// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory of the user datapath by object: resident bytes a circuit and a link, from 10,000 circuits
 * between 1,000 links with a session each, and what stays when they are gone. Traffic adds nothing:
 * a relay allocates only for cells that wait. The resident size of whole daemons is at the end of
 * tools/bench e2e.
 *
 *	memory [CIRCUITS [LINKS]]
 */
#include "bench.h"

#include <arpa/inet.h>
#include <malloc.h>
#include <string.h>
#include <sodium.h>

#include <crypto/aead.h>
#include <datapath/datapath.h>

static u32 links = 1000, circuits = 10000;

/* Resident bytes of this process. */
static double resident(void)
{
	long total, pages;
	FILE *f = fopen("/proc/self/statm", "r");

	malloc_trim(0);
	if (!f || fscanf(f, "%ld %ld", &total, &pages) != 2)
		bench_die("memory: no /proc/self/statm");
	fclose(f);
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void add_link(struct datapath *dp, u32 id)
{
	struct datapath_link link = { .id = id };
	struct datapath_link_session s = {
		.link = id, .index = 1, .state = DATAPATH_SESSION_CURRENT,
		.rx_ids_count = DATAPATH_LINK_IDS, .tx_id = 0x10000000 + id,
		.remote = { .family = AF_INET, .port = 4470, .addr = { 127, 0, 0, 1 } },
		.remote_lanes = 1, .local_lanes = 1,
	};
	u32 i;

	for (i = 0; i < DATAPATH_LINK_IDS; i++)
		s.rx_ids[i] = (u64)id * DATAPATH_LINK_IDS + i;
	randombytes_buf(s.rx_tag, 4 * 16);
	if (datapath_link_apply(dp, DATAPATH_NEW, &link) ||
	    datapath_link_session_apply(dp, DATAPATH_NEW, &s))
		bench_die("memory: no link");
}

static void add_circuit(struct datapath *dp, u32 i)
{
	struct datapath_circuit c = {
		.kind = DATAPATH_RELAY, .hops = 1, .data_class = MV_LARGE,
		.link = 1 + i % links, .circuit = 1 + i, .out_link = 1 + (i + 1) % links,
		.out_circuit = 0x800000 + i,
	};

	randombytes_buf(c.kf[0], MV_KEY_LEN);
	randombytes_buf(c.kb[0], MV_KEY_LEN);
	if (datapath_circuit_apply(dp, DATAPATH_NEW, &c))
		bench_die("memory: no circuit");
}

int main(int argc, char **argv)
{
	static const struct datapath_ops ops;
	struct endpoint here;
	struct datapath_conf conf = { .lanes = 1, .sockets = { bench_socket(NULL, "127.0.0.1:0", &here) } };
	struct datapath *dp;
	double start, opened, linked, full, gone;
	u64 began;
	u32 i;

	circuits = argc > 1 ? (u32)atoi(argv[1]) : circuits;
	links = argc > 2 ? (u32)atoi(argv[2]) : links;
	if (!circuits || links < 2 || sodium_init() < 0)
		bench_die("usage: memory [CIRCUITS [LINKS]]");
	conf.max_links = links;
	conf.max_circuits = circuits;
	aead_select(NULL);
	start = resident();
	if (datapath_open(&dp, "user", &conf, &ops, NULL))
		bench_die("memory: no datapath");
	opened = resident();
	for (i = 0; i < links; i++)
		add_link(dp, i + 1);
	linked = resident();
	began = bench_now();
	for (i = 0; i < circuits; i++)
		add_circuit(dp, i);
	began = bench_now() - began;
	full = resident();
	for (i = 0; i < links; i++)
		datapath_link_apply(dp, DATAPATH_DEL, &(struct datapath_link){ .id = i + 1 });
	gone = resident();
	printf("datapath without objects: %.2f MB (a lane, one worker)\n", (opened - start) / 1e6);
	printf("link with a session: %.0f bytes (%u of them)\n", (linked - opened) / links, links);
	printf("circuit: %.0f bytes (%u of them)\n", (full - linked) / circuits, circuits);
	printf("circuit installed in: %.2f us, one an operation\n", (double)began / circuits / 1e3);
	printf("left when all are gone: %.2f MB\n", (gone - opened) / 1e6);
	datapath_close(dp);
	return 0;
}
