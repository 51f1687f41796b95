/* The engine over a real local log: what was committed goes on after a start, with a checkpoint, without one, with a damaged
 * one, and under other rules. */
#include "tests/unit/cli/rig.h"

#include "cli/engine.h"

#define T0 (INT64_C(1790000000) * NS_PER_S)
#define RULES \
	"title: A\nid: 00000000-0000-4000-8000-000000000001\nlogsource: {}\ndetection: {s: {f: x}, condition: s}\nlevel: low\n---\n" \
	"title: C\nid: 00000000-0000-4000-8000-000000000002\nlevel: high\n" \
	"correlation: {type: event_count, rules: [00000000-0000-4000-8000-000000000001], group-by: [ip], timespan: 1m, condition: {gte: 3}}\n"
#define OTHER \
	"title: B\nid: 00000000-0000-4000-8000-000000000003\nlogsource: {}\ndetection: {s: {f: y}, condition: s}\nlevel: low\n"

struct machine {
	struct fake *fake;
	struct bus *bus, *ingest;
	struct ruleset *rules;
	struct engine engine;
	struct dictionary dictionary;
	struct batch_builder *builder;
	uint64_t epoch, sequence;
};

static struct bus_local_config log_config(bool ingest)
{
	struct bus_local_config b = {.dir = "/d/log", .partitions = {1, 1, 1, 1}, .sync_ms = 1};
	b.write_topics = ingest ? 1u << TOPIC_EVENTS : 1u << TOPIC_MATCHES | 1u << TOPIC_INCIDENTS | 1u << TOPIC_CONTROL;
	b.write_events_special = !ingest;
	return b;
}

static int start(struct machine *m, unsigned duties, struct error *error)
{
	struct ruleset_counts counts = {0};
	struct ruleset_options o = {0};
	const char *paths[] = {"/rules"};
	struct bus_local_config b = log_config(false), in = log_config(true);
	uint64_t cut;
	assert_int_equal(ruleset_load(&m->fake->env, paths, 1, &o, NULL, NULL, &m->rules, &counts, error), 0);
	assert_int_equal(counts.refused, 0);
	assert_int_equal(bus_local_recover(&m->fake->env, &in, &cut, error), 0);
	assert_int_equal(bus_local_recover(&m->fake->env, &b, &cut, error), 0);
	assert_int_equal(bus_local_open(&m->fake->env, &in, &m->ingest, error), 0);
	assert_int_equal(bus_local_open(&m->fake->env, &b, &m->bus, error), 0);
	struct engine_config c = {.data = "/d",
							  .epoch = ++m->epoch,
							  .duties = duties,
							  .partitions = {1, 1, 1, 1},
							  .special = true,
							  .ruleset = duties & DUTY_DETECT ? m->rules : NULL};
	memset(c.uuid, 7, 16);
	return engine_open(&m->engine, &m->fake->env, &c, m->bus, error);
}

static void stop(struct machine *m)
{
	engine_close(&m->engine);
	bus_close(m->bus);
	bus_close(m->ingest);
	ruleset_release(m->rules);
	m->bus = m->ingest = NULL;
}

static void put_rules(struct machine *m, const char *more)
{
	fake_file_put(m->fake, "/rules/a.yml", RULES, strlen(RULES));
	if (more)
		fake_file_put(m->fake, "/rules/b.yml", more, strlen(more));
}

static void machine_open(struct machine *m)
{
	struct error error = {0};
	*m = (struct machine){.fake = fake_new(3)};
	put_rules(m, NULL);
	fake_clock_set(m->fake, T0);
	assert_int_equal(dictionary_init(&m->dictionary, &m->fake->env, 1), 0);
	m->builder = batch_builder_new(&m->fake->env, &m->dictionary);
	assert_int_equal(env_make_dirs(&m->fake->env, "/d"), 0);
	assert_int_equal(start(m, DUTY_ALL, &error), 0);
}

static void machine_close(struct machine *m)
{
	stop(m);
	batch_builder_free(m->builder);
	dictionary_free(&m->dictionary);
	assert_int_equal(fake_files_open(m->fake), 0);
	assert_int_equal(m->fake->memory.outstanding, 0);
	fake_free(m->fake);
}

/* A row at T0 + s; no value: a tick. */
static void event(struct machine *m, int64_t s, const char *value)
{
	struct batch_identity identity = {.epoch = 1, .first_sequence = m->sequence++};
	struct error error = {0};
	uint16_t source;
	struct slice octets, text = slice_str(value ? value : "");
	memset(identity.collector, 9, 16);
	batch_begin(m->builder, &identity, 0, T0 + s * NS_PER_S);
	assert_int_equal(batch_source(m->builder, SLICE("ip 10.0.0.9"), &source), 0);
	assert_int_equal(batch_row(m->builder, value ? ROW_EVENT : ROW_TICK, T0 + s * NS_PER_S, text), 0);
	batch_row_time(m->builder, T0 + s * NS_PER_S, TIME_PRESENT | TIME_ZONE_EXPLICIT);
	batch_row_tables(m->builder, source, BATCH_NO_INDEX, BATCH_NO_INDEX);
	if (value) {
		uint32_t f = dictionary_intern(&m->dictionary, SLICE("f")), ip = dictionary_intern(&m->dictionary, SLICE("ip"));
		assert_int_equal(batch_field_slice(m->builder, f, VALUE_STRING, text), 0);
		assert_int_equal(batch_field_slice(m->builder, ip, VALUE_STRING, SLICE("10.0.0.1")), 0);
	}
	assert_int_equal(batch_row_end(m->builder), 0);
	assert_int_equal(batch_finish(m->builder, &octets, &error), 0);
	assert_int_equal(bus_produce(m->ingest, TOPIC_EVENTS, 0, octets, NULL, &error), 0);
	assert_true(bus_step(m->ingest, true, &error) >= 0);
}

static void drain(struct machine *m)
{
	struct error error = {0};
	if (engine_drain(&m->engine, false, &error) < 0)
		fail_msg("%s", error.text);
}

static void restart(struct machine *m, unsigned duties)
{
	struct error error = {0};
	stop(m);
	fake_clock_advance(m->fake, NS_PER_S);
	if (start(m, duties, &error))
		fail_msg("%s", error.text);
}

/* Incident rows of the correlation with that state whose count is `count`. */
static unsigned incidents(struct machine *m, const char *state, const char *count)
{
	struct bus_reader *reader;
	struct bus_record record;
	struct error error = {0};
	unsigned found = 0;
	assert_int_equal(bus_open_reader(m->bus, NULL, TOPIC_INCIDENTS, 0, &reader, &error), 0);
	while (bus_poll(reader, &record, &error) > 0) {
		struct batch batch;
		struct batch_row row;
		assert_int_equal(batch_open(&batch, record.payload, &error), 0);
		for (uint32_t i = 0; i < batch.row_count; i++) {
			batch_get_row(&batch, i, &row);
			found += row.kind == ROW_INCIDENT && slice_find(row.original, slice_str(state), 0) != SIZE_MAX &&
					 slice_find(row.original, SLICE("\"correlation\""), 0) != SIZE_MAX &&
					 slice_find(row.original, slice_str(count), 0) != SIZE_MAX;
		}
	}
	bus_reader_close(reader);
	return found;
}

struct seen {
	char path[256];
	unsigned count;
};

static int see_checkpoint(void *arg, const char *path)
{
	struct seen *s = arg;
	if (strstr(path, "d/engine/checkpoint-")) {
		snprintf(s->path, sizeof s->path, "%s%s", path[0] == '/' ? "" : "/", path);
		s->count++;
	}
	return 0;
}

static struct seen checkpoint(struct machine *m)
{
	struct seen s = {.count = 0};
	fake_file_each(m->fake, see_checkpoint, &s);
	return s;
}

/* Two of three events before, the third after: the window must have come over. */
static void two_then(struct machine *m)
{
	machine_open(m);
	event(m, 0, NULL);
	event(m, 1, "x");
	event(m, 2, "x");
	drain(m);
	assert_int_equal(incidents(m, "provisional", "\"count\":"), 0);
	assert_int_equal(checkpoint(m).count, 1);
}

static void third(struct machine *m)
{
	event(m, 3, "x");
	drain(m);
	assert_int_equal(incidents(m, "\"provisional\"", "\"count\":3"), 1);
	event(m, 3600, NULL);
	drain(m);
	assert_int_equal(incidents(m, "\"final\"", "\"count\":3"), 1);
	assert_int_equal(incidents(m, "\"final\"", "\"count\":"), 1);
}

static void a_window_comes_over_a_restart(void **state)
{
	struct machine m;
	(void)state;
	two_then(&m);
	restart(&m, DUTY_ALL);
	third(&m);
	machine_close(&m);
}

static void a_missing_checkpoint_is_made_again(void **state)
{
	struct machine m;
	(void)state;
	two_then(&m);
	assert_int_equal(m.fake->env.files.unlink(m.fake->env.files.ctx, checkpoint(&m).path), 0);
	restart(&m, DUTY_ALL);
	third(&m);
	assert_int_equal(checkpoint(&m).count, 1);
	restart(&m, DUTY_ALL); /* and it holds */
	assert_false(m.engine.rebuild);
	machine_close(&m);
}

static void a_damaged_checkpoint_is_made_again(void **state)
{
	(void)state;
	for (int kind = 0; kind < 3; kind++) {
		struct machine m;
		size_t len;
		two_then(&m);
		struct seen s = checkpoint(&m);
		uint8_t *octets = fake_file_get(m.fake, s.path, &len);
		assert_non_null(octets);
		if (kind == 0)
			octets[len / 2] ^= 1;
		else
			fake_file_resize(m.fake, s.path, kind == 1 ? len - 1 : 0);
		restart(&m, DUTY_ALL);
		assert_true(m.engine.rebuild);
		third(&m);
		machine_close(&m);
	}
}

/* What was told already is not told again when windows are made anew, and goes on to its end. */
static void a_told_incident_ends_once(void **state)
{
	struct machine m;
	(void)state;
	two_then(&m);
	event(&m, 3, "x");
	drain(&m);
	assert_int_equal(incidents(&m, "\"provisional\"", "\"count\":3"), 1);
	assert_int_equal(m.fake->env.files.unlink(m.fake->env.files.ctx, checkpoint(&m).path), 0);
	restart(&m, DUTY_ALL);
	drain(&m);
	assert_int_equal(incidents(&m, "\"provisional\"", "\"count\":3"), 1);
	event(&m, 3600, NULL);
	drain(&m);
	assert_int_equal(incidents(&m, "\"final\"", "\"count\":3"), 1);
	machine_close(&m);
}

static void other_rules_keep_the_windows_of_the_same_ones(void **state)
{
	struct machine m;
	(void)state;
	two_then(&m);
	put_rules(&m, OTHER);
	uint64_t before = m.engine.correlate_epoch;
	restart(&m, DUTY_ALL);
	assert_true(m.engine.correlate_epoch > before);
	third(&m);
	machine_close(&m);
}

/* A verb that only asks needs no checkpoint, and commits none. */
static void asking_needs_no_checkpoint(void **state)
{
	struct machine m;
	(void)state;
	two_then(&m);
	assert_int_equal(m.fake->env.files.unlink(m.fake->env.files.ctx, checkpoint(&m).path), 0);
	restart(&m, DUTY_STORE);
	drain(&m);
	assert_int_equal(checkpoint(&m).count, 0);
	restart(&m, DUTY_ALL);
	third(&m);
	machine_close(&m);
}

/* Old generations go, one stays. */
static void generations(void **state)
{
	struct machine m;
	(void)state;
	two_then(&m);
	for (int i = 0; i < 5; i++) {
		event(&m, 4 + i, "z");
		drain(&m);
		assert_int_equal(checkpoint(&m).count, 1);
	}
	uint64_t generation = m.engine.generation;
	restart(&m, DUTY_ALL);
	assert_int_equal(m.engine.generation, generation);
	machine_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_window_comes_over_a_restart),
		cmocka_unit_test(a_missing_checkpoint_is_made_again),
		cmocka_unit_test(a_damaged_checkpoint_is_made_again),
		cmocka_unit_test(a_told_incident_ends_once),
		cmocka_unit_test(other_rules_keep_the_windows_of_the_same_ones),
		cmocka_unit_test(asking_needs_no_checkpoint),
		cmocka_unit_test(generations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
