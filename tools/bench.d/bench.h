/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the benchmarks in C share: clocks, statistics of runs, processors, and sockets in network
 * namespaces of the benchmark's own. Every program is one file, so this is a header.
 */
#ifndef TOOLS_BENCH_H
#define TOOLS_BENCH_H

#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <base/endpoint.h>

static inline u64 bench_clock(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
}

static inline u64 bench_now(void)
{
	return bench_clock(CLOCK_MONOTONIC);
}

static inline int bench_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sorts @v. @part: 0.5 is the median */
static inline double bench_quantile(double *v, size_t n, double part)
{
	size_t at = (size_t)((double)n * part);

	if (!n)
		return 0;
	qsort(v, n, sizeof(*v), bench_compare);
	return v[at < n ? at : n - 1];
}

/* Go before all other work on the machine, also in processes to come. */
static inline void bench_first(void)
{
	struct sched_param p = { .sched_priority = 1 };

	if (sched_setscheduler(0, SCHED_FIFO, &p))
		perror("bench: cannot go before other work");
}

static inline void bench_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

__attribute__((format(printf, 1, 2), noreturn))
static inline void bench_die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

__attribute__((format(printf, 1, 2)))
static inline void bench_sh(const char *format, ...)
{
	char command[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	if (system(command))
		bench_die("failed: %s", command);
}

/* A UDP socket in namespace @netns (NULL: ours) bound to @address. */
static inline int bench_socket(const char *netns, const char *address, struct endpoint *e)
{
	int back = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), ns = -1, fd;
	struct sockaddr_storage ss;
	socklen_t len;
	char path[64];

	if (netns) {
		snprintf(path, sizeof(path), "/run/netns/%s", netns);
		ns = open(path, O_RDONLY | O_CLOEXEC);
		if (ns < 0 || setns(ns, CLONE_NEWNET))
			bench_die("%s: no such namespace", path);
	}
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	endpoint_parse(e, address);
	len = endpoint_to_sockaddr(e, &ss, false);
	if (bind(fd, (void *)&ss, len))
		bench_die("cannot bind to %s", address);
	if (setns(back, CLONE_NEWNET))
		bench_die("cannot go back to the own namespace");
	close(back);
	if (ns >= 0)
		close(ns);
	return fd;
}

#endif
