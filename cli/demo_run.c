#include "cli/demo_run.h"

#include "cli/setup.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SEGMENT_AGE_S 5
#define STOP_WAIT_MS 20000

void demo_nap(unsigned ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
	nanosleep(&t, NULL);
}

int64_t demo_elapsed_ms(const struct env *env, int64_t since_boot_ns)
{
	return (env_boot(env) - since_boot_ns) / NS_PER_MS;
}

int demo_fail(const char *format, ...)
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

int demo_run_folder(struct demo_run *d, const struct env *env, const char *given)
{
	*d = (struct demo_run){.env = env};
	ssize_t n = readlink("/proc/self/exe", d->program, sizeof d->program - 1);
	d->program[n > 0 ? n : 0] = '\0';
	if (!given) {
		snprintf(d->data, sizeof d->data, "/tmp/cresset-demo.XXXXXX");
		d->made = mkdtemp(d->data) != NULL;
		return d->made ? 0 : demo_fail("cannot make a folder under /tmp: %s", strerror(errno));
	}
	if (snprintf(d->data, sizeof d->data, "%s", given) > 80)
		return demo_fail("the path of --data is too long for a socket in it (80 octets)");
	if (mkdir(given, 0700) && errno != EEXIST)
		return demo_fail("cannot make %s: %s", given, strerror(errno));
	return is_empty(given)
			   ? 0
			   : demo_fail("%s is not empty: the demo counts what it finds and begins with an empty store", given);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

void demo_run_remove(struct demo_run *d)
{
	if (d->made)
		(void)nftw(d->data, remove_one, 16, FTW_DEPTH | FTW_PHYS);
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
	return demo_fail("no free port on 127.0.0.1");
}

/* ---- stages ---- */

void demo_run_plan(struct demo_run *d, const char *bootstrap, struct demo_view *view)
{
	static const struct demo_stage local[] = {{.name = "run", .verb = "run"}};
	/* Readers before writers. The store answers for all; status is the sum of what each says. */
	static const struct demo_stage cluster[DEMO_STAGES] = {
		{.name = "store", .verb = "store"},
		{.name = "correlate", .verb = "correlate"},
		{.name = "detect-a", .verb = "detect", .own = "{events: 0-1}"},
		{.name = "detect-b", .verb = "detect", .own = "{events: 2-3}"},
		{.name = "collect", .verb = "collect"},
	};
	d->bootstrap = bootstrap;
	d->stage_count = bootstrap ? DEMO_STAGES : 1;
	for (unsigned i = 0; i < d->stage_count; i++) {
		struct demo_stage *s = &d->stages[i];
		*s = bootstrap ? cluster[i] : local[i];
		snprintf(s->folder, sizeof s->folder, bootstrap ? "%s/%s" : "%s", d->data, s->name);
		if (i > 0)
			view->others[i - 1] = s->folder;
	}
	view->data = d->stages[0].folder;
}

static void put_bus(struct buffer *b, struct json_writer *w, const struct demo_run *d, const struct demo_stage *s)
{
	json_writer_init(w, b); /* a value of its own */
	buffer_add_str(b, "bus:\n  kind: kafka\n  bootstrap: ");
	json_str(w, d->bootstrap);
	/* Topics of this demo alone: what another one left is not counted. */
	buffer_add_format(b, "\n  topic_prefix: \"cresset-demo-%d-%u.\"\n", getpid(), d->port);
	if (s->own)
		buffer_add_format(b, "  own: %s\n", s->own);
}

/* A JSON text is a YAML document. */
static int write_configuration(const struct demo_run *d, const struct demo_stage *s, const char *path)
{
	struct buffer b;
	struct json_writer w;
	buffer_init(&b, d->env);
	json_writer_init(&w, &b);
	buffer_add_str(&b, "# Written by cresset demo.\ndata: ");
	json_str(&w, s->folder);
	buffer_add_format(&b, "\ninputs:\n  - syslog: \"127.0.0.1:%u\"\n    receive_buffer: 8388608\n", d->port);
	buffer_add_format(&b, "defaults:\n  timezone: \"+00:00\"\nstore:\n  segment_age_s: %d\n", SEGMENT_AGE_S);
	if (d->bootstrap)
		put_bus(&b, &w, d, s);
	FILE *f = b.failed ? NULL : fopen(path, "we");
	bool good = f && fwrite(b.ptr, 1, b.len, f) == b.len;
	if (f && fclose(f))
		good = false;
	buffer_free(&b);
	return good ? 0 : demo_fail("cannot write %s", path);
}

static void stage_path(const struct demo_run *d, const struct demo_stage *s, const char *kind, char *out, size_t size)
{
	snprintf(out, size, "%s/%s.%s", d->data, s->name, kind);
}

static void become(const struct demo_run *d, const struct demo_stage *s, const char *configuration, const char *log)
{
	int out = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (out < 0 || in < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(EXIT_STORAGE);
	(void)setpgid(0, 0); /* Ctrl-C is for the demo, which stops it in order */
	execl("/proc/self/exe", d->program, s->verb, "-c", configuration, (char *)NULL);
	_exit(EXIT_STORAGE);
}

static void show_log(const struct demo_run *d, const struct demo_stage *s)
{
	char path[PATH_MAX], line[1024];
	stage_path(d, s, "log", path, sizeof path);
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof line, f))
		fprintf(stderr, "  %s", line);
	if (f)
		fclose(f);
}

static int exit_of(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_STORAGE;
}

bool demo_run_died(struct demo_run *d)
{
	int status;
	for (unsigned i = 0; i < d->stage_count; i++) {
		struct demo_stage *s = &d->stages[i];
		if (!s->pid || waitpid(s->pid, &status, WNOHANG) != s->pid)
			continue;
		s->pid = 0;
		demo_fail("its `cresset %s` ended too early (%s %d):", s->verb, WIFSIGNALED(status) ? "signal" : "code",
				  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		show_log(d, s);
		return true;
	}
	return false;
}

static int start_stage(struct demo_run *d, struct demo_stage *s)
{
	char configuration[PATH_MAX], log[PATH_MAX];
	stage_path(d, s, "conf", configuration, sizeof configuration);
	stage_path(d, s, "log", log, sizeof log);
	if (write_configuration(d, s, configuration))
		return EXIT_USAGE;
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		become(d, s, configuration, log);
	if (pid < 0)
		return demo_fail("cannot start a process: %s", strerror(errno));
	s->pid = pid;
	return 0;
}

static int wait_for_answer(struct demo_run *d, const struct demo_stage *s, const struct demo_view *view)
{
	struct demo_view one = {.env = view->env, .data = s->folder};
	struct demo_status status;
	struct error error = {0};
	int64_t began = env_boot(d->env);
	while (!setup_stop && demo_elapsed_ms(d->env, began) < DEMO_START_MS) {
		if (demo_run_died(d))
			return EXIT_STORAGE;
		if (demo_get_status(&one, &status, &error))
			return 0;
		demo_nap(25);
	}
	return setup_stop ? EXIT_USAGE : demo_fail("its `cresset %s` does not answer: %s", s->verb, error.text);
}

int demo_run_start(struct demo_run *d, const struct demo_view *view)
{
	int code = free_port(&d->port);
	for (unsigned i = 0; !code && i < d->stage_count; i++) {
		code = start_stage(d, &d->stages[i]);
		if (!code)
			code = wait_for_answer(d, &d->stages[i], view);
	}
	return code;
}

static int stop_stage(struct demo_run *d, struct demo_stage *s)
{
	int status = 0;
	int64_t began = env_boot(d->env);
	kill(s->pid, SIGTERM);
	while (waitpid(s->pid, &status, WNOHANG) == 0) {
		if (demo_elapsed_ms(d->env, began) > STOP_WAIT_MS) {
			kill(s->pid, SIGKILL);
			(void)waitpid(s->pid, &status, 0);
			demo_fail("its `cresset %s` did not stop within %d s", s->verb, STOP_WAIT_MS / 1000);
			break;
		}
		demo_nap(10);
	}
	s->pid = 0;
	if (exit_of(status)) {
		demo_fail("its `cresset %s` ended with code %d:", s->verb, exit_of(status));
		show_log(d, s);
	}
	return exit_of(status);
}

int demo_run_stop(struct demo_run *d)
{
	int worst = EXIT_OK;
	for (unsigned i = d->stage_count; i-- > 0;) {
		int code = d->stages[i].pid ? stop_stage(d, &d->stages[i]) : EXIT_OK;
		worst = code > worst ? code : worst;
	}
	return worst;
}
