#include "cli/ask.h"

#include "cli/control.h"
#include "cli/data.h"
#include "cli/run.h"
#include "cli/setup.h"

#include <stdio.h>
#include <unistd.h>

#define OWNER_WAIT_MS 10000
#define OWNER_NAP_MS 50

const char *ask_data(const struct args *args)
{
	static char data[4096];
	struct config config;
	struct error error = {0};
	if (option_given(args, OPTION_DATA))
		return args->value[OPTION_DATA];
	if (!option_given(args, OPTION_CONFIG))
		return "./cresset-data";
	int result = config_defaults(&config, setup_env(), &error);
	if (!result)
		result = config_read(&config, args->value[OPTION_CONFIG], NULL, NULL, &error);
	if (!result)
		snprintf(data, sizeof data, "%s", config.data);
	else
		(void)setup_fail(args, &error);
	config_free(&config);
	return result ? NULL : data;
}

#define NOBODY_THERE (-1)

/* An exit code, or NOBODY_THERE: no one listens. */
static int over_socket(const struct args *args, struct ask *ask)
{
	char path[4200];
	struct error error = {0};
	snprintf(path, sizeof path, "%s/control.sock", ask->data);
	if (control_ask(path, ask->request, ask->fd, ask->line, ask->ctx, &ask->end, &error) == 0)
		return EXIT_OK;
	return error.code == ERROR_NOT_FOUND ? NOBODY_THERE : setup_fail(args, &error);
}

/* Whole lines to the caller; the end line is kept. */
static int deliver(struct ask *ask, struct buffer *out, bool *ended)
{
	size_t at = 0, stop;
	int result = 0;
	while (!result && (stop = slice_find_octet(buffer_slice(out), '\n', at)) != SIZE_MAX) {
		struct slice line = slice_of(out->ptr + at, stop - at);
		at = stop + 1;
		if (slice_starts(line, SLICE("{\"end\":"))) {
			buffer_add_slice(&ask->end, line);
			*ended = true;
		} else {
			result = ask->line(ask->ctx, line);
		}
	}
	buffer_reset(out);
	return result;
}

static int answer(struct engine *e, struct request *r, struct ask *ask, struct error *error)
{
	struct buffer out;
	bool ended = false;
	int result = 0;
	buffer_init(&out, setup_env());
	while (!ended && result >= 0 && !setup_stop) {
		int state = request_step(r, &out);
		result = deliver(ask, &out, &ended);
		if (result > 0)
			break; /* the reader of our output went away */
		if (!result && state != REQUEST_DONE) {
			result = engine_step(e, error);
			if (result == 0 && state == REQUEST_WAITING)
				usleep(2000);
			/* An import fills the bus: its batches need not wait for the timer. */
			if (result >= 0 && state == REQUEST_WAITING)
				result = bus_step(e->bus, true, error);
		}
	}
	buffer_free(&out);
	return result < 0 ? result : 0;
}

static int with_engine(struct run *run, struct data *data, struct ask *ask, struct engine *e, struct bus *bus,
					   struct error *error)
{
	uint64_t epoch;
	int result = data_epoch(data, &epoch, error);
	if (result)
		return result;
	struct engine_config config = {.data = run->data,
								   .epoch = epoch,
								   .duties = DUTY_STORE,
								   .special = true,
								   .store_name = run->config.store_name,
								   .zstd_level = run->config.zstd_level,
								   .segment_rows = run->config.segment_rows,
								   .segment_age_s = run->config.segment_age_s,
								   .verify_read_back = run->config.verify_read_back};
	memcpy(config.uuid, data->uuid, 16);
	memcpy(config.partitions, run->config.partitions, sizeof config.partitions);
	result = engine_open(e, run->env, &config, bus, error);
	if (result)
		return result;
	result = engine_drain(e, false, error); /* what the log has and the store not yet */
	struct request_host host = {.engine = e,
								.env = run->env,
								.decoders = run->decoders,
								.defaults = &run->config.defaults,
								.started_ns = env_now(run->env)};
	char who[64];
	snprintf(who, sizeof who, "uid %u pid %d", getuid(), getpid());
	struct request *r = result ? NULL : request_new(&host, ask->request, ask->fd >= 0 ? dup(ask->fd) : -1, who);
	if (!result)
		result = r ? answer(e, r, ask, error) : error_set(error, ERROR_MEMORY, "no memory for the request");
	request_free(r);
	if (!result)
		result = engine_drain(e, false, error);
	engine_close(e);
	return result;
}

/* Everything on the bus may be written by this one process: it is the owner. */
static int open_bus(struct run *run, struct bus **bus, struct error *error)
{
	static char dir[4200];
	uint64_t cut;
	struct bus_local_config b = run_local_config(run, dir, sizeof dir);
	b.write_topics = (1u << TOPIC_COUNT) - 1;
	b.write_events_special = true;
	int result = bus_local_recover(run->env, &b, &cut, error);
	return result ? result : bus_local_open(run->env, &b, bus, error);
}

/* The folder of a stage over Kafka has no log: what it has not sealed, and the incidents, are on the brokers. */
static int refuse_stage(const struct run *run, struct error *error)
{
	char log[4200], owner[4200];
	snprintf(log, sizeof log, "%s/log", run->data);
	snprintf(owner, sizeof owner, "%s/owner.log", run->data);
	if (access(log, F_OK) == 0 || access(owner, F_OK) != 0)
		return 0;
	return error_set(error, ERROR_USAGE,
					 "%s belongs to a stage over Kafka, which does not run now: it answers when it does", run->data);
}

static int in_process(const struct args *args, struct ask *ask)
{
	static struct run run;
	static struct engine engine;
	static struct data data = {.lock_fd = -1};
	struct error error = {0};
	struct setup_told told = {.quiet = true};
	struct bus *bus = NULL;
	run = (struct run){.env = setup_env(), .args = args};
	int result = config_defaults(&run.config, run.env, &error);
	if (!result && option_given(args, OPTION_CONFIG))
		result = config_read(&run.config, args->value[OPTION_CONFIG], setup_tell, &told, &error);
	snprintf(run.data, sizeof run.data, "%s", ask->data);
	bool import = strcmp(args->verb->name, "import") == 0;
	if (!result && import)
		result = run.config.decoders && !option_given(args, OPTION_DECODERS)
					 ? decoders_load(run.env, run.config.decoders, run.config.decoder_count, setup_tell, &told,
									 &run.decoders, &error)
					 : setup_decoders(args, &told, &run.decoders, &error);
	if (!result)
		result = refuse_stage(&run, &error);
	if (!result)
		result = data_own(&data, run.env, run.data, import, &error);
	bool busy = result == -ERROR_BUSY;
	if (!result)
		result = open_bus(&run, &bus, &error);
	if (!result)
		result = with_engine(&run, &data, ask, &engine, bus, &error);
	bus_close(bus);
	data_release(&data);
	run_release(&run);
	if (busy)
		return NOBODY_THERE; /* another verb took the lock between our look and our try */
	return result < 0 ? setup_fail(args, &error) : EXIT_OK;
}

/* The lock may be held by an owner that is just starting, or for a moment by another verb that answers by itself: whoever
 * holds it is looked for anew each time. */
static int ask_whoever(const struct args *args, struct ask *ask)
{
	long pid = 0;
	for (int waited = 0; waited <= OWNER_WAIT_MS && !setup_stop; waited += OWNER_NAP_MS) {
		int code = data_owned(setup_env(), ask->data, &pid) ? over_socket(args, ask) : in_process(args, ask);
		if (code != NOBODY_THERE)
			return code;
		usleep(OWNER_NAP_MS * 1000);
	}
	if (setup_stop)
		return EXIT_OK;
	fprintf(stderr,
			"cresset %s: the data directory %s is owned by process %ld, which does not answer on its control socket\n",
			args->verb->name, ask->data, pid);
	return EXIT_USAGE;
}

int ask_owner(const struct args *args, struct ask *ask)
{
	buffer_init(&ask->end, setup_env());
	if (!ask->data)
		return EXIT_USAGE;
	int code = ask_whoever(args, ask);
	if (code || !ask->end.len)
		return code;
	struct arena arena;
	arena_init(&arena, setup_env(), 0);
	const struct json_node *end = json_member(json_tree(&arena, buffer_slice(&ask->end)), "end");
	const char *text = json_member_str(end, "error", NULL);
	if (text)
		fprintf(stderr, "cresset %s: %s\n", args->verb->name, text);
	code = (int)json_member_i64(end, "code", EXIT_STORAGE);
	arena_free(&arena);
	return code;
}
