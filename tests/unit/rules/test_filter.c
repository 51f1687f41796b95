/* Filters: what a rule is narrowed to, by whom, and what is said about it. */
#include "tests/unit/rules/sigma_rig.h"

#define RULE(id, product, selection) \
	"title: Rule " id "\nid: " id "\nname: n_" id "\nlogsource: {product: " product "}\ndetection:\n  s: " selection \
	"\n  condition: s\n"
#define FILTER "title: F\nfilter:\n  rules: [a]\n  s: {user: svc}\n  condition: not s\n"

static const struct told *told_with(const struct rig *rig, const char *id)
{
	for (unsigned i = 0; i < rig->told_count; i++)
		if (strcmp(rig->told[i].id, id) == 0)
			return &rig->told[i];
	return NULL;
}

static void rule_and_condition_must_hold(void **state)
{
	static const struct {
		const char *filter;
		bool jump, svc, other; /* what still holds of {cmd: x} with each user */
	} cases[] = {
		{"filter: {rules: [a], s: {user: svc}, condition: not s}\n", true, false, true},
		{"filter: {rules: a, s: {user: svc}, condition: not s}\n", true, false, true},
		{"filter: {rules: [n_a], s: {user: svc}, condition: not s}\n", true, false, true},
		{"filter: {rules: ['Rule a'], s: {user: svc}, condition: not s}\n", true, false, true},
		{"filter: {rules: any, s: {user: svc}, condition: not s}\n", true, false, true},
		{"filter: {rules: [], s: {user: svc}, condition: not s}\n", true, false, true},
		{"filter: {s: {user: svc}, condition: not s}\n", true, false, true},
		{"logsource: {product: windows}\nfilter: {s: {user: svc}, condition: not s}\n", true, false, true},
		{"logsource: {product: windows, service: x}\nfilter: {s: {user: svc}, condition: not s}\n", true, true, true},
		{"logsource: {product: linux}\nfilter: {s: {user: svc}, condition: not s}\n", true, true, true},
		{"filter: {rules: [b], s: {user: svc}, condition: not s}\n", true, true, true},
		/* without `not` it keeps what it names */
		{"filter: {rules: [a], s: {user: svc}, condition: s}\n", false, true, false},
		{"filter: {rules: [a], s1: {user: svc}, s2: {user: jump}, condition: not 1 of s*}\n", false, false, true},
		{"filter: {rules: [a], s1: {user: svc}, s2: {cmd: x}, condition: not (s1 and s2)}\n", true, false, true},
		/* its selections are its own: `s` of the rule is another */
		{"filter: {rules: [a], t: {user: svc}, condition: not 1 of them}\n", true, false, true},
	};
	struct rig rig;
	char text[2048];
	(void)state;
	rig_open(&rig);
	for (size_t i = 0; i < COUNT(cases) * 2; i++) {
		const char *filter = cases[i / 2].filter;
		static const char rules[] = RULE("a", "windows", "{cmd: x}") "---\n" RULE("b", "windows", "{cmd: y}");
		if (i % 2) /* it may stand before or behind what it narrows */
			snprintf(text, sizeof text, "%s---\ntitle: F\n%s", rules, filter);
		else
			snprintf(text, sizeof text, "title: F\n%s---\n%s", filter, rules);
		rig_load(&rig, text);
		if (rig.counts.loaded != 2 || rig.counts.rules != 2 || rig.counts.refused != 0)
			fail_msg("%u loaded of %u: %s\n%s", rig.counts.loaded, rig.counts.rules, rig.told[0].text, text);
		bool jump = rig_holds(&rig, "{cmd: x, user: jump}"), svc = rig_holds(&rig, "{cmd: x, user: svc}");
		bool other = rig_holds(&rig, "{cmd: x}");
		if (jump != cases[i / 2].jump || svc != cases[i / 2].svc || other != cases[i / 2].other)
			fail_msg("jump %d, svc %d, other %d:\n%s", jump, svc, other, text);
	}
	rig_close(&rig);
}

static void several_filters_all_narrow(void **state)
{
	struct rig rig;
	(void)state;
	rig_open(&rig);
	rig_load(&rig, RULE("a", "windows", "{cmd: x}") "---\n" FILTER
													"---\ntitle: G\nfilter: {s: {host: lab}, condition: not s}\n");
	assert_int_equal(rig.told_count, 0);
	assert_int_equal(rig_holds(&rig, "{cmd: x, user: svc}"), 0);
	assert_int_equal(rig_holds(&rig, "{cmd: x, host: lab}"), 0);
	assert_int_equal(rig_holds(&rig, "{cmd: x, host: plant}"), 1);
	rig_close(&rig);
}

/* One load is one scope: files of another path are narrowed as well. */
static void it_reaches_other_files(void **state)
{
	struct rig rig;
	const char *paths[] = {"/rules", "/mine"};
	(void)state;
	rig_open(&rig);
	rig_put(&rig, "/rules/a.yml", RULE("a", "windows", "{cmd: x}"));
	rig_put(&rig, "/mine/0.yml", FILTER);
	rig_load_paths(&rig, paths, 2, NULL);
	assert_int_equal(rig.counts.loaded, 1);
	assert_int_equal(rig_holds(&rig, "{cmd: x, user: svc}"), 0);
	assert_int_equal(rig_holds(&rig, "{cmd: x, user: root}"), 1);
	rig_close(&rig);
}

/* Names of fields are those of the rule that is narrowed. */
static void mappings_of_the_rule_hold(void **state)
{
	struct rig rig;
	const char *paths[] = {"/r"};
	const struct slice mappings[] = {SLICE("/m")};
	const struct ruleset_options options = {.mappings = mappings, .mapping_count = 1};
	(void)state;
	rig_open(&rig);
	rig_put(&rig, "/m/a.yml", "mapping:\n  logsource: {product: cisco}\n  fields: {user: user.name}\n");
	rig_put(&rig, "/r/a.yml",
			RULE("a", "windows", "{cmd: x}") "---\n" RULE("b", "cisco", "{cmd: x}") "---\ntitle: F\nfilter: {s: "
																					"{user: svc}, condition: not s}\n");
	rig_load_paths(&rig, paths, 1, &options);
	assert_int_equal(rig.counts.loaded, 2);
	assert_int_equal(rig_holds(&rig, "{cmd: x, user: svc}"), 0);
	assert_int_equal(rig_holds(&rig, "{cmd: x, user.name: svc}"), 1);
	assert_int_equal(rig.hits[0], 0);
	rig_close(&rig);
}

static void correlations_count_what_is_left(void **state)
{
	struct rig rig;
	(void)state;
	rig_open(&rig);
	rig_load(&rig, RULE("a", "windows",
						"{cmd: x}") "---\n" FILTER "---\ntitle: C\nid: c\ncorrelation: {type: event_count, rules: [a], "
									"timespan: 1m, condition: {gte: 2}}\n---\n"
									"title: G\nfilter:\n  rules: [c]\n  s: {u: 1}\n  condition: not s\n");
	assert_int_equal(rig.counts.loaded, 2);
	assert_int_equal(rig.told_count, 1);
	assert_string_equal(rig.told[0].id, "sigma-filter-correlation");
	assert_int_equal(rig_holds(&rig, "{cmd: x, user: svc}"), 0);
	rig_close(&rig);
}

static void what_is_odd_is_said(void **state)
{
	static const struct {
		const char *text, *id;
		uint32_t line, column;
	} cases[] = {
		{"title: F\nfilter:\n  rules:\n    - a\n    - nobody\n  s: {u: 1}\n  condition: not s\n", "sigma-filter-nobody",
		 5, 7},
		{"title: F\nfilter:\n  rules: [a]\n  s: {u: 1}\n  condition: s\n", "sigma-filter-keeps", 5, 14},
		{"title: F\nfilter:\n  rules: [a]\n  s: {u: 1}\n  nothing: {u: 1}\n  condition: s or nothing\n",
		 "sigma-filter-keeps", 6, 14},
		{"title: F\nlogsource: {product: linux}\nfilter:\n  rules: [a]\n  s: {u: 1}\n  condition: not s\n",
		 "sigma-filter-logsource", 4, 11},
		/* what any detection may be told about is told once, however many rules it narrows */
		{"title: F\nfilter:\n  s: {u: [1, null]}\n  condition: not s\n", "sigma-null-in-list", 3, 14},
	};
	struct rig rig;
	char text[2048];
	(void)state;
	rig_open(&rig);
	for (size_t i = 0; i < COUNT(cases); i++) {
		snprintf(text, sizeof text, "%s---\n" RULE("a", "windows", "{cmd: x}") "---\n" RULE("b", "linux", "{cmd: x}"),
				 cases[i].text);
		rig_load(&rig, text);
		if (rig.counts.loaded != 2 || rig.told_count != 1 || strcmp(rig.told[0].id, cases[i].id) != 0 ||
			rig.told[0].level != DIAGNOSTIC_WARNING || rig.told[0].line != cases[i].line ||
			rig.told[0].column != cases[i].column || strcmp(rig.told[0].rule, "F") != 0)
			fail_msg("%u told, %s at %u:%u of %s: %s", rig.told_count, rig.told[0].id, rig.told[0].line,
					 rig.told[0].column, rig.told[0].rule, cases[i].text);
	}
	rig_close(&rig);
}

/* Without the filter they would tell too much. */
static void a_refused_filter_takes_its_rules(void **state)
{
	static const struct {
		const char *filter, *id;
		unsigned left;
	} cases[] = {
		{"filter: {rules: [a], s: {u|nosuch: 1}, condition: not s}\n", "sigma-unknown-modifier", 1},
		{"filter: {rules: [a], s: {u: 1}, condition: not t}\n", "sigma-condition", 1},
		{"filter: {rules: [a], s: {u: 1}, condition: [not s, s]}\n", "sigma-filter", 1},
		{"filter: {rules: [a], s: {u: 1}}\n", "sigma-no-condition", 1},
		{"filter: {rules: [a], condition: not s}\n", "sigma-no-selection", 1},
		{"filter: {rules: any, s: {u: []}, condition: not s}\n", "sigma-empty-list", 0},
		{"logsource: {product: linux}\nfilter: {s: {u: []}, condition: not s}\n", "sigma-empty-list", 1},
		{"filter: {rules: [{a: b}], s: {u: 1}, condition: not s}\n", "sigma-filter-rules", 0},
		{"filter: [a]\n", "sigma-filter", 0},
		{"logsource: x\nfilter: {rules: [a], s: {u: 1}, condition: not s}\n", "sigma-logsource", 0},
	};
	struct rig rig;
	char text[2048];
	(void)state;
	rig_open(&rig);
	for (size_t i = 0; i < COUNT(cases); i++) {
		snprintf(text, sizeof text,
				 RULE("a", "windows", "{cmd: x}") "---\n" RULE(
					 "b", "linux", "{cmd: x}") "---\ntitle: F\n%s"
											   "---\ntitle: C\ncorrelation: {type: event_count, rules: [a], timespan: "
											   "1m, condition: {gte: 2}}\n",
				 cases[i].filter);
		rig_load(&rig, text);
		const struct told *why = told_with(&rig, cases[i].id), *rule = told_with(&rig, "sigma-filter-refused");
		bool c = told_with(&rig, "correlation-refused") != NULL, a_gone = c || strstr(cases[i].filter, "linux");
		if (!why || !rule || rig.counts.refused + rig.counts.loaded != rig.counts.rules || !a_gone)
			fail_msg("%s: %s", cases[i].filter, rig.told_count ? rig.told[0].text : "nothing told");
		unsigned detections = 0;
		for (uint32_t k = 0; k < ruleset_count(rig.set); k++)
			detections += ruleset_rule(rig.set, k)->kind == RULE_DETECTION;
		assert_int_equal(detections, cases[i].left);
	}
	rig_close(&rig);
}

/* What only shows in the place of a rule is said once, and each rule that goes with it by name. */
static void a_form_that_is_refused_takes_its_rules(void **state)
{
	struct rig rig;
	(void)state;
	rig_open(&rig);
	rig_load(&rig,
			 RULE("a", "windows", "{cmd: x}") "---\n" RULE("b", "windows", "{cmd: x}") "---\n" RULE(
				 "c", "linux", "{cmd: x}") "---\ntitle: F\nlogsource: {product: windows}\nfilter: {s: {user|expand: "
										   "'%svc%'}, condition: not s}\n");
	assert_int_equal(rig.counts.loaded, 1);
	assert_int_equal(rig.counts.refused, 2);
	assert_int_equal(rig.told_count, 3);
	assert_string_equal(rig.told[0].id, "sigma-placeholder");
	assert_string_equal(rig.told[0].rule, "F");
	assert_string_equal(rig.told[1].id, "sigma-filter-refused");
	assert_string_equal(rig.told[1].rule, "Rule a");
	assert_string_equal(rig.told[2].rule, "Rule b");
	rig_close(&rig);
}

static void rule_digest(struct rig *rig, const char *text, uint8_t out[32])
{
	rig_load(rig, text);
	assert_int_equal(rig->counts.loaded, 2);
	memcpy(out, ruleset_rule(rig->set, 0)->digest, 32);
}

/* T17: a filter is part of what the rules it narrows are, and of no other. */
static void the_digest_holds_the_filter(void **state)
{
#define TWO RULE("a", "windows", "{cmd: x}") "---\n" RULE("b", "windows", "{cmd: x}") "---\n"
	struct rig rig;
	uint8_t plain[32], narrowed[32], again[32];
	(void)state;
	rig_open(&rig);
	rule_digest(&rig, TWO, plain);
	rule_digest(&rig, TWO FILTER, narrowed);
	assert_memory_not_equal(plain, narrowed, 32);
	rule_digest(&rig,
				TWO "title: Other\ndescription: words\nfilter:\n  rules: any\n  t: {user: SVC}\n  condition: not t\n",
				again);
	assert_memory_equal(narrowed, again, 32);
	rule_digest(&rig, TWO "title: F\nfilter:\n  rules: [a]\n  s: {user: svc2}\n  condition: not s\n", again);
	assert_memory_not_equal(narrowed, again, 32);
	rule_digest(&rig, TWO "title: F\nfilter:\n  rules: [b]\n  s: {user: svc}\n  condition: not s\n", again);
	assert_memory_equal(plain, again, 32);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_and_condition_must_hold),     cmocka_unit_test(several_filters_all_narrow),
		cmocka_unit_test(it_reaches_other_files),           cmocka_unit_test(mappings_of_the_rule_hold),
		cmocka_unit_test(correlations_count_what_is_left),  cmocka_unit_test(what_is_odd_is_said),
		cmocka_unit_test(a_refused_filter_takes_its_rules), cmocka_unit_test(a_form_that_is_refused_takes_its_rules),
		cmocka_unit_test(the_digest_holds_the_filter),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
