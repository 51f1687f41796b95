/* cresset demo: an intrusion in a small utility, sent through real sockets to a `cresset run` of its own, and found. */
#include "cli/demo_devices.h"
#include "cli/demo_show.h"
#include "cli/setup.h"
#include "cli/story.h"
#include "cli/traffic.h"
#include "cli/verbs.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SOURCES 320
#define RATE 3000
#define RATE_MAX 200000
#define START_WAIT_MS 20000
#define FIND_WAIT_MS 20000
#define SEAL_WAIT_MS 12000
#define SETTLE_MS 900
#define QUIET_MS 6000 /* incidents are told at once: what is missing after so long will not come */
#define SEGMENT_AGE_S 5
#define STOP_WAIT_MS 20000

struct demo {
	const struct args *args;
	const struct env *env;
	char data[PATH_MAX / 2], program[PATH_MAX];
	bool made; /* the folder is ours to remove */
	uint64_t rate, seed;
	uint16_t port;
	pid_t child;
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

static void nap(unsigned ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
	nanosleep(&t, NULL);
}

static int64_t elapsed_ms(const struct demo *d, int64_t since)
{
	return (env_boot(d->env) - since) / NS_PER_MS;
}

static int fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int fail(const char *format, ...)
{
	va_list ap;
	fputs("cresset demo: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	return EXIT_USAGE;
}

/* ---- the folder ---- */

static bool is_empty(const char *path)
{
	DIR *dir = opendir(path);
	bool empty = true;
	for (struct dirent *e; dir && (e = readdir(dir));)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			empty = false;
	if (dir)
		closedir(dir);
	return empty;
}

static int make_folder(struct demo *d)
{
	const char *given = d->args->value[OPTION_DATA];
	if (!given) {
		snprintf(d->data, sizeof d->data, "/tmp/cresset-demo.XXXXXX");
		d->made = mkdtemp(d->data) != NULL;
		return d->made ? 0 : fail("cannot make a folder under /tmp: %s", strerror(errno));
	}
	if (snprintf(d->data, sizeof d->data, "%s", given) > 80)
		return fail("the path of --data is too long for a socket in it (80 octets)");
	if (mkdir(given, 0700) && errno != EEXIST)
		return fail("cannot make %s: %s", given, strerror(errno));
	return is_empty(given)
			   ? 0
			   : fail("%s is not empty: the demo counts what it finds and begins with an empty store", given);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static int free_port(uint16_t *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	for (int attempt = 0; attempt < 50; attempt++) {
		socklen_t len = sizeof a;
		int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		a.sin_port = 0;
		bool good = tcp >= 0 && udp >= 0 && bind(tcp, (struct sockaddr *)&a, sizeof a) == 0 &&
					getsockname(tcp, (struct sockaddr *)&a, &len) == 0 &&
					bind(udp, (struct sockaddr *)&a, sizeof a) == 0;
		*port = ntohs(a.sin_port);
		close(tcp);
		close(udp);
		if (good)
			return 0;
	}
	return fail("no free port on 127.0.0.1");
}

/* A JSON text is a YAML document. */
static int write_configuration(const struct demo *d, const char *path)
{
	struct buffer b;
	struct json_writer w;
	char address[64];
	snprintf(address, sizeof address, "127.0.0.1:%u", d->port);
	buffer_init(&b, d->env);
	json_writer_init(&w, &b);
	buffer_add_str(&b, "# Written by cresset demo.\ndata: ");
	json_str(&w, d->data);
	buffer_add_format(&b, "\ninputs:\n  - syslog: \"%s\"\n    receive_buffer: 8388608\n", address);
	buffer_add_format(&b, "defaults:\n  timezone: \"+00:00\"\nstore:\n  segment_age_s: %d\n", SEGMENT_AGE_S);
	FILE *f = b.failed ? NULL : fopen(path, "we");
	bool good = f && fwrite(b.ptr, 1, b.len, f) == b.len;
	if (f && fclose(f))
		good = false;
	buffer_free(&b);
	return good ? 0 : fail("cannot write %s", path);
}

/* ---- cresset run ---- */

static void become_run(const struct demo *d, const char *configuration, const char *log)
{
	int out = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (out < 0 || in < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(EXIT_STORAGE);
	(void)setpgid(0, 0); /* Ctrl-C is for the demo, which stops it in order */
	execl("/proc/self/exe", d->program, "run", "-c", configuration, (char *)NULL);
	_exit(EXIT_STORAGE);
}

static void show_log(const struct demo *d)
{
	char path[PATH_MAX], line[1024];
	snprintf(path, sizeof path, "%s/run.log", d->data);
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof line, f))
		fprintf(stderr, "  %s", line);
	if (f)
		fclose(f);
}

static bool child_died(struct demo *d)
{
	int status;
	if (d->child <= 0 || waitpid(d->child, &status, WNOHANG) != d->child)
		return false;
	d->child = 0;
	fail("its `cresset run` ended too early (%s %d):", WIFSIGNALED(status) ? "signal" : "code",
		 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	show_log(d);
	return true;
}

static int start_run(struct demo *d)
{
	char configuration[PATH_MAX], log[PATH_MAX];
	struct error error = {0};
	snprintf(configuration, sizeof configuration, "%s/demo.conf", d->data);
	snprintf(log, sizeof log, "%s/run.log", d->data);
	if (free_port(&d->port) || write_configuration(d, configuration))
		return EXIT_USAGE;
	int64_t began = env_boot(d->env);
	fflush(NULL);
	d->child = fork();
	if (d->child == 0)
		become_run(d, configuration, log);
	if (d->child < 0)
		return fail("cannot start a process: %s", strerror(errno));
	while (!setup_stop && elapsed_ms(d, began) < START_WAIT_MS) {
		if (child_died(d))
			return EXIT_STORAGE;
		if (demo_get_status(&d->view, &d->status, &error))
			return 0;
		nap(25);
	}
	return setup_stop ? EXIT_USAGE : fail("its `cresset run` does not answer: %s", error.text);
}

/* Drains and ends it; its exit code, or EXIT_STORAGE when it had to be killed. */
static int stop_run(struct demo *d)
{
	int status = 0;
	int64_t began = env_boot(d->env);
	if (d->child <= 0)
		return EXIT_OK;
	kill(d->child, SIGTERM);
	while (waitpid(d->child, &status, WNOHANG) == 0) {
		if (elapsed_ms(d, began) > STOP_WAIT_MS) {
			kill(d->child, SIGKILL);
			(void)waitpid(d->child, &status, 0);
			return fail("its `cresset run` did not stop within %d s", STOP_WAIT_MS / 1000), EXIT_STORAGE;
		}
		nap(20);
	}
	d->child = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_STORAGE;
}

/* ---- sending ---- */

/* Steps of the same host come from the same device. */
static unsigned story_device(unsigned step)
{
	unsigned first = 0;
	while (strcmp(story_steps[first].host, story_steps[step].host) != 0)
		first++;
	return SOURCES + first;
}

/* Its devices connect first, which also shows that data is taken. */
static int connect_story(struct demo *d)
{
	int64_t began = env_boot(d->env);
	struct error error = {0};
	unsigned wanted = 0;
	for (unsigned i = 0; i < story_step_count; i++)
		if (!demo_devices_open(&d->devices, story_device(i), story_steps[i].tcp))
			return fail("cannot connect to port %u: %s", d->port, strerror(errno));
	wanted = d->devices.connections;
	while (!setup_stop && elapsed_ms(d, began) < START_WAIT_MS) {
		if (child_died(d))
			return EXIT_STORAGE;
		if (demo_get_status(&d->view, &d->status, &error) && d->status.connections >= wanted)
			return 0;
		nap(25);
	}
	return fail("its `cresset run` takes no data");
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
		now = elapsed_ms(d, began);
		send_ordinary(d, now < STORY_MS ? now : STORY_MS);
		for (unsigned i = 0; i < story_step_count; i++)
			send_step(d, i, now);
		if (child_died(d))
			return EXIT_STORAGE;
		progress(d, now, false);
		nap(3);
	}
	progress(d, now, true);
	if (d->devices.failed)
		return fail("%llu events could not be sent: %s", (unsigned long long)d->devices.failed,
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
	while (!setup_stop && elapsed_ms(d, began) < FIND_WAIT_MS) {
		if (child_died(d))
			return EXIT_STORAGE;
		if (!demo_get_status(&d->view, &d->status, &error) || !demo_get_incidents(&d->view, &error))
			return fail("%s", error.text), EXIT_STORAGE;
		uint64_t seen = d->status.events + d->status.received;
		if (seen != before || d->status.events < d->status.received)
			calm_since = env_boot(d->env);
		before = seen;
		int64_t calm = elapsed_ms(d, calm_since);
		if (calm >= QUIET_MS || (calm >= SETTLE_MS && demo_judge(&d->view, false)))
			return 0;
		nap(100);
	}
	return setup_stop ? EXIT_USAGE : 0;
}

static void wait_for_segment(struct demo *d)
{
	int64_t began = env_boot(d->env);
	struct error error = {0};
	while (!setup_stop && elapsed_ms(d, began) < SEAL_WAIT_MS && demo_get_status(&d->view, &d->status, &error) &&
		   (!d->status.segments || d->status.rows_unsealed > d->status.rows / 2))
		nap(100);
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
	const char *p = d->program;
	if (kept)
		printf("The data is in %s (configuration demo.conf, diagnostics run.log). Look further:\n"
			   "  %s incidents list --data %s\n  %s search --data %s 'failed password'\n  %s fsck --data %s\n\n",
			   d->data, p, d->data, p, d->data, p, d->data);
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
		   (double)elapsed_ms(d, d->began_ns) / 1000, d->status.ruleset);
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

static int prepare(struct demo *d, const struct args *args)
{
	*d = (struct demo){.args = args, .env = setup_env(), .rate = RATE, .seed = 1, .terminal = isatty(2)};
	const char *bus = args->value[OPTION_BUS];
	if (bus && strcmp(bus, "kafka") == 0)
		return usage_error(args, "over Kafka it is not built yet: start collect, detect, correlate and store by hand");
	if (option_given(args, OPTION_CONFIG))
		return usage_error(args, "-c belongs to --bus kafka; the demo writes its own configuration");
	if (!read_number(args, OPTION_RATE, 1, RATE_MAX, &d->rate) ||
		!read_number(args, OPTION_SEED, 0, UINT64_MAX, &d->seed))
		return EXIT_USAGE;
	ssize_t n = readlink("/proc/self/exe", d->program, sizeof d->program - 1);
	d->program[n > 0 ? n : 0] = '\0';
	int code = make_folder(d);
	d->view = (struct demo_view){.env = d->env, .data = d->data, .color = setup_color(args, 1)};
	d->traffic = traffic_new(d->env, d->seed, SOURCES);
	buffer_init(&d->line, d->env);
	d->began_ns = env_boot(d->env);
	return !code && !d->traffic ? EXIT_STORAGE : code;
}

static int play(struct demo *d, bool kept)
{
	fprintf(stderr, "A small utility of %d devices, an intrusion in %u steps by 203.0.113.77. Data in %s\n",
			SOURCES + 5, story_step_count, d->data);
	int code = start_run(d);
	demo_devices_init(&d->devices, d->env, d->port);
	if (!code)
		fprintf(stderr, "  cresset run takes syslog on 127.0.0.1 port %u: %s\n", d->port, d->status.ruleset);
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
		int stopped = stop_run(&d);
		if (stopped) {
			fail("its `cresset run` ended with code %d:", stopped);
			show_log(&d);
		}
		code = stopped > code ? stopped : code;
	}
	if (d.made && !kept)
		(void)nftw(d.data, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	traffic_free(d.traffic);
	buffer_free(&d.line);
	return code;
}
