/* Legacy collections: what documents of one file hand down. */
#include "tests/unit/rules/sigma_rig.h"

#define GLOBAL \
	"action: global\nlogsource: {product: windows}\nlevel: high\ndetection: {s: {cmd: x}, condition: s}\n---\n"

static unsigned told_times(const struct rig *rig, const char *id)
{
	unsigned n = 0;
	for (unsigned i = 0; i < rig->told_count; i++)
		n += strcmp(rig->told[i].id, id) == 0;
	return n;
}

static void load_all(struct rig *rig, const char *text, unsigned loaded)
{
	rig_load(rig, text);
	if (rig->counts.loaded != loaded || rig->counts.rules != loaded || rig->counts.refused)
		fail_msg("%u loaded of %u, wanted %u: %s", rig->counts.loaded, rig->counts.rules, loaded,
				 rig->told_count ? rig->told[rig->told_count - 1].text : "");
}

static void global_goes_into_what_follows(void **state)
{
	struct rig rig;
	(void)state;
	rig_open(&rig);
	load_all(&rig,
			 GLOBAL "title: A\n---\ntitle: B\nlogsource: {category: c}\ndetection: {t: {u: 1}, condition: s and t}\n"
					"---\naction: global\nstatus: test\n---\ntitle: C\n---\naction: reset\n---\n"
					"title: D\nlogsource: {}\ndetection: {s: {z: 1}, condition: s}\n",
			 4);
	assert_int_equal(rig_holds(&rig, "{cmd: x}"), 2);
	assert_int_equal(rig_holds(&rig, "{cmd: x, u: 1}"), 3);
	assert_int_equal(rig_holds(&rig, "{u: 1}"), 0);
	assert_int_equal(rig_holds(&rig, "{z: 1}"), 1);
	const struct rule *b = ruleset_rule(rig.set, 1), *c = ruleset_rule(rig.set, 2), *d = ruleset_rule(rig.set, 3);
	assert_true(slice_equal(b->logsource.product, SLICE("windows")) && slice_equal(b->logsource.category, SLICE("c")));
	assert_int_equal(b->level, LEVEL_HIGH);
	assert_int_equal(b->line, 8);
	assert_true(slice_equal(c->status, SLICE("test")) && c->level == LEVEL_HIGH);
	assert_int_equal(d->level, LEVEL_NONE);
	assert_int_equal(told_times(&rig, "sigma-action-legacy"), 3);
	assert_int_equal(told_times(&rig, "sigma-action-conflict"), 1); /* the condition of B */
	rig_close(&rig);
}

static void the_next_file_begins_anew(void **state)
{
	struct rig rig;
	const char *paths[] = {"/r"};
	(void)state;
	rig_open(&rig);
	rig_put(&rig, "/r/a.yml", GLOBAL "title: A\n");
	rig_put(&rig, "/r/b.yml", "title: B\nlogsource: {}\n");
	rig_put(&rig, "/r/c.yml", "action: repeat\ntitle: C\n");
	rig_load_paths(&rig, paths, 1, NULL);
	assert_int_equal(rig.counts.loaded, 1);
	assert_int_equal(rig.counts.refused, 2);
	assert_int_equal(told_times(&rig, "sigma-detection"), 1);
	assert_int_equal(told_times(&rig, "sigma-action"), 1);
	rig_close(&rig);
}

static void repeat_goes_onto_the_rule_before(void **state)
{
	struct rig rig;
	(void)state;
	rig_open(&rig);
	load_all(
		&rig,
		"title: A\nid: a\nname: n\nlogsource: {product: p}\ndetection: {s: {cmd|contains: who}, condition: s}\n---\n"
		"action: repeat\ntitle: B\ndetection: {s: {cmd|contains: net}}\n---\n"
		"action: repeat\ntitle: C\nid: c\ndetection: {s: {u: 1}}\n",
		3);
	assert_int_equal(rig_holds(&rig, "{cmd: whoami}"), 1);
	assert_int_equal(rig_holds(&rig, "{cmd: net user}"), 1);
	assert_int_equal(rig_holds(&rig, "{cmd: net user, u: 1}"), 2);
	assert_int_equal(rig_holds(&rig, "{cmd: whoami, u: 1}"), 1);
	/* who a rule is stays with the first */
	const struct rule *b = ruleset_rule(rig.set, 1), *c = ruleset_rule(rig.set, 2);
	assert_int_equal(b->id.len + b->name.len, 0);
	assert_true(slice_equal(c->id, SLICE("c")) && c->name.len == 0);
	assert_true(slice_equal(c->logsource.product, SLICE("p")));
	assert_int_equal(told_times(&rig, "sigma-action-identity"), 3);
	rig_close(&rig);
}

static void a_repeat_may_follow_the_global_part(void **state)
{
	struct rig rig;
	(void)state;
	rig_open(&rig);
	load_all(&rig, GLOBAL "action: repeat\ntitle: A\n---\ntitle: B\n---\naction: repeat\ntitle: C\nlevel: low\n", 3);
	assert_int_equal(rig_holds(&rig, "{cmd: x}"), 3);
	assert_int_equal(ruleset_rule(rig.set, 2)->level, LEVEL_LOW);
	rig_close(&rig);
}

/* Correlations and filters are taken as they stand. */
static void others_inherit_nothing(void **state)
{
	struct rig rig;
	(void)state;
	rig_open(&rig);
	load_all(&rig,
			 GLOBAL "title: A\nid: a\n---\n"
					"title: C\ncorrelation: {type: event_count, rules: [a], timespan: 1m, condition: {gte: 2}}\n---\n"
					"title: F\nlogsource: {product: linux}\nfilter: {s: {u: 1}, condition: not s}\n---\n"
					"action: repeat\ntitle: B\nid: b\n",
			 3);
	assert_int_equal(rig_holds(&rig, "{cmd: x, u: 1}"), 2); /* the filter is for linux */
	assert_int_equal(ruleset_rule(rig.set, 2)->level, LEVEL_NONE);
	rig_close(&rig);
}

static void what_cannot_be_is_refused(void **state)
{
	static const struct refusal_case cases[] = {
		{"action: twice\ntitle: T\n", 1, 9, "sigma-action", "global, reset, repeat"},
		{"action: [global]\n", 1, 9, "sigma-action", "global, reset, repeat"},
		{"action: repeat\ntitle: T\n", 1, 1, "sigma-action", "a rule above"},
		{"action: global\ncorrelation: {type: temporal}\n", 1, 1, "sigma-action", "cannot be"},
		{GLOBAL "title: A\n---\naction: repeat\nfilter: {}\n", 8, 1, "sigma-action", "cannot be"},
	};
	struct rig rig;
	(void)state;
	rig_refusals(cases, COUNT(cases));
	rig_open(&rig);
	/* a global part that is refused takes the rules that need it, up to a reset */
	rig_load(&rig,
			 "action: global\nfilter: {}\n---\ntitle: A\nlogsource: {}\ndetection: {s: {a: 1}, condition: s}\n---\n"
			 "action: reset\n---\ntitle: B\nlogsource: {}\ndetection: {s: {a: 1}, condition: s}\n");
	assert_int_equal(rig.counts.loaded, 1);
	assert_int_equal(rig.counts.refused, 2);
	assert_int_equal(rig.counts.rules, 3);
	rig_close(&rig);
}

/* A short file may not grow to gigabytes. */
static void growing_is_bounded(void **state)
{
	struct rig rig;
	size_t room = 900000, at = 0;
	char *text = malloc(room);
	(void)state;
	rig_open(&rig);
	at += (size_t)snprintf(text, room, "title: A\nlogsource: {}\ndetection:\n  condition: s\n  s:\n");
	for (int i = 0; i < 20000; i++)
		at += (size_t)snprintf(text + at, room - at, "    f%d: 1\n", i);
	for (int i = 0; i < 2000; i++)
		at += (size_t)snprintf(text + at, room - at, "---\naction: repeat\ntitle: R%d\n", i);
	assert_true(at < room);
	rig_load(&rig, text);
	assert_true(rig.counts.loaded > 5 && rig.counts.loaded < 100);
	assert_true(rig.counts.refused > 1900);
	assert_true(told_times(&rig, "sigma-action") > 0);
	free(text);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(global_goes_into_what_follows),
		cmocka_unit_test(the_next_file_begins_anew),
		cmocka_unit_test(repeat_goes_onto_the_rule_before),
		cmocka_unit_test(a_repeat_may_follow_the_global_part),
		cmocka_unit_test(others_inherit_nothing),
		cmocka_unit_test(what_cannot_be_is_refused),
		cmocka_unit_test(growing_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
