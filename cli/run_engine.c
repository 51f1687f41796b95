/* The engine process: steps the engine and answers the control socket. */
#include "cli/control.h"
#include "cli/run.h"
#include "cli/setup.h"

#include <stdio.h>
#include <unistd.h>

#define IDLE_WAIT_MS 20

void run_status_ingest(void *ctx, struct json_writer *w)
{
	const struct run_shared *s = ((struct run *)ctx)->shared;
	if (!s)
		return;
	json_key(w, "ingest");
	json_object(w);
#define MEMBER(name) \
	json_key(w, #name), \
		json_u64(w, atomic_load_explicit(&((struct run_shared *)(uintptr_t)s)->name, memory_order_relaxed))
	MEMBER(received);
	MEMBER(stored);
	MEMBER(truncated);
	MEMBER(dropped);
	MEMBER(quarantined);
	MEMBER(gaps);
	MEMBER(bytes);
	MEMBER(connections);
	MEMBER(connections_refused);
	MEMBER(header_invalid);
	MEMBER(undecoded);
	MEMBER(files);
	MEMBER(blocked);
	MEMBER(ingest_restarts);
	MEMBER(engine_restarts);
#undef MEMBER
	json_object_end(w);
}

static struct engine_config engine_config_of(struct run *run, uint64_t epoch, unsigned duties, bool special)
{
	const struct config *c = &run->config;
	struct engine_config e = {.data = run->data,
							  .epoch = epoch,
							  .duties = duties,
							  .special = special,
							  .ruleset = duties & (DUTY_DETECT | DUTY_TEMPORAL) ? run->ruleset : NULL,
							  .shadow = duties & DUTY_DETECT ? run->shadow : NULL,
							  .own_events = c->own_events.ids,
							  .own_events_count = c->own_events.count,
							  .own_matches = c->own_matches.ids,
							  .own_matches_count = c->own_matches.count,
							  .own_incidents = c->own_incidents.ids,
							  .own_incidents_count = c->own_incidents.count,
							  .store_name = c->store_name,
							  .zstd_level = c->zstd_level,
							  .segment_rows = c->segment_rows,
							  .segment_age_s = c->segment_age_s,
							  .verify_read_back = c->verify_read_back};
	memcpy(e.uuid, run->uuid, 16);
	memcpy(e.partitions, c->partitions, sizeof e.partitions);
	return e;
}

static void say_blocked(const struct engine *e, bool *told)
{
	if (e->blocked && !*told)
		fprintf(stderr, "cresset: waiting: %s\n", e->blocked_text);
	else if (!e->blocked && *told)
		fprintf(stderr, "cresset: going on\n");
	*told = e->blocked;
}

static int loop(struct engine *e, struct control *control, struct error *error)
{
	struct pollfd fds[CONTROL_CLIENTS + 1];
	bool told = false;
	while (!setup_stop && !setup_hand_over) {
		int busy = engine_step(e, error);
		if (busy < 0)
			return busy;
		say_blocked(e, &told);
		bool more = control_step(control);
		if (!busy && !more)
			(void)poll(fds, control_poll(control, fds), IDLE_WAIT_MS);
	}
	return 0;
}

int run_engine(struct run *run, struct bus *bus, uint64_t epoch, unsigned duties, bool special)
{
	static struct engine e;
	static struct control control;
	struct error error = {0};
	char path[4200];
	struct engine_config config = engine_config_of(run, epoch, duties, special);
	int result = engine_open(&e, run->env, &config, bus, &error);
	if (result)
		return setup_fail(run->args, &error);
	struct request_host host = {.engine = &e,
								.env = run->env,
								.decoders = run->decoders,
								.defaults = &run->config.defaults,
								.ruleset_text = run->ruleset_text,
								.started_ns = env_now(run->env),
								.status = run_status_ingest,
								.ctx = run};
	snprintf(path, sizeof path, "%s/control.sock", run->data);
	result = control_open(&control, run->env, &host, path, &error);
	if (!result) {
		if (run->shared)
			atomic_store(&run->shared->engine_ready_ns, env_now(run->env));
		result = loop(&e, &control, &error);
		control_close(&control);
	}
	if (!result)
		result = setup_hand_over ? engine_settle(&e, &error) : engine_drain(&e, false, &error);
	(void)unlink(path);
	int code = result < 0 ? setup_fail(run->args, &error) : EXIT_OK;
	engine_close(&e);
	return code;
}
