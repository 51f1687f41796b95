#include "tests/unit/rules/sigma_rig.h"

#include "rules/rules_test.h"

#define RULES \
	"title: A\nid: a\nlogsource: {}\ndetection: {s: {f: x}, condition: s}\n---\n" \
	"title: C\nid: c\ncorrelation: {type: event_count, rules: [a], timespan: 1m, condition: {gte: 2}}\n"

static void run(struct rig *rig, const char *tests, uint32_t *passed, uint32_t *failed)
{
	struct error error = {0};
	const char *paths[] = {"/r"};
	rig->told_count = 0;
	rig_put(rig, "/r/a.yml", RULES);
	rig_put(rig, "/r/a.tests.yml", tests);
	if (rules_test(&rig->fake->env, paths, 1, NULL, rig_tell, rig, passed, failed, &error))
		fail_msg("%s", error.text);
}

static void examples_are_judged(void **state)
{
	struct rig rig;
	uint32_t passed, failed;
	(void)state;
	rig_open(&rig);
	run(&rig, "rule: a\nmatch: [{f: X}, {f: [y, x]}]\nsilent:\n  - {f: y}\n  - {g: x}\n", &passed, &failed);
	assert_int_equal(passed, 4);
	assert_int_equal(failed, 0);
	assert_int_equal(rig.told_count, 0);
	run(&rig, "rule: A\nmatch:\n  - {f: X}\n  - {f: z}\nsilent:\n  - {f: x}\n", &passed, &failed);
	assert_int_equal(passed, 1);
	assert_int_equal(failed, 2);
	assert_int_equal(rig.told[0].line, 4);
	assert_int_equal(rig.told[0].column, 5);
	assert_string_equal(rig.told[0].rule, "A");
	assert_string_equal(rig.told[0].id, "test-failed");
	assert_int_equal(rig.told[1].line, 6);
	rig_close(&rig);
}

static void what_needs_more_is_said(void **state)
{
	struct rig rig;
	uint32_t passed, failed;
	(void)state;
	rig_open(&rig);
	run(&rig, "rule: a\nmatch:\n  - line: 'f=x'\n---\nrule: c\nsequence: [{after: 0s, event: {f: x}}]\nfires: 0\n",
		&passed, &failed);
	assert_int_equal(passed + failed, 0);
	assert_int_equal(rig.told_count, 2);
	assert_string_equal(rig.told[0].id, "test-pending");
	assert_string_equal(rig.told[1].id, "test-pending");
	assert_int_equal(rig.told[0].level, DIAGNOSTIC_WARNING);
	rig_close(&rig);
}

static void wrong_tests_fail(void **state)
{
	static const struct {
		const char *text, *says;
		uint32_t line, column;
	} cases[] = {
		{"match: [{f: x}]\n", "begins with 'rule'", 1, 1},
		{"rule: nobody\nmatch: [{f: x}]\n", "no rule that was loaded", 1, 7},
		{"rule: a\nmatches: [{f: x}]\n", "knows the keys", 2, 1},
		{"rule: a\nmatch: {f: x}\n", "lists of events", 2, 8},
		{"rule: a\nmatch: [x]\n", "an event is a map", 2, 9},
		{"rule: c\nmatch: [{f: x}]\n", "with a sequence", 2, 8},
		{"rule: c\nsequence: [{event: {f: x}}]\n", "'fires'", 2, 11},
		{"rule: c\nfires: 1\nsequence: [{after: soon, event: {f: x}}]\n", "spans", 3, 12},
		{"rule: c\nfires: 1\nsequence: [{after: 1s}]\n", "'event'", 3, 12},
		{"rule: c\nfires: 1\nsequence: [{repeat: 10001, event: {f: x}}]\n", "spans", 3, 12},
		{"rule: a\nrule: b\n", "stands here again", 2, 1},
	};
	struct rig rig;
	uint32_t passed, failed;
	(void)state;
	rig_open(&rig);
	for (size_t i = 0; i < COUNT(cases); i++) {
		run(&rig, cases[i].text, &passed, &failed);
		if (failed != 1 || rig.told_count != 1 || !strstr(rig.told[0].text, cases[i].says) ||
			rig.told[0].line != cases[i].line || rig.told[0].column != cases[i].column)
			fail_msg("%s: %u failed, %u:%u %s", cases[i].text, failed, rig.told[0].line, rig.told[0].column,
					 rig.told[0].text);
	}
	rig_close(&rig);
}

static void sequences_are_laid_out(void **state)
{
	struct rig rig;
	struct rule_tests *tests;
	struct error error = {0};
	uint32_t failed = 0;
	const char *paths[] = {"/r"};
	(void)state;
	rig_open(&rig);
	rig_put(&rig, "/r/a.yml", RULES);
	rig_put(
		&rig, "/r/a.tests.yml",
		"rule: c\nsequence:\n  - {repeat: 3, every: 10s, event: {f: x, n: {m: [1, null, true]}}}\n  - {after: 1m, line: 'raw text'}\nfires: 2\n");
	rig_load_paths(&rig, paths, 1, NULL);
	assert_int_equal(rule_tests_load(&rig.fake->env, paths, 1, rig.set, rig_tell, &rig, &tests, &failed, &error), 0);
	assert_int_equal(failed, 0);
	assert_int_equal(rule_tests_count(tests), 1);
	const struct rule_test *t = rule_tests_get(tests, 0);
	assert_int_equal(t->kind, TEST_SEQUENCE);
	assert_int_equal(t->fires, 2);
	assert_int_equal(t->event_count, 4);
	assert_true(t->events[2].after_ns == 20 * NS_PER_S);
	assert_true(slice_equal(t->events[2].text, SLICE("{\"f\":\"x\",\"n\":{\"m\":[1,null,true]}}")));
	assert_true(t->events[3].is_line && t->events[3].after_ns == 60 * NS_PER_S);
	assert_true(slice_equal(t->events[3].text, SLICE("raw text")));
	assert_true(slice_equal(t->rule->id, SLICE("c")));
	rule_tests_free(tests);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples_are_judged),
		cmocka_unit_test(what_needs_more_is_said),
		cmocka_unit_test(wrong_tests_fail),
		cmocka_unit_test(sequences_are_laid_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
