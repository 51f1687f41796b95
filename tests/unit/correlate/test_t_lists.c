/* T18: lists with a time to live. Each holds, does not hold by a hair, does not mind the order of arrival, and holds across a
 * restart. */
#include "tests/unit/correlate/rules_fake.h"

#include "tests/unit/correlate/scene.h"

/* a is counted; b puts the key on the list for a hundred seconds, c takes it off. */
static struct correlation *listed(struct scene *s, bool absent, int64_t seconds)
{
	struct correlation_list *list = fake_must(calloc(1, sizeof(*list)));
	struct correlation *c = correlate(s, CORRELATION_EVENT_COUNT, 3, by_user, 10, COMPARE_GTE, 1);
	*list =
		(struct correlation_list){SLICE("on"), .add = 2, .remove = 4, .ttl_ns = seconds * NS_PER_S, .absent = absent};
	c->lists = list;
	c->list_count = 1;
	c->writer_count = 2;
	return c;
}

static void while_it_lasts(struct scene *s)
{
	listed(s, false, 100);
	scene_open(s);
	happen(s, 0, "b", "ann", "h");
	happen(s, 100, "a", "ann", "h"); /* exactly a time to live: still there */
	happen(s, 200, "b", "bob", "h");
	happen(s, 301, "a", "bob", "h");
	happen(s, 400, "a", "cid", "h"); /* before it is there */
	happen(s, 401, "b", "cid", "h");
	happen(s, 450, "b", "dan", "h");
	happen(s, 451, "a", "eve", "h"); /* another key */
	happen(s, 500, "b", "fay", "h");
	happen(s, 590, "b", "fay", "h"); /* from the newest on */
	happen(s, 680, "a", "fay", "h");
	assert_int_equal(scene_end(s), 2);
	says(final_of(s, "ann"), "count", "1"); /* who put it there is no part of it */
	says(final_of(s, "fay"), "count", "1");
}

static void taken_off(struct scene *s)
{
	listed(s, false, 100);
	scene_open(s);
	happen(s, 0, "b", "ann", "h");
	happen(s, 10, "c", "ann", "h");
	happen(s, 20, "a", "ann", "h");
	happen(s, 30, "b", "ann", "h"); /* and there again */
	happen(s, 40, "a", "ann", "h");
	happen(s, 100, "b", "bob", "h");
	happen(s, 110, "a", "bob", "h");
	happen(s, 120, "c", "bob", "h");
	happen(s, 130, "a", "bob", "h");
	assert_int_equal(scene_end(s), 2);
	says(final_of(s, "ann"), "firing_points", "1");
	says(final_of(s, "bob"), "firing_points", "1");
}

static void while_it_is_not_there(struct scene *s)
{
	listed(s, true, 100);
	scene_open(s);
	happen(s, 0, "b", "ann", "h");
	happen(s, 100, "a", "ann", "h");
	happen(s, 200, "b", "bob", "h");
	happen(s, 301, "a", "bob", "h");
	happen(s, 400, "a", "cid", "h");
	happen(s, 500, "b", "dan", "h");
	happen(s, 501, "c", "dan", "h");
	happen(s, 502, "a", "dan", "h");
	assert_int_equal(scene_end(s), 3);
	assert_string_equal(final_of(s, "ann"), "");
}

/* What arrives last happened first: it puts one key there in time, and takes another off. */
static void written_late(struct scene *s)
{
	listed(s, false, 100);
	scene_open(s);
	happen(s, 50, "a", "ann", "h");
	happen_late(s, 10, 200, "b", "ann");
	happen(s, 210, "b", "bob", "h");
	happen(s, 220, "a", "bob", "h");
	happen_late(s, 215, 299, "c", "bob");
	assert_int_equal(scene_end(s), 1);
	says(final_of(s, "ann"), "count", "1");
}

/* Nothing is told before the watermark has passed: what takes the key off may still come. */
static void told_behind_the_watermark(void **state)
{
	struct scene s = {0};
	struct temporal_stats stats;
	(void)state;
	scene_begin(&s);
	listed(&s, false, 100);
	scene_open(&s);
	happen(&s, 0, "b", "ann", "h");
	happen(&s, 1, "a", "ann", "h");
	put_tick(&s.p, 0, 0, T0 + 1 * NS_PER_S + LATENESS_NS);
	pipeline_run(&s.p);
	temporal_stats(s.p.temporal, &stats);
	assert_int_equal(stats.provisional + stats.final, 0);
	put_tick(&s.p, 0, 0, T0 + 1 * NS_PER_S + LATENESS_NS + 1);
	pipeline_run(&s.p);
	temporal_stats(s.p.temporal, &stats);
	assert_int_equal(stats.provisional, 1);
	scene_close(&s);
}

/* An event sees the list as it stood before it: with the counted rule itself as the one that adds, each key counts once in
 * so long a time. */
static void once_in_a_while(struct scene *s)
{
	struct correlation_list *list = fake_must(calloc(1, sizeof(*list)));
	struct correlation *c = correlate(s, CORRELATION_EVENT_COUNT, 1, by_user, 1000, COMPARE_GTE, 1);
	*list = (struct correlation_list){SLICE("seen"), .add = 1, .ttl_ns = 100 * NS_PER_S, .absent = true};
	c->lists = list;
	c->list_count = 1;
	scene_open(s);
	happen(s, 0, "a", "ann", "h");
	happen(s, 50, "a", "ann", "h");
	happen(s, 150, "a", "ann", "h");
	happen(s, 251, "a", "ann", "h");
	assert_int_equal(scene_end(s), 1);
	says(final_of(s, "ann"), "firing_points", "2");
}

/* Of one instant the order of T12 decides: the source, then the sequence. */
static void at_one_instant(struct scene *s)
{
	static const char *const counted[] = {"hit", "a", "user", "ann", NULL},
							 *const adds[] = {"hit", "b", "user", "ann", NULL},
							 *const other[] = {"hit", "a", "user", "bob", NULL},
							 *const other_adds[] = {"hit", "b", "user", "bob", NULL};
	listed(s, false, 100);
	scene_open(s);
	put_event(&s->p, 0, 0, "ip 10.0.0.2", T0, T0, counted);
	put_event(&s->p, 0, 0, "ip 10.0.0.1", T0, T0, adds);
	put_event(&s->p, 0, 0, "ip 10.0.0.1", T0, T0, other);
	put_event(&s->p, 0, 0, "ip 10.0.0.1", T0, T0, other_adds);
	assert_int_equal(scene_end(s), 1);
	says(final_of(s, "ann"), "count", "1");
}

/* What is left out is left out of every type: a pivot that is not counted is none, and a value is not there. */
static void of_other_types(struct scene *s)
{
	struct correlation *c = listed(s, false, 100);
	c->type = CORRELATION_TEMPORAL_ORDERED;
	c->rule_count = 3;
	c->writer_count = 1; /* a, then b, which puts the key on the list itself; c takes it off */
	scene_open(s);
	happen(s, 0, "b", "ann", "h");
	happen(s, 1, "a", "ann", "h");
	happen(s, 2, "b", "ann", "h");
	happen(s, 100, "a", "bob", "h"); /* does not count: b has not been there */
	happen(s, 101, "b", "bob", "h");
	happen(s, 102, "b", "bob", "h");
	assert_int_equal(scene_end(s), 1);
	says(final_of(s, "ann"), "count", "2");
}

static void test_t18_lists(void **state)
{
	(void)state;
	twice(while_it_lasts);
	twice(taken_off);
	twice(while_it_is_not_there);
	twice(written_late);
	twice(once_in_a_while);
	twice(at_one_instant);
	twice(of_other_types);
}

/* A correlation puts the key there, with the time of the match that completed it. */
static void written_by_a_correlation(struct scene *s)
{
	struct correlation_list *list = fake_must(calloc(1, sizeof(*list)));
	uint32_t b[] = {s->b};
	struct correlation *scan = rules_correlation(s->rules, "scan", CORRELATION_EVENT_COUNT, b, 1, by_user, NULL,
												 10 * NS_PER_S, COMPARE_GTE, 3);
	uint32_t refers[] = {s->a, scan->rule.index};
	struct correlation *c = rules_correlation(s->rules, "outer", CORRELATION_EVENT_COUNT, refers, 2, by_user, NULL,
											  10 * NS_PER_S, COMPARE_GTE, 1);
	scan->rule.told = false;
	*list = (struct correlation_list){SLICE("scanners"), .add = 2, .ttl_ns = 100 * NS_PER_S};
	c->lists = list;
	c->list_count = c->writer_count = 1;
	scene_open(s);
	for (int64_t i = 0; i < 3; i++)
		happen(s, i, "b", "ann", "h");
	happen(s, 102, "a", "ann", "h");
	for (int64_t i = 0; i < 2; i++)
		happen(s, 200 + i, "b", "bob", "h");
	happen(s, 210, "a", "bob", "h");
	assert_int_equal(scene_end(s), 1);
	says(final_of(s, "ann"), "count", "1");
}

static void test_t18_lists_chained(void **state)
{
	(void)state;
	twice(written_by_a_correlation);
}

/* ---- how much is kept, and for how long ---- */

static uint64_t live_bytes(struct scene *s)
{
	struct temporal_stats stats;
	temporal_stats(s->p.temporal, &stats);
	return stats.window_bytes;
}

/* However often a key is put there, behind the watermark one time remains; then nothing does. */
static void test_one_time_for_each_key(void **state)
{
	struct scene s = {0};
	(void)state;
	scene_begin(&s);
	listed(&s, false, 1000000);
	scene_open(&s);
	happen(&s, 0, "b", "ann", "h");
	tick_all(&s.p, 1, T0 + 400 * NS_PER_S);
	pipeline_run(&s.p);
	uint64_t once = live_bytes(&s);
	for (int64_t i = 500; i < 900; i++)
		happen(&s, i, i % 2 == 0 ? "b" : "a", "ann", "h");
	tick_all(&s.p, 1, T0 + 1000 * NS_PER_S);
	happen(&s, 2000, "b", "ann", "h");
	tick_all(&s.p, 1, T0 + 100000 * NS_PER_S);
	pipeline_run(&s.p);
	assert_int_equal(live_bytes(&s), once);
	tick_all(&s.p, 1, T0 + 2000000 * NS_PER_S);
	pipeline_run(&s.p);
	assert_true(once > 0);
	assert_int_equal(live_bytes(&s), 0);
	/* taken off, it goes at once */
	happen(&s, 2000001, "b", "ann", "h");
	happen(&s, 2000002, "c", "ann", "h");
	tick_all(&s.p, 1, T0 + 2001000 * NS_PER_S);
	pipeline_run(&s.p);
	assert_int_equal(live_bytes(&s), 0);
	scene_close(&s);
}

/* A replay begins where a key may have been put on a list: 24 h + 3 x 10 s + 10 min, and the time to live. */
static void test_keep_from_covers_it(void **state)
{
	struct scene s = {0};
	(void)state;
	scene_begin(&s);
	listed(&s, false, 30 * 86400);
	scene_open(&s);
	for (int i = 0; i < 1200; i++) {
		put_tick(&s.p, 0, 0, T0 + i * NS_PER_HOUR);
		pipeline_run(&s.p);
	}
	uint64_t kept = 1200 - temporal_keep_from(s.p.temporal, 0);
	assert_true(kept >= 31 * 24 && kept <= 31 * 24 * 66 / 64 + 4);
	scene_close(&s);
}

/* T16: a key that finds no room is on no list, and that is counted. */
static void test_refused_keys_are_counted(void **state)
{
	struct scene s = {0};
	struct temporal_stats stats;
	char user[32];
	(void)state;
	scene_begin(&s);
	listed(&s, false, 1000000);
	s.p.window_bytes = 65536;
	scene_open(&s);
	for (int i = 0; i < 2000; i++) {
		snprintf(user, sizeof(user), "user%d", i);
		happen(&s, i / 100, "b", user, "h");
	}
	pipeline_run(&s.p);
	temporal_stats(s.p.temporal, &stats);
	assert_true(stats.refused_keys > 0 && stats.refused_keys < 2000);
	assert_true(stats.window_bytes <= 2 * 65536);
	scene_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_t18_lists),           cmocka_unit_test(told_behind_the_watermark),
		cmocka_unit_test(test_t18_lists_chained),   cmocka_unit_test(test_one_time_for_each_key),
		cmocka_unit_test(test_keep_from_covers_it), cmocka_unit_test(test_refused_keys_are_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
