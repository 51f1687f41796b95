/* T18, lists with a time to live: what is read, who writes them, and what is refused. */
#include "tests/unit/rules/sigma_rig.h"

#define BASE(id, name) \
	"title: " id "\nid: " id "\nname: " name "\nlogsource: {category: t}\ndetection:\n  s: {" name \
	": 1}\n  condition: s\n---\n"
#define BASES BASE("id-a", "a") BASE("id-b", "b") BASE("id-c", "c") /* 24 lines */
#define COUNTING(rules) \
	"title: C\nid: c9\ncorrelation:\n  type: event_count\n  rules: " rules \
	"\n  group-by: [user]\n  timespan: 1m\n  condition: {gte: 1}\n"
#define LISTS(lists) BASES COUNTING("[a]") "cresset:\n  lists: " lists "\n" /* the last stands in line 34 */

static const struct correlation *load(struct rig *rig, const char *text)
{
	rig_load(rig, text);
	if (rig->told_count > 0)
		fail_msg("%s: %s", rig->told[0].id, rig->told[0].text);
	for (uint32_t i = ruleset_count(rig->set); i > 0; i--)
		if (ruleset_correlation(rig->set, i - 1) != NULL)
			return ruleset_correlation(rig->set, i - 1);
	fail_msg("no correlation");
	return NULL;
}

static void what_is_read(void **state)
{
	struct rig rig;
	(void)state;
	rig_open(&rig);
	const struct correlation *c = load(&rig, LISTS("[{name: scanners, add: [b], remove: id-c, ttl: 7d}, {name: here, "
												   "add: [c, a], ttl: 1h, require: absent}]"));
	assert_int_equal(c->list_count, 2);
	assert_true(slice_equal(c->lists[0].name, SLICE("scanners")));
	assert_true(c->lists[0].ttl_ns == 7 * NS_PER_DAY && !c->lists[0].absent);
	assert_true(c->lists[1].ttl_ns == NS_PER_HOUR && c->lists[1].absent);
	/* c writes both and is there once; a is counted and writes */
	assert_int_equal(c->rule_count, 3);
	assert_int_equal(c->writer_count, 2);
	assert_int_equal(c->lists[0].add, 2);
	assert_int_equal(c->lists[0].remove, 4);
	assert_int_equal(c->lists[1].add, 5);
	assert_int_equal(c->lists[1].remove, 0);
	/* one list needs no brackets; require is present when nothing is said */
	c = load(&rig, LISTS("{name: x, add: b, ttl: 1s, require: present}"));
	assert_true(c->list_count == 1 && !c->lists[0].absent);
	rig_close(&rig);
}

/* Whom the condition speaks of, what ends windows, and who writes: in this order, wherever they stand. */
static void beside_until_and_names(void **state)
{
	struct rig rig;
	(void)state;
	rig_open(&rig);
	const struct correlation *c =
		load(&rig, BASES "title: C\nid: c9\ncresset: {lists: {name: x, add: c, remove: b, ttl: 1d}}\ncorrelation:\n"
						 "  type: temporal\n  condition: a\n  timespan: 1m\n  cresset: {until: b}\n");
	assert_true(c->until && c->rule_count == 3 && c->writer_count == 1);
	assert_int_equal(c->rules[1], 1);
	assert_int_equal(c->lists[0].add, 4);
	assert_int_equal(c->lists[0].remove, 2);
	rig_close(&rig);
}

/* The fields of the key have other names in the rules that write. */
static void aliases_reach_writers(void **state)
{
	struct rig rig;
	(void)state;
	rig_open(&rig);
	const struct correlation *c =
		load(&rig, BASES "title: C\nid: c9\ncorrelation:\n  type: event_count\n  rules: [a]\n  group-by: [who]\n"
						 "  aliases: {who: {a: user.name, b: TargetUserName}}\n  timespan: 1m\n  condition: {gte: 1}\n"
						 "cresset: {lists: [{name: x, add: [b], ttl: 1d}]}\n");
	assert_true(slice_equal(c->group_by[0].per_rule[0], SLICE("user.name")));
	assert_true(slice_equal(c->group_by[0].per_rule[1], SLICE("TargetUserName")));
	rig_close(&rig);
}

/* Who writes a list goes on telling; whom the condition speaks of is told by it. Chains count all of them. */
static void writers_are_told_as_ever(void **state)
{
	struct rig rig;
	(void)state;
	rig_open(&rig);
	const struct correlation *c =
		load(&rig, BASES "title: N\nid: n\ncorrelation:\n  type: event_count\n  rules: [b]\n  group-by: [user]\n"
						 "  timespan: 1m\n  condition: {gte: 5}\nlevel: high\n---\n" COUNTING(
							 "[a]") "cresset: {lists: [{name: x, add: [n], remove: [c], ttl: 1d}]}\n");
	assert_true(slice_equal(c->rule.id, SLICE("c9")));
	assert_int_equal(c->level, 2);
	for (uint32_t i = 0; i < ruleset_count(rig.set); i++) {
		const struct rule *rule = ruleset_rule(rig.set, i);
		bool quiet = slice_equal(rule->id, SLICE("id-a")) || slice_equal(rule->id, SLICE("id-b"));
		assert_int_equal(rule->told, !quiet);
	}
	rig_close(&rig);
}

static void the_digest_holds_them(void **state)
{
	static const char *const others[] = {
		LISTS("[{name: x, add: [b], ttl: 1d}]"),
		LISTS("[{name: x, add: [b], ttl: 2d}]"),
		LISTS("[{name: x, add: [c], ttl: 1d}]"),
		LISTS("[{name: x, add: [b], remove: [c], ttl: 1d}]"),
		LISTS("[{name: x, add: [c], remove: [b], ttl: 1d}]"),
		LISTS("[{name: x, add: [b], ttl: 1d, require: absent}]"),
		LISTS("[{name: x, add: [b], ttl: 1d}, {name: y, add: [b], ttl: 1d}]"),
		BASES COUNTING(
			"[a, b]") "cresset: {lists: [{name: x, add: [b], ttl: 1d}]}\n", /* counted, and not only a writer */
		BASES COUNTING("[a]"),
	};
	uint8_t digests[COUNT(others)][32];
	struct rig rig;
	(void)state;
	rig_open(&rig);
	for (size_t i = 0; i < COUNT(others); i++) {
		memcpy(digests[i], load(&rig, others[i])->rule.digest, 32);
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(digests[i], digests[k], 32);
	}
	/* what a list is called says nothing about what is found */
	assert_memory_equal(load(&rig, LISTS("[{name: y, add: [b], ttl: 1d}]"))->rule.digest, digests[0], 32);
	rig_close(&rig);
}

static void bad_ones_are_refused(void **state)
{
	static const struct {
		const char *text;
		uint32_t line, column;
		const char *id, *says;
	} cases[] = {
		{LISTS("7d"), 34, 10, "correlation-list", "a list is a map such as"},
		{LISTS("[]"), 34, 10, "correlation-list", "1 to 8 lists"},
		{LISTS("[{add: [b], ttl: 1d}]"), 34, 11, "correlation-list", "needs a name"},
		{LISTS("[{name: x, ttl: 1d}]"), 34, 11, "correlation-list", "always empty"},
		{LISTS("[{name: x, add: [], ttl: 1d}]"), 34, 26, "correlation-list", "always empty"},
		{LISTS("[{name: x, add: [b]}]"), 34, 11, "correlation-list", "needs a ttl"},
		{LISTS("[{name: x, add: [b], ttl: 0d}]"), 34, 36, "correlation-timespan", "ttl is a whole number"},
		{LISTS("[{name: x, add: [b], ttl: 90}]"), 34, 36, "correlation-timespan", "ttl is a whole number"},
		{LISTS("[{name: x, add: [b], ttl: 1d, require: no}]"), 34, 49, "correlation-list", "present or absent"},
		{LISTS("[{name: x, add: [b], ttl: 1d, key: [user]}]"), 34, 40, "correlation-unknown-key", "'key'"},
		{LISTS("[{name: x, add: [b, b], ttl: 1d}]"), 34, 30, "correlation-names", "twice"},
		{LISTS("[{name: x, add: [nobody], ttl: 1d}]"), 34, 27, "correlation-reference", "nobody"},
		{LISTS("[{name: x, add: [b], remove: [c, id-b], ttl: 1d}]"), 34, 43, "correlation-list", "taken off at once"},
		{LISTS("[{name: x, add: [b], ttl: 1d}, {name: x, add: [b], ttl: 1d}]"), 34, 48, "correlation-list",
		 "of this name"},
		{LISTS("[{name: x, add: [c9], ttl: 1d}]"), 25, 1, "correlation-cycle", "refers to itself"},
		{BASES "title: C\nid: c9\ncorrelation:\n  type: event_count\n  rules: [a]\n  group-by: [user]\n  timespan: 1m\n"
			   "  condition: {eq: 0}\ncresset:\n  absence: {seen: 7d}\n  lists: [{name: x, add: [b], ttl: 1d}]\n",
		 28, 3, "correlation-list", "absence knows no lists"},
	};
	struct rig rig;
	(void)state;
	rig_open(&rig);
	for (size_t i = 0; i < COUNT(cases); i++) {
		rig_load(&rig, cases[i].text);
		if (rig.told_count != 1 || strcmp(rig.told[0].id, cases[i].id) != 0 ||
			strstr(rig.told[0].text, cases[i].says) == NULL || rig.told[0].line != cases[i].line ||
			rig.told[0].column != cases[i].column)
			fail_msg("case %zu: %u told, %u:%u %s: %s", i, rig.told_count, rig.told[0].line, rig.told[0].column,
					 rig.told[0].id, rig.told[0].text);
		assert_int_equal(rig.counts.refused, 1);
	}
	rig_close(&rig);
}

/* At each limit, and one past it. */
static void there_are_limits(void **state)
{
	struct rig rig;
	char *text = malloc(65536);
	(void)state;
	rig_open(&rig);
	for (uint32_t over = 0; over < 2; over++) {
		strcpy(text, BASES COUNTING("[a]") "cresset:\n  lists:\n");
		for (uint32_t i = 0; i < CORRELATION_LISTS_MAX + over; i++)
			sprintf(text + strlen(text), "  - {name: x%u, add: [b], ttl: 1d}\n", i);
		rig_load(&rig, text);
		assert_int_equal(rig.counts.refused, over);
	}
	assert_string_equal(rig.told[0].id, "correlation-list");
	for (uint32_t over = 0; over < 2; over++) {
		*text = 0;
		for (uint32_t i = 0; i < EXPRESSION_RULES_MAX + over; i++)
			sprintf(text + strlen(text),
					"title: r%u\nid: r%u\nlogsource: {category: t}\ndetection: {s: {a: %u}, condition: s}\n---\n", i, i,
					i);
		strcat(text, COUNTING("[r0]") "cresset:\n  lists: {name: x, ttl: 1d, add: [");
		for (uint32_t i = 1; i < EXPRESSION_RULES_MAX + over; i++)
			sprintf(text + strlen(text), "%sr%u", i > 1 ? ", " : "", i);
		strcat(text, "]}\n");
		rig_load(&rig, text);
		assert_int_equal(rig.counts.refused, over);
	}
	assert_non_null(strstr(rig.told[0].text, "at most 64 rules"));
	free(text);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_read),          cmocka_unit_test(beside_until_and_names),
		cmocka_unit_test(aliases_reach_writers), cmocka_unit_test(writers_are_told_as_ever),
		cmocka_unit_test(the_digest_holds_them), cmocka_unit_test(bad_ones_are_refused),
		cmocka_unit_test(there_are_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
