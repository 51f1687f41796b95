/* T17: correlations of rules that were in force before go on beside those that are, until their time has passed; each story holds
 * across a restart. */
#include "tests/unit/correlate/rules_fake.h"

#include "tests/unit/correlate/scene.h"

#define UNTIL 10 /* seconds after T0 */

/* The rules of before; what of them retires is told by title. */
struct past {
	struct ruleset *rules, *newer; /* newer: null unless a story has two */
	struct retiring list[4];
	uint32_t count;
};

static struct past past;

static void retire(struct scene *s, const char *title, int64_t until_s)
{
	struct retiring *r = &past.list[past.count++];
	*r = (struct retiring){.ruleset = past.rules, .until_ns = T0 + until_s * NS_PER_S};
	sha256_of(slice_str(title), r->digest);
	s->p.retiring = past.list;
	s->p.retiring_count = past.count;
}

static struct correlation *old_over(const char *title, uint32_t rule, int64_t seconds, enum compare compare, uint64_t n)
{
	return rules_correlation(past.rules, title, CORRELATION_EVENT_COUNT, &rule, 1, by_user, NULL, seconds * NS_PER_S,
							 compare, n);
}

static void told(void (*story)(struct scene *s))
{
	for (int restarts = 0; restarts < 2; restarts++) {
		struct scene s = {.restarts = restarts == 1};
		scene_begin(&s);
		past = (struct past){.rules = rules_new()};
		story(&s);
		scene_close(&s);
		rules_drop(past.rules);
		if (past.newer != NULL)
			rules_drop(past.newer);
	}
}

/* Matches of a detection that is in force count for both forms, up to the end of the old one. */
static void the_old_form_goes_on(struct scene *s)
{
	old_over("old", rules_base(past.rules, "a", false, LEVEL_LOW), 10, COMPARE_GTE, 3);
	retire(s, "old", UNTIL);
	correlate(s, CORRELATION_EVENT_COUNT, 1, by_user, 10, COMPARE_GTE, 4);
	scene_open(s);
	happen(s, 1, "a", "ann", "h");
	happen(s, 9, "a", "ann", "h");
	happen(s, 10, "a", "ann", "h"); /* at its very end */
	happen(s, 9, "a", "bob", "h");
	happen(s, 10, "a", "bob", "h");
	happen(s, 11, "a", "bob", "h"); /* behind it */
	for (int i = 100; i < 104; i++)
		happen(s, i, "a", "cid", "h");
	assert_int_equal(scene_end(s), 2);
	says(final_of(s, "ann"), "title", "\"old\"");
	says(final_of(s, "ann"), "count", "3");
	says(final_of(s, "cid"), "title", "\"outer\"");
	says(final_of(s, "cid"), "count", "4");
}

/* Its own detection is judged for it alone: no finding, no incident by itself, no match of the rules in force. */
static void a_detection_of_before_is_asked(struct scene *s)
{
	rules_base(past.rules, "not needed", true, LEVEL_HIGH);
	old_over("old", rules_base(past.rules, "x", true, LEVEL_HIGH), 10, COMPARE_GTE, 2);
	retire(s, "old", UNTIL);
	correlate(s, CORRELATION_EVENT_COUNT, 1, by_user, 10, COMPARE_GTE, 4);
	scene_open(s);
	happen(s, 1, "x", "ann", "h");
	happen(s, 2, "x", "ann", "h");
	happen(s, 2, "not needed", "ann", "h");
	happen(s, 11, "x", "ann", "h");
	happen(s, 12, "x", "ann", "h");
	assert_int_equal(scene_end(s), 1);
	says(final_of(s, "ann"), "count", "2");
	assert_int_equal(tellings_count(&s->t, ROW_FINDING, false), 0);
}

static void one_that_was_not_asked_for_stops(struct scene *s)
{
	uint32_t a = rules_base(past.rules, "a", false, LEVEL_LOW);
	old_over("old", a, 10, COMPARE_GTE, 2);
	old_over("removed", a, 10, COMPARE_GTE, 2);
	retire(s, "old", UNTIL);
	scene_open(s);
	happen(s, 1, "a", "ann", "h");
	happen(s, 2, "a", "ann", "h");
	assert_int_equal(scene_end(s), 1);
	says(final_of(s, "ann"), "title", "\"old\"");
}

/* The same digest is the same rule: it is there once, and its end is none. */
static void one_in_force_is_passed_over(struct scene *s)
{
	old_over("outer", rules_base(past.rules, "a", false, LEVEL_LOW), 10, COMPARE_GTE, 2);
	retire(s, "outer", UNTIL);
	correlate(s, CORRELATION_EVENT_COUNT, 1, by_user, 10, COMPARE_GTE, 2);
	scene_open(s);
	happen(s, 9, "a", "ann", "h");
	happen(s, 12, "a", "ann", "h");
	assert_int_equal(scene_end(s), 1);
	says(final_of(s, "ann"), "count", "2");
}

/* A window that ends behind the end was not seen whole: fewer than two matches in it say nothing. */
static void no_verdict_on_half_a_window(struct scene *s)
{
	old_over("old", rules_base(past.rules, "a", false, LEVEL_LOW), 10, COMPARE_LT, 2);
	retire(s, "old", UNTIL);
	scene_open(s);
	happen(s, 0, "a", "ann", "h");
	happen(s, 1, "a", "bob", "h");
	happen(s, 11, "a", "bob", "h");
	assert_int_equal(scene_end(s), 1);
	says(final_of(s, "ann"), "count", "1");
}

static void no_silence_behind_the_end(struct scene *s)
{
	struct correlation *c = old_over("old", rules_base(past.rules, "a", false, LEVEL_LOW), 10, COMPARE_EQ, 0);
	c->seen_ns = NS_PER_DAY;
	retire(s, "old", UNTIL);
	scene_open(s);
	happen(s, 0, "a", "ann", "h");
	happen(s, 1, "a", "bob", "h");
	happen(s, 11, "a", "bob", "h"); /* heard, and not by the old form */
	assert_int_equal(scene_end(s), 1);
	says(final_of(s, "ann"), "count", "1");
}

/* The outer form changed and the inner did not: firing points of the one in force go to both. */
static void a_chain_shares_what_is_in_force(struct scene *s)
{
	const uint32_t a = s->a, inner = s->rules->count;
	uint32_t then = rules_base(past.rules, "a", false, LEVEL_LOW), below = past.rules->count;
	old_over("inner", then, 5, COMPARE_GTE, 2)->rule.told = false;
	old_over("old", below, 10, COMPARE_GTE, 2);
	retire(s, "old", UNTIL);
	rules_correlation(s->rules, "inner", CORRELATION_EVENT_COUNT, &a, 1, by_user, NULL, 5 * NS_PER_S, COMPARE_GTE, 2)
		->rule.told = false;
	rules_correlation(s->rules, "new", CORRELATION_EVENT_COUNT, &inner, 1, by_user, NULL, 10 * NS_PER_S, COMPARE_GTE,
					  9);
	scene_open(s);
	happen(s, 1, "a", "ann", "h");
	happen(s, 2, "a", "ann", "h");
	happen(s, 3, "a", "ann", "h");
	for (int i = 20; i < 23; i++)
		happen(s, i, "a", "bob", "h"); /* the inner one has no end, and the outer has */
	assert_int_equal(scene_end(s), 1);
	says(final_of(s, "ann"), "title", "\"old\"");
	says(final_of(s, "ann"), "count", "2");
}

/* Both changed: the inner one goes on for the outer, and tells nothing since nobody asked for it. */
static void a_chain_brings_what_it_needs(struct scene *s)
{
	uint32_t then = rules_base(past.rules, "x", false, LEVEL_LOW), below = past.rules->count;
	old_over("inner", then, 5, COMPARE_GTE, 2);
	old_over("old", below, 10, COMPARE_GTE, 2);
	retire(s, "old", UNTIL);
	scene_open(s);
	happen(s, 1, "x", "ann", "h");
	happen(s, 2, "x", "ann", "h");
	happen(s, 3, "x", "ann", "h");
	happen(s, 12, "x", "ann", "h");
	happen(s, 13, "x", "ann", "h");
	assert_int_equal(scene_end(s), 1);
	says(final_of(s, "ann"), "title", "\"old\"");
	says(final_of(s, "ann"), "count", "2");
}

/* Two changes one behind the other, with an inner correlation that stayed in between. */
static void two_rulesets_of_before(struct scene *s)
{
	struct ruleset *first = past.rules;
	past.newer = rules_new();
	for (int i = 0; i < 2; i++) {
		past.rules = i == 0 ? first : past.newer;
		uint32_t then = rules_base(past.rules, "x", false, LEVEL_LOW), below = past.rules->count;
		old_over("inner", then, 5, COMPARE_GTE, 2)->rule.told = false;
		old_over(i == 0 ? "older" : "old", below, 10, COMPARE_GTE, i == 0 ? 2 : 3);
		retire(s, i == 0 ? "older" : "old", i == 0 ? UNTIL : UNTIL + 20);
	}
	past.rules = first;
	scene_open(s);
	for (int i = 1; i < 4; i++)
		happen(s, i, "x", "ann", "h"); /* two firing points: enough for one of them */
	for (int i = 21; i < 25; i++)
		happen(s, i, "x", "bob", "h"); /* three, behind the end of the first */
	assert_int_equal(scene_end(s), 2);
	says(final_of(s, "ann"), "title", "\"older\"");
	says(final_of(s, "bob"), "title", "\"old\"");
	says(final_of(s, "bob"), "count", "3");
}

/* Its time has passed when every level has: the caller drops it then. */
static void the_time_is_known(struct scene *s)
{
	old_over("old", rules_base(past.rules, "x", false, LEVEL_LOW), 10, COMPARE_GTE, 3);
	retire(s, "old", UNTIL);
	scene_open(s);
	assert_true(temporal_observed(s->p.temporal) == INT64_MIN);
	assert_true(temporal_passed(s->p.temporal) == INT64_MIN);
	put_tick(&s->p, 0, 0, T0 + 400 * NS_PER_S);
	pipeline_run(&s->p);
	assert_true(temporal_observed(s->p.temporal) == T0 + 400 * NS_PER_S);
	assert_true(temporal_passed(s->p.temporal) == T0 + 400 * NS_PER_S - LATENESS_NS);
}

static void test_t17_retiring(void **state)
{
	(void)state;
	told(the_old_form_goes_on);
	told(a_detection_of_before_is_asked);
	told(one_that_was_not_asked_for_stops);
	told(one_in_force_is_passed_over);
	told(no_verdict_on_half_a_window);
	told(no_silence_behind_the_end);
	told(the_time_is_known);
}

static void test_t17_chains(void **state)
{
	(void)state;
	told(a_chain_shares_what_is_in_force);
	told(a_chain_brings_what_it_needs);
	told(two_rulesets_of_before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_t17_retiring), cmocka_unit_test(test_t17_chains)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
