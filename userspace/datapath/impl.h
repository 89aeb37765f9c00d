/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an implementation of datapath.h provides; datapath.c has the table of them. The calls mean
 * what their namesakes in datapath.h mean.
 */
#ifndef MESHVPN_DATAPATH_IMPL_H
#define MESHVPN_DATAPATH_IMPL_H

#include "datapath.h"

struct datapath_impl;

/* Embedded first in every implementation's own struct. */
struct datapath {
	const struct datapath_impl *impl;
	struct datapath_ops ops;
	void *arg;
};

struct datapath_impl {
	const char *name;
	u32 caps;
	/* @dp: impl, ops and arg are filled in by the caller after success */
	int (*open)(struct datapath **dp, const struct datapath_conf *conf, const struct datapath_ops *ops,
		    void *arg);
	void (*close)(struct datapath *dp);
	int (*fd)(const struct datapath *dp);
	int (*dispatch)(struct datapath *dp, u32 budget);
	int (*apply)(struct datapath *dp, const struct datapath_op *ops, u32 count, u32 *failed);
	int (*control)(struct datapath *dp, u32 link, u32 circuit, const u8 *data, size_t len);
	int (*circuit_get)(struct datapath *dp, u32 link, u32 circuit, struct datapath_circuit_info *info);
	int (*link_get)(struct datapath *dp, u32 link, struct datapath_link_info *info);
	void (*stats_get)(struct datapath *dp, struct datapath_stats *stats);
	int (*circuit_dump)(struct datapath *dp,
			    int (*each)(void *arg, const struct datapath_circuit_info *info), void *arg);
	/* fake only */
	void (*receive)(struct datapath *dp, u32 lane, const struct endpoint *from, const u8 *data,
			size_t len);
	void (*packet)(struct datapath *dp, u32 device, const u8 *data, size_t len);
	void (*tick)(struct datapath *dp);
};

extern const struct datapath_impl datapath_kmod, datapath_user, datapath_fake;

#endif
