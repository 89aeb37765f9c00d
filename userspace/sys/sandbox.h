/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a daemon gives up what it does not need: root, capabilities, core dumps, system calls.
 */
#ifndef MESHVPN_SYS_SANDBOX_H
#define MESHVPN_SYS_SANDBOX_H

#include <sys/types.h>
#include <meshvpn/types.h>

struct sandbox_user {
	char name[33];
	uid_t uid;
	gid_t gid;
};

/* @name: NULL or empty: _meshvpn if there is such a user, else nobody. -ENOENT. */
int sandbox_user_find(struct sandbox_user *user, const char *name);
/* -ENOENT */
int sandbox_group_find(gid_t *gid, const char *name);

/*
 * The folder @path belongs to @user with @mode from now on, made if it is not there, and so do the
 * regular files and folders in it, one level deep. Symbolic links are not followed.
 */
int sandbox_directory(const char *path, const struct sandbox_user *user, mode_t mode);

/*
 * No core dumps, no ptrace by others, and (as root, who may) nothing of this process is ever
 * written to swap: keys stand in many places of the engines.
 */
int sandbox_harden(void);

/*
 * Become @user for good: groups (and @extra, if not 0), ids, no capabilities, none to be had again
 * (NO_NEW_PRIVS). Not root before: only the latter. 0 or -errno.
 */
int sandbox_drop(const struct sandbox_user *user, gid_t extra);

/*
 * Only the system calls of a running daemon in all threads; others fail with EPERM, those that
 * only an intruder would make (execve, ptrace, mount, …) end the process. -ENOSYS: built with a
 * sanitizer, which needs more; -errno of libseccomp.
 */
int sandbox_seccomp(void);

#endif
