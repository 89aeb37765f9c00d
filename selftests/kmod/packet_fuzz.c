// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Changed cells against the kernel module: whatever is done to a cell, it is dropped and counted or
 * goes up, and never on. Right ones come in between and have to arrive, also those of which a
 * changed copy came first. Sent by GSO, since a guest is slow with single datagrams, and in steps small
 * enough that every single cell is found again in the counters.
 *
 *	packet_fuzz NETNS ADDRESS PORT OUR-ADDRESS [CELLS [SEED]]
 *
 * The node is made in the namespace NETNS, which has ADDRESS; here are its two neighbours.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/meshvpn.h>
#include <netinet/udp.h>
#include <sched.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <datapath/kmod_conn.h>
#include <meshvpn/header.h>

#define BURST 4			/* super-packets before the counters are looked at */
#define CELLS_MAX 44		/* of a super-packet */
#define PATIENCE_MS 5000
#define NODE 77

/* Circuits on link 1, and what a changed cell would have to break to be taken. */
enum { RELAY = 101, TERMINUS, ORIGIN, UNKNOWN, RELAY_AWAY = 201 };

static struct kmod_conn *conn;
static struct datapath_link_session sessions[2];	/* as the node has them */
static u8 kf[MV_KEY_LEN], kb[MV_KEY_LEN];		/* the relay's */
static int sock[2];				/* our neighbours: 0 sends, 1 is the next hop */
static struct endpoint node_at, peer_at[2];
static u64 seed = 1, next_number = MV_COUNTER_FIRST;

__attribute__((noreturn, format(printf, 1, 2)))
static void die(const char *format, ...)
{
	va_list ap;

	printf("Bail out! ");
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	putchar('\n');
	exit(1);
}

/* splitmix64: a seed names a run */
static u64 draw(void)
{
	u64 z = (seed += 0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static u32 below(u32 n)
{
	return (u32)(draw() % n);
}

static void fill(void *to, size_t len)
{
	u8 *at = to;

	while (len--)
		*at++ = (u8)draw();
}

/* ---- the node ---- */

static void call(struct nl_msg *m, int (*each)(void *arg, const struct nlmsghdr *h), void *arg, const char *what)
{
	int ret = kmod_call(conn, m, each, arg, NULL);

	if (ret)
		die("%s: %s %s", what, strerror(-ret), kmod_conn_error(conn));
}

static void apply(enum datapath_verb verb, enum datapath_object object, const void *o, const char *what)
{
	struct datapath_op op = { .verb = verb, .object = object, .link = o };
	struct nl_msg *m = kmod_request(kmod_conn_family(conn), (u8)kmod_op_cmd(verb, object), 0, NODE, 0);
	int ret = kmod_put_op(m, &op, KMOD_ALL);

	if (ret)
		die("%s: %s", what, strerror(-ret));
	call(m, NULL, NULL, what);
}

static int node_each(void *arg, const struct nlmsghdr *h)
{
	return kmod_get_node(h, arg);
}

static struct datapath_stats stats(void)
{
	struct kmod_node_info info;

	call(kmod_request(kmod_conn_family(conn), MESHVPN_CMD_NODE_GET, 0, NODE, 0), node_each, &info, "counters");
	return info.stats;
}

/* What became of cells, of all of them. */
static u64 seen(const struct datapath_stats *s)
{
	u64 n = s->relayed + s->up;
	u32 i;

	for (i = 0; i < DROP_CAUSES; i++)
		n += s->drops[i];
	return n;
}

static void make_session(u32 i)
{
	struct datapath_link_session *s = &sessions[i];
	struct datapath_link link = { .id = i + 1 };

	*s = (struct datapath_link_session){
		.link = i + 1, .state = DATAPATH_SESSION_CURRENT, .rx_ids_count = 2, .tx_id = 0x7000 + i,
		.remote = peer_at[i], .remote_lanes = 1, .local_lanes = 1,
	};
	s->rx_ids[0] = draw() >> 8;
	s->rx_ids[1] = draw() >> 8;
	fill(s->rx_tag, 16);
	fill(s->rx_mask, 16);
	fill(s->tx_tag, 16);
	fill(s->tx_mask, 16);
	apply(DATAPATH_NEW, DATAPATH_OBJ_LINK, &link, "link");
	apply(DATAPATH_NEW, DATAPATH_OBJ_LINK_SESSION, s, "link session");
}

static void make_node(u16 port)
{
	struct kmod_node node = { .id = NODE, .own = true, .make = true, .lanes = 1, .port = port, .hold_us = 200 };
	struct nl_msg *m = kmod_request(kmod_conn_family(conn), MESHVPN_CMD_NODE_NEW, 0, NODE, 0);
	struct datapath_circuit c = {
		.kind = DATAPATH_RELAY, .link = 1, .circuit = RELAY, .out_link = 2, .out_circuit = RELAY_AWAY, .hops = 1,
		.data_class = MV_LARGE,
	};

	if (kmod_put_node(m, &node, KMOD_ALL))
		die("node");
	call(m, NULL, NULL, "node");
	make_session(0);
	make_session(1);
	fill(kf, sizeof(kf));
	fill(kb, sizeof(kb));
	memcpy(c.kf[0], kf, sizeof(kf));
	memcpy(c.kb[0], kb, sizeof(kb));
	apply(DATAPATH_NEW, DATAPATH_OBJ_CIRCUIT, &c, "relay");
	c = (struct datapath_circuit){ .kind = DATAPATH_TERMINUS_CIRCUIT, .link = 1, .circuit = TERMINUS, .hops = 1,
				       .data_class = MV_LARGE, .reserve = MV_RESERVE_SHORT };
	fill(c.kf[0], MV_KEY_LEN);
	fill(c.kb[0], MV_KEY_LEN);
	apply(DATAPATH_NEW, DATAPATH_OBJ_CIRCUIT, &c, "terminus");
	c = (struct datapath_circuit){ .kind = DATAPATH_ORIGIN_CIRCUIT, .link = 1, .circuit = ORIGIN, .hops = 3,
				       .data_class = MV_LARGE, .reserve = MV_RESERVE_SHORT };
	fill(c.kf, sizeof(c.kf));
	fill(c.kb, sizeof(c.kb));
	apply(DATAPATH_NEW, DATAPATH_OBJ_CIRCUIT, &c, "origin");
}

static void conn_in(const char *netns)
{
	int here = open("/proc/self/ns/net", O_RDONLY), there = open(netns, O_RDONLY), ret;

	if (here < 0 || there < 0 || setns(there, CLONE_NEWNET))
		die("%s: %s", netns, strerror(errno));
	ret = kmod_conn_open(&conn, -1);
	if (ret)
		die("no module: %s", strerror(-ret));
	setns(here, CLONE_NEWNET);
	close(here);
	close(there);
}

static void make_peer(u32 i, const char *address)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int room = 16 << 20, on = 1;
	char text[ENDPOINT_TEXT];

	snprintf(text, sizeof(text), "%s:0", address);
	if (endpoint_parse(&peer_at[i], text))
		die("%s: no address", address);
	len = endpoint_to_sockaddr(&peer_at[i], &ss, false);
	sock[i] = socket(ss.ss_family, SOCK_DGRAM, 0);
	if (sock[i] < 0 || bind(sock[i], (struct sockaddr *)&ss, len))
		die("%s: %s", address, strerror(errno));
	setsockopt(sock[i], SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	setsockopt(sock[i], IPPROTO_UDP, UDP_GRO, &on, sizeof(on));
	len = sizeof(ss);
	getsockname(sock[i], (struct sockaddr *)&ss, &len);
	endpoint_from_sockaddr(&peer_at[i], (struct sockaddr *)&ss, len);
}

/* ---- cells ---- */

struct cell {
	u8 data[2048];
	u32 len;
};

static void nonce_of(u64 counter, u8 nonce[12])
{
	memset(nonce, 0, 4);
	mv_put_le64(nonce + 4, counter);
}

static void header(struct cell *c, u32 link, u32 circuit, u64 counter)
{
	struct mv_header_keys keys;

	mv_header_keys_init(&keys, sessions[link].rx_tag, sessions[link].rx_mask);
	mv_header_seal(c->data, &keys, sessions[link].rx_ids[below(2)], circuit, counter, c->len - MV_CELL_HEADER, (u8)draw());
}

/* Of a plaintext that is drawn from the counter, so that what comes out can be told. */
static void plaintext(u64 counter, u8 *to, u32 len)
{
	u32 i;

	for (i = 0; i < len; i++)
		to[i] = (u8)((counter * 131 + i * 7 + (counter >> 8)) ^ i >> 3);
}

static void layer(struct cell *c, const u8 *key, u64 counter)
{
	u8 plain[MV_BODY_MAX], nonce[12];
	u32 body = c->len - MV_CELL_HEADER;

	nonce_of(counter, nonce);
	plaintext(counter, plain, body);
	crypto_aead_chacha20poly1305_ietf_encrypt_detached(c->data + MV_CELL_BODY, c->data + MV_CELL_LAYER, NULL, plain, body,
							   NULL, 0, NULL, nonce, key);
}

/* A right one for the relay circuit. */
static void right(struct cell *c, u32 class, u64 counter)
{
	c->len = mv_class_cell(class);
	layer(c, kf, counter);
	header(c, 0, RELAY, counter);
}

/* ---- what is done to them ---- */

static void flip(struct cell *c, u32 from, u32 to)
{
	c->data[from + below(to - from)] ^= (u8)(1 << below(8));
}

static void garble(struct cell *c, u32 from, u32 to)
{
	u32 at = from + below(to - from), len = 1 + below(64);

	for (; len && at < to; len--, at++)
		c->data[at] ^= (u8)(1 + below(255));
}

static struct cell taken;		/* one that was accepted */

enum mutation {
	/* the header stays right: these are found out by window, class or layer */
	BODY_BIT, BODY_RUN, OTHER_KEY, OTHER_COUNTER, OTHER_CIRCUIT_KEY, REPLAYED, OLD, OTHER_CLASS, TO_TERMINUS, TO_ORIGIN,
	LAST_COUNTER,
	HEADER_RIGHT,
	/* the header does not, or says what the node does not know */
	HEADER_BIT = HEADER_RIGHT, TAG_BIT, MANY_BITS, LAYER_TAG_BIT, LINK_ID, NOISE, MARK, CONTROL, UNKNOWN_CIRCUIT, AWAY_BIT,
	SWAPPED,
	MUTATIONS,
};

static const char *const mutation_names[] = {
	"body-bit", "body-run", "other-key", "other-counter", "other-circuit-key", "replayed", "old", "other-class",
	"to-terminus", "to-origin", "last-counter", "header-bit", "tag-bit", "many-bits", "layer-tag-bit", "link-id", "noise",
	"mark", "control", "unknown-circuit", "away-bit", "swapped",
};

/* Those whose header is made anew around what is wrong. */
static void mutate_right_header(struct cell *c, enum mutation m, u64 counter)
{
	u8 key[MV_KEY_LEN];

	switch (m) {
	case BODY_BIT:
		flip(c, MV_CELL_BODY, c->len);
		break;
	case BODY_RUN:
		garble(c, MV_CELL_BODY, c->len);
		break;
	case OTHER_KEY:
		fill(key, sizeof(key));
		layer(c, key, counter);
		header(c, 0, RELAY, counter);
		break;
	case OTHER_CIRCUIT_KEY:
		layer(c, kb, counter);
		header(c, 0, RELAY, counter);
		break;
	case OTHER_COUNTER:
		header(c, 0, RELAY, counter + 1 + below(1000000));
		break;
	case REPLAYED:
		*c = taken;
		break;
	case OLD:
		header(c, 0, RELAY, below(MV_COUNTER_FIRST));
		break;
	case OTHER_CLASS:
		c->len = mv_class_cell(MV_SMALL);
		layer(c, kf, counter);
		header(c, 0, RELAY, counter);
		break;
	case LAST_COUNTER:
		header(c, 0, RELAY, MV_COUNTER_MAX - below(2));
		break;
	default:
		header(c, 0, m == TO_TERMINUS ? TERMINUS : ORIGIN, counter);
	}
}

static void mutate_header(struct cell *c, enum mutation m, u64 counter)
{
	u32 i;

	switch (m) {
	case HEADER_BIT:
		flip(c, MV_CELL_LINK, MV_CELL_HEADER);
		break;
	case TAG_BIT:
		flip(c, MV_CELL_TAG, MV_CELL_LAYER);
		break;
	case LAYER_TAG_BIT:
		flip(c, MV_CELL_LAYER, MV_CELL_BODY);
		break;
	case MANY_BITS:
		for (i = 2 + below(30); i; i--)
			c->data[MV_CELL_LINK + below(c->len - MV_CELL_LINK)] ^= (u8)(1 + below(255));
		break;
	case LINK_ID:
		fill(c->data + MV_CELL_LINK, MV_LINK_ID_LEN);
		break;
	case NOISE:
		fill(c->data, c->len);
		break;
	case MARK:
		c->data[0] ^= (u8)((1 + below(3)) << 6);
		break;
	case CONTROL:
		header(c, 0, MV_CIRCUIT_CONTROL, counter);
		break;
	case UNKNOWN_CIRCUIT:
		header(c, 0, UNKNOWN + below(80), counter);
		break;
	case AWAY_BIT:			/* backward, where only the header protects */
		header(c, 1, RELAY_AWAY, counter);
		flip(c, MV_CELL_LINK, MV_CELL_BODY);
		break;
	default:			/* another cell's body */
		memcpy(c->data + MV_CELL_LAYER, taken.data + MV_CELL_LAYER, MV_LAYER_LEN);
	}
}

/* Two changes may have undone each other. */
static void mutate(struct cell *c, enum mutation m, u64 counter)
{
	struct cell before;

	do {
		right(c, MV_LARGE, counter);
		before = *c;
		if (m < HEADER_RIGHT)
			mutate_right_header(c, m, counter);
		else
			mutate_header(c, m, counter);
	} while (c->len == before.len && !memcmp(c->data, before.data, c->len));
}

/* ---- sending ---- */

static u64 sent, sent_right, made[MUTATIONS];

static void send_super(const u8 *data, u32 len, u32 segment)
{
	char control[CMSG_SPACE(sizeof(u16))] = { 0 };
	struct sockaddr_storage ss;
	struct iovec v = { (void *)data, len };
	struct msghdr m = {
		.msg_name = &ss, .msg_namelen = endpoint_to_sockaddr(&node_at, &ss, false), .msg_iov = &v, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	u16 size = (u16)segment;

	c->cmsg_level = IPPROTO_UDP;
	c->cmsg_type = UDP_SEGMENT;
	c->cmsg_len = CMSG_LEN(sizeof(size));
	memcpy(CMSG_DATA(c), &size, sizeof(size));
	if (len <= segment)
		m.msg_controllen = 0;
	while (sendmsg(sock[0], &m, 0) < 0)
		if (errno != ENOBUFS && errno != EAGAIN)
			die("send: %s", strerror(errno));
}

/*
 * Cells of one length. Half of the super-packets have nothing but right headers, so that they are
 * taken as a whole; in the others one wrong header has them cut first.
 */
static void burst_cells(void)
{
	static u8 data[65536];
	bool whole = below(2), small = !below(8);
	u32 count = 1 + below(CELLS_MAX), i, len = small ? mv_class_cell(MV_SMALL) : mv_class_cell(MV_LARGE), at = 0;
	struct cell c;
	u32 m;

	for (i = 0; i < count; i++) {
		if (!small && !below(8)) {
			right(&c, MV_LARGE, next_number++);
			taken = c;
			sent_right++;
		} else {
			do {
				m = small ? OTHER_CLASS : below(whole ? HEADER_RIGHT : MUTATIONS);
			} while ((m == OTHER_CLASS) != small);
			/* the number that the next right one will have: a forged one does not use it up */
			mutate(&c, (enum mutation)m, next_number);
			made[m]++;
		}
		memcpy(data + at, c.data, len);
		at += len;
		sent++;
	}
	send_super(data, at, len);
}

/* Datagrams that are no cells by their length. */
static void burst_lengths(void)
{
	static u8 data[65536];
	u32 count = 1 + below(20), i, len;
	struct cell c;

	do {
		len = 1 + below(1460);
	} while (mv_cell_class(len) != MV_CLASSES);
	for (i = 0; i < count; i++) {
		right(&c, MV_LARGE, next_number);
		fill(c.data + mv_class_cell(MV_LARGE), sizeof(c.data) - mv_class_cell(MV_LARGE));
		memcpy(data + i * len, c.data, len);
	}
	sent += count;
	send_super(data, count * len, len);
}

/* ---- receiving ---- */

static u64 came, came_wrong;

static void check_cell(const u8 *cell, u32 len)
{
	struct mv_header_keys keys;
	struct mv_header h;
	u8 plain[MV_BODY_MAX];

	came++;
	mv_header_keys_init(&keys, sessions[1].tx_tag, sessions[1].tx_mask);
	if (len == mv_class_cell(MV_LARGE) && mv_header_open(cell, &keys, len - MV_CELL_HEADER, &h) &&
	    h.circuit == RELAY_AWAY) {
		plaintext(h.counter, plain, MV_BODY_LARGE);
		if (!memcmp(cell + MV_CELL_LAYER, plain, MV_BODY_LARGE))
			return;
	}
	came_wrong++;
}

static int segment_of(struct msghdr *m, int len)
{
	struct cmsghdr *c;
	int size = len;

	for (c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
		if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO)
			memcpy(&size, CMSG_DATA(c), sizeof(size));
	return size;
}

static void receive_all(int fd)
{
	static u8 data[65536];
	char control[64];
	ssize_t n;
	int at, size;

	for (;;) {
		struct iovec v = { data, sizeof(data) };
		struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };

		n = recvmsg(fd, &m, MSG_DONTWAIT);
		if (n <= 0)
			return;
		size = segment_of(&m, (int)n);
		for (at = 0; at < n; at += size)
			check_cell(data + at, (u32)(n - at < size ? n - at : size));
	}
}

static u64 clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000 + (u64)ts.tv_nsec / 1000000;
}

/* Until every cell so far was counted somewhere. */
static bool settle(void)
{
	u64 end = clock_ms() + PATIENCE_MS;
	struct datapath_stats s;

	do {
		s = stats();
		if (seen(&s) >= sent)
			return seen(&s) == sent;
	} while (clock_ms() < end);
	return false;
}

/* ---- TAP ---- */

static u32 tests, failures;

static void ok(bool good, const char *name)
{
	printf("%sok %u %s\n", good ? "" : "not ", ++tests, name);
	failures += !good;
}

static void report(void)
{
	struct datapath_stats s = stats();
	char *text;
	u64 held;
	u32 i;

	printf("# %llu cells and others sent, %llu of them right:", (unsigned long long)sent, (unsigned long long)sent_right);
	for (i = 0; i < MUTATIONS; i++)
		printf(" %s %llu", mutation_names[i], (unsigned long long)made[i]);
	printf("\n# super-packets in %llu, cells relayed %llu, up %llu, dropped:", (unsigned long long)s.rx_super,
	       (unsigned long long)s.relayed, (unsigned long long)s.up);
	for (i = 0; i < DROP_CAUSES; i++)
		if (s.drops[i])
			printf(" %s %llu", datapath_drop_name((enum datapath_drop)i), (unsigned long long)s.drops[i]);
	putchar('\n');
	held = came;
	ok(seen(&s) == sent, "each is in the counters once");
	ok(s.relayed == sent_right, "the right ones were relayed and no other");
	ok(held == sent_right, "as many came to the next hop");
	ok(!came_wrong, "and each as it should");
	for (i = 0; i < 5; i++) {
		static const enum datapath_drop causes[] = { DROP_HEADER, DROP_REPLAY, DROP_LAYER, DROP_CLASS, DROP_UP };

		if (asprintf(&text, "some were dropped for %s", datapath_drop_name(causes[i])) < 0)
			die("memory");
		ok(s.drops[causes[i]] + (causes[i] == DROP_UP ? s.up : 0), text);
		free(text);
	}
	came = 0;
	receive_all(sock[0]);
	ok(!came, "nothing went back");
}

int main(int argc, char **argv)
{
	u64 cells = argc > 5 ? strtoull(argv[5], NULL, 10) : 100000;
	char text[ENDPOINT_TEXT];
	bool settled = true;
	u32 i;

	if (argc < 5) {
		fprintf(stderr, "usage: packet_fuzz NETNS ADDRESS PORT OUR-ADDRESS [CELLS [SEED]]\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	seed = argc > 6 ? strtoull(argv[6], NULL, 10) : 1;
	printf("# seed %llu\n", (unsigned long long)seed);
	snprintf(text, sizeof(text), "%s:%s", argv[2], argv[3]);
	if (sodium_init() < 0 || endpoint_parse(&node_at, text))
		die("%s: no address", text);
	make_peer(0, argv[4]);
	make_peer(1, argv[4]);
	conn_in(argv[1]);
	make_node(node_at.port);
	right(&taken, MV_LARGE, next_number++);
	send_super(taken.data, taken.len, taken.len);
	sent = sent_right = 1;
	while (settled && sent < cells) {
		for (i = 0; i < BURST; i++)
			if (below(16))
				burst_cells();
			else
				burst_lengths();
		settled = settle();
		receive_all(sock[1]);
	}
	settle();
	usleep(100000);
	receive_all(sock[1]);
	report();
	printf("1..%u\n", tests);
	kmod_conn_close(conn);
	return failures > 0;
}
