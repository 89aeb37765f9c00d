/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Telling the kernel which TUN queue an inner address belongs to, so that its packets arrive at
 * the worker that owns the circuit and need no hand-over.
 */
#ifndef MESHVPN_DATAPATH_STEER_H
#define MESHVPN_DATAPATH_STEER_H

#include "table.h"

/*
 * After a batch was applied: the exit sessions that it made or moved. A failure costs speed only;
 * addresses of ended sessions fall out of the map by disuse.
 */
void steer_sessions(const struct table *t, const struct datapath_op *ops, u32 count);

#endif
