#include "tests/unit/cli/rig.h"

#include "cli/options.h"

#include <fcntl.h>

/* The exit code of a command line; what it says is not looked at here. */
static int run(const char *line)
{
	static char words[512], name[] = "cresset";
	char *argv[32] = {name};
	int argc = 1, out = dup(1), err = dup(2), null = open("/dev/null", O_WRONLY);
	snprintf(words, sizeof words, "%s", line);
	for (char *p = strtok(words, " "); p; p = strtok(NULL, " "))
		argv[argc++] = p;
	fflush(NULL);
	dup2(null, 1);
	dup2(null, 2);
	int code = options_main(argc, argv);
	fflush(NULL);
	dup2(out, 1);
	dup2(err, 2);
	close(out);
	close(err);
	close(null);
	return code;
}

static void codes(void **state)
{
	static const struct {
		const char *line;
		int code;
	} cases[] = {
		{"", 3},
		{"--help", 0},
		{"help", 0},
		{"--version", 0},
		{"--man", 0},
		{"--completion bash", 0},
		{"--completion zsh", 0},
		{"--completion fish", 3},
		{"--completion", 3},
		{"nonsense", 3},
		{"rules", 3},
		{"rules --help", 0},
		{"incidents -h", 0},
		{"rules nonsense", 3},
		{"nonsense --help", 3},
		{"search --nonsense", 3},
		{"search --limit", 3},
		{"search --limit abc x", 3},
		{"search --limit -1 x", 3},
		{"search --limit 99999999999999999999 x", 3},
		{"search --limit= x", 3},
		{"search --output xml x", 3},
		{"search --output= x", 3},
		{"search --quiet=1 x", 3},
		{"search -x", 3},
		{"search -qx", 3},
		{"run --now 2026-01-01", 3},
		{"detect --now now", 3},
		{"run extra", 3},
		{"parse", 3},
		{"parse - -", 3},
		{"parse /nonexistent/x", 3},
		{"scan - x -", 3},
		{"import - -", 3},
		{"incidents show", 3},
		{"incidents show a b", 3},
		{"config check /nonexistent/x", 3},
		{"config check /", 3},
		{"segment show /nonexistent/x", 3},
		{"segment show /", 3},
		{"search --data /nonexistent/x y", 3},
		{"search -c /nonexistent/x y", 3},
		{"search --now junk y", 3},
		{"parse --year-from junk /dev/null", 3},
		{"fsck --data /nonexistent/x", 3},
		{"config check", 0},
		{"config show", 0},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int code = run(cases[i].line);
		if (code != cases[i].code)
			fail_msg("cresset %s: %d, not %d", cases[i].line, code, cases[i].code);
	}
}

/* The table is whole: every option has its row, no verb names one twice, every verb has a help text. */
static void the_table_is_whole(void **state)
{
	char line[128];
	(void)state;
	for (unsigned i = 0; i < OPTION_COUNT; i++) {
		assert_int_equal(options[i].id, i);
		assert_non_null(options[i].name);
		assert_non_null(options[i].help);
		assert_true(!options[i].choices || options[i].argument);
	}
	for (unsigned v = 0; v < verb_count; v++) {
		bool seen[OPTION_COUNT] = {false}, letters[128] = {false};
		assert_true(verbs[v].words_min <= verbs[v].words_max && verbs[v].words_max <= ARGS_MAX);
		assert_true(verbs[v].summary[0] && verbs[v].description[0]);
		for (unsigned k = 0; k < verbs[v].option_count; k++) {
			const struct option *o = &options[verbs[v].options[k]];
			assert_false(seen[o->id]);
			seen[o->id] = true;
			assert_false(o->letter && letters[(unsigned char)o->letter]);
			letters[(unsigned char)o->letter] = true;
		}
		assert_true(seen[OPTION_HELP]);
		snprintf(line, sizeof line, "%s --help", verbs[v].name);
		assert_int_equal(run(line), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes),
		cmocka_unit_test(the_table_is_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
