/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A worker thread of the user datapath: one lane's socket, one TUN queue, one engine. It holds the
 * table for as long as a batch lasts (worker_enter() to the end of the batch); the control thread
 * changes the table when all workers are out, and never wakes one that sleeps for that.
 */
#ifndef MESHVPN_DATAPATH_WORKER_H
#define MESHVPN_DATAPATH_WORKER_H

#include <pthread.h>
#include <stdatomic.h>

#include "core.h"
#include "io.h"
#include "ring.h"

#define WORKER_RING (1U << 20)		/* between workers, made when first used */
#define WORKER_UP_RING (1U << 21)	/* to the control thread */

#define WORKER_DEVICES 4		/* the first is read by io, others by readers (reader.h) */

struct user;
struct worker;

/* Packets on their way to a device. */
struct worker_join {
	struct worker *worker;
	u32 slot, device;
	struct offload_join *join;
};

struct worker {
	struct user *user;
	u32 index;
	pthread_t thread;
	bool started, entered;
	struct io *io;
	struct core *core;
	struct worker_join joins[WORKER_DEVICES];
	u32 joined;			/* bits of slots with packets since the last flush */
	u32 device;			/* id of the device whose queue io has, 0: none */
	u64 wake;			/* workers to be woken after the batch */
	bool raised;			/* the control thread is to be woken after the batch */
	/* from others */
	_Atomic u32 busy;		/* futex */
	_Atomic bool behind;		/* others' super-packets wait for the socket */
	_Atomic u32 waiting;		/* was kept out and wants in */
	/* by sender: workers, then readers by slot */
	_Atomic(struct ring *) in[DATAPATH_LANES_MAX + WORKER_DEVICES];
	struct ring *up;
	_Atomic u32 device_want;	/* what the control thread wants device to be */
	_Atomic int tun_want;
	_Atomic u32 device_asked;	/* counts changes asked for */
	_Atomic u32 device_done;	/* futex: the last one carried out */
};

/* The user datapath as its workers see it. */
struct user_gate {
	_Atomic u32 paused;		/* futex */
	_Atomic bool stop;
	_Atomic bool raised;		/* event_fd was written, and not yet read */
	int event_fd;
};

/* A record on its way to the control thread. */
enum up_kind { UP_DATAGRAM, UP_EVENT };
struct up_record {
	enum up_kind kind;
	u32 lane, len;
	struct endpoint from;
	struct datapath_event event;
	u8 data[];
};

int worker_start(struct worker *w, struct user *user, u32 index);
/* Ask it to stop and wait; then free what it has. */
void worker_stop(struct worker *w);
void worker_free(struct worker *w);

/* Give a worker the queue of another device, or none (0, -1); worker_device_wait() then waits. */
void worker_device_ask(struct worker *w, u32 device, int fd);
void worker_device_wait(struct worker *w);

/* A packet read from another queue than io's, by the reader of @slot. False: no room now. */
bool worker_tun(struct worker *w, u32 slot, u32 device, const u8 *data, u32 len);

/* Keep all workers out of the table, and let them in again. Control thread. */
void workers_pause(struct user *user);
void workers_resume(struct user *user);

/* user.c */
struct user_gate *user_gate(struct user *user);
struct table *user_table(struct user *user);
struct worker *user_worker(struct user *user, u32 index);

#endif
