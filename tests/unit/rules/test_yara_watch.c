/* What YARA rules cost, and quarantine. The clock has a price for every rule: a scan takes what those cost that are switched on
 * in its shard, whoever asked for it, as it is with libyara. */
#include "rules/ruleset.h"
#include "rules/yara_watch.h"
#include "tests/unit/rules/sigma_rig.h"

#define BUDGET (10 * MS) /* an event */
#define SHARED 10 /* ns a batch */
#define NO_SCAN (NO_RULE - 1)
#define MS INT64_C(1000000)

struct watched {
	struct rig rig;
	struct yara_scanner *scanner;
	int64_t time_ns, prices[8]; /* of the rules a, b, c... when switched on */
	uint64_t looks;
	uint32_t found[8];
	uint64_t undecided;
};

static int64_t price(const struct watched *w, uint32_t shard)
{
	const struct yara_shard *sh = &w->scanner->set->shards[shard];
	const YR_RULES *rules = w->scanner->watch->shards[shard].copy;
	int64_t sum = 0;
	if (!rules)
		rules = sh->rules;
	for (uint32_t i = 0; i < sh->count; i++)
		if (!RULE_IS_DISABLED(&rules->rules_table[i]))
			sum += w->prices[rules->rules_table[i].identifier[0] - 'a'];
	return sum;
}

static int64_t look(void *ctx)
{
	struct watched *w = ctx;
	w->looks++;
	w->time_ns += SHARED;
	if (w->scanner && w->scanner->shard != NO_SCAN) {
		w->time_ns += w->scanner->shard == NO_RULE ? 0 : price(w, w->scanner->shard);
		w->scanner->shard = NO_SCAN;
	}
	return w->time_ns;
}

static void open_watched(struct watched *w, const char *text, int64_t budget)
{
	static const struct ruleset_options with_yara = {.yara = true};
	const char *paths[] = {"/y/a.yar"};
	*w = (struct watched){.time_ns = 1};
	rig_open(&w->rig);
	rig_put(&w->rig, paths[0], text);
	rig_load_paths(&w->rig, paths, 1, &with_yara);
	assert_int_equal(w->rig.counts.refused, 0);
	w->rig.fake->env.clock = (struct env_clock){look, look, w};
	struct yara_scanner *s = yara_scanner_new(&w->rig.fake->env, w->rig.set);
	assert_non_null(s);
	if (budget >= 0)
		assert_int_equal(yara_scanner_watch(s, w->rig.set, (uint64_t)budget), 0);
	s->shard = NO_SCAN;
	w->scanner = s;
}

static void close_watched(struct watched *w)
{
	yara_scanner_free(w->scanner);
	w->scanner = NULL;
	rig_close(&w->rig);
}

/* `count` events with this text, a batch. given_up: as if the batch scan had come to no end. */
static int judge(struct watched *w, const char *text, unsigned count, bool given_up)
{
	static const struct batch_identity identity;
	struct slice octets;
	struct batch_row row;
	const uint32_t *rules;
	struct error error = {0};
	int n = 0;
	batch_begin(w->rig.builder, &identity, 0, 0);
	for (unsigned i = 0; i < count; i++)
		if (batch_row(w->rig.builder, ROW_EVENT, 0, slice_str(text)) == 0)
			assert_int_equal(batch_row_end(w->rig.builder), 0);
	assert_int_equal(batch_finish(w->rig.builder, &octets, &error), 0);
	assert_int_equal(batch_open(&w->rig.batch, octets, &error), 0);
	n = yara_scanner_batch(w->scanner, &w->rig.batch, 0, count);
	w->scanner->given_up |= given_up;
	for (unsigned i = 0; i < count && n >= 0; i++) {
		batch_get_row(&w->rig.batch, i, &row);
		n = yara_scanner_row(w->scanner, &w->rig.batch, &row, false, &rules, &w->undecided);
		for (int k = 0; k < n; k++)
			w->found[ruleset_rule(w->rig.set, rules[k])->title.ptr[0] - 'a']++;
	}
	assert_int_equal(yara_scanner_stray(w->scanner), 0);
	return n < 0 ? n : 0;
}

static struct yara_cost cost_of(const struct watched *w, char name)
{
	struct yara_cost cost = {0};
	for (uint32_t i = 0; i < ruleset_count(w->rig.set); i++)
		if (ruleset_rule(w->rig.set, i)->title.ptr[0] == (uint8_t)name)
			assert_true(yara_scanner_cost(w->scanner, i, &cost));
	return cost;
}

/* The names of those in quarantine. */
static const char *in_quarantine(const struct watched *w)
{
	static char names[16];
	const struct yara_quarantine *list;
	uint32_t n = yara_scanner_quarantined(w->scanner, &list);
	for (uint32_t i = 0; i < n; i++)
		names[i] = (char)ruleset_rule(w->rig.set, list[i].rule)->title.ptr[0];
	names[n] = 0;
	return names;
}

#define TWO \
	"rule a { strings: $x = \"needle\" condition: $x and filesize > 3 }\n" \
	"rule b { strings: $x = \"needle\" condition: $x }\n"

/* ---- counters ---- */

static void counters_add_up(void **state)
{
	struct watched w;
	struct yara_costs all;
	(void)state;
	open_watched(&w, TWO "rule c { strings: $x = \"thread\" condition: $x and filesize > 1MB }\n", 0);
	w.prices[0] = 40;
	w.prices[1] = 60;
	w.prices[2] = 20;
	assert_int_equal(judge(&w, "a needle", 3, false), 0);
	assert_int_equal(judge(&w, "a thread", 2, false), 0);
	assert_int_equal(judge(&w, "nothing", 5, false), 0);
	yara_scanner_costs(w.scanner, &all);
	struct yara_cost a = cost_of(&w, 'a'), b = cost_of(&w, 'b'), c = cost_of(&w, 'c');
	assert_int_equal(a.judged, 3);
	assert_int_equal(a.matched, 3);
	assert_int_equal(c.judged, 0); /* its guard does not hold */
	assert_int_equal(all.events, 10);
	/* a scan and one look at the clock, shared by those that something spoke for */
	assert_int_equal(a.cost_ns, 3 * (40 + 60 + 20 + SHARED) / 2);
	assert_int_equal(a.cost_ns + b.cost_ns + c.cost_ns, all.exact_ns);
	assert_int_equal(all.shared_ns, 3 * SHARED);
	assert_int_equal(w.looks, 3 * 2 + 3 * 2);
	close_watched(&w);
}

/* A rule may hold for several texts of one event. */
static void events_are_counted_not_texts(void **state)
{
	struct watched w;
	(void)state;
	open_watched(&w, TWO, 0);
	assert_int_equal(judge(&w, "needle YSBuZWVkbGUgaW4gYSBoYXlzdGFjayBvZiBsb2dz", 2, false), 0);
	assert_int_equal(cost_of(&w, 'a').judged, 4);
	assert_int_equal(cost_of(&w, 'a').matched, 2);
	close_watched(&w);
}

/* W3 */
static void without_a_watch_no_clock_is_read(void **state)
{
	struct watched w;
	struct yara_cost cost;
	(void)state;
	open_watched(&w, TWO, -1);
	uint64_t before = w.looks;
	assert_int_equal(judge(&w, "a needle", 100, false), 0);
	assert_int_equal(w.looks, before);
	assert_int_equal(w.found[0], 100);
	assert_false(yara_scanner_cost(w.scanner, 0, &cost));
	assert_string_equal(in_quarantine(&w), "");
	close_watched(&w);
}

/* ---- quarantine ---- */

static void who_is_over_goes_and_the_others_stay(void **state)
{
	struct watched w;
	const struct yara_quarantine *list;
	(void)state;
	open_watched(&w, TWO, BUDGET);
	w.prices[0] = 100 * MS;
	w.prices[1] = BUDGET / 4;
	for (unsigned i = 0; i < 3; i++) {
		assert_string_equal(in_quarantine(&w), "");
		assert_int_equal(judge(&w, "a needle", 10, false), 0); /* 1 s: a span of work */
	}
	assert_string_equal(in_quarantine(&w), "a");
	assert_int_equal(yara_scanner_quarantined(w.scanner, &list), 1);
	assert_true(list[0].spent_ns / list[0].events > 99 * MS);
	assert_true(cost_of(&w, 'a').quarantined);
	assert_false(cost_of(&w, 'b').quarantined);
	assert_int_equal(w.found[0], 30);
	uint64_t before = cost_of(&w, 'a').cost_ns;
	int64_t then = w.time_ns;
	assert_int_equal(judge(&w, "a needle", 100, false), 0);
	assert_int_equal(w.found[0], 30);
	assert_int_equal(w.found[1], 130);
	assert_int_equal(cost_of(&w, 'a').judged, 30);
	assert_int_equal(cost_of(&w, 'a').cost_ns, before);
	assert_true(w.time_ns - then < 100 * BUDGET); /* it is passed over, not only kept quiet */
	close_watched(&w);
}

static void who_is_within_the_budget_stays(void **state)
{
	struct watched w;
	(void)state;
	open_watched(&w, TWO, BUDGET);
	w.prices[0] = BUDGET - 2 * SHARED;
	for (unsigned i = 0; i < 30; i++)
		assert_int_equal(judge(&w, "a needle", 50, false), 0);
	assert_true(w.time_ns > 10 * NS_PER_S);
	assert_string_equal(in_quarantine(&w), "");
	assert_int_equal(w.found[0], 1500);
	close_watched(&w);
}

/* It costs nothing where nobody asks for it: the events of the whole stream count. */
static void events_that_it_is_not_asked_about_count_too(void **state)
{
	struct watched w;
	(void)state;
	open_watched(&w, TWO, BUDGET);
	w.prices[0] = 100 * MS;
	for (unsigned i = 0; i < 60; i++) {
		assert_int_equal(judge(&w, "a needle", 1, false), 0);
		assert_int_equal(judge(&w, "nothing", 19, false), 0);
	}
	assert_string_equal(in_quarantine(&w), "");
	assert_int_equal(w.found[0], 60);
	close_watched(&w);
}

static void one_event_alone_does_nothing(void **state)
{
	struct watched w;
	(void)state;
	open_watched(&w, TWO, BUDGET);
	for (unsigned i = 0; i < 10; i++) {
		w.prices[0] = 5 * NS_PER_S;
		assert_int_equal(judge(&w, "a needle", 1, false), 0);
		w.prices[0] = 0;
		assert_int_equal(judge(&w, "a needle", 10, false), 0);
		w.prices[1] = BUDGET - 2 * SHARED; /* a span in which nobody is over */
		assert_int_equal(judge(&w, "a needle", 120, false), 0);
		w.prices[1] = 0;
	}
	assert_string_equal(in_quarantine(&w), "");
	close_watched(&w);
}

/* W1: libyara runs the conditions of the whole shard. b is asked, c costs. */
static void who_is_asked_does_not_pay_for_its_neighbour(void **state)
{
	struct watched w;
	(void)state;
	open_watched(&w, TWO "rule c { strings: $x = \"thread\" condition: $x }\n", BUDGET);
	w.prices[2] = 50 * MS;
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(judge(&w, "a needle", 20, false), 0);
	assert_string_equal(in_quarantine(&w), "c");
	assert_int_equal(w.found[0], 120);
	assert_int_equal(w.found[1], 120);
	assert_int_equal(judge(&w, "a thread", 5, false), 0);
	assert_int_equal(w.found[2], 0);
	close_watched(&w);
}

/* Y3: those that refer to each other are one. */
static void a_unit_goes_as_a_whole(void **state)
{
	struct watched w;
	(void)state;
	open_watched(&w,
				 "rule a { strings: $x = \"needle\" condition: $x }\nrule b { condition: a and filesize > 2 }\n"
				 "rule c { strings: $x = \"needle\" condition: $x }\n",
				 BUDGET);
	w.prices[1] = 100 * MS;
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(judge(&w, "a needle", 10, false), 0);
	assert_string_equal(in_quarantine(&w), "ab");
	assert_int_equal(judge(&w, "a needle", 10, false), 0);
	assert_int_equal(w.found[0], w.found[1]);
	assert_int_equal(w.found[2], 50);
	close_watched(&w);
}

/* Past libyara's limit of matches a scan is given up: who it is that goes past it is found out on that very text. */
static void who_is_given_up_is_found(void **state)
{
	struct watched w;
	struct yara_costs all;
	char *text = malloc(1100001);
	(void)state;
	memset(text, 'a', 1100000);
	text[1100000] = 0;
	open_watched(&w, "rule a { strings: $x = \"a\" condition: #x > 5 }\nrule b { condition: uint8(0) == 0x61 }\n",
				 BUDGET);
	w.prices[0] = 100 * MS;
	for (unsigned i = 1; i <= 20; i++) {
		assert_int_equal(judge(&w, text, 1, false), 0);
		assert_int_equal(w.undecided, i);
	}
	yara_scanner_costs(w.scanner, &all);
	assert_int_equal(all.shared_given_up, 20);
	assert_int_equal(cost_of(&w, 'a').given_up, 20);
	assert_string_equal(in_quarantine(&w), "a"); /* two spans: the first one has shown it already */
	w.undecided = 0;
	assert_int_equal(judge(&w, text, 1, false), 0);
	assert_int_equal(w.undecided, 0);
	yara_scanner_costs(w.scanner, &all);
	assert_int_equal(all.shared_given_up, 20); /* its strings are looked for nowhere any more */
	assert_int_equal(w.found[1], 1);
	free(text);
	close_watched(&w);
}

/* Where the batch scan came to no end all rules are judged on all texts, but for those in quarantine. */
static void a_batch_given_up_is_judged_by_all(void **state)
{
	struct watched w;
	struct yara_costs all;
	(void)state;
	open_watched(&w, "import \"math\"\n" TWO "rule c { condition: math.min(filesize, 3) == 3 }\n", BUDGET);
	assert_int_equal(w.scanner->set->shard_count, 2);
	assert_int_equal(judge(&w, "a needle", 4, true), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(w.found[i], 4);
	w.prices[0] = 100 * MS;
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(judge(&w, "a needle", 10, true), 0);
	assert_string_equal(in_quarantine(&w), "a");
	memset(w.found, 0, sizeof w.found);
	uint64_t judged = cost_of(&w, 'a').judged;
	assert_int_equal(judge(&w, "a needle", 4, true), 0);
	assert_int_equal(cost_of(&w, 'a').judged, judged);
	assert_int_equal(w.found[0], 0);
	assert_int_equal(w.found[1], 4);
	assert_int_equal(w.found[2], 4);
	yara_scanner_costs(w.scanner, &all);
	assert_true(all.trial_ns >= 100 * (uint64_t)MS);
	close_watched(&w);
}

static void lifted_all_are_judged_again(void **state)
{
	struct watched w;
	(void)state;
	open_watched(&w, TWO, BUDGET);
	assert_int_equal(yara_scanner_quarantine(w.scanner, 0), 0);
	assert_int_equal(yara_scanner_quarantine(w.scanner, 0), 0);
	assert_string_equal(in_quarantine(&w), "a");
	assert_int_equal(judge(&w, "a needle", 2, false), 0);
	assert_int_equal(w.found[0], 0);
	yara_quarantine_lift(w.scanner);
	assert_string_equal(in_quarantine(&w), "");
	assert_int_equal(judge(&w, "a needle", 2, false), 0);
	assert_int_equal(w.found[0], 2);
	assert_int_equal(w.found[1], 4);
	close_watched(&w);
}

/* Whatever allocation fails: an error, or the same as without. */
static void memory_may_end(void **state)
{
	(void)state;
	for (uint64_t n = 1;; n++) {
		struct watched w;
		open_watched(&w, TWO, BUDGET);
		w.prices[0] = 100 * MS;
		assert_int_equal(judge(&w, "a needle", 20, false), 0);
		w.rig.fake->memory.calls = 0;
		w.rig.fake->memory.fail_at = n;
		int rc = 0;
		for (unsigned i = 0; i < 3 && !rc; i++)
			rc = judge(&w, "a needle", 10, false);
		bool failed = w.rig.fake->memory.failed > 0;
		w.rig.fake->memory.fail_at = 0;
		if (rc)
			assert_int_equal(rc, -ERROR_MEMORY);
		else
			assert_string_equal(in_quarantine(&w), "a");
		assert_true(failed || !rc);
		close_watched(&w);
		if (!failed)
			break;
		assert_true(n < 10000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_add_up),
		cmocka_unit_test(events_are_counted_not_texts),
		cmocka_unit_test(without_a_watch_no_clock_is_read),
		cmocka_unit_test(who_is_over_goes_and_the_others_stay),
		cmocka_unit_test(who_is_within_the_budget_stays),
		cmocka_unit_test(events_that_it_is_not_asked_about_count_too),
		cmocka_unit_test(one_event_alone_does_nothing),
		cmocka_unit_test(who_is_asked_does_not_pay_for_its_neighbour),
		cmocka_unit_test(a_unit_goes_as_a_whole),
		cmocka_unit_test(who_is_given_up_is_found),
		cmocka_unit_test(a_batch_given_up_is_judged_by_all),
		cmocka_unit_test(lifted_all_are_judged_again),
		cmocka_unit_test(memory_may_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
