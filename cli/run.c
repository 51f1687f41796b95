/* cresset run: preparation and the supervisor. */
#include "cli/run.h"
#include "cli/data.h"
#include "cli/setup.h"
#include "cli/verbs.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BACKOFF_MAX_S 30
#define EARLY_BYTES (16u << 10) /* a record that is worth a write of its own, instead of a copy */
#define HAND_OVER_S 30 /* for an engine to commit and end */
#define CALM_S 60 /* a child that lived this long starts again at 1 s */

/* ---- preparation, shared with the stages ---- */

static int load_config(struct run *run, const struct args *args)
{
	struct error error = {0};
	struct setup_told told = {0};
	int result = config_defaults(&run->config, run->env, &error);
	if (!result && option_given(args, OPTION_CONFIG)) {
		result = config_read(&run->config, args->value[OPTION_CONFIG], setup_tell, &told, &error);
		if (result && told.errors)
			return EXIT_USAGE;
	}
	return result ? setup_fail(args, &error) : EXIT_OK;
}

static int apply_args(struct run *run, const struct args *args)
{
	struct config *c = &run->config;
	struct error error = {0};
	if (option_given(args, OPTION_DATA))
		c->data = args->value[OPTION_DATA];
	if (option_given(args, OPTION_SYSLOG)) {
		c->inputs[0] = (struct config_input){.udp = true, .tcp = true};
		c->input_count = 1;
		if (config_address(c, slice_str(args->value[OPTION_SYSLOG]), &c->inputs[0].address, &c->inputs[0].port, &error))
			return setup_fail(args, &error);
	}
	if (args->rule_count) {
		c->rules = (const char **)(uintptr_t)args->rules;
		c->rule_count = args->rule_count;
	}
	if (args->pipeline_count) {
		c->pipelines = (const char **)(uintptr_t)args->pipelines;
		c->pipeline_count = args->pipeline_count;
	}
	if (c->input_count > sizeof run->inputs / sizeof *run->inputs)
		return usage_error(args, "at most %zu inputs", sizeof run->inputs / sizeof *run->inputs);
	snprintf(run->data, sizeof run->data, "%s", c->data);
	return EXIT_OK;
}

static int load_decoders(struct run *run, const struct args *args)
{
	struct setup_told told = {0};
	struct error error = {0};
	const struct config *c = &run->config;
	int result = c->decoders && !option_given(args, OPTION_DECODERS)
					 ? decoders_load(run->env, c->decoders, c->decoder_count, setup_tell, &told, &run->decoders, &error)
					 : setup_decoders(args, &told, &run->decoders, &error);
	return result ? setup_fail(args, &error) : EXIT_OK;
}

int run_prepare(struct run *run, const struct args *args, bool stage)
{
	*run = (struct run){.env = setup_env(), .args = args};
	int code = load_config(run, args);
	if (!code)
		code = apply_args(run, args);
	if (!code && run->config.bus_kafka != stage)
		code = usage_error(args,
						   stage ? "a stage needs bus.kind kafka in its configuration"
								 : "'run' is for the local bus; on Kafka start collect, detect, correlate and store");
	if (!code)
		code = load_decoders(run, args);
	if (!code)
		code = run_load_rules(run, args, false);
	return code;
}

void run_release(struct run *run)
{
	if (run->decoders)
		decoders_free(run->decoders);
	if (run->ruleset)
		ruleset_release(run->ruleset);
	if (run->shadow)
		ruleset_release(run->shadow);
	if (run->has_reread)
		config_free(&run->reread);
	config_free(&run->config);
}

/* ---- the local bus ---- */

struct bus_local_config run_local_config(const struct run *run, char *dir, size_t size)
{
	const struct config *c = &run->config;
	struct bus_local_config b = {.dir = dir,
								 .file_bytes = c->log_file_bytes,
								 .max_bytes = c->bus_max_bytes,
								 .keep_bytes = c->bus_keep_bytes,
								 .sync_ms = c->sync_ms};
	snprintf(dir, size, "%s/log", run->data);
	memcpy(b.partitions, c->partitions, sizeof b.partitions);
	return b;
}

static void writer_of(struct bus_local_config *b, bool ingest)
{
	b->write_topics = ingest ? 1u << TOPIC_EVENTS : 1u << TOPIC_MATCHES | 1u << TOPIC_INCIDENTS | 1u << TOPIC_CONTROL;
	b->write_events_special = !ingest;
}

/* Where in a file a batch ends has to be on the medium before the batch is (run_follow_before). */
static bool follows_files(const struct config *c)
{
	for (uint32_t i = 0; i < c->input_count; i++)
		if (c->inputs[i].file)
			return true;
	return false;
}

int run_open_local(struct run *run, bool ingest, struct bus **out, struct error *error)
{
	static char dir[4200];
	struct bus_local_config b = run_local_config(run, dir, sizeof dir);
	writer_of(&b, ingest);
	b.early_bytes = ingest && follows_files(&run->config) ? 0 : EARLY_BYTES;
	return bus_local_open(run->env, &b, out, error);
}

static int recover_part(struct run *run, bool ingest, struct error *error)
{
	static char dir[4200];
	uint64_t cut = 0;
	struct bus_local_config b = run_local_config(run, dir, sizeof dir);
	writer_of(&b, ingest);
	int result = bus_local_recover(run->env, &b, &cut, error);
	if (!result && cut)
		fprintf(stderr, "cresset: recovery cut %llu octets that were never synced from the end of the log\n",
				(unsigned long long)cut);
	return result;
}

/* ---- children ---- */

enum role {
	ROLE_INGEST,
	ROLE_ENGINE,
	ROLE_SEAL,
	ROLE_COUNT
};

static const char *const role_names[] = {"ingest", "engine", "seal"};

struct child {
	pid_t pid; /* 0: not running */
	int64_t started_ns; /* boot time */
	int64_t restart_ns; /* when to start again; 0: not waiting */
	unsigned backoff_s;
};

struct supervisor {
	struct run *run;
	struct data data;
	struct child children[ROLE_COUNT];
	int code;
};

static int child_main(struct supervisor *s, enum role role, uint64_t epoch)
{
	struct error error = {0};
	struct bus *bus;
	if (role == ROLE_SEAL) {
		while (!setup_stop)
			pause();
		return EXIT_OK;
	}
	if (role != ROLE_INGEST)
		sockets_close(s->run->inputs, s->run->config.input_count);
	if (run_open_local(s->run, role == ROLE_INGEST, &bus, &error))
		return setup_fail(s->run->args, &error);
	int code = role == ROLE_INGEST ? run_ingest(s->run, bus, epoch) : run_engine(s->run, bus, epoch, DUTY_ALL, true);
	bus_close(bus);
	return code;
}

static int start_child(struct supervisor *s, enum role role, struct error *error)
{
	struct child *c = &s->children[role];
	uint64_t epoch = 0;
	int result = role == ROLE_SEAL ? 0 : data_epoch(&s->data, &epoch, error);
	if (!result && role != ROLE_SEAL)
		result = recover_part(s->run, role == ROLE_INGEST, error);
	if (result)
		return result;
	if (role == ROLE_ENGINE) {
		atomic_store(&s->run->shared->engine_unfinished, true); /* both until it knows better */
		atomic_store(&s->run->shared->engine_retiring, true);
	}
	pid_t parent = getpid(), pid = fork();
	if (pid < 0)
		return error_io(error, -errno, "cannot start the %s process", role_names[role]);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody would restart or drain us */
		(void)prctl(PR_SET_NAME, role == ROLE_INGEST   ? "cresset-ingest"
								 : role == ROLE_ENGINE ? "cresset-engine"
													   : "cresset-seal");
		(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (getppid() != parent)
			_exit(EXIT_OK);
		_exit(child_main(s, role, epoch));
	}
	*c = (struct child){.pid = pid, .started_ns = env_boot(s->run->env), .backoff_s = c->backoff_s};
	return 0;
}

static void note_restart(struct supervisor *s, enum role role)
{
	if (role == ROLE_INGEST)
		atomic_fetch_add(&s->run->shared->ingest_restarts, 1);
	else if (role == ROLE_ENGINE)
		atomic_fetch_add(&s->run->shared->engine_restarts, 1);
}

static bool wants_again(enum role role, int status)
{
	return role == ROLE_ENGINE && WIFEXITED(status) && WEXITSTATUS(status) == RUN_AGAIN;
}

/* Rules of before that kill the engine must not hold it for ever: find_unfinished and run_find_retiring give them up. */
static void note_unfinished(struct run *run, enum role role, int status, bool early)
{
	if (role != ROLE_ENGINE)
		return;
	bool died = atomic_load(&run->shared->engine_unfinished) && !wants_again(role, status);
	run->unfinished_deaths = died ? run->unfinished_deaths + 1 : 0;
	bool beside = atomic_load(&run->shared->engine_retiring) && early && !wants_again(role, status);
	run->retiring_deaths = beside ? run->retiring_deaths + 1 : 0;
}

static void child_died(struct supervisor *s, enum role role, int status)
{
	struct child *c = &s->children[role];
	int64_t now = env_boot(s->run->env);
	c->pid = 0;
	note_unfinished(s->run, role, status, now - c->started_ns < CALM_S * NS_PER_S);
	if (wants_again(role, status)) {
		c->restart_ns = now;
		return;
	}
	if (now - c->started_ns > CALM_S * NS_PER_S || c->backoff_s == 0)
		c->backoff_s = 1;
	else if (c->backoff_s * 2 <= BACKOFF_MAX_S)
		c->backoff_s *= 2;
	else
		c->backoff_s = BACKOFF_MAX_S;
	c->restart_ns = now + c->backoff_s * NS_PER_S;
	note_restart(s, role);
	if (WIFSIGNALED(status))
		fprintf(stderr, "cresset: the %s process was ended by signal %d; it starts again in %u s\n", role_names[role],
				WTERMSIG(status), c->backoff_s);
	else
		fprintf(stderr, "cresset: the %s process ended with code %d; it starts again in %u s\n", role_names[role],
				WEXITSTATUS(status), c->backoff_s);
}

static void reap(struct supervisor *s)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (int role = 0; role < ROLE_COUNT; role++)
			if (s->children[role].pid == pid)
				child_died(s, (enum role)role, status);
}

static void restart_due(struct supervisor *s)
{
	int64_t now = env_boot(s->run->env);
	for (int role = 0; role < ROLE_COUNT; role++) {
		struct child *c = &s->children[role];
		struct error error = {0};
		if (c->pid || !c->restart_ns || now < c->restart_ns)
			continue;
		if (start_child(s, (enum role)role, &error) == 0)
			continue;
		setup_fail(s->run->args, &error);
		c->restart_ns = now + BACKOFF_MAX_S * NS_PER_S;
	}
}

/* ---- other rules ---- */

/* The engine judges nothing more, commits and goes; what comes in meanwhile waits in the log. */
static void end_engine(struct supervisor *s)
{
	struct child *c = &s->children[ROLE_ENGINE];
	int64_t until = env_boot(s->run->env) + HAND_OVER_S * NS_PER_S;
	int status;
	if (!c->pid)
		return;
	kill(c->pid, SIGUSR1);
	while (waitpid(c->pid, &status, WNOHANG) == 0) {
		struct timespec nap = {.tv_nsec = 5 * 1000 * 1000};
		if (env_boot(s->run->env) > until) {
			fprintf(stderr, "cresset: the engine did not end within %d s and is killed; its last commit counts\n",
					HAND_OVER_S);
			kill(c->pid, SIGKILL);
			until = INT64_MAX;
		}
		nanosleep(&nap, NULL);
	}
	*c = (struct child){0};
}

static void reload(struct supervisor *s)
{
	struct error error = {0};
	setup_hup = 0;
	int result = run_reload_rules(s->run, s->run->args);
	if (result == 0)
		return;
	end_engine(s);
	s->run->retiring_deaths = 0; /* of others */
	if (start_child(s, ROLE_ENGINE, &error)) {
		setup_fail(s->run->args, &error);
		s->children[ROLE_ENGINE].restart_ns = env_boot(s->run->env) + NS_PER_S;
	}
	fprintf(stderr, "cresset: the new rules are in force: %s\n", s->run->ruleset_text);
}

static void watch(struct supervisor *s)
{
	while (!setup_stop) {
		struct timespec nap = {.tv_nsec = 100 * 1000 * 1000};
		reap(s);
		if (setup_hup)
			reload(s);
		restart_due(s);
		nanosleep(&nap, NULL);
	}
}

/* ingest first, so that the engine can read to the end of what it wrote. */
static void stop_children(struct supervisor *s)
{
	static const enum role order[] = {ROLE_INGEST, ROLE_ENGINE, ROLE_SEAL};
	for (int i = 0; i < ROLE_COUNT; i++) {
		struct child *c = &s->children[order[i]];
		int status = 0;
		if (!c->pid)
			continue;
		kill(c->pid, SIGTERM);
		while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
			;
		c->pid = 0;
		int code = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_STORAGE;
		if (!wants_again(order[i], status) && code > s->code)
			s->code = code;
	}
}

static void banner(const struct run *run)
{
	const struct config_input *in = &run->config.inputs[0];
	fprintf(stderr, "cresset %s: %s; data in %s\n", CRESSET_VERSION, run->ruleset_text, run->data);
	bool sockets = false;
	for (uint32_t i = 0; i < run->config.input_count; i++, in++) {
		sockets |= !in->file;
		if (in->file)
			fprintf(stderr, "  following %s\n", in->file);
		else
			fprintf(stderr, "  syslog on %.*s port %u (%s%s%s)\n", SLICE_PRINT(in->address), in->port,
					in->udp ? "UDP" : "", in->udp && in->tcp ? ", " : "", in->tcp ? "TCP" : "");
	}
	in = &run->config.inputs[0];
	if (sockets && !run->config.file)
		fprintf(stderr, "  only this machine can reach it: --syslog 0.0.0.0:%u opens it to the network\n", in->port);
	fprintf(stderr,
			"  try: cresset search --data %s 'failed'    cresset incidents list --data %s    stop with Ctrl-C\n",
			run->data, run->data);
}

static bool somebody_listens(const struct run *run)
{
	char path[4200];
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(path, sizeof path, "%s/control.sock", run->data);
	if (strlen(path) >= sizeof address.sun_path)
		return false;
	memcpy(address.sun_path, path, strlen(path) + 1);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool yes = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
	if (fd >= 0)
		close(fd);
	return yes;
}

/* A verb that answers by itself holds the lock for a moment, and so do the processes of an owner that was just killed. One
 * that still answers after 2 s is a real one. */
static int own_data(struct supervisor *s, struct error *error)
{
	int result = data_own(&s->data, s->run->env, s->run->data, true, error);
	for (int tries = 0; result == -ERROR_BUSY && tries < 100 && !setup_stop; tries++) {
		if (tries >= 20 && somebody_listens(s->run))
			break;
		usleep(100 * 1000);
		result = data_own(&s->data, s->run->env, s->run->data, true, error);
	}
	return result;
}

static int supervise(struct supervisor *s, struct error *error)
{
	struct run *run = s->run;
	int result = sockets_bind(&run->config, run->inputs, error);
	if (!result)
		result = own_data(s, error);
	if (result)
		return result;
	memcpy(run->uuid, s->data.uuid, 16);
	result = run_keep_rules(run, error);
	if (!result)
		result = recover_part(run, true, error); /* all of the log, before anybody reads it */
	if (!result)
		result = recover_part(run, false, error);
	for (int role = ROLE_ENGINE; !result && role < ROLE_COUNT; role++)
		result = start_child(s, (enum role)role, error);
	if (!result)
		result = start_child(s, ROLE_INGEST, error);
	if (!result) {
		banner(run);
		watch(s);
	}
	stop_children(s);
	data_release(&s->data);
	return result;
}

int verb_run(const struct args *args)
{
	static struct run run;
	static struct supervisor s;
	struct error error = {0};
	setup_signals();
	setup_reloads();
	int code = run_prepare(&run, args, false);
	if (code) {
		run_release(&run);
		return code;
	}
	run.shared = mmap(NULL, sizeof *run.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(run.shared != MAP_FAILED);
	s = (struct supervisor){.run = &run, .data = {.lock_fd = -1}};
	int result = supervise(&s, &error);
	sockets_close(run.inputs, run.config.input_count);
	run_release(&run);
	return result ? setup_fail(args, &error) : s.code;
}
