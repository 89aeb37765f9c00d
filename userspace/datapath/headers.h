/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Headers of a batch of cells opened and sealed side by side: SipHash is one long chain of
 * dependent operations, so that a core alone with one header waits most of the time. The results
 * are those of meshvpn/header.h.
 */
#ifndef MESHVPN_DATAPATH_HEADERS_H
#define MESHVPN_DATAPATH_HEADERS_H

#include <meshvpn/header.h>

/**
 * struct header_job - one cell's header
 * @cell: the cell; to seal, its layer tag must be in place
 * @keys: keys of the link session, of the receiver's side to open, of the sender's to seal
 * @body: B
 * @header: open: the result, valid only if @ok; seal: what to write
 * @link_id: seal: the receiver's
 * @random: seal: six random bits
 * @ok: open: the tag is right
 */
struct header_job {
	u8 *cell;
	const struct mv_header_keys *keys;
	u32 body;
	struct mv_header header;
	u64 link_id;
	u8 random;
	bool ok;
};

/* Check and unmask any number of headers, of any links mixed. */
void headers_open(struct header_job *jobs, unsigned int n);

/* Write the first 24 bytes of any number of cells. */
void headers_seal(struct header_job *jobs, unsigned int n);

#endif
