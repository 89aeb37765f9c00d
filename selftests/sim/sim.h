/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A deterministic network for the engines: nodes with addresses, datagrams with loss, duplication,
 * reordering and delay from a seeded generator, and virtual time. All nodes share the simulation's
 * struct timers, so an engine's timers and datagrams on their way are one queue of events.
 *
 *	struct sim *sim = sim_new(1, &(struct sim_path){ .delay = 20 * NSEC_PER_MSEC, .loss = 300 });
 *	node->sim = sim_node_new(sim, "192.0.2.1:4470", 1, receive, settle, node);
 *	links_new(&node->links, &conf, &ops, node, sim_timers(sim), node->dp);
 *	ok = sim_until(sim, 5 * NSEC_PER_SEC, is_up, node);
 */
#ifndef MESHVPN_SIM_H
#define MESHVPN_SIM_H

#include <base/endpoint.h>
#include <base/timer.h>

struct sim;
struct sim_node;

/* What happens to datagrams; chances in thousandths. */
struct sim_path {
	u64 delay, jitter;		/* ns; jitter is uniform and added, without reordering */
	u32 loss, duplicate;
	u32 reorder;			/* so many are held back by reorder_ns more */
	u64 reorder_ns;			/* 0: as long as delay, and 1 ms */
	u32 mtu;			/* longest UDP payload, 0: no limit */
};

/* A datagram as it is sent (tap) or arrives. @from is what the receiver sees. */
struct sim_datagram {
	u64 at;
	struct endpoint from, to;
	const u8 *data;
	size_t len;
	struct sim_node *sender;	/* NULL: sim_inject() */
};

struct sim *sim_new(u64 seed, const struct sim_path *path);
/* Frees the nodes too; engines go before. */
void sim_free(struct sim *sim);

struct timers *sim_timers(struct sim *sim);
u64 sim_now(const struct sim *sim);
void sim_set_path(struct sim *sim, const struct sim_path *path);
/* The seeded generator. */
void sim_random(struct sim *sim, void *buf, size_t len);
u32 sim_below(struct sim *sim, u32 below);

/* See, and with false drop, every datagram at the moment it is sent. */
void sim_set_tap(struct sim *sim, bool (*tap)(void *arg, const struct sim_datagram *d), void *arg);

/**
 * sim_node_new - a host
 * @address: "192.0.2.1:4470"; lane i is port + i
 * @receive: a datagram for it arrived
 * @settle: may be NULL; called after every event of the simulation (datapath_dispatch() and the like)
 */
struct sim_node *sim_node_new(struct sim *sim, const char *address, u32 lanes,
			      void (*receive)(void *arg, u32 lane, const struct endpoint *from,
					      const u8 *data, size_t len),
			      void (*settle)(void *arg), void *arg);
void sim_node_free(struct sim_node *node);
const struct endpoint *sim_node_address(const struct sim_node *node);

/* From now on it sends from there; what is sent to the old address is lost unless @keep. */
void sim_node_move(struct sim_node *node, const char *address, bool keep);
/* Unplugged: neither sends nor receives. */
void sim_node_set_down(struct sim_node *node, bool down);

void sim_send(struct sim_node *node, u32 lane, const struct endpoint *to, const void *data, size_t len);
/* A datagram with any source address, past the tap and without loss. */
void sim_inject(struct sim *sim, const struct endpoint *from, const struct endpoint *to, const void *data,
		size_t len);

/* Let time pass, ns. */
void sim_run(struct sim *sim, u64 ns);
/* Until @done, for at most @ns. Return: whether it was. */
bool sim_until(struct sim *sim, u64 ns, bool (*done)(void *arg), void *arg);

struct sim_stats {
	u64 sent, lost, duplicated, reordered, delivered, nowhere, too_long;
};
const struct sim_stats *sim_stats(const struct sim *sim);

#endif
