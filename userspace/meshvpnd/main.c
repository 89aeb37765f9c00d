// SPDX-License-Identifier: GPL-2.0-or-later
/* meshvpnd: the daemon's command line. What it does is in daemon.h and the files behind it. */
#include <getopt.h>
#include <sodium.h>
#include <stdlib.h>

#include <crypto/aead.h>

#include "daemon.h"

struct daemon meshvpnd;
static struct config_errors errors;

static void usage(FILE *f)
{
	fprintf(f,
		"usage: meshvpnd [--config FILE] [--log-level LEVEL]\n"
		"       meshvpnd --check-config [--config FILE]\n"
		"  --config FILE      configuration, " CONFIG_PATH " unless given\n"
		"  --check-config     say everything that is wrong with it, and end (0: nothing)\n"
		"  --log-level LEVEL  error, warning, notice, info or debug; over the configuration\n"
		"  --version          say the version\n"
		"Start it as root: it gives up all privileges but for its helper, meshvpn-netd.\n"
		"See meshvpnd(8), meshvpnd.conf(5), meshvpn-ctl(1).\n");
}

enum { OPT_CONFIG = 256, OPT_CHECK, OPT_LEVEL, OPT_VERSION, OPT_HELP, OPT_MANUAL };

struct options {
	const char *config;
	bool check;
	int level;			/* -1: of the configuration */
};

static int bad_level(const char *name)
{
	fprintf(stderr, "meshvpnd: --log-level %s: expected error, warning, notice, info or debug\n", name);
	return 2;
}

/* -1: go on; else the exit status. */
static int options_read(struct options *o, int argc, char **argv)
{
	static const struct option list[] = {
		{ "config", required_argument, NULL, OPT_CONFIG }, { "check-config", no_argument, NULL, OPT_CHECK },
		{ "log-level", required_argument, NULL, OPT_LEVEL }, { "version", no_argument, NULL, OPT_VERSION },
		{ "help", no_argument, NULL, OPT_HELP }, { "config-manual", no_argument, NULL, OPT_MANUAL }, { 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:h", list, NULL)) != -1) {
		switch (c) {
		case 'c':
		case OPT_CONFIG: o->config = optarg; break;
		case OPT_CHECK: o->check = true; break;
		case OPT_LEVEL:
			o->level = log_level_parse(optarg);
			if (o->level < 0)
				return bad_level(optarg);
			break;
		case OPT_VERSION: printf("meshvpnd " MESHVPN_VERSION "\n"); return 0;
		case OPT_MANUAL: config_manual(stdout); return 0;
		case 'h':
		case OPT_HELP: usage(stdout); return 0;
		default: usage(stderr); return 2;
		}
	}
	if (optind == argc)
		return -1;
	fprintf(stderr, "meshvpnd: %s: no such argument\n", argv[optind]);
	usage(stderr);
	return 2;
}

static int config_read(const struct options *o)
{
	if (!config_load(&meshvpnd.conf, o->config, &errors)) {
		if (o->check)
			printf("%s: no errors\n", o->config);
		return 0;
	}
	config_errors_print(stderr, &errors);
	fprintf(stderr, "meshvpnd: %u error%s in the configuration; see meshvpnd.conf(5)\n", errors.count,
		errors.count == 1 ? "" : "s");
	return 1;
}

static int run(void)
{
	struct daemon *d = &meshvpnd;
	int ret = daemon_start(d);

	if (!ret) {
		notify_ready(d);
		ret = loop_run(d->loop) ? 1 : d->status;
	}
	daemon_stop(d);
	if (!ret)
		log_notice("main", "stopped");
	return ret;
}

int main(int argc, char **argv)
{
	struct options o = { .config = CONFIG_PATH, .level = -1 };
	int ret = options_read(&o, argc, argv);

	if (ret >= 0)
		return ret;
	log_init("meshvpnd", o.level < 0 ? LOG_INFO : (enum log_level)o.level);
	ret = config_read(&o);
	if (ret || o.check)
		return ret;
	if (o.level < 0)
		log_set_level(LOG_ERROR + meshvpnd.conf.log_level);
	if (sodium_init() < 0 || aead_select(NULL)) {
		log_error("start", "cannot initialise cryptography");
		return 1;
	}
	meshvpnd.config_path = o.config;
	return run();
}
