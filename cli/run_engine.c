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
							  .verify_read_back = c->verify_read_back,
							  .yara_budget_ns = c->yara_budget_ns,
							  .window_bytes = c->window_bytes,
							  .spill_bytes = c->spill_bytes};
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

/* ---- what other rules began ---- */

static void say_lost(const char *hex, const char *why)
{
	fprintf(
		stderr,
		"cresset: the rules that judged before the stop (%s) cannot be had again: %s; what came in just before it may be "
		"judged under the new rules too\n",
		hex, why);
}

/* The rules with that digest; null: told why not. */
static struct ruleset *rules_of_then(const struct run *run, const uint8_t digest[32], const char *hex)
{
	struct ruleset *found = NULL;
	struct error why = {0};
	if (run->unfinished_deaths >= RUN_DEATHS_MAX)
		say_lost(hex, "the engine died under them each time");
	else if (run_kept_rules(run, digest, &found, &why))
		say_lost(hex, why.text);
	return found;
}

/* The rules that judged when a process before this one was killed, when they are others and something is left to them. What they
 * had judged and not committed is judged again: under any others there would be two verdicts on one event. Null: nothing is left,
 * or it cannot be had, which is told. */
static int find_unfinished(struct run *run, struct engine_config *config, struct bus *bus, struct ruleset **out,
						   struct error *error)
{
	uint8_t digest[32];
	char hex[13];
	int result = engine_unfinished(run->env, config, bus, digest, error);
	if (result <= 0)
		return result;
	hex_print(digest, 6, hex);
	*out = rules_of_then(run, digest, hex);
	if (!*out)
		return 0;
	fprintf(stderr, "cresset: what came in before the stop is judged to its end under the rules of then (%s)\n", hex);
	snprintf(run->ruleset_text, sizeof run->ruleset_text, "%u rules of before the stop, for what came in then",
			 ruleset_count(*out));
	config->ruleset = *out;
	config->shadow = NULL;
	return 0;
}

/* ---- the process ---- */

/* `finishing`: until what other rules began is done. */
static int loop(struct engine *e, struct control *control, bool finishing, struct error *error)
{
	struct pollfd fds[CONTROL_CLIENTS + 1];
	bool told = false;
	while (!setup_stop && !setup_hand_over && !(finishing && engine_caught_up(e))) {
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

static int work(struct run *run, struct engine *e, bool finishing, struct error *error)
{
	static struct control control;
	char path[4200];
	struct request_host host = {.engine = e,
								.env = run->env,
								.decoders = run->decoders,
								.defaults = &run->config.defaults,
								.ruleset_text = run->ruleset_text,
								.started_ns = env_now(run->env),
								.status = run_status_ingest,
								.ctx = run};
	snprintf(path, sizeof path, "%s/control.sock", run->data);
	int result = control_open(&control, run->env, &host, path, error);
	if (!result) {
		if (run->shared)
			atomic_store(&run->shared->engine_ready_ns, env_now(run->env));
		result = loop(e, &control, finishing, error);
		control_close(&control);
	}
	if (!result)
		result = setup_stop ? engine_drain(e, false, error) : engine_settle(e, error);
	(void)unlink(path);
	return result;
}

static void note_rules(struct run_shared *shared, bool unfinished, bool retiring)
{
	if (!unfinished)
		atomic_store(&shared->engine_unfinished, false);
	atomic_store(&shared->engine_retiring, retiring);
}

int run_engine(struct run *run, struct bus *bus, uint64_t epoch, unsigned duties, bool special)
{
	static struct engine e;
	struct error error = {0};
	struct ruleset *before = NULL;
	struct retiring_list retiring;
	struct engine_config config = engine_config_of(run, epoch, duties, special);
	retiring_init(&retiring, run->env);
	int result = special ? find_unfinished(run, &config, bus, &before, &error) : 0;
	if (!result && special)
		result = run_find_retiring(run, &config, bus, &retiring, &error);
	if (run->shared)
		note_rules(run->shared, before != NULL, retiring_beside(&retiring) > 0);
	if (!result)
		result = engine_open(&e, run->env, &config, bus, &error);
	if (!result) {
		result = work(run, &e, before != NULL, &error);
		engine_close(&e);
	}
	retiring_free(&retiring);
	int code = result < 0 ? setup_fail(run->args, &error) : before && !setup_stop ? RUN_AGAIN : EXIT_OK;
	ruleset_release(before);
	return code;
}
