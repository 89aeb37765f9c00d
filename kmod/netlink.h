/* SPDX-License-Identifier: GPL-2.0 */
/* The generic netlink family "meshvpn" (Documentation/netlink/specs/meshvpn.yaml). */
#ifndef MV_NETLINK_H
#define MV_NETLINK_H

#include <net/genetlink.h>

extern struct genl_family mv_genl_family;

int mv_netlink_init(void);
void mv_netlink_exit(void);

#endif
