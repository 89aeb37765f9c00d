// SPDX-License-Identifier: GPL-2.0
/*
 * Loading and unloading. Caches first, since everything lies in them, then what may be called from
 * outside, netlink last, through which anything begins; the other way round at the end.
 */
#include <linux/module.h>
#include <net/rtnetlink.h>
#include <uapi/linux/meshvpn.h>

#include "circuit.h"
#include "device.h"
#include "erase.h"
#include "exit.h"
#include "link.h"
#include "netlink.h"
#include "node.h"

static const struct {
	int (*init)(void);
	void (*exit)(void);
} parts[] = {
	{ mv_link_init, mv_link_exit },
	{ mv_circuit_init, mv_circuit_exit },
	{ mv_exit_init, mv_exit_exit },
	{ mv_node_init, mv_node_exit },
	{ mv_device_init, mv_device_exit },
	{ mv_erase_init, mv_erase_exit },
	{ mv_netlink_init, mv_netlink_exit },
};

/* The first @count of them. */
static void parts_exit(u32 count)
{
	while (count--)
		parts[count].exit();
}

static int __init meshvpn_init(void)
{
	u32 i;
	int err;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		err = parts[i].init();
		if (err) {
			parts_exit(i);
			return err;
		}
	}
	return 0;
}

static void __exit meshvpn_exit(void)
{
	parts_exit(ARRAY_SIZE(parts));
}

module_init(meshvpn_init);
module_exit(meshvpn_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Onion VPN: relay, origin and terminus of cells");
MODULE_AUTHOR("meshvpn");
MODULE_VERSION("0.1");
MODULE_ALIAS_RTNL_LINK("meshvpn");
MODULE_ALIAS_GENL_FAMILY(MESHVPN_FAMILY_NAME);
