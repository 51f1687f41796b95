/* A YARA rule in quarantine, as the engine tells and keeps it. Every look at the clock takes a while: a rule that is judged on
 * every event costs that much. */
#include "tests/unit/cli/engine_rig.h"

#define LOOK_NS (100 * INT64_C(1000000))
#define BUDGET_NS (20 * INT64_C(1000000))
#define COSTLY \
	"rule costly { meta: id = \"c-1\" strings: $x = \"needle\" condition: $x }\n" \
	"import \"math\"\nrule other { strings: $x = \"thread\" condition: $x and math.min(1, 2) == 1 }\n"

static void open_costly(struct machine *m)
{
	struct error error = {0};
	machine_open(m);
	stop(m);
	m->yara_budget_ns = BUDGET_NS;
	fake_file_put(m->fake, "/rules/y.yar", COSTLY, strlen(COSTLY));
	assert_int_equal(start(m, DUTY_ALL, &error), 0);
}

static void steps(struct machine *m)
{
	struct error error = {0};
	for (unsigned i = 0; i < 12; i++)
		if (engine_step(&m->engine, &error) < 0)
			fail_msg("%s", error.text);
}

static void take(struct machine *m, int64_t s, const char *text, unsigned count)
{
	events(m, s, text, "10.0.0.1", count);
	m->fake->clock.tick_ns = LOOK_NS;
	steps(m);
	m->fake->clock.tick_ns = 0;
}

/* Until it is over: three spans of work. The last batch begins at T0 + 60 + i. */
static int64_t until_quarantined(struct machine *m)
{
	const struct detect_quarantine *q;
	for (int64_t i = 1; i < 10; i++) {
		take(m, 60 + i, "a needle", 20);
		if (detect_quarantined(m->engine.detect, &q) > 0)
			return 60 + i;
	}
	fail_msg("never in quarantine");
	return 0;
}

/* Rows of incidents of this kind with both texts; the last of them in *out. */
static unsigned rows(struct machine *m, enum row_kind kind, const char *a, const char *b, char out[2048])
{
	struct bus_reader *reader;
	struct bus_record record;
	struct error error = {0};
	unsigned found = 0;
	assert_true(bus_step(m->bus, true, &error) >= 0);
	assert_int_equal(bus_open_reader(m->bus, NULL, TOPIC_INCIDENTS, 0, &reader, &error), 0);
	while (bus_poll(reader, &record, &error) > 0) {
		struct batch batch;
		struct batch_row row;
		assert_int_equal(batch_open(&batch, record.payload, &error), 0);
		for (uint32_t i = 0; i < batch.row_count; i++) {
			batch_get_row(&batch, i, &row);
			if (row.kind != kind || slice_find(row.original, slice_str(a), 0) == SIZE_MAX ||
				slice_find(row.original, slice_str(b), 0) == SIZE_MAX)
				continue;
			found++;
			if (out)
				snprintf(out, 2048, "%.*s", SLICE_PRINT(row.original));
		}
	}
	bus_reader_close(reader);
	return found;
}

static unsigned findings(struct machine *m, const char *title)
{
	return rows(m, ROW_FINDING, title, "\"kind\":\"yara\"", NULL);
}

static void has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no %s in %s", part, text);
}

static void the_operator_is_told_once(void **state)
{
	struct machine m;
	char row[2048], from[64];
	(void)state;
	open_costly(&m);
	int64_t s = until_quarantined(&m);
	assert_int_equal(rows(&m, ROW_LEDGER, "\"quarantined\"", "costly", row), 1);
	snprintf(from, sizeof from, "\"not_judged_from\":\"2026-09-21T14:%02d:%02d", (int)(13 + (20 + s) / 60),
			 (int)((20 + s) % 60));
	has(row, "{\"ledger\":{\"stage\":\"detect\",\"quarantined\":{\"rule\":{\"id\":\"c-1\",\"title\":\"costly\"}");
	has(row, "\"file\":\"/rules/y.yar\",\"line\":1,");
	has(row, "\"budget_ns_per_event\":20000000,");
	has(row, from);
	has(row, "\"digest\":\"");
	unsigned before = findings(&m, "costly");
	assert_true(before >= 20);
	take(&m, 80, "a needle", 20);
	take(&m, 81, "a thread", 2);
	take(&m, 200, NULL, 1); /* the minute is over */
	take(&m, 300, "a thread", 1);
	assert_int_equal(findings(&m, "costly"), before);
	assert_int_equal(findings(&m, "other"), 3);
	assert_int_equal(rows(&m, ROW_LEDGER, "\"quarantined\"", "costly", NULL), 1);
	assert_true(
		rows(&m, ROW_LEDGER, "\"not_judged\":[{\"id\":\"c-1\",\"title\":\"costly\",\"digest\":\"", "minute", NULL) > 0);
	machine_close(&m);
}

/* What comes out follows from the state on the medium: after a crash nobody numbers rows otherwise. */
static void a_crash_does_not_lift_it(void **state)
{
	struct machine m;
	const struct detect_quarantine *q;
	(void)state;
	open_costly(&m);
	(void)until_quarantined(&m);
	unsigned before = findings(&m, "costly");
	restart(&m, DUTY_ALL);
	assert_int_equal(detect_quarantined(m.engine.detect, &q), 1);
	assert_true(q[0].told && q[0].events > 0 && slice_equal(q[0].rule->title, SLICE("costly")));
	take(&m, 90, "a needle", 20);
	assert_int_equal(findings(&m, "costly"), before);
	assert_int_equal(rows(&m, ROW_LEDGER, "\"quarantined\"", "costly", NULL), 1);
	machine_close(&m);
}

static void a_planned_end_lifts_it(void **state)
{
	struct machine m;
	const struct detect_quarantine *q;
	(void)state;
	open_costly(&m);
	(void)until_quarantined(&m);
	unsigned before = findings(&m, "costly");
	drain(&m);
	assert_int_equal(rows(&m, ROW_LEDGER, "\"lifted\"", "\"not_judged_until\":\"", NULL), 1);
	restart(&m, DUTY_ALL);
	assert_int_equal(detect_quarantined(m.engine.detect, &q), 0);
	take(&m, 90, "a needle", 2);
	assert_int_equal(findings(&m, "costly"), before + 2);
	machine_close(&m);
}

static void under_other_rules_all_are_judged(void **state)
{
	struct machine m;
	const struct detect_quarantine *q;
	(void)state;
	open_costly(&m);
	(void)until_quarantined(&m);
	unsigned before = findings(&m, "costly");
	put_rules(&m, OTHER);
	restart(&m, DUTY_ALL);
	assert_int_equal(detect_quarantined(m.engine.detect, &q), 0);
	take(&m, 90, "a needle", 2);
	assert_int_equal(findings(&m, "costly"), before + 2);
	machine_close(&m);
}

static void without_a_budget_nobody_goes(void **state)
{
	struct machine m;
	const struct detect_quarantine *q;
	struct yara_cost cost;
	(void)state;
	open_costly(&m);
	m.yara_budget_ns = 0;
	restart(&m, DUTY_ALL);
	for (int64_t i = 1; i < 10; i++)
		take(&m, i, "a needle", 20);
	assert_int_equal(detect_quarantined(m.engine.detect, &q), 0);
	uint32_t n = 0;
	for (uint32_t i = 0; i < ruleset_count(m.rules); i++)
		if (evaluator_yara_cost(detect_evaluator(m.engine.detect), i, &cost)) {
			bool costly = slice_equal(ruleset_rule(m.rules, i)->title, SLICE("costly"));
			assert_int_equal(cost.matched, costly ? 180 : 0);
			n++;
		}
	assert_int_equal(n, 2);
	machine_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_operator_is_told_once),    cmocka_unit_test(a_crash_does_not_lift_it),
		cmocka_unit_test(a_planned_end_lifts_it),       cmocka_unit_test(under_other_rules_all_are_judged),
		cmocka_unit_test(without_a_budget_nobody_goes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
