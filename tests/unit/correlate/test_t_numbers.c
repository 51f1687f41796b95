/* T11: sums, averages and percentiles of a field. Each holds, does not hold by a hair, does not mind the order of arrival, and
 * holds across a restart. T4: a range, and what may fall again, are judged when nothing can change the verdict. */
#include "tests/unit/correlate/rules_fake.h"

#include "tests/unit/correlate/scene.h"

static struct correlation *numbers(struct scene *s, enum correlation_type type, enum compare compare, double threshold)
{
	struct correlation *c = correlate(s, type, 1, by_user, 60, compare, 0);
	c->bound.number = threshold;
	return c;
}

/* ---- sums ---- */

static void sum_crosses(struct scene *s)
{
	numbers(s, CORRELATION_VALUE_SUM, COMPARE_GT, 1000);
	s->p.each = true;
	scene_open(s);
	amount(s, 0, "a", "600");
	amount(s, 5, "a", "400");
	amount(s, 60, "a", "0.5"); /* the first is exactly a timespan away */
	amount(s, 61, "a", "500.25"); /* and now it has left */
	amount(s, 200, "a", "1000");
	amount(s, 201, "a", "0.0001");
	assert_int_equal(scene_end(s), 2);
	says(final_row(s, 0), "count", "3");
	says(final_row(s, 1), "count", "2");
}

static void sum_falls(struct scene *s)
{
	numbers(s, CORRELATION_VALUE_SUM, COMPARE_GTE, 100);
	scene_open(s);
	amount(s, 10, "a", "120");
	/* It happened before, arrives later, and takes the sum below the threshold: nothing was told too early. */
	late_amount(s, 5, 200, "a", "-30");
	assert_int_equal(scene_end(s), 0);
	assert_int_equal(tellings_count(&s->t, ROW_INCIDENT, false), 0);
}

static void sum_rises_out_of_order(struct scene *s)
{
	numbers(s, CORRELATION_VALUE_SUM, COMPARE_GTE, 100);
	scene_open(s);
	amount(s, 10, "a", "60");
	late_amount(s, 5, 200, "a", "60");
	assert_int_equal(scene_end(s), 1);
	says(final_row(s, 0), "count", "2");
	says(final_row(s, 0), "firing_points", "1");
}

static void test_t11_sum(void **state)
{
	(void)state;
	twice(sum_crosses);
	twice(sum_falls);
	twice(sum_rises_out_of_order);
}

/* What was added first must not cost what was added last: large numbers come and go around a small one. */
static void sum_keeps_small_numbers(struct scene *s)
{
	numbers(s, CORRELATION_VALUE_SUM, COMPARE_EQ, 1);
	scene_open(s);
	amount(s, 0, "a", "1e16");
	amount(s, 1, "a", "1");
	amount(s, 2, "a", "-1e16");
	assert_int_equal(scene_end(s), 1);
}

static void test_t11_no_error_adds_up(void **state)
{
	(void)state;
	twice(sum_keeps_small_numbers);
}

/* ---- what is no number ---- */

static void others_are_skipped(struct scene *s)
{
	numbers(s, CORRELATION_VALUE_SUM, COMPARE_GTE, 10);
	scene_open(s);
	amount(s, 0, "a", "5");
	amount(s, 1, "a", "many");
	amount(s, 2, "a", "1e999");
	amount(s, 3, "a", "007");
	amount(s, 4, "a", NULL);
	amount(s, 5, "a", "5e0");
	assert_int_equal(scene_end(s), 1);
	says(final_row(s, 0), "count", "2");
	uint64_t not_numeric = 0, missing = 0;
	for (uint32_t i = 0; i < s->t.count; i++) {
		char n[32];
		if (s->t.rows[i].kind != ROW_LEDGER)
			continue;
		if (json_says(s->t.rows[i].json, "not_numeric", n, sizeof(n)))
			not_numeric += strtoull(n, NULL, 10);
		if (json_says(s->t.rows[i].json, "missing_key", n, sizeof(n)))
			missing += strtoull(n, NULL, 10);
	}
	assert_int_equal(not_numeric, 3);
	assert_int_equal(missing, 1);
}

static void test_t11_not_numeric(void **state)
{
	(void)state;
	twice(others_are_skipped);
}

/* ---- averages ---- */

static void average(struct scene *s)
{
	numbers(s, CORRELATION_VALUE_AVG, COMPARE_GTE, 2.5);
	s->p.each = true;
	scene_open(s);
	amount(s, 0, "a", "1");
	amount(s, 1, "a", "4"); /* 2.5 */
	amount(s, 2, "a", "2.4"); /* less */
	amount(s, 3, "a", "3"); /* 2.6 */
	assert_int_equal(scene_end(s), 2);
	says(final_row(s, 0), "count", "2");
	says(final_row(s, 1), "count", "4");
}

static void average_falls(struct scene *s)
{
	numbers(s, CORRELATION_VALUE_AVG, COMPARE_GT, 10);
	scene_open(s);
	amount(s, 10, "a", "11");
	late_amount(s, 9, 100, "a", "1");
	assert_int_equal(scene_end(s), 0);
}

static void low_average_is_judged_whole(struct scene *s)
{
	numbers(s, CORRELATION_VALUE_AVG, COMPARE_LT, 3);
	scene_open(s);
	amount(s, 0, "a", "1");
	amount(s, 60, "a", "5"); /* 3 over the whole window */
	amount(s, 61, "a", "2");
	assert_int_equal(scene_end(s), 1);
	says(final_row(s, 0), "count", "1");
}

static void test_t11_average(void **state)
{
	(void)state;
	twice(average);
	twice(average_falls);
	twice(low_average_is_judged_whole);
}

/* ---- percentiles ---- */

static void percentile_of(struct scene *s, double percentile, double threshold, uint32_t expected)
{
	static const char *const values[] = {"40", "10", "30", "20", "50"};
	numbers(s, CORRELATION_VALUE_PERCENTILE, COMPARE_EQ, threshold)->percentile = percentile;
	scene_open(s);
	for (int i = 0; i < 5; i++)
		amount(s, i, "a", values[i]);
	assert_int_equal(scene_end(s), expected);
}

static void lowest(struct scene *s)
{
	percentile_of(s, 0, 10, 1);
}

static void quarter(struct scene *s)
{
	percentile_of(s, 25, 20, 1);
}

static void between(struct scene *s)
{
	percentile_of(s, 62.5, 35, 1); /* half way between the third and the fourth */
}

static void highest(struct scene *s)
{
	percentile_of(s, 100, 50, 1);
}

static void not_by_a_hair(struct scene *s)
{
	percentile_of(s, 50, 30.0001, 0);
}

/* The threshold is looked at: elsewhere every rule of this type fires. */
static void threshold_counts(struct scene *s)
{
	numbers(s, CORRELATION_VALUE_PERCENTILE, COMPARE_GT, 50.25)->percentile = 50;
	s->p.each = true;
	scene_open(s);
	amount(s, 0, "a", "50");
	amount(s, 1, "a", "50.5"); /* 50.25 */
	late_amount(s, 1, 100, "a", "60"); /* 50.5, for whichever stands last of the two */
	assert_int_equal(scene_end(s), 1);
	says(final_row(s, 0), "count", "3");
}

static void test_t11_percentile(void **state)
{
	(void)state;
	twice(lowest);
	twice(quarter);
	twice(between);
	twice(highest);
	twice(not_by_a_hair);
	twice(threshold_counts);
}

/* ---- ranges ---- */

static void range_of_counts(struct scene *s)
{
	struct correlation *c = correlate(s, CORRELATION_EVENT_COUNT, 1, by_user, 10, COMPARE_GT, 1);
	c->ranged = true;
	c->upper = (struct correlation_bound){COMPARE_LTE, 3, 3};
	scene_open(s);
	happen(s, 0, "a", "ann", "h");
	happen(s, 10, "a", "ann", "h"); /* two */
	for (int i = 0; i < 4; i++)
		happen(s, 100 + i, "a", "bob", "h"); /* four */
	happen(s, 200, "a", "cid", "h"); /* one */
	for (int i = 0; i < 3; i++)
		happen(s, 300 + i, "a", "dan", "h"); /* three */
	assert_int_equal(scene_end(s), 2);
	says(final_of(s, "ann"), "count", "2");
	says(final_of(s, "dan"), "count", "3");
}

static void range_of_numbers(struct scene *s)
{
	struct correlation *c = numbers(s, CORRELATION_VALUE_SUM, COMPARE_GTE, 1.5);
	c->ranged = true;
	c->upper = (struct correlation_bound){COMPARE_LT, 0, 2.5};
	scene_open(s);
	amount(s, 0, "a", "1.5");
	amount(s, 100, "a", "2.5");
	late_amount(s, 100, 50, "a", "-0.5");
	amount(s, 200, "a", "2.5");
	assert_int_equal(scene_end(s), 2);
}

static void test_t4_range(void **state)
{
	(void)state;
	twice(range_of_counts);
	twice(range_of_numbers);
}

/* ---- chains ---- */

/* An outer sum over a field that all events of the inner set agree on. */
static void outer_sum(struct scene *s)
{
	struct correlation *inner = correlate(s, CORRELATION_EVENT_COUNT, 1, by_user, 10, COMPARE_GTE, 2);
	uint32_t refers[] = {inner->rule.index};
	inner->rule.told = false;
	struct correlation *outer = rules_correlation(s->rules, "sum", CORRELATION_VALUE_SUM, refers, 1, by_nothing,
												  by_amount, 600 * NS_PER_S, COMPARE_GTE, 0);
	outer->bound.number = 12;
	scene_open(s);
	amount(s, 0, "a", "7");
	amount(s, 1, "a", "7");
	amount(s, 50, "a", "3");
	amount(s, 51, "a", "4"); /* they do not agree */
	amount(s, 100, "a", "5");
	amount(s, 101, "a", "5");
	assert_int_equal(scene_end(s), 1);
	says(final_row(s, 0), "title", "\"sum\"");
	says(final_row(s, 0), "count", "2");
}

static void test_t14_numbers(void **state)
{
	(void)state;
	twice(outer_sum);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_t11_sum),         cmocka_unit_test(test_t11_no_error_adds_up),
		cmocka_unit_test(test_t11_not_numeric), cmocka_unit_test(test_t11_average),
		cmocka_unit_test(test_t11_percentile),  cmocka_unit_test(test_t4_range),
		cmocka_unit_test(test_t14_numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
