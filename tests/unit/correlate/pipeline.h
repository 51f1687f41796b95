/* The pipeline of a test: events are put on events partitions, detect and temporal are run over them, and what comes out
 * is read back. Everything is in memory and in one thread. Included once by each test program, after rules_fake.h. */
#ifndef TEST_PIPELINE_H
#define TEST_PIPELINE_H

#include "correlate/correlate.h"
#include "correlate/match.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define T0 (INT64_C(1790000000) * NS_PER_S) /* some second of 2026 */
#define LANES_MAX 16

struct octets {
	uint8_t *ptr;
	size_t len;
};

struct queue {
	struct octets *records;
	uint32_t count, room;
};

static inline void queue_add(struct queue *q, struct slice s)
{
	if (q->count == q->room) {
		q->room = q->room == 0 ? 16 : q->room * 2;
		q->records = fake_must(realloc(q->records, sizeof(*q->records) * q->room));
	}
	uint8_t *copy = fake_must(malloc(s.len + 1));
	memcpy(copy, s.ptr, s.len);
	q->records[q->count++] = (struct octets){copy, s.len};
}

static inline struct slice queue_at(const struct queue *q, uint32_t index)
{
	return slice_of(q->records[index].ptr, q->records[index].len);
}

static inline void queue_clear(struct queue *q)
{
	for (uint32_t i = 0; i < q->count; i++)
		free(q->records[i].ptr);
	free(q->records);
	*q = (struct queue){0};
}

struct pipeline {
	struct fake *fake;
	struct ruleset *ruleset;
	const struct retiring *retiring;
	uint32_t retiring_count;
	uint32_t events_count, matches_count, incidents_count;
	bool each, no_lateness, final_only;
	uint64_t window_bytes;
	const char *spill_dir; /* null: keys past the budget are refused */
	uint64_t spill_bytes;
	struct queue events[LANES_MAX], matches[LANES_MAX], incidents[LANES_MAX];
	uint64_t sequences[LANES_MAX][LANES_MAX]; /* of a collector in a partition */
	uint32_t detected[LANES_MAX], correlated[LANES_MAX];
	uint32_t partitions[LANES_MAX];
	struct detect *detect;
	struct temporal *temporal;
	struct dictionary dictionary;
	struct batch_builder *builder;
	bool sink_refuses;
	uint64_t epoch; /* of temporal; 0 = 1 */
	/* the batch being written */
	uint32_t open_partition, open_collector;
	bool open;
};

static int sink_matches(void *ctx, uint32_t partition, struct slice record)
{
	struct pipeline *p = ctx;
	if (p->sink_refuses)
		return -1;
	assert_true(partition < p->matches_count);
	queue_add(&p->matches[partition], record);
	return 0;
}

static int sink_incidents(void *ctx, uint32_t partition, struct slice batch)
{
	struct pipeline *p = ctx;
	if (p->sink_refuses)
		return -1;
	assert_true(partition < p->incidents_count);
	queue_add(&p->incidents[partition], batch);
	return 0;
}

static inline struct detect *pipeline_detect_new(struct pipeline *p)
{
	struct detect_config config = {.ruleset = p->ruleset,
								   .retiring = p->retiring,
								   .retiring_count = p->retiring_count,
								   .matches_partitions = p->matches_count,
								   .incidents_partitions = p->incidents_count,
								   .events_partitions = p->partitions,
								   .events_count = p->events_count,
								   .epoch = 1,
								   .no_lateness = p->no_lateness,
								   .sink = {sink_matches, sink_incidents, p}};
	struct detect *d;
	struct error error = {0};
	memset(config.collector, 0xdd, 16);
	if (detect_new(&p->fake->env, &config, &d, &error) < 0)
		return NULL;
	return d;
}

static inline struct temporal *pipeline_temporal_new(struct pipeline *p)
{
	struct temporal_config config = {.ruleset = p->ruleset,
									 .retiring = p->retiring,
									 .retiring_count = p->retiring_count,
									 .matches_partitions = p->matches_count,
									 .incidents_partitions = p->incidents_count,
									 .owned = p->partitions,
									 .owned_count = p->matches_count,
									 .epoch = p->epoch > 0 ? p->epoch : 1,
									 .each = p->each,
									 .events_partitions = p->no_lateness ? 0 : p->events_count,
									 .final_only = p->final_only,
									 .window_bytes = p->window_bytes,
									 .spill_dir = p->spill_dir,
									 .spill_bytes = p->spill_bytes,
									 .spill_keep = true,
									 .sink = {sink_matches, sink_incidents, p}};
	struct temporal *t;
	struct error error = {0};
	memset(config.collector, 0xcc, 16);
	if (temporal_new(&p->fake->env, &config, &t, &error) < 0)
		return NULL;
	return t;
}

static inline void pipeline_open(struct pipeline *p, struct ruleset *ruleset, uint32_t events, uint32_t matches,
								 uint32_t incidents)
{
	if (p->fake == NULL)
		p->fake = fake_new(1);
	p->ruleset = ruleset;
	p->events_count = events;
	p->matches_count = matches;
	p->incidents_count = incidents;
	for (uint32_t i = 0; i < LANES_MAX; i++)
		p->partitions[i] = i;
	assert_int_equal(dictionary_init(&p->dictionary, &p->fake->env, 1), 0);
	p->builder = batch_builder_new(&p->fake->env, &p->dictionary);
	assert_non_null(p->builder);
	p->detect = pipeline_detect_new(p);
	p->temporal = pipeline_temporal_new(p);
	assert_non_null(p->detect);
	assert_non_null(p->temporal);
}

static inline void pipeline_close(struct pipeline *p)
{
	detect_free(p->detect);
	temporal_free(p->temporal);
	batch_builder_free(p->builder);
	dictionary_free(&p->dictionary);
	for (uint32_t i = 0; i < LANES_MAX; i++) {
		queue_clear(&p->events[i]);
		queue_clear(&p->matches[i]);
		queue_clear(&p->incidents[i]);
	}
	assert_int_equal(p->fake->memory.outstanding, 0);
	fake_free(p->fake);
}

/* ---- writing events ---- */

static inline void collector_uuid(uint32_t collector, uint8_t out[16])
{
	memset(out, 0, 16);
	out[15] = (uint8_t)(collector + 1);
}

static inline void batch_close(struct pipeline *p)
{
	struct slice octets;
	struct error error;
	if (!p->open)
		return;
	assert_int_equal(batch_finish(p->builder, &octets, &error), 0);
	queue_add(&p->events[p->open_partition], octets);
	p->open = false;
}

/* A new batch when the partition or the collector is another, or the observed time does not fit. */
static inline void batch_for(struct pipeline *p, uint32_t partition, uint32_t collector, int64_t observed_ns)
{
	static int64_t base;
	if (p->open && p->open_partition == partition && p->open_collector == collector && observed_ns >= base &&
		observed_ns < base + 3 * NS_PER_S)
		return;
	batch_close(p);
	struct batch_identity identity = {
		.epoch = 7, .partition = partition, .first_sequence = p->sequences[collector][partition]};
	collector_uuid(collector, identity.collector);
	batch_begin(p->builder, &identity, 0, observed_ns);
	base = observed_ns;
	p->open = true;
	p->open_partition = partition;
	p->open_collector = collector;
}

static inline void put_tick(struct pipeline *p, uint32_t partition, uint32_t collector, int64_t observed_ns)
{
	batch_for(p, partition, collector, observed_ns);
	assert_int_equal(batch_row(p->builder, ROW_TICK, observed_ns, SLICE_NONE), 0);
	batch_row_tables(p->builder, BATCH_NO_INDEX, BATCH_NO_INDEX, BATCH_NO_INDEX);
	assert_int_equal(batch_row_end(p->builder), 0);
	p->sequences[collector][partition]++;
}

/* `fields`: name, value, name, value, ..., null. Returns the row's sequence. */
static inline uint64_t put_event(struct pipeline *p, uint32_t partition, uint32_t collector, const char *source,
								 int64_t when_ns, int64_t observed_ns, const char *const *fields)
{
	uint16_t index;
	batch_for(p, partition, collector, observed_ns);
	assert_int_equal(batch_row(p->builder, ROW_EVENT, observed_ns, SLICE("x")), 0);
	batch_row_time(p->builder, when_ns, TIME_PRESENT);
	assert_int_equal(batch_source(p->builder, slice_str(source), &index), 0);
	batch_row_tables(p->builder, index, BATCH_NO_INDEX, BATCH_NO_INDEX);
	for (uint32_t i = 0; fields[i] != NULL; i += 2) {
		uint32_t name = dictionary_intern(&p->dictionary, slice_str(fields[i]));
		assert_int_equal(batch_field_slice(p->builder, name, VALUE_STRING, slice_str(fields[i + 1])), 0);
	}
	assert_int_equal(batch_row_end(p->builder), 0);
	return p->sequences[collector][partition]++;
}

/* ---- running ---- */

static inline bool detect_one(struct pipeline *p, uint32_t partition)
{
	struct error error = {0};
	if (p->detected[partition] == p->events[partition].count)
		return false;
	uint32_t offset = p->detected[partition]++;
	int result = detect_record(p->detect, partition, offset, queue_at(&p->events[partition], offset), &error);
	if (result < 0)
		fail_msg("detect: %s", error.text);
	return true;
}

static inline bool correlate_one(struct pipeline *p, uint32_t partition)
{
	struct error error = {0};
	if (p->correlated[partition] == p->matches[partition].count)
		return false;
	uint32_t offset = p->correlated[partition]++;
	int result = temporal_record(p->temporal, partition, offset, queue_at(&p->matches[partition], offset), &error);
	if (result < 0)
		fail_msg("temporal: %s", error.text);
	return true;
}

static inline void pipeline_run(struct pipeline *p)
{
	bool more = true;
	batch_close(p);
	for (uint32_t i = 0; i < p->events_count; i++)
		while (detect_one(p, i))
			;
	assert_int_equal(detect_flush(p->detect, NULL), 0);
	while (more) {
		more = false;
		for (uint32_t i = 0; i < p->matches_count; i++)
			while (correlate_one(p, i))
				more = true;
		assert_int_equal(temporal_flush(p->temporal, NULL), 0);
	}
}

/* Ticks of every collector on every partition. */
static inline void tick_all(struct pipeline *p, uint32_t collectors, int64_t observed_ns)
{
	for (uint32_t i = 0; i < p->events_count; i++)
		for (uint32_t c = 0; c < collectors; c++)
			put_tick(p, i, c, observed_ns);
}

/* ---- reading what came out ---- */

struct told {
	enum row_kind kind;
	bool final;
	char *json;
	uint32_t lane;
	uint8_t collector[16];
	uint64_t epoch, sequence;
};

struct tellings {
	struct told *rows;
	uint32_t count, room;
};

static inline void tellings_free(struct tellings *t)
{
	for (uint32_t i = 0; i < t->count; i++)
		free(t->rows[i].json);
	free(t->rows);
	*t = (struct tellings){0};
}

/* A row made again after a restart is the row it was. */
static inline void told_again(const struct tellings *t, uint32_t lane, const struct batch_identity *identity,
							  uint32_t k, const struct batch_row *row)
{
	for (uint32_t i = 0; i < t->count; i++) {
		const struct told *told = &t->rows[i];
		if (told->lane != lane || told->epoch != identity->epoch || told->sequence != identity->first_sequence + k ||
			memcmp(told->collector, identity->collector, 16) != 0)
			continue;
		if (!slice_equal(row->original, slice_str(told->json)))
			fail_msg("row %llu was\n%s\nand is now\n%.*s", (unsigned long long)told->sequence, told->json,
					 SLICE_PRINT(row->original));
		return;
	}
	fail_msg("row below the mark that was never told");
}

/* Every row told once: as a reader does it, by mark. Rows told again must be the same. */
static inline void tellings_read(struct pipeline *p, struct tellings *t)
{
	for (uint32_t lane = 0; lane < p->incidents_count; lane++) {
		struct {
			uint8_t collector[16];
			uint64_t epoch, next;
		} marks[LANES_MAX * 32];
		uint32_t mark_count = 0;
		for (uint32_t i = 0; i < p->incidents[lane].count; i++) {
			struct batch batch;
			struct error error;
			assert_int_equal(batch_open(&batch, queue_at(&p->incidents[lane], i), &error), 0);
			uint32_t m = 0;
			while (m < mark_count && (memcmp(marks[m].collector, batch.identity.collector, 16) != 0 ||
									  marks[m].epoch != batch.identity.epoch))
				m++;
			if (m == mark_count) {
				assert_true(mark_count < LANES_MAX * 32);
				memcpy(marks[m].collector, batch.identity.collector, 16);
				marks[mark_count].epoch = batch.identity.epoch;
				marks[mark_count++].next = 0;
			}
			assert_true(batch.identity.first_sequence <= marks[m].next);
			for (uint32_t k = 0; k < batch.row_count; k++) {
				struct batch_row row;
				batch_get_row(&batch, k, &row);
				if (batch.identity.first_sequence + k < marks[m].next) {
					told_again(t, lane, &batch.identity, k, &row);
					continue;
				}
				marks[m].next = batch.identity.first_sequence + k + 1;
				if (t->count == t->room) {
					t->room = t->room == 0 ? 64 : t->room * 2;
					t->rows = fake_must(realloc(t->rows, sizeof(*t->rows) * t->room));
				}
				struct told *told = &t->rows[t->count++];
				told->kind = (enum row_kind)row.kind;
				told->lane = lane;
				told->epoch = batch.identity.epoch;
				memcpy(told->collector, batch.identity.collector, 16);
				told->sequence = batch.identity.first_sequence + k;
				told->json = fake_must(malloc(row.original.len + 1));
				memcpy(told->json, row.original.ptr, row.original.len);
				told->json[row.original.len] = 0;
				told->final = strstr(told->json, "\"state\":\"final\"") != NULL;
			}
		}
	}
}

static inline uint32_t tellings_count(const struct tellings *t, enum row_kind kind, bool final)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < t->count; i++)
		n += t->rows[i].kind == kind && (kind != ROW_INCIDENT || t->rows[i].final == final);
	return n;
}

/* The text after "name": up to the next comma outside quotes, or 0 when there is none. */
static inline bool json_says(const char *json, const char *name, char *out, size_t size)
{
	char pattern[64];
	snprintf(pattern, sizeof(pattern), "\"%s\":", name);
	const char *at = strstr(json, pattern);
	if (at == NULL)
		return false;
	at += strlen(pattern);
	size_t n = 0;
	bool quoted = false;
	for (int depth = 0; *at != 0 && n + 1 < size; at++) {
		if (*at == '"')
			quoted = !quoted;
		if (!quoted && (*at == '{' || *at == '['))
			depth++;
		if (!quoted && depth == 0 && (*at == ',' || *at == '}' || *at == ']'))
			break;
		if (!quoted && (*at == '}' || *at == ']'))
			depth--;
		out[n++] = *at;
	}
	out[n] = 0;
	return true;
}

#endif
