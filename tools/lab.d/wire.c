// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A link with delay, loss, reordering, duplication and a rate, for kernels without netem: it
 * joins two TAP devices in two network namespaces and decides the fate of each frame by a seeded
 * generator, so that a run can be repeated. One process is one link, with a control socket for
 * changing it while it runs. It sleeps in epoll until a frame arrives or one is due, and it stays
 * in the first namespace, so that whoever removes the processes of that namespace removes it too.
 *
 *	wire CONTROL NS-A IF-A NS-B IF-B [KEY=VALUE...]	run (returns when both devices exist)
 *	wire -c CONTROL [a|b] [KEY=VALUE...|show]	change one direction or both; show counters
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum {
	FRAME_MAX = 65536,
	READ_BATCH = 64,
	HEAP_MAX = 1 << 16,			/* frames under way in one direction */
	BYTES_MAX = 64 << 20,
};

static const uint64_t MSEC = 1000000, SEC = 1000000000;

/**
 * struct shape - what one direction does to its frames
 * @delay: ns, one way
 * @jitter: ns, added uniformly; never reorders by itself
 * @reorder_gap: ns by which a reordered frame is late
 * @queue: ns of waiting for @rate after which frames are dropped
 * @rate: bit/s, 0 is unlimited
 * @maxsize: bytes of an IP packet above which frames vanish, 0 is none
 * @loss, @reorder, @dup: probabilities, of 2^32
 */
struct shape {
	uint64_t delay, jitter, reorder_gap, queue, rate, maxsize;
	uint64_t loss, reorder, dup;
	bool down;
};

struct frame {
	uint64_t due, order;
	uint32_t len;
	uint8_t data[];
};

struct direction {
	int in, out;				/* TAP devices, owned by main */
	struct shape shape;
	uint64_t random[4];
	struct frame *heap[HEAP_MAX];
	uint32_t count;
	uint64_t bytes, order;
	uint64_t free_at;			/* when the last accepted frame has left at @rate */
	uint64_t last_due;
	uint64_t seen, sent, lost, dropped, reordered, duplicated;
};

static struct direction directions[2];		/* a to b, b to a */
static int timer;

__attribute__((noreturn, format(printf, 1, 2)))
static void die(const char *format, ...)
{
	va_list ap;

	fputs("wire: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * SEC + ts.tv_nsec;
}

/* xoshiro256** seeded by splitmix64: quality is no matter, repeatability is */
static uint64_t random_u64(struct direction *d)
{
	uint64_t *s = d->random, x = s[1] * 5, result = (x << 7 | x >> 57) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = s[3] << 45 | s[3] >> 19;
	return result;
}

static void random_seed(struct direction *d, uint64_t seed)
{
	for (unsigned int i = 0; i < 4; i++) {
		uint64_t z = seed += 0x9e3779b97f4a7c15;

		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
		z = (z ^ z >> 27) * 0x94d049bb133111eb;
		d->random[i] = z ^ z >> 31;
	}
}

static bool chance(struct direction *d, uint64_t of_2_32)
{
	return of_2_32 && (random_u64(d) >> 32) < of_2_32;
}

/* frames under way: a binary heap by due time, then by arrival */

static bool earlier(const struct frame *a, const struct frame *b)
{
	return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static void heap_push(struct direction *d, struct frame *f)
{
	uint32_t i = d->count++;

	for (; i && earlier(f, d->heap[(i - 1) / 2]); i = (i - 1) / 2)
		d->heap[i] = d->heap[(i - 1) / 2];
	d->heap[i] = f;
	d->bytes += f->len;
}

static struct frame *heap_pop(struct direction *d)
{
	struct frame *top = d->heap[0], *last = d->heap[--d->count];
	uint32_t i = 0, child;

	while ((child = 2 * i + 1) < d->count) {
		if (child + 1 < d->count && earlier(d->heap[child + 1], d->heap[child]))
			child++;
		if (!earlier(d->heap[child], last))
			break;
		d->heap[i] = d->heap[child];
		i = child;
	}
	if (d->count)
		d->heap[i] = last;
	d->bytes -= top->len;
	return top;
}

static void frame_enqueue(struct direction *d, const uint8_t *data, uint32_t len, uint64_t due)
{
	struct frame *f;

	if (d->count == HEAP_MAX || d->bytes + len > BYTES_MAX || !(f = malloc(sizeof(*f) + len))) {
		d->dropped++;
		return;
	}
	f->due = due;
	f->order = d->order++;
	f->len = len;
	memcpy(f->data, data, len);
	heap_push(d, f);
}

/* the fate of one frame; every frame that is not dropped goes through the heap */
static void frame_shape(struct direction *d, const uint8_t *data, uint32_t len, uint64_t t)
{
	const struct shape *s = &d->shape;
	uint64_t due, leaves = t;

	d->seen++;
	if (s->down || chance(d, s->loss)) {
		d->lost++;
		return;
	}
	if (s->maxsize && len > s->maxsize + 14) {
		d->dropped++;
		return;
	}
	if (s->rate) {
		leaves = d->free_at > t ? d->free_at : t;
		if (leaves - t > s->queue) {
			d->dropped++;
			return;
		}
		leaves += (uint64_t)len * 8 * SEC / s->rate;
		d->free_at = leaves;
	}
	due = leaves + s->delay;
	if (s->jitter)
		due += random_u64(d) % (s->jitter + 1);
	if (due < d->last_due)
		due = d->last_due;
	if (chance(d, s->reorder)) {
		d->reordered++;
		due += s->reorder_gap ? s->reorder_gap : s->delay / 2 + 2 * MSEC;
	} else {
		d->last_due = due;
	}
	frame_enqueue(d, data, len, due);
	if (chance(d, s->dup)) {
		d->duplicated++;
		frame_enqueue(d, data, len, due);
	}
}

static void direction_read(struct direction *d)
{
	static uint8_t buffer[FRAME_MAX];

	for (int i = 0; i < READ_BATCH; i++) {
		ssize_t len = read(d->in, buffer, sizeof(buffer));

		if (len < 0) {
			if (errno == EAGAIN || errno == EINTR || errno == EIO)
				return;
			exit(0);		/* the namespace is gone */
		}
		frame_shape(d, buffer, len, now());
	}
}

static void direction_write(struct direction *d)
{
	uint64_t t = now();

	while (d->count && d->heap[0]->due <= t) {
		struct frame *f = heap_pop(d);

		if (write(d->out, f->data, f->len) == (ssize_t)f->len)
			d->sent++;
		else
			d->dropped++;
		free(f);
	}
}

static void timer_arm(void)
{
	static uint64_t armed;
	struct itimerspec its = {};
	uint64_t due = 0;

	for (int i = 0; i < 2; i++)
		if (directions[i].count && (!due || directions[i].heap[0]->due < due))
			due = directions[i].heap[0]->due;
	if (due == armed && due > now())
		return;
	armed = due;
	its.it_value.tv_sec = due / SEC;
	its.it_value.tv_nsec = due % SEC;
	timerfd_settime(timer, TFD_TIMER_ABSTIME, &its, NULL);
}

/* parameters */

struct unit {
	const char *name;
	double factor;
};

static int number_parse(const char *s, const struct unit *units, size_t n, uint64_t *out)
{
	char *end;
	double v = strtod(s, &end);

	if (end == s || !(v >= 0) || v > 1e15)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(end, units[i].name)) {
			*out = v * units[i].factor + 0.5;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_time(const char *s, uint64_t *out)
{
	static const struct unit units[] = { { "ms", 1e6 }, { "us", 1e3 }, { "s", 1e9 }, { "", 1e6 } };

	return number_parse(s, units, ARRAY_SIZE(units), out);
}

static int parse_rate(const char *s, uint64_t *out)
{
	static const struct unit units[] = { { "mbit", 1e6 }, { "kbit", 1e3 }, { "gbit", 1e9 }, { "bit", 1 }, { "", 1 } };

	return number_parse(s, units, ARRAY_SIZE(units), out);
}

static int parse_share(const char *s, uint64_t *out)
{
	static const struct unit units[] = { { "%", 4294967296.0 / 100 }, { "", 4294967296.0 } };
	int err = number_parse(s, units, ARRAY_SIZE(units), out);

	return err ? err : *out > 1ull << 32 ? -ERANGE : 0;
}

static int parse_count(const char *s, uint64_t *out)
{
	static const struct unit units[] = { { "", 1 } };

	return number_parse(s, units, ARRAY_SIZE(units), out);
}

static const struct parameter {
	const char *name;
	size_t offset;
	int (*parse)(const char *s, uint64_t *out);
} parameters[] = {
	{ "delay", offsetof(struct shape, delay), parse_time },
	{ "jitter", offsetof(struct shape, jitter), parse_time },
	{ "gap", offsetof(struct shape, reorder_gap), parse_time },
	{ "queue", offsetof(struct shape, queue), parse_time },
	{ "rate", offsetof(struct shape, rate), parse_rate },
	{ "maxsize", offsetof(struct shape, maxsize), parse_count },
	{ "loss", offsetof(struct shape, loss), parse_share },
	{ "reorder", offsetof(struct shape, reorder), parse_share },
	{ "dup", offsetof(struct shape, dup), parse_share },
};

/* one word, "down", "up", "seed=N" or "KEY=VALUE", for the directions of @which (bits) */
static int parameter_set(const char *word, unsigned int which)
{
	const char *value = strchr(word, '=');
	uint64_t v = 0;

	for (int i = 0; i < 2; i++) {
		struct direction *d = &directions[i];
		int err = -EINVAL;

		if (!(which & 1u << i))
			continue;
		if (!strcmp(word, "down") || !strcmp(word, "up")) {
			d->shape.down = *word == 'd';
			continue;
		}
		if (value && !strncmp(word, "seed=", 5)) {
			if (parse_count(value + 1, &v))
				return -EINVAL;
			random_seed(d, v * 2 + i);
			continue;
		}
		for (size_t p = 0; value && p < ARRAY_SIZE(parameters); p++) {
			const struct parameter *par = &parameters[p];

			if (strlen(par->name) == (size_t)(value - word) &&
			    !strncmp(par->name, word, value - word))
				err = par->parse(value + 1, (uint64_t *)((char *)&d->shape + par->offset));
		}
		if (err)
			return err;
	}
	return 0;
}

/* control: one line in, one answer out */

static void show(char *answer, size_t size)
{
	size_t len = 0;

	for (int i = 0; i < 2; i++) {
		const struct direction *d = &directions[i];

		len += snprintf(answer + len, size - len,
				"%s seen %llu sent %llu lost %llu dropped %llu reordered %llu duplicated %llu queued %u%s\n",
				i ? "b" : "a", (unsigned long long)d->seen, (unsigned long long)d->sent,
				(unsigned long long)d->lost, (unsigned long long)d->dropped,
				(unsigned long long)d->reordered, (unsigned long long)d->duplicated,
				d->count, d->shape.down ? " down" : "");
	}
}

static void control_answer(int listener)
{
	char line[1024], answer[1024] = "ok\n", *save, *word;
	unsigned int which = 3;
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	ssize_t len;

	if (fd < 0)
		return;
	/* a client sends its line at once; one that does not costs the link at most a second */
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){ .tv_sec = 1 }, sizeof(struct timeval));
	fcntl(fd, F_SETFL, 0);
	len = recv(fd, line, sizeof(line) - 1, 0);
	line[len > 0 ? len : 0] = '\0';
	for (word = strtok_r(line, " \n", &save); word; word = strtok_r(NULL, " \n", &save)) {
		if (!strcmp(word, "a") || !strcmp(word, "b")) {
			which = *word == 'a' ? 1 : 2;
		} else if (!strcmp(word, "show")) {
			show(answer, sizeof(answer));
		} else if (parameter_set(word, which)) {
			snprintf(answer, sizeof(answer), "error: cannot take '%s'\n", word);
			break;
		}
	}
	send(fd, answer, strlen(answer), MSG_NOSIGNAL);
	close(fd);
}

static struct sockaddr_un control_address(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(sun.sun_path))
		die("%s: path too long for a socket", path);
	strcpy(sun.sun_path, path);
	return sun;
}

static int control_listen(const char *path)
{
	struct sockaddr_un sun = control_address(path);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sun, sizeof(sun)) || listen(fd, 8))
		die("cannot listen on %s: %s", path, strerror(errno));
	return fd;
}

static int control_client(const char *path, int argc, char **argv)
{
	struct sockaddr_un sun = control_address(path);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	char line[1024] = "", answer[1024];
	ssize_t len;

	for (int i = 0; i < argc; i++) {
		if (strlen(line) + strlen(argv[i]) + 2 > sizeof(line))
			die("too many words");
		strcat(strcat(line, argv[i]), " ");
	}
	if (fd < 0 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)))
		die("no link answers at %s: %s", path, strerror(errno));
	if (send(fd, line, strlen(line), MSG_NOSIGNAL) < 0 || (len = recv(fd, answer, sizeof(answer), 0)) <= 0)
		die("the link at %s does not answer", path);
	fwrite(answer, 1, len, !strncmp(answer, "error", 5) ? stderr : stdout);
	return !strncmp(answer, "error", 5);
}

static void netns_enter(const char *name)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		die("cannot enter namespace %s: %s", name, strerror(errno));
	close(fd);
}

static int tap_open(const char *netns, const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd;

	netns_enter(netns);
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	snprintf(ifr.ifr_name, IFNAMSIZ, "%s", name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr))
		die("cannot make TAP %s in %s: %s", name, netns, strerror(errno));
	return fd;
}

static void watch(int poll, int fd, uint32_t what)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = what };

	if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &ev))
		die("epoll: %s", strerror(errno));
}

enum { FROM_A, FROM_B, CONTROL, TIMER };

static void run(int control)
{
	int poll = epoll_create1(EPOLL_CLOEXEC);

	timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	watch(poll, directions[0].in, FROM_A);
	watch(poll, directions[1].in, FROM_B);
	watch(poll, control, CONTROL);
	watch(poll, timer, TIMER);
	for (;;) {
		struct epoll_event ev[4];
		int n = epoll_wait(poll, ev, 4, -1);

		for (int i = 0; i < n; i++) {
			uint64_t ticks;

			if (ev[i].data.u32 == CONTROL)
				control_answer(control);
			else if (ev[i].data.u32 == TIMER)
				(void)!read(timer, &ticks, sizeof(ticks));
			else
				direction_read(&directions[ev[i].data.u32]);
		}
		direction_write(&directions[0]);
		direction_write(&directions[1]);
		timer_arm();
	}
}

int main(int argc, char **argv)
{
	int control, a, b;

	if (argc >= 3 && !strcmp(argv[1], "-c"))
		return control_client(argv[2], argc - 3, argv + 3);
	if (argc < 6) {
		fprintf(stderr, "usage: wire CONTROL NS-A IF-A NS-B IF-B [KEY=VALUE...]\n"
			"       wire -c CONTROL [a|b] [KEY=VALUE...|down|up|show]\n");
		return 2;
	}
	for (int i = 0; i < 2; i++) {
		directions[i].shape.queue = 50 * MSEC;
		random_seed(&directions[i], i);
	}
	for (int i = 6; i < argc; i++)
		if (parameter_set(argv[i], 3))
			die("cannot take '%s'; keys: delay jitter gap queue rate maxsize loss reorder dup seed", argv[i]);
	control = control_listen(argv[1]);
	b = tap_open(argv[4], argv[5]);
	a = tap_open(argv[2], argv[3]);
	directions[0].in = directions[1].out = a;
	directions[0].out = directions[1].in = b;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	if (daemon(0, 0))
		die("cannot go to the background: %s", strerror(errno));
	run(control);
}
