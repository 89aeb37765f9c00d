/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices: TUN for the user datapath (multi-queue, with virtio-net headers and offloads), and those
 * of the kernel module.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "netd_internal.h"

#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

/* Packets a queue of a device may hold: super-packets, so that few are already milliseconds. */
#define DEVICE_QUEUE_LEN 64

static struct list devices = { &devices, &devices };

struct device *device_find(const char *name)
{
	struct device *d;

	list_for_each(d, &devices, list)
		if (!strcmp(d->name, name))
			return d;
	return NULL;
}

int device_name_check(const char *name)
{
	size_t i, len = strnlen(name, IFNAMSIZ);

	if (len >= IFNAMSIZ || strncmp(name, NETD_DEVICE_PREFIX, strlen(NETD_DEVICE_PREFIX)))
		return complain(-EINVAL, "a device name must start with \"" NETD_DEVICE_PREFIX "\"");
	for (i = 0; i < len; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", name[i]))
			return complain(-EINVAL, "a device name has letters, digits, _ and - only");
	return 0;
}

static void set_offloads(int fd)
{
	unsigned int all = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;

	/* UDP offloads are Linux 6.2 and later, both or none */
	if (ioctl(fd, TUNSETOFFLOAD, all | TUN_F_USO4 | TUN_F_USO6) && ioctl(fd, TUNSETOFFLOAD, all))
		log_warn("device", "the kernel refuses TUN offloads: slower");
}

static int queue_open(const char *name, u32 queues)
{
	struct ifreq ifr = { .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), ret;

	if (fd < 0)
		return complain(-errno, "cannot open /dev/net/tun: is the tun module loaded?");
	if (queues > 1)
		ifr.ifr_flags |= IFF_MULTI_QUEUE;
	snprintf(ifr.ifr_name, IFNAMSIZ, "%s", name);
	if (ioctl(fd, TUNSETIFF, &ifr)) {
		ret = complain(-errno, "cannot make device %s: %s", name, strerror(errno));
		close(fd);
		return ret;
	}
	set_offloads(fd);
	return fd;
}

static int bring_up(struct device *d, u32 mtu)
{
	char path[128];
	int fd, ret;

	/* no link-local address of its own, so that the host says nothing through it unasked */
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/addr_gen_mode", d->name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (write(fd, "1", 1) < 0)
			log_warn("device", "cannot turn off link-local addresses on %s", d->name);
		close(fd);
	}
	ret = rtnl_link_up(d->ifindex, mtu, DEVICE_QUEUE_LEN);
	if (ret)
		return complain(ret, "cannot bring %s up with MTU %u", d->name, mtu);
	/* not every kernel has it; the short queue alone does for a while */
	if (d->kernel)
		rtnl_qdiscs_fq_codel(d->ifindex);
	else
		rtnl_qdisc_fq_codel(d->ifindex);
	return 0;
}

static void close_all(int *fds, u32 count)
{
	while (count--)
		close(fds[count]);
}

/* The map's descriptor follows the queues'; without it packets are spread by a hash of their flow. */
static int steer(const char *name, enum netd_steering steering, int queue, int *map)
{
	*map = -1;
	if (steering == NETD_STEER_NONE)
		return 0;
	if (steering > NETD_STEER_DESTINATION)
		return complain(-EINVAL, "bad steering");
	*map = steering_attach(queue, steering == NETD_STEER_SOURCE);
	if (*map < 0)
		log_warn("device", "the kernel refuses to steer the queues of %s: slower", name);
	return 0;
}

/* Checked, with its journal open, and not in the list yet. */
static int device_begin(struct device **to, const char *name, u32 mtu)
{
	struct device *d;
	int ret = device_name_check(name);

	if (ret)
		return ret;
	if (mtu < 1280 || mtu > 65535)
		return complain(-EINVAL, "device %s: MTU 1280 to 65535", name);
	if (device_find(name) || if_nametoindex(name))
		return complain(-EEXIST, "device %s exists already: choose another name or remove it", name);
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	snprintf(d->name, sizeof(d->name), "%s", name);
	list_init(&d->sysctls);
	d->journal = ret = journal_open(name);
	if (ret < 0) {
		free(d);
		return ret;
	}
	*to = d;
	return 0;
}

int device_make(const char *name, u32 mtu, u32 queues, enum netd_steering steering, int *fds, u32 *ifindex)
{
	struct device *d;
	u32 i;
	int ret;

	if (!queues || queues > NETD_QUEUES_MAX)
		return complain(-EINVAL, "device: 1 to %d queues", NETD_QUEUES_MAX);
	ret = device_begin(&d, name, mtu);
	if (ret)
		return ret;
	for (i = 0; i < queues; i++) {
		ret = fds[i] = queue_open(name, queues);
		if (ret < 0)
			goto close_queues;
	}
	d->ifindex = *ifindex = if_nametoindex(name);
	ret = bring_up(d, mtu);
	if (!ret)
		ret = steer(name, steering, fds[0], &fds[queues]);
	if (ret)
		goto close_queues;
	list_add_tail(&d->list, &devices);
	return 0;

close_queues:
	close_all(fds, i);
	journal_close(d);
	free(d);
	return ret;
}

int device_make_kernel(const char *name, u32 mtu, u32 id, u32 *ifindex)
{
	struct device *d;
	int ret;

	if (!kernel_opened())
		return complain(-EINVAL, "there is no node of the kernel module for device %s", name);
	ret = device_begin(&d, name, mtu);
	if (ret)
		return ret;
	d->kernel = true;
	journal_note(d->journal, "link", name, "-");
	ret = rtnl_link_new(name, NETD_KERNEL_KIND);
	if (ret) {
		complain(ret, "cannot make device %s of kind " NETD_KERNEL_KIND ": %s", name, strerror(-ret));
	} else {
		d->ifindex = *ifindex = if_nametoindex(name);
		ret = kernel_attach(name, id, scope_role(name), mtu);
		if (!ret)
			ret = bring_up(d, mtu);
		if (ret)
			rtnl_link_del(name, NETD_KERNEL_KIND);
	}
	if (ret) {
		journal_close(d);
		free(d);
		return ret;
	}
	list_add_tail(&d->list, &devices);
	return 0;
}

/* A TUN goes with the daemon's last descriptor, a device of the kernel module only if it is told to. */
static void device_undo(struct device *d)
{
	exit_del(d);
	guard_del(d);
	routing_del(d);
	if (d->kernel)
		rtnl_link_del(d->name, NETD_KERNEL_KIND);
	journal_close(d);
	list_del(&d->list);
	free(d);
}

int device_drop(const char *name)
{
	struct device *d = device_find(name);

	if (!d)
		return complain(-ENOENT, "no device %s", name);
	device_undo(d);
	return 0;
}

void devices_undo(void)
{
	while (!list_empty(&devices))
		device_undo(list_entry(devices.next, struct device, list));
}
