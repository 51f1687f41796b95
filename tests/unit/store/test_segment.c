/* A segment gives back what went in: a usual mix, and rows made to be trouble. */
#include "store/segment.h"
#include "tests/unit/store/sample.h"

#include <zstd.h>

#define BATCHES_MAX 64

struct story {
	struct fake *fake;
	struct sample sample;
	struct segment_writer *writer;
	struct slice octets[BATCHES_MAX];
	struct batch batches[BATCHES_MAX];
	struct row_run runs[BATCHES_MAX];
	struct segment_mark mark;
	struct segment_input input;
	uint32_t count;
	uint64_t sequence;
};

static void begin(struct story *t, uint64_t seed)
{
	memset(t, 0, sizeof *t);
	t->fake = fake_new(seed);
	sample_init(&t->sample, &t->fake->env, seed);
	t->writer = segment_writer_new(&t->fake->env, 0);
	assert_non_null(t->writer);
	t->input = (struct segment_input){.uuid = {1, 2, 3},
									  .partition = {0, 2},
									  .runs = t->runs,
									  .marks = &t->mark,
									  .mark_count = 1,
									  .first_offset = 100,
									  .first_leaf = 7,
									  .made_ns = 5};
}

static void end(struct story *t)
{
	for (uint32_t i = 0; i < t->count; i++)
		free((void *)(uintptr_t)t->octets[i].ptr);
	segment_writer_free(t->writer);
	sample_free(&t->sample);
	assert_int_equal(t->fake->memory.outstanding, 0);
	fake_free(t->fake);
}

static void add(struct story *t, struct slice octets)
{
	struct error error;
	uint32_t i = t->count++;
	t->octets[i] = octets;
	assert_int_equal(batch_open(&t->batches[i], octets, &error), 0);
	t->runs[i] = (struct row_run){&t->batches[i], 100 + i * 3, 0, t->batches[i].row_count};
	t->sequence += t->batches[i].row_count;
	t->input.run_count = t->count;
	t->input.last_offset = t->runs[i].offset;
}

static struct slice build(struct story *t)
{
	struct slice file;
	struct error error = {0};
	if (segment_build(t->writer, &t->input, &file, &error) != 0)
		fail_msg("build: %s", error.text);
	if (segment_verify(&t->fake->env, file, &t->input, &error) != 0)
		fail_msg("verify: %s", error.text);
	return file;
}

static void usual_mix_comes_back_and_is_small(void **state)
{
	struct story t;
	(void)state;
	begin(&t, 1);
	for (uint32_t i = 0; i < 16; i++) {
		struct batch_identity identity = sample_identity(1, 3, 2, t.sequence);
		add(&t, sample_syslog_batch(&t.sample, &identity, 1024, SAMPLE_START + i * 100 * NS_PER_MS));
	}
	struct slice file = build(&t);
	size_t bound = ZSTD_compressBound(t.sample.raw.len);
	void *room = malloc(bound);
	size_t zstd = ZSTD_compress(room, bound, t.sample.raw.ptr, t.sample.raw.len, 3);
	free(room);
	print_message("raw %zu octets, zstd -3 %zu, segment %zu: %.2f of zstd, %.2f octets a row\n", t.sample.raw.len, zstd,
				  file.len, (double)file.len / (double)zstd, (double)file.len / (16 * 1024));
	assert_true(file.len <= zstd);
	end(&t);
}

static void wild_rows_come_back(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 12; seed++) {
		struct story t;
		begin(&t, seed);
		for (uint32_t i = 0; i < 8; i++) {
			struct batch_identity identity = sample_identity((uint8_t)(i % 3), i, 2, t.sequence);
			batch_begin(t.sample.builder, &identity, i % 2, SAMPLE_START + i * NS_PER_S);
			uint32_t rows = 1 + sample_below(&t.sample, 60);
			for (uint32_t k = 0; k < rows && batch_builder_bytes(t.sample.builder) < 2000000; k++)
				sample_wild_row(&t.sample, SAMPLE_START + i * NS_PER_S + sample_below(&t.sample, 2000000000));
			add(&t, sample_take(&t.sample));
		}
		build(&t);
		end(&t);
	}
}

static void parts_of_batches_are_taken(void **state)
{
	struct story t;
	(void)state;
	begin(&t, 3);
	struct batch_identity identity = sample_identity(1, 1, 2, 0);
	add(&t, sample_syslog_batch(&t.sample, &identity, 100, SAMPLE_START));
	t.runs[0].first = 40;
	t.runs[0].count = 17;
	struct slice file = build(&t);
	struct segment s;
	struct error error;
	assert_int_equal(segment_open_image(&s, &t.fake->env, file, &error), 0);
	assert_int_equal(s.index.rows, 17);
	segment_close(&s);
	/* And what was not put in is noticed. */
	t.runs[0].count = 18;
	assert_int_equal(segment_verify(&t.fake->env, file, &t.input, &error), -ERROR_DAMAGED);
	t.runs[0].count = 17;
	t.runs[0].first = 41;
	assert_int_equal(segment_verify(&t.fake->env, file, &t.input, &error), -ERROR_DAMAGED);
	end(&t);
}

/* ---- the filter: the words as the format says them, found again by a slow and plain way ---- */

static bool word_octet(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

static uint64_t expect_plain_words(struct slice filter, struct slice text)
{
	static uint8_t word[400000];
	uint64_t words = 0;
	for (size_t i = 0; i < text.len; i++) {
		size_t len = 0;
		for (; i < text.len && word_octet(text.ptr[i]); i++)
			word[len++] = (uint8_t)(text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? text.ptr[i] + 32 : text.ptr[i]);
		words += len > 0;
		if (len > 0 && !filter_may_hold(filter, slice_of(word, len), true, true))
			fail_msg("the word \"%.*s\" is not in the filter", (int)len, (const char *)word);
	}
	return words;
}

static uint64_t expect_words(struct slice filter, struct slice text)
{
	static uint8_t folded[1200000];
	uint64_t words = expect_plain_words(filter, text);
	return words + expect_plain_words(filter, slice_of(folded, fold(text, folded)));
}

static uint64_t expect_words_of_row(struct slice filter, const struct batch *b, uint32_t index)
{
	struct batch_row row;
	batch_get_row(b, index, &row);
	uint64_t words = expect_words(filter, row.original) + expect_words(filter, slice_from(row.text, row.original.len));
	for (uint32_t i = 0; i < row.field_count; i++) {
		struct batch_value value;
		char scratch[12];
		batch_get_value(b, &row, row.field_first + i, &value);
		words += expect_words(filter, batch_value_text(&value, scratch));
	}
	return words;
}

/* How many of 10,000 words that nobody wrote the filter takes for there. */
static uint32_t false_positives(struct slice filter)
{
	uint32_t taken = 0;
	for (unsigned i = 0; i < 10000; i++) {
		char word[32];
		int len = snprintf(word, sizeof word, i % 2 ? "absent_%u" : "no%u", 70000000 + i);
		taken += filter_may_hold(filter, slice_of(word, (size_t)len), true, true);
	}
	return taken;
}

static void expect_filters(struct story *t, struct slice file)
{
	struct segment s;
	uint32_t run = 0, row = 0;
	assert_int_equal(segment_open_image(&s, &t->fake->env, file, NULL), 0);
	for (uint32_t g = 0; g < s.index.group_count; g++) {
		struct arena arena;
		struct slice filter;
		uint64_t words = 0;
		arena_init(&arena, &t->fake->env, 0);
		const struct segment_column *column = segment_find(&s.index.groups[g], COLUMN_FILTER, 0);
		assert_int_equal(segment_fetch(&s, g, column, &arena, &filter, NULL), 0);
		assert_true(filter.len > 0);
		for (uint32_t i = 0; i < s.index.groups[g].rows; i++) {
			words += expect_words_of_row(filter, &t->batches[run], row);
			if (++row == t->batches[run].row_count) {
				row = 0;
				run++;
			}
		}
		uint32_t taken = false_positives(filter);
		print_message("row group %u: %llu words looked up, false positives %u of 10,000\n", g,
					  (unsigned long long)words, taken);
		assert_true(taken < 700);
		arena_free(&arena);
	}
	segment_close(&s);
}

static void no_word_is_missing_in_the_filter(void **state)
{
	(void)state;
	for (uint64_t seed = 21; seed <= 23; seed++) {
		struct story t;
		begin(&t, seed);
		for (uint32_t i = 0; i < 24; i++) {
			struct batch_identity identity = sample_identity(1, 3, 2, t.sequence);
			batch_begin(t.sample.builder, &identity, 0, SAMPLE_START + i * NS_PER_S);
			for (uint32_t k = 0; k < 50 && batch_builder_bytes(t.sample.builder) < 2000000; k++) {
				if (k % 2)
					sample_wild_row(&t.sample, SAMPLE_START + i * NS_PER_S + k);
				else
					sample_syslog_row(&t.sample, SAMPLE_START + i * NS_PER_S + k);
			}
			add(&t, sample_take(&t.sample));
		}
		expect_filters(&t, build(&t));
		end(&t);
	}
}

/* ---- rows by shape ---- */

/* Always the same fields, never in the same places: more shapes than are kept at once. */
static void add_scattered_row(struct sample *s, int64_t observed_ns)
{
	static const char alphabet[] = "ab Z01.-:=\"/";
	uint8_t text[300];
	char name[24];
	for (unsigned i = 0; i < sizeof text; i++)
		text[i] = (uint8_t)alphabet[sample_below(s, sizeof alphabet - 1)];
	assert_int_equal(batch_row(s->builder, ROW_EVENT, observed_ns, slice_of(text, sizeof text)), 0);
	for (unsigned i = 0; i < 30; i++) {
		uint32_t from = sample_below(s, sizeof text), len = sample_below(s, sizeof text - from);
		snprintf(name, sizeof name, "field.%u", i);
		uint32_t id = dictionary_intern(&s->dictionary, slice_str(name));
		assert_int_equal(batch_field(s->builder, id, VALUE_STRING, from, i % 3 ? len % 12 : len), 0);
	}
	assert_int_equal(batch_row_end(s->builder), 0);
}

static void ever_new_shapes_come_back(void **state)
{
	struct story t;
	(void)state;
	begin(&t, 31);
	for (uint32_t i = 0; i < 50; i++) {
		struct batch_identity identity = sample_identity(1, 3, 2, t.sequence);
		batch_begin(t.sample.builder, &identity, 0, SAMPLE_START + i * NS_PER_S);
		for (uint32_t k = 0; k < 50; k++)
			if (k % 5)
				add_scattered_row(&t.sample, SAMPLE_START + i * NS_PER_S + k);
			else
				sample_syslog_row(&t.sample, SAMPLE_START + i * NS_PER_S + k);
		add(&t, sample_take(&t.sample));
	}
	expect_filters(&t, build(&t));
	end(&t);
}

static void add_field_at(struct sample *s, const char *name, uint32_t from, uint32_t len)
{
	uint32_t id = dictionary_intern(&s->dictionary, slice_str(name));
	assert_int_equal(batch_field(s->builder, id, VALUE_STRING, from, len), 0);
}

/* A line that begins with its first field, and one with the same fields behind a blank: rows of two shapes, in either
 * order, also when the field is empty or the only one. */
static void a_field_at_the_very_front_makes_a_shape_of_its_own(void **state)
{
	static const struct {
		uint32_t from, len;
	} places[] = {{0, 3}, {1, 3}, {0, 0}, {2, 0}, {0, 10}, {4, 6}, {0, 3}, {3, 3}};
	(void)state;
	for (unsigned more = 0; more < 2; more++) {
		for (unsigned turn = 0; turn < 2; turn++) {
			struct story t;
			begin(&t, 41);
			struct batch_identity identity = sample_identity(1, 3, 2, t.sequence);
			batch_begin(t.sample.builder, &identity, 0, SAMPLE_START);
			for (unsigned i = 0; i < 8; i++) {
				unsigned at = turn ? 7 - i : i;
				assert_int_equal(batch_row(t.sample.builder, ROW_EVENT, SAMPLE_START, SLICE("abc def 12")), 0);
				add_field_at(&t.sample, "first", places[at].from, places[at].len);
				if (more)
					add_field_at(&t.sample, "second", 8, 2);
				assert_int_equal(batch_row_end(t.sample.builder), 0);
			}
			add(&t, sample_take(&t.sample));
			expect_filters(&t, build(&t));
			end(&t);
		}
	}
}

/* A value of many, two of few, and the same the other way round, without anything between: what the word over the ends of
 * the few is depends on the octet beside them, which is not the template's. */
static void add_joined_row(struct sample *s, uint32_t i, bool joins)
{
	char line[80];
	const char *first = i % 2 ? "lefter" : "left", *second = i % 2 ? "upper" : "up";
	int len = snprintf(line, sizeof line, "q%u%c%sright.%slow%c%uq", 1000 + i, joins ? 'x' : '-', first, second,
					   joins ? 'x' : '-', 9000 + i);
	const uint32_t lens[] = {6, (uint32_t)strlen(first), 5, 1, (uint32_t)strlen(second), 3, 6};
	static const char *const names[] = {"value", "first", "right", "point", "second", "low", "other"};
	assert_int_equal(batch_row(s->builder, ROW_EVENT, SAMPLE_START, slice_of(line, (size_t)len)), 0);
	for (uint32_t k = 0, at = 0; k < 7; at += lens[k++])
		add_field_at(s, names[k], at, lens[k]);
	if (i % 4 == 0) /* and one over their ends, in rows whose words are others */
		add_field_at(s, "both", 6, lens[1] + 5);
	assert_int_equal(batch_row_end(s->builder), 0);
}

static void words_over_ends_of_fields_are_there(void **state)
{
	(void)state;
	for (uint32_t turn = 0; turn < 2; turn++) {
		struct story t;
		begin(&t, 41 + turn);
		struct batch_identity identity = sample_identity(1, 3, 2, 0);
		batch_begin(t.sample.builder, &identity, 0, SAMPLE_START);
		for (uint32_t i = 0; i < 1500; i++)
			add_joined_row(&t.sample, i, i < 100 || i > 700 ? turn : !turn);
		add(&t, sample_take(&t.sample));
		expect_filters(&t, build(&t));
		end(&t);
	}
}

/* Fields beside each other: some never change, some now and then, one gets too many values for the template, one is short
 * or prose. What joins over an end between two that stay is a word, too. */
static void add_steady_row(struct sample *s, uint32_t i)
{
	char line[400], texts[8][64];
	const uint32_t now = i % 97 < 9 ? i / 97 : 0, turn = sample_below(s, 40);
	snprintf(texts[0], sizeof texts[0], "steady%u", now);
	snprintf(texts[1], sizeof texts[1], "%s",
			 turn == 1 ? "_more than sixteen octets, seldom" : "_more than sixteen octets");
	snprintf(texts[2], sizeof texts[2], "x%u", turn == 2 ? 1u : 0u);
	snprintf(texts[3], sizeof texts[3], "v%u", i < 1000 ? i % 7 / 6 : i);
	snprintf(texts[4], sizeof texts[4], "%s", turn == 3 ? "-prose of many words in a field" : "-few");
	snprintf(texts[5], sizeof texts[5], "%s", turn == 4 ? "ends" : "end");
	snprintf(texts[6], sizeof texts[6], "here");
	snprintf(texts[7], sizeof texts[7], " a port %u of the last %s", i % 300, turn == 5 ? "field" : "one");
	uint32_t at = 0, places[9];
	for (uint32_t k = 0; k < 8; k++) {
		places[k] = at;
		at += (uint32_t)snprintf(line + at, sizeof line - at, "%s", texts[k]);
	}
	places[8] = at;
	assert_int_equal(batch_row(s->builder, ROW_EVENT, SAMPLE_START, slice_of(line, at)), 0);
	for (uint32_t k = 0; k < 8; k++)
		add_field_at(s, (const char *[]){"a", "b", "c", "d", "e", "f", "g", "h"}[k], places[k],
					 places[k + 1] - places[k]);
	add_field_at(s, "over", places[5], places[7] - places[5]);
	assert_int_equal(batch_row_end(s->builder), 0);
}

static void rows_that_hardly_change_come_back(void **state)
{
	struct story t;
	(void)state;
	for (uint64_t seed = 61; seed < 65; seed++) {
		begin(&t, seed);
		for (uint32_t i = 0; i < 5; i++) {
			struct batch_identity identity = sample_identity(1, 3, 2, t.sequence);
			batch_begin(t.sample.builder, &identity, 0, SAMPLE_START);
			for (uint32_t k = 0; k < 500; k++)
				add_steady_row(&t.sample, i * 500 + k);
			add(&t, sample_take(&t.sample));
		}
		expect_filters(&t, build(&t));
		end(&t);
	}
}

/* Six values in each of five fields: 7,776 rows of which no two are the same. */
static void few_values_in_many_fields_make_few_templates(void **state)
{
	struct story t;
	struct segment s;
	struct segment_rows rows;
	(void)state;
	begin(&t, 71);
	struct batch_identity identity = sample_identity(1, 3, 2, 0);
	batch_begin(t.sample.builder, &identity, 0, SAMPLE_START);
	for (uint32_t i = 0; i < 7776; i++) {
		char line[40];
		snprintf(line, sizeof line, "w=%c x=%c y=%c z=%c u=%c", 'a' + (int)(i % 6), 'a' + (int)(i / 6 % 6),
				 'a' + (int)(i / 36 % 6), 'a' + (int)(i / 216 % 6), 'a' + (int)(i / 1296));
		assert_int_equal(batch_row(t.sample.builder, ROW_EVENT, SAMPLE_START, slice_of(line, 19)), 0);
		for (uint32_t k = 0; k < 5; k++)
			add_field_at(&t.sample, (const char *[]){"w", "x", "y", "z", "u"}[k], 4 * k + 2, 1);
		assert_int_equal(batch_row_end(t.sample.builder), 0);
	}
	add(&t, sample_take(&t.sample));
	assert_int_equal(segment_open_image(&s, &t.fake->env, build(&t), NULL), 0);
	assert_int_equal(segment_rows_open(&rows, &s, 0, NULL), 0);
	assert_true(rows.group.template_count < 300);
	segment_rows_close(&rows);
	segment_close(&s);
	end(&t);
}

/* ---- what verifying must notice ---- */

enum difference {
	NO_DIFFERENCE,
	OTHER_NAME,
	OTHER_TYPE,
	OTHER_PLACE,
	OTHER_LENGTH,
	OTHER_NUMBER,
	NULL_FOR_NUMBER,
	NULL_FOR_EMPTY,
	FIELD_LESS,
	OTHER_ORIGINAL,
	OTHER_OCTET,
	OTHER_TIME,
	OTHER_QUALITY,
	OTHER_OBSERVED,
	OTHER_FLAGS,
	OTHER_SOURCE,
	OTHER_VERSION,
	DIFFERENCES
};

/* Text of which all parts are alike, so that places can differ and nothing else does. */
static void add_uniform_row(struct sample *s, uint32_t size, enum difference d)
{
	static uint8_t text[80000];
	uint16_t source, decoder;
	uint32_t offset, original = size - (d == OTHER_ORIGINAL ? 9 : 8);
	uint32_t one = dictionary_intern(&s->dictionary, SLICE("one")),
			 two = dictionary_intern(&s->dictionary, SLICE("two"));
	memset(text, 'a', size);
	text[size / 2] = d == OTHER_OCTET ? 'b' : 'a';
	assert_int_equal(batch_row(s->builder, ROW_EVENT, SAMPLE_START + (d == OTHER_OBSERVED), slice_of(text, original)),
					 0);
	assert_int_equal(batch_row_derive(s->builder, slice_of(text + original, size - original), &offset), 0);
	batch_field(s->builder, d == OTHER_NAME ? two : one, d == OTHER_TYPE ? VALUE_TIME : VALUE_STRING,
				d == OTHER_PLACE ? 5 : 4, d == OTHER_LENGTH ? 8 : 9);
	if (d == NULL_FOR_NUMBER)
		batch_field(s->builder, two, VALUE_NULL, 0, 0);
	else
		batch_field_small(s->builder, two, d == OTHER_NUMBER ? 70000 : 7);
	batch_field(s->builder, one, d == NULL_FOR_EMPTY ? VALUE_NULL : VALUE_STRING, 0, 0);
	if (d != FIELD_LESS)
		batch_field_small(s->builder, two, 0);
	batch_source(s->builder, d == OTHER_SOURCE ? SLICE("ip 10.0.0.2") : SLICE("ip 10.0.0.1"), &source);
	batch_decoder(s->builder, SLICE("uniform"), d == OTHER_VERSION ? 2 : 1, &decoder);
	batch_row_time(s->builder, SAMPLE_START + (d == OTHER_TIME),
				   d == OTHER_QUALITY ? TIME_PRESENT | TIME_LEAP : TIME_PRESENT);
	batch_row_tables(s->builder, source, decoder, BATCH_NO_INDEX);
	batch_row_flags(s->builder, d == OTHER_FLAGS ? ROW_PARTIAL : 0, CHARSET_UTF8, FORMAT_PLAIN);
	assert_int_equal(batch_row_end(s->builder), 0);
}

static struct slice uniform_batch(struct story *t, uint32_t size, enum difference d)
{
	struct batch_identity identity = sample_identity(1, 1, 2, 0);
	batch_begin(t->sample.builder, &identity, 0, SAMPLE_START);
	for (uint32_t i = 0; i < 4; i++)
		add_uniform_row(&t->sample, size, i == 2 ? d : NO_DIFFERENCE);
	return sample_take(&t->sample);
}

/* A segment of some rows, verified against others. */
static void every_difference_is_noticed(void **state)
{
	(void)state;
	for (uint32_t turn = 0; turn < 2 * DIFFERENCES; turn++) {
		struct story t;
		struct error error;
		uint32_t size = turn < DIFFERENCES ? 100 : 70000; /* a field is then more than eight octets of the batch */
		enum difference d = (enum difference)(turn % DIFFERENCES);
		begin(&t, 51);
		add(&t, uniform_batch(&t, size, NO_DIFFERENCE));
		struct slice file = build(&t), other = uniform_batch(&t, size, d);
		assert_int_equal(batch_open(&t.batches[0], other, &error), 0);
		int result = segment_verify(&t.fake->env, file, &t.input, &error);
		if (result != (d == NO_DIFFERENCE ? 0 : -ERROR_DAMAGED))
			fail_msg("difference %d in rows of %u octets: %d", d, size, result);
		free((void *)(uintptr_t)other.ptr);
		end(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ever_new_shapes_come_back),
		cmocka_unit_test(a_field_at_the_very_front_makes_a_shape_of_its_own),
		cmocka_unit_test(every_difference_is_noticed),
		cmocka_unit_test(no_word_is_missing_in_the_filter),
		cmocka_unit_test(parts_of_batches_are_taken),
		cmocka_unit_test(usual_mix_comes_back_and_is_small),
		cmocka_unit_test(wild_rows_come_back),
		cmocka_unit_test(words_over_ends_of_fields_are_there),
		cmocka_unit_test(rows_that_hardly_change_come_back),
		cmocka_unit_test(few_values_in_many_fields_make_few_templates),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
