/* Correlations of before beside an engine (T17): who retires, what a checkpoint keeps of it, and how it ends. */
#include "tests/unit/cli/engine_rig.h"

#include "cli/run.h"

#define BASE \
	"title: A\nid: 00000000-0000-4000-8000-000000000001\nlogsource: {}\ndetection: {s: {f: x}, condition: s}\nlevel: low\n---\n"
#define COUNTED(title, id, n, span) \
	"title: " title "\n" id \
	"level: high\ncorrelation: {type: event_count, rules: [00000000-0000-4000-8000-000000000001], " \
	"group-by: [ip], timespan: " span ", condition: {gte: " n "}}\n"
#define ID(n) "id: 00000000-0000-4000-8000-00000000000" n "\n"

static struct ruleset *rules_of(struct machine *m, const char *text)
{
	struct ruleset_counts counts = {0};
	struct ruleset_options o = {0};
	struct error error = {0};
	struct ruleset *rules;
	const char *paths[] = {"/other"};
	fake_file_put(m->fake, "/other/a.yml", text, strlen(text));
	assert_int_equal(ruleset_load(&m->fake->env, paths, 1, &o, NULL, NULL, &rules, &counts, &error), 0);
	assert_int_equal(counts.refused, 0);
	return rules;
}

/* ---- who retires ---- */

static void add(struct machine *m, struct retiring_list *l, const char *before, const char *now, int64_t observed_ns)
{
	struct error error = {0};
	struct ruleset *b = rules_of(m, before), *n = rules_of(m, now);
	assert_int_equal(retiring_add(l, b, n, observed_ns, &error), 0);
	retiring_review(l, n);
	ruleset_release(b);
	ruleset_release(n);
}

static void only_what_changed_goes_on(void **state)
{
	struct machine m;
	struct retiring_list l;
	(void)state;
	machine_open(&m);
	retiring_init(&l, &m.fake->env);
	add(&m, &l,
		BASE COUNTED("Same", ID("2"), "3", "1m") "---\n" COUNTED("Changed", ID("3"), "3", "1m") "---\n" COUNTED(
			"By title", "", "3", "2m") "---\n" COUNTED("Removed", ID("4"), "3", "1m"),
		BASE COUNTED("Same", ID("2"), "3", "1m") "---\n" COUNTED("Other name", ID("3"), "4",
																 "1m") "---\n" COUNTED("By title", "", "4", "2m"),
		T0);
	assert_int_equal(l.count, 2);
	assert_string_equal(l.list[0].label, "00000000-0000-4000-8000-000000000003");
	assert_true(l.list[0].until_ns == T0 + 60 * NS_PER_S);
	assert_string_equal(l.list[1].label, "By title");
	assert_true(l.list[1].until_ns == T0 + 120 * NS_PER_S);
	/* The next change takes the one away and goes back to the other. */
	struct ruleset *now = rules_of(&m, BASE COUNTED("By title", "", "3", "2m"));
	retiring_review(&l, now);
	assert_int_equal(l.list[0].fate, RETIRING_REMOVED);
	assert_int_equal(l.list[1].fate, RETIRING_IN_FORCE);
	ruleset_release(now);
	retiring_free(&l);
	machine_close(&m);
}

/* An outer one needs to know what the inner ones knew. */
static void a_chain_goes_on_for_all_its_levels(void **state)
{
	static const char outer[] = "---\ntitle: Outer\n" ID(
		"6") "level: high\ncorrelation: {type: event_count, rules: "
			 "[00000000-0000-4000-8000-000000000002], group-by: [ip], timespan: 5m, condition: {gte: 2}}\n";
	char before[2048], now[2048];
	struct machine m;
	struct retiring_list l;
	(void)state;
	machine_open(&m);
	retiring_init(&l, &m.fake->env);
	snprintf(before, sizeof before, "%s%s%s", BASE, COUNTED("Inner", ID("2"), "3", "1m"), outer);
	snprintf(now, sizeof now, "%s%s%s", BASE, COUNTED("Inner", ID("2"), "4", "1m"), outer);
	add(&m, &l, before, now, T0);
	assert_int_equal(l.count, 1); /* the inner one is not told, and comes with it */
	assert_string_equal(l.list[0].label, "00000000-0000-4000-8000-000000000006");
	assert_true(l.list[0].until_ns == T0 + 360 * NS_PER_S);
	retiring_free(&l);
	machine_close(&m);
}

static void the_oldest_of_many_rulesets_is_cut(void **state)
{
	struct machine m;
	struct retiring_list l;
	char before[1024], now[1024];
	(void)state;
	machine_open(&m);
	retiring_init(&l, &m.fake->env);
	for (int i = 3; i < 8; i++) {
		snprintf(before, sizeof before, BASE COUNTED("C", ID("2"), "%d", "1m"), i);
		snprintf(now, sizeof now, BASE COUNTED("C", ID("2"), "%d", "1m"), i + 1);
		add(&m, &l, before, now, T0);
		assert_int_equal(retiring_count(&l, RETIRING_CUT), i == 7);
	}
	assert_int_equal(l.list[0].fate, RETIRING_CUT);
	assert_int_equal(retiring_count(&l, RETIRING_ON), RETIRING_RULESETS_MAX);
	retiring_free(&l);
	machine_close(&m);
}

static void a_list_that_does_not_hold_is_refused(void **state)
{
	struct fake *fake = fake_new(1);
	struct buffer out;
	struct error error = {0};
	(void)state;
	buffer_init(&out, &fake->env);
	struct retiring_rule one = {.until_ns = 7, .end_ns = 9, .label = "name"};
	memset(one.digest, 3, 32);
	const struct retiring_list l = {.env = &fake->env, .list = &one, .count = 1};
	retiring_save(&l, &out);
	for (size_t len = 0; len <= out.len; len++) {
		struct retiring_list back;
		struct reader r = reader_of(slice_of(out.ptr, len));
		retiring_init(&back, &fake->env);
		assert_int_equal(retiring_read(&back, &r, &error), len == out.len ? 0 : -ERROR_FORMAT);
		if (len == out.len) {
			assert_int_equal(back.count, 1);
			assert_memory_equal(&back.list[0], &one, sizeof one);
		}
		retiring_free(&back);
	}
	put_u32(out.ptr + 8 + 84, RETIRING_LABEL); /* a label that has no room */
	buffer_add_zeros(&out, RETIRING_LABEL);
	struct retiring_list back;
	struct reader r = reader_of(buffer_slice(&out));
	retiring_init(&back, &fake->env);
	assert_int_equal(retiring_read(&back, &r, &error), -ERROR_FORMAT);
	retiring_free(&back);
	buffer_free(&out);
	assert_int_equal(fake->memory.outstanding, 0);
	fake_free(fake);
}

/* ---- beside an engine ---- */

#define OLD BASE COUNTED("C", ID("2"), "3", "1m")
#define NEW BASE COUNTED("C", ID("2"), "4", "1m")

/* As run_find_retiring: from the checkpoint, and the rules of before. */
static void find(struct machine *m, struct retiring_list *l, const char *before, const char *now)
{
	struct engine_past past;
	struct error error = {0};
	assert_int_equal(engine_past_open(&m->fake->env, "/d", &past, &error), 0);
	assert_true(past.any);
	*l = past.retiring;
	if (now)
		add(m, l, before, now, past.observed_ns);
	for (uint32_t i = 0; i < l->count; i++)
		l->list[i].loaded = rules_of(m, before);
	m->retiring = l;
}

static void start_again(struct machine *m)
{
	struct error error = {0};
	fake_clock_advance(m->fake, NS_PER_S);
	if (start(m, DUTY_ALL, &error))
		fail_msg("%s", error.text);
}

static unsigned incidents(struct machine *m, const char *what)
{
	struct buffer out;
	unsigned n = 0;
	buffer_init(&out, &m->fake->env);
	assert_int_equal(incident_book_list(m->engine.book, false, &out), 0);
	buffer_add_octet(&out, 0);
	for (const char *at = (const char *)out.ptr; (at = strstr(at, what)) != NULL; at++)
		n++;
	buffer_free(&out);
	return n;
}

/* Batches of a topic from an offset on: how many there are of this epoch (0: of any) whose first row begins so. */
static unsigned batches(struct machine *m, enum bus_topic topic, uint64_t from, uint64_t epoch, const char *begin)
{
	struct bus_reader *reader;
	struct bus_record record;
	struct batch batch;
	struct batch_row row;
	unsigned n = 0;
	size_t len = strlen(begin);
	assert_int_equal(bus_open_reader(m->bus, NULL, topic, 0, &reader, NULL), 0);
	assert_int_equal(bus_seek(reader, from, NULL), 0);
	while (bus_poll(reader, &record, NULL) > 0) {
		assert_int_equal(batch_open(&batch, record.payload, NULL), 0);
		batch_get_row(&batch, 0, &row);
		n += (epoch == 0 || batch.identity.epoch == epoch) && row.original.len >= len &&
			 memcmp(row.original.ptr, begin, len) == 0;
	}
	bus_reader_close(reader);
	return n;
}

static void reload(struct machine *m, struct retiring_list *l)
{
	stop(m);
	fake_file_put(m->fake, "/rules/a.yml", NEW, strlen(NEW));
	find(m, l, OLD, NEW);
	assert_int_equal(l->count, 1);
	start_again(m);
}

static void machine_close_beside(struct machine *m, struct retiring_list *l)
{
	retiring_free(l);
	machine_close(m);
}

/* What `run` finds when it starts again, and an engine without it. */
static void ended_is_dropped(struct machine *m, struct retiring_list *l)
{
	struct run run = {.env = &m->fake->env, .data = "/d"};
	struct engine_config config = m->engine.config;
	struct retiring_list found;
	struct error error = {0};
	uint64_t epoch = m->engine.correlate_epoch, tickets, end;
	assert_int_equal(bus_durable(m->bus, TOPIC_INCIDENTS, 0, &tickets, &end), 0);
	assert_int_equal(run_find_retiring(&run, &config, m->bus, &found, &error), 0);
	assert_int_equal(found.list[0].fate, RETIRING_ENDED);
	assert_true(config.begin_anew);
	stop(m);
	retiring_free(l);
	*l = found;
	m->retiring = l;
	m->begin_anew = true;
	start_again(m);
	assert_true(m->engine.correlate_epoch > epoch);
	for (int i = 1000; i < 1004; i++)
		event(m, i, "x");
	drain(m);
	/* detect's and temporal's alike */
	epoch = m->engine.correlate_epoch;
	assert_true(batches(m, TOPIC_INCIDENTS, end, epoch, "{\"incident\":") > 0);
	assert_true(batches(m, TOPIC_INCIDENTS, end, epoch, "{\"ledger\":{\"stage\":\"detect\"") > 0);
	assert_int_equal(batches(m, TOPIC_INCIDENTS, end, epoch, ""), batches(m, TOPIC_INCIDENTS, end, 0, ""));
	assert_int_equal(incidents(m, "\"count\":3"), 1); /* once, and of the new form alone behind it */
	assert_int_equal(incidents(m, "\"count\":4"), 1);
	assert_int_equal(incidents(m, "\"count\":"), 2);
}

static void kill_and_start(struct machine *m, struct retiring_list *l)
{
	stop(m); /* commits nothing */
	retiring_free(l);
	find(m, l, OLD, NULL);
	start_again(m);
}

/* Two before the change, one after it and after a kill: three to the old form alone. */
static void an_attack_across_the_change(void **state)
{
	struct machine m;
	struct retiring_list l;
	(void)state;
	machine_open(&m);
	event(&m, 1, "x");
	event(&m, 2, "x");
	drain(&m);
	reload(&m, &l);
	uint64_t epoch = m.engine.correlate_epoch;
	kill_and_start(&m, &l);
	assert_int_equal(l.count, 1);
	assert_true(m.engine.correlate_epoch == epoch); /* the same rules make the same rows */
	event(&m, 3, "x");
	drain(&m);
	assert_int_equal(incidents(&m, "\"count\":3"), 1);
	kill_and_start(&m, &l);
	assert_true(m.engine.correlate_epoch == epoch);
	event(&m, 4, "x"); /* the fourth to the old form, the second to the new */
	drain(&m);
	assert_int_equal(incidents(&m, "\"count\":4"), 1);
	assert_int_equal(incidents(&m, "\"count\":"), 1);
	machine_close_beside(&m, &l);
}

/* Its time passes by the events and ticks alone; then an engine without it makes rows of its own series. */
static void it_ends_by_event_time(void **state)
{
	struct machine m;
	struct retiring_list l;
	(void)state;
	machine_open(&m);
	event(&m, 1, "x");
	drain(&m);
	reload(&m, &l);
	assert_true(l.list[0].until_ns == T0 + 61 * NS_PER_S);
	event(&m, 60, "x");
	event(&m, 61, "x");
	drain(&m);
	assert_int_equal(incidents(&m, "\"count\":3"), 1);
	events(&m, 181 + LATENESS_NS / NS_PER_S, NULL, NULL, 1);
	fake_clock_advance(m.fake, NS_PER_DAY); /* no clock of the wall ends it */
	drain(&m);
	assert_int_equal(l.list[0].fate, RETIRING_ON);
	events(&m, 182 + LATENESS_NS / NS_PER_S, NULL, NULL, 1);
	drain(&m);
	assert_int_equal(l.list[0].fate, RETIRING_THROUGH);
	assert_int_equal(batches(&m, TOPIC_CONTROL, 0, 0, "{\"retired\":{"), 1);
	assert_int_equal(incidents(&m, "\"state\":\"final\""), 1);
	ended_is_dropped(&m, &l);
	machine_close_beside(&m, &l);
}

/* Their verdicts must not change when what was not committed is judged again. */
static void what_is_left_is_judged_beside_it(void **state)
{
	struct machine m;
	struct retiring_list l;
	struct error error = {0};
	(void)state;
	machine_open(&m);
	event(&m, 1, "x");
	drain(&m);
	assert_int_equal(engine_left(&m.fake->env, &m.engine.config, m.bus, &error), 0);
	reload(&m, &l);
	event(&m, 2, "x");
	for (int quiet = 0; quiet < 2;) {
		quiet = engine_step(&m.engine, &error) ? 0 : quiet + 1;
		assert_true(bus_step(m.bus, true, &error) >= 0);
	}
	assert_int_equal(engine_left(&m.fake->env, &m.engine.config, m.bus, &error), 1);
	drain(&m);
	assert_int_equal(engine_left(&m.fake->env, &m.engine.config, m.bus, &error), 0);
	machine_close_beside(&m, &l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_changed_goes_on),          cmocka_unit_test(a_chain_goes_on_for_all_its_levels),
		cmocka_unit_test(the_oldest_of_many_rulesets_is_cut), cmocka_unit_test(a_list_that_does_not_hold_is_refused),
		cmocka_unit_test(an_attack_across_the_change),        cmocka_unit_test(it_ends_by_event_time),
		cmocka_unit_test(what_is_left_is_judged_beside_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
