/* The dull path: detect and temporal over event_count, T1 to T4, lateness, incidents. */
#include "tests/unit/correlate/rules_fake.h"

#include "tests/unit/correlate/pipeline.h"

static struct ruleset *failures_rules(void)
{
	static const char *const group[] = {"user", NULL};
	struct ruleset *r = rules_new();
	uint32_t base[] = {rules_base(r, "failed", false, LEVEL_LOW)};
	rules_correlation(r, "many failures", CORRELATION_EVENT_COUNT, base, 1, group, NULL, 60 * NS_PER_S, COMPARE_GTE, 3);
	return r;
}

static void failed(struct pipeline *p, const char *user, int64_t when_ns, int64_t observed_ns)
{
	put_event(p, 0, 0, "ip 10.0.0.1", when_ns, observed_ns, (const char *[]){"hit", "failed", "user", user, NULL});
}

static void settle(struct pipeline *p, struct tellings *t)
{
	tick_all(p, 1, T0 + 40 * NS_PER_DAY);
	pipeline_run(p);
	tellings_read(p, t);
}

static void test_three_in_a_minute(void **state)
{
	struct pipeline p = {0};
	struct tellings t = {0};
	char text[256];
	(void)state;
	pipeline_open(&p, failures_rules(), 1, 1, 1);
	failed(&p, "Ann", T0, T0);
	failed(&p, "ann", T0 + 30 * NS_PER_S, T0 + 30 * NS_PER_S);
	failed(&p, "bob", T0 + 40 * NS_PER_S, T0 + 40 * NS_PER_S);
	failed(&p, "ANN", T0 + 60 * NS_PER_S, T0 + 60 * NS_PER_S); /* closed window: exactly the timespan counts */
	settle(&p, &t);
	assert_int_equal(tellings_count(&t, ROW_INCIDENT, false), 1);
	assert_int_equal(tellings_count(&t, ROW_INCIDENT, true), 1);
	for (uint32_t i = 0; i < t.count; i++) {
		if (t.rows[i].kind != ROW_INCIDENT)
			continue;
		assert_true(json_says(t.rows[i].json, "group", text, sizeof(text)));
		assert_string_equal(text, "{\"user\":\"Ann\"}");
		assert_true(json_says(t.rows[i].json, "count", text, sizeof(text)));
		assert_string_equal(text, "3");
		assert_null(strstr(t.rows[i].json, "replaces"));
	}
	tellings_free(&t);
	rules_drop(p.ruleset);
	pipeline_close(&p);
}

static void test_one_nanosecond_too_slow(void **state)
{
	struct pipeline p = {0};
	struct tellings t = {0};
	(void)state;
	pipeline_open(&p, failures_rules(), 1, 1, 1);
	failed(&p, "ann", T0, T0);
	failed(&p, "ann", T0 + 30 * NS_PER_S, T0 + 30 * NS_PER_S);
	failed(&p, "ann", T0 + 60 * NS_PER_S + 1, T0 + 60 * NS_PER_S + 1);
	settle(&p, &t);
	assert_int_equal(tellings_count(&t, ROW_INCIDENT, false), 0);
	assert_int_equal(tellings_count(&t, ROW_INCIDENT, true), 0);
	tellings_free(&t);
	rules_drop(p.ruleset);
	pipeline_close(&p);
}

static void test_out_of_order_is_the_same(void **state)
{
	struct pipeline p = {0};
	struct tellings t = {0};
	char text[256];
	(void)state;
	pipeline_open(&p, failures_rules(), 1, 1, 1);
	/* a fourth at the end fires first, then the earlier ones arrive and move the beginning */
	failed(&p, "ann", T0 + 20 * NS_PER_S, T0 + 100 * NS_PER_S);
	failed(&p, "ann", T0 + 50 * NS_PER_S, T0 + 101 * NS_PER_S);
	failed(&p, "ann", T0 + 40 * NS_PER_S, T0 + 102 * NS_PER_S);
	failed(&p, "ann", T0, T0 + 103 * NS_PER_S);
	settle(&p, &t);
	assert_int_equal(tellings_count(&t, ROW_INCIDENT, true), 1);
	for (uint32_t i = 0; i < t.count; i++) {
		if (t.rows[i].kind != ROW_INCIDENT || !t.rows[i].final)
			continue;
		assert_true(json_says(t.rows[i].json, "count", text, sizeof(text)));
		assert_string_equal(text, "4");
		assert_true(json_says(t.rows[i].json, "firing_points", text, sizeof(text)));
		assert_string_equal(text, "2");
		assert_non_null(strstr(t.rows[i].json, "\"replaces\":[\""));
	}
	tellings_free(&t);
	rules_drop(p.ruleset);
	pipeline_close(&p);
}

static void test_late_rows_are_counted_not_correlated(void **state)
{
	struct pipeline p = {0};
	struct tellings t = {0};
	struct detect_stats stats;
	(void)state;
	pipeline_open(&p, failures_rules(), 1, 1, 1);
	failed(&p, "ann", T0, T0 + LATENESS_NS);
	failed(&p, "ann", T0 + 1, T0 + 1 + LATENESS_NS);
	failed(&p, "ann", T0 + 2, T0 + 3 + LATENESS_NS); /* one nanosecond too late */
	settle(&p, &t);
	detect_stats(p.detect, &stats);
	assert_int_equal(stats.late, 1);
	assert_int_equal(stats.matches, 2);
	assert_int_equal(tellings_count(&t, ROW_INCIDENT, true), 0);
	assert_non_null(strstr(t.rows[0].json, "\"late\":1"));
	tellings_free(&t);
	rules_drop(p.ruleset);
	pipeline_close(&p);
}

static void test_observed_below_the_clock_is_late(void **state)
{
	struct pipeline p = {0};
	struct tellings t = {0};
	struct detect_stats stats;
	(void)state;
	pipeline_open(&p, failures_rules(), 1, 1, 1);
	put_tick(&p, 0, 0, T0 + 10 * NS_PER_S);
	failed(&p, "ann", T0, T0 + 10 * NS_PER_S);
	batch_close(&p);
	failed(&p, "ann", T0, T0 + 10 * NS_PER_S - 1);
	settle(&p, &t);
	detect_stats(p.detect, &stats);
	assert_int_equal(stats.late, 1);
	tellings_free(&t);
	rules_drop(p.ruleset);
	pipeline_close(&p);
}

static void test_batches_told_twice(void **state)
{
	struct pipeline p = {0};
	struct tellings t = {0};
	struct detect_stats stats;
	(void)state;
	pipeline_open(&p, failures_rules(), 1, 1, 1);
	failed(&p, "ann", T0, T0);
	failed(&p, "ann", T0 + 1, T0 + 1);
	batch_close(&p);
	queue_add(&p.events[0], queue_at(&p.events[0], 0));
	settle(&p, &t);
	detect_stats(p.detect, &stats);
	assert_int_equal(stats.duplicates, 2);
	assert_int_equal(stats.matches, 2);
	assert_int_equal(tellings_count(&t, ROW_INCIDENT, true), 0);
	tellings_free(&t);
	rules_drop(p.ruleset);
	pipeline_close(&p);
}

static void test_damaged_batch_is_passed_over(void **state)
{
	struct pipeline p = {0};
	struct tellings t = {0};
	struct detect_stats stats;
	(void)state;
	pipeline_open(&p, failures_rules(), 1, 1, 1);
	failed(&p, "ann", T0, T0);
	batch_close(&p);
	p.events[0].records[0].ptr[p.events[0].records[0].len / 2] ^= 1;
	failed(&p, "ann", T0 + 1, T0 + 1);
	settle(&p, &t);
	detect_stats(p.detect, &stats);
	assert_int_equal(stats.refused, 1);
	assert_int_equal(stats.gaps, 1);
	assert_int_equal(stats.matches, 1);
	tellings_free(&t);
	rules_drop(p.ruleset);
	pipeline_close(&p);
}

static void test_refusing_sink_loses_nothing(void **state)
{
	struct pipeline p = {0};
	struct tellings t = {0};
	struct error error = {0};
	(void)state;
	pipeline_open(&p, failures_rules(), 1, 1, 1);
	for (int i = 0; i < 3; i++)
		failed(&p, "ann", T0 + i, T0 + i);
	batch_close(&p);
	while (detect_one(&p, 0))
		;
	p.sink_refuses = true;
	assert_true(detect_flush(p.detect, &error) < 0);
	assert_int_equal(error.code, ERROR_FULL);
	assert_true((error.flags & ERROR_RETRIABLE) != 0);
	p.sink_refuses = false;
	settle(&p, &t);
	assert_int_equal(tellings_count(&t, ROW_INCIDENT, true), 1);
	tellings_free(&t);
	rules_drop(p.ruleset);
	pipeline_close(&p);
}

/* What the findings of a rule have in common is made once: those behind the first say the same of the rule. */
static void check_findings(const struct tellings *t, const char *title, unsigned expected)
{
	const char *first = NULL;
	unsigned count = 0;
	for (uint32_t i = 0; i < t->count; i++) {
		const char *json = t->rows[i].json;
		if (t->rows[i].kind != ROW_FINDING || strstr(json, title) == NULL)
			continue;
		const char *when = strstr(json, "},\"when\":");
		assert_non_null(when);
		assert_int_equal(strncmp(json, "{\"finding\":{\"rule\":{", 20), 0);
		if (first != NULL)
			assert_int_equal(strncmp(json, first, (size_t)(when - json)), 0);
		first = json;
		count++;
	}
	assert_int_equal(count, expected);
}

/* Told rules: a finding each; from level high on an incident by source and host. */
static void test_told_rules(void **state)
{
	struct pipeline p = {0};
	struct tellings t = {0};
	struct ruleset *r = rules_new();
	(void)state;
	rules_base(r, "notable", true, LEVEL_MEDIUM);
	rules_base(r, "grave", true, LEVEL_HIGH);
	rules_base(r, "inner", false, LEVEL_CRITICAL);
	pipeline_open(&p, r, 1, 2, 2);
	put_event(&p, 0, 0, "ip 10.0.0.1", T0, T0,
			  (const char *[]){"hit", "notable", "hit", "grave", "hit", "inner", NULL});
	put_event(&p, 0, 0, "ip 10.0.0.1", T0 + 1, T0 + 1, (const char *[]){"hit", "grave", "host.hostname", "pump", NULL});
	settle(&p, &t);
	assert_int_equal(tellings_count(&t, ROW_FINDING, false), 3);
	check_findings(&t, "\"title\":\"grave\"", 2);
	check_findings(&t, "\"title\":\"notable\"", 1);
	assert_int_equal(tellings_count(&t, ROW_INCIDENT, true), 2);
	for (uint32_t i = 0; i < t.count; i++)
		if (t.rows[i].kind == ROW_INCIDENT)
			assert_non_null(strstr(t.rows[i].json, "\"group\":{\"source\":\"ip 10.0.0.1\",\"host.hostname\":"));
	tellings_free(&t);
	rules_drop(p.ruleset);
	pipeline_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_three_in_a_minute),
		cmocka_unit_test(test_one_nanosecond_too_slow),
		cmocka_unit_test(test_out_of_order_is_the_same),
		cmocka_unit_test(test_late_rows_are_counted_not_correlated),
		cmocka_unit_test(test_observed_below_the_clock_is_late),
		cmocka_unit_test(test_batches_told_twice),
		cmocka_unit_test(test_damaged_batch_is_passed_over),
		cmocka_unit_test(test_refusing_sink_loses_nothing),
		cmocka_unit_test(test_told_rules),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
