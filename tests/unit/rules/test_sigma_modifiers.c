#include "tests/unit/rules/sigma_rig.h"

static void parts_of_text(void **state)
{
	static const struct value_case cases[] = {
		{"{f|contains: b}", "{f: ABC}", true},
		{"{f|contains: d}", "{f: abc}", false},
		{"{f|contains: ''}", "{f: ''}", true}, /* any present value */
		{"{f|contains: ''}", "{f: null}", false},
		{"{f|contains: ''}", "{g: 1}", false},
		{"{f|contains: 'a*c'}", "{f: xabcx}", true},
		{"{f|contains: '*b*'}", "{f: abc}", true},
		{"{f|contains: 5}", "{f: 1050}", true},
		{"{f|contains: 5}", "{f: x5x}", true},
		{"{f|startswith: ab}", "{f: ABc}", true},
		{"{f|startswith: b}", "{f: abc}", false},
		{"{f|endswith: bc}", "{f: aBC}", true},
		{"{f|endswith: b}", "{f: abc}", false},
		{"{f|startswith: [x, a]}", "{f: abc}", true},
		{"{f|contains|all: [a, b]}", "{f: b-a}", true},
		{"{f|contains|all: [a, d]}", "{f: b-a}", false},
		{"{f|contains|all: [a, b]}", "{f: [xa, xb]}", true}, /* each in any element */
		{"{f|all|contains: [a, b]}", "{f: ba}", true},
		{"{f|contains|all: [a]}", "{f: ba}", true},
		{"{f|contains|cased: AB}", "{f: xABx}", true},
		{"{f|contains|cased: AB}", "{f: xabx}", false},
		{"{f|cased|contains: AB}", "{f: xabx}", false},
		{"{f|cased: AB}", "{f: AB}", true},
		{"{f|cased: AB}", "{f: aB}", false},
	};
	(void)state;
	rig_cases(cases, COUNT(cases));
}

static void presence(void **state)
{
	static const struct value_case cases[] = {
		{"{f|exists: true}", "{f: a}", true},    {"{f|exists: true}", "{f: ''}", true},
		{"{f|exists: true}", "{f: null}", true}, /* the specification: present, whatever it holds */
		{"{f|exists: true}", "{g: a}", false},   {"{f|exists: false}", "{g: a}", true},
		{"{f|exists: no}", "{f: null}", false},
	};
	(void)state;
	rig_cases(cases, COUNT(cases));
}

static void not_equal_is_the_whole_item_turned(void **state)
{
	static const struct value_case cases[] = {
		{"{f|neq: a}", "{f: b}", true},
		{"{f|neq: a}", "{f: A}", false},
		{"{f|neq: a}", "{g: x}", true}, /* missing */
		{"{f|neq: [a, b]}", "{f: b}", false},
		{"{f|neq: [a, b]}", "{f: c}", true},
		{"{f|contains|neq: a}", "{f: xax}", false},
		{"{f|neq|contains: a}", "{f: xbx}", true},
		{"{f|neq: null}", "{f: x}", true},
		{"{f|neq: null}", "{g: x}", false},
		{"{f|neq: 5}", "{f: 5.0}", false},
		{"{f|contains|all|neq: [a, b]}", "{f: a}", true},
	};
	(void)state;
	rig_cases(cases, COUNT(cases));
}

static void regular_expressions(void **state)
{
	static const struct value_case cases[] = {
		{"{f|re: 'b.d'}", "{f: abcde}", true}, /* a search, not a match of the whole */
		{"{f|re: '^b'}", "{f: abc}", false},
		{"{f|re: 'ABC'}", "{f: abc}", false},
		{"{f|re|i: 'ABC'}", "{f: abc}", true},
		{"{f|re: '(?i)ABC'}", "{f: abc}", true},
		{"{f|re: 'a.b'}", "{f: \"a\\nb\"}", false},
		{"{f|re|s: 'a.b'}", "{f: \"a\\nb\"}", true},
		{"{f|re: '^b'}", "{f: \"a\\nb\"}", false},
		{"{f|re|m: '^b'}", "{f: \"a\\nb\"}", true},
		{"{f|re|i|s: 'A.B'}", "{f: \"a\\nb\"}", true},
		{"{f|re: '\\d{3}'}", "{f: 1234}", true}, /* a number's text */
		{"{f|re: ['x', '^\\s*$']}", "{f: '  '}", true},
		{"{f|re: 'a|b'}", "{f: null}", false},
		{"{f|re: '\\.exe$'}", "{f: 'c:\\x.exe'}", true},
		{"{f|re: '^.$'}", "{f: \xe4\xb8\xad}", true},
		{"{f|re|contains: 'b+'}", "{f: abbc}", true},
		{"{f|re|startswith: 'b+'}", "{f: abbc}", false},
		{"{f|re|startswith: 'b+'}", "{f: bbc}", true},
		{"{f|re|endswith: 'b+'}", "{f: cbb}", true},
		{"{f|re|endswith: 'b+'}", "{f: cbbc}", false},
	};
	(void)state;
	rig_cases(cases, COUNT(cases));
}

static void networks(void **state)
{
	static const struct value_case cases[] = {
		{"{f|cidr: 10.0.0.0/8}", "{f: 10.1.2.3}", true},
		{"{f|cidr: 10.0.0.0/8}", "{f: 11.1.2.3}", false},
		{"{f|cidr: 10.0.0.0/8}", "{f: '::ffff:10.1.2.3'}", true},
		{"{f|cidr: 10.1.2.3/8}", "{f: 10.9.9.9}", true}, /* host bits are ignored */
		{"{f|cidr: '2001:db8::/32'}", "{f: '2001:0DB8::1'}", true},
		{"{f|cidr: '2001:db8::/32'}", "{f: '2001:db9::1'}", false},
		{"{f|cidr: [10.0.0.0/8, 192.168.0.0/16]}", "{f: 192.168.1.1}", true},
		{"{f|cidr: 10.0.0.0/8}", "{f: '10.1.2.3 '}", false},
		{"{f|cidr: 10.0.0.0/8}", "{f: '10.1.2'}", false},
		{"{f|cidr: 10.0.0.0/8}", "{f: [1.1.1.1, 10.1.1.1]}", true},
		{"{f|cidr: 0.0.0.0/0}", "{f: '2001:db8::1'}", false},
	};
	(void)state;
	rig_cases(cases, COUNT(cases));
}

static void orders(void **state)
{
	static const struct value_case cases[] = {
		{"{f|lt: 5}", "{f: 4}", true},
		{"{f|lt: 5}", "{f: 5}", false},
		{"{f|lte: 5}", "{f: 5}", true},
		{"{f|gt: 5}", "{f: 5}", false},
		{"{f|gt: 5}", "{f: '6'}", true}, /* numeric text */
		{"{f|gte: 5}", "{f: 5.0}", true},
		{"{f|gt: 5}", "{f: abc}", false},
		{"{f|lt: 5}", "{f: abc}", false},
		{"{f|lt: 5}", "{f: ''}", false},
		{"{f|lt: 5}", "{g: 1}", false},
		{"{f|lt: 5}", "{f: true}", false},
		{"{f|gt: 1.5}", "{f: 2}", true},
		{"{f|gt: 9223372036854775807}", "{f: 9223372036854775808}", true},
		{"{f|gt: -2}", "{f: -1}", true},
		{"{f|gt: 9007199254740992}", "{f: 9007199254740993}", true}, /* equal as doubles */
	};
	(void)state;
	rig_cases(cases, COUNT(cases));
}

static void dashes(void **state)
{
	static const struct value_case cases[] = {
		{"{f|windash: '-a'}", "{f: '-a'}", true},
		{"{f|windash: '-a'}", "{f: '/a'}", true},
		{"{f|windash: '-a'}", "{f: '\xe2\x80\x93\x61'}", true},
		{"{f|windash: '-a'}", "{f: '\xe2\x80\x94\x61'}", true},
		{"{f|windash: '-a'}", "{f: '\xe2\x80\x95\x61'}", true},
		{"{f|windash: '-a'}", "{f: '\xe2\x80\x92\x61'}", false},
		{"{f|windash: '/a'}", "{f: '-A'}", true},
		{"{f|contains|windash: ' -x '}", "{f: 'a /x b'}", true},
		{"{f|windash|contains: ' -x '}", "{f: 'a /x b'}", true},
		{"{f|windash|contains: 'a-b'}", "{f: 'a/b'}", false}, /* inside a word */
		{"{f|windash|contains: '--x'}", "{f: '-/x'}", true},
		{"{f|windash|contains: '--x'}", "{f: '/-x'}", false}, /* only the dash before the word */
		{"{f|windash|contains|all: ['-a', '-b']}", "{f: '/a \xe2\x80\x93\x62'}", true},
		{"{f|windash|contains|all: ['-a', '-b']}", "{f: '/a'}", false},
		{"{f|windash|contains: '-a -b -c -d -e -f -g -h -i -j'}", "{f: '/a -b /c -d /e -f /g -h /i -j'}", true},
	};
	(void)state;
	rig_cases(cases, COUNT(cases));
}

static void encodings(void **state)
{
	static const struct value_case cases[] = {
		{"{f|base64: 'abc'}", "{f: YWJj}", true},
		{"{f|base64: 'a\\*b'}", "{f: YSpi}", true}, /* the star, without its backslash */
		{"{f|base64|contains: 'abc'}", "{f: xxYWJjxx}", true},
		{"{f|base64offset|contains: 'foobar'}", "{f: 'Zm9vYmFy'}", true},
		{"{f|base64offset|contains: 'foobar'}", "{f: 'eGZvb2Jhcg=='}", true}, /* xfoobar */
		{"{f|base64offset|contains: 'foobar'}", "{f: 'eHhmb29iYXI='}", true}, /* xxfoobar */
		{"{f|base64offset|contains: 'foobar'}", "{f: 'eHh4Zm9vYmE='}", false}, /* xxxfooba */
		{"{f|base64offset|contains: '\xc3\xa9'}", "{f: 'eMOpeA=='}", true}, /* x e-acute x: octets count */
		{"{f|base64offset|contains: '\xc3\xa9'}", "{f: 'QUJDREVG'}", false},
		{"{f|base64offset|contains|all: [foobar, quux]}", "{f: 'Zm9vYmFy eHF1dXg='}", true},
		{"{f|base64offset|contains|all: [foobar, quux]}", "{f: 'Zm9vYmFy'}", false},
		{"{f|wide|base64: 'AB'}", "{f: QQBCAA==}", true},
		{"{f|utf16le|base64: 'AB'}", "{f: QQBCAA==}", true},
		{"{f|utf16be|base64: 'AB'}", "{f: AEEAQg==}", true},
		{"{f|utf16|base64: 'AB'}", "{f: '//5BAEIA'}", true},
		{"{f|wide|base64: '\xf0\x9f\x98\x80'}", "{f: 'PdgA3g=='}", true}, /* a surrogate pair */
		{"{f|wide|base64offset|contains: 'http://'}", "{f: 'aAB0AHQAcAA6AC8ALwB4AA=='}", true},
	};
	(void)state;
	rig_cases(cases, COUNT(cases));
}

static void other_fields(void **state)
{
	static const struct value_case cases[] = {
		{"{f|fieldref: g}", "{f: a, g: A}", true},
		{"{f|fieldref: g}", "{f: a, g: b}", false},
		{"{f|fieldref: g}", "{f: a}", false},
		{"{f|fieldref: g}", "{g: a}", false},
		{"{f|fieldref: g}", "{f: null, g: null}", false},
		{"{f|fieldref: g}", "{f: 5, g: '5'}", true},
		{"{f|fieldref: g}", "{f: [a, b], g: [c, b]}", true},
		{"{f|fieldref|neq: g}", "{f: a, g: b}", true},
		{"{f|fieldref|neq: g}", "{f: a}", true},
		{"{f|fieldref|neq: g}", "{f: a, g: a}", false},
		{"{f|fieldref|startswith: g}", "{f: abc, g: AB}", true},
		{"{f|fieldref|endswith: g}", "{f: abc, g: bc}", true},
		{"{f|fieldref|contains: g}", "{f: abc, g: b}", true},
		{"{f|fieldref|contains: g}", "{f: b, g: abc}", false},
		{"{f|fieldref|cased: g}", "{f: a, g: A}", false},
	};
	(void)state;
	rig_cases(cases, COUNT(cases));
}

static void placeholders(void **state)
{
	static const struct value_case cases[] = {
		{"{f|expand: 'a\\%b\\%c'}", "{f: 'a%b%c'}", true},
		{"{f|expand: '50%'}", "{f: '50%'}", true},
		{"{f|expand: '%%'}", "{f: '%%'}", true},
	};
	(void)state;
	rig_cases(cases, COUNT(cases));
}

static void wrong_use_is_refused(void **state)
{
#define RULE(item) "title: T\nlogsource: {category: t}\ndetection:\n  s:\n    " item "\n  condition: s\n"
	static const struct refusal_case cases[] = {
		{RULE("f|lt: '5'"), 5, 11, "sigma-compare-number", "without quotes"},
		{RULE("f|gte: [1, x]"), 5, 16, "sigma-compare-number", "number"},
		{RULE("f|cidr: 10.0.0.0/33"), 5, 13, "sigma-cidr", "network"},
		{RULE("f|cidr: 5"), 5, 13, "sigma-cidr", "network"},
		{RULE("f|exists: maybe"), 5, 15, "sigma-exists", "true or false"},
		{RULE("f|exists|contains: true"), 5, 14, "sigma-exists", "alone"},
		{RULE("f|contains|exists: true"), 5, 24, "sigma-modifier-value", "need a string"},
		{RULE("f|exists: [true, false]"), 5, 16, "sigma-exists", "alone"},
		{RULE("f|re: '('"), 5, 11, "sigma-regex", "octet 1"},
		{RULE("f|contains|re: a"), 5, 20, "sigma-re-modified", "before"},
		{RULE("f|i: a"), 5, 10, "sigma-re-flag", "after re"},
		{RULE("f|base64: 'a*'"), 5, 15, "sigma-base64-wildcard", "wildcard"},
		{RULE("f|base64offset: ['ab', 'a']"), 5, 28, "sigma-base64-short", "two octets"},
		{RULE("f|expand: '%users%'"), 5, 15, "sigma-placeholder", "%users%"},
		{RULE("f|contains: null"), 5, 17, "sigma-modifier-value", "string"},
		{RULE("f|: a"), 5, 7, "sigma-unknown-modifier", "no such"},
	};
	(void)state;
	rig_refusals(cases, COUNT(cases));
}

/* A pattern that gives up makes no rule true and none false: it is counted. */
static void a_regex_at_its_limit_is_undecided(void **state)
{
	struct rig rig;
	char event[256];
	(void)state;
	rig_open(&rig);
	snprintf(event, sizeof event, "{f: '%s!', g: x}", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	static const struct {
		const char *selection;
		unsigned holds, undecided;
	} cases[] = {
		{"{f|re: '^(a+)+$'}", 0, 1},           {"{f|re|neq: '^(a+)+$'}", 0, 1}, /* not of unknown is unknown */
		{"[{f|re: '^(a+)+$'}, {g: x}]", 1, 0}, /* the other way is true */
		{"{f|re: '^(a+)+$', g: y}", 0, 0}, /* the other part is false */
		{"{f|re: ['^(a+)+$', 'a!$']}", 1, 0},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		rig_load_selection(&rig, cases[i].selection);
		assert_int_equal(rig.counts.loaded, 1);
		assert_int_equal(rig_holds(&rig, event), cases[i].holds);
		assert_int_equal(rig_judge_way(&rig, false, NULL, 0), cases[i].undecided);
	}
	rig_close(&rig);
}

static void a_regex_has_a_length(void **state)
{
	struct rig rig;
	char selection[2 * 4096];
	(void)state;
	rig_open(&rig);
	for (int over = 0; over < 2; over++) {
		char text[3 * 4096];
		memset(selection, 'a', sizeof selection);
		selection[LIMIT_regex_bytes + over] = 0;
		snprintf(text, sizeof text,
				 "title: T\nlogsource: {category: t}\ndetection:\n  s: {'f|re': '%s'}\n  condition: s\n", selection);
		rig_load(&rig, text);
		assert_int_equal(rig.counts.refused, over);
	}
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_of_text),
		cmocka_unit_test(presence),
		cmocka_unit_test(not_equal_is_the_whole_item_turned),
		cmocka_unit_test(regular_expressions),
		cmocka_unit_test(networks),
		cmocka_unit_test(orders),
		cmocka_unit_test(dashes),
		cmocka_unit_test(encodings),
		cmocka_unit_test(other_fields),
		cmocka_unit_test(placeholders),
		cmocka_unit_test(wrong_use_is_refused),
		cmocka_unit_test(a_regex_at_its_limit_is_undecided),
		cmocka_unit_test(a_regex_has_a_length),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
