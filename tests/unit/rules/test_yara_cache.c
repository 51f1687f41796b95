/* Compiled YARA rules that are kept: used when all is right, made again when anything about them is wrong. */
#include "tests/unit/rules/sigma_rig.h"

static const char rule[] = "rule one { meta: id = \"r1\" strings: $a = \"needle\" condition: $a }\n\n"
						   "rule two { strings: $a = /thr[e]ad/ condition: $a and filename == \"\" }\n";
static const char other[] = "rule one { meta: id = \"r1\" strings: $a = \"haystack\" condition: $a }\n";
static const char slow[] = "rule slow { strings: $a = /ab.*cd/ condition: $a }\n";

static void load(struct rig *rig, const char *text)
{
	const char *paths[] = {"/r/rules.yar"};
	rig_put(rig, paths[0], text);
	rig_load_paths(rig, paths, 1, &(struct ruleset_options){.cache = "/c/cache", .yara = true});
}

static bool finds(struct rig *rig, const char *text)
{
	char event[128];
	snprintf(event, sizeof event, "{\"a\": \"x %s x\"}", text);
	rig_event(rig, event);
	rig_judge_way(rig, false, NULL, 0);
	return rig->hit_count == 1;
}

struct files {
	char paths[64][256];
	unsigned count;
};

static int take_name(void *arg, const char *path)
{
	struct files *f = arg;
	if (strstr(path, "c/cache/") && f->count < COUNT(f->paths))
		snprintf(f->paths[f->count++], sizeof f->paths[0], "%s", path);
	return 0;
}

static struct files cached(struct rig *rig)
{
	struct files f = {.count = 0};
	fake_file_each(rig->fake, take_name, &f);
	return f;
}

static void the_same_rules_find_the_same(void **state)
{
	struct rig rig;
	(void)state;
	rig_open(&rig);
	for (unsigned i = 0; i < 3; i++) {
		load(&rig, rule);
		assert_int_equal(rig.counts.loaded, 2);
		assert_int_equal(rig.counts.warnings + rig.counts.refused, 0);
		assert_true(finds(&rig, "needle") && finds(&rig, "thread") && !finds(&rig, "haystack"));
		assert_string_equal((const char *)ruleset_rule(rig.set, 0)->id.ptr, "r1");
		assert_int_equal(ruleset_rule(rig.set, 1)->line, 3);
	}
	unsigned kept = cached(&rig).count;
	assert_true(kept >= 2); /* all of them, the strings alone, the shards */
	load(&rig, other); /* another text of the same path is another key */
	assert_true(!finds(&rig, "needle") && finds(&rig, "haystack"));
	assert_true(cached(&rig).count > kept);
	rig_close(&rig);
}

/* What libyara has to say is said again, from the cache too. */
static void warnings_are_not_forgotten(void **state)
{
	struct rig rig;
	(void)state;
	rig_open(&rig);
	for (unsigned i = 0; i < 3; i++) {
		load(&rig, slow);
		assert_int_equal(rig.counts.loaded, 1);
		assert_int_equal(rig.counts.warnings, 1);
		assert_string_equal(rig.told[0].id, "yara-slow");
		assert_int_equal(rig.told[0].line, 1);
	}
	rig_close(&rig);
}

static void damaged_ones_are_made_again(void **state)
{
	struct rig rig;
	(void)state;
	rig_open(&rig);
	load(&rig, rule);
	struct files f = cached(&rig);
	for (unsigned i = 0; i < f.count; i++)
		for (unsigned step = 0; step < 12; step++) {
			size_t len;
			uint8_t *octets = fake_file_get(rig.fake, f.paths[i], &len), *copy = malloc(len);
			assert_non_null(copy);
			memcpy(copy, octets, len);
			size_t at = step * len / 12, cut = step % 3 ? len : at;
			copy[at] ^= 0x40;
			fake_file_put(rig.fake, f.paths[i], copy, cut);
			free(copy);
			load(&rig, rule);
			assert_int_equal(rig.counts.loaded, 2);
			assert_true(finds(&rig, "needle") && finds(&rig, "thread") && !finds(&rig, "haystack"));
		}
	rig_close(&rig);
}

static void wrong_rules_are_not_kept(void **state)
{
	struct rig rig;
	(void)state;
	rig_open(&rig);
	for (unsigned i = 0; i < 2; i++) {
		load(&rig, "rule broken { condition: nobody }\n");
		assert_int_equal(rig.counts.refused, 1);
		assert_int_equal(rig.told[0].line, 1);
	}
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_rules_find_the_same),
		cmocka_unit_test(warnings_are_not_forgotten),
		cmocka_unit_test(damaged_ones_are_made_again),
		cmocka_unit_test(wrong_rules_are_not_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
