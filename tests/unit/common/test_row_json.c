/* How a row looks as JSON. */
#include "common/clock.h"
#include "common/row_json.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define NOW INT64_C(1767225600000000000)

struct scene {
	struct fake *fake;
	struct dictionary dictionary;
	struct batch_builder *builder;
	struct batch batch;
};

static void scene_init(struct scene *s)
{
	struct batch_identity identity = {.epoch = 1};
	s->fake = fake_new(1);
	assert_int_equal(dictionary_init(&s->dictionary, &s->fake->env, 1), 0);
	s->builder = batch_builder_new(&s->fake->env, &s->dictionary);
	assert_non_null(s->builder);
	batch_begin(s->builder, &identity, 0, NOW);
}

static void scene_free(struct scene *s)
{
	batch_builder_free(s->builder);
	dictionary_free(&s->dictionary);
	fake_free(s->fake);
}

static void field(struct scene *s, const char *name, enum value_type type, struct slice value)
{
	assert_true(batch_field_slice(s->builder, dictionary_intern(&s->dictionary, slice_str(name)), type, value) >= 0);
}

static void expect(struct scene *s, const char *wanted)
{
	struct slice octets;
	struct error error = {0};
	struct batch_row row;
	struct buffer out;
	struct json_writer w;
	assert_int_equal(batch_finish(s->builder, &octets, &error), 0);
	assert_int_equal(batch_open(&s->batch, octets, &error), 0);
	batch_get_row(&s->batch, 0, &row);
	buffer_init(&out, &s->fake->env);
	json_writer_init(&w, &out);
	json_object(&w);
	row_json(&w, &s->batch, &row);
	json_object_end(&w);
	buffer_add_octet(&out, 0);
	assert_string_equal((const char *)out.ptr, wanted);
	buffer_free(&out);
}

static void test_whole(void **state)
{
	(void)state;
	struct scene s;
	uint16_t decoder;
	scene_init(&s);
	assert_true(batch_row(s.builder, ROW_EVENT, NOW + 1, SLICE("a \"line\"\n")) >= 0);
	assert_int_equal(batch_decoder(s.builder, SLICE("nginx"), 2, &decoder), 0);
	batch_row_tables(s.builder, BATCH_NO_INDEX, decoder, BATCH_NO_INDEX);
	batch_row_time(s.builder, NOW - NS_PER_S, TIME_PRESENT | TIME_ZONE_INFERRED | TIME_YEAR_INFERRED);
	batch_row_flags(s.builder, 0, CHARSET_UTF8, FORMAT_RFC3164);
	field(&s, "x", VALUE_STRING, SLICE("one"));
	field(&s, "y", VALUE_U64, SLICE("18446744073709551615"));
	field(&s, "x", VALUE_NULL, SLICE_NONE);
	field(&s, "x", VALUE_F64, SLICE("1.0e+2"));
	field(&s, "z", VALUE_F64, SLICE("NaN"));
	field(&s, "b", VALUE_BOOL, SLICE("false"));
	assert_true(batch_field_small(s.builder, dictionary_intern(&s.dictionary, SLICE("s")), 4294967295u) >= 0);
	assert_true(batch_row_end(s.builder) >= 0);
	expect(&s,
		   "{\"time\":\"2025-12-31T23:59:59Z\",\"time_quality\":[\"zone_inferred\",\"year_inferred\"],"
		   "\"observed\":\"2026-01-01T00:00:00.000000001Z\",\"original\":\"a \\\"line\\\"\\n\",\"format\":\"rfc3164\","
		   "\"decoder\":\"nginx\",\"fields\":{\"x\":[\"one\",null,1.0e+2],\"y\":18446744073709551615,\"z\":\"NaN\","
		   "\"b\":false,\"s\":4294967295}}");
	scene_free(&s);
}

static void test_bare(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	assert_true(batch_row(s.builder, ROW_EVENT, NOW, SLICE("\xff\x00")) >= 0);
	batch_row_tables(s.builder, BATCH_NO_INDEX, BATCH_NO_INDEX, BATCH_NO_INDEX);
	assert_true(batch_row_end(s.builder) >= 0);
	expect(&s,
		   "{\"time\":null,\"time_quality\":null,\"observed\":\"2026-01-01T00:00:00Z\",\"original_base64\":\"/wA=\","
		   "\"format\":\"plain\",\"decoder\":null,\"fields\":{}}");
	scene_free(&s);
}

static void test_numbers(void **state)
{
	(void)state;
	static const char *const yes[] = {"0", "-0", "1", "-12", "1.5", "0.0", "1e5", "1E-5", "-1.5e+10"};
	static const char *const no[] = {"",    "-",   "01", "1.", ".5",  "+1",    "1e",
									 "1e+", "0x1", "1 ", " 1", "--1", "1.5.5", "NaN"};
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		assert_true(json_is_number(slice_str(yes[i]), NULL));
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		assert_false(json_is_number(slice_str(no[i]), NULL));
	bool whole;
	assert_true(json_is_number(SLICE("-5"), &whole) && whole);
	assert_true(json_is_number(SLICE("5e1"), &whole) && !whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_whole), cmocka_unit_test(test_bare),
									   cmocka_unit_test(test_numbers)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
