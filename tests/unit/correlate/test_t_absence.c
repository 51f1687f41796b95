/* T5: keys that go silent; T18: values that were not there before; T13: incidents that keep others quiet. Each holds, does not
 * hold by a hair, does not mind the order of arrival, and holds across a restart. */
#include "tests/unit/correlate/rules_fake.h"

#include "tests/unit/correlate/scene.h"

/* ---- silence ---- */

static void absence(struct scene *s)
{
	struct correlation *c = correlate(s, CORRELATION_EVENT_COUNT, 1, by_user, 60, COMPARE_EQ, 0);
	c->seen_ns = NS_PER_DAY;
}

static void goes_silent(struct scene *s)
{
	char text[64];
	absence(s);
	scene_open(s);
	happen(s, 0, "a", "ann", "h");
	happen(s, 60, "a", "ann", "h"); /* exactly a timespan: not silent */
	happen(s, 121, "a", "ann", "h"); /* a second more: it was */
	happen(s, 130, "a", "ann", "h");
	put_tick(&s->p, 0, 0, T0 + 135 * NS_PER_S + LATENESS_NS);
	pipeline_run(&s->p);
	tellings_read(&s->p, &s->t);
	assert_int_equal(tellings_count(&s->t, ROW_INCIDENT, false), 1); /* told as soon as it is known */
	for (uint32_t i = 0; i < s->t.count; i++)
		if (s->t.rows[i].kind == ROW_INCIDENT) {
			clock_print(T0 + 120 * NS_PER_S, text + 1);
			text[0] = '"';
			strcat(text, "\"");
			says(s->t.rows[i].json, "fired", text);
			clock_print(T0 + 60 * NS_PER_S, text + 1);
			strcat(text, "\"");
			says(s->t.rows[i].json, "last_seen", text);
		}
	tellings_free(&s->t);
	assert_int_equal(scene_end(s), 2); /* and once more, when nothing comes any more */
}

static void heard_late(struct scene *s)
{
	absence(s);
	scene_open(s);
	happen(s, 0, "a", "ann", "h");
	happen(s, 120, "a", "ann", "h");
	happen_late(s, 60, 250, "a", "ann"); /* it was there, and nothing was told too early */
	put_tick(&s->p, 0, 0, T0 + 130 * NS_PER_S + LATENESS_NS);
	pipeline_run(&s->p);
	tellings_read(&s->p, &s->t);
	assert_int_equal(tellings_count(&s->t, ROW_INCIDENT, false), 0);
	tellings_free(&s->t);
	assert_int_equal(scene_end(s), 1);
}

static void test_t5_absence(void **state)
{
	(void)state;
	twice(goes_silent);
	twice(heard_late);
}

/* Where the input ends, silence says nothing: it is told up to the newest match. */
static void test_t5_end_of_input(void **state)
{
	struct scene s = {0};
	(void)state;
	scene_begin(&s);
	absence(&s);
	s.p.no_lateness = s.p.final_only = true;
	pipeline_open(&s.p, s.rules, 1, 1, 1);
	happen(&s, 0, "a", "ann", "h");
	happen(&s, 30, "a", "bob", "h");
	happen(&s, 61, "a", "bob", "h");
	pipeline_run(&s.p);
	assert_int_equal(temporal_end(s.p.temporal, NULL), 0);
	tellings_read(&s.p, &s.t);
	assert_int_equal(tellings_count(&s.t, ROW_INCIDENT, true), 1);
	says(final_of(&s, "ann"), "count", "1");
	scene_close(&s);
}

/* ---- keys of a list ---- */

static void listed(struct scene *s)
{
	struct correlation *c = correlate(s, CORRELATION_EVENT_COUNT, 1, by_user, 60, COMPARE_EQ, 0);
	struct slice *keys = fake_must(calloc(4, sizeof(*keys)));
	keys[0] = SLICE("Ann");
	keys[1] = SLICE("10.0.0.1");
	keys[2] = SLICE("never");
	keys[3] = SLICE("ann"); /* is the first once more */
	c->keys = keys;
	c->key_count = 4;
}

static void never_heard(struct scene *s)
{
	listed(s);
	scene_open(s);
	put_tick(&s->p, 0, 0, T0 + LATENESS_NS); /* watching begins at T0 */
	pipeline_run(&s->p);
	if (s->restarts)
		scene_restart(s);
	happen(s, LATENESS_NS / NS_PER_S + 1, "x", "ann", "h");
	for (int64_t i = 1; i <= 600; i += 60) {
		happen_late(s, i, 300, "a", "ann");
		happen_late(s, i, 300, "a", "other"); /* nobody misses it */
		if (i < 200)
			happen_late(s, i, 300, "a", "::ffff:10.0.0.1");
		put_tick(&s->p, 0, 0, T0 + (i + 300) * NS_PER_S);
	}
	pipeline_run(&s->p);
	tellings_read(&s->p, &s->t);
	const char *never = final_of(s, "never");
	says(never, "count", "0");
	says(never, "events", "[]");
	char text[64] = "\"";
	clock_print(T0 + 60 * NS_PER_S, text + 1);
	strcat(text, "\"");
	says(never, "fired", text);
	says(final_of(s, "::ffff:10.0.0.1"), "count", "1");
	assert_int_equal(tellings_count(&s->t, ROW_INCIDENT, true), 2);
	tellings_free(&s->t);
	assert_int_equal(scene_end(s), 3); /* and ann, in the end; a silence is told once */
}

static void test_t5_listed_keys(void **state)
{
	(void)state;
	twice(never_heard);
}

/* ---- new values ---- */

static void new_values(struct scene *s, uint64_t need)
{
	correlate(s, CORRELATION_VALUE_COUNT, 1, by_user, 10, COMPARE_GTE, need)->history_ns = NS_PER_HOUR;
}

static void first_seen(struct scene *s)
{
	new_values(s, 1);
	s->p.each = true;
	scene_open(s);
	happen(s, 0, "a", "ann", "h1");
	happen(s, 100, "a", "ann", "h1");
	happen(s, 200, "a", "ann", "h2");
	happen(s, 3700, "a", "ann", "h1"); /* an hour after it was there last */
	happen(s, 7301, "a", "ann", "h1"); /* and a second more */
	happen(s, 7302, "a", "bob", "h1");
	assert_int_equal(scene_end(s), 4);
}

static void seen_before_after_all(struct scene *s)
{
	new_values(s, 1);
	s->p.each = true;
	scene_open(s);
	happen(s, 100, "a", "ann", "h");
	const char *fields[] = {"hit", "a", "user", "ann", "host", "h", NULL};
	put_event(&s->p, 0, 0, "ip 10.0.0.1", T0, T0 + 250 * NS_PER_S, fields);
	assert_int_equal(scene_end(s), 1);
	char text[64] = "\"";
	clock_print(T0, text + 1);
	strcat(text, "\"");
	says(final_row(s, 0), "fired", text);
}

static void several_new_ones(struct scene *s)
{
	new_values(s, 3);
	scene_open(s);
	happen(s, 0, "a", "ann", "h1");
	happen(s, 100, "a", "ann", "h1");
	happen(s, 101, "a", "ann", "h2");
	happen(s, 102, "a", "ann", "h3"); /* three values, two of them new */
	happen(s, 200, "a", "bob", "h1");
	happen(s, 201, "a", "bob", "h2");
	happen(s, 210, "a", "bob", "h3");
	assert_int_equal(scene_end(s), 1);
	says(final_of(s, "bob"), "count", "3");
}

static void test_t18_new_value(void **state)
{
	(void)state;
	twice(first_seen);
	twice(seen_before_after_all);
	twice(several_new_ones);
}

/* What is not looked back to any more is forgotten, and with the last of it the group. */
static void test_t18_history_is_bounded(void **state)
{
	struct scene s = {0};
	struct temporal_stats stats;
	char host[16];
	(void)state;
	scene_begin(&s);
	new_values(&s, 1);
	scene_open(&s);
	uint64_t most = 0;
	for (int i = 0; i < 20000; i++) {
		snprintf(host, sizeof(host), "h%d", i);
		happen(&s, i, "a", "ann", host);
		if (i % 500 == 0) {
			put_tick(&s.p, 0, 0, T0 + i * NS_PER_S);
			pipeline_run(&s.p);
			temporal_stats(s.p.temporal, &stats);
			most = stats.window_bytes > most ? stats.window_bytes : most;
		}
	}
	assert_true(most < 16000 * 100); /* an hour and five minutes of it, up to twice that before it is swept */
	put_tick(&s.p, 0, 0, T0 + NS_PER_DAY);
	pipeline_run(&s.p);
	temporal_stats(s.p.temporal, &stats);
	assert_int_equal(stats.windows, 0);
	assert_int_equal(stats.window_bytes, 0);
	scene_close(&s);
}

/* ---- suppression ---- */

static const char *final_at(const struct scene *s, int64_t second)
{
	char text[64], fired[80];
	clock_print(T0 + second * NS_PER_S, text);
	snprintf(fired, sizeof(fired), "\"fired\":\"%s\"", text);
	for (uint32_t i = 0; i < s->t.count; i++)
		if (s->t.rows[i].kind == ROW_INCIDENT && s->t.rows[i].final && strstr(s->t.rows[i].json, fired) != NULL)
			return s->t.rows[i].json;
	fail_msg("nothing fired at second %lld", (long long)second);
	return "";
}

static void quiet_for_a_while(struct scene *s)
{
	char id[64], by[64];
	correlate(s, CORRELATION_EVENT_COUNT, 1, by_user, 10, COMPARE_GTE, 1)->suppress_ns = 100 * NS_PER_S;
	scene_open(s);
	happen(s, 0, "a", "ann", "h");
	happen(s, 50, "a", "ann", "h");
	happen(s, 100, "a", "ann", "h");
	happen(s, 60, "a", "bob", "h"); /* of another group */
	happen(s, 115, "a", "ann", "h");
	happen(s, 200, "a", "ann", "h");
	assert_int_equal(scene_end(s), 6);
	assert_null(strstr(final_at(s, 0), "suppressed"));
	assert_null(strstr(final_at(s, 60), "suppressed"));
	assert_null(strstr(final_at(s, 115), "suppressed"));
	assert_true(json_says(final_at(s, 0), "id", id, sizeof(id)));
	assert_true(json_says(final_at(s, 100), "suppressed_by", by, sizeof(by)));
	assert_string_equal(id, by);
	says(final_at(s, 50), "suppressed", "1");
	says(final_at(s, 100), "suppressed", "2");
	assert_true(json_says(final_at(s, 115), "id", id, sizeof(id)));
	says(final_at(s, 200), "suppressed_by", id);
	says(final_at(s, 200), "suppressed", "1");
}

/* An earlier one that arrives later keeps quiet what was told loudly before. */
static void earlier_one_comes_late(struct scene *s)
{
	correlate(s, CORRELATION_EVENT_COUNT, 1, by_user, 10, COMPARE_GTE, 1)->suppress_ns = 100 * NS_PER_S;
	scene_open(s);
	happen(s, 90, "a", "ann", "h");
	happen_late(s, 0, 200, "a", "ann");
	assert_int_equal(scene_end(s), 2);
	assert_null(strstr(final_at(s, 0), "suppressed"));
	says(final_at(s, 90), "suppressed", "1");
}

static void test_t13_suppression(void **state)
{
	(void)state;
	twice(quiet_for_a_while);
	twice(earlier_one_comes_late);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_t5_absence),
		cmocka_unit_test(test_t5_listed_keys),
		cmocka_unit_test(test_t5_end_of_input),
		cmocka_unit_test(test_t18_new_value),
		cmocka_unit_test(test_t18_history_is_bounded),
		cmocka_unit_test(test_t13_suppression),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
