#include "tests/unit/rules/sigma_rig.h"

static const struct ruleset_options with_yara = {.yara = true};

static void load(struct rig *rig)
{
	const char *paths[] = {"/y"};
	rig_load_paths(rig, paths, 1, &with_yara);
}

static void rules_become_rules(void **state)
{
	struct rig rig;
	(void)state;
	rig_open(&rig);
	rig_put(
		&rig, "/y/a.yar",
		"rule first : tag_a tag_b {\n meta:\n  id = \"abc\"\n  severity = \"High\"\n  description = \"d\"\n strings:\n  $x = \"needle\"\n"
		" condition:\n  $x\n}\nprivate rule hidden { strings: $h = \"hay\" condition: $h }\nrule second { condition: hidden and filename == \"\" }\n");
	rig_put(&rig, "/y/b.yara", "rule first { condition: filesize > 1000 }\n"); /* the same name in another file */
	rig_put(&rig, "/y/s.yml", "title: S\nlogsource: {}\ndetection: {s: {f: needle}, condition: s}\n");
	load(&rig);
	assert_int_equal(rig.counts.loaded, 4);
	assert_int_equal(rig.counts.refused, 0);
	const struct rule *r = ruleset_rule(rig.set, 1);
	assert_int_equal(r->kind, RULE_YARA);
	assert_true(slice_equal(r->title, SLICE("first")));
	assert_true(slice_equal(r->id, SLICE("abc")));
	assert_int_equal(r->level, LEVEL_HIGH);
	assert_int_equal(r->tag_count, 2);
	assert_true(slice_equal(r->tags[1], SLICE("tag_b")));
	assert_int_equal(r->line, 1);
	assert_int_equal(ruleset_rule(rig.set, 2)->line, 12);
	assert_true(r->told);
	assert_true(slice_equal(ruleset_rule(rig.set, 3)->file, SLICE("/y/b.yara")));
	assert_memory_not_equal(r->digest, ruleset_rule(rig.set, 3)->digest, 32);
	/* the whole event text is looked at */
	assert_int_equal(rig_holds(&rig, "{f: needle}"), 2);
	assert_int_equal(rig.hits[0], 0);
	assert_int_equal(rig.hits[1], 1);
	assert_int_equal(rig_holds(&rig, "{f: hay}"), 1);
	assert_int_equal(rig.hits[0], 2);
	assert_int_equal(rig_holds(&rig, "{f: x}"), 0);
	assert_int_equal(evaluator_undecided(rig.evaluator), 0);
	rig_close(&rig);
}

static void a_bad_file_is_refused_alone(void **state)
{
	struct rig rig;
	(void)state;
	rig_open(&rig);
	rig_put(&rig, "/y/bad.yar", "rule a {\n strings:\n  $x = \"a\"\n condition:\n  $y }\n");
	rig_put(&rig, "/y/good.yar", "rule good { strings: $x = \"needle\" condition: $x }\n");
	rig_put(&rig, "/y/reads.yar", "include \"/y/good.yar\"\n");
	load(&rig);
	assert_int_equal(rig.counts.loaded, 1);
	assert_int_equal(rig.counts.refused, 2);
	unsigned errors = 0;
	for (unsigned i = 0; i < rig.told_count; i++)
		if (rig.told[i].level == DIAGNOSTIC_ERROR && errors++ == 0) {
			assert_string_equal(rig.told[i].file, "/y/bad.yar");
			assert_int_equal(rig.told[i].line, 5);
			assert_non_null(strstr(rig.told[i].text, "y"));
		}
	assert_true(errors >= 2);
	assert_int_equal(rig_holds(&rig, "{f: needle}"), 1);
	rig_close(&rig);
}

/* A file of `len` octets: one rule and blanks. */
static void put_long(struct rig *rig, const char *path, size_t len)
{
	static const char rule[] = "rule long { condition: true }";
	char *text = malloc(len + 1);
	assert_non_null(text);
	memset(text, ' ', len);
	memcpy(text, rule, sizeof rule - 1);
	fake_file_put(rig->fake, path, text, len);
	free(text);
}

static void files_have_limits(void **state)
{
	struct rig rig;
	size_t most = 4 * (size_t)LIMIT_rule_file_bytes;
	(void)state;
	rig_open(&rig);
	put_long(&rig, "/y/a.yar", most);
	load(&rig);
	assert_int_equal(rig.counts.loaded, 1);
	put_long(&rig, "/y/a.yar", most + 1);
	fake_file_put(rig.fake, "/y/nul.yar", "rule n {\0condition: true }", 26);
	load(&rig);
	assert_int_equal(rig.counts.loaded, 0);
	assert_int_equal(rig.counts.refused, 2);
	assert_string_equal(rig.told[0].id, "file-size");
	assert_non_null(strstr(rig.told[0].text, "4 MiB"));
	assert_non_null(strstr(rig.told[1].text, "NUL"));
	rig_close(&rig);
}

/* Each mistake is told with its file, its line and what is wrong. */
static void mistakes_have_places(void **state)
{
	static const struct {
		const char *text, *says;
		uint32_t line;
	} cases[] = {
		{"include \"/etc/passwd\"\nrule a { condition: true }\n", "include", 1},
		{"rule a {\n strings:\n  $x = /a(/\n condition: $x }\n", "regular expression", 3},
		{"rule a { condition: true }\nrule a { condition: true }\n", "duplicated", 2},
		{"import \"nosuch\"\nrule a { condition: true }\n", "nosuch", 1},
		{"rule a {\n strings:\n  $x = \"a\"\n condition:\n  true }\n", "unreferenced", 5},
		{"rule a {\n condition:\n  elsewhere == \"\" }\n", "elsewhere", 3},
	};
	struct rig rig;
	(void)state;
	rig_open(&rig);
	for (unsigned i = 0; i < COUNT(cases); i++) {
		rig_put(&rig, "/y/a.yar", cases[i].text);
		load(&rig);
		assert_int_equal(rig.counts.refused, 1);
		const struct told *t = &rig.told[0];
		for (; t->level != DIAGNOSTIC_ERROR; t++)
			assert_true(t < rig.told + rig.told_count);
		assert_string_equal(t->file, "/y/a.yar");
		if (t->line != cases[i].line || !strstr(t->text, cases[i].says))
			fail_msg("case %u: line %u: %s", i, t->line, t->text);
	}
	rig_close(&rig);
}

/* The external variables are those of the event, for each rule and each event anew. */
static void variables_come_from_fields(void **state)
{
	static const struct {
		const char *event;
		uint32_t holds;
	} cases[] = {
		{"{m: x}", 1}, /* none */
		{"{file.path: 'C:\\a\\b.txt.exe'}", 3},
		{"{file.path: /a/b.txt.exe, file.name: c.pdf}", 1},
		{"{file.name: x.exe}", 2},
		{"{file.extension: exe, file.name: x}", 2},
		{"{file.owner: root, user.name: otto}", 2},
		{"{user.name: root}", 2},
		{"{user.name: otto}", 1},
		{"{file.type: EXE, m: needle}", 2},
		{"{file.type: EXE}", 1},
	};
	struct rig rig;
	(void)state;
	rig_open(&rig);
	rig_put(&rig, "/y/a.yar",
			"rule cloaked { condition: filename matches /\\.txt\\.exe$/ and filepath contains \"a\" }\n"
			"rule program { condition: extension == \".exe\" }\nrule root { condition: owner iequals \"ROOT\" }\n"
			"rule typed { strings: $n = \"needle\" condition: $n and filetype == \"EXE\" }\n"
			"rule untyped { condition: not filetype == \"ELF\" }\n");
	load(&rig);
	for (unsigned i = 0; i < COUNT(cases); i++) {
		uint32_t n = rig_holds(&rig, cases[i].event);
		if (n != cases[i].holds)
			fail_msg("%s: %u rules hold, wanted %u", cases[i].event, n, cases[i].holds);
	}
	rig_close(&rig);
}

static void without_the_option_there_are_none(void **state)
{
	struct rig rig;
	const char *paths[] = {"/y"};
	(void)state;
	rig_open(&rig);
	rig_put(&rig, "/y/a.yar", "rule a { condition: true }\n");
	rig_load_paths(&rig, paths, 1, NULL);
	assert_int_equal(rig.counts.rules, 0);
	load(&rig);
	assert_int_equal(rig.counts.loaded, 1);
	assert_int_equal(rig_holds(&rig, "{f: x}"), 1);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_become_rules),         cmocka_unit_test(a_bad_file_is_refused_alone),
		cmocka_unit_test(files_have_limits),          cmocka_unit_test(mistakes_have_places),
		cmocka_unit_test(variables_come_from_fields), cmocka_unit_test(without_the_option_there_are_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
