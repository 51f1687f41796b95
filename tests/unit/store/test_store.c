/* What goes into a store comes out of it, once, sealed or not, whatever happens in between. */
#include "store/scan.h"
#include "store/store.h"
#include "tests/unit/store/sample.h"

#include <errno.h>

struct story {
	struct fake *fake;
	struct sample sample;
	struct store *store;
	struct store_config config;
	uint64_t sequence[4];
	uint32_t gaps, audits;
	char last_audit[600];
};

static const struct store_partition P0 = {0, 0}, P1 = {0, 1};

static void audit(void *ctx, enum row_kind kind, struct slice json)
{
	struct story *t = ctx;
	t->gaps += kind == ROW_GAP;
	t->audits += kind == ROW_AUDIT;
	snprintf(t->last_audit, sizeof t->last_audit, "%.*s", SLICE_PRINT(json));
}

static void open_store(struct story *t)
{
	struct error error = {0};
	if (store_open(&t->fake->env, &t->config, &t->store, &error) != 0)
		fail_msg("store_open: %s", error.text);
}

static void begin(struct story *t, uint64_t seed)
{
	memset(t, 0, sizeof *t);
	t->fake = fake_new(seed);
	sample_init(&t->sample, &t->fake->env, seed);
	t->config = (struct store_config){.dir = "/data/store", .name = "s1", .audit = audit, .ctx = t};
	open_store(t);
}

static void end(struct story *t)
{
	store_close(t->store);
	sample_free(&t->sample);
	assert_int_equal(fake_files_open(t->fake), 0);
	assert_int_equal(t->fake->memory.outstanding, 0);
	fake_free(t->fake);
}

static void reopen(struct story *t)
{
	store_close(t->store);
	t->store = NULL;
	open_store(t);
}

static int append_at(struct story *t, struct store_partition p, uint64_t offset, uint64_t sequence, uint32_t rows,
					 struct error *error)
{
	struct batch_identity identity = sample_identity(7, 1, p.partition, sequence);
	struct slice octets = sample_syslog_batch(&t->sample, &identity, rows, env_now(&t->fake->env));
	int result = store_append(t->store, p, offset, octets, error);
	free((void *)(uintptr_t)octets.ptr);
	return result;
}

static void append(struct story *t, struct store_partition p, uint32_t rows)
{
	struct error error = {0};
	uint64_t offset = store_next_offset(t->store, p);
	if (append_at(t, p, offset, t->sequence[p.partition], rows, &error) != 0)
		fail_msg("append: %s", error.text);
	t->sequence[p.partition] += rows;
}

static void flush(struct story *t)
{
	struct error error = {0};
	if (store_step(t->store, true, &error) != 0)
		fail_msg("step: %s", error.text);
}

/* What a scan sees: rows, a digest of their octets that does not depend on the order, and whether bounds held. */
struct seen {
	uint64_t rows, digest, sealed_rows, next_sequence[4];
	uint32_t blocks;
};

static uint64_t row_digest(const struct batch *b, const struct batch_row *row, struct store_partition p,
						   uint64_t sequence)
{
	uint64_t d = xxh3(row->text) ^ sequence * 0x9e3779b97f4a7c15u ^ p.partition ^ (uint64_t)row->observed_ns;
	for (uint32_t i = 0; i < row->field_count; i++) {
		struct batch_value v;
		char scratch[16];
		batch_get_value(b, row, row->field_first + i, &v);
		d = d * 31 + xxh3(batch_name(b, v.name)) + xxh3(batch_value_text(&v, scratch)) + v.type;
	}
	return d + xxh3(batch_source_line(b, row->source)) + xxh3(batch_decoder_name(b, row->decoder, NULL));
}

static struct seen look(struct story *t, struct scan_hints hints)
{
	struct seen seen = {0};
	struct store_scan *scan;
	struct scan_block block;
	struct error error = {0};
	int result;
	int64_t bound = INT64_MIN;
	if (hints.descending)
		bound = INT64_MAX;
	assert_int_equal(store_scan_open(t->store, &hints, &scan, &error), 0);
	while ((result = store_scan_next(scan, &block, &error)) == 1) {
		const struct batch *batch;
		assert_int_equal(store_scan_whole(scan, &batch, &error), 1);
		assert_int_equal(batch->row_count, block.batch->row_count);
		seen.blocks++;
		for (uint32_t i = 0; i < batch->row_count; i++) {
			struct batch_row row;
			if (block.skip && block.skip[i / 64] >> i % 64 & 1)
				continue;
			batch_get_row(batch, i, &row);
			int64_t when = batch_row_when(&row);
			assert_true(hints.descending ? when <= bound : when >= bound);
			seen.rows++;
			seen.sealed_rows += block.sealed;
			seen.digest += row_digest(batch, &row, block.partition, batch->identity.first_sequence + i);
		}
		bound = block.bound;
	}
	if (result != 0)
		fail_msg("scan: %s", error.text);
	store_scan_close(scan);
	return seen;
}

static const struct scan_hints ALL = {.from_ns = INT64_MIN, .to_ns = INT64_MAX, .all_columns = true};

/* ---- stories ---- */

static void rows_are_seen_before_and_after_sealing(void **state)
{
	struct story t;
	(void)state;
	begin(&t, 1);
	for (int i = 0; i < 5; i++) {
		append(&t, P0, 100);
		append(&t, P1, 50);
		fake_clock_advance(t.fake, NS_PER_S);
	}
	struct seen tail = look(&t, ALL);
	assert_int_equal(tail.rows, 750);
	assert_int_equal(tail.sealed_rows, 0);
	assert_int_equal(store_committed_offset(t.store, P0), 0);
	flush(&t);
	struct seen sealed = look(&t, ALL);
	assert_int_equal(sealed.sealed_rows, 750);
	assert_int_equal(sealed.digest, tail.digest);
	assert_int_equal(store_committed_offset(t.store, P0), 5);
	append(&t, P0, 10);
	assert_int_equal(look(&t, ALL).rows, 760);
	reopen(&t);
	assert_int_equal(store_next_offset(t.store, P0), 5);
	struct seen again = look(&t, ALL);
	assert_int_equal(again.digest, tail.digest);
	struct scan_hints hints = ALL;
	hints.descending = true;
	assert_int_equal(look(&t, hints).digest, tail.digest);
	/* Narrow blocks lead to the same whole rows. */
	struct slice columns[] = {SLICE("source.ip"), SLICE("process.pid")};
	hints = (struct scan_hints){.from_ns = INT64_MIN, .to_ns = INT64_MAX, .columns = columns, .column_count = 2};
	assert_int_equal(look(&t, hints).digest, tail.digest);
	struct store_stats stats;
	store_stats(t.store, &stats);
	assert_int_equal(stats.segments, 2);
	assert_int_equal(stats.rows, 750);
	assert_int_equal(t.gaps + t.audits, 0);
	end(&t);
}

static void narrow_rows_hold_what_was_asked(void **state)
{
	struct story t;
	(void)state;
	begin(&t, 2);
	append(&t, P0, 200);
	flush(&t);
	struct slice columns[] = {SLICE("source.ip"), SLICE("message")};
	struct scan_hints hints = {.from_ns = INT64_MIN, .to_ns = INT64_MAX, .columns = columns, .column_count = 2};
	struct store_scan *scan;
	struct scan_block block;
	struct error error;
	uint32_t found = 0;
	assert_int_equal(store_scan_open(t.store, &hints, &scan, &error), 0);
	assert_int_equal(store_scan_next(scan, &block, &error), 1);
	assert_false(block.whole);
	struct batch narrow = *block.batch;
	const struct batch *whole;
	assert_int_equal(store_scan_whole(scan, &whole, &error), 1);
	for (uint32_t i = 0; i < narrow.row_count; i++) {
		struct batch_row a, b;
		struct batch_value x, y;
		batch_get_row(&narrow, i, &a);
		batch_get_row(whole, i, &b);
		assert_true(a.field_count < b.field_count);
		for (unsigned k = 0; k < 2; k++) {
			bool has = batch_find(whole, &b, columns[k], &y);
			assert_int_equal(batch_find(&narrow, &a, columns[k], &x), has);
			assert_true(!has || slice_equal(x.text, y.text));
			found += has;
		}
	}
	assert_true(found > 200);
	store_scan_close(scan);
	end(&t);
}

static void duplicates_are_skipped_and_jumps_told(void **state)
{
	struct story t;
	struct error error;
	(void)state;
	begin(&t, 3);
	assert_int_equal(append_at(&t, P0, 0, 0, 100, &error), 0);
	assert_int_equal(append_at(&t, P0, 1, 0, 100, &error), 0); /* all known */
	assert_int_equal(append_at(&t, P0, 2, 60, 100, &error), 0); /* 40 known, 60 new */
	assert_int_equal(look(&t, ALL).rows, 160);
	assert_int_equal(t.gaps, 0);
	assert_int_equal(append_at(&t, P0, 3, 170, 10, &error), 0); /* 160..169 are missing */
	assert_int_equal(t.gaps, 1);
	assert_non_null(strstr(t.last_audit, "\"first_sequence\":160,\"rows\":10"));
	flush(&t);
	assert_int_equal(look(&t, ALL).rows, 170);
	reopen(&t);
	assert_int_equal(append_at(&t, P0, 4, 100, 100, &error), 0); /* 80 known also after a restart */
	assert_int_equal(look(&t, ALL).rows, 190);
	assert_int_equal(append_at(&t, P0, 2, 0, 50, &error), 0); /* an offset below the next one: read again */
	assert_int_equal(look(&t, ALL).rows, 190);
	struct store_stats stats;
	store_stats(t.store, &stats);
	assert_int_equal(stats.duplicates, 80);
	assert_int_equal(append_at(&t, P0, 9, 200, 1, &error), 0); /* bus records 5..8 are missing */
	assert_int_equal(t.gaps, 2);
	end(&t);
}

static void a_batch_that_does_not_validate_is_kept_whole(void **state)
{
	struct story t;
	struct error error;
	(void)state;
	begin(&t, 4);
	struct batch_identity identity = sample_identity(7, 1, 0, 0);
	struct slice octets = sample_syslog_batch(&t.sample, &identity, 20, env_now(&t.fake->env));
	((uint8_t *)(uintptr_t)octets.ptr)[200] ^= 1;
	assert_int_equal(store_append(t.store, P0, 0, octets, &error), 0);
	assert_int_equal(t.audits, 1);
	assert_int_equal(append_at(&t, P0, 1, 20, 5, &error), 0);
	assert_int_equal(t.gaps, 1);
	assert_non_null(strstr(t.last_audit, "\"quarantined_offset\":0"));
	flush(&t);
	struct scan_hints hints = ALL;
	hints.kinds = 1u << ROW_QUARANTINE;
	struct store_scan *scan;
	struct scan_block block;
	struct batch_row row;
	assert_int_equal(store_scan_open(t.store, &hints, &scan, &error), 0);
	assert_int_equal(store_scan_next(scan, &block, &error), 1);
	batch_get_row(block.batch, 0, &row);
	assert_int_equal(row.kind, ROW_QUARANTINE);
	assert_true(slice_equal(row.original, octets));
	assert_int_equal(block.batch->identity.epoch, 0);
	assert_int_equal(block.batch->identity.first_sequence, 0);
	store_scan_close(scan);
	/* Of another partition: not ours to believe either. */
	assert_int_equal(store_append(t.store, P1, 0, SLICE("not a batch"), &error), 0);
	assert_int_equal(look(&t, ALL).rows, 7);
	free((void *)(uintptr_t)octets.ptr);
	end(&t);
}

/* A record that others read too: offered again after a refusal, for whatever want of memory, its rows count once. */
static void a_held_record_is_taken_once(void **state)
{
	struct story t;
	struct error error;
	(void)state;
	begin(&t, 41);
	uint64_t refused = 0;
	for (uint64_t offset = 0; offset < 80; offset++) {
		struct batch_identity identity = sample_identity(7, 1, 0, offset ? offset * 20 - 3 : 0); /* 3 known already */
		struct slice octets = sample_syslog_batch(&t.sample, &identity, offset ? 23 : 20, env_now(&t.fake->env));
		bool bad = offset % 4 == 2;
		if (bad)
			((uint8_t *)(uintptr_t)octets.ptr)[200] ^= 1;
		struct tail_batch *held;
		assert_int_equal(store_hold(t.store, octets, &held, &error), 0);
		assert_true(slice_equal(store_held_octets(held), octets));
		assert_int_equal(store_held_batch(held) == NULL, bad);
		t.fake->memory.calls = t.fake->memory.failed = 0;
		t.fake->memory.fail_at = offset % 3 + 1;
		int result = store_append_held(t.store, P0, offset, held, &error);
		t.fake->memory.fail_at = 0;
		refused += result != 0;
		if (result)
			assert_int_equal(store_append_held(t.store, P0, offset, held, &error), 0);
		assert_int_equal(store_append_held(t.store, P0, offset, held, &error), 0); /* here already */
		store_release(held);
		free((void *)(uintptr_t)octets.ptr);
	}
	assert_in_range(refused, 10, 80);
	struct store_stats stats;
	store_stats(t.store, &stats);
	assert_int_equal(stats.quarantined, 20);
	uint64_t rows = 40 * 20 + 20 * 23 + 20; /* 23 after one that went to quarantine */
	assert_int_equal(stats.rows_tail, rows);
	assert_int_equal(look(&t, ALL).rows, rows);
	flush(&t);
	assert_int_equal(look(&t, ALL).rows, rows);
	end(&t);
}

static void sealing_happens_when_due(void **state)
{
	struct story t;
	struct error error;
	(void)state;
	begin(&t, 5);
	t.config.segment_rows = 500;
	reopen(&t);
	append(&t, P0, 300);
	assert_int_equal(store_step(t.store, false, &error), 0);
	assert_int_equal(store_committed_offset(t.store, P0), 0);
	append(&t, P0, 300); /* more than one segment takes */
	assert_int_equal(store_step(t.store, false, &error), 0);
	assert_int_equal(store_committed_offset(t.store, P0), 1);
	fake_clock_advance(t.fake, 59 * NS_PER_S);
	assert_int_equal(store_step(t.store, false, &error), 0);
	assert_int_equal(store_committed_offset(t.store, P0), 1);
	fake_clock_advance(t.fake, 2 * NS_PER_S);
	assert_int_equal(store_step(t.store, false, &error), 0);
	assert_int_equal(store_committed_offset(t.store, P0), 2);
	/* The month changes. */
	fake_clock_set(t.fake, INT64_C(1769903999) * NS_PER_S); /* 2026-01-31T23:59:59Z */
	append(&t, P0, 10);
	fake_clock_advance(t.fake, NS_PER_S);
	append(&t, P0, 10);
	assert_int_equal(store_step(t.store, false, &error), 0);
	assert_int_equal(store_committed_offset(t.store, P0), 3);
	end(&t);
}

static struct slice tick_batch(struct story *t, uint64_t sequence)
{
	struct batch_identity identity = sample_identity(7, 1, 0, sequence);
	batch_begin(t->sample.builder, &identity, 0, env_now(&t->fake->env));
	assert_int_equal(batch_row(t->sample.builder, ROW_TICK, env_now(&t->fake->env), SLICE_NONE), 0);
	assert_int_equal(batch_row_end(t->sample.builder), 0);
	return sample_take(&t->sample);
}

static void ticks_move_marks_and_offsets_only(void **state)
{
	struct story t;
	struct error error;
	(void)state;
	begin(&t, 6);
	for (uint64_t i = 0; i < 10; i++) {
		struct slice octets = tick_batch(&t, i);
		assert_int_equal(store_append(t.store, P0, i, octets, &error), 0);
		free((void *)(uintptr_t)octets.ptr);
	}
	fake_clock_advance(t.fake, 61 * NS_PER_S);
	assert_int_equal(store_step(t.store, false, &error), 0);
	assert_int_equal(store_committed_offset(t.store, P0), 10);
	reopen(&t);
	assert_int_equal(store_next_offset(t.store, P0), 10);
	assert_int_equal(append_at(&t, P0, 10, 10, 5, &error), 0);
	assert_int_equal(t.gaps, 0);
	struct slice octets = tick_batch(&t, 15);
	assert_int_equal(store_append(t.store, P0, 11, octets, &error), 0);
	free((void *)(uintptr_t)octets.ptr);
	assert_int_equal(append_at(&t, P0, 12, 16, 5, &error), 0);
	flush(&t);
	assert_int_equal(look(&t, ALL).rows, 10);
	assert_int_equal(t.gaps, 0);
	end(&t);
}

static void time_and_words_pass_over_what_cannot_match(void **state)
{
	struct story t;
	struct error error;
	(void)state;
	begin(&t, 7);
	for (int i = 0; i < 4; i++) {
		append(&t, P0, 50);
		flush(&t);
		fake_clock_advance(t.fake, 100 * NS_PER_S);
	}
	struct scan_hints hints = ALL;
	hints.from_ns = SAMPLE_START + 90 * NS_PER_S;
	hints.to_ns = SAMPLE_START + 210 * NS_PER_S;
	assert_int_equal(look(&t, hints).rows, 100);
	struct scan_literal literal = {SLICE("failed password"), true, true};
	hints = ALL;
	hints.literals = &literal;
	hints.literal_count = 1;
	assert_int_equal(look(&t, hints).rows, 200);
	literal.folded = SLICE("zebrafish");
	struct store_scan *scan;
	struct scan_block block;
	struct scan_stats stats;
	assert_int_equal(store_scan_open(t.store, &hints, &scan, &error), 0);
	assert_int_equal(store_scan_next(scan, &block, &error), 0);
	store_scan_stats(scan, &stats);
	assert_int_equal(stats.items_passed_over, 4);
	store_scan_close(scan);
	literal.whole_left = false; /* it may be the end of a longer word: nothing can be passed over */
	assert_int_equal(look(&t, hints).rows, 200);
	end(&t);
}

static void what_a_scan_pins_stays(void **state)
{
	struct story t;
	struct error error;
	(void)state;
	begin(&t, 8);
	append(&t, P0, 30);
	append(&t, P0, 30);
	struct store_scan *scan;
	struct scan_block block;
	uint32_t rows = 0;
	assert_int_equal(store_scan_open(t.store, &ALL, &scan, &error), 0);
	assert_int_equal(store_scan_next(scan, &block, &error), 1);
	rows += block.batch->row_count;
	flush(&t);
	append(&t, P0, 30);
	assert_int_equal(block.batch->row_count, 30);
	while (store_scan_next(scan, &block, &error) == 1)
		rows += block.batch->row_count;
	assert_int_equal(rows, 60);
	store_scan_close(scan);
	end(&t);
}

/* ---- recovery ---- */

struct first_segment {
	char path[200];
};

static int take_segment(void *arg, const char *path)
{
	struct first_segment *first = arg;
	if (!slice_ends(slice_str(path), SLICE(".seg")) || strstr(path, "orphan"))
		return 0;
	snprintf(first->path, sizeof first->path, "%s", path);
	return 1;
}

static void an_orphan_is_put_aside(void **state)
{
	struct story t;
	(void)state;
	begin(&t, 9);
	append(&t, P0, 30);
	flush(&t);
	struct first_segment first = {""};
	fake_file_each(t.fake, take_segment, &first);
	size_t len;
	uint8_t *octets = fake_file_get(t.fake, first.path, &len);
	fake_file_put(t.fake, "/data/store/segments/0000000000000009-0123456789abcdef.seg", octets, len);
	fake_file_put(t.fake, "/data/store/segments/.tmp-00", "x", 1);
	reopen(&t);
	struct store_stats stats;
	store_stats(t.store, &stats);
	assert_int_equal(stats.orphans, 1);
	assert_true(fake_file_exists(t.fake, "/data/store/orphan/0000000000000009-0123456789abcdef.seg"));
	assert_false(fake_file_exists(t.fake, "/data/store/segments/.tmp-00"));
	assert_int_equal(look(&t, ALL).rows, 30);
	end(&t);
}

static void a_missing_segment_is_a_gap_and_the_rest_is_served(void **state)
{
	struct story t;
	(void)state;
	begin(&t, 10);
	append(&t, P0, 30);
	flush(&t);
	struct first_segment first = {""};
	fake_file_each(t.fake, take_segment, &first);
	append(&t, P0, 20);
	flush(&t);
	store_close(t.store);
	assert_int_equal(t.fake->env.files.unlink(t.fake->env.files.ctx, first.path), 0);
	open_store(&t);
	assert_int_equal(t.gaps, 1);
	assert_non_null(strstr(t.last_audit, "segment missing"));
	struct seen seen = look(&t, ALL);
	assert_int_equal(seen.rows, 20);
	append(&t, P0, 5);
	flush(&t);
	assert_int_equal(look(&t, ALL).rows, 25);
	end(&t);
}

static void segments_without_their_log_are_refused(void **state)
{
	struct story t;
	struct error error = {0};
	(void)state;
	begin(&t, 11);
	append(&t, P0, 30);
	flush(&t);
	store_close(t.store);
	t.store = NULL;
	assert_int_equal(t.fake->env.files.unlink(t.fake->env.files.ctx, "/data/store/commit.log"), 0);
	assert_int_equal(store_open(&t.fake->env, &t.config, &t.store, &error), -ERROR_DAMAGED);
	assert_null(t.store);
	end(&t);
}

static void a_full_disk_makes_it_wait_and_go_on(void **state)
{
	struct story t;
	struct error error = {0};
	(void)state;
	begin(&t, 12);
	t.config.tail_bytes_max = 400000;
	reopen(&t);
	append(&t, P0, 200);
	t.fake->files.capacity = fake_files_used(t.fake) + 100;
	assert_int_equal(store_step(t.store, true, &error), -ERROR_FULL);
	assert_true(error.flags & ERROR_RETRIABLE);
	int result = 0;
	for (int i = 0; i < 100 && result == 0; i++) {
		result = append_at(&t, P0, store_next_offset(t.store, P0), t.sequence[0] + 200, 200, &error);
		t.sequence[0] += result == 0 ? 200 : 0;
		fake_clock_advance(t.fake, NS_PER_S);
		store_step(t.store, false, NULL);
	}
	assert_int_equal(result, -ERROR_FULL);
	assert_true(error.flags & ERROR_RETRIABLE);
	uint64_t rows = look(&t, ALL).rows;
	assert_int_equal(store_committed_offset(t.store, P0), 0);
	t.fake->files.capacity = 0;
	fake_clock_advance(t.fake, 2 * NS_PER_S);
	assert_int_equal(store_append(t.store, P1, 0, SLICE("x"), &error), 0);
	flush(&t);
	assert_int_equal(look(&t, ALL).rows, rows + 1);
	reopen(&t);
	assert_int_equal(look(&t, ALL).rows, rows + 1);
	end(&t);
}

static void after_three_failed_syncs_nothing_is_stored(void **state)
{
	struct story t;
	struct error error = {0};
	(void)state;
	begin(&t, 13);
	append(&t, P0, 20);
	t.fake->files.fail_kinds = FAKE_BIT(FAKE_SYNC);
	t.fake->files.calls = 0;
	t.fake->files.fail_at = 1;
	flush(&t); /* one failure: made anew, and stored */
	assert_int_equal(store_committed_offset(t.store, P0), 1);
	append(&t, P0, 20);
	t.fake->files.calls = 0;
	t.fake->files.fail_at = 1;
	t.fake->files.fail_forever = true;
	assert_int_equal(store_step(t.store, true, &error), -ERROR_IO);
	assert_true(error.flags & ERROR_FATAL);
	assert_non_null(strstr(error.text, "storage failure"));
	fake_files_reset(t.fake);
	assert_int_equal(store_step(t.store, true, &error), -ERROR_IO);
	assert_true(append_at(&t, P0, 2, 40, 1, &error) < 0);
	assert_int_equal(store_committed_offset(t.store, P0), 1);
	reopen(&t);
	assert_int_equal(look(&t, ALL).rows, 20);
	assert_int_equal(store_next_offset(t.store, P0), 1);
	end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_seen_before_and_after_sealing),
		cmocka_unit_test(narrow_rows_hold_what_was_asked),
		cmocka_unit_test(duplicates_are_skipped_and_jumps_told),
		cmocka_unit_test(a_batch_that_does_not_validate_is_kept_whole),
		cmocka_unit_test(a_held_record_is_taken_once),
		cmocka_unit_test(sealing_happens_when_due),
		cmocka_unit_test(ticks_move_marks_and_offsets_only),
		cmocka_unit_test(time_and_words_pass_over_what_cannot_match),
		cmocka_unit_test(what_a_scan_pins_stays),
		cmocka_unit_test(an_orphan_is_put_aside),
		cmocka_unit_test(a_missing_segment_is_a_gap_and_the_rest_is_served),
		cmocka_unit_test(segments_without_their_log_are_refused),
		cmocka_unit_test(a_full_disk_makes_it_wait_and_go_on),
		cmocka_unit_test(after_three_failed_syncs_nothing_is_stored),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
