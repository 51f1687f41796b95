/* The same pipeline under rules as people write them: text through rules/ to an incident. */
#include "tests/unit/correlate/pipeline.h"

static const char text[] = "title: Failed login\n"
						   "name: failed_login\n"
						   "logsource:\n"
						   "  category: authentication\n"
						   "detection:\n"
						   "  selection:\n"
						   "    event.outcome: failure\n"
						   "  condition: selection\n"
						   "---\n"
						   "title: Successful login\n"
						   "name: good_login\n"
						   "logsource:\n"
						   "  category: authentication\n"
						   "detection:\n"
						   "  selection:\n"
						   "    event.outcome: success\n"
						   "  condition: selection\n"
						   "---\n"
						   "title: Many failures\n"
						   "name: many_failures\n"
						   "correlation:\n"
						   "  type: event_count\n"
						   "  rules: [failed_login]\n"
						   "  group-by: [user.name]\n"
						   "  timespan: 5m\n"
						   "  condition:\n"
						   "    gte: 5\n"
						   "---\n"
						   "title: Guessed password\n"
						   "id: 0e95725d-7320-415d-80f7-004da920fc11\n"
						   "correlation:\n"
						   "  type: temporal_ordered\n"
						   "  rules: [many_failures, good_login]\n"
						   "  group-by: [user.name]\n"
						   "  timespan: 10m\n"
						   "level: high\n";

static void tell(void *ctx, const struct diagnostic *d)
{
	(void)ctx;
	if (d->level == DIAGNOSTIC_ERROR)
		fail_msg("%s:%u:%u %s", d->file, d->line, d->column, d->text);
}

static void login(struct pipeline *p, int second, const char *user, const char *outcome)
{
	put_event(p, 0, 0, "ip 10.0.0.1", T0 + second * NS_PER_S, T0 + second * NS_PER_S,
			  (const char *[]){"user.name", user, "event.outcome", outcome, NULL});
}

static void test_guessed_password(void **state)
{
	struct pipeline p = {.fake = fake_new(1)};
	struct tellings t = {0};
	struct ruleset *rules;
	struct ruleset_counts counts;
	struct error error = {0};
	const char *paths[] = {"/rules.yml"};
	(void)state;
	fake_file_put(p.fake, "/rules.yml", text, sizeof(text) - 1);
	struct ruleset_options options = {0};
	if (ruleset_load(&p.fake->env, paths, 1, &options, tell, NULL, &rules, &counts, &error) < 0)
		fail_msg("%s", error.text);
	assert_int_equal(counts.loaded, 4);
	pipeline_open(&p, rules, 1, 2, 2);
	for (int i = 0; i < 5; i++)
		login(&p, i * 10, "Ann", "failure");
	login(&p, 60, "ann", "success");
	for (int i = 0; i < 4; i++)
		login(&p, 100 + i, "bob", "failure");
	login(&p, 110, "bob", "success");
	tick_all(&p, 1, T0 + 5 * NS_PER_DAY);
	pipeline_run(&p);
	tellings_read(&p, &t);
	assert_int_equal(tellings_count(&t, ROW_INCIDENT, true), 1);
	assert_int_equal(tellings_count(&t, ROW_FINDING, false), 0);
	for (uint32_t i = 0; i < t.count; i++) {
		if (t.rows[i].kind != ROW_INCIDENT || !t.rows[i].final)
			continue;
		assert_non_null(strstr(t.rows[i].json, "\"title\":\"Guessed password\",\"level\":\"high\""));
		assert_non_null(strstr(t.rows[i].json, "\"count\":2"));
	}
	tellings_free(&t);
	ruleset_release(rules); /* detect and temporal still hold it */
	pipeline_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_guessed_password),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
