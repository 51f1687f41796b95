/* The engine from its configuration: feeds, detect, temporal, store and writers. */
#include "cli/engine.h"

#include <errno.h>
#include <stdio.h>

static void store_audit(void *ctx, enum row_kind kind, struct slice json)
{
	struct engine *e = ctx;
	struct error error = {0};
	int result = -ERROR_UNSUPPORTED;
	if (e->audit_on)
		result = kind == ROW_GAP ? own_writer_once(&e->audit, kind, json, &error)
								 : own_writer_row(&e->audit, kind, json, NULL, &error);
	e->audit_lost += result != 0;
}

static const char *feed_name(enum feed_duty duty)
{
	static const char *const names[] = {"detect", "temporal", "store", "book"};
	return names[duty];
}

static int add_feed(struct engine *e, enum feed_duty duty, enum bus_topic topic, uint32_t partition,
					struct error *error)
{
	struct feed *feeds = env_resize(e->env, e->feeds, (e->feed_count + 1) * sizeof *feeds);
	if (!feeds)
		return error_set(error, ERROR_MEMORY, "no memory for the readers");
	e->feeds = feeds;
	struct feed *f = &feeds[e->feed_count];
	*f = (struct feed){.duty = duty, .topic = topic, .partition = partition, .pair = NO_FEED};
	int result = bus_open_reader(e->bus, feed_name(duty), topic, partition, &f->reader, error);
	if (!result)
		e->feed_count++;
	return result;
}

static int add_feeds(struct engine *e, enum feed_duty duty, enum bus_topic topic, const uint32_t *own,
					 uint32_t own_count, struct error *error)
{
	uint32_t n = own ? own_count : e->config.partitions[topic];
	int result = 0;
	for (uint32_t i = 0; i < n && !result; i++)
		result = add_feed(e, duty, topic, own ? own[i] : i, error);
	return result;
}

static int open_feeds(struct engine *e, struct error *error)
{
	const struct engine_config *c = &e->config;
	int result = 0;
	if (e->detect)
		result = add_feeds(e, FEED_DETECT, TOPIC_EVENTS, c->own_events, c->own_events_count, error);
	if (!result && e->temporal)
		result = add_feeds(e, FEED_TEMPORAL, TOPIC_MATCHES, c->own_matches, c->own_matches_count, error);
	if (!result && e->store)
		result = add_feeds(e, FEED_STORE, TOPIC_EVENTS, c->own_events, c->own_events_count, error);
	if (!result && e->store)
		result = add_feeds(e, FEED_STORE, TOPIC_INCIDENTS, c->own_incidents, c->own_incidents_count, error);
	if (!result && e->store && c->special)
		result = add_feed(e, FEED_STORE, TOPIC_EVENTS, PARTITION_IMPORT, error);
	if (!result && e->store && c->special)
		result = add_feed(e, FEED_STORE, TOPIC_EVENTS, PARTITION_AUDIT, error);
	if (!result && e->book)
		result = add_feeds(e, FEED_BOOK, TOPIC_INCIDENTS, NULL, 0, error);
	return result;
}

/* Ids of 0..n-1, for stages that own all partitions of a topic. */
static const uint32_t *all_of(const struct env *env, uint32_t n)
{
	uint32_t *ids = env_alloc(env, (n ? n : 1) * sizeof *ids);
	for (uint32_t i = 0; ids && i < n; i++)
		ids[i] = i;
	return ids;
}

static int open_detect(struct engine *e, const struct retiring *retiring, struct error *error)
{
	const struct engine_config *c = &e->config;
	struct detect_config d = {.ruleset = c->ruleset,
							  .retiring = retiring,
							  .retiring_count = retiring ? retiring_beside(c->retiring) : 0,
							  .matches_partitions = c->partitions[TOPIC_MATCHES],
							  .incidents_partitions = c->partitions[TOPIC_INCIDENTS],
							  .events_partitions = c->own_events,
							  .events_count = c->own_events_count,
							  .epoch = e->correlate_epoch,
							  .watch = true,
							  .yara_budget_ns = c->yara_budget_ns,
							  .sink = {engine_sink_matches, engine_sink_incidents, e}};
	own_uuid(c->uuid, "detect", d.collector);
	const uint32_t *all = NULL;
	if (!c->own_events) {
		d.events_partitions = all = all_of(e->env, c->partitions[TOPIC_EVENTS]);
		d.events_count = c->partitions[TOPIC_EVENTS];
	}
	int result = detect_new(e->env, &d, &e->detect, error);
	env_free(e->env, (void *)(uintptr_t)all);
	return result;
}

/* Beside detect, over the same partitions. */
static int open_shadow(struct engine *e, struct error *error)
{
	const struct engine_config *c = &e->config;
	uint32_t all = c->partitions[TOPIC_EVENTS];
	const uint32_t *ids = c->own_events ? NULL : all_of(e->env, all);
	struct shadow_config s = {.ruleset = c->shadow,
							  .events_partitions = c->own_events ? c->own_events : ids,
							  .events_count = c->own_events ? c->own_events_count : all,
							  .events_partitions_all = all};
	int result = s.events_partitions ? shadow_new(e->env, &s, &e->shadow, error)
									 : error_set(error, ERROR_MEMORY, "no memory for shadow rules");
	env_free(e->env, (void *)(uintptr_t)ids);
	return result;
}

static int open_temporal(struct engine *e, const struct retiring *retiring, struct error *error)
{
	const struct engine_config *c = &e->config;
	char dir[4200];
	snprintf(dir, sizeof dir, "%s/engine/spill", c->data);
	int result = env_make_dirs(e->env, dir);
	if (result && result != -EEXIST)
		return error_io(error, result, "cannot make %s", dir);
	struct temporal_config t = {.ruleset = c->ruleset,
								.retiring = retiring,
								.retiring_count = retiring ? retiring_beside(c->retiring) : 0,
								.matches_partitions = c->partitions[TOPIC_MATCHES],
								.incidents_partitions = c->partitions[TOPIC_INCIDENTS],
								.owned = c->own_matches,
								.owned_count = c->own_matches_count,
								.epoch = e->correlate_epoch,
								.events_partitions = c->partitions[TOPIC_EVENTS],
								.window_bytes = c->window_bytes,
								.spill_bytes = c->spill_bytes,
								.spill_dir = dir,
								.spill_keep = true,
								.sink = {engine_sink_matches, engine_sink_incidents, e}};
	own_uuid(c->uuid, "temporal", t.collector);
	const uint32_t *all = NULL;
	if (!c->own_matches) {
		t.owned = all = all_of(e->env, c->partitions[TOPIC_MATCHES]);
		t.owned_count = c->partitions[TOPIC_MATCHES];
	}
	result = temporal_new(e->env, &t, &e->temporal, error);
	env_free(e->env, (void *)(uintptr_t)all);
	return result;
}

int engine_temporal_anew(struct engine *e, struct error *error)
{
	struct retiring *retiring = NULL;
	int result = engine_retiring_of(e, &retiring, error);
	temporal_free(e->temporal);
	e->temporal = NULL;
	if (!result)
		result = open_temporal(e, retiring, error);
	env_free(e->env, retiring);
	return result;
}

static int open_store(struct engine *e, struct error *error)
{
	const struct engine_config *c = &e->config;
	char dir[4200];
	snprintf(dir, sizeof dir, "%s/store", c->data);
	struct store_config s = {.dir = dir,
							 .name = c->store_name ? c->store_name : "main",
							 .segment_rows = c->segment_rows,
							 .segment_age_s = c->segment_age_s,
							 .zstd_level = c->zstd_level,
							 .verify_read_back = c->verify_read_back,
							 .audit = store_audit,
							 .ctx = e};
	return store_open(e->env, &s, &e->store, error);
}

static int open_writers(struct engine *e, struct error *error)
{
	const struct engine_config *c = &e->config;
	int result = 0;
	if (c->special && !result) {
		result = own_writer_init(&e->audit, e->env, e->bus, TOPIC_EVENTS, PARTITION_AUDIT, c->uuid, "audit", c->epoch);
		e->audit_on = !result;
	}
	if (!result) {
		result = own_writer_init(&e->changes, e->env, e->bus, TOPIC_INCIDENTS, 0, c->uuid, "changes", c->epoch);
		e->changes_on = !result;
	}
	if (!result) {
		result = own_writer_init(&e->control, e->env, e->bus, TOPIC_CONTROL, 0, c->uuid, "control", c->epoch);
		e->control_on = !result;
	}
	return result ? error_set(error, ERROR_MEMORY, "no memory for the writers of own rows") : 0;
}

/* Where each feed goes on: the store knows its own place; detect's and temporal's came with the checkpoint; the book
 * reads everything again. A place that is no longer there is an error, never a silent reset. */
static int seek_feeds(struct engine *e, struct error *error)
{
	for (unsigned i = 0; i < e->feed_count; i++) {
		struct feed *f = &e->feeds[i];
		uint64_t first, committed, keep, next;
		f->reader->ops->position(f->reader, &first, &committed, &keep, &next);
		if (f->duty == FEED_STORE)
			f->next = store_next_offset(e->store, (struct store_partition){(uint8_t)f->topic, f->partition});
		if (f->next < first && f->next == 0)
			f->next = first;
		int result = bus_seek(f->reader, f->next, error);
		if (result)
			return result;
	}
	return 0;
}

static int open_tickets(struct engine *e, struct error *error)
{
	static const enum bus_topic topics[] = {TOPIC_MATCHES, TOPIC_INCIDENTS};
	for (int i = 0; i < 2; i++) {
		uint32_t n = e->config.partitions[topics[i]];
		e->written[topics[i]] = env_zalloc(e->env, (n ? n : 1) * sizeof *e->written[0]);
		if (!e->written[topics[i]])
			return error_set(error, ERROR_MEMORY, "no memory for tickets");
	}
	return 0;
}

static int open_correlate(struct engine *e, struct error *error)
{
	const struct engine_config *c = &e->config;
	struct retiring *retiring = NULL;
	int result = engine_retiring_of(e, &retiring, error);
	if (!result && c->ruleset && (c->duties & DUTY_DETECT))
		result = open_detect(e, retiring, error);
	if (!result && c->shadow && (c->duties & DUTY_DETECT))
		result = open_shadow(e, error);
	if (!result && c->ruleset && (c->duties & DUTY_TEMPORAL))
		result = open_temporal(e, retiring, error);
	env_free(e->env, retiring);
	return result;
}

static int open_parts(struct engine *e, struct error *error)
{
	const struct engine_config *c = &e->config;
	int result = open_tickets(e, error);
	if (!result)
		result = open_writers(e, error);
	if (!result)
		result = open_correlate(e, error);
	if (!result && (c->duties & DUTY_STORE))
		result = open_store(e, error);
	if (!result && (c->duties & DUTY_STORE))
		result = incident_book_new(e->env, &e->book, error);
	if (!result)
		result = open_feeds(e, error);
	if (!result)
		engine_feeds_pair(e);
	return result;
}

int engine_open(struct engine *e, const struct env *env, const struct engine_config *config, struct bus *bus,
				struct error *error)
{
	*e = (struct engine){.env = env, .config = *config, .bus = bus, .committed_boot_ns = env_boot(env)};
	e->observed_ns = e->passed_ns = INT64_MIN;
	struct buffer checkpoint;
	buffer_init(&checkpoint, env);
	int result = engine_commit_open(e, &checkpoint, error);
	if (!result)
		result = open_parts(e, error);
	if (!result && checkpoint.len)
		result = engine_restore(e, buffer_slice(&checkpoint), error);
	if (!result && e->rebuild) {
		engine_rebuild(e, true);
		engine_all_judged(e);
	}
	if (!result)
		result = seek_feeds(e, error);
	if (!result)
		result = engine_note_activation(e, error);
	/* The epoch of a new series is on the medium before a row of it is: whoever starts after a crash goes on with it. */
	e->dirty = !result && e->new_series;
	if (e->dirty)
		result = engine_commit_now(e, error);
	buffer_free(&checkpoint);
	if (result)
		engine_close(e);
	return result;
}
