// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Somebody on the way: runs in a router's namespace, reads the UDP datagrams that pass, and sends
 * them again changed, repeated, misdirected or in place of the true ones, or makes up its own. It
 * knows the outer shape of cells and handshakes (Documentation/protocol.rst) and no key, which is
 * what the threat model gives it. Seeded, so that a run can be repeated; the report is JSON.
 */

#include <errno.h>
#include <getopt.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "forge.h"

enum {
	FRAME_MAX = 70000,
	FLOWS_MAX = 64,
	IDS_MAX = 64,
	LATER_MAX = 1 << 14,
	LINK_ID_AT = 1, LINK_ID_LEN = 7,
	HEADER_LEN = 40,
	/* UAPI headers of Debian 12 lack it */
	GSO_UDP_L4 = 5,
};

static const uint64_t MSEC = 1000000, SEC = 1000000000;

static const char usage_text[] =
	"usage: attacker [OPTION...] ACTION\n"
	"  -f ADDR[,PORT]   what comes from there\n"
	"  -t ADDR[,PORT]   and goes there\n"
	"  -k cell|long|all which datagrams are attacked (cell); the others pass\n"
	"  -b BYTES         of this length only\n"
	"  -e N             every N-th of them (1)\n"
	"  -n N             that many at most\n"
	"  -I               in place of the true ones (needs -f and -t), not beside them\n"
	"  -s SECONDS       end after that; else at SIGTERM\n"
	"  -r RATE          a second, of send and garbage (100)\n"
	"  -x SEED\n"
	"ACTION:\n"
	"  watch            only count\n"
	"  flip[=A-B]       one bit; the offsets A to B in turn (all)\n"
	"  cut, grow        shorter or longer by 1, 2, 3, ... bytes\n"
	"  replay[=N[,MS]]  N times more, each MS later (1, 20)\n"
	"  relink           under another link id to the same destination, if one was seen, else a random one\n"
	"  source=ADDR,PORT from there\n"
	"  store=FILE       keep them\n"
	"  send=FILE        what was kept, over and over, at RATE; with -f from there\n"
	"  garbage=SHAPE    at RATE, made up, from -f to -t: handshake, cell, random, or mix\n";

struct flow {
	struct host from, to;
	uint64_t datagrams, bytes;
	uint64_t first;
	uint32_t ids_count;
	struct {
		uint8_t id[LINK_ID_LEN];
		uint64_t cells, first, last;
	} ids[IDS_MAX];
};

struct later {
	uint64_t due;
	struct datagram *d;
};

enum action { WATCH, FLIP, CUT, GROW, REPLAY, RELINK, SOURCE, STORE, SEND, GARBAGE };

static const char *const action_names[] = {
	"watch", "flip", "cut", "grow", "replay", "relink", "source", "store", "send", "garbage",
};

static struct {
	enum action action;
	struct host from, to, source;
	bool cells, longs, in_place;
	uint32_t length;
	uint64_t every, most, seconds, rate, seed;
	uint32_t first, last;			/* flip */
	uint32_t times;				/* replay */
	uint64_t gap;
	const char *shape, *path;
} conf = { .cells = true, .every = 1, .most = UINT64_MAX, .rate = 100, .last = UINT32_MAX, .times = 1,
	   .gap = 20 * 1000000 };

static struct {
	uint64_t seen, seen_bytes, cells, longs, others, matched, attacked, sent, sent_bytes, failed, lost;
} count;

static struct flow flows[FLOWS_MAX];
static uint32_t flows_count;
static struct later later[LATER_MAX];
static uint32_t later_count;
static struct datagram *kept;
static uint32_t kept_count;
static FILE *store;
static int raw4, raw6;
static pid_t self;		/* names the rule */
static volatile sig_atomic_t stop;

__attribute__((noreturn, format(printf, 1, 2)))
static void die(const char *format, ...)
{
	va_list ap;

	fputs("attacker: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * SEC + ts.tv_nsec;
}

/* splitmix64: repeatability is all that is asked of it */
static uint64_t random_u64(void)
{
	uint64_t z = conf.seed += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static void random_bytes(uint8_t *p, size_t len)
{
	while (len--)
		*p++ = random_u64();
}

/* ---- sending: raw sockets, so that any source will do ---- */

static void emit(const struct datagram *d)
{
	if ((d->to.family == AF_INET ? forge4(raw4, d) : forge6(raw6, d)) < 0) {
		count.failed++;
		return;
	}
	count.sent++;
	count.sent_bytes += d->len;
}

static void emit_later(const struct datagram *d, uint64_t delay)
{
	struct datagram *copy;

	if (later_count == LATER_MAX || !(copy = malloc(sizeof(*copy)))) {
		count.failed++;
		return;
	}
	*copy = *d;
	later[later_count++] = (struct later){ now() + delay, copy };
}

static void emit_due(void)
{
	uint64_t t = now();

	for (uint32_t i = 0; i < later_count;) {
		if (later[i].due > t) {
			i++;
			continue;
		}
		emit(later[i].d);
		free(later[i].d);
		later[i] = later[--later_count];
	}
}

/* ---- what passes ---- */

static bool is_cell(const struct datagram *d)
{
	return d->len >= HEADER_LEN && d->data[0] >> 6 == 1;
}

static bool is_long(const struct datagram *d)
{
	return d->len >= 35 && d->data[0] >> 6 == 3;
}

static bool same_host(const struct host *a, const struct host *b)
{
	return a->family == b->family && a->port == b->port && !memcmp(a->addr, b->addr, a->family == AF_INET ? 4 : 16);
}

/* does @h fit what was asked for? */
static bool fits(const struct host *h, const struct host *want)
{
	if (!want->family)
		return true;
	return h->family == want->family && (!want->port || h->port == want->port) &&
	       !memcmp(h->addr, want->addr, h->family == AF_INET ? 4 : 16);
}

static struct flow *flow_of(const struct datagram *d)
{
	for (uint32_t i = 0; i < flows_count; i++)
		if (same_host(&flows[i].from, &d->from) && same_host(&flows[i].to, &d->to))
			return &flows[i];
	if (flows_count == FLOWS_MAX)
		return NULL;
	flows[flows_count].from = d->from;
	flows[flows_count].to = d->to;
	return &flows[flows_count++];
}

static void flow_note(const struct datagram *d)
{
	struct flow *f = flow_of(d);
	const uint8_t *id = d->data + LINK_ID_AT;
	uint32_t i;

	if (!f)
		return;
	if (!f->datagrams++)
		f->first = now();
	f->bytes += d->len;
	if (!is_cell(d))
		return;
	for (i = 0; i < f->ids_count; i++)
		if (!memcmp(f->ids[i].id, id, LINK_ID_LEN))
			break;
	if (i == IDS_MAX)
		return;
	f->ids[i].last = now();
	f->ids[i].cells++;
	if (i < f->ids_count)
		return;
	f->ids_count++;
	memcpy(f->ids[i].id, id, LINK_ID_LEN);
	f->ids[i].first = f->ids[i].last;
}

/* A link id that the same destination knows and this datagram does not bear. */
static const uint8_t *other_id(const struct datagram *d)
{
	for (uint32_t i = 0; i < flows_count; i++) {
		if (!same_host(&flows[i].to, &d->to))
			continue;
		for (uint32_t n = 0; n < flows[i].ids_count; n++)
			if (memcmp(flows[i].ids[n].id, d->data + LINK_ID_AT, LINK_ID_LEN))
				return flows[i].ids[n].id;
	}
	return NULL;
}

/* ---- actions on one datagram ---- */

static void do_flip(struct datagram *d)
{
	static uint32_t next;
	uint32_t last = conf.last < d->len - 1 ? conf.last : d->len - 1;
	uint32_t at = conf.first + next++ % (last - conf.first + 1);

	/* bits 6 and 7 of the first byte say what it is, the others nothing */
	d->data[at] ^= at ? 1 << random_u64() % 8 : 0x40;
	emit(d);
}

static void do_resize(struct datagram *d, bool grow)
{
	static uint32_t next;
	uint32_t by = 1 + next++ % (grow ? 64 : d->len - 1);

	if (grow)
		random_bytes(d->data + d->len, by);
	d->len = grow ? d->len + by : d->len - by;
	emit(d);
}

static void do_relink(struct datagram *d)
{
	const uint8_t *id = other_id(d);

	if (id)
		memcpy(d->data + LINK_ID_AT, id, LINK_ID_LEN);
	else
		random_bytes(d->data + LINK_ID_AT, LINK_ID_LEN);
	emit(d);
}

static void attack(struct datagram *d)
{
	count.attacked++;
	switch (conf.action) {
	case FLIP:
		do_flip(d);
		break;
	case CUT:
	case GROW:
		do_resize(d, conf.action == GROW);
		break;
	case REPLAY:
		if (conf.in_place)
			emit(d);
		for (uint32_t i = 1; i <= conf.times; i++)
			emit_later(d, i * conf.gap);
		break;
	case RELINK:
		do_relink(d);
		break;
	case SOURCE:
		d->from = conf.source;
		emit(d);
		break;
	case STORE:
		fwrite(d, sizeof(*d), 1, store);
		if (conf.in_place)
			emit(d);
		break;
	default:
		if (conf.in_place)
			emit(d);
	}
}

static bool wanted(const struct datagram *d)
{
	if (conf.length && d->len != conf.length)
		return false;
	return (conf.cells && is_cell(d)) || (conf.longs && is_long(d)) || (conf.cells && conf.longs);
}

static void datagram_passes(struct datagram *d)
{
	count.seen++;
	count.seen_bytes += d->len;
	*(is_cell(d) ? &count.cells : is_long(d) ? &count.longs : &count.others) += 1;
	flow_note(d);
	if (!fits(&d->from, &conf.from) || !fits(&d->to, &conf.to))
		return;
	if (wanted(d) && count.matched++ % conf.every == 0 && count.attacked < conf.most)
		attack(d);
	else if (conf.in_place)
		emit(d);
}

/* ---- reading frames, also those that carry several datagrams of one length (GSO, GRO) ---- */

static size_t parse_ip(const uint8_t *p, size_t len, struct datagram *d)
{
	size_t head;

	if (len >= 20 && p[0] >> 4 == 4 && p[9] == IPPROTO_UDP && !(p[6] & 0x3f) && !p[7]) {
		head = (p[0] & 15) * 4;
		d->from.family = d->to.family = AF_INET;
		memcpy(d->from.addr, p + 12, 4);
		memcpy(d->to.addr, p + 16, 4);
	} else if (len >= 40 && p[0] >> 4 == 6 && p[6] == IPPROTO_UDP) {
		head = 40;
		d->from.family = d->to.family = AF_INET6;
		memcpy(d->from.addr, p + 8, 16);
		memcpy(d->to.addr, p + 24, 16);
	} else {
		return 0;
	}
	if (len < head + sizeof(struct udphdr))
		return 0;
	d->from.port = p[head] << 8 | p[head + 1];
	d->to.port = p[head + 2] << 8 | p[head + 3];
	return head + sizeof(struct udphdr);
}

static void frame_read(int fd)
{
	static uint8_t frame[FRAME_MAX];
	static struct datagram d;
	struct sockaddr_ll from;
	socklen_t from_len = sizeof(from);
	struct virtio_net_hdr vnet;
	ssize_t n = recvfrom(fd, frame, sizeof(frame), MSG_DONTWAIT, (void *)&from, &from_len);
	const uint8_t *ip = frame + sizeof(vnet) + ETH_HLEN;
	size_t len, head, step;

	if (n < (ssize_t)(sizeof(vnet) + ETH_HLEN) || from.sll_pkttype == PACKET_OUTGOING)
		return;
	memcpy(&vnet, frame, sizeof(vnet));
	len = n - sizeof(vnet) - ETH_HLEN;
	memset(&d.from, 0, sizeof(d.from));
	memset(&d.to, 0, sizeof(d.to));
	head = parse_ip(ip, len, &d);
	if (!head)
		return;
	/* Ethernet pads short frames */
	if (ip[head - 4] << 8 | ip[head - 3] && len > head - 8u + (ip[head - 4] << 8 | ip[head - 3]))
		len = head - 8 + (ip[head - 4] << 8 | ip[head - 3]);
	step = (vnet.gso_type & ~VIRTIO_NET_HDR_GSO_ECN) == GSO_UDP_L4 ? vnet.gso_size : len - head;
	for (size_t at = head; at < len && step; at += step) {
		d.len = len - at < step ? len - at : step;
		/* room to grow */
		if (d.len > PAYLOAD_MAX - 64)
			continue;
		memcpy(d.data, ip + at, d.len);
		datagram_passes(&d);
	}
}

static int sniffer_open(void)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL)), one = 1, size = 128 << 20;

	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)))
		die("cannot sniff: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	return fd;
}

/* ---- what it sends by itself ---- */

static void garbage(void)
{
	static uint64_t source;
	static const char *const mix[] = { "handshake", "cell", "random" };
	static const uint32_t lengths[] = { 296, 1192, 1368 };
	static struct datagram d;
	const char *shape = strcmp(conf.shape, "mix") ? conf.shape : mix[random_u64() % 3];

	d.from = conf.from;
	d.to = conf.to;
	if (!d.from.port)
		d.from.port = 1024 + source++ % 60000;
	d.len = *shape == 'c' ? lengths[random_u64() % 3] : *shape == 'h' ? 1200 : 1 + random_u64() % 1400;
	random_bytes(d.data, d.len);
	if (*shape == 'c') {
		d.data[0] = 0x40 | (d.data[0] & 0x3f);
	} else if (*shape == 'h') {
		d.data[0] |= 0xc0;
		d.data[5] = d.data[14] = 8;
	}
	count.attacked++;
	emit(&d);
}

static void send_kept(void)
{
	static uint32_t next;
	struct datagram d = kept[next++ % kept_count];

	if (conf.from.family)
		d.from = conf.from;
	if (conf.from.family && !conf.from.port)
		d.from.port = 1024 + random_u64() % 60000;
	count.attacked++;
	emit(&d);
}

static void kept_load(const char *path)
{
	FILE *f = fopen(path, "re");
	struct datagram d;

	if (!f)
		die("cannot read %s: %s", path, strerror(errno));
	while (fread(&d, sizeof(d), 1, f) == 1) {
		kept = realloc(kept, (kept_count + 1) * sizeof(d));
		if (!kept)
			die("out of memory");
		kept[kept_count++] = d;
	}
	fclose(f);
	if (!kept_count)
		die("nothing was kept in %s", path);
}

static void produce(uint64_t begun)
{
	static uint64_t done;
	uint64_t due = (now() - begun) * conf.rate / SEC;

	for (int burst = 0; done < due && count.attacked < conf.most && burst < 256; done++, burst++)
		conf.action == GARBAGE ? garbage() : send_kept();
}

/* ---- report ---- */

static const char *host_text(const struct host *h, char *text, size_t room)
{
	char addr[INET6_ADDRSTRLEN];

	inet_ntop(h->family, h->addr, addr, sizeof(addr));
	snprintf(text, room, h->family == AF_INET6 ? "[%s]:%u" : "%s:%u", addr, h->port);
	return text;
}

static void report(void)
{
	char a[80], b[80];

	printf("{\"action\":\"%s\"", action_names[conf.action]);
#define COUNT(name) printf(",\"" #name "\":%llu", (unsigned long long)count.name)
	COUNT(seen), COUNT(seen_bytes), COUNT(cells), COUNT(longs), COUNT(others), COUNT(matched), COUNT(attacked);
	COUNT(sent), COUNT(sent_bytes), COUNT(failed), COUNT(lost);
	printf(",\"flows\":[");
	for (uint32_t i = 0; i < flows_count; i++) {
		const struct flow *f = &flows[i];

		printf("%s{\"from\":\"%s\",\"to\":\"%s\",\"datagrams\":%llu,\"bytes\":%llu,\"link_ids\":[",
		       i ? "," : "", host_text(&f->from, a, sizeof(a)), host_text(&f->to, b, sizeof(b)),
		       (unsigned long long)f->datagrams, (unsigned long long)f->bytes);
		for (uint32_t n = 0; n < f->ids_count; n++) {
			printf("%s{\"id\":\"", n ? "," : "");
			for (int k = 0; k < LINK_ID_LEN; k++)
				printf("%02x", f->ids[n].id[k]);
			printf("\",\"cells\":%llu,\"first_ms\":%.1f,\"last_ms\":%.1f}", (unsigned long long)f->ids[n].cells,
			       (f->ids[n].first - f->first) / 1e6, (f->ids[n].last - f->first) / 1e6);
		}
		printf("]}");
	}
	printf("]}\n");
}

/* ---- command line ---- */

static struct host host_parse(const char *text)
{
	struct host h = {};
	char addr[80];

	snprintf(addr, sizeof(addr), "%s", text);
	if (strchr(addr, ',')) {
		h.port = atoi(strchr(addr, ',') + 1);
		*strchr(addr, ',') = '\0';
	}
	h.family = strchr(addr, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(h.family, addr, h.addr) != 1)
		die("'%s' is no ADDRESS[,PORT]", text);
	return h;
}

static void action_parse(const char *text)
{
	const char *value = strchr(text, '=');
	size_t len = value ? (size_t)(value++ - text) : strlen(text);

	for (conf.action = WATCH; conf.action <= GARBAGE; conf.action++)
		if (!strncmp(action_names[conf.action], text, len) && !action_names[conf.action][len])
			break;
	if (conf.action > GARBAGE || (conf.action >= SOURCE && !value))
		die("cannot do '%s'\n%s", text, usage_text);
	if (conf.action == FLIP && value)
		sscanf(value, "%u-%u", &conf.first, &conf.last);
	if (conf.action == REPLAY && value) {
		unsigned int ms = 20;

		sscanf(value, "%u,%u", &conf.times, &ms);
		conf.gap = ms * MSEC;
	}
	if (conf.action == SOURCE)
		conf.source = host_parse(value);
	if (conf.action == STORE && !(store = fopen(value, "we")))
		die("cannot write %s: %s", value, strerror(errno));
	if (conf.action == SEND)
		kept_load(value);
	conf.shape = value;
	if (conf.action == GARBAGE && (!conf.to.port || !conf.from.family))
		die("garbage needs -f ADDR and -t ADDR,PORT");
}

static void options_parse(int argc, char **argv)
{
	int o;

	while ((o = getopt(argc, argv, "f:t:k:b:e:n:Is:r:x:h")) != -1) {
		switch (o) {
		case 'f': conf.from = host_parse(optarg); break;
		case 't': conf.to = host_parse(optarg); break;
		case 'k': conf.cells = *optarg != 'l'; conf.longs = *optarg != 'c'; break;
		case 'b': conf.length = atoi(optarg); break;
		case 'e': conf.every = strtoull(optarg, NULL, 10); break;
		case 'n': conf.most = strtoull(optarg, NULL, 10); break;
		case 'I': conf.in_place = true; break;
		case 's': conf.seconds = strtod(optarg, NULL) * 1000; break;
		case 'r': conf.rate = strtoull(optarg, NULL, 10); break;
		case 'x': conf.seed = strtoull(optarg, NULL, 10); break;
		default: fputs(usage_text, o == 'h' ? stdout : stderr); exit(o == 'h' ? 0 : 2);
		}
	}
	if (optind != argc - 1 || !conf.every)
		die("one ACTION, please\n%s", usage_text);
	action_parse(argv[optind]);
	if (conf.in_place && (!conf.from.family || !conf.to.family))
		die("-I needs -f and -t");
}

/* The true datagrams of the flow end here; those of a raw socket do not pass this hook. */
static void blocking(bool on)
{
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];
	const char *ip = conf.from.family == AF_INET ? "ip" : "ip6";
	FILE *f = popen("nft -f -", "we");

	if (!f)
		die("cannot run nft");
	inet_ntop(conf.from.family, conf.from.addr, from, sizeof(from));
	inet_ntop(conf.to.family, conf.to.addr, to, sizeof(to));
	fprintf(f, "add table inet attacker_%d\n", self);
	if (on)
		fprintf(f, "table inet attacker_%d {\nchain f {\ntype filter hook forward priority 0;\n"
			"%s saddr %s %s daddr %s meta l4proto udp drop\n}\n}\n", self, ip, from, ip, to);
	else
		fprintf(f, "delete table inet attacker_%d\n", self);
	if (pclose(f))
		die("nft refused the rule");
}

/* The rule goes while datagrams still pass through here: a gap would be an attack of its own. */
static void unblock(int fd)
{
	pid_t child = fork();

	conf.most = 0;
	if (!child) {
		blocking(false);
		_exit(0);
	}
	while (child > 0 && !waitpid(child, NULL, WNOHANG)) {
		struct pollfd pfd = { fd, POLLIN, 0 };

		if (poll(&pfd, 1, 1) > 0)
			frame_read(fd);
		emit_due();
	}
}

static void on_signal(int number)
{
	stop = 1;
}

static void run(int fd)
{
	uint64_t begun = now();
	bool produces = conf.action == SEND || conf.action == GARBAGE;
	struct pollfd pfd = { fd, POLLIN, 0 };

	while (!stop && (!conf.seconds || now() - begun < conf.seconds * MSEC)) {
		int ready = poll(&pfd, 1, later_count || produces ? 1 : 50);

		for (int i = 0; ready > 0 && i < 256 && poll(&pfd, 1, 0) > 0; i++)
			frame_read(fd);
		emit_due();
		if (produces)
			produce(begun);
	}
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct tpacket_stats stats = {};
	socklen_t len = sizeof(stats);
	int fd, one = 1;

	options_parse(argc, argv);
	self = getpid();
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	raw4 = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	raw6 = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (raw4 < 0 || raw6 < 0 || setsockopt(raw4, IPPROTO_IP, IP_HDRINCL, &one, sizeof(one)))
		die("cannot send raw packets: %s", strerror(errno));
	fd = sniffer_open();
	if (conf.in_place)
		blocking(true);
	fprintf(stderr, "attacker: ready\n");
	run(fd);
	if (conf.in_place)
		unblock(fd);
	if (!getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len))
		count.lost = stats.tp_drops;
	if (store)
		fclose(store);
	report();
	return 0;
}
