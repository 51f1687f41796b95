/* The rules of docs/correlation.md one by one: each holds, does not hold by a hair, and holds across a restart. The same
 * with arbitrary order is test_shuffle.c. */
#include "tests/unit/correlate/rules_fake.h"

#include "tests/unit/correlate/scene.h"

/* ---- T4 ---- */

static void few_is_told_at_the_end(struct scene *s)
{
	correlate(s, CORRELATION_EVENT_COUNT, 1, by_user, 10, COMPARE_LT, 3);
	scene_open(s);
	happen(s, 0, "a", "ann", "h");
	happen(s, 10, "a", "ann", "h");
	happen(s, 20, "a", "bob", "h");
	happen(s, 21, "a", "bob", "h");
	happen(s, 22, "a", "bob", "h");
	pipeline_run(&s->p);
	struct temporal_stats stats;
	temporal_stats(s->p.temporal, &stats);
	assert_int_equal(stats.final + stats.provisional, 0); /* rsigma fires on the first event */
	assert_int_equal(scene_end(s), 1);
	says(final_row(s, 0), "count", "2");
	says(final_row(s, 0), "group", "{\"user\":\"ann\"}");
}

static void test_t4_non_monotone(void **state)
{
	(void)state;
	twice(few_is_told_at_the_end);
}

/* ---- T6 ---- */

static void in_order(struct scene *s)
{
	correlate(s, CORRELATION_TEMPORAL_ORDERED, 3, by_user, 10, COMPARE_GTE, 3);
	scene_open(s);
	happen(s, 0, "a", "ann", "h");
	happen(s, 3, "b", "ann", "h");
	happen(s, 10, "c", "ann", "h");
	happen(s, 50, "b", "bob", "h");
	happen(s, 51, "a", "bob", "h");
	happen(s, 52, "c", "bob", "h");
	happen(s, 70, "a", "cid", "h");
	happen(s, 73, "b", "cid", "h");
	happen(s, 81, "c", "cid", "h"); /* one second past the timespan of the first */
	assert_int_equal(scene_end(s), 1);
	says(final_row(s, 0), "group", "{\"user\":\"ann\"}");
	says(final_row(s, 0), "count", "3");
}

static void test_t6_ordered(void **state)
{
	(void)state;
	twice(in_order);
}

/* An early chain runs out, but its later half still serves a later beginning. */
static void latest_beginning_counts(struct scene *s)
{
	correlate(s, CORRELATION_TEMPORAL_ORDERED, 2, by_user, 10, COMPARE_GTE, 2);
	scene_open(s);
	happen(s, 0, "a", "ann", "h");
	happen(s, 9, "a", "ann", "h");
	happen(s, 15, "b", "ann", "h");
	assert_int_equal(scene_end(s), 1);
	says(final_row(s, 0), "count", "2");
}

static void test_t6_latest_beginning(void **state)
{
	(void)state;
	twice(latest_beginning_counts);
}

/* Equal times: of two sources any order will do, of one source only the order in which they came. */
static void ties(struct scene *s)
{
	correlate(s, CORRELATION_TEMPORAL_ORDERED, 2, by_user, 10, COMPARE_GTE, 2);
	scene_open(s);
	const char *first[] = {"hit", "b", "user", "ann", NULL}, *second[] = {"hit", "a", "user", "ann", NULL};
	put_event(&s->p, 0, 0, "ip 10.0.0.1", T0, T0, first);
	put_event(&s->p, 0, 0, "ip 10.0.0.2", T0, T0, second);
	const char *third[] = {"hit", "b", "user", "bob", NULL}, *fourth[] = {"hit", "a", "user", "bob", NULL};
	put_event(&s->p, 0, 0, "ip 10.0.0.1", T0, T0, third);
	put_event(&s->p, 0, 0, "ip 10.0.0.1", T0, T0, fourth);
	assert_int_equal(scene_end(s), 1);
	says(final_row(s, 0), "group", "{\"user\":\"ann\"}");
	says(final_row(s, 0), "count", "2");
}

static void test_t6_ties(void **state)
{
	(void)state;
	twice(ties);
}

/* ---- T7 ---- */

static void one_event_two_rules(struct scene *s, enum correlation_type type, bool distinct, uint32_t expected)
{
	correlate(s, type, 2, by_user, 10, COMPARE_GTE, 2)->distinct_events = distinct;
	scene_open(s);
	const char *both[] = {"hit", "a", "hit", "b", "user", "ann", NULL};
	put_event(&s->p, 0, 0, "ip 10.0.0.1", T0, T0, both);
	happen(s, 100, "a", "bob", "h");
	happen(s, 101, "b", "bob", "h");
	assert_int_equal(scene_end(s), expected);
}

static void temporal_may_share(struct scene *s)
{
	one_event_two_rules(s, CORRELATION_TEMPORAL, false, 2);
}

static void temporal_distinct(struct scene *s)
{
	one_event_two_rules(s, CORRELATION_TEMPORAL, true, 1);
}

static void ordered_may_share(struct scene *s)
{
	one_event_two_rules(s, CORRELATION_TEMPORAL_ORDERED, false, 2);
}

static void ordered_distinct(struct scene *s)
{
	one_event_two_rules(s, CORRELATION_TEMPORAL_ORDERED, true, 1);
}

static void test_t7_distinct_events(void **state)
{
	(void)state;
	twice(temporal_may_share);
	twice(temporal_distinct);
	twice(ordered_may_share);
	twice(ordered_distinct);
}

/* Two events, three rules: one event can stand for one rule only, and which one has to be found out. */
static void assignment(struct scene *s)
{
	correlate(s, CORRELATION_TEMPORAL, 2, by_user, 10, COMPARE_GTE, 2)->distinct_events = true;
	scene_open(s);
	const char *both[] = {"hit", "a", "hit", "b", "user", "ann", NULL};
	put_event(&s->p, 0, 0, "ip 10.0.0.1", T0, T0, both);
	happen(s, 5, "a", "ann", "h");
	assert_int_equal(scene_end(s), 1);
}

static void test_t7_assignment(void **state)
{
	(void)state;
	twice(assignment);
}

/* ---- T8, T9 ---- */

static void missing_key(struct scene *s)
{
	correlate(s, CORRELATION_EVENT_COUNT, 1, by_user, 10, COMPARE_GTE, 2);
	scene_open(s);
	happen(s, 0, "a", NULL, "h");
	happen(s, 1, "a", NULL, "h");
	assert_int_equal(scene_end(s), 0);
	bool counted = false;
	for (uint32_t i = 0; i < s->t.count; i++)
		counted |= strstr(s->t.rows[i].json, "\"missing_key\":2") != NULL;
	assert_true(counted);
}

static void missing_group(struct scene *s)
{
	correlate(s, CORRELATION_EVENT_COUNT, 1, by_user, 10, COMPARE_GTE, 2)->missing_group = true;
	scene_open(s);
	happen(s, 0, "a", NULL, "h");
	happen(s, 1, "a", NULL, "h");
	assert_int_equal(scene_end(s), 1);
	says(final_row(s, 0), "group", "{\"user\":null}");
}

static void no_group(struct scene *s)
{
	correlate(s, CORRELATION_EVENT_COUNT, 1, by_nothing, 10, COMPARE_GTE, 2);
	scene_open(s);
	happen(s, 0, "a", NULL, "h");
	happen(s, 1, "a", "ann", "g");
	assert_int_equal(scene_end(s), 1);
	says(final_row(s, 0), "group", "{}");
}

static void test_t8_missing(void **state)
{
	(void)state;
	twice(missing_key);
	twice(missing_group);
	twice(no_group);
}

static void cased_keys(struct scene *s)
{
	correlate(s, CORRELATION_EVENT_COUNT, 1, by_user, 10, COMPARE_GTE, 2)->key_cased = true;
	scene_open(s);
	happen(s, 0, "a", "ann", "h");
	happen(s, 1, "a", "Ann", "h");
	assert_int_equal(scene_end(s), 0);
}

static void addresses_are_one(struct scene *s)
{
	correlate(s, CORRELATION_EVENT_COUNT, 1, by_user, 10, COMPARE_GTE, 3);
	scene_open(s);
	happen(s, 1, "a", "10.0.0.1", "h");
	happen(s, 2, "a", "::FFFF:10.0.0.1", "h");
	happen(s, 3, "a", "::ffff:a00:1", "h");
	happen(s, 4, "a", "10.0.0.10", "h");
	assert_int_equal(scene_end(s), 1);
	says(final_row(s, 0), "group", "{\"user\":\"10.0.0.1\"}");
	says(final_row(s, 0), "count", "3");
}

static void test_t9_keys(void **state)
{
	(void)state;
	twice(cased_keys);
	twice(addresses_are_one);
}

/* An array gives one match for each element, 16 at most. */
static void arrays(struct scene *s)
{
	correlate(s, CORRELATION_EVENT_COUNT, 1, by_user, 10, COMPARE_GTE, 2);
	scene_open(s);
	const char *fields[64] = {"hit", "a"};
	char users[20][8];
	for (uint32_t i = 0; i < 20; i++) {
		snprintf(users[i], sizeof(users[i]), "u%u", i);
		fields[2 + 2 * i] = "user";
		fields[3 + 2 * i] = users[i];
	}
	put_event(&s->p, 0, 0, "ip 10.0.0.1", T0, T0, fields);
	happen(s, 1, "a", "u3", "h");
	happen(s, 2, "a", "u15", "h");
	happen(s, 3, "a", "u16", "h");
	assert_int_equal(scene_end(s), 2);
}

static void test_arrays(void **state)
{
	(void)state;
	twice(arrays);
}

/* ---- T10 ---- */

static void values(struct scene *s)
{
	correlate(s, CORRELATION_VALUE_COUNT, 1, by_user, 10, COMPARE_GTE, 3);
	scene_open(s);
	happen(s, 0, "a", "ann", "h1");
	happen(s, 1, "a", "ann", "h2");
	happen(s, 2, "a", "ann", "h2");
	happen(s, 3, "a", "ann", "h1");
	happen(s, 20, "a", "bob", "h1");
	happen(s, 21, "a", "bob", "H1"); /* values keep their case */
	happen(s, 30, "a", "bob", "h2");
	assert_int_equal(scene_end(s), 1);
	says(final_row(s, 0), "group", "{\"user\":\"bob\"}");
}

static void test_t10_values(void **state)
{
	(void)state;
	twice(values);
}

/* ---- T12 ---- */

static void one_excursion(struct scene *s)
{
	correlate(s, CORRELATION_EVENT_COUNT, 1, by_user, 10, COMPARE_GTE, 2);
	scene_open(s);
	for (int64_t i = 0; i < 50; i++)
		happen(s, 10 * i, "a", "ann", "h");
	assert_int_equal(scene_end(s), 1);
	says(final_row(s, 0), "count", "50");
	says(final_row(s, 0), "firing_points", "49");
}

static void two_excursions(struct scene *s)
{
	correlate(s, CORRELATION_EVENT_COUNT, 1, by_user, 10, COMPARE_GTE, 2);
	scene_open(s);
	happen(s, 0, "a", "ann", "h");
	happen(s, 1, "a", "ann", "h");
	happen(s, 12, "a", "ann", "h"); /* 11 s after the last firing point, not one itself */
	happen(s, 13, "a", "ann", "h"); /* one again, 12 s after */
	assert_int_equal(scene_end(s), 2);
	assert_null(strstr(final_row(s, 1), "continues"));
}

static void cut_at_midnight(struct scene *s)
{
	correlate(s, CORRELATION_EVENT_COUNT, 1, by_user, 10, COMPARE_GTE, 2);
	scene_open(s);
	int64_t midnight = (T0 / NS_PER_DAY + 1) * NS_PER_DAY / NS_PER_S - T0 / NS_PER_S;
	for (int64_t i = -4; i < 4; i++)
		happen(s, midnight + i, "a", "ann", "h");
	assert_int_equal(scene_end(s), 2);
	assert_null(strstr(final_row(s, 0), "continues"));
	says(final_row(s, 0), "firing_points", "3");
	says(final_row(s, 1), "continues", "true");
	says(final_row(s, 1), "firing_points", "4");
	says(final_row(s, 1), "count", "8"); /* its first set reaches back over midnight */
}

/* 1,000 events are named, and always those that complete. */
static void many_events(struct scene *s)
{
	correlate(s, CORRELATION_EVENT_COUNT, 1, by_user, 10, COMPARE_GTE, 2);
	scene_open(s);
	s->restarts = false;
	for (int64_t i = 0; i < 1500; i++)
		happen(s, i, "a", "ann", "h");
	assert_int_equal(scene_end(s), 1);
	const char *row = final_row(s, 0);
	says(row, "count", "1500");
	uint32_t named = 0;
	for (const char *at = strstr(row, "\"events\""); (at = strstr(at, "\"sequence\":")) != NULL; at++)
		named++;
	assert_int_equal(named, 1000);
	assert_non_null(strstr(row, "\"sequence\":998,"));
	assert_null(strstr(row, "\"sequence\":999,"));
	assert_non_null(strstr(row, "\"sequence\":1499,"));
}

static void test_t12_incidents(void **state)
{
	(void)state;
	twice(one_excursion);
	twice(two_excursions);
	twice(cut_at_midnight);
	twice(many_events);
}

static void each_firing_point(struct scene *s)
{
	correlate(s, CORRELATION_EVENT_COUNT, 1, by_user, 10, COMPARE_GTE, 3);
	s->p.each = true;
	scene_open(s);
	for (int64_t i = 0; i < 5; i++)
		happen(s, i, "a", "ann", "h");
	assert_int_equal(scene_end(s), 3);
	says(final_row(s, 0), "count", "3");
	says(final_row(s, 2), "count", "5");
	assert_int_equal(tellings_count(&s->t, ROW_INCIDENT, false), 0);
}

static void test_t12_each(void **state)
{
	(void)state;
	twice(each_firing_point);
}

/* ---- T14, T15 ---- */

static void chain(struct scene *s)
{
	struct correlation *inner = correlate(s, CORRELATION_EVENT_COUNT, 1, by_user, 10, COMPARE_GTE, 3);
	uint32_t refers[] = {inner->rule.index, s->b};
	inner->rule.told = false;
	rules_correlation(s->rules, "then", CORRELATION_TEMPORAL_ORDERED, refers, 2, by_user, NULL, 60 * NS_PER_S,
					  COMPARE_GTE, 2);
	scene_open(s);
	for (int64_t i = 0; i < 3; i++)
		happen(s, i, "a", "ann", "h");
	happen(s, 30, "b", "Ann", "h");
	happen(s, 31, "b", "bob", "h");
	happen(s, 32, "a", "bob", "h");
	assert_int_equal(scene_end(s), 1);
	says(final_row(s, 0), "title", "\"then\"");
	says(final_row(s, 0), "count", "2");
}

/* The outer one groups by a field that the inner one does not: it holds while all events of the set agree on it. */
static void common_field(struct scene *s)
{
	struct correlation *inner = correlate(s, CORRELATION_EVENT_COUNT, 1, by_user, 10, COMPARE_GTE, 2);
	uint32_t refers[] = {inner->rule.index};
	inner->rule.told = false;
	rules_correlation(s->rules, "hosts", CORRELATION_EVENT_COUNT, refers, 1, by_host, NULL, 60 * NS_PER_S, COMPARE_GTE,
					  2);
	scene_open(s);
	happen(s, 0, "a", "ann", "h1");
	happen(s, 1, "a", "ann", "h1");
	happen(s, 20, "a", "bob", "H1");
	happen(s, 21, "a", "bob", "h1");
	happen(s, 40, "a", "cid", "h2");
	happen(s, 41, "a", "cid", "h3");
	assert_int_equal(scene_end(s), 1);
	says(final_row(s, 0), "group", "{\"host\":\"h1\"}");
}

static void two_levels_of_few(struct scene *s)
{
	struct correlation *inner = correlate(s, CORRELATION_EVENT_COUNT, 1, by_user, 10, COMPARE_LTE, 1);
	uint32_t refers[] = {inner->rule.index};
	inner->rule.told = false;
	rules_correlation(s->rules, "lonely", CORRELATION_EVENT_COUNT, refers, 1, by_nothing, NULL, 60 * NS_PER_S,
					  COMPARE_EQ, 2);
	scene_open(s);
	happen(s, 0, "a", "ann", "h");
	happen(s, 5, "a", "bob", "h");
	happen(s, 6, "a", "bob", "h");
	happen(s, 30, "a", "cid", "h");
	assert_int_equal(scene_end(s), 1);
	says(final_row(s, 0), "count", "2");
}

static void test_t14_chains(void **state)
{
	(void)state;
	twice(chain);
	twice(common_field);
	twice(two_levels_of_few);
}

static void two_on_one_base(struct scene *s)
{
	uint32_t refers[] = {s->a};
	correlate(s, CORRELATION_EVENT_COUNT, 1, by_user, 10, COMPARE_GTE, 2);
	rules_correlation(s->rules, "other", CORRELATION_EVENT_COUNT, refers, 1, by_host, NULL, 10 * NS_PER_S, COMPARE_GTE,
					  2);
	scene_open(s);
	happen(s, 0, "a", "ann", "h");
	happen(s, 1, "a", "ann", "h");
	assert_int_equal(scene_end(s), 2);
}

static void test_t15_sharing(void **state)
{
	(void)state;
	twice(two_on_one_base);
}

/* ---- the end of input, without clocks ---- */

static void test_end_of_input(void **state)
{
	struct scene s = {0};
	(void)state;
	scene_begin(&s);
	struct correlation *inner = correlate(&s, CORRELATION_EVENT_COUNT, 1, by_user, 10, COMPARE_LTE, 1);
	uint32_t refers[] = {inner->rule.index};
	rules_correlation(s.rules, "lonely", CORRELATION_EVENT_COUNT, refers, 1, by_nothing, NULL, 60 * NS_PER_S,
					  COMPARE_EQ, 2);
	s.p.no_lateness = s.p.final_only = true;
	scene_open(&s);
	/* years apart, long past, in no order: all in time */
	happen(&s, 30, "a", "cid", "h");
	const char *old[] = {"hit", "a", "user", "old", NULL};
	put_event(&s.p, 0, 0, "ip 10.0.0.1", T0 - 4000 * NS_PER_DAY, T0 + 31 * NS_PER_S, old);
	happen(&s, 32, "a", "ann", "h");
	pipeline_run(&s.p);
	assert_int_equal(temporal_end(s.p.temporal, NULL), 0);
	tellings_read(&s.p, &s.t);
	assert_int_equal(tellings_count(&s.t, ROW_INCIDENT, true), 4);
	assert_int_equal(tellings_count(&s.t, ROW_LEDGER, false), 0);
	scene_close(&s);
}

/* ---- T16 ---- */

/* Told in the ledger of temporal. */
static uint64_t refused_of(const struct scene *s, const char *what)
{
	uint64_t told = 0;
	for (uint32_t i = 0; i < s->t.count; i++) {
		char number[32];
		const char *json = s->t.rows[i].json, *refused = strstr(json, "\"refused\":[{");
		if (s->t.rows[i].kind == ROW_LEDGER && strstr(json, "\"stage\":\"temporal\"") != NULL && refused != NULL &&
			json_says(refused, what, number, sizeof(number)))
			told += strtoull(number, NULL, 10);
	}
	return told;
}

static void test_t16_budget(void **state)
{
	struct scene s = {0};
	struct temporal_stats stats;
	char user[16];
	(void)state;
	scene_begin(&s);
	correlate(&s, CORRELATION_EVENT_COUNT, 1, by_user, 3600, COMPARE_GTE, 2);
	s.p.window_bytes = 64 * 1024;
	scene_open(&s);
	happen(&s, 0, "a", "old", "h");
	for (int i = 0; i < 2000; i++) {
		snprintf(user, sizeof(user), "u%d", i);
		happen(&s, 1 + i / 100, "a", user, "h");
	}
	happen(&s, 60, "a", "old", "h"); /* what is there goes on */
	put_tick(&s.p, 0, 0, T0 + 600 * NS_PER_S);
	pipeline_run(&s.p);
	temporal_stats(s.p.temporal, &stats);
	assert_true(stats.refused_keys > 1000);
	assert_true(stats.window_bytes <= 64 * 1024 + 64 * 1024 / 8);
	assert_int_equal(scene_end(&s), 1);
	assert_int_equal(refused_of(&s, "keys"), stats.refused_keys);
	assert_int_equal(stats.refused_matches, 0);
	scene_close(&s);
}

/* One hot key that never fires: at twice the budget its matches are refused, counted and told. */
static void test_t16_one_key_has_its_end_too(void **state)
{
	struct scene s = {0};
	struct temporal_stats stats;
	(void)state;
	scene_begin(&s);
	correlate(&s, CORRELATION_EVENT_COUNT, 1, by_user, 3600, COMPARE_GTE, 1000000);
	s.p.window_bytes = 64 * 1024;
	scene_open(&s);
	for (int i = 0; i < 4000; i++)
		happen(&s, i / 100, "a", "hot", "h");
	put_tick(&s.p, 0, 0, T0 + 600 * NS_PER_S);
	pipeline_run(&s.p);
	temporal_stats(s.p.temporal, &stats);
	assert_true(stats.refused_matches > 1000 && stats.refused_matches < 4000 && stats.refused_keys == 0);
	assert_true(stats.window_bytes <= 3 * 64 * 1024);
	assert_int_equal(scene_end(&s), 0);
	assert_int_equal(refused_of(&s, "matches"), stats.refused_matches);
	scene_close(&s);
}

static uint64_t bytes_now(struct scene *s)
{
	struct temporal_stats stats;
	pipeline_run(&s->p);
	temporal_stats(s->p.temporal, &stats);
	return stats.window_bytes;
}

static void happen_to_all(struct scene *s, int keys, int64_t second)
{
	char user[24];
	for (int i = 0; i < keys; i++) {
		snprintf(user, sizeof(user), "user%012d", i);
		happen(s, second, "a", user, "h");
	}
	happen(s, second, "a", "somebody", "h");
}

/* A key with one match is charged 96 octets at most, one with two 160. What could have left goes with the next match, so a key
 * that goes on at a slow pace is charged no more; and all goes when the newest has left. */
static void test_t16_a_key_with_few_matches(void **state)
{
	enum {
		KEYS = 500
	};
	struct scene s = {0};
	(void)state;
	scene_begin(&s);
	correlate(&s, CORRELATION_EVENT_COUNT, 1, by_user, 600, COMPARE_GTE, 4);
	scene_open(&s);
	happen(&s, 0, "a", "somebody", "h");
	uint64_t shared = bytes_now(&s);
	happen_to_all(&s, KEYS, 1);
	uint64_t one = bytes_now(&s);
	assert_true(one > shared && (one - shared) / KEYS <= 96);
	happen_to_all(&s, KEYS, 400);
	uint64_t two = bytes_now(&s);
	assert_true(two > one && (two - shared) / KEYS <= 160);
	put_tick(&s.p, 0, 0, T0 + 910 * NS_PER_S); /* what happened at 1 could leave, and at 0 */
	assert_true(bytes_now(&s) <= two);
	happen_to_all(&s, KEYS, 911);
	assert_true(bytes_now(&s) <= two);
	put_tick(&s.p, 0, 0, T0 + (1511 * NS_PER_S + LATENESS_NS));
	assert_true(bytes_now(&s) > one);
	put_tick(&s.p, 0, 0, T0 + (1511 * NS_PER_S + LATENESS_NS) + 1);
	assert_int_equal(bytes_now(&s), 0);
	assert_int_equal(scene_end(&s), 0);
	scene_close(&s);
}

/* A burst that is over: with the next match a key is charged as one with two again, with values too. */
static void a_burst_leaves(enum correlation_type type)
{
	enum {
		KEYS = 50
	};
	struct scene s = {0};
	scene_begin(&s);
	correlate(&s, type, 1, by_user, 600, COMPARE_GTE, 20);
	scene_open(&s);
	happen_to_all(&s, KEYS, 0);
	happen_to_all(&s, KEYS, 1);
	uint64_t two = bytes_now(&s);
	for (int64_t second = 2; second < 8; second++)
		happen_to_all(&s, KEYS, second);
	uint64_t burst = bytes_now(&s);
	happen_to_all(&s, KEYS, 500);
	for (int64_t second = 501; second < 504; second++)
		happen_to_all(&s, KEYS, second);
	assert_true(burst > two && bytes_now(&s) > burst);
	put_tick(&s.p, 0, 0, T0 + 1399 * NS_PER_S); /* what happened before 499 could leave */
	pipeline_run(&s.p);
	happen_to_all(&s, KEYS, 1400);
	assert_true(bytes_now(&s) <= burst);
	put_tick(&s.p, 0, 0, T0 + 2299 * NS_PER_S); /* all but that one */
	pipeline_run(&s.p);
	for (int64_t second = 2300; second < 2307; second++)
		happen_to_all(&s, KEYS, second);
	put_tick(&s.p, 0, 0, T0 + 3206 * NS_PER_S); /* all but the last */
	pipeline_run(&s.p);
	happen_to_all(&s, KEYS, 3207);
	assert_true(bytes_now(&s) <= two);
	put_tick(&s.p, 0, 0, T0 + 4109 * NS_PER_S);
	assert_int_equal(bytes_now(&s), 0);
	assert_int_equal(scene_end(&s), 0);
	scene_close(&s);
}

static void test_t16_a_burst_leaves(void **state)
{
	(void)state;
	a_burst_leaves(CORRELATION_EVENT_COUNT);
	a_burst_leaves(CORRELATION_VALUE_COUNT);
}

/* ---- clocks ---- */

/* A partition that is silent for ten minutes is not waited for; one that has a clock is. */
static void test_t3_silent_collector(void **state)
{
	struct scene s = {0};
	struct temporal_stats stats;
	(void)state;
	scene_begin(&s);
	correlate(&s, CORRELATION_EVENT_COUNT, 1, by_user, 10, COMPARE_GTE, 2);
	scene_open(&s);
	put_tick(&s.p, 0, 0, T0);
	put_tick(&s.p, 0, 1, T0);
	put_tick(&s.p, 0, 0, T0 + 600 * NS_PER_S);
	pipeline_run(&s.p);
	temporal_stats(s.p.temporal, &stats);
	assert_int_equal(stats.watermark_ns, T0 - LATENESS_NS);
	put_tick(&s.p, 0, 0, T0 + 600 * NS_PER_S + 1);
	pipeline_run(&s.p);
	temporal_stats(s.p.temporal, &stats);
	assert_int_equal(stats.watermark_ns, T0 + 600 * NS_PER_S + 1 - LATENESS_NS);
	put_tick(&s.p, 0, 1, T0 + 1); /* back, but the clock never falls */
	pipeline_run(&s.p);
	temporal_stats(s.p.temporal, &stats);
	assert_int_equal(stats.watermark_ns, T0 + 600 * NS_PER_S + 1 - LATENESS_NS);
	scene_close(&s);
}

static void test_keep_from(void **state)
{
	struct scene s = {0};
	(void)state;
	scene_begin(&s);
	correlate(&s, CORRELATION_EVENT_COUNT, 1, by_user, 10, COMPARE_GTE, 2);
	scene_open(&s);
	for (int i = 0; i < 400; i++) {
		put_tick(&s.p, 0, 0, T0 + i * NS_PER_HOUR);
		pipeline_run(&s.p);
	}
	/* an hour and a record; kept is 24 h + 3 x 10 s + 5 min + 5 min, told to 1/64 of that */
	uint64_t kept = 400 - temporal_keep_from(s.p.temporal, 0);
	assert_true(kept >= 24 && kept <= 28);
	scene_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_t3_silent_collector),
		cmocka_unit_test(test_t4_non_monotone),
		cmocka_unit_test(test_t6_ordered),
		cmocka_unit_test(test_t6_latest_beginning),
		cmocka_unit_test(test_t6_ties),
		cmocka_unit_test(test_t7_distinct_events),
		cmocka_unit_test(test_t7_assignment),
		cmocka_unit_test(test_t8_missing),
		cmocka_unit_test(test_t9_keys),
		cmocka_unit_test(test_arrays),
		cmocka_unit_test(test_t10_values),
		cmocka_unit_test(test_t12_incidents),
		cmocka_unit_test(test_t12_each),
		cmocka_unit_test(test_t14_chains),
		cmocka_unit_test(test_t15_sharing),
		cmocka_unit_test(test_end_of_input),
		cmocka_unit_test(test_t16_budget),
		cmocka_unit_test(test_t16_one_key_has_its_end_too),
		cmocka_unit_test(test_t16_a_key_with_few_matches),
		cmocka_unit_test(test_t16_a_burst_leaves),
		cmocka_unit_test(test_keep_from),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
