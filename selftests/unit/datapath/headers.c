// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Headers sealed and opened in batches of every size, against the shared one-by-one functions.
 */
#include <kselftest_harness.h>

#include <sodium.h>

#include <datapath/headers.h>

#define CELLS 35

static struct mv_header_keys keys[CELLS];
static u8 cells[CELLS][MV_CELL_HEADER], want[CELLS][MV_CELL_HEADER];
static struct header_job jobs[CELLS];

static void make(unsigned int n)
{
	unsigned int i;

	randombytes_buf(keys, sizeof(keys));
	randombytes_buf(cells, sizeof(cells));
	memcpy(want, cells, sizeof(want));
	for (i = 0; i < n; i++) {
		jobs[i] = (struct header_job) {
			.cell = cells[i], .keys = &keys[i], .body = mv_class_body(randombytes_uniform(3)),
			.random = (u8)randombytes_uniform(256),
		};
		randombytes_buf(&jobs[i].link_id, 7);
		jobs[i].header.circuit = randombytes_uniform(1 << 24);
		randombytes_buf(&jobs[i].header.counter, 5);
	}
}

TEST(batches)
{
	struct mv_header h;
	unsigned int n, i, round;
	bool spoilt[CELLS];

	for (round = 0; round < 50; round++)
		for (n = 0; n <= CELLS; n++) {
			make(n);
			headers_seal(jobs, n);
			for (i = 0; i < n; i++)
				mv_header_seal(want[i], &keys[i], jobs[i].link_id, jobs[i].header.circuit,
					       jobs[i].header.counter, jobs[i].body, jobs[i].random);
			ASSERT_EQ(0, memcmp(cells, want, sizeof(cells)));
			for (i = 0; i < n; i++) {
				spoilt[i] = !randombytes_uniform(3);
				if (spoilt[i])
					cells[i][1 + randombytes_uniform(39)] ^= 1 << randombytes_uniform(8);
				jobs[i].header = (struct mv_header) { 0 };
				jobs[i].ok = spoilt[i];
			}
			memcpy(want, cells, sizeof(want));
			headers_open(jobs, n);
			EXPECT_EQ(0, memcmp(cells, want, sizeof(cells)));
			for (i = 0; i < n; i++) {
				EXPECT_EQ(!spoilt[i], jobs[i].ok);
				EXPECT_EQ(jobs[i].ok, mv_header_open(cells[i], &keys[i], jobs[i].body, &h));
				EXPECT_EQ(h.circuit, jobs[i].header.circuit);
				EXPECT_EQ(h.counter, jobs[i].header.counter);
			}
		}
}

TEST_HARNESS_MAIN
