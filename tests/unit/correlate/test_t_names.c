/* Conditions over names of rules, for temporal and temporal_ordered: each holds, does not hold by a hair, does not mind the
 * order of arrival, and holds across a restart. T4: with `not` they are told when the window has passed. */
#include "tests/unit/correlate/rules_fake.h"

#include "tests/unit/correlate/scene.h"

/* `text`: rules a, b, c and operators & | ! behind what they join. */
static struct correlation *names(struct scene *s, const char *text)
{
	static const char operators[] = "!&|";
	struct correlation *c = correlate(s, CORRELATION_TEMPORAL, 3, by_user, 10, COMPARE_GTE, 0);
	struct expression *e = fake_must(calloc(strlen(text), sizeof(*e)));
	c->expression = e;
	for (; *text != 0; text++) {
		const char *op = strchr(operators, *text);
		if (op != NULL)
			*e++ = (struct expression){(enum expression_kind)(EXPRESSION_NOT + (op - operators)), 0};
		else
			*e++ = (struct expression){EXPRESSION_RULE, (uint32_t)(*text - 'a')};
		c->expression_count++;
	}
	return c;
}

static struct correlation *steps(struct scene *s, uint32_t count, uint64_t first, uint64_t second, uint64_t third,
								 uint64_t absent)
{
	struct correlation *c = correlate(s, CORRELATION_TEMPORAL_ORDERED, 3, by_user, 10, COMPARE_GTE, 3);
	uint64_t *list = fake_must(calloc(3, sizeof(*list)));
	memcpy(list, (uint64_t[]){first, second, third}, sizeof(*list) * 3);
	c->steps = list;
	c->step_count = count;
	c->absent = absent;
	return c;
}

/* ---- temporal ---- */

static void either_with_third(struct scene *s)
{
	names(s, "ab|c&"); /* (a or b) and c */
	scene_open(s);
	happen(s, 0, "b", "ann", "h");
	happen(s, 10, "c", "ann", "h");
	happen(s, 0, "a", "bob", "h");
	happen(s, 1, "b", "bob", "h");
	happen(s, 100, "c", "cid", "h");
	happen(s, 110, "a", "cid", "h");
	happen(s, 200, "c", "dan", "h");
	happen(s, 211, "a", "dan", "h"); /* a second too late */
	pipeline_run(&s->p);
	struct temporal_stats stats;
	temporal_stats(s->p.temporal, &stats);
	if (!s->restarts)
		assert_int_equal(stats.provisional, 2); /* without `not` nothing has to be waited for */
	assert_int_equal(scene_end(s), 2);
	says(final_of(s, "ann"), "count", "2");
	says(final_of(s, "cid"), "count", "2");
}

static void unless_third(struct scene *s)
{
	names(s, "ab&c!&"); /* a and b and not c */
	scene_open(s);
	happen(s, 0, "a", "ann", "h");
	happen(s, 10, "b", "ann", "h");
	happen(s, 11, "c", "ann", "h"); /* just behind the window */
	happen(s, 100, "a", "bob", "h");
	happen(s, 101, "b", "bob", "h");
	happen(s, 110, "c", "bob", "h"); /* at its very end */
	pipeline_run(&s->p);
	struct temporal_stats stats;
	temporal_stats(s->p.temporal, &stats);
	assert_int_equal(stats.provisional + stats.final, 0); /* others fire on b, before c can be known */
	assert_int_equal(scene_end(s), 1);
	says(final_of(s, "ann"), "count", "2");
}

static void third_comes_late(struct scene *s)
{
	names(s, "ab&c!&");
	scene_open(s);
	happen(s, 10, "b", "ann", "h");
	happen(s, 12, "a", "bob", "h");
	happen_late(s, 5, 200, "a", "ann");
	happen_late(s, 15, 250, "c", "ann");
	happen_late(s, 13, 250, "b", "bob");
	assert_int_equal(scene_end(s), 1);
	says(final_of(s, "bob"), "count", "2");
}

static void test_t4_names(void **state)
{
	(void)state;
	twice(either_with_third);
	twice(unless_third);
	twice(third_comes_late);
}

/* ---- temporal_ordered ---- */

static void either_then_third(struct scene *s)
{
	steps(s, 2, 3, 4, 0, 0); /* (a or b) and c */
	scene_open(s);
	happen(s, 0, "b", "ann", "h");
	happen(s, 10, "c", "ann", "h");
	happen(s, 100, "c", "bob", "h");
	happen(s, 101, "a", "bob", "h");
	happen(s, 200, "a", "cid", "h");
	happen(s, 201, "b", "cid", "h");
	happen(s, 211, "c", "cid", "h"); /* b is near enough, a is not */
	happen(s, 300, "a", "dan", "h");
	happen(s, 311, "c", "dan", "h");
	assert_int_equal(scene_end(s), 2);
	says(final_of(s, "ann"), "count", "2");
	says(final_of(s, "cid"), "count", "2");
}

/* Steps stand in the order of the condition, not in that of the rules. */
static void backwards(struct scene *s)
{
	steps(s, 3, 4, 2, 1, 0);
	scene_open(s);
	happen(s, 0, "a", "ann", "h");
	happen(s, 1, "b", "ann", "h");
	happen(s, 2, "c", "ann", "h");
	happen_late(s, 20, 200, "a", "bob");
	happen_late(s, 15, 210, "b", "bob");
	happen_late(s, 10, 220, "c", "bob");
	assert_int_equal(scene_end(s), 1);
	says(final_of(s, "bob"), "count", "3");
}

/* One event may stand in several places, whatever the order of the rules (T7). */
static void one_event_backwards(struct scene *s)
{
	steps(s, 2, 2, 1, 0, 0);
	scene_open(s);
	const char *both[] = {"hit", "a", "hit", "b", "user", "ann", NULL};
	put_event(&s->p, 0, 0, "ip 10.0.0.1", T0, T0, both);
	assert_int_equal(scene_end(s), 1);
	says(final_of(s, "ann"), "count", "2");
}

static void one_event_distinct(struct scene *s)
{
	steps(s, 2, 2, 1, 0, 0)->distinct_events = true;
	scene_open(s);
	const char *both[] = {"hit", "a", "hit", "b", "user", "ann", NULL};
	put_event(&s->p, 0, 0, "ip 10.0.0.1", T0, T0, both);
	happen(s, 100, "b", "bob", "h");
	happen(s, 101, "a", "bob", "h");
	assert_int_equal(scene_end(s), 1);
	says(final_of(s, "bob"), "count", "2");
}

static void then_unless(struct scene *s)
{
	steps(s, 2, 1, 2, 0, 4); /* a and b and not c */
	scene_open(s);
	happen(s, 0, "a", "ann", "h");
	happen(s, 10, "b", "ann", "h");
	happen(s, 11, "c", "ann", "h");
	happen(s, 100, "a", "bob", "h");
	happen(s, 101, "b", "bob", "h");
	happen_late(s, 110, 250, "c", "bob");
	happen(s, 200, "b", "cid", "h");
	happen(s, 201, "a", "cid", "h");
	assert_int_equal(scene_end(s), 1);
	says(final_of(s, "ann"), "count", "2");
}

static void test_t6_steps(void **state)
{
	(void)state;
	twice(either_then_third);
	twice(backwards);
	twice(one_event_backwards);
	twice(one_event_distinct);
	twice(then_unless);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_t4_names),
		cmocka_unit_test(test_t6_steps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
