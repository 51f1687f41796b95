#include "tests/unit/cli/rig.h"

#include "cli/output.h"

#include <fcntl.h>
#include <signal.h>

/* What the rows look like in that form. */
static void expect(const char *form, const char *rows, const char *want)
{
	struct args args = {.value = {[OPTION_OUTPUT] = form, [OPTION_COLOR] = "never"}};
	struct output o;
	char *text = NULL;
	size_t len = 0;
	output_open(&o, &args);
	o.file = open_memstream(&text, &len);
	assert_non_null(o.file);
	output_lines(&o, slice_str(rows));
	assert_int_equal(output_close(&o), EXIT_OK);
	fclose(o.file);
	assert_string_equal(text, want);
	free(text);
}

static void lines_and_arrays(void **state)
{
	(void)state;
	expect("ndjson", "{\"a\":1}\n{\"a\":2}\n", "{\"a\":1}\n{\"a\":2}\n");
	expect("json", "{\"a\":1}\n{\"a\":2}\n", "[\n{\"a\":1},\n{\"a\":2}\n]\n");
	expect("json", "", "[]\n");
	expect("ndjson", "", "");
	expect("csv", "", "");
	expect("table", "", "");
}

static void csv_cells(void **state)
{
	static const struct {
		const char *json, *cell;
	} cases[] = {
		{"\"plain\"", "plain"},
		{"\"a,b\"", "\"a,b\""},
		{"\"say \\\"x\\\"\"", "\"say \"\"x\"\"\""},
		{"\"two\\nlines\"", "\"two\nlines\""},
		{"null", ""},
		{"[1,\"x\"]", "\"[1,\"\"x\"\"]\""},
		{"18446744073709551615", "18446744073709551615"},
		/* formulas: an apostrophe in front */
		{"\"=1+1\"", "\"'=1+1\""},
		{"\"+1\"", "\"'+1\""},
		{"\"@SUM(A1)\"", "\"'@SUM(A1)\""},
		{"\"\\tx\"", "\"'\tx\""},
		{"\"\\nx\"", "\"'\nx\""},
		{"\"-1+cmd|' /C calc'!A0\"", "\"'-1+cmd|' /C calc'!A0\""},
		{"\"-\"", "\"'-\""},
		{"\"-inf\"", "\"'-inf\""},
		{"\"\\uff1d1+1\"", "\"'\xef\xbc\x9d"
						   "1+1\""},
		{"-17", "-17"},
		{"\"-1.5\"", "-1.5"},
		/* NUL does not end a cell: nothing is hidden behind it */
		{"\"a\\u0000b\"", "a\\0b"},
	};
	char row[256], want[256];
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		snprintf(row, sizeof row, "{\"c\":%s}\n", cases[i].json);
		snprintf(want, sizeof want, "c\r\n%s\r\n", cases[i].cell);
		expect("csv", row, want);
	}
}

static void columns_come_from_the_first_row(void **state)
{
	(void)state;
	expect("csv", "{\"a\":1,\"o\":{\"x\":2,\"y\":{\"z\":3}}}\n{\"o\":{\"x\":5},\"b\":6}\n",
		   "a,o.x,o.y\r\n1,2,\"{\"\"z\"\":3}\"\r\n,5,\r\n");
	expect("csv", "{\"fields\":{\"a\":1}}\n", "fields\r\n\"{\"\"a\"\":1}\"\r\n");
	expect("csv", "{\"a.b\":1,\"a\":{\"b\":2}}\n", "a.b,a.b\r\n1,1\r\n");
}

static void tables_are_escaped(void **state)
{
	(void)state;
	expect("table", "{\"a\":\"\\u001b[31mred\",\"b\":\"x\\ny\"}\n", "a         b\n\\x1b[31m  x\\x0ay\n");
	expect("table", "{\"a\":1,\"b\":2}\n{\"a\":333,\"b\":4}\n", "a  b\n1  2\n3  4\n");
}

static void many_columns_have_an_end(void **state)
{
	char row[4096] = "{\"c0\":0", want[4096] = "c0";
	(void)state;
	for (int i = 1; i < 70; i++)
		sprintf(row + strlen(row), ",\"c%d\":%d", i, i);
	strcat(row, "}\n");
	for (int i = 1; i < 64; i++)
		sprintf(want + strlen(want), ",c%d", i);
	strcat(want, "\r\n0");
	for (int i = 1; i < 64; i++)
		sprintf(want + strlen(want), ",%d", i);
	strcat(want, "\r\n");
	expect("csv", row, want);
}

/* A reader that went away is no failure; a full disk is one. */
static int close_code(int fd)
{
	struct args args = {.value = {[OPTION_OUTPUT] = "ndjson"}};
	struct output o;
	output_open(&o, &args);
	o.file = fdopen(fd, "w");
	assert_non_null(o.file);
	for (int i = 0; i < 100000 && !o.failed; i++)
		output_lines(&o, SLICE("{\"a\":\"0123456789\"}\n"));
	assert_true(o.failed);
	uint64_t rows = o.rows;
	output_lines(&o, SLICE("{\"a\":1}\n"));
	assert_int_equal(o.rows, rows);
	int code = output_close(&o);
	fclose(o.file);
	return code;
}

static void who_does_not_take_it(void **state)
{
	int fds[2], full = open("/dev/full", O_WRONLY);
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(fds), 0);
	close(fds[0]);
	assert_int_equal(close_code(fds[1]), EXIT_OK);
	assert_true(full >= 0);
	assert_int_equal(close_code(full), EXIT_STORAGE);
}

/* Without memory the answer is whole or it is no answer: never rows or cells fewer and a good exit code. */
static bool memory_fails_at(const char *form, uint64_t n, const char *want)
{
	struct args args = {.value = {[OPTION_OUTPUT] = form, [OPTION_COLOR] = "never"}};
	struct fake *fake = fake_new(1);
	struct output o;
	char *text = NULL;
	size_t len = 0;
	output_open(&o, &args);
	o.file = open_memstream(&text, &len);
	assert_non_null(o.file);
	o.env = &fake->env;
	fake->memory.fail_at = n;
	output_lines(&o, SLICE("{\"a\":1,\"o\":{\"x\":\"y\"}}\n{\"a\":\"\",\"o\":{\"x\":5}}\n"));
	bool failed = fake->memory.failed > 0;
	assert_int_equal(output_close(&o), failed ? EXIT_STORAGE : EXIT_OK);
	fclose(o.file);
	if (!failed)
		assert_string_equal(text, want);
	assert_int_equal(fake->memory.outstanding, 0);
	free(text);
	fake_free(fake);
	return failed;
}

static void no_memory_is_told(void **state)
{
	uint64_t n = 1;
	(void)state;
	while (memory_fails_at("csv", n, "a,o.x\r\n1,y\r\n,5\r\n"))
		n++;
	assert_true(n > 3);
	for (n = 1; memory_fails_at("table", n, "a  o.x\n1  y\n   5\n");)
		n++;
	assert_true(n > 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_and_arrays),
		cmocka_unit_test(csv_cells),
		cmocka_unit_test(columns_come_from_the_first_row),
		cmocka_unit_test(tables_are_escaped),
		cmocka_unit_test(many_columns_have_an_end),
		cmocka_unit_test(who_does_not_take_it),
		cmocka_unit_test(no_memory_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
