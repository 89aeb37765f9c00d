// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Messages to the module's netlink interface that were right until something was done to them:
 * lengths, types, nesting, order, ends. Each has to be answered, with an error that a person could
 * have caused, and no answer may hold a key; what it does to the kernel's memory, KASAN says. A
 * seed gives the same messages again.
 *
 *	netlink_fuzz [--long] [MESSAGES [SEED]]
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <time.h>

#include "nl_objects.h"

#define IDS 6			/* of links, sessions, devices: few, so that objects meet */
#define CIRCUITS 40
#define NODES 3

static struct nl nl;
static struct nl_msg_buf m;
static uint64_t state, messages = 100000, counts[200], dumps_left;
static int fds[6];

/* splitmix64 */
static uint64_t draw(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static uint32_t below(uint32_t n)
{
	return (uint32_t)(draw() % n);
}

static bool chance(uint32_t percent)
{
	return below(100) < percent;
}

static void fail(const char *what, uint64_t at)
{
	printf("# message %llu: %s\nnot ok 1 netlink_fuzz\n", (unsigned long long)at, what);
	exit(1);
}

/* ---- right messages ---- */

static struct object any_object(void)
{
	uint32_t link = 1 + below(IDS), circuit = 1 + below(CIRCUITS), i;
	char name[8];
	struct object o;

	switch (below(8)) {
	case 0:
		snprintf(name, sizeof(name), "mv%u", below(3));
		o = object_device(1 + below(3), name);
		object_set(&o, MESHVPN_A_DEVICE_ROLE, below(2));
		return o;
	case 1:
		return object_link(link);
	case 2:
		o = object_link_session(link, below(IDS), below(30));
		object_set(&o, MESHVPN_A_LINK_SESSION_STATE, below(3));
		return o;
	case 3:
		i = chance(30);
		return object_session(1 + below(IDS), 1 + below(3), i ? link : 0, i ? circuit : 0);
	case 4:
		return object_selector(1 + below(3));
	default:
		i = below(3);
		o = object_circuit(i, link, circuit);
		if (i == MESHVPN_CIRCUIT_KIND_RELAY)
			object_set(&o, MESHVPN_A_CIRCUIT_OUT_LINK, 1 + below(IDS));
		else
			object_set(&o, MESHVPN_A_CIRCUIT_SESSION, chance(20) ? below(IDS) : 0);
		object_set(&o, MESHVPN_A_CIRCUIT_PASS, chance(10));
		return o;
	}
}

static uint32_t any_node(void)
{
	return chance(80) ? 1 : 1 + below(NODES);
}

static void put_node_new(void)
{
	size_t nest;
	uint32_t i;

	nl_begin(&m, MESHVPN_CMD_NODE_NEW, 0);
	nl_u32(&m, MESHVPN_A_NODE_ID, any_node());
	nest = nl_nest(&m, MESHVPN_A_NODE);
	if (chance(50)) {
		for (i = below(4); i < 4; i++)
			nl_u32(&m, MESHVPN_A_NODE_SOCKET, (uint32_t)(chance(80) ? fds[below(6)] : (int)draw()));
	} else {
		nl_u32(&m, MESHVPN_A_NODE_LANES, 1 + below(3));
		nl_u16(&m, MESHVPN_A_NODE_PORT, htons((uint16_t)(2000 + below(2000))));
	}
	if (chance(30))
		nl_flag(&m, MESHVPN_A_NODE_OWN);
	nl_u64(&m, MESHVPN_A_NODE_RATE, draw() >> below(64));
	nl_u32(&m, MESHVPN_A_NODE_MAX_CIRCUITS, below(2 * CIRCUITS * IDS));
	nl_u32(&m, MESHVPN_A_NODE_QUEUE_CELLS, below(1000));
	nl_nest_end(&m, nest);
}

static void put_node_set(void)
{
	size_t nest;

	nl_begin(&m, MESHVPN_CMD_NODE_SET, 0);
	nl_u32(&m, MESHVPN_A_NODE_ID, any_node());
	nest = nl_nest(&m, MESHVPN_A_NODE);
	nl_u64(&m, MESHVPN_A_NODE_UP_RATE, draw() >> below(64));
	nl_u64(&m, MESHVPN_A_NODE_UP_BURST, draw() >> below(64));
	nl_u32(&m, MESHVPN_A_NODE_HOLD_US, below(1000000));
	nl_nest_end(&m, nest);
}

static void put_batch(void)
{
	uint32_t i, n = 1 + below(chance(95) ? 3 : 200);

	nl_begin(&m, MESHVPN_CMD_BATCH, 0);
	nl_u32(&m, MESHVPN_A_NODE_ID, any_node());
	for (i = 0; i < n; i++) {
		struct object o = any_object();

		put_op(&m, &o, o.kind == SELECTOR ? SET : chance(60) ? NEW :
		       o.kind == LINK || chance(60) ? SET : DEL);
	}
}

static void put_selector(void)
{
	size_t nest = 0;
	uint32_t i, n = chance(95) ? below(20) : below(5000);

	nl_begin(&m, MESHVPN_CMD_SELECTOR_SET, 0);
	nl_u32(&m, MESHVPN_A_NODE_ID, any_node());
	for (i = 0; i < n || !i; i++) {
		if (i % 500 == 0) {
			if (i)
				nl_nest_end(&m, nest);
			nest = nl_nest(&m, MESHVPN_A_SELECTOR);
			nl_u32(&m, MESHVPN_A_SELECTOR_DEVICE, 1);
			if (i)
				nl_flag(&m, MESHVPN_A_SELECTOR_MORE);
		}
		put_prefix(&m, i, below(IDS));
	}
	nl_nest_end(&m, nest);
}

static void put_control(void)
{
	struct object o = object_circuit(0, 1 + below(IDS), 1 + below(CIRCUITS));
	uint8_t data[1400] = { 0 };

	nl_begin(&m, MESHVPN_CMD_CONTROL_SEND, 0);
	nl_u32(&m, MESHVPN_A_NODE_ID, any_node());
	put_fields(&m, &o, DEL, MESHVPN_A_CIRCUIT, 0);
	nl_put(&m, MESHVPN_A_DATA, data, below(sizeof(data)));
}

static void put_one(void)
{
	struct object o = any_object();
	enum verb verb;

	verb = o.kind == SELECTOR ? (chance(50) ? SET : GET) : chance(50) ? NEW :
		o.kind == LINK && chance(80) ? SET : 1 + below(3);

	put_request(&m, any_node(), &o, verb);
}

static void put_dump(void)
{
	uint8_t cmd = chance(20) ? MESHVPN_CMD_NODE_GET : object_table[below(OBJECTS)].cmd[GET];

	nl_begin(&m, cmd, NLM_F_DUMP);
	if (cmd != MESHVPN_CMD_NODE_GET)
		nl_u32(&m, MESHVPN_A_NODE_ID, any_node());
}

static void put_message(void)
{
	uint32_t kind = below(100);

	if (kind < 2)
		put_node_new();
	else if (kind < 4)
		put_node_set();
	else if (kind < 5 && chance(10)) {
		nl_begin(&m, MESHVPN_CMD_NODE_DEL, 0);
		nl_u32(&m, MESHVPN_A_NODE_ID, any_node());
	} else if (kind < 40)
		put_batch();
	else if (kind < 45)
		put_selector();
	else if (kind < 50)
		put_control();
	else if (kind < 55)
		put_dump();
	else
		put_one();
}

/* ---- what is done to them ---- */

#define HEAD (NLMSG_HDRLEN + GENL_HDRLEN)

/* Some attribute's place, at any depth, as far as the lengths still lead there; 0: none */
static size_t any_attr(void)
{
	size_t at = HEAD, end = m.len, found = 0;
	struct nlattr a;
	uint32_t seen = 0;

	while (at + NLA_HDRLEN <= end) {
		memcpy(&a, m.data + at, sizeof(a));
		if (!below(++seen))
			found = at;
		if (a.nla_len < NLA_HDRLEN)
			break;
		/* down into nests half of the time: what follows is then not seen */
		if (a.nla_type & NLA_F_NESTED && a.nla_len > NLA_HDRLEN && chance(50)) {
			end = at + a.nla_len < end ? at + a.nla_len : end;
			at += NLA_HDRLEN;
		} else {
			at += NLA_ALIGN(a.nla_len);
		}
	}
	return found;
}

static void set_u16(size_t at, uint16_t v)
{
	if (at + 2 <= m.len)
		memcpy(m.data + at, &v, 2);
}

static uint16_t get_u16(size_t at)
{
	uint16_t v = 0;

	if (at + 2 <= m.len)
		memcpy(&v, m.data + at, 2);
	return v;
}

static uint64_t odd_number(void)
{
	static const uint64_t odd[] = {
		0, 1, 2, 3, 15, 16, 17, 255, 256, 575, 65535, 65536, 0x7fffffff, 0x80000000, 0xffffffff,
		0xffffff, 0x1000000, 1ULL << 40, (1ULL << 56) - 1, 1ULL << 56, ~0ULL >> 1, ~0ULL,
	};

	return chance(80) ? odd[below(sizeof(odd) / sizeof(*odd))] : draw();
}

static void change_value(size_t at)
{
	uint64_t v = odd_number();
	size_t n = get_u16(at) - NLA_HDRLEN;

	if (n > sizeof(v))
		n = sizeof(v);
	if (at + NLA_HDRLEN + n <= m.len)
		memcpy(m.data + at + NLA_HDRLEN, &v, n);
}

static void change_length(size_t at)
{
	uint16_t len = get_u16(at);

	switch (below(4)) {
	case 0: set_u16(at, (uint16_t)(len + below(9) - 4)); break;
	case 1: set_u16(at, (uint16_t)below(8)); break;
	case 2: set_u16(at, (uint16_t)draw()); break;
	default: set_u16(at, (uint16_t)(m.len - at)); break;
	}
}

static void change_type(size_t at)
{
	uint16_t type = get_u16(at + 2);

	switch (below(4)) {
	case 0: type = (uint16_t)((type & NLA_F_NESTED) | below(24)); break;
	case 1: type ^= NLA_F_NESTED; break;
	case 2: type ^= NLA_F_NET_BYTEORDER; break;
	default: type = (uint16_t)draw(); break;
	}
	set_u16(at + 2, type);
}

/* Copy @n bytes from @from to @to, moving what is behind away; lengths around stay as they were. */
static void insert(size_t to, size_t from, size_t n)
{
	static uint8_t copy[65536];

	if (n > sizeof(copy) || m.len + n > sizeof(m.data) - 64)
		return;
	memcpy(copy, m.data + from, n);
	memmove(m.data + to + n, m.data + to, m.len - to);
	memcpy(m.data + to, copy, n);
	m.len += n;
}

static void duplicate(size_t at)
{
	size_t n = NLA_ALIGN(get_u16(at));

	if (at + n <= m.len && n)
		insert(chance(50) ? at : any_attr(), at, n);
}

static void take_out(size_t at)
{
	size_t n = NLA_ALIGN(get_u16(at));

	if (!n || at + n > m.len)
		return;
	memmove(m.data + at, m.data + at + n, m.len - at - n);
	m.len -= n;
}

static void change_bytes(void)
{
	uint32_t n = 1 + below(4);

	while (n-- && m.len > HEAD)
		m.data[HEAD + below((uint32_t)(m.len - HEAD))] ^= (uint8_t)(1 << below(8));
}

static void change_head(void)
{
	switch (below(3)) {
	case 0: m.data[NLMSG_HDRLEN] = (uint8_t)below(MESHVPN_CMD_MAX + 2); break;
	case 1: nl_hdr(&m)->nlmsg_flags ^= (uint16_t)(1 << below(12)); break;
	default: m.data[NLMSG_HDRLEN + 1 + below(3)] = (uint8_t)draw(); break;
	}
	nl_hdr(&m)->nlmsg_flags |= NLM_F_REQUEST;
}

static void mutate(void)
{
	size_t at = any_attr();
	uint32_t i;

	switch (at ? below(10) : 9) {
	case 0: case 1: change_value(at); break;
	case 2: case 3: change_length(at); break;
	case 4: change_type(at); break;
	case 5: duplicate(at); break;
	case 6: take_out(at); break;
	case 7: change_bytes(); break;
	case 8:
		m.len = HEAD + below((uint32_t)(m.len - HEAD + 1));
		break;
	default:
		if (chance(70)) {
			change_head();
			break;
		}
		for (i = 0; i < 40 && m.len + 4 < sizeof(m.data); i++) {
			uint32_t v = (uint32_t)draw();

			memcpy(m.data + m.len, &v, 4);
			m.len += 4;
		}
	}
}

/* ---- asking ---- */

static void reopen(void)
{
	struct timeval limit = { .tv_sec = 30 };

	if (nl.fd > 0)
		close(nl.fd);
	if (nl_open(&nl, &m))
		fail("the family is gone", 0);
	setsockopt(nl.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
}

/* Errors that a message can cause; others are bugs. */
static bool plausible(int err)
{
	static const int errs[] = {
		0, EINVAL, ERANGE, ENOENT, EEXIST, ENOSPC, EOPNOTSUPP, EMSGSIZE, E2BIG, EAGAIN, EBADF,
		ENOTSOCK, EPROTONOSUPPORT, EBUSY, EADDRINUSE, EACCES, EXDEV, EDESTADDRREQ,
	};
	size_t i;

	for (i = 0; i < sizeof(errs) / sizeof(*errs); i++)
		if (err == -errs[i])
			return true;
	return false;
}

static void ask(uint64_t number)
{
	static struct nl_answer a;
	bool acked = true;
	char what[200];

	a.len = a.count = 0;
	a.err = -ETIME;
	a.offs = a.miss_nest = ~0U;
	nl_hdr(&m)->nlmsg_flags |= NLM_F_ACK;
	if (nl_send(&nl, &m))
		fail("cannot be sent", number);
	while (!nl_receive(&nl, &a)) {
		/* who asks for a dump may go away in the middle */
		if (chance(2)) {
			dumps_left++;
			reopen();
			acked = false;
			break;
		}
		if (a.len > 1 << 24)
			fail("a dump without an end", number);
	}
	if (a.len && memmem(a.data, a.len, object_key, 12))
		fail("a key came out", number);
	if (!acked)
		return;
	if (!plausible(a.err)) {
		snprintf(what, sizeof(what), "answered with %d: %s", a.err, a.text);
		fail(what, number);
	}
	if ((a.offs != ~0U && a.offs >= m.len) || (a.miss_nest != ~0U && a.miss_nest >= m.len))
		fail("blames what is outside of the message", number);
	counts[-a.err]++;
}

static int udp(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	return bind(fd, (struct sockaddr *)&a, sizeof(a)) ? -1 : fd;
}

static void set_up(void)
{
	if (unshare(CLONE_NEWNET) ||
	    system("ip link set lo up && for i in 0 1 2; do ip link add mv$i type meshvpn; done"))
		fail("needs root, and the module", 0);
	fds[0] = udp();
	fds[1] = udp();
	fds[2] = udp();
	fds[3] = socket(AF_INET, SOCK_STREAM, 0);
	fds[4] = open("/dev/null", O_RDWR);
	fds[5] = socket(AF_UNIX, SOCK_DGRAM, 0);
	reopen();
}

/* Nodes with links, so that most messages find what they name. */
static void prime(void)
{
	uint32_t i, k;

	for (i = 1; i <= NODES; i++) {
		node_make(&nl, &m, false, i == 1 ? CIRCUITS : 10 * CIRCUITS);
		for (k = 1; k <= IDS; k++)
			object_call(&nl, &m, i, object_link(k), NEW, NULL);
	}
	for (i = 0; i < 3; i++) {
		char name[8];

		snprintf(name, sizeof(name), "mv%u", i);
		object_call(&nl, &m, 1, object_device(1 + i, name), NEW, NULL);
	}
}

/* After all that a right message does what it says, and all can be taken away. */
static void works_still(uint64_t number)
{
	uint32_t i;
	int64_t id;

	reopen();
	for (i = 0; i <= 65536; i++) {
		struct nl_answer a;
		const uint8_t *p;
		size_t n;

		nl_begin(&m, MESHVPN_CMD_NODE_GET, NLM_F_DUMP);
		if (nl_call(&nl, &m, &a))
			fail("nodes cannot be listed", number);
		p = nl_message(&a, 0, &n);
		if (!p)
			break;
		nl_begin(&m, MESHVPN_CMD_NODE_DEL, 0);
		nl_u32(&m, MESHVPN_A_NODE_ID, (uint32_t)nl_number(p, n, MESHVPN_A_NODE_ID, 0));
		nl_answer_free(&a);
		if (nl_call(&nl, &m, NULL))
			fail("a node cannot be deleted", number);
	}
	id = node_make(&nl, &m, false, 0);
	if (id <= 0 || object_call(&nl, &m, (uint32_t)id, object_link(1), NEW, NULL) ||
	    object_call(&nl, &m, (uint32_t)id, object_circuit(MESHVPN_CIRCUIT_KIND_TERMINUS, 1, 1), NEW, NULL))
		fail("a right message is refused", number);
	nl_begin(&m, MESHVPN_CMD_NODE_DEL, 0);
	nl_u32(&m, MESHVPN_A_NODE_ID, (uint32_t)id);
	if (nl_call(&nl, &m, NULL))
		fail("the last node cannot be deleted", number);
	prime();
}

int main(int argc, char **argv)
{
	uint64_t i, seed = 1;

	if (argc > 1 && !strcmp(argv[1], "--long")) {
		messages = 1000000;
		argv++;
		argc--;
	}
	if (argc > 1)
		messages = strtoull(argv[1], NULL, 0);
	if (argc > 2)
		seed = strtoull(argv[2], NULL, 0);
	state = seed;
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n1..1\n# %llu messages, seed %llu\n", (unsigned long long)messages,
	       (unsigned long long)seed);
	set_up();
	prime();
	for (i = 0; i < messages; i++) {
		uint32_t n = chance(50) ? 0 : 1 + below(3);

		put_message();
		while (n--)
			mutate();
		ask(i);
		if (i % 1000 == 999)
			works_still(i);
		if (chance(1) && chance(20))
			reopen();
	}
	works_still(i);
	printf("# answers:");
	for (i = 0; i < sizeof(counts) / sizeof(*counts); i++)
		if (counts[i])
			printf(" %s %llu", i ? strerrorname_np((int)i) : "ok", (unsigned long long)counts[i]);
	printf("; %llu dumps left\nok 1 netlink_fuzz\n", (unsigned long long)dumps_left);
	return 0;
}
