/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Small files that must never be seen half written or by others: key files and other state. Lives
 * here because keys are read into guarded memory, and what is not secret takes the same way.
 */
#ifndef MESHVPN_CRYPTO_STATEFILE_H
#define MESHVPN_CRYPTO_STATEFILE_H

#include <stddef.h>
#include <sys/types.h>
#include <meshvpn/types.h>

#define STATEFILE_MAX 65536

/*
 * Write to a temporary file beside it, fsync, rename. @mode: 0600 for secrets. 0 or -errno; the
 * old file stays on failure.
 */
int statefile_write(const char *path, const void *data, size_t len, mode_t mode);

/**
 * statefile_read - read a whole file
 * @room: at most this many bytes, -EFBIG if there are more
 * @secret: refuse (-EACCES) a file that group or others may read or write
 *
 * Return: bytes, or -errno.
 */
ssize_t statefile_read(const char *path, void *buf, size_t room, bool secret);

#endif
