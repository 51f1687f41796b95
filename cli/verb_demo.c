/* cresset demo: an intrusion in a small utility, sent through real sockets to a `cresset run` of its own, and found. */
#include "cli/config.h"
#include "cli/demo_devices.h"
#include "cli/demo_run.h"
#include "cli/demo_show.h"
#include "cli/setup.h"
#include "cli/story.h"
#include "cli/traffic.h"
#include "cli/verbs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SOURCES 320
#define RATE 3000
#define RATE_MAX 200000
#define FIND_WAIT_MS 20000
#define SEAL_WAIT_MS 12000
#define SETTLE_MS 900
#define SETTLE_KAFKA_MS 2500
#define QUIET_MS 6000 /* incidents are told at once: what is missing after so long will not come */

struct demo {
	const struct args *args;
	const struct env *env;
	struct demo_run run;
	uint64_t rate, seed;
	bool terminal;
	struct demo_view view;
	struct demo_status status;
	struct demo_devices devices;
	struct traffic *traffic;
	struct buffer line;
	unsigned step_sent[16];
	uint64_t ordinary;
	int64_t began_ns; /* boot time */
};

/* ---- sending ---- */

/* Steps of the same host come from the same device. */
static unsigned story_device(unsigned step)
{
	unsigned first = 0;
	while (strcmp(story_steps[first].host, story_steps[step].host) != 0)
		first++;
	return SOURCES + first;
}

static bool connect_devices(struct demo *d)
{
	for (unsigned i = 0; i < story_step_count; i++)
		if (!demo_devices_open(&d->devices, story_device(i), story_steps[i].tcp))
			return false;
	return true;
}

/* Its devices connect first; one ordinary line from one of them goes all the way to the rules before the traffic begins. */
static int connect_story(struct demo *d)
{
	int64_t began = env_boot(d->env);
	struct error error = {0};
	while (!connect_devices(d)) { /* the intake of a cluster binds its port when it is ready */
		if (demo_run_died(&d->run))
			return EXIT_STORAGE;
		if (setup_stop || demo_elapsed_ms(d->env, began) > DEMO_START_MS)
			return demo_fail("cannot connect to port %u: %s", d->run.port, strerror(errno));
		demo_nap(25);
	}
	traffic_fill(d->traffic, "<30>{ts} {host} systemd[1]: Started Daily Cleanup of Temporary Directories.",
				 story_steps[1].host, SOURCES, env_now(d->env), &d->line);
	(void)demo_devices_send(&d->devices, story_device(1), story_steps[1].tcp, buffer_slice(&d->line));
	while (!setup_stop && demo_elapsed_ms(d->env, began) < DEMO_START_MS) {
		if (demo_run_died(&d->run))
			return EXIT_STORAGE;
		if (demo_get_status(&d->view, &d->status, &error) && d->status.events > 0)
			return 0;
		demo_nap(25);
	}
	return setup_stop ? EXIT_USAGE : demo_fail("a first event did not arrive: %s", error.text);
}

static void progress(const struct demo *d, int64_t now_ms, bool end)
{
	static int64_t last = -1000;
	if (!end && now_ms - last < (d->terminal ? 100 : 3000))
		return;
	last = now_ms;
	if (d->terminal)
		fprintf(stderr, "\r  %5.1f s  %8llu events sent ", (double)now_ms / 1000, (unsigned long long)d->devices.sent);
	else
		fprintf(stderr, "  %5.1f s  %8llu events sent\n", (double)now_ms / 1000, (unsigned long long)d->devices.sent);
	if (end && d->terminal)
		fputc('\n', stderr);
}

static void send_ordinary(struct demo *d, int64_t now_ms)
{
	uint64_t due = d->rate * (uint64_t)now_ms / 1000;
	struct traffic_line line;
	for (int burst = 0; d->ordinary < due && burst < 4000; burst++, d->ordinary++) {
		traffic_next(d->traffic, env_now(d->env), &line);
		(void)demo_devices_send(&d->devices, line.source, line.tcp, line.line);
	}
}

static void send_step(struct demo *d, unsigned index, int64_t now_ms)
{
	const struct story_step *s = &story_steps[index];
	unsigned due = story_step_due(s, now_ms);
	if (due && !d->step_sent[index])
		fprintf(stderr, "%s  %5.1f s  step %u: %s (%s)\n", d->terminal ? "\r" : "", (double)now_ms / 1000, index + 1,
				s->title, s->host);
	for (; d->step_sent[index] < due; d->step_sent[index]++) {
		buffer_reset(&d->line);
		traffic_fill(d->traffic, story_template(s, d->step_sent[index]), s->host, SOURCES, env_now(d->env), &d->line);
		(void)demo_devices_send(&d->devices, story_device(index), s->tcp, buffer_slice(&d->line));
	}
}

static bool all_sent(const struct demo *d)
{
	for (unsigned i = 0; i < story_step_count; i++)
		if (d->step_sent[i] < story_step_lines(&story_steps[i]))
			return false;
	return true;
}

static int send_story(struct demo *d)
{
	CHECK(story_step_count <= sizeof d->step_sent / sizeof *d->step_sent);
	int64_t began = env_boot(d->env), now = 0;
	while (!setup_stop && (now < STORY_MS || !all_sent(d))) {
		now = demo_elapsed_ms(d->env, began);
		send_ordinary(d, now < STORY_MS ? now : STORY_MS);
		for (unsigned i = 0; i < story_step_count; i++)
			send_step(d, i, now);
		if (demo_run_died(&d->run))
			return EXIT_STORAGE;
		progress(d, now, false);
		demo_nap(3);
	}
	progress(d, now, true);
	if (d->devices.failed)
		return demo_fail("%llu events could not be sent: %s", (unsigned long long)d->devices.failed,
						 strerror(d->devices.last_errno));
	return setup_stop ? EXIT_USAGE : 0;
}

/* ---- finding ---- */

/* Until detection has seen all that came in and nothing more comes, so that an incident too many would be there as well. */
static int wait_for_incidents(struct demo *d)
{
	int64_t began = env_boot(d->env), calm_since = began;
	struct error error = {0};
	uint64_t before = 0;
	while (!setup_stop && demo_elapsed_ms(d->env, began) < FIND_WAIT_MS) {
		if (demo_run_died(&d->run))
			return EXIT_STORAGE;
		if (!demo_get_status(&d->view, &d->status, &error) || !demo_get_incidents(&d->view, &error))
			return demo_fail("%s", error.text), EXIT_STORAGE;
		uint64_t seen = d->status.events + d->status.received;
		if (seen != before || d->status.events < d->status.received)
			calm_since = env_boot(d->env);
		before = seen;
		int64_t calm = demo_elapsed_ms(d->env, calm_since);
		if (calm >= QUIET_MS ||
			(calm >= (d->run.bootstrap ? SETTLE_KAFKA_MS : SETTLE_MS) && demo_judge(&d->view, false)))
			return 0;
		demo_nap(100);
	}
	return setup_stop ? EXIT_USAGE : 0;
}

static void wait_for_segment(struct demo *d)
{
	int64_t began = env_boot(d->env);
	struct error error = {0};
	while (!setup_stop && demo_elapsed_ms(d->env, began) < SEAL_WAIT_MS &&
		   demo_get_status(&d->view, &d->status, &error) &&
		   (!d->status.segments || d->status.rows_unsealed > d->status.rows / 2))
		demo_nap(100);
}

/* ---- telling ---- */

static void tell_intake(const struct demo *d)
{
	uint64_t sent = d->devices.sent;
	printf("\n%llu events sent by %u devices (%llu over TCP), %llu received", (unsigned long long)sent, d->devices.used,
		   (unsigned long long)d->devices.sent_tcp, (unsigned long long)d->status.received);
	if (d->status.received < sent)
		printf("; %llu UDP datagrams did not get through, %llu of them counted by the kernel and recorded as gaps",
			   (unsigned long long)(sent - d->status.received), (unsigned long long)d->status.dropped);
	printf(".\n\n");
}

static void tell_store(struct demo *d)
{
	wait_for_segment(d);
	const struct demo_status *s = &d->status;
	puts("A sealed segment, as text:\n");
	demo_show_segment(&d->view, 16);
	if (s->bytes_raw && s->bytes_stored)
		printf(
			"\n  %llu rows in %llu segments: %.1f MB of log text kept in %.1f MB with columns and indexes (%.0f %%).\n",
			(unsigned long long)(s->rows - s->rows_unsealed), (unsigned long long)s->segments,
			(double)s->bytes_raw / 1e6, (double)s->bytes_stored / 1e6,
			100.0 * (double)s->bytes_stored / (double)s->bytes_raw);
	putchar('\n');
}

static void tell_next(const struct demo *d, bool kept)
{
	const char *p = d->run.program;
	if (kept)
		printf("The data is in %s (with the configuration and the diagnostics). Look further:\n"
			   "  %s incidents list --data %s\n  %s search --data %s 'failed password'\n  %s fsck --data %s\n\n",
			   d->run.data, p, d->view.data, p, d->view.data, p, d->view.data);
	printf(
		"Your own logs:\n"
		"  %s run                                      listens on 127.0.0.1:5514, UDP and TCP; data in ./cresset-data\n"
		"  logger -n 127.0.0.1 -P 5514 'failed to open the valve'\n"
		"  rsyslog, in /etc/rsyslog.d/cresset.conf:     *.* @@127.0.0.1:5514\n"
		"  %s import /var/log/auth.log                 files of the past\n"
		"Your own rules (Sigma, YARA): %s run --rules %s/sigma --rules my-rules/\n"
		"  check them first: %s rules check my-rules/, and rules test my-rules/ for the examples beside them\n",
		p, p, p, setup_library(), p);
	if (!kept)
		printf("%s demo --keep leaves the data of this demo in place.\n", p);
}

static int tell(struct demo *d, bool kept)
{
	bool good = demo_judge(&d->view, false);
	tell_intake(d);
	printf("Incidents found: %u\n\n", d->view.count);
	for (unsigned i = 0; i < d->view.count; i++)
		demo_show_incident(&d->view, &d->view.incidents[i]);
	if (!good) {
		(void)demo_judge(&d->view, true);
		putchar('\n');
	}
	puts("What the address did, by one search:\n");
	demo_show_search(&d->view, "203.0.113.77 | stats count() as events by host.hostname, event.action");
	tell_store(d);
	tell_next(d, kept);
	printf("\n%s  %.0f s in all, ruleset: %s\n",
		   good ? "All planted incidents were found, and nothing else." : "NOT what was planted: see above.",
		   (double)demo_elapsed_ms(d->env, d->began_ns) / 1000, d->status.ruleset);
	return good ? EXIT_OK : EXIT_FINDINGS;
}

/* ---- the verb ---- */

static bool read_number(const struct args *args, enum option_id id, uint64_t low, uint64_t high, uint64_t *out)
{
	if (!option_given(args, id))
		return true;
	if (slice_to_u64(slice_str(args->value[id]), out) && *out >= low && *out <= high)
		return true;
	usage_error(args, "--%s is a number from %llu to %llu, not '%s'", options[id].name, (unsigned long long)low,
				(unsigned long long)high, args->value[id]);
	return false;
}

/* bus.bootstrap of -c, else $CRESSET_BOOTSTRAP. */
static bool find_broker(const struct args *args, const char **bootstrap)
{
	static struct config config;
	struct setup_told told = {0};
	struct error error = {0};
	const char *bus = args->value[OPTION_BUS];
	bool kafka = bus && strcmp(bus, "kafka") == 0;
	if (!kafka && option_given(args, OPTION_CONFIG))
		return usage_error(args,
						   "-c belongs to --bus kafka and names the broker; the demo writes its own configuration"),
			   false;
	if (!kafka)
		return true;
	*bootstrap = getenv("CRESSET_BOOTSTRAP");
	if (option_given(args, OPTION_CONFIG)) {
		if (config_defaults(&config, setup_env(), &error) ||
			config_read(&config, args->value[OPTION_CONFIG], setup_tell, &told, &error))
			return told.errors ? false : (setup_fail(args, &error), false);
		*bootstrap = config.bootstrap;
	}
	if (!*bootstrap || !**bootstrap)
		return usage_error(args,
						   "--bus kafka needs a broker: bus.bootstrap of a configuration (-c) or CRESSET_BOOTSTRAP"),
			   false;
	return true;
}

static int prepare(struct demo *d, const struct args *args)
{
	*d = (struct demo){.args = args, .env = setup_env(), .rate = RATE, .seed = 1, .terminal = isatty(2)};
	const char *bootstrap = NULL;
	if (!find_broker(args, &bootstrap))
		return EXIT_USAGE;
	if (!read_number(args, OPTION_RATE, 1, RATE_MAX, &d->rate) ||
		!read_number(args, OPTION_SEED, 0, UINT64_MAX, &d->seed))
		return EXIT_USAGE;
	int code = demo_run_folder(&d->run, d->env, args->value[OPTION_DATA]);
	d->view = (struct demo_view){.env = d->env, .color = setup_color(args, 1)};
	demo_run_plan(&d->run, bootstrap, &d->view);
	d->traffic = traffic_new(d->env, d->seed, SOURCES);
	buffer_init(&d->line, d->env);
	d->began_ns = env_boot(d->env);
	return !code && !d->traffic ? EXIT_STORAGE : code;
}

static int play(struct demo *d, bool kept)
{
	fprintf(stderr, "A small utility of %d devices, an intrusion in %u steps by 203.0.113.77. Data in %s\n",
			SOURCES + 5, story_step_count, d->run.data);
	int code = demo_run_start(&d->run, &d->view);
	demo_devices_init(&d->devices, d->env, d->run.port);
	if (!code)
		fprintf(stderr, "  syslog is taken on 127.0.0.1 port %u%s%s\n", d->run.port,
				d->run.bootstrap ? ", over Kafka at " : "", d->run.bootstrap ? d->run.bootstrap : "");
	if (!code)
		code = connect_story(d);
	if (!code)
		code = send_story(d);
	if (!code)
		code = wait_for_incidents(d);
	if (!code)
		code = tell(d, kept);
	fflush(stdout);
	demo_devices_close(&d->devices);
	return code;
}

int verb_demo(const struct args *args)
{
	static struct demo d;
	setup_signals();
	int code = prepare(&d, args);
	bool kept = option_given(args, OPTION_DATA) || option_given(args, OPTION_KEEP);
	if (!code) {
		code = play(&d, kept);
		int stopped = demo_run_stop(&d.run);
		code = stopped > code ? stopped : code;
	}
	if (!kept)
		demo_run_remove(&d.run);
	traffic_free(d.traffic);
	buffer_free(&d.line);
	return code;
}
