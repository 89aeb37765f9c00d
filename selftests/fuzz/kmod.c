// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Messages of the kernel module, of one that is newer, older or broken: reading them stays inside
 * of them, and what is said to be right is in range.
 *
 * Input: the attributes behind the generic netlink header.
 */
#include <assert.h>
#include <linux/genetlink.h>
#include <linux/meshvpn.h>
#include <stdlib.h>
#include <string.h>

#include <datapath/kmod_wire.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

union answer {
	struct kmod_node_info node;
	struct datapath_device device;
	struct datapath_link_info link;
	struct kmod_link_session_info link_session;
	struct datapath_session session;
	struct datapath_circuit_info circuit;
	struct datapath_event event;
};

static void event(const struct nlmsghdr *h)
{
	struct datapath_event e;
	u32 lost, i, sum = 0;

	if (kmod_get_event(h, &e, &lost))
		return;
	assert(e.kind <= DATAPATH_EV_GONE);
	assert(!e.from.family || e.from.family == AF_INET || e.from.family == AF_INET6);
	for (i = 0; i < e.len; i++)
		sum += e.data[i];
	assert(sum || !sum);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	size_t len = NLMSG_HDRLEN + GENL_HDRLEN + size;
	struct nlmsghdr *h = malloc(len);
	struct genlmsghdr *g = (void *)((u8 *)h + NLMSG_HDRLEN);
	union answer a;
	u32 ifindex;

	*h = (struct nlmsghdr){ .nlmsg_len = (u32)len, .nlmsg_type = 33 };
	*g = (struct genlmsghdr){ .cmd = MESHVPN_CMD_EVENT, .version = 1 };
	memcpy(g + 1, data, size);
	kmod_get_node_id(h);
	if (!kmod_get_node(h, &a.node))
		assert(a.node.conf.id && a.node.conf.lanes <= DATAPATH_LANES_MAX);
	if (!kmod_get_device(h, &a.device, &ifindex))
		assert(a.device.id && strnlen(a.device.name, sizeof(a.device.name)) < sizeof(a.device.name));
	if (!kmod_get_link(h, &a.link))
		assert(a.link.conf.id);
	if (!kmod_get_link_session(h, &a.link_session))
		assert(a.link_session.conf.rx_ids_count <= DATAPATH_LINK_IDS);
	if (!kmod_get_session(h, &a.session))
		assert(a.session.id);
	if (!kmod_get_circuit(h, &a.circuit))
		assert(a.circuit.conf.link);
	event(h);
	free(h);
	return 0;
}
