/* A segment of which an octet was changed, or an end cut off: it is noticed, or the answer is the same; nothing falls
 * over, and the row groups that were not touched are read.
 */
#include "store/segment_check.h"
#include "tests/unit/store/sample.h"

#define GROUPS 3

struct story {
	struct fake *fake;
	uint8_t *octets;
	size_t len;
	uint64_t digests[GROUPS];
	size_t group_begin[GROUPS], group_end[GROUPS];
};

static uint64_t read_group(struct segment *s, uint32_t number, int *result)
{
	struct segment_rows rows;
	struct error error;
	uint64_t digest = 0;
	*result = segment_rows_open(&rows, s, number, &error);
	if (*result != 0)
		return 0;
	*result = group_load_all(&rows.group, &error);
	struct group *g = &rows.group;
	for (uint32_t i = 0; *result == 0 && i < g->from.rows; i++) {
		struct group_row row;
		*result = group_next(g, true, &row, &error);
		if (*result != 0)
			break;
		digest =
			digest * 31 + xxh3(row.text) + (uint64_t)row.time_ns + (uint64_t)row.observed_ns * 7 + row.original_len;
		for (uint32_t f = 0; f < row.field_count; f++)
			digest = digest * 31 + row.fields[f].offset + row.fields[f].len + row.fields[f].small + row.fields[f].type +
					 xxh3(g->names[row.fields[f].name]);
	}
	segment_rows_close(&rows);
	return digest;
}

static void begin(struct story *t)
{
	struct sample sample;
	struct error error;
	struct segment s;
	int result;
	t->fake = fake_new(1);
	sample_init(&sample, &t->fake->env, 5);
	struct batch_identity identity = sample_identity(1, 1, 0, 0);
	struct slice octets = sample_syslog_batch(&sample, &identity, 2 * GROUPS, SAMPLE_START), file;
	struct batch batch;
	assert_int_equal(batch_open(&batch, octets, &error), 0);
	struct row_run run = {&batch, 4, 0, batch.row_count};
	struct segment_mark mark = {{0}, 1, 0, 2 * GROUPS};
	memset(mark.collector, 1, 16);
	struct segment_input input = {.runs = &run,
								  .run_count = 1,
								  .marks = &mark,
								  .mark_count = 1,
								  .first_offset = 4,
								  .last_offset = 4,
								  .group_rows = 2};
	struct segment_writer *w = segment_writer_new(&t->fake->env, 0);
	assert_int_equal(segment_build(w, &input, &file, &error), 0);
	assert_int_equal(segment_verify(&t->fake->env, file, &input, &error), 0);
	t->len = file.len;
	t->octets = malloc(t->len);
	memcpy(t->octets, file.ptr, t->len);
	assert_int_equal(segment_open_image(&s, &t->fake->env, file, &error), 0);
	assert_int_equal(s.index.group_count, GROUPS);
	for (uint32_t g = 0; g < GROUPS; g++) {
		const struct segment_group *group = &s.index.groups[g];
		t->digests[g] = read_group(&s, g, &result);
		assert_int_equal(result, 0);
		t->group_begin[g] = group->columns[0].offset;
		t->group_end[g] =
			group->columns[group->column_count - 1].offset + group->columns[group->column_count - 1].stored;
	}
	segment_close(&s);
	segment_writer_free(w);
	sample_free(&sample);
	free((void *)(uintptr_t)octets.ptr);
}

static void end(struct story *t)
{
	free(t->octets);
	assert_int_equal(t->fake->memory.outstanding, 0);
	fake_free(t->fake);
}

/* What a reader of this file gets, with octet `at` changed. */
static void try_octet(struct story *t, size_t at, uint32_t *detected)
{
	struct segment s;
	struct error error;
	uint32_t bad = 0;
	if (segment_open_image(&s, &t->fake->env, slice_of(t->octets, t->len), &error) != 0) {
		++*detected;
		assert_false(at >= t->group_begin[0] && at < t->group_end[GROUPS - 1]);
		return;
	}
	for (uint32_t g = 0; g < GROUPS; g++) {
		int result;
		uint64_t digest = read_group(&s, g, &result);
		bool touched = at >= t->group_begin[g] && at < t->group_end[g];
		if (result == 0)
			assert_int_equal(digest, t->digests[g]);
		else
			assert_true(touched);
		if (touched && result == 0)
			result = segment_check_group(&s, g, &error); /* the filter, which rows do not need */
		bad += result != 0;
	}
	*detected += bad > 0;
	segment_close(&s);
}

static void every_octet_changed_is_noticed(void **state)
{
	struct story t;
	uint32_t tried = 0, detected = 0;
	(void)state;
	begin(&t);
	for (size_t at = 0; at < t.len; at++) {
		uint8_t was = t.octets[at];
		for (unsigned way = 0; way < 10; way++) {
			t.octets[at] = (uint8_t)(way < 8 ? was ^ 1u << way : way == 8 ? 0u : 0xffu);
			if (t.octets[at] == was)
				continue;
			uint32_t before = detected;
			try_octet(&t, at, &detected);
			if (detected == before)
				fail_msg("octet %zu from %02x to %02x was not noticed", at, was, t.octets[at]);
			tried++;
		}
		t.octets[at] = was;
	}
	print_message("%u changes of %zu octets, %u noticed\n", tried, t.len, detected);
	end(&t);
}

static void every_cut_is_noticed(void **state)
{
	struct story t;
	struct segment s;
	struct error error;
	(void)state;
	begin(&t);
	for (size_t len = 0; len < t.len; len++) {
		uint8_t *copy = malloc(len + 1);
		memcpy(copy, t.octets, len);
		assert_int_not_equal(segment_open_image(&s, &t.fake->env, slice_of(copy, len), &error), 0);
		free(copy);
	}
	uint8_t *longer = calloc(1, t.len + 8);
	memcpy(longer, t.octets, t.len);
	assert_int_not_equal(segment_open_image(&s, &t.fake->env, slice_of(longer, t.len + 8), &error), 0);
	free(longer);
	end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_octet_changed_is_noticed),
		cmocka_unit_test(every_cut_is_noticed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
