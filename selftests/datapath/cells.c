// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Conformance of a relay: cells between two neighbours, checked byte by byte, and what must not
 * pass, by its cause. And what goes up, the events, and changes under traffic.
 */
#include <kselftest_harness.h>

#include "rig.h"

#define IN 1		/* link towards the origin, to neighbour 0 */
#define OUT 2		/* link away from it, to neighbour 1 */
#define CIRCUIT 0x123457
#define OUT_CIRCUIT 0x654322

FIXTURE(relay)
{
	struct rig rig;
	struct rig_dp *d;
	struct rig_link in, out;
	struct datapath_circuit circuit;
	u8 cell[RIG_PACKET], got[RIG_PACKET];
	u32 lane, out_lane;
};

FIXTURE_VARIANT(relay)
{
	struct rig_kind kind;
};
FIXTURE_VARIANT_ADD(relay, fake) { .kind = { "fake", 1 } };
FIXTURE_VARIANT_ADD(relay, fake_lanes) { .kind = { "fake", 2 } };
FIXTURE_VARIANT_ADD(relay, user) { .kind = { "user", 1 } };
FIXTURE_VARIANT_ADD(relay, user_epoll) { .kind = { "user", 1, true } };
FIXTURE_VARIANT_ADD(relay, user_lanes) { .kind = { "user", 3 } };
FIXTURE_VARIANT_ADD(relay, kmod) { .kind = { "kmod", 1 } };
FIXTURE_VARIANT_ADD(relay, kmod_lanes) { .kind = { "kmod", 3 } };

FIXTURE_SETUP(relay)
{
	struct datapath_conf conf = { .volume_limit = 200000 };

	RIG_INIT(&self->rig, &variant->kind);
	self->d = rig_open(&self->rig, &conf);
	ASSERT_NE(NULL, self->d);
	ASSERT_EQ(0, rig_link(self->d, IN, 0, &self->in));
	ASSERT_EQ(0, rig_link(self->d, OUT, 1, &self->out));
	self->circuit = (struct datapath_circuit){
		.kind = DATAPATH_RELAY, .link = IN, .circuit = CIRCUIT, .out_link = OUT,
		.out_circuit = OUT_CIRCUIT, .hops = 1, .data_class = MV_LARGE,
	};
	rig_key(self->circuit.kf[0], 32, 1, 1);
	rig_key(self->circuit.kb[0], 32, 2, 2);
	self->lane = CIRCUIT % variant->kind.lanes;
	self->out_lane = OUT_CIRCUIT % variant->kind.lanes;
}

FIXTURE_TEARDOWN(relay)
{
	rig_fini(&self->rig);
}

/* What the relay must make of a forward cell: the AEAD done here once more. */
static void expect_peeled(struct __test_metadata *_metadata, FIXTURE_DATA(relay) *self, u32 len, u64 counter)
{
	u32 body = len - MV_CELL_HEADER;
	u8 want[RIG_PACKET];
	struct aead_job job;
	struct mv_header h;

	ASSERT_EQ(len, rig_recv(self->d, 1, self->got));
	ASSERT_TRUE(rig_open_header(self->got, len, &self->out, &h));
	EXPECT_EQ(OUT_CIRCUIT, h.circuit);
	EXPECT_EQ(counter, h.counter);
	onion_peel(&job, self->circuit.kf[0], counter, self->cell, want, body);
	aead_run(&job, 1);
	ASSERT_TRUE(job.ok);
	EXPECT_EQ(0, memcmp(want + MV_CELL_LAYER, self->got + MV_CELL_LAYER, body + MV_LAYER_LEN));
}

static u32 forward(FIXTURE_DATA(relay) *self, u64 counter, enum mv_class class)
{
	u32 len = rig_cell(self->cell, &self->in, CIRCUIT, counter, self->circuit.kf[0], class,
			   (u8)counter);

	rig_send(self->d, 0, self->lane, self->cell, len);
	return len;
}

/* A backward cell of the successor: any bytes under its header. */
static u32 backward(FIXTURE_DATA(relay) *self, u64 counter, enum mv_class class)
{
	u32 i, body = mv_class_body(class);

	for (i = MV_CELL_LAYER; i < MV_CELL_HEADER + body; i++)
		self->cell[i] = (u8)(counter + i * 5);
	mv_header_seal(self->cell, &self->out.tx, self->out.tx_id, OUT_CIRCUIT, counter, body,
		       (u8)rand());
	rig_send(self->d, 1, self->out_lane, self->cell, MV_CELL_HEADER + body);
	return MV_CELL_HEADER + body;
}

static void expect_added(struct __test_metadata *_metadata, FIXTURE_DATA(relay) *self, u32 len,
			 u64 received, u64 number)
{
	u32 body = len - MV_CELL_HEADER;
	u8 want[RIG_PACKET];
	struct aead_job job;
	struct mv_header h;

	ASSERT_EQ(len, rig_recv(self->d, 0, self->got));
	ASSERT_TRUE(rig_open_header(self->got, len, &self->in, &h));
	EXPECT_EQ(CIRCUIT, h.circuit);
	EXPECT_EQ(number, h.counter);
	onion_add(&job, self->circuit.kb[0], number, self->cell, received, want, body);
	aead_run(&job, 1);
	EXPECT_EQ(0, memcmp(want + MV_CELL_LAYER, self->got + MV_CELL_LAYER, body + MV_LAYER_LEN));
}

TEST_F(relay, forward)
{
	u64 counters[] = { 4096, 4097, 5000, 4500, 7000, MV_COUNTER_MAX - 5 };
	u32 i;

	ASSERT_EQ(0, datapath_circuit_apply(self->d->dp, DATAPATH_NEW, &self->circuit));
	for (i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		expect_peeled(_metadata, self, forward(self, counters[i], MV_LARGE), counters[i]);
	EXPECT_EQ(i, rig_relayed(self->d));
}

TEST_F(relay, backward)
{
	u64 counters[] = { 4096, 4098, 4097, 6000, MV_COUNTER_MAX };
	u32 i;

	ASSERT_EQ(0, datapath_circuit_apply(self->d->dp, DATAPATH_NEW, &self->circuit));
	for (i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		expect_added(_metadata, self, backward(self, counters[i], MV_LARGE), counters[i],
			     MV_COUNTER_FIRST + i);
}

TEST_F(relay, replay)
{
	struct datapath_link_info link, later;
	struct datapath_circuit_info info;
	u32 len;

	ASSERT_EQ(0, datapath_circuit_apply(self->d->dp, DATAPATH_NEW, &self->circuit));
	len = forward(self, 100000, MV_LARGE);
	expect_peeled(_metadata, self, len, 100000);
	ASSERT_EQ(0, datapath_link_get(self->d->dp, IN, &link));
	EXPECT_NE(0, link.last_rx);
	usleep(2000);
	self->rig.now += 2000000;
	rig_send(self->d, 0, self->lane, self->cell, len);
	EXPECT_TRUE(rig_drops(self->d, DROP_REPLAY, 1));
	/* nor does a copy make the link look alive */
	ASSERT_EQ(0, datapath_link_get(self->d->dp, IN, &later));
	EXPECT_EQ(link.last_rx, later.last_rx);
	EXPECT_EQ(2, later.rx_cells);
	/* within the window, at its end, and out of it */
	len = forward(self, 100001 - 2048, MV_LARGE);
	expect_peeled(_metadata, self, len, 100001 - 2048);
	forward(self, 100001 - 70000, MV_LARGE);
	EXPECT_TRUE(rig_drops(self->d, DROP_REPLAY, 2));
	len = backward(self, 9000, MV_LARGE);
	expect_added(_metadata, self, len, 9000, 4096);
	backward(self, 9000, MV_LARGE);
	EXPECT_TRUE(rig_drops(self->d, DROP_REPLAY, 3));
	/* a number is not taken for what is dropped */
	expect_added(_metadata, self, backward(self, 9001, MV_LARGE), 9001, 4097);
	ASSERT_EQ(0, datapath_circuit_get(self->d->dp, IN, CIRCUIT, &info));
	EXPECT_EQ(4098, info.next_counter);
	EXPECT_EQ(2, info.rx_cells);
	EXPECT_EQ(2, info.back_cells);
	EXPECT_EQ(3, info.drops);
	EXPECT_NE(0, info.last_rx);
}

/* Two copies in one batch: both pass the first look at the window. */
TEST_F(relay, replay_in_batch)
{
	u32 i, k, len, n = 0;

	ASSERT_EQ(0, datapath_circuit_apply(self->d->dp, DATAPATH_NEW, &self->circuit));
	for (i = 0; i < 40; i++) {
		len = rig_cell(self->cell, &self->in, CIRCUIT, 4096 + i, self->circuit.kf[0], MV_LARGE, 1);
		for (k = 0; k < 3; k++)
			rig_send(self->d, 0, self->lane, self->cell, len);
	}
	EXPECT_TRUE(rig_drops(self->d, DROP_REPLAY, 80));
	for (; n < 40; n++)
		ASSERT_NE(0, rig_recv(self->d, 1, self->got));
	EXPECT_EQ(0, rig_recv_now(self->d, 1, self->got));
}

TEST_F(relay, spoiled)
{
	static const u32 header[] = { 1, 8, 15, 16, 23, 24, 39 };
	u32 i, len, drops = 0;

	ASSERT_EQ(0, datapath_circuit_apply(self->d->dp, DATAPATH_NEW, &self->circuit));
	for (i = 1; i < sizeof(header) / sizeof(header[0]); i++) {
		len = rig_cell(self->cell, &self->in, CIRCUIT, 4096 + i, self->circuit.kf[0], MV_LARGE, 1);
		self->cell[header[i]] ^= 0x10;
		rig_send(self->d, 0, self->lane, self->cell, len);
		EXPECT_TRUE(rig_drops(self->d, DROP_HEADER, ++drops));
	}
	/* resent under another id of the session */
	len = rig_cell(self->cell, &self->in, CIRCUIT, 4200, self->circuit.kf[0], MV_LARGE, 1);
	mv_put_le64(self->cell, (self->in.tx_id + 0x1000000) << 8 | MV_CELL_MARK);
	rig_send(self->d, 0, self->lane, self->cell, len);
	EXPECT_TRUE(rig_drops(self->d, DROP_HEADER, ++drops));
	for (i = 0; i < 3; i++) {
		len = rig_cell(self->cell, &self->in, CIRCUIT, 4096, self->circuit.kf[0], MV_LARGE, 1);
		self->cell[MV_CELL_BODY + i * 600] ^= 1;
		rig_send(self->d, 0, self->lane, self->cell, len);
		EXPECT_TRUE(rig_drops(self->d, DROP_LAYER, i + 1));
	}
	/* none of it spent the number */
	expect_peeled(_metadata, self, forward(self, 4096, MV_LARGE), 4096);
	/* the random bits are ignored, and fresh */
	len = rig_cell(self->cell, &self->in, CIRCUIT, 4300, self->circuit.kf[0], MV_LARGE, 1);
	self->cell[0] ^= 0x2a;
	rig_send(self->d, 0, self->lane, self->cell, len);
	expect_peeled(_metadata, self, len, 4300);
}

/* Holes in the middle of an outgoing super-packet. */
TEST_F(relay, holes)
{
	u32 i, len, n = 0;
	struct mv_header h;
	u64 last = 0;

	ASSERT_EQ(0, datapath_circuit_apply(self->d->dp, DATAPATH_NEW, &self->circuit));
	for (i = 0; i < 60; i++) {
		len = rig_cell(self->cell, &self->in, CIRCUIT, 4096 + i, self->circuit.kf[0], MV_LARGE, 1);
		if (i % 3 == 1)
			self->cell[700] ^= 1;
		rig_send(self->d, 0, self->lane, self->cell, len);
	}
	EXPECT_TRUE(rig_drops(self->d, DROP_LAYER, 20));
	for (; n < 40; n++) {
		len = rig_recv(self->d, 1, self->got);
		ASSERT_TRUE(rig_open_header(self->got, len, &self->out, &h));
		EXPECT_LT(last, h.counter);
		EXPECT_NE(1, (h.counter - 4096) % 3);
		last = h.counter;
	}
	EXPECT_EQ(0, rig_recv_now(self->d, 1, self->got));
}

TEST_F(relay, classes)
{
	self->circuit.data_class = MV_LARGE;
	ASSERT_EQ(0, datapath_circuit_apply(self->d->dp, DATAPATH_NEW, &self->circuit));
	forward(self, 4096, MV_SMALL);
	EXPECT_TRUE(rig_drops(self->d, DROP_CLASS, 1));
	/* building: medium both ways until the forward window has passed 4096 */
	expect_peeled(_metadata, self, forward(self, 300, MV_MEDIUM), 300);
	expect_added(_metadata, self, backward(self, 200, MV_MEDIUM), 200, 4096);
	backward(self, 201, MV_SMALL);
	EXPECT_TRUE(rig_drops(self->d, DROP_CLASS, 2));
	expect_peeled(_metadata, self, forward(self, 4096, MV_LARGE), 4096);
	backward(self, 202, MV_MEDIUM);
	EXPECT_TRUE(rig_drops(self->d, DROP_CLASS, 3));
	expect_added(_metadata, self, backward(self, 203, MV_LARGE), 203, 4097);
	/* the daemon's numbers may still be medium, forward */
	expect_peeled(_metadata, self, forward(self, 4000, MV_MEDIUM), 4000);
	forward(self, 4097, MV_MEDIUM);
	EXPECT_TRUE(rig_drops(self->d, DROP_CLASS, 4));
	self->circuit.small_forward = true;
	ASSERT_EQ(0, datapath_circuit_apply(self->d->dp, DATAPATH_SET, &self->circuit));
	expect_peeled(_metadata, self, forward(self, 4098, MV_SMALL), 4098);
}

TEST_F(relay, pass)
{
	u8 other[32];
	u32 len;

	self->circuit.pass = true;
	rig_key(other, 32, 9, 9);
	ASSERT_EQ(0, datapath_circuit_apply(self->d->dp, DATAPATH_NEW, &self->circuit));
	len = rig_cell(self->cell, &self->in, CIRCUIT, 30, other, MV_MEDIUM, 7);
	rig_send(self->d, 0, self->lane, self->cell, len);
	EXPECT_TRUE(rig_ups(self->d, 1));
	ASSERT_EQ(len, rig_up(self->d, self->got));
	EXPECT_EQ(0, memcmp(self->cell, self->got, len));
	/* backward cells prove nothing */
	expect_added(_metadata, self, backward(self, 4096, MV_LARGE), 4096, 4096);
	EXPECT_EQ(0, self->d->event_kinds[DATAPATH_EV_PASS]);
	len = forward(self, 4096, MV_LARGE);
	expect_peeled(_metadata, self, len, 4096);
	EXPECT_TRUE(rig_events(self->d, DATAPATH_EV_PASS, 1));
	EXPECT_EQ(IN, rig_event(self->d, DATAPATH_EV_PASS)->link);
	EXPECT_EQ(CIRCUIT, rig_event(self->d, DATAPATH_EV_PASS)->circuit);
	len = rig_cell(self->cell, &self->in, CIRCUIT, 4000, other, MV_MEDIUM, 7);
	rig_send(self->d, 0, self->lane, self->cell, len);
	EXPECT_TRUE(rig_drops(self->d, DROP_LAYER, 1));
	EXPECT_EQ(0, self->d->up.count);
}

/* The window's refusal goes up under pass too; a number of their own for what goes up. */
TEST_F(relay, pass_limited)
{
	u32 i, len;
	u8 other[32];

	self->circuit.pass = true;
	rig_key(other, 32, 9, 9);
	ASSERT_EQ(0, datapath_circuit_apply(self->d->dp, DATAPATH_NEW, &self->circuit));
	len = rig_cell(self->cell, &self->in, CIRCUIT, 30, other, MV_MEDIUM, 7);
	for (i = 0; i < 1000; i++)
		rig_send(self->d, 0, self->lane, self->cell, len);
	usleep(50000);
	rig_serve(&self->rig);
	EXPECT_LE(1, self->d->up.count);
	EXPECT_GT(500, self->d->up.count);
}

TEST_F(relay, up)
{
	u8 text[1200] = "not a cell";
	u32 len;

	ASSERT_EQ(0, datapath_circuit_apply(self->d->dp, DATAPATH_NEW, &self->circuit));
	rig_send(self->d, 0, 0, text, sizeof(text));
	EXPECT_TRUE(rig_ups(self->d, 1));
	ASSERT_EQ(sizeof(text), rig_up(self->d, self->got));
	EXPECT_EQ(0, memcmp(text, self->got, sizeof(text)));
	/* link control, an unknown circuit, an unknown link */
	len = rig_cell(self->cell, &self->in, 0, 77, self->circuit.kf[0], MV_MEDIUM, 1);
	rig_send(self->d, 0, 0, self->cell, len);
	EXPECT_TRUE(rig_ups(self->d, 1));
	ASSERT_EQ(len, rig_up(self->d, self->got));
	EXPECT_EQ(0, memcmp(self->cell, self->got, len));
	rig_send(self->d, 0, 0, self->got,
		 rig_cell(self->got, &self->in, CIRCUIT + 1, 77, self->circuit.kf[0], MV_LARGE, 1));
	EXPECT_TRUE(rig_ups(self->d, 2 - 1));
	rig_up(self->d, self->got);
	/* a circuit of the other link is none of this one */
	len = rig_cell(self->cell, &self->in, OUT_CIRCUIT, 4096, self->circuit.kf[0], MV_LARGE, 1);
	rig_send(self->d, 0, self->out_lane, self->cell, len);
	EXPECT_TRUE(rig_ups(self->d, 1));
	rig_up(self->d, self->got);
	self->in.tx_id = 0x123123123;
	len = rig_cell(self->cell, &self->in, CIRCUIT, 4096, self->circuit.kf[0], MV_LARGE, 1);
	rig_send(self->d, 0, self->lane, self->cell, len);
	EXPECT_TRUE(rig_ups(self->d, 1));
}

TEST_F(relay, up_limited)
{
	struct datapath_link link = { .id = IN, .up_rate = 10, .up_burst = 20 };
	u32 i, len;

	ASSERT_EQ(0, datapath_link_apply(self->d->dp, DATAPATH_SET, &link));
	len = rig_cell(self->cell, &self->in, 0, 77, self->circuit.kf[0], MV_MEDIUM, 1);
	for (i = 0; i < 100; i++)
		rig_send(self->d, 0, 0, self->cell, len);
	usleep(50000);
	rig_serve(&self->rig);
	EXPECT_LE(19, self->d->up.count);
	EXPECT_GT(30, self->d->up.count);
	/* and no other link pays for it */
	len = rig_cell(self->cell, &self->out, 0, 77, self->circuit.kf[0], MV_MEDIUM, 1);
	i = self->d->up.count;
	rig_send(self->d, 1, 0, self->cell, len);
	EXPECT_TRUE(rig_ups(self->d, i + 1));
}

/* Cells with link ids that nobody knows, as many as one likes, keep no handshake out. */
TEST_F(relay, up_strangers)
{
	u8 text[1200] = "not a cell";
	u32 i, len;

	self->in.tx_id = 0x123123123;
	len = rig_cell(self->cell, &self->in, CIRCUIT, 4096, self->circuit.kf[0], MV_SMALL, 1);
	for (i = 0; i < 10000; i++) {
		rig_send(self->d, 0, 0, self->cell, len);
		if (i % 500)
			continue;
		rig_serve(&self->rig);
		while (rig_up(self->d, self->got))
			;
	}
	/* until it is quiet, however slow the machine */
	for (i = 0; i < 5; i++) {
		usleep(20000);
		rig_serve(&self->rig);
		while (rig_up(self->d, self->got))
			i = 0;
	}
	rig_send(self->d, 0, 0, text, sizeof(text));
	EXPECT_TRUE(rig_ups(self->d, 1));
	EXPECT_EQ(sizeof(text), rig_up(self->d, self->got));
}

TEST_F(relay, session_next)
{
	struct datapath_link_session s = rig_session(self->d, IN, 0);
	struct rig_link old = self->in;
	u32 len;

	ASSERT_EQ(0, datapath_circuit_apply(self->d->dp, DATAPATH_NEW, &self->circuit));
	s.index = 2;
	s.state = DATAPATH_SESSION_NEXT;
	s.rx_ids_count = 1;
	s.rx_ids[0] = 0x7777;
	s.tx_id = 0x8888;
	rig_key(s.rx_tag, 16, 70, 1);
	rig_key(s.tx_tag, 16, 70, 2);
	ASSERT_EQ(0, datapath_link_session_apply(self->d->dp, DATAPATH_NEW, &s));
	expect_peeled(_metadata, self, forward(self, 4096, MV_LARGE), 4096);
	EXPECT_EQ(0, self->d->event_kinds[DATAPATH_EV_SESSION]);
	self->in.tx_id = 0x7777;
	mv_header_keys_init(&self->in.tx, s.rx_tag, s.rx_mask);
	expect_peeled(_metadata, self, forward(self, 4097, MV_LARGE), 4097);
	expect_peeled(_metadata, self, forward(self, 4098, MV_LARGE), 4098);
	EXPECT_TRUE(rig_events(self->d, DATAPATH_EV_SESSION, 1));
	EXPECT_EQ(2, rig_event(self->d, DATAPATH_EV_SESSION)->index);
	/* it sends nothing yet */
	expect_added(_metadata, self, backward(self, 4096, MV_LARGE), 4096, 4096);
	s.state = DATAPATH_SESSION_CURRENT;
	ASSERT_EQ(0, datapath_link_session_apply(self->d->dp, DATAPATH_SET, &s));
	self->in.rx_id = 0x8888;
	mv_header_keys_init(&self->in.rx, s.tx_tag, s.tx_mask);
	expect_added(_metadata, self, backward(self, 4097, MV_LARGE), 4097, 4097);
	/* the old one still receives, until it is deleted */
	len = rig_cell(self->cell, &old, CIRCUIT, 4200, self->circuit.kf[0], MV_LARGE, 1);
	rig_send(self->d, 0, self->lane, self->cell, len);
	expect_peeled(_metadata, self, len, 4200);
	s.index = 1;
	ASSERT_EQ(0, datapath_link_session_apply(self->d->dp, DATAPATH_DEL, &s));
	len = rig_cell(self->cell, &old, CIRCUIT, 4201, self->circuit.kf[0], MV_LARGE, 1);
	rig_send(self->d, 0, self->lane, self->cell, len);
	EXPECT_TRUE(rig_ups(self->d, 1));
}

TEST_F(relay, address)
{
	struct datapath_link_session s;
	u32 len;

	ASSERT_EQ(0, datapath_circuit_apply(self->d->dp, DATAPATH_NEW, &self->circuit));
	/* not for a cell that does not verify */
	len = rig_cell(self->cell, &self->in, CIRCUIT, 4096, self->circuit.kb[0], MV_LARGE, 1);
	rig_send(self->d, 2, self->lane, self->cell, len);
	EXPECT_TRUE(rig_drops(self->d, DROP_LAYER, 1));
	EXPECT_EQ(0, self->d->event_kinds[DATAPATH_EV_ADDRESS]);
	len = rig_cell(self->cell, &self->in, CIRCUIT, 4096, self->circuit.kf[0], MV_LARGE, 1);
	rig_send(self->d, 2, self->lane, self->cell, len);
	expect_peeled(_metadata, self, len, 4096);
	EXPECT_TRUE(rig_events(self->d, DATAPATH_EV_ADDRESS, 1));
	EXPECT_TRUE(endpoint_equal(&rig_event(self->d, DATAPATH_EV_ADDRESS)->from, &self->d->peer[2]));
	EXPECT_EQ(IN, rig_event(self->d, DATAPATH_EV_ADDRESS)->link);
	len = rig_cell(self->cell, &self->in, CIRCUIT, 4097, self->circuit.kf[0], MV_LARGE, 1);
	rig_send(self->d, 2, self->lane, self->cell, len);
	expect_peeled(_metadata, self, len, 4097);
	EXPECT_EQ(1, self->d->event_kinds[DATAPATH_EV_ADDRESS]);
	/* answers go to the old one until set */
	expect_added(_metadata, self, backward(self, 4096, MV_LARGE), 4096, 4096);
	s = rig_session(self->d, IN, 0);
	s.remote = self->d->peer[2];
	ASSERT_EQ(0, datapath_link_session_apply(self->d->dp, DATAPATH_SET, &s));
	backward(self, 4097, MV_LARGE);
	EXPECT_EQ(mv_class_cell(MV_LARGE), rig_recv(self->d, 2, self->got));
}

TEST_F(relay, volume)
{
	u32 i;

	ASSERT_EQ(0, datapath_circuit_apply(self->d->dp, DATAPATH_NEW, &self->circuit));
	for (i = 0; i < 160; i++)
		expect_peeled(_metadata, self, forward(self, 4096 + i, MV_LARGE), 4096 + i);
	EXPECT_TRUE(rig_events(self->d, DATAPATH_EV_COUNTER, 1));
}

TEST_F(relay, rate)
{
	u32 i, n = 0;

	self->circuit.rate = 10000;
	self->circuit.burst = 14000;
	ASSERT_EQ(0, datapath_circuit_apply(self->d->dp, DATAPATH_NEW, &self->circuit));
	for (i = 0; i < 30; i++)
		forward(self, 4096 + i, MV_LARGE);
	usleep(30000);
	while (rig_recv_now(self->d, 1, self->got))
		n++;
	EXPECT_LE(9, n);
	EXPECT_GE(12, n);
	EXPECT_TRUE(rig_drops(self->d, DROP_RATE, 30 - n));
}

TEST_F(relay, no_route)
{
	struct datapath_link_session s = { .link = OUT, .index = 1 };

	ASSERT_EQ(0, datapath_circuit_apply(self->d->dp, DATAPATH_NEW, &self->circuit));
	ASSERT_EQ(0, datapath_link_session_apply(self->d->dp, DATAPATH_DEL, &s));
	forward(self, 4096, MV_LARGE);
	EXPECT_TRUE(rig_drops(self->d, DROP_NO_ROUTE, 1));
}

TEST_F(relay, delete_link)
{
	struct datapath_link link = { .id = OUT };
	struct datapath_circuit_info info;
	struct datapath_link_info in;

	ASSERT_EQ(0, datapath_circuit_apply(self->d->dp, DATAPATH_NEW, &self->circuit));
	expect_peeled(_metadata, self, forward(self, 4096, MV_LARGE), 4096);
	ASSERT_EQ(0, datapath_link_get(self->d->dp, IN, &in));
	EXPECT_EQ(1, in.circuits);
	EXPECT_EQ(1, in.rx_cells);
	EXPECT_NE(0, in.last_rx);
	ASSERT_EQ(0, datapath_link_apply(self->d->dp, DATAPATH_DEL, &link));
	EXPECT_EQ(-ENOENT, datapath_circuit_get(self->d->dp, IN, CIRCUIT, &info));
	EXPECT_EQ(-ENOENT, datapath_link_get(self->d->dp, OUT, &in));
	ASSERT_EQ(0, datapath_link_get(self->d->dp, IN, &in));
	EXPECT_EQ(0, in.circuits);
	forward(self, 4097, MV_LARGE);
	EXPECT_TRUE(rig_ups(self->d, 1));
}

struct traffic {
	FIXTURE_DATA(relay) *self;
	bool stop;
	u32 lanes;
};

static void *pump(void *arg)
{
	struct traffic *t = arg;
	struct rig_dp *d = t->self->d;
	u8 cell[RIG_PACKET];
	u64 counter;
	u32 id, len;

	for (counter = 4096; !__atomic_load_n(&t->stop, __ATOMIC_RELAXED); counter++) {
		id = CIRCUIT + counter % 8;
		len = rig_cell(cell, &t->self->in, id, counter, t->self->circuit.kf[0], MV_LARGE, 1);
		rig_send(d, 0, (u32)(counter % t->lanes), cell, len);
	}
	return NULL;
}

/* Circuits, sessions and links come and go while cells arrive on every lane, also on wrong ones. */
TEST_F_TIMEOUT(relay, changes_under_traffic, 120)
{
	struct traffic t = { .self = self, .lanes = variant->kind.lanes };
	pthread_t thread;
	u32 i;

	if (!rig_has(self->d, DATAPATH_SOCKET))
		SKIP(return, "no sockets: one thread only");
	ASSERT_EQ(0, pthread_create(&thread, NULL, pump, &t));
	for (i = 0; i < 3000 || (i < 300000 && (i % 16 || rig_relayed(self->d) < 10)); i++) {
		struct datapath_circuit c = self->circuit;
		struct datapath_link_session s = rig_session(self->d, OUT, 1);

		c.circuit = CIRCUIT + i % 8;
		c.out_circuit = OUT_CIRCUIT + i % 8;
		/* each of the eight is new in one round and deleted in the next */
		ASSERT_EQ(0, datapath_circuit_apply(self->d->dp,
						    i / 8 % 2 ? DATAPATH_DEL : DATAPATH_NEW, &c));
		if (i % 50 == 0) {
			ASSERT_EQ(0, datapath_link_session_apply(self->d->dp, DATAPATH_DEL, &s));
			ASSERT_EQ(0, datapath_link_session_apply(self->d->dp, DATAPATH_NEW, &s));
		}
		if (i % 16 == 0) {
			rig_serve(&self->rig);
			while (rig_up(self->d, self->got))
				;
			while (rig_recv_now(self->d, 1, self->got))
				;
		}
	}
	__atomic_store_n(&t.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	EXPECT_LT(0, rig_relayed(self->d));
}

TEST_HARNESS_MAIN
