// SPDX-License-Identifier: GPL-2.0
/*
 * Events to the owner of a node: see events.h. One that finds the owner's socket full is lost, and
 * how many were is said with the next one that is not; a daemon that missed some reads the state.
 */
#include "engine.h"
#include "events.h"
#include "netlink.h"
#include "node.h"

static_assert((int)MESHVPN_EVENT_KIND_GONE == MV_EVENT_GONE &&
	      (int)MESHVPN_EVENT_KIND_CONTROL == MV_EVENT_CONTROL);

static int put_event(struct sk_buff *skb, const struct mv_event *e, u32 lost)
{
	if (nla_put_u32(skb, MESHVPN_A_EVENT_KIND, e->kind) ||
	    (e->link && nla_put_u32(skb, MESHVPN_A_EVENT_LINK, e->link)) ||
	    nla_put_u32(skb, MESHVPN_A_EVENT_INDEX, e->index) ||
	    (e->circuit && nla_put_u32(skb, MESHVPN_A_EVENT_CIRCUIT, e->circuit)) ||
	    nla_put_u32(skb, MESHVPN_A_EVENT_LANE, e->lane) ||
	    (e->device && nla_put_u32(skb, MESHVPN_A_EVENT_DEVICE, e->device)) ||
	    nla_put_u64_64bit(skb, MESHVPN_A_EVENT_COUNTER, e->counter, MESHVPN_A_EVENT_PAD) ||
	    (e->from && mv_put_endpoint(skb, MESHVPN_A_EVENT_FROM, e->from)) ||
	    (e->data && nla_put(skb, MESHVPN_A_EVENT_DATA, e->len, e->data)) ||
	    (lost && nla_put_u32(skb, MESHVPN_A_EVENT_LOST, lost)))
		return -EMSGSIZE;
	return 0;
}

static struct sk_buff *event_skb(const struct mv_node *node, const struct mv_event *event, u32 lost)
{
	struct sk_buff *skb = genlmsg_new(256 + nla_total_size(event->len), GFP_ATOMIC);
	struct nlattr *nest;
	void *hdr;

	if (!skb)
		return NULL;
	hdr = genlmsg_put(skb, 0, 0, &mv_genl_family, 0, MESHVPN_CMD_EVENT);
	if (!hdr || nla_put_u32(skb, MESHVPN_A_NODE_ID, node->id))
		goto fail;
	nest = nla_nest_start(skb, MESHVPN_A_EVENT);
	if (!nest || put_event(skb, event, lost))
		goto fail;
	nla_nest_end(skb, nest);
	genlmsg_end(skb, hdr);
	return skb;
fail:
	nlmsg_free(skb);
	return NULL;
}

void mv_event_send(struct mv_node *node, const struct mv_event *event)
{
	u32 owner = READ_ONCE(node->owner);
	struct sk_buff *skb;
	u32 lost;
	bool ok;

	if (!owner)
		return;
	lost = atomic_xchg(&node->events_lost, 0);
	skb = event_skb(node, event, lost);
	ok = skb && !genlmsg_unicast(node->net, skb, owner);
	if (!ok)
		atomic_add(lost + 1, &node->events_lost);
	local_bh_disable();
	mv_stat_add(&this_cpu_ptr(node->engines)->stats,
		    ok ? MV_STAT_EVENTS : MV_STAT_EVENTS_LOST, 1);
	local_bh_enable();
}
