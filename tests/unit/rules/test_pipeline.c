/* Processing pipelines: what they do to rules, and what of them is refused. */
#include "tests/unit/rules/sigma_rig.h"

static const struct slice pipeline_paths[] = {SLICE("/p")};

#define WITH_PIPELINES \
	{ \
		.pipelines = pipeline_paths, .pipeline_count = 1 \
	}

static void load(struct rig *rig, const char *pipelines, const char *rules)
{
	const char *paths[] = {"/r/rules.yml"};
	const struct ruleset_options options = WITH_PIPELINES;
	rig_put(rig, paths[0], rules);
	rig_put(rig, "/p/p.yml", pipelines);
	rig_load_paths(rig, paths, 1, &options);
}

/* A pipeline of one transformation, and a rule with one selection. */
struct case_of_one {
	const char *transformation, *selection, *event;
	bool holds;
};

static void one_case(struct rig *rig, size_t i, const struct case_of_one *c)
{
	char pipeline[2048], rule[2048];
	snprintf(pipeline, sizeof pipeline,
			 "name: p\nvars: {admins: [root, 'adm*'], one: x, n: 5, none: []}\ntransformations:\n  - %s\n",
			 c->transformation);
	snprintf(
		rule, sizeof rule,
		"title: T\nid: t\nlevel: high\ndate: 2024-05-06\ntags: [attack.t1059]\nlogsource: {product: windows, category: "
		"process_creation}\ndetection:\n  s: %s\n  condition: s\n",
		c->selection);
	load(rig, pipeline, rule);
	if (rig->counts.loaded != 1)
		fail_msg("case %zu: %s with %s: %s", i, c->selection, c->transformation, rig->told[0].text);
	if ((rig_holds(rig, c->event) == 1) != c->holds)
		fail_msg("case %zu: %s with %s on %s: %s expected", i, c->selection, c->transformation, c->event,
				 c->holds ? "true" : "false");
}

static void cases_of_one(const struct case_of_one *cases, size_t count)
{
	struct rig rig;
	rig_open(&rig);
	for (size_t i = 0; i < count; i++)
		one_case(&rig, i, &cases[i]);
	rig_close(&rig);
}

static void fields_are_renamed(void **state)
{
#define MAP "{type: field_name_mapping, mapping: {Image: process.executable, User: [user.name, user.id]}}"
	static const struct case_of_one cases[] = {
		{MAP, "{Image: a}", "{process.executable: a}", true},
		{MAP, "{Image: a}", "{Image: a}", false}, /* the name is another now */
		{MAP, "{Image|endswith: a}", "{process.executable: xa}", true},
		{MAP, "{image: a}", "{image: a}", true}, /* names count with case */
		{MAP, "{Other: a}", "{Other: a}", true},
		{MAP, "{User: a}", "{user.name: a}", true},
		{MAP, "{User: a}", "{user.id: a}", true},
		{MAP, "{User: a}", "{User: a}", false},
		{MAP, "{User|neq: a}", "{user.name: b, user.id: a}", false}, /* not (one or the other) */
		{MAP, "{User|neq: a}", "{user.name: b, user.id: b}", true},
		{MAP, "{User|contains|all: [a, b]}", "{user.id: ab}", true},
		{MAP, "{User|contains|all: [a, b]}", "{user.id: a, user.name: b}", false},
		{MAP, "{Other|fieldref: Image}", "{Other: a, process.executable: a}", true},
		{MAP, "{Other|fieldref: User}", "{Other: a, user.id: a}", true},
		{MAP, "{Other|fieldref: User}", "{Other: a, User: a}", false},
		{MAP, "[keyword]", "{x: a keyword}", true},
		{MAP, "{User: null}", "{User: a}", true},
		{"{type: field_name_prefix_mapping, mapping: {win.: winlog., x: [y, z]}}", "{win.a: 1}", "{winlog.a: 1}", true},
		{"{type: field_name_prefix_mapping, mapping: {win.: winlog., x: [y, z]}}", "{xa: 1}", "{za: 1}", true},
		{"{type: field_name_prefix_mapping, mapping: {win.: winlog.}}", "{a.win.: 1}", "{a.win.: 1}", true},
		{"{type: field_name_prefix, prefix: event.}", "{a: 1}", "{event: {a: 1}}", true},
		{"{type: field_name_prefix, prefix: event.}", "{a: 1}", "{a: 1}", false},
		{"{type: field_name_suffix, suffix: .keyword}", "{a: 1}", "{a.keyword: 1}", true},
		{"{type: field_name_suffix, suffix: .keyword}", "[word]", "{a: word}", true},
	};
	(void)state;
	cases_of_one(cases, COUNT(cases));
}

static void conditions_choose(void **state)
{
#define SUFFIX(conditions) "{type: field_name_suffix, suffix: x, " conditions "}"
#define RULE_IF(condition) SUFFIX("rule_conditions: [" condition "]")
#define FIELD_IF(condition) SUFFIX("field_name_conditions: [" condition "]")
#define ITEM_IF(condition) SUFFIX("detection_item_conditions: [" condition "]")
	static const struct {
		const char *transformation, *selection;
		bool applies; /* then the field is called ax */
	} cases[] = {
		{RULE_IF("{type: logsource, product: windows}"), "{a: 1}", true},
		{RULE_IF("{type: logsource, product: Windows, category: process_creation}"), "{a: 1}", true},
		{RULE_IF("{type: logsource, product: linux}"), "{a: 1}", false},
		{RULE_IF("{type: logsource, service: sysmon}"), "{a: 1}", false},
		{SUFFIX("rule_cond_not: true, rule_conditions: [{type: logsource, product: linux}]"), "{a: 1}", true},
		{SUFFIX("rule_cond_op: or, rule_conditions: [{type: logsource, product: linux}, {type: logsource, product: "
				"windows}]"),
		 "{a: 1}", true},
		{SUFFIX("rule_conditions: [{type: logsource, product: linux}, {type: logsource, product: windows}]"), "{a: 1}",
		 false},
		{RULE_IF("{type: contains_field, field: a}"), "{a: 1}", true},
		{RULE_IF("{type: contains_field, field: b}"), "{a: 1}", false},
		{RULE_IF("{type: contains_field, field: b}"), "[{a: 1}, {b|contains: x}]", true},
		{RULE_IF("{type: contains_detection_item, field: a, value: 1}"), "{a: [3, 1]}", true},
		{RULE_IF("{type: contains_detection_item, field: a, value: '1'}"), "{a: 1}", false},
		{RULE_IF("{type: contains_detection_item, field: a, value: 2}"), "{a: 1}", false},
		{RULE_IF("{type: contains_detection_item, field: a, value: '*1'}"), "{a|endswith: '1'}", true},
		{RULE_IF("{type: contains_detection_item, field: a, value: true}"), "{a: [true, 1]}", true},
		{RULE_IF("{type: is_sigma_rule}"), "{a: 1}", true},
		{RULE_IF("{type: is_sigma_correlation_rule}"), "{a: 1}", false},
		{RULE_IF("{type: tag, tag: attack.t1059}"), "{a: 1}", true},
		{RULE_IF("{type: tag, tag: attack.t1}"), "{a: 1}", false},
		{RULE_IF("{type: rule_attribute, attribute: level, value: high}"), "{a: 1}", true},
		{RULE_IF("{type: rule_attribute, attribute: level, value: medium, op: gte}"), "{a: 1}", true},
		{RULE_IF("{type: rule_attribute, attribute: level, value: critical, op: gte}"), "{a: 1}", false},
		{RULE_IF("{type: rule_attribute, attribute: level, value: high, op: lt}"), "{a: 1}", false},
		{RULE_IF("{type: rule_attribute, attribute: id, value: t, op: ne}"), "{a: 1}", false},
		{RULE_IF("{type: rule_attribute, attribute: date, value: '2024-01-01', op: gt}"), "{a: 1}", true},
		{RULE_IF("{type: rule_attribute, attribute: author, value: x, op: ne}"), "{a: 1}", false},
		{FIELD_IF("{type: include_fields, fields: [a]}"), "{a: 1}", true},
		{FIELD_IF("{type: include_fields, fields: [b]}"), "{a: 1}", false},
		{FIELD_IF("{type: exclude_fields, fields: [b]}"), "{a: 1}", true},
		{FIELD_IF("{type: include_fields, fields: ['[ab]'], mode: re}"), "{a: 1}", true},
		{FIELD_IF("{type: include_fields, fields: ['.a'], mode: re}"), "{a: 1}", false},
		{FIELD_IF("{type: exclude_fields, fields: ['a$'], mode: re}"), "{a: 1}", false},
		{ITEM_IF("{type: match_string, cond: any, pattern: '1.*'}"), "{a: ['3', '1']}", true},
		{ITEM_IF("{type: match_string, cond: all, pattern: '1.*'}"), "{a: ['3', '1']}", false},
		{ITEM_IF("{type: match_string, cond: any, pattern: '.*1', negate: true}"), "{a: '1'}", false},
		{ITEM_IF("{type: match_string, cond: any, pattern: '\\*1'}"), "{a|endswith: '1'}", true},
		{ITEM_IF("{type: match_string, cond: any, pattern: '1'}"), "{a: 1}", false}, /* no string */
		{ITEM_IF("{type: contains_wildcard, cond: any}"), "{a|endswith: '1'}", true},
		{ITEM_IF("{type: contains_wildcard, cond: any}"), "{a: '1'}", false},
		{ITEM_IF("{type: is_null, cond: any}"), "{a: [null, 1]}", true},
		{ITEM_IF("{type: is_null, cond: all}"), "{a: [null, 1]}", false},
	};
	struct rig rig;
	(void)state;
	rig_open(&rig);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct case_of_one c = {cases[i].transformation, cases[i].selection, "{a: 1, ax: 2}", !cases[i].applies};
		if (strstr(c.selection, "null"))
			c.event = "{a: 3, ax: 1}", c.holds = cases[i].applies;
		if (strstr(c.selection, "b|"))
			c.event = "{ax: 1}", c.holds = true;
		one_case(&rig, i, &c);
	}
	rig_close(&rig);
}

static void items_are_dropped_and_changed(void **state)
{
#define DROP_B "{type: drop_detection_item, field_name_conditions: [{type: include_fields, fields: [b]}]}"
#define REPLACE(what) "{type: replace_string, " what "}"
	static const struct case_of_one cases[] = {
		{DROP_B, "{a: 1, b: 2}", "{a: 1}", true},
		{DROP_B, "{a: 1, b: 2}", "{b: 2}", false},
		{DROP_B, "[{a: 1}, {b: 2}]", "{b: 2}", false},
		{DROP_B, "[{b: 2}, {c: 3, b: 2}]", "{c: 3}", true},
		{DROP_B, "{a: 1, b|neq: 2}", "{a: 1, b: 2}", true},
		{REPLACE("regex: '^x', replacement: y"), "{a: xx}", "{a: yx}", true},
		{REPLACE("regex: 'x', replacement: y"), "{a|contains: x}", "{a: zyz}", true},
		{REPLACE("regex: '(\\w+)-(\\w+)', replacement: '\\2.\\g<1>'"), "{a: ab-cd}", "{a: cd.ab}", true},
		{REPLACE("regex: '/', replacement: '\\\\'"), "{a: c/d}", "{a: 'c\\d'}", true},
		{REPLACE("regex: 'x', replacement: $1"), "{a: x}", "{a: $1}", true},
		{REPLACE("regex: 'x', replacement: ''"), "{a: xyx}", "{a: y}", true},
		{REPLACE("regex: 'x', replacement: '*'"), "{a: x}", "{a: '*'}", true},
		{REPLACE("regex: 'x', replacement: '*'"), "{a: x}", "{a: anything}", false},
		{REPLACE("regex: 'x', replacement: '*', interpret_special: true"), "{a: x}", "{a: anything}", true},
		{REPLACE("regex: '5', replacement: '6'"), "{a: 5}", "{a: 5}", true}, /* no string */
		{"{type: set_value, value: 7}", "{a: [1, 2]}", "{a: 7}", true},
		{"{type: set_value, value: 7}", "{a: [1, 2]}", "{a: 1}", false},
		{"{type: set_value, value: null}", "{a: 1}", "{b: 1}", true},
	};
	(void)state;
	cases_of_one(cases, COUNT(cases));
}

static void placeholders_get_values(void **state)
{
#define VALUES "{type: value_placeholders}"
	static const struct case_of_one cases[] = {
		{VALUES, "{a|expand: '%admins%'}", "{a: root}", true},
		{VALUES, "{a|expand: '%admins%'}", "{a: admin}", true}, /* wildcards of a value count */
		{VALUES, "{a|expand: '%admins%'}", "{a: guest}", false},
		{VALUES, "{a|expand: 'x\\%admins%'}", "{a: 'x%admins%'}", true},
		{VALUES, "{a|expand: '100%'}", "{a: '100%'}", true},
		{VALUES, "{a|expand: '%n%'}", "{a: '5'}", true},
		/* a backslash alone makes the sign a character, two are a backslash before a placeholder */
		{VALUES, "{a|expand: 'C:\\Users\\\\%admins%\\\\%one%'}", "{a: 'C:\\Users\\root\\x'}", true},
		{VALUES, "{a|expand: 'C:\\Users\\%admins%\\\\%one%'}", "{a: 'C:\\Users%admins%\\x'}", true},
		{VALUES, "{a|expand|endswith: '\\\\\\\\%one%'}", "{a: 'y\\\\x'}", true},
		{VALUES, "{a|expand: '%not one%'}", "{a: '%not one%'}", true}, /* no name */
		{VALUES, "{a|expand|contains: '%one%'}", "{a: 'yxy'}", true},
		{VALUES, "{a|contains|expand: '%one%'}", "{a: 'yxy'}", true},
		{VALUES, "{a|expand|contains|all: ['%admins%', q]}", "{a: 'root q'}", true},
		{VALUES, "{a|expand|contains|all: ['%admins%', q]}", "{a: 'root'}", false},
		{VALUES, "{a|expand|neq: '%admins%'}", "{a: root}", false},
		{"{type: value_placeholders, include: [admins]}", "{a|expand: '%admins%'}", "{a: root}", true},
		{"{type: value_placeholders, exclude: [one]}", "{a|expand: '%admins%'}", "{a: root}", true},
		{"{type: wildcard_placeholders}", "{a|expand: 'x%unknown%'}", "{a: xyz}", true},
		{"{type: wildcard_placeholders}", "{a|expand: 'x%unknown%'}", "{a: yz}", false},
	};
	static const char *const unresolved[][2] = {
		{"{type: value_placeholders, include: [one]}", "'%admins%'"},
		{"{type: value_placeholders, exclude: [admins]}", "'%admins%'"},
		{VALUES, "'%nobody%'"},
		{VALUES, "'%none%'"},
		{"{type: wildcard_placeholders, include: [one]}", "'%admins%'"},
		{"{type: field_name_suffix, suffix: x}", "'%one%'"},
	};
	struct rig rig;
	char pipeline[512], rule[512];
	(void)state;
	cases_of_one(cases, COUNT(cases));
	rig_open(&rig);
	for (size_t i = 0; i < COUNT(unresolved); i++) {
		snprintf(pipeline, sizeof pipeline, "vars: {admins: [root], one: x, none: []}\ntransformations:\n  - %s\n",
				 unresolved[i][0]);
		snprintf(rule, sizeof rule, "title: T\nlogsource: {}\ndetection:\n  s: {a|expand: %s}\n  condition: s\n",
				 unresolved[i][1]);
		load(&rig, pipeline, rule);
		assert_int_equal(rig.counts.refused, 1);
		assert_string_equal(rig.told[0].id, "sigma-placeholder");
		assert_int_equal(rig.told[0].line, 4);
	}
	rig_close(&rig);
}

#define CREATION "title: T\nid: t\nlogsource: {product: windows, category: process_creation}\n"

/* Log source, added conditions, and what stands behind them. */
static void rules_are_changed_in_order(void **state)
{
	static const char pipeline[] =
		"name: sysmon\npriority: 10\ntransformations:\n"
		"  - {id: c, type: add_condition, conditions: {EventID: 1}, rule_conditions: [{type: logsource, category: "
		"process_creation}]}\n"
		"  - {type: change_logsource, product: windows, service: sysmon, rule_conditions: [{type: logsource, category: "
		"process_creation}]}\n"
		"  - {type: field_name_suffix, suffix: .s, rule_conditions: [{type: logsource, service: sysmon}]}\n"
		"  - {type: field_name_suffix, suffix: .never, rule_conditions: [{type: logsource, category: process_creation}]}\n"
		"  - {type: add_condition, conditions: {Computer: [lab, test]}, negated: true, rule_conditions: [{type: "
		"processing_item_applied, processing_item_id: c}]}\n"
		"  - {type: set_state, key: index, val: w}\n"
		"  - {type: rule_failure, message: must not be, rule_conditions: [{type: processing_state, key: index, val: w, op: "
		"ne}]}\n"
		"  - {type: set_custom_attribute, attribute: x, value: y}\n";
	struct rig rig;
	(void)state;
	rig_open(&rig);
	load(&rig, pipeline, CREATION "detection: {s: {Image: a}, condition: s}\n");
	assert_int_equal(rig.counts.loaded, 1);
	const struct rule *r = ruleset_rule(rig.set, 0);
	assert_int_equal(r->logsource.category.len, 0);
	assert_true(slice_equal(r->logsource.service, SLICE("sysmon")));
	assert_int_equal(rig_holds(&rig, "{Image.s: a, EventID.s: 1}"), 1);
	assert_int_equal(rig_holds(&rig, "{Image.s: a, EventID.s: 2}"), 0);
	assert_int_equal(rig_holds(&rig, "{Image.s: a, EventID: 1}"), 0);
	assert_int_equal(rig_holds(&rig, "{Image.s: a, EventID.s: 1, Computer: lab}"), 0);
	/* what the first of two pipelines makes, the second sees: by priority, not by place */
	load(&rig,
		 "priority: 20\ntransformations: [{type: field_name_mapping, mapping: {b: c}}]\n---\n"
		 "priority: 10\ntransformations: [{type: field_name_mapping, mapping: {a: b}}]\n---\n"
		 "priority: 20\ntransformations: [{type: field_name_mapping, mapping: {c: d}}]\n",
		 CREATION "detection: {s: {a: 1}, condition: s}\n");
	assert_int_equal(rig_holds(&rig, "{d: 1}"), 1);
	assert_int_equal(rig_holds(&rig, "{a: 1, b: 1, c: 1}"), 0);
	rig_close(&rig);
}

/* Keys of correlations and filters are renamed as the rules are; the digest tells. */
static void what_hangs_on_rules_follows(void **state)
{
#define PIPE \
	"vars: {svc: [backup]}\ntransformations:\n  - {type: field_name_mapping, mapping: {User: [user.name, user.id]}, " \
	"rule_conditions: [{type: logsource, product: windows}]}\n  - {type: value_placeholders}\n"
	static const char rules[] =
		"title: A\nid: a\nlogsource: {product: windows}\ndetection: {s: {cmd: x}, condition: s}\n---\n"
		"title: B\nid: b\nlogsource: {product: linux}\ndetection: {s: {cmd: x}, condition: s}\n---\n"
		"title: F\nfilter: {s: {User|expand: '%svc%'}, condition: not s}\n---\n"
		"title: C\ncorrelation: {type: event_count, rules: [a, b], group-by: [User], timespan: 1m, condition: {gte: 2}}\n";
	struct rig rig;
	struct batch_value values[4];
	struct batch_row row;
	uint8_t digest[32];
	(void)state;
	rig_open(&rig);
	load(&rig, PIPE, rules);
	if (rig.counts.loaded != 3)
		fail_msg("%s", rig.told[0].text);
	assert_int_equal(rig_holds(&rig, "{cmd: x, User: backup}"), 1);
	assert_int_equal(rig.hits[0], 0);
	assert_int_equal(rig_holds(&rig, "{cmd: x, user.id: backup}"), 1);
	assert_int_equal(rig.hits[0], 1);
	const struct correlation *c = ruleset_correlation(rig.set, 2);
	rig_event(&rig, "{User: a, user.id: b}");
	batch_get_row(&rig.batch, 0, &row);
	assert_int_equal(evaluator_values(rig.evaluator, &rig.batch, &row, c->group_by[0].per_rule[0], values, 4), 1);
	assert_true(slice_equal(values[0].text, SLICE("b")));
	assert_int_equal(evaluator_values(rig.evaluator, &rig.batch, &row, c->group_by[0].per_rule[1], values, 4), 1);
	assert_true(slice_equal(values[0].text, SLICE("a")));
	memcpy(digest, ruleset_rule(rig.set, 0)->digest, 32);
	load(&rig, PIPE "  - {type: field_name_mapping, mapping: {cmd: command}}\n", rules);
	assert_memory_not_equal(digest, ruleset_rule(rig.set, 0)->digest, 32);
	load(&rig, PIPE "  - {id: other, type: field_name_mapping, mapping: {unused: other}}\n", rules);
	assert_memory_equal(digest, ruleset_rule(rig.set, 0)->digest, 32);
	rig_close(&rig);
}

static void rules_are_refused_by_pipelines(void **state)
{
	static const struct {
		const char *transformation, *id;
	} cases[] = {
		{"{type: rule_failure, message: no such logs here}", "pipeline-refuses"},
		{"{type: detection_item_failure, message: not this}", "pipeline-refuses"},
		{"{type: drop_detection_item}", "pipeline-empty"},
		{"{type: field_name_mapping, mapping: {a: ['1','2','3','4','5','6','7','8','9','10','11','12','13','14','15','16'],"
		 "'1': ['1','2','3','4','5','6','7','8','9','10','11','12','13','14','15','16']}}\n"
		 "  - {type: field_name_mapping, mapping: {'1': ['1','2','3','4','5','6','7','8','9','10','11','12','13','14','15','"
		 "16']}}",
		 ""},
	};
	struct rig rig;
	char pipeline[2048];
	(void)state;
	rig_open(&rig);
	for (size_t i = 0; i < COUNT(cases); i++) {
		snprintf(pipeline, sizeof pipeline, "transformations:\n  - %s\n", cases[i].transformation);
		load(&rig, pipeline, CREATION "detection: {s: {a: 1}, condition: s}\n");
		if (cases[i].id[0] == 0)
			assert_int_equal(rig.counts.loaded, 1);
		else if (rig.counts.refused != 1 || strcmp(rig.told[0].id, cases[i].id) != 0)
			fail_msg("%s: %s", cases[i].transformation, rig.told[0].id);
	}
	rig_close(&rig);
}

/* A chain of mappings may not grow without end. */
static void splitting_is_bounded(void **state)
{
	struct rig rig;
	char pipeline[4096] = "transformations:\n";
	(void)state;
	rig_open(&rig);
	for (unsigned i = 0; i < 20; i++)
		strcat(pipeline, "  - {type: field_name_mapping, mapping: {a: [a, b], b: [a, b]}}\n");
	load(&rig, pipeline, CREATION "detection: {s: {a: 1}, condition: s}\n");
	assert_int_equal(rig.counts.refused, 1);
	assert_string_equal(rig.told[0].id, "pipeline-values");
	rig_close(&rig);
}

struct bad_pipeline {
	const char *text;
	uint32_t line, column;
	const char *id, *says;
};

static void bad_pipelines_end_the_load(void **state)
{
#define T(text) "name: p\ntransformations:\n  - " text "\n"
	static const struct bad_pipeline cases[] = {
		{"- a\n", 1, 1, "pipeline", "a list"},
		{"name: p\n", 1, 1, "pipeline", "list of transformations"},
		{"name: p\npriority: high\ntransformations: []\n", 2, 11, "pipeline", "whole number"},
		{"name: p\nfinalizers: []\ntransformations: []\n", 2, 1, "pipeline-unsupported", "finalizers"},
		{"name: p\npostprocessing: []\ntransformations: []\n", 2, 1, "pipeline-unsupported", "postprocessing"},
		{"name: p\nvars: [a]\ntransformations: []\n", 2, 7, "pipeline", "vars"},
		{"name: [p\n", 2, 1, "yaml", "not YAML"},
		{T("text"), 3, 5, "pipeline", "a map"},
		{T("{id: x}"), 3, 5, "pipeline", "'type'"},
		{T("{type: query_expression_placeholders, expression: x}"), 3, 12, "pipeline-unsupported",
		 "query_expression_placeholders"},
		{T("{type: nest, items: []}"), 3, 12, "pipeline-unsupported", "nest"},
		{T("{type: field_name_mapping, mappings: {}}"), 3, 32, "pipeline-unsupported", "mappings"},
		{T("{type: field_name_mapping}"), 3, 5, "pipeline", "mapping must be"},
		{T("{type: field_name_mapping, mapping: {a: {b: c}}}"), 3, 45, "pipeline", "a name or a list"},
		{T("{type: field_name_mapping, mapping: {a: []}}"), 3, 45, "pipeline", "1 to 16"},
		{T("{type: field_name_suffix}"), 3, 5, "pipeline", "'suffix'"},
		{T("{type: set_value, value: [1]}"), 3, 30, "pipeline", "one value"},
		{T("{type: add_condition, conditions: {}}"), 3, 39, "pipeline", "conditions"},
		{T("{type: add_condition, conditions: {a: 1}, template: true}"), 3, 57, "pipeline-unsupported", "templates"},
		{T("{type: change_logsource, product: [a]}"), 3, 39, "sigma-head", "product"},
		{T("{type: replace_string, regex: '(', replacement: x}"), 3, 35, "pipeline-regex", "wrong at octet"},
		{T("{type: replace_string, regex: x, replacement: '\\q'}"), 3, 51, "pipeline-regex", "backslash"},
		{T("{type: replace_string, regex: x, replacement: y, skip_special: false}"), 3, 68, "pipeline-unsupported",
		 "skip_special"},
		{T("{type: value_placeholders, include: [a], exclude: [b]}"), 3, 55, "pipeline", "either"},
		{T("{type: drop_detection_item, rule_conditions: [{type: nosuch}]}"), 3, 58, "pipeline-unsupported", "nosuch"},
		{T("{type: drop_detection_item, rule_conditions: [{type: match_string}]}"), 3, 58, "pipeline-unsupported",
		 "match_string"},
		{T("{type: drop_detection_item, rule_conditions: {a: {type: tag, tag: x}}}"), 3, 50, "pipeline-unsupported",
		 "with names"},
		{T("{type: drop_detection_item, rule_cond_expr: a}"), 3, 33, "pipeline-unsupported", "rule_cond_expr"},
		{T("{type: drop_detection_item, rule_cond_op: xor}"), 3, 47, "pipeline-condition", "and, or"},
		{T("{type: drop_detection_item, rule_conditions: [{type: tag}]}"), 3, 51, "pipeline-condition", "'tag'"},
		{T("{type: drop_detection_item, field_name_conditions: [{type: include_fields, fields: ['('], mode: re}]}"), 3,
		 89, "pipeline-regex", "wrong at octet"},
		{T("{type: drop_detection_item, detection_item_conditions: [{type: is_null, cond: some}]}"), 3, 83,
		 "pipeline-condition", "any or all"},
	};
	const char *paths[] = {"/r/rules.yml"};
	const struct ruleset_options options = WITH_PIPELINES;
	struct rig rig;
	struct ruleset *set;
	struct error error;
	(void)state;
	rig_open(&rig);
	rig_put(&rig, paths[0], CREATION "detection: {s: {a: 1}, condition: s}\n");
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct bad_pipeline *c = &cases[i];
		rig.told_count = 0;
		rig_put(&rig, "/p/p.yml", c->text);
		int rc = ruleset_load(&rig.fake->env, paths, 1, &options, rig_tell, &rig, &set, NULL, &error);
		const struct told *t = &rig.told[0];
		assert_int_equal(rc, -ERROR_SYNTAX);
		if (rig.told_count != 1 || t->line != c->line || t->column != c->column || strcmp(t->id, c->id) != 0 ||
			!strstr(t->text, c->says) || strcmp(t->file, "/p/p.yml") != 0)
			fail_msg("%u told, %u:%u %s \"%s\" of:\n%s", rig.told_count, t->line, t->column, t->id, t->text, c->text);
	}
	rig_close(&rig);
}

static void memory_runs_out(void **state)
{
	const char *paths[] = {"/r/rules.yml"};
	const struct ruleset_options options = WITH_PIPELINES;
	struct rig rig;
	(void)state;
	rig_open(&rig);
	rig_put(
		&rig, "/p/p.yml",
		PIPE
		"  - {type: replace_string, regex: x, replacement: y, detection_item_conditions: [{type: match_string, cond: "
		"any, pattern: x}]}\n");
	rig_put(
		&rig, paths[0],
		"title: A\nid: a\nlogsource: {product: windows}\ndetection: {s: {User: x, p|expand: '%svc%'}, condition: s}\n"
		"---\ntitle: F\nfilter: {s: {User: z}, condition: not s}\n");
	uint64_t n = 1;
	for (bool done = false; !done; n++) {
		struct ruleset *set = NULL;
		struct error error = {0};
		int64_t before = rig.fake->memory.outstanding;
		rig.fake->memory.calls = rig.fake->memory.failed = 0;
		rig.fake->memory.fail_at = n;
		int rc = ruleset_load(&rig.fake->env, paths, 1, &options, rig_tell, &rig, &set, NULL, &error);
		done = rig.fake->memory.failed == 0;
		rig.fake->memory.fail_at = 0;
		if (rc ? error.code != ERROR_MEMORY : !done)
			fail_msg("allocation %d: %d %s", (int)n, rc, error.text);
		ruleset_release(set);
		assert_true(rig.fake->memory.outstanding == before);
	}
	assert_true(n > 10);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_renamed),
		cmocka_unit_test(conditions_choose),
		cmocka_unit_test(items_are_dropped_and_changed),
		cmocka_unit_test(placeholders_get_values),
		cmocka_unit_test(rules_are_changed_in_order),
		cmocka_unit_test(what_hangs_on_rules_follows),
		cmocka_unit_test(rules_are_refused_by_pipelines),
		cmocka_unit_test(splitting_is_bounded),
		cmocka_unit_test(bad_pipelines_end_the_load),
		cmocka_unit_test(memory_runs_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
