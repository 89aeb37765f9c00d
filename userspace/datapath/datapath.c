// SPDX-License-Identifier: GPL-2.0-or-later
/* Chooses an implementation by name and passes the calls of datapath.h on to it. */
#include "impl.h"

#include <errno.h>
#include <string.h>

/* In the order in which "auto" prefers them; it never takes one that needs a simulator. */
static const struct datapath_impl *const impls[] = { &datapath_kmod, &datapath_user, &datapath_fake };

int datapath_open(struct datapath **dp, const char *name, const struct datapath_conf *conf,
		  const struct datapath_ops *ops, void *arg)
{
	bool any = !strcmp(name, "auto");
	size_t i;
	int err = -ENOENT;

	if (!conf->lanes || conf->lanes > DATAPATH_LANES_MAX)
		return -EINVAL;
	for (i = 0; i < sizeof(impls) / sizeof(impls[0]); i++) {
		const struct datapath_impl *impl = impls[i];

		if (any ? !(impl->caps & DATAPATH_SOCKET) : strcmp(name, impl->name) != 0)
			continue;
		err = impl->open(dp, conf, ops, arg);
		if (!err) {
			(*dp)->impl = impl;
			return 0;
		}
		if (!any)
			return err;
	}
	return err;
}

void datapath_close(struct datapath *dp)
{
	if (dp)
		dp->impl->close(dp);
}

const char *datapath_name(const struct datapath *dp)
{
	return dp->impl->name;
}

u32 datapath_caps(const struct datapath *dp)
{
	return dp->impl->caps;
}

int datapath_fd(const struct datapath *dp)
{
	return dp->impl->fd ? dp->impl->fd(dp) : -1;
}

int datapath_dispatch(struct datapath *dp, u32 budget)
{
	return dp->impl->dispatch(dp, budget);
}

int datapath_apply(struct datapath *dp, const struct datapath_op *ops, u32 count, u32 *failed)
{
	return dp->impl->apply(dp, ops, count, failed);
}

int datapath_control(struct datapath *dp, u32 link, u32 circuit, const u8 *data, size_t len)
{
	return dp->impl->control(dp, link, circuit, data, len);
}

int datapath_circuit_get(struct datapath *dp, u32 link, u32 circuit, struct datapath_circuit_info *info)
{
	return dp->impl->circuit_get(dp, link, circuit, info);
}

int datapath_link_get(struct datapath *dp, u32 link, struct datapath_link_info *info)
{
	return dp->impl->link_get(dp, link, info);
}

void datapath_stats_get(struct datapath *dp, struct datapath_stats *stats)
{
	dp->impl->stats_get(dp, stats);
}

int datapath_circuit_dump(struct datapath *dp, int (*each)(void *arg, const struct datapath_circuit_info *info),
			  void *arg)
{
	return dp->impl->circuit_dump(dp, each, arg);
}

void datapath_fake_receive(struct datapath *dp, u32 lane, const struct endpoint *from, const u8 *data,
			   size_t len)
{
	if (dp->impl->receive)
		dp->impl->receive(dp, lane, from, data, len);
}

void datapath_fake_packet(struct datapath *dp, u32 device, const u8 *data, size_t len)
{
	if (dp->impl->packet)
		dp->impl->packet(dp, device, data, len);
}

void datapath_fake_tick(struct datapath *dp)
{
	if (dp->impl->tick)
		dp->impl->tick(dp);
}
