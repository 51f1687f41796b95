#include "tests/unit/rules/sigma_rig.h"

#define HEAD \
	"title: T\nlogsource: {category: t}\ndetection:\n  sel_a: {a: 1}\n  sel_b: {b: 1}\n  sel_c: {c: 1}\n  flt-x: {x: 1}\n  _own: {o: 1}\n"

static bool held(struct rig *rig, const char *condition, const char *event)
{
	char text[2048];
	snprintf(text, sizeof text, HEAD "  condition: %s\n", condition);
	rig_load(rig, text);
	if (rig->counts.loaded != 1)
		fail_msg("%s: refused: %s", condition, rig->told[0].text);
	return rig_holds(rig, event) == 1;
}

static void conditions_hold(void **state)
{
	static const struct {
		const char *condition, *event;
		bool holds;
	} cases[] = {
		{"sel_a", "{a: 1}", true},
		{"not sel_a", "{a: 2}", true},
		{"not not sel_a", "{a: 1}", true},
		{"not not not sel_a", "{a: 1}", false},
		{"sel_a and sel_b", "{a: 1}", false},
		{"sel_a and sel_b", "{a: 1, b: 1}", true},
		{"sel_a or sel_b and sel_c", "{a: 1}", true}, /* and binds before or */
		{"(sel_a or sel_b) and sel_c", "{a: 1}", false},
		{"not sel_a and sel_b", "{b: 1}", true}, /* not before and */
		{"not (sel_a and sel_b)", "{b: 1}", true},
		{"not sel_a or sel_b", "{a: 1}", false},
		{"1 of sel_*", "{b: 1}", true},
		{"any of sel_*", "{b: 1}", true},
		{"all of sel_*", "{a: 1, b: 1}", false},
		{"all of sel_*", "{a: 1, b: 1, c: 1}", true},
		{"not 1 of sel_*", "{x: 1}", true},
		{"1 of them", "{o: 1}", false}, /* them leaves out what begins with _ */
		{"1 of them", "{x: 1}", true},
		{"1 of *", "{o: 1}", false},
		{"1 of _*", "{o: 1}", true},
		{"_own", "{o: 1}", true},
		{"1 of *_a", "{a: 1}", true},
		{"1 of s*l_*a", "{a: 1}", true},
		{"1 of sel_a", "{a: 1}", true},
		{"sel_a and not flt-x", "{a: 1}", true},
		{"sel_a and not flt-x", "{a: 1, x: 1}", false},
		{"(((sel_a)))", "{a: 1}", true},
		{"sel_a and(sel_b)or(sel_c)", "{c: 1}", true},
		{"'  sel_a   and  sel_b '", "{a: 1, b: 1}", true},
		{"[sel_a, sel_b and sel_c]", "{a: 1}", true}, /* a list: one of them */
		{"[sel_a, sel_b and sel_c]", "{b: 1}", false},
		{">\n    sel_a\n    and sel_b", "{a: 1, b: 1}", true},
	};
	struct rig rig;
	(void)state;
	rig_open(&rig);
	for (size_t i = 0; i < COUNT(cases); i++)
		if (held(&rig, cases[i].condition, cases[i].event) != cases[i].holds)
			fail_msg("%s on %s: %d expected", cases[i].condition, cases[i].event, cases[i].holds);
	rig_close(&rig);
}

/* Names that are also words of the grammar are names where no `of` follows. */
static void names_like_words(void **state)
{
	struct rig rig;
	(void)state;
	rig_open(&rig);
	rig_load(
		&rig,
		"title: T\nlogsource: {category: t}\ndetection:\n  all: {a: 1}\n  any: {b: 1}\n  1: {c: 1}\n  condition: all or 1 or any\n");
	assert_int_equal(rig.counts.loaded, 1);
	assert_int_equal(rig_holds(&rig, "{a: 1}"), 1);
	assert_int_equal(rig_holds(&rig, "{c: 1}"), 1);
	assert_int_equal(rig_holds(&rig, "{d: 1}"), 0);
	rig_close(&rig);
}

static void bad_conditions_are_placed(void **state)
{
#define BAD(condition) HEAD "  condition: " condition "\n"
	static const struct refusal_case cases[] = {
		{BAD("sel_z"), 9, 14, "sigma-condition", "no selection 'sel_z'"},
		{BAD("sel_a and sel_z"), 9, 24, "sigma-condition", "no selection 'sel_z'"},
		{BAD("'sel_a and sel_z'"), 9, 25, "sigma-condition", "no selection 'sel_z'"},
		{BAD("sel_a and"), 9, 23, "sigma-condition", "ends where"},
		{BAD("sel_a sel_b"), 9, 20, "sigma-condition", "'and' or 'or' was expected before 'sel_b'"},
		{BAD("(sel_a or sel_b"), 9, 14, "sigma-condition", "not closed"},
		{BAD("sel_a)"), 9, 19, "sigma-condition", "without its '('"},
		{BAD("sel_a (sel_b)"), 9, 20, "sigma-condition", "expected before"},
		{BAD("()"), 9, 15, "sigma-condition", "before ')'"},
		{BAD("sel_a and or sel_b"), 9, 24, "sigma-condition", "before 'or'"},
		{BAD("sel_a AND sel_b"), 9, 20, "sigma-condition-case", "AND"}, /* words are lower case */
		{BAD("1 of nosuch_*"), 9, 19, "sigma-condition", "named like 'nosuch_*'"},
		{BAD("2 of sel_*"), 9, 14, "sigma-condition", "1, any or all"},
		{BAD("1 of"), 9, 18, "sigma-condition", "after 'of'"},
		{BAD("1 of (sel_a)"), 9, 19, "sigma-condition", "after 'of'"},
		{BAD("sel_*"), 9, 14, "sigma-condition", "'1 of' or 'all of'"},
		{BAD("sel_a | count() > 5"), 9, 20, "sigma-condition", "write a correlation"},
		{BAD("sel_a & sel_b"), 9, 20, "sigma-condition", "unexpected character '&'"},
		{BAD("[]"), 9, 14, "sigma-condition", "empty list"},
		{BAD("{a: b}"), 9, 14, "sigma-condition", "must be a string"},
		{BAD("''"), 9, 15, "sigma-condition", "ends where"},
		{HEAD, 4, 3, "sigma-no-condition", "needs a condition"},
		{HEAD "  timeframe: 5m\n  condition: sel_a\n", 9, 3, "sigma-timeframe", "correlation"},
		{"title: T\nlogsource: {}\ndetection:\n  condition: a\n", 4, 3, "sigma-no-selection", "at least one"},
	};
	(void)state;
	rig_refusals(cases, COUNT(cases));
}

static void depth_has_an_end(void **state)
{
	struct rig rig;
	(void)state;
	rig_open(&rig);
	for (unsigned over = 0; over < 2; over++) {
		char text[1024] = HEAD "  condition: ";
		size_t n = strlen(text);
		memset(text + n, '(', 63 + over);
		memcpy(text + n + 63 + over, "sel_a", 5);
		memset(text + n + 68 + over, ')', 63 + over);
		rig_load(&rig, text);
		assert_int_equal(rig.counts.refused, over);
	}
	rig_close(&rig);
}

static void unused_selections_are_told(void **state)
{
	struct rig rig;
	(void)state;
	rig_open(&rig);
	rig_load(&rig, "title: T\nlogsource: {category: t}\ndetection:\n  a: {a: 1}\n  b: {b: 1}\n  condition: a\n");
	assert_int_equal(rig.counts.loaded, 1);
	assert_int_equal(rig.told_count, 1);
	assert_string_equal(rig.told[0].id, "sigma-unused-selection");
	assert_int_equal(rig.told[0].level, DIAGNOSTIC_WARNING);
	assert_int_equal(rig.told[0].line, 5);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conditions_hold),
		cmocka_unit_test(names_like_words),
		cmocka_unit_test(bad_conditions_are_placed),
		cmocka_unit_test(depth_has_an_end),
		cmocka_unit_test(unused_selections_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
