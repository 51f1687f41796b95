/* Running the examples that need nothing but the evaluator. */
#include "rules/example.h"
#include "rules/load.h"
#include "rules/rules_test.h"

#include <stdio.h>

struct test_run {
	const struct env *env;
	struct evaluator *evaluator;
	struct dictionary names;
	struct batch_builder *builder;
	diagnostic_fn *tell;
	void *ctx;
	uint32_t wanted;
	bool held;
};

static void note_hit(void *ctx, uint32_t rule)
{
	struct test_run *run = ctx;
	run->held |= rule == run->wanted;
}

static int judge_event(struct test_run *run, const struct rule_test_event *e, struct error *error)
{
	static const struct batch_identity identity;
	struct slice octets;
	struct batch batch;
	dictionary_reset(&run->names);
	batch_begin(run->builder, &identity, 0, 0);
	int rc = example_row(run->builder, &run->names, e->map, e->text);
	if (rc)
		return error_set(error, rc == -ERROR_MEMORY ? ERROR_MEMORY : ERROR_LIMIT, "an example is too large for a row");
	rc = batch_finish(run->builder, &octets, error);
	if (!rc)
		rc = batch_open(&batch, octets, error);
	run->held = false;
	return rc ? rc : evaluator_row(run->evaluator, &batch, 0, NULL, 0, note_hit, run, error);
}

static void tell_test(const struct test_run *run, enum diagnostic_level level, const struct rule_test *t, uint32_t line,
					  uint32_t column, const char *text)
{
	char title[256];
	snprintf(title, sizeof title, "%.*s", (int)(t->rule->title.len < 255 ? t->rule->title.len : 255),
			 (const char *)t->rule->title.ptr);
	struct diagnostic d = {
		level, level == DIAGNOSTIC_ERROR ? "test-failed" : "test-pending", t->file, line, column, title, text};
	if (run->tell)
		run->tell(run->ctx, &d);
}

static int run_examples(struct test_run *run, const struct rule_test *t, uint32_t *passed, uint32_t *failed,
						uint32_t *pending, struct error *error)
{
	run->wanted = t->rule->index;
	for (uint32_t i = 0; i < t->event_count; i++) {
		const struct rule_test_event *e = &t->events[i];
		if (e->is_line) {
			tell_test(run, DIAGNOSTIC_WARNING, t, e->line, e->column, "a raw line needs the whole pipeline");
			++*pending;
			continue;
		}
		int rc = judge_event(run, e, error);
		if (rc)
			return rc;
		bool right = run->held == (t->kind == TEST_MATCH);
		++*(right ? passed : failed);
		if (!right)
			tell_test(run, DIAGNOSTIC_ERROR, t, e->line, e->column,
					  t->kind == TEST_MATCH ? "the rule must hold for this event and does not"
											: "the rule must not hold for this event and does");
	}
	return 0;
}

static int run_all(struct test_run *run, const struct rule_tests *tests, uint32_t *passed, uint32_t *failed,
				   uint32_t *pending, struct error *error)
{
	for (uint32_t i = 0; i < rule_tests_count(tests); i++) {
		const struct rule_test *t = rule_tests_get(tests, i);
		if (t->kind == TEST_SEQUENCE) {
			tell_test(run, DIAGNOSTIC_WARNING, t, t->line, t->column, "a sequence needs the whole pipeline");
			++*pending;
			continue;
		}
		int rc = run_examples(run, t, passed, failed, pending, error);
		if (rc)
			return rc;
	}
	return 0;
}

int rule_tests_run(const struct rule_tests *t, const struct env *env, struct ruleset *set, diagnostic_fn *tell,
				   void *ctx, uint32_t *passed, uint32_t *failed, uint32_t *pending, struct error *error)
{
	struct test_run run = {.env = env, .tell = tell, .ctx = ctx};
	if (dictionary_init(&run.names, env, 0))
		return error_set(error, ERROR_MEMORY, "no memory for tests of rules");
	run.builder = batch_builder_new(env, &run.names);
	int rc = run.builder ? evaluator_new(env, set, &run.evaluator, error)
						 : error_set(error, ERROR_MEMORY, "no memory for tests of rules");
	if (!rc)
		rc = run_all(&run, t, passed, failed, pending, error);
	evaluator_free(run.evaluator);
	if (run.builder)
		batch_builder_free(run.builder);
	dictionary_free(&run.names);
	return rc;
}

int rules_test(const struct env *env, const char *const *paths, size_t path_count,
			   const struct ruleset_options *options, diagnostic_fn *tell, void *ctx, uint32_t *passed,
			   uint32_t *failed, struct error *error)
{
	struct ruleset *set;
	struct ruleset_counts counts;
	struct rule_tests *tests = NULL;
	uint32_t pending = 0;
	*passed = *failed = 0;
	int rc = ruleset_load(env, paths, path_count, options, tell, ctx, &set, &counts, error);
	if (rc)
		return rc;
	rc = rule_tests_load(env, paths, path_count, set, tell, ctx, &tests, failed, error);
	if (!rc)
		rc = rule_tests_run(tests, env, set, tell, ctx, passed, failed, &pending, error);
	rule_tests_free(tests);
	ruleset_release(set);
	return rc;
}
