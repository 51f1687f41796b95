/* What was judged before a kill and not committed: other rules wait until those that judged are through with it. */
#include "tests/unit/cli/engine_rig.h"

/* Rules in a folder of their own, as a later start would find them. */
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

/* What the next process would say that starts with these rules; the engine is closed. */
static int unfinished(struct machine *m, const char *text, uint8_t digest[32])
{
	struct error error = {0};
	struct bus_local_config b = log_config(false);
	struct bus *bus;
	uint64_t cut;
	struct engine_config c = {.data = "/d", .partitions = {1, 1, 1, 1}, .special = true, .ruleset = rules_of(m, text)};
	memset(c.uuid, 7, 16);
	assert_int_equal(bus_local_recover(&m->fake->env, &b, &cut, &error), 0);
	assert_int_equal(bus_local_open(&m->fake->env, &b, &bus, &error), 0);
	int result = engine_unfinished(&m->fake->env, &c, bus, digest, &error);
	if (result < 0)
		fail_msg("%s", error.text);
	bus_close(bus);
	ruleset_release(c.ruleset);
	return result;
}

/* Reads all there is and makes what it writes durable; the clock stands, so that nothing is committed. */
static void judge(struct machine *m)
{
	struct error error = {0};
	for (int quiet = 0; quiet < 2;) {
		int busy = engine_step(&m->engine, &error);
		assert_true(busy >= 0);
		quiet = busy ? 0 : quiet + 1;
		assert_true(bus_step(m->bus, true, &error) >= 0);
	}
	assert_true(m->engine.dirty);
}

static void settle(struct machine *m)
{
	struct error error = {0};
	assert_true(engine_settle(&m->engine, &error) >= 0);
	assert_false(m->engine.dirty);
}

static void close_engine(struct machine *m, uint8_t digest[32])
{
	ruleset_digest(m->rules, digest);
	stop(m);
}

/* Opens what close_engine closed, so that the machine can be closed. */
static void again(struct machine *m)
{
	struct error error = {0};
	if (start(m, DUTY_ALL, &error))
		fail_msg("%s", error.text);
}

static void what_was_committed_is_finished(void **state)
{
	struct machine m;
	uint8_t own[32], digest[32];
	(void)state;
	machine_open(&m);
	event(&m, 1, "x");
	drain(&m);
	close_engine(&m, own);
	assert_int_equal(unfinished(&m, OTHER, digest), 0);
	again(&m);
	assert_true(engine_caught_up(&m.engine));
	event(&m, 2, "x"); /* nobody has judged it */
	close_engine(&m, own);
	assert_int_equal(unfinished(&m, OTHER, digest), 0);
	again(&m);
	machine_close(&m);
}

static void what_was_judged_and_not_committed_is_left(void **state)
{
	struct machine m;
	uint8_t own[32], digest[32];
	(void)state;
	machine_open(&m);
	event(&m, 1, "x");
	judge(&m);
	close_engine(&m, own);
	assert_int_equal(unfinished(&m, OTHER, digest), 1);
	assert_memory_equal(digest, own, 32);
	assert_int_equal(unfinished(&m, RULES, digest), 0); /* the same ones simply go on */
	again(&m);
	assert_false(engine_caught_up(&m.engine));
	judge(&m);
	assert_true(engine_caught_up(&m.engine));
	settle(&m);
	close_engine(&m, own);
	assert_int_equal(unfinished(&m, OTHER, digest), 0);
	again(&m);
	machine_close(&m);
}

/* Of a rule that no correlation waits for there is a finding in `incidents`, and nothing in `matches`. */
static void a_finding_alone_is_left(void **state)
{
	struct machine m;
	uint8_t own[32], digest[32];
	uint64_t tickets, end;
	(void)state;
	machine_open(&m);
	put_rules(&m, OTHER);
	event(&m, 1, "z");
	drain(&m);
	restart(&m, DUTY_ALL);
	drain(&m);
	assert_int_equal(bus_durable(m.bus, TOPIC_MATCHES, 0, &tickets, &end), 0);
	uint64_t before = end;
	event(&m, 2, "y");
	judge(&m);
	assert_int_equal(bus_durable(m.bus, TOPIC_MATCHES, 0, &tickets, &end), 0);
	assert_int_equal(end, before);
	close_engine(&m, own);
	assert_int_equal(unfinished(&m, RULES, digest), 1);
	assert_memory_equal(digest, own, 32);
	again(&m);
	machine_close(&m);
}

/* People change incidents whenever they like; no rule made those rows. */
static void changes_are_no_judgement(void **state)
{
	struct machine m;
	struct error error = {0};
	uint8_t own[32], digest[32];
	(void)state;
	machine_open(&m);
	event(&m, 1, "x");
	drain(&m);
	assert_int_equal(engine_change(&m.engine, SLICE("{\"silence\":{}}"), &error), 0);
	close_engine(&m, own);
	assert_int_equal(unfinished(&m, OTHER, digest), 0);
	again(&m);
	machine_close(&m);
}

/* U3: the next process commits before it has judged again what the killed one had. */
static void a_commit_on_the_way_does_not_forget(void **state)
{
	struct machine m;
	uint8_t own[32], digest[32];
	(void)state;
	machine_open(&m);
	event(&m, 1, "x");
	event(&m, 2, "x");
	judge(&m);
	restart(&m, DUTY_ALL);
	settle(&m); /* temporal reads, detect rests */
	assert_false(engine_caught_up(&m.engine));
	close_engine(&m, own);
	assert_int_equal(unfinished(&m, OTHER, digest), 1);
	assert_memory_equal(digest, own, 32);
	again(&m);
	assert_false(engine_caught_up(&m.engine));
	event(&m, 3, "x");
	drain(&m);
	assert_true(engine_caught_up(&m.engine));
	close_engine(&m, own);
	assert_int_equal(unfinished(&m, OTHER, digest), 0);
	again(&m);
	machine_close(&m);
}

static int drop_checkpoint(void *arg, const char *path)
{
	if (strstr(path, "d/engine/checkpoint-"))
		snprintf(arg, 256, "%s%s", path[0] == '/' ? "" : "/", path);
	return 0;
}

/* Without a checkpoint nobody can tell; and what is made again from the bus is said to be behind. */
static void without_a_checkpoint_nobody_can_tell(void **state)
{
	struct machine m;
	char path[256] = "";
	uint8_t own[32], digest[32];
	(void)state;
	machine_open(&m);
	event(&m, 1, "x");
	drain(&m);
	event(&m, 2, "x");
	judge(&m);
	close_engine(&m, own);
	fake_file_each(m.fake, drop_checkpoint, path);
	assert_int_equal(m.fake->env.files.unlink(m.fake->env.files.ctx, path), 0);
	assert_int_equal(unfinished(&m, OTHER, digest), 0);
	again(&m);
	assert_true(m.engine.rebuild);
	assert_false(engine_caught_up(&m.engine));
	close_engine(&m, own);
	assert_int_equal(unfinished(&m, OTHER, digest), 1);
	again(&m);
	machine_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_committed_is_finished),
		cmocka_unit_test(what_was_judged_and_not_committed_is_left),
		cmocka_unit_test(a_finding_alone_is_left),
		cmocka_unit_test(changes_are_no_judgement),
		cmocka_unit_test(a_commit_on_the_way_does_not_forget),
		cmocka_unit_test(without_a_checkpoint_nobody_can_tell),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
