/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * What rtnetlink says about a network device of kind meshvpn (IFLA_INFO_DATA), so that whoever lists
 * links sees whom one belongs to. Everything else goes by generic netlink: linux/meshvpn.h.
 */
#ifndef _UAPI_LINUX_IF_MESHVPN_H
#define _UAPI_LINUX_IF_MESHVPN_H

enum {
	IFLA_MESHVPN_UNSPEC,
	IFLA_MESHVPN_NODE,	/* u32: id in the namespace of the node; missing: not attached */
	IFLA_MESHVPN_DEVICE,	/* u32: id of the device at its node */
	IFLA_MESHVPN_ROLE,	/* u32: enum meshvpn_role */
	__IFLA_MESHVPN_MAX
};

#define IFLA_MESHVPN_MAX (__IFLA_MESHVPN_MAX - 1)

#endif
