/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A generic netlink socket to the kernel module: requests are answered while the caller waits, at
 * most KMOD_PATIENCE_MS, and events that arrive in between wait in a queue. One thread.
 */
#ifndef MESHVPN_DATAPATH_KMOD_CONN_H
#define MESHVPN_DATAPATH_KMOD_CONN_H

#include "kmod_wire.h"

#define KMOD_PATIENCE_MS 5000		/* the module waits for RCU and for rtnl at most */

struct kmod_conn;

/*
 * kmod_conn_open - a socket, and the number of the family
 * @fd: one that somebody opened and registered for us, which is ours from now on; -1: our own
 *
 * Return: 0, -ENOENT (no such family: the module is not loaded), -EPROTONOSUPPORT (it speaks
 * another version), -ENOMEM, -errno. On failure @fd is still the caller's.
 */
int kmod_conn_open(struct kmod_conn **conn, int fd);
void kmod_conn_close(struct kmod_conn *conn);
int kmod_conn_fd(const struct kmod_conn *conn);
int kmod_conn_family(const struct kmod_conn *conn);

/*
 * kmod_call - send a request, wait for its answer
 * @m: from kmod_request(); flags decide (NLM_F_ACK, NLM_F_DUMP); freed in any case; NULL: -ENOMEM
 * @each: called with each message of the answer, NULL: none; a non-zero return stops the calls, and
 * is returned once the answer is complete
 * @failed: if not NULL: index of the op of a batch that failed; left alone if the kernel does not say
 *
 * Return: 0, the kernel's -errno, -ETIMEDOUT (no answer, or one that was lost among events; whether the
 * request was done is not known), -EINTR (a dump that must be repeated). After an error
 * kmod_conn_error() has the kernel's words.
 */
int kmod_call(struct kmod_conn *conn, struct nl_msg *m, int (*each)(void *arg, const struct nlmsghdr *h),
	      void *arg, u32 *failed);
/* Never NULL; "" if the kernel said nothing. */
const char *kmod_conn_error(const struct kmod_conn *conn);

/*
 * kmod_conn_event - the next event, from the queue or the socket, without waiting
 *
 * The message is valid until the next one is asked for, also during requests. Return: NULL: none, then
 * @overrun says whether the socket lost some (reset by reading it).
 */
const struct nlmsghdr *kmod_conn_event(struct kmod_conn *conn, bool *overrun);
/* Does an event wait in the queue (the socket would not say so)? */
bool kmod_conn_waits(const struct kmod_conn *conn);

/* Nodes of this namespace: is the module there, and does it work for us? 0 or kmod_conn_open()'s. */
int kmod_probe(void);

#endif
