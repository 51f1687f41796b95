/* Tables of random rows against counting by hand, and what `fields` and `sources` tell. */
#include "tests/unit/store/test_query_source.h"

#define ROWS 200
#define KEYS 5

struct plain_row {
	int keys[3], key_count; /* values of k, indexes into key_names */
	long values[3];
	int value_count; /* values of v */
	int second;
};

static const char *const key_names[KEYS] = {"B", "a", "b", "c", "\xe7\x94\xb2"}; /* in octet order */

static struct fake *random_state;

static int below(int n)
{
	return (int)fake_random_below(random_state, (uint64_t)n);
}

static void random_rows(struct list *list, struct plain_row rows[ROWS])
{
	char text[24];
	for (int i = 0; i < ROWS; i++) {
		struct plain_row *r = &rows[i];
		*r = (struct plain_row){.key_count = below(4), .value_count = below(4), .second = below(100)};
		rows_row(list->rows, ROW_EVENT, SLICE("x"));
		batch_row_time(list->rows->builder, TEST_NOW + r->second * NS_PER_S, TIME_PRESENT);
		for (int k = 0; k < r->key_count; k++) {
			r->keys[k] = below(KEYS);
			rows_field(list->rows, "k", VALUE_STRING, slice_str(key_names[r->keys[k]]));
		}
		for (int v = 0; v < r->value_count; v++) {
			r->values[v] = below(2000) - 1000;
			snprintf(text, sizeof(text), "%ld", r->values[v]);
			rows_field(list->rows, "v", below(2) == 0 ? VALUE_I64 : VALUE_STRING, slice_str(text));
		}
		rows_end(list->rows);
		if (i % 40 == 39)
			list_take(list, (struct store_partition){0, (uint32_t)(i / 40 % 2)}, (uint64_t)i);
	}
}

static bool has_key(const struct plain_row *r, int key)
{
	for (int k = 0; k < r->key_count; k++)
		if (r->keys[k] == key)
			return true;
	return key == KEYS && r->key_count == 0; /* null */
}

static bool in_bin(const struct plain_row *r, int bin, int seconds)
{
	return seconds == 0 || r->second / seconds == bin;
}

struct plain_group {
	long count, with_value, sum, values, min, max, distinct;
};

static struct plain_group count_by_hand(const struct plain_row rows[ROWS], int key, int bin, int seconds)
{
	static bool seen[2000];
	struct plain_group g = {.min = 9999, .max = -9999};
	memset(seen, 0, sizeof(seen));
	for (int i = 0; i < ROWS; i++) {
		const struct plain_row *r = &rows[i];
		if ((key >= 0 && !has_key(r, key)) || !in_bin(r, bin, seconds))
			continue;
		g.count++;
		g.with_value += r->value_count > 0;
		for (int v = 0; v < r->value_count; v++) {
			g.sum += r->values[v];
			g.values++;
			g.min = r->values[v] < g.min ? r->values[v] : g.min;
			g.max = r->values[v] > g.max ? r->values[v] : g.max;
			seen[r->values[v] + 1000] = true;
		}
	}
	return g;
}

static void expect(struct list *list, const char *query, const char *wanted)
{
	struct query_options options = {.now_ns = TEST_NOW, .from_ns = INT64_MIN, .to_ns = INT64_MAX};
	char *lines = list_answer(list, query, &options, 0, NULL);
	if (strcmp(lines, wanted) != 0)
		fail_msg("%s\ngives\n%swanted\n%s", query, lines, wanted);
	free(lines);
}

static const char *key_json(int key, char buf[16])
{
	snprintf(buf, 16, key == KEYS ? "null" : "\"%s\"", key == KEYS ? "" : key_names[key]);
	return buf;
}

static void check_stats(struct list *list, const struct plain_row rows[ROWS])
{
	char wanted[4096] = "", json[16];
	size_t len = 0;
	for (int key = 0; key <= KEYS; key++) {
		struct plain_group g = count_by_hand(rows, key, 0, 0);
		if (g.count > 0)
			len += (size_t)snprintf(wanted + len, sizeof(wanted) - len,
									"{\"k\":%s,\"n\":%ld,\"count(v)\":%ld,\"s\":%ld,\"lo\":%ld,\"hi\":%ld}\n",
									key_json(key, json), g.count, g.with_value, g.sum, g.min, g.max);
	}
	expect(list, "* | stats count() as n, count(v), sum(v) as s, min(v) as lo, max(v) as hi by k", wanted);
}

static void check_bins(struct list *list, const struct plain_row rows[ROWS])
{
	char wanted[8192] = "", json[16];
	size_t len = 0;
	for (int bin = 0; bin < 4; bin++)
		for (int key = 0; key <= KEYS; key++) {
			struct plain_group g = count_by_hand(rows, key, bin, 30);
			if (g.count > 0)
				len += (size_t)snprintf(wanted + len, sizeof(wanted) - len,
										"{\"time\":\"2026-01-01T00:0%d:%02dZ\",\"k\":%s,\"count\":%ld}\n", bin / 2,
										bin % 2 * 30, key_json(key, json), g.count);
		}
	expect(list, "* | bin 30s by k", wanted);
}

static void check_top(struct list *list, const struct plain_row rows[ROWS])
{
	char wanted[4096] = "", json[16];
	size_t len = 0;
	bool taken[KEYS] = {false};
	for (int n = 0; n < 3; n++) {
		int best = -1;
		for (int key = 0; key < KEYS; key++)
			if (!taken[key] &&
				(best < 0 || count_by_hand(rows, key, 0, 0).count > count_by_hand(rows, best, 0, 0).count))
				best = key;
		taken[best] = true;
		len += (size_t)snprintf(wanted + len, sizeof(wanted) - len, "{\"k\":%s,\"count\":%ld}\n", key_json(best, json),
								count_by_hand(rows, best, 0, 0).count);
	}
	expect(list, "* | top 3 k", wanted);
}

static void check_distinct(struct list *list, const struct plain_row rows[ROWS])
{
	char wanted[256];
	bool number[2000] = {false};
	long distinct = 0, values = 0, sum = 0;
	for (int i = 0; i < ROWS; i++)
		for (int v = 0; v < rows[i].value_count; v++) {
			distinct += !number[rows[i].values[v] + 1000];
			number[rows[i].values[v] + 1000] = true;
			values++;
			sum += rows[i].values[v];
		}
	/* v is text in some rows and a number in others: two classes. So distinct is counted over text only. */
	struct query_options options = {.now_ns = TEST_NOW, .from_ns = INT64_MIN, .to_ns = INT64_MAX};
	char *lines = list_answer(list, "* | stats dc(v) as d, avg(v) as a, dc(k) as k", &options, 0, NULL);
	long d;
	double a;
	int k;
	assert_int_equal(sscanf(lines, "{\"d\":%ld,\"a\":%lf,\"k\":%d}", &d, &a, &k), 3);
	assert_true(d >= distinct && d <= 2 * distinct && d <= values);
	assert_true(a == (double)sum / (double)values);
	assert_int_equal(k, KEYS);
	snprintf(wanted, sizeof(wanted), "{\"d\":%ld}\n", (long)KEYS);
	expect(list, "* | stats dc(k) as d", wanted);
	free(lines);
}

static void test_random(void **state)
{
	(void)state;
	random_state = fake_new(4711);
	for (int round = 0; round < 20; round++) {
		struct plain_row rows[ROWS];
		struct rows r;
		rows_init(&r);
		struct list list = {.rows = &r, .narrow = true, .pass_over = round % 2 == 0};
		random_rows(&list, rows);
		check_stats(&list, rows);
		check_bins(&list, rows);
		check_top(&list, rows);
		check_distinct(&list, rows);
		list_free(&list);
		rows_free(&r);
	}
	fake_free(random_state);
}

/* ---- fields and sources ---- */

static void scene_row(struct rows *r, enum row_kind kind, const char *text, uint16_t source, bool decoded,
					  int64_t late_s, const char *user)
{
	rows_row(r, kind, slice_str(text));
	batch_row_tables(r->builder, source, decoded ? r->decoder : BATCH_NO_INDEX, BATCH_NO_INDEX);
	if (late_s >= 0)
		batch_row_time(r->builder, TEST_NOW - late_s * NS_PER_S, TIME_PRESENT);
	batch_row_flags(r->builder, decoded ? 0 : ROW_HEADER_INVALID | ROW_TRUNCATED, CHARSET_UTF8, FORMAT_PLAIN);
	if (user != NULL) {
		rows_field(r, "user", VALUE_STRING, slice_str(user));
		rows_field(r, "n", VALUE_I64, SLICE("5"));
		rows_field(r, "n", VALUE_STRING, SLICE("5"));
	}
	rows_end(r);
}

static void scene(struct list *list)
{
	struct rows *r = list->rows;
	uint16_t other;
	assert_int_equal(batch_source(r->builder, SLICE("file ab"), &other), 0);
	scene_row(r, ROW_EVENT, "one", r->source, true, 1, "ann");
	scene_row(r, ROW_EVENT, "two", r->source, true, 3, "bob");
	scene_row(r, ROW_EVENT, "three", r->source, true, 2, "ann");
	scene_row(r, ROW_EVENT, "what \x01 is this", other, false, -1, NULL);
	scene_row(r, ROW_GAP, "{}", other, true, -1, NULL);
	scene_row(r, ROW_AUDIT, "{}", BATCH_NO_INDEX, true, -1, "root");
	list_take(list, (struct store_partition){0, 0}, 0);
}

static void expect_text(struct buffer *out, const char *wanted)
{
	buffer_add_octet(out, 0);
	if (strcmp((const char *)out->ptr, wanted) != 0)
		fail_msg("gives\n%swanted\n%s", (const char *)out->ptr, wanted);
	buffer_reset(out);
}

static void test_fields(void **state)
{
	(void)state;
	struct rows r;
	struct buffer out;
	struct error error = {0};
	rows_init(&r);
	struct list list = {.rows = &r, .narrow = true, .pass_over = true};
	scene(&list);
	struct query_source source = list_source(&list);
	buffer_init(&out, &r.fake->env);
	assert_int_equal(query_fields(&r.fake->env, &source, NULL, &out, &error), 0);
	expect_text(&out, "{\"name\":\"n\",\"types\":[\"string\",\"integer\"],\"count\":3,\"distinct\":2,"
					  "\"top\":[{\"value\":5,\"count\":3},{\"value\":\"5\",\"count\":3}],\"complete\":true}\n"
					  "{\"name\":\"user\",\"types\":[\"string\"],\"count\":3,\"distinct\":2,"
					  "\"top\":[{\"value\":\"ann\",\"count\":2},{\"value\":\"bob\",\"count\":1}],\"complete\":true}\n");
	struct query *q = query_of(&r, "kind:audit or user:bob");
	assert_int_equal(query_fields(&r.fake->env, &source, q, &out, &error), 0);
	expect_text(
		&out,
		"{\"name\":\"n\",\"types\":[\"string\",\"integer\"],\"count\":2,\"distinct\":2,"
		"\"top\":[{\"value\":5,\"count\":2},{\"value\":\"5\",\"count\":2}],\"complete\":true}\n"
		"{\"name\":\"user\",\"types\":[\"string\"],\"count\":2,\"distinct\":2,\"top\":[{\"value\":\"bob\",\"count\":1},{\"value\":\"root\",\"count\":1}],\"complete\":true}\n");
	query_free(q);
	buffer_free(&out);
	list_free(&list);
	rows_free(&r);
}

/* More distinct values than a field keeps one by one: the number stays right, the list says that it is not complete. */
static void test_many_values(void **state)
{
	(void)state;
	struct rows r;
	struct buffer out;
	struct error error = {0};
	char text[24], wanted[64];
	rows_init(&r);
	struct list list = {.rows = &r};
	for (int i = 0; i < 6000; i++) {
		snprintf(text, sizeof(text), "v%d", i / 2);
		rows_row(&r, ROW_EVENT, SLICE("x"));
		rows_field(&r, "often", VALUE_STRING, slice_str(text));
		snprintf(text, sizeof(text), "v%d", i);
		rows_field(&r, "once", VALUE_STRING, slice_str(text));
		rows_end(&r);
		if (i % 1000 == 999)
			list_take(&list, (struct store_partition){0, 0}, (uint64_t)i);
	}
	struct query_source source = list_source(&list);
	buffer_init(&out, &r.fake->env);
	assert_int_equal(query_fields(&r.fake->env, &source, NULL, &out, &error), 0);
	buffer_add_octet(&out, 0);
	snprintf(wanted, sizeof(wanted), "\"count\":6000,\"distinct\":%d,", 6000);
	assert_non_null(strstr((char *)out.ptr, wanted));
	snprintf(wanted, sizeof(wanted), "\"count\":6000,\"distinct\":%d,", 3000);
	assert_non_null(strstr((char *)out.ptr, wanted));
	assert_non_null(strstr((char *)out.ptr, "\"complete\":false"));
	assert_non_null(strstr((char *)out.ptr, "\"complete\":true"));
	buffer_free(&out);
	list_free(&list);
	rows_free(&r);
}

static void test_sources(void **state)
{
	(void)state;
	struct rows r;
	struct buffer out;
	struct error error = {0};
	rows_init(&r);
	struct list list = {.rows = &r, .narrow = true, .pass_over = true};
	scene(&list);
	struct query_source source = list_source(&list);
	buffer_init(&out, &r.fake->env);
	assert_int_equal(query_sources(&r.fake->env, &source, &out, &error), 0);
	expect_text(
		&out,
		"{\"source\":\"file ab\",\"events\":1,\"first_seen\":\"2026-01-01T00:00:00Z\",\"last_seen\":\"2026-01-01T00:00:00Z\","
		"\"events_per_s\":null,\"decoders\":{},\"undecoded\":1,\"header_invalid\":1,\"charset_invalid\":0,\"truncated\":1,"
		"\"partial\":0,\"late\":0,\"gaps\":1,\"skew_s\":null,\"sample\":\"what \\u0001 is this\"}\n"
		"{\"source\":\"ip 10.1.2.3 host web1\",\"events\":3,\"first_seen\":\"2026-01-01T00:00:00Z\","
		"\"last_seen\":\"2026-01-01T00:00:00Z\",\"events_per_s\":null,\"decoders\":{\"openssh\":3},\"undecoded\":0,"
		"\"header_invalid\":0,\"charset_invalid\":0,\"truncated\":0,\"partial\":0,\"late\":0,\"gaps\":0,\"skew_s\":2,\"sample\":null}\n");
	buffer_free(&out);
	list_free(&list);
	rows_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_many_values),
		cmocka_unit_test(test_sources),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
