#include "tests/unit/rules/sigma_rig.h"

static void strings_are_compared_without_case(void **state)
{
	static const struct value_case cases[] = {
		{"{f: abc}", "{f: ABC}", true},
		{"{f: ABC}", "{f: abc}", true},
		{"{f: abc}", "{f: abcd}", false},
		{"{f: abc}", "{g: abc}", false},
		{"{f: stra\xc3\x9f\x65}", "{f: STRA\xe1\xba\x9e\x45}", true}, /* sharp s, capital sharp s: one to one */
		{"{f: k}", "{f: \xe2\x84\xaa}", true}, /* Kelvin sign folds to k */
		{"{f: \xce\xa3}", "{f: \xcf\x82}", true}, /* final sigma */
		{"{f: I}", "{f: \xc4\xb1}", false}, /* dotless i is another letter */
		{"{f: [a, b, c]}", "{f: B}", true},
		{"{f: [a, b, c]}", "{f: d}", false},
		{"{F: a}", "{f: a}", false}, /* names of fields are exact */
		{"{a.b: x}", "{a: {b: X}}", true},
		{"{a.b: x}", "{a.b: X}", true},
		{"{f: b}", "{f: [a, b]}", true}, /* any element */
		{"{f: c}", "{f: [a, b]}", false},
		{"{f: b}", "{f: [[a], [x, b]]}", true},
		{"{l.n: 2}", "{l: [{n: 1}, {n: 2}]}", true},
	};
	(void)state;
	rig_cases(cases, COUNT(cases));
}

static void wildcards_cross_lines_and_count_code_points(void **state)
{
	static const struct value_case cases[] = {
		{"{f: 'a*b'}", "{f: ab}", true},
		{"{f: 'a*b'}", "{f: \"a\\n\\nb\"}", true},
		{"{f: 'a?b'}", "{f: \"a\\nb\"}", true},
		{"{f: 'a*b'}", "{f: abc}", false},
		{"{f: '*'}", "{f: ''}", true},
		{"{f: '*'}", "{f: x}", true},
		{"{f: '*'}", "{g: x}", false},
		{"{f: '*'}", "{f: null}", false},
		{"{f: '?'}", "{f: \xe4\xb8\xad}", true}, /* one code point, three octets */
		{"{f: '?"
		 "?'}",
		 "{f: \xe4\xb8\xad}", false},
		{"{f: '?'}", "{f: ''}", false},
		{"{f: 'a?*c'}", "{f: abbc}", true},
		{"{f: 'a?*c'}", "{f: ac}", false},
		{"{f: '*ab*ab'}", "{f: ab}", false},
		{"{f: '*ab*ab'}", "{f: abab}", true},
		{"{f: '*aab'}", "{f: aaab}", true},
		{"{f: '*a?'}", "{f: aab}", true},
		{"{f: '*a?*b?'}", "{f: aaxbxbb}", true},
		{"{f: 'a**b'}", "{f: axb}", true},
	};
	(void)state;
	rig_cases(cases, COUNT(cases));
}

static void escapes_are_read_from_left_to_right(void **state)
{
	static const struct value_case cases[] = {
		{"{f: 'a\\*b'}", "{f: 'a*b'}", true},
		{"{f: 'a\\*b'}", "{f: 'axb'}", false},
		{"{f: 'a\\?b'}", "{f: 'a?b'}", true},
		{"{f: 'a\\?b'}", "{f: 'axb'}", false},
		{"{f: 'a\\\\b'}", "{f: 'a\\b'}", true}, /* two backslashes are one */
		{"{f: 'a\\\\b'}", "{f: 'a\\\\b'}", false},
		{"{f: 'a\\xb'}", "{f: 'a\\xb'}", true}, /* before anything else it stands for itself */
		{"{f: 'a\\'}", "{f: 'a\\'}", true}, /* at the end too */
		{"{f: 'a\\\\*'}", "{f: 'a\\xyz'}", true}, /* backslash, then a wildcard */
		{"{f: 'a\\\\*'}", "{f: 'axyz'}", false},
		{"{f: 'a\\\\\\*'}", "{f: 'a\\*'}", true}, /* backslash, then a star */
		{"{f: 'a\\\\\\*'}", "{f: 'a\\x'}", false},
		{"{f: '\\\\\\\\srv'}", "{f: '\\\\srv'}", true},
		{"{f: '\\\\srv'}", "{f: '\\srv'}", true}, /* the UNC trap */
		{"{f: '\\\\srv'}", "{f: '\\\\srv'}", false},
		{"{f|endswith: '\\cmd.exe'}", "{f: 'C:\\CMD.EXE'}", true},
	};
	(void)state;
	rig_cases(cases, COUNT(cases));
}

static void numbers_are_exact_and_meet_their_text(void **state)
{
	static const struct value_case cases[] = {
		{"{f: 5}", "{f: 5}", true},
		{"{f: 5}", "{f: '5'}", true},
		{"{f: '5'}", "{f: 5}", true},
		{"{f: 5}", "{f: '05'}", false}, /* not canonical */
		{"{f: 5}", "{f: 5.0}", true},
		{"{f: 5}", "{f: 50}", false},
		{"{f: 5}", "{f: five}", false},
		{"{f: 5}", "{f: true}", false},
		{"{f: 1}", "{f: true}", false},
		{"{f: -5}", "{f: -5}", true},
		{"{f: 9007199254740993}", "{f: 9007199254740992}", false}, /* equal as doubles */
		{"{f: 9007199254740993}", "{f: '9007199254740993'}", true},
		{"{f: 18446744073709551615}", "{f: 18446744073709551615}", true},
		{"{f: 18446744073709551615}", "{f: 18446744073709551614}", false},
		{"{f: -1}", "{f: 18446744073709551615}", false},
		{"{f: 1.5}", "{f: 1.5}", true},
		{"{f: 1.5}", "{f: '1.50'}", true},
		{"{f: 0x10}", "{f: 16}", true}, /* as YAML 1.1 reads it */
		{"{f: 010}", "{f: 8}", true},
		{"{f: '010'}", "{f: 8}", false},
		{"{f: [1, x]}", "{f: X}", true},
	};
	(void)state;
	rig_cases(cases, COUNT(cases));
}

static void bool_null_and_empty_differ(void **state)
{
	static const struct value_case cases[] = {
		{"{f: true}", "{f: true}", true},    {"{f: true}", "{f: false}", false},
		{"{f: yes}", "{f: true}", true},     {"{f: true}", "{f: 'True'}", true},
		{"{f: 'true'}", "{f: true}", true},  {"{f: off}", "{f: false}", true},
		{"{f: 'off'}", "{f: false}", false}, {"{f: null}", "{g: 1}", true},
		{"{f: null}", "{f: null}", true},    {"{f: null}", "{f: ''}", false},
		{"{f: null}", "{f: 'null'}", false}, {"{f: 'null'}", "{f: null}", false}, /* null is no text */
		{"{f: ''}", "{f: ''}", true},        {"{f: ''}", "{f: null}", false},
		{"{f: ''}", "{g: 1}", false},        {"{f: ''}", "{f: x}", false},
		{"{f: [null, x]}", "{g: 1}", true},  {"{f: [null, x]}", "{f: x}", true},
		{"{f: [null, x]}", "{f: y}", false}, {"{f: null}", "{f: [x, null]}", true},
		{"{f: [x, '']}", "{g: 1}", false},
	};
	(void)state;
	rig_cases(cases, COUNT(cases));
}

static void maps_and_lists_nest(void **state)
{
	static const struct value_case cases[] = {
		{"{f: a, g: b}", "{f: a, g: b}", true},
		{"{f: a, g: b}", "{f: a, g: c}", false},
		{"[{f: a}, {g: b}]", "{f: x, g: b}", true},
		{"[{f: a}, {g: b}]", "{f: x, g: x}", false},
		{"[{f: a, g: b}, {h: c}]", "{f: a, h: x}", false},
		{"[[{f: a}], [{g: b}]]", "{g: b}", true},
	};
	(void)state;
	rig_cases(cases, COUNT(cases));
}

static void keywords_look_everywhere(void **state)
{
	static const struct value_case cases[] = {
		{"[needle]", "{f: 'hay NEEDLE hay'}", true},
		{"[needle, other]", "{f: {g: [x, 'an Other one']}}", true},
		{"[needle]", "{needle: x}", false},
		{"[needle]", "{f: 5}", false},
		{"needle", "{f: needles}", true},
		{"'nee?le'", "{f: a needle!}", true},
		{"'a*b'", "{f: xaxbx}", true},
		{"'a*b'", "{f: xa, g: bx}", false},
		{"{'|all': [a, b]}", "{f: a, g: b}", true},
		{"{'|all': [a, b]}", "{f: a, g: c}", false},
		{"[4625]", "{f: 'event 4625 now'}", true},
		{"{'|re': 'ne+dle'}", "{f: a neeedle}", true},
		{"{'|re': '^x'}", "{f: a, g: xa}", true},
		{"[needle, {f: exact}]", "{f: exact}", true},
		{"[needle, {f: exact}]", "{f: exactly a needle}", true},
		{"[needle, {f: exact}]", "{f: exactly}", false},
	};
	(void)state;
	rig_cases(cases, COUNT(cases));
}

/* A body without structure: the message, or all octets when there is none. */
static void keywords_of_plain_text(void **state)
{
	struct rig rig;
	static const struct batch_identity identity;
	struct slice octets;
	struct error error = {0};
	(void)state;
	rig_open(&rig);
	rig_load_selection(&rig, "[needle]");
	for (int with_message = 0; with_message < 2; with_message++) {
		batch_begin(rig.builder, &identity, 0, 0);
		assert_int_equal(batch_row(rig.builder, ROW_EVENT, 0, SLICE("<13>head Needle: body")), 0);
		batch_row_flags(rig.builder, 0, CHARSET_UTF8, FORMAT_RFC3164);
		if (with_message)
			assert_int_equal(batch_field_slice(rig.builder, FIELD_MESSAGE, VALUE_STRING, SLICE("body")), 0);
		assert_int_equal(batch_row_end(rig.builder), 0);
		assert_int_equal(batch_finish(rig.builder, &octets, &error), 0);
		assert_int_equal(batch_open(&rig.batch, octets, &error), 0);
		assert_int_equal(rig_judge(&rig), with_message ? 0 : 1);
	}
	rig_close(&rig);
}

static void bad_values_are_refused(void **state)
{
#define RULE(selection) "title: T\nlogsource: {category: t}\ndetection:\n  s:\n    " selection "\n  condition: s\n"
	static const struct refusal_case cases[] = {
		{RULE("f: []"), 5, 8, "sigma-empty-list", "empty list"},
		{RULE("{}"), 5, 5, "sigma-empty-selection", "empty selection"},
		{RULE("[]"), 5, 5, "sigma-empty-selection", "empty selection"},
		{RULE("f: {g: 1}"), 5, 8, "sigma-value", "not a map"},
		{RULE("f: [a, [b]]"), 5, 12, "sigma-value", "not a list"},
		{RULE("f: a\n    f: b"), 6, 5, "yaml", "stands here again"},
		{RULE("f|nosuch: a"), 5, 7, "sigma-unknown-modifier", "nosuch"},
		{RULE("f|contains|nosuch: a"), 5, 16, "sigma-unknown-modifier", "nosuch"},
		{RULE("'f|nosuch': a"), 5, 8, "sigma-unknown-modifier", "nosuch"},
		{RULE("f|hour: '3'"), 5, 13, "sigma-date", "without quotes"},
		{RULE("f|hour: 1.5"), 5, 13, "sigma-date", "whole number"},
		{RULE("f|gte|hour: 3"), 5, 17, "sigma-date", "stand before"},
		{RULE("f|hour|gte|lt: 3"), 5, 20, "sigma-compare-number", "need a number"},
		{RULE("f|contains|day: 3"), 5, 21, "sigma-date", "whole number"},
		{RULE("'|hour': 3"), 5, 14, "sigma-keyword", "a keyword"},
		{RULE("- null"), 5, 7, "sigma-keyword", "keyword"},
	};
	(void)state;
	rig_refusals(cases, COUNT(cases));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings_are_compared_without_case),
		cmocka_unit_test(wildcards_cross_lines_and_count_code_points),
		cmocka_unit_test(escapes_are_read_from_left_to_right),
		cmocka_unit_test(numbers_are_exact_and_meet_their_text),
		cmocka_unit_test(bool_null_and_empty_differ),
		cmocka_unit_test(maps_and_lists_nest),
		cmocka_unit_test(keywords_look_everywhere),
		cmocka_unit_test(keywords_of_plain_text),
		cmocka_unit_test(bad_values_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
