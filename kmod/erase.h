/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Keys do not outlive the moment for which they were made: before the machine sleeps, and when it
 * finds that it is a copy of another (whose numbers it would use again), all nodes are erased.
 */
#ifndef MV_ERASE_H
#define MV_ERASE_H

int mv_erase_init(void);
void mv_erase_exit(void);

#endif
