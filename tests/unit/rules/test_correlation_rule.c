#include "tests/unit/rules/sigma_rig.h"

#define BASE(id, name) \
	"title: " id "\nid: " id "\nname: " name "\nlogsource: {category: t}\ndetection:\n  s: {" name \
	": 1}\n  condition: s\n---\n"
#define BASES BASE("id-a", "a") BASE("id-b", "b") /* 16 lines */
#define CORRELATION(body) "title: C\nid: c\ncorrelation:\n" body

static void what_is_read(void **state)
{
	struct rig rig;
	(void)state;
	rig_open(&rig);
	rig_load(
		&rig,
		BASES CORRELATION(
			"  type: value_count\n  rules: [id-a, b]\n  group-by: [user, ip]\n  timespan: 2m\n"
			"  condition: {field: [x, y], gt: 1.9}\n  aliases:\n    ip: {a: source.ip, id-b: destination.ip}\n") "cresset: {distinct_events: true, missing: group, key_cased: true}\nlevel: high\n");
	assert_int_equal(rig.counts.loaded, 3);
	const struct correlation *c = ruleset_correlation(rig.set, 2);
	assert_non_null(c);
	assert_int_equal(c->type, CORRELATION_VALUE_COUNT);
	assert_int_equal(c->rule_count, 2);
	assert_int_equal(c->rules[0], 0);
	assert_int_equal(c->rules[1], 1);
	assert_true(c->timespan_ns == 120 * NS_PER_S);
	assert_int_equal(c->bound.compare, COMPARE_GTE); /* more than 1.9 is at least 2 */
	assert_int_equal(c->bound.count, 2);
	assert_int_equal(c->group_count, 2);
	assert_true(slice_equal(c->group_by[1].name, SLICE("ip")));
	assert_true(slice_equal(c->group_by[0].per_rule[1], SLICE("user")));
	assert_true(slice_equal(c->group_by[1].per_rule[0], SLICE("source.ip")));
	assert_true(slice_equal(c->group_by[1].per_rule[1], SLICE("destination.ip")));
	assert_int_equal(c->value_count, 2);
	assert_true(c->distinct_events && c->missing_group && c->key_cased);
	assert_int_equal(c->level, 1);
	assert_int_equal(c->rule.level, LEVEL_HIGH);
	assert_true(c->rule.told && !c->rule.referred);
	assert_true(ruleset_rule(rig.set, 0)->referred && !ruleset_rule(rig.set, 0)->told);
	assert_null(ruleset_correlation(rig.set, 0));
	rig_close(&rig);
}

static void thresholds_and_spans(void **state)
{
	static const struct {
		const char *condition;
		enum compare compare;
		uint64_t threshold;
	} cases[] = {
		{"{gte: 10}", COMPARE_GTE, 10}, {"{gt: 10}", COMPARE_GT, 10},   {"{lt: 5}", COMPARE_LT, 5},
		{"{lte: 5}", COMPARE_LTE, 5},   {"{eq: 3}", COMPARE_EQ, 3},     {"{neq: 3}", COMPARE_NEQ, 3},
		{"{gte: 1.1}", COMPARE_GTE, 2}, {"{lt: 5.5}", COMPARE_LTE, 5},  {"{lte: 5.5}", COMPARE_LTE, 5},
		{"{gt: 2.0}", COMPARE_GT, 2},   {"{gte: '7'}", COMPARE_GTE, 7},
	};
	static const struct {
		const char *text;
		int64_t seconds;
	} spans[] = {{"30s", 30}, {"5m", 300}, {"1h", 3600}, {"2d", 172800}, {"1w", 604800}};
	struct rig rig;
	char text[2048];
	(void)state;
	rig_open(&rig);
	for (size_t i = 0; i < COUNT(cases); i++) {
		snprintf(text, sizeof text,
				 BASES CORRELATION("  type: event_count\n  rules: a\n  timespan: 1m\n  condition: %s\n"),
				 cases[i].condition);
		rig_load(&rig, text);
		assert_int_equal(rig.counts.loaded, 3);
		const struct correlation *c = ruleset_correlation(rig.set, 2);
		if (c->bound.compare != cases[i].compare || c->bound.count != cases[i].threshold)
			fail_msg("%s: %d %llu", cases[i].condition, c->bound.compare, (unsigned long long)c->bound.count);
	}
	for (size_t i = 0; i < COUNT(spans); i++) {
		snprintf(text, sizeof text,
				 BASES CORRELATION("  type: event_count\n  rules: a\n  timespan: %s\n  condition: {gte: 2}\n"),
				 spans[i].text);
		rig_load(&rig, text);
		assert_int_equal(rig.counts.loaded, 3);
		assert_true(ruleset_correlation(rig.set, 2)->timespan_ns == spans[i].seconds * NS_PER_S);
	}
	rig_close(&rig);
}

static void bad_correlations_are_placed(void **state)
{
#define BAD(body) BASES CORRELATION(body)
#define COUNT_OF(more) BAD("  type: event_count\n  rules: [a]\n" more)
#define OURS(condition, keys) COUNT_OF("  timespan: 1m\n  condition: " condition "\ncresset: {" keys "}\n")
#define NUMBERS(type, condition) BAD("  type: " type "\n  rules: [a]\n  timespan: 1m\n  condition: " condition "\n")
#define HEAD_OF(type) BAD("  type: " type "\n  rules: [a, b]\n  timespan: 1m\n")
	static const struct refusal_case cases[] = {
		{COUNT_OF("  condition: {gte: 2}\n"), 20, 3, "correlation-timespan", "needs a timespan"},
		{COUNT_OF("  timespan: 90\n  condition: {gte: 2}\n"), 22, 13, "correlation-timespan", "s, m, h, d, w"},
		{COUNT_OF("  timespan: 1h30m\n  condition: {gte: 2}\n"), 22, 13, "correlation-timespan", "s, m, h, d, w"},
		{COUNT_OF("  timespan: 1M\n  condition: {gte: 2}\n"), 22, 13, "correlation-timespan", "s, m, h, d, w"},
		{COUNT_OF("  timespan: 1y\n  condition: {gte: 2}\n"), 22, 13, "correlation-timespan", "s, m, h, d, w"},
		{COUNT_OF("  timespan: 0s\n  condition: {gte: 2}\n"), 22, 13, "correlation-timespan", "s, m, h, d, w"},
		{COUNT_OF("  timeframe: 1m\n  condition: {gte: 2}\n"), 22, 3, "correlation-unknown-key", "timeframe"},
		{COUNT_OF("  timespan: 1m\n"), 20, 3, "correlation-condition", "needs a condition"},
		{COUNT_OF("  timespan: 1m\n  condition: {gt: 1, gte: 9}\n"), 23, 22, "correlation-condition", "range"},
		{COUNT_OF("  timespan: 1m\n  condition: {lt: 1, lte: 9}\n"), 23, 22, "correlation-condition", "range"},
		{COUNT_OF("  timespan: 1m\n  condition: {gt: 1, eq: 9}\n"), 23, 22, "correlation-condition", "range"},
		{COUNT_OF("  timespan: 1m\n  condition: {gt: 1, lt: 9, lte: 10}\n"), 23, 29, "correlation-condition", "range"},
		{COUNT_OF("  timespan: 1m\n  condition: {gt: 1, lt: 2}\n"), 23, 22, "correlation-never", "empty"},
		{COUNT_OF("  timespan: 1m\n  condition: {gte: 3, lte: 2}\n"), 23, 23, "correlation-never", "empty"},
		{COUNT_OF("  timespan: 1m\n  condition: {gte: 0, lt: 1}\n"), 23, 15, "correlation-population", "population"},
		{COUNT_OF("  timespan: 1m\n  condition: {more: 1}\n"), 23, 15, "correlation-condition", "more"},
		{COUNT_OF("  timespan: 1m\n  condition: {gte: -1}\n"), 23, 20, "correlation-threshold", "negative"},
		{COUNT_OF("  timespan: 1m\n  condition: {gte: many}\n"), 23, 20, "correlation-threshold", "must be a number"},
		{COUNT_OF("  timespan: 1m\n  condition: {eq: 1.5}\n"), 23, 19, "correlation-threshold", "whole"},
		{COUNT_OF("  timespan: 1m\n  condition: {eq: 0}\n"), 23, 15, "correlation-population", "population"},
		{COUNT_OF("  timespan: 1m\n  condition: {lt: 1}\n"), 23, 15, "correlation-population", "population"},
		{COUNT_OF("  timespan: 1m\n  condition: {lte: 0}\n"), 23, 15, "correlation-population", "population"},
		{COUNT_OF("  timespan: 1m\n  condition: {gte: 2, field: x}\n"), 23, 30, "correlation-field",
		 "only value_count and"},
		{COUNT_OF("  timespan: 1m\n  condition: {gte: 2, percentile: 5}\n"), 23, 35, "correlation-percentile", "only"},
		{COUNT_OF("  timespan: 1m\n  condition: a and b\n"), 23, 14, "correlation-condition", "only temporal"},
		{COUNT_OF("  timespan: 1m\n  window: session\n  condition: {gte: 2}\n"), 20, 3, "correlation-window", "gap"},
		{COUNT_OF("  timespan: 1m\n  gap: 5s\n  condition: {gte: 2}\n"), 20, 3, "correlation-window", "gap"},
		{COUNT_OF("  timespan: 1m\n  gap: 5\n  condition: {gte: 2}\n"), 23, 8, "correlation-timespan", "gap is"},
		{COUNT_OF("  timespan: 1m\n  window: hopping\n  condition: {gte: 2}\n"), 23, 11, "correlation-window",
		 "sliding, tumbling"},
		{COUNT_OF("  timespan: 1m\n  window: {pivot: around}\n  condition: {gte: 2}\n"), 23, 19, "correlation-window",
		 "before or after"},
		{COUNT_OF("  timespan: 1m\n  window: {pivot: after}\n  condition: {gte: 2}\n"), 20, 3, "correlation-window",
		 "second rule"},
		{COUNT_OF("  timespan: 1m\n  until: b\n  condition: {gte: 2}\n"), 23, 3, "correlation-unknown-key", "until"},
		{OURS("{gte: 2}", "until: a"), 24, 18, "correlation-names", "same rule"},
		{OURS("{gte: 2}", "until: nobody"), 24, 18, "correlation-reference", "nobody"},
		{OURS("{gte: 2}", "until: b, window: {pivot: after}"), 20, 3, "correlation-window", "no until"},
		{OURS("{gte: 2}", "absence: 7d"), 24, 20, "correlation-extension", "{keys: [a, b]}"},
		{OURS("{eq: 0}", "absence: {keys: [x], seen: 7d}"), 24, 20, "correlation-extension", "{keys: [a, b]}"},
		{OURS("{eq: 0}", "absence: {keys: [x]}"), 24, 27, "correlation-population", "group-by"},
		{OURS("{eq: 0}\n  group-by: [x, y]", "absence: {keys: [[a, b], c]}"), 25, 36, "correlation-population",
		 "for each field"},
		{OURS("{gte: 2}", "absence: {seen: 7d}"), 20, 3, "correlation-population", "eq: 0"},
		{OURS("{eq: 0}", "absence: {seen: 59s}"), 20, 3, "correlation-population", "at least as long"},
		{OURS("{eq: 0}", "absence: {seen: 7d}, window: tumbling"), 20, 3, "correlation-window", "of its own"},
		{OURS("{gte: 1}", "new_value: {history: 7d}"), 20, 3, "correlation-window", "value_count"},
		{OURS("{gte: 1}", "suppress: soon"), 24, 21, "correlation-timespan", "suppress is"},
		{BAD("  type: value_count\n  rules: [a]\n  timespan: 1m\n  condition: {gte: 2}\n"), 23, 14, "correlation-field",
		 "needs a field"},
		{NUMBERS("value_sum", "{gte: 2}"), 23, 14, "correlation-field", "needs a field"},
		{NUMBERS("value_sum", "{gte: 2, field: [x, y]}"), 23, 30, "correlation-field", "one field"},
		{NUMBERS("value_avg", "{gte: .inf, field: x}"), 23, 20, "correlation-threshold", "must be a number"},
		{NUMBERS("value_avg", "{gt: 2, lt: 2, field: x}"), 23, 22, "correlation-never", "empty"},
		{NUMBERS("value_percentile", "{gte: 2, field: x}"), 23, 14, "correlation-percentile", "needs a percentile"},
		{NUMBERS("value_percentile", "{gte: 2, field: x, percentile: 100.5}"), 23, 45, "correlation-percentile",
		 "from 0 to 100"},
		{NUMBERS("value_percentile", "{gte: 2, field: x, percentile: 5}\n  percentile: 5"), 24, 15,
		 "correlation-percentile", "already"},
		{NUMBERS("value_median", "{gte: 2, field: x, percentile: 50}"), 23, 45, "correlation-percentile",
		 "only value_percentile"},
		{BAD("  type: sideways\n  rules: [a]\n"), 20, 9, "correlation-type", "sideways"},
		{HEAD_OF("temporal") "  condition: a and c\n", 23, 14, "correlation-condition", "'c' is named"},
		{HEAD_OF("temporal") "  condition: a\n", 23, 14, "correlation-condition", "'b' is among the rules"},
		{HEAD_OF("temporal") "  condition: a and\n", 23, 14, "correlation-condition", "ends where"},
		{HEAD_OF("temporal") "  condition: a b\n", 23, 14, "correlation-condition", "should end here"},
		{HEAD_OF("temporal") "  condition: (a or b\n", 23, 14, "correlation-condition", "closing bracket"},
		{HEAD_OF("temporal") "  condition: a and or b\n", 23, 14, "correlation-condition", "id or name of a rule here"},
		{HEAD_OF("temporal") "  condition: 1 of a\n", 23, 14, "correlation-condition", "quantifiers"},
		{HEAD_OF("temporal") "  condition: a AND b\n", 23, 14, "correlation-condition", "should end here"},
		{HEAD_OF("temporal") "  condition: a and b.c\n", 23, 14, "correlation-condition", "should end here"},
		{HEAD_OF("temporal") "  condition: not a and not b\n", 23, 14, "correlation-never", "at least one match"},
		{HEAD_OF("temporal") "  condition: a or b\ncresset: {distinct_events: true}\n", 23, 14, "correlation-extension",
		 "without 'or'"},
		{HEAD_OF("temporal_ordered") "  condition: a or a and b\n", 23, 14, "correlation-ordered", "steps"},
		{HEAD_OF("temporal_ordered") "  condition: not (a and b)\n", 23, 14, "correlation-ordered", "steps"},
		{HEAD_OF("temporal_ordered") "  condition: not a and not b\n", 23, 14, "correlation-never", "is there"},
		{BAD("  type: temporal\n  timespan: 1m\n  condition: a and id-a\n"), 22, 14, "correlation-names", "same rule"},
		{BAD("  type: temporal\n  timespan: 1m\n  condition: a and nobody\n"), 22, 14, "correlation-reference",
		 "nobody"},
		{HEAD_OF("temporal_ordered") "  condition: {gte: 1}\n", 23, 15, "correlation-ordered", "gte: 2"},
		{HEAD_OF("temporal_ordered") "  condition: {gte: 3}\n", 23, 15, "correlation-ordered", "gte: 2"},
		{HEAD_OF("temporal_ordered") "  condition: {lt: 2}\n", 23, 15, "correlation-ordered", "gte: 2"},
		{HEAD_OF("temporal") "  condition: {gte: 3}\n", 23, 15, "correlation-never", "only 2"},
		{BAD("  type: temporal\n  rules: [a, nobody]\n  timespan: 1m\n"), 21, 14, "correlation-reference", "nobody"},
		{BAD("  type: temporal\n  rules: [a, a]\n  timespan: 1m\n"), 21, 14, "correlation-names", "twice"},
		{BAD("  type: temporal\n  rules: [a, id-a]\n  timespan: 1m\n"), 21, 14, "correlation-names", "same rule"},
		{BAD("  type: temporal\n  rules: []\n  timespan: 1m\n"), 21, 10, "correlation-rules", "at least one"},
		{BAD("  type: temporal\n  timespan: 1m\n"), 20, 3, "correlation-rules", "needs rules"},
		{HEAD_OF("temporal") "  aliases: {x: {c: y}}\n", 23, 17, "correlation-aliases", "not among"},
		{HEAD_OF("temporal") "cresset: {missing: drop}\n", 23, 20, "correlation-extension", "group"},
		{HEAD_OF("temporal") "cresset: {til: a}\n", 23, 11, "correlation-unknown-key", "til"},
		{HEAD_OF("temporal") "cresset: {window: {pivot: after, rule: c}}\n", 23, 40, "correlation-window", "not among"},
		{BAD("  type: event_count\n  rules: [c]\n  timespan: 1m\n  condition: {gte: 2}\n"), 17, 1, "correlation-cycle",
		 "itself"},
	};
	(void)state;
	rig_refusals(cases, COUNT(cases));
}

static const struct correlation *load_one(struct rig *rig, const char *body)
{
	char text[2048];
	snprintf(text, sizeof text, BASES BASE("id-c", "c") "title: C\nid: outer\ncorrelation:\n%s", body);
	rig_load(rig, text);
	if (rig->counts.loaded != 4)
		fail_msg("%s: %s", body, rig->told_count ? rig->told[0].text : "?");
	return ruleset_correlation(rig->set, 3);
}

static void types_over_numbers(void **state)
{
	struct rig rig;
	(void)state;
	rig_open(&rig);
	const struct correlation *c = load_one(&rig, "  type: value_sum\n  rules: [a]\n  timespan: 1m\n"
												 "  condition: {field: bytes, gt: 1.9}\n");
	assert_int_equal(c->type, CORRELATION_VALUE_SUM);
	assert_int_equal(c->bound.compare, COMPARE_GT); /* not rounded: it is no count */
	assert_true(c->bound.number == 1.9 && !c->ranged && c->value_count == 1);
	uint8_t digest[32];
	memcpy(digest, c->rule.digest, 32);
	c = load_one(&rig, "  type: value_sum\n  rules: [a]\n  timespan: 1m\n  condition: {field: bytes, gt: 1.8}\n");
	assert_memory_not_equal(digest, c->rule.digest, 32);
	c = load_one(&rig, "  type: value_avg\n  rules: [a]\n  timespan: 1m\n"
					   "  condition: {field: x, lte: -1, gte: -2.5}\n");
	assert_true(c->ranged && c->bound.compare == COMPARE_GTE && c->bound.number == -2.5);
	assert_true(c->upper.compare == COMPARE_LTE && c->upper.number == -1);
	c = load_one(&rig, "  type: value_percentile\n  rules: [a]\n  timespan: 1m\n"
					   "  condition: {field: x, gte: 2, percentile: 99.9}\n");
	assert_true(c->type == CORRELATION_VALUE_PERCENTILE && c->percentile == 99.9);
	c = load_one(&rig, "  type: value_percentile\n  rules: [a]\n  timespan: 1m\n"
					   "  condition: {field: x, gte: 2}\n  percentile: 0\n");
	assert_true(c->percentile == 0);
	c = load_one(&rig, "  type: value_median\n  rules: [a]\n  timespan: 1m\n  condition: {field: x, gte: 2}\n");
	assert_true(c->type == CORRELATION_VALUE_PERCENTILE && c->percentile == 50);
	c = load_one(&rig, "  type: event_count\n  rules: [a]\n  timespan: 1m\n  condition: {gt: 100.5, lte: 200}\n");
	assert_true(c->ranged && c->bound.compare == COMPARE_GTE && c->bound.count == 101 && c->upper.count == 200);
	rig_close(&rig);
}

static void names_in_a_condition(void **state)
{
	struct rig rig;
	(void)state;
	rig_open(&rig);
	/* found by id or name, whatever the list of rules calls them; or binds less than and, not more than both */
	const struct correlation *c = load_one(&rig, "  type: temporal\n  rules: [b, id-a, c]\n  timespan: 1m\n"
												 "  condition: a or id-b and not c\n");
	static const struct expression expected[] = {{EXPRESSION_RULE, 1}, {EXPRESSION_RULE, 0}, {EXPRESSION_RULE, 2},
												 {EXPRESSION_NOT, 0},  {EXPRESSION_AND, 0},  {EXPRESSION_OR, 0}};
	assert_int_equal(c->expression_count, COUNT(expected));
	for (size_t i = 0; i < COUNT(expected); i++)
		assert_true(c->expression[i].kind == expected[i].kind &&
					(expected[i].kind != EXPRESSION_RULE || c->expression[i].rule == expected[i].rule));
	for (uint64_t present = 0; present < 8; present++) {
		bool a = present >> 1 & 1, b = present & 1, none = !(present >> 2 & 1);
		assert_true(expression_holds(c->expression, c->expression_count, present) == (a || (b && none)));
	}
	c = load_one(&rig, "  type: temporal\n  timespan: 1m\n  condition: (a or b) and not (not c)\n");
	assert_int_equal(c->rule_count, 3);
	assert_true(expression_holds(c->expression, c->expression_count, 6) &&
				!expression_holds(c->expression, c->expression_count, 3));
	/* nothing but `and` is what it is without a condition */
	c = load_one(&rig, "  type: temporal\n  rules: [a, b, c]\n  timespan: 1m\n  condition: a and (b and c)\n"
					   "cresset: {distinct_events: true}\n");
	assert_true(c->expression_count == 0 && c->bound.compare == COMPARE_GTE && c->bound.count == 3);
	rig_close(&rig);
}

static void steps_of_an_order(void **state)
{
	struct rig rig;
	(void)state;
	rig_open(&rig);
	const struct correlation *c = load_one(&rig, "  type: temporal_ordered\n  rules: [a, b, c]\n  timespan: 1m\n"
												 "  condition: (c or b) and a\n");
	assert_true(c->step_count == 2 && c->steps[0] == 6 && c->steps[1] == 1 && c->absent == 0);
	c = load_one(&rig, "  type: temporal_ordered\n  rules: [a, b, c]\n  timespan: 1m\n"
					   "  condition: b and not (a or b) and (c and b)\n");
	assert_true(c->step_count == 3 && c->steps[0] == 2 && c->steps[1] == 4 && c->steps[2] == 2 && c->absent == 3);
	rig_close(&rig);
}

static void try_condition(struct rig *rig, const char *bases, const char *condition, bool taken)
{
	size_t size = strlen(bases) + strlen(condition) + 256;
	char *text = fake_must(malloc(size));
	snprintf(text, size, "%stitle: C\nid: outer\ncorrelation:\n  type: temporal\n  timespan: 1m\n  condition: %s\n",
			 bases, condition);
	rig_load(rig, text);
	assert_int_equal(rig->counts.refused, taken ? 0 : 1);
	if (!taken)
		assert_string_equal(rig->told[0].id, "correlation-condition");
	free(text);
}

/* Each limit of a condition, and one past it. */
static void conditions_have_limits(void **state)
{
	static char bases[16384], names[2048], parts[4096], deep[1024];
	struct rig rig;
	(void)state;
	rig_open(&rig);
	for (int i = 0; i < LIMIT_expression_rules + 1; i++) {
		snprintf(bases + strlen(bases), sizeof bases - strlen(bases),
				 "title: r%d\nname: r%d\nlogsource: {category: t}\ndetection: {s: {a: %d}, condition: s}\n---\n", i, i,
				 i);
		snprintf(names + strlen(names), sizeof names - strlen(names), "%sr%d", i > 0 ? " or " : "", i);
		if (i + 2 >= LIMIT_expression_rules + 1)
			try_condition(&rig, bases, names, i < LIMIT_expression_rules);
	}
	strcpy(parts, "r0 or r0"); /* three parts; a name and a word more each time */
	for (int n = 3; n <= LIMIT_expression_parts + 1; n += 2) {
		if (n + 2 > LIMIT_expression_parts)
			try_condition(&rig, bases, parts, n <= LIMIT_expression_parts);
		strcat(parts, " or r0");
	}
	for (int over = 0; over < 2; over++) {
		strcpy(deep, "r1 or ");
		for (int i = 1; i < LIMIT_expression_depth + over; i++)
			strcat(deep, "not ");
		try_condition(&rig, bases, strcat(deep, "r0"), over == 0);
	}
	rig_close(&rig);
}

/* Our keys stand under cresset; window and gap beside timespan too, as others write them. */
static void windows(void **state)
{
	struct rig rig;
	(void)state;
	rig_open(&rig);
	const struct correlation *c = load_one(&rig, "  type: event_count\n  rules: [a]\n  window: session\n  gap: 5s\n"
												 "  timespan: 100s\n  condition: {gte: 3}\n");
	assert_true(c->window == WINDOW_SESSION && c->gap_ns == 5 * NS_PER_S);
	c = load_one(&rig, "  type: event_count\n  rules: [a]\n  timespan: 100s\n  condition: {gte: 3}\n"
					   "cresset: {window: session, gap: 6s}\n");
	assert_true(c->window == WINDOW_SESSION && c->gap_ns == 6 * NS_PER_S);
	uint8_t digest[32];
	memcpy(digest, c->rule.digest, 32);
	c = load_one(&rig, "  type: event_count\n  rules: [a]\n  timespan: 100s\n  condition: {gte: 3}\n"
					   "cresset: {window: session, gap: 7s}\n");
	assert_memory_not_equal(digest, c->rule.digest, 32);
	c = load_one(&rig, "  type: event_count\n  rules: [a]\n  timespan: 1m\n  condition: {lt: 3}\n"
					   "cresset: {window: tumbling, suppress: 1h}\n");
	assert_true(c->window == WINDOW_TUMBLING && c->suppress_ns == NS_PER_HOUR);
	c = load_one(&rig, "  type: event_count\n  rules: [a, b]\n  timespan: 1m\n  condition: {eq: 0}\n"
					   "cresset: {window: {pivot: after, rule: id-b}}\n");
	assert_true(c->window == WINDOW_AFTER && c->pivot == 1);
	c = load_one(&rig, "  type: temporal\n  rules: [a, b]\n  timespan: 1m\n  condition: a and not b\n"
					   "cresset: {until: id-c}\n");
	assert_true(c->until && c->rule_count == 3 && c->expression_count == 4);
	c = load_one(&rig, "  type: temporal_ordered\n  rules: [a, b]\n  timespan: 1m\ncresset: {until: c}\n");
	assert_true(c->until && c->rule_count == 3 && c->bound.count == 2);
	c = load_one(&rig, "  type: event_count\n  rules: [a]\n  timespan: 15m\n  condition: {eq: 0}\n"
					   "  group-by: [host]\ncresset: {absence: {seen: 7d}}\n");
	assert_true(c->seen_ns == 7 * NS_PER_DAY);
	c = load_one(&rig, "  type: event_count\n  rules: [a]\n  timespan: 15m\n  condition: {eq: 0}\n"
					   "  group-by: [host, port]\ncresset: {absence: {keys: [[gw, 17], [10.0.0.1, x]]}}\n");
	assert_true(c->key_count == 2 && slice_equal(c->keys[1], SLICE("17")) && slice_equal(c->keys[3], SLICE("x")));
	c = load_one(&rig, "  type: value_count\n  rules: [a]\n  timespan: 1m\n  condition: {gte: 1, field: country}\n"
					   "cresset: {new_value: {history: 30d}}\n");
	assert_true(c->history_ns == 30 * NS_PER_DAY);
	rig_close(&rig);
}

static void ordered_without_a_condition_wants_all(void **state)
{
	struct rig rig;
	(void)state;
	rig_open(&rig);
	rig_load(&rig, BASES CORRELATION("  type: temporal_ordered\n  rules: [b, a]\n  timespan: 1m\n"));
	const struct correlation *c = ruleset_correlation(rig.set, 2);
	assert_int_equal(c->bound.compare, COMPARE_GTE);
	assert_int_equal(c->bound.count, 2);
	assert_int_equal(c->rules[0], 1); /* in the order of the document */
	assert_int_equal(c->rules[1], 0);
	assert_int_equal(c->group_count, 0);
	rig_load(&rig,
			 BASES CORRELATION("  type: temporal_ordered\n  rules: [b, a]\n  timespan: 1m\n  condition: {gt: 1}\n"));
	assert_int_equal(ruleset_correlation(rig.set, 2)->bound.count, 2);
	rig_close(&rig);
}

#define INNER(id, of) \
	"---\ntitle: " id "\nid: " id "\ncorrelation:\n  type: event_count\n  rules: [" of \
	"]\n  timespan: 1m\n  condition: {gte: 2}\n"

static void chains_resolve_in_any_order(void **state)
{
	struct rig rig;
	(void)state;
	rig_open(&rig);
	rig_load(&rig, BASE("id-a", "a") "title: x\n"
									 "id: x\nlogsource: {category: t}\ndetection: {s: {a: 1}, condition: s}\n" INNER(
										 "c3", "c2, x") INNER("c2", "c1") INNER("c1", "a"));
	assert_int_equal(rig.counts.loaded, 5);
	uint32_t level[4] = {0};
	for (uint32_t i = 0; i < ruleset_count(rig.set); i++) {
		const struct correlation *c = ruleset_correlation(rig.set, i);
		if (!c)
			continue;
		level[c->rule.id.ptr[1] - '0'] = c->level;
		for (uint32_t k = 0; k < c->rule_count; k++)
			assert_true(c->rules[k] < i); /* what a correlation needs stands before it */
	}
	assert_int_equal(level[1], 1);
	assert_int_equal(level[2], 2);
	assert_int_equal(level[3], 3);
	rig_close(&rig);
}

static void chains_have_a_depth(void **state)
{
	struct rig rig;
	char text[4096];
	(void)state;
	rig_open(&rig);
	for (int over = 0; over < 2; over++) {
		snprintf(text, sizeof text,
				 "title: a\nid: c0\nlogsource: {category: t}\ndetection: {s: {a: 1}, condition: s}\n");
		for (int i = 1; i <= LIMIT_chain_depth + over; i++)
			snprintf(
				text + strlen(text), sizeof text - strlen(text),
				"---\ntitle: c%d\nid: c%d\ncorrelation:\n  type: event_count\n  rules: [c%d]\n  timespan: 1m\n  condition: {gte: 2}\n",
				i, i, i - 1);
		rig_load(&rig, text);
		assert_int_equal(rig.counts.refused, over);
		assert_int_equal(rig.counts.loaded, LIMIT_chain_depth + 1);
		if (over) {
			assert_string_equal(rig.told[0].id, "correlation-depth");
			assert_string_equal(rig.told[0].rule, "c11");
		}
	}
	rig_close(&rig);
}

static void cycles_are_refused(void **state)
{
	struct rig rig;
	(void)state;
	rig_open(&rig);
	rig_load(&rig, "title: a\nid: a\nlogsource: {category: t}\ndetection: {s: {a: 1}, condition: s}\n" INNER("c1", "c2")
					   INNER("c2", "c1, a") INNER("c3", "a"));
	assert_int_equal(rig.counts.loaded, 2);
	assert_int_equal(rig.counts.refused, 2);
	assert_string_equal(rig.told[0].id, "correlation-cycle");
	assert_string_equal(rig.told[1].id, "correlation-cycle");
	rig_close(&rig);
}

/* A base rule that was refused takes those that need it with it, and each says which. */
static void refused_with_its_base(void **state)
{
	struct rig rig;
	(void)state;
	rig_open(&rig);
	rig_load(&rig, "title: bad\nid: bad\nlogsource: {category: t}\ndetection: {s: {a|nosuch: 1}, condition: s}\n" INNER(
					   "c1", "bad") INNER("c2", "c1"));
	assert_int_equal(rig.counts.loaded, 0);
	assert_int_equal(rig.counts.rules, 3);
	assert_int_equal(rig.counts.refused, 3);
	assert_int_equal(rig.told_count, 3);
	assert_non_null(strstr(rig.told[1].text, "refers to 'bad', which was refused (/r/rules.yml:1)"));
	assert_non_null(strstr(rig.told[2].text, "refers to 'c1', which was refused (/r/rules.yml:6)"));
	assert_int_equal(rig.told[2].line, 18);
	rig_close(&rig);
}

static void generate_tells_what_is_inside(void **state)
{
	static const char *const forms[] = {
		INNER("c1", "a") "generate: true\n",
		INNER("c1", "a") "  generate: true\n",
	};
	struct rig rig;
	char text[1024];
	(void)state;
	rig_open(&rig);
	for (size_t i = 0; i < COUNT(forms); i++) {
		snprintf(text, sizeof text,
				 "title: a\nid: a\nlogsource: {category: t}\ndetection: {s: {a: 1}, condition: s}\n%s", forms[i]);
		rig_load(&rig, text);
		assert_int_equal(rig.counts.loaded, 2);
		assert_true(ruleset_rule(rig.set, 0)->referred && ruleset_rule(rig.set, 0)->told);
	}
	rig_close(&rig);
}

/* Two correlations over one base rule: both live. */
static void a_base_rule_is_shared(void **state)
{
	struct rig rig;
	(void)state;
	rig_open(&rig);
	rig_load(&rig, "title: a\nid: a\nlogsource: {category: t}\ndetection: {s: {a: 1}, condition: s}\n" INNER("c1", "a")
					   INNER("c2", "a"));
	assert_int_equal(rig.counts.loaded, 3);
	assert_int_equal(ruleset_correlation(rig.set, 1)->rules[0], 0);
	assert_int_equal(ruleset_correlation(rig.set, 2)->rules[0], 0);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_read),
		cmocka_unit_test(thresholds_and_spans),
		cmocka_unit_test(bad_correlations_are_placed),
		cmocka_unit_test(types_over_numbers),
		cmocka_unit_test(names_in_a_condition),
		cmocka_unit_test(steps_of_an_order),
		cmocka_unit_test(conditions_have_limits),
		cmocka_unit_test(windows),
		cmocka_unit_test(ordered_without_a_condition_wants_all),
		cmocka_unit_test(chains_resolve_in_any_order),
		cmocka_unit_test(chains_have_a_depth),
		cmocka_unit_test(cycles_are_refused),
		cmocka_unit_test(refused_with_its_base),
		cmocka_unit_test(generate_tells_what_is_inside),
		cmocka_unit_test(a_base_rule_is_shared),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
