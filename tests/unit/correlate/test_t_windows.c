/* T18: sessions, tumbling windows, windows around a pivot, and what ends windows. Each holds, does not hold by a hair, does
 * not mind the order of arrival, and holds across a restart. */
#include "tests/unit/correlate/rules_fake.h"

#include "tests/unit/correlate/scene.h"

/* ---- sessions ---- */

static struct correlation *session(struct scene *s, enum compare compare, uint64_t threshold)
{
	struct correlation *c = correlate(s, CORRELATION_EVENT_COUNT, 1, by_user, 100, compare, threshold);
	c->window = WINDOW_SESSION;
	c->gap_ns = 5 * NS_PER_S;
	return c;
}

static void within_the_gap(struct scene *s)
{
	session(s, COMPARE_GTE, 3);
	scene_open(s);
	happen(s, 0, "a", "ann", "h");
	happen(s, 5, "a", "ann", "h");
	happen(s, 10, "a", "ann", "h");
	happen(s, 100, "a", "bob", "h");
	happen(s, 105, "a", "bob", "h");
	happen(s, 111, "a", "bob", "h"); /* a second too late: another session */
	assert_int_equal(scene_end(s), 1);
	says(final_of(s, "ann"), "count", "3");
}

/* What arrives last joins two sessions that stand already. */
static void joined_late(struct scene *s)
{
	session(s, COMPARE_GTE, 3);
	scene_open(s);
	happen(s, 8, "a", "ann", "h");
	happen_late(s, 0, 100, "a", "ann");
	happen_late(s, 4, 200, "a", "ann");
	assert_int_equal(scene_end(s), 1);
	says(final_of(s, "ann"), "count", "3");
}

/* A session is a timespan long at most. */
static void cut_by_timespan(struct scene *s)
{
	session(s, COMPARE_LT, 3);
	scene_open(s);
	for (int64_t i = 0; i <= 104; i += 4)
		happen(s, i, "a", "ann", "h");
	assert_int_equal(scene_end(s), 1);
	says(final_of(s, "ann"), "count", "1"); /* 104: the first 26 end at 100 */
}

static void test_t18_session(void **state)
{
	(void)state;
	twice(within_the_gap);
	twice(joined_late);
	twice(cut_by_timespan);
}

/* ---- tumbling ---- */

static void between_multiples(struct scene *s)
{
	correlate(s, CORRELATION_EVENT_COUNT, 1, by_user, 10, COMPARE_GTE, 2)->window = WINDOW_TUMBLING;
	scene_open(s);
	int64_t begin = 10 - T0 / NS_PER_S % 10;
	happen(s, begin, "a", "ann", "h");
	happen_late(s, begin + 9, 100, "a", "ann");
	happen(s, begin + 19, "a", "bob", "h");
	happen(s, begin + 20, "a", "bob", "h"); /* a second apart, and of two windows */
	assert_int_equal(scene_end(s), 1);
	says(final_of(s, "ann"), "count", "2");
}

static void test_t18_tumbling(void **state)
{
	(void)state;
	twice(between_multiples);
}

/* ---- around a pivot ---- */

/* b, and not a single a in the ten seconds after it: absence with a beginning. */
static void nothing_after(struct scene *s)
{
	struct correlation *c = correlate(s, CORRELATION_EVENT_COUNT, 2, by_user, 10, COMPARE_EQ, 0);
	c->window = WINDOW_AFTER;
	c->pivot = 1;
	scene_open(s);
	happen(s, 0, "b", "ann", "h");
	happen(s, 11, "a", "ann", "h");
	happen(s, 50, "b", "bob", "h");
	happen_late(s, 60, 290, "a", "bob");
	pipeline_run(&s->p);
	struct temporal_stats stats;
	temporal_stats(s->p.temporal, &stats);
	assert_int_equal(stats.provisional + stats.final, 0);
	assert_int_equal(scene_end(s), 1);
	says(final_of(s, "ann"), "count", "1");
}

/* Two of a in the ten seconds before a b; what comes after does not count. */
static void some_before(struct scene *s)
{
	struct correlation *c = correlate(s, CORRELATION_EVENT_COUNT, 2, by_user, 10, COMPARE_GTE, 2);
	c->window = WINDOW_BEFORE;
	c->pivot = 1;
	scene_open(s);
	happen(s, 10, "b", "ann", "h");
	happen_late(s, 0, 100, "a", "ann");
	happen_late(s, 5, 200, "a", "ann");
	happen(s, 99, "a", "bob", "h");
	happen(s, 105, "a", "bob", "h");
	happen(s, 110, "b", "bob", "h");
	happen(s, 200, "a", "cid", "h");
	happen(s, 201, "b", "cid", "h");
	happen(s, 202, "a", "cid", "h");
	assert_int_equal(scene_end(s), 1);
	says(final_of(s, "ann"), "count", "3");
}

static void test_t18_pivot(void **state)
{
	(void)state;
	twice(nothing_after);
	twice(some_before);
}

/* ---- until ---- */

/* Three of a, unless a b comes between. */
static void ended_by_another(struct scene *s)
{
	correlate(s, CORRELATION_EVENT_COUNT, 2, by_user, 10, COMPARE_GTE, 3)->until = true;
	scene_open(s);
	happen(s, 0, "a", "ann", "h");
	happen(s, 1, "a", "ann", "h");
	happen(s, 2, "a", "ann", "h");
	happen(s, 3, "b", "ann", "h");
	happen(s, 100, "a", "bob", "h");
	happen(s, 101, "a", "bob", "h");
	happen(s, 110, "a", "bob", "h");
	happen_late(s, 105, 250, "b", "bob");
	assert_int_equal(scene_end(s), 1);
	says(final_of(s, "ann"), "count", "3");
}

static void order_ended_by_another(struct scene *s)
{
	correlate(s, CORRELATION_TEMPORAL_ORDERED, 3, by_user, 10, COMPARE_GTE, 2)->until = true; /* a, b until c */
	scene_open(s);
	happen(s, 0, "a", "ann", "h");
	happen(s, 1, "b", "ann", "h");
	happen(s, 2, "c", "ann", "h");
	happen(s, 100, "a", "bob", "h");
	happen(s, 101, "c", "bob", "h");
	happen(s, 102, "b", "bob", "h");
	happen(s, 103, "a", "bob", "h");
	assert_int_equal(scene_end(s), 1);
	says(final_of(s, "ann"), "count", "2");
}

/* Few of a before a b: the window is judged as it was ended. */
static void laid_and_ended(struct scene *s)
{
	correlate(s, CORRELATION_EVENT_COUNT, 2, by_user, 10, COMPARE_LT, 2)->until = true;
	scene_open(s);
	happen(s, 0, "a", "ann", "h");
	happen(s, 5, "b", "ann", "h");
	happen(s, 6, "a", "ann", "h");
	happen(s, 7, "a", "ann", "h");
	happen(s, 100, "b", "bob", "h"); /* alone it begins nothing */
	assert_int_equal(scene_end(s), 1);
	says(final_of(s, "ann"), "count", "1");
	says(final_of(s, "ann"), "firing_points", "1");
}

static void test_t18_until(void **state)
{
	(void)state;
	twice(ended_by_another);
	twice(order_ended_by_another);
	twice(laid_and_ended);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_t18_session),
		cmocka_unit_test(test_t18_tumbling),
		cmocka_unit_test(test_t18_pivot),
		cmocka_unit_test(test_t18_until),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
