// SPDX-License-Identifier: GPL-2.0-or-later
/* A thread that reads one TUN queue into a worker's ring: see reader.h. */
#include "reader.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define BUDGET 16			/* packets before the worker is woken */
#define FULL_MS 1			/* the ring is full: the device's own queue waits */

struct reader {
	struct worker *worker;
	u32 device, slot;
	int fd, stop_fd;
	bool stop;			/* atomic */
	pthread_t thread;
	u8 buffer[IO_TUN_MAX];
};

/* True when it is to end. */
static bool wait_for(struct reader *r, int fd, int ms)
{
	struct pollfd fds[2] = { { r->stop_fd, POLLIN, 0 }, { fd, POLLIN, 0 } };

	poll(fds, 2, ms);
	return __atomic_load_n(&r->stop, __ATOMIC_ACQUIRE);
}

static void *run(void *arg)
{
	struct reader *r = arg;
	ssize_t n;
	u32 i;

	while (!wait_for(r, r->fd, -1)) {
		for (i = 0; i < BUDGET; i++) {
			n = read(r->fd, r->buffer, sizeof(r->buffer));
			if (n <= 0)
				break;
			while (!worker_tun(r->worker, r->slot, r->device, r->buffer, (u32)n)) {
				io_wake(r->worker->io);
				if (wait_for(r, -1, FULL_MS))
					return NULL;
			}
		}
		if (i)
			io_wake(r->worker->io);
		else if (n == 0 || errno != EAGAIN)
			break;		/* the device is gone: its owner hears of it elsewhere */
	}
	return NULL;
}

struct reader *reader_new(struct worker *w, u32 device, u32 slot, int fd)
{
	struct reader *r = calloc(1, sizeof(*r));
	sigset_t all, old;
	int err;

	if (!r)
		return NULL;
	r->worker = w;
	r->device = device;
	r->slot = slot;
	r->fd = fd;
	r->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = r->stop_fd < 0 ? -1 : pthread_create(&r->thread, NULL, run, r);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!err)
		return r;
	if (r->stop_fd >= 0)
		close(r->stop_fd);
	free(r);
	return NULL;
}

void reader_free(struct reader *r)
{
	static const u64 one = 1;

	if (!r)
		return;
	__atomic_store_n(&r->stop, true, __ATOMIC_RELEASE);
	if (write(r->stop_fd, &one, sizeof(one)) == sizeof(one))
		pthread_join(r->thread, NULL);
	close(r->stop_fd);
	free(r);
}
