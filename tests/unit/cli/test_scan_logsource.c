#include "tests/unit/cli/rig.h"

#include "cli/scan_logsource.h"

static void lines_lose_the_field(void **state)
{
	static const struct {
		const char *line, *left;
		uint32_t count;
		const char *product; /* of the first */
	} cases[] = {
		{"{\"a\":1,\"ls\":[[\"p\",null,\"s\"]],\"b\":2}", "{\"a\":1,\"b\":2}", 1, "p"},
		{"{\"ls\":[[\"p\",\"c\",\"s\"],[null,null,null]],\"b\":2}", "{\"b\":2}", 2, "p"},
		{"{\"a\":1 , \"ls\":[[\"q\",null,null]]}", "{\"a\":1 }", 1, "q"},
		{"{\"ls\":[]}", "{}", 0, NULL},
		{"{\"ls\":null,\"a\":{\"ls\":1}}", "{\"a\":{\"ls\":1}}", 0, NULL},
		{"{\"ls\":{\"x\":[1]},\"a\":1}", "{\"a\":1}", 0, NULL},
		{"{\"a\":{\"ls\":[[\"p\"]]}}", "{\"a\":{\"ls\":[[\"p\"]]}}", 0, NULL},
		{"{\"ls\":[[\"a\",\"b\",\"c\",\"d\"]]}", "{}", 1, "a"},
		{"no json", "no json", 0, NULL},
		{"", "", 0, NULL},
		{"[1]", "[1]", 0, NULL},
		{"{\"a\":1,\"ls\":[[\"p\"", "{\"a\":1,\"ls\":[[\"p\"", 0, NULL},
	};
	struct fake *fake = fake_new(1);
	struct scan_logsources s;
	struct buffer out;
	const struct logsource *list;
	(void)state;
	scan_logsources_init(&s, &fake->env, SLICE("ls"));
	buffer_init(&out, &fake->env);
	for (size_t i = 0; i < COUNT(cases); i++) {
		buffer_reset(&out);
		assert_int_equal(scan_logsources_line(&s, slice_str(cases[i].line), &out), 0);
		assert_string_equal(text_of(&out), cases[i].left);
	}
	for (size_t i = 0; i < COUNT(cases); i++) {
		if (scan_logsources_get(&s, i, &list) != cases[i].count)
			fail_msg("line %zu: %s: %u", i, cases[i].line, scan_logsources_get(&s, i, &list));
		if (cases[i].product)
			assert_true(slice_equal(list[0].product, slice_str(cases[i].product)));
	}
	assert_int_equal(scan_logsources_get(&s, COUNT(cases), &list), 0);
	assert_int_equal(scan_logsources_get(&s, UINT64_MAX, &list), 0);
	scan_logsources_reset(&s);
	assert_int_equal(scan_logsources_get(&s, 0, &list), 0);
	scan_logsources_free(&s);
	buffer_free(&out);
	assert_int_equal(fake->memory.outstanding, 0);
	fake_free(fake);
}

static void many_lines_and_many_log_sources(void **state)
{
	struct fake *fake = fake_new(1);
	struct scan_logsources s;
	struct buffer out, line;
	const struct logsource *list;
	(void)state;
	scan_logsources_init(&s, &fake->env, SLICE("ls"));
	buffer_init(&out, &fake->env);
	buffer_init(&line, &fake->env);
	for (uint32_t i = 0; i < 3000; i++) {
		buffer_reset(&out);
		buffer_reset(&line);
		buffer_add_str(&line, "{\"ls\":[");
		for (uint32_t k = 0; k < i % 7; k++)
			buffer_add_format(&line, "%s[\"p%u\",null,\"%u\"]", k ? "," : "", i, k);
		buffer_add_str(&line, "]}");
		assert_int_equal(scan_logsources_line(&s, buffer_slice(&line), &out), 0);
	}
	for (uint32_t i = 0; i < 3000; i++) {
		char product[32];
		snprintf(product, sizeof product, "p%u", i);
		assert_int_equal(scan_logsources_get(&s, i, &list), i % 7);
		for (uint32_t k = 0; k < i % 7; k++) {
			assert_true(slice_equal(list[k].product, slice_str(product)));
			assert_int_equal(list[k].category.len, 0);
		}
	}
	scan_logsources_free(&s);
	buffer_free(&out);
	buffer_free(&line);
	assert_int_equal(fake->memory.outstanding, 0);
	fake_free(fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_lose_the_field),
		cmocka_unit_test(many_lines_and_many_log_sources),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
