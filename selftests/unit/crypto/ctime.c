// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Is the bulk AEAD constant time? Memcheck reports every branch and address that depends on
 * undefined memory, so this program runs itself under valgrind with keys, bodies and tags marked
 * undefined. Valgrind knows no AVX-512: that implementation shares its driver with AVX2, but its
 * kernels are only timed, where MESHVPN_DUDECT is set: fixed against random secrets, Welch's
 * t-test. That is evidence and no proof; it wants a quiet machine. Both ways first have to find a
 * leak made on purpose.
 */
#include "kselftest_harness.h"

#include "crypto/aead.h"

#include <stdlib.h>
#include <sodium.h>
#include <sys/wait.h>
#include <valgrind/memcheck.h>

#define BATCH 19
#define LEN 1328
#define FOUND 9		/* exit status: valgrind saw a secret used */
#define MODE "MESHVPN_CTIME"
#define LEAK "leak"

static u8 keys[BATCH][AEAD_KEY_LEN], src[BATCH][LEN], dst[BATCH][LEN], tags[BATCH][16],
	zs[BATCH][16];
static struct aead_job jobs[BATCH];
static volatile int sink __attribute__((used));

static void make_jobs(void)
{
	static const u32 lens[] = { LEN, 256, 0, 1152, 77, 16 };
	unsigned int i;

	for (i = 0; i < BATCH; i++)
		jobs[i] = (struct aead_job){
			.kind = i % 4 ? i % 3 : AEAD_OPEN, .tag_len = i % 2 ? 12 : 16,
			.len = lens[i % 6], .nonce = i, .key = keys[i], .src = src[i],
			.dst = i % 5 ? dst[i] : src[i], .tag = tags[i], .z = i % 3 ? zs[i] : NULL,
		};
}

static const struct aead_impl *find(const char *name)
{
	const struct aead_impl *impl;

	for (impl = aead_impls; impl->name && strcmp(impl->name, name); impl++)
		;
	return impl->name ? impl : NULL;
}

/* As a forger's loop would like it: stops at the first byte that differs. */
static int leak(const u8 *a, const u8 *b, size_t len)
{
	const volatile u8 *x = a, *y = b;
	size_t i;

	for (i = 0; i < len && x[i] == y[i]; i++)
		;
	return i == len;
}

static void with_secrets(const char *name)
{
	unsigned int n;

	VALGRIND_MAKE_MEM_UNDEFINED(keys, sizeof(keys));
	VALGRIND_MAKE_MEM_UNDEFINED(src, sizeof(src));
	VALGRIND_MAKE_MEM_UNDEFINED(tags, sizeof(tags));
	if (!strcmp(name, LEAK)) {
		sink = leak(keys[0], keys[1], AEAD_KEY_LEN);
		return;
	}
	for (n = 1; n <= BATCH; n++) {
		make_jobs();
		find(name)->run(jobs, n);
	}
}

/* Under valgrind this program is only this. */
__attribute__((constructor)) static void child(void)
{
	const char *name = getenv(MODE);

	if (!name)
		return;
	if (!RUNNING_ON_VALGRIND || sodium_init() < 0 ||
	    (strcmp(name, LEAK) && (!find(name) || !find(name)->usable())))
		_exit(2);
	with_secrets(name);
	_exit(VALGRIND_COUNT_ERRORS ? FOUND : 0);
}

/* Return: its exit status, 127 without valgrind. */
static int under_valgrind(const char *name, bool quiet)
{
	char *argv[] = { "valgrind", quiet ? "--log-file=/dev/null" : "--quiet",
			 "--error-limit=no", "/proc/self/exe", NULL };
	char self[4096] = { 0 };
	int status;
	pid_t pid;

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return -1;
	argv[3] = self;
	pid = fork();
	if (!pid) {
		setenv(MODE, name, 1);
		execvp(argv[0], argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static const char *no_valgrind(void)
{
#ifdef __SANITIZE_ADDRESS__
	return "valgrind cannot run what AddressSanitizer was built into";
#else
	return under_valgrind(LEAK, true) == 127 ? "no valgrind" : NULL;
#endif
}

TEST(memcheck_finds_a_leak)
{
	if (no_valgrind())
		SKIP(return, "%s", no_valgrind());
	ASSERT_EQ(FOUND, under_valgrind(LEAK, true));
}

TEST(memcheck_sodium)
{
	if (no_valgrind())
		SKIP(return, "%s", no_valgrind());
	ASSERT_EQ(0, under_valgrind("sodium", false));
}

TEST(memcheck_avx2)
{
	if (no_valgrind())
		SKIP(return, "%s", no_valgrind());
	if (!find("avx2") || !find("avx2")->usable())
		SKIP(return, "no AVX2");
	ASSERT_EQ(0, under_valgrind("avx2", false));
}

#define SAMPLES 40000
#define LIMIT 100.0	/* of the square: t of 10 */

static u64 cycles(void)
{
#ifdef __x86_64__
	unsigned int aux;

	return __builtin_ia32_rdtscp(&aux);
#else
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
#endif
}

struct samples {
	u64 t[SAMPLES];
	bool class[SAMPLES];
};

static int compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return (x > y) - (x < y);
}

/* The square of Welch's t of both classes, without the slowest tenth, which are interrupts. */
static double welch(const struct samples *s)
{
	static u64 sorted[SAMPLES];
	double n[2] = { 0 }, mean[2] = { 0 }, m2[2] = { 0 }, delta;
	int i;

	memcpy(sorted, s->t, sizeof(sorted));
	qsort(sorted, SAMPLES, sizeof(sorted[0]), compare);
	for (i = 0; i < SAMPLES; i++) {
		bool c = s->class[i];

		if (s->t[i] > sorted[SAMPLES * 9 / 10])
			continue;
		n[c]++;
		delta = s->t[i] - mean[c];
		mean[c] += delta / n[c];
		m2[c] += delta * (s->t[i] - mean[c]);
	}
	delta = m2[0] / (n[0] - 1) / n[0] + m2[1] / (n[1] - 1) / n[1];
	return delta > 0 ? (mean[0] - mean[1]) * (mean[0] - mean[1]) / delta : 0;
}

/* Secrets of a class: all zero, or random; the same work to prepare either. */
static void set_secrets(bool random)
{
	u8 mask = random ? 0xff : 0, *p;
	size_t i;

	randombytes_buf(keys, sizeof(keys));
	randombytes_buf(src, sizeof(src));
	randombytes_buf(tags, sizeof(tags));
	for (p = keys[0], i = 0; i < sizeof(keys); i++)
		p[i] &= mask;
	for (p = src[0], i = 0; i < sizeof(src); i++)
		p[i] &= mask;
	for (p = tags[0], i = 0; i < sizeof(tags); i++)
		p[i] &= mask;
}

static double time_secrets(const struct aead_impl *impl)
{
	static struct samples s;
	u64 start;
	int i;

	for (i = 0; i < SAMPLES; i++) {
		s.class[i] = randombytes_random() & 1;
		set_secrets(s.class[i]);
		make_jobs();
		start = cycles();
		if (impl)
			impl->run(jobs, BATCH);
		else
			sink = leak(src[0], src[1], LEN);
		s.t[i] = cycles() - start;
	}
	return welch(&s);
}

static bool no_timing(void)
{
	return !getenv("MESHVPN_DUDECT");
}

TEST(timing_finds_a_leak)
{
	double t;

	if (no_timing())
		SKIP(return, "set MESHVPN_DUDECT to time it");
	ASSERT_LE(0, sodium_init());
	t = time_secrets(NULL);
	fprintf(stderr, "# leak: t^2 %.1f\n", t);
	ASSERT_GT(t, LIMIT);
}

TEST(timing)
{
	const struct aead_impl *impl;

	if (no_timing())
		SKIP(return, "set MESHVPN_DUDECT to time it");
	ASSERT_LE(0, sodium_init());
	for (impl = aead_impls; impl->name; impl++) {
		double t;

		if (!impl->usable())
			continue;
		t = time_secrets(impl);
		fprintf(stderr, "# %s: t^2 %.1f\n", impl->name, t);
		EXPECT_LT(t, LIMIT);
	}
}

TEST_HARNESS_MAIN
