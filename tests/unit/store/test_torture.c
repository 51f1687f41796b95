/* Every call fails once, the power goes before every call: afterwards the store holds what it said, once. */
#include "store/scan.h"
#include "store/store.h"
#include "tests/unit/store/sample.h"

#include <errno.h>

#define BATCHES 3
#define ROWS 6
static const struct store_partition P = {0, 0};

struct story {
	struct fake *fake;
	struct slice batches[2 * BATCHES];
	struct store_config config;
	bool gap; /* the store told of a gap */
};

static void audit(void *ctx, enum row_kind kind, struct slice json)
{
	struct story *t = ctx;
	(void)json;
	t->gap |= kind == ROW_GAP;
}

static void begin(struct story *t, uint64_t seed)
{
	struct sample sample;
	memset(t, 0, sizeof *t);
	t->fake = fake_new(seed);
	sample_init(&sample, &t->fake->env, 9);
	for (uint32_t i = 0; i < 2 * BATCHES; i++) {
		struct batch_identity identity = sample_identity(3, 1, 0, i * ROWS);
		t->batches[i] = sample_syslog_batch(&sample, &identity, ROWS, SAMPLE_START);
	}
	sample_free(&sample);
	t->config = (struct store_config){.dir = "/s", .name = "s", .audit = audit, .ctx = t, .verify_read_back = true};
}

static void end(struct story *t)
{
	for (uint32_t i = 0; i < 2 * BATCHES; i++)
		free((void *)(uintptr_t)t->batches[i].ptr);
	if (fake_files_open(t->fake) != 0)
		fail_msg("%u files left open", fake_files_open(t->fake));
	assert_int_equal(t->fake->memory.outstanding, 0);
	fake_free(t->fake);
}

/* From where the store is: append what is missing up to batch `upto`, seal. 0 or the first error. */
static int feed(struct story *t, struct store *s, uint64_t upto)
{
	struct error error;
	for (uint64_t at = store_next_offset(s, P); at < upto; at++) {
		int result = store_append(s, P, at, t->batches[at], &error);
		if (result != 0)
			return result;
	}
	return store_step(s, true, &error);
}

/* Every row there, once, below the offset; the rest not. */
static void expect_rows(struct store *s, uint64_t batches)
{
	struct scan_hints hints = {.from_ns = INT64_MIN, .to_ns = INT64_MAX, .all_columns = true};
	struct store_scan *scan;
	struct scan_block block;
	struct error error;
	uint64_t seen[2 * BATCHES] = {0};
	assert_int_equal(store_scan_open(s, &hints, &scan, &error), 0);
	while (store_scan_next(scan, &block, &error) == 1) {
		assert_true(block.offset < 2 * BATCHES);
		assert_int_equal(block.batch->identity.first_sequence, block.offset * ROWS);
		seen[block.offset] += block.batch->row_count;
	}
	store_scan_close(scan);
	for (uint64_t i = 0; i < 2 * BATCHES; i++)
		if (seen[i] != (i < batches ? ROWS : 0))
			fail_msg("%llu rows of batch %llu, %llu batches expected", (unsigned long long)seen[i],
					 (unsigned long long)i, (unsigned long long)batches);
}

/* The store that comes up after whatever happened: never behind what was committed, and complete again once fed. */
static void expect_recovered(struct story *t, uint64_t committed)
{
	struct store *s;
	struct error error = {0};
	t->gap = false;
	if (store_open(&t->fake->env, &t->config, &s, &error) != 0)
		fail_msg("recovery: %s", error.text);
	uint64_t next = store_next_offset(s, P);
	assert_true(next >= committed);
	assert_int_equal(next, store_committed_offset(s, P));
	expect_rows(s, next);
	assert_int_equal(feed(t, s, 2 * BATCHES), 0);
	expect_rows(s, 2 * BATCHES);
	assert_false(t->gap);
	store_close(s);
	assert_int_equal(store_open(&t->fake->env, &t->config, &s, &error), 0);
	assert_int_equal(store_next_offset(s, P), 2 * BATCHES);
	expect_rows(s, 2 * BATCHES);
	store_close(s);
	struct buffer out;
	buffer_init(&out, &t->fake->env);
	assert_int_equal(store_fsck(&t->fake->env, "/s", NULL, NULL, &out, &error), 0);
	buffer_free(&out);
}

/* A first segment, without injections. */
static void first_segment(struct story *t)
{
	struct store *s;
	struct error error = {0};
	if (store_open(&t->fake->env, &t->config, &s, &error) != 0)
		fail_msg("open: %s", error.text);
	assert_int_equal(feed(t, s, BATCHES), 0);
	store_close(s);
	fake_files_reset(t->fake);
}

/* Opens and seals a second segment; says what the store said was committed. */
static uint64_t work(struct story *t)
{
	struct store *s;
	struct error error = {0};
	uint64_t committed = 0;
	if (store_open(&t->fake->env, &t->config, &s, &error) != 0)
		return 0;
	feed(t, s, 2 * BATCHES);
	/* What was refused once is tried again: a single failure is got over. */
	if (!(t->fake->files.fail_forever || t->fake->files.is_cut))
		feed(t, s, 2 * BATCHES);
	committed = store_committed_offset(s, P);
	store_close(s);
	return committed;
}

static void every_file_call_fails(void **state)
{
	static const int errors[] = {EIO, ENOSPC};
	uint64_t runs = 0;
	(void)state;
	for (unsigned e = 0; e < 2; e++)
		for (unsigned forever = 0; forever < 2; forever++)
			for (uint64_t n = 1;; n++) {
				struct story t;
				begin(&t, n);
				first_segment(&t);
				t.fake->files.fail_at = n;
				t.fake->files.fail_errno = errors[e];
				t.fake->files.fail_forever = forever;
				uint64_t committed = work(&t);
				bool reached = t.fake->files.failed > 0;
				fake_power_cut(t.fake, FAKE_CUT_KEEP_ALL);
				expect_recovered(&t, committed > BATCHES ? committed : BATCHES);
				end(&t);
				runs++;
				if (!reached)
					break;
			}
	print_message("%llu runs\n", (unsigned long long)runs);
}

static void every_allocation_fails(void **state)
{
	uint64_t runs = 0;
	(void)state;
	for (unsigned forever = 0; forever < 2; forever++)
		for (uint64_t n = 1;; n++) {
			struct story t;
			begin(&t, n);
			first_segment(&t);
			t.fake->memory.calls = 0;
			t.fake->memory.fail_at = n;
			t.fake->memory.fail_forever = forever;
			uint64_t committed = work(&t);
			bool reached = t.fake->memory.failed > 0;
			t.fake->memory.fail_at = 0;
			t.fake->memory.fail_forever = false;
			expect_recovered(&t, committed > BATCHES ? committed : BATCHES);
			end(&t);
			runs++;
			if (!reached)
				break;
		}
	print_message("%llu runs\n", (unsigned long long)runs);
}

static void the_power_goes_before_every_call(void **state)
{
	static const enum fake_cut cuts[] = {FAKE_CUT_LOSE_ALL, FAKE_CUT_KEEP_ALL, FAKE_CUT_RANDOM, FAKE_CUT_RANDOM};
	uint64_t runs = 0;
	(void)state;
	for (unsigned from_empty = 0; from_empty < 2; from_empty++)
		for (unsigned how = 0; how < 4; how++)
			for (uint64_t n = 1;; n++) {
				struct story t;
				begin(&t, n * 4 + how);
				if (!from_empty)
					first_segment(&t);
				t.fake->files.cut_at = n;
				uint64_t committed = work(&t);
				bool reached = t.fake->files.is_cut;
				fake_power_cut(t.fake, cuts[how]);
				expect_recovered(&t, committed);
				end(&t);
				runs++;
				if (!reached)
					break;
			}
	print_message("%llu power cuts\n", (unsigned long long)runs);
}

/* And while it recovers from the cut. */
static void the_power_goes_during_recovery(void **state)
{
	uint64_t runs = 0;
	(void)state;
	for (uint64_t first = 3; first < 60; first += 4)
		for (uint64_t n = 1;; n++) {
			struct story t;
			begin(&t, n * 64 + first);
			first_segment(&t);
			t.fake->files.cut_at = first;
			uint64_t committed = work(&t);
			fake_power_cut(t.fake, FAKE_CUT_RANDOM);
			t.fake->files.cut_at = n;
			struct store *s = NULL;
			if (store_open(&t.fake->env, &t.config, &s, NULL) == 0)
				store_close(s);
			bool reached = t.fake->files.is_cut;
			fake_power_cut(t.fake, FAKE_CUT_RANDOM);
			expect_recovered(&t, committed);
			end(&t);
			runs++;
			if (!reached)
				break;
		}
	print_message("%llu power cuts in recovery\n", (unsigned long long)runs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_file_call_fails),
		cmocka_unit_test(every_allocation_fails),
		cmocka_unit_test(the_power_goes_before_every_call),
		cmocka_unit_test(the_power_goes_during_recovery),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
