/* Correlations and the engine under them: an input is rule text, a NUL octet, and events of four octets each. Whatever the text
 * says, it is loaded or refused; and the same events in another order, cut into other batches and over more partitions, come
 * to the same final incidents. */
#include "correlate/correlate.h"
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define EVENTS_MAX 64u
#define PARTITIONS_MAX 3u
#define T0 (INT64_C(1790000000) * NS_PER_S)

/* What the correlations of an input may refer to. */
static const char base[] = "title: A\nname: a\nlogsource: {product: p}\ndetection: {s: {e: a}, condition: s}\n---\n"
						   "title: B\nname: b\nlogsource: {product: p}\ndetection: {s: {e: b}, condition: s}\n---\n"
						   "title: C\nname: c\nlogsource: {product: p}\ndetection: {s: {e: c}, condition: s}\n---\n";

struct told_rows {
	struct slice *rows;
	size_t count, room;
	struct arena arena;
};

struct world {
	const struct env *env;
	struct ruleset *set;
	uint32_t partitions;
	struct temporal *temporal;
	struct buffer queue[PARTITIONS_MAX]; /* records, each behind its u64 length */
	size_t read[PARTITIONS_MAX];
	uint64_t offsets[PARTITIONS_MAX];
	struct told_rows told;
};

/* ---- what comes out ---- */

static int on_matches(void *ctx, uint32_t partition, struct slice record)
{
	struct world *w = ctx;
	CHECK(partition < w->partitions);
	buffer_add_u64(&w->queue[partition], record.len);
	buffer_add_slice(&w->queue[partition], record);
	CHECK(!w->queue[partition].failed);
	return 0;
}

static int on_rows(void *ctx, uint32_t partition, struct slice octets)
{
	struct world *w = ctx;
	struct told_rows *t = &w->told;
	struct batch batch;
	(void)partition;
	CHECK(batch_open(&batch, octets, NULL) == 0);
	for (uint32_t i = 0; i < batch.row_count; i++) {
		struct batch_row row;
		batch_get_row(&batch, i, &row);
		if (row.kind != ROW_INCIDENT)
			continue;
		if (t->count == t->room) {
			t->room = t->room ? t->room * 2 : 64;
			t->rows = env_resize(w->env, t->rows, t->room * sizeof *t->rows);
			CHECK(t->rows != NULL);
		}
		t->rows[t->count++] = arena_copy(&t->arena, row.original);
	}
	return 0;
}

/* ---- events ---- */

struct event {
	uint8_t what, user, value, after;
	int64_t when_ns;
};

static uint32_t read_events(struct slice octets, struct event events[EVENTS_MAX])
{
	int64_t when = T0;
	uint32_t count = 0;
	for (; octets.len >= 4 && count < EVENTS_MAX; octets = slice_from(octets, 4)) {
		struct event *e = &events[count++];
		when += octets.ptr[3] % 60 * NS_PER_S;
		*e = (struct event){octets.ptr[0] % 4, octets.ptr[1] % 3, octets.ptr[2], octets.ptr[3], when};
	}
	return count;
}

static void add_field(struct batch_builder *b, struct dictionary *d, const char *name, const char *text)
{
	(void)batch_field_slice(b, dictionary_intern(d, slice_str(name)), VALUE_STRING, slice_str(text));
}

/* Each event is the first of a collector of its own: no order among them is wrong. */
static void give_event(struct detect *detect, struct batch_builder *b, struct dictionary *d, const struct event *e,
					   uint32_t number, uint64_t offset)
{
	static const char *const whats[] = {"a", "b", "c", "d"};
	char user[16], value[16];
	uint16_t source;
	struct slice octets;
	struct batch_identity identity = {.epoch = 1};
	put_u32(identity.collector, number + 1);
	snprintf(user, sizeof user, "u%u", e->user);
	snprintf(value, sizeof value, e->value % 7 ? "%u" : "none", e->value);
	batch_begin(b, &identity, 0, e->when_ns);
	CHECK(batch_source(b, SLICE("ip 192.0.2.1"), &source) == 0);
	CHECK(batch_row(b, ROW_EVENT, e->when_ns, SLICE("x")) == 0);
	batch_row_time(b, e->when_ns, TIME_PRESENT);
	batch_row_tables(b, source, BATCH_NO_INDEX, BATCH_NO_INDEX);
	add_field(b, d, "e", whats[e->what]);
	add_field(b, d, "user", user);
	add_field(b, d, "v", value);
	CHECK(batch_row_end(b) == 0 && batch_finish(b, &octets, NULL) == 0);
	CHECK(detect_record(detect, 0, offset, octets, NULL) == 0);
}

/* ---- a run ---- */

static bool correlate_some(struct world *w, uint32_t partition)
{
	struct buffer *q = &w->queue[partition];
	if (w->read[partition] >= q->len)
		return false;
	struct slice record = slice_of(q->ptr + w->read[partition] + 8, (size_t)get_u64(q->ptr + w->read[partition]));
	w->read[partition] += 8 + record.len;
	struct buffer copy; /* the queue may grow while it is read */
	buffer_init(&copy, w->env);
	buffer_add_slice(&copy, record);
	CHECK(temporal_record(w->temporal, partition, w->offsets[partition]++, buffer_slice(&copy), NULL) == 0);
	CHECK(temporal_flush(w->temporal, NULL) == 0);
	buffer_free(&copy);
	return true;
}

static void correlate(struct world *w)
{
	for (bool any = true; any;) {
		any = false;
		for (uint32_t p = 0; p < w->partitions; p++)
			any |= correlate_some(w, p);
	}
	CHECK(temporal_end(w->temporal, NULL) == 0);
}

static void run_events(struct world *w, struct detect *detect, const struct event *events, uint32_t count,
					   uint32_t stride)
{
	struct dictionary d;
	CHECK(dictionary_init(&d, w->env, 1) == 0);
	struct batch_builder *b = batch_builder_new(w->env, &d);
	CHECK(b != NULL);
	/* In order, or in steps of `stride`, which shares no factor with any count up to EVENTS_MAX. */
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = (uint32_t)((uint64_t)i * stride % count);
		give_event(detect, b, &d, &events[at], at, i);
	}
	CHECK(detect_flush(detect, NULL) == 0);
	batch_builder_free(b);
	dictionary_free(&d);
}

static int by_octets(const void *a, const void *b)
{
	return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

static void run(struct world *w, const struct event *events, uint32_t count, uint32_t stride)
{
	static const uint32_t zero[] = {0}, owned[PARTITIONS_MAX] = {0, 1, 2};
	struct correlate_sink sink = {on_matches, on_rows, w};
	struct detect_config dc = {.ruleset = w->set,
							   .matches_partitions = w->partitions,
							   .incidents_partitions = 1,
							   .events_partitions = zero,
							   .events_count = 1,
							   .no_lateness = true,
							   .sink = sink};
	struct temporal_config tc = {.ruleset = w->set,
								 .matches_partitions = w->partitions,
								 .incidents_partitions = 1,
								 .owned = owned,
								 .owned_count = w->partitions,
								 .final_only = true,
								 .sink = sink};
	struct detect *detect;
	arena_init(&w->told.arena, w->env, 0);
	for (uint32_t p = 0; p < w->partitions; p++)
		buffer_init(&w->queue[p], w->env);
	CHECK(detect_new(w->env, &dc, &detect, NULL) == 0 && temporal_new(w->env, &tc, &w->temporal, NULL) == 0);
	run_events(w, detect, events, count, stride);
	correlate(w);
	if (w->told.count)
		qsort(w->told.rows, w->told.count, sizeof *w->told.rows, by_octets);
	detect_free(detect);
	temporal_free(w->temporal);
	for (uint32_t p = 0; p < w->partitions; p++)
		buffer_free(&w->queue[p]);
}

static void world_free(struct world *w)
{
	env_free(w->env, w->told.rows);
	arena_free(&w->told.arena);
}

static void compare(const struct env *env, struct ruleset *set, const struct event *events, uint32_t count)
{
	struct world plain = {.env = env, .set = set, .partitions = 1}, other = {.env = env, .set = set, .partitions = 3};
	run(&plain, events, count, 1);
	run(&other, events, count, 67);
	CHECK(plain.told.count == other.told.count);
	for (size_t i = 0; i < plain.told.count; i++)
		CHECK(slice_equal(plain.told.rows[i], other.told.rows[i]));
	world_free(&plain);
	world_free(&other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const path[] = {"/rules.yml"};
	struct ruleset_options options = {0};
	struct ruleset_counts counts;
	struct ruleset *set;
	struct event events[EVENTS_MAX];
	size_t end = slice_find_octet(slice_of(data, size), 0, 0);
	if (size > 16384 || end == SIZE_MAX)
		return 0;
	struct fake *fake = fake_new(1);
	char *text = malloc(sizeof base + end);
	CHECK(text != NULL);
	memcpy(text, base, sizeof base - 1);
	memcpy(text + sizeof base - 1, data, end);
	fake_file_put(fake, path[0], text, sizeof base - 1 + end);
	free(text);
	CHECK(ruleset_load(&fake->env, path, 1, &options, NULL, NULL, &set, &counts, NULL) == 0);
	uint32_t count = read_events(slice_of(data + end + 1, size - end - 1), events);
	if (count > 0)
		compare(&fake->env, set, events, count);
	ruleset_release(set);
	CHECK(fake->memory.outstanding == 0);
	fake_free(fake);
	return 0;
}
