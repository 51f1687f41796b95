#include "tests/unit/rules/sigma_rig.h"

#define PLAIN "title: A\nid: a\nlogsource: {product: windows, category: process_creation}\n"

static void digest_of(struct rig *rig, const char *text, uint32_t rule, uint8_t out[32])
{
	rig_load(rig, text);
	if (rig->counts.refused)
		fail_msg("refused: %s in\n%s", rig->told[0].text, text);
	memcpy(out, ruleset_rule(rig->set, rule)->digest, 32);
}

#define LOGIC PLAIN "detection:\n  s: {f|contains: [x, y], g: 1}\n  t: {h: null}\n  condition: s and not t\n"

/* A folder may hold decoders, what they share, and mappings beside the rules. */
static void other_documents_are_passed_over(void **state)
{
	struct rig rig;
	(void)state;
	rig_open(&rig);
	rig_load(&rig, "name: d\nversion: 1\nrecognise:\n  - program: [x]\nsteps: []\n---\nmaps: {m: {a: b}}\n---\n"
				   "renames: {r: {a: b}}\n---\nmapping: {fields: {a: b}}\n---\n" LOGIC);
	assert_int_equal(rig.counts.rules, 1);
	assert_int_equal(rig.counts.loaded, 1);
	assert_int_equal(rig.counts.refused, 0);
	assert_int_equal(rig.told_count, 0);
	/* A rule stays one whatever else it says. */
	rig_load(&rig, "maps: {m: {a: b}}\n" LOGIC);
	assert_int_equal(rig.counts.rules, 1);
	rig_close(&rig);
}

/* T17: what is compiled counts, not how it is written. */
static void the_digest_is_of_the_logic(void **state)
{
	static const char *const same[] = {
		"# a comment\n" LOGIC,
		PLAIN
		"detection:\n  s:\n    f|contains:\n    - \"x\"\n    - 'y' # note\n    g: 1\n  t:\n    h: ~\n  condition: >\n    s and not t\n",
		PLAIN "detection:\n  s: {g: 1, f|contains: [y, x]}\n  t: {h: null}\n  condition: not t and s\n",
		PLAIN
		"detection:\n  first: {f|contains: [x, y], g: 1}\n  second: {h: null}\n  condition: all of first and not (second)\n",
		PLAIN
		"description: more words\nlevel: low\ndetection:\n  s: {f|contains: [X, Y], g: 0x1}\n  t: {h: null}\n  condition: s and not t\n",
		PLAIN "detection:\n  s: {f: ['*x*', '*y*'], g: 1}\n  t: {h: null}\n  condition: s and not not not t\n",
	};
	static const char *const other[] = {
		PLAIN "detection:\n  s: {f|contains: [x, z], g: 1}\n  t: {h: null}\n  condition: s and not t\n",
		PLAIN "detection:\n  s: {f|contains|all: [x, y], g: 1}\n  t: {h: null}\n  condition: s and not t\n",
		PLAIN "detection:\n  s: {f|startswith: [x, y], g: 1}\n  t: {h: null}\n  condition: s and not t\n",
		PLAIN "detection:\n  s: {f|contains|cased: [x, y], g: 1}\n  t: {h: null}\n  condition: s and not t\n",
		PLAIN "detection:\n  s: {f|contains: [x, y], g: '1'}\n  t: {h: null}\n  condition: s and not t\n",
		PLAIN "detection:\n  s: {f|contains: [x, y], g: 2}\n  t: {h: null}\n  condition: s and not t\n",
		PLAIN "detection:\n  s: {e|contains: [x, y], g: 1}\n  t: {h: null}\n  condition: s and not t\n",
		PLAIN "detection:\n  s: {f|contains: [x, y], g: 1}\n  t: {h: null}\n  condition: s or not t\n",
		PLAIN "detection:\n  s: {f|contains: [x, y], g: 1}\n  t: {h: null}\n  condition: s and t\n",
		PLAIN "detection:\n  s: {f|re: [x, y], g: 1}\n  t: {h: null}\n  condition: s and not t\n",
		"title: A\nid: b\nlogsource: {product: windows, category: process_creation}\n"
		"detection:\n  s: {f|contains: [x, y], g: 1}\n  t: {h: null}\n  condition: s and not t\n",
		"title: A\nid: a\nlogsource: {product: linux, category: process_creation}\n"
		"detection:\n  s: {f|contains: [x, y], g: 1}\n  t: {h: null}\n  condition: s and not t\n",
	};
	struct rig rig;
	uint8_t want[32], got[32];
	(void)state;
	rig_open(&rig);
	digest_of(&rig, LOGIC, 0, want);
	for (size_t i = 0; i < COUNT(same); i++) {
		digest_of(&rig, same[i], 0, got);
		if (memcmp(want, got, 32) != 0)
			fail_msg("another digest for the same logic:\n%s", same[i]);
	}
	for (size_t i = 0; i < COUNT(other); i++) {
		digest_of(&rig, other[i], 0, got);
		if (memcmp(want, got, 32) == 0)
			fail_msg("the same digest for other logic:\n%s", other[i]);
	}
	rig_close(&rig);
}

#define COUNTING \
	"---\ntitle: C\nid: c\ncorrelation: {type: event_count, rules: [a], group-by: [u], timespan: 1m, condition: {gte: 3}}\n"

static void the_digest_reaches_through_references(void **state)
{
	static const char *const other[] = {
		PLAIN "detection:\n  s: {f: y}\n  condition: s\n" COUNTING,
		PLAIN
		"detection:\n  s: {f: x}\n  condition: s\n"
		"---\ntitle: C\nid: c\ncorrelation: {type: event_count, rules: [a], group-by: [u], timespan: 2m, condition: {gte: 3}}\n",
		PLAIN
		"detection:\n  s: {f: x}\n  condition: s\n"
		"---\ntitle: C\nid: c\ncorrelation: {type: event_count, rules: [a], group-by: [v], timespan: 1m, condition: {gte: 3}}\n",
		PLAIN
		"detection:\n  s: {f: x}\n  condition: s\n"
		"---\ntitle: C\nid: c\ncorrelation: {type: event_count, rules: [a], group-by: [u], timespan: 1m, condition: {gt: 3}}\n",
	};
	struct rig rig;
	uint8_t want[32], got[32], set[32], set_too[32];
	(void)state;
	rig_open(&rig);
	digest_of(&rig, PLAIN "detection:\n  s: {f: x}\n  condition: s\n" COUNTING, 1, want);
	ruleset_digest(rig.set, set);
	digest_of(&rig, PLAIN "detection:\n  s: {f: x}\n  condition: s\nlevel: high\n" COUNTING, 1, got);
	ruleset_digest(rig.set, set_too);
	assert_memory_equal(want, got, 32);
	assert_memory_not_equal(set, set_too, 32); /* the level is told: the ruleset is another, the rule is not */
	for (size_t i = 0; i < COUNT(other); i++) {
		digest_of(&rig, other[i], 1, got);
		assert_memory_not_equal(want, got, 32);
	}
	rig_close(&rig);
}

static void log_sources_conflict_or_not(void **state)
{
	struct rig rig;
	struct error error = {0};
	const struct logsource rule = {SLICE("windows"), SLICE("process_creation"), SLICE_NONE};
	const struct logsource none = {SLICE_NONE, SLICE_NONE, SLICE_NONE},
						   windows = {SLICE("Windows"), SLICE_NONE, SLICE_NONE};
	const struct logsource linux_host = {SLICE("linux"), SLICE_NONE, SLICE_NONE};
	const struct logsource exact = {SLICE("windows"), SLICE("process_creation"), SLICE("sysmon")};
	(void)state;
	assert_true(logsource_agrees(&rule, &none));
	assert_true(logsource_agrees(&rule, &windows));
	assert_true(logsource_agrees(&rule, &exact));
	assert_false(logsource_agrees(&rule, &linux_host));
	rig_open(&rig);
	rig_load(&rig, PLAIN "detection: {s: {f: x}, condition: s}\n");
	rig_event(&rig, "{f: x}");
	/* a list names all that the event counts as: one must have what the rule names */
	struct logsource list[] = {linux_host, windows};
	rig.hit_count = 0;
	assert_int_equal(evaluator_row(rig.evaluator, &rig.batch, 0, list, 2, rig_hit, &rig, &error), 0);
	assert_int_equal(rig.hit_count, 0);
	list[0] = exact;
	assert_int_equal(evaluator_row(rig.evaluator, &rig.batch, 0, list, 2, rig_hit, &rig, &error), 0);
	assert_int_equal(rig.hit_count, 1);
	rig_close(&rig);
}

/* The log source of the row itself, many rows and many sources in one batch. */
static void rows_are_routed(void **state)
{
	static const struct batch_identity identity;
	static const char *const products[] = {"windows", "linux", "", "macos"};
	static const unsigned hits[] = {2, 1, 2, 1};
	struct rig rig;
	struct error error = {0};
	struct slice octets;
	(void)state;
	rig_open(&rig);
	rig_load(
		&rig, PLAIN
		"detection: {s: {f: x}, condition: s}\n---\ntitle: B\nlogsource: {}\ndetection: {s: {f: x}, condition: s}\n");
	batch_begin(rig.builder, &identity, 0, 0);
	for (unsigned i = 0; i < 4; i++) {
		uint16_t index = BATCH_NO_INDEX;
		struct logsource source = {.product = slice_str(products[i])};
		if (products[i][0])
			assert_int_equal(batch_logsource(rig.builder, &source, &index), 0);
		assert_int_equal(batch_row(rig.builder, ROW_EVENT, 0, SLICE("x")), 0);
		batch_row_tables(rig.builder, BATCH_NO_INDEX, BATCH_NO_INDEX, index);
		uint32_t name = dictionary_intern(&rig.names, SLICE("f"));
		assert_int_equal(batch_field_slice(rig.builder, name, VALUE_STRING, SLICE("x")), 0);
		assert_int_equal(batch_row_end(rig.builder), 0);
	}
	assert_int_equal(batch_finish(rig.builder, &octets, &error), 0);
	assert_int_equal(batch_open(&rig.batch, octets, &error), 0);
	for (unsigned i = 0; i < 8; i++) {
		rig.hit_count = 0;
		assert_int_equal(evaluator_row(rig.evaluator, &rig.batch, i % 4, NULL, 0, rig_hit, &rig, &error), 0);
		assert_int_equal(rig.hit_count, hits[i % 4]);
	}
	rig_close(&rig);
}

static void mappings_add_names(void **state)
{
	struct rig rig;
	const char *paths[] = {"/r"};
	const struct slice mappings[] = {SLICE("/m")};
	const struct ruleset_options options = {.mappings = mappings, .mapping_count = 1};
	struct batch_value values[4];
	struct batch_row row;
	(void)state;
	rig_open(&rig);
	rig_put(&rig, "/m/a.yml",
			"mapping:\n  logsource: {category: firewall}\n  fields: {SourceIp: source.ip, dst_ip: destination.ip}\n");
	rig_put(
		&rig, "/r/a.yml",
		"title: A\nid: a\nlogsource: {category: firewall}\ndetection: {s: {SourceIp: 1.2.3.4}, condition: s}\n---\n"
		"title: B\nlogsource: {category: proxy}\ndetection: {s: {SourceIp: 1.2.3.4}, condition: s}\n---\n"
		"title: C\ncorrelation: {type: event_count, rules: [a], group-by: [dst_ip], timespan: 1m, condition: {gte: 2}}\n");
	rig_load_paths(&rig, paths, 1, &options);
	assert_int_equal(rig.counts.loaded, 3);
	assert_int_equal(rig_holds(&rig, "{source: {ip: 1.2.3.4}}"), 1);
	assert_int_equal(rig.hits[0], 0);
	assert_int_equal(rig_holds(&rig, "{SourceIp: 1.2.3.4}"), 2);
	assert_int_equal(rig_holds(&rig, "{SourceIp: 9.9.9.9, source.ip: 1.2.3.4}"), 0); /* the own name first */
	const struct correlation *c = ruleset_correlation(rig.set, 2);
	static const struct {
		const char *event, *value;
	} keys[] = {{"{dst_ip: a, destination.ip: b}", "a"},
				{"{destination.ip: b}", "b"},
				{"{dst_ip: null, destination.ip: b}", "b"}};
	for (size_t i = 0; i < COUNT(keys); i++) {
		rig_event(&rig, keys[i].event);
		batch_get_row(&rig.batch, 0, &row);
		assert_int_equal(evaluator_values(rig.evaluator, &rig.batch, &row, c->group_by[0].per_rule[0], values, 4), 1);
		assert_true(slice_equal(values[0].text, slice_str(keys[i].value)));
	}
	rig_close(&rig);
}

static void values_for_keys(void **state)
{
	struct rig rig;
	struct batch_value values[2];
	struct batch_row row;
	(void)state;
	rig_open(&rig);
	rig_load_selection(&rig, "{f: x}");
	rig_event(&rig, "{f: [a, null, b, c], g: {h: [1, 2]}}");
	batch_get_row(&rig.batch, 0, &row);
	assert_int_equal(evaluator_values(rig.evaluator, &rig.batch, &row, SLICE("f"), values, 2),
					 2); /* null is no key; two fit */
	assert_true(slice_equal(values[1].text, SLICE("b")));
	assert_int_equal(evaluator_values(rig.evaluator, &rig.batch, &row, SLICE("g.h"), values, 2),
					 2); /* no rule looks at it */
	assert_true(slice_equal(values[1].text, SLICE("2")));
	assert_int_equal(evaluator_values(rig.evaluator, &rig.batch, &row, SLICE("nosuch"), values, 2), 0);
	rig_close(&rig);
}

static void what_cannot_be_is_refused_by_name(void **state)
{
	static const struct refusal_case cases[] = {
		{"- a\n", 1, 1, "sigma-document", "a list"},
		{"just text\n", 1, 1, "sigma-document", "a string"},
		{"logsource: {}\ndetection: {s: {a: 1}, condition: s}\n", 1, 1, "sigma-no-title", "title"},
		{"title: T\ndetection: {s: {a: 1}, condition: s}\n", 1, 1, "sigma-logsource", "logsource"},
		{"title: T\nlogsource: {}\n", 1, 1, "sigma-detection", "detection"},
		{"title: T\nlogsource: {}\ndetection: [a]\n", 3, 12, "sigma-detection", "a list"},
		{"title: T\nlogsource: {}\nlevel: huge\ndetection: {s: {a: 1}, condition: s}\n", 3, 8, "sigma-level",
		 "critical"},
		{"title: T\nlogsource: x\ndetection: {s: {a: 1}, condition: s}\n", 2, 12, "sigma-logsource", "a map"},
		{"title: T\ntitle: U\n", 2, 1, "yaml", "'title' stands here again"},
		{"title: [T\n", 2, 1, "yaml", "not YAML"},
	};
	(void)state;
	rig_refusals(cases, COUNT(cases));
}

/* One bad document takes nobody with it but those that need it. */
static void the_rest_loads(void **state)
{
	struct rig rig;
	(void)state;
	rig_open(&rig);
	rig_load(&rig,
			 "title: A\nid: x\nid: y\n---\ntitle: B\nid: b\nlogsource: {}\ndetection: {s: {a: 1}, condition: s}\n");
	assert_int_equal(rig.counts.loaded, 1);
	assert_int_equal(rig.counts.rules, 2);
	assert_int_equal(rig.counts.refused, 1);
	/* the second of two with one id */
	rig_load(&rig, PLAIN "detection: {s: {a: 1}, condition: s}\n---\n" PLAIN "detection: {s: {a: 2}, condition: s}\n");
	assert_int_equal(rig.counts.loaded, 1);
	assert_string_equal(rig.told[0].id, "sigma-duplicate");
	assert_non_null(strstr(rig.told[0].text, "/r/rules.yml:1"));
	rig_close(&rig);
}

static void files_are_found_and_bounded(void **state)
{
	struct rig rig;
	const char *paths[] = {"/r"};
	char text[256];
	(void)state;
	rig_open(&rig);
	static const char *const files[] = {"/r/b/two.yaml",  "/r/a.yml",       "/r/c.yml",
										"/r/.hidden.yml", "/r/a.tests.yml", "/r/notes.txt"};
	for (size_t i = 0; i < COUNT(files); i++) {
		snprintf(text, sizeof text, "title: %s\nlogsource: {}\ndetection: {s: {a: 1}, condition: s}\n", files[i]);
		rig_put(&rig, files[i], text);
	}
	rig_load_paths(&rig, paths, 1, NULL);
	assert_int_equal(rig.counts.files, 3);
	assert_int_equal(rig.counts.loaded, 3);
	assert_true(slice_equal(ruleset_rule(rig.set, 0)->file, SLICE("/r/a.yml")));
	assert_true(slice_equal(ruleset_rule(rig.set, 1)->file, SLICE("/r/b/two.yaml")));
	/* at the limit of a file and one past it */
	for (int over = 0; over < 2; over++) {
		size_t size = (size_t)LIMIT_rule_file_bytes + (size_t)over;
		char *big = malloc(size);
		memset(big, '\n', size);
		fake_file_put(rig.fake, "/r/z.yml", big, size);
		free(big);
		rig_load_paths(&rig, paths, 1, NULL);
		assert_int_equal(rig.counts.refused, over);
		assert_int_equal(rig.counts.loaded, 3);
	}
	assert_string_equal(rig.told[0].id, "file-size");
	struct error error = {0};
	const char *missing[] = {"/nosuch"};
	struct ruleset *set;
	assert_int_equal(ruleset_load(&rig.fake->env, missing, 1, NULL, NULL, NULL, &set, NULL, &error), -ERROR_NOT_FOUND);
	rig_close(&rig);
}

/* Every allocation of loading and judging fails once: an error comes back and nothing is lost. */
static void memory_runs_out(void **state)
{
	static const char text[] =
		"title: A\nid: a\nlogsource: {category: t}\ndetection:\n  s: {f|contains|windash: [' -x'], g|re: 'y+', h|cidr: 10.0.0.0/8, i|fieldref: j}\n"
		"  k: [needle]\n  condition: s or k\n---\n"
		"title: F\nfilter: {rules: [a], s: {v: 1}, condition: not s}\n---\n"
		"title: C\ncorrelation: {type: value_count, rules: [a], group-by: [u], timespan: 1m, condition: {gte: 2, field: v}}\n";
	const char *paths[] = {"/r/a.yml"};
	struct rig rig;
	(void)state;
	rig_open(&rig);
	rig_put(&rig, paths[0], text);
	rig_event(&rig, "{f: 'a /x', g: yy, h: 10.1.1.1, i: 1, j: 1, u: z, w: a needle}");
	uint64_t n = 1;
	for (bool done = false; !done; n++) {
		struct ruleset *set = NULL;
		struct evaluator *e = NULL;
		struct ruleset_counts counts = {0};
		struct error error = {0};
		int64_t before = rig.fake->memory.outstanding;
		rig.fake->memory.calls = rig.fake->memory.failed = 0;
		rig.fake->memory.fail_at = n;
		int rc = ruleset_load(&rig.fake->env, paths, 1, NULL, NULL, NULL, &set, &counts, &error);
		if (!rc)
			rc = evaluator_new(&rig.fake->env, set, &e, &error);
		rig.hit_count = 0;
		if (!rc)
			rc = evaluator_row(e, &rig.batch, 0, NULL, 0, rig_hit, &rig, &error);
		done = rig.fake->memory.failed == 0;
		rig.fake->memory.fail_at = 0;
		if (!done && e && rc) { /* a second look must not believe what the first left behind */
			rig.hit_count = 0;
			rc = evaluator_row(e, &rig.batch, 0, NULL, 0, rig_hit, &rig, &error);
			assert_int_equal(rc, 0);
		} else if (!done) {
			if (rc == 0)
				fail_msg("allocation %d failed unseen", (int)n);
			assert_int_equal(error.code, ERROR_MEMORY);
		}
		if (rc == 0) {
			assert_int_equal(counts.loaded, 2);
			assert_int_equal(rig.hit_count, 1);
		}
		evaluator_free(e);
		ruleset_release(set);
		assert_true(rig.fake->memory.outstanding == before);
	}
	assert_true(n > 10);
	rig_close(&rig);
}

static void a_ruleset_is_counted(void **state)
{
	struct rig rig;
	(void)state;
	rig_open(&rig);
	rig_load_selection(&rig, "{f: x}");
	struct ruleset *held = ruleset_hold(rig.set);
	rig_unload(&rig);
	assert_int_equal(ruleset_count(held), 1);
	assert_true(slice_equal(ruleset_rule(held, 0)->title, SLICE("T")));
	ruleset_release(held);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_documents_are_passed_over),
		cmocka_unit_test(the_digest_is_of_the_logic),
		cmocka_unit_test(the_digest_reaches_through_references),
		cmocka_unit_test(log_sources_conflict_or_not),
		cmocka_unit_test(rows_are_routed),
		cmocka_unit_test(mappings_add_names),
		cmocka_unit_test(values_for_keys),
		cmocka_unit_test(what_cannot_be_is_refused_by_name),
		cmocka_unit_test(the_rest_loads),
		cmocka_unit_test(files_are_found_and_bounded),
		cmocka_unit_test(memory_runs_out),
		cmocka_unit_test(a_ruleset_is_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
