/* Answers: order, limits, passes, tables, lines. */
#include "tests/unit/store/test_query_source.h"

static const struct query_options open_options = {.now_ns = TEST_NOW, .from_ns = INT64_MIN, .to_ns = INT64_MAX};

struct scene {
	struct rows rows;
	struct list list;
};

static void scene_init(struct scene *s)
{
	rows_init(&s->rows);
	s->list = (struct list){.rows = &s->rows, .narrow = true, .pass_over = true};
}

static void scene_free(struct scene *s)
{
	list_free(&s->list);
	rows_free(&s->rows);
}

/* A row whose time is `second` seconds after TEST_NOW. */
static void scene_row(struct scene *s, int64_t second, const char *text, const char *user, const char *number)
{
	rows_row(&s->rows, ROW_EVENT, slice_str(text));
	batch_row_time(s->rows.builder, TEST_NOW + second * NS_PER_S, TIME_PRESENT);
	if (user != NULL)
		rows_field(&s->rows, "user", VALUE_STRING, slice_str(user));
	if (number != NULL)
		rows_field(&s->rows, "n", strchr(number, '.') != NULL ? VALUE_F64 : VALUE_I64, slice_str(number));
	rows_end(&s->rows);
}

static void small_scene(struct scene *s)
{
	scene_init(s);
	scene_row(s, 30, "three", "ann", "3");
	scene_row(s, 10, "one", "bob", "10");
	list_take(&s->list, (struct store_partition){0, 1}, 5);
	scene_row(s, 20, "two", "ann", "2.5");
	scene_row(s, 30, "three b", NULL, NULL);
	list_take(&s->list, (struct store_partition){0, 0}, 9);
	scene_row(s, 40, "four", "Ann", "-1");
	list_take(&s->list, (struct store_partition){0, 1}, 6);
}

static void expect_with(struct list *list, const struct query_options *options, size_t bytes, const char *query,
						const char *wanted)
{
	char *lines = list_answer(list, query, options, bytes, NULL);
	if (strcmp(lines, wanted) != 0)
		fail_msg("%s\ngives\n%swanted\n%s", query, lines, wanted);
	free(lines);
}

static void expect(struct list *list, const char *query, const char *wanted)
{
	expect_with(list, &open_options, 0, query, wanted);
}

#define LINES(a) "{\"original\":\"" a "\"}\n"

static void test_order(void **state)
{
	(void)state;
	struct scene s;
	small_scene(&s);
	const char *ascending = LINES("one") LINES("two") LINES("three b") LINES("three") LINES("four");
	const char *descending = LINES("four") LINES("three") LINES("three b") LINES("two") LINES("one");
	struct query_options options = open_options;
	expect(&s.list, "* | fields original", ascending);
	expect_with(&s.list, &options, 1, "| fields original", ascending); /* one row a pass */
	options.descending = true;
	expect_with(&s.list, &options, 0, "| fields original", descending);
	expect_with(&s.list, &options, 1, "| fields original", descending);
	options = open_options;
	options.from_ns = TEST_NOW + 20 * NS_PER_S;
	options.to_ns = TEST_NOW + 40 * NS_PER_S; /* from <= when < to */
	expect_with(&s.list, &options, 0, "| fields original", LINES("two") LINES("three b") LINES("three"));
	options.limit = 1;
	expect_with(&s.list, &options, 0, "| fields original", LINES("two"));
	expect_with(&s.list, &options, 0, "| fields original | limit 2", LINES("two"));
	expect(&s.list, "* | limit 2 | fields original", LINES("one") LINES("two"));
	expect(&s.list, "| sort n | fields original",
		   LINES("four") LINES("two") LINES("three") LINES("one") LINES("three b"));
	expect(&s.list, "| sort n desc | fields original",
		   LINES("one") LINES("three") LINES("two") LINES("four") LINES("three b"));
	expect(&s.list, "| sort user, n desc | fields original",
		   LINES("four") LINES("three") LINES("two") LINES("one") LINES("three b"));
	expect_with(&s.list, &open_options, 1, "| sort user, n desc | fields original",
				LINES("four") LINES("three") LINES("two") LINES("one") LINES("three b"));
	expect(&s.list, "| sort when desc | limit 2 | fields original", LINES("four") LINES("three b"));
	expect(&s.list, "| sort partition desc, offset | limit 3 | fields original",
		   LINES("one") LINES("three") LINES("four"));
	expect(&s.list, "three | fields original", LINES("three b") LINES("three"));
	expect(&s.list, "nothing", "");
	s.list.skip = 1;
	expect(&s.list, "* | fields original", LINES("one") LINES("three b"));
	scene_free(&s);
}

static void test_lines(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	rows_row(&s.rows, ROW_EVENT, SLICE("bad \xff"));
	rows_field(&s.rows, "a", VALUE_STRING, SLICE("x"));
	rows_field(&s.rows, "b", VALUE_F64, SLICE("1.50"));
	rows_field(&s.rows, "a", VALUE_I64, SLICE("9007199254740993"));
	rows_field(&s.rows, "t", VALUE_BOOL, SLICE("true"));
	rows_field(&s.rows, "n", VALUE_NULL, SLICE_NONE);
	rows_field(&s.rows, "h", VALUE_F64, SLICE("0x10"));
	assert_int_equal(batch_field_small(s.rows.builder, dictionary_intern(&s.rows.dictionary, SLICE("small")), 7), 0);
	rows_end(&s.rows);
	scene_row(&s, 1, "z", NULL, NULL);
	list_take(&s.list, (struct store_partition){0, 3}, 17);
	const char *first =
		"{\"time\":null,\"observed\":\"2026-01-01T00:00:00Z\",\"kind\":\"event\",\"partition\":3,\"offset\":17,\"row\":100,"
		"\"source\":\"ip 10.1.2.3 host web1\",\"decoder\":\"openssh\",\"original_base64\":\"YmFkIP8=\","
		"\"fields\":{\"a\":[\"x\",9007199254740993],\"b\":1.50,\"t\":true,\"n\":null,\"h\":\"0x10\",\"small\":7}}\n";
	const char *second =
		"{\"time\":\"2026-01-01T00:00:01Z\",\"observed\":\"2026-01-01T00:00:00Z\",\"kind\":\"event\",\"partition\":3,\"offset\":17,"
		"\"row\":101,\"source\":\"ip 10.1.2.3 host web1\",\"decoder\":\"openssh\",\"original\":\"z\",\"fields\":{}}\n";
	expect(&s.list, "a:x", first);
	expect(&s.list, "z", second);
	expect(&s.list, "a:x | fields a, small, none, flag, time, when, row",
		   "{\"a\":[\"x\",9007199254740993],\"small\":7,\"none\":null,\"flag\":null,\"time\":null,"
		   "\"when\":\"2026-01-01T00:00:00Z\",\"row\":100}\n");
	scene_free(&s);
}

static void test_tables(void **state)
{
	(void)state;
	struct scene s;
	small_scene(&s);
	expect(&s.list, "* | count", "{\"count\":5}\n");
	expect(&s.list, "nothing | count", "{\"count\":0}\n");
	expect(&s.list, "nothing | stats count(), sum(n), min(n), dc(n), avg(n)",
		   "{\"count\":0,\"sum(n)\":null,\"min(n)\":null,\"dc(n)\":0,\"avg(n)\":null}\n");
	expect(&s.list, "nothing | stats count() by user", "");
	expect(&s.list, "* | stats count() as c, count(n), dc(user), min(n), max(n), sum(n), avg(n)",
		   "{\"c\":5,\"count(n)\":4,\"dc(user)\":3,\"min(n)\":-1,\"max(n)\":10,\"sum(n)\":14.5,\"avg(n)\":3.625}\n");
	expect(
		&s.list, "* | stats sum(n) as s by user",
		"{\"user\":\"Ann\",\"s\":-1}\n{\"user\":\"ann\",\"s\":5.5}\n{\"user\":\"bob\",\"s\":10}\n{\"user\":null,\"s\":null}\n");
	expect(&s.list, "* | top 2 user", "{\"user\":\"ann\",\"count\":2}\n{\"user\":\"Ann\",\"count\":1}\n");
	expect(&s.list, "* | top 9 user | where count:>1 or user:bob | sort user desc | fields user",
		   "{\"user\":\"bob\"}\n{\"user\":\"ann\"}\n");
	expect(&s.list, "* | bin 30s",
		   "{\"time\":\"2026-01-01T00:00:00Z\",\"count\":2}\n{\"time\":\"2026-01-01T00:00:30Z\",\"count\":3}\n");
	expect(
		&s.list, "* | bin 1m by user | limit 2",
		"{\"time\":\"2026-01-01T00:00:00Z\",\"user\":\"Ann\",\"count\":1}\n{\"time\":\"2026-01-01T00:00:00Z\",\"user\":\"ann\",\"count\":2}\n");
	expect(&s.list, "* | stats count() by bin(30s) | where time:>=2026-01-01T00:00:30Z",
		   "{\"time\":\"2026-01-01T00:00:30Z\",\"count\":3}\n");
	expect(&s.list, "* | stats min(time) as a, max(when) as b, max(user) as u",
		   "{\"a\":\"2026-01-01T00:00:10Z\",\"b\":\"2026-01-01T00:00:40Z\",\"u\":\"bob\"}\n");
	expect(&s.list, "* | stats count() by partition, kind",
		   "{\"partition\":0,\"kind\":\"event\",\"count\":2}\n{\"partition\":1,\"kind\":\"event\",\"count\":3}\n");
	expect(&s.list, "user:ann | where n:>2.6 | count", "{\"count\":1}\n");
	scene_free(&s);
}

/* Arrays: one row in the group of each of its distinct values. Whole sums past 64 bits stay exact. */
static void test_groups(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	rows_row(&s.rows, ROW_EVENT, SLICE("a"));
	rows_field(&s.rows, "x", VALUE_STRING, SLICE("p"));
	rows_field(&s.rows, "x", VALUE_STRING, SLICE("q"));
	rows_field(&s.rows, "x", VALUE_STRING, SLICE("p"));
	rows_field(&s.rows, "y", VALUE_STRING, SLICE("5"));
	rows_field(&s.rows, "y", VALUE_I64, SLICE("5"));
	rows_field(&s.rows, "big", VALUE_U64, SLICE("18446744073709551615"));
	rows_field(&s.rows, "big", VALUE_U64, SLICE("18446744073709551615"));
	rows_field(&s.rows, "big", VALUE_I64, SLICE("-9"));
	rows_end(&s.rows);
	list_take(&s.list, (struct store_partition){0, 0}, 0);
	expect(
		&s.list, "* | stats count() by x, y",
		"{\"x\":\"p\",\"y\":\"5\",\"count\":1}\n{\"x\":\"p\",\"y\":5,\"count\":1}\n{\"x\":\"q\",\"y\":\"5\",\"count\":1}\n"
		"{\"x\":\"q\",\"y\":5,\"count\":1}\n");
	expect(&s.list, "* | stats sum(big) as s, min(big) as m, dc(x), count(x)",
		   "{\"s\":36893488147419103221,\"m\":-9,\"dc(x)\":2,\"count(x)\":1}\n");
	scene_free(&s);
}

static void many_rows(struct scene *s)
{
	char text[32];
	scene_init(s);
	for (uint32_t batch = 0; batch < 20; batch++) {
		for (uint32_t i = 0; i < 50; i++) {
			snprintf(text, sizeof(text), "u%u", batch * 50 + i);
			scene_row(s, (int64_t)(i * 37 % 50), "row", text, NULL);
		}
		list_take(&s->list, (struct store_partition){0, batch % 4}, batch);
	}
}

/* The memory for an answer decides how often the store is read, never what is answered. */
static void test_passes(void **state)
{
	(void)state;
	static const char *const queries[] = {"* | fields when, user", "* | sort user desc | fields user",
										  "* | sort when | limit 700 | fields user", "* | limit 333 | fields user"};
	struct scene s;
	many_rows(&s);
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		char *wanted = list_answer(&s.list, queries[i], &open_options, 0, NULL);
		for (size_t bytes = 3000; bytes < 100000; bytes *= 3) {
			s.list.opened = 0;
			expect_with(&s.list, &open_options, bytes, queries[i], wanted);
			assert_true(bytes > 50000 || s.list.opened > 1);
		}
		free(wanted);
	}
	scene_free(&s);
}

/* What is appended between two passes is not part of the answer. */
static void test_pinned(void **state)
{
	(void)state;
	struct scene s;
	struct error error = {0};
	struct query_run *run;
	struct buffer out;
	small_scene(&s);
	struct query *q = query_of(&s.rows, "* | sort n | fields original");
	struct query_source source = list_source(&s.list);
	buffer_init(&out, &s.rows.fake->env);
	assert_int_equal(query_run_open(&s.rows.fake->env, &source, q, 1, &run, &error), 0);
	int rc = query_next(run, &out, 1, &error);
	scene_row(&s, 35, "later", "x", "5");
	list_take(&s.list, (struct store_partition){0, 1}, 7);
	scene_row(&s, 35, "later", "x", "5");
	list_take(&s.list, (struct store_partition){0, 7}, 0);
	while (rc > 0)
		rc = query_next(run, &out, 1, &error);
	assert_int_equal(rc, 0);
	buffer_add_octet(&out, 0);
	assert_string_equal((const char *)out.ptr, LINES("four") LINES("two") LINES("three") LINES("one") LINES("three b"));
	buffer_free(&out);
	query_run_free(run);
	query_free(q);
	scene_free(&s);
}

static void expect_summary(struct list *list, const char *query, size_t bytes, const char *wanted)
{
	char *summary;
	char *lines = list_answer(list, query, &open_options, bytes, &summary);
	if (strstr(summary, wanted) == NULL)
		fail_msg("%s: %s, wanted %s", query, summary, wanted);
	free(lines);
	free(summary);
}

static void test_summary(void **state)
{
	(void)state;
	struct scene s;
	many_rows(&s);
	expect_summary(&s.list, "*", 0,
				   "{\"rows_read\":1000,\"rows_found\":1000,\"segments\":0,\"segments_skipped\":0,\"truncated\":null}");
	expect_summary(&s.list, "user:u7", 0,
				   "{\"rows_read\":50,\"rows_found\":1,\"segments\":0,\"segments_skipped\":19,\"truncated\":null}");
	expect_summary(&s.list, "* | limit 10", 0, "\"truncated\":null");
	expect_summary(&s.list, "* | top 3 user", 0, "\"truncated\":null");
	expect_summary(&s.list, "* | top 3 user", 20000, "\"truncated\":\"memory\"");
	expect_summary(&s.list, "* | stats dc(user)", 6000, "\"truncated\":\"memory\"");
	/* the groups that are there go on counting */
	expect_with(&s.list, &open_options, 6000, "* | stats count() by kind", "{\"kind\":\"event\",\"count\":1000}\n");
	scene_free(&s);
}

/* At the limit and one past it: the run's own limit is told, one that was asked for is not. */
static void limited(struct list *list, uint64_t limit, uint32_t wanted_lines, bool truncated)
{
	struct error error = {0};
	struct query_run *run;
	struct buffer out, json;
	struct query *q = query_of(list->rows, "* | fields user");
	struct query_source source = list_source(list);
	buffer_init(&out, list->rows->builder == NULL ? NULL : &list->rows->fake->env);
	buffer_init(&json, &list->rows->fake->env);
	assert_int_equal(query_run_open(&list->rows->fake->env, &source, q, 0, &run, &error), 0);
	run->given_max = limit;
	run->answer.wanted = limit + 1;
	while (query_next(run, &out, 7, &error) > 0)
		;
	uint32_t lines = 0;
	for (size_t i = 0; i < out.len; i++)
		lines += out.ptr[i] == '\n';
	assert_int_equal(lines, wanted_lines);
	assert_int_equal(query_summary(run, &json), 0);
	buffer_add_octet(&json, 0);
	assert_int_equal(strstr((char *)json.ptr, "\"result_rows\"") != NULL, truncated);
	buffer_free(&out);
	buffer_free(&json);
	query_run_free(run);
	query_free(q);
}

static void test_limit(void **state)
{
	(void)state;
	struct scene s;
	many_rows(&s);
	limited(&s.list, 1000, 1000, false);
	limited(&s.list, 999, 999, true);
	limited(&s.list, 1001, 1000, false);
	limited(&s.list, 1, 1, true);
	scene_free(&s);
}

static void test_seconds(void **state)
{
	(void)state;
	struct scene s;
	char *summary;
	many_rows(&s);
	s.rows.fake->clock.tick_ns = LIMIT_query_seconds * NS_PER_S / 2;
	char *lines = list_answer(&s.list, "* | fields user", &open_options, 0, &summary);
	assert_non_null(strstr(summary, "\"truncated\":\"query_seconds\""));
	free(lines);
	free(summary);
	s.rows.fake->clock.tick_ns = 0;
	scene_free(&s);
}

static bool rule_test(const struct predicate *p, const struct batch *batch, const struct batch_row *row)
{
	struct batch_value value;
	return batch_find(batch, row, *(const struct slice *)p->ctx, &value);
}

/* A rule's predicate is a query too. */
static void test_foreign(void **state)
{
	(void)state;
	struct scene s;
	struct slice name = SLICE("n");
	struct predicate p = {.columns = &name, .column_count = 1, .test = rule_test, .ctx = &name};
	struct error error = {0};
	struct query *q;
	struct query_run *run;
	struct buffer out;
	small_scene(&s);
	struct query_source source = list_source(&s.list);
	buffer_init(&out, &s.rows.fake->env);
	assert_int_equal(query_from_predicate(&s.rows.fake->env, &p, &open_options, &q, &error), 0);
	assert_int_equal(query_run_open(&s.rows.fake->env, &source, q, 0, &run, &error), 0);
	while (query_next(run, &out, 100, &error) > 0)
		;
	assert_int_equal(run->rows_found, 4);
	buffer_free(&out);
	query_run_free(run);
	query_free(q);
	scene_free(&s);
}

/* Each allocation fails once: an error or the whole answer, and nothing is lost. */
static void test_memory(void **state)
{
	(void)state;
	static const char *const queries[] = {"* | sort user", "* | stats count(), dc(user), max(user) by user"};
	struct scene s;
	small_scene(&s);
	s.list.narrow = false;
	struct query_source source = list_source(&s.list);
	for (size_t i = 0; i < 2; i++) {
		struct query *q = query_of(&s.rows, queries[i]);
		int64_t before = s.rows.fake->memory.outstanding;
		bool reached = true;
		for (uint64_t n = 1; reached; n++) {
			struct query_run *run = NULL;
			struct buffer out;
			struct error error = {0};
			s.rows.fake->memory.calls = s.rows.fake->memory.failed = 0;
			s.rows.fake->memory.fail_at = 0;
			buffer_init(&out, &s.rows.fake->env);
			/* the source's own allocations are not what is tested */
			s.rows.fake->memory.fail_at = n;
			int rc = query_run_open(&s.rows.fake->env, &source, q, 0, &run, &error);
			while (rc == 0 && (rc = query_next(run, &out, 10, &error)) > 0)
				rc = 0;
			reached = s.rows.fake->memory.failed > 0;
			s.rows.fake->memory.fail_at = 0;
			assert_true(reached || out.len > 0);
			buffer_free(&out);
			query_run_free(run);
			q->out_of_memory = false;
			assert_true(s.rows.fake->memory.outstanding <= before + 2); /* the query keeps its scratch */
			if (n > 2000)
				fail_msg("no end");
		}
		query_free(q);
	}
	scene_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),   cmocka_unit_test(test_lines),  cmocka_unit_test(test_tables),
		cmocka_unit_test(test_groups),  cmocka_unit_test(test_passes), cmocka_unit_test(test_pinned),
		cmocka_unit_test(test_summary), cmocka_unit_test(test_limit),  cmocka_unit_test(test_seconds),
		cmocka_unit_test(test_foreign), cmocka_unit_test(test_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
