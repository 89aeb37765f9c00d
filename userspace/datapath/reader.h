/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads the TUN queues of a second and further device of a node (one that is client and exit has
 * two), since a worker's I/O has room for one queue: a thread a queue hands packets to the worker.
 */
#ifndef MESHVPN_DATAPATH_READER_H
#define MESHVPN_DATAPATH_READER_H

#include "worker.h"

struct reader;

/* Queue @fd of device @device, in slot @slot (from 1), for worker @w. NULL: no memory, no thread. */
struct reader *reader_new(struct worker *w, u32 device, u32 slot, int fd);
/* Stop and wait; the descriptor stays open. */
void reader_free(struct reader *r);

#endif
