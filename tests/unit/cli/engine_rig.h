/* A machine of one partition: the engine over a real local log on a disk in memory, and who writes its events. */
#ifndef TESTS_UNIT_CLI_ENGINE_RIG_H
#define TESTS_UNIT_CLI_ENGINE_RIG_H

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
	uint64_t epoch, sequence, yara_budget_ns, window_bytes;
	struct retiring_list *retiring; /* beside the rules of the next start */
	bool begin_anew;
};

static inline struct bus_local_config log_config(bool ingest)
{
	struct bus_local_config b = {.dir = "/d/log", .partitions = {1, 1, 1, 1}, .sync_ms = 1};
	b.write_topics = ingest ? 1u << TOPIC_EVENTS : 1u << TOPIC_MATCHES | 1u << TOPIC_INCIDENTS | 1u << TOPIC_CONTROL;
	b.write_events_special = !ingest;
	return b;
}

static inline int start(struct machine *m, unsigned duties, struct error *error)
{
	struct ruleset_counts counts = {0};
	struct ruleset_options o = {.yara = true};
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
							  .yara_budget_ns = m->yara_budget_ns,
							  .window_bytes = m->window_bytes,
							  .retiring = m->retiring,
							  .begin_anew = m->begin_anew,
							  .ruleset = duties & DUTY_DETECT ? m->rules : NULL};
	memset(c.uuid, 7, 16);
	return engine_open(&m->engine, &m->fake->env, &c, m->bus, error);
}

static inline void stop(struct machine *m)
{
	engine_close(&m->engine);
	bus_close(m->bus);
	bus_close(m->ingest);
	ruleset_release(m->rules);
	m->bus = m->ingest = NULL;
}

static inline void put_rules(struct machine *m, const char *more)
{
	fake_file_put(m->fake, "/rules/a.yml", RULES, strlen(RULES));
	if (more)
		fake_file_put(m->fake, "/rules/b.yml", more, strlen(more));
}

static inline void machine_open(struct machine *m)
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

static inline void machine_close(struct machine *m)
{
	stop(m);
	batch_builder_free(m->builder);
	dictionary_free(&m->dictionary);
	assert_int_equal(fake_files_open(m->fake), 0);
	assert_int_equal(m->fake->memory.outstanding, 0);
	fake_free(m->fake);
}

/* A batch of rows at T0 + s; no value: ticks. */
static inline void events(struct machine *m, int64_t s, const char *value, const char *ip, unsigned count)
{
	struct batch_identity identity = {.epoch = 1, .first_sequence = m->sequence};
	struct error error = {0};
	uint16_t source;
	struct slice octets, text = slice_str(value ? value : "");
	memset(identity.collector, 9, 16);
	batch_begin(m->builder, &identity, 0, T0 + s * NS_PER_S);
	assert_int_equal(batch_source(m->builder, SLICE("ip 10.0.0.9"), &source), 0);
	uint32_t names[2] = {dictionary_intern(&m->dictionary, SLICE("f")), dictionary_intern(&m->dictionary, SLICE("ip"))};
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(batch_row(m->builder, value ? ROW_EVENT : ROW_TICK, T0 + s * NS_PER_S, text), 0);
		batch_row_time(m->builder, T0 + s * NS_PER_S, TIME_PRESENT | TIME_ZONE_EXPLICIT);
		batch_row_tables(m->builder, source, BATCH_NO_INDEX, BATCH_NO_INDEX);
		if (value) {
			assert_int_equal(batch_field_slice(m->builder, names[0], VALUE_STRING, text), 0);
			assert_int_equal(batch_field_slice(m->builder, names[1], VALUE_STRING, slice_str(ip)), 0);
		}
		assert_int_equal(batch_row_end(m->builder), 0);
	}
	assert_int_equal(batch_finish(m->builder, &octets, &error), 0);
	m->sequence += count;
	assert_int_equal(bus_produce(m->ingest, TOPIC_EVENTS, 0, octets, NULL, &error), 0);
	assert_true(bus_step(m->ingest, true, &error) >= 0);
}

static inline void event(struct machine *m, int64_t s, const char *value)
{
	events(m, s, value, "10.0.0.1", 1);
}

static inline void drain(struct machine *m)
{
	struct error error = {0};
	if (engine_drain(&m->engine, false, &error) < 0)
		fail_msg("%s", error.text);
}

static inline void restart(struct machine *m, unsigned duties)
{
	struct error error = {0};
	stop(m);
	fake_clock_advance(m->fake, NS_PER_S);
	if (start(m, duties, &error))
		fail_msg("%s", error.text);
}

#endif
