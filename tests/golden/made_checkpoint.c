/* The checkpoints of detect and temporal: made in the middle of a small story, and told by going on from them. And a checkpoint
 * of temporal with the spill files that it names. */
#include "tests/golden/golden.h"

#include "correlate/correlate.h"

#include <stdio.h>

#define RECORDS 8
#define SPILL_DIR "spill/files"
#define SPILL_USERS 24u
#define SPILL_WINDOW_BYTES 2600u

static const char rules[] = "title: Login failed\n"
							"id: 11111111-1111-4111-8111-111111111111\n"
							"name: failed\n"
							"status: stable\n"
							"logsource:\n"
							"    product: golden\n"
							"detection:\n"
							"    one:\n"
							"        action: failed\n"
							"    condition: one\n"
							"level: low\n"
							"---\n"
							"title: Login\n"
							"id: 22222222-2222-4222-8222-222222222222\n"
							"name: login\n"
							"status: stable\n"
							"logsource:\n"
							"    product: golden\n"
							"detection:\n"
							"    one:\n"
							"        action: login\n"
							"    condition: one\n"
							"level: low\n"
							"---\n"
							"title: Two failures\n"
							"id: 33333333-3333-4333-8333-333333333333\n"
							"name: two\n"
							"status: stable\n"
							"correlation:\n"
							"    type: event_count\n"
							"    rules:\n"
							"        - failed\n"
							"    group-by:\n"
							"        - user\n"
							"    timespan: 1m\n"
							"    condition:\n"
							"        gte: 2\n"
							"level: medium\n"
							"---\n"
							"title: Two addresses\n"
							"id: 44444444-4444-4444-8444-444444444444\n"
							"name: addresses\n"
							"status: stable\n"
							"correlation:\n"
							"    type: value_count\n"
							"    rules:\n"
							"        - failed\n"
							"    group-by:\n"
							"        - user\n"
							"    timespan: 1m\n"
							"    condition:\n"
							"        field: ip\n"
							"        gte: 2\n"
							"level: medium\n"
							"---\n"
							"title: Failures and a login\n"
							"id: 55555555-5555-4555-8555-555555555555\n"
							"name: story\n"
							"status: stable\n"
							"correlation:\n"
							"    type: temporal_ordered\n"
							"    rules:\n"
							"        - two\n"
							"        - login\n"
							"    group-by:\n"
							"        - user\n"
							"    timespan: 5m\n"
							"level: high\n";

struct stages {
	struct fake *fake;
	struct ruleset *ruleset;
	struct detect *detect;
	struct temporal *temporal;
	struct buffer matches[RECORDS]; /* what was put on the one partition of matches */
	uint32_t match_count, incident_count;
	struct buffer *out; /* incidents are told here, if there is a place */
};

static int take_matches(void *ctx, uint32_t partition, struct slice record)
{
	struct stages *s = ctx;
	CHECK(partition == 0 && s->match_count < RECORDS);
	buffer_init(&s->matches[s->match_count], &s->fake->env);
	buffer_add_slice(&s->matches[s->match_count++], record);
	return 0;
}

static int take_incidents(void *ctx, uint32_t partition, struct slice octets)
{
	struct stages *s = ctx;
	struct batch batch;
	struct batch_row row;
	CHECK(partition == 0 && batch_open(&batch, octets, NULL) == 0);
	s->incident_count++;
	for (uint32_t i = 0; s->out != NULL && i < batch.row_count; i++) {
		batch_get_row(&batch, i, &row);
		buffer_add_format(s->out, "  %llu.%llu kind %u: ", (unsigned long long)batch.identity.epoch,
						  (unsigned long long)batch.identity.first_sequence + i, row.kind);
		buffer_add_slice(s->out, row.original);
		buffer_add_octet(s->out, '\n');
	}
	return 0;
}

/* spill: little memory for windows, and files for what finds no room in it. */
static void stages_init(struct stages *s, struct fake *fake, struct buffer *out, bool spill)
{
	static const char *const paths[] = {"rules"};
	static const uint32_t zero[] = {0};
	struct ruleset_options options = {0};
	struct ruleset_counts counts;
	struct correlate_sink sink = {take_matches, take_incidents, s};
	*s = (struct stages){.fake = fake, .out = out};
	fake_file_put(fake, "rules/golden.yml", rules, sizeof rules - 1);
	CHECK(ruleset_load(&fake->env, paths, 1, &options, NULL, NULL, &s->ruleset, &counts, NULL) == 0);
	CHECK(counts.loaded == 5);
	struct detect_config detect = {.ruleset = s->ruleset,
								   .matches_partitions = 1,
								   .incidents_partitions = 1,
								   .events_partitions = zero,
								   .events_count = 1,
								   .collector = {0xdd},
								   .epoch = 4,
								   .sink = sink};
	struct temporal_config temporal = {.ruleset = s->ruleset,
									   .matches_partitions = 1,
									   .incidents_partitions = 1,
									   .events_partitions = 1,
									   .owned = zero,
									   .owned_count = 1,
									   .collector = {0xcc},
									   .epoch = 6,
									   .window_bytes = spill ? SPILL_WINDOW_BYTES : 0,
									   .spill_dir = spill ? SPILL_DIR : NULL,
									   .spill_keep = spill,
									   .sink = sink};
	CHECK(detect_new(&fake->env, &detect, &s->detect, NULL) == 0);
	CHECK(temporal_new(&fake->env, &temporal, &s->temporal, NULL) == 0);
}

static void stages_free(struct stages *s)
{
	detect_free(s->detect);
	temporal_free(s->temporal);
	ruleset_release(s->ruleset);
	for (uint32_t i = 0; i < s->match_count; i++)
		buffer_free(&s->matches[i]);
}

/* ---- events ---- */

static void event(struct batch_builder *b, struct dictionary *names, unsigned second, const char *action,
				  const char *user, const char *ip)
{
	uint16_t source, logsource;
	int64_t at = GOLDEN_START + second * NS_PER_S;
	CHECK(batch_row(b, ROW_EVENT, GOLDEN_START + 3 * NS_PER_S, slice_str(action)) == 0);
	batch_row_time(b, at, TIME_PRESENT);
	CHECK(batch_source(b, SLICE("ip 192.0.2.1"), &source) == 0);
	CHECK(batch_logsource(b, &(struct logsource){.product = SLICE("golden")}, &logsource) == 0);
	batch_row_tables(b, source, BATCH_NO_INDEX, logsource);
	CHECK(batch_field_slice(b, dictionary_intern(names, SLICE("action")), VALUE_STRING, slice_str(action)) == 0);
	CHECK(batch_field_slice(b, dictionary_intern(names, SLICE("user")), VALUE_STRING, slice_str(user)) == 0);
	CHECK(batch_field_slice(b, dictionary_intern(names, SLICE("ip")), VALUE_ADDRESS, slice_str(ip)) == 0);
	CHECK(batch_row_end(b) == 0);
}

static void story(struct batch_builder *b, struct dictionary *names, unsigned part)
{
	if (part == 0) {
		event(b, names, 0, "failed", "Root", "192.0.2.7");
		event(b, names, 1, "failed", "root", "192.0.2.8");
		event(b, names, 2, "failed", "operator", "192.0.2.7");
	} else {
		event(b, names, 3, "login", "root", "192.0.2.9");
	}
}

/* Failures of many users; one more of two of them, then their logins. */
static void flood(struct batch_builder *b, struct dictionary *names, unsigned part)
{
	char user[16];
	if (part == 0)
		for (unsigned i = 0; i < SPILL_USERS; i++) {
			snprintf(user, sizeof user, i % 5 == 0 ? "User%02u" : "user%02u", i);
			event(b, names, i / 10, "failed", user, "192.0.2.7");
		}
	else
		for (unsigned i = 0; i < 2; i++) {
			snprintf(user, sizeof user, "user%02u", i);
			event(b, names, 3, "failed", user, "192.0.2.8");
			event(b, names, 4, "login", user, "192.0.2.8");
		}
}

/* A batch: `part` 0 is before the checkpoint, 1 after it. */
static void feed(struct stages *s, unsigned part,
				 void (*tale)(struct batch_builder *b, struct dictionary *names, unsigned part))
{
	struct dictionary names;
	struct slice octets;
	struct batch_identity identity = {
		.collector = {0xa0}, .epoch = 3, .first_sequence = part * (tale == story ? 4 : SPILL_USERS + 1)};
	CHECK(dictionary_init(&names, &s->fake->env, 0) == 0);
	struct batch_builder *b = batch_builder_new(&s->fake->env, &names);
	CHECK(b != NULL);
	batch_begin(b, &identity, 0, GOLDEN_START);
	tale(b, &names, part);
	CHECK(batch_row(b, ROW_TICK, GOLDEN_START + 3 * NS_PER_S, SLICE_NONE) == 0 && batch_row_end(b) == 0);
	CHECK(batch_finish(b, &octets, NULL) == 0);
	CHECK(detect_record(s->detect, 0, part, octets, NULL) == 0 && detect_flush(s->detect, NULL) == 0);
	batch_builder_free(b);
	dictionary_free(&names);
}

/* What is on matches, what temporal itself puts there included. */
static void correlate(struct stages *s, uint64_t offset)
{
	for (uint32_t i = 0; i < s->match_count; i++) {
		CHECK(temporal_record(s->temporal, 0, offset + i, buffer_slice(&s->matches[i]), NULL) == 0);
		CHECK(temporal_flush(s->temporal, NULL) == 0);
	}
}

/* ---- making and telling ---- */

void make_checkpoint(struct fake *fake)
{
	struct stages s;
	struct buffer octets;
	stages_init(&s, fake, NULL, false);
	feed(&s, 0, story);
	correlate(&s, 0);
	buffer_init(&octets, &fake->env);
	CHECK(detect_save(s.detect, &octets) == 0);
	fake_file_put(fake, "checkpoint/detect", octets.ptr, octets.len);
	buffer_reset(&octets);
	CHECK(temporal_save(s.temporal, &octets) == 0);
	fake_file_put(fake, "checkpoint/temporal", octets.ptr, octets.len);
	buffer_free(&octets);
	stages_free(&s);
}

/* What was restored is all that was saved: saved again it has the size it had (groups may stand in another order). */
static void tell_again(struct fake *fake, const char *path, size_t again, struct buffer *out)
{
	size_t len;
	CHECK(fake_file_get(fake, path, &len) != NULL);
	buffer_add_format(out, "%s: %zu octets, saved again %zu\n", path, len, again);
}

static int tell_detect(struct stages *s, struct buffer *out, struct error *error)
{
	size_t len;
	const uint8_t *octets = fake_file_get(s->fake, "checkpoint/detect", &len);
	struct buffer again;
	struct detect_stats stats;
	int result = detect_restore(s->detect, slice_of(octets, len), error);
	if (result < 0)
		return result;
	buffer_init(&again, &s->fake->env);
	CHECK(detect_save(s->detect, &again) == 0);
	tell_again(s->fake, "checkpoint/detect", again.len, out);
	buffer_free(&again);
	feed(s, 0, story);
	feed(s, 1, story);
	detect_stats(s->detect, &stats);
	buffer_add_format(out, "  going on: rows %llu duplicates %llu gaps %llu matches %llu\n",
					  (unsigned long long)stats.rows, (unsigned long long)stats.duplicates,
					  (unsigned long long)stats.gaps, (unsigned long long)stats.matches);
	return 0;
}

static int tell_temporal(struct stages *s, struct buffer *out, struct error *error)
{
	size_t len;
	const uint8_t *octets = fake_file_get(s->fake, "checkpoint/temporal", &len);
	struct buffer again;
	struct temporal_stats stats;
	int result = temporal_restore(s->temporal, slice_of(octets, len), error);
	if (result < 0)
		return result;
	buffer_init(&again, &s->fake->env);
	CHECK(temporal_save(s->temporal, &again) == 0);
	tell_again(s->fake, "checkpoint/temporal", again.len, out);
	buffer_free(&again);
	uint64_t position = temporal_position(s->temporal, 0);
	buffer_add_format(out, "  position %llu keep-from %llu\n", (unsigned long long)position,
					  (unsigned long long)temporal_keep_from(s->temporal, 0));
	correlate(s, position);
	CHECK(temporal_end(s->temporal, NULL) == 0 && temporal_flush(s->temporal, NULL) == 0);
	temporal_stats(s->temporal, &stats);
	buffer_add_format(out, "  going on: matches %llu provisional %llu final %llu\n", (unsigned long long)stats.matches,
					  (unsigned long long)stats.provisional, (unsigned long long)stats.final);
	return 0;
}

int tell_checkpoint(struct fake *fake, struct buffer *out, struct error *error)
{
	struct stages s;
	stages_init(&s, fake, out, false);
	int result = tell_detect(&s, out, error);
	if (result == 0)
		result = tell_temporal(&s, out, error);
	stages_free(&s);
	return result;
}

/* ---- the same with files ---- */

void make_spill(struct fake *fake)
{
	struct stages s;
	struct buffer octets;
	struct temporal_stats stats;
	const struct env_files *f = &fake->env.files;
	CHECK(f->mkdir(f->ctx, "spill") == 0 && f->mkdir(f->ctx, SPILL_DIR) == 0);
	stages_init(&s, fake, NULL, true);
	feed(&s, 0, flood);
	correlate(&s, 0);
	buffer_init(&octets, &fake->env);
	CHECK(temporal_save(s.temporal, &octets) == 0);
	temporal_stats(s.temporal, &stats);
	CHECK(stats.spilled_keys > 0 && stats.refused_keys == 0);
	fake_file_put(fake, "spill/temporal", octets.ptr, octets.len);
	buffer_free(&octets);
	stages_free(&s);
}

static int spill_goes_on(struct stages *s, struct buffer *out, struct error *error)
{
	size_t len;
	const uint8_t *octets = fake_file_get(s->fake, "spill/temporal", &len);
	struct temporal_stats stats;
	int result = temporal_restore(s->temporal, slice_of(octets, len), error);
	if (result < 0)
		return result;
	temporal_stats(s->temporal, &stats);
	buffer_add_format(out, "spill/temporal: %zu octets, windows %llu, of them on disk %llu, in %llu octets\n", len,
					  (unsigned long long)stats.windows, (unsigned long long)stats.spilled_keys,
					  (unsigned long long)stats.spill_bytes);
	feed(s, 1, flood);
	correlate(s, temporal_position(s->temporal, 0));
	temporal_stats(s->temporal, &stats);
	buffer_add_format(out, "  came back %llu\n", (unsigned long long)stats.unspilled);
	CHECK(temporal_end(s->temporal, NULL) == 0 && temporal_flush(s->temporal, NULL) == 0);
	temporal_stats(s->temporal, &stats);
	buffer_add_format(out, "  at the end: windows %llu final %llu\n", (unsigned long long)stats.windows,
					  (unsigned long long)stats.final);
	return 0;
}

int tell_spill(struct fake *fake, struct buffer *out, struct error *error)
{
	struct stages s;
	stages_init(&s, fake, out, true);
	int result = spill_goes_on(&s, out, error);
	stages_free(&s);
	return result;
}
