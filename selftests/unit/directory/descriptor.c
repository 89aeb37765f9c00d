// SPDX-License-Identifier: GPL-2.0-or-later
/* Descriptors: what is signed comes back, and not one bit of it can be changed, cut or added. */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>

#include <kselftest_harness.h>
#include <directory/descriptor.h>

#define NOW 1800000000

static struct descriptor sample(void)
{
	struct descriptor d = {
		.peer = { .flags = PEER_RELAY | PEER_EXIT, .suites = 2, .endpoint_count = 2 },
		.published = NOW, .expires = NOW + 86400, .bandwidth = 12500000, .nickname = "alpine7",
		.policy = "accept *:80,443; reject *:*",
	};

	memset(d.peer.onion_key, 7, 32);
	endpoint_parse(&d.peer.endpoints[0], "192.0.2.1:4470");
	endpoint_parse(&d.peer.endpoints[1], "[2001:db8::1]:99");
	return d;
}

FIXTURE(signed_) {
	struct identity id;
	struct descriptor d;
};

FIXTURE_SETUP(signed_)
{
	ASSERT_EQ(0, identity_generate(&self->id, 4));
	self->d = sample();
	ASSERT_EQ(0, descriptor_sign(&self->d, &self->id));
}

FIXTURE_TEARDOWN(signed_)
{
	identity_erase(&self->id);
}

TEST_F(signed_, round_trip)
{
	struct descriptor got;

	ASSERT_EQ(0, descriptor_parse(&got, self->d.raw, self->d.len, 4));
	EXPECT_TRUE(node_id_equal(&got.peer.id, &self->id.id));
	EXPECT_EQ(PEER_RELAY | PEER_EXIT, got.peer.flags);
	EXPECT_EQ(2, got.peer.suites);
	ASSERT_EQ(2, got.peer.endpoint_count);
	EXPECT_TRUE(endpoint_equal(&self->d.peer.endpoints[0], &got.peer.endpoints[0]));
	EXPECT_TRUE(endpoint_equal(&self->d.peer.endpoints[1], &got.peer.endpoints[1]));
	EXPECT_EQ(0, memcmp(got.peer.onion_key, self->d.peer.onion_key, 32));
	EXPECT_STREQ("alpine7", got.nickname);
	EXPECT_STREQ("accept *:80,443; reject *:*", got.policy);
	EXPECT_EQ(12500000, got.bandwidth);
	EXPECT_EQ(NOW, got.published);
	EXPECT_EQ(NOW + 86400, got.expires);
	EXPECT_EQ(self->d.len, got.len);
}

TEST_F(signed_, every_flipped_bit_is_noticed)
{
	u8 raw[DESCRIPTOR_MAX];
	struct descriptor got;
	size_t i;

	for (i = 0; i < self->d.len * 8; i++) {
		memcpy(raw, self->d.raw, self->d.len);
		raw[i / 8] ^= 1 << i % 8;
		ASSERT_NE(0, descriptor_parse(&got, raw, self->d.len, 0)) TH_LOG("bit %zu", i);
	}
}

TEST_F(signed_, every_other_length_is_noticed)
{
	u8 raw[DESCRIPTOR_MAX + 1] = { 0 };
	struct descriptor got;
	size_t i;

	memcpy(raw, self->d.raw, self->d.len);
	for (i = 0; i <= sizeof(raw); i++)
		if (i != self->d.len)
			ASSERT_NE(0, descriptor_parse(&got, raw, i, 0)) TH_LOG("length %zu", i);
}

TEST_F(signed_, errors_are_told_apart)
{
	struct descriptor got;
	u8 raw[DESCRIPTOR_MAX];

	EXPECT_EQ(-EDOM, descriptor_parse(&got, self->d.raw, self->d.len, 60));
	memcpy(raw, self->d.raw, self->d.len);
	raw[self->d.len - 1] ^= 0x10;
	EXPECT_EQ(-EKEYREJECTED, descriptor_parse(&got, raw, self->d.len, 0));
	raw[0] = 2;
	EXPECT_EQ(-EPROTONOSUPPORT, descriptor_parse(&got, raw, self->d.len, 0));
	raw[0] = 0;
	EXPECT_EQ(-EBADMSG, descriptor_parse(&got, raw, self->d.len, 0));
}

TEST_F(signed_, times)
{
	EXPECT_EQ(0, descriptor_timely(&self->d, NOW));
	EXPECT_EQ(-ESTALE, descriptor_timely(&self->d, NOW + 86400));
	EXPECT_EQ(0, descriptor_timely(&self->d, NOW - DESCRIPTOR_SKEW));
	EXPECT_EQ(-ETIME, descriptor_timely(&self->d, NOW - DESCRIPTOR_SKEW - 1));
}

TEST_F(signed_, nonsense_is_not_signed)
{
	struct descriptor d = sample();

	strcpy(d.nickname, "al pine");
	EXPECT_EQ(-EINVAL, descriptor_sign(&d, &self->id));
	d = sample();
	strcpy(d.policy, "a\nb");
	EXPECT_EQ(-EINVAL, descriptor_sign(&d, &self->id));
	d = sample();
	d.expires = d.published;
	EXPECT_EQ(-EINVAL, descriptor_sign(&d, &self->id));
	d = sample();
	d.expires = d.published + DESCRIPTOR_LIFE_MAX + 1;
	EXPECT_EQ(-EINVAL, descriptor_sign(&d, &self->id));
	d = sample();
	d.peer.endpoint_count = 0;
	EXPECT_EQ(-EINVAL, descriptor_sign(&d, &self->id));
	d = sample();
	memset(d.peer.onion_key, 0, 32);
	EXPECT_EQ(-EINVAL, descriptor_sign(&d, &self->id));
}

TEST_F(signed_, the_longest_fits)
{
	struct descriptor d = sample(), got;
	u32 i;

	for (i = 0; i < PEER_ENDPOINTS_MAX; i++)
		endpoint_parse(&d.peer.endpoints[i], "[2001:db8::1]:99");
	d.peer.endpoint_count = i;
	memset(d.nickname, 'n', DESCRIPTOR_NICKNAME);
	memset(d.policy, 'p', DESCRIPTOR_POLICY);
	ASSERT_EQ(0, descriptor_sign(&d, &self->id));
	EXPECT_EQ(0, descriptor_parse(&got, d.raw, d.len, 0));
}

TEST_F(signed_, text_names_what_matters)
{
	char text[DESCRIPTOR_TEXT], id[NODE_ID_TEXT];

	descriptor_text(&self->d, NOW, text);
	EXPECT_NE(NULL, strstr(text, node_id_text(&self->id.id, id)));
	EXPECT_NE(NULL, strstr(text, "nickname: alpine7\n"));
	EXPECT_NE(NULL, strstr(text, "flags: relay exit\n"));
	EXPECT_NE(NULL, strstr(text, "endpoint: [2001:db8::1]:99\n"));
	EXPECT_NE(NULL, strstr(text, "(24 h from now)\n"));
}

TEST_HARNESS_MAIN
