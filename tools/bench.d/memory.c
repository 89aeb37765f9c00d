// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory of a datapath by object: bytes a circuit and a link, from 10,000 circuits between 1,000
 * links with a session each, what stays when they are gone, and how fast circuits come and go, one
 * an operation and 1,000 at once. Traffic adds nothing: a relay allocates only for cells that wait.
 * The resident size of whole daemons is at the end of tools/bench e2e.
 *
 *	memory [CIRCUITS [LINKS [DATAPATH]]]	kmod: as root where the module is loaded (tools/vm), the
 *						memory that the whole machine has less
 */
#include "bench.h"

#include <arpa/inet.h>
#include <malloc.h>
#include <string.h>
#include <sodium.h>

#include <crypto/aead.h>
#include <datapath/datapath.h>

#define BATCH 1000

static u32 links = 1000, circuits = 10000;
static bool kernel;		/* objects are in the kernel */

/* Bytes that the whole machine uses, without what it keeps of files. */
static double machine(void)
{
	double total = 0, value;
	char line[128];
	FILE *f;
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	if (fd < 0 || write(fd, "3", 1) != 1)
		bench_die("memory: cannot drop caches");
	close(fd);
	usleep(200000);		/* what waits for a grace period is given back */
	f = fopen("/proc/meminfo", "r");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "MemTotal: %lf", &value) == 1)
			total += value;
		else if (sscanf(line, "MemFree: %lf", &value) == 1)
			total -= value;
	}
	if (!f)
		bench_die("memory: no /proc/meminfo");
	fclose(f);
	return total * 1024;
}

/* Resident bytes of this process, or what the kernel takes. */
static double resident(void)
{
	long total, pages;
	FILE *f = fopen("/proc/self/statm", "r");

	malloc_trim(0);
	if (kernel) {
		if (f)
			fclose(f);
		return machine();
	}
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

static struct datapath_circuit circuit_of(u32 i)
{
	struct datapath_circuit c = {
		.kind = DATAPATH_RELAY, .hops = 1, .data_class = MV_LARGE,
		.link = 1 + i % links, .circuit = 1 + i, .out_link = 1 + (i + 1) % links,
		.out_circuit = 0x800000 + i,
	};

	randombytes_buf(c.kf[0], MV_KEY_LEN);
	randombytes_buf(c.kb[0], MV_KEY_LEN);
	return c;
}

/* All circuits, @each an operation. Return: ns a circuit. */
static double all_circuits(struct datapath *dp, enum datapath_verb verb, u32 each)
{
	static struct datapath_circuit c[BATCH];
	static struct datapath_op ops[BATCH];
	u64 took = 0, began;
	u32 i, k, n;

	for (i = 0; i < circuits; i += n) {
		n = circuits - i < each ? circuits - i : each;
		for (k = 0; k < n; k++) {
			c[k] = circuit_of(i + k);
			ops[k] = (struct datapath_op){
				.verb = verb, .object = DATAPATH_OBJ_CIRCUIT, .circuit = &c[k],
			};
		}
		began = bench_now();
		if (datapath_apply(dp, ops, n, NULL))
			bench_die("memory: circuit %u is refused", i);
		took += bench_now() - began;
	}
	return (double)took / circuits;
}

int main(int argc, char **argv)
{
	static const struct datapath_ops ops;
	struct endpoint here;
	struct datapath_conf conf = { .lanes = 1, .sockets = { bench_socket(NULL, "127.0.0.1:0", &here) } };
	struct datapath *dp;
	double start, opened, linked, full, gone, one, one_gone, many, many_gone;
	const char *name = argc > 3 ? argv[3] : "user";
	u32 i;

	circuits = argc > 1 ? (u32)atoi(argv[1]) : circuits;
	links = argc > 2 ? (u32)atoi(argv[2]) : links;
	if (!circuits || links < 2 || sodium_init() < 0)
		bench_die("usage: memory [CIRCUITS [LINKS [DATAPATH]]]");
	kernel = !strcmp(name, "kmod");
	conf.max_links = links;
	conf.max_circuits = circuits;
	aead_select(NULL);
	start = resident();
	if (datapath_open(&dp, name, &conf, &ops, NULL))
		bench_die("memory: no datapath %s", name);
	opened = resident();
	for (i = 0; i < links; i++)
		add_link(dp, i + 1);
	linked = resident();
	many = all_circuits(dp, DATAPATH_NEW, BATCH);
	full = resident();
	many_gone = all_circuits(dp, DATAPATH_DEL, BATCH);
	one = all_circuits(dp, DATAPATH_NEW, 1);
	one_gone = all_circuits(dp, DATAPATH_DEL, 1);
	for (i = 0; i < links; i++)
		datapath_link_apply(dp, DATAPATH_DEL, &(struct datapath_link){ .id = i + 1 });
	gone = resident();
	printf("datapath without objects: %.2f MB (a lane)\n", (opened - start) / 1e6);
	printf("link with a session: %.0f bytes (%u of them)\n", (linked - opened) / links, links);
	printf("circuit: %.0f bytes (%u of them)\n", (full - linked) / circuits, circuits);
	printf("circuit installed in: %.2f us, %.2f us of a thousand\n", one / 1e3, many / 1e3);
	printf("circuit deleted in: %.2f us, %.2f us of a thousand\n", one_gone / 1e3, many_gone / 1e3);
	printf("left when all are gone: %.2f MB\n", (gone - opened) / 1e6);
	datapath_close(dp);
	return 0;
}
