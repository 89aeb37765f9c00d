// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Conformance from device to device: client, relay and exit of one implementation joined by real
 * links, inner packets put in at one end and taken out at the other; and what may not pass.
 */
#include <kselftest_harness.h>

#include <arpa/inet.h>
#include <linux/virtio_net.h>
#include <netinet/udp.h>

#include "rig.h"

#define MTU 1420
#define DEVICE 3
#define SESSION 7

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

static const u8 inner4[4] = { 198, 18, 1, 2 }, far4[4] = { 8, 8, 4, 4 };
static const u8 inner6[16] = { 0xfd, 1, [15] = 9 }, far6[16] = { 0x20, 1, 0x0d, 0xb8, [15] = 1 };

FIXTURE(stream)
{
	struct rig rig;
	struct rig_dp *client, *relay, *exit;
	struct datapath_circuit at_client, at_relay, at_exit;
	u8 packet[RIG_PACKET], got[RIG_PACKET];
};

FIXTURE_VARIANT(stream)
{
	struct rig_kind kind;
	u32 hold_us;
	bool small;
};
FIXTURE_VARIANT_ADD(stream, fake) { .kind = { "fake", 1 } };
FIXTURE_VARIANT_ADD(stream, fake_hold) { .kind = { "fake", 1 }, .hold_us = 200 };
FIXTURE_VARIANT_ADD(stream, user) { .kind = { "user", 1 }, .hold_us = 200 };
FIXTURE_VARIANT_ADD(stream, user_epoll) { .kind = { "user", 1, true }, .small = true };
FIXTURE_VARIANT_ADD(stream, user_lanes) { .kind = { "user", 2 }, .hold_us = 200 };
FIXTURE_VARIANT_ADD(stream, kmod) { .kind = { "kmod", 1 }, .hold_us = 200 };
FIXTURE_VARIANT_ADD(stream, kmod_small) { .kind = { "kmod", 1 }, .small = true };
FIXTURE_VARIANT_ADD(stream, kmod_lanes) { .kind = { "kmod", 2 }, .hold_us = 200 };

/* The exit session, with the circuit of its side as leg. */
static int set_leg(struct rig_dp *d, u32 link, u32 circuit, enum datapath_verb verb)
{
	struct datapath_session s = {
		.id = SESSION, .device = DEVICE, .has4 = true, .has6 = true, .link = link, .circuit = circuit,
	};

	memcpy(s.inner4, inner4, 4);
	memcpy(s.inner6, inner6, 16);
	return datapath_session_apply(d->dp, verb, &s);
}

FIXTURE_SETUP(stream)
{
	struct datapath_conf conf = { .hold_us = variant->hold_us };
	struct datapath_prefix prefixes[2] = {
		{ .family = AF_INET, .session = SESSION }, { .family = AF_INET6, .session = SESSION },
	};
	struct datapath_selector selector = { DEVICE, 2, prefixes };
	u32 i;

	RIG_INIT(&self->rig, &variant->kind);
	self->client = rig_open(&self->rig, &conf);
	self->relay = rig_open(&self->rig, &conf);
	self->exit = rig_open(&self->rig, &conf);
	if (!rig_has(self->client, DATAPATH_ORIGIN | DATAPATH_TERMINUS))
		SKIP(return, "no origin or terminus");
	ASSERT_EQ(0, rig_join(self->client, 1, self->relay, 1));
	ASSERT_EQ(0, rig_join(self->relay, 2, self->exit, 1));
	ASSERT_EQ(0, rig_device(self->client, DEVICE, DATAPATH_ROLE_ORIGIN, MTU));
	ASSERT_EQ(0, rig_device(self->exit, DEVICE, DATAPATH_ROLE_EXIT, MTU));
	ASSERT_EQ(0, set_leg(self->client, 0, 0, DATAPATH_NEW));
	ASSERT_EQ(0, set_leg(self->exit, 0, 0, DATAPATH_NEW));
	ASSERT_EQ(0, datapath_selector_apply(self->client->dp, DATAPATH_SET, &selector));
	self->at_client = (struct datapath_circuit){
		.kind = DATAPATH_ORIGIN_CIRCUIT, .link = 1, .circuit = 11, .hops = 2,
		.reserve = MV_RESERVE_SHORT, .data_class = MV_LARGE, .session = SESSION, .pass = true,
		.small_forward = variant->small,
	};
	self->at_relay = (struct datapath_circuit){
		.kind = DATAPATH_RELAY, .link = 1, .circuit = 11, .out_link = 2, .out_circuit = 22, .hops = 1,
		.data_class = MV_LARGE, .small_forward = variant->small,
	};
	self->at_exit = (struct datapath_circuit){
		.kind = DATAPATH_TERMINUS_CIRCUIT, .link = 1, .circuit = 22, .hops = 1,
		.reserve = MV_RESERVE_SHORT, .data_class = MV_LARGE, .session = SESSION, .pass = true,
		.small_forward = variant->small,
	};
	for (i = 0; i < 2; i++) {
		struct datapath_circuit *c = i ? &self->at_exit : &self->at_relay;

		rig_key(c->kf[0], 32, i, 50);
		rig_key(c->kb[0], 32, i, 60);
		memcpy(self->at_client.kf[i], c->kf[0], 32);
		memcpy(self->at_client.kb[i], c->kb[0], 32);
	}
	ASSERT_EQ(0, datapath_circuit_apply(self->client->dp, DATAPATH_NEW, &self->at_client));
	ASSERT_EQ(0, datapath_circuit_apply(self->relay->dp, DATAPATH_NEW, &self->at_relay));
	ASSERT_EQ(0, datapath_circuit_apply(self->exit->dp, DATAPATH_NEW, &self->at_exit));
	ASSERT_EQ(0, set_leg(self->client, 1, 11, DATAPATH_SET));
	ASSERT_EQ(0, set_leg(self->exit, 1, 22, DATAPATH_SET));
}

FIXTURE_TEARDOWN(stream)
{
	rig_fini(&self->rig);
}

/* A packet of a protocol that nobody coalesces. */
static u32 make4(u8 *p, u32 len, const u8 *src, const u8 *dst, u8 seed)
{
	u32 i, sum = 0;

	for (i = 20; i < len; i++)
		p[i] = (u8)(seed + i * 7);
	memset(p, 0, 20);
	p[0] = 0x45;
	mv_put_be16(p + 2, (u16)len);
	p[8] = 64;
	p[9] = 253;
	memcpy(p + 12, src, 4);
	memcpy(p + 16, dst, 4);
	for (i = 0; i < 20; i += 2)
		sum += mv_get_be16(p + i);
	mv_put_be16(p + 10, (u16)~((sum & 0xffff) + (sum >> 16)));
	return len;
}

static u32 make6(u8 *p, u32 len, const u8 *src, const u8 *dst, u8 seed)
{
	u32 i;

	for (i = 40; i < len; i++)
		p[i] = (u8)(seed + i * 7);
	memset(p, 0, 40);
	p[0] = 0x60;
	mv_put_be16(p + 4, (u16)(len - 40));
	p[6] = 253;
	p[7] = 64;
	memcpy(p + 8, src, 16);
	memcpy(p + 24, dst, 16);
	return len;
}

static void expect_packet(struct __test_metadata *_metadata, FIXTURE_DATA(stream) *self, struct rig_dp *at,
			  u32 len)
{
	ASSERT_EQ(len, rig_packet_recv(at, self->got));
	ASSERT_EQ(0, memcmp(self->packet, self->got, len));
}

static void one_out(struct __test_metadata *_metadata, FIXTURE_DATA(stream) *self)
{
	u32 len = make4(self->packet, 100, inner4, far4, 1);

	rig_packet(self->client, DEVICE, self->packet, len);
	expect_packet(_metadata, self, self->exit, len);
}

TEST_F(stream, every_length)
{
	u32 len;

	for (len = 21; len <= MTU; len += 1 + len / 40) {
		make4(self->packet, len, inner4, far4, (u8)len);
		rig_packet(self->client, DEVICE, self->packet, len);
		expect_packet(_metadata, self, self->exit, len);
		make4(self->packet, len, far4, inner4, (u8)len);
		rig_packet(self->exit, DEVICE, self->packet, len);
		expect_packet(_metadata, self, self->client, len);
		if (len <= 40)
			continue;
		make6(self->packet, len, inner6, far6, (u8)len);
		rig_packet(self->client, DEVICE, self->packet, len);
		expect_packet(_metadata, self, self->exit, len);
		make6(self->packet, len, far6, inner6, (u8)len);
		rig_packet(self->exit, DEVICE, self->packet, len);
		expect_packet(_metadata, self, self->client, len);
	}
	EXPECT_EQ(1, self->exit->event_kinds[DATAPATH_EV_PASS]);
	EXPECT_EQ(1, self->client->event_kinds[DATAPATH_EV_PASS]);
}

/* Many at once: they share cells and run over their ends, and come out in order. */
TEST_F(stream, bursts)
{
	u32 i, round, len, n = 60;

	for (round = 0; round < 20; round++) {
		for (i = 0; i < n; i++) {
			len = 30 + (round * 97 + i * 53) % (MTU - 30);
			rig_packet(self->client, DEVICE, self->packet,
				   make4(self->packet, len, inner4, far4, (u8)i));
		}
		for (i = 0; i < n; i++) {
			len = 30 + (round * 97 + i * 53) % (MTU - 30);
			make4(self->packet, len, inner4, far4, (u8)i);
			expect_packet(_metadata, self, self->exit, len);
		}
	}
	EXPECT_GE(20 * n * 3 / 2, rig_relayed(self->relay));
}

TEST_F(stream, control)
{
	u8 text[700];
	u32 i, most = MV_BODY_LARGE - MV_RESERVE_SHORT - MV_FRAME_HEADER;

	for (i = 0; i < sizeof(text); i++)
		text[i] = (u8)(i * 3);
	/* before the first cell has come, the exit says nothing */
	EXPECT_EQ(-EAGAIN, datapath_control(self->exit->dp, 1, 22, text, 4));
	ASSERT_EQ(0, datapath_control(self->client->dp, 1, 11, text, sizeof(text)));
	ASSERT_TRUE(rig_events(self->exit, DATAPATH_EV_CONTROL, 1));
	EXPECT_EQ(22, rig_event(self->exit, DATAPATH_EV_CONTROL)->circuit);
	EXPECT_EQ(most, rig_event(self->exit, DATAPATH_EV_CONTROL)->len);
	EXPECT_EQ(MV_COUNTER_FIRST, rig_event(self->exit, DATAPATH_EV_CONTROL)->counter);
	EXPECT_EQ(0, memcmp(text, rig_event(self->exit, DATAPATH_EV_CONTROL)->data, sizeof(text)));
	EXPECT_TRUE(rig_events(self->exit, DATAPATH_EV_PASS, 1));
	ASSERT_EQ(0, datapath_control(self->exit->dp, 1, 22, self->packet, most));
	EXPECT_EQ(-EMSGSIZE, datapath_control(self->exit->dp, 1, 22, self->packet, most + 1));
	EXPECT_EQ(-ENOENT, datapath_control(self->exit->dp, 1, 23, text, 4));
	EXPECT_EQ(-ENOENT, datapath_control(self->relay->dp, 1, 11, text, 4));
	EXPECT_TRUE(rig_events(self->client, DATAPATH_EV_CONTROL, 1));
	/* between packets */
	for (i = 0; i < 30; i++) {
		make4(self->packet, 1400, inner4, far4, (u8)i);
		rig_packet(self->client, DEVICE, self->packet, 1400);
		ASSERT_EQ(0, datapath_control(self->client->dp, 1, 11, text, sizeof(text)));
	}
	for (i = 0; i < 30; i++) {
		make4(self->packet, 1400, inner4, far4, (u8)i);
		expect_packet(_metadata, self, self->exit, 1400);
	}
	EXPECT_TRUE(rig_events(self->exit, DATAPATH_EV_CONTROL, 31));
}

/* Who builds a circuit may not occupy the daemon. */
TEST_F(stream, control_is_bounded)
{
	struct datapath_stats stats = { 0 };
	u8 text[4] = { 0 };
	u32 sent = 0;
	int err;

	while (!stats.drops[DROP_UP] && sent < 5000) {
		err = datapath_control(self->client->dp, 1, 11, text, sizeof(text));
		ASSERT_TRUE(!err || err == -EAGAIN);
		sent += !err;
		rig_serve(&self->rig);
		datapath_stats_get(self->exit->dp, &stats);
	}
	EXPECT_LT(0, stats.drops[DROP_UP]);
	EXPECT_LE(256, self->exit->event_kinds[DATAPATH_EV_CONTROL]);
}

/* Else the other end would join what lies before it with what comes after. */
TEST_F(stream, what_cannot_leave_uses_its_number_up)
{
	struct datapath_link_session way = { .link = 1, .index = 1 };
	struct datapath_circuit_info info;
	u8 next[4] = "next";

	ASSERT_EQ(0, datapath_link_session_apply(self->client->dp, DATAPATH_DEL, &way));
	rig_packet(self->client, DEVICE, self->packet, make4(self->packet, 100, inner4, far4, 1));
	ASSERT_TRUE(rig_drops(self->client, DROP_NO_ROUTE, 1));
	ASSERT_EQ(0, datapath_circuit_get(self->client->dp, 1, 11, &info));
	EXPECT_EQ(0, info.tx_cells);
	EXPECT_EQ(MV_COUNTER_FIRST + 1, info.next_counter);
	ASSERT_EQ(0, rig_join_session(self->client, 1, self->relay));
	ASSERT_EQ(0, datapath_control(self->client->dp, 1, 11, next, sizeof(next)));
	ASSERT_TRUE(rig_events(self->exit, DATAPATH_EV_CONTROL, 1));
	EXPECT_EQ(MV_COUNTER_FIRST + 1, rig_event(self->exit, DATAPATH_EV_CONTROL)->counter);
}

TEST_F(stream, sources)
{
	static const u8 other4[4] = { 192, 168, 1, 9 }, loopback[4] = { 127, 0, 0, 1 };
	static const u8 linklocal[16] = { 0xfe, 0x80, [15] = 1 };

	one_out(_metadata, self);
	/* a socket bound before the device came up */
	rig_packet(self->client, DEVICE, self->packet, make4(self->packet, 100, other4, far4, 1));
	EXPECT_TRUE(rig_drops(self->client, DROP_SOURCE, 1));
	/* to the exit: for nobody */
	rig_packet(self->exit, DEVICE, self->packet, make4(self->packet, 100, far4, other4, 1));
	EXPECT_TRUE(rig_drops(self->exit, DROP_NO_CIRCUIT, 1));
	/* to the client: sources that no exit has */
	rig_packet(self->exit, DEVICE, self->packet, make4(self->packet, 100, loopback, inner4, 1));
	EXPECT_TRUE(rig_drops(self->client, DROP_SOURCE, 2));
	rig_packet(self->exit, DEVICE, self->packet, make4(self->packet, 100, inner4, inner4, 1));
	EXPECT_TRUE(rig_drops(self->client, DROP_SOURCE, 3));
	rig_packet(self->exit, DEVICE, self->packet, make6(self->packet, 100, linklocal, inner6, 1));
	EXPECT_TRUE(rig_drops(self->client, DROP_SOURCE, 4));
}

/* What a hostile client or exit puts into a payload itself. */
TEST_F(stream, spoofed)
{
	static const u8 other4[4] = { 198, 18, 9, 9 };
	struct rig_link link;
	struct datapath_circuit c = self->at_exit;
	u8 payload[400] = { 0 }, cell[RIG_PACKET];
	u32 len;

	ASSERT_EQ(0, rig_link(self->exit, 5, 0, &link));
	c.link = 5;
	c.circuit = 33;
	c.session = SESSION;
	ASSERT_EQ(0, datapath_circuit_apply(self->exit->dp, DATAPATH_NEW, &c));
	make4(payload + 4, 60, other4, far4, 1);
	make4(payload + 64, 60, inner4, far4, 2);
	len = rig_payload_cell(cell, &link, 33, 4096, c.kf[0], MV_LARGE, payload, sizeof(payload));
	rig_send(self->exit, 0, 33 % variant->kind.lanes, cell, len);
	EXPECT_TRUE(rig_drops(self->exit, DROP_SOURCE, 1));
	make4(self->packet, 60, inner4, far4, 2);
	expect_packet(_metadata, self, self->exit, 60);
	/* subtypes that nobody reads, offsets that lie outside, lengths that lie */
	memset(payload, 0, sizeof(payload));
	payload[0] = 5;
	len = rig_payload_cell(cell, &link, 33, 4097, c.kf[0], MV_LARGE, payload, sizeof(payload));
	rig_send(self->exit, 0, 33 % variant->kind.lanes, cell, len);
	EXPECT_TRUE(rig_drops(self->exit, DROP_FRAME, 1));
	payload[0] = 0;
	payload[2] = 0xff;
	len = rig_payload_cell(cell, &link, 33, 4098, c.kf[0], MV_LARGE, payload, sizeof(payload));
	rig_send(self->exit, 0, 33 % variant->kind.lanes, cell, len);
	EXPECT_TRUE(rig_drops(self->exit, DROP_FRAME, 2));
}

TEST_F(stream, errors)
{
	struct datapath_circuit gone = self->at_client;
	u32 len;

	one_out(_metadata, self);
	/* too big: frag needed and packet too big */
	len = make4(self->packet, MTU + 30, inner4, far4, 1);
	rig_packet(self->client, DEVICE, self->packet, len);
	ASSERT_EQ(56, rig_packet_recv(self->client, self->got));
	EXPECT_EQ(3, self->got[20]);
	EXPECT_EQ(4, self->got[21]);
	EXPECT_EQ(MTU, mv_get_be16(self->got + 26));
	EXPECT_EQ(0, memcmp(self->got + 28, self->packet, 28));
	EXPECT_EQ(0, memcmp(self->got + 16, inner4, 4));
	len = make6(self->packet, MTU + 30, inner6, far6, 1);
	rig_packet(self->client, DEVICE, self->packet, len);
	ASSERT_LT(100, rig_packet_recv(self->client, self->got));
	EXPECT_EQ(2, self->got[40]);
	EXPECT_EQ(MTU, mv_get_be32(self->got + 44));
	EXPECT_TRUE(rig_drops(self->client, DROP_TOO_BIG, 2));
	/* without a leg */
	ASSERT_EQ(0, datapath_circuit_apply(self->client->dp, DATAPATH_DEL, &gone));
	len = make4(self->packet, 100, inner4, far4, 1);
	rig_packet(self->client, DEVICE, self->packet, len);
	ASSERT_EQ(56, rig_packet_recv(self->client, self->got));
	EXPECT_EQ(3, self->got[20]);
	EXPECT_EQ(1, self->got[21]);
	EXPECT_TRUE(rig_drops(self->client, DROP_NO_CIRCUIT, 1));
}

/* The exit session moves to another circuit in one step. */
TEST_F(stream, takeover)
{
	struct datapath_circuit a = self->at_client, r = self->at_relay, e = self->at_exit;
	u32 len;

	one_out(_metadata, self);
	a.circuit = r.circuit = 110;
	r.out_circuit = e.circuit = 220;
	rig_key(a.kf[1], 32, 7, 8);
	memcpy(e.kf[0], a.kf[1], 32);
	ASSERT_EQ(0, datapath_circuit_apply(self->relay->dp, DATAPATH_NEW, &r));
	ASSERT_EQ(0, datapath_circuit_apply(self->exit->dp, DATAPATH_NEW, &e));
	ASSERT_EQ(0, datapath_circuit_apply(self->client->dp, DATAPATH_NEW, &a));
	ASSERT_EQ(0, set_leg(self->client, 1, 110, DATAPATH_SET));
	ASSERT_EQ(0, set_leg(self->exit, 1, 220, DATAPATH_SET));
	ASSERT_EQ(0, datapath_circuit_apply(self->client->dp, DATAPATH_DEL, &self->at_client));
	ASSERT_EQ(0, datapath_circuit_apply(self->exit->dp, DATAPATH_DEL, &self->at_exit));
	one_out(_metadata, self);
	len = make4(self->packet, 1000, far4, inner4, 4);
	rig_packet(self->exit, DEVICE, self->packet, len);
	expect_packet(_metadata, self, self->client, len);
}

/* A terminus under pass: what fails goes up as it came, and its window holds. */
TEST_F(stream, pass_terminus)
{
	struct datapath_circuit c = self->at_exit;
	u8 payload[400] = { 0 }, other[32], cell[RIG_PACKET];
	struct rig_link link;
	u32 len, lane = 33 % variant->kind.lanes;

	rig_key(other, 32, 77, 7);
	ASSERT_EQ(0, rig_link(self->exit, 5, 0, &link));
	c.link = 5;
	c.circuit = 33;
	ASSERT_EQ(0, datapath_circuit_apply(self->exit->dp, DATAPATH_NEW, &c));
	len = rig_payload_cell(cell, &link, 33, 40, other, MV_MEDIUM, payload, sizeof(payload));
	rig_send(self->exit, 0, lane, cell, len);
	ASSERT_TRUE(rig_ups(self->exit, 1));
	ASSERT_EQ(len, rig_up(self->exit, self->got));
	EXPECT_EQ(0, memcmp(cell, self->got, len));
	make4(payload + 4, 60, inner4, far4, 2);
	make4(self->packet, 60, inner4, far4, 2);
	len = rig_payload_cell(cell, &link, 33, 4096, c.kf[0], MV_LARGE, payload, sizeof(payload));
	rig_send(self->exit, 0, lane, cell, len);
	expect_packet(_metadata, self, self->exit, 60);
	EXPECT_TRUE(rig_events(self->exit, DATAPATH_EV_PASS, 1));
	rig_send(self->exit, 0, lane, cell, len);
	rig_send(self->exit, 0, lane, cell, len);
	EXPECT_TRUE(rig_drops(self->exit, DROP_REPLAY, 2));
}

/* Copies within a batch pass the first look at the terminus's window. */
TEST_F(stream, replay_terminus)
{
	struct datapath_circuit c = self->at_exit;
	u8 payload[400] = { 0 }, cell[RIG_PACKET];
	struct datapath_stats stats;
	struct rig_link link;
	u32 i, len;

	ASSERT_EQ(0, rig_link(self->exit, 5, 0, &link));
	c.link = 5;
	c.circuit = 33;
	c.pass = false;
	ASSERT_EQ(0, datapath_circuit_apply(self->exit->dp, DATAPATH_NEW, &c));
	make4(payload + 4, 60, inner4, far4, 2);
	for (i = 0; i < 60; i++) {
		len = rig_payload_cell(cell, &link, 33, 4096 + i / 3, c.kf[0], MV_LARGE, payload,
				       sizeof(payload));
		rig_send(self->exit, 0, 33 % variant->kind.lanes, cell, len);
	}
	EXPECT_TRUE(rig_drops(self->exit, DROP_REPLAY, 40));
	datapath_stats_get(self->exit->dp, &stats);
	EXPECT_EQ(20, stats.rx_packets);
}

/* A backward cell of a path of two hops: the terminus's number and the guard's. */
static u32 back_cell(u8 *cell, const struct rig_link *link, const struct datapath_circuit *c, u64 terminus,
		     u64 guard, const u8 *payload, u32 len)
{
	u8 inner[MV_CELL_MAX] = { 0 };
	struct aead_job job;

	memcpy(inner + MV_CELL_BODY, payload, len);
	onion_seal(&job, c->kb[1], terminus, inner, MV_BODY_LARGE, c->reserve);
	aead_run(&job, 1);
	onion_add(&job, c->kb[0], guard, inner, terminus, cell, MV_BODY_LARGE);
	aead_run(&job, 1);
	mv_header_seal(cell, &link->tx, link->tx_id, c->circuit, guard, MV_BODY_LARGE, 1);
	return MV_CELL_MAX;
}

/* What a guard and an exit can do to a client: other destinations, cells twice, cells that fail. */
TEST_F(stream, hostile_to_client)
{
	static const u8 other4[4] = { 198, 18, 9, 9 };
	struct datapath_circuit c = self->at_client;
	u8 payload[400] = { 0 }, cell[RIG_PACKET];
	struct rig_link link;
	u32 len, lane = 44 % variant->kind.lanes;

	ASSERT_EQ(0, rig_link(self->client, 5, 0, &link));
	c.link = 5;
	c.circuit = 44;
	ASSERT_EQ(0, datapath_circuit_apply(self->client->dp, DATAPATH_NEW, &c));
	make4(payload + 4, 60, far4, inner4, 2);
	/* under pass: up as it came */
	len = back_cell(cell, &link, &c, 4096, 4096, payload, sizeof(payload));
	cell[900] ^= 1;
	rig_send(self->client, 0, lane, cell, len);
	ASSERT_TRUE(rig_ups(self->client, 1));
	ASSERT_EQ(len, rig_up(self->client, self->got));
	EXPECT_EQ(0, memcmp(cell, self->got, len));
	len = back_cell(cell, &link, &c, 4096, 4096, payload, sizeof(payload));
	rig_send(self->client, 0, lane, cell, len);
	make4(self->packet, 60, far4, inner4, 2);
	expect_packet(_metadata, self, self->client, 60);
	EXPECT_TRUE(rig_events(self->client, DATAPATH_EV_PASS, 1));
	/* the same, and the terminus's cell again under another number of the guard's */
	rig_send(self->client, 0, lane, cell, len);
	EXPECT_TRUE(rig_drops(self->client, DROP_REPLAY, 1));
	len = back_cell(cell, &link, &c, 4096, 4097, payload, sizeof(payload));
	rig_send(self->client, 0, lane, cell, len);
	EXPECT_TRUE(rig_drops(self->client, DROP_REPLAY, 2));
	cell[900] ^= 1;
	len = back_cell(cell, &link, &c, 4097, 4098, payload, sizeof(payload));
	cell[900] ^= 1;
	rig_send(self->client, 0, lane, cell, len);
	EXPECT_TRUE(rig_drops(self->client, DROP_LAYER_BACKWARD, 1));
	make4(payload + 4, 60, far4, other4, 2);
	len = back_cell(cell, &link, &c, 4098, 4099, payload, sizeof(payload));
	rig_send(self->client, 0, lane, cell, len);
	EXPECT_TRUE(rig_drops(self->client, DROP_DESTINATION, 1));
}

/* A TCP superpacket: cut at one end, and at the other whatever number of packets, the same bytes. */
TEST_F(stream, superpacket)
{
	const u32 bytes = 30000, mss = 1340;
	struct virtio_net_hdr *v = (struct virtio_net_hdr *)self->packet;
	u8 *ip = self->packet + sizeof(*v), *tcp = ip + 20;
	u32 i, sum = 0, len, at = 0, packets = 0;

	if (!rig_has(self->client, DATAPATH_DEVICE))
		SKIP(return, "no device");
	one_out(_metadata, self);
	make4(ip, 40 + bytes, inner4, far4, 9);
	memset(v, 0, sizeof(*v));
	v->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	v->gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	v->hdr_len = 40;
	v->gso_size = mss;
	v->csum_start = 20;
	v->csum_offset = 16;
	ip[9] = IPPROTO_TCP;
	mv_put_be16(ip + 10, 0);
	for (i = 0; i < 20; i += 2)
		sum += mv_get_be16(ip + i);
	mv_put_be16(ip + 10, (u16)~((sum & 0xffff) + (sum >> 16)));
	memset(tcp, 0, 20);
	mv_put_be16(tcp, 1111);
	mv_put_be16(tcp + 2, 2222);
	mv_put_be32(tcp + 4, 5000);
	tcp[12] = 5 << 4;
	tcp[13] = 0x10;
	for (i = 12, sum = IPPROTO_TCP + 20 + bytes; i < 20; i += 2)
		sum += mv_get_be16(ip + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	mv_put_be16(tcp + 16, (u16)sum);
	ASSERT_EQ(0, rig_super(self->client, self->packet, sizeof(*v) + 40 + bytes));
	while (at < bytes) {
		len = rig_packet_recv(self->exit, self->got);
		ASSERT_LT(40, len) TH_LOG("after %u bytes in %u packets", at, packets);
		ASSERT_EQ(IPPROTO_TCP, self->got[9]);
		ASSERT_EQ(len, mv_get_be16(self->got + 2));
		ASSERT_EQ(5000 + at, mv_get_be32(self->got + 24));
		ASSERT_EQ(0, memcmp(self->got + 40, tcp + 20 + at, len - 40));
		at += len - 40;
		packets++;
	}
	EXPECT_EQ(bytes, at);
	/* it was worth it: they were joined again */
	EXPECT_GT(bytes / mss, packets);
}

/* A node that is client and exit at once has two devices. */
TEST_F(stream, two_devices)
{
	static const u8 mine[4] = { 198, 18, 7, 7 };
	struct datapath_session s = { .id = 9, .device = 4, .has4 = true };
	struct datapath_device device = { .id = 4 };
	struct datapath_circuit c = self->at_exit;
	int first = self->client->device_fd, second;
	u8 payload[400] = { 0 }, cell[RIG_PACKET];
	char name[16];
	struct rig_link link;
	u32 len, i;

	one_out(_metadata, self);
	memcpy(name, self->client->device_name, sizeof(name));
	memcpy(s.inner4, mine, 4);
	ASSERT_EQ(0, rig_device(self->client, 4, DATAPATH_ROLE_EXIT, MTU));
	second = self->client->device_fd;
	ASSERT_EQ(0, rig_link(self->client, 5, 0, &link));
	ASSERT_EQ(0, datapath_session_apply(self->client->dp, DATAPATH_NEW, &s));
	c.link = s.link = 5;
	c.circuit = s.circuit = 55;
	c.session = 9;
	ASSERT_EQ(0, datapath_circuit_apply(self->client->dp, DATAPATH_NEW, &c));
	ASSERT_EQ(0, datapath_session_apply(self->client->dp, DATAPATH_SET, &s));
	for (i = 0; i < 5; i++) {
		make4(payload + 4, 60, mine, far4, (u8)i);
		len = rig_payload_cell(cell, &link, 55, 4096 + i, c.kf[0], MV_LARGE, payload, sizeof(payload));
		rig_send(self->client, 0, 55 % variant->kind.lanes, cell, len);
		make4(self->packet, 60, mine, far4, (u8)i);
		expect_packet(_metadata, self, self->client, 60);
		rig_packet(self->client, 4, self->packet, make4(self->packet, 700, far4, mine, 1));
		EXPECT_EQ(mv_class_cell(MV_LARGE), rig_recv(self->client, 0, self->got));
	}
	ASSERT_EQ(0, datapath_device_apply(self->client->dp, DATAPATH_DEL, &device));
	if (second >= 0)
		close(second);
	self->client->device_fd = first;
	memcpy(self->client->device_name, name, sizeof(name));
	one_out(_metadata, self);
}

static bool twenty_packets(void *arg)
{
	struct datapath_stats stats;

	datapath_stats_get(((struct rig_dp *)arg)->dp, &stats);
	return stats.rx_packets >= 20;
}

/* Under pass cells are opened beside themselves: those of an exit and those of an origin, in one batch. */
TEST_F(stream, pass_of_both_roles)
{
	static const u8 mine[4] = { 198, 18, 7, 7 };
	struct datapath_session s = { .id = 9, .device = 4, .has4 = true };
	struct datapath_circuit c = self->at_exit, o = self->at_client;
	int first = self->client->device_fd, second;
	u8 payload[400] = { 0 }, cells[20][MV_CELL_MAX];
	struct datapath_stats stats;
	struct rig_link link;
	int segment = MV_CELL_MAX;
	u32 len = 0, i;

	memcpy(s.inner4, mine, 4);
	ASSERT_EQ(0, rig_device(self->client, 4, DATAPATH_ROLE_EXIT, MTU));
	second = self->client->device_fd;
	ASSERT_EQ(0, rig_link(self->client, 5, 0, &link));
	ASSERT_EQ(0, datapath_session_apply(self->client->dp, DATAPATH_NEW, &s));
	c.link = s.link = o.link = 5;
	c.circuit = s.circuit = 56;
	c.session = 9;
	o.circuit = 58;
	ASSERT_EQ(0, datapath_circuit_apply(self->client->dp, DATAPATH_NEW, &c));
	ASSERT_EQ(0, datapath_circuit_apply(self->client->dp, DATAPATH_NEW, &o));
	ASSERT_EQ(0, datapath_session_apply(self->client->dp, DATAPATH_SET, &s));
	for (i = 0; i < 10; i++) {
		make4(payload + 4, 60, mine, far4, (u8)i);
		len = rig_payload_cell(cells[2 * i], &link, 56, 4096 + i, c.kf[0], MV_LARGE, payload, sizeof(payload));
		make4(payload + 4, 60, far4, inner4, (u8)i);
		len = back_cell(cells[2 * i + 1], &link, &o, 4096 + i, 4096 + i, payload, sizeof(payload));
	}
	/* one super-packet where there are sockets */
	if (setsockopt(self->client->peer_fd[0], SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment)))
		for (i = 0; i < 20; i++)
			rig_send(self->client, 0, 0, cells[i], len);
	else
		rig_send(self->client, 0, 0, cells[0], sizeof(cells));
	EXPECT_TRUE(rig_events(self->client, DATAPATH_EV_PASS, 2));
	EXPECT_TRUE(rig_until(&self->rig, twenty_packets, self->client));
	datapath_stats_get(self->client->dp, &stats);
	EXPECT_EQ(0, stats.drops[DROP_SOURCE]);
	EXPECT_EQ(0, stats.drops[DROP_DESTINATION]);
	self->client->device_fd = first;
	if (second >= 0 && second != first)
		close(second);
}

/* The device goes, and another comes. */
TEST_F(stream, device_again)
{
	struct datapath_device device = { .id = DEVICE };
	struct datapath_stats stats;

	one_out(_metadata, self);
	ASSERT_EQ(0, datapath_device_apply(self->exit->dp, DATAPATH_DEL, &device));
	rig_packet(self->client, DEVICE, self->packet, make4(self->packet, 100, inner4, far4, 1));
	EXPECT_TRUE(rig_drops(self->exit, DROP_NO_CIRCUIT, 1));
	if (rig_has(self->exit, DATAPATH_DEVICE)) {
		close(self->exit->device_fd);
		self->exit->device_fd = -1;
	}
	ASSERT_EQ(0, rig_device(self->exit, DEVICE, DATAPATH_ROLE_EXIT, MTU));
	ASSERT_EQ(0, set_leg(self->exit, 1, 22, DATAPATH_NEW));
	one_out(_metadata, self);
	datapath_stats_get(self->exit->dp, &stats);
	EXPECT_EQ(1, stats.devices);
	EXPECT_EQ(1, stats.sessions);
}

TEST_HARNESS_MAIN
