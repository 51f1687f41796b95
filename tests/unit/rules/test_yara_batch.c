/* A batch and each record alone find the same rules. */
#include "tests/unit/rules/yara_both.h"

static const struct ruleset_options with_yara = {.yara = true};

static void load(struct rig *rig, const char *text)
{
	const char *paths[] = {"/y/a.yar"};
	rig_put(rig, paths[0], text);
	rig_load_paths(rig, paths, 1, &with_yara);
	if (rig->counts.refused)
		fail_msg("refused: %s\n%s", rig->told[0].text, text);
}

/* What the batch of these lines finds, the same as alone. */
static uint64_t judge(struct rig *rig, const char *const *lines, size_t count)
{
	struct both both;
	both_open(&both, rig->evaluator, rig->builder, ruleset_count(rig->set));
	both_begin(&both);
	for (size_t i = 0; i < count; i++)
		both_add(&both, slice_str(lines[i]));
	both_finish(&both, rig->set);
	both_close(&both);
	return both.found;
}

/* Conditions that are true where a careless reading says that they cannot be, and their strings. */
static void conditions_are_read_carefully(void **state)
{
	static const struct {
		const char *condition;
		uint64_t found; /* of the lines below */
	} cases[] = {
		{"$a", 3},
		{"not $a", 3},
		{"$a and $b", 2},
		{"$a or $b", 4},
		{"$a and not $b", 1},
		{"any of them", 4},
		{"all of them", 1},
		{"2 of them", 2},
		{"2 of ($a, $a, $c)", 3},
		{"1 of ($a*)", 3},
		{"50% of them", 2},
		{"none of them", 2},
		{"0 of them", 2},
		{"#a == 0", 3},
		{"#a > 0", 3},
		{"#a == 2", 1},
		{"0 < #a", 3},
		{"#a != 0", 3},
		{"#a < 2", 5},
		{"#a >= #b", 5},
		{"#a > #b", 1},
		{"$a at 0", 2},
		{"$a in (0..3)", 2},
		{"@a[1] > 2", 1},
		{"@a[1] + 1 < 2", 2},
		{"not (@a > 2)", 2},
		{"@b - @a < 100", 2},
		{"for all of them : (# == 0)", 2},
		{"for any of them : (# > 0)", 4},
		{"for any of them : (not $)", 5},
		{"for 2 of them : ($)", 2},
		{"for all of ($a, $b) : ($ in (0..20))", 2},
		{"for any i in (1..#a) : (@a[i] == 0)", 2},
		{"for all i in (1..#a) : (@a[i] == 0)", 2},
		{"for any i in (1, 2) : (i == 1 and $a)", 3},
		{"filesize < 6", 2},
		{"filesize < 6 and not $a", 2},
		{"uint8(0) == 0x61", 2},
		{"0x61 == uint8(0)", 2},
		{"uint16be(0) == 0x616c and $b", 2},
		{"uint8(0) == 0x61 or $c", 2},
		{"uint8(0) != 0x61", 4},
		{"uint8(100) != 0x61", 0},
		{"not uint8(100) == 0x61", 0},
		{"uint8(0) ^ 1 == 0x60", 2},
		{"(uint16(0) ^ (uint8(1) << 8)) & 0xff == 0x61", 2},
		{"uint8(uint8(0) - 0x5f) == 0x70", 2},
		{"uint16(0) >> 8 == uint8(1)", 6},
		{"uint16(0) - 1 < uint32(0x100) or $c", 1},
		{"uint8(0) | uint8(1) | 2 == 0x6f", 3},
		{"filename == \"\"", 6},
		{"filename matches /x*/", 0},
		{"filename == \"x\" or $a", 3},
		{"filename != \"x\"", 6},
		{"pe.number_of_signatures == 0", 0},
		{"not pe.number_of_signatures == 0", 0},
		{"pe.is_pe", 0},
		{"pe.is_pe == 0", 6},
		{"pe.MACHINE_I386 == 0x14c", 6},
		{"for any s in pe.sections : (s.name == \"x\")", 0},
		{"for any i in (0..pe.number_of_sections) : (i == 0)", 0},
		{"math.entropy(0, filesize) > 2.5", 4},
		{"true", 6},
		{"false", 0},
		{"not false", 6},
		{"defined @a", 3},
		{"not defined @a", 3},
		{"($a and ($b or $c)) or (filesize == 5 and not $a)", 4},
		{"(#a + #b) > (#c + 1)", 2},
		{"$a and $a and ($b and ($b))", 2},
	};
	static const char *const lines[] = {"alpha beta gamma",    "beta once", "alpha beta",
										"the alpha and alpha", "hello",     "12345"};
	struct rig rig;
	char text[1024];
	(void)state;
	rig_open(&rig);
	for (size_t i = 0; i < COUNT(cases); i++) {
		snprintf(
			text, sizeof text,
			"import \"pe\" import \"math\"\nrule r { strings: $a = \"alpha\" $b = /bet[a-c]/ $c = { 67 61 6D [0-4] 61 } "
			"condition: (%s) or (filesize == 99999 and any of them) }\n",
			cases[i].condition);
		load(&rig, text);
		uint64_t found = judge(&rig, lines, COUNT(lines));
		if (found != cases[i].found)
			fail_msg("%s: %llu lines, wanted %llu", cases[i].condition, (unsigned long long)found,
					 (unsigned long long)cases[i].found);
	}
	rig_close(&rig);
}

/* Matches lie inside a record: nothing is joined across two, and ends and words are those of the record. */
static void records_stay_apart(void **state)
{
	static const char rules[] = "rule first { strings: $a = /^foo/ condition: $a }\n"
								"rule last { strings: $a = /bar$/ condition: $a }\n"
								"rule word { strings: $a = \"foo\" fullword condition: $a }\n"
								"rule gap { strings: $a = { 41 41 [0-1000] 42 42 } condition: $a }\n"
								"rule across { strings: $a = \"barfoo\" condition: $a }\n"
								"rule wide_ { strings: $a = \"bar\" wide condition: $a }\n"
								"rule nocase_ { strings: $a = \"FOO\" nocase condition: $a }\n"
								"rule xored { strings: $a = \"foofoofoo\" xor(1-3) condition: $a }\n"
								"rule base { strings: $a = \"foobarfoobar\" base64 condition: $a }\n"
								"rule short { strings: $a = \"z\" condition: $a }\n"
								"rule two { strings: $a = \"qx\" $b = /.q/ condition: all of them }\n"
								"rule hidden { strings: $a = \"foo\" private condition: $a }\n";
	static const char *const lines[] = {"foobar", "foo",       "bar",       "AA", "BB",        "AAxxBB",
										"BBxxAA", "xfoo foox", "FoO",       "",   "gnngnngnn", "Zm9vYmFyZm9vYmFy",
										"z",      "qx",        "q",         "xq", "qqx",       "foobar",
										"foo",    "bar",       "AA and BB", "",   "foobar"};
	struct rig rig;
	(void)state;
	rig_open(&rig);
	load(&rig, rules);
	assert_true(judge(&rig, lines, COUNT(lines)) > 20);
	rig_close(&rig);
}

/* Rules that refer to others, private ones, and global ones that restrict all. */
static void rules_may_refer_to_others(void **state)
{
	static const char first[] = "private rule p { strings: $a = \"alpha\" condition: $a }\n"
								"rule q { strings: $b = \"beta\" condition: $b and not p }\n"
								"rule r { condition: p }\nrule s { condition: q or r }\nrule t { condition: not s }\n"
								"rule u { condition: any of (p, q) }\nrule v { condition: 2 of (q*, p) }\n";
	static const char second[] =
		"global rule g { condition: filesize > 6 }\nrule a { strings: $a = \"alpha\" condition: $a }\n"
		"rule n { condition: not a }\n";
	static const char third[] = "global private rule g { strings: $g = \"beta\" condition: $g }\n"
								"rule a { strings: $a = \"alpha\" condition: $a }\n";
	static const char *const files[] = {first, second, third};
	static const char *const lines[] = {"alpha", "beta", "alpha beta", "neither of them", ""};
	struct rig rig;
	(void)state;
	rig_open(&rig);
	for (size_t i = 0; i < COUNT(files); i++) {
		load(&rig, files[i]);
		assert_true(judge(&rig, lines, COUNT(lines)) > 0);
	}
	rig_close(&rig);
}

/* Which means each rule is seen by, and who is told of those that none is for. */
static void paths_are_counted(void **state)
{
	struct rig rig;
	struct ruleset_yara yara;
	(void)state;
	rig_open(&rig);
	load(
		&rig,
		"rule a { strings: $a = \"needle\" condition: $a and not filesize > 5 }\nrule b { condition: uint16(0) == 0x5a4d }\n"
		"rule c { strings: $a = \"needle\" condition: uint16(0) == 0x5a4d and $a }\n"
		"rule d { condition: uint16(0) == 0x5a4d or uint32be(0) == 0x7f454c46 }\n"
		"private rule p { condition: true }\n"
		"rule e {\n condition: not filesize < 5 }\n");
	ruleset_yara(rig.set, &yara);
	assert_int_equal(yara.by_strings, 1);
	assert_int_equal(yara.by_guards, 3);
	assert_int_equal(yara.always, 1);
	assert_int_equal(rig.counts.warnings, 1);
	assert_string_equal(rig.told[0].id, "yara-always");
	assert_string_equal(rig.told[0].rule, "e");
	assert_int_equal(rig.told[0].line, 6);
	rig_close(&rig);
}

/* Text that is easily cut wrongly. */
static void texts_are_cut_as_libyara_does(void **state)
{
	static const char rules[] =
		"// rule no { condition: true }\n/* rule no { */\nimport \"math\"\n"
		"rule a : tag { meta: m = \"} condition: \\\" {\" n = -1 o = true strings:\n"
		"  $x = \"con}dition: \\\\\" // }\n  $y = /re\\/g}ex[ab]?/i nocase /* } */ fullword\n"
		"  $z = { 41 // } comment\n 42 /* } */ ( 43 | 44 ) [1-2] 45 4? }\n  $ = \"un}named\" $ = \"other\" xor(0-255) private\n"
		" condition: any of them and math.min(filesize, 3) == 3 }\n"
		"rule b{strings:$a=\"tight\"condition:$a}rule c{condition:filesize==5}\n";
	static const char *const lines[] = {"con}dition: \\", "re/g}ex", "un}named", "other", "tight", "five5", "nothing"};
	struct rig rig;
	(void)state;
	rig_open(&rig);
	load(&rig, rules);
	assert_int_equal(rig.counts.loaded, 3);
	assert_int_equal(judge(&rig, lines, COUNT(lines)), 8);
	rig_close(&rig);
}

/* Past libyara's limit of matches of a string the records are judged alone; what holds elsewhere is found all the same. */
static void too_many_matches_give_way(void **state)
{
	struct rig rig;
	struct both both;
	static char many[500000];
	(void)state;
	rig_open(&rig);
	load(&rig, "rule e { strings: $a = /e/ condition: #a > 3 }\nrule f { strings: $a = \"needle\" condition: $a }\n");
	memset(many, 'e', sizeof many);
	both_open(&both, rig.evaluator, rig.builder, 2);
	both_begin(&both);
	for (unsigned i = 0; i < 5; i++)
		both_add(&both, slice_of(many, sizeof many));
	both_add(&both, SLICE("a needle"));
	both_finish(&both, rig.set);
	assert_int_equal(both.found, 6);
	both_close(&both);
	rig_close(&rig);
}

/* ---- by chance ---- */

static uint64_t below(struct rig *rig, uint64_t n)
{
	return fake_random_below(rig->fake, n);
}

static const char *pick(struct rig *rig, const char *const *list, size_t count)
{
	return list[below(rig, count)];
}

static void put_condition(struct rig *rig, struct buffer *b, unsigned rule, unsigned depth)
{
	static const char *const atoms[] = {"$a",
										"$b",
										"$c",
										"any of them",
										"all of them",
										"2 of them",
										"1 of ($a, $b)",
										"#a > 1",
										"#b == 0",
										"$a at 0",
										"$b in (0..4)",
										"@a < 3",
										"filesize < 9",
										"filesize > 4",
										"uint8(0) == 0x61",
										"uint16(1) == 0x6262",
										"uint8(2) != 0x63",
										"for any of them : ($ at 1)",
										"for all of ($a, $c) : (# < 2)",
										"for any i in (1..#b) : (@b[i] > 1)",
										"true",
										"false",
										"filename == \"\"",
										"none of ($b, $c)",
										"#a + #b > #c",
										"@b[1] - @a[1] == 1"};
	if (depth > 3 || below(rig, 3) == 0) {
		if (rule > 0 && below(rig, 6) == 0)
			buffer_add_format(b, "r%u", (unsigned)below(rig, rule));
		else
			buffer_add_str(b, pick(rig, atoms, COUNT(atoms)));
		return;
	}
	if (below(rig, 5) == 0) {
		buffer_add_str(b, "not (");
		put_condition(rig, b, rule, depth + 1);
		buffer_add_str(b, ")");
		return;
	}
	const char *join = below(rig, 3) ? " and " : " or ";
	buffer_add_str(b, "(");
	put_condition(rig, b, rule, depth + 1);
	buffer_add_str(b, join);
	put_condition(rig, b, rule, depth + 1);
	buffer_add_str(b, ")");
}

static void put_rules(struct rig *rig, struct buffer *b)
{
	static const char *const strings[] = {"\"abc\"",
										  "\"ab\"",
										  "\"bc\" nocase",
										  "/a.c/",
										  "/^ab/",
										  "/c+$/",
										  "{ 61 62 }",
										  "{ 61 ?? 63 }",
										  "/[ab]c/ nocase",
										  "\"CAB\" nocase",
										  "\"abca\" fullword",
										  "{ 61 [0-9] 63 }",
										  "/a{2,3}b/",
										  "\"aabb\" wide ascii",
										  "\"cabcab\" xor(0-1)"};
	unsigned n = 1 + (unsigned)below(rig, 8);
	for (unsigned i = 0; i < n; i++) {
		buffer_add_format(b, "%s%srule r%u { strings: $a = %s ", below(rig, 12) ? "" : "global ",
						  below(rig, 5) ? "" : "private ", i, pick(rig, strings, COUNT(strings)));
		buffer_add_format(b, "$b = %s $c = %s condition: (", pick(rig, strings, COUNT(strings)),
						  pick(rig, strings, COUNT(strings)));
		put_condition(rig, b, i, 0);
		buffer_add_str(b, ") or (filesize > 100000 and all of them) }\n");
	}
	buffer_add_octet(b, 0);
}

static void add_lines(struct rig *rig, struct both *both)
{
	char line[16];
	for (unsigned i = 0; i < 40; i++) {
		size_t len = below(rig, 12);
		for (size_t k = 0; k < len; k++)
			line[k] = (char)("abcABC ba"[below(rig, 9)]);
		both_add(both, slice_of(line, len));
	}
}

static void random_rules_and_records(void **state)
{
	struct rig rig;
	struct buffer text;
	uint64_t found = 0, rows = 0;
	(void)state;
	rig_open(&rig);
	buffer_init(&text, &rig.fake->env);
	for (unsigned round = 0; round < 400; round++) {
		struct both both;
		buffer_reset(&text);
		put_rules(&rig, &text);
		load(&rig, (const char *)text.ptr);
		both_open(&both, rig.evaluator, rig.builder, 16);
		both_begin(&both);
		add_lines(&rig, &both);
		both_finish(&both, rig.set);
		both_close(&both);
		found += both.found;
		rows += both.rows;
	}
	print_message("%llu rows, %llu found\n", (unsigned long long)rows, (unsigned long long)found);
	assert_true(found > rows / 8);
	buffer_free(&text);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conditions_are_read_carefully),
		cmocka_unit_test(records_stay_apart),
		cmocka_unit_test(rules_may_refer_to_others),
		cmocka_unit_test(texts_are_cut_as_libyara_does),
		cmocka_unit_test(paths_are_counted),
		cmocka_unit_test(too_many_matches_give_way),
		cmocka_unit_test(random_rules_and_records),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
