/* All files of the public sets load: what they need (external variables, modules) is there. */
#include "tests/unit/rules/yara_examples.h"

static void public_sets_load(void **state)
{
	struct rig rig;
	struct env env = env_system();
	struct error error = {0};
	struct ruleset_options options = {.yara = true};
	char folder[64];
	(void)state;
	examples_unpack(folder);
	rig_open(&rig);
	const char *paths[] = {folder};
	if (ruleset_load(&env, paths, 1, &options, rig_tell, &rig, &rig.set, &rig.counts, &error))
		fail_msg("%s", error.text);
	printf("%u files, %u rules, %u loaded, %u warnings\n", rig.counts.files, rig.counts.rules, rig.counts.loaded,
		   rig.counts.warnings);
	for (unsigned i = 0; i < rig.told_count; i++)
		if (rig.told[i].level == DIAGNOSTIC_ERROR)
			print_error("%s:%u: %s\n", rig.told[i].file, rig.told[i].line, rig.told[i].text);
	assert_int_equal(rig.counts.refused, 0);
	assert_true(rig.counts.loaded > 6500);
	assert_int_equal(evaluator_new(&env, rig.set, &rig.evaluator, &error), 0);
	examples_remove(folder);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(public_sets_load)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
